/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intents into transactions, one transaction at a time, so nonces have no gaps.
 *
 *	pending intents of one kind -> calldata -> estimate -> sign
 *	-> stored with its hash -> broadcast -> receipt -> intents done
 *
 * The head of the chain of records (lease/head.h) goes behind a batch, if it is
 * newer than the last one that went; where no batch comes in time, by itself.
 *
 * The signed bytes are stored before they are sent: after any crash the same
 * bytes are sent again, and the chain takes them once. One that is not mined in
 * time is replaced under the same nonce with higher fees, or with an empty one
 * when nothing of it is left to do; any of them may be mined. What the contract skips
 * in a batch fails by itself and disturbs no neighbour.
 */
#include "lease/evm.h"
#include "lease/head.h"
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
#define RIVALS_MAX	 16 /* transactions of one nonce */
#define LOST_AFTER	 3  /* looks at a used nonce without a receipt of ours */
#define LOST_EVERY_US	 SECOND_US
#define GAS_EMPTY	 21000u
#define GWEI		 ((u128)1000000000u)

/* The batch of `look`. */
enum { Q_DUE, Q_MOOT, Q_OPEN, Q_PENDING, Q_HEAD };

struct settle {
	struct batch *b, *due;
	struct evm_call rpc;
	struct chan_call call;
	size_t count; /* intents in this transaction */
	const char *kind;
	const char *intents; /* [1, 2] */
	struct calldata data;
	struct address to;
	int64_t head; /* the record whose head the data carries, or -1 */
	uint64_t gas, nonce;
	const uint8_t *raw;
	size_t raw_len;
	struct hash hash;
	int64_t tx;
	wall_t signed_at;
	mono_t began, sent_at, bumped_at;
	struct rival { /* it and those it replaced: any may be the one that is mined */
		int64_t tx;
		struct hash hash;
		bool cancels;
	} rivals[RIVALS_MAX];
	size_t rival_count, rival;
	struct evm_fees fees;
	uint64_t place; /* the nonce that an empty transaction is to take */
	bool empty, moot;
	unsigned lost;
	struct evm_receipt receipt;
};

static enum next
ask(struct task *t, const char *body)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	return evm_call_start(t, &c->evm, body, &s->rpc);
}

static int
answer(struct task *t, struct json **result)
{
	struct settle *s = t->state;

	return evm_call_result(&t->arena, &s->rpc, result, &t->err);
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
		q_settle_due(s->due, 500, clock_wall(), c->settings->settle_within_s,
			     c->settings->settle_worth);
	} else {
		q_void_strays(s->due, clock_wall());
	}
	q_intents_moot(s->due, 0);
	q_tx_open(s->due, 0);
	q_intents_pending(s->due, BATCH_MAX);
	q_head_due(s->due, clock_wall(), c->settings->head_every_s);
	return db_run(t, c->db, s->due);
}

static enum next receipt_ask(struct task *t);

