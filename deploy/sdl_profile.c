/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_profile.c - the section profiles: compute (how much) and placement
 * (where, vouched for by whom, at most at what price).
 */
#include "sdl_read.h"

#include "deploy/sdl_units.h"

/* ------------------------------------------------------------------ */
/* cpu, memory                                                         */

static void
cpu_units_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_compute *c = out;
	const char *text = sdl_text(r, at);
	struct sdl_hint hint;
	const char *fault;

	if (text == NULL)
		return;
	fault = sdl_cpu_read(text, &c->resources.cpu_milli, &hint);
	if (fault != NULL)
		sdl_find(r, at, *hint.text != '\0' ? arena_strdup(r->arena, hint.text) : NULL,
			 "%s, got %.20s", fault, text);
	else if (c->resources.cpu_milli < CPU_MILLI_MIN || c->resources.cpu_milli > CPU_MILLI_MAX)
		sdl_find(r, at, c->resources.cpu_milli < CPU_MILLI_MIN ? "write 10m" : "write 384",
			 "cpu units must be 10m to 384, got %.20s", text);
}

static void
arch_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	if (text != NULL && strcmp(text, "amd64") != 0 && strcmp(text, "arm64") != 0)
		sdl_find(r, at, NULL, "arch must be amd64 or arm64, got %.20s", text);
	((struct sdl_compute *)out)->arch = text;
}

static const struct sdl_key cpu_attribute_keys[] = {
	{ "arch", 0, arch_read, NULL, .kind = SDL_TEXT, .words = "amd64 arm64",
	  .help = "of the processor", .fallback = "amd64", .akash = "any text",
	  .example = "arch: arm64" },
	SDL_KEY_END
};

static const struct sdl_key cpu_keys[] = {
	{ "units", SDL_REQUIRED, cpu_units_read, "write units: 0.5", .kind = SDL_CPU,
	  .bounds = "10m to 384, not finer than a thousandth", .help = "processors: 0.25, or 250m",
	  .akash = "finer fractions are cut off", .example = "units: 0.5" },
	{ "attributes", 0, NULL, NULL, .kind = SDL_MAP, .keys = cpu_attribute_keys,
	  .help = "of what kind", .example = "attributes: {arch: arm64}" },
	SDL_KEY_END
};

/* 0 with a finding. */
static uint64_t
size_read(struct sdl_reader *r, const struct sdl_at *at, uint64_t min, uint64_t max,
	  const char *range)
{
	const char *text = sdl_text(r, at);
	struct sdl_hint hint;
	const char *fault;
	uint64_t bytes = 0;

	if (text == NULL)
		return 0;
	fault = sdl_size_read(text, &bytes, &hint);
	if (fault != NULL)
		sdl_find(r, at, *hint.text != '\0' ? arena_strdup(r->arena, hint.text) : NULL,
			 "%s, got %.20s", fault, text);
	else if (bytes < min || bytes > max)
		sdl_find(r, at, NULL, "the size must be %s, got %.20s", range, text);
	else
		return bytes;
	return 0;
}

static void
memory_size_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	((struct sdl_compute *)out)->resources.memory_bytes =
		size_read(r, at, MEMORY_BYTES_MIN, MEMORY_BYTES_MAX, "8Mi to 2Ti");
}

static const struct sdl_key memory_keys[] = { { "size", SDL_REQUIRED, memory_size_read,
						"write size: 256Mi", .kind = SDL_SIZE,
						.bounds = "8Mi to 2Ti", .help = "of each copy",
						.akash = "1Mi to 2Ti", .example = "size: 256Mi" },
					      SDL_KEY_END };

/* ------------------------------------------------------------------ */
/* storage                                                             */

struct volume_text {
	const char *name;
	uint64_t bytes;
	bool persistent;
	const char *class;
	struct sdl_at class_at;
};

static void
volume_name_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);
	const char *fault = text != NULL ? rule_name(text) : NULL;

	if (fault != NULL)
		sdl_find(r, at, NULL, "%s", fault);
	else if (text != NULL)
		((struct volume_text *)out)->name = text;
}

