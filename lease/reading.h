/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reading.h - whether a provider's reading can be true, for whoever is asked to
 * countersign it: against the lease, the clock, and the reading signed before it.
 * And whether a policy lets a cosigner sign it. Pure.
 *
 * A reading within these bounds is not proved to be true; but no more can be taken
 * with it than the rate allows, and what contradicts itself is found.
 */
#ifndef GAVEL_READING_H
#define GAVEL_READING_H

#include "deploy/group.h"
#include "lease/terms.h"

struct reading_lease {
	struct hash hash;
	struct rate rate;
	uint32_t opened;	   /* unix seconds of the chain */
	struct resources reserved; /* all zero: not known, not looked at */
};

/* Another lease or time; a total that falls; two readings under one number; not the
 * successor of the one before; more than the price, the time, the CPUs or the memory
 * allow. */
extern const struct code USAGE_LEASE, USAGE_TIME, USAGE_FALLS, USAGE_CONTRADICTS, USAGE_CHAIN,
	USAGE_PRICE, USAGE_SECONDS, USAGE_CPU, USAGE_MEMORY;

/* previous: the last one that was signed, NULL for none; now: unix seconds. */
int reading_check(const struct usage_terms *u, const struct usage_terms *previous,
		  const struct reading_lease *l, uint32_t now, struct err *e) mustcheck;

/* ------------------------------------------------------------------ */
/* What a cosigner may sign for. What is 0 or empty does not bind.      */

struct policy {
	struct amount total;	    /* of one lease, in all */
	struct amount hour, day;    /* of all leases, within any 3600 and 86400 seconds */
	struct rate rate;	    /* the price of a lease */
	uint32_t cpu_milli;	    /* that a lease reserves */
	struct json_strs providers; /* addresses; none: any */
};

/* What was signed for lately, in entries of a minute. */
#define SPENT_MAX 1500
struct spent {
	struct spent_entry {
		uint32_t at; /* unix seconds */
		struct amount amount;
	} list[SPENT_MAX];
	uint32_t count;
};

extern const struct code POLICY_TOTAL, POLICY_HOUR, POLICY_DAY, POLICY_RATE, POLICY_CPU,
	POLICY_PROVIDER;

/* May `amount` (cumulative) be signed, of which `before` was signed already? */
int policy_check(const struct policy *p, const struct spent *s, const struct reading_lease *l,
		 const struct address *provider, struct amount before, struct amount amount,
		 uint32_t now, struct err *e) mustcheck;
/* It was. Older than a day is forgotten. */
void spent_add(struct spent *s, struct amount amount, uint32_t now);
struct amount spent_since(const struct spent *s, uint32_t since);

#endif
