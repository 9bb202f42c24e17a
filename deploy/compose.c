/* SPDX-License-Identifier: Apache-2.0 */
/* compose.c - a compose file's services, read key by key through a table. */
#include "deploy/compose_read.h"

#include "deploy/rules.h"
#include "deploy/sdl_units.h"
#include "lib/yaml_format.h"

#include <strings.h>

const struct code COMPOSE_BAD = { "compose_bad", INVALID, "this is not a compose file" };

/* ------------------------------------------------------------------ */
/* Notes and trees.                                                    */

void
compose_note(struct compose_reader *r, const struct json *at, bool refused, const char *path,
	     const char *cure, const char *fmt, ...)
{
	struct compose *o = r->out;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	o->notes = arena_grow(r->arena, o->notes, o->note_count, sizeof(*o->notes));
	o->notes[o->note_count++] =
		(struct compose_note){ at->name_line != 0 ? at->name_line : at->line, path,
				       arena_strdup(r->arena, text), cure, refused };
	o->refused += refused;
}

const char *
compose_below(struct compose_reader *r, const char *path, const char *name)
{
	return arena_printf(r->arena, "%.200s.%.100s", path, name);
}

static void
str_add(struct compose_reader *r, struct json_strs *s, const char *text)
{
	s->items = arena_grow(r->arena, s->items, s->count, sizeof(*s->items));
	s->items[s->count++] = text;
}

/* The member's text, variables replaced; NULL. */
const char *
compose_member(struct compose_reader *r, const struct json *object, const char *name,
	       const char *path)
{
	return compose_text(r, json_get(object, name), path);
}

const struct compose_service *
compose_named(const struct compose_reader *r, const char *given)
{
	for (size_t i = 0; i < r->service_count; i++)
		if (strcmp(r->services[i].given, given) == 0)
			return &r->services[i];
	return NULL;
}

const char *
compose_name(struct compose_reader *r, const char *given, const char *fallback)
{
	char *name = arena_printf(r->arena, "%.63s", given), *end;

	for (char *p = name; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
		else if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *p) == NULL)
			*p = '-';
	}
	while (*name != '\0' && (*name < 'a' || *name > 'z'))
		name++;
	for (end = name + strlen(name); end > name && end[-1] == '-';)
		*--end = '\0';
	/* A name that YAML would take for null, yes or the like. */
	if (*name != '\0' && yaml_scalar(r->arena, name, strlen(name)) != name)
		return arena_printf(r->arena, "%.60s-1", name);
	return *name != '\0' ? name : fallback;
}

/* ------------------------------------------------------------------ */
/* Keys of a service.                                                  */

static void
image_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	   const char *path)
{
	s->image = compose_text(r, v, path);
	if (s->image != NULL && *s->image != '\0' && rule_image_pinned(s->image) != NULL)
		compose_note(r, v, false, path,
			     "pin a tag or a digest; gavel sdl check asks for it", "%s",
			     rule_image_pinned(s->image));
}

/* A list, or a line as a shell splits it. */
static void
words_read(struct compose_reader *r, const struct json *v, const char *path, struct json_strs *out)
{
	const char *text;

	if (v->type == JSON_ARRAY) {
		for (const struct json *i = v->first; i != NULL; i = i->next)
			if ((text = compose_text(r, i, path)) != NULL)
				str_add(r, out, text);
		return;
	}
	text = compose_text(r, v, path);
	if (text != NULL && !compose_split(r->arena, text, out))
		compose_note(r, v, true, path, "close the quote", "a quote is not closed");
}

static void
command_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	     const char *path)
{
	words_read(r, v, path, &s->args);
}

static void
entrypoint_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
		const char *path)
{
	words_read(r, v, path, &s->command);
}

