/* SPDX-License-Identifier: Apache-2.0 */
/* offering.h: an offer made of a rate card, and when it is posted, renewed, withdrawn. */
#include "provider/bid/offering.h"

#include "lease/price.h"
#include "lease/signer.h"
#include "tests/unit/tap.h"

static struct arena arena;

#define MIB (UINT64_C(1) << 20)

static struct volume_price classes[] = { { "beta2", { 7 } } };
static struct gpu_price gpu_prices[] = { { "nvidia/h100", { 900 } } };
static struct gpu devices[] = { { "nvidia.com/gpu=0", "nvidia/a100/40Gi/pcie" },
				{ "nvidia.com/gpu=1", "nvidia/h100/80Gi/sxm" },
				{ "nvidia.com/gpu=2", "nvidia/h100/80Gi/sxm" } };
static struct volume_class volumes[] = { { "default", NULL, 10 * MIB + 5 },
					 { "beta2", NULL, 20 * MIB } };
static struct attribute attributes[] = { { "region", "eu-west" }, { "tier", "gold" } };
static const struct address self = { .b = { [19] = 9 } };

static struct provider_settings
settings(void)
{
	return (struct provider_settings){
		.tag = "dc1",
		.standing = true,
		.launch_s = 10,
		.reclaim_s = 3600,
		.capacity = { .cpu_milli = 4000,
			      .memory_bytes = 512 * MIB + 1,
			      .storage_bytes = 1024 * MIB,
			      .gpus = 3 },
		.attributes = { attributes, 2 },
		.volumes = { volumes, 2 },
		.gpus = { devices, 3 },
		.prices = { .card = { .fixed = { 3 },
				      .cpu_milli = { 11 },
				      .memory_mib = { 13 },
				      .storage_mib = { 5 },
				      .volume_mib = { 6 },
				      .gpu = { 100 },
				      .endpoint = { 17 },
				      .ip = { 19 },
				      .egress_gib = { 23000000 },
				      .volumes = { classes, 1 },
				      .gpus = { gpu_prices, 1 } },
			    .list_bp = 13000,
			    .curve_bp = 3000 },
	};
}

/* ------------------------------------------------------------------ */

static void
test_units(void)
{
	struct provider_settings s = settings();
	struct offer_units floor, list;
	const struct gpu_rate *gpu;

	offering_units(&arena, &s.prices, "nvidia/h100/80Gi/sxm", &floor, &list);
	is_int((long long)floor.storage_gib[STORAGE_EPHEMERAL].nano, 5 * 1024, "a GiB is 1024 MiB");
	is_int((long long)floor.storage_gib[STORAGE_BETA2].nano, 7 * 1024, "a class of its own");
	is_int((long long)floor.storage_gib[STORAGE_BETA3].nano, 6 * 1024, "else any volume");
	is_int((long long)floor.cpu_milli.nano, 11, "what has the same unit is the same");
	is_int((long long)list.cpu_milli.nano, 15, "14.3 is 15: a list price is rounded up");
	gpu = floor.gpus.items;
	is_int((long long)gpu->rate.nano, 900, "the model's own price");
	gpu = list.gpus.items;
	is_int((long long)gpu->rate.nano, 1170, "and its list price");
	s.prices.list_bp = 5;
	offering_units(&arena, &s.prices, NULL, &floor, &list);
	is_int((long long)list.memory_mib.nano, 13, "a list price is never below the floor");
	is_int((long long)floor.gpus.count, 0, "no GPUs, no price for them");
	s.prices.card.storage_mib.nano = RATE_MAX;
	offering_units(&arena, &s.prices, NULL, &floor, &list);
	ok(floor.storage_gib[STORAGE_EPHEMERAL].nano == RATE_MAX, "what is too high stays a rate");
}

/* The offer's price of a group is the card's where sizes are whole MiB, and never
 * below it where they are not. */
static void
test_never_under(void)
{
	static const char *const h100[] = { "nvidia/h100" };
	struct provider_settings s = settings();
	struct shape none = { .cpu_milli = 0 };
	struct err e = ERR_NONE;
	struct offer o;
	size_t under = 0, apart = 0;

	ok(offering_make(&arena, &s, &self, &none, &o, &e) == 0, "%s", e.text);
	for (unsigned i = 1; i < 4000; i++) {
		struct volume v = { "data", i % 7 * MIB + i % 3, i % 2 ? "beta2" : "beta1" };
		struct group_service service = {
			.name = "s",
			.count = 1 + i % 3,
			.resources = { .cpu_milli = i * 37 % 4000,
				       .memory_bytes = i * 991 % 700 * MIB + i % 5,
				       .storage_bytes = i * 313 % 900 * MIB + i % 4,
				       .persistent_bytes = v.bytes,
				       .gpus = i % 4,
				       .endpoints = i % 5,
				       .egress_gib = i % 11 },
			.volumes = { &v, 1 },
			.gpus = { i % 4 ? (const char **)(uintptr_t)h100 : NULL, i % 4 != 0 },
		};
		struct group g = { .services = { &service, 1 }, .ips = i % 2 };
		const char *models[16];
		struct json_strs m = { models, 0 };
		struct rate card, offer;
		struct demand d;
		uint32_t load = i * 17 % 10001;
		bool whole = i % 60 == 0;

		demand_group(&arena, &g, &d);
		while (m.count < d.gpus)
			models[m.count++] = "nvidia/h100/80Gi/sxm";
		card = price_curve(price_group(&s.prices.card, &g, &m), s.prices.curve_bp, load);
		offer = offering_floor(&o, &d, load);
		under += rate_cmp(offer, card) < 0;
		apart += whole && rate_cmp(offer, card) != 0;
	}
	is_int((long long)under, 0, "never under the card");
	is_int((long long)apart, 0, "and the same for whole MiB");
}

