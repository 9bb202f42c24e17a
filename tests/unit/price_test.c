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
	ok(price_group(&card, &g).nano ==
		   2 * U + 25 * U + 4096 * (u128)5000000 + 3073 * (u128)1000000 + 101 * U,
	   "a group is the card applied to all of it");
	dear.gpu.nano = RATE_MAX;
	ok(price_group(&dear, &g).nano == RATE_MAX, "a price too large stays at the ceiling");
	dear.cpu_milli.nano = ~(u128)0;
	ok(price_group(&dear, &g).nano == RATE_MAX, "and does not wrap");
	g.services.count = 0;
	ok(price_group(&card, &g).nano == 2 * U, "nothing costs the fixed part");
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

	l.rate = price_group(&prices, &g);
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
	test_extremes();
	return tap_done();
}
