/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dues.h - what becomes of a lease by what is paid for: it runs, is throttled to
 * its base, pauses or ends. Pure: facts and the time in, one wish out; the provider
 * fulfils it, the tenant and tests ask the same function.
 *
 *	        the deposit is used up, or stopped on chain
 *	  RUN -----------------------------------------------> PAUSE ---> END
 *	   ^ ^ <--------- topped up -------------------------- |  ^   (the time of
 *	   | |                                                    |    grace is over)
 *	   | +---- a voucher ---- THROTTLE -----------------------+
 *	   +---- nobody signs ------>
 *
 * A pause costs nothing and a throttled second costs the base: neither is metered.
 * The contract knows of neither, so the provider keeps them (struct spells), and
 * claims no more than they leave.
 */
#ifndef GAVEL_DUES_H
#define GAVEL_DUES_H

#include "lease/price.h"

enum dues { DUES_RUN, DUES_THROTTLE, DUES_PAUSE, DUES_END };
const char *dues_name(enum dues d);

/* A time in which the lease did not simply run. */
struct spell {
	enum dues kind;	    /* DUES_THROTTLE, DUES_PAUSE */
	wall_t from, until; /* until 0: it goes on; only the last */
};

#define SPELLS_MAX 32

struct spells {
	struct spell list[SPELLS_MAX];
	uint32_t count;
};

/* What the lease does now; *since: from when on (RUN: 0). */
enum dues spells_now(const struct spells *s, wall_t *since);
/* From `at` on it does this. Where there is no room, the two oldest become one, with
 * the time between them, in the kind that costs less. */
void spells_turn(struct spells *s, enum dues kind, wall_t at);
/* How much of the time between was of this kind. */
int64_t spells_us(const struct spells *s, enum dues kind, wall_t from, wall_t until);

/* Due at `now`, and its parts, if wanted: price_parts() for the time that the lease
 * ran, the base for throttled time, nothing for pauses. Never above rate x (now -
 * began) nor the deposit. */
struct amount
dues_amount(const struct price_lease *l, const struct meter *m, const struct spells *s,
	    wall_t began, wall_t now, struct price_part parts[PRICE_PARTS]);
/* What the provider may claim on chain alone, cumulative: what was paid, and the base
 * since that was accounted for, without pauses. */
struct amount dues_claim(const struct price_lease *l, const struct spells *s, struct amount paid,
			 wall_t accounted, wall_t now);

struct dues_facts {
	const struct price_lease *price; /* its deposit: as on chain, when last seen */
	const struct meter *meter;
	const struct spells *spells;
	wall_t began, now;
	struct amount signed_for; /* by the payer; cumulative */
	wall_t signed_to;	  /* the time it covers; 0: nothing was signed */
	bool stopped;		  /* on chain, by the tenant */
	bool no_room;		  /* paused, and what it reserved is another's by now */
	wall_t seen;		  /* the chain, last */
	uint32_t keep_s;	  /* a pause lasts no longer */
	uint32_t unpaid_s;	  /* that may be metered without a signature */
	uint32_t every_s;	  /* how often this is asked, rounded up */
};

struct dues_next {
	enum dues want;
	wall_t at; /* PAUSE: when it ends; 0: not known */
};
struct dues_next dues_next(const struct dues_facts *f);

/* What nobody has signed nor the base covers. */
struct amount dues_unsigned(const struct dues_facts *f);
/* How soon the chain is to be asked again what the deposit is, in seconds. */
uint32_t dues_look_s(const struct dues_facts *f);

#endif
