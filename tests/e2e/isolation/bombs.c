/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to hurt the host and the neighbour, each in a lease beside another that
 * must go on answering. Each ends in that lease alone; afterwards it is taken
 * away and nothing of it is left on the machine.
 */
#include "kit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"

#define BOMB	  0
#define NEIGHBOUR 1
#define SECOND	  2 /* a lease with the same bomb */
#define ANSWER_MS 3000

static const struct lease_want plain = { .uid = 1000 };

static bool
explode(uint16_t slot, const char *name, const struct lease_want *want)
{
	const char *const args[] = { "/bin/probe", "bomb", name, NULL };

	return lease_run(slot, args, want);
}

/* During the bomb: the neighbour and the host. After it: nothing. */
static void
bomb_end(const char *name)
{
	int ms = lease_answers(NEIGHBOUR);

	check(ms >= 0 && ms < ANSWER_MS, "%s: the neighbour answers in %d ms", name, ms);
	check(kit_shell("test -d /proc/1") == 0, "%s: the host starts processes", name);
	check(lease_destroy(BOMB), "%s: the lease goes", name);
	check(!lease_left(BOMB), "%s: and nothing of it is left", name);
}

static long long
told(uint16_t slot, const char *last, const char *key)
{
	return answer_number(lease_said(slot, arena_printf(&kit_arena, "bomb|%s|", last)), "bomb",
			     key);
}

/* ------------------------------------------------------------------ */
/* Processes and threads.                                              */

static void
test_processes(void)
{
	static const char *const kinds[] = { "forks", "threads" };
	/* Memory for 64 of them: the kernel's own part of a process counts too. */
	const struct lease_want want = { .uid = 1000, .pids = 64, .memory = 256 * MIB };

	for (size_t i = 0; i < NELEMS(kinds); i++) {
		if (!explode(BOMB, kinds[i], &want))
			continue;
		check_between(told(BOMB, "refused", "made"), 50, 63, kinds[i]);
		check(told(BOMB, "refused", "refused") > 4000, "%s: the rest was refused",
		      kinds[i]);
		check_between((long long)lease_stat(BOMB).pids, 50, 64, "in all");
		bomb_end(kinds[i]);
	}
}

/* ------------------------------------------------------------------ */
/* Memory.                                                             */

static void
test_memory(void)
{
	const struct lease_want want = { .uid = 1000, .memory = 32 * MIB };
	struct jail_stat st;

	if (explode(BOMB, "memory-child", &want)) {
		check(told(BOMB, "killed by", "killed by") == 9, "memory-child: it was killed");
		st = lease_stat(BOMB);
		check(st.state == JAIL_RUNNING && st.oom == 1,
		      "memory-child: its first process lives, and we say it was for memory");
		check(st.memory_peak_bytes <= 32 * MIB, "memory-child: never more than its own");
		bomb_end("memory-child");
	}
	if (!explode(BOMB, "memory", &want))
		return;
	st = lease_stat(BOMB);
	for (int tries = 0; tries < 200 && st.state != JAIL_EXITED; tries++) {
		usleep(50000);
		st = lease_stat(BOMB);
	}
	check(st.state == JAIL_EXITED && st.exit_code == 137 && st.oom == 1,
	      "memory: the first process is killed, and we say it was for memory");
	bomb_end("memory");
}

/* ------------------------------------------------------------------ */
/* Files.                                                              */

static void
test_tmpfs(void)
{
	const struct lease_want root = { .uid = 0 };
	static const struct {
		const char *name, *key;
		long long lo, hi;
		bool root;
	} rows[] = { { "tmp-bytes", "bytes", 12 * MIB, 16 * MIB, false },
		     { "tmp-inodes", "made", 8000, 16384, false },
		     { "dev-inodes", "made", 100, 512, true } };

	for (size_t i = 0; i < NELEMS(rows); i++) {
		if (!explode(BOMB, rows[i].name, rows[i].root ? &root : &plain))
			continue;
		check_between(told(BOMB, "full", rows[i].key), rows[i].lo, rows[i].hi,
			      rows[i].name);
		check(told(BOMB, "full", "full") == 1, "%s: then it is full", rows[i].name);
		check(lease_stat(BOMB).state == JAIL_RUNNING && lease_stat(BOMB).oom == 0,
		      "%s: and the lease lives", rows[i].name);
		bomb_end(rows[i].name);
	}
}

/* Blocks of the file behind the lease's disk, in KiB. */
static long long
disk_kib(void)
{
	const char *path =
		arena_printf(&kit_arena, "%s/leases/gv-01jf4z8c0xvq5wsm2t7e9ka3rc-%d/disk.img",
			     kit_config.state_dir, BOMB);
	struct stat st = { 0 };

	return stat(path, &st) == 0 ? (long long)st.st_blocks / 2 : -1;
}

static void
test_disk(void)
{
	static const struct {
		const char *name, *key;
		long long lo, hi;
	} rows[] = { { "disk-bytes", "bytes", 8 * MIB, 16 * MIB },
		     { "disk-inodes", "made", 500, 1024 } };

	for (size_t i = 0; i < NELEMS(rows); i++) {
		if (!explode(BOMB, rows[i].name, &plain))
			continue;
		check_between(told(BOMB, "full", rows[i].key), rows[i].lo, rows[i].hi,
			      rows[i].name);
		check(told(BOMB, "full", "full") == 1, "%s: then it is full", rows[i].name);
		check_between(disk_kib(), 16 * 1024, 16 * 1024 + 64,
			      "KiB of the host's, as before the first byte");
		bomb_end(rows[i].name);
	}
}

