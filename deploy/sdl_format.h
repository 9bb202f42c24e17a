/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_format.h - a deployment file in its one form (lib/yaml_format.h), keys in
 * the order of their tables. Pure.
 */
#ifndef GAVEL_SDL_FORMAT_H
#define GAVEL_SDL_FORMAT_H

#include "deploy/sdl.h"

extern const struct code SDL_CHANGED; /* a tool would have changed what a file means */

/* The result reads to the same groups and manifests, and to as many findings;
 * else this fails. A file with findings is formatted too, one that is not YAML
 * is not. */
int sdl_format(struct arena *a, const char *name, const char *text, size_t len, const char **out,
	       struct err *e) mustcheck;

#endif
