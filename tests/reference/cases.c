/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases SEED TICKS CASES OUTCOMES - random ticks, as JSON for auction.py into the
 * file CASES, and what lease/tick.c makes of them into OUTCOMES, a line each. The
 * last line of standard output says how many orders were auctioned, and how they
 * ended: a run in which one kind never happened has shown nothing about it.
 *
 * Numbers are small where ties are interesting, huge where overflow is.
 */
#include <inttypes.h>

#include "lease/tick.h"

enum { OFFERS = 40, ORDERS = 12, SERVICES = 3, NODES = 4, BIDS = 4 };

static uint64_t dice;
static struct arena arena;
static FILE *cases, *outcomes;

static uint64_t
roll(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (dice >> 11) % below;
}

static bool
chance(unsigned percent)
{
	return roll(100) < percent;
}

static const char *const regions[] = { "eu-1", "eu-2", "us-1", "ap" };
static const char *const models[] = { "nvidia/a100", "nvidia/h100/80Gi", "amd/mi300" };
static const char *const wanted[] = { "nvidia", "nvidia/a100", "nvidia/h100", "amd" };

static struct address
address_of(unsigned kind, uint64_t n)
{
	struct address a = { { 0 } };

	a.b[0] = (uint8_t)kind;
	a.b[1] = (uint8_t)(n * 37);
	a.b[19] = (uint8_t)n;
	return a;
}

static struct hash
random_hash(void)
{
	struct hash h;

	for (unsigned i = 0; i < 32; i += 8) {
		uint64_t v = roll(UINT64_MAX);

		memcpy(h.b + i, &v, 8);
	}
	return h;
}

static const char *
owned(struct address a)
{
	char *text = arena_alloc(&arena, ADDRESS_TEXT_SIZE);

	return address_text(&a, text);
}

/* ------------------------------------------------------------------ */
/* Making.                                                             */

static bool huge; /* this tick's rates are near the limits */

static struct rate
unit(uint64_t most)
{
	if (huge && chance(30))
		return (struct rate){ RATE_MAX >> roll(70) };
	return (struct rate){ roll(most + 1) };
}

static struct rate
above(struct rate floor, uint64_t most)
{
	u128 v = floor.nano + roll(most + 1);

	return (struct rate){ MIN(v, RATE_MAX) };
}

static struct rate *
unit_at(struct offer_units *u, unsigned i)
{
	struct rate *all[] = { &u->fixed,	   &u->cpu_milli,      &u->memory_mib,
			       &u->storage_gib[0], &u->storage_gib[1], &u->storage_gib[2],
			       &u->storage_gib[3], &u->storage_gib[4], &u->ip,
			       &u->endpoint,	   &u->egress_gib };

	return all[i];
}
enum { UNITS = 11 };

static void
random_gpus(struct offer_units *floor, struct offer_units *list, struct offer_units *past)
{
	size_t n = chance(30) ? 1 + roll(2) : 0, first = roll(2);
	struct offer_units *all[] = { floor, list, past };

	for (unsigned k = 0; k < 3; k++)
		all[k]->gpus =
			(struct json_list){ arena_alloc(&arena, 2 * sizeof(struct gpu_rate)), n };
	for (size_t i = 0; i < n; i++) {
		struct gpu_rate *f = (struct gpu_rate *)floor->gpus.items + i,
				*l = (struct gpu_rate *)list->gpus.items + i,
				*p = (struct gpu_rate *)past->gpus.items + i;

		f->model = l->model = p->model = models[first + i];
		f->rate = unit(40);
		l->rate = above(f->rate, 10);
		p->rate = chance(50) ? above(f->rate, 10) : f->rate;
	}
}

static struct json_list
random_attributes(bool wild)
{
	static const char *const keys[] = { "tier", "net" };
	static const char *const values[] = { "gold", "good", "silver" };
	struct json_list list = { arena_alloc(&arena, 3 * sizeof(struct attribute)), 0 };
	struct attribute *a = list.items;

	for (size_t i = 0; i < 2; i++)
		if (chance(wild ? 15 : 70))
			a[list.count++] =
				(struct attribute){ keys[i], wild && chance(50)
								     ? (chance(50) ? "*" : "go*")
								     : values[roll(3)] };
	return list;
}

