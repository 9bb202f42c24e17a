/* SPDX-License-Identifier: Apache-2.0 */
/* group_test.c - groups that came over the network: every rule, the hash, and
 * whom a group's attributes match. */
#include "deploy/group.h"

#include "tap.h"

static struct arena arena;

#define SERVICE                                                                                    \
	"{\"name\":\"web\",\"count\":2,\"resources\":{\"cpu_milli\":250,\"memory_bytes\":"         \
	"67108864,"                                                                                \
	"\"storage_bytes\":67108864,\"gpus\":0,\"endpoints\":1}}"
#define HASH "0x00000000000000000000000000000000000000000000000000000000000000ab"

static const char good[] =
	"{\"name\":\"eu\",\"billing\":\"metered\",\"services\":[" SERVICE
	"],\"attributes\":[{\"key\":"
	"\"region\",\"value\":\"eu-west\"}],\"signed_by\":["
	"\"0x00000000000000000000000000000000000000aa\"],\"manifest\":\"" HASH "\"}";

/* The text with the first `from` replaced. */
static const char *
edited(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	if (at == NULL)
		fatal("the case edits nothing: %s", from);
	return arena_printf(&arena, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static int
check(const char *text, struct group *g, struct err *e)
{
	*g = (struct group){ 0 };
	if (json_decode(&arena, text, strlen(text), group_fields, g, e) < 0)
		return -1;
	return group_check(g, e);
}

static void
test_rules(void)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{ "\"eu\"", "\"EU\"", "a name is" },
		{ "\"eu\"", "\"\"", "a name is" },
		{ "\"eu\"", "\"eu-\"", "a name is" },
		{ "\"metered\"", "\"free\"", "billing is \"free\"" },
		{ "\"web\"", "\"we b\"", "a name is" },
		{ "[" SERVICE "]", "[]", "0 services" },
		{ "[" SERVICE "]", "[" SERVICE "," SERVICE "]", "stands twice" },
		{ "\"count\":2", "\"count\":0", "count is 0" },
		{ "\"count\":2", "\"count\":101", "too large" },
		{ ":250", ":9", "cpu_milli is 9" },
		{ ":250", ":384001", "cpu_milli is 384001" },
		{ "\"memory_bytes\":67108864", "\"memory_bytes\":0", "memory_bytes is 0" },
		{ "\"memory_bytes\":67108864", "\"memory_bytes\":18446744073709551615",
		  "memory_bytes is" },
		{ "\"storage_bytes\":67108864", "\"storage_bytes\":1", "storage_bytes is 1" },
		{ "\"gpus\":0", "\"gpus\":25", "gpus is 25" },
		{ "\"endpoints\":1", "\"endpoints\":33", "endpoints is 33" },
		{ "\"region\"", "\"re gion\"", "an attribute's key" },
		{ "\"region\"", "\"re\\ngion\"", "an attribute's key" },
		{ "\"eu-west\"", "\"\"", "an attribute's value" },
		{ "[{\"key\"", "[{\"key\":\"region\",\"value\":\"x\"},{\"key\"", "stands twice" },
		{ "0x00000000000000000000000000000000000000aa", "akash1xyz", "auditor 0" },
		{ "\"manifest\"", "\"accept\":\"auto\",\"manifest\"", "accept is \"auto\"" },
		{ HASH, "0x12", "/manifest" },
		{ "\"name\":\"eu\",", "", "/name" },
	};
	struct group g;
	struct err e = ERR_NONE;

	ok(check(good, &g, &e) == 0, "a good group: %s", e.text);
	for (size_t i = 0; i < NELEMS(cases); i++)
		if (!ok(check(edited(cases[i].from, cases[i].to), &g, &e) < 0 &&
				strstr(e.text, cases[i].want) != NULL,
			"refused: %s for %s", cases[i].want, cases[i].to))
			printf("#   got %s\n", e.text);
}

static void
test_sums(void)
{
	struct group_service services[16];
	struct group g;
	struct err e = ERR_NONE;
	char names[16][8];

	ok(check(good, &g, &e) == 0, "a good group");
	is_int(group_total(&g).cpu_milli, 500, "count times cpu");
	is_int(group_total(&g).endpoints, 2, "count times endpoints");
	is_int(group_billing(&g), BILLING_METERED, "billing");
	for (size_t i = 0; i < 16; i++) {
		snprintf(names[i], sizeof(names[i]), "s%zu", i);
		services[i] = (struct group_service){
			.name = names[i],
			.count = 100,
			.resources = { .cpu_milli = 384000,
				       .memory_bytes = UINT64_C(1) << 40,
				       .storage_bytes = UINT64_C(1) << 40,
				       .gpus = 24,
				       .endpoints = 1 },
		};
	}
	g.services = (struct json_list){ services, 16 };
	ok(group_check(&g, &e) < 0 && strstr(e.text, "cpu_milli in all") != NULL,
	   "the sum of cpu has a bound: %s", e.text);
	for (size_t i = 0; i < 16; i++)
		services[i].resources.cpu_milli = 1000;
	ok(group_check(&g, &e) < 0 && strstr(e.text, "memory in all") != NULL,
	   "the sum of memory too: %s", e.text);
	for (size_t i = 0; i < 16; i++)
		services[i].resources.memory_bytes = 1 << 30;
	ok(group_check(&g, &e) < 0 && strstr(e.text, "gpus in all") != NULL,
	   "the sum of gpus too: %s", e.text);
}

