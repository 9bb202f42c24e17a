/* SPDX-License-Identifier: Apache-2.0 */
/* Until when a deposit lasts: after a pause, throttled, with an old reading; and what
 * is told of it. */
#include "lease/lasting.h"

#include "tests/unit/tap.h"

#define DAY ((int64_t)24 * 3600)

/* Rates in whole units a second. */
struct ends {
	const char *what;
	u128 deposit, due;
	int64_t read, ran;
	uint32_t rate, base;
	enum dues state;
	int64_t now;
	int64_t at, at_use;
};

static const struct ends cases[] = {
	{ "nothing used yet", 1000, 0, 5000, 0, 1, 1, DUES_RUN, 5000, 6000, 0 },
	{ "half used at the full rate", 1000, 500, 5500, 500, 1, 1, DUES_RUN, 5500, 6000, 6000 },
	{ "a reading that is 100 s old", 1000, 500, 5500, 500, 1, 1, DUES_RUN, 5600, 6000, 6000 },
	{ "half of the rate used", 1000, 500, 6000, 1000, 1, 0, DUES_RUN, 6000, 6500, 7000 },
	{ "after a pause: its reading is of now, its time not in what ran", 1000, 500, 90000, 500,
	  1, 1, DUES_RUN, 90000, 90500, 90500 },
	{ "in a pause nothing ends", 1000, 1000, 6000, 1000, 1, 1, DUES_PAUSE, 7000, 0, 0 },
	{ "topped up, and waiting for room", 2000, 1000, 6000, 1000, 1, 1, DUES_PAUSE, 7000, 0, 0 },
	{ "ended", 1000, 10, 6000, 1000, 1, 1, DUES_END, 7000, 0, 0 },
	{ "throttled: at the base", 1000, 500, 6000, 500, 4, 2, DUES_THROTTLE, 6000, 6250, 0 },
	{ "throttled without a base: never", 1000, 500, 6000, 500, 4, 0, DUES_THROTTLE, 6000, 0,
	  0 },
	{ "used up since the reading: now", 1000, 900, 6000, 900, 1, 1, DUES_RUN, 9000, 9000,
	  9000 },
	{ "more due than there is", 1000, 1100, 6000, 900, 1, 1, DUES_RUN, 6000, 6000, 6000 },
	{ "use rounded up is no use before the full rate", 1000, 501, 5500, 500, 1, 1, DUES_RUN,
	  5500, 5999, 5999 },
	{ "hardly used: beyond any clock", (u128)1 << 95, 1, 6000, 1000000, 1, 0, DUES_RUN, 6000, 0,
	  0 },
	{ "the largest deposit at a rate to match", AMOUNT_MAX, AMOUNT_MAX / 2, 6000, 2, UINT32_MAX,
	  0, DUES_RUN, 6000, 0, 0 },
	{ "rate 0", 1000, 0, 6000, 0, 0, 0, DUES_RUN, 6000, 0, 0 },
	{ "time that is no time", 1000, 500, 6000, -5, 1, 1, DUES_RUN, 6000, 6500, 0 },
};

static void
test_ends(void)
{
	for (size_t i = 0; i < NELEMS(cases); i++) {
		const struct ends *x = &cases[i];
		struct lasting_facts f = { .deposit = { x->deposit },
					   .due = { x->due },
					   .read = x->read,
					   .ran = x->ran,
					   .rate = { (u128)x->rate * RATE_UNIT },
					   .base = { (u128)x->base * RATE_UNIT },
					   .state = x->state,
					   .now = x->now };
		struct lasting got = lasting_of(&f);

		is_int(got.at, x->at, x->what);
		is_int(got.at_use, x->at_use, "  by its use");
	}
}

static void
test_warnings(void)
{
	static const struct {
		int64_t lasts_s;
		const char *text; /* NULL: none */
		unsigned level;
	} ways[] = {
		{ 7 * DAY + 1, NULL, 0 }, { 7 * DAY, "7 days", 1 }, { DAY + 1, "7 days", 1 },
		{ DAY, "1 day", 2 },	  { 3601, "1 day", 2 },	    { 3600, "1 hour", 3 },
		{ 0, "1 hour", 3 },
	};

	for (size_t i = 0; i < NELEMS(ways); i++) {
		unsigned level = 9;
		const char *text = lasting_warning(ways[i].lasts_s, &level);

		is_str(text != NULL ? text : "none", ways[i].text != NULL ? ways[i].text : "none",
		       "what is warned of");
		is_int(level, ways[i].level, "its level");
	}
}

static void
test_told_once(void)
{
	/* 7 days, the same, 1 day, 1 hour, the same; topped up to 7 days; to more; 7 days. */
	static const unsigned levels[] = { 0, 1, 1, 2, 3, 3, 1, 1, 2, 0, 1 };
	static const bool tells[] = { false, true,  false, true,  true, false,
				      false, false, true,  false, true };
	unsigned told = 0;

	for (size_t i = 0; i < NELEMS(levels); i++)
		is_int(lasting_tells(&told, levels[i]), tells[i], "each level once");
}

int
main(void)
{
	test_ends();
	test_warnings();
	test_told_once();
	return tap_done();
}
