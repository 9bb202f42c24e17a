/* SPDX-License-Identifier: Apache-2.0 */
#include "market/web.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/tls.h"
#include "market/bid_queue.h"

static const struct route routes[] = {
	{ "GET", "/.well-known/gavel", info_show },
	{ "GET", "/healthz", info_health },
	{ "GET", "/readyz", info_ready },
	{ "GET", "/openapi.yaml", info_openapi },
	{ "GET", "/v1/accounts/{address}", account_show },
	{ "GET", "/v1/accounts/{address}/entries", account_entries },
	{ "POST", "/v1/orders", order_create },
	{ "GET", "/v1/orders", order_list },
	{ "GET", "/v1/orders/{order}", order_show },
	{ "DELETE", "/v1/orders/{order}", order_cancel },
	{ "GET", "/v1/orders/{order}/bids", order_bids },
	{ "GET", "/v1/orders/{order}/rounds/{round}", round_show },
	{ "POST", "/v1/orders/{order}/choices", choice_create },
	{ "POST", "/v1/bids", bid_create },
	{ "POST", "/v1/declines", decline_create },
	{ "POST", "/v1/leases", lease_accept },
	{ "GET", "/v1/leases", lease_list },
	{ "GET", "/v1/leases/{lease}", lease_show },
	{ "GET", "/v1/leases/{lease}/vouchers", lease_vouchers },
	{ "POST", "/v1/refusals", lease_refuse },
	{ "POST", "/v1/launches", lease_launch },
	{ "POST", "/v1/vouchers", voucher_create },
	{ "POST", "/v1/releases", release_create },
	{ "POST", "/v1/providers", provider_put },
	{ "GET", "/v1/providers", provider_list },
	{ "GET", "/v1/providers/{address}", provider_show },
	{ "GET", "/v1/providers/{address}/audits", audit_list },
	{ "POST", "/v1/audits", audit_create },
	{ "POST", "/v1/quotes", quote_create },
	{ "POST", "/v1/quotes/{quote}/answers", quote_answer },
	{ "POST", "/v1/pools", pool_create },
	{ "GET", "/v1/pools", pool_list },
	{ "GET", "/v1/pools/{provider}/{class}/prices", spot_price_list },
	{ "GET", "/v1/pools/{provider}/{class}/runs", pool_run_list },
	{ "POST", "/v1/runs", run_create },
	{ "GET", "/v1/leases/{lease}/runs", lease_run_list },
	{ "POST", "/v1/offers", offer_create },
	{ "GET", "/v1/offers", offer_list },
	{ "GET", "/v1/offers/{offer}", offer_show },
	{ "GET", "/v1/receipts/{item}", receipt_show },
	{ "GET", "/v1/ticks", tick_list },
	{ "GET", "/v1/ticks/{tick}", tick_show },
	{ "GET", "/v1/ticks/{tick}/transcript", tick_transcript },
	{ "GET", "/v1/heads", head_list },
	{ "GET", "/v1/ticks/{tick}/book", tick_book },
	{ "GET", "/v1/price-index", price_index_show },
	{ "GET", "/v1/price-index/trades", price_index_trades },
	{ "GET", "/v1/events", events_stream },
	ROUTE_END
};

void
web_poke(struct web *w)
{
	send(w->poke, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
on_poke(evutil_socket_t fd, short what, void *arg)
{
	struct web *w = arg;
	char buf[16];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	(void)what;
	if (n == 0) /* the clerk has gone: the parent ends us too */
		loop_stop(&w->loop);
	receipts_poke(w);
	feed_poke(w->feed);
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct web *w = arg;

	(void)signo;
	(void)what;
	loop_stop(&w->loop);
}

void
web_run(void *start, const int *fds)
{
	const struct web_start *begin = start;
	const struct market_settings *s = begin->settings;
	static struct web w;
	struct err e = ERR_NONE;
	struct tls *tls = NULL;
	struct event *poke, *term;

	w.settings = s;
	w.market = begin->market;
	w.poke = fds[0];
	domain_init(&w.domain, s->chain_id, &s->escrow);
	if (loop_init(&w.loop, &e) < 0)
		fatal("%s", e.text);
	w.db = db_open(&w.loop, s->database, 0, &e);
	if (w.db == NULL)
		fatal("%s", e.text);
	if (s->tls_cert != NULL) {
		tls = tls_load(s->tls_cert, s->tls_key, &e);
		if (tls == NULL)
			fatal("%s", e.text);
	}
	w.http = http_listen(&w.loop, s->listen, s->port, tls, routes, &w, &e);
	if (w.http == NULL)
		fatal("%s", e.text);
	w.feed = feed_open(&w);
	w.bids = bid_queue_open(&w);
	poke = event_new(w.loop.base, w.poke, EV_READ | EV_PERSIST, on_poke, &w);
	term = evsignal_new(w.loop.base, SIGTERM, on_signal, &w);
	event_add(poke, NULL);
	event_add(term, NULL);
	log_info("market.listening", "address=%s port=%u tls=%d", s->listen, http_port(w.http),
		 tls != NULL);
	loop_run(&w.loop);
	_exit(0);
}

int
page_read(struct request *r, const char *prefix, struct page *page, struct err *e)
{
	const char *limit = request_query(r, "limit"), *cursor = request_query(r, "cursor");

	*page = (struct page){ .limit = 20 };
	if (limit != NULL) {
		char *end;

		page->limit = strtol(limit, &end, 10);
		if (*end != '\0' || page->limit < 1 || page->limit > 100)
			return err_field(e, &ERR_BAD_DATA, "limit", "limit must be 1 to 100");
	}
	if (cursor != NULL) {
		page->has_after = true;
		if (id_read(prefix, cursor, &page->after, e) < 0)
			return err_wrap(e, "cursor");
	}
	return 0;
}

bool
path_id(struct request *r, const char *name, const char *prefix, struct id *id)
{
	struct err e = ERR_NONE;

	if (id_read(prefix, request_part(r, name), id, &e) == 0)
		return true;
	err_set(&e, &ERR_NOT_FOUND, "%s: %.60s is not an id", name, request_part(r, name));
	request_fail(r, &e);
	return false;
}

void
write_node(struct jsonw *w, struct arena *a, const char *name, const char *text)
{
	struct err ignored = ERR_NONE;
	struct json *node;

	jsonw_name(w, name);
	if (text[0] == '\0' || json_parse(a, text, strlen(text), &node, &ignored) < 0)
		jsonw_null(w);
	else
		jsonw_node(w, node);
}
