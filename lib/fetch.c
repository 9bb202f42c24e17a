/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <assert.h>

#include "log.h"

#define REPLY_MAX_DEFAULT ((size_t)1024 * 1024)
#define TIMEOUT_DEFAULT	  (30 * SECOND_US)
#define RETRY_MIN	  (200 * MILLI_US)
#define RETRY_MAX	  (5 * SECOND_US)

/* ------------------------------------------------------------------ */
/* One call.                                                           */

struct call {
	struct fetch *f;
	struct arena *arena;
	CURL *curl;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	size_t reply_size;
	bool over;
	/* in an event loop only */
	struct task *task;
	bool task_died;
	void (*on_end)(void *ctx);
	void *on_end_ctx;
};

static size_t
call_on_data(char *data, size_t size, size_t count, void *arg)
{
	struct call *c = arg;
	struct fetch *f = c->f;
	size_t len = size * count;

	if (c->task_died)
		return 0;
	if (f->on_data != NULL)
		return f->on_data(f->on_data_ctx, data, len) ? len : 0;
	if (f->reply_len + len > (f->reply_max != 0 ? f->reply_max : REPLY_MAX_DEFAULT)) {
		c->over = true;
		return 0;
	}
	if (f->reply_len + len + 1 > c->reply_size) {
		char *bigger;

		c->reply_size = MAX(c->reply_size * 2, f->reply_len + len + 1);
		bigger = arena_alloc(c->arena, c->reply_size);
		memcpy(bigger, f->reply, f->reply_len);
		f->reply = bigger;
	}
	memcpy(f->reply + f->reply_len, data, len);
	f->reply_len += len;
	f->reply[f->reply_len] = '\0';
	return len;
}

static void
call_header(struct call *c, const char *name, const char *value)
{
	char line[4096];

	if (value == NULL)
		return;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	c->headers = curl_slist_append(c->headers, line);
}

static void
call_pin(struct call *c)
{
	char pin[80];

	snprintf(pin, sizeof(pin), "sha256//%s",
		 base64_text(c->arena, c->f->pin->b, sizeof(c->f->pin->b)));
	/* The pinned key is the identity: a certificate authority, a name or an
	 * expiry date would add nothing that its signer has not said. */
	curl_easy_setopt(c->curl, CURLOPT_PINNEDPUBLICKEY, pin);
	curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void
call_prepare(struct call *c)
{
	struct fetch *f = c->f;

	c->curl = curl_easy_init();
	if (c->curl == NULL)
		fatal("out of memory");
	f->status = 0;
	f->reply = arena_strdup(c->arena, "");
	f->reply_len = 0;
	f->err = (struct err)ERR_NONE;
	call_header(c, "Expect", "");
	if (f->body != NULL)
		call_header(c, "Content-Type",
			    f->content_type != NULL ? f->content_type : "application/json");
	call_header(c, "Idempotency-Key", f->idempotency_key);
	call_header(c, "Last-Event-ID", f->last_event_id);
	if (f->bearer != NULL)
		call_header(c, "Authorization", arena_printf(c->arena, "Bearer %s", f->bearer));
	curl_easy_setopt(c->curl, CURLOPT_URL, f->url);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, call_on_data);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS,
			 (long)((f->timeout_us != 0 ? f->timeout_us : TIMEOUT_DEFAULT) / MILLI_US));
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
	curl_easy_setopt(c->curl, CURLOPT_PRIVATE, c);
	if (f->ca_path != NULL)
		curl_easy_setopt(c->curl, CURLOPT_CAINFO, f->ca_path);
	if (f->pin != NULL)
		call_pin(c);
	if (f->body != NULL) {
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body_len);
		curl_easy_setopt(c->curl, CURLOPT_COPYPOSTFIELDS, f->body);
	}
	if (f->method != NULL && strcmp(f->method, "GET") != 0)
		curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, f->method);
	if (f->method != NULL && strcmp(f->method, "POST") == 0 && f->body == NULL)
		curl_easy_setopt(c->curl, CURLOPT_COPYPOSTFIELDS, "");
}

