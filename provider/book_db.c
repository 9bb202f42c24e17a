/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/book_db.h"

#include <sqlite3.h>

#include "lib/log.h"

#define BID_KEEP_US	(24 * 3600 * SECOND_US)
#define RECEIPT_KEEP_US (7 * 24 * 3600 * SECOND_US)

const struct code BOOK_FAILED = { "book_failed", INTERNAL, "the provider's database refused" };

struct book {
	sqlite3 *db;
};

/* A lease is one row: its key, its state, and the rest as one document, because
 * it is always read and written whole. */
static const char schema[] =
	"create table if not exists work ("
	" hash blob primary key, state integer not null, created integer not null,"
	" doc text not null, manifest text, next_manifest text, meter blob not null,"
	" failure text) without rowid;"
	"create index if not exists work_live on work (state);"
	"create table if not exists volume ("
	" id text primary key, lease blob not null, tenant blob not null, service text not null,"
	" name text not null, class text not null, copy integer not null, bytes integer not null,"
	" until integer not null) without rowid;"
	"create table if not exists note (name text primary key, value text not null) without "
	"rowid;"
	"create table if not exists bid (order_hash blob primary key, doc text not null,"
	" at integer not null) without rowid;"
	"create index if not exists bid_at on bid (at);"
	"create table if not exists sent (order_hash blob not null, round integer not null,"
	" post text not null, at integer not null, primary key (order_hash, round)) without rowid;"
	"create index if not exists sent_at on sent (at);"
	"create table if not exists receipt (item blob primary key, doc text, receipt text,"
	" at integer not null) without rowid;"
	"create index if not exists receipt_at on receipt (at);"
	"create table if not exists blob (digest blob primary key, diff blob,"
	" bytes integer not null, tree_bytes integer not null, used integer not null)"
	" without rowid;";

static int
fail(struct book *b, const char *what, struct err *e)
{
	return err_set(e, &BOOK_FAILED, "%s: %s", what, sqlite3_errmsg(b->db));
}

