/* SPDX-License-Identifier: Apache-2.0 */
/* key_test.c - Keccak, addresses and signatures against published vectors. */
#include "lease/key.h"

#include "tests/unit/tap.h"

static void
must_read(const char *text, void *out, size_t len)
{
	struct err e = ERR_NONE;

	if (hex_read(text, out, len, &e) < 0)
		fatal("a case is not hex: %s", text);
}

/* The lengths around the rate of 136 bytes, of the bytes i mod 251. */
static void
test_keccak(void)
{
	static const struct {
		size_t len;
		const char *hash;
	} cases[] = {
		{ 0, "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
		{ 1, "0xbc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a" },
		{ 135, "0xcbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62" },
		{ 136, "0x7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e" },
		{ 137, "0xac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db" },
		{ 271, "0x27eceb59ebc3dc8a04a5b135be641591a7278540e4556a2ba9f408194e666ec3" },
		{ 272, "0x8e2476e65823b24d96ebe239f2c1534cdf763e689e2410c3b1cb0c74e6177bfc" },
		{ 273, "0x3f02f134370e4debb95140ef49ddd3aed8c65ff1ed83a43f1b269421f179c5f9" },
	};
	char text[HASH_TEXT_SIZE], what[40];
	uint8_t bytes[273];
	struct hash h;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	for (size_t i = 0; i < NELEMS(cases); i++) {
		keccak256(bytes, cases[i].len, &h);
		snprintf(what, sizeof(what), "keccak of %zu bytes", cases[i].len);
		is_str(hash_text(&h, text), cases[i].hash, what);
	}
}

/* The list of EIP-55. */
static void
test_eip55(void)
{
	static const char *const good[] = {
		"0x52908400098527886E0F7030069857D2E4169EE7",
		"0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77",
		"0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
		"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	};
	static const char *const bad[] = {
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", /* one letter's case */
		"0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
		"",
	};
	char text[ADDRESS_TEXT_SIZE];
	struct err e = ERR_NONE;
	struct address a;

	for (size_t i = 0; i < NELEMS(good); i++) {
		ok(address_read(good[i], &a, &e) == 0, "%s is read", good[i]);
		is_str(address_text(&a, text), good[i], "and written alike");
	}
	for (size_t i = 0; i < NELEMS(bad); i++)
		ok(address_read(bad[i], &a, &e) < 0, "\"%s\" is refused", bad[i]);
}

/* secret, digest -> address, compact signature. The first two are EIP-2098's,
 * the third the Mail of EIP-712, signed by keccak256("cow"). */
static const struct vector {
	const char *secret, *digest, *address, *sig;
} vectors[] = {
	{ "1234567890123456789012345678901234567890123456789012345678901234",
	  "a1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2",
	  "0x2e988A386a799F506693793c6A5AF6B54dfAaBfB",
	  "0x68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90"
	  "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064" },
	{ "1234567890123456789012345678901234567890123456789012345678901234",
	  "ac33ec93c768b669bdb542a85baebaf7342d35fc9ad8fc0bbc1b852c6f8bf021",
	  "0x2e988A386a799F506693793c6A5AF6B54dfAaBfB",
	  "0x9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76"
	  "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793" },
	{ "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4",
	  "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2",
	  "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
	  "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
	  "87299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562" },
};

static void
test_signatures(void)
{
	for (size_t i = 0; i < NELEMS(vectors); i++) {
		char text[SIG_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
		struct err e = ERR_NONE;
		uint8_t secret[32];
		struct hash digest;
		struct address who;
		struct sig sig;
		struct key key;

		must_read(vectors[i].secret, secret, 32);
		must_read(vectors[i].digest, digest.b, 32);
		ok(key_from_secret(secret, &key, &e) == 0, "a key");
		is_str(address_text(&key.address, address), vectors[i].address, "its address");
		key_sign(&key, &digest, &sig);
		is_str(sig_text(&sig, text), vectors[i].sig, "its signature");
		ok(sig_recover(&sig, &digest, &who, &e) == 0 && address_equal(&who, &key.address),
		   "recovers to the signer");
		ok(sig_check(&sig, &digest, &key.address, &e) == 0, "and is the signer's");
		key_release(&key);
		memset(secret, 0, sizeof(secret));
		ok(memcmp(key.secret, secret, sizeof(secret)) == 0, "the secret is wiped");
	}
}

static void
test_bad_secrets(void)
{
	static const struct {
		const char *secret;
		bool good;
	} cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", false },
		{ "0000000000000000000000000000000000000000000000000000000000000001", true },
		{ "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140", true },
		{ "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", false },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		uint8_t secret[32];
		struct key key;

		must_read(cases[i].secret, secret, 32);
		ok((key_from_secret(secret, &key, &e) == 0) == cases[i].good,
		   "secret %.10s...%s is %s", cases[i].secret, cases[i].secret + 56,
		   cases[i].good ? "taken" : "refused");
	}
}

/* Above n/2 stands the mirror of a signature, which would recover as well:
 * neither we nor the contract take it. */
static void
test_bounds_of_s(void)
{
	static const struct {
		const char *s;
		bool good;
	} cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", false },
		{ "0000000000000000000000000000000000000000000000000000000000000001", true },
		{ "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", true },
		{ "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1", false },
		{ "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		struct hash digest;
		struct address who;
		struct sig sig;

		must_read(vectors[2].sig, sig.b, 64);
		must_read(vectors[2].digest, digest.b, 32);
		must_read(cases[i].s, sig.b + 32, 32);
		ok((sig_recover(&sig, &digest, &who, &e) == 0) == cases[i].good,
		   "s = %.6s...%s is %s", cases[i].s, cases[i].s + 56,
		   cases[i].good ? "taken" : "refused");
		ok(cases[i].good || e.code == &SIGNATURE_BAD, "with the right code");
	}
}

static void
test_bad_signatures(void)
{
	static const struct {
		const char *what;
		size_t at; /* 64: the digest; 65: all zero */
	} cases[] = { { "another r", 5 },
		      { "another s", 40 },
		      { "the other parity", 32 },
		      { "another digest", 64 },
		      { "nothing but zeros", 65 } };

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		struct hash digest;
		struct address who;
		struct sig sig;

		must_read(vectors[0].sig, sig.b, 64);
		must_read(vectors[0].digest, digest.b, 32);
		must_read(vectors[0].address, who.b, 20);
		if (cases[i].at < 64)
			sig.b[cases[i].at] ^= 0x80;
		else if (cases[i].at == 64)
			digest.b[31] ^= 1;
		else
			memset(&sig, 0, sizeof(sig));
		ok(sig_check(&sig, &digest, &who, &e) < 0, "%s is refused", cases[i].what);
		ok(e.code == &SIGNATURE_BAD, "as a bad signature");
	}
}

static void
test_new(void)
{
	struct err e = ERR_NONE;
	struct hash digest = { { 7 } };
	struct key a, b;
	struct sig sig;

	key_new(&a);
	key_new(&b);
	ok(!address_equal(&a.address, &b.address), "two new keys differ");
	key_sign(&a, &digest, &sig);
	ok(sig_check(&sig, &digest, &a.address, &e) == 0, "the one signed");
	ok(sig_check(&sig, &digest, &b.address, &e) < 0, "the other did not");
	ok(strstr(e.text, "not by") != NULL, "and the error names both");
	key_release(&a);
	key_release(&b);
}

int
main(void)
{
	test_keccak();
	test_eip55();
	test_signatures();
	test_bad_secrets();
	test_bounds_of_s();
	test_bad_signatures();
	test_new();
	return tap_done();
}
