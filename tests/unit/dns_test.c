/* SPDX-License-Identifier: Apache-2.0 */
/* What the resolver says: names of the lease, names of nobody, names of the
 * world, and bytes that are no questions. */
#include "provider/ingress/dns_wire.h"
#include "tests/unit/tap.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>

static const struct dns_host hosts[] = { { "db", 0x0a560006 },
					 { "web", 0x0a560002 },
					 { "db", 0x0a56000a } };
static const struct dns_zone zone = { "eu", hosts, NELEMS(hosts) };

/* A question; the id's low byte turns the answers. */
static size_t
ask(uint8_t *q, const char *name, unsigned type, unsigned id)
{
	size_t len = 12;

	memset(q, 0, 12);
	q[1] = (uint8_t)id;
	q[2] = 1;
	q[5] = 1;
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		q[len++] = (uint8_t)n;
		memcpy(q + len, name, n);
		len += n;
		name += n + (name[n] == '.');
	}
	q[len++] = 0;
	q[len++] = (uint8_t)(type >> 8);
	q[len++] = (uint8_t)type;
	q[len++] = 0;
	q[len++] = 1;
	return len;
}

/* "forward", "drop", or "CODE ADDRESS..." by an independent reader. */
static const char *
answer(const char *name, unsigned type, unsigned id)
{
	static char text[256];
	uint8_t q[300], r[512];
	size_t len = ask(q, name, type, id), r_len = sizeof(r), at;
	enum dns_verdict v = dns_answer(&zone, q, len, r, &r_len);
	char address[INET_ADDRSTRLEN];
	ns_msg m;
	ns_rr rr;

	if (v != DNS_ANSWER)
		return v == DNS_FORWARD ? "forward" : "drop";
	if (ns_initparse(r, (int)r_len, &m) != 0)
		return "not a message";
	at = (size_t)snprintf(text, sizeof(text), "%d", ns_msg_getflag(m, ns_f_rcode));
	for (int i = 0; i < ns_msg_count(m, ns_s_an); i++) {
		if (ns_parserr(&m, ns_s_an, i, &rr) != 0 || strcasecmp(ns_rr_name(rr), name) != 0 ||
		    ns_rr_rdlen(rr) != 4)
			return "a broken record";
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, " %s",
			inet_ntop(AF_INET, ns_rr_rdata(rr), address, sizeof(address)));
	}
	return text;
}

static void
test_names(void)
{
	static const struct {
		const char *name;
		unsigned type, id;
		const char *want;
	} rows[] = {
		{ "web", ns_t_a, 0, "0 10.86.0.2" },
		{ "db", ns_t_a, 0, "0 10.86.0.6 10.86.0.10" },
		{ "db", ns_t_a, 1, "0 10.86.0.10 10.86.0.6" },
		{ "DB.internal", ns_t_a, 0, "0 10.86.0.6 10.86.0.10" },
		{ "db.eu", ns_t_any, 0, "0 10.86.0.6 10.86.0.10" },
		{ "db", ns_t_aaaa, 0, "0" },
		{ "db", ns_t_mx, 0, "0" },
		{ "cache", ns_t_a, 0, "3" },
		{ "cache.internal", ns_t_a, 0, "3" },
		{ "db.other.internal", ns_t_a, 0, "3" },
		{ "internal", ns_t_a, 0, "3" },
		{ "d", ns_t_a, 0, "3" },
		{ "dbx", ns_t_a, 0, "3" },
		{ "2.0.86.10.in-addr.arpa", ns_t_ptr, 0, "3" },
		{ "1.1.168.192.in-addr.arpa", ns_t_ptr, 0, "3" },
		{ "1.0.17.172.in-addr.arpa", ns_t_ptr, 0, "3" },
		{ "1.0.32.172.in-addr.arpa", ns_t_ptr, 0, "forward" },
		{ "9.9.9.9.in-addr.arpa", ns_t_ptr, 0, "forward" },
		{ "cache.eu", ns_t_a, 0, "forward" },
		{ "db.example", ns_t_a, 0, "forward" },
		{ "example.org", ns_t_mx, 0, "forward" },
		{ "notinternal.org", ns_t_a, 0, "forward" },
		{ "", ns_t_ns, 0, "forward" },
	};

	for (size_t i = 0; i < NELEMS(rows); i++)
		is_str(answer(rows[i].name, rows[i].type, rows[i].id), rows[i].want, rows[i].name);
}

static void
test_bytes(void)
{
	uint8_t q[300], r[512], small[20];
	size_t len = ask(q, "db", ns_t_a, 7), r_len, wrong = 0;

	for (size_t cut = 0; cut < len; cut++) {
		r_len = sizeof(r);
		wrong += dns_answer(&zone, q, cut, r, &r_len) != DNS_DROP;
	}
	is_int((long long)wrong, 0, "a question cut short is dropped");
	r_len = sizeof(small);
	ok(dns_answer(&zone, q, len, small, &r_len) == DNS_ANSWER && r_len == len,
	   "no room for records: none");
	r_len = 10;
	ok(dns_answer(&zone, q, len, small, &r_len) == DNS_DROP, "no room at all");
	q[2] |= 0x80;
	r_len = sizeof(r);
	ok(dns_answer(&zone, q, len, r, &r_len) == DNS_DROP, "an answer is not a question");
	q[2] = 0x29;
	ok(dns_answer(&zone, q, len, r, &r_len) == DNS_DROP, "an update neither");
	q[2] = 1;
	q[5] = 2;
	ok(dns_answer(&zone, q, len, r, &r_len) == DNS_DROP, "two questions, one there");
	q[5] = 1;
	q[12] = 0xc0;
	q[13] = 12;
	ok(dns_answer(&zone, q, len, r, &r_len) == DNS_DROP, "a name that points to itself");
	len = ask(q, "db", ns_t_a, 7);
	is_int((long long)dns_refuse(q, len, 5, r, sizeof(r)), (long long)len, "refused");
	ok((r[3] & 15) == 5 && r[1] == 7 && (r[2] & 0x80) != 0, "with its code and number");
	is_int((long long)dns_refuse(q, 11, 5, r, sizeof(r)), 0, "but not what is no question");
}

int
main(void)
{
	test_names();
	test_bytes();
	return tap_done();
}
