/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow_test.c - events and reverts as a node hands them over, right and wrong.
 * That calldata equals what others make of the contract's source is
 * viem_test.c's business; here is what needs no tools.
 */
#include "lease/escrow.h"

#include "tests/unit/tap.h"

static struct arena arena;

static void
must_read(const char *text, void *out, size_t len)
{
	struct err e = ERR_NONE;

	if (hex_read(text, out, len, &e) < 0)
		fatal("a case is not hex: %s", text);
}

/* Settled at 250 / 10^4 of two leases: paid 40000, of it 20001 now, up to 8. */
static struct hash topics[4];
static uint8_t data[7 * 32 + 64];

#define SETTLED_LEN (96 + 128)

static void
put(uint8_t *p, unsigned v)
{
	p[-1] = (uint8_t)v;
	p[-2] = (uint8_t)(v >> 8);
}

static void
settled(void)
{
	topics[0] = abi_topic("Settled(address,address,uint16,bytes)");
	memset(topics + 1, 0, 3 * sizeof(topics[0]));
	topics[1].b[31] = 2;
	topics[2].b[31] = 3;
	memset(data, 0, sizeof(data));
	put(data + 32, 250);
	put(data + 64, 64);
	put(data + 96, 120);
	for (size_t i = 0; i < 2; i++) {
		uint8_t *lease = data + 96 + 60 * i;

		lease[0] = (uint8_t)(7 + i);
		put(lease + 44, 40000);
		put(lease + 56, 20001);
		lease[59] = 8;
	}
}

static void
test_event(void)
{
	struct escrow_event *ev;

	settled();
	is_int((long long)escrow_events_read(&arena, topics, 3, data, SETTLED_LEN, &ev), 2,
	       "an event of two leases is read");
	is_str(escrow_event_name(ev[0].kind), "Settled", "its name");
	ok(ev[0].lease.b[0] == 7 && ev[1].lease.b[0] == 8 && ev[1].provider.b[19] == 2 &&
		   ev[1].auctioneer.b[19] == 3,
	   "whose they are");
	/* 1000 of 40000, 499 of 19999 */
	ok(ev[1].paid.units == 40000 && ev[1].credited.units == 20001 - 501 &&
		   ev[1].fee.units == 501 && ev[1].up_to == 8,
	   "how much");
}

