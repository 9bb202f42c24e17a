/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings into signed usage: every interval, for every running lease, one
 * reading of all its containers, stored before it is signed, signed before it
 * is shown.
 */
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/agent.h"
#include "provider/live.h"

struct metering {
	struct work work;
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
		.deposit = w->terms.deposit,
		.billing = group_billing(&w->award.group),
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

/* The work may have moved while the jail answered: read it again. */
static enum next
usage_sign(struct task *t)
{
	struct metering *m = t->state;
	struct agent *g = t->owner;
	struct work *w = &m->work;
	struct price_lease price;
	int found = book_get(g->book, &t->arena, &w->hash, w, &t->err);

	if (found < 0)
		return TASK_FAIL;
	if (found == 0 || w->state != WORK_RUNNING || w->released)
		return TASK_DONE;
	meter_take(&w->meter, &m->reading);
	if (book_put(g->book, w, &t->err) < 0)
		return TASK_FAIL;
	price = work_price(w);
	m->usage = meter_usage(&w->meter, &price, &w->hash, w->usage.seq != 0 ? &w->usage : NULL,
			       clock_wall());
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

void
meter_poll(void *arg)
{
	struct agent *g = arg;
	struct err e = ERR_NONE;
	struct work *works;
	struct arena a;
	size_t count;

	arena_init(&a, 0);
	if (book_live(g->book, &a, &works, &count, &e) < 0)
		log_warn("meter.failed", "error=\"%s\"", e.text);
	for (size_t i = 0; i < count; i++) {
		struct metering *m;

		if (works[i].state != WORK_RUNNING || works[i].released ||
		    works[i].unit_count == 0 || !busy_begin(g, &works[i].hash))
			continue;
		m = task_new(&g->loop, "meter", steps, sizeof(*m), 20 * SECOND_US, done, g)->state;
		m->work.hash = works[i].hash;
		m->work.id = works[i].id;
		m->work.unit_count = works[i].unit_count;
		m->work.meter.last = works[i].meter.last;
		memcpy(m->work.units, works[i].units, sizeof(works[i].units));
	}
	arena_release(&a);
}
