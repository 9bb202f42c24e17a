/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_service.c - the section services: what runs, and which ports it opens.
 * Looks at one service at a time; who refers to whom is sdl.c's business.
 */
#include "sdl_read.h"

#include <strings.h>

#define BODY_BYTES_MAX	    104857600u
#define PROXY_BUFFER_MAX    1048576u
#define HTTP_TIMEOUT_MS_MAX 60000u

/* ------------------------------------------------------------------ */
/* expose                                                              */

static void
port_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_u32(r, at, 1, 65535, &((struct sdl_port *)out)->port);
}

static void
as_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_u32(r, at, 1, 65535, &((struct sdl_port *)out)->as);
}

static void
proto_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	if (text == NULL || strcasecmp(text, "tcp") == 0)
		return;
	if (strcasecmp(text, "udp") == 0)
		((struct sdl_port *)out)->udp = true;
	else
		sdl_find(r, at, "HTTP is tcp with as: 80", "proto must be tcp or udp, got %.20s",
			 text);
}

static void
accept_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_strs(r, at, EXPOSE_HOSTS_MAX, rule_host, &((struct sdl_port *)out)->hosts);
}

static void
to_service_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_port *port = out;
	const char *text = sdl_text(r, at);
	struct sdl_to *to;

	if (text == NULL || *text == '\0')
		return;
	to = sdl_push(r, &port->to, sizeof(*to));
	*to = (struct sdl_to){ text, *at };
}

static void
to_global_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_port *port = out;
	bool global = false;

	if (sdl_bool(r, at, &global))
		port->global = port->global || global;
}

static void
next_cases_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct http_options *http = &((struct sdl_port *)out)->http;
	static const char *const cases[] = { "error", "timeout", "403", "404", "429",
					     "500",   "502",	 "503", "504", "off" };
	size_t index = 0;

	if (!sdl_is_list(r, at, NELEMS(cases)))
		return;
	http->next_cases.items = arena_alloc(r->arena, NELEMS(cases) * sizeof(char *));
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at item = sdl_item(r, at, v, index++);
		const char *text = sdl_text(r, &item);
		size_t i = 0;

		while (text != NULL && i < NELEMS(cases) && strcmp(text, cases[i]) != 0)
			i++;
		if (text != NULL && i == NELEMS(cases))
			sdl_find(r, &item, NULL,
				 "next_cases has error, timeout, 403, 404, 429, 500, 502, 503, "
				 "504, or only off");
		else if (text != NULL)
			http->next_cases.items[http->next_cases.count++] = text;
		if (text != NULL && strcmp(text, "off") == 0 && at->node->count > 1)
			sdl_find(r, &item, "leave the others out", "off stands alone");
	}
}

/* Adds a reader of one number to http_options: NAME, the member, its maximum. */
#define HTTP_NUMBER(name, member, most)                                                            \
	static void name##_read(struct sdl_reader *r, const struct sdl_at *at, void *out)          \
	{                                                                                          \
		sdl_u32(r, at, 0, most, &((struct sdl_port *)out)->http.member);                   \
	}
HTTP_NUMBER(max_body_size, max_body_bytes, BODY_BYTES_MAX)
HTTP_NUMBER(read_timeout, read_timeout_ms, HTTP_TIMEOUT_MS_MAX)
HTTP_NUMBER(send_timeout, send_timeout_ms, HTTP_TIMEOUT_MS_MAX)
HTTP_NUMBER(next_tries, next_tries, UINT32_MAX)
HTTP_NUMBER(next_timeout, next_timeout_ms, UINT32_MAX)

/* Of nginx; nothing here to set. */
static void
proxy_buffer_size_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	uint32_t v;

	(void)out;
	sdl_u32(r, at, 0, PROXY_BUFFER_MAX, &v);
}

