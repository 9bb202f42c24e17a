/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks over REST: the records, what their roots stand for, and the transactions of
 * the market's key, some of which carry the head of the records (lease/head.h).
 */
#include "lease/tick_transcript.h"
#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

#define PAGE_MOST 500

static const struct code TICK_NOT_FOUND = { "tick_not_found", NOT_FOUND, "there is no such tick" };

struct tick_get {
	int64_t number, limit, tick;
	struct batch *b;
};

static void
write_tick(struct jsonw *w, struct arena *a, const struct batch *b, size_t row)
{
	char text[SIG_TEXT_SIZE];
	struct hash hash;
	struct sig sig;

	row_bytes(b, 0, row, "hash", hash.b, sizeof(hash.b));
	row_bytes(b, 0, row, "sig", sig.b, sizeof(sig.b));
	jsonw_open(w, '{');
	jsonw_member(w, "hash", "%s", hash_text(&hash, text));
	write_node(w, a, "terms", row_text(b, 0, row, "record"));
	jsonw_member(w, "sig", "%s", sig_text(&sig, text));
	jsonw_close(w, '}');
}

/* ------------------------------------------------------------------ */
/* GET /v1/ticks?after=                                                 */

static enum next
list_read(struct task *t)
{
	struct tick_get *g = t->state;
	struct web *w = task_request(t)->ctx;

	g->b = batch_new(t);
	q_tick_list(g->b, g->number, g->limit + 1);
	return db_run(t, w->db, g->b);
}

static enum next
list_answer(struct task *t)
{
	struct tick_get *g = t->state;
	struct jsonw *w;
	size_t count;

	if (batch_failed(g->b, &t->err))
		return TASK_FAIL;
	count = rows_count(g->b, 0);
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < MIN(count, (size_t)g->limit); i++)
		write_tick(w, &t->arena, g->b, i);
	jsonw_close(w, ']');
	jsonw_name(w, "has_more");
	jsonw_bool(w, count > (size_t)g->limit);
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step list_steps[] = { { "read", list_read },
					  { "answer", list_answer },
					  STEP_END };

static bool
page_of_query(struct request *r, struct tick_get *g)
{
	const char *after = request_query(r, "after"), *limit = request_query(r, "limit"),
		   *tick = request_query(r, "tick");
	struct err e = ERR_NONE;

	*g = (struct tick_get){ .number = after != NULL ? strtoll(after, NULL, 10) : -1,
				.limit = limit != NULL ? strtol(limit, NULL, 10) : 100,
				.tick = tick != NULL ? strtoll(tick, NULL, 10) : -1 };
	if (g->limit >= 1 && g->limit <= PAGE_MOST)
		return true;
	err_field(&e, &ERR_BAD_DATA, "limit", "limit must be 1 to %d", PAGE_MOST);
	request_fail(r, &e);
	return false;
}

void
tick_list(struct request *r)
{
	struct tick_get g;

	if (page_of_query(r, &g))
		*(struct tick_get *)request_task(r, "ticks", list_steps, sizeof(g))->state = g;
}

/* ------------------------------------------------------------------ */
/* GET /v1/heads?after=&tick=                                           */

static enum next
heads_read(struct task *t)
{
	struct tick_get *g = t->state;
	struct web *w = task_request(t)->ctx;

	g->b = batch_new(t);
	q_heads_list(g->b, g->number, g->tick, g->limit + 1);
	return db_run(t, w->db, g->b);
}

static void
write_sent(struct jsonw *w, const struct batch *b, size_t row)
{
	char text[HASH_TEXT_SIZE];
	struct hash hash;

	jsonw_open(w, '{');
	jsonw_name(w, "nonce");
	jsonw_int(w, row_int(b, 0, row, "nonce"));
	row_bytes(b, 0, row, "hash", hash.b, sizeof(hash.b));
	jsonw_member(w, "tx", "%s", hash_text(&hash, text));
	jsonw_name(w, "block");
	jsonw_int(w, row_int(b, 0, row, "block"));
	if (!row_null(b, 0, row, "head")) {
		jsonw_name(w, "number");
		jsonw_int(w, row_int(b, 0, row, "head"));
		row_bytes(b, 0, row, "record", hash.b, sizeof(hash.b));
		jsonw_member(w, "record", "%s", hash_text(&hash, text));
	}
	jsonw_close(w, '}');
}

