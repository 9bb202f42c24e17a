/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vouchers.c - what checking a voucher costs, on one core, beside the recovery of one
 * signature by libsecp256k1 alone; and what one reading's price and hash cost.
 *
 *	vouchers topics	the contract's events and their topics, for node.py
 */
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "lease/abi.h"
#include "lease/documents.h"
#include "lease/key.h"
#include "lib/clock.h"

enum { VOUCHERS = 256, FOR_US = 2 * SECOND_US, LEASES = 1000 };

static struct domain domain;
static struct voucher_post posts[VOUCHERS];
static struct key tenant, provider;

static int
topics(void)
{
	static const char *const events[] = { "Deposited(address,address,uint96)",
					      "Opened(address,address,uint16,bytes)",
					      "Settled(address,address,uint16,bytes)",
					      "Closed(address,address,uint16,bytes)" };

	for (size_t i = 0; i < NELEMS(events); i++) {
		struct hash h = abi_topic(events[i]);
		char text[HASH_TEXT_SIZE];

		printf("%.*s %s\n", (int)strcspn(events[i], "("), events[i], hash_text(&h, text));
	}
	return 0;
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
make(void)
{
	struct address contract = { { 1 } };

	domain_init(&domain, 31337, &contract);
	key_new(&tenant);
	key_new(&provider);
	for (unsigned i = 0; i < VOUCHERS; i++) {
		struct voucher_post *v = &posts[i];
		struct voucher_terms terms;

		v->usage = (struct usage_terms){ .lease = { { (uint8_t)i } },
						 .seq = i + 1,
						 .upTo = 1000000 + i,
						 .amount = { i } };
		terms = voucher_of(&v->usage);
		v->usage_sig = sign(&provider, usage_hash(&v->usage));
		v->provider_sig = sign(&provider, voucher_hash(&terms));
		v->payer_sig = sign(&tenant, voucher_hash(&terms));
	}
}

/* As the market does on POST /v1/vouchers: three signatures, two hashes. */
static void
check(const struct voucher_post *v)
{
	struct voucher_terms terms = voucher_of(&v->usage);
	struct hash h = usage_hash(&v->usage), digest = terms_digest(&domain, &h);
	struct err e = ERR_NONE;

	if (sig_check(&v->usage_sig, &digest, &provider.address, &e) < 0)
		fatal("%s", e.text);
	h = voucher_hash(&terms);
	digest = terms_digest(&domain, &h);
	if (sig_check(&v->provider_sig, &digest, &provider.address, &e) < 0 ||
	    sig_check(&v->payer_sig, &digest, &tenant.address, &e) < 0)
		fatal("%s", e.text);
}

static double
per_second(void (*one)(const struct voucher_post *v))
{
	mono_t began = clock_mono(), took;
	uint64_t n = 0;

	do {
		for (unsigned i = 0; i < VOUCHERS; i++)
			one(&posts[i]);
		n += VOUCHERS;
		took = clock_mono() - began;
	} while (took < FOR_US);
	return (double)n * SECOND_US / (double)took;
}

static void
bare(const struct voucher_post *v)
{
	static secp256k1_context *ctx;
	secp256k1_ecdsa_recoverable_signature sig;
	uint8_t compact[64];
	secp256k1_pubkey key;
	struct voucher_terms terms = voucher_of(&v->usage);
	struct hash h = voucher_hash(&terms), digest = terms_digest(&domain, &h);

	if (ctx == NULL)
		ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	memcpy(compact, v->payer_sig.b, sizeof(compact));
	compact[32] &= 0x7f;
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &sig, compact,
								 v->payer_sig.b[32] >> 7) ||
	    !secp256k1_ecdsa_recover(ctx, &key, &sig, digest.b))
		fatal("a signature does not recover");
}

/* A tick of the meter for many leases: price and hash, without the cgroup's files. */
static void
meter(void)
{
	struct group_service web = { .name = "web",
				     .count = 1,
				     .resources = { .cpu_milli = 500,
						    .memory_bytes = 256 << 20,
						    .storage_bytes = 512 << 20 } };
	struct group group = { .name = "g", .billing = "metered", .services = { &web, 1 } };
	struct price_lease price = { .rate = { 13888888889 },
				     .base = { 6944444445 },
				     .card = { .cpu_milli = { 20000000 },
					       .memory_mib = { 10000000 },
					       .storage_mib = { 1000000 } },
				     .reserved = group_total(&group),
				     .group = &group,
				     .deposit = { 5000000 },
				     .billing = BILLING_METERED };
	mono_t began = clock_mono(), priced, signed_at;
	u128 sum = 0;

	for (uint32_t i = 0; i < LEASES; i++) {
		struct meter m = { 3600 + i, 1000000 + i, 900000 + i, 0 };

		sum += price_due(&price, &m, 3600 + i).units;
	}
	priced = clock_mono();
	for (uint32_t i = 0; i < LEASES; i++) {
		struct usage_terms u = posts[i % VOUCHERS].usage;
		struct voucher_terms v = voucher_of(&u);

		sign(&provider, usage_hash(&u));
		sign(&provider, voucher_hash(&v));
	}
	signed_at = clock_mono();
	printf("a reading of %d leases: %.1f ms priced, %.1f ms signed (due %llu)\n", LEASES,
	       (double)(priced - began) / MILLI_US, (double)(signed_at - priced) / MILLI_US,
	       (unsigned long long)sum);
}

int
main(int argc, char **argv)
{
	double whole, one;

	if (argc > 1 && strcmp(argv[1], "topics") == 0)
		return topics();
	make();
	whole = per_second(check);
	one = per_second(bare);
	printf("vouchers checked %.0f/s a core, three signatures each\n", whole);
	printf("one signature by libsecp256k1 alone %.0f/s: %.2f times as many\n", one,
	       one / whole);
	meter();
	return 0;
}
