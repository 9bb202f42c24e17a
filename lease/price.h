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
 * A class of volumes and a model of GPUs may have a price of its own. The group
 * says what is asked for, and not which GPU will serve: the models are those of
 * the bid, kept with the lease beside the card. Who has card, group and models
 * computes the same price and the same due.
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
#include "lease/spot.h"
#include "lease/terms.h"

struct volume_price { /* of a storage class, in place of volume_mib */
	const char *class;
	struct rate mib;
};

struct gpu_price {	   /* of a model, in place of gpu */
	const char *model; /* as gpu_matches() takes it: "nvidia/h100" */
	struct rate rate;
};

#define CARD_VOLUMES_MAX 8u
#define CARD_GPUS_MAX	 64u

struct rate_card {
	struct rate fixed;     /* per lease */
	struct rate cpu_milli; /* per thousandth of a CPU */
	struct rate memory_mib;
	struct rate storage_mib;
	struct rate volume_mib; /* of persistent volumes */
	struct rate gpu;
	struct rate endpoint;
	struct rate ip;
	struct rate egress_gib;	  /* 10^-9 base units for a GiB, not per second */
	struct json_list volumes; /* of struct volume_price: once each */
	struct json_list gpus;	  /* of struct gpu_price: the first that matches */
};

extern const struct json_field rate_card_fields[];

extern const struct code CARD_BAD;
/* Classes known and once each, models well formed. */
int card_check(const struct rate_card *card, struct err *e) mustcheck;
/* Of one GPU of this model ("nvidia/h100/80Gi/sxm"). */
struct rate card_gpu(const struct rate_card *card, const char *model);

/* models: of the group's GPUs one by one, as chosen for the bid; those beyond
 * the list (NULL: all) have the card's price for any. */
struct rate
price_group(const struct rate_card *card, const struct group *g, const struct json_strs *models);
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
	const struct group *group; /* whose volumes have classes; NULL: the default */
	struct json_strs models;   /* as bid; see price_group() */
	struct amount deposit;
	enum billing billing;
	const struct spot_due *spot; /* interruptible: this counts, see lease/dues.h */
	bool closed;		     /* its tenant has ended it: the run counts as it is */
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
