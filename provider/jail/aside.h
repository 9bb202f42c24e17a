/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aside.h - a piece of the jail's work in a process of its own, beside the rest:
 * what takes milliseconds and does not depend on what is done meanwhile. It
 * holds no descriptor of the jail's and dies with it. Knows nothing of containers.
 */
#ifndef GAVEL_ASIDE_H
#define GAVEL_ASIDE_H

#include <sys/types.h>

#include "lib/err.h"

struct aside {
	pid_t pid;
	int fd; /* its struct err, when it has failed */
};

/* run(arg) begins. Every aside that has begun must end, by one of these two. */
int aside_begin(struct aside *s, int (*run)(void *arg, struct err *e), void *arg,
		struct err *e) mustcheck;
/* Wait until it is done; its failure is ours. */
int aside_end(struct aside *s, struct err *e) mustcheck;
/* For work without an end. */
void aside_kill(struct aside *s);

#endif