static const struct sdl_key http_options_keys[] = {
	{ "max_body_size", 0, max_body_size_read, NULL, .kind = SDL_NUMBER, .max = BODY_BYTES_MAX,
	  .help = "bytes of a request's body", .fallback = "1048576",
	  .example = "max_body_size: 1048576" },
	{ "proxy_buffer_size", SDL_IGNORED, proxy_buffer_size_read, NULL, .kind = SDL_NUMBER,
	  .max = PROXY_BUFFER_MAX, .help = "has no effect: the proxy here has no such buffer",
	  .akash = "bytes of nginx's buffer", .example = "proxy_buffer_size: 16384" },
	{ "read_timeout", 0, read_timeout_read, NULL, .kind = SDL_NUMBER,
	  .max = HTTP_TIMEOUT_MS_MAX, .help = "milliseconds until the service answers",
	  .fallback = "60000", .example = "read_timeout: 30000" },
	{ "send_timeout", 0, send_timeout_read, NULL, .kind = SDL_NUMBER,
	  .max = HTTP_TIMEOUT_MS_MAX,
	  .help = "has no effect: the proxy counts both ways as read_timeout",
	  .akash = "milliseconds until the service takes the request", .fallback = "60000",
	  .example = "send_timeout: 30000" },
	{ "next_tries", 0, next_tries_read, NULL, .kind = SDL_NUMBER, .max = UINT32_MAX,
	  .help = "copies that are tried", .fallback = "3", .example = "next_tries: 3" },
	{ "next_timeout", 0, next_timeout_read, NULL, .kind = SDL_NUMBER, .max = UINT32_MAX,
	  .help = "has no effect: tries end by their number",
	  .akash = "milliseconds for all tries; 0: no limit", .fallback = "0",
	  .example = "next_timeout: 0" },
	{ "next_cases", 0, next_cases_read, NULL, .kind = SDL_TEXTS, .max = 10,
	  .words = "error timeout 403 404 429 500 502 503 504 off",
	  .help = "when the next copy is tried; off stands alone", .fallback = "[error, timeout]",
	  .example = "next_cases: [error, timeout, 502]" },
	SDL_KEY_END
};

static void
to_ip_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_port *port = out;
	const char *text = sdl_text(r, at);

	if (text == NULL || *text == '\0')
		return;
	if (port->ip != NULL && strcmp(port->ip, text) != 0)
		sdl_find(r, at, "keep one", "a port is open at one address");
	port->ip = text;
	port->ip_at = *at;
}

static const struct sdl_key to_keys[] = {
	{ "service", 0, to_service_read, NULL, .kind = SDL_TEXT,
	  .help = "a service of the same placement that may connect",
	  .akash = "documentation only: every service of the lease may connect",
	  .example = "service: web" },
	{ "global", 0, to_global_read, NULL, .kind = SDL_TRUTH, .help = "open to the world",
	  .fallback = "false", .example = "global: true" },
	{ "ip", 0, to_ip_read, NULL, .kind = SDL_TEXT,
	  .help = "at this address of endpoints; with global: true", .example = "ip: mine" },
	{ "http_options", SDL_IGNORED, NULL, NULL, .kind = SDL_ANY,
	  .help = "has no effect inside to; write it beside port", .example = "http_options: {}" },
	SDL_KEY_END
};

static void
to_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	size_t index = 0;

	if (!sdl_is_list(r, at, GROUP_SERVICES_MAX))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at item = sdl_item(r, at, v, index++);

		sdl_object(r, &item, to_keys, out);
	}
}

