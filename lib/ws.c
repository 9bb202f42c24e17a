/* SPDX-License-Identifier: Apache-2.0 */
#include "ws.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <wslay/wslay.h>

#include "clock.h"
#include "fetch.h"
#include "tls.h"

const struct code WS_HANDSHAKE = { "websocket_expected", INVALID,
				   "this path is a WebSocket with a named subprotocol" };
const struct code WS_BROKEN = { "websocket_broken", UNAVAIL, "the connection broke off" };

#define GUID	     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define PING_US	     (30 * SECOND_US)
#define SILENCE_US   (600 * SECOND_US)
#define HANDSHAKE_US (30 * SECOND_US)
#define CLOSE_US     (5 * SECOND_US)
#define HEAD_MAX     ((size_t)32 * 1024)

struct ws {
	struct loop *loop;
	const struct ws_events *events; /* borrowed */
	void *ctx;
	struct bufferevent *bev;       /* the server's belongs to its request */
	struct request *request;       /* server: owned */
	SSL_CTX *tls;		       /* client: owned */
	wslay_event_context_ptr wslay; /* NULL: the handshake is under way */
	struct event *timer;
	mono_t heard, deadline, pinged;
	struct arena arena; /* client: the handshake's */
	struct ws_target to;
	struct hash pin;
	const char *host;
	char key[32];
	bool secure, paused, said, closing, told, freed;
	unsigned depth; /* of our callbacks on the stack */
};

/* ------------------------------------------------------------------ */
/* Ending. A callback may free what calls it: the memory waits.         */

static void
ws_destroy(struct ws *w)
{
	if (w->wslay != NULL)
		wslay_event_context_free(w->wslay);
	if (w->timer != NULL)
		event_free(w->timer);
	if (w->request != NULL)
		request_drop(w->request);
	else if (w->bev != NULL)
		bufferevent_free(w->bev);
	SSL_CTX_free(w->tls);
	arena_release(&w->arena);
	free(w);
}

static void
ws_leave(struct ws *w)
{
	if (--w->depth == 0 && w->freed)
		ws_destroy(w);
}

void
ws_free(struct ws *w)
{
	if (w == NULL)
		return;
	w->freed = true;
	if (w->bev != NULL) {
		bufferevent_setcb(w->bev, NULL, NULL, NULL, NULL);
		bufferevent_disable(w->bev, EV_READ | EV_WRITE);
	}
	if (w->depth == 0)
		ws_destroy(w);
}

static void
ws_end(struct ws *w, const struct err *e)
{
	if (w->told || w->freed)
		return;
	w->told = true;
	if (w->bev != NULL)
		bufferevent_disable(w->bev, EV_READ | EV_WRITE);
	w->events->on_closed(w->ctx, e);
}

static void
ws_fail(struct ws *w, const struct code *code, const char *why)
{
	struct err e = ERR_NONE;

	err_set(&e, code, "%s", why);
	ws_end(w, &e);
}

/* ------------------------------------------------------------------ */
/* Frames, by wslay, in and out of the bufferevent's buffers.           */

static ssize_t
frames_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *arg)
{
	struct ws *w = arg;
	int n = w->paused || w->freed ? 0
				      : evbuffer_remove(bufferevent_get_input(w->bev), buf,
							MIN(len, (size_t)65536));

	(void)flags;
	if (n <= 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	return n;
}

static ssize_t
frames_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *arg)
{
	struct ws *w = arg;

	(void)flags;
	if (evbuffer_add(bufferevent_get_output(w->bev), data, len) != 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	return (ssize_t)len;
}

static int
frames_mask(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, void *arg)
{
	(void)ctx;
	(void)arg;
	random_bytes(buf, len);
	return 0;
}

static void
frames_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct ws *w = arg;

	(void)ctx;
	if (!wslay_is_ctrl_frame(m->opcode) && !w->told && !w->freed && !w->said)
		w->events->on_message(w->ctx, m->msg, m->msg_length);
}

static const struct wslay_event_callbacks frames = {
	.recv_callback = frames_recv,
	.send_callback = frames_send,
	.genmask_callback = frames_mask,
	.on_msg_recv_callback = frames_message,
};

