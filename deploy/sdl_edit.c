/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_edit.c - from findings to edits. Knows the rules' words (docs/sdl.md) and
 * where the parts of a file stand (yaml_scan), nothing of what is done with it.
 */
#include "deploy/sdl_edit.h"

#include "deploy/sdl_units.h"
#include "lib/text.h"
#include "lib/yaml_format.h"

struct editor {
	struct arena *arena;
	const char *text;
	size_t len;
	const struct yaml_mark *marks;
	size_t mark_count;
	const struct sdl *sdl;
	struct sdl_edits *out;
};

/* ------------------------------------------------------------------ */
/* Places.                                                             */

/* Lines and columns count from 1; a column is a letter. */
static size_t
offset_of(const struct editor *x, unsigned line, unsigned column)
{
	size_t at = 0;

	while (line > 1 && at < x->len)
		line -= x->text[at++] == '\n';
	while (column > 1 && at < x->len && x->text[at] != '\n') {
		at++;
		while (at < x->len && ((unsigned char)x->text[at] & 0xc0) == 0x80)
			at++;
		column--;
	}
	return at;
}

/* The scalar that begins there, or NULL. A key in quotes is named by what is
 * inside of them. */
static const struct yaml_mark *
scalar_at(const struct editor *x, unsigned line, unsigned column)
{
	size_t at = offset_of(x, line, column);

	for (size_t i = 0; i < x->mark_count; i++) {
		const struct yaml_mark *m = &x->marks[i];

		if (m->part != YAML_SCALAR || m->start == m->end || m->anchor != NULL)
			continue;
		if (m->start == at || (m->start + 1 == at && (m->style == '"' || m->style == '\'')))
			return m;
	}
	return NULL;
}

static const struct yaml_mark *
key_mark(const struct editor *x, const struct json *v)
{
	return v->name_line != 0 ? scalar_at(x, v->name_line, v->name_column) : NULL;
}

/* The last mark of the value that begins at `m`. */
static const struct yaml_mark *
value_end(const struct editor *x, const struct yaml_mark *m)
{
	size_t depth = 0;

	for (; m < x->marks + x->mark_count; m++) {
		if (m->part == YAML_MAP || m->part == YAML_LIST)
			depth++;
		else if (m->part == YAML_MAP_END || m->part == YAML_LIST_END)
			depth--;
		if (depth == 0)
			return m;
	}
	return NULL;
}

/* ------------------------------------------------------------------ */
/* Edits.                                                              */

/* In their order; one that touches another is left out. */
static void
edit_add(struct editor *x, size_t start, size_t end, const char *text)
{
	struct sdl_edits *l = x->out;
	size_t i = 0;

	while (i < l->count && l->items[i].end <= start)
		i++;
	if (i < l->count && l->items[i].start < end)
		return;
	if (i < l->count && l->items[i].start == start && start == end)
		return;
	l->items = arena_grow(x->arena, l->items, l->count, sizeof(*l->items));
	memmove(l->items + i + 1, l->items + i, (l->count - i) * sizeof(*l->items));
	l->items[i] = (struct sdl_edit){ start, end, text };
	l->count++;
}

static void
rename_key(struct editor *x, const struct json *v, const char *name)
{
	const struct yaml_mark *m = key_mark(x, v);

	if (m != NULL)
		edit_add(x, m->start, m->end, name);
}

/* "value" to value, where its text is one of words or all digits. */
static void
unquote(struct editor *x, const struct json *v, bool number)
{
	const struct yaml_mark *m = scalar_at(x, v->line, v->column);
	const char *plain = v->text;

	if (m == NULL || (m->style != '"' && m->style != '\''))
		return;
	if (number && (*plain == '\0' || strspn(plain, "0123456789") != strlen(plain)))
		return;
	if (!number && strcmp(plain, "true") != 0 && strcmp(plain, "false") != 0)
		return;
	edit_add(x, m->start, m->end, plain);
}

