/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/capacity.h"

#include "deploy/cdi.h"
#include "deploy/rules.h"

const struct code CAPACITY_BAD = { "capacity_bad", INVALID,
				   "the settings sell more than this machine has" };

#define T struct volume_class
const struct json_field volume_class_fields[] = { JSON_STR(T, class, 16, 0),
						  JSON_STR(T, dir, 120, JSON_OPTIONAL),
						  JSON_U64(T, bytes, 0), JSON_END };
#undef T

#define T struct gpu
const struct json_field gpu_fields[] = { JSON_STR(T, device, 192, 0), JSON_STR(T, model, 128, 0),
					 JSON_END };
#undef T

#define T struct overcommit
const struct json_field overcommit_fields[] = { JSON_U32(T, cpu_bp, 1000000, JSON_OPTIONAL),
						JSON_U32(T, memory_bp, 1000000, JSON_OPTIONAL),
						JSON_U32(T, storage_bp, 1000000, JSON_OPTIONAL),
						JSON_END };
#undef T

/* ------------------------------------------------------------------ */
/* The settings.                                                       */

static const char *
class_fault(const struct volume_class *classes, size_t i)
{
	static const char *const known[] = { "default", "beta1", "beta2", "beta3" };
	size_t k = 0;

	while (k < NELEMS(known) && strcmp(known[k], classes[i].class) != 0)
		k++;
	if (k == NELEMS(known))
		return "a class is default, beta1, beta2 or beta3";
	for (k = 0; k < i; k++)
		if (strcmp(classes[k].class, classes[i].class) == 0)
			return "a class stands twice";
	return classes[i].bytes < STORAGE_BYTES_MIN ? "a class has a size" : NULL;
}

static const char *
gpu_fault(const struct gpu *gpus, size_t i)
{
	const char *fault = cdi_name_fault(gpus[i].device);

	for (size_t k = 0; k < i && fault == NULL; k++)
		if (strcmp(gpus[k].device, gpus[i].device) == 0)
			fault = "a device stands twice";
	return fault != NULL ? fault : rule_gpu(gpus[i].model);
}

int
machine_check(const struct json_list *classes, const struct json_list *gpus, struct err *e)
{
	const char *fault = NULL;

	for (size_t i = 0; i < classes->count && fault == NULL; i++)
		fault = class_fault(classes->items, i);
	if (fault != NULL)
		return err_field(e, &ERR_CONFIG, "/volumes", "volumes: %s", fault);
	for (size_t i = 0; i < gpus->count && fault == NULL; i++)
		fault = gpu_fault(gpus->items, i);
	return fault != NULL ? err_field(e, &ERR_CONFIG, "/gpus", "gpus: %s", fault) : 0;
}

/* ------------------------------------------------------------------ */
/* What may be sold.                                                   */

static uint64_t
sold(uint64_t have, uint64_t reserve, uint32_t bp)
{
	u128 v = have > reserve ? (u128)(have - reserve) * bp / 10000 : 0;

	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

struct resources
capacity_of(const struct inventory *inv, const struct resources *reserve,
	    const struct overcommit *over, const struct json_list *classes)
{
	const struct volume_class *c = classes->items;
	struct resources most = {
		.cpu_milli = (uint32_t)MIN(sold(inv->cpu_milli, reserve->cpu_milli, over->cpu_bp),
					   (uint64_t)UINT32_MAX),
		.memory_bytes = sold(inv->memory_bytes, reserve->memory_bytes, over->memory_bp),
		.storage_bytes = sold(inv->storage_bytes, reserve->storage_bytes, over->storage_bp),
		.gpus = inv->gpus,
		.endpoints = inv->endpoints,
		.egress_gib = UINT32_MAX, /* a matter of the line, not of the machine */
	};

	for (size_t i = 0; i < classes->count; i++) {
		struct resources one = { .persistent_bytes = c[i].bytes };

		resources_add(&most, &one);
	}
	return most;
}

int
capacity_check(const struct resources *capacity, const struct resources *most, struct err *e)
{
	const struct {
		const char *name;
		uint64_t wanted, most;
	} rows[] = {
		{ "cpu_milli", capacity->cpu_milli, most->cpu_milli },
		{ "memory_bytes", capacity->memory_bytes, most->memory_bytes },
		{ "storage_bytes", capacity->storage_bytes, most->storage_bytes },
		{ "persistent_bytes", capacity->persistent_bytes, most->persistent_bytes },
		{ "gpus", capacity->gpus, most->gpus },
		{ "endpoints", capacity->endpoints, most->endpoints },
	};

	for (size_t i = 0; i < NELEMS(rows); i++)
		if (rows[i].wanted > rows[i].most)
			return err_field(
				e, &CAPACITY_BAD, "/capacity",
				"capacity: %s is %llu, but the inventory less the reserve, "
				"times overcommit, is %llu",
				rows[i].name, (unsigned long long)rows[i].wanted,
				(unsigned long long)rows[i].most);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Packing.                                                            */

struct room
room_of(const struct resources *capacity, const struct json_list *classes,
	const struct json_list *gpus)
{
	struct room r = { .free = *capacity,
			  .classes = classes->items,
			  .class_count = MIN(classes->count, (size_t)CLASSES_MAX),
			  .devices = gpus->items,
			  .device_count = MIN(gpus->count, (size_t)MACHINE_GPUS) };

	for (size_t i = 0; i < r.class_count; i++)
		r.class_bytes[i] = r.classes[i].bytes;
	for (size_t i = 0; i < r.device_count; i++)
		r.gpus |= UINT64_C(1) << i;
	return r;
}

int
class_number(const struct volume_class *classes, size_t count, const char *class)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(classes[i].class, class) == 0)
			return (int)i;
	return -1;
}

