/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress/proxy.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "provider/ingress/haproxy.h"
#include "provider/run/live.h"

const struct code HOST_TAKEN = { "host_taken", CONFLICT,
				 "another lease of this provider has the host name" };

#define LOOK_EVERY_US	 SECOND_US
#define COMPARE_EVERY_US (10 * SECOND_US)
#define LOOK_LIMIT_US	 (60 * SECOND_US)
#define END_POLL_US	 (50 * MILLI_US)
#define ROUNDS_MAX	 5u
#define ENDINGS_MAX	 400u /* polls, while an old HAProxy goes */
#define CONNECTIONS	 4000u
#define DIR_MAX		 ((size_t)80)

/* ------------------------------------------------------------------ */
/* Names.                                                              */

static bool
has_http(const struct agent *g)
{
	return g->settings->ingress_http != 0 || g->settings->ingress_https != 0;
}

static bool
is_http(const struct expose *x)
{
	return x->global && strcmp(x->proto, "http") == 0 && x->ip == NULL;
}

static bool
is_first_http(const struct service *s, const struct expose *x)
{
	const struct expose *all = s->exposes.items;

	for (size_t i = 0; i < s->exposes.count && &all[i] != x; i++)
		if (is_http(&all[i]))
			return false;
	return true;
}

size_t
proxy_hosts(const struct agent *g, struct arena *a, const struct id *lease, const struct service *s,
	    const struct expose *x, const char ***hosts)
{
	const char *domain = g->settings->ingress_domain, **list;
	char text[ID_TEXT_SIZE];
	size_t count = 0;

	*hosts = NULL;
	if (!has_http(g) || !is_http(x))
		return 0;
	list = arena_alloc(a, (x->hosts.count + 1) * sizeof(*list));
	for (size_t i = 0; i < x->hosts.count; i++)
		list[count++] = x->hosts.items[i];
	if (domain != NULL)
		list[count++] = routes_own_host(a, s->name, is_first_http(s, x) ? 0 : x->port,
						id_text(ID_LEASE, lease, text), domain);
	*hosts = list;
	return count;
}

/* Of all HTTP exposes of a manifest, in one list. */
static struct json_strs
hosts_of(const struct agent *g, struct arena *a, const struct id *lease, const struct manifest *m)
{
	struct json_strs all = { NULL, 0 };

	for (size_t i = 0; i < m->services.count; i++) {
		const struct service *s = (const struct service *)m->services.items + i;

		for (size_t k = 0; k < s->exposes.count; k++) {
			const char **hosts;
			size_t n = proxy_hosts(g, a, lease, s,
					       (const struct expose *)s->exposes.items + k, &hosts);

			for (size_t h = 0; h < n; h++) {
				all.items = arena_grow(a, all.items, all.count, sizeof(char *));
				all.items[all.count++] = hosts[h];
			}
		}
	}
	return all;
}

/* Names below our domain are ours to give: nobody may wish for one. */
static int
wished_free(const struct agent *g, const struct manifest *m, struct err *e)
{
	const char *domain = g->settings->ingress_domain;

	for (size_t i = 0; domain != NULL && i < m->services.count; i++) {
		const struct service *s = (const struct service *)m->services.items + i;

		for (size_t k = 0; k < s->exposes.count; k++) {
			const struct expose *x = (const struct expose *)s->exposes.items + k;

			for (size_t h = 0; h < x->hosts.count; h++)
				if (routes_below(x->hosts.items[h], domain))
					return err_set(e, &HOST_TAKEN,
						       "%s is for the provider to give",
						       x->hosts.items[h]);
		}
	}
	return 0;
}

/* Whether its names are its own by now. */
static bool
holds_names(const struct work *w)
{
	return w->unit_count > 0 && w->manifest != NULL && !w->released && w->failure == NULL &&
	       (w->state == WORK_ACCEPTED || w->state == WORK_RUNNING);
}

