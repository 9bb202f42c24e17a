/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h on rounds in which the standing offers of a book take part: who wins, what is
 * said of each, and every lie about the book, the record that signed it and the offers.
 */
#include "tests/unit/audit_stage.h"

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

int
main(void)
{
	set_keys();
	test_mixed();
	test_offers_alone();
	test_mixed_choice();
	arena_release(&arena);
	return tap_done();
}
