/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/sdl_explain.h"

#include "deploy/sdl_read.h"
#include "lib/text.h"

const struct code SDL_NO_KEY = { "sdl_no_key", NOT_FOUND, "there is no such key" };

#define PARTS_MAX 16u

/* ------------------------------------------------------------------ */
/* The path.                                                           */

struct walk {
	struct arena *arena;
	const char *parts[PARTS_MAX];
	size_t count;
	/* the farthest that was understood, for the error */
	size_t reached;
	struct sdl_spot stuck;
};

static const char *
key_path(struct arena *a, const char *above, const struct sdl_spot *spot)
{
	const char *marks = spot->list ? "[]" : spot->names == 1 ? ".NAME" : ".NAME.NAME";

	return arena_printf(a, "%s%s%s%s", above, *above != '\0' ? "." : "", spot->key->name,
			    spot->list || spot->names > 0 ? marks : "");
}

/* A key's name is a key where one may stand, and a name of the file's only if
 * it cannot be: so "services.expose" finds what "services.web.expose" does. */
static bool
walk_from(struct walk *w, size_t at, struct sdl_spot spot, const char *path,
	  struct sdl_explained *out)
{
	struct sdl_spot inside = spot, next;

	if (at > w->reached || at == 0) {
		w->reached = at;
		w->stuck = spot;
	}
	if (at == w->count) {
		*out = (struct sdl_explained){ path, spot };
		return true;
	}
	inside.names = 0;
	inside.list = false;
	next = inside;
	if (sdl_spot_keys(&inside) != NULL &&
	    sdl_key_named(sdl_spot_keys(&inside), w->parts[at]) != NULL &&
	    sdl_spot_down(&next, w->parts[at]) &&
	    walk_from(w, at + 1, next, key_path(w->arena, path, &next), out))
		return true;
	next = spot;
	if ((spot.names > 0 || spot.list ||
	     (spot.key != NULL && spot.key->kind == SDL_MAP_OR_LIST)) &&
	    sdl_spot_down(&next, w->parts[at]))
		return walk_from(w, at + 1, next, path, out);
	return false;
}

static int
not_found(struct walk *w, struct err *e)
{
	struct sdl_reader r = { .arena = w->arena };
	struct sdl_spot inside = { w->stuck.key, 0, false };
	const struct sdl_key *keys = sdl_spot_keys(&inside);
	const char *part = w->parts[MIN(w->reached, w->count - 1)], *near = NULL;

	if (keys != NULL)
		near = sdl_nearest(&r, part, &keys->name, sdl_key_count(keys), sizeof(*keys));
	return err_set(e, &SDL_NO_KEY, "there is no key \"%.60s\" in %s%s%s", part,
		       w->stuck.key != NULL ? w->stuck.key->name : "a deployment file",
		       near != NULL ? ": " : "", near != NULL ? near : "");
}

int
sdl_explain_find(struct arena *a, const char *path, struct sdl_explained *out, struct err *e)
{
	struct walk w = { .arena = a };
	char *p = arena_strdup(a, path), *part;

	while ((part = strsep(&p, ".")) != NULL) {
		part[strcspn(part, "[")] = '\0'; /* expose[].port, expose[0].port */
		if (*part == '\0')
			continue;
		if (w.count == PARTS_MAX)
			return err_set(e, &SDL_NO_KEY, "there is nothing that deep");
		w.parts[w.count++] = part;
	}
	if (walk_from(&w, 0, (struct sdl_spot){ NULL, 0, false }, "", out))
		return 0;
	return not_found(&w, e);
}

/* ------------------------------------------------------------------ */
/* What stands there.                                                  */

