/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate.c - broken deployment files, many of them: bytes flipped, lines
 * dropped, doubled and swapped, words of one file put into another. Neither
 * reader may crash, hang, or accept what it then cannot write down.
 */
#include "corpus.h"

#include <ftw.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_MAX  1000u
#define WORKERS	   2
#define MUTANT_MAX (256u * 1024u)

static struct {
	struct arena arena;
	const char *paths[FILES_MAX];
	char *texts[FILES_MAX];
	size_t lens[FILES_MAX];
	size_t count;
} files;

/* xorshift64*: the same mutants on every machine. */
static uint64_t seed;

static uint64_t
chance(uint64_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return n > 0 ? (seed * UINT64_C(0x2545f4914f6cdd1d) >> 16) % n : 0;
}

static int
on_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
	const char *dot = strrchr(path, '.');

	(void)where;
	if (type != FTW_F || dot == NULL || files.count == FILES_MAX || st->st_size > 60000)
		return 0;
	if (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0)
		return 0;
	files.texts[files.count] = corpus_file(&files.arena, path, &files.lens[files.count]);
	if (files.texts[files.count] != NULL)
		files.paths[files.count++] = arena_strdup(&files.arena, path);
	return 0;
}

/* The order in which a directory lists its files is not the same everywhere. */
static int
path_order(const void *a, const void *b)
{
	return strcmp(files.paths[*(const size_t *)a], files.paths[*(const size_t *)b]);
}

static size_t order[FILES_MAX];

/* ------------------------------------------------------------------ */
/* Mutations of text, a buffer of MUTANT_MAX.                          */

static void
splice(char *text, size_t *len, size_t at, size_t cut, const char *put, size_t put_len)
{
	if (*len - cut + put_len > MUTANT_MAX)
		return;
	memmove(text + at + put_len, text + at + cut, *len - at - cut);
	memcpy(text + at, put, put_len);
	*len = *len - cut + put_len;
}

static void
line_at(const char *text, size_t len, size_t at, size_t *begin, size_t *end)
{
	*begin = *end = at;
	while (*begin > 0 && text[*begin - 1] != '\n')
		--*begin;
	while (*end < len && text[*end] != '\n')
		++*end;
	*end += *end < len;
}

/* A word, without the space and the marks around it. */
static void
word_at(const char *text, size_t len, size_t at, size_t *begin, size_t *end)
{
	static const char marks[] = " \n\t:,[]{}\"'-&*";

	*begin = *end = at;
	while (*begin > 0 && strchr(marks, text[*begin - 1]) == NULL)
		--*begin;
	while (*end < len && strchr(marks, text[*end]) == NULL)
		++*end;
}

static const char *const words[] = {
	"null", "~",	"true",	      "off",	"0",	  "-1",	       "4294967296", "1e999",
	".inf", "0x10", "08",	      "1_0",	"80.5",	  "{}",	       "[]",	     "\"\"",
	"<<",	"*a",	"&a ",	      "!!str ", "!!int ", "!!binary ", "|\n",	     "\"\\0\"",
	"2.1",	"100m", "1Gi",	      "15GB",	"akash",  "version",   "services",   "udp",
	"80",	"ram",	"persistent", "--5",	"\t",
};

/* strndup() would stop at NUL. */
static char *
bytes_copy(const char *bytes, size_t len)
{
	return memcpy(xmalloc(len + 1), bytes, len);
}

static void
mutate_line(char *text, size_t *len)
{
	size_t b, e, b2, e2;
	char *copy;

	line_at(text, *len, chance(*len), &b, &e);
	line_at(text, *len, chance(*len), &b2, &e2);
	switch (chance(4)) {
	case 0: splice(text, len, b, e - b, "", 0); return;
	case 1:
		copy = bytes_copy(text + b, e - b);
		splice(text, len, b, 0, copy, e - b);
		break;
	case 2: /* the indentation of another depth */
		splice(text, len, b, 0, "      ", chance(5));
		return;
	default:
		copy = bytes_copy(text + b2, e2 - b2);
		splice(text, len, b, e - b, copy, e2 - b2);
		break;
	}
	free(copy);
}

