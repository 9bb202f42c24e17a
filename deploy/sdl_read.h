/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_read.h - between the files of the SDL reader only.
 *
 *	sdl.c          the whole file, the deployment section, groups and manifests
 *	sdl_service.c  services
 *	sdl_profile.c  profiles.compute, profiles.placement
 *	sdl_find.c     findings, and reading a tree by a table of keys
 *	sdl_endpoint.c endpoints, reclamation
 *	sdl_gavel.c    x-gavel, which is ours
 *	sdl_units.c    quantities, durations and prices
 *
 * A section is read by its walker, which never stops at a fault: it adds a
 * finding and goes on. What could not be read keeps its zero value; groups and
 * manifests are made only of a file without findings.
 */
#ifndef GAVEL_SDL_READ_H
#define GAVEL_SDL_READ_H

#include "deploy/rules.h"
#include "deploy/sdl.h"
#include "deploy/sdl_key.h"

#define SDL_FINDINGS_MAX 100u

/* A value and how one gets there: "services.web.expose.0.port". */
struct sdl_at {
	const struct json *node;
	const char *path;
};

struct sdl_to {
	const char *service;
	struct sdl_at at;
};

struct sdl_port {
	struct sdl_at at;
	uint32_t port, as;
	bool udp, global;
	const char *ip; /* of endpoints, or NULL */
	struct sdl_at ip_at;
	struct json_strs hosts;
	struct http_options http;
	struct json_list to; /* of struct sdl_to */
};

struct sdl_mount {
	struct mount mount;
	struct sdl_at at;
};

struct sdl_service {
	struct sdl_at at;
	struct service service;	 /* but for count, resources, exposes, mounts */
	struct json_list ports;	 /* of struct sdl_port */
	struct json_list mounts; /* of struct sdl_mount */
	unsigned placements;	 /* how many it is deployed to */
	const char *tee;	 /* what params.tee asks for, or NULL */
	uint32_t egress_gib;	 /* x-gavel: of one copy, in 30 days */
};

struct sdl_volume {
	const char *name;
	uint64_t bytes;
	const char *class; /* NULL: of the lease's disk; "ram"; else persistent */
};

/* endpoints.NAME: an address of the lease's own. */
struct sdl_endpoint {
	const char *name;
	struct sdl_at at;
	bool used;
};

struct sdl_compute {
	const char *name;
	struct sdl_at at;
	struct resources resources; /* but for endpoints */
	struct json_list volumes;   /* of struct sdl_volume, by name */
	struct json_strs gpus;	    /* any of these models */
	const char *arch;	    /* or NULL */
};

struct sdl_price {
	const char *profile;
	struct sdl_at at;
	struct rate rate;
	const char *denom;
};

/* One line of the deployment section. */
struct sdl_line {
	const struct sdl_service *service;
	const struct sdl_compute *compute;
	struct rate rate;
	const char *denom;
	uint32_t count;
};

struct sdl_place {
	const char *name;
	struct sdl_at at;
	struct json_list attributes; /* of struct attribute, by key */
	struct json_strs signed_by, signed_any;
	struct json_list prices; /* of struct sdl_price */
	struct json_list lines;	 /* of struct sdl_line */
};

struct sdl_reader {
	struct arena *arena;
	struct sdl_finding *findings;
	size_t finding_count;
	struct json_list services;  /* of struct sdl_service, by name once read */
	struct json_list computes;  /* of struct sdl_compute */
	struct json_list places;    /* of struct sdl_place, by name once read */
	struct json_list endpoints; /* of struct sdl_endpoint */
	struct sdl_at own_services; /* x-gavel.services; node NULL: not there */
	uint32_t reclaim_s;
	struct json_strs allow, deny; /* x-gavel.auction */
	const char *auction;	      /* its kind, or NULL */
	bool manual;		      /* its accept */
	const char *spread;	      /* its spread, or NULL */
	struct sdl_at spread_at;
	const char *billing;
	struct sdl_at billing_at, on_interrupt_at; /* node NULL: not there */
	bool interruptible;
	const char *on_interrupt; /* NULL: not said */
	const char *denom;	  /* of the first price: all must agree */
};

/* --- findings --- */

