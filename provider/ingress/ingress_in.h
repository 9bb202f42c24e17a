/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_in.h - between ingress.c (TCP, and what both kinds share),
 * ingress_udp.c and dns.c only.
 */
#ifndef GAVEL_INGRESS_IN_H
#define GAVEL_INGRESS_IN_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "provider/ingress/ingress.h"

/* The first member of the relay of either kind. */
struct ingress {
	struct loop *loop;
	void (*end)(struct ingress *in); /* all but the memory of the struct */
	struct sockaddr_in targets[INGRESS_TARGETS_MAX];
	size_t target_count, turn;
};

/* at: becomes address:outside. */
int ingress_init(struct ingress *in, struct loop *l, const char *address, unsigned outside,
		 const struct ingress_target *targets, size_t count, struct sockaddr_in *at,
		 struct err *e) mustcheck;

/* A packet, and at which address of ours it came: the answer must come from there.
 * The socket has IP_PKTINFO on. */
ssize_t world_recv(int fd, void *data, size_t len, struct sockaddr_in *from, struct in_addr *at);
void
world_send(int fd, const void *data, size_t len, const struct sockaddr_in *to, struct in_addr at);

#endif
