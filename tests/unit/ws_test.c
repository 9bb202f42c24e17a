/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSockets over loopback, both ends in one loop: handshake, refusals, large
 * messages, a slow reader, good-bye and the lack of one, over TLS and without.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/tls.h"
#include "lib/ws.h"
#include "tests/unit/tap.h"

#define MUCH  ((size_t)8 * 1024 * 1024)
#define PIECE ((size_t)32 * 1024)

static const struct code TEAPOT = { "teapot", DENIED, "no coffee" };

static struct loop loop;
static struct err closed_with;
static struct ws *server;
static size_t got, sent;
static unsigned opened, closed, server_closed, wrong;
static bool slow;

/* ------------------------------------------------------------------ */
/* The server sends back what it gets.                                  */

static void
echo_message(void *ctx, const uint8_t *data, size_t len)
{
	(void)ctx;
	if (len == 6 && memcmp(data + 1, "leave", 5) == 0)
		ws_close(server);
	else
		ws_send(server, data[0], data + 1, len - 1);
	if (ws_backlog(server) > WS_BACKLOG_HIGH)
		ws_pause(server, true);
}

static void
echo_drain(void *ctx)
{
	(void)ctx;
	ws_pause(server, false);
}

static void
echo_closed(void *ctx, const struct err *e)
{
	(void)ctx;
	(void)e;
	server_closed++;
	ws_free(server);
	server = NULL;
}

static const struct ws_events echo = { .on_message = echo_message,
				       .on_drain = echo_drain,
				       .on_closed = echo_closed };

static void
echo_open(struct request *r)
{
	struct err e = ERR_NONE;

	if (ws_check(r, "echo.v1", &e) < 0) {
		request_fail(r, &e);
		return;
	}
	if (request_query(r, "no") != NULL) {
		err_set(&e, &TEAPOT, "as asked");
		request_fail(r, &e);
		return;
	}
	server = ws_accept(r, "echo.v1", &echo, NULL);
}

static const struct route routes[] = { { "GET", "/echo", echo_open }, ROUTE_END };

/* ------------------------------------------------------------------ */
/* The client.                                                         */

static struct ws *client;

static void
more(void)
{
	static uint8_t piece[PIECE];

	while (sent < MUCH && ws_backlog(client) < WS_BACKLOG_HIGH) {
		for (size_t i = 0; i < PIECE; i++)
			piece[i] = (uint8_t)((sent + i) * 31 >> 3);
		ws_send(client, 7, piece, PIECE);
		sent += PIECE;
	}
}

static void
on_open(void *ctx)
{
	opened++;
	if (ctx != NULL)
		more();
}

static void
unpause(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ws_pause(client, false);
}

static void
on_message(void *ctx, const uint8_t *data, size_t len)
{
	struct timeval later = { 0, 20000 };

	(void)ctx;
	for (size_t i = 1; i < len; i += 997)
		wrong += data[i] != (uint8_t)((got + i - 1) * 31 >> 3);
	got += len - 1;
	if (slow && got % (64 * PIECE) == 0) {
		ws_pause(client, true);
		event_base_once(loop.base, -1, EV_TIMEOUT, unpause, NULL, &later);
	}
	if (got >= MUCH || (!slow && ctx == NULL))
		loop_stop(&loop);
}

static void
on_drain(void *ctx)
{
	if (ctx != NULL && opened != 0)
		more();
}

static void
on_closed(void *ctx, const struct err *e)
{
	(void)ctx;
	closed++;
	closed_with = *e;
	loop_stop(&loop);
}

static const struct ws_events events = {
	.on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_closed = on_closed
};

static void
too_long(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	printf("# it took too long: sent %zu, got %zu\n", sent, got);
	loop_stop(&loop);
}

static void
run(void)
{
	struct event *ev = event_new(loop.base, -1, 0, too_long, NULL);
	struct timeval most = { 10, 0 };

	event_add(ev, &most);
	loop.stopping = false;
	loop_run(&loop);
	event_free(ev);
}

static const char *url;

static struct ws *
call(const char *path, const char *protocol, const struct hash *pin, void *ctx)
{
	struct ws_target to = { .url = url, .path = path, .protocol = protocol, .pin = pin };
	struct err e = ERR_NONE;

	opened = closed = wrong = 0;
	got = sent = 0;
	closed_with = (struct err)ERR_NONE;
	client = ws_connect(&loop, &to, &events, ctx, &e);
	if (client == NULL)
		printf("# %s\n", e.text);
	return client;
}

/* ------------------------------------------------------------------ */

static void
both_ways(const struct hash *pin, const char *how)
{
	int flag;

	slow = false;
	call("/echo", "echo.v1", pin, &flag);
	run();
	ok(opened == 1 && got == MUCH && wrong == 0, "%s: 8 MiB there and back, whole", how);
	ws_free(client);
	slow = true;
	call("/echo", "echo.v1", pin, &flag);
	run();
	ok(got == MUCH && wrong == 0, "%s: the same with a reader that pauses", how);
	ws_send(client, 1, "leave", 5);
	run();
	ok(closed == 1 && closed_with.code == NULL, "%s: the server says good-bye", how);
	ws_free(client);
	slow = false;
	call("/echo", "echo.v1", pin, &flag);
	run();
	server_closed = 0;
	ws_close(client);
	run();
	ok(closed == 1 && closed_with.code == NULL && server_closed == 1,
	   "%s: the client says good-bye", how);
	ws_free(client);
}

