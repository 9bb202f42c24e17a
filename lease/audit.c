/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed round; audit_tick.c has the tick. */
#include "lease/audit.h"

#include "lease/attest.h"
#include "lease/key.h"
#include "lease/seal.h"
#include "lease/tick_transcript.h"

/* A round is closed with the book of the last record that is stored, and a tick may take
 * so long from its time to that. */
#define BOOK_LAG_MAX_US (30 * SECOND_US)

const struct code AUDIT_RULES = { "audit_rules", INVALID, "decided by other rules" };
const struct code AUDIT_ORDER = { "audit_order", INVALID, "not the order that the tenant signed" };
const struct code AUDIT_CHAIN = { "audit_chain", INVALID, "records do not follow each other" };
const struct code AUDIT_SIGNATURE = { "audit_signature", INVALID, "a signature does not hold" };
const struct code AUDIT_ROOT = { "audit_root", INVALID, "the root is not of what is shown" };
const struct code AUDIT_STATEMENT = { "audit_statement", INVALID, "no auditor has signed that" };
const struct code AUDIT_LATE = { "audit_late", INVALID, "a late answer was taken" };
const struct code AUDIT_TWICE = { "audit_twice", INVALID, "answers are doubled or out of order" };
const struct code AUDIT_KEY = { "audit_key", INVALID, "the key is not the round's" };
const struct code AUDIT_DROPPED = { "audit_dropped", INVALID,
				    "something with a receipt is missing" };
const struct code AUDIT_BACKDATED = { "audit_backdated", INVALID,
				      "place or time is not the receipt's" };
const struct code AUDIT_RECEIPT = { "audit_receipt", INVALID, "the market gave no such receipt" };
const struct code AUDIT_OPENED = { "audit_opened", INVALID,
				   "an envelope does not hold what is shown" };
const struct code AUDIT_OFFER = { "audit_offer", INVALID, "an offer of the book keeps no rule" };
const struct code AUDIT_STANDING = { "audit_standing", INVALID,
				     "who may set prices is not by the rule" };
const struct code AUDIT_OUTCOME = { "audit_outcome", INVALID, "the rules give another outcome" };
const struct code AUDIT_WINNER = { "audit_winner", INVALID, "the rules give another winner" };
const struct code AUDIT_PRICE = { "audit_price", INVALID, "the rules give another price" };
const struct code AUDIT_SETTER = { "audit_setter", INVALID, "somebody else made the price" };
const struct code AUDIT_REASON = { "audit_reason", INVALID, "a reason is not the rules'" };
const struct code AUDIT_AWARD = { "audit_award", INVALID, "the award is of another outcome" };

const struct code AUDIT_CHOICE = { "audit_choice", INVALID, "the tenant made no such choice" };

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int
check_signed(const struct audit_round *r, const struct hash *h, const struct sig *sig,
	     const struct address *who, const char *field, struct err *e)
{
	struct hash digest = terms_digest(r->domain, h);
	struct err why = ERR_NONE;
	char text[ADDRESS_TEXT_SIZE];

	if (sig_check(sig, &digest, who, &why) < 0)
		return err_field(e, &AUDIT_SIGNATURE, field, "not by %s", address_text(who, text));
	return 0;
}

/* ------------------------------------------------------------------ */
/* What was signed.                                                    */

static int
check_order(const struct audit_round *r, struct err *e)
{
	const struct transcript *t = r->t;
	struct hash order = order_hash(&t->terms), group = group_hash(&t->group);

	if (!same_text(t->rules, RULES_VERSION))
		return err_field(e, &AUDIT_RULES, "/rules", "\"%.32s\", not \"" RULES_VERSION "\"",
				 t->rules);
	if (!hash_equal(&order, &t->order))
		return err_field(e, &AUDIT_ORDER, "/order", "it is not the hash of the terms");
	if (!hash_equal(&group, &t->terms.group))
		return err_field(e, &AUDIT_ORDER, "/group", "the terms name another group");
	return check_signed(r, &order, &t->order_sig, &t->terms.tenant, "/order_sig", e);
}

