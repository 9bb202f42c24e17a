/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_test.c - which deployment files Akash takes, and what it makes of
 * them. Most cases are one change to a small file: what stands there, what to
 * write instead, and the rule that it breaks (or NULL: Akash takes it).
 */
#include "deploy/akash.h"

#include "tap.h"

static struct arena arena;

/* 2.0, one service, one of everything that cases change. */
static const char base[] = "version: \"2.0\"\n"
			   "services:\n"
			   "  web:\n"
			   "    image: nginx:1\n"
			   "    env: [A=1]\n"
			   "    expose:\n"
			   "      - port: 80\n"
			   "        as: 81\n"
			   "        proto: tcp\n"
			   "        accept: [a.example]\n"
			   "        to:\n"
			   "          - global: true\n"
			   "profiles:\n"
			   "  compute:\n"
			   "    small:\n"
			   "      resources:\n"
			   "        cpu: {units: 500m}\n"
			   "        memory: {size: 128Mi}\n"
			   "        storage: {size: 1Gi}\n"
			   "  placement:\n"
			   "    west:\n"
			   "      attributes: {host: akash}\n"
			   "      pricing:\n"
			   "        small: {denom: uact, amount: 100}\n"
			   "deployment:\n"
			   "  web:\n"
			   "    west: {profile: small, count: 1}\n";

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

static int
read_text(const char *text, struct akash *out, struct err *e)
{
	*e = (struct err)ERR_NONE;
	return akash_read(&arena, "f", text, strlen(text), out, e);
}

/* The text with the first `from` replaced. */
static const char *
change(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (at == NULL) {
		printf("# the file has no \"%s\"\n", from);
		abort();
	}
	return arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

struct change {
	const char *from, *to;
	const char *rule; /* in a finding; NULL: taken */
};

static bool
found(const struct akash *in, const char *rule)
{
	for (size_t i = 0; i < in->finding_count; i++)
		if (strstr(in->findings[i].rule, rule) != NULL)
			return true;
	return false;
}

static void
check_changes(const char *text, const struct change *c, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct akash in;
		struct err e;
		int rc = read_text(change(text, c[i].from, c[i].to), &in, &e);

		if (!ok(c[i].rule == NULL ? rc == 0
					  : rc < 0 && (found(&in, c[i].rule) ||
						       strstr(e.text, c[i].rule) != NULL),
			"%s: %s", c[i].to, c[i].rule != NULL ? c[i].rule : "taken"))
			printf("# got %s\n", rc == 0 ? "ok" : e.text);
	}
}

#define CHECK(text, cases) check_changes(text, cases, NELEMS(cases))

/* ------------------------------------------------------------------ */

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

static void
test_version(void)
{
	static const struct change cases[] = {
		{ "\"2.0\"", "2", NULL },
		{ "\"2.0\"", "2.0", NULL },
		{ "\"2.0\"", "\" v2.0 \"", NULL },
		{ "\"2.0\"", "02.00", NULL },
		{ "\"2.0\"", "2.0.0+build", NULL },
		{ "\"2.0\"", "2.1", NULL },
		{ "\"2.0\"", "2.2", NULL },
		{ "\"2.0\"", "3", NULL },
		{ "\"2.0\"", "3.0.0-rc.1", NULL },
		{ "\"2.0\"", "2.0.1", "not supported" },
		{ "\"2.0\"", "1.9", "not supported" },
		{ "\"2.0\"", "2.1.0-rc", "not supported" },
		{ "\"2.0\"", "2.1-rc", "not a version" },
		{ "\"2.0\"", "two", "not a version" },
		{ "\"2.0\"", "~", "not a version" },
		{ "\"2.0\"", "{}", "not a version" },
		{ "\"2.0\"", "2.0.0-", "not a version" },
		{ "\"2.0\"", "2..0", "not a version" },
		{ "version: \"2.0\"\n", "", "version is missing" },
		{ "version: \"2.0\"", "version: 2.1\nversion: 9", NULL },
	};

	CHECK(base, cases);
}

