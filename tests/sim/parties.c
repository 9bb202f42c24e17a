/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenants and providers, good and bad, each deriving on a timer what should be
 * from what it has recorded and what the chain shows. Of the market's rows they
 * read only the immutable part of a lease, which the award carries.
 */
#include "tests/sim/sim.h"

#include <assert.h>

#define GIB ((uint64_t)1024 * 1024 * 1024)
#define MIB ((uint64_t)1024 * 1024)

static void
plan_order(struct sim *s, int i)
{
	struct plan *p = &s->plans[i];
	bool metered = sim_chance(s, 400);
	uint32_t last = (uint32_t)(FAULTS_END / SECOND_US) * 2 / 3;

	p->tenant = i % TENANTS;
	p->posts_at = SECOND_US * (wall_t)(10 + sim_random(s, last));
	p->ends_at = p->posts_at + SECOND_US * (wall_t)(60 + sim_random(s, 300));
	p->window_us = MILLI_US * (wall_t)(400 + sim_random(s, 8000));
	p->care_hours = (uint32_t)sim_random(s, 5);
	p->manual = (p - s->plans) % 4 == 3;
	p->cancel_at =
		sim_chance(s, 200) ? p->posts_at + MILLI_US * (wall_t)sim_random(s, 60000) : 0;
	/* Some change their mind while the opening's block is still young. */
	p->closes_after_us = SECOND_US * (wall_t)(sim_chance(s, 150) ? sim_random(s, 8)
								     : 20 + sim_random(s, 900));
	p->signs_for_us = SECOND_US * (wall_t)(sim_chance(s, 250) ? sim_random(s, 200) : 100000);
	p->service = (struct group_service){
		.name = "web",
		.count = 1 + (uint32_t)sim_random(s, 2),
		.resources = { .cpu_milli = 250 * (1 + (uint32_t)sim_random(s, 8)),
			       .memory_bytes = 256 * MIB * (1 + sim_random(s, 8)),
			       .storage_bytes = GIB * (1 + sim_random(s, 5)),
			       .endpoints = (uint32_t)sim_random(s, 3) },
	};
	p->group = (struct group){ .name = "sim",
				   .billing = metered ? "metered" : "reserved",
				   .services = { &p->service, 1 } };
	p->terms = (struct order_terms){
		.tenant = sim_address(p->tenant),
		.maxRate = { (u128)(60 + sim_random(s, 240)) * RATE_UNIT },
		.baseBps = metered ? (uint32_t)sim_random(s, 3) * 2500 : 10000,
		.deposit = { 20000 + sim_random(s, 120000) },
		.openBy = (uint32_t)(p->ends_at / SECOND_US) + 5 + (uint32_t)sim_random(s, 60),
		.window = 10 + (uint32_t)sim_random(s, 50),
		.launch = 60 + (uint32_t)sim_random(s, 120),
		.auctioneer = sim_address(MARKET),
		.feeBps = (uint32_t)sim_random(s, 300),
		.nonce = (uint64_t)i,
	};
	p->hash = order_hash(&p->terms);
}

static void
plan_provider(struct sim *s, int i)
{
	static const enum manners all[] = { HONEST,	     REFUSES,  MUTE,   DUD,
					    REPORTS_FAILURE, INFLATES, DESERTS };
	struct provider *p = &s->providers[i];

	p->manners = i == 0 ? HONEST : all[sim_random(s, NELEMS(all))];
	p->established = i == 0 || sim_chance(s, 750);
	p->launches = p->established ? (uint32_t)sim_random(s, 200) : 0;
	p->failures = (uint32_t)sim_random(s, 8);
	p->capacity = (struct resources){ .cpu_milli = 12000,
					  .memory_bytes = 16 * GIB,
					  .storage_bytes = 60 * GIB,
					  .endpoints = 12 };
	p->card = (struct rate_card){
		.fixed = { sim_random(s, 6) * RATE_UNIT },
		.cpu_milli = { 10000000 + sim_random(s, 20000000) },
		.memory_mib = { 5000000 + sim_random(s, 10000000) },
		.storage_mib = { 500000 + sim_random(s, 1000000) },
		.endpoint = { sim_random(s, 3) * RATE_UNIT },
	};
}

void
parties_begin(struct sim *s)
{
	for (int i = 0; i < ORDERS; i++)
		plan_order(s, i);
	for (int i = 0; i < PROVIDERS; i++) {
		plan_provider(s, i);
		sim_at(s, (wall_t)sim_random(s, 5 * SECOND_US), EVENT_PROVIDER, i);
	}
	for (int i = 0; i < TENANTS; i++)
		sim_at(s, (wall_t)sim_random(s, 5 * SECOND_US), EVENT_TENANT, i);
}

