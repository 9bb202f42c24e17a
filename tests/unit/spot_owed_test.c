/* SPDX-License-Identifier: Apache-2.0 */
/* spot_owed.h: runs x prices to the unit, and each statement that is forged or missing. */
#include "lease/spot_owed.h"

#include "lease/key.h"
#include "tests/unit/tap.h"

enum { BEGAN = 1000000 };

static struct arena arena;
static struct domain domain;
static struct key market, provider, stranger;
static struct lease_terms lease;
static struct group_service web = { .name = "web",
				    .count = 1,
				    .resources = { .cpu_milli = 500, .memory_bytes = 256 << 20 } };
static const struct group group = {
	.name = "one", .billing = "metered", .interruptible = true, .services = { &web, 1 }
};

#include "tests/unit/keys.h"

#include "tests/unit/spot_stage.h"

/* A run of 95 s, of which 40 s at the second price, and one that goes on. */
static struct spot_price_doc prices[2];
static struct spot_run_doc runs[3];
static struct spot_owed owed;

static void
agree(void)
{
	struct hash id;

	lease = (struct lease_terms){ .provider = provider.address, .rate = { 2000000000000 } };
	id = lease_hash(&lease);
	spot_price(&prices[0], NULL, 0, 1000000000);
	spot_price(&prices[1], &prices[0], 60, 1500000000);
	runs[0] = spot_run(&id, 1, SPOT_RUN_BEGUN, 5);
	runs[1] = spot_run(&id, 2, SPOT_RUN_INTERRUPTED, 100);
	runs[2] = spot_run(&id, 3, SPOT_RUN_BEGUN, 175);
	owed = (struct spot_owed){ "cpu", 10, { prices, 2 }, { runs, 3 } };
}

static long long
comes_to(uint32_t after, bool closed)
{
	return (long long)spot_owed(&owed, &group, lease.rate, BEGAN + after, closed).units;
}

static const char *
says(void)
{
	struct spot_parties p = { &domain, &market.address, &lease };
	struct err e = ERR_NONE;

	return spot_owed_check(&arena, &p, &owed, &e) < 0 ? e.code->name : "true";
}

static void
test_sums(void)
{
	agree();
	is_int(comes_to(4, false), 0, "nothing before the first run");
	is_int(comes_to(60, false), 500 * 55, "500 units at the first price");
	is_int(comes_to(120, false), 500 * (55 + 60), "and at the second, to the end of the run");
	is_int(comes_to(180, false), 500 * (55 + 60), "a run that may still be free");
	is_int(comes_to(180, true), 500 * (55 + 60) + 3750, "which counts when its tenant ends it");
	is_int(comes_to(185, false), 500 * (55 + 60) + 7500, "and once it is not free any more");
	lease.rate.nano = 100000000000;
	is_int(comes_to(120, false), 9500, "never above the lease's own maximum");
	owed.free_s = 96;
	is_int(comes_to(120, false), 0, "interrupted soon after its begin: free");
}

static void
test_lies(void)
{
	struct hash id;

	agree();
	id = lease_hash(&lease);
	is_str(says(), "true", "as it was signed");
	runs[1].terms.at++;
	is_str(says(), "signature_bad", "a run that its provider did not sign");
	runs[1] = spot_run(&id, 3, SPOT_RUN_INTERRUPTED, 100);
	is_str(says(), "usage_runs", "a run is missing");
	runs[1] = spot_run(&id, 2, SPOT_RUN_INTERRUPTED, 4);
	is_str(says(), "usage_runs", "a run before the one before it");
	id.b[0] ^= 1;
	runs[1] = spot_run(&id, 2, SPOT_RUN_INTERRUPTED, 100);
	is_str(says(), "usage_runs", "a run of another lease");
	agree();
	prices[1].terms.price.nano++;
	prices[1].sig = sign(&market, spot_price_hash(&prices[1].terms));
	is_str(says(), "pool_bad", "a price that its auction does not give");
	agree();
	prices[1].sig = sign(&stranger, spot_price_hash(&prices[1].terms));
	is_str(says(), "signature_bad", "a price that the market did not sign");
	spot_price(&prices[1], NULL, 60, 1500000000);
	is_str(says(), "pool_bad", "a price that does not follow the one before");
	agree();
	owed.class = "nvidia/l4";
	is_str(says(), "usage_runs", "prices of another class");
	agree();
	lease.provider = stranger.address;
	is_str(says(), "usage_runs", "prices of another provider");
	agree();
	owed.prices = (struct json_list){ &prices[1], 1 };
	is_str(says(), "usage_runs", "without the price that stood at the first run");
}

int
main(void)
{
	struct address contract = { { 1, 2, 3 } };

	arena_init(&arena, 0);
	domain_init(&domain, 31337, &contract);
	market = key_number(1);
	provider = key_number(2);
	stranger = key_number(3);
	test_sums();
	test_lies();
	arena_release(&arena);
	return tap_done();
}
