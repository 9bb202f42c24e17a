/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keccak-256 with the original padding (0x01), as the Ethereum Yellow Paper
 * uses it. OpenSSL 3.0 has only SHA3-256, whose padding differs: with it every
 * address would be silently wrong.
 *
 * Source: the Keccak reference, version 3.0, sections 1.2 and 2.
 */
#include "bytes.h"

#define RATE   136 /* bytes absorbed at a time: 1600 - 2 * 256 bits */
#define ROUNDS 24

static const uint64_t round_constants[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
	0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
	0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};
static const unsigned rotations[24] = { 1,  3,	6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
					27, 41, 56, 8,	25, 43, 62, 18, 39, 61, 20, 44 };
static const unsigned lanes[24] = { 10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
				    15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1 };

static uint64_t
rotate(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void
permute(uint64_t s[static 25])
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t c[5], t;

		for (unsigned x = 0; x < 5; x++) /* theta */
			c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
		for (unsigned x = 0; x < 5; x++) {
			t = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
			for (unsigned y = 0; y < 25; y += 5)
				s[x + y] ^= t;
		}
		t = s[1];
		for (unsigned i = 0; i < 24; i++) { /* rho and pi */
			uint64_t next = s[lanes[i]];

			s[lanes[i]] = rotate(t, rotations[i]);
			t = next;
		}
		for (unsigned y = 0; y < 25; y += 5) { /* chi */
			memcpy(c, s + y, sizeof(c));
			for (unsigned x = 0; x < 5; x++)
				s[x + y] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]);
		}
		s[0] ^= round_constants[round]; /* iota */
	}
}

static void
absorb(uint64_t s[static 25], const uint8_t block[static RATE])
{
	for (unsigned i = 0; i < RATE / 8; i++) {
		uint64_t lane = 0;

		for (unsigned k = 8; k-- > 0;)
			lane = lane << 8 | block[8 * i + k];
		s[i] ^= lane;
	}
	permute(s);
}

void
keccak256(const void *data, size_t len, struct hash *out)
{
	const uint8_t *p = data;
	uint8_t last[RATE] = { 0 };
	uint64_t s[25] = { 0 };

	for (; len >= RATE; len -= RATE, p += RATE)
		absorb(s, p);
	if (len != 0)
		memcpy(last, p, len);
	last[len] = 0x01;
	last[RATE - 1] |= 0x80;
	absorb(s, last);
	for (unsigned i = 0; i < 32; i++)
		out->b[i] = (uint8_t)(s[i / 8] >> (8 * (i % 8)));
}