static void
ws_flush(struct ws *w)
{
	if (w->wslay != NULL && wslay_event_send(w->wslay) != 0 && w->depth != 0)
		ws_fail(w, &WS_BROKEN, "out of memory");
}

/* Both have said good-bye and all is sent, or the protocol is broken. */
static void
ws_look(struct ws *w)
{
	uint16_t status;

	if (w->freed || w->told || w->wslay == NULL)
		return;
	if (!wslay_event_get_close_received(w->wslay) && wslay_event_get_read_enabled(w->wslay))
		return;
	w->closing = true;
	if (evbuffer_get_length(bufferevent_get_output(w->bev)) != 0)
		return;
	status = wslay_event_get_status_code_received(w->wslay);
	if (wslay_event_get_close_received(w->wslay) &&
	    (status == WSLAY_CODE_NORMAL_CLOSURE || status == WSLAY_CODE_NO_STATUS_RCVD))
		ws_end(w, &(const struct err)ERR_NONE);
	else
		ws_fail(w, &WS_BROKEN, "the other side broke the WebSocket protocol or gave up");
}

static void
ws_pump(struct ws *w)
{
	w->heard = clock_mono();
	if (w->wslay == NULL || w->told)
		return;
	if (wslay_event_recv(w->wslay) != 0 && !w->freed)
		ws_fail(w, &WS_BROKEN, "a frame that cannot be");
	if (!w->freed)
		ws_flush(w);
	ws_look(w);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct ws *w = arg;

	(void)bev;
	w->depth++;
	ws_pump(w);
	ws_leave(w);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct ws *w = arg;

	(void)bev;
	w->depth++;
	if (w->closing)
		ws_look(w);
	else if (w->events->on_drain != NULL && !w->told)
		w->events->on_drain(w->ctx);
	ws_leave(w);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct ws *w = arg;

	w->depth++;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
		/* What arrived with the end of the connection still counts. */
		w->paused = false;
		if (evbuffer_get_length(bufferevent_get_input(bev)) != 0)
			ws_pump(w);
		if (!w->freed)
			ws_fail(w, &WS_BROKEN, "the connection broke off");
	}
	ws_leave(w);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ws *w = arg;
	mono_t now = clock_mono();
	struct wslay_event_msg ping = { WSLAY_PING, NULL, 0 };

	(void)fd;
	(void)what;
	w->depth++;
	/* The good-bye's time begins when all that was said before is out. */
	if (w->said && w->deadline == 0 && ws_backlog(w) == 0)
		w->deadline = now + CLOSE_US;
	if (w->deadline != 0 && now > w->deadline) {
		ws_fail(w, &ERR_TIMEOUT,
			w->wslay == NULL ? "no answer to the handshake" : "no good-bye came");
	} else if (w->paused) {
		w->heard = now;
	} else if (now - w->heard > SILENCE_US) {
		ws_fail(w, &ERR_TIMEOUT, "nothing came for ten minutes");
	}
	if (w->wslay != NULL && !w->told && !w->closing && now - w->pinged > PING_US) {
		w->pinged = now;
		(void)!wslay_event_queue_msg(w->wslay, &ping);
		ws_flush(w);
	}
	ws_leave(w);
}

static struct ws *
ws_new(struct loop *l, const struct ws_events *events, void *ctx)
{
	struct ws *w = xcalloc(1, sizeof(*w));
	struct timeval second = { 1, 0 };

	w->loop = l;
	w->events = events;
	w->ctx = ctx;
	w->heard = w->pinged = clock_mono();
	arena_init(&w->arena, 0);
	w->timer = event_new(l->base, -1, EV_PERSIST, on_timer, w);
	if (w->timer == NULL)
		fatal("out of memory");
	event_add(w->timer, &second);
	return w;
}

static void
ws_begin(struct ws *w, bool server)
{
	int failed = server ? wslay_event_context_server_init(&w->wslay, &frames, w)
			    : wslay_event_context_client_init(&w->wslay, &frames, w);

	if (failed != 0)
		fatal("out of memory");
	wslay_event_config_set_max_recv_msg_length(w->wslay, WS_MESSAGE_MAX);
	bufferevent_setcb(w->bev, on_read, on_write, on_event, w);
	bufferevent_setwatermark(w->bev, EV_WRITE, WS_BACKLOG_LOW, 0);
	bufferevent_setwatermark(w->bev, EV_READ, 0, WS_MESSAGE_MAX * 2);
	bufferevent_enable(w->bev, EV_READ | EV_WRITE);
}

