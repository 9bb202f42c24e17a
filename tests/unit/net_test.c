/* SPDX-License-Identifier: Apache-2.0 */
/* Names, addresses and programs for nft; whether nft takes the programs when it
 * is there (its check mode needs root). */
#include "provider/jail/net.h"
#include "tests/unit/tap.h"

#include <netinet/in.h>
#include <unistd.h>

#include "lib/proc.h"

static const char *const deny[] = { "198.51.100.0/25", "203.0.113.7", NULL };
static const char *const resolvers[] = { "9.9.9.9", "10.0.0.53", NULL };
static const struct net_config good = {
	.tag = "a1", .network = 0x0a640000, .deny = deny, .resolvers = resolvers
};
static struct arena arena;

static void
test_config(void)
{
	static const char *const bad_tags[] = { "", "abcde", "A", "a-", "a b", "a;flush ruleset" };
	static const char *const bad_deny[] = { "",
						"x",
						"1.2.3",
						"1.2.3.4/33",
						"1.2.3.4/",
						"1.2.3.4/0",
						"1.2.3.4/8 }; flush ruleset;",
						"fd00::/8" };
	struct err e = ERR_NONE;

	ok(net_config_check(&good, &e) == 0, "the good one passes");
	for (size_t i = 0; i < NELEMS(bad_tags); i++) {
		struct net_config c = good;

		c.tag = bad_tags[i];
		ok(net_config_check(&c, &e) < 0, "tag \"%s\" is refused", bad_tags[i]);
	}
	for (size_t i = 0; i < NELEMS(bad_deny); i++) {
		const char *const list[] = { bad_deny[i], NULL };
		struct net_config c = good;

		c.deny = list;
		ok(net_config_check(&c, &e) < 0, "prefix \"%s\" is refused", bad_deny[i]);
		c = good;
		c.resolvers = list;
		ok(net_config_check(&c, &e) < 0, "resolver \"%s\" is refused", bad_deny[i]);
	}
	{
		struct net_config c = good;

		c.network = 0x0a640004;
		ok(net_config_check(&c, &e) < 0, "a network that does not begin at a /16");
		c = good;
		c.out_mbit = NET_MBIT_MAX + 1;
		ok(net_config_check(&c, &e) < 0, "a bandwidth beyond reason");
	}
}

static void
test_names(void)
{
	static const struct {
		uint16_t slot;
		unsigned end;
		const char *address, *name;
	} cases[] = {
		{ 0, 1, "10.100.0.1", "gva1-0" },
		{ 0, 2, "10.100.0.2", "gva1-0" },
		{ 1, 2, "10.100.0.6", "gva1-1" },
		{ 64, 1, "10.100.1.1", "gva1-64" },
		{ NET_SLOT_MAX, 2, "10.100.255.254", "gva1-16383" },
	};
	struct net_config longest = good;
	char address[NET_ADDRESS_SIZE], name[NET_IF_SIZE];

	for (size_t i = 0; i < NELEMS(cases); i++) {
		is_str(net_address(&good, cases[i].slot, cases[i].end, address), cases[i].address,
		       "address");
		is_str(net_if(&good, cases[i].slot, name), cases[i].name, "name");
	}
	longest.tag = "zzzz";
	ok(strlen(net_if(&longest, NET_SLOT_MAX, name)) < NET_IF_SIZE - 1, "the longest name fits");
}

