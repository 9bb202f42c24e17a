/* SPDX-License-Identifier: Apache-2.0 */
#include "tenant/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease/frames.h"
#include "tenant/terminal.h"

#define PIPE_BROKEN 141 /* 128 + SIGPIPE */

struct run {
	struct loop loop;
	struct stream *s;
	struct ws *ws;
	struct event *on_in, *signals[4];
	struct err err;
	bool polled; /* stdin is a file: always readable, and epoll will not have it */
	bool ended, full;
};

static void
run_stop(struct run *r)
{
	loop_stop(&r->loop);
}

static void
size_send(struct run *r)
{
	struct frame_resize size;
	struct arena a;
	const char *text;

	terminal_size(&size.rows, &size.cols);
	arena_init(&a, 0);
	text = json_encode(&a, frame_resize_fields, &size);
	ws_send(r->ws, FRAME_RESIZE, text, strlen(text));
	arena_release(&a);
}

static void
in_again(struct run *r)
{
	struct timeval now = { 0, 0 };

	if (r->polled)
		event_add(r->on_in, &now);
	else
		event_add(r->on_in, NULL);
}

static void
on_input(evutil_socket_t fd, short what, void *arg)
{
	struct run *r = arg;
	char buf[FRAMES_DATA_MAX];
	ssize_t n = read(r->s->in, buf, sizeof(buf));

	(void)fd;
	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		in_again(r);
		return;
	}
	if (n <= 0) {
		ws_send(r->ws, FRAME_STDIN, NULL, 0);
		return;
	}
	ws_send(r->ws, FRAME_STDIN, buf, (size_t)n);
	if (r->s->out < 0)
		r->s->bytes += (uint64_t)n;
	if (r->s->on_bytes != NULL)
		r->s->on_bytes(r->s);
	r->full = ws_backlog(r->ws) > WS_BACKLOG_HIGH;
	if (!r->full)
		in_again(r);
}

static void
on_drain(void *ctx)
{
	struct run *r = ctx;

	if (r->full)
		in_again(r);
	r->full = false;
}

static void
on_open(void *ctx)
{
	struct run *r = ctx;
	struct stat st;

	if (r->s->terminal && terminal_raw(&r->err) < 0) {
		run_stop(r);
		return;
	}
	/* The window may have changed since the request was made. */
	if (r->s->terminal)
		size_send(r);
	if (r->s->in < 0)
		return;
	r->polled = fstat(r->s->in, &st) != 0 || S_ISREG(st.st_mode) ||
		    (S_ISCHR(st.st_mode) && isatty(r->s->in) != 1);
	r->on_in = event_new(r->loop.base, r->polled ? -1 : r->s->in, r->polled ? 0 : EV_READ,
			     on_input, r);
	if (r->on_in == NULL)
		fatal("out of memory");
	in_again(r);
}

static void
write_all(struct run *r, int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r->s->status = PIPE_BROKEN;
			r->ended = true;
			run_stop(r);
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

static void
words_add(struct stream *s, const uint8_t *data, size_t len)
{
	size_t at = strlen(s->words), room = sizeof(s->words) - 1 - at;

	for (size_t i = 0; i < MIN(len, room); i++)
		s->words[at + i] = data[i] >= ' ' || data[i] == '\n' ? (char)data[i] : '?';
}

static void
on_end_frame(struct run *r, enum frame_kind kind, const uint8_t *data, size_t len)
{
	struct frame_exit x = { 255 };
	struct frame_error error;
	struct arena a;

	arena_init(&a, 0);
	if (kind == FRAME_EXIT &&
	    json_decode(&a, (const char *)data, len, frame_exit_fields, &x, &r->err) == 0) {
		r->s->status = (int)x.status;
		r->ended = true;
	} else if (kind == FRAME_ERROR && json_decode(&a, (const char *)data, len,
						      frame_error_fields, &error, &r->err) == 0) {
		err_set(&r->err, &ERR_UNREACHABLE, "%.200s", error.detail);
	}
	arena_release(&a);
}

static void
on_message(void *ctx, const uint8_t *message, size_t message_len)
{
	struct run *r = ctx;
	enum frame_kind kind;
	const uint8_t *data;
	size_t len;

	if (!frame_read(message, message_len, &kind, &data, &len))
		return;
	if (kind == FRAME_STDOUT && r->s->out >= 0) {
		write_all(r, r->s->out, data, len);
		r->s->bytes += len;
		if (r->s->on_bytes != NULL)
			r->s->on_bytes(r->s);
	} else if (kind == FRAME_STDERR) {
		if (r->s->keep_words)
			words_add(r->s, data, len);
		else
			write_all(r, STDERR_FILENO, data, len);
	} else if (kind == FRAME_EXIT || kind == FRAME_ERROR) {
		on_end_frame(r, kind, data, len);
	}
}

static void
on_closed(void *ctx, const struct err *e)
{
	struct run *r = ctx;

	if (!r->ended && r->err.code == NULL && e->code != NULL)
		r->err = *e;
	run_stop(r);
}

static const struct ws_events events = {
	.on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_closed = on_closed
};

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct run *r = arg;

	(void)what;
	if (signo == SIGWINCH) {
		if (r->s->terminal)
			size_send(r);
		return;
	}
	/* Leaving closes the connection, and that ends the command. */
	r->s->status = 128 + (int)signo;
	r->ended = true;
	run_stop(r);
}

int
stream_run(const struct lease_ref *l, struct stream *s, struct err *e)
{
	static const int signos[] = { SIGWINCH, SIGINT, SIGTERM, SIGHUP };
	struct run r = { .s = s };

	if (loop_init(&r.loop, e) < 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < NELEMS(signos); i++) {
		r.signals[i] = evsignal_new(r.loop.base, signos[i], on_signal, &r);
		event_add(r.signals[i], NULL);
	}
	r.ws = provider_socket(&r.loop, &l->gateway, s->path, s->protocol, &events, &r, e);
	if (r.ws == NULL)
		return -1;
	loop_run(&r.loop);
	terminal_restore();
	ws_free(r.ws);
	if (r.on_in != NULL)
		event_free(r.on_in);
	for (size_t i = 0; i < NELEMS(signos); i++)
		event_free(r.signals[i]);
	loop_release(&r.loop);
	if (r.ended)
		return 0;
	if (r.err.code == NULL)
		err_set(&r.err, &ERR_UNREACHABLE, "the connection ended before the command did");
	*e = r.err;
	return -1;
}
