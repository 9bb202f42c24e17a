/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm.h - AppArmor, on hosts whose kernel has it: the profile of
 * deploy/apparmor.h given to the kernel, once at start. Runs as root.
 */
#ifndef GAVEL_LSM_H
#define GAVEL_LSM_H

#include "lib/err.h"

/* Whether the kernel has it switched on. */
bool lsm_enabled(void);
/* Load the profile, replacing an older one of ours; nothing to do where the
 * kernel has no AppArmor. */
int lsm_load(struct err *e) mustcheck;
/* The profile a container must name, or NULL. */
const char *lsm_profile(void);
/* The same, of another file than the kernel's: for tests. */
bool lsm_enabled_in(const char *path);

#endif
