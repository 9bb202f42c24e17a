/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define HEADERS_MAX (16 * 1024)
#define BODY_MAX    JSON_BYTES_MAX
#define IDLE_S	    60

static const struct code NO_ROUTE = { "no_such_path", NOT_FOUND, "there is nothing at this path" };
static const struct code BAD_METHOD = { "method_not_allowed", INVALID,
					"this path takes other methods" };
static const struct code BAD_REQUEST = { "bad_request", INVALID, "the request is malformed" };

struct http {
	struct loop *loop;
	struct evhttp *ev;
	SSL_CTX *tls;
	const struct route *routes;
	void *ctx;
	unsigned port;
	struct evhttp_bound_socket *bound;
};

/* ------------------------------------------------------------------ */
/* Requests.                                                           */

/* evhttp tells of a closed connection once; the request may outlive it. */
static void
request_on_close(struct evhttp_connection *conn, void *arg)
{
	struct request *r = arg;
	bool streaming = r->streaming && !r->gone;

	(void)conn;
	r->gone = true;
	if (streaming && r->on_gone != NULL)
		r->on_gone(r, r->on_gone_arg);
}

static void
request_free(struct request *r)
{
	arena_release(&r->arena);
	free(r);
}

/* Let go of the connection: after this evhttp may free it. */
static void
request_detach(struct request *r)
{
	struct evhttp_connection *conn = r->gone ? NULL : evhttp_request_get_connection(r->ev);

	if (conn != NULL)
		evhttp_connection_set_closecb(conn, NULL, NULL);
}

const char *
request_part(const struct request *r, const char *name)
{
	for (size_t i = 0; i < NELEMS(r->names) && r->names[i] != NULL; i++)
		if (strcmp(r->names[i], name) == 0)
			return r->values[i];
	fatal("route without {%s}", name);
}

const char *
request_query(const struct request *r, const char *name)
{
	struct evkeyvalq query;
	const char *q = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(r->ev)), *v;

	if (q == NULL || evhttp_parse_query_str(q, &query) != 0)
		return NULL;
	v = evhttp_find_header(&query, name);
	if (v != NULL)
		v = arena_strdup((struct arena *)(uintptr_t)&r->arena, v);
	evhttp_clear_headers(&query);
	return v;
}

size_t
request_query_all(const struct request *r, const char *name, const char **values, size_t most)
{
	const char *q = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(r->ev));
	struct evkeyvalq query;
	size_t count = 0;

	if (q == NULL || evhttp_parse_query_str(q, &query) != 0)
		return 0;
	for (struct evkeyval *h = query.tqh_first; h != NULL && count < most; h = h->next.tqe_next)
		if (strcmp(h->key, name) == 0)
			values[count++] =
				arena_strdup((struct arena *)(uintptr_t)&r->arena, h->value);
	evhttp_clear_headers(&query);
	return count;
}

const char *
request_header(const struct request *r, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(r->ev), name);
}

const char *
request_bearer(const struct request *r)
{
	const char *v = request_header(r, "Authorization");

	return v != NULL && strncasecmp(v, "Bearer ", 7) == 0 ? v + 7 : NULL;
}

void
request_set_header(struct request *r, const char *name, const char *value)
{
	struct evkeyvalq *headers;

	if (r->gone)
		return;
	headers = evhttp_request_get_output_headers(r->ev);
	evhttp_remove_header(headers, name);
	evhttp_add_header(headers, name, value);
}

static void
request_common_headers(struct request *r, const char *type)
{
	char id[ID_TEXT_SIZE];

	request_set_header(r, "Request-Id", id_text(ID_REQUEST, &r->id, id));
	request_set_header(r, "Content-Type", type);
	request_set_header(r, "Cache-Control", "no-store");
	request_set_header(r, "X-Content-Type-Options", "nosniff");
}

static void
request_log(const struct request *r, int status)
{
	char id[ID_TEXT_SIZE];

	log_debug("http.answered", "method=%s path=%s status=%d us=%lld peer=%s request=%s",
		  r->method, r->path, status, (long long)(clock_mono() - r->arrived), r->peer,
		  id_text(ID_REQUEST, &r->id, id));
}

void
request_answer(struct request *r, int status, const char *type, const char *body, size_t len)
{
	struct evbuffer *buf;

	assert(!r->answered);
	r->answered = true;
	request_log(r, status);
	request_detach(r);
	if (!r->gone) {
		request_common_headers(r, type);
		buf = evbuffer_new();
		if (buf == NULL)
			fatal("out of memory");
		evbuffer_add(buf, body, len);
		evhttp_send_reply(r->ev, status, NULL, buf);
		evbuffer_free(buf);
	}
	request_free(r);
}

void
request_answer_json(struct request *r, int status, struct jsonw *w)
{
	size_t len;
	const char *text = jsonw_text(w, &len);

	request_answer(r, status, "application/json", text, len);
	jsonw_free(w);
}

