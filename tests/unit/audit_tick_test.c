/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h on ticks, record.h: an honest tick is believed, each lie of a market that
 * signs whatever it likes is named; trees hold what they hold and nothing else.
 */
#include "lease/audit.h"

#include "lease/key.h"
#include "tests/unit/tap.h"
#include "tests/unit/tick_book.h"

enum { OFFERS = 4, ORDERS = 3 };

static struct domain domain;
static struct key market, tenant, stranger, providers[OFFERS];

struct stage {
	struct audit_tick t;
	struct audit_order orders[ORDERS];
	struct tick_offer offers[OFFERS];
	struct sig offer_sigs[OFFERS];
	struct receipt receipts[ORDERS];
};

#include "tests/unit/keys.h"

/* The market signs the book of before, and what it says of this tick. */
static void
sign_before(struct stage *s)
{
	s->t.before.terms.number = 41;
	s->t.before.terms.time = 1000000;
	record_book(&arena, s->offers, s->t.offer_count, &s->t.before.terms);
	s->t.before.sig = sign(&market, record_hash(&s->t.before.terms));
}

static void
sign_record(struct stage *s)
{
	s->t.record.terms.number = 42;
	s->t.record.terms.time = 1000250;
	s->t.record.terms.previous = record_hash(&s->t.before.terms);
	record_tick(&arena, s->orders, s->t.order_count, s->offers, s->t.offer_count, NULL, 0,
		    &s->t.record.terms);
	s->t.record.sig = sign(&market, record_hash(&s->t.record.terms));
}

static void
clear(struct stage *s)
{
	struct tick_order orders[ORDERS];
	struct tick_outcome *out;

	for (size_t i = 0; i < s->t.order_count; i++)
		orders[i] = s->orders[i].order;
	out = clear_copy(orders, s->t.order_count, s->offers, s->t.offer_count);
	for (size_t i = 0; i < s->t.order_count; i++)
		s->orders[i].said = out[i];
}

static int
by_offer_id(const void *a, const void *b)
{
	return memcmp(((const struct tick_offer *)a)->id.b, ((const struct tick_offer *)b)->id.b,
		      32);
}

static int
by_order_id(const void *a, const void *b)
{
	return memcmp(((const struct audit_order *)a)->order.id.b,
		      ((const struct audit_order *)b)->order.id.b, 32);
}

static const struct key *
key_of(const struct address *a)
{
	for (size_t i = 0; i < OFFERS; i++)
		if (address_equal(&providers[i].address, a))
			return &providers[i];
	return &stranger;
}

static void
sign_offers(struct stage *s)
{
	for (size_t i = 0; i < OFFERS; i++)
		s->offers[i].id = offer_hash(s->offers[i].offer);
	qsort(s->offers, OFFERS, sizeof(s->offers[0]), by_offer_id);
	for (size_t i = 0; i < OFFERS; i++)
		s->offer_sigs[i] = sign(key_of(&s->offers[i].offer->provider), s->offers[i].id);
}

static void
set_stage(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < OFFERS; i++) {
		struct offer *o;

		s->offers[i] = make_offer(i + 1, 50 + 10 * i, 90 + 10 * i, 1, 2000);
		o = (struct offer *)(uintptr_t)s->offers[i].offer;
		o->provider = o->owner = providers[i].address;
		s->offers[i].launches = 100;
	}
	sign_offers(s);
	for (unsigned i = 0; i < ORDERS; i++) {
		struct audit_order *o = &s->orders[i];

		o->order = make_order(1000, 1, 200000);
		o->terms = (struct order_terms){ .tenant = tenant.address,
						 .group = group_hash(o->order.group),
						 .maxRate = { 200000 },
						 .deposit = { 5 },
						 .auctioneer = market.address,
						 .nonce = i };
		o->order.id = order_hash(&o->terms);
		o->order.tenant = o->order.owner = tenant.address;
		o->sig = sign(&tenant, o->order.id);
		s->receipts[i].terms =
			(struct receipt_terms){ .item = o->order.id, .round = 42, .index = i };
		s->receipts[i].sig = sign(&market, receipt_hash(&s->receipts[i].terms));
	}
	qsort(s->orders, ORDERS, sizeof(s->orders[0]), by_order_id);
	s->t = (struct audit_tick){ .domain = &domain,
				    .rules = RULES_VERSION,
				    .market = market.address,
				    .orders = s->orders,
				    .order_count = ORDERS,
				    .offers = s->offers,
				    .offer_sigs = s->offer_sigs,
				    .offer_count = OFFERS,
				    .receipts = s->receipts,
				    .receipt_count = ORDERS };
	clear(s);
	sign_before(s);
	sign_record(s);
}

