/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_manifest_test.c - what Akash makes of a file: manifest, groups, hash,
 * and the order of everything in them.
 */
#include "akash_files.h"

/* Of the base, computed from the JSON below with another implementation. */
static const char base_hash[] = "a3db046fe526b5b3f0248fb1afbf6177e9d1d53cca01dec193a4ac38033ab20a";
static const char base_manifest[] =
	"[{\"name\":\"west\",\"services\":[{\"args\":null,\"command\":null,\"co"
	"unt\":1,\"credentials\":null,\"env\":[\"A=1\"],\"expose\":[{\"endpoint"
	"SequenceNumber\":0,\"externalPort\":81,\"global\":true,\"hosts\":[\"a."
	"example\"],\"httpOptions\":{\"maxBodySize\":1048576,\"nextCases\":[\"e"
	"rror\",\"timeout\"],\"nextTimeout\":0,\"nextTries\":3,\"readTimeout\":"
	"60000,\"sendTimeout\":60000},\"ip\":\"\",\"port\":80,\"proto\":\"TCP\""
	",\"service\":\"\"}],\"image\":\"nginx:1\",\"name\":\"web\",\"resources"
	"\":{\"cpu\":{\"units\":{\"val\":\"500\"}},\"endpoints\":[{\"kind\":1,\""
	"sequence_number\":0}],\"gpu\":{\"units\":{\"val\":\"0\"}},\"id\":1,\"m"
	"emory\":{\"size\":{\"val\":\"134217728\"}},\"storage\":[{\"name\":\"de"
	"fault\",\"size\":{\"val\":\"1073741824\"}}]}}]}]";
static const char base_groups[] =
	"[{\"name\":\"west\",\"requirements\":{\"attributes\":[{\"key\":\"host\""
	",\"value\":\"akash\"}],\"signed_by\":{\"all_of\":null,\"any_of\":null}"
	"},\"resources\":[{\"count\":1,\"price\":{\"amount\":\"100.000000000000"
	"000000\",\"denom\":\"uact\"},\"resource\":{\"cpu\":{\"units\":{\"val\""
	":\"500\"}},\"endpoints\":[{\"kind\":1,\"sequence_number\":0}],\"gpu\":"
	"{\"units\":{\"val\":\"0\"}},\"id\":1,\"memory\":{\"size\":{\"val\":\"1"
	"34217728\"}},\"storage\":[{\"name\":\"default\",\"size\":{\"val\":\"10"
	"73741824\"}}]}}]}]";

static void
test_base(void)
{
	struct akash in;
	struct err e;
	char hash[80];

	if (!ok(read_text(base, &in, &e) == 0, "the file is taken"))
		return;
	is_str(in.manifest_json, base_manifest, "manifest");
	is_str(in.groups_json, base_groups, "groups");
	is_str(hex_text(in.hash.b, sizeof(in.hash.b), hash) + 2, base_hash, "hash");
	is_str(in.version, "2.0", "version");
}

/* The names of the first unit's volumes. */
static const char *
volume_names(const char *storage)
{
	struct akash in;
	struct err e;
	const struct akash_unit *u;
	const struct akash_volume *v;
	const char *out = "";

	if (read_text(change(base, "{size: 1Gi}", storage), &in, &e) < 0)
		return e.code->name;
	u = in.groups[0].units.items;
	v = u->resources.volumes.items;
	for (size_t i = 0; i < u->resources.volumes.count; i++)
		out = arena_printf(&arena, "%s%s%s", out, i > 0 ? " " : "", v[i].name);
	return out;
}

static void
test_volume_order(void)
{
	const char *many = "[", *want = "";

	is_str(volume_names("[{name: a, size: 2Gi}, {name: b, size: 1Gi}]"), "b a", "by size");
	is_str(volume_names("[{name: a, size: 1Gi}, {name: b, size: 1Gi}, {name: c, size: 1Gi}]"),
	       "c b a", "equal ones in reverse");
	is_str(volume_names(
		       "[{name: a, size: 1Gi, attributes: {class: ram}}, {name: b, size: 1Gi}]"),
	       "b a", "without attributes first");
	is_str(volume_names("[{name: b, size: 1Gi, attributes: {class: ram}},"
			    " {name: a, size: 1Gi, attributes: {class: ram}}]"),
	       "a b", "false and false in reverse");
	for (char c = 'a'; c <= 'y'; c++) {
		many = arena_printf(&arena, "%s{name: %c, size: %d}, ", many, c,
				    6000000 + ('y' - c) * 10);
		want = arena_printf(&arena, "%c%s%s", c, *want != '\0' ? " " : "", want);
	}
	is_str(volume_names(arena_printf(&arena, "%s]", many)), want, "25 by size");
}

