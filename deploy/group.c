/* SPDX-License-Identifier: Apache-2.0 */
#include "group.h"

#include <strings.h>

#include "deploy/rules.h"

const struct code GROUP_BAD = { "group_bad", INVALID, "a rule of groups is broken" };

#define T struct attribute
const struct json_field attribute_fields[] = { JSON_STR(T, key, 128, 0), JSON_STR(T, value, 128, 0),
					       JSON_END };
#undef T

#define MAYBE (JSON_OPTIONAL | JSON_OMIT_EMPTY)

#define T struct volume
const struct json_field volume_fields[] = { JSON_STR(T, name, 63, 0), JSON_U64(T, bytes, 0),
					    JSON_STR(T, class, 16, 0), JSON_END };
#undef T

#define T struct group_service
static const struct json_field group_service_fields[] = {
	JSON_STR(T, name, 63, 0),
	JSON_U32(T, count, SERVICE_COUNT_MAX, 0),
	JSON_OBJ(T, resources, resources_fields, 0),
	JSON_LIST(T, volumes, volume_fields, struct volume, SERVICE_MOUNTS_MAX, MAYBE),
	JSON_STRS(T, gpus, SERVICE_GPU_MODELS_MAX, MAYBE),
	JSON_END
};
#undef T

#define T struct group
const struct json_field group_fields[] = {
	JSON_STR(T, name, 63, 0),
	JSON_STR(T, billing, 16, 0),
	JSON_LIST(T, services, group_service_fields, struct group_service, GROUP_SERVICES_MAX, 0),
	JSON_LIST(T, attributes, attribute_fields, struct attribute, GROUP_ATTRIBUTES_MAX, 0),
	JSON_STRS(T, signed_by, GROUP_AUDITORS_MAX, 0),
	JSON_STRS(T, signed_any, GROUP_AUDITORS_MAX, MAYBE),
	JSON_U32(T, ips, GROUP_IPS_MAX, MAYBE),
	JSON_U32(T, reclaim_s, 0, MAYBE),
	JSON_STRS(T, allow, GROUP_AUDITORS_MAX, MAYBE),
	JSON_STRS(T, deny, GROUP_AUDITORS_MAX, MAYBE),
	JSON_STR(T, accept, 16, MAYBE),
	JSON_BOOLEAN(T, interruptible, MAYBE),
	JSON_STR(T, on_interrupt, 8, MAYBE),
	JSON_STR(T, spread, 8, MAYBE),
	JSON_HASH(T, spread_set, MAYBE),
	JSON_U32(T, spread_row, GROUP_ROWS_MAX, MAYBE),
	JSON_U32(T, spread_rows, GROUP_ROWS_MAX, MAYBE),
	JSON_HASH(T, manifest, 0),
	JSON_END
};
#undef T

static const struct group_service *
service_at(const struct group *g, size_t i)
{
	return (const struct group_service *)g->services.items + i;
}

static const struct attribute *
attribute_at(const struct json_list *list, size_t i)
{
	return (const struct attribute *)list->items + i;
}

/* ------------------------------------------------------------------ */
/* Rules.                                                              */

static int
check_range(const char *what, const char *service, uint64_t v, uint64_t min, uint64_t max,
	    struct err *e)
{
	if (v >= min && v <= max)
		return 0;
	return err_field(e, &GROUP_BAD, "/services", "service %s: %s is %llu, must be %llu to %llu",
			 service, what, (unsigned long long)v, (unsigned long long)min,
			 (unsigned long long)max);
}

