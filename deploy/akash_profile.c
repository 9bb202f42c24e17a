/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_profile.c - profiles as types of akash_decode.c, and what Akash
 * decodes by hand: there unknown keys are faults and doubled ones are not;
 * everywhere else it is the other way round.
 *
 * Quantities pass through IEEE doubles and are cut off, as Akash's do.
 */
#include "deploy/akash_read.h"

/* ------------------------------------------------------------------ */
/* Quantities.                                                         */

static const char *
size_cure(struct arena *a, const char *text)
{
	size_t n = strspn(text, "0123456789.");

	if (n == 0 || strchr("kKmMgGtTpPeE", text[n]) == NULL || text[n] == '\0')
		return NULL;
	if (text[n] == 'k' || text[n] == 'K')
		return arena_printf(a, "use %.*sKi or %.*sk", (int)n, text, (int)n, text);
	return arena_printf(a, "use %.*s%ci or %.*s%c", (int)n, text, text[n] & ~0x20, (int)n, text,
			    text[n] & ~0x20);
}

/* Number and suffix, times the suffix, cut off. */
static bool
bytes_from(struct ak_decoder *d, const struct yaml_tree *n, bool decimal, uint64_t *out)
{
	static const char letters[] = "KMGTPE";
	size_t len = strlen(n->value), cut = 0;
	double v, unit = 1;
	const char *at;

	if (len >= 2 && n->value[len - 1] == 'i' &&
	    (at = strchr(letters, n->value[len - 2])) != NULL) {
		unit = (double)(UINT64_C(1) << (10 * (size_t)(at - letters + 1)));
		cut = 2;
	} else if (decimal && len >= 1) {
		char letter = n->value[len - 1];

		at = letter == 'k' ? letters : letter != 'K' ? strchr(letters, letter) : NULL;
		for (const char *p = letters; at != NULL && p <= at; p++)
			unit *= 1000;
		cut = at != NULL;
	}
	if (!go_float(arena_strndup(d->r->arena, n->value, len - cut), &v))
		return ak_refuse(d, n, size_cure(d->r->arena, n->value),
				 "\"%.60s\" is not a size: a number, then %sKi, Mi, Gi, Ti, Pi, Ei",
				 n->value, decimal ? "k, M, G, T, P, E or " : "");
	v *= unit;
	if (v < 0)
		return ak_refuse(d, n, NULL, "a size must not be negative");
	*out = go_u64(v);
	return true;
}

static bool
size_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	return bytes_from(d, n, true, out);
}

static bool
cpu_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	size_t len = strlen(n->value);
	uint64_t milli = 0;
	double v;

	if (len > 0 && n->value[len - 1] == 'm') {
		if (!go_uint(arena_strndup(d->r->arena, n->value, len - 1), UINT32_MAX, &milli))
			return ak_refuse(d, n, "use 500m or 0.5",
					 "\"%.60s\" is not thousandths of a CPU", n->value);
	} else if (!go_float(n->value, &v)) {
		return ak_refuse(d, n, "use 500m or 0.5", "\"%.60s\" is not a number of CPUs",
				 n->value);
	} else if (v * 1000 < 0) {
		return ak_refuse(d, n, NULL, "CPUs must not be negative");
	} else {
		v *= 1000;
		/* Go's conversion keeps the low 32 bits. */
		milli = v < 9223372036854775808.0 ? (uint64_t)v : 0;
	}
	*(uint32_t *)out = (uint32_t)milli;
	return true;
}

static bool
gpus_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	if (go_uint(n->value, UINT64_MAX, out))
		return true;
	return ak_refuse(d, n, NULL, "\"%.60s\" is not a number of GPUs", n->value);
}

static const struct ak_type cpu_units = { .kind = AK_U32,
					  .size = sizeof(uint32_t),
					  .unmarshal = cpu_from };
static const struct ak_type byte_size = { .kind = AK_U32,
					  .size = sizeof(uint64_t),
					  .unmarshal = size_from };
static const struct ak_type gpu_units = { .kind = AK_U32,
					  .size = sizeof(uint64_t),
					  .unmarshal = gpus_from };

