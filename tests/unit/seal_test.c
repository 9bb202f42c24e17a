/* SPDX-License-Identifier: Apache-2.0 */
/* seal_test.c - sealed boxes open for their key and for nothing else; scrypt. */
#include "lease/seal.h"

#include "lib/bytes.h"
#include "tests/unit/tap.h"

static struct arena arena;

static const uint8_t seed[32] = { 1, 2, 3 };
static uint8_t public_key[32], secret_key[32];

static void
test_keys(void)
{
	uint8_t other_seed[32] = { 1, 2, 4 }, public_again[32], secret_again[32];

	seal_keys_from_seed(seed, public_key, secret_key);
	seal_keys_from_seed(seed, public_again, secret_again);
	ok(memcmp(public_key, public_again, 32) == 0 && memcmp(secret_key, secret_again, 32) == 0,
	   "the same seed, the same keys");
	seal_keys_from_seed(other_seed, public_again, secret_again);
	ok(memcmp(public_key, public_again, 32) != 0, "another seed, other keys");
}

static void
test_boxes(void)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = { { "", 0 }, { "x", 1 }, { "a\0b", 3 }, { "{\"floor\":\"12\"}", 14 } };

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		uint8_t *box, *again;
		size_t box_len, len = 99;
		char *text;

		box = seal_box(&arena, public_key, cases[i].text, cases[i].len, &box_len);
		is_int((long long)box_len, (long long)cases[i].len + 48, "48 bytes more");
		text = seal_open(&arena, public_key, secret_key, box, box_len, &len, &e);
		ok(text != NULL && len == cases[i].len && memcmp(text, cases[i].text, len) == 0 &&
			   text[len] == '\0',
		   "opens to what was put in");
		again = seal_box(&arena, public_key, cases[i].text, cases[i].len, &box_len);
		ok(memcmp(box, again, box_len) != 0, "no two boxes are alike");
	}
}

static void
test_broken(void)
{
	uint8_t other_seed[32] = { 9 }, other_public[32], other_secret[32], *box;
	size_t box_len, len, opened = 0;
	struct err e = ERR_NONE;

	seal_keys_from_seed(other_seed, other_public, other_secret);
	box = seal_box(&arena, public_key, "secret", 6, &box_len);
	ok(seal_open(&arena, other_public, other_secret, box, box_len, &len, &e) == NULL &&
		   e.code == &SEAL_BROKEN,
	   "another key does not open it");
	for (size_t i = 0; i < box_len * 8; i++) {
		box[i / 8] ^= (uint8_t)(1 << i % 8);
		/* X25519 ignores the top bit of a public key, the box's hash does not. */
		opened += seal_open(&arena, public_key, secret_key, box, box_len, &len, &e) != NULL;
		box[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	is_int((long long)opened, 0, "nor does it with any one bit changed");
	for (size_t i = 0; i < box_len; i++)
		opened += seal_open(&arena, public_key, secret_key, box, i, &len, &e) != NULL;
	is_int((long long)opened, 0, "nor cut short");
	ok(seal_open(&arena, public_key, secret_key, box, box_len, &len, &e) != NULL,
	   "as it was, it opens");
}

/* RFC 7914, section 12, the first 32 of 64 bytes; the second has N = 1024 and
 * more rounds, the third N = 16384. */
static void
test_scrypt(void)
{
	static const struct {
		const char *password, *salt;
		uint64_t n;
		uint32_t r, p;
		const char *out; /* NULL: refused */
	} cases[] = {
		{ "", "", 16, 1, 1,
		  "0x77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442" },
		{ "password", "NaCl", 1024, 8, 16,
		  "0xfdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162" },
		{ "pleaseletmein", "SodiumChloride", 16384, 8, 1,
		  "0x7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" },
		{ "x", "x", 0, 8, 1, NULL },
		{ "x", "x", 1, 8, 1, NULL },
		{ "x", "x", 1000, 8, 1, NULL },
		{ "x", "x", 1024, 0, 1, NULL },
		{ "x", "x", 1024, 8, 0, NULL },
		{ "x", "x", 1024, 8, 17, NULL },
		{ "x", "x", 1 << 21, 8, 1, NULL },
		{ "x", "x", (uint64_t)1 << 63, UINT32_MAX, 1, NULL },
		{ "x", "x", 2, UINT32_MAX, 16, NULL },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		char text[HASH_TEXT_SIZE];
		struct hash out;
		int result = seal_scrypt(cases[i].password, (const uint8_t *)cases[i].salt,
					 strlen(cases[i].salt), cases[i].n, cases[i].r, cases[i].p,
					 out.b, &e);

		if (cases[i].out != NULL)
			is_str(result == 0 ? hash_text(&out, text) : e.text, cases[i].out,
			       "scrypt");
		else
			ok(result < 0 && e.code == &SEAL_BROKEN, "scrypt refused: %s", e.text);
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	test_keys();
	test_boxes();
	test_broken();
	test_scrypt();
	arena_release(&arena);
	return tap_done();
}
