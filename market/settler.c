/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intents into transactions, one transaction at a time, so nonces have no gaps.
 *
 *	pending intents of one kind -> calldata -> estimate -> sign
 *	-> stored with its hash -> broadcast -> receipt -> intents done
 *
 * The signed bytes are stored before they are sent: after any crash the same
 * bytes are sent again, and the chain takes them once. What the contract skips
 * in a batch fails by itself and disturbs no neighbour.
 */
#include "lease/evm.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "query.h"

/* What one packet to the signer carries; how many of them fit one transaction is
 * for the estimate to say. */
#define BATCH_MAX	 200
#define TX_GAS_MAX	 (EVM_GAS_MAX / 6 * 5) /* evm_gas_limit() adds a fifth */
#define RECEIPT_EVERY_US (10 * MILLI_US)
#define RESEND_US	 (5 * SECOND_US)

struct settle {
	struct batch *b, *due;
	struct fetch f;
	struct chan_call call;
	size_t count; /* intents in this transaction */
	const char *kind;
	const char *intents; /* [1, 2] */
	struct calldata data;
	uint64_t gas, nonce;
	const uint8_t *raw;
	size_t raw_len;
	struct hash hash;
	int64_t tx;
	mono_t sent_at;
	struct evm_receipt receipt;
};

static enum next
ask(struct task *t, const char *body)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	s->f = (struct fetch){ .method = "POST",
			       .url = c->settings->rpc_url,
			       .body = body,
			       .body_len = strlen(body),
			       .timeout_us = 10 * SECOND_US };
	return fetch_start(t, &s->f);
}

static int
answer(struct task *t, struct json **result)
{
	struct settle *s = t->state;

	if (s->f.err.code != NULL) {
		t->err = s->f.err;
		return -1;
	}
	return rpc_result(&t->arena, s->f.reply, s->f.reply_len, result, &t->err);
}

/* ------------------------------------------------------------------ */
/* What is there to do?                                                */

static enum next
look(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	mono_t now = clock_mono();

	s->due = batch_new(t);
	if (now - c->settled_at >= (int64_t)c->settings->settle_every_ms * MILLI_US) {
		c->settled_at = now;
		q_settle_due(s->due, 500, clock_wall());
	} else {
		q_void_strays(s->due, clock_wall());
	}
	q_tx_open(s->due, 0);
	q_intents_pending(s->due, BATCH_MAX);
	return db_run(t, c->db, s->due);
}

static enum next receipt_ask(struct task *t);

static int
read_doc(struct task *t, size_t row, const char *column, const struct json_field *fields, void *out)
{
	struct settle *s = t->state;
	const char *text = row_text(s->due, 2, row, column);

	return json_decode(&t->arena, text, strlen(text), fields, out, &t->err);
}

static int
openings(struct task *t)
{
	struct settle *s = t->state;
	struct opening *o = arena_alloc(&t->arena, s->count * sizeof(*o));

	for (size_t i = 0; i < s->count; i++) {
		if (read_doc(t, i, "order_terms", order_terms_fields, &o[i].order) < 0 ||
		    read_doc(t, i, "lease_terms", lease_terms_fields, &o[i].lease) < 0)
			return -1;
		row_bytes(s->due, 2, i, "order_sig", o[i].tenant_sig.b, 64);
		row_bytes(s->due, 2, i, "lease_sig", o[i].provider_sig.b, 64);
		row_bytes(s->due, 2, i, "award_sig", o[i].auctioneer_sig.b, 64);
		row_bytes(s->due, 2, i, "record", o[i].record.b, 32);
	}
	s->data = escrow_open_many(&t->arena, o, s->count);
	return 0;
}

static int
vouchers(struct task *t, bool closing)
{
	struct settle *s = t->state;
	struct settlement *v = arena_alloc(&t->arena, s->count * sizeof(*v));
	struct closing *c = arena_alloc(&t->arena, s->count * sizeof(*c));

	for (size_t i = 0; i < s->count; i++) {
		if (read_doc(t, i, "lease_terms", lease_terms_fields, &v[i].lease) < 0)
			return -1;
		row_bytes(s->due, 2, i, "lease", v[i].voucher.lease.b, 32);
		v[i].voucher.amount.units = row_u128(s->due, 2, i, "voucher_amount");
		v[i].voucher.upTo = (uint32_t)row_int(s->due, 2, i, "up_to");
		row_bytes(s->due, 2, i, "payer_sig", v[i].payer_sig.b, 64);
		row_bytes(s->due, 2, i, "provider_sig", v[i].provider_sig.b, 64);
		c[i] = (struct closing){ .lease = v[i].lease,
					 .voucher = v[i].voucher,
					 .payer_sig = v[i].payer_sig };
		row_bytes(s->due, 2, i, "release_sig", c[i].release_sig.b, 64);
	}
	s->data = closing ? escrow_close_many(&t->arena, c, s->count)
			  : escrow_settle_many(&t->arena, v, s->count);
	return 0;
}

