/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#include <assert.h>
#include <dirent.h>
#include <event2/event.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

const struct code DB_LOST = { "database_lost", UNAVAIL, "the connection to the database was lost" };
const struct code DB_BUSY = { "database_busy", UNAVAIL, "too much is waiting for the database" };
const struct code DB_REFUSED = { "database_refused", INTERNAL, "the database refused a statement" };

#define BATCHES_MAX  512
#define PREPARED_MAX 64
#define RECONNECT_US (500 * MILLI_US)

/* Session settings: names are resolved nowhere but where we say. */
#define SESSION_OPTIONS                                                                            \
	"-c search_path=pg_catalog -c TimeZone=UTC -c DateStyle=ISO,YMD -c bytea_output=hex "      \
	"-c statement_timeout=10000 -c idle_in_transaction_session_timeout=10000"

struct query_call {
	const struct query *query;
	const char **args; /* NULL: null */
	unsigned count;
	PGresult *result; /* owned */
};

struct batch {
	struct task *task;
	struct arena *arena;
	struct query_call *calls;
	size_t count;
	struct err err;
};

/* A batch on the wire. It outlives its task. Without a batch: a statement is being
 * prepared, in a transaction of its own, so that no failure but its own undoes it. */
struct flight {
	struct flight *next;
	struct batch *batch;
	const struct query *prepares;
	bool task_died;
	size_t count, done; /* queries */
};

struct db {
	struct loop *loop;
	PGconn *pg;
	struct event *on_read, *on_write, *retry;
	struct flight *first, **end;
	unsigned flights;
	char *conninfo;
	int64_t lock;
	bool up;
	/* what this connection has prepared, or is about to */
	const struct query *prepared[PREPARED_MAX];
	size_t prepared_count;
};

/* ------------------------------------------------------------------ */
/* Connecting.                                                         */

static PGconn *
connect_blocking(const char *conninfo)
{
	const char *const names[] = { "dbname",		 "options",	     "application_name",
				      "connect_timeout", "tcp_user_timeout", NULL };
	const char *const values[] = { conninfo, SESSION_OPTIONS, "gavel", "3", "3000", NULL };

	return PQconnectdbParams(names, values, 1);
}

/* The first line of libpq's message, without its new line. */
static int
pg_fail(PGconn *pg, const struct code *code, const char *what, struct err *e)
{
	const char *text = PQerrorMessage(pg);

	return err_set(e, code, "%s: %.*s", what, (int)strcspn(text, "\n"), text);
}

static int
take_lock(PGconn *pg, int64_t lock, struct err *e)
{
	char sql[80];
	PGresult *result;
	int failed;

	if (lock == 0)
		return 0;
	PQclear(PQexec(pg, "set statement_timeout = 0"));
	snprintf(sql, sizeof(sql), "select pg_advisory_lock(%" PRId64 ")", lock);
	result = PQexec(pg, sql);
	failed = PQresultStatus(result) != PGRES_TUPLES_OK ? pg_fail(pg, &DB_LOST, "lock", e) : 0;
	PQclear(result);
	PQclear(PQexec(pg, "set statement_timeout = 10000"));
	return failed;
}

static void db_on_read(evutil_socket_t fd, short what, void *arg);
static void db_on_write(evutil_socket_t fd, short what, void *arg);

static int
db_ready(struct db *db, struct err *e)
{
	if (PQsetnonblocking(db->pg, 1) != 0 || PQenterPipelineMode(db->pg) != 1)
		return pg_fail(db->pg, &DB_LOST, "pipeline", e);
	db->on_read =
		event_new(db->loop->base, PQsocket(db->pg), EV_READ | EV_PERSIST, db_on_read, db);
	db->on_write = event_new(db->loop->base, PQsocket(db->pg), EV_WRITE, db_on_write, db);
	if (db->on_read == NULL || db->on_write == NULL)
		fatal("out of memory");
	event_add(db->on_read, NULL);
	db->up = true;
	return 0;
}