/* Which scalars a field takes. */
static void
test_scalars(void)
{
	static const struct change cases[] = {
		/* uint32 */
		{ "port: 80", "port: 80.5", NULL },
		{ "port: 80", "port: 0x50", NULL },
		{ "port: 80", "port: 0o120", NULL },
		{ "port: 80", "port: 0b1010000", NULL },
		{ "port: 80", "port: 0120", NULL },
		{ "port: 80", "port: 08", NULL },
		{ "port: 80", "port: 8_0", NULL },
		{ "port: 80", "port: +80", NULL },
		{ "port: 80", "port: 8e1", NULL },
		{ "port: 80", "port: !!int \"80\"", NULL },
		{ "port: 80", "port: !!float 80", NULL },
		{ "port: 80", "port: \"80\"", "is not a number" },
		{ "port: 80", "port: '80'", "is not a number" },
		{ "port: 80", "port: !!str 80", "is not a number" },
		{ "port: 80", "port: -80", "is not a number" },
		{ "port: 80", "port: -80.5", "is not a number" },
		{ "port: 80", "port: 4294967296", "is not a number" },
		{ "port: 80", "port: .inf", "is not a number" },
		{ "port: 80", "port: .nan", "is not a number" },
		{ "port: 80", "port: 80x", "is not a number" },
		{ "port: 80", "port: 0x", "is not a number" },
		{ "port: 80", "port: true", "is not a number" },
		{ "port: 80", "port: [80]", "expected a number" },
		{ "port: 80", "port: !!int x", "not what its tag says" },
		{ "port: 80", "port: !!null x", "not what its tag says" },
		{ "port: 80", "port: ~", "port must be 1 to 65535" },
		{ "port: 80", "port: -0.5", "port must be 1 to 65535" },
		{ "port: 80", "port: 65536", "port must be 1 to 65535" },
		{ "as: 81", "as: 4294967295", NULL },
		/* bool */
		{ "global: true", "global: True", NULL },
		{ "global: true", "global: TRUE", NULL },
		{ "global: true", "global: yes", NULL },
		{ "global: true", "global: y", NULL },
		{ "global: true", "global: Y", NULL },
		{ "global: true", "global: \"on\"", NULL },
		{ "global: true", "global: \"true\"", "is not true or false" },
		{ "global: true", "global: Yes", "is not true or false" },
		{ "global: true", "global: ON", "is not true or false" },
		{ "global: true", "global: 1", "is not true or false" },
		{ "global: true", "global: off", "no port is open" },
		{ "global: true", "global: N", "no port is open" },
		{ "global: true", "global: ~", "no port is open" },
		/* text */
		{ "image: nginx:1", "image: 1", NULL },
		{ "image: nginx:1", "image: true", NULL },
		{ "image: nginx:1", "image: 2001-01-01", NULL },
		{ "image: nginx:1", "image: |\n      x", NULL },
		{ "image: nginx:1", "image: !!binary bmdpbng=", NULL },
		{ "image: nginx:1", "image: !!binary \"?\"", "takes base64" },
		{ "image: nginx:1", "image: !own x", NULL },
		{ "image: nginx:1", "image: ~", "image is missing" },
		{ "image: nginx:1", "image: \"\"", "image is missing" },
		{ "image: nginx:1", "image: [x]", "expected text" },
		{ "image: nginx:1", "image: {x: y}", "expected text" },
		/* lists and mappings */
		{ "env: [A=1]", "env: A=1", "expected a list" },
		{ "env: [A=1]", "env: {A: 1}", "expected a list" },
		{ "env: [A=1]", "env: ~", NULL },
		{ "env: [A=1]", "env: \"\"", "expected a list" },
		{ "{host: akash}", "akash", "expected a mapping" },
		{ "{host: akash}", "[akash]", "expected a mapping" },
		{ "{host: akash}", "{host: 1, b: ~}", NULL },
		{ "{host: akash}", "{host: {}}", "expected text" },
	};

	CHECK(base, cases);
}

static void
test_keys(void)
{
	static const struct change cases[] = {
		{ "    env:", "    image: x\n    env:", "stands twice" },
		{ "{host: akash}", "{host: akash, 'host': b}", "stands twice" },
		{ "    env:", "    depends_on: x\n    env:", NULL },
		{ "    env:", "    x: {a: 1, a: 2}\n    env:", NULL },
		{ "    env:", "    ~: {a: 1, a: 2}\n    env:", NULL },
		{ "    env:", "    [a]: b\n    env:", "expected text" },
		{ "profiles:", "volumes: {}\nprofiles:", "unexpected key" },
		{ "profiles:", "include: [x, 1]\nprofiles:", NULL },
		{ "profiles:", "include: x\nprofiles:", "expected a list" },
		/* The same section twice is one, and null empties it. */
		{ "profiles:", "services: {db: {image: x}}\nprofiles:", NULL },
		{ "profiles:", "services: {web: ~}\nprofiles:", NULL },
		{ "profiles:", "services: ~\nprofiles:", "there is no service" },
		{ "profiles:", "services: {web: {image: x}}\nprofiles:", "no port is open" },
	};

	CHECK(base, cases);
}

