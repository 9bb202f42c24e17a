/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h - a directory that holds at most so many bytes: project quotas of xfs
 * and ext4 (mounted with prjquota). Runs as root in the jail. The only door to
 * quotactl.
 */
#ifndef GAVEL_QUOTA_H
#define GAVEL_QUOTA_H

#include "lib/err.h"

/* Whether the file system of dir enforces project quotas now. */
bool quota_possible(const char *dir);
/* What is made in the empty directory from now on counts towards a project of
 * its own, with a hard limit; read back before it is believed. */
int quota_set(const char *dir, uint64_t bytes, struct err *e) mustcheck;
/* The limit of the directory's project, and what it has; false: it has none. */
bool quota_read(const char *dir, uint64_t *limit, uint64_t *used);

#endif
