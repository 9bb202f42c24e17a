/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain's events into the database.
 *
 * Every poll first asks whether the last checkpoint is still on the chain, by
 * its hash. If it is not, everything after the checkpoint before it is undone
 * (events lose `canonical`, ledger entries are reversed, never removed) and the
 * question is asked again. Then the next stretch is read: up to the first block
 * that has events of ours, whose header becomes the new checkpoint; one batch
 * stores the events, their double entries and the checkpoint together.
 */
#include "lease/evm.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "query.h"

#define STRETCH 2000 /* blocks asked for at once */
#define KEEP	4096 /* blocks whose checkpoints are kept */

struct index {
	struct batch *b;
	struct fetch f;
	bool has_tip;
	uint64_t tip, before; /* the last checkpoint and the one before */
	struct hash tip_hash;
	uint64_t head, from, to;
	struct evm_log *logs;
	size_t log_count;
	struct evm_block block;
	bool more;
};

static enum next
ask(struct task *t, const char *body)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	x->f = (struct fetch){ .method = "POST",
			       .url = c->settings->rpc_url,
			       .body = body,
			       .body_len = strlen(body),
			       .timeout_us = 10 * SECOND_US,
			       .reply_max = JSON_BYTES_MAX };
	return fetch_start(t, &x->f);
}

static int
answer(struct task *t, struct json **result)
{
	struct index *x = t->state;

	if (x->f.err.code != NULL) {
		t->err = x->f.err;
		return -1;
	}
	return rpc_result(&t->arena, x->f.reply, x->f.reply_len, result, &t->err);
}

/* ------------------------------------------------------------------ */
/* Is the last checkpoint still on the chain?                           */

static enum next
tip_read(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	x->b = batch_new(t);
	q_chain_tip(x->b, 0);
	return db_run(t, c->db, x->b);
}

static enum next head_ask(struct task *t);

static enum next
tip_ask(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	if (batch_failed(x->b, &t->err))
		return TASK_FAIL;
	x->has_tip = rows_count(x->b, 0) > 0;
	x->from = c->settings->chain_start;
	x->before = 0;
	if (!x->has_tip)
		return task_jump(t, head_ask);
	x->tip = (uint64_t)row_int(x->b, 0, 0, "number");
	row_bytes(x->b, 0, 0, "hash", x->tip_hash.b, sizeof(x->tip_hash.b));
	if (rows_count(x->b, 0) > 1)
		x->before = (uint64_t)row_int(x->b, 0, 1, "number");
	x->from = x->tip + 1;
	return ask(t, rpc_block(&t->arena, NULL, x->tip));
}

static enum next
tip_check(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	struct json *result;
	struct evm_block block;

	if (answer(t, &result) < 0)
		return TASK_FAIL;
	if (result->type == JSON_OBJECT && rpc_block_read(result, &block, &t->err) == 0 &&
	    hash_equal(&block.hash, &x->tip_hash))
		return task_jump(t, head_ask);
	log_warn("chain.reorganised", "block=%llu back_to=%llu", (unsigned long long)x->tip,
		 (unsigned long long)x->before);
	t->err = (struct err)ERR_NONE;
	x->b = batch_new(t);
	q_chain_rewind(x->b, (int64_t)x->before);
	q_chain_rewind_states(x->b, 0);
	return db_run(t, c->db, x->b);
}

static enum next
rewound(struct task *t)
{
	struct index *x = t->state;

	return batch_failed(x->b, &t->err) ? TASK_FAIL : task_jump(t, tip_read);
}

/* ------------------------------------------------------------------ */
/* The next stretch.                                                   */

static enum next
head_ask(struct task *t)
{
	return ask(t, rpc_block(&t->arena, "latest", 0));
}

static enum next
logs_ask(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	struct evm_block head;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_block_read(result, &head, &t->err) < 0)
		return TASK_FAIL;
	if (head.number < x->from + c->settings->confirmations)
		return TASK_DONE;
	x->head = head.number - c->settings->confirmations;
	x->to = MIN(x->head, x->from + STRETCH - 1);
	return ask(t, rpc_logs(&t->arena, &c->settings->escrow, x->from, x->to));
}

static enum next
block_ask(struct task *t)
{
	struct index *x = t->state;
	struct json *result;

	if (answer(t, &result) < 0 ||
	    rpc_logs_read(&t->arena, result, &x->logs, &x->log_count, &t->err) < 0)
		return TASK_FAIL;
	/* One block with events at a time: its header gives their time. */
	for (size_t i = 0; i < x->log_count; i++)
		x->to = MIN(x->to, x->logs[i].block);
	x->more = x->to < x->head;
	return ask(t, rpc_block(&t->arena, NULL, x->to));
}

/* Accounts of the ledger. Their entries sum to zero per event. */
static const char *
balance(struct arena *a, const struct address *who)
{
	char text[64];

	return arena_printf(a, "balance:%s", hex_text(who->b, sizeof(who->b), text));
}

static const char *
escrowed(struct arena *a, const struct hash *lease)
{
	char text[HASH_TEXT_SIZE];

	return arena_printf(a, "escrow:%s", hash_text(lease, text));
}

static const char *
bonded(struct arena *a, const struct address *who)
{
	char text[43];

	return arena_printf(a, "bond:%s", hex_text(who->b, sizeof(who->b), text));
}

struct entries {
	struct jsonw *w;
};

static void
entry(struct entries *en, const char *account, bool out, struct amount amount)
{
	char text[AMOUNT_TEXT_SIZE + 1] = "-";

	if (amount.units == 0)
		return;
	u128_text(amount.units, text + 1);
	jsonw_open(en->w, '[');
	jsonw_str(en->w, account);
	jsonw_str(en->w, out ? text : text + 1);
	jsonw_close(en->w, ']');
}

