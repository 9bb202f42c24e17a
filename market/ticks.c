/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks: fast orders against the book of standing offers.
 *
 *	look    is anybody waiting, is the book another than the signed one, is a
 *	        heartbeat due? else nothing
 *	cut     the head moves on: what is taken from now on belongs to the next tick
 *	read    its orders go to bidding, so that nothing else touches them; the facts
 *	        of the next book are gathered
 *	clear   tick_clear() with the book that the last record signed; the book of the
 *	        next tick is made, with the new awards on its nodes
 *	sign    the record, then an award of it for each winner
 *	store   record, transcript, leases, events and where the orders go: one
 *	        transaction, which the primary key of gavel.tick lets happen once
 *
 * Killed anywhere before `store`, the next clerk finds a head that is ahead of the
 * last record and orders in bidding, and clears the same tick. Nothing of a tick is
 * seen by anyone before it is stored.
 */
#include <inttypes.h>

#include "lease/head.h"
#include "lease/signer.h"
#include "lease/spread_rows.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/audits.h"
#include "market/book.h"
#include "market/clerk.h"
#include "query.h"

/* The batch of `read`. */
enum { Q_TAKE, Q_ORDERS, Q_OFFERS, Q_PAST, Q_TAKEN, Q_UNPLACED, Q_AUDITS, Q_BEFORE };

/* Of what a tick stores, which is as large as book x orders. */
#define BATCH_MAX ((size_t)256 * 1024 * 1024)

struct fast_order { /* beside its entry in the transcript */
	struct id id;
	int64_t round;
	bool awarded;
	const struct book_offer *winner;
	struct demand demand;
	struct award_terms award;
	struct sig award_sig;
	struct lease_terms lease;
	struct hash lease_hash;
	struct id lease_id;
};

struct tick_run {
	struct arena a; /* of the whole tick: a book may be larger than a task's arena */
	struct batch *b;
	struct chan_call call;
	int64_t number;
	wall_t now;
	const char *print, *print_used; /* of the book now, and of the one signed */
	struct tick_transcript t;
	struct hash record_hash;
	struct book_facts facts;
	struct tick_book next;
	struct tick_offer *offers; /* the book of this tick */
	struct tick_outcome *outcomes;
	struct audit_order *judged;
	struct fast_order *orders;
	size_t order_count, signing;
};

static struct clerk *
clerk_in(struct task *t)
{
	return t->owner;
}

/* ------------------------------------------------------------------ */
/* Look, cut.                                                          */

static void
release_arena(void *arena)
{
	arena_release(arena);
}

static enum next
tick_look(struct task *t)
{
	struct tick_run *r = t->state;
	const struct market_settings *s = clerk_in(t)->settings;

	arena_init(&r->a, 0);
	t->arena.max = BATCH_MAX;
	arena_defer(&t->arena, release_arena, &r->a);
	r->now = clock_wall();
	r->b = batch_new(t);
	q_tick_look(r->b, r->now, s->in_book_s, s->bond_min, s->class_launches);
	return db_run(t, clerk_in(t)->db, r->b);
}

static bool
is_due(struct task *t)
{
	struct tick_run *r = t->state;
	wall_t beat = (wall_t)clerk_in(t)->settings->heartbeat_s * SECOND_US;

	return row_null(r->b, 0, 0, "last") || row_int(r->b, 0, 0, "waiting") > 0 ||
	       row_int(r->b, 0, 0, "next") > r->number || /* cut, and not stored */
	       strcmp(row_text(r->b, 0, 0, "print"), r->print) != 0 ||
	       r->now - row_time(r->b, 0, 0, "last_at") >= beat;
}

static enum next
tick_cut(struct task *t)
{
	struct tick_run *r = t->state;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	/* Number 0 has no orders: it signs the first book. */
	r->number = row_null(r->b, 0, 0, "last") ? 0 : row_int(r->b, 0, 0, "last") + 1;
	r->print = row_text(r->b, 0, 0, "print_now");
	r->print_used = row_text(r->b, 0, 0, "print");
	if (!is_due(t))
		return TASK_DONE;
	/* Alone: whoever is taking something waits for this transaction. */
	r->b = batch_new(t);
	q_tick_cut(r->b, r->number);
	return db_run(t, clerk_in(t)->db, r->b);
}