static void
test_null_and_empty(void)
{
	has(manifest_of(change(base, "env: [A=1]", "env: []")), "\"env\":[]", "an empty list");
	has(manifest_of(change(base, "    env: [A=1]\n", "")), "\"env\":null", "no list");
	has(manifest_of(change(base, "env: [A=1]", "env: ~")), "\"env\":null", "null is no list");
	has(manifest_of(change(base, "env: [A=1]", "env: [~, B=2, null]")), "\"env\":[\"B=2\"]",
	    "null is no element");
	has(manifest_of(change(base, "env: [A=1]", "args: [~]")), "\"args\":[]",
	    "of null alone an empty list remains");
	has(manifest_of(change(base, "accept: [a.example]", "accept: []")), "\"hosts\":[]",
	    "hosts too");
	has(manifest_of(change(base, "env: [A=1]", "params: {}")), "\"params\":{\"storage\":null}",
	    "params of nothing");
	has(manifest_of(change(base, "env: [A=1]", "params: {permissions: {read: []}}")),
	    "\"params\":{\"permissions\":{},\"storage\":null}", "permissions of nothing");
	has(manifest_of(change(base, "env: [A=1]", "params: {tee: cpu}")),
	    "\"tee\":{\"attestation\":true,\"type\":\"cpu\"}", "tee");
	has(manifest_of(change(base, "{units: 500m}", "{units: 1, attributes: {arch: ~}}")),
	    "\"cpu\":{\"attributes\":[{\"key\":\"arch\"}]", "an empty value is not written");
}

static void
test_escapes(void)
{
	const char *text =
		change(base, "[A=1]", "[\"A=<&>\\u2028\\b\\f\\x01\\0\\t\\\"\\\\\\x7f\\u00fc\"]");

	has(manifest_of(text),
	    "\"A=\\u003c\\u0026\\u003e\\u2028\\b\\f\\u0001\\u0000\\t\\\"\\\\\x7f\xc3\xbc\"",
	    "escapes as Go writes them");
	has(manifest_of(change(base, "[A=1]", "[!!binary QT3//g==]")),
	    "\"A=\xef\xbf\xbd\xef\xbf\xbd\"", "bytes that are no text are replaced");
}

static void
test_credentials(void)
{
	const char *text =
		change(base, "env: [A=1]",
		       "credentials: {host: ' h ', email: ' e ', username: u, password: p}");

	has(manifest_of(text),
	    "{\"email\":\"\",\"host\":\" h \",\"password\":\"p\",\"username\":\"u\"}",
	    "2.0 keeps spaces and loses the address");
	has(manifest_of(change(text, "\"2.0\"", "2.1")),
	    "{\"email\":\"e\",\"host\":\"h\",\"password\":\"p\",\"username\":\"u\"}",
	    "2.1 trims and keeps it");
}

/* Two services, three ports, two addresses. */
static const char pair[] =
	"version: \"2.0\"\n"
	"services:\n"
	"  b:\n"
	"    image: x\n"
	"    expose: [{port: 80, to: [{global: true}]}]\n"
	"  a:\n"
	"    image: y\n"
	"    expose:\n"
	"      - {port: 443, to: [{global: true, ip: two}]}\n"
	"      - {port: 90, to: [{service: b}]}\n"
	"      - {port: 53, proto: udp, to: [{global: true, ip: one}]}\n"
	"endpoints: {one: {kind: ip}, two: {kind: ip}}\n"
	"profiles:\n"
	"  compute:\n"
	"    p: {resources: {cpu: {units: 1}, memory: {size: 1Gi}, storage: {size: 1Gi}}}\n"
	"  placement:\n"
	"    z: {pricing: {p: {denom: uact, amount: 1.5}}, signedBy: {allOf: [1], anyOf: []}}\n"
	"deployment: {b: {z: {profile: p, count: 2}}, a: {z: {profile: p, count: 3}}}\n";

static void
test_sequence(void)
{
	struct akash in;
	struct err e;
	const struct akash_service *s;
	const struct akash_expose *x;

	if (!ok(read_text(pair, &in, &e) == 0, "two services: %s", e.text))
		return;
	s = in.groups[0].services.items;
	x = s[0].exposes.items;
	is_str(s[0].name, "a", "services by name");
	/* "", one, two: the port that is open to b takes the first number. */
	is_int(x[0].sequence, 2, "one is the second");
	is_int(x[1].sequence, 3, "two is the third");
	is_int(x[2].sequence, 0, "what is not global has none");
	has(in.manifest_json,
	    "\"endpoints\":[{\"kind\":1,\"sequence_number\":0},{\"kind\":2,\"sequence_number\":2},"
	    "{\"kind\":1,\"sequence_number\":0},{\"kind\":2,\"sequence_number\":3}]",
	    "a port and its address side by side");
	has(in.groups_json, "\"signed_by\":{\"all_of\":[\"1\"],\"any_of\":[]}", "auditors");
	has(in.groups_json, "\"price\":{\"amount\":\"1.500000000000000000\",\"denom\":\"uact\"}",
	    "18 decimals");
	has(in.groups_json, "\"attributes\":null", "no attributes are null");
}

