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

/* Of an HTTP endpoint; what is 0 or empty is the provider's default. */
struct http_options {
	uint32_t max_body_bytes;     /* default 1 MiB */
	uint32_t read_timeout_ms;    /* of the service's answer; default 60 s */
	uint32_t send_timeout_ms;    /* to the service; default 60 s */
	uint32_t next_tries;	     /* copies to try; default 3 */
	uint32_t next_timeout_ms;    /* for all tries; 0: no limit */
	struct json_strs next_cases; /* error, timeout, 403 ... 504, or off */
};

struct expose {
	uint32_t port;	   /* inside the container */
	uint32_t as;	   /* outside; 0: the provider chooses */
	const char *proto; /* "tcp", "udp", "http" */
	bool global;	   /* open to the world */
	struct json_strs hosts;
	struct json_strs to; /* services that may connect (not global) */
	const char *ip;	     /* at this address of the lease's own, or NULL */
	struct http_options http;
};

/* Asked again and again. `ready` decides whether traffic may come, `health`
 * whether the container is started anew. */
struct check {
	const char *use;	  /* "ready", "health" */
	const char *kind;	  /* "http", "tcp", "command" */
	uint32_t port;		  /* http, tcp */
	const char *path;	  /* http: answers 200 to 399 */
	struct json_strs command; /* exits with 0 */
	uint32_t every_s, timeout_s;
	uint32_t failures; /* in a row, to be ill */
	uint32_t grace_s;  /* after the start: failures do not count */
};

/* class NULL: a directory of the lease's disk; "ram": memory, counted as such;
 * else a persistent volume of that class, as the group has it. */
struct mount {
	const char *volume, *path;
	bool readonly;
	const char *class;
	uint64_t bytes; /* 0: as the lease's disk */
};

struct service {
	const char *name;
	const char *image;
	struct json_strs command; /* instead of the image's entrypoint */
	struct json_strs args;	  /* instead of the image's command */
	struct json_strs env;	  /* NAME=value */
	uint32_t count;
	struct resources resources;
	bool readonly;		  /* the root file system */
	struct json_list exposes; /* of struct expose */
	struct json_list mounts;  /* of struct mount */
	struct json_list checks;  /* of struct check */
	uint32_t stop_s;	  /* from TERM to KILL; 0: 10 */
	const char *restart;	  /* NULL: always; "on-failure", "never" */
	const char *registry_user, *registry_password, *registry_host; /* or NULL */
	const char *volumes_from; /* hash of a lease that has ended: take its volumes */
};

struct manifest {
	const char *group;
	struct json_list services; /* of struct service */
};

extern const struct json_field manifest_fields[];
extern const struct json_field service_fields[];

extern const struct code MANIFEST_BAD;

/* On a file system of its own that outlives the container. */
bool mount_is_persistent(const struct mount *m);

int manifest_check(const struct manifest *m, struct err *e) mustcheck;
struct hash manifest_hash(const struct manifest *m);
/* What runs is what was auctioned: the same services, copies and resources, in
 * the same order. */
int manifest_matches(const struct manifest *m, const struct group *g, struct err *e) mustcheck;

#endif
