/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel audit lease: one lease from the order that was signed to the last token. The
 * market and the provider are asked for evidence and for nothing else, the chain for
 * what moved; what is true of it, lease/audit_lease.c says.
 *
 * A file that --save wrote has all of it, the contract's logs too; without --offline
 * the chain is asked again all the same.
 */
#include <getopt.h>
#include <unistd.h>

#include "lease/audit_lease.h"
#include "lease/tick_transcript.h"
#include "lib/clock.h"
#include "tenant/card.h"
#include "tenant/spot.h"

#define TRIES 5u /* the market reads on meanwhile */

static const struct code AUDIT_NO_LEASE = { "audit_no_lease", NOT_FOUND,
					    "there is no lease to compute again" };

struct block_time {
	uint64_t block, time;
};

struct evidence {
	uint64_t chain_id, block; /* up to which the market, and the logs, go */
	struct address escrow;
	const char *symbol;
	uint32_t decimals;
	struct json *lease;	   /* as GET /v1/leases/... */
	struct json *round;	   /* as GET .../rounds/N, or NULL */
	struct json_list books;	   /* of struct audit_book: the one that the round names */
	struct json_list offers;   /* of struct offer_doc: its offers */
	struct json *price;	   /* card, models, nonce as bid, or NULL */
	struct spot_owed spot;	   /* of an interruptible one; its class NULL: not shown */
	struct json_list readings; /* of struct voucher_post */
	struct json *logs;	   /* as eth_getLogs, of this lease only */
	struct json_list times;	   /* of struct block_time */
};

static const struct json_field block_time_fields[] = { JSON_U64(struct block_time, block, 0),
						       JSON_U64(struct block_time, time, 0),
						       JSON_END };
#define T struct evidence
static const struct json_field evidence_fields[] = {
	JSON_U64(T, chain_id, 0),
	JSON_U64(T, block, 0),
	JSON_ADDRESS(T, escrow, 0),
	JSON_STR(T, symbol, 16, 0),
	JSON_U32(T, decimals, 36, 0),
	JSON_NODE(T, lease, 0),
	JSON_NODE(T, round, JSON_OPTIONAL),
	JSON_LIST(T, books, audit_book_fields, struct audit_book, 1, JSON_OPTIONAL),
	JSON_LIST(T, offers, offer_doc_fields, struct offer_doc, TICK_OFFERS_MAX, JSON_OPTIONAL),
	JSON_NODE(T, price, JSON_OPTIONAL),
	JSON_OBJ(T, spot, spot_owed_fields, JSON_OPTIONAL),
	JSON_LIST(T, readings, voucher_post_fields, struct voucher_post, 4096, 0),
	JSON_NODE(T, logs, JSON_OPTIONAL),
	JSON_LIST(T, times, block_time_fields, struct block_time, 4096, JSON_OPTIONAL),
	JSON_END
};
#undef T

struct gathering {
	struct context *c;
	struct evidence *v;
	struct hash lease;
	struct jsonw *logs;
	uint64_t from;
};

/* ------------------------------------------------------------------ */
/* What people signed.                                                 */

static bool
is_object(const struct json *node)
{
	return node != NULL && node->type == JSON_OBJECT;
}

/* By number, each once; two that contradict each other both stay. */
static void
add_reading(struct context *c, struct evidence *v, const struct voucher_post *post)
{
	struct voucher_post *all = v->readings.items;
	struct hash h = usage_hash(&post->usage), other;
	size_t at = v->readings.count;

	while (at > 0 && all[at - 1].usage.seq > post->usage.seq)
		at--;
	for (size_t i = at; i > 0 && all[i - 1].usage.seq == post->usage.seq; i--) {
		other = usage_hash(&all[i - 1].usage);
		if (hash_equal(&h, &other))
			return;
	}
	all = v->readings.items = arena_grow(&c->arena, all, v->readings.count, sizeof(*all));
	memmove(&all[at + 1], &all[at], (v->readings.count - at) * sizeof(*all));
	all[at] = *post;
	v->readings.count++;
}

