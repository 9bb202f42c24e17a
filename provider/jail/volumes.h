/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volumes.h - what a container mounts beside its root. Part of the jail
 * (jail.h), runs as root; the verbs that call it are in jail.c.
 *
 *	DISK	a directory of the container's own disk: dir/disk/volumes/<name>
 *	RAM	a tmpfs of its size, counted against the container's memory
 *	VOLUME	<class's directory>/<id>-<name>/disk.img, an ext4 file system on
 *		a loop device of its own: dir/raw-N, and its directory "data"
 *		again on dir/mount-N with the owners shifted. Where the class has
 *		a directory of its own on a file system that enforces project
 *		quotas, <id>-<name>/data is a directory with a quota instead
 *
 * On the disk a persistent volume belongs to the ids of images (image_uid_base
 * and up), whichever slot the container has that writes it, so its files
 * survive the next start in another one. A container has it alone. It is made
 * whole or not at all, and once: state_dir/made/<id>-<name> says that it was, until
 * it is dropped, so that a disk which is not mounted is not taken for a new one.
 *
 * The top of each belongs to the user that the workload runs as: without
 * capabilities nobody inside could hand it over. Mount points are walked and made
 * in the merged tree before the runtime sees it.
 */
#ifndef GAVEL_VOLUMES_H
#define GAVEL_VOLUMES_H

#include "provider/jail/container.h"

extern const struct code VOLUME_OTHER; /* it exists with another size */
extern const struct code VOLUME_LOST;  /* made once, and now it is not there */

bool jail_volume_is_good(const struct jail *j, const struct jail_volume *v);
int volumes_check(const struct jail_create *call, struct err *e) mustcheck;
/* The binds of the call's mounts, appended to the bundle's; t is where the
 * paths begin. */
int volumes_bundle(const struct jail *j, const struct container *l, struct jail_text *t,
		   struct bundle *b, struct err *e) mustcheck;
/* Make what is missing and mount all of it below l->dir. b has the binds of
 * volumes_bundle(), first. */
int volumes_mount(const struct jail *j, const struct container *l, const struct bundle *b,
		  struct err *e) mustcheck;
/* After everything below l->dir is unmounted: no loop device is left. */
int volumes_settle(const struct jail *j, const struct container *l, struct err *e) mustcheck;
/* Whether the container mounts it. */
bool volume_is_of(const struct container *l, const struct jail_volume *v);
/* What was being removed when the jail ended. */
void volumes_clean(const struct jail *j);
/* Remove it and all in it; it must not be in use. Missing is fine. */
int volume_drop(const struct jail *j, const struct jail_volume *v, struct err *e) mustcheck;

#endif
