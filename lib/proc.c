/* SPDX-License-Identifier: Apache-2.0 */
#include "proc.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

const struct code PROC_FAILED = { "command_failed", INTERNAL, "a helper program failed" };

#define OUT_MAX_DEFAULT ((size_t)64 * 1024)
#define TIMEOUT_DEFAULT (60 * SECOND_US)

/* A running child: its pipes and what came out of them. */
struct child {
	struct proc *p;
	struct arena *arena;
	pid_t pid;
	int pidfd, in, out, err; /* -1: closed */
	size_t in_done, out_size, err_size;
	/* in an event loop only */
	struct task *task;
	bool task_died;
	struct event *on_exit, *on_in, *on_out, *on_err, *on_time;
};

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

_Noreturn static void
child_exec(const struct proc *p, int in, int out, int err)
{
	static const char *const minimal[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/nonexistent", "LC_ALL=C.UTF-8", NULL
	};
	const char *const *env = p->env != NULL ? p->env : minimal;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	if (syscall(SYS_close_range, 3u, ~0u, 0u) != 0)
		_exit(126);
	if (chdir(p->dir != NULL ? p->dir : "/") != 0)
		_exit(126);
	if (p->before_exec != NULL && p->before_exec(p->before_exec_arg) != 0)
		_exit(126);
	execvpe(p->argv[0], (char *const *)(uintptr_t)p->argv, (char *const *)(uintptr_t)env);
	dprintf(2, "%s: %s\n", p->argv[0], strerror(errno));
	_exit(127);
}

static int
child_start(struct child *c, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };

	c->pidfd = c->in = c->out = c->err = -1;
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 ||
	    (c->pid = fork()) < 0) {
		err_errno(e, "start %s", c->p->argv[0]);
		for (int i = 0; i < 2; i++) {
			close_fd(&in[i]);
			close_fd(&out[i]);
			close_fd(&err[i]);
		}
		return -1;
	}
	if (c->pid == 0)
		child_exec(c->p, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->p->out_max == 0)
		c->p->out_max = OUT_MAX_DEFAULT;
	if (c->p->timeout_us == 0)
		c->p->timeout_us = TIMEOUT_DEFAULT;
	if (c->p->input_len == 0)
		close_fd(&c->in);
	c->p->out = arena_strdup(c->arena, "");
	c->p->err = arena_strdup(c->arena, "");
	c->p->out_len = c->p->err_len = 0;
	return 0;
}

static void
child_write(struct child *c)
{
	ssize_t n = write(c->in, c->p->input + c->in_done, c->p->input_len - c->in_done);

	if (n > 0)
		c->in_done += (size_t)n;
	else if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || c->in_done == c->p->input_len)
		close_fd(&c->in);
}

static void
child_read(struct child *c, int *fd, char **text, size_t *len, size_t *size)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(*fd, buf, sizeof(buf))) > 0) {
		size_t take = MIN((size_t)n, c->p->out_max - *len);

		if (take == 0)
			continue; /* beyond the limit: dropped */
		if (*len + take + 1 > *size) {
			char *bigger;

			*size = MAX(*size * 2, *len + take + 1);
			bigger = arena_alloc(c->arena, *size);
			memcpy(bigger, *text, *len);
			*text = bigger;
		}
		memcpy(*text + *len, buf, take);
		*len += take;
		(*text)[*len] = '\0';
	}
	if (n == 0 || errno != EAGAIN)
		close_fd(fd);
}

static void
child_reap(struct child *c)
{
	int status = 0;

	child_read(c, &c->out, &c->p->out, &c->p->out_len, &c->out_size);
	child_read(c, &c->err, &c->p->err, &c->p->err_len, &c->err_size);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
	close_fd(&c->pidfd);
}

