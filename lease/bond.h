/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bond.h - what a broken word costs, and who gets it: rules of section "bonds and
 * slashes". Only sums; who holds the bond and moves the tokens is not known here.
 * What a slash takes is what it gives: to_tenant + to_pool = total, never more than
 * is left of the bond. Pure.
 */
#ifndef GAVEL_BOND_H
#define GAVEL_BOND_H

#include "lib/amount.h"

enum fault {
	FAULT_NO_ACCEPT,    /* no ACCEPT in time, or a signed refusal: 0.25 h of the price */
	FAULT_LAUNCH,	    /* no launch proof, or death within 60 s: 2 h */
	FAULT_VOID_BID,	    /* an envelope that does not open: 1 h of the winner's price */
	FAULT_LEFT,	    /* left a running lease without notice_s: that, at most 24 h */
	FAULT_CANCEL,	    /* the tenant cancels before launch: 60 s */
	FAULT_CANCEL_OFTEN, /* more than 3 times in 10 minutes: 600 s */
};

struct slash {
	struct amount total, to_tenant, to_pool;
};

/* max(100 credits, 4 h of all running rates); credit: base units of one. */
struct amount bond_required(struct rate running, struct amount credit);
/* Seconds of the price that a fault costs. notice_s: of FAULT_LEFT. */
uint32_t fault_seconds(enum fault fault, uint32_t notice_s);
/* A provider's slash. For FAULT_LAUNCH the price difference to the next winner comes
 * first, for as long as its lease lasted, at most 24 h; then 1 h to the tenant, the
 * rest to the pool. next: the new price, or 0 while there is none. */
struct slash bond_slash(enum fault fault, struct rate price, uint32_t notice_s, struct rate next,
			uint32_t lasted_s, struct amount bond);

#endif
