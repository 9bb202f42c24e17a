/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the process that holds the key, and nothing else.
 *
 * It serves one channel with a short vocabulary. Every verb takes a statement,
 * not a digest: the signer hashes it itself under its own domain, so whoever
 * takes over the network-facing process can ask for statements of these kinds
 * and for nothing else. Transactions go only to the escrow contract or the
 * token, never with value; or to its own address, empty to use up a nonce, or with the
 * head of the chain of records (head.h).
 *
 * Rounds. The X25519 key of a sealed round is derived from the signing key, the
 * order and the round, so nothing secret is stored. ROUND_CLOSE signs the root
 * of all envelopes and only with it gives out the key that opens them: whoever
 * can read a bid has already committed to the set of bids.
 */
#ifndef GAVEL_SIGNER_H
#define GAVEL_SIGNER_H

#include "lease/key.h"
#include "lease/terms.h"
#include "lease/tx.h"
#include "lib/chan.h"

enum signer_verb {
	SIGN_ADDRESS = 1, /* () -> address */
	SIGN_AWARD,	  /* award_terms -> sig */
	SIGN_ROUND_KEY,	  /* signer_round -> public key */
	SIGN_ROUND_CLOSE, /* signer_round -> signer_round_closed */
	SIGN_TX,	  /* signer_tx, then data -> raw transaction */
	SIGN_BID,	  /* bid_terms -> sig */
	SIGN_LEASE,	  /* lease_terms -> sig */
	SIGN_USAGE,	  /* usage_terms -> sig of the usage, sig of its voucher */
	SIGN_RELEASE,	  /* release_terms -> sig */
	SIGN_PROVIDER,	  /* signer_provider -> sig */
	SIGN_TOKEN,	  /* signer_token -> JWT text */
	SIGN_RECEIPT,	  /* receipt_terms, up to SIGN_RECEIPTS_MAX -> as many sigs */
	SIGN_RECORD,	  /* record_terms -> sig */
	SIGN_OFFER,	  /* offer_head, then the offer's canonical JSON -> sig */
	SIGN_POOL = 30,	  /* pool_terms -> sig */
	SIGN_SPOT_RUN,	  /* spot_run_terms -> sig */
	SIGN_SPOT_PRICE,  /* spot_price_terms -> sig */
};

/* Receipts come in crowds: one call signs as many as wait. */
#define SIGN_RECEIPTS_MAX 256u

struct signer_round {
	struct hash order;
	uint64_t round;
	struct hash root; /* ROUND_CLOSE only */
};

struct signer_round_closed {
	struct sig sig;	 /* over round_terms */
	struct hash key; /* the secret key of the round */
};

struct signer_tx {
	uint64_t nonce, gas;
	u128 tip, max_fee;
	struct address to;
	/* followed by the calldata */
};

struct signer_provider {
	struct provider_terms terms; /* its url is a pointer: the text below counts */
	char url[256];
};

struct signer_token {
	struct address audience;
	wall_t now;
	uint32_t lives_s;
	struct hash lease; /* zero: none */
	char scope[16];
};

struct signer {
	struct key key; /* wiped when the process ends */
	struct domain domain;
	struct address token; /* the ERC-20, the only other transaction target */
};

/* Which verbs a program's signer serves. */
extern const struct verb signer_market_verbs[], signer_provider_verbs[];

/* Asking: start the call in a step, read the answer in the next. */
enum next signer_start(struct task *t, struct chan *c, struct chan_call *call,
		       enum signer_verb verb, const void *in, size_t len);
/* -1 with the signer's error, or when the answer has another length. */
int signer_answer(const struct chan_call *call, void *out, size_t len, struct err *e) mustcheck;

#endif
