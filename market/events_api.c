/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed: gavel.event, read once per process and given to every stream and
 * to every request that waits. A poke from the clerk shortens the wait; a
 * timer makes its loss harmless.
 *
 * GET /v1/events as server-sent events: id is the event's number, so
 * Last-Event-ID (or ?since=) continues exactly where a client left off. ?topics=
 * names the kinds that are wanted.
 */
#include <inttypes.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "market/web.h"
#include "query.h"

#define POLL_US	     (500 * MILLI_US)
#define HEARTBEAT_US (15 * SECOND_US)
#define PAGE	     500
#define BACKLOG_MAX  ((size_t)4 * 1024 * 1024)

struct stream {
	struct stream *next;
	struct feed *feed;
	struct request *r;
	int64_t seq;	 /* the last one given */
	bool behind;	 /* catches up by itself before it joins */
	char topics[64]; /* "order,tick": what it wants; empty: all but ticks */
	bool gone;
};

struct waiter {
	struct waiter *next;
	struct task *task;
	bool died;
	char subject[ID_TEXT_SIZE];
};

struct feed {
	struct web *web;
	struct timer *timer, *heartbeat;
	int64_t seq; /* the last one read; -1: not known yet */
	bool busy, again;
	struct stream *streams;
	struct waiter *waiters;
};

/* ------------------------------------------------------------------ */
/* Giving.                                                             */

static void
stream_end(struct stream *s)
{
	struct stream **at;

	for (at = &s->feed->streams; *at != NULL && *at != s; at = &(*at)->next)
		;
	if (*at != NULL)
		*at = s->next;
	request_stream_end(s->r);
	free(s);
}

static void
stream_gone(struct request *r, void *arg)
{
	struct stream *s = arg;

	(void)r;
	s->gone = true; /* ended at the next turn of the feed */
}

/* "tick.closed" is of topic "tick". Of ticks only those hear who ask: there are many. */
static bool
wants(const struct stream *s, const char *type)
{
	size_t n = strcspn(type, ".");

	if (s->topics[0] == '\0')
		return n != 4 || strncmp(type, "tick", n) != 0;
	for (const char *at = s->topics; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == n && strncmp(at, type, n) == 0)
			return true;
	return false;
}

/* One event as text, for all. */
static const char *
event_text(struct arena *a, const struct batch *b, size_t row)
{
	return arena_printf(a, "id: %" PRId64 "\nevent: %s\ndata: %s\n\n",
			    row_int(b, 0, row, "seq"), row_text(b, 0, row, "type"),
			    row_text(b, 0, row, "data"));
}

static void
wake_waiters(struct feed *f, const char *subject)
{
	struct waiter **at = &f->waiters, *w;

	while ((w = *at) != NULL) {
		if (!w->died && strcmp(w->subject, subject) != 0) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (!w->died) {
			w->task->died = NULL;
			task_wake(w->task);
		}
		free(w);
	}
}

static void
give(struct feed *f, struct task *t, const struct batch *b)
{
	for (size_t i = 0; i < rows_count(b, 0); i++) {
		int64_t seq = row_int(b, 0, i, "seq");
		const char *text = event_text(&t->arena, b, i);

		f->seq = MAX(f->seq, seq);
		for (struct stream *s = f->streams; s != NULL; s = s->next) {
			if (s->gone || s->behind || seq <= s->seq)
				continue;
			s->seq = seq;
			if (wants(s, row_text(b, 0, i, "type")))
				request_stream_send(s->r, text, strlen(text));
		}
		wake_waiters(f, row_text(b, 0, i, "subject"));
	}
}

/* ------------------------------------------------------------------ */
/* Reading.                                                            */

static enum next
feed_read(struct task *t)
{
	struct feed *f = t->owner;
	struct batch **b = t->state;

	*b = batch_new(t);
	if (f->seq < 0)
		q_event_last(*b, 0);
	else
		q_events_after(*b, f->seq, PAGE);
	return db_run(t, f->web->db, *b);
}

static enum next
feed_give(struct task *t)
{
	struct feed *f = t->owner;
	struct batch **b = t->state;

	if (batch_failed(*b, &t->err))
		return TASK_FAIL;
	if (f->seq < 0) {
		f->seq = row_int(*b, 0, 0, "seq");
		return TASK_DONE;
	}
	give(f, t, *b);
	f->again = f->again || rows_count(*b, 0) == PAGE;
	return TASK_DONE;
}

static const struct step feed_steps[] = { { "read", feed_read }, { "give", feed_give }, STEP_END };

static void feed_start(void *arg);

