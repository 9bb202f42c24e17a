/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_explain.h - what the tables of sdl_key.h say, for people and for editors.
 * Pure.
 */
#ifndef GAVEL_SDL_EXPLAIN_H
#define GAVEL_SDL_EXPLAIN_H

#include "deploy/sdl_key.h"

extern const struct code SDL_NO_KEY;

struct sdl_explained {
	const char *path; /* services.NAME.expose[].port */
	struct sdl_spot spot;
};

/* "services.web.expose.0.port", as findings have it; names, numbers and * may be
 * left out: "services.expose.port". "" is the top. With SDL_NO_KEY the error
 * says what is nearest. */
int sdl_explain_find(struct arena *a, const char *path, struct sdl_explained *out,
		     struct err *e) mustcheck;
/* What stands there: its form, default and bounds, what it means here and on
 * Akash, an example, the keys below. */
const char *sdl_explain_text(struct arena *a, const struct sdl_explained *x) mustcheck;
const char *sdl_explain_json(struct arena *a, const struct sdl_explained *x) mustcheck;

/* The JSON Schema (draft 2020-12) of deployment files. It sees the form of each
 * value; what refers to what is for sdl_read(). */
const char *sdl_schema(struct arena *a) mustcheck;

#endif
