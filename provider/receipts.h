/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.h - the market's receipts for our offers and sealed bids: what was sent is
 * in the book before it goes out, the receipt with it when the market answers, and both
 * are printed for audits. Judges nothing; what receipts prove is lease/audit.h's.
 */
#ifndef GAVEL_PROVIDER_RECEIPTS_H
#define GAVEL_PROVIDER_RECEIPTS_H

#include "lease/offer.h"
#include "provider/book_db.h"
#include "provider/settings.h"

/* An offer, as it is posted; the posted bid, by the hash of its envelope. */
int receipts_offer(struct book *b, const struct offer_doc *doc, struct err *e) mustcheck;
int receipts_bid(struct book *b, struct arena *a, const char *post, struct err *e) mustcheck;
/* From the market's answer to one of them. Without one the market is asked again when
 * they are printed, so nothing fails. */
void receipts_answer(struct book *b, struct arena *a, const char *reply);

/* All of them on standard output: {"receipts", "offers"} with json, as audits read it.
 * Blocking. */
int receipts_print(const struct provider_settings *s, bool json, struct err *e) mustcheck;

#endif
