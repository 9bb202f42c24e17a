/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/escrow.h"

#include "lease/typed.h"

/* The tuples of the contract's structs, for the function selectors. */
#define ORDER_T                                                                                    \
	"(address,bytes32,uint128,uint16,uint96,uint32,uint32,uint32,address,address,uint16,"      \
	"uint64)"
#define LEASE_T                                                                                    \
	"(bytes32,address,address,address,address,uint128,uint128,uint96,uint32,uint32,uint32,"    \
	"uint16)"
#define SIG_T	  "(bytes32,bytes32)"
#define MATCH_T	  "(address,uint128,bytes32,bytes,bytes,bytes)"
#define PAYMENT_T "(uint96,uint32,bytes,bytes)"
#define BID_T	  "(bytes32,address,uint128,uint128,uint64,bytes32)"
#define USAGE_T	  "(bytes32,uint64,bytes32,uint32,uint64,uint64,uint64,uint64,uint64,uint96)"
#define ROUND_T	  "(bytes32,uint64,bytes32,bytes32)"

/* ------------------------------------------------------------------ */
/* Calls.                                                              */

static struct calldata
done(const struct abi *abi)
{
	return (struct calldata){ abi->b, abi->len };
}

static void
put_order(struct abi *abi, const struct order_terms *o)
{
	abi_address(abi, &o->tenant);
	abi_bytes32(abi, &o->group);
	abi_uint(abi, o->maxRate.nano);
	abi_uint(abi, o->baseBps);
	abi_uint(abi, o->deposit.units);
	abi_uint(abi, o->openBy);
	abi_uint(abi, o->window);
	abi_uint(abi, o->launch);
	abi_address(abi, &o->auctioneer);
	abi_address(abi, &o->cosigner);
	abi_uint(abi, o->feeBps);
	abi_uint(abi, o->nonce);
}

static void
put_lease(struct abi *abi, const struct lease_terms *l)
{
	abi_bytes32(abi, &l->order);
	abi_address(abi, &l->tenant);
	abi_address(abi, &l->provider);
	abi_address(abi, &l->auctioneer);
	abi_address(abi, &l->cosigner);
	abi_uint(abi, l->rate.nano);
	abi_uint(abi, l->base.nano);
	abi_uint(abi, l->deposit.units);
	abi_uint(abi, l->openBy);
	abi_uint(abi, l->window);
	abi_uint(abi, l->launch);
	abi_uint(abi, l->feeBps);
}

struct calldata
escrow_open(struct arena *a, const struct opening *o)
{
	const struct sig *sigs[] = { &o->tenant_sig, &o->provider_sig, &o->auctioneer_sig };
	struct abi abi;
	size_t begun;

	abi_call(&abi, a, "open(" ORDER_T "," MATCH_T ")");
	put_order(&abi, &o->order);
	abi_uint(&abi, 13 * 32); /* where the match begins */
	begun = abi.len;
	abi_address(&abi, &o->lease.provider);
	abi_uint(&abi, o->lease.rate.nano);
	abi_bytes32(&abi, &o->record);
	abi_sigs(&abi, begun, sigs, NELEMS(sigs));
	return done(&abi);
}

static struct calldata
payment(struct arena *a, const char *signature, const struct lease_terms *l,
	const struct voucher_terms *v, const struct sig *payer, const struct sig *provider)
{
	const struct sig *sigs[] = { payer, provider };
	struct abi abi;
	size_t begun;

	abi_call(&abi, a, signature);
	put_lease(&abi, l);
	abi_uint(&abi, 13 * 32); /* where the payment begins */
	begun = abi.len;
	abi_uint(&abi, v->amount.units);
	abi_uint(&abi, v->upTo);
	abi_sigs(&abi, begun, sigs, NELEMS(sigs));
	return done(&abi);
}

struct calldata
escrow_settle(struct arena *a, const struct settlement *s)
{
	return payment(a, "settle(" LEASE_T "," PAYMENT_T ")", &s->lease, &s->voucher,
		       &s->payer_sig, &s->provider_sig);
}

