/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spread_rows.h - orders that are copies of one deployment: all or nothing, each at its
 * own price, and what is not a set is not cleared.
 */
#include "lease/spread_rows.h"
#include "tests/unit/tap.h"
#include "tests/unit/tick_book.h"

enum { ROWS = 3 };

static struct hash set;

static void
set_rows(struct tick_order *orders, const char *spread, u128 max)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		orders[i] = make_order(1000, 1, max);
		orders[i].spread = strcmp(spread, "owner") == 0	   ? SPREAD_OWNER
				   : strcmp(spread, "region") == 0 ? SPREAD_REGION
								   : SPREAD_PROVIDER;
		orders[i].set = set;
		orders[i].row = i + 1;
		orders[i].rows = ROWS;
	}
}

static struct tick_outcome *
clear(const struct tick_order *orders, size_t count, const struct tick_offer *offers, size_t n)
{
	struct tick_offer *copy = arena_alloc(&arena, (n + 1) * sizeof(*copy));
	struct tick_outcome *out = arena_alloc(&arena, (count + 1) * sizeof(*out));

	for (size_t i = 0; i < n; i++) {
		copy[i] = offers[i];
		copy[i].nodes = arena_copy(&arena, offers[i].nodes,
					   offers[i].offer->nodes.count * sizeof(*copy[i].nodes));
	}
	tick_clear_rows(&arena, orders, count, copy, n, out);
	return out;
}

static size_t
awarded(const struct tick_outcome *out, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += out[i].end == TICK_AWARDED;
	return n;
}

static void
all_end(const struct tick_outcome *out, enum tick_end end, const char *what)
{
	for (size_t i = 0; i < ROWS; i++)
		is_str(tick_end_name(out[i].end), tick_end_name(end), what);
	is_int((long long)awarded(out, ROWS), end == TICK_AWARDED ? ROWS : 0, what);
}

static void
test_together(void)
{
	struct tick_order orders[ROWS + 1];
	struct tick_offer offers[4];
	struct tick_outcome *out;
	u128 sum = 0;

	for (unsigned i = 0; i < 4; i++)
		offers[i] = make_offer(1 + i, 10 + 10 * i, 1000, 1, 4000);
	set_rows(orders, "owner", 1000000);
	orders[ROWS] = make_order(1000, 1, 1000000); /* and one that is alone */
	out = clear(orders, ROWS + 1, offers, 4);
	is_int((long long)awarded(out, ROWS + 1), ROWS + 1, "all rows are awarded");
	for (size_t i = 0; i < ROWS; i++) {
		is_int((long long)out[i].pick_count, 1, "each row has its one winner");
		is_int((long long)out[i].picks[0].node_count, 1, "on a node");
		for (size_t k = 0; k < i; k++)
			ok(out[i].picks[0].index != out[k].picks[0].index, "all different");
		sum += out[i].price.nano;
	}
	is_int((long long)sum, 120000, "each is paid what its absence would cost: the fourth");
	for (size_t i = 0; i < ROWS; i++)
		for (size_t k = 0; k < ROWS; k++)
			is_str(tick_reason_name((enum tick_reason)out[i]
							.offer_reasons[out[k].picks[0].index]),
			       i == k ? "won" : "taken", "who has another row says so");
	is_str(tick_reason_name((enum tick_reason)out[0].offer_reasons[3]), "dearer",
	       "who has none is dearer");
}

/* The order in which they stand does not matter, nor who else is there. */
static void
test_order(void)
{
	struct tick_order orders[ROWS], turned[ROWS];
	struct tick_offer offers[6];

	for (unsigned n = 0; n < 300; n++) {
		struct tick_outcome *a, *b;
		bool same = true;

		for (unsigned i = 0; i < 6; i++)
			offers[i] = make_offer(1 + i, 1 + roll(30), 31 + roll(30), 1, 4000);
		for (unsigned i = 0; i < 32; i++)
			set.b[i] = (uint8_t)roll(256);
		set_rows(orders, roll(2) ? "owner" : "provider", 1000 * (20 + roll(40)));
		for (unsigned i = 0; i < ROWS; i++)
			turned[i] = orders[ROWS - 1 - i];
		a = clear(orders, ROWS, offers, 6);
		b = clear(turned, ROWS, offers, 6);
		for (unsigned i = 0; i < ROWS; i++)
			same = same && a[i].end == b[ROWS - 1 - i].end &&
			       rate_cmp(a[i].price, b[ROWS - 1 - i].price) == 0 &&
			       (a[i].pick_count == 0 ||
				a[i].picks[0].index == b[ROWS - 1 - i].picks[0].index);
		if (!same)
			ok(false, "set %u depends on the order of its rows", n);
		if (awarded(a, ROWS) != 0 && awarded(a, ROWS) != ROWS)
			ok(false, "set %u is half awarded", n);
	}
	ok(true, "300 sets: all or nothing, in any order");
}