static void
db_down(struct db *db)
{
	db->up = false;
	db->prepared_count = 0;
	if (db->on_read != NULL)
		event_free(db->on_read);
	if (db->on_write != NULL)
		event_free(db->on_write);
	db->on_read = db->on_write = NULL;
	PQfinish(db->pg);
	db->pg = NULL;
}

/* ------------------------------------------------------------------ */
/* Making the connection again, without blocking the loop.             */

static void db_retry(evutil_socket_t fd, short what, void *arg);

static void
db_retry_later(struct db *db)
{
	struct timeval tv = { 0, RECONNECT_US };

	event_free(db->retry);
	db->retry = event_new(db->loop->base, -1, 0, db_retry, db);
	event_add(db->retry, &tv);
}

static void
db_try_lock(struct db *db, struct err *e)
{
	char sql[80];
	PGresult *result;
	bool got;

	if (db->lock == 0)
		return;
	/* A few hundred microseconds, once after an outage. */
	snprintf(sql, sizeof(sql), "select pg_try_advisory_lock(%" PRId64 ")", db->lock);
	result = PQexec(db->pg, sql);
	got = PQresultStatus(result) == PGRES_TUPLES_OK && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	if (!got)
		err_set(e, &DB_LOST, "another process holds the lock");
}

static void
db_on_connecting(evutil_socket_t fd, short what, void *arg)
{
	struct db *db = arg;
	PostgresPollingStatusType status = PQconnectPoll(db->pg);
	struct err e = ERR_NONE;
	struct timeval limit = { 5, 0 };

	(void)fd;
	if ((what & EV_TIMEOUT) != 0)
		status = PGRES_POLLING_FAILED;
	if (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
		event_free(db->retry);
		db->retry = event_new(db->loop->base, PQsocket(db->pg),
				      status == PGRES_POLLING_READING ? EV_READ : EV_WRITE,
				      db_on_connecting, db);
		event_add(db->retry, &limit);
		return;
	}
	if (status == PGRES_POLLING_OK)
		db_try_lock(db, &e);
	else
		pg_fail(db->pg, &DB_LOST, "connect", &e);
	if (e.code == NULL && db_ready(db, &e) == 0) {
		log_info("db.connected", "again=1");
		return;
	}
	log_warn("db.unreachable", "error=\"%s\"", e.text);
	db_down(db);
	db_retry_later(db);
}

static void
db_retry(evutil_socket_t fd, short what, void *arg)
{
	const char *const names[] = { "dbname", "options", "application_name", "tcp_user_timeout",
				      NULL };
	struct db *db = arg;
	const char *const values[] = { db->conninfo, SESSION_OPTIONS, "gavel", "3000", NULL };
	struct timeval limit = { 5, 0 };

	(void)fd;
	(void)what;
	db->pg = PQconnectStartParams(names, values, 1);
	if (db->pg == NULL)
		fatal("out of memory");
	if (PQstatus(db->pg) == CONNECTION_BAD) {
		db_down(db);
		db_retry_later(db);
		return;
	}
	event_free(db->retry);
	db->retry = event_new(db->loop->base, PQsocket(db->pg), EV_WRITE, db_on_connecting, db);
	event_add(db->retry, &limit);
}

struct db *
db_open(struct loop *l, const char *conninfo, int64_t lock, struct err *e)
{
	struct db *db = xcalloc(1, sizeof(*db));

	db->loop = l;
	db->conninfo = xstrdup(conninfo);
	db->lock = lock;
	db->end = &db->first;
	db->retry = event_new(l->base, -1, 0, db_retry, db);
	db->pg = connect_blocking(conninfo);
	if (PQstatus(db->pg) != CONNECTION_OK)
		pg_fail(db->pg, &DB_LOST, "connect to the database", e);
	else if (take_lock(db->pg, lock, e) == 0 && db_ready(db, e) == 0)
		return db;
	db_close(db);
	return NULL;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	db_down(db);
	event_free(db->retry);
	free(db->conninfo);
	free(db);
}

/* ------------------------------------------------------------------ */
/* Batches.                                                            */

