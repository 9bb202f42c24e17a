/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tick_transcript.h - a tick as the market publishes it: with the offers that it
 * names, all that a stranger needs to make both records' roots and to clear it
 * again. Market and auditor call the same functions, the one to write, the other to
 * read. Pure.
 *
 *	tick_row_offer()          a row of the book and its offer, as tick.h wants it
 *	tick_entry_say()          an order and what became of it, as a line
 *	tick_transcript_hide()    orders of which nobody may know the maximum yet
 *	tick_transcript_audit()   audit_tick(), and what it cannot know
 *
 * What follows from other members is not written: use of machines, the term, whose
 * orders these are. So nobody can lie about it.
 *
 * A maximum is not shown while its order may still be awarded and never was: such an
 * order stands in `open`, with the two leaves that the record's trees have of it. It
 * took no capacity and set no price, so all others are judged without it; once it
 * has ended it stands among the others and is judged too. The leaf is over the
 * order's hash, which a nonce of 64 random bits keeps from being guessed.
 *
 * Offers are not repeated in every tick: rows name them, and the audit is given the
 * signed documents (GET /v1/offers/{offer}).
 */
#ifndef GAVEL_TICK_TRANSCRIPT_H
#define GAVEL_TICK_TRANSCRIPT_H

#include "lease/audit.h"

#define TICK_OFFERS_MAX 4096u
#define TICK_ORDERS_MAX 4096u

struct tick_free { /* a node of which leases have taken; others are as the offer says */
	uint32_t node;
	struct shape free;
};

/* An offer in the book, and how its provider stands. */
struct tick_row {
	struct hash id;
	uint32_t launches, failures;
	bool bonded;
	uint32_t in_book_s, class_launches;
	bool sets_prices;      /* offer_sets_prices() of these */
	bool foreign_counts;   /* its foreign use was declared long enough ago */
	struct json_list past; /* of struct offer_units: at most one, if any is above the floor */
	struct json_list free; /* of struct tick_free */
};

struct tick_book {
	struct json_list rows; /* of struct tick_row, by id */
};
extern const struct json_field tick_book_fields[];

struct tick_line_node {
	uint32_t node; /* of the offer; a line per copy, in the order of placing */
};
struct tick_line {
	uint32_t offer; /* index into the book */
	int64_t model;	/* of its GPUs; -1: none */
	struct rate price;
	struct json_list nodes; /* of struct tick_line_node */
};
struct tick_place { /* of the ranking */
	uint32_t offer;
	int64_t model;
	struct amount effective;
};

/* An order, and what became of it. */
struct tick_entry {
	struct hash id;	    /* order_hash() of terms */
	uint64_t first;	    /* the first tick it took part in */
	struct hash record; /* record_hash() of the one before that */
	struct order_terms terms;
	struct sig sig;
	struct group group;
	uint32_t care_hours;
	bool retry;
	struct json_strs denied; /* addresses, sorted */
	struct json_list taken;	 /* of struct tick_taken: where others of its set run */
	const char *end;	 /* tick_end_name() */
	struct rate price;
	struct json_list picks;	   /* of struct tick_line: who won, or would at `price` */
	struct json_list setter;   /* of struct tick_line: at most one */
	struct json_list ranking;  /* of struct tick_place */
	struct json_bytes reasons; /* enum tick_reason of each offer of the book */
};

struct tick_hidden {
	struct hash id, order_leaf, outcome_leaf;
};

struct tick_transcript {
	const char *rules;
	struct standing_rules standing;
	struct record before, record;
	struct json_list offers;   /* of struct tick_row */
	struct json_list orders;   /* of struct tick_entry, by id */
	struct json_list open;	   /* of struct tick_hidden, by id */
	struct json_list audits;   /* of struct audit_doc, in force */
	struct json_list receipts; /* of struct receipt */
};
extern const struct json_field tick_transcript_fields[], standing_rules_fields[],
	tick_taken_fields[];

/* Fills all but `offer`'s own: nodes, use, floors seen. The arena's. */
void tick_row_offer(struct arena *a, const struct tick_row *row, const struct offer *offer,
		    struct tick_offer *out);
/* How long the deposit lasts at the maximum. */
uint32_t tick_term_s(const struct order_terms *o);
/* Everything of the order but `said`; the transcript's `audits` go with it. */
int tick_entry_order(struct arena *a, const struct tick_entry *en, const struct json_list *audits,
		     struct audit_order *out, struct err *e) mustcheck;
/* What became of it, into the entry. */
void tick_entry_say(struct arena *a, const struct tick_outcome *said, size_t offer_count,
		    struct tick_entry *en);
/* Moves the orders with these hashes to `open`. Fails when an entry cannot be read. */
int tick_transcript_hide(struct arena *a, struct tick_transcript *t, const struct hash *hidden,
			 size_t count, struct err *e) mustcheck;

/* Rows of a book with the offers that they name, of `docs` in any order. The arena's. */
struct tick_book_read {
	struct tick_offer *offers;
	struct sig *sigs;
};
int tick_book_read(struct arena *a, const struct json_list *rows, const struct offer_doc *docs,
		   size_t doc_count, struct tick_book_read *out, struct err *e) mustcheck;
/* Whether those set prices that the rule says. */
int tick_book_standing(const struct json_list *rows, const struct standing_rules *rules,
		       struct err *e) mustcheck;

/* docs: the offers that the rows name, and of whoever audits, in any order. receipts: of
 * whoever audits, beside those in the transcript; other ticks' are passed over. */
int tick_transcript_audit(struct arena *a, const struct domain *d, const struct address *market,
			  const struct tick_transcript *t, const struct offer_doc *docs,
			  size_t doc_count, const struct receipt *receipts, size_t receipt_count,
			  struct err *e) mustcheck;

/* The receipt of an order against the ticks that are said to be all that looked at it:
 * the first is the receipt's, or, for a row of a set, which waits for the others, any
 * that says so. Whether the order is in it says tick_transcript_audit(). */
int tick_order_receipt(const struct domain *d, const struct address *market,
		       const struct tick_transcript *ticks, size_t count, const struct receipt *r,
		       struct err *e) mustcheck;

#endif
