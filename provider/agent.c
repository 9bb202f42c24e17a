/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/audits.h"
#include "provider/ingress/dns.h"
#include "provider/run/exits.h"
#include "provider/image/image.h"
#include "provider/bid/offers.h"
#include "provider/ingress/proxy.h"
#include "provider/bid/spot.h"

#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tls.h"

#define REGISTER_EVERY_US (10 * SECOND_US)
#define RUN_EVERY_US	  SECOND_US
#define CLOCK_EVERY_US	  (60 * SECOND_US)
#define VOLUMES_EVERY_US  (30 * SECOND_US)
#define TOKEN_LIVES_S	  600
#define LOGS_EVERY_US	  (5 * SECOND_US)

static const struct route routes[] = { { "GET", "/.well-known/gavel", gateway_info },
				       { "POST", "/v1/manifests", manifest_create },
				       { "GET", "/v1/leases/{lease}", work_show },
				       { "PUT", "/v1/leases/{lease}/manifest", update_create },
				       { "GET", "/v1/leases/{lease}/usage", usage_show },
				       { "POST", "/v1/leases/{lease}/vouchers", voucher_take },
				       { "POST", "/v1/leases/{lease}/close", close_create },
				       { "GET", "/v1/leases/{lease}/logs", logs_show },
				       { "GET", "/v1/leases/{lease}/exec", exec_open },
				       { "GET", "/v1/leases/{lease}/files", files_open },
				       { "GET", "/v1/leases/{lease}/forward", forward_open },
				       { "GET", "/v1/volumes", volumes_show },
				       { "DELETE", "/v1/volumes/{volume}", volume_remove },
				       ROUTE_END };

/* ------------------------------------------------------------------ */
/* Who is at work on which lease.                                       */

struct busy {
	struct busy *next;
	struct hash lease;
};

bool
busy_begin(struct agent *g, const struct hash *lease)
{
	struct busy *b;

	for (b = g->busy; b != NULL; b = b->next)
		if (hash_equal(&b->lease, lease))
			return false;
	b = xcalloc(1, sizeof(*b));
	b->lease = *lease;
	b->next = g->busy;
	g->busy = b;
	return true;
}

void
busy_end(struct agent *g, const struct hash *lease)
{
	for (struct busy **at = &g->busy, *b; (b = *at) != NULL; at = &b->next)
		if (hash_equal(&b->lease, lease)) {
			*at = b->next;
			free(b);
			return;
		}
}

enum next
jail_start(struct task *t, struct agent *g, struct chan_call *call, enum jail_verb verb,
	   const void *in, size_t len)
{
	*call = (struct chan_call){ .verb = verb, .in = in, .in_len = len };
	return chan_start(t, g->jail, call);
}

/* ------------------------------------------------------------------ */
/* Registration: again and again, it is the heartbeat. The first answer also
 * tells who the market is.                                              */

struct registration {
	bool asked; /* the market, who it is and what time */
	struct chan_call call;
	struct signer_provider ask;
	struct signer_token token;
	struct provider_doc doc;
	struct fetch f;
};

static enum next
market_ask(struct task *t)
{
	struct registration *reg = t->state;
	struct agent *g = t->owner;

	if (!address_is_zero(&g->market) && !g->clock.now &&
	    clock_mono() - g->clock_asked < CLOCK_EVERY_US)
		return TASK_NEXT;
	reg->asked = true;
	reg->f = (struct fetch){ .url = arena_printf(&t->arena, "%s/.well-known/gavel",
						     g->settings->market_url),
				 .ca_path = g->settings->market_ca };
	return fetch_start(t, &reg->f);
}

/* Another chain or contract would make every signature worthless: refuse. */
static int
market_check(struct task *t, const struct json *doc)
{
	struct agent *g = t->owner;
	const struct json *market = json_get(doc, "market"), *escrow = json_get(doc, "escrow"),
			  *chain = json_get(doc, "chain_id"), *rules = json_get(doc, "rules"),
			  *free_s = rules != NULL ? json_get(rules, "spot_free_s") : NULL;
	struct address contract;

	if (market == NULL || market->type != JSON_STRING || escrow == NULL ||
	    escrow->type != JSON_STRING || chain == NULL || chain->type != JSON_NUMBER)
		return err_set(&t->err, &ERR_BAD_DATA, "the market does not say who it is");
	if (address_read(escrow->text, &contract, &t->err) < 0)
		return -1;
	if (!address_equal(&contract, &g->settings->escrow) ||
	    strtoull(chain->text, NULL, 10) != g->settings->chain_id)
		return err_set(&t->err, &ERR_CONFIG,
			       "the market settles on another chain or contract than our settings");
	g->spot_free_s = free_s != NULL && free_s->type == JSON_NUMBER
				 ? (uint32_t)strtoul(free_s->text, NULL, 10)
				 : SPOT_FREE_S;
	return address_read(market->text, &g->market, &t->err);
}

