/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/offer.h"

#include <strings.h>

#include "deploy/rules.h"
#include "lease/key.h"
#include "lease/price.h"
#include "lease/typed.h"

const struct code OFFER_BAD = { "offer_bad", INVALID, "a rule of offers is broken" };
const struct code OFFER_LIST = { "offer_list", INVALID, "a list price is below its floor" };

/* An egress allowance is for 30 days. */
#define ALLOWANCE_S (30u * 86400)

#define MAYBE (JSON_OPTIONAL | JSON_OMIT_EMPTY)

/* ------------------------------------------------------------------ */
/* As JSON.                                                            */

/* Storage classes are an array to the rules and members to the reader. */
#define CLASSED(T, m, k, text, i)                                                                  \
	{                                                                                          \
		.name = text, .kind = k, .flags = JSON_OPTIONAL, .offset = offsetof(T, m[i])       \
	}

#define T struct gpu_rate
static const struct json_field gpu_rate_fields[] = { JSON_STR(T, model, 128, 0),
						     JSON_RATE(T, rate, 0), JSON_END };
#undef T

#define T struct offer_units
const struct json_field offer_units_fields[] = {
	JSON_RATE(T, fixed, JSON_OPTIONAL),
	JSON_RATE(T, cpu_milli, 0),
	JSON_RATE(T, memory_mib, 0),
	CLASSED(T, storage_gib, JSON_KIND_RATE, "ephemeral_gib", STORAGE_EPHEMERAL),
	CLASSED(T, storage_gib, JSON_KIND_RATE, "default_gib", STORAGE_DEFAULT),
	CLASSED(T, storage_gib, JSON_KIND_RATE, "beta1_gib", STORAGE_BETA1),
	CLASSED(T, storage_gib, JSON_KIND_RATE, "beta2_gib", STORAGE_BETA2),
	CLASSED(T, storage_gib, JSON_KIND_RATE, "beta3_gib", STORAGE_BETA3),
	JSON_RATE(T, ip, JSON_OPTIONAL),
	JSON_RATE(T, endpoint, JSON_OPTIONAL),
	JSON_RATE(T, egress_gib, JSON_OPTIONAL),
	JSON_LIST(T, gpus, gpu_rate_fields, struct gpu_rate, OFFER_MODELS_MAX, JSON_OPTIONAL),
	JSON_END
};
#undef T

#define T struct shape
const struct json_field shape_fields[] = {
	JSON_U32(T, cpu_milli, 0, JSON_OPTIONAL),
	JSON_U64(T, memory_mib, JSON_OPTIONAL),
	CLASSED(T, storage_mib, JSON_KIND_U64, "ephemeral_mib", STORAGE_EPHEMERAL),
	CLASSED(T, storage_mib, JSON_KIND_U64, "default_mib", STORAGE_DEFAULT),
	CLASSED(T, storage_mib, JSON_KIND_U64, "beta1_mib", STORAGE_BETA1),
	CLASSED(T, storage_mib, JSON_KIND_U64, "beta2_mib", STORAGE_BETA2),
	CLASSED(T, storage_mib, JSON_KIND_U64, "beta3_mib", STORAGE_BETA3),
	JSON_U32(T, gpus, 0, JSON_OPTIONAL),
	JSON_END
};
#undef T

#define T struct offer_node
const struct json_field offer_node_fields[] = { JSON_STR(T, name, 63, 0),
						JSON_STR(T, model, 128, 0),
						JSON_OBJ(T, has, shape_fields, 0),
						JSON_OBJ(T, foreign, shape_fields, 0), JSON_END };
#undef T

