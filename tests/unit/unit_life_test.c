/* SPDX-License-Identifier: Apache-2.0 */
/* unit_life_test.c - restarts, pauses and checks of one container, on a clock of
 * the test's own. */
#include "provider/run/unit_life.h"

#include "tap.h"

#define S SECOND_US

static void
test_pauses(void)
{
	static const struct {
		uint32_t in_row;
		int64_t seconds;
	} cases[] = { { 0, 0 }, { 1, 0 },  { 2, 1 },  { 3, 2 },	 { 4, 4 },
		      { 5, 8 }, { 7, 32 }, { 8, 60 }, { 9, 60 }, { UINT32_MAX, 60 } };

	for (size_t i = 0; i < NELEMS(cases); i++)
		is_int(unit_pause(cases[i].in_row) / S, cases[i].seconds,
		       "the pause after that many ends in a row");
}

/* When a container that ends `after` seconds is started again. */
static void
test_row(void)
{
	static const int64_t pauses[] = { 0, 1, 2, 4, 8, 16, 32, 60, 60 };
	struct service s = { .name = "web" };
	struct unit_life u = { .state = UNIT_UNKNOWN };
	mono_t now = 1000 * S;

	for (size_t i = 0; i < NELEMS(pauses); i++) {
		unit_began(&u, now);
		now += S;
		unit_ended(&u, &s, 1, false, now);
		if (pauses[i] > 0)
			is_int(unit_want(&u, UNIT_LIVE, now + pauses[i] * S - 1), UNIT_NOTHING,
			       "not before its pause is over");
		now += pauses[i] * S;
		is_int(unit_want(&u, UNIT_LIVE, now), UNIT_UP, "then it is started again");
	}
	unit_began(&u, now);
	now += 60 * S;
	unit_ended(&u, &s, 1, false, now);
	is_int(unit_want(&u, UNIT_LIVE, now), UNIT_UP, "after a minute a new row begins");
	is_int(u.restarts, 10, "all are counted");
}

static void
test_policy(void)
{
	static const struct {
		const char *restart;
		int exit_code;
		enum unit_state state;
	} cases[] = {
		{ NULL, 0, UNIT_EXITED },	    { NULL, 1, UNIT_EXITED },
		{ "on-failure", 0, UNIT_FINISHED }, { "on-failure", 1, UNIT_EXITED },
		{ "never", 0, UNIT_FINISHED },	    { "never", 137, UNIT_FINISHED },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct service s = { .name = "job", .restart = cases[i].restart };
		struct unit_life u = { .state = UNIT_UNKNOWN };

		unit_began(&u, 10 * S);
		unit_ended(&u, &s, cases[i].exit_code, false, 20 * S);
		is_int(u.state, cases[i].state,
		       cases[i].restart != NULL ? cases[i].restart : "always");
		is_int(unit_want(&u, UNIT_LIVE, 1000 * S),
		       u.state == UNIT_FINISHED ? UNIT_NOTHING : UNIT_UP, "what follows");
	}
}

static void
test_roles(void)
{
	struct service s = { .name = "web" };
	struct unit_life u = { .state = UNIT_UNKNOWN };

	is_int(unit_want(&u, UNIT_NONE, S), UNIT_NOTHING, "no unit, no wish");
	is_int(unit_want(&u, UNIT_COMING, S), UNIT_UP, "a new one comes up");
	unit_failed(&u, 2 * S);
	is_int(unit_want(&u, UNIT_COMING, 1000 * S), UNIT_NOTHING, "and is tried once");
	is_int(unit_want(&u, UNIT_LIVE, 1000 * S), UNIT_UP, "where a live one goes on trying");
	unit_began(&u, 3 * S);
	is_int(unit_want(&u, UNIT_LIVE, 4 * S), UNIT_NOTHING, "what runs is left alone");
	is_int(unit_want(&u, UNIT_GOING, 4 * S), UNIT_DOWN, "what is to go goes");
	unit_failed(&u, 4 * S);
	unit_failed(&u, 5 * S);
	unit_failed(&u, 6 * S);
	is_int(unit_want(&u, UNIT_GOING, 7 * S), UNIT_NOTHING, "what stays is left for a while");
	is_int(unit_want(&u, UNIT_GOING, 10 * S), UNIT_DOWN, "and tried again");
	u.state = UNIT_WORKING;
	is_int(unit_want(&u, UNIT_GOING, 4 * S), UNIT_NOTHING, "one task at a time");
	unit_began(&u, 5 * S);
	unit_ended(&u, &s, 0, false, 6 * S);
	is_int(unit_want(&u, UNIT_COMING, 1000 * S), UNIT_NOTHING, "an update that ended ended");
}