static int
read_doc(struct task *t, size_t row, const char *column, const struct json_field *fields, void *out)
{
	struct settle *s = t->state;
	const char *text = row_text(s->due, Q_PENDING, row, column);

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
		row_bytes(s->due, Q_PENDING, i, "order_sig", o[i].tenant_sig.b, 64);
		row_bytes(s->due, Q_PENDING, i, "lease_sig", o[i].provider_sig.b, 64);
		row_bytes(s->due, Q_PENDING, i, "award_sig", o[i].auctioneer_sig.b, 64);
		row_bytes(s->due, Q_PENDING, i, "record", o[i].record.b, 32);
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
		row_bytes(s->due, Q_PENDING, i, "lease", v[i].voucher.lease.b, 32);
		v[i].voucher.amount.units = row_u128(s->due, Q_PENDING, i, "voucher_amount");
		v[i].voucher.upTo = (uint32_t)row_int(s->due, Q_PENDING, i, "up_to");
		row_bytes(s->due, Q_PENDING, i, "payer_sig", v[i].payer_sig.b, 64);
		row_bytes(s->due, Q_PENDING, i, "provider_sig", v[i].provider_sig.b, 64);
		c[i] = (struct closing){ .lease = v[i].lease,
					 .voucher = v[i].voucher,
					 .payer_sig = v[i].payer_sig };
		row_bytes(s->due, Q_PENDING, i, "release_sig", c[i].release_sig.b, 64);
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

/* By itself to ourselves, or behind a batch. */
static void
add_head(struct task *t)
{
	struct settle *s = t->state;
	struct head head = { .number = 0 };
	uint8_t *data;

	if (rows_count(s->due, Q_HEAD) == 0 ||
	    sizeof(struct signer_tx) + s->data.len + HEAD_BYTES > CHAN_BYTES_MAX)
		return;
	s->head = row_int(s->due, Q_HEAD, 0, "number");
	head.number = (uint64_t)s->head;
	row_bytes(s->due, Q_HEAD, 0, "hash", head.record.b, sizeof(head.record.b));
	data = arena_alloc(&t->arena, s->data.len + HEAD_BYTES);
	if (s->data.len > 0)
		memcpy(data, s->data.b, s->data.len);
	head_write(&head, data + s->data.len);
	s->data = (struct calldata){ data, s->data.len + HEAD_BYTES };
}

static int
build_head(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	s->kind = "head";
	s->intents = "[]";
	s->to = c->market;
	s->data = (struct calldata){ NULL, 0 };
	add_head(t);
	return 0;
}

static int
build(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct jsonw *w;
	int result;

	s->head = -1;
	if (s->count == 0)
		return build_head(t);
	s->to = c->settings->escrow;
	s->kind = row_text(s->due, Q_PENDING, 0, "kind");
	if (strcmp(s->kind, "open") == 0)
		result = openings(t);
	else if (strcmp(s->kind, "void") == 0)
		result = one_void(t);
	else
		result = vouchers(t, strcmp(s->kind, "close") == 0);
	w = jsonw_new(false);
	jsonw_open(w, '[');
	for (size_t i = 0; i < s->count; i++)
		jsonw_int(w, row_int(s->due, Q_PENDING, i, "id"));
	jsonw_close(w, ']');
	s->intents = arena_strdup(&t->arena, jsonw_text(w, NULL));
	jsonw_free(w);
	if (result == 0 && strcmp(s->kind, "void") != 0) /* whose data is no batch */
		add_head(t);
	return result;
}

static enum next send_raw(struct task *t);
static enum next estimate(struct task *t);
static enum next not_mined(struct task *t);

static void
rival_add(struct settle *s)
{
	/* The oldest of too many is the least likely to be mined. */
	if (s->rival_count == RIVALS_MAX)
		memmove(s->rivals, s->rivals + 1, --s->rival_count * sizeof(s->rivals[0]));
	s->rivals[s->rival_count++] =
		(struct rival){ s->tx, s->hash, strcmp(s->kind, "cancel") == 0 };
}

/* The lowest nonce first: those above it cannot be mined before. */
static enum next
follow(struct task *t)
{
	struct settle *s = t->state;

	s->nonce = (uint64_t)row_int(s->due, Q_OPEN, 0, "nonce");
	for (size_t i = 0; i < rows_count(s->due, Q_OPEN); i++) {
		if ((uint64_t)row_int(s->due, Q_OPEN, i, "nonce") != s->nonce)
			break;
		s->tx = row_int(s->due, Q_OPEN, i, "id");
		s->kind = row_text(s->due, Q_OPEN, i, "kind");
		s->signed_at = row_time(s->due, Q_OPEN, i, "created_at");
		row_bytes(s->due, Q_OPEN, i, "hash", s->hash.b, sizeof(s->hash.b));
		s->raw = row_blob(s->due, Q_OPEN, i, "raw", &s->raw_len);
		rival_add(s);
	}
	return task_jump(t, send_raw);
}

static enum next
choose(struct task *t)
{
	struct settle *s = t->state;

	if (batch_failed(s->due, &t->err))
		return TASK_FAIL;
	if (rows_count(s->due, Q_OPEN) > 0) /* one is under way */
		return follow(t);
	s->count = rows_count(s->due, Q_PENDING);
	if (s->count == 0 &&
	    (rows_count(s->due, Q_HEAD) == 0 || !row_bool(s->due, Q_HEAD, 0, "due")))
		return TASK_DONE;
	return TASK_NEXT;
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
	return ask(t, rpc_gas(&t->arena, &c->market, &s->to, s->data));
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
		if (t->err.code != &EVM_REFUSED || s->count == 0)
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
	return ask(t, rpc_fee_history(&t->arena));
}

/* An empty one goes to ourselves, and does nothing but take its nonce's place. */
static enum next
sign_with(struct task *t, uint64_t nonce)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct signer_tx head = { .nonce = nonce,
				  .gas = s->empty ? GAS_EMPTY : s->gas,
				  .tip = s->fees.tip,
				  .max_fee = s->fees.max_fee,
				  .to = s->empty ? c->market : s->to };
	size_t len = s->empty ? 0 : s->data.len;
	uint8_t *in = arena_alloc(&t->arena, sizeof(head) + len);

	memcpy(in, &head, sizeof(head));
	if (len != 0)
		memcpy(in + sizeof(head), s->data.b, len);
	return signer_start(t, c->signer, &s->call, SIGN_TX, in, sizeof(head) + len);
}

