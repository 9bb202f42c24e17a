/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h on sealed rounds: an honest market is believed, and every lie that a
 * market with its own key can tell is named. The forger signs whatever it likes.
 */
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

static struct key
key_number(uint8_t n)
{
	uint8_t secret[32] = { 0 };
	struct err e = ERR_NONE;
	struct key k;

	secret[31] = n;
	if (key_from_secret(secret, &k, &e) < 0)
		fatal("%s", e.text);
	return k;
}

static struct sig
sign(const struct key *k, struct hash h)
{
	struct hash digest = terms_digest(&domain, &h);
	struct sig sig;

	key_sign(k, &digest, &sig);
	return sig;
}

/* The next stage is of an interruptible order. */
static bool interruptible;

static struct group *
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

static struct json_bytes
seal_bid(const struct transcript *t, const struct bid_terms *terms, const struct key *by)
{
	struct bid_doc doc = { *terms, sign(by, bid_hash(terms)) };
	const char *text = json_encode(&arena, bid_doc_fields, &doc);
	struct json_bytes box;

	box.b = seal_box(&arena, t->public_key.b, text, strlen(text), &box.len);
	return box;
}

static void
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

static void
sign_root(struct stage *s)
{
	struct round_terms terms = { .order = s->t.order,
				     .round = s->t.round,
				     .key = s->t.public_key };

	s->t.root = terms.root = transcript_root(&arena, &s->t);
	s->t.root_sig = sign(&market, round_hash(&terms));
}

static struct hash
text_hash(const struct stage *s)
{
	const char *text = json_encode(&arena, transcript_fields, &s->t);
	struct hash h;

	keccak256(text, strlen(text), &h);
	return h;
}

static void
sign_award(struct stage *s)
{
	s->award = (struct award_terms){ .order = s->t.order,
					 .provider = s->t.winner,
					 .rate = s->t.price,
					 .record = text_hash(s) };
	s->award_sig = sign(&market, award_hash(&s->award));
}

/* The tenant takes this bidder; the market signs what the ranking says. */
static void
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

static struct offer
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

static int
compare_rows(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct hash));
}

static void
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

static struct record
record_of(struct record_terms terms)
{
	return (struct record){ terms, sign(&market, record_hash(&terms)) };
}

/* The record that signs the rows, and the one after it. */
static void
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

static void
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
static void
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
static void
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
static void
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

static void
set_stage(struct stage *s)
{
	set_stage_of(s, NULL, 1000);
}

static const char *
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

/* ------------------------------------------------------------------ */
/* Lies. Each changes what is published; the forger signs it anew.       */

static void
remove_entry(struct stage *s, size_t at)
{
	memmove(&s->entries[at], &s->entries[at + 1],
		(s->t.entries.count - at - 1) * sizeof(s->entries[0]));
	s->t.entries.count--;
}

