/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress/routes.h"

#include <ctype.h>

#include "lib/bytes.h"

const struct code ROUTES_FULL = { "routes_full", UNAVAIL,
				  "the provider has no room for host names" };

#define ACME_PATH "/.well-known/acme-challenge/"

/* What a backend of each class says; how many of `routes` are of it. */
static const struct class
{
	char letter;
	unsigned share;
	const char *text;
} classes[] = {
	{ 'd', 1, "	retries 2\n	retry-on conn-failure empty-response response-timeout\n" },
	{ 'o', 4, "	retries 1\n	retry-on conn-failure empty-response response-timeout\n" },
	{ 's', 4,
	  "	retries 2\n	retry-on conn-failure empty-response response-timeout 500 502 503 "
	  "504\n" },
	{ 't', 4,
	  "	retries 2\n	retry-on conn-failure empty-response response-timeout 403 404 500 "
	  "502 503 "
	  "504\n" },
	{ 'n', 4, "	retries 0\n	retry-on none\n" },
};

static unsigned
class_size(const struct routes_config *c, const struct class *class)
{
	return MAX(c->routes / class->share, 4u);
}

static bool
has_case(const struct host_route *r, const char *name)
{
	for (size_t i = 0; i < r->options.next_cases.count; i++)
		if (strcmp(r->options.next_cases.items[i], name) == 0)
			return true;
	return false;
}

char
routes_class(const struct host_route *r)
{
	if (has_case(r, "off") || r->options.next_tries == 1)
		return 'n';
	if (has_case(r, "403") || has_case(r, "404"))
		return 't';
	if (has_case(r, "500") || has_case(r, "502") || has_case(r, "503") || has_case(r, "504"))
		return 's';
	return r->options.next_tries == 2 ? 'o' : 'd';
}

/* ------------------------------------------------------------------ */
/* Configuration.                                                      */

static const char global_text[] = "global\n"
				  "	description gavel-%s\n"
				  "	stats socket %s/admin.sock mode 600 level admin\n"
				  "	stats timeout 30s\n"
				  "	maxconn %u\n"
				  "	hard-stop-after 10s\n"
				  "	ssl-default-bind-options ssl-min-ver TLSv1.2\n"
				  "defaults\n"
				  "	mode http\n"
				  "	timeout connect 3s\n"
				  "	timeout client 65s\n"
				  "	timeout server 60s\n"
				  "	timeout http-request 10s\n"
				  "	timeout http-keep-alive 30s\n"
				  "	timeout queue 10s\n"
				  "	timeout tunnel 1h\n"
				  "	option redispatch 1\n"
				  "	balance roundrobin\n";

/* What a client says about where it comes from is not believed. */
static const char front_text[] =
	"	http-request del-header ^(x-forwarded-.*|forwarded|x-real-ip)$ -m reg\n"
	"	http-request set-header X-Forwarded-For %%[src]\n"
	"	http-request set-header X-Forwarded-Host %%[req.hdr(host)]\n"
	"	http-request set-header X-Forwarded-Proto http\n"
	"	http-request set-header X-Forwarded-Proto https if { ssl_fc }\n"
	"	http-request set-var(txn.be) "
	"req.hdr(host),host_only,lower,map_str(%s/hosts.map)\n"
	"	http-request return status 404 content-type text/html string \"<!doctype html>"
	"<title>404</title><h1>404</h1><p>No workload of this provider has this host name.\" "
	"if !{ var(txn.be) -m found }%s\n"
	"	http-request set-var(txn.body) var(txn.be),map_str_int(%s/bodies.map,%u)\n"
	"	http-request set-var(txn.timeout) var(txn.be),map_str_int(%s/timeouts.map,%u)\n"
	"	http-request deny deny_status 413 if "
	"{ req.hdr(content-length),sub(txn.body) gt 0 }%s\n"
	"%s"
	"	use_backend %%[var(txn.be)]\n";

#define BIND_TLS "%s\tbind %s:%u ssl crt-list %s/certs.txt alpn h2,http/1.1\n"

