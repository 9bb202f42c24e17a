/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_lease.h: an honest lease is believed to its last token, in each of the ways
 * that one can end, and every document or event that is forged is named. The forger
 * holds the keys of market, provider or tenant, as the case may be.
 */
#include "lease/audit_lease.h"

#include "lease/key.h"
#include "lease/seal.h"
#include "tests/unit/tap.h"

enum { READINGS = 3, EVENTS = 8, BEGAN = 1000000, WINDOW = 100, FEE_BPS = 250 };

static struct arena arena;
static struct domain domain;
static struct key market, tenant, provider, stranger, cosigner;

struct stage {
	struct group group;
	struct transcript t;
	struct transcript_entry entry;
	struct audit_round round;
	struct audit_book book; /* an empty one */
	struct price_shown price;
	struct voucher_post readings[READINGS];
	struct sig release_sig;
	struct escrow_said events[EVENTS];
	struct escrow_lease stored;
	struct lease_said said;
	struct audit_lease l;
	u128 deposit, paid;
};

#include "tests/unit/keys.h"

#include "tests/unit/spot_stage.h"

/* ------------------------------------------------------------------ */
/* An honest lease.                                                    */

static bool interruptible;

static void
agree_group(struct stage *s)
{
	struct group_service *web = ARENA_NEW(&arena, struct group_service);

	*web = (struct group_service){ .name = "web",
				       .count = 1,
				       .resources = { .cpu_milli = 500,
						      .memory_bytes = 256 << 20,
						      .storage_bytes = 512 << 20 } };
	s->group = (struct group){ .name = "one",
				   .billing = "metered",
				   .interruptible = interruptible,
				   .on_interrupt = "pause",
				   .services = { web, 1 } };
	s->price = (struct price_shown){ .card = { .cpu_milli = { 2000000000 },
						   .memory_mib = { 1000000000 },
						   .storage_mib = { 500000000 } },
					 .nonce = { { 7 } } };
}

static void
agree_round(struct stage *s)
{
	struct rate asks = price_group(&s->price.card, &s->group, &s->price.models);
	const char *salt = json_encode(&arena, price_shown_fields, &s->price), *text;
	uint8_t seed[32] = { 9 };
	struct bid_doc bid = { { .order = s->t.order,
				 .provider = provider.address,
				 .floor = asks,
				 .list = asks,
				 .round = 1 },
			       { { 0 } } };
	struct round_terms root = { .order = s->t.order, .round = 1 };
	struct record_terms book = { .number = 0, .time = 1 };

	keccak256(salt, strlen(salt), &bid.terms.salt);
	bid.sig = sign(&provider, bid_hash(&bid.terms));
	seal_keys_from_seed(seed, s->t.public_key.b, s->t.secret_key.b);
	s->entry = (struct transcript_entry){
		.index = 1, .provider = provider.address, .received_at = MILLI_US, .launches = 100
	};
	text = json_encode(&arena, bid_doc_fields, &bid);
	s->entry.envelope.b =
		seal_box(&arena, s->t.public_key.b, text, strlen(text), &s->entry.envelope.len);
	record_book(&arena, NULL, 0, &book);
	s->book.record = (struct record){ book, sign(&market, record_hash(&book)) };
	s->t.record = record_hash(&book);
	root.key = s->t.public_key;
	s->t.root = root.root = transcript_root(&arena, &s->t);
	s->t.root_sig = sign(&market, round_hash(&root));
	transcript_open(&arena, &domain, &s->t);
	transcript_decide(&arena, &s->t, NULL);
	text = json_encode(&arena, transcript_fields, &s->t);
	keccak256(text, strlen(text), &s->l.record);
	s->round = (struct audit_round){ .domain = &domain,
					 .t = &s->t,
					 .record = s->l.record,
					 .books = &s->book,
					 .book_count = 1 };
}