static int
check_statements(const struct audit_round *r, struct err *e)
{
	const struct audit_doc *docs = r->t->audits.items;
	struct err why = ERR_NONE;
	char field[64];

	for (size_t i = 0; i < r->t->audits.count; i++) {
		snprintf(field, sizeof(field), "/audits/%zu", i);
		if (attest_check(r->domain, &docs[i], &why) < 0)
			return err_field(e, &AUDIT_STATEMENT, field, "%s", why.text);
	}
	return 0;
}

static int
check_entries(const struct transcript *t, struct err *e)
{
	char who[ADDRESS_TEXT_SIZE], field[64];

	for (size_t i = 0; i < t->entries.count; i++) {
		const struct transcript_entry *en = transcript_entry(t, i);

		snprintf(field, sizeof(field), "/entries/%zu", i);
		address_text(&en->provider, who);
		if (en->received_at >= t->ends_at)
			return err_field(e, &AUDIT_LATE, field, "%s answered %lld us after the end",
					 who, (long long)(en->received_at - t->ends_at));
		if (i > 0 && en->index <= transcript_entry(t, i - 1)->index)
			return err_field(e, &AUDIT_TWICE, field, "index %lld does not follow",
					 (long long)en->index);
		for (size_t k = 0; k < i; k++)
			if (address_equal(&transcript_entry(t, k)->provider, &en->provider))
				return err_field(e, &AUDIT_TWICE, field, "%s answered before", who);
	}
	return 0;
}

static int
check_root(struct arena *a, const struct audit_round *r, struct err *e)
{
	const struct transcript *t = r->t;
	struct round_terms terms = {
		.order = t->order, .round = t->round, .root = t->root, .key = t->public_key
	};
	struct hash root = transcript_root(a, t), h = round_hash(&terms);

	if (!hash_equal(&root, &t->root))
		return err_field(e, &AUDIT_ROOT, "/root", "it is not that of the envelopes");
	if (check_signed(r, &h, &t->root_sig, &t->terms.auctioneer, "/root_sig", e) < 0)
		return -1;
	if (!seal_keys_match(t->public_key.b, t->secret_key.b))
		return err_field(e, &AUDIT_KEY, "/secret_key", "bids were sealed to another key");
	return 0;
}

/* ------------------------------------------------------------------ */
/* The book that the root names.                                       */

/* Of the last record: whatever came after the next one was closed came too late for it. */
static int
check_book_last(const struct audit_round *r, const struct audit_book *book, struct err *e)
{
	const struct transcript *t = r->t;
	const struct record *next = book->next.items;
	struct hash h;

	if (book->record.terms.number != t->tick)
		return err_field(e, &AUDIT_CHAIN, "/tick", "the record is number %llu",
				 (unsigned long long)book->record.terms.number);
	if (book->next.count == 0)
		return 0;
	h = record_hash(&next->terms);
	if (check_signed(r, &h, &next->sig, &t->terms.auctioneer, "/next", e) < 0)
		return -1;
	if (!hash_equal(&next->terms.previous, &t->record))
		return err_field(e, &AUDIT_CHAIN, "/next", "it does not follow tick %llu",
				 (unsigned long long)t->tick);
	for (size_t i = 0; i < t->entries.count; i++) {
		wall_t late =
			transcript_entry(t, i)->received_at - (wall_t)next->terms.time * MILLI_US;

		if (late > BOOK_LAG_MAX_US)
			return err_field(e, &AUDIT_CHAIN, "/record",
					 "another book was signed %lld s before the last answer",
					 (long long)(late / SECOND_US));
	}
	return 0;
}

static const struct audit_book *
book_of(const struct audit_round *r)
{
	for (size_t i = 0; i < r->book_count; i++) {
		struct hash h = record_hash(&r->books[i].record.terms);

		if (hash_equal(&h, &r->t->record))
			return &r->books[i];
	}
	return NULL;
}