static void
test_aliases(void)
{
	static const struct change cases[] = {
		{ "env: [A=1]", "env: &e [A=1]\n    args: *e", NULL },
		{ "env: [A=1]", "env: *none", "names nothing" },
		{ "{units: 500m}", "&c {units: 500m, x: *c}", NULL },
		{ "{units: 500m}", "&c {<<: *c}", "contains itself" },
		{ "{units: 500m}", "{<<: {units: 1}}", NULL },
		{ "{units: 500m}", "{<<: [{units: 1}, {units: x}]}", NULL },
		{ "{units: 500m}", "{<<: [{units: x}, {units: 1}]}", "not a number of CPUs" },
		{ "{units: 500m}", "{<<: x, units: 1}", "<< takes" },
		{ "{units: 500m}", "{<<: ~, units: 1}", "<< takes" },
		{ "{units: 500m}", "{<<: [x], units: 1}", "<< takes" },
		{ "{units: 500m}", "{\"<<\": x, units: 1}", NULL },
		{ "{units: 500m}", "{<<: {units: 1, units: 2}}", "stands twice" },
		{ "cpu: {units: 500m}", "gpu: {<<: {units: 0}}\n        cpu: {units: 500m}",
		  "gpu takes units" },
	};
	struct akash in;
	struct err e;
	const char *text;

	CHECK(base, cases);
	text = change(base, "version: \"2.0\"", "include: [&2 x]\nversion: *2");
	ok(read_text(text, &in, &e) == 0 && strcmp(in.version, "2.0") == 0,
	   "an alias as version is read as its anchor's name");
	text = change(base, "{host: akash}", "{<<: {host: b, other: c}, host: akash}");
	ok(read_text(text, &in, &e) == 0 &&
		   strstr(in.groups_json, "[{\"key\":\"host\",\"value\":\"akash\"},"
					  "{\"key\":\"other\",\"value\":\"c\"}]") != NULL,
	   "what is written out wins over what is merged");
	text = change(base, "{host: akash}", "{<<: {1: b}, 1: a}");
	ok(read_text(text, &in, &e) == 0 &&
		   strstr(in.groups_json, "[{\"key\":\"1\",\"value\":\"b\"}]") != NULL,
	   "but not when its key looks like a number");
}

static void
test_services(void)
{
	static const struct change cases[] = {
		{ "env: [A=1]", "env: [A, B=, .c=1, -d=2, _e]", NULL },
		{ "env: [A=1]", "env: [A=1, A=1]", NULL },
		{ "env: [A=1]", "env: ['=x']", "not a variable's name" },
		{ "env: [A=1]", "env: ['']", "not a variable's name" },
		{ "env: [A=1]", "env: [1A=x]", "not a variable's name" },
		{ "env: [A=1]", "env: ['A B=x']", "not a variable's name" },
		{ "env: [A=1]", "env: [.=x]", "not a variable's name" },
		{ "env: [A=1]", "env: [..a=x]", "not a variable's name" },
		{ "env: [A=1]", "dependencies: [{service: none}, {}]", NULL },
		{ "env: [A=1]", "dependencies: [x]", "expected a mapping" },
		{ "env: [A=1]", "params: {permissions: {read: [anything]}}", NULL },
		{ "env: [A=1]", "params: {tee: cpu}", NULL },
		{ "env: [A=1]", "params: {tee: tpm}", "there is no tee" },
		{ "env: [A=1]", "params: {tee: cpu-gpu}", "cpu-gpu needs GPUs" },
		{ "env: [A=1]", "credentials: {host: h, username: u, password: p}", NULL },
		{ "env: [A=1]", "credentials: {username: u, password: p}", "need a host" },
		{ "env: [A=1]", "credentials: {host: h, username: ' ', password: p}",
		  "need a username" },
		{ "env: [A=1]", "credentials: {host: h, username: u}", "need a password" },
		{ "env: [A=1]", "credentials: {}", "need a host" },
		{ "env: [A=1]", "credentials: ~", NULL },
	};
	static const char *const names[] = { "a", "a-b", "a1", "x" };
	static const char *const bad[] = { "A", "a-", "1a", "a_b", "a.b", "\"\"" };
	struct akash in;
	struct err e;

	CHECK(base, cases);
	for (size_t i = 0; i < NELEMS(names) + NELEMS(bad); i++) {
		bool good = i < NELEMS(names);
		const char *name = good ? names[i] : bad[i - NELEMS(names)];
		const char *key = arena_printf(&arena, "\n  %s:\n", name), *text = base;

		text = change(text, "\n  web:\n", key);
		text = change(text, "\n  web:\n", key);
		ok((read_text(text, &in, &e) == 0) == good, "service %s is %s", name,
		   good ? "taken" : "refused");
	}
}