/* What is asked for of the room, as far as it is there. */
static struct resources
at_most(const struct resources *asked, const struct resources *free)
{
	return (struct resources){
		.cpu_milli = MIN(asked->cpu_milli, free->cpu_milli),
		.memory_bytes = MIN(asked->memory_bytes, free->memory_bytes),
		.storage_bytes = MIN(asked->storage_bytes, free->storage_bytes),
		.persistent_bytes = MIN(asked->persistent_bytes, free->persistent_bytes),
		.gpus = MIN(asked->gpus, free->gpus),
		.endpoints = MIN(asked->endpoints, free->endpoints),
		.egress_gib = MIN(asked->egress_gib, free->egress_gib),
		.ips = MIN(asked->ips, free->ips),
	};
}

static void
room_sub(struct room *r, const struct resources *asked)
{
	struct resources less = at_most(asked, &r->free);

	resources_sub(&r->free, &less);
}

static void
class_sub(struct room *r, const char *class, uint64_t bytes)
{
	int n = class_number(r->classes, r->class_count, class);

	if (n >= 0)
		r->class_bytes[n] -= MIN(bytes, r->class_bytes[n]);
}

void
room_take_volume(struct room *r, const char *class, uint64_t bytes)
{
	struct resources asked = { .persistent_bytes = bytes };

	room_sub(r, &asked);
	class_sub(r, class, bytes);
}

