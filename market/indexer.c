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

#define STRETCH	       2000 /* blocks asked for at once */
#define KEEP	       4096 /* blocks whose checkpoints are kept, final or not */
#define MISSED	       20   /* polls without the last checkpoint before it is undone */
#define FINAL_EVERY_US (3 * SECOND_US)
#define NO_FINAL_US    (600 * SECOND_US) /* a node without the tag */

struct index {
	struct batch *b;
	struct evm_call rpc;
	bool has_tip, has_final;
	uint64_t tip, before; /* the last checkpoint and the one before */
	struct hash tip_hash;
	uint64_t final; /* no reorganisation reaches it */
	size_t node;	/* that told of the head: the rest is asked of it too */
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

	return evm_call_start(t, &c->evm, body, &x->rpc);
}

static int
answer(struct task *t, struct json **result)
{
	struct index *x = t->state;

	return evm_call_result(&t->arena, &x->rpc, result, &t->err);
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
static enum next facts_repair(struct task *t);

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
	x->has_final = !row_null(x->b, 0, 0, "final");
	x->final = (uint64_t)row_int(x->b, 0, 0, "final");
	x->from = x->tip + 1;
	return ask(t, rpc_block(&t->arena, NULL, x->tip));
}

/* A node that does not have the block yet is behind; only when that stays so, or
 * when there is another block in its place, has the chain been reorganised. */
static enum next
tip_missing(struct task *t)
{
	struct clerk *c = t->owner;

	err_set(&t->err, &EVM_NODE, "the node is behind the last checkpoint");
	return ++c->tip_missed > MISSED ? TASK_NEXT : TASK_FAIL;
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
	if (result->type == JSON_NULL && tip_missing(t) == TASK_FAIL)
		return TASK_FAIL;
	if (result->type != JSON_NULL) {
		if (rpc_block_read(result, &block, &t->err) < 0)
			return TASK_FAIL;
		c->tip_missed = 0;
		if (hash_equal(&block.hash, &x->tip_hash))
			return task_jump(t, c->facts_checked ? head_ask : facts_repair);
	}
	if (x->has_final && x->tip <= x->final) {
		evm_distrust(&c->evm, x->rpc.node, "it contradicts a final block");
		err_set(&t->err, &EVM_BAD_REPLY, "block %llu was final, and is another now",
			(unsigned long long)x->tip);
		return TASK_FAIL;
	}
	c->tip_missed = 0;
	log_warn("chain.reorganised", "block=%llu back_to=%llu", (unsigned long long)x->tip,
		 (unsigned long long)x->before);
	t->err = (struct err)ERR_NONE;
	x->b = batch_new(t);
	q_chain_rewind(x->b, (int64_t)x->before);
	q_chain_recount(x->b, NULL, (int64_t)x->before);
	q_chain_rewind_states(x->b, 0);
	return db_run(t, c->db, x->b);
}

static enum next
rewound(struct task *t)
{
	struct index *x = t->state;

	return batch_failed(x->b, &t->err) ? TASK_FAIL : task_jump(t, tip_read);
}

/* Once, whatever happened to the database while nobody watched. */
static enum next
facts_repair(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	x->b = batch_new(t);
	q_chain_rewind_states(x->b, 0);
	c->facts_checked = true;
	return db_run(t, c->db, x->b);
}

