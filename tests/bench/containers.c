/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.c - what the jail adds to the runtime: starts cold and warm, many at
 * once, memory and metering of a hundred. Each figure beside its baseline in the
 * same run, the two interleaved. Started by containers.sh, which keeps two of
 * the kind apart; nothing of this is a test.
 *
 *	containers [N [MANY [IDLE]]]   N starts (20), MANY at once (50), IDLE (100)
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "provider/jail/cgroup.h"
#include "provider/jail/runc.h"
#include "tests/bench/jail.h"

#define RUNS_MAX    200u
#define STAT_ROUNDS 20u

static struct bench bench;

static double
ratio(int64_t a, int64_t b)
{
	return (double)a / (double)b;
}

/* ------------------------------------------------------------------ */
/* One at a time.                                                      */

static void
starts_warm(size_t n)
{
	static int64_t create[RUNS_MAX], start[RUNS_MAX], answer[RUNS_MAX], all[RUNS_MAX],
		bare[RUNS_MAX], destroy[RUNS_MAX];

	bench_unpack(&bench);
	for (size_t i = 0; i < n; i++) {
		mono_t t0, t1, t2, t3;

		bare[i] = bench_bare_run(&bench);
		t0 = clock_mono();
		bench_create(&bench, 0);
		t1 = clock_mono();
		bench_start(&bench, 0);
		t2 = clock_mono();
		bench_answer(&bench, 0);
		t3 = clock_mono();
		bench_destroy(&bench, 0);
		destroy[i] = clock_mono() - t3;
		create[i] = t1 - t0;
		start[i] = t2 - t1;
		answer[i] = t3 - t2;
		all[i] = t3 - t0;
	}
	printf("| bare `runc run` until its process speaks | %s | 1.00 |\n",
	       bench_spread(&bench, bare, n));
	printf("| warm: CREATE, START, port answers | %s | %.2f |\n", bench_spread(&bench, all, n),
	       ratio(bench_median(all, n), bench_median(bare, n)));
	printf("| of it CREATE | %s | %.2f |\n", bench_spread(&bench, create, n),
	       ratio(bench_median(create, n), bench_median(bare, n)));
	printf("| of it START | %s | %.2f |\n", bench_spread(&bench, start, n),
	       ratio(bench_median(start, n), bench_median(bare, n)));
	printf("| of it until the port answers | %s | |\n", bench_spread(&bench, answer, n));
	printf("| DESTROY of the running container | %s | %.2f |\n",
	       bench_spread(&bench, destroy, n),
	       ratio(bench_median(destroy, n), bench_median(bare, n)));
}

static void
starts_cold(size_t n)
{
	static int64_t cold[RUNS_MAX], unpack[RUNS_MAX], umoci[RUNS_MAX];
	const char *by_umoci = arena_printf(&bench.arena, "umoci unpack --image %s:image %s.cold",
					    bench.oci, bench.oci);
	const char *gone = arena_printf(&bench.arena, "rm -rf %s.cold", bench.oci);

	for (size_t i = 0; i < n; i++) {
		mono_t t0 = clock_mono();

		bench_shell(&bench, by_umoci);
		umoci[i] = clock_mono() - t0;
		bench_shell(&bench, gone);
		umoci[i] += bench_bare_run(&bench);
		bench_forget(&bench);
		t0 = clock_mono();
		bench_unpack(&bench);
		unpack[i] = clock_mono() - t0;
		bench_create(&bench, 0);
		bench_start(&bench, 0);
		bench_answer(&bench, 0);
		cold[i] = clock_mono() - t0;
		bench_destroy(&bench, 0);
	}
	printf("| `umoci unpack` of 18 MiB in two layers, then bare `runc run` | %s | 1.00 |\n",
	       bench_spread(&bench, umoci, n));
	printf("| cold: UNPACK, CREATE, START, port answers | %s | %.2f |\n",
	       bench_spread(&bench, cold, n), ratio(bench_median(cold, n), bench_median(umoci, n)));
	printf("| of it UNPACK | %s | |\n", bench_spread(&bench, unpack, n));
}

/* ------------------------------------------------------------------ */
/* Many at once.                                                       */

