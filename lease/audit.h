/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - an auction computed again by somebody who trusts nobody, and the first
 * lie named. Nothing is asked of the market: what it published must be enough.
 *
 *	audit_round()  one sealed round, from the transcript that its Award names
 *	audit_tick()   one tick, from two records and what their roots stand for
 *
 * Both return -1 with the lie as the code and its place as the field. The order of
 * the checks is that of the codes below: what was signed, what was taken, what was
 * made of it, what was said of it. Pure: keys and boxes are computed, nothing waits.
 */
#ifndef GAVEL_AUDIT_H
#define GAVEL_AUDIT_H

#include "lease/record.h"
#include "lease/transcript.h"

extern const struct code AUDIT_RULES;	  /* another version of the rules */
extern const struct code AUDIT_ORDER;	  /* not the order that the tenant signed */
extern const struct code AUDIT_CHAIN;	  /* a record does not follow the one before */
extern const struct code AUDIT_SIGNATURE; /* not signed by who it says */
extern const struct code AUDIT_ROOT;	  /* a root is not that of what is shown */
extern const struct code AUDIT_STATEMENT; /* an auditor did not sign that */
extern const struct code AUDIT_LATE;	  /* taken after the end */
extern const struct code AUDIT_TWICE;	  /* two answers of one provider, or out of order */
extern const struct code AUDIT_KEY;	  /* the key shown is not the round's */
extern const struct code AUDIT_DROPPED;	  /* a receipt for what is not there */
extern const struct code AUDIT_BACKDATED; /* there, but not as the receipt says */
extern const struct code AUDIT_RECEIPT;	  /* a receipt that the market never gave */
extern const struct code AUDIT_OPENED;	  /* an envelope holds something else */
extern const struct code AUDIT_OFFER;	  /* an offer in the book that keeps no rule */
extern const struct code AUDIT_STANDING;  /* may, or may not, set prices: against the rule */
extern const struct code AUDIT_OUTCOME;	  /* awarded or not: the rules say otherwise */
extern const struct code AUDIT_WINNER;
extern const struct code AUDIT_PRICE;
extern const struct code AUDIT_SETTER; /* who made the price */
extern const struct code AUDIT_REASON; /* a rank, an effective price or a reason */
extern const struct code AUDIT_AWARD;  /* the award is of another outcome */
extern const struct code AUDIT_CHOICE; /* the tenant did not choose that, or could not */

/* ------------------------------------------------------------------ */
/* A sealed round.                                                     */

/* What a tick's record signed, as GET /v1/ticks/N/book shows it. */
struct audit_book {
	struct record record;
	struct json_list next; /* of struct record: the one after it, or none yet */
	struct json_list rows; /* of struct tick_row */
};
extern const struct json_field audit_book_fields[];

struct audit_round {
	const struct domain *domain;
	const struct transcript *t;
	struct hash record;		 /* Keccak-256 of the transcript's text, as published */
	const struct award_terms *award; /* NULL: none was seen */
	const struct sig *award_sig;
	/* of whoever audits, for bids and the order; other rounds' are passed over */
	const struct receipt *receipts;
	size_t receipt_count;
	const struct choice_shown *choices; /* as published: what the tenant took, in turn */
	size_t choice_count;
	const struct audit_book *books; /* that transcripts name; others are passed over */
	size_t book_count;
	const struct offer_doc *docs; /* that their rows name, in any order */
	size_t doc_count;
};

int audit_round(struct arena *a, const struct audit_round *r, struct err *e) mustcheck;

/* Whether the market gave this receipt, for this order or offer: who gets one looks
 * before keeping it, who audits before believing it. */
int audit_receipt(const struct domain *d, const struct address *market, const struct hash *item,
		  const struct receipt *r, struct err *e) mustcheck;

/* ------------------------------------------------------------------ */
/* A tick.                                                             */

struct audit_order { /* an order as the record has it */
	struct tick_order order;
	struct order_terms terms; /* order.id is their hash */
	struct sig sig;
	struct tick_outcome said; /* what the market made of it */
	/* Still open, so its maximum is not shown: of all above only order.id is known. It
	 * was awarded nothing, so the others are judged without it. */
	bool hidden;
	struct hash order_leaf, outcome_leaf;
};

struct audit_tick {
	const struct domain *domain;
	const char *rules;
	struct address market;
	struct record before, record; /* of number n - 1 and n */
	struct audit_order *orders;   /* as the record has them: by id */
	size_t order_count;
	/* the book at the tick's start, by id; nodes hold what was free then */
	const struct tick_offer *offers;
	const struct sig *offer_sigs;
	size_t offer_count;
	const struct hash *key_leaves; /* record_key_leaf() of rounds cleared in it */
	size_t key_count;
	const struct receipt
		*receipts; /* for orders, offers and bids; other ticks' are passed over */
	size_t receipt_count;
	/* Offers that are known, in any order: who has replaced or withdrawn one before its
	 * tick has a receipt for it, and cannot miss it there. */
	const struct offer_doc *docs;
	size_t doc_count;
};

/* The book alone: `before` signed it, and each offer keeps its rules. */
int audit_book(struct arena *a, const struct audit_tick *t, struct err *e) mustcheck;
/* Leaves the offers' nodes as they were. */
int audit_tick(struct arena *a, const struct audit_tick *t, struct err *e) mustcheck;

/* The roots that audit_tick() computes; the market fills its records by the same.
 * `into` keeps number, time, previous. The next tick's book, capacity, reputation. */
void record_tick(struct arena *a, const struct audit_order *orders, size_t order_count,
		 const struct tick_offer *offers, size_t offer_count, const struct hash *key_leaves,
		 size_t key_count, struct record_terms *into);
void record_book(struct arena *a, const struct tick_offer *offers, size_t offer_count,
		 struct record_terms *into);

#endif
