/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spread.h - groups whose copies lie on different providers, owners or regions:
 * the cheapest assignment of rows to columns, and what each winner is paid. Pure.
 *
 *	p_s = max(floor_i, min(list_i, (C without owner i - (C - eff_i)) * 10000 / weight_i))
 *
 * where C is the cost of the assignment on effective floors, and a column is a
 * provider, an owner or a region. Without another assignment the price is the
 * list price. Equal costs go to the smaller sum of lots, then to the assignment
 * whose columns come first, row by row.
 */
#ifndef GAVEL_SPREAD_H
#define GAVEL_SPREAD_H

#include "lease/entry.h"

struct spread_row {
	struct entry *entries; /* that match, in any order; `fits` says whether they fit now */
	size_t count;
};

struct spread_award {
	struct entry *winner[TICK_ROWS_MAX];
	struct rate price[TICK_ROWS_MAX];
	u128 cost; /* sum of effective floors */
};

/* false: no assignment. */
bool spread_assign(const struct tick_order *o, const struct spread_row *rows, size_t count,
		   struct spread_award *out) mustcheck;

#endif