static struct offer *
random_offer(unsigned n, struct offer_units *past)
{
	struct offer *o = ARENA_NEW(&arena, struct offer);
	struct offer_node *nodes = arena_alloc(&arena, NODES * sizeof(*nodes));

	*o = (struct offer){ .provider = address_of(1, chance(80) ? n : roll(n + 1)),
			     .seq = n,
			     .curve_bp = (uint32_t)(chance(50) ? 3000 : roll(20001)),
			     .region = regions[roll(4)],
			     .attributes = random_attributes(false),
			     .min_term_s = (uint32_t)roll(3) * 1000,
			     .notice_s = (uint32_t)roll(3) * 100 };
	o->owner = chance(70) ? o->provider : address_of(1, roll(n + 1));
	for (unsigned i = 0; i < UNITS; i++) {
		*unit_at(&o->floor, i) = unit(i == 1 || i == 2 ? 3 : 9);
		*unit_at(&o->list, i) = above(*unit_at(&o->floor, i), 3);
		*unit_at(past, i) =
			chance(10) ? above(*unit_at(&o->floor, i), 3) : *unit_at(&o->floor, i);
	}
	random_gpus(&o->floor, &o->list, past);
	if (chance(5)) {
		o->deny.items = arena_alloc(&arena, sizeof(char *));
		o->deny.items[o->deny.count++] = owned(address_of(3, 0));
	}
	if (chance(3)) {
		o->allow.items = arena_alloc(&arena, sizeof(char *));
		o->allow.items[o->allow.count++] = owned(address_of(3, 1));
	}
	o->nodes = (struct json_list){ nodes, 1 + roll(NODES) };
	for (size_t i = 0; i < o->nodes.count; i++) {
		bool gpu = o->floor.gpus.count > 0 && chance(60);
		const struct gpu_rate *g = o->floor.gpus.items;

		nodes[i].model = gpu ? g[roll(o->floor.gpus.count)].model : "";
		nodes[i].has = (struct shape){ .cpu_milli = 1000 * (uint32_t)(1 + roll(8)),
					       .gpus = gpu ? 1 + (uint32_t)roll(4) : 0,
					       .memory_mib = 1024 * (1 + roll(16)) };
		for (unsigned c = 0; c < STORAGE_CLASSES; c++)
			nodes[i].has.storage_mib[c] = 1024 * roll(60);
	}
	return o;
}

/* What auditors say of the providers: some of it twice, some taken back. */
static struct json_list
random_statements(size_t offers)
{
	size_t count = roll(2 * offers + 1);
	struct audit_doc *docs = arena_alloc(&arena, (count + 1) * sizeof(*docs));

	for (size_t i = 0; i < count; i++) {
		docs[i].terms = (struct audit_terms){ .auditor = address_of(7, roll(2)),
						      .provider = address_of(1, roll(offers)),
						      .expires = chance(85),
						      .seq = i + (chance(50) ? 1000 : 0) };
		docs[i].attributes = random_attributes(false);
		if (chance(60)) {
			struct attribute *a = docs[i].attributes.items;

			a[docs[i].attributes.count++] =
				(struct attribute){ "region", regions[roll(4)] };
		}
	}
	return (struct json_list){ docs, count };
}

static struct json_strs
some_auditors(unsigned percent)
{
	struct json_strs s = { arena_alloc(&arena, 2 * sizeof(char *)), 0 };

	for (unsigned k = 0; k < 2; k++)
		if (chance(percent))
			s.items[s.count++] = owned(address_of(7, k));
	return s;
}

