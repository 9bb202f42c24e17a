/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_price.h - unit prices of an offer as people compare them: a vCPU, a GiB, a
 * GPU, for a month of 730 hours. For showing only: auctions count with the rates.
 */
#ifndef GAVEL_UNIT_PRICE_H
#define GAVEL_UNIT_PRICE_H

#include "lease/offer.h"

#define UNIT_PRICES_MAX (11u + OFFER_MODELS_MAX)

struct unit_price {
	const char *unit;   /* "vCPU" */
	struct rate rate;   /* of one of them */
	struct amount each; /* of one of them, once: egress */
};

/* Those that cost something; returns how many. */
size_t unit_prices(struct arena *a, const struct offer_units *u,
		   struct unit_price out[static UNIT_PRICES_MAX]);
/* In tokens, rounded up. */
const char *
unit_price_human(const struct unit_price *p, unsigned decimals, char out[static AMOUNT_TEXT_SIZE]);

#endif
