/* SPDX-License-Identifier: Apache-2.0 */
#include "tenant/spot.h"

#include "lib/clock.h"

#define CPU_UNITS 1000u /* of a whole CPU */

int
pools_get(struct context *c, const struct json **rows, struct err *e)
{
	struct json *doc;

	if (market_get(&c->arena, &c->market, "/v1/pools", &doc, e) < 0)
		return -1;
	*rows = json_get(doc, "data");
	return 0;
}

const char *
pool_price_text(struct context *c, const char *class, struct rate p)
{
	return strcmp(class, "cpu") == 0
		       ? arena_printf(&c->arena, "%s for a CPU", price(c, pool_rate(p, CPU_UNITS)))
		       : arena_printf(&c->arena, "%s for a GPU", price(c, p));
}

static bool
group_of(struct context *c, const struct json *node, struct group *g)
{
	const struct json *group = json_get(node, "group");
	struct err ignored = ERR_NONE;

	*g = (struct group){ .name = NULL };
	return group != NULL && group->type == JSON_OBJECT &&
	       json_read(&c->arena, group, group_fields, g, &ignored) == 0;
}

bool
lease_is_interruptible(const struct json *lease)
{
	const struct json *group = json_get(lease, "group");
	const struct json *flag = group != NULL && group->type == JSON_OBJECT
					  ? json_get(group, "interruptible")
					  : NULL;

	return flag != NULL && flag->type == JSON_BOOL && flag->truth;
}

/* ------------------------------------------------------------------ */
/* What the market has published.                                       */

/* In a path a model's "/" is ":". */
const char *
pool_path(struct context *c, const struct address *provider, const char *class)
{
	char who[ADDRESS_TEXT_SIZE];
	char *path = arena_printf(&c->arena, "/v1/pools/%s/%s", address_text(provider, who), class);

	for (char *p = path + strlen(path) - strlen(class); *p != '\0'; p++)
		*p = *p == '/' ? ':' : *p;
	return path;
}

static int
price_page(struct context *c, const char *path, struct json_list *docs, bool *more, struct err *e)
{
	struct spot_price_doc *all = (struct spot_price_doc *)(uintptr_t)docs->items, *grown;
	const struct json *rows, *has_more;
	struct json *doc;
	size_t n = 0;

	if (market_get(&c->arena, &c->market, path, &doc, e) < 0)
		return -1;
	rows = json_get(doc, "data");
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next)
		n++;
	grown = arena_alloc(&c->arena, (docs->count + n + 1) * sizeof(*grown));
	if (docs->count > 0)
		memcpy(grown, all, docs->count * sizeof(*grown));
	for (const struct json *r = n > 0 ? rows->first : NULL; r != NULL; r = r->next) {
		struct spot_price_doc *p = &grown[docs->count];
		const struct spot_price_terms *before = docs->count > 0 ? &p[-1].terms : NULL;

		*p = (struct spot_price_doc){ .terms = { .number = 0 } };
		if (json_read(&c->arena, r, spot_price_doc_fields, p, e) < 0 ||
		    pool_price_check(&c->arena, &c->domain, &c->auctioneer, p, e) < 0 ||
		    ((before != NULL || p->terms.number == 1) &&
		     pool_price_follows(before, &p->terms, e) < 0))
			return err_wrap(e, "price %llu", (unsigned long long)p->terms.number);
		docs->count++;
	}
	docs->items = grown;
	has_more = json_get(doc, "has_more");
	*more = n > 0 && has_more != NULL && has_more->truth;
	return 0;
}

int
pool_prices(struct context *c, const struct address *provider, const char *class, uint32_t since,
	    struct json_list *docs, struct err *e)
{
	const char *path = pool_path(c, provider, class);
	bool more = true;

	*docs = (struct json_list){ NULL, 0 };
	while (more) {
		const struct spot_price_doc *last =
			(const struct spot_price_doc *)docs->items + docs->count;
		uint64_t after = docs->count > 0 ? last[-1].terms.number : 0;

		if (price_page(c,
			       arena_printf(&c->arena, "%s/prices?after=%llu&since=%u", path,
					    (unsigned long long)after, after == 0 ? since : 0),
			       docs, &more, e) < 0)
			return -1;
	}
	return 0;
}

