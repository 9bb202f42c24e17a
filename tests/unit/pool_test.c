/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h: who falls into which class, an auction told truly and falsely, victims, dues. */
#include "lease/pool.h"

#include "lease/key.h"
#include "tests/unit/tap.h"

static struct domain domain;
static struct key market, provider;
static struct arena arena;

static struct hash
hash_of(uint8_t b)
{
	struct hash h;

	memset(h.b, b, sizeof(h.b));
	return h;
}

static struct sig
sign(const struct key *key, struct hash h)
{
	struct hash digest = terms_digest(&domain, &h);
	struct sig sig;

	key_sign(key, &digest, &sig);
	return sig;
}

static struct pool_doc
pool_of(uint32_t units)
{
	struct pool_doc p = { .class = "cpu",
			      .terms = { .provider = provider.address,
					 .class = pool_class_hash("cpu"),
					 .units = units,
					 .floor = { 40 },
					 .notice = 30,
					 .seq = 7 } };

	p.sig = sign(&provider, pool_hash(&p.terms));
	return p;
}

/* Signed by the market whatever it says. */
static void
seal_price(struct spot_price_doc *p)
{
	p->terms.auction = pool_auction_hash(&arena, &p->auction);
	p->sig = sign(&market, spot_price_hash(&p->terms));
}

static struct spot_price_doc
price_of(struct pool_run *runs, size_t count)
{
	struct spot_price_doc p = { .auction = { .pool = pool_of(8), .runs = { runs, count } } };

	pool_clear(&arena, &p.auction, &p.terms.previous);
	p.terms.provider = provider.address;
	p.terms.class = p.auction.pool.terms.class;
	p.terms.number = 1;
	p.terms.at = 1000;
	p.terms.price = p.auction.price;
	seal_price(&p);
	return p;
}

static bool
check_says(const struct spot_price_doc *p, const char *word)
{
	struct err e = ERR_NONE;

	if (pool_price_check(&arena, &domain, &market.address, p, &e) == 0)
		return word == NULL;
	return word != NULL && strstr(e.text, word) != NULL;
}

static void
test_price(void)
{
	struct pool_run runs[3] = { { hash_of(1), { 90 }, 4, false, false, 0 },
				    { hash_of(2), { 100 }, 4, false, false, 0 },
				    { hash_of(3), { 80 }, 4, true, false, 500 } };
	struct spot_price_doc p = price_of(runs, 3), forged;
	struct pool_run *told;
	struct err e = ERR_NONE;

	is_int((long long)p.auction.price.nano, 90, "the highest that did not fit is the price");
	ok(check_says(&p, NULL), "an auction told truly");
	forged = p;
	forged.auction.price.nano = forged.terms.price.nano = 95;
	seal_price(&forged);
	ok(check_says(&forged, "the price is 95, computed from the runs it is 90"),
	   "a forged price is named, with the one computed");
	forged = p;
	forged.terms.price.nano = 95;
	seal_price(&forged);
	ok(check_says(&forged, "not the price of the auction"), "a price beside its auction");
	forged = p;
	told = arena_alloc(&arena, sizeof(runs));
	memcpy(told, p.auction.runs.items, sizeof(runs));
	told[0].runs = false;
	told[2].runs = true;
	forged.auction.runs.items = told;
	seal_price(&forged);
	ok(check_says(&forged, "does not run, and should"), "a wrong victim is named");
	forged = p;
	forged.auction.pool.terms.units = 4;
	seal_price(&forged);
	ok(check_says(&forged, "pool"), "a pool that its provider has not signed");
	forged = p;
	forged.terms.at++;
	ok(check_says(&forged, "spot price"), "what the market has not signed");
	ok(pool_price_follows(NULL, &p.terms, &e) == 0, "the first");
	forged = p;
	forged.terms.number = 2;
	forged.terms.previous = spot_price_hash(&p.terms);
	ok(pool_price_follows(&p.terms, &forged.terms, &e) == 0, "the second");
	forged.terms.previous = hash_of(9);
	ok(pool_price_follows(&p.terms, &forged.terms, &e) < 0, "one not chained");
	forged.terms.number = 3;
	ok(pool_price_follows(&p.terms, &forged.terms, &e) < 0, "a hole");
}