static void
feed_done(struct task *t)
{
	struct feed *f = t->owner;
	struct stream *next;

	f->busy = false;
	if (t->err.code != NULL)
		log_warn("feed.failed", "error=\"%s\"", t->err.text);
	for (struct stream *s = f->streams; s != NULL; s = next) {
		next = s->next;
		if (s->gone || request_stream_backlog(s->r) > BACKLOG_MAX)
			stream_end(s);
	}
	if (f->again)
		feed_start(f);
}

static void
feed_start(void *arg)
{
	struct feed *f = arg;

	f->again = f->busy;
	if (f->busy)
		return;
	f->busy = true;
	task_new(&f->web->loop, "feed", feed_steps, sizeof(struct batch *), 10 * SECOND_US,
		 feed_done, f);
}

static void
feed_heartbeat(void *arg)
{
	struct feed *f = arg;

	for (struct stream *s = f->streams; s != NULL; s = s->next)
		if (!s->gone)
			request_stream_send(s->r, ": beat\n\n", 8);
}

struct feed *
feed_open(struct web *w)
{
	struct feed *f = xcalloc(1, sizeof(*f));

	f->web = w;
	f->seq = -1;
	f->timer = timer_every(&w->loop, 0, POLL_US, feed_start, f);
	f->heartbeat = timer_every(&w->loop, HEARTBEAT_US, HEARTBEAT_US, feed_heartbeat, f);
	return f;
}

void
feed_poke(struct feed *f)
{
	feed_start(f);
}

enum next
feed_wait(struct task *t, struct feed *f, const char *subject, int64_t us)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->task = t;
	t->died = &w->died;
	snprintf(w->subject, sizeof(w->subject), "%s", subject);
	w->next = f->waiters;
	f->waiters = w;
	return task_sleep(t, us);
}

void
feed_unwait(struct task *t, struct feed *f)
{
	struct waiter **at = &f->waiters, *w;

	while ((w = *at) != NULL) {
		if (w->died || w->task != t) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		t->died = NULL;
		free(w);
	}
}

/* ------------------------------------------------------------------ */
/* A new stream catches up page by page, then joins the feed.          */

struct catch_up {
	struct stream *stream;
	struct batch *b;
};

static enum next
catch_up_read(struct task *t)
{
	struct catch_up *c = t->state;

	if (c->stream->gone)
		return TASK_DONE;
	c->b = batch_new(t);
	q_events_after(c->b, c->stream->seq, PAGE);
	return db_run(t, c->stream->feed->web->db, c->b);
}

static enum next
catch_up_give(struct task *t)
{
	struct catch_up *c = t->state;
	size_t count;

	if (batch_failed(c->b, &t->err))
		return TASK_FAIL;
	count = rows_count(c->b, 0);
	for (size_t i = 0; i < count && !c->stream->gone; i++) {
		const char *text = event_text(&t->arena, c->b, i);

		c->stream->seq = row_int(c->b, 0, i, "seq");
		if (wants(c->stream, row_text(c->b, 0, i, "type")))
			request_stream_send(c->stream->r, text, strlen(text));
	}
	/* The feed may be ahead of this page: go on until it is not. */
	if (count == PAGE || c->stream->seq < c->stream->feed->seq)
		return count > 0 ? task_jump(t, catch_up_read) : TASK_DONE;
	return TASK_DONE;
}

static const struct step catch_up_steps[] = { { "read", catch_up_read },
					      { "give", catch_up_give },
					      STEP_END };

static void
catch_up_done(struct task *t)
{
	struct catch_up *c = t->state;

	c->stream->behind = false;
	if (t->err.code != NULL)
		c->stream->gone = true;
}

void
events_stream(struct request *r)
{
	struct web *w = r->ctx;
	const char *since = request_header(r, "Last-Event-ID");
	const char *topics = request_query(r, "topics");
	struct stream *s = xcalloc(1, sizeof(*s));
	struct catch_up *c;
	struct task *t;

	if (since == NULL)
		since = request_query(r, "since");
	s->feed = w->feed;
	s->r = r;
	s->seq = since != NULL ? strtoll(since, NULL, 10) : MAX(w->feed->seq, (int64_t)0);
	s->behind = true;
	snprintf(s->topics, sizeof(s->topics), "%s", topics != NULL ? topics : "");
	s->next = w->feed->streams;
	w->feed->streams = s;
	request_stream_begin(r, 200, "text/event-stream", stream_gone, s);
	request_stream_send(r, ": hello\n\n", 9);
	t = task_new(&w->loop, "catch_up", catch_up_steps, sizeof(*c), 60 * SECOND_US,
		     catch_up_done, NULL);
	c = t->state;
	c->stream = s;
}