/* ------------------------------------------------------------------ */
/* Attributes.                                                         */

static bool
attribute_less(const void *a, const void *b)
{
	const struct akash_attribute *x = a, *y = b;

	return strcmp(x->key, y->key) < 0;
}

static void
attribute_add(struct arena *a, struct akash_list *list, const char *key, const char *value)
{
	struct akash_attribute *t = ak_push(a, list, sizeof(*t));

	t->key = key;
	t->value = value;
}

static const struct ak_type string_map = AK_MAP_OF(&ak_string, "a mapping of texts");

static bool
placement_attributes_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct akash_list map = { 0 }, list = { 0 };
	const struct ak_entry *entries;

	if (!ak_decode(d->r, d->path, n, &string_map, &map))
		return false;
	entries = map.items;
	for (size_t i = 0; i < map.count; i++)
		attribute_add(d->r->arena, &list, entries[i].key,
			      *(const char **)entries[i].value != NULL
				      ? *(const char **)entries[i].value
				      : "");
	*(struct akash_list *)out = list;
	return true;
}

static bool
cpu_attributes_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct akash_list list = { 0 };

	for (size_t i = 0; i + 1 < n->count; i += 2) {
		const char *value = "";
		struct ak_path here = { d->path, "arch", 0 };
		size_t before = d->r->finding_count;

		if (strcmp(n->content[i]->value, "arch") != 0)
			return ak_refuse(d, n->content[i], "write arch",
					 "cpu.attributes takes only arch, not \"%.60s\"",
					 n->content[i]->value);
		if (!ak_decode(d->r, &here, n->content[i + 1], &ak_string, &value) &&
		    d->r->finding_count > before)
			return false;
		attribute_add(d->r->arena, &list, "arch", value);
	}
	*(struct akash_list *)out = list;
	return true;
}

static const struct ak_type cpu_attributes = { .kind = AK_LIST,
					       .size = sizeof(struct akash_list),
					       .unmarshal = cpu_attributes_from };
static const struct ak_type placement_attributes = { .kind = AK_LIST,
						     .size = sizeof(struct akash_list),
						     .unmarshal = placement_attributes_from };

/* ------------------------------------------------------------------ */
/* GPU.                                                                */

struct ram {
	bool given;
	uint64_t bytes;
};

struct model {
	struct akash_at at;
	const char *model, *interface;
	struct ram ram;
};

struct vendor {
	struct akash_at at;
	struct akash_list nvidia; /* of struct model */
};

static bool
ram_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct ram *ram = out;

	ram->given = true;
	return bytes_from(d, n, false, &ram->bytes);
}

static bool
interface_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	if (strcmp(n->value, "pcie") != 0 && strcmp(n->value, "sxm") != 0)
		return ak_refuse(d, n, NULL, "a GPU's interface is pcie or sxm");
	*(const char **)out = n->value;
	return true;
}

static const struct ak_type gpu_ram = { .kind = AK_STRING,
					.size = sizeof(struct ram),
					.unmarshal = ram_from };
static const struct ak_type gpu_interface = { .kind = AK_STRING,
					      .size = sizeof(char *),
					      .unmarshal = interface_from };
static const struct ak_field model_fields[] = {
	AK_FIELD(struct model, "model", model, &ak_string),
	AK_FIELD(struct model, "ram", ram, &gpu_ram),
	AK_FIELD(struct model, "interface", interface, &gpu_interface), AK_FIELD_END
};
static const struct ak_type model_type = AK_STRUCT_OF(struct model, model_fields);
static const struct ak_type models = AK_LIST_OF(&model_type, "a list of models");
static const struct ak_field vendor_fields[] = { AK_FIELD(struct vendor, "nvidia", nvidia, &models),
						 AK_FIELD_END };
static const struct ak_type vendor_type = AK_STRUCT_OF(struct vendor, vendor_fields);

