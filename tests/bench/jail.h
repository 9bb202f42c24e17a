/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail.h - a jail of the benchmarks' own: with directories, names and addresses
 * that no provider uses, an image made of busybox, and containers by number.
 * Whatever goes wrong ends the program, after the clean-up: a figure of half a
 * run is none.
 */
#ifndef GAVEL_BENCH_JAIL_H
#define GAVEL_BENCH_JAIL_H

#include "lib/clock.h"
#include "tests/e2e/layout.h"

#define BENCH_SLOTS  128u
#define BENCH_PORT   8080
#define BENCH_MEMORY (UINT64_C(64) << 20)
#define BENCH_DISK   (UINT64_C(32) << 20)

struct bench {
	struct arena arena;
	struct jail_config config;
	pid_t jail;
	int fd;
	struct layout image;
	const char *oci; /* the layout that the image came from */
};

void bench_begin(struct bench *b);
/* Everything gone, and looked at: how many things were left. */
unsigned bench_end(struct bench *b);

/* A shell script; its output, or the end of the program. */
const char *bench_shell(struct bench *b, const char *script);

void bench_unpack(struct bench *b); /* what is not there yet */
void bench_forget(struct bench *b);
/* A web server in slot n that waits for its start. */
void bench_create(struct bench *b, uint8_t n);
void bench_start(struct bench *b, uint8_t n);
struct jail_stat bench_stat(struct bench *b, uint8_t n);
void bench_destroy(struct bench *b, uint8_t n);
const char *bench_dir(struct bench *b, uint8_t n); /* leases/<id> */
/* Whether its port takes a connection now; wait until it does. */
bool bench_answers(const struct bench *b, uint8_t n);
void bench_answer(const struct bench *b, uint8_t n);

/* The same image and walls by `runc run` alone, from exec until the process
 * says "up"; killed and deleted afterwards, outside the time. */
void bench_bare_make(struct bench *b);
int64_t bench_bare_run(struct bench *b);

/* Median, smallest, largest of n microseconds: "12.3 ms [11.0-15.2]". */
int64_t bench_median(int64_t *us, size_t n);
const char *bench_spread(struct bench *b, int64_t *us, size_t n);

#endif
