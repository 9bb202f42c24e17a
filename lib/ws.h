/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws.h - WebSocket (RFC 6455), both sides: messages of bytes over one
 * connection that stays. The only door to wslay.
 *
 * Server: ws_accept() turns a request into a connection. Client: ws_connect().
 * Then both send with ws_send() and get on_message(), until on_closed(), which
 * is called exactly once, from the loop, unless ws_free() came first; the owner
 * then calls ws_free(), and may do so inside any callback.
 *
 * Slow readers: ws_send() never blocks and never fails; the sender looks at
 * ws_backlog() against WS_BACKLOG_HIGH, stops making more, and goes on when
 * on_drain() says that the backlog has fallen. The other way ws_pause() stops
 * reading, and TCP slows the peer down.
 *
 * Messages are at most WS_MESSAGE_MAX bytes. A ping goes out every 30 s; a
 * peer from which nothing came for 10 minutes, while we were reading, is dead.
 */
#ifndef GAVEL_WS_H
#define GAVEL_WS_H

#include "http.h"

#define WS_MESSAGE_MAX	((size_t)128 * 1024)
#define WS_BACKLOG_HIGH ((size_t)512 * 1024)
#define WS_BACKLOG_LOW	((size_t)64 * 1024)

/* Not an upgrade of the wanted kind; the peer broke the protocol. */
extern const struct code WS_HANDSHAKE, WS_BROKEN;

struct ws;

struct ws_events {
	void (*on_open)(void *ctx); /* client: the server has agreed */
	void (*on_message)(void *ctx, const uint8_t *data, size_t len);
	void (*on_drain)(void *ctx);
	/* e: why; no code: the peer closed as it should. */
	void (*on_closed)(void *ctx, const struct err *e);
};

/* Whether the request asks for this subprotocol: to be called in its handler. */
int ws_check(struct request *r, const char *protocol, struct err *e) mustcheck;
/* Answer 101 to a request that passed ws_check(). The request is the
 * connection's from now on. events is borrowed, for ever. */
struct ws *
ws_accept(struct request *r, const char *protocol, const struct ws_events *events, void *ctx);

struct ws_target {
	const char *url; /* https://host:port or http://host:port, no path */
	const char *path;
	const char *protocol;
	const char *bearer;	/* or NULL */
	const struct hash *pin; /* of the server's key; https only */
};
/* Begin to connect; on_open() or on_closed() follows. A refusal in HTTP arrives
 * as the error that the server named. Looking up the name blocks. */
struct ws *ws_connect(struct loop *l, const struct ws_target *to, const struct ws_events *events,
		      void *ctx, struct err *e) mustcheck;

/* One message: a byte that says what it is, then data. */
void ws_send(struct ws *w, uint8_t kind, const void *data, size_t len);
size_t ws_backlog(const struct ws *w);
void ws_pause(struct ws *w, bool pause);
/* Say good-bye; on_closed() follows when everything has been sent. */
void ws_close(struct ws *w);
void ws_free(struct ws *w);

/* Sec-WebSocket-Accept for a key. */
const char *ws_accept_key(struct arena *a, const char *key) mustcheck;

#endif
