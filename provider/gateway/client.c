/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/gateway/client.h"

static struct fetch
request(struct arena *a, const struct provider_client *p, const char *method, const char *path,
	const char *body)
{
	return (struct fetch){
		.method = method,
		.url = arena_printf(a, "%s%s", p->url, path),
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0,
		.bearer = p->token,
		.pin = &p->pin,
		.reply_max = JSON_BYTES_MAX,
	};
}

int
provider_call(struct arena *a, const struct provider_client *p, const char *method,
	      const char *path, const char *body, struct json **out, struct err *e)
{
	struct fetch f = request(a, p, method, path, body);

	if (fetch_now(a, &f, e) < 0 || fetch_check(a, &f, e) < 0)
		return err_wrap(e, "provider");
	return json_parse(a, f.reply, f.reply_len, out, e);
}

/* A refusal comes as one document; what follows a 200 goes to the caller. The
 * status is known only after the first piece, so a refusal is kept aside. */
struct stream {
	bool (*on_data)(void *ctx, const char *data, size_t len);
	void *ctx;
	char head[2048];
	size_t head_len;
};

static bool
on_piece(void *arg, const char *data, size_t len)
{
	struct stream *s = arg;
	size_t room = sizeof(s->head) - s->head_len;

	memcpy(s->head + s->head_len, data, MIN(len, room));
	s->head_len += MIN(len, room);
	if (s->head_len == len && strncmp(data, "{\"type\":\"urn:gavel:problem", 26) == 0)
		return true;
	return s->on_data(s->ctx, data, len);
}

int
provider_stream(struct arena *a, const struct provider_client *p, const char *method,
		const char *path, const char *body,
		bool (*on_data)(void *ctx, const char *data, size_t len), void *ctx, struct err *e)
{
	struct fetch f = request(a, p, method, path, body);
	struct stream s = { .on_data = on_data, .ctx = ctx };

	f.timeout_us = 24 * 3600 * SECOND_US;
	f.on_data = on_piece;
	f.on_data_ctx = &s;
	if (fetch_now(a, &f, e) < 0)
		return err_wrap(e, "provider");
	f.reply = s.head;
	f.reply_len = s.head_len;
	return fetch_check(a, &f, e) < 0 ? err_wrap(e, "provider") : 0;
}

struct ws *
provider_socket(struct loop *l, const struct provider_client *p, const char *path,
		const char *protocol, const struct ws_events *events, void *ctx, struct err *e)
{
	struct ws_target to = { .url = p->url,
				.path = path,
				.protocol = protocol,
				.bearer = p->token,
				.pin = &p->pin };

	return ws_connect(l, &to, events, ctx, e);
}

const char *
query_text(struct arena *a, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~/";
	char *out = arena_alloc(a, strlen(s) * 3 + 1), *p = out;

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL)
			*p++ = *s;
		else
			p += snprintf(p, 4, "%%%02X", (unsigned char)*s);
	}
	*p = '\0';
	return out;
}
