/* SPDX-License-Identifier: Apache-2.0 */
/* task.h on a real loop: steps, waking, sleeping, deadlines, killing, jumping. */
#include "lib/task.h"

#include "lib/clock.h"
#include "tests/unit/tap.h"

static struct loop loop;
static char trace[256];	    /* what ran, a letter each */
static struct err last_err; /* of the last task that ended */
static unsigned ended;
static unsigned expected; /* stop the loop after so many ends */

static void
mark(char c)
{
	size_t n = strlen(trace);

	if (n + 1 < sizeof(trace))
		trace[n] = c;
}

static void
on_done(struct task *t)
{
	mark('!');
	last_err = t->err;
	if (++ended == expected)
		loop_stop(&loop);
}

static void
give_up(void *ctx)
{
	(void)ctx;
	mark('?');
	loop_stop(&loop);
}

/* Run until `count` tasks have ended, at most five seconds. */
static void
run(unsigned count)
{
	struct timer *limit = timer_every(&loop, 5 * SECOND_US, 5 * SECOND_US, give_up, NULL);

	expected = count;
	loop.stopping = false;
	loop_run(&loop);
	timer_free(limit);
}

static void
fresh(void)
{
	memset(trace, 0, sizeof(trace));
	last_err = (struct err)ERR_NONE;
	ended = 0;
}

static enum next
step_a(struct task *t)
{
	(void)t;
	mark('a');
	return TASK_NEXT;
}

static enum next
step_b(struct task *t)
{
	(void)t;
	mark('b');
	return TASK_NEXT;
}

static enum next
step_done(struct task *t)
{
	(void)t;
	mark('d');
	return TASK_DONE;
}

static enum next
step_fail(struct task *t)
{
	err_set(&t->err, &ERR_NOT_FOUND, "nothing here");
	return TASK_FAIL;
}

static enum next
step_wait(struct task *t)
{
	(void)t;
	mark('w');
	return TASK_WAIT;
}

static enum next
step_wake_self(struct task *t)
{
	mark('s');
	task_wake(t); /* what it started ended at once */
	return TASK_WAIT;
}

static enum next
step_sleep(struct task *t)
{
	mark('z');
	return task_sleep(t, 20 * MILLI_US);
}

static enum next
step_long_sleep(struct task *t)
{
	mark('z');
	return task_sleep(t, 60 * SECOND_US);
}

static enum next
step_again(struct task *t)
{
	int *left = t->state;

	mark('j');
	return --*left > 0 ? task_jump(t, step_again) : TASK_NEXT;
}

static enum next
step_for_ever(struct task *t)
{
	return task_jump(t, step_for_ever);
}

static enum next
step_greedy(struct task *t)
{
	char *p = arena_alloc(&t->arena, TASK_ARENA_MAX + 1);

	p[0] = 1;
	mark('g');
	return TASK_NEXT;
}

static enum next
step_back(struct task *t)
{
	mark('k');
	return task_jump(t, step_done);
}

static const struct step plain[] = { { "a", step_a }, { "b", step_b }, STEP_END };
static const struct step early[] = {
	{ "a", step_a }, { "done", step_done }, { "b", step_b }, STEP_END
};
static const struct step failing[] = {
	{ "a", step_a }, { "fail", step_fail }, { "b", step_b }, STEP_END
};
static const struct step waiting[] = { { "wait", step_wait }, { "b", step_b }, STEP_END };
static const struct step self[] = { { "self", step_wake_self }, { "b", step_b }, STEP_END };
static const struct step sleeping[] = { { "sleep", step_sleep }, { "b", step_b }, STEP_END };
static const struct step dozing[] = { { "doze", step_long_sleep }, { "b", step_b }, STEP_END };
static const struct step counting[] = {
	{ "a", step_a }, { "again", step_again }, { "b", step_b }, STEP_END
};
static const struct step spinning[] = { { "spin", step_for_ever }, STEP_END };
static const struct step greedy[] = { { "greedy", step_greedy }, { "b", step_b }, STEP_END };
static const struct step backwards[] = {
	{ "a", step_back }, { "b", step_b }, { "d", step_done }, STEP_END
};
static const struct step empty[] = { STEP_END };

static void
test_endings(void)
{
	static const struct {
		const char *what;
		const struct step *steps;
		const char *trace;
		const struct code *code;
	} cases[] = {
		{ "steps run in turn", plain, "ab!", NULL },
		{ "a step may end it", early, "ad!", NULL },
		{ "a step may fail it", failing, "a!", &ERR_NOT_FOUND },
		{ "waking before waiting counts", self, "sb!", NULL },
		{ "a sleep ends", sleeping, "zb!", NULL },
		{ "a jump goes on elsewhere", backwards, "kd!", NULL },
		{ "no steps, no work", empty, "!", NULL },
		{ "a task that spins is ended", spinning, "!", &ERR_TOO_BIG },
		{ "a task that wants too much memory is ended", greedy, "g!", &ERR_TOO_BIG },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		fresh();
		task_new(&loop, "case", cases[i].steps, 8, 0, on_done, NULL);
		is_str(trace, "", "nothing runs before its turn");
		run(1);
		is_str(trace, cases[i].trace, cases[i].what);
		ok(last_err.code == cases[i].code, "%s: with the right error", cases[i].what);
	}
}

