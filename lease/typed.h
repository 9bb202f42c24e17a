/* SPDX-License-Identifier: Apache-2.0 */
/*
 * typed.h - the words of EIP-712: hashStruct = keccak256(typeHash || words), each
 * member one 32-byte word, a string as its own hash. Pure.
 */
#ifndef GAVEL_TYPED_H
#define GAVEL_TYPED_H

#include "lib/bytes.h"

struct words {
	uint8_t b[32 * 16];
	size_t len;
};

struct words words_begin(const char *type); /* its hash is the first word */
void word_hash(struct words *w, const struct hash *h);
void word_address(struct words *w, const struct address *a);
void word_uint(struct words *w, u128 v);
void word_string(struct words *w, const char *s);
struct hash words_end(const struct words *w);

#endif
