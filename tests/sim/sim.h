/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - a whole market in one process: tenants, providers, the market's rows,
 * a chain, and dice that lose, double, delay, crash and reorganise. No clock, no
 * network, no disk: time is the next event's, chance is one seed's, so a seed is
 * a case that repeats.
 *
 *	sim.c      dice, event queue, one run, the report
 *	chain.c    the escrow contract, blocks, reorganisations
 *	market.c   rows, life_next(), auction_clear(), intents, indexer
 *	parties.c  tenants, providers and their containers
 *	check.c    what must hold after every event
 *
 * The rules under test are lease/{life,auction,price,terms}.c; everything here
 * is either a model of the outside or an independent second opinion.
 */
#ifndef GAVEL_SIM_H
#define GAVEL_SIM_H

#include "lease/auction.h"
#include "lease/life.h"
#include "lease/price.h"

enum { TENANTS = 4, PROVIDERS = 5, ORDERS = 24, LEASES = 96, BLOCKS = 8192, BLOCK_TXS = 16 };
#define MARKET	      (TENANTS + PROVIDERS) /* its account and its address on the wire */
#define ACCOUNTS      (MARKET + 1)
#define CONFIRMATIONS 4 /* deeper than any reorganisation */
#define REORG_MAX     3

#define FAULTS_END (35 * 60 * SECOND_US)
#define DRAIN_END  (150 * 60 * SECOND_US)

/* Wrong on purpose: mutants.sh builds with one of these, and the checks must
 * notice. Nothing here is a feature. */
enum wrong {
	NOTHING,
	REFUND_OFF_BY_ONE,
	PAY_CUMULATIVE_AGAIN,
	REFUND_TWICE,
	NO_SIGNATURES,
	NO_CONFIRMATIONS,
	ACK_BEFORE_COMMIT,
	LATE_BID,
	FORGET_LEASES,
	KEEP_CAPACITY,
	VOUCHER_FALLS,
	KEEP_CONTAINER,
};
#ifndef SIM_WRONG
#define SIM_WRONG NOTHING
#endif
#define WRONG(which) (SIM_WRONG == (which))

/* Paths so rare that a green run proves nothing unless they were walked. */
enum sometimes {
	SOME_VOID,
	SOME_REFUSAL,
	SOME_NO_ANSWER,
	SOME_FALL_BACK,
	SOME_OPEN_FAILED,
	SOME_OPENING_REORGED,
	SOME_CLOSING_REORGED,
	SOME_RELEASE_REORGED,
	SOME_VOID_AFTER_RELEASE,
	SOME_CANCEL_AWARDED,
	SOME_CANCEL_OPENING,
	SOME_DOUBLE_MESSAGE,
	SOME_RECORD_LOST,
	SOME_SENT_UNRECORDED,
	SOME_ADOPTED,
	SOME_INFLATED,
	SOME_UNPAID,
	SOME_STOPPED,
	SOME_NEWCOMER_WON,
	SOME_RUNNER_UP_PRICE,
	SOME_ABOVE_MAX,
	SOME_UNFILLED,
	SOME_EXPIRED,
	SOME_LATE_BID,
	SOME_CLOSED_PAID,
	SOME_CHOSEN,
	SOME_CHOSEN_AGAIN,
	SOME_NOT_CHOSEN,
	SOME_COUNT,
};

/* ------------------------------------------------------------------ */
/* Messages and events.                                                */

enum message_kind {
	MSG_ORDER, /* tenant to market */
	MSG_ORDER_ACK,
	MSG_CANCEL,
	MSG_CANCEL_ACK,
	MSG_ROUND, /* market to provider */
	MSG_BID,
	MSG_DECLINE,
	MSG_AWARD,
	MSG_ACCEPT,
	MSG_REFUSE,
	MSG_LAUNCHED,
	MSG_LAUNCHED_ACK,
	MSG_LAUNCH_FAILED,
	MSG_LEASE_ASK, /* provider: what became of it? */
	MSG_LEASE_FAILED,
	MSG_USAGE,   /* provider to tenant */
	MSG_VOUCHER, /* tenant to provider, provider to market */
	MSG_CLOSE,   /* tenant to provider */
	MSG_RELEASE, /* provider to market */
};

struct message {
	enum message_kind kind;
	int from, to;
	int order, lease;
	uint32_t round, up_to;
	struct rate floor, list;
	u128 amount;
};

