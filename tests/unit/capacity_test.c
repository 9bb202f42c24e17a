/* SPDX-License-Identifier: Apache-2.0 */
/* What may be sold, and what still fits: sums, classes, models. */
#include "provider/bid/capacity.h"
#include "tests/unit/tap.h"

#define GIB (UINT64_C(1) << 30)

static struct arena arena;

static struct volume_class classes[] = { { "beta2", NULL, 100 * GIB },
					 { "beta3", "/srv/nvme", 50 * GIB } };
static struct gpu gpus[] = { { "nvidia.com/gpu=0", "nvidia/a100/40Gi/pcie" },
			     { "nvidia.com/gpu=1", "nvidia/h100/80Gi/sxm" },
			     { "nvidia.com/gpu=2", "nvidia/a100/40Gi/pcie" },
			     { "nvidia.com/gpu=3", "nvidia/h100/80Gi/sxm" } };
static const struct json_list class_list = { classes, 2 }, gpu_list = { gpus, 4 }, no_list;
static const struct resources capacity = { .cpu_milli = 4000,
					   .memory_bytes = 8 * GIB,
					   .storage_bytes = 100 * GIB,
					   .persistent_bytes = 150 * GIB,
					   .gpus = 4,
					   .endpoints = 10 };

static void
test_capacity(void)
{
	struct inventory inv = { .cpu_milli = 8000,
				 .memory_bytes = 32 * GIB,
				 .storage_bytes = 200 * GIB,
				 .endpoints = 100,
				 .gpus = 4 };
	struct resources reserve = { .cpu_milli = 1000,
				     .memory_bytes = 2 * GIB,
				     .storage_bytes = 300 * GIB };
	struct overcommit over = { 15000, 10000, 10000 };
	struct resources most = capacity_of(&inv, &reserve, &over, &class_list), mine = most;
	struct err e = ERR_NONE;

	is_int(most.cpu_milli, 10500, "(8000 - 1000) * 1.5");
	ok(most.memory_bytes == 30 * GIB, "memory less the reserve");
	ok(most.storage_bytes == 0, "a reserve above what there is leaves nothing");
	ok(most.persistent_bytes == 150 * GIB, "volumes: the sum of the classes");
	is_int(capacity_check(&mine, &most, &e), 0, "all of it may be sold");
	mine.cpu_milli++;
	is_int(capacity_check(&mine, &most, &e), -1, "one thousandth more may not");
	ok(e.code == &CAPACITY_BAD && strstr(e.text, "cpu_milli is 10501") != NULL &&
		   strstr(e.text, "is 10500") != NULL,
	   "and it says both numbers: %s", e.text);
	over.cpu_bp = 10001;
	inv.cpu_milli = 1999;
	most = capacity_of(&inv, &reserve, &over, &no_list);
	is_int(most.cpu_milli, 999, "fractions are not sold");
}

static void
test_settings(void)
{
	static struct volume_class twice[] = { { "beta2", NULL, GIB }, { "beta2", NULL, GIB } };
	static struct volume_class other[] = { { "fast", NULL, GIB } };
	static struct volume_class empty[] = { { "beta1", NULL, 0 } };
	static struct gpu same[] = { { "a.b/c=0", "amd" }, { "a.b/c=0", "amd" } };
	static struct gpu name[] = { { "gpu0", "amd" } };
	static struct gpu model[] = { { "a.b/c=0", "/" } };
	const struct json_list classes_bad[] = { { twice, 2 }, { other, 1 }, { empty, 1 } };
	const struct json_list gpus_bad[] = { { same, 2 }, { name, 1 }, { model, 1 } };
	struct err e = ERR_NONE;

	is_int(machine_check(&class_list, &gpu_list, &e), 0, "good settings");
	for (size_t i = 0; i < 3; i++) {
		ok(machine_check(&classes_bad[i], &gpu_list, &e) < 0, "refused: %s", e.text);
		ok(machine_check(&class_list, &gpus_bad[i], &e) < 0, "refused: %s", e.text);
	}
}

/* One service, as the tests need it. */
static struct group_service service;
static struct volume volume;
static const char *model;

