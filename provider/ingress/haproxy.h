/* SPDX-License-Identifier: Apache-2.0 */
/*
 * haproxy.h - the door to HAProxy: starting it, and asking it over its runtime
 * socket. What is said there is others' business (routes.h, certs.h).
 *
 * It is not a child: it goes into the background and outlives the agent, as the
 * workloads do, so that their host names work while the agent is away. It is
 * never reloaded. A change of its configuration (`mark`) ends and begins it.
 */
#ifndef GAVEL_HAPROXY_H
#define GAVEL_HAPROXY_H

#include "lib/proc.h"

extern const struct code HAPROXY_AWAY; /* nobody answers on the socket */

struct haproxy_call {
	const char *text; /* one line of commands, or one command with a payload */
	/* results */
	struct err err; /* code NULL: answered */
	char *out;	/* in the task's arena */
	size_t out_len;
};

/* Ask in a step, read in the next. */
enum next haproxy_ask(struct task *t, const char *dir, struct haproxy_call *call);
/* The answer to "show info": its pid, 0 when it does not say; whether its
 * description is the mark. */
long haproxy_pid(const char *info, const char *mark, bool *same);

/* Write `config` and what it refers to into dir, in a step; its own certificate
 * is made for `name`. */
int haproxy_prepare(struct arena *a, const char *dir, const char *config, const char *name,
		    struct err *e) mustcheck;
/* Start it in a step; proc_check() in the next. */
enum next haproxy_start(struct task *t, const char *dir, struct proc *p);
/* For clean-up: end the one whose socket is in dir, if it runs. */
void haproxy_end(const char *dir);

#endif
