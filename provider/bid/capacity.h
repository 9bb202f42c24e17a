/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capacity.h - what a machine has, how much of that may be sold, and whether a
 * group still fits beside what is sold already. Pure; exact integers.
 *
 *	capacity = (inventory - reserve) * overcommit / 10000
 *
 * A room begins as the whole capacity. Each lease is taken out of it, those
 * accepted but not launched too, and each volume that is kept for a tenant; what
 * is left must hold the next group: its sums, each class of its volumes, and for
 * each copy that many free GPUs of one model.
 */
#ifndef GAVEL_CAPACITY_H
#define GAVEL_CAPACITY_H

#include "deploy/group.h"

#define CLASSES_MAX  4u	 /* default, beta1, beta2, beta3 */
#define MACHINE_GPUS 64u /* one bit each */

struct volume_class { /* of the settings */
	const char *class;
	const char *dir; /* NULL: below state_dir */
	uint64_t bytes;	 /* of this class, in all */
};

struct gpu {		    /* of the settings */
	const char *device; /* "nvidia.com/gpu=0" */
	const char *model;  /* "nvidia/h100/80Gi/sxm" */
};

struct overcommit { /* 10000: what there is */
	uint32_t cpu_bp, memory_bp, storage_bp;
};

struct inventory {
	uint32_t cpu_milli;
	uint64_t memory_bytes;
	uint64_t storage_bytes; /* of state_dir: free, and what its leases have */
	uint32_t endpoints;	/* ports of the settings */
	uint32_t gpus;
};

extern const struct json_field volume_class_fields[], gpu_fields[], overcommit_fields[];

extern const struct code CAPACITY_BAD;

/* Classes known, once each, with a size; devices once each, models well formed. */
int machine_check(const struct json_list *classes, const struct json_list *gpus,
		  struct err *e) mustcheck;
/* What may be sold. persistent_bytes is the sum of the classes. */
struct resources capacity_of(const struct inventory *inv, const struct resources *reserve,
			     const struct overcommit *over, const struct json_list *classes);
/* Whether the operator's own figures are at most that; says which is not, and
 * both numbers. */
int capacity_check(const struct resources *capacity, const struct resources *most,
		   struct err *e) mustcheck;

struct room {
	struct resources free;
	uint64_t class_bytes[CLASSES_MAX];  /* in the order of the settings */
	uint64_t gpus;			    /* a bit for each free device */
	const struct volume_class *classes; /* borrowed */
	size_t class_count;
	const struct gpu *devices; /* borrowed */
	size_t device_count;
};

struct room room_of(const struct resources *capacity, const struct json_list *classes,
		    const struct json_list *gpus);
/* The number of the class, or -1. */
int class_number(const struct volume_class *classes, size_t count, const char *class);
/* A volume that is kept; more than there is leaves nothing. */
void room_take_volume(struct room *r, const char *class, uint64_t bytes);
/* A lease that is there, whose devices were chosen: what exceeds the room, after
 * a change of the settings, leaves nothing. */
void room_take_lease(struct room *r, const struct group *g, const struct json_strs *devices);
/* One that has been paused for long: volumes, ports and addresses are still its own,
 * CPUs, memory, disk and devices may be sold. */
void room_take_paused(struct room *r, const struct group *g);
/* Choose `count` free devices of one model, any of `models` (none: of any
 * model), lowest numbers first, and take them. */
bool
room_take_gpus(struct room *r, const struct json_strs *models, uint32_t count, uint64_t *chosen);
/* NULL when the group fits: *devices then names the devices of its copies, in
 * the order of services and copies. Else "resources" when this machine never has
 * that, or "capacity" when it has not got it now. The room is as it was. */
const char *
room_fit(struct arena *a, const struct room *r, const struct group *g, struct json_strs *devices);
/* The same with just these models, one for each GPU: those of the bid. */
const char *room_fit_models(struct arena *a, const struct room *r, const struct group *g,
			    const struct json_strs *models, struct json_strs *devices);

#endif