static void
refusals(const struct hash *pin, const char *how)
{
	call("/echo?no=1", "echo.v1", pin, NULL);
	run();
	ok(opened == 0 && closed == 1 && closed_with.code != NULL &&
		   strcmp(closed_with.code->name, "teapot") == 0 &&
		   closed_with.code->kind == DENIED,
	   "%s: a refusal in HTTP keeps its name", how);
	ws_free(client);
	call("/echo", "other.v1", pin, NULL);
	run();
	ok(closed_with.code != NULL && strcmp(closed_with.code->name, "websocket_expected") == 0,
	   "%s: another subprotocol is refused", how);
	ws_free(client);
	call("/nothing", "echo.v1", pin, NULL);
	run();
	ok(closed_with.code != NULL && strcmp(closed_with.code->name, "no_such_path") == 0,
	   "%s: a path that is not there", how);
	ws_free(client);
}

/* What a raw client gets for the bytes. */
static const char *
raw(unsigned port, const char *text, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	static char answer[4096];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t at = 0;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    write(fd, text, len) != (ssize_t)len)
		return "";
	fcntl(fd, F_SETFL, O_NONBLOCK);
	memset(answer, 0, sizeof(answer));
	for (int i = 0; i < 50; i++) {
		ssize_t n;

		event_base_loop(loop.base, EVLOOP_NONBLOCK);
		n = read(fd, answer + at, sizeof(answer) - 1 - at);
		at += n > 0 ? (size_t)n : 0;
		if (n == 0)
			break;
		usleep(2000);
	}
	close(fd);
	for (int i = 0; i < 5; i++)
		event_base_loop(loop.base, EVLOOP_NONBLOCK);
	return answer;
}

#define HEAD                                                                                       \
	"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, "          \
	"Upgrade\r\n"                                                                              \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"             \
	"Sec-WebSocket-Protocol: a, echo.v1\r\n"

static void
strangers(unsigned port)
{
	/* The example of RFC 6455, and a frame without a mask, which it forbids. */
	static const char head[] = HEAD "\r\n", bare[] = HEAD "\r\n\x82\x02hi",
			  twice[] = HEAD "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
	static const char plain[] = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
	const char *answer = raw(port, head, sizeof(head) - 1);

	ok(strstr(answer, "101 Switching") != NULL &&
		   strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != NULL,
	   "the handshake of RFC 6455");
	ok(server == NULL, "a client that vanishes leaves nothing");
	ok(strstr(raw(port, plain, sizeof(plain) - 1), "websocket_expected") != NULL,
	   "a plain GET is told what is wanted");
	(void)!raw(port, bare, sizeof(bare) - 1);
	ok(server == NULL, "a frame without a mask ends it");
	ok(strstr(raw(port, twice, sizeof(twice) - 1), "Extensions") == NULL,
	   "no extension is agreed to");
}

int
main(void)
{
	char dir[] = "/tmp/gavel-ws-XXXXXX", cert[64], key[64], text[64];
	struct err e = ERR_NONE;
	struct hash pin, other;
	struct http *h;
	struct tls *tls;

	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL || loop_init(&loop, &e) < 0)
		return 1;
	snprintf(cert, sizeof(cert), "%s/crt", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	h = http_listen(&loop, "127.0.0.1", 0, NULL, routes, NULL, &e);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u", http_port(h));
	url = text;
	both_ways(NULL, "plain");
	refusals(NULL, "plain");
	strangers(http_port(h));
	http_free(h);
	if (tls_make_self_signed(cert, key, "x", &e) < 0 ||
	    (tls = tls_load(cert, key, &e)) == NULL || tls_pin(tls, &pin, &e) < 0)
		return 1;
	h = http_listen(&loop, "127.0.0.1", 0, tls, routes, NULL, &e);
	snprintf(text, sizeof(text), "https://127.0.0.1:%u", http_port(h));
	both_ways(&pin, "TLS");
	refusals(&pin, "TLS");
	other = pin;
	other.b[31] ^= 1;
	call("/echo", "echo.v1", &other, NULL);
	run();
	ok(opened == 0 && closed_with.code == &ERR_UNREACHABLE,
	   "another key than the pin: refused");
	ws_free(client);
	url = "https://127.0.0.1:1";
	ok(call("/echo", "echo.v1", NULL, NULL) == NULL, "https without a pin: refused");
	call("/echo", "echo.v1", &pin, NULL);
	run();
	ok(closed_with.code == &ERR_UNREACHABLE, "nobody there: unreachable");
	ws_free(client);
	http_free(h);
	tls_free(tls);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	return tap_done();
}
