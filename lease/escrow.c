/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/escrow.h"

/* The tuples of the contract's structs, for the function selectors. */
#define ORDER_T                                                                                    \
	"(address,bytes32,uint128,uint16,uint96,uint32,uint32,uint32,address,address,uint16,"      \
	"uint64)"
#define LEASE_T                                                                                    \
	"(bytes32,address,address,address,address,uint128,uint128,uint96,uint32,uint32,uint32,"    \
	"uint16)"
#define SIG_T	     "(bytes32,bytes32)"
#define OPENING_T    "(" ORDER_T "," LEASE_T "," SIG_T "," SIG_T "," SIG_T ",bytes32)"
#define SETTLEMENT_T "(" LEASE_T ",uint96,uint32," SIG_T "," SIG_T ")"

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

static void
put_opening(struct abi *abi, const struct opening *o)
{
	put_order(abi, &o->order);
	put_lease(abi, &o->lease);
	abi_sig(abi, &o->tenant_sig);
	abi_sig(abi, &o->provider_sig);
	abi_sig(abi, &o->auctioneer_sig);
	abi_bytes32(abi, &o->record);
}

struct calldata
escrow_open(struct arena *a, const struct opening *o)
{
	struct abi abi;

	abi_call(&abi, a, "open(" OPENING_T ")");
	put_opening(&abi, o);
	return done(&abi);
}

struct calldata
escrow_open_many(struct arena *a, const struct opening *o, size_t count)
{
	struct abi abi;

	abi_call(&abi, a, "openMany(" OPENING_T "[])");
	abi_array(&abi, count);
	for (size_t i = 0; i < count; i++)
		put_opening(&abi, &o[i]);
	return done(&abi);
}

static void
put_settlement(struct abi *abi, const struct lease_terms *l, const struct voucher_terms *v,
	       const struct sig *first, const struct sig *second)
{
	put_lease(abi, l);
	abi_uint(abi, v->amount.units);
	abi_uint(abi, v->upTo);
	abi_sig(abi, first);
	abi_sig(abi, second);
}

struct calldata
escrow_settle_many(struct arena *a, const struct settlement *s, size_t count)
{
	struct abi abi;

	abi_call(&abi, a, "settleMany(" SETTLEMENT_T "[])");
	abi_array(&abi, count);
	for (size_t i = 0; i < count; i++)
		put_settlement(&abi, &s[i].lease, &s[i].voucher, &s[i].payer_sig,
			       &s[i].provider_sig);
	return done(&abi);
}

struct calldata
escrow_close_many(struct arena *a, const struct closing *c, size_t count)
{
	struct abi abi;

	abi_call(&abi, a, "closeMany(" SETTLEMENT_T "[])");
	abi_array(&abi, count);
	for (size_t i = 0; i < count; i++)
		put_settlement(&abi, &c[i].lease, &c[i].voucher, &c[i].payer_sig,
			       &c[i].release_sig);
	return done(&abi);
}

