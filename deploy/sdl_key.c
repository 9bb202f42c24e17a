/* SPDX-License-Identifier: Apache-2.0 */
/* sdl_key.c - finding one's way in the tables of keys. */
#include "deploy/sdl_key.h"

const struct sdl_key *
sdl_key_named(const struct sdl_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

size_t
sdl_key_count(const struct sdl_key *keys)
{
	size_t n = 0;

	while (keys[n].name != NULL)
		n++;
	return n;
}

const struct sdl_key *
sdl_spot_keys(const struct sdl_spot *spot)
{
	if (spot->key == NULL)
		return sdl_keys;
	return spot->names == 0 && !spot->list ? spot->key->keys : NULL;
}

static bool
is_entry(const char *name)
{
	return name == NULL || strcmp(name, "*") == 0 ||
	       (*name != '\0' && strspn(name, "0123456789") == strlen(name));
}

bool
sdl_spot_down(struct sdl_spot *spot, const char *name)
{
	const struct sdl_key *keys = sdl_spot_keys(spot), *k;

	if (spot->names > 0) {
		spot->names--;
		return name != NULL;
	}
	if (spot->list) {
		spot->list = false;
		return is_entry(name);
	}
	/* One mapping may stand for a list of one. */
	if (spot->key != NULL && spot->key->kind == SDL_MAP_OR_LIST && is_entry(name))
		return true;
	k = keys != NULL && name != NULL ? sdl_key_named(keys, name) : NULL;
	if (k == NULL)
		return false;
	*spot = (struct sdl_spot){
		.key = k,
		.names = k->kind == SDL_NAMES	      ? 1
			 : k->kind == SDL_NAMES_TWICE ? 2
						      : 0,
		.list = k->kind == SDL_LIST,
	};
	return true;
}
