/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - an HTTP/1.1 server (RFC 9112), plain or TLS. The only door to evhttp.
 *
 *	static const struct route routes[] = {
 *		{ "GET",  "/v1/orders/{order}", order_show },
 *		{ "POST", "/v1/bids",           bid_create },
 *		ROUTE_END
 *	};
 *	http_listen(&loop, "127.0.0.1", 8080, NULL, routes, ctx, e)
 *
 * A handler gets the request, may answer at once, or starts a task whose
 * `done` answers. Every request is answered exactly once; a request whose
 * client has gone may still be answered, and the answer is dropped.
 *
 * Bodies are at most 256 KiB, headers 16 KiB; a connection silent for 60 s is
 * cut; two Content-Length fields, Transfer-Encoding beside Content-Length, or
 * control bytes in a header are refused. Headers and query may be read only
 * before the handler returns. Every answer has a Request-Id. Errors are application/problem+json
 * (RFC 9457) with code, detail, request_id, retryable and, where one is known,
 * errors[].pointer.
 */
#ifndef GAVEL_HTTP_H
#define GAVEL_HTTP_H

#include "json.h"
#include "task.h"

struct evhttp_request;
struct http;
struct tls;

struct request {
	struct http *http;
	struct loop *loop;
	void *ctx;		   /* what http_listen() was given */
	const char *method, *path; /* decoded path without the query */
	const char *body;	   /* NUL-ended */
	size_t body_len;
	char peer[64]; /* address of the client */
	struct id id;  /* Request-Id */
	mono_t arrived;
	struct arena arena; /* lives until the answer has been sent */
	bool answered, gone, streaming;
	/* internal */
	struct evhttp_request *ev;
	const char *names[4], *values[4]; /* {name} parts of the path */
	void (*on_gone)(struct request *r, void *arg);
	void *on_gone_arg;
	struct timer *ending; /* of a stream: looks whether all is written */
	bool drained;
	const char *ws_key; /* of ws.c: from the request's head */
};

struct route {
	const char *method, *pattern;
	void (*handle)(struct request *r);
};
#define ROUTE_END                                                                                  \
	{                                                                                          \
		NULL, NULL, NULL                                                                   \
	}

/* Port 0: any free one; see http_port(). Several processes may listen on one
 * port (SO_REUSEPORT). tls is borrowed, NULL for plain. */
struct http *http_listen(struct loop *l, const char *address, unsigned port, struct tls *tls,
			 const struct route *routes, void *ctx, struct err *e) mustcheck;
unsigned http_port(const struct http *h);
void http_free(struct http *h);

/* The {name} part of the path; never NULL for a name in the pattern. */
const char *request_part(const struct request *r, const char *name);
/* A query parameter, decoded, or NULL. */
const char *request_query(const struct request *r, const char *name);
/* Every value of a parameter that may stand several times, in order. */
size_t
request_query_all(const struct request *r, const char *name, const char **values, size_t most);
const char *request_header(const struct request *r, const char *name);
/* "Bearer xyz" -> "xyz", or NULL. */
const char *request_bearer(const struct request *r);

/* Answer. Extra headers must be set before. */
void request_set_header(struct request *r, const char *name, const char *value);
void request_answer(struct request *r, int status, const char *type, const char *body, size_t len);
void request_answer_json(struct request *r, int status, struct jsonw *w); /* frees w */
void request_fail(struct request *r, const struct err *e);

/* A task for this request: when it fails, its error is answered; a step that
 * succeeds answers by itself before TASK_DONE. t->owner is the request. */
struct task *
request_task(struct request *r, const char *name, const struct step *steps, size_t state_size);
/* The `done` of such a task, for one made by hand with another deadline. */
void request_task_done(struct task *t);
/* The request of such a task. */
struct request *task_request(struct task *t);

/* Streaming: begin, send pieces, end. on_gone is called once if the client
 * leaves first (then request_stream_end() must still be called, once). */
void request_stream_begin(struct request *r, int status, const char *type,
			  void (*on_gone)(struct request *r, void *arg), void *arg);
void request_stream_send(struct request *r, const char *data, size_t len);
/* Bytes not yet taken by the client. */
size_t request_stream_backlog(const struct request *r);
void request_stream_end(struct request *r);

/* Another protocol on this connection (RFC 9110 section 7.8): nothing has been
 * answered, and evhttp lets go of it. The caller writes the answer itself, owns
 * the callbacks of the bufferevent, and ends with request_drop(), which closes
 * the connection and frees the request. NULL when the client has gone; then
 * request_drop() is due as well. For ws.c. */
struct bufferevent;
struct bufferevent *request_take(struct request *r);
void request_drop(struct request *r);

#endif
