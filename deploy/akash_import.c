/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_import.c - what Akash makes of a file to groups and manifests of our
 * own, as sdl_read() makes them of the same file. What cannot be leased here,
 * or means nothing here, becomes a finding; whether Akash takes the file is no
 * question any more.
 */
#include "deploy/akash_read.h"
#include "deploy/rules.h"
#include "deploy/sdl_units.h"

struct importer {
	struct ak_reader r, warned; /* what forbids a lease; what is only left out */
	const struct akash *in;
};

static void *
push(struct importer *m, struct json_list *list, size_t size)
{
	void *item;

	list->items = arena_grow(m->r.arena, list->items, list->count, size);
	item = (char *)list->items + list->count++ * size;
	memset(item, 0, size);
	return item;
}

static void
push_text(struct importer *m, struct json_strs *list, const char *text)
{
	list->items = arena_grow(m->r.arena, list->items, list->count, sizeof(*list->items));
	list->items[list->count++] = text;
}

static bool
has_text(const struct json_strs *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

static void
text_check(struct importer *m, const struct akash_at *at, const char *member, const char *text)
{
	if (!ak_text_good(text))
		ak_find_in(&m->r, at, member, NULL, "a text is UTF-8 without NUL");
}

/* The texts, each checked by the rule. */
static struct json_strs
texts_from(struct importer *m, const struct akash_list *in, const struct akash_at *at,
	   const char *member, const char *(*rule)(const char *))
{
	struct json_strs out = { NULL, 0 };
	const char **texts = in->items;

	for (size_t i = 0; i < in->count; i++) {
		const char *fault = rule(texts[i]);

		text_check(m, at, member, texts[i]);
		if (fault != NULL)
			ak_find_in(&m->r, at, member, NULL, "%s", fault);
		push_text(m, &out, texts[i]);
	}
	return out;
}

/* ------------------------------------------------------------------ */
/* Ports.                                                              */

/* A port as it is written: what its to: list comes to. */
struct port {
	const struct akash_expose *first;
	bool global;
	const char *ip;
	struct json_strs to;
};

static struct json_strs
names_but(struct importer *m, const struct akash_group *g, const char *own,
	  const struct json_strs *wanted)
{
	const struct akash_service *s = g->services.items;
	struct json_strs out = { NULL, 0 };

	for (size_t i = 0; i < g->services.count; i++)
		if (strcmp(s[i].name, own) != 0 &&
		    (wanted->count == 0 || has_text(wanted, s[i].name)))
			push_text(m, &out, s[i].name);
	return out;
}

static struct http_options
http_from(const struct akash_http *h)
{
	return (struct http_options){
		.max_body_bytes = h->max_body_size,
		.read_timeout_ms = h->read_timeout,
		.send_timeout_ms = h->send_timeout,
		.next_tries = h->next_tries,
		.next_timeout_ms = h->next_timeout,
		.next_cases = { h->next_cases.items, h->next_cases.count },
	};
}

static void
port_to(struct importer *m, const struct akash_group *g, const struct akash_expose *x,
	struct port *p)
{
	const struct akash_service *s = g->services.items;
	size_t i = 0;

	p->global = p->global || x->global;
	if (*x->ip != '\0' && p->ip != NULL && strcmp(p->ip, x->ip) != 0)
		ak_find_in(&m->r, &x->at, "to", "keep one", "a port is open at one address");
	if (*x->ip != '\0')
		p->ip = x->ip;
	if (*x->service == '\0')
		return;
	while (i < g->services.count && strcmp(s[i].name, x->service) != 0)
		i++;
	if (i == g->services.count)
		ak_find_in(&m->r, &x->at, "to", "name a service of the same placement",
			   "the service %.60s is not in the placement %.60s", x->service, g->name);
	push_text(m, &p->to, x->service);
}

static void
expose_add(struct importer *m, const struct port *p, bool global, struct json_strs to,
	   struct service *out)
{
	const struct akash_expose *x = p->first;
	uint32_t as = x->as != 0 ? x->as : x->port;
	bool http = global && !x->udp && as == 80 && p->ip == NULL;
	struct expose *e = push(m, &out->exposes, sizeof(*e));

	*e = (struct expose){
		.port = x->port,
		/* To the world the provider chooses, unless a port is wished for. */
		.as = global && !http && p->ip == NULL ? x->as : as,
		.proto = http	  ? "http"
			 : x->udp ? "udp"
				  : "tcp",
		.global = global,
		.to = to,
		.ip = global ? p->ip : NULL,
	};
	if (!http)
		return;
	e->hosts = texts_from(m, &x->hosts, &x->at, "accept", rule_host);
	e->http = http_from(&x->written);
}

static void
port_add(struct importer *m, const struct akash_group *g, const struct akash_service *s,
	 const struct port *p, struct service *out)
{
	const struct akash_expose *x = p->first;
	uint32_t as = x->as != 0 ? x->as : x->port;

	if (as > 65535)
		ak_find_in(&m->r, &x->at, "as", NULL, "as must be 1 to 65535, got %u", as);
	if (x->hosts.count > 0 && (!p->global || x->udp || as != 80))
		ak_find_in(&m->warned, &x->at, "accept",
			   "add as: 80 and to: [{global: true}], or leave accept out",
			   "accept goes with HTTP: tcp, as 80, global; it is left out");
	if (p->global) {
		expose_add(m, p, true, (struct json_strs){ NULL, 0 }, out);
		out->resources.endpoints++;
	}
	if (!p->global || p->to.count > 0)
		expose_add(m, p, false, names_but(m, g, s->name, &p->to), out);
}

/* Akash's exposes, sorted and one for each to:, back to ports as written. */
static void
ports_import(struct importer *m, const struct akash_group *g, const struct akash_service *s,
	     struct service *out)
{
	const struct akash_expose *x = s->exposes.items;
	size_t entries = 0;
	struct port *ports;

	for (size_t i = 0; i < s->exposes.count; i++)
		entries = MAX(entries, x[i].entry + 1);
	ports = arena_alloc(m->r.arena, entries * sizeof(*ports) + 1);
	for (size_t i = 0; i < s->exposes.count; i++) {
		struct port *p = &ports[x[i].entry];

		p->first = p->first != NULL ? p->first : &x[i];
		port_to(m, g, &x[i], p);
	}
	for (size_t i = 0; i < entries; i++)
		if (ports[i].first != NULL)
			port_add(m, g, s, &ports[i], out);
}

/* ------------------------------------------------------------------ */
/* Resources and volumes.                                              */

static const char *
attribute_of(const struct akash_list *list, const char *key)
{
	const struct akash_attribute *a = list->items;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(a[i].key, key) == 0)
			return a[i].value;
	return "";
}

