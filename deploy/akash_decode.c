/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_decode.c - a tree to structs by a table of types, as yaml.v3 does it:
 * what a scalar may become, which keys may not stand twice, how << merges, and
 * what null leaves as it was. Knows nothing of what the structs are for.
 *
 * The result of each function is yaml.v3's "good": false also for null in
 * place of a scalar or struct, which drops an element from its list without
 * being a fault. Faults are findings.
 */
#include "deploy/akash_read.h"

#include <assert.h>
#include <math.h>

/* Keys that a merge must leave alone, sorted. */
struct ak_merged {
	const char **keys;
	size_t count;
};

const struct ak_type ak_string = { .kind = AK_STRING, .noun = "text", .size = sizeof(char *) };
const struct ak_type ak_u32 = { .kind = AK_U32,
				.noun = "a number from 0 to 4294967295, without quotes",
				.size = sizeof(uint32_t) };
const struct ak_type ak_bool = { .kind = AK_BOOL,
				 .noun = "true or false, without quotes",
				 .size = sizeof(bool) };
const struct ak_type ak_strings = { .kind = AK_LIST,
				    .noun = "a list of texts",
				    .size = sizeof(struct akash_list),
				    .elem = &ak_string };

static bool
unmarshal(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type, void *out);

/* ------------------------------------------------------------------ */
/* Scalars.                                                            */

#define CORE "tag:yaml.org,2002:"

static bool
tagged(const struct yaml_tree *n, const char *tag)
{
	if (n->tag == NULL)
		return false;
	if (strncmp(n->tag, CORE, strlen(CORE)) == 0)
		return strcmp(n->tag + strlen(CORE), tag) == 0;
	return strncmp(n->tag, "!!", 2) == 0 && strcmp(n->tag + 2, tag) == 0;
}

/* False: the tag demands what the text is not. */
static bool
scalar_value(const struct yaml_tree *n, struct go_value *v)
{
	static const struct {
		const char *tag;
		enum go_sort sort;
	} demands[] = { { "null", GO_NULL },
			{ "bool", GO_BOOL },
			{ "int", GO_INT },
			{ "float", GO_FLOAT },
			{ "timestamp", GO_TIME } };

	*v = (struct go_value){ .sort = GO_STR };
	if (n->tag == NULL) {
		if (n->plain && strcmp(n->value, "<<") != 0)
			*v = go_resolve(n->value);
		return true;
	}
	for (size_t i = 0; i < NELEMS(demands); i++) {
		if (!tagged(n, demands[i].tag))
			continue;
		*v = go_resolve(n->value);
		if (demands[i].sort == GO_FLOAT && v->sort == GO_INT &&
		    v->integer <= (uint64_t)INT64_MAX + v->negative) {
			v->real = v->negative ? -(double)v->integer : (double)v->integer;
			v->sort = GO_FLOAT;
		}
		return v->sort == demands[i].sort;
	}
	return true;
}

const struct yaml_tree *
ak_behind(const struct yaml_tree *n)
{
	for (unsigned i = 0; n != NULL && n->kind == YAML_TREE_ALIAS; i++)
		n = i < AK_ALIAS_DEPTH_MAX ? n->target : NULL;
	return n;
}

bool
ak_is_null(const struct yaml_tree *n)
{
	n = ak_behind(n);
	if (n == NULL || n->kind != YAML_TREE_SCALAR)
		return false;
	if (n->tag != NULL)
		return tagged(n, "null");
	return n->plain && go_resolve(n->value).sort == GO_NULL;
}

static bool
type_fault(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type)
{
	static const char *const kinds[] = { "a single value", "a list", "a mapping", "" };

	if (n->kind == YAML_TREE_SCALAR && type->kind != AK_LIST && type->kind != AK_MAP &&
	    type->kind != AK_STRUCT)
		return ak_refuse(d, n, NULL, "\"%.60s\" is not %s", n->value, type->noun);
	return ak_refuse(d, n, NULL, "expected %s, found %s", type->noun, kinds[n->kind]);
}

static const char *
binary_text(struct arena *a, const char *base64)
{
	uint8_t *bytes;
	size_t len, n = 0;
	char *out;
	struct err e = ERR_NONE;

	if (base64_read(a, base64, strlen(base64), &bytes, &len, &e) < 0)
		return NULL;
	out = arena_alloc(a, 2 * len + 1);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == 0)
			out[n++] = (char)0xc0;
		out[n++] = bytes[i] == 0 ? (char)0x80 : (char)bytes[i];
	}
	return out;
}