enum event_kind { EVENT_MESSAGE, EVENT_TENANT, EVENT_PROVIDER, EVENT_DESK, EVENT_BLOCK };

struct sim_event {
	wall_t at;
	uint64_t seq;
	enum event_kind kind;
	int who;
	bool copy; /* of a message delivered before or after */
	struct message msg;
};

/* ------------------------------------------------------------------ */
/* The chain.                                                          */

enum tx_kind {
	TX_DEPOSIT,
	TX_WITHDRAW,
	TX_OPEN,
	TX_VOID,
	TX_SETTLE,
	TX_CLOSE,
	TX_STOP,
	TX_EXPIRE,
	TX_GRAB, /* a provider alone settles what it would like */
	TX_KINDS
};

/* The same kind, subject and seq is the same transaction: mined once. */
struct tx {
	enum tx_kind kind;
	int who, order, lease;
	unsigned seq;
	u128 amount;
	uint32_t up_to;
};

enum skip {
	SKIP_NONE,
	SKIP_EXPIRED,
	SKIP_NONCE,
	SKIP_ALREADY,
	SKIP_FUNDS,
	SKIP_SIGNATURE,
	SKIP_ENDED,
	SKIP_MOVED,
	SKIP_LATE,
	SKIP_EARLY,
	SKIP_STALE,
	SKIP_FUTURE
};

enum lock_state { LOCK_UNKNOWN, LOCK_OPEN, LOCK_CLOSED, LOCK_VOIDED };

struct lock {
	enum lock_state state;
	u128 deposit, paid, refund;
	uint32_t start, up_to, stop_at;
	unsigned refunds;
};

struct chain_state {
	u128 wallet[ACCOUNTS], balance[ACCOUNTS], held;
	bool nonce_used[ORDERS];
	struct lock lock[LEASES];
	uint64_t mined[TX_KINDS][LEASES]; /* bit per seq; deposits and withdrawals by account */
	uint32_t time;
};

struct block {
	uint64_t hash;
	uint32_t time;
	size_t count;
	struct tx tx[BLOCK_TXS];
	enum skip skip[BLOCK_TXS];
};

struct chain {
	struct chain_state state;     /* at the head */
	struct chain_state after[16]; /* of block n at n % 16 */
	uint32_t head, highest;
	uint64_t hashes;
	struct tx pool[512];
	size_t pool_count;
};

/* ------------------------------------------------------------------ */
/* The market's rows.                                                  */

struct row_bid {
	bool given, declined;
	struct rate floor, list;
};

struct row_order {
	bool stored, cancel_asked;
	enum order_state state;
	uint32_t round, failures;
	wall_t round_ends;
	unsigned invited, excluded; /* bit per provider */
	struct row_bid bid[PROVIDERS];
	struct rate price[PROVIDERS]; /* of a ranking: for which the tenant may take it */
	wall_t choose_by;
	bool has_chosen;
	int chosen;
	int lease; /* -1: none live */
};

enum intent_kind { INTENT_OPEN, INTENT_VOID, INTENT_CLOSE, INTENT_SETTLE, INTENT_KINDS };
enum intent_state { INTENT_NONE, INTENT_PENDING, INTENT_SENT, INTENT_DONE, INTENT_FAILED };

struct intent {
	enum intent_state state;
	unsigned attempt;
	wall_t sent_at;
	uint32_t block; /* of its outcome */
	u128 amount;
	uint32_t up_to;
};

struct row_lease {
	int order, provider;
	struct lease_terms terms;
	enum lease_state state;
	wall_t accept_by;
	bool accepted, refused, launched, launch_told, launch_failed, released;
	u128 release_amount, voucher_amount, settled;
	uint32_t release_up_to, voucher_up_to;
	uint32_t opened_block, opened_time, voided_block, closed_block;
	struct intent intent[INTENT_KINDS];
};

struct market {
	struct row_order orders[ORDERS];
	struct row_lease leases[LEASES];
	int lease_count;
	uint32_t seen; /* block that the indexer has applied */
	uint64_t seen_hash[16];
};

/* ------------------------------------------------------------------ */
/* Parties.                                                            */

enum manners { HONEST, REFUSES, MUTE, DUD, REPORTS_FAILURE, INFLATES, DESERTS };

enum held_state { HELD_NONE, HELD_ACCEPTED, HELD_RUNNING, HELD_RELEASED, HELD_GONE };

