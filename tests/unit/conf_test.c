/* SPDX-License-Identifier: Apache-2.0 */
/* conf_test.c - settings files: defaults, units by the field's name, errors with
 * file, line, column, setting and rule. */
#include "lib/conf.h"

#include <unistd.h>

#include "tap.h"

struct peer {
	const char *name;
	uint32_t weight;
	uint64_t bytes;
};

struct settings {
	const char *listen, *note;
	uint32_t port, timeout_ms, window_min_s;
	uint64_t cache_bytes, chain_id;
	bool open;
	struct address escrow;
	struct json_strs allow;
	struct json_list peers;
};

#define T struct peer
static const struct json_field peer_fields[] = { JSON_STR(T, name, 20, 0),
						 JSON_U32(T, weight, 10, JSON_OPTIONAL),
						 JSON_U64(T, bytes, JSON_OPTIONAL), JSON_END };
#undef T

#define T struct settings
static const struct json_field fields[] = { JSON_STR(T, listen, 20, 0),
					    JSON_STR(T, note, 20, JSON_OPTIONAL),
					    JSON_U32(T, port, 65535, JSON_OPTIONAL),
					    JSON_U32(T, timeout_ms, 60000, JSON_OPTIONAL),
					    JSON_U32(T, window_min_s, 0, JSON_OPTIONAL),
					    JSON_U64(T, cache_bytes, JSON_OPTIONAL),
					    JSON_U64(T, chain_id, JSON_OPTIONAL),
					    JSON_BOOLEAN(T, open, JSON_OPTIONAL),
					    JSON_ADDRESS(T, escrow, JSON_OPTIONAL),
					    JSON_STRS(T, allow, 3, JSON_OPTIONAL),
					    JSON_LIST(T, peers, peer_fields, struct peer, 4,
						      JSON_OPTIONAL),
					    JSON_END };
#undef T

static struct arena arena;

static int
parse(const char *text, struct settings *s, struct err *e)
{
	*s = (struct settings){ .port = 8480, .timeout_ms = 400, .note = "none" };
	return conf_parse(&arena, "a.yaml", text, strlen(text), fields, s, e);
}

static void
test_values(void)
{
	struct settings s;
	struct err e = ERR_NONE;

	ok(parse("listen: 127.0.0.1\n", &s, &e) == 0, "only what is required");
	is_str(s.listen, "127.0.0.1", "the value");
	is_int(s.port, 8480, "a default stays");
	is_str(s.note, "none", "a default text stays");

	ok(parse("listen: '::1'\nnote: 17\nport: 1\ntimeout_ms: 2s\nwindow_min_s: 10m\n"
		 "cache_bytes: 64MiB\nchain_id: 31337\nopen: true\n"
		 "escrow: 0x00000000000000000000000000000000000000aa\nallow: [a, 2, true]\n"
		 "peers:\n  - name: x\n  - {name: 7, weight: 3, bytes: 2KiB}\n",
		 &s, &e) == 0,
	   "all kinds: %s", e.text);
	is_str(s.note, "17", "a number where text is meant");
	is_int(s.timeout_ms, 2000, "2s in ms");
	is_int(s.window_min_s, 600, "10m in s");
	is_int((long long)s.cache_bytes, 64 << 20, "64MiB in bytes");
	is_int((long long)s.chain_id, 31337, "a number without unit");
	ok(s.open, "a truth");
	is_int(s.escrow.b[19], 0xaa, "an address");
	is_str(s.allow.items[1], "2", "a number in a list of texts");
	is_str(((struct peer *)s.peers.items)[1].name, "7", "text inside a list");
	is_int((long long)((struct peer *)s.peers.items)[1].bytes, 2048, "bytes alone is a unit");
	ok(parse("listen: a\nport:\nnote: ~\n", &s, &e) == 0 && s.port == 8480,
	   "null keeps the default");
}

static void
test_refusals(void)
{
	static const struct {
		const char *text, *field, *want;
	} cases[] = {
		{ "port: 1\n", "/listen", "a.yaml:1:1: listen: the field is required" },
		{ "listen: a\nprot: 1\n", "/prot", "a.yaml:2:1: prot: there is no such field" },
		{ "listen: a\nport: 65536\n", "/port",
		  "a.yaml:2:7: port: the number is too large" },
		{ "listen: a\nport: x\n", "/port", "a.yaml:2:7: port: expected a whole number" },
		{ "listen: a\nopen: yes\n", "/open", "a.yaml:2:7: open: expected true or false" },
		{ "listen: a\ntimeout_ms: 1x\n", "/timeout_ms",
		  "a.yaml:2:13: timeout_ms: expected a duration" },
		{ "listen: a\ntimeout_ms: 2m\n", "/timeout_ms",
		  "a.yaml:2:13: timeout_ms: the number is too large" },
		{ "listen: a\nwindow_min_s: 400ms\n", "/window_min_s",
		  "a.yaml:2:15: window_min_s: not a whole number in the unit" },
		{ "listen: a\ncache_bytes: 10s\n", "/cache_bytes",
		  "a.yaml:2:14: cache_bytes: expected a size" },
		{ "listen: a\ncache_bytes: 999999999TiB\n", "/cache_bytes",
		  "a.yaml:2:14: cache_bytes: the number is too large" },
		{ "listen: a\nchain_id: 10s\n", "/chain_id", "a.yaml:2:11: chain_id: expected" },
		{ "listen: a\npeers:\n  - name: x\n    weight: 11\n", "/peers/0/weight",
		  "a.yaml:4:13: peers/0/weight: the number is too large" },
		{ "listen: a\nescrow: 0x12\n", "/escrow", "a.yaml:2:9: escrow: " },
		{ "listen: a\nlisten: b\n", "", "a.yaml:2:1: key \"listen\" stands twice" },
		{ "- a\n", "", "a.yaml:1:1: settings: expected an object" },
		{ "listen: &a b\n", "", "a.yaml:1:12: anchors" },
	};
	struct settings s;

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;

		if (!ok(parse(cases[i].text, &s, &e) < 0 && e.code == &ERR_CONFIG &&
				strncmp(e.text, cases[i].want, strlen(cases[i].want)) == 0,
			"refused: %s", cases[i].want))
			printf("#   got %s\n", e.text);
		is_str(e.field, cases[i].field, "names the setting");
	}
}

static void
test_files(void)
{
	char path[] = "/tmp/conf_test.XXXXXX";
	int fd = mkstemp(path);
	struct settings s = { 0 };
	struct err e = ERR_NONE;

	ok(fd >= 0 && write(fd, "listen: x\n", 10) == 10, "write a file");
	ok(conf_read(&arena, path, fields, &s, &e) == 0, "read it");
	is_str(s.listen, "x", "the value");
	close(fd);
	unlink(path);
	ok(conf_read(&arena, path, fields, &s, &e) < 0 && e.code == &ERR_CONFIG &&
		   strstr(e.text, path) != NULL,
	   "a missing file is named");
	ok(conf_read(&arena, "/tmp", fields, &s, &e) < 0, "a folder is not a file");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_values();
	test_refusals();
	test_files();
	arena_release(&arena);
	return tap_done();
}
