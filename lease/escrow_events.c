/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the escrow contract said: its events, its errors, the state of a lease.
 * Whatever a node hands over is read to the last bit or not at all.
 */
#include "lease/escrow.h"

const struct address escrow_burnt = { { [18] = 0xde, [19] = 0xad } };

/* ------------------------------------------------------------------ */
/* Events: where each member of the struct stands.                     */

enum from { TOPIC, DATA };
enum form { END, HASH, ADDRESS, AMOUNT, RATE, U32, U64, SELECTOR, FEE_BPS };

struct member {
	enum form form;
	enum from from;
	size_t index, offset;
};

#define M(form, from, index, member)                                                               \
	{                                                                                          \
		form, from, index, offsetof(struct escrow_event, member)                           \
	}

/* What the groups' events have before their leases. */
#define GROUP                                                                                      \
	M(ADDRESS, TOPIC, 1, provider), M(ADDRESS, TOPIC, 2, auctioneer),                          \
		M(FEE_BPS, DATA, 0, fee_bps)

static const struct event {
	enum escrow_event_kind kind;
	const char *name, *signature;
	size_t topics, words; /* indexed fields with topic0; data words */
	size_t packed;	      /* bytes a lease, in the `bytes` of a group's event; 0: no group */
	struct member members[6];
} events[] = {
	{ ESCROW_DEPOSITED,
	  "Deposited",
	  "Deposited(address,address,uint96)",
	  2,
	  2,
	  0,
	  { M(ADDRESS, TOPIC, 1, account), M(AMOUNT, DATA, 1, amount) } },
	{ ESCROW_WITHDRAWN,
	  "Withdrawn",
	  "Withdrawn(address,address,uint96)",
	  2,
	  2,
	  0,
	  { M(ADDRESS, TOPIC, 1, account), M(AMOUNT, DATA, 1, amount) } },
	{ ESCROW_OPENED, "Opened", "Opened(address,address,uint16,bytes)", 3, 1, 112, { GROUP } },
	{ ESCROW_SETTLED, "Settled", "Settled(address,address,uint16,bytes)", 3, 1, 60, { GROUP } },
	{ ESCROW_CLOSED, "Closed", "Closed(address,address,uint16,bytes)", 3, 1, 92, { GROUP } },
	{ ESCROW_VOIDED,
	  "Voided",
	  "Voided(bytes32,bytes32,address,uint96)",
	  4,
	  1,
	  0,
	  { M(HASH, TOPIC, 1, lease), M(HASH, TOPIC, 2, order), M(ADDRESS, TOPIC, 3, tenant),
	    M(AMOUNT, DATA, 0, refund) } },
	{ ESCROW_TOPPED_UP,
	  "ToppedUp",
	  "ToppedUp(bytes32,address,uint96)",
	  3,
	  1,
	  0,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, account), M(AMOUNT, DATA, 0, amount) } },
	{ ESCROW_SKIPPED,
	  "Skipped",
	  "Skipped(bytes32,bytes4)",
	  2,
	  1,
	  0,
	  { M(HASH, TOPIC, 1, lease), M(SELECTOR, DATA, 0, reason) } },
	{ ESCROW_CLAIMED,
	  "Claimed",
	  "Claimed(bytes32,address,uint96,uint32,uint32)",
	  3,
	  3,
	  0,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, provider), M(AMOUNT, DATA, 0, amount),
	    M(U32, DATA, 1, up_to), M(U32, DATA, 2, payable_at) } },
	{ ESCROW_STOPPED,
	  "Stopped",
	  "Stopped(bytes32,address,uint32)",
	  3,
	  1,
	  0,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, tenant), M(U32, DATA, 0, stop_at) } },
	{ ESCROW_KEYED,
	  "Keyed",
	  "Keyed(bytes32,address,address,uint96,uint32)",
	  4,
	  2,
	  0,
	  { M(HASH, TOPIC, 1, lease), M(ADDRESS, TOPIC, 2, tenant), M(ADDRESS, TOPIC, 3, account),
	    M(AMOUNT, DATA, 0, amount), M(U32, DATA, 1, until) } },
	{ ESCROW_BONDED,
	  "Bonded",
	  "Bonded(address,uint96)",
	  2,
	  1,
	  0,
	  { M(ADDRESS, TOPIC, 1, account), M(AMOUNT, DATA, 0, amount) } },
	{ ESCROW_UNBONDING,
	  "Unbonding",
	  "Unbonding(address,uint96,uint32)",
	  2,
	  2,
	  0,
	  { M(ADDRESS, TOPIC, 1, account), M(AMOUNT, DATA, 0, amount), M(U32, DATA, 1, until) } },
	{ ESCROW_UNBONDED,
	  "Unbonded",
	  "Unbonded(address,uint96)",
	  2,
	  1,
	  0,
	  { M(ADDRESS, TOPIC, 1, account), M(AMOUNT, DATA, 0, amount) } },
	{ ESCROW_SLASHED,
	  "Slashed",
	  "Slashed(address,address,bytes32,uint96,uint96)",
	  4,
	  2,
	  0,
	  { M(ADDRESS, TOPIC, 1, account), M(ADDRESS, TOPIC, 2, tenant), M(HASH, TOPIC, 3, lease),
	    M(AMOUNT, DATA, 0, refund), M(AMOUNT, DATA, 1, burnt) } },
	{ ESCROW_CANCELLED,
	  "Cancelled",
	  "Cancelled(address,uint64)",
	  2,
	  1,
	  0,
	  { M(ADDRESS, TOPIC, 1, tenant), M(U64, DATA, 0, nonce) } },
};
#undef GROUP
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
	case FEE_BPS:
		if (!number_read(word, UINT16_MAX, &v))
			return false;
		*(uint32_t *)out = (uint32_t)v;
		return true;
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

