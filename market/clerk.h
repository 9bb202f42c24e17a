/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clerk.h - the role that decides: rounds, awards, the chain, settlement. It
 * has the database and a channel to the key holder, and listens to nobody.
 * Exactly one clerk works on a database at a time: it holds an advisory lock
 * for its session, and another market's clerk takes over when it is gone.
 *
 *	clerk.c    the desk: orders whose time has come, one life_next() each
 *	round.c    a sealed round: announce, close, open, clear, award
 *	round_book.c  the book that it is closed with
 *	receipts.c signatures for what the web roles have taken
 *	ticks.c    standing offers and fast orders, every tick_ms
 *	indexer.c  the chain's events into the database
 *	settler.c  intents into transactions
 *	price_index.c  what leases cost, for people to read
 *	pools.c    prices of the interruptible tier
 */
#ifndef GAVEL_MARKET_CLERK_H
#define GAVEL_MARKET_CLERK_H

#include "lease/documents.h"
#include "lease/evm.h"
#include "lease/life.h"
#include "lib/chan.h"
#include "lib/db.h"
#include "market/settings.h"

struct clerk {
	struct loop loop;
	struct db *db;
	struct chan *signer;
	const struct market_settings *settings;
	struct evm evm;
	struct domain domain;
	struct address market;
	int pokes[8]; /* to and from the web roles; -1 ends the list */
	struct timer *tick_timer, *desk_timer, *index_timer, *settle_timer;
	bool receipts_busy, receipts_again, tick_busy;
	bool desk_busy, desk_again, index_busy, settle_busy, settle_again;
	uint64_t stretch;      /* blocks that the node gives logs of at once */
	unsigned tip_missed;   /* polls in which the node had not our checkpoint */
	unsigned contradicted; /* polls in a row whose answers did not fit together */
	bool caught_up;	       /* the chain was read to its head once */
	bool facts_checked;    /* states were compared with canonical events */
	mono_t no_final_until; /* the node has no such tag: not asked again before */
	mono_t final_at;       /* when to ask for the final block again */
	mono_t settled_at;     /* when vouchers were last gathered */
	bool price_index_busy;
	wall_t classed_at; /* orders before this have a row in order_class */
	bool deposits_busy;
	unsigned pools_busy;	       /* auctions of pools under way */
	struct at_work *at_work;       /* orders that a task is busy with */
	struct round_book *round_book; /* of the last round that was closed, or NULL */
};

struct clerk_start {
	const struct market_settings *settings;
	struct address market;
	uint32_t webs;
};
_Noreturn void clerk_run(void *start, const int *fds);

/* The row of an order at the desk, as query orders_due gives it. */
struct desk_order {
	struct hash hash;
	struct id id;
	struct address tenant;
	struct order_terms terms;
	struct sig sig;
	struct group group;
	uint32_t care_hours;
	int64_t window_us;
	struct life_facts facts;
	struct hash round_key;
	/* the live lease, if facts.lease is not LEASE_NONE */
	struct hash lease;
	struct id lease_id;
	struct address provider;
	struct rate rate;
	struct lease_terms lease_terms;
	wall_t opened_at;
	const char *refused, *launch_error;
};

/* Begin and end a sealed round: round.c. */
void round_announce(struct clerk *c, const struct desk_order *o);
void round_clear(struct clerk *c, const struct desk_order *o);
/* The award of what the tenant has chosen. */
void round_award(struct clerk *c, const struct desk_order *o);

/* Tell the web roles that gavel.event has grown. */
void clerk_tell_webs(struct clerk *c);
/* Look at the desk at the next turn. */
void clerk_look(struct clerk *c);
/* A task of the clerk's whose state, of `size` bytes, begins with a copy of the
 * order; errors are logged, and the order is looked at again by its timer. */
struct task *clerk_task(struct clerk *c, const char *name, const struct step *steps, size_t size,
			const struct desk_order *o);
struct clerk *clerk_of(struct task *t);
struct desk_order *clerk_order(struct task *t);
void clerk_event(struct batch *b, const char *type, const char *prefix, const struct id *id,
		 wall_t now, const char *data);

void receipts_poll(void *clerk);
void ticks_poll(void *clerk);
void indexer_poll(void *clerk);
void settler_poll(void *clerk);
void price_index_poll(void *clerk);
void pools_poll(void *clerk);
/* From now on deposits that end are told of: deposits.c. */
void deposits_start(struct clerk *c);

#endif
