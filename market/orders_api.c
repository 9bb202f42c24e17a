/* SPDX-License-Identifier: Apache-2.0 */
/* Orders over REST: place, show, list, wait, take back; their bids and rounds. */
#include <inttypes.h>

#include "lease/documents.h"
#include "lease/jwt.h"
#include "lease/key.h"
#include "lease/life.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

#define WAIT_MAX_S	  60
#define WINDOW_MS_DEFAULT 400

static const struct code ORDER_TERMS = { "order_terms", INVALID,
					 "the order's terms break a rule of this market" };
static const struct code AUCTION_UNKNOWN = { "auction_unknown", INVALID,
					     "there is no such way to award an order" };
static const struct code ORDER_EXPIRED_CODE = { "order_expired", INVALID,
						"the order's time to open is over" };
static const struct code GROUP_MISMATCH = { "group_mismatch", INVALID,
					    "the group is not the one that was signed" };
static const struct code ORDER_TOO_MANY = { "order_too_many", LIMIT,
					    "this tenant has as many open orders as it may" };
static const struct code NONCE_USED = { "nonce_used", CONFLICT, "another order has this nonce" };
static const struct code EXISTS_DIFFERENT = { "exists_different", CONFLICT,
					      "the same id or key was used for something else" };
static const struct code KEY_MISSING = { "idempotency_key_missing", INVALID,
					 "what spends needs an Idempotency-Key header" };
static const struct code ORDER_NOT_FOUND = { "order_not_found", NOT_FOUND,
					     "there is no such order" };
static const struct code ORDER_TOO_LATE = { "order_too_late", CONFLICT,
					    "the order can no longer be taken back" };
static const struct code ROUND_NOT_FOUND = { "round_not_found", NOT_FOUND,
					     "the order has no such round" };

/* ------------------------------------------------------------------ */
/* POST /v1/orders                                                     */

struct order_create {
	struct order_doc doc;
	struct hash hash;
	const char *idem_key;
	wall_t now;
	struct batch *b;
	struct receipt_ask receipt;
};

static int
terms_check(const struct web *w, const struct order_doc *doc, wall_t now, struct err *e)
{
	const struct market_settings *s = w->settings;
	const struct order_terms *o = &doc->terms;
	char text[ADDRESS_TEXT_SIZE];
	struct hash group = group_hash(&doc->group);

	if (!address_equal(&o->auctioneer, &w->market))
		return err_field(e, &ORDER_TERMS, "/terms/auctioneer",
				 "auctioneer must be this market, %s",
				 address_text(&w->market, text));
	if (o->feeBps != s->fee_bps)
		return err_field(e, &ORDER_TERMS, "/terms/feeBps", "feeBps must be %u", s->fee_bps);
	if (o->window < s->window_min_s || o->window > s->window_max_s)
		return err_field(e, &ORDER_TERMS, "/terms/window", "window must be %u to %u s",
				 s->window_min_s, s->window_max_s);
	if (o->maxRate.nano == 0)
		return err_field(e, &ORDER_TERMS, "/terms/maxRate", "maxRate must be above 0");
	if (o->deposit.units == 0)
		return err_field(e, &ORDER_TERMS, "/terms/deposit", "deposit must be above 0");
	if (o->launch == 0)
		return err_field(e, &ORDER_TERMS, "/terms/launch", "launch must be above 0 s");
	if (strcmp(doc->auction, "sealed") != 0 && strcmp(doc->auction, "fast") != 0)
		return err_field(e, &AUCTION_UNKNOWN, "/auction", "sealed or fast");
	if (group_manual(&doc->group) && strcmp(doc->auction, "fast") == 0)
		return err_field(e, &AUCTION_UNKNOWN, "/auction",
				 "what the tenant awards by hand is sealed");
	/* Ticks see all of a set at once; in a round of its own each would be alone. */
	if (doc->group.spread != NULL && strcmp(doc->auction, "fast") != 0)
		return err_field(e, &AUCTION_UNKNOWN, "/auction",
				 "what is spread is auctioned fast");
	/* Pools answer by their bids; a standing offer has no price of theirs. */
	if (doc->group.interruptible && strcmp(doc->auction, "sealed") != 0)
		return err_field(e, &AUCTION_UNKNOWN, "/auction",
				 "what is interruptible is auctioned sealed");
	if (doc->window_ms < 50)
		return err_field(e, &ORDER_TERMS, "/window_ms", "window_ms must be 50 to 600000");
	if (o->openBy <= now / SECOND_US)
		return err_field(e, &ORDER_EXPIRED_CODE, "/terms/openBy",
				 "openBy was %lld s ago (the market's clock says %lld)",
				 (long long)(now / SECOND_US - o->openBy),
				 (long long)(now / SECOND_US));
	if (o->openBy > now / SECOND_US + 86400)
		return err_field(e, &ORDER_TERMS, "/terms/openBy",
				 "openBy is more than a day ahead");
	if (!hash_equal(&group, &o->group))
		return err_field(e, &GROUP_MISMATCH, "/terms/group",
				 "the group given does not have the hash that was signed");
	if (group_billing(&doc->group) == BILLING_RESERVED && o->baseBps != 10000)
		return err_field(e, &ORDER_TERMS, "/terms/baseBps",
				 "baseBps must be 10000 when billing is reserved");
	/* Only what ran is owed, so nothing accrues unsigned. */
	if (doc->group.interruptible && o->baseBps != 0)
		return err_field(e, &ORDER_TERMS, "/terms/baseBps",
				 "baseBps must be 0 when the group is interruptible");
	return group_check(&doc->group, e);
}

