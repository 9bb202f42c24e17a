/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a lease's containers live on this machine: slots, and the ports that
 * lead in from the world. Stored with the lease, so a restart finds the same.
 */
#include "provider/ingress/ingress.h"
#include "provider/run/live.h"
#include "provider/ingress/proxy.h"

/* ------------------------------------------------------------------ */
/* Endpoints.                                                           */

struct route_in {
	struct route_in *next;
	struct hash lease;
	struct work_port port;
	struct ingress *ingress;
};

static bool
port_equal(const struct work_port *a, const struct work_port *b)
{
	return a->outside == b->outside && strcmp(a->ip, b->ip) == 0 &&
	       (strcmp(a->proto, "udp") == 0) == (strcmp(b->proto, "udp") == 0);
}

static bool
port_is_open(const struct agent *g, const struct work_port *port)
{
	for (const struct route_in *r = g->ingresses; r != NULL; r = r->next)
		if (port_equal(&r->port, port))
			return true;
	return false;
}

/* The copies of the service behind it that may be asked. */
static size_t
targets_of(const struct agent *g, const struct work *w, const struct work_port *p,
	   struct ingress_target targets[static WORK_UNITS_MAX])
{
	size_t count = 0;

	for (uint32_t u = 0; u < w->unit_count; u++) {
		if (w->units[u].service != p->service || !live_takes_traffic(g, w, u))
			continue;
		net_address(&g->jail_config.net, (uint16_t)w->units[u].slot, 2,
			    targets[count].address);
		targets[count++].port = p->inside;
	}
	return count;
}

static int
port_open(struct agent *g, const struct work *w, const struct work_port *p, struct err *e)
{
	struct ingress_target targets[WORK_UNITS_MAX];
	const char *address = p->ip[0] != '\0' ? p->ip : g->settings->listen;
	size_t count = targets_of(g, w, p, targets);
	struct route_in *r;
	struct ingress *in;

	in = strcmp(p->proto, "udp") == 0
		     ? ingress_open_udp(&g->loop, address, p->outside, targets, count, e)
		     : ingress_open(&g->loop, address, p->outside, targets, count, e);
	if (in == NULL)
		return -1;
	r = xcalloc(1, sizeof(*r));
	r->lease = w->hash;
	r->port = *p;
	r->ingress = in;
	r->next = g->ingresses;
	g->ingresses = r;
	return 0;
}

/* Reached by host names, through the proxy. */
static bool
is_routed(const struct work_port *p)
{
	return p->outside == 0;
}

int
plan_open_ports(struct agent *g, const struct work *w, struct err *e)
{
	for (uint32_t i = 0; i < w->port_count; i++)
		if (!is_routed(&w->ports[i]) && !port_is_open(g, &w->ports[i]) &&
		    port_open(g, w, &w->ports[i], e) < 0)
			return -1;
	return 0;
}

void
plan_close_ports(struct agent *g, const struct hash *lease)
{
	struct route_in **at = &g->ingresses, *r;

	while ((r = *at) != NULL) {
		if (!hash_equal(&r->lease, lease)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		ingress_close(r->ingress);
		free(r);
	}
	proxy_poke(g);
}

static const char *
port_proto(const struct expose *x)
{
	if (strcmp(x->proto, "udp") == 0)
		return "udp";
	if (strcmp(x->proto, "http") == 0 || x->as == 80 || (x->as == 0 && x->port == 80))
		return "http";
	return "tcp";
}

static const struct expose *
port_expose(const struct service *s, const struct work_port *p)
{
	for (size_t i = 0; i < s->exposes.count; i++) {
		const struct expose *x = (const struct expose *)s->exposes.items + i;

		if (x->global && x->port == p->inside && (x->ip != NULL) == (p->ip[0] != '\0') &&
		    (x->ip == NULL || (x->as != 0 ? x->as : x->port) == p->outside) &&
		    strcmp(port_proto(x), p->proto) == 0)
			return x;
	}
	return NULL;
}

#define ENDPOINTS_MAX 64u /* of a lease, as documents.h takes them */

struct endpoint *
plan_endpoints(const struct agent *g, struct arena *a, const struct work *w,
	       const struct manifest *m, size_t *count)
{
	struct endpoint *list = arena_alloc(a, ENDPOINTS_MAX * sizeof(*list));

	*count = 0;
	for (uint32_t i = 0; i < w->port_count && *count < ENDPOINTS_MAX; i++) {
		const struct work_port *p = &w->ports[i];
		const struct service *s = (const struct service *)m->services.items + p->service;
		const struct expose *x = port_expose(s, p);
		struct endpoint e = { .service = s->name, .port = p->inside };
		const char **hosts;
		size_t n = is_routed(p) && x != NULL ? proxy_hosts(g, a, &w->id, s, x, &hosts) : 0;

		for (size_t h = 0; h < n && *count < ENDPOINTS_MAX; h++) {
			e.url = proxy_url(g, a, hosts[h]);
			list[(*count)++] = e;
		}
		if (is_routed(p))
			continue;
		e.url = arena_printf(a, "%s://%s:%u", p->proto,
				     p->ip[0] != '\0' ? p->ip : g->settings->public_host,
				     p->outside);
		list[(*count)++] = e;
	}
	return list;
}

/* A relay keeps what is connected: it only learns of other targets. */
void
plan_refresh_ports(struct agent *g, const struct work *w)
{
	struct ingress_target targets[WORK_UNITS_MAX];

	g->moves++;
	for (struct route_in *r = g->ingresses; r != NULL; r = r->next) {
		if (!hash_equal(&r->lease, &w->hash))
			continue;
		/* An update may have moved the port inside. */
		for (uint32_t i = 0; i < w->port_count; i++)
			if (port_equal(&w->ports[i], &r->port))
				r->port = w->ports[i];
		ingress_aim(r->ingress, targets, targets_of(g, w, &r->port, targets));
	}
	proxy_poke(g);
}

void
plan_repoint(struct work *w, const struct manifest *m)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < m->services.count; i++) {
		const struct service *s = (const struct service *)m->services.items + i;

		for (size_t k = 0; k < s->exposes.count && next < w->port_count; k++) {
			const struct expose *x = (const struct expose *)s->exposes.items + k;

			if (x->global && w->ports[next].service == i)
				w->ports[next++].inside = x->port;
		}
	}
}

