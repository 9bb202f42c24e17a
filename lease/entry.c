/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/entry.h"

#include "lease/tagged.h"

#define UNIT 10000u

u128
entry_weigh(struct rate rate, uint32_t weight)
{
	u128 product = MIN(rate.nano, RATE_MAX) * weight + UNIT - 1;

	return product >> 64 == 0 ? (uint64_t)product / UNIT : product / UNIT;
}

/* ------------------------------------------------------------------ */
/* Making.                                                             */

void
entry_match(const struct tick_order *o, const struct demand *d, const struct tick_offer *offers,
	    size_t count, uint8_t *why)
{
	struct offer_asker asker = { .group = o->group,
				     .audits = o->audits,
				     .demand = d,
				     .tenant = o->tenant,
				     .owner = o->owner,
				     .term_s = o->term_s,
				     .denied = o->denied,
				     .denied_count = o->denied_count };

	for (size_t i = 0; i < count; i++)
		why[i] = (uint8_t)offer_matches(offers[i].offer, &asker);
}

static void
price(struct entry *e, const struct tick_order *o, const struct demand *d,
      const struct tick_offer *t)
{
	uint32_t u = t->used_bp;

	if (e->model >= 0)
		u = t->gpu_used_bp != NULL ? t->gpu_used_bp[e->model] : 0;
	offer_price(t->offer, d, e->model, u, &e->floor, &e->list);
	e->weight = tick_weight(t->launches, t->failures, o->care_hours);
	e->sets_prices = t->sets_prices;
	e->key = e->peff = entry_weigh(e->sets_prices ? e->floor : e->list, e->weight);
	if (t->past != NULL && e->sets_prices) {
		struct offer was = { .floor = *t->past,
				     .list = *t->past,
				     .curve_bp = t->offer->curve_bp };
		struct rate floor, list;

		offer_price(&was, d, e->model, u, &floor, &list);
		e->peff = MAX(e->key, entry_weigh(floor, e->weight));
	}
}

size_t
entry_most(const struct tick_offer *offers, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += MAX(offers[i].offer->floor.gpus.count, (size_t)1);
	return n;
}

size_t
entry_offers(const struct tick_order *o, const struct demand *d, const struct tick_offer *offers,
	     size_t count, const uint8_t *why, struct entry *list)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct offer *f = offers[i].offer;
		const struct gpu_rate *gpu = f->floor.gpus.items;

		if (why[i] != OFFER_MATCHES)
			continue;
		for (int m = d->gpus == 0 ? -1 : 0; m < 0 || m < (int)f->floor.gpus.count; m++) {
			struct entry *e = &list[n];

			if (m >= 0 && !demand_takes_gpu(d, gpu[m].model))
				continue;
			*e = (struct entry){ .kind = TICK_OFFER,
					     .index = (uint32_t)i,
					     .model = m,
					     .id = &offers[i].id,
					     .provider = &f->provider,
					     .owner = &f->owner,
					     .region = f->region };
			price(e, o, d, &offers[i]);
			n++;
			if (m < 0)
				break;
		}
	}
	return n;
}

static bool
denies(const struct tick_order *o, const struct address *provider)
{
	for (size_t i = 0; i < o->denied_count; i++)
		if (address_equal(&o->denied[i], provider))
			return true;
	return false;
}

bool
entry_bid(const struct tick_order *o, size_t index, struct entry *out, enum tick_reason *why)
{
	const struct tick_bid *b = &o->bids[index];

	if (b->floor.nano == 0 || b->list.nano > RATE_MAX || rate_cmp(b->list, b->floor) < 0)
		*why = REASON_INVALID;
	else if (address_equal(&b->owner, &o->owner))
		*why = (enum tick_reason)OFFER_OWN_ORDER;
	else if (denies(o, &b->provider))
		*why = (enum tick_reason)OFFER_DENIED;
	else
		*why = REASON_NONE;
	if (*why != REASON_NONE)
		return false;
	*out = (struct entry){ .kind = TICK_BID,
			       .index = (uint32_t)index,
			       .model = -2,
			       .id = &b->id,
			       .provider = &b->provider,
			       .owner = &b->owner,
			       .region = "",
			       .sets_prices = b->sets_prices,
			       .floor = b->floor,
			       .list = b->list,
			       .weight = tick_weight(b->launches, b->failures, o->care_hours),
			       .fits = true };
	out->key = out->peff = entry_weigh(out->sets_prices ? b->floor : b->list, out->weight);
	return true;
}

