/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - one question to a workload: does it answer? By HTTP, by a TCP
 * connection, or by a command inside it that ends with 0.
 *
 * Three steps of a task, in this order, none of which fails:
 *	probe_ask, probe_wait, and then p->good is read; p->why says what was seen.
 */
#ifndef GAVEL_PROBE_H
#define GAVEL_PROBE_H

#include "lib/fetch.h"
#include "provider/agent.h"

struct probe {
	struct agent *agent; /* borrowed, as all here */
	const struct check *check;
	struct jail_ref ref; /* for commands */
	const char *address; /* dotted: for http and tcp */
	bool good;
	char why[120];
	/* while it lasts */
	struct fetch fetch;
	struct chan_call call;
	struct jail_exec *exec;
	struct event *on;
	struct task *task;
	int fds[JAIL_EXEC_FDS];
	int32_t status;
	bool deferred; /* its release is the task's */
};

enum next probe_ask(struct task *t, struct probe *p);
enum next probe_wait(struct task *t, struct probe *p);
void probe_read(struct probe *p);

#endif
