/* SPDX-License-Identifier: Apache-2.0 */
/* Standing offers over REST: post, which is also replace and withdraw; show; list. */
#include "lease/key.h"
#include "lease/offer.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

#define PAGE_MOST 100

static const struct code OFFER_SEQ = { "offer_seq", CONFLICT,
				       "this provider has used this seq, or a higher one" };
static const struct code OFFER_EXPIRED = { "offer_expired", INVALID,
					   "the offer has expired already" };
static const struct code OFFER_TOO_MANY = { "offer_too_many", LIMIT,
					    "this provider has as many live offers as it may" };
static const struct code OFFER_NOT_FOUND = { "offer_not_found", NOT_FOUND,
					     "there is no such offer" };
static const struct code OFFER_UNKNOWN = { "provider_unknown", DENIED,
					   "register as a provider first" };

struct offer_put {
	struct offer_doc doc;
	struct hash hash;
	wall_t now;
	const char *text; /* canonical */
	struct batch *b;
	bool again;
	struct receipt_ask receipt;
};

static enum next
put_parse(struct task *t)
{
	struct offer_put *p = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;
	struct hash digest;

	p->now = clock_wall();
	if (json_decode(&t->arena, r->body, r->body_len, offer_doc_fields, &p->doc, &t->err) < 0 ||
	    offer_check(&p->doc.offer, &t->err) < 0)
		return TASK_FAIL;
	/* Defaults are written out: what was small enough to come may be too big to be shown. */
	p->text = json_encode(&t->arena, offer_fields, &p->doc.offer);
	if (strlen(p->text) > JSON_BYTES_MAX - 1024) {
		err_set(&t->err, &ERR_TOO_BIG, "the offer, written out, is of %zu bytes",
			strlen(p->text));
		return TASK_FAIL;
	}
	p->hash = p->receipt.item = offer_hash(&p->doc.offer);
	digest = terms_digest(&w->domain, &p->hash);
	if (sig_check(&p->doc.sig, &digest, &p->doc.offer.provider, &t->err) < 0) {
		err_wrap(&t->err, "offer, by its provider for this chain and escrow");
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

/* {"a","b"} of PostgreSQL; names of nodes have nothing to escape. */
static const char *
node_names(struct arena *a, const struct offer *o)
{
	const struct offer_node *n = o->nodes.items;
	struct jsonw *w = jsonw_new(false);
	char *text;

	jsonw_open(w, '[');
	for (size_t i = 0; i < o->nodes.count; i++)
		jsonw_str(w, n[i].name);
	jsonw_close(w, ']');
	text = arena_strdup(a, jsonw_text(w, NULL));
	text[0] = '{';
	text[strlen(text) - 1] = '}';
	jsonw_free(w);
	return text;
}

static enum next
put_store(struct task *t)
{
	struct offer_put *p = t->state;
	struct web *w = task_request(t)->ctx;
	const struct offer *o = &p->doc.offer;
	const char *nodes = node_names(&t->arena, o);
	char seq[AMOUNT_TEXT_SIZE];

	u128_text(o->seq, seq);
	p->b = batch_new(t);
	if (o->expires == 0 || (wall_t)MIN(o->expires, (uint64_t)UINT32_MAX) * SECOND_US > p->now) {
		q_offer_claim(p->b, &o->provider, seq, &p->hash);
		q_offer_replace(p->b, &o->provider, &p->hash, nodes, p->now);
		q_offer_put(p->b, &p->hash, &o->provider, seq,
			    (int64_t)MIN(o->expires, (uint64_t)INT64_MAX), nodes, p->text,
			    &p->doc.sig, p->now, OFFER_LIVE_MAX);
	}
	q_offer_why(p->b, &o->provider, &p->hash);
	return db_run(t, w->db, p->b);
}

/* Nothing was put: the same offer again is a success, all else has a name. */
static int
put_why(struct offer_put *p, struct err *e)
{
	size_t why = batch_length(p->b) - 1;
	const struct offer *o = &p->doc.offer;

	if (row_bool(p->b, why, 0, "here"))
		return 0;
	if (!row_bool(p->b, why, 0, "registered"))
		return err_set(e, &OFFER_UNKNOWN, "POST /v1/providers comes before offers");
	if (why == 0)
		return err_field(e, &OFFER_EXPIRED, "/offer/expires", "expires is %llu s ago",
				 (unsigned long long)((uint64_t)(p->now / SECOND_US) - o->expires));
	if (rows_count(p->b, 0) == 0)
		return err_field(e, &OFFER_SEQ, "/offer/seq", "seq %s was used",
				 row_text(p->b, why, 0, "seq"));
	return err_set(e, &OFFER_TOO_MANY, "%u at most", OFFER_LIVE_MAX);
}

static enum next
put_receipt(struct task *t)
{
	struct offer_put *p = t->state;

	if (p->receipt.until == 0) {
		if (batch_failed(p->b, &t->err))
			return TASK_FAIL;
		p->again = batch_length(p->b) == 1 || rows_count(p->b, 2) == 0;
		if (p->again && put_why(p, &t->err) < 0)
			return TASK_FAIL;
		web_poke(task_request(t)->ctx);
	}
	return receipt_ask(t, &p->receipt);
}

static enum next
put_answer(struct task *t)
{
	struct offer_put *p = t->state;
	char text[HASH_TEXT_SIZE];
	struct jsonw *w;

	if (!receipt_here(t, &p->receipt))
		return receipt_wait(t, &p->receipt);
	if (t->err.code != NULL)
		return TASK_FAIL;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", hash_text(&p->hash, text));
	write_receipt(w, &p->receipt);
	jsonw_close(w, '}');
	request_answer_json(task_request(t), p->again ? 200 : 201, w);
	return TASK_DONE;
}

static enum next
put_again(struct task *t)
{
	receipt_unwait(t);
	return task_jump(t, put_receipt);
}

static const struct step put_steps[] = { { "parse", put_parse },     { "store", put_store },
					 { "receipt", put_receipt }, { "answer", put_answer },
					 { "again", put_again },     STEP_END };

void
offer_create(struct request *r)
{
	request_task(r, "offer_create", put_steps, sizeof(struct offer_put));
}

/* ------------------------------------------------------------------ */
/* GET /v1/offers, GET /v1/offers/{offer}                               */

struct offer_get {
	struct hash hash, after;
	struct address provider;
	bool one, has_provider, has_after;
	int64_t limit;
	struct batch *b;
};

static enum next
get_read(struct task *t)
{
	struct offer_get *g = t->state;
	struct web *w = task_request(t)->ctx;

	g->b = batch_new(t);
	if (g->one)
		q_offer_get(g->b, &g->hash);
	else
		q_offer_list(g->b, g->has_provider ? &g->provider : NULL, clock_wall(),
			     g->has_after ? &g->after : NULL, g->limit + 1);
	return db_run(t, w->db, g->b);
}

static void
write_offer(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	char text[SIG_TEXT_SIZE];
	struct hash hash;
	struct sig sig;

	row_bytes(b, 0, row, "hash", hash.b, sizeof(hash.b));
	row_bytes(b, 0, row, "sig", sig.b, sizeof(sig.b));
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", hash_text(&hash, text));
	write_node(w, a, "offer", row_text(b, 0, row, "doc"));
	jsonw_member(w, "sig", "%s", sig_text(&sig, text));
	jsonw_member(w, "received_at", "%s", time_text(row_time(b, 0, row, "received_at"), text));
	jsonw_name(w, "live");
	jsonw_bool(w, row_bool(b, 0, row, "live"));
	jsonw_name(w, "from_tick");
	jsonw_int(w, row_int(b, 0, row, "from_tick"));
	if (!row_null(b, 0, row, "until_tick")) {
		jsonw_name(w, "until_tick");
		jsonw_int(w, row_int(b, 0, row, "until_tick"));
	}
	jsonw_close(w, '}');
}

static enum next
get_answer(struct task *t)
{
	struct offer_get *g = t->state;
	char text[HASH_TEXT_SIZE];
	struct jsonw *w;
	size_t count;

	if (batch_failed(g->b, &t->err))
		return TASK_FAIL;
	count = rows_count(g->b, 0);
	if (g->one && count == 0) {
		err_set(&t->err, &OFFER_NOT_FOUND, "%s", hash_text(&g->hash, text));
		return TASK_FAIL;
	}
	w = jsonw_new(false);
	if (g->one) {
		write_offer(w, &t->arena, g->b, 0);
		request_answer_json(task_request(t), 200, w);
		return TASK_DONE;
	}
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < MIN(count, (size_t)g->limit); i++)
		write_offer(w, &t->arena, g->b, i);
	jsonw_close(w, ']');
	jsonw_name(w, "has_more");
	jsonw_bool(w, count > (size_t)g->limit);
	if (count > (size_t)g->limit) {
		struct hash last;

		row_bytes(g->b, 0, (size_t)g->limit - 1, "hash", last.b, sizeof(last.b));
		jsonw_member(w, "next_cursor", "%s", hash_text(&last, text));
	}
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step get_steps[] = { { "read", get_read }, { "answer", get_answer }, STEP_END };

static void
get_begin(struct request *r, const struct offer_get *g)
{
	*(struct offer_get *)request_task(r, "offers", get_steps, sizeof(*g))->state = *g;
}

void
offer_show(struct request *r)
{
	struct offer_get g = { .one = true };
	struct err e = ERR_NONE;

	if (hash_read(request_part(r, "offer"), &g.hash, &e) < 0)
		request_fail(r, &e);
	else
		get_begin(r, &g);
}

void
offer_list(struct request *r)
{
	const char *provider = request_query(r, "provider"), *limit = request_query(r, "limit"),
		   *cursor = request_query(r, "cursor");
	struct offer_get g = { .limit = limit != NULL ? strtol(limit, NULL, 10) : 20 };
	struct err e = ERR_NONE;

	g.has_provider = provider != NULL;
	g.has_after = cursor != NULL;
	if (g.limit < 1 || g.limit > PAGE_MOST)
		err_field(&e, &ERR_BAD_DATA, "limit", "limit must be 1 to %d", PAGE_MOST);
	if (e.code != NULL || (provider != NULL && address_read(provider, &g.provider, &e) < 0) ||
	    (cursor != NULL && hash_read(cursor, &g.after, &e) < 0))
		request_fail(r, &e);
	else
		get_begin(r, &g);
}
