/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/record.h"

#include "lease/tagged.h"
#include "lease/typed.h"

#define T struct receipt_terms
const struct json_field receipt_terms_fields[] = { JSON_HASH(T, item, 0), JSON_HASH(T, subject, 0),
						   JSON_U64(T, round, 0), JSON_U64(T, index, 0),
						   JSON_U64(T, at, 0),	  JSON_END };
#undef T
#define T struct receipt
const struct json_field receipt_fields[] = { JSON_OBJ(T, terms, receipt_terms_fields, 0),
					     JSON_SIG(T, sig, 0), JSON_END };
#undef T
#define T struct record_terms
const struct json_field record_terms_fields[] = {
	JSON_U64(T, number, 0),	   JSON_U64(T, time, 0),
	JSON_HASH(T, previous, 0), JSON_HASH(T, orders, 0),
	JSON_HASH(T, outcomes, 0), JSON_HASH(T, book, 0),
	JSON_HASH(T, capacity, 0), JSON_HASH(T, reputation, 0),
	JSON_HASH(T, keys, 0),	   JSON_END
};
#undef T
#define T struct record
const struct json_field record_fields[] = { JSON_OBJ(T, terms, record_terms_fields, 0),
					    JSON_SIG(T, sig, 0), JSON_END };
#undef T

struct hash
receipt_hash(const struct receipt_terms *r)
{
	struct words w = words_begin("Receipt(bytes32 item,bytes32 subject,uint64 round,"
				     "uint64 index,uint64 at)");

	word_hash(&w, &r->item);
	word_hash(&w, &r->subject);
	word_uint(&w, r->round);
	word_uint(&w, r->index);
	word_uint(&w, r->at);
	return words_end(&w);
}

struct hash
record_hash(const struct record_terms *r)
{
	struct words w = words_begin(
		"Record(uint64 number,uint64 time,bytes32 previous,bytes32 orders,"
		"bytes32 outcomes,bytes32 book,bytes32 capacity,bytes32 reputation,bytes32 keys)");

	word_uint(&w, r->number);
	word_uint(&w, r->time);
	word_hash(&w, &r->previous);
	word_hash(&w, &r->orders);
	word_hash(&w, &r->outcomes);
	word_hash(&w, &r->book);
	word_hash(&w, &r->capacity);
	word_hash(&w, &r->reputation);
	word_hash(&w, &r->keys);
	return words_end(&w);
}

/* ------------------------------------------------------------------ */
/* Trees.                                                              */

static struct hash
leaf_hash(const struct hash *h)
{
	struct tagged t;

	tagged_begin(&t, "leaf");
	tagged_add(&t, h->b, sizeof(h->b));
	return tagged_end(&t);
}

static struct hash
node_hash(const struct hash *left, const struct hash *right)
{
	struct tagged t;

	tagged_begin(&t, "node");
	tagged_add(&t, left->b, sizeof(left->b));
	tagged_add(&t, right->b, sizeof(right->b));
	return tagged_end(&t);
}

/* One level up, in place; returns its width. */
static size_t
rise(struct hash *row, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < count; i += 2)
		row[n++] = node_hash(&row[i], &row[i + 1]);
	if (count % 2 != 0)
		row[n++] = row[count - 1];
	return n;
}

static struct hash *
bottom_row(struct arena *a, const struct hash *leaves, size_t count)
{
	struct hash *row = arena_alloc(a, (count + 1) * sizeof(*row));

	for (size_t i = 0; i < count; i++)
		row[i] = leaf_hash(&leaves[i]);
	return row;
}

struct hash
record_root(struct arena *a, const struct hash *leaves, size_t count)
{
	struct hash *row;
	struct tagged t;

	if (count == 0) {
		tagged_begin(&t, "none");
		return tagged_end(&t);
	}
	row = bottom_row(a, leaves, count);
	while (count > 1)
		count = rise(row, count);
	return row[0];
}

size_t
record_path(struct arena *a, const struct hash *leaves, size_t count, size_t at, struct hash **path)
{
	struct hash *row = bottom_row(a, leaves, count);
	size_t n = 0;

	*path = arena_alloc(a, 64 * sizeof(**path));
	for (; count > 1; count = rise(row, count), at /= 2)
		if ((at ^ 1) < count)
			(*path)[n++] = row[at ^ 1];
	return n;
}

bool
record_holds(const struct hash *root, const struct hash *leaf, size_t at, size_t count,
	     const struct hash *path, size_t path_count)
{
	struct hash h = leaf_hash(leaf);
	size_t n = 0;

	if (at >= count)
		return false;
	for (; count > 1; count = (count + 1) / 2, at /= 2) {
		if ((at ^ 1) >= count)
			continue;
		if (n == path_count)
			return false;
		h = at % 2 == 0 ? node_hash(&h, &path[n]) : node_hash(&path[n], &h);
		n++;
	}
	return n == path_count && hash_equal(&h, root);
}

/* ------------------------------------------------------------------ */
/* Leaves.                                                             */

static void
add_hash(struct tagged *t, const struct hash *h)
{
	tagged_add(t, h->b, sizeof(h->b));
}

static void
add_address(struct tagged *t, const struct address *a)
{
	tagged_add(t, a->b, sizeof(a->b));
}

