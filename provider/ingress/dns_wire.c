/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress/dns_wire.h"

#include <arpa/nameser.h>
#include <ctype.h>

#define RCODE_NXDOMAIN 3u
#define HEADER	       12u
#define A_RECORD       16u /* pointer, type, class, ttl, length, address */

struct question {
	char name[NS_MAXDNAME]; /* in lower case */
	ns_type type;
	size_t end; /* where the question section ends */
};

static bool
question_read(const uint8_t *query, size_t len, struct question *q)
{
	ns_msg m;
	ns_rr rr;

	if (len > DNS_PACKET_MAX || ns_initparse(query, (int)len, &m) != 0 ||
	    ns_msg_getflag(m, ns_f_qr) != 0 || ns_msg_getflag(m, ns_f_opcode) != ns_o_query ||
	    ns_msg_count(m, ns_s_qd) != 1 || ns_parserr(&m, ns_s_qd, 0, &rr) != 0 ||
	    ns_rr_class(rr) != ns_c_in)
		return false;
	q->type = ns_rr_type(rr);
	snprintf(q->name, sizeof(q->name), "%s", ns_rr_name(rr));
	for (char *p = q->name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	/* One question, and so no name to point back to: label by label. */
	q->end = HEADER;
	while (q->end < len && query[q->end] != 0 && query[q->end] < 64)
		q->end += query[q->end] + 1u;
	q->end += 5;
	return q->end <= len && query[q->end - 5] == 0;
}

/* ------------------------------------------------------------------ */

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && strcmp(name + n - e, end) == 0 &&
	       (n == e || end[0] == '.' || name[n - e - 1] == '.');
}

/* The service that the name names, or "". */
static void
service_of(const struct dns_zone *z, const char *name, char service[static 64])
{
	size_t len = strcspn(name, ".");
	const char *rest = name[len] == '.' ? name + len + 1 : "";

	service[0] = '\0';
	if (len >= 64 ||
	    (rest[0] != '\0' && strcmp(rest, "internal") != 0 && strcmp(rest, z->placement) != 0))
		return;
	for (size_t i = 0; i < z->count; i++)
		if (strlen(z->hosts[i].service) == len &&
		    strncmp(z->hosts[i].service, name, len) == 0)
			snprintf(service, 64, "%s", z->hosts[i].service);
}

static bool
is_private(const char *name)
{
	static const char *const zones[] = { "internal",
					     "10.in-addr.arpa",
					     "168.192.in-addr.arpa",
					     "254.169.in-addr.arpa",
					     "100.in-addr.arpa",
					     "d.f.ip6.arpa",
					     "c.f.ip6.arpa" };
	unsigned second;

	if (strchr(name, '.') == NULL)
		return name[0] != '\0'; /* the root is public */
	for (size_t i = 0; i < NELEMS(zones); i++)
		if (ends_with(name, zones[i]))
			return true;
	if (!ends_with(name, "172.in-addr.arpa"))
		return false;
	for (second = 16; second < 32; second++) {
		char zone[32];

		snprintf(zone, sizeof(zone), "%u.172.in-addr.arpa", second);
		if (ends_with(name, zone))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ */

static void
header_write(uint8_t *reply, const uint8_t *query, unsigned code, unsigned answers)
{
	memset(reply, 0, HEADER);
	reply[0] = query[0];
	reply[1] = query[1];
	reply[2] = (uint8_t)(0x84 | (query[2] & 1)); /* an answer, by who knows; RD as asked */
	reply[3] = (uint8_t)(0x80 | code);
	reply[5] = 1;
	reply[7] = (uint8_t)answers;
}

static void
record_write(uint8_t *p, uint32_t address)
{
	ns_put16(0xc000 | HEADER, p);
	ns_put16(ns_t_a, p + 2);
	ns_put16(ns_c_in, p + 4);
	ns_put32(DNS_TTL_S, p + 6);
	ns_put16(4, p + 10);
	ns_put32(address, p + 12);
}

size_t
dns_refuse(const uint8_t *query, size_t len, unsigned code, uint8_t *reply, size_t room)
{
	struct question q;

	if (!question_read(query, len, &q) || q.end > room)
		return 0;
	memcpy(reply, query, q.end);
	header_write(reply, query, code, 0);
	return q.end;
}

enum dns_verdict
dns_answer(const struct dns_zone *zone, const uint8_t *query, size_t len, uint8_t *reply,
	   size_t *reply_len)
{
	size_t found[DNS_HOSTS_MAX], count = 0, room = *reply_len;
	struct question q;
	char service[64];

	if (!question_read(query, len, &q) || q.end > room)
		return DNS_DROP;
	service_of(zone, q.name, service);
	if (service[0] == '\0' && !is_private(q.name))
		return DNS_FORWARD;
	memcpy(reply, query, q.end);
	*reply_len = q.end;
	if (service[0] == '\0') {
		header_write(reply, query, RCODE_NXDOMAIN, 0);
		return DNS_ANSWER;
	}
	for (size_t i = 0; i < zone->count && count < DNS_HOSTS_MAX; i++)
		if (strcmp(zone->hosts[i].service, service) == 0)
			found[count++] = i;
	if (q.type != ns_t_a && q.type != ns_t_any)
		count = 0; /* the name is there, but has nothing of that kind */
	count = MIN(count, (room - q.end) / A_RECORD);
	for (size_t i = 0; i < count; i++, *reply_len += A_RECORD) {
		size_t turn = found[(i + query[1]) % count];

		record_write(reply + *reply_len, zone->hosts[turn].address);
	}
	header_write(reply, query, 0, (unsigned)count);
	return DNS_ANSWER;
}
