/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_test.c - one lease from opening to closing on a real chain: Foundry's
 * anvil as a child, the contracts that lease/contracts/build.sh made, and nothing
 * but our own code to sign and send. Run from the root; skipped where either is
 * missing.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lease/evm.h"
#include "tests/unit/tap.h"

#ifdef __aarch64__
#define ANVIL "lease/contracts/node_modules/@foundry-rs/anvil-linux-arm64/bin/anvil"
#else
#define ANVIL "lease/contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
#endif
#define CODE_MAX ((size_t)64 * 1024)

static struct arena arena;
static struct evm evm;
static struct key tenant, provider, market; /* market: sends */
static struct address token, escrow;
static struct domain domain;

/* ------------------------------------------------------------------ */

static int
port_free(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		fatal("no free port");
	close(fd);
	return ntohs(in.sin_port);
}

static pid_t
anvil_start(void)
{
	const char *port = arena_printf(&arena, "%d", port_free());
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	const char **url = arena_alloc(&arena, sizeof(*url));
	struct err e = ERR_NONE;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(ANVIL, "anvil", "--port", port, "--silent", (char *)NULL);
		_exit(127);
	}
	*url = arena_printf(&arena, "http://127.0.0.1:%s", port);
	evm = (struct evm){ .urls = { url, 1 } };
	for (unsigned i = 0; i < 200 && evm_check_chain(&arena, &evm, &e) < 0; i++)
		nanosleep(&pause, NULL);
	return pid;
}

/* Creation code, in hex; b NULL: there is none. */
static struct calldata
code_of(const char *name)
{
	char *text = arena_alloc(&arena, 2 * CODE_MAX + 2);
	FILE *f = fopen(arena_printf(&arena, "build/contracts/%s.bin", name), "re");
	uint8_t *bytes = arena_alloc(&arena, CODE_MAX);
	struct err e = ERR_NONE;
	size_t len;

	if (f == NULL)
		return (struct calldata){ NULL, 0 };
	len = fread(text, 1, 2 * CODE_MAX, f);
	fclose(f);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	len = strlen(text) / 2;
	if (len == 0 || hex_read(text, bytes, len, &e) < 0)
		fatal("%s.bin: %s", name, e.text);
	return (struct calldata){ bytes, len };
}

/* Sends; NULL `refusal`: must succeed, else must be refused with these words. */
static struct evm_receipt
transact(const char *what, const struct key *key, const struct address *to, struct calldata data,
	 const char *refusal)
{
	struct evm_receipt receipt = { .found = false };
	struct err e = ERR_NONE;
	int got = evm_send_now(&arena, &evm, key, to, data, &receipt, &e);

	ok(refusal == NULL ? got == 0
			   : got < 0 && e.code == &EVM_REFUSED && strstr(e.text, refusal) != NULL,
	   "%s: %s", what, e.text);
	return receipt;
}

/* The first event of this kind in the receipt. */
static struct escrow_event
event_in(const struct evm_receipt *receipt, enum escrow_event_kind kind)
{
	struct escrow_event *ev;

	for (size_t i = 0; i < receipt->log_count; i++) {
		const struct evm_log *log = &receipt->logs[i];

		if (address_equal(&log->address, &escrow) &&
		    escrow_events_read(&arena, log->topics, log->topic_count, log->data, log->len,
				       &ev) > 0 &&
		    ev->kind == kind)
			return *ev;
	}
	return (struct escrow_event){ .kind = ESCROW_OTHER };
}

static u128
view_uint(const struct address *to, struct calldata data)
{
	struct err e = ERR_NONE;
	const uint8_t *out;
	size_t len;
	u128 v;

	if (evm_call_now(&arena, &evm, to, data, &out, &len, &e) < 0 ||
	    !abi_word_uint(out, len, 0, &v))
		return ~(u128)0;
	return v;
}

static struct sig
sign(const struct key *key, struct hash struct_hash)
{
	struct hash digest = terms_digest(&domain, &struct_hash);
	struct sig sig;

	key_sign(key, &digest, &sig);
	return sig;
}