static enum next
tick_read(struct task *t)
{
	struct tick_run *r = t->state;
	const struct market_settings *s = clerk_in(t)->settings;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	r->b = batch_new(t);
	q_tick_take(r->b, r->number, r->now);
	q_tick_orders(r->b, r->number);
	q_tick_offers(r->b, r->number, r->now);
	q_tick_past(r->b, r->now, s->in_book_s);
	q_tick_taken(r->b, 0);
	q_tick_unplaced(r->b, 0);
	q_tick_audits(r->b, r->now);
	q_tick_get(r->b, r->number - 1);
	return db_run(t, clerk_in(t)->db, r->b);
}

/* ------------------------------------------------------------------ */
/* Clear.                                                              */

/* The record before, and the book that it signed. */
static int
read_before(struct task *t)
{
	struct tick_run *r = t->state;
	const char *record, *text;
	struct tick_book book = { .rows = { NULL, 0 } };
	struct json *node;

	if (rows_count(r->b, Q_BEFORE) == 0)
		return 0;
	record = row_text(r->b, Q_BEFORE, 0, "record");
	text = row_text(r->b, Q_BEFORE, 0, "book");
	row_bytes(r->b, Q_BEFORE, 0, "sig", r->t.before.sig.b, sizeof(r->t.before.sig.b));
	if (json_decode(&r->a, record, strlen(record), record_terms_fields, &r->t.before.terms,
			&t->err) < 0 ||
	    json_parse_large(&r->a, text, strlen(text), &node, &t->err) < 0 ||
	    json_read(&r->a, node, tick_book_fields, &book, &t->err) < 0)
		return err_wrap(&t->err, "stored record");
	r->t.offers = book.rows;
	return 0;
}

static int
read_book(struct task *t)
{
	struct tick_run *r = t->state;
	const struct tick_row *rows = r->t.offers.items;

	r->offers = arena_alloc(&r->a, (r->t.offers.count + 1) * sizeof(*r->offers));
	for (size_t i = 0; i < r->t.offers.count; i++) {
		const struct book_offer *o = book_find(&r->facts, &rows[i].id);

		if (o == NULL)
			return err_set(&t->err, &ERR_SYSTEM, "offer %zu of the book is not there",
				       i);
		tick_row_offer(&r->a, &rows[i], &o->doc.offer, &r->offers[i]);
	}
	return 0;
}

/* "0x.. 0x.." */
static struct json_strs
read_denied(struct arena *a, const char *text)
{
	struct json_strs list = { NULL, 0 };
	char *copy = arena_strdup(a, text), *at, *rest = copy;

	while ((at = strsep(&rest, " ")) != NULL) {
		if (*at == '\0')
			continue;
		list.items = arena_grow(a, list.items, list.count, sizeof(*list.items));
		list.items[list.count++] = at;
	}
	return list;
}

/* Where the others of its set run, when it has failed. */
static int
read_taken(struct task *t, size_t i, struct tick_entry *en)
{
	struct tick_run *r = t->state;
	struct json *list, *next;
	struct tick_taken *all;
	const char *text;

	if (row_null(r->b, Q_ORDERS, i, "taken"))
		return 0;
	text = row_text(r->b, Q_ORDERS, i, "taken");
	if (json_parse(&r->a, text, strlen(text), &list, &t->err) < 0)
		return -1;
	all = arena_alloc(&r->a, (list->count + 1) * sizeof(*all));
	for (struct json *v = list->first; v != NULL; v = next) {
		next = v->next;
		if (json_read(&r->a, v, tick_taken_fields, &all[en->taken.count++], &t->err) < 0)
			return -1;
	}
	en->taken.items = all;
	return 0;
}