/* An object that has at least usage, usage_sig and provider_sig. */
static int
read_reading(struct context *c, struct evidence *v, const struct json *from, struct err *e)
{
	struct voucher_post post = { .usage = { .seq = 0 } };

	if (!is_object(json_get(from, "usage")))
		return 0;
	if (json_read(&c->arena, json_get(from, "usage"), usage_terms_fields, &post.usage, e) < 0 ||
	    sig_read(text_of(from, "usage_sig"), &post.usage_sig, e) < 0 ||
	    sig_read(text_of(from, "provider_sig"), &post.provider_sig, e) < 0)
		return err_wrap(e, "reading");
	if (text_of(from, "payer_sig")[0] != '\0' &&
	    sig_read(text_of(from, "payer_sig"), &post.payer_sig, e) < 0)
		return err_wrap(e, "voucher");
	add_reading(c, v, &post);
	return 0;
}

static int
read_vouchers(struct context *c, struct evidence *v, struct err *e)
{
	struct json *doc;
	const struct json *data;

	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/leases/%s/vouchers", text_of(v->lease, "hash")),
		       &doc, e) < 0)
		return -1;
	data = json_get(doc, "data");
	for (const struct json *p = data != NULL ? data->first : NULL; p != NULL; p = p->next)
		if (read_reading(c, v, p, e) < 0)
			return -1;
	return is_object(json_get(v->lease, "voucher"))
		       ? read_reading(c, v, json_get(v->lease, "voucher"), e)
		       : 0;
}

/* {"card", "models", "nonce"} of the gateway's status. */
static struct json *
price_node(struct context *c, const struct json *status)
{
	static const struct hash none;
	struct err ignored = ERR_NONE;
	struct price_shown price;
	struct json *node;
	const char *text;

	if (card_read(c, status, &price, &ignored) != 1 || hash_equal(&price.nonce, &none))
		return NULL;
	text = json_encode(&c->arena, price_shown_fields, &price);
	return json_parse(&c->arena, text, strlen(text), &node, &ignored) < 0 ? NULL : node;
}

/* The card that was bid with, and a reading that nobody has signed yet: only the
 * lease's parties are told, and only while the provider keeps it. */
static void
ask_provider(struct context *c, struct evidence *v)
{
	struct err e = ERR_NONE;
	struct lease_ref l = { .order = NULL };
	struct json *status;

	if (context_unlock(c, &e) < 0 || hash_read(text_of(v->lease, "hash"), &l.hash, &e) < 0 ||
	    address_read(text_of(v->lease, "provider"), &l.provider, &e) < 0 ||
	    gateway_find(c, &l.provider, &l.gateway, &e) < 0)
		return;
	l.gateway.token = context_token(c, &l.provider, "all", &l.hash);
	if (provider_call(&c->arena, &l.gateway, "GET", lease_path(c, &l, ""), NULL, &status, &e) <
	    0) {
		say(c, "the provider shows no card: %s", e.text);
		return;
	}
	v->price = price_node(c, status);
	if (read_reading(c, v, status, &e) < 0)
		say(c, "warning: the provider's reading is none: %s", e.text);
}

/* Runs, and prices up to the last reading. */
static int
read_spot(struct context *c, struct evidence *v, struct err *e)
{
	const struct voucher_post *last = v->readings.items;
	struct lease_ref l = { .lease = v->lease };

	if (!lease_is_interruptible(v->lease) || v->readings.count == 0)
		return 0;
	if (json_read(&c->arena, json_get(v->lease, "terms"), lease_terms_fields, &l.terms, e) < 0)
		return err_wrap(e, "lease");
	l.hash = lease_hash(&l.terms);
	l.provider = l.terms.provider;
	if (spot_gather(c, &l, last[v->readings.count - 1].usage.upTo, &v->spot, e) < 0)
		return err_wrap(e, "pool");
	return 0;
}

/* The path of the lease at the market, from a name, an order, a lease's id or hash. */
static int
find_path(struct context *c, const char *name, const char **path, struct err *e)
{
	struct err ignored = ERR_NONE;
	char id[ID_TEXT_SIZE];
	struct deployment d;
	struct json *order;
	struct hash hash;
	struct id lease;

	if (name != NULL && (hash_read(name, &hash, &ignored) == 0 ||
			     id_read(ID_LEASE, name, &lease, &ignored) == 0)) {
		*path = arena_printf(&c->arena, "/v1/leases/%s", name);
		return 0;
	}
	if (parts_single(c, name, e) < 0 || deployment_find(c, name, &d, e) < 0 ||
	    market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/orders/%s", id_text(ID_ORDER, &d.order, id)),
		       &order, e) < 0)
		return -1;
	if (!is_object(json_get(order, "lease")))
		return err_set(e, &AUDIT_NO_LEASE, "the order is %s", text_of(order, "state"));
	*path = arena_printf(&c->arena, "/v1/leases/%s", text_of(json_get(order, "lease"), "id"));
	return 0;
}

