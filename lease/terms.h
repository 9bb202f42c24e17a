/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terms.h - the statements that people sign, field by field.
 *
 * All are EIP-712 typed data under the domain {name "Gavel", version "1",
 * chainId, verifyingContract = the escrow}. The type strings stand in terms.c
 * beside the fields and must equal the contract's (lease/contracts). Order,
 * Award, Lease, Voucher, Statement and Release move money on chain; two Bids, Usages
 * or Rounds that contradict each other take a bond; Provider, Audit, Choice and Close
 * stay off chain.
 *
 * Pure: no signing here (key.h), no I/O.
 */
#ifndef GAVEL_TERMS_H
#define GAVEL_TERMS_H

#include "lib/json.h"

struct domain {
	uint64_t chain_id;
	struct address contract;
	struct hash separator; /* filled by domain_init */
};

void domain_init(struct domain *d, uint64_t chain_id, const struct address *contract);

/* The tenant's wish. Alone it opens nothing. */
struct order_terms {
	struct address tenant;
	struct hash group; /* group_hash() */
	struct rate maxRate;
	uint32_t baseBps; /* share of the rate that accrues unsigned; 10000: reserved */
	struct amount deposit;
	uint32_t openBy; /* unix seconds: no lease may be opened later */
	uint32_t window; /* seconds to answer a claim or a stop */
	uint32_t launch; /* seconds after opening in which the auctioneer may void */
	struct address auctioneer;
	struct address cosigner; /* zero: none */
	uint32_t feeBps;
	uint64_t nonce; /* used once per tenant, in any order */
};

struct award_terms {
	struct hash order; /* order_hash() */
	struct address provider;
	struct rate rate;
	struct hash record; /* of the auction: root of its transcript */
};

/* The provider's acceptance; its struct hash is the lease id on chain. */
struct lease_terms {
	struct hash order;
	struct address tenant, provider, auctioneer, cosigner;
	struct rate rate, base;
	struct amount deposit;
	uint32_t openBy, window, launch, feeBps;
};

/* Cumulative: "this much is owed for the time up to upTo". */
struct voucher_terms {
	struct hash lease;
	struct amount amount;
	uint32_t upTo; /* unix seconds */
};

/* The provider's last word: final cumulative amount. */
struct release_terms {
	struct hash lease;
	struct amount amount;
};

/* A sealed bid's inside. Floor and list are for the whole group. */
struct bid_terms {
	struct hash order;
	struct address provider;
	struct rate floor, list; /* list >= floor */
	uint64_t round;
	struct hash salt;
};

/* One meter reading: everything counted since the lease began. */
struct usage_terms {
	struct hash lease;
	uint64_t seq;	      /* from 1, without holes */
	struct hash previous; /* usage_hash() of seq - 1, zero for the first */
	uint32_t upTo;	      /* unix seconds */
	uint64_t healthySeconds;
	uint64_t cpuMilliSeconds; /* CPU time x 1000: thousandths of a CPU-second */
	uint64_t memoryMiBSeconds;
	uint64_t storageMiBSeconds;
	uint64_t egressBytes;
	struct amount amount; /* due by the price function */
};

/* Who a provider is and where; the market and tenants find it by this. */
struct provider_terms {
	struct address provider;
	const char *url;	/* https://host:port of its gateway */
	struct hash tlsKey;	/* tls_pin() of that gateway */
	struct hash attributes; /* Keccak-256 of their canonical JSON */
	uint64_t seq;		/* a higher one replaces */
};

/* An auditor vouches for attributes of a provider, whatever that one says itself. */
struct audit_terms {
	struct address auditor, provider;
	struct hash attributes; /* attributes_hash() of those vouched for, and no others */
	uint32_t expires;	/* unix seconds; 0: taken back */
	uint64_t seq;		/* a higher one of the same two replaces */
};

/* The market closes a sealed round: the root of all envelopes, signed before
 * the key is shown. */
struct round_terms {
	struct hash order;
	uint64_t round;
	struct hash root;
	struct hash key; /* X25519 public key of the round */
};

/* The tenant takes one of a ranking: off chain, and before the Award. */
struct choice_terms {
	struct hash order;
	uint64_t round;
	struct address provider;
};

extern const struct json_field choice_terms_fields[];
extern const struct json_field order_terms_fields[], award_terms_fields[], lease_terms_fields[],
	voucher_terms_fields[], release_terms_fields[], bid_terms_fields[], usage_terms_fields[],
	provider_terms_fields[], audit_terms_fields[], round_terms_fields[];

/* hashStruct of EIP-712. */
struct hash order_hash(const struct order_terms *o);
struct hash award_hash(const struct award_terms *a);
struct hash lease_hash(const struct lease_terms *l); /* the lease id */
struct hash voucher_hash(const struct voucher_terms *v);
struct hash release_hash(const struct release_terms *r);
/* One signature over many vouchers. */
struct hash statement_hash(struct arena *a, const struct voucher_terms *v, size_t count);
struct hash bid_hash(const struct bid_terms *b);
struct hash usage_hash(const struct usage_terms *u);
struct hash provider_hash(const struct provider_terms *p);
struct hash audit_hash(const struct audit_terms *a);
struct hash round_hash(const struct round_terms *r);
struct hash choice_hash(const struct choice_terms *c);
/* keccak256(0x1901 || separator || hashStruct): what is signed. */
struct hash terms_digest(const struct domain *d, const struct hash *struct_hash);

/* The lease that follows from an order and its award. */
struct lease_terms
lease_from(const struct order_terms *o, const struct address *provider, struct rate rate);
/* ceil(rate * bps / 10000): what accrues without a signature. */
struct rate rate_base(struct rate rate, uint32_t bps);

#endif
