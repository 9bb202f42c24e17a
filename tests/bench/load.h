/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - requests over many kept connections to a server on loopback, one at a
 * time on each, and how long each answer took. For the market's benchmarks.
 */
#ifndef GAVEL_BENCH_LOAD_H
#define GAVEL_BENCH_LOAD_H

#include "lib/arena.h"
#include "lib/clock.h"

struct load {
	unsigned port, connections;
	double seconds; /* at most; 0: until there are no more requests */
	/* The next request as text for the wire, or NULL: no more. */
	const char *(*next)(void *ctx, size_t *len);
	void *ctx;
	/* out */
	size_t good, bad;    /* answers of 2xx, and others */
	char first_bad[400]; /* the first of those */
	double took_s;
	double p50_ms, p99_ms;
};

void load_run(struct load *l);

/* `count` streams of server-sent events are held until each has got `events` of them
 * ("id: " lines), or 30 s long. Prints "ready" when all are open. */
void streams_hold(unsigned port, size_t count, size_t events);
/* `rounds` times 250 bytes to each of `count` peers that read nothing between: CPU us a
 * send. */
double sends_cost(size_t count, size_t rounds);

double cpu_self(void);		    /* seconds of CPU of this process */
double median(double *v, size_t n); /* sorts */
double quantile(double *v, size_t n, double q);

#endif