static void
test_texts(void)
{
	const struct net_link links[] = { { 2, 80, 80, IPPROTO_TCP, 0 },
					  { 3, 53, 0, IPPROTO_UDP, 0 },
					  { 2, 5432, 15432, IPPROTO_TCP, 0 } };
	const struct net_lease lease = { 1, 3, links };
	struct net_config named = good;
	const char *add = net_add_text(&arena, &good, &lease);
	const char *table = net_table_text(&arena, &good, &lease, 1);
	static const char *const must[] = {
		"delete table inet gavel_a1\n",
		"169.254.0.0/16",
		"198.51.100.0/25",
		"203.0.113.7",
		"elements = { 9.9.9.9, 10.0.0.53 }",
		"tcp dport { 25, 465, 587 } counter drop",
		"iifname . ip saddr != @leases counter drop",
		"limit rate over 20/second burst 40",
		"update @sent { ip saddr limit rate over 125000 kbytes/second burst 12500 kbytes }",
		"ct count over 100",
		"ip saddr 10.100.0.0/16 oifname != \"gva1-*\" masquerade",
		"leases { \"gva1-1\" . 10.100.0.6 }"
	};

	is_str(add,
	       "add element inet gavel_a1 leases { \"gva1-1\" . 10.100.0.6 }\n"
	       "add element inet gavel_a1 links { 10.100.0.6 . 10.100.0.10 . tcp . 80 }\n"
	       "add element inet gavel_a1 links { 10.100.0.6 . 10.100.0.14 . udp . 53 }\n"
	       "add element inet gavel_a1 links { 10.100.0.6 . 10.100.0.10 . tcp . 5432 }\n"
	       "add element inet gavel_a1 doors { 10.100.0.6 . 10.100.0.10 . tcp . 15432 : "
	       "10.100.0.10 . 5432 }\n",
	       "elements in");
	ok(strncmp(net_remove_text(&arena, &good, &lease), add, strlen(add)) == 0,
	   "elements out: in first, so that it cannot fail");
	for (size_t i = 0; i < NELEMS(must); i++)
		ok(strstr(table, must[i]) != NULL, "the table has: %.50s", must[i]);
	ok(strstr(net_remove_text(&arena, &good, &lease),
		  "delete element inet gavel_a1 flows { 10.100.0.6 }") != NULL,
	   "what the filter noted of its flows goes too");
	ok(strstr(table,
		  "\t\toifname \"gva1-*\" ip saddr . ip daddr . meta l4proto . th dport @links "
		  "accept\n") != NULL,
	   "to a neighbour over its wire only");
	ok(strstr(table, "flush ruleset") == NULL, "and touches no other table");
	ok(strstr(table, "redirect") == NULL, "no names where there is no resolver");
	named.dns_port = 8453;
	table = net_table_text(&arena, &named, &lease, 1);
	ok(strstr(table, "iifname \"gva1-*\" meta l4proto { tcp, udp } th dport 53 "
			 "fib daddr type local redirect to :8453") != NULL,
	   "questions are led to the resolver");
	ok(strstr(table, "iifname != \"lo\" iifname != \"gva1-*\" meta l4proto { tcp, udp } "
			 "th dport 8453 counter drop") != NULL,
	   "which the world does not reach");
}

static void
test_nft(void)
{
	struct net_config bare = { .tag = "chk", .network = 0x0a640000 };
	const struct net_lease lease = { 1, 0, NULL };
	const struct net_link as = { 2, 5432, 15432, IPPROTO_TCP, 0 };
	const struct net_lease linked = { 1, 1, &as };
	struct net_config named = good;
	const char *const texts[] = {
		net_table_text(&arena, &good, &lease, 1), net_table_text(&arena, &bare, NULL, 0),
		(named.dns_port = 8453, net_table_text(&arena, &named, &linked, 1)),
		/* in twice and out, as after a crash */
		arena_printf(&arena, "%s%s%s", net_table_text(&arena, &named, &linked, 1),
			     net_add_text(&arena, &named, &linked),
			     net_remove_text(&arena, &named, &linked))
	};

	for (size_t i = 0; i < NELEMS(texts); i++) {
		const char *argv[] = { "nft", "-c", "-f", "-", NULL };
		struct proc p = { .argv = argv, .input = texts[i], .input_len = strlen(texts[i]) };
		struct err e = ERR_NONE;

		if (geteuid() != 0 || proc_now(&arena, &p, &e) < 0 || p.status == 127) {
			ok(true, "nft takes table %zu # SKIP needs root and nft", i);
			continue;
		}
		ok(p.status == 0, "nft takes table %zu", i);
		if (p.status != 0)
			printf("# %.300s\n", p.err);
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	test_config();
	test_names();
	test_texts();
	test_nft();
	arena_release(&arena);
	return tap_done();
}
