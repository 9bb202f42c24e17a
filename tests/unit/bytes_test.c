/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h against published vectors, and what it must refuse. */
#include "lib/bytes.h"

#include "tests/unit/tap.h"

static void
test_hashes(void)
{
	static const struct {
		const char *text, *sha256, *keccak;
	} cases[] = {
		/* FIPS 180-4 examples; Keccak-256 as in Ethereum's empty code hash. */
		{ "", "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
		{ "abc", "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		  "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45" },
	};
	char text[HASH_TEXT_SIZE], big[1000];
	struct hash h, again;

	for (size_t i = 0; i < NELEMS(cases); i++) {
		sha256(cases[i].text, strlen(cases[i].text), &h);
		is_str(hash_text(&h, text), cases[i].sha256, "SHA-256");
		keccak256(cases[i].text, strlen(cases[i].text), &h);
		is_str(hash_text(&h, text), cases[i].keccak, "Keccak-256");
	}
	/* Around the rate of 136 bytes padding takes a block of its own. */
	memset(big, 'a', sizeof(big));
	for (size_t n = 134; n < 139; n++) {
		keccak256(big, n, &h);
		keccak256(big, n + 1, &again);
		ok(!hash_equal(&h, &again), "Keccak of %zu bytes differs from its neighbour", n);
	}
}

static void
test_hex(void)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "0x0102ff", true },	{ "0102FF", true },	 { "0X0102ff", true },
		{ "", false },		{ "0x", false },	 { "0x0102f", false },
		{ "0x0102ff0", false }, { "0x0102ff00", false }, { "0x0102fg", false },
		{ "0x 102ff", false },	{ "x0102ff", false },	 { "0x0x0102", false },
	};
	uint8_t b[3];

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		int r = hex_read(cases[i].text, b, sizeof(b), &e);

		ok((r == 0) == cases[i].good, "hex \"%s\" is %s", cases[i].text,
		   cases[i].good ? "taken" : "refused");
		ok(cases[i].good ? e.code == NULL && b[2] == 0xff : e.code == &ERR_BAD_DATA,
		   "hex \"%s\" leaves the right error", cases[i].text);
	}
}

static void
test_addresses(void)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		/* EIP-55, its own examples. */
		{ "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", true },
		{ "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", true },
		{ "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", true },
		{ "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", true },
		{ "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", true },
		{ "5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", true },
		{ "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", false },
		{ "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", false },
		{ "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", false },
		{ "", false },
	};
	struct address a, zero = { { 0 } };
	char text[ADDRESS_TEXT_SIZE];
	struct err e = ERR_NONE;

	for (size_t i = 0; i < NELEMS(cases); i++)
		ok((address_read(cases[i].text, &a, &e) == 0) == cases[i].good, "address %s is %s",
		   cases[i].text, cases[i].good ? "taken" : "refused");
	ok(address_read(cases[4].text, &a, &e) == 0, "an address without capitals");
	is_str(address_text(&a, text), cases[0].text, "is written with its checksum");
	ok(address_is_zero(&zero) && !address_is_zero(&a), "zero is told from others");
}

static void
test_base64(void)
{
	/* RFC 4648, section 10; then what it forbids. */
	static const struct {
		const char *plain, *text, *url;
	} good[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+", "-__-" },
	};
	static const char *const bad[] = { "Z",	   "Zm9vY",  "Zh==", "Zm9=",
					   "Zm 9", "Zm9v\n", "Zg=a", "*" };
	struct arena a;
	struct err e = ERR_NONE;
	uint8_t *b;
	size_t n;

	arena_init(&a, 0);
	for (size_t i = 0; i < NELEMS(good); i++) {
		size_t len = strlen(good[i].plain);

		is_str(base64_text(&a, good[i].plain, len), good[i].text, "base64");
		is_str(base64url_text(&a, good[i].plain, len), good[i].url, "base64url");
		ok(base64_read(&a, good[i].text, strlen(good[i].text), &b, &n, &e) == 0 &&
			   n == len && memcmp(b, good[i].plain, n) == 0,
		   "\"%s\" reads back", good[i].text);
		ok(base64_read(&a, good[i].url, strlen(good[i].url), &b, &n, &e) == 0 && n == len &&
			   memcmp(b, good[i].plain, n) == 0,
		   "\"%s\" reads back", good[i].url);
	}
	for (size_t i = 0; i < NELEMS(bad); i++) {
		e = (struct err)ERR_NONE;
		ok(base64_read(&a, bad[i], strlen(bad[i]), &b, &n, &e) < 0 &&
			   e.code == &ERR_BAD_DATA,
		   "base64 case %zu is refused", i);
	}
	arena_release(&a);
}

static void
test_random(void)
{
	uint8_t one[32], two[32];

	random_bytes(one, sizeof(one));
	random_bytes(two, sizeof(two));
	ok(memcmp(one, two, sizeof(one)) != 0, "random bytes differ");
}

int
main(void)
{
	test_hashes();
	test_hex();
	test_addresses();
	test_base64();
	test_random();
	return tap_done();
}