static void
test_hash(void)
{
	struct group g, back;
	struct err e = ERR_NONE;
	struct hash before, after;
	const char *text;

	ok(check(good, &g, &e) == 0, "a good group");
	text = json_encode(&arena, group_fields, &g);
	is_str(text, good, "the canonical text");
	before = group_hash(&g);
	ok(check(text, &back, &e) == 0, "read again");
	after = group_hash(&back);
	ok(hash_equal(&before, &after), "the same hash");
	ok(check(edited("\"count\":2", "\"count\":3"), &back, &e) == 0, "another count");
	after = group_hash(&back);
	ok(!hash_equal(&before, &after), "another hash");
}

static void
test_match(void)
{
	static struct attribute have[] = {
		{ "region", "eu-west" },
		{ "capabilities/gpu/vendor/nvidia/model/a100", "true" },
		{ "tier", "" },
	};
	static const struct json_list provider = { have, NELEMS(have) };
	static const struct {
		struct attribute wanted;
		bool matches;
	} cases[] = {
		{ { "region", "eu-west" }, true },
		{ { "region", "eu-east" }, false },
		{ { "region", "*" }, true },
		{ { "region", "eu-*" }, true },
		{ { "region", "us-*" }, false },
		{ { "regio", "eu-west" }, false },
		{ { "Region", "eu-west" }, false },
		{ { "host", "*" }, false },
		{ { "capabilities/gpu/vendor/nvidia/model/*", "true" }, true },
		{ { "capabilities/gpu/vendor/amd/model/*", "true" }, false },
		{ { "capabilities/gpu/vendor/nvidia/model/a100", "true" }, true },
		{ { "region", "eu-west-and-more" }, false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct attribute wanted = cases[i].wanted;
		struct group g = { .attributes = { &wanted, 1 } };
		const struct attribute *missing = group_mismatch(&g, &provider);

		ok((missing == NULL) == cases[i].matches && (missing == NULL || missing == &wanted),
		   "%s: %s is %s", wanted.key, wanted.value,
		   cases[i].matches ? "found" : "missing");
	}
	ok(group_mismatch(&(struct group){ 0 }, &provider) == NULL, "no wish is always met");
}

static void
test_gpu_models(void)
{
	static const struct {
		const char *wanted, *have;
		bool same;
	} cases[] = {
		{ "nvidia", "nvidia/h100/80Gi/sxm", true },
		{ "nvidia/h100", "nvidia/h100/80Gi/sxm", true },
		{ "nvidia/h100/sxm", "nvidia/h100/80Gi/sxm", true },
		{ "nvidia/80Gi", "nvidia/h100/80Gi/sxm", true },
		{ "nvidia/H100", "nvidia/h100", true },
		{ "nvidia/h100", "nvidia/h100x", false },
		{ "nvidia/h1", "nvidia/h100", false },
		{ "amd/h100", "nvidia/h100", false },
		{ "nvidia/h100/40Gi", "nvidia/h100/80Gi", false },
		{ "nvidia/h100/pcie", "nvidia/h100", false },
		{ "nvid", "nvidia/h100", false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++)
		ok(gpu_matches(cases[i].wanted, cases[i].have) == cases[i].same, "%s %s %s",
		   cases[i].wanted, cases[i].same ? "is" : "is not", cases[i].have);
}

static void
test_admits(void)
{
	const char *a = "0x00000000000000000000000000000000000000aA";
	const char *b = "0x00000000000000000000000000000000000000bb";
	struct group g = { .deny = { &a, 1 } };

	ok(!group_admits(&g, "0x00000000000000000000000000000000000000aa"), "denied, in any case");
	ok(group_admits(&g, b), "the others are not");
	g = (struct group){ .allow = { &a, 1 } };
	ok(group_admits(&g, a) && !group_admits(&g, b), "only who is allowed");
	g.deny = (struct json_strs){ &a, 1 };
	ok(!group_admits(&g, a), "a denial stands above it");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_rules();
	test_sums();
	test_hash();
	test_match();
	test_gpu_models();
	test_admits();
	arena_release(&arena);
	return tap_done();
}
