/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases over REST: the winner accepts or refuses, reports the launch; both
 * sides hand in vouchers and the last word; anyone reads.
 */
#include "lease/documents.h"
#include "lease/escrow.h"
#include "lease/jwt.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

static const struct code LEASE_NOT_FOUND = { "lease_not_found", NOT_FOUND,
					     "there is no such lease" };
static const struct code LEASE_TERMS = { "lease_terms", INVALID,
					 "the lease is not the one that was awarded" };
static const struct code LEASE_STATE = { "lease_state", CONFLICT,
					 "the lease is not in a state for this" };
static const struct code VOUCHER_OLD = { "voucher_old", CONFLICT,
					 "a voucher as high or higher is known" };
static const struct code KEY_BOUND = { "key_bound", DENIED,
				       "the tenant does not let this key sign that" };
static const struct code VOUCHER_TOO_HIGH = { "voucher_too_high", INVALID,
					      "the voucher is above what can be due" };

/* ------------------------------------------------------------------ */
/* Reading one lease by its hash or id; every change below starts here. */

struct lease_task {
	struct hash hash;
	struct id id;
	bool by_id;
	struct jwt_claims claims;
	struct accept_post accept;
	struct launch_post launch;
	struct voucher_post voucher;
	struct release_post release;
	struct address payer; /* of the voucher */
	const char *refusal;
	struct lease_terms terms; /* of the stored lease */
	bool voucher_is_new;
	wall_t now;
	struct batch *read, *b;
};

static enum next
lease_read(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;

	l->now = clock_wall();
	l->read = batch_new(t);
	q_lease_get(l->read, l->by_id ? &l->id : NULL, l->by_id ? NULL : &l->hash);
	return db_run(t, w->db, l->read);
}

static int
lease_found(struct task *t)
{
	struct lease_task *l = t->state;
	const char *terms;

	if (batch_failed(l->read, &t->err))
		return -1;
	if (rows_count(l->read, 0) == 0)
		return err_set(&t->err, &LEASE_NOT_FOUND, "not known here");
	row_bytes(l->read, 0, 0, "hash", l->hash.b, sizeof(l->hash.b));
	terms = row_text(l->read, 0, 0, "terms");
	return json_decode(&t->arena, terms, strlen(terms), lease_terms_fields, &l->terms, &t->err);
}

static enum next
answer_empty(struct task *t, int status)
{
	request_answer(task_request(t), status, "application/json", "{}", 2);
	return TASK_DONE;
}

/* The change was guarded by the state; the same change again is a success. */
static enum next
changed_or(struct task *t, const char *doing, bool already)
{
	struct lease_task *l = t->state;

	if (batch_failed(l->b, &t->err))
		return TASK_FAIL;
	if (rows_count(l->b, 0) == 0 && !already) {
		err_set(&t->err, &LEASE_STATE, "cannot %s: the lease is %s", doing,
			row_text(l->read, 0, 0, "state"));
		return TASK_FAIL;
	}
	web_poke(task_request(t)->ctx);
	return answer_empty(t, 200);
}

/* ------------------------------------------------------------------ */
/* POST /v1/leases: the winner signs                                    */

static enum next
accept_store(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;
	struct hash digest;

	if (lease_found(t) < 0) {
		if (t->err.code == &LEASE_NOT_FOUND)
			err_set(&t->err, &LEASE_TERMS, "no award has these terms");
		return TASK_FAIL;
	}
	digest = terms_digest(&w->domain, &l->hash);
	if (sig_check(&l->accept.sig, &digest, &l->terms.provider, &t->err) < 0) {
		err_wrap(&t->err, "lease");
		return TASK_FAIL;
	}
	l->b = batch_new(t);
	q_lease_accept(l->b, &l->hash, &l->terms.provider, &l->accept.sig, l->now);
	return db_run(t, w->db, l->b);
}

static enum next
accept_answer(struct task *t)
{
	struct lease_task *l = t->state;

	return changed_or(t, "accept", !row_null(l->read, 0, 0, "lease_sig"));
}

