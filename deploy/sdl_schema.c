/* SPDX-License-Identifier: Apache-2.0 */
/* sdl_schema.c - the tables of sdl_key.h as a JSON Schema, draft 2020-12. */
#include "deploy/sdl_explain.h"

#include "lib/json.h"

static void keys_write(struct jsonw *w, const struct sdl_key *keys, bool empty);

static void
string_member(struct jsonw *w, const char *name, const char *text)
{
	jsonw_name(w, name);
	jsonw_str(w, text);
}

static void
int_member(struct jsonw *w, const char *name, int64_t v)
{
	jsonw_name(w, name);
	jsonw_int(w, v);
}

/* "type": the types, and null for what may be left empty. */
static void
type_write(struct jsonw *w, const char *first, const char *second, const char *third, bool empty)
{
	const char *types[] = { first, second, third, empty ? "null" : NULL };

	jsonw_name(w, "type");
	if (second == NULL && third == NULL && !empty) {
		jsonw_str(w, first);
		return;
	}
	jsonw_open(w, '[');
	for (size_t i = 0; i < NELEMS(types); i++)
		if (types[i] != NULL)
			jsonw_str(w, types[i]);
	jsonw_close(w, ']');
}

/* A word that YAML reads as a number stands in the list as that, too. */
static void
words_write(struct jsonw *w, const char *words, bool empty)
{
	jsonw_name(w, "enum");
	jsonw_open(w, '[');
	while (*words != '\0') {
		size_t len = strcspn(words, " ");
		struct json number = { .type = JSON_NUMBER, .text_len = len };
		char word[20] = "";

		memcpy(word, words, MIN(len, sizeof(word) - 1));
		number.text = word;
		jsonw_str(w, word);
		if (strspn(word, "0123456789.") == len && strchr(word, '.') == strrchr(word, '.'))
			jsonw_node(w, &number);
		words += len + (words[len] == ' ');
	}
	if (empty)
		jsonw_null(w);
	jsonw_close(w, ']');
}

static void
truth_write(struct jsonw *w, const struct sdl_key *k, bool empty)
{
	static const char *const words[] = { "true", "false", "on", "off", "yes", "no" };

	if ((k->flags & SDL_QUOTED) == 0) {
		type_write(w, "boolean", NULL, NULL, empty);
		return;
	}
	jsonw_name(w, "enum");
	jsonw_open(w, '[');
	jsonw_bool(w, true);
	jsonw_bool(w, false);
	for (size_t i = 0; i < NELEMS(words); i++)
		jsonw_str(w, words[i]);
	if (empty)
		jsonw_null(w);
	jsonw_close(w, ']');
}

/* pattern: of its text; the number alone is a value too, unless `type` is NULL. */
static void
quantity_write(struct jsonw *w, const char *pattern, const char *type, bool empty)
{
	type_write(w, "string", type, NULL, empty);
	string_member(w, "pattern", pattern);
}

static void
number_write(struct jsonw *w, const struct sdl_key *k, bool empty)
{
	if ((k->flags & SDL_QUOTED) != 0)
		quantity_write(w, "^[0-9]+$", "integer", empty);
	else
		type_write(w, "integer", NULL, NULL, empty);
	int_member(w, "minimum", k->min);
	int_member(w, "maximum", k->max);
}

static void
texts_write(struct jsonw *w, const struct sdl_key *k, bool empty)
{
	type_write(w, "array", NULL, NULL, empty);
	int_member(w, "maxItems", k->max);
	jsonw_name(w, "items");
	jsonw_open(w, '{');
	if (k->words != NULL)
		words_write(w, k->words, false);
	else
		type_write(w, "string", "number", "boolean", false);
	jsonw_close(w, '}');
}

static void
list_write(struct jsonw *w, const struct sdl_key *k, bool empty)
{
	type_write(w, "array", NULL, NULL, empty);
	int_member(w, "maxItems", k->max);
	jsonw_name(w, "items");
	jsonw_open(w, '{');
	keys_write(w, k->keys, false);
	jsonw_close(w, '}');
}

/* A mapping of names to mappings, `levels` deep. */
static void
names_write(struct jsonw *w, const struct sdl_key *keys, unsigned levels, bool empty)
{
	type_write(w, "object", NULL, NULL, empty);
	jsonw_name(w, "additionalProperties");
	jsonw_open(w, '{');
	if (levels > 1)
		names_write(w, keys, levels - 1, false);
	else
		keys_write(w, keys, false);
	jsonw_close(w, '}');
}