static const char *
front(struct arena *a, const struct routes_config *c)
{
	const char *text = "frontend web\n", *but = c->acme != 0 ? " !challenge" : "";

	if (c->http != 0)
		text = arena_printf(a, "%s	bind %s:%u\n", text, c->address, c->http);
	if (c->https != 0)
		text = arena_printf(a, BIND_TLS, text, c->address, c->https, c->dir);
	if (c->acme != 0)
		text = arena_printf(a, "%s	acl challenge path_beg " ACME_PATH "\n", text);
	return arena_printf(
		a, "%s%s", text,
		arena_printf(a, front_text, c->dir, but, c->dir, ROUTES_BODY_BYTES, c->dir,
			     ROUTES_TIMEOUT_MS, but,
			     c->acme != 0 ? "	use_backend acme if challenge\n" : ""));
}

static const char *
backends(struct arena *a, const struct routes_config *c)
{
	static const char common[] = "	http-request disable-l7-retry if "
				     "{ method POST PATCH CONNECT }\n"
				     "	http-request set-timeout server var(txn.timeout)\n";
	size_t size = 0, len = 0;
	char *text;

	for (size_t k = 0; k < NELEMS(classes); k++)
		size += class_size(c, &classes[k]) *
			(strlen(classes[k].text) + sizeof(common) + 32);
	text = arena_alloc(a, size + 1);
	for (size_t k = 0; k < NELEMS(classes); k++)
		for (unsigned i = 0; i < class_size(c, &classes[k]); i++)
			len += (size_t)snprintf(text + len, size + 1 - len, "backend %c%u\n%s%s",
						classes[k].letter, i, classes[k].text, common);
	return text;
}

static const char *
config_text(struct arena *a, const struct routes_config *c, const char *mark)
{
	const char *acme = c->acme == 0 ? ""
					: arena_printf(a,
						       "backend acme\n"
						       "	server acme 127.0.0.1:%u\n",
						       c->acme);

	return arena_printf(a, "%s%s%s%s",
			    arena_printf(a, global_text, mark, c->dir, c->connections), front(a, c),
			    acme, backends(a, c));
}

const char *
routes_config_text(struct arena *a, const struct routes_config *c, const char **mark)
{
	const char *text = config_text(a, c, "");
	char hex[HASH_TEXT_SIZE];
	struct hash h;

	keccak256(text, strlen(text), &h);
	*mark = arena_printf(a, "gavel-%.16s", hash_text(&h, hex) + 2);
	return config_text(a, c, *mark + strlen("gavel-"));
}

/* ------------------------------------------------------------------ */
/* What HAProxy shows.                                                 */

enum { HOSTS, BODIES, TIMEOUTS, MAPS };
static const char *const map_names[MAPS] = { "hosts", "bodies", "timeouts" };

struct entry {
	const char *key, *value;
	bool wanted;
	bool going; /* a host name that no route has any more */
};

struct server {
	const char *backend, *name;
	bool resting; /* in maintenance: it is not asked */
	bool wanted;
};

struct view {
	struct entry *maps[MAPS];
	size_t map_counts[MAPS];
	struct server *servers;
	size_t server_count;
};

const char *
routes_show_text(struct arena *a, const struct routes_config *c)
{
	const char *text = "";

	for (int m = 0; m < MAPS; m++)
		text = arena_printf(a, "%sshow map %s/%s.map;", text, c->dir, map_names[m]);
	return arena_printf(a, "%sshow servers state\n", text);
}

/* The words of a line; at most `most`. */
static size_t
words(struct arena *a, const char *line, size_t len, const char **out, size_t most)
{
	size_t count = 0, i = 0;

	while (count < most) {
		size_t from;

		while (i < len && line[i] == ' ')
			i++;
		for (from = i; i < len && line[i] != ' '; i++)
			;
		if (i == from)
			break;
		out[count++] = arena_strndup(a, line + from, i - from);
	}
	return count;
}