static struct group *
random_group(bool spread)
{
	static const char *const names[] = { "web", "db", "cache" };
	struct group *g = ARENA_NEW(&arena, struct group);
	struct group_service *s = arena_alloc(&arena, SERVICES * sizeof(*s));
	size_t n = spread || chance(30) ? 1 + roll(SERVICES) : 1;
	bool gpu = chance(20);

	*g = (struct group){ .attributes = random_attributes(true),
			     .signed_by = some_auditors(5),
			     .signed_any = some_auditors(5),
			     .services = { s, n },
			     .ips = (uint32_t)roll(2),
			     .reclaim_s = chance(10) ? 100 : 0 };
	if (chance(15)) {
		struct attribute *a = g->attributes.items;

		a[g->attributes.count++] =
			(struct attribute){ "region", chance(50) ? "eu*" : regions[roll(4)] };
	}
	for (size_t i = 0; i < n; i++) {
		s[i].name = names[i];
		s[i].count = 1 + (uint32_t)roll(spread ? 2 : 3);
		if (spread && i > 0)
			s[i].count = 1;
		s[i].resources = (struct resources){
			.cpu_milli = 500 * (uint32_t)(1 + roll(4)),
			.memory_bytes = (512 * (1 + roll(4))) << 20,
			.storage_bytes = (256 * roll(5)) << 20,
			.gpus = gpu && chance(70) ? 1 + (uint32_t)roll(2) : 0,
			.endpoints = (uint32_t)roll(2),
			.egress_gib = chance(20) ? (uint32_t)roll(2000) : 0,
		};
		if (chance(20)) {
			struct volume *v = ARENA_NEW(&arena, struct volume);
			static const char *const classes[] = { "default", "beta1", "beta2",
							       "beta3" };

			*v = (struct volume){ "data", (512 * (1 + roll(6))) << 20,
					      classes[roll(4)] };
			s[i].volumes = (struct json_list){ v, 1 };
		}
		if (s[i].resources.gpus > 0 && chance(60)) {
			s[i].gpus.items = arena_alloc(&arena, sizeof(char *));
			s[i].gpus.items[s[i].gpus.count++] = wanted[roll(4)];
		}
	}
	return g;
}

static void
random_order(struct tick_order *o, size_t offers, const struct json_list *audits, bool newcomers)
{
	struct tick_bid *bids = arena_alloc(&arena, BIDS * sizeof(*bids));
	struct address *denied = arena_alloc(&arena, 2 * sizeof(*denied));
	struct rate *max = arena_alloc(&arena, TICK_ROWS_MAX * sizeof(*max));
	static const enum tick_spread kinds[] = { SPREAD_PROVIDER, SPREAD_OWNER, SPREAD_REGION };

	*o = (struct tick_order){ .id = random_hash(),
				  .record = random_hash(),
				  .tenant = address_of(3, roll(3)),
				  .owner = address_of(chance(5) ? 1 : 3, roll(4)),
				  .max = max,
				  .care_hours = (uint32_t)roll(5),
				  .term_s = (uint32_t)roll(40) * 500,
				  .retry = chance(10),
				  .manual = chance(3),
				  .audits = audits,
				  .denied = denied,
				  .bids = bids };
	if (offers > 0 && offers <= 8 && chance(10))
		o->spread = kinds[roll(3)];
	o->group = random_group(o->spread != SPREAD_NONE);
	for (size_t i = 0; i < TICK_ROWS_MAX; i++)
		max[i].nano = chance(70) ? RATE_MAX : 1 + roll(20000);
	if (chance(10))
		denied[o->denied_count++] = address_of(1, roll(offers + 1));
	if (o->spread != SPREAD_NONE || !chance(offers == 0 ? 100 : 15))
		return;
	o->bid_count = roll(BIDS + 1);
	for (size_t i = 0; i < o->bid_count; i++) {
		bids[i] = (struct tick_bid){ .id = random_hash(),
					     .provider = address_of(1, i + roll(offers + 1)),
					     .floor = unit(9000),
					     .launches = (uint32_t)roll(40),
					     .failures = (uint32_t)roll(4),
					     .sets_prices = !newcomers || chance(70) };
		bids[i].owner = chance(80) ? bids[i].provider : address_of(1, roll(offers + 1));
		bids[i].list = chance(5) ? unit(100) : above(bids[i].floor, 2000);
	}
}

