/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/offering.h"

#include "deploy/rules.h"
#include "lease/price.h"

const struct code OFFERING_BAD = { "offering_bad", INVALID,
				   "these settings make no standing offer" };

#define MIB_OF_GIB 1024u

/* ------------------------------------------------------------------ */
/* Prices.                                                             */

bool
offering_wanted(const struct provider_settings *s)
{
	return s->standing && s->price_program.count == 0;
}

static struct rate
per_gib(struct rate mib)
{
	return (struct rate){ mib.nano > RATE_MAX / MIB_OF_GIB ? RATE_MAX : mib.nano * MIB_OF_GIB };
}

static struct rate
capped(struct rate r)
{
	return (struct rate){ MIN(r.nano, RATE_MAX) };
}

static struct rate
class_rate(const struct rate_card *card, const char *class)
{
	const struct volume_price *v = card->volumes.items;

	for (size_t i = 0; i < card->volumes.count; i++)
		if (strcmp(v[i].class, class) == 0)
			return per_gib(v[i].mib);
	return per_gib(card->volume_mib);
}

static const char *const class_names[STORAGE_CLASSES] = { "", "default", "beta1", "beta2",
							  "beta3" };

static struct json_list
gpu_list(struct arena *a, const char *model, struct rate rate)
{
	struct gpu_rate *g = ARENA_NEW(a, struct gpu_rate);

	*g = (struct gpu_rate){ model, rate };
	return (struct json_list){ g, model != NULL };
}

void
offering_units(struct arena *a, const struct price_rules *rules, const char *model,
	       struct offer_units *floor, struct offer_units *list)
{
	const struct rate_card *card = &rules->card;
	uint32_t bp = MAX(rules->list_bp, 10000u);
	struct rate gpu = { 0 };

	if (model != NULL)
		gpu = capped(card_gpu(card, model));
	*floor = (struct offer_units){ .fixed = capped(card->fixed),
				       .cpu_milli = capped(card->cpu_milli),
				       .memory_mib = capped(card->memory_mib),
				       .ip = capped(card->ip),
				       .endpoint = capped(card->endpoint),
				       .egress_gib = capped(card->egress_gib),
				       .gpus = gpu_list(a, model, gpu) };
	*list = (struct offer_units){ .fixed = price_scale(floor->fixed, bp),
				      .cpu_milli = price_scale(floor->cpu_milli, bp),
				      .memory_mib = price_scale(floor->memory_mib, bp),
				      .ip = price_scale(floor->ip, bp),
				      .endpoint = price_scale(floor->endpoint, bp),
				      .egress_gib = price_scale(floor->egress_gib, bp),
				      .gpus = gpu_list(a, model, price_scale(gpu, bp)) };
	floor->storage_gib[STORAGE_EPHEMERAL] = per_gib(card->storage_mib);
	for (unsigned c = STORAGE_DEFAULT; c < STORAGE_CLASSES; c++)
		floor->storage_gib[c] = class_rate(card, class_names[c]);
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		list->storage_gib[c] = price_scale(floor->storage_gib[c], bp);
}

struct rate
offering_floor(const struct offer *o, const struct demand *d, uint32_t load_bp)
{
	struct rate floor, list;

	offer_price(o, d, d->gpus > 0 && o->floor.gpus.count > 0 ? 0 : -1, load_bp, &floor, &list);
	return floor;
}

/* ------------------------------------------------------------------ */
/* Tenants.                                                            */

bool
offering_serves(const struct tenant_rules *r, const struct address *tenant)
{
	const struct tenant_factor *f = r->factor_bp.items;

	for (size_t i = 0; i < r->factor_bp.count; i++)
		if (f[i].bp > 10000 && address_equal(&f[i].tenant, tenant))
			return false;
	return true;
}

/* Those of the settings, and those who pay more than the card. */
static int
deny_list(struct arena *a, const struct tenant_rules *r, struct json_strs *out, struct err *e)
{
	const struct tenant_factor *f = r->factor_bp.items;
	char text[ADDRESS_TEXT_SIZE];

	*out = (struct json_strs){
		arena_alloc(a, (r->deny.count + r->factor_bp.count + 1) * sizeof(char *)), 0
	};
	for (size_t i = 0; i < r->deny.count; i++)
		out->items[out->count++] = r->deny.items[i];
	for (size_t i = 0; i < r->factor_bp.count; i++)
		if (f[i].bp > 10000)
			out->items[out->count++] =
				arena_strdup(a, address_text(&f[i].tenant, text));
	if (out->count > GROUP_ATTRIBUTES_MAX || r->allow.count > GROUP_ATTRIBUTES_MAX)
		return err_field(e, &OFFERING_BAD, "/tenants",
				 "tenants: a standing offer names at most %u that it allows or "
				 "denies: with more of them, set standing: false",
				 GROUP_ATTRIBUTES_MAX);
	return 0;
}

/* ------------------------------------------------------------------ */
/* The machine.                                                        */