static void
agree(struct stage *s)
{
	struct order_terms *o = &s->l.order;
	struct award_terms award;

	agree_group(s);
	*o = (struct order_terms){ .tenant = tenant.address,
				   .group = group_hash(&s->group),
				   .maxRate = { 3000000000000 },
				   .baseBps = 1000,
				   .deposit = { 1000000 },
				   .openBy = BEGAN + 10,
				   .window = WINDOW,
				   .launch = 20,
				   .auctioneer = market.address,
				   .cosigner = cosigner.address,
				   .feeBps = FEE_BPS,
				   .nonce = 7 };
	s->t = (struct transcript){ .rules = RULES_VERSION,
				    .round = 1,
				    .care_hours = 1,
				    .established_launches = 20,
				    .ends_at = SECOND_US,
				    .terms = *o,
				    .order = order_hash(o),
				    .group = s->group,
				    .entries = { &s->entry, 1 } };
	s->t.order_sig = s->l.order_sig = sign(&tenant, s->t.order);
	agree_round(s);
	s->l.lease = lease_from(o, &provider.address, s->t.price);
	s->l.id = lease_hash(&s->l.lease);
	s->l.lease_sig = sign(&provider, s->l.id);
	award = (struct award_terms){ .order = s->t.order,
				      .provider = provider.address,
				      .rate = s->l.lease.rate,
				      .record = s->l.record };
	s->l.award_sig = sign(&market, award_hash(&award));
}

static void
countersign(struct stage *s, size_t i, const struct key *payer)
{
	struct voucher_post *v = &s->readings[i];
	struct voucher_terms terms = voucher_of(&v->usage);

	v->usage_sig = sign(&provider, usage_hash(&v->usage));
	v->provider_sig = sign(&provider, voucher_hash(&terms));
	if (payer != NULL)
		v->payer_sig = sign(payer, voucher_hash(&terms));
}

static struct amount
due(const struct stage *s, const struct usage_terms *u)
{
	struct price_lease price = { .rate = s->l.lease.rate,
				     .base = s->l.lease.base,
				     .card = s->price.card,
				     .reserved = group_total(&s->group),
				     .group = &s->group,
				     .deposit = { s->deposit },
				     .billing = BILLING_METERED };
	struct meter m = { .seconds = (uint32_t)u->healthySeconds,
			   .cpu_milli_seconds = u->cpuMilliSeconds,
			   .memory_mib_seconds = u->memoryMiBSeconds };

	return price_due(&price, &m, u->upTo - BEGAN);
}

/* A minute of half the CPU and a quarter of the memory. */
static void
measure(struct stage *s, size_t i)
{
	uint64_t t = 60 * (i + 1);
	struct usage_terms *u = &s->readings[i].usage;

	*u = (struct usage_terms){ .lease = s->l.id,
				   .seq = i + 1,
				   .upTo = (uint32_t)(BEGAN + t),
				   .healthySeconds = t,
				   .cpuMilliSeconds = 250 * t,
				   .memoryMiBSeconds = 64 * t,
				   .storageMiBSeconds = 512 * t };
	if (i > 0)
		u->previous = usage_hash(&s->readings[i - 1].usage);
	u->amount = due(s, u);
	countersign(s, i, i == 0 ? NULL : i == 1 ? &cosigner : &tenant);
	s->l.reading_count = i + 1;
}

static struct escrow_event *
happens(struct stage *s, enum escrow_event_kind kind, uint32_t after)
{
	struct escrow_said *x = &s->events[s->l.event_count++];

	*x = (struct escrow_said){ .block = after, .log = 1, .time = BEGAN + after };
	x->event = (struct escrow_event){ .kind = kind,
					  .lease = s->l.id,
					  .order = s->l.lease.order,
					  .tenant = tenant.address,
					  .provider = provider.address,
					  .auctioneer = market.address };
	return &x->event;
}

static void
pays(struct stage *s, struct escrow_event *ev, u128 paid, uint32_t up_to)
{
	u128 fee = paid * FEE_BPS / 10000 - s->paid * FEE_BPS / 10000;

	ev->fee_bps = FEE_BPS;
	ev->paid.units = paid;
	ev->fee.units = fee;
	ev->credited.units = paid - s->paid - fee;
	ev->up_to = up_to;
	s->paid = paid;
}

static void
ends(struct stage *s, struct escrow_event *ev)
{
	ev->refund.units = s->deposit - s->paid;
	s->said = (struct lease_said){ { s->deposit }, { s->paid }, ev->refund, true };
	s->stored = (struct escrow_lease){ .up_to = 0 };
}

static void
opens(struct stage *s)
{
	struct escrow_event *ev = happens(s, ESCROW_OPENED, 0);

	ev->rate = s->l.lease.rate;
	ev->amount = s->l.lease.deposit;
	ev->fee_bps = FEE_BPS;
	s->deposit = ev->amount.units;
}

