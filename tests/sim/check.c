/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold after every event, and a second opinion on auctions and prices
 * written from the rules, not from the code: slow, plain, its own arithmetic.
 */
#include "tests/sim/sim.h"

/* Time for a provider that was down to see the end and stop its container. */
#define STOP_GRACE (300 * SECOND_US)

#define MUST(s, condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			sim_violation((s), __VA_ARGS__);                                           \
	} while (0)

/* ------------------------------------------------------------------ */
/* Auctions.                                                            */

static u128
naive_weight(const struct auction_bid *b, uint32_t care_hours)
{
	u128 f = (u128)10000 * (b->failures + (u128)1) / (b->launches + (u128)20);
	u128 w = 10000 + care_hours * f;

	return w < 8000 ? 8000 : w > 20000 ? 20000 : w;
}

static bool
naive_valid(const struct auction_order *o, const struct auction_bid *b)
{
	return b->floor.nano > 0 && b->list.nano >= b->floor.nano &&
	       !address_equal(&b->owner, &o->tenant_owner);
}

static u128
naive_effective(const struct auction_order *o, const struct auction_bid *b)
{
	u128 asked = b->sets_prices ? b->floor.nano : b->list.nano;

	return (asked * naive_weight(b, o->care_hours) + 9999) / 10000;
}

/* Each part behind its length in four bytes; all are shorter than 256. */
static size_t
naive_part(uint8_t *text, const void *part, size_t len)
{
	memset(text, 0, 3);
	text[3] = (uint8_t)len;
	memcpy(text + 4, part, len);
	return 4 + len;
}

static uint64_t
naive_lot(const struct auction_order *o, const struct address *provider)
{
	uint8_t text[160], round[8];
	struct hash record, lot;
	uint64_t first = 0;
	size_t n;

	for (int i = 0; i < 8; i++)
		round[i] = (uint8_t)(o->round >> (8 * (7 - i)));
	n = naive_part(text, "round", 5);
	n += naive_part(text + n, o->order.b, 32);
	n += naive_part(text + n, round, 8);
	sha256(text, n, &record);
	n = naive_part(text, "tie", 3);
	n += naive_part(text + n, record.b, 32);
	n += naive_part(text + n, o->order.b, 32);
	n += naive_part(text + n, provider->b, 20);
	sha256(text, n, &lot);
	for (int i = 0; i < 8; i++)
		first = first << 8 | lot.b[i];
	return first;
}

static bool
naive_before(const struct auction_order *o, const struct auction_bid *a,
	     const struct auction_bid *b)
{
	u128 ea = naive_effective(o, a), eb = naive_effective(o, b);
	uint64_t lot[2];

	if (ea != eb)
		return ea < eb;
	for (int k = 0; k < 2; k++)
		lot[k] = naive_lot(o, &(k == 0 ? a : b)->provider);
	return lot[0] < lot[1];
}

/* The best valid bid of a kind, not of the owner `not_owner` (NULL: any). */
static int
naive_best(const struct auction_order *o, const struct auction_bid *bids, size_t count,
	   bool established, const struct address *not_owner)
{
	int best = -1;

	for (size_t i = 0; i < count; i++) {
		if (!naive_valid(o, &bids[i]) || bids[i].sets_prices != established ||
		    (not_owner != NULL && address_equal(&bids[i].owner, not_owner)))
			continue;
		if (best < 0 || naive_before(o, &bids[i], &bids[best]))
			best = (int)i;
	}
	return best;
}

static int
naive_clear(const struct auction_order *o, const struct auction_bid *bids, size_t count,
	    u128 *price)
{
	int w = naive_best(o, bids, count, true, NULL);
	int r = w < 0 ? -1 : naive_best(o, bids, count, true, &bids[w].owner);
	int q = naive_best(o, bids, count, false, NULL);
	u128 bound, m;

	if (w >= 0) {
		m = naive_weight(&bids[w], o->care_hours);
		*price = bids[w].list.nano;
		if (r >= 0) {
			bound = naive_effective(o, &bids[r]) * 10000 / m;
			*price = MIN(*price, bound);
		}
		*price = MAX(*price, bids[w].floor.nano);
		if (q < 0 || naive_effective(o, &bids[q]) >= (*price * m + 9999) / 10000)
			return w;
	}
	if (q >= 0)
		*price = bids[q].list.nano;
	return q;
}

