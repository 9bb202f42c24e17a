/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_test.c - deployment files: quantities, prices, groups and manifests of a
 * good file, and each fault with its place and its cure. With GAVEL_CORPUS set
 * to a folder, every *.yaml and *.yml below it is read too: none may crash the
 * reader or take long.
 */
#include "deploy/sdl.h"

#include <ftw.h>

#include "deploy/sdl_units.h"
#include "lib/clock.h"
#include "tap.h"

static struct arena arena;

static const char good[] =
	"version: \"2.0\"\n" /* 1 */
	"services:\n"
	"  web:\n"
	"    image: nginx:1.27\n"
	"    args: [-g, daemon off;]\n"
	"    env:\n"
	"      - A=1\n"
	"      - B\n"
	"    expose:\n"
	"      - port: 8080\n" /* 10 */
	"        as: 80\n"
	"        accept: [a.example.org]\n"
	"        to:\n"
	"          - global: true\n"
	"    params:\n"
	"      storage:\n"
	"        data: {mount: /data, readOnly: true}\n"
	"  db:\n"
	"    image: postgres:16.4\n"
	"    expose:\n" /* 20 */
	"      - port: 5432\n"
	"        to: [{service: web}]\n"
	"profiles:\n"
	"  compute:\n"
	"    small:\n"
	"      resources:\n"
	"        cpu: {units: 250m}\n"
	"        memory: {size: 64Mi}\n"
	"        storage:\n"
	"          - size: 64Mi\n" /* 30 */
	"          - {name: data, size: 1Gi}\n"
	"    big:\n"
	"      resources:\n"
	"        cpu: {units: 1.5}\n"
	"        memory: {size: 1G}\n"
	"        storage: {size: 1Gi}\n"
	"        gpu: {units: 1, attributes: {vendor: {nvidia: [{model: a100}]}}}\n"
	"  placement:\n"
	"    eu:\n"
	"      attributes: {region: eu-west, a: b}\n" /* 40 */
	"      pricing:\n"
	"        small: {denom: uakt, amount: 100}\n"
	"        big: {denom: uakt, amount: \"0.5\"}\n"
	"deployment:\n"
	"  web:\n"
	"    eu: {profile: small, count: 2}\n"
	"  db:\n"
	"    eu: {profile: big, count: 1}\n"
	"x-gavel:\n"
	"  billing: metered\n" /* 50 */
	"  services: {web: {readonly: true}}\n";

