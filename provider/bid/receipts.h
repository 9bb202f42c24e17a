/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.h - the market's receipts for our offers and sealed bids: what was sent is
 * in the book before it goes out, the receipt with it when the market answers. Judges
 * nothing; tell.h prints them, and what they prove is lease/audit.h's.
 */
#ifndef GAVEL_PROVIDER_RECEIPTS_H
#define GAVEL_PROVIDER_RECEIPTS_H

#include "lease/offer.h"
#include "provider/book_db.h"

/* An offer, as it is posted; the posted bid, by the hash of its envelope. */
int receipts_offer(struct book *b, const struct offer_doc *doc, struct err *e) mustcheck;
int receipts_bid(struct book *b, struct arena *a, const char *post, struct err *e) mustcheck;
/* From the market's answer to one of them. Without one the market is asked again when
 * they are told, so nothing fails. */
void receipts_answer(struct book *b, struct arena *a, const char *reply);

#endif
