/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_test.c - streams over loopback: begun in the handler, with more data a
 * moment later, plain and over TLS, again and again on new connections.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fetch.h"
#include "lib/http.h"
#include "lib/tls.h"
#include "tests/unit/tap.h"

#define ROUNDS 100u

static struct loop loop;
static struct arena arena;

/* ------------------------------------------------------------------ */
/* The server: head at once, two pieces in the next half millisecond.    */

struct stream {
	struct request *r;
	struct timer *timer;
	unsigned sent;
	bool gone;
};

static void
on_gone(struct request *r, void *arg)
{
	(void)r;
	((struct stream *)arg)->gone = true;
}

static void
on_turn(void *arg)
{
	struct stream *s = arg;

	if (s->sent++ < 2) {
		request_stream_send(s->r, "piece\n", 6);
		return;
	}
	timer_free(s->timer);
	request_stream_end(s->r);
	free(s);
}

static void
stream_show(struct request *r)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->r = r;
	request_stream_begin(r, 200, "text/plain", on_gone, s);
	s->timer = timer_every(r->loop, 200, 200, on_turn, s);
}

static const struct route routes[] = { { "GET", "/stream", stream_show }, ROUTE_END };

/* ------------------------------------------------------------------ */
/* The client: a process of its own, a connection for each.              */

static _Noreturn void
client(const char *url, const struct hash *pin, int to)
{
	unsigned whole = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct fetch f = { .url = url, .pin = pin, .timeout_us = SECOND_US };
		struct err e = ERR_NONE;
		struct arena a;

		arena_init(&a, 0);
		whole += fetch_now(&a, &f, &e) == 0 && f.reply_len == 12;
		arena_release(&a);
	}
	_exit(write(to, &whole, sizeof(whole)) == sizeof(whole) ? 0 : 1);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)!read(fd, arg, sizeof(unsigned));
	loop_stop(&loop);
}

static void
run(struct tls *tls, const struct hash *pin, const char *what)
{
	struct err e = ERR_NONE;
	struct http *h = http_listen(&loop, "127.0.0.1", 0, tls, routes, NULL, &e);
	unsigned whole = 0;
	struct event *ev;
	int ends[2];
	const char *url;
	pid_t pid;

	if (h == NULL || pipe2(ends, O_CLOEXEC) < 0)
		fatal("%s", e.text);
	url = arena_printf(&arena, "%s://127.0.0.1:%u/stream", tls != NULL ? "https" : "http",
			   http_port(h));
	pid = fork();
	if (pid == 0)
		client(url, pin, ends[1]);
	close(ends[1]);
	ev = event_new(loop.base, ends[0], EV_READ, on_end, &whole);
	event_add(ev, NULL);
	loop.stopping = false;
	loop_run(&loop);
	event_free(ev);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	is_int(whole, ROUNDS, what);
	http_free(h);
}

int
main(void)
{
	char dir[] = "/tmp/gavel-http-XXXXXX", cert[64], key[64];
	struct err e = ERR_NONE;
	struct hash pin;
	struct tls *tls;

	signal(SIGPIPE, SIG_IGN);
	arena_init(&arena, 0);
	if (loop_init(&loop, &e) < 0 || mkdtemp(dir) == NULL)
		fatal("%s", e.text);
	snprintf(cert, sizeof(cert), "%s/c.pem", dir);
	snprintf(key, sizeof(key), "%s/k.pem", dir);
	if (tls_make_self_signed(cert, key, "localhost", &e) < 0)
		fatal("%s", e.text);
	tls = tls_load(cert, key, &e);
	if (tls == NULL || tls_pin(tls, &pin, &e) < 0)
		fatal("%s", e.text);
	run(NULL, NULL, "every stream is whole");
	run(tls, &pin, "over TLS too");
	tls_free(tls);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	arena_release(&arena);
	return tap_done();
}
