/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/update.h"

const struct code UPDATE_REFUSED = { "update_refused", INVALID,
				     "an update changes what runs, not what was bought" };

static const struct service *
service_at(const struct manifest *m, uint32_t i)
{
	return (const struct service *)m->services.items + i;
}

static bool
service_equal(const struct service *a, const struct service *b)
{
	struct arena arena;
	bool same;

	arena_init(&arena, 0);
	same = strcmp(json_encode(&arena, service_fields, a),
		      json_encode(&arena, service_fields, b)) == 0;
	arena_release(&arena);
	return same;
}

static bool
mounts_once(const struct service *s)
{
	const struct mount *m = s->mounts.items;

	if (s->resources.gpus > 0) /* the lease has its devices, and no more */
		return true;
	for (size_t i = 0; i < s->mounts.count; i++)
		if (m[i].class != NULL && strcmp(m[i].class, "ram") != 0)
			return true;
	return false;
}

static int
coming_for(const struct work *w, uint32_t unit)
{
	for (uint32_t i = 0; i < w->unit_count; i++)
		if (w->units[i].role == UNIT_COMING && w->units[i].replaces == unit)
			return (int)i;
	return -1;
}

static bool
has_ended(const struct unit_life *u)
{
	return u->state == UNIT_FAILED || u->state == UNIT_EXITED ||
	       (u->state == UNIT_UNKNOWN && u->in_row > 0 && u->ended_at != 0);
}

static bool
is_there(const struct unit_life *u, mono_t now)
{
	return u->state == UNIT_FINISHED ||
	       (u->state == UNIT_RUNNING && u->ready && now - u->started_at >= UPDATE_PROOF_US);
}

/* A unit that has the version it should. */
static enum update_step
arrived(const struct work *w, const struct unit_life *u, mono_t now)
{
	if (is_there(u, now) || w->returning)
		return UPDATE_DONE;
	return u->state == UNIT_FAILED || u->state == UNIT_EXITED ? UPDATE_FAILED : UPDATE_WAIT;
}

struct update_move
update_next(const struct work *w, const struct manifest *good, const struct manifest *next,
	    const struct live *live, mono_t now, bool (*fits)(void *ctx, const struct service *s),
	    void *ctx)
{
	uint32_t version = w->returning ? w->version : w->version + 1;

	for (uint32_t i = 0; i < w->unit_count; i++) {
		const struct work_unit *unit = &w->units[i];
		const struct service *from = service_at(good, unit->service);
		const struct service *to = service_at(next, unit->service);
		int coming = coming_for(w, i);
		enum update_step step;

		if (unit->role != UNIT_LIVE)
			continue;
		if (unit->version == version) {
			step = arrived(w, &live->units[i].life, now);
			if (step != UPDATE_DONE)
				return (struct update_move){ step, i };
			continue;
		}
		if (live->units[i].task != NULL)
			return (struct update_move){ UPDATE_WAIT, i };
		if (coming >= 0) {
			const struct unit_life *u = &live->units[coming].life;

			/* Back it must go, beside or not. */
			if (w->returning && has_ended(u))
				return (struct update_move){ UPDATE_INSTEAD, i };
			step = is_there(u, now) ? UPDATE_SWITCH
			       : has_ended(u)	? UPDATE_FAILED
						: UPDATE_WAIT;
			return (struct update_move){ step, (uint32_t)coming };
		}
		if (service_equal(from, to))
			return (struct update_move){ UPDATE_SAME, i };
		step = !mounts_once(from) && !mounts_once(to) && fits(ctx, to) ? UPDATE_BESIDE
									       : UPDATE_INSTEAD;
		return (struct update_move){ step, i };
	}
	return (struct update_move){ UPDATE_DONE, 0 };
}

/* ------------------------------------------------------------------ */

static const char *
expose_kind(const struct expose *x)
{
	return x->ip != NULL ? x->ip : x->proto;
}

static bool
same_endpoints(const struct service *a, const struct service *b)
{
	const struct expose *x = a->exposes.items, *y = b->exposes.items;
	size_t i = 0, k = 0;

	for (;;) {
		while (i < a->exposes.count && !x[i].global)
			i++;
		while (k < b->exposes.count && !y[k].global)
			k++;
		if (i == a->exposes.count || k == b->exposes.count)
			return i == a->exposes.count && k == b->exposes.count;
		if (strcmp(expose_kind(&x[i++]), expose_kind(&y[k++])) != 0)
			return false;
	}
}

int
update_check(const struct manifest *from, const struct manifest *to, struct err *e)
{
	for (uint32_t i = 0; i < from->services.count; i++)
		if (!same_endpoints(service_at(from, i), service_at(to, i)))
			return err_field(e, &UPDATE_REFUSED, "/manifest/services",
					 "service %s: ports open to the world keep their kind and "
					 "order; for others make a new deployment",
					 service_at(from, i)->name);
	return 0;
}
