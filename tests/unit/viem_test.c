/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our hashes, signatures, transactions, calldata and events against viem's, for
 * the inputs of viem_vectors.mjs, which takes the types from the contract's
 * source. Run from the root; skipped where node or viem is missing.
 */
#include <sys/wait.h>

#include "lease/escrow.h"
#include "lease/tx.h"
#include "tests/unit/tap.h"

struct vector {
	const char *name, *value;
};

static struct arena arena;
static struct vector *vectors;
static size_t vector_count;

/* The exit status of the script. */
static int
vectors_load(void)
{
	FILE *f = popen("node tests/unit/viem_vectors.mjs", "r");
	size_t size = 0;
	char *line = NULL;
	ssize_t len;
	int status;

	while (f != NULL && (len = getline(&line, &size, f)) > 0) {
		char *space = strchr(line, ' ');

		if (space == NULL || line[len - 1] != '\n')
			continue;
		line[len - 1] = *space = '\0';
		vectors = arena_grow(&arena, vectors, vector_count, sizeof(*vectors));
		vectors[vector_count++] = (struct vector){ arena_strdup(&arena, line),
							   arena_strdup(&arena, space + 1) };
	}
	free(line);
	status = f != NULL ? pclose(f) : -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *
vector(const char *kind, const char *name)
{
	const char *full = arena_printf(&arena, "%s.%s", kind, name);

	for (size_t i = 0; i < vector_count; i++)
		if (strcmp(vectors[i].name, full) == 0)
			return vectors[i].value;
	return NULL;
}

static const char *
hex(const void *bytes, size_t len)
{
	return hex_text(bytes, len, arena_alloc(&arena, 2 * len + 3));
}

static struct hash
hash_of(uint8_t byte)
{
	struct hash h;

	memset(h.b, byte, sizeof(h.b));
	return h;
}

static struct address
address_of(uint8_t byte)
{
	struct address a;

	memset(a.b, byte, sizeof(a.b));
	return a;
}

static struct sig
sig_of(uint8_t r, uint8_t vs)
{
	struct sig s;

	memset(s.b, r, 32);
	memset(s.b + 32, vs, 32);
	return s;
}

/* ------------------------------------------------------------------ */

static struct key key;
static struct domain domain;
static struct order_terms order;
static struct lease_terms lease;
static struct hash lease_id;

static void
inputs(void)
{
	struct address contract = address_of(0xcc), provider = address_of(0x55);
	struct err e = ERR_NONE;
	uint8_t secret[32];

	memset(secret, 0x46, sizeof(secret));
	if (key_from_secret(secret, &key, &e) < 0)
		fatal("key");
	domain_init(&domain, 31337, &contract);
	order = (struct order_terms){
		.tenant = address_of(0x11),
		.group = hash_of(0x22),
		.maxRate = { (u128)123456789012ull * 1000000000 + 345678901 },
		.baseBps = 3333,
		.deposit = { AMOUNT_MAX },
		.openBy = 1800000000,
		.window = 3600,
		.launch = 600,
		.auctioneer = address_of(0x33),
		.cosigner = address_of(0x44),
		.feeBps = 200,
		.nonce = UINT64_MAX - 1,
	};
	lease = lease_from(&order, &provider,
			   (struct rate){ (u128)100000000000ull * 1000000000 + 1 });
	lease_id = lease_hash(&lease);
}

static void
statement(const char *name, struct hash struct_hash)
{
	struct hash digest = terms_digest(&domain, &struct_hash);
	struct sig sig;

	key_sign(&key, &digest, &sig);
	is_str(hex(struct_hash.b, 32), vector("hash", name),
	       arena_printf(&arena, "hash of %s", name));
	is_str(hex(digest.b, 32), vector("digest", name),
	       arena_printf(&arena, "digest of %s", name));
	is_str(hex(sig.b, 64), vector("sig", name), arena_printf(&arena, "signature of %s", name));
}

static void
test_statements(void)
{
	struct address provider = address_of(0x55);
	struct award_terms award = { lease.order, provider, lease.rate, hash_of(0x66) };
	struct voucher_terms voucher = { lease_id, { 987654321 }, 1799999999 };
	struct release_terms release = { lease_id, { 987654321 } };
	struct voucher_terms two[2];
	struct bid_terms bid = { lease.order, provider, { 7 }, { 9 }, 3, hash_of(0x77) };
	struct usage_terms usage = { lease_id, 1, hash_of(0), 1799999999, 2,
				     3,	       4, 5,	      UINT64_MAX, { 6 } };
	struct provider_terms who = { provider, "https://p.example:8443", hash_of(0x88),
				      hash_of(0x99), 4 };
	struct audit_terms audit = { lease.tenant, provider, hash_of(0x99), 1900000000,
				     UINT64_MAX };
	struct round_terms round = { lease.order, 3, hash_of(0xaa), hash_of(0xbb) };
	struct choice_terms choice = { lease.order, 3, lease.provider };

	statement("Order", order_hash(&order));
	statement("Award", award_hash(&award));
	statement("Lease", lease_id);
	statement("Voucher", voucher_hash(&voucher));
	statement("Release", release_hash(&release));
	two[0] = voucher;
	two[1] = (struct voucher_terms){ lease.order, { 2 }, 3 };
	statement("Statement", statement_hash(&arena, two, 2));
	statement("Bid", bid_hash(&bid));
	statement("Usage", usage_hash(&usage));
	statement("Provider", provider_hash(&who));
	statement("Audit", audit_hash(&audit));
	statement("Round", round_hash(&round));
	statement("Choice", choice_hash(&choice));
}

static void
test_transactions(void)
{
	uint8_t fe[300], zeros[55] = { 0 };
	static const uint8_t low = 0x7f;
	struct tx txs[4] = {
		{ .chain_id = 31337, .tip = 1, .max_fee = 2, .gas = 21000, .to = address_of(0x11) },
		{ .chain_id = 1,
		  .nonce = 127,
		  .tip = 1000000000,
		  .max_fee = ((u128)1 << 80) + 1,
		  .gas = 16777216,
		  .value = (u128)1 << 100,
		  .data = &low,
		  .data_len = 1 },
		{ .chain_id = 8453,
		  .nonce = 128,
		  .max_fee = 255,
		  .gas = 256,
		  .creates = true,
		  .data = fe,
		  .data_len = sizeof(fe) },
		{ .chain_id = 11155111,
		  .nonce = 65536,
		  .tip = 5,
		  .max_fee = 5,
		  .gas = 99999,
		  .to = address_of(0x22),
		  .data = zeros,
		  .data_len = sizeof(zeros) },
	};
	unsigned same = 0, shorter = 0;
	struct hash hash;
	const uint8_t *raw;
	size_t len;

	memset(fe, 0xfe, sizeof(fe));
	for (size_t i = 0; i < NELEMS(txs); i++) {
		raw = tx_sign(&arena, &txs[i], &key, &len, &hash);
		is_str(hex(raw, len), vector("tx", arena_printf(&arena, "%zu", i)),
		       arena_printf(&arena, "transaction %zu", i));
	}
	for (unsigned nonce = 1000; nonce < 1300; nonce++) {
		const char *want = vector("txhash", arena_printf(&arena, "%u", nonce));

		txs[0].nonce = nonce;
		raw = tx_sign(&arena, &txs[0], &key, &len, &hash);
		same += want != NULL && strcmp(hex(hash.b, 32), want) == 0;
		shorter += len < 105; /* all others: 1 + 2 + 102 */
	}
	is_int(same, 300, "300 transaction hashes");
	ok(shorter > 0, "%u of them with a leading zero in r or s", shorter);
}

static void
test_created(void)
{
	static const struct {
		uint64_t nonce;
		const char *name;
	} cases[] = { { 0, "0" }, { 300, "300" } };

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct address a = tx_created(&key.address, cases[i].nonce);
		char text[ADDRESS_TEXT_SIZE];

		is_str(address_text(&a, text), vector("created", cases[i].name),
		       "contract address");
	}
}

