/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The market: rows, and a desk that asks life_next() about every live order.
 * Each event is one transaction. The dice may end the process before its record
 * is durable (the rows go back, a transaction may already be out) or after it
 * (the messages are lost). Reads the chain only through its indexer.
 */
#include "tests/sim/sim.h"

#include <assert.h>

enum { DESK_LIFE, DESK_INDEX, DESK_SETTLE };

static uint32_t
confirmations(void)
{
	return WRONG(NO_CONFIRMATIONS) ? 0 : CONFIRMATIONS;
}

void
market_begin(struct sim *s)
{
	for (int i = 0; i < ORDERS; i++)
		s->market.orders[i].lease = -1;
	s->market.seen_hash[0] = s->blocks[0].hash;
	sim_at(s, 0, EVENT_DESK, DESK_LIFE);
	sim_at(s, 0, EVENT_DESK, DESK_INDEX);
	sim_at(s, 0, EVENT_DESK, DESK_SETTLE);
}

/* ------------------------------------------------------------------ */
/* One function changes each state.                                     */

static void
move_order(struct sim *s, int order, enum order_state to)
{
	struct row_order *o = &s->market.orders[order];

	if (!order_may_move(o->state, to))
		sim_violation(s, "order %d moved from %s to %s", order, order_state_name(o->state),
			      order_state_name(to));
	o->state = to;
}

static void
move_lease(struct sim *s, int lease, enum lease_state to)
{
	struct row_lease *l = &s->market.leases[lease];

	/* A lease whose last word is stored goes back the way it came when the
	 * chain takes its opening away, or gives its deposit back first. */
	if (l->state == LEASE_CLOSING && (to == LEASE_OPENING || to == LEASE_FAILED)) {
		SOMETIMES(to == LEASE_OPENING ? SOME_RELEASE_REORGED : SOME_VOID_AFTER_RELEASE);
		move_lease(s, lease, LEASE_ACTIVE);
	}
	if (!lease_may_move(l->state, to))
		sim_violation(s, "lease %d moved from %s to %s", lease, lease_state_name(l->state),
			      lease_state_name(to));
	l->state = to;
}

/* ------------------------------------------------------------------ */
/* The indexer: follows block hashes, never heights.                     */

static void
intent_rewind(struct intent *in, uint32_t above)
{
	if (in->block <= above)
		return;
	in->block = 0;
	in->state = INTENT_PENDING;
}

static void
rewind_rows(struct sim *s, uint32_t above)
{
	struct market *m = &s->market;

	for (int i = 0; i < m->lease_count; i++) {
		struct row_lease *l = &m->leases[i];

		for (int k = 0; k < INTENT_KINDS; k++)
			intent_rewind(&l->intent[k], above);
		if (l->voided_block > above)
			l->voided_block = 0;
		if (l->closed_block > above) {
			l->closed_block = 0;
			SOMETIMES(SOME_CLOSING_REORGED);
		}
		if (l->opened_block <= above)
			continue;
		l->opened_block = 0;
		if (l->state != LEASE_ACTIVE && l->state != LEASE_CLOSING)
			continue;
		SOMETIMES(SOME_OPENING_REORGED);
		move_lease(s, i, LEASE_OPENING);
		move_order(s, l->order, ORDER_AWARDED);
	}
}

static void
index_outcome(struct row_lease *l, enum intent_kind kind, const struct tx *tx, enum skip skip,
	      uint32_t number)
{
	struct intent *in = &l->intent[kind];

	if (tx->seq != in->attempt || in->state == INTENT_FAILED || in->state == INTENT_DONE)
		return;
	in->block = number;
	in->state = skip == SKIP_NONE ? INTENT_DONE : INTENT_SENT;
}

static void
index_block(struct sim *s, uint32_t number)
{
	const struct block *b = &s->blocks[number];

	for (size_t i = 0; i < b->count; i++) {
		const struct tx *tx = &b->tx[i];
		struct row_lease *l = &s->market.leases[tx->lease];
		bool done = b->skip[i] == SKIP_NONE;

		switch (tx->kind) {
		case TX_OPEN:
			index_outcome(l, INTENT_OPEN, tx, b->skip[i], number);
			if (done) {
				l->opened_block = number;
				l->opened_time = b->time;
			}
			break;
		case TX_VOID:
			index_outcome(l, INTENT_VOID, tx, b->skip[i], number);
			if (done)
				l->voided_block = number;
			break;
		case TX_CLOSE:
			index_outcome(l, INTENT_CLOSE, tx, b->skip[i], number);
			if (done)
				l->closed_block = number;
			break;
		case TX_EXPIRE:
			if (done)
				l->closed_block = number;
			break;
		case TX_SETTLE: index_outcome(l, INTENT_SETTLE, tx, b->skip[i], number); break;
		default: break;
		}
	}
	s->market.seen_hash[number % 16] = b->hash;
	s->market.seen = number;
}

