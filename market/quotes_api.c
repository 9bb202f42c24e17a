/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes: what would this cost, and who would not serve it? The clerk tells the
 * providers (event quote.requested), they answer, the tenant gets what came in
 * time. No order exists, nothing is reserved and nobody is bound; a tenant may
 * ask so often a minute, and all together so often a second.
 */
#include "lease/documents.h"
#include "lease/jwt.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

#define WAIT_MS	       400
#define LOOK_US	       (20 * MILLI_US)
#define TENANT_MOST    30 /* in a minute */
#define ALL_MOST       50 /* in a second */
#define ANSWERS_LISTED 1000

static const struct code QUOTE_QUOTA = { "quote_quota", QUOTA,
					 "too many quotes were asked for; wait a little" };
static const struct code QUOTE_OVER = { "quote_over", CONFLICT, "the quote takes no more answers" };
static const struct code QUOTE_NOT_FOUND = { "quote_not_found", NOT_FOUND,
					     "there is no such quote" };
static const struct code QUOTE_ANSWER = { "quote_answer", INVALID,
					  "an answer is a list price or a known reason" };

struct quote {
	struct quote_post post;
	struct quote_doc doc;
	struct address tenant;
	wall_t now;
	int64_t online;
	struct batch *b;
};

static enum next
quote_store(struct task *t)
{
	struct quote *q = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;

	q->post.wait_ms = WAIT_MS;
	if (json_decode(&t->arena, r->body, r->body_len, quote_post_fields, &q->post, &t->err) <
		    0 ||
	    group_check(&q->post.group, &t->err) < 0)
		return TASK_FAIL;
	q->now = clock_wall();
	q->doc = (struct quote_doc){
		.id = id_new(),
		.tenant = q->tenant,
		.ends_at = q->now + (int64_t)q->post.wait_ms * MILLI_US,
		.group = q->post.group,
	};
	q->b = batch_new(t);
	q_quote_place(q->b, &q->doc.id, &q->tenant,
		      json_encode(&t->arena, quote_doc_fields, &q->doc), q->now, q->doc.ends_at,
		      TENANT_MOST, ALL_MOST);
	q_providers_online(q->b, q->now);
	return db_run(t, w->db, q->b);
}

static enum next
quote_told(struct task *t)
{
	struct quote *q = t->state;

	if (batch_failed(q->b, &t->err))
		return TASK_FAIL;
	if (rows_count(q->b, 0) == 0) {
		err_set(&t->err, &QUOTE_QUOTA,
			"at most %d a minute for a tenant, %d a second in all", TENANT_MOST,
			ALL_MOST);
		return TASK_FAIL;
	}
	q->online = row_int(q->b, 1, 0, "online");
	web_poke(task_request(t)->ctx);
	return TASK_NEXT;
}

static enum next
quote_wait(struct task *t)
{
	return task_sleep(t, LOOK_US);
}

static enum next
quote_look(struct task *t)
{
	struct quote *q = t->state;
	struct web *w = task_request(t)->ctx;

	q->b = batch_new(t);
	q_quote_answers(q->b, &q->doc.id);
	return db_run(t, w->db, q->b);
}