struct calldata
escrow_void(struct arena *a, const struct order_terms *o, const struct lease_terms *l)
{
	struct abi abi;

	abi_call(&abi, a, "voidLease(" ORDER_T "," LEASE_T ")");
	put_order(&abi, o);
	put_lease(&abi, l);
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

/* ------------------------------------------------------------------ */
/* Events: where each member of the struct stands.                     */

enum from { TOPIC, DATA };
enum form { END, HASH, ADDRESS, AMOUNT, RATE, U32, U64, SELECTOR };

struct member {
	enum form form;
	enum from from;
	size_t index, offset;
};

#define M(form, from, index, member)                                                               \
	{                                                                                          \
		form, from, index, offsetof(struct escrow_event, member)                           \
	}

static const struct event {
	enum escrow_event_kind kind;
	const char *name, *signature;
	size_t topics, words; /* indexed fields with topic0; data words */
	struct member members[9];
} events[] = {
	{ ESCROW_DEPOSITED,
	  "Deposited",
	  "Deposited(address,address,uint96)",
	  2,
	  2,
	  { M(ADDRESS, TOPIC, 1, account), M(AMOUNT, DATA, 1, amount) } },
	{ ESCROW_WITHDRAWN,
	  "Withdrawn",
	  "Withdrawn(address,address,uint96)",
	  2,
	  2,
	  { M(ADDRESS, TOPIC, 1, account), M(AMOUNT, DATA, 1, amount) } },
	{ ESCROW_OPENED,
	  "Opened",
	  "Opened(bytes32,bytes32,address,address,uint128,uint96)",
	  4,
	  3,
	  { M(HASH, TOPIC, 1, lease), M(HASH, TOPIC, 2, order), M(ADDRESS, TOPIC, 3, tenant),
	    M(ADDRESS, DATA, 0, provider), M(RATE, DATA, 1, rate), M(AMOUNT, DATA, 2, amount) } },
	{ ESCROW_SETTLED,
	  "Settled",
	  "Settled(bytes32,address,address,address,uint96,uint96,uint96,uint32)",
	  4,
	  5,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, tenant), M(ADDRESS, TOPIC, 3, provider),
	    M(ADDRESS, DATA, 0, auctioneer), M(AMOUNT, DATA, 1, amount),
	    M(AMOUNT, DATA, 2, credited), M(AMOUNT, DATA, 3, fee), M(U32, DATA, 4, up_to) } },
	{ ESCROW_CLOSED,
	  "Closed",
	  "Closed(bytes32,address,address,uint96,uint96)",
	  4,
	  2,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, tenant), M(ADDRESS, TOPIC, 3, provider),
	    M(AMOUNT, DATA, 0, paid), M(AMOUNT, DATA, 1, refund) } },
	{ ESCROW_VOIDED,
	  "Voided",
	  "Voided(bytes32,bytes32,address,uint96)",
	  4,
	  1,
	  { M(HASH, TOPIC, 1, lease), M(HASH, TOPIC, 2, order), M(ADDRESS, TOPIC, 3, tenant),
	    M(AMOUNT, DATA, 0, refund) } },
	{ ESCROW_TOPPED_UP,
	  "ToppedUp",
	  "ToppedUp(bytes32,address,uint96)",
	  3,
	  1,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, account), M(AMOUNT, DATA, 0, amount) } },
	{ ESCROW_SKIPPED,
	  "Skipped",
	  "Skipped(bytes32,bytes4)",
	  2,
	  1,
	  { M(HASH, TOPIC, 1, lease), M(SELECTOR, DATA, 0, reason) } },
	{ ESCROW_CLAIMED,
	  "Claimed",
	  "Claimed(bytes32,address,uint96,uint32,uint32)",
	  3,
	  3,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, provider), M(AMOUNT, DATA, 0, amount),
	    M(U32, DATA, 1, up_to), M(U32, DATA, 2, payable_at) } },
	{ ESCROW_STOPPED,
	  "Stopped",
	  "Stopped(bytes32,address,uint32)",
	  3,
	  1,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, tenant), M(U32, DATA, 0, stop_at) } },
	{ ESCROW_CANCELLED,
	  "Cancelled",
	  "Cancelled(address,uint64)",
	  2,
	  1,
	  { M(ADDRESS, TOPIC, 1, tenant), M(U64, DATA, 0, nonce) } },
};
#undef M

const char *
escrow_event_name(enum escrow_event_kind kind)
{
	for (size_t i = 0; i < NELEMS(events); i++)
		if (events[i].kind == kind)
			return events[i].name;
	return "Other";
}

static const struct event *
event_of(const struct hash *topic)
{
	static struct hash topics[NELEMS(events)];
	static bool ready;

	for (size_t i = 0; i < NELEMS(events) && !ready; i++)
		topics[i] = abi_topic(events[i].signature);
	ready = true;
	for (size_t i = 0; i < NELEMS(events); i++)
		if (hash_equal(&topics[i], topic))
			return &events[i];
	return NULL;
}

/* A number of at most this many; u128 holds all that the contract has. */
static bool
number_read(const struct hash *word, u128 most, u128 *v)
{
	return abi_hash_uint(word, v) && *v <= most;
}

static bool
member_read(enum form form, const struct hash *word, void *out)
{
	static const uint8_t zeros[28];
	u128 v;

	switch (form) {
	case HASH: *(struct hash *)out = *word; return true;
	case ADDRESS: return abi_hash_address(word, out);
	case SELECTOR:
		memcpy(out, word->b, 4);
		return memcmp(word->b + 4, zeros, sizeof(zeros)) == 0;
	case AMOUNT:
		if (!number_read(word, AMOUNT_MAX, &v))
			return false;
		((struct amount *)out)->units = v;
		return true;
	case RATE: return abi_hash_uint(word, &((struct rate *)out)->nano);
	case U32:
		if (!number_read(word, UINT32_MAX, &v))
			return false;
		*(uint32_t *)out = (uint32_t)v;
		return true;
	case U64:
		if (!number_read(word, UINT64_MAX, &v))
			return false;
		*(uint64_t *)out = (uint64_t)v;
		return true;
	case END: break;
	}
	return false;
}

