/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/tick_transcript.h"

#include "lease/attest.h"
#include "lease/spread_rows.h"

#define MAYBE	   (JSON_OPTIONAL | JSON_OMIT_EMPTY)
#define COPIES_MAX 4096u
#define PLACES_MAX (TICK_OFFERS_MAX * OFFER_MODELS_MAX)

/* ------------------------------------------------------------------ */
/* As JSON.                                                            */

#define T struct standing_rules
const struct json_field standing_rules_fields[] = { JSON_U32(T, in_book_s, 0, 0),
						    JSON_U32(T, failures_bp_max, 0, 0),
						    JSON_U32(T, class_launches, 0, 0), JSON_END };
#undef T
#define T struct tick_free
static const struct json_field free_fields[] = { JSON_U32(T, node, OFFER_NODES_MAX, 0),
						 JSON_OBJ(T, free, shape_fields, 0), JSON_END };
#undef T
#define T struct tick_row
static const struct json_field row_fields[] = {
	JSON_HASH(T, id, 0),
	JSON_U32(T, launches, 0, 0),
	JSON_U32(T, failures, 0, 0),
	JSON_BOOLEAN(T, bonded, 0),
	JSON_U32(T, in_book_s, 0, 0),
	JSON_U32(T, class_launches, 0, 0),
	JSON_BOOLEAN(T, sets_prices, 0),
	JSON_BOOLEAN(T, foreign_counts, 0),
	JSON_LIST(T, past, offer_units_fields, struct offer_units, 1, MAYBE),
	JSON_LIST(T, free, free_fields, struct tick_free, OFFER_NODES_MAX, MAYBE),
	JSON_END
};
#undef T
#define T struct tick_book
const struct json_field tick_book_fields[] = {
	JSON_LIST(T, rows, row_fields, struct tick_row, TICK_OFFERS_MAX, 0), JSON_END
};
#undef T
#define T struct audit_book
const struct json_field audit_book_fields[] = {
	JSON_OBJ(T, record, record_fields, 0),
	JSON_LIST(T, next, record_fields, struct record, 1, MAYBE),
	JSON_LIST(T, rows, row_fields, struct tick_row, TICK_OFFERS_MAX, 0), JSON_END
};
#undef T
#define T struct tick_line_node
static const struct json_field line_node_fields[] = { JSON_U32(T, node, 0, 0), JSON_END };
#undef T
#define T struct tick_line
static const struct json_field line_fields[] = {
	JSON_U32(T, offer, 0, 0), JSON_I64(T, model, 0), JSON_RATE(T, price, MAYBE),
	JSON_LIST(T, nodes, line_node_fields, struct tick_line_node, COPIES_MAX, MAYBE), JSON_END
};
#undef T
#define T struct tick_place
static const struct json_field place_fields[] = { JSON_U32(T, offer, 0, 0), JSON_I64(T, model, 0),
						  JSON_AMOUNT(T, effective, 0), JSON_END };
#undef T
#define T struct tick_taken
const struct json_field tick_taken_fields[] = { JSON_ADDRESS(T, provider, 0),
						JSON_ADDRESS(T, owner, 0),
						JSON_STR(T, region, 128, 0), JSON_END };
#undef T
#define T struct tick_entry
static const struct json_field entry_fields[] = {
	JSON_HASH(T, id, 0),
	JSON_U64(T, first, 0),
	JSON_HASH(T, record, 0),
	JSON_OBJ(T, terms, order_terms_fields, 0),
	JSON_SIG(T, sig, 0),
	JSON_OBJ(T, group, group_fields, 0),
	JSON_U32(T, care_hours, 4, 0),
	JSON_BOOLEAN(T, retry, 0),
	JSON_STRS(T, denied, 64, MAYBE),
	JSON_LIST(T, taken, tick_taken_fields, struct tick_taken, TICK_ROWS_MAX, MAYBE),
	JSON_STR(T, end, 32, 0),
	JSON_RATE(T, price, MAYBE),
	JSON_LIST(T, picks, line_fields, struct tick_line, TICK_ROWS_MAX, MAYBE),
	JSON_LIST(T, setter, line_fields, struct tick_line, 1, MAYBE),
	JSON_LIST(T, ranking, place_fields, struct tick_place, PLACES_MAX, MAYBE),
	JSON_BASE64(T, reasons, TICK_OFFERS_MAX, MAYBE),
	JSON_END
};
#undef T
#define T struct tick_hidden
static const struct json_field hidden_fields[] = { JSON_HASH(T, id, 0), JSON_HASH(T, order_leaf, 0),
						   JSON_HASH(T, outcome_leaf, 0), JSON_END };