static void
env_add(struct compose_reader *r, struct compose_service *s, const struct json *v, const char *pair,
	const char *path)
{
	if (strchr(pair, '=') == NULL)
		compose_note(r, v, false, path, "write NAME=value",
			     "%.60s takes its value from your shell there; here it is empty", pair);
	if (rule_env(strchr(pair, '=') != NULL ? pair : arena_printf(r->arena, "%s=", pair)) !=
	    NULL)
		compose_note(r, v, true, path, NULL, "%s", rule_env(pair));
	else
		str_add(r, &s->env, pair);
}

static void
environment_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
		 const char *path)
{
	for (const struct json *m = v->first; m != NULL; m = m->next) {
		const char *text = compose_text(r, m, path);

		if (v->type == JSON_ARRAY && text != NULL)
			env_add(r, s, m, text, path);
		else if (v->type == JSON_OBJECT)
			env_add(r, s, m,
				text != NULL ? arena_printf(r->arena, "%s=%s", m->name, text)
					     : m->name,
				path);
	}
}

static void
port_add(struct compose_reader *r, struct compose_service *s, const struct json *v,
	 const char *path, struct compose_port port)
{
	for (size_t i = 0; i < s->port_count; i++)
		if (s->ports[i].target == port.target && s->ports[i].udp == port.udp) {
			s->ports[i].global = s->ports[i].global || port.global;
			return;
		}
	if (s->port_count == COMPOSE_PORTS_MAX / 2)
		compose_note(r, v, true, path, "open fewer", "more than %u ports",
			     COMPOSE_PORTS_MAX / 2);
	else
		s->ports[s->port_count++] = port;
}

static void
port_text(struct compose_reader *r, struct compose_service *s, const struct json *v,
	  const char *path, const char *text, bool global)
{
	struct compose_port ports[COMPOSE_PORTS_MAX];
	size_t count;
	bool local;
	const char *fault = compose_ports_read(text, ports, &count, &local);

	if (fault != NULL) {
		compose_note(r, v, true, path, NULL, "%s, got %.60s", fault, text);
		return;
	}
	if (local)
		compose_note(r, v, false, path, "leave the address out to open it to the world",
			     "open on your own machine only there; here to other services only");
	for (size_t i = 0; i < count; i++) {
		ports[i].global = global && !local;
		port_add(r, s, v, path, ports[i]);
	}
}

static void
ports_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	   const char *path)
{
	for (const struct json *p = v->first; p != NULL; p = p->next) {
		const char *text = compose_text(r, p, path), *host, *proto, *published;

		if (text != NULL) {
			port_text(r, s, p, path, text, true);
			continue;
		}
		if (p->type != JSON_OBJECT)
			continue;
		host = compose_member(r, p, "host_ip", path);
		proto = compose_member(r, p, "protocol", path);
		published = compose_member(r, p, "published", path);
		text = compose_member(r, p, "target", path);
		port_text(r, s, p, path,
			  arena_printf(r->arena, "%s%s%s%s%s/%s", host != NULL ? host : "",
				       host != NULL ? ":" : "", published != NULL ? published : "",
				       published != NULL || host != NULL ? ":" : "",
				       text != NULL ? text : "", proto != NULL ? proto : "tcp"),
			  true);
	}
}

static void
expose_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	    const char *path)
{
	for (const struct json *p = v->first; p != NULL; p = p->next) {
		const char *text = compose_text(r, p, path);

		if (text != NULL)
			port_text(r, s, p, path, text, false);
	}
}

static void
depends_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	     const char *path)
{
	for (const struct json *m = v->first; m != NULL; m = m->next) {
		const char *name = v->type == JSON_OBJECT ? m->name : compose_text(r, m, path);
		const struct json *condition = json_get(m, "condition");

		if (name == NULL)
			continue;
		str_add(r, &s->needs, arena_strndup(r->arena, name, strcspn(name, ":")));
		if (condition != NULL && condition->type == JSON_STRING &&
		    strcmp(condition->text, "service_started") != 0)
			compose_note(r, m, false, path,
				     "let the service try again until it is there",
				     "services start together: none waits for %.60s", name);
	}
}

