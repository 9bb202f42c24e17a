/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/index.h"

#define MILLION	     1000000u
#define RAN_LEAST_S  600u
#define LEASES_LEAST 10u
#define OWNERS_LEAST 5u

struct point {
	const struct index_trade *trade;
	uint64_t ratio;
	u128 weight;
};

static bool
counts(const struct index_trade *t)
{
	return t->ran_s >= RAN_LEAST_S && !t->defaulted && !t->manual && t->reference.nano > 0 &&
	       !address_equal(&t->owner, &t->tenant);
}

static int
compare_parties(const void *left, const void *right)
{
	const struct point *a = left, *b = right;
	int c = memcmp(a->trade->owner.b, b->trade->owner.b, sizeof(a->trade->owner.b));

	return c != 0 ? c
		      : memcmp(a->trade->tenant.b, b->trade->tenant.b, sizeof(a->trade->tenant.b));
}

static int
compare_ratios(const void *left, const void *right)
{
	const struct point *a = left, *b = right;

	return a->ratio < b->ratio ? -1 : a->ratio > b->ratio;
}

/* Points from..to weigh no more than `most` together; each keeps its share. */
static void
cap(struct point *p, size_t from, size_t to, u128 most)
{
	u128 sum = 0;

	for (size_t i = from; i < to; i++)
		sum += p[i].weight;
	for (size_t i = from; i < to && sum > most; i++)
		p[i].weight = p[i].weight * MILLION / sum * most / MILLION;
}

static bool
same_owner(const struct point *a, const struct point *b)
{
	return address_equal(&a->trade->owner, &b->trade->owner);
}

static size_t
cap_parties(struct point *p, size_t n)
{
	size_t owners = 0;
	u128 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i].weight;
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && compare_parties(&p[i], &p[end]) == 0; end++)
			;
		cap(p, i, end, sum / 20);
	}
	for (size_t i = 0, end; i < n; i = end, owners++) {
		for (end = i + 1; end < n && same_owner(&p[i], &p[end]); end++)
			;
		cap(p, i, end, sum / 10);
	}
	return owners;
}

/* The lowest ratio with that share of the weight at or below it. */
static uint64_t
quantile(const struct point *p, size_t n, u128 sum, unsigned percent)
{
	u128 so_far = 0;

	for (size_t i = 0; i < n; i++) {
		so_far += p[i].weight;
		if (so_far * 100 >= sum * percent)
			return p[i].ratio;
	}
	return n == 0 ? 0 : p[n - 1].ratio;
}

struct price_index
index_of(struct arena *a, const struct index_trade *trades, size_t count, uint32_t seconds)
{
	struct point *p = arena_alloc(a, (count + 1) * sizeof(*p));
	struct price_index out = { .published = false };
	size_t n = 0;
	u128 sum = 0;

	for (size_t i = 0; i < count; i++) {
		const struct index_trade *t = &trades[i];

		if (!counts(t))
			continue;
		p[n++] = (struct point){
			.trade = t,
			.ratio = (uint64_t)(MIN(t->price.nano, RATE_MAX) * MILLION /
					    t->reference.nano),
			/* at most 2^85 each, so that sums and percents fit */
			.weight = MIN(t->reference.nano, (u128)1 << 53) * MIN(t->ran_s, seconds),
		};
	}
	qsort(p, n, sizeof(*p), compare_parties);
	out.leases = n;
	out.owners = cap_parties(p, n);
	qsort(p, n, sizeof(*p), compare_ratios);
	for (size_t i = 0; i < n; i++)
		sum += p[i].weight;
	out.p25 = quantile(p, n, sum, 25);
	out.median = quantile(p, n, sum, 50);
	out.p75 = quantile(p, n, sum, 75);
	out.published = out.leases >= LEASES_LEAST && out.owners >= OWNERS_LEAST;
	return out;
}
