/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign KEY PASSWORDFILE TO NONCE MAXFEE: a transaction as the market's outbox holds
 * them, signed bytes and hash in hex. For outbox.sh.
 *
 * sign ESCROW KIND N [NAME=VALUE...]: a signed document as JSON, of the person whose
 * key is the number N, under the domain of ESCROW (chain 31337; or chain=..). signer=M
 * lets another key sign it. For choice.sh, bad_bids.sh, failures.sh and slash.sh.
 *
 *	address
 *	keystore       file= password_file=
 *	provider       url=
 *	order          market= nonce= max= until= deposit= manual=1 window= launch=
 *	hash_of_order  the same
 *	lease          the same, and provider= rate=
 *	bid            id= order_id= order= round= key= floor= list= salt= provider=
 *	               in_round= raw=1 (a bit of the box flipped) text=1 inside=TEXT
 *	bid_terms      the inside alone, with its signature
 *	choice         order= round= provider=
 *	accept         with an award_doc on standard input
 *	token          audience= scope= until=
 *	usage          lease= seq= amount= up_to=
 *	round          order= round= root=
 */
#include <stdio.h>

#include "lease/documents.h"
#include "lease/jwt.h"
#include "lease/keystore.h"
#include "lease/seal.h"
#include "lease/tx.h"

static struct arena a;
static struct domain domain;
static struct key me, signer;
static char **options;
static int option_count;

