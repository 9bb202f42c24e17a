/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_test.c - manifests that came over the network: every rule, and that
 * the hash survives the way. */
#include "deploy/manifest.h"

#include "deploy/rules.h"
#include "tap.h"

static struct arena arena;

#define RESOURCES                                                                                  \
	"\"resources\":{\"cpu_milli\":250,\"memory_bytes\":67108864,\"storage_bytes\":67108864,"   \
	"\"gpus\":0,\"endpoints\":1}"
#define DB                                                                                         \
	"{\"name\":\"db\",\"image\":\"pg:16\",\"count\":1,"                                        \
	"\"resources\":{\"cpu_milli\":250,\"memory_bytes\":67108864,\"storage_bytes\":67108864,"   \
	"\"gpus\":0,\"endpoints\":0},"                                                             \
	"\"exposes\":[{\"port\":5432,\"as\":5432,\"proto\":\"tcp\",\"to\":[\"web\"]}]}"

static const char good[] =
	"{\"group\":\"eu\",\"services\":[" DB ",{\"name\":\"web\",\"image\":\"r.example:5000/a/"
	"web:1.0\",\"command\":[\"/bin/web\"],\"args\":[\"-p\",\"80\\n\"],\"env\":[\"A=1\",\"B=\"],"
	"\"count\":2," RESOURCES ",\"readonly\":true,\"exposes\":[{\"port\":80,\"as\":80,\"proto\":"
	"\"http\",\"global\":true,\"hosts\":[\"a.example.org\"]}],\"mounts\":[{\"volume\":\"data\","
	"\"path\":\"/var/data\",\"readonly\":true}],\"registry_user\":\"u\","
	"\"registry_password\":\"p\",\"registry_host\":\"r.example\"}]}";

static const char *
edited(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	if (at == NULL)
		fatal("the case edits nothing: %s", from);
	return arena_printf(&arena, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static int
check(const char *text, struct manifest *m, struct err *e)
{
	*m = (struct manifest){ 0 };
	if (json_decode(&arena, text, strlen(text), manifest_fields, m, e) < 0)
		return -1;
	return manifest_check(m, e);
}

static void
test_rules(void)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{ "\"eu\"", "\"e u\"", "a name is" },
		{ "\"name\":\"db\"", "\"name\":\"Db\"", "a name is" },
		{ DB, DB "," DB, "stands twice" },
		{ "web:1.0", "web:", "an image is" },
		{ "web:1.0", "web@sha256:12", "a digest is" },
		{ "web:1.0", "../web:1", "an image is" },
		{ "web:1.0", "web:1 --rm", "an image is" },
		{ "\"/bin/web\"", "\"\\u0007\"", "control characters" },
		{ "\"A=1\"", "\"A\"", "a variable is NAME=value" },
		{ "\"A=1\"", "\"=1\"", "a variable is NAME=value" },
		{ "\"A=1\"", "\"1A=1\"", "a variable's name" },
		{ "\"A=1\"", "\"B=1\"", "a variable stands twice" },
		{ "\"count\":2", "\"count\":0", "count must be" },
		{ "\"endpoints\":1", "\"endpoints\":0", "endpoints" },
		{ "\"port\":80", "\"port\":0", "a port must be" },
		{ "\"http\"", "\"sctp\"", "proto must be" },
		{ "\"http\"", "\"tcp\"", "host names go with http" },
		{ "\"a.example.org\"", "\"A.example.org\"", "a host name is" },
		{ "\"a.example.org\"", "\"*.example.org\"", "a host name is" },
		{ "\"a.example.org\"", "\"a.example.org\",\"a-.org\"", "parts of a host" },
		{ "[\"web\"]", "[\"mail\"]", "not another one" },
		{ "[\"web\"]", "[\"db\"]", "not another one" },
		{ "\"hosts\"", "\"to\":[\"db\"],\"hosts\"", "not both" },
		{ "\"data\"", "\"../data\"", "a name is" },
		{ "/var/data", "var", "starts with /" },
		{ "/var/data", "/var/../etc", "no . or .." },
		{ "/var/data", "/proc/self", "nothing is mounted" },
		{ "/var/data", "/dev/shm", "only memory" },
		{ "/var/data", "/dev/shm/x", "nothing is mounted" },
		{ "/var/data", "/", "the root itself" },
		{ "\"mounts\":[", "\"mounts\":[{\"volume\":\"x\",\"path\":\"/var/data\"},",
		  "stands twice" },
		{ "\"registry_user\":\"u\",", "", "go together" },
		{ "\"registry_user\":\"u\"", "\"registry_user\":\"\"", "single lines" },
		{ "\"registry_user\":\"u\"", "\"volumes_from\":\"0x12\",\"registry_user\":\"u\"",
		  "hash of a lease" },
		{ "\"registry_user\":\"u\"",
		  "\"volumes_from\":"
		  "\"0x00000000000000000000000000000000000000000000000000000000000000"
		  "01\",\"registry_user\":\"u\"",
		  "goes with a persistent volume" },
		{ "\"group\":\"eu\",", "", "/group" },
		{ "\"readonly\":true", "\"privileged\":true", "no such field" },
	};
	struct manifest m;
	struct err e = ERR_NONE;

	ok(check(good, &m, &e) == 0, "a good manifest: %s", e.text);
	for (size_t i = 0; i < NELEMS(cases); i++)
		if (!ok(check(edited(cases[i].from, cases[i].to), &m, &e) < 0 &&
				strstr(e.text, cases[i].want) != NULL,
			"refused: %s for %s", cases[i].want, cases[i].to))
			printf("#   got %s\n", e.text);
}

