/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_spread.c - a placement whose copies lie on different providers, owners or regions:
 * a group and a manifest for each of them. The rows stand by service and copy, as
 * everybody counts them.
 */
#include "sdl_read.h"

static uint32_t
copies(const struct group *g)
{
	const struct group_service *s = g->services.items;
	uint32_t n = 0;

	for (size_t i = 0; i < g->services.count; i++)
		n += s[i].count;
	return n;
}

/* Ports for neighbours lead nowhere: no neighbour is at the same provider. */
static struct json_list
exposes_to_world(struct arena *a, const struct json_list *all)
{
	const struct expose *x = all->items;
	struct expose *out = arena_alloc(a, (all->count + 1) * sizeof(*out));
	size_t n = 0;

	for (size_t i = 0; i < all->count; i++)
		if (x[i].global)
			out[n++] = x[i];
	return (struct json_list){ out, n };
}

static void
row_make(struct arena *a, const struct sdl_placement *p, size_t service, struct sdl_placement *out)
{
	struct service *s = ARENA_NEW(a, struct service);
	struct group_service *g = ARENA_NEW(a, struct group_service);

	*out = *p;
	*s = ((const struct service *)p->manifest.services.items)[service];
	*g = ((const struct group_service *)p->group.services.items)[service];
	s->count = g->count = 1;
	s->exposes = exposes_to_world(a, &s->exposes);
	out->manifest.services = (struct json_list){ s, 1 };
	out->group.services = (struct json_list){ g, 1 };
	out->group.manifest = manifest_hash(&out->manifest);
	out->max_rate = p->rates[service];
	out->rates = &p->rates[service];
}

struct sdl_placement *
sdl_spread(struct arena *a, const struct sdl_placement *p, const char *spread,
	   const struct hash *set, size_t *count)
{
	const struct group_service *s = p->group.services.items;
	uint32_t rows = copies(&p->group);
	struct sdl_placement *out = arena_alloc(a, (rows + 1) * sizeof(*out));
	size_t n = 0;

	for (size_t i = 0; i < p->group.services.count; i++)
		for (uint32_t k = 0; k < s[i].count; k++) {
			struct group *g = &out[n].group;

			row_make(a, p, i, &out[n++]);
			g->spread = spread;
			g->spread_set = *set;
			g->spread_row = (uint32_t)n;
			g->spread_rows = rows;
		}
	*count = n;
	return out;
}

void
sdl_spread_check(struct sdl_reader *r, const struct sdl_place *place,
		 const struct sdl_placement *made)
{
	const struct service *s = made->manifest.services.items;
	uint32_t rows = copies(&made->group);

	if (rows < 2)
		sdl_find_name(r, &r->spread_at, "write count: 2, or leave spread out",
			      "one copy cannot be spread");
	if (rows > GROUP_ROWS_MAX)
		sdl_find_name(r, &r->spread_at, "use a second placement",
			      "%u copies in placement %.60s, at most %u are spread", rows,
			      place->name, GROUP_ROWS_MAX);
	if (made->group.ips > 0)
		sdl_find_name(r, &r->spread_at, "leave endpoints out",
			      "what is spread has no address of its own");
	for (size_t i = 0; i < made->manifest.services.count; i++) {
		const struct expose *x = s[i].exposes.items;

		for (size_t k = 0; k < s[i].exposes.count; k++)
			if (!x[k].global && x[k].to.count > 0)
				sdl_find_name(r, &r->spread_at, "open the port to the world",
					      "port %u of service %.60s is for services that lie "
					      "elsewhere when they are spread",
					      x[k].port, s[i].name);
	}
}