/* Lines that hold the entry and nothing else. */
static void
remove_entry(struct editor *x, const struct json *v)
{
	const struct yaml_mark *key = key_mark(x, v), *last;
	size_t from, to;

	if (key == NULL || key + 1 == x->marks + x->mark_count)
		return;
	last = value_end(x, key + 1);
	if (last == NULL)
		return;
	/* A block's end has the place of what comes next. */
	while (last > key && last->style == 0 &&
	       (last->part == YAML_MAP_END || last->part == YAML_LIST_END))
		last--;
	for (from = key->start; from > 0 && x->text[from - 1] == ' ';)
		from--;
	to = MAX(last->end, key->end);
	if (last->start == last->end)
		to += strcspn(x->text + to, "\n");
	if (to > 0 && x->text[to - 1] != '\n') {
		size_t blank = strspn(x->text + to, " \t\r");

		if (x->text[to + blank] != '\n' && x->text[to + blank] != '\0' &&
		    x->text[to + blank] != '#')
			return;
		to += strcspn(x->text + to, "\n");
		to += x->text[to] == '\n';
	}
	if (from > 0 && x->text[from - 1] != '\n')
		return;
	edit_add(x, from, to, "");
}

/* ------------------------------------------------------------------ */
/* Sizes.                                                              */

/* GB, Gb, gb are powers of 1000, gi, GIB and the like of 1024, as the console of
 * Akash reads them. A single small letter means either, so it stays. */
static const char *
size_meant(struct arena *a, const char *text)
{
	static const char letters[] = "kmgtpe", right[] = "kMGTPE";
	size_t number = strspn(text, "0123456789.");
	const char *suffix = text + number, *letter;
	struct sdl_hint hint;
	uint64_t bytes;
	const char *fixed;
	bool binary;

	suffix += strspn(suffix, " ");
	if (number == 0 || *suffix == '\0')
		return NULL;
	letter = strchr(letters, *suffix | 0x20);
	binary = (suffix[1] | 0x20) == 'i';
	if (letter == NULL || suffix[1] == '\0')
		return NULL;
	if (binary ? suffix[2] != '\0' && ((suffix[2] | 0x20) != 'b' || suffix[3] != '\0')
		   : (suffix[1] | 0x20) != 'b' || suffix[2] != '\0')
		return NULL;
	fixed = arena_printf(a, "%.*s%c%s", (int)number, text,
			     binary && letter == letters ? 'K' : right[letter - letters],
			     binary ? "i" : "");
	return sdl_size_read(fixed, &bytes, &hint) == NULL ? fixed : NULL;
}

/* ------------------------------------------------------------------ */
/* env                                                                 */

/* KEY: value to - KEY=value, line by line. */
static void
env_to_list(struct editor *x, const struct json *env)
{
	struct sdl_edits *found = ARENA_NEW(x->arena, struct sdl_edits), *out = x->out;
	bool good = true;

	x->out = found;
	for (const struct json *v = env->first; v != NULL; v = v->next) {
		const struct yaml_mark *key = key_mark(x, v), *value = key != NULL ? key + 1 : NULL;
		size_t end;
		const char *pair;

		if (key == NULL || value->part != YAML_SCALAR || value->anchor != NULL ||
		    value->style == '|' || value->style == '>' ||
		    (key->start > 0 && strchr("{,[", x->text[key->start - 1]) != NULL)) {
			good = false;
			break;
		}
		end = value->start != value->end ? value->end
						 : key->end + strcspn(x->text + key->end, ":") + 1;
		pair = value->start != value->end
			       ? arena_printf(x->arena, "%s=%s", key->text, value->text)
			       : key->text;
		edit_add(x, key->start, end,
			 arena_printf(x->arena, "- %s", yaml_scalar(x->arena, pair, strlen(pair))));
	}
	x->out = out;
	for (size_t i = 0; good && i < found->count; i++)
		edit_add(x, found->items[i].start, found->items[i].end, found->items[i].text);
}

/* {NAME: value} as an entry of the list. */
static void
env_entry(struct editor *x, const struct json *v)
{
	const struct yaml_mark *key, *value;
	const char *pair;

	if (v->type != JSON_OBJECT || v->count != 1)
		return;
	key = key_mark(x, v->first);
	if (key == NULL || key + 1 == x->marks + x->mark_count)
		return;
	value = key + 1;
	if (value->part != YAML_SCALAR || value->start == value->end || value->style == '|' ||
	    value->style == '>' || (key > x->marks && key[-1].style == '{'))
		return;
	pair = arena_printf(x->arena, "%s=%s", key->text, value->text);
	edit_add(x, key->start, value->end, yaml_scalar(x->arena, pair, strlen(pair)));
}

/* ------------------------------------------------------------------ */
/* What is mended.                                                     */

/* The word in: did you mean "WORD"? */
static const char *
meant(struct arena *a, const char *cure)
{
	static const char begin[] = "did you mean \"";

	if (cure == NULL || strncmp(cure, begin, sizeof(begin) - 1) != 0)
		return NULL;
	cure += sizeof(begin) - 1;
	return arena_strndup(a, cure, strcspn(cure, "\""));
}

