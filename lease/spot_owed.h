/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spot_owed.h - what an interruptible lease may owe, from two kinds of statements: its
 * pool's prices, which the market signed, and its runs, which its provider did. Its payer
 * computes it before it signs, an auditor afterwards. Pure.
 */
#ifndef GAVEL_SPOT_OWED_H
#define GAVEL_SPOT_OWED_H

#include "lease/pool.h"

/* No runs of the lease, or more asked than they come to. */
extern const struct code USAGE_RUNS;

struct spot_owed {
	const char *class;
	uint32_t free_s;	 /* a run interrupted within it is free */
	struct json_list prices; /* of struct spot_price_doc, from the one on that stood first */
	struct json_list runs;	 /* of struct spot_run_doc: all of the lease */
};
extern const struct json_field spot_owed_fields[];

struct spot_parties {
	const struct domain *domain;
	const struct address *market;
	const struct lease_terms *lease;
};
/* Prices of this lease's pool, whose own truth is looked at elsewhere; and the runs. */
int
spot_owed_fits(const struct spot_parties *p, const struct spot_owed *o, struct err *e) mustcheck;
/* And each price as the market signed it, its auction computed again, in a chain. */
int spot_owed_check(struct arena *a, const struct spot_parties *p, const struct spot_owed *o,
		    struct err *e) mustcheck;
/* For the time up to `up_to`; closed: its tenant ended it then. */
struct amount spot_owed(const struct spot_owed *o, const struct group *g, struct rate max,
			uint32_t up_to, bool closed);

#endif