static void
volume_size_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	((struct volume_text *)out)->bytes =
		size_read(r, at, STORAGE_BYTES_MIN, STORAGE_BYTES_MAX, "5Mi to 32Ti");
}

/* A text here, unlike elsewhere: "true" in quotes is what many files have. */
static void
persistent_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	static const char *const no[] = { "false", "off", "no" };
	static const char *const yes[] = { "true", "on", "yes" };
	const char *text = sdl_text(r, at);

	if (text == NULL)
		return;
	for (size_t i = 0; i < NELEMS(yes); i++) {
		if (strcmp(text, no[i]) == 0)
			return;
		if (strcmp(text, yes[i]) == 0) {
			((struct volume_text *)out)->persistent = true;
			return;
		}
	}
	sdl_find(r, at, NULL, "persistent must be true or false");
}

static void
class_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct volume_text *v = out;

	v->class = sdl_text(r, at);
	v->class_at = *at;
}

static const struct sdl_key volume_attribute_keys[] = {
	{ "persistent", SDL_QUOTED, persistent_read, NULL, .kind = SDL_TRUTH,
	  .help = "it outlives the container and, for a grace time, the lease", .fallback = "false",
	  .example = "persistent: true" },
	{ "class", 0, class_read, NULL, .kind = SDL_TEXT, .words = "default beta1 beta2 beta3 ram",
	  .help = "beta1 disk, beta2 SSD, beta3 NVMe; ram is memory and counts as memory",
	  .fallback = "default, when it is persistent", .example = "class: beta2" },
	SDL_KEY_END
};

static void
class_check(struct sdl_reader *r, const struct volume_text *v)
{
	static const char *const classes[] = { "default", "beta1", "beta2", "beta3", "ram" };

	if (v->class == NULL || *v->class == '\0')
		return;
	for (size_t i = 0; i < NELEMS(classes); i++) {
		if (strcmp(v->class, classes[i]) != 0)
			continue;
		if (strcmp(v->class, "ram") == 0 && v->persistent)
			sdl_find(r, &v->class_at, "write persistent: false",
				 "storage of class ram is memory and cannot be persistent");
		else if (strcmp(v->class, "ram") != 0 && !v->persistent)
			sdl_find(r, &v->class_at, "leave class out, or write persistent: true",
				 "storage that is not persistent has no class");
		return;
	}
	sdl_find(r, &v->class_at,
		 sdl_nearest(r, v->class, classes, NELEMS(classes), sizeof(classes[0])),
		 "a storage class is default, beta1, beta2, beta3 or ram");
}

static void
volume_attributes_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_object(r, at, volume_attribute_keys, out);
	class_check(r, out);
}

static const struct sdl_key volume_keys[] = {
	{ "name", 0, volume_name_read, NULL, .kind = SDL_TEXT,
	  .help = "by which params.storage mounts it", .fallback = "default",
	  .example = "name: data" },
	{ "size", SDL_REQUIRED, volume_size_read, "write size: 1Gi", .kind = SDL_SIZE,
	  .bounds = "5Mi to 32Ti", .help = "of each copy", .example = "size: 1Gi" },
	{ "attributes", 0, volume_attributes_read, NULL, .kind = SDL_MAP,
	  .keys = volume_attribute_keys,
	  .help = "without them it is a part of the container's own disk",
	  .example = "attributes: {persistent: true, class: beta2}" },
	SDL_KEY_END
};

