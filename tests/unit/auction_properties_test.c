/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tick.h: the properties of the rules over random ticks, by their numbers. Those of a
 * single sealed round are in auction_test.c; where the others are says docs/auction.md.
 */
#include "lease/price.h"
#include "tests/unit/tap.h"
#include "tests/unit/tick_book.h"

#define ROUNDS 4000
enum { OFFERS = 7, ORDERS = 4 };

static struct tick_offer offers[OFFERS + 1];
static struct tick_order orders[ORDERS];
static size_t offer_count, order_count;

static struct offer *
offer_at(size_t i)
{
	return (struct offer *)(uintptr_t)offers[i].offer;
}

static void
random_book(bool newcomers, bool keys)
{
	arena_release(&arena);
	offer_count = 1 + roll(OFFERS);
	order_count = 1 + roll(ORDERS);
	for (unsigned i = 0; i < offer_count; i++) {
		u128 floor = 40 + roll(40);

		offers[i] = make_offer(i + 1, floor, floor + roll(30), 1 + roll(2),
				       1000 * (uint32_t)(1 + roll(4)));
		offers[i].launches = (uint32_t)roll(300);
		offers[i].failures = (uint32_t)roll(9);
		offers[i].sets_prices = !newcomers || roll(3) != 0;
		offers[i].used_bp = (uint32_t)roll(10001);
		offer_at(i)->curve_bp = 3000;
		if (keys && i > 0 && roll(3) == 0)
			offer_at(i)->owner = offer_at(roll(i))->owner;
	}
	for (unsigned i = 0; i < order_count; i++) {
		orders[i] =
			make_order(500 * (uint32_t)(1 + roll(4)), 1 + (uint32_t)roll(2), 10000000);
		orders[i].care_hours = (uint32_t)roll(5);
		orders[i].retry = roll(8) == 0;
	}
}

static bool
same_winner(const struct tick_outcome *a, const struct tick_offer *in_a,
	    const struct tick_outcome *b, const struct tick_offer *in_b)
{
	if (a->end != b->end || a->pick_count != b->pick_count || rate_cmp(a->price, b->price) != 0)
		return false;
	for (size_t i = 0; i < a->pick_count; i++)
		if (!hash_equal(&in_a[a->picks[i].index].id, &in_b[b->picks[i].index].id))
			return false;
	return true;
}

/* 1, 11: whatever order the inputs stand in. */
static void
test_order_of_inputs(void)
{
	unsigned wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct tick_offer turned[OFFERS];
		struct tick_order back[ORDERS];
		struct tick_outcome *a, *b;

		random_book(true, true);
		for (size_t i = 0; i < offer_count; i++)
			turned[offer_count - 1 - i] = offers[i];
		for (size_t i = 0; i < order_count; i++)
			back[order_count - 1 - i] = orders[i];
		a = clear_copy(orders, order_count, offers, offer_count);
		b = clear_copy(back, order_count, turned, offer_count);
		for (size_t i = 0; i < order_count; i++)
			wrong += !same_winner(&a[i], offers, &b[order_count - 1 - i], turned);
	}
	is_int(wrong, 0, "1, 11: orders and offers in any order give the same outcome");
}

/* 2, 3: between floor and list, at most the maximum; no node over capacity; and
 * exactly what is free has gone. */
static void
test_bounds_and_capacity(void)
{
	unsigned wrong = 0, over = 0, awarded = 0;

	for (int round = 0; round < ROUNDS; round++) {
		uint32_t left[OFFERS][2];
		struct tick_outcome *out;

		random_book(true, true);
		for (size_t i = 0; i < order_count; i++)
			((struct rate *)(uintptr_t)orders[i].max)->nano = 20000 + roll(200000);
		for (size_t i = 0; i < offer_count; i++)
			for (size_t k = 0; k < offers[i].offer->nodes.count; k++)
				left[i][k] = offers[i].nodes[k].free.cpu_milli;
		out = clear_copy(orders, order_count, offers, offer_count);
		for (size_t j = 0; j < order_count; j++) {
			const struct group_service *s = orders[j].group->services.items;
			const struct tick_pick *p = out[j].picks;
			struct rate floor = { 0 }, list = { 0 };

			if (out[j].end != TICK_AWARDED)
				continue;
			awarded++;
			for (size_t r = 0; r < out[j].rank_count; r++)
				if (out[j].ranking[r].index == p->index) {
					floor = out[j].ranking[r].floor;
					list = out[j].ranking[r].list;
				}
			wrong += rate_cmp(p->price, floor) < 0 || rate_cmp(p->price, list) > 0 ||
				 rate_cmp(p->price, orders[j].max[0]) > 0;
			over += p->node_count != s->count;
			for (size_t k = 0; k < p->node_count; k++) {
				over += left[p->index][p->nodes[k]] < s->resources.cpu_milli;
				left[p->index][p->nodes[k]] -= s->resources.cpu_milli;
			}
		}
	}
	ok(awarded > ROUNDS / 4, "2, 3: enough was awarded");
	is_int(wrong, 0, "2: floor <= price <= list and price <= maximum");
	is_int(over, 0, "3: no node beyond its capacity, every copy on one");
}

