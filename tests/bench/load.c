/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 65536

struct conn {
	int fd;
	mono_t sent;
	size_t got;
	char answer[ANSWER_MAX];
};

double
cpu_self(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double
quantile(double *v, size_t n, double q)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), compare_doubles);
	return v[(size_t)((double)(n - 1) * q)];
}

double
median(double *v, size_t n)
{
	return quantile(v, n, 0.5);
}

static int
dial(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fatal("connect to port %u: %s", port, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* Bytes of the whole answer, or 0: not all of it is there. */
static size_t
answer_length(const struct conn *c)
{
	const char *body = memmem(c->answer, c->got, "\r\n\r\n", 4), *length;

	if (body == NULL)
		return 0;
	length = memmem(c->answer, (size_t)(body - c->answer) + 2, "Content-Length: ", 16);
	return (size_t)(body - c->answer) + 4 +
	       (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
}

static bool
send_next(struct load *l, struct conn *c)
{
	size_t len;
	const char *text = l->next(l->ctx, &len);

	if (text == NULL)
		return false;
	c->got = 0;
	c->sent = clock_mono();
	if (write(c->fd, text, len) != (ssize_t)len)
		fatal("write: %s", strerror(errno));
	return true;
}

static void
count(struct load *l, struct conn *c, double *ms)
{
	if (c->got > 9 && c->answer[9] == '2') {
		ms[l->good++] = (double)(clock_mono() - c->sent) / 1000;
		return;
	}
	if (l->bad++ == 0)
		snprintf(l->first_bad, sizeof(l->first_bad), "%.*s",
			 (int)MIN(c->got, sizeof(l->first_bad) - 1), c->answer);
}

void
load_run(struct load *l)
{
	enum { MOST = 4000000, TURN = 256 };
	struct conn *conns = xcalloc(l->connections, sizeof(*conns));
	double *ms = xcalloc(MOST, sizeof(*ms));
	struct epoll_event ready[TURN];
	int ep = epoll_create1(EPOLL_CLOEXEC), n;
	unsigned busy = 0;
	mono_t began = clock_mono();

	l->good = l->bad = 0;
	for (unsigned i = 0; i < l->connections; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &conns[i] };

		conns[i].fd = dial(l->port);
		epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
	}
	began = clock_mono();
	for (unsigned i = 0; i < l->connections; i++)
		busy += send_next(l, &conns[i]);
	while (busy > 0 && (n = epoll_wait(ep, ready, TURN, 10000)) > 0) {
		bool over = l->seconds > 0 && (double)(clock_mono() - began) / 1e6 >= l->seconds;

		for (int i = 0; i < n; i++) {
			struct conn *c = ready[i].data.ptr;
			ssize_t got = read(c->fd, c->answer + c->got, ANSWER_MAX - c->got);

			if (got <= 0)
				fatal("the server hung up: %s", got < 0 ? strerror(errno) : "");
			c->got += (size_t)got;
			if (answer_length(c) == 0 || c->got < answer_length(c))
				continue;
			count(l, c, ms);
			if (over || l->good == MOST || !send_next(l, c))
				busy--;
		}
	}
	l->took_s = (double)(clock_mono() - began) / 1e6;
	l->p50_ms = quantile(ms, l->good, 0.5);
	l->p99_ms = quantile(ms, l->good, 0.99);
	for (unsigned i = 0; i < l->connections; i++)
		close(conns[i].fd);
	close(ep);
	free(conns);
	free(ms);
}