struct book *
book_open(const char *path, struct err *e)
{
	struct book *b = xcalloc(1, sizeof(*b));

	if (sqlite3_open(path, &b->db) != SQLITE_OK ||
	    sqlite3_exec(
		    b->db,
		    "pragma busy_timeout=2000; pragma journal_mode=wal; pragma synchronous=normal",
		    NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(b->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
		fail(b, path, e);
		book_close(b);
		return NULL;
	}
	return b;
}

void
book_close(struct book *b)
{
	if (b == NULL)
		return;
	sqlite3_close(b->db);
	free(b);
}

/* ------------------------------------------------------------------ */
/* The document.                                                       */

struct work_doc {
	struct id id;
	struct award_doc award;
	struct lease_terms terms;
	struct sig accept_sig;
	struct rate_card card;
	struct json_strs models;
	struct hash price_nonce;
	struct json_list units, ports, images;
	struct usage_terms usage, paid;
	struct sig usage_sig, voucher_sig, payer_sig, release_sig;
	struct json_strs gpus;
	bool released, reported, returning, never_opened, volumes_delete;
	uint32_t version, stop_at;
	const char *update_failure;
	struct json_list spells;
	struct work_spot spot;
	struct amount deposit;
	wall_t seen;
};

struct spell_doc {
	uint32_t kind;
	wall_t from, until;
};
struct unit_doc {
	uint32_t role, service, copy, slot, spare, version, replaces;
};
struct port_doc {
	uint32_t service, inside, outside;
	const char *proto, *ip;
};

static const struct json_field unit_fields[] = {
	JSON_U32(struct unit_doc, role, UNIT_GOING, 0), JSON_U32(struct unit_doc, service, 0, 0),
	JSON_U32(struct unit_doc, copy, 0, 0),		JSON_U32(struct unit_doc, slot, 0, 0),
	JSON_U32(struct unit_doc, spare, 0, 0),		JSON_U32(struct unit_doc, version, 0, 0),
	JSON_U32(struct unit_doc, replaces, 0, 0),	JSON_END
};
static const struct json_field port_fields[] = { JSON_U32(struct port_doc, service, 0, 0),
						 JSON_U32(struct port_doc, inside, 65535, 0),
						 JSON_U32(struct port_doc, outside, 65535, 0),
						 JSON_STR(struct port_doc, proto, 7, 0),
						 JSON_STR(struct port_doc, ip, 15,
							  JSON_OPTIONAL | JSON_OMIT_EMPTY),
						 JSON_END };

static const struct json_field spell_fields[] = { JSON_U32(struct spell_doc, kind, DUES_PAUSE, 0),
						  JSON_I64(struct spell_doc, from, 0),
						  JSON_I64(struct spell_doc, until, 0), JSON_END };

static const struct json_field image_fields[] = { JSON_STR(struct work_image, reference, 512, 0),
						  JSON_HASH(struct work_image, source, 0),
						  JSON_END };

#define T struct work_spot
static const struct json_field spot_fields[] = {
	JSON_STR(T, class, POOL_CLASS_MAX, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_U32(T, units, 0, 0),
	JSON_OBJ(T, due, spot_due_fields, 0),
	JSON_BOOLEAN(T, interrupted, 0),
	JSON_U32(T, since, 0, 0),
	JSON_U64(T, number, 0),
	JSON_LIST(T, said, spot_run_doc_fields, struct spot_run_doc, 64, 0),
	JSON_U64(T, told, 0),
	JSON_END
};
#undef T

#define T struct work_doc
static const struct json_field work_fields[] = {
	JSON_ID(T, id, ID_LEASE),
	JSON_OBJ(T, award, award_doc_fields, 0),
	JSON_OBJ(T, terms, lease_terms_fields, 0),
	JSON_SIG(T, accept_sig, 0),
	JSON_OBJ(T, card, rate_card_fields, 0),
	JSON_STRS(T, models, 0, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_HASH(T, price_nonce, JSON_OPTIONAL),
	JSON_LIST(T, units, unit_fields, struct unit_doc, WORK_UNITS_MAX, 0),
	JSON_LIST(T, ports, port_fields, struct port_doc, WORK_UNITS_MAX, 0),
	JSON_LIST(T, images, image_fields, struct work_image, WORK_UNITS_MAX, JSON_OPTIONAL),
	JSON_OBJ(T, usage, usage_terms_fields, 0),
	JSON_OBJ(T, paid, usage_terms_fields, 0),
	JSON_SIG(T, usage_sig, 0),
	JSON_SIG(T, voucher_sig, 0),
	JSON_SIG(T, payer_sig, 0),
	JSON_SIG(T, release_sig, 0),
	JSON_BOOLEAN(T, released, 0),
	JSON_BOOLEAN(T, reported, 0),
	JSON_STRS(T, gpus, 0, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_BOOLEAN(T, never_opened, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_BOOLEAN(T, volumes_delete, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_BOOLEAN(T, returning, 0),
	JSON_U32(T, version, 0, 0),
	JSON_STR(T, update_failure, 1000, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_OBJ(T, spot, spot_fields, JSON_OPTIONAL),
	JSON_LIST(T, spells, spell_fields, struct spell_doc, SPELLS_MAX,
		  JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_AMOUNT(T, deposit, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_I64(T, seen, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_U32(T, stop_at, 0, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_END
};
#undef T

static const char *
work_encode(struct arena *a, const struct work *w)
{
	struct unit_doc units[WORK_UNITS_MAX];
	struct port_doc ports[WORK_UNITS_MAX];
	struct spell_doc spells[SPELLS_MAX];
	struct work_doc doc = {
		.id = w->id,
		.award = w->award,
		.terms = w->terms,
		.accept_sig = w->accept_sig,
		.card = w->card,
		.models = w->models,
		.price_nonce = w->price_nonce,
		.units = { units, w->unit_count },
		.ports = { ports, w->port_count },
		.images = { (void *)(uintptr_t)w->images, w->image_count },
		.usage = w->usage,
		.paid = w->paid,
		.usage_sig = w->usage_sig,
		.voucher_sig = w->voucher_sig,
		.payer_sig = w->payer_sig,
		.release_sig = w->release_sig,
		.released = w->released,
		.reported = w->reported,
		.gpus = w->gpus,
		.never_opened = w->never_opened,
		.volumes_delete = w->volumes_delete,
		.returning = w->returning,
		.version = w->version,
		.update_failure = w->update_failure,
		.spells = { spells, w->spells.count },
		.spot = w->spot,
		.deposit = w->deposit,
		.seen = w->seen,
		.stop_at = w->stop_at,
	};

	for (uint32_t i = 0; i < w->spells.count; i++) {
		const struct spell *p = &w->spells.list[i];

		spells[i] = (struct spell_doc){ (uint32_t)p->kind, p->from, p->until };
	}
	for (uint32_t i = 0; i < w->unit_count; i++) {
		const struct work_unit *u = &w->units[i];

		units[i] = (struct unit_doc){ u->role,	u->service, u->copy,	u->slot,
					      u->spare, u->version, u->replaces };
	}
	for (uint32_t i = 0; i < w->port_count; i++)
		ports[i] = (struct port_doc){ w->ports[i].service, w->ports[i].inside,
					      w->ports[i].outside, w->ports[i].proto,
					      w->ports[i].ip[0] != '\0' ? w->ports[i].ip : NULL };
	return json_encode(a, work_fields, &doc);
}

static int
work_decode(struct arena *a, const char *text, size_t len, struct work *w, struct err *e)
{
	struct work_doc doc = { .released = false };

	if (json_decode(a, text, len, work_fields, &doc, e) < 0)
		return err_wrap(e, "book");
	w->id = doc.id;
	w->award = doc.award;
	w->terms = doc.terms;
	w->accept_sig = doc.accept_sig;
	w->card = doc.card;
	w->models = doc.models;
	w->price_nonce = doc.price_nonce;
	w->usage = doc.usage;
	w->paid = doc.paid;
	w->usage_sig = doc.usage_sig;
	w->voucher_sig = doc.voucher_sig;
	w->payer_sig = doc.payer_sig;
	w->release_sig = doc.release_sig;
	w->released = doc.released;
	w->reported = doc.reported;
	w->gpus = doc.gpus;
	w->never_opened = doc.never_opened;
	w->volumes_delete = doc.volumes_delete;
	w->returning = doc.returning;
	w->version = doc.version;
	w->update_failure = doc.update_failure;
	w->deposit = doc.deposit;
	w->seen = doc.seen;
	w->stop_at = doc.stop_at;
	w->spot = doc.spot;
	w->spells.count = (uint32_t)doc.spells.count;
	for (uint32_t i = 0; i < w->spells.count; i++) {
		const struct spell_doc *p = (const struct spell_doc *)doc.spells.items + i;

		w->spells.list[i] = (struct spell){ (enum dues)p->kind, p->from, p->until };
	}
	w->unit_count = (uint32_t)doc.units.count;
	w->port_count = (uint32_t)doc.ports.count;
	w->image_count = (uint32_t)doc.images.count;
	for (uint32_t i = 0; i < w->image_count; i++)
		w->images[i] = ((const struct work_image *)doc.images.items)[i];
	for (uint32_t i = 0; i < w->unit_count; i++) {
		const struct unit_doc *u = (const struct unit_doc *)doc.units.items + i;

		w->units[i] = (struct work_unit){ (enum unit_role)u->role,
						  u->service,
						  u->copy,
						  u->slot,
						  u->spare,
						  u->version,
						  u->replaces };
	}
	for (uint32_t i = 0; i < w->port_count; i++) {
		const struct port_doc *p = (const struct port_doc *)doc.ports.items + i;

		w->ports[i] = (struct work_port){ p->service, p->inside, p->outside, "", "" };
		snprintf(w->ports[i].proto, sizeof(w->ports[i].proto), "%s", p->proto);
		snprintf(w->ports[i].ip, sizeof(w->ports[i].ip), "%s", p->ip != NULL ? p->ip : "");
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Rows.                                                               */

static sqlite3_stmt *
prepare(struct book *b, const char *sql, struct err *e)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(b->db, sql, -1, &s, NULL) != SQLITE_OK)
		fail(b, sql, e);
	return s;
}

int
book_put(struct book *b, const struct work *w, struct err *e)
{
	sqlite3_stmt *s =
		prepare(b,
			"insert or replace into work (hash, state, created, doc, manifest,"
			" meter, failure, next_manifest) values (?, ?, ?, ?, ?, ?, ?, ?)",
			e);
	struct arena a;
	int result;

	if (s == NULL)
		return -1;
	arena_init(&a, 0);
	sqlite3_bind_blob(s, 1, w->hash.b, sizeof(w->hash.b), SQLITE_STATIC);
	sqlite3_bind_int(s, 2, (int)w->state);
	sqlite3_bind_int64(s, 3, w->created);
	sqlite3_bind_text(s, 4, work_encode(&a, w), -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 5, w->manifest, -1, SQLITE_STATIC);
	sqlite3_bind_blob(s, 6, &w->meter, sizeof(w->meter), SQLITE_STATIC);
	sqlite3_bind_text(s, 7, w->failure, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 8, w->next_manifest, -1, SQLITE_STATIC);
	result = sqlite3_step(s) == SQLITE_DONE ? 0 : fail(b, "book_put", e);
	sqlite3_finalize(s);
	arena_release(&a);
	return result;
}

static const char *
column_text(struct arena *a, sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text != NULL ? arena_strdup(a, text) : NULL;
}

#define COLUMNS "hash, state, created, doc, manifest, meter, failure, next_manifest"

static int
read_row(struct arena *a, sqlite3_stmt *s, struct work *w, struct err *e)
{
	const char *doc = column_text(a, s, 3);

	*w = (struct work){ .state = (enum work_state)sqlite3_column_int(s, 1) };
	if (sqlite3_column_bytes(s, 0) != sizeof(w->hash.b) ||
	    sqlite3_column_bytes(s, 5) != sizeof(w->meter) || doc == NULL)
		return err_set(e, &BOOK_FAILED, "a row of another version");
	memcpy(w->hash.b, sqlite3_column_blob(s, 0), sizeof(w->hash.b));
	w->created = sqlite3_column_int64(s, 2);
	w->manifest = column_text(a, s, 4);
	memcpy(&w->meter, sqlite3_column_blob(s, 5), sizeof(w->meter));
	w->failure = column_text(a, s, 6);
	w->next_manifest = column_text(a, s, 7);
	return work_decode(a, doc, strlen(doc), w, e);
}

int
book_get(struct book *b, struct arena *a, const struct hash *lease, struct work *out, struct err *e)
{
	sqlite3_stmt *s = prepare(b, "select " COLUMNS " from work where hash = ?", e);
	int result = 0, step;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, lease->b, sizeof(lease->b), SQLITE_STATIC);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW)
		result = read_row(a, s, out, e) < 0 ? -1 : 1;
	else if (step != SQLITE_DONE)
		result = fail(b, "book_get", e);
	sqlite3_finalize(s);
	return result;
}

static int
read_rows(struct book *b, struct arena *a, const char *sql, struct work **out, size_t *count,
	  struct err *e)
{
	sqlite3_stmt *s = prepare(b, sql, e);
	int step, result = 0;

	*out = NULL;
	*count = 0;
	if (s == NULL)
		return -1;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct err why = ERR_NONE;

		*out = arena_grow(a, *out, *count, sizeof(**out));
		/* One that cannot be read must not hide the others. */
		if (read_row(a, s, &(*out)[*count], &why) == 0)
			(*count)++;
		else
			log_warn("book.unreadable", "error=\"%s\"", why.text);
	}
	if (step != SQLITE_DONE)
		result = fail(b, "read the book", e);
	sqlite3_finalize(s);
	return result;
}

/* ------------------------------------------------------------------ */
/* Volumes.                                                            */

int
book_volume_put(struct book *b, const struct book_volume *v, struct err *e)
{
	sqlite3_stmt *s = prepare(b,
				  "insert or replace into volume (id, lease, tenant, service, name,"
				  " class, copy, bytes, until) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
				  e);
	int result;

	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, v->id, -1, SQLITE_STATIC);
	sqlite3_bind_blob(s, 2, v->lease.b, sizeof(v->lease.b), SQLITE_STATIC);
	sqlite3_bind_blob(s, 3, v->tenant.b, sizeof(v->tenant.b), SQLITE_STATIC);
	sqlite3_bind_text(s, 4, v->service, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 5, v->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 6, v->class, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 7, v->copy);
	sqlite3_bind_int64(s, 8, (int64_t)v->bytes);
	sqlite3_bind_int64(s, 9, v->until);
	result = sqlite3_step(s) == SQLITE_DONE ? 0 : fail(b, "book_volume_put", e);
	sqlite3_finalize(s);
	return result;
}

int
book_volume_drop(struct book *b, const char *id, struct err *e)
{
	sqlite3_stmt *s = prepare(b, "delete from volume where id = ? and until != 0", e);
	int result;

	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
	result = sqlite3_step(s) == SQLITE_DONE ? 0 : fail(b, "book_volume_drop", e);
	sqlite3_finalize(s);
	return result;
}

static int
read_volume(struct arena *a, sqlite3_stmt *s, struct book_volume *v, struct err *e)
{
	if (sqlite3_column_bytes(s, 1) != sizeof(v->lease.b) ||
	    sqlite3_column_bytes(s, 2) != sizeof(v->tenant.b))
		return err_set(e, &BOOK_FAILED, "a row of another version");
	v->id = column_text(a, s, 0);
	memcpy(v->lease.b, sqlite3_column_blob(s, 1), sizeof(v->lease.b));
	memcpy(v->tenant.b, sqlite3_column_blob(s, 2), sizeof(v->tenant.b));
	v->service = column_text(a, s, 3);
	v->name = column_text(a, s, 4);
	v->class = column_text(a, s, 5);
	v->copy = (uint32_t)sqlite3_column_int64(s, 6);
	v->bytes = (uint64_t)sqlite3_column_int64(s, 7);
	v->until = sqlite3_column_int64(s, 8);
	return 0;
}

int
book_volumes(struct book *b, struct arena *a, struct book_volume **out, size_t *count,
	     struct err *e)
{
	sqlite3_stmt *s = prepare(b,
				  "select id, lease, tenant, service, name, class, copy, bytes,"
				  " until from volume order by id",
				  e);
	int step, result = 0;

	*out = NULL;
	*count = 0;
	if (s == NULL)
		return -1;
	while ((step = sqlite3_step(s)) == SQLITE_ROW && result == 0) {
		*out = arena_grow(a, *out, *count, sizeof(**out));
		result = read_volume(a, s, &(*out)[*count], e);
		*count += result == 0;
	}
	if (result == 0 && step != SQLITE_DONE)
		result = fail(b, "book_volumes", e);
	sqlite3_finalize(s);
	return result;
}

int
book_live(struct book *b, struct arena *a, struct work **out, size_t *count, struct err *e)
{
	return read_rows(b, a, "select " COLUMNS " from work where state < 3 order by created", out,
			 count, e);
}

int
book_ended(struct book *b, struct arena *a, struct work **out, size_t *count, struct err *e)
{
	return read_rows(b, a, "select " COLUMNS " from work where state = 3 order by created", out,
			 count, e);
}

int
book_every(struct book *b, struct arena *a, struct work **out, size_t *count, struct err *e)
{
	return read_rows(b, a, "select " COLUMNS " from work order by created", out, count, e);
}

int
book_note(struct book *b, const char *name, const char *value, struct err *e)
{
	sqlite3_stmt *s = prepare(b, "insert or replace into note (name, value) values (?, ?)", e);
	int result;

	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, value, -1, SQLITE_STATIC);
	result = sqlite3_step(s) == SQLITE_DONE ? 0 : fail(b, "book_note", e);
	sqlite3_finalize(s);
	return result;
}

const char *
book_noted(struct book *b, struct arena *a, const char *name)
{
	struct err e = ERR_NONE;
	sqlite3_stmt *s = prepare(b, "select value from note where name = ?", &e);
	const char *value = NULL;

	if (s == NULL)
		return NULL;
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		value = column_text(a, s, 0);
	sqlite3_finalize(s);
	return value;
}

/* ------------------------------------------------------------------ */
/* Bids.                                                               */

int
book_bid_put(struct book *b, const struct hash *order, const char *doc, wall_t now, struct err *e)
{
	sqlite3_stmt *old = prepare(b, "delete from bid where at < ?", e);
	sqlite3_stmt *s =
		prepare(b, "insert or replace into bid (order_hash, doc, at) values (?, ?, ?)", e);
	int result;

	if (old == NULL || s == NULL) {
		sqlite3_finalize(old);
		sqlite3_finalize(s);
		return -1;
	}
	sqlite3_bind_int64(old, 1, now - BID_KEEP_US);
	sqlite3_bind_blob(s, 1, order->b, sizeof(order->b), SQLITE_STATIC);
	sqlite3_bind_text(s, 2, doc, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, now);
	result = sqlite3_step(old) == SQLITE_DONE && sqlite3_step(s) == SQLITE_DONE
			 ? 0
			 : fail(b, "book_bid_put", e);
	sqlite3_finalize(old);
	sqlite3_finalize(s);
	return result;
}

const char *
book_bid(struct book *b, struct arena *a, const struct hash *order)
{
	struct err e = ERR_NONE;
	sqlite3_stmt *s = prepare(b, "select doc from bid where order_hash = ?", &e);
	const char *doc = NULL;

	if (s == NULL)
		return NULL;
	sqlite3_bind_blob(s, 1, order->b, sizeof(order->b), SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		doc = column_text(a, s, 0);
	sqlite3_finalize(s);
	return doc;
}

int
book_sent_put(struct book *b, struct arena *a, const struct hash *order, uint32_t round,
	      const char *post, wall_t now, const char **out, struct err *e)
{
	sqlite3_stmt *old = prepare(b, "delete from sent where at < ?", e);
	sqlite3_stmt *s = prepare(b,
				  "insert into sent (order_hash, round, post, at)"
				  " values (?, ?, ?, ?) on conflict do nothing",
				  e);
	int result = -1;

	if (old != NULL && s != NULL) {
		sqlite3_bind_int64(old, 1, now - BID_KEEP_US);
		sqlite3_bind_blob(s, 1, order->b, sizeof(order->b), SQLITE_STATIC);
		sqlite3_bind_int64(s, 2, round);
		sqlite3_bind_text(s, 3, post, -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 4, now);
		result = sqlite3_step(old) == SQLITE_DONE && sqlite3_step(s) == SQLITE_DONE
				 ? 0
				 : fail(b, "book_sent_put", e);
	}
	sqlite3_finalize(old);
	sqlite3_finalize(s);
	if (result < 0)
		return -1;
	*out = book_sent(b, a, order, round);
	return *out != NULL ? 0 : err_set(e, &BOOK_FAILED, "a bid that was put is not there");
}

const char *
book_sent(struct book *b, struct arena *a, const struct hash *order, uint32_t round)
{
	struct err e = ERR_NONE;
	sqlite3_stmt *s =
		prepare(b, "select post from sent where order_hash = ? and round = ?", &e);
	const char *post = NULL;

	if (s == NULL)
		return NULL;
	sqlite3_bind_blob(s, 1, order->b, sizeof(order->b), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, round);
	if (sqlite3_step(s) == SQLITE_ROW)
		post = column_text(a, s, 0);
	sqlite3_finalize(s);
	return post;
}

/* ------------------------------------------------------------------ */
/* Receipts.                                                           */

int
book_receipt_due(struct book *b, const struct hash *item, const char *doc, wall_t now,
		 struct err *e)
{
	sqlite3_stmt *old = prepare(b, "delete from receipt where at < ?", e);
	sqlite3_stmt *s = prepare(b,
				  "insert into receipt (item, doc, at) values (?, ?, ?)"
				  " on conflict do nothing",
				  e);
	int result = -1;

	if (old != NULL && s != NULL) {
		sqlite3_bind_int64(old, 1, now - RECEIPT_KEEP_US);
		sqlite3_bind_blob(s, 1, item->b, sizeof(item->b), SQLITE_STATIC);
		sqlite3_bind_text(s, 2, doc, -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 3, now);
		result = sqlite3_step(old) == SQLITE_DONE && sqlite3_step(s) == SQLITE_DONE
				 ? 0
				 : fail(b, "book_receipt_due", e);
	}
	sqlite3_finalize(old);
	sqlite3_finalize(s);
	return result;
}

int
book_receipt_put(struct book *b, const struct hash *item, const char *receipt, struct err *e)
{
	sqlite3_stmt *s =
		prepare(b, "update receipt set receipt = ? where item = ? and receipt is null", e);
	int result;

	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, receipt, -1, SQLITE_STATIC);
	sqlite3_bind_blob(s, 2, item->b, sizeof(item->b), SQLITE_STATIC);
	result = sqlite3_step(s) == SQLITE_DONE ? 0 : fail(b, "book_receipt_put", e);
	sqlite3_finalize(s);
	return result;
}

int
book_receipts(struct book *b, struct arena *a, struct book_receipt **out, size_t *count,
	      struct err *e)
{
	sqlite3_stmt *s = prepare(b, "select item, doc, receipt from receipt order by at, item", e);
	int step;

	*out = NULL;
	*count = 0;
	if (s == NULL)
		return -1;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct book_receipt *r;

		*out = arena_grow(a, *out, *count, sizeof(**out));
		r = &(*out)[(*count)++];
		*r = (struct book_receipt){ .doc = column_text(a, s, 1),
					    .receipt = column_text(a, s, 2) };
		if (sqlite3_column_bytes(s, 0) == sizeof(r->item.b))
			memcpy(r->item.b, sqlite3_column_blob(s, 0), sizeof(r->item.b));
	}
	step = step == SQLITE_DONE ? 0 : fail(b, "book_receipts", e);
	sqlite3_finalize(s);
	return step;
}

/* ------------------------------------------------------------------ */
/* Blobs.                                                              */

static int
blob_run(struct book *b, sqlite3_stmt *s, const char *what, struct err *e)
{
	int result = sqlite3_step(s) == SQLITE_DONE ? 0 : fail(b, what, e);

	sqlite3_finalize(s);
	return result;
}

static int
blob_enter(struct book *b, const struct book_blob *row, const char *sql, struct err *e)
{
	sqlite3_stmt *s = prepare(b, sql, e);

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, row->digest.b, sizeof(row->digest.b), SQLITE_STATIC);
	if (row->has_tree)
		sqlite3_bind_blob(s, 2, row->diff.b, sizeof(row->diff.b), SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)row->bytes);
	sqlite3_bind_int64(s, 4, row->used);
	return blob_run(b, s, "blob", e);
}

int
book_blob_use(struct book *b, const struct book_blob *row, struct err *e)
{
	return blob_enter(b, row,
			  "insert into blob (digest, diff, bytes, tree_bytes, used)"
			  " values (?, ?, ?, 0, ?) on conflict (digest) do update"
			  " set used = excluded.used, diff = coalesce(excluded.diff, diff)",
			  e);
}

int
book_blob_find(struct book *b, const struct book_blob *row, struct err *e)
{
	return blob_enter(b, row,
			  "insert or ignore into blob (digest, diff, bytes, tree_bytes, used)"
			  " values (?, ?, ?, 0, ?)",
			  e);
}

int
book_blob_tree(struct book *b, const struct hash *digest, uint64_t tree_bytes, struct err *e)
{
	sqlite3_stmt *s = prepare(b, "update blob set tree_bytes = ? where digest = ?", e);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (sqlite3_int64)tree_bytes);
	sqlite3_bind_blob(s, 2, digest->b, sizeof(digest->b), SQLITE_STATIC);
	return blob_run(b, s, "blob", e);
}

int
book_blob_drop(struct book *b, const struct hash *digest, struct err *e)
{
	sqlite3_stmt *s = prepare(b, "delete from blob where digest = ?", e);

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, digest->b, sizeof(digest->b), SQLITE_STATIC);
	return blob_run(b, s, "blob", e);
}

wall_t
book_blob_used(struct book *b, const struct hash *digest)
{
	struct err ignored = ERR_NONE;
	sqlite3_stmt *s = prepare(b, "select used from blob where digest = ?", &ignored);
	wall_t used = 0;

	if (s == NULL)
		return 0;
	sqlite3_bind_blob(s, 1, digest->b, sizeof(digest->b), SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		used = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return used;
}

int
book_blobs(struct book *b, struct arena *a, struct book_blob **out, size_t *count, struct err *e)
{
	sqlite3_stmt *s = prepare(
		b, "select digest, diff, bytes, tree_bytes, used from blob order by used, digest",
		e);
	int step;

	*out = NULL;
	*count = 0;
	if (s == NULL)
		return -1;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct book_blob *row;

		*out = arena_grow(a, *out, *count, sizeof(**out));
		row = &(*out)[(*count)++];
		*row = (struct book_blob){ .bytes = (uint64_t)sqlite3_column_int64(s, 2),
					   .tree_bytes = (uint64_t)sqlite3_column_int64(s, 3),
					   .used = sqlite3_column_int64(s, 4) };
		if (sqlite3_column_bytes(s, 0) == sizeof(row->digest.b))
			memcpy(row->digest.b, sqlite3_column_blob(s, 0), sizeof(row->digest.b));
		row->has_tree = sqlite3_column_bytes(s, 1) == sizeof(row->diff.b);
		if (row->has_tree)
			memcpy(row->diff.b, sqlite3_column_blob(s, 1), sizeof(row->diff.b));
	}
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? 0 : fail(b, "book_blobs", e);
}