static void
test_exposes(void)
{
	static const struct change cases[] = {
		{ "proto: tcp", "proto: UDP", NULL },
		{ "proto: tcp", "proto: TcP", NULL },
		{ "proto: tcp", "proto: ~", NULL },
		{ "proto: tcp", "proto: http", "unknown protocol" },
		{ "[a.example]", "[a.example, b-1.example]", NULL },
		{ "[a.example]", "[A.example]", "host name in lower case" },
		{ "[a.example]", "['*.example']", "host name in lower case" },
		{ "[a.example]", "[a..example]", "host name in lower case" },
		{ "[a.example]", "[-a.example]", "host name in lower case" },
		{ "[a.example]", "['a b']", "not a host's name" },
		{ "[a.example]", "['a:x']", "not a host's name" },
		{ "[a.example]", "['[a']", "not a host's name" },
		{ "[a.example]", "['%zz']", "not a host's name" },
		{ "[a.example]", "['a:80']", "host name in lower case" },
		{ "[a.example]", "[a.example, a.example]", "accepted twice" },
		{ "- global: true", "- global: true\n          - service: db", "accepted twice" },
		{ "- global: true", "- global: true\n            service: nobody", NULL },
		{ "- global: true", "- global: true\n          - ~", NULL },
		{ "- global: true", "- global: true\n            http_options: {next_tries: x}",
		  "is not a number" },
		{ "        to:\n          - global: true\n", "        to: []\n",
		  "no port is open" },
		{ "        to:\n          - global: true\n", "        to: {global: true}\n",
		  "expected a list" },
		{ "        as: 81", "        http_options: {max_body_size: 104857600}", NULL },
		{ "        as: 81", "        http_options: {max_body_size: 104857601}",
		  "max_body_size must be at most" },
		{ "        as: 81", "        http_options: {max_body_size: 1Mi}",
		  "is not a number" },
		{ "        as: 81", "        http_options: {read_timeout: 60001}",
		  "read_timeout must be at most" },
		{ "        as: 81", "        http_options: {send_timeout: 60001}",
		  "send_timeout must be at most" },
		{ "        as: 81", "        http_options: {proxy_buffer_size: 1048577}",
		  "proxy_buffer_size must be at most" },
		{ "        as: 81", "        http_options: {next_tries: 4294967295}", NULL },
		{ "        as: 81", "        http_options: {next_cases: [500, \"404\", 429]}",
		  NULL },
		{ "        as: 81", "        http_options: {next_cases: [off]}", NULL },
		{ "        as: 81", "        http_options: {next_cases: [off, 500]}",
		  "off must stand alone" },
		{ "        as: 81", "        http_options: {next_cases: [501]}", "is no case" },
	};

	CHECK(base, cases);
}

static void
test_endpoints(void)
{
	static const struct change cases[] = {
		{ "ip: one", "ip: two", "there is no endpoint" },
		{ "global: true", "global: false", "ip needs global: true" },
		{ "kind: ip", "kind: tcp", "kind is ip" },
		{ "kind: ip", "", "kind is ip" },
		{ "{one: {kind: ip}}", "{one: ~}", "kind is ip" },
		{ "{one: {kind: ip}}", "{one: {kind: ip}, two: {kind: ip}}",
		  "no deployed service" },
		{ "{one: {kind: ip}}", "{one: {kind: ip}, T: {kind: ip}}", "endpoint's name" },
		{ "{one: {kind: ip}}", "{one: {kind: ip}, t: {kind: ip}}", "endpoint's name" },
		/* By what is written: the same port and none at all. */
		{ "proto: tcp",
		  "proto: tcp\n        to: [{global: true, ip: one}]\n      - port: 90\n        "
		  "as: 81\n"
		  "        proto: TCP",
		  NULL },
		{ "proto: tcp",
		  "proto: tcp\n        to: [{global: true, ip: one}]\n      - port: 90\n        "
		  "as: 81\n"
		  "        proto: tcp",
		  "has this port already" },
		{ "as: 81\n        proto: tcp", "to: [{global: true, ip: one}]\n      - port: 90",
		  "has this port already" },
	};
	const char *text = change(base, "global: true", "global: true\n            ip: one");

	text = change(text, "        accept: [a.example]\n", "");
	text = change(text, "profiles:", "endpoints: {one: {kind: ip}}\nprofiles:");
	CHECK(text, cases);
}

