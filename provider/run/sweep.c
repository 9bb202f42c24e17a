/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is over is removed, and looked for: a lease that the market says has
 * ended, and containers of ours that no lease in the book knows.
 */
#include "provider/run/sweep.h"

#include "lib/log.h"
#include "provider/run/live.h"

/* ------------------------------------------------------------------ */
/* Sweep: when the market says that the lease has ended, nothing may be left. */

struct sweep {
	struct work work;
	uint32_t unit;
	struct jail_destroy ask;
	struct chan_call call;
	struct fetch f;
};

#define SWEEP_LIMIT_US	 (120 * SECOND_US)
#define ORPHANS_LIMIT_US (600 * SECOND_US)

static enum next
sweep_ask(struct task *t)
{
	struct sweep *s = t->state;
	struct agent *g = t->owner;
	char text[HASH_TEXT_SIZE];

	if (book_get(g->book, &t->arena, &s->work.hash, &s->work, &t->err) != 1)
		return TASK_FAIL;
	s->f = (struct fetch){ .url = arena_printf(&t->arena, "%s/v1/leases/%s",
						   g->settings->market_url,
						   hash_text(&s->work.hash, text)),
			       .ca_path = g->settings->market_ca };
	return fetch_start(t, &s->f);
}

static enum next sweep_units(struct task *t);

/* Keep it while the lease lives. */
static enum next
sweep_decide(struct task *t)
{
	struct sweep *s = t->state;
	struct agent *g = t->owner;
	const struct json *state;
	struct json *doc;
	bool ended;

	/* A market that is away, or does not know the lease (restored from an old
	 * copy, or another one), changes nothing. */
	if (fetch_check(&t->arena, &s->f, &t->err) < 0 ||
	    json_parse(&t->arena, s->f.reply, s->f.reply_len, &doc, &t->err) < 0) {
		ended = false;
		t->err = (struct err)ERR_NONE;
	} else {
		state = json_get(doc, "state");
		ended = state != NULL && state->type == JSON_STRING &&
			(strcmp(state->text, "closed") == 0 || strcmp(state->text, "failed") == 0);
	}
	/* A released workload is gone whatever becomes of the settlement. */
	if (!ended && !s->work.released && !s->work.never_opened)
		return TASK_DONE;
	/* From now on nobody brings it up again. */
	if (book_get(g->book, &t->arena, &s->work.hash, &s->work, &t->err) != 1)
		return TASK_FAIL;
	s->work.state = WORK_CLOSING;
	if (book_put(g->book, &s->work, &t->err) < 0)
		return TASK_FAIL;
	live_drop(g, &s->work.hash);
	plan_close_ports(g, &s->work.hash);
	return task_jump(t, sweep_units);
}

static enum next
sweep_units(struct task *t)
{
	struct sweep *s = t->state;

	if (s->unit >= s->work.unit_count)
		return TASK_NEXT;
	work_ref(&s->work, s->unit, &s->ask.ref);
	return jail_start(t, t->owner, &s->call, JAIL_DESTROY, &s->ask, sizeof(s->ask));
}

static enum next
sweep_next(struct task *t)
{
	struct sweep *s = t->state;
	struct agent *g = t->owner;
	char lease[ID_TEXT_SIZE];

	if (s->unit < s->work.unit_count) {
		if (s->call.err.code != NULL && s->call.err.code != &JAIL_UNKNOWN) {
			t->err = s->call.err;
			return TASK_FAIL;
		}
		s->unit++;
		return task_jump(t, sweep_units);
	}
	/* A voucher may have come meanwhile. */
	if (book_get(g->book, &t->arena, &s->work.hash, &s->work, &t->err) != 1)
		return TASK_FAIL;
	s->work.state = WORK_ENDED;
	plan_close_ports(g, &s->work.hash);
	if (volumes_end(g, &s->work, &t->err) < 0)
		return TASK_FAIL;
	if (book_put(g->book, &s->work, &t->err) < 0)
		return TASK_FAIL;
	volumes_look(g);
	log_info("lease.ended", "lease=%s", id_text(ID_LEASE, &s->work.id, lease));
	return TASK_DONE;
}

