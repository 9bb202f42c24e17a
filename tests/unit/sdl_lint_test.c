/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_lint_test.c - what is mended and how, what is not, and what is advised; and
 * for every file of $GAVEL_CORPUS (default ../shared/corpus) that mending never
 * makes it worse, and that nothing is left to mend the second time.
 */
#include "deploy/sdl_lint.h"

#include <ftw.h>

#include "lib/yaml.h"
#include "tap.h"

static struct arena arena;

#define TAIL                                                                                       \
	"profiles:\n  compute:\n    w:\n      resources:\n        cpu: {units: 1}\n"               \
	"        memory: {size: 64Mi}\n        storage: {size: 1Gi}\n"                             \
	"  placement:\n    eu:\n      pricing: {w: {per_hour: \"0.05\"}}\n"                        \
	"deployment:\n  web:\n    eu: {profile: w, count: 1}\n"

/* `before` in a file that is good but for it. */
static void
mend_is(const char *what, const char *before, const char *after)
{
	struct sdl_lint l;
	struct err e = ERR_NONE;
	const char *text = arena_printf(&arena, "%s" TAIL, before), *want = text;
	int rc = sdl_lint(&arena, "t.yaml", text, strlen(text), &l, &e);

	if (after != NULL)
		want = arena_printf(&arena, "%s" TAIL, after);
	is_int(rc, 0, what);
	is_str(l.fixed != NULL ? l.fixed : text, want, "  is mended as it should");
}

#define WEB "version: \"2.0\"\nservices:\n  web:\n    image: a/b:1\n"

static void
mended(void)
{
	mend_is("nothing to mend", WEB, NULL);
	mend_is("a missing version", "# c\nservices:\n  web:\n    image: a/b:1\n",
		"# c\nversion: \"2.0\"\nservices:\n  web:\n    image: a/b:1\n");
	mend_is("depends_on", WEB "    depends_on: # why\n      - db\n    # next\n    args: [a]\n",
		WEB "    # next\n    args: [a]\n");
	mend_is("depends-on on one line", WEB "    depends-on: [db]  # c\n", WEB);
	mend_is("dependencies", WEB "    dependencies:\n    - service: db\n", WEB);
	mend_is("in brackets it stays",
		"version: \"2.0\"\nservices: {web: {image: \"a/b:1\", depends_on: [db]}}\n", NULL);
	mend_is("cmd", WEB "    cmd: [\"a\"] # c\n", WEB "    command: [\"a\"] # c\n");
	mend_is("cmd beside command", WEB "    cmd: [a]\n    command: [b]\n", NULL);
	mend_is("env as a mapping",
		WEB "    env:\n      A: 1  # one\n      # two\n      B: 'x: y'\n      C:\n"
		    "      D: \"\"\n",
		WEB "    env:\n      - A=1  # one\n      # two\n      - \"B=x: y\"\n      - C\n"
		    "      - D=\n");
	mend_is("environment", WEB "    environment:\n      A: x\n", WEB "    env:\n      - A=x\n");
	mend_is("a variable with a colon", WEB "    env:\n      - A: x\n      - B=y\n",
		WEB "    env:\n      - A=x\n      - B=y\n");
	mend_is("a misspelt key", WEB "    exposee: []\n", WEB "    expose: []\n");
	mend_is("a misspelt key in quotes", WEB "    \"exposee\": []\n", WEB "    expose: []\n");
	mend_is("not when the right one is there", WEB "    arg: [a]\n    args: [b]\n", NULL);
	mend_is("a number in quotes", WEB "    expose:\n      - port: \"80\" # p\n",
		WEB "    expose:\n      - port: 80 # p\n");
	mend_is("not one that is none", WEB "    expose:\n      - port: \"http\"\n", NULL);
	mend_is("a truth in quotes",
		WEB "    expose:\n      - port: 80\n        to: [{global: 'true'}]\n",
		WEB "    expose:\n      - port: 80\n        to: [{global: true}]\n");
	mend_is("letters before it on the line",
		WEB "    env: [\"\xc3\xa9=1\"]\n    cmd: [a] # \xc3\xa9\n",
		WEB "    env: [\"\xc3\xa9=1\"]\n    command: [a] # \xc3\xa9\n");
}