/* Bad manners show in two leases of three, and end with the faults. */
static bool
behaves(const struct sim *s, int provider, int lease, enum manners bad)
{
	return sim_faults(s) && s->providers[provider].manners == bad &&
	       (lease * 7 + provider) % 3 != 0;
}

struct price_lease
lease_price(const struct sim *s, int lease)
{
	const struct row_lease *l = &s->market.leases[lease];
	const struct plan *p = &s->plans[l->order];

	return (struct price_lease){
		.rate = l->terms.rate,
		.base = l->terms.base,
		.card = s->providers[l->provider].card,
		.reserved = group_total(&p->group),
		.deposit = l->terms.deposit,
		.billing = group_billing(&p->group),
	};
}

/* ------------------------------------------------------------------ */
/* Signatures, as the ghosts keep them.                                  */

static struct voucher_seen *
voucher_entry(struct sim *s, int lease, u128 amount, uint32_t up_to)
{
	struct ghost *g = &s->ghosts[lease];

	for (size_t i = g->voucher_count; i-- > 0;)
		if (g->vouchers[i].amount == amount && g->vouchers[i].up_to == up_to)
			return &g->vouchers[i];
	if (g->voucher_count == NELEMS(g->vouchers))
		sim_violation(s, "lease %d: too many vouchers", lease);
	g->vouchers[g->voucher_count] = (struct voucher_seen){ .amount = amount, .up_to = up_to };
	return &g->vouchers[g->voucher_count++];
}

/* ------------------------------------------------------------------ */
/* Tenants.                                                             */

static void
tenant_purse(struct sim *s, int tenant)
{
	const struct chain_state *c = &s->chain.state;
	unsigned deposits = (unsigned)__builtin_popcountll(c->mined[TX_DEPOSIT][tenant]);
	unsigned withdrawals = (unsigned)__builtin_popcountll(c->mined[TX_WITHDRAW][tenant]);

	if (c->wallet[tenant] > 0 && sim_chance(s, 150))
		chain_submit(s, &(struct tx){ .kind = TX_DEPOSIT,
					      .who = tenant,
					      .seq = deposits,
					      .amount = c->wallet[tenant] });
	if (sim_faults(s) && c->balance[tenant] > 0 && sim_chance(s, 15))
		chain_submit(s, &(struct tx){ .kind = TX_WITHDRAW,
					      .who = tenant,
					      .seq = withdrawals,
					      .amount = sim_random(s, (uint64_t)c->balance[tenant] +
									      1) });
}

/* A lease of the tenant's that is open at the head. */
static void
tenant_lease(struct sim *s, int order, int lease)
{
	struct plan *p = &s->plans[order];
	const struct lock *lock = &s->chain.state.lock[lease];
	wall_t start = (wall_t)lock->start * SECOND_US, close_at = start + p->closes_after_us;
	bool idle = s->ghosts[lease].payer_signed == 0 &&
		    s->now > start + ((wall_t)p->terms.launch + 60) * SECOND_US;

	if (!sim_faults(s))
		close_at = MIN(close_at, s->now);
	if (s->now < close_at && !idle)
		return;
	sim_put(s, (struct message){ .kind = MSG_CLOSE,
				     .from = p->tenant,
				     .to = TENANTS + s->market.leases[lease].provider,
				     .order = order,
				     .lease = lease });
	if (s->now < close_at + 90 * SECOND_US && !idle)
		return;
	if (lock->stop_at == 0)
		sim_put_tx(s, (struct tx){ .kind = TX_STOP,
					   .who = p->tenant,
					   .order = order,
					   .lease = lease,
					   .seq = (p->stops++ / 8) % 64 });
	else if (s->chain.state.time > lock->stop_at + p->terms.window)
		sim_put_tx(s, (struct tx){ .kind = TX_EXPIRE,
					   .who = p->tenant,
					   .order = order,
					   .lease = lease,
					   .seq = (p->expires++ / 8) % 64 });
}

static void
tenant_tick(struct sim *s, int tenant)
{
	tenant_purse(s, tenant);
	for (int i = tenant; i < ORDERS; i += TENANTS) {
		struct plan *p = &s->plans[i];

		if (s->now < p->posts_at)
			continue;
		if (!p->acked)
			sim_put(s, (struct message){ .kind = MSG_ORDER,
						     .from = tenant,
						     .to = MARKET,
						     .order = i });
		if (p->cancel_at != 0 && s->now >= p->cancel_at && !p->cancel_acked)
			sim_put(s, (struct message){ .kind = MSG_CANCEL,
						     .from = tenant,
						     .to = MARKET,
						     .order = i });
	}
	for (int k = 0; k < s->market.lease_count; k++)
		if (s->plans[s->market.leases[k].order].tenant == tenant &&
		    s->chain.state.lock[k].state == LOCK_OPEN)
			tenant_lease(s, s->market.leases[k].order, k);
}

