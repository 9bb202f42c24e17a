/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow.h - the escrow contract (lease/contracts/src/Escrow.sol) seen from C:
 * calldata for its functions, meaning of its events. Pure.
 */
#ifndef GAVEL_ESCROW_H
#define GAVEL_ESCROW_H

#include "lease/abi.h"
#include "lease/terms.h"

struct calldata {
	const uint8_t *b; /* the arena's */
	size_t len;
};

struct opening {
	struct order_terms order;
	struct lease_terms lease;
	struct sig tenant_sig, provider_sig, auctioneer_sig;
	struct hash record;
};
struct settlement {
	struct lease_terms lease;
	struct voucher_terms voucher;
	struct sig payer_sig, provider_sig;
};
struct closing {
	struct lease_terms lease;
	struct voucher_terms voucher;
	struct sig payer_sig, release_sig;
};

/* Anyone who holds the signatures. A signature of zeros: its signer is the one
 * who sends. In the *_many a bad entry is skipped, with a Skipped event, and
 * leases that share provider, auctioneer and a few terms are grouped; the others
 * revert instead, so their reason can be asked for. */
struct calldata escrow_open(struct arena *a, const struct opening *o);
struct calldata escrow_settle(struct arena *a, const struct settlement *s);
struct calldata escrow_close(struct arena *a, const struct closing *c);
struct calldata escrow_open_many(struct arena *a, const struct opening *o, size_t count);
struct calldata escrow_settle_many(struct arena *a, const struct settlement *s, size_t count);
struct calldata escrow_close_many(struct arena *a, const struct closing *c, size_t count);
/* Many under one signature of the payer over their statement_hash() and, unless it
 * sends, one of the provider. The leases must share all that a group shares. */
struct calldata escrow_settle_statement(struct arena *a, const struct settlement *s, size_t count,
					const struct address *payer, const struct sig *payer_sig,
					const struct sig *provider_sig);
/* The auctioneer. */
struct calldata
escrow_void(struct arena *a, const struct order_terms *o, const struct lease_terms *l);
/* Anyone, with its own tokens and its own balance. */
struct calldata escrow_deposit(struct arena *a, const struct address *to, struct amount amount);
struct calldata escrow_withdraw(struct arena *a, const struct address *to, struct amount amount);
struct calldata escrow_top_up(struct arena *a, const struct lease_terms *l, struct amount amount);
/* The provider: cumulative amount, capped by the contract to what accrued. */
struct calldata escrow_claim(struct arena *a, const struct lease_terms *l, struct amount amount);
/* The tenant: orders under this nonce open nothing. */
struct calldata escrow_cancel(struct arena *a, uint64_t nonce);
/* The tenant: `key` may sign this lease's vouchers up to limit and until; 0, 0 ends
 * what it may, from now on. */
struct calldata escrow_set_key(struct arena *a, const struct lease_terms *l,
			       const struct address *key, struct amount limit, uint32_t until);
/* Anyone, of its own balance; notice, and (escrow_view "reclaim") seven days later. */
struct calldata escrow_bond(struct arena *a, struct amount amount);
struct calldata escrow_unbond(struct arena *a, struct amount amount);
/* Anyone: two statements of one signer that contradict each other. */
struct calldata escrow_slash_bids(struct arena *a, const struct order_terms *o,
				  const struct bid_terms two[2], const struct sig sigs[2]);
struct calldata escrow_slash_usages(struct arena *a, const struct lease_terms *l,
				    const struct usage_terms two[2], const struct sig sigs[2]);
struct calldata escrow_slash_rounds(struct arena *a, const struct order_terms *o,
				    const struct round_terms two[2], const struct sig sigs[2]);
/* stop, finish, expire: functions of the lease's terms alone. */
struct calldata escrow_of_lease(struct arena *a, const char *function, const struct lease_terms *l);

/* Views; the answers are read with abi.h but for escrow_lease_read(). */
struct calldata escrow_balance_of(struct arena *a, const struct address *who);
struct calldata escrow_lease_state(struct arena *a, const struct hash *lease);
struct calldata escrow_claim_of(struct arena *a, const struct hash *lease);
struct calldata escrow_start_of(struct arena *a, const struct hash *lease);
struct calldata escrow_nonce_used(struct arena *a, const struct address *tenant, uint64_t nonce);
struct calldata escrow_next_nonce(struct arena *a, const struct address *tenant);
struct calldata escrow_bond_of(struct arena *a, const struct address *who);
struct calldata escrow_key_of(struct arena *a, const struct hash *lease, const struct address *key);
/* Without arguments: token, minWindow, domainSeparator, reclaim. */
struct calldata escrow_view(struct arena *a, const char *function);

