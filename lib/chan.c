/* SPDX-License-Identifier: Apache-2.0 */
#include "chan.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

const struct code CHAN_CLOSED = { "channel_closed", INTERNAL,
				  "another part of the program has ended" };

/* On the wire, in host byte order: both ends are one binary. */
struct packet {
	uint32_t verb; /* in a reply: 0 success, 1 failure */
	uint32_t len;
	uint8_t data[CHAN_BYTES_MAX];
};
#define PACKET_HEAD offsetof(struct packet, data)

struct failure {
	char code[40];
	char text[ERR_TEXT_MAX];
	char field[64];
};

static const struct code *const *chan_codes;
static size_t chan_code_count;

void
chan_register_codes(const struct code *const *codes, size_t count)
{
	chan_codes = codes;
	chan_code_count = count;
}

static const struct code *
code_named(const char *name)
{
	for (size_t i = 0; i < chan_code_count; i++)
		if (strcmp(chan_codes[i]->name, name) == 0)
			return chan_codes[i];
	return &ERR_SYSTEM;
}

/* ------------------------------------------------------------------ */
/* The serving side.                                                   */

static const struct verb *
verb_find(const struct verb *verbs, unsigned number)
{
	for (; verbs->run != NULL; verbs++)
		if (verbs->number == number)
			return verbs;
	return NULL;
}

static void
serve_one(const struct verb *verbs, void *ctx, struct packet *in, size_t got, struct packet *out)
{
	struct err e = ERR_NONE;
	const struct verb *v = NULL;
	size_t out_len = 0;
	struct failure failure = { .code = "" };

	if (got < PACKET_HEAD || in->len != got - PACKET_HEAD)
		err_set(&e, &ERR_BAD_DATA, "a packet of %zu bytes", got);
	else if ((v = verb_find(verbs, in->verb)) == NULL)
		err_set(&e, &ERR_BAD_DATA, "no verb %u", in->verb);
	else if (in->len < v->min || in->len > v->max)
		err_set(&e, &ERR_BAD_DATA, "%s takes %zu to %zu bytes, got %u", v->name, v->min,
			v->max, in->len);
	else if (v->run(ctx, in->data, in->len, out->data, &out_len, &e) == 0) {
		out->verb = 0;
		out->len = (uint32_t)out_len;
		return;
	}
	log_debug("chan.refused", "verb=%s error=\"%s\"", v != NULL ? v->name : "?", e.text);
	snprintf(failure.code, sizeof(failure.code), "%s", e.code->name);
	memcpy(failure.text, e.text, sizeof(failure.text));
	memcpy(failure.field, e.field, sizeof(failure.field));
	out->verb = 1;
	out->len = sizeof(failure);
	memcpy(out->data, &failure, sizeof(failure));
}

