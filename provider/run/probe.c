/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------------ */
/* What a probe holds goes with its task.                               */

static void
release(void *arg)
{
	struct probe *p = arg;

	if (p->on != NULL)
		event_free(p->on);
	p->on = NULL;
	for (size_t i = 0; i < NELEMS(p->fds); i++) {
		if (p->fds[i] >= 0)
			close(p->fds[i]);
		p->fds[i] = -1;
	}
}

static void
on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	(void)fd;
	p->status = (what & EV_TIMEOUT) != 0 ? -ETIMEDOUT : 0;
	task_wake(p->task);
}

static enum next
wait_for(struct task *t, struct probe *p, int fd, short what)
{
	struct timeval patience = { p->check->timeout_s, 0 };

	p->task = t;
	p->on = event_new(t->loop->base, fd, what, on_fd, p);
	if (p->on == NULL || event_add(p->on, &patience) != 0)
		fatal("out of memory");
	return TASK_WAIT;
}

/* ------------------------------------------------------------------ */

/* The status tells; whatever else comes is not kept. */
static bool
http_drop(void *ctx, const char *data, size_t len)
{
	(void)ctx;
	(void)data;
	(void)len;
	return true;
}

static enum next
http_ask(struct task *t, struct probe *p)
{
	p->fetch = (struct fetch){
		.url = arena_printf(&t->arena, "http://%s:%u%s", p->address, p->check->port,
				    p->check->path),
		.timeout_us = p->check->timeout_s * SECOND_US,
		.on_data = http_drop,
	};
	return fetch_start(t, &p->fetch);
}

static enum next
tcp_ask(struct task *t, struct probe *p)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)p->check->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	p->fds[0] = fd;
	p->status = -ECONNREFUSED;
	if (fd < 0 || inet_pton(AF_INET, p->address, &to.sin_addr) != 1)
		return TASK_NEXT;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		p->status = 0;
		return TASK_NEXT;
	}
	if (errno != EINPROGRESS) {
		p->status = -errno;
		return TASK_NEXT;
	}
	return wait_for(t, p, fd, EV_WRITE);
}

static enum next
command_ask(struct task *t, struct probe *p)
{
	size_t len;

	/* Asked again and again by one task, whose memory has a limit. */
	if (p->exec == NULL)
		p->exec = arena_alloc(&t->arena, sizeof(*p->exec));
	p->exec->ref = p->ref;
	if (jail_exec_pack(p->exec, p->check->command.items, p->check->command.count, &len,
			   &p->call.err) < 0)
		return TASK_NEXT;
	return jail_start(t, p->agent, &p->call, JAIL_EXEC, p->exec, len);
}

enum next
probe_ask(struct task *t, struct probe *p)
{
	p->good = false;
	p->why[0] = '\0';
	p->call = (struct chan_call){ .verb = JAIL_EXEC };
	if (!p->deferred)
		memset(p->fds, -1, sizeof(p->fds));
	if (!p->deferred)
		arena_defer(&t->arena, release, p);
	p->deferred = true;
	if (strcmp(p->check->kind, "http") == 0)
		return http_ask(t, p);
	return strcmp(p->check->kind, "tcp") == 0 ? tcp_ask(t, p) : command_ask(t, p);
}

/* Only how a command ends counts. Its output is left in the pipes: were they
 * closed, the first word would kill it. */
enum next
probe_wait(struct task *t, struct probe *p)
{
	struct jail_exec_reply reply;
	struct err e = ERR_NONE;

	if (strcmp(p->check->kind, "command") != 0)
		return TASK_NEXT;
	p->status = -ECHILD;
	if (p->call.err.code != NULL || p->call.out_len != sizeof(reply)) {
		snprintf(p->why, sizeof(p->why), "%.100s", p->call.err.text);
		return TASK_NEXT;
	}
	memcpy(&reply, p->call.out, sizeof(reply));
	if (jail_exec_receive(p->agent->exec_fd, reply.number, p->fds, &e) < 0)
		return TASK_NEXT;
	close(p->fds[JAIL_STDIN]);
	p->fds[JAIL_STDIN] = -1;
	return wait_for(t, p, p->fds[JAIL_STATUS], EV_READ);
}

static void
http_read(struct probe *p)
{
	p->good = p->fetch.err.code == NULL && p->fetch.status >= 200 && p->fetch.status < 400;
	if (p->fetch.err.code != NULL)
		snprintf(p->why, sizeof(p->why), "%.100s", p->fetch.err.text);
	else if (!p->good)
		snprintf(p->why, sizeof(p->why), "HTTP status %d", p->fetch.status);
}

static void
tcp_read(struct probe *p)
{
	int error = -p->status;
	socklen_t len = sizeof(error);

	if (p->status == 0)
		getsockopt(p->fds[0], SOL_SOCKET, SO_ERROR, &error, &len);
	p->good = error == 0;
	if (!p->good)
		snprintf(p->why, sizeof(p->why), "port %u: %s", p->check->port, strerror(error));
}

static void
command_read(struct probe *p)
{
	int32_t status = -1;

	if (p->status == -ETIMEDOUT)
		snprintf(p->why, sizeof(p->why), "the command took longer than %u s",
			 p->check->timeout_s);
	else if (p->status == 0 &&
		 read(p->fds[JAIL_STATUS], &status, sizeof(status)) == sizeof(status) &&
		 status != 0)
		snprintf(p->why, sizeof(p->why), "the command ended with %d", status);
	p->good = status == 0;
}

void
probe_read(struct probe *p)
{
	if (strcmp(p->check->kind, "http") == 0)
		http_read(p);
	else if (strcmp(p->check->kind, "tcp") == 0)
		tcp_read(p);
	else
		command_read(p);
	release(p);
}
