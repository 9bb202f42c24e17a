/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/bond.h"

#include "market/book.h"

/* ------------------------------------------------------------------ */
/* Reading.                                                            */

int
book_offer_decode(struct arena *a, const char *text, struct offer *o, struct err *e)
{
	struct json *node;

	if (json_parse_large(a, text, strlen(text), &node, e) < 0 ||
	    json_read(a, node, offer_fields, o, e) < 0)
		return err_wrap(e, "stored offer");
	return 0;
}

static int
read_offers(struct arena *a, const struct batch *b, size_t q, struct book_facts *f, struct err *e)
{
	f->offer_count = rows_count(b, q);
	f->offers = arena_alloc(a, (f->offer_count + 1) * sizeof(*f->offers));
	for (size_t i = 0; i < f->offer_count; i++) {
		struct book_offer *o = &f->offers[i];

		row_bytes(b, q, i, "hash", o->id.b, sizeof(o->id.b));
		row_bytes(b, q, i, "sig", o->doc.sig.b, sizeof(o->doc.sig.b));
		if (book_offer_decode(a, row_text(b, q, i, "doc"), &o->doc.offer, e) < 0)
			return -1;
		o->from_tick = row_int(b, q, i, "from_tick");
		o->until_tick = row_int(b, q, i, "until_tick");
		o->in_book_s = row_int(b, q, i, "in_book_s");
		o->age_s = row_int(b, q, i, "age_s");
		o->launches = (uint32_t)row_int(b, q, i, "launches");
		o->failures = (uint32_t)row_int(b, q, i, "failures");
		o->class_launches = (uint32_t)row_int(b, q, i, "class_launches");
		o->bond = row_u128(b, q, i, "bond");
		o->running.nano = row_u128(b, q, i, "running");
	}
	return 0;
}

static int
compare_offers(const void *left, const void *right)
{
	const struct book_offer *a = left, *b = right;

	return memcmp(a->id.b, b->id.b, sizeof(a->id.b));
}

const struct book_offer *
book_find(const struct book_facts *f, const struct hash *id)
{
	struct book_offer key = { .id = *id };

	return f->offer_count == 0
		       ? NULL
		       : bsearch(&key, f->offers, f->offer_count, sizeof(key), compare_offers);
}

/* A copy that may be raised: its GPUs are a list of their own. */
static struct offer_units
copy_units(struct arena *a, const struct offer_units *u)
{
	struct offer_units copy = *u;

	copy.gpus.items = arena_copy(a, u->gpus.items, u->gpus.count * sizeof(struct gpu_rate));
	return copy;
}

static int
read_past(struct arena *a, const struct batch *b, size_t q, struct book_facts *f, struct err *e)
{
	for (size_t i = 0; i < rows_count(b, q); i++) {
		struct offer seen = { .seq = 0 };
		struct book_offer *o;
		struct hash id = { .b = { 0 } };

		row_bytes(b, q, i, "hash", id.b, sizeof(id.b));
		o = (struct book_offer *)(uintptr_t)book_find(f, &id);
		if (o == NULL)
			continue;
		if (book_offer_decode(a, row_text(b, q, i, "doc"), &seen, e) < 0)
			return -1;
		if (!o->has_past)
			o->past = copy_units(a, &o->doc.offer.floor);
		o->has_past = true;
		units_raise(&o->past, &seen.floor);
	}
	return 0;
}

static int
read_taken(struct arena *a, const struct batch *b, size_t q, struct book_facts *f, struct err *e)
{
	/* Grown from nothing, as the awards of the tick go on to grow it. */
	for (size_t i = 0; i < rows_count(b, q); i++) {
		const char *takes = row_text(b, q, i, "takes");

		f->taken = arena_grow(a, f->taken, i, sizeof(*f->taken));
		f->taken_count = i + 1;
		memset(&f->taken[i], 0, sizeof(*f->taken));
		row_bytes(b, q, i, "provider", f->taken[i].provider.b, 20);
		f->taken[i].node = row_text(b, q, i, "node");
		if (json_decode(a, takes, strlen(takes), shape_fields, &f->taken[i].shape, e) < 0)
			return err_wrap(e, "what a lease takes");
	}
	return 0;
}

