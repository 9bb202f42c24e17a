/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/leases/{lease}/close: the workload is stopped, the meter read a last
 * time, and the last word signed. Asked again, it answers the same.
 */
#include "lease/signer.h"
#include "lib/clock.h"
#include "provider/run/live.h"
#include "provider/bid/spot.h"
#include "provider/run/unit.h"

#define KILL_AGAIN_US (3 * SECOND_US)
#define STOP_POLL_US  (20 * MILLI_US)

struct closing_task {
	struct work work;
	uint32_t unit;
	mono_t kill_at;
	struct jail_ref ref;
	struct jail_stat stat;
	struct meter_reading reading;
	struct chan_call call;
	struct usage_terms usage;
	struct release_terms release;
	struct sig sigs[2], release_sig;
	bool holds; /* the lease is ours alone */
	bool volumes_delete;
};

static struct agent *
closing_agent(struct task *t)
{
	return task_request(t)->ctx;
}

static enum next stop_unit(struct task *t);
static enum next sign_usage(struct task *t);
static enum next answer(struct task *t);

/* The longest time that a service has to stop. */
static int64_t
grace_us(struct arena *a, const struct work *w)
{
	struct err ignored = ERR_NONE;
	struct manifest m;
	uint32_t most = 0;

	if (work_manifest(a, w, &m, &ignored) < 0)
		return unit_stop_s(NULL) * SECOND_US;
	for (size_t i = 0; i < m.services.count; i++)
		most = MAX(most, unit_stop_s((const struct service *)m.services.items + i));
	return most * SECOND_US;
}

/* Free entries are passed over; UINT32_MAX: there is no more. */
static uint32_t
unit_from(const struct work *w, uint32_t unit)
{
	while (unit < w->unit_count && w->units[unit].role == UNIT_NONE)
		unit++;
	return unit < w->unit_count ? unit : UINT32_MAX;
}

/* From here on nobody brings anything up again. */
static void
halt(struct agent *g, const struct hash *lease, bool halted)
{
	struct live *l = live_of(g, lease);

	l->halted = halted;
	if (halted)
		live_halt(l);
}

static enum next
close_begin(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);

	if (book_get(g->book, &t->arena, &c->work.hash, &c->work, &t->err) != 1)
		return TASK_FAIL;
	if (c->work.released)
		return task_jump(t, answer);
	if (c->work.meter.began == 0) {
		err_set(&t->err, &WORK_NOT_RUNNING,
			"the lease is not open yet: cancel the order instead");
		return TASK_FAIL;
	}
	if (!busy_begin(g, &c->work.hash))
		return task_sleep(t, STOP_POLL_US); /* the meter is reading */
	c->reading = (struct meter_reading){ .at = clock_wall(), .running = true };
	c->holds = true;
	halt(g, &c->work.hash, true);
	c->kill_at = clock_mono() + grace_us(&t->arena, &c->work);
	c->unit = unit_from(&c->work, 0);
	return task_jump(t, c->unit != UINT32_MAX ? stop_unit : sign_usage);
}

static enum next
close_again(struct task *t)
{
	return task_jump(t, close_begin);
}

/* The last reading is taken before the workload is stopped. */
static enum next
stop_unit(struct task *t)
{
	struct closing_task *c = t->state;

	work_ref(&c->work, c->unit, &c->ref);
	return jail_start(t, closing_agent(t), &c->call, JAIL_STAT, &c->ref, sizeof(c->ref));
}

static enum next
stop_read(struct task *t)
{
	struct closing_task *c = t->state;

	if (signer_answer(&c->call, &c->stat, sizeof(c->stat), &t->err) < 0) {
		/* Not there any more: its last stored reading stands. */
		t->err = (struct err)ERR_NONE;
		memset(&c->stat, 0, sizeof(c->stat));
	}
	meter_add(&c->reading, c->unit,
		  c->work.units[c->unit].role == UNIT_LIVE &&
			  live_of(closing_agent(t), &c->work.hash)->units[c->unit].life.state !=
				  UNIT_FINISHED,
		  &c->stat);
	return jail_start(t, closing_agent(t), &c->call, JAIL_STOP, &c->ref, sizeof(c->ref));
}

static enum next
stop_next(struct task *t)
{
	struct closing_task *c = t->state;

	c->unit = unit_from(&c->work, c->unit + 1);
	if (c->unit != UINT32_MAX)
		return task_jump(t, stop_unit);
	c->unit = unit_from(&c->work, 0);
	return TASK_NEXT;
}

static enum next
gone_ask(struct task *t)
{
	struct closing_task *c = t->state;

	work_ref(&c->work, c->unit, &c->ref);
	return jail_start(t, closing_agent(t), &c->call, JAIL_STAT, &c->ref, sizeof(c->ref));
}