#define T struct offer
const struct json_field offer_fields[] = {
	JSON_ADDRESS(T, provider, 0),
	JSON_ADDRESS(T, owner, 0),
	JSON_U64(T, seq, 0),
	JSON_U64(T, expires, 0),
	JSON_OBJ(T, floor, offer_units_fields, 0),
	JSON_OBJ(T, list, offer_units_fields, 0),
	JSON_U32(T, curve_bp, OFFER_CURVE_MAX, 0),
	JSON_LIST(T, nodes, offer_node_fields, struct offer_node, OFFER_NODES_MAX, 0),
	JSON_STR(T, region, 128, 0),
	JSON_LIST(T, attributes, attribute_fields, struct attribute, GROUP_ATTRIBUTES_MAX, 0),
	JSON_U32(T, launch_s, 3600, 0),
	JSON_U32(T, min_term_s, 0, MAYBE),
	JSON_U32(T, notice_s, 0, MAYBE),
	JSON_OBJ(T, spot, offer_units_fields, JSON_OPTIONAL),
	JSON_U32(T, spot_notice_s, 0, MAYBE),
	JSON_STRS(T, allow, GROUP_ATTRIBUTES_MAX, MAYBE),
	JSON_STRS(T, deny, GROUP_ATTRIBUTES_MAX, MAYBE),
	JSON_END
};
#undef T

#define T struct offer_doc
const struct json_field offer_doc_fields[] = { JSON_OBJ(T, offer, offer_fields, 0),
					       JSON_SIG(T, sig, 0), JSON_END };
#undef T

/* ------------------------------------------------------------------ */
/* Hashes.                                                             */

struct hash
offer_head_hash(const struct offer_head *head, const void *text, size_t len)
{
	struct words w = words_begin("Offer(address provider,address owner,uint64 seq,"
				     "uint64 expires,bytes32 content)");
	struct hash content;

	keccak256(text, len, &content);
	word_address(&w, &head->provider);
	word_address(&w, &head->owner);
	word_uint(&w, head->seq);
	word_uint(&w, head->expires);
	word_hash(&w, &content);
	return words_end(&w);
}

struct hash
offer_hash(const struct offer *o)
{
	struct offer_head head = { o->provider, o->owner, o->seq, o->expires };
	struct jsonw *w = jsonw_new(false);
	struct hash h;
	const char *text;
	size_t len;

	json_write(w, offer_fields, o);
	text = jsonw_text(w, &len);
	h = offer_head_hash(&head, text, len);
	jsonw_free(w);
	return h;
}

/* ------------------------------------------------------------------ */
/* Checks.                                                             */

/* The rates of units as a row, so that floor and list are compared one by one. */
struct unit_name {
	const char *name;
	size_t offset;
};

#define UNIT(m) offsetof(struct offer_units, m)
static const struct unit_name unit_names[] = {
	{ "fixed", UNIT(fixed) },
	{ "cpu_milli", UNIT(cpu_milli) },
	{ "memory_mib", UNIT(memory_mib) },
	{ "ephemeral_gib", UNIT(storage_gib[STORAGE_EPHEMERAL]) },
	{ "default_gib", UNIT(storage_gib[STORAGE_DEFAULT]) },
	{ "beta1_gib", UNIT(storage_gib[STORAGE_BETA1]) },
	{ "beta2_gib", UNIT(storage_gib[STORAGE_BETA2]) },
	{ "beta3_gib", UNIT(storage_gib[STORAGE_BETA3]) },
	{ "ip", UNIT(ip) },
	{ "endpoint", UNIT(endpoint) },
	{ "egress_gib", UNIT(egress_gib) },
};

static struct rate *
unit_at(const struct offer_units *u, size_t i)
{
	return (struct rate *)((uintptr_t)u + unit_names[i].offset);
}

static struct gpu_rate *
gpu_at(const struct offer_units *u, size_t i)
{
	return (struct gpu_rate *)u->gpus.items + i;
}

static int
check_pair(const char *name, struct rate floor, struct rate list, struct err *e)
{
	char field[64];

	snprintf(field, sizeof(field), "/list/%.40s", name);
	if (floor.nano > RATE_MAX || list.nano > RATE_MAX)
		return err_field(e, &OFFER_BAD, field, "%s is above what any rate may be", name);
	if (rate_cmp(list, floor) < 0)
		return err_field(e, &OFFER_LIST, field, "the list price of %s is below its floor",
				 name);
	return 0;
}

