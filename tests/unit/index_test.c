/* SPDX-License-Identifier: Apache-2.0 */
/* What an order is of to the price index, and its reference price; the index itself
 * is in spot_test.c. */
#include "lease/index.h"

#include "tap.h"

#define GIB ((uint64_t)1024 * 1024 * 1024)

static struct arena arena;

static const char *const h100[] = { "nvidia/h100" }, *const a100[] = { "nvidia/a100" },
			 *const either[] = { "nvidia/h100", "nvidia/a100" };

/* A group of `count` services; GPUs of the models, none where it is NULL. */
static const char *
class_of(size_t count, const char *const *first, size_t first_count, const char *const *second)
{
	struct group_service s[2] = { { .count = 1 }, { .count = 1 } };
	struct group g = { .services = { s, count } };

	s[0].resources.gpus = first != NULL;
	s[0].gpus = (struct json_strs){ (const char **)(uintptr_t)first, first_count };
	s[1].resources.gpus = second != NULL;
	s[1].gpus = (struct json_strs){ (const char **)(uintptr_t)second, 1 };
	return arena_strdup(&arena, index_class(&g));
}

static void
test_class(void)
{
	is_str(class_of(1, NULL, 0, NULL), "cpu", "no GPU");
	is_str(class_of(1, h100, 1, NULL), "nvidia/h100", "one model");
	is_str(class_of(2, NULL, 0, h100), "nvidia/h100", "of the service that has it");
	is_str(class_of(2, h100, 1, h100), "nvidia/h100", "twice the same");
	is_str(class_of(2, h100, 1, a100), "gpu", "two models");
	is_str(class_of(1, either, 2, NULL), "gpu", "either of two");
	is_str(class_of(1, either, 0, NULL), "gpu", "any");
	is_str(class_of(0, NULL, 0, NULL), "cpu", "nothing at all");
}

static void
test_region(void)
{
	struct attribute a[] = { { "tier", "gold" }, { "region", "eu-west" } };
	struct group g = { .attributes = { a, 2 } };

	is_str(index_region(&g), "eu-west", "asked for");
	g.attributes.count = 1;
	is_str(index_region(&g), "", "not asked for");
}

static void
test_reference(void)
{
	struct rate_card vector = INDEX_VECTOR;
	struct gpu_price dear = { "nvidia/h100", { 7000 } };
	struct group_service s = { .count = 3, .resources = { .gpus = 2 } };
	struct group g = { .services = { &s, 1 } };
	struct index_machine m;

	vector.gpu.nano = 10;
	vector.gpus = (struct json_list){ &dear, 1 };
	s.gpus = (struct json_strs){ (const char **)(uintptr_t)h100, 1 };
	is_int((long long)index_reference(&arena, &vector, &g).nano, 6 * 7000, "six of that model");
	s.gpus = (struct json_strs){ (const char **)(uintptr_t)either, 2 };
	is_int((long long)index_reference(&arena, &vector, &g).nano, 6 * 10, "six of any");

	m = index_machine(&arena, &INDEX_VECTOR, "cpu");
	ok(m.reference.nano / 380517504 == 3 && m.reference.nano % 380517504 / 3805175 == 39,
	   "the machine is 3.40 tokens a month, less what unit prices round off");
	is_int((long long)index_price(&m, 1500000).nano, (long long)(m.reference.nano * 3 / 2),
	       "half as much again");
	m = index_machine(&arena, &vector, "nvidia/h100");
	is_int((long long)(m.reference.nano - index_machine(&arena, &vector, "gpu").reference.nano),
	       7000 - 10, "a machine has the GPU of its class");
	m.reference.nano = RATE_MAX;
	ok(index_price(&m, UINT64_MAX).nano <= RATE_MAX, "a vector beyond reason does not wrap");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_class();
	test_region();
	test_reference();
	arena_release(&arena);
	return tap_done();
}