static void
batch_clear(void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->count; i++)
		PQclear(b->calls[i].result);
}

struct batch *
batch_new(struct task *t)
{
	struct batch *b = ARENA_NEW(&t->arena, struct batch);

	b->task = t;
	b->arena = &t->arena;
	arena_defer(&t->arena, batch_clear, b);
	return b;
}

void
batch_add(struct batch *b, const struct query *q)
{
	struct query_call *call;

	b->calls = arena_grow(b->arena, b->calls, b->count, sizeof(*b->calls));
	call = &b->calls[b->count++];
	*call = (struct query_call){ .query = q };
	call->args = arena_alloc(b->arena, (q->args + 1) * sizeof(*call->args));
}

void
batch_arg_text(struct batch *b, const char *v)
{
	struct query_call *call = &b->calls[b->count - 1];

	assert(call->count < call->query->args);
	call->args[call->count++] = v != NULL ? arena_strdup(b->arena, v) : NULL;
}

void
batch_arg_int(struct batch *b, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, v);
	batch_arg_text(b, text);
}

void
batch_arg_bool(struct batch *b, bool v)
{
	batch_arg_text(b, v ? "t" : "f");
}

void
batch_arg_bytes(struct batch *b, const void *v, size_t len)
{
	struct query_call *call = &b->calls[b->count - 1];
	char *text;

	if (v == NULL) {
		batch_arg_text(b, NULL);
		return;
	}
	assert(call->count < call->query->args);
	text = arena_alloc(b->arena, 2 * len + 4);
	hex_text(v, len, text);
	text[0] = '\\';
	call->args[call->count++] = text;
}

/* {"one","two",NULL} */
void
batch_arg_texts(struct batch *b, const char *const *v, size_t count)
{
	struct query_call *call = &b->calls[b->count - 1];
	size_t most = 3;
	char *text, *at;

	assert(call->count < call->query->args);
	for (size_t i = 0; i < count; i++)
		most += v[i] != NULL ? 2 * strlen(v[i]) + 3 : 5;
	text = at = arena_alloc(b->arena, most);
	*at++ = '{';
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			*at++ = ',';
		if (v[i] == NULL) {
			at = stpcpy(at, "NULL");
			continue;
		}
		*at++ = '"';
		for (const char *p = v[i]; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				*at++ = '\\';
			*at++ = *p;
		}
		*at++ = '"';
	}
	*at++ = '}';
	*at = '\0';
	call->args[call->count++] = text;
}

void
batch_arg_u128(struct batch *b, u128 v)
{
	char text[AMOUNT_TEXT_SIZE];

	batch_arg_text(b, u128_text(v, text));
}

void
batch_arg_time(struct batch *b, wall_t v)
{
	char text[TIME_TEXT_SIZE];

	batch_arg_text(b, v != 0 ? time_text(v, text) : NULL);
}

static void
flight_land(struct db *db, const struct code *code, const char *why)
{
	struct flight *f = db->first;

	db->first = f->next;
	if (db->first == NULL)
		db->end = &db->first;
	db->flights--;
	if (f->batch != NULL && !f->task_died) {
		if (code != NULL && f->batch->err.code == NULL)
			err_set(&f->batch->err, code, "%s", why);
		f->batch->task->died = NULL;
		task_wake(f->batch->task);
	}
	free(f);
}

static void
db_lost(struct db *db)
{
	char why[200];

	snprintf(why, sizeof(why), "%.*s", (int)strcspn(PQerrorMessage(db->pg), "\n"),
		 PQerrorMessage(db->pg));
	log_warn("db.lost", "error=\"%s\" flights=%u", why, db->flights);
	db_down(db);
	while (db->first != NULL)
		flight_land(db, &DB_LOST, why);
	db_retry_later(db);
}

static void
db_flush(struct db *db)
{
	int left = PQflush(db->pg);

	if (left < 0)
		db_lost(db);
	else if (left > 0)
		event_add(db->on_write, NULL);
}

static void
db_on_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	db_flush(arg);
}

