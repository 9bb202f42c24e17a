/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl.c - the whole deployment file: its top level, the section deployment that
 * ties services to profiles, and groups and manifests made of them.
 *
 * Strict where Akash is not: an unknown key is refused, and so is everything
 * that could not be kept: a tenant must not pay for what he did not get.
 * akash.h reads a file as Akash does.
 */
#include "sdl.h"

#include "deploy/sdl_read.h"
#include "lib/yaml.h"

const struct code SDL_INVALID = { "sdl_invalid", INVALID, "the deployment file has faults" };

#define PLACES_MAX 16u

static struct sdl_service *
services(const struct sdl_reader *r)
{
	return r->services.items;
}

const struct sdl_service *
sdl_service_named(const struct sdl_reader *r, const char *name)
{
	for (size_t i = 0; i < r->services.count; i++)
		if (strcmp(services(r)[i].service.name, name) == 0)
			return &services(r)[i];
	return NULL;
}

const char *
sdl_nearest_service(struct sdl_reader *r, const char *name)
{
	return sdl_one_of(r, name, r->services.count > 0 ? &services(r)->service.name : NULL,
			  r->services.count, sizeof(struct sdl_service));
}

static const struct sdl_compute *
compute_named(const struct sdl_reader *r, const char *name)
{
	const struct sdl_compute *c = r->computes.items;

	for (size_t i = 0; i < r->computes.count; i++)
		if (strcmp(c[i].name, name) == 0)
			return &c[i];
	return NULL;
}

static struct sdl_place *
place_named(const struct sdl_reader *r, const char *name)
{
	struct sdl_place *p = r->places.items;

	for (size_t i = 0; i < r->places.count; i++)
		if (strcmp(p[i].name, name) == 0)
			return &p[i];
	return NULL;
}

static const struct sdl_price *
price_of(const struct sdl_place *place, const char *profile)
{
	const struct sdl_price *p = place->prices.items;

	for (size_t i = 0; i < place->prices.count; i++)
		if (strcmp(p[i].profile, profile) == 0)
			return &p[i];
	return NULL;
}

/* ------------------------------------------------------------------ */
/* deployment: service -> placement -> { profile, count }              */

struct line_text {
	const char *profile;
	struct sdl_at profile_at;
	uint32_t count;
};

static void
profile_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct line_text *t = out;

	t->profile = sdl_text(r, at);
	t->profile_at = *at;
}

static void
count_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_u32(r, at, 1, SERVICE_COUNT_MAX, &((struct line_text *)out)->count);
}

static const struct sdl_key line_keys[] = {
	{ "profile", SDL_REQUIRED, profile_read, "name one of profiles.compute", .kind = SDL_TEXT,
	  .help = "which of profiles.compute each copy gets", .example = "profile: web" },
	{ "count", SDL_REQUIRED, count_read, "write count: 1", .kind = SDL_NUMBER, .min = 1,
	  .max = SERVICE_COUNT_MAX, .help = "how many copies run",
	  .akash = "0 is read there too, and no maximum is enforced", .example = "count: 2" },
	SDL_KEY_END
};

