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

#include "lease/price.h"

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

/* ------------------------------------------------------------------ */
/* What an order is of.                                                */

/* The default vector: unit prices whose sum over a reservation is its reference. Only
 * their proportions matter, for the index is a share; they are set for a token of six
 * decimals, so that 1 CPU, 2 GiB and 10 GiB of disk are 3.40 tokens a month. */
extern const struct rate_card INDEX_VECTOR;
/* "cpu" without GPUs; the model, when all copies with GPUs ask for this one; else "gpu". */
const char *index_class(const struct group *g);
/* The region that the group asks for, or "". */
const char *index_region(const struct group *g);
/* By the vector; a GPU of a group that names a model costs what that model does. */
struct rate index_reference(struct arena *a, const struct rate_card *vector, const struct group *g);

/* The machine that people are shown a class's price for. */
struct index_machine {
	const char *text; /* "1 CPU, 2 GiB, 10 GiB disk" */
	struct rate reference;
};
struct index_machine
index_machine(struct arena *a, const struct rate_card *vector, const char *class);
/* Of that machine at this price / reference, in millionths. */
struct rate index_price(const struct index_machine *m, uint64_t millionths);

#endif
