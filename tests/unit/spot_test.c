/* SPDX-License-Identifier: Apache-2.0 */
/* spot.h, index.h, tick_after(): by example, and one price for all at random. */
#include "lease/spot.h"

#include "lease/index.h"
#include "tests/unit/tap.h"
#include "tests/unit/tick_book.h"

static struct spot_run
run_of(u128 max, uint32_t units, bool incumbent)
{
	return (struct spot_run){
		.id = random_hash(), .max = { max }, .units = units, .incumbent = incumbent
	};
}

static void
test_pool(void)
{
	struct hash record = random_hash();
	struct spot_run runs[4] = { run_of(90, 4, false), run_of(100, 4, false),
				    run_of(80, 4, true), run_of(50, 4, false) };
	struct rate price = spot_clear(runs, 4, 8, (struct rate){ 40 }, &record);

	ok(runs[0].max.nano == 80 && runs[1].max.nano == 100,
	   "an incumbent counts a quarter more, and comes first among equals");
	ok(price.nano == 90, "the highest maximum that did not fit is the price");
	for (size_t i = 0; i < 4; i++)
		if (runs[i].max.nano == 80)
			ok(runs[i].runs && runs[i].price.nano == 80,
			   "an incumbent stays, and never pays more than its maximum");
	ok(spot_admits(&(struct spot_run){ .max = { 90 }, .units = 2 }, 2, price), "admitted");
	ok(!spot_admits(&(struct spot_run){ .max = { 89 }, .units = 2 }, 2, price), "too low");
	ok(!spot_admits(&(struct spot_run){ .max = { 99 }, .units = 3 }, 2, price), "too large");
	is_int(spot_reclaim(runs, 4, 3), 4, "on-demand takes a whole run");
	for (size_t i = 0; i < 4; i++)
		if (runs[i].max.nano == 80)
			ok(!runs[i].runs, "the lowest maximum goes first");
	is_int(spot_billed_s(299, true), 0, "a run interrupted within five minutes is free");
	is_int(spot_billed_s(299, false), 299, "one that ended by itself is not");
}

static void
test_pool_rules(void)
{
	unsigned wrong = 0;

	for (int round = 0; round < 20000; round++) {
		struct spot_run runs[8];
		size_t n = 1 + roll(8);
		uint32_t units = (uint32_t)roll(20), used = 0;
		struct rate floor = { roll(60) }, price;
		struct hash record = random_hash();

		for (size_t i = 0; i < n; i++)
			runs[i] = run_of(roll(100), 1 + (uint32_t)roll(5), roll(2) == 0);
		price = spot_clear(runs, n, units, floor, &record);
		for (size_t i = 0; i < n; i++) {
			used += runs[i].runs ? runs[i].units : 0;
			wrong += runs[i].runs && (rate_cmp(runs[i].price, runs[i].max) > 0 ||
						  rate_cmp(runs[i].price, floor) < 0 ||
						  rate_cmp(runs[i].price, price) > 0);
		}
		wrong += used > units || rate_cmp(price, floor) < 0;
	}
	is_int(wrong, 0, "within capacity, between floor and maximum, one price");
}

static void
test_index(void)
{
	struct index_trade t[24];
	struct price_index x;

	memset(t, 0, sizeof(t));
	for (size_t i = 0; i < 24; i++) {
		t[i] = (struct index_trade){ .price = { 900 + 10 * i },
					     .reference = { 1000 },
					     .ran_s = 3600,
					     .owner = address_of(1 + (unsigned)i % 6),
					     .tenant = address_of(100 + (unsigned)i) };
	}
	x = index_of(&arena, t, 24, 3600);
	ok(x.published && x.leases == 24 && x.owners == 6, "enough to publish");
	ok(x.median >= 1000000 && x.median <= 1030000 && x.p25 < x.median && x.p75 > x.median,
	   "median and quartiles: %llu", (unsigned long long)x.median);
	x = index_of(&arena, t, 9, 3600);
	ok(!x.published, "nine leases are too few");
	for (size_t i = 0; i < 24; i++)
		t[i].owner = address_of(1 + (unsigned)i % 4);
	ok(!index_of(&arena, t, 24, 3600).published, "four owners are too few");
	for (size_t i = 0; i < 24; i++) {
		t[i].manual = i % 4 == 0;
		t[i].defaulted = i % 4 == 1;
		t[i].ran_s = i % 4 == 2 ? 599 : 3600;
		if (i % 4 == 3)
			t[i].tenant = t[i].owner;
	}
	is_int((long long)index_of(&arena, t, 24, 3600).leases, 0,
	       "by hand, defaulted, too short, with oneself: none counts");
	ok(index_of(&arena, NULL, 0, 3600).median == 0, "nothing at all");
}

static void
test_after(void)
{
	static const struct {
		enum tick_end end;
		uint64_t at;
		uint32_t failures;
		enum tick_next next;
	} cases[] = {
		{ TICK_AWARDED, 1000, 0, NEXT_AWARDED },
		{ TICK_RANKED, 1000, 0, NEXT_CHOOSE },
		{ TICK_ABOVE_MAX, 60999, 0, NEXT_STAY },
		{ TICK_ABOVE_MAX, 61000, 0, NEXT_UNFILLED },
		{ TICK_NO_CAPACITY, 1000, 2, NEXT_STAY },
		{ TICK_NO_OFFER, 500, 0, NEXT_STAY },
		{ TICK_NO_CAPACITY, 1000, 3, NEXT_GIVE_UP },
	};
	struct offer_standing s = { true, 600, 100, 0, 1 };
	const struct standing_rules r = { 600, 1000, 1 };

	for (size_t i = 0; i < NELEMS(cases); i++)
		is_int(tick_after(cases[i].end, 1000, cases[i].at, 60, cases[i].failures),
		       cases[i].next, "after a tick");
	ok(offer_sets_prices(&s, &r), "bonded, old, reliable, active: it sets prices");
	s.bonded = false;
	ok(!offer_sets_prices(&s, &r), "not without a bond");
	s = (struct offer_standing){ true, 599, 100, 0, 1 };
	ok(!offer_sets_prices(&s, &r), "not within 600 s");
	s = (struct offer_standing){ true, 600, 100, 11, 1 };
	ok(!offer_sets_prices(&s, &r), "not when one launch in ten fails");
	s = (struct offer_standing){ true, 600, 100, 0, 0 };
	ok(!offer_sets_prices(&s, &r), "not without a launch in its class");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_pool();
	test_pool_rules();
	test_index();
	test_after();
	arena_release(&arena);
	return tap_done();
}
