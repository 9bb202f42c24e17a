/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_find.c - findings, and reading a tree by a table of keys. Knows the form
 * of the file, nothing of what its keys mean.
 */
#include "sdl_read.h"

#include "deploy/sdl_units.h"

#include <stdarg.h>

/* ------------------------------------------------------------------ */
/* Findings.                                                           */

static void
find(struct sdl_reader *r, unsigned line, unsigned column, const char *path, const char *cure,
     const char *rule)
{
	struct sdl_finding *f;

	/* A service in two placements is looked at twice: one finding will do. */
	for (size_t i = 0; i < r->finding_count; i++)
		if (r->findings[i].line == line && r->findings[i].column == column &&
		    strcmp(r->findings[i].rule, rule) == 0)
			return;
	if (r->finding_count == SDL_FINDINGS_MAX)
		return;
	r->findings = arena_grow(r->arena, r->findings, r->finding_count, sizeof(*r->findings));
	f = &r->findings[r->finding_count++];
	*f = (struct sdl_finding){ line, column, path, rule, cure, false };
	/* Keep the order of the file: sections refer to earlier ones. */
	for (; f > r->findings; f--) {
		struct sdl_finding *before = f - 1, other = *before;

		if (before->line < f->line ||
		    (before->line == f->line && before->column <= f->column))
			break;
		*before = *f;
		*f = other;
	}
}

static const char *
format(struct arena *a, const char *fmt, va_list ap)
{
	char text[400];

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return arena_strdup(a, text);
}

void
sdl_find(struct sdl_reader *r, const struct sdl_at *at, const char *cure, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	find(r, at->node->line, at->node->column, at->path, cure, format(r->arena, fmt, ap));
	va_end(ap);
}

void
sdl_find_name(struct sdl_reader *r, const struct sdl_at *at, const char *cure, const char *fmt, ...)
{
	bool named = at->node->name_line != 0;
	va_list ap;

	va_start(ap, fmt);
	find(r, named ? at->node->name_line : at->node->line,
	     named ? at->node->name_column : at->node->column, at->path, cure,
	     format(r->arena, fmt, ap));
	va_end(ap);
}

#define WORD_MAX 40u

/* Levenshtein's distance; words that are too long are far from everything. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], len_a = strlen(a), len_b = strlen(b);

	if (len_a > WORD_MAX || len_b > WORD_MAX)
		return WORD_MAX;
	for (size_t k = 0; k <= len_b; k++)
		row[k] = k;
	for (size_t i = 1; i <= len_a; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t k = 1; k <= len_b; k++) {
			size_t above = row[k];
			size_t change = corner + (a[i - 1] != b[k - 1]);

			row[k] = MIN(change, MIN(above, row[k - 1]) + 1);
			corner = above;
		}
	}
	return row[len_b];
}

const char *
sdl_nearest(struct sdl_reader *r, const char *word, const void *names, size_t count, size_t stride)
{
	const char *best = NULL;
	size_t least = 3;

	for (size_t i = 0; i < count; i++) {
		const char *name =
			*(const char *const *)(const void *)((const char *)names + i * stride);
		size_t d = name != NULL ? distance(word, name) : least;

		/* Two letters of a word of two letters are no likeness. */
		if (d < least && d < strlen(word)) {
			least = d;
			best = name;
		}
	}
	return best != NULL ? arena_printf(r->arena, "did you mean \"%s\"?", best) : NULL;
}

#define NAMES_MAX 12u /* in one line of advice */

const char *
sdl_one_of(struct sdl_reader *r, const char *word, const void *names, size_t count, size_t stride)
{
	const char *text = sdl_nearest(r, word, names, count, stride);

	if (text != NULL || count == 0)
		return text;
	text = count == 1 ? "write" : "write one of";
	for (size_t i = 0; i < MIN(count, NAMES_MAX); i++)
		text = arena_printf(
			r->arena, "%s%s %.60s", text, i > 0 ? "," : "",
			*(const char *const *)(const void *)((const char *)names + i * stride));
	return count > NAMES_MAX ? arena_printf(r->arena, "%s, ...", text) : text;
}

void
sdl_find_bad_name(struct sdl_reader *r, const struct sdl_at *at, const char *fault)
{
	char name[48];
	size_t len = 0;

	for (const char *p = at->node->name; *p != '\0' && len < sizeof(name) - 1; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
		bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';

		if (letter || (len > 0 && (digit || name[len - 1] != '-')))
			name[len++] = letter || digit ? c : '-';
	}
	while (len > 0 && name[len - 1] == '-')
		len--;
	name[len] = '\0';
	sdl_find_name(r, at, arena_printf(r->arena, "write %s:", len > 0 ? name : "web"), "%s",
		      fault);
}

/* ------------------------------------------------------------------ */
/* Trees.                                                              */

