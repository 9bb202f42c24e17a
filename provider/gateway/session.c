/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/gateway/session.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lease/frames.h"
#include "provider/jail/exec.h"

#define STDIN_HIGH ((size_t)256 * 1024)
#define STDIN_LOW  ((size_t)64 * 1024)
#define TURN_READS 16 /* then others have their turn */
#define END_OF_TTY "\004"

const struct code TOO_MANY_SESSIONS = { "too_many_sessions", LIMIT,
					"the lease has as many of these open as it may" };

/* ------------------------------------------------------------------ */
/* Tickets.                                                            */

struct tickets {
	struct tickets *next;
	struct hash lease;
	unsigned count[TICKET_KINDS];
};

static const unsigned ticket_most[TICKET_KINDS] = { 16, 128, 16 };

int
ticket_take(struct agent *g, const struct hash *lease, enum ticket_kind kind, struct err *e)
{
	struct tickets *t = g->tickets;

	while (t != NULL && !hash_equal(&t->lease, lease))
		t = t->next;
	if (t == NULL) {
		t = xcalloc(1, sizeof(*t));
		t->lease = *lease;
		t->next = g->tickets;
		g->tickets = t;
	}
	if (t->count[kind] >= ticket_most[kind])
		return err_set(e, &TOO_MANY_SESSIONS, "%u are open", t->count[kind]);
	t->count[kind]++;
	return 0;
}

void
ticket_give(struct agent *g, const struct hash *lease, enum ticket_kind kind)
{
	for (struct tickets **at = &g->tickets, *t; (t = *at) != NULL; at = &t->next) {
		unsigned left = 0;

		if (!hash_equal(&t->lease, lease))
			continue;
		t->count[kind]--;
		for (size_t i = 0; i < TICKET_KINDS; i++)
			left += t->count[i];
		if (left == 0) {
			*at = t->next;
			free(t);
		}
		return;
	}
}

/* ------------------------------------------------------------------ */
/* A command under way.                                                */

struct session {
	struct agent *agent;
	struct hash lease;
	struct ws *ws;
	struct event *on[JAIL_EXEC_FDS];
	int fds[JAIL_EXEC_FDS];
	int console; /* where the terminal will come from; -1: has come, or none */
	struct event *on_console;
	struct evbuffer *input; /* not yet taken by the command */
	struct winsize size;
	bool terminal, input_ended, ending, over;
	int32_t status;
	char text[400];
};

static void
end_shut(struct session *s, unsigned which)
{
	if (s->on[which] != NULL)
		event_free(s->on[which]);
	s->on[which] = NULL;
	if (s->fds[which] >= 0)
		close(s->fds[which]);
	s->fds[which] = -1;
}

static void
console_shut(struct session *s)
{
	if (s->on_console != NULL)
		event_free(s->on_console);
	s->on_console = NULL;
	if (s->console >= 0)
		close(s->console);
	s->console = -1;
}

static void
on_closed(void *ctx, const struct err *e)
{
	struct session *s = ctx;

	(void)e;
	for (unsigned i = 0; i < JAIL_EXEC_FDS; i++)
		end_shut(s, i);
	console_shut(s);
	evbuffer_free(s->input);
	ticket_give(s->agent, &s->lease, TICKET_COMMAND);
	ws_free(s->ws);
	free(s);
}

static void
session_over(struct session *s)
{
	struct frame_exit x = { (uint32_t)s->status & 255 };
	const char *text;
	struct arena a;

	if (s->over)
		return;
	s->over = true;
	end_shut(s, JAIL_STDIN);
	if (s->text[0] != '\0')
		ws_send(s->ws, FRAME_STDERR, s->text, strlen(s->text));
	arena_init(&a, 0);
	text = json_encode(&a, frame_exit_fields, &x);
	ws_send(s->ws, FRAME_EXIT, text, strlen(text));
	arena_release(&a);
	ws_close(s->ws);
}

/* Read one output while the client keeps up. When the command has ended, what
 * it wrote is in the pipe already: an empty pipe is the end, though a child of
 * the command may hold the other end open for years. */
static void
output_turn(struct session *s, unsigned which, enum frame_kind kind)
{
	char buf[FRAMES_DATA_MAX];
	ssize_t n;

	for (int reads = 0; s->fds[which] >= 0 && reads < TURN_READS; reads++) {
		if (ws_backlog(s->ws) > WS_BACKLOG_HIGH) {
			event_del(s->on[which]); /* on_drain() adds it again */
			return;
		}
		n = read(s->fds[which], buf, sizeof(buf));
		if (n > 0) {
			ws_send(s->ws, kind, buf, (size_t)n);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR) || s->ending) {
			if (n == 0 && kind == FRAME_STDOUT)
				ws_send(s->ws, kind, NULL, 0);
			end_shut(s, which);
		} else {
			return;
		}
	}
	if (s->ending && s->fds[which] >= 0)
		event_active(s->on[which], EV_READ, 0);
}

static void
outputs_turn(struct session *s)
{
	if (s->fds[JAIL_STDOUT] >= 0)
		output_turn(s, JAIL_STDOUT, FRAME_STDOUT);
	if (s->fds[JAIL_STDERR] >= 0)
		output_turn(s, JAIL_STDERR, FRAME_STDERR);
	if (s->ending && s->fds[JAIL_STDOUT] < 0 && s->fds[JAIL_STDERR] < 0)
		session_over(s);
}

static void
on_output(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	outputs_turn(arg);
}

static void
on_drain(void *ctx)
{
	struct session *s = ctx;

	for (unsigned i = JAIL_STDOUT; i <= JAIL_STDERR; i++)
		if (s->on[i] != NULL)
			event_add(s->on[i], NULL);
	if (s->ending && !s->over)
		outputs_turn(s);
}

