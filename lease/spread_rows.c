/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/spread_rows.h"

#include "lease/tagged.h"

enum tick_spread
spread_of(const struct group *g)
{
	if (g->spread == NULL)
		return SPREAD_NONE;
	return strcmp(g->spread, "region") == 0	 ? SPREAD_REGION
	       : strcmp(g->spread, "owner") == 0 ? SPREAD_OWNER
						 : SPREAD_PROVIDER;
}

/* A set as one order, and which orders its rows are. */
struct set {
	size_t rows[TICK_ROWS_MAX]; /* indices, by row */
	size_t count;
	bool fits_together;
	size_t at; /* in the orders that are cleared */
};

static bool
is_row(const struct tick_order *o)
{
	return o->rows > 0 && o->group != NULL;
}

static bool
same_set(const struct tick_order *a, const struct tick_order *b)
{
	return is_row(b) && address_equal(&a->tenant, &b->tenant) && hash_equal(&a->set, &b->set);
}

/* By row; of two that say they are the same one the set is none. */
static void
add_row(const struct tick_order *orders, struct set *s, size_t index)
{
	size_t at = s->count;

	if (s->count == TICK_ROWS_MAX) {
		s->fits_together = false;
		return;
	}
	while (at > 0 && orders[s->rows[at - 1]].row > orders[index].row)
		at--;
	if (at > 0 && orders[s->rows[at - 1]].row == orders[index].row)
		s->fits_together = false;
	memmove(&s->rows[at + 1], &s->rows[at], (s->count - at) * sizeof(s->rows[0]));
	s->rows[at] = index;
	s->count++;
}

/* All are there, or all that are have been awarded before; and they ask for the same. */
static void
judge_set(const struct tick_order *orders, struct set *s)
{
	const struct tick_order *first = &orders[s->rows[0]];
	bool again = true;

	for (size_t i = 0; i < s->count; i++) {
		const struct tick_order *o = &orders[s->rows[i]];

		again = again && o->retry;
		if (o->rows != first->rows || o->spread != first->spread ||
		    o->group->services.count != 1 || !group_same_set(o->group, first->group))
			s->fits_together = false;
	}
	if (s->count != first->rows && !again)
		s->fits_together = false;
}

/* ------------------------------------------------------------------ */
/* Several to one.                                                     */

static struct hash
set_id(const struct tick_order *o)
{
	struct tagged t;

	tagged_begin(&t, "set");
	tagged_add(&t, o->tenant.b, sizeof(o->tenant.b));
	tagged_add(&t, o->set.b, sizeof(o->set.b));
	return tagged_end(&t);
}

static void
merge_denied(struct arena *a, const struct tick_order *orders, const struct set *s,
	     struct tick_order *out)
{
	struct address *all;
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += orders[s->rows[i]].denied_count;
	out->denied = all = arena_alloc(a, (n + 1) * sizeof(*all));
	out->denied_count = 0;
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < orders[s->rows[i]].denied_count; k++)
			all[out->denied_count++] = orders[s->rows[i]].denied[k];
}

static void
merge_taken(struct arena *a, const struct tick_order *orders, const struct set *s,
	    struct tick_order *out)
{
	struct tick_taken *all;
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += orders[s->rows[i]].taken_count;
	out->taken = all = arena_alloc(a, (n + 1) * sizeof(*all));
	out->taken_count = 0;
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < orders[s->rows[i]].taken_count; k++)
			all[out->taken_count++] = orders[s->rows[i]].taken[k];
}

/* Rows are placed by the name of their service: here it is their number. */
static struct group *
merge_group(struct arena *a, const struct tick_order *orders, const struct set *s)
{
	struct group *g = ARENA_NEW(a, struct group);
	struct group_service *services = arena_alloc(a, s->count * sizeof(*services));

	*g = *orders[s->rows[0]].group;
	for (size_t i = 0; i < s->count; i++) {
		services[i] =
			*(const struct group_service *)orders[s->rows[i]].group->services.items;
		services[i].name = arena_printf(a, "%02zu", i);
		services[i].count = 1;
	}
	g->services = (struct json_list){ services, s->count };
	return g;
}

