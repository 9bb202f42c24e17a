/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tenant picks from a ranking. The choice is a statement of its own, signed, so
 * that the award that follows can be checked by anyone; the award itself is the
 * clerk's. One choice at a time: the next when the provider of the last has failed.
 */
#include "lease/documents.h"
#include "lease/key.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

static const struct code CHOICE_NO_ORDER = { "order_not_found", NOT_FOUND,
					     "there is no such order" };
static const struct code CHOICE_NOT_ASKED = { "choice_not_asked", CONFLICT,
					      "the order does not wait for a choice" };
static const struct code CHOICE_LATE = { "choice_late", CONFLICT,
					 "the time to choose is over: the bids do not hold" };
static const struct code CHOICE_UNKNOWN = { "choice_unknown", INVALID,
					    "that provider is not in the ranking" };
static const struct code CHOICE_FAILED = { "choice_failed", CONFLICT,
					   "that provider has failed this order before" };
static const struct code CHOICE_MADE = { "choice_made", CONFLICT,
					 "another choice is being awarded" };

struct choosing {
	struct id id;
	struct choice_doc doc;
	wall_t now;
	struct batch *b;
};

static enum next
choice_read(struct task *t)
{
	struct choosing *c = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;

	c->now = clock_wall();
	if (json_decode(&t->arena, r->body, r->body_len, choice_doc_fields, &c->doc, &t->err) < 0)
		return TASK_FAIL;
	c->b = batch_new(t);
	q_choice_order(c->b, &c->id);
	return db_run(t, w->db, c->b);
}

static enum next
choice_store(struct task *t)
{
	struct choosing *c = t->state;
	struct web *w = task_request(t)->ctx;
	struct address tenant;
	struct hash order, h = choice_hash(&c->doc.terms), digest;

	if (batch_failed(c->b, &t->err))
		return TASK_FAIL;
	if (rows_count(c->b, 0) == 0) {
		err_set(&t->err, &CHOICE_NO_ORDER, "the order is not known here");
		return TASK_FAIL;
	}
	row_bytes(c->b, 0, 0, "tenant", tenant.b, sizeof(tenant.b));
	row_bytes(c->b, 0, 0, "hash", order.b, sizeof(order.b));
	if (!hash_equal(&order, &c->doc.terms.order)) {
		err_field(&t->err, &CHOICE_NO_ORDER, "/terms/order",
			  "the hash is not that of the order in the path");
		return TASK_FAIL;
	}
	digest = terms_digest(&w->domain, &h);
	if (sig_check(&c->doc.sig, &digest, &tenant, &t->err) < 0) {
		err_wrap(&t->err, "choice");
		return TASK_FAIL;
	}
	c->b = batch_new(t);
	q_choice_place(c->b, &order, (int64_t)c->doc.terms.round, &c->doc.terms.provider,
		       &c->doc.sig, c->now);
	q_choice_why(c->b, &order, (int64_t)c->doc.terms.round, &c->doc.terms.provider);
	return db_run(t, w->db, c->b);
}

/* No row was placed: the same choice again is a success, all else has a name. */
static int
choice_why(const struct choosing *c, struct err *e)
{
	const char *state = row_text(c->b, 1, 0, "state");
	char until[TIME_TEXT_SIZE];

	if (!row_null(c->b, 1, 0, "made_at"))
		return row_bool(c->b, 1, 0, "failed")
			       ? err_set(e, &CHOICE_FAILED, "it was tried: see the order's failed")
			       : 0;
	if (row_bool(c->b, 1, 0, "failed"))
		return err_set(e, &CHOICE_FAILED, "it was tried: see the order's failed");
	if (row_bool(c->b, 1, 0, "other"))
		return err_set(e, &CHOICE_MADE, "the order is %s", state);
	if (row_null(c->b, 1, 0, "choose_by") || strcmp(state, "awarded") == 0 ||
	    strcmp(state, "leased") == 0 || strcmp(state, "bidding") == 0)
		return err_set(e, &CHOICE_NOT_ASKED, "the order is %s", state);
	if ((uint64_t)row_int(c->b, 1, 0, "round") != c->doc.terms.round)
		return err_field(e, &CHOICE_UNKNOWN, "/terms/round", "round %lld is the current",
				 (long long)row_int(c->b, 1, 0, "round"));
	if (c->now >= row_time(c->b, 1, 0, "choose_by"))
		return err_set(e, &CHOICE_LATE, "the bids held until %s",
			       time_text(row_time(c->b, 1, 0, "choose_by"), until));
	if (strcmp(state, "ranked") != 0)
		return err_set(e, &CHOICE_NOT_ASKED, "the order is %s", state);
	return err_field(e, &CHOICE_UNKNOWN, "/terms/provider",
			 "it has no price in round %llu: GET /v1/orders/{order}/bids",
			 (unsigned long long)c->doc.terms.round);
}

static enum next
choice_answer(struct task *t)
{
	struct choosing *c = t->state;
	struct request *r = task_request(t);
	bool placed;
	char text[ADDRESS_TEXT_SIZE], rate[AMOUNT_TEXT_SIZE];
	struct jsonw *w;

	if (batch_failed(c->b, &t->err))
		return TASK_FAIL;
	placed = rows_count(c->b, 0) == 1;
	if (placed)
		web_poke(r->ctx);
	else if (choice_why(c, &t->err) < 0)
		return TASK_FAIL;
	else
		request_set_header(r, "Idempotency-Replayed", "true");
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "provider", "%s", address_text(&c->doc.terms.provider, text));
	jsonw_name(w, "round");
	jsonw_int(w, (int64_t)c->doc.terms.round);
	jsonw_member(w, "rate", "%s", u128_text(row_u128(c->b, 1, 0, "price"), rate));
	jsonw_member(w, "received_at", "%s",
		     time_text(placed ? c->now : row_time(c->b, 1, 0, "made_at"), text));
	jsonw_close(w, '}');
	request_answer_json(r, 201, w);
	return TASK_DONE;
}

static const struct step choice_steps[] = {
	{ "read", choice_read }, { "store", choice_store }, { "answer", choice_answer }, STEP_END
};

void
choice_create(struct request *r)
{
	struct id id;
	struct task *t;

	if (!path_id(r, "order", ID_ORDER, &id))
		return;
	t = request_task(r, "choice_create", choice_steps, sizeof(struct choosing));
	((struct choosing *)t->state)->id = id;
}

/* ------------------------------------------------------------------ */
/* Shown with others.                                                  */

void
write_choices(struct jsonw *w, const struct batch *b, size_t query)
{
	if (rows_count(b, query) == 0)
		return;
	jsonw_name(w, "choices");
	jsonw_open(w, '[');
	for (size_t i = 0; i < rows_count(b, query); i++) {
		struct choice_shown shown = { 0 };

		row_bytes(b, query, i, "hash", shown.terms.order.b, sizeof(shown.terms.order.b));
		row_bytes(b, query, i, "provider", shown.terms.provider.b, 20);
		row_bytes(b, query, i, "sig", shown.sig.b, sizeof(shown.sig.b));
		shown.terms.round = (uint64_t)row_int(b, query, i, "round");
		shown.received_at = row_time(b, query, i, "received_at");
		json_write(w, choice_shown_fields, &shown);
	}
	jsonw_close(w, ']');
}
