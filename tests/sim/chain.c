/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The escrow contract as its rules read, with blocks that may vanish again.
 * It trusts nobody: what a transaction claims is checked against who really
 * signed (the ghosts stand for signatures). Knows nothing of the market.
 */
#include "tests/sim/sim.h"

#include <assert.h>

void
chain_begin(struct sim *s)
{
	struct chain *c = &s->chain;

	for (int i = 0; i < TENANTS; i++)
		c->state.wallet[i] = 2000000 + sim_random(s, 2000000);
	for (int i = 0; i < ACCOUNTS; i++)
		s->supply += c->state.wallet[i];
	c->after[0] = c->state;
	s->blocks[0] = (struct block){ .hash = ++c->hashes };
}

/* State as of the last block that no reorganisation reaches. */
const struct chain_state *
chain_final(const struct sim *s)
{
	uint32_t head = s->chain.head;

	return &s->chain.after[(head > CONFIRMATIONS ? head - CONFIRMATIONS : 0) % 16];
}

static bool
voucher_signed(const struct ghost *g, u128 amount, uint32_t up_to, bool provider_too)
{
	if (WRONG(NO_SIGNATURES))
		return true;
	for (size_t i = g->voucher_count; i-- > 0;)
		if (g->vouchers[i].amount == amount && g->vouchers[i].up_to == up_to)
			return g->vouchers[i].payer && (!provider_too || g->vouchers[i].provider);
	return false;
}

static enum skip
apply_open(struct sim *s, const struct tx *tx)
{
	struct chain_state *c = &s->chain.state;
	const struct plan *p = &s->plans[tx->order];
	struct lock *lock = &c->lock[tx->lease];

	if (c->time > p->terms.openBy)
		return SKIP_EXPIRED;
	if (c->nonce_used[tx->order])
		return SKIP_NONCE;
	if (lock->state != LOCK_UNKNOWN)
		return SKIP_ALREADY;
	if (c->balance[p->tenant] < p->terms.deposit.units)
		return SKIP_FUNDS;
	if (!s->ghosts[tx->lease].signed_lease)
		return SKIP_SIGNATURE;
	c->nonce_used[tx->order] = true;
	c->balance[p->tenant] -= p->terms.deposit.units;
	*lock = (struct lock){ .state = LOCK_OPEN,
			       .deposit = p->terms.deposit.units,
			       .start = c->time,
			       .up_to = c->time };
	s->ghosts[tx->lease].ever_opened = true;
	return SKIP_NONE;
}

static void
lock_end(struct chain_state *c, struct lock *lock, int tenant, enum lock_state state)
{
	u128 refund = lock->deposit - lock->paid;

	if (WRONG(REFUND_OFF_BY_ONE))
		refund++;
	lock->refund = refund;
	lock->refunds++;
	lock->state = state;
	c->balance[tenant] += refund;
}

static enum skip
apply_void(struct sim *s, const struct tx *tx)
{
	struct chain_state *c = &s->chain.state;
	struct lock *lock = &c->lock[tx->lease];
	const struct plan *p = &s->plans[tx->order];

	if (lock->state != LOCK_OPEN)
		return SKIP_ENDED;
	if (lock->up_to != lock->start || lock->stop_at != 0)
		return SKIP_MOVED;
	if (c->time > lock->start + p->terms.launch)
		return SKIP_LATE;
	lock_end(c, lock, p->tenant, LOCK_VOIDED);
	c->nonce_used[tx->order] = false;
	return SKIP_NONE;
}

/* What a voucher makes of the lock: capped by time and by the deposit. */
static enum skip
pay(struct sim *s, const struct tx *tx)
{
	struct chain_state *c = &s->chain.state;
	struct lock *lock = &c->lock[tx->lease];
	const struct row_lease *l = &s->market.leases[tx->lease];
	uint32_t up_to = tx->up_to, end = lock->stop_at != 0 ? lock->stop_at : c->time;
	u128 due, fee;

	if (tx->up_to > c->time)
		return SKIP_FUTURE;
	up_to = MIN(up_to, end);
	if (up_to < lock->up_to)
		return SKIP_STALE;
	due = MIN(tx->amount, rate_due(l->terms.rate, up_to - lock->start).units);
	due = MIN(due, lock->deposit);
	if (due < lock->paid || (due == lock->paid && up_to == lock->up_to))
		return SKIP_STALE;
	due -= WRONG(PAY_CUMULATIVE_AGAIN) ? 0 : lock->paid;
	fee = due * l->terms.feeBps / 10000;
	c->balance[TENANTS + l->provider] += due - fee;
	c->balance[MARKET] += fee;
	lock->paid += due;
	lock->up_to = up_to;
	return SKIP_NONE;
}

static enum skip
apply_settle(struct sim *s, const struct tx *tx)
{
	if (s->chain.state.lock[tx->lease].state != LOCK_OPEN)
		return SKIP_ENDED;
	if (!voucher_signed(&s->ghosts[tx->lease], tx->amount, tx->up_to, true))
		return SKIP_SIGNATURE;
	return pay(s, tx);
}

static enum skip
apply_close(struct sim *s, const struct tx *tx)
{
	struct chain_state *c = &s->chain.state;
	struct lock *lock = &c->lock[tx->lease];
	enum skip skip;

	if (lock->state != LOCK_OPEN && !(WRONG(REFUND_TWICE) && lock->state == LOCK_CLOSED))
		return SKIP_ENDED;
	if (tx->amount < lock->paid)
		return SKIP_STALE;
	if (tx->amount > lock->paid) {
		if (!voucher_signed(&s->ghosts[tx->lease], tx->amount, tx->up_to, true))
			return SKIP_SIGNATURE;
		skip = pay(s, tx);
		/* Nothing new under the caps is no reason to stay open. */
		if (skip != SKIP_NONE && !(skip == SKIP_STALE && tx->up_to >= lock->up_to))
			return skip;
	}
	lock_end(c, lock, s->plans[tx->order].tenant, LOCK_CLOSED);
	if (lock->paid > 0)
		SOMETIMES(SOME_CLOSED_PAID);
	return SKIP_NONE;
}

