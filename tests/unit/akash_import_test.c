/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_import_test.c - what Akash reads as groups and manifests of our own:
 * the same as the strict reader makes of the file, and a finding for each
 * thing that cannot be leased here.
 */
#include "akash_files.h"

/* Everything that both readers take. */
static const char rich[] =
	"version: \"2.0\"\n"
	"services:\n"
	"  web:\n"
	"    image: registry.example/web:1.2\n"
	"    command: [/bin/web]\n"
	"    args: [-v, --listen]\n"
	"    env: [A=1, B]\n"
	"    credentials: {host: registry.example, username: u, password: p}\n"
	"    params:\n"
	"      tee: cpu\n"
	"      storage: {zone: {mount: /z}, data: {mount: /d, readOnly: true}, fast: {mount: /f}}\n"
	"    expose:\n"
	"      - {port: 9000, proto: udp, to: [{global: true, ip: front}]}\n"
	"      - port: 8080\n"
	"        as: 80\n"
	"        accept: [a.example]\n"
	"        http_options: {max_body_size: 2097152, next_cases: [error, 502]}\n"
	"        to: [{global: true}]\n"
	"      - {port: 22, as: 2222, to: [{global: true}, {service: db}]}\n"
	"  db:\n"
	"    image: postgres:15\n"
	"    expose: [{port: 5432}]\n"
	"endpoints: {front: {kind: ip}}\n"
	"profiles:\n"
	"  compute:\n"
	"    large:\n"
	"      resources:\n"
	"        cpu: {units: 1.5, attributes: {arch: arm64}}\n"
	"        memory: {size: 1Gi}\n"
	"        gpu: {units: 2, attributes: {vendor: {nvidia: [{model: h100, ram: 80Gi, "
	"interface: "
	"sxm}, {model: a100}]}}}\n"
	"        storage:\n"
	"          - {size: 2Gi}\n"
	"          - {name: zone, size: 1Gi}\n"
	"          - {name: data, size: 5Gi, attributes: {persistent: true, class: beta3}}\n"
	"          - {name: fast, size: 256Mi, attributes: {class: ram}}\n"
	"    small:\n"
	"      resources: {cpu: {units: 100m}, memory: {size: 64Mi}, storage: {size: 1Gi}}\n"
	"  placement:\n"
	"    west:\n"
	"      attributes: {region: west, host: \"*\"}\n"
	"      signedBy: {allOf: [0x00000000000000000000000000000000000000aa]}\n"
	"      pricing:\n"
	"        large: {denom: uact, amount: 12.5}\n"
	"        small: {denom: uact, amount: 3}\n"
	"deployment:\n"
	"  web: {west: {profile: large, count: 2}}\n"
	"  db: {west: {profile: small, count: 1}}\n"
	"reclamation: {min_window: 2h}\n";

static int
import_text(const char *text, struct sdl *out, struct err *e)
{
	struct akash in;

	if (read_text(text, &in, e) < 0)
		return -1;
	return akash_import(&arena, &in, out, e);
}

static void
is_strict(const char *text, const char *what)
{
	struct sdl got, want;
	struct err e = ERR_NONE, e2 = ERR_NONE;
	int rc = import_text(text, &got, &e);

	if (!ok(rc == 0 && sdl_read(&arena, "f", text, strlen(text), &want, &e2) == 0, "%s: taken",
		what)) {
		printf("# import: %s\n# strict: %s\n", e.text, e2.text);
		return;
	}
	is_int((long long)got.placement_count, (long long)want.placement_count, "placements");
	for (size_t i = 0; i < want.placement_count; i++) {
		is_str(json_encode(&arena, group_fields, &got.placements[i].group),
		       json_encode(&arena, group_fields, &want.placements[i].group), "group");
		is_str(json_encode(&arena, manifest_fields, &got.placements[i].manifest),
		       json_encode(&arena, manifest_fields, &want.placements[i].manifest),
		       "manifest");
		ok(rate_cmp(got.placements[i].max_rate, want.placements[i].max_rate) == 0, "rate");
		is_str(got.placements[i].denom, want.placements[i].denom, "denomination");
	}
}

