/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/auction.h"

#include <math.h>

/* One dollar a month in nano base units per second, at six decimals. */
#define DOLLAR_MONTH (1e6 * 1e9 / (730.0 * 3600))
#define CPU_MONTH    1.00
#define GB_MONTH     0.50
static const double gpu_hour[MODELS] = { 0.25, 0.90, 1.60 };
static const char *const models[MODELS] = { "nvidia/t4", "nvidia/a100", "nvidia/h100" };
static const char *const regions[] = { "eu", "us", "ap" };

double
uniform(struct world *w)
{
	w->dice ^= w->dice << 13;
	w->dice ^= w->dice >> 7;
	w->dice ^= w->dice << 17;
	return (double)(w->dice >> 11) / 9007199254740992.0;
}

double
lognormal(struct world *w, double median, double sigma)
{
	double a = uniform(w) + 1e-12, b = uniform(w);

	return median * exp(sigma * sqrt(-2 * log(a)) * cos(2 * M_PI * b));
}

static size_t
between(struct world *w, size_t low, size_t high)
{
	return low + (size_t)(uniform(w) * (double)(high - low + 1));
}

static const char *
random_region(struct world *w)
{
	double u = uniform(w);

	return regions[u < 0.45 ? 0 : u < 0.80 ? 1 : 2];
}

static void
make_nodes(struct world *w, size_t i)
{
	double kind = uniform(w);
	size_t count = kind < 0.30   ? between(w, 1, 2)
		       : kind < 0.60 ? between(w, 4, 12)
		       : kind < 0.68 ? between(w, 10, NODES)
				     : between(w, 3, 8);
	uint32_t cpus = kind < 0.30 ? 16 : kind < 0.60 ? 32 : kind < 0.68 ? 48 : 64;
	const char *model = kind < 0.68 ? "" : models[between(w, 0, MODELS - 1)];

	for (size_t k = 0; k < count; k++)
		w->nodes[i][k] = (struct offer_node){ .name = "n",
						      .model = model,
						      .has = { .cpu_milli = cpus * 1000,
							       .gpus = model[0] != '\0' ? 8 : 0,
							       .memory_mib = (uint64_t)cpus * 4096,
							       .storage_mib = { 1u << 30 } } };
	w->docs[i].nodes = (struct json_list){ w->nodes[i], count };
	w->cpus += (double)(count * cpus);
}

void
world_price_one(struct world *w, size_t i, double factor, double list, uint32_t curve_bp)
{
	struct offer *o = &w->docs[i];
	struct offer_units *both[] = { &o->floor, &o->list };

	o->curve_bp = curve_bp;
	for (size_t k = 0; k < 2; k++) {
		double rate = w->kappa[i] * factor * (k == 0 ? 1 : list) * DOLLAR_MONTH;

		both[k]->cpu_milli.nano = (u128)(rate * CPU_MONTH / 1000);
		both[k]->memory_mib.nano = (u128)(rate * GB_MONTH / 1024);
		for (size_t g = 0; g < both[k]->gpus.count; g++)
			for (size_t m = 0; m < MODELS; m++)
				if (strcmp(((struct gpu_rate *)both[k]->gpus.items)[g].model,
					   models[m]) == 0)
					((struct gpu_rate *)both[k]->gpus.items)[g].rate.nano =
						(u128)(rate * gpu_hour[m] * 730);
	}
}

void
world_price(struct world *w, double factor, double list, uint32_t curve_bp)
{
	for (size_t i = 0; i < PROVIDERS; i++)
		world_price_one(w, i, factor, list, curve_bp);
}