/* The contract's creation: its code and the constructor's arguments. */
struct calldata escrow_create(struct arena *a, const uint8_t *code, size_t len,
			      const struct address *token, uint32_t min_window_s);

/* The ERC-20 token; mint only on devnets. */
struct calldata token_approve(struct arena *a, const struct address *spender, struct amount amount);
/* EIP-2612, for tokens that have it: what the owner signs instead of approving, and
 * the deposit that carries it. Anyone may use the permit first; then the deposit goes
 * through all the same. */
struct permit {
	struct address owner, spender;
	struct amount value;
	u128 nonce;
	uint64_t deadline; /* unix seconds */
};
struct calldata token_domain(struct arena *a); /* its EIP-712 separator */
struct calldata token_nonces(struct arena *a, const struct address *owner);
struct hash permit_digest(const struct hash *separator, const struct permit *p);
struct calldata escrow_deposit_permit(struct arena *a, const struct address *to,
				      const struct permit *p, const struct sig *sig);
struct calldata token_transfer(struct arena *a, const struct address *to, struct amount amount);
struct calldata token_mint(struct arena *a, const struct address *to, struct amount amount);
struct calldata token_balance_of(struct arena *a, const struct address *who);

enum escrow_event_kind {
	ESCROW_OTHER, /* not one of the contract's events */
	ESCROW_DEPOSITED,
	ESCROW_WITHDRAWN,
	ESCROW_OPENED,
	ESCROW_SETTLED,
	ESCROW_CLOSED,
	ESCROW_VOIDED,
	ESCROW_TOPPED_UP,
	ESCROW_SKIPPED,
	ESCROW_CLAIMED,
	ESCROW_STOPPED,
	ESCROW_CANCELLED,
	ESCROW_KEYED,
	ESCROW_BONDED,
	ESCROW_UNBONDING,
	ESCROW_UNBONDED,
	ESCROW_SLASHED,
};

/* What an event says of one lease or account; members it does not have are zero. */
struct escrow_event {
	enum escrow_event_kind kind;
	struct hash lease, order; /* Skipped: lease; Slashed: lease is the lease or the order */
	struct address account;	  /* deposited to, withdrawn from, topped up by, bonded, the key */
	struct address tenant, provider, auctioneer;
	struct rate rate;
	struct amount amount; /* moved: deposit, withdrawal, lock, top-up, bond; the key's limit */
	struct amount paid;   /* Settled, Closed: cumulative */
	struct amount credited, fee; /* Settled, Closed: what this one added to it */
	struct amount refund;	     /* Closed, Voided, Slashed: to the tenant */
	struct amount burnt;
	uint64_t nonce;
	uint32_t fee_bps;
	uint32_t up_to, payable_at, stop_at, until; /* unix seconds */
	uint8_t reason[4]; /* Skipped: the error's selector, see escrow_reason() */
};

const char *escrow_event_name(enum escrow_event_kind kind);
/* One log is of one lease or of a group of them: how many events it is, in the
 * arena's memory. 0 for data that is not one of the contract's, to the last bit. */
size_t escrow_events_read(struct arena *a, const struct hash *topics, size_t topic_count,
			  const uint8_t *data, size_t len, struct escrow_event **out);

/* Where the half of a slashed bond goes that nobody gets. */
extern const struct address escrow_burnt;

/* The name of the contract's (or the token's) error, or NULL. */
const char *escrow_reason(const uint8_t selector[static 4]);
/* What the name at the end of a text means, in a few words for people, or NULL. */
const char *escrow_reason_why(const char *text);
/* The data of a revert as text: "BadTenantSig", "insufficient allowance",
 * "panic 0x11", "0x12345678"; "" for none. Strange bytes become '?'. */
const char *escrow_revert_text(struct arena *a, const uint8_t *data, size_t len);

/* Unknown and closed: all zero. Void: deposit 0, up_to not. Stopped: stop_at not 0. */
struct escrow_lease {
	struct amount deposit, paid;
	uint32_t up_to, stop_at;
};
bool escrow_lease_read(const uint8_t *data, size_t len, struct escrow_lease *out);

/* What the tenant has said about a key of a lease; not said: nothing. */
struct escrow_key {
	bool said;
	struct amount limit; /* cumulative */
	uint32_t until;	     /* unix seconds: the latest time it may sign for */
};
bool escrow_key_read(const uint8_t *data, size_t len, struct escrow_key *out);
/* The contract's rule: may `payer` sign this voucher? key: what keyOf() says of it. */
bool escrow_may_pay(const struct lease_terms *l, const struct voucher_terms *v,
		    const struct address *payer, const struct escrow_key *key);

#endif
