/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spot.h - the interruptible tier as its tenant sees it: pools and their prices, and
 * what a lease may owe by its runs. Every price is checked as the market signed it and
 * computed again, every run as the provider signed it.
 */
#ifndef GAVEL_TENANT_SPOT_H
#define GAVEL_TENANT_SPOT_H

#include "lease/spot_owed.h"
#include "tenant/tenant.h"

/* Pools as GET /v1/pools shows them. */
int pools_get(struct context *c, const struct json **rows, struct err *e) mustcheck;
/* A price of this pool's units in tokens an hour: of a whole CPU, of a GPU. */
const char *pool_price_text(struct context *c, const char *class, struct rate price);
/* "/v1/pools/PROVIDER/CLASS" */
const char *pool_path(struct context *c, const struct address *provider, const char *class);
/* Prices of a pool, all of those listed checked and chained; since: from the one on
 * that stood then, 0: all. */
int pool_prices(struct context *c, const struct address *provider, const char *class,
		uint32_t since, struct json_list *docs, struct err *e) mustcheck;
/* Runs and prices of the lease up to `up_to`, all of them checked. */
int spot_gather(struct context *c, const struct lease_ref *l, uint32_t up_to, struct spot_owed *out,
		struct err *e) mustcheck;
/* The most that the lease can owe for the time up to `up_to`. */
int spot_most(struct context *c, const struct lease_ref *l, uint32_t up_to, bool closed,
	      struct amount *most, struct err *e) mustcheck;
/* The same for a reading, before it is signed; `last`: of a close. */
int spot_check(struct context *c, const struct lease_ref *l, const struct usage_terms *u, bool last,
	       struct err *e) mustcheck;
bool reading_is_last(const struct json *reading) mustcheck;
bool lease_is_interruptible(const struct json *lease);
/* Lines of `gavel status`: of the provider's word, and of an order that waits. */
void spot_print(struct context *c, const struct lease_ref *l, const struct json *status);
void spot_print_waiting(struct context *c, const struct json *order);

#endif
