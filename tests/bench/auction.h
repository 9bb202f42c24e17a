/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auction.h - the simulated markets behind `make bench-auction`: providers, orders
 * and prices with invented but plausible distributions, all from one seed. Trust
 * signs and sizes of differences, not the third digit.
 *
 *	auction.c         the dashboard
 *	auction_world.c   providers, orders, dice
 *	auction_market.c  a market over hours: runner-up ticks, open first price
 *	auction_optimum.c the best allocation of one tick, by branch and bound
 */
#ifndef GAVEL_BENCH_AUCTION_H
#define GAVEL_BENCH_AUCTION_H

#include "lease/tick.h"

enum { PROVIDERS = 60, NODES = 20, MODELS = 3 };

struct world {
	uint64_t dice;
	struct arena arena;
	struct tick_offer offers[PROVIDERS];
	struct offer docs[PROVIDERS];
	double kappa[PROVIDERS];  /* cost / reference */
	double script[PROVIDERS]; /* markup of a price script */
	struct offer_node nodes[PROVIDERS][NODES];
	struct demand_node free[PROVIDERS][NODES];
	double cpus; /* of all */
};

struct wish { /* an order, and what only its tenant knows */
	struct tick_order order;
	struct group group;
	struct group_service service;
	struct attribute attributes[2];
	const char *model;
	struct rate max;
	double value, reference; /* nano/s */
	bool gpu;
	double arrives, lasts; /* s */
};

double uniform(struct world *w);
double lognormal(struct world *w, double median, double sigma);
void world_make(struct world *w, uint64_t seed);
void world_release(struct world *w);
/* Floors are cost * factor, lists floor * list. */
void world_price(struct world *w, double factor, double list, uint32_t curve_bp);
void
world_price_one(struct world *w, size_t provider, double factor, double list, uint32_t curve_bp);
void wish_make(struct world *w, struct wish *s);
double wish_cost(const struct world *w, const struct wish *s, size_t provider);
/* Taken of a provider's CPUs and GPUs, into the offer's facts. */
void world_used(struct world *w, size_t provider);

enum market_rule { RULE_RUNNER_UP, RULE_FIRST_PRICE, RULE_AKASH };
struct market_run {
	enum market_rule rule;
	double load, maximum_times; /* stated maximum / value; 1: the truth */
	size_t orders;
	bool cpu_only;
};
struct market_result {
	double efficiency;	     /* welfare / welfare with infinite capacity */
	double matched;		     /* of those that could be matched */
	double cpu_price, gpu_price; /* paid / reference */
	double cost;		     /* paid / cost, GPU classes */
	double held;		     /* share of vCPU that losing bids hold */
	double profit[PROVIDERS], paid[PROVIDERS];
};
void
market_run(struct world *w, const struct market_run *run, uint64_t seed, struct market_result *out);

/* Sum of value - cost of the best allocation of a tick; *proven false: a bound above
 * it. */
double optimum(struct world *w, const struct wish *wishes, size_t count, bool *proven);

#endif
