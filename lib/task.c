/* SPDX-License-Identifier: Apache-2.0 */
#include "task.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/time.h>

#include "clock.h"
#include "log.h"

#define TASK_MAGIC 0x7461736bu

static struct timeval
timeval_of(int64_t us)
{
	us = MAX(us, 0);
	return (struct timeval){ .tv_sec = us / SECOND_US, .tv_usec = us % SECOND_US };
}

/* ------------------------------------------------------------------ */
/* The loop and its run queue.                                         */

static void loop_turn(evutil_socket_t fd, short what, void *arg);

int
loop_init(struct loop *l, struct err *e)
{
	struct event_config *config = event_config_new();

	signal(SIGPIPE, SIG_IGN);
	*l = (struct loop){ .ready = NULL };
	if (config == NULL)
		fatal("out of memory");
	/* Half the epoll_ctl calls; safe because no descriptor is dup()ed. */
	event_config_set_flag(config,
			      EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK);
	l->base = event_base_new_with_config(config);
	event_config_free(config);
	if (l->base == NULL)
		return err_errno(e, "event loop");
	l->ready_end = &l->ready;
	l->turn = event_new(l->base, -1, 0, loop_turn, l);
	if (l->turn == NULL)
		fatal("out of memory");
	return 0;
}

void
loop_release(struct loop *l)
{
	if (l->turn != NULL)
		event_free(l->turn);
	if (l->base != NULL)
		event_base_free(l->base);
	*l = (struct loop){ .ready = NULL };
}

void
loop_run(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void
loop_stop(struct loop *l)
{
	l->stopping = true;
	event_base_loopbreak(l->base);
}

static void
task_queue(struct task *t)
{
	struct loop *l = t->loop;

	if (t->queued)
		return;
	t->queued = true;
	t->next = NULL;
	if (l->ready == NULL)
		event_active(l->turn, EV_TIMEOUT, 0);
	*l->ready_end = t;
	l->ready_end = &t->next;
}

/* ------------------------------------------------------------------ */
/* Tasks.                                                              */

struct task *
task_check(void *p)
{
	struct task *t = p;

	assert(t != NULL && t->magic == TASK_MAGIC);
	return t;
}

static void
task_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct task *t = AS_TASK(arg);

	(void)fd;
	(void)what;
	if (t->sleeping && (t->deadline == 0 || clock_mono() < t->deadline)) {
		t->sleeping = false;
		task_wake(t);
		return;
	}
	task_kill(t, &ERR_TIMEOUT,
		  arena_printf(&t->arena, "out of time at the step %s",
			       t->at != NULL && t->at->name != NULL ? t->at->name : "waiting"));
}

static void
task_arm(struct task *t)
{
	struct timeval tv;

	if (t->deadline == 0) {
		event_del(t->timer);
		return;
	}
	tv = timeval_of(t->deadline - clock_mono());
	event_add(t->timer, &tv);
}

struct task *
task_new(struct loop *l, const char *name, const struct step *steps, size_t state_size,
	 int64_t deadline_us, void (*done)(struct task *t), void *owner)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->magic = TASK_MAGIC;
	t->name = name;
	t->steps = t->at = steps;
	t->loop = l;
	t->done = done;
	t->owner = owner;
	arena_init(&t->arena, TASK_ARENA_MAX);
	if (state_size != 0)
		t->state = arena_alloc(&t->arena, state_size);
	t->timer = event_new(l->base, -1, 0, task_on_timer, t);
	if (t->timer == NULL)
		fatal("out of memory");
	if (deadline_us != 0)
		t->deadline = clock_mono() + deadline_us;
	task_arm(t);
	l->live++;
	task_queue(t);
	return t;
}

static void
task_free(struct task *t)
{
	if (t->died != NULL)
		*t->died = true;
	event_free(t->timer);
	arena_release(&t->arena);
	t->magic = 0;
	free(t);
}

