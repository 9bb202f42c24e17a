/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases, level-triggered: every second, and whenever something happens, each
 * live lease of the book is looked at and what it needs is begun.
 *
 *	accepted --(all units ready, told)--> running --(close)--> closing --sweep--> ended
 *	    |                                   |
 *	    +-----(the market says failed, or never opened)----> ended
 *
 * launch.c waits for the chain and tells the market; sweep.c removes what is over;
 * unit.c brings single containers up and down, unit_life.c says when; update.c
 * says how a new manifest takes the place of the old.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/run/checks.h"
#include "provider/run/deposit.h"
#include "provider/run/exits.h"
#include "provider/run/launch.h"
#include "provider/ingress/proxy.h"
#include "provider/jail/shim.h"
#include "provider/run/slow.h"
#include "provider/bid/spot.h"
#include "provider/run/sweep.h"
#include "provider/run/unit.h"
#include "provider/run/update.h"

#define SWEEP_EVERY_US	 (10 * SECOND_US) /* should an event have been lost */
#define ORPHANS_EVERY_US (60 * SECOND_US)

/* ------------------------------------------------------------------ */
/* What a lease needs.                                                  */

int
work_manifest(struct arena *a, const struct work *w, struct manifest *m, struct err *e)
{
	if (w->manifest == NULL)
		return err_set(e, &WORK_UNKNOWN, "the manifest is not here yet");
	return json_decode(a, w->manifest, strlen(w->manifest), manifest_fields, m, e);
}

/* Containers carry the name of their lease in lower case, and their number. */
void
work_ref(const struct work *w, uint32_t unit, struct jail_ref *ref)
{
	struct err e = ERR_NONE;

	if (jail_ref_make(&w->id, (uint8_t)unit, ref, &e) < 0)
		fatal("%s", e.text);
}

