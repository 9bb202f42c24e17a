/* SPDX-License-Identifier: Apache-2.0 */
/* The price index as the clerk last computed it, and the leases it was computed from. */
#include "lease/index.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

#define ROWS_MOST   1000
#define TRADES_PAGE 500

static const struct code INDEX_WINDOW = { "index_window", INVALID, "a window is 1h or 24h" };

static int
window_read(struct request *r, uint32_t *seconds, struct err *e)
{
	const char *text = request_query(r, "window");

	if (text == NULL || strcmp(text, "24h") == 0)
		*seconds = 86400;
	else if (strcmp(text, "1h") == 0)
		*seconds = 3600;
	else
		return err_field(e, &INDEX_WINDOW, "window", "window \"%.20s\"", text);
	return 0;
}

/* ------------------------------------------------------------------ */
/* GET /v1/price-index                                                  */

struct show {
	const char *class, *region;
	uint32_t window_s;
	struct batch *b;
};

static enum next
show_read(struct task *t)
{
	struct show *s = t->state;
	struct web *w = task_request(t)->ctx;

	s->b = batch_new(t);
	q_index_list(s->b, s->class, s->region, s->window_s, ROWS_MOST);
	return db_run(t, w->db, s->b);
}

static void
write_number(struct jsonw *w, const struct batch *b, size_t row, const char *name)
{
	jsonw_name(w, name);
	if (row_null(b, 0, row, name))
		jsonw_null(w);
	else
		jsonw_int(w, row_int(b, 0, row, name));
}

static void
write_machine(struct jsonw *w, const struct index_machine *m, const struct batch *b, size_t row)
{
	static const char *const names[] = { "p25", "median", "p75" };
	char text[AMOUNT_TEXT_SIZE];

	jsonw_name(w, "machine");
	jsonw_open(w, '{');
	jsonw_member(w, "is", "%s", m->text);
	jsonw_member(w, "reference", "%s", u128_text(m->reference.nano, text));
	for (size_t i = 0; i < NELEMS(names) && !row_null(b, 0, row, names[i]); i++) {
		struct rate rate = index_price(m, (uint64_t)row_int(b, 0, row, names[i]));

		jsonw_member(w, names[i], "%s", u128_text(rate.nano, text));
	}
	jsonw_close(w, '}');
}

static void
write_index(struct jsonw *w, const struct web *web, const struct batch *b, size_t row)
{
	static const char *const numbers[] = { "p25",	 "median",  "p75",	 "leases",
					       "owners", "awarded", "unmatched", "award_ms" };
	const char *class = row_text(b, 0, row, "class"), *region = row_text(b, 0, row, "region");
	wall_t at = row_time(b, 0, row, "at"), published = row_time(b, 0, row, "published_at");
	struct arena a;
	char text[TIME_TEXT_SIZE];
	struct index_machine m;

	arena_init(&a, 0);
	m = index_machine(&a, &web->settings->reference, class);
	jsonw_open(w, '{');
	jsonw_member(w, "class", "%s", class);
	jsonw_name(w, "region");
	jsonw_str(w, region[0] != '\0' ? region : NULL);
	jsonw_member(w, "at", "%s", time_text(at, text));
	jsonw_name(w, "published_at");
	jsonw_str(w, published != 0 ? time_text(published, text) : NULL);
	jsonw_name(w, "stale");
	jsonw_bool(w, published != at);
	for (size_t i = 0; i < NELEMS(numbers); i++)
		write_number(w, b, row, numbers[i]);
	write_machine(w, &m, b, row);
	jsonw_close(w, '}');
	arena_release(&a);
}

static enum next
show_answer(struct task *t)
{
	struct show *s = t->state;
	struct web *web = task_request(t)->ctx;
	struct jsonw *w;

	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "window_s");
	jsonw_int(w, s->window_s);
	jsonw_name(w, "every_s");
	jsonw_int(w, web->settings->index_every_s);
	jsonw_name(w, "reference");
	json_write(w, rate_card_fields, &web->settings->reference);
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < rows_count(s->b, 0); i++)
		write_index(w, web, s->b, i);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step show_steps[] = { { "read", show_read },
					  { "answer", show_answer },
					  STEP_END };

