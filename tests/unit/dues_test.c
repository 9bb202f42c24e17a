/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a lease by what is paid for: a table, and what it costs. */
#include "lease/dues.h"

#include "tests/unit/tap.h"

#define S     SECOND_US
#define BEGAN (1000 * S)

static const struct spells none;

/* One unit a second, a part of it without a signature. */
static struct price_lease
price_of(uint32_t deposit, bool metered)
{
	return (struct price_lease){
		.rate = { RATE_UNIT },
		.base = { metered ? RATE_UNIT / 4 : RATE_UNIT },
		.card = { .cpu_milli = { 1 } },
		.reserved = { .cpu_milli = 1000 },
		.deposit = { deposit },
		.billing = metered ? BILLING_METERED : BILLING_RESERVED,
	};
}

/* Times are seconds since the beginning. */
struct state {
	const char *what;
	bool metered;
	uint32_t now, deposit, cpu_s; /* cpu_s: used of the one CPU */
	enum dues state;
	uint32_t since;
	uint32_t signed_for, signed_to; /* 0: nothing */
	bool stopped;
	uint32_t seen;
	enum dues want;
	uint32_t at;
};

/* Kept for 50 s; 30 s without a signature; asked every 2 s. */
static const struct state table[] = {
	{ "it runs", 0, 99, 100, 0, DUES_RUN, 0, 0, 0, 0, 0, DUES_RUN, 0 },
	{ "used up: it pauses", 0, 100, 100, 0, DUES_RUN, 0, 0, 0, 0, 0, DUES_PAUSE, 150 },
	{ "seen late", 0, 110, 100, 0, DUES_RUN, 0, 0, 0, 0, 0, DUES_PAUSE, 160 },
	{ "it stays paused", 0, 120, 100, 0, DUES_PAUSE, 100, 0, 0, 0, 0, DUES_PAUSE, 150 },
	{ "topped up: it runs", 0, 140, 101, 0, DUES_PAUSE, 100, 0, 0, 0, 0, DUES_RUN, 0 },
	{ "the grace is over, by an old look", 0, 150, 100, 0, DUES_PAUSE, 100, 0, 0, 0, 149,
	  DUES_PAUSE, 150 },
	{ "the grace is over: it ends", 0, 151, 100, 0, DUES_PAUSE, 100, 0, 0, 0, 150, DUES_END,
	  150 },
	{ "topped up at the last moment", 0, 151, 200, 0, DUES_PAUSE, 100, 0, 0, 0, 150, DUES_RUN,
	  0 },
	{ "stopped on chain: it is taken down", 0, 50, 100, 0, DUES_RUN, 0, 0, 0, 1, 50, DUES_PAUSE,
	  50 },
	{ "and ends", 0, 51, 100, 0, DUES_PAUSE, 50, 0, 0, 1, 50, DUES_END, 51 },
	{ "reserved, and nobody signs", 0, 99, 100, 0, DUES_RUN, 0, 0, 0, 0, 0, DUES_RUN, 0 },
	{ "metered, and nobody signs yet", 1, 28, 100, 20, DUES_RUN, 0, 0, 0, 0, 0, DUES_RUN, 0 },
	{ "for too long", 1, 29, 100, 20, DUES_RUN, 0, 0, 0, 0, 0, DUES_THROTTLE, 0 },
	{ "it stays throttled", 1, 60, 100, 20, DUES_THROTTLE, 29, 0, 0, 0, 0, DUES_THROTTLE, 0 },
	{ "by an old voucher too", 1, 60, 100, 20, DUES_THROTTLE, 29, 15, 28, 0, 0, DUES_THROTTLE,
	  0 },
	{ "a voucher up to there ends it", 1, 60, 100, 20, DUES_THROTTLE, 29, 20, 29, 0, 0,
	  DUES_RUN, 0 },
	{ "signed a moment ago", 1, 80, 100, 20, DUES_RUN, 0, 20, 60, 0, 0, DUES_RUN, 0 },
	{ "signed long ago", 1, 89, 100, 20, DUES_RUN, 0, 20, 60, 0, 0, DUES_THROTTLE, 0 },
	{ "throttled until nothing is left", 1, 400, 100, 20, DUES_THROTTLE, 29, 0, 0, 0, 0,
	  DUES_PAUSE, 450 },
};