static u128
fee_most(const struct task *t)
{
	const struct clerk *c = t->owner;

	return c->settings->fee_max_gwei * GWEI;
}

static enum next
sign(struct task *t)
{
	struct settle *s = t->state;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_fees_read(result, &s->fees, &t->err) < 0)
		return TASK_FAIL;
	if (!evm_fees_cap(&s->fees, fee_most(t))) {
		err_set(&t->err, &EVM_UNDERPRICED, "gas costs more than fee_max_gwei");
		return TASK_FAIL;
	}
	return sign_with(t, s->nonce);
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
	q_tx_put(s->b, (int64_t)s->nonce, &s->hash, &raw, s->kind, s->intents, s->head,
		 clock_wall());
	return db_run(t, c->db, s->b);
}

static enum next
kept(struct task *t)
{
	struct settle *s = t->state;

	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	s->tx = row_int(s->b, 0, 0, "tx");
	s->signed_at = clock_wall();
	rival_add(s);
	log_info("tx.signed", "kind=%s leases=%zu nonce=%llu head=%lld", s->kind, s->count,
		 (unsigned long long)s->nonce, (long long)s->head);
	return TASK_NEXT;
}

static enum next
send_raw(struct task *t)
{
	struct settle *s = t->state;

	s->sent_at = clock_mono();
	if (s->began == 0)
		s->began = s->sent_at;
	return ask(t, rpc_send(&t->arena, s->raw, s->raw_len));
}

static enum next stuck(struct task *t);

/* A node that knows it, or has mined it, is no failure: the receipt decides. One
 * that has a dearer one for this nonce wants more. */
static enum next
sent(struct task *t)
{
	struct settle *s = t->state;
	struct json *result;
	const struct code *code;

	s->rival = s->rival_count;
	if (answer(t, &result) < 0) {
		code = t->err.code;
		if (code != &EVM_KNOWN && code != &EVM_NONCE_LOW && code != &EVM_UNDERPRICED) {
			log_warn(code == &EVM_UNFUNDED ? "tx.unfunded" : "tx.not_sent",
				 "nonce=%llu error=\"%s\"", (unsigned long long)s->nonce,
				 t->err.text);
			return TASK_FAIL;
		}
		t->err = (struct err)ERR_NONE;
		if (code == &EVM_UNDERPRICED)
			return task_jump(t, stuck);
		s->lost += code == &EVM_NONCE_LOW;
	}
	return TASK_NEXT;
}

/* The newest first: it is the likeliest. */
static enum next
receipt_ask(struct task *t)
{
	struct settle *s = t->state;

	if (s->rival == 0)
		s->rival = s->rival_count;
	s->rival--;
	return ask(t, rpc_receipt(&t->arena, &s->rivals[s->rival].hash));
}

static const char *
hex4(struct arena *a, const uint8_t b[static 4])
{
	return hex_text(b, 4, arena_alloc(a, 11));
}

static bool
is_stuck(const struct task *t)
{
	const struct settle *s = t->state;
	const struct clerk *c = t->owner;
	int64_t patience = (int64_t)c->settings->tx_bump_s * SECOND_US;

	/* One that a reorganisation or a crash brought back is sent first. */
	return s->lost > 0 || (clock_wall() - s->signed_at > patience &&
			       clock_mono() - s->began > MIN(patience, RESEND_US) &&
			       (s->bumped_at == 0 || clock_mono() - s->bumped_at > patience));
}

static enum next
not_mined(struct task *t)
{
	struct settle *s = t->state;

	if (s->rival > 0)
		return task_jump(t, receipt_ask);
	if (is_stuck(t))
		return task_jump(t, stuck);
	if (clock_mono() - s->sent_at > RESEND_US)
		return task_jump(t, send_raw); /* dropped, perhaps */
	return task_sleep(t, RECEIPT_EVERY_US);
}

static enum next
receipt_read(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_receipt_read(&t->arena, result, &s->receipt, &t->err) < 0)
		return TASK_FAIL;
	if (!s->receipt.found)
		return not_mined(t);
	s->tx = s->rivals[s->rival].tx;
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
		  (int64_t)s->receipt.gas_used,
		  s->rivals[s->rival].cancels ? "nothing was left to do"
		  : s->receipt.success	      ? ""
					      : "reverted");
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

/* ------------------------------------------------------------------ */
/* Not mined for too long: what does the chain wait for?                */

