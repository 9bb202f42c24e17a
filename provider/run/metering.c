/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings into signed usage: every interval, for every running lease, one
 * reading of all its containers, stored before it is signed, signed before it
 * is shown. When by that reading the lease is to be throttled or paused, or to run
 * again, the turn is stored with it, in one row: no second is lost or counted twice.
 */
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/agent.h"
#include "provider/run/deposit.h"
#include "provider/run/live.h"
#include "provider/bid/spot.h"

struct metering {
	struct work work;
	bool paused; /* when it began: there is nothing to read */
	struct jail_ref ref;
	uint32_t unit;
	struct meter_reading reading;
	struct chan_call call;
	struct usage_terms usage;
	struct sig sigs[2];
};

struct price_lease
work_price(const struct work *w)
{
	return (struct price_lease){
		.rate = w->terms.rate,
		.base = w->terms.base,
		.card = w->card,
		.reserved = group_total(&w->award.group),
		.group = &w->award.group,
		.models = w->models,
		.deposit = w->deposit.units != 0 ? w->deposit : w->terms.deposit,
		.billing = group_billing(&w->award.group),
		.spot = w->spot.class != NULL ? &w->spot.due : NULL,
	};
}

void
meter_add(struct meter_reading *r, uint32_t unit, bool live, const struct jail_stat *stat)
{
	if (live && stat->state != JAIL_RUNNING)
		r->running = false;
	if (stat->state == JAIL_EXITED)
		r->ended |= UINT32_C(1) << unit;
	r->memory_bytes += stat->memory_bytes;
	r->disk_bytes += stat->disk_bytes;
	r->units[unit] = (struct meter_count){ stat->cpu_ns, stat->tx_bytes };
}

bool
work_owes_usage(const struct work *w)
{
	wall_t since;

	return spells_now(&w->spells, &since) == DUES_PAUSE &&
	       (w->usage.seq == 0 || w->usage.upTo < since / SECOND_US);
}

void
work_take(struct work *w, const struct meter_reading *r)
{
	wall_t since;

	switch (spells_now(&w->spells, &since)) {
	case DUES_RUN: meter_take(&w->meter, r); break;
	case DUES_THROTTLE: meter_skip(&w->meter, r); break;
	default: break; /* paused: the reading that paused it was the last */
	}
}

static enum next usage_sign(struct task *t);

/* One that is free, or has finished and is to stay so, is not asked. */
static bool
is_asked(const struct agent *g, const struct work *w, uint32_t unit)
{
	const struct live *l = live_find(g, &w->hash);

	return w->units[unit].role != UNIT_NONE &&
	       (l == NULL || l->units[unit].life.state != UNIT_FINISHED);
}

static enum next
unit_ask(struct task *t)
{
	struct metering *m = t->state;

	if (m->paused)
		return task_jump(t, usage_sign);
	if (m->unit == 0)
		m->reading = (struct meter_reading){ .at = clock_wall(), .running = true };
	while (m->unit < m->work.unit_count && !is_asked(t->owner, &m->work, m->unit)) {
		m->reading.units[m->unit] = m->work.meter.last.units[m->unit];
		m->unit++;
	}
	if (m->unit >= m->work.unit_count)
		return task_jump(t, usage_sign);
	work_ref(&m->work, m->unit, &m->ref);
	return jail_start(t, t->owner, &m->call, JAIL_STAT, &m->ref, sizeof(m->ref));
}

/* A container that is being replaced is missing for a moment: its time is not
 * healthy, and its counters begin anew. */
static enum next
unit_read(struct task *t)
{
	struct metering *m = t->state;
	struct jail_stat stat = { .state = JAIL_BROKEN };

	if (m->call.err.code != NULL && m->call.err.code != &JAIL_UNKNOWN) {
		t->err = m->call.err;
		return TASK_FAIL;
	}
	if (m->call.err.code == NULL)
		memcpy(&stat, m->call.out, MIN(m->call.out_len, sizeof(stat)));
	meter_add(&m->reading, m->unit, m->work.units[m->unit].role == UNIT_LIVE, &stat);
	m->unit++;
	return task_jump(t, unit_ask);
}

