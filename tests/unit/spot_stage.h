/* SPDX-License-Identifier: Apache-2.0 */
/* Runs and prices of a pool as provider and market sign them. Its user has their keys,
 * sign(), an arena and BEGAN. */
#ifndef GAVEL_SPOT_STAGE_H
#define GAVEL_SPOT_STAGE_H

#include "lease/spot_owed.h"

static struct spot_run_doc
spot_run(const struct hash *of, uint64_t seq, uint32_t state, uint32_t after)
{
	struct spot_run_doc d = { .terms = { *of, seq, state, BEGAN + after } };

	d.sig = sign(&provider, spot_run_hash(&d.terms));
	return d;
}

static void
spot_price(struct spot_price_doc *p, const struct spot_price_doc *before, uint32_t at,
	   uint64_t floor)
{
	struct pool_terms *pool = &p->auction.pool.terms;

	*p = (struct spot_price_doc){ .auction = { .pool = { .class = "cpu" } } };
	*pool = (struct pool_terms){ .provider = provider.address,
				     .class = pool_class_hash("cpu"),
				     .units = 1000,
				     .floor = { floor },
				     .notice = 5,
				     .seq = 1 };
	p->auction.pool.sig = sign(&provider, pool_hash(pool));
	p->terms =
		(struct spot_price_terms){ .provider = provider.address,
					   .class = pool->class,
					   .number = before != NULL ? before->terms.number + 1 : 1,
					   .at = BEGAN + at };
	if (before != NULL)
		p->terms.previous = spot_price_hash(&before->terms);
	pool_clear(&arena, &p->auction, &p->terms.previous);
	p->terms.price = p->auction.price;
	p->terms.auction = pool_auction_hash(&arena, &p->auction);
	p->sig = sign(&market, spot_price_hash(&p->terms));
}

#endif
