/* SPDX-License-Identifier: Apache-2.0 */
/*
 * market_orders PART ... - orders through the market, from their posting to their award;
 * see market.sh.
 *
 *	tenants COUNT                  SQL: balances of so many tenants
 *	post PORT CONNECTIONS TENANTS COUNT MARKET
 *	                               signed orders, each with a group and ten minutes to bid
 *	answer PORT CONNECTIONS PROVIDERS MARKET FILE
 *	                               sealed bids of the first PROVIDERS for every round of
 *	                               FILE: id, hash and public key of each, in hex
 *	audit FILE                     the transcripts of FILE, one a line, computed again
 */
#include <stdlib.h>

#include "lease/audit.h"
#include "lease/documents.h"
#include "lease/jwt.h"
#include "lease/seal.h"
#include "lib/log.h"
#include "tests/bench/load.h"

#define CHAIN 31337

static struct domain domain;
static struct arena arena;

static struct key
numbered_key(const char *who, size_t i)
{
	char text[64];
	struct err e = ERR_NONE;
	struct hash secret;
	struct key key;
	int n = snprintf(text, sizeof(text), "%s %zu", who, i);

	sha256(text, (size_t)n, &secret);
	if (key_from_secret(secret.b, &key, &e) < 0)
		fatal("%s", e.text);
	return key;
}

static struct sig
signed_by(const struct key *key, struct hash statement)
{
	struct hash digest = terms_digest(&domain, &statement);
	struct sig sig;

	key_sign(key, &digest, &sig);
	return sig;
}

static void
tenants(size_t count)
{
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		struct key key = numbered_key("tenant", i);

		address_text(&key.address, text);
		printf("insert into gavel.account (name, total) values (lower('balance:%s'), "
		       "1000000000000);\n",
		       text);
	}
}

/* ------------------------------------------------------------------ */

struct list {
	const char **texts;
	size_t count, next;
};

static const char *
next_text(void *ctx, size_t *len)
{
	struct list *l = ctx;

	if (l->next == l->count)
		return NULL;
	*len = strlen(l->texts[l->next]);
	return l->texts[l->next++];
}

static void
run(unsigned port, size_t connections, struct list *list)
{
	struct load l = { .port = port,
			  .connections = (unsigned)MIN(connections, list->count),
			  .next = next_text,
			  .ctx = list };

	load_run(&l);
	if (l.bad > 0)
		fprintf(stderr, "%zu refused, the first: %s\n", l.bad, l.first_bad);
	printf("count=%zu bad=%zu rate=%.0f p50=%.2f p99=%.2f took=%.3f\n", l.good, l.bad,
	       (double)l.good / l.took_s, l.p50_ms, l.p99_ms, l.took_s);
}

static const char *
post_text(const char *path, const char *header, const char *body)
{
	return arena_printf(&arena,
			    "POST %s HTTP/1.1\r\nHost: market\r\n%s\r\n"
			    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			    path, header, strlen(body), body);
}

static struct list
orders_make(size_t tenant_count, size_t count, const struct address *market)
{
	struct group_service web = { .name = "web",
				     .count = 1,
				     .resources = { .cpu_milli = 500,
						    .memory_bytes = 256 << 20,
						    .storage_bytes = 1 << 30,
						    .endpoints = 1 } };
	struct group group = { .name = "bench", .billing = "reserved", .services = { &web, 1 } };
	struct list list = { arena_alloc(&arena, count * sizeof(char *)), count, 0 };

	for (size_t i = 0; i < count; i++) {
		struct key key = numbered_key("tenant", i % tenant_count);
		struct order_doc doc = {
			.id = id_new(), .group = group, .care_hours = 1, .window_ms = 600000
		};
		char text[ID_TEXT_SIZE];

		doc.terms =
			(struct order_terms){ .tenant = key.address,
					      .group = group_hash(&group),
					      .maxRate = { 1000000000 },
					      .baseBps = 10000,
					      .deposit = { 1000 },
					      .openBy = (uint32_t)(clock_wall() / SECOND_US) + 3600,
					      .window = 600,
					      .launch = 300,
					      .auctioneer = *market,
					      .feeBps = 100,
					      .nonce = (uint64_t)clock_wall() + i };
		doc.sig = signed_by(&key, order_hash(&doc.terms));
		list.texts[i] = post_text("/v1/orders",
					  arena_printf(&arena, "Idempotency-Key: %s",
						       id_text(ID_ORDER, &doc.id, text)),
					  json_encode(&arena, order_doc_fields, &doc));
	}
	return list;
}

/* ------------------------------------------------------------------ */

struct shown_round {
	struct id id;
	struct hash hash, key;
};

