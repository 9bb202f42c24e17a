/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: how large they are now, and what the market is told: their size whenever it
 * changes and every few seconds, and each statement of a run until it has it.
 */
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/bid/spot.h"

#define TELL_EVERY_US (10 * SECOND_US)

/* ------------------------------------------------------------------ */
/* Which there are.                                                     */

static bool
pool_known(const struct spot *s, const char *class)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->pools[i].class, class) == 0)
			return true;
	return false;
}

/* The operator's own floor, or a share of what the card asks for such a unit. */
static struct rate
floor_of(const struct provider_settings *s, const char *class)
{
	const struct spot_floor *own = s->spot.floors.items;
	const struct rate_card *card = &s->prices.card;
	struct rate whole;

	for (size_t i = 0; i < s->spot.floors.count; i++)
		if (strcmp(own[i].class, class) == 0)
			return own[i].floor;
	if (strcmp(class, "cpu") == 0)
		whole.nano = card->cpu_milli.nano + card->memory_mib.nano * POOL_MIB_UNIT;
	else
		whole = card_gpu(card, class);
	return price_scale(whole, 10000 - MIN(s->spot.discount_bp, 9999u));
}

static void
pool_add(struct agent *g, const char *class)
{
	struct spot *s = g->spot;
	struct spot_pool *p = &s->pools[s->count];

	if (s->count == SPOT_POOLS_MAX || pool_known(s, class) || pool_class_fault(class) != NULL)
		return;
	p->class = class;
	p->floor = floor_of(g->settings, class);
	if (p->floor.nano > 0)
		s->count++;
}

void
spot_start(struct agent *g)
{
	const struct provider_settings *s = g->settings;
	const struct gpu *gpus = s->gpus.items;
	struct arena a;

	g->spot = xcalloc(1, sizeof(*g->spot));
	if (s->spot.discount_bp == 0 && s->spot.floors.count == 0)
		return;
	pool_add(g, "cpu");
	for (size_t i = 0; i < s->gpus.count; i++)
		pool_add(g, gpus[i].model);
	arena_init(&a, 0);
	spot_recall(g, &a);
	arena_release(&a);
}

struct spot_pool *
spot_pool_for(const struct agent *g, const struct group *group)
{
	for (size_t i = 0; g->spot != NULL && i < g->spot->count; i++)
		if (pool_takes(g->spot->pools[i].class, group))
			return &g->spot->pools[i];
	return NULL;
}

struct rate
spot_price_at(const struct spot_pool *p, uint32_t at)
{
	return at >= p->price.at ? p->price.price : p->before;
}

/* ------------------------------------------------------------------ */
/* How large they are.                                                  */

static uint32_t
units_in(const struct room *r, const char *class)
{
	uint64_t memory = r->free.memory_bytes / ((uint64_t)POOL_MIB_UNIT << 20);
	uint32_t gpus = 0;

	if (strcmp(class, "cpu") == 0)
		return (uint32_t)MIN(MIN((uint64_t)r->free.cpu_milli, memory),
				     (uint64_t)SPOT_UNITS_MAX);
	for (size_t i = 0; i < r->device_count; i++)
		gpus += (r->gpus >> i & 1) != 0 && strcmp(r->devices[i].model, class) == 0;
	return gpus;
}

static int
measure(struct agent *g, struct arena *a)
{
	struct err e = ERR_NONE;
	struct room room;

	if (agent_pool_room(g, a, &room, &e) < 0) {
		log_warn("book.failed", "error=\"%s\"", e.text);
		return -1;
	}
	for (size_t i = 0; i < g->spot->count; i++)
		g->spot->pools[i].units = units_in(&room, g->spot->pools[i].class);
	return 0;
}