static void
volume_read(struct sdl_reader *r, const struct sdl_at *at, struct sdl_compute *c)
{
	struct volume_text v = { .name = "default" };
	const struct sdl_volume *have = c->volumes.items;
	struct sdl_volume *added;

	sdl_object(r, at, volume_keys, &v);
	for (size_t i = 0; i < c->volumes.count; i++)
		if (strcmp(have[i].name, v.name) == 0)
			sdl_find(r, at, "give each volume a name", "the volume %s stands twice",
				 v.name);
	if (v.class != NULL && *v.class == '\0')
		v.class = NULL;
	if (v.persistent && v.class == NULL)
		v.class = "default";
	added = sdl_push(r, &c->volumes, sizeof(*added));
	*added = (struct sdl_volume){ v.name, v.bytes, v.class };
	if (v.persistent)
		c->resources.persistent_bytes += v.bytes;
	else if (v.class != NULL) /* a file system in memory counts as memory */
		c->resources.memory_bytes += v.bytes;
	else
		c->resources.storage_bytes += v.bytes;
}

static int
volume_order(const void *a, const void *b)
{
	return strcmp(((const struct sdl_volume *)a)->name, ((const struct sdl_volume *)b)->name);
}

/* One mapping, or a list of them. */
static void
storage_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_compute *c = out;
	size_t index = 0;

	if (at->node->type == JSON_OBJECT) {
		volume_read(r, at, c);
	} else if (sdl_is_list(r, at, SERVICE_MOUNTS_MAX)) {
		for (const struct json *v = at->node->first; v != NULL; v = v->next) {
			struct sdl_at item = sdl_item(r, at, v, index++);

			volume_read(r, &item, c);
		}
		if (index == 0)
			sdl_find(r, at, NULL, "at least one volume is needed");
	}
	if (c->resources.storage_bytes > STORAGE_BYTES_MAX)
		sdl_find(r, at, NULL, "the volumes have more than 32Ti together");
	/* A container has a disk of its own even where every volume is elsewhere. */
	if (c->resources.storage_bytes == 0)
		c->resources.storage_bytes = DISK_BYTES_DEFAULT;
	if (c->volumes.count > 1)
		qsort(c->volumes.items, c->volumes.count, sizeof(struct sdl_volume), volume_order);
}

/* ------------------------------------------------------------------ */
/* gpu                                                                 */

struct gpu {
	uint32_t units;
	bool vendor;			     /* there is one */
	const char *model, *ram, *interface; /* of the one being read */
	struct json_strs models;
};

static void
gpu_units_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct json plain = *at->node;
	struct sdl_at unquoted = { &plain, at->path };

	/* The one number that files write in quotes as often as without. */
	plain.quoted = false;
	sdl_u32(r, &unquoted, 0, GPUS_MAX, &((struct gpu *)out)->units);
}

static const char *
gpu_word(struct sdl_reader *r, const struct sdl_at *at)
{
	const char *text = sdl_text(r, at);

	if (text == NULL)
		return NULL;
	if (*text != '\0' && strlen(text) <= 40 &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
		    strlen(text))
		return text;
	sdl_find(r, at, NULL, "%s is letters, digits, - . and _", at->node->name);
	return NULL;
}

static void
gpu_model_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	((struct gpu *)out)->model = gpu_word(r, at);
}

static void
gpu_ram_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = gpu_word(r, at);
	struct sdl_hint hint;
	uint64_t bytes;

	if (text == NULL)
		return;
	if (sdl_size_read(text, &bytes, &hint) != NULL || (bytes >> 30) == 0)
		sdl_find(r, at, NULL, "ram must be at least 1Gi, like 80Gi, got %.20s", text);
	else
		((struct gpu *)out)->ram =
			arena_printf(r->arena, "%lluGi", (unsigned long long)(bytes >> 30));
}

static void
gpu_interface_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = gpu_word(r, at);

	if (text != NULL && strcmp(text, "pcie") != 0 && strcmp(text, "sxm") != 0)
		sdl_find(r, at, NULL, "interface must be pcie or sxm");
	((struct gpu *)out)->interface = text;
}

static const struct sdl_key gpu_model_keys[] = {
	{ "model", 0, gpu_model_read, NULL, .kind = SDL_TEXT, .help = "as providers write it",
	  .fallback = "any", .example = "model: a100" },
	{ "ram", 0, gpu_ram_read, NULL, .kind = SDL_SIZE, .bounds = "at least 1Gi",
	  .help = "of the gpu", .fallback = "any", .example = "ram: 80Gi" },
	{ "interface", 0, gpu_interface_read, NULL, .kind = SDL_TEXT, .words = "pcie sxm",
	  .help = "of the gpu", .fallback = "any", .example = "interface: sxm" },
	SDL_KEY_END
};

