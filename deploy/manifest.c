/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include "deploy/rules.h"

const struct code MANIFEST_BAD = { "manifest_bad", INVALID, "a rule of manifests is broken" };

#define MAYBE (JSON_OPTIONAL | JSON_OMIT_EMPTY)

#define T struct http_options
static const struct json_field http_fields[] = { JSON_U32(T, max_body_bytes, 0, MAYBE),
						 JSON_U32(T, read_timeout_ms, 0, MAYBE),
						 JSON_U32(T, send_timeout_ms, 0, MAYBE),
						 JSON_U32(T, next_tries, 0, MAYBE),
						 JSON_U32(T, next_timeout_ms, 0, MAYBE),
						 JSON_STRS(T, next_cases, 10, MAYBE),
						 JSON_END };
#undef T

#define T struct check
static const struct json_field check_fields[] = { JSON_STR(T, use, 8, 0),
						  JSON_STR(T, kind, 8, 0),
						  JSON_U32(T, port, 65535, MAYBE),
						  JSON_STR(T, path, 1024, MAYBE),
						  JSON_STRS(T, command, SERVICE_ARGS_MAX, MAYBE),
						  JSON_U32(T, every_s, CHECK_S_MAX, 0),
						  JSON_U32(T, timeout_s, CHECK_S_MAX, 0),
						  JSON_U32(T, failures, 100, 0),
						  JSON_U32(T, grace_s, CHECK_S_MAX, MAYBE),
						  JSON_END };
#undef T

#define T struct expose
static const struct json_field expose_fields[] = { JSON_U32(T, port, 65535, 0),
						   JSON_U32(T, as, 65535, MAYBE),
						   JSON_STR(T, proto, 8, 0),
						   JSON_BOOLEAN(T, global, MAYBE),
						   JSON_STRS(T, hosts, EXPOSE_HOSTS_MAX, MAYBE),
						   JSON_STRS(T, to, GROUP_SERVICES_MAX, MAYBE),
						   JSON_STR(T, ip, 63, MAYBE),
						   JSON_OBJ(T, http, http_fields, MAYBE),
						   JSON_END };
#undef T

#define T struct mount
static const struct json_field mount_fields[] = {
	JSON_STR(T, volume, 63, 0),    JSON_STR(T, path, 1024, 0), JSON_BOOLEAN(T, readonly, MAYBE),
	JSON_STR(T, class, 16, MAYBE), JSON_U64(T, bytes, MAYBE),  JSON_END
};
#undef T

#define T struct service
const struct json_field service_fields[] = {
	JSON_STR(T, name, 63, 0),
	JSON_STR(T, image, 512, 0),
	JSON_STRS(T, command, SERVICE_ARGS_MAX, MAYBE),
	JSON_STRS(T, args, SERVICE_ARGS_MAX, MAYBE),
	JSON_STRS(T, env, SERVICE_ENV_MAX, MAYBE),
	JSON_U32(T, count, SERVICE_COUNT_MAX, 0),
	JSON_OBJ(T, resources, resources_fields, 0),
	JSON_BOOLEAN(T, readonly, MAYBE),
	JSON_LIST(T, exposes, expose_fields, struct expose, SERVICE_EXPOSES_MAX, MAYBE),
	JSON_LIST(T, mounts, mount_fields, struct mount, SERVICE_MOUNTS_MAX, MAYBE),
	JSON_LIST(T, checks, check_fields, struct check, SERVICE_CHECKS_MAX, MAYBE),
	JSON_U32(T, stop_s, STOP_S_MAX, MAYBE),
	JSON_STR(T, restart, 16, MAYBE),
	JSON_STR(T, registry_user, 256, MAYBE),
	JSON_STR(T, registry_password, 4096, MAYBE),
	JSON_STR(T, registry_host, 253, MAYBE),
	JSON_STR(T, volumes_from, 66, MAYBE),
	JSON_END
};
#undef T

#define T struct manifest
const struct json_field manifest_fields[] = {
	JSON_STR(T, group, 63, 0),
	JSON_LIST(T, services, service_fields, struct service, GROUP_SERVICES_MAX, 0), JSON_END
};
#undef T

static const struct service *
service_at(const struct manifest *m, size_t i)
{
	return (const struct service *)m->services.items + i;
}

static const struct expose *
expose_at(const struct service *s, size_t i)
{
	return (const struct expose *)s->exposes.items + i;
}