/* What dues_next() wants is done, but for the end, which is deposit.c's. */
static void
turn(struct agent *g, struct arena *a, struct work *w)
{
	struct work_dues d;
	struct dues_next next;
	wall_t since, now;
	enum dues from = spells_now(&w->spells, &since);
	char lease[ID_TEXT_SIZE];

	spot_advance(g, w, (uint32_t)(clock_wall() / SECOND_US));
	work_dues(g, a, w, &d);
	next = dues_next(&d.facts);
	spot_turn(g, a, w, next.want, (uint32_t)(d.facts.now / SECOND_US));
	if (next.want == from || next.want == DUES_END)
		return;
	if (from == DUES_PAUSE)
		w->gpus = d.devices;
	/* Broken seconds are the tenant's, at both ends. */
	now = d.facts.now + (next.want == DUES_RUN ? SECOND_US : 0);
	spells_turn(&w->spells, next.want, now);
	if (from == DUES_PAUSE)
		meter_resume(&w->meter, clock_wall());
	log_info("lease.dues", "lease=%s now=%s was=%s", id_text(ID_LEASE, &w->id, lease),
		 dues_name(next.want), dues_name(from));
	timer_poke(g->run_timer);
}

/* The work may have moved while the jail answered: read it again. */
static enum next
usage_sign(struct task *t)
{
	struct metering *m = t->state;
	struct agent *g = t->owner;
	struct work *w = &m->work;
	struct price_lease price;
	wall_t since;
	int found = book_get(g->book, &t->arena, &w->hash, w, &t->err);

	if (found < 0)
		return TASK_FAIL;
	if (found == 0 || w->state != WORK_RUNNING || w->released)
		return TASK_DONE;
	if (!meter_may(g))
		return TASK_DONE;
	if (!m->paused)
		work_take(w, &m->reading);
	turn(g, &t->arena, w);
	if (book_put(g->book, w, &t->err) < 0)
		return TASK_FAIL;
	price = work_price(w);
	m->usage = meter_usage(&w->meter, &w->spells, &price, &w->hash,
			       w->usage.seq != 0 ? &w->usage : NULL,
			       spells_now(&w->spells, &since) == DUES_PAUSE ? since : clock_wall());
	if (w->usage.seq != 0 && m->usage.upTo <= w->usage.upTo)
		return TASK_DONE; /* within one second: nothing new to say */
	return signer_start(t, g->signer, &m->call, SIGN_USAGE, &m->usage, sizeof(m->usage));
}

static enum next
usage_store(struct task *t)
{
	struct metering *m = t->state;
	struct agent *g = t->owner;
	struct work *w = &m->work;

	if (signer_answer(&m->call, m->sigs, sizeof(m->sigs), &t->err) < 0)
		return TASK_FAIL;
	if (book_get(g->book, &t->arena, &w->hash, w, &t->err) != 1 || w->released)
		return TASK_DONE;
	w->usage = m->usage;
	w->usage_sig = m->sigs[0];
	w->voucher_sig = m->sigs[1];
	return book_put(g->book, w, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step steps[] = { { "ask", unit_ask },
				     { "read", unit_read },
				     { "sign", usage_sign },
				     { "store", usage_store },
				     STEP_END };

static void
done(struct task *t)
{
	struct metering *m = t->state;
	char lease[ID_TEXT_SIZE];

	if (t->err.code != NULL)
		log_warn("meter.failed", "lease=%s error=\"%s\"",
			 id_text(ID_LEASE, &m->work.id, lease), t->err.text);
	busy_end(t->owner, &m->work.hash);
}

bool
meter_may(struct agent *g)
{
	bool before = g->clock.now;

	doubt_look(&g->clock, clock_wall(), clock_mono());
	if (g->clock.now && !before) {
		log_warn("clock.jumped", "nothing is metered until the market or the chain agree");
		timer_poke(g->register_timer);
	}
	return !g->clock.now;
}

void
meter_read(struct agent *g, const struct work *w)
{
	struct metering *m;
	wall_t since;

	if (!meter_may(g) || w->state != WORK_RUNNING || w->released || w->unit_count == 0 ||
	    !busy_begin(g, &w->hash))
		return;
	m = task_new(&g->loop, "meter", steps, sizeof(*m), 20 * SECOND_US, done, g)->state;
	m->work.hash = w->hash;
	m->work.id = w->id;
	m->work.unit_count = w->unit_count;
	m->work.meter.last = w->meter.last;
	memcpy(m->work.units, w->units, sizeof(w->units));
	m->paused = spells_now(&w->spells, &since) == DUES_PAUSE;
}

void
meter_poll(void *arg)
{
	struct agent *g = arg;
	struct err e = ERR_NONE;
	struct work *works;
	struct arena a;
	size_t count;
	wall_t since;

	arena_init(&a, 0);
	if (book_live(g->book, &a, &works, &count, &e) < 0)
		log_warn("meter.failed", "error=\"%s\"", e.text);
	/* One that is paused has nothing to say but what its turn began with. */
	for (size_t i = 0; i < count; i++)
		if (spells_now(&works[i].spells, &since) != DUES_PAUSE ||
		    work_owes_usage(&works[i]))
			meter_read(g, &works[i]);
	arena_release(&a);
}