static struct tick_order
merge(struct arena *a, const struct tick_order *orders, const struct set *s)
{
	struct rate *max = arena_alloc(a, s->count * sizeof(*max));
	struct tick_order out = orders[s->rows[0]];

	out.id = set_id(&out);
	out.max = max;
	out.group = merge_group(a, orders, s);
	for (size_t i = 0; i < s->count; i++) {
		const struct tick_order *o = &orders[s->rows[i]];

		max[i] = o->max[0];
		out.care_hours = MAX(out.care_hours, o->care_hours);
		out.term_s = MIN(out.term_s, o->term_s);
		out.retry = out.retry || o->retry;
	}
	merge_denied(a, orders, s, &out);
	merge_taken(a, orders, s, &out);
	return out;
}

/* ------------------------------------------------------------------ */
/* And back.                                                           */

static void
split_reasons(struct arena *a, const struct tick_outcome *all, size_t row, size_t offer_count,
	      struct tick_outcome *out)
{
	out->offer_reasons = arena_copy(a, all->offer_reasons, offer_count + 1);
	for (size_t k = 0; k < all->pick_count; k++)
		if (k != row && all->picks[k].index != all->picks[row].index)
			out->offer_reasons[all->picks[k].index] = OFFER_TAKEN;
}

static void
split(struct arena *a, const struct set *s, const struct tick_outcome *all, size_t offer_count,
      struct tick_outcome *out)
{
	for (size_t i = 0; i < s->count; i++) {
		struct tick_outcome *o = &out[s->rows[i]];

		*o = (struct tick_outcome){ .end = all->end };
		o->bid_reasons = arena_alloc(a, 1);
		split_reasons(a, all, i, offer_count, o);
		if (all->pick_count == 0)
			continue;
		o->picks = &all->picks[i];
		o->pick_count = 1;
		o->price = all->picks[i].price;
	}
}

/* Nothing was looked at. */
static void
refuse(struct arena *a, const struct set *s, size_t offer_count, struct tick_outcome *out)
{
	for (size_t i = 0; i < s->count; i++)
		out[s->rows[i]] =
			(struct tick_outcome){ .end = TICK_INCOMPLETE,
					       .offer_reasons = arena_alloc(a, offer_count + 1),
					       .bid_reasons = arena_alloc(a, 1) };
}

/* ------------------------------------------------------------------ */

/* Which orders make which set; returns how many sets. done: those that are in one. */
static size_t
find_sets(const struct tick_order *orders, size_t count, struct set *sets, bool *done)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct set *s = &sets[n];

		if (done[i] || !is_row(&orders[i]))
			continue;
		*s = (struct set){ .fits_together = true };
		for (size_t k = i; k < count; k++)
			if (same_set(&orders[i], &orders[k])) {
				add_row(orders, s, k);
				done[k] = true;
			}
		judge_set(orders, s);
		n++;
	}
	return n;
}

void
tick_clear_rows(struct arena *a, const struct tick_order *orders, size_t order_count,
		const struct tick_offer *offers, size_t offer_count, struct tick_outcome *out)
{
	struct set *sets = arena_alloc(a, (order_count + 1) * sizeof(*sets));
	struct tick_order *merged = arena_alloc(a, (order_count + 1) * sizeof(*merged));
	struct tick_outcome *cleared = arena_alloc(a, (order_count + 1) * sizeof(*cleared));
	bool *in_set = arena_alloc(a, order_count + 1);
	size_t set_count = find_sets(orders, order_count, sets, in_set), n = 0, at = 0;

	for (size_t i = 0; i < order_count; i++)
		if (!in_set[i])
			merged[n++] = orders[i];
	for (size_t i = 0; i < set_count; i++)
		if (sets[i].fits_together) {
			sets[i].at = n;
			merged[n++] = merge(a, orders, &sets[i]);
		}
	tick_clear(a, merged, n, offers, offer_count, cleared);
	for (size_t i = 0; i < order_count; i++)
		if (!in_set[i])
			out[i] = cleared[at++];
	for (size_t i = 0; i < set_count; i++)
		if (sets[i].fits_together)
			split(a, &sets[i], &cleared[sets[i].at], offer_count, out);
		else
			refuse(a, &sets[i], offer_count, out);
}
