/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.c - signs what the web roles have taken. A receipt's terms are stored
 * in the transaction that takes the thing, so nothing acknowledged is ever lost;
 * the key is only here. All that wait are signed in one call,
 * and stored in one statement.
 */
#include <inttypes.h>

#include "lease/signer.h"
#include "lease/record.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "query.h"

struct receipts {
	struct batch *b;
	struct chan_call call;
	struct receipt_terms *terms;
	size_t count;
	struct sig *sigs;
};

static enum next
receipts_read(struct task *t)
{
	struct receipts *r = t->state;

	r->b = batch_new(t);
	q_receipts_due(r->b, SIGN_RECEIPTS_MAX);
	return db_run(t, clerk_of(t)->db, r->b);
}

static enum next
receipts_sign(struct task *t)
{
	struct receipts *r = t->state;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	r->count = rows_count(r->b, 0);
	if (r->count == 0)
		return TASK_DONE;
	r->terms = arena_alloc(&t->arena, r->count * sizeof(*r->terms));
	for (size_t i = 0; i < r->count; i++) {
		struct receipt_terms *terms = &r->terms[i];

		row_bytes(r->b, 0, i, "item", terms->item.b, sizeof(terms->item.b));
		row_bytes(r->b, 0, i, "subject", terms->subject.b, sizeof(terms->subject.b));
		terms->round = (uint64_t)row_int(r->b, 0, i, "round");
		terms->index = (uint64_t)row_int(r->b, 0, i, "idx");
		terms->at = (uint64_t)row_time(r->b, 0, i, "at");
	}
	return signer_start(t, clerk_of(t)->signer, &r->call, SIGN_RECEIPT, r->terms,
			    r->count * sizeof(*r->terms));
}

static const char *
hex(struct arena *a, const void *b, size_t len)
{
	return hex_text(b, len, arena_alloc(a, 2 * len + 3)) + 2;
}

static enum next
receipts_store(struct task *t)
{
	enum { ITEM, SUBJECT, ROUND, INDEX, SIG, COLUMNS };
	struct receipts *r = t->state;
	struct json_strs column[COLUMNS];
	struct arena *a = &t->arena;

	r->sigs = arena_alloc(a, r->count * sizeof(*r->sigs));
	if (signer_answer(&r->call, r->sigs, r->count * sizeof(*r->sigs), &t->err) < 0)
		return TASK_FAIL;
	for (size_t c = 0; c < COLUMNS; c++) {
		column[c].count = r->count;
		column[c].items = arena_alloc(a, r->count * sizeof(*column[c].items));
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct receipt_terms *x = &r->terms[i];

		column[ITEM].items[i] = hex(a, x->item.b, sizeof(x->item.b));
		column[SUBJECT].items[i] = hex(a, x->subject.b, sizeof(x->subject.b));
		column[ROUND].items[i] = arena_printf(a, "%" PRIu64, x->round);
		column[INDEX].items[i] = arena_printf(a, "%" PRIu64, x->index);
		column[SIG].items[i] = hex(a, r->sigs[i].b, sizeof(r->sigs[i].b));
	}
	r->b = batch_new(t);
	q_receipts_signed(r->b, &column[ITEM], &column[SUBJECT], &column[ROUND], &column[INDEX],
			  &column[SIG]);
	return db_run(t, clerk_of(t)->db, r->b);
}

static enum next
receipts_end(struct task *t)
{
	struct receipts *r = t->state;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	clerk_tell_webs(clerk_of(t));
	clerk_of(t)->receipts_again = clerk_of(t)->receipts_again || r->count == SIGN_RECEIPTS_MAX;
	return TASK_DONE;
}

static const struct step receipts_steps[] = { { "read", receipts_read },
					      { "sign", receipts_sign },
					      { "store", receipts_store },
					      { "end", receipts_end },
					      STEP_END };

static void
receipts_done(struct task *t)
{
	struct clerk *c = t->owner;

	c->receipts_busy = false;
	if (t->err.code != NULL)
		log_warn("receipts.failed", "error=\"%s\"", t->err.text);
	if (c->receipts_again)
		receipts_poll(c);
}

void
receipts_poll(void *clerk)
{
	struct clerk *c = clerk;

	c->receipts_again = c->receipts_busy;
	if (c->receipts_busy)
		return;
	c->receipts_busy = true;
	task_new(&c->loop, "receipts", receipts_steps, sizeof(struct receipts), 10 * SECOND_US,
		 receipts_done, c);
}