static const struct step accept_steps[] = {
	{ "read", lease_read }, { "store", accept_store }, { "answer", accept_answer }, STEP_END
};

void
lease_accept(struct request *r)
{
	struct accept_post post;
	struct lease_task *l;
	struct err e = ERR_NONE;

	if (json_decode(&r->arena, r->body, r->body_len, accept_post_fields, &post, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	l = request_task(r, "lease_accept", accept_steps, sizeof(*l))->state;
	l->accept = post;
	l->hash = lease_hash(&post.terms);
}

/* ------------------------------------------------------------------ */
/* POST /v1/refusals, POST /v1/launches: by the provider's token        */

static int
provider_only(struct task *t)
{
	struct lease_task *l = t->state;

	if (lease_found(t) < 0)
		return -1;
	if (!address_equal(&l->claims.iss, &l->terms.provider))
		return err_set(&t->err, &LEASE_NOT_FOUND, "not a lease of this provider");
	return 0;
}

static enum next
refuse_store(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;

	if (provider_only(t) < 0)
		return TASK_FAIL;
	l->b = batch_new(t);
	q_lease_refuse(l->b, &l->hash, &l->terms.provider, l->refusal, l->now);
	return db_run(t, w->db, l->b);
}

static enum next
refuse_answer(struct task *t)
{
	struct lease_task *l = t->state;

	return changed_or(t, "refuse", !row_null(l->read, 0, 0, "refused"));
}

static const struct step refuse_steps[] = {
	{ "read", lease_read }, { "store", refuse_store }, { "answer", refuse_answer }, STEP_END
};

static enum next
launch_store(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;
	struct jsonw *out;

	if (provider_only(t) < 0)
		return TASK_FAIL;
	l->b = batch_new(t);
	if (!l->launch.healthy) {
		q_lease_launch_failed(l->b, &l->hash, &l->terms.provider,
				      l->launch.error != NULL ? l->launch.error : "not healthy",
				      l->now);
		return db_run(t, w->db, l->b);
	}
	out = jsonw_new(false);
	jsonw_open(out, '[');
	for (size_t i = 0; i < l->launch.endpoints.count; i++)
		json_write(out, endpoint_fields, (struct endpoint *)l->launch.endpoints.items + i);
	jsonw_close(out, ']');
	q_lease_launched(l->b, &l->hash, &l->terms.provider, jsonw_text(out, NULL), l->now);
	jsonw_free(out);
	return db_run(t, w->db, l->b);
}

static enum next
launch_answer(struct task *t)
{
	return changed_or(t, "report a launch", false);
}

static const struct step launch_steps[] = {
	{ "read", lease_read }, { "store", launch_store }, { "answer", launch_answer }, STEP_END
};

/* The token of the provider, or an answered request and false. */
static bool
provider_token(struct request *r, struct jwt_claims *claims)
{
	struct web *w = r->ctx;
	struct err e = ERR_NONE;

	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &w->market, "provider", claims,
		      &e) == 0)
		return true;
	request_fail(r, &e);
	return false;
}

struct refusal {
	struct hash lease;
	const char *reason;
};

