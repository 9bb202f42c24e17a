/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/checks.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "provider/run/probe.h"
#include "provider/run/unit.h"

struct checking {
	struct hash lease;
	uint32_t unit;
	size_t number;
	struct work work;
	struct manifest manifest;
	const struct service *service;
	struct probe probe;
};

static struct unit *
unit_of(struct task *t)
{
	struct checking *c = t->state;

	return &live_of(t->owner, &c->lease)->units[c->unit];
}

static enum next
ask(struct task *t)
{
	struct checking *c = t->state;
	struct agent *g = t->owner;
	const struct work_unit *u = &c->work.units[c->unit];
	char *address = arena_alloc(&t->arena, NET_ADDRESS_SIZE);
	struct jail_ref ref;

	if (book_get(g->book, &t->arena, &c->lease, &c->work, &t->err) != 1 ||
	    unit_manifest(&t->arena, &c->work, c->unit, &c->manifest, &t->err) < 0)
		return TASK_FAIL;
	c->service = (const struct service *)c->manifest.services.items + u->service;
	if (c->number >= c->service->checks.count)
		return TASK_FAIL;
	net_address(&g->jail_config.net, (uint16_t)u->slot, 2, address);
	work_ref(&c->work, c->unit, &ref);
	c->probe =
		(struct probe){ .agent = g,
				.check = (const struct check *)c->service->checks.items + c->number,
				.ref = ref,
				.address = address };
	return probe_ask(t, &c->probe);
}

static enum next
wait(struct task *t)
{
	return probe_wait(t, &((struct checking *)t->state)->probe);
}

/* Only a change is worth a word. */
static enum next
take(struct task *t)
{
	struct checking *c = t->state;
	struct agent *g = t->owner;
	struct unit *u = unit_of(t);
	bool ready = u->life.ready, ill = u->life.ill;

	probe_read(&c->probe);
	unit_checked(&u->life, c->service, c->number, c->probe.good, clock_mono());
	if (u->life.ready == ready && u->life.ill == ill)
		return TASK_DONE;
	snprintf(u->why, sizeof(u->why), "%s%s%s", c->probe.good ? "" : c->probe.check->use,
		 c->probe.good ? "" : ": ", c->probe.why);
	log_info("unit.checked", "container=%s copy=%u ready=%d ill=%d why=\"%s\"",
		 c->probe.ref.name, c->probe.ref.copy, u->life.ready, u->life.ill, c->probe.why);
	plan_refresh_ports(g, &c->work);
	timer_poke(g->run_timer);
	return TASK_DONE;
}

static const struct step steps[] = { { "ask", ask }, { "wait", wait }, { "take", take }, STEP_END };

static void
done(struct task *t)
{
	struct checking *c = t->state;

	unit_of(t)->checking[c->number] = NULL;
}

static void
begin(struct agent *g, const struct work *w, struct unit *u, uint32_t unit, size_t number,
      const struct check *c)
{
	struct task *t;
	struct checking *k;

	if (u->checking[number] != NULL || clock_mono() < u->check_due[number])
		return;
	u->check_due[number] = clock_mono() + (int64_t)c->every_s * SECOND_US;
	t = task_new(&g->loop, "check", steps, sizeof(*k), (c->timeout_s + 5) * SECOND_US, done, g);
	k = t->state;
	k->lease = w->hash;
	k->unit = unit;
	k->number = number;
	u->checking[number] = t;
}

void
checks_look(struct agent *g, struct arena *a, const struct work *w, struct live *l)
{
	struct err e = ERR_NONE;
	struct manifest m;

	for (uint32_t i = 0; i < w->unit_count; i++) {
		const struct service *s;

		if (w->units[i].role != UNIT_LIVE || l->units[i].life.state != UNIT_RUNNING ||
		    unit_manifest(a, w, i, &m, &e) < 0)
			continue;
		s = (const struct service *)m.services.items + w->units[i].service;
		for (size_t k = 0; k < s->checks.count; k++)
			begin(g, w, &l->units[i], i, k, (const struct check *)s->checks.items + k);
	}
}