/* The statement could not be prepared: whoever needs it next tries again. */
static void
prepare_failed(struct db *db, const struct query *q, PGresult *result)
{
	log_warn("db.prepare", "query=%s error=\"%.200s\"", q->name, PQresultErrorMessage(result));
	for (size_t i = 0; i < db->prepared_count; i++)
		if (db->prepared[i] == q) {
			db->prepared[i] = db->prepared[--db->prepared_count];
			return;
		}
}

/* A result for the query at the head, or the sync that closes its batch. */
static void
flight_take(struct db *db, PGresult *result)
{
	struct flight *f = db->first;
	ExecStatusType status = PQresultStatus(result);
	struct query_call *call;

	if (status == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		flight_land(db, NULL, NULL);
		return;
	}
	if (f->batch == NULL && status != PGRES_COMMAND_OK)
		prepare_failed(db, f->prepares, result);
	if (f->batch == NULL || f->task_died) {
		PQclear(result);
		return;
	}
	call = &f->batch->calls[f->done];
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
		call->result = result;
		return;
	}
	if (status != PGRES_PIPELINE_ABORTED && f->batch->err.code == NULL) {
		const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

		/* 57P01 to 57P03: the server ends the session, the statement is not at fault. */
		bool lost = state != NULL && strncmp(state, "57P", 3) == 0;

		err_set(&f->batch->err, lost ? &DB_LOST : &DB_REFUSED, "%s: %s (%s)",
			call->query->name, text != NULL ? text : "?", state != NULL ? state : "?");
	}
	PQclear(result);
}

static void
db_on_read(evutil_socket_t fd, short what, void *arg)
{
	struct db *db = arg;
	PGresult *result;

	(void)fd;
	(void)what;
	if (PQconsumeInput(db->pg) != 1) {
		db_lost(db);
		return;
	}
	while (db->up && !PQisBusy(db->pg)) {
		result = PQgetResult(db->pg);
		if (result == NULL) { /* the end of one query's results */
			if (db->first == NULL || db->first->done >= db->first->count)
				break;
			db->first->done++;
			continue;
		}
		if (db->first == NULL) {
			PQclear(result);
			db_lost(db);
			return;
		}
		flight_take(db, result);
	}
	if (db->up)
		db_flush(db);
}

static struct flight *
take_off(struct db *db, size_t count)
{
	struct flight *f = xcalloc(1, sizeof(*f));

	PQpipelineSync(db->pg);
	f->count = count;
	*db->end = f;
	db->end = &f->next;
	db->flights++;
	return f;
}

/* Sends what prepares the query, if need be: whether it can be named from now on. */
static bool
prepare(struct db *db, const struct query *q)
{
	if (!q->once)
		return false;
	for (size_t i = 0; i < db->prepared_count; i++)
		if (db->prepared[i] == q)
			return true;
	if (db->prepared_count == PREPARED_MAX ||
	    PQsendPrepare(db->pg, q->name, q->sql, 0, NULL) != 1)
		return false;
	take_off(db, 1)->prepares = q;
	db->prepared[db->prepared_count++] = q;
	return true;
}

static int
send_call(struct db *db, const struct query_call *call, bool prepared)
{
	if (prepared)
		return PQsendQueryPrepared(db->pg, call->query->name, (int)call->count, call->args,
					   NULL, NULL, 0);
	return PQsendQueryParams(db->pg, call->query->sql, (int)call->count, NULL, call->args, NULL,
				 NULL, 0);
}

enum next
db_run(struct task *t, struct db *db, struct batch *b)
{
	bool *prepared = arena_alloc(b->arena, b->count * sizeof(*prepared));
	struct flight *f;

	assert(b->count > 0);
	b->err = (struct err)ERR_NONE;
	if (!db->up) {
		err_set(&b->err, &DB_LOST, "the database is not reachable");
		return TASK_NEXT;
	}
	if (db->flights >= BATCHES_MAX) {
		err_set(&b->err, &DB_BUSY, "%u batches wait", db->flights);
		return TASK_NEXT;
	}
	for (size_t i = 0; i < b->count; i++)
		prepared[i] = prepare(db, b->calls[i].query);
	for (size_t i = 0; i < b->count; i++) {
		struct query_call *call = &b->calls[i];

		assert(call->count == call->query->args);
		if (send_call(db, call, prepared[i]) != 1) {
			pg_fail(db->pg, &DB_LOST, call->query->name, &b->err);
			db_lost(db);
			return TASK_NEXT;
		}
	}
	f = take_off(db, b->count);
	f->batch = b;
	t->died = &f->task_died;
	db_flush(db);
	return TASK_WAIT;
}