struct calldata
escrow_close(struct arena *a, const struct closing *c)
{
	return payment(a, "close(" LEASE_T "," PAYMENT_T ")", &c->lease, &c->voucher, &c->payer_sig,
		       &c->release_sig);
}

/* ------------------------------------------------------------------ */
/* Batches: groups of entries under one head, as Escrow.sol lays them    */
/* out above openMany().                                                 */

enum {
	PAYER_STATEMENT = 1,
	PAYER_SENDS = 2,
	PROVIDER_EACH = 4,
	PROVIDER_STATEMENT = 8,
	AWARD_EACH = 16,
};

/* What entries of one group have in common. */
struct head {
	const struct lease_terms *lease;
	uint32_t base_bps;
	unsigned flags;
};

static bool
signed_by(const struct sig *sig)
{
	static const struct sig none;

	return memcmp(sig, &none, sizeof(none)) != 0;
}

/* The share of the rate that makes the base. Small rates have several that do. */
static uint32_t
bps_of(const struct lease_terms *l)
{
	uint32_t bps = 0;

	if (l->rate.nano != 0 && l->base.nano <= l->rate.nano)
		bps = (uint32_t)(l->base.nano * 10000 / l->rate.nano);
	while (bps < 10000 && rate_base(l->rate, bps).nano < l->base.nano)
		bps++;
	return bps;
}

static bool
head_equal(const struct head *x, const struct head *y)
{
	const struct lease_terms *a = x->lease, *b = y->lease;

	return x->flags == y->flags && x->base_bps == y->base_bps &&
	       address_equal(&a->provider, &b->provider) &&
	       address_equal(&a->auctioneer, &b->auctioneer) &&
	       address_equal(&a->cosigner, &b->cosigner) && a->window == b->window &&
	       a->launch == b->launch && a->feeBps == b->feeBps;
}

static void
put_head(struct abi *abi, const struct head *h, size_t count)
{
	abi_raw_uint(abi, h->flags, 1);
	abi_raw_uint(abi, count, 2);
	abi_raw_uint(abi, h->base_bps, 2);
	abi_raw_uint(abi, h->lease->feeBps, 2);
	abi_raw_uint(abi, h->lease->window, 4);
	abi_raw_uint(abi, h->lease->launch, 4);
	abi_raw(abi, h->lease->provider.b, 20);
	abi_raw(abi, h->lease->auctioneer.b, 20);
	abi_raw(abi, h->lease->cosigner.b, 20);
}

static void
put_sig(struct abi *abi, const struct sig *sig, bool wanted)
{
	if (wanted)
		abi_raw(abi, sig->b, sizeof(sig->b));
}

/* Everything of one batch that does not depend on what its entries are. */
struct batch_of {
	size_t count;
	const void *all;
	struct head (*head)(const void *all, size_t i);
	void (*entry)(struct abi *abi, const void *all, size_t i, unsigned flags);
};

static struct calldata
batch(struct arena *a, const char *signature, const struct batch_of *b)
{
	bool *placed = arena_alloc(a, b->count + 1);
	struct abi abi;
	size_t begun;

	memset(placed, 0, b->count + 1);
	abi_call(&abi, a, signature);
	begun = abi_bytes_begin(&abi);
	for (size_t first = 0; first < b->count; first++) {
		struct head h = b->head(b->all, first);
		size_t at = abi.len, members = 0;

		if (placed[first])
			continue;
		put_head(&abi, &h, 0);
		for (size_t i = first; i < b->count && members < UINT16_MAX; i++) {
			struct head other = b->head(b->all, i);

			if (placed[i] || !head_equal(&h, &other))
				continue;
			b->entry(&abi, b->all, i, h.flags);
			placed[i] = true;
			members++;
		}
		abi.b[at + 1] = (uint8_t)(members >> 8);
		abi.b[at + 2] = (uint8_t)members;
	}
	abi_bytes_end(&abi, begun);
	return done(&abi);
}