/* ------------------------------------------------------------------ */
/* The server's handshake.                                             */

const char *
ws_accept_key(struct arena *a, const char *key)
{
	const char *text = arena_printf(a, "%s%s", key, GUID);
	unsigned char digest[20];
	unsigned len = sizeof(digest);

	if (EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) != 1)
		fatal("no SHA-1");
	return base64_text(a, digest, len);
}

/* Whether the comma-separated list has the word. */
static bool
list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list != NULL && *list != '\0') {
		list += strspn(list, " \t,");
		if (strncasecmp(list, word, len) == 0 &&
		    strspn(list + len, " \t") == strcspn(list + len, ","))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

int
ws_check(struct request *r, const char *protocol, struct err *e)
{
	const char *upgrade = request_header(r, "Upgrade"),
		   *key = request_header(r, "Sec-WebSocket-Key"),
		   *version = request_header(r, "Sec-WebSocket-Version");

	if (upgrade == NULL || strcasecmp(upgrade, "websocket") != 0 ||
	    !list_has(request_header(r, "Connection"), "upgrade"))
		return err_set(e, &WS_HANDSHAKE, "send Upgrade: websocket");
	if (key == NULL || strlen(key) != 24)
		return err_set(e, &WS_HANDSHAKE, "Sec-WebSocket-Key is 16 bytes in base64");
	if (version == NULL || strcmp(version, "13") != 0)
		return err_set(e, &WS_HANDSHAKE, "Sec-WebSocket-Version is 13");
	if (!list_has(request_header(r, "Sec-WebSocket-Protocol"), protocol))
		return err_set(e, &WS_HANDSHAKE, "Sec-WebSocket-Protocol is %s", protocol);
	r->ws_key = arena_strdup(&r->arena, key);
	return 0;
}

static void
end_later(evutil_socket_t fd, short what, void *arg)
{
	struct ws *w = arg;

	(void)fd;
	(void)what;
	w->depth++;
	ws_fail(w, &WS_BROKEN, "the client has gone");
	ws_leave(w);
}

struct ws *
ws_accept(struct request *r, const char *protocol, const struct ws_events *events, void *ctx)
{
	struct ws *w = ws_new(r->loop, events, ctx);
	const char *accept = ws_accept_key(&r->arena, r->ws_key);
	struct timeval now = { 0, 0 };

	w->request = r;
	w->bev = request_take(r);
	if (w->bev == NULL) {
		event_base_once(r->loop->base, -1, EV_TIMEOUT, end_later, w, &now);
		return w;
	}
	evbuffer_add_printf(bufferevent_get_output(w->bev),
			    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
			    "Sec-WebSocket-Protocol: %s\r\n\r\n",
			    accept, protocol);
	ws_begin(w, true);
	return w;
}

/* ------------------------------------------------------------------ */
/* The client's handshake.                                             */

static void
hello_send(struct ws *w)
{
	struct evbuffer *out = bufferevent_get_output(w->bev);
	uint8_t nonce[16];

	random_bytes(nonce, sizeof(nonce));
	snprintf(w->key, sizeof(w->key), "%s", base64_text(&w->arena, nonce, sizeof(nonce)));
	evbuffer_add_printf(out,
			    "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
			    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n",
			    w->to.path, w->host, w->key, w->to.protocol);
	if (w->to.bearer != NULL)
		evbuffer_add_printf(out, "Authorization: Bearer %s\r\n", w->to.bearer);
	evbuffer_add(out, "\r\n", 2);
}

static void
hello_event(struct bufferevent *bev, short what, void *arg)
{
	struct ws *w = arg;
	struct err e = ERR_NONE;
	struct hash pin;
	int on = 1;

	w->depth++;
	if ((what & BEV_EVENT_CONNECTED) != 0) {
		setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		/* Nothing, the token least of all, is said before the key is known. */
		if (w->secure && tls_peer_pin(bufferevent_openssl_get_ssl(bev), &pin, &e) < 0)
			ws_end(w, &e);
		else if (w->secure && !hash_equal(&pin, &w->pin))
			ws_fail(w, &ERR_UNREACHABLE,
				"the server has another key than its record says");
		else
			hello_send(w);
	} else if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
		err_set(&e, &ERR_UNREACHABLE, "%s: %s", w->to.url,
			errno != 0 ? strerror(errno) : "the connection broke off");
		ws_end(w, &e);
	}
	ws_leave(w);
}

