/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/tick.h"

#include <assert.h>

#include "lease/entry.h"
#include "lease/spread.h"

#define UNIT	 10000u
#define INFINITE (~(u128)0)

/* One order on its way through the tick. */
struct auction {
	const struct tick_order *o;
	struct tick_outcome *out;
	bool matched; /* something does, whether or not it fits */
	/* together: what fitted at the tick's start, best first */
	struct demand demand;
	struct entry *entries;
	size_t count;
	/* best, the next of another owner, best newcomer, as of now; NULL: none any more */
	struct entry *w, *x, *q;
	struct entry *x_of; /* the w that x is after */
	/* spread */
	struct demand row_demand[TICK_ROWS_MAX];
	struct spread_row rows[TICK_ROWS_MAX];
	size_t row_count;
	struct spread_award award;
	bool feasible;
	unsigned assigned_at; /* the tick's version then, plus one */
};

struct tick {
	struct arena *a;
	const struct tick_offer *offers;
	size_t offer_count;
	unsigned *version; /* per offer: how often its nodes were taken from */
	unsigned versions; /* of all */
	struct auction *auctions;
	struct auction **waiting; /* by id */
	struct entry *scratch;	  /* room for the entries of one order */
	struct place *places;	  /* and to sort them */
	size_t waiting_count;
};

/* ------------------------------------------------------------------ */
/* Capacity.                                                           */

/* Capacity only falls within a tick: one copy that does not fit never fits again.
 * Several may: first fit goes by what is left, and with less it can go better. */
static bool
fits_now(const struct tick *t, const struct demand *d, struct entry *e)
{
	const struct tick_offer *f;

	if (e->kind == TICK_BID || e->seen == t->version[e->index] + 1 ||
	    (!e->fits && d->count == 1))
		return e->fits;
	f = &t->offers[e->index];
	e->fits = demand_fits(d, f->nodes, f->offer->nodes.count, entry_model(t->offers, e));
	e->seen = t->version[e->index] + 1;
	return e->fits;
}

static void
take(struct tick *t, const struct demand *d, const struct entry *e, struct tick_pick *pick)
{
	const struct tick_offer *f = &t->offers[e->index];
	bool placed;

	if (e->kind != TICK_OFFER)
		return;
	pick->nodes = arena_alloc(t->a, (d->count + 1) * sizeof(*pick->nodes));
	pick->node_count = d->count;
	placed = demand_place(d, f->nodes, f->offer->nodes.count, entry_model(t->offers, e),
			      pick->nodes);
	assert(placed);
	(void)placed;
	t->version[e->index]++;
	t->versions++;
}

/* ------------------------------------------------------------------ */
/* The start: who takes part in which order.                            */

/* Of an owner's sealed and standing bids the lower one takes part. */
static void
join_bids(struct entry *entries, size_t standing, size_t count)
{
	for (size_t b = standing; b < count; b++) {
		u128 own = INFINITE;

		for (size_t i = 0; i < standing; i++)
			if (address_equal(entries[i].owner, entries[b].owner))
				own = MIN(own, entries[i].key);
		if (own < entries[b].key) {
			entries[b].dropped = true;
			continue;
		}
		for (size_t i = 0; i < standing; i++)
			if (address_equal(entries[i].owner, entries[b].owner))
				entries[i].dropped = true;
	}
}

static uint8_t *
reason_at(const struct auction *a, const struct entry *e)
{
	assert(e != NULL);
	return e->kind == TICK_BID ? &a->out->bid_reasons[e->index]
				   : &a->out->offer_reasons[e->index];
}

static void
give_reason(const struct auction *a, const struct entry *e, enum tick_reason reason)
{
	uint8_t *at = reason_at(a, e);

	*at = MAX(*at, (uint8_t)reason);
}

static void
add_bids(struct auction *a, struct entry *entries, size_t *n)
{
	for (size_t i = 0; i < a->o->bid_count; i++) {
		enum tick_reason why;

		if (entry_bid(a->o, i, &entries[*n], &why))
			(*n)++;
		a->out->bid_reasons[i] = (uint8_t)why;
	}
}

/* Keeps those that hold `keep`, in their order. */
static size_t
keep_undropped(const struct auction *a, struct entry *entries, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (entries[i].dropped)
			give_reason(a, &entries[i], REASON_OUTRANKED);
		else
			entries[kept++] = entries[i];
	return kept;
}