static void
begin(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	s->l.domain = &domain;
	s->l.group = &s->group;
	s->l.round = &s->round;
	s->l.price = &s->price;
	s->l.readings = s->readings;
	s->l.events = s->events;
	s->l.stored = &s->stored;
	s->l.said = &s->said;
	agree(s);
	opens(s);
}

static void
release(struct stage *s, u128 amount)
{
	struct release_terms terms = { s->l.id, { amount } };

	s->release_sig = sign(&provider, release_hash(&terms));
	s->l.release_sig = &s->release_sig;
}

/* Opened, settled, topped up, closed by both. */
static void
straight(struct stage *s)
{
	begin(s);
	for (size_t i = 0; i < READINGS; i++)
		measure(s, i);
	pays(s, happens(s, ESCROW_SETTLED, 130), s->readings[1].usage.amount.units, BEGAN + 120);
	happens(s, ESCROW_TOPPED_UP, 140)->amount.units = 500;
	s->deposit += 500;
	release(s, s->readings[2].usage.amount.units);
	pays(s, happens(s, ESCROW_CLOSED, 200), s->readings[2].usage.amount.units, BEGAN + 180);
	ends(s, &s->events[s->l.event_count - 1].event);
}

/* The tenant signs nothing after the first two minutes, stops, and expires. */
static void
alone(struct stage *s)
{
	struct escrow_event *ev;
	u128 most;

	begin(s);
	for (size_t i = 0; i < READINGS; i++)
		measure(s, i);
	memset(&s->readings[2].payer_sig, 0, sizeof(struct sig));
	pays(s, happens(s, ESCROW_SETTLED, 130), s->readings[1].usage.amount.units, BEGAN + 120);
	happens(s, ESCROW_STOPPED, 150)->stop_at = BEGAN + 150;
	most = s->paid + rate_due(s->l.lease.base, 30).units;
	ev = happens(s, ESCROW_CLAIMED, 160);
	ev->amount.units = most;
	ev->up_to = BEGAN + 150;
	ev->payable_at = BEGAN + 160 + WINDOW;
	pays(s, happens(s, ESCROW_CLOSED, 300), most, BEGAN + 150);
	ends(s, &s->events[s->l.event_count - 1].event);
}

static void
void_(struct stage *s)
{
	begin(s);
	happens(s, ESCROW_VOIDED, 15);
	ends(s, &s->events[1].event);
}

static void
running(struct stage *s)
{
	begin(s);
	measure(s, 0);
	measure(s, 1);
	pays(s, happens(s, ESCROW_SETTLED, 130), s->readings[1].usage.amount.units, BEGAN + 120);
	s->stored = (struct escrow_lease){ { s->deposit }, { s->paid }, BEGAN + 120, 0 };
	s->said = (struct lease_said){ { s->deposit }, { s->paid }, { 0 }, false };
}

static const char *
audit(const struct stage *s, struct audit_sums *sums, struct err *e)
{
	*e = (struct err)ERR_NONE;
	return audit_lease(&arena, &s->l, sums, e) < 0 ? e->code->name : "true";
}

/* ------------------------------------------------------------------ */
/* Lies, each told of the lease that stage() makes.                     */

#define LIE(name) static void lie_##name(struct stage *s)