struct row_held { /* a provider's own record of a lease */
	enum held_state state;
	bool launched_acked, close_asked;
	u128 voucher_amount, claimed;
	uint32_t voucher_up_to;
};

struct own_bid {
	uint32_t round; /* 0: none yet */
	bool declined;
	struct rate floor, list;
};

struct provider {
	enum manners manners;
	bool established;
	uint32_t launches, failures;
	struct resources capacity, reserved;
	struct rate_card card;
	struct row_held held[LEASES];
	struct own_bid bid[ORDERS];
};

/* Containers outlive the daemon that started them. */
struct container {
	bool running;
	wall_t healthy_at;
};

struct plan { /* what a tenant will want, fixed when the run begins */
	int tenant;
	struct order_terms terms;
	struct hash hash;
	struct group_service service;
	struct group group;
	uint32_t care_hours;
	bool manual; /* the tenant picks */
	wall_t window_us, posts_at, cancel_at, ends_at;
	int64_t closes_after_us;
	int64_t signs_for_us; /* then it stops countersigning */
	bool acked, cancel_acked;
	unsigned stops, expires;
};

struct voucher_seen {
	u128 amount;
	uint32_t up_to;
	bool payer, provider;
};

/* What really happened, for the checks only: no actor reads it, except a
 * verifier of signatures. */
struct ghost {
	bool signed_lease, ever_opened, launched_acked;
	wall_t not_open_since; /* 0: open, or never was */
	struct voucher_seen vouchers[1024];
	size_t voucher_count;
	u128 both_signed;  /* highest */
	u128 payer_signed; /* the tenant's own memory of its last signature */
	u128 last_voucher; /* in the market's rows */
};

struct sim {
	uint64_t seed, dice[4];
	wall_t now;
	bool tracing;
	struct sim_event *heap;
	size_t heap_count, heap_size;
	uint64_t seq;

	struct chain chain;
	struct block *blocks; /* BLOCKS of them */
	struct market market, market_saved;
	wall_t market_down_until, provider_down_until[PROVIDERS];
	struct provider providers[PROVIDERS], provider_saved;
	struct container containers[LEASES];
	struct plan plans[ORDERS];
	unsigned deposits[TENANTS], withdrawals[TENANTS];

	/* Effects of the handler that runs now; they happen when it has ended. */
	struct message out[256];
	size_t out_count;
	struct tx out_tx[256];
	size_t out_tx_count;

	struct ghost ghosts[LEASES];
	enum order_state order_before[ORDERS];
	wall_t order_ended_at[ORDERS];
	bool cancel_before[ORDERS];
	u128 supply;
	uint64_t events, crashes, reorgs, lost, doubled;
	struct sim_event trail[24]; /* the last events, for the report */
};

extern uint64_t sometimes[SOME_COUNT];
#define SOMETIMES(what) (sometimes[what]++)

/* sim.c */
uint64_t sim_random(struct sim *s, uint64_t below);
bool sim_chance(struct sim *s, unsigned permille);
bool sim_faults(const struct sim *s); /* the dice still harm */
void sim_at(struct sim *s, wall_t at, enum event_kind kind, int who);
void sim_send(struct sim *s, const struct message *m); /* with the network's dice */
void sim_put(struct sim *s, struct message m);	       /* effect of the running handler */
void sim_put_tx(struct sim *s, struct tx tx);
_Noreturn void sim_violation(struct sim *s, const char *fmt, ...) printflike(2, 3);
struct address sim_address(int account);

/* chain.c */
void chain_begin(struct sim *s);
void chain_submit(struct sim *s, const struct tx *tx);
void chain_block(struct sim *s);
const struct chain_state *chain_final(const struct sim *s);

/* market.c */
void market_begin(struct sim *s);
void market_event(struct sim *s, const struct sim_event *e);

/* parties.c */
void parties_begin(struct sim *s);
void tenant_event(struct sim *s, const struct sim_event *e);
void provider_event(struct sim *s, const struct sim_event *e);
struct price_lease lease_price(const struct sim *s, int lease);

/* check.c */
void check_world(struct sim *s);
void check_award(struct sim *s, int order, const struct auction_order *o,
		 const struct auction_bid *bids, size_t count, const struct auction_outcome *out);
void check_due(struct sim *s, const struct price_lease *l, const struct meter *m, uint32_t elapsed,
	       u128 due);
void check_end(struct sim *s);

#endif
