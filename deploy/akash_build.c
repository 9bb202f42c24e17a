/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_build.c - groups and manifest of what the deployment section names, in
 * Akash's order and with its numbering. Runs before references are checked:
 * what is missing is taken as empty here and found by akash_check.c.
 */
#include "deploy/akash_read.h"

#include <strings.h>

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* ------------------------------------------------------------------ */
/* Sequence numbers of leased addresses.                               */

struct numbers {
	const char **names; /* sorted; a name has the number of its last place */
	size_t count;
};

static int
name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One for each use, and one for each use that is not global and names none:
 * so the numbers have gaps, and begin above 1. */
static struct numbers
numbers_collect(struct ak_file *f)
{
	struct numbers n = { 0 };
	const struct ak_entry *services = f->deployment.items;

	for (size_t i = 0; i < f->deployment.count; i++) {
		const struct ak_service *s = ak_get(&f->services, services[i].key);
		const struct ak_expose *e = s != NULL ? s->expose.items : NULL;

		for (size_t k = 0; s != NULL && k < s->expose.count; k++) {
			const struct ak_to *to = e[k].to.items;

			for (size_t t = 0; t < e[k].to.count; t++) {
				if (to[t].global && *or_empty(to[t].ip) == '\0')
					continue;
				n.names =
					arena_grow(f->r->arena, n.names, n.count, sizeof(*n.names));
				n.names[n.count++] = or_empty(to[t].ip);
			}
		}
	}
	if (n.count > 0)
		qsort(n.names, n.count, sizeof(*n.names), name_order);
	return n;
}

static uint32_t
number_of(const struct numbers *n, const char *name)
{
	size_t low = 0, high = n->count;

	/* The first that is greater. */
	while (low < high) {
		size_t h = low + (high - low) / 2;

		if (strcmp(n->names[h], name) <= 0)
			low = h + 1;
		else
			high = h;
	}
	return low > 0 && strcmp(n->names[low - 1], name) == 0 ? (uint32_t)low : 0;
}

/* What stands once in the file may be deployed to many places. False, with a
 * finding: too much is made of it. */
static bool
room(struct ak_file *f, size_t things)
{
	f->built += things;
	if (f->built <= AK_BUILT_MAX)
		return true;
	if (!f->r->stop)
		ak_find(f->r, NULL, "deployment", NULL,
			"what is deployed comes to more than %u parts", AK_BUILT_MAX);
	f->r->stop = true;
	return false;
}

/* ------------------------------------------------------------------ */
/* Exposes and endpoints.                                              */

#define BODY_MAX   104857600u
#define BODY	   1048576u
#define BUFFER_MAX 1048576u
#define WAIT_MS	   60000u
#define TRIES	   3u

static void
http_limit(struct ak_file *f, const struct ak_expose *e, const char *name, uint32_t value,
	   uint32_t most)
{
	const struct akash_at *at = e->http.at.node != NULL ? &e->http.at : &e->at;

	if (value > most)
		ak_find_in(f->r, at, name, NULL, "%s must be at most %u", name, most);
}

static bool
next_case_known(const char *word)
{
	static const char *const cases[] = { "error", "timeout", "500", "502", "503",
					     "504",   "403",	 "404", "429", "off" };

	for (size_t i = 0; i < NELEMS(cases); i++)
		if (strcmp(word, cases[i]) == 0)
			return true;
	return false;
}

static struct akash_list
next_cases_from(struct ak_file *f, const struct ak_expose *e)
{
	static const char *usual[] = { "error", "timeout" };
	const struct akash_list *in = &e->http.next_cases;
	const char **words = in->items;

	if (in->count == 0)
		return (struct akash_list){ usual, 2, true };
	for (size_t i = 0; i < in->count; i++) {
		if (!next_case_known(words[i]))
			ak_find_in(f->r, &e->http.at, "next_cases", NULL,
				   "\"%.40s\" is no case for the next server", words[i]);
		if (strcmp(words[i], "off") == 0 && in->count > 1)
			ak_find_in(f->r, &e->http.at, "next_cases", NULL, "off must stand alone");
	}
	return *in;
}

static struct akash_http
http_from(struct ak_file *f, const struct ak_expose *e)
{
	const struct ak_http *h = &e->http;

	http_limit(f, e, "max_body_size", h->max_body_size, BODY_MAX);
	http_limit(f, e, "proxy_buffer_size", h->proxy_buffer_size, BUFFER_MAX);
	http_limit(f, e, "read_timeout", h->read_timeout, WAIT_MS);
	http_limit(f, e, "send_timeout", h->send_timeout, WAIT_MS);
	return (struct akash_http){
		.max_body_size = h->max_body_size > 0 ? h->max_body_size : BODY,
		.read_timeout = h->read_timeout > 0 ? h->read_timeout : WAIT_MS,
		.send_timeout = h->send_timeout > 0 ? h->send_timeout : WAIT_MS,
		.next_tries = h->next_tries > 0 ? h->next_tries : TRIES,
		.next_timeout = h->next_timeout,
		.proxy_buffer_size = h->proxy_buffer_size,
		.next_cases = next_cases_from(f, e),
	};
}