void
check_award(struct sim *s, int order, const struct auction_order *o, const struct auction_bid *bids,
	    size_t count, const struct auction_outcome *out)
{
	u128 price = 0;
	int winner = naive_clear(o, bids, count, &price);

	if (winner < 0) {
		MUST(s, out->end == AUCTION_NO_BID, "order %d: an award without a bid", order);
		return;
	}
	if (price > o->max.nano) {
		MUST(s, out->end == AUCTION_ABOVE_MAX, "order %d: the maximum did not hold", order);
		return;
	}
	MUST(s, out->end == AUCTION_AWARDED, "order %d: a good bid was not taken", order);
	MUST(s, out->winner == (size_t)winner, "order %d: bid %zu won, the best is %d", order,
	     out->winner, winner);
	MUST(s, out->price.nano == price, "order %d: the price is not the rule's", order);
	MUST(s,
	     out->price.nano >= bids[winner].floor.nano &&
		     out->price.nano <= bids[winner].list.nano,
	     "order %d: the price is outside the winner's bid", order);
	MUST(s, out->price.nano <= o->max.nano, "order %d: the price is above the maximum", order);
}

/* ------------------------------------------------------------------ */
/* Prices.                                                              */

void
check_due(struct sim *s, const struct price_lease *l, const struct meter *m, uint32_t elapsed,
	  u128 due)
{
	u128 full = l->rate.nano * elapsed / 1000000000u,
	     least = l->base.nano * elapsed / 1000000000u;
	u128 most = MIN(full, l->deposit.units);
	struct price_part parts[PRICE_PARTS];
	u128 sum = 0;

	MUST(s, due <= most, "more is due than the rate or the deposit allows");
	MUST(s, due >= MIN(least, most), "less is due than the base");
	if (l->billing == BILLING_RESERVED)
		MUST(s, due == most, "reserved, and not charged for the time");
	price_parts(l, m, elapsed, parts);
	for (size_t i = 0; i < PRICE_PARTS; i++)
		sum += parts[i].amount.units;
	MUST(s, sum == due, "a receipt does not add up");
}

/* ------------------------------------------------------------------ */
/* After every event.                                                   */

static void
check_lock(struct sim *s, int i)
{
	const struct chain *c = &s->chain;
	const struct lock *lock = &c->state.lock[i],
			  *before = &c->after[(c->head + 15) % 16].lock[i];
	struct ghost *g = &s->ghosts[i];
	const struct row_lease *l = &s->market.leases[i];

	MUST(s, lock->paid <= lock->deposit, "lease %d paid more than its deposit", i);
	MUST(s, lock->paid <= g->both_signed, "lease %d paid more than both have signed", i);
	MUST(s, lock->paid <= rate_due(l->terms.rate, lock->up_to - lock->start).units,
	     "lease %d paid more than its rate allows", i);
	MUST(s, lock->refunds == (lock->state == LOCK_CLOSED || lock->state == LOCK_VOIDED),
	     "lease %d was refunded %u times", i, lock->refunds);
	if (lock->refunds != 0)
		MUST(s, lock->refund + lock->paid == lock->deposit,
		     "lease %d: refund is not the rest", i);
	if (c->head > 0 && before->state == LOCK_OPEN)
		MUST(s, lock->paid >= before->paid, "lease %d: what was paid fell", i);
	if (c->head > 0 && (before->state == LOCK_CLOSED || before->state == LOCK_VOIDED))
		MUST(s, lock->state == before->state && lock->paid == before->paid,
		     "lease %d ended and changed", i);
	if (lock->state == LOCK_OPEN)
		g->not_open_since = 0;
	else if (g->ever_opened && g->not_open_since == 0)
		g->not_open_since = s->now;
}

static void
check_chain(struct sim *s)
{
	const struct chain_state *c = &s->chain.state;
	u128 wallets = 0, inside = 0;
	int open[ORDERS] = { 0 };

	for (int i = 0; i < ACCOUNTS; i++) {
		wallets += c->wallet[i];
		inside += c->balance[i];
		MUST(s, c->wallet[i] <= s->supply && c->balance[i] <= s->supply,
		     "account %d is negative", i);
	}
	for (int i = 0; i < s->market.lease_count; i++) {
		check_lock(s, i);
		if (c->lock[i].state != LOCK_OPEN)
			continue;
		inside += c->lock[i].deposit - c->lock[i].paid;
		open[s->market.leases[i].order]++;
	}
	MUST(s, wallets + c->held == s->supply, "tokens came or went");
	MUST(s, inside == c->held, "the escrow's books differ from its tokens");
	for (int i = 0; i < ORDERS; i++)
		MUST(s, open[i] <= 1, "order %d has %d leases open on the chain", i, open[i]);
}

