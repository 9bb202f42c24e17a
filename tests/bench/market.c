/* SPDX-License-Identifier: Apache-2.0 */
/*
 * market PART ... - the parts of market.sh, which says what is compared with what.
 *
 *	seed PROVIDERS ORDERS MARKET   SQL: providers, orders in a sealed round
 *	bids PORT CONNECTIONS SECONDS PROVIDERS ORDERS FIRST MARKET
 *	                               sealed bids, each of a provider for an order; from
 *	                               the FIRST one on; prints them per second and more
 *	bid PROVIDER ORDER BID MARKET  one of them: the token, and the body on a line
 *	get PORT CONNECTIONS SECONDS PATH
 *	streams PORT COUNT EVENTS      so many hold GET /v1/events; says "ready", and when
 *	                               all have got so many events; one that is missed
 *	                               is waited for in vain
 *	sends COUNT ROUNDS             a plain loop that sends 250 bytes to so many sockets
 *	plain PORT                     a bare evhttp server that says hello
 *	http PORT MARKET               the market's HTTP and JSON, no signature, no database
 *	verify PORT MARKET             the same with the signature: the ceiling
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

#include "lease/documents.h"
#include "lease/jwt.h"
#include "lease/seal.h"
#include "lib/http.h"
#include "lib/log.h"
#include "tests/bench/load.h"

/* ------------------------------------------------------------------ */
/* Who and what there is, by number.                                    */

static struct hash
numbered(const char *what, size_t i)
{
	char text[64];
	struct hash h;
	int n = snprintf(text, sizeof(text), "%s %zu", what, i);

	sha256(text, (size_t)n, &h);
	return h;
}

static struct key
provider_key(size_t i)
{
	struct hash secret = numbered("provider", i);
	struct err e = ERR_NONE;
	struct key key;

	if (key_from_secret(secret.b, &key, &e) < 0)
		fatal("%s", e.text);
	return key;
}

static struct id
numbered_id(const char *what, size_t i)
{
	struct hash h = numbered(what, i);
	struct id id;

	memcpy(id.b, h.b, sizeof(id.b));
	return id;
}

static const char *
hex(struct arena *a, const void *b, size_t len)
{
	return hex_text(b, len, arena_alloc(a, 2 * len + 3)) + 2;
}

static void
seed(size_t providers, size_t orders)
{
	struct arena a;

	arena_init(&a, 0);
	printf("insert into gavel.provider (address, record, attributes, sig, seq, seen_at) "
	       "values\n");
	for (size_t i = 0; i < providers; i++) {
		struct key key = provider_key(i);

		printf("(decode('%s', 'hex'), '{}', '[]', decode(repeat('ab', 64), 'hex'), 1, "
		       "now())%s\n",
		       hex(&a, key.address.b, 20), i + 1 < providers ? "," : ";");
	}
	for (size_t i = 0; i < orders; i++) {
		struct hash h = numbered("order", i);

		printf("insert into gavel.orders (hash, id, tenant, nonce, idem_key, terms, sig, "
		       "grp, window_us, deposit, state, round, ends_at, created_at) values\n"
		       "(decode('%s', 'hex'), decode('%s', 'hex'), decode(repeat('cd', 20), "
		       "'hex'), %zu, 'bench%zu', '{}', decode(repeat('ab', 64), 'hex'), '{}', 1, "
		       "0, 'bidding', 1, now() + interval '1 day', now());\n",
		       hex(&a, h.b, 32), hex(&a, h.b, 16), i, i);
		printf("insert into gavel.round (order_hash, number, pubkey, starts_at, ends_at, "
		       "invited) values (decode('%s', 'hex'), 1, decode(repeat('ab', 32), 'hex'), "
		       "now(), now() + interval '1 day', 1000000);\n",
		       hex(&a, h.b, 32));
	}
	arena_release(&a);
}

/* ------------------------------------------------------------------ */
/* Bids.                                                               */

struct bids {
	struct arena arena;
	const char **tokens, **envelopes; /* per provider */
	size_t providers, orders, next;
	char text[8192];
};