static const struct sdl_key expose_keys[] = {
	{ "port", SDL_REQUIRED, port_read, "write port: 80, the port inside the container",
	  .kind = SDL_NUMBER, .min = 1, .max = 65535, .help = "the port inside the container",
	  .example = "port: 8080" },
	{ "as", 0, as_read, NULL, .kind = SDL_NUMBER, .min = 1, .max = 65535,
	  .help = "the port outside; tcp open to the world as 80 is HTTP and goes through the "
		  "provider's proxy",
	  .fallback = "the same as port", .example = "as: 80" },
	{ "proto", 0, proto_read, NULL, .kind = SDL_TEXT, .words = "tcp udp TCP UDP",
	  .help = "HTTP is tcp with as: 80", .fallback = "tcp", .example = "proto: udp" },
	{ "accept", 0, accept_read, NULL, .kind = SDL_TEXTS, .max = EXPOSE_HOSTS_MAX,
	  .help = "host names of HTTP; each leads to one place",
	  .example = "accept: [www.example.org]" },
	{ "to", 0, to_read, NULL, .kind = SDL_LIST, .keys = to_keys, .max = GROUP_SERVICES_MAX,
	  .help = "who may connect", .fallback = "all other services of the placement",
	  .example = "to: [{global: true}]" },
	{ "http_options", 0, NULL, NULL, .kind = SDL_MAP, .keys = http_options_keys,
	  .help = "of HTTP", .example = "http_options: {read_timeout: 30000}" },
	SDL_KEY_END
};

static void
expose_check(struct sdl_reader *r, const struct sdl_port *port)
{
	uint32_t as = port->as != 0 ? port->as : port->port;

	if (port->ip != NULL && !port->global)
		sdl_find(r, &port->ip_at, "add global: true beside it",
			 "an address of its own is open to the world");
	if (port->hosts.count > 0 && (!port->global || port->udp || as != 80))
		sdl_find(r, &port->at, "add as: 80 and to: [{global: true}], or leave accept out",
			 "accept goes with HTTP: tcp, as 80, global");
}

static void
expose_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_service *s = out;
	size_t index = 0;

	if (!sdl_is_list(r, at, SERVICE_EXPOSES_MAX))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_port *port = sdl_push(r, &s->ports, sizeof(*port));

		port->at = sdl_item(r, at, v, index++);
		sdl_object(r, &port->at, expose_keys, port);
		expose_check(r, port);
	}
}

/* ------------------------------------------------------------------ */
/* params                                                              */

static void
mount_path_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);
	const char *fault = text != NULL ? rule_mount_path(text, true) : NULL;

	/* Whether /dev/shm is memory is known with the profile. */
	if (fault != NULL)
		sdl_find(r, at, "write a place of its own, such as mount: /data", "%s", fault);
	((struct mount *)out)->path = text;
}

static void
mount_readonly_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_bool(r, at, &((struct mount *)out)->readonly);
}

static const struct sdl_key mount_keys[] = {
	{ "mount", SDL_REQUIRED, mount_path_read, "write mount: /path/inside", .kind = SDL_TEXT,
	  .bounds = "starts with /; no . or .. or // in it; not under /proc, /sys or /dev, but "
		    "memory (class ram) may be /dev/shm",
	  .help = "where it is in the container", .example = "mount: /data" },
	{ "readOnly", 0, mount_readonly_read, NULL, .kind = SDL_TRUTH,
	  .help = "it cannot be written", .fallback = "false", .example = "readOnly: true" },
	SDL_KEY_END
};

static void
mounts_check(struct sdl_reader *r, const struct sdl_service *s)
{
	const struct sdl_mount *m = s->mounts.items;

	for (size_t i = 0; i < s->mounts.count; i++)
		for (size_t k = 0; k < i; k++)
			if (m[i].mount.path != NULL && m[k].mount.path != NULL &&
			    strcmp(m[i].mount.path, m[k].mount.path) == 0)
				sdl_find(r, &m[i].at, "mount one of them elsewhere",
					 "two volumes are mounted at %.80s", m[i].mount.path);
}

static void
mounts_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_service *s = out;

	if (!sdl_is_map(r, at))
		return;
	if (at->node->count > SERVICE_MOUNTS_MAX)
		sdl_find(r, at, NULL, "%zu mounts, at most %u", at->node->count,
			 SERVICE_MOUNTS_MAX);
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_mount *m = sdl_push(r, &s->mounts, sizeof(*m));

		m->at = sdl_member(r, at, v);
		m->mount.volume = v->name;
		sdl_object(r, &m->at, mount_keys, &m->mount);
	}
	mounts_check(r, s);
}

