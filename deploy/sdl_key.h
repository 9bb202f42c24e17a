/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_key.h - the keys of a deployment file, in tables: the reader reads by
 * them, `gavel sdl explain` and the JSON Schema say what stands in them, and
 * `gavel sdl fmt` writes keys in their order. So none of these can know a key
 * that another does not.
 *
 * A key's value is of one kind; where that is made of other keys, these are in
 * a table of their own. sdl_keys is the top of the tree.
 */
#ifndef GAVEL_SDL_KEY_H
#define GAVEL_SDL_KEY_H

#include "lib/arena.h"

enum sdl_kind {
	SDL_ANY,	 /* whatever it is, nobody looks */
	SDL_TEXT,	 /* a single value */
	SDL_NUMBER,	 /* whole, without quotes, min to max */
	SDL_TRUTH,	 /* true or false */
	SDL_CPU,	 /* 0.25 or 250m */
	SDL_SIZE,	 /* 64Mi */
	SDL_DURATION,	 /* 1h30m */
	SDL_PRICE,	 /* a decimal number */
	SDL_TEXTS,	 /* a list of texts, at most max */
	SDL_PAIRS,	 /* a mapping of words to single values */
	SDL_MAP,	 /* a mapping of `keys` */
	SDL_LIST,	 /* a list of mappings of `keys`, at most max */
	SDL_MAP_OR_LIST, /* either */
	SDL_NAMES,	 /* a mapping of names to mappings of `keys` */
	SDL_NAMES_TWICE, /* names to names to mappings of `keys` */
};

#define SDL_REQUIRED 1u
#define SDL_IGNORED  2u	 /* belongs to the format, has no effect there either */
#define SDL_NOT_YET  4u	 /* belongs to the format, cannot be leased here: refused */
#define SDL_QUOTED   8u	 /* a number or a truth that may stand in quotes */
#define SDL_EMPTY    16u /* without a value it means something */

struct sdl_at;
struct sdl_reader;

struct sdl_key {
	const char *name;
	unsigned flags;
	/* NULL: SDL_MAP is read by `keys`, anything else is not looked at. */
	void (*read)(struct sdl_reader *r, const struct sdl_at *at, void *out);
	const char *cure; /* SDL_REQUIRED, SDL_NOT_YET: what to write */

	enum sdl_kind kind;
	const struct sdl_key *keys;
	const char *words;  /* SDL_TEXT: only these, with blanks between */
	const char *bounds; /* for people, when min and max do not say it */
	uint32_t min, max;
	const char *help;     /* what it means here */
	const char *akash;    /* what is otherwise on Akash; NULL: nothing */
	const char *fallback; /* when it is left out; NULL: nothing to say */
	const char *example;  /* YAML that may stand in the parent */
};

#define SDL_KEY_END                                                                                \
	{                                                                                          \
		NULL                                                                               \
	}

extern const struct sdl_key sdl_keys[];

/* The key of a mapping by its name, or NULL. */
const struct sdl_key *sdl_key_named(const struct sdl_key *keys, const char *name) mustcheck;
size_t sdl_key_count(const struct sdl_key *keys) mustcheck;

/* A place in the tree: a key's value, or the top (key NULL). */
struct sdl_spot {
	const struct sdl_key *key;
	unsigned names; /* levels of names that lie above the mapping of its keys */
	bool list;	/* entries lie above it */
};

/* One step down: a name, or NULL (or "*", or digits) for an entry of a list.
 * False if nothing is known there. */
bool sdl_spot_down(struct sdl_spot *spot, const char *name) mustcheck;
/* The keys of the mapping that stands there, or NULL. */
const struct sdl_key *sdl_spot_keys(const struct sdl_spot *spot) mustcheck;

#endif