/* The value of a header in the head, or NULL. */
static const char *
head_value(struct arena *a, const char *head, const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = strchr(head, '\n'); p != NULL; p = strchr(p, '\n')) {
		p++;
		if (strncasecmp(p, name, len) == 0 && p[len] == ':') {
			p += len + 1;
			p += strspn(p, " \t");
			return arena_strndup(a, p, strcspn(p, "\r\n"));
		}
	}
	return NULL;
}

/* Anything but 101 is a problem document, or not ours. */
static void
hello_refused(struct ws *w, const char *head, int status)
{
	struct evbuffer *in = bufferevent_get_input(w->bev);
	const char *length = head_value(&w->arena, head, "Content-Length");
	size_t want = length != NULL ? strtoul(length, NULL, 10) : 0,
	       have = evbuffer_get_length(in);
	struct fetch f = { .url = w->to.url, .status = status };
	struct err e = ERR_NONE;

	f.reply_len = MIN(MIN(want, have), HEAD_MAX);
	f.reply = arena_alloc(&w->arena, f.reply_len + 1);
	evbuffer_copyout(in, f.reply, f.reply_len);
	if (fetch_check(&w->arena, &f, &e) == 0)
		err_set(&e, &ERR_UNREACHABLE, "%s does not speak WebSocket", w->to.url);
	ws_end(w, &e);
}

static void
hello_read(struct bufferevent *bev, void *arg)
{
	struct ws *w = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	const char *length, *accept;
	int status = 0;
	char *head;

	if (end.pos < 0) {
		if (evbuffer_get_length(in) > HEAD_MAX)
			ws_fail(w, &ERR_UNREACHABLE, "the answer's head has no end");
		return;
	}
	w->depth++;
	head = arena_alloc(&w->arena, (size_t)end.pos + 5);
	evbuffer_copyout(in, head, (size_t)end.pos + 4);
	length = head_value(&w->arena, head, "Content-Length");
	if (sscanf(head, "HTTP/1.1 %d", &status) != 1 || status != 101) {
		/* Wait for the whole document. */
		if (length == NULL ||
		    evbuffer_get_length(in) >=
			    (size_t)end.pos + 4 + MIN(strtoul(length, NULL, 10), HEAD_MAX)) {
			evbuffer_drain(in, (size_t)end.pos + 4);
			hello_refused(w, head, status);
		}
		ws_leave(w);
		return;
	}
	evbuffer_drain(in, (size_t)end.pos + 4);
	accept = head_value(&w->arena, head, "Sec-WebSocket-Accept");
	if (accept == NULL || strcmp(accept, ws_accept_key(&w->arena, w->key)) != 0) {
		ws_fail(w, &ERR_UNREACHABLE, "the server's handshake is not for ours");
	} else {
		w->deadline = 0;
		ws_begin(w, false);
		if (w->events->on_open != NULL)
			w->events->on_open(w->ctx);
		if (!w->freed)
			ws_pump(w);
	}
	ws_leave(w);
}