/* NULL: part of the container's disk. */
static const char *
volume_class(struct importer *m, const struct akash_volume *v)
{
	const char *class = attribute_of(&v->attributes, "class");

	if (strcmp(attribute_of(&v->attributes, "persistent"), "true") == 0)
		return *class != '\0' ? class : "default";
	if (*class != '\0' && strcmp(class, "ram") != 0)
		ak_find_in(&m->r, &v->at, "attributes",
			   "leave class out, or write persistent: true",
			   "storage that is not persistent has no class");
	return strcmp(class, "ram") == 0 ? class : NULL;
}

static struct resources
resources_import(struct importer *m, const struct akash_resources *in)
{
	struct resources out = { .cpu_milli = in->cpu_milli,
				 .memory_bytes = in->memory_bytes,
				 .gpus = (uint32_t)in->gpus };
	const struct akash_volume *v = in->volumes.items;

	for (size_t i = 0; i < in->volumes.count; i++) {
		const char *class = volume_class(m, &v[i]);

		if (class == NULL)
			out.storage_bytes += v[i].bytes;
		else if (strcmp(class, "ram") == 0)
			out.memory_bytes += v[i].bytes;
		else
			out.persistent_bytes += v[i].bytes;
	}
	if (out.storage_bytes == 0)
		out.storage_bytes = DISK_BYTES_DEFAULT;
	return out;
}

static int
volume_order(const void *a, const void *b)
{
	return strcmp(((const struct volume *)a)->name, ((const struct volume *)b)->name);
}

static void
volumes_import(struct importer *m, const struct akash_resources *in, struct group_service *out)
{
	const struct akash_volume *v = in->volumes.items;

	for (size_t i = 0; i < in->volumes.count; i++) {
		const char *class = volume_class(m, &v[i]);

		if (class != NULL && strcmp(class, "ram") != 0)
			*(struct volume *)push(m, &out->volumes, sizeof(struct volume)) =
				(struct volume){ v[i].name, v[i].bytes, class };
	}
	if (out->volumes.count > 0)
		qsort(out->volumes.items, out->volumes.count, sizeof(struct volume), volume_order);
}

/* As they stand in the file; Akash has them by name. */
static bool
mount_less(const void *a, const void *b)
{
	const struct yaml_tree *x = ((const struct akash_mount *)a)->at.node;
	const struct yaml_tree *y = ((const struct akash_mount *)b)->at.node;

	return x->line != y->line ? x->line < y->line : x->column < y->column;
}

