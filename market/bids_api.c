/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed bids and declines: one answer per provider and round. */
#include "lease/documents.h"
#include "lease/jwt.h"
#include "lib/clock.h"
#include "market/bid_queue.h"
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
	struct bid_answer as;  /* what is placed */
	struct address signer; /* of the token */
	struct batch *b;
	struct receipt_ask receipt;
};

static enum next
answer_parse(struct task *t)
{
	struct answer *a = t->state;
	struct request *r = task_request(t);
	struct decline_post no;
	struct bid_post bid;

	if (a->decline) {
		if (json_decode(&t->arena, r->body, r->body_len, decline_post_fields, &no,
				&t->err) < 0)
			return TASK_FAIL;
		if (!decline_known(no.reason)) {
			err_field(&t->err, &DECLINE_UNKNOWN, "/reason", "reason \"%.40s\"",
				  no.reason);
			return TASK_FAIL;
		}
		a->as = (struct bid_answer){ .id = no.id,
					     .order = no.order,
					     .round = no.round,
					     .provider = no.provider,
					     .decline = no.reason };
	} else {
		if (json_decode(&t->arena, r->body, r->body_len, bid_post_fields, &bid, &t->err) <
		    0)
			return TASK_FAIL;
		a->as = (struct bid_answer){ .id = bid.id,
					     .order = bid.order,
					     .round = bid.round,
					     .provider = bid.provider,
					     .envelope = bid.envelope };
	}
	a->as.received_at = clock_wall();
	if (!a->decline)
		sha256(a->as.envelope.b, a->as.envelope.len, &a->receipt.item);
	return TASK_NEXT;
}

static enum next
answer_store(struct task *t)
{
	struct answer *a = t->state;
	struct web *w = task_request(t)->ctx;

	if (!address_equal(&a->as.provider, &a->signer)) {
		err_field(&t->err, &NOT_THE_PROVIDER, "/provider", "the token is another's");
		return TASK_FAIL;
	}
	return bid_queue_place(t, w->bids, &a->as);
}

static enum next
answer_ask_why(struct task *t)
{
	struct answer *a = t->state;
	struct web *w = task_request(t)->ctx;

	t->err = a->as.err;
	if (t->err.code != NULL)
		return TASK_FAIL;
	if (a->as.seq != 0)
		return TASK_NEXT;
	a->b = batch_new(t);
	q_bid_why(a->b, &a->as.order, a->as.round, &a->as.provider);
	return db_run(t, w->db, a->b);
}

/* No row was placed: the same answer again is a success, all else has a name. */
static int
answer_why(const struct answer *a, struct err *e)
{
	struct id first;
	size_t len;
	const uint8_t *envelope;

	if (rows_count(a->b, 0) == 0)
		return err_set(e, &BID_NO_ORDER, "the order is not known here");
	if (!row_bool(a->b, 0, 0, "registered"))
		return err_set(e, &NOT_REGISTERED, "POST /v1/providers comes before bids");
	if (!row_null(a->b, 0, 0, "bid_id")) {
		row_bytes(a->b, 0, 0, "bid_id", first.b, sizeof(first.b));
		envelope = row_blob(a->b, 0, 0, "envelope", &len);
		if (id_equal(&first, &a->as.id) &&
		    (a->decline ||
		     (len == a->as.envelope.len && memcmp(envelope, a->as.envelope.b, len) == 0)))
			return 0;
		return err_set(e, &BID_TWICE, "sealed once is sealed");
	}
	if (row_int(a->b, 0, 0, "round") != a->as.round)
		return err_set(e, &ROUND_OTHER, "round %lld is the current one",
			       (long long)row_int(a->b, 0, 0, "round"));
	if (row_bool(a->b, 0, 0, "rooted") || a->as.received_at >= row_time(a->b, 0, 0, "ends_at"))
		return err_set(e, &ROUND_OVER, "the answer came %lld us after the end",
			       (long long)(a->as.received_at - row_time(a->b, 0, 0, "ends_at")));
	if (strcmp(row_text(a->b, 0, 0, "state"), "bidding") != 0)
		return err_set(e, &ORDER_CLOSED, "the order is %s", row_text(a->b, 0, 0, "state"));
	return err_set(e, &BID_EXCLUDED, "the tenant is not asked to trust it again");
}

/* A decline is not worth a receipt: nobody can be wronged by its loss. */
static enum next
answer_receipt(struct task *t)
{
	struct answer *a = t->state;

	if (a->receipt.until == 0 && a->as.seq == 0) {
		if (batch_failed(a->b, &t->err) || answer_why(a, &t->err) < 0)
			return TASK_FAIL;
		a->as.seq = row_int(a->b, 0, 0, "bid_seq");
	} else if (a->receipt.until == 0 && !a->decline) {
		web_poke(task_request(t)->ctx); /* there is a receipt to sign */
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
	jsonw_member(w, "id", "%s", id_text(ID_BID, &a->as.id, text));
	jsonw_name(w, "index");
	jsonw_int(w, a->as.seq);
	jsonw_member(w, "received_at", "%s", time_text(a->as.received_at, text));
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

static const struct step answer_steps[] = { { "parse", answer_parse },
					    { "store", answer_store },
					    { "why", answer_ask_why },
					    { "receipt", answer_receipt },
					    { "answer", answer_answer },
					    { "again", answer_again },
					    STEP_END };

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
