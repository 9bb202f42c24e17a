/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h - PostgreSQL through one pipelined connection per process. The only
 * door to libpq.
 *
 * A batch is a list of queries closed by one pipeline sync: it is one
 * transaction, and its failure touches no neighbour on the connection. So no
 * BEGIN, and no read-think-write across batches: the decision is in the
 * statement or guarded by it.
 *
 *	struct batch *b = batch_new(t);
 *	q_bids_place(b, &bid.id, ...);          generated from sql/query
 *	return db_run(t, db, b);               TASK_WAIT
 *	... next step:
 *	if (batch_failed(b, &t->err)) return TASK_FAIL;
 *	if (rows_count(b, 0) == 0) ... no row: the guard said no
 *
 * Queries with "-- plan: once" are prepared at their first use on a connection.
 * Batches in flight are bounded; beyond the bound a batch fails with DB_BUSY.
 * A lost connection fails the batches in flight with DB_LOST (their outcome
 * is unknown: writes carry an idempotency key) and is made again by itself.
 */
#ifndef GAVEL_DB_H
#define GAVEL_DB_H

#include "amount.h"
#include "id.h"
#include "task.h"

extern const struct code DB_LOST, DB_BUSY, DB_REFUSED;

struct db;
struct batch;

/* Connect (blocking, at start-up) with search_path pinned. The conninfo is
 * libpq's, multi-host strings included. `lock`: 0, or the number of an
 * advisory lock to hold for the session, waiting until it is free. */
struct db *db_open(struct loop *l, const char *conninfo, int64_t lock, struct err *e) mustcheck;
void db_close(struct db *db);

struct batch *batch_new(struct task *t) mustcheck;
enum next db_run(struct task *t, struct db *db, struct batch *b);
/* After the batch: whether it failed, and why. */
bool batch_failed(const struct batch *b, struct err *e);
size_t batch_length(const struct batch *b);

/* Parameters, used by the generated q_ functions. Text form. */
struct query {
	const char *name, *sql;
	unsigned args;
	bool once; /* planned once for each connection, under its name */
};
void batch_add(struct batch *b, const struct query *q);
void batch_arg_text(struct batch *b, const char *v);
void batch_arg_int(struct batch *b, int64_t v);
void batch_arg_bool(struct batch *b, bool v);
void batch_arg_bytes(struct batch *b, const void *v, size_t len);	   /* bytea; NULL: null */
void batch_arg_texts(struct batch *b, const char *const *v, size_t count); /* text[] */
void batch_arg_u128(struct batch *b, u128 v);
void batch_arg_time(struct batch *b, wall_t v); /* 0: null */

/* Rows of the q-th query of the batch. Columns by name; a name that is not
 * there is a bug and ends the process. NULL reads as "", 0, false. */
size_t rows_count(const struct batch *b, size_t q);
bool row_null(const struct batch *b, size_t q, size_t row, const char *column);
const char *row_text(const struct batch *b, size_t q, size_t row, const char *column);
int64_t row_int(const struct batch *b, size_t q, size_t row, const char *column);
bool row_bool(const struct batch *b, size_t q, size_t row, const char *column);
wall_t row_time(const struct batch *b, size_t q, size_t row, const char *column);
u128 row_u128(const struct batch *b, size_t q, size_t row, const char *column);
/* Exactly len bytes; zeroes when NULL. */
void
row_bytes(const struct batch *b, size_t q, size_t row, const char *column, void *out, size_t len);
/* Any length, in the batch's arena. */
const uint8_t *
row_blob(const struct batch *b, size_t q, size_t row, const char *column, size_t *len);

/* Blocking script runner for migrations. */
int db_migrate(const char *conninfo, const char *dir, struct err *e) mustcheck;

#endif