bool
batch_failed(const struct batch *b, struct err *e)
{
	if (b->err.code == NULL)
		return false;
	*e = b->err;
	return true;
}

size_t
batch_length(const struct batch *b)
{
	return b->count;
}

/* ------------------------------------------------------------------ */
/* Rows.                                                               */

size_t
rows_count(const struct batch *b, size_t q)
{
	assert(q < b->count);
	return b->calls[q].result == NULL ? 0 : (size_t)PQntuples(b->calls[q].result);
}

static const char *
cell(const struct batch *b, size_t q, size_t row, const char *column, bool *null)
{
	PGresult *result = b->calls[q].result;
	int number = PQfnumber(result, column);

	if (number < 0)
		fatal("query %s has no column \"%s\"", b->calls[q].query->name, column);
	*null = PQgetisnull(result, (int)row, number) != 0;
	return PQgetvalue(result, (int)row, number);
}

bool
row_null(const struct batch *b, size_t q, size_t row, const char *column)
{
	bool null;

	cell(b, q, row, column, &null);
	return null;
}

const char *
row_text(const struct batch *b, size_t q, size_t row, const char *column)
{
	bool null;
	const char *v = cell(b, q, row, column, &null);

	return arena_strdup(b->arena, v);
}

int64_t
row_int(const struct batch *b, size_t q, size_t row, const char *column)
{
	bool null;

	return strtoll(cell(b, q, row, column, &null), NULL, 10);
}

bool
row_bool(const struct batch *b, size_t q, size_t row, const char *column)
{
	bool null;

	return cell(b, q, row, column, &null)[0] == 't';
}

/* "2026-11-25 05:10:35.123456+00" */
wall_t
row_time(const struct batch *b, size_t q, size_t row, const char *column)
{
	bool null;
	const char *v = cell(b, q, row, column, &null);
	char text[TIME_TEXT_SIZE];
	struct err e = ERR_NONE;
	wall_t t = 0;
	size_t n;

	if (null)
		return 0;
	n = strcspn(v, "+");
	snprintf(text, sizeof(text), "%.*sZ", (int)MIN(n, sizeof(text) - 2), v);
	text[10] = 'T';
	if (time_read(text, &t, &e) < 0)
		fatal("query %s: %s: %s", b->calls[q].query->name, column, e.text);
	return t;
}

u128
row_u128(const struct batch *b, size_t q, size_t row, const char *column)
{
	bool null;
	const char *v = cell(b, q, row, column, &null);
	struct err e = ERR_NONE;
	u128 out = 0;

	if (!null && u128_read(v, ~(u128)0 / 2, &out, &e) < 0)
		fatal("query %s: %s: %s", b->calls[q].query->name, column, e.text);
	return out;
}

const uint8_t *
row_blob(const struct batch *b, size_t q, size_t row, const char *column, size_t *len)
{
	bool null;
	const char *v = cell(b, q, row, column, &null);
	struct err e = ERR_NONE;
	uint8_t *out;

	*len = null ? 0 : (strlen(v) - 2) / 2;
	out = arena_alloc(b->arena, *len + 1);
	if (*len != 0 && hex_read(v + 2, out, *len, &e) < 0)
		fatal("query %s: %s is not bytea", b->calls[q].query->name, column);
	return out;
}

