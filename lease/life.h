/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - the life of an order and its lease, as the market lives it. Pure.
 *
 *                          life_next() says
 *	order    open --announce--> bidding --clear--> awarded --(lease opened)--> leased
 *	          ^                    |                  |
 *	          +---- fail_award ----+------------------+   next round, without the failed
 *	          |                    |
 *	          +--> cancelled | expired          unfilled (no bid until the order ends)
 *
 *	lease    awarded --(accepted)--> opening --(mined)--> active --(release)--> closing
 *--(mined)--> closed |                       |                   |
 *	            +------> failed <-------+------ void -------+ (not launched in time)
 *
 * A fast order has no rounds of its own: while it is open the next tick takes it to
 * bidding, and then on to awarded or back to open. Here it is only ended, or failed by
 * its winner, as every other.
 * When the tenant picks (group.h, accept), clear leads to ranked, and award from there
 * to awarded, when its choice has come. Failed, the order is open and goes back by rank
 * to what is left of the ranking, while its bids hold.
 *
 * The market keeps the facts in its database. life_next() looks at all facts
 * of one order and says the one thing to do now, or until when to wait. It is
 * level-triggered: asked again with the same facts it says the same; an action
 * whose effect was lost is simply said again; events only shorten the wait.
 * The simulator (tests/sim) and the market (market/clerk.c) call the same
 * function.
 */
#ifndef GAVEL_LIFE_H
#define GAVEL_LIFE_H

#include "lib/err.h"

enum order_state {
	ORDER_OPEN,	 /* stored, its round not announced yet */
	ORDER_BIDDING,	 /* a round is announced; sealed bids are taken */
	ORDER_RANKED,	 /* the tenant picks: the ranking of the last round stands */
	ORDER_AWARDED,	 /* a winner is signed; its lease is not open yet */
	ORDER_LEASED,	 /* the lease is open on chain */
	ORDER_UNFILLED,	 /* ended: no acceptable bid in time */
	ORDER_CANCELLED, /* ended: the tenant took it back */
	ORDER_EXPIRED,	 /* ended: winners failed until no time was left */
	ORDER_CLOSED,	 /* ended: its lease was closed */
};

enum lease_state {
	LEASE_NONE,
	LEASE_AWARDED, /* the winner has not signed yet */
	LEASE_OPENING, /* signed by the winner; the transaction is on its way */
	LEASE_ACTIVE,  /* open on chain, deposit locked */
	LEASE_CLOSING, /* the winner has signed its last word */
	LEASE_CLOSED,  /* ended: paid and refunded */
	LEASE_FAILED,  /* ended: never ran; nothing was paid */
};

struct life_facts {
	enum order_state order;
	enum lease_state lease;
	bool fast;		    /* by standing offers: ticks award it, no round is announced */
	uint32_t round;		    /* rounds announced so far */
	uint32_t invited, answered; /* in this round: bids and declines */
	uint32_t failures;	    /* winners that failed so far */
	bool deserted;		    /* nobody bid in the last round */
	bool ranked;		    /* its ranking has somebody left who may be chosen */
	bool chosen;		    /* and the tenant has chosen one of them */
	wall_t choose_by;	    /* until then the bids of a ranking hold */
	wall_t order_ends;	    /* no award later than this */
	wall_t round_ends;	    /* while bidding */
	wall_t accept_by;	    /* while awarded */
	wall_t opened_at;	    /* chain time of the opening */
	wall_t launch_by;	    /* while active and not launched: void after it */
	wall_t void_until;	    /* the chain takes a void until then */
	bool cancel_asked;	    /* by the tenant, before a lease */
	bool refused;		    /* by the winner */
	bool accepted;		    /* the winner's signature on the lease is stored */
	bool open_pending;	    /* a transaction to open is under way */
	bool open_failed;	    /* the chain refused to open */
	bool opened;		    /* seen on chain */
	bool launched;		    /* the winner reports the workload healthy */
	bool launch_told;	    /* and everyone has been told */
	bool launch_failed;	    /* the winner reports it cannot run it, or no more */
	wall_t launched_at;	    /* while launched */
	wall_t seen_at;		    /* of the winner: the last sign of life; 0: not watched */
	bool paid;		    /* something was paid on chain: no void any more */
	bool void_pending, voided;
	bool released; /* the winner's last word is stored */
	bool close_pending, closed;
};

enum life_action {
	LIFE_WAIT,	    /* nothing before `until` (0: until a fact comes) */
	LIFE_ANNOUNCE,	    /* begin a round */
	LIFE_CLEAR,	    /* close the round, open the bids, award or begin again */
	LIFE_AWARD,	    /* sign the winner that the tenant has chosen */
	LIFE_RANK,	    /* back to the ranking, without those that failed */
	LIFE_FAIL_AWARD,    /* this winner is out; begin again without it */
	LIFE_SEND_OPEN,	    /* submit the opening */
	LIFE_MARK_OPENED,   /* the chain has it: order leased, lease active */
	LIFE_TELL_LAUNCHED, /* the workload is up: say so */
	LIFE_SEND_VOID,	    /* give the deposit back: it never ran */
	LIFE_SEND_CLOSE,    /* submit the final settlement */
	LIFE_MARK_CLOSED,   /* the chain has it: both ended */
	LIFE_UNFILLED,	    /* end the order */
	LIFE_CANCEL,
	LIFE_EXPIRE,
};

struct life_step {
	enum life_action action;
	wall_t until; /* LIFE_WAIT only */
};

struct life_step life_next(const struct life_facts *f, wall_t now);

/* Allowed moves; the database's guards repeat them. */
bool order_may_move(enum order_state from, enum order_state to);
bool lease_may_move(enum lease_state from, enum lease_state to);
bool order_ended(enum order_state s);

const char *order_state_name(enum order_state s);
const char *lease_state_name(enum lease_state s);
int order_state_read(const char *name, enum order_state *out);
int lease_state_read(const char *name, enum lease_state *out);
const char *life_action_name(enum life_action a);

/* A winner that falls silent for the second of these within the first of its launch
 * has not launched: the deposit goes back, while the chain takes a void. */
#define LIFE_PROOF_US  (60 * SECOND_US)
#define LIFE_SILENT_US (45 * SECOND_US)

/* Winners that may fail before the order is given back. */
#define LIFE_FAILURES_MAX 3

#endif
