/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - sealed boxes: anyone can close one, only the key opens it (libsodium
 * crypto_box_seal: X25519, XSalsa20-Poly1305). Pure but for the ephemeral key
 * inside a box.
 *
 * The only door to libsodium, hence scrypt too: OpenSSL's refuses N >= 2^(16 r),
 * which other wallets have written.
 */
#ifndef GAVEL_SEAL_H
#define GAVEL_SEAL_H

#include "lib/arena.h"

extern const struct code SEAL_BROKEN;

void seal_keys_from_seed(const uint8_t seed[static 32], uint8_t public_key[static 32],
			 uint8_t secret_key[static 32]);
/* Whether the public key is this secret key's. */
bool seal_keys_match(const uint8_t public_key[static 32], const uint8_t secret_key[static 32]);
uint8_t *seal_box(struct arena *a, const uint8_t public_key[static 32], const void *text,
		  size_t len, size_t *box_len) mustcheck;
/* The text, NUL-ended, in the arena; NULL with SEAL_BROKEN. */
char *
seal_open(struct arena *a, const uint8_t public_key[static 32], const uint8_t secret_key[static 32],
	  const uint8_t *box, size_t box_len, size_t *len, struct err *e) mustcheck;

/* scrypt (RFC 7914). n is a power of two; refused with SEAL_BROKEN when it
 * would take more than 1 GiB of memory or p is above 16. */
int seal_scrypt(const char *password, const uint8_t *salt, size_t salt_len, uint64_t n, uint32_t r,
		uint32_t p, uint8_t out[static 32], struct err *e) mustcheck;

#endif
