/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_fuzz.c - any bytes as JSON, as a group and as a manifest. What is read
 * must be written, and be the same when read again.
 *
 *	clang -fsanitize=fuzzer,address,undefined
 */
#include "deploy/group.h"
#include "deploy/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static const char *
node_text(struct arena *a, const struct json *node)
{
	struct jsonw *w = jsonw_new(false);
	const char *text;

	jsonw_node(w, node);
	text = arena_strdup(a, jsonw_text(w, NULL));
	jsonw_free(w);
	return text;
}

static void
check_tree(struct arena *a, const struct json *tree)
{
	struct json *again;
	struct err e = ERR_NONE;
	const char *text = node_text(a, tree);

	/* Escapes may make it longer than what is read. */
	if (strlen(text) > JSON_BYTES_MAX)
		return;
	must(json_parse(a, text, strlen(text), &again, &e) == 0, "what is written is JSON");
	must(strcmp(text, node_text(a, again)) == 0, "and says the same");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a;
	struct json *tree;
	struct err e = ERR_NONE;
	struct group g = { 0 }, g2 = { 0 };
	struct manifest m = { 0 };
	const char *text;
	struct hash x, y;

	arena_init(&a, 0);
	text = (const char *)data;
	if (json_parse(&a, text, len, &tree, &e) == 0)
		check_tree(&a, tree);
	if (json_decode(&a, text, len, manifest_fields, &m, &e) == 0 && manifest_check(&m, &e) == 0)
		(void)manifest_hash(&m);
	if (json_decode(&a, text, len, group_fields, &g, &e) == 0 && group_check(&g, &e) == 0) {
		text = json_encode(&a, group_fields, &g);
		must(json_decode(&a, text, strlen(text), group_fields, &g2, &e) == 0,
		     "a group reads back");
		x = group_hash(&g);
		y = group_hash(&g2);
		must(hash_equal(&x, &y), "a group keeps its hash");
	}
	arena_release(&a);
	return 0;
}