static int
runs_get(struct context *c, const struct hash *lease, struct json_list *out, struct err *e)
{
	char text[HASH_TEXT_SIZE];
	struct spot_run_doc *runs;
	const struct json *rows;
	struct json *doc;
	size_t n = 0;

	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/leases/%s/runs", hash_text(lease, text)), &doc,
		       e) < 0)
		return -1;
	rows = json_get(doc, "data");
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next)
		n++;
	runs = arena_alloc(&c->arena, (n + 1) * sizeof(*runs));
	*out = (struct json_list){ runs, 0 };
	for (const struct json *r = n > 0 ? rows->first : NULL; r != NULL; r = r->next) {
		runs[out->count] = (struct spot_run_doc){ .terms = { .seq = 0 } };
		if (json_read(&c->arena, r, spot_run_doc_fields, &runs[out->count++], e) < 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* What may be owed.                                                    */

/* Which of the provider's pools it is in: the first whose class takes the group. */
static const char *
class_of(struct context *c, const struct lease_ref *l, const struct group *g, struct err *e)
{
	const struct json *rows;
	struct address who;

	if (pools_get(c, &rows, e) < 0)
		return NULL;
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next)
		if (address_read(text_of(r, "provider"), &who, e) == 0 &&
		    address_equal(&who, &l->provider) && pool_takes(text_of(r, "class"), g))
			return text_of(r, "class");
	/* A pool is known by its class alone where there is no choice. */
	if (pool_takes("cpu", g))
		return "cpu";
	err_set(e, &USAGE_RUNS, "the provider shows no pool that this lease could be in");
	return NULL;
}

int
spot_gather(struct context *c, const struct lease_ref *l, uint32_t up_to, struct spot_owed *out,
	    struct err *e)
{
	const struct spot_parties parties = { &c->domain, &c->auctioneer, &l->terms };
	const struct spot_run_doc *runs;
	struct group g;

	*out = (struct spot_owed){ .free_s = c->spot_free_s };
	if (!group_of(c, l->lease, &g))
		return err_set(e, &USAGE_RUNS, "the market does not show the lease's group");
	out->class = class_of(c, l, &g, e);
	if (out->class == NULL || runs_get(c, &l->hash, &out->runs, e) < 0)
		return -1;
	runs = out->runs.items;
	if (pool_prices(c, &l->provider, out->class, out->runs.count > 0 ? runs[0].terms.at : up_to,
			&out->prices, e) < 0)
		return -1;
	return spot_owed_fits(&parties, out, e); /* pool_prices() has checked each */
}

int
spot_most(struct context *c, const struct lease_ref *l, uint32_t up_to, bool closed,
	  struct amount *most, struct err *e)
{
	struct spot_owed owed;
	struct group g;

	if (spot_gather(c, l, up_to, &owed, e) < 0 || !group_of(c, l->lease, &g))
		return -1;
	*most = spot_owed(&owed, &g, l->terms.rate, up_to, closed);
	return 0;
}

int
spot_check(struct context *c, const struct lease_ref *l, const struct usage_terms *u, bool last,
	   struct err *e)
{
	char asked[AMOUNT_TEXT_SIZE], owed[AMOUNT_TEXT_SIZE];
	struct amount most;

	/* Nothing is never too much. */
	if (!lease_is_interruptible(l->lease) || u->amount.units == 0)
		return 0;
	if (spot_most(c, l, u->upTo, last, &most, e) < 0)
		return err_wrap(e, "pool");
	if (amount_cmp(u->amount, most) <= 0)
		return 0;
	return err_set(e, &USAGE_RUNS,
		       "it asks %s, its runs at the pool's prices come to %s base units",
		       u128_text(u->amount.units, asked), u128_text(most.units, owed));
}

/* The answer to a close, or a reading after it. */
bool
reading_is_last(const struct json *reading)
{
	const struct json *closing = json_get(reading, "closing");

	return json_get(reading, "release_sig") != NULL ||
	       (closing != NULL && closing->type == JSON_BOOL && closing->truth);
}

/* ------------------------------------------------------------------ */
/* For people.                                                          */

static struct rate
rate_in(const struct json *node, const char *name)
{
	struct err ignored = ERR_NONE;
	struct rate rate = { 0 };

	if (node != NULL && rate_read(text_of(node, name), &rate, &ignored) < 0)
		rate.nano = 0;
	return rate;
}

void
spot_print(struct context *c, const struct lease_ref *l, const struct json *status)
{
	const struct json *spot = json_get(status, "spot"), *dues = json_get(status, "dues");
	const char *state;
	uint32_t units;
	struct rate now;

	if (spot == NULL || spot->type != JSON_OBJECT)
		return;
	state = text_of(spot, "state");
	units = (uint32_t)number_of(spot, "units");
	now = pool_rate(rate_in(spot, "price"), units);
	printf("spot        %s, %u units: %s", text_of(spot, "class"), units, state);
	printf(", the pool asks %s, your maximum is %s\n", price(c, now), price(c, l->terms.rate));
	if (strcmp(state, "interrupted") != 0)
		return;
	printf("            %s", rate_cmp(l->terms.rate, now) >= 0
					 ? "let in again as soon as there is room"
					 : "a maximum of at least that would be let in");
	if (dues != NULL && text_of(dues, "ends_at")[0] != '\0')
		printf("; kept until %s", text_of(dues, "ends_at"));
	putchar('\n');
}

void
spot_print_waiting(struct context *c, const struct json *order)
{
	const struct json *rows;
	struct err ignored = ERR_NONE;
	struct group g;

	if (!lease_is_interruptible(order) || !group_of(c, order, &g) ||
	    pools_get(c, &rows, &ignored) < 0)
		return;
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next) {
		const struct json *doc = json_get(r, "price");
		uint32_t units;

		if (doc == NULL || doc->type != JSON_OBJECT || !pool_takes(text_of(r, "class"), &g))
			continue;
		units = pool_units(text_of(r, "class"), &g);
		printf("pool        %s %s: %s for this order; a maximum from there on is let in "
		       "when there is room\n",
		       text_of(r, "provider"), text_of(r, "class"),
		       price(c, pool_rate(rate_in(json_get(doc, "terms"), "price"), units)));
	}
}
