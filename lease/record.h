/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - what the market signs about the order of things: a receipt for every
 * order, offer and sealed bid it takes, and one record per tick, each naming the
 * one before. So the book that prices a tick is signed before any order of that
 * tick exists. Pure.
 *
 *	Receipt(bytes32 item,bytes32 subject,uint64 round,uint64 index,uint64 at)
 *	Record(uint64 number,uint64 time,bytes32 previous,bytes32 orders,
 *	       bytes32 outcomes,bytes32 book,bytes32 capacity,bytes32 reputation,
 *	       bytes32 keys)
 *
 * Both are EIP-712; what the roots are made of is SHA-256 by tagged.h. A root is a
 * Merkle tree over its leaves in their order (leaf H("leaf", hash), node H("node",
 * left, right), an odd one rises as it is; no leaf: H("none")), so one item can be
 * shown without the others.
 */
#ifndef GAVEL_RECORD_H
#define GAVEL_RECORD_H

#include "lease/tick.h"

/* item: an offer's, an order's or an envelope's hash (SHA-256 of the bytes);
 * subject: the order a bid is for, or zero. */
struct receipt_terms {
	struct hash item, subject;
	uint64_t round; /* of the order, or the tick's number */
	uint64_t index; /* within it */
	uint64_t at;	/* unix microseconds, by the market's clock */
};
struct receipt {
	struct receipt_terms terms;
	struct sig sig;
};
extern const struct json_field receipt_fields[], receipt_terms_fields[];
struct hash receipt_hash(const struct receipt_terms *r);

struct record_terms {
	uint64_t number;
	uint64_t time;		      /* unix milliseconds: the tick's end */
	struct hash previous;	      /* record_hash() of number - 1; zero for the first */
	struct hash orders, outcomes; /* of this tick */
	struct hash book, capacity, reputation; /* for the next one */
	struct hash keys;			/* of sealed rounds that this tick cleared */
};
struct record {
	struct record_terms terms;
	struct sig sig;
};
extern const struct json_field record_fields[], record_terms_fields[];
struct hash record_hash(const struct record_terms *r);

/* ------------------------------------------------------------------ */
/* Roots.                                                              */

struct hash record_root(struct arena *a, const struct hash *leaves, size_t count);
/* The way from leaf `at` to the root: siblings, the arena's; returns how many. */
size_t record_path(struct arena *a, const struct hash *leaves, size_t count, size_t at,
		   struct hash **path);
bool record_holds(const struct hash *root, const struct hash *leaf, size_t at, size_t count,
		  const struct hash *path, size_t path_count);

/* Leaves. The market orders them by offer id, provider, order id. */
struct hash
record_order_leaf(const struct tick_order *o, const struct hash *terms, const struct sig *sig);
struct hash record_book_leaf(const struct tick_offer *o); /* id, standing, floors seen */
struct hash record_capacity_leaf(const struct tick_offer *o);
struct hash
record_reputation_leaf(const struct address *provider, uint32_t launches, uint32_t failures);
struct hash record_outcome_leaf(const struct tick_order *o, const struct tick_outcome *out,
				const struct tick_offer *offers, size_t offer_count);
struct hash record_key_leaf(const struct hash *order, uint64_t round, const struct hash *public_key,
			    const struct hash *secret_key);

#endif
