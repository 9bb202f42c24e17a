/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offers.h - our standing offer at the market: posted when we have registered,
 * renewed, replaced when anything in it changes, withdrawn at the end. What it says
 * is offering.h; and what we answer when it wins.
 *
 * The book has the seq before anything is signed, and the withdrawal, signed too,
 * before the offer is posted: whoever has the book can take the offer back without
 * the key, a daemon that is ending as well as one that could not start.
 */
#ifndef GAVEL_OFFERS_H
#define GAVEL_OFFERS_H

#include "provider/agent.h"

/* Read what the book knows of them; from then on a timer looks. */
void offers_start(struct agent *g);
/* Withdraw what stands, and then stop the loop. */
void offers_stop(struct agent *g);

/* An award that no bid of ours precedes: what our offer asks, now or a moment ago, as
 * `out`, or NULL and why we refuse. */
const char *offers_refusal(struct agent *g, struct arena *a, const struct award_doc *award,
			   struct pricing *out);

/* Without the daemon: the withdrawal of the book, if one is due. Blocking; 1: it was
 * withdrawn, 0: nothing stands. */
int offers_withdraw(const struct provider_settings *s, struct err *e) mustcheck;

#endif