static const struct sdl_volume *
volume_named(const struct sdl_compute *c, const char *name)
{
	const struct sdl_volume *v = c->volumes.items;

	for (size_t i = 0; i < c->volumes.count; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

/* Each mount must find its volume in the profile that this line gives, and each
 * volume that is not the disk its mount. */
static void
volumes_check(struct sdl_reader *r, const struct sdl_service *s, const struct sdl_compute *c)
{
	const struct sdl_mount *m = s->mounts.items;
	const struct sdl_volume *v = c->volumes.items;

	for (size_t i = 0; i < s->mounts.count; i++) {
		const struct sdl_volume *volume = volume_named(c, m[i].mount.volume);

		if (volume == NULL)
			sdl_find_name(r, &m[i].at,
				      sdl_one_of(r, m[i].mount.volume, v != NULL ? &v->name : NULL,
						 c->volumes.count, sizeof(*v)),
				      "the profile %.60s has no volume %.60s", c->name,
				      m[i].mount.volume);
		else if (m[i].mount.path != NULL && strcmp(m[i].mount.path, SHM_PATH) == 0 &&
			 !is_ram(volume->class))
			sdl_find_name(
				r, &m[i].at,
				"write attributes: {persistent: false, class: ram} at the volume",
				"%s", rule_mount_path(m[i].mount.path, false));
		else if (is_ram(volume->class) && m[i].mount.readonly)
			sdl_find_name(r, &m[i].at, "leave readOnly out",
				      "memory that nobody can write holds nothing");
	}
	for (size_t k = 0; v != NULL && k < c->volumes.count; k++) {
		size_t i = 0;

		if (v[k].class == NULL)
			continue;
		while (i < s->mounts.count && strcmp(m[i].mount.volume, v[k].name) != 0)
			i++;
		if (i == s->mounts.count)
			sdl_find_name(r, &s->at, "add params: {storage: {VOLUME: {mount: /path}}}",
				      "the volume %.60s of the profile %.60s is mounted nowhere",
				      v[k].name, c->name);
	}
}

static void
line_read(struct sdl_reader *r, const struct sdl_at *at, struct sdl_service *s)
{
	struct line_text t = { 0 };
	struct sdl_place *place = place_named(r, at->node->name);
	const struct sdl_compute *c;
	const struct sdl_price *price;
	struct sdl_line *line;

	sdl_object(r, at, line_keys, &t);
	if (place == NULL)
		sdl_find_name(r, at,
			      sdl_one_of(r, at->node->name, r->places.items, r->places.count,
					 sizeof(struct sdl_place)),
			      "there is no placement %.60s", at->node->name);
	if (t.profile == NULL)
		return;
	c = compute_named(r, t.profile);
	if (c == NULL) {
		sdl_find(r, &t.profile_at,
			 sdl_one_of(r, t.profile, r->computes.items, r->computes.count,
				    sizeof(struct sdl_compute)),
			 "there is no compute profile %.60s", t.profile);
		return;
	}
	volumes_check(r, s, c);
	price = place != NULL ? price_of(place, t.profile) : NULL;
	if (place != NULL && price == NULL)
		sdl_find_name(r, &place->at, "add it under pricing",
			      "there is no price for the profile %.60s", t.profile);
	if (price == NULL)
		return;
	line = sdl_push(r, &place->lines, sizeof(*line));
	*line = (struct sdl_line){ s, c, price->rate, price->denom, t.count };
}

static void
deployment_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	if (!sdl_is_map(r, at))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at member = sdl_member(r, at, v);
		const struct sdl_service *found = sdl_service_named(r, v->name);
		struct sdl_service *s;

		if (found == NULL) {
			sdl_find_name(r, &member, sdl_nearest_service(r, v->name),
				      "there is no service %.60s", v->name);
			continue;
		}
		s = &services(r)[found - services(r)];
		if (!sdl_is_map(r, &member))
			continue;
		for (const struct json *p = v->first; p != NULL; p = p->next) {
			struct sdl_at line = sdl_member(r, &member, p);

			s->placements++;
			line_read(r, &line, s);
		}
	}
}

/* ------------------------------------------------------------------ */
/* Who refers to whom.                                                 */

static bool
place_runs(const struct sdl_place *place, const char *service)
{
	const struct sdl_line *l = place->lines.items;

	for (size_t i = 0; i < place->lines.count; i++)
		if (strcmp(l[i].service->service.name, service) == 0)
			return true;
	return false;
}

/* A port opened to a service must meet it where it runs. */
static void
to_check(struct sdl_reader *r, const struct sdl_service *s, const struct sdl_to *to)
{
	const struct sdl_place *p = r->places.items;

	if (sdl_service_named(r, to->service) == NULL) {
		sdl_find(r, &to->at, sdl_nearest_service(r, to->service),
			 "there is no service %.60s", to->service);
		return;
	}
	for (size_t i = 0; i < r->places.count; i++)
		if (place_runs(&p[i], s->service.name) && !place_runs(&p[i], to->service))
			sdl_find(r, &to->at, "put both into one placement",
				 "the service %.60s is not in the placement %.60s", to->service,
				 p[i].name);
}

