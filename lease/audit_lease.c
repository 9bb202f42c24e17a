/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/audit_lease.h"

#include "lease/key.h"

const struct code AUDIT_TERMS = { "audit_terms", INVALID,
				  "the lease does not follow from order and award" };
const struct code AUDIT_CARD = { "audit_card", INVALID, "not the card that the winner bid with" };
const struct code AUDIT_OPENING = { "audit_opening", INVALID,
				    "it was not opened as it was signed" };
const struct code AUDIT_READING = { "audit_reading", INVALID,
				    "a reading does not follow from the one before" };
const struct code AUDIT_DUE = { "audit_due", INVALID, "the price function gives another due" };
const struct code AUDIT_UNSIGNED = { "audit_unsigned", INVALID,
				     "paid without a voucher or a claim" };
const struct code AUDIT_PAID = { "audit_paid", INVALID, "another amount was paid than signed for" };
const struct code AUDIT_FEE = { "audit_fee", INVALID, "the fee is not what the order says" };
const struct code AUDIT_CLAIM = { "audit_claim", INVALID, "a claim that the rules do not give" };
const struct code AUDIT_RELEASE = { "audit_release", INVALID,
				    "it ended at another amount than was released" };
const struct code AUDIT_END = { "audit_end", INVALID, "it ended when it could not" };
const struct code AUDIT_REFUND = { "audit_refund", INVALID, "the refund is not deposit - paid" };
const struct code AUDIT_STORED = { "audit_stored", INVALID,
				   "the contract holds something else than its events say" };
const struct code AUDIT_SAID = { "audit_said", INVALID, "the market says something else" };

#define KEYS_MAX 32 /* that a tenant lent for one lease */

/* What is known of the lease at one event of its history. */
struct replay {
	struct arena *a;
	const struct audit_lease *l;
	struct audit_sums *sums;
	u128 deposit, paid, claimed;
	uint32_t start, up_to, stop_at, claimed_up_to, payable_at;
	bool open;
	struct lent {
		struct address key;
		u128 limit;
	} keys[KEYS_MAX];
	size_t key_count;
	char field[64];
};

const char *
lease_end_name(enum lease_end end)
{
	static const char *const names[] = { "unopened", "open", "closed", "expired", "void" };

	return names[end];
}

static int
check_signed(const struct audit_lease *l, struct hash h, const struct sig *sig,
	     const struct address *who, const char *field, struct err *e)
{
	struct hash digest = terms_digest(l->domain, &h);
	struct err why = ERR_NONE;
	char text[ADDRESS_TEXT_SIZE];

	if (sig_check(sig, &digest, who, &why) < 0)
		return err_field(e, &AUDIT_SIGNATURE, field, "not by %s", address_text(who, text));
	return 0;
}

static int
amounts_differ(struct err *e, const struct code *code, const char *field, u128 want, u128 got)
{
	char a[AMOUNT_TEXT_SIZE], b[AMOUNT_TEXT_SIZE];

	return err_field(e, code, field, "%s, not %s", u128_text(want, a), u128_text(got, b));
}

/* ------------------------------------------------------------------ */
/* What was agreed.                                                    */

static int
check_order(const struct audit_lease *l, struct err *e)
{
	struct hash group = group_hash(l->group), order = order_hash(&l->order);

	if (!hash_equal(&group, &l->order.group))
		return err_field(e, &AUDIT_ORDER, "/group", "the order names another group");
	if (!hash_equal(&order, &l->lease.order))
		return err_field(e, &AUDIT_ORDER, "/order_terms", "the lease is of another order");
	return check_signed(l, order, &l->order_sig, &l->order.tenant, "/order_sig", e);
}