#undef T
#define T struct tick_transcript
const struct json_field tick_transcript_fields[] = {
	JSON_STR(T, rules, 32, 0),
	JSON_OBJ(T, standing, standing_rules_fields, 0),
	JSON_OBJ(T, before, record_fields, 0),
	JSON_OBJ(T, record, record_fields, 0),
	JSON_LIST(T, offers, row_fields, struct tick_row, TICK_OFFERS_MAX, 0),
	JSON_LIST(T, orders, entry_fields, struct tick_entry, TICK_ORDERS_MAX, 0),
	JSON_LIST(T, open, hidden_fields, struct tick_hidden, TICK_ORDERS_MAX, MAYBE),
	JSON_LIST(T, audits, audit_doc_fields, struct audit_doc, 4096, MAYBE),
	JSON_LIST(T, receipts, receipt_fields, struct receipt, TICK_ORDERS_MAX, MAYBE),
	JSON_END
};
#undef T

/* ------------------------------------------------------------------ */
/* To what tick.h and audit.h work with.                               */

void
tick_row_offer(struct arena *a, const struct tick_row *row, const struct offer *offer,
	       struct tick_offer *out)
{
	const struct tick_free *free = row->free.items;
	size_t models = offer->floor.gpus.count;
	uint32_t *gpus = arena_alloc(a, (models + 1) * sizeof(*gpus));

	*out = (struct tick_offer){ .offer = offer,
				    .id = row->id,
				    .past = row->past.count > 0 ? row->past.items : NULL,
				    .launches = row->launches,
				    .failures = row->failures,
				    .sets_prices = row->sets_prices };
	out->nodes = arena_alloc(a, (offer->nodes.count + 1) * sizeof(*out->nodes));
	offer_nodes(offer, out->nodes);
	for (size_t i = 0; i < row->free.count; i++)
		if (free[i].node < offer->nodes.count)
			out->nodes[free[i].node].free = free[i].free;
	out->used_bp = offer_used_bp(offer, out->nodes, -1, row->foreign_counts);
	for (size_t m = 0; m < models; m++)
		gpus[m] = offer_used_bp(offer, out->nodes, (int)m, row->foreign_counts);
	out->gpu_used_bp = gpus;
}

uint32_t
tick_term_s(const struct order_terms *o)
{
	u128 s = o->maxRate.nano == 0 ? 0 : o->deposit.units * 1000000000u / o->maxRate.nano;

	return (uint32_t)MIN(s, (u128)UINT32_MAX);
}

int
tick_entry_order(struct arena *a, const struct tick_entry *en, const struct json_list *audits,
		 struct audit_order *out, struct err *e)
{
	struct address *denied = arena_alloc(a, (en->denied.count + 1) * sizeof(*denied));

	for (size_t i = 0; i < en->denied.count; i++)
		if (address_read(en->denied.items[i], &denied[i], e) < 0)
			return err_wrap(e, "denied");
	*out = (struct audit_order){ .terms = en->terms, .sig = en->sig };
	out->order = (struct tick_order){ .id = en->id,
					  .record = en->record,
					  .tenant = en->terms.tenant,
					  .owner = en->terms.tenant,
					  .max = &en->terms.maxRate,
					  .care_hours = en->care_hours,
					  .term_s = tick_term_s(&en->terms),
					  .retry = en->retry,
					  .group = &en->group,
					  .audits = audits,
					  .denied = denied,
					  .denied_count = en->denied.count,
					  .spread = spread_of(&en->group),
					  .set = en->group.spread_set,
					  .row = en->group.spread_row,
					  .rows = en->group.spread_rows,
					  .taken = en->taken.items,
					  .taken_count = en->taken.count };
	return 0;
}

static struct tick_pick
line_pick(struct arena *a, const struct tick_line *l)
{
	const struct tick_line_node *nodes = l->nodes.items;
	struct tick_pick p = {
		.kind = TICK_OFFER, .index = l->offer, .model = (int)l->model, .price = l->price
	};

	if (l->nodes.count == 0)
		return p;
	p.nodes = arena_alloc(a, l->nodes.count * sizeof(*p.nodes));
	p.node_count = l->nodes.count;
	for (size_t i = 0; i < l->nodes.count; i++)
		p.nodes[i] = nodes[i].node;
	return p;
}

static bool
line_known(uint32_t offer, int64_t model, size_t offer_count)
{
	return offer < offer_count && model >= -1 && model < (int64_t)OFFER_MODELS_MAX;
}

