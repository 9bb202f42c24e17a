/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h - fixed byte strings and their text: hashes, addresses,
 * signatures; hexadecimal, base64; SHA-256 and Keccak-256.
 *
 * Hex text of values is lower case with 0x, except addresses, which are
 * written with their EIP-55 checksum.
 */
#ifndef GAVEL_BYTES_H
#define GAVEL_BYTES_H

#include "arena.h"

struct hash {
	uint8_t b[32];
};

struct address {
	uint8_t b[20];
};

/* A compact signature: r, then s with the parity in its top bit (EIP-2098). */
struct sig {
	uint8_t b[64];
};

#define HASH_TEXT_SIZE	  67  /* 0x + 64 + NUL */
#define ADDRESS_TEXT_SIZE 43  /* 0x + 40 + NUL */
#define SIG_TEXT_SIZE	  131 /* 0x + 128 + NUL */

/* Text into the caller's buffer, which is returned. */
const char *hash_text(const struct hash *h, char out[static HASH_TEXT_SIZE]);
const char *address_text(const struct address *a, char out[static ADDRESS_TEXT_SIZE]);
const char *sig_text(const struct sig *s, char out[static SIG_TEXT_SIZE]);
const char *hex_text(const void *bytes, size_t len, char *out); /* 2 * len + 3 */

/* Exactly `len` bytes from hex text, with or without 0x. */
int hex_read(const char *text, void *bytes, size_t len, struct err *e) mustcheck;
int hash_read(const char *text, struct hash *out, struct err *e) mustcheck;
/* Mixed case must match its EIP-55 checksum; all lower or all upper is taken. */
int address_read(const char *text, struct address *out, struct err *e) mustcheck;
int sig_read(const char *text, struct sig *out, struct err *e) mustcheck;

bool hash_equal(const struct hash *a, const struct hash *b);
static inline bool
address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
bool address_is_zero(const struct address *a);

/* Keccak-256 as Ethereum uses it: padding 0x01, not SHA3-256's 0x06. */
void keccak256(const void *data, size_t len, struct hash *out);
/* SHA-256 (FIPS 180-4). */
void sha256(const void *data, size_t len, struct hash *out);
/* The same in pieces: new, add, end. The end gives the memory back. */
struct sha256;
struct sha256 *sha256_new(void) mustcheck;
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, struct hash *out);

/* Base64 (RFC 4648 section 4) and its URL form without padding (section 5). */
char *base64_text(struct arena *a, const void *bytes, size_t len) mustcheck;
char *base64url_text(struct arena *a, const void *bytes, size_t len) mustcheck;
/* Either alphabet, padding optional. */
int base64_read(struct arena *a, const char *text, size_t len, uint8_t **bytes, size_t *bytes_len,
		struct err *e) mustcheck;

/* Bytes nobody can guess. The one place that asks for randomness. */
void random_bytes(void *out, size_t len);

#endif