static int
check_volumes(const struct group_service *s, struct err *e)
{
	static const char *const classes[] = { "default", "beta1", "beta2", "beta3" };
	const struct volume *v = s->volumes.items;
	u128 sum = 0;

	for (size_t i = 0; i < s->volumes.count; i++) {
		const char *fault = rule_name(v[i].name);
		size_t k = 0;

		while (k < NELEMS(classes) && strcmp(v[i].class, classes[k]) != 0)
			k++;
		if (fault == NULL && k == NELEMS(classes))
			fault = "a class is default, beta1, beta2 or beta3";
		if (fault == NULL && i > 0 && strcmp(v[i - 1].name, v[i].name) >= 0)
			fault = "volumes stand once each, by name";
		if (fault != NULL)
			return err_field(e, &GROUP_BAD, "/services",
					 "service %s: volume \"%.63s\": %s", s->name, v[i].name,
					 fault);
		if (check_range("a volume", s->name, v[i].bytes, STORAGE_BYTES_MIN,
				STORAGE_BYTES_MAX, e) < 0)
			return -1;
		sum += v[i].bytes;
	}
	if (sum != s->resources.persistent_bytes)
		return err_field(e, &GROUP_BAD, "/services",
				 "service %s: persistent_bytes is not the sum of its volumes",
				 s->name);
	return 0;
}

static int
check_gpus(const struct group_service *s, struct err *e)
{
	if (s->gpus.count > 0 && s->resources.gpus == 0)
		return err_field(e, &GROUP_BAD, "/services", "service %s: gpu models, but no gpus",
				 s->name);
	for (size_t i = 0; i < s->gpus.count; i++) {
		const char *fault = rule_gpu(s->gpus.items[i]);

		if (fault != NULL)
			return err_field(e, &GROUP_BAD, "/services", "service %s: %s", s->name,
					 fault);
	}
	return 0;
}

static int
check_service(const struct group_service *s, struct err *e)
{
	const struct resources *r = &s->resources;
	const char *fault = rule_name(s->name);

	if (fault != NULL)
		return err_field(e, &GROUP_BAD, "/services", "service \"%.63s\": %s", s->name,
				 fault);
	if (check_range("count", s->name, s->count, 1, SERVICE_COUNT_MAX, e) < 0 ||
	    check_range("cpu_milli", s->name, r->cpu_milli, CPU_MILLI_MIN, CPU_MILLI_MAX, e) < 0 ||
	    check_range("memory_bytes", s->name, r->memory_bytes, MEMORY_BYTES_MIN,
			MEMORY_BYTES_MAX, e) < 0 ||
	    check_range("storage_bytes", s->name, r->storage_bytes, STORAGE_BYTES_MIN,
			STORAGE_BYTES_MAX, e) < 0 ||
	    check_range("gpus", s->name, r->gpus, 0, GPUS_MAX, e) < 0 ||
	    check_range("endpoints", s->name, r->endpoints, 0, SERVICE_EXPOSES_MAX, e) < 0 ||
	    check_range("egress_gib", s->name, r->egress_gib, 0, EGRESS_GIB_MAX, e) < 0 ||
	    check_range("ips", s->name, r->ips, 0, 0, e) < 0)
		return -1;
	return check_volumes(s, e) < 0 ? -1 : check_gpus(s, e);
}