static void
test_merging(void)
{
	struct akash in;
	struct err e;

	ok(read_text(pair, &in, &e) == 0 && in.groups[0].units.count == 2, "2.0: a unit each");
	ok(read_text(change(pair, "\"2.0\"", "2.1"), &in, &e) == 0 && in.groups[0].units.count == 1,
	   "2.1: one unit");
	is_int(((struct akash_unit *)in.groups[0].units.items)->count, 5, "counts add up");
	has(in.groups_json,
	    "\"endpoints\":[{\"kind\":1,\"sequence_number\":0},{\"kind\":1,\"sequence_number\":0},"
	    "{\"sequence_number\":0},{\"kind\":2,\"sequence_number\":2},{\"kind\":2,\"sequence_"
	    "number\":"
	    "3}]",
	    "endpoints by number");
	is_int(((struct akash_service *)in.groups[0].services.items)[1].resources.id, 1,
	       "both services are of unit 1");
	ok(read_text(change(change(pair, "\"2.0\"", "2.1"), "count: 3", "count: 4294967295"), &in,
		     &e) == 0 &&
		   ((struct akash_unit *)in.groups[0].units.items)->count == 1,
	   "counts add up modulo 2^32");
}

/* Two denominations, in one placement and in two; a service in two. */
static void
test_placements(void)
{
	static const struct change cases[] = {
		{ "east: {pricing: {p: {denom: uact", "east: {pricing: {p: {denom: uakt",
		  "prices in" },
		{ "q: {denom: uact", "q: {denom: uakt", NULL }, /* nobody asks for it */
		{ "a: {east: {profile: p, count: 1}}", "a: {east: {profile: q, count: 1}}",
		  "no price" },
		{ "b: {z: {profile: p", "b: {z: {profile: q", NULL },
	};
	const char *text = change(pair, "    z: {pricing: {p:",
				  "    east: {pricing: {p: {denom: uact, amount: 1}}}\n"
				  "    z: {pricing: {q: {denom: uact, amount: 1}, p:");
	const char *mixed;
	struct akash in;
	struct err e;

	text = change(text, "    p: {resources",
		      "    q: {resources: {cpu: {units: 1}, memory: "
		      "{size: 1Gi}, storage: {size: 1Gi}}}\n"
		      "    p: {resources");
	text = change(text, "a: {z: {profile: p, count: 3}}", "a: {east: {profile: p, count: 1}}");
	CHECK(text, cases);
	ok(read_text(text, &in, &e) == 0 && in.group_count == 2 &&
		   strcmp(in.groups[0].name, "east") == 0,
	   "a group for each placement, by name");
	mixed = change(text, "a: {east: {profile: p, count: 1}}", "a: {z: {profile: p, count: 1}}");
	mixed = change(mixed, "b: {z: {profile: p", "b: {z: {profile: q");
	mixed = change(mixed, "q: {denom: uact", "q: {denom: uakt");
	ok(read_text(mixed, &in, &e) < 0 && found(&in, "prices in"), "two denoms in one placement");
	text = change(text, "a: {east:", "a: {z: {profile: p, count: 1}, east:");
	ok(read_text(text, &in, &e) < 0 && found(&in, "has this port already"),
	   "an address in two placements meets itself");
}

static void
test_tee(void)
{
	struct akash in;
	struct err e;
	const char *text = change(pair, "    image: x\n", "    image: x\n    params: {tee: cpu}\n");

	ok(read_text(text, &in, &e) == 0 &&
		   strstr(in.groups_json,
			  "\"attributes\":[{\"key\":\"tee/type\",\"value\":\"cpu\"}]") != NULL,
	   "tee is required of the provider");
	text = change(text, "    image: y\n", "    image: y\n    params: {tee: cpu-gpu}\n");
	ok(read_text(text, &in, &e) < 0 && found(&in, "another tee"), "one kind a placement");
}

/* Ports that tie keep their order up to twelve; beyond, Go's quicksort decides. */
static void
test_many_ports(void)
{
	struct akash in;
	struct err e;
	const char *ports = "", *got = "";
	const struct akash_expose *x;

	for (unsigned i = 0; i < 19; i++)
		ports = arena_printf(&arena, "%s- {port: %u, as: %u, to: [{global: true}]}\n      ",
				     ports, 9 - i % 3, 100 + i);
	ok(read_text(change(base, "- port: 80", arena_printf(&arena, "%s- port: 80", ports)), &in,
		     &e) == 0,
	   "twenty ports");
	x = ((struct akash_service *)in.groups[0].services.items)->exposes.items;
	for (unsigned i = 0; i < 20; i++)
		got = arena_printf(&arena, "%s%u ", got, x[i].as);
	is_str(got,
	       "108 117 102 114 111 105 110 116 101 107 113 104 112 100 103 115 109 106 118 81 ",
	       "in the order of Go's sort");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_base();
	test_volume_order();
	test_null_and_empty();
	test_escapes();
	test_credentials();
	test_sequence();
	test_merging();
	test_placements();
	test_tee();
	test_many_ports();
	arena_release(&arena);
	return tap_done();
}
