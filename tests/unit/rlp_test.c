/* SPDX-License-Identifier: Apache-2.0 */
/* rlp_test.c - the cases of ethereum/tests RLPTests/rlptest.json that we can meet. */
#include "lease/rlp.h"

#include "lib/bytes.h"
#include "tests/unit/tap.h"

static struct arena arena;

static void
is_rlp(const struct rlp *r, const char *want, const char *what)
{
	is_str(hex_text(r->b, r->len, arena_alloc(&arena, 2 * r->len + 3)), want, what);
}

static void
test_strings(void)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} cases[] = {
		{ "", 0, "0x80" },
		{ "\0", 1, "0x00" },
		{ "\1", 1, "0x01" },
		{ "\x7f", 1, "0x7f" },
		{ "\x80", 1, "0x8180" },
		{ "dog", 3, "0x83646f67" },
		{ "Lorem ipsum dolor sit amet, consectetur adipisicing eli", 55,
		  "0xb74c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e73656374657475"
		  "7"
		  "2206164697069736963696e6720656c69" },
		{ "Lorem ipsum dolor sit amet, consectetur adipisicing elit", 56,
		  "0xb8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e736563746574"
		  "7"
		  "572206164697069736963696e6720656c6974" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct rlp r = { .arena = &arena };

		rlp_bytes(&r, cases[i].in, cases[i].len);
		is_rlp(&r, cases[i].out, "a string");
	}
}

static void
test_integers(void)
{
	static const struct {
		u128 in;
		const char *out;
	} cases[] = {
		{ 0, "0x80" },
		{ 1, "0x01" },
		{ 16, "0x10" },
		{ 79, "0x4f" },
		{ 127, "0x7f" },
		{ 128, "0x8180" },
		{ 1000, "0x8203e8" },
		{ 100000, "0x830186a0" },
		{ (u128)0x10203040506070 << 64 | 0x8090a0b0c0d0e0f2,
		  "0x8f102030405060708090a0b0c0d0e0f2" },
		{ ~(u128)0, "0x90ffffffffffffffffffffffffffffffff" },
	};
	static const uint8_t padded[32] = { [31] = 0x80 }, zero[32];
	struct rlp r;

	for (size_t i = 0; i < NELEMS(cases); i++) {
		r = (struct rlp){ .arena = &arena };
		rlp_uint(&r, cases[i].in);
		is_rlp(&r, cases[i].out, "an integer");
	}
	r = (struct rlp){ .arena = &arena };
	rlp_uint_bytes(&r, padded, sizeof(padded));
	is_rlp(&r, "0x8180", "32 bytes with leading zeros are an integer");
	r = (struct rlp){ .arena = &arena };
	rlp_uint_bytes(&r, zero, sizeof(zero));
	is_rlp(&r, "0x80", "32 zeros are 0");
}

static void
test_lists(void)
{
	static const char *const words[] = { "asdf", "qwer", "zxcv" };
	struct rlp r = { .arena = &arena };
	uint8_t long_string[1024] = { 0 };

	rlp_wrap_list(&r);
	is_rlp(&r, "0xc0", "the empty list, wrapped");
	r = (struct rlp){ .arena = &arena };
	rlp_empty_list(&r);
	is_rlp(&r, "0xc0", "the empty list");
	rlp_empty_list(&r);
	rlp_wrap_list(&r);
	rlp_empty_list(&r);
	rlp_wrap_list(&r);
	is_rlp(&r, "0xc4c2c0c0c0", "lists of lists");

	r = (struct rlp){ .arena = &arena };
	rlp_bytes(&r, "dog", 3);
	rlp_bytes(&r, "god", 3);
	rlp_bytes(&r, "cat", 3);
	rlp_wrap_list(&r);
	is_rlp(&r, "0xcc83646f6783676f6483636174", "a list of strings");

	r = (struct rlp){ .arena = &arena };
	for (size_t i = 0; i < 11; i++)
		rlp_bytes(&r, words[i % 3], 4);
	rlp_wrap_list(&r);
	is_rlp(&r,
	       "0xf784617364668471776572847a78637684617364668471776572847a7863768461736466847177657"
	       "2"
	       "847a78637684617364668471776572",
	       "the longest short list");

	r = (struct rlp){ .arena = &arena };
	rlp_bytes(&r, long_string, 61);
	rlp_wrap_list(&r);
	is_int(r.len == 65 && r.b[0] == 0xf8 && r.b[1] == 63 && r.b[2] == 0xb8 && r.b[3] == 61, 1,
	       "a list of 63 bytes has one length byte");
	r = (struct rlp){ .arena = &arena };
	rlp_bytes(&r, long_string, sizeof(long_string));
	is_int(r.len == 1027 && r.b[0] == 0xb9 && r.b[1] == 4 && r.b[2] == 0, 1,
	       "a string of 1024 bytes has two");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_strings();
	test_integers();
	test_lists();
	arena_release(&arena);
	return tap_done();
}