static bool
string_from(struct ak_decoder *d, const struct yaml_tree *n, const char **out)
{
	const char *text = n->value;

	if (tagged(n, "binary")) {
		text = binary_text(d->r->arena, n->value);
		if (text == NULL)
			return ak_refuse(d, n, NULL, "!!binary takes base64");
	}
	*out = text;
	return true;
}

static bool
u32_from(const struct go_value *v, uint32_t *out)
{
	uint64_t n;

	if (v->sort == GO_INT && (!v->negative || v->integer == 0))
		n = v->integer;
	else if (v->sort == GO_FLOAT && v->real <= 18446744073709551616.0)
		n = go_u64(v->real); /* cut off: 80.5 is 80, -0.5 is 0 */
	else
		return false;
	if (n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool
bool_from(const struct go_value *v, const char *text, bool *out)
{
	static const char *const words[] = { "n", "N", "no", "off", "y", "Y", "yes", "on" };

	*out = v->truth;
	if (v->sort == GO_BOOL)
		return true;
	for (size_t i = 0; v->sort == GO_STR && i < NELEMS(words); i++) {
		*out = i >= NELEMS(words) / 2;
		if (strcmp(text, words[i]) == 0)
			return true;
	}
	return false;
}

static bool
scalar(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type, void *out)
{
	struct go_value v;

	if (!scalar_value(n, &v))
		return ak_refuse(d, n, NULL, "\"%.60s\" is not what its tag says", n->value);
	if (v.sort == GO_NULL) {
		if (type->kind != AK_LIST && type->kind != AK_MAP)
			return false;
		memset(out, 0, type->size);
		return true;
	}
	if (type->kind == AK_STRING)
		return string_from(d, n, out);
	if ((type->kind == AK_U32 && u32_from(&v, out)) ||
	    (type->kind == AK_BOOL && bool_from(&v, n->value, out)))
		return true;
	return type_fault(d, n, type);
}

/* ------------------------------------------------------------------ */
/* Mappings.                                                           */

static bool
is_merge(const struct yaml_tree *key)
{
	return key->kind == YAML_TREE_SCALAR && strcmp(key->value, "<<") == 0 &&
	       ((key->plain && key->tag == NULL) || tagged(key, "merge"));
}

static int
key_order(const void *a, const void *b)
{
	const struct yaml_tree *x = *(const struct yaml_tree *const *)a;
	const struct yaml_tree *y = *(const struct yaml_tree *const *)b;
	int order = strcmp(x->value, y->value);

	if (order == 0)
		order = (int)x->kind - (int)y->kind;
	if (order == 0)
		order = (x->line > y->line) - (x->line < y->line);
	return order != 0 ? order : (x->column > y->column) - (x->column < y->column);
}

/* Keys that are written alike, whatever they mean. */
static bool
keys_unique(struct ak_decoder *d, const struct yaml_tree *n)
{
	const struct yaml_tree **keys;
	size_t count = n->count / 2;
	bool unique = true;

	if (count > AK_KEYS_MAX) {
		d->r->stop = true;
		return ak_refuse(d, n, NULL, "more than 4096 keys in one mapping");
	}
	keys = arena_alloc(d->r->arena, count * sizeof(struct yaml_tree *) + 1);
	for (size_t i = 0; i < count; i++)
		keys[i] = n->content[2 * i];
	qsort(keys, count, sizeof(struct yaml_tree *), key_order);
	for (size_t i = 1; i < count; i++)
		if (keys[i]->kind == keys[i - 1]->kind &&
		    strcmp(keys[i]->value, keys[i - 1]->value) == 0)
			unique = ak_refuse(d, keys[i], "remove one of them",
					   "key \"%.60s\" stands twice, first in line %u",
					   keys[i]->value, keys[i - 1]->line);
	return unique;
}

static size_t
merged_place(const struct ak_merged *m, const char *key, bool *there)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t h = low + (high - low) / 2;

		if (strcmp(m->keys[h], key) < 0)
			low = h + 1;
		else
			high = h;
	}
	*there = low < m->count && strcmp(m->keys[low], key) == 0;
	return low;
}

/* False: it is there already. */
static bool
merged_add(struct ak_decoder *d, struct ak_merged *m, const char *key)
{
	bool there;
	size_t at = merged_place(m, key, &there);

	if (there)
		return false;
	m->keys = arena_grow(d->r->arena, m->keys, m->count, sizeof(*m->keys));
	memmove(m->keys + at + 1, m->keys + at, (m->count - at) * sizeof(*m->keys));
	m->keys[at] = key;
	m->count++;
	return true;
}

/* Those written out win. A key like 1 or true counts as a number there, never
 * equals the text it is read as, and loses: so it is in yaml.v3. */
