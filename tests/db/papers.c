/* SPDX-License-Identifier: Apache-2.0 */
/*
 * papers - signed documents of small people, as JSON, for the tests of ticks. The
 * key of person N is the number N; ESCROW makes the domain (chain 31337).
 *
 *	papers ESCROW address N
 *	papers ESCROW provider N URL
 *	papers ESCROW offer N seq=.. expires=.. owner=.. cpu=.. list=.. nodes=.. has=..
 *	                      node=PREFIX region=.. foreign=.. chain=.. signer=..
 *	papers ESCROW order N market=0x.. nonce=.. max=.. until=.. cpu=.. auction=..
 *	                      spread=owner set=NUMBER row=1 rows=3
 *	papers ESCROW bid N floor=.. list=.. <ROUND_DOC
 *	papers ESCROW accept N <AWARD_DOC
 *	papers ESCROW token N audience=0x.. scope=.. until=..
 *	papers ESCROW record N <RECORD_TERMS
 *	papers ESCROW transaction N nonce=.. number=.. record=0x.. (both missing: empty)
 */
#include <stdio.h>

#include "lease/documents.h"
#include "lease/head.h"
#include "lease/jwt.h"
#include "lease/key.h"
#include "lease/offer.h"
#include "lease/seal.h"
#include "lease/tx.h"

static struct arena a;
static struct domain domain;
static struct key me;
static char **options;
static int option_count;

static struct key
key_of(uint64_t n)
{
	uint8_t secret[32] = { 0 };
	struct err e = ERR_NONE;
	struct key k;

	for (unsigned i = 0; i < 8; i++)
		secret[31 - i] = (uint8_t)(n >> (8 * i));
	if (key_from_secret(secret, &k, &e) < 0)
		fatal("%s", e.text);
	return k;
}

static const char *
text(const char *name, const char * or)
{
	size_t n = strlen(name);

	for (int i = 0; i < option_count; i++)
		if (strncmp(options[i], name, n) == 0 && options[i][n] == '=')
			return options[i] + n + 1;
	return or ;
}

static uint64_t
number(const char *name, uint64_t or)
{
	const char *v = text(name, NULL);

	return v != NULL ? strtoull(v, NULL, 10) : or ;
}

static struct rate
rate(const char *name, const char * or)
{
	struct rate r = { 0 };
	const char *v = text(name, or);
	struct err e = ERR_NONE;

	if (rate_read(v, &r, &e) == 0)
		return r;
	r.nano = (u128)1 << 100; /* "over": what no rate may be */
	return r;
}

static struct address
address(const char *name)
{
	struct address at;
	struct err e = ERR_NONE;

	if (address_read(text(name, ""), &at, &e) < 0)
		fatal("%s: %s", name, e.text);
	return at;
}

static struct sig
sign(const struct key *k, struct hash h)
{
	struct hash digest = terms_digest(&domain, &h);
	struct sig sig;

	key_sign(k, &digest, &sig);
	return sig;
}

static void
print(const struct json_field *fields, const void *doc)
{
	puts(json_encode(&a, fields, doc));
}

/* ------------------------------------------------------------------ */

static void
provider(void)
{
	struct provider_doc doc = { .terms = { .provider = me.address,
					       .url = "https://127.0.0.1:1",
					       .seq = number("seq", 1) } };

	doc.terms.attributes = attributes_hash(&doc.attributes);
	doc.sig = sign(&me, provider_hash(&doc.terms));
	print(provider_doc_fields, &doc);
}

static void
offer(void)
{
	uint32_t count = (uint32_t)number("nodes", 1);
	struct offer_node *nodes = arena_alloc(&a, (count + 1) * sizeof(*nodes));
	struct key signer = key_of(number("signer", 0) != 0 ? number("signer", 0) : 1);
	struct offer_doc doc = { .offer = { .provider = me.address,
					    .owner = me.address,
					    .seq = number("seq", 1),
					    .expires = number("expires", 4000000000u),
					    .curve_bp = 3000,
					    .nodes = { nodes, count },
					    .region = text("region", "eu") } };

	if (text("owner", NULL) != NULL)
		doc.offer.owner = key_of(number("owner", 0)).address;
	doc.offer.floor.cpu_milli = rate("cpu", "100");
	doc.offer.list.cpu_milli = rate("list", "200");
	for (uint32_t i = 0; i < count; i++)
		nodes[i] =
			(struct offer_node){ .name = arena_printf(&a, "%s%u", text("node", "n"), i),
					     .model = "",
					     .has = { .cpu_milli = (uint32_t)number("has", 4000),
						      .memory_mib = 65536,
						      .storage_mib = { 1000000 } } };
	nodes[0].foreign.cpu_milli = (uint32_t)number("foreign", 0);
	if (text("chain", NULL) != NULL)
		domain_init(&domain, number("chain", 0), &domain.contract);
	doc.sig = sign(text("signer", NULL) != NULL ? &signer : &me, offer_hash(&doc.offer));
	print(offer_doc_fields, &doc);
}

