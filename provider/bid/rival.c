/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/rival.h"

#include "lease/entry.h"
#include "lease/price.h"

int
rival_row(const struct tick_transcript *t, const struct hash *offer)
{
	const struct tick_row *rows = t->offers.items;

	for (size_t i = 0; i < t->offers.count; i++)
		if (hash_equal(&rows[i].id, offer))
			return (int)i;
	return -1;
}

const struct tick_entry *
rival_order(const struct tick_transcript *t, const struct hash *order)
{
	const struct tick_entry *entries = t->orders.items;

	for (size_t i = 0; i < t->orders.count; i++)
		if (hash_equal(&entries[i].id, order))
			return &entries[i];
	return NULL;
}

static uint32_t
weight_of(const struct tick_transcript *t, const struct tick_entry *en, size_t row)
{
	const struct tick_row *r = (const struct tick_row *)t->offers.items + row;

	return tick_weight(r->launches, r->failures, en->care_hours);
}

/* The highest rate whose weighted price is below, or at most, `effective`. */
static struct rate
under(u128 effective, bool at_most, uint32_t weight)
{
	u128 top = at_most ? effective : effective - (effective > 0);

	return (struct rate){ MIN(top, RATE_MAX) * 10000 / weight };
}

/* The least that others compete with, of those that set prices or of the newcomers;
 * 0: there is none. */
static u128
least(const struct tick_transcript *t, const struct tick_entry *en, int row, bool sets_prices)
{
	const struct tick_row *rows = t->offers.items;
	const struct tick_place *p = en->ranking.items;
	u128 best = 0;

	for (size_t i = 0; i < en->ranking.count; i++)
		if (p[i].offer != (uint32_t)row && p[i].offer < t->offers.count &&
		    rows[p[i].offer].sets_prices == sets_prices &&
		    (best == 0 || p[i].effective.units < best))
			best = p[i].effective.units;
	return best;
}

/* One that sets prices: its floor must be first; a newcomer then still wins by a list
 * price below what we would be paid, which only our own list price can lower. */
static void
wins_setter(const struct tick_transcript *t, const struct tick_entry *en, int row, struct rival *r)
{
	const struct tick_line *pick = en->picks.items;
	const struct tick_row *rows = t->offers.items;
	u128 best = least(t, en, row, true);

	if (best != 0 && r->effective >= best)
		r->floor_wins = under(best, false, r->weight);
	if (en->picks.count > 0 && pick->offer < t->offers.count && pick->offer != (uint32_t)row &&
	    !rows[pick->offer].sets_prices)
		r->list_wins = under(least(t, en, row, false), true, r->weight);
}

/* A newcomer: its list price must be below what the winner is paid. */
static void
wins_newcomer(const struct tick_transcript *t, const struct tick_entry *en, int row,
	      struct rival *r)
{
	const struct tick_line *pick = en->picks.items;

	if (en->picks.count == 0 || pick->offer >= t->offers.count || pick->offer == (uint32_t)row)
		return;
	r->list_wins =
		under(entry_weigh(en->price, weight_of(t, en, pick->offer)), false, r->weight);
}

struct rival
rival_of(struct arena *a, const struct tick_transcript *t, const struct tick_entry *en, int row,
	 const struct offer *offer, int model)
{
	const struct tick_row *mine = (const struct tick_row *)t->offers.items + row;
	struct rival r = { .sets_prices = mine->sets_prices,
			   .weight = weight_of(t, en, (size_t)row) };
	struct tick_offer o;
	struct demand d;

	tick_row_offer(a, mine, offer, &o);
	demand_group(a, &en->group, &d);
	r.load_bp = model >= 0 ? o.gpu_used_bp[model] : o.used_bp;
	r.card = units_price(&offer->floor, &d, model);
	offer_price(offer, &d, model, r.load_bp, &r.floor, &r.list);
	r.effective = entry_weigh(r.sets_prices ? r.floor : r.list, r.weight);
	if (strcmp(en->end, tick_end_name(TICK_ABOVE_MAX)) == 0)
		r.list_wins = rate_cmp(r.list, en->terms.maxRate) > 0 ? en->terms.maxRate
								      : (struct rate){ 0 };
	else if (r.sets_prices)
		wins_setter(t, en, row, &r);
	else
		wins_newcomer(t, en, row, &r);
	return r;
}