static void
test_machine(void)
{
	struct provider_settings s = settings();
	struct shape foreign = { .cpu_milli = 9000, .storage_mib = { [STORAGE_DEFAULT] = 4 } };
	const struct offer_node *n;
	struct err e = ERR_NONE;
	struct offer o;

	ok(offering_make(&arena, &s, &self, &foreign, &o, &e) == 0, "%s", e.text);
	n = o.nodes.items;
	is_int((long long)o.nodes.count, 1, "one machine is one node");
	ok(strcmp(n->name, "node-dc1") == 0, "by its tag");
	ok(strcmp(n->model, "nvidia/h100/80Gi/sxm") == 0 && n->has.gpus == 2,
	   "with the GPUs it has most of");
	is_int((long long)n->has.memory_mib, 512, "what it has is rounded down");
	is_int((long long)n->has.storage_mib[STORAGE_DEFAULT], 10, "of each class");
	is_int(n->foreign.cpu_milli, 4000, "others have no more than there is");
	is_int((long long)n->foreign.storage_mib[STORAGE_DEFAULT], 4, "volumes that are kept");
	ok(strcmp(o.region, "eu-west") == 0, "the region is an attribute of the settings");
	is_int(o.notice_s, 3600, "the notice that we promise");
	s.gpus.count = 0;
	ok(offering_make(&arena, &s, &self, &foreign, &o, &e) == 0, "%s", e.text);
	ok(offering_model(&o) == NULL, "a machine without GPUs");
	memset(&s.prices.card, 0, sizeof(s.prices.card));
	is_int(offering_make(&arena, &s, &self, &foreign, &o, &e), -1, "all of it is free");
}

static void
test_tenants(void)
{
	struct tenant_factor f[70] = { { { .b = { 1 } }, 20000 }, { { .b = { 2 } }, 5000 } };
	const char *denied[] = { "0x0000000000000000000000000000000000000005" };
	struct provider_settings s = settings();
	struct shape none = { .cpu_milli = 0 };
	struct err e = ERR_NONE;
	struct offer o;

	s.prices.tenants = (struct tenant_rules){ .deny = { denied, 1 }, .factor_bp = { f, 2 } };
	ok(offering_make(&arena, &s, &self, &none, &o, &e) == 0, "%s", e.text);
	is_int((long long)o.deny.count, 2, "who pays more is denied by the offer");
	ok(!offering_serves(&s.prices.tenants, &f[0].tenant), "and not served by it");
	ok(offering_serves(&s.prices.tenants, &f[1].tenant), "who pays less is");
	for (size_t i = 0; i < NELEMS(f); i++)
		f[i] = (struct tenant_factor){ { .b = { 3, (uint8_t)i } }, 10001 };
	s.prices.tenants.factor_bp.count = NELEMS(f);
	e = (struct err)ERR_NONE;
	is_int(offering_make(&arena, &s, &self, &none, &o, &e), -1, "too many of them");
	ok(e.code == &OFFERING_BAD && strstr(e.text, "standing: false") != NULL, "%s", e.text);
	ok(offering_wanted(&s), "by default it stands");
	s.price_program.count = 1;
	ok(!offering_wanted(&s), "with a price program it does not");
	s.price_program.count = 0;
	s.standing = false;
	ok(!offering_wanted(&s), "nor where the settings say so");
}

/* ------------------------------------------------------------------ */
/* A fake clock.                                                       */

#define AT(s) ((wall_t)1800000000 * SECOND_US + (wall_t)(s)*SECOND_US)

