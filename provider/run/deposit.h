/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deposit.h - what the chain says of a lease's deposit, and what becomes of the
 * lease by it: lease/dues.h decides, metering.c writes each turn down together with
 * the reading that it is about, runner.c brings containers down and up again, and
 * here the chain is asked, seldom, and a lease whose time of grace is over is ended.
 *
 * The chain's word counts; an event of the market only makes us ask sooner.
 */
#ifndef GAVEL_DEPOSIT_H
#define GAVEL_DEPOSIT_H

#include "provider/agent.h"
#include "provider/run/live.h"

/* What dues_next() takes, from the book; `facts` points into the others and into w. */
struct work_dues {
	struct price_lease price;
	struct meter meter;
	struct dues_facts facts;
	struct json_strs devices; /* of its GPUs, when it runs again */
};
void work_dues(struct agent *g, struct arena *a, const struct work *w, struct work_dues *out);

/* One look: ask the chain if it is time, and begin whatever turn is due. */
void deposit_look(struct agent *g, struct arena *a, const struct work *w, struct live *l);
/* An event of the market, which may be about a deposit. */
void deposit_hint(struct agent *g, const char *type, const char *data);
/* For the status: what it does by what is paid, since when, until when, and why. */
void deposit_show(struct jsonw *out, struct agent *g, struct arena *a, const struct work *w);

#endif
