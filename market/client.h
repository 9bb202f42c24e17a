/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - calling a market, blocking: for the command line. Replies are the
 * JSON tree; a refusal is an error with the market's own code.
 */
#ifndef GAVEL_MARKET_CLIENT_H
#define GAVEL_MARKET_CLIENT_H

#include "lib/fetch.h"

struct market_client {
	const char *url;
	const char *ca_path; /* NULL: the system's */
};

int market_get(struct arena *a, const struct market_client *m, const char *path, struct json **out,
	       struct err *e) mustcheck;
/* The same, of up to 64 MiB: transcripts of ticks grow with offers and orders. */
int market_get_large(struct arena *a, const struct market_client *m, const char *path,
		     struct json **out, struct err *e) mustcheck;
/* key: the Idempotency-Key, or NULL. */
int market_post(struct arena *a, const struct market_client *m, const char *path, const char *body,
		const char *key, struct json **out, struct err *e) mustcheck;
int market_call(struct arena *a, const struct market_client *m, const char *method,
		const char *path, const char *body, const char *bearer, const char *key,
		struct json **out, struct err *e) mustcheck;

#endif