static void
merged_begin(struct ak_decoder *d, struct ak_merged *m, const struct yaml_tree *parent)
{
	for (size_t i = 0; i + 1 < parent->count; i += 2) {
		const struct yaml_tree *key = ak_behind(parent->content[i]);
		struct go_value v;

		if (key != NULL && key->kind == YAML_TREE_SCALAR && scalar_value(key, &v) &&
		    v.sort == GO_STR)
			merged_add(d, m, key->value);
	}
}

static bool
merge_fault(struct ak_decoder *d, const struct yaml_tree *n)
{
	return ak_refuse(d, n, NULL, "<< takes a mapping or a list of mappings");
}

static void
merge_one(struct ak_decoder *d, const struct yaml_tree *from, const struct ak_type *type, void *out)
{
	const struct yaml_tree *to = from->kind == YAML_TREE_ALIAS ? from->target : from;

	if (to->kind != YAML_TREE_MAP)
		merge_fault(d, from);
	else
		unmarshal(d, from, type, out);
}

static void
merge(struct ak_decoder *d, const struct yaml_tree *parent, const struct yaml_tree *from,
      const struct ak_type *type, void *out)
{
	struct ak_merged *before = d->merged, fresh = { 0 };

	if (before == NULL) {
		merged_begin(d, &fresh, parent);
		d->merged = &fresh;
	}
	if (from->kind == YAML_TREE_LIST)
		for (size_t i = 0; i < from->count; i++)
			merge_one(d, from->content[i], type, out);
	else
		merge_one(d, from, type, out);
	d->merged = before;
}

/* False: the key is taken already, or is null. */
static bool
key_text(struct ak_decoder *d, struct ak_merged *merged, const struct yaml_tree *n,
	 const char **out)
{
	if (!unmarshal(d, n, &ak_string, out))
		return false;
	if (merged == NULL)
		return true;
	if (merged->count > AK_KEYS_MAX) {
		d->r->stop = true;
		return ak_refuse(d, n, NULL, "more than 4096 keys in one mapping");
	}
	return merged_add(d, merged, *out);
}

static size_t
map_place(const struct akash_list *map, const char *key, bool *there)
{
	const struct ak_entry *entries = map->items;
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t h = low + (high - low) / 2;

		if (strcmp(entries[h].key, key) < 0)
			low = h + 1;
		else
			high = h;
	}
	*there = low < map->count && strcmp(entries[low].key, key) == 0;
	return low;
}

static void
map_set(struct ak_decoder *d, struct akash_list *map, const struct ak_entry *entry)
{
	struct ak_entry *entries;
	bool there;
	size_t at = map_place(map, entry->key, &there);

	if (!there) {
		entries = map->items =
			arena_grow(d->r->arena, map->items, map->count, sizeof(*entries));
		memmove(entries + at + 1, entries + at, (map->count - at) * sizeof(*entries));
		map->count++;
	}
	((struct ak_entry *)map->items)[at] = *entry;
}

void *
ak_get(const struct akash_list *map, const char *key)
{
	bool there;
	size_t at = map_place(map, key, &there);

	return there ? ((struct ak_entry *)map->items)[at].value : NULL;
}

static bool
map_from(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type,
	 struct akash_list *map)
{
	const struct yaml_tree *merged_from = NULL;
	struct ak_merged *merged = d->merged;
	const struct ak_path *path = d->path;
	bool fresh = !map->made;

	d->merged = NULL;
	map->made = true;
	for (size_t i = 0; i + 1 < n->count; i += 2) {
		struct ak_entry entry = { .key_node = n->content[i] };
		struct ak_path here = { path, NULL, 0 };
		bool there;

		if (is_merge(n->content[i])) {
			merged_from = n->content[i + 1];
			continue;
		}
		if (!key_text(d, merged, n->content[i], &entry.key))
			continue;
		here.name = entry.key;
		d->path = &here;
		entry.value = arena_alloc(d->r->arena, type->elem->size);
		map_place(map, entry.key, &there);
		if (unmarshal(d, n->content[i + 1], type->elem, entry.value) ||
		    (ak_is_null(n->content[i + 1]) && (fresh || !there)))
			map_set(d, map, &entry);
		d->path = path;
	}
	d->merged = merged;
	if (merged_from != NULL)
		merge(d, n, merged_from, type, map);
	return true;
}