static const char *
form_text(struct arena *a, const struct sdl_key *k)
{
	const char *quotes = (k->flags & SDL_QUOTED) != 0 ? "" : ", without quotes";

	switch (k->kind) {
	case SDL_ANY: return "anything";
	case SDL_TEXT: return k->words != NULL ? arena_printf(a, "one of: %s", k->words) : "a text";
	case SDL_NUMBER:
		return arena_printf(a, "a whole number, %u to %u%s", k->min, k->max, quotes);
	case SDL_TRUTH: return arena_printf(a, "true or false%s", quotes);
	case SDL_CPU: return "a number like 0.25, or thousandths like 250m";
	case SDL_SIZE: return "a number and one of k Ki M Mi G Gi T Ti P Pi E Ei, like 64Mi";
	case SDL_DURATION: return "a duration like 90s, 10m or 1h30m";
	case SDL_PRICE: return "a decimal number, better in quotes";
	case SDL_TEXTS:
		return arena_printf(a, "a list of at most %u texts%s%s", k->max,
				    k->words != NULL ? ", each one of: " : "",
				    k->words != NULL ? k->words : "");
	case SDL_PAIRS: return "a mapping of words to values";
	case SDL_MAP: return "a mapping of keys";
	case SDL_LIST: return arena_printf(a, "a list of at most %u mappings", k->max);
	case SDL_MAP_OR_LIST: return arena_printf(a, "a mapping, or a list of at most %u", k->max);
	case SDL_NAMES: return "a mapping of names of yours to mappings of keys";
	case SDL_NAMES_TWICE: return "a mapping of names to mappings of names to mappings of keys";
	}
	return "";
}

static const char *
presence(const struct sdl_key *k)
{
	if ((k->flags & SDL_REQUIRED) != 0)
		return "required";
	if ((k->flags & SDL_NOT_YET) != 0)
		return "refused";
	return (k->flags & SDL_IGNORED) != 0 ? "without effect" : "optional";
}

static void
line(struct text *t, const char *label, const char *value)
{
	if (value != NULL)
		text_addf(t, "  %-10s%s\n", label, value);
}

static void
keys_text(struct text *t, const struct sdl_key *keys)
{
	text_add(t, "\n");
	for (; keys->name != NULL; keys++)
		text_addf(t, "  %-14s%s%s\n", keys->name, keys->help,
			  (keys->flags & SDL_REQUIRED) != 0 ? " (required)" : "");
}

const char *
sdl_explain_text(struct arena *a, const struct sdl_explained *x)
{
	const struct sdl_key *k = x->spot.key;
	struct text t = TEXT(a);

	if (k == NULL) {
		text_add(&t, "A deployment file has these keys:\n");
		keys_text(&t, sdl_keys);
		return text_get(&t);
	}
	text_addf(&t, "%s (%s)\n", x->path, presence(k));
	line(&t, "is", k->help);
	line(&t, "form", form_text(a, k));
	line(&t, "bounds", k->bounds);
	line(&t, "default", k->fallback);
	line(&t, "on Akash", k->akash != NULL ? k->akash : "the same");
	line(&t, "example", k->example);
	if (k->keys != NULL)
		keys_text(&t, k->keys);
	return text_get(&t);
}

static void
member(struct jsonw *w, const char *name, const char *value)
{
	if (value != NULL)
		jsonw_member(w, name, "%s", value);
}

static void
keys_json(struct jsonw *w, const struct sdl_key *keys)
{
	jsonw_name(w, "keys");
	jsonw_open(w, '[');
	for (; keys != NULL && keys->name != NULL; keys++)
		jsonw_str(w, keys->name);
	jsonw_close(w, ']');
}

const char *
sdl_explain_json(struct arena *a, const struct sdl_explained *x)
{
	const struct sdl_key *k = x->spot.key;
	struct jsonw *w = jsonw_new(false);
	const char *text;

	jsonw_open(w, '{');
	jsonw_member(w, "path", "%s", x->path);
	if (k != NULL) {
		member(w, "presence", presence(k));
		member(w, "help", k->help);
		member(w, "form", form_text(a, k));
		member(w, "bounds", k->bounds);
		member(w, "default", k->fallback);
		member(w, "akash", k->akash);
		member(w, "example", k->example);
	}
	keys_json(w, k != NULL ? k->keys : sdl_keys);
	jsonw_close(w, '}');
	text = arena_strdup(a, jsonw_text(w, NULL));
	jsonw_free(w);
	return text;
}
