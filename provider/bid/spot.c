/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/spot.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "provider/run/live.h"

static bool
is_spot(const struct work *w)
{
	return w->spot.class != NULL;
}

static uint32_t
seconds_now(void)
{
	return (uint32_t)(clock_wall() / SECOND_US);
}

/* ------------------------------------------------------------------ */
/* Statements: the newest are kept, for the market and for the tenant.   */

#define STATEMENTS_KEPT 64u

static const struct spot_run_doc *
last_said(const struct work *w)
{
	const struct spot_run_doc *list = w->spot.said.items;

	return w->spot.said.count > 0 ? &list[w->spot.said.count - 1] : NULL;
}

static void
say(struct arena *a, struct work *w, enum spot_run_state state, uint32_t at)
{
	const struct spot_run_doc *last = last_said(w);
	size_t keep = MIN(w->spot.said.count, (size_t)STATEMENTS_KEPT - 1);
	struct spot_run_doc *list = arena_alloc(a, (keep + 1) * sizeof(*list));

	if (keep > 0)
		memcpy(list, last - (keep - 1), keep * sizeof(*list));
	list[keep] =
		(struct spot_run_doc){ .terms = { .lease = w->hash,
						  .seq = last != NULL ? last->terms.seq + 1 : 1,
						  .state = state,
						  .at = at } };
	w->spot.said = (struct json_list){ list, keep + 1 };
}

/* ------------------------------------------------------------------ */
/* One lease.                                                           */

void
spot_enter(const struct agent *g, struct work *w)
{
	const struct spot_pool *p;

	if (!w->award.group.interruptible || (p = spot_pool_for(g, &w->award.group)) == NULL)
		return;
	w->spot.class = p->class;
	w->spot.units = pool_units(p->class, &w->award.group);
	w->spot.due.free_s = g->spot_free_s;
}

/* Of the whole lease, never above its maximum. */
static struct rate
rate_at(const struct work *w, const struct spot_pool *p, uint32_t at)
{
	struct rate rate = pool_rate(spot_price_at(p, at), w->spot.units);

	return rate_cmp(rate, w->terms.rate) < 0 ? rate : w->terms.rate;
}

void
spot_advance(const struct agent *g, struct work *w, uint32_t now)
{
	const struct spot_pool *p;

	if (!is_spot(w) || (p = spot_pool_for(g, &w->award.group)) == NULL)
		return;
	if (p->price.number != 0 && now >= p->price.at && w->spot.number < p->price.number) {
		spot_due_rate(&w->spot.due, rate_at(w, p, p->price.at), p->price.at);
		w->spot.number = p->price.number;
	}
}

/* Before we know the price that stands, nothing begins: the next reading is soon. */
static void
begin(const struct agent *g, struct arena *a, struct work *w, uint32_t at)
{
	const struct spot_pool *p = spot_pool_for(g, &w->award.group);

	if (p == NULL || p->price.number == 0)
		return;
	w->spot.due.rate = rate_at(w, p, at);
	spot_due_begin(&w->spot.due, at);
	say(a, w, SPOT_RUN_BEGUN, at);
}

void
spot_turn(const struct agent *g, struct arena *a, struct work *w, enum dues want, uint32_t now)
{
	if (!is_spot(w))
		return;
	if (want == DUES_RUN && w->spot.due.from == 0) {
		begin(g, a, w, now);
	} else if (want == DUES_PAUSE && w->spot.due.from != 0) {
		uint32_t at = w->spot.interrupted ? MIN(w->spot.since, now) : now;

		spot_due_end(&w->spot.due, at, w->spot.interrupted);
		say(a, w, w->spot.interrupted ? SPOT_RUN_INTERRUPTED : SPOT_RUN_PAUSED, at);
	}
}

/* In the book before the containers hear of it; the reading that follows ends the run. */
static void
interrupt(struct agent *g, const struct hash *lease, const char *why)
{
	struct err e = ERR_NONE;
	char text[ID_TEXT_SIZE];
	struct arena a;
	struct work w;

	arena_init(&a, 0);
	if (book_get(g->book, &a, lease, &w, &e) == 1 && is_spot(&w) && !w.spot.interrupted &&
	    w.state == WORK_RUNNING && !w.released) {
		w.spot.interrupted = true;
		w.spot.since = seconds_now();
		if (book_put(g->book, &w, &e) < 0)
			log_warn("book.failed", "error=\"%s\"", e.text);
		log_info("lease.interrupted", "lease=%s why=%s notice_s=%u",
			 id_text(ID_LEASE, &w.id, text), why, g->settings->spot.notice_s);
		meter_read(g, &w);
	}
	arena_release(&a);
}

