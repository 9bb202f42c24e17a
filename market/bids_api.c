/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed bids and declines: one answer per provider and round. */
#include "lease/documents.h"
#include "lease/jwt.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

static const struct code ORDER_CLOSED = { "order_closed", CONFLICT,
					  "the order takes no more bids" };
static const struct code ROUND_OVER = { "round_over", CONFLICT, "the round's time is over" };
static const struct code ROUND_OTHER = { "round_other", CONFLICT, "the order is in another round" };
static const struct code BID_TWICE = { "bid_twice", CONFLICT,
				       "this provider has answered this round already" };
static const struct code NOT_THE_PROVIDER = { "provider_other", DENIED,
					      "only a provider answers for itself" };
static const struct code NOT_REGISTERED = { "provider_unknown", DENIED,
					    "register as a provider first" };
static const struct code DECLINE_UNKNOWN = { "decline_unknown", INVALID,
					     "the reason is not one of the list" };
static const struct code BID_NO_ORDER = { "order_not_found", NOT_FOUND, "there is no such order" };
static const struct code BID_EXCLUDED = { "provider_excluded", CONFLICT,
					  "this provider has failed this order before" };

struct answer {
	bool decline;
	struct bid_post bid;
	struct decline_post no;
	struct id id, order;
	uint32_t round;
	struct address provider, signer; /* claimed, and of the token */
	wall_t now;
	struct batch *b;
	struct receipt_ask receipt;
};

static enum next
answer_parse(struct task *t)
{
	struct answer *a = t->state;
	struct request *r = task_request(t);

	a->now = clock_wall();
	if (a->decline) {
		if (json_decode(&t->arena, r->body, r->body_len, decline_post_fields, &a->no,
				&t->err) < 0)
			return TASK_FAIL;
		if (!decline_known(a->no.reason)) {
			err_field(&t->err, &DECLINE_UNKNOWN, "/reason", "reason \"%.40s\"",
				  a->no.reason);
			return TASK_FAIL;
		}
		a->id = a->no.id;
		a->order = a->no.order;
		a->round = a->no.round;
		a->provider = a->no.provider;
		return TASK_NEXT;
	}
	if (json_decode(&t->arena, r->body, r->body_len, bid_post_fields, &a->bid, &t->err) < 0)
		return TASK_FAIL;
	a->id = a->bid.id;
	a->order = a->bid.order;
	a->round = a->bid.round;
	a->provider = a->bid.provider;
	sha256(a->bid.envelope.b, a->bid.envelope.len, &a->receipt.item);
	return TASK_NEXT;
}

static enum next
answer_store(struct task *t)
{
	struct answer *a = t->state;
	struct web *w = task_request(t)->ctx;

	if (!address_equal(&a->provider, &a->signer)) {
		err_field(&t->err, &NOT_THE_PROVIDER, "/provider", "the token is another's");
		return TASK_FAIL;
	}
	a->b = batch_new(t);
	if (a->decline)
		q_bid_decline(a->b, &a->id, &a->order, a->round, &a->provider, a->no.reason,
			      a->now);
	else
		q_bid_place(a->b, &a->id, &a->order, a->round, &a->provider, &a->bid.envelope,
			    a->now, &a->receipt.item);
	q_bid_wake(a->b, &a->order, a->now);
	q_bid_why(a->b, &a->order, a->round, &a->provider);
	return db_run(t, w->db, a->b);
}

/* No row was placed: the same answer again is a success, all else has a name. */
static int
answer_why(const struct answer *a, struct err *e)
{
	struct id first;
	size_t len;
	const uint8_t *envelope;

	if (rows_count(a->b, 2) == 0)
		return err_set(e, &BID_NO_ORDER, "the order is not known here");
	if (!row_bool(a->b, 2, 0, "registered"))
		return err_set(e, &NOT_REGISTERED, "POST /v1/providers comes before bids");
	if (!row_null(a->b, 2, 0, "bid_id")) {
		row_bytes(a->b, 2, 0, "bid_id", first.b, sizeof(first.b));
		envelope = row_blob(a->b, 2, 0, "envelope", &len);
		if (id_equal(&first, &a->id) &&
		    (a->decline ||
		     (len == a->bid.envelope.len && memcmp(envelope, a->bid.envelope.b, len) == 0)))
			return 0;
		return err_set(e, &BID_TWICE, "sealed once is sealed");
	}
	if (row_int(a->b, 2, 0, "round") != a->round)
		return err_set(e, &ROUND_OTHER, "round %lld is the current one",
			       (long long)row_int(a->b, 2, 0, "round"));
	if (row_bool(a->b, 2, 0, "rooted") || a->now >= row_time(a->b, 2, 0, "ends_at"))
		return err_set(e, &ROUND_OVER, "the answer came %lld us after the end",
			       (long long)(a->now - row_time(a->b, 2, 0, "ends_at")));
	if (strcmp(row_text(a->b, 2, 0, "state"), "bidding") != 0)
		return err_set(e, &ORDER_CLOSED, "the order is %s", row_text(a->b, 2, 0, "state"));
	return err_set(e, &BID_EXCLUDED, "the tenant is not asked to trust it again");
}

/* A decline is not worth a receipt: nobody can be wronged by its loss. */
static enum next
answer_receipt(struct task *t)
{
	struct answer *a = t->state;

	if (a->receipt.until == 0) {
		if (batch_failed(a->b, &t->err))
			return TASK_FAIL;
		if (rows_count(a->b, 0) == 1)
			web_poke(task_request(t)->ctx);
		else if (answer_why(a, &t->err) < 0)
			return TASK_FAIL;
	}
	return a->decline ? TASK_NEXT : receipt_ask(t, &a->receipt);
}

static enum next
answer_answer(struct task *t)
{
	struct answer *a = t->state;
	struct request *r = task_request(t);
	char text[ID_TEXT_SIZE];
	struct jsonw *w;

	if (!a->decline && !receipt_here(t, &a->receipt))
		return receipt_wait(t, &a->receipt);
	if (t->err.code != NULL)
		return TASK_FAIL;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_BID, &a->id, text));
	jsonw_name(w, "index");
	jsonw_int(w, rows_count(a->b, 0) == 1 ? row_int(a->b, 0, 0, "seq")
					      : row_int(a->b, 2, 0, "bid_seq"));
	jsonw_member(w, "received_at", "%s", time_text(a->now, text));
	if (!a->decline)
		write_receipt(w, &a->receipt);
	jsonw_close(w, '}');
	request_answer_json(r, 201, w);
	return TASK_DONE;
}

static enum next
answer_again(struct task *t)
{
	receipt_unwait(t);
	return task_jump(t, answer_receipt);
}

static const struct step answer_steps[] = {
	{ "parse", answer_parse },   { "store", answer_store }, { "receipt", answer_receipt },
	{ "answer", answer_answer }, { "again", answer_again }, STEP_END
};

/* A junk answer in another's name would use up its one answer. */
static void
answer_begin(struct request *r, bool decline)
{
	struct web *w = r->ctx;
	struct jwt_claims claims;
	struct err e = ERR_NONE;
	struct answer *a;

	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &w->market, "provider", &claims,
		      &e) < 0) {
		request_fail(r, &e);
		return;
	}
	a = request_task(r, "answer", answer_steps, sizeof(*a))->state;
	a->decline = decline;
	a->signer = claims.iss;
}

void
bid_create(struct request *r)
{
	answer_begin(r, false);
}

void
decline_create(struct request *r)
{
	answer_begin(r, true);
}
