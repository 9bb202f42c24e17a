/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/spot_owed.h"

#include "lease/key.h"

const struct code USAGE_RUNS = { "usage_runs", CONFLICT,
				 "the reading asks more than its runs at the pool's prices" };

#define T struct spot_owed
const struct json_field spot_owed_fields[] = {
	JSON_STR(T, class, POOL_CLASS_MAX, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_U32(T, free_s, 0, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_LIST(T, prices, spot_price_doc_fields, struct spot_price_doc, 4096,
		  JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_LIST(T, runs, spot_run_doc_fields, struct spot_run_doc, 4096,
		  JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_END
};
#undef T

/* ------------------------------------------------------------------ */
/* Whether they are what they say.                                      */

static int
check_runs(const struct spot_parties *p, const struct spot_owed *o, struct err *e)
{
	const struct spot_run_doc *run = o->runs.items;
	struct hash lease = lease_hash(p->lease);

	for (size_t i = 0; i < o->runs.count; i++) {
		struct hash h = spot_run_hash(&run[i].terms), digest = terms_digest(p->domain, &h);

		if (sig_check(&run[i].sig, &digest, &p->lease->provider, e) < 0)
			return err_wrap(e, "run");
		if (!hash_equal(&run[i].terms.lease, &lease) || run[i].terms.seq != i + 1 ||
		    (i > 0 && run[i].terms.at < run[i - 1].terms.at))
			return err_set(e, &USAGE_RUNS,
				       "the provider's runs do not follow each other");
	}
	return 0;
}

int
spot_owed_fits(const struct spot_parties *p, const struct spot_owed *o, struct err *e)
{
	const struct spot_price_doc *prices = o->prices.items;
	const struct spot_run_doc *runs = o->runs.items;
	struct hash pool = pool_class_hash(o->class);

	for (size_t i = 0; i < o->prices.count; i++)
		if (!address_equal(&prices[i].terms.provider, &p->lease->provider) ||
		    !hash_equal(&prices[i].terms.class, &pool))
			return err_set(e, &USAGE_RUNS, "a price is of another pool");
	if (check_runs(p, o, e) < 0)
		return -1;
	if (o->runs.count > 0 && o->prices.count > 0 && prices[0].terms.number != 1 &&
	    prices[0].terms.at > runs[0].terms.at)
		return err_set(e, &USAGE_RUNS, "the price that stood at the first run is missing");
	return 0;
}

int
spot_owed_check(struct arena *a, const struct spot_parties *p, const struct spot_owed *o,
		struct err *e)
{
	const struct spot_price_doc *prices = o->prices.items;

	for (size_t i = 0; i < o->prices.count; i++)
		if (pool_price_check(a, p->domain, p->market, &prices[i], e) < 0 ||
		    ((i > 0 || prices[i].terms.number == 1) &&
		     pool_price_follows(i > 0 ? &prices[i - 1].terms : NULL, &prices[i].terms, e) <
			     0))
			return err_wrap(e, "price %llu",
					(unsigned long long)prices[i].terms.number);
	return spot_owed_fits(p, o, e);
}

/* ------------------------------------------------------------------ */
/* What they come to.                                                   */

struct owing {
	struct spot_due due;
	const struct spot_price_doc *prices;
	size_t count, next;
	uint32_t units;
	struct rate max;
};

static struct rate
rate_of(const struct owing *o, const struct spot_price_doc *p)
{
	struct rate rate = pool_rate(p->terms.price, o->units);

	return rate_cmp(rate, o->max) < 0 ? rate : o->max;
}

static void
prices_until(struct owing *o, uint32_t at)
{
	for (; o->next < o->count && o->prices[o->next].terms.at <= at; o->next++)
		spot_due_rate(&o->due, rate_of(o, &o->prices[o->next]),
			      o->prices[o->next].terms.at);
}

struct amount
spot_owed(const struct spot_owed *s, const struct group *g, struct rate max, uint32_t up_to,
	  bool closed)
{
	struct owing o = { .due = { .free_s = s->free_s },
			   .prices = s->prices.items,
			   .count = s->prices.count,
			   .units = pool_units(s->class, g),
			   .max = max };
	const struct spot_run_doc *runs = s->runs.items;

	if (o.count > 0)
		o.due.rate = rate_of(&o, &o.prices[0]);
	for (size_t i = 0; i < s->runs.count && runs[i].terms.at <= up_to; i++) {
		const struct spot_run_terms *run = &runs[i].terms;

		prices_until(&o, run->at);
		if (run->state == SPOT_RUN_BEGUN)
			spot_due_begin(&o.due, run->at);
		else
			spot_due_end(&o.due, run->at, run->state == SPOT_RUN_INTERRUPTED);
	}
	prices_until(&o, up_to);
	return spot_due_amount(&o.due, up_to, closed);
}
