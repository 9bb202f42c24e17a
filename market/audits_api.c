/* SPDX-License-Identifier: Apache-2.0 */
/* Auditors' statements over REST: whoever holds one may post it, all may read. */
#include "lease/attest.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

static const struct code AUDIT_OLD = { "audit_old", CONFLICT,
				       "a statement of this auditor with a higher seq is known" };
static const struct code AUDIT_EXPIRED = { "audit_expired", INVALID,
					   "the statement has expired already" };
static const struct code AUDIT_NO_PROVIDER = { "provider_not_found", NOT_FOUND,
					       "there is no such provider" };

struct audit_put {
	struct audit_doc doc;
	struct batch *b;
};

static enum next
audit_parse(struct task *t)
{
	struct audit_put *p = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;

	if (json_decode(&t->arena, r->body, r->body_len, audit_doc_fields, &p->doc, &t->err) < 0 ||
	    attest_check(&w->domain, &p->doc, &t->err) < 0)
		return TASK_FAIL;
	if (p->doc.terms.expires != 0 && (wall_t)p->doc.terms.expires * SECOND_US <= clock_wall()) {
		err_field(&t->err, &AUDIT_EXPIRED, "/terms/expires", "expires is in the past");
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

static enum next
audit_store(struct task *t)
{
	struct audit_put *p = t->state;
	struct web *w = task_request(t)->ctx;
	char seq[AMOUNT_TEXT_SIZE];

	p->b = batch_new(t);
	q_audit_put(p->b, &p->doc.terms.auditor, &p->doc.terms.provider,
		    u128_text(p->doc.terms.seq, seq),
		    json_encode(&t->arena, audit_doc_fields, &p->doc), p->doc.terms.expires,
		    clock_wall());
	q_provider_get(p->b, &p->doc.terms.provider, clock_wall());
	return db_run(t, w->db, p->b);
}

static enum next
audit_answer(struct task *t)
{
	struct audit_put *p = t->state;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	if (rows_count(p->b, 1) == 0) {
		err_set(&t->err, &AUDIT_NO_PROVIDER, "no provider has this address");
		return TASK_FAIL;
	}
	if (rows_count(p->b, 0) == 0) {
		err_field(&t->err, &AUDIT_OLD, "/terms/seq", "seq %llu is old",
			  (unsigned long long)p->doc.terms.seq);
		return TASK_FAIL;
	}
	request_answer(task_request(t), 201, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step audit_steps[] = {
	{ "parse", audit_parse }, { "store", audit_store }, { "answer", audit_answer }, STEP_END
};

void
audit_create(struct request *r)
{
	request_task(r, "audit_create", audit_steps, sizeof(struct audit_put));
}

/* ------------------------------------------------------------------ */

struct audit_get {
	struct address provider;
	struct batch *b;
};

static enum next
list_read(struct task *t)
{
	struct audit_get *g = t->state;
	struct web *w = task_request(t)->ctx;

	g->b = batch_new(t);
	q_audit_list(g->b, &g->provider);
	return db_run(t, w->db, g->b);
}

static enum next
list_answer(struct task *t)
{
	struct audit_get *g = t->state;
	struct err ignored = ERR_NONE;
	struct json *node;
	struct jsonw *w;

	if (batch_failed(g->b, &t->err))
		return TASK_FAIL;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < rows_count(g->b, 0); i++) {
		const char *doc = row_text(g->b, 0, i, "doc");

		if (json_parse(&t->arena, doc, strlen(doc), &node, &ignored) == 0)
			jsonw_node(w, node);
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step list_steps[] = { { "read", list_read },
					  { "answer", list_answer },
					  STEP_END };

void
audit_list(struct request *r)
{
	struct audit_get g = { .b = NULL };
	struct err e = ERR_NONE;

	if (address_read(request_part(r, "address"), &g.provider, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	*(struct audit_get *)request_task(r, "audit_list", list_steps, sizeof(g))->state = g;
}
