/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.h - the head of the market's chain of records, as it stands on the chain: so
 * that a market cannot show one history to one and another to the next. A record
 * names the one before it, so one head fixes all records up to its own. Pure.
 *
 *	"gavel head 1" | number, 8 bytes, big-endian | record_hash(), 32 bytes
 *
 * It is the data of a transaction of the market's key, in one of two places:
 *
 *	to itself         a head and nothing else
 *	to the escrow     behind the batch of openMany, settleMany or closeMany, of which
 *	                  the contract reads no further than the batch's length says
 *
 * The transactions of a key are numbered without a gap, and the chain knows how many
 * there are: who has seen all of them has seen all heads. heads_audit() is given them
 * in that order, as its caller has read them from the chain.
 */
#ifndef GAVEL_HEAD_H
#define GAVEL_HEAD_H

#include "lease/record.h"

#define HEAD_BYTES 52u

extern const struct code HEAD_DIFFERS;	 /* the chain has another record of that number */
extern const struct code HEAD_FORKS;	 /* two heads of one number: two histories, proven */
extern const struct code HEAD_NO_RECORD; /* a head of which the market shows no record */
extern const struct code HEAD_HIDDEN;	 /* a transaction of the market's key is not shown */

struct head {
	uint64_t number;
	struct hash record;
};

void head_write(const struct head *h, uint8_t out[static HEAD_BYTES]);
/* These bytes, all of them, are a head. */
bool head_read(const uint8_t *b, size_t len, struct head *out) mustcheck;
/* In the data of a transaction of `market`'s to `to`. */
bool head_find(const struct address *market, const struct address *escrow, const struct address *to,
	       const uint8_t *data, size_t len, struct head *out) mustcheck;

/* Something has happened in the tick of `r`: orders, rounds, another book. What says
 * only that the market is there need not go on the chain. before: NULL of the first. */
bool record_stirs(const struct record_terms *before, const struct record_terms *r);

/* ------------------------------------------------------------------ */

/* A transaction of the market's key, as the chain has it. */
struct head_tx {
	uint64_t nonce;
	struct hash tx;
	uint64_t at; /* unix seconds, of its block */
	bool carries;
	uint64_t number; /* the head, if it carries one */
	struct hash record;
};
extern const struct json_field head_tx_fields[];

struct heads {
	const struct domain *domain;
	struct address market;
	const struct head_tx *txs; /* by nonce */
	size_t tx_count;
	const struct record *records; /* by number */
	size_t record_count;
	uint32_t every_s; /* as the market publishes it */
	uint64_t now;	  /* unix seconds; 0: not asked how long the last one waits */
};

/* What is told and is no lie. */
struct heads_told {
	size_t heads;
	bool any;
	uint64_t covered; /* any: records up to this number are fixed by a head */
	/* The longest time for which something that happened was on no chain, if it is
	 * more than HEADS_LATE times every_s: from this record on. */
	bool late, still; /* still: it waits now */
	uint64_t late_from, late_s;
};
#define HEADS_LATE 3u

/* The records follow each other, and every head is the record of its number. A head of
 * a number below the first record shown is only compared with other heads. Which codes:
 * above, AUDIT_CHAIN, AUDIT_SIGNATURE; the text names number, nonce and transaction. */
int heads_audit(const struct heads *h, struct heads_told *told, struct err *e) mustcheck;

#endif
