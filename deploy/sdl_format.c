/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/sdl_format.h"

#include "deploy/sdl_key.h"
#include "lib/yaml_format.h"

const struct code SDL_CHANGED = { "sdl_changed", INTERNAL,
				  "the file would have said something else" };

/* Unknown keys come last; names, and what stands in places nobody knows, stay
 * in the order of the file. */
static size_t
key_rank(void *ctx, const char *const *path, size_t depth, const char *key)
{
	struct sdl_spot spot = { NULL, 0, false };
	const struct sdl_key *keys, *k;

	(void)ctx;
	for (size_t i = 0; i < depth; i++)
		if (!sdl_spot_down(&spot, path[i]))
			return 0;
	keys = sdl_spot_keys(&spot);
	if (keys == NULL)
		return 0;
	k = sdl_key_named(keys, key);
	return k != NULL ? (size_t)(k - keys) : sdl_key_count(keys);
}

/* Both are read: the same number of findings, the same hashes. */
static int
check_same(struct arena *a, const char *name, const char *before, size_t before_len,
	   const char *after, struct err *e)
{
	struct sdl old, new;
	struct err ignored = ERR_NONE;
	int was = sdl_read(a, name, before, before_len, &old, &ignored);
	int is = sdl_read(a, name, after, strlen(after), &new, &ignored);

	if (was != is || old.finding_count != new.finding_count ||
	    old.placement_count != new.placement_count)
		return err_set(e, &SDL_CHANGED, "%s", name);
	for (size_t i = 0; i < old.placement_count; i++) {
		struct hash x = group_hash(&old.placements[i].group);
		struct hash y = group_hash(&new.placements[i].group);

		if (!hash_equal(&x, &y))
			return err_set(e, &SDL_CHANGED, "%s: placement %s", name,
				       old.placements[i].group.name);
	}
	return 0;
}

int
sdl_format(struct arena *a, const char *name, const char *text, size_t len, const char **out,
	   struct err *e)
{
	const char *formatted;

	if (yaml_format(a, name, text, len, key_rank, NULL, &formatted, e) < 0 ||
	    check_same(a, name, text, len, formatted, e) < 0)
		return -1;
	*out = formatted;
	return 0;
}