/* Countersign what the price allows for the time, never less than before. */
static void
tenant_countersign(struct sim *s, const struct message *m)
{
	const struct plan *p = &s->plans[m->order];
	const struct lock *lock = &s->chain.state.lock[m->lease];
	struct ghost *g = &s->ghosts[m->lease];
	struct voucher_seen *v;

	if (lock->state != LOCK_OPEN || m->up_to < lock->start || m->up_to > s->now / SECOND_US)
		return;
	if (sim_faults(s) && s->now > (wall_t)lock->start * SECOND_US + p->signs_for_us)
		return;
	if (m->amount >
		    rate_due(s->market.leases[m->lease].terms.rate, m->up_to - lock->start).units ||
	    m->amount > lock->deposit) {
		SOMETIMES(SOME_INFLATED);
		return;
	}
	if (m->amount < g->payer_signed)
		return;
	v = voucher_entry(s, m->lease, m->amount, m->up_to);
	v->payer = true;
	g->payer_signed = m->amount;
	if (v->provider)
		g->both_signed = MAX(g->both_signed, m->amount);
	sim_put(s, (struct message){ .kind = MSG_VOUCHER,
				     .from = p->tenant,
				     .to = m->from,
				     .order = m->order,
				     .lease = m->lease,
				     .amount = m->amount,
				     .up_to = m->up_to });
}

static void
flush(struct sim *s)
{
	for (size_t i = 0; i < s->out_tx_count; i++)
		chain_submit(s, &s->out_tx[i]);
	for (size_t i = 0; i < s->out_count; i++)
		sim_send(s, &s->out[i]);
}

void
tenant_event(struct sim *s, const struct sim_event *e)
{
	if (e->kind == EVENT_TENANT) {
		sim_at(s, s->now + SECOND_US * (wall_t)(4 + sim_random(s, 4)), EVENT_TENANT,
		       e->who);
		tenant_tick(s, e->who);
	} else if (e->msg.kind == MSG_ORDER_ACK) {
		s->plans[e->msg.order].acked = true;
	} else if (e->msg.kind == MSG_CANCEL_ACK) {
		s->plans[e->msg.order].cancel_acked = true;
	} else if (e->msg.kind == MSG_USAGE) {
		tenant_countersign(s, &e->msg);
	}
	flush(s);
}

/* ------------------------------------------------------------------ */
/* Providers: bidding.                                                  */

static struct resources
provider_free(const struct provider *p)
{
	struct resources rest = p->capacity;

	resources_sub(&rest, &p->reserved);
	return rest;
}

static void
provider_bid(struct sim *s, int who, const struct message *m)
{
	struct provider *p = &s->providers[who];
	struct own_bid *b = &p->bid[m->order];
	const struct plan *plan = &s->plans[m->order];
	struct resources need = group_total(&plan->group), rest = provider_free(p);
	uint32_t used = (uint32_t)((uint64_t)p->reserved.cpu_milli * 10000 / p->capacity.cpu_milli);

	if (b->round != m->round) { /* priced once a round, then only repeated */
		b->round = m->round;
		b->declined = !resources_fit(&need, &rest) || sim_chance(s, 50);
		b->floor = price_curve(price_group(&p->card, &plan->group, NULL), 3000, used);
		b->list = price_scale(b->floor, 10000 + (uint32_t)sim_random(s, 3000));
		if (sim_faults(s) && sim_chance(s, 20))
			b->list.nano = b->floor.nano / 2; /* nonsense */
	}
	sim_put(s, (struct message){ .kind = b->declined ? MSG_DECLINE : MSG_BID,
				     .from = TENANTS + who,
				     .to = MARKET,
				     .order = m->order,
				     .round = m->round,
				     .floor = b->floor,
				     .list = b->list });
}

static void
provider_say(struct sim *s, int who, int lease, enum message_kind kind)
{
	const struct row_held *h = &s->providers[who].held[lease];

	sim_put(s, (struct message){ .kind = kind,
				     .from = TENANTS + who,
				     .to = MARKET,
				     .order = s->market.leases[lease].order,
				     .lease = lease,
				     .amount = h->voucher_amount,
				     .up_to = h->voucher_up_to });
}