/* ------------------------------------------------------------------ */
/* Writing a case.                                                     */

static void
put_rate(struct rate r)
{
	char text[AMOUNT_TEXT_SIZE];

	fputs(u128_text(r.nano, text), cases);
}

static void
put_hex(const void *bytes, size_t len)
{
	char text[67];

	fprintf(cases, "\"%s\"", hex_text(bytes, len, text) + 2);
}

static void
put_units(const char *name, struct offer_units *u)
{
	fprintf(cases, ",\"%s\":", name);
	for (unsigned i = 0; i < UNITS; i++) {
		fputc(i == 0 ? '[' : ',', cases);
		put_rate(*unit_at(u, i));
	}
	fputc(']', cases);
}

static void
put_attributes(const struct json_list *list)
{
	const struct attribute *a = list->items;

	fputs(",\"attributes\":[", cases);
	for (size_t i = 0; i < list->count; i++)
		fprintf(cases, "%s[\"%s\",\"%s\"]", i == 0 ? "" : ",", a[i].key, a[i].value);
	fputc(']', cases);
}

/* Addresses as the other fields have them: lower case, without 0x. */
static void
put_strs(const char *name, const struct json_strs *list)
{
	fprintf(cases, ",\"%s\":[", name);
	for (size_t i = 0; i < list->count; i++) {
		struct address a;
		struct err e = ERR_NONE;

		if (address_read(list->items[i], &a, &e) < 0)
			fatal("%s", e.text);
		if (i > 0)
			fputc(',', cases);
		put_hex(a.b, sizeof(a.b));
	}
	fputc(']', cases);
}

static void
put_storage(const uint64_t *mib)
{
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		fprintf(cases, "%c%" PRIu64, c == 0 ? '[' : ',', mib[c]);
	fputc(']', cases);
}

static void
put_offer(const struct tick_offer *t)
{
	struct offer *o = (struct offer *)(uintptr_t)t->offer;
	struct offer_units *past = (struct offer_units *)(uintptr_t)t->past;
	const struct offer_node *n = o->nodes.items;

	fputs("{\"id\":", cases);
	put_hex(t->id.b, 32);
	fputs(",\"provider\":", cases);
	put_hex(o->provider.b, 20);
	fputs(",\"owner\":", cases);
	put_hex(o->owner.b, 20);
	put_units("floor", &o->floor);
	put_units("list", &o->list);
	put_units("past", past != NULL ? past : &o->floor);
	fputs(",\"gpu\":[", cases);
	for (size_t i = 0; i < o->floor.gpus.count; i++) {
		const struct gpu_rate *f = o->floor.gpus.items, *l = o->list.gpus.items,
				      *p = past != NULL ? past->gpus.items : f;

		fprintf(cases, "%s[\"%s\",", i == 0 ? "" : ",", f[i].model);
		put_rate(f[i].rate);
		fputc(',', cases);
		put_rate(l[i].rate);
		fputc(',', cases);
		put_rate(p[i].rate);
		fprintf(cases, ",%u]", t->gpu_used_bp[i]);
	}
	fprintf(cases, "],\"curve\":%u,\"used\":%u,\"region\":\"%s\"", o->curve_bp, t->used_bp,
		o->region);
	put_attributes(&o->attributes);
	fprintf(cases, ",\"min_term\":%u,\"notice\":%u", o->min_term_s, o->notice_s);
	put_strs("allow", &o->allow);
	put_strs("deny", &o->deny);
	fprintf(cases, ",\"launches\":%u,\"fails\":%u,\"sets\":%d,\"nodes\":[", t->launches,
		t->failures, t->sets_prices);
	for (size_t i = 0; i < o->nodes.count; i++) {
		const struct shape *s = &t->nodes[i].free;

		fprintf(cases, "%s[%u,%" PRIu64 ",", i == 0 ? "" : ",", s->cpu_milli,
			s->memory_mib);
		put_storage(s->storage_mib);
		fprintf(cases, ",%u,\"%s\"]", s->gpus, n[i].model);
	}
	fputs("]}", cases);
}