static int
read_order(struct task *t, size_t i, struct tick_entry *en, struct fast_order *o)
{
	struct tick_run *r = t->state;
	const char *terms = row_text(r->b, Q_ORDERS, i, "terms"),
		   *group = row_text(r->b, Q_ORDERS, i, "grp");

	row_bytes(r->b, Q_ORDERS, i, "hash", en->id.b, sizeof(en->id.b));
	row_bytes(r->b, Q_ORDERS, i, "sig", en->sig.b, sizeof(en->sig.b));
	row_bytes(r->b, Q_ORDERS, i, "first_hash", en->record.b, sizeof(en->record.b));
	row_bytes(r->b, Q_ORDERS, i, "id", o->id.b, sizeof(o->id.b));
	o->round = row_int(r->b, Q_ORDERS, i, "round");
	en->first = (uint64_t)row_int(r->b, Q_ORDERS, i, "first_tick");
	en->care_hours = (uint32_t)row_int(r->b, Q_ORDERS, i, "care_hours");
	en->retry = row_int(r->b, Q_ORDERS, i, "failures") > 0;
	en->denied = read_denied(&r->a, row_text(r->b, Q_ORDERS, i, "denied"));
	if (json_decode(&r->a, terms, strlen(terms), order_terms_fields, &en->terms, &t->err) < 0 ||
	    json_decode(&r->a, group, strlen(group), group_fields, &en->group, &t->err) < 0 ||
	    read_taken(t, i, en) < 0)
		return err_wrap(&t->err, "stored order");
	demand_group(&r->a, &en->group, &o->demand);
	return 0;
}

static int
read_orders(struct task *t)
{
	struct tick_run *r = t->state;
	struct tick_entry *entries;

	r->order_count = rows_count(r->b, Q_ORDERS);
	entries = arena_alloc(&r->a, (r->order_count + 1) * sizeof(*entries));
	r->orders = arena_alloc(&r->a, (r->order_count + 1) * sizeof(*r->orders));
	r->judged = arena_alloc(&r->a, (r->order_count + 1) * sizeof(*r->judged));
	r->t.audits = audits_read(&r->a, r->b, Q_AUDITS);
	r->t.orders = (struct json_list){ entries, r->order_count };
	for (size_t i = 0; i < r->order_count; i++)
		if (read_order(t, i, &entries[i], &r->orders[i]) < 0 ||
		    tick_entry_order(&r->a, &entries[i], &r->t.audits, &r->judged[i], &t->err) < 0)
			return -1;
	return 0;
}

static void
clear_orders(struct tick_run *r)
{
	struct tick_order *orders = arena_alloc(&r->a, (r->order_count + 1) * sizeof(*orders));
	struct tick_entry *entries = r->t.orders.items;

	r->outcomes = arena_alloc(&r->a, (r->order_count + 1) * sizeof(*r->outcomes));
	for (size_t i = 0; i < r->order_count; i++)
		orders[i] = r->judged[i].order;
	tick_clear_rows(&r->a, orders, r->order_count, r->offers, r->t.offers.count, r->outcomes);
	for (size_t i = 0; i < r->order_count; i++) {
		const struct tick_pick *pick = r->outcomes[i].picks;
		struct fast_order *o = &r->orders[i];

		r->judged[i].said = r->outcomes[i];
		tick_entry_say(&r->a, &r->outcomes[i], r->t.offers.count, &entries[i]);
		o->awarded = r->outcomes[i].end == TICK_AWARDED;
		if (!o->awarded)
			continue;
		o->winner = book_find(&r->facts, &r->offers[pick->index].id);
		book_take(&r->a, &r->facts, &o->winner->doc.offer, &o->demand, pick->nodes);
	}
}

static void
fill_record(struct tick_run *r, const struct market_settings *s)
{
	struct record_terms *n = &r->t.record.terms;
	struct tick_offer *next;

	n->number = (uint64_t)r->number;
	n->time = MAX((uint64_t)(r->now / MILLI_US), r->t.before.terms.time + 1);
	if (r->number > 0)
		n->previous = record_hash(&r->t.before.terms);
	book_make(&r->a, &r->facts, s, r->number + 1, n->time, &r->next, &next);
	record_tick(&r->a, r->judged, r->order_count, r->offers, r->t.offers.count, NULL, 0, n);
	record_book(&r->a, next, r->next.rows.count, n);
	r->record_hash = record_hash(n);
}

static enum next
tick_clear_all(struct task *t)
{
	struct tick_run *r = t->state;
	const struct market_settings *s = clerk_in(t)->settings;

	if (batch_failed(r->b, &t->err) ||
	    book_read(&r->a, r->b, Q_OFFERS, &r->facts, &t->err) < 0 || read_before(t) < 0 ||
	    read_book(t) < 0 || read_orders(t) < 0)
		return TASK_FAIL;
	r->t.rules = RULES_VERSION;
	r->t.standing = book_rules(s);
	clear_orders(r);
	fill_record(r, s);
	return signer_start(t, clerk_in(t)->signer, &r->call, SIGN_RECORD, &r->t.record.terms,
			    sizeof(r->t.record.terms));
}