static const struct step sweep_steps[] = { { "ask", sweep_ask },
					   { "decide", sweep_decide },
					   { "units", sweep_units },
					   { "next", sweep_next },
					   STEP_END };

static void
sweep_done(struct task *t)
{
	struct sweep *s = t->state;

	busy_end(t->owner, &s->work.hash);
	if (t->err.code != NULL)
		log_warn("sweep.failed", "code=%s error=\"%s\"", t->err.code->name, t->err.text);
}

void
sweep_begin(struct agent *g, const struct work *w)
{
	struct sweep *s;

	if (!busy_begin(g, &w->hash))
		return;
	s = task_new(&g->loop, "sweep", sweep_steps, sizeof(*s), SWEEP_LIMIT_US, sweep_done, g)
		    ->state;
	s->work.hash = w->hash;
	s->work.id = w->id;
}

/* ------------------------------------------------------------------ */
/* Orphans: containers of ours that no lease in the book knows.         */

struct orphans {
	struct chan_call call;
	const struct jail_entry *entries;
	size_t count, next;
	struct jail_destroy ask;
};

static enum next
orphans_list(struct task *t)
{
	struct orphans *o = t->state;

	return jail_start(t, t->owner, &o->call, JAIL_LIST, NULL, 0);
}

static enum next
orphans_read(struct task *t)
{
	struct orphans *o = t->state;

	if (o->call.err.code != NULL) {
		t->err = o->call.err;
		return TASK_FAIL;
	}
	o->count = o->call.out_len / sizeof(*o->entries);
	o->entries = arena_alloc(&t->arena, o->call.out_len + 1);
	memcpy((void *)(uintptr_t)o->entries, o->call.out, o->count * sizeof(*o->entries));
	return TASK_NEXT;
}

static bool
is_known(const struct work *works, size_t count, const struct jail_ref *ref)
{
	struct jail_ref own;

	for (size_t i = 0; i < count; i++)
		for (uint32_t u = 0; u < works[i].unit_count; u++) {
			if (works[i].units[u].role == UNIT_NONE)
				continue;
			work_ref(&works[i], u, &own);
			if (own.copy == ref->copy && strcmp(own.name, ref->name) == 0)
				return true;
		}
	return false;
}

/* The book is read again for each: a lease may have begun meanwhile. */
static enum next
orphans_next(struct task *t)
{
	struct orphans *o = t->state;
	struct agent *g = t->owner;
	struct work *works;
	struct arena a;
	size_t count = 0;
	bool known = true;

	arena_init(&a, 0);
	while (known && o->next < o->count && book_live(g->book, &a, &works, &count, &t->err) == 0)
		known = is_known(works, count, &o->entries[o->next++].ref);
	arena_release(&a);
	if (known)
		return TASK_DONE;
	o->ask.ref = o->entries[o->next - 1].ref;
	log_warn("orphan.removed", "container=%s copy=%u", o->ask.ref.name, o->ask.ref.copy);
	return jail_start(t, g, &o->call, JAIL_DESTROY, &o->ask, sizeof(o->ask));
}

static enum next
orphans_more(struct task *t)
{
	return task_jump(t, orphans_next);
}

static const struct step orphans_steps[] = { { "list", orphans_list },
					     { "read", orphans_read },
					     { "next", orphans_next },
					     { "more", orphans_more },
					     STEP_END };

static void
orphans_done(struct task *t)
{
	if (t->err.code != NULL)
		log_warn("orphans.failed", "error=\"%s\"", t->err.text);
}

void
orphans_begin(struct agent *g)
{
	task_new(&g->loop, "orphans", orphans_steps, sizeof(struct orphans), ORPHANS_LIMIT_US,
		 orphans_done, g);
}