/* ------------------------------------------------------------------ */

static void
test_quantities(void)
{
	static const struct change cases[] = {
		{ "500m", "10m", NULL },
		{ "500m", "9m", "cpu.units must be" },
		{ "500m", "384", NULL },
		{ "500m", "384.001", "cpu.units must be" },
		{ "500m", "384.0009", NULL },
		{ "500m", "0.0005", "cpu.units must be" },
		{ "500m", "\".5\"", NULL },
		{ "500m", "5.", NULL },
		{ "500m", "1e1", NULL },
		{ "500m", "+1", NULL },
		{ "500m", "1_0", NULL },
		{ "500m", "0x1p3", NULL },
		{ "500m", "0x10", "not a number of CPUs" },
		{ "500m", "inf", "cpu.units must be" },
		{ "500m", "1.5m", "not thousandths" },
		{ "500m", "-1", "must not be negative" },
		{ "500m", "1k", "not a number of CPUs" },
		{ "500m", "~", "cpu.units must be" },
		{ "500m", "[1]", "not a number of CPUs" },
		{ "500m", "4294967.796", NULL }, /* 2^32 + 500 thousandths */
		{ "{units: 500m}", "{units: 1, attributes: {arch: arm64}}", NULL },
		{ "{units: 500m}", "{units: 1, attributes: {model: x}}", "takes only arch" },
		{ "{units: 500m}", "{units: 1, attributes: {arch: a, arch: b}}",
		  "arch stands twice" },
		{ "{units: 500m}", "1", "expected a mapping" },
		{ "128Mi", "1Mi", NULL },
		{ "128Mi", "1048575", "memory.size must be" },
		{ "128Mi", "2Ti", NULL },
		{ "128Mi", "2.01Ti", "memory.size must be" },
		{ "128Mi", "1e9", NULL },
		{ "128Mi", "0.5G", NULL },
		{ "128Mi", "2000k", NULL },
		{ "128Mi", "2000Ki", NULL },
		{ "128Mi", "0.000001E", NULL },
		{ "128Mi", "0.000001Pi", NULL },
		{ "128Mi", "15GB", "is not a size" },
		{ "128Mi", "15Gb", "is not a size" },
		{ "128Mi", "15gi", "is not a size" },
		{ "128Mi", "15K", "is not a size" },
		{ "128Mi", "15m", "is not a size" },
		{ "128Mi", "1 Gi", "is not a size" },
		{ "128Mi", "\"\"", "is not a size" },
		{ "128Mi", "-1Gi", "must not be negative" },
		{ "{size: 128Mi}", "~", "memory.size must be" },
		{ "{size: 1Gi}", "{size: 5Mi}", NULL },
		{ "{size: 1Gi}", "{size: 5242879}", "a volume has from 5Mi" },
		{ "{size: 1Gi}", "{size: 33Ti}", "a volume has from 5Mi" },
		{ "{size: 1Gi}", "[]", "storage is missing" },
		{ "{size: 1Gi}", "1Gi", "storage is missing" },
		{ "{size: 1Gi}", "~", "storage is missing" },
		{ "{size: 1Gi}", "{}", "a volume has from 5Mi" },
		{ "      resources:", "      other:", "has no resources" },
	};

	CHECK(base, cases);
}

