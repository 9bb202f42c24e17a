/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - sealed boxes: anyone can close one, only the key opens it (libsodium
 * crypto_box_seal: X25519, XSalsa20-Poly1305). The only door to libsodium. Pure
 * but for the ephemeral key inside a box.
 */
#ifndef GAVEL_SEAL_H
#define GAVEL_SEAL_H

#include "lib/arena.h"

extern const struct code SEAL_BROKEN;

void seal_keys_from_seed(const uint8_t seed[static 32], uint8_t public_key[static 32],
			 uint8_t secret_key[static 32]);
uint8_t *seal_box(struct arena *a, const uint8_t public_key[static 32], const void *text, size_t len,
		  size_t *box_len) mustcheck;
/* The text, NUL-ended, in the arena; NULL with SEAL_BROKEN. */
char *seal_open(struct arena *a, const uint8_t public_key[static 32],
		const uint8_t secret_key[static 32], const uint8_t *box, size_t box_len, size_t *len,
		struct err *e) mustcheck;

#endif
