/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interruptible tier over REST: providers say what their pools have and which
 * leases run; everybody may read that, and every price with the auction it came of.
 * In a path a class has ":" where a GPU's model has "/".
 */
#include "lease/key.h"
#include "lease/pool.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

static const struct code POOL_OLD = { "pool_old", CONFLICT,
				      "a statement with a higher seq is known" };
static const struct code RUN_REFUSED = { "run_refused", CONFLICT,
					 "not an interruptible lease of this provider, or not "
					 "the next statement" };

#define PRICES_LISTED 100
#define RUNS_LISTED   4096 /* as the query has it */

/* ------------------------------------------------------------------ */
/* POST /v1/pools                                                      */

struct pool_put {
	struct pool_doc doc;
	struct batch *b;
};

static enum next
pool_store(struct task *t)
{
	struct pool_put *p = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;
	char seq[AMOUNT_TEXT_SIZE];

	if (json_decode(&t->arena, r->body, r->body_len, pool_doc_fields, &p->doc, &t->err) < 0 ||
	    pool_check(&w->domain, &p->doc, &t->err) < 0)
		return TASK_FAIL;
	p->b = batch_new(t);
	q_pool_put(p->b, &p->doc.terms.provider, p->doc.class, u128_text(p->doc.terms.seq, seq),
		   json_encode(&t->arena, pool_doc_fields, &p->doc), clock_wall());
	return db_run(t, w->db, p->b);
}