static enum next
gone_read(struct task *t)
{
	struct closing_task *c = t->state;
	bool there = c->call.err.code == NULL;

	if (there)
		memcpy(&c->stat, c->call.out, MIN(c->call.out_len, sizeof(c->stat)));
	if (!there || (c->stat.state != JAIL_RUNNING && c->stat.state != JAIL_PAUSED)) {
		c->unit = unit_from(&c->work, c->unit + 1);
		return task_jump(t, c->unit != UINT32_MAX ? gone_ask : sign_usage);
	}
	if (clock_mono() < c->kill_at)
		return task_sleep(t, STOP_POLL_US);
	c->kill_at = clock_mono() + KILL_AGAIN_US;
	return jail_start(t, closing_agent(t), &c->call, JAIL_KILL, &c->ref, sizeof(c->ref));
}

static enum next
gone_again(struct task *t)
{
	return task_jump(t, gone_ask);
}

static enum next
sign_usage(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);
	struct work *w = &c->work;
	struct price_lease price;

	if (book_get(g->book, &t->arena, &w->hash, w, &t->err) != 1)
		return TASK_FAIL;
	work_take(w, &c->reading);
	spot_advance(g, w, (uint32_t)(c->reading.at / SECOND_US));
	price = work_price(w);
	price.closed = true;
	c->usage = meter_usage(&w->meter, &w->spells, &price, &w->hash,
			       w->usage.seq != 0 ? &w->usage : NULL, c->reading.at);
	if (w->usage.seq != 0 && c->usage.upTo <= w->usage.upTo)
		c->usage = w->usage; /* within one second: the last word was said */
	return signer_start(t, g->signer, &c->call, SIGN_USAGE, &c->usage, sizeof(c->usage));
}

static enum next
sign_release(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);

	if (signer_answer(&c->call, c->sigs, sizeof(c->sigs), &t->err) < 0)
		return TASK_FAIL;
	c->release = (struct release_terms){ c->work.hash, c->usage.amount };
	return signer_start(t, g->signer, &c->call, SIGN_RELEASE, &c->release, sizeof(c->release));
}

static enum next
close_store(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);
	struct work *w = &c->work;

	if (signer_answer(&c->call, &c->release_sig, sizeof(c->release_sig), &t->err) < 0)
		return TASK_FAIL;
	if (book_get(g->book, &t->arena, &w->hash, w, &t->err) != 1)
		return TASK_FAIL;
	work_take(w, &c->reading);
	w->usage = c->usage;
	w->usage_sig = c->sigs[0];
	w->voucher_sig = c->sigs[1];
	w->release_sig = c->release_sig;
	w->released = true;
	w->volumes_delete = c->volumes_delete;
	w->state = WORK_CLOSING;
	if (book_put(g->book, w, &t->err) < 0)
		return TASK_FAIL;
	busy_end(g, &w->hash);
	c->holds = false;
	runner_look(g);
	return TASK_NEXT;
}

static enum next
answer(struct task *t)
{
	struct closing_task *c = t->state;
	char text[SIG_TEXT_SIZE];
	struct jsonw *w = jsonw_new(false);

	jsonw_open(w, '{');
	work_write_price(w, &c->work);
	work_write_usage(w, &c->work);
	jsonw_member(w, "release_sig", "%s", sig_text(&c->work.release_sig, text));
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step close_steps[] = { { "begin", close_begin },
					   { "again", close_again },
					   { "stop", stop_unit },
					   { "stop_read", stop_read },
					   { "stop_next", stop_next },
					   { "gone", gone_ask },
					   { "gone_read", gone_read },
					   { "gone_again", gone_again },
					   { "usage", sign_usage },
					   { "release", sign_release },
					   { "store", close_store },
					   { "answer", answer },
					   STEP_END };

static void
close_done(struct task *t)
{
	struct closing_task *c = t->state;

	if (c->holds) {
		halt(closing_agent(t), &c->work.hash, false);
		busy_end(closing_agent(t), &c->work.hash);
	}
	if (t->err.code != NULL)
		request_task_done(t);
}

struct close_in {
	const char *volumes; /* "keep", "delete" */
};
static const struct json_field close_in_fields[] = {
	JSON_STR(struct close_in, volumes, 8, JSON_OPTIONAL), JSON_END
};

/* Kept unless it says otherwise: what is deleted does not come back. */
static int
close_read(const struct request *r, struct arena *a, bool *volumes_delete, struct err *e)
{
	struct close_in in = { .volumes = "keep" };

	if (r->body_len > 0 && json_decode(a, r->body, r->body_len, close_in_fields, &in, e) < 0)
		return -1;
	*volumes_delete = strcmp(in.volumes, "delete") == 0;
	if (!*volumes_delete && strcmp(in.volumes, "keep") != 0)
		return err_field(e, &JSON_TYPE, "/volumes", "volumes must be keep or delete");
	return 0;
}

void
close_create(struct request *r)
{
	struct err e = ERR_NONE;
	struct closing_task *c;
	bool volumes_delete;
	struct hash lease;
	struct task *t;
	struct work w;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "close", &lease, &w))
		return;
	if (close_read(r, &r->arena, &volumes_delete, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "close", close_steps, sizeof(*c));
	t->done = close_done;
	c = t->state;
	c->work.hash = lease;
	c->volumes_delete = volumes_delete;
}