/* ------------------------------------------------------------------ */
/* Lies.                                                               */

static void
lie_rules(struct stage *s)
{
	s->t.rules = "runner-up 9";
}
static void
lie_drop_order(struct stage *s)
{
	s->t.order_count--;
	clear(s);
	sign_record(s);
}
static void
lie_invent_order(struct stage *s)
{
	s->orders[1].sig = sign(&stranger, s->orders[1].order.id);
	sign_record(s);
}
static void
lie_maximum(struct stage *s)
{
	struct rate *max = ARENA_NEW(&arena, struct rate);

	max->nano = 1;
	s->orders[0].order.max = max;
	clear(s);
	sign_record(s);
}
static void
lie_drop_lowest(struct stage *s)
{
	/* After the book was signed, without its signature. */
	for (size_t i = 0; i < OFFERS; i++)
		if (address_equal(&s->offers[i].offer->provider, &providers[0].address)) {
			memmove(&s->offers[i], &s->offers[i + 1],
				(OFFERS - 1 - i) * sizeof(s->offers[0]));
			memmove(&s->offer_sigs[i], &s->offer_sigs[i + 1],
				(OFFERS - 1 - i) * sizeof(s->offer_sigs[0]));
			break;
		}
	s->t.offer_count--;
	clear(s);
	sign_record(s);
}
static void
lie_late_price_setter(struct stage *s)
{
	/* A friend may set prices from now on, and did not when the book was signed. */
	for (size_t i = 0; i < OFFERS; i++)
		s->offers[i].sets_prices = !s->offers[i].sets_prices;
	clear(s);
	sign_record(s);
}
static void
lie_capacity(struct stage *s)
{
	s->offers[0].nodes[0].free.cpu_milli = 0;
	clear(s);
	sign_record(s);
}
static void
lie_reputation(struct stage *s)
{
	s->offers[0].failures = 50;
	clear(s);
	sign_record(s);
}
static void
lie_offer_signed_by_none(struct stage *s)
{
	s->offer_sigs[0] = sign(&stranger, s->offers[0].id);
}
static void
lie_offer_replaced(struct stage *s)
{
	struct offer *o = (struct offer *)(uintptr_t)s->offers[0].offer;

	o->floor.cpu_milli.nano += 7;
	sign_before(s);
	clear(s);
	sign_record(s);
}
static void
lie_expired(struct stage *s)
{
	((struct offer *)(uintptr_t)s->offers[2].offer)->expires = 1;
	sign_offers(s);
	clear(s);
	sign_before(s);
	sign_record(s);
}
static void
lie_chain(struct stage *s)
{
	s->t.record.terms.previous.b[3] ^= 4;
	s->t.record.sig = sign(&market, record_hash(&s->t.record.terms));
}
static void
lie_back_dated(struct stage *s)
{
	s->t.record.terms.time = 1;
	s->t.record.sig = sign(&market, record_hash(&s->t.record.terms));
}
static void
lie_number(struct stage *s)
{
	s->t.record.terms.number = 43;
	s->t.record.sig = sign(&market, record_hash(&s->t.record.terms));
}
static void
lie_signer(struct stage *s)
{
	s->t.record.sig = sign(&stranger, record_hash(&s->t.record.terms));
}
static void
lie_outcomes(struct stage *s)
{
	s->orders[0].said.price.nano++; /* and the root is that of the true ones */
}
static void
lie_winner(struct stage *s)
{
	s->orders[0].said.picks[0].index ^= 1;
	sign_record(s);
}
static void
lie_price(struct stage *s)
{
	s->orders[0].said.picks[0].price.nano--;
	s->orders[0].said.price.nano--;
	sign_record(s);
}
static void
lie_node(struct stage *s)
{
	s->orders[0].said.picks[0].nodes[0] = 7;
	sign_record(s);
}
static void
lie_setter(struct stage *s)
{
	s->orders[0].said.setter = (struct tick_pick){ .kind = TICK_NOBODY };
	sign_record(s);
}
static void
lie_not_awarded(struct stage *s)
{
	s->orders[0].said.end = TICK_ABOVE_MAX;
	sign_record(s);
}
static void
lie_reason(struct stage *s)
{
	s->orders[0].said.offer_reasons[1] = OFFER_REGION;
	sign_record(s);
}
static void
lie_ranking(struct stage *s)
{
	s->orders[0].said.ranking[1].effective++;
	sign_record(s);
}
static void
lie_receipt(struct stage *s)
{
	s->receipts[1].sig = sign(&stranger, receipt_hash(&s->receipts[1].terms));
}
static void
lie_key(struct stage *s)
{
	struct hash *leaf = ARENA_NEW(&arena, struct hash);

	*leaf = record_key_leaf(&s->orders[0].order.id, 1, &s->orders[0].order.id,
				&s->orders[1].order.id);
	s->t.key_leaves = leaf;
	s->t.key_count = 1;
}