static int
check_services(const struct group *g, struct err *e)
{
	struct resources total;

	if (g->services.count == 0 || g->services.count > GROUP_SERVICES_MAX)
		return err_field(e, &GROUP_BAD, "/services", "%zu services, must be 1 to %u",
				 g->services.count, GROUP_SERVICES_MAX);
	for (size_t i = 0; i < g->services.count; i++) {
		if (check_service(service_at(g, i), e) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (strcmp(service_at(g, k)->name, service_at(g, i)->name) == 0)
				return err_field(e, &GROUP_BAD, "/services",
						 "service %s stands twice", service_at(g, i)->name);
	}
	total = group_total(g);
	if (total.cpu_milli > GROUP_CPU_MILLI_MAX)
		return err_field(e, &GROUP_BAD, "/services", "more than %u cpu_milli in all",
				 GROUP_CPU_MILLI_MAX);
	if (total.memory_bytes > GROUP_MEMORY_BYTES_MAX)
		return err_field(e, &GROUP_BAD, "/services", "more than 100 TiB of memory in all");
	if (total.gpus > GROUP_GPUS_MAX)
		return err_field(e, &GROUP_BAD, "/services", "more than %u gpus in all",
				 GROUP_GPUS_MAX);
	return 0;
}

static int
check_attributes(const struct group *g, struct err *e)
{
	if (g->attributes.count > GROUP_ATTRIBUTES_MAX)
		return err_field(e, &GROUP_BAD, "/attributes", "more than %u attributes",
				 GROUP_ATTRIBUTES_MAX);
	for (size_t i = 0; i < g->attributes.count; i++) {
		const struct attribute *a = attribute_at(&g->attributes, i);
		const char *fault = rule_attribute_key(a->key);

		if (fault == NULL)
			fault = rule_attribute_value(a->value);
		if (fault != NULL)
			return err_field(e, &GROUP_BAD, "/attributes", "attribute %zu: %s", i,
					 fault);
		for (size_t k = 0; k < i; k++)
			if (strcmp(attribute_at(&g->attributes, k)->key, a->key) == 0)
				return err_field(e, &GROUP_BAD, "/attributes",
						 "attribute %.63s stands twice", a->key);
	}
	return 0;
}

static int
check_addresses(const struct json_strs *list, const char *field, const char *what, struct err *e)
{
	struct err why = ERR_NONE;
	struct address address;

	if (list->count > GROUP_AUDITORS_MAX)
		return err_field(e, &GROUP_BAD, field, "more than %u %ss", GROUP_AUDITORS_MAX,
				 what);
	for (size_t i = 0; i < list->count; i++)
		if (address_read(list->items[i], &address, &why) < 0)
			return err_field(e, &GROUP_BAD, field, "%s %zu: %.200s", what, i, why.text);
	return 0;
}

static int
check_interruptible(const struct group *g, struct err *e)
{
	if (!g->interruptible)
		return g->on_interrupt == NULL ? 0
					       : err_field(e, &GROUP_BAD, "/on_interrupt",
							   "on_interrupt goes with interruptible");
	if (g->on_interrupt == NULL ||
	    (strcmp(g->on_interrupt, "pause") != 0 && strcmp(g->on_interrupt, "end") != 0))
		return err_field(e, &GROUP_BAD, "/on_interrupt", "on_interrupt is pause or end");
	if (group_billing(g) != BILLING_METERED)
		return err_field(e, &GROUP_BAD, "/billing",
				 "what is interruptible is metered, not reserved");
	return 0;
}

static int
check_spread(const struct group *g, struct err *e)
{
	static const struct hash none;
	const struct group_service *s = g->services.items;

	if (g->spread == NULL)
		return g->spread_row == 0 && g->spread_rows == 0 &&
				       hash_equal(&g->spread_set, &none)
			       ? 0
			       : err_field(e, &GROUP_BAD, "/spread",
					   "spread_set, spread_row and spread_rows go with spread");
	if (strcmp(g->spread, "provider") != 0 && strcmp(g->spread, "owner") != 0 &&
	    strcmp(g->spread, "region") != 0)
		return err_field(e, &GROUP_BAD, "/spread", "spread is provider, owner or region");
	if (g->spread_rows < 2 || g->spread_row < 1 || g->spread_row > g->spread_rows)
		return err_field(e, &GROUP_BAD, "/spread_row", "row %u of %u, must be 1 to 2..%u",
				 g->spread_row, g->spread_rows, GROUP_ROWS_MAX);
	if (hash_equal(&g->spread_set, &none))
		return err_field(e, &GROUP_BAD, "/spread_set", "spread_set names the set: not 0");
	if (g->services.count != 1 || s->count != 1)
		return err_field(e, &GROUP_BAD, "/services",
				 "a row of a spread is one copy of one service");
	if (g->ips != 0 || g->interruptible || g->accept != NULL)
		return err_field(e, &GROUP_BAD, "/spread",
				 "what is spread has no ips, is firm, and is not awarded by hand");
	return 0;
}

int
group_check(const struct group *g, struct err *e)
{
	const char *fault = rule_name(g->name);

	if (fault != NULL)
		return err_field(e, &GROUP_BAD, "/name", "group \"%.63s\": %s", g->name, fault);
	if (strcmp(g->billing, "reserved") != 0 && strcmp(g->billing, "metered") != 0)
		return err_field(e, &GROUP_BAD, "/billing",
				 "billing is \"%.16s\", must be reserved or metered", g->billing);
	if (g->accept != NULL && !group_manual(g))
		return err_field(e, &GROUP_BAD, "/accept",
				 "accept is \"%.16s\", must be manual or left out", g->accept);
	if (g->accept != NULL && g->interruptible)
		return err_field(e, &GROUP_BAD, "/accept",
				 "what is interruptible is not awarded by hand");
	if (g->ips > GROUP_IPS_MAX)
		return err_field(e, &GROUP_BAD, "/ips", "%u addresses, at most %u", g->ips,
				 GROUP_IPS_MAX);
	if (check_services(g, e) < 0 || check_attributes(g, e) < 0 ||
	    check_interruptible(g, e) < 0 || check_spread(g, e) < 0 ||
	    check_addresses(&g->signed_by, "/signed_by", "auditor", e) < 0 ||
	    check_addresses(&g->signed_any, "/signed_any", "auditor", e) < 0 ||
	    check_addresses(&g->allow, "/allow", "provider", e) < 0 ||
	    check_addresses(&g->deny, "/deny", "provider", e) < 0)
		return -1;
	return 0;
}

/* ------------------------------------------------------------------ */
/* What a group is worth.                                              */

struct hash
group_hash(const struct group *g)
{
	struct arena a;
	struct hash hash;
	const char *text;

	arena_init(&a, 0);
	text = json_encode(&a, group_fields, g);
	keccak256(text, strlen(text), &hash);
	arena_release(&a);
	return hash;
}

bool
group_same_set(const struct group *a, const struct group *b)
{
	struct group left = *a, right = *b;
	struct hash h, other;

	left.services = right.services = (struct json_list){ NULL, 0 };
	left.spread_row = right.spread_row = 0;
	left.manifest = right.manifest;
	h = group_hash(&left);
	other = group_hash(&right);
	return hash_equal(&h, &other);
}

struct resources
group_total(const struct group *g)
{
	struct resources total = { .ips = g->ips };

	for (size_t i = 0; i < g->services.count; i++) {
		const struct group_service *s = service_at(g, i);
		struct resources all = resources_times(&s->resources, s->count);

		resources_add(&total, &all);
	}
	return total;
}

enum billing
group_billing(const struct group *g)
{
	return strcmp(g->billing, "metered") == 0 ? BILLING_METERED : BILLING_RESERVED;
}

bool
group_manual(const struct group *g)
{
	return g->accept != NULL && strcmp(g->accept, "manual") == 0;
}

/* "abc*" stands for all that begins with "abc". */
static bool
matches(const char *wanted, const char *have)
{
	size_t len = strlen(wanted);

	if (len > 0 && wanted[len - 1] == '*')
		return strncmp(wanted, have, len - 1) == 0;
	return strcmp(wanted, have) == 0;
}

const struct attribute *
group_mismatch(const struct group *g, const struct json_list *attributes)
{
	for (size_t i = 0; i < g->attributes.count; i++) {
		const struct attribute *wanted = attribute_at(&g->attributes, i);
		size_t k;

		for (k = 0; k < attributes->count; k++) {
			const struct attribute *have = attribute_at(attributes, k);

			if (matches(wanted->key, have->key) && matches(wanted->value, have->value))
				break;
		}
		if (k == attributes->count)
			return wanted;
	}
	return NULL;
}

static bool
names(const struct json_strs *list, const char *provider)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcasecmp(list->items[i], provider) == 0)
			return true;
	return false;
}

bool
group_admits(const struct group *g, const char *provider)
{
	return !names(&g->deny, provider) && (g->allow.count == 0 || names(&g->allow, provider));
}

static bool
has_word(const char *text, const char *word, size_t len)
{
	for (;;) {
		size_t have = strcspn(text, "/");

		if (have == len && strncasecmp(text, word, len) == 0)
			return true;
		if (text[have] == '\0')
			return false;
		text += have + 1;
	}
}

bool
gpu_matches(const char *wanted, const char *have)
{
	size_t vendor = strcspn(wanted, "/");

	if (strncasecmp(wanted, have, vendor) != 0 || (have[vendor] != '/' && have[vendor] != '\0'))
		return false;
	for (const char *word = wanted + vendor; *word == '/';) {
		size_t len = strcspn(++word, "/");

		if (!has_word(have, word, len))
			return false;
		word += len;
	}
	return true;
}
