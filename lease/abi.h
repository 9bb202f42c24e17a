/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi.h - Solidity's contract ABI: calls out, words in. Pure.
 *
 * Only what the escrow needs: static words, a dynamic tuple or `bytes` as the
 * last argument, and numbers without padding inside those bytes. Source: the Solidity
 * documentation, "Contract ABI Specification". Numbers and addresses stand right in their word,
 * bytesN left.
 */
#ifndef GAVEL_ABI_H
#define GAVEL_ABI_H

#include "lib/amount.h"
#include "lib/bytes.h"

struct abi {
	struct arena *arena; /* borrowed */
	uint8_t *b;
	size_t len, size;
};

/* Begin a call: the first four bytes of Keccak-256 of "name(type,...)". */
void abi_call(struct abi *abi, struct arena *a, const char *signature);
/* Begin a creation: the contract's code; the constructor's words follow. */
void abi_create(struct abi *abi, struct arena *a, const uint8_t *code, size_t len);
void abi_uint(struct abi *abi, u128 v);
void abi_bytes32(struct abi *abi, const struct hash *h);
void abi_address(struct abi *abi, const struct address *a);
/* A compact signature as the tuple (bytes32 r, bytes32 vs). */
void abi_sig(struct abi *abi, const struct sig *sig);
/* Signatures as `bytes`, the last members of a dynamic tuple that began at
 * `begun`: their offsets, then they. One of zeros is empty. */
void abi_sigs(struct abi *abi, size_t begun, const struct sig *const *sigs, size_t count);
/* The only argument is `bytes`: what is added until the end is their content. */
size_t abi_bytes_begin(struct abi *abi);
void abi_bytes_end(struct abi *abi, size_t begun);
/* Without padding, as they are; numbers big-endian. */
void abi_raw(struct abi *abi, const void *b, size_t len);
void abi_raw_uint(struct abi *abi, u128 v, size_t bytes);

/* topic0 of an event, or the type hash of a struct. */
struct hash abi_topic(const char *signature);

/* Reading words; false past the end or when the value does not fit. */
bool abi_word(const uint8_t *data, size_t len, size_t index, struct hash *out);
bool abi_word_uint(const uint8_t *data, size_t len, size_t index, u128 *out);
bool abi_word_address(const uint8_t *data, size_t len, size_t index, struct address *out);
/* `bytes` or `string`, whose offset stands in the word; points into data. */
bool abi_word_bytes(const uint8_t *data, size_t len, size_t index, const uint8_t **bytes,
		    size_t *bytes_len);
bool abi_hash_uint(const struct hash *word, u128 *out);
bool abi_hash_address(const struct hash *word, struct address *out);

#endif
