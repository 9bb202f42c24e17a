/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl.c - how long the readers of deployment files take: every *.yaml and *.yml
 * below the directories, each the fastest of five times; refusals count as well.
 *
 *	sdl DIR...
 */
#include <fcntl.h>
#include <ftw.h>
#include <time.h>

#include "deploy/akash.h"
#include "deploy/sdl.h"

#define FILE_MAX ((size_t)1 << 20)
#define TRIES	 5

struct figure {
	const char *name;
	int (*read)(struct arena *a, const char *path, const char *text, size_t len);
	unsigned files, taken;
	double sum, max; /* us */
	char worst[256];
};

static int
by_sdl(struct arena *a, const char *path, const char *text, size_t len)
{
	struct err e = ERR_NONE;
	struct sdl sdl;

	return sdl_read(a, path, text, len, &sdl, &e);
}

static int
by_akash(struct arena *a, const char *path, const char *text, size_t len)
{
	struct err e = ERR_NONE;
	struct akash akash;

	return akash_read(a, path, text, len, &akash, &e);
}

static struct figure figures[] = { { .name = "sdl_read", .read = by_sdl },
				   { .name = "akash_read", .read = by_akash } };
static uint64_t bytes;

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
measure(struct figure *f, const char *path, const char *text, size_t len)
{
	double best = 0;
	bool taken = false;

	for (int i = 0; i < TRIES; i++) {
		struct arena a;
		double took = cpu_us();

		arena_init(&a, 0);
		taken = f->read(&a, path, text, len) == 0;
		arena_release(&a);
		took = cpu_us() - took;
		if (i == 0 || took < best)
			best = took;
	}
	f->files++;
	f->taken += taken;
	f->sum += best;
	if (best > f->max) {
		f->max = best;
		snprintf(f->worst, sizeof(f->worst), "%s", path);
	}
}

static int
file_found(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static char text[FILE_MAX + 1];
	const char *dot = strrchr(path, '.');
	size_t len;
	FILE *f;

	(void)st;
	(void)ftw;
	if (type != FTW_F || dot == NULL || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		return 0;
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	len = fread(text, 1, FILE_MAX, f);
	fclose(f);
	text[len] = '\0';
	bytes += len;
	for (size_t i = 0; i < NELEMS(figures); i++)
		measure(&figures[i], path, text, len);
	return 0;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		(void)!nftw(argv[i], file_found, 16, FTW_PHYS);
	if (figures[0].files == 0) {
		fprintf(stderr, "sdl: no files\n");
		return 1;
	}
	printf("| figure | value |\n| --- | --- |\n");
	printf("| files, mean size | %u, %llu bytes |\n", figures[0].files,
	       (unsigned long long)(bytes / figures[0].files));
	for (size_t i = 0; i < NELEMS(figures); i++)
		printf("| CPU of %s, mean and longest | %.0f us, %.0f us (%s) |\n"
		       "| of these files it takes | %u |\n",
		       figures[i].name, figures[i].sum / figures[i].files, figures[i].max,
		       strrchr(figures[i].worst, '/') + 1, figures[i].taken);
	return 0;
}