static void
check_order(struct sim *s, int i)
{
	const struct row_order *o = &s->market.orders[i];
	int live = 0;

	MUST(s, o->stored || !s->plans[i].acked, "order %d was acknowledged and is gone", i);
	MUST(s, o->failures <= LIFE_FAILURES_MAX, "order %d: %u winners failed", i, o->failures);
	MUST(s, !order_ended(s->order_before[i]) || o->state == s->order_before[i],
	     "order %d ended and moved to %s", i, order_state_name(o->state));
	for (int k = 0; k < s->market.lease_count; k++) {
		const struct row_lease *l = &s->market.leases[k];
		bool ended = l->state == LEASE_CLOSED || l->state == LEASE_FAILED;

		if (l->order != i)
			continue;
		live += !ended;
		MUST(s,
		     !order_ended(o->state) || s->chain.state.lock[k].state != LOCK_OPEN ||
			     s->now < s->order_ended_at[i] + STOP_GRACE,
		     "order %d has ended, and lease %d holds its deposit", i, k);
		MUST(s, l->state != LEASE_FAILED || s->chain.state.lock[k].paid == 0,
		     "lease %d failed and was paid", k);
		MUST(s, rate_cmp(l->terms.rate, s->plans[i].terms.maxRate) <= 0,
		     "lease %d costs more than its order allows", k);
	}
	MUST(s, live <= 1, "order %d has %d live leases", i, live);
	MUST(s, (live == 1) == (o->state == ORDER_AWARDED || o->state == ORDER_LEASED),
	     "order %d is %s with %d live leases", i, order_state_name(o->state), live);
	if (order_ended(o->state) && !order_ended(s->order_before[i]))
		s->order_ended_at[i] = s->now;
	s->order_before[i] = o->state;
	s->cancel_before[i] = o->cancel_asked;
}

static void
check_lease(struct sim *s, int i)
{
	const struct row_lease *l = &s->market.leases[i];
	struct ghost *g = &s->ghosts[i];
	const struct container *box = &s->containers[i];

	MUST(s, l->voucher_amount >= g->last_voucher, "lease %d: its voucher fell", i);
	g->last_voucher = l->voucher_amount;
	MUST(s, l->voucher_amount <= g->both_signed, "lease %d: a voucher that nobody signed", i);
	if (!box->running)
		return;
	MUST(s, g->ever_opened, "lease %d runs and was never opened", i);
	MUST(s,
	     g->not_open_since == 0 || s->now < g->not_open_since + STOP_GRACE ||
		     l->state == LEASE_OPENING,
	     "lease %d runs, and has not been open for minutes", i);
}

static void
check_provider(struct sim *s, int i)
{
	const struct provider *p = &s->providers[i];
	struct resources sum = { 0 }, need;

	for (int k = 0; k < s->market.lease_count; k++) {
		bool held = p->held[k].state != HELD_NONE && p->held[k].state != HELD_GONE;

		MUST(s,
		     held || s->market.leases[k].provider != i || !s->containers[k].running ||
			     s->now < s->provider_down_until[i],
		     "lease %d runs, and its provider does not know", k);
		if (!held)
			continue;
		need = group_total(&s->plans[s->market.leases[k].order].group);
		resources_add(&sum, &need);
	}
	MUST(s, memcmp(&sum, &p->reserved, sizeof(sum)) == 0,
	     "provider %d: reserved is not what it holds", i);
	MUST(s, resources_fit(&p->reserved, &p->capacity), "provider %d reserved more than it has",
	     i);
}

void
check_world(struct sim *s)
{
	check_chain(s);
	for (int i = 0; i < ORDERS; i++)
		check_order(s, i);
	for (int i = 0; i < s->market.lease_count; i++)
		check_lease(s, i);
	for (int i = 0; i < PROVIDERS; i++)
		check_provider(s, i);
}

/* ------------------------------------------------------------------ */
/* When all should be over.                                             */

void
check_end(struct sim *s)
{
	const struct resources none = { 0 };

	for (int i = 0; i < ORDERS; i++)
		MUST(s, order_ended(s->market.orders[i].state), "order %d never ended: it is %s", i,
		     order_state_name(s->market.orders[i].state));
	for (int i = 0; i < s->market.lease_count; i++) {
		MUST(s, s->chain.state.lock[i].state != LOCK_OPEN, "lease %d was never closed", i);
		MUST(s, !s->containers[i].running, "lease %d: its container still runs", i);
	}
	for (int i = 0; i < PROVIDERS; i++)
		MUST(s, memcmp(&s->providers[i].reserved, &none, sizeof(none)) == 0,
		     "provider %d still reserves what nobody uses", i);
}
