/* SPDX-License-Identifier: Apache-2.0 */
/* A tick: chain, roots, receipts, then everything cleared again. */
#include "lease/audit.h"
#include "lease/key.h"
#include "lease/spread_rows.h"

/* ------------------------------------------------------------------ */
/* Roots: market and auditor make them alike.                           */

void
record_book(struct arena *a, const struct tick_offer *offers, size_t offer_count,
	    struct record_terms *into)
{
	struct hash *leaves = arena_alloc(a, (offer_count + 1) * sizeof(*leaves));

	for (size_t i = 0; i < offer_count; i++)
		leaves[i] = record_book_leaf(&offers[i]);
	into->book = record_root(a, leaves, offer_count);
	for (size_t i = 0; i < offer_count; i++)
		leaves[i] = record_capacity_leaf(&offers[i]);
	into->capacity = record_root(a, leaves, offer_count);
	for (size_t i = 0; i < offer_count; i++)
		leaves[i] = record_reputation_leaf(&offers[i].offer->provider, offers[i].launches,
						   offers[i].failures);
	into->reputation = record_root(a, leaves, offer_count);
}

void
record_tick(struct arena *a, const struct audit_order *orders, size_t order_count,
	    const struct tick_offer *offers, size_t offer_count, const struct hash *key_leaves,
	    size_t key_count, struct record_terms *into)
{
	struct hash *leaves = arena_alloc(a, (order_count + 1) * sizeof(*leaves));

	for (size_t i = 0; i < order_count; i++) {
		struct hash terms = order_hash(&orders[i].terms);

		if (orders[i].hidden) {
			leaves[i] = orders[i].order_leaf;
			continue;
		}
		leaves[i] = record_order_leaf(&orders[i].order, &terms, &orders[i].sig);
	}
	into->orders = record_root(a, leaves, order_count);
	for (size_t i = 0; i < order_count; i++)
		leaves[i] = orders[i].hidden
				    ? orders[i].outcome_leaf
				    : record_outcome_leaf(&orders[i].order, &orders[i].said, offers,
							  offer_count);
	into->outcomes = record_root(a, leaves, order_count);
	into->keys = record_root(a, key_leaves, key_count);
}

/* ------------------------------------------------------------------ */
/* Chain and roots.                                                    */

static int
check_record(const struct audit_tick *t, const struct record *r, const char *field, struct err *e)
{
	struct hash h = record_hash(&r->terms), digest = terms_digest(t->domain, &h);
	struct err why = ERR_NONE;

	if (sig_check(&r->sig, &digest, &t->market, &why) < 0)
		return err_field(e, &AUDIT_SIGNATURE, field, "record %llu is not the market's",
				 (unsigned long long)r->terms.number);
	return 0;
}

static int
check_chain(const struct audit_tick *t, struct err *e)
{
	const struct record_terms *n = &t->record.terms, *before = &t->before.terms;
	struct hash h = record_hash(before);

	if (strcmp(t->rules, RULES_VERSION) != 0)
		return err_field(e, &AUDIT_RULES, "/rules", "\"%.32s\"", t->rules);
	if (check_record(t, &t->before, "/before", e) < 0 ||
	    check_record(t, &t->record, "/record", e) < 0)
		return -1;
	if (n->number != before->number + 1 || n->time <= before->time)
		return err_field(e, &AUDIT_CHAIN, "/record/number", "record %llu after record %llu",
				 (unsigned long long)n->number, (unsigned long long)before->number);
	if (!hash_equal(&n->previous, &h))
		return err_field(e, &AUDIT_CHAIN, "/record/previous",
				 "record %llu names another record before it",
				 (unsigned long long)n->number);
	return 0;
}

static int
check_root(const struct audit_tick *t, const char *name, const struct hash *said,
	   const struct hash *found, struct err *e)
{
	char field[64];

	if (hash_equal(said, found))
		return 0;
	snprintf(field, sizeof(field), "/record/%s", name);
	return err_field(e, &AUDIT_ROOT, field, "tick %llu: the %s shown are not those signed",
			 (unsigned long long)t->record.terms.number, name);
}