static void
test_storage(void)
{
	static const struct change cases[] = {
		{ "{size: 1Gi}", "[{size: 1Gi}, {size: 1Gi, name: b}]", NULL },
		{ "{size: 1Gi}", "[{size: 1Gi}, {size: 1Gi, name: default}]",
		  "two volumes are named" },
		{ "{size: 1Gi}", "{size: 1Gi, name: x}", NULL },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {}}", NULL },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {persistent: false}}", NULL },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {persistent: off}}", NULL },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {persistent: FALSE}}",
		  "persistent is true or false" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {persistent: ~}}",
		  "persistent is true or false" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: ram}}", NULL },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: ram, persistent: true}}",
		  "ram is never persistent" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: ram, persistent: no}}",
		  "ram is never persistent" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: beta1}}", "has no class" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: beta1, persistent: false}}",
		  "has no class" },
		/* Compared as written: no is not false. */
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: beta2, persistent: no}}", NULL },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: beta9, persistent: no}}",
		  "there is no class" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {class: '', persistent: false}}",
		  "there is no class" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {iops: 1}}", "storage has class" },
		{ "{size: 1Gi}", "{size: 1Gi, attributes: {persistent: true}}", "mounted nowhere" },
	};
	static const struct change mounts[] = {
		{ "mount: /a", "mount: a", "absolute path" },
		{ "mount: /a", "readOnly: true", "absolute path" },
		{ "{mount: /a}", "~", "absolute path" },
		{ "mount: /a", "mount: /a, readOnly: true", NULL },
		{ "mount: /a", "mount: /a, readOnly: 'true'", "is not true or false" },
		{ "data: {", "other: {", "the profile has no volume" },
		{ "data: {", "default: {mount: /a}, data: {", "are mounted at" },
		/* One mounted volume hides that another is not (2.0). */
		{ "data: {", "default: {", NULL },
		{ "{data: {mount: /a}}", "{}", "mounted nowhere" },
	};
	static const struct change ram[] = { { "web", "web", "ram cannot be read only" } };
	static const struct change newer[] = {
		{ "{data: {mount: /a}}", "{}", NULL },
		{ "persistent: true", "class: ram", NULL },
		{ "{mount: /a}", "{mount: /a, readOnly: true}", NULL },
	};
	const char *text = change(base, "env: [A=1]", "params: {storage: {data: {mount: /a}}}");

	CHECK(base, cases);
	text = change(text, "{size: 1Gi}",
		      "[{size: 1Gi}, {name: data, size: 1Gi, attributes: {persistent: true}}]");
	CHECK(text, mounts);
	text = change(text, "\"2.0\"", "\"2.1\"");
	CHECK(text, newer);
	text = change(text, "persistent: true", "class: ram");
	text = change(text, "/a", "/a, readOnly: true");
	CHECK(text, ram);
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
test_gpu(void)
{
#define WITH(gpu) "cpu: {units: 1}\n        gpu: " gpu
	static const struct change cases[] = {
		{ "cpu: {units: 500m}", WITH("{units: 0}"), NULL },
		{ "cpu: {units: 500m}", WITH("~"), NULL },
		{ "cpu: {units: 500m}", WITH("1"), NULL }, /* not a mapping: nothing in it */
		{ "cpu: {units: 500m}", WITH("{units: 1}"), "GPUs need attributes" },
		{ "cpu: {units: 500m}", WITH("{units: 1, attributes: {}}"), "needs a vendor" },
		{ "cpu: {units: 500m}", WITH("{units: 1, attributes: {vendor: ~}}"),
		  "needs a vendor" },
		{ "cpu: {units: 500m}", WITH("{units: 1, attributes: {vendor: {nvidia: }}}"),
		  NULL },
		{ "cpu: {units: 500m}", WITH("{units: \"1\", attributes: {vendor: {amd: }}}"),
		  NULL },
		{ "cpu: {units: 500m}", WITH("{units: 0, attributes: {vendor: {nvidia: }}}"),
		  "attributes of no GPU" },
		{ "cpu: {units: 500m}", WITH("{units: 25, attributes: {vendor: {nvidia: }}}"),
		  "at most 24" },
		{ "cpu: {units: 500m}", WITH("{units: 1.0, attributes: {vendor: {nvidia: }}}"),
		  "not a number of GPUs" },
		{ "cpu: {units: 500m}", WITH("{units: 1, model: x}"), "gpu takes units" },
		{ "cpu: {units: 500m}", WITH("{units: 1, attributes: {model: x}}"),
		  "takes only vendor" },
		{ "cpu: {units: 500m}", WITH("{units: 1, attributes: {vendor: {nvidia: a100}}}"),
		  "expected a list of models" },
		{ "cpu: {units: 500m}",
		  WITH("{units: 1, attributes: {vendor: {nvidia: [{model: a, interface: "
		       "nvlink}]}}}"),
		  "pcie or sxm" },
		{ "cpu: {units: 500m}",
		  WITH("{units: 1, attributes: {vendor: {nvidia: [{model: a, ram: 80G}]}}}"),
		  "is not a size" },
		{ "cpu: {units: 500m}",
		  WITH("{units: 1, attributes: {vendor: {nvidia: [{model: a}, {model: a}]}}}"),
		  "stands twice" },
		{ "cpu: {units: 500m}",
		  WITH("{units: 1, attributes: {vendor: {nvidia: [{model: 'a b'}]}}}"),
		  "not an attribute's key" },
		{ "cpu: {units: 500m}", WITH("[units, 0]"), NULL }, /* walked pair by pair */
		{ "cpu: {units: 500m}", WITH("[units]"), "without its value" },
	};
	struct akash in;
	struct err e;
	const char *text =
		change(base, "cpu: {units: 500m}",
		       WITH("{units: 1, attributes: {vendor: {nvidia: [{model: b}, {model: "
			    "a, ram: 81000Mi, interface: sxm}]}}}"));

	CHECK(base, cases);
	ok(read_text(text, &in, &e) == 0 &&
		   strstr(in.manifest_json,
			  "[{\"key\":\"vendor/nvidia/model/a/ram/79Gi/interface/sxm\",\"value\":"
			  "\"true\"},{\"key\":\"vendor/nvidia/model/b\",\"value\":\"true\"}]") !=
			   NULL,
	   "models by key, memory in whole Gi");
	text = change(base, "cpu: {units: 500m}",
		      WITH("{units: 1, attributes: {vendor: {amd: }}}"));
	ok(read_text(text, &in, &e) == 0 &&
		   strstr(in.manifest_json, "\"vendor/nvidia/model/*\"") != NULL,
	   "another vendor is any of nvidia's");
}