static void
call(const char *name, struct calldata data)
{
	is_str(hex(data.b, data.len), vector("call", name),
	       arena_printf(&arena, "call of %s", name));
}

static void
test_bond_calls(void)
{
	struct bid_terms bids[2] = {
		{ lease.order, address_of(0x55), { 1 }, { 9 }, 3, hash_of(0x77) }
	};
	struct usage_terms usages[2] = {
		{ lease_id, 1, hash_of(0), 1799999999, 2, 3, 4, 5, UINT64_MAX, { 1 } }
	};
	struct round_terms rounds[2] = { { lease.order, 3, hash_of(1), hash_of(0xbb) } };
	struct sig sigs[2] = { sig_of(1, 2), sig_of(3, 4) };

	bids[1] = bids[0];
	bids[1].floor.nano = 2;
	usages[1] = usages[0];
	usages[1].amount.units = 2;
	rounds[1] = rounds[0];
	rounds[1].root = hash_of(2);
	call("bond", escrow_bond(&arena, (struct amount){ 13 }));
	call("unbond", escrow_unbond(&arena, (struct amount){ 14 }));
	call("reclaim", escrow_view(&arena, "reclaim"));
	call("bondOf", escrow_bond_of(&arena, &order.tenant));
	call("slashBids", escrow_slash_bids(&arena, &order, bids, sigs));
	call("slashUsages", escrow_slash_usages(&arena, &lease, usages, sigs));
	call("slashRounds", escrow_slash_rounds(&arena, &order, rounds, sigs));
}