static int
end_read(const char *name, enum tick_end *out)
{
	for (unsigned i = TICK_AWARDED; i <= TICK_INCOMPLETE; i++)
		if (strcmp(tick_end_name((enum tick_end)i), name) == 0) {
			*out = (enum tick_end)i;
			return 0;
		}
	return -1;
}

static bool
reason_known(uint8_t r)
{
	return r <= OFFER_TAKEN || (r >= REASON_CAPACITY && r <= REASON_WON);
}

/* What the entry says of the outcome; indices that lead nowhere are refused. */
static int
read_said(struct arena *a, const struct tick_entry *en, size_t offer_count,
	  struct tick_outcome *out, struct err *e)
{
	const struct tick_line *picks = en->picks.items, *setter = en->setter.items;
	const struct tick_place *places = en->ranking.items;

	*out = (struct tick_outcome){ .price = en->price };
	if (end_read(en->end, &out->end) < 0 || en->reasons.len != offer_count)
		return err_field(e, &AUDIT_OUTCOME, "/orders", "\"%.32s\", %zu reasons", en->end,
				 en->reasons.len);
	out->picks = arena_alloc(a, (en->picks.count + 1) * sizeof(*out->picks));
	out->pick_count = en->picks.count;
	for (size_t i = 0; i < en->picks.count; i++) {
		if (!line_known(picks[i].offer, picks[i].model, offer_count))
			return err_field(e, &AUDIT_WINNER, "/orders", "no such offer");
		out->picks[i] = line_pick(a, &picks[i]);
	}
	if (en->setter.count > 0) {
		if (!line_known(setter->offer, setter->model, offer_count))
			return err_field(e, &AUDIT_SETTER, "/orders", "no such offer");
		out->setter = line_pick(a, setter);
	}
	out->ranking = arena_alloc(a, (en->ranking.count + 1) * sizeof(*out->ranking));
	out->rank_count = en->ranking.count;
	for (size_t i = 0; i < en->ranking.count; i++) {
		if (!line_known(places[i].offer, places[i].model, offer_count))
			return err_field(e, &AUDIT_REASON, "/orders", "no such offer");
		out->ranking[i] = (struct tick_rank){ .kind = TICK_OFFER,
						      .index = places[i].offer,
						      .model = (int)places[i].model,
						      .effective = places[i].effective.units };
	}
	for (size_t i = 0; i < offer_count; i++)
		if (!reason_known(en->reasons.b[i]))
			return err_field(e, &AUDIT_REASON, "/orders", "no such reason");
	out->offer_reasons = offer_count > 0 ? en->reasons.b : arena_alloc(a, 1);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Writing.                                                            */

static void
say_line(struct arena *a, const struct tick_pick *p, struct tick_line *l)
{
	struct tick_line_node *nodes = arena_alloc(a, (p->node_count + 1) * sizeof(*nodes));

	for (size_t i = 0; i < p->node_count; i++)
		nodes[i].node = p->nodes[i];
	*l = (struct tick_line){ .offer = (uint32_t)p->index,
				 .model = p->model,
				 .price = p->price,
				 .nodes = { nodes, p->node_count } };
}

void
tick_entry_say(struct arena *a, const struct tick_outcome *said, size_t offer_count,
	       struct tick_entry *en)
{
	struct tick_line *picks = arena_alloc(a, (said->pick_count + 2) * sizeof(*picks));
	struct tick_place *places = arena_alloc(a, (said->rank_count + 1) * sizeof(*places));