static void
test_checks(void)
{
	struct check checks[2] = {
		{ .use = "ready", .kind = "tcp", .failures = 2 },
		{ .use = "health", .kind = "tcp", .failures = 3, .grace_s = 30 },
	};
	struct service s = { .name = "web", .checks = { checks, 2 } };
	struct unit_life u = { .state = UNIT_UNKNOWN };

	unit_began(&u, 100 * S);
	unit_checked(&u, &s, 0, true, 101 * S);
	ok(u.ready && u.was_ready, "ready at the first good answer");
	unit_checked(&u, &s, 0, false, 102 * S);
	ok(u.ready, "one bad answer is not enough");
	unit_checked(&u, &s, 0, false, 103 * S);
	ok(!u.ready && u.was_ready && !u.ill, "two are: no traffic, and no restart");
	unit_checked(&u, &s, 0, true, 104 * S);
	ok(u.ready, "and back");
	for (int i = 0; i < 9; i++)
		unit_checked(&u, &s, 1, false, 110 * S);
	ok(!u.ill, "in the time of grace nothing counts");
	unit_checked(&u, &s, 1, false, 130 * S);
	unit_checked(&u, &s, 1, false, 131 * S);
	unit_checked(&u, &s, 1, true, 132 * S);
	unit_checked(&u, &s, 1, false, 133 * S);
	unit_checked(&u, &s, 1, false, 134 * S);
	ok(!u.ill, "in a row means in a row");
	unit_checked(&u, &s, 1, false, 135 * S);
	ok(u.ill, "ill");
	is_int(unit_want(&u, UNIT_LIVE, 135 * S), UNIT_DOWN, "it is taken down");
	unit_removed(&u, false, 136 * S);
	ok(!u.ready && !u.ill, "and forgotten");
	is_int(unit_want(&u, UNIT_LIVE, 136 * S), UNIT_UP, "and up again, after its pause");
}

/* Ill and never to be started again; and what was found when we began. */
static void
test_for_good(void)
{
	struct check check = { .use = "health", .kind = "tcp", .failures = 1 };
	struct service s = { .name = "job", .restart = "never", .checks = { &check, 1 } };
	struct unit_life u = { .state = UNIT_UNKNOWN, .exit_code = -1 };

	ok(unit_is_news(&u), "nobody has looked");
	unit_began(&u, 10 * S);
	ok(!unit_is_news(&u), "now somebody has");
	unit_checked(&u, &s, 0, false, 11 * S);
	is_int(unit_want(&u, UNIT_LIVE, 11 * S), UNIT_DOWN, "a job that is ill is taken down");
	unit_removed(&u, true, 12 * S);
	is_int(u.state, UNIT_FINISHED, "and has finished");
	is_int(unit_want(&u, UNIT_LIVE, 1000 * S), UNIT_NOTHING, "for good");
	ok(!unit_is_news(&u) && !u.ill, "which is known");
	unit_began(&u, 20 * S);
	unit_removed(&u, true, 21 * S);
	is_int(unit_want(&u, UNIT_LIVE, 22 * S), UNIT_UP,
	       "one that was well was taken down for another reason, and comes back");
}

/* The lease is paused: everything goes down, once, and nothing comes up. */
static void
test_paused(void)
{
	struct unit_life u = { .state = UNIT_UNKNOWN, .exit_code = -1 };

	is_int(unit_want_paused(&u, UNIT_LIVE, S), UNIT_DOWN,
	       "nobody knows whether it runs: it is taken down");
	u.state = UNIT_WORKING;
	is_int(unit_want_paused(&u, UNIT_LIVE, S), UNIT_NOTHING, "somebody is at it");
	unit_began(&u, 10 * S);
	is_int(unit_want_paused(&u, UNIT_LIVE, 11 * S), UNIT_DOWN, "it runs: down");
	unit_removed(&u, false, 12 * S);
	is_int(unit_want_paused(&u, UNIT_LIVE, 13 * S), UNIT_NOTHING, "it is gone");
	is_int(unit_want_paused(&u, UNIT_LIVE, 9999 * S), UNIT_NOTHING, "and stays so");
	is_int(unit_want(&u, UNIT_LIVE, 13 * S), UNIT_UP, "until the pause is over");
	u.state = UNIT_EXITED;
	is_int(unit_want_paused(&u, UNIT_LIVE, 14 * S), UNIT_DOWN, "what is left of it goes");
	u.state = UNIT_FINISHED;
	is_int(unit_want_paused(&u, UNIT_LIVE, 14 * S), UNIT_NOTHING,
	       "what has finished is let be");
	u = (struct unit_life){ .state = UNIT_FAILED, .in_row = 3, .ended_at = 20 * S };
	is_int(unit_want_paused(&u, UNIT_LIVE, 21 * S), UNIT_NOTHING, "what failed waits its turn");
	is_int(unit_want_paused(&u, UNIT_LIVE, 22 * S), UNIT_DOWN, "and is tried again");
	is_int(unit_want_paused(&u, UNIT_NONE, 22 * S), UNIT_NOTHING, "a free entry is nothing");
}

int
main(void)
{
	test_paused();
	test_pauses();
	test_row();
	test_policy();
	test_roles();
	test_checks();
	test_for_good();
	return tap_done();
}
