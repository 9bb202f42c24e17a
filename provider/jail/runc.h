/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runc.h - the OCI runtime: its commands, and the two facts we read from its
 * record. Runs as root in the jail. The one place that knows runc's options.
 *
 * Of runc's state file only numbers and paths that runc wrote are looked at, by
 * a scan for keys that text inside a JSON string cannot imitate.
 */
#ifndef GAVEL_RUNC_H
#define GAVEL_RUNC_H

#include "provider/jail/cgroup.h"

extern const struct code RUNC_FAILED;
extern const struct code RUNC_OLD; /* a version with known holes */

struct runc_state {
	int32_t pid;
	uint64_t start; /* clock ticks since boot: tells a pid from its successor */
	struct cgroup cgroup;
};

/* The version is one whose known escapes are fixed upstream, or `accept`. A user
 * namespace per workload and our own checks close those we know of; production
 * should still not run it. */
bool runc_version_is_good(const char *version);
int runc_check(bool accept, struct err *e) mustcheck;

/* argv for `create`, NULL-ended, in the arena: the shim executes it. */
const char *const *
runc_create_argv(struct arena *a, const char *root, const char *id, const char *bundle) mustcheck;
/* argv for `exec`, which ends when the command runs; process_path holds a
 * bundle_process_json(), console names a socket for its terminal or is NULL. */
const char *const *
runc_exec_argv(struct arena *a, const char *root, const char *id, const char *process_path,
	       const char *pid_path, const char *log_path, const char *console) mustcheck;
/* Starting what runs already succeeds. */
int runc_start(const char *root, const char *id, struct err *e) mustcheck;
int runc_pause(const char *root, const char *id, struct err *e) mustcheck;
int runc_resume(const char *root, const char *id, struct err *e) mustcheck;
/* The workload must be dead: runc waits in steps of 100 ms for a live one. What
 * does not exist is deleted. */
int runc_delete(const char *root, const char *id, struct err *e) mustcheck;
bool runc_exists(const char *root, const char *id);

int
runc_state_read(const char *root, const char *id, struct runc_state *out, struct err *e) mustcheck;
/* From the file's text; pure. */
int runc_state_parse(const char *text, size_t len, struct runc_state *out, struct err *e) mustcheck;
/* Whether that very process lives (a zombie does not). */
bool runc_alive(int32_t pid, uint64_t start);
/* Whether the process has a handler for the signal. The first one of a pid
 * namespace that has none does not notice it. */
bool runc_hears(int32_t pid, int signal);
/* Signal that very process; false when it is gone. */
bool runc_signal(int32_t pid, uint64_t start, int signal);

/* What runc's own words mean: its last line, or a plain sentence instead. */
const char *runc_explain(struct arena *a, const char *text) mustcheck;

#endif