static void
test_calls(void)
{
	struct voucher_terms voucher = { lease_id, { 987654321 }, 1799999999 };
	struct opening opening = { order,	 lease,	       sig_of(1, 2),
				   sig_of(3, 4), sig_of(5, 6), hash_of(0x66) };
	struct opening two[2] = { opening, opening };
	struct settlement settlement = { lease, voucher, sig_of(1, 2), sig_of(3, 4) };
	struct settlement three[3] = { settlement, settlement, settlement };
	struct closing closing = { lease, voucher, sig_of(1, 2), sig_of(3, 4) };
	struct settlement mixed[3] = { settlement, settlement, settlement };
	struct closing unpaid = closing;
	struct sig none = { { 0 } }, first = sig_of(1, 2), second = sig_of(3, 4);
	struct arena *a = &arena;

	memset(&mixed[1].payer_sig, 0, sizeof(mixed[1].payer_sig));
	memset(&mixed[1].provider_sig, 0, sizeof(mixed[1].provider_sig));
	memset(&unpaid.payer_sig, 0, sizeof(unpaid.payer_sig));
	call("open", escrow_open(a, &opening));
	call("settle", escrow_settle(a, &settlement));
	call("close", escrow_close(a, &unpaid));
	call("openMany", escrow_open_many(a, two, 2));
	call("settleMany", escrow_settle_many(a, three, 3));
	call("settleNone", escrow_settle_many(a, NULL, 0));
	call("settleMixed", escrow_settle_many(a, mixed, 3));
	call("settleStatement",
	     escrow_settle_statement(a, three, 2, &order.tenant, &first, &second));
	call("settleStatementSent",
	     escrow_settle_statement(a, three, 1, &order.tenant, &first, &none));
	call("closeMany", escrow_close_many(a, &closing, 1));
	test_bond_calls();
	call("setKey", escrow_set_key(a, &lease, &order.tenant, (struct amount){ 11 }, 12));
	call("keyOf", escrow_key_of(a, &lease_id, &order.tenant));
	call("nextNonce", escrow_next_nonce(a, &order.tenant));
	call("voidLease", escrow_void(a, &order, &lease));
	call("deposit", escrow_deposit(a, &order.tenant, (struct amount){ 5 }));
	call("withdraw", escrow_withdraw(a, &order.tenant, (struct amount){ 6 }));
	call("topUp", escrow_top_up(a, &lease, (struct amount){ 7 }));
	call("claim", escrow_claim(a, &lease, (struct amount){ 8 }));
	call("cancel", escrow_cancel(a, 9));
	call("stop", escrow_of_lease(a, "stop", &lease));
	call("finish", escrow_of_lease(a, "finish", &lease));
	call("expire", escrow_of_lease(a, "expire", &lease));
	call("leaseState", escrow_lease_state(a, &lease_id));
	call("claimOf", escrow_claim_of(a, &lease_id));
	call("startOf", escrow_start_of(a, &lease_id));
	call("nonceUsed", escrow_nonce_used(a, &order.tenant, 10));
	call("token", escrow_view(a, "token"));
	call("minWindow", escrow_view(a, "minWindow"));
	call("domainSeparator", escrow_view(a, "domainSeparator"));
	call("approve", token_approve(a, &order.tenant, (struct amount){ 11 }));
	call("transfer", token_transfer(a, &order.tenant, (struct amount){ 12 }));
	call("balanceOf", escrow_balance_of(a, &order.tenant));
}