static enum next
pool_answer(struct task *t)
{
	struct pool_put *p = t->state;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	if (rows_count(p->b, 0) == 0) {
		err_set(&t->err, &POOL_OLD, "seq %llu is old, or the provider is not registered",
			(unsigned long long)p->doc.terms.seq);
		return TASK_FAIL;
	}
	request_answer(task_request(t), 200, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step pool_put_steps[] = { { "store", pool_store },
					      { "answer", pool_answer },
					      STEP_END };

void
pool_create(struct request *r)
{
	request_task(r, "pool_create", pool_put_steps, sizeof(struct pool_put));
}

/* ------------------------------------------------------------------ */
/* GET /v1/pools                                                       */

static enum next
pools_read(struct task *t)
{
	struct batch **b = t->state;
	struct web *w = task_request(t)->ctx;

	*b = batch_new(t);
	q_pool_list(*b, clock_wall());
	return db_run(t, w->db, *b);
}

static void
write_pool(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	char text[AMOUNT_TEXT_SIZE];
	struct address provider;

	row_bytes(b, 0, row, "provider", provider.b, sizeof(provider.b));
	jsonw_open(w, '{');
	jsonw_member(w, "provider", "%s", address_text(&provider, text));
	jsonw_member(w, "class", "%s", row_text(b, 0, row, "class"));
	write_node(w, a, "pool", row_text(b, 0, row, "doc"));
	write_node(w, a, "price",
		   row_null(b, 0, row, "price_doc") ? "" : row_text(b, 0, row, "price_doc"));
	jsonw_close(w, '}');
}

static enum next
pools_answer(struct task *t)
{
	struct batch **b = t->state;
	struct jsonw *w;

	if (batch_failed(*b, &t->err))
		return TASK_FAIL;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < rows_count(*b, 0); i++)
		write_pool(w, &t->arena, *b, i);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step pools_steps[] = { { "read", pools_read },
					   { "answer", pools_answer },
					   STEP_END };

void
pool_list(struct request *r)
{
	request_task(r, "pool_list", pools_steps, sizeof(struct batch *));
}

/* ------------------------------------------------------------------ */
/* GET /v1/pools/{provider}/{class}/prices?after=, /runs?since=, and the statements of
 * one lease: lists of documents as they were signed.                                  */

struct documents {
	struct address provider;
	struct hash lease;
	char class[POOL_CLASS_MAX + 1];
	int64_t after, since;
	bool prices, of_lease;
	struct batch *b;
};

static enum next
documents_read(struct task *t)
{
	struct documents *d = t->state;
	struct web *w = task_request(t)->ctx;

	d->b = batch_new(t);
	if (d->of_lease)
		q_spot_runs(d->b, &d->lease);
	else if (d->prices)
		q_spot_prices(d->b, &d->provider, d->class, d->after, d->since, PRICES_LISTED);
	else
		q_pool_statements(d->b, &d->provider, d->since);
	return db_run(t, w->db, d->b);
}

/* With what a stranger needs to judge it: the class's units and the maximum of one. */
static void
write_statement(struct jsonw *w, struct arena *a, const struct documents *d, size_t row)
{
	const char *text = row_text(d->b, 0, row, "grp");
	struct rate rate = { row_u128(d->b, 0, row, "rate") };
	char number[AMOUNT_TEXT_SIZE];
	struct err ignored = ERR_NONE;
	struct group group;
	uint32_t units;

	if (json_decode(a, text, strlen(text), group_fields, &group, &ignored) < 0 ||
	    !pool_takes(d->class, &group))
		return;
	units = pool_units(d->class, &group);
	jsonw_open(w, '{');
	write_node(w, a, "run", row_text(d->b, 0, row, "doc"));
	jsonw_name(w, "units");
	jsonw_int(w, units);
	jsonw_member(w, "max", "%s", u128_text(pool_max(rate, units).nano, number));
	jsonw_close(w, '}');
}

static enum next
documents_answer(struct task *t)
{
	struct documents *d = t->state;
	struct err ignored = ERR_NONE;
	struct json *node;
	struct jsonw *w;
	size_t count;

	if (batch_failed(d->b, &t->err))
		return TASK_FAIL;
	count = rows_count(d->b, 0);
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < count; i++) {
		const char *text = row_text(d->b, 0, i, "doc");

		if (!d->of_lease && !d->prices)
			write_statement(w, &t->arena, d, i);
		else if (json_parse(&t->arena, text, strlen(text), &node, &ignored) == 0)
			jsonw_node(w, node);
	}
	jsonw_close(w, ']');
	jsonw_name(w, "has_more");
	jsonw_bool(w, !d->of_lease && count == (d->prices ? PRICES_LISTED : RUNS_LISTED));
	if (!d->of_lease && !d->prices && count > 0) {
		jsonw_name(w, "next_since");
		jsonw_int(w, row_int(d->b, 0, count - 1, "at"));
	}
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step documents_steps[] = { { "read", documents_read },
					       { "answer", documents_answer },
					       STEP_END };

static void
documents_begin(struct request *r, bool prices)
{
	const char *after = request_query(r, "after"), *since = request_query(r, "since");
	struct documents d = { .prices = prices };
	struct err e = ERR_NONE;

	if (address_read(request_part(r, "provider"), &d.provider, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	snprintf(d.class, sizeof(d.class), "%s", request_part(r, "class"));
	for (char *c = d.class; *c != '\0'; c++)
		*c = *c == ':' ? '/' : *c;
	d.after = after != NULL ? strtoll(after, NULL, 10) : 0;
	d.since = since != NULL ? strtoll(since, NULL, 10) : 0;
	*(struct documents *)request_task(r, "documents", documents_steps, sizeof(d))->state = d;
}

void
spot_price_list(struct request *r)
{
	documents_begin(r, true);
}

void
pool_run_list(struct request *r)
{
	documents_begin(r, false);
}

void
lease_run_list(struct request *r)
{
	struct documents d = { .of_lease = true };
	struct err e = ERR_NONE;

	if (hash_read(request_part(r, "lease"), &d.lease, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	*(struct documents *)request_task(r, "documents", documents_steps, sizeof(d))->state = d;
}

/* ------------------------------------------------------------------ */
/* POST /v1/runs                                                       */

struct run_put {
	struct spot_run_doc doc;
	const char *text;
	struct batch *b;
};

static enum next
run_read(struct task *t)
{
	struct run_put *p = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;

	if (json_decode(&t->arena, r->body, r->body_len, spot_run_doc_fields, &p->doc, &t->err) < 0)
		return TASK_FAIL;
	p->b = batch_new(t);
	q_lease_get(p->b, NULL, &p->doc.terms.lease);
	return db_run(t, w->db, p->b);
}

static enum next
run_store(struct task *t)
{
	struct run_put *p = t->state;
	struct web *w = task_request(t)->ctx;
	const struct spot_run_terms *s = &p->doc.terms;
	struct hash h = spot_run_hash(s), digest = terms_digest(&w->domain, &h);
	struct address provider;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	if (rows_count(p->b, 0) == 0) {
		err_set(&t->err, &RUN_REFUSED, "the lease is not known here");
		return TASK_FAIL;
	}
	row_bytes(p->b, 0, 0, "provider", provider.b, sizeof(provider.b));
	if (sig_check(&p->doc.sig, &digest, &provider, &t->err) < 0) {
		err_wrap(&t->err, "run");
		return TASK_FAIL;
	}
	p->text = json_encode(&t->arena, spot_run_doc_fields, &p->doc);
	p->b = batch_new(t);
	q_spot_run_put(p->b, &s->lease, &provider, (int64_t)s->seq, s->state, s->at, p->text);
	q_spot_run_get(p->b, &s->lease, (int64_t)s->seq);
	return db_run(t, w->db, p->b);
}

static enum next
run_answer(struct task *t)
{
	struct run_put *p = t->state;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	if (rows_count(p->b, 0) == 1)
		web_poke(task_request(t)->ctx);
	else if (rows_count(p->b, 1) == 0 || strcmp(row_text(p->b, 1, 0, "doc"), p->text) != 0) {
		err_set(&t->err, &RUN_REFUSED, "seq %llu", (unsigned long long)p->doc.terms.seq);
		return TASK_FAIL;
	}
	request_answer(task_request(t), 200, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step run_steps[] = {
	{ "read", run_read }, { "store", run_store }, { "answer", run_answer }, STEP_END
};

void
run_create(struct request *r)
{
	request_task(r, "run_create", run_steps, sizeof(struct run_put));
}
