/* SPDX-License-Identifier: Apache-2.0 */
/* The EIP-712 types and their struct hashes. */
#include "lease/terms.h"

#include "lease/typed.h"

/* ------------------------------------------------------------------ */
/* The domain.                                                         */

void
domain_init(struct domain *d, uint64_t chain_id, const struct address *contract)
{
	struct words w = words_begin("EIP712Domain(string name,string version,uint256 chainId,"
				     "address verifyingContract)");

	d->chain_id = chain_id;
	d->contract = *contract;
	word_string(&w, "Gavel");
	word_string(&w, "1");
	word_uint(&w, chain_id);
	word_address(&w, contract);
	d->separator = words_end(&w);
}

struct hash
terms_digest(const struct domain *d, const struct hash *struct_hash)
{
	uint8_t text[2 + 32 + 32] = { 0x19, 0x01 };
	struct hash h;

	memcpy(text + 2, d->separator.b, 32);
	memcpy(text + 34, struct_hash->b, 32);
	keccak256(text, sizeof(text), &h);
	return h;
}

/* ------------------------------------------------------------------ */
/* Types checked on chain: equal to those of lease/contracts.          */

struct hash
order_hash(const struct order_terms *o)
{
	struct words w = words_begin(
		"Order(address tenant,bytes32 group,uint128 maxRate,uint16 baseBps,uint96 deposit,"
		"uint32 openBy,uint32 window,uint32 launch,address auctioneer,address cosigner,"
		"uint16 feeBps,uint64 nonce)");

	word_address(&w, &o->tenant);
	word_hash(&w, &o->group);
	word_uint(&w, o->maxRate.nano);
	word_uint(&w, o->baseBps);
	word_uint(&w, o->deposit.units);
	word_uint(&w, o->openBy);
	word_uint(&w, o->window);
	word_uint(&w, o->launch);
	word_address(&w, &o->auctioneer);
	word_address(&w, &o->cosigner);
	word_uint(&w, o->feeBps);
	word_uint(&w, o->nonce);
	return words_end(&w);
}

struct hash
award_hash(const struct award_terms *a)
{
	struct words w =
		words_begin("Award(bytes32 order,address provider,uint128 rate,bytes32 record)");

	word_hash(&w, &a->order);
	word_address(&w, &a->provider);
	word_uint(&w, a->rate.nano);
	word_hash(&w, &a->record);
	return words_end(&w);
}

struct hash
lease_hash(const struct lease_terms *l)
{
	struct words w = words_begin(
		"Lease(bytes32 order,address tenant,address provider,address auctioneer,"
		"address cosigner,uint128 rate,uint128 base,uint96 deposit,uint32 openBy,"
		"uint32 window,uint32 launch,uint16 feeBps)");

	word_hash(&w, &l->order);
	word_address(&w, &l->tenant);
	word_address(&w, &l->provider);
	word_address(&w, &l->auctioneer);
	word_address(&w, &l->cosigner);
	word_uint(&w, l->rate.nano);
	word_uint(&w, l->base.nano);
	word_uint(&w, l->deposit.units);
	word_uint(&w, l->openBy);
	word_uint(&w, l->window);
	word_uint(&w, l->launch);
	word_uint(&w, l->feeBps);
	return words_end(&w);
}

struct hash
voucher_hash(const struct voucher_terms *v)
{
	struct words w = words_begin("Voucher(bytes32 lease,uint96 amount,uint32 upTo)");

	word_hash(&w, &v->lease);
	word_uint(&w, v->amount.units);
	word_uint(&w, v->upTo);
	return words_end(&w);
}

struct hash
release_hash(const struct release_terms *r)
{
	struct words w = words_begin("Release(bytes32 lease,uint96 amount)");

	word_hash(&w, &r->lease);
	word_uint(&w, r->amount.units);
	return words_end(&w);
}

struct hash
statement_hash(struct arena *a, const struct voucher_terms *v, size_t count)
{
	struct words w = words_begin("Statement(Voucher[] vouchers)"
				     "Voucher(bytes32 lease,uint96 amount,uint32 upTo)");
	struct hash *each = arena_alloc(a, (count + 1) * sizeof(*each)), all;

	for (size_t i = 0; i < count; i++)
		each[i] = voucher_hash(&v[i]);
	keccak256(each, count * sizeof(*each), &all);
	word_hash(&w, &all);
	return words_end(&w);
}

