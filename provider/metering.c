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
		.deposit = w->terms.deposit,
		.billing = group_billing(&w->award.group),
	};
}

static enum next
unit_ask(struct task *t)
{
	struct metering *m = t->state;

	if (m->unit == 0)
		m->reading = (struct meter_reading){ .at = clock_wall(), .running = true };
	work_ref(&m->work, m->unit, &m->ref);
	return jail_start(t, t->owner, &m->call, JAIL_STAT, &m->ref, sizeof(m->ref));
}

static enum next
unit_read(struct task *t)
{
	struct metering *m = t->state;
	struct jail_stat stat;

	if (signer_answer(&m->call, &stat, sizeof(stat), &t->err) < 0)
		return TASK_FAIL;
	m->reading.running = m->reading.running && stat.state == JAIL_RUNNING;
	m->reading.cpu_ns += stat.cpu_ns;
	m->reading.memory_bytes += stat.memory_bytes;
	m->reading.disk_bytes += stat.disk_bytes;
	m->reading.egress_bytes += stat.tx_bytes;
	if (++m->unit < m->work.unit_count)
		return task_jump(t, unit_ask);
	return TASK_NEXT;
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
		memcpy(m->work.units, works[i].units, sizeof(works[i].units));
	}
	arena_release(&a);
}
