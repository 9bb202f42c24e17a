/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a tenant may send us to. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "provider/image/gate.h"
#include "provider/image/registry.h"
#include "tests/unit/tap.h"

static const char *deny_items[] = { "198.41.0.0/24", "2606:4700::/32", "9.9.9.9" };
static const struct json_strs deny = { deny_items, NELEMS(deny_items) };

static bool
is_public(const char *text)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return gate_address_is_public((struct sockaddr *)&four, &deny);
	if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
		fatal("%s", text);
	return gate_address_is_public((struct sockaddr *)&six, &deny);
}

static void
test_addresses(void)
{
	static const char *const open[] = { "8.8.8.8",	      "1.1.1.1",
					    "172.15.255.255", "172.32.0.0",
					    "100.63.0.1",     "100.128.0.1",
					    "169.253.0.1",    "192.167.1.1",
					    "223.255.255.1",  "2001:4860:4860::8888",
					    "2a00:1450::1" };
	static const char *const shut[] = {
		"0.0.0.0",
		"10.0.0.1",
		"127.0.0.1",
		"127.255.255.254",
		"169.254.169.254",
		"172.16.0.1",
		"172.31.255.255",
		"192.168.1.1",
		"100.64.0.1",
		"100.127.1.1",
		"198.18.0.1",
		"198.19.255.1",
		"192.0.2.1",
		"203.0.113.9",
		"224.0.0.1",
		"240.0.0.1",
		"255.255.255.255",
		"::",
		"::1",
		"::ffff:8.8.8.8",
		"::ffff:10.0.0.1",
		"fe80::1",
		"fd00:ec2::254",
		"fc00::1",
		"ff02::1",
		"64:ff9b::a00:1",
		"2002:a00:1::",
		"2001:db8::1",
		"2001::1",
		"198.41.0.4",
		"2606:4700::1111",
		"9.9.9.9",
		"100::1",
	};

	for (size_t i = 0; i < NELEMS(open); i++)
		ok(is_public(open[i]), "%s may be reached", open[i]);
	for (size_t i = 0; i < NELEMS(shut); i++)
		ok(!is_public(shut[i]), "%s may not", shut[i]);
}

static void
test_hosts(void)
{
	static const char *items[] = { "registry.lan:5000", "10.0.0.5" };
	static const struct json_strs list = { items, NELEMS(items) };

	ok(gate_host_is_listed(&list, "registry.lan", 5000), "host and port as listed");
	ok(gate_host_is_listed(&list, "REGISTRY.lan", 5000), "in any case");
	ok(!gate_host_is_listed(&list, "registry.lan", 5001), "another port is another host");
	ok(!gate_host_is_listed(&list, "registry.lan.evil", 5000), "another name too");
	ok(gate_host_is_listed(&list, "10.0.0.5", 443), "without a port: 443");
	ok(!gate_host_is_listed(&list, "10.0.0.5", 22), "and no other");
	ok(gate_host_is_loopback("localhost") && gate_host_is_loopback("127.8.8.8") &&
		   gate_host_is_loopback("::1"),
	   "this machine has several names");
	ok(!gate_host_is_loopback("128.0.0.1") && !gate_host_is_loopback("localhost.example"),
	   "others have others");
}

static void
test_references(void)
{
	static const struct {
		const char *reference, *host, *pinned;
	} cases[] = {
		{ "nginx:1", "docker.io", "nginx@" },
		{ "library/nginx:1.2", "docker.io", "library/nginx@" },
		{ "localhost/a:1", "localhost", "localhost/a@" },
		{ "r.example/a/b:1", "r.example", "r.example/a/b@" },
		{ "r.example:5000/a", "r.example:5000", "r.example:5000/a@" },
		{ "127.0.0.1:5000/a/b:c", "127.0.0.1:5000", "127.0.0.1:5000/a/b@" },
		{ "r.example/a:1@sha256:00", "r.example", "r.example/a@" },
	};
	struct hash h = { { 0xab } };
	struct arena a;

	arena_init(&a, 0);
	for (size_t i = 0; i < NELEMS(cases); i++) {
		const char *pinned = reference_pin(&a, cases[i].reference, &h);

		is_str(reference_host(&a, cases[i].reference), cases[i].host, cases[i].reference);
		ok(strncmp(pinned, cases[i].pinned, strlen(cases[i].pinned)) == 0 &&
			   strncmp(pinned + strlen(cases[i].pinned), "sha256:ab00", 11) == 0,
		   "pinned: %s", pinned);
	}
	ok(!reference_digest("a:1", &h), "a tag is no digest");
	ok(!reference_digest("a@sha256:zz", &h), "nor is this");
	ok(reference_digest(
		   "a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		   &h) &&
		   h.b[0] == 0x01,
	   "this is one");
	arena_release(&a);
}

int
main(void)
{
	test_addresses();
	test_hosts();
	test_references();
	return tap_done();
}
