/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/key.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

const struct code SIGNATURE_BAD = { "signature_bad", DENIED,
				    "the signature is not by the one it should be by" };

static secp256k1_context *
context(void)
{
	static secp256k1_context *ctx;
	uint8_t seed[32];

	if (ctx == NULL) {
		ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
		random_bytes(seed, sizeof(seed));
		if (ctx == NULL || secp256k1_context_randomize(ctx, seed) != 1)
			fatal("secp256k1 context");
	}
	return ctx;
}

/* The last 20 bytes of the hash of the point, without its 0x04. */
static void
address_of(const secp256k1_pubkey *pub, struct address *out)
{
	uint8_t point[65];
	size_t len = sizeof(point);
	struct hash h;

	secp256k1_ec_pubkey_serialize(context(), point, &len, pub, SECP256K1_EC_UNCOMPRESSED);
	keccak256(point + 1, 64, &h);
	memcpy(out->b, h.b + 12, 20);
}

int
key_from_secret(const uint8_t secret[static 32], struct key *key, struct err *e)
{
	secp256k1_pubkey pub;

	if (secp256k1_ec_pubkey_create(context(), &pub, secret) != 1)
		return err_set(e, &ERR_BAD_DATA,
			       "not a private key: zero or above the group order");
	memcpy(key->secret, secret, 32);
	address_of(&pub, &key->address);
	return 0;
}

void
key_new(struct key *key)
{
	struct err e = ERR_NONE;
	uint8_t secret[32];

	do
		random_bytes(secret, sizeof(secret));
	while (key_from_secret(secret, key, &e) < 0);
	explicit_bzero(secret, sizeof(secret));
}

void
key_release(struct key *key)
{
	explicit_bzero(key, sizeof(*key));
}

void
key_sign(const struct key *key, const struct hash *digest, struct sig *sig)
{
	secp256k1_ecdsa_recoverable_signature s;
	int recid;

	/* RFC 6979 nonces and low s are the library's default. */
	if (secp256k1_ecdsa_sign_recoverable(context(), &s, digest->b, key->secret, NULL, NULL) !=
	    1)
		fatal("signing failed");
	secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), sig->b, &recid, &s);
	if (recid > 1)
		fatal("a signature that Ethereum cannot carry"); /* chance 2^-127 */
	sig->b[32] = (uint8_t)(sig->b[32] | recid << 7);
}

/* s <= n/2, as the contract demands: one form only of each signature. */
static bool
low_s(const uint8_t s[static 32])
{
	static const uint8_t half[32] = { 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					  0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d,
					  0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0 };

	return memcmp(s, half, sizeof(half)) <= 0;
}

int
sig_recover(const struct sig *sig, const struct hash *digest, struct address *who, struct err *e)
{
	secp256k1_ecdsa_recoverable_signature s;
	secp256k1_pubkey pub;
	uint8_t compact[64];
	int recid = sig->b[32] >> 7;

	memcpy(compact, sig->b, sizeof(compact));
	compact[32] &= 0x7f;
	if (!low_s(compact + 32) ||
	    secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &s, compact, recid) !=
		    1 ||
	    secp256k1_ecdsa_recover(context(), &pub, &s, digest->b) != 1)
		return err_set(e, &SIGNATURE_BAD, "not a valid signature");
	address_of(&pub, who);
	return 0;
}

int
sig_check(const struct sig *sig, const struct hash *digest, const struct address *who,
	  struct err *e)
{
	char got[ADDRESS_TEXT_SIZE], want[ADDRESS_TEXT_SIZE];
	struct address signer;

	if (sig_recover(sig, digest, &signer, e) < 0)
		return -1;
	if (!address_equal(&signer, who))
		return err_set(e, &SIGNATURE_BAD, "signed by %s, not by %s",
			       address_text(&signer, got), address_text(who, want));
	return 0;
}
