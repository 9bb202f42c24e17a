/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/leases/{lease}/logs: what the shims wrote, oldest first, all units
 * merged by time; lines as in lease/frames.h, byte for byte.
 *	service=, copy=   of these only		stream=stdout|stderr
 *	since=RFC3339	  not older		tail=N	the last N of those
 *	follow=1	  goes on until the lease has ended, over restarts
 * The files are read in pieces between other events: first, for tail, to count,
 * then to send, at the client's pace.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease/frames.h"
#include "lib/clock.h"
#include "provider/gateway/session.h"

#define FOLLOW_US   (100 * MILLI_US)
#define WORK_US	    MILLI_US
#define TURN_BYTES  ((size_t)1024 * 1024)
#define BUFFER_SIZE ((size_t)64 * 1024)
#define BACKLOG_MAX ((size_t)1024 * 1024)

static const struct code LOGS_GONE = { "logs_gone", NOT_FOUND,
				       "the lease has ended, and its logs were removed" };

/* The log of one unit: log.1, then log, then whatever takes its place. */
struct source {
	char dir[400], label[80];
	int old, now; /* -1: not there, or read to its end (old) */
	ino_t inode;  /* of now */
	size_t at, len;
	bool has_line;
	struct log_line line;
	size_t line_len;
	char buf[BUFFER_SIZE];
};

struct reader {
	struct request *r;
	struct agent *agent;
	struct hash lease;
	struct timer *timer;
	struct source *sources;
	size_t count;
	char since[TIME_TEXT_SIZE]; /* "": all */
	char stream;		    /* 'o', 'e'; 0: all */
	bool follow, gone, counting, waiting;
	uint64_t seen, skip, tail;
};

/* ------------------------------------------------------------------ */
/* One unit.                                                           */

