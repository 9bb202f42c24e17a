/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_check.c - what Akash checks once the groups are built: references,
 * mounts and endpoints by the file; bounds, prices, names and hosts by what is
 * made of it. Where Akash panics instead of checking, there is a finding too.
 */
#include "deploy/akash_read.h"

#define MI (UINT64_C(1) << 20)
#define TI (UINT64_C(1) << 40)

#define CPU_MIN	      10u
#define CPU_MAX	      384000u
#define GROUP_CPU_MAX 19200000u
#define GPU_MAX	      24u
#define GROUP_GPU_MAX 1200u
#define MEMORY_MAX    (2 * TI)
#define VOLUME_MIN    (5 * MI)
#define VOLUME_MAX    (32 * TI)
#define PRICE_MAX     "10000000."

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* ------------------------------------------------------------------ */
/* Endpoints.                                                          */

/* [a-z]+[a-z\-_0-9]+ */
static bool
endpoint_name_good(const char *name)
{
	return *name >= 'a' && *name <= 'z' && name[1] != '\0' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz-_0123456789") == strlen(name);
}

struct use {
	const char *key; /* address, port as written, protocol as written */
	const char *ip;
	const struct ak_expose *expose;
};

struct checker {
	struct ak_file *f;
	struct ak_reader *r;
	struct akash_list uses; /* of struct use */
};

static int
use_order(const void *a, const void *b)
{
	const struct use *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order
			  : (x->expose->at.node->line > y->expose->at.node->line) -
				    (x->expose->at.node->line < y->expose->at.node->line);
}

static void
use_add(struct checker *c, const struct ak_expose *e, const struct ak_to *to)
{
	const struct ak_endpoint *endpoint = ak_get(&c->f->endpoints, to->ip);
	struct use *u;

	if (!to->global)
		ak_find_in(c->r, &to->at, "ip", "write global: true", "ip needs global: true");
	if (endpoint == NULL) {
		ak_find_in(c->r, &to->at, "ip", "declare it under endpoints",
			   "there is no endpoint \"%.60s\"", to->ip);
		return;
	}
	u = ak_push(c->r->arena, &c->uses, sizeof(*u));
	u->ip = to->ip;
	u->expose = e;
	u->key = arena_printf(c->r->arena, "%s-%u-%s", to->ip, e->as, or_empty(e->proto));
}

/* By what is written: without as, two different ports are the same here. */
static void
uses_check(struct checker *c)
{
	struct use *u = c->uses.items;

	if (c->uses.count > 0)
		qsort(u, c->uses.count, sizeof(*u), use_order);
	for (size_t i = 1; i < c->uses.count; i++)
		if (strcmp(u[i].key, u[i - 1].key) == 0)
			ak_find_in(c->r, &u[i].expose->at, "as", "write as: with another port",
				   "endpoint %.60s has this port already, since line %u", u[i].ip,
				   u[i - 1].expose->at.node->line);
}

static void
endpoints_check(struct checker *c)
{
	const struct ak_entry *e = c->f->endpoints.items;
	const struct use *u = c->uses.items;

	for (size_t i = 0; i < c->f->endpoints.count; i++) {
		const struct ak_endpoint *endpoint = e[i].value;
		const char *path = arena_printf(c->r->arena, "endpoints.%.60s", e[i].key);
		size_t k = 0;

		if (!endpoint_name_good(e[i].key))
			ak_find(c->r, e[i].key_node, path, NULL,
				"an endpoint's name is a-z, then a-z, 0-9, - and _");
		if (strcmp(or_empty(endpoint->kind), "ip") != 0)
			ak_find(c->r, e[i].key_node, path, "write kind: ip",
				"an endpoint's kind is ip");
		while (k < c->uses.count && strcmp(u[k].ip, e[i].key) != 0)
			k++;
		if (k == c->uses.count)
			ak_find(c->r, e[i].key_node, path, "remove it, or name it in a to: ip",
				"no deployed service uses this endpoint");
	}
}

/* ------------------------------------------------------------------ */
/* Mounts.                                                             */

static const char *
volume_attribute(const struct ak_volume *v, const char *key)
{
	const struct akash_attribute *t = v->attributes.items;

	for (size_t i = 0; i < v->attributes.count; i++)
		if (strcmp(t[i].key, key) == 0)
			return t[i].value;
	return "";
}