static void
test_logs(void)
{
	struct stat log = { 0 }, old = { 0 };
	const char *dir;

	if (!explode(BOMB, "logs", &plain))
		return;
	(void)lease_said(BOMB, " bytes dropped\n");
	usleep(1500000);
	dir = arena_printf(&kit_arena, "%s/logs/gv-01jf4z8c0xvq5wsm2t7e9ka3rc-%d",
			   kit_config.state_dir, BOMB);
	stat(arena_printf(&kit_arena, "%s/log", dir), &log);
	stat(arena_printf(&kit_arena, "%s/log.1", dir), &old);
	check_between((long long)log.st_size + old.st_size, 1,
		      (long long)kit_config.log_bytes_max + 16384, "logs: bytes of both files");
	bomb_end("logs");
}

/* ------------------------------------------------------------------ */
/* Time.                                                               */

/* Hundredths of a CPU that the lease takes. */
static long long
cpu_share(uint32_t milli)
{
	struct lease_want want = { .uid = 1000, .cpu_milli = milli };
	mono_t begin;
	uint64_t used;

	if (!explode(BOMB, "spin", &want))
		return -1;
	(void)lease_said(BOMB, "bomb|spins|");
	begin = clock_mono();
	used = lease_stat(BOMB).cpu_ns;
	usleep(3000000);
	used = lease_stat(BOMB).cpu_ns - used;
	return (long long)(used / 10 / (uint64_t)(clock_mono() - begin));
}

static void
test_cpu(void)
{
	long long freely = cpu_share(1600);

	check(freely > 30, "control: with a larger quota %lld hundredths of a CPU", freely);
	check(lease_destroy(BOMB), "it goes");
	check_between(cpu_share(200), 8, 24, "spin: of a quota of 20 hundredths");
	bomb_end("spin");
}

/* ------------------------------------------------------------------ */
/* Things that are counted per user or per machine.                    */

static void
test_counted(void)
{
	static const struct {
		const char *name;
		long long lo, hi;
	} rows[] = { { "terminals", 32, 64 }, { "watches", 100, 128 } };

	if (explode(BOMB, "descriptors", &plain)) {
		check_between(told(BOMB, "stopped", "made"), 900, 1024, "descriptors");
		check(told(BOMB, "stopped", "stopped") == 1, "descriptors: by its own limit");
		bomb_end("descriptors");
	}
	for (size_t i = 0; i < NELEMS(rows); i++) {
		if (!explode(BOMB, rows[i].name, &plain))
			continue;
		check_between(told(BOMB, "made", "made"), rows[i].lo, rows[i].hi, rows[i].name);
		if (explode(SECOND, rows[i].name, &plain)) {
			check_between(told(SECOND, "made", "made"), rows[i].lo, rows[i].hi,
				      "another lease has as many");
			check(lease_destroy(SECOND) && !lease_left(SECOND), "it goes");
		}
		bomb_end(rows[i].name);
	}
}

/* ------------------------------------------------------------------ */
/* The disk's bandwidth.                                               */

static void
test_disk_io(void)
{
	const struct lease_want want = { .uid = 1000, .storage = 32 * MIB };
	long long freely, slow;

	if (access("/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device", F_OK) != 0 &&
	    access("/sys/fs/cgroup/io.stat", F_OK) != 0) {
		check(true, "disk-io # SKIP this host throttles no disk");
		return;
	}
	if (!explode(BOMB, "disk-io", &want))
		return;
	freely = told(BOMB, "read ms", "write ms");
	check(told(BOMB, "read ms", "written") == 12 * (long long)MIB && freely < 2000,
	      "control: 12 MiB written in %lld ms", freely);
	check(lease_destroy(BOMB), "it goes");
	kit_config.disk_bytes_per_s = 4 * MIB;
	kit_again();
	if (!explode(BOMB, "disk-io", &want))
		return;
	slow = told(BOMB, "read ms", "write ms");
	check_between(slow, 2200, 8000, "disk-io: ms to write 12 MiB at 4 MiB/s");
	check_between(told(BOMB, "read ms", "read ms"), 2200, 8000, "disk-io: ms to read them");
	bomb_end("disk-io");
	kit_config.disk_bytes_per_s = 0;
	kit_again();
}

void
test_bombs(void)
{
	static const char *const args[] = { "/bin/probe", "serve", NULL };

	if (!lease_run(NEIGHBOUR, args, &plain))
		return;
	(void)lease_said(NEIGHBOUR, "serving");
	check(lease_answers(NEIGHBOUR) >= 0, "the neighbour answers");
	test_processes();
	test_memory();
	test_tmpfs();
	test_disk();
	test_logs();
	test_cpu();
	test_counted();
	test_disk_io();
	check(lease_stat(NEIGHBOUR).state == JAIL_RUNNING && lease_stat(NEIGHBOUR).oom == 0,
	      "the neighbour lives");
	check(lease_destroy(NEIGHBOUR) && !lease_left(NEIGHBOUR), "and goes");
}