void
price_index_show(struct request *r)
{
	struct show s = { .class = request_query(r, "class"),
			  .region = request_query(r, "region") };
	struct err e = ERR_NONE;

	if (window_read(r, &s.window_s, &e) < 0)
		request_fail(r, &e);
	else
		*(struct show *)request_task(r, "price_index", show_steps, sizeof(s))->state = s;
}

/* ------------------------------------------------------------------ */
/* GET /v1/price-index/trades                                           */

struct trades_show {
	const char *class, *region;
	uint32_t window_s;
	wall_t at;
	struct id after;
	bool has_after;
	struct batch *b;
};

static enum next
trades_read(struct task *t)
{
	struct trades_show *s = t->state;
	struct web *w = task_request(t)->ctx;

	s->b = batch_new(t);
	q_index_trades_page(s->b, s->at - s->window_s * SECOND_US, s->at, s->class, s->region,
			    s->has_after ? &s->after : NULL, TRADES_PAGE);
	return db_run(t, w->db, s->b);
}

static void
write_trade(struct jsonw *w, const struct batch *b, size_t row)
{
	char text[HASH_TEXT_SIZE];
	struct address who;
	struct id id;

	jsonw_open(w, '{');
	row_bytes(b, 0, row, "id", id.b, sizeof(id.b));
	jsonw_member(w, "lease", "%s", id_text(ID_LEASE, &id, text));
	row_bytes(b, 0, row, "provider", who.b, sizeof(who.b));
	jsonw_member(w, "provider", "%s", address_text(&who, text));
	row_bytes(b, 0, row, "tenant", who.b, sizeof(who.b));
	jsonw_member(w, "tenant", "%s", address_text(&who, text));
	jsonw_member(w, "class", "%s", row_text(b, 0, row, "class"));
	jsonw_member(w, "region", "%s", row_text(b, 0, row, "region"));
	jsonw_member(w, "rate", "%s", u128_text(row_u128(b, 0, row, "rate"), text));
	jsonw_member(w, "reference", "%s", u128_text(row_u128(b, 0, row, "reference"), text));
	jsonw_name(w, "ran_s");
	jsonw_int(w, MIN(row_int(b, 0, row, "ran_s"), (int64_t)UINT32_MAX));
	jsonw_name(w, "defaulted");
	jsonw_bool(w, row_bool(b, 0, row, "defaulted"));
	jsonw_name(w, "manual");
	jsonw_bool(w, row_bool(b, 0, row, "manual"));
	jsonw_close(w, '}');
}

static enum next
trades_answer(struct task *t)
{
	struct trades_show *s = t->state;
	char text[TIME_TEXT_SIZE];
	struct jsonw *w;
	size_t count;

	if (batch_failed(s->b, &t->err))
		return TASK_FAIL;
	count = rows_count(s->b, 0);
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "at", "%s", time_text(s->at, text));
	jsonw_name(w, "window_s");
	jsonw_int(w, s->window_s);
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < count; i++)
		write_trade(w, s->b, i);
	jsonw_close(w, ']');
	if (count == TRADES_PAGE) {
		struct id last;

		row_bytes(s->b, 0, count - 1, "id", last.b, sizeof(last.b));
		jsonw_member(w, "next", "%s", id_text(ID_LEASE, &last, text));
	}
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step trades_steps[] = { { "read", trades_read },
					    { "answer", trades_answer },
					    STEP_END };

static int
trades_asked(struct request *r, struct trades_show *s, struct err *e)
{
	const char *at = request_query(r, "at"), *cursor = request_query(r, "cursor");

	s->class = request_query(r, "class");
	s->region = request_query(r, "region");
	s->at = clock_wall();
	s->has_after = cursor != NULL;
	if (window_read(r, &s->window_s, e) < 0)
		return -1;
	if (at != NULL && time_read(at, &s->at, e) < 0)
		return err_wrap(e, "at");
	if (cursor != NULL && id_read(ID_LEASE, cursor, &s->after, e) < 0)
		return err_wrap(e, "cursor");
	return 0;
}

void
price_index_trades(struct request *r)
{
	struct trades_show s = { .class = NULL };
	struct err e = ERR_NONE;

	if (trades_asked(r, &s, &e) < 0)
		request_fail(r, &e);
	else
		*(struct trades_show *)request_task(r, "index_trades", trades_steps, sizeof(s))
			 ->state = s;
}