static double
load_now(void)
{
	double load[1] = { 0 };

	return getloadavg(load, 1) == 1 ? load[0] : 0;
}

/* The jail takes one call at a time: all are handed in, and they queue there. */
static void
many(uint8_t n)
{
	mono_t begin = clock_mono(), took, bare = 0, gone;
	double before = load_now(), after;

	for (uint8_t i = 0; i < n; i++) {
		bench_create(&bench, i);
		bench_start(&bench, i);
	}
	for (uint8_t i = 0; i < n; i++)
		bench_answer(&bench, i);
	took = clock_mono() - begin;
	after = load_now();
	gone = clock_mono();
	for (uint8_t i = 0; i < n; i++)
		bench_destroy(&bench, i);
	gone = clock_mono() - gone;
	for (uint8_t i = 0; i < n; i++)
		bare += bench_bare_run(&bench);
	printf("| %u bare `runc run`, one after another | %.2f s | 1.00 |\n", n,
	       (double)bare / 1e6);
	printf("| %u containers through one jail until all answer | %.2f s | %.2f |\n", n,
	       (double)took / 1e6, ratio(took, bare));
	printf("| load of the machine before and after it | %.2f, %.2f | |\n", before, after);
	printf("| DESTROY of all %u, running | %.2f s | |\n", n, (double)gone / 1e6);
}

/* ------------------------------------------------------------------ */
/* A hundred at rest.                                                  */

/* KiB of "Pss:" and "Private_*:" of a process. */
static void
memory_of(pid_t pid, uint64_t *pss, uint64_t *private)
{
	char line[256];
	FILE *f = fopen(arena_printf(&bench.arena, "/proc/%d/smaps_rollup", pid), "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "Pss:", 4) == 0)
			*pss += strtoull(line + 4, NULL, 10);
		else if (strncmp(line, "Private_", 8) == 0)
			*private += strtoull(strchr(line, ':') + 1, NULL, 10);
	}
	if (f != NULL)
		fclose(f);
}

static void
memory(uint8_t n)
{
	uint64_t pss = 0, private = 0, inside = 0;

	for (uint8_t i = 0; i < n; i++) {
		int pid = 0;
		FILE *f = fopen(arena_printf(&bench.arena, "%s/shim", bench_dir(&bench, i)), "re");

		if (f != NULL && fscanf(f, "%d", &pid) == 1)
			memory_of(pid, &pss, &private);
		if (f != NULL)
			fclose(f);
		inside += bench_stat(&bench, i).memory_bytes / 1024;
	}
	printf("| memory of a shim, PSS and private, mean of %u | %llu KiB, %llu KiB | |\n", n,
	       (unsigned long long)(pss / n), (unsigned long long)(private / n));
	printf("| memory charged to the cgroup of an idle container, mean | %llu KiB | |\n",
	       (unsigned long long)(inside / n));
}

/* ------------------------------------------------------------------ */
/* Metering.                                                           */

static double
self_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Nanoseconds on a CPU, from the scheduler itself. */
static double
jail_us(void)
{
	unsigned long long ns = 0;
	FILE *f = fopen(arena_printf(&bench.arena, "/proc/%d/schedstat", bench.jail), "re");

	if (f != NULL) {
		(void)!fscanf(f, "%llu", &ns);
		fclose(f);
	}
	return (double)ns / 1e3;
}

static const struct {
	const char *controller, *name;
} meters[] = { { "cpuacct", "cpuacct.usage" },
	       { "memory", "memory.usage_in_bytes" },
	       { "memory", "memory.max_usage_in_bytes" },
	       { "memory", "memory.oom_control" },
	       { "pids", "pids.current" },
	       { "", "cpu.stat" },
	       { "", "memory.current" },
	       { "", "memory.peak" },
	       { "", "memory.events" },
	       { "", "pids.current" } };