struct hash
record_order_leaf(const struct tick_order *o, const struct hash *terms, const struct sig *sig)
{
	struct tagged t;

	tagged_begin(&t, "order");
	add_hash(&t, &o->id);
	add_hash(&t, &o->record);
	add_hash(&t, terms);
	tagged_add(&t, sig->b, sizeof(sig->b));
	tagged_u64(&t, o->care_hours);
	tagged_u64(&t, o->retry);
	tagged_u64(&t, o->manual);
	tagged_u64(&t, o->spread);
	tagged_u64(&t, o->taken_count);
	for (size_t i = 0; i < o->taken_count; i++) {
		add_address(&t, &o->taken[i].provider);
		add_address(&t, &o->taken[i].owner);
		tagged_text(&t, o->taken[i].region);
	}
	tagged_u64(&t, o->denied_count);
	for (size_t i = 0; i < o->denied_count; i++)
		add_address(&t, &o->denied[i]);
	tagged_u64(&t, o->bid_count);
	for (size_t i = 0; i < o->bid_count; i++)
		add_hash(&t, &o->bids[i].id);
	return tagged_end(&t);
}

static void
add_units(struct tagged *t, const struct offer_units *u)
{
	const struct gpu_rate *gpu = u->gpus.items;

	tagged_rate(t, u->fixed);
	tagged_rate(t, u->cpu_milli);
	tagged_rate(t, u->memory_mib);
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		tagged_rate(t, u->storage_gib[c]);
	tagged_rate(t, u->ip);
	tagged_rate(t, u->endpoint);
	tagged_rate(t, u->egress_gib);
	tagged_u64(t, u->gpus.count);
	for (size_t i = 0; i < u->gpus.count; i++) {
		tagged_text(t, gpu[i].model);
		tagged_rate(t, gpu[i].rate);
	}
}

struct hash
record_book_leaf(const struct tick_offer *o)
{
	struct tagged t;

	tagged_begin(&t, "book");
	add_hash(&t, &o->id);
	tagged_u64(&t, o->sets_prices);
	add_units(&t, o->past != NULL ? o->past : &o->offer->floor);
	return tagged_end(&t);
}

struct hash
record_capacity_leaf(const struct tick_offer *o)
{
	struct tagged t;

	tagged_begin(&t, "capacity");
	add_hash(&t, &o->id);
	tagged_u64(&t, o->used_bp);
	tagged_u64(&t, o->offer->floor.gpus.count);
	for (size_t i = 0; i < o->offer->floor.gpus.count; i++)
		tagged_u64(&t, o->gpu_used_bp != NULL ? o->gpu_used_bp[i] : 0);
	tagged_u64(&t, o->offer->nodes.count);
	for (size_t i = 0; i < o->offer->nodes.count; i++) {
		const struct shape *s = &o->nodes[i].free;

		tagged_u64(&t, s->cpu_milli);
		tagged_u64(&t, s->memory_mib);
		for (unsigned c = 0; c < STORAGE_CLASSES; c++)
			tagged_u64(&t, s->storage_mib[c]);
		tagged_u64(&t, s->gpus);
	}
	return tagged_end(&t);
}

struct hash
record_reputation_leaf(const struct address *provider, uint32_t launches, uint32_t failures)
{
	struct tagged t;

	tagged_begin(&t, "reputation");
	add_address(&t, provider);
	tagged_u64(&t, launches);
	tagged_u64(&t, failures);
	return tagged_end(&t);
}

struct hash
record_key_leaf(const struct hash *order, uint64_t round, const struct hash *public_key,
		const struct hash *secret_key)
{
	struct tagged t;

	tagged_begin(&t, "key");
	add_hash(&t, order);
	tagged_u64(&t, round);
	add_hash(&t, public_key);
	add_hash(&t, secret_key);
	return tagged_end(&t);
}

/* Offers and bids by their ids, so that no position in a list matters. */
static void
add_pick(struct tagged *t, const struct tick_order *o, const struct tick_offer *offers,
	 enum tick_kind kind, size_t index, int model)
{
	tagged_u64(t, kind);
	if (kind == TICK_NOBODY)
		return;
	add_hash(t, kind == TICK_BID ? &o->bids[index].id : &offers[index].id);
	tagged_u64(t, (uint64_t)(int64_t)model);
}

struct hash
record_outcome_leaf(const struct tick_order *o, const struct tick_outcome *out,
		    const struct tick_offer *offers, size_t offer_count)
{
	uint64_t counts[REASON_WON + 1] = { 0 };
	struct tagged t;

	tagged_begin(&t, "outcome");
	add_hash(&t, &o->id);
	tagged_text(&t, tick_end_name(out->end));
	tagged_rate(&t, out->price);
	tagged_u64(&t, out->pick_count);
	for (size_t i = 0; i < out->pick_count; i++) {
		const struct tick_pick *p = &out->picks[i];

		add_pick(&t, o, offers, p->kind, p->index, p->model);
		tagged_rate(&t, p->price);
		tagged_u64(&t, p->node_count);
		for (size_t k = 0; k < p->node_count; k++)
			tagged_u64(&t, p->nodes[k]);
	}
	add_pick(&t, o, offers, out->setter.kind, out->setter.index, out->setter.model);
	tagged_u64(&t, out->rank_count);
	for (size_t i = 0; i < out->rank_count; i++) {
		const struct tick_rank *r = &out->ranking[i];

		add_pick(&t, o, offers, r->kind, r->index, r->model);
		tagged_rate(&t, (struct rate){ r->effective });
	}
	for (size_t i = 0; i < offer_count; i++)
		counts[out->offer_reasons[i]]++;
	for (size_t i = 0; i < o->bid_count; i++)
		counts[out->bid_reasons[i]]++;
	for (size_t i = 0; i < NELEMS(counts); i++)
		tagged_u64(&t, counts[i]);
	return tagged_end(&t);
}
