/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recount.h - what a signed usage costs, counted again by somebody other than the
 * provider: by the card that it bid with and the price function, from the totals that
 * it signed. Its payer does so before it signs, an auditor afterwards. Pure.
 *
 * The totals themselves are the provider's word: reading.h bounds them.
 */
#ifndef GAVEL_RECOUNT_H
#define GAVEL_RECOUNT_H

#include "lease/price.h"
#include "lease/reading.h"

/* The parts of the winner's price, as its bid's salt names them. */
struct price_shown {
	struct rate_card card;
	struct json_strs models;
	struct hash nonce; /* zero: no bid's, as of a fast order */
};
extern const struct json_field price_shown_fields[];

/* Whether this bid was made with it. A lease for less than the bid's floor was taken by a
 * standing offer, which has no salt: then nothing speaks against it. */
bool price_shown_fits(struct arena *a, const struct price_shown *p, const struct bid_terms *bid,
		      struct rate rate);

struct recount {
	const struct lease_terms *lease;
	const struct group *group;
	const struct price_shown *price; /* NULL: not shown */
	uint32_t start;			 /* of the lease, unix seconds */
	struct amount deposit;
};

/* false: no card, or interruptible, which owes by its pool's prices. */
bool recount_can(const struct recount *r);
/* Pauses and throttled time are not in a usage. What was not healthy may have been
 * throttled, at the base, or paused, for nothing: so there is a least and a most. They
 * are the same where every second was healthy. Never less than `before` asked (NULL:
 * none). */
struct recounted {
	struct amount least, most;
} recount(const struct recount *r, const struct usage_terms *u, const struct usage_terms *before);
/* USAGE_PRICE when it asks for more than that; whatever cannot be counted passes. */
int recount_check(const struct recount *r, const struct usage_terms *u,
		  const struct usage_terms *before, struct err *e) mustcheck;

#endif