static void
test_bad_events(void)
{
	static const struct {
		const char *what;
		size_t topics, len;
		int topic, at; /* byte `at` of that topic, -1: of the data, gets 0xff */
	} cases[] = {
		{ "a topic missing", 2, SETTLED_LEN, 0, -1 },
		{ "a topic more", 4, SETTLED_LEN, 0, -1 },
		{ "no topic", 0, SETTLED_LEN, 0, -1 },
		{ "a word missing", 3, SETTLED_LEN - 32, 0, -1 },
		{ "half a word missing", 3, SETTLED_LEN - 16, 0, -1 },
		{ "a word more", 3, SETTLED_LEN + 32, 0, -1 },
		{ "nothing but the head", 3, 96, 0, -1 },
		{ "no data", 3, 0, 0, -1 },
		{ "another event", 3, SETTLED_LEN, 0, 0 },
		{ "a provider of more than 20 bytes", 3, SETTLED_LEN, 1, 11 },
		{ "an auctioneer of more than 20 bytes", 3, SETTLED_LEN, 2, 0 },
		{ "a fee of more than 16 bits", 3, SETTLED_LEN, -1, 29 },
		{ "leases that begin elsewhere", 3, SETTLED_LEN, -1, 63 },
		{ "leases that begin far away", 3, SETTLED_LEN, -1, 32 },
		{ "a length that is no multiple", 3, SETTLED_LEN, -1, 95 },
		{ "a length beyond the data", 3, SETTLED_LEN, -1, 80 },
		{ "padding that says something", 3, SETTLED_LEN, -1, 96 + 120 },
		{ "more moved than paid", 3, SETTLED_LEN, -1, 96 + 44 },
		{ "in the second lease too", 3, SETTLED_LEN, -1, 96 + 60 + 44 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct escrow_event *ev;

		settled();
		if (cases[i].at >= 0 && cases[i].topic >= 0)
			topics[cases[i].topic].b[cases[i].at] = 0xff;
		else if (cases[i].at >= 0)
			data[cases[i].at] = 0xff;
		ok(escrow_events_read(&arena, topics, cases[i].topics, data, cases[i].len, &ev) ==
			   0,
		   "refused: %s", cases[i].what);
	}
}

static void
test_skipped(void)
{
	struct hash skipped[2] = { abi_topic("Skipped(bytes32,bytes4)"), { { 9 } } };
	uint8_t word[64] = { 0x95, 0x5a, 0x54, 0x5b };
	struct escrow_event *ev;

	ok(escrow_events_read(&arena, skipped, 2, word, 32, &ev) == 1 &&
		   ev->kind == ESCROW_SKIPPED && ev->lease.b[0] == 9,
	   "a skipped entry names its lease");
	is_str(escrow_reason(ev->reason), "BadTenantSig", "and its reason");
	ok(escrow_events_read(&arena, skipped, 2, word, 64, &ev) == 0, "a word more is none");
	word[4] = 1;
	ok(escrow_events_read(&arena, skipped, 2, word, 32, &ev) == 0,
	   "more than four bytes are none");
	ok(escrow_reason_why("chain: NoFunds") != NULL && escrow_reason_why("NoFunds") != NULL &&
		   escrow_reason_why("chain: NoFund") == NULL &&
		   escrow_reason_why("BadTenantSig") == NULL && escrow_reason_why("") == NULL,
	   "what a reason means, by its whole name");
	ok(escrow_reason((const uint8_t[4]){ 1, 2, 3, 4 }) == NULL,
	   "an unknown reason has no name");
}

static void
test_reverts(void)
{
	static const struct {
		const char *hex, *want;
	} cases[] = {
		{ "", "" },
		{ "955a54", "" },
		{ "955a545b", "BadTenantSig" },
		{ "43f9e110", "NoFunds" },
		{ "e450d38c0000000000000000000000001111111111111111111111111111111111111111",
		  "ERC20InsufficientBalance" },
		{ "12345678", "0x12345678" },
		{ "08c379a0"
		  "0000000000000000000000000000000000000000000000000000000000000020"
		  "000000000000000000000000000000000000000000000000000000000000000a"
		  "6e6f7420656e6f75676800000000000000000000000000000000000000000000",
		  "not enough" },
		{ "08c379a0"
		  "0000000000000000000000000000000000000000000000000000000000000020"
		  "0000000000000000000000000000000000000000000000000000000000000004"
		  "611b5b6200000000000000000000000000000000000000000000000000000000",
		  "a?[b" }, /* no escape sequences on terminals */
		{ "08c379a0"
		  "0000000000000000000000000000000000000000000000000000000000000020"
		  "00000000000000000000000000000000ffffffffffffffffffffffffffffffff",
		  "0x08c379a0" },
		{ "08c379a0", "0x08c379a0" },
		{ "4e487b71"
		  "0000000000000000000000000000000000000000000000000000000000000011",
		  "panic 0x11" },
		{ "4e487b71", "0x4e487b71" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		size_t len = strlen(cases[i].hex) / 2;
		uint8_t *bytes = xmalloc(len + 1); /* exact: reading past it is seen */

		must_read(cases[i].hex, bytes, len);
		is_str(escrow_revert_text(&arena, bytes, len), cases[i].want, "a revert");
		free(bytes);
	}
}

static void
test_sizes(void)
{
	static struct opening openings[3];
	static struct settlement settlements[3];
	static struct closing closings[3];

	/* One head; nothing is signed but by the tenant: the others send. */
	for (size_t i = 0; i <= 3; i++) {
		size_t head = i == 0 ? 0 : 75;

		is_int((long long)escrow_open_many(&arena, openings, i).len,
		       (long long)(68 + (head + i * 172 + 31) / 32 * 32), "openings");
		is_int((long long)escrow_settle_many(&arena, settlements, i).len,
		       (long long)(68 + (head + i * 100 + 31) / 32 * 32), "settlements");
		is_int((long long)escrow_close_many(&arena, closings, i).len,
		       (long long)(68 + (head + i * 100 + 31) / 32 * 32), "closings");
	}
	settlements[1].lease.provider.b[0] = 1;
	is_int((long long)escrow_settle_many(&arena, settlements, 3).len,
	       (long long)(68 + (2 * 75 + 3 * 100 + 31) / 32 * 32), "two providers, two heads");
}

static void
test_lease_read(void)
{
	uint8_t words[4 * 32] = { [31] = 9, [63] = 4, [95] = 7, [127] = 8 };
	struct escrow_lease l;

	ok(escrow_lease_read(words, sizeof(words), &l) && l.deposit.units == 9 &&
		   l.paid.units == 4 && l.up_to == 7 && l.stop_at == 8,
	   "the state of a lease");
	ok(!escrow_lease_read(words, sizeof(words) - 1, &l), "cut short");
	ok(!escrow_lease_read(words, 0, &l), "nothing: no contract is there");
	words[64 + 27] = 1;
	ok(!escrow_lease_read(words, sizeof(words), &l), "a time beyond 32 bits");
	words[64 + 27] = 0;
	words[19] = 1;
	ok(!escrow_lease_read(words, sizeof(words), &l), "a deposit beyond 96 bits");
}

static void
test_create(void)
{
	static const uint8_t code[2] = { 0x60, 0x80 };
	struct address token = { { 0xaa } };
	struct calldata c = escrow_create(&arena, code, sizeof(code), &token, 600);

	ok(c.len == 2 + 64 && memcmp(c.b, code, 2) == 0 && c.b[2 + 12] == 0xaa &&
		   c.b[64] == 600 / 256 && c.b[65] == 600 % 256,
	   "code, token, window");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_event();
	test_bad_events();
	test_skipped();
	test_reverts();
	test_sizes();
	test_lease_read();
	test_create();
	arena_release(&arena);
	return tap_done();
}
