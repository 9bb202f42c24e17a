/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/recount.h"

#include "lease/key.h"

const struct json_field price_shown_fields[] = {
	JSON_OBJ(struct price_shown, card, rate_card_fields, 0),
	JSON_STRS(struct price_shown, models, 0, 0), JSON_HASH(struct price_shown, nonce, 0),
	JSON_END
};

bool
price_shown_fits(struct arena *a, const struct price_shown *p, const struct bid_terms *bid,
		 struct rate rate)
{
	const char *text = json_encode(a, price_shown_fields, p);
	struct hash salt;

	if (rate_cmp(rate, bid->floor) < 0)
		return true;
	keccak256(text, strlen(text), &salt);
	return hash_equal(&bid->salt, &salt);
}

bool
recount_can(const struct recount *r)
{
	return r->price != NULL && !r->group->interruptible;
}

struct recounted
recount(const struct recount *r, const struct usage_terms *u, const struct usage_terms *before)
{
	uint32_t elapsed = u->upTo - MIN(r->start, u->upTo),
		 healthy = (uint32_t)MIN(u->healthySeconds, elapsed);
	struct price_lease price = { .rate = r->lease->rate,
				     .base = r->lease->base,
				     .card = r->price->card,
				     .reserved = group_total(r->group),
				     .group = r->group,
				     .models = r->price->models,
				     .deposit = r->deposit,
				     .billing = group_billing(r->group) };
	struct meter meter = { .seconds = healthy,
			       .cpu_milli_seconds = u->cpuMilliSeconds,
			       .memory_mib_seconds = u->memoryMiBSeconds,
			       .egress_bytes = u->egressBytes };
	u128 cap = MIN(rate_due(price.rate, elapsed).units, r->deposit.units),
	     least = price_due(&price, &meter, healthy).units, most, throttled;

	/* The most: it ran for no longer than it was healthy, or all the time. */
	most = price_due(&price, &meter, elapsed).units;
	throttled = least + rate_due(price.base, elapsed - healthy).units;
	most = MIN(MAX(most, throttled), cap);
	if (before != NULL) {
		least = MAX(least, before->amount.units);
		most = MAX(most, before->amount.units);
	}
	return (struct recounted){ { least }, { most } };
}

int
recount_check(const struct recount *r, const struct usage_terms *u,
	      const struct usage_terms *before, struct err *e)
{
	char asked[AMOUNT_TEXT_SIZE], most[AMOUNT_TEXT_SIZE];
	struct amount due;

	if (!recount_can(r))
		return 0;
	due = recount(r, u, before).most;
	if (amount_cmp(u->amount, due) <= 0)
		return 0;
	return err_set(e, &USAGE_PRICE,
		       "it asks %s, what it measured costs %s base units by its card",
		       u128_text(u->amount.units, asked), u128_text(due.units, most));
}