static void
tee_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	if (text != NULL && strcmp(text, "cpu") != 0 && strcmp(text, "cpu-gpu") != 0)
		sdl_find(r, at, NULL, "tee must be cpu or cpu-gpu, got %.20s", text);
	((struct sdl_service *)out)->tee = text;
}

static const struct sdl_key params_keys[] = {
	{ "storage", 0, mounts_read, NULL, .kind = SDL_NAMES, .keys = mount_keys,
	  .bounds = "at most 4",
	  .help = "where the volumes of the profile are mounted, by their names",
	  .example = "storage: {data: {mount: /data}}" },
	{ "permissions", SDL_NOT_YET, NULL,
	  "leave permissions out: a workload here has no cluster to read from", .kind = SDL_ANY,
	  .help = "a workload here has no cluster to read from",
	  .akash = "read: [logs, events, deployment] of its own namespace",
	  .example = "permissions: {read: [logs]}" },
	{ "tee", 0, tee_read, NULL, .kind = SDL_TEXT, .words = "cpu cpu-gpu",
	  .help = "asks for a provider with the attribute tee/type", .example = "tee: cpu" },
	SDL_KEY_END
};

/* ------------------------------------------------------------------ */
/* credentials                                                         */

static const char *
credential(struct sdl_reader *r, const struct sdl_at *at)
{
	const char *text = sdl_text(r, at);

	if (text != NULL && (*text == '\0' || strpbrk(text, "\r\n\t") != NULL ||
			     text[strspn(text, " ")] == '\0' || rule_argument(text) != NULL))
		sdl_find(r, at, NULL, "%s must be a line of text", at->node->name);
	return text;
}

static void
user_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	((struct service *)out)->registry_user = credential(r, at);
}

static void
password_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	((struct service *)out)->registry_password = credential(r, at);
}

static void
host_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	((struct service *)out)->registry_host = credential(r, at);
}

static const struct sdl_key credentials_keys[] = {
	{ "host", SDL_REQUIRED, host_read, "write host: registry.example.org", .kind = SDL_TEXT,
	  .help = "the registry", .example = "host: registry.example.org" },
	{ "username", SDL_REQUIRED, user_read, NULL, .kind = SDL_TEXT, .help = "who pulls",
	  .example = "username: me" },
	{ "password", SDL_REQUIRED, password_read, NULL, .kind = SDL_TEXT,
	  .help = "seen by the winning provider: use a token that can only pull",
	  .example = "password: \"...\"" },
	{ "email", SDL_IGNORED, NULL, NULL, .kind = SDL_TEXT, .help = "has no effect",
	  .example = "email: me@example.org" },
	SDL_KEY_END
};

static void
credentials_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_object(r, at, credentials_keys, &((struct sdl_service *)out)->service);
}

/* ------------------------------------------------------------------ */
/* The service.                                                        */

static void
image_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct sdl_service *s = out;
	const char *fault;

	s->service.image = sdl_text(r, at);
	if (s->service.image == NULL)
		return;
	fault = rule_image_pinned(s->service.image);
	if (fault != NULL)
		sdl_find(r, at, "pin a tag, name:1.27, or a digest, name@sha256:...", "%s", fault);
}

static void
command_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_strs(r, at, SERVICE_ARGS_MAX, rule_argument,
		 &((struct sdl_service *)out)->service.command);
}

static void
args_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_strs(r, at, SERVICE_ARGS_MAX, rule_argument,
		 &((struct sdl_service *)out)->service.args);
}

/* "NAME" alone is NAME without a value, as on Akash. */
static const char *
variable(struct sdl_reader *r, const char *text)
{
	return strchr(text, '=') != NULL ? text : arena_printf(r->arena, "%s=", text);
}

