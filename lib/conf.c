/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"

#include <errno.h>
#include <inttypes.h>

#include "yaml.h"

struct reader {
	struct arena *arena;
	const char *name;
	struct err *e;
};

/* ------------------------------------------------------------------ */
/* Units.                                                              */

struct unit {
	const char *name;
	uint64_t worth;
};

static const struct unit durations[] = {
	{ "us", 1 },
	{ "ms", 1000 },
	{ "s", 1000000 },
	{ "m", 60 * 1000000 },
	{ "h", UINT64_C(3600000000) },
	{ "d", UINT64_C(86400000000) },
	{ NULL, 0 },
};

static const struct unit sizes[] = {
	{ "bytes", 1 },
	{ "B", 1 },
	{ "kB", 1000 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MB", 1000000 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GB", 1000000000 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TB", 1000000000000 },
	{ "TiB", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit *
unit_named(const struct unit *units, const char *name, size_t len)
{
	for (; units->name != NULL; units++)
		if (strlen(units->name) == len && memcmp(units->name, name, len) == 0)
			return units;
	return NULL;
}

/* The unit that closes a field's name, and the table it belongs to. */
static const struct unit *
field_unit(const char *name, const struct unit **table)
{
	size_t len = strlen(name), word = 0;

	if (len > 4 && (strcmp(name + len - 4, "_min") == 0 || strcmp(name + len - 4, "_max") == 0))
		len -= 4;
	while (word < len && name[len - 1 - word] != '_')
		word++;
	/* "bytes" alone is a unit too; "s" or "m" would be a poor name. */
	if (word == len && strcmp(name, "bytes") != 0)
		return NULL;
	*table = word == 5 ? sizes : durations;
	return unit_named(*table, name + len - word, word);
}

/* "400ms" for a field in seconds: the fault, or NULL with the number. */
static const char *
quantity_read(const char *text, const struct unit *table, const struct unit *unit, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	const struct unit *given = unit_named(table, text + digits, strlen(text + digits));
	u128 v = 0;

	if (digits == 0 || digits > 18 || given == NULL)
		return table == sizes ? "expected a size like 64MiB"
				      : "expected a duration like 400ms, 10s or 5m";
	for (size_t i = 0; i < digits; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	v *= given->worth;
	if (v % unit->worth != 0)
		return "not a whole number in the unit of this setting";
	v /= unit->worth;
	if (v > UINT64_MAX)
		return "the number is too large";
	*out = (uint64_t)v;
	return NULL;
}

/* ------------------------------------------------------------------ */
/* From what YAML says to what the table expects.                      */

static void
as_text(struct json *v)
{
	if (v->type == JSON_NUMBER || v->type == JSON_BOOL)
		v->type = JSON_STRING;
}

static int
number_adapt(struct reader *r, struct json *v, const char *name, const char *pointer)
{
	const struct unit *table = NULL, *unit = field_unit(name, &table);
	const char *fault;
	uint64_t number = 0;

	if (unit == NULL || v->type != JSON_STRING)
		return 0;
	fault = quantity_read(v->text, table, unit, &number);
	if (fault != NULL)
		return err_field(r->e, &ERR_CONFIG, pointer, "%s:%u:%u: %s: %s, got \"%.40s\"",
				 r->name, v->line, v->column, pointer + 1, fault, v->text);
	v->type = JSON_NUMBER;
	v->text = arena_printf(r->arena, "%" PRIu64, number);
	v->text_len = strlen(v->text);
	return 0;
}

static int
adapt(struct reader *r, struct json *object, const struct json_field *fields, const char *place);

static int
list_adapt(struct reader *r, struct json *list, const struct json_field *f, const char *pointer)
{
	size_t index = 0;

	for (struct json *item = list->first; item != NULL; item = item->next)
		if (adapt(r, item, f->sub, arena_printf(r->arena, "%s/%zu", pointer, index++)) < 0)
			return -1;
	return 0;
}

static int
field_adapt(struct reader *r, struct json *v, const struct json_field *f, const char *pointer)
{
	switch (f->kind) {
	case JSON_KIND_U32:
	case JSON_KIND_U64:
	case JSON_KIND_I64: return number_adapt(r, v, f->name, pointer);
	case JSON_KIND_OBJECT: return adapt(r, v, f->sub, pointer);
	case JSON_KIND_LIST: return list_adapt(r, v, f, pointer);
	case JSON_KIND_STRS:
		for (struct json *item = v->first; item != NULL; item = item->next)
			as_text(item);
		return 0;
	case JSON_KIND_BOOL:
	case JSON_KIND_NODE: return 0;
	default: as_text(v); return 0;
	}
}

static int
adapt(struct reader *r, struct json *object, const struct json_field *fields, const char *place)
{
	for (const struct json_field *f = fields; f->kind != JSON_KIND_END; f++) {
		struct json *v = json_get(object, f->name);

		if (v != NULL &&
		    field_adapt(r, v, f, arena_printf(r->arena, "%s/%s", place, f->name)) < 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Errors.                                                             */

/* The value that "/a/0/b" names, or the nearest one above it. */
static const struct json *
node_at(const struct json *root, const char *pointer)
{
	const struct json *node = root;

	while (*pointer == '/') {
		size_t len = strcspn(++pointer, "/"), index = 0;
		const struct json *child = node->first;

		for (; child != NULL; child = child->next, index++) {
			char digits[24];
			const char *name = child->name;

			if (name == NULL) {
				snprintf(digits, sizeof(digits), "%zu", index);
				name = digits;
			}
			if (strlen(name) == len && memcmp(name, pointer, len) == 0)
				break;
		}
		if (child == NULL)
			return node;
		node = child;
		pointer += len;
	}
	return node;
}

/* json.h says "line 3, column 7: /port: the rule"; people want file:3:7. */
static int
explain(const struct reader *r, const struct json *root, const struct err *why)
{
	const struct json *v = node_at(root, why->field);
	const char *detail = strstr(why->text, *why->field != '\0' ? why->field : ": : ");
	const char *setting = *why->field == '/' ? why->field + 1 : "settings";
	bool unknown = why->code == &JSON_UNKNOWN && v->name_line != 0;

	detail = detail != NULL ? detail + strlen(why->field) : why->text;
	detail += strspn(detail, ": ");
	return err_field(r->e, &ERR_CONFIG, why->field, "%s:%u:%u: %s: %.200s", r->name,
			 unknown ? v->name_line : v->line, unknown ? v->name_column : v->column,
			 setting, detail);
}

int
conf_parse(struct arena *a, const char *name, const char *text, size_t len,
	   const struct json_field *fields, void *out, struct err *e)
{
	struct reader r = { a, name, e };
	struct err why = ERR_NONE;
	struct json *root;

	if (yaml_parse(a, name, text, len, YAML_TYPED, &root, &why) < 0)
		return err_set(e, &ERR_CONFIG, "%s", why.text);
	if (adapt(&r, root, fields, "") < 0)
		return -1;
	if (json_read(a, root, fields, out, &why) < 0)
		return explain(&r, root, &why);
	return 0;
}

int
conf_read(struct arena *a, const char *path, const struct json_field *fields, void *out,
	  struct err *e)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t len;
	bool failed;

	if (file == NULL)
		return err_set(e, &ERR_CONFIG, "open %s: %s", path, strerror(errno));
	text = arena_alloc(a, YAML_BYTES_MAX + 2);
	len = fread(text, 1, YAML_BYTES_MAX + 1, file);
	failed = ferror(file) != 0;
	fclose(file);
	if (failed)
		return err_set(e, &ERR_CONFIG, "read %s: %s", path, strerror(EIO));
	return conf_parse(a, path, text, len, fields, out, e);
}