/* A refusal counts when its block can no longer vanish. */
static void
confirm_refusals(struct market *m)
{
	for (int i = 0; i < m->lease_count; i++)
		for (int k = 0; k < INTENT_KINDS; k++) {
			struct intent *in = &m->leases[i].intent[k];

			if (in->state == INTENT_SENT && in->block != 0 &&
			    m->seen >= in->block + confirmations())
				in->state = INTENT_FAILED;
		}
}

static void
index_chain(struct sim *s)
{
	struct market *m = &s->market;
	uint32_t common = m->seen;

	while (common > s->chain.head || m->seen_hash[common % 16] != s->blocks[common].hash)
		common--;
	if (common < m->seen)
		rewind_rows(s, common);
	m->seen = common;
	while (m->seen < s->chain.head)
		index_block(s, m->seen + 1);
	confirm_refusals(m);
}

/* ------------------------------------------------------------------ */
/* The desk.                                                            */

static bool
under_way(const struct intent *in)
{
	return in->state == INTENT_PENDING || in->state == INTENT_SENT;
}

static bool
final(const struct market *m, uint32_t block)
{
	return block != 0 && m->seen >= block + confirmations();
}

static void
lease_facts(const struct sim *s, const struct row_lease *l, struct life_facts *f)
{
	const struct market *m = &s->market;
	wall_t opened = (wall_t)l->opened_time * SECOND_US;
	wall_t launch = (wall_t)l->terms.launch * SECOND_US;

	f->lease = l->state;
	f->accept_by = l->accept_by;
	f->refused = l->refused;
	f->accepted = l->accepted;
	f->open_pending = under_way(&l->intent[INTENT_OPEN]);
	f->open_failed = l->intent[INTENT_OPEN].state == INTENT_FAILED;
	f->opened = l->opened_block != 0;
	f->opened_at = opened;
	f->launch_by = opened + launch * 3 / 4;
	f->void_until = opened + launch;
	f->launched = l->launched;
	f->launch_told = l->launch_told;
	f->launch_failed = l->launch_failed;
	f->voided = final(m, l->voided_block);
	f->closed = final(m, l->closed_block);
	/* Seen but not yet final is still under way. */
	f->void_pending =
		under_way(&l->intent[INTENT_VOID]) || (l->voided_block != 0 && !f->voided);
	f->close_pending =
		under_way(&l->intent[INTENT_CLOSE]) || (l->closed_block != 0 && !f->closed);
	f->released = l->released;
}

static bool
may_choose(const struct row_order *o, int provider)
{
	return o->price[provider].nano != 0 && (o->excluded >> provider & 1u) == 0;
}

static struct life_facts
order_facts(const struct sim *s, int order)
{
	const struct row_order *o = &s->market.orders[order];
	struct life_facts f = {
		.order = o->state,
		.round = o->round,
		.failures = o->failures,
		.order_ends = s->plans[order].ends_at,
		.round_ends = o->round_ends,
		.cancel_asked = o->cancel_asked,
		.choose_by = o->choose_by,
		.chosen = o->has_chosen && may_choose(o, o->chosen),
	};

	for (int i = 0; i < PROVIDERS; i++) {
		f.ranked = f.ranked || may_choose(o, i);
		f.invited += (o->invited >> i & 1u);
		f.answered += o->bid[i].given || o->bid[i].declined;
	}
	if (o->lease >= 0)
		lease_facts(s, &s->market.leases[o->lease], &f);
	return f;
}

static void
send_round(struct sim *s, int order)
{
	const struct row_order *o = &s->market.orders[order];

	for (int i = 0; i < PROVIDERS; i++)
		if ((o->invited >> i & 1u) != 0 && !o->bid[i].given && !o->bid[i].declined)
			sim_put(s, (struct message){ .kind = MSG_ROUND,
						     .from = MARKET,
						     .to = TENANTS + i,
						     .order = order,
						     .round = o->round });
}

