/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/price.h"

#define MIB ((uint64_t)1024 * 1024)

const struct json_field rate_card_fields[] = {
	JSON_RATE(struct rate_card, fixed, JSON_OPTIONAL),
	JSON_RATE(struct rate_card, cpu_milli, 0),
	JSON_RATE(struct rate_card, memory_mib, 0),
	JSON_RATE(struct rate_card, storage_mib, 0),
	JSON_RATE(struct rate_card, gpu, JSON_OPTIONAL),
	JSON_RATE(struct rate_card, endpoint, JSON_OPTIONAL),
	JSON_END
};

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
	u128 fixed, cpu, memory, storage, gpu, endpoint;
};

static struct parts
parts_of(const struct rate_card *card, const struct resources *r)
{
	return (struct parts){
		.fixed = capped(card->fixed.nano),
		.cpu = times(card->cpu_milli, r->cpu_milli),
		.memory = times(card->memory_mib, mib(r->memory_bytes)),
		.storage = times(card->storage_mib, mib(r->storage_bytes)),
		.gpu = times(card->gpu, r->gpus),
		.endpoint = times(card->endpoint, r->endpoints),
	};
}

static u128
parts_sum(const struct parts *p)
{
	return capped(p->fixed + p->cpu + p->memory + p->storage + p->gpu + p->endpoint);
}

struct rate
price_group(const struct rate_card *card, const struct group *g)
{
	struct resources total = group_total(g);
	struct parts p = parts_of(card, &total);

	return (struct rate){ parts_sum(&p) };
}

struct rate
price_curve(struct rate rate, uint32_t curve_bp, uint32_t utilisation_bp)
{
	const u128 unit = (u128)1000000000000u;
	u128 u = MIN(utilisation_bp, 10000u);
	u128 factor = unit + MIN(curve_bp, 20000u) * u * u;

	if (rate.nano > ((~(u128)0) - unit) / factor)
		return (struct rate){ RATE_MAX };
	return (struct rate){ capped((rate.nano * factor + unit - 1) / unit) };
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

/* What each part of the reservation would cost for `seconds` in full, the
 * winner's card scaled to the price it was awarded. */
static void
full_parts(const struct price_lease *l, uint32_t seconds, struct price_part out[static 6])
{
	struct parts p = parts_of(&l->card, &l->reserved);
	u128 sum = parts_sum(&p), whole = rate_due(l->rate, seconds).units, given = 0;
	const struct {
		const char *name;
		u128 part;
	} rows[6] = { { "cpu", p.cpu },		{ "memory", p.memory }, { "storage", p.storage },
		      { "gpu", p.gpu },		{ "endpoint", p.endpoint }, { "fixed", p.fixed } };

	for (size_t i = 0; i < 6; i++) {
		u128 units = i == 5 ? whole - given : share(whole, rows[i].part, sum);

		out[i] = (struct price_part){ rows[i].name, { units } };
		given += units;
	}
}

static u128
used_share(u128 whole, uint64_t used, u128 reserved)
{
	return reserved == 0 ? whole : share(whole, MIN((u128)used, reserved), reserved);
}

size_t
price_parts(const struct price_lease *l, const struct meter *m, uint32_t elapsed,
	    struct price_part parts[static 6])
{
	uint32_t seconds = MIN(m->seconds, elapsed);
	u128 sum = 0, least, most;

	full_parts(l, l->billing == BILLING_METERED ? seconds : elapsed, parts);
	if (l->billing == BILLING_METERED) {
		parts[0].amount.units = used_share(parts[0].amount.units, m->cpu_milli_seconds,
						   (u128)l->reserved.cpu_milli * seconds);
		parts[1].amount.units = used_share(parts[1].amount.units, m->memory_mib_seconds,
						   (u128)mib(l->reserved.memory_bytes) * seconds);
	}
	for (size_t i = 0; i < 6; i++)
		sum += parts[i].amount.units;
	/* The base share is the minimum charge for holding the reservation; it
	 * falls to the fixed part of the receipt. The cap takes from the end. */
	least = rate_due(l->base, elapsed).units;
	most = MIN(rate_due(l->rate, elapsed).units, l->deposit.units);
	if (sum < least)
		parts[5].amount.units += least - sum;
	sum = MAX(sum, least);
	for (size_t i = 6; i-- > 0 && sum > most;) {
		u128 cut = MIN(parts[i].amount.units, sum - most);

		parts[i].amount.units -= cut;
		sum -= cut;
	}
	return 6;
}

struct amount
price_due(const struct price_lease *l, const struct meter *m, uint32_t elapsed)
{
	struct price_part parts[6];
	u128 sum = 0;

	price_parts(l, m, elapsed, parts);
	for (size_t i = 0; i < 6; i++)
		sum += parts[i].amount.units;
	return (struct amount){ sum };
}
