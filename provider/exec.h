/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec.h - a command inside a running container, its ends handed out as
 * descriptors. Part of the jail; see EXEC in jail.h.
 */
#ifndef GAVEL_EXEC_H
#define GAVEL_EXEC_H

#include "lib/arena.h"

struct exec {
	const char *runc_root, *id;
	const char *process_path; /* a bundle_process_json(); the minder removes it */
	const char *pid_path;	  /* written by runc; the minder removes it */
	uint32_t owner_uid, owner_gid;
};

/* Start it; fds: stdin to write, stdout, stderr, status to read. The caller
 * closes them. */
int exec_start(const struct exec *x, int fds[static 4], struct err *e) mustcheck;

#endif
