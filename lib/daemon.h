/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - a program of several processes, readable in its main().
 *
 * The parent opens nothing of the world: it makes the socket pairs, forks the
 * roles, waits. When a role dies unasked the parent ends the others and exits
 * with 1: start-up is cheap, state is durable, and half a daemon is worse than
 * none. SIGTERM and SIGINT end all roles, in order, with a grace time.
 */
#ifndef GAVEL_DAEMON_H
#define GAVEL_DAEMON_H

#include "err.h"

struct role {
	const char *name; /* "market/web": shown in logs and ps */
	const char *user; /* run as this user when started as root; NULL: stay */
	bool keep_root;	  /* only the jail */
	void (*run)(void *ctx, const int *fds); /* never returns */
	void *ctx;
	int fds[8]; /* what it keeps besides stdio; -1 ends the list */
};

/* Fork all and supervise; returns the exit status of the program. */
int daemon_run(const struct role *roles, size_t count);
/* A connected pair of SOCK_SEQPACKET sockets, close-on-exec. */
void daemon_pair(int fds[2]);
/* Set for the process: no core dumps, no ptrace, no_new_privs (unless root is
 * kept), umask 077. daemon_run() does it for every role. */
void daemon_harden(bool keep_root);
/* Become `user` for good; fatal on failure. No-op when not root. */
void daemon_become(const char *user);

#endif