/* The model that the machine has most of, and how many; NULL: no GPUs. */
static const char *
most_common(const struct json_list *gpus, uint32_t *count)
{
	const struct gpu *g = gpus->items;
	const char *best = NULL;

	*count = 0;
	for (size_t i = 0; i < gpus->count; i++) {
		uint32_t same = 0;

		for (size_t k = 0; k < gpus->count; k++)
			same += strcmp(g[k].model, g[i].model) == 0;
		if (same > *count) {
			*count = same;
			best = g[i].model;
		}
	}
	return best;
}

static struct shape
whole(const struct provider_settings *s, uint32_t gpus)
{
	const struct volume_class *v = s->volumes.items;
	struct shape has = { .cpu_milli = s->capacity.cpu_milli,
			     .gpus = gpus,
			     .memory_mib = s->capacity.memory_bytes >> 20 };

	has.storage_mib[STORAGE_EPHEMERAL] = s->capacity.storage_bytes >> 20;
	for (size_t i = 0; i < s->volumes.count; i++)
		for (unsigned c = STORAGE_DEFAULT; c < STORAGE_CLASSES; c++)
			if (strcmp(class_names[c], v[i].class) == 0)
				has.storage_mib[c] = v[i].bytes >> 20;
	return has;
}

/* More than there is, after a change of the settings, is all of it. */
static struct shape
within(const struct shape *part, const struct shape *all)
{
	struct shape s = { .cpu_milli = MIN(part->cpu_milli, all->cpu_milli),
			   .gpus = MIN(part->gpus, all->gpus),
			   .memory_mib = MIN(part->memory_mib, all->memory_mib) };

	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		s.storage_mib[c] = MIN(part->storage_mib[c], all->storage_mib[c]);
	return s;
}

static const char *
region_of(const struct json_list *attributes)
{
	const struct attribute *at = attributes->items;

	for (size_t i = 0; i < attributes->count; i++)
		if (strcmp(at[i].key, "region") == 0)
			return at[i].value;
	return "";
}

int
offering_make(struct arena *a, const struct provider_settings *s, const struct address *self,
	      const struct shape *foreign, struct offer *out, struct err *e)
{
	struct offer_node *node = ARENA_NEW(a, struct offer_node);
	uint32_t gpus;
	const char *model = most_common(&s->gpus, &gpus);

	*node = (struct offer_node){ .name = arena_printf(a, "node-%s", s->tag),
				     .model = model != NULL ? model : "",
				     .has = whole(s, gpus) };
	node->foreign = within(foreign, &node->has);
	*out = (struct offer){ .provider = *self,
			       .owner = *self,
			       .curve_bp = s->prices.curve_bp,
			       .nodes = { node, 1 },
			       .region = region_of(&s->attributes),
			       .attributes = s->attributes,
			       .launch_s = s->launch_s,
			       .min_term_s = s->min_term_s,
			       .notice_s = s->reclaim_s,
			       .allow = s->prices.tenants.allow };
	if (deny_list(a, &s->prices.tenants, &out->deny, e) < 0)
		return -1;
	offering_units(a, &s->prices, model, &out->floor, &out->list);
	return offer_check(out, e);
}

const char *
offering_model(const struct offer *o)
{
	return o->floor.gpus.count > 0 ? ((const struct gpu_rate *)o->floor.gpus.items)->model
				       : NULL;
}

/* ------------------------------------------------------------------ */
/* When.                                                               */

struct hash
offering_print(const struct offer *o)
{
	struct offer same = *o;

	same.seq = same.expires = 0;
	return offer_hash(&same);
}

enum offering_next
offering_next(const struct offering *o, const struct hash *wanted, wall_t now)
{
	bool stands = o->stands && now < o->until;

	if (now < o->again && o->again - now <= (wall_t)OFFERING_BACKOFF_S * SECOND_US)
		return OFFERING_REST;
	if (wanted == NULL)
		return stands ? OFFERING_WITHDRAW : OFFERING_REST;
	/* A clock that was set back makes it look younger than it is. */
	if (!stands || !hash_equal(wanted, &o->print) ||
	    o->until - now <= (wall_t)OFFERING_RENEW_S * SECOND_US ||
	    o->until - now > (wall_t)OFFERING_LIVES_S * SECOND_US)
		return OFFERING_POST;
	return OFFERING_REST;
}

uint64_t
offering_seq(const struct offering *o, wall_t now)
{
	return MAX(o->seq + 1, (uint64_t)(MAX(now, (wall_t)0) / MILLI_US));
}

void
offering_stood(struct offering *o, const struct hash *print, wall_t until)
{
	o->stands = true;
	o->print = *print;
	o->until = until;
	o->failures = 0;
	o->again = 0;
}

void
offering_gone(struct offering *o)
{
	o->stands = false;
	o->failures = 0;
	o->again = 0;
}

uint32_t
offering_failed(struct offering *o, wall_t now)
{
	uint32_t pause = o->failures < 6 ? 1u << o->failures : OFFERING_BACKOFF_S;

	pause = MIN(pause, OFFERING_BACKOFF_S);
	o->failures++;
	o->again = now + (wall_t)pause * SECOND_US;
	return pause;
}