static const char *
edited(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	if (at == NULL)
		fatal("the case edits nothing: %s", from);
	return arena_printf(&arena, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static int
read_text(const char *text, struct sdl *sdl, struct err *e)
{
	return sdl_read(&arena, "d.yaml", text, strlen(text), sdl, e);
}

/* ------------------------------------------------------------------ */

static void
test_cpu(void)
{
	static const struct {
		const char *text;
		long long milli; /* -1: refused */
	} cases[] = {
		{ "1", 1000 },
		{ "0.25", 250 },
		{ "250m", 250 },
		{ ".5", 500 },
		{ "5.", 5000 },
		{ "0.100", 100 },
		{ "0.0005", -1 },
		{ "1.0005", -1 },
		{ "1.5m", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ "1e1", -1 },
		{ "", -1 },
		{ ".", -1 },
		{ "m", -1 },
		{ "1 ", -1 },
		{ "0x10", -1 },
		{ "250M", -1 },
		{ "9999999999999", -1 },
		{ "999999999999", UINT32_MAX },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct sdl_hint hint;
		uint32_t milli = 0;
		bool refused = sdl_cpu_read(cases[i].text, &milli, &hint) != NULL;

		is_int(refused ? -1 : (long long)milli, cases[i].milli,
		       arena_printf(&arena, "cpu \"%s\"", cases[i].text));
	}
}

static void
test_sizes(void)
{
	static const struct {
		const char *text;
		long long bytes; /* -1: refused */
		const char *hint;
	} cases[] = {
		{ "64Mi", 64 << 20, "" },
		{ "1.5Gi", 3LL << 29, "" },
		{ "1k", 1000, "" },
		{ "1Ki", 1024, "" },
		{ "1024", 1024, "" },
		{ "0.3Mi", 314572, "" },
		{ "2T", 2000000000000LL, "" },
		{ "1Ei", 1LL << 60, "" },
		{ "16GB", -1, "write 16G (powers of 1000) or 16Gi (powers of 1024)" },
		{ "16gi", -1, "write 16G (powers of 1000) or 16Gi (powers of 1024)" },
		{ "16 Gi", -1, "write 16G (powers of 1000) or 16Gi (powers of 1024)" },
		{ "1K", -1, "write 1k (powers of 1000) or 1Ki (powers of 1024)" },
		{ "1B", -1, "" },
		{ "1 ", -1, "" },
		{ "", -1, "" },
		{ "Gi", -1, "" },
		{ "-1Gi", -1, "" },
		{ "1e9", -1, "write 1E (powers of 1000) or 1Ei (powers of 1024)" },
		{ "1Zi", -1, "" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct sdl_hint hint;
		uint64_t bytes = 0;
		bool refused = sdl_size_read(cases[i].text, &bytes, &hint) != NULL;

		is_int(refused ? -1 : (long long)bytes, cases[i].bytes,
		       arena_printf(&arena, "size \"%s\"", cases[i].text));
		is_str(hint.text, cases[i].hint, "and its hint");
	}
}

static void
test_prices(void)
{
	static const struct {
		const char *text;
		uint32_t seconds; /* 0: Akash's */
		const char *nano; /* NULL: refused */
	} cases[] = {
		{ "6", 0, "1000000000" },
		{ "1", 0, "166666667" },
		{ "100", 0, "16666666667" },
		{ "0.5", 0, "83333334" },
		{ "0.000000000000000001", 0, "1" },
		{ "10000000", 0, "1666666666666667" },
		{ "10000000.1", 0, NULL },
		{ "0", 0, NULL },
		{ "0.000", 0, NULL },
		{ "-1", 0, NULL },
		{ "1e3", 0, NULL },
		{ "", 0, NULL },
		{ "0.0000000000000000001", 0, NULL },
		{ "0.05", SDL_HOUR_S, "13888888889" },
		{ "0.0036", SDL_HOUR_S, "1000000000" },
		{ "12.50", SDL_MONTH_S, "4756468798" },
		{ "2.628", SDL_MONTH_S, "1000000000" },
		{ "0.000000001", SDL_MONTH_S, "1" },
		{ "10000000", SDL_HOUR_S, "2777777777777777778" },
		{ "0.0000000001", SDL_HOUR_S, NULL },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct rate rate = { 0 };
		char text[AMOUNT_TEXT_SIZE];
		const char *fault =
			cases[i].seconds == 0
				? sdl_block_rate_read(cases[i].text, &rate)
				: sdl_token_rate_read(cases[i].text, cases[i].seconds, &rate);

		is_str(fault != NULL ? NULL : u128_text(rate.nano, text), cases[i].nano,
		       arena_printf(&arena, "price \"%s\" per %u s", cases[i].text,
				    cases[i].seconds));
	}
}

/* ------------------------------------------------------------------ */

static void
test_good(void)
{
	struct sdl sdl;
	struct err e = ERR_NONE;
	const struct sdl_placement *p;
	struct hash hash;
	char text[AMOUNT_TEXT_SIZE];

	if (!ok(read_text(good, &sdl, &e) == 0, "a good file: %s", e.text))
		return;
	is_int((long long)sdl.placement_count, 1, "one placement");
	p = &sdl.placements[0];
	is_str(p->group.name, "eu", "the group's name");
	is_str(p->group.billing, "metered", "billing");
	is_str(json_encode(&arena, attribute_fields, p->group.attributes.items),
	       "{\"key\":\"a\",\"value\":\"b\"}", "attributes are sorted");
	is_int((long long)p->group.attributes.count, 2, "no more of them");
	is_str(((struct group_service *)p->group.services.items)[0].gpus.items[0], "nvidia/a100",
	       "the gpu by its model");
	is_str(json_encode(&arena, service_fields, p->manifest.services.items),
	       "{\"name\":\"db\",\"image\":\"postgres:16.4\",\"count\":1,\"resources\":{\"cpu_"
	       "milli\":"
	       "1500,\"memory_bytes\":1000000000,\"storage_bytes\":1073741824,\"gpus\":1,"
	       "\"endpoints\":0},\"exposes\":[{\"port\":5432,\"as\":5432,\"proto\":\"tcp\",\"to\":["
	       "\"web\"]}]}",
	       "services are sorted; the first");
	is_str(json_encode(&arena, service_fields,
			   (struct service *)p->manifest.services.items + 1),
	       "{\"name\":\"web\",\"image\":\"nginx:1.27\",\"args\":[\"-g\",\"daemon "
	       "off;\"],\"env\":["
	       "\"A=1\",\"B=\"],\"count\":2,\"resources\":{\"cpu_milli\":250,\"memory_bytes\":"
	       "67108864,\"storage_bytes\":1140850688,\"gpus\":0,\"endpoints\":1},\"readonly\":"
	       "true,"
	       "\"exposes\":[{\"port\":8080,\"as\":80,\"proto\":\"http\",\"global\":true,\"hosts\":"
	       "["
	       "\"a.example.org\"]}],\"mounts\":[{\"volume\":\"data\",\"path\":\"/data\","
	       "\"readonly\":true}]}",
	       "the second");
	/* ceil(100 * 10^9 / 6) * 2 + ceil(0.5 * 10^9 / 6) */
	is_str(u128_text(p->max_rate.nano, text), "33416666668", "the maximum counts copies");
	is_str(p->denom, "uakt", "its denomination");
	hash = manifest_hash(&p->manifest);
	ok(hash_equal(&hash, &p->group.manifest), "the group carries the manifest's hash");
	ok(group_check(&p->group, &e) == 0 && manifest_check(&p->manifest, &e) == 0,
	   "both pass their own checks");
}

/* Everything that a file can say beyond the first. */
static const char rich[] =
	"version: \"2.1\"\n"
	"endpoints: {front: {kind: ip}}\n"
	"reclamation: {min_window: 1h30m}\n"
	"services:\n"
	"  api:\n"
	"    image: a:1\n"
	"    expose:\n"
	"      - port: 80\n"
	"        accept: [a.example.org]\n"
	"        to: [{global: true}]\n"
	"        http_options: {max_body_size: 5, read_timeout: 7, next_cases: [error, 502]}\n"
	"      - {port: 53, proto: udp, to: [{global: true, ip: front}]}\n"
	"    params:\n"
	"      tee: cpu\n"
	"      storage: {data: {mount: /data}, fast: {mount: /fast}}\n"
	"profiles:\n"
	"  compute:\n"
	"    p:\n"
	"      resources:\n"
	"        cpu: {units: 1, attributes: {arch: arm64}}\n"
	"        memory: {size: 64Mi}\n"
	"        gpu: {units: 1, attributes: {vendor: {nvidia: , amd: [{model: mi300, ram: "
	"192Gi}]}}}\n"
	"        storage:\n"
	"          - {name: fast, size: 16Mi, attributes: {class: ram}}\n"
	"          - {name: data, size: 1Gi, attributes: {persistent: true, class: beta3}}\n"
	"  placement:\n"
	"    eu:\n"
	"      signedBy: {anyOf: [\"0x00000000000000000000000000000000000000aa\", "
	"\"0x00000000000000000000000000000000000000bb\"]}\n"
	"      pricing: {p: {per_hour: 1}}\n"
	"deployment: {api: {eu: {profile: p, count: 2}}}\n"
	"x-gavel:\n"
	"  auction: {deny: [\"0x00000000000000000000000000000000000000cc\"]}\n"
	"  services:\n"
	"    api:\n"
	"      egress: 10Gi\n"
	"      stop: 30s\n"
	"      restart: on-failure\n"
	"      ready: {http: /up}\n"
	"      health: {command: [\"/bin/ok\", \"-v\"], every: 1m, timeout: 5s, failures: 2, "
	"grace: 90s}\n";

static void
test_rich(void)
{
	struct sdl sdl;
	struct err e = ERR_NONE;
	const struct sdl_placement *p;

	if (!ok(read_text(rich, &sdl, &e) == 0, "a file with everything: %s", e.text))
		return;
	p = &sdl.placements[0];
	is_str(json_encode(&arena, group_fields,
			   &(struct group){ .name = p->group.name,
					    .billing = p->group.billing,
					    .services = p->group.services,
					    .attributes = p->group.attributes,
					    .signed_by = p->group.signed_by,
					    .signed_any = p->group.signed_any,
					    .ips = p->group.ips,
					    .reclaim_s = p->group.reclaim_s,
					    .deny = p->group.deny }),
	       "{\"name\":\"eu\",\"billing\":\"reserved\",\"services\":[{\"name\":\"api\","
	       "\"count\":2,"
	       "\"resources\":{\"cpu_milli\":1000,\"memory_bytes\":83886080,\"storage_bytes\":"
	       "67108864,\"persistent_bytes\":1073741824,\"gpus\":1,\"endpoints\":2,\"egress_gib\":"
	       "10},"
	       "\"volumes\":[{\"name\":\"data\",\"bytes\":1073741824,\"class\":\"beta3\"}],"
	       "\"gpus\":[\"nvidia\",\"amd/mi300/192Gi\"]}],\"attributes\":[{\"key\":\"arch\","
	       "\"value\":\"arm64\"},{\"key\":\"tee/type\",\"value\":\"cpu\"}],\"signed_by\":[],"
	       "\"signed_any\":[\"0x00000000000000000000000000000000000000aa\","
	       "\"0x00000000000000000000000000000000000000bb\"],\"ips\":1,\"reclaim_s\":5400,"
	       "\"deny\":[\"0x00000000000000000000000000000000000000cc\"],"
	       "\"manifest\":"
	       "\"0x0000000000000000000000000000000000000000000000000000000000000000\"}",
	       "the group says it all");
	is_str(json_encode(&arena, service_fields, p->manifest.services.items),
	       "{\"name\":\"api\",\"image\":\"a:1\",\"count\":2,\"resources\":{\"cpu_milli\":1000,"
	       "\"memory_bytes\":83886080,\"storage_bytes\":67108864,\"persistent_bytes\":"
	       "1073741824,"
	       "\"gpus\":1,\"endpoints\":2,\"egress_gib\":10},\"exposes\":[{\"port\":80,\"as\":80,"
	       "\"proto\":\"http\",\"global\":true,\"hosts\":[\"a.example.org\"],\"http\":{"
	       "\"max_body_bytes\":5,\"read_timeout_ms\":7,\"next_cases\":[\"error\",\"502\"]}},"
	       "{\"port\":53,\"as\":53,\"proto\":\"udp\",\"global\":true,\"ip\":\"front\"}],"
	       "\"mounts\":[{\"volume\":\"data\",\"path\":\"/data\",\"class\":\"beta3\",\"bytes\":"
	       "1073741824},{\"volume\":\"fast\",\"path\":\"/"
	       "fast\",\"class\":\"ram\",\"bytes\":16777216}],"
	       "\"checks\":[{\"use\":\"ready\",\"kind\":\"http\",\"port\":80,\"path\":\"/"
	       "up\",\"every_s\":10,"
	       "\"timeout_s\":2,\"failures\":3},{\"use\":\"health\",\"kind\":\"command\","
	       "\"command\":"
	       "[\"/bin/"
	       "ok\",\"-v\"],\"every_s\":60,\"timeout_s\":5,\"failures\":2,\"grace_s\":90}],"
	       "\"stop_s\":30,\"restart\":\"on-failure\"}",
	       "and the manifest");
	ok(manifest_matches(&p->manifest, &p->group, &e) == 0, "they match: %s", e.text);
}

static const struct group *
group_read(const char *from, const char *to)
{
	struct err e = ERR_NONE;
	struct sdl *sdl = arena_alloc(&arena, sizeof(*sdl));

	if (!ok(read_text(edited(from, to), sdl, &e) == 0, "%s: %s", to, e.text))
		fatal("no group to look at");
	return &sdl->placements[0].group;
}

/* What the auction and the provider go by, each from the file into the group. */
static void
test_group_members(void)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{ "x-gavel:", "reclamation: {min_window: 90m}\nx-gavel:", "\"reclaim_s\":5400," },
		{ "billing: metered",
		  "auction: {allow: [0x00000000000000000000000000000000000000aa]}",
		  "\"allow\":[\"0x00000000000000000000000000000000000000aa\"]," },
		{ "billing: metered",
		  "auction: {deny: [0x00000000000000000000000000000000000000bb]}",
		  "\"deny\":[\"0x00000000000000000000000000000000000000bb\"]," },
		{ "billing: metered", "auction: {accept: manual}", "\"accept\":\"manual\"," },
		{ "      pricing:",
		  "      signedBy: {anyOf: [0x00000000000000000000000000000000000000cc]}\n"
		  "      pricing:",
		  "\"signed_any\":[\"0x00000000000000000000000000000000000000cc\"]" },
		{ "      pricing:",
		  "      signedBy: {allOf: [0x00000000000000000000000000000000000000dd]}\n"
		  "      pricing:",
		  "\"signed_by\":[\"0x00000000000000000000000000000000000000dd\"]" },
		{ "readonly: true", "egress: 7Gi", "\"egress_gib\":7" },
		{ "      - port: 5432\n        to: [{service: web}]\n",
		  "      - port: 5432\n        to: [{global: true, ip: own}]\n"
		  "endpoints: {own: {kind: ip}}\n",
		  "\"ips\":1," },
	};
	const struct group *plain = group_read("a: b", "a: b");

	for (size_t i = 0; i < NELEMS(cases); i++) {
		const struct group *g = group_read(cases[i].from, cases[i].to);
		const char *text = json_encode(&arena, group_fields, g);
		struct hash with = group_hash(g), without = group_hash(plain);

		if (!ok(strstr(text, cases[i].want) != NULL, "the group has %s", cases[i].want))
			printf("#   %s\n", text);
		ok(!hash_equal(&with, &without), "and its hash says so");
	}
}

static void
test_round_trip(void)
{
	struct sdl sdl;
	struct err e = ERR_NONE;
	struct group g = { 0 };
	struct manifest m = { 0 };
	struct hash a, b;
	const char *text;

	if (!ok(read_text(good, &sdl, &e) == 0, "a good file"))
		return;
	text = json_encode(&arena, group_fields, &sdl.placements[0].group);
	ok(json_decode(&arena, text, strlen(text), group_fields, &g, &e) == 0, "group and back");
	a = group_hash(&sdl.placements[0].group);
	b = group_hash(&g);
	ok(hash_equal(&a, &b), "the same hash");
	text = json_encode(&arena, manifest_fields, &sdl.placements[0].manifest);
	ok(json_decode(&arena, text, strlen(text), manifest_fields, &m, &e) == 0,
	   "manifest and back");
	b = manifest_hash(&m);
	ok(hash_equal(&b, &g.manifest), "the same hash");
}

/* Ways to say the same, and small differences that must be seen. */
static void
test_variants(void)
{
	static const struct {
		const char *from, *to;
		bool same; /* manifest */
	} cases[] = {
		{ "\"2.0\"", "2.0", true },
		{ "    args: [-g, daemon off;]\n", "    args:\n      - -g\n      - 'daemon off;'\n",
		  true },
		{ "250m", "0.25", true },
		{ "64Mi", "65536Ki", true },
		{ "{service: web}", "", true }, /* all others: web */
		{ "      - B\n", "      - B=\n", true },
		{ "    expose:\n", "    dependencies: [{service: db}]\n    expose:\n", true },
		{ "        as: 80\n", "        as: 80\n        http_options: {max_body_size: 1}\n",
		  false },
		{ "        as: 80\n", "        as: 80\n        proto: TCP\n", true },
		{ "  services: {web: {readonly: true}}\n", "", false },
		{ "\"2.0\"", "\"2.1\"", true },
		{ "{model: a100}", "{model: a100}, {model: h100, ram: 80Gi}", true },
		{ "nginx:1.27", "nginx:1.28", false },
		{ "count: 2", "count: 3", false },
		{ "- port: 5432\n", "- port: 5432\n        proto: udp\n", false },
		{ "{service: web}", "{service: web}, {global: true}", false },
	};
	struct sdl sdl;
	struct err e = ERR_NONE;
	struct hash plain;

	if (!ok(read_text(good, &sdl, &e) == 0, "a good file"))
		return;
	plain = sdl.placements[0].group.manifest;
	for (size_t i = 0; i < NELEMS(cases); i++) {
		int rc = read_text(edited(cases[i].from, cases[i].to), &sdl, &e);

		if (ok(rc == 0, "read with %s", cases[i].to))
			ok(hash_equal(&plain, &sdl.placements[0].group.manifest) == cases[i].same,
			   "%s manifest", cases[i].same ? "the same" : "another");
		else
			printf("#   %s\n", e.text);
	}
}

/* ------------------------------------------------------------------ */

static void
test_findings(void)
{
	static const struct {
		const char *from, *to;
		unsigned line, column;
		const char *path, *rule, *cure; /* rule, cure: the beginning */
	} cases[] = {
		{ "\"2.0\"", "\"2.2\"", 1, 10, "version", "version must be 2.0 or 2.1",
		  "write version" },
		{ "services:", "servics:", 2, 1, "servics", "there is no key \"servics\"",
		  "did you mean \"services\"?" },
		{ "    args:", "    arg:", 5, 5, "services.web.arg", "there is no key",
		  "did you mean \"args\"?" },
		{ "    args:", "    depends_on:", 5, 5, "services.web.depends_on",
		  "there is no key", "remove it, for services start" },
		{ "nginx:1.27", "nginx", 4, 12, "services.web.image", "the image has no tag",
		  "pin a tag" },
		{ "nginx:1.27", "nginx:latest", 4, 12, "services.web.image", "the tag latest",
		  "pin a tag" },
		{ "  web:\n", "  Web:\n", 3, 3, "services.Web", "a name is", "write web:" },
		{ "- A=1", "- A: 1", 7, 9, "services.web.env.0", "a variable is NAME=value",
		  "write NAME=value" },
		{ "- B\n", "- A\n", 8, 9, "services.web.env.1", "the variable A stands twice",
		  "keep one" },
		{ "- B\n", "- 1B=2\n", 8, 9, "services.web.env.1", "a variable's name",
		  "for example env: [GREETING=hel" },
		{ "port: 8080", "port: 99999", 10, 15, "services.web.expose.0.port",
		  "port must be 1 to 65535, got 99999", "for example port: 8080" },
		{ "port: 8080", "port: \"8080\"", 10, 15, "services.web.expose.0.port",
		  "port is a number", "leave out the quotes" },
		{ "port: 8080", "port: 80.5", 10, 15, "services.web.expose.0.port", "port must be",
		  "for example port: 8080" },
		{ "- port: 8080\n        as", "- as", 10, 9, "services.web.expose.0",
		  "the key port is missing", "write port: 80" },
		{ "as: 80", "as: 81", 10, 9, "services.web.expose.0", "accept goes with HTTP",
		  "add as: 80" },
		{ "a.example.org", "A.example.org", 12, 18, "services.web.expose.0.accept.0",
		  "a host name is", "for example accept: [www.examp" },
		{ "global: true", "global: maybe", 14, 21, "services.web.expose.0.to.0.global",
		  "global must be true or false", "for example global: true" },
		{ "global: true", "global: \"true\"", 14, 21, "services.web.expose.0.to.0.global",
		  "global must be true or false", "for example global: true" },
		{ "global: true", "ip: myip", 14, 17, "services.web.expose.0.to.0.ip",
		  "there is no endpoint myip", "add endpoints" },
		{ "/data,", "data,", 17, 23, "services.web.params.storage.data.mount",
		  "a mount path starts with /", "write a place of its own" },
		{ "/data,", "/dev/shm,", 17, 9, "services.web.params.storage.data",
		  "only memory, of the class ram", "write attributes: {persistent: false" },
		{ "/data,", "/dev/x,", 17, 23, "services.web.params.storage.data.mount",
		  "nothing is mounted under", "write a place of its own" },
		{ "        data: {m", "        dat: {m", 17, 9, "services.web.params.storage.dat",
		  "the profile small has no volume dat", "did you mean \"data\"?" },
		{ "service: web", "service: wed", 22, 24, "services.db.expose.0.to.0.service",
		  "there is no service wed", "did you mean \"web\"?" },
		{ "units: 250m", "units: 0.0001", 27, 22,
		  "profiles.compute.small.resources.cpu.units", "cpu units are no finer",
		  "write 10m" },
		{ "service: web", "service: nope", 22, 24, "services.db.expose.0.to.0.service",
		  "there is no service nope", "write one of db, web" },
		{ "amount: 100", "amount: -5", 42, 38, "profiles.placement.eu.pricing.small.amount",
		  "a price is a decimal number", "for example amount: 100" },
		{ "as: 80\n", "as: 80\n        http_options: {read_timeout: 99999999}\n", 12, 38,
		  "services.web.expose.0.http_options.read_timeout", "read_timeout must be",
		  "for example read_timeout" },
		{ "units: 250m", "units: 0.0005", 27, 22,
		  "profiles.compute.small.resources.cpu.units", "cpu units are no finer",
		  "write 10m" },
		{ "units: 250m", "units: 385", 27, 22, "profiles.compute.small.resources.cpu.units",
		  "cpu units must be 10m to 384", "write 384" },
		{ "units: 250m", "units: 1m", 27, 22, "profiles.compute.small.resources.cpu.units",
		  "cpu units must be 10m to 384", "write 10m" },
		{ "size: 64Mi}", "size: 64MB}", 28, 24,
		  "profiles.compute.small.resources.memory.size", "a size is", "write 64M" },
		{ "size: 64Mi}", "size: 1Mi}", 28, 24,
		  "profiles.compute.small.resources.memory.size", "the size must be 8Mi to 2Ti",
		  "for example size: 256Mi" },
		{ "name: data, ", "", 31, 13, "profiles.compute.small.resources.storage.1",
		  "the volume default stands twice", "give each volume" },
		{ "size: 1Gi}\n    big", "size: 1Gi, attributes: {persistent: maybe}}\n    big", 31,
		  62, "profiles.compute.small.resources.storage.1.attributes.persistent",
		  "persistent must be true or false", "for example persistent: true" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {persistent: true}}", 18, 3,
		  "services.db", "the volume default of the profile big is mounted nowhere",
		  "add params" },
		{ "size: 1Gi}\n    big", "size: 1Gi, attributes: {class: ram}}\n    big", 17, 9,
		  "services.web.params.storage.data", "memory that nobody can write",
		  "leave readOnly out" },
		{ "size: 1Gi}\n    big", "size: 1Gi, attributes: {class: beta3}}\n    big", 31, 57,
		  "profiles.compute.small.resources.storage.1.attributes.class",
		  "storage that is not persistent has no class", "leave class out" },
		{ "        cpu: {units: 1.5}\n", "", 33, 7, "profiles.compute.big.resources",
		  "the key cpu is missing", "write cpu" },
		{ ", attributes: {vendor: {nvidia: [{model: a100}]}}", "", 37, 14,
		  "profiles.compute.big.resources.gpu", "a gpu needs its vendor",
		  "add attributes" },
		{ "gpu: {units: 1", "gpu: {units: 0", 37, 14, "profiles.compute.big.resources.gpu",
		  "there are gpu attributes but no", "write units: 1" },
		{ "nvidia: [{model: a100}]", "nvidea: [{model: a100}]", 37, 47,
		  "profiles.compute.big.resources.gpu.attributes.vendor.nvidea",
		  "a gpu's vendor is nvidia or amd", "did you mean \"nvidia\"?" },
		{ "a: b}", "a: }", 40, 37, "profiles.placement.eu.attributes.a",
		  "an attribute's value", "write \"*\"" },
		{ "      pricing:", "      signedBy: {anyOf: [akash1xyz]}\n      pricing:", 41, 26,
		  "profiles.placement.eu.signedBy.anyOf.0", "an auditor is an address",
		  "name an auditor" },
		{ "amount: 100", "amount: 0", 42, 38, "profiles.placement.eu.pricing.small.amount",
		  "a price is more than zero", "for example amount: 100" },
		{ "amount: 100", "amount: 1e3", 42, 38,
		  "profiles.placement.eu.pricing.small.amount", "a price is a decimal number",
		  "for example amount: 100" },
		{ ", amount: 100", "", 42, 9, "profiles.placement.eu.pricing.small",
		  "the price is missing", "write per_hour" },
		{ "amount: 100", "amount: 100, per_hour: 1", 42, 43,
		  "profiles.placement.eu.pricing.small.per_hour", "there is a second price",
		  "keep one" },
		{ "denom: uakt, amount: 100", "amount: 100", 42, 9,
		  "profiles.placement.eu.pricing.small", "the key denom is missing",
		  "write denom" },
		{ "uakt, amount: \"0.5\"", "uact, amount: \"0.5\"", 43, 9,
		  "profiles.placement.eu.pricing.big", "all prices must have one denomination",
		  "write the same denom at each p" },
		{ "denom: uakt, amount: 100", "denom: AKT, amount: 100", 42, 24,
		  "profiles.placement.eu.pricing.small.denom", "denom is a micro", "write denom" },
		{ "        big: {denom: uakt, amount: \"0.5\"}\n", "", 39, 5,
		  "profiles.placement.eu", "there is no price for the profile big",
		  "add it under pricing" },
		{ "profile: small", "profile: smal", 46, 19, "deployment.web.eu.profile",
		  "there is no compute profile smal", "did you mean \"small\"?" },
		{ "count: 2", "count: 0", 46, 33, "deployment.web.eu.count",
		  "count must be 1 to 100", "for example count: 2" },
		{ "    eu: {profile: small", "    us: {profile: small", 46, 5, "deployment.web.us",
		  "there is no placement us", "write eu" },
		{ "  db:\n    eu: {profile: big, count: 1}\n", "", 18, 3, "services.db",
		  "the service db is not deployed", "add it to deployment" },
		{ "billing: metered", "billing: free", 50, 12, "x-gavel.billing", "billing must be",
		  "for example billing: metered" },
		{ "{web: {readonly", "{wep: {readonly", 51, 14, "x-gavel.services.wep",
		  "there is no service wep", "did you mean \"web\"?" },
		{ "readonly: true", "health: {tcp: 1, http: /}", 51, 20,
		  "x-gavel.services.web.health", "a check is one of", "write http" },
		{ "readonly: true", "health: {http: x}", 51, 35, "x-gavel.services.web.health.http",
		  "a check's path starts with /", "write http: /healthz" },
		{ "readonly: true", "ready: {tcp: 80, every: 10}", 51, 44,
		  "x-gavel.services.web.ready.every", "a duration is like 90s", "write 10s" },
		{ "readonly: true", "restart: sometimes", 51, 29, "x-gavel.services.web.restart",
		  "restart must be always", "for example restart: on-failur" },
		{ "readonly: true", "stop: 1h", 51, 26, "x-gavel.services.web.stop",
		  "stop must be 1s to 600s", "for example stop: 30s" },
		{ "readonly: true", "egress: 100G", 51, 28, "x-gavel.services.web.egress",
		  "egress is whole Gi", "write egress: 100Gi" },
		{ "billing: metered", "auction: {deny: [me]}", 50, 20, "x-gavel.auction.deny.0",
		  "a provider is an address", "`gavel providers`" },
		{ "billing: metered", "auction: {accept: me}", 50, 21, "x-gavel.auction.accept",
		  "accept must be auto or manual", "for example accept: manual" },
		{ "x-gavel:", "endpoints: {a: {kind: ip}}\nx-gavel:", 49, 13, "endpoints.a",
		  "the endpoint a is not used", "name it under" },
		{ "x-gavel:", "reclamation: {min_window: 1d}\nx-gavel:", 49, 27,
		  "reclamation.min_window", "a duration is like", "write 10s" },
		{ "    image: postgres:16.4\n", "", 18, 3, "services.db",
		  "the key image is missing", "write image" },
		{ "[-g, daemon off;]", "-g", 5, 11, "services.web.args", "a list is expected",
		  "begin each" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct sdl sdl;
		struct err e = ERR_NONE;
		const struct sdl_finding *f = NULL;
		const char *text = edited(cases[i].from, cases[i].to);
		int rc = read_text(text, &sdl, &e);

		for (size_t k = 0; k < sdl.finding_count && f == NULL; k++)
			if (strcmp(sdl.findings[k].path, cases[i].path) == 0 &&
			    strncmp(sdl.findings[k].rule, cases[i].rule, strlen(cases[i].rule)) ==
				    0)
				f = &sdl.findings[k];
		if (!ok(rc < 0 && e.code == &SDL_INVALID && f != NULL, "%s: %s", cases[i].path,
			cases[i].rule)) {
			for (size_t k = 0; k < sdl.finding_count; k++)
				printf("#   got %s: %s\n", sdl.findings[k].path,
				       sdl.findings[k].rule);
			continue;
		}
		if (!ok(f->line == cases[i].line && f->column == cases[i].column, "its place"))
			printf("#   got %u:%u, want %u:%u\n", f->line, f->column, cases[i].line,
			       cases[i].column);
		if (!ok(cases[i].cure == NULL
				? f->cure == NULL
				: f->cure != NULL && strncmp(f->cure, cases[i].cure,
							     strlen(cases[i].cure)) == 0,
			"its cure"))
			printf("#   got %s\n", f->cure != NULL ? f->cure : "none");
	}
}

static void
test_all_at_once(void)
{
	static const char text[] = "version: \"2.0\"\n"
				   "services:\n"
				   "  web:\n"
				   "    image: nginx\n"
				   "    expose:\n"
				   "      - port: 99999\n"
				   "profiles: {compute: {}, placement: {}}\n"
				   "deployment: {}\n";
	struct sdl sdl;
	struct err e = ERR_NONE;

	ok(read_text(text, &sdl, &e) < 0, "refused");
	is_int((long long)sdl.finding_count, 3, "all findings at once");
	ok(sdl.findings[0].line == 3 && sdl.findings[1].line == 4 && sdl.findings[2].line == 6,
	   "in the order of the file");
	is_str(e.text, "d.yaml:3:3: the service web is not deployed (3 findings)", "the error");
	is_str(sdl_finding_text(&arena, "d.yaml", text, &sdl.findings[2]),
	       "d.yaml:6:15: error: port must be 1 to 65535, got 99999\n"
	       "          - port: 99999\n"
	       "                  ^~~~~\n"
	       "  at services.web.expose.0.port\n"
	       "  help: for example port: 8080\n",
	       "as text");
	is_str(sdl_finding_text(&arena, "d.yaml", text, &sdl.findings[1]),
	       "d.yaml:4:12: error: the image has no tag, so nobody can say what will run\n"
	       "        image: nginx\n"
	       "               ^~~~~\n"
	       "  at services.web.image\n"
	       "  help: pin a tag, name:1.27, or a digest, name@sha256:...\n",
	       "as text, with a cure");
	ok(read_text("a: [", &sdl, &e) < 0 && sdl.finding_count == 0 &&
		   strcmp(e.code->name, "yaml_syntax") == 0,
	   "what is not YAML has no findings");
	ok(read_text("[]", &sdl, &e) < 0 && sdl.finding_count == 1, "a list is not a file");
	ok(read_text("version: \"2.0\"\n", &sdl, &e) < 0 && sdl.finding_count == 3,
	   "three sections are missing");
}

/* ------------------------------------------------------------------ */

static unsigned corpus_files, corpus_slow, corpus_good;

static int
corpus_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *dot = strrchr(path, '.');
	struct arena a;
	struct sdl sdl;
	struct err e = ERR_NONE;
	mono_t begin;
	char *text;
	FILE *file;
	size_t len;

	(void)ftw;
	if (type != FTW_F || dot == NULL || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		return 0;
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	arena_init(&a, 0);
	text = arena_alloc(&a, (size_t)st->st_size + 1);
	len = fread(text, 1, (size_t)st->st_size, file);
	fclose(file);
	begin = clock_mono();
	corpus_good += sdl_read(&a, "d.yaml", text, len, &sdl, &e) == 0;
	for (size_t i = 0; i < sdl.finding_count; i++)
		(void)!sdl_finding_text(&a, "d.yaml", text, &sdl.findings[i]);
	corpus_slow += clock_mono() - begin > 50 * MILLI_US;
	corpus_files++;
	arena_release(&a);
	return 0;
}

static void
test_corpus(void)
{
	const char *folder = getenv("GAVEL_CORPUS");

	if (folder == NULL) {
		ok(true, "files of others # SKIP no corpus");
		return;
	}
	nftw(folder, corpus_file, 16, FTW_PHYS);
	ok(corpus_files > 0, "%u files of others, %u of them deployable", corpus_files,
	   corpus_good);
	is_int(corpus_slow, 0, "none takes 50 ms");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_cpu();
	test_sizes();
	test_prices();
	test_good();
	test_rich();
	test_group_members();
	test_round_trip();
	test_variants();
	test_findings();
	test_all_at_once();
	test_corpus();
	arena_release(&arena);
	return tap_done();
}
