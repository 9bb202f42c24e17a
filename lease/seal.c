/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/seal.h"

#include <sodium.h>

const struct code SEAL_BROKEN = { "seal_broken", INVALID, "the sealed box does not open" };

#define SCRYPT_MEMORY_MAX ((uint64_t)1 << 30)
#define SCRYPT_P_MAX	  16u

static void
start(void)
{
	if (sodium_init() < 0)
		fatal("libsodium");
}

void
seal_keys_from_seed(const uint8_t seed[static 32], uint8_t public_key[static 32],
		    uint8_t secret_key[static 32])
{
	start();
	crypto_box_seed_keypair(public_key, secret_key, seed);
}

bool
seal_keys_match(const uint8_t public_key[static 32], const uint8_t secret_key[static 32])
{
	uint8_t own[32];

	start();
	return crypto_scalarmult_base(own, secret_key) == 0 && memcmp(own, public_key, 32) == 0;
}

uint8_t *
seal_box(struct arena *a, const uint8_t public_key[static 32], const void *text, size_t len,
	 size_t *box_len)
{
	uint8_t *box = arena_alloc(a, len + crypto_box_SEALBYTES);

	start();
	if (crypto_box_seal(box, text, len, public_key) != 0)
		fatal("crypto_box_seal");
	*box_len = len + crypto_box_SEALBYTES;
	return box;
}

char *
seal_open(struct arena *a, const uint8_t public_key[static 32], const uint8_t secret_key[static 32],
	  const uint8_t *box, size_t box_len, size_t *len, struct err *e)
{
	char *text;

	start();
	if (box_len < crypto_box_SEALBYTES) {
		err_set(e, &SEAL_BROKEN, "%zu bytes are too few", box_len);
		return NULL;
	}
	*len = box_len - crypto_box_SEALBYTES;
	text = arena_alloc(a, *len + 1);
	if (crypto_box_seal_open((uint8_t *)text, box, box_len, public_key, secret_key) != 0) {
		err_set(e, &SEAL_BROKEN, "made for another key, or damaged");
		return NULL;
	}
	return text;
}

int
seal_scrypt(const char *password, const uint8_t *salt, size_t salt_len, uint64_t n, uint32_t r,
	    uint32_t p, uint8_t out[static 32], struct err *e)
{
	start();
	if (n < 2 || (n & (n - 1)) != 0 || r == 0 || p == 0 || p > SCRYPT_P_MAX ||
	    n > SCRYPT_MEMORY_MAX / 128 / r)
		return err_set(e, &SEAL_BROKEN, "scrypt with n=%llu r=%u p=%u",
			       (unsigned long long)n, r, p);
	if (crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)password, strlen(password), salt,
						  salt_len, n, r, p, out, 32) != 0)
		return err_set(e, &SEAL_BROKEN, "scrypt: no memory");
	return 0;
}
