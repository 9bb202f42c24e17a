/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose_test.c - compose files to deployment files: the words of compose, what
 * comes of each key, what is refused and noted; and that the results are read
 * without a finding, and stay as they are when they are formatted.
 */
#include "deploy/compose.h"

#include "deploy/compose_read.h"
#include "deploy/sdl_format.h"
#include "lib/yaml.h"
#include "tap.h"

static struct arena arena;

/* ------------------------------------------------------------------ */
/* Words.                                                              */

static void
words(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = { { "512m", UINT64_C(512) << 20 },
		      { "1g", UINT64_C(1) << 30 },
		      { "1.5GB", UINT64_C(3) << 29 },
		      { "64MiB", UINT64_C(64) << 20 },
		      { "100k", 102400 },
		      { "4096b", 4096 },
		      { "4096", 4096 },
		      { "2T", UINT64_C(2) << 40 },
		      { "", 0 },
		      { "lots", 0 },
		      { "1x", 0 },
		      { "1mm", 0 },
		      { "99999999999t", 0 } };
	static const struct {
		const char *text;
		int64_t seconds;
	} durations[] = { { "30s", 30 }, { "1m30s", 90 }, { "500ms", 1 }, { "1h", 3600 },
			  { "1.5s", 2 }, { "0s", 0 },	  { "10", 10 },	  { "1500ms", 2 },
			  { "", -1 },	 { "x", -1 },	  { "5d", -1 },	  { "s", -1 } };
	uint32_t seconds;

	for (size_t i = 0; i < NELEMS(sizes); i++)
		is_int((long long)compose_bytes(sizes[i].text), (long long)sizes[i].bytes,
		       sizes[i].text);
	for (size_t i = 0; i < NELEMS(durations); i++)
		is_int(compose_seconds(durations[i].text, &seconds) ? (int64_t)seconds : -1,
		       durations[i].seconds, durations[i].text);
}

static void
split_is(const char *text, const char *want)
{
	const char *got = "";
	struct json_strs s;

	if (!compose_split(&arena, text, &s))
		got = "unclosed";
	else
		for (size_t i = 0; i < s.count; i++)
			got = arena_printf(&arena, "%s[%s]", got, s.items[i]);
	is_str(got, want, text);
}

static void
ports_are(const char *text, const char *want)
{
	struct compose_port p[COMPOSE_PORTS_MAX];
	size_t count;
	bool local;
	const char *fault = compose_ports_read(text, p, &count, &local),
		   *got = local ? "local" : "";

	if (fault != NULL)
		got = "fault";
	else
		for (size_t i = 0; i < count; i++)
			got = arena_printf(&arena, "%s %u:%u%s", got, p[i].published, p[i].target,
					   p[i].udp ? "u" : "");
	is_str(got, want, text);
}

static void
lines(void)
{
	split_is("npm run start", "[npm][run][start]");
	split_is("  sh -c 'echo \"a b\"'  ", "[sh][-c][echo \"a b\"]");
	split_is("a\\ b \"c\\\"d\" ''", "[a b][c\"d][]");
	split_is("a 'b", "unclosed");
	split_is("", "");
	ports_are("80", " 0:80");
	ports_are("8080:80", " 8080:80");
	ports_are("53:53/udp", " 53:53u");
	ports_are("127.0.0.1:5000:5001", "local 5000:5001");
	ports_are("127.0.0.1::5001", "local 0:5001");
	ports_are("0.0.0.0:80:80/tcp", " 80:80");
	ports_are("[::1]:80:81", "local 80:81");
	ports_are("3000-3002", " 0:3000 0:3001 0:3002");
	ports_are("9000-9001:80-81", " 9000:80 9001:81");
	ports_are("9000-9002:80-81", "fault");
	ports_are("70000", "fault");
	ports_are("0", "fault");
	ports_are("", "fault");
	ports_are("80/sctp", "fault");
	ports_are("http", "fault");
	ports_are("81-80", "fault");
	ports_are("1-60000", "fault");
}

/* ------------------------------------------------------------------ */
/* Keys.                                                               */

static struct compose made;

static bool
convert(const char *text)
{
	struct err e = ERR_NONE;

	return compose_convert(&arena, "c.yml", text, strlen(text), &made, &e) == 0;
}

/* The service `web` with these lines, indented by 4, gives a file with `want`. */
static void
gives(const char *what, const char *line, const char *want)
{
	const char *text = arena_printf(&arena, "services:\n  web:\n    image: a/b:1\n%s", line);
	bool found = convert(text) && strstr(made.sdl, want) != NULL;

	ok(found, "%s", what);
	if (!found)
		printf("# want\n%s# in\n%s", want, made.sdl != NULL ? made.sdl : "nothing");
}