/* RFC 9457, with our members beside it. */
void
request_fail(struct request *r, const struct err *e)
{
	struct jsonw *w = jsonw_new(false);
	int status = kind_http_status(e->code->kind);
	char id[ID_TEXT_SIZE];
	const char *text;
	size_t len;

	if (e->code == &JSON_SYNTAX || e->code == &BAD_REQUEST || e->code == &JSON_UNKNOWN ||
	    e->code == &JSON_DUPLICATE)
		status = 400;
	if (e->code == &BAD_METHOD)
		status = 405;
	if (e->code->kind == INTERNAL)
		log_error("request.failed", "code=%s error=\"%s\" request=%s", e->code->name,
			  e->text, id_text(ID_REQUEST, &r->id, id));
	jsonw_open(w, '{');
	jsonw_member(w, "type", "urn:gavel:problem:%s", e->code->name);
	jsonw_member(w, "title", "%s", e->code->title);
	jsonw_name(w, "status");
	jsonw_int(w, status);
	jsonw_member(w, "code", "%s", e->code->name);
	jsonw_member(w, "detail", "%s", e->text);
	jsonw_member(w, "request_id", "%s", id_text(ID_REQUEST, &r->id, id));
	jsonw_name(w, "retryable");
	jsonw_bool(w, err_retryable(e));
	if (e->field[0] != '\0') {
		jsonw_name(w, "errors");
		jsonw_open(w, '[');
		jsonw_open(w, '{');
		jsonw_member(w, "pointer", "%s", e->field);
		jsonw_member(w, "code", "%s", e->code->name);
		jsonw_member(w, "detail", "%s", e->text);
		jsonw_close(w, '}');
		jsonw_close(w, ']');
	}
	jsonw_close(w, '}');
	if (e->code->kind == UNAVAIL || e->code->kind == QUOTA)
		request_set_header(r, "Retry-After", e->code->kind == QUOTA ? "10" : "1");
	text = jsonw_text(w, &len);
	request_answer(r, status, "application/problem+json", text, len);
	jsonw_free(w);
}

/* ------------------------------------------------------------------ */
/* Streams.                                                            */

void
request_stream_begin(struct request *r, int status, const char *type,
		     void (*on_gone)(struct request *r, void *arg), void *arg)
{
	assert(!r->answered);
	r->answered = r->streaming = true;
	r->on_gone = on_gone;
	r->on_gone_arg = arg;
	request_log(r, status);
	if (r->gone) {
		if (on_gone != NULL)
			on_gone(r, arg);
		return;
	}
	request_common_headers(r, type);
	/* A stream may be quiet for longer than an idle connection may. */
	evhttp_connection_set_timeout(evhttp_request_get_connection(r->ev), 24 * 3600);
	evhttp_send_reply_start(r->ev, status, NULL);
}

/* What the socket takes at once. */
static size_t
send_now(struct bufferevent *bev, const struct iovec *parts, size_t count)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count };
	ssize_t sent;

	if (bufferevent_openssl_get_ssl(bev) != NULL ||
	    evbuffer_get_length(bufferevent_get_output(bev)) != 0)
		return 0;
	sent = sendmsg(bufferevent_getfd(bev), &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent > 0 ? (size_t)sent : 0;
}

/* evhttp would copy a chunk into buffers and wait until the socket is writable: six
 * system calls where one does, and there may be ten thousand streams. */
void
request_stream_send(struct request *r, const char *data, size_t len)
{
	struct bufferevent *bev;
	char head[20];
	struct iovec parts[] = { { head, 0 },
				 { (void *)(uintptr_t)data, len },
				 { (void *)(uintptr_t) "\r\n", 0 } };
	size_t sent;

	if (r->gone || len == 0)
		return;
	if (r->ev->chunked) {
		parts[0].iov_len = (size_t)snprintf(head, sizeof(head), "%zx\r\n", len);
		parts[2].iov_len = 2;
	}
	bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(r->ev));
	sent = send_now(bev, parts, NELEMS(parts));
	for (size_t i = 0; i < NELEMS(parts); i++) {
		size_t done = MIN(sent, parts[i].iov_len);

		sent -= done;
		if (done < parts[i].iov_len)
			bufferevent_write(bev, (const char *)parts[i].iov_base + done,
					  parts[i].iov_len - done);
	}
}

size_t
request_stream_backlog(const struct request *r)
{
	struct bufferevent *bev;

	if (r->gone)
		return 0;
	bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(r->ev));
	return evbuffer_get_length(bufferevent_get_output(bev));
}

/* evhttp takes the first word that something has been written for the word that all
 * has, and such a word may still be under way from what was sent before: it would
 * turn the connection to its next request with the rest unsent. So the end is said
 * when nothing is left to write, and was not a turn of the loop ago either. */