int64_t
spot_notice_us(const struct agent *g, const struct work *w)
{
	return is_spot(w) && w->spot.interrupted ? g->settings->spot.notice_s * SECOND_US : 0;
}

/* ------------------------------------------------------------------ */
/* Who goes.                                                            */

static bool
can_go(const struct work *w)
{
	return is_spot(w) && w->state == WORK_RUNNING && !w->spot.interrupted && !w->released &&
	       w->spot.due.from != 0;
}

static struct spot_run *
runs_of(struct arena *a, const struct work *works, size_t count, size_t *n)
{
	struct spot_run *runs = arena_alloc(a, (count + 1) * sizeof(*runs));

	*n = 0;
	for (size_t i = 0; i < count; i++)
		if (can_go(&works[i]))
			runs[(*n)++] = (struct spot_run){
				.id = works[i].hash,
				.max = pool_max(works[i].terms.rate, works[i].spot.units),
				.units = works[i].spot.units,
				.incumbent = true,
				.started_ms = (uint64_t)works[i].spot.due.from * 1000,
				.runs = true
			};
	return runs;
}

static const struct work *
work_of(const struct work *works, size_t count, const struct hash *lease)
{
	for (size_t i = 0; i < count; i++)
		if (hash_equal(&works[i].hash, lease))
			return &works[i];
	return NULL;
}

/* The room beside firm leases and the runs that stay. */
static void
take_staying(struct room *room, const struct spot_run *runs, size_t n, const struct work *works,
	     size_t count)
{
	for (size_t i = 0; i < n; i++) {
		const struct work *w = work_of(works, count, &runs[i].id);

		if (runs[i].runs)
			room_take_lease(room, &w->award.group, &w->gpus);
	}
}

/* Pushes them out in their turn, the lowest maximum first, until it fits. */
const char *
spot_make_room(struct agent *g, struct arena *a, const struct address *tenant,
	       const struct group *group, const struct json_strs *models, struct json_strs *devices)
{
	struct err e = ERR_NONE;
	struct work *works;
	struct spot_run *runs;
	const char *why;
	size_t count, n;
	uint32_t back = 0, units = 0;

	if (book_live(g->book, a, &works, &count, &e) < 0)
		return "capacity";
	runs = runs_of(a, works, count, &n);
	for (;;) {
		struct room room;

		if (agent_room(g, a, tenant, group, &room, &e) < 0)
			return "capacity";
		take_staying(&room, runs, n, works, count);
		why = room_fit_models(a, &room, group, models, devices);
		if (why == NULL)
			break;
		for (size_t i = 0; i < n; i++)
			runs[i].runs = true;
		units = back + 1;
		back = spot_reclaim(runs, n, units);
		if (back < units)
			return why;
	}
	for (size_t i = 0; i < n; i++)
		if (!runs[i].runs)
			interrupt(g, &runs[i].id, "firm");
	return NULL;
}

/* ------------------------------------------------------------------ */
/* What is physically here.                                             */

static bool
is_up(const struct agent *g, const struct work *w)
{
	const struct live *l = live_find(g, &w->hash);
	wall_t since;

	if (w->state != WORK_RUNNING || w->released || !is_spot(w) ||
	    (spells_now(&w->spells, &since) != DUES_PAUSE && !w->spot.interrupted))
		return true;
	for (uint32_t i = 0; i < w->unit_count; i++)
		if (l == NULL ||
		    (w->units[i].role != UNIT_NONE &&
		     unit_want_paused(&l->units[i].life, w->units[i].role, clock_mono()) !=
			     UNIT_NOTHING) ||
		    l->units[i].life.state == UNIT_WORKING)
			return true;
	return false;
}

static bool
shares_device(const struct json_strs *a, const struct json_strs *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < b->count; k++)
			if (strcmp(a->items[i], b->items[k]) == 0)
				return true;
	return false;
}

bool
spot_is_crowded(struct agent *g, struct arena *a, const struct work *w)
{
	const struct resources *most = &g->settings->capacity;
	struct resources sum = group_total(&w->award.group);
	struct err e = ERR_NONE;
	struct work *works;
	bool leaving = false;
	size_t count;

	if (g->spot == NULL || g->spot->count == 0 || book_live(g->book, a, &works, &count, &e) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct resources need = group_total(&works[i].award.group);

		if (hash_equal(&works[i].hash, &w->hash) || !is_up(g, &works[i]))
			continue;
		if (works[i].spot.interrupted) {
			leaving = true;
			if (shares_device(&works[i].gpus, &w->gpus))
				return true;
		}
		resources_add(&sum, &need);
	}
	return leaving &&
	       (sum.cpu_milli > most->cpu_milli || sum.memory_bytes > most->memory_bytes);
}

