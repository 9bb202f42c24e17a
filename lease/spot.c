/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/spot.h"

#include "lease/tagged.h"

static u128
rank_of(const struct spot_run *r)
{
	return MIN(r->max.nano, RATE_MAX) * (r->incumbent ? SPOT_INCUMBENT : 10000u);
}

static struct hash
lot_of(const struct spot_run *r, const struct hash *record)
{
	struct tagged t;

	tagged_begin(&t, "tie");
	tagged_add(&t, record->b, sizeof(record->b));
	tagged_add(&t, r->id.b, sizeof(r->id.b));
	return tagged_end(&t);
}

static int
compare_ranks(const void *left, const void *right, void *record)
{
	const struct spot_run *a = left, *b = right;
	u128 ra = rank_of(a), rb = rank_of(b);
	struct hash la, lb;

	if (ra != rb)
		return ra > rb ? -1 : 1;
	if (a->incumbent != b->incumbent)
		return a->incumbent ? -1 : 1;
	la = lot_of(a, record);
	lb = lot_of(b, record);
	return memcmp(la.b, lb.b, sizeof(la.b));
}

struct rate
spot_clear(struct spot_run *runs, size_t count, uint32_t units, struct rate floor,
	   const struct hash *record)
{
	struct hash r = *record;
	struct rate price = floor;

	qsort_r(runs, count, sizeof(*runs), compare_ranks, &r);
	for (size_t i = 0; i < count; i++) {
		runs[i].runs = runs[i].units <= units && rate_cmp(runs[i].max, floor) >= 0;
		if (runs[i].runs)
			units -= runs[i].units;
		else if (runs[i].units > 0 && rate_cmp(runs[i].max, price) > 0)
			price = runs[i].max;
	}
	for (size_t i = 0; i < count; i++)
		if (runs[i].runs)
			runs[i].price = rate_cmp(price, runs[i].max) < 0 ? price : runs[i].max;
	return price;
}

bool
spot_admits(const struct spot_run *run, uint32_t free_units, struct rate pool_price)
{
	return run->units <= free_units && rate_cmp(run->max, pool_price) >= 0;
}

static int
compare_victims(const void *left, const void *right)
{
	const struct spot_run *a = left, *b = right;

	if (rate_cmp(a->max, b->max) != 0)
		return rate_cmp(a->max, b->max);
	if (a->started_ms != b->started_ms)
		return a->started_ms > b->started_ms ? -1 : 1;
	return memcmp(a->id.b, b->id.b, sizeof(a->id.b));
}

uint32_t
spot_reclaim(struct spot_run *runs, size_t count, uint32_t units)
{
	uint32_t back = 0;

	qsort(runs, count, sizeof(*runs), compare_victims);
	for (size_t i = 0; i < count && back < units; i++) {
		if (!runs[i].runs)
			continue;
		runs[i].runs = false;
		back += runs[i].units;
	}
	return back;
}

uint32_t
spot_billed_s(uint32_t ran_s, bool interrupted)
{
	return interrupted && ran_s < SPOT_FREE_S ? 0 : ran_s;
}

/* ------------------------------------------------------------------ */
/* What is owed.                                                       */

#define T struct spot_due
const struct json_field spot_due_fields[] = {
	JSON_U32(T, from, 0, 0),     JSON_U32(T, at, 0, 0),	JSON_RATE(T, rate, 0),
	JSON_AMOUNT(T, past, 0),     JSON_AMOUNT(T, run, 0),	JSON_U32(T, past_nano, 0, 0),
	JSON_U32(T, run_nano, 0, 0), JSON_U32(T, free_s, 0, 0), JSON_END
};
#undef T

static void
add(struct amount *whole, uint32_t *nano, u128 more)
{
	u128 sum = *nano + more % RATE_UNIT;

	whole->units += more / RATE_UNIT + sum / RATE_UNIT;
	*nano = (uint32_t)(sum % RATE_UNIT);
}

static void
count_to(struct spot_due *d, uint32_t at)
{
	if (d->from != 0 && at > d->at) {
		add(&d->run, &d->run_nano, MIN(d->rate.nano, RATE_MAX) * (at - d->at));
		d->at = at;
	}
}

void
spot_due_rate(struct spot_due *d, struct rate rate, uint32_t at)
{
	count_to(d, at);
	d->rate = rate;
}

void
spot_due_begin(struct spot_due *d, uint32_t at)
{
	if (d->from != 0)
		return;
	d->from = d->at = at;
	d->run = (struct amount){ 0 };
	d->run_nano = 0;
}

void
spot_due_end(struct spot_due *d, uint32_t at, bool interrupted)
{
	if (d->from == 0)
		return;
	count_to(d, at);
	if (!interrupted || d->at - d->from >= d->free_s) {
		add(&d->past, &d->past_nano, d->run_nano);
		d->past.units += d->run.units;
	}
	d->from = 0;
	d->run = (struct amount){ 0 };
	d->run_nano = 0;
}

struct amount
spot_due_amount(const struct spot_due *d, uint32_t now, bool closed)
{
	struct spot_due to = *d;

	count_to(&to, now);
	if (to.from != 0 && (closed || to.at - to.from >= to.free_s)) {
		add(&to.past, &to.past_nano, to.run_nano);
		to.past.units += to.run.units;
	}
	return to.past;
}
