/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/auction.h"

#include <assert.h>

#define UNIT 10000u

uint32_t
auction_weight(uint32_t launches, uint32_t failures, uint32_t care_hours)
{
	uint64_t f = (uint64_t)UNIT * ((uint64_t)failures + 1) / ((uint64_t)launches + 20);
	uint64_t weight = UNIT + care_hours * f;

	return (uint32_t)MIN(MAX(weight, (uint64_t)8000), (uint64_t)20000);
}

static u128
weigh(struct rate rate, uint32_t weight)
{
	return (MIN(rate.nano, RATE_MAX) * weight + UNIT - 1) / UNIT;
}

/* A deterministic lot that nobody can choose without changing the order. */
static struct hash
tie_lot(const struct auction_order *order, const struct address *provider)
{
	uint8_t text[9 + 32 + 8 + 20];
	struct hash lot;

	memcpy(text, "gavel tie", 9);
	memcpy(text + 9, order->order.b, 32);
	for (unsigned i = 0; i < 8; i++)
		text[41 + i] = (uint8_t)(order->round >> (56 - 8 * i));
	memcpy(text + 49, provider->b, 20);
	sha256(text, sizeof(text), &lot);
	return lot;
}

struct entry {
	size_t bid;
	u128 effective;
	uint32_t weight;
	struct hash lot;
};

static bool
entry_before(const struct entry *a, const struct entry *b)
{
	if (a->effective != b->effective)
		return a->effective < b->effective;
	return memcmp(a->lot.b, b->lot.b, sizeof(a->lot.b)) < 0;
}

static int
compare_entries(const void *a, const void *b)
{
	return entry_before(a, b) ? -1 : entry_before(b, a) ? 1 : 0;
}

/* Bids that take part, best first; the others get their reason. */
static size_t
rank(const struct auction_order *order, const struct auction_bid *bids, size_t count,
     struct entry *entries, struct auction_outcome *out)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct auction_bid *b = &bids[i];

		out->reasons[i] = BID_DEARER;
		if (b->floor.nano == 0 || b->floor.nano > RATE_MAX || b->list.nano > RATE_MAX ||
		    rate_cmp(b->list, b->floor) < 0) {
			out->reasons[i] = BID_INVALID;
			continue;
		}
		if (address_equal(&b->owner, &order->tenant_owner)) {
			out->reasons[i] = BID_OWN_ORDER;
			continue;
		}
		entries[n].bid = i;
		entries[n].weight = auction_weight(b->launches, b->failures, order->care_hours);
		/* A newcomer competes with its list price. */
		entries[n].effective =
			weigh(b->sets_prices ? b->floor : b->list, entries[n].weight);
		entries[n].lot = tie_lot(order, &b->provider);
		out->effective[i].nano = entries[n].effective;
		n++;
	}
	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t k = 0; k < n; k++)
		out->rank[entries[k].bid] = (uint32_t)k + 1;
	return n;
}

/* The first established entry, and the first of another owner behind it. */
static const struct entry *
first_established(const struct auction_bid *bids, const struct entry *entries, size_t n,
		  const struct entry *behind)
{
	for (size_t k = 0; k < n; k++) {
		const struct auction_bid *b = &bids[entries[k].bid];

		if (!b->sets_prices)
			continue;
		if (behind == NULL || (entry_before(behind, &entries[k]) &&
				       !address_equal(&b->owner, &bids[behind->bid].owner)))
			return &entries[k];
	}
	return NULL;
}

static const struct entry *
first_newcomer(const struct auction_bid *bids, const struct entry *entries, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (!bids[entries[k].bid].sets_prices)
			return &entries[k];
	return NULL;
}

/* Section 4 of the rules: p = max(floor, min(list, runner-up's eff / weight)). */
static struct rate
runner_up_price(const struct auction_bid *winner, const struct entry *w, const struct entry *r,
		bool *by_runner_up)
{
	struct rate p = winner->list;
	u128 bound;

	*by_runner_up = false;
	if (r == NULL)
		return p;
	bound = r->effective * UNIT / w->weight;
	if (bound < p.nano) {
		p.nano = bound;
		*by_runner_up = true;
	}
	if (p.nano < winner->floor.nano)
		p = winner->floor;
	return p;
}

static void
explain_losers(const struct auction_bid *bids, size_t count, struct auction_outcome *out)
{
	for (size_t i = 0; i < count; i++)
		if (out->reasons[i] == BID_DEARER && i != out->winner &&
		    address_equal(&bids[i].owner, &bids[out->winner].owner))
			out->reasons[i] = BID_OUTRANKED;
}

void
auction_clear(const struct auction_order *order, const struct auction_bid *bids, size_t count,
	      struct auction_outcome *out)
{
	static struct entry entries[AUCTION_BIDS_MAX];
	const struct entry *w, *r, *q;
	size_t n;

	assert(count <= AUCTION_BIDS_MAX);
	memset(out, 0, sizeof(*out));
	out->end = AUCTION_NO_BID;
	n = rank(order, bids, count, entries, out);
	if (n == 0)
		return;
	w = first_established(bids, entries, n, NULL);
	r = w != NULL ? first_established(bids, entries, n, w) : NULL;
	q = first_newcomer(bids, entries, n);
	if (w != NULL) {
		out->winner = w->bid;
		out->price = runner_up_price(&bids[w->bid], w, r, &out->price_by_runner_up);
		if (out->price_by_runner_up)
			out->runner_up = r->bid;
	}
	if (q != NULL && (w == NULL || q->effective < weigh(out->price, w->weight))) {
		out->winner = q->bid;
		out->price = bids[q->bid].list;
		out->price_by_runner_up = false;
	}
	explain_losers(bids, count, out);
	if (rate_cmp(out->price, order->max) > 0) {
		out->end = AUCTION_ABOVE_MAX;
		out->reasons[out->winner] = BID_PRICE_ABOVE_MAX;
		return;
	}
	out->end = AUCTION_AWARDED;
	out->reasons[out->winner] = BID_WON;
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
