/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx_test.c - type 2 transactions, byte for byte as viem signs them with the key
 * of EIP-155's example (viem_test.c asks it again, and for more).
 */
#include "lease/tx.h"

#include "tests/unit/tap.h"

static struct arena arena;
static struct key key;

static const uint8_t low = 0x7f;
static const uint8_t zeros[55];

static const struct {
	struct tx tx;
	const char *raw;
} cases[] = {
	{ { .chain_id = 31337,
	    .tip = 1,
	    .max_fee = 2,
	    .gas = 21000,
	    .to = { { 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
		      0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11 } } },
	  "0x02f864827a69800102825208941111111111111111111111111111111111111111"
	  "8080c001a0a7977bd1e7050c2dee4f859c49ffe6524b0f0152a7674d3178e894546adbef4e"
	  "a007ab56824c45d0e633e4ef46fa412f4fbcdaf3ca591ad2c79ddeff716a5c45ce" },
	{ { .chain_id = 1,
	    .nonce = 127,
	    .tip = 1000000000,
	    .max_fee = ((u128)1 << 80) + 1,
	    .gas = 16777216,
	    .value = (u128)1 << 100,
	    .data = &low,
	    .data_len = 1 },
	  "0x02f880017f843b9aca008b010000000000000000000184010000009400000000000000000000"
	  "000000000000000000008d100000000000000000000000007fc080a0c8dab8ff2de1907a6956e57"
	  "59729f5dc0cf34d87f1a1577c3b2b1e6184e180a7a0072102363e9658aa6da0142c9e9fac89f903"
	  "c4b1c0282daddb7b3e573662eb19" },
	/* 55 bytes of data: the longest short string */
	{ { .chain_id = 11155111,
	    .nonce = 65536,
	    .tip = 5,
	    .max_fee = 5,
	    .gas = 99999,
	    .to = { { 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
		      0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22 } },
	    .data = zeros,
	    .data_len = sizeof(zeros) },
	  "0x02f8a083aa36a78301000005058301869f9422222222222222222222222222222222222222"
	  "2280b70000000000000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000c001a017e51455f8a7c4e1e9a106123e7994"
	  "2547bcfec6f58479e7df5259e5b427f57ca030717f64b757a0fb91e5506c2594785293c33c68"
	  "130ffe3b7eded1bab1748cf5" },
};

static void
test_signed(void)
{
	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct hash digest, hash, again;
		struct err e = ERR_NONE;
		const uint8_t *raw;
		struct sig sig;
		size_t len;

		raw = tx_sign(&arena, &cases[i].tx, &key, &len, &hash);
		is_str(hex_text(raw, len, arena_alloc(&arena, 2 * len + 3)), cases[i].raw,
		       "the signed bytes");
		keccak256(raw, len, &again);
		ok(hash_equal(&hash, &again), "and their hash");
		digest = tx_digest(&arena, &cases[i].tx);
		key_sign(&key, &digest, &sig);
		ok(sig_check(&sig, &digest, &key.address, &e) == 0, "the digest is what is signed");
		raw = tx_encode_signed(&arena, &cases[i].tx, &sig, &len, &again);
		ok(hash_equal(&hash, &again), "the same in two steps");
	}
}

/* Integers lose their leading zeros: the hash must be right there too. */
static void
test_short_integers(void)
{
	struct tx tx = cases[0].tx;
	unsigned short_r = 0, short_s = 0;

	for (tx.nonce = 0; tx.nonce < 600; tx.nonce++) {
		struct hash digest = tx_digest(&arena, &tx), hash;
		const uint8_t *raw;
		struct sig sig;
		size_t len, full;

		key_sign(&key, &digest, &sig);
		raw = tx_encode_signed(&arena, &tx, &sig, &len, &hash);
		full = tx.nonce < 0x80 ? 103 : tx.nonce < 0x100 ? 104 : 105;
		if (sig.b[0] == 0)
			full--, short_r++;
		if ((sig.b[32] & 0x7f) == 0)
			full--, short_s++;
		if (len != full || raw[1] != 0xf8 || raw[2] != len - 3)
			ok(false, "nonce %u: %zu bytes", (unsigned)tx.nonce, len);
	}
	ok(short_r > 0 && short_s > 0, "of 600 signatures %u had a short r, %u a short s", short_r,
	   short_s);
}

/* Each member is part of what is signed. */
static void
test_digest(void)
{
	struct hash first = tx_digest(&arena, &cases[1].tx);
	struct tx changed[9];

	for (size_t i = 0; i < NELEMS(changed); i++)
		changed[i] = cases[1].tx;
	changed[0].chain_id++;
	changed[1].nonce++;
	changed[2].tip++;
	changed[3].max_fee++;
	changed[4].gas++;
	changed[5].to.b[19]++;
	changed[6].creates = true;
	changed[7].value++;
	changed[8].data_len = 0;
	for (size_t i = 0; i < NELEMS(changed); i++) {
		struct hash h = tx_digest(&arena, &changed[i]);

		ok(!hash_equal(&h, &first), "change %zu shows in the digest", i);
	}
}

static void
test_created(void)
{
	static const struct {
		uint64_t nonce;
		const char *address;
	} created[] = { { 0, "0x72665d3e94Cb4f374b7728F1ab21A3115C4D50Eb" },
			{ 300, "0xa65e5EBF708124261D0b62a954fEBCfD85b69a40" } };

	for (size_t i = 0; i < NELEMS(created); i++) {
		struct address a = tx_created(&key.address, created[i].nonce);
		char text[ADDRESS_TEXT_SIZE];

		is_str(address_text(&a, text), created[i].address, "where a contract will be");
	}
}

/* What was written is read again; anything cut or changed in form is not. */
static void
test_read(void)
{
	uint8_t data[300] = { 1, 2 };
	struct tx tx = { .chain_id = 31337,
			 .nonce = 300,
			 .gas = 21000,
			 .tip = 7,
			 .max_fee = (u128)1 << 90,
			 .to = key.address,
			 .value = 5 };
	size_t sizes[] = { 0, 1, 55, 56, 300 };

	for (size_t i = 0; i < NELEMS(sizes); i++) {
		const uint8_t *raw;
		struct hash hash;
		struct tx out;
		size_t len, bad = 0;

		tx.data = data;
		tx.data_len = sizes[i];
		raw = tx_sign(&arena, &tx, &key, &len, &hash);
		ok(tx_read(raw, len, &out) && out.chain_id == 31337 && out.nonce == 300 &&
			   out.gas == 21000 && out.tip == 7 && out.max_fee == tx.max_fee &&
			   out.value == 5 && !out.creates && address_equal(&out.to, &tx.to) &&
			   out.data_len == sizes[i] && memcmp(out.data, data, sizes[i]) == 0,
		   "%zu bytes of data are read again", sizes[i]);
		for (size_t n = 0; n < len; n++)
			bad += tx_read(raw, n, &out);
		is_int((long long)bad, 0, "cut anywhere it is refused");
	}
	ok(!tx_read((const uint8_t *)"\x01\xc0", 2, &tx), "another type is refused");
}

int
main(void)
{
	struct err e = ERR_NONE;
	uint8_t secret[32];

	arena_init(&arena, 0);
	memset(secret, 0x46, sizeof(secret));
	if (key_from_secret(secret, &key, &e) < 0)
		fatal("%s", e.text);
	test_signed();
	test_short_integers();
	test_digest();
	test_created();
	test_read();
	key_release(&key);
	arena_release(&arena);
	return tap_done();
}