static const struct ak_volume *
volume_named(const struct akash_list *storage, const char *name)
{
	const struct ak_volume *v = storage->items;

	for (size_t i = 0; i < storage->count; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

static int
mount_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
mounts_unique(struct checker *c, const struct ak_params *p)
{
	const struct ak_entry *e = p->storage.items;
	size_t n = p->storage.count;
	const char **paths = arena_alloc(c->r->arena, n * sizeof(*paths) + 1);

	for (size_t i = 0; i < n; i++)
		paths[i] = or_empty(((const struct ak_mount *)e[i].value)->mount);
	qsort(paths, n, sizeof(*paths), mount_order);
	for (size_t i = 1; i < n; i++)
		if (strcmp(paths[i], paths[i - 1]) == 0)
			ak_find_in(c->r, &p->at, "storage", NULL,
				   "two volumes are mounted at %.80s", paths[i]);
}

static void
mounts_check(struct checker *c, const struct ak_service *s, const struct ak_compute *compute)
{
	const struct akash_list *storage = &compute->resources.storage;
	const struct ak_entry *e = s->params.storage.items;
	const struct ak_volume *v = storage->items;

	for (size_t i = 0; i < s->params.storage.count; i++) {
		const struct ak_mount *m = e[i].value;
		const struct ak_volume *volume = volume_named(storage, e[i].key);
		struct akash_at at = m->at;

		if (at.node == NULL)
			at = (struct akash_at){ e[i].key_node, s->params.at.path };
		if (volume == NULL) {
			ak_find(c->r, e[i].key_node, at.path, NULL,
				"the profile has no volume \"%.60s\"", e[i].key);
			continue;
		}
		if (*or_empty(m->mount) != '/')
			ak_find_in(c->r, &at, "mount", "write mount: /path",
				   "mount must be an absolute path");
		if (c->f->merging && m->readonly &&
		    strcmp(volume_attribute(volume, "class"), "ram") == 0)
			ak_find_in(c->r, &at, "readOnly", NULL, "class ram cannot be read only");
	}
	if (s->params.storage.count > 0) {
		mounts_unique(c, &s->params);
		return;
	}
	/* 2.0 looks at volumes that params do not mention, and is content as soon
	 * as any is mounted; 2.1 does not look at them. */
	for (size_t i = 0; i < storage->count && !c->f->merging; i++)
		if (strcmp(volume_attribute(&v[i], "persistent"), "true") == 0)
			ak_find_in(c->r, &v[i].at, "name", "write params.storage with its mount",
				   "the persistent volume %.60s is mounted nowhere", v[i].name);
}

/* ------------------------------------------------------------------ */
/* Resources of a profile that is used.                                */

static void
volumes_check(struct checker *c, const struct ak_resources *r)
{
	const struct ak_volume *v = r->storage.items;

	if (!r->storage.made)
		ak_find_in(c->r, &r->at, "storage", "write storage: {size: 1Gi}",
			   "storage is missing");
	for (size_t i = 0; i < r->storage.count; i++)
		if (v[i].size < VOLUME_MIN || v[i].size > VOLUME_MAX)
			ak_find_in(c->r, &v[i].at, "size", NULL,
				   "a volume has from 5Mi to 32Ti, not %llu bytes",
				   (unsigned long long)v[i].size);
}

static void
resources_check(struct checker *c, const struct ak_compute *compute, const char *name)
{
	const struct ak_resources *r = &compute->resources;

	if (r->at.node == NULL) {
		ak_find(c->r, compute->at.node, compute->at.path, "write resources",
			"the profile %.60s has no resources", name);
		return;
	}
	if (r->cpu.units < CPU_MIN || r->cpu.units > CPU_MAX)
		ak_find_in(c->r, r->cpu.at.node != NULL ? &r->cpu.at : &r->at, "units", NULL,
			   "cpu.units must be from 0.01 to 384, not %u thousandths", r->cpu.units);
	if (r->cpu.attributes.count > 1)
		ak_find_in(c->r, &r->cpu.at, "attributes", NULL, "arch stands twice");
	if (r->gpu.units > GPU_MAX)
		ak_find_in(c->r, &r->gpu.at, "units", NULL, "gpu.units must be at most 24");
	if (r->gpu.units == 0 && r->gpu.attributes.count > 0)
		ak_find_in(c->r, &r->gpu.at, "attributes", "write units: 1, or remove gpu",
			   "there are attributes of no GPU");
	if (r->memory.size < MI || r->memory.size > MEMORY_MAX)
		ak_find_in(c->r, r->memory.at.node != NULL ? &r->memory.at : &r->at, "size", NULL,
			   "memory.size must be from 1Mi to 2Ti, not %llu bytes",
			   (unsigned long long)r->memory.size);
	volumes_check(c, r);
}

/* ------------------------------------------------------------------ */
/* Lines of the deployment section.                                    */

static void
credentials_check(struct checker *c, const struct ak_credentials *k)
{
	const struct {
		const char *name, *value;
	} needed[] = { { "host", k->host },
		       { "username", k->username },
		       { "password", k->password } };

	if (k->at.node == NULL)
		return;
	for (size_t i = 0; i < NELEMS(needed); i++)
		if (*go_trim(c->r->arena, or_empty(needed[i].value)) == '\0')
			ak_find_in(c->r, &k->at, needed[i].name, NULL, "credentials need a %s",
				   needed[i].name);
}

static void
price_check(struct checker *c, const struct ak_entry *place, const struct ak_placement *p,
	    const char *profile)
{
	const struct ak_price *price = ak_get(&p->pricing, profile);
	size_t digits;

	if (price == NULL) {
		ak_find(c->r, place->key_node, p->at.path, "add it to pricing",
			"the placement %.60s has no price for %.60s", place->key, profile);
		return;
	}
	if (price->amount == NULL) {
		ak_find(c->r, place->key_node, p->at.path, NULL, "the price of %.60s is null",
			profile);
		return;
	}
	digits = strcspn(price->amount, ".");
	if (digits > strlen(PRICE_MAX) - 1 ||
	    (digits == strlen(PRICE_MAX) - 1 &&
	     strcmp(price->amount, PRICE_MAX "000000000000000000") > 0))
		ak_find_in(c->r, &price->at, "amount", NULL, "amount must be at most 10000000");
}

static void
line_check(struct checker *c, const struct ak_entry *service, const struct ak_entry *place)
{
	const struct ak_line *line = place->value;
	const char *profile = or_empty(line->profile);
	const struct ak_compute *compute = ak_get(&c->f->profiles.compute, profile);
	const struct ak_placement *p = ak_get(&c->f->profiles.placement, place->key);
	const struct ak_service *s = ak_get(&c->f->services, service->key);
	const char *path =
		arena_printf(c->r->arena, "deployment.%.60s.%.60s", service->key, place->key);
	const struct ak_expose *e = s != NULL ? s->expose.items : NULL;
	const struct akash_at at = { place->key_node, path };

	if (*place->key == '\0')
		ak_find(c->r, place->key_node, path, NULL, "a placement needs a name");
	if (compute == NULL)
		ak_find_in(c->r, line->at.node != NULL ? &line->at : &at, "profile",
			   "name one of profiles.compute", "there is no compute profile \"%.60s\"",
			   profile);
	else
		resources_check(c, compute, profile);
	c->f->partial = c->f->partial || compute == NULL || p == NULL;
	if (p == NULL)
		ak_find(c->r, place->key_node, path, NULL,
			"there is no placement profile \"%.60s\"", place->key);
	else if (compute != NULL)
		price_check(c, place, p, profile);
	if (s == NULL) {
		ak_find(c->r, service->key_node, path, NULL, "there is no service \"%.60s\"",
			service->key);
		return;
	}
	credentials_check(c, &s->credentials);
	for (size_t i = 0; i < s->expose.count; i++) {
		const struct ak_to *to = e[i].to.items;

		for (size_t k = 0; k < e[i].to.count; k++)
			if (*or_empty(to[k].ip) != '\0')
				use_add(c, &e[i], &to[k]);
	}
	if (compute != NULL && compute->resources.at.node != NULL)
		mounts_check(c, s, compute);
}

static void
reclamation_check(struct checker *c, struct akash *out)
{
	const struct ak_reclamation *k = &c->f->reclamation;
	int64_t ns = 0;

	if (!c->f->reclaims)
		return;
	if (!go_duration(or_empty(k->min_window), &ns))
		ak_find_in(c->r, &k->at, "min_window", "write min_window: 1h",
			   "\"%.40s\" is not a duration", or_empty(k->min_window));
	else if (ns <= 0)
		ak_find_in(c->r, &k->at, "min_window", NULL, "min_window must be above zero");
	else
		out->reclamation_ns = (uint64_t)ns;
}

void
ak_check_file(struct ak_file *f, struct akash *out)
{
	struct checker c = { .f = f, .r = f->r };
	const struct ak_entry *services = f->deployment.items;

	reclamation_check(&c, out);
	for (size_t i = 0; i < f->deployment.count; i++) {
		const struct akash_list *places = services[i].value;
		const struct ak_entry *lines = places->items;

		for (size_t k = 0; k < places->count && f->r->finding_count < AK_FINDINGS_MAX; k++)
			line_check(&c, &services[i], &lines[k]);
	}
	uses_check(&c);
	endpoints_check(&c);
}

/* ------------------------------------------------------------------ */
/* Groups: totals and denominations.                                   */

/* Nothing at all, for every count is 0: said where the counts are. */
static bool
counts_check(struct ak_file *f, const struct akash_group *g)
{
	const struct akash_service *s = g->services.items;

	for (size_t i = 0; i < g->services.count; i++)
		if (s[i].count > 0)
			return true;
	for (size_t i = 0; i < g->services.count; i++) {
		const struct akash_list *places = ak_get(&f->deployment, s[i].name);
		const struct ak_line *line = places != NULL ? ak_get(places, g->name) : NULL;

		ak_find_in(f->r, line != NULL && line->at.node != NULL ? &line->at : &g->at,
			   "count", "write count: 1", "the placement %.60s has no copy of anything",
			   g->name);
	}
	return false;
}

static void
totals_check(struct ak_file *f, const struct akash_group *g)
{
	struct ak_reader *r = f->r;
	const struct akash_unit *u = g->units.items;
	u128 cpu = 0, gpu = 0, memory = 0;

	if (!counts_check(f, g) || f->partial)
		return;
	for (size_t i = 0; i < g->units.count; i++) {
		cpu += (u128)u[i].resources.cpu_milli * u[i].count;
		gpu += (u128)u[i].resources.gpus * u[i].count;
		memory += (u128)u[i].resources.memory_bytes * u[i].count;
	}
	if (cpu == 0 || cpu > GROUP_CPU_MAX)
		ak_find(r, g->at.node, g->at.path, "write count: 1",
			"the placement %.60s must come to more than 0 and at most 19200 CPUs",
			g->name);
	if (gpu > GROUP_GPU_MAX)
		ak_find(r, g->at.node, g->at.path, NULL,
			"the placement %.60s must come to at most 1200 GPUs", g->name);
	if (memory == 0 || memory > 100 * (u128)TI)
		ak_find(r, g->at.node, g->at.path, NULL,
			"the placement %.60s must come to more than 0 and at most 100Ti of memory",
			g->name);
}

static void
denoms_check(struct ak_reader *r, const struct akash *out)
{
	const char *denom = NULL;

	for (size_t i = 0; i < out->group_count; i++) {
		const struct akash_group *g = &out->groups[i];
		const struct akash_unit *u = g->units.items;

		for (size_t k = 0; k < g->units.count; k++) {
			if (u[k].denom == NULL)
				continue;
			denom = denom != NULL ? denom : u[k].denom;
			if (strcmp(u[k].denom, denom) != 0)
				ak_find(r, g->at.node, g->at.path, "use one denom throughout",
					"prices in %.40s and in %.40s", denom, u[k].denom);
		}
	}
}

/* ------------------------------------------------------------------ */
/* The manifest: names, variables, ports, hosts.                       */

static bool
label_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z]([-a-z0-9]*[a-z0-9])? */
static bool
service_name_good(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || *name < 'a' || *name > 'z' || !label_byte(name[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!label_byte(name[i]) && name[i] != '-')
			return false;
	return true;
}

/* A subdomain of RFC 1123: labels of [a-z0-9]([-a-z0-9]*[a-z0-9])?, dots between. */
static bool
host_good(const char *host)
{
	size_t len = strlen(host);

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i == len - 1 || host[i - 1] == '.' || host[i + 1] == '.';

		if (label_byte(host[i]))
			continue;
		if (edge || (host[i] != '-' && host[i] != '.'))
			return false;
	}
	return true;
}

/* The name before =: [-._a-zA-Z][-._a-zA-Z0-9]*, not ".", nothing that begins "..". */
static bool
env_good(const char *env)
{
	size_t len = strcspn(env, "=");

	if (len == 0 || (env[0] >= '0' && env[0] <= '9') || (len == 1 && env[0] == '.') ||
	    (len >= 2 && env[0] == '.' && env[1] == '.'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!label_byte(env[i]) && !(env[i] >= 'A' && env[i] <= 'Z') &&
		    strchr("-._", env[i]) == NULL)
			return false;
	return true;
}

struct host {
	const char *name;
	const struct akash_expose *expose;
};

static int
host_order(const void *a, const void *b)
{
	return strcmp(((const struct host *)a)->name, ((const struct host *)b)->name);
}

static void
hosts_collect(struct ak_reader *r, const struct akash_service *s, struct akash_list *hosts)
{
	const struct akash_expose *x = s->exposes.items;

	for (size_t i = 0; i < s->exposes.count; i++) {
		const char **names = x[i].hosts.items;

		for (size_t k = 0; k < x[i].hosts.count; k++) {
			struct host *h = ak_push(r->arena, hosts, sizeof(*h));

			*h = (struct host){ names[k], &x[i] };
			if (!host_good(names[k]))
				ak_find_in(r, &x[i].at, "accept", NULL,
					   "\"%.100s\" is not a host name in lower case", names[k]);
		}
	}
}

static void
hosts_unique(struct ak_reader *r, struct akash_list *hosts)
{
	struct host *h = hosts->items;

	if (hosts->count > 0)
		qsort(h, hosts->count, sizeof(*h), host_order);
	for (size_t i = 1; i < hosts->count; i++)
		if (strcmp(h[i].name, h[i - 1].name) == 0)
			ak_find_in(r, &h[i].expose->at, "accept",
				   "name it once, in a port with one to:",
				   "the host %.100s is accepted twice", h[i].name);
}

/* Returns how many of its ports are open to the world. */
static size_t
service_check(struct ak_reader *r, const struct akash_service *s)
{
	const struct akash_expose *x = s->exposes.items;
	const char **env = s->env.items;
	size_t global = 0;

	if (!service_name_good(s->name))
		ak_find(r, s->at.node, s->at.path, NULL,
			"a service's name is a-z, 0-9 and -, begins with a letter and does not end "
			"with -");
	if (*s->image == '\0')
		ak_find_in(r, &s->at, "image", NULL, "image is missing");
	for (size_t i = 0; i < s->env.count; i++)
		if (!env_good(env[i]))
			ak_find_in(r, &s->at, "env", NULL, "\"%.*s\" is not a variable's name",
				   (int)MIN(strcspn(env[i], "="), 60u), env[i]);
	for (size_t i = 0; i < s->exposes.count; i++) {
		global += x[i].global;
		if (x[i].port == 0 || x[i].port > 65535)
			ak_find_in(r, &x[i].at, "port", NULL, "port must be 1 to 65535");
	}
	return global;
}

void
ak_check_groups(struct ak_file *f, const struct akash *out)
{
	struct akash_list hosts = { 0 };
	size_t global = 0;

	if (out->group_count == 0) {
		ak_find(f->r, NULL, "deployment", "write deployment: {web: {...}}",
			"nothing is deployed");
		return;
	}
	for (size_t i = 0; i < out->group_count; i++) {
		const struct akash_group *g = &out->groups[i];
		const struct akash_service *s = g->services.items;

		totals_check(f, g);
		for (size_t k = 0; k < g->services.count; k++) {
			global += service_check(f->r, &s[k]);
			hosts_collect(f->r, &s[k], &hosts);
		}
	}
	denoms_check(f->r, out);
	hosts_unique(f->r, &hosts);
	if (global == 0)
		ak_find(f->r, NULL, "services", "write to: [{global: true}] at one port",
			"no port is open to the world");
}