static struct head
opening_head(const void *all, size_t i)
{
	const struct opening *o = &((const struct opening *)all)[i];

	return (struct head){ &o->lease, o->order.baseBps,
			      (signed_by(&o->provider_sig) ? PROVIDER_EACH : 0u) |
				      (signed_by(&o->auctioneer_sig) ? AWARD_EACH : 0u) };
}

static void
opening_entry(struct abi *abi, const void *all, size_t i, unsigned flags)
{
	const struct opening *o = &((const struct opening *)all)[i];

	abi_raw(abi, o->order.group.b, 32);
	abi_raw(abi, o->order.tenant.b, 20);
	abi_raw_uint(abi, o->lease.rate.nano, 16);
	abi_raw_uint(abi, o->order.maxRate.nano, 16);
	abi_raw_uint(abi, o->order.nonce, 8);
	abi_raw_uint(abi, o->order.deposit.units, 12);
	abi_raw_uint(abi, o->order.openBy, 4);
	put_sig(abi, &o->tenant_sig, true);
	put_sig(abi, &o->provider_sig, (flags & PROVIDER_EACH) != 0);
	if ((flags & AWARD_EACH) != 0)
		abi_raw(abi, o->record.b, 32);
	put_sig(abi, &o->auctioneer_sig, (flags & AWARD_EACH) != 0);
}

struct calldata
escrow_open_many(struct arena *a, const struct opening *o, size_t count)
{
	return batch(a, "openMany(bytes)",
		     &(struct batch_of){ count, o, opening_head, opening_entry });
}

static void
put_payment(struct abi *abi, const struct lease_terms *l, const struct voucher_terms *v)
{
	abi_raw(abi, l->order.b, 32);
	abi_raw(abi, l->tenant.b, 20);
	abi_raw_uint(abi, l->rate.nano, 16);
	abi_raw_uint(abi, l->deposit.units, 12);
	abi_raw_uint(abi, l->openBy, 4);
	abi_raw_uint(abi, v->amount.units, 12);
	abi_raw_uint(abi, v->upTo, 4);
}

static unsigned
payment_flags(const struct sig *payer, const struct sig *provider)
{
	return (signed_by(payer) ? 0u : PAYER_SENDS) | (signed_by(provider) ? PROVIDER_EACH : 0u);
}

static struct head
settlement_head(const void *all, size_t i)
{
	const struct settlement *s = &((const struct settlement *)all)[i];

	return (struct head){ &s->lease, bps_of(&s->lease),
			      payment_flags(&s->payer_sig, &s->provider_sig) };
}

static void
settlement_entry(struct abi *abi, const void *all, size_t i, unsigned flags)
{
	const struct settlement *s = &((const struct settlement *)all)[i];

	put_payment(abi, &s->lease, &s->voucher);
	put_sig(abi, &s->payer_sig, (flags & PAYER_SENDS) == 0);
	put_sig(abi, &s->provider_sig, (flags & PROVIDER_EACH) != 0);
}

struct calldata
escrow_settle_many(struct arena *a, const struct settlement *s, size_t count)
{
	return batch(a, "settleMany(bytes)",
		     &(struct batch_of){ count, s, settlement_head, settlement_entry });
}

static struct head
closing_head(const void *all, size_t i)
{
	const struct closing *c = &((const struct closing *)all)[i];

	return (struct head){ &c->lease, bps_of(&c->lease),
			      payment_flags(&c->payer_sig, &c->release_sig) };
}

static void
closing_entry(struct abi *abi, const void *all, size_t i, unsigned flags)
{
	const struct closing *c = &((const struct closing *)all)[i];

	put_payment(abi, &c->lease, &c->voucher);
	put_sig(abi, &c->payer_sig, (flags & PAYER_SENDS) == 0);
	put_sig(abi, &c->release_sig, (flags & PROVIDER_EACH) != 0);
}

struct calldata
escrow_close_many(struct arena *a, const struct closing *c, size_t count)
{
	return batch(a, "closeMany(bytes)",
		     &(struct batch_of){ count, c, closing_head, closing_entry });
}

