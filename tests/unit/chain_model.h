/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_model.h - for chain_test.c: what the contract is to say of a lease, computed
 * by our own price and account code, and days of any kind against both.
 */
/* What the contract is to say of a life, computed by our own price and account code
 * alone. */
struct model {
	struct opening o;
	struct hash id;
	uint32_t start, up_to, stop_at;
	u128 deposit, paid;
	u128 claimed; /* cumulative; pending while claimed_to is later than up_to */
	uint32_t claimed_to, payable_at;
};

/* One payment: what it moves, to the provider and as a fee. */
static void
expect_paid(const struct model *m, const struct escrow_event *ev, u128 before, const char *what)
{
	u128 fee = fee_of(&m->o, m->paid) - fee_of(&m->o, before);

	ok(ev->paid.units == m->paid && ev->fee.units == fee &&
		   ev->credited.units == m->paid - before - fee && ev->up_to == m->up_to,
	   "%s pays %llu in all", what, (unsigned long long)m->paid);
}

/* A voucher of any amount and time up to now: capped by the rate from the start and by
 * the deposit, its time by the stop. */
static void
live_voucher(struct model *m, const struct key *payer)
{
	struct settlement s = { .lease = m->o.lease, .voucher = { .lease = m->id } };
	uint32_t now = chain_time(), end = m->stop_at != 0 ? m->stop_at : now;
	struct evm_receipt receipt;
	struct escrow_event ev;
	struct amount due;
	u128 before = m->paid;

	/* Now and then one that has been overtaken. */
	s.voucher.upTo = some(5) == 0 ? m->start + some(now - m->start + 1)
				      : MIN(m->up_to + some(now - m->up_to + 1), now);
	due = rate_due(m->o.lease.rate, MIN(s.voucher.upTo, end) - m->start);
	s.voucher.amount.units = m->paid + some(2) * (due.units / (1 + some(3))) + some(50);
	s.payer_sig = sign(payer, voucher_hash(&s.voucher));
	s.provider_sig = sign(&provider, voucher_hash(&s.voucher));
	due = amount_min(amount_min(s.voucher.amount, due), (struct amount){ m->deposit });
	receipt = transact("a voucher", &market, &escrow, escrow_settle_many(&arena, &s, 1), NULL);
	if (due.units < m->paid || MIN(s.voucher.upTo, end) < m->up_to ||
	    s.voucher.amount.units < m->paid ||
	    (due.units == m->paid && MIN(s.voucher.upTo, end) == m->up_to)) {
		/* Never above what was paid, nor below it: capped by the rate since the start,
		 * it cannot fall below. */
		ev = event_in(&receipt, ESCROW_SKIPPED);
		is_str(escrow_reason(ev.reason), "Stale", "nothing new");
		return;
	}
	m->paid = due.units;
	m->up_to = MIN(s.voucher.upTo, end);
	ev = event_in(&receipt, ESCROW_SETTLED);
	expect_paid(m, &ev, before, "a voucher");
}

static void
live_top_up(struct model *m)
{
	u128 amount = 1 + some(20000);

	transact("a top-up", &tenant, &escrow,
		 escrow_top_up(&arena, &m->o.lease, (struct amount){ amount }),
		 m->stop_at != 0 ? "LeaseStopped" : NULL);
	if (m->stop_at == 0)
		m->deposit += amount;
	ok(lease_state(&m->id).deposit.units == m->deposit, "the deposit");
}

/* Alone: the base since the last settled second. */
static void
live_claim(struct model *m)
{
	uint32_t end = m->stop_at;
	struct evm_receipt receipt;
	struct escrow_event ev;
	struct err e = ERR_NONE;

	if (m->stop_at != 0 && (m->stop_at <= m->up_to || m->stop_at <= m->claimed_to))
		return;
	if (rate_due(m->o.lease.base, 1).units == 0)
		return; /* whether there is anything to claim depends on the second */
	if (evm_send_now(&arena, &evm, &provider, &escrow,
			 escrow_claim(&arena, &m->o.lease, (struct amount){ AMOUNT_MAX }), &receipt,
			 &e) < 0) {
		ok(strstr(e.text, "NothingToClaim") != NULL, "no claim: %s", e.text);
		return;
	}
	ev = event_in(&receipt, ESCROW_CLAIMED);
	if (end == 0)
		end = ev.up_to;
	m->claimed = m->paid + rate_due(m->o.lease.base, end - m->up_to).units;
	m->claimed_to = end;
	m->payable_at = ev.payable_at;
	ok(ev.amount.units == m->claimed && ev.up_to == end, "a claim of %llu",
	   (unsigned long long)m->claimed);
}