static int
log_open(const struct source *s, const char *name)
{
	char path[480];

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static ino_t
inode_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void
source_close(struct source *s)
{
	if (s->old >= 0)
		close(s->old);
	if (s->now >= 0)
		close(s->now);
	s->old = s->now = -1;
	s->at = s->len = 0;
	s->has_line = false;
}

static void
source_open(struct source *s)
{
	s->now = log_open(s, "log");
	s->inode = inode_of(s->now);
	s->old = log_open(s, "log.1");
	/* The ring turned between the two: it is one file. */
	if (s->old >= 0 && inode_of(s->old) == s->inode) {
		close(s->old);
		s->old = -1;
	}
}

/* The ring has turned: go on with the new file, when the old is read to its end. */
static bool
source_turn(struct source *s)
{
	char path[480];
	struct stat st;

	snprintf(path, sizeof(path), "%s/log", s->dir);
	if (stat(path, &st) != 0 || (s->now >= 0 && st.st_ino == s->inode))
		return false;
	if (s->now >= 0)
		close(s->now);
	s->now = log_open(s, "log");
	s->inode = inode_of(s->now);
	return s->now >= 0;
}

/* More bytes into the buffer; 0: nothing there now. */
static size_t
source_fill(struct source *s)
{
	ssize_t n = 0;

	memmove(s->buf, s->buf + s->at, s->len - s->at);
	s->len -= s->at;
	s->at = 0;
	if (s->old >= 0) {
		n = read(s->old, s->buf + s->len, sizeof(s->buf) - s->len);
		if (n <= 0) {
			close(s->old);
			s->old = -1;
		}
	}
	if (n <= 0 && s->now >= 0)
		n = read(s->now, s->buf + s->len, sizeof(s->buf) - s->len);
	if (n <= 0 && source_turn(s))
		n = read(s->now, s->buf + s->len, sizeof(s->buf) - s->len);
	s->len += n > 0 ? (size_t)n : 0;
	return n > 0 ? (size_t)n : 0;
}

/* The next whole line into s->line; bytes read are added to *used. */
static bool
source_next(struct source *s, size_t *used)
{
	while (!s->has_line) {
		char *end = memchr(s->buf + s->at, '\n', s->len - s->at);

		if (end == NULL) {
			size_t n = s->len - s->at < sizeof(s->buf) ? source_fill(s) : 0;

			if (n == 0 && s->len - s->at == sizeof(s->buf))
				s->at = s->len; /* no line of ours is so long */
			if (n == 0)
				return false;
			*used += n;
			continue;
		}
		s->line_len = (size_t)(end - (s->buf + s->at));
		s->has_line = log_line_read(s->buf + s->at, s->line_len, false, &s->line);
		if (!s->has_line)
			s->at += s->line_len + 1;
	}
	return true;
}

static void
source_take(struct source *s)
{
	s->at += s->line_len + 1;
	s->has_line = false;
}

/* ------------------------------------------------------------------ */
/* All of them.                                                        */

static void
reader_free(struct reader *l)
{
	for (size_t i = 0; i < l->count; i++)
		source_close(&l->sources[i]);
	ticket_give(l->agent, &l->lease, TICKET_LOGS);
	timer_free(l->timer);
	request_stream_end(l->r);
	free(l->sources);
	free(l);
}

static void
reader_gone(struct request *r, void *arg)
{
	(void)r;
	((struct reader *)arg)->gone = true;
}

static struct source *
reader_oldest(struct reader *l, size_t *used)
{
	struct source *best = NULL;

	for (size_t i = 0; i < l->count; i++) {
		struct source *s = &l->sources[i];

		if (source_next(s, used) &&
		    (best == NULL || memcmp(s->line.time, best->line.time, FRAMES_TIME_LEN) < 0))
			best = s;
	}
	return best;
}

static bool
is_wanted(const struct reader *l, const struct log_line *line)
{
	if (l->since[0] != '\0' && memcmp(line->time, l->since, FRAMES_TIME_LEN) < 0)
		return false;
	return l->stream == 0 || line->stream == l->stream;
}

static void
line_add(const struct source *s, char *out, size_t *out_len)
{
	size_t label = strlen(s->label);

	memcpy(out + *out_len, s->label, label);
	*out_len += label;
	out[(*out_len)++] = ' ';
	memcpy(out + *out_len, s->buf + s->at, s->line_len + 1); /* with its end */
	*out_len += s->line_len + 1;
}

/* A piece of work; true when all that is there now has been read. */
static bool
reader_turn(struct reader *l)
{
	static char out[2 * BUFFER_SIZE];
	size_t used = 0, out_len = 0;
	struct source *s = NULL;

	while (used < TURN_BYTES && request_stream_backlog(l->r) < BACKLOG_MAX &&
	       (s = reader_oldest(l, &used)) != NULL) {
		if (is_wanted(l, &s->line) && ++l->seen > l->skip && !l->counting) {
			if (out_len + s->line_len + sizeof(s->label) + 2 > sizeof(out)) {
				request_stream_send(l->r, out, out_len);
				out_len = 0;
			}
			line_add(s, out, &out_len);
		}
		source_take(s);
	}
	request_stream_send(l->r, out, out_len);
	return s == NULL && used < TURN_BYTES && request_stream_backlog(l->r) < BACKLOG_MAX;
}

static bool
has_ended(const struct reader *l)
{
	struct err ignored = ERR_NONE;
	struct arena a;
	struct work w;
	bool ended;

	arena_init(&a, 0);
	ended = book_get(l->agent->book, &a, &l->lease, &w, &ignored) != 1 || w.state >= WORK_ENDED;
	arena_release(&a);
	return ended;
}

static void reader_work(void *arg);

static void
reader_every(struct reader *l, int64_t us)
{
	timer_free(l->timer);
	l->timer = timer_every(&l->agent->loop, us, us, reader_work, l);
}

/* Counted: now from the beginning again, past all but the last. */
static void
reader_again(struct reader *l)
{
	l->counting = false;
	l->skip = l->seen > l->tail ? l->seen - l->tail : 0;
	l->seen = 0;
	for (size_t i = 0; i < l->count; i++) {
		source_close(&l->sources[i]);
		source_open(&l->sources[i]);
	}
}

static void
reader_work(void *arg)
{
	struct reader *l = arg;
	bool ended = l->follow && !l->counting && has_ended(l), all;

	if (l->gone) {
		reader_free(l);
		return;
	}
	all = reader_turn(l);
	if (!all)
		return;
	if (l->counting)
		reader_again(l);
	else if (!l->follow || ended) /* looked at before the last read */
		reader_free(l);
	else if (!l->waiting) {
		l->waiting = true;
		l->skip = 0; /* all that comes from now on is wanted */
		reader_every(l, FOLLOW_US);
	}
}

/* ------------------------------------------------------------------ */

static void
source_name(struct reader *l, struct source *s, const struct work *w, const struct manifest *m,
	    uint32_t unit)
{
	struct arena *a = &l->r->arena;
	struct jail_ref ref;

	work_ref(w, unit, &ref);
	snprintf(s->dir, sizeof(s->dir), "%s", jail_log_dir(a, &l->agent->jail_config, &ref));
	snprintf(s->label, sizeof(s->label), "%s", work_unit_label(a, w, m, unit));
	s->old = s->now = -1;
	source_open(s);
}

/* Which units are asked for. */
static int
sources_choose(struct reader *l, const struct work *w, struct err *e)
{
	const char *service = request_query(l->r, "service"), *copy = request_query(l->r, "copy");
	struct arena *a = &l->r->arena;
	struct manifest m;
	uint32_t only = 0;

	if (work_manifest(a, w, &m, e) < 0)
		return -1;
	if ((service != NULL || copy != NULL) &&
	    work_unit_find(a, w, service, query_number(l->r, "copy"), &only, e) < 0)
		return -1;
	l->sources = xcalloc(w->unit_count + 1, sizeof(*l->sources));
	for (uint32_t u = 0; u < w->unit_count; u++)
		if ((service == NULL && copy == NULL) || u == only ||
		    (w->units[u].service == w->units[only].service &&
		     (copy == NULL || w->units[u].copy == w->units[only].copy)))
			source_name(l, &l->sources[l->count++], w, &m, u);
	return 0;
}

static int
reader_read(struct reader *l, struct err *e)
{
	const char *since = request_query(l->r, "since"), *tail = request_query(l->r, "tail"),
		   *stream = request_query(l->r, "stream"), *follow = request_query(l->r, "follow");
	wall_t at;

	if (since != NULL) {
		if (time_read(since, &at, e) < 0)
			return err_field(e, &ERR_BAD_DATA, "/since", "since: %s", e->text);
		time_text(at, l->since);
	}
	if (stream != NULL) {
		if (strcmp(stream, "stdout") != 0 && strcmp(stream, "stderr") != 0)
			return err_field(e, &ERR_BAD_DATA, "/stream", "stream: stdout or stderr");
		l->stream = stream[3] == 'o' ? 'o' : 'e'; /* std[o]ut, std[e]rr */
	}
	if (tail != NULL) {
		l->tail = strtoull(tail, NULL, 10);
		l->counting = true;
	}
	l->follow = follow != NULL && strcmp(follow, "1") == 0;
	return 0;
}

void
logs_show(struct request *r)
{
	struct agent *g = r->ctx;
	struct err e = ERR_NONE;
	struct reader *l;
	struct hash lease;
	struct work w;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "logs", &lease, &w))
		return;
	l = xcalloc(1, sizeof(*l));
	l->r = r;
	l->agent = g;
	l->lease = lease;
	if (w.state == WORK_FORGOTTEN)
		err_set(&e, &LOGS_GONE, "they were kept for %u s", g->settings->log_keep_s);
	else if (reader_read(l, &e) == 0 && sources_choose(l, &w, &e) == 0)
		(void)!ticket_take(g, &lease, TICKET_LOGS, &e);
	if (e.code != NULL) {
		for (size_t i = 0; i < l->count; i++)
			source_close(&l->sources[i]);
		free(l->sources);
		free(l);
		request_fail(r, &e);
		return;
	}
	request_stream_begin(r, 200, "text/plain; charset=utf-8", reader_gone, l);
	reader_every(l, WORK_US);
}