static void
test_table(void)
{
	for (size_t i = 0; i < NELEMS(table); i++) {
		const struct state *c = &table[i];
		struct price_lease price = price_of(c->deposit, c->metered);
		struct meter meter = { .seconds = UINT32_MAX,
				       .cpu_milli_seconds = c->cpu_s * 1000 };
		struct spells spells = none;
		struct dues_facts f = { .price = &price,
					.meter = &meter,
					.spells = &spells,
					.began = BEGAN,
					.now = BEGAN + c->now * S,
					.signed_for = { c->signed_for },
					.stopped = c->stopped,
					.keep_s = 50,
					.unpaid_s = 30,
					.every_s = 2 };
		struct dues_next next;

		if (c->state != DUES_RUN)
			spells_turn(&spells, c->state, BEGAN + c->since * S);
		if (c->signed_to != 0)
			f.signed_to = BEGAN + c->signed_to * S;
		if (c->seen != 0)
			f.seen = BEGAN + c->seen * S;
		next = dues_next(&f);
		is_str(dues_name(next.want), dues_name(c->want), c->what);
		is_int(next.at != 0 ? (next.at - BEGAN) / S : 0, c->at, "and until when");
	}
}

static long long
due(const struct price_lease *l, const struct spells *s, uint32_t cpu_s, uint32_t now)
{
	struct meter m = { .seconds = UINT32_MAX, .cpu_milli_seconds = cpu_s * 1000 };
	struct price_part parts[PRICE_PARTS];
	struct amount all = dues_amount(l, &m, s, BEGAN, BEGAN + now * S, parts);
	u128 sum = 0;

	for (size_t i = 0; i < PRICE_PARTS; i++)
		sum += parts[i].amount.units;
	return sum == all.units ? (long long)all.units : -1;
}

static void
test_amounts(void)
{
	struct price_lease l = price_of(100, false), m = price_of(1000, true);
	struct spells s = none;

	spells_turn(&s, DUES_PAUSE, BEGAN + 100 * S);
	is_int(due(&l, &s, 0, 99), 99, "before the pause");
	is_int(due(&l, &s, 0, 500), 100, "a pause costs nothing");
	l.deposit.units = 150;
	is_int(due(&l, &s, 0, 500), 100, "nor when there is more again");
	spells_turn(&s, DUES_RUN, BEGAN + 500 * S);
	is_int(due(&l, &s, 0, 510), 110, "it goes on where it ended");
	is_int(due(&l, &s, 0, 999), 150, "to the end of the deposit, and no further");
	is_int((long long)dues_claim(&l, &s, (struct amount){ 100 }, BEGAN + 100 * S,
				     BEGAN + 510 * S)
		       .units,
	       110, "the pause is not claimed");
	is_int((long long)dues_claim(&l, &s, (struct amount){ 0 }, BEGAN, BEGAN + 510 * S).units,
	       110, "from the beginning neither");

	s = none;
	is_int(due(&m, &s, 90, 100), 90, "metered: what was used");
	spells_turn(&s, DUES_THROTTLE, BEGAN + 100 * S);
	is_int(due(&m, &s, 90, 200), 115, "throttled: the base");
	spells_turn(&s, DUES_PAUSE, BEGAN + 200 * S);
	is_int(due(&m, &s, 90, 300), 115, "then paused: nothing");
	spells_turn(&s, DUES_RUN, BEGAN + 300 * S);
	is_int(due(&m, &s, 130, 400), 155, "and metered again");
	is_int((long long)dues_claim(&m, &s, (struct amount){ 0 }, BEGAN, BEGAN + 400 * S).units,
	       75, "a quarter of 300 s is the base");
}

/* Whatever a tenant does that never signs: what is lost is the rest of the rate for
 * the window. */
