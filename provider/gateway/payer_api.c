/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a payer asks of the gateway: the latest reading, and that its voucher over
 * it be taken. The payer is the tenant, the co-signer that the order names, or a key
 * that the tenant has lent on the chain; the last two are believed as far as the
 * contract says, which is asked each time: a key may have been taken back.
 */
#include "lease/evm.h"
#include "lease/jwt.h"
#include "lease/key.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/agent.h"
#include "provider/run/deposit.h"

static const struct code VOUCHER_OTHER = { "voucher_mismatch", CONFLICT,
					   "the voucher is not for the latest usage" };
static const struct code KEY_BOUND = { "key_bound", DENIED,
				       "the tenant does not let this key sign that" };

struct voucher_in {
	struct usage_terms usage;
	struct sig payer_sig;
};
static const struct json_field voucher_in_fields[] = {
	JSON_OBJ(struct voucher_in, usage, usage_terms_fields, 0),
	JSON_SIG(struct voucher_in, payer_sig, 0), JSON_END
};

struct paying {
	struct hash lease;
	struct address asker; /* whose token it is */
	struct address payer; /* who signed the voucher; else the asker */
	struct voucher_in in; /* POST only */
	struct escrow_key key;
	struct evm_call rpc;
	struct fetch f;
};

static int
paying_work(struct task *t, struct work *w)
{
	struct paying *p = t->state;
	struct agent *g = task_request(t)->ctx;
	int found = book_get(g->book, &t->arena, &p->lease, w, &t->err);

	return found == 0 ? err_set(&t->err, &WORK_UNKNOWN, "not known here") : found;
}

/* The tenant needs nobody's leave. */
static enum next
key_ask(struct task *t)
{
	struct paying *p = t->state;
	struct agent *g = task_request(t)->ctx;
	struct work w;

	if (paying_work(t, &w) < 0)
		return TASK_FAIL;
	if (address_equal(&p->payer, &w.terms.tenant))
		return TASK_NEXT;
	return evm_call_start(t, &g->evm,
			      rpc_call(&t->arena, NULL, &g->settings->escrow,
				       escrow_key_of(&t->arena, &p->lease, &p->payer)),
			      &p->rpc);
}

/* A lease of somebody else and one that is not there answer alike. */
static enum next
key_read(struct task *t)
{
	struct paying *p = t->state;
	struct json *result;
	const uint8_t *data;
	struct work w;
	size_t len;

	if (paying_work(t, &w) < 0)
		return TASK_FAIL;
	if (address_equal(&p->payer, &w.terms.tenant))
		return TASK_NEXT;
	if (evm_call_result(&t->arena, &p->rpc, &result, &t->err) < 0 ||
	    rpc_bytes_read(&t->arena, result, &data, &len, &t->err) < 0)
		return TASK_FAIL;
	if (!escrow_key_read(data, len, &p->key)) {
		err_set(&t->err, &EVM_BAD_REPLY, "key of the lease");
		return TASK_FAIL;
	}
	if (p->key.said || address_equal(&p->payer, &w.terms.cosigner))
		return TASK_NEXT;
	err_set(&t->err, &WORK_UNKNOWN, "not known here");
	return TASK_FAIL;
}

/* The token is good; whether its owner has to do with the lease, the task finds out.
 * False: an answered request. */
static bool
payer_begin(struct request *r, struct paying *p)
{
	static const struct hash any;
	struct agent *g = r->ctx;
	struct jwt_claims claims;
	struct err e = ERR_NONE;

	if (!gateway_lease(r, &p->lease))
		return false;
	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &g->self, "status", &claims,
		      &e) == 0 &&
	    !hash_equal(&claims.lease, &any) && !hash_equal(&claims.lease, &p->lease))
		err_set(&e, &WORK_UNKNOWN, "not known here");
	p->asker = claims.iss;
	p->payer = claims.iss;
	if (e.code == NULL)
		return true;
	request_fail(r, &e);
	return false;
}

/* ------------------------------------------------------------------ */
/* GET /v1/leases/{lease}/usage                                         */

