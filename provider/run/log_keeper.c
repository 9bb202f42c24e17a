/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs outlive their lease by log_keep_s, counted from the last byte written to
 * them; then the jail removes them and the book forgets the lease. Looks at the
 * disk every time, so a restart changes nothing.
 */
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "provider/agent.h"

struct forget {
	struct work work;
	uint32_t unit;
	struct jail_destroy ask;
	struct chan_call call;
};

static enum next
forget_begin(struct task *t)
{
	struct forget *f = t->state;
	struct agent *g = t->owner;

	if (book_get(g->book, &t->arena, &f->work.hash, &f->work, &t->err) != 1)
		return TASK_FAIL;
	return TASK_NEXT;
}

static enum next
forget_unit(struct task *t)
{
	struct forget *f = t->state;

	if (f->unit >= f->work.unit_count)
		return TASK_NEXT;
	work_ref(&f->work, f->unit, &f->ask.ref);
	f->ask.drop_logs = 1;
	return jail_start(t, t->owner, &f->call, JAIL_DESTROY, &f->ask, sizeof(f->ask));
}

static enum next
forget_next(struct task *t)
{
	struct forget *f = t->state;
	struct agent *g = t->owner;

	if (f->unit < f->work.unit_count) {
		if (f->call.err.code != NULL) {
			t->err = f->call.err;
			return TASK_FAIL;
		}
		f->unit++;
		return task_jump(t, forget_unit);
	}
	f->work.state = WORK_FORGOTTEN;
	return book_put(g->book, &f->work, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step forget_steps[] = {
	{ "begin", forget_begin }, { "unit", forget_unit }, { "next", forget_next }, STEP_END
};

static void
forget_done(struct task *t)
{
	struct forget *f = t->state;
	char text[ID_TEXT_SIZE];

	busy_end(t->owner, &f->work.hash);
	if (t->err.code != NULL)
		log_warn("logs.kept", "lease=%s error=\"%s\"", id_text(ID_LEASE, &f->work.id, text),
			 t->err.text);
}

/* The last change of any log of the lease, in seconds since 1970. */
static int64_t
last_word(struct agent *g, struct arena *a, const struct work *w)
{
	static const char *const names[] = { "log", "log.1", "exit" };
	int64_t last = w->created / SECOND_US;
	struct jail_ref ref;
	struct stat st;

	for (uint32_t u = 0; u < w->unit_count; u++) {
		work_ref(w, u, &ref);
		for (size_t i = 0; i < NELEMS(names); i++)
			if (stat(arena_printf(a, "%s/%s", jail_log_dir(a, &g->jail_config, &ref),
					      names[i]),
				 &st) == 0)
				last = MAX(last, (int64_t)st.st_mtime);
	}
	return last;
}

void
log_keeper_look(void *arg)
{
	struct agent *g = arg;
	int64_t now = clock_wall() / SECOND_US;
	struct err e = ERR_NONE;
	struct work *works;
	struct arena a;
	size_t count = 0;

	arena_init(&a, 0);
	if (book_ended(g->book, &a, &works, &count, &e) < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);
	for (size_t i = 0; i < count; i++) {
		struct forget *f;

		if (last_word(g, &a, &works[i]) + g->settings->log_keep_s > now ||
		    !busy_begin(g, &works[i].hash))
			continue;
		f = task_new(&g->loop, "forget", forget_steps, sizeof(*f), 60 * SECOND_US,
			     forget_done, g)
			    ->state;
		f->work.hash = works[i].hash;
		f->work.id = works[i].id;
	}
	arena_release(&a);
}
