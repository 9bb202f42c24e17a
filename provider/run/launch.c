/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Around the launch of a lease: waiting until our own look at the chain shows the
 * deposit locked, and telling the market that everything runs, or that it does
 * not.
 */
#include "provider/run/launch.h"

#include "lease/evm.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/ingress/proxy.h"

#define POLL_US		 (5 * MILLI_US)
#define POLL_MAX_US	 (500 * MILLI_US)
#define ROUTED_POLL_US	 (20 * MILLI_US)
#define OPENING_LIMIT_US (600 * SECOND_US)
#define REPORT_LIMIT_US	 (120 * SECOND_US)
#define OPEN_LIMIT_US	 (120 * SECOND_US) /* accepted, but never opened */

/* ------------------------------------------------------------------ */
/* The chain: nothing runs before our own look shows the deposit locked. */

struct gate {
	struct work work;
	struct evm_call rpc;
};

static enum next
opening_ask(struct task *t)
{
	struct gate *o = t->state;
	struct agent *g = t->owner;
	const char *body = rpc_call(&t->arena, NULL, &g->settings->escrow,
				    escrow_lease_state(&t->arena, &o->work.hash));

	return evm_call_start(t, &g->evm, body, &o->rpc);
}

static enum next
opening_wait(struct task *t)
{
	return task_sleep(t, MIN(POLL_US * (int64_t)(1 + t->hops / 20), POLL_MAX_US));
}