static int
from_market(struct context *c, const char *path, struct evidence *v, struct err *e)
{
	static const struct address nobody;
	struct gathered g = { .ids = NULL };
	struct json *doc;

	v->chain_id = c->domain.chain_id;
	v->escrow = c->escrow;
	v->symbol = c->symbol;
	v->decimals = c->decimals;
	if (market_get(&c->arena, &c->market, path, &v->lease, e) < 0 ||
	    market_block(c, &c->market, &nobody, &doc, &v->block, e) < 0 ||
	    read_vouchers(c, v, e) < 0)
		return -1;
	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/orders/%s/rounds/%s",
				    text_of(v->lease, "order"), text_of(v->lease, "round")),
		       &v->round, e) < 0) {
		/* Awarded in a tick, of which gavel audit auction tells. */
		if (strcmp(e->code->name, "round_not_found") != 0)
			return -1;
		*e = (struct err)ERR_NONE;
		v->round = NULL;
	} else if (gather_book(c, &g, v->round, e) < 0) {
		return -1;
	}
	v->books = g.books;
	v->offers = g.offers;
	ask_provider(c, v);
	return read_spot(c, v, e);
}

/* ------------------------------------------------------------------ */
/* What the contract said.                                             */

static void
write_log(struct jsonw *w, struct arena *a, const struct evm_log *log)
{
	char text[HASH_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(&log->address, text));
	jsonw_name(w, "topics");
	jsonw_open(w, '[');
	for (size_t i = 0; i < log->topic_count; i++)
		jsonw_str(w, hash_text(&log->topics[i], text));
	jsonw_close(w, ']');
	jsonw_member(w, "data", "%s",
		     hex_text(log->data, log->len, arena_alloc(a, 2 * log->len + 3)));
	jsonw_member(w, "blockNumber", "0x%llx", (unsigned long long)log->block);
	jsonw_member(w, "logIndex", "0x%llx", (unsigned long long)log->index);
	jsonw_member(w, "blockHash", "%s", hash_text(&log->block_hash, text));
	jsonw_member(w, "transactionHash", "%s", hash_text(&log->tx_hash, text));
	jsonw_close(w, '}');
}

/* A block's time is asked of the node by its number, and its hash must be the log's. */
static int
add_time(struct context *c, struct evidence *v, const struct evm_log *log, struct err *e)
{
	struct block_time *times = v->times.items;
	struct evm_block block;

	if (v->times.count > 0 && times[v->times.count - 1].block == log->block)
		return 0;
	if (chain_block(c, NULL, log->block, &block, e) < 0)
		return -1;
	if (!hash_equal(&block.hash, &log->block_hash))
		return err_set(e, &EVM_BAD_REPLY, "block %llu changed while it was read",
			       (unsigned long long)log->block);
	times = v->times.items =
		arena_grow(&c->arena, v->times.items, v->times.count, sizeof(*times));
	times[v->times.count++] = (struct block_time){ log->block, block.time };
	return 0;
}

static int
gather_log(void *ctx, const struct evm_log *log, struct err *e)
{
	struct gathering *g = ctx;
	struct escrow_event *events;
	struct arena a;
	size_t count;
	int rc = 0;

	arena_init(&a, 0);
	count = escrow_events_read(&a, log->topics, log->topic_count, log->data, log->len, &events);
	for (size_t i = 0; i < count; i++)
		if (hash_equal(&events[i].lease, &g->lease)) {
			write_log(g->logs, &g->c->arena, log);
			rc = add_time(g->c, g->v, log, e);
			break;
		}
	arena_release(&a);
	return rc;
}

