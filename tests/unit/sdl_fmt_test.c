/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_fmt_test.c - formatting: the form itself, comments at their places, quotes
 * where they are needed; and for every file of $GAVEL_CORPUS (default
 * ../shared/corpus): it says the same, no comment is lost, and a second time
 * changes nothing.
 */
#include "deploy/sdl_format.h"

#include <ftw.h>

#include "lib/yaml_format.h"
#include "tap.h"

static struct arena arena;

static const char *
format(const char *text, struct err *e)
{
	const char *out;

	*e = (struct err)ERR_NONE;
	return sdl_format(&arena, "t.yaml", text, strlen(text), &out, e) == 0 ? out : NULL;
}

/* How it comes out, and that it stays so. */
static void
case_is(const char *what, const char *text, const char *want)
{
	struct err e;
	const char *out = format(text, &e);

	if (out == NULL)
		printf("# %s\n", e.text);
	is_str(out, want, what);
	is_str(out != NULL ? format(out, &e) : NULL, want, "  and again");
}

static void
form(void)
{
	case_is("keys in the order of the format, unknown ones last",
		"deployment: {}\nzzz: 1\nservices:\n    web:\n        env: [A=1]\n"
		"        image: 'nginx:1.27'\nversion: '2.0'\n",
		"version: \"2.0\"\nservices:\n  web:\n    image: nginx:1.27\n    env:\n"
		"      - A=1\ndeployment: {}\nzzz: 1\n");
	case_is("names stay in their order", "services: {web: {image: a}, db: {image: b}}\n",
		"services:\n  web:\n    image: a\n  db:\n    image: b\n");
	case_is("lists are indented",
		"services:\n  web:\n    args:\n    - a\n    - - b\n      - c\n",
		"services:\n  web:\n    args:\n      - a\n      - - b\n        - c\n");
	case_is("what is empty stays so", "services:\n  web:\n    env: []\n    expose:\n",
		"services:\n  web:\n    env: []\n    expose:\n");
	case_is("one empty line at most, none at the beginning of a section",
		"\n\nversion: a\n\n\n\nservices:\n\n  web:\n    image: a\n\n",
		"version: a\n\nservices:\n  web:\n    image: a\n");
	case_is("an entry without a value is no empty line",
		"args:\n  - to:\n      - a\n  -\nb: 1\n", "args:\n  - to:\n      - a\n  -\nb: 1\n");
	case_is("markers of documents go", "%YAML 1.2\n---\n# head\nversion: a\n...\n",
		"# head\nversion: a\n");
	case_is("lines that end with CR LF", "version: a # c\r\nservices:\r\n  web:\r\n",
		"version: a # c\nservices:\n  web:\n");
	case_is("with anchors keys stay", "services:\n  b: &x\n    image: a\n  a: *x\nversion: b\n",
		"services:\n  b: &x\n    image: a\n  a: *x\nversion: b\n");
	case_is("a merge", "services: {b: &x {image: a}, a: {<<: *x, env: [A=1]}}\n",
		"services:\n  b: &x\n    image: a\n  a:\n    <<: *x\n    env:\n      - A=1\n");
}

static void
comments(void)
{
	case_is("the file's, a key's, behind values, at ends",
		"# the file\n\n# versions\nversion: a   # behind\nservices: # all\n  # web\n  "
		"web:\n"
		"    image: a\n    # env: none\n  # db:\n  #   image: b\n# last\n",
		"# the file\n\n# versions\nversion: a # behind\nservices: # all\n  # web\n  web:\n"
		"    image: a\n    # env: none\n  # db:\n  #   image: b\n# last\n");
	case_is("they move with their key",
		"services:\n  web: # w\n    # the list\n    env:\n    # one\n    - A=1 # a\n"
		"    # two\n    - B=2\n    # end\n    # what runs\n    image: a # i\n",
		"services:\n  web: # w\n    # end\n    # what runs\n    image: a # i\n"
		"    # the list\n    env:\n      # one\n      - A=1 # a\n      # two\n      - "
		"B=2\n");
	case_is("in brackets",
		"services: {web: {args: [a, # one\n  # two\n  b # three\n  # four\n  ] # "
		"five\n  }}\n",
		"services:\n  web:\n    args: # five\n      - a # one\n      # two\n      - b # "
		"three\n"
		"      # four\n");
	case_is("behind a dash, and in an empty list",
		"services:\n  web:\n    expose:\n      - # first\n        port: 80 # p\n"
		"      - {port: 81} # second\n    env: [ # none\n      ]\n",
		"services:\n  web:\n    env: [] # none\n    expose:\n      # first\n"
		"      - port: 80 # p\n      # second\n      - port: 81\n");
	case_is("two behind one entry", "version: # one\n  a # two\n", "# one\nversion: a # two\n");
	case_is("a hash inside of a word is none", "version: a#b\nx-a: \"# no\"\n",
		"version: a#b\nx-a: \"# no\"\n");
}