LIE(group)
{
	s->group.ips = 1;
}
LIE(order_sig)
{
	s->l.order_sig = sign(&stranger, order_hash(&s->l.order));
}
LIE(other_order)
{
	s->l.order.maxRate.nano++;
	s->l.order_sig = sign(&tenant, order_hash(&s->l.order));
}
LIE(award_sig)
{
	s->l.award_sig.b[3] ^= 1;
}
LIE(record)
{
	struct award_terms award = { .order = s->t.order,
				     .provider = provider.address,
				     .rate = s->l.lease.rate };

	memset(&s->l.record, 1, sizeof(s->l.record));
	award.record = s->l.record;
	s->l.award_sig = sign(&market, award_hash(&award));
}
LIE(round_price)
{
	s->t.price.nano--;
}
LIE(id)
{
	s->l.id.b[0] ^= 1;
}
LIE(terms)
{
	s->l.lease.window--;
	s->l.id = lease_hash(&s->l.lease);
	s->l.lease_sig = sign(&provider, s->l.id);
}
LIE(lease_sig)
{
	s->l.lease_sig = sign(&market, s->l.id);
}
LIE(card)
{
	s->price.card.cpu_milli.nano *= 2;
}
LIE(usage_sig)
{
	s->readings[1].usage_sig = sign(&tenant, usage_hash(&s->readings[1].usage));
}
LIE(usage_lease)
{
	s->readings[1].usage.lease.b[1] ^= 1;
	countersign(s, 1, &tenant);
}
LIE(usage_chain)
{
	s->readings[1].usage.previous.b[0] ^= 1;
	countersign(s, 1, &tenant);
}
LIE(usage_first)
{
	s->readings[0].usage.previous.b[0] ^= 1;
	countersign(s, 0, NULL);
}
LIE(usage_seq)
{
	s->readings[2].usage.seq = 2;
	countersign(s, 2, &tenant);
}
LIE(usage_falls)
{
	s->readings[2].usage.egressBytes = 0;
	s->readings[1].usage.egressBytes = 5;
	countersign(s, 1, &tenant);
	s->readings[2].usage.previous = usage_hash(&s->readings[1].usage);
	countersign(s, 2, &tenant);
}
LIE(usage_early)
{
	s->readings[0].usage.upTo = BEGAN - 1;
	countersign(s, 0, NULL);
}
LIE(usage_due)
{
	s->readings[2].usage.amount.units++;
	countersign(s, 2, &tenant);
}
LIE(usage_cheap)
{
	s->readings[2].usage.amount.units--;
	countersign(s, 2, &tenant);
}
LIE(usage_rate)
{
	s->l.price = NULL; /* not shown: the rate caps it all the same */
	s->readings[2].usage.amount.units = rate_due(s->l.lease.rate, 180).units + 1;
	countersign(s, 2, &tenant);
}
LIE(payer_sig)
{
	countersign(s, 1, &stranger);
}
LIE(voucher_sig)
{
	s->readings[1].provider_sig.b[9] ^= 1;
}
LIE(release_other)
{
	release(s, 5);
}
LIE(release_sig)
{
	s->release_sig.b[9] ^= 1;
}
LIE(never_opened)
{
	s->l.event_count = 0;
}
LIE(opened_twice)
{
	s->events[1] = s->events[0];
}
LIE(open_rate)
{
	s->events[0].event.rate.nano++;
}
LIE(open_deposit)
{
	s->events[0].event.amount.units--;
}
LIE(open_late)
{
	s->events[0].time = BEGAN + 11;
}
LIE(open_tenant)
{
	s->events[0].event.tenant = stranger.address;
}
LIE(open_fee)
{
	s->events[0].event.fee_bps++;
}
LIE(event_lease)
{
	s->events[1].event.lease.b[0] ^= 1;
}
LIE(settled_more)
{
	s->events[1].event.paid.units++;
	s->events[1].event.credited.units++;
}
LIE(settled_less)
{
	s->paid = 0;
	pays(s, &s->events[1].event, s->events[1].event.paid.units - 100, BEGAN + 120);
}
LIE(settled_sum)
{
	s->events[1].event.credited.units--;
}
LIE(settled_fee)
{
	s->events[1].event.fee.units++;
	s->events[1].event.credited.units--;
}
LIE(settled_to)
{
	s->events[1].event.provider = stranger.address;
}
LIE(settled_unsigned)
{
	memset(&s->readings[1].payer_sig, 0, sizeof(struct sig));
	memset(&s->readings[2].payer_sig, 0, sizeof(struct sig));
	s->l.release_sig = NULL;
}
LIE(settled_future)
{
	s->events[1].time = BEGAN + 119;
}
LIE(closed_less)
{
	struct escrow_event *ev = &s->events[3].event;

	ev->paid.units -= 100;
	ev->credited.units -= 98;
	ev->fee.units -= 2;
	ev->refund.units += 100;
}
LIE(refund)
{
	s->events[3].event.refund.units--;
}
LIE(refund_to)
{
	s->events[3].event.tenant = stranger.address;
}
LIE(goes_on)
{
	s->events[4] = s->events[1];
	s->l.event_count = 5;
}
LIE(stored)
{
	s->stored.deposit.units = 1;
}
LIE(said_paid)
{
	s->said.paid.units++;
}
LIE(said_refund)
{
	s->said.refund.units--;
}
LIE(said_deposit)
{
	s->said.deposit.units--;
}
/* Of alone(): opened, settled, stopped, claimed, closed. */
LIE(claim_more)
{
	s->events[3].event.amount.units++;
}
LIE(claim_time)
{
	s->events[3].event.up_to++;
}
LIE(claim_window)
{
	s->events[3].event.payable_at--;
}
LIE(claim_early)
{
	s->events[4].time = BEGAN + 259;
}
LIE(claim_paid)
{
	struct escrow_event *ev = &s->events[4].event;

	ev->paid.units -= 50;
	ev->credited.units -= 49;
	ev->fee.units -= 1;
	ev->refund.units += 50;
}
LIE(stop_time)
{
	s->events[2].event.stop_at++;
}
LIE(stop_twice)
{
	s->events[3] = s->events[2];
}
LIE(void_late)
{
	s->events[1].time = BEGAN + 21;
}
LIE(void_refund)
{
	s->events[1].event.refund.units--;
}
LIE(running_paid)
{
	s->stored.paid.units++;
}
LIE(running_deposit)
{
	s->stored.deposit.units = 0;
}
LIE(running_ended)
{
	s->said.ended = true;
}

