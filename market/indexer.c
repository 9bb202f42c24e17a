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
#include "lease/ledger.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "query.h"

#define STRETCH	       2000 /* blocks asked for at once */
#define KEEP	       4096 /* blocks whose checkpoints are kept, final or not */
#define OLD	       256  /* blocks behind the head: worth asking what is final */
#define CONTRADICTED   5    /* polls whose answers do not fit together before it is left */
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
	uint64_t old; /* the last block that the node calls final; 0: not asked */
	struct evm_log *logs;
	size_t log_count;
	struct evm_block block;
	bool bulk, more;
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
static enum next logs_ask(struct task *t);

/* From now on what the database says of money is what the chain says, even if it was
 * an old copy when we began: orders and transactions are looked at. */
static void
caught_up(struct clerk *c, uint64_t block)
{
	if (c->caught_up)
		return;
	c->caught_up = true;
	log_info("chain.caught_up", "block=%llu", (unsigned long long)block);
	clerk_look(c);
	timer_poke(c->settle_timer);
}

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
	if (head.number < x->from + c->settings->confirmations) {
		caught_up(c, head.number);
		return task_jump(t, final_ask);
	}
	x->head = head.number - c->settings->confirmations;
	x->to = MIN(x->head, x->from + c->stretch - 1);
	if (x->head < x->from + OLD || clock_mono() < c->no_final_until)
		return task_jump(t, logs_ask);
	return ask(t, rpc_block(&t->arena, "finalized", 0));
}

static enum next
old_read(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	struct evm_block final;
	struct json *result;

	if (answer(t, &result) < 0 || rpc_block_read(result, &final, &t->err) < 0) {
		c->no_final_until = clock_mono() + NO_FINAL_US;
		t->err = (struct err)ERR_NONE;
		return TASK_NEXT;
	}
	x->old = final.number;
	if (x->old >= x->from)
		x->to = MIN(x->to, x->old);
	return TASK_NEXT;
}

static enum next
logs_ask(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	return ask(t, rpc_logs(&t->arena, &c->settings->escrow, x->from, x->to));
}

static bool
at_once(const struct index *x)
{
	for (size_t i = 0; i < x->log_count; i++)
		if (x->logs[i].time == 0)
			return false;
	return x->to <= x->old;
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
	x->bulk = at_once(x);
	for (size_t i = 0; i < x->log_count && !x->bulk; i++)
		x->to = MIN(x->to, x->logs[i].block);
	x->more = x->to < x->head;
	return ask(t, rpc_block(&t->arena, NULL, x->to));
}

/* [["account", "signed amount"], ...], which sums to zero. */
static void
write_entries(struct jsonw *w, struct arena *a, const struct escrow_event *ev)
{
	struct ledger_move moves[LEDGER_MOVES];
	size_t count = ledger_moves(ev, moves);
	char text[AMOUNT_TEXT_SIZE + 1] = "-";

	jsonw_open(w, '[');
	for (size_t i = 0; i < 2 * count; i++) {
		const struct ledger_move *m = &moves[i / 2];

		u128_text(m->amount.units, text + 1);
		jsonw_open(w, '[');
		jsonw_str(w, ledger_name(a, i % 2 == 0 ? &m->from : &m->to));
		jsonw_str(w, i % 2 == 0 ? text : text + 1);
		jsonw_close(w, ']');
	}
	jsonw_close(w, ']');
}

static void
write_hex(struct jsonw *w, const void *bytes, size_t len)
{
	char text[HASH_TEXT_SIZE];

	jsonw_str(w, hex_text(bytes, len, text) + 2);
}

static void
write_amount(struct jsonw *w, struct amount amount)
{
	char text[AMOUNT_TEXT_SIZE];

	jsonw_str(w, u128_text(amount.units, text));
}

/* The part-th event of a log, as chain_events_put takes it. */
static void
write_event(struct task *t, struct jsonw *w, const struct evm_log *log, size_t part,
	    const struct escrow_event *ev)
{
	const struct index *x = t->state;
	const struct address *who = address_is_zero(&ev->account) ? &ev->tenant : &ev->account;

	jsonw_open(w, '[');
	jsonw_int(w, (int64_t)log->block);
	write_hex(w, log->block_hash.b, sizeof(log->block_hash.b));
	write_hex(w, log->tx_hash.b, sizeof(log->tx_hash.b));
	jsonw_int(w, (int64_t)log->index);
	jsonw_int(w, (int64_t)part);
	jsonw_str(w, escrow_event_name(ev->kind));
	write_hex(w, ev->lease.b, sizeof(ev->lease.b));
	write_hex(w, who->b, sizeof(who->b));
	jsonw_int(w, (int64_t)(log->block == x->to ? x->block.time : log->time));
	write_amount(w, ev->paid);
	write_amount(w, ev->refund);
	if (ev->kind == ESCROW_OPENED)
		write_hex(w, ev->order.b, sizeof(ev->order.b));
	else
		jsonw_null(w);
	write_entries(w, &t->arena, ev);
	jsonw_close(w, ']');
}

