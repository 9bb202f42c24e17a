/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - memory that goes all at once.
 *
 * Whatever a task makes lives in its arena and goes with it. The arena has a
 * ceiling, so remote input cannot exhaust the process: past it arena_alloc()
 * ends the process only if the ceiling is 0 (start-up, command line);
 * otherwise it returns memory from a last spill block and marks the arena
 * `over`, and the task machinery fails the task before its next step.
 */
#ifndef GAVEL_ARENA_H
#define GAVEL_ARENA_H

#include <stdarg.h>

#include "err.h"

struct arena_block;
struct arena_hook;

struct arena {
	struct arena_block *blocks; /* owned */
	size_t used;
	size_t max; /* bytes; 0: no ceiling */
	bool over;  /* the ceiling was passed */
	struct arena_hook *hooks;
};

void arena_init(struct arena *a, size_t max);
/* Free all of it; the arena may be used again. */
void arena_release(struct arena *a);
/* Zeroed, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *a, size_t n) mustcheck;
void *arena_copy(struct arena *a, const void *p, size_t n) mustcheck;
char *arena_strdup(struct arena *a, const char *s) mustcheck;
char *arena_strndup(struct arena *a, const char *s, size_t n) mustcheck;
char *arena_printf(struct arena *a, const char *fmt, ...) printflike(2, 3) mustcheck;
/* An array that doubles: `items` has `count` elements of `size`; returns the
 * array with room for one more (moved when it was full). Start with NULL, 0. */
void *arena_grow(struct arena *a, void *items, size_t count, size_t size) mustcheck;

/* Call fn(arg) when the arena is released, last added first: for what is not
 * memory of ours and must go at the same time. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

#endif