static const struct mount *
mount_at(const struct service *s, size_t i)
{
	return (const struct mount *)s->mounts.items + i;
}

static bool
has_service(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->services.count; i++)
		if (strcmp(service_at(m, i)->name, name) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------ */
/* Rules. A fault is a sentence; the caller says whose it is.          */

static const char *
strs_fault(const struct json_strs *strs, size_t most, const char *(*rule)(const char *))
{
	const char *fault = NULL;

	if (strs->count > most)
		return "the list is too long";
	for (size_t i = 0; i < strs->count && fault == NULL; i++)
		fault = rule(strs->items[i]);
	return fault;
}

static const char *
env_fault(const struct service *s)
{
	const char *fault = strs_fault(&s->env, SERVICE_ENV_MAX, rule_env);

	for (size_t i = 0; fault == NULL && i < s->env.count; i++)
		for (size_t k = 0; k < i; k++) {
			size_t len = (size_t)(strchr(s->env.items[i], '=') - s->env.items[i]) + 1;

			if (strncmp(s->env.items[i], s->env.items[k], len) == 0)
				return "a variable stands twice";
		}
	return fault;
}

static const char *
expose_fault(const struct manifest *m, const struct service *s, const struct expose *x)
{
	bool http = strcmp(x->proto, "http") == 0;

	if (x->port < 1 || x->port > 65535 || x->as > 65535)
		return "a port must be 1 to 65535";
	if (!http && strcmp(x->proto, "tcp") != 0 && strcmp(x->proto, "udp") != 0)
		return "proto must be tcp, udp or http";
	if (x->hosts.count > 0 && !(http && x->global))
		return "host names go with http to the world only";
	if (x->ip != NULL && (!x->global || rule_name(x->ip) != NULL))
		return "an address of its own has a name and is open to the world";
	if (x->http.next_cases.count > 0 && !http)
		return "http options go with http";
	if (x->global && x->to.count > 0)
		return "a port is open to the world or to services, not both";
	if (x->to.count > GROUP_SERVICES_MAX)
		return "the list is too long";
	for (size_t i = 0; i < x->to.count; i++)
		if (!has_service(m, x->to.items[i]) || strcmp(x->to.items[i], s->name) == 0)
			return "a port is opened to a service that is not another one of the group";
	return strs_fault(&x->hosts, EXPOSE_HOSTS_MAX, rule_host);
}

/* The same port to the same side twice, or one host name twice. */
static const char *
expose_clash(const struct expose *a, const struct expose *b)
{
	for (size_t i = 0; i < a->hosts.count; i++)
		for (size_t k = 0; k < b->hosts.count; k++)
			if (strcmp(a->hosts.items[i], b->hosts.items[k]) == 0)
				return "a host name stands twice";
	return NULL;
}

static const char *
exposes_fault(const struct manifest *m, const struct service *s)
{
	const char *fault = NULL;
	uint32_t global = 0;

	if (s->exposes.count > SERVICE_EXPOSES_MAX)
		return "too many ports";
	for (size_t i = 0; i < s->exposes.count; i++) {
		const struct expose *x = expose_at(s, i);

		fault = expose_fault(m, s, x);
		for (size_t k = 0; k < i && fault == NULL; k++)
			fault = expose_clash(expose_at(s, k), x);
		if (fault != NULL)
			return fault;
		global += x->global;
	}
	if (global != s->resources.endpoints)
		return "resources.endpoints is not the number of ports open to the world";
	return NULL;
}

static const char *
mounts_fault(const struct service *s)
{
	const char *fault;

	if (s->mounts.count > SERVICE_MOUNTS_MAX)
		return "too many mounts";
	for (size_t i = 0; i < s->mounts.count; i++) {
		const struct mount *m = mount_at(s, i);

		fault = rule_name(m->volume);
		if (fault == NULL)
			fault = rule_mount_path(m->path, is_ram(m->class));
		if (fault == NULL && m->class != NULL && m->bytes < STORAGE_BYTES_MIN)
			fault = "a volume of a class has a size";
		if (fault != NULL)
			return fault;
		for (size_t k = 0; k < i; k++)
			if (strcmp(mount_at(s, k)->path, m->path) == 0 ||
			    strcmp(mount_at(s, k)->volume, m->volume) == 0)
				return "a volume or a mount path stands twice";
	}
	return NULL;
}

static const char *
check_fault(const struct service *s, size_t i)
{
	const struct check *c = (const struct check *)s->checks.items + i;
	bool http = strcmp(c->kind, "http") == 0, command = strcmp(c->kind, "command") == 0;

	if (strcmp(c->use, "ready") != 0 && strcmp(c->use, "health") != 0)
		return "a check is ready or health";
	if (!http && !command && strcmp(c->kind, "tcp") != 0)
		return "a check is http, tcp or command";
	for (size_t k = 0; k < i; k++)
		if (strcmp(((const struct check *)s->checks.items)[k].use, c->use) == 0)
			return "a check stands twice";
	if (command != (c->command.count > 0) || command == (c->port != 0))
		return "a check has a port, or a command";
	if (http != (c->path != NULL))
		return "an http check has a path, others none";
	if (c->every_s == 0 || c->timeout_s == 0 || c->failures == 0)
		return "a check's every, timeout and failures are at least 1";
	if (http && rule_url_path(c->path) != NULL)
		return rule_url_path(c->path);
	return strs_fault(&c->command, SERVICE_ARGS_MAX, rule_argument);
}

static const char *
life_fault(const struct service *s)
{
	const char *fault = NULL;

	if (s->checks.count > SERVICE_CHECKS_MAX)
		return "too many checks";
	for (size_t i = 0; i < s->checks.count && fault == NULL; i++)
		fault = check_fault(s, i);
	if (fault == NULL && s->stop_s > STOP_S_MAX)
		fault = "the time to stop is at most 600 seconds";
	if (fault == NULL && s->restart != NULL && strcmp(s->restart, "never") != 0 &&
	    strcmp(s->restart, "on-failure") != 0)
		fault = "restart is on-failure or never, or left out";
	return fault;
}

static const char *
registry_fault(const struct service *s)
{
	const char *parts[] = { s->registry_user, s->registry_password, s->registry_host };
	size_t have = 0;

	for (size_t i = 0; i < NELEMS(parts); i++) {
		if (parts[i] == NULL)
			continue;
		if (*parts[i] == '\0' || rule_argument(parts[i]) != NULL ||
		    strpbrk(parts[i], "\r\n\t") != NULL)
			return "registry user, password and host are single lines of text";
		have++;
	}
	return have == 0 || have == 3 ? NULL : "registry user, password and host go together";
}

static const char *
volumes_from_fault(const struct service *s)
{
	struct err ignored = ERR_NONE;
	struct hash lease;

	if (s->volumes_from == NULL)
		return NULL;
	if (hash_read(s->volumes_from, &lease, &ignored) < 0)
		return "volumes_from is the hash of a lease";
	for (size_t i = 0; i < s->mounts.count; i++)
		if (mount_is_persistent(mount_at(s, i)))
			return NULL;
	return "volumes_from goes with a persistent volume";
}

static const char *
service_fault(const struct manifest *m, const struct service *s)
{
	const char *fault = rule_name(s->name);

	if (fault == NULL)
		fault = rule_image(s->image);
	if (fault == NULL)
		fault = strs_fault(&s->command, SERVICE_ARGS_MAX, rule_argument);
	if (fault == NULL)
		fault = strs_fault(&s->args, SERVICE_ARGS_MAX, rule_argument);
	if (fault == NULL)
		fault = env_fault(s);
	if (fault == NULL && (s->count < 1 || s->count > SERVICE_COUNT_MAX))
		fault = "count must be 1 to 100";
	if (fault == NULL)
		fault = exposes_fault(m, s);
	if (fault == NULL)
		fault = mounts_fault(s);
	if (fault == NULL)
		fault = life_fault(s);
	if (fault == NULL)
		fault = volumes_from_fault(s);
	return fault != NULL ? fault : registry_fault(s);
}

static bool
services_share_a_host(const struct service *a, const struct service *b)
{
	for (size_t i = 0; i < a->exposes.count; i++)
		for (size_t k = 0; k < b->exposes.count; k++)
			if (expose_clash(expose_at(a, i), expose_at(b, k)) != NULL)
				return true;
	return false;
}

static int
check_pair(const struct service *a, const struct service *b, struct err *e)
{
	if (strcmp(a->name, b->name) == 0)
		return err_field(e, &MANIFEST_BAD, "/services", "service %s stands twice", a->name);
	if (services_share_a_host(a, b))
		return err_field(e, &MANIFEST_BAD, "/services",
				 "services %s and %s: a host name stands twice", a->name, b->name);
	return 0;
}

int
manifest_check(const struct manifest *m, struct err *e)
{
	const char *fault = rule_name(m->group);

	if (fault != NULL)
		return err_field(e, &MANIFEST_BAD, "/group", "group \"%.63s\": %s", m->group,
				 fault);
	if (m->services.count == 0 || m->services.count > GROUP_SERVICES_MAX)
		return err_field(e, &MANIFEST_BAD, "/services", "%zu services, must be 1 to %u",
				 m->services.count, GROUP_SERVICES_MAX);
	for (size_t i = 0; i < m->services.count; i++) {
		const struct service *s = service_at(m, i);

		fault = service_fault(m, s);
		if (fault != NULL)
			return err_field(e, &MANIFEST_BAD, "/services", "service \"%.63s\": %s",
					 s->name, fault);
		for (size_t k = 0; k < i; k++)
			if (check_pair(service_at(m, k), s, e) < 0)
				return -1;
	}
	return 0;
}

struct hash
manifest_hash(const struct manifest *m)
{
	struct arena a;
	struct hash hash;
	const char *text;

	arena_init(&a, 0);
	text = json_encode(&a, manifest_fields, m);
	keccak256(text, strlen(text), &hash);
	arena_release(&a);
	return hash;
}

static bool
resources_equal(const struct resources *a, const struct resources *b)
{
	return a->cpu_milli == b->cpu_milli && a->memory_bytes == b->memory_bytes &&
	       a->storage_bytes == b->storage_bytes && a->persistent_bytes == b->persistent_bytes &&
	       a->gpus == b->gpus && a->endpoints == b->endpoints && a->egress_gib == b->egress_gib;
}

bool
mount_is_persistent(const struct mount *m)
{
	return m->class != NULL && strcmp(m->class, "ram") != 0;
}

/* Every persistent mount is a volume that was auctioned, at its size. What was
 * auctioned may stay unmounted. */
static bool
mounts_match(const struct service *s, const struct group_service *bought)
{
	const struct volume *v = bought->volumes.items;

	for (size_t i = 0; i < s->mounts.count; i++) {
		const struct mount *m = mount_at(s, i);
		size_t k = 0;

		if (!mount_is_persistent(m))
			continue;
		while (k < bought->volumes.count && strcmp(v[k].name, m->volume) != 0)
			k++;
		if (k == bought->volumes.count || v[k].bytes != m->bytes ||
		    strcmp(v[k].class, m->class) != 0)
			return false;
	}
	return true;
}

static uint32_t
ips_of(const struct manifest *m)
{
	const char *seen[GROUP_IPS_MAX + 1];
	uint32_t count = 0;

	for (size_t i = 0; i < m->services.count; i++)
		for (size_t k = 0; k < service_at(m, i)->exposes.count; k++) {
			const char *ip = expose_at(service_at(m, i), k)->ip;
			uint32_t n = 0;

			while (ip != NULL && n < count && strcmp(seen[n], ip) != 0)
				n++;
			if (ip != NULL && n == count && count < NELEMS(seen))
				seen[count++] = ip;
		}
	return count;
}

int
manifest_matches(const struct manifest *m, const struct group *g, struct err *e)
{
	if (m->services.count != g->services.count)
		return err_set(e, &MANIFEST_BAD, "%zu services, but %zu were auctioned",
			       m->services.count, g->services.count);
	for (size_t i = 0; i < m->services.count; i++) {
		const struct service *s = (const struct service *)m->services.items + i;
		const struct group_service *bought =
			(const struct group_service *)g->services.items + i;

		if (strcmp(s->name, bought->name) != 0)
			return err_set(e, &MANIFEST_BAD, "service %s, but %s was auctioned",
				       s->name, bought->name);
		if (s->count != bought->count ||
		    !resources_equal(&s->resources, &bought->resources) || !mounts_match(s, bought))
			return err_set(e, &MANIFEST_BAD,
				       "service %s asks for other resources than were auctioned",
				       s->name);
	}
	if (ips_of(m) != g->ips)
		return err_set(e, &MANIFEST_BAD, "%u addresses, but %u were auctioned", ips_of(m),
			       g->ips);
	return 0;
}
