/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The market asks what a group would cost here: the list price of now, or why
 * not. Nothing is signed, kept or reserved. Orders come first: of more questions
 * than QUOTES_MOST at a time the others are not answered.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/bid/appraise.h"

#define QUOTES_MOST 16u

struct quoting {
	struct appraisal appraisal; /* first: appraise.h */
	struct quote_doc doc;
	struct fetch f;
};

static enum next
quote_send(struct task *t)
{
	struct quoting *q = t->state;
	struct agent *g = t->owner;
	struct quote_answer answer = { .reason = q->appraisal.decline };
	const char *body;

	if (answer.reason == NULL)
		answer.list = q->appraisal.pricing.list;
	body = json_encode(&t->arena, quote_answer_fields, &answer);
	q->f = (struct fetch){
		.method = "POST",
		.url = arena_printf(&t->arena, "%s/v1/quotes/%s/answers", g->settings->market_url,
				    q->appraisal.order),
		.body = body,
		.body_len = strlen(body),
		.bearer = g->token,
		.ca_path = g->settings->market_ca,
		.timeout_us = 2 * SECOND_US,
	};
	return fetch_start(t, &q->f);
}

static enum next
quote_sent(struct task *t)
{
	struct quoting *q = t->state;

	return fetch_check(&t->arena, &q->f, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step quote_steps[] = {
	APPRAISE_STEPS, { "send", quote_send }, { "sent", quote_sent }, STEP_END
};

static void
quote_done(struct task *t)
{
	struct quoting *q = t->state;
	struct agent *g = t->owner;

	appraise_end(&q->appraisal);
	g->quotes--;
	if (t->err.code != NULL)
		log_debug("quote.failed", "error=\"%s\"", t->err.text);
}

void
quote_begin(struct agent *g, const char *data)
{
	struct err e = ERR_NONE;
	struct quoting *q;
	struct task *t;

	if (g->quotes >= QUOTES_MOST)
		return;
	g->quotes++;
	t = task_new(&g->loop, "quote", quote_steps, sizeof(*q), 5 * SECOND_US, quote_done, g);
	q = t->state;
	if (json_decode(&t->arena, data, strlen(data), quote_doc_fields, &q->doc, &e) < 0 ||
	    group_check(&q->doc.group, &e) < 0)
		task_kill(t, &ERR_BAD_DATA, e.text);
	else if (q->doc.ends_at < clock_wall())
		task_kill(t, &ERR_TIMEOUT, "the quote is over"); /* an old event, read again */
	else {
		q->appraisal.order =
			id_text(ID_QUOTE, &q->doc.id, arena_alloc(&t->arena, ID_TEXT_SIZE));
		q->appraisal.tenant = q->doc.tenant;
		q->appraisal.group = &q->doc.group;
	}
}