static void
keys(void)
{
	gives("an image", "", "  web:\n    image: a/b:1\n");
	gives("a command line", "    command: run --it \"x y\"\n",
	      "    args:\n      - run\n      - --it\n      - x y\n");
	gives("an entrypoint", "    entrypoint: [\"/a\", \"1\"]\n",
	      "    command:\n      - /a\n      - \"1\"\n");
	gives("variables as a mapping", "    environment: {A: 1, B: 'x: y', C: }\n",
	      "    env:\n      - A=1\n      - \"B=x: y\"\n      - C\n");
	gives("variables as a list", "    environment: [A=1]\n", "    env:\n      - A=1\n");
	gives("a default is taken", "    environment: ['A=${X:-5}', 'B=${Y-6}', 'C=$$5']\n",
	      "      - A=5\n      - B=6\n      - C=$5\n");
	gives("port 80 is HTTP", "    ports: ['8080:80']\n",
	      "      - port: 80\n        to:\n          - global: true\n");
	gives("published as 80", "    ports: ['80:3000']\n",
	      "      - port: 3000\n        as: 80\n");
	gives("a usual port is taken for HTTP", "    ports: ['5432:5432', '9999:8080']\n",
	      "      - port: 8080 # invented: taken for HTTP\n        as: 80\n");
	gives("others keep their number", "    ports: ['2222:22']\n",
	      "      - port: 22\n        as: 2222\n        to:\n          - global: true\n");
	gives("the long form", "    ports: [{target: 53, published: 5353, protocol: udp}]\n",
	      "      - port: 53\n        as: 5353\n        proto: udp\n");
	gives("expose is for neighbours", "    expose: [9000]\n",
	      "    expose:\n      - port: 9000\n");
	gives("a loopback address too", "    ports: ['127.0.0.1:9000:9000']\n",
	      "    expose:\n      - port: 9000\n\nprofiles");
	gives("443 beside 80", "    ports: ['80:80', '443:443']\n",
	      "      - port: 80\n        to:\n          - global: true\n\nprofiles");
	gives("a named volume", "    volumes: ['data:/var/lib/x:ro']\n",
	      "        data:\n          mount: /var/lib/x\n          readOnly: true\n");
	gives("  is persistent", "    volumes: ['data:/x']\n",
	      "          - name: data\n            size: 10Gi # invented\n            attributes:\n"
	      "              persistent: true\n");
	gives("a volume without a name", "    volumes: [/cache]\n",
	      "        disk1:\n          mount: /cache\n");
	gives("tmpfs", "    tmpfs: /run:size=32m\n",
	      "          - name: ram1\n            size: 32Mi\n            attributes:\n"
	      "              persistent: false\n              class: ram\n");
	gives("the long form of tmpfs",
	      "    volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m}}]\n", "size: 1Mi");
	gives("limits", "    deploy: {resources: {limits: {cpus: '1.5', memory: 256M}}}\n",
	      "          units: 1500m\n        memory:\n          size: 256Mi\n");
	gives("limits of old", "    mem_limit: 1g\n    cpus: 0.25\n",
	      "          units: 250m\n        memory:\n          size: 1Gi\n");
	gives("sizes that are not said are invented", "",
	      "          units: 0.5 # invented\n        memory:\n          size: 512Mi # "
	      "invented\n");
	gives("copies", "    deploy: {replicas: 3}\n", "      profile: web\n      count: 3\n");
	gives("gpus",
	      "    deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 2}]}}}\n",
	      "        gpu:\n          units: 2\n");
	gives("a health check by a shell", "    healthcheck: {test: 'curl -f x', interval: 1m}\n",
	      "      health:\n        command:\n          - /bin/sh\n          - -c\n"
	      "          - curl -f x\n        every: 60s\n        timeout: 30s\n        failures: "
	      "3\n");
	gives("a health check",
	      "    healthcheck: {test: [CMD, pg_isready], retries: 5, start_period: 1m}\n",
	      "          - pg_isready\n        every: 30s\n        timeout: 30s\n        failures: "
	      "5\n"
	      "        grace: 60s\n");
	gives("restart", "    restart: on-failure:3\n", "    web:\n      restart: on-failure\n");
	gives("restart: no", "    restart: \"no\"\n", "    web:\n      restart: never\n");
	gives("a stop", "    stop_grace_period: 1m30s\n", "    web:\n      stop: 90s\n");
	gives("read only", "    read_only: true\n", "    web:\n      readonly: true\n");
	gives("a merge", "    <<: {restart: \"no\"}\n", "restart: never");
	ok(convert("services:\n  My_App:\n    image: a:1\n  a:\n    image: a:1\n    depends_on: "
		   "[db]\n"
		   "  db:\n    image: postgres:16\n") &&
		   strstr(made.sdl, "  my-app:\n") != NULL,
	   "names are made to fit");
	ok(strstr(made.sdl, "      - port: 5432 # invented: the usual port of this image\n"
			    "        to:\n          - service: a\n") != NULL,
	   "who is depended on is opened to whom depends on it");
}