static const struct ak_field *
field_named(const struct ak_type *type, const char *name)
{
	for (const struct ak_field *f = type->fields; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

#define FIELDS_MAX 16u

static bool
struct_from(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type, void *out)
{
	const struct yaml_tree *merged_from = NULL;
	struct ak_merged *merged = d->merged;
	const struct ak_path *path = d->path;
	bool done[FIELDS_MAX] = { 0 };

	d->merged = NULL;
	for (size_t i = 0; i + 1 < n->count; i += 2) {
		const struct ak_field *f;
		const char *key = "";
		struct ak_path here = { path, NULL, 0 };

		if (is_merge(n->content[i])) {
			merged_from = n->content[i + 1];
			continue;
		}
		if (!key_text(d, merged, n->content[i], &key))
			continue;
		f = field_named(type, key);
		if (f == NULL)
			continue;
		assert(f - type->fields < (ptrdiff_t)FIELDS_MAX);
		if (done[f - type->fields]) {
			ak_refuse(d, n->content[i], "remove one of them",
				  "key \"%.60s\" stands twice", key);
			continue;
		}
		done[f - type->fields] = true;
		here.name = key;
		d->path = &here;
		unmarshal(d, n->content[i + 1], f->type, (char *)out + f->offset);
		d->path = path;
	}
	d->merged = merged;
	if (merged_from != NULL)
		merge(d, n, merged_from, type, out);
	return true;
}

static bool
mapping(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type, void *out)
{
	struct akash_at *at = out;

	if (!keys_unique(d, n))
		return false;
	if (type->kind == AK_MAP)
		return map_from(d, n, type, out);
	if (type->kind != AK_STRUCT)
		return type_fault(d, n, type);
	/* What is merged in does not move the struct. */
	if (at->node == NULL) {
		at->node = n;
		at->path = ak_path_text(d->r->arena, d->path);
	}
	return struct_from(d, n, type, out);
}

/* ------------------------------------------------------------------ */
/* Lists, and everything.                                              */

static bool
sequence(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type,
	 struct akash_list *out)
{
	const struct ak_path *path = d->path;
	size_t size;

	if (type->kind != AK_LIST)
		return type_fault(d, n, type);
	size = type->elem->size;
	out->items = arena_alloc(d->r->arena, n->count * size + 1);
	out->count = 0;
	out->made = true;
	for (size_t i = 0; i < n->count && !d->r->stop; i++) {
		struct ak_path here = { path, NULL, i };
		char *item = (char *)out->items + out->count * size;

		d->path = &here;
		if (unmarshal(d, n->content[i], type->elem, item))
			out->count++;
		else
			memset(item, 0, size);
		d->path = path;
	}
	return true;
}

static bool
alias(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type, void *out)
{
	bool good;

	for (size_t i = 0; i < d->depth; i++)
		if (d->open[i] == n)
			return ak_refuse(d, n, NULL, "the anchor %.60s contains itself", n->value);
	if (d->depth == AK_ALIAS_DEPTH_MAX)
		return ak_refuse(d, n, NULL, "aliases within aliases, deeper than %u",
				 AK_ALIAS_DEPTH_MAX);
	d->open[d->depth++] = n;
	good = unmarshal(d, n->target, type, out);
	d->depth--;
	return good;
}

/* yaml.v3's guard against small texts that stand for large ones. */
static bool
excessive(const struct ak_decoder *d)
{
	const double low = 400000, high = 4000000;
	double n = (double)d->visited, allowed = 0.99;

	if (d->by_alias <= 100 || d->visited <= 1000)
		return false;
	if (n > low)
		allowed = n >= high ? 0.10 : 0.99 - 0.89 * ((n - low) / (high - low));
	return (double)d->by_alias / n > allowed;
}

static bool
unmarshal(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_type *type, void *out)
{
	if (d->r->stop)
		return false;
	d->visited++;
	d->by_alias += d->depth > 0;
	if (excessive(d) || ++d->r->steps > AK_STEPS_MAX) {
		ak_refuse(d, n, NULL, "the aliases stand for too much");
		d->r->stop = true;
		return false;
	}
	if (n->kind == YAML_TREE_ALIAS)
		return alias(d, n, type, out);
	if (type->unmarshal != NULL && !ak_is_null(n))
		return type->unmarshal(d, n, out);
	switch (n->kind) {
	case YAML_TREE_SCALAR: return scalar(d, n, type, out);
	case YAML_TREE_LIST: return sequence(d, n, type, out);
	default: return mapping(d, n, type, out);
	}
}

bool
ak_decode(struct ak_reader *r, const struct ak_path *path, const struct yaml_tree *n,
	  const struct ak_type *type, void *out)
{
	struct ak_decoder d = { .r = r, .path = path };

	return unmarshal(&d, n, type, out);
}

void *
ak_push(struct arena *a, struct akash_list *list, size_t size)
{
	void *item;

	list->items = arena_grow(a, list->items, list->count, size);
	item = (char *)list->items + list->count++ * size;
	list->made = true;
	memset(item, 0, size);
	return item;
}