/* And the best newcomer, if there is any: usually there is none. */
static void
write_ranking(struct tick *t, struct auction *a)
{
	struct tick_outcome *out = a->out;

	out->ranking = arena_alloc(t->a, (a->count + 1) * sizeof(*out->ranking));
	out->rank_count = a->count;
	for (size_t i = 0; i < a->count; i++) {
		struct entry *e = &a->entries[i];

		if (!e->sets_prices && a->q == NULL)
			a->q = e;
		out->ranking[i] = (struct tick_rank){ .kind = e->kind,
						      .index = e->index,
						      .model = e->model,
						      .sets_prices = e->sets_prices,
						      .floor = e->floor,
						      .list = e->list,
						      .effective = e->key };
	}
}

static void
begin_together(struct tick *t, struct auction *a)
{
	size_t standing = 0, fitting = 0, n;
	struct entry *entries = t->scratch;

	if (a->o->group != NULL) {
		demand_group(t->a, a->o->group, &a->demand);
		entry_match(a->o, &a->demand, t->offers, t->offer_count, a->out->offer_reasons);
		standing = entry_offers(a->o, &a->demand, t->offers, t->offer_count,
					a->out->offer_reasons, entries);
	}
	for (size_t i = 0; i < standing; i++) {
		entries[i].fits = true;
		give_reason(a, &entries[i], REASON_CAPACITY);
		if (fits_now(t, &a->demand, &entries[i]))
			entries[fitting++] = entries[i];
	}
	n = fitting;
	add_bids(a, entries, &n);
	a->matched = standing > 0 || n > fitting;
	join_bids(entries, fitting, n);
	a->count = keep_undropped(a, entries, n);
	a->entries = entry_rank(t->a, a->o, entries, a->count, t->places);
	a->w = a->entries;
	write_ranking(t, a);
}