static struct akash_http
http_written(const struct ak_http *h)
{
	return (struct akash_http){ h->max_body_size, h->read_timeout, h->send_timeout,
				    h->next_tries,    h->next_timeout, h->proxy_buffer_size,
				    h->next_cases };
}

/* Upper case as Unicode has it: U+0131 and U+017F become I and S, neither of
 * which is in TCP or UDP. */
static bool
proto_udp(struct ak_file *f, const struct ak_expose *e)
{
	const char *proto = or_empty(e->proto);

	if (strcasecmp(proto, "udp") == 0)
		return true;
	if (*proto != '\0' && strcasecmp(proto, "tcp") != 0)
		ak_find_in(f->r, &e->at, "proto", "use tcp or udp", "unknown protocol \"%.40s\"",
			   proto);
	return false;
}

static void
expose_add(struct ak_file *f, const struct ak_expose *e, size_t entry, const struct ak_to *to,
	   const struct numbers *numbers, struct akash_list *out)
{
	struct akash_expose x = {
		.at = e->at,
		.port = e->port,
		.as = e->as,
		.udp = proto_udp(f, e),
		.service = to != NULL ? or_empty(to->service) : "",
		.ip = to != NULL ? or_empty(to->ip) : "",
		.global = to != NULL && to->global,
		.hosts = e->accept,
		.http = http_from(f, e),
		.written = http_written(&e->http),
		.entry = entry,
	};

	if (x.global && *x.ip != '\0')
		x.sequence = number_of(numbers, x.ip);
	*(struct akash_expose *)ak_push(f->r->arena, out, sizeof(x)) = x;
}

static bool
expose_less(const void *a, const void *b)
{
	const struct akash_expose *x = a, *y = b;
	int order = strcmp(x->service, y->service);

	if (order != 0)
		return order < 0;
	if (x->port != y->port)
		return x->port < y->port;
	if (x->udp != y->udp)
		return y->udp;
	return x->global && !y->global;
}

/* One for each to; one that is open to nobody when there is none. */
static struct akash_list
exposes_from(struct ak_file *f, const struct ak_service *s, const struct numbers *numbers)
{
	struct akash_list out = { .made = true };
	const struct ak_expose *e = s->expose.items;

	for (size_t i = 0; i < s->expose.count && room(f, e[i].to.count + 1); i++) {
		const struct ak_to *to = e[i].to.items;

		if (e[i].to.count == 0)
			expose_add(f, &e[i], i, NULL, numbers, &out);
		for (size_t k = 0; k < e[i].to.count; k++)
			expose_add(f, &e[i], i, &to[k], numbers, &out);
	}
	go_sort(out.items, out.count, sizeof(struct akash_expose), expose_less);
	return out;
}

static void
endpoint_add(struct arena *a, struct akash_list *list, enum akash_kind kind, uint32_t sequence)
{
	struct akash_endpoint *e = ak_push(a, list, sizeof(*e));

	e->kind = kind;
	e->sequence = sequence;
}

/* A leased address stands behind its port, unless its number is 0. */
static struct akash_list
endpoints_of(struct arena *a, const struct akash_list *exposes)
{
	struct akash_list out = { .made = true };
	const struct akash_expose *e = exposes->items;

	for (size_t i = 0; i < exposes->count; i++) {
		bool ingress = !e[i].udp && (e[i].as != 0 ? e[i].as : e[i].port) == 80;
		bool leased = *e[i].ip != '\0';

		if (!e[i].global)
			continue;
		if (leased && e[i].sequence == 0)
			endpoint_add(a, &out, AKASH_LEASED_IP, 0);
		endpoint_add(a, &out, ingress ? AKASH_SHARED_HTTP : AKASH_RANDOM_PORT, 0);
		if (leased && e[i].sequence != 0)
			endpoint_add(a, &out, AKASH_LEASED_IP, e[i].sequence);
	}
	return out;
}

static bool
endpoint_less(const void *a, const void *b)
{
	const struct akash_endpoint *x = a, *y = b;

	return x->sequence < y->sequence;
}

/* ------------------------------------------------------------------ */
/* Resources and units.                                                */

