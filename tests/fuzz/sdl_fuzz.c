/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_fuzz.c - any bytes as a deployment file. What is accepted must pass the
 * checks of a group and a manifest from the network, and keep its hash on the
 * way there.
 *
 *	clang -fsanitize=fuzzer,address,undefined
 */
#include "deploy/sdl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void
check_placement(struct arena *a, const struct sdl_placement *p)
{
	struct group g = { 0 };
	struct manifest m = { 0 };
	struct err e = ERR_NONE;
	struct hash before, after;
	const char *text = json_encode(a, group_fields, &p->group);

	must(json_decode(a, text, strlen(text), group_fields, &g, &e) == 0, "group reads back");
	must(group_check(&g, &e) == 0, "group passes its check");
	before = group_hash(&p->group);
	after = group_hash(&g);
	must(hash_equal(&before, &after), "group keeps its hash");
	text = json_encode(a, manifest_fields, &p->manifest);
	must(json_decode(a, text, strlen(text), manifest_fields, &m, &e) == 0,
	     "manifest reads back");
	must(manifest_check(&m, &e) == 0, "manifest passes its check");
	after = manifest_hash(&m);
	must(hash_equal(&p->group.manifest, &after), "manifest keeps its hash");
	must(p->max_rate.nano > 0 && p->max_rate.nano <= RATE_MAX, "there is a price");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a;
	struct sdl sdl;
	struct err e = ERR_NONE;
	char *text;
	int rc;

	arena_init(&a, 0);
	text = arena_strndup(&a, (const char *)data, len);
	rc = sdl_read(&a, "fuzz.yaml", text, len, &sdl, &e);
	must((rc == 0) == (e.code == NULL), "an error exactly on failure");
	must(rc == 0 || sdl.placement_count == 0, "nothing to deploy on failure");
	for (size_t i = 0; i < sdl.finding_count; i++)
		must(*sdl_finding_text(&a, "fuzz.yaml", text, &sdl.findings[i]) != '\0',
		     "a finding has a text");
	for (size_t i = 0; i < sdl.placement_count; i++)
		check_placement(&a, &sdl.placements[i]);
	arena_release(&a);
	return 0;
}
