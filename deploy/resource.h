/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource.h - how much of a machine: what a service asks for, what a lease
 * reserves, what a provider has left. Pure.
 */
#ifndef GAVEL_RESOURCE_H
#define GAVEL_RESOURCE_H

#include "lib/json.h"

struct resources {
	uint32_t cpu_milli; /* thousandths of a CPU */
	uint64_t memory_bytes;
	uint64_t storage_bytes;	   /* of the ephemeral disk */
	uint64_t persistent_bytes; /* of volumes that outlive the container */
	uint32_t gpus;
	uint32_t endpoints;  /* ports open to the world */
	uint32_t egress_gib; /* to the world, in 30 days */
	uint32_t ips;	     /* addresses of its own; of a sum only */
};

/* {"cpu_milli":500,"memory_bytes":..,"storage_bytes":..,"gpus":0,"endpoints":1};
 * persistent_bytes, egress_gib and ips only where they are not zero. */
extern const struct json_field resources_fields[];

extern const struct code RESOURCES_SHORT;

bool resources_fit(const struct resources *need, const struct resources *free);
void resources_add(struct resources *sum, const struct resources *more);
/* Asserts that `less` fits. */
void resources_sub(struct resources *sum, const struct resources *less);
struct resources resources_times(const struct resources *one, uint32_t count);

#endif
