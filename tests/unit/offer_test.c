/* SPDX-License-Identifier: Apache-2.0 */
/* offer.h, demand.h: what an offer must keep, why it does not match, what it costs. */
#include "lease/offer.h"

#include "lease/key.h"
#include "tests/unit/tap.h"
#include "tests/unit/tick_book.h"

static struct offer *
good_offer(void)
{
	struct tick_offer t = make_offer(7, 50, 60, 2, 8000);

	return (struct offer *)(uintptr_t)t.offer;
}

/* ------------------------------------------------------------------ */

static struct gpu_rate gpus[2][2];
static struct offer_node *
node_of(struct offer *o)
{
	return o->nodes.items;
}

static void
spoil_list(struct offer *o)
{
	o->list.cpu_milli.nano = 49;
}
static void
spoil_bound(struct offer *o)
{
	o->list.ip.nano = RATE_MAX + 1;
}
static void
spoil_free(struct offer *o)
{
	o->floor.cpu_milli.nano = 0;
}
static void
spoil_owner(struct offer *o)
{
	memset(&o->owner, 0, sizeof(o->owner));
}
static void
spoil_curve(struct offer *o)
{
	o->curve_bp = OFFER_CURVE_MAX + 1;
}
static void
spoil_no_nodes(struct offer *o)
{
	o->nodes.count = 0;
}
static void
spoil_same_node(struct offer *o)
{
	node_of(o)[1].name = node_of(o)[0].name;
}
static void
spoil_node_gpu(struct offer *o)
{
	node_of(o)[0].has.gpus = 1;
}
static void
spoil_unpriced_gpu(struct offer *o)
{
	node_of(o)[0].has.gpus = 1;
	node_of(o)[0].model = "nvidia/a100";
}
static void
spoil_foreign(struct offer *o)
{
	node_of(o)[0].foreign.cpu_milli = 8001;
}
static void
spoil_models(struct offer *o)
{
	gpus[0][0] = (struct gpu_rate){ "nvidia/a100", { 5 } };
	gpus[1][0] = (struct gpu_rate){ "nvidia/h100", { 5 } };
	o->floor.gpus = (struct json_list){ gpus[0], 1 };
	o->list.gpus = (struct json_list){ gpus[1], 1 };
}
static void
spoil_model_twice(struct offer *o)
{
	gpus[0][0] = gpus[0][1] = (struct gpu_rate){ "nvidia/a100", { 5 } };
	o->floor.gpus = o->list.gpus = (struct json_list){ gpus[0], 2 };
}
static void
spoil_spot(struct offer *o)
{
	o->spot_notice_s = 29;
}

static void
test_check(void)
{
	static const struct {
		const char *what, *field;
		void (*spoil)(struct offer *o);
	} cases[] = {
		{ "a list price below its floor", "/list/cpu_milli", spoil_list },
		{ "a rate above all bounds", "/list/ip", spoil_bound },
		{ "all of it free", "/floor", spoil_free },
		{ "nobody behind it", "/owner", spoil_owner },
		{ "a curve too steep", "/curve_bp", spoil_curve },
		{ "no node", "/nodes", spoil_no_nodes },
		{ "a node twice", "/nodes", spoil_same_node },
		{ "GPUs without a model", "/nodes", spoil_node_gpu },
		{ "GPUs without a price", "/nodes", spoil_unpriced_gpu },
		{ "more in use than there is", "/nodes", spoil_foreign },
		{ "other models in the list", "/list/gpus", spoil_models },
		{ "a model twice", "/floor/gpus", spoil_model_twice },
		{ "a notice too short", "/spot_notice_s", spoil_spot },
	};
	struct err e = ERR_NONE;

	ok(offer_check(good_offer(), &e) == 0, "a good offer: %s", e.text);
	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct offer *o = good_offer();
		bool refused;

		e = (struct err)ERR_NONE;
		cases[i].spoil(o);
		refused = offer_check(o, &e) < 0;
		ok(refused && e.code == (i == 0 ? &OFFER_LIST : &OFFER_BAD) &&
			   strcmp(e.field, cases[i].field) == 0,
		   "%s is refused at %s", cases[i].what, cases[i].field);
	}
}

static void
test_json(void)
{
	struct offer *o = good_offer(), back;
	struct hash first = offer_hash(o), second;
	const char *text = json_encode(&arena, offer_fields, o);
	struct err e = ERR_NONE;

	memset(&back, 0, sizeof(back));
	ok(json_decode(&arena, text, strlen(text), offer_fields, &back, &e) == 0,
	   "an offer reads back: %s", e.text);
	second = offer_hash(&back);
	ok(hash_equal(&first, &second), "and has the same id");
	back.list.storage_gib[STORAGE_BETA3].nano++;
	second = offer_hash(&back);
	ok(!hash_equal(&first, &second), "any unit changes the id");
}

/* ------------------------------------------------------------------ */

