/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_stage.h - a sealed round with a market that owns its key, for the tests that
 * make it lie: set_stage() and set_mixed() are honest, conclude() signs anew whatever
 * was changed, audit() says what an auditor says.
 */
#ifndef GAVEL_TESTS_AUDIT_STAGE_H
#define GAVEL_TESTS_AUDIT_STAGE_H

#include "lease/audit.h"

#include "lease/key.h"
#include "lease/seal.h"
#include "lease/tick_transcript.h"
#include "tests/unit/tap.h"

enum { BIDDERS = 5, ENTRIES = BIDDERS + 1, OFFERS = 4 };

static struct arena arena;
static struct domain domain;
static struct key market, tenant, bidders[BIDDERS], stranger, seller;

/* One round, as the market has it and as it says it. */
struct stage {
	struct transcript t;
	struct transcript_entry entries[ENTRIES + 1];
	struct award_terms award;
	struct sig award_sig;
	struct receipt receipts[BIDDERS];
	size_t receipt_count;
	struct choice_shown choices[2];
	size_t choice_count;
	struct audit_book books[1]; /* that the record names */
	struct record next;
	struct tick_row rows[OFFERS];
	struct offer_doc docs[OFFERS];
	size_t doc_count, book_count;
};

#include "tests/unit/keys.h"

/* The next stage is of an interruptible order. */
static bool interruptible;

static inline struct group *
group_of_one(void)
{
	struct group *g = ARENA_NEW(&arena, struct group);
	struct group_service *s = ARENA_NEW(&arena, struct group_service);

	*s = (struct group_service){ .name = "web",
				     .count = 1,
				     .resources = { .cpu_milli = 500,
						    .memory_bytes = 256 << 20,
						    .storage_bytes = 512 << 20,
						    .endpoints = 1 } };
	*g = (struct group){ .name = "one", .billing = "reserved", .services = { s, 1 } };
	if (interruptible) {
		g->billing = "metered";
		g->interruptible = true;
		g->on_interrupt = "pause";
	}
	return g;
}

static inline struct json_bytes
seal_bid(const struct transcript *t, const struct bid_terms *terms, const struct key *by)
{
	struct bid_doc doc = { *terms, sign(by, bid_hash(terms)) };
	const char *text = json_encode(&arena, bid_doc_fields, &doc);
	struct json_bytes box;

	box.b = seal_box(&arena, t->public_key.b, text, strlen(text), &box.len);
	return box;
}

static inline void
give_receipts(struct stage *s)
{
	s->receipt_count = 0;
	for (size_t i = 0; i < s->t.entries.count; i++) {
		const struct transcript_entry *en = &s->entries[i];
		struct receipt *r = &s->receipts[s->receipt_count];

		if (en->declined != NULL)
			continue;
		r->terms = (struct receipt_terms){ .subject = s->t.order,
						   .round = s->t.round,
						   .index = (uint64_t)en->index,
						   .at = (uint64_t)en->received_at };
		sha256(en->envelope.b, en->envelope.len, &r->terms.item);
		r->sig = sign(&market, receipt_hash(&r->terms));
		s->receipt_count++;
	}
}

static inline void
sign_root(struct stage *s)
{
	struct round_terms terms = { .order = s->t.order,
				     .round = s->t.round,
				     .key = s->t.public_key };

	s->t.root = terms.root = transcript_root(&arena, &s->t);
	s->t.root_sig = sign(&market, round_hash(&terms));
}

static inline struct hash
text_hash(const struct stage *s)
{
	const char *text = json_encode(&arena, transcript_fields, &s->t);
	struct hash h;

	keccak256(text, strlen(text), &h);
	return h;
}

static inline void
sign_award(struct stage *s)
{
	s->award = (struct award_terms){ .order = s->t.order,
					 .provider = s->t.winner,
					 .rate = s->t.price,
					 .record = text_hash(s) };
	s->award_sig = sign(&market, award_hash(&s->award));
}

