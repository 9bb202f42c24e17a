/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.h - files into and out of a running container, without a program of
 * its image. Part of the jail; see FILES in jail.h.
 *
 * A child of the jail joins the container's cgroups, so that what it uses and
 * writes is the tenant's, then its user and mount namespaces: its root is the
 * container's, symbolic links cannot lead out of it, and its rights are those
 * of root inside, which is nobody outside. A filter then refuses new code
 * (mapping anything executable, exec): libraries that the C library might look
 * for would be the image's. Whatever it makes belongs to the workload's user.
 */
#ifndef GAVEL_ARCHIVE_H
#define GAVEL_ARCHIVE_H

#include "provider/jail/cgroup.h"
#include "provider/jail/jail.h"

struct archive_job {
	bool put;
	const char *path; /* inside */
	uint64_t bytes_max;
	int32_t pid; /* a process of the container, and its start */
	uint64_t start;
	const struct cgroup *cgroup;
	uint32_t uid, gid; /* inside */
};

/* fds as of exec_start(): the tar goes in at stdin or comes out of stdout, words
 * for people out of stderr, then a status: kind_exit_status() of what failed. */
int archive_start(const struct archive_job *job, int fds[static JAIL_EXEC_FDS],
		  struct err *e) mustcheck;

#endif
