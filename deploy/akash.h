/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash.h - a deployment file as Akash reads it: accepted exactly when Akash's
 * Go implementation accepts it, with the same groups, the same manifest and
 * the same version hash. Pure: text in, structs out.
 *
 * sdl.h is our own reading, strict and exact. This one copies another
 * program's leniency, down to quantities that pass through IEEE doubles and
 * are cut off: here, and nowhere else in the house. docs/sdl-deviations.md
 * lists where the two may still differ.
 *
 *	struct akash in;
 *	struct sdl sdl;
 *	akash_read(&arena, "deploy.yaml", text, len, &in, &e)
 *	... in.hash, in.manifest_json, in.groups[0].units[0] ...
 *	akash_import(&arena, &in, &sdl, &e)
 *
 * Akash stops at the first fault. We go on within a stage, so there may be
 * several findings; which is first does not matter, whether there is one does.
 */
#ifndef GAVEL_AKASH_H
#define GAVEL_AKASH_H

#include "deploy/sdl.h"

struct yaml_tree;

/* Where a value stood: its node in the file, and how one gets there. */
struct akash_at {
	const struct yaml_tree *node; /* NULL: it was not written */
	const char *path;
};

/* A list of structs, or of const char *. Go tells an absent list from an empty
 * one, and so does the hash: made is false for null. */
struct akash_list {
	void *items;
	size_t count;
	bool made;
};

struct akash_attribute {
	const char *key, *value;
};

struct akash_volume {
	struct akash_at at;
	const char *name;
	uint64_t bytes;
	struct akash_list attributes; /* of akash_attribute: class, persistent */
};

enum akash_kind { AKASH_SHARED_HTTP, AKASH_RANDOM_PORT, AKASH_LEASED_IP };

struct akash_endpoint {
	enum akash_kind kind;
	uint32_t sequence;
};

/* What one copy asks for. */
struct akash_resources {
	uint32_t id;
	uint32_t cpu_milli;
	struct akash_list cpu_attributes; /* of akash_attribute */
	uint64_t memory_bytes;
	struct akash_list volumes; /* of akash_volume, in Akash's order */
	uint64_t gpus;
	struct akash_list gpu_attributes; /* of akash_attribute: any one of them will do */
	struct akash_list gpu_keys;	  /* of const char *: the same keys as written */
	struct akash_list endpoints;	  /* of akash_endpoint */
};

struct akash_unit {
	struct akash_resources resources;
	uint32_t count;
	const char *denom;
	const char *amount; /* most per block and copy, 18 decimals: "1000.000000000000000000" */
};

struct akash_http {
	uint32_t max_body_size, read_timeout, send_timeout, next_tries, next_timeout;
	uint32_t proxy_buffer_size;   /* 0: not written */
	struct akash_list next_cases; /* of const char * */
};

struct akash_expose {
	struct akash_at at;
	uint32_t port, as; /* as 0: same as port */
	bool udp, global;
	const char *service;
	struct akash_list hosts; /* of const char * */
	struct akash_http http;
	struct akash_http written; /* the same without defaults */
	const char *ip;		   /* of endpoints, or "" */
	uint32_t sequence;
	size_t entry; /* which of the service's ports it is made of */
};

struct akash_mount {
	struct akash_at at;
	const char *volume, *path;
	bool readonly;
};

struct akash_credentials {
	const char *host, *email, *username, *password;
};

struct akash_service {
	struct akash_at at;
	const char *name, *image;
	struct akash_list command, args, env; /* of const char * */
	struct akash_resources resources;
	uint32_t count;
	struct akash_list exposes; /* of akash_expose */
	bool params;
	struct akash_list mounts; /* of akash_mount */
	bool permissions;
	struct akash_list read; /* of const char *: permissions.read */
	const char *tee;	/* "" or cpu, cpu-gpu */
	bool private;
	struct akash_credentials credentials; /* with private */
	/* Of the deployment line. */
	const char *profile;
	const char *denom, *amount; /* as in the unit, per copy */
};

struct akash_group {
	struct akash_at at; /* of the placement */
	const char *name;
	struct akash_list attributes;	  /* of akash_attribute, by key */
	struct akash_list all_of, any_of; /* of const char * */
	struct akash_list units;	  /* of akash_unit */
	struct akash_list services;	  /* of akash_service */
};

struct akash {
	const char *version;	   /* "2.0" or "2.1": the rules that were applied */
	const char *manifest_json; /* canonical: what is hashed */
	const char *groups_json;   /* canonical in the same way */
	struct hash hash;	   /* SHA-256: the deployment's version on Akash's chain */
	struct akash_group *groups;
	size_t group_count;
	uint64_t reclamation_ns; /* reclamation.min_window; 0: none */
	struct sdl_finding *findings;
	size_t finding_count;
};

extern const struct code AKASH_INVALID;

/* 0: Akash takes the file. -1: AKASH_INVALID with findings, or the error of
 * YAML that is not YAML. */
int akash_read(struct arena *a, const char *name, const char *text, size_t len, struct akash *out,
	       struct err *e) mustcheck;
/* Groups and manifests of our own, as sdl_read() would have made them. -1 with
 * SDL_INVALID and out->findings: what the file asks for cannot be leased here.
 * 0 with findings: warnings of what was left out. */
int akash_import(struct arena *a, const struct akash *in, struct sdl *out, struct err *e) mustcheck;

#endif