static int
check_units(const struct offer *o, struct err *e)
{
	u128 sum = 0;

	for (size_t i = 0; i < NELEMS(unit_names); i++) {
		struct rate floor = *unit_at(&o->floor, i);

		if (check_pair(unit_names[i].name, floor, *unit_at(&o->list, i), e) < 0)
			return -1;
		sum += floor.nano;
	}
	if (o->floor.gpus.count != o->list.gpus.count)
		return err_field(e, &OFFER_BAD, "/list/gpus", "floor and list name other models");
	for (size_t i = 0; i < o->floor.gpus.count; i++) {
		const struct gpu_rate *f = gpu_at(&o->floor, i), *l = gpu_at(&o->list, i);

		if (strcmp(f->model, l->model) != 0)
			return err_field(e, &OFFER_BAD, "/list/gpus",
					 "floor and list name other models");
		if (rule_gpu(f->model) != NULL)
			return err_field(e, &OFFER_BAD, "/floor/gpus", "\"%.60s\": %s", f->model,
					 rule_gpu(f->model));
		if (check_pair("gpus", f->rate, l->rate, e) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (strcmp(gpu_at(&o->floor, k)->model, f->model) == 0)
				return err_field(e, &OFFER_BAD, "/floor/gpus",
						 "\"%.60s\" stands twice", f->model);
		sum += f->rate.nano;
	}
	if (sum == 0)
		return err_field(e, &OFFER_BAD, "/floor",
				 "all of it is free: an offer has a price");
	return 0;
}

static int
model_index(const struct offer_units *u, const char *model)
{
	for (size_t i = 0; i < u->gpus.count; i++)
		if (strcmp(gpu_at(u, i)->model, model) == 0)
			return (int)i;
	return -1;
}

static bool
shape_within(const struct shape *part, const struct shape *whole)
{
	bool within = part->cpu_milli <= whole->cpu_milli && part->gpus <= whole->gpus &&
		      part->memory_mib <= whole->memory_mib;

	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		within = within && part->storage_mib[c] <= whole->storage_mib[c];
	return within;
}

static int
check_nodes(const struct offer *o, struct err *e)
{
	const struct offer_node *n = o->nodes.items;

	if (o->nodes.count == 0)
		return err_field(e, &OFFER_BAD, "/nodes", "an offer has a node");
	for (size_t i = 0; i < o->nodes.count; i++) {
		if (rule_name(n[i].name) != NULL)
			return err_field(e, &OFFER_BAD, "/nodes", "node \"%.63s\": %s", n[i].name,
					 rule_name(n[i].name));
		if (i > 0 && strcmp(n[i - 1].name, n[i].name) >= 0)
			return err_field(e, &OFFER_BAD, "/nodes", "nodes stand once each, by name");
		if ((n[i].has.gpus != 0) != (n[i].model[0] != '\0'))
			return err_field(e, &OFFER_BAD, "/nodes",
					 "node %s: GPUs and a model go together", n[i].name);
		if (n[i].has.gpus != 0 && model_index(&o->floor, n[i].model) < 0)
			return err_field(e, &OFFER_BAD, "/nodes", "node %s: no price for %.60s",
					 n[i].name, n[i].model);
		if (!shape_within(&n[i].foreign, &n[i].has))
			return err_field(e, &OFFER_BAD, "/nodes",
					 "node %s: more in use than it has", n[i].name);
	}
	return 0;
}

int
offer_check(const struct offer *o, struct err *e)
{
	const struct attribute *a = o->attributes.items;

	if (address_is_zero(&o->provider) || address_is_zero(&o->owner))
		return err_field(e, &OFFER_BAD, "/owner", "nobody stands behind the offer");
	if (o->curve_bp > OFFER_CURVE_MAX)
		return err_field(e, &OFFER_BAD, "/curve_bp", "must be 0 to %u", OFFER_CURVE_MAX);
	if (o->spot_notice_s != 0 && o->spot_notice_s < 30)
		return err_field(e, &OFFER_BAD, "/spot_notice_s", "must be 30 at least");
	for (size_t i = 0; i < o->attributes.count; i++)
		if (rule_attribute_key(a[i].key) != NULL ||
		    rule_attribute_value(a[i].value) != NULL)
			return err_field(e, &OFFER_BAD, "/attributes", "attribute %zu", i + 1);
	if (check_units(o, e) < 0)
		return -1;
	return check_nodes(o, e);
}

/* ------------------------------------------------------------------ */
/* Matching.                                                           */

static bool
listed(const struct json_strs *list, const char *who)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcasecmp(list->items[i], who) == 0)
			return true;
	return false;
}

