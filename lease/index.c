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

/* ------------------------------------------------------------------ */
/* What an order is of.                                                */

/* A token a month of 730 hours, in 10^-9 base units a second. */
#define TOKEN_MONTH ((u128)380517504)
#define GIB	    ((uint64_t)1024 * 1024 * 1024)

const struct rate_card INDEX_VECTOR = {
	.cpu_milli = { TOKEN_MONTH * 160 / 100 / 1000 },
	.memory_mib = { TOKEN_MONTH * 80 / 100 / 1024 },
	.storage_mib = { TOKEN_MONTH * 2 / 100 / 1024 },
	.volume_mib = { TOKEN_MONTH * 4 / 100 / 1024 },
	.gpu = { TOKEN_MONTH * 300 },
	.endpoint = { TOKEN_MONTH * 5 / 100 },
	.ip = { TOKEN_MONTH * 5 },
};

const char *
index_class(const struct group *g)
{
	const struct group_service *s = g->services.items;
	const char *model = NULL;

	for (size_t i = 0; i < g->services.count; i++) {
		const char *const *asked = s[i].gpus.items;

		if (s[i].resources.gpus == 0)
			continue;
		if (s[i].gpus.count != 1 || (model != NULL && strcmp(model, asked[0]) != 0))
			return "gpu";
		model = asked[0];
	}
	return model != NULL ? model : "cpu";
}

const char *
index_region(const struct group *g)
{
	const struct attribute *a = g->attributes.items;

	for (size_t i = 0; i < g->attributes.count; i++)
		if (strcmp(a[i].key, "region") == 0)
			return a[i].value;
	return "";
}

struct rate
index_reference(struct arena *a, const struct rate_card *vector, const struct group *g)
{
	struct json_strs models = { NULL, 0 };
	const char *class = index_class(g);
	size_t gpus =
		strcmp(class, "cpu") == 0 || strcmp(class, "gpu") == 0 ? 0 : group_total(g).gpus;

	models.items = arena_alloc(a, (gpus + 1) * sizeof(*models.items));
	while (models.count < gpus)
		models.items[models.count++] = class;
	return price_group(vector, g, &models);
}

struct index_machine
index_machine(struct arena *a, const struct rate_card *vector, const char *class)
{
	bool cpu = strcmp(class, "cpu") == 0, any = strcmp(class, "gpu") == 0;
	struct group_service s = { .name = "machine", .count = 1 };
	struct group g = { .services = { &s, 1 } };

	s.resources = cpu ? (struct resources){ .cpu_milli = 1000,
						.memory_bytes = 2 * GIB,
						.storage_bytes = 10 * GIB }
			  : (struct resources){ .cpu_milli = 8000,
						.memory_bytes = 32 * GIB,
						.storage_bytes = 100 * GIB,
						.gpus = 1 };
	if (!cpu && !any)
		s.gpus = (struct json_strs){ &class, 1 };
	return (struct index_machine){ cpu ? "1 CPU, 2 GiB, 10 GiB disk"
					   : "1 GPU, 8 CPU, 32 GiB, 100 GiB disk",
				       index_reference(a, vector, &g) };
}

struct rate
index_price(const struct index_machine *m, uint64_t millionths)
{
	u128 nano = MIN(m->reference.nano, UINT64_MAX) * millionths / MILLION;

	return (struct rate){ MIN(nano, RATE_MAX) };
}
