/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_explain_test.c - the tables of keys: the reader knows every key of them at
 * its place and no other, each says what it must, paths lead to them, and
 * docs/sdl.schema.json is what is made of them.
 */
#include "deploy/sdl_explain.h"

#include "deploy/sdl.h"
#include "lib/text.h"
#include "lib/yaml.h"
#include "tap.h"

static struct arena arena;

/* ------------------------------------------------------------------ */
/* The reader and the tables.                                          */

/* A file in which `inner` stands at the path, whose parts are names or entries. */
static const char *
file_with(const char *const *parts, size_t count, const char *inner)
{
	struct text t = TEXT(&arena);
	bool services = count > 0 && strcmp(parts[0], "services") == 0;
	bool deployment = count > 0 && strcmp(parts[0], "deployment") == 0;

	/* x-gavel.services and deployment speak of services that are there. */
	if (!services)
		text_add(&t, "services: {n: {image: a/b:1}}\n");
	if (!deployment)
		text_add(&t, "deployment: {n: {n: {}}}\n");
	for (size_t i = 0; i < count; i++)
		text_addf(&t,
			  strcmp(parts[i], "*") == 0 ? "["
			  : i == 0		     ? "%s: "
						     : "{%s: ",
			  parts[i]);
	text_addf(&t, count > 0 ? "{%s}" : "%s", inner);
	for (size_t i = count; i-- > 0;)
		text_add(&t, strcmp(parts[i], "*") == 0 ? "]" : i == 0 ? "" : "}");
	text_add(&t, "\n");
	return text_get(&t);
}

/* Whether the reader says that it does not know the key. */
static bool
is_unknown(const char *text, const char *key)
{
	struct err e = ERR_NONE;
	struct sdl sdl;

	if (sdl_read(&arena, "t.yaml", text, strlen(text), &sdl, &e) == 0)
		return false;
	if (e.code != &SDL_INVALID)
		printf("# %s\n%s", e.text, text);
	for (size_t i = 0; i < sdl.finding_count; i++) {
		const char *path = sdl.findings[i].path, *rule = sdl.findings[i].rule;
		size_t len = strlen(path), n = strlen(key);

		if (len >= n && strcmp(path + len - n, key) == 0 &&
		    (strncmp(rule, "there is no key", 15) == 0 ||
		     strncmp(rule, "a gpu's vendor", 14) == 0))
			return true;
	}
	return false;
}

static unsigned keys_seen;

static void walk(const char **parts, size_t count, const struct sdl_key *keys);

static void
walk_below(const char **parts, size_t count, const struct sdl_key *k)
{
	parts[count++] = k->name;
	if (k->kind == SDL_LIST || k->kind == SDL_MAP_OR_LIST)
		parts[count++] = "*";
	if (k->kind == SDL_NAMES || k->kind == SDL_NAMES_TWICE)
		parts[count++] = "n";
	if (k->kind == SDL_NAMES_TWICE)
		parts[count++] = "n";
	/* What is ignored or refused is not looked into. */
	if (k->keys != NULL && (k->flags & (SDL_IGNORED | SDL_NOT_YET)) == 0)
		walk(parts, count, k->keys);
}

static void
walk(const char **parts, size_t count, const struct sdl_key *keys)
{
	unsigned bad = 0, good = 0;

	for (const struct sdl_key *k = keys; k->name != NULL; k++) {
		const char *inner = arena_printf(&arena, "%s: zzz", k->name);

		keys_seen++;
		/* Two of them are in each file already. */
		if (count == 0 &&
		    (strcmp(k->name, "services") == 0 || strcmp(k->name, "deployment") == 0))
			continue;
		if (is_unknown(file_with(parts, count, inner), k->name)) {
			printf("# the reader does not know %s\n", k->name);
			bad++;
		}
		good++;
	}
	ok(bad == 0, "%s...%s: the reader knows its %u keys", count > 0 ? parts[0] : "the top",
	   count > 0 ? parts[count - 1] : "", good);
	ok(is_unknown(file_with(parts, count, "zzzzzz: 1"), "zzzzzz"), "  and no other");
	for (const struct sdl_key *k = keys; k->name != NULL; k++)
		walk_below(parts, count, k);
}

/* ------------------------------------------------------------------ */
/* What a key must say.                                                */

static unsigned mute;

static void
say(const struct sdl_key *k, bool truth, const char *what)
{
	if (truth)
		return;
	printf("# %s: %s\n", k->name, what);
	mute++;
}

