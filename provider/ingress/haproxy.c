/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress/haproxy.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/tls.h"

const struct code HAPROXY_AWAY = { "haproxy_away", UNAVAIL, "haproxy does not answer" };

#define OUT_MAX	  ((size_t)2 * 1024 * 1024)
#define PATIENCE  5 /* seconds without a byte */
#define START_US  (20 * SECOND_US)
#define PATH_SIZE 512

/* ------------------------------------------------------------------ */
/* Asking.                                                              */

struct asking {
	struct haproxy_call *call; /* in the task's arena, as all of this */
	struct task *task;
	struct bufferevent *bev;
};

static void
asking_end(struct asking *q, const char *why)
{
	struct evbuffer *in = bufferevent_get_input(q->bev);

	q->call->out_len = evbuffer_get_length(in);
	q->call->out = arena_alloc(&q->task->arena, q->call->out_len + 1);
	evbuffer_remove(in, q->call->out, q->call->out_len);
	q->call->out[q->call->out_len] = '\0';
	if (why != NULL)
		err_set(&q->call->err, &HAPROXY_AWAY, "haproxy: %s", why);
	bufferevent_free(q->bev);
	q->bev = NULL;
	task_wake(q->task);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & BEV_EVENT_EOF) != 0)
		asking_end(arg, NULL);
	else if ((what & (BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) != 0)
		asking_end(arg,
			   (what & BEV_EVENT_TIMEOUT) != 0 ? "no answer in time" : strerror(errno));
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	if (evbuffer_get_length(bufferevent_get_input(bev)) > OUT_MAX)
		asking_end(arg, "the answer is too long");
}

/* The task has gone before the answer came. */
static void
asking_drop(void *arg)
{
	struct asking *q = arg;

	if (q->bev != NULL)
		bufferevent_free(q->bev);
}

enum next
haproxy_ask(struct task *t, const char *dir, struct haproxy_call *call)
{
	struct asking *q = ARENA_NEW(&t->arena, struct asking);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval patience = { PATIENCE, 0 };

	call->err = (struct err)ERR_NONE;
	call->out = arena_strdup(&t->arena, "");
	if (snprintf(at.sun_path, sizeof(at.sun_path), "%s/admin.sock", dir) >=
	    (int)sizeof(at.sun_path)) {
		err_set(&call->err, &ERR_CONFIG, "%s is too long for a socket's path", dir);
		return TASK_NEXT;
	}
	*q = (struct asking){ .call = call, .task = t };
	q->bev = bufferevent_socket_new(t->loop->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (q->bev == NULL)
		fatal("out of memory");
	arena_defer(&t->arena, asking_drop, q);
	/* Nobody there is said at once, before anyone listens for it. */
	if (bufferevent_socket_connect(q->bev, (struct sockaddr *)&at, sizeof(at)) != 0) {
		err_set(&call->err, &HAPROXY_AWAY, "haproxy: %s", strerror(errno));
		return TASK_NEXT;
	}
	bufferevent_setcb(q->bev, on_read, NULL, on_event, q);
	bufferevent_set_timeouts(q->bev, &patience, &patience);
	bufferevent_enable(q->bev, EV_READ | EV_WRITE);
	bufferevent_write(q->bev, call->text, strlen(call->text));
	return TASK_WAIT;
}

long
haproxy_pid(const char *info, const char *mark, bool *same)
{
	const char *pid = strstr(info, "\nPid: "), *text = strstr(info, "\ndescription: ");
	size_t len = strlen(mark);

	*same = text != NULL && strncmp(text + 14, mark, len) == 0 && text[14 + len] == '\n';
	return pid != NULL ? strtol(pid + 6, NULL, 10) : 0;
}

/* ------------------------------------------------------------------ */
/* Starting and ending.                                                 */

static int
file_put(const char *dir, const char *name, const char *text, struct err *e)
{
	char path[PATH_SIZE];
	size_t len = strlen(text);
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "write %s", path);
	n = write(fd, text, len);
	close(fd);
	return n == (ssize_t)len ? 0 : err_errno(e, "write %s", path);
}

int
haproxy_prepare(struct arena *a, const char *dir, const char *config, const char *name,
		struct err *e)
{
	const char *cert = arena_printf(a, "%s/default.pem", dir);

	/* The key beside it is found by its name. */
	if (tls_make_self_signed(cert, arena_printf(a, "%s.key", cert), name, e) < 0 ||
	    file_put(dir, "certs.txt", arena_printf(a, "%s\n", cert), e) < 0 ||
	    file_put(dir, "hosts.map", "", e) < 0 || file_put(dir, "bodies.map", "", e) < 0 ||
	    file_put(dir, "timeouts.map", "", e) < 0)
		return -1;
	return file_put(dir, "haproxy.cfg", config, e);
}

enum next
haproxy_start(struct task *t, const char *dir, struct proc *p)
{
	const char **argv = arena_alloc(&t->arena, 6 * sizeof(*argv));

	argv[0] = "haproxy";
	argv[1] = "-D";
	argv[2] = "-q";
	argv[3] = "-f";
	argv[4] = arena_printf(&t->arena, "%s/haproxy.cfg", dir);
	*p = (struct proc){ .argv = argv, .timeout_us = START_US };
	return proc_start(t, p);
}

void
haproxy_end(const char *dir)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[8192];
	size_t len = 0;
	bool same;
	ssize_t n = 0;
	long pid;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/admin.sock", dir);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	    write(fd, "show info\n", 10) == 10)
		while (len < sizeof(text) - 1 &&
		       (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
			len += (size_t)n;
	if (fd >= 0)
		close(fd);
	text[len] = '\0';
	pid = haproxy_pid(text, "", &same);
	if (pid > 1)
		kill((pid_t)pid, SIGTERM);
}