/* Read the outcome into f, unless its task has gone. */
static void
call_finish(struct call *c, CURLcode code)
{
	struct fetch *f = c->f;
	long status = 0;

	if (!c->task_died) {
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
		f->status = (int)status;
		if (c->over)
			err_set(&f->err, &ERR_TOO_BIG, "%s: the reply is too large", f->url);
		else if (code == CURLE_OPERATION_TIMEDOUT)
			err_set(&f->err, &ERR_TIMEOUT, "%s: %s", f->url, c->error);
		else if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && f->on_data != NULL))
			err_set(&f->err, &ERR_UNREACHABLE, "%s: %s", f->url,
				c->error[0] != '\0' ? c->error : curl_easy_strerror(code));
	}
	curl_slist_free_all(c->headers);
	curl_easy_cleanup(c->curl);
}

int
fetch_now(struct arena *a, struct fetch *f, struct err *e)
{
	struct call c = { .f = f, .arena = a };

	call_prepare(&c);
	call_finish(&c, curl_easy_perform(c.curl));
	if (f->err.code == NULL)
		return 0;
	*e = f->err;
	return -1;
}

/* ------------------------------------------------------------------ */
/* curl's multi interface on our loop: one per process.                */

struct multi {
	struct loop *loop;
	CURLM *curl;
	struct event *timer;
};

static struct multi multi;

static void
multi_reap(void)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(multi.curl, &left)) != NULL) {
		struct call *c = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		curl_multi_remove_handle(multi.curl, msg->easy_handle);
		call_finish(c, code);
		if (c->on_end != NULL) {
			c->on_end(c->on_end_ctx);
		} else if (!c->task_died) {
			c->task->died = NULL;
			task_wake(c->task);
		}
		free(c);
	}
}

static void
multi_on_socket(evutil_socket_t fd, short what, void *arg)
{
	int running, flags = 0;

	(void)arg;
	flags |= (what & EV_READ) != 0 ? CURL_CSELECT_IN : 0;
	flags |= (what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
	curl_multi_socket_action(multi.curl, fd, flags, &running);
	multi_reap();
}

static void
multi_on_timer(evutil_socket_t fd, short what, void *arg)
{
	int running;

	(void)fd;
	(void)what;
	(void)arg;
	curl_multi_socket_action(multi.curl, CURL_SOCKET_TIMEOUT, 0, &running);
	multi_reap();
}

static int
multi_set_timer(CURLM *curl, long ms, void *arg)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	(void)curl;
	(void)arg;
	if (ms < 0)
		event_del(multi.timer);
	else
		event_add(multi.timer, &tv);
	return 0;
}

static int
multi_set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct event *ev = socket_arg;
	short flags = EV_PERSIST;

	(void)easy;
	(void)arg;
	if (ev != NULL)
		event_free(ev);
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(multi.curl, fd, NULL);
		return 0;
	}
	flags |= what != CURL_POLL_OUT ? EV_READ : 0;
	flags |= what != CURL_POLL_IN ? EV_WRITE : 0;
	ev = event_new(multi.loop->base, fd, flags, multi_on_socket, NULL);
	if (ev == NULL)
		fatal("out of memory");
	event_add(ev, NULL);
	curl_multi_assign(multi.curl, fd, ev);
	return 0;
}

static void
multi_init(struct loop *l)
{
	if (multi.curl != NULL) {
		assert(multi.loop == l);
		return;
	}
	curl_global_init(CURL_GLOBAL_ALL);
	multi.loop = l;
	multi.curl = curl_multi_init();
	multi.timer = event_new(l->base, -1, 0, multi_on_timer, NULL);
	if (multi.curl == NULL || multi.timer == NULL)
		fatal("out of memory");
	curl_multi_setopt(multi.curl, CURLMOPT_SOCKETFUNCTION, multi_set_socket);
	curl_multi_setopt(multi.curl, CURLMOPT_TIMERFUNCTION, multi_set_timer);
}

enum next
fetch_start(struct task *t, struct fetch *f)
{
	struct call *c = xcalloc(1, sizeof(*c));

	multi_init(t->loop);
	c->f = f;
	c->arena = &t->arena;
	c->task = t;
	call_prepare(c);
	t->died = &c->task_died;
	curl_multi_add_handle(multi.curl, c->curl);
	return TASK_WAIT;
}

/* ------------------------------------------------------------------ */
/* Problem documents.                                                  */

/* Codes of other programs are not in our tables: keep their names for ever.
 * Bounded, so that a hostile server cannot grow it. */
