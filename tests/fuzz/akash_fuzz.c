/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_fuzz.c - any bytes as a deployment file of Akash's. What is taken must
 * be JSON, hash to what is said, and be read alike a second time.
 *
 *	clang -fsanitize=fuzzer,address,undefined
 */
#include "deploy/akash.h"

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
check_taken(struct arena *a, const struct akash *in, const char *text, size_t len)
{
	struct akash again;
	struct hash h;
	struct json *root;
	struct err e = ERR_NONE;

	sha256(in->manifest_json, strlen(in->manifest_json), &h);
	must(hash_equal(&h, &in->hash), "the hash is of the manifest");
	/* Our reader of JSON takes no NUL. */
	if (strlen(in->manifest_json) < JSON_BYTES_MAX &&
	    strstr(in->manifest_json, "\\u0000") == NULL)
		must(json_parse(a, in->manifest_json, strlen(in->manifest_json), &root, &e) == 0,
		     "a manifest is JSON");
	if (strlen(in->groups_json) < JSON_BYTES_MAX && strstr(in->groups_json, "\\u0000") == NULL)
		must(json_parse(a, in->groups_json, strlen(in->groups_json), &root, &e) == 0,
		     "groups are JSON");
	must(akash_read(a, "fuzz.yaml", text, len, &again, &e) == 0 &&
		     strcmp(in->groups_json, again.groups_json) == 0,
	     "read again, it is the same");
}

/* What is imported passes the checks of what comes from the network. */
static void
check_import(struct arena *a, const struct akash *in)
{
	struct sdl sdl;
	struct err e = ERR_NONE;
	struct manifest m = { 0 };
	const char *text;

	if (akash_import(a, in, &sdl, &e) < 0) {
		must(sdl.finding_count > 0 && sdl.placement_count == 0, "it says why");
		return;
	}
	for (size_t i = 0; i < sdl.placement_count; i++) {
		must(group_check(&sdl.placements[i].group, &e) == 0, "group passes its check");
		text = json_encode(a, manifest_fields, &sdl.placements[i].manifest);
		must(json_decode(a, text, strlen(text), manifest_fields, &m, &e) == 0,
		     "manifest reads back");
		must(manifest_check(&m, &e) == 0, "manifest passes its check");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a;
	struct akash in;
	struct err e = ERR_NONE;
	char *text;
	int rc;

	arena_init(&a, 0);
	text = arena_strndup(&a, (const char *)data, len);
	rc = akash_read(&a, "fuzz.yaml", text, len, &in, &e);
	must((rc == 0) == (e.code == NULL), "an error exactly on failure");
	must(rc == 0 || in.group_count == 0, "nothing to deploy on failure");
	must(rc < 0 || in.finding_count == 0, "no findings in what is taken");
	for (size_t i = 0; i < in.finding_count; i++)
		must(*sdl_finding_text(&a, "fuzz.yaml", text, &in.findings[i]) != '\0',
		     "a finding has a text");
	if (rc == 0) {
		check_taken(&a, &in, text, len);
		check_import(&a, &in);
	}
	arena_release(&a);
	return 0;
}