static bool
word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* ^[a-zA-Z][\w/.\-]{1,126}[\w*]?$ */
static bool
attribute_key_good(const char *key)
{
	size_t len = strlen(key);

	if (len < 2 || len > 128 || !word_byte(*key) || *key == '_' || (*key >= '0' && *key <= '9'))
		return false;
	for (size_t i = 1; i < len; i++) {
		bool last = i == len - 1 && i >= 2;

		if (word_byte(key[i]) || (last && key[i] == '*'))
			continue;
		if (i > 126 || (key[i] != '/' && key[i] != '.' && key[i] != '-'))
			return false;
	}
	return true;
}

static const char *
model_key(struct arena *a, const struct model *m)
{
	const char *key =
		arena_printf(a, "vendor/nvidia/model/%s", m->model != NULL ? m->model : "");

	if (m->ram.given)
		key = arena_printf(a, "%s/ram/%lluGi", key,
				   (unsigned long long)(m->ram.bytes >> 30));
	if (m->interface != NULL)
		key = arena_printf(a, "%s/interface/%s", key, m->interface);
	return key;
}

/* The attributes by key, and their keys as written. */
struct gpu_lists {
	struct akash_list attributes, keys;
};

static bool
gpu_keys(struct ak_decoder *d, const struct yaml_tree *n, const struct vendor *v,
	 struct gpu_lists *out)
{
	const struct model *m = v->nvidia.items;
	struct akash_list list = { 0 }, written = { 0 };
	const struct akash_attribute *t;

	for (size_t i = 0; i < v->nvidia.count; i++)
		attribute_add(d->r->arena, &list, model_key(d->r->arena, &m[i]), "true");
	if (list.count == 0)
		attribute_add(d->r->arena, &list, "vendor/nvidia/model/*", "true");
	t = list.items;
	for (size_t i = 0; i < list.count; i++)
		*(const char **)ak_push(d->r->arena, &written, sizeof(char *)) = t[i].key;
	go_sort(list.items, list.count, sizeof(*t), attribute_less);
	for (size_t i = 0; i < list.count; i++) {
		if (!attribute_key_good(t[i].key))
			return ak_refuse(d, n, NULL, "\"%.130s\" is not an attribute's key",
					 t[i].key);
		if (i > 0 && strcmp(t[i].key, t[i - 1].key) == 0)
			return ak_refuse(d, n, "remove one of them", "%.130s stands twice",
					 t[i].key);
	}
	*out = (struct gpu_lists){ list, written };
	return true;
}

/* A mapping by hand, one key of which is known. NULL value: the pair is cut. */
static bool
pair_whole(struct ak_decoder *d, const struct yaml_tree *n, size_t i)
{
	if (i + 1 < n->count)
		return true;
	return ak_refuse(d, n, NULL, "a key without its value");
}

static bool
gpu_attributes_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct vendor v = { 0 };
	bool given = false;

	for (size_t i = 0; i < n->count; i += 2) {
		struct ak_path here = { d->path, "vendor", 0 };
		size_t before = d->r->finding_count;

		if (strcmp(n->content[i]->value, "vendor") != 0)
			return ak_refuse(d, n->content[i], "write vendor",
					 "gpu.attributes takes only vendor, not \"%.60s\"",
					 n->content[i]->value);
		if (!pair_whole(d, n, i))
			return false;
		given = !ak_is_null(n->content[i + 1]);
		if (!given)
			v = (struct vendor){ 0 };
		else if (!ak_decode(d->r, &here, n->content[i + 1], &vendor_type, &v) ||
			 d->r->finding_count > before)
			return false;
	}
	if (!given)
		return ak_refuse(d, n, "write vendor: {nvidia: }", "gpu.attributes needs a vendor");
	return gpu_keys(d, n, &v, out);
}

static const struct ak_type gpu_attributes = { .kind = AK_STRUCT,
					       .noun = "a mapping",
					       .size = sizeof(struct gpu_lists),
					       .unmarshal = gpu_attributes_from };