/* The book that prices tick n was signed with record n - 1. */
static int
check_book(struct arena *a, const struct audit_tick *t, struct err *e)
{
	const struct record_terms *before = &t->before.terms;
	struct record_terms found = { 0 };

	record_book(a, t->offers, t->offer_count, &found);
	if (check_root(t, "book", &before->book, &found.book, e) < 0 ||
	    check_root(t, "capacity", &before->capacity, &found.capacity, e) < 0)
		return -1;
	return check_root(t, "reputation", &before->reputation, &found.reputation, e);
}

static int
check_roots(struct arena *a, const struct audit_tick *t, struct err *e)
{
	const struct record_terms *n = &t->record.terms;
	struct record_terms found = { 0 };

	record_tick(a, t->orders, t->order_count, t->offers, t->offer_count, t->key_leaves,
		    t->key_count, &found);
	if (check_book(a, t, e) < 0 || check_root(t, "orders", &n->orders, &found.orders, e) < 0 ||
	    check_root(t, "keys", &n->keys, &found.keys, e) < 0)
		return -1;
	return check_root(t, "outcomes", &n->outcomes, &found.outcomes, e);
}

/* ------------------------------------------------------------------ */
/* Orders, offers, receipts.                                           */

static int
check_orders(const struct audit_tick *t, struct err *e)
{
	for (size_t i = 0; i < t->order_count; i++) {
		const struct audit_order *o = &t->orders[i];
		struct hash h = order_hash(&o->terms), digest = terms_digest(t->domain, &h), group;
		struct err why = ERR_NONE;
		char field[64];

		snprintf(field, sizeof(field), "/orders/%zu", i);
		if (i > 0 && memcmp(t->orders[i - 1].order.id.b, o->order.id.b, 32) >= 0)
			return err_field(e, &AUDIT_TWICE, field, "orders stand once each, by id");
		if (o->hidden)
			continue;
		if (!hash_equal(&h, &o->order.id) ||
		    !address_equal(&o->terms.tenant, &o->order.tenant))
			return err_field(e, &AUDIT_ORDER, field, "it is not the terms' hash");
		if (sig_check(&o->sig, &digest, &o->terms.tenant, &why) < 0)
			return err_field(e, &AUDIT_SIGNATURE, field, "not by its tenant");
		if (o->order.group != NULL) {
			group = group_hash(o->order.group);
			if (!hash_equal(&group, &o->terms.group))
				return err_field(e, &AUDIT_ORDER, field,
						 "the terms name another group");
		}
		if ((o->order.spread == SPREAD_NONE || o->order.rows > 0) &&
		    rate_cmp(o->order.max[0], o->terms.maxRate) != 0)
			return err_field(e, &AUDIT_ORDER, field, "the terms name another maximum");
	}
	return 0;
}

static int
check_offers(const struct audit_tick *t, struct err *e)
{
	for (size_t i = 0; i < t->offer_count; i++) {
		const struct offer *o = t->offers[i].offer;
		struct hash h = offer_hash(o), digest = terms_digest(t->domain, &h);
		struct err why = ERR_NONE;
		char field[64];

		snprintf(field, sizeof(field), "/offers/%zu", i);
		if (!hash_equal(&h, &t->offers[i].id))
			return err_field(e, &AUDIT_OFFER, field, "its id is another offer's");
		if (offer_check(o, &why) < 0)
			return err_field(e, &AUDIT_OFFER, field, "%s", why.text);
		if (sig_check(&t->offer_sigs[i], &digest, &o->provider, &why) < 0)
			return err_field(e, &AUDIT_SIGNATURE, field, "not by its provider");
		if (o->expires * 1000 < t->before.terms.time)
			return err_field(e, &AUDIT_OFFER, field, "it had expired");
		if (i > 0 && memcmp(t->offers[i - 1].id.b, t->offers[i].id.b, 32) >= 0)
			return err_field(e, &AUDIT_TWICE, field, "offers stand once each, by id");
	}
	return 0;
}

static bool
in_tick(const struct audit_tick *t, const struct receipt_terms *r)
{
	for (size_t i = 0; i < t->order_count; i++) {
		const struct tick_order *o = &t->orders[i].order;

		if (hash_equal(&o->id, &r->item))
			return true;
		for (size_t k = 0; k < o->bid_count && hash_equal(&o->id, &r->subject); k++)
			if (hash_equal(&o->bids[k].id, &r->item))
				return true;
	}
	for (size_t i = 0; i < t->offer_count; i++)
		if (hash_equal(&t->offers[i].id, &r->item))
			return true;
	return false;
}