static void
test_matching(void)
{
	struct offer *o = good_offer();
	struct attribute wanted[2] = { { "region", "us" }, { "tier", "go*" } };
	struct attribute have = { "tier", "gold" };
	const char *list[1];
	char who[ADDRESS_TEXT_SIZE];
	struct group *g = make_group(1000, 1);
	struct demand d;
	struct offer_asker asker = { .group = g,
				     .demand = &d,
				     .tenant = address_of(3),
				     .owner = address_of(3),
				     .term_s = 100 };
	struct address failed = o->provider;
	struct audit_doc audit;
	struct json_list audits = { &audit, 1 };

	demand_group(&arena, g, &d);
#define MATCH(want, what) is_str(offer_match_name(offer_matches(o, &asker)), want, what)
	MATCH("matches", "nothing asked for");
	g->attributes = (struct json_list){ wanted, 1 };
	MATCH("region", "another region");
	wanted[0].value = "e*";
	MATCH("matches", "a region by its beginning");
	g->attributes.count = 2;
	MATCH("attribute", "an attribute it lacks");
	o->attributes = (struct json_list){ &have, 1 };
	MATCH("matches", "an attribute by its beginning");
	list[0] = "0x0000000000000000000000000000000000000009";
	g->signed_by = (struct json_strs){ list, 1 };
	MATCH("audit", "an auditor it lacks");
	g->signed_by.count = 0;
	g->signed_any = (struct json_strs){ list, 1 };
	MATCH("audit", "any of several auditors");
	audit.terms = (struct audit_terms){ .provider = o->provider, .expires = 1 };
	audit.terms.auditor.b[19] = 9;
	audit.attributes = (struct json_list){ &have, 1 };
	asker.audits = &audits;
	MATCH("audit", "who does not vouch for the region");
	g->attributes = (struct json_list){ wanted + 1, 1 };
	MATCH("matches", "who vouches for all that is asked for");
	audit.terms.expires = 0;
	MATCH("audit", "who has taken it back");
	g->signed_any.count = 0;
	o->min_term_s = 101;
	MATCH("term", "a deposit too small");
	o->min_term_s = 100;
	g->reclaim_s = 5;
	MATCH("notice", "a notice too short");
	o->notice_s = 5;
	asker.spot = true;
	MATCH("spot", "no interruptible leases");
	asker.spot = false;
	asker.denied = &failed;
	asker.denied_count = 1;
	MATCH("denied", "a provider that failed the order");
	asker.denied_count = 0;
	list[0] = address_text(&o->provider, who);
	g->deny = (struct json_strs){ list, 1 };
	MATCH("denied", "a provider the tenant denies");
	g->deny.count = 0;
	list[0] = address_text(&asker.tenant, who);
	o->deny = (struct json_strs){ list, 1 };
	MATCH("refuses", "a tenant the provider denies");
	o->deny.count = 0;
	o->allow = (struct json_strs){ list, 1 };
	MATCH("matches", "a tenant the provider allows");
	asker.tenant = address_of(4);
	MATCH("refuses", "and one it does not");
	o->allow.count = 0;
	((struct group_service *)g->services.items)->resources.gpus = 1;
	demand_group(&arena, g, &d);
	MATCH("gpu", "a GPU it does not have");
	asker.owner = o->owner;
	MATCH("own_order", "its own order");
}

static void
test_price(void)
{
	struct offer_units u = { .fixed = { 3 },
				 .cpu_milli = { 2 },
				 .memory_mib = { 1 },
				 .storage_gib = { { 1024 }, { 1 } },
				 .endpoint = { 7 },
				 .egress_gib = { 2592000 } };
	struct demand d = { .cpu_milli = 500,
			    .memory_mib = 64,
			    .storage_mib = { 10, 1 },
			    .endpoints = 1,
			    .egress_gib = 2 };
	struct offer o = { .floor = u, .list = u, .curve_bp = 3000 };
	struct rate floor, list;

	ok(units_price(&u, &d, -1).nano == 3 + 1000 + 64 + 10 + 1 + 7 + 2,
	   "the sum of all parts, each rounded up");
	offer_price(&o, &d, -1, 10000, &floor, &list);
	ok(floor.nano == (1087 * 13 + 9) / 10, "the curve at full use");
	u.cpu_milli.nano = RATE_MAX;
	ok(units_price(&u, &d, -1).nano == RATE_MAX, "what would overflow stays at the ceiling");
	d.cpu_milli = UINT64_MAX;
	ok(units_price(&u, &d, -1).nano == RATE_MAX, "however much is asked for");
	o.floor.cpu_milli.nano = o.list.cpu_milli.nano = RATE_MAX;
	o.curve_bp = OFFER_CURVE_MAX;
	offer_price(&o, &d, -1, 10000, &floor, &list);
	ok(floor.nano == RATE_MAX && list.nano == RATE_MAX, "and the steepest curve");
}

static void
test_placing(void)
{
	struct offer *o = good_offer();
	struct demand_node nodes[3] = {
		{ { .cpu_milli = 4000, .memory_mib = 9999, .storage_mib = { 9999 }, .gpus = 2 },
		  "nvidia/t4" },
		{ { .cpu_milli = 8000, .memory_mib = 9999, .storage_mib = { 9999 } }, "" },
		{ { .cpu_milli = 6000, .memory_mib = 9999, .storage_mib = { 9999 } }, "" }
	};
	uint32_t used[4];
	struct demand d;

	demand_group(&arena, make_group(3000, 4), &d);
	ok(demand_place(&d, nodes, 3, NULL, used), "four copies of 3 CPUs lie on 6 + 8 + 4");
	ok(used[0] == 2 && used[1] == 2 && used[2] == 1 && used[3] == 1,
	   "the fullest node first, those with GPUs last");
	ok(!demand_fits(&d, nodes, 3, NULL), "and four more do not");
	o = good_offer();
	node_of(o)[0].foreign.cpu_milli = 4000;
	offer_nodes(o, nodes);
	is_int(offer_used_bp(o, nodes, -1, true), 2500, "foreign use counts");
	is_int(offer_used_bp(o, nodes, -1, false), 0, "or not yet");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_check();
	test_json();
	test_matching();
	test_price();
	test_placing();
	arena_release(&arena);
	return tap_done();
}