static void
put_statements(const struct json_list *audits)
{
	const struct audit_doc *d = audits->items;

	fputs(",\"statements\":[", cases);
	for (size_t i = 0; i < audits->count; i++) {
		fputs(i == 0 ? "{\"auditor\":" : ",{\"auditor\":", cases);
		put_hex(d[i].terms.auditor.b, 20);
		fputs(",\"provider\":", cases);
		put_hex(d[i].terms.provider.b, 20);
		fprintf(cases, ",\"expires\":%u,\"seq\":%" PRIu64, d[i].terms.expires,
			d[i].terms.seq);
		put_attributes(&d[i].attributes);
		fputc('}', cases);
	}
	fputc(']', cases);
}

static void
put_service(const struct group_service *s)
{
	uint64_t storage[STORAGE_CLASSES] = { s->resources.storage_bytes >> 20 };
	static const char *const classes[] = { "", "default", "beta1", "beta2", "beta3" };
	const struct volume *v = s->volumes.items;

	for (size_t i = 0; i < s->volumes.count; i++)
		for (unsigned c = 1; c < STORAGE_CLASSES; c++)
			if (strcmp(classes[c], v[i].class) == 0)
				storage[c] += v[i].bytes >> 20;
	fprintf(cases, "[\"%s\",%u,%u,%" PRIu64 ",", s->name, s->count, s->resources.cpu_milli,
		s->resources.memory_bytes >> 20);
	put_storage(storage);
	fprintf(cases, ",%u,[", s->resources.gpus);
	for (size_t i = 0; i < s->gpus.count; i++)
		fprintf(cases, "%s\"%s\"", i == 0 ? "" : ",", s->gpus.items[i]);
	fprintf(cases, "],%u,%u]", s->resources.endpoints, s->resources.egress_gib);
}

static void
put_bid(const struct tick_bid *b)
{
	fputc('[', cases);
	put_hex(b->id.b, 32);
	fputc(',', cases);
	put_hex(b->provider.b, 20);
	fputc(',', cases);
	put_hex(b->owner.b, 20);
	fputc(',', cases);
	put_rate(b->floor);
	fputc(',', cases);
	put_rate(b->list);
	fprintf(cases, ",%u,%u,%d]", b->launches, b->failures, b->sets_prices);
}

static void
put_order(const struct tick_order *o)
{
	static const char *const kinds[] = { "", "provider", "owner", "region" };
	const struct group_service *s = o->group->services.items;

	fputs("{\"id\":", cases);
	put_hex(o->id.b, 32);
	fputs(",\"record\":", cases);
	put_hex(o->record.b, 32);
	fputs(",\"tenant\":", cases);
	put_hex(o->tenant.b, 20);
	fputs(",\"owner\":", cases);
	put_hex(o->owner.b, 20);
	fputs(",\"max\":[", cases);
	for (size_t i = 0; i < (o->spread == SPREAD_NONE ? 1 : TICK_ROWS_MAX); i++) {
		if (i > 0)
			fputc(',', cases);
		put_rate(o->max[i]);
	}
	fprintf(cases,
		"],\"care\":%u,\"retry\":%d,\"manual\":%d,\"spread\":\"%s\",\"term\":%u,"
		"\"notice\":%u,\"ips\":%u",
		o->care_hours, o->retry, o->manual, kinds[o->spread], o->term_s,
		o->group->reclaim_s, o->group->ips);
	put_attributes(&o->group->attributes);
	put_strs("by", &o->group->signed_by);
	put_strs("any", &o->group->signed_any);
	fputs(",\"deny\":[", cases);
	for (size_t i = 0; i < o->denied_count; i++)
		put_hex(o->denied[i].b, 20);
	fputs("],\"bids\":[", cases);
	for (size_t i = 0; i < o->bid_count; i++) {
		if (i > 0)
			fputc(',', cases);
		put_bid(&o->bids[i]);
	}
	fputs("],\"services\":[", cases);
	for (size_t i = 0; i < o->group->services.count; i++) {
		if (i > 0)
			fputc(',', cases);
		put_service(&s[i]);
	}
	fputs("]}", cases);
}