const char *
entry_model(const struct tick_offer *offers, const struct entry *e)
{
	const struct gpu_rate *gpu;

	if (e->model < 0)
		return NULL;
	gpu = offers[e->index].offer->floor.gpus.items;
	return gpu[e->model].model;
}

/* ------------------------------------------------------------------ */
/* Ranking.                                                            */

uint64_t
entry_lot(const struct tick_order *o, struct entry *e)
{
	struct tagged t;
	struct hash h;

	if (e->has_lot)
		return e->lot;
	tagged_begin(&t, "tie");
	tagged_add(&t, o->record.b, sizeof(o->record.b));
	tagged_add(&t, o->id.b, sizeof(o->id.b));
	tagged_add(&t, e->provider->b, sizeof(e->provider->b));
	h = tagged_end(&t);
	e->lot = 0;
	for (unsigned i = 0; i < 8; i++)
		e->lot = e->lot << 8 | h.b[i];
	e->has_lot = true;
	return e->lot;
}

bool
entry_before(const struct tick_order *o, struct entry *a, struct entry *b)
{
	int ids;

	if (a->key != b->key)
		return a->key < b->key;
	if (entry_lot(o, a) != entry_lot(o, b))
		return a->lot < b->lot;
	ids = memcmp(a->id->b, b->id->b, sizeof(a->id->b));
	return ids != 0 ? ids < 0 : a->model < b->model;
}

/* What is sorted: entries are large. */
struct place {
	u128 key;
	struct entry *entry;
};

struct place *
entry_places(struct arena *a, size_t most)
{
	return arena_alloc(a, 2 * (most + 1) * sizeof(struct place));
}

/* By the byte at `shift` of the key, those alike in the order they had. */
static void
sort_byte(const struct place *from, struct place *to, size_t count, unsigned shift)
{
	uint32_t next[257] = { 0 };

	for (size_t i = 0; i < count; i++)
		next[(uint8_t)(from[i].key >> shift) + 1]++;
	for (size_t i = 1; i < 256; i++)
		next[i] += next[i - 1];
	for (size_t i = 0; i < count; i++)
		to[next[(uint8_t)(from[i].key >> shift)]++] = from[i];
}

/* Byte by byte from the last, only those in which the keys differ: a third of the time
 * of comparing, and a ranking is made for every order of a tick. Returns the half of
 * `places`, which has room for twice as many, that is sorted. */
static struct place *
sort_keys(struct place *places, size_t count)
{
	struct place *other = places + count, *swap;
	u128 differs = 0;

	for (size_t i = 1; i < count; i++)
		differs |= places[i].key ^ places[0].key;
	for (unsigned shift = 0; shift < 128; shift += 8) {
		if ((uint8_t)(differs >> shift) == 0)
			continue;
		sort_byte(places, other, count, shift);
		swap = places;
		places = other;
		other = swap;
	}
	return places;
}

static int
compare_lots(const void *left, const void *right)
{
	const struct entry *a = ((const struct place *)left)->entry,
			   *b = ((const struct place *)right)->entry;
	int ids;

	if (a->lot != b->lot)
		return a->lot < b->lot ? -1 : 1;
	ids = memcmp(a->id->b, b->id->b, sizeof(a->id->b));
	return ids != 0 ? ids : a->model - b->model;
}

/* Lots are drawn only where they decide: a hash costs more than all the rest. */
static void
draw_lots(const struct tick_order *o, struct place *places, size_t count)
{
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && places[end].key == places[i].key; end++)
			;
		if (end - i < 2)
			continue;
		for (size_t k = i; k < end; k++)
			entry_lot(o, places[k].entry);
		qsort(places + i, end - i, sizeof(*places), compare_lots);
	}
}

struct entry *
entry_rank(struct arena *a, const struct tick_order *o, struct entry *entries, size_t count,
	   struct place *places)
{
	struct entry *ranked = arena_alloc(a, (count + 1) * sizeof(*ranked));

	for (size_t i = 0; i < count; i++)
		places[i] = (struct place){ entries[i].key, &entries[i] };
	places = sort_keys(places, count);
	draw_lots(o, places, count);
	for (size_t i = 0; i < count; i++)
		ranked[i] = *places[i].entry;
	return ranked;
}
