/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers' images say, and what is made of it. */
#include "deploy/oci.h"
#include "tests/unit/tap.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TAR   "application/vnd.oci.image.layer.v1.tar"
#define BLOB  "{\"mediaType\":\"" TAR "\",\"digest\":\"sha256:" HEX64 "\",\"size\":7}"

static struct arena arena;

static void
test_digest(void)
{
	static const struct {
		const char *text;
		bool fine;
	} cases[] = {
		{ "sha256:" HEX64, true },
		{ HEX64, false },
		{ "sha512:" HEX64, false },
		{ "sha256:" HEX64 "0", false },
		{ "sha256:../../etc/passwd", false },
		{ "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		  false },
		{ "", false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		struct hash h;

		ok((oci_digest_read(cases[i].text, &h, &e) == 0) == cases[i].fine, "digest %s",
		   cases[i].text);
	}
}

static void
test_documents(void)
{
	static const char two[] = "{\"manifests\":[" BLOB ",{\"digest\":\"sha256:" HEX64
				  "\",\"size\":9,\"annotations\":{"
				  "\"org.opencontainers.image.ref.name\":\"image\"}}]}";
	static const struct {
		const char *what, *text;
		bool fine;
	} indexes[] = {
		{ "one manifest", "{\"schemaVersion\":2,\"manifests\":[" BLOB "]}", true },
		{ "the tagged of two", two, true },
		{ "two, none tagged", "{\"manifests\":[" BLOB "," BLOB "]}", false },
		{ "none", "{\"manifests\":[]}", false },
		{ "no list", "{}", false },
		{ "not an object", "[]", false },
		{ "not JSON", "{", false },
		{ "negative size", "{\"manifests\":[{\"digest\":\"sha256:" HEX64 "\",\"size\":-1}]}", false },
		{ "size as text", "{\"manifests\":[{\"digest\":\"sha256:" HEX64 "\",\"size\":\"1\"}]}",
		  false },
		{ "a path for a digest", "{\"manifests\":[{\"digest\":\"sha256:../x\",\"size\":1}]}", false },
	}, manifests[] = {
		{ "manifest", "{\"config\":" BLOB ",\"layers\":[" BLOB "," BLOB "]}", true },
		{ "without layers", "{\"config\":" BLOB "}", false },
		{ "a layer of another kind",
		  "{\"config\":" BLOB ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX64
		  "\",\"size\":1}]}",
		  false },
		{ "a layer elsewhere",
		  "{\"config\":" BLOB ",\"layers\":[{\"mediaType\":\"" TAR "\",\"digest\":\"sha256:" HEX64
		  "\",\"size\":1,\"urls\":[\"http://a/b\"]}]}",
		  false },
		{ "without config", "{\"layers\":[]}", false },
		{ "huge config",
		  "{\"config\":{\"digest\":\"sha256:" HEX64 "\",\"size\":999999999},\"layers\":[]}", false },
	};
	struct oci_manifest m;
	struct oci_blob blob;

	for (size_t i = 0; i < NELEMS(indexes); i++) {
		struct err e = ERR_NONE;

		ok((oci_index(&arena, indexes[i].text, strlen(indexes[i].text), "image", &blob,
			      &e) == 0) == indexes[i].fine,
		   "index: %s", indexes[i].what);
		if (i == 1)
			is_int((long long)blob.size, 9, "and it is the right one");
	}
	for (size_t i = 0; i < NELEMS(manifests); i++) {
		struct err e = ERR_NONE;

		ok((oci_manifest(&arena, manifests[i].text, strlen(manifests[i].text), &m, &e) ==
		    0) == manifests[i].fine,
		   "manifest: %s", manifests[i].what);
		if (i == 0)
			is_int((long long)m.layer_bytes, 14, "layers are summed");
	}
}

static void
test_choose(void)
{
#define VARIANT(os, arch, n)                                                                       \
	"{\"digest\":\"sha256:" HEX64 "\",\"size\":" n ",\"platform\":{\"os\":\"" os               \
	"\",\"architecture\":\"" arch "\"}}"
#define INDEX(list) "{\"schemaVersion\":2,\"manifests\":[" list "]}"
	static const struct {
		const char *what, *text;
		int result, size;
		const struct code *code;
	} cases[] = {
		{ "a manifest", "{\"schemaVersion\":2,\"layers\":[]}", 0, 0, NULL },
		{ "an index of two",
		  INDEX(VARIANT("linux", "arm64", "1") "," VARIANT("linux", "amd64", "2")), 1, 2,
		  NULL },
		{ "an index without ours",
		  INDEX(VARIANT("linux", "arm64", "1") "," VARIANT("windows", "amd64", "2")), -1, 0,
		  &OCI_PLATFORM },
		{ "an index without platforms", INDEX("{}"), -1, 0, &OCI_PLATFORM },
		{ "an empty index", INDEX(""), -1, 0, &OCI_PLATFORM },
		{ "schema 1", "{\"schemaVersion\":1,\"fsLayers\":[]}", -1, 0, &OCI_BAD },
		{ "no version", "{\"layers\":[]}", -1, 0, &OCI_BAD },
		{ "neither", "{\"schemaVersion\":2}", -1, 0, &OCI_BAD },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct oci_blob blob = { .size = 0 };
		struct err e = ERR_NONE;

		is_int(oci_choose(&arena, cases[i].text, strlen(cases[i].text), &blob, &e),
		       cases[i].result, cases[i].what);
		ok(e.code == cases[i].code && (int)blob.size == cases[i].size,
		   "%s: code and choice", cases[i].what);
	}
}

static void
test_diffs(void)
{
	static const char text[] = "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX64
				   "\",\"sha256:" HEX64 "\"]}}";
	struct image_config config;
	struct err e = ERR_NONE;

	ok(oci_config(&arena, text, sizeof(text) - 1, &config, &e) == 0, "a config with diff ids");
	is_int((long long)config.diff_count, 2, "both are read");
	is_int(config.diffs[1].b[0], 0x01, "as hashes");
}

static void
test_layers(void)
{
	char *text = arena_strdup(&arena, "{\"config\":" BLOB ",\"layers\":[" BLOB);
	struct oci_manifest m;
	struct err e = ERR_NONE;

	for (int i = 0; i < 127; i++)
		text = arena_printf(&arena, "%s," BLOB, text);
	text = arena_printf(&arena, "%s]}", text);
	ok(oci_manifest(&arena, text, strlen(text), &m, &e) < 0 && e.code == &OCI_TOO_BIG,
	   "128 layers are too many");
}

static void
test_config(void)
{
	static const struct {
		const char *what, *text;
		bool fine;
	} cases[] = {
		{ "empty", "{}", true },
		{ "null config", "{\"config\":null}", true },
		{ "nulls inside", "{\"config\":{\"Cmd\":null,\"Env\":null,\"User\":null}}", true },
		{ "unknown members", "{\"config\":{\"Labels\":{\"a\":\"b\"}},\"history\":[]}",
		  true },
		{ "another machine", "{\"architecture\":\"arm64\",\"os\":\"linux\"}", false },
		{ "another system", "{\"architecture\":\"amd64\",\"os\":\"windows\"}", false },
		{ "command as text", "{\"config\":{\"Cmd\":\"sh\"}}", false },
		{ "number in a list", "{\"config\":{\"Cmd\":[1]}}", false },
		{ "NUL in an argument", "{\"config\":{\"Cmd\":[\"a\\u0000b\"]}}", false },
		{ "NUL in the user", "{\"config\":{\"User\":\"0\\u00001\"}}", false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct image_config c;
		struct err e = ERR_NONE;

		ok((oci_config(&arena, cases[i].text, strlen(cases[i].text), &c, &e) == 0) ==
			   cases[i].fine,
		   "config: %s", cases[i].what);
	}
}

static const char *
joined(const char *const *list, size_t count)
{
	const char *text = "";

	for (size_t i = 0; i < count; i++)
		text = arena_printf(&arena, "%s%s%s", text, i > 0 ? "|" : "", list[i]);
	return text;
}

static void
test_process(void)
{
	static const char config[] = "{\"config\":{\"Entrypoint\":[\"e1\",\"e2\"],\"Cmd\":[\"c1\"],"
				     "\"Env\":[\"A=1\",\"B=2\"],\"WorkingDir\":\"/w\"}}";
	static const char *command[] = { "k" }, *args[] = { "x", "y" }, *env[] = { "B=9", "C=3" };
	static const struct {
		size_t commands, args;
		const char *want;
	} cases[] = {
		{ 0, 0, "e1|e2|c1" },
		{ 1, 0, "k" },
		{ 0, 2, "e1|e2|x|y" },
		{ 1, 2, "k|x|y" },
	};
	struct image_config image, bare = { .user = "", .workdir = "/" };
	struct bundle_process p = { .cwd = NULL };
	struct err e = ERR_NONE;
	struct service s = { .name = "s" };

	ok(oci_config(&arena, config, strlen(config), &image, &e) == 0, "config");
	for (size_t i = 0; i < NELEMS(cases); i++) {
		s.command = (struct json_strs){ command, cases[i].commands };
		s.args = (struct json_strs){ args, cases[i].args };
		ok(oci_process(&arena, &image, &s, &p, &e) == 0, "process %zu", i);
		is_str(joined(p.args, p.arg_count), cases[i].want, "its words");
	}
	s.env = (struct json_strs){ env, 2 };
	ok(oci_process(&arena, &image, &s, &p, &e) == 0, "with variables");
	is_str(joined(p.env, p.env_count),
	       "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|A=1|B=9|C=3",
	       "the service's go over the image's");
	is_str(p.cwd, "/w", "the image's directory");
	s.command.count = s.args.count = 0;
	ok(oci_process(&arena, &bare, &s, &p, &e) < 0, "nothing to run is refused");
	image.workdir = "/proc/self/fd/7";
	ok(oci_process(&arena, &image, &s, &p, &e) < 0, "an image that starts in /proc is refused");
}

static void
test_user(void)
{
	static const char passwd[] = "root:x:0:0:r:/root:/bin/sh\nweb:x:1000:50::/:/bin/sh\n"
				     "big:x:4294967296:0::/:\nshort:x\nneg:x:-1:0::/:\n";
	static const char group[] = "root:x:0:\nstaff:x:77:web\n";
	static const struct {
		const char *user;
		long uid, gid; /* -1: refused */
	} cases[] = {
		{ "", 0, 0 },
		{ "0", 0, 0 },
		{ "1000", 1000, 50 },
		{ "1001", 1001, 0 },
		{ "web", 1000, 50 },
		{ "web:staff", 1000, 77 },
		{ "web:9", 1000, 9 },
		{ "5:6", 5, 6 },
		{ "5:", 5, 0 },
		{ ":6", 0, 6 },
		{ "nobody", -1, 0 },
		{ "web:nogroup", -1, 0 },
		{ "65535", 65535, 0 },
		{ "65536", -1, 0 },
		{ "4294967296", -1, 0 },
		{ "18446744073709551616", -1, 0 },
		{ "0:65536", -1, 0 },
		{ "-1", -1, 0 },
		{ "big", -1, 0 },
		{ "short", -1, 0 },
		{ "neg", -1, 0 },
		{ " 0", -1, 0 },
		{ "00000000", -1, 0 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		uint32_t uid = 99, gid = 99;
		struct err e = ERR_NONE;
		int result = oci_user(cases[i].user, passwd, group, &uid, &gid, &e);

		ok(cases[i].uid < 0 ? result < 0
				    : result == 0 && uid == cases[i].uid && gid == cases[i].gid,
		   "user \"%s\": %d %u:%u", cases[i].user, result, uid, gid);
	}
	{
		uint32_t uid, gid;
		struct err e = ERR_NONE;

		ok(oci_user("12", NULL, NULL, &uid, &gid, &e) == 0 && uid == 12,
		   "no files, a number");
		ok(oci_user("web", NULL, NULL, &uid, &gid, &e) < 0, "no files, a name");
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	test_digest();
	test_documents();
	test_choose();
	test_diffs();
	test_layers();
	test_config();
	test_process();
	test_user();
	arena_release(&arena);
	return tap_done();
}
