/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - what an event of the contract moves, as double entries: from where to
 * where, how much. The market's ledger and a statement of account are made of these;
 * `gavel audit ledger` adds up by itself, so that one is checked by the other. Pure.
 */
#ifndef GAVEL_LEDGER_H
#define GAVEL_LEDGER_H

#include "lease/escrow.h"

enum ledger_kind {
	LEDGER_WORLD,	/* wallets: outside of the contract */
	LEDGER_BALANCE, /* an address's */
	LEDGER_BOND,	/* an address's */
	LEDGER_ESCROW,	/* a lease's deposit */
};

struct ledger_account {
	enum ledger_kind kind;
	struct address who; /* LEDGER_BALANCE, LEDGER_BOND */
	struct hash lease;  /* LEDGER_ESCROW */
};

struct ledger_move {
	struct ledger_account from, to;
	struct amount amount; /* never 0 */
};

#define LEDGER_MOVES 3
/* How many; 0 for events that move nothing. */
size_t ledger_moves(const struct escrow_event *ev, struct ledger_move out[static LEDGER_MOVES]);

/* "balance:0x..", "bond:0x..", "escrow:0x..", "world". */
const char *ledger_name(struct arena *a, const struct ledger_account *account);

/* What it takes out of, and puts into, the balance of one address. False: neither. */
bool ledger_of(const struct escrow_event *ev, const struct address *who, struct amount *in,
	       struct amount *out);

#endif