static void
order(void)
{
	struct group_service service = { .name = "a",
					 .count = 1,
					 .resources = { .cpu_milli = (uint32_t)number("cpu", 1000),
							.memory_bytes = 64 << 20,
							.storage_bytes = 64 << 20 } };
	struct order_doc doc = {
		.group = { .name = "g", .billing = "reserved", .services = { &service, 1 } },
		.care_hours = 1,
		.window_ms = (uint32_t)number("window", 400),
		.auction = text("auction", "fast")
	};

	if (text("spread", NULL) != NULL) {
		doc.group.spread = text("spread", NULL);
		doc.group.spread_set.b[31] = (uint8_t)number("set", 1);
		doc.group.spread_row = (uint32_t)number("row", 1);
		doc.group.spread_rows = (uint32_t)number("rows", 2);
	}
	doc.terms = (struct order_terms){ .tenant = me.address,
					  .maxRate = rate("max", "1000000"),
					  .baseBps = 10000,
					  .deposit = { number("deposit", 1000) },
					  .openBy = (uint32_t)number("until", 0),
					  .window = 600,
					  .launch = 60,
					  .auctioneer = address("market"),
					  .feeBps = 100,
					  .nonce = number("nonce", 1) };
	doc.terms.group = group_hash(&doc.group);
	doc.sig = sign(&me, order_hash(&doc.terms));
	memcpy(doc.id.b, order_hash(&doc.terms).b, sizeof(doc.id.b));
	doc.id.b[0] = 1; /* of a time that an id can be of */
	print(order_doc_fields, &doc);
}

static void
read_input(const struct json_field *fields, void *out)
{
	char *in = arena_alloc(&a, JSON_BYTES_MAX);
	size_t len = fread(in, 1, JSON_BYTES_MAX, stdin);
	struct err e = ERR_NONE;

	if (json_decode(&a, in, len, fields, out, &e) < 0)
		fatal("%s", e.text);
}

static void
bid(void)
{
	struct round_doc round;
	struct bid_doc doc;
	struct bid_post post;
	const char *inside;

	memset(&round, 0, sizeof(round));
	read_input(round_doc_fields, &round);
	doc.terms = (struct bid_terms){ .order = round.hash,
					.provider = me.address,
					.floor = rate("floor", "100"),
					.list = rate("list", "200"),
					.round = round.round };
	doc.sig = sign(&me, bid_hash(&doc.terms));
	inside = json_encode(&a, bid_doc_fields, &doc);
	post = (struct bid_post){
		.id = round.id, .order = round.id, .round = round.round, .provider = me.address
	};
	post.id.b[15] ^= me.address.b[0];
	post.envelope.b = seal_box(&a, round.key.b, inside, strlen(inside), &post.envelope.len);
	print(bid_post_fields, &post);
}

static void
accept_award(void)
{
	struct award_doc award;
	struct accept_post post;

	memset(&award, 0, sizeof(award));
	read_input(award_doc_fields, &award);
	post.terms = lease_from(&award.terms, &award.award.provider, award.award.rate);
	post.sig = sign(&me, lease_hash(&post.terms));
	print(accept_post_fields, &post);
}

static void
token(void)
{
	const char *scopes[1] = { text("scope", "provider") };
	struct jwt_claims claims = { .iss = me.address,
				     .aud = address("audience"),
				     .nbf = (int64_t)number("until", 0) - 600,
				     .exp = (int64_t)number("until", 0),
				     .scope = { scopes, 1 } };

	puts(jwt_make(&a, &me, &claims));
}

/* A record as the market of this key would sign it. */
static void
record(void)
{
	char hash_hex[HASH_TEXT_SIZE], sig_hex[SIG_TEXT_SIZE];
	struct record_terms terms;
	struct hash h;
	struct sig sig;

	memset(&terms, 0, sizeof(terms));
	read_input(record_terms_fields, &terms);
	h = record_hash(&terms);
	sig = sign(&me, h);
	printf("{\"hash\":\"%s\",\"terms\":%s,\"sig\":\"%s\"}\n", hash_text(&h, hash_hex),
	       json_encode(&a, record_terms_fields, &terms), sig_text(&sig, sig_hex));
}

/* To itself, signed bytes and hash: with a head, or empty. */
static void
transaction(void)
{
	struct head head = { .number = number("number", 0) };
	struct tx tx = { .chain_id = 31337,
			 .nonce = number("nonce", 0),
			 .gas = 100000,
			 .tip = 1000000000,
			 .max_fee = 20000000000,
			 .to = me.address };
	uint8_t data[HEAD_BYTES];
	char hash_hex[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;
	const uint8_t *raw;
	struct hash hash;
	size_t len;

	if (text("record", NULL) != NULL) {
		if (hash_read(text("record", ""), &head.record, &e) < 0)
			fatal("%s", e.text);
		head_write(&head, data);
		tx.data = data;
		tx.data_len = sizeof(data);
	}
	raw = tx_sign(&a, &tx, &me, &len, &hash);
	printf("%s %s\n", hex_text(raw, len, arena_alloc(&a, 2 * len + 3)),
	       hash_text(&hash, hash_hex));
}

static void
show_address(void)
{
	char out[ADDRESS_TEXT_SIZE];

	puts(address_text(&me.address, out));
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} kinds[] = {
		{ "address", show_address },
		{ "provider", provider },
		{ "offer", offer },
		{ "order", order },
		{ "bid", bid },
		{ "accept", accept_award },
		{ "token", token },
		{ "record", record },
		{ "transaction", transaction },
	};
	struct address escrow;
	struct err e = ERR_NONE;

	arena_init(&a, 0);
	if (argc < 4 || address_read(argv[1], &escrow, &e) < 0)
		fatal("papers ESCROW KIND N [NAME=VALUE...]");
	domain_init(&domain, 31337, &escrow);
	me = key_of(strtoull(argv[3], NULL, 10));
	options = argv + 4;
	option_count = argc - 4;
	for (size_t i = 0; i < NELEMS(kinds); i++)
		if (strcmp(kinds[i].name, argv[2]) == 0) {
			kinds[i].run();
			arena_release(&a);
			return 0;
		}
	fatal("papers: no kind %s", argv[2]);
}