static void
test_images(void)
{
	static const struct {
		const char *image;
		bool good;
	} cases[] = {
		{ "nginx:1.27", true },
		{ "library/nginx:1.27-alpine", true },
		{ "127.0.0.1:5000/gavel/web:1", true },
		{ "localhost/web:1", true },
		{ "ghcr.io/a/b_c/d--e:v1.0_x", true },
		{ "nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		  true },
		{ "n:latest@sha256:"
		  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		  true },
		{ "nginx", false },
		{ "nginx:latest", false },
		{ "nginx:", false },
		{ "", false },
		{ ":1", false },
		{ "/nginx:1", false },
		{ "a//b:1", false },
		{ "a/b/:1", false },
		{ "Nginx:1", false },
		{ "host:port/nginx:1", false },
		{ "host:5000/:1", false },
		{ "a:1:2", false },
		{ "nginx:1@sha512:00", false },
		{ "nginx@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		  false },
		{ "https://docker.io/nginx:1", false },
		{ "a b:1", false },
		{ "nginx:-1", false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++)
		ok((rule_image_pinned(cases[i].image) == NULL) == cases[i].good, "\"%s\" is %s",
		   cases[i].image, cases[i].good ? "taken" : "refused");
	for (size_t i = 0; i < NELEMS(cases); i++) {
		const char *image = cases[i].image;
		bool formed = cases[i].good || strcmp(image, "nginx") == 0 ||
			      strcmp(image, "nginx:latest") == 0;

		ok((rule_image(image) == NULL) == formed, "the form of \"%s\" is %s", image,
		   formed ? "taken" : "refused");
	}
}

static void
test_hash(void)
{
	struct manifest m, back;
	struct err e = ERR_NONE;
	struct hash before, after;
	const char *text;

	ok(check(good, &m, &e) == 0, "a good manifest");
	text = json_encode(&arena, manifest_fields, &m);
	is_str(text, good, "the canonical text");
	before = manifest_hash(&m);
	ok(check(text, &back, &e) == 0, "read again");
	after = manifest_hash(&back);
	ok(hash_equal(&before, &after), "the same hash");
	ok(check(edited("\"A=1\"", "\"A=2\""), &back, &e) == 0, "another variable");
	after = manifest_hash(&back);
	ok(!hash_equal(&before, &after), "another hash");
}

/* The group that belongs to `good`, then one thing of it changed. */
static void
test_matches(void)
{
	struct group_service services[2] = {
		{ .name = "db",
		  .count = 1,
		  .resources = { .cpu_milli = 250,
				 .memory_bytes = 67108864,
				 .storage_bytes = 67108864 } },
		{ .name = "web",
		  .count = 2,
		  .resources = { .cpu_milli = 250,
				 .memory_bytes = 67108864,
				 .storage_bytes = 67108864,
				 .endpoints = 1 } },
	};
	struct group g = { .services = { services, 2 } };
	struct err e = ERR_NONE;
	struct manifest m;

	ok(check(good, &m, &e) == 0 && manifest_matches(&m, &g, &e) == 0,
	   "what was auctioned runs");
	services[1].count = 1;
	ok(manifest_matches(&m, &g, &e) < 0 && e.code == &MANIFEST_BAD, "one copy more does not");
	services[1].count = 2;
	services[0].resources.memory_bytes--;
	ok(manifest_matches(&m, &g, &e) < 0, "nor a byte more");
	services[0].resources.memory_bytes++;
	services[0].name = "web";
	ok(manifest_matches(&m, &g, &e) < 0, "nor another service");
	services[0].name = "db";
	g.services.count = 1;
	ok(manifest_matches(&m, &g, &e) < 0, "nor one more of them");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_rules();
	test_images();
	test_hash();
	test_matches();
	arena_release(&arena);
	return tap_done();
}
