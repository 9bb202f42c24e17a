/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpus.h - the devices of this machine that containers may have: read from the
 * operator's CDI specifications, made into mounts, nodes and variables of a
 * bundle. Part of the jail (jail.h), runs as root. The only door to CDI files.
 *
 * Specifications are *.json and *.yaml in /etc/cdi, /var/run/cdi and the
 * directory of the settings. Whoever can write one says what of the host comes
 * into containers: files and directories that others than root own or can write
 * are refused.
 */
#ifndef GAVEL_GPUS_H
#define GAVEL_GPUS_H

#include "provider/jail/container.h"

/* The edits of each device in c->gpus, in that order. */
int gpus_load(const struct jail_config *c, struct arena *a, struct cdi_edits **out,
	      struct err *e) mustcheck;
/* The call's devices stand once each. Whether they exist gpus_bundle() says: a
 * record must stay readable when the settings have changed. */
int gpus_check(const struct jail_create *call, struct err *e) mustcheck;
/* Variables of the call's devices before those of the process, instead of
 * variables of the same name. */
void gpus_env(const struct jail *j, const struct jail_create *call, struct bundle_process *p);
/* Mounts and nodes, appended to the bundle's. */
int gpus_bundle(const struct jail *j, const struct container *l, struct bundle *b,
		struct err *e) mustcheck;
/* Mount the vendor's files, read-only, below l->dir, and make their mount points. */
int gpus_mount(const struct jail *j, const struct container *l, uint32_t host_id,
	       struct err *e) mustcheck;

#endif