static enum next
repaired(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	if (batch_failed(x->b, &t->err)) {
		c->facts_checked = false;
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

/* ------------------------------------------------------------------ */
/* The next stretch.                                                   */

static enum next
head_ask(struct task *t)
{
	struct clerk *c = t->owner;

	return ask(t, rpc_block(&t->arena, c->settings->chain_tag, 0));
}

static enum next final_ask(struct task *t);

static enum next
range(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	struct evm_block head;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_block_read(result, &head, &t->err) < 0)
		return TASK_FAIL;
	x->node = x->rpc.node;
	if (c->stretch == 0)
		c->stretch = STRETCH;
	if (head.number < x->from + c->settings->confirmations)
		return task_jump(t, final_ask);
	x->head = head.number - c->settings->confirmations;
	x->to = MIN(x->head, x->from + c->stretch - 1);
	return TASK_NEXT;
}

static enum next
logs_ask(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	return ask(t, rpc_logs(&t->arena, &c->settings->escrow, x->from, x->to));
}

static enum next
block_ask(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	struct json *result;

	if (answer(t, &result) < 0) {
		/* Nodes differ in how much they give at once. */
		if (!evm_logs_too_many(&t->err) || x->to == x->from)
			return TASK_FAIL;
		t->err = (struct err)ERR_NONE;
		c->stretch = MAX((x->to - x->from + 1) / 2, (uint64_t)1);
		x->to = x->from + c->stretch - 1;
		log_info("chain.stretch", "blocks=%llu", (unsigned long long)c->stretch);
		return task_jump(t, logs_ask);
	}
	if (rpc_logs_read(&t->arena, result, &x->logs, &x->log_count, &t->err) < 0)
		return TASK_FAIL;
	c->stretch = MIN(c->stretch + c->stretch / 8 + 1, (uint64_t)STRETCH);
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

/* Its provider, and whoever watches the money, need not ask the chain all the time. */
static void
tell(struct task *t, struct batch *b, const struct escrow_event *ev)
{
	char lease[HASH_TEXT_SIZE], amount[AMOUNT_TEXT_SIZE];

	hash_text(&ev->lease, lease);
	if (ev->kind == ESCROW_TOPPED_UP)
		q_event_add(b, "lease.topped_up", lease, clock_wall(),
			    arena_printf(&t->arena, "{\"lease\": \"%s\", \"amount\": \"%s\"}",
					 lease, u128_text(ev->amount.units, amount)));
	if (ev->kind == ESCROW_STOPPED)
		q_event_add(b, "lease.stopped", lease, clock_wall(),
			    arena_printf(&t->arena, "{\"lease\": \"%s\", \"stop_at\": %u}", lease,
					 ev->stop_at));
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
			  (int64_t)x->block.time, ev->paid, ev->refund, jsonw_text(en.w, NULL));
	jsonw_free(en.w);
	if (ev->kind != ESCROW_DEPOSITED && ev->kind != ESCROW_WITHDRAWN)
		q_chain_recount(b, &ev->lease, 0);
	tell(t, b, ev);
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

static enum next store(struct task *t);

/* The stretch counts only if it stands on the checkpoint: asked again now, so that
 * a reorganisation between the questions cannot hide. */
static enum next
stands_ask(struct task *t)
{
	struct index *x = t->state;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_block_read(result, &x->block, &t->err) < 0)
		return TASK_FAIL;
	return x->has_tip ? ask(t, rpc_block(&t->arena, NULL, x->tip)) : task_jump(t, store);
}

static enum next
stands(struct task *t)
{
	struct index *x = t->state;
	struct evm_block tip;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_block_read(result, &tip, &t->err) < 0)
		return TASK_FAIL;
	if (!hash_equal(&tip.hash, &x->tip_hash) || x->rpc.node != x->node) {
		err_set(&t->err, &EVM_BAD_REPLY, "the chain moved while it was read");
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

static enum next
store(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	uint64_t keep = x->to > KEEP ? x->to - KEEP : 0;

	x->b = batch_new(t);
	q_chain_block_put(x->b, (int64_t)x->to, &x->block.hash, &x->block.parent,
			  (int64_t)x->block.time);
	q_chain_forget(x->b, (int64_t)(x->has_final ? MIN(keep, x->final) : keep));
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
	if (x->log_count > 0) {
		clerk_tell_webs(c);
		clerk_look(c);
	}
	if (!x->more || t->arena.used > TASK_ARENA_MAX / 2)
		return TASK_NEXT;
	return task_jump(t, tip_read);
}

/* ------------------------------------------------------------------ */
/* How far the chain is final.                                          */

static enum next
final_ask(struct task *t)
{
	struct clerk *c = t->owner;

	if (clock_mono() < c->final_at)
		return TASK_DONE;
	c->final_at = clock_mono() + FINAL_EVERY_US;
	return ask(t, rpc_block(&t->arena, "finalized", 0));
}

static enum next
final_read(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	struct evm_block final;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_block_read(result, &final, &t->err) < 0) {
		c->final_at = clock_mono() + NO_FINAL_US;
		t->err = (struct err)ERR_NONE;
		return TASK_DONE;
	}
	x->b = batch_new(t);
	q_chain_final_put(x->b, (int64_t) final.number, &final.hash);
	return db_run(t, c->db, x->b);
}

static enum next
final_kept(struct task *t)
{
	struct index *x = t->state;

	return batch_failed(x->b, &t->err) ? TASK_FAIL : TASK_DONE;
}

static const struct step steps[] = {
	{ "tip", tip_read },	      { "tip_ask", tip_ask },	    { "tip_check", tip_check },
	{ "rewound", rewound },	      { "repair", facts_repair },   { "repaired", repaired },
	{ "head", head_ask },	      { "range", range },	    { "logs", logs_ask },
	{ "block", block_ask },	      { "stands_ask", stands_ask }, { "stands", stands },
	{ "store", store },	      { "stored", stored },	    { "final", final_ask },
	{ "final_read", final_read }, { "final_kept", final_kept }, STEP_END
};

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