/* Call done once; the memory goes when the task is next out of the queue. */
static void
task_end(struct task *t)
{
	if (t->ended)
		return;
	t->ended = true;
	t->waiting = false;
	event_del(t->timer);
	t->loop->live--;
	if (t->err.code != NULL)
		log_debug("task.failed", "task=%s step=%s code=%s error=\"%s\"", t->name,
			  t->at != NULL && t->at->name != NULL ? t->at->name : "-",
			  t->err.code->name, t->err.text);
	if (t->done != NULL)
		t->done(t);
	task_queue(t);
}

void
task_kill(struct task *t, const struct code *code, const char *why)
{
	if (t->ended)
		return;
	if (t->err.code == NULL)
		err_set(&t->err, code, "%s: %s", t->name, why);
	task_end(t);
}

void
task_wake(struct task *t)
{
	AS_TASK(t);
	if (!t->waiting || t->ended)
		return;
	t->waiting = false;
	task_queue(t);
}

enum next
task_jump(struct task *t, enum next (*run)(struct task *t))
{
	for (const struct step *s = t->steps; s->run != NULL; s++)
		if (s->run == run) {
			t->at = s - 1; /* TASK_NEXT goes one further */
			return TASK_NEXT;
		}
	fatal("task %s: jump to a step it does not have", t->name);
}

enum next
task_sleep(struct task *t, int64_t us)
{
	struct timeval tv;

	if (t->deadline != 0)
		us = MIN(us, t->deadline - clock_mono());
	tv = timeval_of(us);
	t->sleeping = true;
	event_add(t->timer, &tv);
	return TASK_WAIT;
}

/* Steps until the task waits or ends. */
static void
task_run(struct task *t)
{
	enum next next;

	t->sleeping = false;
	task_arm(t);
	for (;;) {
		if (++t->hops > TASK_HOPS_MAX) {
			task_kill(t, &ERR_TOO_BIG, "too many steps");
			return;
		}
		if (t->arena.over) {
			task_kill(t, &ERR_TOO_BIG, "the request needs too much memory");
			return;
		}
		if (t->at->run == NULL) {
			task_end(t);
			return;
		}
		t->waiting = true;
		next = t->at->run(t);
		if (t->ended)
			return;
		if (next != TASK_WAIT)
			t->waiting = false;
		switch (next) {
		case TASK_NEXT: t->at++; break;
		case TASK_WAIT: t->at++; return;
		case TASK_FAIL:
			assert(t->err.code != NULL);
			task_end(t);
			return;
		case TASK_DONE: task_end(t); return;
		}
	}
}

static void
loop_turn(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct task *batch = l->ready, *t;

	(void)fd;
	(void)what;
	l->ready = NULL;
	l->ready_end = &l->ready;
	while ((t = batch) != NULL) {
		batch = t->next;
		t->queued = false;
		if (t->ended)
			task_free(t);
		else
			task_run(t);
	}
}

/* ------------------------------------------------------------------ */
/* Repeating timers.                                                   */

struct timer {
	struct event *ev;
	int64_t every_us;
	void (*fn)(void *ctx);
	void *ctx;
};

static void
timer_fire(evutil_socket_t fd, short what, void *arg)
{
	struct timer *timer = arg;
	struct timeval tv = timeval_of(timer->every_us);

	(void)fd;
	(void)what;
	event_add(timer->ev, &tv);
	timer->fn(timer->ctx);
}

struct timer *
timer_every(struct loop *l, int64_t first_us, int64_t every_us, void (*fn)(void *ctx), void *ctx)
{
	struct timer *timer = xcalloc(1, sizeof(*timer));
	struct timeval tv = timeval_of(first_us);

	timer->every_us = every_us;
	timer->fn = fn;
	timer->ctx = ctx;
	timer->ev = event_new(l->base, -1, 0, timer_fire, timer);
	if (timer->ev == NULL)
		fatal("out of memory");
	event_add(timer->ev, &tv);
	return timer;
}

void
timer_poke(struct timer *timer)
{
	struct timeval now = { 0, 0 };

	event_add(timer->ev, &now);
}

void
timer_free(struct timer *timer)
{
	if (timer == NULL)
		return;
	event_free(timer->ev);
	free(timer);
}