/* ------------------------------------------------------------------ */
/* Limits, copies, restarts.                                           */

static void
memory_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	    const char *path)
{
	const char *text = compose_text(r, v, path);

	if (text == NULL)
		return;
	s->memory = compose_bytes(text);
	if (s->memory < MEMORY_BYTES_MIN || s->memory > MEMORY_BYTES_MAX) {
		compose_note(r, v, false, path, NULL, "memory is 8m to 2t, got %.40s", text);
		s->memory = 0;
	}
}

static void
cpus_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	  const char *path)
{
	const char *text = compose_text(r, v, path);
	struct sdl_hint hint;

	if (text == NULL)
		return;
	if (sdl_cpu_read(text, &s->cpu_milli, &hint) != NULL || s->cpu_milli < CPU_MILLI_MIN ||
	    s->cpu_milli > CPU_MILLI_MAX) {
		compose_note(r, v, false, path, NULL, "cpus are 0.01 to 384, got %.40s", text);
		s->cpu_milli = 0;
	}
}

static void
count_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	   const char *path)
{
	const char *text = compose_text(r, v, path);
	unsigned long n = text != NULL ? strtoul(text, NULL, 10) : 0;

	if (n >= 1 && n <= SERVICE_COUNT_MAX)
		s->count = (uint32_t)n;
	else
		compose_note(r, v, false, path, NULL, "copies are 1 to %u: one is taken",
			     SERVICE_COUNT_MAX);
}

static void
restart_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	     const char *path)
{
	const char *text = compose_text(r, v, path);

	if (text == NULL)
		return;
	if (strcmp(text, "no") == 0 || strcmp(text, "none") == 0)
		s->restart = "never";
	else if (strncmp(text, "on-failure", 10) == 0)
		s->restart = "on-failure";
	if (strncmp(text, "on-failure:", 11) == 0)
		compose_note(r, v, false, path, NULL,
			     "how often it is started anew is not limited");
}

static void
devices_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	     const char *path)
{
	for (const struct json *d = v->first; d != NULL; d = d->next) {
		const char *driver = compose_member(r, d, "driver", path);
		const char *count = compose_member(r, d, "count", path);

		if (driver == NULL || strcmp(driver, "nvidia") != 0) {
			compose_note(r, d, true, path, "write driver: nvidia",
				     "only gpus of nvidia are carried over");
			continue;
		}
		s->gpus = count != NULL ? (uint32_t)strtoul(count, NULL, 10) : 1;
		if (s->gpus == 0 || s->gpus > GPUS_MAX)
			s->gpus = 1;
	}
}

static void
deploy_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	    const char *path)
{
	const struct json *resources = json_get(v, "resources"), *m, *limits, *reserved;

	if ((m = json_get(v, "replicas")) != NULL)
		count_read(r, s, m, compose_below(r, path, "replicas"));
	m = json_get(v, "restart_policy");
	if (m != NULL && (m = json_get(m, "condition")) != NULL)
		restart_read(r, s, m, compose_below(r, path, "restart_policy.condition"));
	limits = resources != NULL ? json_get(resources, "limits") : NULL;
	reserved = resources != NULL ? json_get(resources, "reservations") : NULL;
	m = limits != NULL ? json_get(limits, "cpus") : NULL;
	m = m == NULL && reserved != NULL ? json_get(reserved, "cpus") : m;
	if (m != NULL)
		cpus_read(r, s, m, compose_below(r, path, "resources.limits.cpus"));
	m = limits != NULL ? json_get(limits, "memory") : NULL;
	m = m == NULL && reserved != NULL ? json_get(reserved, "memory") : m;
	if (m != NULL)
		memory_read(r, s, m, compose_below(r, path, "resources.limits.memory"));
	m = reserved != NULL ? json_get(reserved, "devices") : NULL;
	if (m != NULL)
		devices_read(r, s, m, compose_below(r, path, "resources.reservations.devices"));
	for (m = v->first; m != NULL; m = m->next)
		if (strcmp(m->name, "replicas") != 0 && strcmp(m->name, "restart_policy") != 0 &&
		    strcmp(m->name, "resources") != 0)
			compose_note(r, m, false, compose_below(r, path, m->name), NULL,
				     "this has no counterpart and is left out");
}

