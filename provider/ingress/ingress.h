/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress.h - ports of the provider that lead into workloads: TCP and UDP
 * relays in the agent's loop. They touch no packet filter, so nothing of the
 * machine changes for them, and they need no root.
 *
 * A relay has a target for each copy of the service and takes them in turn. One
 * that does not answer is passed over: a TCP connection tries the next before it
 * gives up, and a UDP session that was refused ends, so that its client's next
 * packet begins one with the next target.
 *
 * UDP has no connections: a session is one client's address and port. It ends
 * when nothing has passed for a minute, and when the table is full the packets of
 * new clients are dropped: those who talk already are not pushed out by a flood.
 */
#ifndef GAVEL_INGRESS_H
#define GAVEL_INGRESS_H

#include "lib/task.h"

struct ingress;

#define INGRESS_TARGETS_MAX 16

struct ingress_target {
	char address[16];
	unsigned port;
};

/* Listen on address:outside and relay to the targets, which are copied. */
struct ingress *
ingress_open(struct loop *l, const char *address, unsigned outside,
	     const struct ingress_target *targets, size_t count, struct err *e) mustcheck;
struct ingress *
ingress_open_udp(struct loop *l, const char *address, unsigned outside,
		 const struct ingress_target *targets, size_t count, struct err *e) mustcheck;
/* From now on new connections and sessions go to these targets; none: they end. */
void ingress_aim(struct ingress *in, const struct ingress_target *targets, size_t count);
/* Stops listening and cuts what is connected. */
void ingress_close(struct ingress *in);

#endif
