/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_test.c - which deployment files Akash takes. Most cases are one change
 * to a small file: what stands there, what to write instead, and the rule that
 * it breaks (or NULL: Akash takes it).
 */
#include "akash_files.h"

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
		{ "count: 1", "count: 0", "has no copy of anything" },
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
		{ "env: [A=1]", "env: [A=x?y]", "? within a word" },
		{ "env: [A=1]", "env: ['A=x?y']", NULL },
		{ "env: [A=1]", "env:\n      - A=x?y", NULL },
		{ "env: [A=1]", "env: [A=b:, C=d:]", NULL },
		{ "env: [A=1]", "env: [A=b:[, C]", "f:" },
		{ "env: [A=1]", "env: [A=b:{c}]", "f:" },
		{ "env: [A=1]", "env: [A=b:?c]", "f:" },
		{ "env: [A=1]", "x: {y:}", NULL },
		{ "env: [A=1]", "env: \"\\q\"", "f:" },
		{ "env: [A=1]", "env: ['\x01']", "control characters" },
		{ "env: [A=1]", "env: ['\xff']", "UTF-8" },
		{ "version: \"2.0\"", "--- {}\n---\nversion: \"2.0\"", "version is missing" },
		{ "version: \"2.0\"", "%YAML 1.1\n---\nversion: \"2.0\"", NULL },
		{ "version: \"2.0\"", "%YAML 1.2\n---\nversion: \"2.0\"", "another version" },
		{ "count: 1}\n", "count: 1}\n---\n]", NULL }, /* never read */
	};
	const char *text;
	static const char *const nothing[] = { "", "# only\n", "~", "x", "[]", "version" };
	struct akash in;
	struct err e;

	CHECK(base, cases);
	text = change(base, "[A=1]", "[A=\xee\x80\x80:, C=b:]");
	has(manifest_of(text), "\"env\":[\"A=\xee\x80\x80:\",\"C=b:\"]",
	    "a word in a list may end with a colon");
	for (size_t i = 0; i < NELEMS(nothing); i++)
		ok(read_text(nothing[i], &in, &e) < 0 && e.code == &AKASH_INVALID,
		   "\"%s\" is refused", nothing[i]);
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

/* All that is wrong at once, and nothing that only follows from it. */
static void
test_many_findings(void)
{
	static const struct {
		struct change changes[3]; /* rule: in the finding */
		size_t count;
	} cases[] = {
		{ { { "port: 80", "port: 99999", "port must be 1 to 65535" },
		    { "profile: small", "profile: smal", "there is no compute profile" },
		    { "count: 1", "count: 0", "has no copy of anything" } },
		  3 },
		{ { { "port: 80", "port: -5", "\"-5\" is not a number" },
		    { "profile: small", "profile: smal", "there is no compute profile" },
		    { "count: 1", "count: 0", "has no copy of anything" } },
		  3 },
		{ { { "units: 500m", "units: x", "" },
		    { "port: 80", "port: 99999", "port must be 1 to 65535" },
		    { "env: [A=1]", "env: [1A=1]", "is not a variable's name" } },
		  3 },
		{ { { "count: 1", "count: -1", "\"-1\" is not a number" },
		    { "port: 80", "port: 99999", "port must be 1 to 65535" } },
		  2 },
		{ { { "profile: small", "profile: smal", "there is no compute profile" } }, 1 },
		{ { { "count: 1", "count: 0", "has no copy of anything" } }, 1 },
		{ { { "size: 128Mi", "size: x", "" } }, 1 },
		{ { { "amount: 100", "amount: x", "" } }, 1 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		const char *text = base;
		struct akash in;
		struct err e;

		for (size_t k = 0; k < cases[i].count; k++)
			text = change(text, cases[i].changes[k].from, cases[i].changes[k].to);
		ok(read_text(text, &in, &e) < 0 && e.code == &AKASH_INVALID, "refused");
		is_int((long long)in.finding_count, (long long)cases[i].count, e.text);
		for (size_t k = 0; k < cases[i].count; k++) {
			bool said = false;

			for (size_t f = 0; f < in.finding_count; f++)
				said = said || strstr(in.findings[f].rule,
						      cases[i].changes[k].rule) != NULL;
			ok(said, "%s: %s", cases[i].changes[k].to, cases[i].changes[k].rule);
		}
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	test_version();
	test_scalars();
	test_keys();
	test_aliases();
	test_services();
	test_exposes();
	test_endpoints();
	test_quantities();
	test_storage();
	test_gpu();
	test_prices();
	test_deployment();
	test_syntax();
	test_findings();
	test_bounds();
	test_many_findings();
	arena_release(&arena);
	return tap_done();
}