/* At the value; cure may be NULL. */
void sdl_find(struct sdl_reader *r, const struct sdl_at *at, const char *cure, const char *fmt, ...)
	printflike(4, 5);
/* At the name before the value. */
void sdl_find_name(struct sdl_reader *r, const struct sdl_at *at, const char *cure, const char *fmt,
		   ...) printflike(4, 5);
/* "did you mean NAME?" for the nearest of the names, at most 2 letters away, or
 * NULL. names: `count` pointers, each `stride` bytes after the one before. */
const char *sdl_nearest(struct sdl_reader *r, const char *word, const void *names, size_t count,
			size_t stride) mustcheck;

/* The same, or else all of them: "write one of web, db"; NULL when there is none. */
const char *sdl_one_of(struct sdl_reader *r, const char *word, const void *names, size_t count,
		       size_t stride) mustcheck;
/* At a name that breaks its rule: the same name as it may be written. */
void sdl_find_bad_name(struct sdl_reader *r, const struct sdl_at *at, const char *fault);

/* --- trees --- */

struct sdl_at sdl_member(struct sdl_reader *r, const struct sdl_at *at, const struct json *member);
struct sdl_at
sdl_item(struct sdl_reader *r, const struct sdl_at *at, const struct json *item, size_t index);

/* Calls read(member, out) for each key that is there and not null, in the order
 * of the file; unknown and missing keys become findings. */
void
sdl_object(struct sdl_reader *r, const struct sdl_at *at, const struct sdl_key *keys, void *out);
/* Whether the value is of the kind; a finding if not. */
bool sdl_is_map(struct sdl_reader *r, const struct sdl_at *at) mustcheck;
bool sdl_is_list(struct sdl_reader *r, const struct sdl_at *at, size_t most) mustcheck;
/* The scalar's text; NULL with a finding. */
const char *sdl_text(struct sdl_reader *r, const struct sdl_at *at) mustcheck;
bool
sdl_u32(struct sdl_reader *r, const struct sdl_at *at, uint32_t min, uint32_t max, uint32_t *out);
bool sdl_bool(struct sdl_reader *r, const struct sdl_at *at, bool *out);
/* A list of texts, each checked by the rule (or NULL). */
void sdl_strs(struct sdl_reader *r, const struct sdl_at *at, size_t most,
	      const char *(*rule)(const char *), struct json_strs *out);
/* Room for one more struct at the end of the list, zeroed. */
void *sdl_push(struct sdl_reader *r, struct json_list *list, size_t size);

/* --- sections --- */

/* The tables of the sections that other files read. */
extern const struct sdl_key sdl_service_keys[], sdl_profiles_keys[], sdl_endpoint_keys[],
	sdl_reclamation_keys[], sdl_gavel_keys[];

void sdl_services_read(struct sdl_reader *r, const struct sdl_at *at, void *out);
void sdl_endpoints_read(struct sdl_reader *r, const struct sdl_at *at, void *out);
/* port->ip names an endpoint, and its port there is nobody else's. */
void sdl_ip_check(struct sdl_reader *r, const struct sdl_service *s, const struct sdl_port *port);
/* Every endpoint is used. */
void sdl_endpoints_check(struct sdl_reader *r);
/* What x-gavel says of services, once these are known. */
void sdl_gavel_services(struct sdl_reader *r);
void sdl_gavel_interruptible(struct sdl_reader *r);
void sdl_gavel_spread(struct sdl_reader *r);
/* What copies that lie elsewhere cannot have: sdl_spread.c. */
void sdl_spread_check(struct sdl_reader *r, const struct sdl_place *place,
		      const struct sdl_placement *made);
const struct sdl_service *sdl_service_named(const struct sdl_reader *r, const char *name) mustcheck;
const char *sdl_nearest_service(struct sdl_reader *r, const char *name) mustcheck;
/* A list of addresses; `cure` for what is none. */
void sdl_addresses(struct sdl_reader *r, const struct sdl_at *at, const char *what,
		   const char *cure, struct json_strs *out);
/* A duration such as 90s, 10m or 1h30m, in whole seconds. */
void sdl_seconds(struct sdl_reader *r, const struct sdl_at *at, uint32_t min, uint32_t max,
		 uint32_t *out);

#endif
