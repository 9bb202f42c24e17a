/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rival.h - a tick seen by one of those who offered: what made our price for an
 * order, and what would have won it. From what the market published; pure. `why` of
 * the command line shows it.
 */
#ifndef GAVEL_RIVAL_H
#define GAVEL_RIVAL_H

#include "lease/tick_transcript.h"

struct rival {
	bool sets_prices;
	uint32_t weight;  /* in 1/10000: entry.h */
	uint32_t load_bp; /* of the machine, at the tick's start */
	struct rate card; /* floor before the load curve */
	struct rate floor, list;
	u128 effective;
	/* With all else as it was we would have won at this, or below; 0: that is not
	 * what was in the way. Equal effective prices are drawn by lot, so this is the
	 * highest that wins for certain. */
	struct rate floor_wins, list_wins;
};

/* Our row of the transcript's book, or -1. */
int rival_row(const struct tick_transcript *t, const struct hash *offer);
/* The order's line; NULL: its maximum is not shown yet. */
const struct tick_entry *rival_order(const struct tick_transcript *t, const struct hash *order);
/* model: index into the offer's GPUs, or -1. */
struct rival
rival_of(struct arena *a, const struct tick_transcript *t, const struct tick_entry *entry, int row,
	 const struct offer *offer, int model);

#endif