/* The files that STAT reads of a cgroup: v1's where there are such, else v2's. */
static size_t
meter_paths(uint8_t n, const char **paths)
{
	const char *root = arena_printf(&bench.arena, "%s/runc", bench.config.run_dir);
	const char *id = strrchr(bench_dir(&bench, n), '/') + 1;
	struct err e = ERR_NONE;
	struct runc_state rs;
	size_t count = 0;

	if (runc_state_read(root, id, &rs, &e) < 0)
		return 0;
	for (size_t i = 0; i < NELEMS(meters) && count < 5; i++)
		for (size_t k = 0; k < rs.cgroup.count; k++) {
			const char *path = arena_printf(&bench.arena, "%s/%s",
							rs.cgroup.paths[k].path, meters[i].name);

			if (strcmp(rs.cgroup.paths[k].controller, meters[i].controller) == 0 &&
			    access(path, R_OK) == 0)
				paths[count++] = path;
		}
	return count;
}

struct plain {
	double opened, kept; /* CPU us for one container */
};

static struct plain
plain_read(uint8_t n)
{
	const char **paths = arena_alloc(&bench.arena, (size_t)n * 5 * sizeof(*paths));
	int *fds = arena_alloc(&bench.arena, (size_t)n * 5 * sizeof(*fds));
	size_t count = 0;
	struct plain p;
	char buf[4096];

	for (uint8_t i = 0; i < n; i++)
		count += meter_paths(i, paths + count);
	p.opened = self_us();
	for (size_t round = 0; round < STAT_ROUNDS; round++)
		for (size_t i = 0; i < count; i++) {
			int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

			(void)!read(fd, buf, sizeof(buf));
			close(fd);
		}
	p.opened = (self_us() - p.opened) / (STAT_ROUNDS * n);
	for (size_t i = 0; i < count; i++)
		fds[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
	p.kept = self_us();
	for (size_t round = 0; round < STAT_ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			(void)!pread(fds[i], buf, sizeof(buf), 0);
	p.kept = (self_us() - p.kept) / (STAT_ROUNDS * n);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return p;
}

static void
metering(uint8_t n)
{
	struct plain p = plain_read(n);
	double jail = jail_us(), self = self_us();

	for (size_t round = 0; round < STAT_ROUNDS; round++)
		for (uint8_t i = 0; i < n; i++)
			(void)bench_stat(&bench, i);
	jail = (jail_us() - jail) / (STAT_ROUNDS * n);
	self = (self_us() - self) / (STAT_ROUNDS * n);
	printf("| plain loop over the same files, kept open: CPU for 1,000 | %.1f ms | %.2f |\n",
	       p.kept, p.kept / p.opened);
	printf("| the same, opened, read and closed | %.1f ms | 1.00 |\n", p.opened);
	printf("| STAT of 1,000 containers: CPU of the jail | %.1f ms | %.2f |\n", jail,
	       jail / p.opened);
	printf("| the same, CPU of the caller | %.1f ms | |\n", self);
	printf("| share of a core, 1,000 containers every 10 s | %.2f %% | |\n",
	       (jail + self) / 10e3 * 100);
}

static void
idle(uint8_t n)
{
	for (uint8_t i = 0; i < n; i++) {
		bench_create(&bench, i);
		bench_start(&bench, i);
	}
	for (uint8_t i = 0; i < n; i++)
		bench_answer(&bench, i);
	memory(n);
	metering(n);
}

static unsigned long
number(int argc, char **argv, int at, unsigned long otherwise, unsigned long most)
{
	return argc > at ? MIN(strtoul(argv[at], NULL, 10), most) : otherwise;
}

int
main(int argc, char **argv)
{
	size_t runs = number(argc, argv, 1, 20, RUNS_MAX);
	uint8_t at_once = (uint8_t)number(argc, argv, 2, 50, 120);
	uint8_t rest = (uint8_t)number(argc, argv, 3, 100, 120);
	unsigned left;

	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_begin(&bench);
	bench_bare_make(&bench);
	printf("| figure | value | ratio |\n| --- | --- | --- |\n");
	if (runs > 0) {
		starts_warm(runs);
		starts_cold(runs);
	}
	bench_unpack(&bench);
	if (at_once > 0)
		many(at_once);
	if (rest > 0)
		idle(rest);
	left = bench_end(&bench);
	printf("| containers, wires, mounts, cgroups left | %u | |\n", left);
	return left != 0;
}
