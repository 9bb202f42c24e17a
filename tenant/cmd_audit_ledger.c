/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel audit ledger: every balance, escrow and payment once more, from the
 * contract's events alone, against what the contract has in its storage at the
 * same block, against the tokens that it holds, and, if asked, against what a
 * market says.
 */
#include <getopt.h>

#include "tenant/tenant.h"

#define MARKET_TRIES 5u

const struct code AUDIT_DIFFERS = { "audit_differs", CONFLICT,
				    "the ledger is not what the events say" };

struct account {
	struct address who;
	u128 balance, bond;
};

struct held {
	struct hash lease;
	u128 deposit, paid; /* the first with top-ups; 0 when ended */
	uint32_t up_to, stop_at;
	bool settled, ended;
};

struct audit {
	struct context *c;
	uint64_t from, to;
	struct account *accounts;
	struct held *leases;
	size_t account_count, lease_count, events;
	u128 in, out; /* deposited and withdrawn since `from` */
	u128 before;  /* what the parties had before `from` */
	struct err diff;
};

/* ------------------------------------------------------------------ */

static int
differs(struct audit *x, const char *what, const char *name, u128 by_events, u128 theirs,
	const char *whose)
{
	char a[AMOUNT_TEXT_SIZE], b[AMOUNT_TEXT_SIZE];

	return err_set(&x->diff, &AUDIT_DIFFERS, "%s of %s: %s by the events, %s in %s", what, name,
		       u128_text(by_events, a), u128_text(theirs, b), whose);
}

/* ------------------------------------------------------------------ */
/* Who is known. Before `from` what the contract had is taken as it was. */

static int
account_of(struct audit *x, const struct address *who, struct account **out, struct err *e)
{
	struct account *p;

	for (size_t i = 0; i < x->account_count; i++)
		if (address_equal(&x->accounts[i].who, who)) {
			*out = &x->accounts[i];
			return 0;
		}
	x->accounts = arena_grow(&x->c->arena, x->accounts, x->account_count, sizeof(*x->accounts));
	p = &x->accounts[x->account_count++];
	*p = (struct account){ .who = *who };
	if (x->from > 0 && chain_word(x->c, &x->c->escrow, escrow_balance_of(&x->c->arena, who),
				      x->from - 1, &p->balance, e) < 0)
		return err_wrap(e, "the state before --from");
	if (x->from > 0 && chain_word(x->c, &x->c->escrow, escrow_bond_of(&x->c->arena, who),
				      x->from - 1, &p->bond, e) < 0)
		return err_wrap(e, "the state before --from");
	x->before += p->balance + p->bond;
	*out = p;
	return 0;
}

static int
lease_of(struct audit *x, const struct hash *lease, struct held **out, struct err *e)
{
	struct escrow_lease old;
	struct held *p;

	for (size_t i = 0; i < x->lease_count; i++)
		if (hash_equal(&x->leases[i].lease, lease)) {
			*out = &x->leases[i];
			return 0;
		}
	x->leases = arena_grow(&x->c->arena, x->leases, x->lease_count, sizeof(*x->leases));
	p = &x->leases[x->lease_count++];
	*p = (struct held){ .lease = *lease };
	*out = p;
	if (x->from == 0)
		return 0;
	if (chain_lease(x->c, lease, x->from - 1, &old, e) < 0)
		return err_wrap(e, "the state before --from");
	p->deposit = old.deposit.units;
	p->paid = old.paid.units;
	p->up_to = old.up_to;
	p->stop_at = old.stop_at;
	p->settled = old.up_to != 0;
	p->ended = p->settled && p->deposit == 0;
	x->before += p->deposit - p->paid;
	return 0;
}

/* ------------------------------------------------------------------ */
/* What an event does, and what it may not say.                         */

static int
wrong(struct audit *x, const struct evm_log *log, const struct escrow_event *ev, const char *why)
{
	char text[HASH_TEXT_SIZE];

	return err_set(&x->diff, &AUDIT_DIFFERS, "block %llu, log %llu, %s of %s: %s",
		       (unsigned long long)log->block, (unsigned long long)log->index,
		       escrow_event_name(ev->kind), hash_text(&ev->lease, text), why);
}

static int
move(struct audit *x, const struct address *who, bool add, u128 amount, const struct evm_log *log,
     const struct escrow_event *ev, struct err *e)
{
	struct account *p = NULL;

	if (account_of(x, who, &p, e) < 0)
		return -1;
	if (!add && p->balance < amount)
		return wrong(x, log, ev, "it spends more than there was");
	p->balance += add ? amount : -amount;
	return 0;
}