static int
transaction(char **argv)
{
	static const uint8_t data[4] = { 0x18, 0x16, 0x0d, 0xdd }; /* totalSupply() */
	char hash_hex[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;
	const uint8_t *raw;
	struct hash hash;
	struct key key;
	struct tx tx;
	size_t len;

	tx = (struct tx){
		.chain_id = 31337, .gas = 100000, .tip = 1, .data = data, .data_len = sizeof(data)
	};
	if (address_read(argv[3], &tx.to, &e) < 0 || keystore_load(argv[1], argv[2], &key, &e) < 0)
		fatal("%s", e.text);
	tx.nonce = strtoull(argv[4], NULL, 10);
	tx.max_fee = strtoull(argv[5], NULL, 10);
	raw = tx_sign(&a, &tx, &key, &len, &hash);
	printf("%s %s\n", hex_text(raw, len, arena_alloc(&a, 2 * len + 3)) + 2,
	       hash_text(&hash, hash_hex) + 2);
	key_release(&key);
	return 0;
}

/* ------------------------------------------------------------------ */
/* NAME=VALUE                                                          */

static const char *
text(const char *name, const char *fallback)
{
	size_t n = strlen(name);

	for (int i = 0; i < option_count; i++)
		if (strncmp(options[i], name, n) == 0 && options[i][n] == '=')
			return options[i] + n + 1;
	return fallback;
}

static uint64_t
number(const char *name, uint64_t fallback)
{
	const char *v = text(name, NULL);

	return v != NULL ? strtoull(v, NULL, 10) : fallback;
}

static struct rate
rate(const char *name, const char *fallback)
{
	struct rate r = { 0 };
	struct err e = ERR_NONE;

	if (rate_read(text(name, fallback), &r, &e) < 0)
		fatal("%s: %s", name, e.text);
	return r;
}

static struct hash
hash(const char *name)
{
	struct hash h = { { 0 } };
	struct err e = ERR_NONE;

	if (text(name, NULL) != NULL && hash_read(text(name, NULL), &h, &e) < 0)
		fatal("%s: %s", name, e.text);
	return h;
}

static struct address
address(const char *name)
{
	struct address at = me.address;
	struct err e = ERR_NONE;

	if (text(name, NULL) != NULL && address_read(text(name, NULL), &at, &e) < 0)
		fatal("%s: %s", name, e.text);
	return at;
}

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

static struct sig
sign(struct hash h)
{
	struct hash digest = terms_digest(&domain, &h);
	struct sig sig;

	key_sign(&signer, &digest, &sig);
	return sig;
}

static void
print(const struct json_field *fields, const void *doc)
{
	puts(json_encode(&a, fields, doc));
}

/* {"terms": .., "sig": ..} of any statement. */
static void
print_signed(const struct json_field *fields, const void *terms, struct hash h)
{
	struct sig sig = sign(h);
	char hex[SIG_TEXT_SIZE];

	printf("{\"terms\":%s,\"sig\":\"%s\"}\n", json_encode(&a, fields, terms),
	       sig_text(&sig, hex));
}

/* ------------------------------------------------------------------ */

static void
show_address(void)
{
	char out[ADDRESS_TEXT_SIZE];

	puts(address_text(&me.address, out));
}

static void
keystore(void)
{
	char password[PASSWORD_SIZE];
	struct err e = ERR_NONE;

	if (password_read(text("password_file", ""), password, &e) < 0 ||
	    keystore_write(text("file", ""), &me, password, 12, &e) < 0)
		fatal("%s", e.text);
}

static void
provider(void)
{
	struct provider_doc doc = { .terms = { .provider = me.address,
					       .url = text("url", "https://127.0.0.1:1"),
					       .seq = number("seq", 1) } };

	doc.terms.attributes = attributes_hash(&doc.attributes);
	doc.sig = sign(provider_hash(&doc.terms));
	print(provider_doc_fields, &doc);
}

static struct order_doc
make_order(void)
{
	static struct group_service service;
	struct order_doc doc = { .care_hours = 1, .window_ms = (uint32_t)number("window", 400) };

	service = (struct group_service){ .name = "a",
					  .count = 1,
					  .resources = { .cpu_milli = 1000,
							 .memory_bytes = 64 << 20,
							 .storage_bytes = 64 << 20 } };
	doc.group =
		(struct group){ .name = "g", .billing = "reserved", .services = { &service, 1 } };
	doc.group.accept = number("manual", 0) != 0 ? "manual" : NULL;
	doc.terms = (struct order_terms){ .tenant = me.address,
					  .maxRate = rate("max", "1000000"),
					  .baseBps = 10000,
					  .deposit = { number("deposit", 1000) },
					  .openBy = (uint32_t)number("until", 0),
					  .window = 600,
					  .launch = (uint32_t)number("launch", 60),
					  .auctioneer = address("market"),
					  .feeBps = 100,
					  .nonce = number("nonce", 1) };
	doc.terms.group = group_hash(&doc.group);
	doc.sig = sign(order_hash(&doc.terms));
	memcpy(doc.id.b, order_hash(&doc.terms).b, sizeof(doc.id.b));
	doc.id.b[0] = 1; /* of a time that an id can be of */
	return doc;
}

static void
order(void)
{
	struct order_doc doc = make_order();

	print(order_doc_fields, &doc);
}

static void
order_name(void)
{
	struct order_doc doc = make_order();
	struct hash h = order_hash(&doc.terms);
	char out[HASH_TEXT_SIZE];

	puts(hash_text(&h, out));
}

static void
lease(void)
{
	struct order_doc doc = make_order();
	struct address provider = address("provider");
	struct lease_terms terms = lease_from(&doc.terms, &provider, rate("rate", "100"));
	struct hash h = lease_hash(&terms);
	char out[HASH_TEXT_SIZE];

	printf("{\"hash\":\"%s\",\"terms\":%s}\n", hash_text(&h, out),
	       json_encode(&a, lease_terms_fields, &terms));
}

static struct bid_terms
bid_inside(void)
{
	return (struct bid_terms){ .order = hash("order"),
				   .provider = address("provider"),
				   .floor = rate("floor", "100"),
				   .list = rate("list", "200"),
				   .round = number("in_round", number("round", 1)),
				   .salt = hash("salt") };
}

/* The box with the bid; or with something else. */
static void
bid(void)
{
	struct bid_post post = { .round = (uint32_t)number("round", 1), .provider = me.address };
	struct bid_doc doc = { .terms = bid_inside() };
	struct hash key = hash("key"), h;
	struct err e = ERR_NONE;
	const char *inside;

	doc.sig = sign(bid_hash(&doc.terms));
	if (text("inside", NULL) != NULL)
		inside = text("inside", NULL);
	else
		inside = number("text", 0) != 0 ? "not a bid"
						: json_encode(&a, bid_doc_fields, &doc);
	if (id_read(ID_ORDER, text("order_id", ""), &post.order, &e) < 0)
		fatal("%s", e.text);
	if (text("id", NULL) == NULL) {
		h = bid_hash(&doc.terms);
		memcpy(post.id.b, h.b, sizeof(post.id.b));
		post.id.b[0] = 1;
	} else if (id_read(ID_BID, text("id", NULL), &post.id, &e) < 0) {
		fatal("%s", e.text);
	}
	post.envelope.b = seal_box(&a, key.b, inside, strlen(inside), &post.envelope.len);
	if (number("raw", 0) != 0)
		post.envelope.b[post.envelope.len - 1] ^= 1;
	print(bid_post_fields, &post);
}

static void
bid_terms(void)
{
	struct bid_terms terms = bid_inside();

	print_signed(bid_terms_fields, &terms, bid_hash(&terms));
}

static void
choice(void)
{
	struct choice_terms terms = { hash("order"), number("round", 1), address("provider") };

	print_signed(choice_terms_fields, &terms, choice_hash(&terms));
}

static void
usage(void)
{
	struct usage_terms terms = { .lease = hash("lease"),
				     .seq = number("seq", 1),
				     .upTo = (uint32_t)number("up_to", 0),
				     .amount = { number("amount", 1) } };

	print_signed(usage_terms_fields, &terms, usage_hash(&terms));
}

static void
round_close(void)
{
	struct round_terms terms = { hash("order"), number("round", 1), hash("root"), hash("key") };

	print_signed(round_terms_fields, &terms, round_hash(&terms));
}

static void
accept_award(void)
{
	char *in = arena_alloc(&a, JSON_BYTES_MAX);
	size_t len = fread(in, 1, JSON_BYTES_MAX, stdin);
	struct award_doc award;
	struct accept_post post;
	struct err e = ERR_NONE;

	memset(&award, 0, sizeof(award));
	if (json_decode(&a, in, len, award_doc_fields, &award, &e) < 0)
		fatal("%s", e.text);
	post.terms = lease_from(&award.terms, &award.award.provider, award.award.rate);
	post.sig = sign(lease_hash(&post.terms));
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

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} kinds[] = {
		{ "address", show_address },
		{ "keystore", keystore },
		{ "provider", provider },
		{ "order", order },
		{ "hash_of_order", order_name },
		{ "lease", lease },
		{ "bid", bid },
		{ "bid_terms", bid_terms },
		{ "choice", choice },
		{ "usage", usage },
		{ "round", round_close },
		{ "accept", accept_award },
		{ "token", token },
	};
	struct address escrow;
	struct err e = ERR_NONE;

	arena_init(&a, 0);
	if (argc == 6 && strncmp(argv[1], "0x", 2) != 0)
		return transaction(argv);
	if (argc < 4 || address_read(argv[1], &escrow, &e) < 0)
		fatal("sign KEY PASSWORDFILE TO NONCE MAXFEE, or sign ESCROW KIND N "
		      "[NAME=VALUE...]");
	options = argv + 4;
	option_count = argc - 4;
	me = key_of(strtoull(argv[3], NULL, 10));
	signer = key_of(number("signer", strtoull(argv[3], NULL, 10)));
	domain_init(&domain, number("chain", 31337), &escrow);
	for (size_t i = 0; i < NELEMS(kinds); i++)
		if (strcmp(kinds[i].name, argv[2]) == 0) {
			kinds[i].run();
			arena_release(&a);
			return 0;
		}
	fatal("sign: no kind %s", argv[2]);
}
