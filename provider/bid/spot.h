/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spot.h - our side of the interruptible tier. What no firm lease needs is a pool for
 * each class; we sign how large it is, the market says at what price and who runs, and
 * between its auctions we let in whoever fits at that price, and push out the lowest
 * maximum when a firm lease needs the room. Each begin and end of a run is a signed
 * statement, in the book before anyone hears of it.
 *
 *	spot.c       leases: interrupted, let in again, who goes first; what a run owes
 *	spot_pool.c  pools: how large, at what price, and the statements to the market
 *
 * An interruption is a pause (lease/dues.h): containers get TERM at once and the
 * notice to end, volumes stay, and no second of it is billed.
 */
#ifndef GAVEL_PROVIDER_SPOT_H
#define GAVEL_PROVIDER_SPOT_H

#include "lease/pool.h"
#include "provider/agent.h"

#define SPOT_POOLS_MAX 16u
/* So long after an auction a place in the pool waits for whom it was given to. */
#define SPOT_PLACE_S 30u

struct spot_pool {
	const char *class;
	struct rate floor;
	uint32_t units, told_units;
	mono_t told_at; /* 0: never */
	bool busy;
	struct spot_price_terms price;	   /* number 0: there is none yet */
	struct rate before;		   /* the price until price.at */
	struct hash places[POOL_RUNS_MAX]; /* who has a place by the last auction */
	uint32_t place_units[POOL_RUNS_MAX];
	size_t place_count;
};

struct spot {
	struct spot_pool pools[SPOT_POOLS_MAX];
	size_t count;
	bool telling;
};

/* Pools by the settings; prices as the book has them. */
void spot_start(struct agent *g);
/* NULL: we have none for this group. */
struct spot_pool *spot_pool_for(const struct agent *g, const struct group *group);
/* The price of a unit at this time. */
struct rate spot_price_at(const struct spot_pool *p, uint32_t at);
/* Units that nobody has nor is promised, for this order or lease; NULL: for anybody. */
int
spot_free_units(struct agent *g, struct arena *a, const struct spot_pool *p, const struct hash *who,
		const struct hash *lease, uint32_t *units, struct err *e) mustcheck;
/* The event pool.priced. */
void spot_priced(struct agent *g, const char *data);
/* Every look: tell the market of pools and runs, let in whoever fits. */
void spot_look(struct agent *g);

/* Parts of these two: the prices that stood when we went down; whoever fits comes in. */
void spot_recall(struct agent *g, struct arena *a);
void spot_admit(struct agent *g, struct arena *a);

/* A bid's price, or why not. */
const char *spot_appraise(struct agent *g, struct arena *a, const struct group *group,
			  const struct hash *order, struct pricing *p);
/* The lease is accepted: which pool it is in. */
void spot_enter(const struct agent *g, struct work *w);
/* A firm group gets devices, and those that must go for it are interrupted. NULL, or
 * why there is no room whoever goes. */
const char *spot_make_room(struct agent *g, struct arena *a, const struct address *tenant,
			   const struct group *group, const struct json_strs *models,
			   struct json_strs *devices);
/* What was pushed out is still on its way: this one waits. */
bool spot_is_crowded(struct agent *g, struct arena *a, const struct work *w);

/* With each reading, before and after dues_next() was asked. */
void spot_advance(const struct agent *g, struct work *w, uint32_t now);
void
spot_turn(const struct agent *g, struct arena *a, struct work *w, enum dues want, uint32_t now);
/* The notice, or 0. */
int64_t spot_notice_us(const struct agent *g, const struct work *w);
/* For the status. */
void spot_show(struct jsonw *out, const struct agent *g, const struct work *w);

#endif