static const struct offer_doc *
doc_of(const struct audit_tick *t, const struct hash *id)
{
	for (size_t i = 0; i < t->doc_count; i++) {
		struct hash h = offer_hash(&t->docs[i].offer);

		if (hash_equal(&h, id))
			return &t->docs[i];
	}
	return NULL;
}

static bool
share_node(const struct offer *a, const struct offer *b)
{
	const struct offer_node *left = a->nodes.items, *right = b->nodes.items;

	for (size_t i = 0; i < a->nodes.count; i++)
		for (size_t k = 0; k < b->nodes.count; k++)
			if (strcmp(left[i].name, right[k].name) == 0)
				return true;
	return false;
}

/* It is in the book, or a receipt says that it was there in time. */
static bool
offer_came(const struct audit_tick *t, const struct hash *id)
{
	for (size_t i = 0; i < t->offer_count; i++)
		if (hash_equal(&t->offers[i].id, id))
			return true;
	for (size_t i = 0; i < t->receipt_count; i++)
		if (hash_equal(&t->receipts[i].terms.item, id) &&
		    t->receipts[i].terms.round <= t->record.terms.number)
			return true;
	return false;
}

/* Its own provider has taken it from the book: with a later one, or by its time. */
static bool
offer_gone(const struct audit_tick *t, const struct hash *id)
{
	const struct offer_doc *doc = doc_of(t, id);

	if (doc == NULL)
		return false;
	if (doc->offer.expires < t->before.terms.time / 1000 + 1)
		return true;
	for (size_t i = 0; i < t->doc_count; i++) {
		const struct offer *o = &t->docs[i].offer;
		struct hash h = offer_hash(o), digest = terms_digest(t->domain, &h);
		struct err why = ERR_NONE;

		if (address_equal(&o->provider, &doc->offer.provider) && o->seq > doc->offer.seq &&
		    share_node(o, &doc->offer) && offer_came(t, &h) &&
		    sig_check(&t->docs[i].sig, &digest, &o->provider, &why) == 0)
			return true;
	}
	return false;
}

/* A sealed bid's, whose round may have this tick's number. */
static bool
of_sealed_round(const struct audit_tick *t, const struct receipt_terms *r)
{
	static const struct hash none;

	if (hash_equal(&r->subject, &none))
		return false;
	for (size_t i = 0; i < t->order_count; i++)
		if (hash_equal(&t->orders[i].order.id, &r->subject))
			return false;
	return true;
}