static bool
gpu_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct ak_gpu gpu = { .at = { n, ak_path_text(d->r->arena, d->path) } };
	struct gpu_lists lists = { 0 };
	size_t before = d->r->finding_count;

	for (size_t i = 0; i < n->count; i += 2) {
		const char *key = n->content[i]->value;
		struct ak_path here = { d->path, key, 0 };
		bool units = strcmp(key, "units") == 0;

		if (!units && strcmp(key, "attributes") != 0)
			return ak_refuse(d, n->content[i], NULL,
					 "gpu takes units and attributes, not \"%.60s\"", key);
		if (!pair_whole(d, n, i))
			return false;
		if (units)
			(void)ak_decode(d->r, &here, n->content[i + 1], &gpu_units, &gpu.units);
		else if (ak_is_null(n->content[i + 1]))
			lists = (struct gpu_lists){ 0 };
		else
			(void)ak_decode(d->r, &here, n->content[i + 1], &gpu_attributes, &lists);
	}
	if (d->r->finding_count > before)
		return false;
	gpu.attributes = lists.attributes;
	gpu.keys = lists.keys;
	if (gpu.units > 0 && gpu.attributes.count == 0)
		return ak_refuse(d, n, "write attributes: {vendor: {nvidia: }}",
				 "GPUs need attributes");
	*(struct ak_gpu *)out = gpu;
	return true;
}

static const struct ak_type gpu_type = {
	.kind = AK_STRUCT, .noun = "a mapping", .size = sizeof(struct ak_gpu), .unmarshal = gpu_from
};

/* ------------------------------------------------------------------ */
/* Storage.                                                            */

static bool
volume_class_good(const char *class)
{
	static const char *const classes[] = { "default", "beta1", "beta2", "beta3", "ram" };

	for (size_t i = 0; i < NELEMS(classes); i++)
		if (strcmp(class, classes[i]) == 0)
			return true;
	return false;
}

/* NULL: neither. */
static const char *
truth_word(const char *text)
{
	static const char *const words[] = { "true", "on", "yes", "false", "off", "no" };

	for (size_t i = 0; i < NELEMS(words); i++)
		if (strcmp(text, words[i]) == 0)
			return i < NELEMS(words) / 2 ? "true" : "false";
	return NULL;
}

static const char *
text_of(const struct akash_list *map, const char *key)
{
	const char **value = ak_get(map, key);

	return value == NULL ? NULL : *value != NULL ? *value : "";
}

/* Which class goes with which persistence: the words as they are written, so
 * "no" is not "false" here. */
static bool
class_fits(struct ak_decoder *d, const struct yaml_tree *n, const char **class,
	   const char *persistent)
{
	if (*class == NULL || **class == '\0') {
		if (strcmp(persistent, "true") == 0)
			*class = "default";
		return true;
	}
	if (strcmp(*class, "ram") == 0)
		return strcmp(persistent, "false") == 0 ||
		       ak_refuse(d, n, "write persistent: false", "class ram is never persistent");
	return strcmp(persistent, "false") != 0 ||
	       ak_refuse(d, n, "write persistent: true, or leave the class out",
			 "a volume that is not persistent has no class");
}

static bool
storage_attributes_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct akash_list map = { 0 }, list = { 0 };
	const struct ak_entry *entries;
	const char *persistent, *class;

	if (!ak_decode(d->r, d->path, n, &string_map, &map))
		return false;
	persistent = text_of(&map, "persistent");
	class = text_of(&map, "class");
	persistent = persistent != NULL ? persistent : "false";
	if (!class_fits(d, n, &class, persistent))
		return false;
	entries = map.items;
	for (size_t i = 0; i < map.count; i++)
		if (strcmp(entries[i].key, "class") != 0 &&
		    strcmp(entries[i].key, "persistent") != 0)
			return ak_refuse(d, entries[i].key_node, NULL,
					 "storage has class and persistent, not \"%.60s\"",
					 entries[i].key);
	if (truth_word(persistent) == NULL)
		return ak_refuse(d, n, NULL, "persistent is true or false, not \"%.60s\"",
				 persistent);
	if (class != NULL && !volume_class_good(class))
		return ak_refuse(d, n, "use default, beta1, beta2, beta3 or ram",
				 "there is no class \"%.60s\"", class);
	if (class != NULL)
		attribute_add(d->r->arena, &list, "class", class);
	attribute_add(d->r->arena, &list, "persistent", truth_word(persistent));
	*(struct akash_list *)out = list;
	return true;
}