/* Between an account's balance and its bond, or out of it when it is slashed. */
static int
bond_event(struct audit *x, const struct evm_log *log, const struct escrow_event *ev, struct err *e)
{
	u128 amount =
		ev->kind == ESCROW_SLASHED ? ev->refund.units + ev->burnt.units : ev->amount.units;
	struct account *p = NULL;

	if (account_of(x, &ev->account, &p, e) < 0)
		return -1;
	if (ev->kind == ESCROW_BONDED) {
		p->bond += amount;
		return move(x, &ev->account, false, amount, log, ev, e);
	}
	if (p->bond < amount)
		return wrong(x, log, ev, "more leaves the bond than there was");
	p->bond -= amount;
	if (ev->kind == ESCROW_UNBONDED)
		return move(x, &ev->account, true, amount, log, ev, e);
	return move(x, &ev->tenant, true, ev->refund.units, log, ev, e) < 0
		       ? -1
		       : move(x, &escrow_burnt, true, ev->burnt.units, log, ev, e);
}

static int
pay(struct audit *x, const struct evm_log *log, const struct escrow_event *ev, struct held *h,
    struct err *e)
{
	if (ev->paid.units != h->paid + ev->credited.units + ev->fee.units)
		return wrong(x, log, ev, "credit and fee are not what was added");
	if (ev->paid.units > h->deposit)
		return wrong(x, log, ev, "more was paid than the deposit");
	h->paid = ev->paid.units;
	return move(x, &ev->provider, true, ev->credited.units, log, ev, e) < 0
		       ? -1
		       : move(x, &ev->auctioneer, true, ev->fee.units, log, ev, e);
}

/* A lease's own event; h: what is known of it. */
static int
lease_event(struct audit *x, const struct evm_log *log, const struct escrow_event *ev,
	    struct held *h, struct err *e)
{
	switch (ev->kind) {
	case ESCROW_OPENED:
		if (h->deposit != 0 || h->ended)
			return wrong(x, log, ev, "it was open before");
		h->deposit = ev->amount.units;
		return move(x, &ev->tenant, false, ev->amount.units, log, ev, e);
	case ESCROW_TOPPED_UP:
		h->deposit += ev->amount.units;
		return move(x, &ev->account, false, ev->amount.units, log, ev, e);
	case ESCROW_SETTLED:
		h->up_to = ev->up_to;
		h->settled = true;
		return pay(x, log, ev, h, e);
	case ESCROW_CLOSED:
		if (pay(x, log, ev, h, e) < 0)
			return -1;
		if (x->diff.code != NULL)
			return 0;
		/* fall through */
	case ESCROW_VOIDED:
		if (ev->refund.units != h->deposit - h->paid)
			return wrong(x, log, ev, "the refund is not what was left");
		h->ended = true;
		h->deposit = 0;
		return move(x, &ev->tenant, true, ev->refund.units, log, ev, e);
	case ESCROW_STOPPED: h->stop_at = ev->stop_at; return 0;
	default: return 0;
	}
}

static int
apply_event(struct audit *x, const struct evm_log *log, const struct escrow_event *ev,
	    struct err *e)
{
	struct held *h = NULL;

	switch (ev->kind) {
	case ESCROW_DEPOSITED:
		x->in += ev->amount.units;
		return move(x, &ev->account, true, ev->amount.units, log, ev, e);
	case ESCROW_WITHDRAWN:
		x->out += ev->amount.units;
		return move(x, &ev->account, false, ev->amount.units, log, ev, e);
	case ESCROW_BONDED:
	case ESCROW_UNBONDED:
	case ESCROW_SLASHED: return bond_event(x, log, ev, e);
	case ESCROW_UNBONDING:
	case ESCROW_KEYED:
	case ESCROW_SKIPPED:
	case ESCROW_CANCELLED: return 0;
	default: break;
	}
	if (lease_of(x, &ev->lease, &h, e) < 0)
		return -1;
	if (ev->kind != ESCROW_OPENED && h->deposit == 0)
		return wrong(x, log, ev, h->ended ? "it had ended" : "it was not open");
	return lease_event(x, log, ev, h, e);
}

static int
apply(void *ctx, const struct evm_log *log, struct err *e)
{
	struct audit *x = ctx;
	struct escrow_event *events;
	size_t count = escrow_events_read(&x->c->arena, log->topics, log->topic_count, log->data,
					  log->len, &events);

	x->events++;
	if (count == 0)
		return err_set(e, &EVM_BAD_REPLY,
			       "block %llu, log %llu is no event of this contract",
			       (unsigned long long)log->block, (unsigned long long)log->index);
	for (size_t i = 0; i < count && x->diff.code == NULL; i++)
		if (apply_event(x, log, &events[i], e) < 0)
			return -1;
	return x->diff.code != NULL;
}