static enum next
order_create_parse(struct task *t)
{
	struct order_create *c = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;
	struct hash digest;

	c->now = clock_wall();
	c->doc.care_hours = 1;
	c->doc.window_ms = WINDOW_MS_DEFAULT;
	c->doc.auction = "sealed";
	if (c->idem_key == NULL || strlen(c->idem_key) > 128) {
		err_set(&t->err, &KEY_MISSING, "send Idempotency-Key, at most 128 characters");
		return TASK_FAIL;
	}
	if (json_decode(&t->arena, r->body, r->body_len, order_doc_fields, &c->doc, &t->err) < 0 ||
	    terms_check(w, &c->doc, c->now, &t->err) < 0)
		return TASK_FAIL;
	c->hash = c->receipt.item = order_hash(&c->doc.terms);
	digest = terms_digest(&w->domain, &c->hash);
	if (sig_check(&c->doc.sig, &digest, &c->doc.terms.tenant, &t->err) < 0) {
		err_wrap(&t->err, "order");
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

static enum next
order_create_store(struct task *t)
{
	struct order_create *c = t->state;
	struct web *w = task_request(t)->ctx;
	const struct order_terms *o = &c->doc.terms;
	const struct group *g = &c->doc.group;
	const struct hash *set = g->spread != NULL ? &g->spread_set : NULL;
	char nonce[AMOUNT_TEXT_SIZE];

	u128_text(o->nonce, nonce);
	c->b = batch_new(t);
	q_order_turn(c->b, &o->tenant);
	q_order_place(c->b, &c->hash, &c->doc.id, &o->tenant, nonce, c->idem_key,
		      json_encode(&t->arena, order_terms_fields, o), &c->doc.sig,
		      json_encode(&t->arena, group_fields, &c->doc.group), c->doc.care_hours,
		      (int64_t)c->doc.window_ms * MILLI_US, o->deposit,
		      (wall_t)o->openBy * SECOND_US, c->now, c->doc.auction, set, g->spread_row,
		      g->spread_rows, w->settings->orders_open_max);
	q_order_same(c->b, &o->tenant, nonce, c->idem_key, &c->doc.id, set, g->spread_row);
	q_account_free(c->b, &o->tenant);
	return db_run(t, w->db, c->b);
}

/* The batch of order_create_store(), by its statements. */
enum { TURN, PLACED, SAME, FREE };

/* Why there was no row: the same order again, another one, too many, or no money. */
static int
order_create_why(struct order_create *c, uint32_t most, struct err *e)
{
	char want[AMOUNT_TEXT_SIZE], tenant[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < rows_count(c->b, SAME); i++) {
		struct hash hash;

		row_bytes(c->b, SAME, i, "hash", hash.b, sizeof(hash.b));
		if (hash_equal(&hash, &c->hash))
			return 0;
		if (row_bool(c->b, SAME, i, "same_nonce"))
			return err_field(e, &NONCE_USED, "/terms/nonce",
					 "this nonce signed another order: choose a new one");
		return err_set(e, &EXISTS_DIFFERENT,
			       "the id, Idempotency-Key or row of a set belongs to another order");
	}
	if (row_int(c->b, FREE, 0, "open") >= most)
		return err_set(
			e, &ORDER_TOO_MANY,
			"%u at most are open at once: wait for some to end, or take one back",
			most);
	/* The balance is short; below nothing, when it was withdrawn under open orders. */
	return err_field(e, &AMOUNT_SHORT, "/terms/deposit",
			 "the deposit is %s base units, but the free escrow balance of %s is %s",
			 u128_text(c->doc.terms.deposit.units, want),
			 address_text(&c->doc.terms.tenant, tenant),
			 row_text(c->b, FREE, 0, "free"));
}

static enum next
order_create_receipt(struct task *t)
{
	struct order_create *c = t->state;
	struct request *r = task_request(t);

	if (c->receipt.until == 0) {
		if (batch_failed(c->b, &t->err))
			return TASK_FAIL;
		if (rows_count(c->b, PLACED) == 1)
			web_poke(r->ctx);
		else if (order_create_why(c, ((struct web *)r->ctx)->settings->orders_open_max,
					  &t->err) < 0)
			return TASK_FAIL;
		else
			request_set_header(r, "Idempotency-Replayed", "true");
	}
	return receipt_ask(t, &c->receipt);
}

static enum next
order_create_answer(struct task *t)
{
	struct order_create *c = t->state;
	struct request *r = task_request(t);
	char text[HASH_TEXT_SIZE];
	struct jsonw *w;

	if (!receipt_here(t, &c->receipt))
		return receipt_wait(t, &c->receipt);
	if (t->err.code != NULL)
		return TASK_FAIL;
	id_text(ID_ORDER, &c->doc.id, text);
	request_set_header(r, "Location", arena_printf(&t->arena, "/v1/orders/%s", text));
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", text);
	jsonw_member(w, "hash", "%s", hash_text(&c->hash, text));
	jsonw_member(w, "state", "%s", order_state_name(ORDER_OPEN));
	write_receipt(w, &c->receipt);
	jsonw_close(w, '}');
	request_answer_json(r, 201, w);
	return TASK_DONE;
}

static enum next
order_create_again(struct task *t)
{
	receipt_unwait(t);
	return task_jump(t, order_create_receipt);
}

static const struct step order_create_steps[] = {
	{ "parse", order_create_parse },     { "store", order_create_store },
	{ "receipt", order_create_receipt }, { "answer", order_create_answer },
	{ "again", order_create_again },     STEP_END
};

void
order_create(struct request *r)
{
	const char *key = request_header(r, "Idempotency-Key");
	struct task *t =
		request_task(r, "order_create", order_create_steps, sizeof(struct order_create));
	struct order_create *c = t->state;

	c->idem_key = key != NULL ? arena_strdup(&t->arena, key) : NULL;
}

/* ------------------------------------------------------------------ */
/* GET /v1/orders/{order}, with ?wait=state:leased,unfilled&timeout=30  */

struct order_show {
	struct id id;
	char text[ID_TEXT_SIZE];
	const char *wait;
	mono_t until;
	struct batch *b;
};

static void
write_lease_part(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	char text[HASH_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];
	struct address provider;
	struct hash hash;
	struct id id;

	jsonw_name(w, "lease");
	if (row_null(b, 0, row, "lease_id")) {
		jsonw_null(w);
		return;
	}
	row_bytes(b, 0, row, "lease_id", id.b, sizeof(id.b));
	row_bytes(b, 0, row, "lease_hash", hash.b, sizeof(hash.b));
	row_bytes(b, 0, row, "lease_provider", provider.b, sizeof(provider.b));
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_LEASE, &id, text));
	jsonw_member(w, "hash", "%s", hash_text(&hash, text));
	jsonw_member(w, "state", "%s", row_text(b, 0, row, "lease_state"));
	jsonw_member(w, "provider", "%s", address_text(&provider, text));
	jsonw_member(w, "rate", "%s", u128_text(row_u128(b, 0, row, "lease_rate"), number));
	jsonw_member(w, "reason", "%s", row_text(b, 0, row, "lease_reason"));
	jsonw_name(w, "launched");
	jsonw_bool(w, !row_null(b, 0, row, "lease_launched_at"));
	write_node(w, a, "endpoints", row_text(b, 0, row, "lease_endpoints"));
	jsonw_close(w, '}');
}