void
world_make(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	arena_init(&w->arena, 0);
	w->dice = seed * 2654435761u + 88172645463325252u;
	for (size_t i = 0; i < PROVIDERS; i++) {
		struct offer *o = &w->docs[i];
		struct attribute *a = ARENA_NEW(&w->arena, struct attribute);

		o->provider.b[19] = (uint8_t)(i + 1);
		o->owner = o->provider;
		o->region = random_region(w);
		*a = (struct attribute){ "audited", "yes" };
		o->attributes = (struct json_list){ a, uniform(w) < 0.6 };
		make_nodes(w, i);
		if (w->nodes[i][0].model[0] != '\0')
			for (size_t k = 0; k < 2; k++) {
				struct offer_units *u = k == 0 ? &o->floor : &o->list;
				struct gpu_rate *g = ARENA_NEW(&w->arena, struct gpu_rate);

				g->model = w->nodes[i][0].model;
				u->gpus = (struct json_list){ g, 1 };
			}
		w->kappa[i] = lognormal(w, 1, 0.20);
		w->script[i] = lognormal(w, 1.25, 0.15);
		w->offers[i] = (struct tick_offer){ .offer = o,
						    .sets_prices = true,
						    .nodes = w->free[i],
						    .gpu_used_bp = arena_alloc(&w->arena, 4) };
		w->offers[i].id.b[31] = (uint8_t)(i + 1);
		offer_nodes(o, w->free[i]);
	}
	world_price(w, 1, 1.2, 0);
}

void
world_release(struct world *w)
{
	arena_release(&w->arena);
}

void
world_used(struct world *w, size_t i)
{
	struct tick_offer *t = &w->offers[i];

	t->used_bp = offer_used_bp(t->offer, t->nodes, -1, true);
	if (t->offer->floor.gpus.count > 0)
		*(uint32_t *)(uintptr_t)t->gpu_used_bp = offer_used_bp(t->offer, t->nodes, 0, true);
}

/* Mostly one. */
static uint32_t
gpu_count(struct world *w)
{
	double u = uniform(w);

	return u < 0.70 ? 1 : u < 0.90 ? 2 : u < 0.97 ? 4 : 8;
}

void
wish_make(struct world *w, struct wish *s)
{
	double cpus = lognormal(w, 1.2, 1.2), gb;
	size_t m = between(w, 0, MODELS - 1);

	memset(s, 0, sizeof(*s));
	cpus = MIN(MAX(cpus, 0.1), 32.0);
	gb = cpus * (1 + 3 * uniform(w));
	s->gpu = uniform(w) < 0.08;
	s->service = (struct group_service){ .name = "a", .count = 1 };
	s->service.resources = (struct resources){ .cpu_milli = (uint32_t)(cpus * 1000),
						   .memory_bytes = (uint64_t)(gb * 1024) << 20,
						   .gpus = s->gpu ? gpu_count(w) : 0 };
	s->model = models[m];
	if (s->gpu)
		s->service.gpus = (struct json_strs){ &s->model, 1 };
	if (uniform(w) < 0.30)
		s->attributes[s->group.attributes.count++] =
			(struct attribute){ "region", random_region(w) };
	if (uniform(w) < 0.25)
		s->attributes[s->group.attributes.count++] = (struct attribute){ "audited", "yes" };
	s->group.attributes.items = s->attributes;
	s->group.services = (struct json_list){ &s->service, 1 };
	s->reference =
		DOLLAR_MONTH * (cpus * CPU_MONTH + gb * GB_MONTH +
				(s->gpu ? s->service.resources.gpus * gpu_hour[m] * 730 : 0));
	s->value = s->reference * lognormal(w, 1.5, 0.35);
	s->max.nano = (u128)s->value;
	s->order = (struct tick_order){ .group = &s->group, .max = &s->max };
	for (unsigned i = 0; i < 32; i++) {
		s->order.id.b[i] = (uint8_t)(uniform(w) * 256);
		s->order.record.b[i] = (uint8_t)(uniform(w) * 256);
	}
	s->order.owner.b[0] = s->order.tenant.b[0] = 255;
}

double
wish_cost(const struct world *w, const struct wish *s, size_t i)
{
	return s->reference * w->kappa[i];
}