	en->end = tick_end_name(said->end);
	en->price = said->price;
	for (size_t i = 0; i < said->pick_count; i++)
		say_line(a, &said->picks[i], &picks[i]);
	en->picks = (struct json_list){ picks, said->pick_count };
	if (said->setter.kind != TICK_NOBODY) {
		say_line(a, &said->setter, &picks[said->pick_count]);
		picks[said->pick_count].price.nano = 0;
		en->setter = (struct json_list){ &picks[said->pick_count], 1 };
	}
	for (size_t i = 0; i < said->rank_count; i++)
		places[i] = (struct tick_place){ .offer = (uint32_t)said->ranking[i].index,
						 .model = said->ranking[i].model,
						 .effective = { said->ranking[i].effective } };
	en->ranking = (struct json_list){ places, said->rank_count };
	en->reasons = (struct json_bytes){ said->offer_reasons, offer_count };
}

/* ------------------------------------------------------------------ */
/* Hiding.                                                             */

static bool
among(const struct hash *h, const struct hash *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (hash_equal(h, &list[i]))
			return true;
	return false;
}

/* Leaves name offers by their ids and by nothing else. */
static int
hide_one(struct arena *a, const struct tick_transcript *t, const struct tick_offer *ids,
	 const struct tick_entry *en, struct tick_hidden *out, struct err *e)
{
	struct audit_order o;

	if (tick_entry_order(a, en, &t->audits, &o, e) < 0 ||
	    read_said(a, en, t->offers.count, &o.said, e) < 0)
		return -1;
	*out = (struct tick_hidden){ .id = en->id,
				     .order_leaf = record_order_leaf(&o.order, &en->id, &en->sig),
				     .outcome_leaf = record_outcome_leaf(&o.order, &o.said, ids,
									 t->offers.count) };
	return 0;
}

int
tick_transcript_hide(struct arena *a, struct tick_transcript *t, const struct hash *hidden,
		     size_t count, struct err *e)
{
	const struct tick_row *rows = t->offers.items;
	struct tick_entry *orders = t->orders.items;
	struct tick_offer *ids = arena_alloc(a, (t->offers.count + 1) * sizeof(*ids));
	struct tick_hidden *open = arena_alloc(a, (t->orders.count + 1) * sizeof(*open));
	size_t kept = 0, gone = 0;

	for (size_t i = 0; i < t->offers.count; i++)
		ids[i].id = rows[i].id;
	for (size_t i = 0; i < t->orders.count; i++) {
		if (!among(&orders[i].id, hidden, count))
			orders[kept++] = orders[i];
		else if (hide_one(a, t, ids, &orders[i], &open[gone++], e) < 0)
			return -1;
	}
	t->orders.count = kept;
	t->open = (struct json_list){ open, gone };
	return 0;
}

/* ------------------------------------------------------------------ */
/* Judging.                                                            */

static int
compare_docs(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct hash));
}

struct doc_by_id {
	struct hash id;
	const struct offer_doc *doc;
};

int
tick_book_read(struct arena *a, const struct json_list *list, const struct offer_doc *docs,
	       size_t doc_count, struct tick_book_read *book, struct err *e)
{
	struct doc_by_id *by_id = arena_alloc(a, (doc_count + 1) * sizeof(*by_id)), *found;
	const struct tick_row *rows = list->items;
	char text[HASH_TEXT_SIZE], field[64];

	for (size_t i = 0; i < doc_count; i++)
		by_id[i] = (struct doc_by_id){ offer_hash(&docs[i].offer), &docs[i] };
	qsort(by_id, doc_count, sizeof(*by_id), compare_docs);
	book->offers = arena_alloc(a, (list->count + 1) * sizeof(*book->offers));
	book->sigs = arena_alloc(a, (list->count + 1) * sizeof(*book->sigs));
	for (size_t i = 0; i < list->count; i++) {
		snprintf(field, sizeof(field), "/offers/%zu", i);
		found = doc_count == 0 ? NULL
				       : bsearch(&rows[i].id, by_id, doc_count, sizeof(*by_id),
						 compare_docs);
		if (found == NULL)
			return err_field(e, &AUDIT_OFFER, field, "nobody has shown offer %s",
					 hash_text(&rows[i].id, text));
		tick_row_offer(a, &rows[i], &found->doc->offer, &book->offers[i]);
		book->sigs[i] = found->doc->sig;
	}
	return 0;
}

int
tick_book_standing(const struct json_list *list, const struct standing_rules *rules, struct err *e)
{
	const struct tick_row *rows = list->items;
	char field[64];

	for (size_t i = 0; i < list->count; i++) {
		struct offer_standing s = { .bonded = rows[i].bonded,
					    .in_book_s = rows[i].in_book_s,
					    .launches = rows[i].launches,
					    .failures = rows[i].failures,
					    .class_launches = rows[i].class_launches };

		snprintf(field, sizeof(field), "/offers/%zu/sets_prices", i);
		if (offer_sets_prices(&s, rules) != rows[i].sets_prices)
			return err_field(e, &AUDIT_STANDING, field, "the rule says %s",
					 rows[i].sets_prices ? "no" : "yes");
	}
	return 0;
}

static int
check_audits(const struct domain *d, const struct tick_transcript *t, struct err *e)
{
	const struct audit_doc *docs = t->audits.items;
	struct err why = ERR_NONE;
	char field[64];

	for (size_t i = 0; i < t->audits.count; i++) {
		snprintf(field, sizeof(field), "/audits/%zu", i);
		if (attest_check(d, &docs[i], &why) < 0)
			return err_field(e, &AUDIT_STATEMENT, field, "%s", why.text);
		if ((uint64_t)docs[i].terms.expires * 1000 <= t->record.terms.time)
			return err_field(e, &AUDIT_STATEMENT, field, "it was in force no more");
	}
	return 0;
}