/* The tenant takes this bidder; the market signs what the ranking says. */
static inline void
choose(struct stage *s, size_t bidder)
{
	struct choice_shown *c = &s->choices[s->choice_count++];

	c->terms = (struct choice_terms){ s->t.order, s->t.round, bidders[bidder].address };
	c->sig = sign(&tenant, choice_hash(&c->terms));
	c->received_at = s->t.choose_by - 1;
	sign_award(s);
	s->award.provider = c->terms.provider;
	s->award.rate = transcript_of(&s->t, &c->terms.provider)->price;
	s->award_sig = sign(&market, award_hash(&s->award));
}

/* ------------------------------------------------------------------ */
/* The book.                                                           */

static inline struct offer
offer_by(const struct key *who, uint64_t floor)
{
	struct offer_node *node = ARENA_NEW(&arena, struct offer_node);

	*node = (struct offer_node){
		.name = "n0",
		.model = "",
		.has = { .cpu_milli = 4000, .memory_mib = 4096, .storage_mib = { 4096 } }
	};
	return (struct offer){ .provider = who->address,
			       .owner = who->address,
			       .seq = 1,
			       .expires = 4000000000u,
			       .floor = { .fixed = { floor } },
			       .list = { .fixed = { floor + 30 } },
			       .nodes = { node, 1 },
			       .region = "eu" };
}

static inline int
compare_rows(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct hash));
}

static inline void
add_offer(struct stage *s, const struct key *who, uint64_t floor)
{
	struct offer_doc *doc = &s->docs[s->doc_count];
	struct tick_row *row = &s->rows[s->doc_count++];

	doc->offer = offer_by(who, floor);
	doc->sig = sign(who, offer_hash(&doc->offer));
	*row = (struct tick_row){ .id = offer_hash(&doc->offer),
				  .launches = 100,
				  .bonded = true,
				  .in_book_s = 700,
				  .class_launches = 2,
				  .sets_prices = true };
	qsort(s->rows, s->doc_count, sizeof(*s->rows), compare_rows);
}

static inline struct record
record_of(struct record_terms terms)
{
	return (struct record){ terms, sign(&market, record_hash(&terms)) };
}

/* The record that signs the rows, and the one after it. */
static inline void
sign_book(struct stage *s)
{
	struct audit_book *b = &s->books[0];
	struct record_terms terms = { .number = 77, .time = 3500 }, next;
	struct tick_book_read read;
	struct err e = ERR_NONE;

	b->rows = (struct json_list){ s->rows, s->doc_count };
	if (tick_book_read(&arena, &b->rows, s->docs, s->doc_count, &read, &e) < 0)
		fatal("%s", e.text);
	record_book(&arena, read.offers, s->doc_count, &terms);
	b->record = record_of(terms);
	next = (struct record_terms){ .number = 78, .time = 60000 };
	next.previous = record_hash(&terms);
	s->next = record_of(next);
	b->next = (struct json_list){ &s->next, 1 };
	s->book_count = 1;
	s->t.tick = terms.number;
	s->t.record = record_hash(&terms);
	s->t.standing = (struct standing_rules){ 600, 1000, 1 };
}

static inline void
decide(struct stage *s)
{
	struct tick_book_read read;
	struct transcript_book book = { .time_ms = s->books[0].record.terms.time };
	struct err e = ERR_NONE;

	if (tick_book_read(&arena, &s->books[0].rows, s->docs, s->doc_count, &read, &e) < 0)
		fatal("%s", e.text);
	book.offers = read.offers;
	book.count = s->books[0].rows.count;
	transcript_decide(&arena, &s->t, &book);
}

/* Everything the market concludes, honestly, from what it has taken. */
static inline void
conclude(struct stage *s)
{
	sign_root(s);
	s->t.outcome = s->t.price_by = NULL;
	s->t.price.nano = 0;
	memset(&s->t.winner, 0, sizeof(s->t.winner));
	memset(&s->t.runner_up, 0, sizeof(s->t.runner_up));
	memset(&s->t.winner_offer, 0, sizeof(s->t.winner_offer));
	memset(&s->t.runner_up_offer, 0, sizeof(s->t.runner_up_offer));
	transcript_open(&arena, &domain, &s->t);
	decide(s);
	sign_award(s);
}