static void
write_log(struct task *t, struct jsonw *w, const struct evm_log *log)
{
	const struct index *x = t->state;
	struct escrow_event *events;
	size_t count = escrow_events_read(&t->arena, log->topics, log->topic_count, log->data,
					  log->len, &events);

	if (count == 0) {
		log_debug("chain.unknown_event", "block=%llu index=%llu",
			  (unsigned long long)log->block, (unsigned long long)log->index);
		return;
	}
	for (size_t i = 0; i < count; i++)
		write_event(t, w, log, i, &events[i]);
	if (!x->bulk)
		log_info("chain.event", "kind=%s block=%llu leases=%zu",
			 escrow_event_name(events[0].kind), (unsigned long long)log->block, count);
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

/* What follows from events that have been put: what lent keys may sign, who is told. */
static void
follow_log(struct task *t, struct batch *b, const struct evm_log *log)
{
	struct escrow_event *ev;
	size_t count = escrow_events_read(&t->arena, log->topics, log->topic_count, log->data,
					  log->len, &ev);

	if (count == 1 && ev->kind == ESCROW_KEYED)
		q_chain_key_put(b, &log->block_hash, (int64_t)log->index, ev->amount, ev->until);
	for (size_t i = 0; i < count; i++)
		tell(t, b, &ev[i]);
}

static enum next store(struct task *t);

/* Once is a reorganisation between two questions; always is a node that lies. */
static enum next
moved(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	err_set(&t->err, &EVM_BAD_REPLY, "the chain moved while it was read");
	if (++c->contradicted >= CONTRADICTED) {
		c->contradicted = 0;
		evm_doubt(&c->evm, x->rpc.node, "its answers contradict each other");
	}
	return TASK_FAIL;
}

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
	if (!hash_equal(&tip.hash, &x->tip_hash) || x->rpc.node != x->node)
		return moved(t);
	return TASK_NEXT;
}

static enum next
store(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;
	uint64_t keep = x->to > KEEP ? x->to - KEEP : 0;
	struct jsonw *w;

	for (size_t i = 0; i < x->log_count; i++)
		if (x->logs[i].block == x->to &&
		    !hash_equal(&x->logs[i].block_hash, &x->block.hash))
			return moved(t);
	w = jsonw_new(false);
	jsonw_open(w, '[');
	for (size_t i = 0; i < x->log_count; i++)
		if (x->logs[i].block <= x->to)
			write_log(t, w, &x->logs[i]);
	jsonw_close(w, ']');
	x->b = batch_new(t);
	q_chain_block_put(x->b, (int64_t)x->to, &x->block.hash, &x->block.parent,
			  (int64_t)x->block.time);
	q_chain_forget(x->b, (int64_t)(x->has_final ? MIN(keep, x->final) : keep));
	if (x->log_count > 0) {
		q_chain_events_put(x->b, jsonw_text(w, NULL));
		for (size_t i = 0; i < x->log_count; i++)
			if (x->logs[i].block <= x->to)
				follow_log(t, x->b, &x->logs[i]);
		q_chain_recount(x->b, NULL, (int64_t)x->from - 1);
	}
	jsonw_free(w);
	return db_run(t, c->db, x->b);
}

static enum next
stored(struct task *t)
{
	struct index *x = t->state;
	struct clerk *c = t->owner;

	if (batch_failed(x->b, &t->err))
		return TASK_FAIL;
	c->contradicted = 0;
	if (x->bulk)
		log_info("chain.read", "from=%llu to=%llu logs=%zu", (unsigned long long)x->from,
			 (unsigned long long)x->to, x->log_count);
	if (x->log_count > 0) {
		clerk_tell_webs(c);
		clerk_look(c);
	}
	if (!x->more)
		caught_up(c, x->to);
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

static const struct step steps[] = { { "tip", tip_read },
				     { "tip_ask", tip_ask },
				     { "tip_check", tip_check },
				     { "rewound", rewound },
				     { "repair", facts_repair },
				     { "repaired", repaired },
				     { "head", head_ask },
				     { "range", range },
				     { "old", old_read },
				     { "logs", logs_ask },
				     { "block", block_ask },
				     { "stands_ask", stands_ask },
				     { "stands", stands },
				     { "store", store },
				     { "stored", stored },
				     { "final", final_ask },
				     { "final_read", final_read },
				     { "final_kept", final_kept },
				     STEP_END };

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
