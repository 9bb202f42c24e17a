/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h - what competes for an order: a standing offer with one of its GPU
 * models, or a sealed bid; with its price, its weight and its lot. Pure.
 *
 *	f      = 10000 * (failures + 1) / (launches + 20), of the last 30 days
 *	weight = clamp(10000 + care_hours * f, 8000, 20000)
 *	eff    = ceil(floor * weight / 10000)
 *	peff   = the same of the highest floor of the last 600 s
 *	lot    = first 8 bytes of H("tie", record before the order's first tick,
 *	         order, provider): nobody can choose it without changing the order
 *
 * Entries rank by what they compete with (eff; for one that may not set prices,
 * its effective list price), then lot, then id, then model.
 */
#ifndef GAVEL_ENTRY_H
#define GAVEL_ENTRY_H

#include "lease/tick.h"

struct place;

/* There is one for every order and offer of a tick: its size is most of a tick's memory. */
struct entry {
	struct rate floor, list;
	u128 key;  /* what it competes with: eff, or of a newcomer its list's */
	u128 peff; /* of one that sets prices */
	const struct hash *id;
	const struct address *provider, *owner;
	const char *region;
	uint64_t lot;
	enum tick_kind kind;
	uint32_t index; /* into the offers, or the order's bids */
	int model;	/* -1: none; sealed bids: -2 */
	uint32_t weight;
	/* tick.c's knowledge of whether it still fits: capacity only falls in a tick */
	unsigned seen; /* version of its nodes when `fits` was found */
	bool fits;
	bool sets_prices;
	bool has_lot;
	bool dropped; /* its owner has a better one, sealed or standing */
};

/* Why each offer does not match this demand, or OFFER_MATCHES: one per offer. */
void entry_match(const struct tick_order *o, const struct demand *d,
		 const struct tick_offer *offers, size_t count, uint8_t *why);
/* How many entries all offers give at most. */
size_t entry_most(const struct tick_offer *offers, size_t count);
/* Entries of the offers that match, unranked, into `list`; returns how many. */
size_t
entry_offers(const struct tick_order *o, const struct demand *d, const struct tick_offer *offers,
	     size_t count, const uint8_t *why, struct entry *list);
/* A sealed bid as an entry; false with the reason when it takes no part. */
bool entry_bid(const struct tick_order *o, size_t index, struct entry *out, enum tick_reason *why);
uint64_t entry_lot(const struct tick_order *o, struct entry *e);
bool entry_before(const struct tick_order *o, struct entry *a, struct entry *b);
/* Room to sort so many in. */
struct place *entry_places(struct arena *a, size_t most);
/* A copy, best first. */
struct entry *entry_rank(struct arena *a, const struct tick_order *o, struct entry *entries,
			 size_t count, struct place *places);
const char *entry_model(const struct tick_offer *offers, const struct entry *e); /* or NULL */
u128 entry_weigh(struct rate rate, uint32_t weight);

#endif
