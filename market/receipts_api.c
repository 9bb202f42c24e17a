/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts over REST: waited for by whatever takes something, and shown again. */
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

#define WAIT_US (3 * SECOND_US) /* then the answer has none, and it is shown later */
#define LOOK_US (250 * MILLI_US)

static const struct code RECEIPT_NOT_FOUND = { "receipt_not_found", NOT_FOUND,
					       "nothing with this hash was taken" };

struct receipt_waiter {
	struct receipt_waiter *next;
	struct task *task;
	bool died;
};

enum next
receipt_ask(struct task *t, struct receipt_ask *r)
{
	struct web *w = task_request(t)->ctx;

	if (r->until == 0)
		r->until = clock_mono() + WAIT_US;
	r->b = batch_new(t);
	q_receipt_get(r->b, &r->item);
	return db_run(t, w->db, r->b);
}

bool
receipt_here(struct task *t, struct receipt_ask *r)
{
	struct receipt_terms *terms = &r->receipt.terms;

	if (batch_failed(r->b, &t->err))
		return true;
	r->known = rows_count(r->b, 0) == 1;
	if (!r->known)
		return true;
	row_bytes(r->b, 0, 0, "item", terms->item.b, sizeof(terms->item.b));
	row_bytes(r->b, 0, 0, "subject", terms->subject.b, sizeof(terms->subject.b));
	terms->round = (uint64_t)row_int(r->b, 0, 0, "round");
	terms->index = (uint64_t)row_int(r->b, 0, 0, "idx");
	terms->at = (uint64_t)row_time(r->b, 0, 0, "at");
	r->signed_ = !row_null(r->b, 0, 0, "sig");
	if (r->signed_)
		row_bytes(r->b, 0, 0, "sig", r->receipt.sig.b, sizeof(r->receipt.sig.b));
	return r->signed_ || clock_mono() >= r->until;
}

enum next
receipt_wait(struct task *t, struct receipt_ask *r)
{
	struct web *w = task_request(t)->ctx;
	struct receipt_waiter *wait = xcalloc(1, sizeof(*wait));

	wait->task = t;
	t->died = &wait->died;
	wait->next = w->receipt_waiters;
	w->receipt_waiters = wait;
	return task_sleep(t, MIN(MAX(r->until - clock_mono(), (int64_t)1), LOOK_US));
}

void
receipt_unwait(struct task *t)
{
	struct web *w = task_request(t)->ctx;
	struct receipt_waiter **at = &w->receipt_waiters, *wait;

	while ((wait = *at) != NULL) {
		if (wait->died || wait->task != t) {
			at = &wait->next;
			continue;
		}
		*at = wait->next;
		t->died = NULL;
		free(wait);
	}
}

void
receipts_poke(struct web *w)
{
	struct receipt_waiter *wait;

	while ((wait = w->receipt_waiters) != NULL) {
		w->receipt_waiters = wait->next;
		if (!wait->died) {
			wait->task->died = NULL;
			task_wake(wait->task);
		}
		free(wait);
	}
}

void
write_receipt(struct jsonw *w, const struct receipt_ask *r)
{
	jsonw_name(w, "receipt");
	if (r->signed_)
		json_write(w, receipt_fields, &r->receipt);
	else
		jsonw_null(w);
}

/* ------------------------------------------------------------------ */
/* GET /v1/receipts/{item}                                              */

static enum next
show_ask(struct task *t)
{
	return receipt_ask(t, t->state);
}

static enum next
show_answer(struct task *t)
{
	struct receipt_ask *r = t->state;
	struct jsonw *w;

	if (!receipt_here(t, r))
		return receipt_wait(t, r);
	if (t->err.code != NULL)
		return TASK_FAIL;
	if (!r->signed_) {
		err_set(&t->err, &RECEIPT_NOT_FOUND, "%s",
			r->known ? "it is not signed yet" : "no order, offer or envelope");
		return TASK_FAIL;
	}
	w = jsonw_new(false);
	json_write(w, receipt_fields, &r->receipt);
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static enum next
show_again(struct task *t)
{
	receipt_unwait(t);
	return task_jump(t, show_ask);
}

static const struct step show_steps[] = {
	{ "ask", show_ask }, { "answer", show_answer }, { "again", show_again }, STEP_END
};

void
receipt_show(struct request *r)
{
	struct receipt_ask ask = { .b = NULL };
	struct err e = ERR_NONE;

	if (hash_read(request_part(r, "item"), &ask.item, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	*(struct receipt_ask *)request_task(r, "receipt", show_steps, sizeof(ask))->state = ask;
}