static void
test_bound(void)
{
	struct price_lease l = price_of(100000, true);
	struct spells s = none;
	uint32_t cpu_s = 0;
	struct amount worst = { 0 };

	for (uint32_t now = 1; now < 2000; now++) {
		struct meter m = { .seconds = now, .cpu_milli_seconds = cpu_s * 1000 };
		struct dues_facts f = { .price = &l,
					.meter = &m,
					.spells = &s,
					.began = BEGAN,
					.now = BEGAN + now * S,
					.keep_s = 50,
					.unpaid_s = 100,
					.every_s = 2 };
		struct dues_next next = dues_next(&f);

		if (next.want != DUES_THROTTLE)
			cpu_s++;
		spells_turn(&s, next.want, f.now);
		if (amount_cmp(dues_unsigned(&f), worst) > 0)
			worst = dues_unsigned(&f);
	}
	ok(worst.units <= 75, "never more than (rate - base) x window: %d of 75", (int)worst.units);
	ok(worst.units >= 70, "nor is it throttled long before");
}

static void
test_spells(void)
{
	struct spells s = none;
	wall_t since;
	int64_t sum;

	is_str(dues_name(spells_now(&s, &since)), "running", "nothing yet");
	spells_turn(&s, DUES_PAUSE, 10 * S);
	spells_turn(&s, DUES_PAUSE, 20 * S);
	is_int(s.count, 1, "the same again is the same");
	is_str(dues_name(spells_now(&s, &since)), "paused", "it is paused");
	is_int(since, 10 * S, "since then");
	spells_turn(&s, DUES_RUN, 5 * S);
	is_int(spells_us(&s, DUES_PAUSE, 0, 100 * S), 0, "a clock that steps back");
	s = none;
	for (int i = 0; i < 3 * SPELLS_MAX; i++) {
		spells_turn(&s, i % 2 == 0 ? DUES_PAUSE : DUES_THROTTLE, (10 * i + 1) * S);
		spells_turn(&s, DUES_RUN, (10 * i + 6) * S);
	}
	is_int(s.count, SPELLS_MAX, "there is room for so many");
	sum = spells_us(&s, DUES_PAUSE, 0, 10000 * S);
	ok(sum >= 3 * SPELLS_MAX / 2 * 5 * S, "without room, in the tenant's favour: %d s",
	   (int)(sum / S));
	is_int(spells_us(&s, DUES_PAUSE, 952 * S, 10000 * S) +
		       spells_us(&s, DUES_THROTTLE, 952 * S, 10000 * S),
	       4 * S, "the newest are as they were");
}

static void
test_looks(void)
{
	struct price_lease l = price_of(1000, false);
	struct meter m = { .seconds = 0 };
	struct spells s = none;
	struct dues_facts f = {
		.price = &l, .meter = &m, .spells = &s, .began = BEGAN, .now = BEGAN, .every_s = 10
	};

	is_int(dues_look_s(&f), 600, "far from the end the chain is seldom asked");
	f.now = BEGAN + 930 * S;
	is_int(dues_look_s(&f), 5, "near it often");
	spells_turn(&s, DUES_PAUSE, BEGAN + 1000 * S);
	f.now = BEGAN + 1100 * S;
	is_int(dues_look_s(&f), 5, "in a pause often");
	f.now = BEGAN + 9100 * S;
	is_int(dues_look_s(&f), 30, "in a long one less");
}

/* What it reserved was sold meanwhile. */
static void
test_room(void)
{
	struct price_lease l = price_of(1000, false);
	struct meter m = { .seconds = 0 };
	struct spells s = none;
	struct dues_facts f = { .price = &l,
				.meter = &m,
				.spells = &s,
				.began = BEGAN,
				.now = BEGAN + 150 * S,
				.no_room = true,
				.keep_s = 100 };

	is_str(dues_name(dues_next(&f).want), "running", "what runs has its room");
	spells_turn(&s, DUES_PAUSE, BEGAN + 100 * S);
	is_str(dues_name(dues_next(&f).want), "paused", "topped up, and no room: it waits");
	f.now = f.seen = BEGAN + 200 * S;
	is_str(dues_name(dues_next(&f).want), "ended", "and not for ever");
	f.no_room = false;
	is_str(dues_name(dues_next(&f).want), "running", "room again");
}

int
main(void)
{
	test_room();
	test_table();
	test_amounts();
	test_bound();
	test_spells();
	test_looks();
	return tap_done();
}
