/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/slow.h"

#include "lib/log.h"
#include "provider/run/unit.h"

#define LIMIT_US (20 * SECOND_US)

struct slowing {
	struct hash lease;
	uint32_t unit;
	struct jail_limit ask;
	struct chan_call call;
};

static enum next
limit_ask(struct task *t)
{
	struct slowing *s = t->state;

	return jail_start(t, t->owner, &s->call, JAIL_LIMIT, &s->ask, sizeof(s->ask));
}

static enum next
limit_read(struct task *t)
{
	struct slowing *s = t->state;

	t->err = s->call.err;
	return t->err.code != NULL ? TASK_FAIL : TASK_DONE;
}

static const struct step steps[] = { { "ask", limit_ask }, { "read", limit_read }, STEP_END };

static void
done(struct task *t)
{
	struct slowing *s = t->state;
	struct live *l = live_find(t->owner, &s->lease);

	if (l != NULL) {
		l->units[s->unit].slowing = false;
		/* Where it cannot be done it is not tried without end. */
		l->units[s->unit].cpu_milli = s->ask.cpu_milli;
	}
	if (t->err.code == NULL)
		log_info("unit.cpu", "container=%s copy=%u milli=%u", s->ask.ref.name,
			 s->ask.ref.copy, s->ask.cpu_milli);
	else
		log_warn("unit.cpu", "container=%s copy=%u error=\"%s\"", s->ask.ref.name,
			 s->ask.ref.copy, t->err.text);
}

static uint32_t
share(const struct work *w, uint32_t milli, bool throttled)
{
	uint32_t bps = w->award.terms.baseBps;

	return throttled ? MAX((uint32_t)((uint64_t)milli * bps / 10000), 10u) : milli;
}

void
slow_look(struct agent *g, struct arena *a, const struct work *w, struct live *l)
{
	wall_t since;
	bool throttled = spells_now(&w->spells, &since) == DUES_THROTTLE;

	for (uint32_t i = 0; i < w->unit_count; i++) {
		struct unit *u = &l->units[i];
		struct err ignored = ERR_NONE;
		const struct service *service;
		struct slowing *s;
		struct manifest m;
		uint32_t milli;

		/* What it had before this process began nobody knows: it is told once. */
		if (u->life.state != UNIT_RUNNING || u->slowing || w->units[i].role == UNIT_NONE ||
		    (u->cpu_milli != 0 && throttled == u->slow) ||
		    unit_manifest(a, w, i, &m, &ignored) < 0)
			continue;
		service = (const struct service *)m.services.items + w->units[i].service;
		milli = share(w, service->resources.cpu_milli, throttled);
		u->slow = throttled;
		if (u->cpu_milli == milli)
			continue;
		u->slowing = true;
		s = task_new(&g->loop, "slow", steps, sizeof(*s), LIMIT_US, done, g)->state;
		s->lease = w->hash;
		s->unit = i;
		s->ask.cpu_milli = milli;
		work_ref(w, i, &s->ask.ref);
	}
}