struct calldata
escrow_settle_statement(struct arena *a, const struct settlement *s, size_t count,
			const struct address *payer, const struct sig *payer_sig,
			const struct sig *provider_sig)
{
	struct abi abi;
	size_t begun;
	struct head h = { .flags = PAYER_STATEMENT };

	abi_call(&abi, a, "settleMany(bytes)");
	begun = abi_bytes_begin(&abi);
	if (count != 0) {
		h.lease = &s[0].lease;
		h.base_bps = bps_of(h.lease);
		if (signed_by(provider_sig))
			h.flags |= PROVIDER_STATEMENT;
		put_head(&abi, &h, count);
		abi_raw(&abi, payer->b, 20);
		put_sig(&abi, payer_sig, true);
		put_sig(&abi, provider_sig, signed_by(provider_sig));
	}
	for (size_t i = 0; i < count; i++)
		put_payment(&abi, &s[i].lease, &s[i].voucher);
	abi_bytes_end(&abi, begun);
	return done(&abi);
}

/* ------------------------------------------------------------------ */
/* One lease, and money.                                               */

struct calldata
escrow_void(struct arena *a, const struct order_terms *o, const struct lease_terms *l)
{
	struct abi abi;

	abi_call(&abi, a, "voidLease(" ORDER_T ",address,uint128)");
	put_order(&abi, o);
	abi_address(&abi, &l->provider);
	abi_uint(&abi, l->rate.nano);
	return done(&abi);
}

struct calldata
escrow_set_key(struct arena *a, const struct lease_terms *l, const struct address *key,
	       struct amount limit, uint32_t until)
{
	struct abi abi;

	abi_call(&abi, a, "setKey(" LEASE_T ",address,uint96,uint32)");
	put_lease(&abi, l);
	abi_address(&abi, key);
	abi_uint(&abi, limit.units);
	abi_uint(&abi, until);
	return done(&abi);
}

static struct calldata
amount_only(struct arena *a, const char *signature, struct amount amount)
{
	struct abi abi;

	abi_call(&abi, a, signature);
	abi_uint(&abi, amount.units);
	return done(&abi);
}

struct calldata
escrow_bond(struct arena *a, struct amount amount)
{
	return amount_only(a, "bond(uint96)", amount);
}

struct calldata
escrow_unbond(struct arena *a, struct amount amount)
{
	return amount_only(a, "unbond(uint96)", amount);
}

static void
put_bid(struct abi *abi, const struct bid_terms *b)
{
	abi_bytes32(abi, &b->order);
	abi_address(abi, &b->provider);
	abi_uint(abi, b->floor.nano);
	abi_uint(abi, b->list.nano);
	abi_uint(abi, b->round);
	abi_bytes32(abi, &b->salt);
}

static void
put_usage(struct abi *abi, const struct usage_terms *u)
{
	abi_bytes32(abi, &u->lease);
	abi_uint(abi, u->seq);
	abi_bytes32(abi, &u->previous);
	abi_uint(abi, u->upTo);
	abi_uint(abi, u->healthySeconds);
	abi_uint(abi, u->cpuMilliSeconds);
	abi_uint(abi, u->memoryMiBSeconds);
	abi_uint(abi, u->storageMiBSeconds);
	abi_uint(abi, u->egressBytes);
	abi_uint(abi, u->amount.units);
}

static void
put_round(struct abi *abi, const struct round_terms *r)
{
	abi_bytes32(abi, &r->order);
	abi_uint(abi, r->round);
	abi_bytes32(abi, &r->root);
	abi_bytes32(abi, &r->key);
}

struct calldata
escrow_slash_bids(struct arena *a, const struct order_terms *o, const struct bid_terms two[2],
		  const struct sig sigs[2])
{
	struct abi abi;

	abi_call(&abi, a, "slashBids(" ORDER_T "," BID_T "," BID_T "," SIG_T "," SIG_T ")");
	put_order(&abi, o);
	for (unsigned i = 0; i < 2; i++)
		put_bid(&abi, &two[i]);
	for (unsigned i = 0; i < 2; i++)
		abi_sig(&abi, &sigs[i]);
	return done(&abi);
}