static const char *
sealed_bid(struct arena *a, const struct key *key)
{
	struct bid_doc doc = { .terms = { .provider = key->address,
					  .floor = { 123456789 },
					  .list = { 223456789 },
					  .round = 1 } };
	struct hash h = bid_hash(&doc.terms), public_key, secret_key;
	struct bid_post post = { .round = 1 };
	const char *text;

	key_sign(key, &h, &doc.sig);
	seal_keys_from_seed(h.b, public_key.b, secret_key.b);
	text = json_encode(a, bid_doc_fields, &doc);
	post.envelope.b = seal_box(a, public_key.b, text, strlen(text), &post.envelope.len);
	post.provider = key->address;
	text = json_encode(a, bid_post_fields, &post);
	/* What follows the provider: the envelope, as the document has it. */
	return strstr(text, "\"provider\"");
}

/* What comes before the provider. */
static int
bid_head(char *out, size_t size, size_t i, size_t o)
{
	char bid[ID_TEXT_SIZE], order[ID_TEXT_SIZE];
	struct id bid_id = numbered_id("bid", i), order_id = numbered_id("order", o);

	return snprintf(out, size, "{\"id\":\"%s\",\"order\":\"%s\",\"round\":1,",
			id_text(ID_BID, &bid_id, bid), id_text(ID_ORDER, &order_id, order));
}

static const char *
next_bid(void *ctx, size_t *len)
{
	struct bids *b = ctx;
	size_t i = b->next++, p = i % b->providers, o = i / b->providers;
	char head[120];
	int n, m;

	if (o >= b->orders)
		return NULL;
	m = bid_head(head, sizeof(head), i, o);
	n = snprintf(b->text, sizeof(b->text),
		     "POST /v1/bids HTTP/1.1\r\nHost: market\r\nAuthorization: Bearer %s\r\n"
		     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s%s",
		     b->tokens[p], (size_t)m + strlen(b->envelopes[p]), head, b->envelopes[p]);
	*len = (size_t)n;
	return b->text;
}

static void
bids_make(struct bids *b, const struct address *market)
{
	const char *scope = "provider";

	arena_init(&b->arena, 0);
	b->tokens = arena_alloc(&b->arena, b->providers * sizeof(*b->tokens));
	b->envelopes = arena_alloc(&b->arena, b->providers * sizeof(*b->envelopes));
	for (size_t i = 0; i < b->providers; i++) {
		struct key key = provider_key(i);
		int64_t now = clock_wall() / SECOND_US;
		struct jwt_claims claims = { .iss = key.address,
					     .aud = *market,
					     .nbf = now - 30,
					     .exp = now + 800,
					     .scope = { &scope, 1 } };

		b->tokens[i] = jwt_make(&b->arena, &key, &claims);
		b->envelopes[i] = sealed_bid(&b->arena, &key);
	}
}

static void
report(const struct load *l)
{
	if (l->bad > 0)
		fprintf(stderr, "%zu refused, the first: %s\n", l->bad, l->first_bad);
	printf("count=%zu bad=%zu rate=%.0f p50=%.2f p99=%.2f took=%.2f\n", l->good, l->bad,
	       (double)l->good / l->took_s, l->p50_ms, l->p99_ms, l->took_s);
}

/* ------------------------------------------------------------------ */
/* Reading.                                                            */

static const char *
next_get(void *ctx, size_t *len)
{
	*len = strlen(ctx);
	return ctx;
}

/* ------------------------------------------------------------------ */
/* Servers to compare with.                                             */

static void
say_hello(struct evhttp_request *r, void *arg)
{
	struct evbuffer *b = evbuffer_new();

	(void)arg;
	evbuffer_add(b, "hello\n", 6);
	evhttp_send_reply(r, 200, "OK", b);
	evbuffer_free(b);
}