static const char *
mount_cure(const char *path)
{
	return strcmp(path, SHM_PATH) == 0
		       ? "write attributes: {persistent: false, class: ram} at the volume"
		       : "write a place of its own, such as mount: /data";
}

static void
mounts_import(struct importer *m, const struct akash_service *s, struct service *out)
{
	const struct akash_volume *v = s->resources.volumes.items;
	struct akash_mount *mounts =
		s->mounts.count > 0
			? arena_copy(m->r.arena, s->mounts.items, s->mounts.count * sizeof(*mounts))
			: NULL;

	go_sort_stable(mounts, s->mounts.count, sizeof(*mounts), mount_less);
	for (size_t i = 0; i < s->mounts.count; i++) {
		struct mount *mount = push(m, &out->mounts, sizeof(*mount));
		const char *fault;

		*mount = (struct mount){ mounts[i].volume, mounts[i].path, mounts[i].readonly, NULL,
					 0 };
		for (size_t k = 0; k < s->resources.volumes.count; k++)
			if (strcmp(v[k].name, mount->volume) == 0)
				mount->class = volume_class(m, &v[k]);
		for (size_t k = 0; k < s->resources.volumes.count; k++)
			if (strcmp(v[k].name, mount->volume) == 0 && mount->class != NULL)
				mount->bytes = v[k].bytes;
		fault = rule_mount_path(mount->path, is_ram(mount->class));
		if (fault != NULL)
			ak_find_in(&m->r, &mounts[i].at, "mount", mount_cure(mount->path), "%s",
				   fault);
		if (is_ram(mount->class) && mount->readonly)
			ak_find_in(&m->r, &mounts[i].at, "readOnly", "leave readOnly out",
				   "memory that nobody can write holds nothing");
	}
}

/* What is not on the disk must be somewhere. */
static void
mounts_complete(struct importer *m, const struct akash_service *s)
{
	const struct akash_volume *v = s->resources.volumes.items;
	const struct akash_mount *mounts = s->mounts.items;

	for (size_t i = 0; i < s->resources.volumes.count; i++) {
		size_t k = 0;

		if (volume_class(m, &v[i]) == NULL)
			continue;
		while (k < s->mounts.count && strcmp(mounts[k].volume, v[i].name) != 0)
			k++;
		if (k == s->mounts.count)
			ak_find_in(&m->r, &s->at, "params",
				   "add params: {storage: {VOLUME: {mount: /path}}}",
				   "the volume %.60s is mounted nowhere", v[i].name);
	}
}

/* vendor/nvidia/model/a100/ram/80Gi/interface/sxm to nvidia/a100/80Gi/sxm. */
static const char *
gpu_word(struct importer *m, const char *key)
{
	static const char *const marks[] = { "/ram/", "/interface/" };
	const char *model = key + strlen("vendor/nvidia/model/");
	char *out;

	if (strcmp(model, "*") == 0 || *model == '\0')
		return "nvidia";
	out = arena_printf(m->r.arena, "nvidia/%s", model);
	for (size_t i = 0; i < NELEMS(marks); i++) {
		char *at = strstr(out, marks[i]);

		if (at != NULL)
			memmove(at + 1, at + strlen(marks[i]), strlen(at + strlen(marks[i])) + 1);
	}
	return out;
}

/* ------------------------------------------------------------------ */
/* Services.                                                           */

static void
env_import(struct importer *m, const struct akash_service *s, struct service *out)
{
	const char **env = s->env.items;

	for (size_t i = 0; i < s->env.count; i++) {
		size_t len = strcspn(env[i], "=");
		const char *text =
			env[i][len] == '=' ? env[i] : arena_printf(m->r.arena, "%s=", env[i]);
		const char *fault = rule_env(text);

		text_check(m, &s->at, "env", text);
		if (fault != NULL)
			ak_find_in(&m->r, &s->at, "env", NULL, "%s", fault);
		for (size_t k = 0; k < out->env.count; k++)
			if (strncmp(out->env.items[k], text, len + 1) == 0)
				ak_find_in(&m->r, &s->at, "env", "keep one of them",
					   "the variable %.*s stands twice", (int)MIN(len, 60u),
					   text);
		push_text(m, &out->env, text);
	}
}

static void
service_import(struct importer *m, const struct akash_group *g, const struct akash_service *s,
	       struct service *out)
{
	const char *fault = rule_image(s->image);