static void
gpu_add(struct sdl_reader *r, struct gpu *g, const char *vendor)
{
	struct json_strs *m = &g->models;

	m->items = arena_grow(r->arena, m->items, m->count, sizeof(*m->items));
	m->items[m->count++] =
		arena_printf(r->arena, "%s%s%s%s%s%s%s", vendor, g->model != NULL ? "/" : "",
			     g->model != NULL ? g->model : "", g->ram != NULL ? "/" : "",
			     g->ram != NULL ? g->ram : "", g->interface != NULL ? "/" : "",
			     g->interface != NULL ? g->interface : "");
}

/* Nothing (any model), or a list that means "any of these". */
static void
gpu_models_read(struct sdl_reader *r, const struct sdl_at *at, struct gpu *g)
{
	size_t index = 0;

	g->vendor = true;
	if (at->node->type == JSON_NULL || (at->node->type == JSON_ARRAY && at->node->count == 0)) {
		gpu_add(r, g, at->node->name);
		return;
	}
	if (!sdl_is_list(r, at, SERVICE_GPU_MODELS_MAX))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at item = sdl_item(r, at, v, index++);

		g->model = g->ram = g->interface = NULL;
		sdl_object(r, &item, gpu_model_keys, g);
		gpu_add(r, g, at->node->name);
	}
}

#define VENDOR(name_)                                                                              \
	{                                                                                          \
		name_, SDL_EMPTY, NULL, NULL, .kind = SDL_LIST, .keys = gpu_model_keys,            \
					      .max = SERVICE_GPU_MODELS_MAX,                       \
					      .help = "any of these models; without a value, all", \
					      .example = name_ ": [{model: a100}]"                 \
	}
static const struct sdl_key vendor_keys[] = { VENDOR("nvidia"), VENDOR("amd"), SDL_KEY_END };

/* A vendor without a value is any of its models, so null counts here. */
static void
gpu_vendor_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	if (!sdl_is_map(r, at))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at member = sdl_member(r, at, v);

		if (sdl_key_named(vendor_keys, v->name) != NULL)
			gpu_models_read(r, &member, out);
		else
			sdl_find_name(r, &member,
				      sdl_nearest(r, v->name, &vendor_keys[0].name,
						  sdl_key_count(vendor_keys),
						  sizeof(vendor_keys[0])),
				      "a gpu's vendor is nvidia or amd");
	}
}

static const struct sdl_key gpu_attribute_keys[] = {
	{ "vendor", SDL_REQUIRED, gpu_vendor_read, "write vendor: {nvidia: }", .kind = SDL_MAP,
	  .keys = vendor_keys, .help = "whose gpus will do",
	  .akash = "nvidia only; another vendor is read as any nvidia gpu",
	  .example = "vendor: {nvidia: [{model: a100}]}" },
	SDL_KEY_END
};

static const struct sdl_key gpu_keys[] = {
	{ "units", SDL_QUOTED, gpu_units_read, NULL, .kind = SDL_NUMBER, .min = 0, .max = GPUS_MAX,
	  .help = "how many each copy gets", .fallback = "0", .example = "units: 1" },
	{ "attributes", 0, NULL, NULL, .kind = SDL_MAP, .keys = gpu_attribute_keys,
	  .help = "of what kind; needed with units",
	  .example = "attributes: {vendor: {nvidia: }}" },
	SDL_KEY_END
};

static void
gpu_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_compute *c = out;
	struct gpu gpu = { 0 };

	sdl_object(r, at, gpu_keys, &gpu);
	c->resources.gpus = gpu.units;
	if (gpu.units > 0 && !gpu.vendor)
		sdl_find(r, at, "add attributes: {vendor: {nvidia: }}", "a gpu needs its vendor");
	if (gpu.units == 0 && gpu.vendor)
		sdl_find(r, at, "write units: 1", "there are gpu attributes but no gpu units");
	if (gpu.units == 0)
		return;
	c->gpus = gpu.models;
}