static void
write_answers(struct jsonw *w, const struct batch *b, bool offers)
{
	char text[AMOUNT_TEXT_SIZE];
	struct address provider;

	jsonw_open(w, '[');
	for (size_t i = 0; i < MIN(rows_count(b, 0), (size_t)ANSWERS_LISTED); i++) {
		if (row_null(b, 0, i, "list") == offers)
			continue;
		row_bytes(b, 0, i, "provider", provider.b, sizeof(provider.b));
		jsonw_open(w, '{');
		jsonw_member(w, "provider", "%s", address_text(&provider, text));
		if (offers)
			jsonw_member(w, "list", "%s", u128_text(row_u128(b, 0, i, "list"), text));
		else
			jsonw_member(w, "reason", "%s", row_text(b, 0, i, "reason"));
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static enum next
quote_tell(struct task *t)
{
	struct quote *q = t->state;
	char text[AMOUNT_TEXT_SIZE];
	size_t count, matches = 0;
	struct jsonw *w;

	if (batch_failed(q->b, &t->err))
		return TASK_FAIL;
	count = rows_count(q->b, 0);
	if ((int64_t)count < q->online && clock_wall() < q->doc.ends_at)
		return task_jump(t, quote_wait);
	while (matches < count && !row_null(q->b, 0, matches, "list"))
		matches++; /* prices come first, the lowest before the others */
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_QUOTE, &q->doc.id, text));
	jsonw_name(w, "online");
	jsonw_int(w, q->online);
	jsonw_name(w, "answered");
	jsonw_int(w, (int64_t)count);
	jsonw_name(w, "matches");
	jsonw_int(w, (int64_t)matches);
	if (matches > 0) {
		jsonw_member(w, "lowest", "%s", u128_text(row_u128(q->b, 0, 0, "list"), text));
		jsonw_member(w, "highest", "%s",
			     u128_text(row_u128(q->b, 0, matches - 1, "list"), text));
	}
	jsonw_name(w, "offers");
	write_answers(w, q->b, true);
	jsonw_name(w, "declines");
	write_answers(w, q->b, false);
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step quote_steps[] = { { "store", quote_store }, { "told", quote_told },
					   { "wait", quote_wait },   { "look", quote_look },
					   { "tell", quote_tell },   STEP_END };

void
quote_create(struct request *r)
{
	struct web *w = r->ctx;
	struct jwt_claims claims;
	struct err e = ERR_NONE;
	struct quote *q;

	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &w->market, "status", &claims,
		      &e) < 0) {
		request_fail(r, &e);
		return;
	}
	q = request_task(r, "quote", quote_steps, sizeof(*q))->state;
	q->tenant = claims.iss;
}

/* ------------------------------------------------------------------ */
/* POST /v1/quotes/{quote}/answers                                      */

struct quoted {
	struct id id;
	struct address provider;
	struct quote_answer answer;
	struct batch *b;
};

static enum next
quoted_store(struct task *t)
{
	struct quoted *q = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;
	char list[AMOUNT_TEXT_SIZE];
	bool declined;

	if (json_decode(&t->arena, r->body, r->body_len, quote_answer_fields, &q->answer, &t->err) <
	    0)
		return TASK_FAIL;
	declined = q->answer.reason != NULL;
	if (declined ? q->answer.list.nano != 0 || !decline_known(q->answer.reason)
		     : q->answer.list.nano == 0 || q->answer.list.nano > RATE_MAX) {
		err_field(&t->err, &QUOTE_ANSWER, declined ? "/reason" : "/list",
			  "either a list price above 0, or a reason of the list");
		return TASK_FAIL;
	}
	q->b = batch_new(t);
	q_quote_answer(q->b, &q->id, &q->provider,
		       declined ? "" : u128_text(q->answer.list.nano, list),
		       declined ? q->answer.reason : "", clock_wall());
	q_quote_known(q->b, &q->id);
	return db_run(t, w->db, q->b);
}

static enum next
quoted_answer(struct task *t)
{
	struct quoted *q = t->state;

	if (batch_failed(q->b, &t->err))
		return TASK_FAIL;
	if (rows_count(q->b, 1) == 0) {
		err_set(&t->err, &QUOTE_NOT_FOUND, "it is not known here, or was swept");
		return TASK_FAIL;
	}
	if (rows_count(q->b, 0) == 0) {
		err_set(&t->err, &QUOTE_OVER, "its time is over, or you are not registered");
		return TASK_FAIL;
	}
	request_answer(task_request(t), 201, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step quoted_steps[] = { { "store", quoted_store },
					    { "answer", quoted_answer },
					    STEP_END };

void
quote_answer(struct request *r)
{
	struct web *w = r->ctx;
	struct jwt_claims claims;
	struct err e = ERR_NONE;
	struct quoted *q;
	struct id id;

	if (!path_id(r, "quote", ID_QUOTE, &id))
		return;
	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &w->market, "provider", &claims,
		      &e) < 0) {
		request_fail(r, &e);
		return;
	}
	q = request_task(r, "quote_answer", quoted_steps, sizeof(*q))->state;
	q->id = id;
	q->provider = claims.iss;
}
