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

#define POLL_US	       (500 * MILLI_US)
#define HEARTBEAT_US   (15 * SECOND_US)
#define PAGE	       500
#define CATCH_UPS_MAX  32
#define GATHER_EACH_US 20 /* for each stream, and */
#define GATHER_MAX_US  (20 * MILLI_US)
#define BACKLOG_MAX    ((size_t)4 * 1024 * 1024)

struct stream {
	struct stream *next, **at; /* what points here */
	struct feed *feed;
	struct request *r;
	int64_t seq;	      /* the last one given */
	bool behind;	      /* catches up by itself before it joins; not ended meanwhile */
	struct stream *later; /* waits for its turn to catch up after this one */
	char topics[64];      /* "order,tick": what it wants; empty: all but ticks */
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
	mono_t read_at; /* when it was last begun to be read */
	struct stream *streams;
	size_t stream_count;
	struct stream *late, **late_end;
	unsigned catching;
	struct waiter *waiters;
};

/* ------------------------------------------------------------------ */
/* Giving.                                                             */

static void
stream_end(struct stream *s)
{
	*s->at = s->next;
	if (s->next != NULL)
		s->next->at = s->at;
	s->feed->stream_count--;
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

/* The events of a page as one text; at[i] is where the i-th begins, at[count] the end. */
static const char *
page_text(struct arena *a, const struct batch *b, size_t *at, size_t *len)
{
	size_t count = rows_count(b, 0);
	const char **texts = arena_alloc(a, (count + 1) * sizeof(*texts));
	char *text, *end;

	*len = 0;
	for (size_t i = 0; i < count; i++) {
		texts[i] = event_text(a, b, i);
		at[i] = *len;
		*len += strlen(texts[i]);
	}
	at[count] = *len;
	text = end = arena_alloc(a, *len + 1);
	for (size_t i = 0; i < count; i++)
		end = stpcpy(end, texts[i]);
	return text;
}

/* One write for each stream, whatever the number of events. */
static void
give(struct feed *f, struct task *t, const struct batch *b)
{
	size_t count = rows_count(b, 0), len;
	size_t *at = arena_alloc(&t->arena, (count + 1) * sizeof(*at));
	const char *text = page_text(&t->arena, b, at, &len);
	int64_t *seq = arena_alloc(&t->arena, (count + 1) * sizeof(*seq));

	for (size_t i = 0; i < count; i++) {
		seq[i] = row_int(b, 0, i, "seq");
		f->seq = MAX(f->seq, seq[i]);
	}
	for (struct stream *s = f->streams; s != NULL; s = s->next) {
		size_t i = 0;

		while (i < count && seq[i] <= s->seq)
			i++;
		if (s->gone || s->behind || i == count)
			continue;
		s->seq = f->seq;
		while (i < count) { /* what it wants, as far as it stands together */
			size_t first = i;

			while (i < count && wants(s, row_text(b, 0, i, "type")))
				i++;
			if (i > first)
				request_stream_send(s->r, text + at[first], at[i] - at[first]);
			i++;
		}
	}
	for (size_t i = 0; i < count; i++)
		wake_waiters(f, row_text(b, 0, i, "subject"));
}

/* ------------------------------------------------------------------ */
/* Reading.                                                            */

static enum next
feed_read(struct task *t)
{
	struct feed *f = t->owner;
	struct batch **b = t->state;

	f->read_at = clock_mono();
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

/* With many streams events gather for up to 20 ms: a stream costs a write each time. */
static enum next
feed_gather(struct task *t)
{
	struct feed *f = t->owner;
	int64_t pause = MIN((int64_t)f->stream_count * GATHER_EACH_US, GATHER_MAX_US);
	mono_t now = clock_mono();

	return now < f->read_at + pause ? task_sleep(t, f->read_at + pause - now) : TASK_NEXT;
}

static const struct step feed_steps[] = {
	{ "gather", feed_gather }, { "read", feed_read }, { "give", feed_give }, STEP_END
};

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
		if (!s->behind && (s->gone || request_stream_backlog(s->r) > BACKLOG_MAX))
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
	f->late_end = &f->late;
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

static void catch_up_more(struct feed *f);

static void
catch_up_done(struct task *t)
{
	struct catch_up *c = t->state;
	struct feed *f = c->stream->feed;

	c->stream->behind = false;
	if (t->err.code != NULL)
		c->stream->gone = true;
	f->catching--;
	catch_up_more(f);
}

/* After a restart of ours all come at once: a few at a time, so that the database has
 * room for others. */
static void
catch_up_more(struct feed *f)
{
	while (f->late != NULL && f->catching < CATCH_UPS_MAX) {
		struct stream *s = f->late;
		struct task *t =
			task_new(&f->web->loop, "catch_up", catch_up_steps, sizeof(struct catch_up),
				 60 * SECOND_US, catch_up_done, NULL);

		f->late = s->later;
		((struct catch_up *)t->state)->stream = s;
		f->catching++;
	}
	if (f->late == NULL)
		f->late_end = &f->late;
}

static void
catch_up(struct stream *s)
{
	struct feed *f = s->feed;

	s->behind = true;
	*f->late_end = s;
	f->late_end = &s->later;
	catch_up_more(f);
}

void
events_stream(struct request *r)
{
	struct feed *f = ((struct web *)r->ctx)->feed;
	const char *since = request_header(r, "Last-Event-ID");
	const char *topics = request_query(r, "topics");
	struct stream *s = xcalloc(1, sizeof(*s));

	if (since == NULL)
		since = request_query(r, "since");
	s->feed = f;
	s->r = r;
	s->seq = since != NULL ? strtoll(since, NULL, 10) : MAX(f->seq, (int64_t)0);
	s->next = f->streams;
	s->at = &f->streams;
	if (s->next != NULL)
		s->next->at = &s->next;
	f->streams = s;
	f->stream_count++;
	snprintf(s->topics, sizeof(s->topics), "%s", topics != NULL ? topics : "");
	request_stream_begin(r, 200, "text/event-stream", stream_gone, s);
	request_stream_send(r, ": hello\n\n", 9);
	if (f->seq < 0 || s->seq < f->seq) /* else it has missed nothing */
		catch_up(s);
}