static enum next
opening_read(struct task *t)
{
	struct gate *o = t->state;
	struct agent *g = t->owner;
	struct escrow_lease state;
	struct json *result;
	const uint8_t *data;
	size_t len;

	if (evm_call_result(&t->arena, &o->rpc, &result, &t->err) < 0) {
		if (!err_retryable(&t->err))
			return TASK_FAIL;
		log_warn("chain.unreachable", "error=\"%s\"", t->err.text);
		t->err = (struct err)ERR_NONE;
		return task_sleep(t, SECOND_US);
	}
	if (rpc_bytes_read(&t->arena, result, &data, &len, &t->err) < 0 ||
	    book_get(g->book, &t->arena, &o->work.hash, &o->work, &t->err) != 1)
		return TASK_FAIL;
	if (!escrow_lease_read(data, len, &state) || state.deposit.units == 0) {
		if (clock_wall() - o->work.created < OPEN_LIMIT_US)
			return opening_wait(t);
		err_set(&t->err, &ERR_TIMEOUT, "the lease was never opened");
		return TASK_FAIL;
	}
	if (amount_cmp(state.deposit, o->work.terms.deposit) < 0) {
		err_set(&t->err, &AMOUNT_SHORT, "the deposit on chain is below the terms");
		return TASK_FAIL;
	}
	o->work.meter.began = (wall_t)state.up_to * SECOND_US;
	return book_put(g->book, &o->work, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static enum next
opening_again(struct task *t)
{
	return task_jump(t, opening_ask);
}

static const struct step opening_steps[] = {
	{ "ask", opening_ask }, { "read", opening_read }, { "again", opening_again }, STEP_END
};

/* Written down, so that the market is told and all of it is removed. */
void
lease_failed(struct agent *g, const struct hash *lease, const struct err *why)
{
	struct err e = ERR_NONE;
	struct arena a;
	struct work w;

	arena_init(&a, 0);
	if (book_get(g->book, &a, lease, &w, &e) == 1 && w.state == WORK_ACCEPTED) {
		/* The stable code first: a program that waits for the launch reads it. */
		w.failure = arena_printf(&a, "%s: %s", why->code->name, why->text);
		if (book_put(g->book, &w, &e) < 0)
			log_warn("book.failed", "error=\"%s\"", e.text);
	}
	arena_release(&a);
}

static void
opening_done(struct task *t)
{
	struct gate *o = t->state;
	struct agent *g = t->owner;
	struct live *l = live_of(g, &o->work.hash);

	l->opening = false;
	l->opened = t->err.code == NULL;
	if (t->err.code != NULL) {
		log_warn("lease.not_opened", "code=%s error=\"%s\"", t->err.code->name,
			 t->err.text);
		if (t->err.code->kind != UNAVAIL)
			lease_failed(g, &o->work.hash, &t->err);
	}
	timer_poke(g->run_timer);
}

void
opening_begin(struct agent *g, const struct work *w, struct live *l)
{
	struct gate *o;

	if (w->meter.began != 0)
		l->opened = true;
	if (l->opened || l->opening)
		return;
	l->opening = true;
	o = task_new(&g->loop, "opening", opening_steps, sizeof(*o), OPENING_LIMIT_US, opening_done,
		     g)
		    ->state;
	o->work.hash = w->hash;
	o->work.id = w->id;
}

/* ------------------------------------------------------------------ */
/* Tell the market that it runs, or that it does not.                   */

struct report {
	struct work work;
	struct fetch f;
};

static enum next report_send(struct task *t);

static const char *
report_body(struct task *t)
{
	struct report *r = t->state;
	const struct work *w = &r->work;
	struct launch_post post = { .lease = w->hash,
				    .healthy = w->failure == NULL,
				    .error = w->failure };
	struct manifest m;

	if (w->failure == NULL) {
		if (work_manifest(&t->arena, w, &m, &t->err) < 0)
			return NULL;
		post.endpoints.items =
			plan_endpoints(t->owner, &t->arena, w, &m, &post.endpoints.count);
	}
	return json_encode(&t->arena, launch_post_fields, &post);
}

/* Host names work before anyone is told of them. */
static enum next
routed(struct task *t)
{
	struct report *r = t->state;
	struct agent *g = t->owner;

	if (book_get(g->book, &t->arena, &r->work.hash, &r->work, &t->err) != 1)
		return TASK_FAIL;
	if (r->work.failure != NULL || proxy_serves(g, &r->work.hash))
		return task_jump(t, report_send);
	proxy_poke(g);
	return task_sleep(t, ROUTED_POLL_US);
}

static enum next
routed_again(struct task *t)
{
	return task_jump(t, routed);
}

static enum next
report_send(struct task *t)
{
	struct report *r = t->state;
	struct agent *g = t->owner;
	const char *body;

	if (book_get(g->book, &t->arena, &r->work.hash, &r->work, &t->err) != 1)
		return TASK_FAIL;
	body = report_body(t);
	if (body == NULL)
		return TASK_FAIL;
	r->f = (struct fetch){ .method = "POST",
			       .url = arena_printf(&t->arena, "%s/v1/launches",
						   g->settings->market_url),
			       .body = body,
			       .body_len = strlen(body),
			       .bearer = g->token,
			       .ca_path = g->settings->market_ca };
	return fetch_start(t, &r->f);
}

/* The market may not have seen the opening yet: it says conflict, and we wait. A
 * failure that it does not want to hear is told all the same. */
static enum next
report_read(struct task *t)
{
	struct report *r = t->state;
	struct agent *g = t->owner;
	char lease[ID_TEXT_SIZE];

	if (fetch_check(&t->arena, &r->f, &t->err) < 0) {
		bool again = err_retryable(&t->err);

		if (r->work.failure == NULL && (again || t->err.code->kind == CONFLICT)) {
			t->err = (struct err)ERR_NONE;
			return task_sleep(
				t, MIN(4 * POLL_US * (int64_t)(1 + t->hops / 20), SECOND_US));
		}
		if (r->work.failure == NULL || again)
			return TASK_FAIL; /* again at the next look */
		t->err = (struct err)ERR_NONE;
	}
	if (book_get(g->book, &t->arena, &r->work.hash, &r->work, &t->err) != 1)
		return TASK_FAIL;
	r->work.reported = true;
	if (r->work.failure == NULL && r->work.state == WORK_ACCEPTED) {
		r->work.state = WORK_RUNNING;
		log_info("lease.running", "lease=%s units=%u",
			 id_text(ID_LEASE, &r->work.id, lease), r->work.unit_count);
	}
	return book_put(g->book, &r->work, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static enum next
report_again(struct task *t)
{
	return task_jump(t, report_send);
}

static const struct step report_steps[] = {
	{ "routed", routed },	 { "routed_again", routed_again }, { "send", report_send },
	{ "read", report_read }, { "again", report_again },	   STEP_END
};

static void
report_done(struct task *t)
{
	struct report *r = t->state;
	struct agent *g = t->owner;

	busy_end(g, &r->work.hash);
	if (t->err.code != NULL)
		log_warn("lease.not_reported", "code=%s error=\"%s\"", t->err.code->name,
			 t->err.text);
	timer_poke(g->run_timer);
}

void
report_begin(struct agent *g, const struct work *w)
{
	struct report *r;

	if (!busy_begin(g, &w->hash))
		return;
	r = task_new(&g->loop, "report", report_steps, sizeof(*r), REPORT_LIMIT_US, report_done, g)
		    ->state;
	r->work.hash = w->hash;
	r->work.id = w->id;
}
