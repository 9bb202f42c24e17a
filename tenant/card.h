/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card.h - by which card a lease is counted again before its payer signs: who showed it
 * and whether it is the one of the bid. What it comes to is lease/recount.h.
 */
#ifndef GAVEL_TENANT_CARD_H
#define GAVEL_TENANT_CARD_H

#include "lease/recount.h"
#include "tenant/tenant.h"

extern const struct code USAGE_CARD;

/* The card of a gateway's answer; 0: it shows none. */
int card_read(struct context *c, const struct json *shown, struct price_shown *out,
	      struct err *e) mustcheck;
/* The card and the group of a lease, of this answer or kept; 0: not known. USAGE_CARD when
 * it is another one than was bid with, or than was shown before. */
int card_find(struct context *c, const struct lease_ref *l, const struct json *shown,
	      struct price_shown *price, struct group *group, struct err *e) mustcheck;

#endif