static void
announce(struct sim *s, int order)
{
	struct row_order *o = &s->market.orders[order];

	move_order(s, order, ORDER_BIDDING);
	o->round++;
	o->invited = ((1u << PROVIDERS) - 1) & ~o->excluded;
	o->round_ends = MIN(s->now + s->plans[order].window_us, s->plans[order].ends_at);
	memset(o->bid, 0, sizeof(o->bid));
	memset(o->price, 0, sizeof(o->price));
	o->has_chosen = false;
	o->choose_by = s->plans[order].ends_at;
	send_round(s, order);
}

static void
send_award(struct sim *s, int lease)
{
	const struct row_lease *l = &s->market.leases[lease];

	sim_put(s, (struct message){ .kind = MSG_AWARD,
				     .from = MARKET,
				     .to = TENANTS + l->provider,
				     .order = l->order,
				     .lease = lease });
}

static void
award(struct sim *s, int order, int provider, struct rate price)
{
	struct market *m = &s->market;
	struct row_order *o = &m->orders[order];
	struct address who = sim_address(TENANTS + provider);
	int lease = m->lease_count++;

	if (lease >= LEASES - 1)
		sim_violation(s, "more than %d leases", LEASES - 1);
	if (o->cancel_asked && s->cancel_before[order])
		sim_violation(s, "order %d was awarded after its tenant took it back", order);
	m->leases[lease] = (struct row_lease){
		.order = order,
		.provider = provider,
		.terms = lease_from(&s->plans[order].terms, &who, price),
		.accept_by = s->now + 12 * SECOND_US,
	};
	o->lease = lease;
	move_lease(s, lease, LEASE_AWARDED);
	move_order(s, order, ORDER_AWARDED);
	send_award(s, lease);
}

static struct auction_bid
bid_of(const struct sim *s, int provider, const struct row_bid *b)
{
	const struct provider *p = &s->providers[provider];

	return (struct auction_bid){
		.provider = sim_address(TENANTS + provider),
		/* Two keys of one owner, and one that is a tenant's. */
		.owner = sim_address(provider == 2   ? TENANTS + 1
				     : provider == 4 ? 0
						     : TENANTS + provider),
		.floor = b->floor,
		.list = b->list,
		.launches = p->launches,
		.failures = p->failures,
		.sets_prices = p->established,
	};
}

/* The first at the rules' price, all others at their list price. */
static void
rank(struct sim *s, int order, const struct auction_bid *bids, const int *who, size_t count,
     const struct auction_outcome *out)
{
	struct row_order *o = &s->market.orders[order];

	for (size_t i = 0; i < count; i++) {
		struct rate price = i == out->winner ? out->price : bids[i].list;

		if (out->rank[i] != 0 && rate_cmp(price, s->plans[order].terms.maxRate) <= 0)
			o->price[who[i]] = price;
	}
	move_order(s, order, ORDER_RANKED);
}

/* The tenant takes its time, and sometimes all of it. */
static void
tenant_picks(struct sim *s, int order)
{
	struct row_order *o = &s->market.orders[order];
	int i = (int)sim_random(s, PROVIDERS);

	if (s->now >= o->choose_by || (o->has_chosen && may_choose(o, o->chosen)) ||
	    sim_random(s, 40) != 0 || !may_choose(o, i))
		return;
	SOMETIMES(o->failures > 0 ? SOME_CHOSEN_AGAIN : SOME_CHOSEN);
	o->has_chosen = true;
	o->chosen = i;
}

static void
clear(struct sim *s, int order)
{
	static struct auction_outcome out;
	struct row_order *o = &s->market.orders[order];
	const struct plan *p = &s->plans[order];
	struct auction_order ao = { .order = p->hash,
				    .round = o->round,
				    .max = p->terms.maxRate,
				    .care_hours = p->care_hours,
				    .tenant_owner = sim_address(p->tenant) };
	struct auction_bid bids[PROVIDERS];
	int who[PROVIDERS], winner = -1;
	size_t count = 0;
	bool all = true;

	for (int i = 0; i < PROVIDERS; i++) {
		all = all && ((o->invited >> i & 1u) == 0 || o->bid[i].given || o->bid[i].declined);
		if (!o->bid[i].given)
			continue;
		who[count] = i;
		bids[count++] = bid_of(s, i, &o->bid[i]);
	}
	if (!all && s->now < o->round_ends)
		sim_violation(s, "order %d: the round closed before its time", order);
	auction_clear(&ao, bids, count, &out);
	check_award(s, order, &ao, bids, count, &out);
	if (out.end == AUCTION_AWARDED)
		winner = who[out.winner];
	if (out.end == AUCTION_ABOVE_MAX)
		SOMETIMES(SOME_ABOVE_MAX);
	if (winner < 0) {
		move_order(s, order, ORDER_OPEN);
		return;
	}
	if (p->manual) {
		rank(s, order, bids, who, count, &out);
		return;
	}
	if (!s->providers[winner].established)
		SOMETIMES(SOME_NEWCOMER_WON);
	if (out.price_by_runner_up)
		SOMETIMES(SOME_RUNNER_UP_PRICE);
	award(s, order, winner, out.price);
}