static bool
variable_is_set(const struct json_strs *env, const char *text)
{
	size_t len = strcspn(text, "=") + 1;

	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->items[i], text, len) == 0)
			return true;
	return false;
}

static void
env_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct json_strs *env = &((struct sdl_service *)out)->service.env;
	size_t index = 0;

	if (!sdl_is_list(r, at, SERVICE_ENV_MAX))
		return;
	env->items = arena_alloc(r->arena, (at->node->count + 1) * sizeof(*env->items));
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_at item = sdl_item(r, at, v, index++);
		const char *cure = v->type == JSON_OBJECT ? "write NAME=value, with =" : NULL;
		const char *fault = "a variable is NAME=value";
		const char *text = NULL;

		if (v->type == JSON_STRING) {
			text = variable(r, v->text);
			fault = rule_env(text);
		}
		if (fault != NULL)
			sdl_find(r, &item, cure, "%s", fault);
		else if (variable_is_set(env, text))
			sdl_find(r, &item, "keep one of them", "the variable %.*s stands twice",
				 (int)MIN(strcspn(text, "="), 60), text);
		else
			env->items[env->count++] = text;
	}
}

const struct sdl_key sdl_service_keys[] = {
	{ "image", SDL_REQUIRED, image_read, "write image: name:tag", .kind = SDL_TEXT,
	  .bounds =
		  "[registry[:port]/]name:tag or name@sha256:digest; no tag and latest are refused",
	  .help = "what runs", .akash = "any text, latest too",
	  .example = "image: \"nginx:1.27\"" },
	{ "command", 0, command_read, NULL, .kind = SDL_TEXTS, .max = SERVICE_ARGS_MAX,
	  .help = "instead of the image's entrypoint", .example = "command: [/bin/server]" },
	{ "args", 0, args_read, NULL, .kind = SDL_TEXTS, .max = SERVICE_ARGS_MAX,
	  .help = "instead of the image's command", .example = "args: [--port, \"80\"]" },
	{ "env", 0, env_read, NULL, .kind = SDL_TEXTS, .max = SERVICE_ENV_MAX,
	  .help = "NAME=value; NAME alone is NAME=; seen by the winning provider",
	  .example = "env: [GREETING=hello]" },
	{ "expose", 0, expose_read, NULL, .kind = SDL_LIST, .keys = expose_keys,
	  .max = SERVICE_EXPOSES_MAX, .help = "ports that others may reach",
	  .akash = "at least one port of a deployment must be global",
	  .example = "expose: [{port: 80, to: [{global: true}]}]" },
	{ "params", 0, NULL, NULL, .kind = SDL_MAP, .keys = params_keys,
	  .help = "mounts, and what else a machine must offer",
	  .example = "params: {storage: {data: {mount: /data}}}" },
	{ "credentials", 0, credentials_read, NULL, .kind = SDL_MAP, .keys = credentials_keys,
	  .help = "of a private registry",
	  .example = "credentials: {host: registry.example.org, username: me, password: \"...\"}" },
	{ "dependencies", SDL_IGNORED, NULL, NULL, .kind = SDL_ANY,
	  .help = "has no effect: services start together",
	  .example = "dependencies: [{service: db}]" },
	SDL_KEY_END
};

static int
service_order(const void *a, const void *b)
{
	const struct sdl_service *x = a, *y = b;

	return strcmp(x->service.name, y->service.name);
}

void
sdl_services_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	if (!sdl_is_map(r, at))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_service *s = sdl_push(r, &r->services, sizeof(*s));
		const char *fault = rule_name(v->name);

		s->service.name = v->name;
		s->at = sdl_member(r, at, v);
		if (fault != NULL)
			sdl_find_bad_name(r, &s->at, fault);
		sdl_object(r, &s->at, sdl_service_keys, s);
	}
	if (r->services.count > 1)
		qsort(r->services.items, r->services.count, sizeof(struct sdl_service),
		      service_order);
}