/* ------------------------------------------------------------------ */
/* Awards.                                                             */

static enum next
tick_signed(struct task *t)
{
	struct tick_run *r = t->state;

	if (signer_answer(&r->call, &r->t.record.sig, sizeof(r->t.record.sig), &t->err) < 0)
		return TASK_FAIL;
	return TASK_NEXT;
}

static enum next
award_sign(struct task *t)
{
	struct tick_run *r = t->state;
	const struct tick_entry *entries = r->t.orders.items;
	struct fast_order *o;

	while (r->signing < r->order_count && !r->orders[r->signing].awarded)
		r->signing++;
	if (r->signing == r->order_count)
		return TASK_NEXT;
	o = &r->orders[r->signing];
	o->award = (struct award_terms){ .order = entries[r->signing].id,
					 .provider = o->winner->doc.offer.provider,
					 .rate = r->outcomes[r->signing].price,
					 .record = r->record_hash };
	return signer_start(t, clerk_in(t)->signer, &r->call, SIGN_AWARD, &o->award,
			    sizeof(o->award));
}

static enum next
award_signed(struct task *t)
{
	struct tick_run *r = t->state;
	struct fast_order *o = &r->orders[r->signing];

	if (r->signing == r->order_count)
		return TASK_NEXT;
	if (signer_answer(&r->call, &o->award_sig, sizeof(o->award_sig), &t->err) < 0)
		return TASK_FAIL;
	r->signing++;
	return task_jump(t, award_sign);
}

/* ------------------------------------------------------------------ */
/* Store.                                                              */

static void
store_nodes(struct tick_run *r, const struct fast_order *o, const struct tick_pick *pick)
{
	struct book_facts one = { .offers = NULL };

	book_take(&r->a, &one, &o->winner->doc.offer, &o->demand, pick->nodes);
	for (size_t i = 0; i < one.taken_count; i++)
		q_lease_node_put(r->b, &o->lease_hash, one.taken[i].node,
				 json_encode(&r->a, shape_fields, &one.taken[i].shape));
}

static void
store_award(struct task *t, size_t i)
{
	struct tick_run *r = t->state;
	const struct tick_entry *en = (struct tick_entry *)r->t.orders.items + i;
	struct fast_order *o = &r->orders[i];
	wall_t accept_by = r->now + clerk_in(t)->settings->accept_ms * MILLI_US;
	struct award_doc doc;

	o->lease = lease_from(&en->terms, &o->award.provider, o->award.rate);
	o->lease_hash = lease_hash(&o->lease);
	o->lease_id = id_new();
	q_lease_award(r->b, &en->id, &o->lease_hash, &o->lease_id, o->round, &en->terms.tenant,
		      &o->award.provider, json_encode(&r->a, lease_terms_fields, &o->lease),
		      o->award.rate, en->terms.deposit, &r->record_hash, &o->award_sig, accept_by,
		      r->now);
	store_nodes(r, o, r->outcomes[i].picks);
	doc = (struct award_doc){ .order = o->id,
				  .lease = o->lease_id,
				  .award = o->award,
				  .award_sig = o->award_sig,
				  .terms = en->terms,
				  .order_sig = en->sig,
				  .group = en->group,
				  .accept_by = accept_by };
	clerk_event(r->b, "order.awarded", ID_ORDER, &o->id, r->now,
		    json_encode(&r->a, award_doc_fields, &doc));
}

static void
write_look(struct jsonw *w, const struct tick_run *r, const struct tick_outcome *out, size_t offer,
	   const struct tick_rank *rank, size_t place)
{
	const struct offer *o = r->offers[offer].offer;
	const struct gpu_rate *gpu = o->floor.gpus.items;
	char text[HASH_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "offer", "%s", hash_text(&r->offers[offer].id, text));
	jsonw_member(w, "provider", "%s", address_text(&o->provider, text));
	jsonw_member(w, "model", "%s",
		     rank != NULL && rank->model >= 0 ? gpu[rank->model].model : "");
	jsonw_member(w, "reason", "%s",
		     tick_reason_name((enum tick_reason)out->offer_reasons[offer]));
	if (rank != NULL) {
		jsonw_member(w, "floor", "%s", u128_text(rank->floor.nano, number));
		jsonw_member(w, "list", "%s", u128_text(rank->list.nano, number));
		jsonw_member(w, "effective", "%s", u128_text(rank->effective, number));
		jsonw_name(w, "rank");
		jsonw_int(w, (int64_t)place);
	}
	jsonw_close(w, '}');
}