static void
size_is(const char *given, const char *want)
{
	static const char form[] =
		WEB "profiles:\n  compute:\n    w:\n      resources:\n        cpu: {units: 1}\n"
		    "        memory: {size: %s}\n        storage: {size: 1Gi}\n";
	struct sdl_lint l;
	struct err e = ERR_NONE;
	char before[600], after[600];

	snprintf(before, sizeof(before), form, given);
	snprintf(after, sizeof(after), form, want != NULL ? want : given);
	is_int(sdl_lint(&arena, "t.yaml", before, strlen(before), &l, &e), 0, given);
	is_str(l.fixed != NULL ? l.fixed : before, after, "  is mended as it should");
}

static void
sizes(void)
{
	size_is("16GB", "16G");
	size_is("16Gb", "16G");
	size_is("1.5gb", "1.5G");
	size_is("512gi", "512Gi");
	size_is("512MIB", "512Mi");
	size_is("\"64Mib\"", "64Mi");
	size_is("8kib", "8Ki");
	size_is("512m", NULL); /* 1000 or 1024? */
	size_is("512K", NULL);
	size_is("lots", NULL);
	size_is("5GBs", NULL);
}

/* ------------------------------------------------------------------ */

static bool
advises(const char *text, unsigned line, const char *rule)
{
	struct sdl_lint l;
	struct err e = ERR_NONE;

	if (sdl_lint(&arena, "t.yaml", text, strlen(text), &l, &e) < 0)
		return false;
	for (size_t i = 0; i < l.advice_count; i++)
		if (l.advice[i].line == line && strstr(l.advice[i].rule, rule) != NULL)
			return true;
	return false;
}

static void
advice(void)
{
	struct sdl_lint l;
	struct err e = ERR_NONE;

	ok(advises(WEB TAIL, 4, "a tag can be moved"), "a tag");
	ok(advises(WEB "    expose: [{port: 80}]\n" TAIL, 3, "no health check"), "no health check");
	ok(!advises(WEB "    expose: [{port: 80}]\n" TAIL
			"x-gavel: {services: {web: {health: {tcp: 80}}}}\n",
		    3, "no health check"),
	   "a health check");
	ok(advises(WEB "    env: [DB_PASSWORD=x]\n" TAIL, 5, "secret"), "a secret");
	ok(!advises(WEB "    env: [DB_PASSWORD, A=token]\n" TAIL, 5, "secret"), "none");
	ok(advises(WEB "    dependencies: []\n" TAIL, 5, "no effect"), "a key without effect");
	ok(advises("services: {}\nprofiles: {placement: {eu: {pricing: {w: {denom: uakt, amount: "
		   "1}}}}}\n",
		   2, "a price a block"),
	   "a price in uakt");
	ok(sdl_lint(&arena, "t.yaml", "a: [", 4, &l, &e) < 0 && e.code == &YAML_SYNTAX,
	   "what is not YAML is an error");
}

/* ------------------------------------------------------------------ */

static unsigned files, worse, unstable, fixes;

static int
on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *dot = strrchr(path, '.');
	struct sdl_lint l, again;
	struct err e = ERR_NONE;
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
	if (sdl_lint(&arena, path, text, n, &l, &e) == 0) {
		files++;
		fixes += (unsigned)l.fixes;
		worse += l.left > l.finding_count;
		if (l.fixed != NULL &&
		    (sdl_lint(&arena, path, l.fixed, strlen(l.fixed), &again, &e) < 0 ||
		     again.fixed != NULL)) {
			printf("# %s\n", path);
			unstable++;
		}
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
	printf("# %u files, %u things mended\n", files, fixes);
	is_int(worse, 0, "none is worse than before");
	is_int(unstable, 0, "the second time there is nothing to mend");
}

int
main(void)
{
	arena_init(&arena, 0);
	mended();
	sizes();
	advice();
	corpus();
	arena_release(&arena);
	return tap_done();
}