static enum next
heads_answer(struct task *t)
{
	struct tick_get *g = t->state;
	struct jsonw *w;
	size_t count;

	if (batch_failed(g->b, &t->err))
		return TASK_FAIL;
	count = rows_count(g->b, 0);
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < MIN(count, (size_t)g->limit); i++)
		write_sent(w, g->b, i);
	jsonw_close(w, ']');
	jsonw_name(w, "has_more");
	jsonw_bool(w, count > (size_t)g->limit);
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step heads_steps[] = { { "read", heads_read },
					   { "answer", heads_answer },
					   STEP_END };

void
head_list(struct request *r)
{
	struct tick_get g;

	if (page_of_query(r, &g))
		*(struct tick_get *)request_task(r, "heads", heads_steps, sizeof(g))->state = g;
}

/* ------------------------------------------------------------------ */
/* GET /v1/ticks/{tick}, GET /v1/ticks/{tick}/transcript                */

static enum next
tick_read(struct task *t)
{
	struct tick_get *g = t->state;
	struct web *w = task_request(t)->ctx;

	g->b = batch_new(t);
	q_tick_get(g->b, g->number);
	q_tick_open_orders(g->b, g->number);
	q_tick_receipts(g->b, g->number);
	return db_run(t, w->db, g->b);
}

static int
tick_found(struct task *t)
{
	struct tick_get *g = t->state;

	if (batch_failed(g->b, &t->err))
		return -1;
	if (rows_count(g->b, 0) == 0)
		return err_set(&t->err, &TICK_NOT_FOUND, "tick %lld", (long long)g->number);
	return 0;
}