static const struct ak_type storage_attributes = { .kind = AK_LIST,
						   .size = sizeof(struct akash_list),
						   .unmarshal = storage_attributes_from };
static const struct ak_field volume_fields_[] = {
	AK_FIELD(struct ak_volume, "name", name, &ak_string),
	AK_FIELD(struct ak_volume, "size", size, &byte_size),
	AK_FIELD(struct ak_volume, "attributes", attributes, &storage_attributes), AK_FIELD_END
};
static const struct ak_type volume_type = AK_STRUCT_OF(struct ak_volume, volume_fields_);

/* The attribute persistent, or NULL. */
static const char *
persistence(const struct ak_volume *v)
{
	const struct akash_attribute *t = v->attributes.items;

	for (size_t i = 0; i < v->attributes.count; i++)
		if (strcmp(t[i].key, "persistent") == 0)
			return t[i].value;
	return NULL;
}

/* Akash's comparator: of two that are not persistent and of equal size each is
 * less than the other, so they end in reverse. */
static bool
volume_less(const void *a, const void *b)
{
	const struct ak_volume *x = a, *y = b;
	const char *p = persistence(x), *q = persistence(y);

	if (x->size != y->size)
		return x->size < y->size;
	if (q != NULL && (p == NULL || strcmp(p, q) < 0))
		return true;
	if (p != NULL && q == NULL)
		return false;
	if (p == NULL || strcmp(p, "true") != 0)
		return true;
	if (q == NULL || strcmp(q, "true") != 0)
		return false;
	return strcmp(x->name, y->name) < 0;
}

static bool
volume_add(struct ak_decoder *d, const struct yaml_tree *n, const struct ak_path *path, bool only,
	   struct akash_list *list)
{
	struct ak_volume v = { 0 }, *others;
	size_t before = d->r->finding_count;

	(void)ak_decode(d->r, path, n, &volume_type, &v);
	if (d->r->finding_count > before)
		return false;
	if (v.at.node == NULL)
		v.at = (struct akash_at){ n, ak_path_text(d->r->arena, path) };
	if (only || v.name == NULL || *v.name == '\0')
		v.name = "default";
	others = list->items;
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(others[i].name, v.name) == 0)
			return ak_refuse(d, n, "give each volume its name",
					 "two volumes are named %.60s", v.name);
	*(struct ak_volume *)ak_push(d->r->arena, list, sizeof(v)) = v;
	return true;
}

#define VOLUMES_MAX 1024u /* Go has no bound here; docs/sdl-deviations.md */

static bool
storage_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct akash_list list = { 0 };
	bool good = true;

	if (n->kind == YAML_TREE_MAP)
		good = volume_add(d, n, d->path, true, &list);
	else if (n->count > VOLUMES_MAX)
		return ak_refuse(d, n, NULL, "more than 1024 volumes");
	for (size_t i = 0; n->kind == YAML_TREE_LIST && i < n->count; i++) {
		struct ak_path here = { d->path, NULL, i };

		good &= volume_add(d, n->content[i], &here, false, &list);
	}
	if (!good)
		return false;
	go_sort_stable(list.items, list.count, sizeof(struct ak_volume), volume_less);
	*(struct akash_list *)out = list;
	return true;
}

static const struct ak_type storage_type = { .kind = AK_LIST,
					     .noun = "a list of volumes",
					     .size = sizeof(struct akash_list),
					     .unmarshal = storage_from };

/* ------------------------------------------------------------------ */
/* profiles.                                                           */

