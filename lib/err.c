/* SPDX-License-Identifier: Apache-2.0 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>

const struct code ERR_SYSTEM = { "system_error", INTERNAL, "the operating system refused" };
const struct code ERR_BAD_DATA = { "bad_data", INVALID, "the data cannot be read" };
const struct code ERR_TOO_BIG = { "too_big", LIMIT, "the data is larger than allowed" };
const struct code ERR_NOT_FOUND = { "not_found", NOT_FOUND, "there is no such thing" };
const struct code ERR_TIMEOUT = { "timeout", TIMEOUT, "it took too long" };
const struct code ERR_UNREACHABLE = { "unreachable", UNAVAIL, "the other side cannot be reached" };
const struct code ERR_USAGE = { "usage", INVALID, "the command was not understood" };
const struct code ERR_CONFIG = { "bad_config", INVALID, "the settings are wrong" };

static int
err_vset(struct err *e, const struct code *code, const char *field, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];

	/* Through a copy: arguments may point into e->text. */
	vsnprintf(text, sizeof(text), fmt, ap);
	e->code = code;
	memcpy(e->text, text, sizeof(text));
	snprintf(e->field, sizeof(e->field), "%s", field);
	return -1;
}

int
err_set(struct err *e, const struct code *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, code, "", fmt, ap);
	va_end(ap);
	return -1;
}

int
err_errno(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, &ERR_SYSTEM, "", fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(saved));
	return -1;
}

int
err_field(struct err *e, const struct code *code, const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, code, field, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	size_t len;
	va_list ap;

	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s", old);
	return -1;
}

bool
err_retryable(const struct err *e)
{
	return e->code != NULL &&
	       (e->code->kind == UNAVAIL || e->code->kind == TIMEOUT || e->code->kind == QUOTA);
}

int
kind_http_status(enum kind kind)
{
	switch (kind) {
	case INVALID: return 422;
	case DENIED: return 403;
	case NOT_FOUND: return 404;
	case CONFLICT:
	case NO_BID: return 409;
	case LIMIT: return 413;
	case QUOTA: return 429;
	case UNAVAIL: return 503;
	case UNFUNDED: return 402;
	case TIMEOUT: return 504;
	case FAILED: return 502;
	case INTERNAL: break;
	}
	return 500;
}

int
kind_exit_status(enum kind kind)
{
	switch (kind) {
	case INVALID: return 2;
	case DENIED: return 4;
	case UNFUNDED: return 5;
	case UNAVAIL: return 6;
	case NOT_FOUND: return 7;
	case NO_BID: return 8;
	case TIMEOUT: return 9;
	case FAILED: return 10;
	case CONFLICT: return 11;
	case LIMIT:
	case QUOTA: return 12;
	case INTERNAL: break;
	}
	return 1;
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("fatal: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void *
xmalloc(size_t n)
{
	void *p = malloc(n != 0 ? n : 1);

	if (p == NULL)
		fatal("out of memory (%zu bytes)", n);
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);

	if (p == NULL)
		fatal("out of memory (%zu x %zu bytes)", n, size);
	return p;
}

void *
xrealloc(void *old, size_t n)
{
	void *p = realloc(old, n != 0 ? n : 1);

	if (p == NULL)
		fatal("out of memory (%zu bytes)", n);
	return p;
}

char *
xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}
