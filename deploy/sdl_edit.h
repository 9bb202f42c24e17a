/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_edit.h - between sdl_lint.c and sdl_edit.c: which bytes of a file to
 * replace so that it says what was meant.
 */
#ifndef GAVEL_SDL_EDIT_H
#define GAVEL_SDL_EDIT_H

#include "deploy/sdl.h"

struct sdl_edit {
	size_t start, end;
	const char *text;
};

struct sdl_edits {
	struct sdl_edit *items; /* in the order of the file, none in another */
	size_t count;
};

/* What has one right answer in a file with these findings. */
int sdl_edits_find(struct arena *a, const char *name, const char *text, size_t len,
		   const struct json *root, const struct sdl *sdl, struct sdl_edits *out,
		   struct err *e) mustcheck;
/* The text with the edits made; `only` < count: with that one alone. */
const char *sdl_edits_make(struct arena *a, const char *text, const struct sdl_edits *edits,
			   size_t only) mustcheck;

#endif
