/* SPDX-License-Identifier: Apache-2.0 */
/* resource_test.c - sums and comparisons of resources, at their edges. */
#include "deploy/resource.h"

#include "tap.h"

static const struct resources some = { .cpu_milli = 500,
				       .memory_bytes = 1 << 20,
				       .storage_bytes = 2 << 20,
				       .gpus = 1,
				       .endpoints = 2,
				       .persistent_bytes = 3,
				       .egress_gib = 4,
				       .ips = 5 };

static void
test_fit(void)
{
	static const struct {
		struct resources need;
		bool fits;
		const char *what;
	} cases[] = {
		{ { .cpu_milli = 500,
		    .memory_bytes = 1 << 20,
		    .storage_bytes = 2 << 20,
		    .gpus = 1,
		    .endpoints = 2 },
		  true,
		  "as much as there is" },
		{ { .persistent_bytes = 4 }, false, "too many volumes" },
		{ { .egress_gib = 5 }, false, "too much egress" },
		{ { .ips = 6 }, false, "too many addresses" },
		{ { .persistent_bytes = 3, .egress_gib = 4, .ips = 5 }, true, "exactly all" },
		{ { .cpu_milli = 0 }, true, "nothing" },
		{ { .cpu_milli = 501 }, false, "too much cpu" },
		{ { .memory_bytes = (1 << 20) + 1 }, false, "too much memory" },
		{ { .storage_bytes = (2 << 20) + 1 }, false, "too much storage" },
		{ { .gpus = 2 }, false, "too many gpus" },
		{ { .endpoints = 3 }, false, "too many endpoints" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++)
		ok(resources_fit(&cases[i].need, &some) == cases[i].fits, "%s", cases[i].what);
}

static void
test_sums(void)
{
	struct resources sum = some, three = resources_times(&some, 3);
	static const struct resources huge = { .cpu_milli = UINT32_MAX,
					       .memory_bytes = UINT64_MAX,
					       .storage_bytes = UINT64_MAX,
					       .gpus = UINT32_MAX,
					       .endpoints = UINT32_MAX,
					       .persistent_bytes = UINT64_MAX,
					       .egress_gib = UINT32_MAX,
					       .ips = UINT32_MAX };

	resources_add(&sum, &some);
	resources_add(&sum, &some);
	ok(memcmp(&sum, &three, sizeof(sum)) == 0, "three times is thrice added");
	resources_sub(&sum, &some);
	is_int(sum.cpu_milli, 1000, "and taken off again");
	is_int((long long)sum.storage_bytes, 4 << 20, "storage too");

	resources_add(&sum, &huge);
	ok(memcmp(&sum, &huge, sizeof(sum)) == 0, "sums stop at the largest");
	sum = resources_times(&huge, 100);
	ok(memcmp(&sum, &huge, sizeof(sum)) == 0, "products too");
	ok(!resources_fit(&sum, &some), "and what overflowed does not fit");
	sum = resources_times(&huge, 0);
	is_int((long long)sum.memory_bytes, 0, "no times is nothing");
}

static void
test_json(void)
{
	struct arena a;
	struct resources back = { 0 };
	struct err e = ERR_NONE;
	const char *text;

	arena_init(&a, 0);
	text = json_encode(&a, resources_fields, &some);
	is_str(text,
	       "{\"cpu_milli\":500,\"memory_bytes\":1048576,\"storage_bytes\":2097152,"
	       "\"persistent_bytes\":3,\"gpus\":1,\"endpoints\":2,\"egress_gib\":4,\"ips\":5}",
	       "canonical text");
	ok(json_decode(&a, text, strlen(text), resources_fields, &back, &e) == 0 &&
		   memcmp(&back, &some, sizeof(some)) == 0,
	   "and back");
	text = "{\"cpu_milli\":1,\"memory_bytes\":1,\"storage_bytes\":1,\"gpus\":0}";
	ok(json_decode(&a, text, strlen(text), resources_fields, &back, &e) < 0 &&
		   e.code == &JSON_MISSING,
	   "a missing member is refused");
	text = "{\"cpu_milli\":-1,\"memory_bytes\":1,\"storage_bytes\":1,\"gpus\":0,\"endpoints\":"
	       "0}";
	ok(json_decode(&a, text, strlen(text), resources_fields, &back, &e) < 0,
	   "a negative number is refused");
	arena_release(&a);
}

int
main(void)
{
	test_fit();
	test_sums();
	test_json();
	return tap_done();
}