static int
read_unplaced(struct arena *a, const struct batch *b, size_t q, struct book_facts *f, struct err *e)
{
	f->unplaced_count = rows_count(b, q);
	f->unplaced = arena_alloc(a, (f->unplaced_count + 1) * sizeof(*f->unplaced));
	for (size_t i = 0; i < f->unplaced_count; i++) {
		const char *group = row_text(b, q, i, "grp");

		row_bytes(b, q, i, "provider", f->unplaced[i].provider.b, 20);
		if (json_decode(a, group, strlen(group), group_fields, &f->unplaced[i].group, e) <
		    0)
			return err_wrap(e, "stored order");
	}
	return 0;
}

int
book_read(struct arena *a, const struct batch *b, size_t q, struct book_facts *f, struct err *e)
{
	if (read_offers(a, b, q, f, e) < 0 || read_past(a, b, q + 1, f, e) < 0 ||
	    read_taken(a, b, q + 2, f, e) < 0)
		return -1;
	return read_unplaced(a, b, q + 3, f, e);
}

/* ------------------------------------------------------------------ */
/* What is free.                                                       */

static void
add_shape(struct shape *sum, const struct shape *s)
{
	sum->cpu_milli += s->cpu_milli;
	sum->gpus += s->gpus;
	sum->memory_mib += s->memory_mib;
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		sum->storage_mib[c] += s->storage_mib[c];
}

/* A machine may have shrunk under its leases: then nothing of it is free. */
static void
less_shape(struct shape *left, const struct shape *s)
{
	left->cpu_milli -= MIN(left->cpu_milli, s->cpu_milli);
	left->gpus -= MIN(left->gpus, s->gpus);
	left->memory_mib -= MIN(left->memory_mib, s->memory_mib);
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		left->storage_mib[c] -= MIN(left->storage_mib[c], s->storage_mib[c]);
}

void
book_take(struct arena *a, struct book_facts *f, const struct offer *o, const struct demand *d,
	  const uint32_t *nodes)
{
	const struct offer_node *named = o->nodes.items;

	for (size_t n = 0; n < o->nodes.count; n++) {
		struct book_taken t = { .provider = o->provider, .node = named[n].name };
		bool some = false;

		for (size_t i = 0; i < d->count; i++)
			if (nodes[i] == n) {
				add_shape(&t.shape, &d->copies[i].need);
				some = true;
			}
		if (!some)
			continue;
		f->taken = arena_grow(a, f->taken, f->taken_count, sizeof(*f->taken));
		f->taken[f->taken_count++] = t;
	}
}

/* Wherever it fits first, as an award would have placed it; a provider runs it
 * somewhere, and where is its own business. */
static void
place(struct arena *a, const struct book_unplaced *u, struct tick_offer *offers, size_t count)
{
	struct demand d;

	demand_group(a, &u->group, &d);
	for (size_t i = 0; i < count; i++) {
		const struct offer *o = offers[i].offer;
		const struct gpu_rate *gpu = o->floor.gpus.items;
		size_t models = d.gpus == 0 ? 1 : o->floor.gpus.count;

		if (!address_equal(&o->provider, &u->provider))
			continue;
		for (size_t m = 0; m < models; m++) {
			const char *model = d.gpus == 0 ? NULL : gpu[m].model;

			if (model != NULL && !demand_takes_gpu(&d, model))
				continue;
			if (demand_fits(&d, offers[i].nodes, o->nodes.count, model) &&
			    demand_place(&d, offers[i].nodes, o->nodes.count, model, NULL))
				return;
		}
	}
}

static void
subtract(const struct book_facts *f, struct tick_offer *t)
{
	const struct offer_node *n = t->offer->nodes.items;

	for (size_t i = 0; i < f->taken_count; i++) {
		const struct book_taken *taken = &f->taken[i];

		if (!address_equal(&taken->provider, &t->offer->provider))
			continue;
		for (size_t k = 0; k < t->offer->nodes.count; k++)
			if (strcmp(n[k].name, taken->node) == 0)
				less_shape(&t->nodes[k].free, &taken->shape);
	}
}

