/* SPDX-License-Identifier: Apache-2.0 */
/*
 * round_book.h - the book of standing offers that a sealed round is closed with, read
 * once for all rounds that name the same record: a book may have thousands of offers, and
 * many orders come within one tick.
 */
#ifndef GAVEL_MARKET_ROUND_BOOK_H
#define GAVEL_MARKET_ROUND_BOOK_H

#include "lease/transcript.h"
#include "market/clerk.h"

/* The clerk's, of this tick, or NULL: then ask the database. It stays until `until` is
 * released. */
const struct transcript_book *round_book_kept(struct clerk *c, uint64_t tick, struct arena *until);
/* Two queries: tick_get, round_offers. */
void round_book_ask(struct batch *b, uint64_t tick, const struct hash *order, int64_t round);
/* What they say, from query q on; the clerk keeps it in the place of the one before.
 * NULL: it cannot be read. */
const struct transcript_book *round_book_read(struct clerk *c, const struct batch *b, size_t q,
					      struct arena *until, struct err *e) mustcheck;

#endif