static void
provider_awarded(struct sim *s, int who, const struct message *m)
{
	struct provider *p = &s->providers[who];
	struct row_held *h = &p->held[m->lease];
	struct resources need = group_total(&s->plans[m->order].group), rest = provider_free(p);

	if (h->state == HELD_NONE) {
		if (behaves(s, who, m->lease, MUTE))
			return;
		if (behaves(s, who, m->lease, REFUSES) || !resources_fit(&need, &rest)) {
			provider_say(s, who, m->lease, MSG_REFUSE);
			return;
		}
		resources_add(&p->reserved, &need);
		h->state = HELD_ACCEPTED;
	}
	if (h->state == HELD_ACCEPTED)
		provider_say(s, who, m->lease, MSG_ACCEPT);
}

/* ------------------------------------------------------------------ */
/* Providers: running.                                                  */

static void
provider_stop(struct sim *s, int lease)
{
	if (!WRONG(KEEP_CONTAINER))
		s->containers[lease].running = false;
}

static void
provider_forget(struct sim *s, int who, int lease)
{
	struct provider *p = &s->providers[who];
	struct resources need = group_total(&s->plans[s->market.leases[lease].order].group);

	provider_stop(s, lease);
	if (!WRONG(KEEP_CAPACITY))
		resources_sub(&p->reserved, &need);
	p->held[lease].state = HELD_GONE;
}

static void
provider_release(struct sim *s, int who, int lease)
{
	provider_stop(s, lease);
	s->providers[who].held[lease].state = HELD_RELEASED;
}

static void
provider_launch(struct sim *s, int who, int lease)
{
	struct row_held *h = &s->providers[who].held[lease];
	struct container *box = &s->containers[lease];

	if (s->chain.state.lock[lease].stop_at != 0 || behaves(s, who, lease, DUD))
		return;
	if (behaves(s, who, lease, REPORTS_FAILURE)) {
		provider_say(s, who, lease, MSG_LAUNCH_FAILED);
		return;
	}
	if (box->running) /* started before a crash took the record */
		SOMETIMES(SOME_ADOPTED);
	else
		*box = (struct container){
			.running = true,
			.healthy_at = s->now + SECOND_US * (wall_t)(2 + sim_random(s, 20))
		};
	h->state = HELD_RUNNING;
}

static struct meter
read_meter(const struct sim *s, int lease, const struct price_lease *l)
{
	const struct container *box = &s->containers[lease];
	uint32_t seconds =
		s->now > box->healthy_at ? (uint32_t)((s->now - box->healthy_at) / SECOND_US) : 0;

	return (struct meter){
		.seconds = seconds,
		.cpu_milli_seconds =
			(uint64_t)seconds * l->reserved.cpu_milli * (unsigned)(lease % 12) / 10,
		.memory_mib_seconds = (uint64_t)seconds * (l->reserved.memory_bytes / MIB) *
				      (unsigned)(lease % 11) / 10,
	};
}

/* Meter, ask for a countersignature, and leave when nobody pays. */
static void
provider_meter(struct sim *s, int who, int lease)
{
	struct row_held *h = &s->providers[who].held[lease];
	const struct lock *lock = &s->chain.state.lock[lease];
	struct price_lease l = lease_price(s, lease);
	struct meter m = read_meter(s, lease, &l);
	uint32_t up_to = s->chain.state.time;
	u128 due = price_due(&l, &m, up_to - lock->start).units;

	check_due(s, &l, &m, up_to - lock->start, due);
	h->claimed = MAX(h->claimed, due);
	due = h->claimed;
	if (behaves(s, who, lease, INFLATES)) {
		due = due * 3 / 2;
		if (sim_chance(s, 100))
			chain_submit(s, &(struct tx){ .kind = TX_GRAB,
						      .who = TENANTS + who,
						      .lease = lease,
						      .order = s->market.leases[lease].order,
						      .amount = due,
						      .up_to = up_to,
						      .seq = (unsigned)sim_random(s, 64) });
	}
	if (h->claimed > h->voucher_amount + rate_due(l.rate, 150).units) {
		SOMETIMES(SOME_UNPAID);
		provider_release(s, who, lease);
		return;
	}
	if (h->voucher_amount >= l.deposit.units ||
	    (h->close_asked && !behaves(s, who, lease, DESERTS))) {
		provider_release(s, who, lease);
		return;
	}
	if (sim_chance(s, 500))
		return;
	voucher_entry(s, lease, due, up_to)->provider = true;
	sim_put(s, (struct message){ .kind = MSG_USAGE,
				     .from = TENANTS + who,
				     .to = s->plans[s->market.leases[lease].order].tenant,
				     .order = s->market.leases[lease].order,
				     .lease = lease,
				     .amount = due,
				     .up_to = up_to });
	provider_say(s, who, lease, MSG_VOUCHER);
}

