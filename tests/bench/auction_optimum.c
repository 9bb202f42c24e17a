/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer program of one tick: each order on one node at most, no node over
 * capacity, the most value less cost. Branch and bound over (order, node); the bound
 * of what is left ignores that orders compete. Floors are the costs.
 */
#include "tests/bench/auction.h"

enum { STEPS_MAX = 400000, WISHES = 64 };

struct search {
	struct world *w;
	size_t count;
	struct demand demand[WISHES];
	double gain[WISHES][PROVIDERS];	    /* value - cost; below 0: never */
	size_t order_of[WISHES][PROVIDERS]; /* providers by gain */
	double best;
	uint64_t steps;
	struct demand_node free[PROVIDERS][NODES];
};

static const char *
model_of(const struct search *s, size_t j, size_t i)
{
	return s->demand[j].gpus > 0 ? s->w->nodes[i][0].model : NULL;
}

static double
bound(struct search *s, size_t from)
{
	double sum = 0;

	for (size_t j = from; j < s->count; j++)
		for (size_t k = 0; k < PROVIDERS; k++) {
			size_t i = s->order_of[j][k];

			if (s->gain[j][i] <= 0)
				break;
			if (demand_fits(&s->demand[j], s->free[i], s->w->docs[i].nodes.count,
					model_of(s, j, i))) {
				sum += s->gain[j][i];
				break;
			}
		}
	return sum;
}

static void
branch(struct search *s, size_t j, double so_far)
{
	if (so_far > s->best)
		s->best = so_far;
	if (j == s->count || ++s->steps > STEPS_MAX ||
	    so_far + bound(s, j) <= s->best * (1 + 1e-12))
		return;
	for (size_t k = 0; k < PROVIDERS; k++) {
		size_t i = s->order_of[j][k], nodes = s->w->docs[i].nodes.count;

		if (s->gain[j][i] <= 0)
			break;
		for (size_t n = 0; n < nodes; n++) {
			struct demand_node was = s->free[i][n];
			bool twin = false;

			for (size_t b = 0; b < n && !twin; b++)
				twin = memcmp(&s->free[i][b].free, &was.free, sizeof(was.free)) ==
				       0;
			if (twin || !demand_place(&s->demand[j], &s->free[i][n], 1,
						  model_of(s, j, i), NULL))
				continue;
			branch(s, j + 1, so_far + s->gain[j][i]);
			s->free[i][n] = was;
			if (s->steps > STEPS_MAX)
				return;
		}
	}
	branch(s, j + 1, so_far);
}

double
optimum(struct world *w, const struct wish *wishes, size_t count, bool *proven)
{
	static struct search s;
	double all;

	s.w = w;
	s.count = count;
	s.best = 0;
	s.steps = 0;
	for (size_t i = 0; i < PROVIDERS; i++)
		memcpy(s.free[i], w->free[i], sizeof(s.free[i]));
	for (size_t j = 0; j < count; j++) {
		struct offer_asker asker = { .group = wishes[j].order.group,
					     .demand = &s.demand[j],
					     .tenant = wishes[j].order.tenant,
					     .owner = wishes[j].order.owner };

		demand_group(&w->arena, wishes[j].order.group, &s.demand[j]);
		for (size_t i = 0; i < PROVIDERS; i++) {
			struct rate floor, list;
			bool good = offer_matches(&w->docs[i], &asker) == OFFER_MATCHES;

			offer_price(&w->docs[i], &s.demand[j],
				    s.demand[j].gpus > 0 && good ? 0 : -1, 0, &floor, &list);
			s.gain[j][i] = good ? wishes[j].value - (double)floor.nano : -1;
			s.order_of[j][i] = i;
			for (size_t k = i; k > 0 && s.gain[j][s.order_of[j][k - 1]] < s.gain[j][i];
			     k--) {
				s.order_of[j][k] = s.order_of[j][k - 1];
				s.order_of[j][k - 1] = i;
			}
		}
	}
	all = bound(&s, 0);
	branch(&s, 0, 0);
	*proven = s.steps <= STEPS_MAX;
	return *proven ? s.best : all;
}
