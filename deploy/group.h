/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - what the market sees of a deployment: how much, where, at most at
 * what price. Never images, env or args; those are in the manifest, of which
 * the group carries only the hash.
 *
 * The group hash signed into an Order is Keccak-256 of the group's canonical
 * JSON: the members in the order of group_fields, without white space.
 */
#ifndef GAVEL_GROUP_H
#define GAVEL_GROUP_H

#include "deploy/resource.h"

enum billing { BILLING_RESERVED, BILLING_METERED };

struct attribute {
	const char *key, *value; /* value "*": any */
};

/* A volume that outlives its container. */
struct volume {
	const char *name;
	uint64_t bytes;
	const char *class; /* default, beta1 (disk), beta2 (SSD), beta3 (NVMe) */
};

struct group_service {
	const char *name;
	uint32_t count;
	struct resources resources; /* of one copy */
	struct json_list volumes;   /* of struct volume: persistent ones, by name */
	struct json_strs gpus;	    /* any of these will do: see rule_gpu() */
};

struct group {
	const char *name;	     /* the placement's name in the SDL */
	const char *billing;	     /* "reserved" or "metered" */
	struct json_list services;   /* of struct group_service, at most 16 */
	struct json_list attributes; /* of struct attribute: all must match the provider's */
	struct json_strs signed_by;  /* addresses of auditors, all of them */
	struct json_strs signed_any; /* and at least one of these, if any are named */
	uint32_t ips;		     /* addresses of its own */
	uint32_t reclaim_s;	     /* notice before a provider takes the lease back; 0: none */
	struct json_strs allow;	     /* addresses of providers: only these, if any are named */
	struct json_strs deny;	     /* never these */
	const char *accept;	     /* "manual": the tenant picks from the ranking; else NULL */
	bool interruptible;	     /* of the tier that firm leases push out: lease/pool.h */
	const char *on_interrupt;    /* then: "pause" or "end"; else NULL */
	/* One copy of several that lie on different providers, owners or regions: each is an
	 * order of its own, and they are awarded together or not at all. */
	const char *spread;	/* "provider", "owner", "region"; else NULL, and the rest is 0 */
	struct hash spread_set; /* the tenant's: all rows have it */
	uint32_t spread_row, spread_rows; /* from 1; of how many */
	struct hash manifest;		  /* manifest_hash() */
};

/* Copies that may be spread. */
#define GROUP_ROWS_MAX 16u

extern const struct json_field group_fields[];

extern const struct code GROUP_BAD; /* a rule of groups is broken */

/* Rules: 1 to 16 services, counts 1 to 100, sizes above zero and within
 * bounds, names [a-z][a-z0-9-]*, keys and values printable. */
int group_check(const struct group *g, struct err *e) mustcheck;
/* Whether both are rows of one set: they ask for the same but for what runs. */
bool group_same_set(const struct group *a, const struct group *b);
struct hash group_hash(const struct group *g);
struct resources group_total(const struct group *g);
enum billing group_billing(const struct group *g);
bool group_manual(const struct group *g);
/* NULL, or the first attribute that the provider lacks. "*" matches any value;
 * a trailing * matches a prefix. */
const struct attribute *group_mismatch(const struct group *g, const struct json_list *attributes);
/* By the lists allow and deny; `provider` as address_text() writes it. */
bool group_admits(const struct group *g, const char *provider);
/* Whether a machine's gpu ("nvidia/h100/80Gi/sxm") is what is asked for
 * ("nvidia/h100"): every word of `wanted` after the vendor is among its words. */
bool gpu_matches(const char *wanted, const char *have);

extern const struct json_field attribute_fields[], volume_fields[];

#endif
