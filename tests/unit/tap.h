/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap.h - the Test Anything Protocol, one line a check. A test program is a
 * main() of ok() and is_*() calls that ends with `return tap_done();`.
 */
#ifndef GAVEL_TAP_H
#define GAVEL_TAP_H

#include <stdarg.h>

#include "lib/base.h"

static unsigned tap_count, tap_failed;

static inline bool
ok(bool passed, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", passed ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !passed;
	return passed;
}

static inline bool
is_str(const char *got, const char *want, const char *what)
{
	bool same = got != NULL && want != NULL ? strcmp(got, want) == 0 : got == want;

	ok(same, "%s", what);
	if (!same)
		printf("#   got %s\n#  want %s\n", got != NULL ? got : "NULL",
		       want != NULL ? want : "NULL");
	return same;
}

static inline bool
is_int(long long got, long long want, const char *what)
{
	ok(got == want, "%s", what);
	if (got != want)
		printf("#   got %lld\n#  want %lld\n", got, want);
	return got == want;
}

/* 0: all passed; 1: not. */
static inline int
tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed != 0;
}

#endif
