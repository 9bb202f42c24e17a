/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/live.h"

#include "provider/agent.h"
#include "provider/run/exits.h"

struct live *
live_find(const struct agent *g, const struct hash *lease)
{
	struct live *l = g->lives;

	while (l != NULL && !hash_equal(&l->lease, lease))
		l = l->next;
	return l;
}

struct live *
live_of(struct agent *g, const struct hash *lease)
{
	struct live *l = live_find(g, lease);

	if (l != NULL)
		return l;
	l = xcalloc(1, sizeof(*l));
	l->lease = *lease;
	l->next = g->lives;
	for (size_t i = 0; i < WORK_UNITS_MAX; i++) {
		l->units[i].watch = -1;
		l->units[i].life.exit_code = -1;
		/* After a restart of ours it serves until we see otherwise. */
		l->units[i].life.ready = true;
	}
	g->lives = l;
	return l;
}

/* Ending a task runs its `done`, which clears the pointer here. */
static void
end(struct task *t)
{
	if (t != NULL)
		task_kill(t, &WORK_NOT_RUNNING, "the lease is over");
}

void
live_halt(struct live *l)
{
	for (size_t i = 0; i < WORK_UNITS_MAX; i++) {
		end(l->units[i].task);
		for (size_t k = 0; k < SERVICE_CHECKS_MAX; k++)
			end(l->units[i].checking[k]);
	}
}

void
live_drop(struct agent *g, const struct hash *lease)
{
	for (struct live **at = &g->lives, *l; (l = *at) != NULL; at = &l->next) {
		if (!hash_equal(&l->lease, lease))
			continue;
		live_halt(l);
		for (size_t i = 0; i < WORK_UNITS_MAX; i++)
			exits_forget(g, &l->units[i]);
		*at = l->next;
		free(l);
		return;
	}
}

bool
live_takes_traffic(const struct agent *g, const struct work *w, uint32_t unit)
{
	const struct live *l = live_find(g, &w->hash);

	return w->units[unit].role == UNIT_LIVE && l != NULL && l->units[unit].life.ready;
}