static void
test_when(void)
{
	struct hash a = { .b = { 1 } }, b = { .b = { 2 } };
	struct offering o = { .seq = 0 };

	is_int(offering_next(&o, NULL, AT(0)), OFFERING_REST, "nothing to offer");
	is_int(offering_next(&o, &a, AT(0)), OFFERING_POST, "at the start");
	offering_stood(&o, &a, AT(OFFERING_LIVES_S));
	is_int(offering_next(&o, &a, AT(1)), OFFERING_REST, "it stands");
	is_int(offering_next(&o, &b, AT(1)), OFFERING_POST, "anything in it has changed");
	is_int(offering_next(&o, &a, AT(299)), OFFERING_REST, "before half of its time");
	is_int(offering_next(&o, &a, AT(300)), OFFERING_POST, "and after");
	is_int(offering_next(&o, &a, AT(9999)), OFFERING_POST, "it has ended");
	is_int(offering_next(&o, &a, AT(-1)), OFFERING_POST, "the clock was set back");
	is_int(offering_next(&o, NULL, AT(1)), OFFERING_WITHDRAW, "it is to go");
	is_int(offering_next(&o, NULL, AT(601)), OFFERING_REST, "what has ended is gone");
	offering_gone(&o);
	is_int(offering_next(&o, NULL, AT(1)), OFFERING_REST, "withdrawn once");
	is_int(offering_next(&o, &a, AT(1)), OFFERING_POST, "and offered again");
}

static void
test_failures(void)
{
	static const uint32_t pauses[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct hash a = { .b = { 1 } };
	struct offering o = { .seq = 0 };
	wall_t now = AT(0);

	for (size_t i = 0; i < NELEMS(pauses); i++) {
		is_int(offering_failed(&o, now), pauses[i], "a pause after each failure");
		is_int(offering_next(&o, &a, now + (wall_t)pauses[i] * SECOND_US - 1),
		       OFFERING_REST, "not before");
		now += (wall_t)pauses[i] * SECOND_US;
		is_int(offering_next(&o, &a, now), OFFERING_POST, "then");
	}
	(void)offering_failed(&o, now);
	is_int(offering_next(&o, &a, now - (wall_t)3600 * SECOND_US), OFFERING_POST,
	       "a clock that was set back does not stop it");
	offering_stood(&o, &a, now + OFFERING_LIVES_S * SECOND_US);
	is_int(offering_failed(&o, now), 1, "a success forgets them");
}

static void
test_seq(void)
{
	struct provider_settings s = settings();
	struct shape none = { .cpu_milli = 0 };
	struct offering o = { .seq = 0 };
	struct err e = ERR_NONE;
	struct offer x;
	struct hash print, again;
	uint64_t first = offering_seq(&o, AT(0));

	is_int((long long)first, 1800000000000, "a book that is new begins at the clock");
	o.seq = first + 1;
	is_int((long long)offering_seq(&o, AT(0)), (long long)first + 2,
	       "and never uses one twice");
	is_int((long long)offering_seq(&o, AT(-9999)), (long long)first + 2,
	       "whatever becomes of the clock");
	o.seq = 0;
	is_int((long long)offering_seq(&o, 0), 1, "not even zero");
	ok(offering_make(&arena, &s, &self, &none, &x, &e) == 0, "%s", e.text);
	print = offering_print(&x);
	x.seq = 7;
	x.expires = 8;
	again = offering_print(&x);
	ok(hash_equal(&print, &again), "a renewal is the same offer");
	x.launch_s++;
	again = offering_print(&x);
	ok(!hash_equal(&print, &again), "all else is not");
}

/* The key holder hashes what it signs; another provider's offer it does not sign. */
static void
test_signer(void)
{
	struct provider_settings s = settings();
	struct shape none = { .cpu_milli = 0 };
	const struct verb *v = signer_provider_verbs;
	static struct signer signer;
	static uint8_t in[CHAN_BYTES_MAX], out[CHAN_BYTES_MAX];
	struct err e = ERR_NONE;
	struct offer_head head;
	struct hash h, digest;
	const char *text;
	struct offer o;
	struct sig sig;
	size_t len;

	key_new(&signer.key);
	domain_init(&signer.domain, 1, &self);
	ok(offering_make(&arena, &s, &signer.key.address, &none, &o, &e) == 0, "%s", e.text);
	o.seq = 5;
	o.expires = 6;
	head = (struct offer_head){ o.provider, o.owner, o.seq, o.expires };
	text = json_encode(&arena, offer_fields, &o);
	memcpy(in, &head, sizeof(head));
	memcpy(in + sizeof(head), text, strlen(text));
	while (v->number != SIGN_OFFER)
		v++;
	is_int(v->run(&signer, in, sizeof(head) + strlen(text), out, &len, &e), 0, "it signs");
	memcpy(&sig, out, sizeof(sig));
	h = offer_hash(&o);
	digest = terms_digest(&signer.domain, &h);
	is_int(sig_check(&sig, &digest, &o.provider, &e), 0, "what the market checks");
	head.provider = self;
	memcpy(in, &head, sizeof(head));
	is_int(v->run(&signer, in, sizeof(head) + strlen(text), out, &len, &e), -1,
	       "but not in another's name");
	key_release(&signer.key);
}

int
main(void)
{
	arena_init(&arena, 0);
	test_units();
	test_never_under();
	test_machine();
	test_tenants();
	test_when();
	test_failures();
	test_seq();
	test_signer();
	arena_release(&arena);
	return tap_done();
}
