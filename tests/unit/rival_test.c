/* SPDX-License-Identifier: Apache-2.0 */
/* rival.h: what a provider is told would have won does win, when the tick is cleared
 * again with it; and a little more does not. */
#include "provider/bid/rival.h"

#include "tests/unit/tap.h"
#include "tests/unit/tick_book.h"

#define OFFERS_MAX 6u
#define PRICE_HIGH 100000000u

struct book {
	struct tick_offer offers[OFFERS_MAX];
	struct tick_row rows[OFFERS_MAX];
	size_t count;
	struct tick_order order;
	struct tick_outcome said;
	struct tick_transcript t;
	struct tick_entry entry;
};

static void
clear(struct book *b)
{
	b->said = *clear_copy(&b->order, 1, b->offers, b->count);
	b->entry = (struct tick_entry){ .id = b->order.id,
					.terms = { .maxRate = *b->order.max },
					.group = *b->order.group,
					.care_hours = b->order.care_hours };
	tick_entry_say(&arena, &b->said, b->count, &b->entry);
	b->t = (struct tick_transcript){ .offers = { b->rows, b->count },
					 .orders = { &b->entry, 1 } };
}

static void
fill(struct book *b, u128 max)
{
	b->count = 2 + (size_t)roll(OFFERS_MAX - 1);
	b->order = make_order(1, 1, max);
	b->order.care_hours = (uint32_t)roll(5);
	for (size_t i = 0; i < b->count; i++) {
		u128 floor = 50000 + roll(100000);
		struct tick_offer o =
			make_offer(1 + (unsigned)i, floor, floor + floor * roll(6) / 10, 1, 8000);

		o.launches = (uint32_t)roll(500);
		o.failures = (uint32_t)roll(o.launches / 4 + 1);
		o.sets_prices = roll(3) != 0;
		b->offers[i] = o;
		b->rows[i] = (struct tick_row){ .id = o.id,
						.launches = o.launches,
						.failures = o.failures,
						.sets_prices = o.sets_prices };
	}
	clear(b);
}

static bool
won_by(const struct book *b, size_t i)
{
	return b->said.end == TICK_AWARDED && b->said.picks->index == i;
}

/* The offer with another floor and list price. */
static void
reprice(struct book *b, size_t i, struct rate floor, struct rate list)
{
	struct offer *o = arena_copy(&arena, b->offers[i].offer, sizeof(*o));

	o->floor.cpu_milli = floor;
	o->list.cpu_milli = (struct rate){ MAX(list.nano, floor.nano) };
	b->offers[i].offer = o;
}

static void
test_wins(void)
{
	size_t told = 0, lost = 0, more = 0, silent = 0, differs = 0;

	for (unsigned round = 0; round < 20000; round++) {
		struct book b, again;
		struct rival r;
		struct rate floor, list;
		size_t me;

		fill(&b, PRICE_HIGH);
		me = (size_t)roll(b.count);
		r = rival_of(&arena, &b.t, &b.entry, (int)me, b.offers[me].offer, -1);
		differs += rate_cmp(r.floor, b.offers[me].offer->floor.cpu_milli) != 0;
		for (size_t k = 0; k < b.said.rank_count; k++)
			differs += b.said.ranking[k].index == me &&
				   b.said.ranking[k].effective != r.effective;
		if (won_by(&b, me)) {
			told += r.floor_wins.nano != 0 || r.list_wins.nano != 0;
			continue;
		}
		silent += r.floor_wins.nano == 0 && r.list_wins.nano == 0;
		floor = r.floor_wins.nano != 0 ? r.floor_wins : r.floor;
		list = r.list_wins.nano != 0 ? r.list_wins : r.list;
		floor.nano = MIN(floor.nano, list.nano);
		again = b;
		reprice(&again, me, floor, list);
		clear(&again);
		lost += !won_by(&again, me);
		/* Two more are above any rounding, and above the lot. */
		again = b;
		if (r.sets_prices && r.floor_wins.nano != 0)
			reprice(&again, me, (struct rate){ r.floor_wins.nano + 2 }, list);
		else
			reprice(&again, me, (struct rate){ 1 }, (struct rate){ list.nano + 2 });
		if (!r.sets_prices || r.floor_wins.nano != 0) {
			clear(&again);
			more += won_by(&again, me);
		}
		if (round % 100 == 0) {
			arena_release(&arena);
			arena_init(&arena, 0);
		}
	}
	is_int((long long)differs, 0, "floor and effective price are those of the tick");
	is_int((long long)told, 0, "who has won is told nothing");
	is_int((long long)silent, 0, "who has lost is told what would have won");
	is_int((long long)lost, 0, "and that wins");
	is_int((long long)more, 0, "and a little more does not");
}

static void
test_max(void)
{
	struct book b;
	struct rival r;

	fill(&b, 10);
	r = rival_of(&arena, &b.t, &b.entry, 0, b.offers[0].offer, -1);
	ok(b.said.end == TICK_ABOVE_MAX, "too dear for the tenant");
	is_int((long long)r.list_wins.nano, 10, "its maximum is what to stay below");
	is_int(rival_row(&b.t, &b.rows[1].id), 1, "a row by its offer");
	is_int(rival_row(&b.t, &b.order.id), -1, "or none");
	ok(rival_order(&b.t, &b.order.id) == &b.entry, "a line by its order");
	ok(rival_order(&b.t, &b.rows[0].id) == NULL, "or none");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_wins();
	test_max();
	arena_release(&arena);
	return tap_done();
}
