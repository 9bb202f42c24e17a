/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demand.h - what a group asks of machines: the copies that must each lie on one
 * node, and their sums, which are priced. And how copies are laid on nodes, which
 * everybody who checks an auction must do alike. Pure.
 *
 * Placing is first fit, the largest copy first: by vCPU, then GPUs, memory, name.
 * Nodes are tried in this order: those without GPUs, then the least vCPU left,
 * then as the offer lists them. So a single copy takes the best-fit node.
 */
#ifndef GAVEL_DEMAND_H
#define GAVEL_DEMAND_H

#include "deploy/group.h"

enum storage_class {
	STORAGE_EPHEMERAL,
	STORAGE_DEFAULT,
	STORAGE_BETA1,
	STORAGE_BETA2,
	STORAGE_BETA3,
	STORAGE_CLASSES
};

struct shape {
	uint32_t cpu_milli;
	uint32_t gpus;
	uint64_t memory_mib;
	uint64_t storage_mib[STORAGE_CLASSES];
};

struct demand_copy {
	struct shape need;
	const struct group_service *service;
};

struct demand {
	struct demand_copy *copies; /* in the order of placing; the arena's */
	size_t count;
	/* sums over the copies */
	uint64_t cpu_milli, memory_mib, storage_mib[STORAGE_CLASSES];
	uint64_t gpus, endpoints, egress_gib, ips;
};

/* The whole group, all copies together. */
void demand_group(struct arena *a, const struct group *g, struct demand *out);
/* One copy of one service, for groups that are spread; without the group's ips. */
void demand_copy(struct arena *a, const struct group_service *s, struct demand *out);
/* Whether the GPU model serves every copy that asks for GPUs. */
bool demand_takes_gpu(const struct demand *d, const char *model);

/* A node with what is free of it. */
struct demand_node {
	struct shape free;
	const char *model; /* of its GPUs; "" without */
};
/* Lay all copies on the nodes, GPUs of this model only (NULL: none asked for).
 * Takes from the nodes when it can; otherwise they may be left half taken.
 * used[i], unless NULL, is the node of copy i. */
bool demand_place(const struct demand *d, struct demand_node *nodes, size_t count,
		  const char *model, uint32_t *used) mustcheck;
/* demand_place() on a copy of the nodes. */
bool demand_fits(const struct demand *d, const struct demand_node *nodes, size_t count,
		 const char *model);

#endif