static bool
audits_match(const struct offer *o, const struct offer_asker *asker)
{
	static const struct json_list none;
	struct address who;

	if (asker->group->signed_by.count == 0 && asker->group->signed_any.count == 0)
		return true;
	return !attest_lacks(asker->group, &o->provider,
			     asker->audits != NULL ? asker->audits : &none, 0, &who);
}

/* The region is an attribute to the tenant and a member of the offer. */
static enum offer_match
attributes_match(const struct offer *o, const struct group *g)
{
	const struct attribute *wanted = g->attributes.items;
	struct attribute region = { "region", o->region };

	for (size_t i = 0; i < g->attributes.count; i++) {
		bool is_region = strcmp(wanted[i].key, "region") == 0;
		struct group one = { .attributes = { (void *)(uintptr_t)&wanted[i], 1 } };
		struct json_list have =
			is_region ? (struct json_list){ &region, 1 } : o->attributes;

		if (group_mismatch(&one, &have) != NULL)
			return is_region ? OFFER_REGION : OFFER_ATTRIBUTE;
	}
	return OFFER_MATCHES;
}

static bool
denied(const struct offer *o, const struct offer_asker *asker)
{
	char who[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < asker->denied_count; i++)
		if (address_equal(&asker->denied[i], &o->provider))
			return true;
	return (asker->group->allow.count > 0 || asker->group->deny.count > 0) &&
	       !group_admits(asker->group, address_text(&o->provider, who));
}

static bool
refuses(const struct offer *o, const struct offer_asker *asker)
{
	char who[ADDRESS_TEXT_SIZE];

	if (o->allow.count == 0 && o->deny.count == 0)
		return false;
	address_text(&asker->tenant, who);
	return listed(&o->deny, who) || (o->allow.count > 0 && !listed(&o->allow, who));
}

static bool
has_gpu(const struct offer *o, const struct demand *d)
{
	for (size_t i = 0; i < o->floor.gpus.count; i++)
		if (demand_takes_gpu(d, gpu_at(&o->floor, i)->model))
			return true;
	return d->gpus == 0;
}

enum offer_match
offer_matches(const struct offer *o, const struct offer_asker *asker)
{
	enum offer_match m;

	if (address_equal(&o->owner, &asker->owner))
		return OFFER_OWN_ORDER;
	if (denied(o, asker))
		return OFFER_DENIED;
	if (refuses(o, asker))
		return OFFER_REFUSES;
	m = attributes_match(o, asker->group);
	if (m != OFFER_MATCHES)
		return m;
	if (!audits_match(o, asker))
		return OFFER_AUDIT;
	if (asker->term_s < o->min_term_s)
		return OFFER_TERM;
	if (o->notice_s < asker->group->reclaim_s)
		return OFFER_NOTICE;
	if (!has_gpu(o, asker->demand))
		return OFFER_GPU;
	return asker->spot && o->spot_notice_s == 0 ? OFFER_SPOT : OFFER_MATCHES;
}

const char *
offer_match_name(enum offer_match m)
{
	static const char *const names[] = { "matches", "own_order", "denied", "refuses",
					     "region",	"attribute", "audit",  "term",
					     "notice",	"gpu",	     "spot",   "taken" };

	return names[m];
}