static struct akash_resources
resources_from(struct arena *a, const struct ak_compute *c)
{
	struct akash_resources out = { 0 };
	const struct ak_volume *v;

	if (c == NULL || c->resources.at.node == NULL)
		return out;
	out.cpu_milli = c->resources.cpu.units;
	out.cpu_attributes = c->resources.cpu.attributes;
	out.memory_bytes = c->resources.memory.size;
	out.gpus = c->resources.gpu.units;
	out.gpu_attributes = c->resources.gpu.attributes;
	out.gpu_keys = c->resources.gpu.keys;
	v = c->resources.storage.items;
	for (size_t i = 0; i < c->resources.storage.count; i++) {
		struct akash_volume *w = ak_push(a, &out.volumes, sizeof(*w));

		*w = (struct akash_volume){ v[i].at, v[i].name, v[i].size, v[i].attributes };
	}
	return out;
}

struct builder {
	struct ak_file *f;
	struct numbers numbers;
	struct akash_list groups; /* of struct akash_group, by name at the end */
	const struct ak_entry *service_entry;
	const struct ak_entry *line_entry;
	const struct ak_service *service;
	const struct ak_line *line;
	const struct ak_compute *compute;
	const struct ak_price *price;
};

static struct akash_unit *
unit_bound(const struct builder *b, const struct akash_group *g)
{
	const struct akash_service *s = g->services.items;
	struct akash_unit *units = g->units.items;

	if (!b->f->merging)
		return NULL;
	for (size_t i = 0; i < g->services.count; i++)
		if (strcmp(s[i].profile, or_empty(b->line->profile)) == 0)
			return &units[s[i].resources.id - 1];
	return NULL;
}

/* The unit that the service belongs to: one of its own, or in 2.1 that of
 * those before it with the same profile. */
static void
unit_join(struct builder *b, struct akash_group *g, struct akash_resources *resources)
{
	struct arena *a = b->f->r->arena;
	struct akash_unit *unit = unit_bound(b, g);
	const struct akash_endpoint *e = resources->endpoints.items;

	if (unit == NULL) {
		unit = ak_push(a, &g->units, sizeof(*unit));
		resources->id = (uint32_t)g->units.count;
		unit->resources = *resources;
		unit->resources.endpoints = (struct akash_list){ .made = true };
		unit->count = b->line->count;
		unit->denom = b->price != NULL ? b->price->denom : NULL;
		unit->amount = b->price != NULL ? b->price->amount : NULL;
		for (size_t i = 0; i < resources->endpoints.count; i++)
			endpoint_add(a, &unit->resources.endpoints, e[i].kind, e[i].sequence);
		return;
	}
	resources->id = unit->resources.id;
	unit->count += b->line->count; /* as in Go, modulo 2^32 */
	for (size_t i = 0; i < resources->endpoints.count; i++)
		endpoint_add(a, &unit->resources.endpoints, e[i].kind, e[i].sequence);
	go_sort(unit->resources.endpoints.items, unit->resources.endpoints.count,
		sizeof(struct akash_endpoint), endpoint_less);
}

/* ------------------------------------------------------------------ */
/* Services and groups.                                                */

static bool
attribute_less(const void *a, const void *b)
{
	const struct akash_attribute *x = a, *y = b;

	return strcmp(x->key, y->key) < 0;
}

/* A confidential computer is one more thing that the provider must have. */
static void
tee_require(struct builder *b, struct akash_group *g)
{
	const struct ak_params *p = &b->service->params;
	const char *tee = or_empty(p->tee);
	struct akash_service *others = g->services.items;
	struct akash_attribute *t;
	struct akash_list own = { 0 };

	if (*tee == '\0')
		return;
	if (strcmp(tee, "cpu") != 0 && strcmp(tee, "cpu-gpu") != 0) {
		ak_find_in(b->f->r, &p->at, "tee", "use cpu or cpu-gpu",
			   "there is no tee \"%.40s\"", tee);
		return;
	}
	if (strcmp(tee, "cpu-gpu") == 0 &&
	    (b->compute == NULL || b->compute->resources.gpu.units == 0))
		ak_find_in(b->f->r, &p->at, "tee", NULL, "cpu-gpu needs GPUs in the profile");
	for (size_t i = 0; i < g->services.count; i++) {
		if (*others[i].tee == '\0')
			continue;
		if (strcmp(others[i].tee, tee) != 0)
			ak_find_in(b->f->r, &p->at, "tee", NULL,
				   "%.60s has another tee in the same placement", others[i].name);
		return;
	}
	/* A copy: the placement's list is not ours. */
	for (size_t i = 0; i < g->attributes.count; i++)
		*(struct akash_attribute *)ak_push(b->f->r->arena, &own, sizeof(*t)) =
			((struct akash_attribute *)g->attributes.items)[i];
	t = ak_push(b->f->r->arena, &own, sizeof(*t));
	*t = (struct akash_attribute){ "tee/type", tee };
	go_sort(own.items, own.count, sizeof(*t), attribute_less);
	g->attributes = own;
}

