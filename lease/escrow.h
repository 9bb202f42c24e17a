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

/* Anyone who holds the signatures. In the *_many a bad entry is skipped, with a
 * Skipped event; escrow_open() reverts instead, so its reason can be asked for. */
struct calldata escrow_open(struct arena *a, const struct opening *o);
struct calldata escrow_open_many(struct arena *a, const struct opening *o, size_t count);
struct calldata escrow_settle_many(struct arena *a, const struct settlement *s, size_t count);
struct calldata escrow_close_many(struct arena *a, const struct closing *c, size_t count);
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
/* stop, finish, expire: functions of the lease's terms alone. */
struct calldata escrow_of_lease(struct arena *a, const char *function, const struct lease_terms *l);

/* Views; the answers are read with abi.h but for escrow_lease_read(). */
struct calldata escrow_balance_of(struct arena *a, const struct address *who);
struct calldata escrow_lease_state(struct arena *a, const struct hash *lease);
struct calldata escrow_claim_of(struct arena *a, const struct hash *lease);
struct calldata escrow_start_of(struct arena *a, const struct hash *lease);
struct calldata escrow_nonce_used(struct arena *a, const struct address *tenant, uint64_t nonce);
/* Without arguments: token, minWindow, domainSeparator. */
struct calldata escrow_view(struct arena *a, const char *function);

/* The contract's creation: its code and the constructor's arguments. */
struct calldata escrow_create(struct arena *a, const uint8_t *code, size_t len,
			      const struct address *token, uint32_t min_window_s);

/* The ERC-20 token; mint only on devnets. */
struct calldata token_approve(struct arena *a, const struct address *spender, struct amount amount);
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
};

/* What an event says; members it does not have are zero. */
struct escrow_event {
	enum escrow_event_kind kind;
	struct hash lease, order; /* Skipped: lease */
	struct address account;	  /* deposited to, withdrawn from, topped up by */
	struct address tenant, provider, auctioneer;
	struct rate rate;
	struct amount amount; /* moved: deposit, withdrawal, lock, top-up; Settled: cumulative */
	struct amount credited, fee, paid, refund;
	uint64_t nonce;
	uint32_t up_to, payable_at, stop_at; /* unix seconds */
	uint8_t reason[4]; /* Skipped: the error's selector, see escrow_reason() */
};

const char *escrow_event_name(enum escrow_event_kind kind);
/* False for data that is not one of the contract's events, to the last bit. */
bool escrow_event_read(const struct hash *topics, size_t topic_count, const uint8_t *data,
		       size_t len, struct escrow_event *out);

/* The name of the contract's (or the token's) error, or NULL. */
const char *escrow_reason(const uint8_t selector[static 4]);
/* The data of a revert as text: "BadTenantSig", "insufficient allowance",
 * "panic 0x11", "0x12345678"; "" for none. Strange bytes become '?'. */
const char *escrow_revert_text(struct arena *a, const uint8_t *data, size_t len);

/* Unknown: all zero. Ended: deposit 0, up_to not. Stopped: stop_at not 0. */
struct escrow_lease {
	struct amount deposit, paid;
	uint32_t up_to, stop_at;
};
bool escrow_lease_read(const uint8_t *data, size_t len, struct escrow_lease *out);

#endif