static int
compare_orders(const void *left, const void *right)
{
	const struct audit_order *a = left, *b = right;

	return memcmp(a->order.id.b, b->order.id.b, sizeof(a->order.id.b));
}

static int
read_orders(struct arena *a, const struct tick_transcript *t, struct audit_order *orders,
	    struct err *e)
{
	const struct tick_entry *entries = t->orders.items;
	const struct tick_hidden *open = t->open.items;
	struct hash before = record_hash(&t->before.terms);
	char field[64];
	size_t n = 0;

	for (size_t i = 0; i < t->orders.count; i++) {
		const struct tick_entry *en = &entries[i];

		snprintf(field, sizeof(field), "/orders/%zu/record", i);
		if (en->first > t->record.terms.number ||
		    (en->first == t->record.terms.number && !hash_equal(&en->record, &before)))
			return err_field(e, &AUDIT_ORDER, field,
					 "it is not the one before its first tick");
		if (tick_entry_order(a, en, &t->audits, &orders[n], e) < 0 ||
		    read_said(a, en, t->offers.count, &orders[n].said, e) < 0)
			return err_wrap(e, "order %zu", i);
		n++;
	}
	for (size_t i = 0; i < t->open.count; i++)
		orders[n++] = (struct audit_order){ .order = { .id = open[i].id },
						    .hidden = true,
						    .order_leaf = open[i].order_leaf,
						    .outcome_leaf = open[i].outcome_leaf };
	qsort(orders, n, sizeof(*orders), compare_orders);
	return 0;
}

int
tick_transcript_audit(struct arena *a, const struct domain *d, const struct address *market,
		      const struct tick_transcript *t, const struct offer_doc *docs,
		      size_t doc_count, const struct receipt *receipts, size_t receipt_count,
		      struct err *e)
{
	size_t order_count = t->orders.count + t->open.count;
	struct audit_order *orders = arena_alloc(a, (order_count + 1) * sizeof(*orders));
	struct receipt *all =
		arena_alloc(a, (t->receipts.count + receipt_count + 1) * sizeof(*all));
	struct tick_book_read book;
	struct audit_tick tick = { .domain = d,
				   .rules = t->rules,
				   .market = *market,
				   .before = t->before,
				   .record = t->record,
				   .orders = orders,
				   .order_count = order_count,
				   .offer_count = t->offers.count,
				   .receipts = all,
				   .receipt_count = t->receipts.count + receipt_count,
				   .docs = docs,
				   .doc_count = doc_count };

	if (t->receipts.count > 0)
		memcpy(all, t->receipts.items, t->receipts.count * sizeof(*all));
	if (receipt_count > 0)
		memcpy(all + t->receipts.count, receipts, receipt_count * sizeof(*all));
	if (tick_book_read(a, &t->offers, docs, doc_count, &book, e) < 0 ||
	    read_orders(a, t, orders, e) < 0)
		return err_wrap(e, "tick %llu", (unsigned long long)t->record.terms.number);
	tick.offers = book.offers;
	tick.offer_sigs = book.sigs;
	if (audit_tick(a, &tick, e) < 0)
		return -1;
	if (check_audits(d, t, e) < 0 || tick_book_standing(&t->offers, &t->standing, e) < 0)
		return err_wrap(e, "tick %llu", (unsigned long long)t->record.terms.number);
	return 0;
}

int
tick_order_receipt(const struct domain *d, const struct address *market,
		   const struct tick_transcript *ticks, size_t count, const struct receipt *r,
		   struct err *e)
{
	bool seen = false, row = false;

	if (audit_receipt(d, market, &r->terms.item, r, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct tick_entry *entries = ticks[i].orders.items;
		const struct tick_hidden *open = ticks[i].open.items;

		seen = seen || ticks[i].record.terms.number == r->terms.round;
		for (size_t k = 0; k < ticks[i].open.count; k++)
			row = row || hash_equal(&open[k].id, &r->terms.item);
		for (size_t k = 0; k < ticks[i].orders.count; k++) {
			if (!hash_equal(&entries[k].id, &r->terms.item))
				continue;
			row = row || entries[k].group.spread != NULL;
			if (entries[k].first != r->terms.round)
				return err_field(e, &AUDIT_BACKDATED, "/receipt/terms/round",
						 "received for tick %llu, shown as of tick %llu",
						 (unsigned long long)r->terms.round,
						 (unsigned long long)entries[k].first);
		}
	}
	if (!seen && !row)
		return err_field(e, &AUDIT_DROPPED, "/receipt",
				 "tick %llu, which it is for, is not among those shown",
				 (unsigned long long)r->terms.round);
	return 0;
}
