/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h - the price index of a resource class: the weighted median of what
 * matched leases pay, beside the reference price of the same resources. Advice
 * for people; never an input of clearing. Pure.
 *
 * Weight is reference value x seconds, at most 5 % of the window for one pair of
 * owner and tenant and 10 % for one owner, so that trading with oneself moves
 * little. Left out: leases that ran under 600 s or defaulted, awards by hand, and
 * those between the same people. Published with 10 leases of 5 owners at least.
 */
#ifndef GAVEL_INDEX_H
#define GAVEL_INDEX_H

#include "lib/amount.h"
#include "lib/bytes.h"

struct index_trade {
	struct address owner, tenant;
	struct rate price, reference; /* of the whole order */
	uint32_t ran_s;
	bool defaulted, manual;
};

struct price_index {
	bool published; /* else there is too little: show the last one, and that it is old */
	size_t leases, owners;
	uint64_t p25, median, p75; /* price / reference, in millionths */
};

/* seconds: of the window; a lease counts for at most that long. Memory is the arena's. */
struct price_index
index_of(struct arena *a, const struct index_trade *trades, size_t count, uint32_t seconds);

#endif
