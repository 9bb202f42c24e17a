/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/auction.h"

#include <assert.h>

#include "lease/tagged.h"

uint32_t
auction_weight(uint32_t launches, uint32_t failures, uint32_t care_hours)
{
	return tick_weight(launches, failures, care_hours);
}

/* What a round has in the place of the record before the order's first tick. */
struct hash
auction_record(const struct hash *order, uint64_t round)
{
	struct tagged t;

	tagged_begin(&t, "round");
	tagged_add(&t, order->b, sizeof(order->b));
	tagged_u64(&t, round);
	return tagged_end(&t);
}

static enum auction_reason
reason_of(enum tick_reason reason)
{
	switch (reason) {
	case REASON_WON: return BID_WON;
	case REASON_INVALID: return BID_INVALID;
	case REASON_OUTRANKED: return BID_OUTRANKED;
	case REASON_ABOVE_MAX: return BID_PRICE_ABOVE_MAX;
	default: return (int)reason == OFFER_OWN_ORDER ? BID_OWN_ORDER : BID_DEARER;
	}
}

static void
read_outcome(const struct tick_outcome *t, size_t count, struct auction_outcome *out)
{
	out->end = t->end == TICK_AWARDED     ? AUCTION_AWARDED
		   : t->end == TICK_ABOVE_MAX ? AUCTION_ABOVE_MAX
					      : AUCTION_NO_BID;
	if (t->pick_count > 0)
		out->winner = t->picks[0].index;
	out->price = t->price;
	out->price_by_runner_up = t->setter.kind == TICK_BID;
	if (out->price_by_runner_up)
		out->runner_up = t->setter.index;
	for (size_t i = 0; i < count; i++)
		out->reasons[i] = reason_of((enum tick_reason)t->bid_reasons[i]);
	for (size_t i = 0; i < t->rank_count; i++) {
		out->effective[t->ranking[i].index].nano = t->ranking[i].effective;
		out->rank[t->ranking[i].index] = (uint32_t)i + 1;
	}
}

/* A tick with one order, no standing offers and no capacity to share. */
void
auction_clear(const struct auction_order *order, const struct auction_bid *bids, size_t count,
	      struct auction_outcome *out)
{
	struct tick_outcome t;
	struct tick_bid *sealed;
	struct tick_order o = { .id = order->order,
				.record = auction_record(&order->order, order->round),
				.owner = order->tenant_owner,
				.max = &order->max,
				.care_hours = order->care_hours,
				.bid_count = count };
	struct arena a;

	assert(count <= AUCTION_BIDS_MAX);
	memset(out, 0, sizeof(*out));
	arena_init(&a, 0);
	sealed = arena_alloc(&a, (count + 1) * sizeof(*sealed));
	for (size_t i = 0; i < count; i++)
		sealed[i] = (struct tick_bid){ .provider = bids[i].provider,
					       .owner = bids[i].owner,
					       .floor = bids[i].floor,
					       .list = bids[i].list,
					       .launches = bids[i].launches,
					       .failures = bids[i].failures,
					       .sets_prices = bids[i].sets_prices };
	o.bids = sealed;
	tick_clear(&a, &o, 1, NULL, 0, &t);
	read_outcome(&t, count, out);
	arena_release(&a);
}

const char *
auction_reason_name(enum auction_reason reason)
{
	static const char *const names[] = { "won",	  "dearer",    "invalid",
					     "own_order", "outranked", "above_max" };

	return names[reason];
}

const char *
auction_end_name(enum auction_end end)
{
	static const char *const names[] = { "awarded", "no_bid", "above_max" };

	return names[end];
}