void
lease_refuse(struct request *r)
{
	static const struct json_field fields[] = { JSON_HASH(struct refusal, lease, 0),
						    JSON_STR(struct refusal, reason, 200, 0),
						    JSON_END };
	struct refusal refusal;
	struct jwt_claims claims;
	struct lease_task *l;
	struct err e = ERR_NONE;
	struct task *t;

	if (!provider_token(r, &claims))
		return;
	if (json_decode(&r->arena, r->body, r->body_len, fields, &refusal, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "lease_refuse", refuse_steps, sizeof(*l));
	l = t->state;
	l->claims = claims;
	l->hash = refusal.lease;
	l->refusal = arena_strdup(&t->arena, refusal.reason);
}

void
lease_launch(struct request *r)
{
	struct launch_post post = { .healthy = false };
	struct jwt_claims claims;
	struct lease_task *l;
	struct err e = ERR_NONE;

	if (!provider_token(r, &claims))
		return;
	if (json_decode(&r->arena, r->body, r->body_len, launch_post_fields, &post, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	l = request_task(r, "lease_launch", launch_steps, sizeof(*l))->state;
	l->claims = claims;
	l->launch = post; /* its text lives in the request's arena, which outlives the task */
	l->hash = post.lease;
}

/* ------------------------------------------------------------------ */
/* POST /v1/vouchers, POST /v1/releases                                 */

/* Who signed is known from the signature; with the lease, what the tenant has said
 * about that key on the chain is read. */
static enum next
payer_read(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;

	l->now = clock_wall();
	l->read = batch_new(t);
	q_lease_get(l->read, NULL, &l->hash);
	q_lent_key(l->read, &l->hash, &l->payer);
	return db_run(t, w->db, l->read);
}

static bool
payer_find(struct request *r, struct address *payer, const struct voucher_post *v)
{
	struct web *w = r->ctx;
	struct voucher_terms terms = voucher_of(&v->usage);
	struct hash h = voucher_hash(&terms), digest = terms_digest(&w->domain, &h);
	struct err e = ERR_NONE;

	if (sig_recover(&v->payer_sig, &digest, payer, &e) == 0)
		return true;
	err_wrap(&e, "voucher, payer");
	request_fail(r, &e);
	return false;
}

static int
payer_check(struct task *t, const struct voucher_terms *terms)
{
	struct lease_task *l = t->state;
	struct escrow_key key = { .said = rows_count(l->read, 1) > 0 };
	char text[ADDRESS_TEXT_SIZE];

	if (key.said) {
		key.limit.units = row_u128(l->read, 1, 0, "lim");
		key.until = (uint32_t)row_int(l->read, 1, 0, "until");
	}
	if (escrow_may_pay(&l->terms, terms, &l->payer, &key))
		return 0;
	address_text(&l->payer, text);
	return key.said ? err_set(&t->err, &KEY_BOUND, "the voucher is beyond what %s may", text)
			: err_set(&t->err, &SIGNATURE_BAD, "voucher, payer: signed by %s", text);
}

/* Who may pay: the tenant, the co-signer it named, keys that it lent. And never more
 * than the rate allows, by the market's clock with a minute of grace. */
static int
voucher_check(struct task *t, const struct voucher_post *v)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;
	struct voucher_terms terms = voucher_of(&v->usage);
	struct hash h = usage_hash(&v->usage), digest = terms_digest(&w->domain, &h);
	int64_t opened = row_time(l->read, 0, 0, "opened_at") / SECOND_US;

	if (sig_check(&v->usage_sig, &digest, &l->terms.provider, &t->err) < 0)
		return err_wrap(&t->err, "usage");
	h = voucher_hash(&terms);
	digest = terms_digest(&w->domain, &h);
	if (sig_check(&v->provider_sig, &digest, &l->terms.provider, &t->err) < 0)
		return err_wrap(&t->err, "voucher, provider");
	if (payer_check(t, &terms) < 0)
		return -1;
	if (opened == 0 || terms.upTo < opened || terms.upTo > l->now / SECOND_US + 60)
		return err_field(&t->err, &VOUCHER_TOO_HIGH, "/usage/upTo",
				 "upTo is not between the opening and now");
	if (amount_cmp(terms.amount, rate_due(l->terms.rate, (uint32_t)(terms.upTo - opened))) >
		    0 ||
	    /* With what was added to it. */
	    terms.amount.units > row_u128(l->read, 0, 0, "deposit"))
		return err_field(&t->err, &VOUCHER_TOO_HIGH, "/usage/amount",
				 "amount is above rate x time or the deposit");
	return 0;
}

static void
voucher_put(struct task *t, struct batch *b, const struct voucher_post *v)
{
	struct lease_task *l = t->state;

	q_voucher_put(b, &l->hash, v->usage.amount, v->usage.upTo, &v->payer_sig, &v->provider_sig,
		      json_encode(&t->arena, usage_terms_fields, &v->usage), &v->usage_sig, l->now);
}

static enum next
voucher_store(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;

	if (lease_found(t) < 0 || voucher_check(t, &l->voucher) < 0)
		return TASK_FAIL;
	l->b = batch_new(t);
	voucher_put(t, l->b, &l->voucher);
	return db_run(t, w->db, l->b);
}

static enum next
voucher_answer(struct task *t)
{
	struct lease_task *l = t->state;

	if (batch_failed(l->b, &t->err))
		return TASK_FAIL;
	if (rows_count(l->b, 0) == 0) {
		bool same = row_u128(l->read, 0, 0, "voucher_amount") ==
				    l->voucher.usage.amount.units &&
			    row_int(l->read, 0, 0, "voucher_up_to") == l->voucher.usage.upTo;

		if (same)
			return answer_empty(t, 200);
		err_set(&t->err, &VOUCHER_OLD, "or the lease is not live (%s)",
			row_text(l->read, 0, 0, "state"));
		return TASK_FAIL;
	}
	return answer_empty(t, 201);
}

static const struct step voucher_steps[] = {
	{ "read", payer_read }, { "store", voucher_store }, { "answer", voucher_answer }, STEP_END
};

void
voucher_create(struct request *r)
{
	struct voucher_post post = { .usage = { .seq = 0 } };
	struct lease_task *l;
	struct address payer;
	struct err e = ERR_NONE;

	if (json_decode(&r->arena, r->body, r->body_len, voucher_post_fields, &post, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	if (!payer_find(r, &payer, &post))
		return;
	l = request_task(r, "voucher_create", voucher_steps, sizeof(*l))->state;
	l->payer = payer;
	l->voucher = post;
	l->hash = post.usage.lease;
}

static enum next
release_store(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;
	struct release_terms terms;
	struct hash h, digest;

	if (lease_found(t) < 0 || voucher_check(t, &l->release.voucher) < 0)
		return TASK_FAIL;
	terms = (struct release_terms){ l->hash, l->release.voucher.usage.amount };
	h = release_hash(&terms);
	digest = terms_digest(&w->domain, &h);
	if (sig_check(&l->release.release_sig, &digest, &l->terms.provider, &t->err) < 0) {
		err_wrap(&t->err, "release");
		return TASK_FAIL;
	}
	l->b = batch_new(t);
	/* The release first: its guard is on the state "active". */
	q_lease_release(l->b, &l->hash, &l->terms.provider, terms.amount, &l->release.release_sig,
			l->now);
	voucher_put(t, l->b, &l->release.voucher);
	return db_run(t, w->db, l->b);
}

static enum next
release_answer(struct task *t)
{
	struct lease_task *l = t->state;
	bool same = !row_null(l->read, 0, 0, "released") &&
		    row_u128(l->read, 0, 0, "released") == l->release.voucher.usage.amount.units;

	return changed_or(t, "close", same);
}

static const struct step release_steps[] = {
	{ "read", payer_read }, { "store", release_store }, { "answer", release_answer }, STEP_END
};

void
release_create(struct request *r)
{
	struct release_post post = { .voucher = { .usage = { .seq = 0 } } };
	struct lease_task *l;
	struct address payer;
	struct err e = ERR_NONE;

	if (json_decode(&r->arena, r->body, r->body_len, release_post_fields, &post, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	if (!payer_find(r, &payer, &post.voucher))
		return;
	l = request_task(r, "release_create", release_steps, sizeof(*l))->state;
	l->payer = payer;
	l->release = post;
	l->hash = post.voucher.usage.lease;
}

/* ------------------------------------------------------------------ */
/* GET /v1/leases/{lease}, GET /v1/leases                               */

static void
write_amount(struct jsonw *w, const char *name, const struct batch *b, size_t row,
	     const char *column)
{
	char text[AMOUNT_TEXT_SIZE];

	jsonw_member(w, name, "%s", u128_text(row_u128(b, 0, row, column), text));
}

static void
write_time(struct jsonw *w, const char *name, const struct batch *b, size_t row, const char *column)
{
	char text[TIME_TEXT_SIZE];

	jsonw_name(w, name);
	jsonw_str(w, row_null(b, 0, row, column) ? NULL
						 : time_text(row_time(b, 0, row, column), text));
}

static void
write_sig(struct jsonw *w, const char *name, const struct batch *b, size_t row, const char *column)
{
	char text[SIG_TEXT_SIZE];
	struct sig sig;

	if (row_null(b, 0, row, column))
		return;
	row_bytes(b, 0, row, column, sig.b, sizeof(sig.b));
	jsonw_member(w, name, "%s", sig_text(&sig, text));
}

static void
write_voucher(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	jsonw_name(w, "voucher");
	if (row_null(b, 0, row, "voucher_amount")) {
		jsonw_null(w);
		return;
	}
	jsonw_open(w, '{');
	write_amount(w, "amount", b, row, "voucher_amount");
	jsonw_name(w, "up_to");
	jsonw_int(w, row_int(b, 0, row, "voucher_up_to"));
	write_node(w, a, "usage", row_text(b, 0, row, "usage"));
	write_sig(w, "usage_sig", b, row, "usage_sig");
	write_sig(w, "payer_sig", b, row, "payer_sig");
	write_sig(w, "provider_sig", b, row, "provider_sig");
	jsonw_close(w, '}');
}

static void
write_lease(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	char text[HASH_TEXT_SIZE];
	struct address address;
	struct hash hash;
	struct id id;

	row_bytes(b, 0, row, "id", id.b, sizeof(id.b));
	row_bytes(b, 0, row, "hash", hash.b, sizeof(hash.b));
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_LEASE, &id, text));
	jsonw_member(w, "hash", "%s", hash_text(&hash, text));
	row_bytes(b, 0, row, "order_id", id.b, sizeof(id.b));
	jsonw_member(w, "order", "%s", id_text(ID_ORDER, &id, text));
	jsonw_member(w, "state", "%s", row_text(b, 0, row, "state"));
	jsonw_member(w, "reason", "%s", row_text(b, 0, row, "reason"));
	jsonw_name(w, "round");
	jsonw_int(w, row_int(b, 0, row, "round"));
	row_bytes(b, 0, row, "provider", address.b, sizeof(address.b));
	jsonw_member(w, "provider", "%s", address_text(&address, text));
	write_node(w, a, "terms", row_text(b, 0, row, "terms"));
	write_node(w, a, "order_terms", row_text(b, 0, row, "order_terms"));
	write_node(w, a, "group", row_text(b, 0, row, "grp"));
	row_bytes(b, 0, row, "record", hash.b, sizeof(hash.b));
	jsonw_member(w, "record", "%s", hash_text(&hash, text));
	write_sig(w, "order_sig", b, row, "order_sig");
	write_sig(w, "award_sig", b, row, "award_sig");
	write_sig(w, "lease_sig", b, row, "lease_sig");
	write_sig(w, "release_sig", b, row, "release_sig");
	write_time(w, "created_at", b, row, "created_at");
	write_time(w, "opened_at", b, row, "opened_at");
	write_time(w, "launched_at", b, row, "launched_at");
	write_time(w, "ended_at", b, row, "ended_at");
	write_node(w, a, "endpoints", row_text(b, 0, row, "endpoints"));
	write_amount(w, "deposit", b, row, "deposit");
	write_amount(w, "paid", b, row, "paid");
	write_amount(w, "refund", b, row, "refund");
	write_voucher(w, a, b, row);
	jsonw_close(w, '}');
}

static enum next
show_answer(struct task *t)
{
	struct lease_task *l = t->state;
	struct jsonw *w;

	if (lease_found(t) < 0)
		return TASK_FAIL;
	w = jsonw_new(false);
	write_lease(w, &t->arena, l->read, 0);
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step show_steps[] = { { "read", lease_read },
					  { "answer", show_answer },
					  STEP_END };

/* A task about the lease that the path names, by id or hash. */
static void
by_name(struct request *r, const char *task, const struct step *steps)
{
	const char *name = request_part(r, "lease");
	struct lease_task l = { .by_id = strncmp(name, "0x", 2) != 0 };
	struct err e = ERR_NONE;
	struct task *t;

	if (l.by_id && !path_id(r, "lease", ID_LEASE, &l.id))
		return;
	if (!l.by_id && hash_read(name, &l.hash, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, task, steps, sizeof(l));
	*(struct lease_task *)t->state = l;
}

void
lease_show(struct request *r)
{
	by_name(r, "lease_show", show_steps);
}

/* ------------------------------------------------------------------ */
/* GET /v1/leases/{lease}/vouchers                                      */

static enum next
vouchers_read(struct task *t)
{
	struct lease_task *l = t->state;
	struct web *w = task_request(t)->ctx;

	l->read = batch_new(t);
	q_lease_vouchers(l->read, l->by_id ? &l->id : NULL, l->by_id ? NULL : &l->hash);
	return db_run(t, w->db, l->read);
}

static enum next
vouchers_answer(struct task *t)
{
	struct lease_task *l = t->state;
	struct jsonw *w;

	if (batch_failed(l->read, &t->err))
		return TASK_FAIL;
	if (rows_count(l->read, 0) == 0) {
		err_set(&t->err, &LEASE_NOT_FOUND, "not known here");
		return TASK_FAIL;
	}
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < rows_count(l->read, 0); i++) {
		if (row_null(l->read, 0, i, "up_to"))
			continue; /* none was sent yet */
		jsonw_open(w, '{');
		write_node(w, &t->arena, "usage", row_text(l->read, 0, i, "usage"));
		write_sig(w, "usage_sig", l->read, i, "usage_sig");
		write_sig(w, "payer_sig", l->read, i, "payer_sig");
		write_sig(w, "provider_sig", l->read, i, "provider_sig");
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step vouchers_steps[] = { { "read", vouchers_read },
					      { "answer", vouchers_answer },
					      STEP_END };

void
lease_vouchers(struct request *r)
{
	by_name(r, "lease_vouchers", vouchers_steps);
}

struct lease_list {
	struct address tenant, provider;
	bool has_tenant, has_provider;
	const char *state;
	struct page page;
	struct batch *b;
};

static enum next
list_read(struct task *t)
{
	struct lease_list *l = t->state;
	struct web *w = task_request(t)->ctx;

	l->b = batch_new(t);
	q_lease_list(l->b, l->has_tenant ? &l->tenant : NULL, l->has_provider ? &l->provider : NULL,
		     l->state, l->page.has_after ? &l->page.after : NULL, l->page.limit + 1);
	return db_run(t, w->db, l->b);
}

static enum next
list_answer(struct task *t)
{
	struct lease_list *l = t->state;
	size_t count, limit = (size_t)l->page.limit;
	char text[ID_TEXT_SIZE];
	struct jsonw *w;
	struct id id;

	if (batch_failed(l->b, &t->err))
		return TASK_FAIL;
	count = rows_count(l->b, 0);
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < MIN(count, limit); i++)
		write_lease(w, &t->arena, l->b, i);
	jsonw_close(w, ']');
	jsonw_name(w, "has_more");
	jsonw_bool(w, count > limit);
	if (count > limit) {
		row_bytes(l->b, 0, limit - 1, "id", id.b, sizeof(id.b));
		jsonw_member(w, "next_cursor", "%s", id_text(ID_LEASE, &id, text));
	}
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step list_steps[] = { { "read", list_read },
					  { "answer", list_answer },
					  STEP_END };

void
lease_list(struct request *r)
{
	const char *tenant = request_query(r, "tenant"), *provider = request_query(r, "provider");
	struct lease_list l = { .state = request_query(r, "state") };
	struct err e = ERR_NONE;
	struct task *t;

	l.has_tenant = tenant != NULL;
	l.has_provider = provider != NULL;
	if ((tenant != NULL && address_read(tenant, &l.tenant, &e) < 0) ||
	    (provider != NULL && address_read(provider, &l.provider, &e) < 0) ||
	    page_read(r, ID_LEASE, &l.page, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "lease_list", list_steps, sizeof(l));
	*(struct lease_list *)t->state = l;
}