/* Every offer of the book: those that took part by rank, the others with their reason. */
static const char *
looks(struct tick_run *r, const struct tick_outcome *out)
{
	bool *ranked = arena_alloc(&r->a, r->t.offers.count + 1);
	struct jsonw *w = jsonw_new(false);
	const char *copy;

	jsonw_open(w, '[');
	for (size_t i = 0; i < out->rank_count; i++) {
		ranked[out->ranking[i].index] = true;
		write_look(w, r, out, out->ranking[i].index, &out->ranking[i], i + 1);
	}
	for (size_t i = 0; i < r->t.offers.count; i++)
		if (!ranked[i])
			write_look(w, r, out, i, NULL, 0);
	jsonw_close(w, ']');
	copy = arena_strdup(&r->a, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

static void
store_order(struct task *t, size_t i)
{
	struct tick_run *r = t->state;
	const struct tick_entry *en = (struct tick_entry *)r->t.orders.items + i;
	struct fast_order *o = &r->orders[i];

	q_tick_order_seen(r->b, &en->id, r->number, r->print_used);
	q_tick_bids_clear(r->b, &en->id, o->round);
	q_tick_bids_put(r->b, &en->id, o->round, r->number, looks(r, &r->outcomes[i]), r->now);
	if (o->awarded)
		store_award(t, i);
	else /* the desk sees to its end; a cancel may have come meanwhile */
		q_order_move(r->b, &en->id, "bidding", "open", "", r->now);
}

static const char *
closed_event(struct tick_run *r)
{
	char text[HASH_TEXT_SIZE];
	struct jsonw *w = jsonw_new(false);
	const char *copy;

	jsonw_open(w, '{');
	jsonw_member(w, "hash", "%s", hash_text(&r->record_hash, text));
	json_write_members(w, record_fields, &r->t.record);
	jsonw_close(w, '}');
	copy = arena_strdup(&r->a, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

static enum next
tick_store(struct task *t)
{
	struct tick_run *r = t->state;

	r->b = batch_new(t);
	q_tick_store(r->b, r->number, &r->record_hash,
		     json_encode(&r->a, record_terms_fields, &r->t.record.terms), &r->t.record.sig,
		     json_encode(&r->a, tick_transcript_fields, &r->t),
		     json_encode(&r->a, tick_book_fields, &r->next), r->print,
		     record_stirs(r->number > 0 ? &r->t.before.terms : NULL, &r->t.record.terms),
		     (wall_t)r->t.record.terms.time * MILLI_US);
	for (size_t i = 0; i < r->order_count; i++)
		store_order(t, i);
	q_event_add(r->b, "tick.closed", arena_printf(&r->a, "tick_%" PRId64, r->number), r->now,
		    closed_event(r));
	return db_run(t, clerk_in(t)->db, r->b);
}

static enum next
tick_end(struct task *t)
{
	struct tick_run *r = t->state;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	log_info("tick.closed", "number=%" PRId64 " orders=%zu offers=%zu", r->number,
		 r->order_count, r->t.offers.count);
	clerk_tell_webs(clerk_in(t));
	if (r->order_count > 0)
		clerk_look(clerk_in(t));
	return TASK_DONE;
}

static const struct step tick_steps[] = { { "look", tick_look },       { "cut", tick_cut },
					  { "read", tick_read },       { "clear", tick_clear_all },
					  { "signed", tick_signed },   { "award", award_sign },
					  { "awarded", award_signed }, { "store", tick_store },
					  { "end", tick_end },	       STEP_END };

static void
tick_done(struct task *t)
{
	struct clerk *c = t->owner;

	c->tick_busy = false;
	if (t->err.code != NULL)
		log_warn("tick.failed", "code=%s error=\"%s\"", t->err.code->name, t->err.text);
}

void
ticks_poll(void *clerk)
{
	struct clerk *c = clerk;

	/* Other machines' web roles poke a clerk that waits for its turn. */
	receipts_poll(c);
	if (c->tick_busy)
		return;
	c->tick_busy = true;
	task_new(&c->loop, "tick", tick_steps, sizeof(struct tick_run), 20 * SECOND_US, tick_done,
		 c);
}
