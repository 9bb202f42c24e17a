/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tick.h - Runner-Up Pricing: one tick cleared. Open orders, the book of standing
 * offers, sealed bids and what is free go in; winners, prices, nodes and a reason
 * for everything not taken come out. Integers only, no clock, no randomness, no
 * I/O: anyone with the transcript computes the same bytes, whatever order the
 * inputs stand in.
 *
 * The lowest effective floor that fits wins and is paid min(the next owner's
 * floor, its own list price), never below its floor. The tenant's maximum never
 * sets a price; it only says whether the price is taken. An offer that may not set
 * prices (a newcomer's) wins only by its list price below that price, and is paid it.
 * The order that would lose most by coming later is served first (its regret: what
 * the second-best costs more), an order that was failed before all others.
 *
 *	entry.h    what competes: price, weight, lot, ranking
 *	spread_rows.h  orders that are copies of one deployment: call it, not tick_clear()
 *	spread.h   groups on different providers, owners or regions
 *	demand.h   which node takes what
 */
#ifndef GAVEL_TICK_H
#define GAVEL_TICK_H

#include "lease/offer.h"

#define RULES_VERSION "runner-up 3"

/* ------------------------------------------------------------------ */
/* What goes in.                                                       */

/* A row of the book, with what the market's records say of its provider. */
struct tick_offer {
	const struct offer *offer;
	struct hash id;			/* offer_hash() */
	const struct offer_units *past; /* item-wise highest floor of the last 600 s, or NULL */
	uint32_t launches, failures;	/* of the last 30 days, at most 500 launches */
	bool sets_prices;		/* offer_sets_prices() */
	uint32_t used_bp;		/* vCPU in use, at the tick's start */
	const uint32_t *gpu_used_bp;	/* GPUs in use, per model of offer->floor.gpus, or NULL */
	struct demand_node *nodes;	/* what is free; awards take from it */
};

/* A sealed bid as opened: for the whole group of one order. */
struct tick_bid {
	struct hash id;
	struct address provider, owner;
	struct rate floor, list;
	uint32_t launches, failures;
	bool sets_prices; /* 20 launches in 30 days, or as the market publishes */
};

enum tick_spread { SPREAD_NONE, SPREAD_PROVIDER, SPREAD_OWNER, SPREAD_REGION };

/* Where another copy of what is spread runs already. */
struct tick_taken {
	struct address provider, owner;
	const char *region;
};

struct tick_order {
	struct hash id;
	struct hash record; /* before the order's first tick: nobody knew it when signing */
	struct address tenant, owner;
	const struct rate *max; /* SPREAD_NONE: one, the sum; else one per row */
	uint32_t care_hours;	/* 0..4 */
	uint32_t term_s;	/* how long the deposit lasts at the maximum */
	bool retry;		/* an award of it failed: first in line */
	bool manual;		/* nothing is awarded; the tenant picks from the ranking */
	enum tick_spread spread;
	const struct group *group;	/* NULL: sealed bids only */
	const struct json_list *audits; /* of struct audit_doc in force; NULL: none */
	const struct address *denied;
	size_t denied_count;
	const struct tick_bid *bids;
	size_t bid_count;
	/* one order of several of a set (spread_rows.h): `spread`, and row from 1 of `rows` */
	struct hash set;
	uint32_t row, rows;
	const struct tick_taken *taken; /* once its set was awarded and it has failed */
	size_t taken_count;
};

/* A spread group's rows: one per copy, by name of the service. At most: */
#define TICK_ROWS_MAX 16u

/* ------------------------------------------------------------------ */
/* What comes out.                                                     */

enum tick_end {
	TICK_AWARDED,
	TICK_RANKED,	  /* manual: the first is offered at `price`, others at their list */
	TICK_ABOVE_MAX,	  /* the price would be above the order's maximum */
	TICK_NO_OFFER,	  /* nothing matches */
	TICK_NO_CAPACITY, /* something matches, nothing fits */
	TICK_INCOMPLETE,  /* of a set not all orders are there, or they do not go together */
};

enum tick_kind { TICK_NOBODY, TICK_OFFER, TICK_BID };

/* Why an offer or bid was not taken, or that it was. The first are offer.h's; of
 * an offer with several GPU models, the highest. */
enum tick_reason {
	REASON_NONE = OFFER_MATCHES,
	REASON_CAPACITY = 32,
	REASON_NEWCOMER,  /* it may not set prices, and only those that do are spread over */
	REASON_SPREAD,	  /* it fits, but too few different ones do for all copies */
	REASON_INVALID,	  /* a bid's floor is 0, or its list below the floor */
	REASON_DEARER,	  /* another's effective price, or lot, was lower: see its rank */
	REASON_OUTRANKED, /* another of the same owner is better */
	REASON_ABOVE_MAX, /* the best, and still above the maximum */
	REASON_WON,
};

struct tick_pick {
	enum tick_kind kind;
	size_t index; /* into the offers, or the order's bids */
	int model;    /* of the offer's GPUs, or -1 */
	struct rate price;
	uint32_t *nodes; /* per copy, in the order of placing; offers only */
	size_t node_count;
};

/* One line of the ranking: best first. */
struct tick_rank {
	enum tick_kind kind;
	size_t index;
	int model;
	bool sets_prices;
	struct rate floor, list;
	u128 effective; /* what it competed with */
};

struct tick_outcome {
	enum tick_end end;
	struct rate price; /* of all picks; when above the maximum too */
	struct tick_pick *picks;
	size_t pick_count; /* 1, or one per row of a spread group */
	struct tick_pick
		setter; /* TICK_NOBODY: the winner's own list price; not of spread groups */
	struct tick_rank *ranking;
	size_t rank_count;
	uint8_t *offer_reasons; /* enum tick_reason, per offer */
	uint8_t *bid_reasons;	/* per bid of the order */
};

/* Everything made is the arena's. The offers' nodes are taken from. */
void tick_clear(struct arena *a, const struct tick_order *orders, size_t order_count,
		const struct tick_offer *offers, size_t offer_count, struct tick_outcome *out);

const char *tick_end_name(enum tick_end end);
const char *tick_reason_name(enum tick_reason reason);

/* ------------------------------------------------------------------ */
/* Who may set prices.                                                 */

struct offer_standing {
	bool bonded;
	uint32_t in_book_s;	     /* since this provider's offers are in the book */
	uint32_t launches, failures; /* of the last 30 days */
	uint32_t class_launches; /* successful, in this class, of the last 24 h; canaries count */
};
struct standing_rules {		  /* published by the market */
	uint32_t in_book_s;	  /* 600 */
	uint32_t failures_bp_max; /* 1000 */
	uint32_t class_launches;  /* 1 */
};
bool offer_sets_prices(const struct offer_standing *s, const struct standing_rules *r);
uint32_t tick_weight(uint32_t launches, uint32_t failures, uint32_t care_hours);
/* 10000 * (failures + 1) / (launches + 20). */
uint32_t tick_failures_bp(uint32_t launches, uint32_t failures);

/* ------------------------------------------------------------------ */
/* After a tick: what becomes of the order.                            */

enum tick_next {
	NEXT_AWARDED,
	NEXT_CHOOSE, /* the tenant's turn */
	NEXT_STAY,   /* in the book, until its ttl */
	NEXT_UNFILLED,
	NEXT_GIVE_UP, /* three winners failed */
};
#define TICK_FAILURES_MAX 3u

/* at: of the tick, and of the order's first one; both ms. failures so far. */
enum tick_next
tick_after(enum tick_end end, uint64_t first_ms, uint64_t at_ms, uint32_t ttl_s, uint32_t failures);

#endif