static void
scalars(void)
{
	case_is("quotes only where they are needed",
		"a: 'plain'\nb: \"it's\"\nc: '1'\nd: 'true'\ne: ''\nf: 'a: b'\ng: '- x'\nh: '-x'\n"
		"i: 'null'\nj: \"a\\nb\"\nk: 'say \"x\"'\nl: '5432:5432'\nm: '*'\nn: \"\\u00e9\"\n",
		"a: plain\nb: it's\nc: \"1\"\nd: \"true\"\ne: \"\"\nf: \"a: b\"\ng: \"- x\"\nh: "
		"-x\n"
		"i: \"null\"\nj: \"a\\nb\"\nk: say \"x\"\nl: \"5432:5432\"\nm: \"*\"\nn: "
		"\xc3\xa9\n");
	case_is("both kinds of quotes", "a: '\"x\" y: z'\nb: \"\\\"x\\\" ''y'' : z\"\n",
		"a: '\"x\" y: z'\nb: \"\\\"x\\\" ''y'' : z\"\n");
	case_is("what stands without quotes stays", "a: 1\nb: 0x10\nc: ~\nd: yes\ne: 64Mi\n",
		"a: 1\nb: 0x10\nc: ~\nd: yes\ne: 64Mi\n");
	case_is("lines are joined as YAML joins them", "a: one\n  two\nb: \"x\n  y\"\n",
		"a: one two\nb: x y\n");
	case_is("| and its ends",
		"a: |\n      x\n        y\n\n      z\nb: |-\n   x\nc: |+\n   x\n\nd: |2\n    x\n",
		"a: |\n  x\n    y\n\n  z\nb: |-\n  x\nc: |+\n  x\n\nd: |2\n    x\n");
	case_is("> keeps its lines", "a: >-  # c\n     x\n     y\n\n     z\n\nb: 1\n",
		"a: >- # c\n  x\n  y\n\n  z\n\nb: 1\n");
	case_is("| in a list", "args:\n- |\n  x\n  y\n- sh\n",
		"args:\n  - |\n    x\n    y\n  - sh\n");
}

static void
refused(void)
{
	struct err e;

	ok(format("a: [\n", &e) == NULL && e.code == &YAML_SYNTAX, "what is not YAML");
	ok(format("a: 1\na: 2\n", &e) == NULL && e.code == &JSON_DUPLICATE, "a key twice");
	ok(format("", &e) == NULL && e.code == &YAML_SYNTAX, "nothing");
	ok(format("a: !!int 1\n", &e) == NULL && e.code == &YAML_SYNTAX, "tags");
}

static void
same_is(const char *a, const char *b, bool want)
{
	struct json *x = NULL, *y = NULL;
	struct err e = ERR_NONE;

	ok(yaml_parse(&arena, "a", a, strlen(a), 0, &x, &e) == 0 &&
		   yaml_parse(&arena, "b", b, strlen(b), 0, &y, &e) == 0 && yaml_same(x, y) == want,
	   "\"%s\" and \"%s\": %s", a, b, want ? "the same" : "not the same");
}

/* ------------------------------------------------------------------ */
/* The files of others.                                                */

static unsigned files, unlike, lost, unstable, refusals;

/* Every comment of the one stands in the other. */
static bool
comments_kept(const char *text, const char *out)
{
	for (const char *p = text; (p = strchr(p, '#')) != NULL; p++) {
		size_t len = strcspn(p, "\r\n");

		if (p > text && strchr(" \t\n", p[-1]) == NULL)
			continue;
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		if (strstr(out, arena_strndup(&arena, p, len)) == NULL) {
			printf("# lost: %.*s\n", (int)len, p);
			return false;
		}
		p += len - 1;
	}
	return true;
}

static int
on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *dot = strrchr(path, '.'), *out, *again;
	struct err e = ERR_NONE;
	struct json *root;
	char *text;
	size_t n;
	FILE *f;

	(void)st;
	(void)ftw;
	if (type != FTW_F || dot == NULL || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		return 0;
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	text = arena_alloc(&arena, YAML_BYTES_MAX + 2);
	n = fread(text, 1, YAML_BYTES_MAX + 1, f);
	fclose(f);
	if (yaml_parse(&arena, path, text, n, YAML_ALIASES, &root, &e) < 0)
		return 0; /* not YAML, or beyond our limits */
	files++;
	if (sdl_format(&arena, path, text, n, &out, &e) < 0) {
		refusals++;
		printf("# %s: %s\n", path, e.text);
		return 0;
	}
	if (!comments_kept(text, out)) {
		lost++;
		printf("# %s\n", path);
	}
	if (sdl_format(&arena, path, out, strlen(out), &again, &e) < 0) {
		unlike++;
		printf("# again: %s: %s\n", path, e.text);
	} else if (strcmp(out, again) != 0) {
		unstable++;
		printf("# unstable: %s\n", path);
	}
	arena_release(&arena);
	return 0;
}

static void
corpus(void)
{
	const char *folder = getenv("GAVEL_CORPUS");

	if (nftw(folder != NULL ? folder : "../shared/corpus", on_file, 16, FTW_PHYS) != 0 ||
	    files == 0) {
		printf("ok %u - skipped, no corpus\n", ++tap_count);
		return;
	}
	printf("# %u files\n", files);
	is_int(refusals, 0, "all can be formatted");
	is_int(unlike, 0, "all can be formatted again");
	is_int(lost, 0, "no comment is lost");
	is_int(unstable, 0, "the second time changes nothing");
}

int
main(void)
{
	arena_init(&arena, 0);
	form();
	comments();
	scalars();
	refused();
	same_is("{a: 1, b: 2}", "{b: 2, a: 1}", true);
	same_is("[1, 2]", "[2, 1]", false);
	same_is("{a: x}", "{a: 'x'}", true);
	same_is("{a: 1}", "{a: '1'}", false);
	same_is("{a: }", "{a: ''}", false);
	same_is("{a: 1}", "{a: 1, b: 2}", false);
	corpus();
	arena_release(&arena);
	return tap_done();
}
