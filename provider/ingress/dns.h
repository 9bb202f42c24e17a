/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns.h - the workloads' resolver: a UDP and a TCP socket in the agent's loop.
 *
 * A workload asks its wire's host end, port 53; the packet filter leads that to
 * dns_port (net.h), where nobody else reaches it. Who asks is known by the source
 * address, which cannot be forged on a wire: slot, lease, zone. Names of the lease
 * are answered here (dns_wire.h). Others go to the provider's `resolvers`, as they
 * came but for their number; without any they are refused.
 *
 * Each slot has its share of questions a second, of questions under way and of
 * connections: a workload that asks for too much waits for itself only.
 */
#ifndef GAVEL_DNS_H
#define GAVEL_DNS_H

#include "provider/agent.h"

/* fatal when the port is taken. */
void dns_start(struct agent *g);

#endif
