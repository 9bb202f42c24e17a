/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/accounts/{address}/entries: what moved the balance of an address, event by
 * event, with the balance after each. The same as anybody computes from the chain
 * (`gavel statement`), only faster.
 */
#include <inttypes.h>

#include "lib/clock.h"
#include "market/web.h"
#include "query.h"

#define ENTRIES_MOST  1000
#define ENTRIES_USUAL 100

struct entries_task {
	struct address who;
	int64_t block, log, part; /* the last one seen */
	int64_t limit;
	wall_t from, until; /* 0: from the first, to the last */
	struct batch *b;
};

static enum next
entries_read(struct task *t)
{
	struct entries_task *x = t->state;
	struct web *w = task_request(t)->ctx;

	x->b = batch_new(t);
	q_account_free(x->b, &x->who);
	q_account_entries(x->b, &x->who, x->block, x->log, x->part, x->limit + 1, x->from,
			  x->until);
	return db_run(t, w->db, x->b);
}

static void
write_hash(struct jsonw *w, const char *name, const struct batch *b, size_t row, const char *column)
{
	char text[HASH_TEXT_SIZE];
	struct hash hash;

	jsonw_name(w, name);
	if (row_null(b, 1, row, column)) {
		jsonw_null(w);
		return;
	}
	row_bytes(b, 1, row, column, hash.b, sizeof(hash.b));
	jsonw_str(w, hash_text(&hash, text));
}

static void
write_entry(struct jsonw *w, const struct batch *b, size_t row)
{
	static const char *const numbers[][2] = { { "block", "block" },
						  { "log", "log_index" },
						  { "part", "part" } };
	char text[TIME_TEXT_SIZE];

	jsonw_open(w, '{');
	for (size_t i = 0; i < NELEMS(numbers); i++) {
		jsonw_name(w, numbers[i][0]);
		jsonw_int(w, row_int(b, 1, row, numbers[i][1]));
	}
	write_hash(w, "tx", b, row, "tx_hash");
	jsonw_member(w, "time", "%s", time_text(row_int(b, 1, row, "at") * SECOND_US, text));
	jsonw_member(w, "kind", "%s", row_text(b, 1, row, "kind"));
	write_hash(w, "lease", b, row, "lease");
	jsonw_member(w, "amount", "%s", row_text(b, 1, row, "amount"));
	jsonw_member(w, "balance", "%s", row_text(b, 1, row, "balance"));
	jsonw_close(w, '}');
}

static enum next
entries_answer(struct task *t)
{
	struct entries_task *x = t->state;
	size_t count, limit = (size_t)x->limit;
	char text[ADDRESS_TEXT_SIZE];
	struct jsonw *w;

	if (batch_failed(x->b, &t->err))
		return TASK_FAIL;
	count = rows_count(x->b, 1);
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(&x->who, text));
	jsonw_name(w, "block");
	jsonw_int(w, row_int(x->b, 0, 0, "block"));
	jsonw_member(w, "balance", "%s", row_text(x->b, 0, 0, "balance"));
	jsonw_name(w, "data");
	jsonw_open(w, '[');
	for (size_t i = 0; i < MIN(count, limit); i++)
		write_entry(w, x->b, i);
	jsonw_close(w, ']');
	jsonw_name(w, "has_more");
	jsonw_bool(w, count > limit);
	if (count > limit)
		jsonw_member(w, "next_cursor", "%" PRId64 ".%" PRId64 ".%" PRId64,
			     row_int(x->b, 1, limit - 1, "block"),
			     row_int(x->b, 1, limit - 1, "log_index"),
			     row_int(x->b, 1, limit - 1, "part"));
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step entries_steps[] = { { "read", entries_read },
					     { "answer", entries_answer },
					     STEP_END };

/* "block.log.part" of the last entry seen. */
static int
cursor_read(const char *text, struct entries_task *x, struct err *e)
{
	int64_t *const parts[] = { &x->block, &x->log, &x->part };

	for (size_t i = 0; i < NELEMS(parts); i++) {
		char *end;

		*parts[i] = strtoll(text, &end, 10);
		if (end == text || *parts[i] < 0 || *end != (i + 1 < NELEMS(parts) ? '.' : '\0'))
			return err_field(e, &ERR_BAD_DATA, "cursor",
					 "cursor must be the next_cursor of a page");
		text = end + 1;
	}
	return 0;
}

static int
query_read(const struct request *r, struct entries_task *x, struct err *e)
{
	const char *limit = request_query(r, "limit"), *cursor = request_query(r, "cursor"),
		   *from = request_query(r, "from"), *until = request_query(r, "to");
	char *end = NULL;

	*x = (struct entries_task){ .block = -1,
				    .limit = ENTRIES_USUAL,
				    .until = INT64_C(253402300799) * SECOND_US };
	if (limit != NULL) {
		x->limit = strtol(limit, &end, 10);
		if (*end != '\0' || x->limit < 1 || x->limit > ENTRIES_MOST)
			return err_field(e, &ERR_BAD_DATA, "limit", "limit must be 1 to 1000");
	}
	if (from != NULL && time_read(from, &x->from, e) < 0)
		return err_wrap(e, "from");
	if (until != NULL && time_read(until, &x->until, e) < 0)
		return err_wrap(e, "to");
	return cursor != NULL ? cursor_read(cursor, x, e) : 0;
}

void
account_entries(struct request *r)
{
	struct err e = ERR_NONE;
	struct entries_task x;
	struct task *t;

	if (query_read(r, &x, &e) < 0 || address_read(request_part(r, "address"), &x.who, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "account_entries", entries_steps, sizeof(x));
	*(struct entries_task *)t->state = x;
}