static struct group
group_of(uint32_t count, uint32_t gpu_count, const char *wanted, const char *class, uint64_t bytes)
{
	service = (struct group_service){ .name = "web",
					  .count = count,
					  .resources = { .cpu_milli = 500,
							 .memory_bytes = GIB,
							 .storage_bytes = GIB,
							 .persistent_bytes = bytes,
							 .gpus = gpu_count } };
	volume = (struct volume){ "data", bytes, class };
	model = wanted;
	if (class != NULL)
		service.volumes = (struct json_list){ &volume, 1 };
	if (wanted != NULL)
		service.gpus = (struct json_strs){ &model, 1 };
	return (struct group){ .name = "g", .services = { &service, 1 } };
}

static void
fits(const struct room *r, struct group g, const char *why, const char *what)
{
	struct json_strs devices;
	const char *got = room_fit(&arena, r, &g, &devices);

	ok((got == NULL) == (why == NULL) && (why == NULL || strcmp(got, why) == 0), "%s", what);
	if (got != why)
		printf("#   got %s\n", got != NULL ? got : "a place");
}

static void
test_fit(void)
{
	struct room r = room_of(&capacity, &class_list, &gpu_list);
	struct group g = group_of(8, 0, NULL, NULL, 0);
	struct json_strs devices, none = { NULL, 0 };

	fits(&r, g, NULL, "eight half CPUs fill four");
	fits(&r, group_of(9, 0, NULL, NULL, 0), "capacity", "nine do not");
	g = group_of(6, 0, NULL, NULL, 0);
	room_take_lease(&r, &g, &none);
	fits(&r, group_of(2, 0, NULL, NULL, 0), NULL, "beside six, two");
	fits(&r, group_of(3, 0, NULL, NULL, 0), "capacity", "beside six, not three");

	r = room_of(&capacity, &class_list, &gpu_list);
	g = group_of(6, 0, NULL, "beta3", GIB);
	room_take_paused(&r, &g);
	fits(&r, group_of(8, 0, NULL, NULL, 0), NULL, "one long paused leaves its CPUs");
	fits(&r, group_of(1, 0, NULL, "beta3", 44 * GIB), NULL, "and keeps its volumes");
	fits(&r, group_of(1, 0, NULL, "beta3", 45 * GIB), "capacity", "all of them");

	r = room_of(&capacity, &class_list, &gpu_list);
	fits(&r, group_of(1, 0, NULL, "beta3", 50 * GIB), NULL, "a volume of all of its class");
	fits(&r, group_of(1, 0, NULL, "beta3", 51 * GIB), "capacity",
	     "not more, though another class has it");
	fits(&r, group_of(2, 0, NULL, "beta3", 26 * GIB), "capacity", "copies count");
	fits(&r, group_of(1, 0, NULL, "beta1", GIB), "resources", "a class that is not offered");
	room_take_volume(&r, "beta3", 20 * GIB);
	fits(&r, group_of(1, 0, NULL, "beta3", 31 * GIB), "capacity", "kept volumes count");
	fits(&r, group_of(1, 0, NULL, "beta3", 30 * GIB), NULL, "beside them there is room");
	room_take_volume(&r, "beta3", 500 * GIB);
	fits(&r, group_of(1, 0, NULL, "beta3", GIB), "capacity",
	     "more than there is: nothing left");

	r = room_of(&capacity, &class_list, &gpu_list);
	g = group_of(1, 2, "nvidia/h100", NULL, 0);
	ok(room_fit(&arena, &r, &g, &devices) == NULL && devices.count == 2 &&
		   strcmp(devices.items[0], "nvidia.com/gpu=1") == 0 &&
		   strcmp(devices.items[1], "nvidia.com/gpu=3") == 0,
	   "two devices of the model");
	fits(&r, group_of(1, 3, "nvidia", NULL, 0), "resources",
	     "three of one model there are not");
	fits(&r, group_of(1, 1, "amd", NULL, 0), "resources", "nor of another vendor");
	fits(&r, group_of(2, 2, "nvidia", NULL, 0), NULL, "two copies: a pair of each model");
	fits(&r, group_of(2, 2, "nvidia/h100", NULL, 0), "resources", "not two pairs of one");
	g = group_of(1, 2, "nvidia/h100", NULL, 0);
	room_take_lease(&r, &g, &devices);
	fits(&r, group_of(1, 1, "nvidia/h100/80Gi", NULL, 0), "capacity",
	     "taken devices are taken");
	fits(&r, group_of(1, 1, NULL, NULL, 0), NULL, "any model will do");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_capacity();
	test_settings();
	test_fit();
	arena_release(&arena);
	return tap_done();
}