/* ------------------------------------------------------------------ */
/* Slots and ports: the lowest that no live lease holds.                */

static bool
slot_taken(const struct work *works, size_t count, const struct work *self, uint32_t slot)
{
	for (size_t i = 0; i <= count; i++) {
		const struct work *w = i < count ? &works[i] : self;

		if (i < count && hash_equal(&w->hash, &self->hash))
			continue;
		for (uint32_t u = 0; u < w->unit_count; u++)
			if (w->units[u].slot == slot || w->units[u].spare == slot)
				return true;
	}
	return false;
}

static bool
port_taken(const struct work *works, size_t count, const struct work *self,
	   const struct work_port *port)
{
	for (size_t i = 0; i <= count; i++) {
		const struct work *w = i < count ? &works[i] : self;

		if (i < count && hash_equal(&w->hash, &self->hash))
			continue;
		for (uint32_t u = 0; u < w->port_count; u++)
			if (port_equal(&w->ports[u], port))
				return true;
	}
	return false;
}

static uint32_t
slot_after(const struct agent *g, const struct work *works, size_t count, const struct work *w,
	   uint32_t slot)
{
	while (slot < g->settings->slots && slot_taken(works, count, w, slot))
		slot++;
	return slot;
}

static int
plan_unit(const struct agent *g, const struct work *works, size_t count, struct work *w,
	  uint32_t service, uint32_t copy, struct err *e)
{
	uint32_t slot, spare;

	if (w->unit_count == WORK_COPIES_MAX)
		return err_set(e, &ERR_TOO_BIG, "more than %d containers", WORK_COPIES_MAX);
	slot = slot_after(g, works, count, w, 0);
	spare = slot_after(g, works, count, w, slot + 1);
	if (spare >= g->settings->slots)
		return err_set(e, &RESOURCES_SHORT, "no slot is free");
	w->units[w->unit_count++] = (struct work_unit){ .role = UNIT_LIVE,
							.service = service,
							.copy = copy,
							.slot = slot,
							.spare = spare,
							.version = w->version };
	return 0;
}

/* The port that the tenant wishes for, if it is of the range and free; the
 * lowest that is free otherwise. */
static int
plan_outside(const struct agent *g, const struct work *works, size_t count, const struct work *w,
	     const struct expose *x, struct work_port *p, struct err *e)
{
	uint32_t first = g->settings->endpoint_port_first,
		 end = first + g->settings->endpoint_port_count;

	p->outside = x->as;
	if (x->as >= first && x->as < end && !port_taken(works, count, w, p) && !port_is_open(g, p))
		return 0;
	for (p->outside = first; p->outside < end; p->outside++)
		if (!port_taken(works, count, w, p) && !port_is_open(g, p))
			return 0;
	return err_set(e, &RESOURCES_SHORT, "no port is free");
}

static bool
ip_taken(const struct work *works, size_t count, const struct work *self, const char *ip)
{
	for (size_t i = 0; i <= count; i++) {
		const struct work *w = i < count ? &works[i] : self;

		for (uint32_t u = 0; u < w->port_count; u++)
			if (strcmp(w->ports[u].ip, ip) == 0)
				return true;
	}
	return false;
}

/* The address that an earlier port of the lease has under this name, or one that
 * nobody has. There the port is as the tenant wishes. */