static const struct code *
code_remember(const char *name, enum kind kind)
{
	static struct code known[64];
	static char names[64][48];
	static size_t count;

	for (size_t i = 0; i < count; i++)
		if (strcmp(known[i].name, name) == 0 && known[i].kind == kind)
			return &known[i];
	if (count == NELEMS(known))
		return &ERR_SYSTEM;
	snprintf(names[count], sizeof(names[count]), "%s", name);
	known[count] = (struct code){ names[count], kind, "the server refused" };
	return &known[count++];
}

static enum kind
kind_of_status(int status)
{
	switch (status) {
	case 400:
	case 405:
	case 422: return INVALID;
	case 401:
	case 403: return DENIED;
	case 402: return UNFUNDED;
	case 404: return NOT_FOUND;
	case 409:
	case 412: return CONFLICT;
	case 413: return LIMIT;
	case 429: return QUOTA;
	case 502: return FAILED;
	case 503: return UNAVAIL;
	case 504: return TIMEOUT;
	default: return INTERNAL;
	}
}

int
fetch_check(struct arena *a, const struct fetch *f, struct err *e)
{
	struct err ignored = ERR_NONE;
	struct json *doc = NULL, *code, *detail, *errors, *pointer = NULL;
	bool problem;

	if (f->err.code != NULL) {
		*e = f->err;
		return -1;
	}
	if (f->status >= 200 && f->status < 300)
		return 0;
	problem = f->reply_len != 0 && json_parse(a, f->reply, f->reply_len, &doc, &ignored) == 0;
	code = problem ? json_get(doc, "code") : NULL;
	detail = problem ? json_get(doc, "detail") : NULL;
	errors = problem ? json_get(doc, "errors") : NULL;
	if (errors != NULL && errors->type == JSON_ARRAY && errors->first != NULL)
		pointer = json_get(errors->first, "pointer");
	return err_field(e,
			 code_remember(code != NULL && code->type == JSON_STRING ? code->text
										 : "server_error",
				       kind_of_status(f->status)),
			 pointer != NULL && pointer->type == JSON_STRING ? pointer->text : "",
			 "%.250s",
			 detail != NULL && detail->type == JSON_STRING
				 ? detail->text
				 : arena_printf(a, "%s answered %d", f->url, f->status));
}

/* ------------------------------------------------------------------ */
/* Server-sent events.                                                 */

#define SSE_EVENT_MAX ((size_t)1024 * 1024)

/* One event: lines until an empty one. The text is cut up in place. */
static void
sse_reader_event(struct sse_reader *r, char *text)
{
	struct sse_event ev = { NULL, "message", NULL };
	char *line, *rest = text, *data_end = NULL;

	while ((line = strsep(&rest, "\n")) != NULL) {
		size_t n = strlen(line);
		char *value;

		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		if (line[0] == ':' || (value = strchr(line, ':')) == NULL)
			continue;
		*value++ = '\0';
		value += *value == ' ';
		if (strcmp(line, "id") == 0) {
			ev.id = value;
		} else if (strcmp(line, "event") == 0) {
			ev.type = value;
		} else if (strcmp(line, "data") == 0 && ev.data == NULL) {
			ev.data = value;
			data_end = value + strlen(value);
		} else if (strcmp(line, "data") == 0 && data_end != NULL) {
			*data_end++ = '\n';
			memmove(data_end, value, strlen(value) + 1);
			data_end += strlen(data_end);
		}
	}
	if (ev.data != NULL)
		r->on_event(r->ctx, &ev);
}

void
sse_reader_feed(struct sse_reader *r, const char *data, size_t len)
{
	char *end;

	if (r->len + len > SSE_EVENT_MAX)
		r->len = 0; /* no event of ours is so large: skip it */
	len = MIN(len, SSE_EVENT_MAX);
	if (r->len + len + 1 > r->size) {
		r->size = MAX(r->size * 2, r->len + len + 1);
		r->buf = xrealloc(r->buf, r->size);
	}
	memcpy(r->buf + r->len, data, len);
	r->len += len;
	r->buf[r->len] = '\0';
	while ((end = strstr(r->buf, "\n\n")) != NULL) {
		size_t used = (size_t)(end - r->buf) + 2;

		*end = '\0';
		sse_reader_event(r, r->buf);
		memmove(r->buf, r->buf + used, r->len - used + 1);
		r->len -= used;
	}
}

