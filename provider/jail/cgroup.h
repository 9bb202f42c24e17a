/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.h - reading what a workload used and ending all of it, on cgroup v1,
 * v2 and the hybrid of both.
 *
 * Does not make cgroups (the runtime does) and never computes where they are:
 * the runtime's own record says. Paths come in as a table controller -> path;
 * v2 is the one entry with an empty controller.
 */
#ifndef GAVEL_CGROUP_H
#define GAVEL_CGROUP_H

#include "lib/arena.h"

#define CGROUP_PATHS_MAX 16

struct cgroup_path {
	char controller[24]; /* "memory", "cpuacct", ...; "": v2 */
	char path[232];
};

struct cgroup {
	size_t count;
	struct cgroup_path paths[CGROUP_PATHS_MAX];
};

struct cgroup_usage {
	uint64_t cpu_ns;
	uint64_t memory_bytes; /* now */
	uint64_t memory_peak_bytes;
	uint64_t oom_kills;
	uint64_t pids;
};

/* From the runtime's state file: the object "cgroup_paths" only, by a scan that
 * text inside a JSON string cannot imitate (its quotes are escaped there). */
int cgroup_from_state(const char *text, size_t len, struct cgroup *out, struct err *e) mustcheck;
/* What there is to read; a missing file reads as 0. */
void cgroup_read(const struct cgroup *cg, struct cgroup_usage *out);
/* Whether its processes are frozen (paused). */
bool cgroup_frozen(const struct cgroup *cg);
void cgroup_thaw(const struct cgroup *cg);
/* From now on its processes have so many thousandths of a CPU together. */
int cgroup_limit_cpu(const struct cgroup *cg, uint32_t milli, struct err *e) mustcheck;
/* Move this process there: what it uses from now on is the workload's. */
int cgroup_enter(const struct cgroup *cg, struct err *e) mustcheck;
/* Does not return but by failure: keeps the kernel ready for processes to enter
 * groups. The first to do so after a quiet moment waits some 8 ms until all CPUs
 * have passed a grace period; those that come within a few milliseconds do not. */
int cgroup_keep_warm(void *unused, struct err *e) mustcheck;
/* Thaw, and SIGKILL every process until none is left or us have passed. */
int cgroup_kill(const struct cgroup *cg, int64_t us, struct err *e) mustcheck;
/* Remove the directories, those below first. Gone already is fine. */
int cgroup_remove(const struct cgroup *cg, struct err *e) mustcheck;
/* Every directory that the name can mean on this machine: below each hierarchy
 * and below this process's own group. For cleaning up after a runtime that died
 * before it wrote its record. Those that do not exist are left out. */
void cgroup_guess(const char *relative, struct cgroup *out);

#endif
