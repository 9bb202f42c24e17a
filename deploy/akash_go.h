/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_go.h - words and numbers as Go's standard library reads them, where C's
 * reads them otherwise. Knows nothing of deployment files.
 */
#ifndef GAVEL_AKASH_GO_H
#define GAVEL_AKASH_GO_H

#include "lib/arena.h"

/* strconv.ParseFloat(text, 64): decimal and hexadecimal, digits joined by _,
 * inf and nan. False: Go returns an error (too large is one). */
bool go_float(const char *text, double *out) mustcheck;
/* strconv.ParseUint(text, 10, bits). */
bool go_uint(const char *text, uint64_t max, uint64_t *out) mustcheck;
/* uint64(v), as Go's compiler for amd64 does it also beyond 2^64. */
uint64_t go_u64(double v);

/* What a YAML scalar without quotes is (yaml.v3's resolve). */
enum go_sort { GO_STR, GO_NULL, GO_BOOL, GO_INT, GO_FLOAT, GO_TIME };
struct go_value {
	enum go_sort sort;
	bool truth;	  /* GO_BOOL */
	bool negative;	  /* GO_INT */
	uint64_t integer; /* GO_INT: without its sign */
	double real;	  /* GO_FLOAT */
};
struct go_value go_resolve(const char *plain);

/* time.ParseDuration: nanoseconds. */
bool go_duration(const char *text, int64_t *ns) mustcheck;

/* blang/semver ParseTolerant. pre: it has a pre-release part. */
struct go_version {
	uint64_t major, minor, patch;
	bool pre;
};
bool go_version(struct arena *a, const char *text, struct go_version *out) mustcheck;

/* cosmossdk.io/math LegacyNewDecFromStr: to "123.450000000000000000", with a
 * minus if it is negative. NULL: not one. */
const char *go_decimal(struct arena *a, const char *text) mustcheck;

/* net/url ParseRequestURI of "http://" and the text. */
bool go_url_host(const char *text) mustcheck;

/* strings.TrimSpace. */
const char *go_trim(struct arena *a, const char *text) mustcheck;

/* sort.Sort and sort.SliceStable over an array: the same comparisons in the
 * same order, for comparators that leave ties or contradict themselves. */
typedef bool go_less(const void *a, const void *b);
void go_sort(void *items, size_t count, size_t size, go_less *less);
void go_sort_stable(void *items, size_t count, size_t size, go_less *less);

#endif
