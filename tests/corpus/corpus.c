/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corpus.c - our reading of other people's deployment files against what Akash
 * makes of them.
 *
 *	corpus verdicts DIR [DEVIATIONS]   every VERDICTS.tsv one level below DIR
 *	corpus mutate N DIR...             N broken files, none of which may crash
 *	corpus show FILE                   hash, manifest, groups, findings
 */
#include "corpus.h"

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>
#include <time.h>

#include "../unit/tap.h"

#define IMPORTED_PERCENT_MIN 95u

bool
corpus_ok(bool passed, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ok(passed, "%s", text);
}

char *
corpus_file(struct arena *a, const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	char *text;

	if (f == NULL)
		return NULL;
	if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
		fclose(f);
		return NULL;
	}
	text = arena_alloc(a, (size_t)st.st_size + 1);
	*len = fread(text, 1, (size_t)st.st_size, f);
	fclose(f);
	return text;
}

double
corpus_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ------------------------------------------------------------------ */
/* Verdicts.                                                           */

struct run {
	struct arena arena; /* for all of it */
	const char *deviations;
	unsigned verdicts, hashes, deviating;
	unsigned imported, strict, alike; /* taken by akash_import(), by sdl_read(), by both */
	double slowest;
	const char *slowest_name;
};

/* Whether the list of deviations has a line "- `FILE`: ...". */
static bool
deviates(const struct run *r, const char *file)
{
	return r->deviations != NULL &&
	       strstr(r->deviations, arena_printf((struct arena *)&r->arena, "- `%s`:", file)) !=
		       NULL;
}

/* What cannot be leased here must stand in the list with a reason: "* `FILE`: ...". */
static void
refused_check(struct run *r, const char *file, const char *why)
{
	ok(r->deviations != NULL &&
		   strstr(r->deviations, arena_printf(&r->arena, "* `%s`: ", file)) != NULL,
	   "%s cannot be leased, as is written: %s", file, why);
}

/* What both of our readers make of a file must be the same order. */
static void
import_check(struct run *r, struct arena *a, const char *file, const char *text, size_t len,
	     const struct akash *in)
{
	struct sdl ours, theirs;
	struct err e = ERR_NONE, e2 = ERR_NONE;
	bool imported = akash_import(a, in, &theirs, &e) == 0;
	bool strict = sdl_read(a, file, text, len, &ours, &e2) == 0;
	bool same = imported && strict && ours.placement_count == theirs.placement_count;

	r->imported += imported;
	r->strict += strict;
	for (size_t i = 0; same && i < ours.placement_count; i++) {
		struct hash x = group_hash(&ours.placements[i].group);
		struct hash y = group_hash(&theirs.placements[i].group);

		same = hash_equal(&x, &y) &&
		       rate_cmp(ours.placements[i].max_rate, theirs.placements[i].max_rate) == 0;
	}
	r->alike += same;
	if (!imported)
		refused_check(r, file, e.text);
	if (strict && !same)
		ok(false, "%s: sdl_read() takes it, the import makes something else: %s", file,
		   imported ? "another group" : e.text);
}

static void
verdict_check(struct run *r, const char *dir, const char *file, const char *verdict,
	      const char *detail)
{
	struct arena a;
	struct akash in;
	struct err e = ERR_NONE;
	char hash[80] = "";
	const char *why;
	size_t len = 0;
	char *text;
	double ms = corpus_cpu_ms();
	int rc;
	bool same;

	arena_init(&a, 0);
	text = corpus_file(&a, arena_printf(&a, "%s/%s", dir, file), &len);
	if (text == NULL) {
		ok(false, "%s: there is no such file", file);
		arena_release(&a);
		return;
	}
	rc = akash_read(&a, file, text, len, &in, &e);
	ms = corpus_cpu_ms() - ms;
	if (ms > r->slowest) {
		r->slowest = ms;
		r->slowest_name = arena_strdup(&r->arena, file);
	}
	if (rc == 0) {
		hex_text(in.hash.b, sizeof(in.hash.b), hash);
		import_check(r, &a, file, text, len, &in);
	}
	same = (rc == 0) == (strcmp(verdict, "ok") == 0) &&
	       (rc != 0 || strcmp(hash + 2, detail) == 0);
	why = rc == 0 ? hash + 2 : e.text;
	if (deviates(r, file)) {
		r->deviating++;
		ok(!same, "%s deviates, as is written", file);
	} else if (!same) {
		ok(false, "%s: want %s %s, got %s %s", file, verdict, detail,
		   rc == 0 ? "ok" : "error", why);
	} else {
		r->verdicts++;
		r->hashes += rc == 0;
	}
	if (ms >= FILE_CPU_MS_MAX)
		ok(false, "%s took %.1f ms", file, ms);
	arena_release(&a);
}