/* ------------------------------------------------------------------ */
/* Events: the k-th field, from 1, is filled with k; a group has a lease    */
/* twice.                                                                */

static size_t
event_parse(const char *value, struct escrow_event **ev)
{
	char *text = arena_strdup(&arena, value), *data = strchr(text, ' '), *topic, *rest = text;
	struct err e = ERR_NONE;
	struct hash topics[4];
	uint8_t bytes[512];
	size_t count = 0, len;

	*data++ = '\0';
	while (count < 4 && (topic = strsep(&rest, ",")) != NULL)
		if (hash_read(topic, &topics[count++], &e) < 0)
			return 0;
	len = (strlen(data) - 2) / 2;
	if (len > sizeof(bytes) || hex_read(data, bytes, len, &e) < 0)
		return 0;
	return escrow_events_read(&arena, topics, count, bytes, len, ev);
}

#define H(k)                                                                                       \
	{                                                                                          \
		{                                                                                  \
			[0 ... 31] = k                                                             \
		}                                                                                  \
	}
#define A(k)                                                                                       \
	{                                                                                          \
		{                                                                                  \
			[0 ... 19] = k                                                             \
		}                                                                                  \
	}
#define EVENT(kind, ...)                                                                           \
	{                                                                                          \
		ESCROW_##kind, __VA_ARGS__                                                         \
	}

/* What must come out, written by hand from the order of the fields. */
static const struct escrow_event wants[] = {
	EVENT(DEPOSITED, .account = A(1), .amount = { 3 }),
	EVENT(WITHDRAWN, .account = A(1), .amount = { 3 }),
	EVENT(OPENED, .lease = H(4), .order = H(5), .tenant = A(6), .provider = A(1),
	      .auctioneer = A(2), .rate = { 7 }, .amount = { 8 }, .fee_bps = 250),
	/* 250 / 10^4 of 30000 less those of 19999: 750 - 499 */
	EVENT(SETTLED, .lease = H(4), .provider = A(1), .auctioneer = A(2), .fee_bps = 250,
	      .paid = { 30000 }, .credited = { 9750 }, .fee = { 251 }, .up_to = 8),
	EVENT(CLOSED, .lease = H(4), .tenant = A(6), .provider = A(1), .auctioneer = A(2),
	      .fee_bps = 250, .paid = { 30000 }, .credited = { 9750 }, .fee = { 251 },
	      .refund = { 9 }, .up_to = 8),
	EVENT(VOIDED, .lease = H(1), .order = H(2), .tenant = A(3), .refund = { 4 }),
	EVENT(TOPPED_UP, .lease = H(1), .account = A(2), .amount = { 3 }),
	EVENT(SKIPPED, .lease = H(1), .reason = { 2, 2, 2, 2 }),
	EVENT(CLAIMED, .lease = H(1), .provider = A(2), .amount = { 3 }, .up_to = 4,
	      .payable_at = 5),
	EVENT(STOPPED, .lease = H(1), .tenant = A(2), .stop_at = 3),
	EVENT(CANCELLED, .tenant = A(1), .nonce = 2),
	EVENT(KEYED, .lease = H(1), .tenant = A(2), .account = A(3), .amount = { 4 }, .until = 5),
	EVENT(BONDED, .account = A(1), .amount = { 2 }),
	EVENT(UNBONDING, .account = A(1), .amount = { 2 }, .until = 3),
	EVENT(UNBONDED, .account = A(1), .amount = { 2 }),
	EVENT(SLASHED, .account = A(1), .tenant = A(2), .lease = H(3), .refund = { 4 },
	      .burnt = { 5 }),
};
#undef EVENT
#undef A
#undef H

