/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offence.h - two statements of one signer that cannot both be true, as the contract
 * sees them (Escrow.sol, slash*): two bids for one round, two readings of one number,
 * two closings of one round. Whoever holds both takes the signer's bond. Pure.
 */
#ifndef GAVEL_OFFENCE_H
#define GAVEL_OFFENCE_H

#include "lease/escrow.h"

enum offence_kind { OFFENCE_BIDS, OFFENCE_USAGES, OFFENCE_ROUNDS };

struct offence {
	enum offence_kind kind;
	struct order_terms order; /* of bids and rounds */
	struct lease_terms lease; /* of usages */
	union {
		struct bid_terms bids[2];
		struct usage_terms usages[2];
		struct round_terms rounds[2];
	} two;
	struct sig sigs[2];
};

extern const struct code OFFENCE_NONE;	 /* the two do not contradict each other */
extern const struct code OFFENCE_FORGED; /* one is not signed by who it says */

/* By the contract's rules: what passes here it does not refuse, but for the bond. */
int offence_check(const struct domain *d, const struct offence *o, struct err *e) mustcheck;
/* Who signed both, and whose loss it may be. */
const struct address *offence_signer(const struct offence *o);
const struct address *offence_tenant(const struct offence *o);
struct calldata offence_call(struct arena *a, const struct offence *o);
const char *offence_name(enum offence_kind kind);

/* As a file: {"kind", "order" | "lease", "statements": [{"terms", "sig"} x 2]}. */
int
offence_read(struct arena *a, const struct json *doc, struct offence *out, struct err *e) mustcheck;
void offence_write(struct jsonw *w, const struct offence *o);

#endif
