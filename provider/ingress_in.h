/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_in.h - between ingress.c (TCP, and what both kinds share) and
 * ingress_udp.c only.
 */
#ifndef GAVEL_INGRESS_IN_H
#define GAVEL_INGRESS_IN_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "provider/ingress.h"

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

#endif
