/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/seal.h"

#include <sodium.h>

const struct code SEAL_BROKEN = { "seal_broken", INVALID, "the sealed box does not open" };

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