static int
one_void(struct task *t)
{
	struct settle *s = t->state;
	struct order_terms order;
	struct lease_terms lease;

	s->count = 1;
	if (read_doc(t, 0, "order_terms", order_terms_fields, &order) < 0 ||
	    read_doc(t, 0, "lease_terms", lease_terms_fields, &lease) < 0)
		return -1;
	s->data = escrow_void(&t->arena, &order, &lease);
	return 0;
}

static int
build(struct task *t)
{
	struct settle *s = t->state;
	struct jsonw *w;
	int result;

	s->kind = row_text(s->due, 2, 0, "kind");
	if (strcmp(s->kind, "open") == 0)
		result = openings(t);
	else if (strcmp(s->kind, "void") == 0)
		result = one_void(t);
	else
		result = vouchers(t, strcmp(s->kind, "close") == 0);
	w = jsonw_new(false);
	jsonw_open(w, '[');
	for (size_t i = 0; i < s->count; i++)
		jsonw_int(w, row_int(s->due, 2, i, "id"));
	jsonw_close(w, ']');
	s->intents = arena_strdup(&t->arena, jsonw_text(w, NULL));
	jsonw_free(w);
	return result;
}

static enum next send_raw(struct task *t);
static enum next estimate(struct task *t);

static enum next
choose(struct task *t)
{
	struct settle *s = t->state;

	if (batch_failed(s->due, &t->err))
		return TASK_FAIL;
	if (rows_count(s->due, 1) > 0) { /* one is under way: follow it */
		s->tx = row_int(s->due, 1, 0, "id");
		row_bytes(s->due, 1, 0, "hash", s->hash.b, sizeof(s->hash.b));
		s->raw = row_blob(s->due, 1, 0, "raw", &s->raw_len);
		return task_jump(t, send_raw);
	}
	s->count = rows_count(s->due, 2);
	return s->count == 0 ? TASK_DONE : TASK_NEXT;
}

/* ------------------------------------------------------------------ */
/* A new transaction.                                                   */

static enum next
estimate(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	if (build(t) < 0)
		return TASK_FAIL;
	return ask(t, rpc_gas(&t->arena, &c->market, &c->settings->escrow, s->data));
}

static enum next refused(struct task *t);

static enum next
nonce_ask(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct json *result;
	u128 gas;

	if (answer(t, &result) < 0) {
		if (t->err.code != &EVM_REFUSED)
			return TASK_FAIL;
		/* The contract refuses it whole: find the one by halves. */
		if (s->count > 1) {
			s->count /= 2;
			t->err = (struct err)ERR_NONE;
			return task_jump(t, estimate);
		}
		return task_jump(t, refused);
	}
	if (rpc_uint_read(result, &gas, &t->err) < 0)
		return TASK_FAIL;
	if (gas > TX_GAS_MAX && s->count > 1) { /* a block would not take it: fewer */
		s->count /= 2;
		return task_jump(t, estimate);
	}
	s->gas = evm_gas_limit(gas);
	return ask(t, rpc_nonce(&t->arena, &c->market));
}

static enum next
fee_ask(struct task *t)
{
	struct settle *s = t->state;
	struct json *result;
	u128 nonce;

	if (answer(t, &result) < 0 || rpc_uint_read(result, &nonce, &t->err) < 0)
		return TASK_FAIL;
	s->nonce = (uint64_t)nonce;
	return ask(t, rpc_block(&t->arena, "latest", 0));
}

static enum next
sign(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct evm_block latest;
	struct signer_tx head;
	struct json *result;
	uint8_t *in;

	if (answer(t, &result) < 0 || rpc_block_read(result, &latest, &t->err) < 0)
		return TASK_FAIL;
	head = (struct signer_tx){ .nonce = s->nonce,
				   .gas = s->gas,
				   .tip = EVM_TIP_WEI,
				   .max_fee = evm_max_fee(&latest),
				   .to = c->settings->escrow };
	in = arena_alloc(&t->arena, sizeof(head) + s->data.len);
	memcpy(in, &head, sizeof(head));
	memcpy(in + sizeof(head), s->data.b, s->data.len);
	return signer_start(t, c->signer, &s->call, SIGN_TX, in, sizeof(head) + s->data.len);
}

static enum next
keep(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct json_bytes raw;

	if (s->call.err.code != NULL) {
		t->err = s->call.err;
		return TASK_FAIL;
	}
	s->raw = s->call.out;
	s->raw_len = s->call.out_len;
	keccak256(s->raw, s->raw_len, &s->hash);
	raw = (struct json_bytes){ (uint8_t *)(uintptr_t)s->raw, s->raw_len };
	s->b = batch_new(t);
	q_tx_put(s->b, (int64_t)s->nonce, &s->hash, &raw, s->kind, s->intents, clock_wall());
	return db_run(t, c->db, s->b);
}

