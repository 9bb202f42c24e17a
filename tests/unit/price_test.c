/* SPDX-License-Identifier: Apache-2.0 */
/* price.h: reserved and metered, minimum and caps, receipts that add up. */
#include "lease/price.h"

#include "tests/unit/tap.h"

#define MIB ((uint64_t)1024 * 1024)
#define GIB (1024 * MIB)
#define U   ((u128)RATE_UNIT)

static const struct rate_card card = {
	.fixed = { 2 * (u128)RATE_UNIT },
	.cpu_milli = { 10000000 },  /* 10 units for 1000 */
	.memory_mib = { 5000000 },  /* 5.12 units for 1 GiB */
	.storage_mib = { 1000000 }, /* 1.024 units for 1 GiB */
	.gpu = { 100 * (u128)RATE_UNIT },
	.endpoint = { (u128)RATE_UNIT / 2 },
};

static void
test_group(void)
{
	struct group_service services[] = {
		{ .name = "web",
		  .count = 2,
		  .resources = { .cpu_milli = 1000,
				 .memory_bytes = GIB,
				 .storage_bytes = GIB,
				 .endpoints = 1 } },
		{ .name = "db",
		  .count = 1,
		  .resources = { .cpu_milli = 500,
				 .memory_bytes = 2 * GIB,
				 .storage_bytes = GIB + 1,
				 .gpus = 1 } },
	};
	struct group g = { .name = "g", .billing = "reserved", .services = { services, 2 } };
	struct rate_card dear = card;

	/* 2 + 25 + 20.48 + 3073 MiB * 0.001 + 100 + 1; a begun MiB counts whole. */
	ok(price_group(&card, &g, NULL).nano ==
		   2 * U + 25 * U + 4096 * (u128)5000000 + 3073 * (u128)1000000 + 101 * U,
	   "a group is the card applied to all of it");
	dear.gpu.nano = RATE_MAX;
	ok(price_group(&dear, &g, NULL).nano == RATE_MAX, "a price too large stays at the ceiling");
	dear.cpu_milli.nano = ~(u128)0;
	ok(price_group(&dear, &g, NULL).nano == RATE_MAX, "and does not wrap");
	g.services.count = 0;
	ok(price_group(&card, &g, NULL).nano == 2 * U, "nothing costs the fixed part");
}

static void
test_scale(void)
{
	ok(price_scale((struct rate){ 100 }, 10000).nano == 100, "a list equal to the floor");
	ok(price_scale((struct rate){ 1 }, 10001).nano == 2, "a list is rounded up");
	ok(price_scale((struct rate){ RATE_MAX }, 20000).nano == RATE_MAX,
	   "a list stays below the ceiling");
	ok(price_curve((struct rate){ 1000 }, 5000, 0).nano == 1000,
	   "an empty house: no surcharge");
	ok(price_curve((struct rate){ 1000 }, 5000, 10000).nano == 1500,
	   "a full house: the whole curve");
	ok(price_curve((struct rate){ 1000 }, 5000, 5000).nano == 1125,
	   "half full: a quarter of it");
	ok(price_curve((struct rate){ 1 }, 1, 1).nano == 2, "a curve is rounded up");
	ok(price_curve((struct rate){ 1000 }, 5000, 60000).nano == 1500, "never more than full");
	ok(price_curve((struct rate){ RATE_MAX }, 20000, 10000).nano == RATE_MAX,
	   "a curve does not wrap");
}

static struct price_lease
lease(enum billing billing, uint32_t base_bps)
{
	struct price_lease l = {
		.card = card,
		.reserved = { .cpu_milli = 1000,
			      .memory_bytes = GIB,
			      .storage_bytes = GIB,
			      .endpoints = 1 },
		.deposit = { 1000000 },
		.billing = billing,
	};

	l.rate.nano = 2 * U + 10 * U + 1024 * (u128)5000000 + 1024 * (u128)1000000 + U / 2;
	l.base = rate_base(l.rate, base_bps);
	return l;
}