/* A host name leads to one place. */
static void
hosts_check(struct sdl_reader *r, const struct sdl_service *s, const struct sdl_port *port,
	    struct json_strs *taken)
{
	if (port->hosts.count > 0 && s->placements > 1)
		sdl_find(r, &port->at, "give each placement a service of its own",
			 "a host name leads to one place, but the service has %u placements",
			 s->placements);
	for (size_t i = 0; i < port->hosts.count; i++) {
		for (size_t k = 0; k < taken->count; k++)
			if (strcmp(taken->items[k], port->hosts.items[i]) == 0)
				sdl_find(r, &port->at, "keep one", "the host %.80s stands twice",
					 port->hosts.items[i]);
		taken->items =
			arena_grow(r->arena, taken->items, taken->count, sizeof(*taken->items));
		taken->items[taken->count++] = port->hosts.items[i];
	}
}

static void
services_check(struct sdl_reader *r)
{
	struct json_strs taken = { NULL, 0 };

	for (size_t i = 0; i < r->services.count; i++) {
		const struct sdl_service *s = &services(r)[i];
		const struct sdl_port *port = s->ports.items;

		if (s->placements == 0)
			sdl_find_name(r, &s->at, "add it to deployment, or remove it",
				      "the service %.60s is not deployed", s->service.name);
		for (size_t k = 0; k < s->ports.count; k++) {
			const struct sdl_to *to = port[k].to.items;

			hosts_check(r, s, &port[k], &taken);
			if (port[k].ip != NULL)
				sdl_ip_check(r, s, &port[k]);
			for (size_t n = 0; n < port[k].to.count; n++)
				to_check(r, s, &to[n]);
		}
	}
}

/* ------------------------------------------------------------------ */
/* The top level.                                                      */

static void
version_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	static const char *const good[] = { "2.0",    "2",   "2.0.0", "v2",   "v2.0",
					    "v2.0.0", "2.1", "2.1.0", "v2.1", "v2.1.0" };
	const char *text = sdl_text(r, at);

	(void)out;
	for (size_t i = 0; text != NULL && i < NELEMS(good); i++)
		if (strcmp(text, good[i]) == 0)
			return;
	if (text != NULL)
		sdl_find(r, at, "write version: \"2.0\"", "version must be 2.0 or 2.1, got %.20s",
			 text);
}

/* In the order in which `gavel sdl fmt` writes them. The deployment refers to
 * the other sections, so it is read after them, in top_read(). */
const struct sdl_key sdl_keys[] = {
	{ "version", SDL_REQUIRED, version_read, "write version: \"2.0\"", .kind = SDL_TEXT,
	  .words = "2.0 2.1 2 2.0.0 2.1.0 v2 v2.0 v2.0.0 v2.1 v2.1.0",
	  .help = "of the format; both mean the same here",
	  .akash = "2.1 joins services of one profile into one unit, and versions above it are "
		   "read as 2.1",
	  .example = "version: \"2.0\"" },
	{ "include", SDL_IGNORED, NULL, NULL, .kind = SDL_ANY, .help = "has no effect",
	  .example = "include: []" },
	{ "reclamation", 0, NULL, NULL, .kind = SDL_MAP, .keys = sdl_reclamation_keys,
	  .help = "the notice of a provider that takes its machine back",
	  .example = "reclamation: {min_window: 24h}" },
	{ "endpoints", 0, sdl_endpoints_read, NULL, .kind = SDL_NAMES, .keys = sdl_endpoint_keys,
	  .help = "addresses of the lease's own, named by expose.to.ip; each must be used",
	  .example = "endpoints: {mine: {kind: ip}}" },
	{ "services", SDL_REQUIRED, sdl_services_read, "say what runs: services: {NAME: ...}",
	  .kind = SDL_NAMES, .keys = sdl_service_keys,
	  .bounds = "1 to 16 a placement; a name is a-z, 0-9 and -, starts with a letter and does "
		    "not end with -",
	  .help = "what runs; a service that is not deployed is refused",
	  .akash = "services that are not deployed are left out silently",
	  .example = "services: {web: {image: \"nginx:1.27\"}}" },
	{ "profiles", SDL_REQUIRED, NULL, "write profiles: with compute, placement",
	  .kind = SDL_MAP, .keys = sdl_profiles_keys,
	  .help = "how much of a machine, where, and at most at what price",
	  .example = "profiles: {compute: {...}, placement: {...}}" },
	{ "deployment", SDL_REQUIRED, NULL, "write deployment: {SERVICE: {PLACEMENT: ...}}",
	  .kind = SDL_NAMES_TWICE, .keys = line_keys,
	  .help = "which service runs where: service, placement, then profile and count; each "
		  "placement is an order of its own",
	  .example = "deployment: {web: {eu: {profile: web, count: 1}}}" },
	{ "x-gavel", 0, NULL, NULL, .kind = SDL_MAP, .keys = sdl_gavel_keys,
	  .help = "what this market has and the format has not",
	  .akash = "a file with it is refused there", .example = "x-gavel: {billing: metered}" },
	SDL_KEY_END
};