static void
view_line(struct arena *a, struct view *v, int section, const char *line, size_t len)
{
	const char *w[7];
	size_t count = words(a, line, len, w, NELEMS(w));

	if (section < MAPS && count >= 3 && strncmp(w[0], "0x", 2) == 0) {
		v->maps[section] = arena_grow(a, v->maps[section], v->map_counts[section],
					      sizeof(struct entry));
		v->maps[section][v->map_counts[section]++] =
			(struct entry){ .key = w[1], .value = w[2] };
	}
	if (section == MAPS && count == 7 && isdigit((unsigned char)w[0][0]) &&
	    strcmp(w[1], "acme") != 0) {
		v->servers = arena_grow(a, v->servers, v->server_count, sizeof(*v->servers));
		v->servers[v->server_count++] =
			(struct server){ w[1], w[3], (strtoul(w[6], NULL, 10) & 1) != 0, false };
	}
}

/* One section for each command, ended by an empty line. */
static int
view_read(struct arena *a, struct view *v, const char *shown, struct err *e)
{
	int section = 0;

	*v = (struct view){ .server_count = 0 };
	while (*shown != '\0') {
		size_t len = strcspn(shown, "\n");

		if (len == 0)
			section++;
		else
			view_line(a, v, section, shown, len);
		shown += len + (shown[len] == '\n');
	}
	if (section <= MAPS)
		return err_set(e, &ERR_BAD_DATA, "haproxy shows %d of %d tables", section,
			       MAPS + 1);
	return 0;
}

static struct entry *
view_entry(const struct view *v, int map, const char *key)
{
	for (size_t i = 0; i < v->map_counts[map]; i++)
		if (strcmp(v->maps[map][i].key, key) == 0)
			return &v->maps[map][i];
	return NULL;
}

/* ------------------------------------------------------------------ */
/* Lines of commands.                                                   */

struct script {
	struct arena *a;
	struct json_strs lines;
};

static void
say(struct script *s, const char *command)
{
	size_t last = s->lines.count - 1;

	if (s->lines.count > 0 &&
	    strlen(s->lines.items[last]) + strlen(command) + 2 < ROUTES_LINE_MAX) {
		s->lines.items[last] = arena_printf(s->a, "%s;%s", s->lines.items[last], command);
		return;
	}
	s->lines.items = arena_grow(s->a, s->lines.items, s->lines.count, sizeof(char *));
	s->lines.items[s->lines.count++] = command;
}

/* ------------------------------------------------------------------ */
/* The difference.                                                     */

struct diff {
	struct arena *a;
	const struct routes_config *c;
	struct view view;
	struct script cut, servers, maps; /* in this order */
	const char **claimed;		  /* backends that routes have, by now */
	size_t claimed_count;
};

static bool
backend_claimed(const struct diff *d, const char *name)
{
	for (size_t i = 0; i < d->claimed_count; i++)
		if (strcmp(d->claimed[i], name) == 0)
			return true;
	return false;
}

/* A route has it or had it; `strictly`, also when that one goes now. */
static bool
backend_used(const struct diff *d, const char *name, bool strictly)
{
	const struct view *v = &d->view;

	if (backend_claimed(d, name))
		return true;
	for (size_t i = 0; i < v->map_counts[HOSTS]; i++)
		if (strcmp(v->maps[HOSTS][i].value, name) == 0 &&
		    (strictly || !v->maps[HOSTS][i].going))
			return true;
	for (size_t i = 0; strictly && i < v->server_count; i++)
		if (strcmp(v->servers[i].backend, name) == 0)
			return true;
	return false;
}

static const char *
backend_free(const struct diff *d, char letter, bool strictly)
{
	char name[16];

	for (size_t k = 0; k < NELEMS(classes); k++)
		for (unsigned i = 0;
		     classes[k].letter == letter && i < class_size(d->c, &classes[k]); i++) {
			snprintf(name, sizeof(name), "%c%u", letter, i);
			if (!backend_used(d, name, strictly))
				return arena_strdup(d->a, name);
		}
	return NULL;
}

