/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - calling a provider's gateway, blocking or over a WebSocket: for the
 * command line. The gateway is known by the key in its signed record, not by its
 * name.
 */
#ifndef GAVEL_PROVIDER_CLIENT_H
#define GAVEL_PROVIDER_CLIENT_H

#include "lib/fetch.h"
#include "lib/ws.h"

struct provider_client {
	const char *url;
	struct hash pin;
	const char *token;
};

int provider_call(struct arena *a, const struct provider_client *p, const char *method,
		  const char *path, const char *body, struct json **out, struct err *e) mustcheck;
/* A streamed answer: on_data gets each piece. */
int provider_stream(struct arena *a, const struct provider_client *p, const char *method,
		    const char *path, const char *body,
		    bool (*on_data)(void *ctx, const char *data, size_t len), void *ctx,
		    struct err *e) mustcheck;

/* A WebSocket to the gateway, in the caller's loop. */
struct ws *provider_socket(struct loop *l, const struct provider_client *p, const char *path,
			   const char *protocol, const struct ws_events *events, void *ctx,
			   struct err *e) mustcheck;
/* s as one value of a query. */
const char *query_text(struct arena *a, const char *s) mustcheck;

#endif
