/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heads.h - the heads of a market's records, read from the chain for lease/head.h to
 * judge. The market says in which transactions its key has put them; what they hold,
 * the chain says. A nonce that the market leaves out is looked for on the chain, by
 * the key's transaction count after each block, so that leaving out hides nothing;
 * where the node no longer knows such counts, HEADS_UNSEEN says which nonce it is.
 */
#ifndef GAVEL_HEADS_H
#define GAVEL_HEADS_H

#include "lease/head.h"
#include "tenant/tenant.h"

extern const struct code HEADS_UNSEEN;

struct heads_seen {
	struct json_list txs;	  /* of struct head_tx, by nonce, none left out */
	struct json_list records; /* of struct record, by number */
	uint32_t every_s;	  /* as published; 0: this market puts no heads on the chain */
	uint64_t now;		  /* unix seconds; 0: the last tick asked for has its head */
};
extern const struct json_field heads_seen_fields[];

/* For ticks `from` to `to`: from the last head before them, or the key's first
 * transaction, to the first head that fixes all of them, or the key's last. */
int heads_of_ticks(struct context *c, uint64_t from, uint64_t to, struct heads_seen *out,
		   struct err *e) mustcheck;
/* All transactions of the key from a nonce on. */
int
heads_of_key(struct context *c, uint64_t nonce, struct heads_seen *out, struct err *e) mustcheck;
/* Judge, by the market's key. */
int heads_judge(const struct heads_seen *seen, const struct domain *d, const struct address *market,
		struct heads_told *told, struct err *e) mustcheck;
/* The record of a number is this one, as far as it was gathered. */
bool heads_agree(const struct heads_seen *seen, const struct record *r);
/* One line of what is told. */
void heads_say(struct context *c, const struct heads_seen *seen, const struct heads_told *told);

#endif
