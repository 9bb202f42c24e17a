/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recount.h: what an honest provider asks is what its payer counts, to the unit, and
 * no more than that is signed; a card that was not bid with is not taken. What a lie in
 * the totals can gain is shown too: the reservation, and no more.
 */
#include "lease/recount.h"

#include "lease/dues.h"
#include "lease/key.h"
#include "tests/unit/tap.h"

enum { BEGAN = 1000, CPU = 500, MEMORY_MIB = 256 };

static struct arena arena;
static const char *models[] = { "nvidia/h100", "nvidia/l4" };
static struct group_service web = {
	.name = "web",
	.count = 1,
	.resources = { .cpu_milli = CPU, .memory_bytes = (uint64_t)MEMORY_MIB << 20, .gpus = 2 }
};
static struct group group;
static struct price_shown shown;
static struct lease_terms lease;
static struct bid_terms bid;

static void
agree(const char *billing)
{
	static struct gpu_price gpus[] = { { "nvidia/h100", { 900000000000 } },
					   { "nvidia/l4", { 100000000000 } } };
	const char *text;

	group = (struct group){ .name = "one", .billing = billing, .services = { &web, 1 } };
	shown = (struct price_shown){ .card = { .fixed = { 1000000000 },
						.cpu_milli = { 2000000007 },
						.memory_mib = { 1000000003 },
						.gpus = { gpus, 2 } },
				      .models = { models, 2 },
				      .nonce = { { 7 } } };
	lease.rate = price_group(&shown.card, &group, &shown.models);
	lease.base.nano = lease.rate.nano / 10;
	text = json_encode(&arena, price_shown_fields, &shown);
	bid = (struct bid_terms){ .floor = lease.rate };
	keccak256(text, strlen(text), &bid.salt);
}

static struct recount
by(const struct price_shown *price)
{
	return (struct recount){ &lease, &group, price, BEGAN, { AMOUNT_MAX } };
}

/* 100 s with a third of the CPU and half the memory; the first 3 s were its start. */
static struct usage_terms
measured(void)
{
	return (struct usage_terms){ .seq = 1,
				     .upTo = BEGAN + 100,
				     .healthySeconds = 97,
				     .cpuMilliSeconds = 97 * CPU / 3,
				     .memoryMiBSeconds = 97 * MEMORY_MIB / 2 };
}

/* As the provider asks for it, throttled and paused for so long before the end. */
static struct amount
asks(const struct usage_terms *u, uint32_t throttled, uint32_t paused)
{
	struct price_lease price = { .rate = lease.rate,
				     .base = lease.base,
				     .card = shown.card,
				     .reserved = group_total(&group),
				     .group = &group,
				     .models = shown.models,
				     .deposit = { AMOUNT_MAX },
				     .billing = group_billing(&group) };
	struct meter m = { .seconds = (uint32_t)u->healthySeconds,
			   .cpu_milli_seconds = u->cpuMilliSeconds,
			   .memory_mib_seconds = u->memoryMiBSeconds };
	wall_t end = (wall_t)u->upTo * SECOND_US;
	struct spells s = { .count = 0 };

	if (throttled > 0)
		spells_turn(&s, DUES_THROTTLE, end - (throttled + paused) * SECOND_US);
	if (paused > 0)
		spells_turn(&s, DUES_PAUSE, end - paused * SECOND_US);
	return dues_amount(&price, &m, &s, BEGAN * SECOND_US, end, NULL);
}

static const char *
says(const struct recount *r, const struct usage_terms *u, const struct usage_terms *before)
{
	struct err e = ERR_NONE;

	return recount_check(r, u, before, &e) < 0 ? e.code->name : "signed";
}

static void
test_amount(void)
{
	struct recount r = by(&shown);
	struct usage_terms u = measured(), before = u;
	struct recounted due;
	struct err e = ERR_NONE;
	char text[300];

	u.healthySeconds = 100;
	u.amount = asks(&u, 0, 0);
	due = recount(&r, &u, NULL);
	ok(due.least.units == due.most.units && due.most.units == u.amount.units,
	   "all healthy: one due, to the unit");
	is_str(says(&r, &u, NULL), "signed", "what it costs is signed");
	u.amount.units++;
	ok(u.amount.units < rate_due(lease.rate, 100).units, "one more is below rate x time");
	ok(recount_check(&r, &u, NULL, &e) < 0, "one more is not signed");
	is_str(e.code->name, "usage_price", "and it is said");
	snprintf(text, sizeof(text), "it asks %llu, what it measured costs %llu",
		 (unsigned long long)u.amount.units, (unsigned long long)u.amount.units - 1);
	ok(strstr(e.text, text) != NULL, "with both amounts: %s", e.text);
	before.amount = u.amount;
	is_str(says(&r, &u, &before), "signed", "what was signed before stands");
	u.amount.units++;
	is_str(says(&r, &u, &before), "usage_price", "and is no licence for more");
}

