/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/leases/{lease}/exec: a command inside a workload. The answer is a
 * stream of lines: {"stream":"stdout","data":"<base64>"} and, last,
 * {"exit":0}. Standard input is what the request carries.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

#include "provider/agent.h"

#define STDIN_MAX ((size_t)128 * 1024)

struct exec_in {
	struct json_strs argv;
	struct json_bytes input;
	const char *service;
	uint32_t copy;
};
static const struct json_field exec_in_fields[] = {
	JSON_STRS(struct exec_in, argv, 256, 0),
	JSON_BASE64(struct exec_in, input, STDIN_MAX, JSON_OPTIONAL),
	JSON_STR(struct exec_in, service, 63, JSON_OPTIONAL),
	JSON_U32(struct exec_in, copy, 255, JSON_OPTIONAL), JSON_END
};

struct exec_task {
	struct work work;
	struct exec_in in;
	uint32_t unit;
	struct jail_exec *call;
	size_t call_len;
	struct chan_call chan;
};

/* A command under way; it lives until both streams and the status have ended. */
struct session {
	struct request *r;
	struct event *on[JAIL_EXEC_FDS];
	int fds[JAIL_EXEC_FDS];
	uint8_t *input;
	size_t input_len, input_done;
	int32_t status;
	bool have_status, gone;
};

static void
session_shut(struct session *s, unsigned which)
{
	if (s->on[which] != NULL)
		event_free(s->on[which]);
	s->on[which] = NULL;
	if (s->fds[which] >= 0)
		close(s->fds[which]);
	s->fds[which] = -1;
}

static void
session_end(struct session *s)
{
	char line[64];
	int n;

	for (unsigned i = 0; i < JAIL_EXEC_FDS; i++)
		session_shut(s, i);
	n = snprintf(line, sizeof(line), "{\"exit\":%d}\n", s->have_status ? s->status : 255);
	request_stream_send(s->r, line, (size_t)n);
	request_stream_end(s->r);
	free(s->input);
	free(s);
}

static void
session_maybe_end(struct session *s)
{
	if (s->fds[JAIL_STDOUT] < 0 && s->fds[JAIL_STDERR] < 0 && s->fds[JAIL_STATUS] < 0)
		session_end(s);
}

/* The client has left: closing the status pipe kills the command. */
static void
session_gone(struct request *r, void *arg)
{
	(void)r;
	((struct session *)arg)->gone = true;
}

static void
give(struct session *s, const char *stream, const char *data, size_t len)
{
	struct jsonw *w = jsonw_new(false);
	struct arena a;
	const char *text;
	size_t n;

	arena_init(&a, 0);
	jsonw_open(w, '{');
	jsonw_member(w, "stream", "%s", stream);
	jsonw_name(w, "data");
	jsonw_str(w, base64_text(&a, data, len));
	jsonw_close(w, '}');
	text = jsonw_text(w, &n);
	request_stream_send(s->r, text, n);
	request_stream_send(s->r, "\n", 1);
	jsonw_free(w);
	arena_release(&a);
}

static void
on_output(struct session *s, unsigned which, const char *stream)
{
	char buf[16384];
	ssize_t n = read(s->fds[which], buf, sizeof(buf));

	if (n > 0 && !s->gone)
		give(s, stream, buf, (size_t)n);
	if (n <= 0 || s->gone)
		session_shut(s, which);
	if (s->gone)
		session_shut(s, JAIL_STATUS);
	session_maybe_end(s);
}

static void
on_stdout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	on_output(arg, JAIL_STDOUT, "stdout");
}

static void
on_stderr(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	on_output(arg, JAIL_STDERR, "stderr");
}

static void
on_status(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)what;
	if (read(fd, &s->status, sizeof(s->status)) == sizeof(s->status))
		s->have_status = true;
	session_shut(s, JAIL_STATUS);
	session_maybe_end(s);
}

static void
on_stdin(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	ssize_t n = write(fd, s->input + s->input_done, s->input_len - s->input_done);

	(void)what;
	if (n > 0)
		s->input_done += (size_t)n;
	if (n <= 0 || s->input_done == s->input_len)
		session_shut(s, JAIL_STDIN);
}

static void
session_start(struct request *r, const int fds[static JAIL_EXEC_FDS],
	      const struct json_bytes *input)
{
	static const event_callback_fn callbacks[] = { on_stdin, on_stdout, on_stderr, on_status };
	struct session *s = xcalloc(1, sizeof(*s));

	s->r = r;
	s->input_len = input->len;
	s->input = xmalloc(input->len);
	if (input->len != 0)
		memcpy(s->input, input->b, input->len);
	request_stream_begin(r, 200, "application/x-ndjson", session_gone, s);
	for (unsigned i = 0; i < JAIL_EXEC_FDS; i++) {
		s->fds[i] = fds[i];
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
		s->on[i] = event_new(r->loop->base, fds[i],
				     (i == JAIL_STDIN ? EV_WRITE : EV_READ) | EV_PERSIST,
				     callbacks[i], s);
		if (s->on[i] == NULL)
			fatal("out of memory");
		event_add(s->on[i], NULL);
	}
	if (s->input_len == 0)
		session_shut(s, JAIL_STDIN);
}

/* ------------------------------------------------------------------ */

static enum next
exec_ask(struct task *t)
{
	struct exec_task *x = t->state;
	struct agent *g = task_request(t)->ctx;

	x->call = arena_alloc(&t->arena, sizeof(*x->call));
	work_ref(&x->work, x->unit, &x->call->ref);
	if (jail_exec_pack(x->call, x->in.argv.items, x->in.argv.count, &x->call_len, &t->err) < 0)
		return TASK_FAIL;
	return jail_start(t, g, &x->chan, JAIL_EXEC, x->call, x->call_len);
}

static enum next
exec_begin(struct task *t)
{
	struct exec_task *x = t->state;
	struct request *r = task_request(t);
	struct agent *g = r->ctx;
	struct jail_exec_reply reply;
	int fds[JAIL_EXEC_FDS];

	if (x->chan.err.code != NULL || x->chan.out_len != sizeof(reply)) {
		err_set(&t->err, &WORK_NOT_RUNNING, "exec: %s", x->chan.err.text);
		return TASK_FAIL;
	}
	memcpy(&reply, x->chan.out, sizeof(reply));
	if (jail_exec_receive(g->exec_fd, reply.number, fds, &t->err) < 0)
		return TASK_FAIL;
	session_start(r, fds, &x->in.input);
	return TASK_DONE;
}

static const struct step exec_steps[] = { { "ask", exec_ask }, { "begin", exec_begin }, STEP_END };

void
exec_create(struct request *r)
{
	struct exec_in in = { .service = NULL };
	struct err e = ERR_NONE;
	struct exec_task *x;
	uint32_t unit = 0;
	struct hash lease;
	struct work w;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "exec", &lease, &w))
		return;
	if (json_decode(&r->arena, r->body, r->body_len, exec_in_fields, &in, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	if (in.argv.count == 0)
		err_field(&e, &ERR_BAD_DATA, "/argv", "argv: what shall run?");
	else if (w.state != WORK_RUNNING)
		err_set(&e, &WORK_NOT_RUNNING, "its time has not come, or is over");
	else
		(void)!work_unit_find(&r->arena, &w, in.service, in.copy, &unit, &e);
	if (e.code != NULL) {
		request_fail(r, &e);
		return;
	}
	x = request_task(r, "exec", exec_steps, sizeof(*x))->state;
	x->work = w; /* strings in the request's arena, which outlives this task */
	x->unit = unit;
	x->in = in;
}
