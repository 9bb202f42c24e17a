/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/demand.h"

#define MIB ((uint64_t)1024 * 1024)

static uint64_t
mib(uint64_t bytes)
{
	return bytes / MIB + (bytes % MIB != 0);
}

static enum storage_class
class_of(const char *name)
{
	static const char *const names[] = { "", "default", "beta1", "beta2", "beta3" };

	for (unsigned c = STORAGE_DEFAULT; c < STORAGE_CLASSES; c++)
		if (strcmp(names[c], name) == 0)
			return (enum storage_class)c;
	return STORAGE_DEFAULT; /* group_check() knows these four only */
}

static struct shape
shape_of(const struct group_service *s)
{
	const struct volume *v = s->volumes.items;
	struct shape shape = { .cpu_milli = s->resources.cpu_milli,
			       .gpus = s->resources.gpus,
			       .memory_mib = mib(s->resources.memory_bytes) };

	shape.storage_mib[STORAGE_EPHEMERAL] = mib(s->resources.storage_bytes);
	for (size_t i = 0; i < s->volumes.count; i++)
		shape.storage_mib[class_of(v[i].class)] += mib(v[i].bytes);
	return shape;
}

static void
add_copies(struct demand *d, const struct group_service *s, uint32_t count)
{
	struct shape one = shape_of(s);

	for (uint32_t i = 0; i < count; i++)
		d->copies[d->count++] = (struct demand_copy){ one, s };
	d->cpu_milli += (uint64_t)one.cpu_milli * count;
	d->memory_mib += one.memory_mib * count;
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		d->storage_mib[c] += one.storage_mib[c] * count;
	d->gpus += (uint64_t)one.gpus * count;
	d->endpoints += (uint64_t)s->resources.endpoints * count;
	d->egress_gib += (uint64_t)s->resources.egress_gib * count;
}

static int
compare_copies(const void *left, const void *right)
{
	const struct demand_copy *a = left, *b = right;

	if (a->need.cpu_milli != b->need.cpu_milli)
		return a->need.cpu_milli > b->need.cpu_milli ? -1 : 1;
	if (a->need.gpus != b->need.gpus)
		return a->need.gpus > b->need.gpus ? -1 : 1;
	if (a->need.memory_mib != b->need.memory_mib)
		return a->need.memory_mib > b->need.memory_mib ? -1 : 1;
	return strcmp(a->service->name, b->service->name);
}

void
demand_group(struct arena *a, const struct group *g, struct demand *out)
{
	const struct group_service *s = g->services.items;
	size_t copies = 0;

	*out = (struct demand){ .ips = g->ips };
	for (size_t i = 0; i < g->services.count; i++)
		copies += s[i].count;
	out->copies = arena_alloc(a, (copies + 1) * sizeof(*out->copies));
	for (size_t i = 0; i < g->services.count; i++)
		add_copies(out, &s[i], s[i].count);
	qsort(out->copies, out->count, sizeof(*out->copies), compare_copies);
}

void
demand_copy(struct arena *a, const struct group_service *s, struct demand *out)
{
	*out = (struct demand){ .copies = ARENA_NEW(a, struct demand_copy) };
	add_copies(out, s, 1);
}

bool
demand_takes_gpu(const struct demand *d, const char *model)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct json_strs *any = &d->copies[i].service->gpus;
		bool good = any->count == 0;

		if (d->copies[i].need.gpus == 0)
			continue;
		for (size_t k = 0; k < any->count && !good; k++)
			good = gpu_matches(any->items[k], model);
		if (!good)
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ */
/* Placing.                                                            */

static bool
holds(const struct demand_node *n, const struct shape *need, const char *model)
{
	if (need->cpu_milli > n->free.cpu_milli || need->memory_mib > n->free.memory_mib)
		return false;
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		if (need->storage_mib[c] > n->free.storage_mib[c])
			return false;
	if (need->gpus == 0)
		return true;
	return need->gpus <= n->free.gpus && model != NULL && strcmp(n->model, model) == 0;
}

static bool
node_before(const struct demand_node *a, const struct demand_node *b)
{
	bool a_gpu = a->model[0] != '\0', b_gpu = b->model[0] != '\0';

	if (a_gpu != b_gpu)
		return b_gpu;
	return a->free.cpu_milli < b->free.cpu_milli;
}

static void
take(struct demand_node *n, const struct shape *need)
{
	n->free.cpu_milli -= need->cpu_milli;
	n->free.memory_mib -= need->memory_mib;
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		n->free.storage_mib[c] -= need->storage_mib[c];
	n->free.gpus -= need->gpus;
}

bool
demand_place(const struct demand *d, struct demand_node *nodes, size_t count, const char *model,
	     uint32_t *used)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct shape *need = &d->copies[i].need;
		struct demand_node *best = NULL;

		for (size_t k = 0; k < count; k++)
			if (holds(&nodes[k], need, model) &&
			    (best == NULL || node_before(&nodes[k], best)))
				best = &nodes[k];
		if (best == NULL)
			return false;
		take(best, need);
		if (used != NULL)
			used[i] = (uint32_t)(best - nodes);
	}
	return true;
}

/* Apart, for what it has on its stack is cleared at each call. */
__attribute__((noinline)) static bool
several_fit(const struct demand *d, const struct demand_node *nodes, size_t count,
	    const char *model)
{
	struct demand_node few[64], *copy = few;
	bool fits;

	if (count > NELEMS(few))
		copy = xmalloc(count * sizeof(*copy));
	if (count > 0)
		memcpy(copy, nodes, count * sizeof(*copy));
	fits = demand_place(d, copy, count, model, NULL);
	if (copy != few)
		free(copy);
	return fits;
}

bool
demand_fits(const struct demand *d, const struct demand_node *nodes, size_t count,
	    const char *model)
{
	if (d->count != 1)
		return several_fit(d, nodes, count, model);
	/* The usual case takes nothing, so it copies nothing. */
	for (size_t k = 0; k < count; k++)
		if (holds(&nodes[k], &d->copies[0].need, model))
			return true;
	return false;
}