/* ------------------------------------------------------------------ */
/* compute                                                             */

static const struct sdl_key resources_keys[] = {
	{ "cpu", SDL_REQUIRED, NULL, "write cpu: {units: 0.5}", .kind = SDL_MAP, .keys = cpu_keys,
	  .help = "processors of each copy", .example = "cpu: {units: 0.5}" },
	{ "memory", SDL_REQUIRED, NULL, "write memory: {size: 256Mi}", .kind = SDL_MAP,
	  .keys = memory_keys, .help = "memory of each copy", .example = "memory: {size: 256Mi}" },
	{ "storage", SDL_REQUIRED, storage_read, "write storage: {size: 1Gi}",
	  .kind = SDL_MAP_OR_LIST, .keys = volume_keys, .max = SERVICE_MOUNTS_MAX,
	  .help = "volumes of each copy, together at most 32Ti",
	  .example = "storage: [{size: 1Gi}, {name: data, size: 10Gi, attributes: {persistent: "
		     "true}}]" },
	{ "gpu", 0, gpu_read, NULL, .kind = SDL_MAP, .keys = gpu_keys, .help = "gpus of each copy",
	  .example = "gpu: {units: 1, attributes: {vendor: {nvidia: [{model: a100}]}}}" },
	SDL_KEY_END
};

static const struct sdl_key compute_keys[] = {
	{ "resources", SDL_REQUIRED, NULL, "write resources: with cpu, memory, storage",
	  .kind = SDL_MAP, .keys = resources_keys, .help = "of each copy",
	  .example =
		  "resources: {cpu: {units: 0.5}, memory: {size: 256Mi}, storage: {size: 1Gi}}" },
	SDL_KEY_END
};

static void
computes_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	if (!sdl_is_map(r, at))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_compute *c = sdl_push(r, &r->computes, sizeof(*c));

		c->name = v->name;
		c->at = sdl_member(r, at, v);
		sdl_object(r, &c->at, compute_keys, c);
	}
}

/* ------------------------------------------------------------------ */
/* placement                                                           */

static int
attribute_order(const void *a, const void *b)
{
	return strcmp(((const struct attribute *)a)->key, ((const struct attribute *)b)->key);
}

static void
attributes_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct json_list *list = &((struct sdl_place *)out)->attributes;

	if (!sdl_is_map(r, at))
		return;
	if (at->node->count > GROUP_ATTRIBUTES_MAX / 2)
		sdl_find(r, at, NULL, "more than %u attributes", GROUP_ATTRIBUTES_MAX / 2);
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at member = sdl_member(r, at, v);
		struct attribute *a = sdl_push(r, list, sizeof(*a));
		const char *key_fault = rule_attribute_key(v->name);
		const char *value_fault;

		a->key = v->name;
		if (key_fault != NULL)
			sdl_find_name(r, &member, NULL, "%s", key_fault);
		a->value = v->type == JSON_NULL ? "" : sdl_text(r, &member);
		value_fault = a->value != NULL ? rule_attribute_value(a->value) : NULL;
		if (value_fault != NULL)
			sdl_find(r, &member, "write \"*\" for any value", "%s", value_fault);
	}
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(struct attribute), attribute_order);
}

void
sdl_addresses(struct sdl_reader *r, const struct sdl_at *at, const char *what, const char *cure,
	      struct json_strs *out)
{
	size_t index = 0;

	if (!sdl_is_list(r, at, GROUP_AUDITORS_MAX))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at item = sdl_item(r, at, v, index++);
		const char *text = sdl_text(r, &item);
		struct address address;
		struct err why = ERR_NONE;

