/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_test.c - YAML to the tree of json.h: what is read, where it stood, and
 * what is refused with its place. */
#include "lib/yaml.h"

#include "tap.h"

static struct arena arena;

/* The tree as JSON, or the error's text after its code. */
static const char *
read_as(const char *text, size_t len, unsigned flags)
{
	struct err e = ERR_NONE;
	struct json *root = NULL;
	struct jsonw *w;
	const char *out;

	if (yaml_parse(&arena, "f", text, len, flags, &root, &e) < 0)
		return arena_printf(&arena, "%s %s", e.code->name, e.text);
	w = jsonw_new(false);
	jsonw_node(w, root);
	out = arena_strdup(&arena, jsonw_text(w, NULL));
	jsonw_free(w);
	return out;
}

static void
test_values(void)
{
	static const struct {
		const char *text;
		unsigned flags;
		const char *want;
	} cases[] = {
		{ "a: 1\nb: [x, 'y', \"z\"]\n", 0, "{\"a\":\"1\",\"b\":[\"x\",\"y\",\"z\"]}" },
		{ "a:\nb: ~\nc: null\nd: ''\ne: 'null'\n", 0,
		  "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"\",\"e\":\"null\"}" },
		{ "a: true\nb: 1.50\nc: 0x1F\nd: 007\ne: \"2\"\nf: 1e3\ng: yes\nh: -4\n",
		  YAML_TYPED,
		  "{\"a\":true,\"b\":1.50,\"c\":\"0x1F\",\"d\":\"007\",\"e\":\"2\",\"f\":1e3,"
		  "\"g\":\"yes\",\"h\":-4}" },
		{ "a: true\nb: 1.50\n", 0, "{\"a\":\"true\",\"b\":\"1.50\"}" },
		{ "a: &x {b: 1}\nc: *x\n", YAML_ALIASES,
		  "{\"a\":{\"b\":\"1\"},\"c\":{\"b\":\"1\"}}" },
		{ "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3\n", YAML_ALIASES,
		  "{\"a\":{\"b\":\"1\",\"c\":\"2\"},\"d\":{\"b\":\"3\",\"c\":\"2\"}}" },
		{ "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y]}\n", YAML_ALIASES,
		  "{\"a\":{\"b\":\"1\"},\"c\":{\"b\":\"2\",\"d\":\"3\"},\"e\":{\"b\":\"1\",\"d\":"
		  "\"3\"}}" },
		{ "- |\n  two\n  lines\n- >\n  fold\n  ed\n", 0,
		  "[\"two\\nlines\\n\",\"fold ed\\n\"]" },
		{ "just words", 0, "\"just words\"" },
		{ "---\na: b\n...\n", 0, "{\"a\":\"b\"}" },
		{ "a: \xc3\xbc\n", 0, "{\"a\":\"\xc3\xbc\"}" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++)
		is_str(read_as(cases[i].text, strlen(cases[i].text), cases[i].flags), cases[i].want,
		       cases[i].want);
}

static void
test_refusals(void)
{
	static const struct {
		const char *text;
		unsigned flags;
		const char *want; /* the beginning of it */
	} cases[] = {
		{ "", 0, "yaml_syntax f: there is nothing" },
		{ "# a comment\n", 0, "yaml_syntax f: there is nothing" },
		{ "a: b\na: c\n", 0, "field_duplicate f:2:1: key \"a\" stands twice" },
		{ "x:\n  a: &q b\n", 0, "yaml_syntax f:2:9: anchors" },
		{ "a: *q\n", 0, "yaml_syntax f:1:4: anchors" },
		{ "a: *q\n", YAML_ALIASES, "yaml_syntax f:1:4: the alias names nothing" },
		{ "a: &q [*q]\n", YAML_ALIASES, "yaml_syntax f:1:8: the alias names nothing" },
		{ "a: !!str b\n", 0, "yaml_syntax f:1:10: tags" },
		{ "a: !<tag:x> {b: c}\n", YAML_ALIASES, "yaml_syntax f:1:" },
		{ "? [a]\n: b\n", 0, "yaml_syntax f:1:3: a key must be" },
		{ "? {a: b}\n: b\n", 0, "yaml_syntax f:1:3: a key must be" },
		{ ": b\n", 0, "yaml_syntax f:1:1: a key is empty" },
		{ "a: b\n---\nc: d\n", 0, "yaml_syntax f:2:1: a second document" },
		{ "a: [b\n", 0, "yaml_syntax f:2:1: " },
		{ "a: b\n c: d: e\n", 0, "yaml_syntax f:1:" },
		{ "a:\n\t- b\n", 0, "yaml_syntax f:2:1: tab" },
		{ "a: \"\\0\"\n", 0, "yaml_syntax f:1:" },
		{ "a: \"\\ud800\"\n", 0, "yaml_syntax f:1:" },
		{ "a: b\nc: \xff\n", 0, "yaml_syntax f:2:4: byte 0xff" },
		{ "a: \xc0\xaf\n", 0, "yaml_syntax f:1:4: byte 0xc0" },
		{ "a: \xed\xa0\x80\n", 0, "yaml_syntax f:1:4: byte 0xed" },
		{ "a: {<<: 1}\n", YAML_ALIASES, "yaml_syntax f:1:9: << takes" },
		{ "[[[[[[[[[[[[[[[[[", 0, "too_big f:1:17: nested" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		const char *got = read_as(cases[i].text, strlen(cases[i].text), cases[i].flags);

		if (!ok(strncmp(got, cases[i].want, strlen(cases[i].want)) == 0, "refused: %s",
			cases[i].want))
			printf("#   got %s\n", got);
	}
	ok(strncmp(read_as("a: b\0c", 6, 0), "yaml_syntax f:1:5: byte 0x00", 28) == 0,
	   "a NUL is refused");
}

static void
test_limits(void)
{
	char *big = arena_alloc(&arena, YAML_BYTES_MAX + 2);
	size_t n;

	memset(big, 'a', YAML_BYTES_MAX + 1);
	ok(read_as(big, YAML_BYTES_MAX, 0)[0] == '"', "64 KiB are read");
	ok(strncmp(read_as(big, YAML_BYTES_MAX + 1, 0), "too_big", 7) == 0, "a byte more is not");
	for (n = 0; n < 4096; n++)
		memcpy(big + 4 * n, "- a\n", 4);
	ok(read_as(big, 4 * 4095, 0)[0] == '[', "4096 values are read");
	ok(strncmp(read_as(big, 4 * 4096, 0), "too_big", 7) == 0, "one more is not");

	/* Ten levels of ten would be 10^10 values. */
	n = (size_t)snprintf(big, YAML_BYTES_MAX, "a0: &a0 [x]\n");
	for (unsigned i = 1; i <= 10; i++)
		n += (size_t)snprintf(
			big + n, YAML_BYTES_MAX - n,
			"a%u: &a%u [*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u]\n", i, i,
			i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	ok(strncmp(read_as(big, n, YAML_ALIASES), "too_big", 7) == 0, "a billion laughs");

	n = (size_t)snprintf(big, YAML_BYTES_MAX, "a: &a '%0*d'\nb: [", 30000, 0);
	n += (size_t)snprintf(big + n, YAML_BYTES_MAX - n, "*a,*a,*a]\n");
	ok(strncmp(read_as(big, n, YAML_ALIASES), "too_big", 7) == 0, "one long text many times");
}

static void
test_places(void)
{
	struct err e = ERR_NONE;
	struct json *root, *a, *b;
	static const char text[] = "top:\n  \xc3\xbc: [one, \"two\"]\n";

	if (!ok(yaml_parse(&arena, "f", text, strlen(text), 0, &root, &e) == 0, "parse"))
		return;
	a = json_get(root, "top");
	b = a->first;
	is_int(a->name_line, 1, "line of a name");
	is_int(a->name_column, 1, "column of a name");
	is_int(b->name_line, 2, "line of a nested name");
	is_int(b->name_column, 3, "column of a nested name");
	is_int(b->first->column, 7, "columns count letters, not bytes");
	is_int(b->last->column, 12, "a quoted text begins at its quote");
	ok(b->last->quoted && !b->first->quoted, "quotes are told");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_values();
	test_refusals();
	test_limits();
	test_places();
	arena_release(&arena);
	return tap_done();
}