/* ------------------------------------------------------------------ */
/* Types that the chain sees only when they contradict each other. */

struct hash
bid_hash(const struct bid_terms *b)
{
	struct words w =
		words_begin("Bid(bytes32 order,address provider,uint128 floor,uint128 list,"
			    "uint64 round,bytes32 salt)");

	word_hash(&w, &b->order);
	word_address(&w, &b->provider);
	word_uint(&w, b->floor.nano);
	word_uint(&w, b->list.nano);
	word_uint(&w, b->round);
	word_hash(&w, &b->salt);
	return words_end(&w);
}

struct hash
usage_hash(const struct usage_terms *u)
{
	struct words w = words_begin(
		"Usage(bytes32 lease,uint64 seq,bytes32 previous,uint32 upTo,uint64 healthySeconds,"
		"uint64 cpuMilliSeconds,uint64 memoryMiBSeconds,uint64 storageMiBSeconds,"
		"uint64 egressBytes,uint96 amount)");

	word_hash(&w, &u->lease);
	word_uint(&w, u->seq);
	word_hash(&w, &u->previous);
	word_uint(&w, u->upTo);
	word_uint(&w, u->healthySeconds);
	word_uint(&w, u->cpuMilliSeconds);
	word_uint(&w, u->memoryMiBSeconds);
	word_uint(&w, u->storageMiBSeconds);
	word_uint(&w, u->egressBytes);
	word_uint(&w, u->amount.units);
	return words_end(&w);
}

struct hash
provider_hash(const struct provider_terms *p)
{
	struct words w = words_begin("Provider(address provider,string url,bytes32 tlsKey,"
				     "bytes32 attributes,uint64 seq)");

	word_address(&w, &p->provider);
	word_string(&w, p->url);
	word_hash(&w, &p->tlsKey);
	word_hash(&w, &p->attributes);
	word_uint(&w, p->seq);
	return words_end(&w);
}

struct hash
audit_hash(const struct audit_terms *a)
{
	struct words w = words_begin("Audit(address auditor,address provider,bytes32 attributes,"
				     "uint32 expires,uint64 seq)");

	word_address(&w, &a->auditor);
	word_address(&w, &a->provider);
	word_hash(&w, &a->attributes);
	word_uint(&w, a->expires);
	word_uint(&w, a->seq);
	return words_end(&w);
}

struct hash
round_hash(const struct round_terms *r)
{
	struct words w = words_begin("Round(bytes32 order,uint64 round,bytes32 root,bytes32 key)");

	word_hash(&w, &r->order);
	word_uint(&w, r->round);
	word_hash(&w, &r->root);
	word_hash(&w, &r->key);
	return words_end(&w);
}

struct hash
choice_hash(const struct choice_terms *c)
{
	struct words w = words_begin("Choice(bytes32 order,uint64 round,address provider)");

	word_hash(&w, &c->order);
	word_uint(&w, c->round);
	word_address(&w, &c->provider);
	return words_end(&w);
}

/* ------------------------------------------------------------------ */
/* What follows from what.                                             */

struct rate
rate_base(struct rate rate, uint32_t bps)
{
	return (struct rate){ (rate.nano * bps + 9999) / 10000 };
}

struct lease_terms
lease_from(const struct order_terms *o, const struct address *provider, struct rate rate)
{
	return (struct lease_terms){
		.order = order_hash(o),
		.tenant = o->tenant,
		.provider = *provider,
		.auctioneer = o->auctioneer,
		.cosigner = o->cosigner,
		.rate = rate,
		.base = rate_base(rate, o->baseBps),
		.deposit = o->deposit,
		.openBy = o->openBy,
		.window = o->window,
		.launch = o->launch,
		.feeBps = o->feeBps,
	};
}

/* ------------------------------------------------------------------ */
/* As JSON: the members of the typed data, by the same names.          */