static void
either_write(struct jsonw *w, const struct sdl_key *k)
{
	jsonw_name(w, "oneOf");
	jsonw_open(w, '[');
	jsonw_open(w, '{');
	keys_write(w, k->keys, false);
	jsonw_close(w, '}');
	jsonw_open(w, '{');
	list_write(w, k, false);
	int_member(w, "minItems", 1);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
}

static void
value_write(struct jsonw *w, const struct sdl_key *k, bool empty)
{
	switch (k->kind) {
	case SDL_ANY: break;
	case SDL_TEXT:
		if (k->words != NULL)
			words_write(w, k->words, empty);
		else
			type_write(w, "string", "number", "boolean", empty);
		break;
	case SDL_NUMBER: number_write(w, k, empty); break;
	case SDL_TRUTH: truth_write(w, k, empty); break;
	case SDL_CPU:
		quantity_write(w, "^([0-9]*\\.?[0-9]+|[0-9]+\\.|[0-9]+m)$", "number", empty);
		break;
	case SDL_SIZE:
		quantity_write(w, "^([0-9]*\\.?[0-9]+|[0-9]+\\.)(k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$",
			       "number", empty);
		break;
	case SDL_DURATION:
		quantity_write(w, "^(?=.)([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$", NULL, empty);
		break;
	case SDL_PRICE: quantity_write(w, "^([0-9]*\\.?[0-9]+|[0-9]+\\.)$", "number", empty); break;
	case SDL_TEXTS: texts_write(w, k, empty); break;
	case SDL_PAIRS:
		type_write(w, "object", NULL, NULL, empty);
		jsonw_name(w, "additionalProperties");
		jsonw_open(w, '{');
		type_write(w, "string", "number", "boolean", true);
		jsonw_close(w, '}');
		break;
	case SDL_MAP: keys_write(w, k->keys, empty); break;
	case SDL_LIST: list_write(w, k, empty); break;
	case SDL_MAP_OR_LIST: either_write(w, k); break;
	case SDL_NAMES: names_write(w, k->keys, 1, empty); break;
	case SDL_NAMES_TWICE: names_write(w, k->keys, 2, empty); break;
	}
}

static void
key_write(struct jsonw *w, const struct sdl_key *k)
{
	jsonw_name(w, k->name);
	/* Refused whatever it is: false takes nothing. */
	if ((k->flags & SDL_NOT_YET) != 0) {
		jsonw_bool(w, false);
		return;
	}
	jsonw_open(w, '{');
	if (k->bounds != NULL)
		jsonw_member(w, "description", "%s (%s)", k->help, k->bounds);
	else
		string_member(w, "description", k->help);
	value_write(w, k, (k->flags & SDL_REQUIRED) == 0);
	if ((k->flags & SDL_IGNORED) != 0) {
		jsonw_name(w, "deprecated");
		jsonw_bool(w, true);
	}
	jsonw_close(w, '}');
}

static void
keys_write(struct jsonw *w, const struct sdl_key *keys, bool empty)
{
	type_write(w, "object", NULL, NULL, empty);
	jsonw_name(w, "properties");
	jsonw_open(w, '{');
	for (const struct sdl_key *k = keys; k->name != NULL; k++)
		key_write(w, k);
	jsonw_close(w, '}');
	jsonw_name(w, "additionalProperties");
	jsonw_bool(w, false);
	jsonw_name(w, "required");
	jsonw_open(w, '[');
	for (const struct sdl_key *k = keys; k->name != NULL; k++)
		if ((k->flags & SDL_REQUIRED) != 0)
			jsonw_str(w, k->name);
	jsonw_close(w, ']');
}

const char *
sdl_schema(struct arena *a)
{
	struct jsonw *w = jsonw_new(true);
	const char *text;

	jsonw_open(w, '{');
	string_member(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	string_member(w, "title", "Gavel deployment file");
	string_member(w, "description",
		      "Made by `gavel sdl schema`. It sees the form of each value; "
		      "`gavel sdl check` also sees what refers to what.");
	keys_write(w, sdl_keys, false);
	jsonw_close(w, '}');
	text = arena_strdup(a, jsonw_text(w, NULL));
	jsonw_free(w);
	return text;
}
