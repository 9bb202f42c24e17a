/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h on sealed rounds: an honest market is believed, and every lie that a
 * market with its own key can tell is named. The forger signs whatever it likes.
 */
#include "tests/unit/audit_stage.h"

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

static const char *
with_order_receipt(struct stage *s, uint64_t round, uint64_t at, const struct key *by)
{
	struct err e = ERR_NONE;

	set_stage(s);
	s->receipts[0].terms =
		(struct receipt_terms){ .item = s->t.order, .round = round, .at = at };
	s->receipts[0].sig = sign(by, receipt_hash(&s->receipts[0].terms));
	s->receipt_count = 1;
	return audit(s, &e);
}

/* The tenant's own. */
static void
test_order_receipt(struct stage *s)
{
	uint64_t end = (uint64_t)s->t.ends_at;

	is_str(with_order_receipt(s, 0, end - 1, &market), "true", "the order's receipt");
	is_str(with_order_receipt(s, 0, end - 1, &stranger), "audit_receipt", "another market's");
	is_str(with_order_receipt(s, 9, end - 1, &market), "audit_backdated",
	       "it was to be in a tick, not in a sealed round");
	is_str(with_order_receipt(s, 0, end, &market), "audit_backdated",
	       "a round that had ended before its order came");
}

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
	test_order_receipt(&s);
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
	set_keys();
	test_truth();
	test_interruptible();
	test_lies();
	test_choices();
	test_text();
	test_envelopes();
	arena_release(&arena);
	return tap_done();
}
