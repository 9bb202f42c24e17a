/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/ledger.h"

static struct ledger_account
balance(const struct address *who)
{
	return (struct ledger_account){ .kind = LEDGER_BALANCE, .who = *who };
}

static struct ledger_account
bond(const struct address *who)
{
	return (struct ledger_account){ .kind = LEDGER_BOND, .who = *who };
}

static struct ledger_account
escrow(const struct hash *lease)
{
	return (struct ledger_account){ .kind = LEDGER_ESCROW, .lease = *lease };
}

struct moves {
	struct ledger_move *out;
	size_t count;
};

static void
move(struct moves *m, struct ledger_account from, struct ledger_account to, struct amount amount)
{
	if (amount.units != 0)
		m->out[m->count++] = (struct ledger_move){ from, to, amount };
}

size_t
ledger_moves(const struct escrow_event *ev, struct ledger_move out[static LEDGER_MOVES])
{
	static const struct ledger_account world;
	struct ledger_account lease = escrow(&ev->lease), account = balance(&ev->account),
			      tenant = balance(&ev->tenant), held = bond(&ev->account);
	struct moves m = { .out = out };

	switch (ev->kind) {
	case ESCROW_DEPOSITED: move(&m, world, account, ev->amount); break;
	case ESCROW_WITHDRAWN: move(&m, account, world, ev->amount); break;
	case ESCROW_OPENED: move(&m, tenant, lease, ev->amount); break;
	case ESCROW_TOPPED_UP: move(&m, account, lease, ev->amount); break;
	case ESCROW_SETTLED:
	case ESCROW_CLOSED:
		move(&m, lease, balance(&ev->provider), ev->credited);
		move(&m, lease, balance(&ev->auctioneer), ev->fee);
		if (ev->kind == ESCROW_CLOSED)
			move(&m, lease, tenant, ev->refund);
		break;
	case ESCROW_VOIDED: move(&m, lease, tenant, ev->refund); break;
	case ESCROW_BONDED: move(&m, account, held, ev->amount); break;
	case ESCROW_UNBONDED: move(&m, held, account, ev->amount); break;
	case ESCROW_SLASHED:
		move(&m, held, tenant, ev->refund);
		move(&m, held, balance(&escrow_burnt), ev->burnt);
		break;
	default: break; /* claims, stops, keys, cancellations: nothing moves */
	}
	return m.count;
}

const char *
ledger_name(struct arena *a, const struct ledger_account *account)
{
	char text[HASH_TEXT_SIZE];
	const char *who = hex_text(account->who.b, sizeof(account->who.b), text);

	switch (account->kind) {
	case LEDGER_BALANCE: return arena_printf(a, "balance:%s", who);
	case LEDGER_BOND: return arena_printf(a, "bond:%s", who);
	case LEDGER_ESCROW: return arena_printf(a, "escrow:%s", hash_text(&account->lease, text));
	case LEDGER_WORLD: break;
	}
	return "world";
}

bool
ledger_of(const struct escrow_event *ev, const struct address *who, struct amount *in,
	  struct amount *out)
{
	struct ledger_move moves[LEDGER_MOVES];
	size_t count = ledger_moves(ev, moves);

	in->units = out->units = 0;
	for (size_t i = 0; i < count; i++) {
		const struct ledger_account *from = &moves[i].from, *to = &moves[i].to;

		if (from->kind == LEDGER_BALANCE && address_equal(&from->who, who))
			out->units += moves[i].amount.units;
		if (to->kind == LEDGER_BALANCE && address_equal(&to->who, who))
			in->units += moves[i].amount.units;
	}
	return in->units != 0 || out->units != 0;
}