static void
stop_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	  const char *path)
{
	const char *text = compose_text(r, v, path);

	if (text == NULL || !compose_seconds(text, &s->stop_s) || s->stop_s == 0 ||
	    s->stop_s > STOP_S_MAX) {
		compose_note(r, v, false, path, NULL, "a stop takes 1s to 10m");
		s->stop_s = 0;
	}
}

static void
readonly_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	      const char *path)
{
	const char *text = compose_text(r, v, path);

	s->readonly = text != NULL && strcmp(text, "true") == 0;
}

/* ------------------------------------------------------------------ */
/* healthcheck                                                         */

static void
test_read(struct compose_reader *r, struct compose_health *h, const struct json *v,
	  const char *path)
{
	struct json_strs words = { NULL, 0 };
	const char *text = compose_text(r, v, path);

	if (text != NULL) {
		str_add(r, &words, "CMD-SHELL");
		str_add(r, &words, text);
	} else {
		words_read(r, v, path, &words);
	}
	if (words.count < 2)
		return;
	if (strcmp(words.items[0], "CMD-SHELL") == 0) {
		str_add(r, &h->command, "/bin/sh");
		str_add(r, &h->command, "-c");
		str_add(r, &h->command, words.items[1]);
	} else if (strcmp(words.items[0], "CMD") == 0) {
		h->command = (struct json_strs){ words.items + 1, words.count - 1 };
	} else {
		compose_note(r, v, false, path, "begin it with CMD or CMD-SHELL",
			     "the test is not understood");
		return;
	}
	h->given = true;
}

static uint32_t
health_seconds(struct compose_reader *r, const struct json *health, const char *name,
	       const char *path, uint32_t fallback)
{
	const char *text = compose_member(r, health, name, path);
	uint32_t v = fallback;

	if (text != NULL && (!compose_seconds(text, &v) || v > CHECK_S_MAX)) {
		compose_note(r, health, false, compose_below(r, path, name), NULL,
			     "a duration is at most 1h, got %.40s", text);
		v = fallback;
	}
	return v;
}

static void
health_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	    const char *path)
{
	struct compose_health *h = &s->health;
	const struct json *test = json_get(v, "test");
	const char *disable = compose_member(r, v, "disable", path);
	const char *retries = compose_member(r, v, "retries", path);
	unsigned long n = retries != NULL ? strtoul(retries, NULL, 10) : 3;

	if (disable != NULL && strcmp(disable, "true") == 0)
		return;
	if (test != NULL)
		test_read(r, h, test, compose_below(r, path, "test"));
	else
		compose_note(r, v, false, path, "write the image's own test here",
			     "a check that stands in the image only is not known");
	h->every_s = MAX(health_seconds(r, v, "interval", path, 30), 1);
	h->timeout_s = MAX(health_seconds(r, v, "timeout", path, 30), 1);
	h->grace_s = health_seconds(r, v, "start_period", path, 0);
	h->failures = n >= 1 && n <= 100 ? (uint32_t)n : 3;
	if (json_get(v, "start_interval") != NULL)
		compose_note(r, v, false, compose_below(r, path, "start_interval"), NULL,
			     "this has no counterpart and is left out");
}

/* ------------------------------------------------------------------ */
/* The table.                                                          */

#define REFUSED 1u /* without it this is another application */
#define SILENT	2u /* nothing is lost */

