/* SPDX-License-Identifier: Apache-2.0 */
/* Ten thousand readers of a stream, and ten thousand sockets to send to. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/load.h"

static void
many_files(void)
{
	struct rlimit files = { 0 };

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int
dial(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fatal("connect to port %u: %s", port, strerror(errno));
	return fd;
}

/* ------------------------------------------------------------------ */

struct reader {
	int fd;
	bool greeted;
	char last[3]; /* what may be the beginning of "id: " */
	size_t kept, events;
};

static size_t
count_of(const char *text, size_t len, const char *what)
{
	size_t n = 0;

	for (const char *at = text;
	     (at = memmem(at, len - (size_t)(at - text), what, strlen(what))) != NULL;
	     at += strlen(what))
		n++;
	return n;
}

/* false: the stream has ended. */
static bool
take(struct reader *r)
{
	char text[65536 + 3];
	ssize_t got;
	size_t len;

	memcpy(text, r->last, r->kept);
	got = read(r->fd, text + r->kept, sizeof(text) - 3);
	if (got <= 0)
		return false;
	len = r->kept + (size_t)got;
	r->events += count_of(text, len, "id: ");
	r->greeted = r->greeted || count_of(text, len, ": hello") > 0;
	r->kept = MIN(len, sizeof(r->last));
	memcpy(r->last, text + len - r->kept, r->kept);
	return true;
}

void
streams_hold(unsigned port, size_t count, size_t events)
{
	static const char ask[] = "GET /v1/events HTTP/1.1\r\nHost: market\r\n\r\n";
	struct reader *readers = xcalloc(count, sizeof(*readers));
	size_t open = 0, done = 0, ended = 0;
	struct epoll_event ready[256];
	int ep = epoll_create1(EPOLL_CLOEXEC), n;
	mono_t began = clock_mono(), first = 0, last = 0;

	many_files();
	for (size_t i = 0; i < count; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &readers[i] };

		readers[i].fd = dial(port);
		if (write(readers[i].fd, ask, sizeof(ask) - 1) < 0 ||
		    epoll_ctl(ep, EPOLL_CTL_ADD, readers[i].fd, &ev) != 0)
			fatal("stream %zu: %s", i, strerror(errno));
	}
	while (done < count && ended == 0 && clock_mono() - began < 30 * SECOND_US) {
		n = epoll_wait(ep, ready, 256, 1000);
		for (int i = 0; i < n; i++) {
			struct reader *r = ready[i].data.ptr;
			bool greeted = r->greeted, complete = r->events >= events;

			ended += !take(r);
			if (r->greeted && !greeted && ++open == count) {
				printf("ready\n");
				fflush(stdout);
			}
			if (r->events > 0 && first == 0)
				first = clock_mono();
			if (r->events >= events && !complete) {
				done++;
				last = clock_mono();
			}
		}
	}
	printf("streams=%zu open=%zu all=%zu ended=%zu spread_ms=%.1f\n", count, open, done, ended,
	       (double)(last - first) / 1000);
}

double
sends_cost(size_t count, size_t rounds)
{
	struct sockaddr_in me = { .sin_family = AF_INET };
	socklen_t size = sizeof(me);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	int *peers = xcalloc(count, sizeof(*peers));
	char text[250] = "x";
	double at;

	many_files();
	me.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&me, sizeof(me)) != 0 ||
	    listen(listener, 1024) != 0 ||
	    getsockname(listener, (struct sockaddr *)&me, &size) != 0)
		fatal("listen: %s", strerror(errno));
	for (size_t i = 0; i < count; i++) {
		dial(ntohs(me.sin_port)); /* the other end stays until we end */
		peers[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		setsockopt(peers[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	at = cpu_self();
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < count; i++)
			if (send(peers[i], text, sizeof(text), MSG_NOSIGNAL) != sizeof(text))
				fatal("send: %s", strerror(errno));
	return (cpu_self() - at) * 1e6 / (double)(count * rounds);
}