static void
top_read(struct sdl_reader *r, const struct json *root)
{
	struct sdl_at at = { root, "" };
	struct sdl_at deployment;

	sdl_object(r, &at, sdl_keys, NULL);
	deployment.node = json_get(root, "deployment");
	if (deployment.node == NULL || deployment.node->type == JSON_NULL)
		return;
	deployment = sdl_member(r, &at, deployment.node);
	deployment_read(r, &deployment, NULL);
	services_check(r);
	sdl_endpoints_check(r);
	sdl_gavel_services(r);
	sdl_gavel_interruptible(r);
	sdl_gavel_spread(r);
}

/* ------------------------------------------------------------------ */
/* Groups and manifests. Only from here on nothing is missing.         */

static void
expose_add(struct sdl_reader *r, struct json_list *list, const struct sdl_port *port, bool global,
	   struct json_strs to)
{
	uint32_t as = port->as != 0 ? port->as : port->port;
	bool http = global && !port->udp && as == 80 && port->ip == NULL;
	struct expose *x = sdl_push(r, list, sizeof(*x));

	*x = (struct expose){
		.port = port->port,
		/* To the world the provider chooses, unless a port is wished for. */
		.as = global && !http && port->ip == NULL ? port->as : as,
		.proto = http	     ? "http"
			 : port->udp ? "udp"
				     : "tcp",
		.global = global,
		.to = to,
		.ip = global ? port->ip : NULL,
	};
	if (!http)
		return;
	x->hosts = port->hosts;
	x->http = port->http;
}

/* The services named by `to`; without any, all others of the placement. */
static struct json_strs
neighbours(struct sdl_reader *r, const struct sdl_place *place, const struct sdl_service *s,
	   const struct sdl_port *port)
{
	const struct sdl_line *l = place->lines.items;
	const struct sdl_to *to = port->to.items;
	struct json_strs names = { NULL, 0 };

	names.items = arena_alloc(r->arena, (place->lines.count + 1) * sizeof(*names.items));
	for (size_t i = 0; i < place->lines.count; i++) {
		const char *name = l[i].service->service.name;
		bool wanted = port->to.count == 0;

		for (size_t k = 0; k < port->to.count; k++)
			wanted = wanted || strcmp(to[k].service, name) == 0;
		if (wanted && strcmp(name, s->service.name) != 0)
			names.items[names.count++] = name;
	}
	return names;
}

/* A port for the world and one for neighbours, or either. */
static void
exposes_make(struct sdl_reader *r, const struct sdl_place *place, const struct sdl_service *s,
	     struct service *out)
{
	const struct sdl_port *port = s->ports.items;

	for (size_t i = 0; i < s->ports.count; i++) {
		if (port[i].global) {
			expose_add(r, &out->exposes, &port[i], true, (struct json_strs){ NULL, 0 });
			out->resources.endpoints++;
		}
		if (!port[i].global || port[i].to.count > 0)
			expose_add(r, &out->exposes, &port[i], false,
				   neighbours(r, place, s, &port[i]));
	}
}

