/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.h - calling HTTP servers. The only door to libcurl.
 *
 * In a daemon: fetch_start() in a step, TASK_WAIT, and the next step reads
 * f->status and f->reply. In the command line: fetch_now(), which blocks.
 * A reply of any status is a success of the call; f->err tells of no reply.
 * Redirects are not followed. Replies are at most reply_max bytes.
 */
#ifndef GAVEL_FETCH_H
#define GAVEL_FETCH_H

#include "json.h"
#include "task.h"

struct fetch {
	const char *method; /* NULL: GET */
	const char *url;
	const char *body; /* NULL: none; sent as application/json */
	size_t body_len;
	const char *content_type; /* NULL: application/json */
	const char *bearer;	  /* NULL: none */
	const char *idempotency_key;
	const char *last_event_id;
	const struct hash *pin; /* the server's public key, instead of a CA */
	const char *ca_path;	/* extra CA, NULL: the system's */
	int64_t timeout_us;	/* 0: 30 s */
	size_t reply_max;	/* 0: 1 MiB */
	/* Called with each piece instead of gathering a reply; false ends the call. */
	bool (*on_data)(void *ctx, const char *data, size_t len);
	void *on_data_ctx;
	/* results */
	int status;  /* 0: no reply */
	char *reply; /* NUL-ended, in the arena */
	size_t reply_len;
	struct err err;
};

int fetch_now(struct arena *a, struct fetch *f, struct err *e) mustcheck;
enum next fetch_start(struct task *t, struct fetch *f);
/* After the call: -1 when there was no reply, or when the status is not 2xx;
 * then e is made of the problem document (code, detail). */
int fetch_check(struct arena *a, const struct fetch *f, struct err *e) mustcheck;

/* A stream of server-sent events (WHATWG HTML, section 9.2) that reconnects by
 * itself with Last-Event-ID and a back-off of 0.2 to 5 s. */
struct sse_event {
	const char *id, *type, *data;
};
struct sse;
struct sse *
sse_open(struct loop *l, const char *url, const char *bearer, const struct hash *pin,
	 const char *last_event_id, void (*on_event)(void *ctx, const struct sse_event *ev),
	 void (*on_state)(void *ctx, bool connected, const struct err *e), void *ctx);
void sse_close(struct sse *s);

/* Incremental reader of the same format, for the command line: feed pieces,
 * on_event is called for each whole event. */
struct sse_reader {
	char *buf;
	size_t len, size;
	void (*on_event)(void *ctx, const struct sse_event *ev);
	void *ctx;
};
void sse_reader_feed(struct sse_reader *r, const char *data, size_t len);
void sse_reader_release(struct sse_reader *r);

#endif