static uint32_t
chain_time(void)
{
	struct err e = ERR_NONE;
	struct evm_block block = { .time = 0 };
	struct json *result;

	if (evm_now(&arena, &evm, rpc_block(&arena, "latest", 0), &result, &e) < 0 ||
	    rpc_block_read(result, &block, &e) < 0)
		fatal("%s", e.text);
	return (uint32_t)block.time;
}

static void
time_passes(unsigned seconds)
{
	struct err e = ERR_NONE;
	struct json *result;

	if (evm_now(&arena, &evm,
		    arena_printf(&arena,
				 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"evm_increaseTime\","
				 "\"params\":[%u]}",
				 seconds),
		    &result, &e) < 0 ||
	    evm_now(&arena, &evm,
		    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"evm_mine\",\"params\":[]}", &result,
		    &e) < 0)
		fatal("%s", e.text);
}

/* ------------------------------------------------------------------ */

static void
keys(void)
{
	/* Accounts 0 to 2 of anvil's public mnemonic. */
	static const char *const secrets[] = {
		"ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
		"59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
		"5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
	};
	struct key *out[] = { &market, &tenant, &provider };
	struct err e = ERR_NONE;
	uint8_t secret[32];

	for (size_t i = 0; i < NELEMS(secrets); i++)
		if (hex_read(secrets[i], secret, 32, &e) < 0 ||
		    key_from_secret(secret, out[i], &e) < 0)
			fatal("%s", e.text);
}

static bool
test_deploy(struct calldata token_code, struct calldata escrow_code)
{
	struct evm_receipt receipt = { .found = false };
	struct err e = ERR_NONE;
	struct hash separator;
	const uint8_t *out;
	size_t len;

	if (!ok(evm_deploy_now(&arena, &evm, &market, token_code, &receipt, &e) == 0,
		"the token is deployed: %s", e.text))
		return false;
	token = receipt.created;
	if (!ok(evm_deploy_now(&arena, &evm, &market,
			       escrow_create(&arena, escrow_code.b, escrow_code.len, &token, 10),
			       &receipt, &e) == 0,
		"the escrow is deployed: %s", e.text))
		return false;
	escrow = receipt.created;
	domain_init(&domain, evm.chain_id, &escrow);
	ok(evm_call_now(&arena, &evm, &escrow, escrow_view(&arena, "domainSeparator"), &out, &len,
			&e) == 0 &&
		   abi_word(out, len, 0, &separator) && hash_equal(&separator, &domain.separator),
	   "both have the same domain");
	ok(view_uint(&escrow, escrow_view(&arena, "minWindow")) == 10, "its shortest window");
	ok(evm_deploy_now(&arena, &evm, &market,
			  escrow_create(&arena, escrow_code.b, escrow_code.len, &token, 9),
			  &receipt, &e) < 0 &&
		   e.code == &EVM_REFUSED && strstr(e.text, "BadTerms") != NULL,
	   "a window too short: %s", e.text);
	return true;
}

static void
test_money(void)
{
	struct evm_receipt receipt;
	struct escrow_event ev;
	struct amount hundred = { 100 * 1000000 };

	transact("mint", &market, &token, token_mint(&arena, &tenant.address, hundred), NULL);
	transact("deposit before approve", &tenant, &escrow,
		 escrow_deposit(&arena, &tenant.address, hundred), "BadToken");
	transact("approve", &tenant, &token, token_approve(&arena, &escrow, hundred), NULL);
	receipt = transact("deposit", &tenant, &escrow,
			   escrow_deposit(&arena, &tenant.address, hundred), NULL);
	ev = event_in(&receipt, ESCROW_DEPOSITED);
	ok(address_equal(&ev.account, &tenant.address) && ev.amount.units == hundred.units,
	   "Deposited");
	ok(view_uint(&escrow, escrow_balance_of(&arena, &tenant.address)) == hundred.units,
	   "the balance");
	ok(view_uint(&token, token_balance_of(&arena, &tenant.address)) == 0,
	   "the tokens are gone");
	transact("withdraw too much", &tenant, &escrow,
		 escrow_withdraw(&arena, &tenant.address, (struct amount){ hundred.units + 1 }),
		 "NoFunds, more than the balance");
}

