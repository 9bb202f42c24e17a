/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offer.h - a standing offer: what a provider asks for each unit (its floor), the
 * most it ever charges for it (its list price), and what it has. Signed once, it
 * takes part in every auction until it expires or a higher seq replaces it.
 *
 *	Offer(address provider,address owner,uint64 seq,uint64 expires,bytes32 content)
 *
 * is what is signed; content is Keccak-256 of the canonical JSON of everything, as
 * it is with groups. All rates are 10^-9 base units per second and unit; storage
 * is per GiB, priced by the MiB and rounded up; egress is 10^-9 base units for a
 * GiB, of an allowance for 30 days.
 *
 * Pure: auctioneer, auditor, provider (`why`) and tenant (`quote`) call the same.
 */
#ifndef GAVEL_OFFER_H
#define GAVEL_OFFER_H

#include "lease/attest.h"
#include "lease/demand.h"
#include "lease/terms.h"

#define OFFER_NODES_MAX	      1024u
#define OFFER_MODELS_MAX      8u
#define OFFER_LIVE_MAX	      16u /* per provider */
#define OFFER_CURVE_MAX	      20000u
#define OFFER_CURVE_DEFAULT   3000u
#define OFFER_LIST_DEFAULT_BP 11000u

struct gpu_rate {
	const char *model; /* as machines say it: "nvidia/h100/80Gi/sxm" */
	struct rate rate;
};

struct offer_units {
	struct rate fixed; /* per lease */
	struct rate cpu_milli, memory_mib;
	struct rate storage_gib[STORAGE_CLASSES];
	struct rate ip, endpoint;
	struct rate egress_gib;
	struct json_list gpus; /* of struct gpu_rate; floor and list name the same models */
};

struct offer_node {
	const char *name; /* one of the provider's; in one live offer only */
	const char *model;
	struct shape has;     /* the whole machine */
	struct shape foreign; /* of it used by others than this market's leases */
};

struct offer {
	struct address provider, owner;
	uint64_t seq;
	uint64_t expires; /* unix seconds */
	struct offer_units floor, list;
	uint32_t curve_bp;
	struct json_list nodes; /* of struct offer_node */
	const char *region;
	struct json_list attributes; /* of struct attribute */
	uint32_t launch_s;
	uint32_t min_term_s;
	uint32_t notice_s;	 /* before the provider takes a lease back */
	struct offer_units spot; /* floor of the interruptible tier */
	uint32_t spot_notice_s;	 /* 0: it takes no part in it */
	struct json_strs allow;	 /* addresses of tenants: only these, if any are named */
	struct json_strs deny;	 /* never these */
};

extern const struct json_field offer_fields[], offer_units_fields[], offer_node_fields[],
	shape_fields[];

/* POST /v1/offers. */
struct offer_doc {
	struct offer offer;
	struct sig sig; /* the provider's over offer_hash() */
};
extern const struct json_field offer_doc_fields[];

extern const struct code OFFER_BAD;
extern const struct code OFFER_LIST; /* a list price below its floor */

/* Every rule an offer must keep by itself, but its signature. */
int offer_check(const struct offer *o, struct err *e) mustcheck;
struct hash offer_hash(const struct offer *o); /* its id */
/* The same by whoever has the canonical JSON only, and need not read it. */
struct offer_head {
	struct address provider, owner;
	uint64_t seq, expires;
};
struct hash offer_head_hash(const struct offer_head *head, const void *text, size_t len);

/* ------------------------------------------------------------------ */
/* Why an offer does not match.                                        */

enum offer_match {
	OFFER_MATCHES,
	OFFER_OWN_ORDER, /* provider and tenant are the same people */
	OFFER_DENIED,	 /* the tenant wants nothing from this provider */
	OFFER_REFUSES,	 /* the provider wants nothing of this tenant */
	OFFER_REGION,
	OFFER_ATTRIBUTE,
	OFFER_AUDIT,
	OFFER_TERM,   /* the deposit does not last for min_term_s */
	OFFER_NOTICE, /* the notice is shorter than the tenant asks for */
	OFFER_GPU,    /* no model that every service takes */
	OFFER_SPOT,   /* it takes no interruptible leases */
	OFFER_TAKEN,  /* another copy of what is spread is there */
};

struct offer_asker { /* the order, as far as offers must match it */
	const struct group *group;
	const struct demand *demand;
	const struct json_list *audits; /* of struct audit_doc, in force; NULL: none */
	struct address tenant, owner;
	uint32_t term_s;	      /* how long the deposit lasts at the maximum */
	const struct address *denied; /* providers that failed it */
	size_t denied_count;
	bool spot;
};

enum offer_match offer_matches(const struct offer *o, const struct offer_asker *asker);
const char *offer_match_name(enum offer_match m); /* stable: part of the API */

/* ------------------------------------------------------------------ */
/* Price.                                                              */

/* sum(unit * quantity); model: index into gpus, -1: none asked for. At most RATE_MAX. */
struct rate units_price(const struct offer_units *u, const struct demand *d, int model);
/* floor and list of the group at utilisation u (bp), after the load curve. */
void offer_price(const struct offer *o, const struct demand *d, int model, uint32_t u_bp,
		 struct rate *floor, struct rate *list);
/* Item-wise the higher of both, into `high`: what the last 600 s have seen. */
void units_raise(struct offer_units *high, const struct offer_units *seen);
/* u = taken / whole in bp, of GPUs of that model, or of vCPU for model -1;
 * foreign use counts where `foreign` says it is old enough. */
uint32_t
offer_used_bp(const struct offer *o, const struct demand_node *free, int model, bool foreign);
/* What is free of each node of the offer before any lease. */
void offer_nodes(const struct offer *o, struct demand_node *out);

#endif
