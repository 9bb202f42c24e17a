/* SPDX-License-Identifier: Apache-2.0 */
/* abi_test.c - words in and out; the examples of Solidity's ABI specification. */
#include "lease/abi.h"

#include "tests/unit/tap.h"

static struct arena arena;

static const char *
hex(const void *bytes, size_t len)
{
	return hex_text(bytes, len, arena_alloc(&arena, 2 * len + 3));
}

static void
test_selectors(void)
{
	static const struct {
		const char *signature, *selector;
	} cases[] = {
		{ "baz(uint32,bool)", "0xcdcd77c0" }, /* the specification's */
		{ "bar(bytes3[2])", "0xfce353f6" },
		{ "sam(bytes,bool,uint256[])", "0xa5643bf2" },
		{ "transfer(address,uint256)", "0xa9059cbb" },
		{ "Error(string)", "0x08c379a0" },
		{ "Panic(uint256)", "0x4e487b71" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct abi abi;

		abi_call(&abi, &arena, cases[i].signature);
		is_str(hex(abi.b, abi.len), cases[i].selector, cases[i].signature);
	}
}

#define ZEROS_12 "000000000000000000000000"

static void
test_writing(void)
{
	struct address a = { { 0xaa, [19] = 0xbb } };
	struct hash h = { { 0xcc, [31] = 0xdd } };
	struct sig sig = { { 1, [32] = 2 } };
	static const uint8_t code[3] = { 0x60, 0x80, 0x40 };
	struct abi abi;

	abi_call(&abi, &arena, "baz(uint32,bool)");
	abi_uint(&abi, 69);
	abi_uint(&abi, 1);
	is_str(hex(abi.b, abi.len),
	       "0xcdcd77c0" ZEROS_12 "0000000000000000000000000000000000000045" ZEROS_12
	       "0000000000000000000000000000000000000001",
	       "baz(69, true)");
	abi_create(&abi, &arena, code, sizeof(code));
	abi_uint(&abi, ~(u128)0);
	abi_address(&abi, &a);
	abi_bytes32(&abi, &h);
	abi_sig(&abi, &sig);
	is_str(hex(abi.b, 3), "0x608040", "code first");
	is_str(hex(abi.b + 3, 32),
	       "0x00000000000000000000000000000000ffffffffffffffffffffffffffffffff", "2^128 - 1");
	is_str(hex(abi.b + 35, 32), "0x" ZEROS_12 "aa000000000000000000000000000000000000bb",
	       "an address stands right");
	is_str(hex(abi.b + 67, 32),
	       "0xcc000000000000000000000000000000000000000000000000000000000000dd",
	       "a hash as it is");
	is_int((long long)abi.len, 3 + 3 * 32 + 64, "a signature is two words");
	for (size_t i = 0; i < 1000; i++)
		abi_uint(&abi, i);
	is_int(abi.b[abi.len - 1], 999 % 256, "it grows");
	is_str(hex(abi.b, 3), "0x608040", "and keeps what it had");
}

static void
test_words(void)
{
	uint8_t data[96] = { [15] = 1, [31] = 7, [32 + 11] = 1, [63] = 9, [95] = 0xff };
	struct address a;
	struct hash h;
	u128 v = 0;

	ok(!abi_word_uint(data, sizeof(data), 0, &v), "more than 128 bits do not fit");
	ok(!abi_word_address(data, sizeof(data), 1, &a), "more than 20 bytes are no address");
	ok(abi_word_uint(data, sizeof(data), 2, &v) && v == 255, "a number");
	ok(abi_word_address(data, sizeof(data), 2, &a) && a.b[19] == 255, "an address");
	ok(abi_word(data, sizeof(data), 2, &h) && h.b[31] == 255, "a word");
	ok(!abi_word(data, sizeof(data), 3, &h), "past the end");
	ok(!abi_word(data, 95, 2, &h), "half of it past the end");
	ok(!abi_word(data, sizeof(data), SIZE_MAX, &h), "far past the end");
	ok(!abi_word(data, 0, 0, &h), "of nothing");
}

static void
test_bytes(void)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t byte; /* what stands there instead */
		size_t len;
		long long want; /* length; -1: refused */
	} cases[] = {
		{ "as it should be", 31, 0x20, 96, 10 },
		{ "nothing in it", 63, 0, 64, 0 },
		{ "all that is there", 63, 32, 96, 32 },
		{ "one more than there is", 63, 33, 96, -1 },
		{ "offset to the last word", 31, 0x40, 96, -1 },
		{ "offset to the end", 31, 0x60, 96, -1 },
		{ "offset past the end", 31, 0x61, 96, -1 },
		{ "offset near 2^128", 16, 0xff, 96, -1 },
		{ "offset above 2^128", 0, 0xff, 96, -1 },
		{ "length near 2^128", 48, 0xff, 96, -1 },
		{ "length near 2^64", 56, 0xff, 96, -1 },
		{ "no room for the length", 31, 0x20, 63, -1 },
		{ "nothing", 31, 0x20, 0, -1 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		/* A copy of the exact size: reading past it is seen. */
		uint8_t data[96] = { [31] = 0x20, [63] = 10, [64] = 'n' }, *copy;
		const uint8_t *bytes = NULL;
		size_t len = 0;
		bool read;

		data[cases[i].at] = cases[i].byte;
		copy = xmalloc(cases[i].len + 1);
		memcpy(copy, data, cases[i].len);
		read = abi_word_bytes(copy, cases[i].len, 0, &bytes, &len);
		ok(read ? (long long)len == cases[i].want && bytes == copy + 64 : cases[i].want < 0,
		   "bytes: %s", cases[i].what);
		free(copy);
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	test_selectors();
	test_writing();
	test_words();
	test_bytes();
	arena_release(&arena);
	return tap_done();
}
