/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hours of a market: orders arrive, run and end. Runner-up ticks, an open first price
 * among price scripts, and the same with what losing bids hold meanwhile (20 bids
 * an order, held 32 s until the tenant has chosen, 60 s when it takes none).
 * An order that nobody takes asks again every 5 s for 60 s, but there.
 */
#include <math.h>

#include "tests/bench/auction.h"

enum { BIDS_AKASH = 20 };

struct event {
	double at;
	int kind; /* 0: give back; 1: ask */
	size_t provider, node, wish;
	unsigned tries;
	struct shape shape;
	bool held; /* by a losing bid */
};

struct hours {
	struct world *w;
	const struct market_run *run;
	struct market_result *out;
	struct wish *wishes;
	struct event *heap;
	size_t count, room;
	double welfare, welfare_best, paid[2], reference[2], gpu_cost;
	size_t matched, matchable;
	double now, held_cpu, held_time, last;
};

static void
push(struct hours *h, struct event e)
{
	size_t i;

	if (h->count == h->room) {
		h->room = h->room == 0 ? 4096 : 2 * h->room;
		h->heap = xrealloc(h->heap, h->room * sizeof(*h->heap));
	}
	for (i = h->count++; i > 0 && h->heap[(i - 1) / 2].at > e.at; i = (i - 1) / 2)
		h->heap[i] = h->heap[(i - 1) / 2];
	h->heap[i] = e;
}

static struct event
pop(struct hours *h)
{
	struct event top = h->heap[0], last = h->heap[--h->count];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < h->count; i = child) {
		child += child + 1 < h->count && h->heap[child + 1].at < h->heap[child].at;
		if (h->heap[child].at >= last.at)
			break;
		h->heap[i] = h->heap[child];
	}
	h->heap[i] = last;
	return top;
}

static struct shape
shape_of(const struct wish *s)
{
	struct demand d;
	struct arena a;
	struct shape shape;

	arena_init(&a, 0);
	demand_group(&a, &s->group, &d);
	shape = d.copies[0].need;
	arena_release(&a);
	return shape;
}

static void
give_back(struct hours *h, const struct event *e)
{
	struct shape *f = &h->w->free[e->provider][e->node].free;

	f->cpu_milli += e->shape.cpu_milli;
	f->memory_mib += e->shape.memory_mib;
	f->gpus += e->shape.gpus;
	f->storage_mib[0] += e->shape.storage_mib[0];
	if (e->held)
		h->held_cpu -= e->shape.cpu_milli;
	world_used(h->w, e->provider);
}

static void
lease(struct hours *h, const struct wish *s, size_t i, size_t node, double price)
{
	double cost = wish_cost(h->w, s, i);

	push(h,
	     (struct event){
		     .at = h->now + s->lasts, .provider = i, .node = node, .shape = shape_of(s) });
	world_used(h->w, i);
	if (s->arrives < h->wishes[h->run->orders * 4 / 10].arrives)
		return; /* warming up */
	h->matched++;
	h->welfare += (s->value - cost) * s->lasts;
	h->paid[s->gpu] += price * s->lasts;
	h->reference[s->gpu] += s->reference * s->lasts;
	if (s->gpu)
		h->gpu_cost += cost * s->lasts;
	h->out->profit[i] += (price - cost) * s->lasts;
	h->out->paid[i] += price * s->lasts;
}

static bool
ask_runner_up(struct hours *h, struct wish *s)
{
	struct tick_outcome out;
	struct arena a;
	bool taken;

	arena_init(&a, 0);
	tick_clear(&a, &s->order, 1, h->w->offers, PROVIDERS, &out);
	taken = out.end == TICK_AWARDED;
	if (taken)
		lease(h, s, out.picks[0].index, out.picks[0].nodes[0], (double)out.price.nano);
	arena_release(&a);
	return taken;
}

/* What those who bid and did not win keep for the tenant meanwhile. */
static void
hold(struct hours *h, const struct demand *d, const size_t *bidders, size_t count, size_t winner)
{
	for (size_t k = 0; k < count; k++) {
		size_t i = bidders[k];
		uint32_t node;

		if (i == winner ||
		    !demand_place(d, h->w->free[i], h->w->docs[i].nodes.count,
				  d->gpus > 0 ? h->w->nodes[i][0].model : NULL, &node))
			continue;
		h->held_cpu += d->copies[0].need.cpu_milli;
		push(h, (struct event){ .at = h->now + (winner < PROVIDERS ? 32 : 60),
					.provider = i,
					.node = node,
					.held = true,
					.shape = d->copies[0].need });
	}
}

