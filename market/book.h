/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book.h - the book of standing offers that prices the next tick: which offers, how
 * their providers stand, what is free of their nodes. Made of rows when a tick is
 * closed, and signed with its record before any order of the next one exists.
 */
#ifndef GAVEL_MARKET_BOOK_H
#define GAVEL_MARKET_BOOK_H

#include "lease/tick_transcript.h"
#include "lib/db.h"
#include "market/settings.h"

struct book_offer { /* a row of query tick_offers */
	struct hash id;
	struct offer_doc doc;
	int64_t from_tick, until_tick;
	int64_t in_book_s, age_s;
	uint32_t launches, failures, class_launches;
	u128 bond;
	struct rate running;	 /* of the provider: all its live leases */
	struct offer_units past; /* item-wise highest floor lately seen */
	bool has_past;
};

struct book_taken { /* of a node, by a live lease */
	struct address provider;
	const char *node;
	struct shape shape;
};

struct book_unplaced { /* a live lease of which no node is known */
	struct address provider;
	struct group group;
};

struct book_facts {
	struct book_offer *offers; /* by id */
	size_t offer_count;
	struct book_taken *taken;
	size_t taken_count;
	struct book_unplaced *unplaced;
	size_t unplaced_count;
};

/* Queries tick_offers, tick_past, tick_taken, tick_unplaced, which follow each other in
 * the batch from number q on. */
int book_read(struct arena *a, const struct batch *b, size_t q, struct book_facts *f,
	      struct err *e) mustcheck;
/* An offer as this market wrote it out. */
int book_offer_decode(struct arena *a, const char *text, struct offer *o, struct err *e) mustcheck;
const struct book_offer *book_find(const struct book_facts *f, const struct hash *id);
/* What a group takes where it was placed: added to `taken`. */
void book_take(struct arena *a, struct book_facts *f, const struct offer *o, const struct demand *d,
	       const uint32_t *nodes);
/* The book of tick `number`, at the time of the record before it. */
void
book_make(struct arena *a, const struct book_facts *f, const struct market_settings *s,
	  int64_t number, uint64_t time_ms, struct tick_book *book, struct tick_offer **offers);
struct standing_rules book_rules(const struct market_settings *s);

#endif