/* ------------------------------------------------------------------ */
/* Against storage.                                                    */

static int
check_accounts(struct audit *x, struct err *e)
{
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < x->account_count; i++) {
		const struct account *p = &x->accounts[i];
		u128 stored;

		if (chain_word(x->c, &x->c->escrow, escrow_balance_of(&x->c->arena, &p->who), x->to,
			       &stored, e) < 0)
			return -1;
		if (stored != p->balance)
			return differs(x, "the balance", address_text(&p->who, text), p->balance,
				       stored, "the contract");
		if (chain_word(x->c, &x->c->escrow, escrow_bond_of(&x->c->arena, &p->who), x->to,
			       &stored, e) < 0)
			return -1;
		if (stored != p->bond)
			return differs(x, "the bond", address_text(&p->who, text), p->bond, stored,
				       "the contract");
	}
	return 0;
}

static int
check_leases(struct audit *x, struct err *e)
{
	char text[HASH_TEXT_SIZE];

	for (size_t i = 0; i < x->lease_count; i++) {
		const struct held *h = &x->leases[i];
		const char *name = hash_text(&h->lease, text);
		struct escrow_lease stored;

		if (chain_lease(x->c, &h->lease, x->to, &stored, e) < 0)
			return -1;
		if (stored.deposit.units != h->deposit)
			return differs(x, "the deposit", name, h->deposit, stored.deposit.units,
				       "the contract");
		if (h->ended)
			continue; /* forgotten, or void: nothing but a deposit of 0 is left */
		if (stored.paid.units != h->paid)
			return differs(x, "what was paid", name, h->paid, stored.paid.units,
				       "the contract");
		if (h->settled && stored.up_to != h->up_to)
			return differs(x, "the settled time", name, h->up_to, stored.up_to,
				       "the contract");
		if (stored.stop_at != h->stop_at)
			return differs(x, "the stop", name, h->stop_at, stored.stop_at,
				       "the contract");
	}
	return 0;
}

/* What all parties own is what the contract holds; who sent it tokens without a
 * deposit has given them to nobody, so there may be more. */
static int
check_tokens(struct audit *x, u128 *owed, u128 *held, struct err *e)
{
	*owed = 0;
	for (size_t i = 0; i < x->account_count; i++)
		*owed += x->accounts[i].balance + x->accounts[i].bond;
	for (size_t i = 0; i < x->lease_count; i++)
		*owed += x->leases[i].ended ? 0 : x->leases[i].deposit - x->leases[i].paid;
	if (*owed != x->before + x->in - x->out)
		return differs(x, "the sum", "all parties", *owed, x->before + x->in - x->out,
			       "deposits less withdrawals");
	if (chain_word(x->c, &x->c->token, token_balance_of(&x->c->arena, &x->c->escrow), x->to,
		       held, e) < 0)
		return -1;
	return *held < *owed ? differs(x, "the tokens", "all parties", *owed, *held, "the contract")
			     : 0;
}

/* ------------------------------------------------------------------ */
/* Against a market, at the block that it has read.                     */

/* 1: the market has read on meanwhile. */
static int
check_market(struct audit *x, const struct market_client *m, struct err *e)
{
	char text[HASH_TEXT_SIZE];
	struct json *doc;
	uint64_t block;

	for (size_t i = 0; i < x->account_count; i++) {
		const struct account *p = &x->accounts[i];

		if (market_block(x->c, m, &p->who, &doc, &block, e) < 0)
			return -1;
		if (block != x->to)
			return 1;
		if (amount_of(doc, "balance").units != p->balance)
			return differs(x, "the balance", address_text(&p->who, text), p->balance,
				       amount_of(doc, "balance").units, "the market's ledger");
	}
	for (size_t i = 0; i < x->lease_count; i++) {
		const struct held *h = &x->leases[i];
		struct err none = ERR_NONE;

		if (market_get(
			    &x->c->arena, m,
			    arena_printf(&x->c->arena, "/v1/leases/%s", hash_text(&h->lease, text)),
			    &doc, &none) < 0) {
			if (none.code->kind != NOT_FOUND)
				return *e = none, -1;
			continue; /* another market's */
		}
		if (amount_of(doc, "paid").units != h->paid)
			return differs(x, "what was paid", text, h->paid,
				       amount_of(doc, "paid").units, "the market's ledger");
	}
	return 0;
}

