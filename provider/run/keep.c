/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and devices of leases. Which volumes a lease has stands in the book
 * before the jail makes the first of them, so whatever dies, somebody knows of
 * every volume on this machine and when it goes:
 *
 *	(plan) ---> in use ---(lease ends: keep)---> kept until T --(T)--> removed
 *	              ^  |                              |   |
 *	              |  +---(lease ends: delete, or it never ran)--------> removed
 *	              +------(taken over by a new lease)+   +-(tenant)----> removed
 *
 * A volume keeps the id under which the jail made it, whichever lease has it.
 */
#include "deploy/rules.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/task.h"
#include "provider/agent.h"

const struct code VOLUMES_MISSING = { "volumes_missing", CONFLICT,
				      "the volumes to be taken over are not kept here" };

/* ------------------------------------------------------------------ */
/* What is left.                                                        */

/* A kept volume that an order of its tenant, bound to certain providers, has the
 * like of. Whether the manifest really takes it nobody knows before the award;
 * when it does not, class_check() looks whether there is room for both. */
static bool
may_take(const struct book_volume *v, const struct address *tenant, const struct group *group)
{
	const struct group_service *s = group->services.items;

	if (v->until == 0 || group->allow.count == 0 || !address_equal(&v->tenant, tenant))
		return false;
	for (size_t i = 0; i < group->services.count; i++)
		for (size_t k = 0; k < s[i].volumes.count; k++) {
			const struct volume *asked = (const struct volume *)s[i].volumes.items + k;

			if (strcmp(s[i].name, v->service) == 0 && v->copy < s[i].count &&
			    strcmp(asked->name, v->name) == 0 &&
			    strcmp(asked->class, v->class) == 0 && asked->bytes == v->bytes)
				return true;
		}
	return false;
}

bool
work_holds_all(const struct agent *g, const struct work *w)
{
	wall_t since;
	bool paused = spells_now(&w->spells, &since) == DUES_PAUSE;

	/* What is interrupted made room by that. */
	if (w->spot.class != NULL)
		return !paused && !w->spot.interrupted;
	return !paused || clock_wall() - since <= (wall_t)g->settings->paused_hold_s * SECOND_US;
}

/* Whose CPUs, memory and GPUs do not count: those of runs that may be pushed out for
 * a firm lease; those of all interruptible leases, for the size of the pools. */
enum beside { BESIDE_ALL, BESIDE_FIRM, BESIDE_FIRM_ONLY };

static bool
counts(const struct agent *g, const struct work *w, enum beside beside)
{
	if (!work_holds_all(g, w))
		return false;
	if (w->spot.class == NULL || beside == BESIDE_ALL)
		return true;
	/* One that is being launched has not begun: nobody pushes it out yet. */
	return beside == BESIDE_FIRM && (w->state != WORK_RUNNING || w->spot.due.from == 0);
}

/* except: a lease that is looked upon as not being there, or NULL. */
static int
room_without(struct agent *g, struct arena *a, const struct hash *except,
	     const struct address *tenant, const struct group *group, enum beside beside,
	     struct room *out, struct err *e)
{
	const struct provider_settings *s = g->settings;
	struct book_volume *volumes;
	struct work *works;
	size_t count;