static enum next
stuck(struct task *t)
{
	struct clerk *c = t->owner;
	struct settle *s = t->state;

	s->bumped_at = clock_mono();
	return ask(t, rpc_nonce_mined(&t->arena, &c->market));
}

static enum next lost(struct task *t);

static enum next
stuck_read(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	struct json *result;
	u128 mined;

	if (answer(t, &result) < 0 || rpc_uint_read(result, &mined, &t->err) < 0)
		return TASK_FAIL;
	if (mined > s->nonce) {
		/* Used by one of ours whose receipt is not shown yet, or by nobody of ours. */
		if (++s->lost > LOST_AFTER)
			return task_jump(t, lost);
		return task_sleep(t, LOST_EVERY_US);
	}
	s->lost = 0;
	s->place = (uint64_t)mined;
	s->b = batch_new(t);
	q_tx_moot(s->b, (int64_t)s->nonce, clock_wall());
	return db_run(t, c->db, s->b);
}

static enum next
stuck_moot(struct task *t)
{
	struct settle *s = t->state;

	if (s->lost > 0)
		return task_jump(t, receipt_ask);
	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	s->moot = row_bool(s->b, 0, 0, "moot");
	return ask(t, rpc_fee_history(&t->arena));
}

/* Nodes take a replacement when both fees are a tenth more; we give an eighth. What
 * is below our nonce is a gap, which nothing passes: it is filled. */
static enum next
replace(struct task *t)
{
	struct settle *s = t->state;
	struct evm_fees asked;
	struct json *result;
	struct tx tx;

	if (answer(t, &result) < 0 || rpc_fees_read(result, &asked, &t->err) < 0)
		return TASK_FAIL;
	if (s->place < s->nonce) {
		s->fees = asked;
		s->kind = "fill";
		s->empty = true;
		if (!evm_fees_cap(&s->fees, fee_most(t)))
			return task_jump(t, receipt_ask);
		return sign_with(t, s->place);
	}
	if (!tx_read(s->raw, s->raw_len, &tx)) {
		err_set(&t->err, &EVM_BAD_REPLY, "stored bytes are no transaction");
		return TASK_FAIL;
	}
	s->fees = (struct evm_fees){ tx.tip, tx.max_fee };
	if (!evm_fees_replace(&s->fees, asked, fee_most(t))) {
		log_warn("tx.capped", "nonce=%llu", (unsigned long long)s->nonce);
		return task_jump(t, receipt_ask);
	}
	s->gas = tx.gas;
	s->to = tx.to;
	s->data = (struct calldata){ tx.data, tx.data_len };
	s->empty = s->moot || tx.data_len == 0;
	if (s->moot)
		s->kind = "cancel";
	return sign_with(t, s->nonce);
}

static enum next
replace_keep(struct task *t)
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
	q_tx_replace(s->b, (int64_t)(s->place < s->nonce ? s->place : s->nonce), &s->hash, &raw,
		     s->kind, clock_wall());
	return db_run(t, c->db, s->b);
}

static enum next
replaced(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;
	char tip[AMOUNT_TEXT_SIZE], fee[AMOUNT_TEXT_SIZE];

	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	log_info("tx.replaced", "kind=%s nonce=%llu tip=%s max_fee=%s", s->kind,
		 (unsigned long long)MIN(s->place, s->nonce), u128_text(s->fees.tip, tip),
		 u128_text(s->fees.max_fee, fee));
	if (s->place < s->nonce) {
		c->settle_again = true;
		return TASK_DONE; /* the lowest nonce is followed first */
	}
	s->tx = row_int(s->b, 0, 0, "tx");
	s->signed_at = clock_wall();
	s->empty = false;
	rival_add(s);
	return task_jump(t, send_raw);
}

static enum next
lost(struct task *t)
{
	struct settle *s = t->state;
	struct clerk *c = t->owner;

	log_warn("tx.lost", "nonce=%llu kind=%s", (unsigned long long)s->nonce, s->kind);
	s->b = batch_new(t);
	q_tx_lost(s->b, (int64_t)s->nonce);
	return db_run(t, c->db, s->b);
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
				     { "stuck", stuck },
				     { "stuck_read", stuck_read },
				     { "stuck_moot", stuck_moot },
				     { "replace", replace },
				     { "replace_keep", replace_keep },
				     { "replaced", replaced },
				     { "lost", lost },
				     { "lost_end", refused_end },
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

	if (c->settle_busy || !c->caught_up)
		return;
	c->settle_busy = true;
	c->settle_again = false;
	task_new(&c->loop, "settle", steps, sizeof(struct settle), 120 * SECOND_US, done, c);
}
