/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h: what each event of the contract moves, from where to where. */
#include "lease/ledger.h"

#include "tests/unit/tap.h"

static struct arena arena;
static const struct address tenant = { { 1 } }, provider = { { 2 } }, market = { { 3 } };

static const char *
moves_text(const struct escrow_event *ev)
{
	struct ledger_move moves[LEDGER_MOVES];
	size_t count = ledger_moves(ev, moves);
	const char *text = "";

	for (size_t i = 0; i < count; i++) {
		char amount[AMOUNT_TEXT_SIZE];

		text = arena_printf(&arena, "%s%s%.9s>%.9s %s", text, i > 0 ? ", " : "",
				    ledger_name(&arena, &moves[i].from),
				    ledger_name(&arena, &moves[i].to),
				    u128_text(moves[i].amount.units, amount));
	}
	return text;
}

static void
test_moves(void)
{
	static const struct {
		enum escrow_event_kind kind;
		const char *moves;
		u128 in, out; /* of the tenant's balance */
	} rows[] = {
		{ ESCROW_DEPOSITED, "world>balance:0 100", 100, 0 },
		{ ESCROW_WITHDRAWN, "balance:0>world 100", 0, 100 },
		{ ESCROW_OPENED, "balance:0>escrow:0x 100", 0, 100 },
		{ ESCROW_TOPPED_UP, "balance:0>escrow:0x 100", 0, 100 },
		{ ESCROW_SETTLED, "escrow:0x>balance:0 40, escrow:0x>balance:0 2", 0, 0 },
		{ ESCROW_CLOSED,
		  "escrow:0x>balance:0 40, escrow:0x>balance:0 2, escrow:0x>balance:0 58", 58, 0 },
		{ ESCROW_VOIDED, "escrow:0x>balance:0 58", 58, 0 },
		{ ESCROW_BONDED, "balance:0>bond:0x01 100", 0, 100 },
		{ ESCROW_UNBONDED, "bond:0x01>balance:0 100", 100, 0 },
		{ ESCROW_SLASHED, "bond:0x01>balance:0 58, bond:0x01>balance:0 7", 58, 0 },
		{ ESCROW_STOPPED, "", 0, 0 },
		{ ESCROW_CLAIMED, "", 0, 0 },
		{ ESCROW_KEYED, "", 0, 0 },
		{ ESCROW_UNBONDING, "", 0, 0 },
		{ ESCROW_CANCELLED, "", 0, 0 },
		{ ESCROW_SKIPPED, "", 0, 0 },
		{ ESCROW_OTHER, "", 0, 0 },
	};

	for (size_t i = 0; i < NELEMS(rows); i++) {
		struct escrow_event ev = { .kind = rows[i].kind,
					   .account = tenant,
					   .tenant = tenant,
					   .provider = provider,
					   .auctioneer = market,
					   .amount = { 100 },
					   .credited = { 40 },
					   .fee = { 2 },
					   .refund = { 58 },
					   .burnt = { 7 } };
		const char *name = escrow_event_name(ev.kind);
		struct amount in, out;

		/* "escrow:0x.." and "balance:0x.." are cut to nine characters above. */
		is_str(moves_text(&ev), rows[i].moves, name);
		ok(ledger_of(&ev, &tenant, &in, &out) == (rows[i].in != 0 || rows[i].out != 0) &&
			   in.units == rows[i].in && out.units == rows[i].out,
		   "%s: of the tenant's balance", name);
	}
}

static void
test_edges(void)
{
	struct escrow_event ev = { .kind = ESCROW_CLOSED,
				   .tenant = tenant,
				   .provider = provider,
				   .auctioneer = tenant,
				   .credited = { 40 },
				   .fee = { 2 },
				   .refund = { 58 } };
	struct ledger_move moves[LEDGER_MOVES];
	struct amount in, out;

	ok(ledger_of(&ev, &tenant, &in, &out) && in.units == 60, "fee and refund of one address");
	ev.fee.units = ev.refund.units = 0;
	is_int((long long)ledger_moves(&ev, moves), 1, "nothing moves nothing");
	ok(!ledger_of(&ev, &tenant, &in, &out), "and is not of the account");
	ok(address_equal(&moves[0].to.who, &provider) &&
		   hash_equal(&moves[0].from.lease, &ev.lease),
	   "from the lease to the provider");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_moves();
	test_edges();
	arena_release(&arena);
	return tap_done();
}
