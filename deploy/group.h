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

struct group_service {
	const char *name;
	uint32_t count;
	struct resources resources; /* of one copy */
};

struct group {
	const char *name;	     /* the placement's name in the SDL */
	const char *billing;	     /* "reserved" or "metered" */
	struct json_list services;   /* of struct group_service, at most 16 */
	struct json_list attributes; /* of struct attribute: all must match the provider's */
	struct json_strs signed_by;  /* addresses of auditors, all of them */
	struct hash manifest;	     /* manifest_hash() */
};

extern const struct json_field group_fields[];

extern const struct code GROUP_BAD; /* a rule of groups is broken */

/* Rules: 1 to 16 services, counts 1 to 100, sizes above zero and within
 * bounds, names [a-z][a-z0-9-]*, keys and values printable. */
int group_check(const struct group *g, struct err *e) mustcheck;
struct hash group_hash(const struct group *g);
struct resources group_total(const struct group *g);
enum billing group_billing(const struct group *g);
/* NULL, or the first attribute that the provider lacks. "*" matches any value;
 * a trailing * matches a prefix. */
const struct attribute *group_mismatch(const struct group *g, const struct json_list *attributes);

extern const struct json_field attribute_fields[];

#endif