static struct opening
opening_make(uint64_t nonce)
{
	struct opening o = {
		.order = { .tenant = tenant.address,
			   .group = { { 1 } },
			   .maxRate = { 5000u * (u128)RATE_UNIT },
			   .baseBps = 5000,
			   .deposit = { 50 * 1000000 },
			   .openBy = chain_time() + 600,
			   .window = 60,
			   .launch = 30,
			   .auctioneer = market.address,
			   .feeBps = 100,
			   .nonce = nonce },
		.record = { { 2 } },
	};
	struct award_terms award;

	o.lease = lease_from(&o.order, &provider.address, (struct rate){ 1000u * (u128)RATE_UNIT });
	award = (struct award_terms){ o.lease.order, provider.address, o.lease.rate, o.record };
	o.tenant_sig = sign(&tenant, order_hash(&o.order));
	o.provider_sig = sign(&provider, lease_hash(&o.lease));
	o.auctioneer_sig = sign(&market, award_hash(&award));
	return o;
}

static struct escrow_lease
lease_state(const struct hash *id)
{
	struct escrow_lease l = { .up_to = 0 };
	struct err e = ERR_NONE;
	const uint8_t *out;
	size_t len;

	if (evm_call_now(&arena, &evm, &escrow, escrow_lease_state(&arena, id), &out, &len, &e) <
		    0 ||
	    !escrow_lease_read(out, len, &l))
		fatal("lease state: %s", e.text);
	return l;
}

/* Relayed by a stranger, so that all three signatures are looked at. */
static void
test_lease(void)
{
	struct opening o = opening_make(7), two[2];
	struct hash id = lease_hash(&o.lease);
	struct voucher_terms voucher = { id, { 90 * 1000 }, 0 };
	struct release_terms release = { id, voucher.amount };
	struct evm_receipt receipt;
	struct escrow_event ev;
	struct escrow_lease state;
	struct settlement s;
	struct closing c;

	two[0] = two[1] = o;
	two[1].tenant_sig.b[5] ^= 1;
	transact("with a bad signature", &provider, &escrow, escrow_open(&arena, &two[1]),
		 "BadTenantSig");
	receipt = transact("open, and again with a bad signature", &tenant, &escrow,
			   escrow_open_many(&arena, two, 2), NULL);
	ev = event_in(&receipt, ESCROW_OPENED);
	ok(hash_equal(&ev.lease, &id) && hash_equal(&ev.order, &o.lease.order) &&
		   ev.rate.nano == o.lease.rate.nano && ev.amount.units == o.order.deposit.units,
	   "Opened");
	ev = event_in(&receipt, ESCROW_SKIPPED);
	is_str(escrow_reason(ev.reason), "NonceUsed", "Skipped");
	transact("open again", &tenant, &escrow, escrow_open(&arena, &o), "NonceUsed");
	ok(view_uint(&escrow, escrow_nonce_used(&arena, &tenant.address, 7)) == 1,
	   "nonce 7 is used");
	ok(view_uint(&escrow, escrow_nonce_used(&arena, &tenant.address, 8)) == 0,
	   "nonce 8 is not");

	time_passes(100);
	voucher.upTo = chain_time();
	s = (struct settlement){ o.lease, voucher, sign(&tenant, voucher_hash(&voucher)),
				 sign(&provider, voucher_hash(&voucher)) };
	receipt = transact("settle", &market, &escrow, escrow_settle_many(&arena, &s, 1), NULL);
	ev = event_in(&receipt, ESCROW_SETTLED);
	ok(ev.paid.units == 90000 && ev.credited.units == 89100 && ev.fee.units == 900 &&
		   ev.up_to == voucher.upTo,
	   "Settled: 90,000 less 1 %%");
	state = lease_state(&id);
	ok(state.paid.units == 90000 && state.deposit.units == o.order.deposit.units &&
		   state.stop_at == 0,
	   "its state");

	transact("stop by the provider", &provider, &escrow,
		 escrow_of_lease(&arena, "stop", &o.lease), "NotTenant");
	transact("top up", &tenant, &escrow, escrow_top_up(&arena, &o.lease, (struct amount){ 5 }),
		 NULL);
	time_passes(10);
	receipt = transact("claim", &provider, &escrow,
			   escrow_claim(&arena, &o.lease, (struct amount){ AMOUNT_MAX }), NULL);
	ev = event_in(&receipt, ESCROW_CLAIMED);
	ok(hash_equal(&ev.lease, &id) && address_equal(&ev.provider, &provider.address) &&
		   ev.payable_at == chain_time() + o.order.window,
	   "Claimed");
	receipt =
		transact("stop", &tenant, &escrow, escrow_of_lease(&arena, "stop", &o.lease), NULL);
	ev = event_in(&receipt, ESCROW_STOPPED);
	ok(ev.stop_at == chain_time() && lease_state(&id).stop_at == ev.stop_at, "Stopped");

	c = (struct closing){
		o.lease, voucher, { { 0 } }, sign(&provider, release_hash(&release))
	};
	receipt = transact("close", &market, &escrow, escrow_close_many(&arena, &c, 1), NULL);
	ev = event_in(&receipt, ESCROW_CLOSED);
	ok(ev.paid.units == 90000 && ev.refund.units == o.order.deposit.units + 5 - 90000,
	   "Closed");
	ok(view_uint(&escrow, escrow_balance_of(&arena, &provider.address)) == 89100,
	   "the provider has it");
	transact("withdraw", &provider, &escrow,
		 escrow_withdraw(&arena, &provider.address, (struct amount){ 89100 }), NULL);
}

