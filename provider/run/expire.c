/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lease that was accepted and never opened holds a part of the machine for
 * nobody. The order names the last second in which it may be opened; after that,
 * when the chain itself says that it is not, the reservation ends, whatever the
 * market says or does not say.
 */
#include "lease/evm.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/agent.h"

/* For clocks that differ, and blocks that come late. */
#define GRACE_US (60 * SECOND_US)

struct expiry {
	struct work work;
	struct evm_call rpc;
};

bool
work_has_lapsed(const struct work *w, wall_t now)
{
	return w->state == WORK_ACCEPTED && w->meter.began == 0 && !w->never_opened &&
	       now > (wall_t)w->terms.openBy * SECOND_US + GRACE_US;
}

static enum next
chain_ask(struct task *t)
{
	struct expiry *x = t->state;
	struct agent *g = t->owner;
	const char *body = rpc_call(&t->arena, NULL, &g->settings->escrow,
				    escrow_lease_state(&t->arena, &x->work.hash));

	return evm_call_start(t, &g->evm, body, &x->rpc);
}

static enum next
chain_read(struct task *t)
{
	struct expiry *x = t->state;
	struct agent *g = t->owner;
	struct work *w = &x->work;
	struct escrow_lease state;
	char lease[ID_TEXT_SIZE];
	struct json *result;
	const uint8_t *data;
	size_t len;

	if (evm_call_result(&t->arena, &x->rpc, &result, &t->err) < 0 ||
	    rpc_bytes_read(&t->arena, result, &data, &len, &t->err) < 0)
		return TASK_FAIL; /* asked again at a later look */
	if (book_get(g->book, &t->arena, &w->hash, w, &t->err) != 1)
		return TASK_FAIL;
	if (escrow_lease_read(data, len, &state) && state.deposit.units != 0)
		return TASK_DONE; /* open after all: for the market to end */
	if (!work_has_lapsed(w, clock_wall()))
		return TASK_DONE;
	w->never_opened = true;
	if (w->failure == NULL)
		w->failure = "the lease was never opened";
	log_info("lease.lapsed", "lease=%s", id_text(ID_LEASE, &w->id, lease));
	return book_put(g->book, w, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step steps[] = { { "ask", chain_ask }, { "read", chain_read }, STEP_END };

static void
done(struct task *t)
{
	struct expiry *x = t->state;

	busy_end(t->owner, &x->work.hash);
	if (t->err.code != NULL)
		log_warn("work.failed", "task=expire error=\"%s\"", t->err.text);
}

void
expire_begin(struct agent *g, const struct work *w)
{
	struct expiry *x;

	if (!busy_begin(g, &w->hash))
		return;
	x = task_new(&g->loop, "expire", steps, sizeof(*x), 20 * SECOND_US, done, g)->state;
	x->work.hash = w->hash;
	x->work.id = w->id;
}