/* ------------------------------------------------------------------ */
/* Price.                                                              */

/* rate * quantity / per, rounded up; what would overflow stays at the ceiling. */
static u128
part(struct rate rate, uint64_t quantity, uint32_t per)
{
	u128 product;

	if (quantity == 0 || rate.nano == 0)
		return 0;
	if (rate.nano >> 64 == 0)
		product = (u128)(uint64_t)rate.nano * quantity;
	else if (__builtin_mul_overflow(rate.nano, (u128)quantity, &product) ||
		 product > ~(u128)0 - per)
		return RATE_MAX;
	if (per > 1)
		product = product >> 64 == 0 ? ((uint64_t)product + (u128)per - 1) / per
					     : (product + per - 1) / per;
	return MIN(product, RATE_MAX);
}

struct rate
units_price(const struct offer_units *u, const struct demand *d, int model)
{
	u128 sum = u->fixed.nano;

	sum += part(u->cpu_milli, d->cpu_milli, 1);
	sum += part(u->memory_mib, d->memory_mib, 1);
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		sum += part(u->storage_gib[c], d->storage_mib[c], 1024);
	sum += part(u->ip, d->ips, 1);
	sum += part(u->endpoint, d->endpoints, 1);
	sum += part(u->egress_gib, d->egress_gib, ALLOWANCE_S);
	if (model >= 0)
		sum += part(gpu_at(u, (size_t)model)->rate, d->gpus, 1);
	return (struct rate){ MIN(sum, RATE_MAX) };
}

void
offer_price(const struct offer *o, const struct demand *d, int model, uint32_t u_bp,
	    struct rate *floor, struct rate *list)
{
	*floor = price_curve(units_price(&o->floor, d, model), o->curve_bp, u_bp);
	*list = price_curve(units_price(&o->list, d, model), o->curve_bp, u_bp);
}

void
units_raise(struct offer_units *high, const struct offer_units *seen)
{
	for (size_t i = 0; i < NELEMS(unit_names); i++)
		if (rate_cmp(*unit_at(seen, i), *unit_at(high, i)) > 0)
			*unit_at(high, i) = *unit_at(seen, i);
	for (size_t i = 0; i < high->gpus.count; i++) {
		int k = model_index(seen, gpu_at(high, i)->model);

		if (k >= 0 && rate_cmp(gpu_at(seen, (size_t)k)->rate, gpu_at(high, i)->rate) > 0)
			gpu_at(high, i)->rate = gpu_at(seen, (size_t)k)->rate;
	}
}

uint32_t
offer_used_bp(const struct offer *o, const struct demand_node *free, int model, bool foreign)
{
	const struct offer_node *n = o->nodes.items;
	uint64_t whole = 0, left = 0;

	for (size_t i = 0; i < o->nodes.count; i++) {
		if (model < 0) {
			whole += n[i].has.cpu_milli;
			left += free[i].free.cpu_milli + (foreign ? 0 : n[i].foreign.cpu_milli);
		} else if (strcmp(n[i].model, gpu_at(&o->floor, (size_t)model)->model) == 0) {
			whole += n[i].has.gpus;
			left += free[i].free.gpus + (foreign ? 0 : n[i].foreign.gpus);
		}
	}
	return whole == 0 || left >= whole ? 0 : (uint32_t)((whole - left) * 10000 / whole);
}

void
offer_nodes(const struct offer *o, struct demand_node *out)
{
	const struct offer_node *n = o->nodes.items;

	for (size_t i = 0; i < o->nodes.count; i++) {
		struct shape *s = &out[i].free;

		*s = n[i].has;
		s->cpu_milli -= n[i].foreign.cpu_milli;
		s->gpus -= n[i].foreign.gpus;
		s->memory_mib -= n[i].foreign.memory_mib;
		for (unsigned c = 0; c < STORAGE_CLASSES; c++)
			s->storage_mib[c] -= n[i].foreign.storage_mib[c];
		out[i].model = n[i].model;
	}
}