static void
lie_rules(struct stage *s)
{
	s->t.rules = "runner-up 1";
}
static void
lie_maximum(struct stage *s)
{
	s->t.terms.maxRate.nano = 2000;
}
static void
lie_another_order(struct stage *s)
{
	s->t.terms.maxRate.nano = 2000;
	s->t.order = order_hash(&s->t.terms);
}
static void
lie_group(struct stage *s)
{
	s->t.group.ips = 1;
}
static void
lie_drop_lowest(struct stage *s)
{
	remove_entry(s, 2);
	conclude(s);
}
static void
lie_drop_unsigned(struct stage *s)
{
	remove_entry(s, 2);
}
static void
lie_late(struct stage *s)
{
	s->entries[3].received_at = s->t.ends_at;
	conclude(s);
}
static void
lie_backdated(struct stage *s)
{
	s->entries[3].received_at -= MILLI_US;
	conclude(s);
}
static void
lie_moved_up(struct stage *s)
{
	struct transcript_entry first = s->entries[0];

	s->entries[0] = s->entries[1];
	s->entries[1] = first;
	s->entries[0].index = 10;
	s->entries[1].index = 11;
	conclude(s);
}
static void
lie_order_of_receipt(struct stage *s)
{
	s->entries[1].index = 10;
	conclude(s);
}
static void
lie_second_bid(struct stage *s)
{
	s->entries[BIDDERS] = s->entries[0];
	s->entries[BIDDERS].index = 15;
	conclude(s);
}
static void
lie_key(struct stage *s)
{
	s->t.secret_key.b[5] ^= 1;
}
static void
lie_other_signer(struct stage *s)
{
	struct round_terms terms = {
		.order = s->t.order, .round = s->t.round, .root = s->t.root, .key = s->t.public_key
	};

	s->t.root_sig = sign(&stranger, round_hash(&terms));
}
static void
lie_shown_bid(struct stage *s)
{
	struct bid_doc doc = s->entries[2].bid;
	const char *text;
	struct err e = ERR_NONE;

	doc.terms.floor.nano = 65;
	text = json_encode(&arena, bid_doc_fields, &doc);
	if (json_parse(&arena, text, strlen(text), &s->entries[2].shown, &e) < 0)
		fatal("%s", e.text);
}
static void
lie_void(struct stage *s)
{
	s->entries[2].void_why = "does not open";
	s->entries[2].shown = NULL;
	decide(s);
}
static void
lie_newcomer_prices(struct stage *s)
{
	s->entries[4].sets_prices = true;
}
static void
lie_not_awarded(struct stage *s)
{
	s->t.outcome = "above_max";
}
static void
lie_winner(struct stage *s)
{
	s->t.winner = bidders[1].address;
	sign_award(s);
}
static void
lie_price(struct stage *s)
{
	s->t.price.nano--;
	sign_award(s);
}
static void
lie_price_by(struct stage *s)
{
	s->t.price_by = "list";
}
static void
lie_runner_up(struct stage *s)
{
	s->t.runner_up = bidders[3].address;
}
static void
lie_rank(struct stage *s)
{
	s->entries[3].rank = 2;
}
static void
lie_reason(struct stage *s)
{
	s->entries[3].reason = "outranked";
}
static void
lie_effective(struct stage *s)
{
	s->entries[3].effective.nano++;
}
static void
lie_award_price(struct stage *s)
{
	s->award.rate.nano++;
	s->award_sig = sign(&market, award_hash(&s->award));
}
static void
lie_award_provider(struct stage *s)
{
	s->award.provider = bidders[0].address;
	s->award_sig = sign(&market, award_hash(&s->award));
}
static void
lie_award_record(struct stage *s)
{
	s->award.record.b[0] ^= 1;
	s->award_sig = sign(&market, award_hash(&s->award));
}
static void
lie_award_sig(struct stage *s)
{
	s->award_sig = sign(&stranger, award_hash(&s->award));
}
static void
lie_receipt(struct stage *s)
{
	s->receipts[0].sig = sign(&stranger, receipt_hash(&s->receipts[0].terms));
}
static void
lie_other_envelope(struct stage *s)
{
	struct bid_terms terms = s->entries[2].bid.terms;

	/* A friend's key signs, and the winner's bid is another than it sent. */
	terms.floor.nano = 90;
	s->entries[2].envelope = seal_bid(&s->t, &terms, &bidders[2]);
	conclude(s);
}

