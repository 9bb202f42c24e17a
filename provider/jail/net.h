/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.h - one wire per workload, and what may pass over it.
 *
 * Every slot has a /30 of the provider's network: .1 is the host's end, .2 the
 * workload's. The wire is a veth pair, routed, without a bridge: there is no
 * neighbour to play ARP games with. The workload's end is put into the network
 * namespace that the runtime has made, between create and start: a namespace
 * owned by the host could not be joined by `runc exec`. Without a capability the
 * workload cannot change its end, and a false sender address is dropped. IPv6 is
 * off.
 *
 * One nftables table of our own, `inet gavel_<tag>`; no other table is touched:
 *	prerouting   only (interface, address) pairs of known workloads
 *	names        port 53 of the host's end is the agent's resolver; a link's
 *	             other port number is its real one
 *	input        nothing from a workload to the host but replies and questions
 *	             for that resolver, which nobody else may ask
 *	forward      replies; links between workloads that were asked for; out
 *	             to the world but not to private, link-local, metadata or
 *	             the provider's own addresses, not to mail ports, with limits
 *	             on new and on concurrent flows per workload
 *	postrouting  masquerade
 * What a workload receives is shaped by a token bucket on the host's end of its
 * wire; what it sends beyond its bandwidth is dropped in prerouting, where replies
 * count as well.
 *
 * Interfaces are matched by prefix, so a workload whose elements are missing
 * gets nothing rather than everything.
 *
 * Runs as root in the jail. The texts are pure and tested as such.
 */
#ifndef GAVEL_NET_H
#define GAVEL_NET_H

#include "lib/arena.h"

#define NET_SLOT_MAX	 16383u
#define NET_TAG_MAX	 4 /* letters: interface names have 15 */
#define NET_LINKS_MAX	 256
#define NET_MBIT_MAX	 100000u
#define NET_IF_SIZE	 16
#define NET_ADDRESS_SIZE 16

struct net_config {
	const char *tag;	       /* [a-z0-9]{1,4}, per provider on one machine */
	uint32_t network;	       /* host order; /30s from here on */
	const char *const *deny;       /* more prefixes not to reach, NULL-ended, or NULL */
	const char *const *resolvers;  /* addresses, NULL-ended; DNS only when private */
	uint32_t new_per_s, new_burst; /* 0: 20, 40 */
	uint32_t flows_max;	       /* 0: 100 */
	uint16_t dns_port;	       /* of this machine, for their port 53; 0: none */
	uint32_t in_mbit, out_mbit;    /* bandwidth of one workload; 0: 1000 */
};

/* A workload may open connections to this port of that other workload; it may
 * also say `as` for it, unless that is 0 or the same. */
struct net_link {
	uint16_t slot;
	uint16_t port;
	uint16_t as;
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t zero;
};

struct net_lease {
	uint16_t slot;
	uint16_t link_count;
	const struct net_link *links; /* borrowed */
};

struct net_usage {
	uint64_t rx_bytes, tx_bytes; /* as the workload sees it */
};

int net_config_check(const struct net_config *c, struct err *e) mustcheck;
const char *net_if(const struct net_config *c, uint16_t slot, char out[static NET_IF_SIZE]);
/* Dotted; end 1 is the host's, 2 the workload's. */
const char *net_address(const struct net_config *c, uint16_t slot, unsigned end,
			char out[static NET_ADDRESS_SIZE]);

/* Input for nft: the whole table, replacing what was there, in one transaction;
 * the elements of one workload in and out. Adding twice and removing what is not
 * there both succeed. */
const char *net_table_text(struct arena *a, const struct net_config *c,
			   const struct net_lease *leases, size_t count) mustcheck;
const char *
net_add_text(struct arena *a, const struct net_config *c, const struct net_lease *l) mustcheck;
const char *
net_remove_text(struct arena *a, const struct net_config *c, const struct net_lease *l) mustcheck;

/* Forwarding on, the table made anew from the leases that exist. IPv4 forwarding
 * stays on after net_stop(): who else on this machine has come to rely on it is not
 * to be known. A machine that was no router before is one afterwards, between its
 * other interfaces too, unless its own filter says no. */
int net_start(const struct net_config *c, const struct net_lease *leases, size_t count,
	      struct err *e) mustcheck;
/* Take the table away: for tests and for removing a provider. */
int net_stop(const struct net_config *c, struct err *e) mustcheck;

/* Its elements into the filter; remains of an earlier try go first. */
int net_admit(const struct net_config *c, const struct net_lease *l, struct err *e) mustcheck;
/* Wire into the network namespace at path `netns`, and addresses. */
int net_wire(const struct net_config *c, uint16_t slot, const char *netns, struct err *e) mustcheck;
/* Both; all of it before the workload starts. */
int net_up(const struct net_config *c, const struct net_lease *l, const char *netns,
	   struct err *e) mustcheck;
/* All of it gone, and checked to be gone; both ends of a wire go together. */
int net_down(const struct net_config *c, const struct net_lease *l, struct err *e) mustcheck;
bool net_left(const struct net_config *c, uint16_t slot);
void net_read(const struct net_config *c, uint16_t slot, struct net_usage *out);

#endif
