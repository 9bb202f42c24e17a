/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a lease's containers live on this machine: slots, and the ports that
 * lead in from the world. Stored with the lease, so a restart finds the same.
 */
#include "provider/agent.h"
#include "provider/ingress.h"

/* ------------------------------------------------------------------ */
/* Endpoints.                                                           */

struct route_in {
	struct route_in *next;
	struct hash lease;
	struct ingress *ingress;
};

static bool
port_is_open(const struct agent *g, unsigned port)
{
	for (const struct route_in *r = g->ingresses; r != NULL; r = r->next)
		if (ingress_port(r->ingress) == port)
			return true;
	return false;
}

int
plan_open_ports(struct agent *g, const struct work *w, struct err *e)
{
	char inside[NET_ADDRESS_SIZE];

	for (uint32_t i = 0; i < w->port_count; i++) {
		const struct work_port *p = &w->ports[i];
		struct route_in *r;
		struct ingress *in;

		if (port_is_open(g, p->outside))
			continue;
		net_address(&g->jail_config.net, (uint16_t)w->units[p->unit].slot, 2, inside);
		in = ingress_open(&g->loop, g->settings->listen, p->outside, inside, p->inside, e);
		if (in == NULL)
			return -1;
		r = xcalloc(1, sizeof(*r));
		r->lease = w->hash;
		r->ingress = in;
		r->next = g->ingresses;
		g->ingresses = r;
	}
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
			if (w->units[u].slot == slot)
				return true;
	}
	return false;
}

static bool
port_taken(const struct work *works, size_t count, const struct work *self, uint32_t port)
{
	for (size_t i = 0; i <= count; i++) {
		const struct work *w = i < count ? &works[i] : self;

		if (i < count && hash_equal(&w->hash, &self->hash))
			continue;
		for (uint32_t u = 0; u < w->port_count; u++)
			if (w->ports[u].outside == port)
				return true;
	}
	return false;
}

static int
plan_unit(const struct agent *g, const struct work *works, size_t count, struct work *w,
	  uint32_t service, struct err *e)
{
	uint32_t slot = 0;

	if (w->unit_count == WORK_UNITS_MAX)
		return err_set(e, &ERR_TOO_BIG, "more than %d containers", WORK_UNITS_MAX);
	while (slot < g->settings->slots && slot_taken(works, count, w, slot))
		slot++;
	if (slot == g->settings->slots)
		return err_set(e, &RESOURCES_SHORT, "no slot is free");
	w->units[w->unit_count++] = (struct work_unit){ service, slot };
	return 0;
}

static int
plan_port(const struct agent *g, const struct work *works, size_t count, struct work *w,
	  uint32_t unit, const struct expose *x, struct err *e)
{
	uint32_t port = g->settings->endpoint_port_first,
		 end = port + g->settings->endpoint_port_count;

	if (!x->global || w->port_count == WORK_UNITS_MAX)
		return 0;
	while (port < end && (port_taken(works, count, w, port) || port_is_open(g, port)))
		port++;
	if (port == end)
		return err_set(e, &RESOURCES_SHORT, "no port is free");
	w->ports[w->port_count] = (struct work_port){ unit, x->port, port, "" };
	snprintf(w->ports[w->port_count++].proto, sizeof(w->ports[0].proto), "%s",
		 strcmp(x->proto, "udp") == 0 ? "udp"
		 : strcmp(x->proto, "http") == 0 || x->as == 80 || (x->as == 0 && x->port == 80)
			 ? "http"
			 : "tcp");
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
	if (book_live(g->book, a, &works, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < m->services.count; i++) {
		const struct service *s = (const struct service *)m->services.items + i;

		for (uint32_t copy = 0; copy < s->count; copy++) {
			if (plan_unit(g, works, count, w, (uint32_t)i, e) < 0)
				return -1;
			for (size_t k = 0; copy == 0 && k < s->exposes.count; k++)
				if (plan_port(g, works, count, w, w->unit_count - 1,
					      (const struct expose *)s->exposes.items + k, e) < 0)
					return -1;
		}
	}
	if (volumes_plan(g, a, w, m, e) < 0)
		return -1;
	return book_put(g->book, w, e);
}

bool
plan_ports_open(const struct agent *g, const struct work *w)
{
	for (uint32_t i = 0; i < w->port_count; i++)
		if (!port_is_open(g, w->ports[i].outside))
			return false;
	return true;
}