/* Floors 60, 70, 50, 80 and a newcomer at 55; one more declines. accept: who picks. */
static inline void
set_stage_of(struct stage *s, const char *accept, uint64_t max)
{
	static const unsigned floors[BIDDERS] = { 60, 70, 50, 80, 55 };
	uint8_t seed[32] = { 9 };

	memset(s, 0, sizeof(*s));
	s->t = (struct transcript){ .rules = RULES_VERSION,
				    .round = 3,
				    .care_hours = 1,
				    .established_launches = 20,
				    .ends_at = 5000 * MILLI_US,
				    .group = *group_of_one(),
				    .entries = { s->entries, ENTRIES } };
	s->t.group.accept = accept;
	s->t.choose_by = accept != NULL ? 9000 * MILLI_US : 0;
	s->t.terms = (struct order_terms){ .tenant = tenant.address,
					   .group = group_hash(&s->t.group),
					   .maxRate = { max },
					   .deposit = { 1 },
					   .openBy = 4000000000u,
					   .auctioneer = market.address,
					   .nonce = 7 };
	s->t.order = order_hash(&s->t.terms);
	s->t.order_sig = sign(&tenant, s->t.order);
	seal_keys_from_seed(seed, s->t.public_key.b, s->t.secret_key.b);
	for (unsigned i = 0; i < BIDDERS; i++) {
		struct bid_terms terms = { .order = s->t.order,
					   .provider = bidders[i].address,
					   .floor = { floors[i] },
					   .list = { floors[i] + 30 },
					   .round = 3 };

		s->entries[i] = (struct transcript_entry){ .index = 10 + i,
							   .provider = bidders[i].address,
							   .received_at = (4000 + i) * MILLI_US,
							   .launches = i == 4 ? 3 : 100,
							   .envelope = seal_bid(&s->t, &terms,
										&bidders[i]) };
	}
	s->entries[BIDDERS] = (struct transcript_entry){ .index = 10 + BIDDERS,
							 .provider = stranger.address,
							 .received_at = 4500 * MILLI_US,
							 .declined = "capacity" };
	give_receipts(s);
	if (!interruptible)
		sign_book(s);
	conclude(s);
}

/* The same beside a book: the lowest bidder offers for 40, the dearest for 90, who has
 * declined for 10, and somebody who does not bid at all for 55. */
static inline void
set_mixed(struct stage *s, const char *accept)
{
	set_stage_of(s, accept, 1000);
	add_offer(s, &bidders[2], 40);
	add_offer(s, &bidders[3], 90);
	add_offer(s, &stranger, 10);
	add_offer(s, &seller, 55);
	sign_book(s);
	conclude(s);
}

static inline void
set_stage(struct stage *s)
{
	set_stage_of(s, NULL, 1000);
}

static inline const char *
audit(const struct stage *s, struct err *e)
{
	struct audit_round r = { .domain = &domain,
				 .t = &s->t,
				 .record = text_hash(s),
				 .award = &s->award,
				 .award_sig = &s->award_sig,
				 .receipts = s->receipts,
				 .receipt_count = s->receipt_count,
				 .choices = s->choices,
				 .choice_count = s->choice_count,
				 .books = s->books,
				 .book_count = s->book_count,
				 .docs = s->docs,
				 .doc_count = s->doc_count };

	return audit_round(&arena, &r, e) < 0 ? e->code->name : "true";
}

static inline void
set_keys(void)
{
	struct address contract = { { 1, 2, 3 } };

	arena_init(&arena, 0);
	domain_init(&domain, 31337, &contract);
	market = key_number(1);
	tenant = key_number(2);
	stranger = key_number(3);
	seller = key_number(4);
	for (uint8_t i = 0; i < BIDDERS; i++)
		bidders[i] = key_number((uint8_t)(10 + i));
}

#endif
