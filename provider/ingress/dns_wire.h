/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_wire.h - what the workloads' resolver says to a question: pure, bytes in,
 * bytes out. The door with the sockets is dns.c.
 *
 * A lease is a zone of its own. In it a service is called
 *	db, db.internal, db.PLACEMENT
 * and that leads to all of its copies, in another order each time. Any other
 * name of one label and any other name under .internal does not exist: services
 * of other leases cannot be asked for, and such questions are nobody else's
 * business either, so they are not forwarded; nor are addresses of private
 * networks in in-addr.arpa.
 */
#ifndef GAVEL_DNS_WIRE_H
#define GAVEL_DNS_WIRE_H

#include "lib/base.h"

#define DNS_PACKET_MAX 4096
#define DNS_TTL_S      5
#define DNS_HOSTS_MAX  32

struct dns_host {
	const char *service; /* in lower case */
	uint32_t address;    /* in host order */
};

struct dns_zone {
	const char *placement;
	const struct dns_host *hosts; /* one for each copy of each service */
	size_t count;
};

enum dns_verdict {
	DNS_DROP,    /* not a question that we understand */
	DNS_ANSWER,  /* reply is filled */
	DNS_FORWARD, /* a question for the world */
};

/* *reply_len: the room for it, then its length. */
enum dns_verdict dns_answer(const struct dns_zone *zone, const uint8_t *query, size_t len,
			    uint8_t *reply, size_t *reply_len);
/* The query as an answer with this code (2: the resolver cannot, 5: will not). */
size_t dns_refuse(const uint8_t *query, size_t len, unsigned code, uint8_t *reply, size_t room);

#endif