int
proc_now(struct arena *a, struct proc *p, struct err *e)
{
	struct child c = { .p = p, .arena = a };
	mono_t deadline;

	/* One that ends before it has read its input is an error of that write. */
	signal(SIGPIPE, SIG_IGN);
	if (child_start(&c, e) < 0)
		return -1;
	deadline = clock_mono() + p->timeout_us;
	for (;;) {
		struct pollfd fds[] = { { c.pidfd, POLLIN, 0 },
					{ c.in, POLLOUT, 0 },
					{ c.out, POLLIN, 0 },
					{ c.err, POLLIN, 0 } };
		mono_t left = deadline - clock_mono();

		if (left <= 0)
			kill(-c.pid, SIGKILL);
		if (poll(fds, NELEMS(fds), left > 0 ? (int)(left / MILLI_US) + 1 : -1) < 0 &&
		    errno != EINTR)
			break;
		if (fds[1].revents != 0)
			child_write(&c);
		if (fds[2].revents != 0)
			child_read(&c, &c.out, &p->out, &p->out_len, &c.out_size);
		if (fds[3].revents != 0)
			child_read(&c, &c.err, &p->err, &p->err_len, &c.err_size);
		if (fds[0].revents != 0)
			break;
	}
	child_reap(&c);
	return 0;
}

int
proc_check(const struct proc *p, struct err *e)
{
	const char *line = p->err != NULL && p->err_len != 0 ? p->err : p->out;
	size_t len = line != NULL ? strlen(line) : 0, start;

	if (p->status == 0)
		return 0;
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	for (start = len; start > 0 && line[start - 1] != '\n'; start--)
		;
	return err_set(e, &PROC_FAILED, "%s ended with %d: %.*s", p->argv[0], p->status,
		       (int)MIN(len - start, (size_t)200), line != NULL ? line + start : "");
}

/* ------------------------------------------------------------------ */
/* In an event loop.                                                   */

static void
child_event(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

/* The task has gone, and with it the memory of p: end the child, read no more. */
static bool
child_orphaned(struct child *c)
{
	if (!c->task_died)
		return false;
	kill(-c->pid, SIGKILL);
	child_event(&c->on_in);
	child_event(&c->on_out);
	child_event(&c->on_err);
	return true;
}

static void
child_on_in(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (child_orphaned(c))
		return;
	child_write(c);
	if (c->in < 0)
		child_event(&c->on_in);
}

static void
child_on_out(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (child_orphaned(c))
		return;
	child_read(c, &c->out, &c->p->out, &c->p->out_len, &c->out_size);
	if (c->out < 0)
		child_event(&c->on_out);
}

static void
child_on_err(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (child_orphaned(c))
		return;
	child_read(c, &c->err, &c->p->err, &c->p->err_len, &c->err_size);
	if (c->err < 0)
		child_event(&c->on_err);
}

static void
child_on_time(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	kill(-c->pid, SIGKILL);
}

static void
child_on_exit(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	/* Event structures go before their descriptors close. */
	child_event(&c->on_in);
	child_event(&c->on_out);
	child_event(&c->on_err);
	child_event(&c->on_exit);
	child_event(&c->on_time);
	if (c->task_died) {
		int status;

		waitpid(c->pid, &status, 0);
		close_fd(&c->in);
		close_fd(&c->out);
		close_fd(&c->err);
		close_fd(&c->pidfd);
	} else {
		child_reap(c);
		c->task->died = NULL;
		task_wake(c->task);
	}
	free(c);
}

static void
child_watch(struct child *c)
{
	struct event_base *base = c->task->loop->base;
	struct timeval tv = { c->p->timeout_us / SECOND_US, c->p->timeout_us % SECOND_US };

	c->on_exit = event_new(base, c->pidfd, EV_READ, child_on_exit, c);
	c->on_out = event_new(base, c->out, EV_READ | EV_PERSIST, child_on_out, c);
	c->on_err = event_new(base, c->err, EV_READ | EV_PERSIST, child_on_err, c);
	c->on_time = event_new(base, -1, 0, child_on_time, c);
	event_add(c->on_exit, NULL);
	event_add(c->on_out, NULL);
	event_add(c->on_err, NULL);
	event_add(c->on_time, &tv);
	if (c->in >= 0) {
		c->on_in = event_new(base, c->in, EV_WRITE | EV_PERSIST, child_on_in, c);
		event_add(c->on_in, NULL);
	}
}

enum next
proc_start(struct task *t, struct proc *p)
{
	struct child *c = xcalloc(1, sizeof(*c));
	struct err e = ERR_NONE;

	c->p = p;
	c->arena = &t->arena;
	c->task = t;
	if (child_start(c, &e) < 0) {
		p->status = 127;
		p->out = arena_strdup(&t->arena, "");
		p->err = arena_strdup(&t->arena, e.text);
		p->err_len = strlen(p->err);
		free(c);
		return TASK_NEXT;
	}
	t->died = &c->task_died;
	child_watch(c);
	return TASK_WAIT;
}
