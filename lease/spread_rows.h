/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spread_rows.h - orders that are copies of one deployment, to lie on different
 * providers, owners or regions. Each is an order of its own, signed with its own
 * maximum, since on chain a lease has one; a set ties them: its name, the number of
 * rows and the row stand in each group, and so under each signature. Pure.
 *
 * A set is cleared as one order of as many rows (spread.h), all or nothing: every row
 * at its own price, which none may have above its own maximum. It is cleared when all
 * its rows are there; one whose winner has failed comes again alone, or with others that
 * failed, and keeps away from where the rest runs (`taken`).
 *
 *	in      tick_order per order: set, row, rows, spread, max[0], one copy of a service
 *	id      of the set: H("set", tenant, set); lots are drawn by the record of row 1,
 *	        or the first that is there
 *	out     tick_outcome per order: its pick and its price; offers that another row of
 *	        the set has taken say so
 */
#ifndef GAVEL_SPREAD_ROWS_H
#define GAVEL_SPREAD_ROWS_H

#include "lease/tick.h"

enum tick_spread spread_of(const struct group *g);
/* tick_clear() for orders of which some are rows; others pass through. */
void tick_clear_rows(struct arena *a, const struct tick_order *orders, size_t order_count,
		     const struct tick_offer *offers, size_t offer_count, struct tick_outcome *out);

#endif
