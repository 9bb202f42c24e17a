/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terms_test.c - struct hashes and digests of what people sign. The hashes were
 * made by viem (see viem_test.c, which asks it again for more); the digest is
 * also EIP-712's own example.
 */
#include "lease/terms.h"

#include "lease/key.h"
#include "tests/unit/tap.h"

static struct arena arena;

static void
must_read(const char *text, void *out, size_t len)
{
	struct err e = ERR_NONE;

	if (hex_read(text, out, len, &e) < 0)
		fatal("a case is not hex: %s", text);
}

/* "Ether Mail": separator and struct hash from the EIP. */
static void
test_example(void)
{
	char text[HASH_TEXT_SIZE];
	struct hash mail, digest;
	struct domain d = { .chain_id = 1 };

	must_read("f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f", d.separator.b,
		  32);
	must_read("c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e", mail.b, 32);
	digest = terms_digest(&d, &mail);
	is_str(hash_text(&digest, text),
	       "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2",
	       "the digest of EIP-712's example");
}

static const char order_text[] =
	"{\"tenant\":\"0x1111111111111111111111111111111111111111\",\"group\":"
	"\"0x2222222222222222222222222222222222222222222222222222222222222222\","
	"\"maxRate\":\"123456789012345678901\",\"baseBps\":3333,"
	"\"deposit\":\"79228162514264337593543950335\",\"openBy\":1800000000,\"window\":3600,"
	"\"launch\":600,\"auctioneer\":\"0x3333333333333333333333333333333333333333\","
	"\"cosigner\":\"0x4444444444444444444444444444444444444444\",\"feeBps\":200,"
	"\"nonce\":18446744073709551614}";

static struct order_terms
order_read(void)
{
	struct order_terms o = { .feeBps = 0 };
	struct err e = ERR_NONE;

	if (json_decode(&arena, order_text, strlen(order_text), order_terms_fields, &o, &e) < 0)
		fatal("%s", e.text);
	return o;
}

static void
test_hashes(void)
{
	struct order_terms order = order_read();
	struct address provider, contract;
	struct lease_terms lease;
	struct hash h;
	struct domain d;
	struct err e = ERR_NONE;
	char text[HASH_TEXT_SIZE];
	struct rate rate;

	memset(provider.b, 0x55, sizeof(provider.b));
	memset(contract.b, 0xcc, sizeof(contract.b));
	h = order_hash(&order);
	is_str(hash_text(&h, text),
	       "0xb4ebede413e8ebc371d7c26518ae9262b68354559fb0828f704e24f77817ed2b", "an order");
	ok(rate_read("100000000000000000001", &rate, &e) == 0, "a rate");
	lease = lease_from(&order, &provider, rate);
	h = lease_hash(&lease);
	is_str(hash_text(&h, text),
	       "0x9574538c5e00e5c5dfa6400b22341b3b2ba2f5fb9ce09c8b16f717e4c6f01ec4",
	       "the lease that follows");
	domain_init(&d, 31337, &contract);
	h = terms_digest(&d, &h);
	is_str(hash_text(&h, text),
	       "0x3d9fe824c4f1675a32edeec1b60fac1e5dc133457662da441b9ff76b7de9687f", "its digest");
	domain_init(&d, 31338, &contract);
	lease = lease_from(&order, &provider, rate);
	h = lease_hash(&lease);
	h = terms_digest(&d, &h);
	ok(strcmp(hash_text(&h, text),
		  "0x3d9fe824c4f1675a32edeec1b60fac1e5dc133457662da441b9ff76b7de9687f") != 0,
	   "another on another chain");
}

/* Every byte of the struct that means something changes the hash: a field that
 * was forgotten would be free to change after signing. Padding means nothing. */