static void
test_victims(void)
{
	struct pool_run runs[3] = { { hash_of(1), { 90 }, 4, true, false, 100 },
				    { hash_of(2), { 90 }, 4, true, true, 50 },
				    { hash_of(3), { 100 }, 4, true, true, 200 } };
	struct json_list list = { runs, 3 };
	struct err e = ERR_NONE;

	ok(pool_victims_check(&arena, &list, &e) == 0, "the lowest, and of equals the youngest");
	runs[0].runs = true;
	runs[1].runs = false;
	ok(pool_victims_check(&arena, &list, &e) < 0 && strstr(e.text, "turn") != NULL,
	   "the older of equals was not its turn");
	runs[1].runs = true;
	runs[2].runs = false;
	ok(pool_victims_check(&arena, &list, &e) < 0, "nor the highest");
	runs[2].runs = true;
	ok(pool_victims_check(&arena, &list, &e) == 0, "nobody is fine");
}

static void
test_classes(void)
{
	const char *models[] = { "nvidia/a100" };
	struct group_service s = { .name = "a",
				   .count = 2,
				   .resources = { .cpu_milli = 500, .memory_bytes = 1u << 30 } };
	struct group g = { .services = { &s, 1 } };

	ok(pool_takes("cpu", &g) && !pool_takes("nvidia/a100", &g), "without GPUs: cpu");
	is_int(pool_units("cpu", &g), 1000, "thousandths of a CPU");
	s.resources.memory_bytes = (uint64_t)4 << 30;
	is_int(pool_units("cpu", &g), 2048, "or its memory, where that is more");
	s.resources.gpus = 1;
	ok(!pool_takes("cpu", &g) && pool_takes("nvidia/a100", &g), "any model will do");
	s.gpus = (struct json_strs){ models, 1 };
	ok(pool_takes("nvidia/a100/80Gi", &g) && !pool_takes("nvidia/h100", &g), "or this one");
	is_int(pool_units("nvidia/a100/80Gi", &g), 2, "units are GPUs");
	is_int((long long)pool_max((struct rate){ 1001 }, 2).nano, 500, "a maximum for a unit");
	ok(pool_class_fault("cpu") == NULL && pool_class_fault("a b") != NULL, "names");
}

static void
test_dues(void)
{
	struct spot_due d = { .free_s = 300 };
	struct rate two = { 2 * (u128)RATE_UNIT }, half = { RATE_UNIT / 2 };

	spot_due_rate(&d, two, 1000);
	spot_due_begin(&d, 1000);
	is_int((long long)spot_due_amount(&d, 1299, false).units, 0, "it may still be for nothing");
	is_int((long long)spot_due_amount(&d, 1299, true).units, 598, "closed by its tenant: paid");
	is_int((long long)spot_due_amount(&d, 1300, false).units, 600, "after five minutes: all");
	spot_due_rate(&d, half, 1400);
	is_int((long long)spot_due_amount(&d, 1401, false).units, 800, "the sum is rounded once");
	spot_due_end(&d, 1403, true);
	is_int((long long)spot_due_amount(&d, 5000, true).units, 801, "a pause costs nothing");
	spot_due_begin(&d, 6000);
	spot_due_end(&d, 6299, true);
	is_int((long long)spot_due_amount(&d, 9000, true).units, 801, "interrupted soon: free");
	spot_due_begin(&d, 9000);
	spot_due_end(&d, 9301, true);
	is_int((long long)spot_due_amount(&d, 9301, true).units, 952,
	       "halves of units add up over runs");
}

int
main(void)
{
	struct address contract = { { 7 } };

	arena_init(&arena, 0);
	domain_init(&domain, 1, &contract);
	key_new(&market);
	key_new(&provider);
	test_price();
	test_victims();
	test_classes();
	test_dues();
	arena_release(&arena);
	return tap_done();
}