/* ------------------------------------------------------------------ */
/* Input.                                                              */

static void
on_stdin(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	int n = evbuffer_get_length(s->input) != 0 ? evbuffer_write(s->input, fd) : 0;

	(void)what;
	if (n < 0 && errno != EAGAIN && errno != EINTR) { /* it reads no more */
		evbuffer_drain(s->input, evbuffer_get_length(s->input));
		end_shut(s, JAIL_STDIN);
	}
	if (evbuffer_get_length(s->input) < STDIN_LOW)
		ws_pause(s->ws, false);
	if (evbuffer_get_length(s->input) != 0 || s->fds[JAIL_STDIN] < 0)
		return;
	event_del(s->on[JAIL_STDIN]);
	if (s->input_ended)
		end_shut(s, JAIL_STDIN);
}

static void
input_add(struct session *s, const uint8_t *data, size_t len)
{
	bool gone = s->fds[JAIL_STDIN] < 0 && s->console < 0;

	if (s->input_ended || gone)
		return;
	if (len == 0 && s->terminal)
		evbuffer_add(s->input, END_OF_TTY, 1);
	else if (len == 0)
		s->input_ended = true;
	else
		evbuffer_add(s->input, data, len);
	if (evbuffer_get_length(s->input) > STDIN_HIGH)
		ws_pause(s->ws, true);
	if (s->on[JAIL_STDIN] != NULL)
		event_add(s->on[JAIL_STDIN], NULL);
}

static void
size_set(struct session *s, const uint8_t *data, size_t len)
{
	struct frame_resize resize;
	struct err ignored = ERR_NONE;
	struct arena a;

	arena_init(&a, 64 * 1024);
	if (json_decode(&a, (const char *)data, len, frame_resize_fields, &resize, &ignored) == 0) {
		s->size.ws_row = (uint16_t)resize.rows;
		s->size.ws_col = (uint16_t)resize.cols;
		if (s->terminal && s->fds[JAIL_STDOUT] >= 0)
			ioctl(s->fds[JAIL_STDOUT], TIOCSWINSZ, &s->size);
	}
	arena_release(&a);
}

static void
on_message(void *ctx, const uint8_t *message, size_t message_len)
{
	struct session *s = ctx;
	enum frame_kind kind;
	const uint8_t *data;
	size_t len;

	if (!frame_read(message, message_len, &kind, &data, &len))
		return;
	if (kind == FRAME_STDIN)
		input_add(s, data, len);
	else if (kind == FRAME_RESIZE)
		size_set(s, data, len);
}

/* ------------------------------------------------------------------ */
/* Beginning and end.                                                  */

static void
end_watch(struct session *s, unsigned which, event_callback_fn fn)
{
	bool input = which == JAIL_STDIN;

	fcntl(s->fds[which], F_SETFL, O_NONBLOCK);
	s->on[which] = event_new(s->agent->loop.base, s->fds[which],
				 (input ? EV_WRITE : EV_READ) | EV_PERSIST, fn, s);
	if (s->on[which] == NULL)
		fatal("out of memory");
	if (!input || evbuffer_get_length(s->input) != 0)
		event_add(s->on[which], NULL);
}

/* The terminal is one descriptor for both directions. */
static void
on_console(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	int master = descriptor_take(fd);

	(void)what;
	if (master < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	console_shut(s);
	if (master < 0)
		return; /* the status will say why */
	if (s->size.ws_row != 0)
		ioctl(master, TIOCSWINSZ, &s->size);
	s->fds[JAIL_STDOUT] = master;
	s->fds[JAIL_STDIN] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	end_watch(s, JAIL_STDOUT, on_output);
	if (s->fds[JAIL_STDIN] >= 0)
		end_watch(s, JAIL_STDIN, on_stdin);
}

static void
on_status(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	char buf[sizeof(s->status) + sizeof(s->text)] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 3);

	(void)what;
	s->status = 255;
	if (n >= (ssize_t)sizeof(s->status)) {
		memcpy(&s->status, buf, sizeof(s->status));
		if (n > (ssize_t)sizeof(s->status))
			snprintf(s->text, sizeof(s->text), "%.390s\r\n", buf + sizeof(s->status));
	}
	if (s->console >= 0)
		on_console(s->console, EV_READ, s);
	console_shut(s);
	end_shut(s, JAIL_STATUS);
	s->ending = true;
	outputs_turn(s);
}

static const struct ws_events events = { .on_message = on_message,
					 .on_drain = on_drain,
					 .on_closed = on_closed };

void
session_begin(struct request *r, const char *protocol, const struct hash *lease, bool terminal,
	      const int fds[static JAIL_EXEC_FDS])
{
	struct session *s = xcalloc(1, sizeof(*s));
	struct event_base *base = r->loop->base;

	s->agent = r->ctx;
	s->lease = *lease;
	s->terminal = terminal;
	s->console = -1;
	s->input = evbuffer_new();
	if (s->input == NULL)
		fatal("out of memory");
	memcpy(s->fds, fds, sizeof(s->fds));
	if (terminal) {
		s->console = s->fds[JAIL_STDIN];
		s->fds[JAIL_STDIN] = -1;
		fcntl(s->console, F_SETFL, O_NONBLOCK);
		s->on_console = event_new(base, s->console, EV_READ | EV_PERSIST, on_console, s);
		event_add(s->on_console, NULL);
	} else {
		end_watch(s, JAIL_STDIN, on_stdin);
		end_watch(s, JAIL_STDOUT, on_output);
		end_watch(s, JAIL_STDERR, on_output);
	}
	end_watch(s, JAIL_STATUS, on_status);
	s->ws = ws_accept(r, protocol, &events, s);
}
