/* SPDX-License-Identifier: Apache-2.0 */
/* sdl_lint.c - advice, and mending until nothing more can be mended. */
#include "deploy/sdl_lint.h"

#include "deploy/sdl_edit.h"
#include "deploy/sdl_key.h"
#include "lib/yaml.h"

#include <strings.h>

#define ROUNDS_MAX 4u

/* ------------------------------------------------------------------ */
/* Advice.                                                             */

struct adviser {
	struct arena *arena;
	struct sdl_lint *out;
	const struct json *root;
};

static void
advise(struct adviser *x, const struct json *v, const char *path, const char *cure,
       const char *what)
{
	struct sdl_lint *l = x->out;

	l->advice = arena_grow(x->arena, l->advice, l->advice_count, sizeof(*l->advice));
	l->advice[l->advice_count++] =
		(struct sdl_finding){ v->name_line != 0 ? v->name_line : v->line,
				      v->name_line != 0 ? v->name_column : v->column,
				      path,
				      what,
				      cure,
				      false };
}

/* A variable whose name says that its value is nobody's business. */
static bool
is_secret(const char *variable)
{
	static const char *const words[] = { "PASSWORD", "PASSWD",    "SECRET",	 "TOKEN",
					     "API_KEY",	 "APIKEY",    "PRIVATE", "ACCESS_KEY",
					     "MNEMONIC", "CREDENTIAL" };
	const char *value = strchr(variable, '=');
	const char *name;

	if (value == NULL || value[1] == '\0')
		return false;
	name = value;
	for (size_t i = 0; i < NELEMS(words); i++)
		for (const char *p = variable; p < name; p++)
			if (strncasecmp(p, words[i], strlen(words[i])) == 0 &&
			    p + strlen(words[i]) <= name)
				return true;
	return false;
}

static void
advise_env(struct adviser *x, const struct json *env, const char *path)
{
	for (const struct json *v = env->first; v != NULL; v = v->next)
		if (v->type == JSON_STRING && is_secret(v->text))
			advise(x, v, path,
			       "let the service make its own, or use one that you can revoke",
			       "a secret stands in the file, and the winning provider sees it");
}

static const struct json *
own_service(const struct adviser *x, const char *name)
{
	const struct json *own = json_get(x->root, "x-gavel");

	own = own != NULL ? json_get(own, "services") : NULL;
	return own != NULL ? json_get(own, name) : NULL;
}

static void
advise_service(struct adviser *x, const struct json *s)
{
	const struct json *own = own_service(x, s->name), *v;
	const char *path = arena_printf(x->arena, "services.%.100s", s->name);

	if (json_get(s, "expose") != NULL &&
	    (own == NULL || (json_get(own, "health") == NULL && json_get(own, "ready") == NULL)))
		advise(x, s, path,
		       arena_printf(x->arena, "x-gavel: {services: {%.63s: {health: {tcp: PORT}}}}",
				    s->name),
		       "nobody sees when it hangs: there is no health check");
	v = json_get(s, "image");
	if (v != NULL && v->type == JSON_STRING && strchr(v->text, '@') == NULL)
		advise(x, v, arena_printf(x->arena, "%s.image", path),
		       "pin a digest: name@sha256:...",
		       "a tag can be moved: what runs may change without you");
	v = json_get(s, "env");
	if (v != NULL)
		advise_env(x, v, arena_printf(x->arena, "%s.env", path));
}

/* Keys that are read and mean nothing. */
static void
advise_keys(struct adviser *x, const struct json *v, struct sdl_spot spot, const char *path)
{
	for (const struct json *m = v->first; m != NULL; m = m->next) {
		struct sdl_spot below = spot;
		const char *at = arena_printf(x->arena, "%.200s%s%.100s", path,
					      *path != '\0' && m->name != NULL ? "." : "",
					      m->name != NULL ? m->name : "");

		if (!sdl_spot_down(&below, m->name))
			continue;
		if (below.key != spot.key && (below.key->flags & SDL_IGNORED) != 0)
			advise(x, m, at, "leave it out", "this has no effect");
		advise_keys(x, m, below, at);
	}
}