static void
test_lies(void)
{
	static const struct {
		const char *what, *code;
		void (*tell)(struct stage *s);
	} lies[] = {
		{ "other rules", "audit_rules", lie_rules },
		{ "another maximum", "audit_order", lie_maximum },
		{ "an order nobody signed", "audit_signature", lie_another_order },
		{ "another group", "audit_order", lie_group },
		{ "the lowest bid dropped", "audit_dropped", lie_drop_lowest },
		{ "a bid dropped after the root", "audit_root", lie_drop_unsigned },
		{ "a late bid taken", "audit_late", lie_late },
		{ "a late bid back-dated", "audit_backdated", lie_backdated },
		{ "a bid moved up", "audit_backdated", lie_moved_up },
		{ "two bids in one place", "audit_twice", lie_order_of_receipt },
		{ "a second bid of one provider", "audit_twice", lie_second_bid },
		{ "another secret key", "audit_key", lie_key },
		{ "a root that somebody else signed", "audit_signature", lie_other_signer },
		{ "a bid shown as another", "audit_opened", lie_shown_bid },
		{ "a good bid called void", "audit_opened", lie_void },
		{ "a bid replaced", "audit_dropped", lie_other_envelope },
		{ "a newcomer that sets prices", "audit_standing", lie_newcomer_prices },
		{ "an award kept back", "audit_outcome", lie_not_awarded },
		{ "another winner", "audit_winner", lie_winner },
		{ "another price", "audit_price", lie_price },
		{ "a price of its own", "audit_setter", lie_price_by },
		{ "another runner-up", "audit_setter", lie_runner_up },
		{ "another rank", "audit_reason", lie_rank },
		{ "another reason", "audit_reason", lie_reason },
		{ "another effective price", "audit_reason", lie_effective },
		{ "an award at another price", "audit_award", lie_award_price },
		{ "an award to another", "audit_award", lie_award_provider },
		{ "an award of another transcript", "audit_award", lie_award_record },
		{ "an award nobody signed", "audit_signature", lie_award_sig },
		{ "a receipt nobody gave", "audit_receipt", lie_receipt },
	};
	static struct stage s;

	for (size_t i = 0; i < NELEMS(lies); i++) {
		struct err e = ERR_NONE;

		set_stage(&s);
		lies[i].tell(&s);
		is_str(audit(&s, &e), lies[i].code, lies[i].what);
		if (strcmp(audit(&s, &e), "true") == 0)
			printf("# %s\n", e.text);
	}
}

/* ------------------------------------------------------------------ */
/* The tenant picks.                                                   */

static void
lie_awarded_itself(struct stage *s)
{
	s->t.outcome = "awarded";
	sign_award(s);
	s->choice_count = 0;
}
static void
lie_no_choice(struct stage *s)
{
	s->choice_count = 0;
}
static void
lie_forged_choice(struct stage *s)
{
	s->choices[0].sig = sign(&market, choice_hash(&s->choices[0].terms));
}
static void
lie_other_chosen(struct stage *s)
{
	s->award.provider = bidders[3].address;
	s->award.rate = transcript_of(&s->t, &bidders[3].address)->price;
	s->award_sig = sign(&market, award_hash(&s->award));
}
static void
lie_replayed_choice(struct stage *s)
{
	s->choices[0].terms.round--;
	s->choices[0].sig = sign(&tenant, choice_hash(&s->choices[0].terms));
}
static void
lie_late_choice(struct stage *s)
{
	s->choices[0].received_at = s->t.choose_by;
}
static void
lie_unranked(struct stage *s)
{
	struct choice_terms *c = &s->choices[0].terms;

	c->provider = s->award.provider = stranger.address;
	s->choices[0].sig = sign(&tenant, choice_hash(c));
	s->award_sig = sign(&market, award_hash(&s->award));
}
static void
lie_dear(struct stage *s)
{
	struct choice_terms *c = &s->choices[0].terms;

	/* Its list price of 110 is above the maximum of 105. */
	c->provider = s->award.provider = bidders[3].address;
	s->choices[0].sig = sign(&tenant, choice_hash(c));
	s->award.rate.nano = 110;
	s->award_sig = sign(&market, award_hash(&s->award));
}
static void
lie_first_for_all(struct stage *s)
{
	s->award.rate = s->t.price;
	s->award_sig = sign(&market, award_hash(&s->award));
}
static void
lie_choice_price(struct stage *s)
{
	transcript_of(&s->t, &bidders[0].address)->price.nano++;
	s->choice_count = 0;
	choose(s, 0);
}

