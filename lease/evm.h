/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evm.h - an Ethereum node's JSON-RPC (execution-apis), the door to the chain.
 *
 * Requests and replies are pure pairs (rpc_*, rpc_*_read), so the same code
 * serves a task (evm_call_start) and the command line (evm_now); nodes.h knows
 * which node is asked.
 * Replies are hostile input: sizes and forms are checked.
 */
#ifndef GAVEL_EVM_H
#define GAVEL_EVM_H

#include "lease/escrow.h"
#include "lease/nodes.h"
#include "lease/tx.h"

extern const struct code EVM_REFUSED;  /* the contract said no; the text has its reason */
extern const struct code EVM_UNFUNDED; /* the sender cannot pay for gas */
extern const struct code EVM_WRONG_CHAIN;
extern const struct code EVM_BAD_REPLY;		   /* a reply that makes no sense */
extern const struct code EVM_NODE;		   /* the node could not: try again, or another */
extern const struct code EVM_NONCE_LOW, EVM_KNOWN; /* not errors for a re-send: look it up */
extern const struct code EVM_UNDERPRICED;	   /* fees too low: evm_fees_bump() and again */
extern const struct code EVM_TOO_MANY;		   /* logs: ask for half the range */

struct evm_block {
	uint64_t number;
	struct hash hash, parent;
	uint64_t time; /* unix seconds */
	u128 base_fee; /* wei */
};

struct evm_log {
	struct hash topics[4];
	size_t topic_count;
	const uint8_t *data;
	size_t len;
	uint64_t block, index;
	uint64_t time; /* of its block, unix seconds; 0: the node does not say */
	struct hash block_hash, tx_hash;
	struct address address;
};

struct evm_receipt {
	bool found;
	bool success;
	uint64_t block, gas_used;
	struct hash block_hash;
	struct address created;
	struct evm_log *logs;
	size_t log_count;
};

struct evm_tx {
	bool found, mined;
	uint64_t nonce, block; /* block: when mined */
	struct hash hash;
	struct address from, to;
	bool creates; /* a contract: `to` is zero */
	const uint8_t *data;
	size_t len;
};

/* Wei per gas. */
struct evm_fees {
	u128 tip, max_fee;
};

/* Bodies of requests, in the arena. A tag is latest, safe, finalized. */
const char *rpc_chain_id(struct arena *a);
const char *rpc_block(struct arena *a, const char *tag_or_null, uint64_t number);
const char *rpc_nonce(struct arena *a, const struct address *who);
/* Of what is mined: the nonce that the chain waits for. */
const char *rpc_nonce_mined(struct arena *a, const struct address *who);
/* As it was after a block; nodes may have forgotten old ones. */
const char *rpc_nonce_at(struct arena *a, const struct address *who, uint64_t block);
const char *rpc_fee_history(struct arena *a);
/* `from` and, for a creation, `to` may be NULL. */
const char *rpc_gas(struct arena *a, const struct address *from, const struct address *to,
		    struct calldata data);
const char *rpc_call(struct arena *a, const struct address *from, const struct address *to,
		     struct calldata data);
/* The same against the block that comes next, where the node knows one. */
const char *rpc_try(struct arena *a, const struct address *from, const struct address *to,
		    struct calldata data);
/* The same without a sender, at a block of the past. */
const char *
rpc_call_at(struct arena *a, const struct address *to, struct calldata data, uint64_t block);
/* The code at an address; none: no contract. */
const char *rpc_code(struct arena *a, const struct address *who);
const char *rpc_send(struct arena *a, const uint8_t *raw, size_t len);
const char *rpc_receipt(struct arena *a, const struct hash *tx);
const char *rpc_tx(struct arena *a, const struct hash *tx);
const char *rpc_tx_at(struct arena *a, uint64_t block, uint64_t index);
const char *rpc_logs(struct arena *a, const struct address *contract, uint64_t from, uint64_t to);
/* Only those that begin with these topics. */
const char *rpc_logs_of(struct arena *a, const struct address *contract, const struct hash *topics,
			size_t count, uint64_t from, uint64_t to);

