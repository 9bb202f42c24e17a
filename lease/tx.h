/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx.h - EIP-1559 transactions (type 2): what is hashed, signed and sent. Pure.
 *
 * tx_sign() where the key is at hand; where it is not, tx_digest() is what
 * another process signs and tx_encode_signed() what is sent then.
 */
#ifndef GAVEL_TX_H
#define GAVEL_TX_H

#include "lease/key.h"

struct tx {
	uint64_t chain_id, nonce, gas;
	u128 tip, max_fee; /* wei per gas */
	struct address to;
	bool creates; /* a contract: `to` is not used */
	u128 value;
	const uint8_t *data; /* borrowed */
	size_t data_len;
};

struct hash tx_digest(struct arena *a, const struct tx *tx);
/* The signed bytes, in the arena, and the transaction's hash: known before it
 * is sent, so it can be followed whatever happens. */
const uint8_t *tx_encode_signed(struct arena *a, const struct tx *tx, const struct sig *sig,
				size_t *len, struct hash *hash);
/* Both in one. */
const uint8_t *tx_sign(struct arena *a, const struct tx *tx, const struct key *key, size_t *len,
		       struct hash *hash);
/* What such bytes say, without the signature; data points into them. False: they
 * are not of our making. */
bool tx_read(const uint8_t *raw, size_t len, struct tx *out) mustcheck;
/* The address of the contract that a creation makes. */
struct address tx_created(const struct address *from, uint64_t nonce);

#endif