static void
stream_ending(void *arg)
{
	struct request *r = arg;

	if (!r->gone && request_stream_backlog(r) != 0) {
		r->drained = false;
		return;
	}
	if (!r->gone && !r->drained) {
		r->drained = true;
		return;
	}
	timer_free(r->ending);
	request_detach(r);
	if (!r->gone)
		evhttp_send_reply_end(r->ev);
	request_free(r);
}

void
request_stream_end(struct request *r)
{
	r->on_gone = NULL;
	if (r->gone) {
		request_free(r);
		return;
	}
	evhttp_connection_set_timeout(evhttp_request_get_connection(r->ev), IDLE_S);
	r->ending = timer_every(r->loop, 0, 1000, stream_ending, r);
}

struct bufferevent *
request_take(struct request *r)
{
	struct evhttp_connection *conn;
	struct bufferevent *bev;

	assert(!r->answered);
	r->answered = true;
	request_log(r, 101);
	if (r->gone)
		return NULL;
	conn = evhttp_request_get_connection(r->ev);
	evhttp_connection_set_closecb(conn, NULL, NULL);
	bev = evhttp_connection_get_bufferevent(conn);
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	bufferevent_set_timeouts(bev, NULL, NULL);
	return bev;
}

void
request_drop(struct request *r)
{
	assert(r->answered);
	if (!r->gone)
		evhttp_connection_free(evhttp_request_get_connection(r->ev));
	request_free(r);
}

/* ------------------------------------------------------------------ */
/* Tasks that answer requests.                                         */

void
request_task_done(struct task *t)
{
	struct request *r = t->owner;

	if (t->err.code != NULL && r != NULL)
		request_fail(r, &t->err);
}

struct task *
request_task(struct request *r, const char *name, const struct step *steps, size_t state_size)
{
	return task_new(r->loop, name, steps, state_size, 30 * SECOND_US, request_task_done, r);
}

struct request *
task_request(struct task *t)
{
	return t->owner;
}

/* ------------------------------------------------------------------ */
/* Routing.                                                            */

/* Does the pattern match? Its {name} parts go to r. */
static bool
route_match(struct request *r, const char *pattern)
{
	const char *p = pattern, *s = r->path;
	size_t n = 0;

	memset(r->names, 0, sizeof(r->names));
	while (*p != '\0' && *s != '\0') {
		if (*p == '{') {
			const char *end = strchr(p, '}'), *stop = strchrnul(s, '/');

			if (stop == s || n == NELEMS(r->names))
				return false;
			r->names[n] = arena_strndup(&r->arena, p + 1, (size_t)(end - p - 1));
			r->values[n++] = arena_strndup(&r->arena, s, (size_t)(stop - s));
			p = end + 1;
			s = stop;
		} else if (*p++ != *s++) {
			return false;
		}
	}
	return *p == '\0' && *s == '\0';
}

static void
request_route(struct request *r)
{
	struct err e = ERR_NONE;
	bool path_known = false;

	for (const struct route *route = r->http->routes; route->handle != NULL; route++) {
		if (!route_match(r, route->pattern))
			continue;
		path_known = true;
		if (strcmp(route->method, r->method) != 0)
			continue;
		route->handle(r);
		return;
	}
	if (path_known)
		err_set(&e, &BAD_METHOD, "%s is not possible here", r->method);
	else
		err_set(&e, &NO_ROUTE, "%.100s", r->path);
	request_fail(r, &e);
}

/* What evhttp lets through and a proxy in front may read differently. */
static const char *
request_smuggles(struct evhttp_request *ev)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(ev);
	struct evkeyval *h;
	unsigned lengths = 0, encodings = 0;

	for (h = headers->tqh_first; h != NULL; h = h->next.tqe_next) {
		lengths += strcasecmp(h->key, "Content-Length") == 0;
		encodings += strcasecmp(h->key, "Transfer-Encoding") == 0;
		for (const char *p = h->key; *p != '\0'; p++)
			if (*p <= ' ' || *p == 0x7f)
				return "a header name has a space or control byte in it";
		for (const char *p = h->value; *p != '\0'; p++)
			if ((unsigned char)*p < ' ' && *p != '\t')
				return "a header value has a control byte in it";
	}
	if (lengths > 1)
		return "Content-Length stands twice";
	if (lengths + encodings > 1)
		return "Content-Length and Transfer-Encoding together";
	return NULL;
}

static const char *
method_name(enum evhttp_cmd_type type)
{
	switch (type) {
	case EVHTTP_REQ_GET: return "GET";
	case EVHTTP_REQ_POST: return "POST";
	case EVHTTP_REQ_PUT: return "PUT";
	case EVHTTP_REQ_DELETE: return "DELETE";
	case EVHTTP_REQ_PATCH: return "PATCH";
	case EVHTTP_REQ_HEAD: return "HEAD";
	case EVHTTP_REQ_OPTIONS: return "OPTIONS";
	default: return "?";
	}
}

