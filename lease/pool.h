/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - a pool of the interruptible tier as people sign and publish it. Pure.
 *
 *	Pool        the provider: so many units of this class are free of firm leases,
 *	            at least at this floor, with this notice
 *	SpotPrice   the market: the auction `number` of the pool, chained by `previous`,
 *	            whose hash also decides ties; `auction` is all that went in and came out
 *	SpotRun     the provider: this lease began to run, or was interrupted, at this time
 *
 * A class is "cpu" or a GPU model. Units of cpu are thousandths of a CPU, each with
 * POOL_MIB_UNIT of memory: a group counts by what it needs more of. Units of a model
 * are GPUs. What a lease owes follows from its runs and the pool's prices alone, so
 * provider, tenant and a stranger compute the same.
 */
#ifndef GAVEL_POOL_H
#define GAVEL_POOL_H

#include "deploy/group.h"
#include "lease/spot.h"
#include "lease/terms.h"

#define POOL_CLASS_MAX	100u
#define POOL_RUNS_MAX	512u
#define POOL_MIB_UNIT	4u
#define POOL_NOTICE_MAX 600u

extern const struct code POOL_BAD;

/* NULL, or why it is no name of a class. */
const char *pool_class_fault(const char *class);
struct hash pool_class_hash(const char *class);
bool pool_takes(const char *class, const struct group *g);
uint32_t pool_units(const char *class, const struct group *g);
/* Of a lease's maximum, for one unit; and back. */
struct rate pool_max(struct rate max, uint32_t units);
struct rate pool_rate(struct rate price, uint32_t units);

struct pool_terms {
	struct address provider;
	struct hash class; /* pool_class_hash() */
	uint32_t units;
	struct rate floor; /* per unit */
	uint32_t notice;   /* seconds from the notice to the end */
	uint64_t seq;	   /* a higher one replaces */
};

/* POST /v1/pools */
struct pool_doc {
	const char *class;
	struct pool_terms terms;
	struct sig sig;
};

struct pool_run {
	struct hash id; /* of the lease; of the order while it has none */
	struct rate max;
	uint32_t units;
	bool incumbent, runs; /* runs: the outcome */
	uint32_t started;     /* of an incumbent, unix seconds */
};

/* All that an auction saw, and what it decided. */
struct pool_auction {
	struct pool_doc pool;
	struct json_list runs; /* of struct pool_run; ranked, once it is decided */
	struct rate price;
};

struct spot_price_terms {
	struct address provider;
	struct hash class;
	uint64_t number; /* from 1, without holes */
	struct rate price;
	uint32_t at;
	struct hash previous; /* spot_price_hash() of number - 1; zero for the first */
	struct hash auction;  /* pool_auction_hash() */
};

/* The event pool.priced, and a line of GET /v1/pools/{provider}/{class}/prices. */
struct spot_price_doc {
	struct pool_auction auction;
	struct spot_price_terms terms;
	struct sig sig;
};

enum spot_run_state {
	SPOT_RUN_BEGUN = 1,
	SPOT_RUN_INTERRUPTED,
	SPOT_RUN_PAUSED, /* by what is paid for, lease/dues.h: no matter of the pool */
};

struct spot_run_terms {
	struct hash lease;
	uint64_t seq;	/* from 1, without holes */
	uint32_t state; /* enum spot_run_state */
	uint32_t at;
};

/* POST /v1/runs */
struct spot_run_doc {
	struct spot_run_terms terms;
	struct sig sig;
};

extern const struct json_field pool_doc_fields[], spot_price_doc_fields[], spot_run_doc_fields[],
	pool_run_fields[];

struct hash pool_hash(const struct pool_terms *p);
struct hash spot_price_hash(const struct spot_price_terms *p);
struct hash spot_run_hash(const struct spot_run_terms *r);
struct hash pool_auction_hash(struct arena *a, const struct pool_auction *p);

/* Rules of the statement and its signature. */
int pool_check(const struct domain *d, const struct pool_doc *p, struct err *e) mustcheck;
/* Decide: ranks the runs, fills who runs and the price. */
void pool_clear(struct arena *a, struct pool_auction *p, const struct hash *seed);
/* The market's statement: signatures, and the auction computed again. -1 names the
 * first lie: "the price is ..., computed is ...", or who runs and should not. */
int pool_price_check(struct arena *a, const struct domain *d, const struct address *market,
		     const struct spot_price_doc *p, struct err *e) mustcheck;
/* And it follows the one before: NULL for the first. */
int pool_price_follows(const struct spot_price_terms *before, const struct spot_price_terms *p,
		       struct err *e) mustcheck;
/* Of the incumbents in `runs` those with runs = false were pushed out between
 * auctions: whether they are the ones whose turn it was. */
int pool_victims_check(struct arena *a, const struct json_list *runs, struct err *e) mustcheck;

#endif