static void
mutate_word(char *text, size_t *len)
{
	size_t b, e, b2, e2, other = chance(files.count);
	const char *word;

	word_at(text, *len, chance(*len), &b, &e);
	if (chance(2) == 0 || files.lens[other] == 0) {
		word = words[chance(NELEMS(words))];
		splice(text, len, b, e - b, word, strlen(word));
		return;
	}
	word_at(files.texts[other], files.lens[other], chance(files.lens[other]), &b2, &e2);
	splice(text, len, b, e - b, files.texts[other] + b2, e2 - b2);
}

static void
mutate_byte(char *text, size_t *len)
{
	static const char marks[] = ":-#[]{}\"'|>&*!%@`\n \t,?\\";
	size_t at = chance(*len);
	char c = chance(2) == 0 ? (char)chance(256) : marks[chance(sizeof(marks) - 1)];

	switch (chance(3)) {
	case 0: text[at] = (char)(text[at] ^ (1 << chance(8))); break;
	case 1: splice(text, len, at, 1, &c, 1); break;
	default: splice(text, len, at, 0, &c, 1); break;
	}
}

static void
mutate(char *text, size_t *len)
{
	for (uint64_t n = 1 + chance(4); n > 0 && *len > 0; n--) {
		switch (chance(3)) {
		case 0: mutate_line(text, len); break;
		case 1: mutate_word(text, len); break;
		default: mutate_byte(text, len); break;
		}
	}
}

/* ------------------------------------------------------------------ */
/* Workers.                                                            */

struct tally {
	unsigned long mutants, akash_ok, sdl_ok, slow, wrong;
	double slowest;
	unsigned long slowest_number;
};

/* An error exactly on failure, a text for each finding, JSON that is JSON. */
static bool
akash_sound(struct arena *a, const char *text, int rc, const struct akash *in, const struct err *e)
{
	struct json *root;
	struct err json_e = ERR_NONE;
	bool sound = (rc == 0) == (e->code == NULL) && (rc < 0 || in->finding_count == 0);

	for (size_t i = 0; i < in->finding_count; i++)
		sound &= *sdl_finding_text(a, "mutant", text, &in->findings[i]) != '\0';
	/* Our reader of JSON takes no NUL. */
	if (rc == 0 && strlen(in->manifest_json) < JSON_BYTES_MAX &&
	    strstr(in->manifest_json, "\\u0000") == NULL)
		sound &= json_parse(a, in->manifest_json, strlen(in->manifest_json), &root,
				    &json_e) == 0;
	return sound;
}

/* What is imported must pass the checks of what comes from the network. */
static bool
import_sound(struct arena *a, const struct akash *in)
{
	struct sdl sdl;
	struct err e = ERR_NONE;
	bool sound = true;

	if (akash_import(a, in, &sdl, &e) < 0)
		return sdl.finding_count > 0 && sdl.placement_count == 0;
	for (size_t i = 0; i < sdl.placement_count; i++)
		sound &= manifest_check(&sdl.placements[i].manifest, &e) == 0 &&
			 group_check(&sdl.placements[i].group, &e) == 0 &&
			 manifest_matches(&sdl.placements[i].manifest, &sdl.placements[i].group,
					  &e) == 0;
	return sound;
}