/* ------------------------------------------------------------------ */
/* Making.                                                             */

struct standing_rules
book_rules(const struct market_settings *s)
{
	return (struct standing_rules){ .in_book_s = s->in_book_s,
					.failures_bp_max = s->failures_bp_max,
					.class_launches = s->class_launches };
}

static uint32_t
seconds(int64_t s)
{
	return (uint32_t)MIN(MAX(s, (int64_t)0), (int64_t)UINT32_MAX);
}

static bool
raised(struct arena *a, const struct book_offer *o)
{
	return o->has_past && strcmp(json_encode(a, offer_units_fields, &o->past),
				     json_encode(a, offer_units_fields, &o->doc.offer.floor)) != 0;
}

static void
make_row(struct arena *a, const struct book_offer *o, const struct market_settings *s,
	 struct tick_row *row)
{
	struct standing_rules rules = book_rules(s);
	struct amount required = bond_required(o->running, s->bond_min, s->bond_hours);
	struct offer_standing standing = { .bonded = o->bond >= required.units,
					   .in_book_s = seconds(o->in_book_s),
					   .launches = o->launches,
					   .failures = o->failures,
					   .class_launches = o->class_launches };

	*row = (struct tick_row){ .id = o->id,
				  .launches = o->launches,
				  .failures = o->failures,
				  .bonded = standing.bonded,
				  .in_book_s = standing.in_book_s,
				  .class_launches = o->class_launches,
				  .sets_prices = offer_sets_prices(&standing, &rules),
				  .foreign_counts = o->age_s >= s->in_book_s };
	if (raised(a, o))
		row->past = (struct json_list){ (void *)(uintptr_t)&o->past, 1 };
}

static void
write_free(struct arena *a, const struct tick_offer *t, struct tick_row *row)
{
	size_t count = t->offer->nodes.count;
	struct demand_node *whole = arena_alloc(a, (count + 1) * sizeof(*whole));
	struct tick_free *free = arena_alloc(a, (count + 1) * sizeof(*free));
	size_t n = 0;

	offer_nodes(t->offer, whole);
	for (size_t i = 0; i < count; i++)
		if (memcmp(&whole[i].free, &t->nodes[i].free, sizeof(struct shape)) != 0)
			free[n++] = (struct tick_free){ (uint32_t)i, t->nodes[i].free };
	row->free = (struct json_list){ free, n };
}

void
book_make(struct arena *a, const struct book_facts *f, const struct market_settings *s,
	  int64_t number, uint64_t time_ms, struct tick_book *book, struct tick_offer **offers)
{
	struct tick_row *rows = arena_alloc(a, (f->offer_count + 1) * sizeof(*rows));
	struct tick_offer *all = arena_alloc(a, (f->offer_count + 1) * sizeof(*all));
	const struct offer **docs = arena_alloc(a, (f->offer_count + 1) * sizeof(*docs));
	size_t n = 0;

	for (size_t i = 0; i < f->offer_count && n < TICK_OFFERS_MAX; i++) {
		const struct book_offer *o = &f->offers[i];

		if (o->from_tick > number || o->until_tick <= number ||
		    o->doc.offer.expires < time_ms / 1000 + 1)
			continue;
		make_row(a, o, s, &rows[n]);
		docs[n] = &o->doc.offer;
		tick_row_offer(a, &rows[n], docs[n], &all[n]);
		subtract(f, &all[n]);
		n++;
	}
	for (size_t i = 0; i < f->unplaced_count; i++)
		place(a, &f->unplaced[i], all, n);
	/* Once more, for the use that follows from what is free. */
	for (size_t i = 0; i < n; i++) {
		write_free(a, &all[i], &rows[i]);
		tick_row_offer(a, &rows[i], docs[i], &all[i]);
	}
	*book = (struct tick_book){ { rows, n } };
	*offers = all;
}