static void
want(struct sim *s, int lease, enum intent_kind kind)
{
	struct intent *in = &s->market.leases[lease].intent[kind];

	if (in->state != INTENT_NONE && in->state != INTENT_FAILED)
		sim_violation(s, "lease %d: an intent of kind %d was asked for twice", lease,
			      (int)kind);
	in->attempt++;
	in->state = INTENT_PENDING;
	in->block = 0;
}

static void
fail_award(struct sim *s, int order)
{
	struct row_order *o = &s->market.orders[order];
	const struct row_lease *l = &s->market.leases[o->lease];

	if (l->voided_block != 0)
		SOMETIMES(SOME_VOID);
	else if (l->refused)
		SOMETIMES(SOME_REFUSAL);
	else if (l->accepted)
		SOMETIMES(SOME_OPEN_FAILED);
	else
		SOMETIMES(SOME_NO_ANSWER);
	move_lease(s, o->lease, LEASE_FAILED);
	move_order(s, order, ORDER_OPEN);
	o->excluded |= 1u << l->provider;
	o->failures++;
	o->lease = -1;
}

static void
end_order(struct sim *s, int order, enum order_state state)
{
	struct row_order *o = &s->market.orders[order];

	if (state == ORDER_CANCELLED && o->lease >= 0)
		SOMETIMES(s->market.leases[o->lease].accepted ? SOME_CANCEL_OPENING
							      : SOME_CANCEL_AWARDED);
	if (state == ORDER_UNFILLED)
		SOMETIMES(o->state == ORDER_RANKED ? SOME_NOT_CHOSEN : SOME_UNFILLED);
	if (state == ORDER_EXPIRED)
		SOMETIMES(SOME_EXPIRED);
	if (o->lease >= 0)
		move_lease(s, o->lease, LEASE_FAILED);
	move_order(s, order, state);
	o->lease = -1;
}

static void
act(struct sim *s, int order, enum life_action action)
{
	struct row_order *o = &s->market.orders[order];

	switch (action) {
	case LIFE_WAIT: return;
	case LIFE_ANNOUNCE: announce(s, order); return;
	case LIFE_CLEAR: clear(s, order); return;
	case LIFE_AWARD:
		if (!may_choose(o, o->chosen))
			sim_violation(s, "order %d: nobody chose that one", order);
		award(s, order, o->chosen, o->price[o->chosen]);
		return;
	case LIFE_RANK: move_order(s, order, ORDER_RANKED); return;
	case LIFE_FAIL_AWARD: fail_award(s, order); return;
	case LIFE_SEND_OPEN: want(s, o->lease, INTENT_OPEN); return;
	case LIFE_MARK_OPENED:
		move_lease(s, o->lease, LEASE_ACTIVE);
		move_order(s, order, ORDER_LEASED);
		if (o->failures > 0)
			SOMETIMES(SOME_FALL_BACK);
		return;
	case LIFE_TELL_LAUNCHED:
		if (s->market.leases[o->lease].launch_told)
			sim_violation(s, "lease %d: its launch was told twice", o->lease);
		s->market.leases[o->lease].launch_told = true;
		return;
	case LIFE_SEND_VOID:
		if (s->market.leases[o->lease].launched)
			sim_violation(s, "lease %d runs, and its deposit is taken back", o->lease);
		want(s, o->lease, INTENT_VOID);
		return;
	case LIFE_SEND_CLOSE: want(s, o->lease, INTENT_CLOSE); return;
	case LIFE_MARK_CLOSED:
		move_lease(s, o->lease, LEASE_CLOSED);
		move_order(s, order, ORDER_CLOSED);
		o->lease = -1;
		return;
	case LIFE_UNFILLED: end_order(s, order, ORDER_UNFILLED); return;
	case LIFE_CANCEL: end_order(s, order, ORDER_CANCELLED); return;
	case LIFE_EXPIRE: end_order(s, order, ORDER_EXPIRED); return;
	}
}