/* What a claim is worth when it is paid: only the time that vouchers left open. */
static bool
claim_pays(struct model *m)
{
	u128 due;

	if (m->claimed_to <= m->up_to)
		return false;
	due = m->paid + rate_due(m->o.lease.base, m->claimed_to - m->up_to).units;
	due = MIN(MIN(due, m->claimed), m->deposit);
	m->paid = MAX(m->paid, due);
	m->up_to = m->claimed_to;
	return true;
}

static void
live_finish(struct model *m)
{
	struct evm_receipt receipt;
	struct escrow_event ev;
	u128 before = m->paid;

	if (m->claimed_to <= m->up_to) {
		transact("no claim", &market, &escrow,
			 escrow_of_lease(&arena, "finish", &m->o.lease), "NothingToClaim");
		return;
	}
	if (chain_time() < m->payable_at)
		time_passes(m->payable_at - chain_time());
	claim_pays(m);
	receipt = transact("finish", &market, &escrow,
			   escrow_of_lease(&arena, "finish", &m->o.lease), NULL);
	ev = event_in(&receipt, ESCROW_SETTLED);
	expect_paid(m, &ev, before, "a claim");
}

static void
live_stop(struct model *m)
{
	struct evm_receipt receipt;

	if (m->stop_at != 0) {
		transact("stop again", &tenant, &escrow,
			 escrow_of_lease(&arena, "stop", &m->o.lease), "LeaseStopped");
		return;
	}
	receipt = transact("stop", &tenant, &escrow, escrow_of_lease(&arena, "stop", &m->o.lease),
			   NULL);
	m->stop_at = event_in(&receipt, ESCROW_STOPPED).stop_at;
}

static void
live_end(struct model *m)
{
	struct evm_receipt receipt;
	struct escrow_event ev;
	u128 before = m->paid, had, tenant_had;

	live_stop(m);
	time_passes(2 * m->o.order.window + 2);
	tenant_had = view_uint(&escrow, escrow_balance_of(&arena, &tenant.address));
	had = view_uint(&escrow, escrow_balance_of(&arena, &provider.address));
	claim_pays(m);
	receipt = transact("expire", &market, &escrow,
			   escrow_of_lease(&arena, "expire", &m->o.lease), NULL);
	ev = event_in(&receipt, ESCROW_CLOSED);
	expect_paid(m, &ev, before, "the end");
	ok(ev.refund.units == m->deposit - m->paid &&
		   view_uint(&escrow, escrow_balance_of(&arena, &tenant.address)) ==
			   tenant_had + m->deposit - m->paid &&
		   view_uint(&escrow, escrow_balance_of(&arena, &provider.address)) ==
			   had + ev.credited.units,
	   "what was not paid comes back");
}

/* Any order of the things that can happen to a lease, against the model: the contract
 * says, to the unit and the second, what our own code computes. */
static void
test_random_days(void)
{
	for (unsigned life = 0; life < 24; life++) {
		struct model m = { .stop_at = 0 };

		m.start = m.up_to = life_begin(&m.o, 200 + life);
		m.id = lease_hash(&m.o.lease);
		m.deposit = m.o.order.deposit.units;
		time_passes(6);
		for (unsigned k = 0; k < 8; k++) {
			time_passes(1 + some(40));
			switch (some(7)) {
			case 0: live_top_up(&m); break;
			case 1: live_claim(&m); break;
			case 2: live_finish(&m); break;
			case 3:
				if (k > 4)
					live_stop(&m);
				break;
			default: live_voucher(&m, &tenant);
			}
			ok(lease_state(&m.id).paid.units == m.paid &&
				   lease_state(&m.id).up_to == m.up_to,
			   "life %u, day %u: paid and time", life, k);
		}
		live_end(&m);
	}
}