static bool
read_round(FILE *f, struct shown_round *r)
{
	char id[33], hash[65], key[65];
	struct err e = ERR_NONE;

	if (fscanf(f, "%32s %64s %64s", id, hash, key) != 3)
		return false;
	if (hex_read(id, r->id.b, 16, &e) < 0 || hex_read(hash, r->hash.b, 32, &e) < 0 ||
	    hex_read(key, r->key.b, 32, &e) < 0)
		fatal("%s", e.text);
	return true;
}

static const char *
bid_text(const struct shown_round *r, const struct key *key, const char *token, size_t dearer)
{
	struct bid_doc doc = { .terms = { .order = r->hash,
					  .provider = key->address,
					  .floor = { 1000000 + 1000 * dearer },
					  .list = { 2000000 },
					  .round = 1 } };
	struct bid_post post = {
		.id = id_new(), .order = r->id, .round = 1, .provider = key->address
	};
	const char *text;

	doc.sig = signed_by(key, bid_hash(&doc.terms));
	text = json_encode(&arena, bid_doc_fields, &doc);
	post.envelope.b = seal_box(&arena, r->key.b, text, strlen(text), &post.envelope.len);
	return post_text("/v1/bids", arena_printf(&arena, "Authorization: Bearer %s", token),
			 json_encode(&arena, bid_post_fields, &post));
}

static struct list
answers_make(size_t providers, const struct address *market, const char *path)
{
	const char *scope = "provider";
	struct key keys[16];
	const char *tokens[16];
	struct list list = { NULL, 0, 0 };
	struct shown_round r;
	FILE *f = fopen(path, "re");

	if (f == NULL || providers > NELEMS(keys))
		fatal("%s", path);
	for (size_t p = 0; p < providers; p++) {
		int64_t now = clock_wall() / SECOND_US;
		struct jwt_claims claims = {
			.aud = *market, .nbf = now - 30, .exp = now + 800, .scope = { &scope, 1 }
		};

		keys[p] = numbered_key("provider", p);
		claims.iss = keys[p].address;
		tokens[p] = jwt_make(&arena, &keys[p], &claims);
	}
	while (read_round(f, &r))
		for (size_t p = 0; p < providers; p++) {
			list.texts = arena_grow(&arena, list.texts, list.count, sizeof(char *));
			list.texts[list.count++] = bid_text(&r, &keys[p], tokens[p], p);
		}
	fclose(f);
	return list;
}

/* ------------------------------------------------------------------ */

/* From the text on: parsing, hashes, signatures, boxes, outcome. */
static void
audit(const char *path)
{
	static char line[JSON_BYTES_MAX];
	static double ms[100000];
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f == NULL)
		fatal("%s", path);
	while (n < NELEMS(ms) && fgets(line, sizeof(line), f) != NULL) {
		double at = cpu_self();
		struct audit_round r = { .domain = &domain };
		struct err e = ERR_NONE;
		struct transcript t;
		struct arena a;

		line[strcspn(line, "\n")] = '\0';
		arena_init(&a, 0);
		keccak256(line, strlen(line), &r.record);
		r.t = &t;
		if (json_decode(&a, line, strlen(line), transcript_fields, &t, &e) < 0 ||
		    audit_round(&a, &r, &e) < 0)
			fatal("transcript %zu: %s", n + 1, e.text);
		arena_release(&a);
		ms[n++] = 1000 * (cpu_self() - at);
	}
	printf("count=%zu cpu_ms=%.3f\n", n, median(ms, n));
	fclose(f);
}

static size_t
number(const char *text)
{
	return strtoul(text, NULL, 10);
}

int
main(int argc, char **argv)
{
	struct address escrow = { .b = { [19] = 1 } }, market;
	struct err e = ERR_NONE;
	struct list list;

	log_init("bench", LOG_WARN);
	arena_init(&arena, 0);
	domain_init(&domain, CHAIN, &escrow);
	if (argc == 3 && strcmp(argv[1], "tenants") == 0) {
		tenants(number(argv[2]));
	} else if (argc == 3 && strcmp(argv[1], "audit") == 0) {
		audit(argv[2]);
	} else if (argc == 7 && strcmp(argv[1], "post") == 0) {
		if (address_read(argv[6], &market, &e) < 0)
			fatal("%s", e.text);
		list = orders_make(number(argv[4]), number(argv[5]), &market);
		run((unsigned)number(argv[2]), number(argv[3]), &list);
	} else if (argc == 7 && strcmp(argv[1], "answer") == 0) {
		if (address_read(argv[5], &market, &e) < 0)
			fatal("%s", e.text);
		list = answers_make(number(argv[4]), &market, argv[6]);
		run((unsigned)number(argv[2]), number(argv[3]), &list);
	} else {
		fatal("see the head of market_orders.c");
	}
	return 0;
}