static void
verdicts_file(struct run *r, const char *path)
{
	struct arena a;
	size_t len;
	char *text, *line, *rest = NULL, *dir, *verdict, *detail;
	bool first = true;

	arena_init(&a, 0);
	text = corpus_file(&a, path, &len);
	dir = arena_strndup(&a, path, (size_t)(strrchr(path, '/') - path));
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		verdict = strchr(line, '\t');
		detail = verdict != NULL ? strchr(verdict + 1, '\t') : NULL;
		if (!first && detail != NULL) {
			*verdict++ = '\0';
			*detail++ = '\0';
			verdict_check(r, dir, line, verdict, detail);
		}
		first = false;
	}
	arena_release(&a);
}

static int
verdicts(const char *corpus, const char *deviations)
{
	struct run r = { .slowest_name = "" };
	glob_t found;
	size_t len;

	arena_init(&r.arena, 0);
	if (deviations != NULL)
		r.deviations = corpus_file(&r.arena, deviations, &len);
	if (glob(arena_printf(&r.arena, "%s/*/VERDICTS.tsv", corpus), 0, NULL, &found) != 0) {
		ok(false, "no VERDICTS.tsv below %s", corpus);
		return tap_done();
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		verdicts_file(&r, found.gl_pathv[i]);
	globfree(&found);
	ok(r.verdicts > 0, "%u verdicts, %u hashes, %u deviations; slowest %.2f ms, %s", r.verdicts,
	   r.hashes, r.deviating, r.slowest, r.slowest_name);
	/* A reader that took nothing would have nothing to compare. */
	ok(r.imported * 100 >= r.hashes * IMPORTED_PERCENT_MIN, "at least %u%% can be leased here",
	   IMPORTED_PERCENT_MIN);
	ok(r.strict == r.alike, "of these %u can be leased here, %u by the strict reader, alike",
	   r.imported, r.strict);
	if (glob(arena_printf(&r.arena, "%s/*/*/*/output-fixtures/*/*", corpus), 0, NULL, &found) ==
	    0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			corpus_fixture(found.gl_pathv[i]);
		globfree(&found);
	}
	arena_release(&r.arena);
	return tap_done();
}

static int
show(const char *path)
{
	struct arena a;
	struct akash in;
	struct err e = ERR_NONE;
	size_t len = 0;
	char *text, hash[80];
	int rc;

	arena_init(&a, 0);
	text = corpus_file(&a, path, &len);
	if (text == NULL)
		return 1;
	rc = akash_read(&a, path, text, len, &in, &e);
	if (rc == 0)
		printf("%s\n%s\n%s\n", hex_text(in.hash.b, sizeof(in.hash.b), hash) + 2,
		       in.manifest_json, in.groups_json);
	else
		printf("%s\n", e.text);
	for (size_t i = 0; i < in.finding_count; i++)
		puts(sdl_finding_text(&a, path, text, &in.findings[i]));
	arena_release(&a);
	return rc != 0;
}

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "verdicts") == 0)
		return verdicts(argv[2], argc > 3 ? argv[3] : NULL);
	if (argc >= 4 && strcmp(argv[1], "mutate") == 0)
		return corpus_mutate(strtoul(argv[2], NULL, 10), argv + 3, argc - 3);
	if (argc == 3 && strcmp(argv[1], "show") == 0)
		return show(argv[2]);
	fputs("usage: corpus verdicts DIR [DEVIATIONS] | mutate N DIR... | show FILE\n", stderr);
	return 2;
}