static void
test_jump(void)
{
	struct task *t;

	fresh();
	t = task_new(&loop, "jump", counting, sizeof(int), 0, on_done, NULL);
	is_int(*(int *)t->state, 0, "state begins as zero");
	*(int *)t->state = 3;
	run(1);
	is_str(trace, "ajjjb!", "a jump repeats a step");
}

static struct task *sleeper;

static void
wake_twice(void *ctx)
{
	(void)ctx;
	if (ended != 0)
		return;
	mark('1');
	task_wake(sleeper);
	task_wake(sleeper);
	mark('2');
}

static void
test_wake(void)
{
	struct timer *timer;

	fresh();
	sleeper = task_new(&loop, "wake", waiting, 0, 0, on_done, NULL);
	task_wake(sleeper); /* it does not wait yet: harmless */
	timer = timer_every(&loop, 10 * MILLI_US, SECOND_US, wake_twice, NULL);
	run(1);
	timer_free(timer);
	is_str(trace, "w12b!", "waking only queues, and twice is once");
}

static void
test_deadline(void)
{
	mono_t begun;

	fresh();
	begun = clock_mono();
	task_new(&loop, "late", waiting, 0, 30 * MILLI_US, on_done, NULL);
	run(1);
	is_str(trace, "w!", "a deadline ends what nobody wakes");
	ok(last_err.code == &ERR_TIMEOUT && strstr(last_err.text, "out of time") != NULL,
	   "with a timeout: %s", last_err.text);
	ok(clock_mono() - begun >= 30 * MILLI_US, "and not before its time");
	fresh();
	begun = clock_mono();
	task_new(&loop, "doze", dozing, 0, 30 * MILLI_US, on_done, NULL);
	run(1);
	is_str(trace, "z!", "a deadline ends a sleep");
	ok(last_err.code == &ERR_TIMEOUT && clock_mono() - begun < 3 * SECOND_US, "in its time");
	fresh();
	task_new(&loop, "in time", sleeping, 0, 5 * SECOND_US, on_done, NULL);
	run(1);
	is_str(trace, "zb!", "a sleep within the deadline ends by itself");
}

static void
kill_sleeper(void *ctx)
{
	(void)ctx;
	if (ended != 0)
		return;
	task_kill(sleeper, &ERR_UNREACHABLE, "client gone");
	task_kill(sleeper, &ERR_TIMEOUT, "again");
	task_wake(sleeper);
}

static void
test_kill(void)
{
	struct timer *timer;
	bool died = false;
	char spare;

	fresh();
	sleeper = task_new(&loop, "kill", waiting, 0, 0, on_done, NULL);
	sleeper->died = &died;
	arena_defer(&sleeper->arena, give_up, &spare);
	timer = timer_every(&loop, 10 * MILLI_US, SECOND_US, kill_sleeper, NULL);
	run(2); /* the hook of the arena stops the loop */
	timer_free(timer);
	is_str(trace, "w!?", "a killed task is done once, then its memory goes");
	ok(last_err.code == &ERR_UNREACHABLE, "the first reason counts");
	ok(died, "and who asked is told that it is gone");
	is_int(loop.live, 0, "no task is left");
}

static void
test_many(void)
{
	fresh();
	for (int i = 0; i < 50; i++)
		task_new(&loop, "many", i % 2 == 0 ? sleeping : plain, 0, SECOND_US, on_done, NULL);
	is_int(loop.live, 50, "tasks live side by side");
	run(50);
	is_int(ended, 50, "and all end");
	is_int(loop.live, 0, "none is left");
}

static unsigned fired;

static void
on_timer(void *ctx)
{
	(void)ctx;
	if (++fired == 3)
		loop_stop(&loop);
}

static void
test_timer(void)
{
	struct timer *timer = timer_every(&loop, 60 * SECOND_US, 5 * MILLI_US, on_timer, NULL);

	timer_poke(timer);
	run(1);
	timer_free(timer);
	is_int(fired, 3, "a poked timer fires at once, and again and again");
	timer_free(NULL);
}

int
main(void)
{
	struct err e = ERR_NONE;

	if (loop_init(&loop, &e) < 0)
		fatal("%s", e.text);
	test_endings();
	test_jump();
	test_wake();
	test_deadline();
	test_kill();
	test_many();
	test_timer();
	loop_release(&loop);
	return tap_done();
}
