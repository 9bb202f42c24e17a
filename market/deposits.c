/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deposits that end: an event seven days, a day and an hour before, and when one is
 * used up, so that programs need not ask. By what was signed last and the full rate
 * since: it may come early, never late. The statement in sql/query/deposit.sql is all
 * there is to it, and what was told stands with the lease.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "query.h"

#define EVERY_US (5 * SECOND_US)

struct telling {
	struct batch *b;
};

static enum next
tell(struct task *t)
{
	struct telling *x = t->state;
	struct clerk *c = t->owner;

	x->b = batch_new(t);
	q_deposits_tell(x->b, clock_wall());
	return db_run(t, c->db, x->b);
}

static enum next
told(struct task *t)
{
	struct telling *x = t->state;

	if (batch_failed(x->b, &t->err))
		return TASK_FAIL;
	if (rows_count(x->b, 0) > 0)
		clerk_tell_webs(t->owner);
	return TASK_DONE;
}

static const struct step steps[] = { { "tell", tell }, { "told", told }, STEP_END };

static void
done(struct task *t)
{
	struct clerk *c = t->owner;

	c->deposits_busy = false;
	if (t->err.code != NULL)
		log_warn("deposits.failed", "error=\"%s\"", t->err.text);
}

static void
look(void *arg)
{
	struct clerk *c = arg;

	if (c->deposits_busy)
		return;
	c->deposits_busy = true;
	task_new(&c->loop, "deposits", steps, sizeof(struct telling), 30 * SECOND_US, done, c);
}

void
deposits_start(struct clerk *c)
{
	timer_every(&c->loop, EVERY_US, EVERY_US, look, c);
}