/* A note on the line that has the text. */
static void
notes_have(const char *what, const char *lines_of_web, unsigned line, bool refused,
	   const char *note)
{
	const char *text =
		arena_printf(&arena, "services:\n  web:\n    image: a/b:1\n%s", lines_of_web);
	bool found = false;

	if (convert(text))
		for (size_t i = 0; i < made.note_count; i++)
			found = found ||
				(made.notes[i].line == line && made.notes[i].refused == refused &&
				 strstr(made.notes[i].what, note) != NULL);
	ok(found && (made.refused > 0) == refused, "%s", what);
	for (size_t i = 0; !found && i < made.note_count; i++)
		printf("# %s", compose_note_text(&arena, "c.yml", &made.notes[i]));
}

static void
notes(void)
{
	struct err e = ERR_NONE;

	notes_have("a bind mount", "    volumes:\n      - ./a:/b\n", 5, true, "your own machine");
	notes_have("a bind mount, long",
		   "    volumes:\n      - {type: bind, source: /a, target: /b}\n", 5, true,
		   "your own machine");
	notes_have("Docker's socket", "    volumes: ['/var/run/docker.sock:/x']\n", 4, true,
		   "no Docker");
	notes_have("env_file", "    env_file: .env\n", 4, true, "not read");
	notes_have("privileged", "    privileged: true\n", 4, true, "rights");
	notes_have("network_mode", "    network_mode: host\n", 4, true, "network of the machine");
	notes_have("a mount where none may be", "    volumes: ['a:/proc']\n", 4, true, "/proc");
	notes_have("a bad port", "    ports: [x]\n", 4, true, "a port is");
	notes_have("build", "    build: .\n", 4, false, "nothing is built");
	notes_have("an unknown key", "    blkio_config: {}\n", 4, false, "no counterpart");
	notes_have("a variable without a value", "    environment: ['A=${X}']\n", 4, false,
		   "the variable X has no value");
	notes_have("one of the shell", "    environment: [A]\n", 4, false, "your shell");
	notes_have("a condition", "    depends_on: {x: {condition: service_healthy}}\n", 4, false,
		   "none waits for x");
	ok(convert("services: {a: {image: x}}") && made.refused == 0 && made.note_count == 1,
	   "an image without a tag is noted, and kept");
	ok(convert("services:\n  a: {image: 'x:1', volumes: ['d:/d']}\n"
		   "  b: {image: 'x:1', volumes: ['d:/d']}\n") &&
		   made.note_count == 1 && strstr(made.notes[0].what, "not shared") != NULL,
	   "a shared volume is noted");
	ok(convert("services: {a: {}}") && made.refused == 1, "no image");
	ok(compose_convert(&arena, "c", "a: 1", 4, &made, &e) < 0 && e.code == &COMPOSE_BAD,
	   "no services");
	ok(compose_convert(&arena, "c", "services: []", 12, &made, &e) < 0 &&
		   e.code == &COMPOSE_BAD,
	   "services that are no mapping");
	ok(compose_convert(&arena, "c", "a: [", 4, &made, &e) < 0 && e.code == &YAML_SYNTAX,
	   "what is not YAML");
}

/* ------------------------------------------------------------------ */
/* Whole files of our own.                                             */

static void
file_is_good(const char *path)
{
	static char text[YAML_BYTES_MAX];
	struct err e = ERR_NONE;
	const char *formatted;
	struct sdl sdl;
	FILE *f = fopen(path, "re");
	size_t n;

	if (!ok(f != NULL, "%s", path))
		return;
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (!ok(compose_convert(&arena, path, text, n, &made, &e) == 0, "  is converted"))
		return;
	for (size_t i = 0; i < made.note_count; i++)
		if (made.notes[i].refused)
			printf("# %s", compose_note_text(&arena, path, &made.notes[i]));
	is_int((long long)made.refused, 0, "  with nothing refused");
	if (!ok(sdl_read(&arena, path, made.sdl, strlen(made.sdl), &sdl, &e) == 0,
		"  reads without a finding"))
		printf("# %s\n%s", e.text, made.sdl);
	ok(sdl_format(&arena, path, made.sdl, strlen(made.sdl), &formatted, &e) == 0 &&
		   strcmp(formatted, made.sdl) == 0,
	   "  is in its one form already");
}

int
main(void)
{
	arena_init(&arena, 0);
	words();
	lines();
	keys();
	notes();
	file_is_good("tests/cli/compose/blog.yml");
	file_is_good("tests/cli/compose/shop.yml");
	file_is_good("tests/cli/compose/llm.yml");
	arena_release(&arena);
	return tap_done();
}
