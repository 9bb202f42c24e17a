/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress.h - ports of the provider that lead into workloads: a TCP relay in
 * the agent's loop. It touches no packet filter, so nothing of the machine
 * changes for it, and it needs no root.
 */
#ifndef GAVEL_INGRESS_H
#define GAVEL_INGRESS_H

#include "lib/task.h"

struct ingress;

/* Listen on address:outside and relay to inside_address:inside. */
struct ingress *ingress_open(struct loop *l, const char *address, unsigned outside,
			     const char *inside_address, unsigned inside, struct err *e) mustcheck;
/* Stops listening and cuts what is connected. */
void ingress_close(struct ingress *in);
unsigned ingress_port(const struct ingress *in);

#endif