bool
escrow_event_read(const struct hash *topics, size_t topic_count, const uint8_t *data, size_t len,
		  struct escrow_event *out)
{
	const struct event *ev = topic_count > 0 ? event_of(&topics[0]) : NULL;

	*out = (struct escrow_event){ .kind = ESCROW_OTHER };
	if (ev == NULL || topic_count != ev->topics || len != 32 * ev->words)
		return false;
	for (const struct member *m = ev->members; m->form != END; m++) {
		struct hash word;

		if (m->from == TOPIC)
			word = topics[m->index];
		else if (!abi_word(data, len, m->index, &word))
			return false;
		if (!member_read(m->form, &word, (char *)out + m->offset))
			return false;
	}
	out->kind = ev->kind;
	return true;
}

/* ------------------------------------------------------------------ */
/* Why not.                                                            */

static const char *const reasons[] = {
	"BadTerms()",
	"Expired()",
	"NonceUsed()",
	"AlreadyOpen()",
	"NoFunds()",
	"BadTenantSig()",
	"BadProviderSig()",
	"BadAuctioneerSig()",
	"BadPayerSig()",
	"BadReleaseSig()",
	"UnknownLease()",
	"LeaseEnded()",
	"LeaseStopped()",
	"LeaseRuns()",
	"LeaseMoved()",
	"FutureVoucher()",
	"Stale()",
	"NothingToClaim()",
	"TooEarly()",
	"TooLate()",
	"NotTenant()",
	"NotProvider()",
	"NotAuctioneer()",
	"BadToken()",
	"BadRecipient()",
	"Reentered()",
	/* of OpenZeppelin's ERC-20 (EIP-6093), met when tokens are short */
	"ERC20InsufficientBalance(address,uint256,uint256)",
	"ERC20InsufficientAllowance(address,uint256,uint256)",
	"ERC20InvalidSender(address)",
	"ERC20InvalidReceiver(address)",
	"ERC20InvalidApprover(address)",
	"ERC20InvalidSpender(address)",
};

const char *
escrow_reason(const uint8_t selector[static 4])
{
	static struct {
		uint8_t selector[4];
		char name[32];
	} known[NELEMS(reasons)];
	static bool ready;

	for (size_t i = 0; i < NELEMS(reasons) && !ready; i++) {
		struct hash h = abi_topic(reasons[i]);

		memcpy(known[i].selector, h.b, 4);
		snprintf(known[i].name, sizeof(known[i].name), "%.*s",
			 (int)strcspn(reasons[i], "("), reasons[i]);
	}
	ready = true;
	for (size_t i = 0; i < NELEMS(reasons); i++)
		if (memcmp(known[i].selector, selector, 4) == 0)
			return known[i].name;
	return NULL;
}

static const char *
printable(struct arena *a, const uint8_t *bytes, size_t len)
{
	char *text = arena_strndup(a, (const char *)bytes, MIN(len, (size_t)200));

	for (char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return text;
}

const char *
escrow_revert_text(struct arena *a, const uint8_t *data, size_t len)
{
	static const uint8_t error[4] = { 0x08, 0xc3, 0x79, 0xa0 }; /* Error(string) */
	static const uint8_t panic[4] = { 0x4e, 0x48, 0x7b, 0x71 }; /* Panic(uint256) */
	const uint8_t *message;
	size_t message_len;
	const char *name;
	char hex[11];
	u128 number;

	if (len < 4)
		return "";
	if (memcmp(data, error, 4) == 0 &&
	    abi_word_bytes(data + 4, len - 4, 0, &message, &message_len))
		return printable(a, message, message_len);
	if (memcmp(data, panic, 4) == 0 && abi_word_uint(data + 4, len - 4, 0, &number) &&
	    number <= UINT32_MAX)
		return arena_printf(a, "panic 0x%x", (unsigned)number);
	name = escrow_reason(data);
	return name != NULL ? name : arena_strdup(a, hex_text(data, 4, hex));
}

bool
escrow_lease_read(const uint8_t *data, size_t len, struct escrow_lease *out)
{
	u128 w[4];

	for (size_t i = 0; i < 4; i++)
		if (!abi_word_uint(data, len, i, &w[i]))
			return false;
	if (w[0] > AMOUNT_MAX || w[1] > AMOUNT_MAX || w[2] > UINT32_MAX || w[3] > UINT32_MAX)
		return false;
	*out = (struct escrow_lease){ { w[0] }, { w[1] }, (uint32_t)w[2], (uint32_t)w[3] };
	return true;
}