/* ------------------------------------------------------------------ */
/* The leases of a group's event, packed.                               */

static u128
take_uint(const uint8_t **p, size_t bytes)
{
	u128 v = 0;

	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | *(*p)++;
	return v;
}

static void
take(const uint8_t **p, void *out, size_t len)
{
	memcpy(out, *p, len);
	*p += len;
}

/* The fee is of the cumulative amount: what this payment adds to it. False when
 * more is said to have moved than was ever paid. */
static bool
payment_read(struct escrow_event *ev, struct amount paid, struct amount moved)
{
	u128 before;

	if (moved.units > paid.units)
		return false;
	before = paid.units - moved.units;
	ev->paid = paid;
	ev->fee.units = paid.units * ev->fee_bps / 10000 - before * ev->fee_bps / 10000;
	ev->credited.units = moved.units - ev->fee.units;
	return ev->fee.units <= moved.units;
}

static bool
lease_read(const uint8_t *p, struct escrow_event *ev)
{
	struct amount paid, moved;

	take(&p, ev->lease.b, 32);
	if (ev->kind == ESCROW_OPENED) {
		take(&p, ev->order.b, 32);
		take(&p, ev->tenant.b, 20);
		ev->rate.nano = take_uint(&p, 16);
		ev->amount.units = take_uint(&p, 12);
		return true;
	}
	if (ev->kind == ESCROW_CLOSED)
		take(&p, ev->tenant.b, 20);
	paid.units = take_uint(&p, 12);
	moved.units = take_uint(&p, 12);
	if (ev->kind == ESCROW_CLOSED)
		ev->refund.units = take_uint(&p, 12);
	ev->up_to = (uint32_t)take_uint(&p, 4);
	return payment_read(ev, paid, moved);
}

/* The bytes begin after the first word and their own offset, at once. */
static size_t
group_read(struct arena *a, const struct event *shape, const uint8_t *data, size_t len,
	   const struct escrow_event *common, struct escrow_event **out)
{
	const uint8_t *leases;
	size_t size, count;
	u128 offset;

	if (!abi_word_uint(data, len, 1, &offset) || offset != 64 ||
	    !abi_word_bytes(data, len, 1, &leases, &size) || size == 0 ||
	    size % shape->packed != 0 || len != 96 + (size + 31) / 32 * 32)
		return 0;
	for (size_t i = 96 + size; i < len; i++)
		if (data[i] != 0)
			return 0;
	count = size / shape->packed;
	*out = arena_alloc(a, count * sizeof(**out));
	for (size_t i = 0; i < count; i++) {
		(*out)[i] = *common;
		if (!lease_read(leases + i * shape->packed, &(*out)[i]))
			return 0;
	}
	return count;
}

size_t
escrow_events_read(struct arena *a, const struct hash *topics, size_t topic_count,
		   const uint8_t *data, size_t len, struct escrow_event **out)
{
	const struct event *shape = topic_count > 0 ? event_of(&topics[0]) : NULL;
	struct escrow_event ev = { .kind = ESCROW_OTHER };

	*out = NULL;
	if (shape == NULL || topic_count != shape->topics ||
	    (shape->packed == 0 && len != 32 * shape->words))
		return 0;
	for (const struct member *m = shape->members;
	     m < shape->members + NELEMS(shape->members) && m->form != END; m++) {
		struct hash word;

		if (m->from == TOPIC)
			word = topics[m->index];
		else if (!abi_word(data, len, m->index, &word))
			return 0;
		if (!member_read(m->form, &word, (char *)&ev + m->offset))
			return 0;
	}
	ev.kind = shape->kind;
	if (shape->packed != 0)
		return group_read(a, shape, data, len, &ev, out);
	*out = arena_alloc(a, sizeof(**out));
	**out = ev;
	return 1;
}