static void
provider_lease(struct sim *s, int who, int lease)
{
	struct row_held *h = &s->providers[who].held[lease];
	enum lock_state head = s->chain.state.lock[lease].state,
			final = chain_final(s)->lock[lease].state;
	uint32_t open_by = s->market.leases[lease].terms.openBy;
	wall_t too_late = ((wall_t)open_by + 120) * SECOND_US;

	if (final == LOCK_CLOSED || final == LOCK_VOIDED) {
		provider_forget(s, who, lease);
		return;
	}
	if (head != LOCK_OPEN) {
		if (head == LOCK_UNKNOWN && final == LOCK_UNKNOWN && s->now > too_late)
			provider_forget(s, who, lease);
		else
			provider_say(s, who, lease, MSG_LEASE_ASK);
		return;
	}
	if (h->state == HELD_ACCEPTED && h->close_asked)
		provider_release(s, who, lease);
	if (h->state == HELD_ACCEPTED)
		provider_launch(s, who, lease);
	if (h->state == HELD_RUNNING && !h->launched_acked &&
	    s->now >= s->containers[lease].healthy_at)
		provider_say(s, who, lease, MSG_LAUNCHED);
	if (h->state == HELD_RUNNING)
		provider_meter(s, who, lease);
	if (h->state == HELD_RELEASED)
		provider_say(s, who, lease, MSG_RELEASE);
}

static void
provider_voucher(struct sim *s, int who, const struct message *m)
{
	struct row_held *h = &s->providers[who].held[m->lease];

	if (h->state != HELD_RUNNING || m->amount < h->voucher_amount ||
	    (m->amount == h->voucher_amount && m->up_to <= h->voucher_up_to))
		return;
	h->voucher_amount = m->amount;
	h->voucher_up_to = m->up_to;
	s->ghosts[m->lease].both_signed = MAX(s->ghosts[m->lease].both_signed, m->amount);
}

static void
provider_message(struct sim *s, int who, const struct message *m)
{
	struct row_held *h = &s->providers[who].held[m->lease];
	bool held = h->state != HELD_NONE && h->state != HELD_GONE;

	switch (m->kind) {
	case MSG_ROUND: provider_bid(s, who, m); return;
	case MSG_AWARD: provider_awarded(s, who, m); return;
	case MSG_LAUNCHED_ACK: h->launched_acked = true; return;
	case MSG_CLOSE: h->close_asked = true; return;
	case MSG_VOUCHER: provider_voucher(s, who, m); return;
	case MSG_LEASE_FAILED:
		/* The chain knows better than the market. */
		if (held && s->chain.state.lock[m->lease].state != LOCK_OPEN)
			provider_forget(s, who, m->lease);
		return;
	default: return;
	}
}

void
provider_event(struct sim *s, const struct sim_event *e)
{
	int who = e->kind == EVENT_MESSAGE ? e->msg.to - TENANTS : e->who;
	struct provider *p = &s->providers[who];
	bool crash = sim_faults(s) && sim_chance(s, 8), lost = crash && sim_chance(s, 500);

	if (e->kind == EVENT_PROVIDER)
		sim_at(s, s->now + SECOND_US * (wall_t)(3 + sim_random(s, 4)), EVENT_PROVIDER, who);
	if (s->now < s->provider_down_until[who])
		return;
	if (lost)
		s->provider_saved = *p;
	if (e->kind == EVENT_MESSAGE)
		provider_message(s, who, &e->msg);
	else
		for (int i = 0; i < s->market.lease_count; i++)
			if (p->held[i].state != HELD_NONE && p->held[i].state != HELD_GONE)
				provider_lease(s, who, i);
	if (lost)
		*p = s->provider_saved; /* but its containers are what they are */
	if (crash && WRONG(FORGET_LEASES))
		memset(p->held, 0, sizeof(p->held));
	/* A signature exists once its record does: then it is out, heard or not. */
	for (size_t i = 0; !lost && i < s->out_count; i++)
		if (s->out[i].kind == MSG_ACCEPT)
			s->ghosts[s->out[i].lease].signed_lease = true;
	if (!lost)
		flush(s);
	if (crash) {
		s->crashes++;
		s->provider_down_until[who] = s->now + SECOND_US * (wall_t)(1 + sim_random(s, 30));
	}
}
