/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spot.h - the interruptible tier: one provider's free nodes of one class are a
 * pool with one price. Every 300 s the pool is auctioned again: by maximum, an
 * incumbent's counted 25 % higher; the price is the highest maximum that did not
 * fit, at least the floor, and nobody pays more than its own maximum. Between
 * auctions runs are admitted into what is free at the price that stands, and
 * on-demand leases push out the lowest maximum first, the youngest of equals. Pure.
 */
#ifndef GAVEL_SPOT_H
#define GAVEL_SPOT_H

#include "lib/amount.h"
#include "lib/bytes.h"
#include "lib/json.h"

#define SPOT_PERIOD_S  300u
#define SPOT_FREE_S    300u /* a run interrupted within it is not billed */
#define SPOT_INCUMBENT 12500u
#define SPOT_UNITS_MAX 1000000u

struct spot_run {
	struct hash id;
	struct rate max;     /* per unit */
	uint32_t units;	     /* of the class: nodes' CPUs or GPUs */
	bool incumbent;	     /* it runs now */
	uint64_t started_ms; /* of an incumbent */
	/* out */
	bool runs;
	struct rate price; /* per unit; when it runs */
};

/* The auction: fills runs and price, returns the pool's price. Sorts the runs. */
struct rate spot_clear(struct spot_run *runs, size_t count, uint32_t units, struct rate floor,
		       const struct hash *record);
/* Between auctions. */
bool spot_admits(const struct spot_run *run, uint32_t free_units, struct rate pool_price);
/* On-demand needs `units` more: marks victims by runs = false, returns the units that
 * they give back (maybe less than asked). Sorts the runs. */
uint32_t spot_reclaim(struct spot_run *runs, size_t count, uint32_t units);
/* Seconds that are billed of a run that ended by interruption. */
uint32_t spot_billed_s(uint32_t ran_s, bool interrupted);

/* What an interruptible lease owes, second by second. */
struct spot_due {
	uint32_t from, at;	      /* from: of the run that goes on; 0: none */
	struct rate rate;	      /* that stands, of the whole lease */
	struct amount past, run;      /* of ended runs; of this one */
	uint32_t past_nano, run_nano; /* and what is left of whole units */
	uint32_t free_s;	      /* a run interrupted within it is free */
};
extern const struct json_field spot_due_fields[];

void spot_due_rate(struct spot_due *d, struct rate rate, uint32_t at);
void spot_due_begin(struct spot_due *d, uint32_t at);
/* Interrupted soon after its begin, the run is free. */
void spot_due_end(struct spot_due *d, uint32_t at, bool interrupted);
/* A run that could still be interrupted for nothing counts only when the lease is
 * `closed` now: what was signed for cannot be taken back. */
struct amount spot_due_amount(const struct spot_due *d, uint32_t now, bool closed);

#endif