/* ------------------------------------------------------------------ */
/* Bids.                                                                */

const char *
spot_appraise(struct agent *g, struct arena *a, const struct group *group, const struct hash *order,
	      struct pricing *p)
{
	const struct spot_pool *pool = spot_pool_for(g, group);
	uint32_t free, units;
	struct err e = ERR_NONE;

	if (pool == NULL)
		return "resources";
	units = pool_units(pool->class, group);
	if (pool->price.number == 0 || spot_free_units(g, a, pool, order, NULL, &free, &e) < 0 ||
	    units > free)
		return "capacity";
	p->floor = p->list = pool_rate(spot_price_at(pool, seconds_now()), units);
	return NULL;
}

/* ------------------------------------------------------------------ */
/* After an auction, and between two.                                   */

/* Who has no place any more goes; who has one comes in at the next look. */
static void
obey(struct agent *g, struct arena *a, const struct spot_price_doc *doc)
{
	const struct pool_run *runs = doc->auction.runs.items;
	struct err e = ERR_NONE;
	struct work *works;
	size_t count;

	if (book_live(g->book, a, &works, &count, &e) < 0)
		return;
	for (size_t i = 0; i < doc->auction.runs.count; i++) {
		const struct work *w = work_of(works, count, &runs[i].id);

		if (w != NULL && !runs[i].runs && can_go(w))
			interrupt(g, &w->hash, "outbid");
	}
}

/* Several prices may come at once, after we were away: each counts for its time. */
static void
bring_up(struct agent *g, struct arena *a, const struct spot_pool *p, uint32_t until)
{
	struct err e = ERR_NONE;
	struct work *works;
	size_t count;

	if (p->price.number == 0 || p->price.at >= until ||
	    book_live(g->book, a, &works, &count, &e) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct work *w = &works[i];
		uint64_t number = w->spot.number;

		if (!is_spot(w) || strcmp(w->spot.class, p->class) != 0)
			continue;
		spot_advance(g, w, until - 1);
		if (w->spot.number != number && book_put(g->book, w, &e) < 0)
			log_warn("book.failed", "error=\"%s\"", e.text);
	}
}

/* The market's word is taken only if the auction, computed again, says the same. */
static int
price_take(struct agent *g, struct arena *a, const char *data, bool now,
	   const struct spot_pool **taken, struct err *e)
{
	struct spot_price_doc doc = { .sig = { { 0 } } };
	struct spot_pool *p = NULL;

	if (json_decode(a, data, strlen(data), spot_price_doc_fields, &doc, e) < 0)
		return -1;
	if (!address_equal(&doc.terms.provider, &g->self))
		return 0;
	for (size_t i = 0; i < g->spot->count; i++)
		if (strcmp(g->spot->pools[i].class, doc.auction.pool.class) == 0)
			p = &g->spot->pools[i];
	if (p == NULL || doc.terms.number <= p->price.number)
		return 0;
	if (pool_price_check(a, &g->domain, &g->market, &doc, e) < 0)
		return -1;
	bring_up(g, a, p, doc.terms.at);
	p->before = p->price.number != 0 ? spot_price_at(p, doc.terms.at - 1) : doc.terms.price;
	p->price = doc.terms;
	p->place_count = 0;
	for (size_t i = 0; i < doc.auction.runs.count; i++) {
		const struct pool_run *r = (const struct pool_run *)doc.auction.runs.items + i;

		if (!r->runs)
			continue;
		p->place_units[p->place_count] = r->units;
		p->places[p->place_count++] = r->id;
	}
	*taken = p;
	if (now)
		obey(g, a, &doc);
	return 0;
}

static const char *
note_name(struct arena *a, const struct spot_pool *p)
{
	return arena_printf(a, "spot_price %s", p->class);
}

void
spot_priced(struct agent *g, const char *data)
{
	const struct spot_pool *taken = NULL;
	struct err e = ERR_NONE;
	struct arena a;

	if (g->spot == NULL || g->spot->count == 0)
		return;
	arena_init(&a, 0);
	if (price_take(g, &a, data, true, &taken, &e) < 0)
		log_warn("pool.price_refused", "error=\"%s\"", e.text);
	if (taken != NULL) {
		if (book_note(g->book, note_name(&a, taken), data, &e) < 0)
			log_warn("book.failed", "error=\"%s\"", e.text);
		timer_poke(g->run_timer);
	}
	arena_release(&a);
}

