/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - failing in one line, reading like a path.
 *
 * Three kinds of failure. A bug of ours: assert(). Start-up that cannot go
 * on, or no memory: fatal(). All else is a value: the last argument of a
 * fallible function is a `struct err *`, untouched on success; the function
 * returns -1 and the caller adds its intention with err_wrap().
 *
 *	const struct code ORDER_CLOSED = { "order_closed", CONFLICT,
 *	                                   "the order takes no more bids" };
 *	...
 *	if (order->state != ORDER_OPEN)
 *		return err_set(e, &ORDER_CLOSED, "order %s", text);
 *
 * The message of an error is "what failed: detail". Messages are lower case,
 * without a full stop. `struct err` is flat: nothing to free.
 */
#ifndef GAVEL_ERR_H
#define GAVEL_ERR_H

#include "base.h"

/* Decides the HTTP status, the exit status and whether a retry can help. */
enum kind {
	INTERNAL,  /* ours to mend             500, exit 1  */
	INVALID,   /* the request is wrong     400/422, 2   */
	DENIED,	   /* not yours, not signed    403, exit 4  */
	NOT_FOUND, /*                          404, exit 7  */
	CONFLICT,  /* changed meanwhile        409, exit 11 */
	LIMIT,	   /* too big, too many        413, exit 12 */
	QUOTA,	   /* asked too often          429, exit 12 */
	UNAVAIL,   /* try again                503, exit 6  */
	UNFUNDED,  /* money short              402, exit 5  */
	TIMEOUT,   /* waited too long          504, exit 9  */
	FAILED,	   /* the workload failed      502, exit 10 */
	NO_BID,	   /* no acceptable bid        409, exit 8  */
};

struct code {
	const char *name; /* stable: part of the API */
	enum kind kind;
	const char *title; /* one sentence for people */
};

#define ERR_TEXT_MAX 320
struct err {
	const struct code *code; /* NULL: no error */
	char text[ERR_TEXT_MAX]; /* what failed, path first */
	char field[64];		 /* JSON pointer or setting, or "" */
};

#define ERR_NONE                                                                                   \
	{                                                                                          \
		NULL, "", ""                                                                       \
	}

/* Codes that any module may use. */
extern const struct code ERR_SYSTEM;   /* a system call failed */
extern const struct code ERR_BAD_DATA; /* text that does not parse */
extern const struct code ERR_TOO_BIG;
extern const struct code ERR_NOT_FOUND;
extern const struct code ERR_TIMEOUT;
extern const struct code ERR_UNREACHABLE;
extern const struct code ERR_USAGE;
extern const struct code ERR_CONFIG;

/* Fill e and return -1. The previous content of e is overwritten. */
int err_set(struct err *e, const struct code *code, const char *fmt, ...) printflike(3, 4);
/* As err_set, and appends strerror(errno). */
int err_errno(struct err *e, const char *fmt, ...) printflike(2, 3);
/* As err_set, and names the field at fault. */
int err_field(struct err *e, const struct code *code, const char *field, const char *fmt, ...)
	printflike(4, 5);
/* Put "intention: " before the text; returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) printflike(2, 3);
/* Whether a retry of the same call can help. */
bool err_retryable(const struct err *e);
int kind_http_status(enum kind kind);
int kind_exit_status(enum kind kind);

/* Print to stderr and end the process with 1. */
_Noreturn void fatal(const char *fmt, ...) printflike(1, 2);
/* malloc and friends that do not fail. */
void *xmalloc(size_t n) mustcheck;
void *xcalloc(size_t n, size_t size) mustcheck;
void *xrealloc(void *p, size_t n) mustcheck;
char *xstrdup(const char *s) mustcheck;

#endif
