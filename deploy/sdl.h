/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl.h - a deployment file (SDL 2.0) to groups and manifests. Pure: text in,
 * structs out, all findings at once with line and column.
 */
#ifndef GAVEL_SDL_H
#define GAVEL_SDL_H

#include "deploy/group.h"
#include "deploy/manifest.h"

struct sdl_finding {
	unsigned line, column; /* from 1; 0: the whole file */
	const char *path;      /* services.web.expose.0.port */
	const char *rule;      /* "port must be 1 to 65535" */
	const char *cure;      /* what to write instead, or NULL */
	bool warning;	       /* the file is good all the same */
};

struct sdl_placement {
	struct group group;
	struct manifest manifest;
	struct rate max_rate; /* the sum of the services' maxima, counts included */
	struct rate *rates;   /* per service, of one copy */
	const char *denom;
};

struct sdl {
	struct sdl_placement *placements;
	size_t placement_count;
	struct sdl_finding *findings; /* in the order of the file; of a good one: warnings */
	size_t finding_count;
	const char *auction; /* "sealed" or "fast"; NULL: the file does not say */
	const char *spread;  /* "provider", "owner", "region": see sdl_spread(); or NULL */
};

extern const struct code SDL_INVALID;

/* Returns 0 only without findings but warnings; -1 with SDL_INVALID and sdl->findings, or
 * with the error of YAML that is not YAML. */
int sdl_read(struct arena *a, const char *name, const char *text, size_t len, struct sdl *sdl,
	     struct err *e) mustcheck;
/* A placement whose copies are spread, as a group and a manifest for each of them, by
 * service and copy; set: a name that is the tenant's own, never used before. */
struct sdl_placement *sdl_spread(struct arena *a, const struct sdl_placement *p, const char *spread,
				 const struct hash *set, size_t *count);
/* "deploy.yaml:6:15: error: port must be ..." with the source line and a caret;
 * "warning" for what is none. */
const char *sdl_finding_text(struct arena *a, const char *name, const char *text,
			     const struct sdl_finding *f) mustcheck;
/* The same with another word than "error". */
const char *sdl_finding_text_as(struct arena *a, const char *word, const char *name,
				const char *text, const struct sdl_finding *f) mustcheck;

#endif
