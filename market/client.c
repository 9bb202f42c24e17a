/* SPDX-License-Identifier: Apache-2.0 */
#include "market/client.h"

#define LARGE_MAX  ((size_t)64 * 1024 * 1024)
#define TIMEOUT_US (75 * SECOND_US) /* longer than the market lets anyone wait */

int
market_call(struct arena *a, const struct market_client *m, const char *method, const char *path,
	    const char *body, const char *bearer, const char *key, struct json **out, struct err *e)
{
	struct fetch f = { .method = method,
			   .url = arena_printf(a, "%s%s", m->url, path),
			   .body = body,
			   .body_len = body != NULL ? strlen(body) : 0,
			   .bearer = bearer,
			   .idempotency_key = key,
			   .ca_path = m->ca_path,
			   .timeout_us = TIMEOUT_US,
			   .reply_max = JSON_BYTES_MAX };

	if (fetch_now(a, &f, e) < 0 || fetch_check(a, &f, e) < 0)
		return err_wrap(e, "market");
	return json_parse(a, f.reply, f.reply_len, out, e);
}

int
market_get(struct arena *a, const struct market_client *m, const char *path, struct json **out,
	   struct err *e)
{
	return market_call(a, m, "GET", path, NULL, NULL, NULL, out, e);
}

int
market_get_large(struct arena *a, const struct market_client *m, const char *path,
		 struct json **out, struct err *e)
{
	struct fetch f = { .method = "GET",
			   .url = arena_printf(a, "%s%s", m->url, path),
			   .ca_path = m->ca_path,
			   .timeout_us = TIMEOUT_US,
			   .reply_max = LARGE_MAX };

	if (fetch_now(a, &f, e) < 0 || fetch_check(a, &f, e) < 0)
		return err_wrap(e, "market");
	return json_parse_large(a, f.reply, f.reply_len, out, e);
}

int
market_post(struct arena *a, const struct market_client *m, const char *path, const char *body,
	    const char *key, struct json **out, struct err *e)
{
	return market_call(a, m, "POST", path, body, NULL, key, out, e);
}
