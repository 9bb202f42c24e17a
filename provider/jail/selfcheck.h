/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selfcheck.h - whether this host can keep what a provider promises of its walls:
 * each is really built once, in a scratch directory and in namespaces that go
 * with the process that made them, before anything is sold.
 *
 * Runs as root. Leaves nothing behind, touches no container and no network that
 * is in use. Takes about a quarter of a second.
 */
#ifndef GAVEL_SELFCHECK_H
#define GAVEL_SELFCHECK_H

#include "provider/jail/jail.h"

extern const struct code HOST_UNFIT; /* a promise does not hold on this host */

enum selfcheck_id {
	SELFCHECK_RUNC,	    /* the runtime is there and has no hole we know of */
	SELFCHECK_USERNS,   /* a user namespace with ids of the workloads' range */
	SELFCHECK_IDMAP,    /* a tree below state_dir with its owners shifted */
	SELFCHECK_OVERLAY,  /* an overlay over such a tree */
	SELFCHECK_OPENAT2,  /* a path resolved without links */
	SELFCHECK_SECCOMP,  /* a filter that refuses a call */
	SELFCHECK_CGROUPS,  /* controllers cpu, memory, pids, freezer, devices */
	SELFCHECK_FILTER,   /* the very table of net.h, in a network namespace */
	SELFCHECK_WIRE,	    /* the very wire of net.h, with its shaping */
	SELFCHECK_DISK,	    /* a loop device; without, disks are memory: a warning */
	SELFCHECK_APPARMOR, /* the profile, where the kernel has AppArmor */
	SELFCHECK_COUNT,
};

struct selfcheck_result {
	const char *name, *promise, *cure; /* constant */
	bool ok;
	bool fatal;	  /* when it is not ok, the provider must not start */
	char detail[200]; /* why it is not ok, or "" */
};

/* How each is tried: 0, or -1 and why. Tests put failures here. */
struct selfcheck_probes {
	int (*probe[SELFCHECK_COUNT])(const struct jail_config *c, struct err *e);
};
extern const struct selfcheck_probes selfcheck_real;

/* Try all of them; how many fatal ones failed. The configuration has passed its
 * own check. */
int selfcheck(const struct jail_config *c, const struct selfcheck_probes *probes,
	      struct selfcheck_result out[static SELFCHECK_COUNT]) mustcheck;
/* HOST_UNFIT with the first fatal failure, its promise and its cure; 0 when there
 * is none. */
int selfcheck_verdict(const struct selfcheck_result results[static SELFCHECK_COUNT],
		      struct err *e) mustcheck;
/* Whether the hierarchies at `root` (normally /sys/fs/cgroup) have what limits and
 * meters need, v1, v2 or hybrid; the error names the first that is missing. */
int selfcheck_cgroups(const char *root, struct err *e) mustcheck;

#endif