/* read NULL: not carried over; then `why` and `cure` say it. */
static const struct {
	const char *name;
	key_reader *read;
	unsigned flags;
	const char *why, *cure;
} keys[] = {
	{ "image", image_read, 0, NULL, NULL },
	{ "command", command_read, 0, NULL, NULL },
	{ "entrypoint", entrypoint_read, 0, NULL, NULL },
	{ "environment", environment_read, 0, NULL, NULL },
	{ "ports", ports_read, 0, NULL, NULL },
	{ "expose", expose_read, 0, NULL, NULL },
	{ "depends_on", depends_read, 0, NULL, NULL },
	{ "links", depends_read, 0, NULL, NULL },
	{ "volumes", compose_volumes_read, 0, NULL, NULL },
	{ "tmpfs", compose_tmpfs_read, 0, NULL, NULL },
	{ "deploy", deploy_read, 0, NULL, NULL },
	{ "mem_limit", memory_read, 0, NULL, NULL },
	{ "cpus", cpus_read, 0, NULL, NULL },
	{ "scale", count_read, 0, NULL, NULL },
	{ "restart", restart_read, 0, NULL, NULL },
	{ "stop_grace_period", stop_read, 0, NULL, NULL },
	{ "read_only", readonly_read, 0, NULL, NULL },
	{ "healthcheck", health_read, 0, NULL, NULL },
	{ "container_name", NULL, SILENT, NULL, NULL },
	{ "networks", NULL, SILENT, NULL, NULL },
	{ "labels", NULL, SILENT, NULL, NULL },
	{ "logging", NULL, SILENT, NULL, NULL },
	{ "init", NULL, SILENT, NULL, NULL },
	{ "tty", NULL, SILENT, NULL, NULL },
	{ "stdin_open", NULL, SILENT, NULL, NULL },
	{ "pull_policy", NULL, SILENT, NULL, NULL },
	{ "platform", NULL, 0, "the processor is chosen in the profile",
	  "write cpu: {attributes: {arch: arm64}} if it must be" },
	{ "build", NULL, 0, "nothing is built here",
	  "build it, push it to a registry and name it with image:" },
	{ "env_file", NULL, REFUSED, "a file of your own machine is not read",
	  "write the variables under environment:" },
	{ "extends", NULL, REFUSED, "other files are not read",
	  "use the output of docker compose config" },
	{ "secrets", NULL, REFUSED, "there are no secrets as files",
	  "give them as variables, or let the service make its own" },
	{ "configs", NULL, REFUSED, "there are no configs as files", "put them into the image" },
	{ "privileged", NULL, REFUSED, "nothing runs with the rights of the machine",
	  "leave it out if it runs without" },
	{ "devices", NULL, REFUSED, "there are no devices of the machine",
	  "leave it out; gpus are reserved under deploy.resources" },
	{ "cap_add", NULL, REFUSED, "a container gets no more rights",
	  "leave it out if it runs without" },
	{ "network_mode", NULL, REFUSED, "there is no network of the machine",
	  "leave it out and open ports" },
	{ "pid", NULL, REFUSED, "there are no processes of the machine", "leave it out" },
	{ "ipc", NULL, REFUSED, "there is no memory shared with the machine", "leave it out" },
	{ "user", NULL, 0, "the image's user is taken", "set it with USER in the image" },
	{ "working_dir", NULL, 0, "the image's folder is taken",
	  "set it with WORKDIR in the image" },
};

static void
key_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
	 const char *path)
{
	size_t i = 0;

	if (v->type == JSON_NULL || strncmp(v->name, "x-", 2) == 0)
		return;
	while (i < NELEMS(keys) && strcmp(keys[i].name, v->name) != 0)
		i++;
	if (i == NELEMS(keys))
		compose_note(r, v, false, path, NULL, "this has no counterpart and is left out");
	else if (keys[i].read != NULL)
		keys[i].read(r, s, v, path);
	else if ((keys[i].flags & SILENT) == 0)
		compose_note(r, v, (keys[i].flags & REFUSED) != 0, path, keys[i].cure, "%s",
			     keys[i].why);
}

/* ------------------------------------------------------------------ */
/* What only the whole says.                                           */