static void
test_lies(void)
{
	static const struct {
		const char *what, *code;
		void (*stage)(struct stage *s);
		void (*tell)(struct stage *s);
	} lies[] = {
		{ "another group", "audit_order", straight, lie_group },
		{ "an order that somebody else signed", "audit_signature", straight,
		  lie_order_sig },
		{ "another order of the tenant", "audit_order", straight, lie_other_order },
		{ "an award nobody signed", "audit_signature", straight, lie_award_sig },
		{ "an award of another round", "audit_award", straight, lie_record },
		{ "a round with another price", "audit_price", straight, lie_round_price },
		{ "the terms of another lease", "audit_terms", straight, lie_id },
		{ "terms that the order does not have", "audit_terms", straight, lie_terms },
		{ "a lease the provider did not sign", "audit_signature", straight, lie_lease_sig },
		{ "another card", "audit_card", straight, lie_card },
		{ "a reading the provider did not sign", "audit_signature", straight,
		  lie_usage_sig },
		{ "a reading of another lease", "audit_reading", straight, lie_usage_lease },
		{ "a reading after another one", "audit_reading", straight, lie_usage_chain },
		{ "a first one with one before", "audit_reading", straight, lie_usage_first },
		{ "two readings of one number", "audit_reading", straight, lie_usage_seq },
		{ "a total that falls", "audit_reading", straight, lie_usage_falls },
		{ "a reading before the opening", "audit_reading", straight, lie_usage_early },
		{ "one unit more than is due", "audit_due", straight, lie_usage_due },
		{ "one unit less", "audit_due", straight, lie_usage_cheap },
		{ "more than rate x time, without a card", "audit_due", straight, lie_usage_rate },
		{ "a voucher signed by a stranger", "audit_signature", straight, lie_payer_sig },
		{ "a voucher not by its provider", "audit_signature", straight, lie_voucher_sig },
		{ "a release of another amount", "audit_signature", straight, lie_release_other },
		{ "a release nobody signed", "audit_signature", straight, lie_release_sig },
		{ "measured, never opened", "audit_opening", straight, lie_never_opened },
		{ "opened twice", "audit_opening", straight, lie_opened_twice },
		{ "opened at another rate", "audit_opening", straight, lie_open_rate },
		{ "opened with another deposit", "audit_opening", straight, lie_open_deposit },
		{ "opened too late", "audit_opening", straight, lie_open_late },
		{ "opened for somebody else", "audit_opening", straight, lie_open_tenant },
		{ "opened at another fee", "audit_fee", straight, lie_open_fee },
		{ "an event of another lease", "audit_opening", straight, lie_event_lease },
		{ "settled above the voucher", "audit_unsigned", straight, lie_settled_more },
		{ "settled below the voucher", "audit_paid", straight, lie_settled_less },
		{ "a token lost on the way", "audit_paid", straight, lie_settled_sum },
		{ "a token more of fee", "audit_fee", straight, lie_settled_fee },
		{ "paid to somebody else", "audit_paid", straight, lie_settled_to },
		{ "paid without a voucher", "audit_unsigned", straight, lie_settled_unsigned },
		{ "paid for time to come", "audit_paid", straight, lie_settled_future },
		{ "closed below the release", "audit_release", straight, lie_closed_less },
		{ "a token of the refund kept", "audit_refund", straight, lie_refund },
		{ "the refund to somebody else", "audit_refund", straight, lie_refund_to },
		{ "paid after the end", "audit_end", straight, lie_goes_on },
		{ "storage that still holds it", "audit_stored", straight, lie_stored },
		{ "a market that says more paid", "audit_said", straight, lie_said_paid },
		{ "a market that says less returned", "audit_said", straight, lie_said_refund },
		{ "a market that forgets the top-up", "audit_said", straight, lie_said_deposit },
		{ "a claim above the base", "audit_claim", alone, lie_claim_more },
		{ "a claim past the stop", "audit_claim", alone, lie_claim_time },
		{ "a claim with a shorter window", "audit_claim", alone, lie_claim_window },
		{ "a claim paid in its window", "audit_unsigned", alone, lie_claim_early },
		{ "another amount than was claimed", "audit_unsigned", alone, lie_claim_paid },
		{ "stopped at another time", "audit_end", alone, lie_stop_time },
		{ "stopped twice", "audit_end", alone, lie_stop_twice },
		{ "void too late", "audit_end", void_, lie_void_late },
		{ "void, and a token kept", "audit_refund", void_, lie_void_refund },
		{ "storage that paid more", "audit_stored", running, lie_running_paid },
		{ "storage that has forgotten it", "audit_stored", running, lie_running_deposit },
		{ "a market that says it has ended", "audit_said", running, lie_running_ended },
	};
	static struct stage s;

	for (size_t i = 0; i < NELEMS(lies); i++) {
		struct audit_sums sums;
		struct err e;

		lies[i].stage(&s);
		lies[i].tell(&s);
		if (!is_str(audit(&s, &sums, &e), lies[i].code, lies[i].what) || e.code == NULL)
			printf("# %s %s\n", e.field, e.text);
	}
}