static int
plan_ip(const struct agent *g, const struct work *works, size_t count, const struct work *w,
	const struct manifest *m, const struct expose *x, struct work_port *p, struct err *e)
{
	const struct json_strs *pool = &g->settings->ips;

	p->outside = x->as != 0 ? x->as : x->port;
	for (uint32_t i = 0; i < w->port_count; i++) {
		const struct service *s =
			(const struct service *)m->services.items + w->ports[i].service;
		const struct expose *other = port_expose(s, &w->ports[i]);

		if (w->ports[i].ip[0] != '\0' && other != NULL && other->ip != NULL &&
		    strcmp(other->ip, x->ip) == 0) {
			memcpy(p->ip, w->ports[i].ip, sizeof(p->ip));
			return 0;
		}
	}
	for (size_t i = 0; i < pool->count; i++)
		if (!ip_taken(works, count, w, pool->items[i])) {
			snprintf(p->ip, sizeof(p->ip), "%s", pool->items[i]);
			return 0;
		}
	return err_set(e, &RESOURCES_SHORT, "no address is free");
}

static int
plan_port(const struct agent *g, struct arena *a, const struct work *works, size_t count,
	  struct work *w, const struct manifest *m, uint32_t service, const struct expose *x,
	  struct err *e)
{
	struct work_port p = { .service = service, .inside = x->port };
	const struct service *s = (const struct service *)m->services.items + service;
	const char **hosts;

	if (!x->global)
		return 0;
	if (w->port_count == WORK_UNITS_MAX)
		return err_set(e, &ERR_TOO_BIG, "more than %d ports", WORK_UNITS_MAX);
	snprintf(p.proto, sizeof(p.proto), "%s", port_proto(x));
	if (x->ip != NULL && plan_ip(g, works, count, w, m, x, &p, e) < 0)
		return -1;
	if (x->ip == NULL && proxy_hosts(g, a, &w->id, s, x, &hosts) == 0 &&
	    plan_outside(g, works, count, w, x, &p, e) < 0)
		return -1;
	w->ports[w->port_count++] = p;
	return 0;
}

/* Which containers, in which slots, behind which ports. Stored, so that a
 * restart finds the same. */
int
plan_work(struct agent *g, struct arena *a, struct work *w, const struct manifest *m, struct err *e)
{
	struct work *works;
	size_t count;

	if (w->unit_count > 0)
		return 0;
	if (book_live(g->book, a, &works, &count, e) < 0 ||
	    proxy_hosts_free(g, a, works, count, w, m, e) < 0)
		return -1;
	for (size_t i = 0; i < m->services.count; i++) {
		const struct service *s = (const struct service *)m->services.items + i;

		for (uint32_t copy = 0; copy < s->count; copy++) {
			if (plan_unit(g, works, count, w, (uint32_t)i, copy, e) < 0)
				return -1;
			for (size_t k = 0; copy == 0 && k < s->exposes.count; k++)
				if (plan_port(g, a, works, count, w, m, (uint32_t)i,
					      (const struct expose *)s->exposes.items + k, e) < 0)
					return -1;
		}
	}
	if (volumes_plan(g, a, w, m, e) < 0)
		return -1;
	g->moves++;
	return book_put(g->book, w, e);
}

bool
plan_ports_open(const struct agent *g, const struct work *w)
{
	for (uint32_t i = 0; i < w->port_count; i++)
		if (!is_routed(&w->ports[i]) && !port_is_open(g, &w->ports[i]))
			return false;
	return true;
}

/* ------------------------------------------------------------------ */
/* Units by name.                                                       */

static const struct code SERVICE_UNKNOWN = { "service_unknown", NOT_FOUND,
					     "the deployment has no such service or copy" };

int
work_unit_find(struct arena *a, const struct work *w, const char *service, uint32_t copy,
	       uint32_t *unit, struct err *e)
{
	struct manifest m;
	int found = -1;

	if (work_manifest(a, w, &m, e) < 0)
		return -1;
	for (uint32_t i = 0; i < w->unit_count; i++) {
		const struct service *s =
			(const struct service *)m.services.items + w->units[i].service;

		/* Before it ran and after it ended there is no live one: the last. */
		if ((service == NULL ? w->units[i].service == 0 : strcmp(s->name, service) == 0) &&
		    w->units[i].copy == copy && (found < 0 || w->units[i].role == UNIT_LIVE))
			found = (int)i;
	}
	*unit = (uint32_t)MAX(found, 0);
	if (found >= 0)
		return 0;
	return err_set(e, &SERVICE_UNKNOWN, "%.63s copy %u", service != NULL ? service : "first",
		       copy);
}

const char *
work_unit_label(struct arena *a, const struct work *w, const struct manifest *m, uint32_t unit)
{
	const struct service *s =
		(const struct service *)m->services.items + w->units[unit].service;

	return arena_printf(a, "%s.%u", s->name, w->units[unit].copy);
}