static void
service_make(struct sdl_reader *r, const struct sdl_place *place, const struct sdl_line *line,
	     struct service *out)
{
	const struct sdl_mount *m = line->service->mounts.items;

	*out = line->service->service;
	out->count = line->count;
	out->resources = line->compute->resources;
	out->resources.egress_gib = line->service->egress_gib;
	exposes_make(r, place, line->service, out);
	for (size_t i = 0; i < line->service->mounts.count; i++) {
		const struct sdl_volume *v = volume_named(line->compute, m[i].mount.volume);
		struct mount *mount = sdl_push(r, &out->mounts, sizeof(*mount));

		*mount = m[i].mount;
		mount->class = v->class;
		mount->bytes = v->class != NULL ? v->bytes : 0;
	}
}

static void
volumes_make(struct sdl_reader *r, const struct sdl_compute *c, struct group_service *out)
{
	const struct sdl_volume *v = c->volumes.items;

	for (size_t i = 0; i < c->volumes.count; i++)
		if (v[i].class != NULL && strcmp(v[i].class, "ram") != 0)
			*(struct volume *)sdl_push(r, &out->volumes, sizeof(struct volume)) =
				(struct volume){ v[i].name, v[i].bytes, v[i].class };
}

/* How many addresses of its own the placement has. */
static uint32_t
ips_make(const struct sdl_reader *r, const struct sdl_place *place)
{
	const struct sdl_endpoint *e = r->endpoints.items;
	const struct sdl_line *l = place->lines.items;
	uint32_t count = 0;

	for (size_t i = 0; i < r->endpoints.count; i++) {
		bool here = false;

		for (size_t k = 0; k < place->lines.count; k++) {
			const struct sdl_port *port = l[k].service->ports.items;

			for (size_t n = 0; n < l[k].service->ports.count; n++)
				here = here ||
				       (port[n].ip != NULL && strcmp(port[n].ip, e[i].name) == 0);
		}
		count += here;
	}
	return count;
}

/* One more thing asked of the provider, in the order of keys; once. */
static void
attribute_add(struct sdl_reader *r, struct json_list *out, const char *key, const char *value)
{
	struct attribute *a = out->items;
	size_t k = 0;

	while (k < out->count && strcmp(a[k].key, key) < 0)
		k++;
	if (k < out->count && strcmp(a[k].key, key) == 0)
		return;
	sdl_push(r, out, sizeof(*a));
	a = out->items;
	memmove(a + k + 1, a + k, (out->count - 1 - k) * sizeof(*a));
	a[k] = (struct attribute){ key, value };
}

/* Those of the placement, and what its services ask of a machine. */
static void
attributes_make(struct sdl_reader *r, const struct sdl_place *place, struct json_list *out)
{
	const struct sdl_line *l = place->lines.items;
	const struct attribute *own = place->attributes.items;

	for (size_t i = 0; i < place->attributes.count; i++)
		*(struct attribute *)sdl_push(r, out, sizeof(*own)) = own[i];
	for (size_t i = 0; i < place->lines.count; i++) {
		if (l[i].compute->arch != NULL && strcmp(l[i].compute->arch, "amd64") != 0)
			attribute_add(r, out, "arch", l[i].compute->arch);
		if (l[i].service->tee != NULL)
			attribute_add(r, out, "tee/type", l[i].service->tee);
	}
}

static int
line_order(const void *a, const void *b)
{
	return strcmp(((const struct sdl_line *)a)->service->service.name,
		      ((const struct sdl_line *)b)->service->service.name);
}