static void
test_card(void)
{
	struct price_shown other = shown;
	const char *swapped[] = { models[1], models[0] };

	ok(price_shown_fits(&arena, &shown, &bid, lease.rate), "the card that was bid with");
	other.card.cpu_milli.nano++;
	ok(!price_shown_fits(&arena, &other, &bid, lease.rate), "another card");
	other = shown;
	other.nonce.b[31] ^= 1;
	ok(!price_shown_fits(&arena, &other, &bid, lease.rate), "another nonce");
	other = shown;
	other.models.items = swapped;
	ok(!price_shown_fits(&arena, &other, &bid, lease.rate), "models the other way round");
	ok(price_shown_fits(&arena, &other, &bid, (struct rate){ lease.rate.nano - 1 }),
	   "below its floor it was no bid");
}

/* It would have passed with rate x time alone. */
static void
test_other_shares(void)
{
	struct price_shown other = shown;
	struct recount r = by(&shown), wrong = by(&other);
	struct usage_terms u = measured();

	u.healthySeconds = 100;
	/* A card that asks nothing for CPU, the least used, takes more for the rest. */
	other.card.cpu_milli.nano = 0;
	u.amount = recount(&wrong, &u, NULL).most;
	is_str(says(&wrong, &u, NULL), "signed", "by a card that was never bid");
	is_str(says(&r, &u, NULL), "usage_price", "is not signed by the one that was");
}

static void
test_spells(void)
{
	struct recount r = by(&shown);
	struct usage_terms u = measured();
	struct recounted due;

	u.amount = asks(&u, 0, 0);
	is_str(says(&r, &u, NULL), "signed", "its start");
	u.upTo += 50;
	for (uint32_t throttled = 0; throttled <= 50; throttled += 10) {
		u.amount = asks(&u, throttled, 50 - throttled);
		due = recount(&r, &u, NULL);
		ok(amount_cmp(due.least, u.amount) <= 0 && amount_cmp(u.amount, due.most) <= 0,
		   "throttled for %u s, paused for %u", throttled, 50 - throttled);
	}
	u.amount.units = asks(&u, 50, 0).units + rate_due(lease.base, 3).units + 2;
	is_str(says(&r, &u, NULL), "usage_price", "not more than the base for what did not run");
	u.healthySeconds = 0;
	u.cpuMilliSeconds = 1000000;
	u.amount = rate_due(lease.base, 150);
	is_str(says(&r, &u, NULL), "signed", "never healthy: the base");
	u.amount.units++;
	is_str(says(&r, &u, NULL), "usage_price", "never healthy: no more");
}

/* A lie that the provider signs costs what it says: only the cgroup knows better. The
 * reservation bounds it, and reading.h refuses what no machine can have counted. */
static void
test_inflated(void)
{
	struct recount r = by(&shown);
	struct reading_lease bound = { .rate = lease.rate,
				       .opened = BEGAN,
				       .reserved = group_total(&group) };
	struct usage_terms u = measured();
	struct err e = ERR_NONE;
	struct amount honest;

	u.healthySeconds = 100;
	honest = asks(&u, 0, 0);
	u.cpuMilliSeconds = 100 * CPU;
	ok(reading_check(&u, NULL, &bound, u.upTo, &e) == 0, "inflated within the bound");
	u.amount = asks(&u, 0, 0);
	ok(amount_cmp(u.amount, honest) > 0, "asks for more");
	is_str(says(&r, &u, NULL), "signed", "and the signed totals cost that");
	u.memoryMiBSeconds = 100 * MEMORY_MIB;
	u.amount = recount(&r, &u, NULL).most;
	ok(u.amount.units == rate_due(lease.rate, 100).units, "all of it: rate x time");
	u.cpuMilliSeconds *= 50;
	ok(recount(&r, &u, NULL).most.units == u.amount.units, "beyond it nothing is gained");
	ok(reading_check(&u, NULL, &bound, u.upTo, &e) < 0 && e.code == &USAGE_CPU,
	   "and it is refused");
	u = measured();
	u.healthySeconds = 1000;
	u.amount = rate_due(lease.rate, 101);
	is_str(says(&r, &u, NULL), "usage_price", "more seconds than have passed cost nothing");
}

static void
test_uncounted(void)
{
	struct recount r = by(NULL);
	struct usage_terms u = measured();

	u.amount = rate_due(lease.rate, 100);
	is_str(says(&r, &u, NULL), "signed", "no card: reading.h bounds it");
	r = by(&shown);
	is_str(says(&r, &u, NULL), "usage_price", "with it the same is refused");
	group.interruptible = true;
	ok(!recount_can(&r), "interruptible: by its pool");
	is_str(says(&r, &u, NULL), "signed", "not by its card");
	group.interruptible = false;
	u.upTo = BEGAN - 1;
	u.amount.units = 1;
	is_str(says(&r, &u, NULL), "usage_price", "nothing before the opening");
	agree("reserved");
	r = by(&shown);
	u = measured();
	u.amount = rate_due(lease.rate, 100);
	is_str(says(&r, &u, NULL), "signed", "reserved: rate x time");
	u.amount.units++;
	is_str(says(&r, &u, NULL), "usage_price", "reserved: no more");
}

int
main(void)
{
	arena_init(&arena, 0);
	agree("metered");
	test_amount();
	test_card();
	test_other_shares();
	test_spells();
	test_inflated();
	test_uncounted();
	arena_release(&arena);
	return tap_done();
}