static void
desk(struct sim *s)
{
	for (int i = 0; i < ORDERS; i++) {
		struct row_order *o = &s->market.orders[i];
		struct life_facts f;
		struct life_step step;

		if (!o->stored)
			continue;
		if (o->state == ORDER_RANKED)
			tenant_picks(s, i);
		f = order_facts(s, i);
		step = life_next(&f, s->now);
		if (order_ended(o->state) && step.action != LIFE_WAIT)
			sim_violation(s, "order %d has ended, and life says %s", i,
				      life_action_name(step.action));
		if (step.action == LIFE_WAIT && step.until != 0 && step.until <= s->now)
			sim_violation(s, "order %d waits for a time that has passed", i);
		act(s, i, step.action);
	}
}

/* ------------------------------------------------------------------ */
/* The settler: intents to transactions; and messages said again.        */

static void
broadcast(struct sim *s, int lease, enum intent_kind kind)
{
	static const enum tx_kind kinds[] = { TX_OPEN, TX_VOID, TX_CLOSE, TX_SETTLE };
	struct row_lease *l = &s->market.leases[lease];
	struct intent *in = &l->intent[kind];
	bool again = in->state == INTENT_SENT && in->block == 0 &&
		     s->now >= in->sent_at + 30 * SECOND_US;

	if (in->state != INTENT_PENDING && !again)
		return;
	if (kind == INTENT_CLOSE) {
		in->amount = l->release_amount;
		in->up_to = l->release_up_to;
	}
	in->state = INTENT_SENT;
	in->sent_at = s->now;
	sim_put_tx(s, (struct tx){ .kind = kinds[kind],
				   .who = MARKET,
				   .order = l->order,
				   .lease = lease,
				   .seq = in->attempt,
				   .amount = in->amount,
				   .up_to = in->up_to });
}

static void
settle(struct sim *s)
{
	struct market *m = &s->market;

	for (int i = 0; i < m->lease_count; i++) {
		struct row_lease *l = &m->leases[i];
		struct intent *in = &l->intent[INTENT_SETTLE];

		if (l->state == LEASE_CLOSED || l->state == LEASE_FAILED)
			continue;
		if (l->state == LEASE_ACTIVE && l->voucher_amount > l->settled && !under_way(in) &&
		    s->now >= in->sent_at + 120 * SECOND_US) {
			in->state = INTENT_NONE;
			want(s, i, INTENT_SETTLE);
			in->amount = l->settled = l->voucher_amount;
			in->up_to = l->voucher_up_to;
		}
		for (int k = 0; k < INTENT_KINDS; k++)
			broadcast(s, i, (enum intent_kind)k);
		if (l->state == LEASE_AWARDED && !l->accepted && !l->refused)
			send_award(s, i);
	}
	for (int i = 0; i < ORDERS; i++)
		if (m->orders[i].stored && m->orders[i].state == ORDER_BIDDING)
			send_round(s, i);
}

/* ------------------------------------------------------------------ */
/* Messages.                                                            */

static void
take_bid(struct sim *s, const struct message *msg)
{
	struct row_order *o = &s->market.orders[msg->order];
	int provider = msg->from - TENANTS;
	struct row_bid *b = &o->bid[provider];

	if (!o->stored || o->state != ORDER_BIDDING || msg->round != o->round ||
	    (o->invited >> provider & 1u) == 0)
		return;
	if (s->now >= o->round_ends && !WRONG(LATE_BID)) {
		SOMETIMES(SOME_LATE_BID);
		return;
	}
	if (s->now >= o->round_ends)
		sim_violation(s, "order %d: a bid was taken after its window", msg->order);
	if (b->given || b->declined)
		return; /* said before: the first word counts */
	if (msg->kind == MSG_DECLINE)
		b->declined = true;
	else
		*b = (struct row_bid){ .given = true, .floor = msg->floor, .list = msg->list };
}

static void
take_voucher(struct sim *s, const struct message *msg)
{
	struct row_lease *l = &s->market.leases[msg->lease];

	if (l->state != LEASE_ACTIVE && l->state != LEASE_CLOSING)
		return;
	if (msg->amount > l->terms.deposit.units || msg->up_to > s->now / SECOND_US + 60)
		return;
	if (msg->amount <= l->voucher_amount && !WRONG(VOUCHER_FALLS))
		return;
	l->voucher_amount = msg->amount;
	l->voucher_up_to = msg->up_to;
}