#define EACH_BIT(type, hash_fn, first)                                                             \
	do {                                                                                       \
		struct type changed = first;                                                       \
		struct hash before = hash_fn(&changed), after;                                     \
		unsigned deaf = 0;                                                                 \
		for (size_t f = 0; type##_fields[f].name != NULL; f++) {                           \
			((uint8_t *)&changed)[type##_fields[f].offset] ^= 1;                       \
			after = hash_fn(&changed);                                                 \
			deaf += hash_equal(&before, &after);                                       \
			((uint8_t *)&changed)[type##_fields[f].offset] ^= 1;                       \
		}                                                                                  \
		is_int(deaf, 0, #type ": every field is hashed");                                  \
	} while (0)

static void
test_each_field(void)
{
	struct order_terms order = order_read();
	struct address who = { { 1 } };
	struct lease_terms lease = lease_from(&order, &who, (struct rate){ 5 });

	EACH_BIT(order_terms, order_hash, order);
	EACH_BIT(lease_terms, lease_hash, lease);
	EACH_BIT(award_terms, award_hash, (struct award_terms){ .provider = who });
	EACH_BIT(voucher_terms, voucher_hash, (struct voucher_terms){ .upTo = 4 });
	EACH_BIT(release_terms, release_hash, (struct release_terms){ .amount = { 4 } });
	EACH_BIT(bid_terms, bid_hash, (struct bid_terms){ .round = 4 });
	EACH_BIT(usage_terms, usage_hash, (struct usage_terms){ .seq = 4 });
	EACH_BIT(round_terms, round_hash, (struct round_terms){ .round = 4 });
}

static void
test_provider(void)
{
	struct provider_terms a = { .url = "https://a" }, b = { .url = "https://b" };
	struct hash x = provider_hash(&a), y = provider_hash(&b);

	ok(!hash_equal(&x, &y), "the url of a provider is hashed by what it says");
	a.url = arena_strdup(&arena, "https://b");
	x = provider_hash(&a);
	ok(hash_equal(&x, &y), "and not by where it stands");
}

static void
test_base(void)
{
	static const struct {
		uint64_t rate, bps, base;
	} cases[] = { { 100, 10000, 100 }, { 100, 0, 0 },  { 100, 1, 1 },  { 10000, 1, 1 },
		      { 10001, 1, 2 },	   { 3, 3333, 1 }, { 3, 3334, 2 }, { 1, 9999, 1 },
		      { 0, 10000, 0 },	   { 7, 5000, 4 } };

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct rate r = { cases[i].rate };

		ok(rate_base(r, (uint32_t)cases[i].bps).nano == cases[i].base,
		   "%llu at %llu bps is %llu", (unsigned long long)cases[i].rate,
		   (unsigned long long)cases[i].bps, (unsigned long long)cases[i].base);
	}
	ok(rate_base((struct rate){ RATE_MAX }, 10000).nano == RATE_MAX, "the largest rate");
}

/* The text with `from` replaced, and the error it must give. */
static void
test_json(void)
{
	static const struct {
		const char *from, *to;
		const struct code *code;
	} cases[] = {
		{ "\"baseBps\":3333", "\"baseBps\":10001", &JSON_TYPE },
		{ "\"launch\":600", "\"launch\":3601", &JSON_TYPE },
		{ "\"feeBps\":200", "\"feeBps\":2001", &JSON_TYPE },
		{ "\"openBy\":1800000000", "\"openBy\":4294967296", &JSON_TYPE },
		{ "79228162514264337593543950335", "79228162514264337593543950336", &JSON_TYPE },
		{ "\"123456789012345678901\"", "123456789012345678901", &JSON_TYPE },
		{ "18446744073709551614", "18446744073709551616", &JSON_TYPE },
		{ "\"nonce\"", "\"nunce\"", &JSON_UNKNOWN },
		{ ",\"feeBps\":200", "", &JSON_MISSING },
		{ "\"launch\":600", "\"window\":600", &JSON_DUPLICATE },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		const char *at = strstr(order_text, cases[i].from), *text;
		struct err e = ERR_NONE;
		struct order_terms o;

		if (at == NULL)
			fatal("the case edits nothing: %s", cases[i].from);
		text = arena_printf(&arena, "%.*s%s%s", (int)(at - order_text), order_text,
				    cases[i].to, at + strlen(cases[i].from));
		ok(json_decode(&arena, text, strlen(text), order_terms_fields, &o, &e) < 0 &&
			   e.code == cases[i].code,
		   "%s instead of %s is refused", cases[i].to, cases[i].from);
	}
	is_str(json_encode(&arena, order_terms_fields, &(struct order_terms[1]){ order_read() }),
	       order_text, "written as read");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_example();
	test_hashes();
	test_each_field();
	test_provider();
	test_base();
	test_json();
	arena_release(&arena);
	return tap_done();
}