static void
move(struct entries *en, const char *from, const char *to, struct amount amount)
{
	entry(en, from, true, amount);
	entry(en, to, false, amount);
}

static void
event_entries(struct arena *a, struct entries *en, const struct escrow_event *ev)
{
	const char *lease = escrowed(a, &ev->lease);
	const char *bond = bonded(a, &ev->account);

	switch (ev->kind) {
	case ESCROW_DEPOSITED: move(en, "world", balance(a, &ev->account), ev->amount); break;
	case ESCROW_WITHDRAWN: move(en, balance(a, &ev->account), "world", ev->amount); break;
	case ESCROW_OPENED: move(en, balance(a, &ev->tenant), lease, ev->amount); break;
	case ESCROW_SETTLED:
		move(en, lease, balance(a, &ev->provider), ev->credited);
		move(en, lease, balance(a, &ev->auctioneer), ev->fee);
		break;
	case ESCROW_CLOSED:
		move(en, lease, balance(a, &ev->provider), ev->credited);
		move(en, lease, balance(a, &ev->auctioneer), ev->fee);
		move(en, lease, balance(a, &ev->tenant), ev->refund);
		break;
	case ESCROW_VOIDED: move(en, lease, balance(a, &ev->tenant), ev->refund); break;
	case ESCROW_TOPPED_UP: move(en, balance(a, &ev->account), lease, ev->amount); break;
	case ESCROW_BONDED: move(en, balance(a, &ev->account), bond, ev->amount); break;
	case ESCROW_UNBONDED: move(en, bond, balance(a, &ev->account), ev->amount); break;
	case ESCROW_SLASHED:
		move(en, bond, balance(a, &ev->tenant), ev->refund);
		move(en, bond, balance(a, &escrow_burnt), ev->burnt);
		break;
	default: break; /* claims, stops, cancellations: nothing moves */
	}
}

/* The part-th event of a log. */
static void
store_event(struct task *t, struct batch *b, const struct evm_log *log, size_t part,
	    const struct escrow_event *ev)
{
	struct index *x = t->state;
	struct entries en = { jsonw_new(false) };

	jsonw_open(en.w, '[');
	event_entries(&t->arena, &en, ev);
	jsonw_close(en.w, ']');
	q_chain_event_put(b, (int64_t)log->block, &log->block_hash, &log->tx_hash,
			  (int64_t)log->index, (int64_t)part, escrow_event_name(ev->kind),
			  &ev->lease, address_is_zero(&ev->account) ? &ev->tenant : &ev->account,
			  (int64_t)x->block.time, jsonw_text(en.w, NULL));
	jsonw_free(en.w);
	if (ev->kind == ESCROW_SETTLED || ev->kind == ESCROW_CLOSED)
		q_chain_lease_money(b, &ev->lease, ev->paid, ev->refund);
}

static void
store_log(struct task *t, struct batch *b, const struct evm_log *log)
{
	struct escrow_event *events;
	size_t count = escrow_events_read(&t->arena, log->topics, log->topic_count, log->data,
					  log->len, &events);

	if (count == 0) {
		log_debug("chain.unknown_event", "block=%llu index=%llu",
			  (unsigned long long)log->block, (unsigned long long)log->index);
		return;
	}
	for (size_t i = 0; i < count; i++)
		store_event(t, b, log, i, &events[i]);
	log_info("chain.event", "kind=%s block=%llu leases=%zu", escrow_event_name(events[0].kind),
		 (unsigned long long)log->block, count);
}

static enum next
store(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_block_read(result, &x->block, &t->err) < 0)
		return TASK_FAIL;
	x->b = batch_new(t);
	q_chain_block_put(x->b, (int64_t)x->to, &x->block.hash, &x->block.parent,
			  (int64_t)x->block.time);
	q_chain_forget(x->b, (int64_t)(x->to > KEEP ? x->to - KEEP : 0));
	for (size_t i = 0; i < x->log_count; i++) {
		const struct evm_log *log = &x->logs[i];

		if (log->block != x->to)
			continue;
		if (!hash_equal(&log->block_hash, &x->block.hash)) {
			err_set(&t->err, &EVM_BAD_REPLY, "the chain moved while it was read");
			return TASK_FAIL;
		}
		store_log(t, x->b, log);
	}
	return db_run(t, c->db, x->b);
}

static enum next
stored(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	if (batch_failed(x->b, &t->err))
		return TASK_FAIL;
	if (x->log_count > 0)
		clerk_look(c);
	if (!x->more || t->arena.used > TASK_ARENA_MAX / 2)
		return TASK_DONE;
	return task_jump(t, tip_read);
}

static const struct step steps[] = { { "tip", tip_read },	 { "tip_ask", tip_ask },
				     { "tip_check", tip_check }, { "rewound", rewound },
				     { "head", head_ask },	 { "logs", logs_ask },
				     { "block", block_ask },	 { "store", store },
				     { "stored", stored },	 STEP_END };

static void
done(struct task *t)
{
	struct clerk *c = t->owner;
	static mono_t complained;

	c->index_busy = false;
	if (t->err.code != NULL && clock_mono() - complained > 5 * SECOND_US) {
		complained = clock_mono();
		log_warn("indexer.failed", "error=\"%s\"", t->err.text);
	}
}

void
indexer_poll(void *arg)
{
	struct clerk *c = arg;

	if (c->index_busy)
		return;
	c->index_busy = true;
	task_new(&c->loop, "index", steps, sizeof(struct index), 60 * SECOND_US, done, c);
}