static const struct ak_field cpu_fields[] = {
	AK_FIELD(struct ak_cpu, "units", units, &cpu_units),
	AK_FIELD(struct ak_cpu, "attributes", attributes, &cpu_attributes), AK_FIELD_END
};
static const struct ak_type cpu_type = AK_STRUCT_OF(struct ak_cpu, cpu_fields);
static const struct ak_field memory_fields[] = {
	AK_FIELD(struct ak_memory, "size", size, &byte_size), AK_FIELD_END
};
static const struct ak_type memory_type = AK_STRUCT_OF(struct ak_memory, memory_fields);
static const struct ak_field resources_fields_[] = {
	AK_FIELD(struct ak_resources, "cpu", cpu, &cpu_type),
	AK_FIELD(struct ak_resources, "gpu", gpu, &gpu_type),
	AK_FIELD(struct ak_resources, "memory", memory, &memory_type),
	AK_FIELD(struct ak_resources, "storage", storage, &storage_type), AK_FIELD_END
};
static const struct ak_type resources_type = AK_STRUCT_OF(struct ak_resources, resources_fields_);
static const struct ak_field compute_fields[] = {
	AK_FIELD(struct ak_compute, "resources", resources, &resources_type), AK_FIELD_END
};
static const struct ak_type compute_type = AK_STRUCT_OF(struct ak_compute, compute_fields);
static const struct ak_type computes = AK_MAP_OF(&compute_type, "a mapping of profiles");

static const struct ak_field coin_fields[] = {
	AK_FIELD(struct ak_price, "amount", amount, &ak_string),
	AK_FIELD(struct ak_price, "denom", denom, &ak_string), AK_FIELD_END
};
static const struct ak_type coin_type = AK_STRUCT_OF(struct ak_price, coin_fields);

/* [a-zA-Z][a-zA-Z0-9/:._-]{2,127} */
static bool
denom_good(const char *text)
{
	size_t len = strlen(text);

	if (len < 3 || len > 128 || !word_byte(*text) || *text == '_' ||
	    (*text >= '0' && *text <= '9'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!word_byte(text[i]) && strchr("/:.-", text[i]) == NULL)
			return false;
	return true;
}

static bool
price_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct ak_price p = { 0 };
	size_t before = d->r->finding_count;
	const char *amount;

	if (!ak_decode(d->r, d->path, n, &coin_type, &p) || d->r->finding_count > before)
		return false;
	amount = go_decimal(d->r->arena, p.amount != NULL ? p.amount : "");
	if (amount == NULL)
		return ak_refuse(d, n, "write amount: 1000",
				 "amount must be a decimal number of at most 18 places");
	if (*amount == '-')
		return ak_refuse(d, n, NULL, "amount must not be negative");
	if (strspn(amount, "0.") == strlen(amount))
		return ak_refuse(d, n, NULL, "amount must be above zero");
	/* Akash panics here. */
	if (p.denom == NULL || !denom_good(p.denom))
		return ak_refuse(d, n, "write denom: uact", "denom must name a coin");
	p.amount = amount;
	*(struct ak_price *)out = p;
	return true;
}

static const struct ak_type price_type = { .kind = AK_STRUCT,
					   .noun = "a mapping",
					   .size = sizeof(struct ak_price),
					   .unmarshal = price_from };
static const struct ak_type prices = AK_MAP_OF(&price_type, "a mapping of prices");
static const struct ak_field signed_fields[] = {
	AK_FIELD(struct ak_signed, "allOf", all_of, &ak_strings),
	AK_FIELD(struct ak_signed, "anyOf", any_of, &ak_strings), AK_FIELD_END
};
static const struct ak_type signed_type = AK_STRUCT_OF(struct ak_signed, signed_fields);
static const struct ak_field placement_fields[] = {
	AK_FIELD(struct ak_placement, "attributes", attributes, &placement_attributes),
	AK_FIELD(struct ak_placement, "signedBy", signed_by, &signed_type),
	AK_FIELD(struct ak_placement, "pricing", pricing, &prices), AK_FIELD_END
};
static const struct ak_type placement_type = AK_STRUCT_OF(struct ak_placement, placement_fields);
static const struct ak_type placements = AK_MAP_OF(&placement_type, "a mapping of placements");
static const struct ak_field profiles_fields[] = {
	AK_FIELD(struct ak_profiles, "compute", compute, &computes),
	AK_FIELD(struct ak_profiles, "placement", placement, &placements), AK_FIELD_END
};
const struct ak_type ak_profiles_type = AK_STRUCT_OF(struct ak_profiles, profiles_fields);