static struct akash_credentials
credentials_from(const struct builder *b)
{
	const struct ak_credentials *c = &b->service->credentials;
	struct arena *a = b->f->r->arena;
	struct akash_credentials out = { or_empty(c->host), "", or_empty(c->username),
					 or_empty(c->password) };

	if (!b->f->merging || c->at.node == NULL)
		return out;
	out.host = go_trim(a, out.host);
	out.email = go_trim(a, or_empty(c->email));
	out.username = go_trim(a, out.username);
	out.password = go_trim(a, out.password);
	return out;
}

static struct akash_list
mounts_from(struct arena *a, const struct ak_params *p)
{
	struct akash_list out = { 0 };
	const struct ak_entry *e = p->storage.items;

	for (size_t i = 0; i < p->storage.count; i++) {
		const struct ak_mount *m = e[i].value;
		struct akash_mount *n = ak_push(a, &out, sizeof(*n));

		*n = (struct akash_mount){ m->at, e[i].key, or_empty(m->mount), m->readonly };
	}
	return out;
}

static void
service_add(struct builder *b, struct akash_group *g)
{
	struct arena *a = b->f->r->arena;
	const struct ak_service *s = b->service;
	struct akash_service out = {
		.at = s->at,
		.name = b->service_entry->key,
		.image = or_empty(s->image),
		.command = s->command,
		.args = s->args,
		.env = s->env,
		.count = b->line->count,
		.exposes = exposes_from(b->f, s, &b->numbers),
		.resources = resources_from(a, b->compute),
		.params = s->params.at.node != NULL,
		.mounts = mounts_from(a, &s->params),
		.permissions = s->params.permissions.at.node != NULL,
		.read = s->params.permissions.read,
		.tee = or_empty(s->params.tee),
		.private = s->credentials.at.node != NULL,
		.credentials = credentials_from(b),
		.profile = or_empty(b->line->profile),
		.denom = b->price != NULL ? b->price->denom : NULL,
		.amount = b->price != NULL ? b->price->amount : NULL,
	};

	out.resources.endpoints = endpoints_of(a, &out.exposes);
	unit_join(b, g, &out.resources);
	*(struct akash_service *)ak_push(a, &g->services, sizeof(out)) = out;
}

static struct akash_group *
group_for(struct builder *b, const struct ak_placement *p)
{
	struct akash_group *g = b->groups.items;

	for (size_t i = 0; i < b->groups.count; i++)
		if (strcmp(g[i].name, b->line_entry->key) == 0)
			return &g[i];
	g = ak_push(b->f->r->arena, &b->groups, sizeof(*g));
	g->name = b->line_entry->key;
	g->at = (struct akash_at){ b->line_entry->key_node, "deployment" };
	if (p != NULL) {
		g->at = p->at.node != NULL ? p->at : g->at;
		g->attributes = p->attributes;
		g->all_of = p->signed_by.all_of;
		g->any_of = p->signed_by.any_of;
	}
	return g;
}

static int
group_order(const void *a, const void *b)
{
	return strcmp(((const struct akash_group *)a)->name, ((const struct akash_group *)b)->name);
}

static size_t
line_parts(const struct ak_file *f, const struct ak_line *line)
{
	const struct ak_compute *c = ak_get(&f->profiles.compute, or_empty(line->profile));

	return 1 + (c != NULL ? c->resources.storage.count : 0);
}

void
ak_build(struct ak_file *f, struct akash *out)
{
	static const struct ak_service nothing;
	struct builder b = { .f = f, .numbers = numbers_collect(f) };
	const struct ak_entry *services = f->deployment.items;

	for (size_t i = 0; i < f->deployment.count; i++) {
		const struct akash_list *places = services[i].value;
		const struct ak_entry *lines = places->items;

		b.service_entry = &services[i];
		b.service = ak_get(&f->services, services[i].key);
		b.service = b.service != NULL ? b.service : &nothing;
		for (size_t k = 0; k < places->count && room(f, line_parts(f, lines[k].value));
		     k++) {
			const struct ak_placement *p = ak_get(&f->profiles.placement, lines[k].key);
			struct akash_group *g;

			b.line_entry = &lines[k];
			b.line = lines[k].value;
			b.compute = ak_get(&f->profiles.compute, or_empty(b.line->profile));
			b.price = p != NULL ? ak_get(&p->pricing, or_empty(b.line->profile)) : NULL;
			g = group_for(&b, p);
			tee_require(&b, g);
			service_add(&b, g);
		}
	}
	if (b.groups.count > 0)
		qsort(b.groups.items, b.groups.count, sizeof(struct akash_group), group_order);
	out->groups = b.groups.items;
	out->group_count = b.groups.count;
}