static enum next
show_answer(struct task *t)
{
	struct tick_get *g = t->state;
	struct jsonw *w;

	if (tick_found(t) < 0)
		return TASK_FAIL;
	w = jsonw_new(false);
	write_tick(w, &t->arena, g->b, 0);
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step show_steps[] = { { "read", tick_read },
					  { "answer", show_answer },
					  STEP_END };

static bool
number_of_path(struct request *r, int64_t *number)
{
	const char *text = request_part(r, "tick");
	struct err e = ERR_NONE;
	char *end;

	*number = strtoll(text, &end, 10);
	if (*text != '\0' && *end == '\0')
		return true;
	err_set(&e, &TICK_NOT_FOUND, "%.40s is not a number", text);
	request_fail(r, &e);
	return false;
}

void
tick_show(struct request *r)
{
	struct tick_get g = { .limit = 0 };

	if (number_of_path(r, &g.number))
		*(struct tick_get *)request_task(r, "tick", show_steps, sizeof(g))->state = g;
}

/* ------------------------------------------------------------------ */
/* As stored it holds every maximum; as shown, those that may be known.  */

static void
read_receipts(struct arena *a, const struct batch *b, struct tick_transcript *t)
{
	size_t count = rows_count(b, 2);
	struct receipt *receipts = arena_alloc(a, (count + 1) * sizeof(*receipts));

	for (size_t i = 0; i < count; i++) {
		struct receipt_terms *terms = &receipts[i].terms;

		row_bytes(b, 2, i, "item", terms->item.b, sizeof(terms->item.b));
		row_bytes(b, 2, i, "subject", terms->subject.b, sizeof(terms->subject.b));
		terms->round = (uint64_t)row_int(b, 2, i, "round");
		terms->index = (uint64_t)row_int(b, 2, i, "idx");
		terms->at = (uint64_t)row_time(b, 2, i, "at");
		row_bytes(b, 2, i, "sig", receipts[i].sig.b, sizeof(receipts[i].sig.b));
	}
	t->receipts = (struct json_list){ receipts, count };
}

static int
read_hidden(struct arena *a, const struct batch *b, struct tick_transcript *t, struct err *e)
{
	size_t count = rows_count(b, 1);
	struct hash *hidden = arena_alloc(a, (count + 1) * sizeof(*hidden));

	for (size_t i = 0; i < count; i++)
		row_bytes(b, 1, i, "hash", hidden[i].b, sizeof(hidden[i].b));
	return tick_transcript_hide(a, t, hidden, count, e);
}

static int
read_transcript(struct arena *a, const struct batch *b, struct tick_transcript *t, struct err *e)
{
	const char *text = row_text(b, 0, 0, "transcript");
	struct json *node;

	if (json_parse_large(a, text, strlen(text), &node, e) < 0 ||
	    json_read(a, node, tick_transcript_fields, t, e) < 0)
		return -1;
	read_receipts(a, b, t);
	return read_hidden(a, b, t, e);
}

static enum next
transcript_answer(struct task *t)
{
	struct tick_get *g = t->state;
	struct tick_transcript shown = { .rules = NULL };
	struct arena a;
	struct jsonw *w;
	int read;

	if (tick_found(t) < 0)
		return TASK_FAIL;
	arena_init(&a, 0);
	read = read_transcript(&a, g->b, &shown, &t->err);
	if (read == 0) {
		w = jsonw_new(false);
		json_write(w, tick_transcript_fields, &shown);
		request_answer_json(task_request(t), 200, w);
	}
	arena_release(&a);
	return read < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step transcript_steps[] = { { "read", tick_read },
						{ "answer", transcript_answer },
						STEP_END };

void
tick_transcript(struct request *r)
{
	struct tick_get g = { .limit = 0 };

	if (number_of_path(r, &g.number))
		*(struct tick_get *)request_task(r, "transcript", transcript_steps, sizeof(g))
			 ->state = g;
}

/* ------------------------------------------------------------------ */
/* GET /v1/ticks/{tick}/book: what the record signed, for the tick after it and for the
 * sealed rounds that were closed meanwhile.                             */

static enum next
book_read_tick(struct task *t)
{
	struct tick_get *g = t->state;
	struct web *w = task_request(t)->ctx;

	g->b = batch_new(t);
	q_tick_book(g->b, g->number);
	return db_run(t, w->db, g->b);
}

static void
read_record(struct arena *a, const struct batch *b, const char *record, const char *sig,
	    struct record *out)
{
	const char *text = row_text(b, 0, 0, record);
	struct err e = ERR_NONE;

	row_bytes(b, 0, 0, sig, out->sig.b, sizeof(out->sig.b));
	if (json_decode(a, text, strlen(text), record_terms_fields, &out->terms, &e) < 0)
		fatal("stored record: %s", e.text);
}

static int
read_book(struct arena *a, const struct batch *b, struct audit_book *out, struct err *e)
{
	const char *text = row_text(b, 0, 0, "book");
	struct tick_book book = { .rows = { NULL, 0 } };
	struct json *node;

	if (json_parse_large(a, text, strlen(text), &node, e) < 0 ||
	    json_read(a, node, tick_book_fields, &book, e) < 0)
		return err_wrap(e, "stored book");
	out->rows = book.rows;
	read_record(a, b, "record", "sig", &out->record);
	if (row_null(b, 0, 0, "next_record"))
		return 0;
	out->next = (struct json_list){ ARENA_NEW(a, struct record), 1 };
	read_record(a, b, "next_record", "next_sig", out->next.items);
	return 0;
}

static enum next
book_answer(struct task *t)
{
	struct tick_get *g = t->state;
	struct audit_book book = { .rows = { NULL, 0 } };
	struct arena a;
	struct jsonw *w;
	int read;

	if (tick_found(t) < 0)
		return TASK_FAIL;
	arena_init(&a, 0);
	read = read_book(&a, g->b, &book, &t->err);
	if (read == 0) {
		w = jsonw_new(false);
		json_write(w, audit_book_fields, &book);
		request_answer_json(task_request(t), 200, w);
	}
	arena_release(&a);
	return read < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step book_steps[] = { { "read", book_read_tick },
					  { "answer", book_answer },
					  STEP_END };

void
tick_book(struct request *r)
{
	struct tick_get g = { .limit = 0 };

	if (number_of_path(r, &g.number))
		*(struct tick_get *)request_task(r, "book", book_steps, sizeof(g))->state = g;
}