struct sdl_at
sdl_member(struct sdl_reader *r, const struct sdl_at *at, const struct json *member)
{
	const char *dot = *at->path != '\0' ? "." : "";

	return (struct sdl_at){ member, arena_printf(r->arena, "%.200s%s%.100s", at->path, dot,
						     member->name) };
}

struct sdl_at
sdl_item(struct sdl_reader *r, const struct sdl_at *at, const struct json *item, size_t index)
{
	return (struct sdl_at){ item, arena_printf(r->arena, "%.200s.%zu", at->path, index) };
}

/* Whether `path` is the value at `at`, or an entry of the list there. */
static bool
is_value_of(const char *path, const struct sdl_at *at)
{
	size_t len = strlen(at->path);

	return strncmp(path, at->path, len) == 0 &&
	       (path[len] == '\0' ||
		(path[len] == '.' && strspn(path + len, ".0123456789") == strlen(path + len)));
}

/* What nobody had better advice for: how the key is written. */
static void
examples_add(struct sdl_reader *r, const struct sdl_at *at, const struct sdl_key *k)
{
	if (k->example == NULL)
		return;
	for (size_t i = 0; i < r->finding_count; i++)
		if (r->findings[i].cure == NULL && is_value_of(r->findings[i].path, at))
			r->findings[i].cure = arena_printf(r->arena, "for example %s", k->example);
}

static const char *
unknown_cure(struct sdl_reader *r, const char *name, const struct sdl_key *keys)
{
	static const char *const useless[] = { "depends_on", "depends-on" };

	for (size_t i = 0; i < NELEMS(useless); i++)
		if (strcmp(name, useless[i]) == 0)
			return "remove it, for services start together: "
			       "gavel sdl lint --fix FILE does it";
	return sdl_nearest(r, name, &keys->name, sdl_key_count(keys), sizeof(*keys));
}

static void
key_read(struct sdl_reader *r, const struct sdl_at *at, const struct sdl_key *keys, void *out)
{
	const char *name = at->node->name;
	const struct sdl_key *k = sdl_key_named(keys, name);

	if (k == NULL)
		sdl_find_name(r, at, unknown_cure(r, name, keys), "there is no key \"%.60s\" here",
			      name);
	else if ((k->flags & SDL_NOT_YET) != 0 && at->node->type != JSON_NULL)
		sdl_find_name(r, at, k->cure, "%s cannot be leased here yet", name);
	else if (at->node->type == JSON_NULL)
		return;
	else if (k->read != NULL)
		k->read(r, at, out);
	else if (k->kind == SDL_MAP)
		sdl_object(r, at, k->keys, out);
	if (k != NULL)
		examples_add(r, at, k);
}

void
sdl_object(struct sdl_reader *r, const struct sdl_at *at, const struct sdl_key *keys, void *out)
{
	if (!sdl_is_map(r, at))
		return;
	for (const struct json *m = at->node->first; m != NULL; m = m->next) {
		struct sdl_at member = sdl_member(r, at, m);

		key_read(r, &member, keys, out);
	}
	for (const struct sdl_key *k = keys; k->name != NULL; k++) {
		const struct json *m = json_get(at->node, k->name);

		if ((k->flags & SDL_REQUIRED) != 0 && (m == NULL || m->type == JSON_NULL))
			sdl_find_name(r, at, k->cure, "the key %s is missing", k->name);
	}
}

bool
sdl_is_map(struct sdl_reader *r, const struct sdl_at *at)
{
	if (at->node->type == JSON_OBJECT)
		return true;
	sdl_find(r, at, NULL, "a mapping of keys and values is expected here");
	return false;
}

bool
sdl_is_list(struct sdl_reader *r, const struct sdl_at *at, size_t most)
{
	if (at->node->type != JSON_ARRAY) {
		sdl_find(r, at, "begin each entry with \"- \"", "a list is expected here");
		return false;
	}
	if (at->node->count > most) {
		sdl_find(r, at, NULL, "%zu entries, at most %zu", at->node->count, most);
		return false;
	}
	return true;
}

const char *
sdl_text(struct sdl_reader *r, const struct sdl_at *at)
{
	if (at->node->type == JSON_STRING)
		return at->node->text;
	sdl_find(r, at, NULL, "a single value is expected here");
	return NULL;
}

bool
sdl_u32(struct sdl_reader *r, const struct sdl_at *at, uint32_t min, uint32_t max, uint32_t *out)
{
	const char *text = sdl_text(r, at);
	uint64_t v = 0;

	if (text == NULL)
		return false;
	if (at->node->quoted) {
		sdl_find(r, at, "leave out the quotes", "%s is a number, not a text",
			 at->node->name);
		return false;
	}
	for (const char *p = text; v <= UINT32_MAX && *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (unsigned)(*p - '0');
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || v < min || v > max) {
		sdl_find(r, at, NULL, "%s must be %u to %u, got %.20s", at->node->name, min, max,
			 text);
		return false;
	}
	*out = (uint32_t)v;
	return true;
}