	if (fault != NULL)
		ak_find_in(&m->r, &s->at, "image", "write name:tag or name@sha256:digest", "%s",
			   fault);
	fault = rule_name(s->name);
	if (fault != NULL)
		ak_find(&m->r, s->at.node, s->at.path, NULL, "%s", fault);
	if (s->count == 0 || s->count > SERVICE_COUNT_MAX)
		ak_find(&m->r, s->at.node, s->at.path, NULL,
			"count must be 1 to %u, got %u in the placement %.60s", SERVICE_COUNT_MAX,
			s->count, g->name);
	if (s->permissions)
		ak_find_in(&m->r, &s->at, "params",
			   "leave permissions out: a workload here has no cluster to read from",
			   "permissions cannot be leased here");
	*out = (struct service){
		.name = s->name,
		.image = s->image,
		.command = texts_from(m, &s->command, &s->at, "command", rule_argument),
		.args = texts_from(m, &s->args, &s->at, "args", rule_argument),
		.count = s->count,
		.resources = resources_import(m, &s->resources),
	};
	if (s->private) {
		text_check(m, &s->at, "credentials", s->credentials.host);
		text_check(m, &s->at, "credentials", s->credentials.username);
		text_check(m, &s->at, "credentials", s->credentials.password);
		out->registry_host = s->credentials.host;
		out->registry_user = s->credentials.username;
		out->registry_password = s->credentials.password;
	}
	env_import(m, s, out);
	ports_import(m, g, s, out);
	mounts_import(m, s, out);
	mounts_complete(m, s);
}

/* ------------------------------------------------------------------ */
/* Groups.                                                             */

/* Auditors here are addresses; those of Akash mean nothing to our market, and
 * nearly every file names them. What begins like an address must be one. */
static struct json_strs
auditors_import(struct importer *m, const struct akash_group *g, const struct akash_list *in)
{
	struct json_strs out = { NULL, 0 };
	const char **texts = in->items;

	for (size_t i = 0; i < in->count; i++) {
		struct address address;
		struct err why = ERR_NONE;

		if (strncmp(texts[i], "0x", 2) != 0) {
			ak_find_in(&m->warned, &g->at, "signedBy",
				   "name auditors of this market, or leave signedBy out",
				   "the auditor %.60s is not of this market and left out",
				   texts[i]);
			continue;
		}
		if (address_read(texts[i], &address, &why) < 0)
			ak_find_in(&m->r, &g->at, "signedBy", "name one of this market",
				   "an auditor is an address, 0x and 40 digits");
		push_text(m, &out, texts[i]);
	}
	return out;
}

/* In the order of keys, once. */
static void
attribute_add(struct importer *m, struct json_list *list, const char *key, const char *value)
{
	struct attribute *a = list->items;
	size_t k = 0;

	while (k < list->count && strcmp(a[k].key, key) < 0)
		k++;
	if (k < list->count && strcmp(a[k].key, key) == 0)
		return;
	push(m, list, sizeof(*a));
	a = list->items;
	memmove(a + k + 1, a + k, (list->count - 1 - k) * sizeof(*a));
	a[k] = (struct attribute){ key, value };
}

static void
attributes_import(struct importer *m, const struct akash_group *g, struct group *out)
{
	const struct akash_attribute *a = g->attributes.items;
	const struct akash_service *s = g->services.items;

	for (size_t i = 0; i < g->attributes.count; i++) {
		text_check(m, &g->at, "attributes", a[i].key);
		text_check(m, &g->at, "attributes", a[i].value);
		attribute_add(m, &out->attributes, a[i].key, a[i].value);
	}
	for (size_t i = 0; i < g->services.count; i++) {
		const char *arch = attribute_of(&s[i].resources.cpu_attributes, "arch");

		if (*arch != '\0' && strcmp(arch, "amd64") != 0)
			attribute_add(m, &out->attributes, "arch", arch);
	}
}

static uint32_t
ips_count(struct importer *m, const struct akash_group *g)
{
	const struct akash_service *s = g->services.items;
	struct json_strs seen = { NULL, 0 };

	for (size_t i = 0; i < g->services.count; i++) {
		const struct akash_expose *x = s[i].exposes.items;

		for (size_t k = 0; k < s[i].exposes.count; k++)
			if (*x[k].ip != '\0' && !has_text(&seen, x[k].ip))
				push_text(m, &seen, x[k].ip);
	}
	return (uint32_t)seen.count;
}

