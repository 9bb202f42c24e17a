/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h - what the agent sees of its leases and containers at this moment. In
 * memory only: after a restart everything is UNIT_UNKNOWN, and is looked at.
 */
#ifndef GAVEL_LIVE_H
#define GAVEL_LIVE_H

#include "lib/task.h"
#include "provider/run/unit_life.h"

struct agent;

struct unit {
	struct unit_life life;
	struct task *task;  /* that brings it up or takes it down */
	char why[200];	    /* what went wrong last, or "" */
	bool exited;	    /* while a task worked on it */
	bool slow, slowing; /* it was to be throttled; a task does that, or the reverse */
	uint32_t cpu_milli; /* that it has; 0: not known */
	bool instead;	    /* it goes down to come up as the next version */
	int watch;	    /* of its exit, see exits.h; -1: none */
	mono_t check_due[SERVICE_CHECKS_MAX];
	struct task *checking[SERVICE_CHECKS_MAX];
};

struct live {
	struct live *next;
	struct hash lease;
	bool opened;			  /* our own look at the chain showed the deposit locked */
	bool opening;			  /* a task asks */
	bool halted;			  /* it is being closed: nothing is brought up again */
	bool paused;			  /* at the last look */
	bool deposit_asking, deposit_due; /* the chain is asked; is to be, at once */
	mono_t deposit_at;		  /* when it was; 0: never */
	struct unit units[WORK_UNITS_MAX];
};

/* Made when it is not there. */
struct live *live_of(struct agent *g, const struct hash *lease) mustcheck;
/* NULL when it is not there. */
struct live *live_find(const struct agent *g, const struct hash *lease) mustcheck;
/* Forget the lease: its tasks are ended. */
void live_drop(struct agent *g, const struct hash *lease);
/* The tasks of all its units end; what they had begun is undone by whoever looks
 * next. */
void live_halt(struct live *l);
/* Traffic may go to this unit. */
bool live_takes_traffic(const struct agent *g, const struct work *w, uint32_t unit) mustcheck;

#endif
