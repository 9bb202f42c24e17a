/* SPDX-License-Identifier: Apache-2.0 */
#include "market/bid_queue.h"

#include <assert.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "query.h"

#define WAITING_MAX 4096
/* Of one statement: as many fit into a task's arena as hex, three times over. */
#define TAKEN_MAX	256
#define TAKEN_BYTES_MAX (256 * 1024)

struct waiting {
	struct waiting *next;
	struct task *task;
	struct bid_answer *answer; /* of the task's: gone with it */
	struct id id, order;
	bool died;
};

struct bid_queue {
	struct web *web;
	struct waiting *first, **end;
	size_t count;
	bool busy;
};

/* Those that one statement takes. */
struct load {
	struct bid_queue *queue;
	struct waiting *taken[TAKEN_MAX];
	size_t count;
	struct batch *b;
};

static void load_start(struct bid_queue *q);

struct bid_queue *
bid_queue_open(struct web *w)
{
	struct bid_queue *q = xcalloc(1, sizeof(*q));

	q->web = w;
	q->end = &q->first;
	return q;
}

static void
wake(struct waiting *w, const struct err *e)
{
	if (!w->died) {
		w->answer->err = *e;
		w->task->died = NULL;
		task_wake(w->task);
	}
	free(w);
}

/* ------------------------------------------------------------------ */
/* One statement.                                                       */

static struct waiting *
taken(const struct load *l, const struct id *id)
{
	for (size_t i = 0; i < l->count; i++)
		if (id_equal(&l->taken[i]->id, id))
			return l->taken[i];
	return NULL;
}

/* Ids differ within a statement: one that is posted twice at once waits for the next,
 * and is found there. */
static void
take(struct bid_queue *q, struct load *l)
{
	size_t bytes = 0;

	while (q->first != NULL && l->count < TAKEN_MAX && bytes < TAKEN_BYTES_MAX) {
		struct waiting *w = q->first;

		if (!w->died && taken(l, &w->id) != NULL)
			break;
		q->first = w->next;
		q->count--;
		if (w->died) {
			free(w);
			continue;
		}
		bytes += w->answer->envelope.len;
		l->taken[l->count++] = w;
	}
	if (q->first == NULL)
		q->end = &q->first;
}

static const char *
hex(struct arena *a, const void *b, size_t len)
{
	return hex_text(b, len, arena_alloc(a, 2 * len + 3)) + 2;
}

static enum next
load_store(struct task *t)
{
	enum { ID, ORDER, ROUND, PROVIDER, ENVELOPE, DECLINE, TIME, COLUMNS };
	struct load *l = t->state;
	struct json_strs column[COLUMNS];
	struct arena *a = &t->arena;

	take(l->queue, l);
	if (l->count == 0)
		return TASK_DONE;
	for (size_t c = 0; c < COLUMNS; c++) {
		column[c].count = l->count;
		column[c].items = arena_alloc(a, l->count * sizeof(*column[c].items));
	}
	for (size_t i = 0; i < l->count; i++) {
		const struct bid_answer *x = l->taken[i]->answer;
		char time[TIME_TEXT_SIZE];

		column[ID].items[i] = hex(a, x->id.b, sizeof(x->id.b));
		column[ORDER].items[i] = hex(a, x->order.b, sizeof(x->order.b));
		column[ROUND].items[i] = arena_printf(a, "%u", x->round);
		column[PROVIDER].items[i] = hex(a, x->provider.b, sizeof(x->provider.b));
		column[ENVELOPE].items[i] =
			x->decline == NULL ? hex(a, x->envelope.b, x->envelope.len) : NULL;
		column[DECLINE].items[i] = x->decline;
		column[TIME].items[i] = arena_strdup(a, time_text(x->received_at, time));
	}
	l->b = batch_new(t);
	q_bids_place(l->b, &column[ID], &column[ORDER], &column[ROUND], &column[PROVIDER],
		     &column[ENVELOPE], &column[DECLINE], &column[TIME]);
	return db_run(t, l->queue->web->db, l->b);
}

/* ------------------------------------------------------------------ */
/* The last of those invited has answered: the clerk need not wait any longer.  */

struct last {
	struct web *web;
	struct id order;
	struct batch *b;
};

/* An order each: whoever holds several orders at once must not meet the clerk, who
 * does too. Lost with the machine, it costs the rest of the window and nothing else. */
static enum next
last_wake(struct task *t)
{
	struct last *l = t->state;

	l->b = batch_new(t);
	q_commit_unflushed(l->b);
	q_bid_wake(l->b, &l->order, clock_wall());
	return db_run(t, l->web->db, l->b);
}

static enum next
last_poke(struct task *t)
{
	struct last *l = t->state;

	if (batch_failed(l->b, &t->err))
		return TASK_FAIL;
	web_poke(l->web);
	return TASK_DONE;
}

static const struct step last_steps[] = { { "wake", last_wake }, { "poke", last_poke }, STEP_END };

static void
last_done(struct task *t)
{
	if (t->err.code != NULL)
		log_warn("bids.wake", "error=\"%s\"", t->err.text);
}

static void
all_have_answered(struct web *w, const struct id *order)
{
	struct task *t = task_new(&w->loop, "bid_wake", last_steps, sizeof(struct last),
				  10 * SECOND_US, last_done, NULL);

	*(struct last *)t->state = (struct last){ .web = w, .order = *order };
}

/* ------------------------------------------------------------------ */

static enum next
load_tell(struct task *t)
{
	struct load *l = t->state;

	if (batch_failed(l->b, &t->err))
		return TASK_FAIL;
	for (size_t i = 0; i < rows_count(l->b, 0); i++) {
		const struct waiting *w;
		struct id id;

		row_bytes(l->b, 0, i, "id", id.b, sizeof(id.b));
		w = taken(l, &id);
		assert(w != NULL);
		if (!w->died)
			w->answer->seq = row_int(l->b, 0, i, "seq");
		if (row_bool(l->b, 0, i, "complete"))
			all_have_answered(l->queue->web, &w->order);
	}
	return TASK_DONE;
}

static const struct step load_steps[] = { { "store", load_store },
					  { "tell", load_tell },
					  STEP_END };

static void
load_done(struct task *t)
{
	struct load *l = t->state;
	struct bid_queue *q = l->queue;

	for (size_t i = 0; i < l->count; i++)
		wake(l->taken[i], &t->err);
	q->busy = false;
	if (q->first != NULL)
		load_start(q);
}

static void
load_start(struct bid_queue *q)
{
	struct load *l = task_new(&q->web->loop, "bids", load_steps, sizeof(*l), 20 * SECOND_US,
				  load_done, NULL)
				 ->state;

	q->busy = true;
	l->queue = q;
}

enum next
bid_queue_place(struct task *t, struct bid_queue *q, struct bid_answer *a)
{
	struct waiting *w;

	a->seq = 0;
	a->err = (struct err)ERR_NONE;
	if (q->count >= WAITING_MAX) {
		err_set(&a->err, &DB_BUSY, "%zu answers wait", q->count);
		return TASK_NEXT;
	}
	w = xcalloc(1, sizeof(*w));
	*w = (struct waiting){ .task = t, .answer = a, .id = a->id, .order = a->order };
	t->died = &w->died;
	*q->end = w;
	q->end = &w->next;
	q->count++;
	if (!q->busy)
		load_start(q);
	return TASK_WAIT;
}