/* The one that it has; else a free one of its class; else a plain one; else one
 * that is left now: its names go, and its servers get nothing new, before ours
 * come. */
static const char *
backend_choose(const struct diff *d, const struct host_route *r)
{
	char letters[2] = { routes_class(r), 'd' };
	const char *name = NULL;

	for (size_t i = 0; i < r->host_count; i++) {
		const struct entry *had = view_entry(&d->view, HOSTS, r->hosts[i]);

		if (had != NULL && !backend_claimed(d, had->value) &&
		    (had->value[0] == letters[0] || had->value[0] == 'd'))
			return had->value;
	}
	for (size_t l = 0; l < 2 * NELEMS(letters) && name == NULL; l++)
		name = backend_free(d, letters[l % 2], l < NELEMS(letters));
	return name;
}

static void
want_entry(struct diff *d, int map, const char *key, const char *value)
{
	struct entry *had = view_entry(&d->view, map, key);

	if (had != NULL && had->wanted)
		return; /* of another route: the first has it */
	if (had != NULL)
		had->wanted = true;
	if (had != NULL && strcmp(had->value, value) == 0)
		return;
	say(&d->maps, arena_printf(d->a, "%s map %s/%s.map %s %s", had != NULL ? "set" : "add",
				   d->c->dir, map_names[map], key, value));
	if (had != NULL)
		return;
	/* So that a second wish for it is seen. */
	d->view.maps[map] =
		arena_grow(d->a, d->view.maps[map], d->view.map_counts[map], sizeof(struct entry));
	d->view.maps[map][d->view.map_counts[map]++] = (struct entry){ key, value, true, false };
}

static void
want_server(struct diff *d, const char *backend, const struct route_target *t)
{
	const char *name = arena_printf(d->a, "s%u-%u", t->slot, t->port);
	const char *full = arena_printf(d->a, "%s/%s", backend, name);

	for (size_t i = 0; i < d->view.server_count; i++) {
		struct server *s = &d->view.servers[i];

		if (strcmp(s->backend, backend) != 0 || strcmp(s->name, name) != 0)
			continue;
		s->wanted = true;
		if (s->resting)
			say(&d->servers,
			    arena_printf(d->a, "enable health %s;enable server %s", full, full));
		return;
	}
	say(&d->servers,
	    arena_printf(
		    d->a,
		    "add server %s %s:%u check inter 2s downinter 100ms fall 2 rise 1 maxconn 1000;"
		    "enable health %s;enable server %s",
		    full, t->address, t->port, full, full));
}

static void
cut_rest(struct diff *d)
{
	const struct view *v = &d->view;

	for (int m = 0; m < MAPS; m++)
		for (size_t i = 0; i < v->map_counts[m]; i++)
			if (!v->maps[m][i].wanted)
				say(&d->cut, arena_printf(d->a, "del map %s/%s.map %s", d->c->dir,
							  map_names[m], v->maps[m][i].key));
	for (size_t i = 0; i < v->server_count; i++) {
		const struct server *s = &v->servers[i];

		/* First it gets nothing new; who still talks may end, until we look
		 * again. */
		if (!s->wanted)
			say(&d->cut,
			    arena_printf(d->a, "%s server %s/%s%s;del server %s/%s",
					 s->resting ? "shutdown sessions" : "set", s->backend,
					 s->name, s->resting ? "" : " state maint", s->backend,
					 s->name));
	}
}

static int
want_route(struct diff *d, const struct host_route *r, struct err *e)
{
	const char *backend = backend_choose(d, r);
	uint32_t body = r->options.max_body_bytes, wait = r->options.read_timeout_ms;

	if (backend == NULL)
		return err_set(e, &ROUTES_FULL, "%u host names lead in already", d->c->routes);
	d->claimed = arena_grow(d->a, d->claimed, d->claimed_count, sizeof(char *));
	d->claimed[d->claimed_count++] = backend;
	for (size_t i = 0; i < r->target_count; i++)
		want_server(d, backend, &r->targets[i]);
	want_entry(d, BODIES, backend,
		   arena_printf(d->a, "%u", body != 0 ? body : ROUTES_BODY_BYTES));
	want_entry(d, TIMEOUTS, backend,
		   arena_printf(d->a, "%u", wait != 0 ? wait : ROUTES_TIMEOUT_MS));
	for (size_t i = 0; i < r->host_count; i++)
		want_entry(d, HOSTS, r->hosts[i], backend);
	return 0;
}

