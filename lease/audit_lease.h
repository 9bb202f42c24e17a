/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_lease.h - one lease computed again by somebody who trusts nobody, from the
 * order that its tenant signed to the last token, and the first thing named that is
 * wrong.
 *
 *	order -> round -> award -> lease -> opening -> readings -> vouchers
 *	-> payments, claims, stop -> end: refund = deposit - paid
 *
 * What people signed comes from wherever it is kept, what moved from the contract's
 * events. Pure: no node is asked here, no clock.
 */
#ifndef GAVEL_AUDIT_LEASE_H
#define GAVEL_AUDIT_LEASE_H

#include "lease/audit.h"
#include "lease/documents.h"
#include "lease/escrow.h"
#include "lease/recount.h"
#include "lease/spot_owed.h"

extern const struct code AUDIT_TERMS;	 /* the lease does not follow from order and award */
extern const struct code AUDIT_CARD;	 /* not the card that the winner bid with */
extern const struct code AUDIT_OPENING;	 /* opened otherwise than it was signed, or twice */
extern const struct code AUDIT_READING;	 /* a reading does not follow from the one before */
extern const struct code AUDIT_DUE;	 /* the price function gives another due */
extern const struct code AUDIT_UNSIGNED; /* paid without a voucher or a claim for it */
extern const struct code AUDIT_PAID;	 /* another amount was paid than was signed for */
extern const struct code AUDIT_FEE;	 /* another share went to the auctioneer */
extern const struct code AUDIT_CLAIM;	 /* a claim above the base, or paid too early */
extern const struct code AUDIT_RELEASE;	 /* ended at another amount than was released */
extern const struct code AUDIT_END;	 /* ended too early, or void too late; or it goes on */
extern const struct code AUDIT_REFUND;	 /* the tenant did not get deposit - paid */
extern const struct code AUDIT_STORED;	 /* the contract's storage is not what its events say */
extern const struct code AUDIT_SAID;	 /* the market says otherwise */

/* What the contract said of it, in the order of the chain. */
struct escrow_said {
	struct escrow_event event;
	uint64_t block, log, time; /* of the block, unix seconds */
	struct hash tx;
};

struct lease_said { /* by a market */
	struct amount deposit, paid, refund;
	bool ended;
};

struct audit_lease {
	const struct domain *domain;
	struct hash id; /* of the lease that was asked for */
	struct order_terms order;
	struct sig order_sig;
	const struct group *group;
	const struct audit_round *round; /* NULL: not shown; its award is filled in */
	struct hash record;
	struct sig award_sig;
	struct lease_terms lease;
	struct sig lease_sig;
	const struct price_shown *price;     /* NULL: not shown, dues are capped only */
	const struct spot_owed *spot;	     /* of an interruptible one; NULL: not shown */
	const struct voucher_post *readings; /* by seq; one without payer_sig: a reading only */
	size_t reading_count;
	const struct sig *release_sig; /* NULL: none; over the last voucher's amount */
	const struct escrow_said *events;
	size_t event_count;
	const struct escrow_lease *stored; /* after the last event; NULL: not asked */
	const struct lease_said *said;	   /* NULL: no market was asked */
};

enum lease_end { LEASE_UNOPENED, LEASE_RUNS, LEASE_CLOSED, LEASE_EXPIRED, LEASE_VOIDED };
const char *lease_end_name(enum lease_end end);

/* What was computed, as far as it came. */
struct audit_sums {
	struct amount deposit, topped_up, paid, fee, credited, refund, due;
	uint32_t start, up_to;
	size_t readings, vouchers, payments;
	bool dues_computed, round_computed;
	enum lease_end end;
};

int audit_lease(struct arena *a, const struct audit_lease *l, struct audit_sums *sums,
		struct err *e) mustcheck;

#endif