/* ------------------------------------------------------------------ */

static void
test_truth(void)
{
	static const struct {
		const char *what;
		void (*stage)(struct stage *s);
		enum lease_end end;
		/* By hand: of 1,512 units a second, 500 + 64 + 256 for half the CPU, a
		 * quarter of the memory and all of the storage; the base of 30 s. */
		u128 paid;
		size_t payments;
	} ways[] = {
		{ "closed by both", straight, LEASE_CLOSED, 180 * 820, 2 },
		{ "stopped, claimed, expired", alone, LEASE_EXPIRED, 120 * 820 + 30 * 151 + 6, 2 },
		{ "made void", void_, LEASE_VOIDED, 0, 0 },
		{ "open", running, LEASE_RUNS, 120 * 820, 1 },
	};
	static struct stage s;
	struct audit_sums sums;
	struct err e;

	for (size_t i = 0; i < NELEMS(ways); i++) {
		ways[i].stage(&s);
		if (!is_str(audit(&s, &sums, &e), "true", ways[i].what))
			printf("# %s %s\n", e.field, e.text);
		ok(sums.end == ways[i].end, "%s: so it ended", ways[i].what);
		ok(sums.paid.units == ways[i].paid, "%s: what was paid", ways[i].what);
		is_int((long long)sums.payments, (long long)ways[i].payments, "its payments");
		ok(sums.end == LEASE_RUNS || sums.refund.units == s.deposit - ways[i].paid,
		   "%s: the exact rest came back", ways[i].what);
		ok(sums.credited.units + sums.fee.units == sums.paid.units &&
			   sums.fee.units == ways[i].paid * FEE_BPS / 10000,
		   "%s: the exact fee", ways[i].what);
	}
}

/* ------------------------------------------------------------------ */
/* By the pool's prices; see spot_owed_test.c. */