		if (text == NULL)
			continue;
		if (address_read(text, &address, &why) < 0)
			sdl_find(r, &item, cure, "%s is an address, 0x and 40 digits", what);
		out->items = arena_grow(r->arena, out->items, out->count, sizeof(*out->items));
		out->items[out->count++] = text;
	}
}

static void
all_of_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_addresses(r, at, "an auditor", "name an auditor of this market, or leave signedBy out",
		      &((struct sdl_place *)out)->signed_by);
}

static void
any_of_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_addresses(r, at, "an auditor", "name an auditor of this market, or leave signedBy out",
		      &((struct sdl_place *)out)->signed_any);
}

static const struct sdl_key signed_by_keys[] = {
	{ "allOf", 0, all_of_read, NULL, .kind = SDL_TEXTS, .max = GROUP_AUDITORS_MAX,
	  .help = "all of these have signed, by address", .akash = "addresses akash1...",
	  .example = "allOf: [\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]" },
	{ "anyOf", 0, any_of_read, NULL, .kind = SDL_TEXTS, .max = GROUP_AUDITORS_MAX,
	  .help = "at least one of these has signed, by address", .akash = "addresses akash1...",
	  .example = "anyOf: [\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]" },
	SDL_KEY_END
};

/* ------------------------------------------------------------------ */
/* pricing                                                             */

static bool
denom_is_good(const char *text)
{
	size_t len = strlen(text);

	if (strncmp(text, "ibc/", 4) == 0)
		return len == 4 + 64 && strspn(text + 4, "0123456789ABCDEF") == 64;
	return len >= 3 && len <= 16 && text[0] == 'u' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz") == len;
}

static void
denom_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	if (text != NULL && !denom_is_good(text))
		sdl_find(r, at, "write denom: uakt", "denom is a micro denomination such as uakt");
	((struct sdl_price *)out)->denom = text;
}

static void
rate_found(struct sdl_reader *r, const struct sdl_at *at, struct sdl_price *p, const char *fault,
	   struct rate rate)
{
	if (fault != NULL)
		sdl_find(r, at, NULL, "%s, got %.40s", fault, at->node->text);
	else if (p->rate.nano != 0)
		sdl_find_name(r, at, "keep one of amount, per_hour, per_month",
			      "there is a second price");
	else
		p->rate = rate;
}

static void
amount_price_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);
	struct rate rate = { 0 };

	if (text != NULL)
		rate_found(r, at, out, sdl_block_rate_read(text, &rate), rate);
}

static void
hour_price_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);
	struct rate rate = { 0 };

	if (text != NULL)
		rate_found(r, at, out, sdl_token_rate_read(text, SDL_HOUR_S, &rate), rate);
}

static void
month_price_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);
	struct rate rate = { 0 };

	if (text != NULL)
		rate_found(r, at, out, sdl_token_rate_read(text, SDL_MONTH_S, &rate), rate);
}

static const struct sdl_key price_keys[] = {
	{ "denom", 0, denom_read, NULL, .kind = SDL_TEXT,
	  .help = "of amount; all prices of a file have one",
	  .bounds = "a micro-denomination, or ibc/ and 64 digits", .akash = "the chain takes uact",
	  .example = "denom: uakt" },
	{ "amount", 0, amount_price_read, NULL, .kind = SDL_PRICE,
	  .bounds = "above 0, at most 10000000, 18 decimals",
	  .help = "micro-denomination a block of 6 seconds, read as base units of the market's "
		  "token",
	  .example = "amount: 100" },
	{ "per_hour", 0, hour_price_read, NULL, .kind = SDL_PRICE,
	  .bounds = "above 0, at most 10000000, 9 decimals", .help = "tokens an hour",
	  .akash = "not known there", .example = "per_hour: \"0.05\"" },
	{ "per_month", 0, month_price_read, NULL, .kind = SDL_PRICE,
	  .bounds = "above 0, at most 10000000, 9 decimals", .help = "tokens a month of 730 hours",
	  .akash = "not known there", .example = "per_month: \"12.50\"" },
	SDL_KEY_END
};