static int
gather_chain(struct context *c, struct evidence *v, uint64_t from, struct err *e)
{
	struct gathering g = { .c = c, .v = v, .from = from };
	struct evm_block head;
	const char *text;
	int rc;

	if (hash_read(text_of(v->lease, "hash"), &g.lease, e) < 0 ||
	    chain_block(c, "latest", 0, &head, e) < 0)
		return -1;
	if (head.number < v->block)
		return err_set(e, &EVM_NODE, "the node is behind the market");
	g.logs = jsonw_new(false);
	jsonw_open(g.logs, '[');
	v->times = (struct json_list){ NULL, 0 };
	rc = chain_logs(c, from, v->block, gather_log, &g, e);
	jsonw_close(g.logs, ']');
	text = arena_strdup(&c->arena, jsonw_text(g.logs, NULL));
	jsonw_free(g.logs);
	return rc < 0 ? -1 : json_parse(&c->arena, text, strlen(text), &v->logs, e);
}

/* ------------------------------------------------------------------ */
/* All of it into what audit_lease() takes.                             */

static int
read_events(struct context *c, const struct evidence *v, struct audit_lease *l, struct err *e)
{
	const struct block_time *times = v->times.items;
	struct escrow_said *out = NULL;
	struct evm_log *logs;
	size_t count = 0;

	if (rpc_logs_read(&c->arena, v->logs, &logs, &count, e) < 0)
		return err_wrap(e, "logs");
	for (size_t i = 0; i < count; i++) {
		struct escrow_event *events;
		size_t n = escrow_events_read(&c->arena, logs[i].topics, logs[i].topic_count,
					      logs[i].data, logs[i].len, &events);
		struct escrow_said said = { .block = logs[i].block,
					    .log = logs[i].index,
					    .tx = logs[i].tx_hash };

		for (size_t k = 0; k < v->times.count; k++)
			if (times[k].block == said.block)
				said.time = times[k].time;
		for (size_t k = 0; k < n; k++) {
			if (!hash_equal(&events[k].lease, &l->id))
				continue;
			said.event = events[k];
			out = arena_grow(&c->arena, out, l->event_count, sizeof(*out));
			out[l->event_count++] = said;
		}
	}
	l->events = out;
	return 0;
}

static int
read_round(struct context *c, const struct evidence *v, struct audit_lease *l, struct err *e)
{
	const struct json *node = json_get(v->round, "transcript");
	struct audit_round *round = ARENA_NEW(&c->arena, struct audit_round);
	struct transcript *t = ARENA_NEW(&c->arena, struct transcript);
	struct jsonw *w;

	if (!is_object(node) || node->first == NULL)
		return 0;
	w = jsonw_new(false);
	jsonw_node(w, node);
	keccak256(jsonw_text(w, NULL), strlen(jsonw_text(w, NULL)), &round->record);
	jsonw_free(w);
	if (json_read(&c->arena, node, transcript_fields, t, e) < 0)
		return err_wrap(e, "transcript");
	round->domain = l->domain;
	round->t = t;
	round->books = v->books.items;
	round->book_count = v->books.count;
	round->docs = v->offers.items;
	round->doc_count = v->offers.count;
	l->round = round;
	return 0;
}

static int
read_lease(struct context *c, const struct evidence *v, struct audit_lease *l,
	   struct lease_said *said, struct err *e)
{
	const struct json *doc = v->lease;
	struct group *group = ARENA_NEW(&c->arena, struct group);
	const char *state = text_of(doc, "state");

	if (!is_object(json_get(doc, "order_terms")) || !is_object(json_get(doc, "terms")) ||
	    !is_object(json_get(doc, "group")))
		return err_set(e, &JSON_MISSING, "order_terms, group, terms");
	if (hash_read(text_of(doc, "hash"), &l->id, e) < 0 ||
	    json_read(&c->arena, json_get(doc, "order_terms"), order_terms_fields, &l->order, e) <
		    0 ||
	    json_read(&c->arena, json_get(doc, "group"), group_fields, group, e) < 0 ||
	    json_read(&c->arena, json_get(doc, "terms"), lease_terms_fields, &l->lease, e) < 0 ||
	    sig_read(text_of(doc, "order_sig"), &l->order_sig, e) < 0 ||
	    sig_read(text_of(doc, "award_sig"), &l->award_sig, e) < 0 ||
	    hash_read(text_of(doc, "record"), &l->record, e) < 0)
		return -1;
	if (text_of(doc, "lease_sig")[0] == '\0')
		return err_set(e, &AUDIT_NO_LEASE, "the provider has not accepted it");
	if (sig_read(text_of(doc, "lease_sig"), &l->lease_sig, e) < 0)
		return -1;
	if (text_of(doc, "release_sig")[0] != '\0') {
		struct sig *sig = ARENA_NEW(&c->arena, struct sig);

		if (sig_read(text_of(doc, "release_sig"), sig, e) < 0)
			return -1;
		l->release_sig = sig;
	}
	l->group = group;
	*said = (struct lease_said){ amount_of(doc, "deposit"), amount_of(doc, "paid"),
				     amount_of(doc, "refund"), strcmp(state, "closed") == 0 };
	l->said = said;
	return 0;
}