/* The same numbers on every run. */
static uint32_t
some(uint32_t below)
{
	static uint64_t state = 20;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

/* Signed by the three, as its terms are now. */
static void
sign_opening(struct opening *o)
{
	struct award_terms award;

	award = (struct award_terms){ o->lease.order, provider.address, o->lease.rate, o->record };
	o->tenant_sig = sign(&tenant, order_hash(&o->order));
	o->provider_sig = sign(&provider, lease_hash(&o->lease));
	o->auctioneer_sig = sign(&market, award_hash(&award));
}

/* Sign, have it opened; the time it began. */
static uint32_t
life_begin(struct opening *o, uint64_t nonce)
{
	struct hash id;

	*o = opening_make(nonce);
	o->order.baseBps = some(10001);
	o->order.feeBps = some(2001);
	o->order.deposit.units = 1 + some(300000);
	o->order.launch = 5;
	o->lease = lease_from(&o->order, &provider.address,
			      (struct rate){ 1 + (u128)some(2000) * RATE_UNIT + some(RATE_UNIT) });
	sign_opening(o);
	transact("a life begins", &tenant, &escrow, escrow_open_many(&arena, o, 1), NULL);
	id = lease_hash(&o->lease);
	return lease_state(&id).up_to;
}

static u128
fee_of(const struct opening *o, u128 paid)
{
	return paid * o->order.feeBps / 10000;
}

/* Lives of random terms: what rate_due() makes of a voucher is what the contract
 * pays, to the unit, and so are fee and refund. */
static void
test_random_lives(void)
{
	for (unsigned life = 0; life < 12; life++) {
		struct opening o;
		uint32_t start = life_begin(&o, 100 + life), up_to = start;
		struct hash id = lease_hash(&o.lease);
		u128 paid = 0,
		     before = view_uint(&escrow, escrow_balance_of(&arena, &provider.address));
		struct escrow_event ev;
		struct evm_receipt receipt;
		struct release_terms release = { .lease = id };
		struct closing c = { .lease = o.lease };

		for (unsigned k = 0; k < 5; k++) {
			struct voucher_terms v = { .lease = id };
			struct settlement s = { .lease = o.lease };
			struct amount due, want;

			time_passes(1 + some(60));
			v.upTo = MAX(up_to + 1, chain_time() - some(3));
			due = rate_due(o.lease.rate, v.upTo - start);
			v.amount.units = due.units + some(3) * some(1000);
			want = amount_min(amount_min(v.amount, due), o.order.deposit);
			s.voucher = v;
			s.payer_sig = sign(&tenant, voucher_hash(&v));
			s.provider_sig = sign(&provider, voucher_hash(&v));
			receipt = transact("a voucher", &market, &escrow,
					   escrow_settle_many(&arena, &s, 1), NULL);
			ev = event_in(&receipt, ESCROW_SETTLED);
			ok(ev.paid.units == want.units && ev.up_to == v.upTo &&
				   ev.fee.units == fee_of(&o, want.units) - fee_of(&o, paid) &&
				   ev.credited.units + ev.fee.units == want.units - paid,
			   "life %u: paid as computed", life);
			paid = want.units;
			up_to = v.upTo;
		}
		release.amount.units = c.voucher.amount.units = paid;
		c.voucher.lease = id;
		c.release_sig = sign(&provider, release_hash(&release));
		receipt = transact("a life ends", &market, &escrow,
				   escrow_close_many(&arena, &c, 1), NULL);
		ev = event_in(&receipt, ESCROW_CLOSED);
		ok(ev.refund.units == o.order.deposit.units - paid && lease_state(&id).up_to == 0 &&
			   view_uint(&escrow, escrow_balance_of(&arena, &provider.address)) ==
				   before + paid - fee_of(&o, paid),
		   "life %u: the rest comes back", life);
	}
}

#include "tests/unit/chain_model.h"

/* Many leases under one signature of each side; a void one among them is skipped and
 * harms no other. */
static void
test_statement(void)
{
	enum { COUNT = 5, VOID = 2 };
	struct model m[COUNT];
	struct settlement s[COUNT];
	struct voucher_terms vouchers[COUNT];
	struct evm_receipt receipt;
	struct sig payer_sig, provider_sig;
	struct escrow_event *ev;
	size_t seen = 0;
	u128 had;

	for (unsigned i = 0; i < COUNT; i++) {
		m[i] = (struct model){ .o = opening_make(300 + i) };
		m[i].o.order.deposit.units = 20000 + 3000 * i;
		m[i].o.lease = lease_from(&m[i].o.order, &provider.address,
					  (struct rate){ 1 + (u128)some(2000) * RATE_UNIT });
		sign_opening(&m[i].o);
		transact("one of many", &tenant, &escrow, escrow_open_many(&arena, &m[i].o, 1),
			 NULL);
		m[i].id = lease_hash(&m[i].o.lease);
		m[i].start = lease_state(&m[i].id).up_to;
		m[i].deposit = m[i].o.order.deposit.units;
	}
	transact("one is void", &market, &escrow,
		 escrow_void(&arena, &m[VOID].o.order, &m[VOID].o.lease), NULL);
	time_passes(30);
	for (unsigned i = 0; i < COUNT; i++) {
		m[i].up_to = chain_time();
		vouchers[i] = (struct voucher_terms){
			m[i].id, rate_due(m[i].o.lease.rate, m[i].up_to - m[i].start), m[i].up_to
		};
		s[i] = (struct settlement){ .lease = m[i].o.lease, .voucher = vouchers[i] };
		m[i].paid = MIN(vouchers[i].amount.units, m[i].deposit);
	}
	payer_sig = sign(&tenant, statement_hash(&arena, vouchers, COUNT));
	provider_sig = sign(&provider, statement_hash(&arena, vouchers, COUNT - 1));
	transact("over one less", &market, &escrow,
		 escrow_settle_statement(&arena, s, COUNT, &tenant.address, &payer_sig,
					 &provider_sig),
		 "BadProviderSig");
	provider_sig = sign(&provider, statement_hash(&arena, vouchers, COUNT));
	had = view_uint(&escrow, escrow_balance_of(&arena, &provider.address));
	receipt = transact("a statement", &market, &escrow,
			   escrow_settle_statement(&arena, s, COUNT, &tenant.address, &payer_sig,
						   &provider_sig),
			   NULL);
	is_str(escrow_reason(event_in(&receipt, ESCROW_SKIPPED).reason), "LeaseEnded",
	       "the void one is skipped");
	for (size_t k = 0; k < receipt.log_count; k++) {
		const struct evm_log *log = &receipt.logs[k];
		size_t count = escrow_events_read(&arena, log->topics, log->topic_count, log->data,
						  log->len, &ev);

		for (size_t i = 0; i < count && ev->kind == ESCROW_SETTLED; i++) {
			const struct model *of = &m[seen == VOID ? ++seen : seen];

			ok(hash_equal(&ev[i].lease, &of->id), "in their order");
			expect_paid(of, &ev[i], 0, "of many, one");
			had += ev[i].credited.units;
			seen++;
		}
	}
	ok(seen == COUNT, "all others are paid");
	ok(view_uint(&escrow, escrow_balance_of(&arena, &provider.address)) == had,
	   "the tokens are the provider's");
}

/* A key that is lent: within its limit the contract takes its vouchers, above not, nor
 * for time after it was taken back; and our rule says the same each time. */
static void
test_keys(void)
{
	struct opening o = opening_make(310);
	struct settlement s = { .voucher = { .amount = { 0 } } };
	struct hash id;
	static const struct {
		const char *what;
		uint32_t amount;
		bool revoke, good;
	} tries[] = {
		{ "above its limit", 1001, false, false },
		{ "at its limit", 1000, false, true },
		{ "taken back, for the time since", 1000, true, false },
	};
	struct escrow_key said;
	struct err e = ERR_NONE;
	struct key lent;
	const uint8_t *out;
	size_t len;

	o.order.deposit.units = 50000;
	o.lease = lease_from(&o.order, &provider.address, o.lease.rate);
	sign_opening(&o);
	s.lease = o.lease;
	s.voucher.lease = id = lease_hash(&o.lease);
	key_new(&lent);
	transact("open", &market, &escrow, escrow_open(&arena, &o), NULL);
	transact("by another", &provider, &escrow,
		 escrow_set_key(&arena, &o.lease, &lent.address, (struct amount){ 1 }, UINT32_MAX),
		 "NotTenant");
	transact("lend", &tenant, &escrow,
		 escrow_set_key(&arena, &o.lease, &lent.address, (struct amount){ 1000 },
				chain_time() + 86400),
		 NULL);
	for (size_t i = 0; i < NELEMS(tries); i++) {
		struct evm_receipt receipt;
		struct escrow_event ev;

		if (tries[i].revoke)
			transact("revoke", &tenant, &escrow,
				 escrow_set_key(&arena, &o.lease, &lent.address,
						(struct amount){ 0 }, 0),
				 NULL);
		time_passes(10);
		s.voucher.amount.units = tries[i].amount;
		s.voucher.upTo = chain_time();
		s.payer_sig = sign(&lent, voucher_hash(&s.voucher));
		s.provider_sig = sign(&provider, voucher_hash(&s.voucher));
		receipt = transact(tries[i].what, &market, &escrow,
				   escrow_settle_many(&arena, &s, 1), NULL);
		ev = event_in(&receipt, tries[i].good ? ESCROW_SETTLED : ESCROW_SKIPPED);
		if (tries[i].good)
			ok(ev.paid.units == tries[i].amount, "%s: paid", tries[i].what);
		else
			is_str(escrow_reason(ev.reason), "BadPayerSig", tries[i].what);
		ok(evm_call_now(&arena, &evm, &escrow, escrow_key_of(&arena, &id, &lent.address),
				&out, &len, &e) == 0 &&
			   escrow_key_read(out, len, &said) && said.said &&
			   said.limit.units == 1000 &&
			   escrow_may_pay(&o.lease, &s.voucher, &lent.address, &said) ==
				   tries[i].good,
		   "%s: our rule says the same", tries[i].what);
	}
	key_release(&lent);
}

/* A deposit that carries its approval. */
static void
test_permit(void)
{
	struct permit p = { provider.address, escrow, { 777 }, 0, (uint64_t)chain_time() + 3600 };
	struct err e = ERR_NONE;
	struct hash separator, digest;
	struct evm_receipt receipt;
	const uint8_t *out;
	struct sig sig;
	size_t len;

	transact("mint", &market, &token, token_mint(&arena, &provider.address, p.value), NULL);
	ok(evm_call_now(&arena, &evm, &token, token_domain(&arena), &out, &len, &e) == 0 &&
		   abi_word(out, len, 0, &separator),
	   "the token's domain");
	p.nonce = view_uint(&token, token_nonces(&arena, &provider.address));
	digest = permit_digest(&separator, &p);
	key_sign(&tenant, &digest, &sig);
	transact("signed by another", &provider, &escrow,
		 escrow_deposit_permit(&arena, &provider.address, &p, &sig), "BadToken");
	key_sign(&provider, &digest, &sig);
	receipt = transact("with a permit", &provider, &escrow,
			   escrow_deposit_permit(&arena, &provider.address, &p, &sig), NULL);
	ok(event_in(&receipt, ESCROW_DEPOSITED).amount.units == 777, "credited");
	transact("the same again", &provider, &escrow,
		 escrow_deposit_permit(&arena, &provider.address, &p, &sig), "BadToken");
}

static void
test_void_and_cancel(void)
{
	struct opening o = opening_make(8);
	struct evm_receipt receipt;
	struct escrow_event ev;

	transact("open", &market, &escrow, escrow_open(&arena, &o), NULL);
	receipt = transact("void", &market, &escrow, escrow_void(&arena, &o.order, &o.lease), NULL);
	ev = event_in(&receipt, ESCROW_VOIDED);
	ok(hash_equal(&ev.order, &o.lease.order) && ev.refund.units == o.order.deposit.units,
	   "Voided");
	receipt = transact("cancel", &tenant, &escrow, escrow_cancel(&arena, 8), NULL);
	ev = event_in(&receipt, ESCROW_CANCELLED);
	ok(ev.nonce == 8 && address_equal(&ev.tenant, &tenant.address), "Cancelled");
}

/* Every event of the escrow, in order, from the logs of the whole chain. */
static void
test_logs(void)
{
	static const char want[] =
		"Deposited Skipped Opened Settled ToppedUp Claimed Stopped Closed "
		"Withdrawn Opened Voided Cancelled ";
	const char *got = "";
	struct err e = ERR_NONE;
	struct json *result;
	struct evm_log *logs;
	size_t count = 0;

	if (evm_now(&arena, &evm, rpc_logs(&arena, &escrow, 0, 1000), &result, &e) < 0 ||
	    rpc_logs_read(&arena, result, &logs, &count, &e) < 0)
		fatal("%s", e.text);
	for (size_t i = 0; i < count; i++) {
		struct escrow_event *ev;

		ok(escrow_events_read(&arena, logs[i].topics, logs[i].topic_count, logs[i].data,
				      logs[i].len, &ev) == 1,
		   "an event is read");
		got = arena_printf(&arena, "%s%s ", got, escrow_event_name(ev->kind));
	}
	is_str(got, want, "all events, in order");
}

static void
test_no_gas(void)
{
	struct evm_receipt receipt;
	struct err e = ERR_NONE;
	struct key poor;

	key_new(&poor);
	ok(evm_send_now(&arena, &evm, &poor, &token,
			token_mint(&arena, &poor.address, (struct amount){ 1 }), &receipt,
			&e) < 0 &&
		   e.code == &EVM_UNFUNDED,
	   "an account without ether: %s", e.text);
	evm.fee_max = 1;
	ok(evm_send_now(&arena, &evm, &tenant, &token,
			token_mint(&arena, &poor.address, (struct amount){ 1 }), &receipt,
			&e) < 0 &&
		   e.code == &EVM_UNDERPRICED,
	   "fees above what the settings allow: %s", e.text);
	key_release(&poor);
}

int
main(void)
{
	struct calldata token_code, escrow_code;
	pid_t anvil;

	arena_init(&arena, 0);
	token_code = code_of("TestToken");
	escrow_code = code_of("Escrow");
	if (access(ANVIL, X_OK) != 0 || token_code.b == NULL || escrow_code.b == NULL) {
		puts("1..0 # SKIP anvil or the compiled contract is missing");
		arena_release(&arena);
		return 77;
	}
	anvil = anvil_start();
	keys();
	is_int((long long)evm.chain_id, 31337, "anvil answers");
	if (test_deploy(token_code, escrow_code)) {
		test_money();
		test_lease();
		test_void_and_cancel();
		test_logs();
		test_random_lives();
		test_random_days();
		test_statement();
		test_keys();
		test_permit();
		test_no_gas();
	}
	kill(anvil, SIGKILL);
	waitpid(anvil, NULL, 0);
	arena_release(&arena);
	return tap_done();
}