static enum next
kept(struct task *t)
{
	struct settle *s = t->state;

	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	s->tx = row_int(s->b, 0, 0, "tx");
	log_info("tx.signed", "kind=%s leases=%zu nonce=%llu", s->kind, s->count,
		 (unsigned long long)s->nonce);
	return TASK_NEXT;
}

static enum next
send_raw(struct task *t)
{
	struct settle *s = t->state;

	s->sent_at = clock_mono();
	return ask(t, rpc_send(&t->arena, s->raw, s->raw_len));
}

/* A node that knows it, or has mined it, is no failure: the receipt decides. */
static enum next
sent(struct task *t)
{
	struct json *result;

	if (answer(t, &result) < 0 && t->err.code != &EVM_KNOWN && t->err.code != &EVM_NONCE_LOW) {
		log_warn("tx.not_sent", "error=\"%s\"", t->err.text);
		return TASK_FAIL;
	}
	t->err = (struct err)ERR_NONE;
	return TASK_NEXT;
}

static enum next
receipt_ask(struct task *t)
{
	struct settle *s = t->state;

	return ask(t, rpc_receipt(&t->arena, &s->hash));
}

static const char *
hex4(struct arena *a, const uint8_t b[static 4])
{
	return hex_text(b, 4, arena_alloc(a, 11));
}

static enum next
receipt_read(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_receipt_read(&t->arena, result, &s->receipt, &t->err) < 0)
		return TASK_FAIL;
	if (!s->receipt.found) {
		if (clock_mono() - s->sent_at > RESEND_US)
			return task_jump(t, send_raw);
		return task_sleep(t, RECEIPT_EVERY_US);
	}
	s->b = batch_new(t);
	for (size_t i = 0; i < s->receipt.log_count; i++) {
		const struct evm_log *log = &s->receipt.logs[i];
		struct escrow_event *ev;

		if (escrow_events_read(&t->arena, log->topics, log->topic_count, log->data,
				       log->len, &ev) == 1 &&
		    ev->kind == ESCROW_SKIPPED)
			q_intent_failed(s->b, s->tx, &ev->lease,
					arena_printf(&t->arena, "skipped by the contract: %s",
						     hex4(&t->arena, ev->reason)));
	}
	q_tx_done(s->b, s->tx, s->receipt.success ? "mined" : "reverted", (int64_t)s->receipt.block,
		  (int64_t)s->receipt.gas_used, s->receipt.success ? "" : "reverted");
	return db_run(t, c->db, s->b);
}

static enum next
receipt_end(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	if (!s->receipt.found)
		return task_jump(t, receipt_ask);
	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	log_info("tx.mined", "gas=%llu success=%d block=%llu",
		 (unsigned long long)s->receipt.gas_used, s->receipt.success,
		 (unsigned long long)s->receipt.block);
	c->settle_again = true;
	timer_poke(c->index_timer);
	return TASK_DONE;
}

/* One lease that the contract refuses: its intent fails with the reason. */
static enum next
refused(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	log_warn("tx.refused", "kind=%s error=\"%s\"", s->kind, t->err.text);
	s->b = batch_new(t);
	q_intent_refused(s->b, s->intents, t->err.text);
	t->err = (struct err)ERR_NONE;
	return db_run(t, c->db, s->b);
}

static enum next
refused_end(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	c->settle_again = true;
	clerk_look(c);
	return batch_failed(s->b, &t->err) ? TASK_FAIL : TASK_DONE;
}

static const struct step steps[] = { { "look", look },
				     { "choose", choose },
				     { "estimate", estimate },
				     { "nonce", nonce_ask },
				     { "fee", fee_ask },
				     { "sign", sign },
				     { "keep", keep },
				     { "kept", kept },
				     { "send", send_raw },
				     { "sent", sent },
				     { "receipt", receipt_ask },
				     { "read", receipt_read },
				     { "end", receipt_end },
				     { "refused", refused },
				     { "refused_end", refused_end },
				     STEP_END };

static void
done(struct task *t)
{
	struct clerk *c = t->owner;
	static mono_t complained;

	c->settle_busy = false;
	if (t->err.code != NULL && clock_mono() - complained > SECOND_US) {
		complained = clock_mono();
		log_warn("settler.failed", "error=\"%s\"", t->err.text);
	}
	if (c->settle_again && t->err.code == NULL)
		settler_poll(c);
}

void
settler_poll(void *arg)
{
	struct clerk *c = arg;

	if (c->settle_busy)
		return;
	c->settle_busy = true;
	c->settle_again = false;
	task_new(&c->loop, "settle", steps, sizeof(struct settle), 120 * SECOND_US, done, c);
}