static uint64_t
times(uint64_t bytes, uint32_t count)
{
	u128 v = (u128)bytes * count;

	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

static void
take_volumes(struct room *r, const struct group *g)
{
	const struct group_service *s = g->services.items;

	for (size_t i = 0; i < g->services.count; i++)
		for (size_t v = 0; v < s[i].volumes.count; v++) {
			const struct volume *volume = (const struct volume *)s[i].volumes.items + v;

			class_sub(r, volume->class, times(volume->bytes, s[i].count));
		}
}

void
room_take_paused(struct room *r, const struct group *g)
{
	struct resources total = group_total(g);

	total.cpu_milli = total.gpus = 0;
	total.memory_bytes = total.storage_bytes = 0;
	room_sub(r, &total);
	take_volumes(r, g);
}

void
room_take_lease(struct room *r, const struct group *g, const struct json_strs *devices)
{
	struct resources total = group_total(g);

	room_sub(r, &total);
	take_volumes(r, g);
	for (size_t i = 0; i < devices->count; i++)
		for (size_t d = 0; d < r->device_count; d++)
			if (strcmp(r->devices[d].device, devices->items[i]) == 0)
				r->gpus &= ~(UINT64_C(1) << d);
}

static bool
model_will_do(const struct json_strs *models, const char *have)
{
	for (size_t i = 0; i < models->count; i++)
		if (gpu_matches(models->items[i], have))
			return true;
	return models->count == 0;
}

/* Free devices of the model of device `first`, from there on. */
static uint64_t
same_model(const struct room *r, size_t first, uint32_t count)
{
	uint64_t found = 0;

	for (size_t d = first; d < r->device_count && count > 0; d++)
		if ((r->gpus >> d & 1) != 0 &&
		    strcmp(r->devices[d].model, r->devices[first].model) == 0) {
			found |= UINT64_C(1) << d;
			count--;
		}
	return count == 0 ? found : 0;
}

bool
room_take_gpus(struct room *r, const struct json_strs *models, uint32_t count, uint64_t *chosen)
{
	*chosen = 0;
	if (count == 0)
		return true;
	for (size_t d = 0; d < r->device_count && *chosen == 0; d++)
		if ((r->gpus >> d & 1) != 0 && model_will_do(models, r->devices[d].model))
			*chosen = same_model(r, d, count);
	r->gpus &= ~*chosen;
	return *chosen != 0;
}

/* Whether an empty machine of these settings could run it. */
static bool
could_ever(const struct room *r, const struct group *g)
{
	struct room empty = *r;
	const struct group_service *s = g->services.items;
	uint64_t chosen;

	for (size_t i = 0; i < r->device_count; i++)
		empty.gpus |= UINT64_C(1) << i;
	for (size_t i = 0; i < g->services.count; i++) {
		for (uint32_t copy = 0; copy < s[i].count && s[i].resources.gpus > 0; copy++)
			if (!room_take_gpus(&empty, &s[i].gpus, s[i].resources.gpus, &chosen))
				return false;
		for (size_t v = 0; v < s[i].volumes.count; v++)
			if (class_number(r->classes, r->class_count,
					 ((const struct volume *)s[i].volumes.items)[v].class) < 0)
				return false;
	}
	return true;
}

static bool
volumes_fit(struct room *left, const struct group_service *s)
{
	const struct volume *v = s->volumes.items;

	for (size_t i = 0; i < s->volumes.count; i++) {
		int n = class_number(left->classes, left->class_count, v[i].class);
		uint64_t bytes = times(v[i].bytes, s->count);

		if (n < 0 || left->class_bytes[n] < bytes)
			return false;
		left->class_bytes[n] -= bytes;
	}
	return true;
}

/* Lowest free devices of just that model. */
static uint64_t
take_model(struct room *r, const char *model, uint32_t count)
{
	uint64_t chosen = 0;

	for (size_t d = 0; d < r->device_count && chosen == 0; d++)
		if ((r->gpus >> d & 1) != 0 && strcmp(r->devices[d].model, model) == 0)
			chosen = same_model(r, d, count);
	r->gpus &= ~chosen;
	return chosen;
}

static void
name_devices(struct arena *a, const struct room *r, uint64_t chosen, struct json_strs *devices)
{
	for (size_t d = 0; d < r->device_count; d++)
		if ((chosen >> d & 1) != 0) {
			devices->items = arena_grow(a, devices->items, devices->count,
						    sizeof(*devices->items));
			devices->items[devices->count++] = r->devices[d].device;
		}
}

/* models NULL: any that will do. */
static const char *
fit(struct arena *a, const struct room *r, const struct group *g, const struct json_strs *models,
    struct json_strs *devices)
{
	const struct group_service *s = g->services.items;
	struct resources total = group_total(g);
	struct room left = *r;
	size_t gpu = 0;

	*devices = (struct json_strs){ NULL, 0 };
	if (!could_ever(r, g))
		return "resources";
	if (!resources_fit(&total, &left.free))
		return "capacity";
	for (size_t i = 0; i < g->services.count; i++) {
		if (!volumes_fit(&left, &s[i]))
			return "capacity";
		for (uint32_t copy = 0; copy < s[i].count && s[i].resources.gpus > 0; copy++) {
			uint32_t count = s[i].resources.gpus;
			uint64_t chosen = 0;

			if (models == NULL)
				(void)room_take_gpus(&left, &s[i].gpus, count, &chosen);
			else if (gpu < models->count)
				chosen = take_model(&left, models->items[gpu], count);
			if (chosen == 0)
				return "capacity";
			name_devices(a, r, chosen, devices);
			gpu += count;
		}
	}
	return NULL;
}

const char *
room_fit(struct arena *a, const struct room *r, const struct group *g, struct json_strs *devices)
{
	return fit(a, r, g, NULL, devices);
}

const char *
room_fit_models(struct arena *a, const struct room *r, const struct group *g,
		const struct json_strs *models, struct json_strs *devices)
{
	return fit(a, r, g, models, devices);
}