void
row_bytes(const struct batch *b, size_t q, size_t row, const char *column, void *out, size_t len)
{
	size_t got;
	const uint8_t *bytes = row_blob(b, q, row, column, &got);

	memset(out, 0, len);
	if (got == 0)
		return;
	if (got != len)
		fatal("query %s: %s has %zu bytes, not %zu", b->calls[q].query->name, column, got,
		      len);
	memcpy(out, bytes, len);
}

/* ------------------------------------------------------------------ */
/* Migrations: sql/schema/NNNN_name.sql, each once, in one transaction.  */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
list_scripts(struct arena *a, const char *dir, const char ***names, size_t *count, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	*names = NULL;
	*count = 0;
	if (d == NULL)
		return err_errno(e, "open %s", dir);
	while ((entry = readdir(d)) != NULL) {
		size_t n = strlen(entry->d_name);

		if (n < 5 || strcmp(entry->d_name + n - 4, ".sql") != 0)
			continue;
		*names = arena_grow(a, *names, *count, sizeof(**names));
		(*names)[(*count)++] = arena_strdup(a, entry->d_name);
	}
	closedir(d);
	if (*count == 0)
		return err_set(e, &ERR_CONFIG, "%s has no *.sql", dir);
	qsort(*names, *count, sizeof(**names), compare_names);
	return 0;
}

static char *
read_script(struct arena *a, const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;

	if (f == NULL) {
		err_errno(e, "open %s", path);
		return NULL;
	}
	text = arena_alloc(a, 1024 * 1024);
	n = fread(text, 1, 1024 * 1024 - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static int
exec_or_fail(PGconn *pg, const char *sql, const char *what, struct err *e)
{
	PGresult *result = PQexec(pg, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return 0;
	pg_fail(pg, &DB_REFUSED, what, e);
	PQclear(PQexec(pg, "rollback"));
	return -1;
}

static int
apply_script(PGconn *pg, struct arena *a, const char *dir, const char *name, struct err *e)
{
	char *text = read_script(a, arena_printf(a, "%s/%s", dir, name), e);
	char sum[HASH_TEXT_SIZE];
	const char *args[] = { name, sum };
	struct hash h;
	PGresult *result;
	bool known, same;

	if (text == NULL)
		return -1;
	sha256(text, strlen(text), &h);
	hash_text(&h, sum);
	result = PQexecParams(pg, "select sum = $2 from gavel.migration where name = $1", 2, NULL,
			      args, NULL, NULL, 0);
	known = PQntuples(result) == 1;
	same = known && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	if (known && !same)
		return err_set(e, &DB_REFUSED, "%s was changed after it was applied", name);
	if (known)
		return 0;
	if (exec_or_fail(pg, "begin", name, e) < 0 || exec_or_fail(pg, text, name, e) < 0)
		return -1;
	result = PQexecParams(pg, "insert into gavel.migration (name, sum) values ($1, $2)", 2,
			      NULL, args, NULL, NULL, 0);
	PQclear(result);
	if (exec_or_fail(pg, "commit", name, e) < 0)
		return -1;
	log_info("db.migrated", "script=%s", name);
	return 0;
}

int
db_migrate(const char *conninfo, const char *dir, struct err *e)
{
	static const char prepare[] = "select pg_advisory_lock(7236);"
				      "set statement_timeout = 0;"
				      "set client_min_messages = warning;"
				      "create schema if not exists gavel;"
				      "create table if not exists gavel.migration (name text "
				      "primary key, sum text not null,"
				      " applied_at timestamptz not null default now())";
	PGconn *pg = connect_blocking(conninfo);
	struct arena a;
	const char **names = NULL;
	size_t count = 0;
	int result = 0;

	arena_init(&a, 0);
	if (PQstatus(pg) != CONNECTION_OK)
		result = pg_fail(pg, &DB_LOST, "connect to the database", e);
	else if (list_scripts(&a, dir, &names, &count, e) < 0 ||
		 exec_or_fail(pg, prepare, "prepare", e) < 0)
		result = -1;
	for (size_t i = 0; result == 0 && i < count; i++)
		result = apply_script(pg, &a, dir, names[i], e);
	PQfinish(pg);
	arena_release(&a);
	return result;
}
