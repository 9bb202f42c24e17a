/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - a secp256k1 key: sign and recover (the only door to libsecp256k1).
 * Signatures are compact (EIP-2098), deterministic (RFC 6979), low s.
 */
#ifndef GAVEL_KEY_H
#define GAVEL_KEY_H

#include "lib/bytes.h"

struct key {
	uint8_t secret[32]; /* wiped by key_release */
	struct address address;
};

extern const struct code SIGNATURE_BAD; /* does not recover, or recovers to another */

int key_from_secret(const uint8_t secret[static 32], struct key *key, struct err *e) mustcheck;
void key_new(struct key *key);
void key_release(struct key *key);
void key_sign(const struct key *key, const struct hash *digest, struct sig *sig);
/* Refuses high s and anything that does not recover. */
int sig_recover(const struct sig *sig, const struct hash *digest, struct address *who,
		struct err *e) mustcheck;
/* -1 with SIGNATURE_BAD unless `who` signed the digest. */
int sig_check(const struct sig *sig, const struct hash *digest, const struct address *who,
	      struct err *e) mustcheck;

#endif