static bool
example_reads(const struct sdl_key *k)
{
	struct err e = ERR_NONE;
	struct json *root;

	return k->example != NULL &&
	       yaml_parse(&arena, k->name, k->example, strlen(k->example), 0, &root, &e) == 0 &&
	       root->type == JSON_OBJECT && root->count == 1 && json_get(root, k->name) != NULL;
}

static void
keys_say(const struct sdl_key *keys)
{
	for (const struct sdl_key *k = keys; k->name != NULL; k++) {
		bool nested = k->kind >= SDL_MAP;

		say(k, k->help != NULL && *k->help != '\0', "has no help");
		say(k, example_reads(k), "its example is not one");
		say(k, nested == (k->keys != NULL), "its kind and its keys do not agree");
		say(k, k->kind != SDL_NUMBER || k->max > 0, "a number has bounds");
		say(k, (k->kind != SDL_TEXTS && k->kind != SDL_LIST) || k->max > 0,
		    "a list has a maximum");
		say(k, (k->flags & SDL_NOT_YET) == 0 || k->cure != NULL, "refused without a cure");
		for (const struct sdl_key *other = keys; other < k; other++)
			say(k, strcmp(other->name, k->name) != 0, "stands twice");
		if (k->keys != NULL)
			keys_say(k->keys);
	}
}

/* ------------------------------------------------------------------ */

static void
path_is(const char *path, const char *want)
{
	struct sdl_explained x = { .path = NULL };
	struct err e = ERR_NONE;

	if (sdl_explain_find(&arena, path, &x, &e) < 0)
		is_str(e.text, want, path);
	else
		is_str(x.path, want, path);
}

static void
paths(void)
{
	path_is("", "");
	path_is("services", "services.NAME");
	path_is("services.web.expose.0.port", "services.NAME.expose[].port");
	path_is("services.expose.port", "services.NAME.expose[].port");
	path_is("services.web.expose[].to[].global", "services.NAME.expose[].to[].global");
	path_is("services.image.image", "services.NAME.image");
	path_is("profiles.compute.*.resources.storage", "profiles.compute.NAME.resources.storage");
	path_is("profiles.compute.w.resources.storage.0.size",
		"profiles.compute.NAME.resources.storage.size");
	path_is("deployment.web.eu.count", "deployment.NAME.NAME.count");
	path_is("x-gavel.services.web.health.grace", "x-gavel.services.NAME.health.grace");
	path_is("profiles.placement.eu.pricing.web.per_hour",
		"profiles.placement.NAME.pricing.NAME.per_hour");
	path_is("servics",
		"there is no key \"servics\" in a deployment file: did you mean \"services\"?");
	path_is("services.web.expos",
		"there is no key \"expos\" in services: did you mean \"expose\"?");
	path_is("services.web.image.x", "there is no key \"x\" in image");
}

static void
explained(void)
{
	struct sdl_explained x;
	struct err e = ERR_NONE;
	struct json *doc;
	const char *text;

	ok(sdl_explain_find(&arena, "services.web.expose.port", &x, &e) == 0, "a port");
	text = sdl_explain_text(&arena, &x);
	ok(strstr(text, "1 to 65535") != NULL && strstr(text, "(required)") != NULL &&
		   strstr(text, "port: 8080") != NULL,
	   "  says bounds, presence and an example");
	text = sdl_explain_json(&arena, &x);
	ok(json_parse(&arena, text, strlen(text), &doc, &e) == 0 &&
		   strcmp(json_get(doc, "presence")->text, "required") == 0,
	   "  as JSON too");
	ok(sdl_explain_find(&arena, "", &x, &e) == 0 &&
		   strstr(sdl_explain_text(&arena, &x), "reclamation") != NULL,
	   "the top lists its keys");
}

static void
schema(void)
{
	const char *made = sdl_schema(&arena);
	struct err e = ERR_NONE;
	struct json *doc;
	char *kept = arena_alloc(&arena, JSON_BYTES_MAX + 1);
	FILE *f = fopen("docs/sdl.schema.json", "re");
	size_t n = f != NULL ? fread(kept, 1, JSON_BYTES_MAX, f) : 0;

	if (f != NULL)
		fclose(f);
	ok(json_parse(&arena, made, strlen(made), &doc, &e) == 0, "the schema is JSON");
	ok(n == strlen(made) && memcmp(kept, made, n) == 0,
	   "docs/sdl.schema.json is the output of gavel sdl schema");
}

int
main(void)
{
	const char *parts[32];

	arena_init(&arena, 0);
	walk(parts, 0, sdl_keys);
	ok(keys_seen > 80, "%u keys in all", keys_seen);
	keys_say(sdl_keys);
	is_int(mute, 0, "every key says what it must");
	paths();
	explained();
	schema();
	arena_release(&arena);
	return tap_done();
}