static int
check_award(struct arena *a, const struct audit_lease *l, struct err *e)
{
	struct award_terms award = { .order = l->lease.order,
				     .provider = l->lease.provider,
				     .rate = l->lease.rate,
				     .record = l->record };
	struct audit_round round;
	struct hash order;

	if (check_signed(l, award_hash(&award), &l->award_sig, &l->order.auctioneer, "/award_sig",
			 e) < 0)
		return -1;
	if (l->round == NULL)
		return 0;
	round = *l->round;
	round.award = &award;
	round.award_sig = &l->award_sig;
	order = order_hash(&round.t->terms);
	if (!hash_equal(&order, &l->lease.order))
		return err_field(e, &AUDIT_ORDER, "/round", "the transcript is another order's");
	return audit_round(a, &round, e) < 0 ? err_wrap(e, "round") : 0;
}

static int
check_terms(const struct audit_lease *l, struct err *e)
{
	struct lease_terms want = lease_from(&l->order, &l->lease.provider, l->lease.rate);
	struct hash id = lease_hash(&l->lease), made = lease_hash(&want);

	if (!hash_equal(&id, &l->id))
		return err_field(e, &AUDIT_TERMS, "/terms", "they are of another lease");
	if (!hash_equal(&id, &made))
		return err_field(e, &AUDIT_TERMS, "/terms", "the order says something else");
	if (rate_cmp(l->lease.rate, l->order.maxRate) > 0)
		return err_field(e, &AUDIT_TERMS, "/terms/rate", "above what the order allows");
	return check_signed(l, id, &l->lease_sig, &l->lease.provider, "/lease_sig", e);
}

