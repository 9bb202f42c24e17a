/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums stop at the largest value: what overflows is more than any machine has,
 * and must never look like little.
 */
#include "resource.h"

#include <assert.h>

const struct code RESOURCES_SHORT = { "resources_short", UNAVAIL,
				      "there is not enough of the machine left" };

#define MAYBE (JSON_OPTIONAL | JSON_OMIT_EMPTY)

#define T struct resources
const struct json_field resources_fields[] = { JSON_U32(T, cpu_milli, 0, 0),
					       JSON_U64(T, memory_bytes, 0),
					       JSON_U64(T, storage_bytes, 0),
					       JSON_U64(T, persistent_bytes, MAYBE),
					       JSON_U32(T, gpus, 0, 0),
					       JSON_U32(T, endpoints, 0, 0),
					       JSON_U32(T, egress_gib, 0, MAYBE),
					       JSON_U32(T, ips, 0, MAYBE),
					       JSON_END };
#undef T

bool
resources_fit(const struct resources *need, const struct resources *free)
{
	return need->cpu_milli <= free->cpu_milli && need->memory_bytes <= free->memory_bytes &&
	       need->storage_bytes <= free->storage_bytes &&
	       need->persistent_bytes <= free->persistent_bytes && need->gpus <= free->gpus &&
	       need->endpoints <= free->endpoints && need->egress_gib <= free->egress_gib &&
	       need->ips <= free->ips;
}

static uint32_t
clamp32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint64_t
clamp64(u128 v)
{
	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

void
resources_add(struct resources *sum, const struct resources *more)
{
	sum->cpu_milli = clamp32((uint64_t)sum->cpu_milli + more->cpu_milli);
	sum->memory_bytes = clamp64((u128)sum->memory_bytes + more->memory_bytes);
	sum->storage_bytes = clamp64((u128)sum->storage_bytes + more->storage_bytes);
	sum->persistent_bytes = clamp64((u128)sum->persistent_bytes + more->persistent_bytes);
	sum->gpus = clamp32((uint64_t)sum->gpus + more->gpus);
	sum->endpoints = clamp32((uint64_t)sum->endpoints + more->endpoints);
	sum->egress_gib = clamp32((uint64_t)sum->egress_gib + more->egress_gib);
	sum->ips = clamp32((uint64_t)sum->ips + more->ips);
}

void
resources_sub(struct resources *sum, const struct resources *less)
{
	assert(resources_fit(less, sum));
	sum->cpu_milli -= less->cpu_milli;
	sum->memory_bytes -= less->memory_bytes;
	sum->storage_bytes -= less->storage_bytes;
	sum->persistent_bytes -= less->persistent_bytes;
	sum->gpus -= less->gpus;
	sum->endpoints -= less->endpoints;
	sum->egress_gib -= less->egress_gib;
	sum->ips -= less->ips;
}

struct resources
resources_times(const struct resources *one, uint32_t count)
{
	return (struct resources){
		.cpu_milli = clamp32((uint64_t)one->cpu_milli * count),
		.memory_bytes = clamp64((u128)one->memory_bytes * count),
		.storage_bytes = clamp64((u128)one->storage_bytes * count),
		.persistent_bytes = clamp64((u128)one->persistent_bytes * count),
		.gpus = clamp32((uint64_t)one->gpus * count),
		.endpoints = clamp32((uint64_t)one->endpoints * count),
		.egress_gib = clamp32((uint64_t)one->egress_gib * count),
		.ips = clamp32((uint64_t)one->ips * count),
	};
}