static int
check_book(struct arena *a, const struct audit_round *r, struct transcript_book *out, struct err *e)
{
	static const struct hash none;
	const struct transcript *t = r->t;
	const struct audit_book *shown = book_of(r);
	bool named = !hash_equal(&t->record, &none);
	struct audit_tick book = { .domain = r->domain, .market = t->terms.auctioneer };
	struct tick_book_read read;

	if (named != transcript_wants_book(&t->group))
		return err_field(e, &AUDIT_CHAIN, "/record", "%s",
				 named ? "interruptible orders know no book" : "no book is named");
	if (!named)
		return 0;
	if (shown == NULL)
		return err_field(e, &AUDIT_CHAIN, "/record",
				 "nobody has shown the book of tick %llu",
				 (unsigned long long)t->tick);
	if (check_book_last(r, shown, e) < 0 ||
	    tick_book_read(a, &shown->rows, r->docs, r->doc_count, &read, e) < 0)
		return -1;
	book.before = shown->record;
	book.offers = read.offers;
	book.offer_sigs = read.sigs;
	book.offer_count = shown->rows.count;
	*out = (struct transcript_book){ read.offers, shown->rows.count, shown->record.terms.time };
	if (audit_book(a, &book, e) < 0)
		return -1;
	return tick_book_standing(&shown->rows, &t->standing, e);
}

/* ------------------------------------------------------------------ */
/* What was taken.                                                     */

static const struct transcript_entry *
entry_of(const struct transcript *t, const struct hash *item)
{
	for (size_t i = 0; i < t->entries.count; i++) {
		const struct transcript_entry *en = transcript_entry(t, i);
		struct hash h;

		if (en->declined != NULL)
			continue;
		sha256(en->envelope.b, en->envelope.len, &h);
		if (hash_equal(&h, item))
			return en;
	}
	return NULL;
}

int
audit_receipt(const struct domain *d, const struct address *market, const struct hash *item,
	      const struct receipt *r, struct err *e)
{
	static const struct hash none;
	struct hash h = receipt_hash(&r->terms), digest = terms_digest(d, &h);
	struct err why = ERR_NONE;

	if (sig_check(&r->sig, &digest, market, &why) < 0)
		return err_field(e, &AUDIT_RECEIPT, "/receipt/sig", "not by the market");
	if (!hash_equal(&r->terms.item, item))
		return err_field(e, &AUDIT_RECEIPT, "/receipt/terms/item",
				 "it is for something else");
	if (!hash_equal(&r->terms.subject, &none))
		return err_field(e, &AUDIT_RECEIPT, "/receipt/terms/subject",
				 "it is a sealed bid's");
	return 0;
}

/* The order's own: of no tick, and of before its round was over. */
static int
check_order_receipt(const struct audit_round *r, const struct receipt *own, const char *field,
		    struct err *e)
{
	const struct transcript *t = r->t;
	struct err why = ERR_NONE;

	if (audit_receipt(r->domain, &t->terms.auctioneer, &t->order, own, &why) < 0)
		return err_field(e, &AUDIT_RECEIPT, field, "%s", why.text);
	if (own->terms.round != 0)
		return err_field(e, &AUDIT_BACKDATED, field,
				 "it is for tick %llu, and a sealed round is shown",
				 (unsigned long long)own->terms.round);
	if (own->terms.at >= (uint64_t)t->ends_at)
		return err_field(e, &AUDIT_BACKDATED, field,
				 "the round had ended before the order came");
	return 0;
}

static int
check_receipts(const struct audit_round *r, struct err *e)
{
	for (size_t i = 0; i < r->receipt_count; i++) {
		const struct receipt_terms *terms = &r->receipts[i].terms;
		const struct transcript_entry *en;
		struct hash h = receipt_hash(terms);
		struct err why = ERR_NONE;
		char field[64];

		snprintf(field, sizeof(field), "/receipts/%zu", i);
		if (hash_equal(&terms->item, &r->t->order) &&
		    check_order_receipt(r, &r->receipts[i], field, e) < 0)
			return -1;
		if (!hash_equal(&terms->subject, &r->t->order) || terms->round != r->t->round)
			continue;
		if (check_signed(r, &h, &r->receipts[i].sig, &r->t->terms.auctioneer, field, &why) <
		    0)
			return err_field(e, &AUDIT_RECEIPT, field, "%s", why.text);
		en = entry_of(r->t, &terms->item);
		if (en == NULL)
			return err_field(e, &AUDIT_DROPPED, field, "index %llu is not in the round",
					 (unsigned long long)terms->index);
		if ((uint64_t)en->index != terms->index || (uint64_t)en->received_at != terms->at)
			return err_field(e, &AUDIT_BACKDATED, field,
					 "receipt %llu at %llu, shown as %lld at %lld",
					 (unsigned long long)terms->index,
					 (unsigned long long)terms->at, (long long)en->index,
					 (long long)en->received_at);
	}
	return 0;
}