/* With the market's time and that of the last block. */
static void
clock_compare(struct agent *g, const struct json *doc)
{
	const struct json *time = json_get(doc, "time");
	struct err ignored = ERR_NONE;
	wall_t market = 0, block = 0, now = clock_wall();
	bool doubted = g->clock.now;

	if (time != NULL && time->type == JSON_STRING &&
	    time_read(time->text, &market, &ignored) < 0)
		market = 0;
	for (size_t i = 0; i < g->evm.urls.count; i++)
		block = MAX(block, (wall_t)g->evm.nodes[i].head_time * SECOND_US);
	doubt_hear(&g->clock, now, clock_mono(), market, block);
	g->clock_asked = clock_mono();
	if (g->clock.now)
		log_warn("clock.wrong", "market_s=%lld block_s=%lld",
			 market != 0 ? (long long)((now - market) / SECOND_US) : 0LL,
			 block != 0 ? (long long)((now - block) / SECOND_US) : 0LL);
	else if (doubted)
		log_info("clock.right", "market_s=%lld", (long long)((now - market) / SECOND_US));
}

static enum next
market_read(struct task *t)
{
	struct registration *reg = t->state;
	struct agent *g = t->owner;
	struct json *doc;

	if (reg->asked) {
		if (fetch_check(&t->arena, &reg->f, &t->err) < 0 ||
		    json_parse(&t->arena, reg->f.reply, reg->f.reply_len, &doc, &t->err) < 0 ||
		    (address_is_zero(&g->market) && market_check(t, doc) < 0))
			return TASK_FAIL;
		clock_compare(g, doc);
	}
	reg->doc.attributes = g->settings->attributes;
	reg->ask.terms = (struct provider_terms){
		.provider = g->self,
		.tlsKey = g->tls_pin,
		.attributes = attributes_hash(&g->settings->attributes),
		.seq = (uint64_t)(clock_wall() / SECOND_US),
	};
	snprintf(reg->ask.url, sizeof(reg->ask.url), "https://%s:%u", g->settings->public_host,
		 http_port(g->gateway));
	return signer_start(t, g->signer, &reg->call, SIGN_PROVIDER, &reg->ask, sizeof(reg->ask));
}

static enum next
token_ask(struct task *t)
{
	struct registration *reg = t->state;
	struct agent *g = t->owner;

	if (signer_answer(&reg->call, &reg->doc.sig, sizeof(reg->doc.sig), &t->err) < 0)
		return TASK_FAIL;
	reg->token = (struct signer_token){ .audience = g->market,
					    .now = clock_wall(),
					    .lives_s = TOKEN_LIVES_S,
					    .scope = "provider" };
	return signer_start(t, g->signer, &reg->call, SIGN_TOKEN, &reg->token, sizeof(reg->token));
}

static enum next
register_send(struct task *t)
{
	struct registration *reg = t->state;
	struct agent *g = t->owner;
	const char *body;

	if (reg->call.err.code != NULL) {
		t->err = reg->call.err;
		return TASK_FAIL;
	}
	snprintf(g->token_text, sizeof(g->token_text), "%s", (const char *)reg->call.out);
	g->token = g->token_text;
	reg->doc.terms = reg->ask.terms;
	reg->doc.terms.url = reg->ask.url;
	body = json_encode(&t->arena, provider_doc_fields, &reg->doc);
	reg->f = (struct fetch){ .method = "POST",
				 .url = arena_printf(&t->arena, "%s/v1/providers",
						     g->settings->market_url),
				 .body = body,
				 .body_len = strlen(body),
				 .ca_path = g->settings->market_ca };
	return fetch_start(t, &reg->f);
}

static enum next
register_read(struct task *t)
{
	struct registration *reg = t->state;
	struct agent *g = t->owner;

	if (fetch_check(&t->arena, &reg->f, &t->err) < 0)
		return TASK_FAIL;
	if (!g->registered) {
		log_info("provider.registered", "market=%s", g->settings->market_url);
		g->registered = true;
		spot_start(g);
		bidder_start(g);
		runner_look(g);
	}
	return TASK_NEXT;
}