/* ------------------------------------------------------------------ */
/* Why not.                                                            */

static const struct {
	const char *error; /* as the contract declares it */
	const char *why;   /* for people; NULL: the name says it */
} reasons[] = {
	{ "BadTerms()", "a bound of the contract is broken" },
	{ "Expired()", "the time to open it is over" },
	{ "NonceUsed()", "the order has a lease, had one, or was cancelled" },
	{ "AlreadyOpen()", "this lease is open, or was void" },
	{ "NoFunds()", "more than the balance in escrow: see gavel balance" },
	{ "BadTenantSig()", NULL },
	{ "BadProviderSig()", NULL },
	{ "BadAuctioneerSig()", NULL },
	{ "BadPayerSig()", NULL },
	{ "BadReleaseSig()", NULL },
	{ "UnknownLease()", "the lease is not open: not yet, or no more" },
	{ "LeaseEnded()", "the lease was voided" },
	{ "LeaseStopped()", "the lease was stopped" },
	{ "LeaseRuns()", "only of a lease that was stopped" },
	{ "LeaseMoved()", "something was paid, or the lease was stopped: too late for a void" },
	{ "FutureVoucher()", "it is for a time that the chain has not reached" },
	{ "Stale()", "it is older than what was settled" },
	{ "NothingToClaim()", "nothing is due beyond what was paid" },
	{ "TooEarly()", "its time has not come" },
	{ "TooLate()", "its time is over" },
	{ "NotTenant()", "only the lease's tenant may" },
	{ "NotProvider()", "only the lease's provider may" },
	{ "NotAuctioneer()", "only the lease's auctioneer may" },
	{ "BadBatch()", NULL },
	{ "BadKey()",
	  "a key of the lease's own parties cannot be lent, nor taken back unless it was lent" },
	{ "NoBond()", "there is no bond" },
	{ "NoOffence()", "the two statements do not contradict each other" },
	{ "AlreadySlashed()", "that was slashed before" },
	{ "BadToken()", "no contract, or no plain ERC-20 token" },
	{ "BadRecipient()", NULL },
	{ "Reentered()", NULL },
	/* of OpenZeppelin's ERC-20 (EIP-6093), met when tokens are short */
	{ "ERC20InsufficientBalance(address,uint256,uint256)",
	  "more than the wallet has: see gavel balance" },
	{ "ERC20InsufficientAllowance(address,uint256,uint256)",
	  "the token was not approved for that much" },
	{ "ERC20InvalidSender(address)", NULL },
	{ "ERC20InvalidReceiver(address)", NULL },
	{ "ERC20InvalidApprover(address)", NULL },
	{ "ERC20InvalidSpender(address)", NULL },
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
		struct hash h = abi_topic(reasons[i].error);

		memcpy(known[i].selector, h.b, 4);
		snprintf(known[i].name, sizeof(known[i].name), "%.*s",
			 (int)strcspn(reasons[i].error, "("), reasons[i].error);
	}
	ready = true;
	for (size_t i = 0; i < NELEMS(reasons); i++)
		if (memcmp(known[i].selector, selector, 4) == 0)
			return known[i].name;
	return NULL;
}

const char *
escrow_reason_why(const char *text)
{
	const char *name = strrchr(text, ' ');
	size_t len;

	name = name != NULL ? name + 1 : text;
	len = strlen(name);
	for (size_t i = 0; i < NELEMS(reasons); i++)
		if (strncmp(reasons[i].error, name, len) == 0 && reasons[i].error[len] == '(')
			return reasons[i].why;
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

bool
escrow_key_read(const uint8_t *data, size_t len, struct escrow_key *out)
{
	u128 w[3];

	for (size_t i = 0; i < 3; i++)
		if (!abi_word_uint(data, len, i, &w[i]))
			return false;
	if (w[0] > 1 || w[1] > AMOUNT_MAX || w[2] > UINT32_MAX)
		return false;
	*out = (struct escrow_key){ w[0] == 1, { w[1] }, (uint32_t)w[2] };
	return true;
}

bool
escrow_may_pay(const struct lease_terms *l, const struct voucher_terms *v,
	       const struct address *payer, const struct escrow_key *key)
{
	if (address_is_zero(payer))
		return false;
	if (address_equal(payer, &l->tenant))
		return true;
	if (key->said)
		return amount_cmp(v->amount, key->limit) <= 0 && v->upTo <= key->until;
	return address_equal(payer, &l->cosigner);
}
