/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose.h - a Docker Compose file to a deployment file. Pure: text in, text
 * out, and a list of what could not be kept.
 *
 * Names, images, commands, variables, ports, volumes, limits, copies and health
 * checks are carried over. Sizes and prices that the compose file does not say
 * are invented and marked "# invented" in the result. What exists on one's own
 * machine only (bind mounts, env_file, build, devices) is refused with a cure.
 */
#ifndef GAVEL_COMPOSE_H
#define GAVEL_COMPOSE_H

#include "lib/arena.h"

struct compose_note {
	unsigned line;
	const char *path; /* services.web.volumes.0 */
	const char *what;
	const char *cure; /* or NULL */
	bool refused;	  /* without it the result is another application */
};

struct compose {
	const char *sdl; /* as `gavel sdl fmt` would write it, but for its empty lines */
	struct compose_note *notes;
	size_t note_count;
	size_t refused;
};

extern const struct code COMPOSE_BAD;

/* -1: it is not YAML, or has no services. Images stay as they are: those without
 * a fixed tag are findings of `gavel sdl check` on the result. */
int compose_convert(struct arena *a, const char *name, const char *text, size_t len,
		    struct compose *out, struct err *e) mustcheck;
const char *
compose_note_text(struct arena *a, const char *name, const struct compose_note *n) mustcheck;

#endif