static int
check_receipts(const struct audit_tick *t, struct err *e)
{
	for (size_t i = 0; i < t->receipt_count; i++) {
		const struct receipt_terms *r = &t->receipts[i].terms;
		struct hash h = receipt_hash(r), digest = terms_digest(t->domain, &h);
		struct err why = ERR_NONE;
		char field[64];

		if (r->round != t->record.terms.number || of_sealed_round(t, r))
			continue;
		snprintf(field, sizeof(field), "/receipts/%zu", i);
		if (sig_check(&t->receipts[i].sig, &digest, &t->market, &why) < 0)
			return err_field(e, &AUDIT_RECEIPT, field, "not by the market");
		if (!in_tick(t, r) && !offer_gone(t, &r->item))
			return err_field(e, &AUDIT_DROPPED, field, "tick %llu has no such item",
					 (unsigned long long)r->round);
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* The tick again.                                                     */

static bool
same_pick(const struct tick_pick *a, const struct tick_pick *b)
{
	return a->kind == b->kind && a->index == b->index && a->model == b->model;
}

static int
check_outcome(const struct audit_tick *t, size_t i, const struct tick_outcome *found, struct err *e)
{
	const struct tick_outcome *said = &t->orders[i].said;
	char field[64], price[AMOUNT_TEXT_SIZE], shown[AMOUNT_TEXT_SIZE];

	snprintf(field, sizeof(field), "/orders/%zu", i);
	if (said->end != found->end || said->pick_count != found->pick_count)
		return err_field(e, &AUDIT_OUTCOME, field, "%s, not %s", tick_end_name(found->end),
				 tick_end_name(said->end));
	for (size_t k = 0; k < found->pick_count; k++) {
		const struct tick_pick *s = &said->picks[k], *f = &found->picks[k];

		if (!same_pick(s, f) || s->node_count != f->node_count ||
		    (f->node_count > 0 &&
		     memcmp(s->nodes, f->nodes, f->node_count * sizeof(*f->nodes)) != 0))
			return err_field(e, &AUDIT_WINNER, field, "row %zu is another's", k);
		if (rate_cmp(s->price, f->price) != 0)
			return err_field(e, &AUDIT_PRICE, field, "%s, not %s",
					 u128_text(f->price.nano, price),
					 u128_text(s->price.nano, shown));
	}
	if (rate_cmp(said->price, found->price) != 0)
		return err_field(e, &AUDIT_PRICE, field, "%s, not %s",
				 u128_text(found->price.nano, price),
				 u128_text(said->price.nano, shown));
	if (!same_pick(&said->setter, &found->setter))
		return err_field(e, &AUDIT_SETTER, field, "somebody else made the price");
	return 0;
}

static int
check_reasons(const struct audit_tick *t, size_t i, const struct tick_outcome *found, struct err *e)
{
	const struct audit_order *o = &t->orders[i];
	char field[64];

	snprintf(field, sizeof(field), "/orders/%zu/reasons", i);
	for (size_t k = 0; k < t->offer_count; k++)
		if (o->said.offer_reasons[k] != found->offer_reasons[k])
			return err_field(
				e, &AUDIT_REASON, field, "offer %zu: %s", k,
				tick_reason_name((enum tick_reason)found->offer_reasons[k]));
	for (size_t k = 0; k < o->order.bid_count; k++)
		if (o->said.bid_reasons[k] != found->bid_reasons[k])
			return err_field(e, &AUDIT_REASON, field, "bid %zu: %s", k,
					 tick_reason_name((enum tick_reason)found->bid_reasons[k]));
	if (o->said.rank_count != found->rank_count)
		return err_field(e, &AUDIT_REASON, field, "the ranking is another");
	for (size_t k = 0; k < found->rank_count; k++)
		if (o->said.ranking[k].index != found->ranking[k].index ||
		    o->said.ranking[k].kind != found->ranking[k].kind ||
		    o->said.ranking[k].effective != found->ranking[k].effective)
			return err_field(e, &AUDIT_REASON, field, "rank %zu is another's", k + 1);
	return 0;
}

static int
clear_again(struct arena *a, const struct audit_tick *t, struct err *e)
{
	struct tick_offer *offers = arena_alloc(a, (t->offer_count + 1) * sizeof(*offers));
	struct tick_order *orders = arena_alloc(a, (t->order_count + 1) * sizeof(*orders));
	struct tick_outcome *found = arena_alloc(a, (t->order_count + 1) * sizeof(*found));
	size_t shown = 0;

	for (size_t i = 0; i < t->offer_count; i++) {
		size_t size = t->offers[i].offer->nodes.count * sizeof(struct demand_node);

		offers[i] = t->offers[i];
		offers[i].nodes = arena_copy(a, t->offers[i].nodes, size);
	}
	for (size_t i = 0; i < t->order_count; i++)
		if (!t->orders[i].hidden)
			orders[shown++] = t->orders[i].order;
	tick_clear_rows(a, orders, shown, offers, t->offer_count, found);
	for (size_t i = 0, k = 0; i < t->order_count; i++) {
		if (t->orders[i].hidden)
			continue;
		if (check_outcome(t, i, &found[k], e) < 0 || check_reasons(t, i, &found[k], e) < 0)
			return -1;
		k++;
	}
	return 0;
}

int
audit_book(struct arena *a, const struct audit_tick *t, struct err *e)
{
	if (check_record(t, &t->before, "/record", e) < 0 || check_book(a, t, e) < 0)
		return -1;
	return check_offers(t, e);
}

int
audit_tick(struct arena *a, const struct audit_tick *t, struct err *e)
{
	if (check_chain(t, e) < 0 || check_roots(a, t, e) < 0 || check_orders(t, e) < 0 ||
	    check_offers(t, e) < 0 || check_receipts(t, e) < 0 || clear_again(a, t, e) < 0)
		return err_wrap(e, "tick %llu", (unsigned long long)t->record.terms.number);
	return 0;
}
