/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.h - child processes: no shell, no inherited descriptors.
 *
 * argv[0] is looked up in PATH. Output beyond out_max bytes is dropped. A child
 * that outlives its time is killed with its whole process group.
 */
#ifndef GAVEL_PROC_H
#define GAVEL_PROC_H

#include "task.h"

extern const struct code PROC_FAILED; /* the child ended with a non-zero status */

struct proc {
	const char *const *argv; /* NULL-ended */
	const char *const *env;	 /* NULL: PATH and HOME only; "NAME=value", NULL-ended */
	const char *dir;	 /* NULL: / */
	const char *input;	 /* NULL: none */
	size_t input_len;
	int64_t timeout_us; /* 0: 60 s */
	size_t out_max;	    /* 0: 64 KiB */
	/* Runs in the child between fork and exec; non-zero ends it with 126. */
	int (*before_exec)(void *arg);
	void *before_exec_arg;
	/* results */
	int status;	 /* exit status, or 128 + signal */
	char *out, *err; /* NUL-ended, in the arena */
	size_t out_len, err_len;
};

/* Start in a step; returns TASK_WAIT. Failure to start shows as status 127. */
enum next proc_start(struct task *t, struct proc *p);
/* Start and wait, for the command line, start-up and the jail. */
int proc_now(struct arena *a, struct proc *p, struct err *e) mustcheck;
/* -1 with the last line of its stderr unless the child ended with 0. */
int proc_check(const struct proc *p, struct err *e) mustcheck;

#endif