static void
mutant_run(struct tally *t, unsigned long number)
{
	static char buffer[MUTANT_MAX + 1];
	size_t file, len;
	struct arena a;
	struct akash in;
	struct sdl sdl;
	struct err e = ERR_NONE, e2 = ERR_NONE;
	double ms;
	int rc, rc2;

	seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
	(void)chance(1);
	file = order[chance(files.count)];
	len = files.lens[file];
	memcpy(buffer, files.texts[file], len);
	mutate(buffer, &len);
	buffer[len] = '\0';
	arena_init(&a, 0);
	ms = corpus_cpu_ms();
	rc = akash_read(&a, "mutant", buffer, len, &in, &e);
	rc2 = sdl_read(&a, "mutant", buffer, len, &sdl, &e2);
	ms = corpus_cpu_ms() - ms;
	if (!akash_sound(&a, buffer, rc, &in, &e) || (rc == 0 && !import_sound(&a, &in)) ||
	    (rc2 == 0) != (e2.code == NULL)) {
		printf("# mutant %lu, of %s, is not sound: %s %s\n%s\n", number, files.paths[file],
		       e.text, e2.text, buffer);
		t->wrong++;
	}
	if (ms >= 2 * FILE_CPU_MS_MAX) {
		printf("# mutant %lu, of %s, took %.1f ms\n", number, files.paths[file], ms);
		t->slow++;
	}
	if (ms > t->slowest) {
		t->slowest = ms;
		t->slowest_number = number;
	}
	t->mutants++;
	t->akash_ok += rc == 0;
	t->sdl_ok += rc2 == 0;
	arena_release(&a);
}

/* Every WORKERS-th mutant. The pipe takes the tally; a crash leaves none. */
static void
worker(int which, unsigned long count, int out)
{
	struct tally t = { 0 };

	for (unsigned long i = (unsigned long)which; i < count; i += WORKERS) {
		alarm(20); /* a hang is a crash too */
		mutant_run(&t, i);
	}
	fflush(stdout);
	if (write(out, &t, sizeof(t)) != (ssize_t)sizeof(t))
		_exit(1);
	_exit(0);
}

static bool
workers_run(unsigned long count, struct tally *sum)
{
	int fds[WORKERS][2], status;
	pid_t pids[WORKERS];
	bool good = true;

	fflush(stdout);
	for (int i = 0; i < WORKERS; i++) {
		if (pipe(fds[i]) != 0 || (pids[i] = fork()) < 0)
			return false;
		if (pids[i] == 0)
			worker(i, count, fds[i][1]);
		close(fds[i][1]);
	}
	for (int i = 0; i < WORKERS; i++) {
		struct tally t = { 0 };

		good &= read(fds[i][0], &t, sizeof(t)) == (ssize_t)sizeof(t);
		close(fds[i][0]);
		good &= waitpid(pids[i], &status, 0) == pids[i] && status == 0;
		sum->mutants += t.mutants;
		sum->akash_ok += t.akash_ok;
		sum->sdl_ok += t.sdl_ok;
		sum->slow += t.slow;
		sum->wrong += t.wrong;
		if (t.slowest > sum->slowest) {
			sum->slowest = t.slowest;
			sum->slowest_number = t.slowest_number;
		}
	}
	return good;
}

int
corpus_mutate(unsigned long count, char **dirs, int dir_count)
{
	struct tally t = { 0 };
	bool good;

	arena_init(&files.arena, 0);
	for (int i = 0; i < dir_count; i++)
		nftw(dirs[i], on_file, 8, FTW_PHYS);
	for (size_t i = 0; i < files.count; i++)
		order[i] = i;
	qsort(order, files.count, sizeof(*order), path_order);
	if (files.count == 0) {
		printf("not ok - there are no deployment files to mutate\n");
		return 1;
	}
	good = workers_run(count, &t) && t.mutants == count;
	printf("%sok - %lu mutants of %zu files, no crash\n", good ? "" : "not ", t.mutants,
	       files.count);
	printf("%sok - %lu of them unsound; Akash would take %lu, we %lu\n",
	       t.wrong == 0 ? "" : "not ", t.wrong, t.akash_ok, t.sdl_ok);
	printf("%sok - each reader within %.0f ms; slowest is %lu, both %.2f ms\n",
	       t.slow == 0 ? "" : "not ", FILE_CPU_MS_MAX, t.slowest_number, t.slowest);
	arena_release(&files.arena);
	return good && t.wrong == 0 && t.slow == 0 ? 0 : 1;
}
