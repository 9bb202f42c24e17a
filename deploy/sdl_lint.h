/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_lint.h - findings, advice, and the file with everything mended that has one
 * right answer. Pure.
 *
 * Mending edits at places: comments, order and form of the rest stay byte by
 * byte. What is mended: services' depends_on and dependencies go, cmd becomes
 * command, environment becomes env, env as a mapping becomes a list, misspelt
 * keys, 16GB and 1gi, numbers and truths in quotes, a version that is missing.
 */
#ifndef GAVEL_SDL_LINT_H
#define GAVEL_SDL_LINT_H

#include "deploy/sdl.h"

struct sdl_lint {
	struct sdl_finding *findings; /* as sdl_read() has them */
	size_t finding_count;
	struct sdl_finding *advice; /* what is legal and may hurt */
	size_t advice_count;
	const char *fixed; /* NULL: there is nothing to mend */
	size_t fixes;
	size_t left; /* findings in `fixed`: never more than there were */
};

/* -1 only when the text is not YAML. */
int sdl_lint(struct arena *a, const char *name, const char *text, size_t len, struct sdl_lint *out,
	     struct err *e) mustcheck;

#endif
