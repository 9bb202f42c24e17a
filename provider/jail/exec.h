/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec.h - a command inside a running container, its ends handed out as
 * descriptors. Part of the jail; see EXEC in jail.h.
 *
 * A minder, in a session of its own, starts the command through the runtime,
 * becomes its parent when the runtime ends, and waits for it. When nobody holds
 * the other end of the status pipe any more, it kills the whole session of the
 * command; what has left that session by setsid() lives as long as the container.
 */
#ifndef GAVEL_EXEC_H
#define GAVEL_EXEC_H

#include "provider/jail/jail.h"

struct exec {
	const char *runc_root, *id;
	const char *dir;	  /* of the container; the minder works there */
	const char *process_path; /* a bundle_process_json(); the minder removes it */
	const char *pid_path;	  /* written by runc; the minder removes it */
	const char *log_path;	  /* runc's own complaints; the minder removes it */
	const char *console;	  /* with a terminal: name of a socket in dir; NULL: pipes */
	uint32_t owner_uid, owner_gid;
};

/* Start it. Pipes: fds are stdin to write, stdout, stderr, status to read. With a
 * terminal fds[0] is a socket that yields the terminal's descriptor, fds[1] and
 * fds[2] are -1. The caller closes them. */
int exec_start(const struct exec *x, int fds[static JAIL_EXEC_FDS], struct err *e) mustcheck;

/* One descriptor over a socket, with a byte; -1: none came. */
int descriptor_send(int socket, int fd);
int descriptor_take(int socket);

#endif