static void
test_lies(void)
{
	static const struct {
		const char *what, *code;
		void (*tell)(struct stage *s);
	} lies[] = {
		{ "nothing but the truth", "true", NULL },
		{ "other rules", "audit_rules", lie_rules },
		{ "an order with a receipt dropped", "audit_dropped", lie_drop_order },
		{ "an order nobody signed", "audit_signature", lie_invent_order },
		{ "another maximum", "audit_order", lie_maximum },
		{ "the lowest offer dropped", "audit_root", lie_drop_lowest },
		{ "a price setter after the fact", "audit_root", lie_late_price_setter },
		{ "less capacity than was signed", "audit_root", lie_capacity },
		{ "another reputation", "audit_root", lie_reputation },
		{ "an offer nobody signed", "audit_signature", lie_offer_signed_by_none },
		{ "an offer at other prices", "audit_offer", lie_offer_replaced },
		{ "an offer that had expired", "audit_offer", lie_expired },
		{ "a broken chain", "audit_chain", lie_chain },
		{ "a record back-dated", "audit_chain", lie_back_dated },
		{ "a record left out", "audit_chain", lie_number },
		{ "a record somebody else signed", "audit_signature", lie_signer },
		{ "outcomes that were not signed", "audit_root", lie_outcomes },
		{ "another winner", "audit_winner", lie_winner },
		{ "another price", "audit_price", lie_price },
		{ "another node", "audit_winner", lie_node },
		{ "another price setter", "audit_setter", lie_setter },
		{ "an award kept back", "audit_outcome", lie_not_awarded },
		{ "another reason", "audit_reason", lie_reason },
		{ "another ranking", "audit_reason", lie_ranking },
		{ "a receipt nobody gave", "audit_receipt", lie_receipt },
		{ "another round key", "audit_root", lie_key },
	};
	static struct stage s;

	for (size_t i = 0; i < NELEMS(lies); i++) {
		struct err e = ERR_NONE;

		set_stage(&s);
		if (lies[i].tell != NULL)
			lies[i].tell(&s);
		is_str(audit_tick(&arena, &s.t, &e) < 0 ? e.code->name : "true", lies[i].code,
		       lies[i].what);
		if (e.code != NULL && strstr(e.text, "tick 4") == NULL)
			ok(false, "the tick is named: %s", e.text);
	}
}

/* ------------------------------------------------------------------ */
/* Receipts of whoever audits.                                         */

static const char *
with_receipt(struct stage *s, const struct hash *item, uint64_t round, const struct key *by)
{
	struct err e = ERR_NONE;

	s->receipts[0].terms = (struct receipt_terms){ .item = *item, .round = round };
	s->receipts[0].sig = sign(by, receipt_hash(&s->receipts[0].terms));
	s->t.receipt_count = 1;
	return audit_tick(&arena, &s->t, &e) < 0 ? e.code->name : "true";
}

/* Provider 0 again, above all that is in the book: signed, and taken by the market. */
static struct offer_doc
offer_above(const struct stage *s, uint64_t seq)
{
	struct offer_doc doc = { .offer = *make_offer(1, 10, 20, 1, 2000).offer };

	(void)s;
	doc.offer.provider = doc.offer.owner = providers[0].address;
	doc.offer.seq = seq;
	doc.sig = sign(&providers[0], offer_hash(&doc.offer));
	return doc;
}