struct calldata
escrow_slash_usages(struct arena *a, const struct lease_terms *l, const struct usage_terms two[2],
		    const struct sig sigs[2])
{
	struct abi abi;

	abi_call(&abi, a, "slashUsages(" LEASE_T "," USAGE_T "," USAGE_T "," SIG_T "," SIG_T ")");
	put_lease(&abi, l);
	for (unsigned i = 0; i < 2; i++)
		put_usage(&abi, &two[i]);
	for (unsigned i = 0; i < 2; i++)
		abi_sig(&abi, &sigs[i]);
	return done(&abi);
}

struct calldata
escrow_slash_rounds(struct arena *a, const struct order_terms *o, const struct round_terms two[2],
		    const struct sig sigs[2])
{
	struct abi abi;

	abi_call(&abi, a, "slashRounds(" ORDER_T "," ROUND_T "," ROUND_T "," SIG_T "," SIG_T ")");
	put_order(&abi, o);
	for (unsigned i = 0; i < 2; i++)
		put_round(&abi, &two[i]);
	for (unsigned i = 0; i < 2; i++)
		abi_sig(&abi, &sigs[i]);
	return done(&abi);
}

static struct calldata
address_amount(struct arena *a, const char *signature, const struct address *who,
	       struct amount amount)
{
	struct abi abi;

	abi_call(&abi, a, signature);
	abi_address(&abi, who);
	abi_uint(&abi, amount.units);
	return done(&abi);
}

struct calldata
escrow_deposit(struct arena *a, const struct address *to, struct amount amount)
{
	return address_amount(a, "deposit(address,uint96)", to, amount);
}

struct calldata
escrow_withdraw(struct arena *a, const struct address *to, struct amount amount)
{
	return address_amount(a, "withdraw(address,uint96)", to, amount);
}

struct calldata
token_approve(struct arena *a, const struct address *spender, struct amount amount)
{
	return address_amount(a, "approve(address,uint256)", spender, amount);
}

struct calldata
token_domain(struct arena *a)
{
	return escrow_view(a, "DOMAIN_SEPARATOR");
}

struct calldata
token_nonces(struct arena *a, const struct address *owner)
{
	struct abi abi;

	abi_call(&abi, a, "nonces(address)");
	abi_address(&abi, owner);
	return done(&abi);
}

struct hash
permit_digest(const struct hash *separator, const struct permit *p)
{
	struct words w = words_begin("Permit(address owner,address spender,uint256 value,"
				     "uint256 nonce,uint256 deadline)");
	struct domain d = { .separator = *separator };
	struct hash h;

	word_address(&w, &p->owner);
	word_address(&w, &p->spender);
	word_uint(&w, p->value.units);
	word_uint(&w, p->nonce);
	word_uint(&w, p->deadline);
	h = words_end(&w);
	return terms_digest(&d, &h);
}

/* The token's v, r, s from the compact form: v is the top bit of the second word. */
struct calldata
escrow_deposit_permit(struct arena *a, const struct address *to, const struct permit *p,
		      const struct sig *sig)
{
	struct hash r, s;
	struct abi abi;

	memcpy(r.b, sig->b, 32);
	memcpy(s.b, sig->b + 32, 32);
	s.b[0] &= 0x7f;
	abi_call(&abi, a, "depositWithPermit(address,uint96,uint256,uint8,bytes32,bytes32)");
	abi_address(&abi, to);
	abi_uint(&abi, p->value.units);
	abi_uint(&abi, p->deadline);
	abi_uint(&abi, 27u + (sig->b[32] >> 7));
	abi_bytes32(&abi, &r);
	abi_bytes32(&abi, &s);
	return done(&abi);
}

struct calldata
token_mint(struct arena *a, const struct address *to, struct amount amount)
{
	return address_amount(a, "mint(address,uint256)", to, amount);
}