static const struct escrow_event *
event_want(const char *name)
{
	for (size_t i = 0; i < NELEMS(wants); i++)
		if (strcmp(escrow_event_name(wants[i].kind), name) == 0)
			return &wants[i];
	return NULL;
}

/* Member by member: the padding of a struct is nobody's. */
static bool
event_equal(const struct escrow_event *a, const struct escrow_event *b)
{
	return a->kind == b->kind && hash_equal(&a->lease, &b->lease) &&
	       hash_equal(&a->order, &b->order) && address_equal(&a->account, &b->account) &&
	       address_equal(&a->tenant, &b->tenant) && address_equal(&a->provider, &b->provider) &&
	       address_equal(&a->auctioneer, &b->auctioneer) && a->rate.nano == b->rate.nano &&
	       a->amount.units == b->amount.units && a->credited.units == b->credited.units &&
	       a->fee.units == b->fee.units && a->paid.units == b->paid.units &&
	       a->refund.units == b->refund.units && a->burnt.units == b->burnt.units &&
	       a->nonce == b->nonce && a->up_to == b->up_to && a->payable_at == b->payable_at &&
	       a->stop_at == b->stop_at && a->until == b->until && a->fee_bps == b->fee_bps &&
	       memcmp(a->reason, b->reason, 4) == 0;
}

static bool
is_group(enum escrow_event_kind kind)
{
	return kind == ESCROW_OPENED || kind == ESCROW_SETTLED || kind == ESCROW_CLOSED;
}

/* All that the contract has: a new event or error there fails here. */
static void
test_contract(void)
{
	unsigned events = 0, errors = 0;

	for (size_t i = 0; i < vector_count; i++) {
		const char *name = strchr(vectors[i].name, '.') + 1;

		if (strncmp(vectors[i].name, "event.", 6) == 0) {
			const struct escrow_event *want = event_want(name);
			struct escrow_event *got;
			size_t count = event_parse(vectors[i].value, &got);

			ok(want != NULL && count == (is_group(want->kind) ? 2 : 1) &&
				   event_equal(&got[0], want) && event_equal(&got[count - 1], want),
			   "event %s", name);
			events++;
		}
		if (strncmp(vectors[i].name, "error.", 6) == 0) {
			struct err e = ERR_NONE;
			uint8_t selector[4];

			ok(hex_read(vectors[i].value, selector, 4, &e) == 0, "error %s", name);
			is_str(escrow_reason(selector), name, "its selector");
			errors++;
		}
	}
	is_int(events, (long long)NELEMS(wants), "events of the contract");
	ok(errors >= 20, "errors of the contract");
}

int
main(void)
{
	int status;

	arena_init(&arena, 0);
	status = vectors_load();
	if (status == 77 || status == 127 || status < 0) {
		puts("1..0 # SKIP node or viem is missing");
		arena_release(&arena);
		return 77;
	}
	is_int(status, 0, "viem_vectors.mjs ends well");
	inputs();
	test_statements();
	test_transactions();
	test_created();
	test_calls();
	test_contract();
	key_release(&key);
	arena_release(&arena);
	return tap_done();
}