static void
test_offer_receipts(void)
{
	static struct stage s;
	struct offer_doc docs[2];
	struct hash lost;
	struct err e = ERR_NONE;

	set_stage(&s);
	is_str(with_receipt(&s, &s.offers[1].id, 42, &market), "true", "an offer of the book");
	docs[0] = offer_above(&s, 100);
	lost = offer_hash(&docs[0].offer);
	is_str(with_receipt(&s, &lost, 42, &market), "audit_dropped", "one that is missing there");
	is_str(with_receipt(&s, &lost, 43, &market), "true", "it is for a later tick");
	is_str(with_receipt(&s, &lost, 42, &stranger), "audit_receipt", "another market's receipt");
	s.t.docs = docs;
	s.t.doc_count = 1;
	is_str(with_receipt(&s, &lost, 42, &market), "audit_dropped", "what it was is no excuse");

	docs[1] = offer_above(&s, 101);
	s.t.doc_count = 2;
	is_str(with_receipt(&s, &lost, 42, &market), "audit_dropped",
	       "nor a later one that the market did not get in time");
	s.receipts[1].terms =
		(struct receipt_terms){ .item = offer_hash(&docs[1].offer), .round = 42 };
	s.receipts[1].sig = sign(&market, receipt_hash(&s.receipts[1].terms));
	s.t.receipt_count = 2;
	is_str(audit_tick(&arena, &s.t, &e) < 0 ? e.code->name : "true", "audit_dropped",
	       "of two, the later one is missed");
	ok(strstr(e.text, "/receipts/1") != NULL || strcmp(e.field, "/receipts/1") == 0,
	   "which is named: %s %s", e.field, e.text);
	docs[1].offer.expires = 0; /* a withdrawal */
	docs[1].sig = sign(&providers[0], offer_hash(&docs[1].offer));
	s.receipts[1].terms.item = offer_hash(&docs[1].offer);
	s.receipts[1].sig = sign(&market, receipt_hash(&s.receipts[1].terms));
	e = (struct err)ERR_NONE;
	is_str(audit_tick(&arena, &s.t, &e) < 0 ? e.code->name : "true", "true",
	       "who has withdrawn an offer cannot miss it");
	docs[1].sig = sign(&stranger, offer_hash(&docs[1].offer));
	is_str(audit_tick(&arena, &s.t, &e) < 0 ? e.code->name : "true", "audit_dropped",
	       "unless somebody else signed that");
}

static void
test_bid_receipts(void)
{
	static struct stage s;
	struct hash lost = random_hash();
	struct err e = ERR_NONE;

	set_stage(&s);
	s.receipts[0].terms.subject = random_hash();
	s.receipts[0].terms.item = lost;
	s.receipts[0].sig = sign(&market, receipt_hash(&s.receipts[0].terms));
	is_str(audit_tick(&arena, &s.t, &e) < 0 ? e.code->name : "true", "true",
	       "round 42 of a sealed order is not tick 42");
	s.receipts[0].terms.subject = s.orders[0].order.id;
	s.receipts[0].sig = sign(&market, receipt_hash(&s.receipts[0].terms));
	is_str(audit_tick(&arena, &s.t, &e) < 0 ? e.code->name : "true", "audit_dropped",
	       "a bid for an order of the tick is missed");
}

/* ------------------------------------------------------------------ */

static void
test_trees(void)
{
	unsigned wrong = 0, taken = 0;

	for (size_t n = 1; n <= 40; n++) {
		struct hash leaves[40], root, *path, other = random_hash();

		for (size_t i = 0; i < n; i++)
			leaves[i] = random_hash();
		root = record_root(&arena, leaves, n);
		for (size_t i = 0; i < n; i++) {
			size_t len = record_path(&arena, leaves, n, i, &path);

			wrong += !record_holds(&root, &leaves[i], i, n, path, len);
			taken += record_holds(&root, &other, i, n, path, len);
			if (n > 1)
				taken += record_holds(&root, &leaves[i], (i + 1) % n, n, path, len);
			taken += len > 0 && record_holds(&root, &leaves[i], i, n, path, len - 1);
		}
		leaves[roll(n)].b[roll(32)] ^= 1;
		other = record_root(&arena, leaves, n);
		taken += hash_equal(&root, &other);
	}
	is_int(wrong, 0, "every leaf is shown to be in its tree, at its place");
	is_int(taken, 0, "nothing else is, and every leaf counts");
	ok(record_root(&arena, NULL, 0).b[0] != 0 || record_root(&arena, NULL, 0).b[1] != 0,
	   "an empty tree has a root of its own");
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
	for (uint8_t i = 0; i < OFFERS; i++)
		providers[i] = key_number((uint8_t)(10 + i));
	test_lies();
	test_offer_receipts();
	test_bid_receipts();
	test_trees();
	arena_release(&arena);
	return tap_done();
}