	*out = room_of(&s->capacity, &s->volumes, &s->gpus);
	/* Which endpoint is HTTP the manifest says, after the award: all may be. */
	if (s->ingress_http != 0 || s->ingress_https != 0)
		out->free.endpoints = MIN(out->free.endpoints, s->ingress_routes);
	if (book_live(g->book, a, &works, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (except != NULL && hash_equal(except, &works[i].hash))
			continue;
		else if (counts(g, &works[i], beside))
			room_take_lease(out, &works[i].award.group, &works[i].gpus);
		else
			room_take_paused(out, &works[i].award.group);
	if (book_volumes(g->book, a, &volumes, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (volumes[i].until != 0 && !may_take(&volumes[i], tenant, group))
			room_take_volume(out, volumes[i].class, volumes[i].bytes);
	return 0;
}

int
agent_room(struct agent *g, struct arena *a, const struct address *tenant,
	   const struct group *group, struct room *out, struct err *e)
{
	return room_without(g, a, NULL, tenant, group,
			    group->interruptible ? BESIDE_ALL : BESIDE_FIRM, out, e);
}

int
agent_pool_room(struct agent *g, struct arena *a, struct room *out, struct err *e)
{
	static const struct group none;
	static const struct address nobody;

	return room_without(g, a, NULL, &nobody, &none, BESIDE_FIRM_ONLY, out, e);
}

int
work_may_return(struct agent *g, struct arena *a, const struct work *w, struct json_strs *devices,
		struct err *e)
{
	struct room room;

	*devices = w->gpus;
	if (work_holds_all(g, w))
		return 1;
	if (room_without(g, a, &w->hash, &w->terms.tenant, &w->award.group, BESIDE_ALL, &room, e) <
	    0)
		return -1;
	return room_fit_models(a, &room, &w->award.group, &w->models, devices) == NULL;
}

/* ------------------------------------------------------------------ */
/* Units of a manifest.                                                 */

static const struct service *
service_at(const struct manifest *m, uint32_t i)
{
	return (const struct service *)m->services.items + i;
}

/* Of a copy among all copies of the manifest, services in their order: the
 * number of the container it begins in. */
static uint32_t
place_of(const struct manifest *m, uint32_t service, uint32_t copy)
{
	uint32_t place = copy;

	for (uint32_t i = 0; i < service; i++)
		place += service_at(m, i)->count;
	return place;
}

static const char *
volume_id(struct arena *a, const struct work *w, uint32_t number, const char *name)
{
	struct jail_ref ref;

	work_ref(w, number, &ref);
	return arena_printf(a, "%s-%u-%s", ref.name, ref.copy, name);
}

/* The other way: "<26 letters>-<copy>-<name>". */
static int
volume_ref(const struct agent *g, const struct book_volume *v, struct jail_volume *out,
	   struct err *e)
{
	const char *copy = v->id + sizeof(out->ref.name) - 1;
	int class = class_number(g->settings->volumes.items, g->settings->volumes.count, v->class);

	memset(out, 0, sizeof(*out));
	if (strlen(v->id) < sizeof(out->ref.name) || *copy != '-')
		return err_set(e, &BOOK_FAILED, "volume %.80s", v->id);
	if (class < 0)
		return err_set(e, &ERR_CONFIG, "the class %s of volume %s is not in the settings",
			       v->class, v->id);
	memcpy(out->ref.name, v->id, sizeof(out->ref.name) - 1);
	out->ref.copy = (uint8_t)strtoul(copy + 1, NULL, 10);
	out->class = (uint8_t) class;
	snprintf(out->name, sizeof(out->name), "%s", v->name);
	return 0;
}

static const struct book_volume *
volume_of(const struct book_volume *list, size_t count, const struct hash *lease,
	  const char *service, uint32_t copy, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (hash_equal(&list[i].lease, lease) && list[i].copy == copy &&
		    strcmp(list[i].service, service) == 0 && strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

/* ------------------------------------------------------------------ */
/* Taking over, planning.                                               */

/* NULL, or what is in the way of taking over this one. */
static const char *
take_fault(const struct work *w, const struct mount *m, const struct book_volume *v)
{
	if (v == NULL || !address_equal(&v->tenant, &w->terms.tenant))
		return "there is no such volume of yours";
	if (v->until == 0)
		return "the lease that has it has not ended";
	/* Its removal may be under way: nobody calls that back. */
	if (v->until <= clock_wall())
		return "the time it was kept for is over";
	if (v->bytes != m->bytes || strcmp(v->class, m->class) != 0)
		return "it has another size or class";
	return NULL;
}

static int
take_check(const struct work *w, const struct service *s, uint32_t copy, const struct mount *m,
	   const struct book_volume *v, struct err *e)
{
	const char *fault = take_fault(w, m, v);

	return fault == NULL ? 0
			     : err_set(e, &VOLUMES_MISSING, "volume %s of service %s, copy %u: %s",
				       m->volume, s->name, copy, fault);
}

/* A new volume beside those of its class: only where the lease may have been won
 * by the promise of an old one, for all others have been counted. */
static int
class_check(const struct agent *g, const struct work *w, const struct mount *m,
	    const struct book_volume *list, size_t count, struct err *e)
{
	const struct volume_class *c = g->settings->volumes.items;
	int n = class_number(c, g->settings->volumes.count, m->class);
	uint64_t sum = m->bytes;
	bool promised = false;

	for (size_t i = 0; i < count; i++) {
		promised = promised || may_take(&list[i], &w->terms.tenant, &w->award.group);
		if (strcmp(list[i].class, m->class) == 0)
			sum += MIN(list[i].bytes, UINT64_MAX - sum);
	}
	if (promised && (n < 0 || sum > c[n].bytes))
		return err_set(e, &VOLUMES_MISSING,
			       "volume %s: no room for a new one beside the one kept of the last "
			       "lease: take that over, or remove it",
			       m->volume);
	return 0;
}

/* One mount of one copy: its row, entered when `plan`. */
static int
volume_settle(struct agent *g, struct arena *a, const struct work *w, const struct service *s,
	      uint32_t number, uint32_t copy, const struct mount *m, bool plan, struct err *e)
{
	struct book_volume *list, row = { .lease = w->hash,
					  .tenant = w->terms.tenant,
					  .service = s->name,
					  .name = m->volume,
					  .class = m->class,
					  .copy = copy,
					  .bytes = m->bytes };
	const struct book_volume *old;
	struct hash from;
	size_t count;

	if (book_volumes(g->book, a, &list, &count, e) < 0)
		return -1;
	if (volume_of(list, count, &w->hash, s->name, copy, m->volume) != NULL)
		return 0;
	if (s->volumes_from != NULL) {
		if (hash_read(s->volumes_from, &from, e) < 0)
			return -1;
		old = volume_of(list, count, &from, s->name, copy, m->volume);
		if (take_check(w, s, copy, m, old, e) < 0)
			return -1;
		row.id = old->id;
	} else {
		if (class_check(g, w, m, list, count, e) < 0)
			return -1;
		row.id = volume_id(a, w, number, m->volume);
	}
	return plan ? book_volume_put(g->book, &row, e) : 0;
}

int
volumes_can_take(struct agent *g, struct arena *a, const struct work *w, const struct manifest *m,
		 struct err *e)
{
	for (uint32_t i = 0; i < m->services.count; i++) {
		const struct service *s = service_at(m, i);
		const struct mount *mounts = s->mounts.items;

		for (uint32_t copy = 0; copy < s->count; copy++)
			for (size_t k = 0; k < s->mounts.count; k++)
				if (mount_is_persistent(&mounts[k]) &&
				    volume_settle(g, a, w, s, 0, copy, &mounts[k], false, e) < 0)
					return -1;
	}
	return 0;
}

int
volumes_plan(struct agent *g, struct arena *a, const struct work *w, const struct manifest *m,
	     struct err *e)
{
	for (uint32_t u = 0; u < w->unit_count; u++) {
		const struct service *s = service_at(m, w->units[u].service);
		const struct mount *mounts = s->mounts.items;

		for (size_t k = 0; k < s->mounts.count; k++)
			if (mount_is_persistent(&mounts[k]) &&
			    volume_settle(g, a, w, s,
					  place_of(m, w->units[u].service, w->units[u].copy),
					  w->units[u].copy, &mounts[k], true, e) < 0)
				return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Into the call.                                                       */

static int
mount_pack(struct agent *g, struct arena *a, const struct work *w, const struct service *s,
	   uint32_t copy, const struct mount *m, struct jail_mount *out, struct err *e)
{
	const struct book_volume *v;
	struct book_volume *list;
	size_t count;

	memset(out, 0, sizeof(*out));
	out->readonly = m->readonly;
	out->bytes = m->bytes;
	snprintf(out->volume.name, sizeof(out->volume.name), "%s", m->volume);
	if (!mount_is_persistent(m)) {
		out->kind = m->class != NULL ? JAIL_MOUNT_RAM : JAIL_MOUNT_DISK;
		return 0;
	}
	out->kind = JAIL_MOUNT_VOLUME;
	if (book_volumes(g->book, a, &list, &count, e) < 0)
		return -1;
	v = volume_of(list, count, &w->hash, s->name, copy, m->volume);
	if (v == NULL)
		return err_set(e, &VOLUMES_MISSING, "volume %s is not in the book", m->volume);
	return volume_ref(g, v, &out->volume, e);
}

static int
gpus_pack(const struct agent *g, const struct work *w, const struct manifest *m, uint32_t unit,
	  struct jail_create *call, struct err *e)
{
	const struct gpu *have = g->settings->gpus.items;
	const struct work_unit *u = &w->units[unit];
	uint32_t count = service_at(m, u->service)->resources.gpus, first = u->copy * count;

	for (uint32_t i = 0; i < u->service; i++)
		first += service_at(m, i)->count * service_at(m, i)->resources.gpus;
	if (count > JAIL_GPUS_MAX || first + count > w->gpus.count)
		return err_set(e, &RESOURCES_SHORT, "the lease has %zu devices", w->gpus.count);
	for (uint32_t i = 0; i < count; i++) {
		const char *device = w->gpus.items[first + i];
		size_t d = 0;

		while (d < g->settings->gpus.count && strcmp(have[d].device, device) != 0)
			d++;
		if (d == g->settings->gpus.count)
			return err_set(e, &ERR_CONFIG, "device %s is not in the settings", device);
		call->gpus[i] = (uint8_t)d;
	}
	call->gpu_count = (uint16_t)count;
	return 0;
}

int
volumes_pack(struct agent *g, struct arena *a, const struct work *w, const struct manifest *m,
	     uint32_t unit, struct jail_create *call, size_t *len, struct err *e)
{
	const struct service *s = service_at(m, w->units[unit].service);
	const struct mount *mounts = s->mounts.items;
	struct jail_mount mount;

	/* An update may mount what was bought and not mounted before. */
	if (volumes_plan(g, a, w, m, e) < 0)
		return -1;
	for (size_t k = 0; k < s->mounts.count; k++)
		if (strcmp(mounts[k].path, SHM_PATH) == 0)
			call->shm_bytes = mounts[k].bytes; /* mounted anyway, in this size */
		else if (mount_pack(g, a, w, s, w->units[unit].copy, &mounts[k], &mount, e) < 0 ||
			 jail_mount_add(call, &mount, mounts[k].path, len, e) < 0)
			return -1;
	return gpus_pack(g, w, m, unit, call, e);
}

/* ------------------------------------------------------------------ */
/* The end.                                                             */

int
volumes_end(struct agent *g, const struct work *w, struct err *e)
{
	/* What never ran holds nothing: not worth keeping, unless it was taken
	 * over from a lease that did. */
	bool keep = !w->volumes_delete;
	struct book_volume *list;
	struct arena a;
	size_t count;
	int result;

	arena_init(&a, 0);
	result = book_volumes(g->book, &a, &list, &count, e);
	for (size_t i = 0; i < count && result == 0; i++) {
		struct jail_ref own;

		if (!hash_equal(&list[i].lease, &w->hash) || list[i].until != 0)
			continue;
		work_ref(w, 0, &own);
		list[i].until = clock_wall();
		if (keep && (w->meter.began != 0 ||
			     strncmp(list[i].id, own.name, sizeof(own.name) - 1) != 0))
			list[i].until += (wall_t)g->settings->volume_keep_s * SECOND_US;
		result = book_volume_put(g->book, &list[i], e);
	}
	arena_release(&a);
	return result;
}

/* ------------------------------------------------------------------ */
/* Removing.                                                            */

struct removal {
	const char *id;
	struct jail_volume volume;
	struct chan_call call;
};

static enum next
removal_ask(struct task *t)
{
	struct removal *r = t->state;

	return jail_start(t, t->owner, &r->call, JAIL_DROP, &r->volume, sizeof(r->volume));
}

static enum next
removal_done(struct task *t)
{
	struct removal *r = t->state;
	struct agent *g = t->owner;

	if (r->call.err.code != NULL) {
		t->err = r->call.err;
		return TASK_FAIL;
	}
	if (book_volume_drop(g->book, r->id, &t->err) < 0)
		return TASK_FAIL;
	log_info("volume.removed", "volume=%s", r->id);
	return TASK_DONE;
}

static const struct step removal_steps[] = { { "ask", removal_ask },
					     { "done", removal_done },
					     STEP_END };

static void
removal_over(struct task *t)
{
	struct agent *g = t->owner;

	g->volume_busy = false;
	if (t->err.code != NULL)
		log_warn("volume.not_removed", "error=\"%s\"", t->err.text);
	else
		volumes_look(g);
}

void
volumes_look(void *arg)
{
	struct agent *g = arg;
	struct err e = ERR_NONE;
	struct book_volume *list;
	struct jail_volume volume;
	struct arena a;
	size_t count = 0;

	if (g->volume_busy)
		return;
	arena_init(&a, 0);
	if (book_volumes(g->book, &a, &list, &count, &e) < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);
	/* One at a time: the next look finds the next. */
	for (size_t i = 0; i < count && !g->volume_busy; i++) {
		struct removal *r;
		struct task *t;

		if (list[i].until == 0 || list[i].until > clock_wall())
			continue;
		if (volume_ref(g, &list[i], &volume, &e) < 0) {
			log_warn("volume.not_removed", "error=\"%s\"", e.text);
			continue;
		}
		t = task_new(&g->loop, "volume", removal_steps, sizeof(*r), 600 * SECOND_US,
			     removal_over, g);
		r = t->state;
		r->id = arena_strdup(&t->arena, list[i].id);
		r->volume = volume;
		g->volume_busy = true;
	}
	arena_release(&a);
}