/* ------------------------------------------------------------------ */

struct audit_args {
	uint64_t from;
	const char *tag; /* of the block it is done at */
	struct market_client market;
};

/* 1: again, the market has moved. */
static int
audit_once(struct audit *x, const struct audit_args *args, u128 *owed, u128 *held, struct err *e)
{
	static const struct address nobody;
	struct evm_block head;
	struct json *result;

	if (chain_block(x->c, args->tag, 0, &head, e) < 0)
		return -1;
	x->to = head.number;
	if (args->market.url != NULL &&
	    market_block(x->c, &args->market, &nobody, &result, &x->to, e) < 0)
		return -1;
	if (x->to > head.number)
		return err_set(e, &EVM_NODE, "the node is behind the market");
	if (chain_logs(x->c, x->from, x->to, apply, x, e) < 0)
		return -1;
	if (x->diff.code != NULL)
		return 0;
	if (check_accounts(x, e) < 0 || check_leases(x, e) < 0 ||
	    check_tokens(x, owed, held, e) < 0)
		return -1;
	return args->market.url != NULL ? check_market(x, &args->market, e) : 0;
}

static void
print(struct audit *x, u128 owed, u128 held)
{
	char number[AMOUNT_TEXT_SIZE];
	struct jsonw *w;

	if (!x->c->json) {
		printf("blocks %llu to %llu: %zu events, %zu balances, %zu leases\n",
		       (unsigned long long)x->from, (unsigned long long)x->to, x->events,
		       x->account_count, x->lease_count);
		printf("every balance, escrow and payment is what the events say\n");
		printf("owed to all parties %s, held by the contract %s\n",
		       money(x->c, (struct amount){ owed }), money(x->c, (struct amount){ held }));
		return;
	}
	w = jsonw_new(true);
	jsonw_open(w, '{');
	jsonw_name(w, "from");
	jsonw_int(w, (int64_t)x->from);
	jsonw_name(w, "to");
	jsonw_int(w, (int64_t)x->to);
	jsonw_name(w, "events");
	jsonw_int(w, (int64_t)x->events);
	jsonw_name(w, "balances");
	jsonw_int(w, (int64_t)x->account_count);
	jsonw_name(w, "leases");
	jsonw_int(w, (int64_t)x->lease_count);
	jsonw_member(w, "owed", "%s", u128_text(owed, number));
	jsonw_member(w, "held", "%s", u128_text(held, number));
	jsonw_close(w, '}');
	fputs(jsonw_text(w, NULL), stdout);
	jsonw_free(w);
}

static int
audit_ledger(struct context *c, const struct audit_args *args, struct err *e)
{
	u128 owed = 0, held = 0;

	for (unsigned i = 0; i < MARKET_TRIES; i++) {
		struct audit x = { .c = c, .from = args->from };
		int result = audit_once(&x, args, &owed, &held, e);

		if (x.diff.code != NULL) {
			*e = x.diff;
			return -1;
		}
		if (result < 0)
			return -1;
		if (result == 0) {
			print(&x, owed, held);
			return 0;
		}
	}
	return err_set(e, &ERR_TIMEOUT, "the market reads on faster than it can be compared");
}

int
cmd_audit_ledger(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "from", required_argument, NULL, 'f' },
						 { "at", required_argument, NULL, 'a' },
						 { "market", required_argument, NULL, 'm' },
						 { NULL, 0, NULL, 0 } };
	struct audit_args args = { .tag = "latest" };
	char *end = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'f':
			args.from = strtoull(optarg, &end, 10);
			if (*optarg == '\0' || *end != '\0')
				return err_set(e, &TENANT_USAGE, "--from takes a block number");
			break;
		case 'a': args.tag = optarg; break;
		case 'm': args.market.url = optarg; break;
		default: return err_set(e, &TENANT_USAGE, "audit ledger");
		}
	if (optind >= argc || strcmp(argv[optind], "ledger") != 0)
		return err_set(e, &TENANT_USAGE, "audit ledger");
	if (strcmp(args.tag, "latest") != 0 && strcmp(args.tag, "safe") != 0 &&
	    strcmp(args.tag, "finalized") != 0)
		return err_set(e, &TENANT_USAGE, "--at latest, safe or finalized");
	if (context_connect_alone(c, e) < 0)
		return -1;
	args.market.ca_path = c->market_ca;
	return audit_ledger(c, &args, e);
}
