/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSockets into a workload (lease/frames.h):
 * GET /v1/leases/{lease}/exec?service=&copy=&tty=1&rows=&cols=&arg=...
 * GET /v1/leases/{lease}/files?service=&copy=&path=&put=1
 * What can be refused is refused in HTTP, before the upgrade.
 */
#include "lease/frames.h"
#include "provider/gateway/session.h"

#define PUT_BYTES_MAX (UINT64_C(64) << 30)

struct open_task {
	struct work work;
	uint32_t unit;
	const char *protocol;
	enum jail_verb verb;
	bool terminal, begun;
	void *call;
	size_t call_len;
	struct chan_call chan;
};

uint32_t
query_number(const struct request *r, const char *name)
{
	const char *text = request_query(r, name);

	return text != NULL ? (uint32_t)MIN(strtoul(text, NULL, 10), 65535UL) : 0;
}

static enum next
open_ask(struct task *t)
{
	struct open_task *x = t->state;

	return jail_start(t, task_request(t)->ctx, &x->chan, x->verb, x->call, x->call_len);
}

static enum next
open_begin(struct task *t)
{
	struct open_task *x = t->state;
	struct request *r = task_request(t);
	struct agent *g = r->ctx;
	struct jail_exec_reply reply;
	int fds[JAIL_EXEC_FDS];

	if (x->chan.err.code != NULL || x->chan.out_len != sizeof(reply)) {
		err_set(&t->err, &WORK_NOT_RUNNING, "%s", x->chan.err.text);
		return TASK_FAIL;
	}
	memcpy(&reply, x->chan.out, sizeof(reply));
	if (jail_exec_receive(g->exec_fd, reply.number, fds, &t->err) < 0)
		return TASK_FAIL;
	x->begun = true;
	session_begin(r, x->protocol, &x->work.hash, x->terminal, fds);
	return TASK_DONE;
}

static const struct step open_steps[] = { { "ask", open_ask }, { "begin", open_begin }, STEP_END };

static void
open_done(struct task *t)
{
	struct open_task *x = t->state;

	if (x->begun)
		return; /* the ticket and the request are the session's */
	ticket_give(task_request(t)->ctx, &x->work.hash, TICKET_COMMAND);
	request_task_done(t);
}

static void
open_start(struct request *r, const struct open_task *what)
{
	struct open_task *x;
	struct task *t;

	t = request_task(r, what->protocol, open_steps, sizeof(*x));
	t->done = open_done;
	x = t->state;
	*x = *what;
}

bool
gateway_socket(struct request *r, const char *protocol, struct work *w, uint32_t *unit)
{
	struct err e = ERR_NONE;
	struct hash lease;

	if (ws_check(r, protocol, &e) < 0) {
		request_fail(r, &e);
		return false;
	}
	if (!gateway_lease(r, &lease) || !gateway_work(r, "exec", &lease, w))
		return false;
	if (w->state != WORK_RUNNING)
		err_set(&e, &WORK_NOT_RUNNING, "its time has not come, or is over");
	else if (work_unit_find(&r->arena, w, request_query(r, "service"), query_number(r, "copy"),
				unit, &e) == 0)
		return true;
	request_fail(r, &e);
	return false;
}

void
exec_open(struct request *r)
{
	struct open_task x = { .protocol = FRAMES_EXEC, .verb = JAIL_EXEC };
	struct jail_exec *call = arena_alloc(&r->arena, sizeof(*call));
	const char *argv[BUNDLE_ARGS_MAX], *tty = request_query(r, "tty");
	struct err e = ERR_NONE;
	size_t count = request_query_all(r, "arg", argv, NELEMS(argv));

	if (!gateway_socket(r, FRAMES_EXEC, &x.work, &x.unit))
		return;
	work_ref(&x.work, x.unit, &call->ref);
	x.terminal = tty != NULL && strcmp(tty, "1") == 0;
	call->terminal = x.terminal;
	call->rows = query_number(r, "rows");
	call->cols = query_number(r, "cols");
	if (count == 0 || jail_exec_pack(call, argv, count, &x.call_len, &e) < 0)
		err_field(&e, &ERR_BAD_DATA, "/arg", "arg: what shall run?");
	else
		(void)!ticket_take(r->ctx, &x.work.hash, TICKET_COMMAND, &e);
	if (e.code != NULL) {
		request_fail(r, &e);
		return;
	}
	x.call = call;
	open_start(r, &x);
}

void
files_open(struct request *r)
{
	struct open_task x = { .protocol = FRAMES_FILES, .verb = JAIL_FILES };
	struct jail_files *call = arena_alloc(&r->arena, sizeof(*call));
	const char *path = request_query(r, "path"), *put = request_query(r, "put");
	struct err e = ERR_NONE;

	if (!gateway_socket(r, FRAMES_FILES, &x.work, &x.unit))
		return;
	work_ref(&x.work, x.unit, &call->ref);
	call->put = put != NULL && strcmp(put, "1") == 0;
	call->bytes_max = PUT_BYTES_MAX;
	if (path == NULL || path[0] != '/' || strlen(path) >= sizeof(call->path))
		err_field(&e, &ERR_BAD_DATA, "/path", "path: an absolute path inside");
	else
		(void)!ticket_take(r->ctx, &x.work.hash, TICKET_COMMAND, &e);
	if (e.code != NULL || path == NULL) {
		request_fail(r, &e);
		return;
	}
	memcpy(call->path, path, strlen(path) + 1);
	x.call = call;
	x.call_len = JAIL_FILES_MIN + strlen(path) + 1;
	open_start(r, &x);
}