static void
test_choices(void)
{
	static const struct {
		const char *what, *code;
		void (*tell)(struct stage *s);
	} lies[] = {
		{ "awarded, when the tenant was to pick", "audit_outcome", lie_awarded_itself },
		{ "an award without a choice", "audit_choice", lie_no_choice },
		{ "a forged choice", "audit_choice", lie_forged_choice },
		{ "another than was chosen", "audit_choice", lie_other_chosen },
		{ "a choice of another round", "audit_choice", lie_replayed_choice },
		{ "a choice that came late", "audit_late", lie_late_choice },
		{ "one that did not bid", "audit_choice", lie_unranked },
		{ "one above the maximum", "audit_choice", lie_dear },
		{ "the first one's price for another", "audit_award", lie_first_for_all },
		{ "a price that is not its list price", "audit_price", lie_choice_price },
	};
	static struct stage s;
	struct err e = ERR_NONE;

	for (size_t i = 0; i < NELEMS(lies); i++) {
		set_stage_of(&s, "manual", 105);
		choose(&s, 0);
		lies[i].tell(&s);
		is_str(audit(&s, &e), lies[i].code, lies[i].what);
	}
	set_stage_of(&s, "manual", 105);
	is_str(s.t.outcome, "ranked", "nothing is awarded when the tenant picks");
	choose(&s, 0);
	e = (struct err)ERR_NONE;
	is_str(audit(&s, &e), "true", "its choice of the second is true");
	is_int((long long)s.award.rate.nano, 90, "at that one's list price");
	choose(&s, 2);
	is_str(audit(&s, &e), "true", "and so is one after it, of the first");
	is_int((long long)s.award.rate.nano, 60, "at the rules' price");
	is_int((long long)transcript_of(&s.t, &bidders[3].address)->price.nano, 0,
	       "a list price above the maximum cannot be taken");
	is_str(transcript_of(&s.t, &bidders[3].address)->reason, "above_max", "and says why");
	set_stage_of(&s, "manual", 40);
	is_str(s.t.outcome, "above_max", "all above the maximum: nothing to pick from");
}

/* ------------------------------------------------------------------ */

static void
test_truth(void)
{
	static struct stage s;
	struct err e = ERR_NONE;

	set_stage(&s);
	is_str(audit(&s, &e), "true", "an honest round");
	if (e.code != NULL)
		printf("# %s\n", e.text);
	ok(s.t.price.nano == 60 && address_equal(&s.t.winner, &bidders[2].address),
	   "the lowest floor wins and is paid the next");
	s.receipts[0].terms.round++;
	is_str(audit(&s, &e), "true", "a receipt of another round is passed over");
	set_stage(&s);
	s.t.entries.count = 0;
	s.receipt_count = 0;
	conclude(&s);
	s.award = (struct award_terms){ 0 };
	s.t.outcome = "no_bid";
	is_str(audit(&s, &e), "audit_signature", "an award of a round without bids");
}

/* The text that the Award names, read back by somebody else; every byte counts. */
static void
test_text(void)
{
	static struct stage s;
	struct transcript read;
	struct err e = ERR_NONE;
	char *text;
	size_t len, found = 0, tried = 0;
	struct audit_round r = {
		.domain = &domain, .t = &read, .award = &s.award, .award_sig = &s.award_sig
	};

	set_mixed(&s, NULL);
	r.books = s.books;
	r.book_count = 1;
	r.docs = s.docs;
	r.doc_count = s.doc_count;
	text = arena_strdup(&arena, json_encode(&arena, transcript_fields, &s.t));
	len = strlen(text);
	memset(&read, 0, sizeof(read));
	ok(json_decode(&arena, text, len, transcript_fields, &read, &e) == 0, "it reads: %s",
	   e.text);
	is_str(json_encode(&arena, transcript_fields, &read), text, "and is written alike");
	keccak256(text, len, &r.record);
	ok(audit_round(&arena, &r, &e) == 0, "the text alone is enough: %s", e.text);
	for (size_t i = 0; i < len; i += 11) {
		struct arena a;

		arena_init(&a, 0);
		text[i] ^= 1;
		memset(&read, 0, sizeof(read));
		tried++;
		keccak256(text, len, &r.record);
		found += json_decode(&a, text, len, transcript_fields, &read, &e) < 0 ||
			 audit_round(&a, &r, &e) < 0;
		text[i] ^= 1;
		arena_release(&a);
	}
	is_int((long long)found, (long long)tried, "any flipped byte is found");
}