static int
compare_waiting(const void *left, const void *right)
{
	const struct work *a = left, *b = right;
	struct rate ma = pool_max(a->terms.rate, a->spot.units),
		    mb = pool_max(b->terms.rate, b->spot.units);

	if (rate_cmp(ma, mb) != 0)
		return -rate_cmp(ma, mb);
	return a->spot.since < b->spot.since ? -1 : a->spot.since > b->spot.since;
}

static bool
may_come_in(struct agent *g, struct arena *a, const struct work *w)
{
	const struct spot_pool *p = spot_pool_for(g, &w->award.group);
	struct spot_run run = { .max = pool_max(w->terms.rate, w->spot.units),
				.units = w->spot.units };
	struct json_strs devices;
	struct err e = ERR_NONE;
	uint32_t free;

	return p != NULL && p->price.number != 0 &&
	       spot_free_units(g, a, p, &w->hash, &w->hash, &free, &e) == 0 &&
	       spot_admits(&run, free, spot_price_at(p, seconds_now())) &&
	       work_may_return(g, a, w, &devices, &e) == 1 && !spot_is_crowded(g, a, w);
}

/* The highest maximum first; one that does not fit does not hold up the others. */
void
spot_admit(struct agent *g, struct arena *a)
{
	struct err e = ERR_NONE;
	struct work *works;
	char text[ID_TEXT_SIZE];
	size_t count, n = 0;
	wall_t since;

	if (book_live(g->book, a, &works, &count, &e) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!is_spot(&works[i]) || works[i].state != WORK_RUNNING || works[i].released ||
		    works[i].spot.due.from != 0)
			continue;
		/* It has come up: its run begins with a reading, and may be interrupted. */
		if (!works[i].spot.interrupted && spells_now(&works[i].spells, &since) == DUES_RUN)
			meter_read(g, &works[i]);
		else if (works[i].spot.interrupted &&
			 strcmp(works[i].award.group.on_interrupt, "pause") == 0)
			works[n++] = works[i];
	}
	qsort(works, n, sizeof(*works), compare_waiting);
	for (size_t i = 0; i < n; i++) {
		struct work *w = &works[i];

		if (is_up(g, w) || !may_come_in(g, a, w))
			continue;
		w->spot.interrupted = false;
		if (book_put(g->book, w, &e) < 0)
			log_warn("book.failed", "error=\"%s\"", e.text);
		log_info("lease.admitted", "lease=%s", id_text(ID_LEASE, &w->id, text));
		meter_read(g, w);
	}
}

/* The prices that stood when we went down. */
void
spot_recall(struct agent *g, struct arena *a)
{
	const struct spot_pool *taken;

	for (size_t i = 0; i < g->spot->count; i++) {
		const char *noted = book_noted(g->book, a, note_name(a, &g->spot->pools[i]));
		struct err e = ERR_NONE;

		if (noted != NULL && price_take(g, a, noted, false, &taken, &e) < 0)
			log_warn("pool.price_refused", "error=\"%s\"", e.text);
	}
}

/* ------------------------------------------------------------------ */

void
spot_show(struct jsonw *out, const struct agent *g, const struct work *w)
{
	const struct spot_pool *p = spot_pool_for(g, &w->award.group);
	char text[AMOUNT_TEXT_SIZE];

	if (!is_spot(w))
		return;
	jsonw_name(out, "spot");
	jsonw_open(out, '{');
	jsonw_member(out, "class", "%s", w->spot.class);
	jsonw_name(out, "units");
	jsonw_int(out, w->spot.units);
	jsonw_member(out, "state", "%s",
		     w->spot.interrupted     ? "interrupted"
		     : w->spot.due.from != 0 ? "running"
					     : "waiting");
	jsonw_member(out, "max", "%s",
		     u128_text(pool_max(w->terms.rate, w->spot.units).nano, text));
	if (p != NULL && p->price.number != 0)
		jsonw_member(out, "price", "%s",
			     u128_text(spot_price_at(p, seconds_now()).nano, text));
	jsonw_name(out, "notice_s");
	jsonw_int(out, g->settings->spot.notice_s);
	jsonw_name(out, "free_s");
	jsonw_int(out, w->spot.due.free_s);
	jsonw_name(out, "runs");
	jsonw_open(out, '[');
	for (size_t i = 0; i < w->spot.said.count; i++)
		json_write(out, spot_run_doc_fields,
			   (const struct spot_run_doc *)w->spot.said.items + i);
	jsonw_close(out, ']');
	jsonw_close(out, '}');
}