/* Replies. rpc_result() gives the "result" or the node's error as e: one of the
 * codes above. A reply of more than JSON_BYTES_MAX is ERR_TOO_BIG. */
int rpc_result(struct arena *a, const char *text, size_t len, struct json **result,
	       struct err *e) mustcheck;
int rpc_uint_read(const struct json *result, u128 *out, struct err *e) mustcheck;
int rpc_bytes_read(struct arena *a, const struct json *result, const uint8_t **bytes, size_t *len,
		   struct err *e) mustcheck;
int rpc_hash_read(const struct json *result, struct hash *out, struct err *e) mustcheck;
int rpc_block_read(const struct json *result, struct evm_block *out, struct err *e) mustcheck;
int rpc_receipt_read(struct arena *a, const struct json *result, struct evm_receipt *out,
		     struct err *e) mustcheck;
int rpc_tx_read(struct arena *a, const struct json *result, struct evm_tx *out,
		struct err *e) mustcheck;
int rpc_logs_read(struct arena *a, const struct json *result, struct evm_log **logs, size_t *count,
		  struct err *e) mustcheck;
/* Of rpc_fee_history(): what the middle of the last blocks paid as a tip, and
 * twice the next base fee above it. */
int rpc_fees_read(const struct json *result, struct evm_fees *out, struct err *e) mustcheck;
/* Whether half the range of blocks can help a request for logs. */
bool evm_logs_too_many(const struct err *e);

/* Fees without a history: this tip, and twice the base fee above it. */
#define EVM_TIP_WEI ((u128)1000000000u)
u128 evm_max_fee(const struct evm_block *latest);
/* What replaces a transaction that is stuck: both an eighth more (nodes ask for
 * a tenth). */
struct evm_fees evm_fees_bump(struct evm_fees fees);
/* The larger of both bumped and asked, in both parts; false above `most` (0: 1000
 * gwei): it stays as it is. */
bool evm_fees_replace(struct evm_fees *fees, struct evm_fees asked, u128 most) mustcheck;
/* No more than `most`: with less room above the base fee it may wait, but not cost
 * more; false when even the tip is above. */
bool evm_fees_cap(struct evm_fees *fees, u128 most) mustcheck;
/* An estimate plus a fifth; at most what a transaction may have (EIP-7825). */
#define EVM_GAS_MAX 16777216u
uint64_t evm_gas_limit(u128 estimate);

/* The node's chain id must be evm->chain_id (0: it is filled in). */
int evm_check_chain(struct arena *a, struct evm *evm, struct err *e) mustcheck;
/* Try, sign, send and wait for the receipt (two minutes at most); `to` NULL
 * makes a contract. What the contract refuses is not sent: EVM_REFUSED. */
int evm_send_now(struct arena *a, struct evm *evm, const struct key *key, const struct address *to,
		 struct calldata data, struct evm_receipt *receipt, struct err *e) mustcheck;
/* A contract in two steps, for whoever keeps the signed bytes in between: they make
 * it once, however often they are sent. */
struct evm_creation {
	const uint8_t *raw; /* in the arena */
	size_t len;
	struct hash hash;
	struct address created; /* where it will be */
};
int evm_create_sign(struct arena *a, struct evm *evm, const struct key *key, struct calldata code,
		    struct evm_creation *c, struct err *e) mustcheck;
/* EVM_NONCE_LOW: another transaction has its nonce, it will never be mined. */
int evm_create_now(struct arena *a, struct evm *evm, const struct evm_creation *c,
		   struct evm_receipt *receipt, struct err *e) mustcheck;
/* Both, and its address checked against the sender's nonce. */
int evm_deploy_now(struct arena *a, struct evm *evm, const struct key *key, struct calldata code,
		   struct evm_receipt *receipt, struct err *e) mustcheck;
int evm_call_now(struct arena *a, struct evm *evm, const struct address *to, struct calldata data,
		 const uint8_t **out, size_t *len, struct err *e) mustcheck;

#endif