/* Envelopes that are none: void with a reason, and the rest goes on. */
static void
test_envelopes(void)
{
	static const char *const why[] = { "does not open", "names another order or round",
					   "names another provider",
					   "is not signed by its provider", "is not a bid" };
	static struct stage s;

	for (unsigned k = 0; k < NELEMS(why); k++) {
		struct bid_terms terms;
		struct err e = ERR_NONE;

		set_stage(&s);
		terms = s.entries[2].bid.terms;
		terms.round += k == 1;
		if (k == 2)
			terms.provider = bidders[1].address;
		s.entries[2].envelope = seal_bid(&s.t, &terms, &bidders[k == 3 ? 1 : 2]);
		if (k == 0)
			s.entries[2].envelope.b[9] ^= 1;
		if (k == 4)
			s.entries[2].envelope.b = seal_box(&arena, s.t.public_key.b, "{}", 2,
							   &s.entries[2].envelope.len);
		give_receipts(&s);
		conclude(&s);
		is_str(s.entries[2].void_why, why[k], "a bad envelope");
		ok(address_equal(&s.t.winner, &bidders[0].address), "the next one wins");
		is_str(audit(&s, &e), "true", "and the round is true");
	}
}

/* ------------------------------------------------------------------ */
/* Standing offers beside sealed bids.                                  */

static const struct transcript_offer *
offer_of(const struct stage *s, const struct key *who)
{
	const struct transcript_offer *all = s->t.offers.items;

	for (size_t i = 0; i < s->t.offers.count; i++)
		if (address_equal(&all[i].provider, &who->address))
			return &all[i];
	return NULL;
}

static size_t
row_of(const struct stage *s, const struct key *who)
{
	for (size_t i = 0; i < s->doc_count; i++)
		for (size_t k = 0; k < s->doc_count; k++) {
			struct hash h = offer_hash(&s->docs[k].offer);

			if (hash_equal(&h, &s->rows[i].id) &&
			    address_equal(&s->docs[k].offer.provider, &who->address))
				return i;
		}
	return 0;
}