static void
on_request(struct evhttp_request *ev, void *arg)
{
	struct request *r = xcalloc(1, sizeof(*r));
	struct evbuffer *input = evhttp_request_get_input_buffer(ev);
	struct evhttp_connection *conn = evhttp_request_get_connection(ev);
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(ev)), *wrong;
	struct err e = ERR_NONE;
	char *decoded, *address = NULL;
	uint16_t port = 0;

	r->http = arg;
	r->loop = r->http->loop;
	r->ctx = r->http->ctx;
	r->ev = ev;
	r->id = id_new();
	r->arrived = clock_mono();
	arena_init(&r->arena, 2 * 1024 * 1024);
	r->method = method_name(evhttp_request_get_command(ev));
	decoded = evhttp_uridecode(path != NULL ? path : "/", 0, NULL);
	r->path = arena_strdup(&r->arena, decoded != NULL ? decoded : "/");
	free(decoded);
	r->body_len = evbuffer_get_length(input);
	r->body = arena_alloc(&r->arena, r->body_len + 1);
	evbuffer_copyout(input, (char *)(uintptr_t)r->body, r->body_len);
	evhttp_connection_get_peer(conn, &address, &port);
	snprintf(r->peer, sizeof(r->peer), "%s", address != NULL ? address : "?");
	evhttp_connection_set_closecb(conn, request_on_close, r);
	wrong = request_smuggles(ev);
	if (wrong != NULL) {
		err_set(&e, &BAD_REQUEST, "%s", wrong);
		request_set_header(r, "Connection", "close");
		request_fail(r, &e);
		return;
	}
	request_route(r);
}

/* ------------------------------------------------------------------ */
/* Listening.                                                          */

static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	struct http *h = arg;
	SSL *ssl;

	if (h->tls == NULL)
		return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	ssl = SSL_new(h->tls);
	if (ssl == NULL)
		fatal("out of memory");
	return bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
					      BEV_OPT_CLOSE_ON_FREE);
}

/* A connection is a descriptor: as many as the administrator allows. */
static void
raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int
listen_socket(const char *address, unsigned port, unsigned *got, struct err *e)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	bool v6 = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
	struct sockaddr *sa = v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
	socklen_t len = v6 ? sizeof(six) : sizeof(four);
	int fd, on = 1;

	if (!v6 && inet_pton(AF_INET, address, &four.sin_addr) != 1)
		return err_set(e, &ERR_CONFIG, "listen: \"%s\" is not an address", address);
	raise_files();
	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	/* Inherited by connections. Without it evhttp over TLS, which writes
	 * head and body as two records, waits 40 ms a request for Nagle. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, sa, len) != 0 || listen(fd, 1024) != 0 || getsockname(fd, sa, &len) != 0) {
		err_errno(e, "listen on %s:%u", address, port);
		close(fd);
		return -1;
	}
	*got = ntohs(v6 ? six.sin6_port : four.sin_port);
	return fd;
}

/* With no descriptor left evhttp would print and spin: pause instead. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	static mono_t last;

	(void)listener;
	(void)arg;
	if (clock_mono() - last < SECOND_US)
		return;
	last = clock_mono();
	log_warn("http.accept", "error=\"%s\"", strerror(errno));
}

struct http *
http_listen(struct loop *l, const char *address, unsigned port, struct tls *tls,
	    const struct route *routes, void *ctx, struct err *e)
{
	struct http *h = xcalloc(1, sizeof(*h));
	int fd = listen_socket(address, port, &h->port, e);

	if (fd < 0) {
		free(h);
		return NULL;
	}
	h->loop = l;
	h->tls = (SSL_CTX *)tls;
	h->routes = routes;
	h->ctx = ctx;
	h->ev = evhttp_new(l->base);
	if (h->ev == NULL)
		fatal("out of memory");
	evhttp_set_allowed_methods(h->ev, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
						  EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH |
						  EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS);
	evhttp_set_max_headers_size(h->ev, HEADERS_MAX);
	evhttp_set_max_body_size(h->ev, BODY_MAX);
	evhttp_set_timeout(h->ev, IDLE_S);
	evhttp_set_bevcb(h->ev, on_connection, h);
	evhttp_set_gencb(h->ev, on_request, h);
	evhttp_set_default_content_type(h->ev, NULL);
	h->bound = evhttp_accept_socket_with_handle(h->ev, fd);
	if (h->bound == NULL)
		fatal("out of memory");
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(h->bound), on_accept_error);
	return h;
}

unsigned
http_port(const struct http *h)
{
	return h->port;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	evhttp_free(h->ev);
	free(h);
}