/* A manifest, or the one that is to follow it. */
static int
hosts_differ(const struct agent *g, struct arena *a, const struct json_strs *mine,
	     const struct work *other, const char *text, struct err *e)
{
	struct err ignored = ERR_NONE;
	struct json_strs theirs;
	struct manifest m;

	if (text == NULL || json_decode(a, text, strlen(text), manifest_fields, &m, &ignored) < 0)
		return 0;
	theirs = hosts_of(g, a, &other->id, &m);
	for (size_t i = 0; i < mine->count; i++)
		for (size_t k = 0; k < theirs.count; k++)
			if (strcmp(mine->items[i], theirs.items[k]) == 0)
				return err_set(e, &HOST_TAKEN, "%s leads to another lease",
					       mine->items[i]);
	return 0;
}

int
proxy_hosts_free(const struct agent *g, struct arena *a, const struct work *works, size_t count,
		 const struct work *w, const struct manifest *m, struct err *e)
{
	struct json_strs mine = hosts_of(g, a, &w->id, m);

	if (mine.count == 0)
		return 0;
	if (wished_free(g, m, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct work *other = &works[i];

		if (hash_equal(&other->hash, &w->hash) || !holds_names(other))
			continue;
		if (hosts_differ(g, a, &mine, other, other->manifest, e) < 0 ||
		    hosts_differ(g, a, &mine, other, other->next_manifest, e) < 0)
			return -1;
	}
	return 0;
}

const char *
proxy_url(const struct agent *g, struct arena *a, const char *host)
{
	const struct provider_settings *s = g->settings;
	bool signed_for = s->acme_url != NULL || s->ingress_certs != NULL;
	bool tls = s->ingress_https != 0 && (signed_for || s->ingress_http == 0);
	unsigned port = tls ? s->ingress_https : s->ingress_http;

	if (port == (tls ? 443 : 80))
		return arena_printf(a, "%s://%s", tls ? "https" : "http", host);
	return arena_printf(a, "%s://%s:%u", tls ? "https" : "http", host, port);
}

/* ------------------------------------------------------------------ */
/* What should be.                                                     */

static void
route_add(struct agent *g, struct arena *a, const struct work *w, uint32_t service,
	  const struct expose *x, struct host_route *r)
{
	struct route_target *targets = arena_alloc(a, w->unit_count * sizeof(*targets));

	r->targets = targets;
	r->options = x->http;
	for (uint32_t u = 0; u < w->unit_count; u++) {
		struct route_target *t = &targets[r->target_count];

		if (w->units[u].service != service || !live_takes_traffic(g, w, u))
			continue;
		t->slot = (uint16_t)w->units[u].slot;
		t->port = x->port;
		net_address(&g->jail_config.net, t->slot, 2, t->address);
		r->target_count++;
	}
}

int
proxy_routes(struct agent *g, struct arena *a, struct host_route **routes, size_t *count,
	     struct hash **leases, size_t *lease_count, struct err *e)
{
	struct work *works;
	size_t work_count;

	*routes = NULL;
	*leases = NULL;
	*count = *lease_count = 0;
	if (book_live(g->book, a, &works, &work_count, e) < 0)
		return -1;
	for (size_t w = 0; w < work_count; w++) {
		struct err ignored = ERR_NONE;
		struct manifest m;

		if (!holds_names(&works[w]) || works[w].meter.began == 0 ||
		    work_manifest(a, &works[w], &m, &ignored) < 0)
			continue;
		*leases = arena_grow(a, *leases, *lease_count, sizeof(**leases));
		(*leases)[(*lease_count)++] = works[w].hash;
		for (size_t i = 0; i < m.services.count; i++) {
			const struct service *s = (const struct service *)m.services.items + i;

			for (size_t k = 0; k < s->exposes.count; k++) {
				const struct expose *x =
					(const struct expose *)s->exposes.items + k;
				const char **hosts;
				size_t n = proxy_hosts(g, a, &works[w].id, s, x, &hosts);

				if (n == 0)
					continue;
				*routes = arena_grow(a, *routes, *count, sizeof(**routes));
				(*routes)[*count] = (struct host_route){
					.hosts = hosts, .host_count = n, .owner = *lease_count - 1
				};
				route_add(g, a, &works[w], (uint32_t)i, x, &(*routes)[(*count)++]);
			}
		}
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* The look.                                                           */

struct look {
	struct haproxy_call call;
	struct proc start;
	struct json_strs lines;
	struct hash *leases;
	size_t lease_count, line;
	unsigned rounds, endings;
	bool started;
};

static enum next info(struct task *t);
static enum next show(struct task *t);
static enum next speak(struct task *t);
static enum next start(struct task *t);

static enum next
info(struct task *t)
{
	struct look *l = t->state;
	struct proxy *p = t->owner;

	l->call.text = "show info\n";
	return haproxy_ask(t, p->config.dir, &l->call);
}

/* None: begin one. Another configuration's: end it first. */
static enum next
judge(struct task *t)
{
	struct look *l = t->state;
	struct proxy *p = t->owner;
	bool same;
	long pid;

	if (l->call.err.code != NULL) {
		if (!l->started)
			return task_jump(t, start);
		t->err = l->call.err;
		return TASK_FAIL;
	}
	pid = haproxy_pid(l->call.out, p->mark, &same);
	if (!same && pid > 1) {
		if (l->endings++ == 0) {
			log_info("proxy.replaced", "pid=%ld", pid);
			kill((pid_t)pid, SIGTERM);
		}
		if (l->endings == ENDINGS_MAX / 2)
			kill((pid_t)pid, SIGKILL);
		return l->endings < ENDINGS_MAX ? task_sleep(t, END_POLL_US) : TASK_DONE;
	}
	if (pid != p->pid) {
		p->pid = pid;
		p->poked = true;
		certs_forget(p);
	}
	if (!p->poked && clock_mono() - p->compared_at < COMPARE_EVERY_US)
		return TASK_DONE;
	p->poked = false;
	return task_jump(t, show);
}

static enum next
info_again(struct task *t)
{
	return task_jump(t, info);
}

static enum next
start(struct task *t)
{
	struct look *l = t->state;
	struct proxy *p = t->owner;

	l->started = true;
	p->serving_count = 0;
	if (haproxy_prepare(&t->arena, p->config.dir, p->config_text,
			    p->agent->settings->public_host, &t->err) < 0)
		return TASK_FAIL;
	return haproxy_start(t, p->config.dir, &l->start);
}

static enum next
started(struct task *t)
{
	struct look *l = t->state;
	struct proxy *p = t->owner;

	if (proc_check(&l->start, &t->err) < 0)
		return TASK_FAIL;
	log_info("proxy.started", "http=%u https=%u", p->config.http, p->config.https);
	return task_jump(t, info);
}

static enum next
show(struct task *t)
{
	struct look *l = t->state;
	struct proxy *p = t->owner;

	l->call.text = routes_show_text(&t->arena, &p->config);
	return haproxy_ask(t, p->config.dir, &l->call);
}

static void
serving_set(struct proxy *p, const struct look *l)
{
	p->serving = xrealloc(p->serving, (l->lease_count + 1) * sizeof(*p->serving));
	if (l->lease_count > 0)
		memcpy(p->serving, l->leases, l->lease_count * sizeof(*p->serving));
	p->serving_count = l->lease_count;
	p->compared_at = clock_mono();
}

/* Leases whose routes have no room are not served; the others are. */
static void
leave_out(struct proxy *p, struct look *l, const struct host_route *routes, size_t count,
	  const struct err *why)
{
	size_t left_out = 0, kept = 0;

	for (size_t i = 0; i < count; i++)
		left_out += routes[i].left_out;
	if (left_out != p->left_out && left_out > 0)
		log_warn("proxy.full", "left_out=%zu error=\"%s\"", left_out, why->text);
	p->left_out = left_out;
	for (size_t n = 0; n < l->lease_count && left_out > 0; n++) {
		bool out = false;

		for (size_t i = 0; i < count && !out; i++)
			out = routes[i].left_out && routes[i].owner == n;
		if (!out)
			l->leases[kept++] = l->leases[n];
	}
	l->lease_count = left_out > 0 ? kept : l->lease_count;
}

static enum next
compare(struct task *t)
{
	struct look *l = t->state;
	struct proxy *p = t->owner;
	struct host_route *routes;
	struct err full = ERR_NONE;
	size_t count;
	bool served;

	if (l->call.err.code != NULL) {
		t->err = l->call.err;
		return TASK_FAIL;
	}
	if (proxy_routes(p->agent, &t->arena, &routes, &count, &l->leases, &l->lease_count,
			 &t->err) < 0)
		return TASK_FAIL;
	if (routes_diff(&t->arena, &p->config, routes, count, l->call.out, &l->lines, &served,
			&full) < 0 &&
	    full.code != &ROUTES_FULL) {
		t->err = full;
		return TASK_FAIL;
	}
	leave_out(p, l, routes, count, &full);
	if (served)
		serving_set(p, l);
	if (l->lines.count == 0)
		p->level_at = clock_mono();
	l->line = 0;
	/* What goes slowly is looked at another time. */
	if (l->lines.count == 0 || (served && l->rounds > 0) || l->rounds++ == ROUNDS_MAX)
		return TASK_DONE;
	return task_jump(t, speak);
}

static enum next
speak(struct task *t)
{
	struct look *l = t->state;
	struct proxy *p = t->owner;

	l->call.text = l->lines.items[l->line];
	log_debug("proxy.say", "%.*s", (int)strcspn(l->call.text, "\n"), l->call.text);
	return haproxy_ask(t, p->config.dir, &l->call);
}

/* Whether it worked is seen by looking again. */
static enum next
spoken(struct task *t)
{
	struct look *l = t->state;

	if (l->call.err.code != NULL) {
		t->err = l->call.err;
		return TASK_FAIL;
	}
	return task_jump(t, ++l->line < l->lines.count ? speak : show);
}

static const struct step look_steps[] = { { "info", info },	   { "judge", judge },
					  { "again", info_again }, { "start", start },
					  { "started", started },  { "show", show },
					  { "compare", compare },  { "speak", speak },
					  { "spoken", spoken },	   STEP_END };

static void
look_done(struct task *t)
{
	struct proxy *p = t->owner;

	p->busy = false;
	if (t->err.code != NULL)
		log_warn("proxy.failed", "error=\"%s\"", t->err.text);
	else if (p->poked)
		timer_poke(p->timer);
}

static void
look(void *arg)
{
	struct proxy *p = arg;

	if (p->busy)
		return;
	p->busy = true;
	task_new(&p->agent->loop, "proxy", look_steps, sizeof(struct look), LOOK_LIMIT_US,
		 look_done, p);
}

/* ------------------------------------------------------------------ */

bool
proxy_serves(const struct agent *g, const struct hash *lease)
{
	const struct proxy *p = g->proxy;

	for (size_t i = 0; p != NULL && i < p->serving_count; i++)
		if (hash_equal(&p->serving[i], lease))
			return true;
	return p == NULL;
}

bool
proxy_settled(const struct agent *g, mono_t since)
{
	return g->proxy == NULL || g->proxy->level_at > since;
}

void
proxy_poke(struct agent *g)
{
	if (g->proxy == NULL || g->proxy->poked)
		return;
	g->proxy->poked = true;
	timer_poke(g->proxy->timer);
}

/* Two descriptors for each connection, and some for ourselves. */
static unsigned
connections_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= 2 * CONNECTIONS + 500)
		return CONNECTIONS;
	return limit.rlim_max > 700 ? (unsigned)(limit.rlim_max - 500) / 2 : 100;
}

void
proxy_start(struct agent *g)
{
	const struct provider_settings *s = g->settings;
	struct proxy *p;
	char *dir;

	if (!has_http(g))
		return;
	p = xcalloc(1, sizeof(*p));
	arena_init(&p->arena, 0);
	dir = arena_printf(&p->arena, "%s/agent/ingress", s->state_dir);
	/* A socket's path is short, and HAProxy adds to it while it makes one. */
	if (strlen(dir) > DIR_MAX)
		fatal("state_dir: at most %zu letters, for the socket of HAProxy",
		      DIR_MAX - strlen("/agent/ingress"));
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		fatal("make %s: %s", dir, strerror(errno));
	p->agent = g;
	p->config = (struct routes_config){
		.dir = dir,
		.address = s->ingress_address != NULL ? s->ingress_address : s->listen,
		.http = s->ingress_http,
		.https = s->ingress_https,
		.acme = s->acme_url != NULL ? s->acme_port : 0,
		.routes = s->ingress_routes,
		.connections = connections_max(),
	};
	p->config_text = routes_config_text(&p->arena, &p->config, &p->mark);
	g->proxy = p;
	certs_start(p);
	p->timer = timer_every(&g->loop, 0, LOOK_EVERY_US, look, p);
}