static void
test_prices(void)
{
	static const struct change cases[] = {
		{ "100}", "'0.000000000000000001'}", NULL },
		{ "100}", "'0.0000000000000000001'}", "decimal number" },
		{ "100}", "10000000}", NULL },
		{ "100}", "10000000.1}", "at most 10000000" },
		{ "100}", "0}", "above zero" },
		{ "100}", "0.0}", "above zero" },
		{ "100}", "-1}", "must not be negative" },
		{ "100}", "--5}", NULL },
		{ "100}", "+5}", NULL },
		{ "100}", "1e3}", "decimal number" },
		{ "100}", "1.}", "decimal number" },
		{ "100}", ".5}", "decimal number" },
		{ "100}", "1_000}", "decimal number" },
		{ "100}", "~}", "decimal number" },
		{ "denom: uact, ", "", "denom must name a coin" },
		{ "uact", "ibc/ABC", NULL },
		{ "uact", "ua", "denom must name a coin" },
		{ "uact", "1ua", "denom must name a coin" },
		{ "{denom: uact, amount: 100}", "~", "is null" },
		{ "{denom: uact, amount: 100}", "100", "expected a mapping" },
		{ "small: {denom", "big: {denom", "has no price" },
		/* Prices that nobody asks for are read, too. */
		{ "small: {denom", "big: {denom: uact, amount: 99999999}\n        small: {denom",
		  NULL },
		{ "small: {denom", "big: {denom: uact, amount: 0}\n        small: {denom",
		  "above zero" },
	};

	CHECK(base, cases);
}

static void
test_deployment(void)
{
	static const struct change cases[] = {
		{ "profile: small", "profile: big", "no compute profile" },
		{ "    west: {profile", "    east: {profile", "no placement profile" },
		{ "  web:\n    west: {", "  api:\n    west: {", "there is no service" },
		{ "count: 1", "count: 0", "more than 0" },
		{ "count: 1", "count: 38400", NULL },
		{ "count: 1", "count: 38401", "at most 19200 CPUs" },
		{ "  web:\n    west: {profile: small, count: 1}\n", "  web: ~\n",
		  "nothing is deployed" },
		{ "  web:\n    west: {profile: small, count: 1}\n", "  {}\n",
		  "nothing is deployed" },
		{ "deployment:", "reclamation: {min_window: 1h30m}\ndeployment:", NULL },
		{ "deployment:", "reclamation: {min_window: 1.5h}\ndeployment:", NULL },
		{ "deployment:", "reclamation: {min_window: 90}\ndeployment:", "not a duration" },
		{ "deployment:", "reclamation: {min_window: abc}\ndeployment:", "not a duration" },
		{ "deployment:", "reclamation: {min_window: 2562048h}\ndeployment:",
		  "not a duration" },
		{ "deployment:", "reclamation: {min_window: 0s}\ndeployment:", "above zero" },
		{ "deployment:", "reclamation: {min_window: -1h}\ndeployment:", "above zero" },
		{ "deployment:", "reclamation: ~\ndeployment:", "not a duration" },
		{ "deployment:",
		  "reclamation: {min_window: x}\nreclamation: {min_window: 1h}\n"
		  "deployment:",
		  NULL },
		{ "        to:\n          - global: true\n", "", "no port is open" },
	};

	CHECK(base, cases);
}