static void
advise_placements(struct adviser *x, const struct json *places)
{
	for (const struct json *p = places->first; p != NULL; p = p->next) {
		const struct json *pricing = json_get(p, "pricing");

		for (const struct json *v = pricing != NULL ? pricing->first : NULL; v != NULL;
		     v = v->next)
			if (json_get(v, "amount") != NULL)
				advise(x, v,
				       arena_printf(x->arena,
						    "profiles.placement.%.63s.pricing.%.63s",
						    p->name, v->name),
				       "write per_hour: \"0.05\", or per_month",
				       "a price a block says little: 1 is read as 10^-6 tokens in "
				       "6 "
				       "seconds");
	}
}

static int
by_place(const void *a, const void *b)
{
	const struct sdl_finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

static void
advise_all(struct adviser *x)
{
	const struct json *services = json_get(x->root, "services");
	const struct json *places = json_get(x->root, "profiles");

	if (services != NULL)
		for (const struct json *s = services->first; s != NULL; s = s->next)
			advise_service(x, s);
	places = places != NULL ? json_get(places, "placement") : NULL;
	if (places != NULL)
		advise_placements(x, places);
	advise_keys(x, x->root, (struct sdl_spot){ NULL, 0, false }, "");
	if (x->out->advice_count > 1)
		qsort(x->out->advice, x->out->advice_count, sizeof(struct sdl_finding), by_place);
}

/* ------------------------------------------------------------------ */
/* Mending.                                                            */

/* How many findings the text has; SIZE_MAX: it is not YAML any more. */
static size_t
findings_of(struct arena *a, const char *name, const char *text, struct sdl *sdl)
{
	struct err why = ERR_NONE;

	if (sdl_read(a, name, text, strlen(text), sdl, &why) == 0 || why.code == &SDL_INVALID)
		return sdl->finding_count;
	return SIZE_MAX;
}

/* All edits at once, or those of them that make nothing worse one by one. */
static const char *
mend(struct arena *a, const char *name, const char *text, const struct sdl_edits *edits,
     size_t before, size_t *made)
{
	const char *all = sdl_edits_make(a, text, edits, edits->count);
	struct sdl sdl;

	*made = edits->count;
	if (findings_of(a, name, all, &sdl) <= before)
		return all;
	/* From the end, so that the places of the others stay. */
	*made = 0;
	for (size_t i = edits->count; i-- > 0;) {
		const char *one = sdl_edits_make(a, text, edits, i);
		size_t now = findings_of(a, name, one, &sdl);

		if (now > before)
			continue;
		text = one;
		before = now;
		++*made;
	}
	return text;
}

int
sdl_lint(struct arena *a, const char *name, const char *text, size_t len, struct sdl_lint *out,
	 struct err *e)
{
	struct adviser x = { .arena = a, .out = out };
	struct err why = ERR_NONE;
	struct sdl_edits edits;
	struct json *root;
	struct sdl sdl;
	size_t made;

	*out = (struct sdl_lint){ 0 };
	text = arena_strndup(a, text, len);
	if (yaml_parse(a, name, text, len, YAML_ALIASES, &root, e) < 0)
		return -1;
	x.root = root;
	(void)!sdl_read(a, name, text, len, &sdl, &why);
	out->findings = sdl.findings;
	out->finding_count = out->left = sdl.finding_count;
	advise_all(&x);
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		if (yaml_parse(a, name, text, strlen(text), YAML_ALIASES, &root, &why) < 0 ||
		    sdl_edits_find(a, name, text, strlen(text), root, &sdl, &edits, &why) < 0 ||
		    edits.count == 0)
			break;
		text = mend(a, name, text, &edits, out->left, &made);
		if (made == 0)
			break;
		out->fixed = text;
		out->fixes += made;
		out->left = findings_of(a, name, text, &sdl);
	}
	return 0;
}