void
chan_serve(int fd, const struct verb *verbs, void *ctx)
{
	struct packet *in = xcalloc(1, sizeof(*in)), *out = xcalloc(1, sizeof(*out));
	ssize_t n;

	for (;;) {
		n = recv(fd, in, sizeof(*in), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		serve_one(verbs, ctx, in, (size_t)n, out);
		while (send(fd, out, PACKET_HEAD + out->len, MSG_NOSIGNAL) < 0 && errno == EINTR)
			;
		explicit_bzero(in->data, in->len <= CHAN_BYTES_MAX ? in->len : CHAN_BYTES_MAX);
	}
	free(in);
	free(out);
}

/* ------------------------------------------------------------------ */
/* The asking side.                                                    */

struct pending {
	struct pending *next;
	struct task *task;
	bool task_died;
	struct chan_call *call;
	bool sent;
	struct packet packet; /* cut to its length */
};

struct chan {
	int fd;
	struct event *on_read, *on_write;
	struct pending *first, **end;
	bool closed;
};

static void
call_finish(struct chan_call *call, struct arena *a, const struct packet *reply, size_t got)
{
	struct failure failure;

	call->err = (struct err)ERR_NONE;
	if (reply == NULL || got < PACKET_HEAD || reply->len != got - PACKET_HEAD) {
		err_set(&call->err, &CHAN_CLOSED, "verb %u", call->verb);
		return;
	}
	if (reply->verb == 0) {
		call->out = arena_copy(a, reply->data, reply->len);
		call->out_len = reply->len;
		return;
	}
	memcpy(&failure, reply->data, sizeof(failure));
	failure.code[sizeof(failure.code) - 1] = failure.text[ERR_TEXT_MAX - 1] = '\0';
	failure.field[sizeof(failure.field) - 1] = '\0';
	err_field(&call->err, code_named(failure.code), failure.field, "%s", failure.text);
}

static void
chan_pop(struct chan *c, const struct packet *reply, size_t got)
{
	struct pending *p = c->first;

	c->first = p->next;
	if (c->first == NULL)
		c->end = &c->first;
	if (!p->task_died) {
		p->task->died = NULL;
		call_finish(p->call, &p->task->arena, reply, got);
		task_wake(p->task);
	}
	free(p);
}

static void
chan_fail_all(struct chan *c)
{
	c->closed = true;
	event_del(c->on_read);
	event_del(c->on_write);
	while (c->first != NULL)
		chan_pop(c, NULL, 0);
}

/* One call is on the wire at a time: the other side is serial anyway, and the
 * socket's buffer need not hold more. */
static void
chan_send(struct chan *c)
{
	struct pending *p = c->first;

	if (p == NULL || p->sent || c->closed)
		return;
	if (send(c->fd, &p->packet, PACKET_HEAD + p->packet.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
			event_add(c->on_write, NULL);
		else
			chan_fail_all(c);
		return;
	}
	p->sent = true;
}

static void
chan_on_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	chan_send(arg);
}

static void
chan_on_read(evutil_socket_t fd, short what, void *arg)
{
	static struct packet reply;
	struct chan *c = arg;
	ssize_t n;

	(void)what;
	n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || c->first == NULL) {
		chan_fail_all(c);
		return;
	}
	chan_pop(c, &reply, (size_t)n);
	chan_send(c);
}

struct chan *
chan_open(struct loop *l, int fd)
{
	struct chan *c = xcalloc(1, sizeof(*c));

	c->fd = fd;
	c->end = &c->first;
	c->on_read = event_new(l->base, fd, EV_READ | EV_PERSIST, chan_on_read, c);
	c->on_write = event_new(l->base, fd, EV_WRITE, chan_on_write, c);
	event_add(c->on_read, NULL);
	return c;
}

void
chan_close(struct chan *c)
{
	chan_fail_all(c);
	event_free(c->on_read);
	event_free(c->on_write);
	close(c->fd);
	free(c);
}

enum next
chan_start(struct task *t, struct chan *c, struct chan_call *call)
{
	struct pending *p;

	call->err = (struct err)ERR_NONE;
	if (c->closed || call->in_len > CHAN_BYTES_MAX) {
		err_set(&call->err, &CHAN_CLOSED, "verb %u", call->verb);
		return TASK_NEXT;
	}
	p = xcalloc(1, sizeof(*p) - CHAN_BYTES_MAX + call->in_len);
	p->task = t;
	p->call = call;
	p->packet.verb = call->verb;
	p->packet.len = (uint32_t)call->in_len;
	if (call->in_len != 0)
		memcpy(p->packet.data, call->in, call->in_len);
	t->died = &p->task_died;
	*c->end = p;
	c->end = &p->next;
	chan_send(c);
	return TASK_WAIT;
}

int
chan_now(struct arena *a, int fd, struct chan_call *call, struct err *e)
{
	struct packet *packet = xcalloc(1, sizeof(*packet));
	ssize_t n;

	packet->verb = call->verb;
	packet->len = (uint32_t)call->in_len;
	if (call->in_len != 0)
		memcpy(packet->data, call->in, call->in_len);
	if (send(fd, packet, PACKET_HEAD + packet->len, MSG_NOSIGNAL) < 0) {
		free(packet);
		return err_set(e, &CHAN_CLOSED, "verb %u", call->verb);
	}
	do
		n = recv(fd, packet, sizeof(*packet), 0);
	while (n < 0 && errno == EINTR);
	call_finish(call, a, n > 0 ? packet : NULL, n > 0 ? (size_t)n : 0);
	free(packet);
	if (call->err.code == NULL)
		return 0;
	*e = call->err;
	return -1;
}