struct calldata
token_transfer(struct arena *a, const struct address *to, struct amount amount)
{
	return address_amount(a, "transfer(address,uint256)", to, amount);
}

static struct calldata
address_only(struct arena *a, const char *signature, const struct address *who)
{
	struct abi abi;

	abi_call(&abi, a, signature);
	abi_address(&abi, who);
	return done(&abi);
}

struct calldata
escrow_balance_of(struct arena *a, const struct address *who)
{
	return address_only(a, "balanceOf(address)", who);
}

struct calldata
token_balance_of(struct arena *a, const struct address *who)
{
	return address_only(a, "balanceOf(address)", who);
}

/* A function of the lease's terms and, after them, an amount. */
static struct calldata
lease_amount(struct arena *a, const char *signature, const struct lease_terms *l,
	     struct amount amount)
{
	struct abi abi;

	abi_call(&abi, a, signature);
	put_lease(&abi, l);
	abi_uint(&abi, amount.units);
	return done(&abi);
}

struct calldata
escrow_top_up(struct arena *a, const struct lease_terms *l, struct amount amount)
{
	return lease_amount(a, "topUp(" LEASE_T ",uint96)", l, amount);
}

struct calldata
escrow_claim(struct arena *a, const struct lease_terms *l, struct amount amount)
{
	return lease_amount(a, "claim(" LEASE_T ",uint96)", l, amount);
}

struct calldata
escrow_of_lease(struct arena *a, const char *function, const struct lease_terms *l)
{
	struct abi abi;

	abi_call(&abi, a, arena_printf(a, "%s(" LEASE_T ")", function));
	put_lease(&abi, l);
	return done(&abi);
}

struct calldata
escrow_cancel(struct arena *a, uint64_t nonce)
{
	struct abi abi;

	abi_call(&abi, a, "cancel(uint64)");
	abi_uint(&abi, nonce);
	return done(&abi);
}

static struct calldata
hash_only(struct arena *a, const char *signature, const struct hash *lease)
{
	struct abi abi;

	abi_call(&abi, a, signature);
	abi_bytes32(&abi, lease);
	return done(&abi);
}

struct calldata
escrow_bond_of(struct arena *a, const struct address *who)
{
	return address_only(a, "bondOf(address)", who);
}

struct calldata
escrow_next_nonce(struct arena *a, const struct address *tenant)
{
	return address_only(a, "nextNonce(address)", tenant);
}

struct calldata
escrow_key_of(struct arena *a, const struct hash *lease, const struct address *key)
{
	struct abi abi;

	abi_call(&abi, a, "keyOf(bytes32,address)");
	abi_bytes32(&abi, lease);
	abi_address(&abi, key);
	return done(&abi);
}

struct calldata
escrow_lease_state(struct arena *a, const struct hash *lease)
{
	return hash_only(a, "leaseState(bytes32)", lease);
}

struct calldata
escrow_claim_of(struct arena *a, const struct hash *lease)
{
	return hash_only(a, "claimOf(bytes32)", lease);
}

struct calldata
escrow_start_of(struct arena *a, const struct hash *lease)
{
	return hash_only(a, "startOf(bytes32)", lease);
}

struct calldata
escrow_nonce_used(struct arena *a, const struct address *tenant, uint64_t nonce)
{
	struct abi abi;

	abi_call(&abi, a, "nonceUsed(address,uint64)");
	abi_address(&abi, tenant);
	abi_uint(&abi, nonce);
	return done(&abi);
}

struct calldata
escrow_view(struct arena *a, const char *function)
{
	struct abi abi;

	abi_call(&abi, a, arena_printf(a, "%s()", function));
	return done(&abi);
}

struct calldata
escrow_create(struct arena *a, const uint8_t *code, size_t len, const struct address *token,
	      uint32_t min_window_s)
{
	struct abi abi;

	abi_create(&abi, a, code, len);
	abi_address(&abi, token);
	abi_uint(&abi, min_window_s);
	return done(&abi);
}