/* Lowest price of the scripts; in the chain's market the first twenty bid, and hold. */
static bool
ask_first_price(struct hours *h, struct wish *s)
{
	size_t best = PROVIDERS, bids = 0, from = (size_t)(uniform(h->w) * PROVIDERS);
	struct demand d;
	struct arena a;
	uint32_t node = 0;
	size_t bidders[BIDS_AKASH];
	double price = 0;
	struct offer_asker asker = {
		.group = &s->group, .demand = &d, .owner = s->order.owner, .tenant = s->order.tenant
	};

	arena_init(&a, 0);
	demand_group(&a, &s->group, &d);
	for (size_t k = 0; k < PROVIDERS; k++) {
		size_t i = (from + k) % PROVIDERS, n = h->w->docs[i].nodes.count;
		const char *model = d.gpus > 0 ? h->w->nodes[i][0].model : NULL;
		double ask = s->reference * h->w->kappa[i] * h->w->script[i];

		if (offer_matches(&h->w->docs[i], &asker) != OFFER_MATCHES ||
		    !demand_fits(&d, h->w->free[i], n, model))
			continue;
		if (h->run->rule == RULE_AKASH && ++bids > BIDS_AKASH)
			break;
		if (h->run->rule == RULE_AKASH)
			bidders[bids - 1] = i;
		if (best == PROVIDERS || ask < price) {
			best = i;
			price = ask;
		}
	}
	if (best < PROVIDERS && price <= (double)s->max.nano &&
	    demand_place(&d, h->w->free[best], h->w->docs[best].nodes.count,
			 d.gpus > 0 ? h->w->nodes[best][0].model : NULL, &node))
		lease(h, s, best, node, price);
	else
		best = PROVIDERS;
	hold(h, &d, bidders, MIN(bids, (size_t)BIDS_AKASH), best);
	arena_release(&a);
	return best < PROVIDERS;
}

/* With infinite capacity the cheapest that matches would take it. */
static void
count_matchable(struct hours *h, const struct wish *s)
{
	struct demand d;
	double best = 0;
	struct offer_asker asker = {
		.group = &s->group, .demand = &d, .owner = s->order.owner, .tenant = s->order.tenant
	};
	struct arena a;

	arena_init(&a, 0);
	demand_group(&a, &s->group, &d);
	for (size_t i = 0; i < PROVIDERS; i++)
		if (offer_matches(&h->w->docs[i], &asker) == OFFER_MATCHES)
			best = MAX(best, s->value - wish_cost(h->w, s, i));
	arena_release(&a);
	h->matchable += best > 0;
	h->welfare_best += best * s->lasts;
}

static void
ask(struct hours *h, struct event e)
{
	struct wish *s = &h->wishes[e.wish];
	bool taken = h->run->rule == RULE_RUNNER_UP ? ask_runner_up(h, s) : ask_first_price(h, s);

	if (taken || e.tries >= 12 || h->run->rule == RULE_AKASH)
		return;
	e.tries++;
	e.at = h->now + 5;
	push(h, e);
}

void
market_run(struct world *w, const struct market_run *run, uint64_t seed, struct market_result *out)
{
	struct hours h = { .w = w, .run = run, .out = out };
	double mean = run->load * w->cpus / 2.2, at = 0;
	uint64_t dice = w->dice;

	memset(out, 0, sizeof(*out));
	w->dice = seed * 40503 + 88172645463325252u;
	for (size_t i = 0; i < PROVIDERS; i++) {
		offer_nodes(&w->docs[i], w->free[i]);
		world_used(w, i);
	}
	h.wishes = xcalloc(run->orders, sizeof(*h.wishes));
	for (size_t j = 0; j < run->orders; j++) {
		struct wish *s = &h.wishes[j];

		do
			wish_make(w, s);
		while (run->cpu_only && s->gpu);
		at += -log(uniform(w) + 1e-12);
		s->arrives = at;
		s->lasts = -log(uniform(w) + 1e-12) * mean;
		s->max.nano = (u128)(s->value * run->maximum_times);
		push(&h, (struct event){ .at = at, .kind = 1, .wish = j });
		if (j >= run->orders * 4 / 10)
			count_matchable(&h, s);
	}
	while (h.count > 0) {
		struct event e = pop(&h);

		if (e.at > at + 60)
			break;
		h.held_time += h.held_cpu / 1000 * (e.at - h.now);
		h.now = e.at;
		if (e.kind == 0)
			give_back(&h, &e);
		else
			ask(&h, e);
	}
	out->efficiency = h.welfare / h.welfare_best;
	out->matched = (double)h.matched / (double)h.matchable;
	out->cpu_price = h.paid[0] / h.reference[0];
	out->gpu_price = h.paid[1] / h.reference[1];
	out->cost = h.paid[1] / h.gpu_cost;
	out->held = h.held_time / h.now / w->cpus;
	free(h.wishes);
	free(h.heap);
	w->dice = dice;
}