static void
lie_no_book(struct stage *s)
{
	memset(&s->t.record, 0, sizeof(s->t.record));
	conclude(s);
}
static void
lie_book_kept(struct stage *s)
{
	s->book_count = 0;
}
static void
lie_other_book(struct stage *s)
{
	s->t.record.b[3] ^= 1;
	sign_root(s);
	sign_award(s);
}
static void
lie_record_after_root(struct stage *s)
{
	s->t.record.b[3] ^= 1;
}
static void
lie_record_forged(struct stage *s)
{
	s->books[0].record.sig = sign(&stranger, s->t.record);
}
static void
lie_tick(struct stage *s)
{
	s->t.tick++;
}
static void
lie_offer_dropped(struct stage *s)
{
	size_t at = row_of(s, &seller);

	memmove(&s->rows[at], &s->rows[at + 1], (OFFERS - at - 1) * sizeof(s->rows[0]));
	s->books[0].rows.count--;
	conclude(s);
}
static void
lie_offer_unsigned(struct stage *s)
{
	for (size_t i = 0; i < s->doc_count; i++)
		if (address_equal(&s->docs[i].offer.provider, &seller.address))
			s->docs[i].sig = sign(&market, offer_hash(&s->docs[i].offer));
}
static void
lie_offer_unknown(struct stage *s)
{
	s->doc_count--;
}
static void
lie_old_book(struct stage *s)
{
	struct record_terms next = s->next.terms;

	/* Another book was signed half a minute and more before the last answer. */
	s->entries[BIDDERS].received_at = 40000 * MILLI_US;
	s->t.ends_at = 50000 * MILLI_US;
	next.time = 5000;
	s->next = record_of(next);
	conclude(s);
}
static void
lie_next_record(struct stage *s)
{
	struct record_terms next = s->next.terms;

	next.previous.b[0] ^= 1;
	s->next = record_of(next);
}
static void
lie_newcomer_in_book(struct stage *s)
{
	size_t at = row_of(s, &seller);

	s->rows[at].in_book_s = 10; /* and is said to set prices */
	sign_book(s);
	conclude(s);
}
static void
lie_winner_offer(struct stage *s)
{
	memset(&s->t.winner_offer, 0, sizeof(s->t.winner_offer));
	sign_award(s);
}
static void
lie_runner_up_offer(struct stage *s)
{
	s->t.runner_up_offer.b[0] ^= 1;
	sign_award(s);
}
static void
lie_offer_rank(struct stage *s)
{
	((struct transcript_offer *)s->t.offers.items)->rank++;
}
static void
lie_offer_reason(struct stage *s)
{
	s->t.reasons.b[row_of(s, &stranger)] = OFFER_REGION;
}
static void
lie_offer_left_out(struct stage *s)
{
	s->t.offers.count--;
}
static void
lie_sealed_only(struct stage *s)
{
	/* As if nobody had offered: the winner's own bid of 50, and 60 to be paid. */
	transcript_decide(&arena, &s->t, NULL);
	sign_award(s);
}
static void
lie_failed_forgotten(struct stage *s)
{
	/* Its failure was known when the round was decided, and is not shown. */
	static const char *who[1];
	char text[ADDRESS_TEXT_SIZE];

	who[0] = arena_strdup(&arena, address_text(&bidders[2].address, text));
	s->t.failed = (struct json_strs){ who, 1 };
	conclude(s);
	s->t.failed.count = 0;
}

static void
test_mixed(void)
{
	static const struct {
		const char *what, *code;
		void (*tell)(struct stage *s);
	} lies[] = {
		{ "no book", "audit_chain", lie_no_book },
		{ "a book that nobody shows", "audit_chain", lie_book_kept },
		{ "a record that is none", "audit_chain", lie_other_book },
		{ "a record chosen after the root", "audit_root", lie_record_after_root },
		{ "a record somebody else signed", "audit_signature", lie_record_forged },
		{ "another tick's number", "audit_chain", lie_tick },
		{ "an offer left out of the book", "audit_root", lie_offer_dropped },
		{ "an offer its provider did not sign", "audit_signature", lie_offer_unsigned },
		{ "an offer nobody has shown", "audit_offer", lie_offer_unknown },
		{ "a book of long ago", "audit_chain", lie_old_book },
		{ "a next record of another chain", "audit_chain", lie_next_record },
		{ "a newcomer's offer that sets prices", "audit_standing", lie_newcomer_in_book },
		{ "won by a bid, not the offer", "audit_winner", lie_winner_offer },
		{ "a price of another offer", "audit_setter", lie_runner_up_offer },
		{ "another rank of an offer", "audit_reason", lie_offer_rank },
		{ "another reason of an offer", "audit_reason", lie_offer_reason },
		{ "an offer that matches, not shown", "audit_reason", lie_offer_left_out },
		{ "sealed bids alone", "audit_price", lie_sealed_only },
		{ "a winner that has failed before", "audit_winner", lie_failed_forgotten },
	};
	static struct stage s;
	struct err e = ERR_NONE;

	set_mixed(&s, NULL);
	is_str(audit(&s, &e), "true", "bids beside offers: an honest round");
	if (e.code != NULL)
		printf("# %s\n", e.text);
	ok(address_equal(&s.t.winner, &bidders[2].address) && s.t.price.nano == 55,
	   "the lowest wins by its offer, and is paid the next one's");
	ok(hash_equal(&s.t.winner_offer, &offer_of(&s, &bidders[2])->offer), "which is named");
	is_str(s.entries[2].reason, "outranked", "its own dearer bid takes no part");
	is_int(s.entries[2].rank, 0, "and has no rank");
	is_str(offer_of(&s, &bidders[3])->reason, "outranked", "of another the bid is lower");
	is_str(s.entries[3].reason, "dearer", "so the bid takes part");
	is_str(offer_of(&s, &seller)->reason, "dearer", "who did not bid took part");
	ok(hash_equal(&s.t.runner_up_offer, &offer_of(&s, &seller)->offer), "and made the price");
	ok(offer_of(&s, &stranger) == NULL, "who has declined does not serve it by an offer");
	is_int(s.t.reasons.b[row_of(&s, &stranger)], OFFER_DENIED, "and that is the reason");
	for (size_t i = 0; i < NELEMS(lies); i++) {
		e = (struct err)ERR_NONE;
		set_mixed(&s, NULL);
		lies[i].tell(&s);
		is_str(audit(&s, &e), lies[i].code, lies[i].what);
		if (e.code == NULL || strcmp(e.code->name, lies[i].code) != 0)
			printf("# %s\n", e.text);
	}
}