static enum skip
apply_stop(struct sim *s, const struct tx *tx)
{
	struct chain_state *c = &s->chain.state;
	struct lock *lock = &c->lock[tx->lease];

	if (lock->state != LOCK_OPEN)
		return SKIP_ENDED;
	if (lock->stop_at != 0)
		return SKIP_ALREADY;
	lock->stop_at = c->time;
	SOMETIMES(SOME_STOPPED);
	return SKIP_NONE;
}

static enum skip
apply_expire(struct sim *s, const struct tx *tx)
{
	struct chain_state *c = &s->chain.state;
	struct lock *lock = &c->lock[tx->lease];
	const struct plan *p = &s->plans[tx->order];

	if (lock->state != LOCK_OPEN)
		return SKIP_ENDED;
	if (lock->stop_at == 0 || c->time < lock->stop_at + 1 + p->terms.window)
		return SKIP_EARLY;
	lock_end(c, lock, p->tenant, LOCK_CLOSED);
	return SKIP_NONE;
}

static enum skip
apply(struct sim *s, const struct tx *tx)
{
	struct chain_state *c = &s->chain.state;
	u128 amount;

	switch (tx->kind) {
	case TX_DEPOSIT:
		amount = MIN(tx->amount, c->wallet[tx->who]);
		c->wallet[tx->who] -= amount;
		c->balance[tx->who] += amount;
		c->held += amount;
		return SKIP_NONE;
	case TX_WITHDRAW:
		amount = MIN(tx->amount, c->balance[tx->who]);
		c->balance[tx->who] -= amount;
		c->wallet[tx->who] += amount;
		c->held -= amount;
		return SKIP_NONE;
	case TX_OPEN: return apply_open(s, tx);
	case TX_VOID: return apply_void(s, tx);
	case TX_GRAB:
	case TX_SETTLE: return apply_settle(s, tx);
	case TX_CLOSE: return apply_close(s, tx);
	case TX_STOP: return apply_stop(s, tx);
	case TX_EXPIRE: return apply_expire(s, tx);
	case TX_KINDS: break;
	}
	return SKIP_NONE;
}

/* ------------------------------------------------------------------ */
/* Pool and blocks.                                                    */

static uint64_t *
mined_bits(struct sim *s, const struct tx *tx)
{
	bool account = tx->kind == TX_DEPOSIT || tx->kind == TX_WITHDRAW;

	return &s->chain.state.mined[tx->kind][account ? tx->who : tx->lease];
}

static bool
tx_same(const struct tx *a, const struct tx *b)
{
	return a->kind == b->kind && a->who == b->who && a->lease == b->lease && a->seq == b->seq;
}

void
chain_submit(struct sim *s, const struct tx *tx)
{
	struct chain *c = &s->chain;

	if (tx->seq >= 64)
		sim_violation(s, "transaction kind %d of lease %d was tried %u times",
			      (int)tx->kind, tx->lease, tx->seq);
	if (sim_faults(s) && sim_chance(s, 40))
		return; /* a node that forgets */
	for (size_t i = 0; i < c->pool_count; i++)
		if (tx_same(&c->pool[i], tx))
			return;
	if (c->pool_count < NELEMS(c->pool))
		c->pool[c->pool_count++] = *tx;
}

static void
reorganise(struct sim *s, uint32_t depth)
{
	struct chain *c = &s->chain;

	s->reorgs++;
	while (depth-- > 0 && c->head > 1 && c->head + REORG_MAX > c->highest) {
		struct block *b = &s->blocks[c->head--];

		c->state = c->after[c->head % 16];
		for (size_t i = 0; i < b->count; i++)
			if (sim_chance(s, 800))
				chain_submit(s, &b->tx[i]);
	}
}

static void
mine(struct sim *s)
{
	struct chain *c = &s->chain;
	struct block *b;
	size_t kept = 0;

	if (++c->head >= BLOCKS)
		sim_violation(s, "the chain grew past %d blocks", BLOCKS);
	b = &s->blocks[c->head];
	b->hash = ++c->hashes;
	b->count = 0;
	b->time = c->state.time = (uint32_t)(s->now / SECOND_US);
	for (size_t i = 0; i < c->pool_count; i++) {
		const struct tx tx = c->pool[i];
		uint64_t *bits = mined_bits(s, &tx), bit = (uint64_t)1 << tx.seq;

		if ((*bits & bit) != 0)
			continue;
		if (b->count == BLOCK_TXS || sim_chance(s, 150)) {
			c->pool[kept++] = tx; /* a later block takes it */
			continue;
		}
		*bits |= bit;
		b->skip[b->count] = apply(s, &tx);
		b->tx[b->count++] = tx;
	}
	c->pool_count = kept;
	c->after[c->head % 16] = c->state;
	c->highest = MAX(c->highest, c->head);
}

void
chain_block(struct sim *s)
{
	if (sim_faults(s) && sim_chance(s, 40))
		reorganise(s, 1 + (uint32_t)sim_random(s, REORG_MAX));
	mine(s);
	sim_at(s, s->now + SECOND_US * (wall_t)(2 + sim_random(s, 3)), EVENT_BLOCK, 0);
}
