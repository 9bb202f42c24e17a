/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_endpoint.c - the sections endpoints (addresses of the lease's own, and
 * which ports use them) and reclamation (the notice of a provider that takes
 * its machine back).
 */
#include "sdl_read.h"

/* ------------------------------------------------------------------ */
/* endpoints                                                            */

static void
kind_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	(void)out;
	if (text != NULL && strcmp(text, "ip") != 0)
		sdl_find(r, at, "write kind: ip", "kind must be ip, got %.20s", text);
}

const struct sdl_key sdl_endpoint_keys[] = {
	{ "kind", SDL_REQUIRED, kind_read, "write kind: ip", .kind = SDL_TEXT, .words = "ip",
	  .help = "an address of the lease's own", .example = "kind: ip" },
	SDL_KEY_END
};

void
sdl_endpoints_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	if (!sdl_is_map(r, at))
		return;
	for (const struct json *v = at->node->first; v != NULL; v = v->next) {
		struct sdl_endpoint *e = sdl_push(r, &r->endpoints, sizeof(*e));
		const char *fault = rule_name(v->name);

		e->name = v->name;
		e->at = sdl_member(r, at, v);
		if (fault != NULL)
			sdl_find_bad_name(r, &e->at, fault);
		sdl_object(r, &e->at, sdl_endpoint_keys, NULL);
	}
}

static void
min_window_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	sdl_seconds(r, at, 1, RECLAIM_S_MAX, &r->reclaim_s);
}

const struct sdl_key sdl_reclamation_keys[] = {
	{ "min_window", SDL_REQUIRED, min_window_read, "write min_window: 24h",
	  .kind = SDL_DURATION, .bounds = "1s to 720h", .help = "from the notice to the end",
	  .akash = "1h to 720h", .example = "min_window: 24h" },
	SDL_KEY_END
};

/* The port of an address that somebody else has already. */
static void
ip_clash(struct sdl_reader *r, const struct sdl_service *s, const struct sdl_port *port)
{
	const struct sdl_service *services = r->services.items;
	uint32_t as = port->as != 0 ? port->as : port->port;

	for (size_t i = 0; i < r->services.count; i++) {
		const struct sdl_port *other = services[i].ports.items;

		for (size_t k = 0; k < services[i].ports.count; k++) {
			uint32_t taken = other[k].as != 0 ? other[k].as : other[k].port;

			if (&services[i] == s && &other[k] == port)
				return;
			if (other[k].ip != NULL && strcmp(other[k].ip, port->ip) == 0 &&
			    taken == as && other[k].udp == port->udp)
				sdl_find(r, &port->ip_at, "use another port, or another address",
					 "port %u of the address %.60s is taken by %.60s", as,
					 port->ip, services[i].service.name);
		}
	}
}

void
sdl_ip_check(struct sdl_reader *r, const struct sdl_service *s, const struct sdl_port *port)
{
	struct sdl_endpoint *e = r->endpoints.items;
	size_t i = 0;

	while (i < r->endpoints.count && strcmp(e[i].name, port->ip) != 0)
		i++;
	if (i == r->endpoints.count) {
		sdl_find(r, &port->ip_at,
			 e != NULL
				 ? sdl_one_of(r, port->ip, &e->name, r->endpoints.count, sizeof(*e))
				 : "add endpoints: {NAME: {kind: ip}}",
			 "there is no endpoint %.60s", port->ip);
		return;
	}
	e[i].used = true;
	if (s->placements > 1)
		sdl_find(r, &port->ip_at, "give each placement a service of its own",
			 "an address belongs to one placement, but the service has %u",
			 s->placements);
	ip_clash(r, s, port);
}

void
sdl_endpoints_check(struct sdl_reader *r)
{
	const struct sdl_endpoint *e = r->endpoints.items;

	for (size_t i = 0; i < r->endpoints.count; i++)
		if (!e[i].used)
			sdl_find_name(r, &e[i].at, "name it under expose.to as ip:, or remove it",
				      "the endpoint %.60s is not used", e[i].name);
}