#define T struct order_terms
const struct json_field order_terms_fields[] = { JSON_ADDRESS(T, tenant, 0),
						 JSON_HASH(T, group, 0),
						 JSON_RATE(T, maxRate, 0),
						 JSON_U32(T, baseBps, 10000, 0),
						 JSON_AMOUNT(T, deposit, 0),
						 JSON_U32(T, openBy, 0, 0),
						 JSON_U32(T, window, 0, 0),
						 JSON_U32(T, launch, 3600, 0),
						 JSON_ADDRESS(T, auctioneer, 0),
						 JSON_ADDRESS(T, cosigner, 0),
						 JSON_U32(T, feeBps, 2000, 0),
						 JSON_U64(T, nonce, 0),
						 JSON_END };
#undef T
#define T struct award_terms
const struct json_field award_terms_fields[] = { JSON_HASH(T, order, 0),
						 JSON_ADDRESS(T, provider, 0),
						 JSON_RATE(T, rate, 0), JSON_HASH(T, record, 0),
						 JSON_END };
#undef T
#define T struct lease_terms
const struct json_field lease_terms_fields[] = { JSON_HASH(T, order, 0),
						 JSON_ADDRESS(T, tenant, 0),
						 JSON_ADDRESS(T, provider, 0),
						 JSON_ADDRESS(T, auctioneer, 0),
						 JSON_ADDRESS(T, cosigner, 0),
						 JSON_RATE(T, rate, 0),
						 JSON_RATE(T, base, 0),
						 JSON_AMOUNT(T, deposit, 0),
						 JSON_U32(T, openBy, 0, 0),
						 JSON_U32(T, window, 0, 0),
						 JSON_U32(T, launch, 3600, 0),
						 JSON_U32(T, feeBps, 2000, 0),
						 JSON_END };
#undef T
#define T struct voucher_terms
const struct json_field voucher_terms_fields[] = { JSON_HASH(T, lease, 0),
						   JSON_AMOUNT(T, amount, 0),
						   JSON_U32(T, upTo, 0, 0), JSON_END };
#undef T
#define T struct release_terms
const struct json_field release_terms_fields[] = { JSON_HASH(T, lease, 0),
						   JSON_AMOUNT(T, amount, 0), JSON_END };
#undef T
#define T struct bid_terms
const struct json_field bid_terms_fields[] = { JSON_HASH(T, order, 0),
					       JSON_ADDRESS(T, provider, 0),
					       JSON_RATE(T, floor, 0),
					       JSON_RATE(T, list, 0),
					       JSON_U64(T, round, 0),
					       JSON_HASH(T, salt, 0),
					       JSON_END };
#undef T
#define T struct usage_terms
const struct json_field usage_terms_fields[] = { JSON_HASH(T, lease, 0),
						 JSON_U64(T, seq, 0),
						 JSON_HASH(T, previous, 0),
						 JSON_U32(T, upTo, 0, 0),
						 JSON_U64(T, healthySeconds, 0),
						 JSON_U64(T, cpuMilliSeconds, 0),
						 JSON_U64(T, memoryMiBSeconds, 0),
						 JSON_U64(T, storageMiBSeconds, 0),
						 JSON_U64(T, egressBytes, 0),
						 JSON_AMOUNT(T, amount, 0),
						 JSON_END };
#undef T
#define T struct provider_terms
const struct json_field provider_terms_fields[] = {
	JSON_ADDRESS(T, provider, 0), JSON_STR(T, url, 200, 0), JSON_HASH(T, tlsKey, 0),
	JSON_HASH(T, attributes, 0),  JSON_U64(T, seq, 0),	JSON_END
};
#undef T
#define T struct audit_terms
const struct json_field audit_terms_fields[] = {
	JSON_ADDRESS(T, auditor, 0), JSON_ADDRESS(T, provider, 0), JSON_HASH(T, attributes, 0),
	JSON_U32(T, expires, 0, 0),  JSON_U64(T, seq, 0),	   JSON_END
};
#undef T
#define T struct round_terms
const struct json_field round_terms_fields[] = { JSON_HASH(T, order, 0), JSON_U64(T, round, 0),
						 JSON_HASH(T, root, 0), JSON_HASH(T, key, 0),
						 JSON_END };
#undef T
#define T struct choice_terms
const struct json_field choice_terms_fields[] = { JSON_HASH(T, order, 0), JSON_U64(T, round, 0),
						  JSON_ADDRESS(T, provider, 0), JSON_END };
#undef T