static void
placement_make(struct sdl_reader *r, struct sdl_place *place, struct sdl_placement *out)
{
	struct sdl_line *l = place->lines.items;

	qsort(l, place->lines.count, sizeof(*l), line_order);
	out->group.name = out->manifest.group = place->name;
	out->group.billing = r->billing;
	out->group.signed_by = place->signed_by;
	out->group.signed_any = place->signed_any;
	out->group.reclaim_s = r->reclaim_s;
	out->group.allow = r->allow;
	out->group.accept = r->manual ? "manual" : NULL;
	out->group.deny = r->deny;
	out->group.interruptible = r->interruptible;
	out->group.on_interrupt = r->interruptible ? r->on_interrupt : NULL;
	out->group.ips = ips_make(r, place);
	out->denom = l[0].denom;
	attributes_make(r, place, &out->group.attributes);
	out->rates = arena_alloc(r->arena, (place->lines.count + 1) * sizeof(*out->rates));
	for (size_t i = 0; i < place->lines.count; i++) {
		struct service *s = sdl_push(r, &out->manifest.services, sizeof(*s));
		struct group_service *g = sdl_push(r, &out->group.services, sizeof(*g));

		service_make(r, place, &l[i], s);
		*g = (struct group_service){ .name = s->name,
					     .count = s->count,
					     .resources = s->resources,
					     .gpus = l[i].compute->gpus };
		volumes_make(r, l[i].compute, g);
		out->max_rate.nano += l[i].rate.nano * l[i].count;
		out->rates[i] = l[i].rate;
	}
	out->group.manifest = manifest_hash(&out->manifest);
}

/* What only the whole can break: sums over the group, and any rule that the
 * walkers above should have seen. */
static void
placement_check(struct sdl_reader *r, const struct sdl_place *place,
		const struct sdl_placement *made)
{
	struct err why = ERR_NONE;

	if (manifest_check(&made->manifest, &why) < 0 || group_check(&made->group, &why) < 0)
		sdl_find_name(r, &place->at, NULL, "%s", why.text);
}

static void
placements_make(struct sdl_reader *r, struct sdl *sdl)
{
	struct sdl_place *p = r->places.items;

	sdl->placements = arena_alloc(r->arena, (r->places.count + 1) * sizeof(*sdl->placements));
	for (size_t i = 0; i < r->places.count; i++) {
		struct sdl_placement *out = &sdl->placements[sdl->placement_count];

		if (p[i].lines.count == 0)
			continue;
		sdl->placement_count++;
		placement_make(r, &p[i], out);
		placement_check(r, &p[i], out);
		if (r->spread != NULL)
			sdl_spread_check(r, &p[i], out);
	}
}

static void
whole_check(struct sdl_reader *r, const struct json *root)
{
	struct sdl_at at = { root, "" };
	size_t lines = 0;
	const struct sdl_place *p = r->places.items;

	for (size_t i = 0; i < r->places.count; i++) {
		lines += p[i].lines.count;
		if (p[i].lines.count > GROUP_SERVICES_MAX)
			sdl_find_name(r, &p[i].at, "use a second placement",
				      "%zu services in one placement, at most %u", p[i].lines.count,
				      GROUP_SERVICES_MAX);
	}
	if (r->places.count > PLACES_MAX)
		sdl_find(r, &at, "use a second file", "%zu placements, at most %u", r->places.count,
			 PLACES_MAX);
	if (lines == 0 && r->finding_count == 0)
		sdl_find(r, &at, "write deployment: {SERVICE: {PLACEMENT: ...}}",
			 "nothing is deployed");
}

int
sdl_read(struct arena *a, const char *name, const char *text, size_t len, struct sdl *sdl,
	 struct err *e)
{
	struct sdl_reader r = { .arena = a, .billing = "reserved" };
	struct json *root;

	*sdl = (struct sdl){ 0 };
	if (yaml_parse(a, name, text, len, YAML_ALIASES, &root, e) < 0)
		return -1;
	top_read(&r, root);
	whole_check(&r, root);
	if (r.finding_count == 0)
		placements_make(&r, sdl);
	sdl->findings = r.findings;
	sdl->finding_count = r.finding_count;
	sdl->auction = r.auction;
	sdl->spread = r.spread;
	if (r.finding_count == 0)
		return 0;
	sdl->placement_count = 0;
	return err_set(e, &SDL_INVALID, "%s:%u:%u: %s (%zu finding%s)", name, r.findings[0].line,
		       r.findings[0].column, r.findings[0].rule, r.finding_count,
		       r.finding_count == 1 ? "" : "s");
}