int
runner_reserved(struct agent *g, struct arena *a, struct resources *sum, struct err *e)
{
	struct work *works;
	size_t count;

	*sum = (struct resources){ .cpu_milli = 0 };
	if (book_live(g->book, a, &works, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct resources need = group_total(&works[i].award.group);

		if (!work_holds_all(g, &works[i]))
			continue;
		resources_add(sum, &need);
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Units.                                                               */

/* The pause is over: whoever went down for it does not wait for its turn. */
static void
unpause(struct live *l)
{
	for (uint32_t i = 0; i < WORK_UNITS_MAX; i++)
		if (l->units[i].life.state == UNIT_UNKNOWN)
			l->units[i].life.in_row = 0;
	l->paused = false;
}

static void
look_at_units(struct agent *g, const struct work *w, struct live *l, bool paused)
{
	struct err e = ERR_NONE;
	struct manifest m;
	struct arena a;

	arena_init(&a, 0);
	for (uint32_t i = 0; i < w->unit_count; i++) {
		const struct unit_life *life = &l->units[i].life;
		const struct service *s = NULL;
		mono_t now = clock_mono();

		switch (paused ? unit_want_paused(life, w->units[i].role, now)
			       : unit_want(life, w->units[i].role, now)) {
		case UNIT_UP: unit_up(g, w, i); break;
		case UNIT_DOWN:
			if (unit_manifest(&a, w, i, &m, &e) == 0)
				s = (const struct service *)m.services.items + w->units[i].service;
			unit_down(g, w, i, s);
			break;
		case UNIT_NOTHING: break;
		}
	}
	arena_release(&a);
}

static bool
all_were_ready(const struct work *w, const struct live *l)
{
	for (uint32_t i = 0; i < w->unit_count; i++)
		if (w->units[i].role == UNIT_LIVE && !l->units[i].life.was_ready)
			return false;
	return w->unit_count > 0;
}

/* A unit has come up, gone down, or failed to. */
void
runner_unit_changed(struct agent *g, const struct hash *lease, uint32_t number,
		    const struct err *why)
{
	struct live *l = live_of(g, lease);
	struct err e = ERR_NONE;
	struct work_unit *u;
	struct arena a;
	struct work w;

	arena_init(&a, 0);
	timer_poke(g->run_timer);
	if (book_get(g->book, &a, lease, &w, &e) != 1) {
		arena_release(&a);
		return;
	}
	u = &w.units[number];
	if (why->code != NULL && w.state == WORK_ACCEPTED && why->code->kind != UNAVAIL)
		lease_failed(g, lease, why);
	else if (why->code == NULL && u->role == UNIT_GOING &&
		 l->units[number].life.state == UNIT_UNKNOWN) {
		u->role = UNIT_NONE;
		l->units[number].life = (struct unit_life){ .exit_code = -1 };
		if (book_put(g->book, &w, &e) < 0)
			log_warn("book.failed", "error=\"%s\"", e.text);
	} else if (why->code == NULL && l->units[number].instead &&
		   l->units[number].life.state == UNIT_UNKNOWN) {
		l->units[number].instead = false;
		u->version = w.returning ? w.version : w.version + 1;
		l->units[number].life = (struct unit_life){ .exit_code = -1 };
		if (book_put(g->book, &w, &e) < 0)
			log_warn("book.failed", "error=\"%s\"", e.text);
	}
	plan_refresh_ports(g, &w);
	arena_release(&a);
}

void
runner_exited(struct agent *g, const struct hash *lease, uint32_t number)
{
	struct live *l = live_of(g, lease);
	struct err e = ERR_NONE;
	struct jail_ref ref;
	struct shim_exit x;
	struct manifest m;
	struct arena a;
	struct work w;

	/* Its task may have seen it alive a moment ago, and looks again. */
	l->units[number].exited = l->units[number].life.state == UNIT_WORKING;
	arena_init(&a, 0);
	if (l->units[number].life.state == UNIT_RUNNING &&
	    book_get(g->book, &a, lease, &w, &e) == 1 &&
	    unit_manifest(&a, &w, number, &m, &e) == 0) {
		work_ref(&w, number, &ref);
		if (shim_exit_read(jail_log_dir(&a, &g->jail_config, &ref), &x, &e) < 0)
			x = (struct shim_exit){ .code = -1 };
		unit_ended(&l->units[number].life,
			   (const struct service *)m.services.items + w.units[number].service,
			   x.code, x.oom, clock_mono());
		snprintf(l->units[number].why, sizeof(l->units[number].why), "ended with %d%s",
			 x.code, x.oom ? ", out of memory" : "");
		exits_forget(g, &l->units[number]);
		log_warn("unit.exited", "container=%s copy=%u code=%d oom=%d", ref.name, ref.copy,
			 x.code, x.oom);
		plan_refresh_ports(g, &w);
		timer_poke(g->run_timer);
	}
	arena_release(&a);
}

/* ------------------------------------------------------------------ */
/* Updates.                                                             */

static bool
second_fits(void *ctx, const struct service *s)
{
	struct agent *g = ctx;
	struct resources reserved, left = g->settings->capacity, one = s->resources;
	struct err e = ERR_NONE;
	struct arena a;
	bool fits = false;

	/* It takes the place of the other at the doors, so it needs none. */
	one.endpoints = one.egress_gib = 0;
	arena_init(&a, 0);
	if (runner_reserved(g, &a, &reserved, &e) == 0 && resources_fit(&reserved, &left)) {
		resources_sub(&left, &reserved);
		fits = resources_fit(&one, &left);
	}
	arena_release(&a);
	return fits;
}

static bool
unit_add(struct work *w, uint32_t replaced, uint32_t version)
{
	const struct work_unit *old = &w->units[replaced];
	uint32_t i = w->unit_count;

	/* A number of its own while there are any: logs are kept by number. */
	if (i == WORK_UNITS_MAX)
		for (i = 0; i < w->unit_count && w->units[i].role != UNIT_NONE; i++)
			;
	if (i == WORK_UNITS_MAX)
		return false;
	w->units[i] = (struct work_unit){ .role = UNIT_COMING,
					  .service = old->service,
					  .copy = old->copy,
					  .slot = old->spare,
					  .spare = old->slot,
					  .version = version,
					  .replaces = replaced };
	if (i == w->unit_count)
		w->unit_count++;
	return true;
}

/* Another of the same unit may still be on its way out of that slot. */
static bool
slot_is_free(const struct work *w, uint32_t slot)
{
	for (uint32_t i = 0; i < w->unit_count; i++)
		if (w->units[i].role != UNIT_NONE && w->units[i].slot == slot)
			return false;
	return true;
}

static void
update_fail(struct work *w, const struct live *l, uint32_t unit)
{
	w->returning = true;
	w->update_failure = l->units[unit].why[0] != '\0' ? l->units[unit].why : "it ended";
	for (uint32_t i = 0; i < w->unit_count; i++)
		if (w->units[i].role == UNIT_COMING)
			w->units[i].role = UNIT_GOING;
}

static void
update_finish(struct work *w, const struct manifest *next)
{
	char lease[ID_TEXT_SIZE];

	log_info("lease.updated", "lease=%s version=%u returned=%d",
		 id_text(ID_LEASE, &w->id, lease), w->returning ? w->version : w->version + 1,
		 w->returning);
	if (!w->returning) {
		w->manifest = w->next_manifest;
		w->version++;
		w->update_failure = NULL;
		plan_repoint(w, next);
	}
	w->next_manifest = NULL;
	w->returning = false;
}

static void
update_move(struct agent *g, struct work *w, struct live *l, const struct manifest *good,
	    const struct manifest *next, struct update_move move)
{
	uint32_t version = w->returning ? w->version : w->version + 1;
	struct work_unit *u = &w->units[move.unit];
	const struct manifest *running = w->returning ? next : good;

	switch (move.step) {
	case UPDATE_WAIT: return;
	case UPDATE_SAME: u->version = version; break;
	case UPDATE_BESIDE:
		if (!slot_is_free(w, u->spare))
			return;
		if (unit_add(w, move.unit, version))
			break;
		/* fallthrough */
	case UPDATE_INSTEAD:
		for (uint32_t i = 0; i < w->unit_count; i++)
			if (w->units[i].role == UNIT_COMING && w->units[i].replaces == move.unit)
				w->units[i].role = UNIT_GOING;
		l->units[move.unit].instead = true;
		unit_down(g, w, move.unit,
			  (const struct service *)running->services.items + u->service);
		return;
	case UPDATE_SWITCH:
		w->units[u->replaces].role = UNIT_GOING;
		u->role = UNIT_LIVE;
		break;
	case UPDATE_FAILED: update_fail(w, l, move.unit); break;
	case UPDATE_DONE: update_finish(w, next); break;
	}
}

/* One move at a look; each is written down before the next. */
static void
look_at_update(struct agent *g, struct arena *a, struct work *w, struct live *l)
{
	struct manifest good, next;
	struct update_move move;
	struct err e = ERR_NONE;

	if (w->next_manifest == NULL || work_manifest(a, w, &good, &e) < 0 ||
	    json_decode(a, w->next_manifest, strlen(w->next_manifest), manifest_fields, &next, &e) <
		    0)
		return;
	move = update_next(w, &good, &next, l, clock_mono(), second_fits, g);
	if (move.step == UPDATE_WAIT)
		return;
	update_move(g, w, l, &good, &next, move);
	if (book_put(g->book, w, &e) < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);
	plan_refresh_ports(g, w);
	timer_poke(g->run_timer);
	/* The way back begins before anybody tries the failed one again. */
	if (move.step == UPDATE_FAILED)
		look_at_update(g, a, w, l);
}

/* ------------------------------------------------------------------ */
/* The look.                                                            */

/* What has exited while nobody heard of it. A reading from before it was started
 * again tells of its last life. */
static void
look_at_meter(struct agent *g, const struct work *w, const struct live *l)
{
	mono_t read_at = clock_mono() - (clock_wall() - w->meter.last.at);

	for (uint32_t i = 0; i < w->unit_count; i++)
		if (w->units[i].role == UNIT_LIVE && w->meter.last.at != 0 &&
		    (w->meter.last.ended & (UINT32_C(1) << i)) != 0 &&
		    l->units[i].life.started_at < read_at)
			runner_exited(g, &w->hash, i);
}

static void
look_at_launch(struct agent *g, struct arena *a, struct work *w)
{
	struct live *l = live_of(g, &w->hash);
	struct err e = ERR_NONE;
	struct manifest m;

	opening_begin(g, w, l);
	if (w->manifest == NULL)
		return;
	if (work_manifest(a, w, &m, &e) < 0 || plan_work(g, a, w, &m, &e) < 0) {
		lease_failed(g, &w->hash, &e);
		timer_poke(g->run_timer);
		return;
	}
	if (spot_is_crowded(g, a, w))
		return;
	look_at_units(g, w, l, false);
	if (!all_were_ready(w, l) || !l->opened)
		return;
	if (plan_open_ports(g, w, &e) < 0)
		lease_failed(g, &w->hash, &e);
	else
		report_begin(g, w);
}

static void
look_at_running(struct agent *g, struct arena *a, struct work *w)
{
	struct live *l = live_of(g, &w->hash);
	struct err e = ERR_NONE;
	wall_t since;

	opening_begin(g, w, l);
	if (l->halted)
		return;
	deposit_look(g, a, w, l);
	if (spells_now(&w->spells, &since) == DUES_PAUSE) {
		/* Slots, ports, names and volumes stay; CPU and memory go. */
		l->paused = true;
		look_at_units(g, w, l, true);
	} else {
		if (l->paused)
			unpause(l);
		look_at_meter(g, w, l);
		look_at_update(g, a, w, l);
		look_at_units(g, w, l, false);
		checks_look(g, a, w, l);
		slow_look(g, a, w, l);
	}
	if (!plan_ports_open(g, w) && plan_open_ports(g, w, &e) < 0)
		log_warn("ports.closed", "error=\"%s\"", e.text);
}

static void
look_at(struct agent *g, struct arena *a, struct work *w, bool sweep)
{
	if (w->never_opened)
		sweep_begin(g, w);
	else if (sweep && work_has_lapsed(w, clock_wall()))
		expire_begin(g, w);
	else if (w->state == WORK_ACCEPTED && w->failure != NULL && !w->reported)
		report_begin(g, w);
	else if (w->state == WORK_CLOSING || w->failure != NULL || w->released || sweep)
		sweep_begin(g, w);
	if (w->failure != NULL || w->released)
		return;
	if (w->state == WORK_ACCEPTED)
		look_at_launch(g, a, w);
	else if (w->state == WORK_RUNNING)
		look_at_running(g, a, w);
}

void
runner_look(void *arg)
{
	struct agent *g = arg;
	struct err e = ERR_NONE;
	struct work *works;
	struct arena a;
	size_t count = 0;
	mono_t now = clock_mono();
	bool sweep = g->sweep_due || now - g->swept_at > SWEEP_EVERY_US;

	if (!g->registered)
		return;
	if (sweep)
		g->swept_at = now;
	g->sweep_due = false;
	if (g->orphans_at == 0 || now - g->orphans_at > ORPHANS_EVERY_US) {
		g->orphans_at = now;
		orphans_begin(g);
	}
	arena_init(&a, 0);
	if (book_live(g->book, &a, &works, &count, &e) < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);
	for (size_t i = 0; i < count; i++)
		look_at(g, &a, &works[i], sweep);
	spot_look(g);
	arena_release(&a);
}
