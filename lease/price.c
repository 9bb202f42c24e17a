/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/price.h"

#include "deploy/rules.h"

const struct code CARD_BAD = { "card_bad", INVALID, "a rule of rate cards is broken" };

#define MIB ((uint64_t)1024 * 1024)
#define GIB ((uint64_t)1024 * MIB)
/* An egress allowance is for 30 days. */
#define ALLOWANCE_S (30u * 86400)

static const struct json_field volume_price_fields[] = {
	JSON_STR(struct volume_price, class, 16, 0), JSON_RATE(struct volume_price, mib, 0),
	JSON_END
};

static const struct json_field gpu_price_fields[] = { JSON_STR(struct gpu_price, model, 128, 0),
						      JSON_RATE(struct gpu_price, rate, 0),
						      JSON_END };

const struct json_field rate_card_fields[] = {
	JSON_RATE(struct rate_card, fixed, JSON_OPTIONAL),
	JSON_RATE(struct rate_card, cpu_milli, 0),
	JSON_RATE(struct rate_card, memory_mib, 0),
	JSON_RATE(struct rate_card, storage_mib, 0),
	JSON_RATE(struct rate_card, volume_mib, JSON_OPTIONAL),
	JSON_RATE(struct rate_card, gpu, JSON_OPTIONAL),
	JSON_RATE(struct rate_card, endpoint, JSON_OPTIONAL),
	JSON_RATE(struct rate_card, ip, JSON_OPTIONAL),
	JSON_RATE(struct rate_card, egress_gib, JSON_OPTIONAL),
	JSON_LIST(struct rate_card, volumes, volume_price_fields, struct volume_price,
		  CARD_VOLUMES_MAX, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_LIST(struct rate_card, gpus, gpu_price_fields, struct gpu_price, CARD_GPUS_MAX,
		  JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_END
};

int
card_check(const struct rate_card *card, struct err *e)
{
	static const char *const classes[] = { "default", "beta1", "beta2", "beta3" };
	const struct volume_price *v = card->volumes.items;
	const struct gpu_price *gpus = card->gpus.items;

	for (size_t i = 0; i < card->volumes.count; i++) {
		size_t k = 0;

		while (k < NELEMS(classes) && strcmp(classes[k], v[i].class) != 0)
			k++;
		if (k == NELEMS(classes))
			return err_field(e, &CARD_BAD, "/card/volumes",
					 "card: volumes: \"%.16s\": a class is default, beta1, "
					 "beta2 or beta3",
					 v[i].class);
		for (k = 0; k < i; k++)
			if (strcmp(v[k].class, v[i].class) == 0)
				return err_field(e, &CARD_BAD, "/card/volumes",
						 "card: volumes: %s stands twice", v[i].class);
	}
	for (size_t i = 0; i < card->gpus.count; i++) {
		const char *fault = rule_gpu(gpus[i].model);

		if (fault != NULL)
			return err_field(e, &CARD_BAD, "/card/gpus", "card: gpus: \"%.60s\": %s",
					 gpus[i].model, fault);
	}
	return 0;
}

struct rate
card_gpu(const struct rate_card *card, const char *model)
{
	const struct gpu_price *p = card->gpus.items;

	for (size_t i = 0; i < card->gpus.count; i++)
		if (gpu_matches(p[i].model, model))
			return p[i].rate;
	return card->gpu;
}

static u128
capped(u128 nano)
{
	return MIN(nano, RATE_MAX);
}

/* A product that stays at the ceiling instead of wrapping. */
static u128
times(struct rate rate, uint64_t quantity)
{
	if (quantity != 0 && rate.nano > RATE_MAX / quantity)
		return RATE_MAX;
	return rate.nano * quantity;
}

static uint64_t
mib(uint64_t bytes)
{
	return bytes / MIB + (bytes % MIB != 0);
}

/* Rates of the parts of a reservation, before any curve. */
struct parts {
	u128 fixed, cpu, memory, storage, volume, gpu, endpoint, ip, egress;
};

/* What cpu, memory and egress stand at in price_parts(). */
enum { PART_CPU, PART_MEMORY, PART_EGRESS = PRICE_PARTS - 2, PART_BASE };

/* Bytes of the group's volumes of this class. */
static uint64_t
class_bytes(const struct group *g, const char *class)
{
	const struct group_service *s = g->services.items;
	u128 sum = 0;

	for (size_t i = 0; i < g->services.count; i++)
		for (size_t k = 0; k < s[i].volumes.count; k++) {
			const struct volume *v = (const struct volume *)s[i].volumes.items + k;

			if (strcmp(v->class, class) == 0)
				sum += (u128)v->bytes * s[i].count;
		}
	return (uint64_t)MIN(sum, UINT64_MAX);
}

/* Classes that the card names at their prices, what is left at the default. */
static u128
volume_part(const struct rate_card *card, const struct resources *r, const struct group *g)
{
	const struct volume_price *p = card->volumes.items;
	uint64_t left = r->persistent_bytes;
	u128 nano = 0;

	for (size_t i = 0; i < card->volumes.count && g != NULL; i++) {
		uint64_t bytes = MIN(class_bytes(g, p[i].class), left);

		nano = capped(nano + times(p[i].mib, mib(bytes)));
		left -= bytes;
	}
	return capped(nano + times(card->volume_mib, mib(left)));
}

static u128
gpu_part(const struct rate_card *card, const struct resources *r, const struct json_strs *models)
{
	size_t known = models != NULL ? MIN(models->count, (size_t)r->gpus) : 0;
	u128 nano = times(card->gpu, r->gpus - known);

	for (size_t i = 0; i < known; i++)
		nano = capped(nano + capped(card_gpu(card, models->items[i]).nano));
	return nano;
}

static struct parts
parts_of(const struct rate_card *card, const struct resources *r, const struct group *g,
	 const struct json_strs *models)
{
	return (struct parts){
		.fixed = capped(card->fixed.nano),
		.cpu = times(card->cpu_milli, r->cpu_milli),
		.memory = times(card->memory_mib, mib(r->memory_bytes)),
		.storage = times(card->storage_mib, mib(r->storage_bytes)),
		.volume = volume_part(card, r, g),
		.gpu = gpu_part(card, r, models),
		.endpoint = times(card->endpoint, r->endpoints),
		.ip = times(card->ip, r->ips),
		.egress = (times(card->egress_gib, r->egress_gib) + ALLOWANCE_S - 1) / ALLOWANCE_S,
	};
}

static u128
parts_sum(const struct parts *p)
{
	return capped(p->fixed + p->cpu + p->memory + p->storage + p->volume + p->gpu +
		      p->endpoint + p->ip + p->egress);
}

struct rate
price_group(const struct rate_card *card, const struct group *g, const struct json_strs *models)
{
	struct resources total = group_total(g);
	struct parts p = parts_of(card, &total, g, models);

	return (struct rate){ parts_sum(&p) };
}

struct rate
price_curve(struct rate rate, uint32_t curve_bp, uint32_t utilisation_bp)
{
	const uint64_t unit = 1000000000000u;
	u128 u = MIN(utilisation_bp, 10000u);
	u128 extra = MIN(curve_bp, 20000u) * u * u, nano = capped(rate.nano);

	if (extra == 0)
		return (struct rate){ nano };
	/* In two steps, for rate * extra may need more than 128 bits. */
	nano += nano / unit * extra + (nano % unit * extra + unit - 1) / unit;
	return (struct rate){ capped(nano) };
}

struct rate
price_scale(struct rate rate, uint32_t bp)
{
	return (struct rate){ capped((MIN(rate.nano, RATE_MAX) * bp + 9999) / 10000) };
}

/* floor(whole * part / of) for part <= of, without overflow: the operands are
 * below 2^96 and the shares below 2^95, so it is taken in two steps. */
static u128
share(u128 whole, u128 part, u128 of)
{
	if (of == 0 || part >= of)
		return of == 0 ? 0 : whole;
	while (of > UINT32_MAX) {
		part >>= 1;
		of >>= 1;
	}
	return whole / of * part + whole % of * part / of;
}

/* The award divided among the parts of the reservation, in the proportions of
 * the winner's card: rates that add up to the award exactly. */
struct split {
	const char *name;
	u128 nano; /* per second */
};

static void
split_rate(const struct price_lease *l, struct split out[static PRICE_PARTS])
{
	struct parts p = parts_of(&l->card, &l->reserved, l->group, &l->models);
	u128 sum = parts_sum(&p), given = 0;
	const struct split rows[PRICE_PARTS] = {
		{ "cpu", p.cpu },	{ "memory", p.memory }, { "storage", p.storage },
		{ "volume", p.volume }, { "gpu", p.gpu },	{ "endpoint", p.endpoint },
		{ "ip", p.ip },		{ "egress", p.egress }, { "base", p.fixed }
	};

	for (size_t i = 0; i < PRICE_PARTS; i++) {
		u128 nano = i == PART_BASE ? l->rate.nano - given
					   : share(l->rate.nano, rows[i].nano, sum);

		out[i] = (struct split){ rows[i].name, nano };
		given += nano;
	}
}

/* nano * min(used, reserved * seconds) / reserved. Never falls as `used` or
 * `seconds` grow, and neither step overflows: nano < 2^95. */
static u128
for_use(u128 nano, uint64_t used, uint64_t reserved, uint32_t seconds)
{
	if (reserved == 0 || used / reserved >= seconds)
		return nano * seconds;
	return nano * (used / reserved) + share(nano, used % reserved, reserved);
}

size_t
price_parts(const struct price_lease *l, const struct meter *m, uint32_t elapsed,
	    struct price_part parts[static PRICE_PARTS])
{
	bool metered = l->billing == BILLING_METERED;
	uint32_t seconds = metered ? MIN(m->seconds, elapsed) : elapsed;
	u128 exact = 0, given = 0, due,
	     most = MIN(rate_due(l->rate, elapsed).units, l->deposit.units);
	struct split split[PRICE_PARTS];

	split_rate(l, split);
	for (size_t i = 0; i < PRICE_PARTS; i++) {
		u128 nano = split[i].nano * seconds;

		if (metered && i == PART_CPU)
			nano = for_use(split[i].nano, m->cpu_milli_seconds, l->reserved.cpu_milli,
				       seconds);
		if (metered && i == PART_MEMORY)
			nano = for_use(split[i].nano, m->memory_mib_seconds,
				       mib(l->reserved.memory_bytes), seconds);
		if (metered && i == PART_EGRESS)
			nano = for_use(split[i].nano, m->egress_bytes,
				       l->reserved.egress_gib * GIB / ALLOWANCE_S, seconds);
		exact += nano;
		parts[i] = (struct price_part){ split[i].name, { nano / RATE_UNIT } };
	}
	/* Rounded once, from the whole. The base share is the minimum charge for
	 * holding the reservation: it and the rounding stand with the base part.
	 * Where the cap is lower, it takes from the end. */
	due = MIN(MAX(exact / RATE_UNIT, rate_due(l->base, elapsed).units), most);
	for (size_t i = 0; i < PART_BASE; i++) {
		parts[i].amount.units = MIN(parts[i].amount.units, due - given);
		given += parts[i].amount.units;
	}
	parts[PART_BASE].amount.units = due - given;
	return PRICE_PARTS;
}

struct amount
price_due(const struct price_lease *l, const struct meter *m, uint32_t elapsed)
{
	struct price_part parts[PRICE_PARTS];
	u128 sum = 0;

	price_parts(l, m, elapsed, parts);
	for (size_t i = 0; i < PRICE_PARTS; i++)
		sum += parts[i].amount.units;
	return (struct amount){ sum };
}