/* ------------------------------------------------------------------ */
/* Writing an outcome.                                                 */

static void
put_name(enum tick_kind kind, size_t index, int model)
{
	if (kind == TICK_NOBODY)
		fputc('-', outcomes);
	else if (kind == TICK_BID)
		fprintf(outcomes, "b%zu", index);
	else if (model >= 0)
		fprintf(outcomes, "%zu.%d", index, model);
	else
		fprintf(outcomes, "%zu", index);
}

static void
put_reasons(const uint8_t *reasons, size_t count)
{
	static const char matches[] = "?oxyrautngzk", later[] = "cfpidsMW";

	for (size_t i = 0; i < count; i++)
		fputc(reasons[i] < REASON_CAPACITY ? matches[reasons[i]]
						   : later[reasons[i] - REASON_CAPACITY],
		      outcomes);
}

static void
put_spread(const struct tick_outcome *out)
{
	char text[AMOUNT_TEXT_SIZE];

	fputs(tick_end_name(out->end), outcomes);
	if (out->pick_count == 0)
		return;
	for (size_t i = 0; i < out->pick_count; i++) {
		fputc(i == 0 ? ' ' : ',', outcomes);
		put_name(out->picks[i].kind, out->picks[i].index, out->picks[i].model);
	}
	for (size_t i = 0; i < out->pick_count; i++)
		fprintf(outcomes, "%c%s", i == 0 ? ' ' : ',',
			u128_text(out->picks[i].price.nano, text));
	fputc(' ', outcomes);
	for (size_t i = 0; i < out->pick_count && out->end == TICK_AWARDED; i++)
		fprintf(outcomes, "%s%u", i == 0 ? "" : ",", out->picks[i].nodes[0]);
}

static void
put_outcome(const struct tick_order *o, const struct tick_outcome *out, size_t offers)
{
	const struct tick_pick *p = out->picks;
	char text[AMOUNT_TEXT_SIZE];

	if (o->spread != SPREAD_NONE) {
		put_spread(out);
		return;
	}
	fprintf(outcomes, "%s ", tick_end_name(out->end));
	if (out->pick_count == 0)
		fputc('-', outcomes);
	else
		put_name(p->kind, p->index, p->model);
	fprintf(outcomes, " %s ", u128_text(out->price.nano, text));
	put_name(out->setter.kind, out->setter.index, out->setter.model);
	fputc(' ', outcomes);
	for (size_t i = 0; p != NULL && i < p->node_count; i++)
		fprintf(outcomes, "%s%u", i == 0 ? "" : ",", p->nodes[i]);
	fputc(' ', outcomes);
	for (size_t i = 0; i < out->rank_count; i++) {
		if (i > 0)
			fputc(',', outcomes);
		put_name(out->ranking[i].kind, out->ranking[i].index, out->ranking[i].model);
	}
	fputc(' ', outcomes);
	put_reasons(out->offer_reasons, offers);
	put_reasons(out->bid_reasons, o->bid_count);
}

/* ------------------------------------------------------------------ */

static uint64_t ends[TICK_NO_CAPACITY + 1], spreads, newcomers_won;

