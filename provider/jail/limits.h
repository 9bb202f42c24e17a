/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - what the kernel counts per user, for workloads. A user namespace's
 * inotify instances and watches are counted a second time for the user who made
 * the namespace, which is the host's root: without a limit of its own, one
 * workload uses up what all others and the host's own services have together.
 *
 * Runs as root in the jail.
 */
#ifndef GAVEL_LIMITS_H
#define GAVEL_LIMITS_H

#include "lib/err.h"

#define LIMITS_INSTANCES 128u	/* inotify, of one workload */
#define LIMITS_WATCHES	 65536u /* these cost memory, and it is the workload's */

/* Limits of the user namespace in which process `pid` is. */
int limits_inside(int32_t pid, struct err *e) mustcheck;
/* Room on this host for that many workloads: its limits are raised where they are
 * lower, and stay so. `sys`: normally /proc/sys. */
int limits_host(const char *sys, uint32_t workloads, struct err *e) mustcheck;

#endif