static int
read_all(struct context *c, const struct evidence *v, struct audit_lease *l,
	 struct lease_said *said, struct err *e)
{
	struct price_shown *price = ARENA_NEW(&c->arena, struct price_shown);

	if (read_lease(c, v, l, said, e) < 0)
		return err_wrap(e, "lease");
	if (is_object(v->round) && read_round(c, v, l, e) < 0)
		return -1;
	if (is_object(v->price)) {
		if (json_read(&c->arena, v->price, price_shown_fields, price, e) < 0)
			return err_wrap(e, "price");
		l->price = price;
	}
	l->spot = v->spot.class != NULL ? &v->spot : NULL;
	l->readings = v->readings.items;
	l->reading_count = v->readings.count;
	return read_events(c, v, l, e);
}

/* ------------------------------------------------------------------ */
/* The verdict.                                                        */

static void
print_json_sums(const struct evidence *v, const struct audit_lease *l, const struct audit_sums *s)
{
	const struct {
		const char *name;
		struct amount amount;
	} amounts[] = { { "deposit", s->deposit }, { "topped_up", s->topped_up }, { "due", s->due },
			{ "paid", s->paid },	   { "credited", s->credited },	  { "fee", s->fee },
			{ "refund", s->refund } };
	const struct {
		const char *name;
		size_t count;
	} counts[] = { { "readings", s->readings },
		       { "vouchers", s->vouchers },
		       { "payments", s->payments },
		       { "events", l->event_count } };
	struct jsonw *w = jsonw_new(true);
	char text[HASH_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "lease", "%s", hash_text(&l->id, text));
	jsonw_member(w, "verdict", "true");
	jsonw_member(w, "state", "%s", lease_end_name(s->end));
	jsonw_name(w, "block");
	jsonw_int(w, (int64_t)v->block);
	for (size_t i = 0; i < NELEMS(amounts); i++)
		jsonw_member(w, amounts[i].name, "%s", u128_text(amounts[i].amount.units, text));
	for (size_t i = 0; i < NELEMS(counts); i++) {
		jsonw_name(w, counts[i].name);
		jsonw_int(w, (int64_t)counts[i].count);
	}
	jsonw_name(w, "round_computed");
	jsonw_bool(w, s->round_computed);
	jsonw_name(w, "dues_computed");
	jsonw_bool(w, s->dues_computed);
	jsonw_close(w, '}');
	puts(jsonw_text(w, NULL));
	jsonw_free(w);
}

static void
print_sums(struct context *c, const struct evidence *v, const struct audit_lease *l,
	   const struct audit_sums *s)
{
	char text[HASH_TEXT_SIZE];

	if (c->json) {
		print_json_sums(v, l, s);
		return;
	}
	printf("lease     %s, %s, by block %llu\n", hash_text(&l->id, text), lease_end_name(s->end),
	       (unsigned long long)v->block);
	printf("order     signed by %s\n", address_text(&l->lease.tenant, text));
	printf("award     to %s%s\n", address_text(&l->lease.provider, text),
	       s->round_computed     ? ", the round computed again"
	       : is_object(v->round) ? "; its round is not shown"
				     : ", in a tick: see gavel audit auction");
	if (s->end != LEASE_UNOPENED) {
		printf("opened    %s, deposit %s", time_text((wall_t)s->start * SECOND_US, text),
		       money(c, s->deposit));
		if (s->topped_up.units != 0)
			printf(" and %s", money(c, s->topped_up));
		putchar('\n');
	}
	printf("measured  %zu readings, %s due%s\n", s->readings, money(c, s->due),
	       s->dues_computed		 ? ", computed again"
	       : l->group->interruptible ? "; below rate x time, but its prices are not shown"
					 : "; below rate x time, but the card is not shown");
	printf("signed    %zu vouchers\n", s->vouchers);
	printf("paid      %s in %zu payments: %s to the provider, %s fee\n", money(c, s->paid),
	       s->payments, money(c, s->credited), money(c, s->fee));
	if (s->end != LEASE_UNOPENED && s->end != LEASE_RUNS)
		printf("returned  %s, the exact rest\n", money(c, s->refund));
	puts("all of it is true");
}