static struct meter
meter(uint32_t seconds, unsigned cpu_percent, unsigned memory_percent)
{
	return (struct meter){ .seconds = seconds,
			       .cpu_milli_seconds = (uint64_t)1000 * seconds * cpu_percent / 100,
			       .memory_mib_seconds =
				       (uint64_t)1024 * seconds * memory_percent / 100 };
}

static void
test_due(void)
{
	/* The rate is 18.644 units a second. */
	static const struct {
		const char *what;
		enum billing billing;
		uint32_t base_bps;
		unsigned healthy, cpu, memory;
		uint32_t elapsed;
		uint64_t deposit;
		uint64_t due;
	} cases[] = {
		{ "reserved: the time", BILLING_RESERVED, 10000, 1000, 0, 0, 1000, 1000000, 18644 },
		{ "reserved: rounded down", BILLING_RESERVED, 10000, 1, 0, 0, 1, 1000000, 18 },
		{ "reserved: healthy or not", BILLING_RESERVED, 10000, 5, 0, 0, 1000, 1000000,
		  18644 },
		{ "reserved: the deposit is the end", BILLING_RESERVED, 10000, 1000, 0, 0, 1000,
		  5000, 5000 },
		{ "metered: all used is all due", BILLING_METERED, 0, 1000, 100, 100, 1000, 1000000,
		  18644 },
		{ "metered: more than reserved is not due", BILLING_METERED, 0, 1000, 900, 900,
		  1000, 1000000, 18644 },
		{ "metered: half of the CPU", BILLING_METERED, 0, 1000, 50, 100, 1000, 1000000,
		  13644 },
		{ "metered: no CPU, no memory", BILLING_METERED, 0, 1000, 0, 0, 1000, 1000000,
		  3524 },
		{ "metered: only healthy time", BILLING_METERED, 0, 500, 100, 100, 1000, 1000000,
		  9322 },
		{ "metered: a meter ahead of time is cut", BILLING_METERED, 0, 5000, 100, 100, 1000,
		  1000000, 18644 },
		{ "metered: the base is the least", BILLING_METERED, 5000, 0, 0, 0, 1000, 1000000,
		  9322 },
		{ "metered: above the base, what was used", BILLING_METERED, 1000, 1000, 0, 0, 1000,
		  1000000, 3524 },
		{ "metered: the deposit is the end", BILLING_METERED, 5000, 1000, 100, 100, 1000,
		  7000, 7000 },
		{ "no time, nothing due", BILLING_METERED, 10000, 100, 100, 100, 0, 1000000, 0 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct price_lease l = lease(cases[i].billing, cases[i].base_bps);
		struct meter m = meter(cases[i].healthy, cases[i].cpu, cases[i].memory);

		l.deposit.units = cases[i].deposit;
		is_int((long long)price_due(&l, &m, cases[i].elapsed).units,
		       (long long)cases[i].due, cases[i].what);
	}
}

static uint64_t dice = 88172645463325252u;

static uint64_t
roll(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

/* Whatever the card, the award and the meter: within bounds, and exact. */
static void
test_properties(void)
{
	unsigned wrong_sum = 0, wrong_most = 0, wrong_least = 0, wrong_reserved = 0;

	for (int i = 0; i < 20000; i++) {
		struct price_lease l = lease(roll(2) == 0 ? BILLING_RESERVED : BILLING_METERED, 0);
		struct meter m = { (uint32_t)roll(5000), roll(8000000), roll(8000000),
				   roll(1ull << 50) };
		uint32_t elapsed = (uint32_t)roll(6000);
		struct price_part parts[PRICE_PARTS];
		u128 sum = 0, due, most, least;

		l.card.fixed.nano = roll(3) * roll(RATE_UNIT);
		l.card.cpu_milli.nano = roll(50000000);
		l.card.memory_mib.nano = roll(3) * roll(9000000);
		l.card.storage_mib.nano = roll(2) * roll(9000000);
		l.card.volume_mib.nano = roll(2) * roll(9000000);
		l.card.egress_gib.nano = roll(2) * roll(9000000) * RATE_UNIT;
		l.card.ip.nano = roll(2) * roll(RATE_UNIT);
		l.reserved.persistent_bytes = roll(1ull << 40);
		l.reserved.egress_gib = (uint32_t)roll(1000);
		l.reserved.ips = (uint32_t)roll(3);
		l.rate.nano = 1 + roll(100 * (uint64_t)RATE_UNIT) *
					  (roll(50) == 0 ? (u128)RATE_UNIT * RATE_UNIT : 1);
		l.base = rate_base(l.rate, (uint32_t)roll(10001));
		l.deposit.units = roll(2) == 0 ? roll(100000) : AMOUNT_MAX;
		due = price_due(&l, &m, elapsed).units;
		for (size_t k = 0, n = price_parts(&l, &m, elapsed, parts); k < n; k++)
			sum += parts[k].amount.units;
		most = MIN(rate_due(l.rate, elapsed).units, l.deposit.units);
		least = MIN(rate_due(l.base, elapsed).units, most);
		wrong_sum += sum != due;
		wrong_most += due > most;
		wrong_least += due < least;
		wrong_reserved += l.billing == BILLING_RESERVED && due != most;
	}
	is_int(wrong_sum, 0, "the parts of a receipt add up to the due exactly");
	is_int(wrong_most, 0, "never more than rate and deposit allow");
	is_int(wrong_least, 0, "never less than the base");
	is_int(wrong_reserved, 0, "reserved is the rate times the time");
}

/* A later reading of a meter that only grows is never less. */
static void
test_monotone(void)
{
	unsigned falls = 0;
	u128 deepest = 0;

	for (int run = 0; run < 200; run++) {
		struct price_lease l = lease(BILLING_METERED, 0);
		struct meter m = { 0 };
		u128 last = 0, due;

		l.card.fixed.nano = roll(2) * roll(RATE_UNIT);
		l.card.cpu_milli.nano = roll(50000000);
		l.card.memory_mib.nano = roll(9000000);
		l.card.endpoint.nano = roll(3) * roll(RATE_UNIT);
		l.card.egress_gib.nano = roll(3) * roll(100) * RATE_UNIT;
		l.reserved.egress_gib = (uint32_t)roll(1000);
		for (uint32_t t = 1; t < 500; t++) {
			m.seconds = t;
			m.cpu_milli_seconds += roll(1000);
			m.memory_mib_seconds += roll(1024);
			m.egress_bytes += roll(1000000);
			due = price_due(&l, &m, t).units;
			falls += due < last;
			if (due < last)
				deepest = MAX(deepest, last - due);
			last = due;
		}
	}
	is_int(falls, 0, "a growing meter is never worth less");
	if (falls != 0)
		printf("# the deepest fall was %llu units\n", (unsigned long long)deepest);
}

/* Volumes, addresses and egress: on top of what was there. */
static void
test_more_parts(void)
{
	struct group_service web = { .name = "web",
				     .count = 2,
				     .resources = { .persistent_bytes = 10 << 20,
						    .egress_gib = 2592 } };
	struct group g = { .billing = "metered", .ips = 3, .services = { &web, 1 } };
	struct rate_card prices = { .volume_mib = { 5 * (u128)RATE_UNIT },
				    .ip = { 7 * (u128)RATE_UNIT },
				    .egress_gib = { 1000 * (u128)RATE_UNIT } };
	struct price_lease l = { .card = prices,
				 .reserved = group_total(&g),
				 .billing = BILLING_METERED };
	struct meter m = { .seconds = 1000 };
	struct price_part parts[PRICE_PARTS];

	l.rate = price_group(&prices, &g, NULL);
	l.deposit.units = 1000000;
	is_int((long long)(l.rate.nano / RATE_UNIT), 20 * 5 + 3 * 7 + 2, "the sum of the parts");
	is_int((long long)price_due(&l, &m, 1000).units, 121000, "no egress, nothing for it");
	m.egress_bytes = UINT64_C(1) << 30;
	is_int((long long)price_due(&l, &m, 1000).units, 122000, "a GiB at its price");
	m.egress_bytes = UINT64_C(1) << 40;
	is_int((long long)price_due(&l, &m, 1000).units, 123000, "never more than the allowance");
	price_parts(&l, &m, 1000, parts);
	is_str(parts[3].resource, "volume", "a part of its own");
	is_int((long long)parts[3].amount.units, 100000, "and its amount");
}

/* Classes and models with prices of their own. */
static void
test_lists(void)
{
	struct volume volumes[] = { { "a", 3 * MIB, "beta2" },
				    { "b", 5 * MIB + 1, "beta3" },
				    { "c", 7 * MIB, "default" } };
	struct group_service s = { .name = "web",
				   .count = 2,
				   .resources = { .persistent_bytes = 15 * MIB + 1, .gpus = 2 },
				   .volumes = { volumes, 3 } };
	struct group g = { .billing = "reserved", .services = { &s, 1 } };
	struct volume_price by_class[] = { { "beta2", { 10 * U } }, { "beta3", { 100 * U } } };
	struct gpu_price by_model[] = { { "nvidia/h100", { 1000 * U } },
					{ "nvidia/a100/80Gi", { 500 * U } } };
	struct rate_card c = { .volume_mib = { U },
			       .gpu = { 7 * U },
			       .volumes = { by_class, 2 },
			       .gpus = { by_model, 2 } };
	const char *names[] = { "nvidia/h100/80Gi/sxm", "nvidia/h100/80Gi/sxm", "nvidia/a100/40Gi",
				"nvidia/a100/80Gi" };
	struct json_strs models = { names, 4 };
	struct price_lease l;
	struct price_part parts[PRICE_PARTS];
	struct meter m = { .seconds = 0 };
	u128 volume = 60 + 1100 + 14; /* two copies; a begun MiB of a class counts whole */

	is_int((long long)(price_group(&c, &g, NULL).nano / U), (long long)volume + 4 * 7,
	       "classes at their prices, GPUs of no known model at the default");
	is_int((long long)(price_group(&c, &g, &models).nano / U),
	       (long long)volume + 2000 + 7 + 500, "each GPU at the price of its model");
	models.count = 3;
	is_int((long long)(price_group(&c, &g, &models).nano / U), (long long)volume + 2000 + 14,
	       "a GPU beyond the list at the default");
	models.count = 4;
	is_int((long long)(card_gpu(&c, "amd/mi300x").nano / U), 7, "a model without a price");
	l = (struct price_lease){ .card = c,
				  .rate = price_group(&c, &g, &models),
				  .reserved = group_total(&g),
				  .group = &g,
				  .models = models,
				  .deposit = { AMOUNT_MAX } };
	price_parts(&l, &m, 10, parts);
	is_int((long long)parts[3].amount.units, 10 * (long long)volume, "the volumes' part");
	ok(parts[4].amount.units == 25070 || parts[4].amount.units == 25069,
	   "the GPUs' part, rounded down");
	by_model[0].rate.nano = ~(u128)0;
	by_class[0].mib.nano = ~(u128)0;
	ok(price_group(&c, &g, &models).nano == RATE_MAX, "prices too large do not wrap");
}

static void
test_card_check(void)
{
	struct volume_price v[] = { { "beta1", { 1 } }, { "beta1", { 2 } } };
	struct gpu_price p = { "nvidia/h100", { 1 } };
	struct rate_card c = { .volumes = { v, 2 }, .gpus = { &p, 1 } };
	struct err e = ERR_NONE;

	ok(card_check(&c, &e) < 0 && strstr(e.text, "beta1 stands twice") != NULL,
	   "a class stands once");
	v[1].class = "tape";
	e = (struct err)ERR_NONE;
	ok(card_check(&c, &e) < 0 && strstr(e.text, "tape") != NULL, "a class is one of four");
	v[1].class = "beta3";
	ok(card_check(&c, &e) == 0, "a good card");
	p.model = "h 100";
	e = (struct err)ERR_NONE;
	ok(card_check(&c, &e) < 0 && strcmp(e.field, "/card/gpus") == 0, "a model has a form");
}

/* Whatever volumes and models: the parts add up, and more is never cheaper. */
static void
test_list_properties(void)
{
	static const char *const classes[] = { "default", "beta1", "beta2", "beta3" };
	static const char *const models[] = { "nvidia/h100/80Gi", "nvidia/a100", "amd/mi300x" };
	unsigned wrong_sum = 0, cheaper = 0, split = 0;

	for (int i = 0; i < 5000; i++) {
		struct volume v[3];
		struct group_service s = { .name = "s",
					   .count = 1 + (uint32_t)roll(5),
					   .volumes = { v, 3 },
					   .resources = { .gpus = (uint32_t)roll(4) } };
		struct group g = { .billing = "reserved", .services = { &s, 1 } };
		struct volume_price vp[2] = { { "beta1", { roll(9000000) } },
					      { "beta3", { roll(9000000) } } };
		struct gpu_price gp = { "nvidia/h100", { roll(1ull << 40) } };
		struct rate_card c = { .volume_mib = { roll(9000000) },
				       .gpu = { roll(1ull << 40) },
				       .cpu_milli = { roll(1000) },
				       .volumes = { vp, roll(3) },
				       .gpus = { &gp, roll(2) } };
		const char *names[20];
		struct json_strs list = { names, 0 };
		struct price_lease l = { .card = c, .group = &g, .deposit = { AMOUNT_MAX } };
		struct price_part parts[PRICE_PARTS];
		struct meter m = { .seconds = 0 };
		u128 sum = 0, before;

		for (int k = 0; k < 3; k++) {
			v[k] = (struct volume){ "v", roll(1ull << 34), classes[roll(4)] };
			s.resources.persistent_bytes += v[k].bytes;
		}
		while (list.count < (size_t)s.count * s.resources.gpus)
			names[list.count++] = models[roll(3)];
		l.reserved = group_total(&g);
		l.models = list;
		l.rate = price_group(&c, &g, &list);
		price_parts(&l, &m, 1000, parts);
		for (size_t k = 0; k < PRICE_PARTS; k++)
			sum += parts[k].amount.units;
		wrong_sum +=
			sum != price_due(&l, &m, 1000).units || sum != rate_due(l.rate, 1000).units;
		before = l.rate.nano;
		v[0].bytes += roll(1ull << 30);
		s.resources.persistent_bytes = v[0].bytes + v[1].bytes + v[2].bytes;
		cheaper += price_group(&c, &g, &list).nano < before;
		/* Naming a class at the default's price changes nothing but rounding. */
		vp[0].mib = vp[1].mib = c.volume_mib;
		before = price_group(&c, &g, &list).nano;
		c.volumes.count = 0;
		split += before - price_group(&c, &g, &list).nano > 3 * c.volume_mib.nano;
	}
	is_int(wrong_sum, 0, "parts of classes and models add up exactly");
	is_int(cheaper, 0, "a larger volume is never cheaper");
	is_int(split, 0, "a class at the default's price costs what it did");
}

static void
test_extremes(void)
{
	struct price_lease l = lease(BILLING_METERED, 10000);
	struct meter m = { UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct price_part parts[PRICE_PARTS];
	u128 sum = 0;

	l.rate.nano = RATE_MAX;
	l.base.nano = RATE_MAX;
	l.card.cpu_milli.nano = l.card.memory_mib.nano = RATE_MAX;
	l.deposit.units = AMOUNT_MAX;
	ok(price_due(&l, &m, UINT32_MAX).units == AMOUNT_MAX,
	   "the largest of everything stays at the ceiling");
	price_parts(&l, &m, UINT32_MAX, parts);
	for (size_t i = 0; i < PRICE_PARTS; i++)
		sum += parts[i].amount.units;
	ok(sum == AMOUNT_MAX, "and its receipt adds up");
	memset(&l, 0, sizeof(l));
	ok(price_due(&l, &m, 1000).units == 0, "a lease of nothing costs nothing");
}

int
main(void)
{
	test_group();
	test_scale();
	test_due();
	test_properties();
	test_monotone();
	test_more_parts();
	test_lists();
	test_card_check();
	test_list_properties();
	test_extremes();
	return tap_done();
}
