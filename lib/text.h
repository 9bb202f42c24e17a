/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - a text that grows, in an arena. Starts as TEXT(arena); `s` is always
 * NUL-ended, and NULL only until the first addition.
 */
#ifndef GAVEL_TEXT_H
#define GAVEL_TEXT_H

#include "arena.h"

struct text {
	struct arena *arena;
	char *s;
	size_t len, room;
};

#define TEXT(a)                                                                                    \
	(struct text)                                                                              \
	{                                                                                          \
		.arena = (a)                                                                       \
	}

void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t len);
void text_addf(struct text *t, const char *fmt, ...) printflike(2, 3);
void text_pad(struct text *t, size_t blanks);
/* What was added, never NULL. */
const char *text_get(const struct text *t) mustcheck;

#endif