static size_t
one_tick(void)
{
	bool big = roll(400) == 0, newcomers = chance(60);
	size_t offer_count = big ? 10 + roll(OFFERS - 9) : roll(7),
	       order_count = big ? 4 + roll(ORDERS - 3) : 1 + roll(4);
	struct tick_offer *offers = arena_alloc(&arena, (offer_count + 1) * sizeof(*offers));
	struct tick_order *orders = arena_alloc(&arena, order_count * sizeof(*orders));
	struct tick_outcome *out = arena_alloc(&arena, order_count * sizeof(*out));
	struct json_list audits;

	huge = roll(50) == 0;
	for (size_t i = 0; i < offer_count; i++) {
		struct offer_units *past = ARENA_NEW(&arena, struct offer_units);
		uint32_t *used = arena_alloc(&arena, 2 * sizeof(*used));
		struct offer *o = random_offer((unsigned)i, past);

		used[0] = (uint32_t)roll(10001);
		used[1] = (uint32_t)roll(10001);
		if (i > 0 && chance(10)) { /* a copied price script */
			o->floor = offers[i - 1].offer->floor;
			o->list = offers[i - 1].offer->list;
			*past = o->floor;
			for (size_t k = 0; k < o->nodes.count; k++) {
				((struct offer_node *)o->nodes.items)[k].model = "";
				((struct offer_node *)o->nodes.items)[k].has.gpus = 0;
			}
		}
		offers[i] =
			(struct tick_offer){ .offer = o,
					     .id = random_hash(),
					     .past = chance(50) ? past : NULL,
					     .launches = (uint32_t)roll(4) * 100,
					     .failures = (uint32_t)roll(8),
					     .sets_prices = !newcomers || chance(70),
					     .used_bp = (uint32_t)(chance(50) ? 0 : roll(10001)),
					     .gpu_used_bp = used };
		offers[i].nodes = arena_alloc(&arena, NODES * sizeof(*offers[i].nodes));
		offer_nodes(o, offers[i].nodes);
	}
	audits = random_statements(offer_count);
	for (size_t i = 0; i < order_count; i++)
		random_order(&orders[i], offer_count, &audits, newcomers);
	fputs("{\"offers\":[", cases);
	for (size_t i = 0; i < offer_count; i++) {
		if (i > 0)
			fputc(',', cases);
		put_offer(&offers[i]);
	}
	fputs("],\"orders\":[", cases);
	for (size_t i = 0; i < order_count; i++) {
		if (i > 0)
			fputc(',', cases);
		put_order(&orders[i]);
	}
	fputc(']', cases);
	put_statements(&audits);
	fputs("}\n", cases);
	tick_clear(&arena, orders, order_count, offers, offer_count, out);
	for (size_t i = 0; i < order_count; i++) {
		if (i > 0)
			fputc('\t', outcomes);
		put_outcome(&orders[i], &out[i], offer_count);
		ends[out[i].end]++;
		if (out[i].end == TICK_AWARDED) {
			const struct tick_pick *p = out[i].picks;

			spreads += orders[i].spread != SPREAD_NONE;
			newcomers_won += p->kind == TICK_OFFER && !offers[p->index].sets_prices;
		}
	}
	fputc('\n', outcomes);
	return order_count;
}

int
main(int argc, char **argv)
{
	uint64_t ticks, auctions = 0;

	if (argc != 5)
		fatal("usage: cases SEED TICKS CASES OUTCOMES");
	dice = strtoull(argv[1], NULL, 10) * 2654435761u + 88172645463325252u;
	ticks = strtoull(argv[2], NULL, 10);
	cases = fopen(argv[3], "w");
	outcomes = fopen(argv[4], "w");
	if (cases == NULL || outcomes == NULL)
		fatal("cannot write %s or %s", argv[3], argv[4]);
	arena_init(&arena, 0);
	for (uint64_t i = 0; i < ticks; i++) {
		auctions += one_tick();
		arena_release(&arena);
	}
	fclose(cases);
	fclose(outcomes);
	printf("%" PRIu64 " auctions", auctions);
	for (unsigned i = 0; i < NELEMS(ends); i++)
		printf(", %s %" PRIu64, tick_end_name((enum tick_end)i), ends[i]);
	printf(", groups spread %" PRIu64 ", newcomers won %" PRIu64 "\n", spreads, newcomers_won);
	return 0;
}
