/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price.h - the one price function: bidder, auctioneer, meter, tenant and tests
 * all call it. Pure; 128-bit integers; rounds up what is asked for a
 * reservation and down what is due.
 *
 * A card names integer unit prices in 10^-9 base units per second. The rate of
 * a group is the card applied to its full reservation:
 *
 *	rate = fixed + cpu * millicores + memory * MiB + storage * MiB
 *	     + volume * MiB + gpu * gpus + endpoint * endpoints + ip * ips
 *	     + egress * GiB / 30 days
 *
 * Metered billing charges what was used, each resource capped at its
 * reservation, and never less than the base share that the order allows:
 *
 *	due = min(rate * t, max(base * t, share_cpu + share_memory + rest))
 *
 * where the fixed, storage, volume, gpu, endpoint and ip parts accrue by time
 * (they are held, used or not), CPU and memory by what the cgroup counted, and
 * egress by the bytes that left.
 */
#ifndef GAVEL_PRICE_H
#define GAVEL_PRICE_H

#include "deploy/group.h"
#include "lease/terms.h"

struct rate_card {
	struct rate fixed;     /* per lease */
	struct rate cpu_milli; /* per thousandth of a CPU */
	struct rate memory_mib;
	struct rate storage_mib;
	struct rate volume_mib; /* of persistent volumes */
	struct rate gpu;
	struct rate endpoint;
	struct rate ip;
	struct rate egress_gib; /* 10^-9 base units for a GiB, not per second */
};

extern const struct json_field rate_card_fields[];

struct rate price_group(const struct rate_card *card, const struct group *g);
/* rate * (10^12 + curve_bp * u^2) / 10^12, rounded up; u is the provider's
 * utilisation in 1/10000 (auction rules, section 4). */
struct rate price_curve(struct rate rate, uint32_t curve_bp, uint32_t utilisation_bp);
/* rate * bp / 10000, rounded up: a list price from a floor. */
struct rate price_scale(struct rate rate, uint32_t bp);

/* What a meter has counted since the lease began. */
struct meter {
	uint32_t seconds; /* healthy seconds: those that count */
	uint64_t cpu_milli_seconds;
	uint64_t memory_mib_seconds;
	uint64_t egress_bytes;
};

/* What is due for a lease at `rate` whose group reserves `reserved`, of which
 * the share of each part follows the winner's card; capped by rate * elapsed
 * and by the deposit. */
struct price_lease {
	struct rate rate, base;
	struct rate_card card;	   /* as bid: gives the shares */
	struct resources reserved; /* group_total() */
	struct amount deposit;
	enum billing billing;
};
struct amount price_due(const struct price_lease *l, const struct meter *m, uint32_t elapsed);

/* One line of a receipt: how the due divides among the resources. */
struct price_part {
	const char *resource;
	struct amount amount;
};
#define PRICE_PARTS 9
/* Fills the parts, which add up to the due exactly; returns how many. */
size_t price_parts(const struct price_lease *l, const struct meter *m, uint32_t elapsed,
		   struct price_part parts[static PRICE_PARTS]);

#endif