/* Nobody bids: offers alone. */
static void
test_offers_alone(void)
{
	static struct stage s;
	struct err e = ERR_NONE;

	set_mixed(&s, NULL);
	s.t.entries.count = 0;
	s.receipt_count = 0;
	conclude(&s);
	is_str(audit(&s, &e), "true", "a round that nobody answered");
	ok(address_equal(&s.t.winner, &stranger.address) && s.t.price.nano == 40,
	   "goes to the lowest offer, at the next one's");
}

/* The tenant may pick an offer too: of a provider the better of bid and offer. */
static void
test_mixed_choice(void)
{
	static struct stage s;
	struct err e = ERR_NONE;

	set_mixed(&s, "manual");
	is_str(s.t.outcome, "ranked", "bids and offers in one ranking");
	is_int((long long)transcript_price(&s.t, &bidders[2].address).nano, 55, "the first");
	is_int((long long)transcript_price(&s.t, &seller.address).nano, 85, "an offer at its list");
	is_int((long long)transcript_price(&s.t, &bidders[3].address).nano, 110,
	       "a bid at its own");
	is_int((long long)transcript_price(&s.t, &stranger.address).nano, 0, "who declined: not");
	s.choice_count = 0;
	s.choices[s.choice_count++] =
		(struct choice_shown){ { s.t.order, s.t.round, seller.address }, { { 0 } }, 1 };
	s.choices[0].sig = sign(&tenant, choice_hash(&s.choices[0].terms));
	sign_award(&s);
	s.award.provider = seller.address;
	s.award.rate.nano = 85;
	s.award_sig = sign(&market, award_hash(&s.award));
	is_str(audit(&s, &e), "true", "an offer was chosen");
	s.award.rate.nano = 84;
	s.award_sig = sign(&market, award_hash(&s.award));
	is_str(audit(&s, &e), "audit_award", "for less than its list price: a lie");
}

/* The lowest price of a pool wins, and the lease says how high it may go. */
static void
test_interruptible(void)
{
	static struct stage s;
	struct err e = ERR_NONE;

	interruptible = true;
	set_stage(&s);
	interruptible = false;
	ok(address_equal(&s.t.winner, &bidders[2].address), "the lowest pool wins");
	is_int((long long)s.t.price.nano, 1000, "at the order's maximum");
	is_str(s.t.price_by, "maximum", "which is said");
	is_str(audit(&s, &e), "true", "and is true");
	s.t.price.nano = 60;
	sign_award(&s);
	is_str(audit(&s, &e), "audit_price", "another rate is a lie");
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
	seller = key_number(4);
	for (uint8_t i = 0; i < BIDDERS; i++)
		bidders[i] = key_number((uint8_t)(10 + i));
	test_truth();
	test_interruptible();
	test_mixed();
	test_offers_alone();
	test_mixed_choice();
	test_lies();
	test_choices();
	test_text();
	test_envelopes();
	arena_release(&arena);
	return tap_done();
}