static int
judge(struct context *c, const struct evidence *v, bool offline, struct audit_sums *sums,
      struct audit_lease *l, struct err *e)
{
	struct domain *domain = ARENA_NEW(&c->arena, struct domain);
	struct escrow_lease *stored = ARENA_NEW(&c->arena, struct escrow_lease);
	struct lease_said *said = ARENA_NEW(&c->arena, struct lease_said);

	domain_init(domain, v->chain_id, &v->escrow);
	*l = (struct audit_lease){ .domain = domain };
	if (read_all(c, v, l, said, e) < 0)
		return -1;
	if (!offline) {
		if (chain_lease(c, &l->id, v->block, stored, e) < 0)
			return -1;
		l->stored = stored;
	}
	return audit_lease(&c->arena, l, sums, e);
}

static int
save(struct context *c, const struct evidence *v, const char *path, struct err *e)
{
	return file_replace(c, path, json_encode(&c->arena, evidence_fields, v), e);
}

struct lease_args {
	const char *name, *save;
	uint64_t from;
	bool offline;
};

/* The market goes on while it is asked: then once more. */
static int
audit_live(struct context *c, const struct lease_args *args, struct err *e)
{
	struct audit_sums sums;
	struct audit_lease l;
	const char *path;

	if (context_connect(c, e) < 0 || find_path(c, args->name, &path, e) < 0)
		return -1;
	for (unsigned i = 0; i < TRIES; i++) {
		struct evidence v = { .chain_id = 0 };

		*e = (struct err)ERR_NONE;
		if (from_market(c, path, &v, e) < 0 || gather_chain(c, &v, args->from, e) < 0)
			return -1;
		if (args->save != NULL && save(c, &v, args->save, e) < 0)
			return -1;
		if (judge(c, &v, false, &sums, &l, e) == 0) {
			print_sums(c, &v, &l, &sums);
			return 0;
		}
		if (e->code != &AUDIT_SAID)
			return -1;
	}
	return -1;
}

static int
audit_file(struct context *c, const struct lease_args *args, struct err *e)
{
	struct evidence v = { .chain_id = 0 };
	struct audit_sums sums;
	struct audit_lease l;
	char *text;
	size_t len;

	if (file_read(c, args->name, &text, &len, e) < 0)
		return -1;
	if (json_decode(&c->arena, text, len, evidence_fields, &v, e) < 0)
		return err_wrap(e, "%s", args->name);
	c->symbol = v.symbol;
	c->decimals = v.decimals;
	c->escrow = v.escrow;
	if (!args->offline) {
		if (context_read(c, e) < 0)
			return -1;
		c->evm.chain_id = v.chain_id;
		if (evm_check_chain(&c->arena, &c->evm, e) < 0 ||
		    gather_chain(c, &v, args->from, e) < 0)
			return -1;
	}
	if (judge(c, &v, args->offline, &sums, &l, e) < 0)
		return -1;
	print_sums(c, &v, &l, &sums);
	return 0;
}

int
cmd_audit_lease(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "save", required_argument, NULL, 's' },
						 { "from", required_argument, NULL, 'f' },
						 { "offline", no_argument, NULL, 'o' },
						 { NULL, 0, NULL, 0 } };
	struct lease_args args = { .name = NULL };
	char *end = NULL;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 's': args.save = optarg; break;
		case 'o': args.offline = true; break;
		case 'f':
			args.from = strtoull(optarg, &end, 10);
			if (*optarg == '\0' || *end != '\0')
				return err_set(e, &TENANT_USAGE, "--from takes a block number");
			break;
		default: return err_set(e, &TENANT_USAGE, "audit lease");
		}
	if (optind >= argc || strcmp(argv[optind], "lease") != 0 || argc - optind > 2)
		return err_set(e, &TENANT_USAGE, "for example: gavel audit lease NAME");
	args.name = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (args.name != NULL && (strchr(args.name, '/') != NULL || strcmp(args.name, "-") == 0 ||
				  access(args.name, R_OK) == 0))
		return audit_file(c, &args, e);
	if (args.offline)
		return err_set(e, &TENANT_USAGE, "--offline goes with a file");
	return audit_live(c, &args, e);
}