int
spot_free_units(struct agent *g, struct arena *a, const struct spot_pool *p, const struct hash *who,
		const struct hash *lease, uint32_t *units, struct err *e)
{
	struct work *works;
	uint64_t taken = 0;
	size_t count;

	if (measure(g, a) < 0 || book_live(g->book, a, &works, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (works[i].spot.class != NULL && strcmp(works[i].spot.class, p->class) == 0 &&
		    !works[i].spot.interrupted &&
		    (lease == NULL || !hash_equal(&works[i].hash, lease)))
			taken += works[i].spot.units;
	/* Promised by the last auction, and not here yet. */
	for (size_t k = 0; k < p->place_count; k++) {
		bool here = who != NULL && hash_equal(&p->places[k], who);

		for (size_t i = 0; i < count && !here; i++)
			here = (hash_equal(&works[i].hash, &p->places[k]) &&
				!works[i].spot.interrupted) ||
			       hash_equal(&works[i].award.award.order, &p->places[k]);
		if (!here && clock_wall() < ((wall_t)p->price.at + SPOT_PLACE_S) * SECOND_US)
			taken += p->place_units[k];
	}
	*units = taken >= p->units ? 0 : p->units - (uint32_t)taken;
	return 0;
}

/* ------------------------------------------------------------------ */
/* The market is told how large.                                        */

struct telling {
	struct spot_pool *pool;
	struct pool_doc doc;
	struct chan_call call;
	struct fetch f;
};

static enum next
post(struct task *t, struct fetch *f, const char *path, const char *body)
{
	struct agent *g = t->owner;

	*f = (struct fetch){ .method = "POST",
			     .url = arena_printf(&t->arena, "%s%s", g->settings->market_url, path),
			     .body = body,
			     .body_len = strlen(body),
			     .bearer = g->token,
			     .ca_path = g->settings->market_ca,
			     .timeout_us = 10 * SECOND_US };
	return fetch_start(t, f);
}

static enum next
tell_sign(struct task *t)
{
	struct telling *x = t->state;
	struct agent *g = t->owner;

	x->doc.class = x->pool->class;
	x->doc.terms = (struct pool_terms){ .provider = g->self,
					    .class = pool_class_hash(x->pool->class),
					    .units = x->pool->units,
					    .floor = x->pool->floor,
					    .notice = g->settings->spot.notice_s,
					    .seq = (uint64_t)clock_wall() };
	return signer_start(t, g->signer, &x->call, SIGN_POOL, &x->doc.terms, sizeof(x->doc.terms));
}

static enum next
tell_post(struct task *t)
{
	struct telling *x = t->state;

	if (signer_answer(&x->call, &x->doc.sig, sizeof(x->doc.sig), &t->err) < 0)
		return TASK_FAIL;
	return post(t, &x->f, "/v1/pools", json_encode(&t->arena, pool_doc_fields, &x->doc));
}

static enum next
tell_read(struct task *t)
{
	struct telling *x = t->state;

	if (fetch_check(&t->arena, &x->f, &t->err) < 0)
		return TASK_FAIL;
	x->pool->told_units = x->doc.terms.units;
	return TASK_DONE;
}

static const struct step tell_steps[] = {
	{ "sign", tell_sign }, { "post", tell_post }, { "read", tell_read }, STEP_END
};

static void
tell_done(struct task *t)
{
	struct telling *x = t->state;

	x->pool->busy = false;
	if (t->err.code != NULL)
		log_warn("pool.not_told", "error=\"%s\"", t->err.text);
}

static void
tell_pools(struct agent *g)
{
	mono_t now = clock_mono();

	for (size_t i = 0; i < g->spot->count; i++) {
		struct spot_pool *p = &g->spot->pools[i];
		struct task *t;

		if (p->busy || (p->told_at != 0 && p->told_units == p->units &&
				now - p->told_at < TELL_EVERY_US))
			continue;
		p->busy = true;
		p->told_at = now;
		t = task_new(&g->loop, "pool", tell_steps, sizeof(struct telling), 20 * SECOND_US,
			     tell_done, g);
		((struct telling *)t->state)->pool = p;
	}
}

/* ------------------------------------------------------------------ */
/* And of runs, one statement after the other.                          */

struct saying {
	struct work work;
	struct spot_run_doc doc;
	struct chan_call call;
	struct fetch f;
};

static const struct spot_run_doc *
next_untold(const struct work *w)
{
	const struct spot_run_doc *list = w->spot.said.items;

	for (size_t i = 0; i < w->spot.said.count; i++)
		if (list[i].terms.seq > w->spot.told)
			return &list[i];
	return NULL;
}

static enum next
say_sign(struct task *t)
{
	struct saying *x = t->state;
	struct agent *g = t->owner;

	return signer_start(t, g->signer, &x->call, SIGN_SPOT_RUN, &x->doc.terms,
			    sizeof(x->doc.terms));
}

static enum next
say_post(struct task *t)
{
	struct saying *x = t->state;

	if (signer_answer(&x->call, &x->doc.sig, sizeof(x->doc.sig), &t->err) < 0)
		return TASK_FAIL;
	return post(t, &x->f, "/v1/runs", json_encode(&t->arena, spot_run_doc_fields, &x->doc));
}

static enum next
say_read(struct task *t)
{
	struct saying *x = t->state;
	struct agent *g = t->owner;
	struct spot_run_doc *list;

	/* What the market does not want to hear, of a lease that has ended, is not told
	 * again. */
	if (fetch_check(&t->arena, &x->f, &t->err) < 0 &&
	    (err_retryable(&t->err) || x->work.state == WORK_RUNNING))
		return TASK_FAIL;
	t->err = (struct err)ERR_NONE;
	if (book_get(g->book, &t->arena, &x->work.hash, &x->work, &t->err) != 1)
		return TASK_FAIL;
	list = (struct spot_run_doc *)(uintptr_t)x->work.spot.said.items;
	for (size_t i = 0; i < x->work.spot.said.count; i++)
		if (list[i].terms.seq == x->doc.terms.seq)
			list[i].sig = x->doc.sig;
	x->work.spot.told = x->doc.terms.seq;
	return book_put(g->book, &x->work, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step say_steps[] = {
	{ "sign", say_sign }, { "post", say_post }, { "read", say_read }, STEP_END
};

static void
say_done(struct task *t)
{
	struct agent *g = t->owner;

	g->spot->telling = false;
	if (t->err.code != NULL)
		log_warn("run.not_told", "error=\"%s\"", t->err.text);
	else
		timer_poke(g->run_timer);
}

static void
say_next(struct agent *g, struct arena *a)
{
	struct err e = ERR_NONE;
	struct work *works;
	size_t count;

	if (g->spot->telling || book_live(g->book, a, &works, &count, &e) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct spot_run_doc *doc = next_untold(&works[i]);
		struct saying *x;

		if (doc == NULL)
			continue;
		g->spot->telling = true;
		x = task_new(&g->loop, "run", say_steps, sizeof(*x), 20 * SECOND_US, say_done, g)
			    ->state;
		x->work.hash = works[i].hash;
		x->work.state = works[i].state;
		x->doc = *doc;
		return;
	}
}

void
spot_look(struct agent *g)
{
	struct arena a;

	if (g->spot == NULL || g->spot->count == 0)
		return;
	arena_init(&a, 0);
	if (measure(g, &a) == 0) {
		spot_admit(g, &a);
		tell_pools(g);
		say_next(g, &a);
	}
	arena_release(&a);
}
