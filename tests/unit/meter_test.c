/* SPDX-License-Identifier: Apache-2.0 */
/* meter_test.c - from counters to usage: nothing is counted twice or lost. */
#include "provider/run/meter.h"

#include "tap.h"

#define S   SECOND_US
#define MIB (UINT64_C(1024) * 1024)

static struct meter_reading
reading(wall_t at, bool running, uint64_t cpu_ms, uint64_t memory_mib)
{
	return (struct meter_reading){ .at = at,
				       .running = running,
				       .memory_bytes = memory_mib * MIB,
				       .units = { { cpu_ms * 1000000, cpu_ms } } };
}

static void
test_growth(void)
{
	struct meter_state m = { .began = 100 * S };
	struct meter_reading r = reading(100 * S, true, 0, 10);
	struct meter totals;

	meter_take(&m, &r);
	r = reading(110 * S, true, 500, 30);
	meter_take(&m, &r);
	totals = meter_totals(&m);
	is_int(totals.seconds, 10, "the time between two good readings counts");
	is_int((long long)totals.cpu_milli_seconds, 500, "CPU is what the counter grew by");
	is_int((long long)totals.memory_mib_seconds, 200, "memory is the mean of both ends");
	meter_take(&m, &r);
	totals = meter_totals(&m);
	is_int(totals.seconds, 10, "the same reading again counts nothing");
	r = reading(115 * S, true, 300, 30);
	meter_take(&m, &r);
	totals = meter_totals(&m);
	is_int((long long)totals.cpu_milli_seconds, 800, "a counter that fell began anew");
	is_int((long long)m.egress_bytes, 800, "and so did the bytes");
}

/* One container takes the place of another: neither is counted twice. */
static void
test_replaced(void)
{
	struct meter_state m = { .began = 100 * S };
	struct meter_reading r = { .at = 100 * S, .running = true };

	meter_take(&m, &r);
	r.at = 110 * S;
	r.units[0] = (struct meter_count){ 5000000, 50 };
	r.units[1] = (struct meter_count){ 1000000, 10 };
	meter_take(&m, &r);
	r.at = 120 * S;
	r.units[0] = (struct meter_count){ 0, 0 };
	r.units[1] = (struct meter_count){ 3000000, 20 };
	meter_take(&m, &r);
	is_int((long long)m.cpu_ns, 8000000, "both by themselves");
	is_int((long long)m.egress_bytes, 70, "and their bytes");
}

static void
test_outages(void)
{
	struct meter_state m = { .began = 100 * S };
	struct meter_reading r = reading(100 * S, true, 0, 8);

	meter_take(&m, &r);
	r = reading(200 * S, true, 10, 8);
	meter_take(&m, &r);
	is_int(meter_totals(&m).seconds, 100, "a daemon that was away loses no time of what ran");
	r = reading(210 * S, false, 10, 0);
	meter_take(&m, &r);
	is_int(meter_totals(&m).seconds, 100, "the way to a workload that is down does not count");
	r = reading(250 * S, true, 1, 8);
	meter_take(&m, &r);
	is_int(meter_totals(&m).seconds, 100, "nor the way up again");
	r = reading(240 * S, true, 1, 8);
	meter_take(&m, &r);
	is_int(meter_totals(&m).seconds, 100, "a clock that steps back counts nothing");
	m = (struct meter_state){ .began = 100 * S };
	r = reading(90 * S, true, 0, 8);
	meter_take(&m, &r);
	r = reading(105 * S, true, 0, 8);
	meter_take(&m, &r);
	is_int(meter_totals(&m).seconds, 5, "nothing counts before the lease began");
}

static void
test_usage(void)
{
	struct group_service web = { .name = "web",
				     .count = 1,
				     .resources = { .cpu_milli = 1000,
						    .memory_bytes = 64 * MIB,
						    .storage_bytes = 64 * MIB,
						    .endpoints = 1 } };
	struct group g = { .name = "x", .billing = "metered", .services = { &web, 1 } };
	struct price_lease price = {
		.rate = { 1000 * (u128)RATE_UNIT },
		.base = { 500 * (u128)RATE_UNIT },
		.card = { .cpu_milli = { 1 }, .memory_mib = { 1 }, .storage_mib = { 1 } },
		.reserved = group_total(&g),
		.deposit = { 1000000 },
		.billing = BILLING_METERED,
	};
	struct meter_state m = { .began = 100 * S };
	struct meter_reading r = reading(100 * S, true, 0, 0);
	struct hash lease = { { 7 } }, chained;
	struct usage_terms first, second;
	static const struct spells none;

	meter_take(&m, &r);
	r = reading(110 * S + 900000, true, 0, 0);
	meter_take(&m, &r);
	first = meter_usage(&m, &none, &price, &lease, NULL, 110 * S + 900000);
	is_int((long long)first.seq, 1, "the first has number 1");
	is_int(first.upTo, 110, "up to whole seconds from the opening");
	is_int((long long)first.amount.units, 5000, "an idle workload costs the base share");
	second = meter_usage(&m, &none, &price, &lease, &first, 120 * S);
	chained = usage_hash(&first);
	ok(second.seq == 2 && hash_equal(&second.previous, &chained), "each names the one before");
	ok(amount_cmp(second.amount, first.amount) >= 0, "amounts never fall");
	second = meter_usage(&m, &none, &price, &lease, &first, 105 * S);
	ok(amount_cmp(second.amount, first.amount) >= 0, "not even when the clock steps back");
	second = meter_usage(&m, &none, &price, &lease, &first, 5000 * S);
	is_int((long long)second.amount.units, 1000000, "never more than the deposit");
}

int
main(void)
{
	test_growth();
	test_replaced();
	test_outages();
	test_usage();
	return tap_done();
}