static void
test_nothing(void)
{
	struct tick_order orders[ROWS];
	struct tick_offer offers[4];
	struct tick_outcome *out;

	for (unsigned i = 0; i < 4; i++)
		offers[i] = make_offer(1 + i, 10 + 10 * i, 1000, 1, 4000);
	set_rows(orders, "owner", 1000000);
	out = clear(orders, ROWS, offers, 2);
	all_end(out, TICK_NO_CAPACITY, "more copies than owners: nothing");
	is_str(tick_reason_name((enum tick_reason)out[0].offer_reasons[0]), "spread",
	       "and that is the reason");
	all_end(clear(orders, ROWS, NULL, 0), TICK_NO_OFFER, "no offer at all");
	offers[3].sets_prices = offers[2].sets_prices = false;
	out = clear(orders, ROWS, offers, 4);
	all_end(out, TICK_NO_CAPACITY, "newcomers do not take part");
	is_str(tick_reason_name((enum tick_reason)out[0].offer_reasons[3]), "newcomer",
	       "and are told so");
	for (unsigned i = 0; i < 3; i++)
		offers[i].sets_prices = false;
	all_end(clear(orders, ROWS, offers, 4), TICK_NO_OFFER, "only newcomers");
	for (unsigned i = 0; i < 4; i++)
		offers[i].sets_prices = true;
	((struct offer *)(uintptr_t)offers[2].offer)->owner = address_of(1);
	((struct offer *)(uintptr_t)offers[3].offer)->owner = address_of(2);
	all_end(clear(orders, ROWS, offers, 4), TICK_NO_CAPACITY, "four keys of two owners");
	set_rows(orders, "provider", 1000000);
	all_end(clear(orders, ROWS, offers, 4), TICK_AWARDED, "which are four providers");
	set_rows(orders, "region", 1000000);
	all_end(clear(orders, ROWS, offers, 4), TICK_NO_CAPACITY, "all in one region");
	set_rows(orders, "provider", 1000000);
	orders[1].max = &(struct rate){ 1 };
	out = clear(orders, ROWS, offers, 4);
	all_end(out, TICK_ABOVE_MAX, "one row above its maximum: nothing");
	ok(out[0].price.nano > 1, "the price is said");
}

static void
test_incomplete(void)
{
	struct tick_order orders[ROWS + 1];
	struct tick_offer offers[4];

	for (unsigned i = 0; i < 4; i++)
		offers[i] = make_offer(1 + i, 10 + 10 * i, 1000, 1, 4000);
	set_rows(orders, "owner", 1000000);
	is_int((long long)awarded(clear(orders, 2, offers, 4), 2), 0, "a row is missing: nothing");
	is_str(tick_end_name(clear(orders, 2, offers, 4)[1].end), "incomplete", "and says so");
	orders[2].row = 2;
	all_end(clear(orders, ROWS, offers, 4), TICK_INCOMPLETE, "a row twice");
	set_rows(orders, "owner", 1000000);
	orders[2].tenant = address_of(77);
	is_int((long long)awarded(clear(orders, ROWS, offers, 4), ROWS), 0,
	       "a row of somebody else is not of the set");
	set_rows(orders, "owner", 1000000);
	orders[1].spread = SPREAD_PROVIDER;
	all_end(clear(orders, ROWS, offers, 4), TICK_INCOMPLETE, "rows spread by different things");
	set_rows(orders, "owner", 1000000);
	((struct group *)(uintptr_t)orders[1].group)->reclaim_s = 60;
	all_end(clear(orders, ROWS, offers, 4), TICK_INCOMPLETE,
		"rows that ask for other providers");
	set_rows(orders, "owner", 1000000);
	orders[ROWS] = orders[0];
	orders[ROWS].id = random_hash();
	is_int((long long)awarded(clear(orders, ROWS + 1, offers, 4), ROWS + 1), 0,
	       "one row too many");
}

/* One has failed: it comes again alone, and not where the others run. */
static void
test_again(void)
{
	struct tick_order orders[ROWS];
	struct tick_offer offers[4];
	struct tick_taken taken[2];
	struct address failed;
	struct tick_outcome *out;

	for (unsigned i = 0; i < 4; i++)
		offers[i] = make_offer(1 + i, 10 + 10 * i, 1000, 1, 4000);
	set_rows(orders, "owner", 1000000);
	failed = offers[2].offer->provider;
	taken[0] = (struct tick_taken){ address_of(1), address_of(1), "eu" };
	taken[1] = (struct tick_taken){ address_of(2), address_of(2), "eu" };
	orders[1].taken = taken;
	orders[1].taken_count = 2;
	orders[1].denied = &failed;
	orders[1].denied_count = 1;
	is_str(tick_end_name(clear(&orders[1], 1, offers, 4)[0].end), "incomplete",
	       "a row that was never awarded is not cleared alone");
	orders[1].retry = true;
	out = clear(&orders[1], 1, offers, 4);
	is_str(tick_end_name(out[0].end), "awarded", "one that has failed is");
	is_int((long long)out[0].picks[0].index, 3, "by the one that is left");
	is_str(tick_reason_name((enum tick_reason)out[0].offer_reasons[0]), "taken",
	       "where the first runs it does not lie");
	is_str(tick_reason_name((enum tick_reason)out[0].offer_reasons[2]), "denied",
	       "nor where it has failed");
	orders[1].spread = SPREAD_REGION;
	is_str(tick_end_name(clear(&orders[1], 1, offers, 4)[0].end), "no_offer",
	       "by regions the only one is taken");
}

int
main(void)
{
	arena_init(&arena, 0);
	set.b[0] = 1;
	test_together();
	test_order();
	test_nothing();
	test_incomplete();
	test_again();
	arena_release(&arena);
	return tap_done();
}