bool
routes_have_host(const struct host_route *routes, size_t count, const char *host)
{
	for (size_t i = 0; i < count; i++)
		for (size_t h = 0; h < routes[i].host_count; h++)
			if (strcmp(routes[i].hosts[h], host) == 0)
				return true;
	return false;
}

static void
append(struct json_strs *to, struct arena *a, const struct script *s)
{
	for (size_t i = 0; i < s->lines.count; i++) {
		to->items = arena_grow(a, to->items, to->count, sizeof(char *));
		to->items[to->count++] = arena_printf(a, "%s\n", s->lines.items[i]);
	}
}

int
routes_diff(struct arena *a, const struct routes_config *c, struct host_route *routes, size_t count,
	    const char *shown, struct json_strs *lines, bool *served, struct err *e)
{
	struct diff d = { .a = a, .c = c, .cut.a = a, .servers.a = a, .maps.a = a };
	int result = 0;

	if (view_read(a, &d.view, shown, e) < 0)
		return -1;
	for (size_t i = 0; i < d.view.map_counts[HOSTS]; i++) {
		struct entry *had = &d.view.maps[HOSTS][i];

		had->going = !routes_have_host(routes, count, had->key);
	}
	/* One too many must not keep the others out. */
	for (size_t i = 0; i < count; i++) {
		routes[i].left_out = want_route(&d, &routes[i], e) < 0;
		if (routes[i].left_out)
			result = -1;
	}
	cut_rest(&d);
	*lines = (struct json_strs){ NULL, 0 };
	*served = d.servers.lines.count == 0 && d.maps.lines.count == 0;
	append(lines, a, &d.cut);
	append(lines, a, &d.servers);
	append(lines, a, &d.maps);
	return result;
}

/* ------------------------------------------------------------------ */
/* Certificates.                                                       */

static const char *
next_of_owner(const struct host_route *routes, size_t count, size_t owner,
	      enum cert_need (*need)(void *arg, const char *host), void *arg)
{
	unsigned seen = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t h = 0; routes[i].owner == owner && h < routes[i].host_count; h++) {
			enum cert_need n = need(arg, routes[i].hosts[h]);

			if (n == CERT_NOW)
				return routes[i].hosts[h];
			if (n == CERT_LATER && ++seen == ROUTES_CERTS_MAX)
				return NULL;
		}
	return NULL;
}

const char *
routes_next_cert(const struct host_route *routes, size_t count, size_t owners, size_t first,
		 enum cert_need (*need)(void *arg, const char *host), void *arg, size_t *owner)
{
	const char *host = NULL;

	for (size_t i = 0; i < owners && host == NULL; i++) {
		*owner = (first + i) % owners;
		host = next_of_owner(routes, count, *owner, need, arg);
	}
	return host;
}

/* ------------------------------------------------------------------ */
/* Names.                                                              */

#define NAME_TAIL 10u /* of the lease's id: its random end, 50 bits */
#define NAME_MAX  40u

const char *
routes_own_host(struct arena *a, const char *service, unsigned port, const char *lease_id,
		const char *domain)
{
	size_t len = strlen(lease_id);
	char *tail = arena_strdup(a, lease_id + (len > NAME_TAIL ? len - NAME_TAIL : 0));
	const char *number = port != 0 ? arena_printf(a, "-%u", port) : "";

	for (char *p = tail; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return arena_printf(a, "%.*s%s-%s.%s", (int)NAME_MAX, service, number, tail, domain);
}

bool
routes_below(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	return h >= d && strcmp(host + h - d, domain) == 0 && (h == d || host[h - d - 1] == '.');
}