/* The card is the winner's if the salt of its bid, which was sealed, says so. */
static int
check_card(struct arena *a, const struct audit_lease *l, struct err *e)
{
	if (l->price == NULL || l->round == NULL)
		return 0;
	for (size_t i = 0; i < l->round->t->entries.count; i++) {
		const struct transcript_entry *en = transcript_entry(l->round->t, i);
		struct bid_doc bid;

		if (en->shown == NULL || !address_equal(&en->provider, &l->lease.provider))
			continue;
		if (json_read(a, en->shown, bid_doc_fields, &bid, e) < 0)
			return err_wrap(e, "round");
		if (!price_shown_fits(a, l->price, &bid.terms, l->lease.rate))
			return err_field(e, &AUDIT_CARD, "/price",
					 "the salt of the winner's bid is of another");
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* What was measured.                                                  */

static bool
falls(const struct usage_terms *u, const struct usage_terms *before)
{
	return u->upTo <= before->upTo || u->healthySeconds < before->healthySeconds ||
	       u->cpuMilliSeconds < before->cpuMilliSeconds ||
	       u->memoryMiBSeconds < before->memoryMiBSeconds ||
	       u->storageMiBSeconds < before->storageMiBSeconds ||
	       u->egressBytes < before->egressBytes || amount_cmp(u->amount, before->amount) < 0;
}

static struct recount
recount_of(const struct audit_lease *l, uint32_t start)
{
	return (struct recount){ .lease = &l->lease,
				 .group = l->group,
				 .price = l->price,
				 .start = start,
				 .deposit = l->lease.deposit };
}

static int
check_follows(const struct usage_terms *u, const struct usage_terms *before, const char *field,
	      struct err *e)
{
	static const struct hash none;
	struct hash h;

	if (before == NULL) {
		if (u->seq == 0 || (u->seq == 1 && !hash_equal(&u->previous, &none)))
			return err_field(e, &AUDIT_READING, field, "the first has none before");
		return 0;
	}
	if (u->seq <= before->seq)
		return err_field(e, &AUDIT_READING, field, "number %llu does not follow %llu",
				 (unsigned long long)u->seq, (unsigned long long)before->seq);
	h = usage_hash(before);
	if (u->seq == before->seq + 1 && !hash_equal(&u->previous, &h))
		return err_field(e, &AUDIT_READING, field, "it names another reading before it");
	if (falls(u, before))
		return err_field(e, &AUDIT_READING, field, "a total falls, or no time has passed");
	return 0;
}

/* What is interruptible owes by its pool's prices. */
static bool
by_pool(const struct audit_lease *l)
{
	return l->group->interruptible && l->spot != NULL;
}

/* A provider that has not heard of a price yet may ask less. The run that goes on while its
 * tenant closes counts: that is the reading of which there is a release. */
static int
check_spot_due(struct replay *r, const struct usage_terms *u, const struct usage_terms *before,
	       struct err *e)
{
	const struct audit_lease *l = r->l;
	bool closed = l->release_sig != NULL && u == &l->readings[l->reading_count - 1].usage;
	u128 most = spot_owed(l->spot, l->group, l->lease.rate, u->upTo, closed).units;

	if (before != NULL)
		most = MAX(most, before->amount.units);
	return u->amount.units <= most
		       ? 0
		       : amounts_differ(e, &AUDIT_DUE, r->field, most, u->amount.units);
}

/* What the price function gives, with the deposit as it was at the start or with
 * what was added to it; never less than what was due before. */
static int
check_due(struct replay *r, const struct usage_terms *u, const struct usage_terms *before,
	  struct err *e)
{
	struct recount again = recount_of(r->l, r->start);
	u128 cap = rate_due(r->l->lease.rate, u->upTo - r->start).units;
	struct recounted due;

	if (u->amount.units > cap)
		return amounts_differ(e, &AUDIT_DUE, r->field, cap, u->amount.units);
	if (by_pool(r->l))
		return check_spot_due(r, u, before, e);
	if (!recount_can(&again))
		return 0;
	for (size_t i = 0;; i++) {
		due = recount(&again, u, before);
		if (amount_cmp(u->amount, due.least) >= 0 && amount_cmp(u->amount, due.most) <= 0)
			return 0;
		while (i < r->l->event_count && r->l->events[i].event.kind != ESCROW_TOPPED_UP)
			i++;
		if (i == r->l->event_count)
			break;
		again.deposit.units += r->l->events[i].event.amount.units;
	}
	return amounts_differ(e, &AUDIT_DUE, r->field,
			      amount_cmp(u->amount, due.most) > 0 ? due.most.units
								  : due.least.units,
			      u->amount.units);
}

static bool
has_sig(const struct sig *sig)
{
	static const struct sig none;

	return memcmp(sig->b, none.b, sizeof(none.b)) != 0;
}

/* The tenant, the cosigner that its order names, or a key that it lent. */
static int
check_payer(struct replay *r, const struct voucher_post *v, struct hash h, const char *field,
	    struct err *e)
{
	const struct audit_lease *l = r->l;
	struct hash digest = terms_digest(l->domain, &h);
	struct err why = ERR_NONE;

	if (sig_check(&v->payer_sig, &digest, &l->lease.tenant, &why) == 0 ||
	    (!address_is_zero(&l->lease.cosigner) &&
	     sig_check(&v->payer_sig, &digest, &l->lease.cosigner, &why) == 0))
		return 0;
	for (size_t i = 0; i < r->key_count; i++)
		if (v->usage.amount.units <= r->keys[i].limit &&
		    sig_check(&v->payer_sig, &digest, &r->keys[i].key, &why) == 0)
			return 0;
	return err_field(e, &AUDIT_SIGNATURE, field, "not by the tenant, nor by whom it named");
}

static int
check_voucher(struct replay *r, const struct voucher_post *v, struct err *e)
{
	struct voucher_terms terms = voucher_of(&v->usage);
	struct hash h = voucher_hash(&terms);
	char field[80];

	snprintf(field, sizeof(field), "%s/provider_sig", r->field);
	if (check_signed(r->l, h, &v->provider_sig, &r->l->lease.provider, field, e) < 0)
		return -1;
	snprintf(field, sizeof(field), "%s/payer_sig", r->field);
	if (check_payer(r, v, h, field, e) < 0)
		return -1;
	r->sums->vouchers++;
	return 0;
}

/* One that was sent in alone knows nothing of the others: sums over all of them. */
static int
check_readings(struct replay *r, struct err *e)
{
	const struct audit_lease *l = r->l;
	const struct usage_terms *before = NULL;
	char field[80];

	for (size_t i = 0; i < l->reading_count; i++) {
		const struct voucher_post *v = &l->readings[i];
		const struct usage_terms *u = &v->usage;

		snprintf(r->field, sizeof(r->field), "/readings/%zu", i);
		if (!hash_equal(&u->lease, &l->id))
			return err_field(e, &AUDIT_READING, r->field, "it is of another lease");
		snprintf(field, sizeof(field), "%s/usage_sig", r->field);
		if (check_signed(l, usage_hash(u), &v->usage_sig, &l->lease.provider, field, e) < 0)
			return -1;
		if (check_follows(u, before, r->field, e) < 0)
			return -1;
		if (u->upTo < r->start)
			return err_field(e, &AUDIT_READING, r->field, "it is before the opening");
		if (check_due(r, u, before, e) < 0)
			return -1;
		if (has_sig(&v->payer_sig) && check_voucher(r, v, e) < 0)
			return -1;
		r->sums->readings++;
		r->sums->due = u->amount;
		before = u;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* What moved.                                                         */

static int
opened(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct escrow_event *ev = &s->event;
	const struct lease_terms *t = &r->l->lease;

	if (r->open || r->sums->end != LEASE_UNOPENED)
		return err_field(e, &AUDIT_OPENING, r->field, "it was open before");
	if (!hash_equal(&ev->order, &t->order) || !address_equal(&ev->tenant, &t->tenant) ||
	    !address_equal(&ev->provider, &t->provider) ||
	    !address_equal(&ev->auctioneer, &t->auctioneer))
		return err_field(e, &AUDIT_OPENING, r->field, "of other parties than signed");
	if (rate_cmp(ev->rate, t->rate) != 0)
		return amounts_differ(e, &AUDIT_OPENING, r->field, t->rate.nano, ev->rate.nano);
	if (amount_cmp(ev->amount, t->deposit) != 0)
		return amounts_differ(e, &AUDIT_OPENING, r->field, t->deposit.units,
				      ev->amount.units);
	if (ev->fee_bps != t->feeBps)
		return amounts_differ(e, &AUDIT_FEE, r->field, t->feeBps, ev->fee_bps);
	if (s->time > t->openBy)
		return err_field(e, &AUDIT_OPENING, r->field, "after openBy");
	r->open = true;
	r->start = r->up_to = (uint32_t)s->time;
	r->deposit = ev->amount.units;
	r->sums->deposit = ev->amount;
	r->sums->start = r->start;
	r->sums->end = LEASE_RUNS;
	return 0;
}

/* The voucher that covers the time up to `up_to`: the first that reaches it. */
static const struct voucher_post *
voucher_for(const struct audit_lease *l, uint32_t up_to)
{
	for (size_t i = 0; i < l->reading_count; i++)
		if (has_sig(&l->readings[i].payer_sig) && l->readings[i].usage.upTo >= up_to)
			return &l->readings[i];
	return NULL;
}

/* A claim of the base, whose window is over: what vouchers have left of it. */
static bool
by_claim(const struct replay *r, const struct escrow_said *s)
{
	u128 due;

	if (r->claimed_up_to <= r->up_to || s->event.up_to != r->claimed_up_to ||
	    s->time < r->payable_at)
		return false;
	due = r->paid + rate_due(r->l->lease.base, r->claimed_up_to - r->up_to).units;
	return s->event.paid.units == MIN(MIN(due, r->claimed), r->deposit);
}

static int
check_cover(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct voucher_post *v = voucher_for(r->l, s->event.up_to);
	uint32_t end = r->stop_at != 0 ? r->stop_at : UINT32_MAX;
	u128 paid = s->event.paid.units, most;

	if (by_claim(r, s))
		return 0;
	if (v == NULL || v->usage.amount.units < paid)
		return amounts_differ(e, &AUDIT_UNSIGNED, r->field,
				      v != NULL ? v->usage.amount.units : 0, paid);
	if (MIN(v->usage.upTo, end) != s->event.up_to)
		return 0; /* an earlier one, that is not shown: this one consents to it too */
	most = MIN(rate_due(r->l->lease.rate, s->event.up_to - r->start).units, r->deposit);
	most = MIN(v->usage.amount.units, most);
	if (paid != most)
		return amounts_differ(e, &AUDIT_PAID, r->field, most, paid);
	return 0;
}

/* What a settlement, a finished claim or an end adds to what was paid. */
static int
pay(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct escrow_event *ev = &s->event;
	const struct lease_terms *t = &r->l->lease;
	u128 paid = ev->paid.units, fee = paid * t->feeBps / 10000 - r->paid * t->feeBps / 10000;

	if (!address_equal(&ev->provider, &t->provider) ||
	    !address_equal(&ev->auctioneer, &t->auctioneer))
		return err_field(e, &AUDIT_PAID, r->field, "to others than signed");
	if (paid < r->paid || ev->credited.units + ev->fee.units != paid - r->paid)
		return amounts_differ(e, &AUDIT_PAID, r->field,
				      r->paid + ev->credited.units + ev->fee.units, paid);
	if (ev->fee_bps != t->feeBps || ev->fee.units != fee)
		return amounts_differ(e, &AUDIT_FEE, r->field, fee, ev->fee.units);
	if (paid > r->deposit)
		return amounts_differ(e, &AUDIT_PAID, r->field, r->deposit, paid);
	if (ev->up_to < r->up_to || (ev->up_to > s->time && paid != r->paid))
		return err_field(e, &AUDIT_PAID, r->field, "for a time before, or to come");
	if (paid > rate_due(t->rate, ev->up_to - r->start).units)
		return amounts_differ(e, &AUDIT_PAID, r->field,
				      rate_due(t->rate, ev->up_to - r->start).units, paid);
	if (paid != r->paid && check_cover(r, s, e) < 0)
		return -1;
	r->sums->payments += paid != r->paid;
	r->sums->fee.units += ev->fee.units;
	r->sums->credited.units += ev->credited.units;
	r->sums->paid = ev->paid;
	r->sums->up_to = ev->up_to;
	r->paid = paid;
	r->up_to = ev->up_to;
	return 0;
}

static int
claimed(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct escrow_event *ev = &s->event;
	const struct lease_terms *t = &r->l->lease;
	uint32_t end = r->stop_at != 0 ? r->stop_at : (uint32_t)s->time;
	u128 most;

	if (ev->up_to != end || ev->up_to <= r->up_to)
		return err_field(e, &AUDIT_CLAIM, r->field, "for another time than has passed");
	most = r->paid + rate_due(t->base, ev->up_to - r->up_to).units;
	if (ev->amount.units > most)
		return amounts_differ(e, &AUDIT_CLAIM, r->field, most, ev->amount.units);
	if (ev->payable_at != s->time + t->window)
		return err_field(e, &AUDIT_CLAIM, r->field, "payable before its window is over");
	if (r->stop_at == 0 && s->time <= (uint64_t)r->start + t->launch)
		return err_field(e, &AUDIT_CLAIM, r->field, "while it could still be made void");
	r->claimed = ev->amount.units;
	r->claimed_up_to = ev->up_to;
	r->payable_at = ev->payable_at;
	return 0;
}

/* Ended by both sides' word, or by nobody's once the windows were over. */
static int
check_release(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct audit_lease *l = r->l;
	const struct voucher_post *last =
		l->reading_count > 0 ? &l->readings[l->reading_count - 1] : NULL;
	struct release_terms terms = { .lease = l->id };
	uint32_t end = r->stop_at != 0 ? r->stop_at : UINT32_MAX;
	bool over = r->stop_at != 0 && s->time >= (uint64_t)r->stop_at + 1 + l->lease.window;
	u128 want;

	r->sums->end = over ? LEASE_EXPIRED : LEASE_CLOSED;
	if (over || l->release_sig == NULL)
		return 0; /* without it the provider sent it itself, which is its word */
	if (last == NULL)
		return err_field(e, &AUDIT_RELEASE, "/release_sig", "of no voucher shown");
	terms.amount = last->usage.amount;
	if (check_signed(l, release_hash(&terms), l->release_sig, &l->lease.provider,
			 "/release_sig", e) < 0)
		return -1;
	want = MIN(MIN(terms.amount.units, r->deposit),
		   rate_due(l->lease.rate, MIN(last->usage.upTo, end) - r->start).units);
	if (s->event.paid.units != want)
		return amounts_differ(e, &AUDIT_RELEASE, r->field, want, s->event.paid.units);
	return 0;
}

static int
closed(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct escrow_event *ev = &s->event;

	if (!address_equal(&ev->tenant, &r->l->lease.tenant))
		return err_field(e, &AUDIT_REFUND, r->field, "to another than the tenant");
	if (check_release(r, s, e) < 0 || pay(r, s, e) < 0)
		return -1;
	if (ev->refund.units != r->deposit - r->paid)
		return amounts_differ(e, &AUDIT_REFUND, r->field, r->deposit - r->paid,
				      ev->refund.units);
	r->sums->refund = ev->refund;
	r->open = false;
	return 0;
}

static int
voided(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct escrow_event *ev = &s->event;

	if (r->paid != 0 || r->stop_at != 0 || s->time > (uint64_t)r->start + r->l->lease.launch)
		return err_field(e, &AUDIT_END, r->field, "too late to make it void");
	if (!address_equal(&ev->tenant, &r->l->lease.tenant) || ev->refund.units != r->deposit)
		return amounts_differ(e, &AUDIT_REFUND, r->field, r->deposit, ev->refund.units);
	r->sums->refund = ev->refund;
	r->sums->end = LEASE_VOIDED;
	r->open = false;
	return 0;
}

static void
lent(struct replay *r, const struct escrow_event *ev)
{
	if (r->key_count < KEYS_MAX)
		r->keys[r->key_count++] = (struct lent){ ev->account, ev->amount.units };
}

static int
replay_one(struct replay *r, const struct escrow_said *s, struct err *e)
{
	const struct escrow_event *ev = &s->event;

	if (ev->kind == ESCROW_OPENED)
		return opened(r, s, e);
	if (ev->kind == ESCROW_SKIPPED || ev->kind == ESCROW_SLASHED)
		return 0; /* nothing of the lease moved */
	if (!r->open)
		return err_field(e, &AUDIT_END, r->field, "%s: it is not open",
				 escrow_event_name(ev->kind));
	switch (ev->kind) {
	case ESCROW_TOPPED_UP:
		r->deposit += ev->amount.units;
		r->sums->topped_up.units += ev->amount.units;
		return 0;
	case ESCROW_STOPPED:
		if (r->stop_at != 0 || ev->stop_at != s->time)
			return err_field(e, &AUDIT_END, r->field, "stopped at another time");
		r->stop_at = ev->stop_at;
		return 0;
	case ESCROW_SETTLED: return pay(r, s, e);
	case ESCROW_CLAIMED: return claimed(r, s, e);
	case ESCROW_CLOSED: return closed(r, s, e);
	case ESCROW_VOIDED: return voided(r, s, e);
	default: return 0;
	}
}

static int
replay(struct replay *r, struct err *e)
{
	for (size_t i = 0; i < r->l->event_count; i++) {
		const struct escrow_said *s = &r->l->events[i];

		snprintf(r->field, sizeof(r->field), "/events/%zu", i);
		if (!hash_equal(&s->event.lease, &r->l->id))
			return err_field(e, &AUDIT_OPENING, r->field, "of another lease");
		if (replay_one(r, s, e) < 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Against others.                                                     */

static int
check_stored(const struct replay *r, struct err *e)
{
	const struct escrow_lease *stored = r->l->stored;
	u128 deposit = r->open ? r->deposit : 0;

	if (stored == NULL)
		return 0;
	if (stored->deposit.units != deposit)
		return amounts_differ(e, &AUDIT_STORED, "/stored/deposit", deposit,
				      stored->deposit.units);
	if (r->open && stored->paid.units != r->paid)
		return amounts_differ(e, &AUDIT_STORED, "/stored/paid", r->paid,
				      stored->paid.units);
	return 0;
}

static int
check_said(const struct replay *r, struct err *e)
{
	const struct lease_said *said = r->l->said;
	u128 deposit = r->sums->end == LEASE_UNOPENED ? r->l->lease.deposit.units : r->deposit;

	if (said == NULL)
		return 0;
	if (said->deposit.units != deposit)
		return amounts_differ(e, &AUDIT_SAID, "/said/deposit", deposit,
				      said->deposit.units);
	if (said->paid.units != r->paid)
		return amounts_differ(e, &AUDIT_SAID, "/said/paid", r->paid, said->paid.units);
	if (said->refund.units != r->sums->refund.units)
		return amounts_differ(e, &AUDIT_SAID, "/said/refund", r->sums->refund.units,
				      said->refund.units);
	if (said->ended && (r->open || r->sums->end == LEASE_RUNS))
		return err_field(e, &AUDIT_SAID, "/said/state", "it has not ended");
	return 0;
}

/* Readings need the second of the opening, vouchers the keys that were lent. */
static void
prepare(struct replay *r)
{
	for (size_t i = 0; i < r->l->event_count; i++) {
		const struct escrow_said *s = &r->l->events[i];

		if (s->event.kind == ESCROW_OPENED && r->start == 0)
			r->start = (uint32_t)s->time;
		if (s->event.kind == ESCROW_KEYED)
			lent(r, &s->event);
	}
}

/* The first event alone, since readings count from it. */
static int
check_opening(const struct replay *r, struct err *e)
{
	struct audit_sums sums = { .end = LEASE_UNOPENED };
	struct replay first = { .a = r->a, .l = r->l, .sums = &sums };

	snprintf(first.field, sizeof(first.field), "/events/0");
	return r->l->event_count > 0 ? replay_one(&first, &r->l->events[0], e) : 0;
}

int
audit_lease(struct arena *a, const struct audit_lease *l, struct audit_sums *sums, struct err *e)
{
	struct replay r = { .a = a, .l = l, .sums = sums };
	struct recount again = recount_of(l, 0);

	*sums = (struct audit_sums){ .round_computed = l->round != NULL,
				     .dues_computed = by_pool(l) || recount_can(&again) };
	if (check_order(l, e) < 0 || check_terms(l, e) < 0 || check_award(a, l, e) < 0 ||
	    check_card(a, l, e) < 0)
		return -1;
	prepare(&r);
	if (l->event_count == 0 && l->reading_count > 0)
		return err_field(e, &AUDIT_OPENING, "/readings",
				 "it was measured and never opened");
	if (by_pool(l) &&
	    spot_owed_check(a, &(struct spot_parties){ l->domain, &l->lease.auctioneer, &l->lease },
			    l->spot, e) < 0)
		return err_wrap(e, "pool");
	if (check_opening(&r, e) < 0 || check_readings(&r, e) < 0)
		return -1;
	r.start = 0;
	if (replay(&r, e) < 0 || check_stored(&r, e) < 0)
		return -1;
	return check_said(&r, e);
}