static bool
begins(const char *text, const char *word)
{
	return strncmp(text, word, strlen(word)) == 0;
}

static void
mend_value(struct editor *x, const struct json *v, const struct sdl_finding *f)
{
	const struct yaml_mark *m;
	const char *fixed;

	if (strstr(f->rule, "is a number, not a text") != NULL)
		unquote(x, v, true);
	else if (strstr(f->rule, "must be true or false, without quotes") != NULL)
		unquote(x, v, false);
	else if (begins(f->rule, "a variable is NAME=value"))
		env_entry(x, v);
	if (!begins(f->rule, "a size is a number") || v->type != JSON_STRING)
		return;
	fixed = size_meant(x->arena, v->text);
	m = scalar_at(x, v->line, v->column);
	if (fixed != NULL && m != NULL)
		edit_add(x, m->start, m->end, fixed);
}

/* Every value and key that a finding points at. */
static void
mend_findings(struct editor *x, const struct json *parent)
{
	for (const struct json *v = parent->first; v != NULL; v = v->next) {
		for (size_t i = 0; i < x->sdl->finding_count; i++) {
			const struct sdl_finding *f = &x->sdl->findings[i];
			const char *word;

			if (f->line == v->line && f->column == v->column)
				mend_value(x, v, f);
			if (v->name_line == 0 || f->line != v->name_line ||
			    f->column != v->name_column || !begins(f->rule, "there is no key"))
				continue;
			word = meant(x->arena, f->cure);
			if (word != NULL && json_get(parent, word) == NULL)
				rename_key(x, v, word);
		}
		mend_findings(x, v);
	}
}

static void
mend_service(struct editor *x, const struct json *s)
{
	static const char *const useless[] = { "depends_on", "depends-on", "dependencies" };
	const struct json *v;

	for (size_t i = 0; i < NELEMS(useless); i++)
		if ((v = json_get(s, useless[i])) != NULL)
			remove_entry(x, v);
	v = json_get(s, "cmd");
	if (v != NULL && v->type == JSON_ARRAY && json_get(s, "command") == NULL)
		rename_key(x, v, "command");
	v = json_get(s, "environment");
	if (v != NULL && json_get(s, "env") == NULL)
		rename_key(x, v, "env");
	if (v == NULL)
		v = json_get(s, "env");
	if (v != NULL && v->type == JSON_OBJECT)
		env_to_list(x, v);
}

/* persistent: "true" is read, and is no text. */
static void
mend_persistent(struct editor *x, const struct json *parent)
{
	for (const struct json *v = parent->first; v != NULL; v = v->next) {
		if (v->name != NULL && strcmp(v->name, "persistent") == 0 && v->quoted &&
		    v->type == JSON_STRING)
			unquote(x, v, false);
		mend_persistent(x, v);
	}
}

static void
mend_version(struct editor *x, const struct json *root)
{
	const struct yaml_mark *m = x->marks;

	if (json_get(root, "version") == NULL && root->type == JSON_OBJECT && m->part == YAML_MAP &&
	    m->style == 0 && root->column == 1)
		edit_add(x, m->start, m->start, "version: \"2.0\"\n");
}

int
sdl_edits_find(struct arena *a, const char *name, const char *text, size_t len,
	       const struct json *root, const struct sdl *sdl, struct sdl_edits *out, struct err *e)
{
	struct editor x = { .arena = a, .text = text, .len = len, .sdl = sdl, .out = out };
	struct yaml_mark *marks;
	const struct json *services = json_get(root, "services");

	*out = (struct sdl_edits){ NULL, 0 };
	if (yaml_scan(a, name, text, len, &marks, &x.mark_count, e) < 0)
		return -1;
	x.marks = marks;
	for (const struct json *s = services != NULL ? services->first : NULL; s != NULL;
	     s = s->next)
		mend_service(&x, s);
	mend_version(&x, root);
	mend_persistent(&x, root);
	mend_findings(&x, root);
	return 0;
}

const char *
sdl_edits_make(struct arena *a, const char *text, const struct sdl_edits *edits, size_t only)
{
	struct text out = TEXT(a);
	size_t at = 0;

	for (size_t i = 0; i < edits->count; i++) {
		const struct sdl_edit *x = &edits->items[i];

		if (only < edits->count && i != only)
			continue;
		text_add_n(&out, text + at, x->start - at);
		text_add(&out, x->text);
		at = x->end;
	}
	text_add(&out, text + at);
	return text_get(&out);
}