/* What auditors have said of us since; the market has it, we check it. */
static enum next
audits_ask(struct task *t)
{
	struct registration *reg = t->state;
	struct agent *g = t->owner;
	char self[ADDRESS_TEXT_SIZE];

	reg->f = (struct fetch){ .url = arena_printf(&t->arena, "%s/v1/providers/%s/audits",
						     g->settings->market_url,
						     address_text(&g->self, self)),
				 .ca_path = g->settings->market_ca };
	return fetch_start(t, &reg->f);
}

static enum next
audits_take(struct task *t)
{
	struct registration *reg = t->state;

	if (fetch_check(&t->arena, &reg->f, &t->err) < 0 ||
	    audits_replace(t->owner, reg->f.reply, reg->f.reply_len, &t->err) < 0)
		return TASK_FAIL;
	return TASK_DONE;
}

static const struct step register_steps[] = { { "market", market_ask },	 { "check", market_read },
					      { "token", token_ask },	 { "send", register_send },
					      { "read", register_read }, { "audits", audits_ask },
					      { "take", audits_take },	 STEP_END };

static void
register_done(struct task *t)
{
	if (t->err.code != NULL)
		log_warn("provider.not_registered", "error=\"%s\"", t->err.text);
}

static void
register_now(void *arg)
{
	struct agent *g = arg;

	task_new(&g->loop, "register", register_steps, sizeof(struct registration), 9 * SECOND_US,
		 register_done, g);
}

/* ------------------------------------------------------------------ */
/* The role.                                                           */

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct agent *g = arg;

	(void)signo;
	(void)what;
	offers_stop(g);
}

/* Until the first registration the market may not be up: try more often. */
static void
register_soon(void *arg)
{
	struct agent *g = arg;

	if (!g->registered)
		register_now(g);
}

static void
open_gateway(struct agent *g)
{
	const struct provider_settings *s = g->settings;
	char cert[512], key[512];
	struct err e = ERR_NONE;
	struct tls *tls;

	snprintf(cert, sizeof(cert), "%s/agent/gateway.crt", s->state_dir);
	snprintf(key, sizeof(key), "%s/agent/gateway.key", s->state_dir);
	if (tls_make_self_signed(cert, key, s->public_host, &e) < 0)
		fatal("%s", e.text);
	tls = tls_load(cert, key, &e);
	if (tls == NULL || tls_pin(tls, &g->tls_pin, &e) < 0)
		fatal("%s", e.text);
	g->gateway = http_listen(&g->loop, s->listen, s->port, tls, routes, g, &e);
	if (g->gateway == NULL)
		fatal("%s", e.text);
}

void
agent_run(void *start, const int *fds)
{
	const struct agent_start *begin = start;
	const struct provider_settings *s = begin->settings;
	static struct agent g;
	struct err e = ERR_NONE;
	char path[512];
	struct event *ev;

	g.settings = s;
	g.evm = s->evm;
	g.jail_config = *begin->jail;
	g.self = begin->self;
	g.exec_fd = fds[2];
	domain_init(&g.domain, s->chain_id, &s->escrow);
	if (loop_init(&g.loop, &e) < 0)
		fatal("%s", e.text);
	ev = evsignal_new(g.loop.base, SIGTERM, on_signal, &g);
	event_add(ev, NULL);
	g.signer = chan_open(&g.loop, fds[0]);
	g.jail = chan_open(&g.loop, fds[1]);
	snprintf(path, sizeof(path), "%s/agent/book.sqlite", s->state_dir);
	g.book = book_open(path, &e);
	if (g.book == NULL)
		fatal("%s", e.text);
	if (exits_start(&g, &e) < 0)
		fatal("%s", e.text);
	evm_watch(&g.loop, &g.evm, NODES_EVERY_US);
	image_start(&g);
	open_gateway(&g);
	dns_start(&g);
	proxy_start(&g);
	log_info("provider.listening", "gateway=%s:%u tag=%s", s->listen, http_port(g.gateway),
		 s->tag);
	timer_every(&g.loop, 0, 500 * MILLI_US, register_soon, &g);
	g.register_timer =
		timer_every(&g.loop, REGISTER_EVERY_US, REGISTER_EVERY_US, register_now, &g);
	g.run_timer = timer_every(&g.loop, 0, RUN_EVERY_US, runner_look, &g);
	g.meter_timer =
		timer_every(&g.loop, 0, (int64_t)s->meter_every_ms * MILLI_US, meter_poll, &g);
	timer_every(&g.loop, SECOND_US, LOGS_EVERY_US, log_keeper_look, &g);
	offers_start(&g);
	g.volume_timer = timer_every(&g.loop, 0, VOLUMES_EVERY_US, volumes_look, &g);
	loop_run(&g.loop);
	book_close(g.book);
	_exit(0);
}