/* The port that the proxy serves: 80 outside, 80 inside, or the first that is
 * mostly HTTP. With one at hand, 443 beside it is the proxy's own. */
static void
http_choose(struct compose_service *s)
{
	static const uint32_t usual[] = { 0, 0, 8080, 8000, 3000, 5000, 8081, 8888, 9000, 4000 };

	for (size_t k = 0; k < NELEMS(usual); k++)
		for (size_t i = 0; i < s->port_count; i++) {
			struct compose_port *p = &s->ports[i];
			bool hit = k == 0   ? p->published == 80
				   : k == 1 ? p->target == 80
					    : p->target == usual[k] || p->published == usual[k];

			if (hit && p->global && !p->udp) {
				p->http = true;
				return;
			}
		}
}

static void
tls_drop(struct compose_reader *r, struct compose_service *s, const char *path)
{
	bool http = false;

	for (size_t i = 0; i < s->port_count; i++)
		http = http || s->ports[i].http;
	for (size_t i = 0; http && i < s->port_count; i++) {
		struct compose_port *p = &s->ports[i];

		if (p->http || p->udp || (p->published != 443 && p->target != 443))
			continue;
		compose_note(r, s->node, false, path, NULL,
			     "port 443 is left out: the provider's proxy ends TLS before port 80");
		memmove(p, p + 1, (s->port_count - i - 1) * sizeof(*p));
		s->port_count--;
		return;
	}
}

/* In compose all ports are open to neighbours; here only those that are named. */
static void
usual_port(struct compose_reader *r, struct compose_service *s, const char *path)
{
	static const struct {
		const char *image;
		uint32_t port;
	} usual[] = { { "postgres", 5432 },	 { "postgis", 5432 },  { "mysql", 3306 },
		      { "mariadb", 3306 },	 { "redis", 6379 },    { "valkey", 6379 },
		      { "mongo", 27017 },	 { "rabbitmq", 5672 }, { "memcached", 11211 },
		      { "elasticsearch", 9200 }, { "nats", 4222 },     { "minio", 9000 } };
	const char *base = strrchr(s->image, '/');

	base = base != NULL ? base + 1 : s->image;
	for (size_t i = 0; i < NELEMS(usual); i++)
		if (strncmp(base, usual[i].image, strlen(usual[i].image)) == 0) {
			s->ports[s->port_count++] =
				(struct compose_port){ .target = usual[i].port, .invented = true };
			return;
		}
	compose_note(r, s->node, false, path, "add expose: [\"PORT\"]",
		     "others depend on it, but it opens no port: none can reach it");
}

static void
service_finish(struct compose_reader *r, struct compose_service *s)
{
	const char *path = compose_below(r, "services", s->given);

	if (s->image == NULL || *s->image == '\0') {
		s->image = "image.is.missing/fill-in:1";
		compose_note(r, s->node, true, path, "name one with image:", "there is no image");
	}
	for (size_t i = 0; i < s->needs.count; i++)
		if (compose_named(r, s->needs.items[i]) == NULL)
			compose_note(r, s->node, false, compose_below(r, path, "depends_on"), NULL,
				     "there is no service %.60s", s->needs.items[i]);
	http_choose(s);
	tls_drop(r, s, compose_below(r, path, "ports"));
	for (size_t i = 0; i < r->service_count && s->port_count == 0; i++)
		for (size_t k = 0; k < r->services[i].needs.count && s->port_count == 0; k++)
			if (strcmp(r->services[i].needs.items[k], s->given) == 0) {
				usual_port(r, s, path);
				i = r->service_count - 1;
				break;
			}
}

