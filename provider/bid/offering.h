/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offering.h - our standing offer, made of the settings, and when it is due. One
 * machine is one node. Pure: who posts it is offers.h.
 *
 *	card per MiB of storage and second    ->  1024 of it, per GiB: exact
 *	all other units of card and offer are the same
 *	list unit = floor unit * list_bp / 10000, rounded up
 *
 * So what the offer asks for a group is never below what the card asks (price.h),
 * and equals it where the group's sizes are whole MiB.
 *
 * What a standing offer cannot say: factors of tenants. One that pays more than the
 * card is denied by the offer, and gets its price in sealed rounds; one that pays
 * less may find its own price there. GPUs of one model only: the model that the
 * machine has most of; the others are offered in sealed rounds.
 *
 * An offer stands for OFFERING_LIVES_S and is renewed when half of that is over, or
 * when anything in it has changed.
 */
#ifndef GAVEL_OFFERING_H
#define GAVEL_OFFERING_H

#include "lease/offer.h"
#include "provider/settings.h"

#define OFFERING_LIVES_S   600u
#define OFFERING_RENEW_S   300u /* before it ends */
#define OFFERING_BACKOFF_S 60u	/* the longest pause after failures */

extern const struct code OFFERING_BAD; /* these settings make no standing offer */

/* Whether the settings ask for one: with a price program there is none, for nobody
 * knows what it would say. */
bool offering_wanted(const struct provider_settings *s);
/* Floor and list of the units; model NULL: no GPUs. */
void offering_units(struct arena *a, const struct price_rules *rules, const char *model,
		    struct offer_units *floor, struct offer_units *list);
/* All of it but seq and expires, which are 0. The settings are settled (inventory.h);
 * foreign: what others than this market's leases have of the machine. */
int offering_make(struct arena *a, const struct provider_settings *s, const struct address *self,
		  const struct shape *foreign, struct offer *out, struct err *e) mustcheck;
/* The model of the offer's GPUs, or NULL. */
const char *offering_model(const struct offer *o);
/* What it asks for a group at this load, in 1/10000 of vCPU or of GPUs. */
struct rate offering_floor(const struct offer *o, const struct demand *d, uint32_t load_bp);
/* Whether a tenant pays what the card says, or less. */
bool offering_serves(const struct tenant_rules *r, const struct address *tenant);

/* ------------------------------------------------------------------ */
/* When.                                                               */

struct offering {
	uint64_t seq;	   /* the highest that was ever signed */
	bool stands;	   /* as far as we know */
	wall_t until;	   /* when it ends by itself */
	struct hash print; /* offering_print() of what stands */
	unsigned failures; /* in a row */
	wall_t again;	   /* not before, after a failure */
};

enum offering_next { OFFERING_REST, OFFERING_POST, OFFERING_WITHDRAW };

/* Equal for offers that differ in seq and expires only. */
struct hash offering_print(const struct offer *o);
/* wanted NULL: there is nothing to offer now. */
enum offering_next offering_next(const struct offering *o, const struct hash *wanted, wall_t now);
/* A number that was never used. By the clock when that is higher, so that a lost
 * book does no harm. The one after it is the withdrawal's. */
uint64_t offering_seq(const struct offering *o, wall_t now);
/* The market took it, or the withdrawal; or did not: returns the pause in seconds. */
void offering_stood(struct offering *o, const struct hash *print, wall_t until);
void offering_gone(struct offering *o);
uint32_t offering_failed(struct offering *o, wall_t now);

#endif
