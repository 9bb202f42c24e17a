/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bonding.h - a bond for people: what stands behind an address, and the three things
 * its owner does with it. For command lines; each call waits for its transaction.
 * What a bond costs whom, bond.h says; what takes it, offence.h.
 */
#ifndef GAVEL_BONDING_H
#define GAVEL_BONDING_H

#include "lease/evm.h"
#include "lease/key.h"

struct bonding {
	struct arena *arena; /* borrowed, as all below */
	struct evm *evm;
	struct address escrow, token;
	const struct key *key; /* NULL: only looking */
	unsigned decimals;     /* of the token, from the chain; bonding_begin() */
	bool json;
};

/* Asks the chain for its id and the token for its decimals. */
int bonding_begin(struct bonding *b, struct err *e) mustcheck;

/* What the contract says of one address. */
struct bond_standing {
	struct amount amount;  /* behind its word */
	struct amount leaving; /* of that, under notice */
	uint32_t leaves_at;    /* unix seconds: then it can be taken back */
	struct amount balance; /* in escrow and free */
};
int bonding_read(struct bonding *b, const struct address *who, struct bond_standing *out,
		 struct err *e) mustcheck;
/* Print it. */
int bonding_show(struct bonding *b, const struct address *who, struct err *e) mustcheck;
/* The words after "bond": none (show), AMOUNT, "release [AMOUNT]", "take". What the
 * escrow balance lacks for AMOUNT is deposited from the wallet. */
int bonding_run(struct bonding *b, int argc, char **argv, struct err *e) mustcheck;

#endif