/* A volume that two services mount is two volumes here. */
static void
shared_check(struct compose_reader *r)
{
	for (size_t i = 0; i < r->service_count; i++) {
		const struct compose_volume *v = r->services[i].volumes.items;

		for (size_t n = 0; n < r->services[i].volumes.count; n++)
			for (size_t k = 0; k < i; k++) {
				const struct compose_volume *w = r->services[k].volumes.items;

				for (size_t m = 0; m < r->services[k].volumes.count; m++)
					if (v[n].kind == VOLUME_KEPT && w[m].kind == VOLUME_KEPT &&
					    strcmp(v[n].name, w[m].name) == 0)
						compose_note(r, r->services[i].node, false,
							     compose_below(r, "services",
									   r->services[i].given),
							     "put both programs into one service",
							     "the volume %.60s is not shared with "
							     "%.60s: each has its own",
							     v[n].name, r->services[k].name);
			}
	}
}

static void
names_choose(struct compose_reader *r)
{
	for (size_t i = 0; i < r->service_count; i++) {
		struct compose_service *s = &r->services[i];

		s->name = compose_name(r, s->given, arena_printf(r->arena, "service%zu", i + 1));
		for (size_t k = 0; k < i; k++)
			if (strcmp(r->services[k].name, s->name) == 0)
				s->name = arena_printf(r->arena, "%.50s-%zu", s->name, i + 1);
		if (strcmp(s->name, s->given) != 0)
			compose_note(r, s->node, false, compose_below(r, "services", s->given),
				     "write the new name where others connect to it",
				     "it is named %s here", s->name);
	}
}

static void
top_notes(struct compose_reader *r)
{
	for (const struct json *v = r->root->first; v != NULL; v = v->next)
		if (strcmp(v->name, "include") == 0)
			compose_note(r, v, true, v->name, "use the output of docker compose config",
				     "other files are not read");
		else if (strcmp(v->name, "secrets") == 0 || strcmp(v->name, "configs") == 0)
			compose_note(r, v, false, v->name, NULL,
				     "this has no counterpart and is left out");
}

static int
by_line(const void *a, const void *b)
{
	const struct compose_note *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

int
compose_convert(struct arena *a, const char *name, const char *text, size_t len,
		struct compose *out, struct err *e)
{
	struct compose_reader r = { .arena = a, .out = out };
	const struct json *services;
	struct json *root;

	*out = (struct compose){ 0 };
	if (yaml_parse(a, name, text, len, YAML_ALIASES, &root, e) < 0)
		return -1;
	services = json_get(root, "services");
	if (services == NULL || services->type != JSON_OBJECT || services->count == 0)
		return err_set(e, &COMPOSE_BAD, "%s: it has no services", name);
	if (services->count > GROUP_SERVICES_MAX)
		return err_set(e, &COMPOSE_BAD, "%s: %zu services, at most %u", name,
			       services->count, GROUP_SERVICES_MAX);
	r.root = root;
	r.services = arena_alloc(a, services->count * sizeof(*r.services));
	for (const struct json *v = services->first; v != NULL; v = v->next)
		r.services[r.service_count++] =
			(struct compose_service){ .given = v->name, .node = v, .count = 1 };
	names_choose(&r);
	for (size_t i = 0; i < r.service_count; i++) {
		struct compose_service *s = &r.services[i];

		for (const struct json *v = s->node->first; v != NULL; v = v->next)
			if (v->name != NULL)
				key_read(&r, s, v,
					 compose_below(&r, compose_below(&r, "services", s->given),
						       v->name));
	}
	for (size_t i = 0; i < r.service_count; i++)
		service_finish(&r, &r.services[i]);
	shared_check(&r);
	top_notes(&r);
	if (out->note_count > 1)
		qsort(out->notes, out->note_count, sizeof(*out->notes), by_line);
	out->sdl = compose_write(&r);
	return 0;
}

const char *
compose_note_text(struct arena *a, const char *name, const struct compose_note *n)
{
	return arena_printf(a, "%s:%u: %s: %s\n  at %s\n%s%s%s", name, n->line,
			    n->refused ? "error" : "note", n->what, n->path,
			    n->cure != NULL ? "  help: " : "", n->cure != NULL ? n->cure : "",
			    n->cure != NULL ? "\n" : "");
}
