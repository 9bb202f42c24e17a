/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/unit_life.h"

int64_t
unit_pause(uint32_t in_row)
{
	if (in_row <= 1)
		return 0;
	return in_row > 7 ? UNIT_PAUSE_MAX_US : MIN(SECOND_US << (in_row - 2), UNIT_PAUSE_MAX_US);
}

enum unit_want
unit_want(const struct unit_life *u, enum unit_role role, mono_t now)
{
	if (u->state == UNIT_WORKING || role == UNIT_NONE)
		return UNIT_NOTHING;
	/* What could not be taken down is not tried without end. */
	if (role == UNIT_GOING && u->state == UNIT_FAILED)
		return now >= u->ended_at + unit_pause(u->in_row) ? UNIT_DOWN : UNIT_NOTHING;
	if (role == UNIT_GOING)
		return UNIT_DOWN;
	switch (u->state) {
	case UNIT_RUNNING: return u->ill ? UNIT_DOWN : UNIT_NOTHING;
	case UNIT_UNKNOWN:
		return now >= u->ended_at + unit_pause(u->in_row) ? UNIT_UP : UNIT_NOTHING;
	/* What is to replace another gets one try: the one before it still runs. */
	case UNIT_EXITED:
	case UNIT_FAILED:
		return role == UNIT_LIVE && now >= u->ended_at + unit_pause(u->in_row)
			       ? UNIT_UP
			       : UNIT_NOTHING;
	default: return UNIT_NOTHING;
	}
}

enum unit_want
unit_want_paused(const struct unit_life *u, enum unit_role role, mono_t now)
{
	if (u->state == UNIT_WORKING || role == UNIT_NONE || u->state == UNIT_FINISHED)
		return UNIT_NOTHING;
	/* Not known, and it has ended: it is gone. After a restart of ours nobody knows. */
	if (role != UNIT_GOING && u->state == UNIT_UNKNOWN && !unit_is_news(u))
		return UNIT_NOTHING;
	if (u->state == UNIT_FAILED && now < u->ended_at + unit_pause(u->in_row))
		return UNIT_NOTHING;
	return UNIT_DOWN;
}

void
unit_began(struct unit_life *u, mono_t now)
{
	u->state = UNIT_RUNNING;
	u->started_at = now;
	u->ill = false;
	memset(u->failures, 0, sizeof(u->failures));
}

/* An end soon after the start makes the next pause longer. */
static void
over(struct unit_life *u, enum unit_state state, mono_t now)
{
	if (u->started_at != 0 && now - u->started_at >= UNIT_LASTED_US)
		u->in_row = 0;
	u->in_row++;
	u->restarts++;
	u->state = state;
	u->ready = false;
	u->ill = false;
	u->ended_at = now;
	u->started_at = 0;
}

static void
finish(struct unit_life *u, mono_t now)
{
	u->state = UNIT_FINISHED;
	u->ready = false;
	u->was_ready = true;
	u->ill = false;
	u->ended_at = now;
}

void
unit_ended(struct unit_life *u, const struct service *s, int exit_code, bool oom, mono_t now)
{
	bool never = s->restart != NULL && strcmp(s->restart, "never") == 0;
	bool on_failure = s->restart != NULL && strcmp(s->restart, "on-failure") == 0;

	u->exit_code = exit_code;
	u->oom = oom;
	if (never || (on_failure && exit_code == 0))
		finish(u, now);
	else
		over(u, UNIT_EXITED, now);
}

void
unit_failed(struct unit_life *u, mono_t now)
{
	over(u, UNIT_FAILED, now);
}

void
unit_removed(struct unit_life *u, bool never, mono_t now)
{
	if (never && u->ill)
		finish(u, now);
	else
		over(u, UNIT_UNKNOWN, now);
}

bool
unit_is_news(const struct unit_life *u)
{
	return u->started_at == 0 && u->ended_at == 0;
}

void
unit_checked(struct unit_life *u, const struct service *s, size_t check, bool good, mono_t now)
{
	const struct check *c = (const struct check *)s->checks.items + check;
	bool health = strcmp(c->use, "health") == 0;

	if (u->state != UNIT_RUNNING)
		return;
	if (good) {
		u->failures[check] = 0;
		if (!health)
			u->ready = u->was_ready = true;
		return;
	}
	if (health && now - u->started_at < (int64_t)c->grace_s * SECOND_US)
		return;
	if (u->failures[check] < c->failures)
		u->failures[check]++;
	if (u->failures[check] < c->failures)
		return;
	if (health)
		u->ill = true;
	else
		u->ready = false;
}

const char *
unit_state_name(const struct unit_life *u, enum unit_role role)
{
	static const char *const names[] = { "unknown", "working",  "running",
					     "exited",	"finished", "failed" };

	if (role == UNIT_GOING)
		return "stopping";
	if (u->state == UNIT_RUNNING)
		return u->ready ? "ready" : "running";
	return names[u->state];
}