static void
test_spot(void)
{
	struct spot_price_doc prices[2];
	struct spot_run_doc runs[3];
	struct spot_owed owed = { "cpu", 10, { prices, 2 }, { runs, 3 } };
	struct audit_sums sums;
	struct stage s;
	struct err e;

	straight(&s);
	s.l.round = NULL;
	spot_price(&prices[0], NULL, 0, 1000000000);
	spot_price(&prices[1], &prices[0], 60, 1500000000);
	runs[0] = spot_run(&s.l.id, 1, SPOT_RUN_BEGUN, 5);
	runs[1] = spot_run(&s.l.id, 2, SPOT_RUN_INTERRUPTED, 100);
	runs[2] = spot_run(&s.l.id, 3, SPOT_RUN_BEGUN, 175);
	s.l.spot = &owed;
	is_str(audit(&s, &sums, &e), "audit_due", "what the meter says is not what runs cost");
	for (uint32_t i = 0; i < READINGS; i++) {
		s.readings[i].usage.amount.units =
			spot_owed(&owed, &s.group, s.l.lease.rate, BEGAN + 60 * (i + 1), false)
				.units;
		if (i > 0)
			s.readings[i].usage.previous = usage_hash(&s.readings[i - 1].usage);
		countersign(&s, i, i == 0 ? NULL : &tenant);
	}
	s.l.event_count = 1;
	s.l.release_sig = NULL;
	s.l.said = NULL;
	s.l.stored = NULL;
	is_str(audit(&s, &sums, &e), "true", "runs and prices");
	ok(sums.dues_computed, "and it is said");
	s.readings[2].usage.amount.units++;
	countersign(&s, 2, &tenant);
	is_str(audit(&s, &sums, &e), "audit_due", "one unit more");
	s.readings[2].usage.amount.units--;
	countersign(&s, 2, &tenant);
	runs[1].terms.at++;
	is_str(audit(&s, &sums, &e), "signature_bad", "a run that its provider did not sign");
	runs[1] = spot_run(&s.l.id, 3, SPOT_RUN_INTERRUPTED, 100);
	is_str(audit(&s, &sums, &e), "usage_runs", "a run is missing");
	runs[1] = spot_run(&s.l.id, 2, SPOT_RUN_INTERRUPTED, 100);
}

/* Not a lie: less is shown, or the other way round. */
static void
test_less(void)
{
	static struct stage s;
	struct audit_sums sums;
	struct err e;

	straight(&s);
	s.l.round = NULL;
	is_str(audit(&s, &sums, &e), "true", "without the round");
	ok(!sums.round_computed, "and it is said");
	s.l.price = NULL;
	is_str(audit(&s, &sums, &e), "true", "without the card");
	ok(!sums.dues_computed, "and it is said");
	interruptible = true;
	straight(&s);
	s.l.round = NULL;
	s.price.card.cpu_milli.nano *= 2;
	is_str(audit(&s, &sums, &e), "true", "interruptible: the card's due is not its due");
	ok(!sums.dues_computed, "and it is said");
	lie_usage_rate(&s);
	is_str(audit(&s, &sums, &e), "audit_due", "interruptible: never above rate x time");
	test_spot();
	interruptible = false;
	straight(&s);
	s.readings[0] = s.readings[2];
	s.l.reading_count = 1;
	is_str(audit(&s, &sums, &e), "true", "the last voucher covers those before it");
	straight(&s);
	s.l.said = NULL;
	s.l.stored = NULL;
	is_str(audit(&s, &sums, &e), "true", "by the events alone");
	alone(&s);
	countersign(&s, 1, &stranger);
	is_str(audit(&s, &sums, &e), "audit_signature", "a key that nobody lent");
	s.events[s.l.event_count] = s.events[1];
	happens(&s, ESCROW_KEYED, 1)->account = stranger.address;
	s.events[s.l.event_count - 1].event.amount.units = AMOUNT_MAX;
	memmove(&s.events[2], &s.events[1], 4 * sizeof(s.events[0]));
	s.events[1] = (struct escrow_said){ .time = BEGAN + 1 };
	s.events[1].event = (struct escrow_event){ .kind = ESCROW_KEYED,
						   .lease = s.l.id,
						   .account = stranger.address,
						   .amount = { AMOUNT_MAX } };
	is_str(audit(&s, &sums, &e), "true", "a key that the tenant lent");
	begin(&s);
	s.l.event_count = 0;
	s.l.said = NULL;
	is_str(audit(&s, &sums, &e), "true", "signed, and not opened");
	ok(sums.end == LEASE_UNOPENED, "and it is said");
}

int
main(void)
{
	struct address contract = { { 1, 2, 3 } };

	arena_init(&arena, 0);
	domain_init(&domain, 31337, &contract);
	market = key_number(1);
	tenant = key_number(2);
	stranger = key_number(3);
	provider = key_number(4);
	cosigner = key_number(5);
	test_truth();
	test_lies();
	test_less();
	arena_release(&arena);
	return tap_done();
}
