/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - what runs: private between the tenant and the winner.
 *
 * The manifest hash is Keccak-256 of the manifest's canonical JSON (members in
 * the order of manifest_fields, no white space). The tenant signs it into the
 * order through the group; the provider refuses any other.
 */
#ifndef GAVEL_MANIFEST_H
#define GAVEL_MANIFEST_H

#include "deploy/group.h"

struct expose {
	uint32_t port;	   /* inside the container */
	uint32_t as;	   /* outside; 0: the provider chooses */
	const char *proto; /* "tcp", "udp", "http" */
	bool global;	   /* open to the world */
	struct json_strs hosts;
	struct json_strs to; /* services that may connect (not global) */
};

struct mount {
	const char *volume, *path;
	bool readonly;
};

struct service {
	const char *name;
	const char *image;
	struct json_strs command; /* instead of the image's entrypoint */
	struct json_strs args;	  /* instead of the image's command */
	struct json_strs env;	  /* NAME=value */
	uint32_t count;
	struct resources resources;
	bool readonly;						       /* the root file system */
	struct json_list exposes;				       /* of struct expose */
	struct json_list mounts;				       /* of struct mount */
	const char *registry_user, *registry_password, *registry_host; /* or NULL */
};

struct manifest {
	const char *group;
	struct json_list services; /* of struct service */
};

extern const struct json_field manifest_fields[];
extern const struct json_field service_fields[];

extern const struct code MANIFEST_BAD;

int manifest_check(const struct manifest *m, struct err *e) mustcheck;
struct hash manifest_hash(const struct manifest *m);
/* What runs is what was auctioned: the same services, copies and resources, in
 * the same order. */
int manifest_matches(const struct manifest *m, const struct group *g, struct err *e) mustcheck;

#endif