/* 4: the maximum takes a price or leaves it. */
static void
test_maximum(void)
{
	unsigned wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct tick_outcome *a, *b;
		size_t j;

		random_book(true, true);
		a = clear_copy(orders, order_count, offers, offer_count);
		j = roll(order_count);
		if (a[j].end != TICK_AWARDED)
			continue;
		((struct rate *)(uintptr_t)orders[j].max)->nano = a[j].price.nano + roll(999);
		b = clear_copy(orders, order_count, offers, offer_count);
		for (size_t i = 0; i < order_count; i++)
			wrong += !same_winner(&a[i], offers, &b[i], offers);
		((struct rate *)(uintptr_t)orders[j].max)->nano = a[j].price.nano - 1;
		b = clear_copy(orders, order_count, offers, offer_count);
		wrong += b[j].end != TICK_ABOVE_MAX || rate_cmp(b[j].price, a[j].price) != 0;
	}
	is_int(wrong, 0, "4: any maximum from the price on awards the same, none below it does");
}

/* 9: keys of one owner do not price each other: with rivals gone, the list stands. */
static void
test_keys_of_one_owner(void)
{
	unsigned wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct tick_outcome *out;

		random_book(false, false);
		order_count = 1;
		for (size_t i = 1; i < offer_count; i++)
			offer_at(i)->owner = offer_at(0)->owner;
		out = clear_copy(orders, 1, offers, offer_count);
		if (out->end != TICK_AWARDED)
			continue;
		wrong += out->setter.kind != TICK_NOBODY;
		for (size_t r = 0; r < out->rank_count; r++)
			if (out->ranking[r].index == out->picks[0].index)
				wrong += rate_cmp(out->ranking[r].list, out->price) != 0;
	}
	is_int(wrong, 0, "9: an owner never sets its own price");
}

/* 10: a newcomer changes nobody's price; a floor lowered just now lowers none. */
static void
test_newcomers(void)
{
	unsigned wrong = 0, shill = 0, won = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct tick_outcome *a, *b;
		struct offer_units was;
		size_t k;

		random_book(false, false);
		order_count = 1;
		a = clear_copy(orders, 1, offers, offer_count);
		offers[offer_count] = make_offer(50, 1, 30 + roll(60), 1, 4000);
		offers[offer_count].sets_prices = false;
		b = clear_copy(orders, 1, offers, offer_count + 1);
		if (b->end == TICK_AWARDED && b->picks[0].index == offer_count) {
			won++;
			wrong += b->setter.kind != TICK_NOBODY;
			for (size_t r = 0; r < b->rank_count; r++)
				if (b->ranking[r].index == offer_count)
					wrong += rate_cmp(b->ranking[r].list, b->price) != 0;
		} else {
			wrong += !same_winner(a, offers, b, offers);
		}
		/* The friend lowers its floor to just above the winner's. */
		k = roll(offer_count);
		if (a->end != TICK_AWARDED || a->picks[0].index == k)
			continue;
		was = offer_at(k)->floor;
		offers[k].past = &was;
		offer_at(k)->floor.cpu_milli.nano -= roll((uint64_t)was.cpu_milli.nano);
		b = clear_copy(orders, 1, offers, offer_count);
		if (b->end == TICK_AWARDED && b->picks[0].index == a->picks[0].index)
			shill += rate_cmp(b->price, a->price) < 0;
	}
	ok(won > 20, "10: newcomers won %u times", won);
	is_int(wrong, 0, "10: a newcomer wins at its list price or changes nothing");
	is_int(shill, 0, "10: a floor lowered less than 600 s ago lowers no price");
}

/* ------------------------------------------------------------------ */
/* Spread groups.                                                      */

static u128 best;
static u128 prices[4][8]; /* effective floor of row, offer; 0: none */

static void
search(size_t row, size_t rows, size_t columns, unsigned used, u128 sum)
{
	if (row == rows) {
		best = MIN(best, sum);
		return;
	}
	for (size_t c = 0; c < columns; c++)
		if ((used & 1u << c) == 0 && prices[row][c] != 0)
			search(row + 1, rows, columns, used | 1u << c, sum + prices[row][c]);
}

