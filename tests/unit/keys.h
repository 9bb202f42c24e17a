/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - keys of small numbers, and signatures by them, for tests of what is signed.
 * The test has a `domain` before it includes this.
 */
#ifndef GAVEL_TESTS_KEYS_H
#define GAVEL_TESTS_KEYS_H

#include "lease/key.h"
#include "lease/terms.h"

static inline struct key
key_number(uint8_t n)
{
	uint8_t secret[32] = { 0 };
	struct err e = ERR_NONE;
	struct key k;

	secret[31] = n;
	if (key_from_secret(secret, &k, &e) < 0)
		fatal("%s", e.text);
	return k;
}

static inline struct sig
sign(const struct key *k, struct hash h)
{
	struct hash digest = terms_digest(&domain, &h);
	struct sig sig;

	key_sign(k, &digest, &sig);
	return sig;
}

#endif