static int
compare_services(const void *left, const void *right)
{
	const struct group_service *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

static bool
is_taken(const struct tick_order *o, const struct offer *f)
{
	for (size_t i = 0; i < o->taken_count; i++) {
		const struct tick_taken *t = &o->taken[i];

		if (o->spread == SPREAD_REGION	? strcmp(t->region, f->region) == 0
		    : o->spread == SPREAD_OWNER ? address_equal(&t->owner, &f->owner)
						: address_equal(&t->provider, &f->provider))
			return true;
	}
	return false;
}

static void
begin_row(struct tick *t, struct auction *a, const struct group_service *s)
{
	struct demand *d = &a->row_demand[a->row_count];
	struct spread_row *row = &a->rows[a->row_count++];
	uint8_t *why = arena_alloc(t->a, t->offer_count + 1);

	demand_copy(t->a, s, d);
	entry_match(a->o, d, t->offers, t->offer_count, why);
	for (size_t i = 0; i < t->offer_count; i++)
		if (why[i] == OFFER_MATCHES && is_taken(a->o, t->offers[i].offer))
			why[i] = OFFER_TAKEN;
	row->count = entry_offers(a->o, d, t->offers, t->offer_count, why, t->scratch);
	row->entries = arena_copy(t->a, t->scratch, (row->count + 1) * sizeof(struct entry));
	for (size_t i = 0; i < row->count; i++) {
		row->entries[i].fits = true;
		give_reason(a, &row->entries[i],
			    row->entries[i].sets_prices ? REASON_CAPACITY : REASON_NEWCOMER);
	}
	for (size_t i = 0; i < t->offer_count; i++)
		if (a->row_count == 1 || why[i] == OFFER_MATCHES)
			a->out->offer_reasons[i] = MAX(a->out->offer_reasons[i], why[i]);
}

static void
begin_spread(struct tick *t, struct auction *a)
{
	const struct group *g = a->o->group;
	const struct group_service *all = g->services.items;
	const struct group_service **by_name =
		arena_alloc(t->a, (g->services.count + 1) * sizeof(*by_name));
	size_t copies = 0;

	for (size_t i = 0; i < g->services.count; i++) {
		by_name[i] = &all[i];
		copies += all[i].count;
	}
	qsort(by_name, g->services.count, sizeof(*by_name), compare_services);
	if (copies > TICK_ROWS_MAX)
		return; /* the API refuses such an order; no row, hence no offer */
	for (size_t i = 0; i < g->services.count; i++)
		for (uint32_t k = 0; k < by_name[i]->count; k++)
			begin_row(t, a, by_name[i]);
	a->matched = a->row_count > 0;
	for (size_t r = 0; r < a->row_count; r++) {
		bool some = false;

		for (size_t i = 0; i < a->rows[r].count && !some; i++)
			some = a->rows[r].entries[i].sets_prices;
		a->matched = a->matched && some;
	}
}

static void
begin(struct tick *t, struct auction *a, const struct tick_order *o, struct tick_outcome *out)
{
	*a = (struct auction){ .o = o, .out = out };
	*out = (struct tick_outcome){ .end = TICK_NO_OFFER };
	out->offer_reasons = arena_alloc(t->a, t->offer_count + 1);
	out->bid_reasons = arena_alloc(t->a, o->bid_count + 1);
	if (o->spread != SPREAD_NONE && o->group != NULL)
		begin_spread(t, a);
	else
		begin_together(t, a);
}

/* ------------------------------------------------------------------ */
/* One look at an order: what it would lose by coming later.            */

static struct entry *
next_fitting(const struct tick *t, struct auction *a, struct entry *from, bool sets_prices,
	     const struct address *not_of)
{
	struct entry *end = a->entries + a->count;

	for (struct entry *e = from; e < end; e++)
		if (e->sets_prices == sets_prices &&
		    (not_of == NULL || !address_equal(e->owner, not_of)) &&
		    fits_now(t, &a->demand, e))
			return e;
	return NULL;
}

/* false: the order leaves. */
static bool
look_together(struct tick *t, struct auction *a, u128 *regret)
{
	/* The places only move on: one copy that does not fit now never will in this tick. */
	if (a->demand.count != 1) {
		a->w = a->q = a->entries;
		a->x_of = NULL;
	}
	if (a->w != NULL)
		a->w = next_fitting(t, a, a->w, true, NULL);
	if (a->q != NULL)
		a->q = next_fitting(t, a, a->q, false, NULL);
	if (a->w == NULL && a->q == NULL)
		return false;
	*regret = 0;
	if (a->w == NULL)
		return true;
	if (a->x_of != a->w)
		a->x = next_fitting(t, a, a->w + 1, true, a->w->owner);
	else if (a->x != NULL)
		a->x = next_fitting(t, a, a->x, true, a->w->owner);
	a->x_of = a->w;
	*regret = a->x != NULL ? a->x->key - a->w->key : a->w->key / 2;
	return true;
}

static bool
look_spread(struct tick *t, struct auction *a, u128 *regret)
{
	if (a->assigned_at != t->versions + 1) {
		for (size_t r = 0; r < a->row_count; r++)
			for (size_t i = 0; i < a->rows[r].count; i++)
				fits_now(t, &a->row_demand[r], &a->rows[r].entries[i]);
		a->feasible =
			a->row_count > 0 && spread_assign(a->o, a->rows, a->row_count, &a->award);
		a->assigned_at = t->versions + 1;
	}
	*regret = 0;
	for (size_t r = 0; a->feasible && r < a->row_count; r++)
		*regret += a->award.price[r].nano - a->award.winner[r]->floor.nano;
	return a->feasible;
}

/* ------------------------------------------------------------------ */
/* The turn of an order.                                               */

static struct tick_pick
pick_of(const struct entry *e, struct rate price)
{
	assert(e != NULL);
	return (struct tick_pick){
		.kind = e->kind, .index = e->index, .model = e->model, .price = price
	};
}

/* The lowest peff after w, of another owner, as the list stood at the start. None is
 * below its key, and keys rise. */
static const struct entry *
runner_up(const struct auction *a)
{
	const struct entry *r = NULL;

	for (const struct entry *e = a->w + 1; e < a->entries + a->count; e++) {
		if (r != NULL && e->key >= r->peff)
			break;
		if (e->sets_prices && !address_equal(e->owner, a->w->owner) &&
		    (r == NULL || e->peff < r->peff))
			r = e;
	}
	return r;
}

static struct rate
runner_up_price(struct auction *a)
{
	const struct entry *r = runner_up(a);
	struct rate p = a->w->list;

	if (r != NULL) {
		u128 bound = r->peff * UNIT / a->w->weight;

		if (bound < p.nano) {
			p.nano = bound;
			a->out->setter = pick_of(r, (struct rate){ bound });
		}
	}
	p.nano = MAX(p.nano, a->w->floor.nano);
	return p;
}

static void
explain(struct tick *t, struct auction *a, const struct entry *winner)
{
	for (size_t i = 0; i < a->count; i++) {
		struct entry *e = &a->entries[i];

		if (e == winner)
			give_reason(a, e,
				    a->out->end == TICK_ABOVE_MAX ? REASON_ABOVE_MAX : REASON_WON);
		else if (winner == NULL || !fits_now(t, &a->demand, e))
			give_reason(a, e, REASON_CAPACITY);
		else if (address_equal(e->owner, winner->owner))
			give_reason(a, e, REASON_OUTRANKED);
		else
			give_reason(a, e, REASON_DEARER);
	}
}

static void
decide_together(struct tick *t, struct auction *a)
{
	struct tick_outcome *out = a->out;
	struct entry *winner = a->w;

	if (a->w != NULL)
		out->price = runner_up_price(a);
	if (a->q != NULL && (a->w == NULL || a->q->key < entry_weigh(out->price, a->w->weight))) {
		winner = a->q;
		out->price = a->q->list;
		out->setter = (struct tick_pick){ .kind = TICK_NOBODY };
	}
	out->end = a->o->manual				    ? TICK_RANKED
		   : rate_cmp(out->price, a->o->max[0]) > 0 ? TICK_ABOVE_MAX
							    : TICK_AWARDED;
	explain(t, a, winner);
	out->picks = ARENA_NEW(t->a, struct tick_pick);
	out->pick_count = 1;
	out->picks[0] = pick_of(winner, out->price);
	if (out->end == TICK_AWARDED)
		take(t, &a->demand, winner, &out->picks[0]);
}

static void
explain_spread(struct auction *a, enum tick_reason winners)
{
	for (size_t r = 0; r < a->row_count; r++)
		for (size_t i = 0; i < a->rows[r].count; i++) {
			struct entry *e = &a->rows[r].entries[i];

			if (e->fits && e->sets_prices)
				give_reason(a, e, REASON_DEARER);
		}
	for (size_t r = 0; r < a->row_count; r++)
		give_reason(a, a->award.winner[r], winners);
}

static void
decide_spread(struct tick *t, struct auction *a)
{
	struct tick_outcome *out = a->out;
	bool above = false;

	out->picks = arena_alloc(t->a, a->row_count * sizeof(*out->picks));
	out->pick_count = a->row_count;
	for (size_t r = 0; r < a->row_count; r++) {
		out->picks[r] = pick_of(a->award.winner[r], a->award.price[r]);
		out->price.nano += a->award.price[r].nano;
		above = above || rate_cmp(a->award.price[r], a->o->max[r]) > 0;
	}
	out->end = a->o->manual ? TICK_RANKED : above ? TICK_ABOVE_MAX : TICK_AWARDED;
	explain_spread(a, above && !a->o->manual ? REASON_ABOVE_MAX : REASON_WON);
	for (size_t r = 0; r < a->row_count && out->end == TICK_AWARDED; r++)
		take(t, &a->row_demand[r], a->award.winner[r], &out->picks[r]);
}

static void
leave(struct tick *t, struct auction *a)
{
	a->out->end = a->matched ? TICK_NO_CAPACITY : TICK_NO_OFFER;
	if (a->row_count == 0)
		explain(t, a, NULL);
	for (size_t r = 0; r < a->row_count; r++)
		for (size_t i = 0; i < a->rows[r].count; i++) {
			struct entry *e = &a->rows[r].entries[i];

			if (e->fits && e->sets_prices)
				give_reason(a, e, REASON_SPREAD);
		}
}

/* ------------------------------------------------------------------ */
/* The tick.                                                           */

static int
compare_ids(const void *left, const void *right)
{
	const struct auction *const *a = left, *const *b = right;

	return memcmp((*a)->o->id.b, (*b)->o->id.b, sizeof((*a)->o->id.b));
}

/* Looks at all that wait; those that cannot be served leave. Returns the one whose
 * turn it is, or NULL. */
static size_t
next_turn(struct tick *t)
{
	size_t kept = 0, best = SIZE_MAX;
	u128 most = 0;

	for (size_t i = 0; i < t->waiting_count; i++) {
		struct auction *a = t->waiting[i];
		u128 regret = 0;
		bool stays = a->o->spread != SPREAD_NONE && a->o->group != NULL
				     ? look_spread(t, a, &regret)
				     : look_together(t, a, &regret);

		if (!stays) {
			leave(t, a);
			continue;
		}
		if (a->o->retry)
			regret = INFINITE;
		if (best == SIZE_MAX || regret > most) {
			most = regret;
			best = kept;
		}
		t->waiting[kept++] = a;
	}
	t->waiting_count = kept;
	return best;
}

void
tick_clear(struct arena *a, const struct tick_order *orders, size_t order_count,
	   const struct tick_offer *offers, size_t offer_count, struct tick_outcome *out)
{
	struct tick t = { .a = a, .offers = offers, .offer_count = offer_count };
	size_t turn, bids = 0, most;

	for (size_t i = 0; i < order_count; i++)
		bids = MAX(bids, orders[i].bid_count);
	most = entry_most(offers, offer_count) + bids;
	t.scratch = arena_alloc(a, (most + 1) * sizeof(*t.scratch));
	t.places = entry_places(a, most);
	t.version = arena_alloc(a, (offer_count + 1) * sizeof(*t.version));
	t.auctions = arena_alloc(a, (order_count + 1) * sizeof(*t.auctions));
	t.waiting = arena_alloc(a, (order_count + 1) * sizeof(*t.waiting));
	for (size_t i = 0; i < order_count; i++) {
		begin(&t, &t.auctions[i], &orders[i], &out[i]);
		t.waiting[i] = &t.auctions[i];
	}
	t.waiting_count = order_count;
	qsort(t.waiting, order_count, sizeof(*t.waiting), compare_ids);
	while ((turn = next_turn(&t)) != SIZE_MAX) {
		struct auction *now = t.waiting[turn];

		if (now->row_count > 0)
			decide_spread(&t, now);
		else
			decide_together(&t, now);
		memmove(&t.waiting[turn], &t.waiting[turn + 1],
			(t.waiting_count - turn - 1) * sizeof(struct auction *));
		t.waiting_count--;
	}
}

/* ------------------------------------------------------------------ */
/* Weights, standing, afterwards.                                       */

uint32_t
tick_failures_bp(uint32_t launches, uint32_t failures)
{
	uint64_t f = (uint64_t)UNIT * ((uint64_t)failures + 1) / ((uint64_t)launches + 20);

	return (uint32_t)MIN(f, (uint64_t)UINT32_MAX);
}

uint32_t
tick_weight(uint32_t launches, uint32_t failures, uint32_t care_hours)
{
	uint64_t weight =
		UNIT + (uint64_t)MIN(care_hours, 4u) * tick_failures_bp(launches, failures);

	return (uint32_t)MIN(MAX(weight, (uint64_t)8000), (uint64_t)20000);
}

bool
offer_sets_prices(const struct offer_standing *s, const struct standing_rules *r)
{
	return s->bonded && s->in_book_s >= r->in_book_s &&
	       tick_failures_bp(s->launches, s->failures) < r->failures_bp_max &&
	       s->class_launches >= r->class_launches;
}

enum tick_next
tick_after(enum tick_end end, uint64_t first_ms, uint64_t at_ms, uint32_t ttl_s, uint32_t failures)
{
	if (failures >= TICK_FAILURES_MAX)
		return NEXT_GIVE_UP;
	if (end == TICK_AWARDED)
		return NEXT_AWARDED;
	if (end == TICK_RANKED)
		return NEXT_CHOOSE;
	return at_ms < first_ms || at_ms - first_ms < (uint64_t)ttl_s * 1000 ? NEXT_STAY
									     : NEXT_UNFILLED;
}

const char *
tick_end_name(enum tick_end end)
{
	static const char *const names[] = { "awarded",	 "ranked",	"above_max",
					     "no_offer", "no_capacity", "incomplete" };

	return names[end];
}

const char *
tick_reason_name(enum tick_reason reason)
{
	static const char *const names[] = { "capacity", "newcomer",  "spread",	   "invalid",
					     "dearer",	 "outranked", "above_max", "won" };

	if (reason < REASON_CAPACITY)
		return offer_match_name((enum offer_match)reason);
	return names[reason - REASON_CAPACITY];
}
