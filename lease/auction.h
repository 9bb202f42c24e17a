/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auction.h - one sealed round by the rules of tick.h: one order, sealed bids, no
 * standing offers. Pure: anyone with the transcript computes the same outcome, on
 * any platform, from the bids in any order.
 */
#ifndef GAVEL_AUCTION_H
#define GAVEL_AUCTION_H

#include "lease/tick.h"

#define AUCTION_BIDS_MAX 1024

/* A bid as opened, with what the market knows of its bidder. */
struct auction_bid {
	struct address provider;
	struct address owner; /* who stands behind the key; one bidder to the rules */
	struct rate floor, list;
	uint32_t launches; /* successful, of the last 30 days */
	uint32_t failures;
	bool sets_prices; /* established: see the market's published settings */
};

struct auction_order {
	struct hash order;
	uint64_t round;
	struct rate max;
	uint32_t care_hours;	     /* how much the tenant minds failures; 0..4 */
	struct address tenant_owner; /* its own offers do not take part */
};

enum auction_end {
	AUCTION_AWARDED,
	AUCTION_NO_BID,	   /* nobody took part */
	AUCTION_ABOVE_MAX, /* the price would be above the order's maximum */
};

enum auction_reason { /* why a bid was not taken, or that it was */
		      BID_WON,
		      BID_DEARER,    /* another's effective floor, or tie, was lower */
		      BID_INVALID,   /* floor 0, or list below floor */
		      BID_OWN_ORDER, /* the tenant's own provider */
		      BID_OUTRANKED, /* another bid of the same owner is better */
		      BID_PRICE_ABOVE_MAX,
};

struct auction_outcome {
	enum auction_end end;
	size_t winner; /* index into bids when awarded or above the maximum */
	struct rate price;
	bool price_by_runner_up;		       /* else by its own list price */
	size_t runner_up;			       /* index, when price_by_runner_up */
	enum auction_reason reasons[AUCTION_BIDS_MAX]; /* per bid */
	struct rate effective[AUCTION_BIDS_MAX];
	uint32_t rank[AUCTION_BIDS_MAX]; /* from 1 among the bids that take part; 0: none */
};

void auction_clear(const struct auction_order *order, const struct auction_bid *bids, size_t count,
		   struct auction_outcome *out);
/* H("round", order, round): draws the lots of ties. */
struct hash auction_record(const struct hash *order, uint64_t round);
uint32_t auction_weight(uint32_t launches, uint32_t failures, uint32_t care_hours);
const char *auction_reason_name(enum auction_reason reason);
const char *auction_end_name(enum auction_end end);

#endif
