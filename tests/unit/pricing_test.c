/* SPDX-License-Identifier: Apache-2.0 */
/* pricing.h: load, tenants, the card's price, a program's answers; the devices of a bid. */
#include "provider/bid/pricing.h"

#include "tests/unit/tap.h"

static struct arena arena;

static struct address
who(uint8_t n)
{
	struct address a = { .b = { [19] = n } };

	return a;
}

static void
test_tenants(void)
{
	const char *denied[] = { "0x0000000000000000000000000000000000000001" };
	const char *allowed[] = { "0x0000000000000000000000000000000000000001",
				  "0x0000000000000000000000000000000000000002" };
	struct tenant_rules r = { .allow = { NULL, 0 } };
	struct address one = who(1), two = who(2), three = who(3);

	ok(tenant_admitted(&r, &one), "no lists: everybody");
	r.deny = (struct json_strs){ denied, 1 };
	ok(!tenant_admitted(&r, &one) && tenant_admitted(&r, &two), "a denied tenant");
	r.allow = (struct json_strs){ allowed, 2 };
	ok(!tenant_admitted(&r, &one), "deny is stronger than allow");
	ok(tenant_admitted(&r, &two) && !tenant_admitted(&r, &three), "only those allowed");
}

static struct group_service service = { .name = "s",
					.count = 2,
					.resources = { .cpu_milli = 1000 } };
static struct group group = { .name = "g", .billing = "reserved", .services = { &service, 1 } };

static void
test_by_card(void)
{
	struct tenant_factor f[] = { { who(1), 5000 }, { who(2), 20000 } };
	struct price_rules r = { .card = { .cpu_milli = { 1000 } },
				 .list_bp = 11000,
				 .curve_bp = 3000,
				 .tenants = { .factor_bp = { f, 2 } } };
	struct json_strs none = { NULL, 0 };
	struct address one = who(1), two = who(2), three = who(3);
	struct pricing p = pricing_by_card(&r, &group, &three, &none, 0);
	struct hash a, b;

	is_int((long long)p.floor.nano, 2000000, "the card");
	is_int((long long)p.list.nano, 2200000, "and its list price");
	p = pricing_by_card(&r, &group, &three, &none, 10000);
	is_int((long long)p.floor.nano, 2600000, "a full house: the whole curve");
	p = pricing_by_card(&r, &group, &one, &none, 0);
	is_int((long long)p.floor.nano, 1000000, "a friend pays half");
	p = pricing_by_card(&r, &group, &two, &none, 10000);
	is_int((long long)p.list.nano, 5720000, "another twice, on top of the curve");
	r.list_bp = 5;
	p = pricing_by_card(&r, &group, &three, &none, 0);
	ok(rate_cmp(p.list, p.floor) == 0, "a list price is never below the floor");
	a = pricing_salt(&p);
	p.nonce.b[0] ^= 1;
	b = pricing_salt(&p);
	ok(!hash_equal(&a, &b), "the salt hides behind the nonce");
	p.nonce.b[0] ^= 1;
	p.card.ip.nano++;
	b = pricing_salt(&p);
	ok(!hash_equal(&a, &b), "and commits to the card");
}

static void
test_load(void)
{
	struct gpu gpus[] = { { "x=0", "nvidia/h100/80Gi" },
			      { "x=1", "nvidia/h100/80Gi" },
			      { "x=2", "nvidia/h100" },
			      { "x=3", "nvidia/a100" } };
	struct json_list list = { gpus, 4 }, classes = { NULL, 0 };
	struct resources capacity = { .cpu_milli = 4000, .gpus = 4 };
	struct room room = room_of(&capacity, &classes, &list);
	const char *taken[] = { "x=0" }, *free_[] = { "x=1", "x=3" };
	struct json_strs devices = { taken, 1 }, chosen, none = { NULL, 0 }, models;
	struct group with = { .name = "g", .billing = "reserved", .services = { &service, 1 } };

	is_int(pricing_load(&room, 4000, &none), 0, "an empty house");
	room_take_lease(&room, &with, &devices);
	is_int(pricing_load(&room, 4000, &none), 5000, "CPU for orders without GPUs");
	is_int(pricing_load(&room, 0, &none), 10000, "no CPU at all is full");
	chosen = (struct json_strs){ free_, 2 };
	models = pricing_models(&arena, &list, &chosen);
	is_int((long long)models.count, 2, "a model for each device");
	is_str(models.items[0], "nvidia/h100/80Gi", "its own");
	is_int(pricing_load(&room, 4000, &models), 5000, "the fullest of the models");
	models.items++;
	models.count--;
	is_int(pricing_load(&room, 4000, &models), 0, "the other model is free");
}