static void
set_prices(const struct tick_order *o, size_t rows)
{
	const struct group_service *s = o->group->services.items;

	for (size_t r = 0; r < rows; r++)
		for (size_t i = 0; i < offer_count; i++) {
			uint32_t cpu = s[r].resources.cpu_milli;
			struct rate floor = price_curve(
				(struct rate){ offers[i].offer->floor.cpu_milli.nano * cpu }, 3000,
				offers[i].used_bp);
			bool fits = false;

			for (size_t k = 0; k < offers[i].offer->nodes.count; k++)
				fits = fits || offers[i].nodes[k].free.cpu_milli >= cpu;
			prices[r][i] = fits ? (floor.nano * tick_weight(offers[i].launches,
									offers[i].failures,
									o->care_hours) +
					       9999) / 10000
					    : 0;
		}
}

/* 13: the assignment is the cheapest there is; no price above its row's list. */
static void
test_spread(void)
{
	unsigned wrong = 0, twice = 0, above = 0, found = 0, none = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct group_service *s;
		struct tick_outcome *out;
		size_t rows = 1 + roll(4);
		u128 sum = 0, most = 0;

		random_book(false, false);
		order_count = 1;
		orders[0].spread = SPREAD_PROVIDER;
		s = orders[0].group->services.items;
		for (size_t r = 0; r < rows; r++) {
			static const char *const names[] = { "a", "b", "c", "d" };

			s[r] = s[0];
			s[r].name = names[r];
			s[r].count = 1;
			s[r].resources.cpu_milli = 500 * (uint32_t)(1 + roll(4));
			((struct rate *)(uintptr_t)orders[0].max)[r].nano = 50000 + roll(400000);
			most += orders[0].max[r].nano;
		}
		((struct group *)(uintptr_t)orders[0].group)->services.count = rows;
		set_prices(&orders[0], rows);
		best = ~(u128)0;
		search(0, rows, offer_count, 0, 0);
		out = clear_copy(orders, 1, offers, offer_count);
		if (best == ~(u128)0) {
			none++;
			wrong += out->end != TICK_NO_CAPACITY && out->end != TICK_NO_OFFER;
			continue;
		}
		found++;
		for (size_t r = 0; r < out->pick_count; r++) {
			sum += prices[r][out->picks[r].index];
			for (size_t k = 0; k < r; k++)
				twice += out->picks[k].index == out->picks[r].index;
		}
		wrong += out->pick_count != rows || sum != best;
		above += out->end == TICK_AWARDED && out->price.nano > most;
	}
	ok(found > 1000 && none > 100, "13: %u groups could be spread, %u not", found, none);
	is_int(wrong, 0, "13: the assignment costs what the best of all costs");
	is_int(twice, 0, "13: no provider has two rows");
	is_int(above, 0, "13: the sum of prices is at most the sum of maxima");
}

/* 14: after a default the next tick is what it would be without the defaulter. */
static void
test_default(void)
{
	unsigned wrong = 0, tried = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct tick_outcome *a, *b, *c;
		struct address failed;
		struct tick_offer others[OFFERS];
		size_t n = 0;

		random_book(true, false);
		order_count = 1;
		a = clear_copy(orders, 1, offers, offer_count);
		if (a->end != TICK_AWARDED)
			continue;
		tried++;
		failed = offers[a->picks[0].index].offer->provider;
		for (size_t i = 0; i < offer_count; i++)
			if (!address_equal(&offers[i].offer->provider, &failed))
				others[n++] = offers[i];
		b = clear_copy(orders, 1, others, n);
		orders[0].retry = true;
		orders[0].denied = &failed;
		orders[0].denied_count = 1;
		c = clear_copy(orders, 1, offers, offer_count);
		if (b->end == TICK_NO_OFFER)
			wrong += c->end != TICK_NO_OFFER;
		else
			wrong += !same_winner(b, others, c, offers);
		wrong += c->offer_reasons[a->picks[0].index] != OFFER_DENIED;
	}
	ok(tried > ROUNDS / 2, "14: enough winners defaulted");
	is_int(wrong, 0, "14: as if the defaulter had never offered");
}

/* An order that was failed is served before all others. */
static void
test_retry_first(void)
{
	struct tick_outcome *out;

	arena_release(&arena);
	offers[0] = make_offer(1, 50, 60, 1, 1000);
	orders[0] = make_order(1000, 1, 10000000);
	orders[1] = make_order(1000, 1, 10000000);
	orders[1].id.b[0] = 255;
	orders[0].id.b[0] = 0;
	out = clear_copy(orders, 2, offers, 1);
	ok(out[0].end == TICK_AWARDED && out[1].end == TICK_NO_CAPACITY, "the smaller id first");
	orders[1].retry = true;
	out = clear_copy(orders, 2, offers, 1);
	ok(out[1].end == TICK_AWARDED && out[0].end == TICK_NO_CAPACITY, "but a retry before it");
}

int
main(void)
{
	test_order_of_inputs();
	test_bounds_and_capacity();
	test_maximum();
	test_keys_of_one_owner();
	test_newcomers();
	test_spread();
	test_default();
	test_retry_first();
	arena_release(&arena);
	return tap_done();
}