static enum next
usage_answer(struct task *t)
{
	struct jsonw *w;
	struct work work;

	if (paying_work(t, &work) < 0)
		return TASK_FAIL;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	if (work.meter.began != 0)
		deposit_show(w, task_request(t)->ctx, &t->arena, &work);
	work_write_price(w, &work);
	work_write_usage(w, &work);
	jsonw_name(w, "closing");
	jsonw_bool(w, work.released);
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step usage_steps[] = {
	{ "key", key_ask }, { "key read", key_read }, { "answer", usage_answer }, STEP_END
};

void
usage_show(struct request *r)
{
	struct paying p = { .in = { .usage = { .seq = 0 } } };

	if (payer_begin(r, &p))
		*(struct paying *)request_task(r, "usage", usage_steps, sizeof(p))->state = p;
}

/* ------------------------------------------------------------------ */
/* POST /v1/leases/{lease}/vouchers: the payer countersigned            */

/* The asker is who signed, or the tenant, which may hand in what its keys signed. */
static int
may_pay(const struct paying *p, const struct work *w, struct err *e)
{
	struct voucher_terms voucher = voucher_of(&p->in.usage);
	char text[ADDRESS_TEXT_SIZE], limit[AMOUNT_TEXT_SIZE];

	if (!address_equal(&p->asker, &p->payer) && !address_equal(&p->asker, &w->terms.tenant))
		return err_set(e, &SIGNATURE_BAD, "the voucher is signed by %s",
			       address_text(&p->payer, text));
	if (escrow_may_pay(&w->terms, &voucher, &p->payer, &p->key))
		return 0;
	return err_set(e, &KEY_BOUND, "%s may sign up to %s base units, until %u",
		       address_text(&p->payer, text), u128_text(p->key.limit.units, limit),
		       p->key.until);
}

/* The usage as the payer saw it must be the latest, or an earlier one already
 * overtaken: its chain of hashes is ours, so equality of the struct is enough. */
static enum next
voucher_store(struct task *t)
{
	struct paying *p = t->state;
	struct agent *g = task_request(t)->ctx;
	struct hash ours, theirs = usage_hash(&p->in.usage);
	struct voucher_post post;
	const char *body;
	struct work w;

	if (paying_work(t, &w) < 0 || may_pay(p, &w, &t->err) < 0)
		return TASK_FAIL;
	ours = usage_hash(&w.usage);
	if (!hash_equal(&ours, &theirs)) {
		err_set(&t->err, &VOUCHER_OTHER, "usage %llu is the latest",
			(unsigned long long)w.usage.seq);
		return TASK_FAIL;
	}
	w.paid = p->in.usage;
	w.payer_sig = p->in.payer_sig;
	if (book_put(g->book, &w, &t->err) < 0)
		return TASK_FAIL;
	post = (struct voucher_post){ .usage = w.usage,
				      .usage_sig = w.usage_sig,
				      .payer_sig = w.payer_sig,
				      .provider_sig = w.voucher_sig };
	body = json_encode(&t->arena, voucher_post_fields, &post);
	p->f = (struct fetch){ .method = "POST",
			       .url = arena_printf(&t->arena, "%s/v1/vouchers",
						   g->settings->market_url),
			       .body = body,
			       .body_len = strlen(body),
			       .ca_path = g->settings->market_ca };
	return fetch_start(t, &p->f);
}

/* The market settles it; if it is away we have it all the same. */
static enum next
voucher_answer(struct task *t)
{
	struct paying *p = t->state;

	if (fetch_check(&t->arena, &p->f, &t->err) < 0 && p->f.status != 409)
		log_warn("voucher.not_forwarded", "error=\"%s\"", t->err.text);
	t->err = (struct err)ERR_NONE;
	request_answer(task_request(t), 201, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step voucher_steps[] = { { "key", key_ask },
					     { "key read", key_read },
					     { "store", voucher_store },
					     { "answer", voucher_answer },
					     STEP_END };

void
voucher_take(struct request *r)
{
	struct agent *g = r->ctx;
	struct paying p = { .in = { .usage = { .seq = 0 } } };
	struct voucher_terms voucher;
	struct hash h, digest;
	struct err e = ERR_NONE;

	if (!payer_begin(r, &p))
		return;
	if (json_decode(&r->arena, r->body, r->body_len, voucher_in_fields, &p.in, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	voucher = voucher_of(&p.in.usage);
	h = voucher_hash(&voucher);
	digest = terms_digest(&g->domain, &h);
	if (sig_recover(&p.in.payer_sig, &digest, &p.payer, &e) < 0) {
		err_wrap(&e, "voucher");
		request_fail(r, &e);
		return;
	}
	*(struct paying *)request_task(r, "voucher", voucher_steps, sizeof(p))->state = p;
}