void
sdl_seconds(struct sdl_reader *r, const struct sdl_at *at, uint32_t min, uint32_t max,
	    uint32_t *out)
{
	const char *text = sdl_text(r, at);
	const char *fault;
	uint32_t v = 0;

	if (text == NULL)
		return;
	fault = sdl_duration_read(text, &v);
	if (fault != NULL)
		sdl_find(r, at, "write 10s", "%s, got %.20s", fault, text);
	else if (v < min || v > max)
		sdl_find(r, at, NULL, "%s must be %us to %us, got %.20s", at->node->name, min, max,
			 text);
	else
		*out = v;
}

bool
sdl_bool(struct sdl_reader *r, const struct sdl_at *at, bool *out)
{
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "on" };
	static const char *const no[] = { "false", "False", "FALSE", "no", "off" };
	const char *text = sdl_text(r, at);

	for (size_t i = 0; text != NULL && !at->node->quoted && i < NELEMS(yes); i++)
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*out = strcmp(text, yes[i]) == 0;
			return true;
		}
	if (text != NULL)
		sdl_find(r, at, NULL, "%s must be true or false, without quotes", at->node->name);
	return false;
}

void
sdl_strs(struct sdl_reader *r, const struct sdl_at *at, size_t most,
	 const char *(*rule)(const char *), struct json_strs *out)
{
	size_t index = 0;

	if (!sdl_is_list(r, at, most))
		return;
	out->items = arena_alloc(r->arena, (at->node->count + 1) * sizeof(*out->items));
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at item = sdl_item(r, at, v, index++);
		const char *text = sdl_text(r, &item);
		const char *fault = text != NULL && rule != NULL ? rule(text) : NULL;

		if (fault != NULL)
			sdl_find(r, &item, NULL, "%s", fault);
		else if (text != NULL)
			out->items[out->count++] = text;
	}
}

void *
sdl_push(struct sdl_reader *r, struct json_list *list, size_t size)
{
	char *last;

	list->items = arena_grow(r->arena, list->items, list->count, size);
	last = (char *)list->items + list->count++ * size;
	memset(last, 0, size);
	return last;
}

/* ------------------------------------------------------------------ */
/* Findings as text.                                                   */

static const char *
line_at(const char *text, unsigned line, size_t *len)
{
	while (line > 1 && (text = strchr(text, '\n')) != NULL) {
		text++;
		line--;
	}
	*len = text != NULL ? strcspn(text, "\r\n") : 0;
	return text;
}

/* How many letters the caret underlines: the word that stands there. */
static size_t
word_width(const char *p, size_t left)
{
	size_t width = 0;

	for (size_t i = 0; i < left; i++) {
		if (strchr(" \t,]}#", p[i]) != NULL ||
		    (p[i] == ':' && i + 1 < left && p[i + 1] == ' '))
			break;
		width += ((unsigned char)p[i] & 0xc0) != 0x80;
	}
	if (width > 1 && p[width - 1] == ':')
		width--;
	return MIN(MAX(width, 1), 60);
}

/* The source line and a caret under the column, which counts letters. */
static const char *
source_text(struct arena *a, const char *text, const struct sdl_finding *f)
{
	static const char tildes[] = "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~";
	size_t len, byte = 0;
	const char *source = line_at(text, f->line, &len);
	unsigned column = 1;
	char *line;

	if (source == NULL || len == 0 || f->column > 100)
		return "";
	line = arena_strndup(a, source, MIN(len, 200));
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	for (; byte < len && column < f->column; byte++)
		if (byte + 1 >= len || ((unsigned char)source[byte + 1] & 0xc0) != 0x80)
			column++;
	return arena_printf(a, "    %s\n    %*s^%.*s\n", line, (int)f->column - 1, "",
			    (int)word_width(source + byte, len - byte) - 1, tildes);
}

const char *
sdl_finding_text_as(struct arena *a, const char *word, const char *name, const char *text,
		    const struct sdl_finding *f)
{
	const char *cure = f->cure != NULL ? arena_printf(a, "  help: %s\n", f->cure) : "";
	const char *path = *f->path != '\0' ? arena_printf(a, "  at %s\n", f->path) : "";

	if (f->line == 0)
		return arena_printf(a, "%s: %s: %s\n%s%s", name, word, f->rule, path, cure);
	return arena_printf(a, "%s:%u:%u: %s: %s\n%s%s%s", name, f->line, f->column, word, f->rule,
			    source_text(a, text, f), path, cure);
}

const char *
sdl_finding_text(struct arena *a, const char *name, const char *text, const struct sdl_finding *f)
{
	return sdl_finding_text_as(a, f->warning ? "warning" : "error", name, text, f);
}
