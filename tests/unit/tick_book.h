/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tick_book.h - random small books for the tests of ticks: offers that are lists of
 * numbers, orders for one service. Everything is the arena's.
 */
#ifndef GAVEL_TESTS_TICK_BOOK_H
#define GAVEL_TESTS_TICK_BOOK_H

#include "lease/tick.h"

static struct arena arena;
static uint64_t dice = 88172645463325252u;

static inline uint64_t
roll(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (dice >> 11) % below;
}

static inline struct address
address_of(unsigned n)
{
	struct address a = { { 0 } };

	a.b[17] = (uint8_t)(n >> 16);
	a.b[18] = (uint8_t)(n >> 8);
	a.b[19] = (uint8_t)n;
	return a;
}

static inline struct hash
random_hash(void)
{
	struct hash h;

	for (unsigned i = 0; i < 32; i++)
		h.b[i] = (uint8_t)roll(256);
	return h;
}

/* Its nodes have `cpu` thousandths each and memory without end. */
static inline struct tick_offer
make_offer(unsigned provider, u128 cpu_floor, u128 cpu_list, size_t nodes, uint32_t cpu)
{
	struct offer *o = ARENA_NEW(&arena, struct offer);
	struct offer_node *n = arena_alloc(&arena, nodes * sizeof(*n));
	struct tick_offer t = { .offer = o, .sets_prices = true };

	*o = (struct offer){ .provider = address_of(provider),
			     .owner = address_of(provider),
			     .seq = 1,
			     .expires = 4000000000u,
			     .floor = { .cpu_milli = { cpu_floor } },
			     .list = { .cpu_milli = { cpu_list } },
			     .nodes = { n, nodes },
			     .region = "eu" };
	for (size_t i = 0; i < nodes; i++)
		n[i] = (struct offer_node){ .name = arena_printf(&arena, "n%03zu", i),
					    .model = "",
					    .has = { .cpu_milli = cpu,
						     .memory_mib = 1000000,
						     .storage_mib = { 1000000 } } };
	t.nodes = arena_alloc(&arena, nodes * sizeof(*t.nodes));
	offer_nodes(o, t.nodes);
	t.id = random_hash();
	return t;
}

static inline struct group *
make_group(uint32_t cpu, uint32_t count)
{
	struct group *g = ARENA_NEW(&arena, struct group);
	struct group_service *s = arena_alloc(&arena, 4 * sizeof(*s));

	*s = (struct group_service){ .name = "a",
				     .count = count,
				     .resources = { .cpu_milli = cpu,
						    .memory_bytes = 64 << 20,
						    .storage_bytes = 64 << 20 } };
	*g = (struct group){ .name = "g", .billing = "reserved", .services = { s, 1 } };
	return g;
}

static inline struct tick_order
make_order(uint32_t cpu, uint32_t count, u128 max)
{
	struct rate *most = arena_alloc(&arena, TICK_ROWS_MAX * sizeof(*most));

	for (size_t i = 0; i < TICK_ROWS_MAX; i++)
		most[i].nano = max;
	return (struct tick_order){ .id = random_hash(),
				    .record = random_hash(),
				    .tenant = address_of(900000),
				    .owner = address_of(900000),
				    .max = most,
				    .group = make_group(cpu, count) };
}

/* tick_clear() on copies, so that the book stays as it is. */
static inline struct tick_outcome *
clear_copy(const struct tick_order *orders, size_t order_count, const struct tick_offer *offers,
	   size_t offer_count)
{
	struct tick_offer *copy = arena_alloc(&arena, (offer_count + 1) * sizeof(*copy));
	struct tick_outcome *out = arena_alloc(&arena, (order_count + 1) * sizeof(*out));

	for (size_t i = 0; i < offer_count; i++) {
		copy[i] = offers[i];
		copy[i].nodes = arena_copy(&arena, offers[i].nodes,
					   offers[i].offer->nodes.count * sizeof(*copy[i].nodes));
	}
	tick_clear(&arena, orders, order_count, copy, offer_count, out);
	return out;
}

#endif