static void
test_same_as_strict(void)
{
	const char *http = change(base, "as: 81", "as: 80");
	const char *two = change(http, "    west:\n",
				 "    east: {pricing: {small: {denom: uact, "
				 "amount: 7}}}\n    west:\n");

	two = change(two, "        accept: [a.example]\n", "");
	two = change(two, "    west: {", "    east: {profile: small, count: 2}\n    west: {");
	is_strict(http, "a small file");
	is_strict(two, "two placements");
	is_strict(rich, "one of everything");
	is_strict(change(rich, "mount: /f", "mount: /dev/shm"), "memory at /dev/shm");
	is_strict(change(http, "        to:\n          - global: true\n",
			 "        to:\n          - global: true\n      - port: 5\n"),
		  "a port for neighbours");
}

static void
test_findings(void)
{
	static const struct change cases[] = {
		{ "registry.example/web:1.2", "registry.example/Web", "an image is" },
		{ "tee: cpu", "permissions: {read: [logs]}", "permissions cannot be leased" },
		{ "env: [A=1, B]", "env: [A=1, A=2]", "stands twice" },
		{ "env: [A=1, B]", "env: [\"A=\\0\"]", "UTF-8 without NUL" },
		{ "args: [-v, --listen]", "args: [!!binary /w==]", "UTF-8 without NUL" },
		{ "args: [-v, --listen]", "args: [\"\\x01\"]", "control characters" },
		{ "mount: /z", "mount: /dev/shm", "only memory, of the class ram" },
		{ "mount: /f", "mount: /dev/shm/f", "nothing is mounted under" },
		{ "mount: /z", "mount: /proc/z", "nothing is mounted under" },
		{ "fast: {mount: /f}", "", "mounted nowhere" },
		{ "class: ram", "class: beta1, persistent: no", "has no class" },
		{ "{service: db}", "{service: nobody}", "is not in the placement" },
		{ "as: 2222", "as: 70000", "as must be 1 to 65535" },
		{ "allOf: [0x00000000000000000000000000000000000000aa]", "anyOf: [0xabc]",
		  "an auditor is an address" },
		{ "count: 2", "count: 101", "count must be 1 to 100" },
		{ "min_window: 2h", "min_window: 2h1ms", "whole seconds" },
		{ "min_window: 2h", "min_window: 9000h", "whole seconds" },
		{ "memory: {size: 64Mi}", "memory: {size: 4Mi}", "memory" },
		{ "region: west", "region: ''", "value" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct sdl sdl = { 0 };
		struct akash in;
		struct err e;
		const char *text = change(rich, cases[i].from, cases[i].to);
		bool said = false;

		if (!ok(read_text(text, &in, &e) == 0, "%s: Akash takes it", cases[i].to)) {
			printf("# %s\n", e.text);
			continue;
		}
		ok(akash_import(&arena, &in, &sdl, &e) < 0 && e.code == &SDL_INVALID &&
			   sdl.placement_count == 0,
		   "%s: cannot be leased", cases[i].to);
		for (size_t k = 0; k < sdl.finding_count; k++)
			said = said || strstr(sdl.findings[k].rule, cases[i].rule) != NULL;
		if (!ok(said, "%s: %s", cases[i].to, cases[i].rule))
			printf("# got %s\n", e.text);
	}
}

static const struct service *
first_service(const struct sdl *sdl)
{
	return sdl->placements[0].manifest.services.items;
}

/* Akash's auditors are left out and said, whatever else is wrong. */
static void
test_auditors(void)
{
	static const char ours[] = "0x00000000000000000000000000000000000000aa";
	const char *text = change(rich, "allOf: [0x00000000000000000000000000000000000000aa]",
				  "anyOf: [akash1abc, 0x00000000000000000000000000000000000000aa]");
	const struct group *g;
	struct sdl sdl = { 0 };
	struct err e = ERR_NONE;

	if (!ok(import_text(text, &sdl, &e) == 0, "leased: %s", e.text))
		return;
	g = &sdl.placements[0].group;
	ok(g->signed_any.count == 1 && strcmp(g->signed_any.items[0], ours) == 0 &&
		   g->signed_by.count == 0,
	   "only the market's own is asked for");
	ok(sdl.finding_count == 1 && sdl.findings[0].warning && sdl.findings[0].cure != NULL,
	   "one warning");
	text = sdl_finding_text(&arena, "f", text, &sdl.findings[0]);
	ok(strstr(text, ": warning: the auditor akash1abc is not of this market") != NULL, "%s",
	   text);
	text = change(change(rich, "registry.example/web:1.2", "Web"),
		      "allOf: [0x00000000000000000000000000000000000000aa]", "allOf: [akash1abc]");
	ok(import_text(text, &sdl, &e) < 0 && sdl.finding_count == 2 && !sdl.findings[0].warning &&
		   sdl.findings[1].warning && strstr(e.text, "(1 finding)") != NULL,
	   "with an error both are said, in order: %s", e.text);
}

/* Akash takes names at a port that is not HTTP, and forgets them. */
static void
test_accept(void)
{
	struct sdl sdl = { 0 };
	struct err e = ERR_NONE;
	const struct service *s;

	/* base has accept at the port 81. */
	if (!ok(import_text(base, &sdl, &e) == 0, "leased: %s", e.text))
		return;
	ok(sdl.finding_count == 1 && sdl.findings[0].warning &&
		   strstr(sdl.findings[0].rule, "accept goes with HTTP") != NULL,
	   "one warning");
	s = first_service(&sdl);
	is_int((long long)((const struct expose *)s->exposes.items)->hosts.count, 0, "no names");
}

/* Akash's files seldom say which version. */
static void
test_unpinned(void)
{
	static const char *const images[] = { "postgres", "postgres:latest" };

	for (size_t i = 0; i < NELEMS(images); i++) {
		const char *text = change(rich, "postgres:15", images[i]);
		struct sdl sdl = { 0 }, strict;
		struct err e = ERR_NONE, e2 = ERR_NONE;

		if (ok(import_text(text, &sdl, &e) == 0, "%s: leased: %s", images[i], e.text))
			is_str(first_service(&sdl)->image, images[i], "as it is written");
		ok(sdl_read(&arena, "f", text, strlen(text), &strict, &e2) < 0 &&
			   strstr(e2.text, "nobody can say what will run") != NULL,
		   "%s: not by the strict reader: %s", images[i], e2.text);
	}
}

/* More than we lease in one order. */
static void
test_many(void)
{
	const char *services = "", *lines = "", *text;
	struct sdl sdl;
	struct err e;

	for (unsigned i = 0; i < 16; i++) {
		services = arena_printf(&arena, "%s  s%u: {image: \"x:1\"}\n", services, i);
		lines = arena_printf(&arena, "%s  s%u: {west: {profile: small, count: 1}}\n", lines,
				     i);
	}
	text = change(base, "profiles:", arena_printf(&arena, "%sprofiles:", services));
	text = change(text, "deployment:\n", arena_printf(&arena, "deployment:\n%s", lines));
	ok(import_text(text, &sdl, &e) < 0 &&
		   strstr(e.text, "17 services in one placement") != NULL,
	   "17 services: %s", e.text);
}

int
main(void)
{
	arena_init(&arena, 0);
	test_same_as_strict();
	test_findings();
	test_auditors();
	test_accept();
	test_unpinned();
	test_many();
	arena_release(&arena);
	return tap_done();
}
