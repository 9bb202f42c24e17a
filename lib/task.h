/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.h - everything that takes time is a task: a const table of steps.
 *
 *	static const struct step bid_create[] = {
 *		{ "parse",  bid_create_parse  },
 *		{ "store",  bid_create_store  },
 *		{ "answer", bid_create_answer },
 *		STEP_END
 *	};
 *
 * A step runs to its end and returns
 *	TASK_NEXT  go on with the next step at once,
 *	TASK_WAIT  stop here; the next step runs after task_wake(),
 *	TASK_DONE  finished,
 *	TASK_FAIL  finished; t->err says why.
 * Before TASK_WAIT a step has started exactly one thing: a batch (db.h), a
 * child (proc.h), a call (fetch.h, chan.h) or a timer (task_sleep). That thing
 * ends by task_wake(), which only queues; the queue runs once per turn of the
 * loop. task_jump() is the one way to branch.
 *
 * Every task has a deadline (it fails with ERR_TIMEOUT) and a hop limit.
 * Everything it allocates lives in t->arena and goes with it. When it ends,
 * `done` is called once: a request is answered there, a background task
 * starts again there.
 */
#ifndef GAVEL_TASK_H
#define GAVEL_TASK_H

#include "arena.h"

struct event_base;
struct event;
struct task;

enum next { TASK_NEXT, TASK_WAIT, TASK_DONE, TASK_FAIL };

struct step {
	const char *name;
	enum next (*run)(struct task *t);
};
#define STEP_END                                                                                   \
	{                                                                                          \
		NULL, NULL                                                                         \
	}

/* One event loop per process. */
struct loop {
	struct event_base *base; /* owned */
	struct task *ready;	 /* first in the run queue */
	struct task **ready_end;
	struct event *turn; /* runs the queue */
	unsigned live;	    /* tasks not yet ended */
	bool stopping;
};

struct task {
	unsigned magic;
	const char *name; /* borrowed: static text */
	const struct step *steps;
	const struct step *at;
	struct arena arena;
	struct err err;
	struct loop *loop;
	void *state; /* the caller's struct, in the arena */
	void *owner; /* the caller's context, borrowed */
	void (*done)(struct task *t);
	mono_t deadline; /* 0: none */
	unsigned hops;
	bool queued, waiting, ended;
	struct task *next;   /* in the run queue */
	struct event *timer; /* deadline or sleep */
	bool sleeping;
	bool *died; /* set when the task goes, if not NULL */
};

#define TASK_ARENA_MAX (4 * 1024 * 1024)
#define TASK_HOPS_MAX  100000

/* Ignores SIGPIPE: who does not read what is written to it is an error of that write. */
int loop_init(struct loop *l, struct err *e) mustcheck;
void loop_release(struct loop *l);
/* Until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* A task with `state_size` zeroed bytes in t->state; it runs on the next turn.
 * deadline_us from now; 0: none. */
struct task *task_new(struct loop *l, const char *name, const struct step *steps, size_t state_size,
		      int64_t deadline_us, void (*done)(struct task *t), void *owner);
/* What the task waited for has ended. Harmless when it is not waiting. */
void task_wake(struct task *t);
/* Go on at the step whose function is `run`; returns TASK_NEXT. */
enum next task_jump(struct task *t, enum next (*run)(struct task *t));
/* Wake after us microseconds; returns TASK_WAIT. */
enum next task_sleep(struct task *t, int64_t us);
/* End the task from outside with an error (client gone, shutting down). */
void task_kill(struct task *t, const struct code *code, const char *why);
struct task *task_check(void *p);

/* A `void *` becomes a task again. */
#define AS_TASK(p) task_check(p)

/* A timer that fires again and again: every_us, first after first_us. */
struct timer;
struct timer *
timer_every(struct loop *l, int64_t first_us, int64_t every_us, void (*fn)(void *ctx), void *ctx);
/* Fire at the next turn, and again every_us after that. */
void timer_poke(struct timer *timer);
void timer_free(struct timer *timer);

#endif