static void
test_syntax(void)
{
	static const struct change cases[] = {
		{ "env: [A=1]", "env: a: b", "mapping values are not allowed" },
		{ "env: [A=1]", "env: [A=1", "f:" },
		{ "env: [A=1]", "env:\t- x", "f:" },
		{ "env: [A=1]", "env: \"\\q\"", "f:" },
		{ "env: [A=1]", "env: ['\x01']", "control characters" },
		{ "env: [A=1]", "env: ['\xff']", "UTF-8" },
		{ "version: \"2.0\"", "--- {}\n---\nversion: \"2.0\"", "version is missing" },
		{ "version: \"2.0\"", "%YAML 1.1\n---\nversion: \"2.0\"", NULL },
		{ "version: \"2.0\"", "%YAML 1.2\n---\nversion: \"2.0\"", "another version" },
		{ "count: 1}\n", "count: 1}\n---\n]", NULL }, /* never read */
	};
	static const char *const nothing[] = { "", "# only\n", "~", "x", "[]", "version" };
	struct akash in;
	struct err e;

	CHECK(base, cases);
	for (size_t i = 0; i < NELEMS(nothing); i++)
		ok(read_text(nothing[i], &in, &e) < 0 && e.code == &AKASH_INVALID,
		   "\"%s\" is refused", nothing[i]);
}

/* ------------------------------------------------------------------ */
/* What is made of it.                                                 */

static const char *
manifest_of(const char *text)
{
	struct akash in;
	struct err e;

	return read_text(text, &in, &e) == 0 ? in.manifest_json : arena_strdup(&arena, e.text);
}

static void
has(const char *json, const char *part, const char *what)
{
	if (!ok(strstr(json, part) != NULL, "%s", what))
		printf("#  no %s\n#  in %s\n", part, json);
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

static void
test_findings(void)
{
	static const char text[] = "version: \"2.0\"\n"
				   "services: {web: {image: [x], env: y}}\n"
				   "profiles: {compute: {a: {resources: {memory: {size: 4GB}}}}}\n";
	struct akash in;
	struct err e;

	ok(read_text(text, &in, &e) < 0 && e.code == &AKASH_INVALID, "refused");
	if (!ok(in.finding_count == 3, "all that is wrong is said"))
		return;
	is_int(in.findings[0].line, 2, "line");
	is_int(in.findings[0].column, 25, "column");
	is_str(in.findings[0].path, "services.web.image", "path");
	is_str(in.findings[2].path, "profiles.compute.a.resources.memory.size", "another path");
	is_str(in.findings[2].cure, "use 4Gi or 4G", "cure");
	has(sdl_finding_text(&arena, "f", text, &in.findings[2]), "f:3:53: error:", "text");
}

static void
test_bounds(void)
{
	struct akash in;
	struct err e;
	char *deep = arena_alloc(&arena, 5000), *bomb;

	memset(deep, '[', 4000);
	ok(read_text(deep, &in, &e) < 0, "deep nesting ends");
	bomb = arena_printf(&arena,
			    "x: &a [1,1,1,1,1,1,1,1,1]\ny: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n%s",
			    "z: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nversion: 2\ninclude: *c\n");
	ok(read_text(bomb, &in, &e) < 0, "aliases of aliases end");
	ok(akash_read(&arena, "f", base, 256 * 1024 + 1, &in, &e) < 0 && e.code == &ERR_TOO_BIG,
	   "a file that is too large is not looked at");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_base();
	test_version();
	test_scalars();
	test_keys();
	test_aliases();
	test_services();
	test_exposes();
	test_endpoints();
	test_quantities();
	test_storage();
	test_volume_order();
	test_gpu();
	test_prices();
	test_deployment();
	test_syntax();
	test_null_and_empty();
	test_escapes();
	test_credentials();
	test_sequence();
	test_merging();
	test_placements();
	test_tee();
	test_many_ports();
	test_findings();
	test_bounds();
	arena_release(&arena);
	return tap_done();
}
