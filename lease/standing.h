/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing.h - how a lease stands on the chain, and what either side can do about
 * it alone, without the other and without a market. The first function asks the
 * chain, the others are pure: the contract's rules (Escrow.sol) as a choice.
 */
#ifndef GAVEL_STANDING_H
#define GAVEL_STANDING_H

#include "lease/evm.h"

/* Times are unix seconds of the chain. */
struct standing {
	struct escrow_lease lease;
	uint32_t start;
	struct amount claimed; /* cumulative; pending while claimed_up_to is later */
	uint32_t claimed_up_to, payable_at;
	uint32_t now;	/* of the last block */
	uint64_t block; /* its number */
	bool ended;	/* closed or void; or never opened, and it is too late for that */
};

/* The contract forgets a lease that was closed: only when openBy is over does it
 * show that what it does not know has ended; standing_receipt() knows at once, and
 * standing_past() looks for it. */
int standing_now(struct arena *a, struct evm *evm, const struct address *escrow,
		 const struct lease_terms *terms, struct standing *out, struct err *e) mustcheck;
/* What a transaction has done to the lease, beyond standing_now(): its end and what
 * it was paid. EVM_REFUSED with the reason if it was skipped in its batch. */
int
standing_receipt(struct arena *a, const struct address *escrow, const struct hash *lease,
		 const struct evm_receipt *receipt, struct standing *s, struct err *e) mustcheck;
/* Of a lease that is not open: its end and what it was paid, from the contract's
 * events, looked for backwards through at most STANDING_PAST blocks. */
#define STANDING_PAST 100000u
int standing_past(struct arena *a, struct evm *evm, const struct address *escrow,
		  const struct hash *lease, struct standing *s, struct err *e) mustcheck;

bool standing_unknown(const struct standing *s); /* not open, and may still be opened */
bool standing_claim_pending(const struct standing *s);

enum way {
	WAY_NONE,   /* nothing is left to do or to be had */
	WAY_WAIT,   /* until `at` */
	WAY_STOP,   /* tenant: nothing accrues any more */
	WAY_CLOSE,  /* provider: pay the voucher, give the rest back, end it */
	WAY_SETTLE, /* provider: pay the voucher */
	WAY_CLAIM,  /* provider: ask for the base */
	WAY_FINISH, /* pay a claim whose window is over */
	WAY_EXPIRE, /* end a stopped lease: pay what was claimed, refund the rest */
};
const char *way_name(enum way way);

struct way_step {
	enum way way;
	uint32_t at; /* WAY_WAIT: not before this second */
};

/* The tenant, whose provider does not answer. */
struct way_step standing_tenant(const struct standing *s, const struct lease_terms *terms);

/* The provider, with the best voucher that the payer signed (amount 0: none);
 * `final`: and it is the last word, which was released. */
struct way_step standing_provider(const struct standing *s, const struct lease_terms *terms,
				  const struct voucher_terms *voucher, bool final);

/* What the lease has cost the tenant at the most when it ends at `at`. */
struct amount
standing_at_most(const struct standing *s, const struct lease_terms *terms, uint32_t at);

#endif