static void
write_order(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	char text[HASH_TEXT_SIZE];
	struct hash hash;
	struct id id;

	row_bytes(b, 0, row, "id", id.b, sizeof(id.b));
	row_bytes(b, 0, row, "hash", hash.b, sizeof(hash.b));
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_ORDER, &id, text));
	jsonw_member(w, "hash", "%s", hash_text(&hash, text));
	jsonw_member(w, "state", "%s", row_text(b, 0, row, "state"));
	jsonw_member(w, "reason", "%s", row_text(b, 0, row, "reason"));
	jsonw_member(w, "auction", "%s", row_text(b, 0, row, "auction"));
	if (!row_null(b, 0, row, "first_tick")) {
		jsonw_name(w, "first_tick");
		jsonw_int(w, row_int(b, 0, row, "first_tick"));
	}
	if (!row_null(b, 0, row, "ticks"))
		write_node(w, a, "ticks", row_text(b, 0, row, "ticks"));
	jsonw_name(w, "round");
	jsonw_int(w, row_int(b, 0, row, "round"));
	jsonw_name(w, "failures");
	jsonw_int(w, row_int(b, 0, row, "failures"));
	jsonw_name(w, "bids");
	jsonw_int(w, row_int(b, 0, row, "bids"));
	jsonw_name(w, "declines");
	jsonw_int(w, row_int(b, 0, row, "declines"));
	jsonw_member(w, "created_at", "%s", time_text(row_time(b, 0, row, "created_at"), text));
	jsonw_member(w, "ends_at", "%s", time_text(row_time(b, 0, row, "ends_at"), text));
	write_node(w, a, "group", row_text(b, 0, row, "grp"));
	write_node(w, a, "failed", row_text(b, 0, row, "failed"));
	write_lease_part(w, a, b, row);
	jsonw_close(w, '}');
}