static void
take_release(struct sim *s, const struct message *msg)
{
	struct row_lease *l = &s->market.leases[msg->lease];

	if (l->state != LEASE_ACTIVE || (l->released && l->release_amount != msg->amount))
		return;
	l->released = true;
	l->release_amount = msg->amount;
	l->release_up_to = msg->up_to;
	move_lease(s, msg->lease, LEASE_CLOSING);
}

static void
answer(struct sim *s, const struct message *to, enum message_kind kind)
{
	sim_put(s, (struct message){ .kind = kind,
				     .from = MARKET,
				     .to = to->from,
				     .order = to->order,
				     .lease = to->lease });
}

/* What a winner says of its lease. */
static void
take_word(struct sim *s, const struct message *msg)
{
	struct row_lease *l = &s->market.leases[msg->lease];

	if (msg->lease >= s->market.lease_count || l->provider != msg->from - TENANTS)
		return;
	switch (msg->kind) {
	case MSG_ACCEPT:
		if (l->state != LEASE_AWARDED || l->refused || s->now >= l->accept_by)
			return;
		l->accepted = true;
		move_lease(s, msg->lease, LEASE_OPENING);
		return;
	case MSG_REFUSE:
		if (l->state == LEASE_AWARDED)
			l->refused = true;
		return;
	case MSG_LAUNCHED:
		if (l->state == LEASE_ACTIVE)
			l->launched = true;
		if (l->launched)
			answer(s, msg, MSG_LAUNCHED_ACK);
		return;
	case MSG_LAUNCH_FAILED:
		if (!l->launched && (l->state == LEASE_OPENING || l->state == LEASE_ACTIVE))
			l->launch_failed = true;
		return;
	case MSG_LEASE_ASK:
		if (l->state == LEASE_FAILED)
			answer(s, msg, MSG_LEASE_FAILED);
		return;
	case MSG_VOUCHER: take_voucher(s, msg); return;
	case MSG_RELEASE: take_release(s, msg); return;
	default: return;
	}
}

static void
take_message(struct sim *s, const struct message *msg)
{
	struct row_order *o = &s->market.orders[msg->order];

	switch (msg->kind) {
	case MSG_ORDER:
		o->stored = true; /* asked again: the same answer */
		answer(s, msg, MSG_ORDER_ACK);
		return;
	case MSG_CANCEL:
		if (!o->stored)
			return;
		o->cancel_asked = true;
		answer(s, msg, MSG_CANCEL_ACK);
		return;
	case MSG_BID:
	case MSG_DECLINE: take_bid(s, msg); return;
	default: take_word(s, msg); return;
	}
}

/* ------------------------------------------------------------------ */
/* One event, one transaction.                                          */

static void
handle(struct sim *s, const struct sim_event *e)
{
	if (e->kind == EVENT_MESSAGE) {
		take_message(s, &e->msg);
		return;
	}
	switch (e->who) {
	case DESK_LIFE: desk(s); return;
	case DESK_INDEX: index_chain(s); return;
	default: settle(s); return;
	}
}

static void
flush(struct sim *s, bool recorded, bool whole)
{
	for (size_t i = 0; i < s->out_tx_count; i++) {
		/* A transaction may be out although its record is not. */
		if (!recorded && sim_chance(s, 500))
			continue;
		if (!recorded)
			SOMETIMES(SOME_SENT_UNRECORDED);
		chain_submit(s, &s->out_tx[i]);
	}
	for (size_t i = 0; i < s->out_count; i++)
		if (WRONG(ACK_BEFORE_COMMIT) || (recorded && (whole || sim_chance(s, 500))))
			sim_send(s, &s->out[i]);
}

void
market_event(struct sim *s, const struct sim_event *e)
{
	static const wall_t every[] = { SECOND_US, 2 * SECOND_US, 2 * SECOND_US };
	bool crash = sim_faults(s) && sim_chance(s, 8), lost = crash && sim_chance(s, 500);

	if (e->kind == EVENT_DESK)
		sim_at(s, s->now + every[e->who], EVENT_DESK, e->who);
	if (s->now < s->market_down_until)
		return;
	if (lost)
		s->market_saved = s->market;
	handle(s, e);
	if (lost) {
		s->market = s->market_saved;
		SOMETIMES(SOME_RECORD_LOST);
	}
	flush(s, !lost, !crash);
	if (crash) {
		s->crashes++;
		s->market_down_until = s->now + SECOND_US * (wall_t)(1 + sim_random(s, 20));
	}
}