static const char *
node_text(struct arena *a, const struct json *node)
{
	struct jsonw *w;
	const char *copy;

	if (node == NULL)
		return NULL;
	w = jsonw_new(false);
	jsonw_node(w, node);
	copy = arena_strdup(a, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

/* What is shown against what the key opens. */
static int
check_opened(struct arena *a, const struct transcript *said, const struct transcript *found,
	     struct err *e)
{
	char field[64];

	for (size_t i = 0; i < said->entries.count; i++) {
		const struct transcript_entry *s = transcript_entry(said, i),
					      *f = transcript_entry(found, i);

		snprintf(field, sizeof(field), "/entries/%zu", i);
		if (!same_text(s->void_why, f->void_why))
			return err_field(e, &AUDIT_OPENED, field, "it %s, it is said to be %s",
					 f->void_why != NULL ? f->void_why : "is a good bid",
					 s->void_why != NULL ? "void" : "good");
		if (!same_text(node_text(a, s->shown), node_text(a, f->shown)))
			return err_field(e, &AUDIT_OPENED, field, "the bid inside is another");
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* What was made of it.                                                */

static int
check_standing(const struct transcript *said, const struct transcript *found, struct err *e)
{
	char field[64];

	for (size_t i = 0; i < said->entries.count; i++) {
		const struct transcript_entry *s = transcript_entry(said, i),
					      *f = transcript_entry(found, i);

		snprintf(field, sizeof(field), "/entries/%zu/sets_prices", i);
		if (s->sets_prices != f->sets_prices)
			return err_field(e, &AUDIT_STANDING, field, "%u launches, %u are needed",
					 f->launches, said->established_launches);
	}
	return 0;
}

static int
check_outcome(const struct transcript *said, const struct transcript *found, struct err *e)
{
	char want[ADDRESS_TEXT_SIZE], got[ADDRESS_TEXT_SIZE];
	char price[AMOUNT_TEXT_SIZE], shown[AMOUNT_TEXT_SIZE];

	if (!same_text(said->outcome, found->outcome))
		return err_field(e, &AUDIT_OUTCOME, "/outcome", "%s, not %.32s", found->outcome,
				 said->outcome);
	if (!address_equal(&said->winner, &found->winner))
		return err_field(e, &AUDIT_WINNER, "/winner", "%s, not %s",
				 address_text(&found->winner, want),
				 address_text(&said->winner, got));
	if (rate_cmp(said->price, found->price) != 0)
		return err_field(e, &AUDIT_PRICE, "/price", "%s, not %s",
				 u128_text(found->price.nano, price),
				 u128_text(said->price.nano, shown));
	if (!same_text(said->price_by, found->price_by))
		return err_field(e, &AUDIT_SETTER, "/price_by", "%s", found->price_by);
	if (!address_equal(&said->runner_up, &found->runner_up))
		return err_field(e, &AUDIT_SETTER, "/runner_up", "%s, not %s",
				 address_text(&found->runner_up, want),
				 address_text(&said->runner_up, got));
	if (!hash_equal(&said->winner_offer, &found->winner_offer))
		return err_field(e, &AUDIT_WINNER, "/winner_offer", "it won by another");
	if (!hash_equal(&said->runner_up_offer, &found->runner_up_offer))
		return err_field(e, &AUDIT_SETTER, "/runner_up_offer", "the price is another's");
	return 0;
}

static int
check_reasons(const struct transcript *said, const struct transcript *found, struct err *e)
{
	char field[64], price[AMOUNT_TEXT_SIZE];

	for (size_t i = 0; i < said->entries.count; i++) {
		const struct transcript_entry *s = transcript_entry(said, i),
					      *f = transcript_entry(found, i);

		snprintf(field, sizeof(field), "/entries/%zu", i);
		if (rate_cmp(s->price, f->price) != 0)
			return err_field(e, &AUDIT_PRICE, field, "the tenant may take it for %s",
					 u128_text(f->price.nano, price));
		if (s->rank != f->rank || rate_cmp(s->effective, f->effective) != 0 ||
		    !same_text(s->reason, f->reason))
			return err_field(e, &AUDIT_REASON, field, "rank %u, %s", f->rank,
					 f->reason != NULL ? f->reason : "takes no part");
	}
	return 0;
}

static bool
same_offer(const struct transcript_offer *a, const struct transcript_offer *b)
{
	return hash_equal(&a->offer, &b->offer) && address_equal(&a->provider, &b->provider) &&
	       same_text(a->model, b->model) && a->launches == b->launches &&
	       a->failures == b->failures && a->sets_prices == b->sets_prices &&
	       rate_cmp(a->floor, b->floor) == 0 && rate_cmp(a->list, b->list) == 0 &&
	       rate_cmp(a->effective, b->effective) == 0 && a->rank == b->rank &&
	       same_text(a->reason, b->reason);
}

static int
check_offers(const struct transcript *said, const struct transcript *found, struct err *e)
{
	const struct transcript_offer *s = said->offers.items, *f = found->offers.items;
	char field[64], price[AMOUNT_TEXT_SIZE];

	if (said->offers.count != found->offers.count)
		return err_field(e, &AUDIT_REASON, "/offers", "%zu match, not %zu",
				 found->offers.count, said->offers.count);
	for (size_t i = 0; i < found->offers.count; i++) {
		snprintf(field, sizeof(field), "/offers/%zu", i);
		if (rate_cmp(s[i].price, f[i].price) != 0)
			return err_field(e, &AUDIT_PRICE, field, "the tenant may take it for %s",
					 u128_text(f[i].price.nano, price));
		if (!same_offer(&s[i], &f[i]))
			return err_field(e, &AUDIT_REASON, field, "rank %u, %s", f[i].rank,
					 f[i].reason);
	}
	if (said->reasons.len != found->reasons.len)
		return err_field(e, &AUDIT_REASON, "/reasons", "%zu offers are in the book",
				 found->reasons.len);
	for (size_t i = 0; i < found->reasons.len; i++)
		if (said->reasons.b[i] != found->reasons.b[i])
			return err_field(e, &AUDIT_REASON, "/reasons", "offer %zu: %s", i,
					 tick_reason_name((enum tick_reason)found->reasons.b[i]));
	return 0;
}

/* Whether the tenant signed each choice that is shown, and could make it. */
static int
check_choices(const struct audit_round *r, struct err *e)
{
	const struct transcript *t = r->t;
	char field[64], who[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < r->choice_count; i++) {
		const struct choice_terms *c = &r->choices[i].terms;
		struct hash h = choice_hash(c);
		struct err why = ERR_NONE;

		snprintf(field, sizeof(field), "/choices/%zu", i);
		if (!hash_equal(&c->order, &t->order) || c->round != t->round)
			return err_field(e, &AUDIT_CHOICE, field, "it names another round");
		if (check_signed(r, &h, &r->choices[i].sig, &t->terms.tenant, field, &why) < 0)
			return err_field(e, &AUDIT_CHOICE, field, "%s", why.text);
		if (transcript_price(t, &c->provider).nano == 0)
			return err_field(e, &AUDIT_CHOICE, field, "%s is not in the ranking",
					 address_text(&c->provider, who));
		if (r->choices[i].received_at >= t->choose_by)
			return err_field(e, &AUDIT_LATE, field, "the bids held no more");
	}
	return 0;
}

/* What the tenant took of a ranking, and for how much. */
static int
check_chosen(const struct audit_round *r, struct err *e)
{
	const struct award_terms *w = r->award;
	struct rate shown = transcript_price(r->t, &w->provider);
	char price[AMOUNT_TEXT_SIZE], who[ADDRESS_TEXT_SIZE];
	size_t i;

	for (i = 0; i < r->choice_count; i++)
		if (address_equal(&r->choices[i].terms.provider, &w->provider))
			break;
	if (i == r->choice_count)
		return err_field(e, &AUDIT_CHOICE, "/award/provider", "the tenant chose %s not",
				 address_text(&w->provider, who));
	if (rate_cmp(w->rate, shown) != 0)
		return err_field(e, &AUDIT_AWARD, "/award/rate", "its price was %s",
				 u128_text(shown.nano, price));
	return 0;
}

static int
check_award(const struct audit_round *r, struct err *e)
{
	const struct award_terms *w = r->award;
	struct hash h;

	if (w == NULL)
		return 0;
	h = award_hash(w);
	if (check_signed(r, &h, r->award_sig, &r->t->terms.auctioneer, "/award_sig", e) < 0)
		return -1;
	if (!hash_equal(&w->record, &r->record))
		return err_field(e, &AUDIT_AWARD, "/award/record", "it names another transcript");
	if (!hash_equal(&w->order, &r->t->order))
		return err_field(e, &AUDIT_AWARD, "/award/order", "it names another order");
	if (same_text(r->t->outcome, TRANSCRIPT_RANKED))
		return check_chosen(r, e);
	if (!same_text(r->t->outcome, auction_end_name(AUCTION_AWARDED)))
		return err_field(e, &AUDIT_AWARD, "/award", "the round was not awarded");
	if (!address_equal(&w->provider, &r->t->winner))
		return err_field(e, &AUDIT_AWARD, "/award/provider", "it names another winner");
	if (rate_cmp(w->rate, r->t->price) != 0)
		return err_field(e, &AUDIT_AWARD, "/award/rate", "it names another price");
	return 0;
}

/* The same round, with everything that the market concluded left out. */
static struct transcript
compute(struct arena *a, const struct audit_round *r)
{
	struct transcript t = *r->t;

	t.entries.items = arena_alloc(a, (t.entries.count + 1) * sizeof(struct transcript_entry));
	t.outcome = t.price_by = NULL;
	t.price.nano = 0;
	memset(&t.winner, 0, sizeof(t.winner));
	memset(&t.runner_up, 0, sizeof(t.runner_up));
	memset(&t.winner_offer, 0, sizeof(t.winner_offer));
	memset(&t.runner_up_offer, 0, sizeof(t.runner_up_offer));
	for (size_t i = 0; i < t.entries.count; i++) {
		const struct transcript_entry *en = transcript_entry(r->t, i);

		*transcript_entry(&t, i) =
			(struct transcript_entry){ .id = en->id,
						   .index = en->index,
						   .provider = en->provider,
						   .received_at = en->received_at,
						   .declined = en->declined,
						   .envelope = en->envelope,
						   .launches = en->launches,
						   .failures = en->failures };
	}
	transcript_open(a, r->domain, &t);
	return t;
}

int
audit_round(struct arena *a, const struct audit_round *r, struct err *e)
{
	struct transcript_book book = { .offers = NULL };
	struct transcript found;

	if (check_order(r, e) < 0 || check_statements(r, e) < 0 || check_entries(r->t, e) < 0 ||
	    check_root(a, r, e) < 0 || check_book(a, r, &book, e) < 0 || check_receipts(r, e) < 0)
		return -1;
	found = compute(a, r);
	if (check_opened(a, r->t, &found, e) < 0)
		return -1;
	transcript_decide(a, &found, &book);
	if (check_standing(r->t, &found, e) < 0 || check_outcome(r->t, &found, e) < 0 ||
	    check_reasons(r->t, &found, e) < 0 || check_offers(r->t, &found, e) < 0 ||
	    check_choices(r, e) < 0)
		return -1;
	return check_award(r, e);
}
