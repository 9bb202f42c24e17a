/* SPDX-License-Identifier: Apache-2.0 */
/* Providers over REST: register (again and again: it is the heartbeat), list. */
#include "lease/documents.h"
#include "lease/key.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

static const struct code ATTRIBUTES_MISMATCH = { "attributes_mismatch", INVALID,
						 "the attributes are not those that were signed" };
static const struct code RECORD_OLD = { "record_old", CONFLICT,
					"a record with a higher seq is known" };
static const struct code PROVIDER_NOT_FOUND = { "provider_not_found", NOT_FOUND,
						"there is no such provider" };

struct provider_put {
	struct provider_doc doc;
	struct batch *b;
};

static enum next
put_parse(struct task *t)
{
	struct provider_put *p = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;
	struct hash h, digest;

	if (json_decode(&t->arena, r->body, r->body_len, provider_doc_fields, &p->doc, &t->err) < 0)
		return TASK_FAIL;
	h = attributes_hash(&p->doc.attributes);
	if (!hash_equal(&h, &p->doc.terms.attributes)) {
		err_field(&t->err, &ATTRIBUTES_MISMATCH, "/attributes", "their hash differs");
		return TASK_FAIL;
	}
	h = provider_hash(&p->doc.terms);
	digest = terms_digest(&w->domain, &h);
	if (sig_check(&p->doc.sig, &digest, &p->doc.terms.provider, &t->err) < 0) {
		err_wrap(&t->err, "provider record");
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

static enum next
put_store(struct task *t)
{
	struct provider_put *p = t->state;
	struct web *w = task_request(t)->ctx;
	const char *doc = json_encode(&t->arena, provider_doc_fields, &p->doc);
	char seq[AMOUNT_TEXT_SIZE];
	struct json *node, *attributes;
	struct jsonw *out;

	if (json_parse(&t->arena, doc, strlen(doc), &node, &t->err) < 0)
		return TASK_FAIL;
	attributes = json_get(node, "attributes");
	out = jsonw_new(false);
	jsonw_node(out, attributes);
	p->b = batch_new(t);
	q_provider_put(p->b, &p->doc.terms.provider,
		       json_encode(&t->arena, provider_terms_fields, &p->doc.terms),
		       jsonw_text(out, NULL), &p->doc.sig, u128_text(p->doc.terms.seq, seq),
		       clock_wall());
	jsonw_free(out);
	return db_run(t, w->db, p->b);
}

static enum next
put_answer(struct task *t)
{
	struct provider_put *p = t->state;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	if (rows_count(p->b, 0) == 0) {
		err_set(&t->err, &RECORD_OLD, "seq %llu is old",
			(unsigned long long)p->doc.terms.seq);
		return TASK_FAIL;
	}
	request_answer(task_request(t), 200, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step put_steps[] = {
	{ "parse", put_parse }, { "store", put_store }, { "answer", put_answer }, STEP_END
};

void
provider_put(struct request *r)
{
	request_task(r, "provider_put", put_steps, sizeof(struct provider_put));
}

/* ------------------------------------------------------------------ */

struct provider_get {
	bool one;
	struct address address;
	struct batch *b;
};

static enum next
get_read(struct task *t)
{
	struct provider_get *g = t->state;
	struct web *w = task_request(t)->ctx;

	g->b = batch_new(t);
	if (g->one)
		q_provider_get(g->b, &g->address, clock_wall());
	else
		q_provider_list(g->b, clock_wall());
	return db_run(t, w->db, g->b);
}

static void
write_provider(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	char text[SIG_TEXT_SIZE];
	struct address address;
	struct sig sig;

	row_bytes(b, 0, row, "address", address.b, sizeof(address.b));
	row_bytes(b, 0, row, "sig", sig.b, sizeof(sig.b));
	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(&address, text));
	write_node(w, a, "record", row_text(b, 0, row, "record"));
	jsonw_member(w, "sig", "%s", sig_text(&sig, text));
	write_node(w, a, "attributes", row_text(b, 0, row, "attributes"));
	jsonw_name(w, "online");
	jsonw_bool(w, row_bool(b, 0, row, "online"));
	jsonw_member(w, "seen_at", "%s", time_text(row_time(b, 0, row, "seen_at"), text));
	jsonw_name(w, "launches");
	jsonw_int(w, row_int(b, 0, row, "launches"));
	jsonw_name(w, "failures");
	jsonw_int(w, row_int(b, 0, row, "failures"));
	jsonw_close(w, '}');
}

static enum next
get_answer(struct task *t)
{
	struct provider_get *g = t->state;
	struct jsonw *w;

	if (batch_failed(g->b, &t->err))
		return TASK_FAIL;
	if (g->one && rows_count(g->b, 0) == 0) {
		err_set(&t->err, &PROVIDER_NOT_FOUND, "no provider has this address");
		return TASK_FAIL;
	}
	w = jsonw_new(false);
	if (g->one) {
		write_provider(w, &t->arena, g->b, 0);
		request_answer_json(task_request(t), 200, w);
		return TASK_DONE;
	}
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < rows_count(g->b, 0); i++)
		write_provider(w, &t->arena, g->b, i);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step get_steps[] = { { "read", get_read }, { "answer", get_answer }, STEP_END };

void
provider_list(struct request *r)
{
	request_task(r, "provider_list", get_steps, sizeof(struct provider_get));
}

void
provider_show(struct request *r)
{
	struct provider_get g = { .one = true };
	struct err e = ERR_NONE;
	struct task *t;

	if (address_read(request_part(r, "address"), &g.address, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "provider_show", get_steps, sizeof(g));
	*(struct provider_get *)t->state = g;
}