static void
plain(unsigned port)
{
	struct event_config *config = event_config_new();
	struct event_base *base;
	struct evhttp *http;

	event_config_set_flag(config,
			      EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	http = evhttp_new(base);
	evhttp_set_gencb(http, say_hello, NULL);
	if (evhttp_bind_socket(http, "127.0.0.1", (uint16_t)port) != 0)
		fatal("port %u", port);
	event_base_dispatch(base);
}

struct half_market {
	struct address market;
	bool verifies;
};

static void
take_bid(struct request *r)
{
	struct half_market *m = r->ctx;
	struct jwt_claims claims;
	struct err e = ERR_NONE;
	struct bid_post bid;
	char text[ID_TEXT_SIZE];
	struct jsonw *w;

	if ((m->verifies && jwt_check(&r->arena, request_bearer(r), clock_wall(), &m->market,
				      "provider", &claims, &e) < 0) ||
	    json_decode(&r->arena, r->body, r->body_len, bid_post_fields, &bid, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_BID, &bid.id, text));
	jsonw_name(w, "index");
	jsonw_int(w, 1);
	jsonw_member(w, "received_at", "%s", time_text(clock_wall(), text));
	jsonw_close(w, '}');
	request_answer_json(r, 201, w);
}

static void
half(unsigned port, const struct address *market, bool verifies)
{
	static const struct route routes[] = { { "POST", "/v1/bids", take_bid }, ROUTE_END };
	struct half_market m = { *market, verifies };
	struct err e = ERR_NONE;
	struct loop loop;

	if (loop_init(&loop, &e) < 0 ||
	    http_listen(&loop, "127.0.0.1", port, NULL, routes, &m, &e) == NULL)
		fatal("%s", e.text);
	loop_run(&loop);
}

/* ------------------------------------------------------------------ */

static size_t
number(const char *text)
{
	return strtoul(text, NULL, 10);
}

static struct address
address_arg(const char *text)
{
	struct err e = ERR_NONE;
	struct address a;

	if (address_read(text, &a, &e) < 0)
		fatal("%s", e.text);
	return a;
}

static bool
is(int argc, char **argv, const char *part, int args)
{
	return argc == args + 2 && strcmp(argv[1], part) == 0;
}

int
main(int argc, char **argv)
{
	struct load l = { .port = argc > 2 ? (unsigned)number(argv[2]) : 0 };
	static struct bids b;
	struct address market;
	char request[400];

	log_init("bench", LOG_WARN);
	if (is(argc, argv, "seed", 2)) {
		seed(number(argv[2]), number(argv[3]));
	} else if (is(argc, argv, "bids", 7)) {
		b.providers = number(argv[5]);
		b.orders = number(argv[6]);
		b.next = number(argv[7]);
		market = address_arg(argv[8]);
		bids_make(&b, &market);
		l.connections = (unsigned)number(argv[3]);
		l.seconds = strtod(argv[4], NULL);
		l.next = next_bid;
		l.ctx = &b;
		load_run(&l);
		report(&l);
	} else if (is(argc, argv, "bid", 4)) {
		b.providers = number(argv[2]) + 1;
		market = address_arg(argv[5]);
		bids_make(&b, &market);
		bid_head(request, sizeof(request), number(argv[4]), number(argv[3]));
		printf("%s\n%s%s\n", b.tokens[b.providers - 1], request,
		       b.envelopes[b.providers - 1]);
	} else if (is(argc, argv, "get", 4)) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: market\r\n\r\n",
			 argv[5]);
		l.connections = (unsigned)number(argv[3]);
		l.seconds = strtod(argv[4], NULL);
		l.next = next_get;
		l.ctx = request;
		load_run(&l);
		report(&l);
	} else if (is(argc, argv, "streams", 3)) {
		streams_hold(l.port, number(argv[3]), number(argv[4]));
	} else if (is(argc, argv, "sends", 2)) {
		printf("cpu=%.2f\n", sends_cost(number(argv[2]), number(argv[3])));
	} else if (is(argc, argv, "plain", 1)) {
		plain(l.port);
	} else if (is(argc, argv, "http", 2) || is(argc, argv, "verify", 2)) {
		market = address_arg(argv[3]);
		half(l.port, &market, argv[1][0] == 'v');
	} else {
		fatal("see the head of market.c");
	}
	return 0;
}