/* At the award the devices are of the models that were bid. */
static void
test_devices(void)
{
	struct gpu gpus[] = { { "x=0", "nvidia/h100" }, { "x=1", "nvidia/h100/80Gi" } };
	struct json_list list = { gpus, 2 }, classes = { NULL, 0 };
	struct resources capacity = { .cpu_milli = 4000, .gpus = 2 };
	struct room room = room_of(&capacity, &classes, &list);
	struct group_service s = { .name = "s", .count = 1, .resources = { .gpus = 1 } };
	struct group g = { .name = "g", .billing = "reserved", .services = { &s, 1 } };
	const char *dear[] = { "nvidia/h100/80Gi" }, *plain[] = { "nvidia/h100" };
	const char *gone[] = { "x=1" };
	struct json_strs models = { dear, 1 }, taken = { gone, 1 }, devices;

	ok(room_fit_models(&arena, &room, &g, &models, &devices) == NULL, "the model is free");
	is_str(devices.items[0], "x=1", "and it is that one");
	room_take_lease(&room, &g, &taken);
	is_str(room_fit_models(&arena, &room, &g, &models, &devices), "capacity",
	       "taken meanwhile: no other in its place");
	models.items = plain;
	ok(room_fit_models(&arena, &room, &g, &models, &devices) == NULL, "the other is free");
	models.count = 0;
	is_str(room_fit_models(&arena, &room, &g, &models, &devices), "capacity",
	       "a bid without models has no GPUs");
}

static void
test_answers(void)
{
	static const struct {
		const char *text, *fault, *decline;
		long long floor;
	} rows[] = {
		{ "{\"floor\":\"900\",\"list\":\"1000\"}\n", NULL, NULL, 900 },
		{ "{\"floor\":\"500\",\"list\":\"500\"}", NULL, NULL, 500 },
		{ "{\"floor\":\"499\",\"list\":\"600\"}", "price_least_bp", NULL, 1000 },
		{ "{\"floor\":\"900\",\"list\":\"899\"}", "below the floor", NULL, 1000 },
		{ "{\"floor\":\"0\",\"list\":\"1\"}", "floor of 0", NULL, 1000 },
		{ "{\"floor\":\"900\"}", "below the floor", NULL, 1000 },
		{ "{\"floor\":900,\"list\":\"1000\"}", "floor", NULL, 1000 },
		{ "{\"floor\":\"900\",\"list\":\"1000\",\"x\":1}", "x", NULL, 1000 },
		{ "{\"floor\":\"-1\",\"list\":\"1000\"}", "floor", NULL, 1000 },
		{ "{\"floor\":\"900\",\"list\":\"9999999999999999999999999999999999999\"}", "list",
		  NULL, 1000 },
		{ "{\"floor\":\"900\",\"list\":\"10", "", NULL, 1000 },
		{ "", "", NULL, 1000 },
		{ "{}", "no floor", NULL, 1000 },
		{ "{\"decline\":\"capacity\"}", NULL, "capacity", 1000 },
		{ "{\"decline\":\"I do not like you\"}", NULL, "price", 1000 },
		{ "{\"decline\":\"capacity\",\"floor\":\"900\",\"list\":\"900\"}", "at once", NULL,
		  1000 },
	};
	struct price_rules r = { .least_bp = 5000 };

	for (size_t i = 0; i < NELEMS(rows); i++) {
		struct pricing p = { .floor = { 1000 }, .list = { 1100 } };
		struct err e = ERR_NONE;
		const char *decline = NULL;
		int result = pricing_answer(&arena, rows[i].text, strlen(rows[i].text), &r, &p,
					    &decline, &e);

		if (rows[i].fault != NULL)
			ok(result < 0 && strstr(e.text, rows[i].fault) != NULL, "%s: %s",
			   rows[i].text, e.text);
		else
			ok(result == 0 && (decline == NULL) == (rows[i].decline == NULL) &&
				   (decline == NULL || strcmp(decline, rows[i].decline) == 0),
			   "%s", rows[i].text);
		is_int((long long)p.floor.nano, rows[i].floor, "its floor");
	}
}

static void
test_question(void)
{
	struct price_rules r = { .card = { .cpu_milli = { 1000 } }, .list_bp = 11000 };
	struct json_strs none = { NULL, 0 };
	struct address one = who(1);
	struct pricing p = pricing_by_card(&r, &group, &one, &none, 0);
	const char *text = pricing_question(&arena, "ord_X", &one, &group, 1234, &p);
	struct err e = ERR_NONE;
	struct json *doc;

	ok(json_parse(&arena, text, strlen(text), &doc, &e) == 0, "the question is JSON");
	is_str(json_get(doc, "load_bp")->text, "1234", "with the load");
	is_str(json_get(json_get(doc, "card"), "list")->text, "2200000", "the card's prices");
	is_str(json_get(json_get(doc, "group"), "name")->text, "g", "and the group");
	ok(strchr(text, '\n') == text + strlen(text) - 1, "on one line");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_tenants();
	test_by_card();
	test_load();
	test_devices();
	test_answers();
	test_question();
	arena_release(&arena);
	return tap_done();
}