/* "state:leased,closed", "launched", or "launched,state:bidding" for whichever is
 * first, against the row. */
static bool
wait_is_over(const char *wait, const struct batch *b)
{
	const char *state = row_text(b, 0, 0, "state");
	enum order_state s;
	size_t n = strlen(state);

	if (order_state_read(state, &s) == 0 && order_ended(s))
		return true;
	if (strcmp(wait, "launched") == 0 || strncmp(wait, "launched,", 9) == 0) {
		if (wait[8] == '\0' || !row_null(b, 0, 0, "lease_launched_at"))
			return !row_null(b, 0, 0, "lease_launched_at");
		wait += 9;
	}
	if (strncmp(wait, "state:", 6) != 0)
		return true;
	for (const char *p = wait + 6; *p != '\0';
	     p += strcspn(p, ",") + (p[strcspn(p, ",")] != '\0'))
		if (strncmp(p, state, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

static enum next
order_show_read(struct task *t)
{
	struct order_show *s = t->state;
	struct web *w = task_request(t)->ctx;

	s->b = batch_new(t);
	q_order_get(s->b, &s->id);
	return db_run(t, w->db, s->b);
}

static enum next
order_show_answer(struct task *t)
{
	struct order_show *s = t->state;
	struct request *r = task_request(t);
	struct web *web = r->ctx;
	struct jsonw *w;
	mono_t now = clock_mono();

	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	if (rows_count(s->b, 0) == 0) {
		err_set(&t->err, &ORDER_NOT_FOUND, "%s", s->text);
		return TASK_FAIL;
	}
	if (s->wait != NULL && now < s->until && !r->gone && !wait_is_over(s->wait, s->b)) {
		/* The wait is the thing started; the next step reads again. */
		return feed_wait(t, web->feed, s->text, MIN(s->until - now, SECOND_US));
	}
	w = jsonw_new(false);
	write_order(w, &t->arena, s->b, 0);
	request_answer_json(r, 200, w);
	return TASK_DONE;
}

static enum next
order_show_again(struct task *t)
{
	struct web *w = task_request(t)->ctx;

	feed_unwait(t, w->feed);
	return task_jump(t, order_show_read);
}

static const struct step order_show_steps[] = { { "read", order_show_read },
						{ "answer", order_show_answer },
						{ "again", order_show_again },
						STEP_END };

void
order_show(struct request *r)
{
	const char *timeout = request_query(r, "timeout");
	struct order_show *s;
	struct task *t;
	struct id id;
	long seconds = timeout != NULL ? strtol(timeout, NULL, 10) : 30;

	if (!path_id(r, "order", ID_ORDER, &id))
		return;
	t = task_new(r->loop, "order_show", order_show_steps, sizeof(*s),
		     (WAIT_MAX_S + 10) * SECOND_US, NULL, r);
	t->done = request_task_done;
	s = t->state;
	s->id = id;
	id_text(ID_ORDER, &id, s->text);
	s->wait = request_query(r, "wait");
	s->until = clock_mono() + MIN(MAX(seconds, 0L), (long)WAIT_MAX_S) * SECOND_US;
}

/* ------------------------------------------------------------------ */
/* GET /v1/orders                                                      */

struct order_list {
	struct address tenant;
	bool has_tenant;
	const char *state;
	struct page page;
	struct batch *b;
};

static enum next
order_list_read(struct task *t)
{
	struct order_list *l = t->state;
	struct web *w = task_request(t)->ctx;

	l->b = batch_new(t);
	q_order_list(l->b, l->has_tenant ? &l->tenant : NULL, l->state,
		     l->page.has_after ? &l->page.after : NULL, l->page.limit + 1);
	return db_run(t, w->db, l->b);
}

static enum next
order_list_answer(struct task *t)
{
	struct order_list *l = t->state;
	size_t count;
	struct jsonw *w;

	if (batch_failed(l->b, &t->err))
		return TASK_FAIL;
	count = rows_count(l->b, 0);
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < MIN(count, (size_t)l->page.limit); i++)
		write_order(w, &t->arena, l->b, i);
	jsonw_close(w, ']');
	jsonw_name(w, "has_more");
	jsonw_bool(w, count > (size_t)l->page.limit);
	if (count > (size_t)l->page.limit) {
		char text[ID_TEXT_SIZE];
		struct id id;

		row_bytes(l->b, 0, (size_t)l->page.limit - 1, "id", id.b, sizeof(id.b));
		jsonw_member(w, "next_cursor", "%s", id_text(ID_ORDER, &id, text));
	}
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step order_list_steps[] = { { "read", order_list_read },
						{ "answer", order_list_answer },
						STEP_END };

void
order_list(struct request *r)
{
	const char *tenant = request_query(r, "tenant");
	struct err e = ERR_NONE;
	struct order_list l = { .state = request_query(r, "state") };
	struct task *t;

	l.has_tenant = tenant != NULL;
	if ((tenant != NULL && address_read(tenant, &l.tenant, &e) < 0) ||
	    page_read(r, ID_ORDER, &l.page, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "order_list", order_list_steps, sizeof(l));
	*(struct order_list *)t->state = l;
}

/* ------------------------------------------------------------------ */
/* DELETE /v1/orders/{order}: take it back                              */

struct order_cancel {
	struct id id;
	struct jwt_claims claims;
	struct batch *b;
};

static enum next
order_cancel_store(struct task *t)
{
	struct order_cancel *c = t->state;
	struct web *w = task_request(t)->ctx;

	c->b = batch_new(t);
	q_order_cancel(c->b, &c->id, &c->claims.iss, clock_wall());
	q_order_get(c->b, &c->id);
	return db_run(t, w->db, c->b);
}

static enum next
order_cancel_answer(struct task *t)
{
	struct order_cancel *c = t->state;
	struct request *r = task_request(t);
	struct web *w = r->ctx;
	struct address tenant;

	if (batch_failed(c->b, &t->err))
		return TASK_FAIL;
	if (rows_count(c->b, 1) == 1)
		row_bytes(c->b, 1, 0, "tenant", tenant.b, sizeof(tenant.b));
	if (rows_count(c->b, 1) == 0 || !address_equal(&tenant, &c->claims.iss)) {
		err_set(&t->err, &ORDER_NOT_FOUND, "no such order of yours");
		return TASK_FAIL;
	}
	if (rows_count(c->b, 0) == 0 && strcmp(row_text(c->b, 1, 0, "state"), "cancelled") != 0) {
		err_set(&t->err, &ORDER_TOO_LATE, "the order is %s; close its lease instead",
			row_text(c->b, 1, 0, "state"));
		return TASK_FAIL;
	}
	web_poke(w);
	request_answer(r, 202, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step order_cancel_steps[] = { { "store", order_cancel_store },
						  { "answer", order_cancel_answer },
						  STEP_END };

void
order_cancel(struct request *r)
{
	struct web *w = r->ctx;
	struct order_cancel c;
	struct err e = ERR_NONE;
	struct task *t;

	if (!path_id(r, "order", ID_ORDER, &c.id))
		return;
	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &w->market, "close", &c.claims,
		      &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "order_cancel", order_cancel_steps, sizeof(c));
	*(struct order_cancel *)t->state = c;
}

/* ------------------------------------------------------------------ */
/* GET /v1/orders/{order}/bids and /rounds/{round}                      */

struct order_part {
	struct id id;
	int64_t round;
	struct batch *b;
};

static enum next
bids_read(struct task *t)
{
	struct order_part *p = t->state;
	struct web *w = task_request(t)->ctx;

	p->b = batch_new(t);
	q_bids_of_order(p->b, &p->id);
	return db_run(t, w->db, p->b);
}

/* Of a fast order: a standing offer as the tick saw it. */
static void
write_evaluated(struct jsonw *w, const struct batch *b, size_t row)
{
	char text[HASH_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];
	struct hash offer;

	row_bytes(b, 0, row, "offer", offer.b, sizeof(offer.b));
	jsonw_member(w, "offer", "%s", hash_text(&offer, text));
	jsonw_name(w, "tick");
	jsonw_int(w, row_int(b, 0, row, "tick"));
	if (row_text(b, 0, row, "model")[0] != '\0')
		jsonw_member(w, "model", "%s", row_text(b, 0, row, "model"));
	if (!row_null(b, 0, row, "effective"))
		jsonw_member(w, "effective", "%s",
			     u128_text(row_u128(b, 0, row, "effective"), number));
}

static void
write_bid(struct jsonw *w, const struct batch *b, size_t row)
{
	char text[AMOUNT_TEXT_SIZE];
	struct address provider;
	struct id id;

	row_bytes(b, 0, row, "id", id.b, sizeof(id.b));
	row_bytes(b, 0, row, "provider", provider.b, sizeof(provider.b));
	jsonw_open(w, '{');
	if (row_null(b, 0, row, "offer"))
		jsonw_member(w, "id", "%s", id_text(ID_BID, &id, text));
	else
		write_evaluated(w, b, row);
	jsonw_name(w, "round");
	jsonw_int(w, row_int(b, 0, row, "round"));
	jsonw_member(w, "provider", "%s", address_text(&provider, text));
	jsonw_member(w, "received_at", "%s", time_text(row_time(b, 0, row, "received_at"), text));
	if (!row_null(b, 0, row, "decline"))
		jsonw_member(w, "declined", "%s", row_text(b, 0, row, "decline"));
	if (!row_null(b, 0, row, "floor")) {
		jsonw_member(w, "floor", "%s", u128_text(row_u128(b, 0, row, "floor"), text));
		jsonw_member(w, "list", "%s", u128_text(row_u128(b, 0, row, "list"), text));
	}
	if (!row_null(b, 0, row, "rank")) {
		jsonw_name(w, "rank");
		jsonw_int(w, row_int(b, 0, row, "rank"));
	}
	if (!row_null(b, 0, row, "reason"))
		jsonw_member(w, "reason", "%s", row_text(b, 0, row, "reason"));
	if (!row_null(b, 0, row, "price"))
		jsonw_member(w, "price", "%s", u128_text(row_u128(b, 0, row, "price"), text));
	jsonw_close(w, '}');
}

static enum next
bids_answer(struct task *t)
{
	struct order_part *p = t->state;
	struct jsonw *w;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < rows_count(p->b, 0); i++)
		write_bid(w, p->b, i);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step bids_steps[] = { { "read", bids_read },
					  { "answer", bids_answer },
					  STEP_END };

void
order_bids(struct request *r)
{
	struct id id;
	struct task *t;

	if (!path_id(r, "order", ID_ORDER, &id))
		return;
	t = request_task(r, "order_bids", bids_steps, sizeof(struct order_part));
	((struct order_part *)t->state)->id = id;
}

static enum next
round_read(struct task *t)
{
	struct order_part *p = t->state;
	struct web *w = task_request(t)->ctx;

	p->b = batch_new(t);
	q_round_get(p->b, &p->id, p->round);
	q_choices_of_round(p->b, &p->id, p->round);
	return db_run(t, w->db, p->b);
}

/* The transcript once the round is over; before that, what was announced. */
static enum next
round_answer(struct task *t)
{
	struct order_part *p = t->state;
	struct hash key;
	char text[HASH_TEXT_SIZE];
	struct jsonw *w;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	if (rows_count(p->b, 0) == 0) {
		err_set(&t->err, &ROUND_NOT_FOUND, "round %" PRId64, p->round);
		return TASK_FAIL;
	}
	row_bytes(p->b, 0, 0, "pubkey", key.b, sizeof(key.b));
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "round");
	jsonw_int(w, p->round);
	jsonw_member(w, "key", "%s", hash_text(&key, text));
	jsonw_member(w, "starts_at", "%s", time_text(row_time(p->b, 0, 0, "starts_at"), text));
	jsonw_member(w, "ends_at", "%s", time_text(row_time(p->b, 0, 0, "ends_at"), text));
	if (!row_null(p->b, 0, 0, "choose_by"))
		jsonw_member(w, "choose_by", "%s",
			     time_text(row_time(p->b, 0, 0, "choose_by"), text));
	write_choices(w, p->b, 1);
	jsonw_name(w, "invited");
	jsonw_int(w, row_int(p->b, 0, 0, "invited"));
	jsonw_name(w, "outcome");
	jsonw_str(w, row_null(p->b, 0, 0, "outcome") ? NULL : row_text(p->b, 0, 0, "outcome"));
	write_node(w, &t->arena, "transcript", row_text(p->b, 0, 0, "transcript"));
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step round_steps[] = { { "read", round_read },
					   { "answer", round_answer },
					   STEP_END };

void
round_show(struct request *r)
{
	struct order_part *p;
	struct task *t;
	struct id id;

	if (!path_id(r, "order", ID_ORDER, &id))
		return;
	t = request_task(r, "round_show", round_steps, sizeof(*p));
	p = t->state;
	p->id = id;
	p->round = strtol(request_part(r, "round"), NULL, 10);
}
