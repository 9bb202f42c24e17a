/* SPDX-License-Identifier: Apache-2.0 */
/* What the market says of itself, and balances. */
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

void
info_show(struct request *r)
{
	struct web *web = r->ctx;
	const struct market_settings *s = web->settings;
	struct jsonw *w = jsonw_new(true);
	char text[ADDRESS_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "version", "%s", GAVEL_VERSION);
	jsonw_member(w, "time", "%s", time_text(clock_wall(), text));
	jsonw_member(w, "market", "%s", address_text(&web->market, text));
	jsonw_name(w, "chain_id");
	jsonw_int(w, (int64_t)s->chain_id);
	jsonw_member(w, "escrow", "%s", address_text(&s->escrow, text));
	jsonw_name(w, "token");
	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(&s->token, text));
	jsonw_member(w, "symbol", "%s", s->token_symbol);
	jsonw_name(w, "decimals");
	jsonw_int(w, s->token_decimals);
	jsonw_close(w, '}');
	jsonw_name(w, "rules");
	jsonw_open(w, '{');
	jsonw_name(w, "fee_bps");
	jsonw_int(w, s->fee_bps);
	jsonw_name(w, "accept_ms");
	jsonw_int(w, s->accept_ms);
	jsonw_name(w, "spot_period_s");
	jsonw_int(w, s->spot_period_s);
	jsonw_name(w, "spot_free_s");
	jsonw_int(w, s->spot_free_s);
	jsonw_name(w, "launch_s");
	jsonw_int(w, s->launch_s);
	jsonw_name(w, "established_launches");
	jsonw_int(w, s->established_launches);
	jsonw_name(w, "window_min_s");
	jsonw_int(w, s->window_min_s);
	jsonw_name(w, "window_max_s");
	jsonw_int(w, s->window_max_s);
	jsonw_name(w, "orders_open_max");
	jsonw_int(w, s->orders_open_max);
	jsonw_name(w, "tick_ms");
	jsonw_int(w, s->tick_ms);
	jsonw_name(w, "heartbeat_s");
	jsonw_int(w, s->heartbeat_s);
	jsonw_name(w, "head_every_s");
	jsonw_int(w, s->head_every_s);
	jsonw_name(w, "in_book_s");
	jsonw_int(w, s->in_book_s);
	jsonw_name(w, "failures_bp_max");
	jsonw_int(w, s->failures_bp_max);
	jsonw_name(w, "class_launches");
	jsonw_int(w, s->class_launches);
	jsonw_member(w, "bond_min", "%s", u128_text(s->bond_min.units, number));
	jsonw_name(w, "bond_hours");
	jsonw_int(w, s->bond_hours);
	jsonw_name(w, "settle_every_ms");
	jsonw_int(w, s->settle_every_ms);
	jsonw_name(w, "settle_within_s");
	jsonw_int(w, s->settle_within_s);
	jsonw_member(w, "settle_worth", "%s", u128_text(s->settle_worth.units, number));
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	request_answer_json(r, 200, w);
}

void
info_health(struct request *r)
{
	request_answer(r, 200, "text/plain", "ok\n", 3);
}

void
info_openapi(struct request *r)
{
	struct web *w = r->ctx;
	FILE *f = fopen(w->settings->openapi_file, "re");
	struct err e = ERR_NONE;
	size_t n;
	char *text;

	if (f == NULL) {
		err_errno(&e, "open %s", w->settings->openapi_file);
		request_fail(r, &e);
		return;
	}
	text = arena_alloc(&r->arena, JSON_BYTES_MAX);
	n = fread(text, 1, JSON_BYTES_MAX, f);
	fclose(f);
	request_answer(r, 200, "application/yaml", text, n);
}

/* ------------------------------------------------------------------ */
/* GET /readyz, GET /v1/accounts/{address}                              */

struct account_show {
	struct address who;
	bool ready_only;
	struct batch *b;
};

static enum next
account_read(struct task *t)
{
	struct account_show *a = t->state;
	struct web *w = task_request(t)->ctx;

	a->b = batch_new(t);
	q_account_free(a->b, &a->who);
	return db_run(t, w->db, a->b);
}

static enum next
account_answer(struct task *t)
{
	struct account_show *a = t->state;
	char text[AMOUNT_TEXT_SIZE];
	struct jsonw *w;

	if (batch_failed(a->b, &t->err))
		return TASK_FAIL;
	if (a->ready_only) {
		request_answer(task_request(t), 200, "text/plain", "ready\n", 6);
		return TASK_DONE;
	}
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(&a->who, text));
	jsonw_member(w, "balance", "%s", u128_text(row_u128(a->b, 0, 0, "balance"), text));
	/* Orders may promise more than a withdrawal has left: then nothing is free. */
	jsonw_member(w, "free", "%s",
		     row_text(a->b, 0, 0, "free")[0] == '-' ? "0" : row_text(a->b, 0, 0, "free"));
	jsonw_name(w, "block");
	jsonw_int(w, row_int(a->b, 0, 0, "block"));
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step account_steps[] = { { "read", account_read },
					     { "answer", account_answer },
					     STEP_END };

void
account_show(struct request *r)
{
	struct account_show a = { .ready_only = false };
	struct err e = ERR_NONE;
	struct task *t;

	if (address_read(request_part(r, "address"), &a.who, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "account_show", account_steps, sizeof(a));
	*(struct account_show *)t->state = a;
}

void
info_ready(struct request *r)
{
	struct task *t = request_task(r, "ready", account_steps, sizeof(struct account_show));

	((struct account_show *)t->state)->ready_only = true;
}
