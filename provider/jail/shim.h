/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim.h - one small process per container, which outlives everything else.
 *
 * It holds the container's stdout and stderr and is its parent, so that neither
 * logs nor the exit status depend on a daemon that may be killed and restarted.
 * A fork of the jail in a session of its own; no event loop, no library.
 *
 * In log_dir, readable by the group log_gid:
 *	log, log.1   lines "2026-11-25T05:10:35.123456Z o text": o stdout,
 *	             e stderr, - a remark of the shim. log.1 is the older half;
 *	             together at most log_bytes_max. More than log_bytes_per_s is
 *	             dropped, and "- N bytes dropped" says so; the last line of a
 *	             run is "- exited 137, out of memory". Longer lines than
 *	             SHIM_LINE_MAX are cut into several.
 *	exit         one line, written whole or not at all, see struct shim_exit
 */
#ifndef GAVEL_SHIM_H
#define GAVEL_SHIM_H

#include <sys/types.h>

#include "lib/arena.h"

#define SHIM_LINE_MAX 8192u

struct shim {
	const char *id;
	const char *bundle; /* directory with config.json */
	const char *runc_root;
	const char *log_dir; /* exists */
	gid_t log_gid;
	uint32_t owner_uid, owner_gid; /* on the host: of the workload's process */
	uint64_t log_bytes_max;	       /* 0: 10 MiB */
	uint64_t log_bytes_per_s;      /* 0: 1 MiB */
};

struct shim_exit {
	int code;   /* 0..255, or 128 + signal */
	int signal; /* 0: exited by itself */
	bool oom;   /* the kernel killed something for memory */
	wall_t at;
};

/* Fork the shim, which runs `runc create`; returns when that has ended. On
 * success the container is created, not started, and the shim goes on. The
 * shim's pid and start time go to bundle/shim. */
int shim_start(const struct shim *s, struct err *e) mustcheck;
/* NOT_FOUND while the container lives. */
int shim_exit_read(const char *log_dir, struct shim_exit *out, struct err *e) mustcheck;
/* Whether the shim of this bundle runs; end it (the container is gone). */
bool shim_alive(const char *bundle);
void shim_end(const char *bundle);

#endif
