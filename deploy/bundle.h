/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.h - what runs and within which walls, as OCI runtime text: the
 * config.json of a container and the process.json of a command run inside it.
 * Pure.
 *
 * The text comes from a fixed template. Neither image nor tenant contributes
 * anything but strings in argv, env, cwd and hostname, numbers, and the place
 * inside where a volume is bound; there is no field for a capability or a hook.
 * What is bound from outside, and which devices may be opened, the jail says of
 * its own: paths that it has made, nodes that the operator's files name. A
 * terminal is never asked for, capability sets are always empty, no_new_privs
 * is always set, and the user namespace is never left out.
 */
#ifndef GAVEL_BUNDLE_H
#define GAVEL_BUNDLE_H

#include "lib/json.h"

extern const struct code BUNDLE_BAD;

#define BUNDLE_IDS	      65536u /* ids per user namespace */
#define BUNDLE_ARGS_MAX	      256u
#define BUNDLE_ENV_MAX	      256u
#define BUNDLE_NOFILE_DEFAULT 1024u
#define BUNDLE_NOFILE_MAX     20000u		  /* more needs CAP_SYS_RESOURCE */
#define BUNDLE_MEMORY_MIN     (UINT64_C(8) << 20) /* below, runc itself cannot start */

/* What a process is. All borrowed. */
struct bundle_process {
	const char *const *args;
	size_t arg_count;
	const char *const *env; /* NAME=value */
	size_t env_count;
	const char *cwd;     /* absolute, not under /proc or /sys */
	uint32_t uid, gid;   /* inside, < BUNDLE_IDS */
	uint32_t nofile;     /* 0: BUNDLE_NOFILE_DEFAULT */
	bool terminal;	     /* of an exec; the workload itself never has one */
	uint32_t rows, cols; /* of the terminal; 0: not known */
};

/* A tree, file or device bound as it is: read-only, nodev and the like are set
 * on `from` already, and a user namespace cannot take them off. */
struct bundle_bind {
	const char *from, *to; /* absolute, plain */
};

/* A device that may be opened, apart from /dev/null and its kin. */
struct bundle_node {
	char type; /* 'c', 'b' */
	uint32_t major, minor;
	const char *access; /* of "rwm" */
};

#define BUNDLE_BINDS_MAX 512u

/* A block device whose traffic is throttled. */
struct bundle_disk {
	uint32_t major, minor;
};

#define BUNDLE_DISKS_MAX 8

struct bundle {
	struct bundle_process process;
	const char *hostname;
	const char *root; /* absolute path of the mounted root */
	bool readonly;
	const char *cgroup; /* relative: below whatever runc chooses */
	uint32_t host_id;   /* first uid and gid of the lease's own range */
	uint32_t cpu_milli;
	uint64_t memory_bytes; /* with swap: no swap */
	uint32_t pids_max;
	uint64_t tmp_bytes; /* of /tmp and of /dev/shm each; counts as memory */
	uint64_t shm_bytes; /* of /dev/shm; 0: as tmp_bytes */
	const struct bundle_bind *binds;
	size_t bind_count;
	const struct bundle_node *nodes;
	size_t node_count;
	struct bundle_disk disks[BUNDLE_DISKS_MAX];
	size_t disk_count;	   /* 0: no throttle */
	uint64_t disk_bytes_per_s; /* reading and writing each, on each device */
	const char *apparmor;	   /* name of the loaded profile, or NULL */
};

/* Refuses what the runtime would misread: a relative cwd, an id out of range,
 * an argument with a line end in a name, too many of anything. */
int bundle_process_check(const struct bundle_process *p, struct err *e) mustcheck;
int bundle_check(const struct bundle *b, struct err *e) mustcheck;
/* The texts, in the arena. The struct must have passed its check. */
const char *bundle_json(struct arena *a, const struct bundle *b) mustcheck;
const char *bundle_process_json(struct arena *a, const struct bundle_process *p) mustcheck;

/* Mount points that must be real directories in the root, NULL-ended, without
 * the leading slash: walked before the runtime may mount anything. */
extern const char *const bundle_mountpoints[];

#endif