static bool
is_given(const struct json *object, const char *name)
{
	const struct json *v = json_get(object, name);

	return v != NULL && v->type != JSON_NULL;
}

static void
price_check(struct sdl_reader *r, struct sdl_price *p)
{
	bool block = is_given(p->at.node, "amount");
	bool ours = is_given(p->at.node, "per_hour") || is_given(p->at.node, "per_month");

	if (!block && !ours)
		sdl_find_name(r, &p->at, "write per_hour: \"0.05\", or denom: uakt and amount: 100",
			      "the price is missing");
	if (block && p->denom == NULL)
		sdl_find_name(r, &p->at, "write denom: uakt", "the key denom is missing");
	if (!block && ours && p->denom != NULL)
		sdl_find_name(r, &p->at, "leave denom out", "denom goes with amount");
	if (p->denom == NULL)
		p->denom = "token";
	if (r->denom == NULL)
		r->denom = p->denom;
	else if (strcmp(r->denom, p->denom) != 0)
		sdl_find_name(r, &p->at, "write the same denom at each price",
			      "all prices must have one denomination: %.70s, "
			      "then %.70s",
			      r->denom, p->denom);
}

static void
pricing_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct json_list *prices = &((struct sdl_place *)out)->prices;

	if (!sdl_is_map(r, at))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_price *p = sdl_push(r, prices, sizeof(*p));

		p->profile = v->name;
		p->at = sdl_member(r, at, v);
		if (v->type != JSON_OBJECT) {
			(void)!sdl_is_map(r, &p->at);
			continue;
		}
		sdl_object(r, &p->at, price_keys, p);
		price_check(r, p);
	}
}

static const struct sdl_key place_keys[] = {
	{ "attributes", 0, attributes_read, NULL, .kind = SDL_PAIRS,
	  .bounds = "at most 32, 128 printable bytes each",
	  .help = "all must be among the provider's; \"*\" is any value, eu-* any that begins so",
	  .akash = "the * stands in the key", .example = "attributes: {region: eu-west}" },
	{ "signedBy", 0, NULL, NULL, .kind = SDL_MAP, .keys = signed_by_keys,
	  .help = "auditors that vouch for the provider",
	  .example = "signedBy: {anyOf: [\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]}" },
	{ "pricing", SDL_REQUIRED, pricing_read, "write pricing: {PROFILE: {per_hour: \"0.05\"}}",
	  .kind = SDL_NAMES, .keys = price_keys,
	  .help = "by compute profile, the most that one copy may cost",
	  .example = "pricing: {web: {per_hour: \"0.05\"}}" },
	SDL_KEY_END
};

static int
place_order(const void *a, const void *b)
{
	return strcmp(((const struct sdl_place *)a)->name, ((const struct sdl_place *)b)->name);
}

static void
places_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	if (!sdl_is_map(r, at))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_place *p = sdl_push(r, &r->places, sizeof(*p));
		const char *fault = rule_name(v->name);

		p->name = v->name;
		p->at = sdl_member(r, at, v);
		if (fault != NULL)
			sdl_find_bad_name(r, &p->at, fault);
		sdl_object(r, &p->at, place_keys, p);
	}
	if (r->places.count > 1)
		qsort(r->places.items, r->places.count, sizeof(struct sdl_place), place_order);
}

const struct sdl_key sdl_profiles_keys[] = {
	{ "compute", SDL_REQUIRED, computes_read, "say how much: compute: {NAME: {resources: ...}}",
	  .kind = SDL_NAMES, .keys = compute_keys, .help = "how much of a machine one copy gets",
	  .example = "compute: {web: {resources: {...}}}" },
	{ "placement", SDL_REQUIRED, places_read, "say where: placement: {NAME: {pricing: ...}}",
	  .kind = SDL_NAMES, .keys = place_keys,
	  .help = "where, vouched for by whom, at most at what price", .bounds = "at most 16",
	  .example = "placement: {eu: {pricing: {web: {per_hour: \"0.05\"}}}}" },
	SDL_KEY_END
};
