/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a session, lines of a log, and what people type about both. */
#include "lease/frames.h"
#include "lib/clock.h"
#include "tests/unit/tap.h"

static struct arena arena;

static void
messages(void)
{
	static const uint8_t out[] = { 1, 'a', 0, 'b' }, end[] = { 0 }, unknown[] = { 6, 'x' };
	const uint8_t *data;
	enum frame_kind kind;
	size_t len;

	ok(frame_read(out, sizeof(out), &kind, &data, &len) && kind == FRAME_STDOUT && len == 3 &&
		   memcmp(data, "a\0b", 3) == 0,
	   "bytes of stdout, a NUL among them");
	ok(frame_read(end, sizeof(end), &kind, &data, &len) && kind == FRAME_STDIN && len == 0,
	   "the end of stdin");
	ok(!frame_read(out, 0, &kind, &data, &len), "a message without a kind");
	ok(!frame_read(unknown, sizeof(unknown), &kind, &data, &len), "a kind of the future");
}

static void
documents(void)
{
	static const char *const bad[] = { "{\"rows\":24}",
					   "{\"rows\":5000,\"cols\":80}",
					   "{\"rows\":-1,\"cols\":80}",
					   "{\"rows\":24,\"cols\":80,\"x\":1}",
					   "24x80",
					   "" };
	struct frame_resize size = { 24, 80 }, back = { 0, 0 };
	struct frame_exit x = { 137 };
	struct err e = ERR_NONE;
	const char *text = json_encode(&arena, frame_resize_fields, &size);

	ok(json_decode(&arena, text, strlen(text), frame_resize_fields, &back, &e) == 0 &&
		   back.rows == 24 && back.cols == 80,
	   "a size there and back");
	for (size_t i = 0; i < NELEMS(bad); i++)
		ok(json_decode(&arena, bad[i], strlen(bad[i]), frame_resize_fields, &back, &e) < 0,
		   "no size: %s", bad[i]);
	is_str(json_encode(&arena, frame_exit_fields, &x), "{\"status\":137}", "an exit");
}

#define AT "2026-11-25T05:10:35.123456Z"

static void
lines(void)
{
	static const struct {
		const char *line;
		bool with_unit, good;
	} cases[] = {
		{ AT " o text", false, true },
		{ AT " e ", false, true },
		{ AT " - exited 137, out of memory", false, true },
		{ "web.0 " AT " o text", true, true },
		{ AT " o text", true, false },
		{ "web.0 " AT " o text", false, false },
		{ AT " x text", false, false },
		{ AT " o", false, false },
		{ AT, false, false },
		{ "2026-11-25T05:10:35Z o text", false, false },
		{ "2026-11-25T05:10:3 .123456Z o text", false, false },
		{ " " AT " o text", true, false },
		{ "", false, false },
		{ "", true, false },
	};
	struct log_line l;

	for (size_t i = 0; i < NELEMS(cases); i++)
		ok(log_line_read(cases[i].line, strlen(cases[i].line), cases[i].with_unit, &l) ==
			   cases[i].good,
		   "%s line: \"%s\"", cases[i].good ? "a" : "no", cases[i].line);
	ok(log_line_read("web.1 " AT " e a b", 6 + 27 + 6, true, &l) && l.unit_len == 5 &&
		   l.stream == 'e' && l.text_len == 3 && memcmp(l.text, "a b", 3) == 0 &&
		   memcmp(l.time, AT, FRAMES_TIME_LEN) == 0,
	   "the parts of a line");
}

static void
since(void)
{
	static const struct {
		const char *text;
		int64_t back_s; /* -1: refused */
	} cases[] = { { "10m", 600 },	{ "45s", 45 }, { "1h30m", 5400 }, { "2d", 172800 },
		      { "0s", 0 },	{ "10", -1 },  { "m", -1 },	  { "", -1 },
		      { "10m x", -1 },	{ "-5m", -1 }, { "10y", -1 },	  { "yesterday", -1 },
		      { "1h 30m", -1 }, { "5m3", -1 } };
	const wall_t now = INT64_C(1800000000) * SECOND_US;
	struct err e = ERR_NONE;
	wall_t at = 0;

	for (size_t i = 0; i < NELEMS(cases); i++) {
		int got = since_read(cases[i].text, now, &at, &e);

		ok(cases[i].back_s < 0 ? got < 0
				       : got == 0 && at == now - cases[i].back_s * SECOND_US,
		   "since \"%s\"", cases[i].text);
	}
	ok(since_read("2026-11-25T05:10:35Z", now, &at, &e) == 0 &&
		   at == INT64_C(1795583435) * SECOND_US,
	   "since a time");
	ok(since_read("2026-13-25T05:10:35Z", now, &at, &e) < 0, "no such month");
}

static void
paths(void)
{
	static const struct {
		const char *text, *name, *service, *path; /* name NULL: of this machine */
	} cases[] = {
		{ "web:/tmp", "web", NULL, "/tmp" },
		{ "web/db:/tmp", "web", "db", "/tmp" },
		{ "web:", "web", NULL, "" },
		{ "web:a:b", "web", NULL, "a:b" },
		{ "./a:b", NULL, NULL, NULL },
		{ "/a:b", NULL, NULL, NULL },
		{ "a/b/c:d", NULL, NULL, NULL },
		{ "a/:d", NULL, NULL, NULL },
		{ "file", NULL, NULL, NULL },
		{ ":x", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
		{ "..:x", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct remote_path p = { NULL, NULL, NULL };
		bool remote = remote_path_read(&arena, cases[i].text, &p);

		ok(remote == (cases[i].name != NULL) &&
			   (!remote ||
			    (strcmp(p.name, cases[i].name) == 0 &&
			     strcmp(p.path, cases[i].path) == 0 &&
			     (p.service == NULL) == (cases[i].service == NULL) &&
			     (p.service == NULL || strcmp(p.service, cases[i].service) == 0))),
		   "path \"%s\"", cases[i].text);
	}
}

static void
ports(void)
{
	static const struct {
		const char *text;
		bool good;
		uint32_t local, port;
	} cases[] = { { "80", true, 80, 80 },	 { "8080:80", true, 8080, 80 },
		      { "0:80", true, 0, 80 },	 { "65535:65535", true, 65535, 65535 },
		      { "0", false, 0, 0 },	 { "80:0", false, 0, 0 },
		      { "65536", false, 0, 0 },	 { "1:65536", false, 0, 0 },
		      { "", false, 0, 0 },	 { ":80", false, 0, 0 },
		      { "80:", false, 0, 0 },	 { "a:80", false, 0, 0 },
		      { "-1:80", false, 0, 0 },	 { "80:80:80", false, 0, 0 },
		      { "080000", false, 0, 0 }, { " 80", false, 0, 0 } };
	uint32_t local, port;
	struct err e = ERR_NONE;

	for (size_t i = 0; i < NELEMS(cases); i++) {
		int got = forward_ports_read(cases[i].text, &local, &port, &e);

		ok(cases[i].good ? got == 0 && local == cases[i].local && port == cases[i].port
				 : got < 0,
		   "ports \"%s\"", cases[i].text);
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	messages();
	documents();
	lines();
	since();
	paths();
	ports();
	arena_release(&arena);
	return tap_done();
}