/* https://[::1]:8443 -> host for the header, name and port for the socket. */
static int
url_split(struct ws *w, char **name, int *port, struct err *e)
{
	const char *p = w->to.url;
	char *colon;

	w->secure = strncmp(p, "https://", 8) == 0;
	if (!w->secure && strncmp(p, "http://", 7) != 0)
		return err_set(e, &ERR_BAD_DATA, "\"%.100s\" is not an http address", p);
	p += w->secure ? 8 : 7;
	w->host = arena_strndup(&w->arena, p, strcspn(p, "/"));
	*name = arena_strdup(&w->arena, w->host);
	*port = w->secure ? 443 : 80;
	colon = strrchr(*name, ':');
	if (colon != NULL && strchr(colon, ']') == NULL) {
		*port = (int)strtoul(colon + 1, NULL, 10);
		*colon = '\0';
	}
	if ((*name)[0] == '[') {
		(*name)[strcspn(*name, "]")] = '\0';
		(*name)++;
	}
	if (w->secure && w->to.pin == NULL)
		return err_set(e, &ERR_BAD_DATA, "https needs the pin of the server's key");
	return *port > 0 && *port < 65536 ? 0 : err_set(e, &ERR_BAD_DATA, "%.100s: port", w->host);
}

static struct bufferevent *
client_bufferevent(struct ws *w)
{
	SSL *ssl;

	if (!w->secure)
		return bufferevent_socket_new(w->loop->base, -1, BEV_OPT_CLOSE_ON_FREE);
	w->pin = *w->to.pin;
	w->tls = (SSL_CTX *)tls_client();
	ssl = SSL_new(w->tls);
	if (ssl == NULL)
		fatal("out of memory");
	return bufferevent_openssl_socket_new(w->loop->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
					      BEV_OPT_CLOSE_ON_FREE);
}

struct ws *
ws_connect(struct loop *l, const struct ws_target *to, const struct ws_events *events, void *ctx,
	   struct err *e)
{
	struct ws *w = ws_new(l, events, ctx);
	char *name = NULL;
	int port = 0;
	bool freed;

	w->to = (struct ws_target){
		.url = arena_strdup(&w->arena, to->url),
		.path = arena_strdup(&w->arena, to->path),
		.protocol = arena_strdup(&w->arena, to->protocol),
		.bearer = to->bearer != NULL ? arena_strdup(&w->arena, to->bearer) : NULL,
		.pin = to->pin,
	};
	if (url_split(w, &name, &port, e) < 0) {
		ws_free(w);
		return NULL;
	}
	w->bev = client_bufferevent(w);
	if (w->bev == NULL)
		fatal("out of memory");
	w->deadline = clock_mono() + HANDSHAKE_US;
	bufferevent_setcb(w->bev, hello_read, NULL, hello_event, w);
	bufferevent_enable(w->bev, EV_READ | EV_WRITE);
	w->depth++; /* a name that is not known calls hello_event() at once */
	errno = 0;
	if (bufferevent_socket_connect_hostname(w->bev, NULL, AF_UNSPEC, name, port) != 0)
		ws_fail(w, &ERR_UNREACHABLE, "cannot connect");
	freed = w->freed; /* by who was told of it */
	ws_leave(w);
	if (!freed)
		return w;
	err_set(e, &ERR_UNREACHABLE, "cannot connect");
	return NULL;
}

/* ------------------------------------------------------------------ */

void
ws_send(struct ws *w, uint8_t kind, const void *data, size_t len)
{
	uint8_t *bytes;
	struct wslay_event_msg m = { WSLAY_BINARY_FRAME, NULL, len + 1 };

	if (w->wslay == NULL || w->told || w->freed || w->closing || w->said)
		return;
	bytes = xmalloc(len + 1);
	bytes[0] = kind;
	if (len != 0)
		memcpy(bytes + 1, data, len);
	m.msg = bytes;
	(void)!wslay_event_queue_msg(w->wslay, &m);
	free(bytes);
	ws_flush(w);
}

size_t
ws_backlog(const struct ws *w)
{
	return w->bev == NULL || w->told ? 0 : evbuffer_get_length(bufferevent_get_output(w->bev));
}

void
ws_pause(struct ws *w, bool pause)
{
	if (w->paused == pause || w->bev == NULL || w->freed)
		return;
	w->paused = pause;
	if (pause)
		return;
	/* Not from here: the caller may stand in one of our callbacks. */
	bufferevent_trigger(w->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void
ws_close(struct ws *w)
{
	if (w->wslay == NULL || w->told || w->freed || w->closing || w->said)
		return;
	w->said = true;
	ws_pause(w, false);
	(void)!wslay_event_queue_close(w->wslay, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
	ws_flush(w);
}