static void
rate_add(struct importer *m, const struct akash_service *s, struct sdl_placement *out)
{
	struct rate rate = { 0 };
	const char *fault = sdl_block_rate_read(s->amount, &rate);

	if (fault != NULL)
		ak_find(&m->r, s->at.node, s->at.path, NULL, "%s", fault);
	out->max_rate.nano += rate.nano * s->count;
}

static void
group_import(struct importer *m, const struct akash_group *g, struct sdl_placement *out)
{
	const struct akash_service *s = g->services.items;
	size_t before = m->r.finding_count;
	struct err why = ERR_NONE;

	out->group.name = out->manifest.group = g->name;
	out->group.billing = "reserved";
	out->group.signed_by = auditors_import(m, g, &g->all_of);
	out->group.signed_any = auditors_import(m, g, &g->any_of);
	out->group.reclaim_s = (uint32_t)(m->in->reclamation_ns / 1000000000u);
	out->group.ips = ips_count(m, g);
	out->denom = s[0].denom;
	attributes_import(m, g, &out->group);
	for (size_t i = 0; i < g->services.count; i++) {
		struct service *made = push(m, &out->manifest.services, sizeof(*made));
		struct group_service *in_group = push(m, &out->group.services, sizeof(*in_group));
		const char **keys = s[i].resources.gpu_keys.items;

		service_import(m, g, &s[i], made);
		*in_group = (struct group_service){ .name = made->name,
						    .count = made->count,
						    .resources = made->resources };
		for (size_t k = 0; k < s[i].resources.gpu_keys.count; k++)
			push_text(m, &in_group->gpus, gpu_word(m, keys[k]));
		volumes_import(m, &s[i].resources, in_group);
		rate_add(m, &s[i], out);
	}
	out->group.manifest = manifest_hash(&out->manifest);
	/* Whatever rule is left, by its own words. */
	if (m->r.finding_count == before &&
	    (manifest_check(&out->manifest, &why) < 0 || group_check(&out->group, &why) < 0))
		ak_find(&m->r, g->at.node, g->at.path, NULL, "%s", why.text);
}

/* Both kinds in the order of the file. */
static void
findings_take(struct importer *m, struct sdl *out)
{
	size_t errors = m->r.finding_count, warnings = m->warned.finding_count;
	struct ak_reader all = { .arena = m->r.arena, .finding_count = errors + warnings };

	all.findings = arena_alloc(all.arena, (errors + warnings + 1) * sizeof(*all.findings));
	for (size_t i = 0; i < errors; i++)
		all.findings[i] = m->r.findings[i];
	for (size_t i = 0; i < warnings; i++) {
		all.findings[errors + i] = m->warned.findings[i];
		all.findings[errors + i].warning = true;
	}
	ak_findings_sort(&all);
	out->findings = all.findings;
	out->finding_count = all.finding_count;
}

#define PLACES_MAX 16u

int
akash_import(struct arena *a, const struct akash *in, struct sdl *out, struct err *e)
{
	struct importer m = { .r = { .arena = a }, .warned = { .arena = a }, .in = in };

	*out = (struct sdl){ 0 };
	if (in->group_count > PLACES_MAX)
		ak_find(&m.r, NULL, "deployment", NULL, "%zu placements, at most %u",
			in->group_count, PLACES_MAX);
	if (in->reclamation_ns / 1000000000u > RECLAIM_S_MAX ||
	    in->reclamation_ns % 1000000000u != 0)
		ak_find(&m.r, NULL, "reclamation.min_window", NULL,
			"min_window is whole seconds, at most %u", RECLAIM_S_MAX);
	out->placements = arena_alloc(a, (in->group_count + 1) * sizeof(*out->placements));
	for (size_t i = 0; i < in->group_count && m.r.finding_count < AK_FINDINGS_MAX; i++) {
		const struct akash_service *s = in->groups[i].services.items;

		if (in->groups[i].services.count > GROUP_SERVICES_MAX) {
			ak_find(&m.r, s->at.node, in->groups[i].at.path, "use a second placement",
				"%zu services in one placement, at most %u",
				in->groups[i].services.count, GROUP_SERVICES_MAX);
			continue;
		}
		group_import(&m, &in->groups[i], &out->placements[i]);
	}
	ak_findings_sort(&m.r);
	findings_take(&m, out);
	if (m.r.finding_count == 0) {
		out->placement_count = in->group_count;
		return 0;
	}
	return err_set(e, &SDL_INVALID, "%s: %.160s (%zu finding%s)", m.r.findings[0].path,
		       m.r.findings[0].rule, m.r.finding_count, m.r.finding_count == 1 ? "" : "s");
}