void
sse_reader_release(struct sse_reader *r)
{
	free(r->buf);
	*r = (struct sse_reader){ .buf = NULL };
}

struct sse {
	struct loop *loop;
	struct arena arena; /* of one connection */
	struct fetch fetch;
	struct sse_reader reader;
	struct event *retry;
	char *url, *bearer, *last_id;
	struct hash pin;
	bool has_pin, connected, closed;
	int64_t delay_us;
	void (*on_event)(void *ctx, const struct sse_event *ev);
	void (*on_state)(void *ctx, bool connected, const struct err *e);
	void *ctx;
};

static void
sse_on_event(void *arg, const struct sse_event *ev)
{
	struct sse *s = arg;

	if (s->closed)
		return;
	if (ev->id != NULL) {
		free(s->last_id);
		s->last_id = xstrdup(ev->id);
	}
	s->on_event(s->ctx, ev);
}

static bool
sse_on_data(void *arg, const char *data, size_t len)
{
	struct sse *s = arg;

	if (s->closed)
		return false;
	if (!s->connected) {
		s->connected = true;
		s->delay_us = RETRY_MIN;
		if (s->on_state != NULL)
			s->on_state(s->ctx, true, NULL);
	}
	sse_reader_feed(&s->reader, data, len);
	return !s->closed;
}

static void
sse_free(struct sse *s)
{
	event_free(s->retry);
	arena_release(&s->arena);
	sse_reader_release(&s->reader);
	free(s->url);
	free(s->bearer);
	free(s->last_id);
	free(s);
}

static void
sse_on_end(void *arg)
{
	struct sse *s = arg;
	struct timeval tv = { s->delay_us / SECOND_US, s->delay_us % SECOND_US };

	if (s->closed) {
		sse_free(s);
		return;
	}
	if (s->on_state != NULL)
		s->on_state(s->ctx, false, &s->fetch.err);
	s->connected = false;
	s->reader.len = 0;
	s->delay_us = MIN(s->delay_us * 2, RETRY_MAX);
	event_add(s->retry, &tv);
}

static void
sse_connect(evutil_socket_t fd, short what, void *arg)
{
	struct sse *s = arg;
	struct call *c = xcalloc(1, sizeof(*c));

	(void)fd;
	(void)what;
	arena_release(&s->arena);
	s->fetch = (struct fetch){
		.url = s->url,
		.bearer = s->bearer,
		.pin = s->has_pin ? &s->pin : NULL,
		.last_event_id = s->last_id,
		.timeout_us = 24 * 3600 * SECOND_US,
		.on_data = sse_on_data,
		.on_data_ctx = s,
	};
	c->f = &s->fetch;
	c->arena = &s->arena;
	c->on_end = sse_on_end;
	c->on_end_ctx = s;
	call_prepare(c);
	/* A heartbeat comes every 15 s: silence means a dead line. */
	curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, 40L);
	curl_multi_add_handle(multi.curl, c->curl);
}

struct sse *
sse_open(struct loop *l, const char *url, const char *bearer, const struct hash *pin,
	 const char *last_event_id, void (*on_event)(void *ctx, const struct sse_event *ev),
	 void (*on_state)(void *ctx, bool connected, const struct err *e), void *ctx)
{
	struct sse *s = xcalloc(1, sizeof(*s));

	multi_init(l);
	s->loop = l;
	arena_init(&s->arena, 0);
	s->url = xstrdup(url);
	s->bearer = bearer != NULL ? xstrdup(bearer) : NULL;
	s->last_id = last_event_id != NULL ? xstrdup(last_event_id) : NULL;
	if (pin != NULL) {
		s->pin = *pin;
		s->has_pin = true;
	}
	s->delay_us = RETRY_MIN;
	s->reader = (struct sse_reader){ .on_event = sse_on_event, .ctx = s };
	s->on_event = on_event;
	s->on_state = on_state;
	s->ctx = ctx;
	s->retry = event_new(l->base, -1, 0, sse_connect, s);
	if (s->retry == NULL)
		fatal("out of memory");
	event_active(s->retry, EV_TIMEOUT, 0);
	return s;
}

void
sse_close(struct sse *s)
{
	if (s == NULL)
		return;
	s->closed = true;
	/* A connection in flight frees it when it ends; otherwise now. */
	if (event_pending(s->retry, EV_TIMEOUT, NULL))
		sse_free(s);
}
