/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/bonding.h"

#include <stdio.h>

#include "lease/escrow.h"
#include "lib/clock.h"

static const struct code BOND_USAGE = { "bond_usage", INVALID,
					"bond, bond AMOUNT, bond release [AMOUNT], bond take" };
static const struct code BOND_NONE = { "bond_none", CONFLICT, "there is no bond of that size" };
static const struct code BOND_EARLY = { "bond_early", CONFLICT,
					"the notice of seven days is not over" };

/* ------------------------------------------------------------------ */
/* Looking.                                                            */

static int
view(struct bonding *b, const struct address *contract, struct calldata data, const uint8_t **out,
     size_t *len, const char *what, struct err *e)
{
	if (evm_call_now(b->arena, b->evm, contract, data, out, len, e) < 0)
		return err_wrap(e, "%s", what);
	return 0;
}

int
bonding_begin(struct bonding *b, struct err *e)
{
	struct abi abi;
	const uint8_t *bytes;
	size_t len;
	u128 v;

	if (evm_check_chain(b->arena, b->evm, e) < 0)
		return -1;
	abi_call(&abi, b->arena, "decimals()");
	if (view(b, &b->token, (struct calldata){ abi.b, abi.len }, &bytes, &len, "token", e) < 0)
		return -1;
	if (!abi_word_uint(bytes, len, 0, &v) || v > 36)
		return err_set(e, &EVM_BAD_REPLY, "decimals of the token");
	b->decimals = (unsigned)v;
	return 0;
}

int
bonding_read(struct bonding *b, const struct address *who, struct bond_standing *out, struct err *e)
{
	const uint8_t *bytes;
	size_t len;
	u128 v[3], balance;

	if (view(b, &b->escrow, escrow_bond_of(b->arena, who), &bytes, &len, "bond", e) < 0)
		return -1;
	for (size_t i = 0; i < NELEMS(v); i++)
		if (!abi_word_uint(bytes, len, i, &v[i]))
			return err_set(e, &EVM_BAD_REPLY, "bondOf");
	if (view(b, &b->escrow, escrow_balance_of(b->arena, who), &bytes, &len, "balance", e) < 0)
		return -1;
	if (!abi_word_uint(bytes, len, 0, &balance))
		return err_set(e, &EVM_BAD_REPLY, "balanceOf");
	*out = (struct bond_standing){ { v[0] }, { v[1] }, (uint32_t)v[2], { balance } };
	return 0;
}

static void
show_json(const struct address *who, const struct bond_standing *s)
{
	char text[ADDRESS_TEXT_SIZE], number[AMOUNT_TEXT_SIZE], at[TIME_TEXT_SIZE];
	struct jsonw *w = jsonw_new(true);

	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(who, text));
	jsonw_member(w, "bond", "%s", u128_text(s->amount.units, number));
	jsonw_member(w, "leaving", "%s", u128_text(s->leaving.units, number));
	if (s->leaving.units != 0)
		jsonw_member(w, "leaves_at", "%s", time_text((wall_t)s->leaves_at * SECOND_US, at));
	jsonw_member(w, "escrow", "%s", u128_text(s->balance.units, number));
	jsonw_close(w, '}');
	fputs(jsonw_text(w, NULL), stdout);
	jsonw_free(w);
}

int
bonding_show(struct bonding *b, const struct address *who, struct err *e)
{
	char text[ADDRESS_TEXT_SIZE], number[AMOUNT_TEXT_SIZE], at[TIME_TEXT_SIZE];
	struct bond_standing s;

	if (bonding_read(b, who, &s, e) < 0)
		return -1;
	if (b->json) {
		show_json(who, &s);
		return 0;
	}
	printf("%s\n  bond     %s\n", address_text(who, text),
	       amount_human(s.amount, b->decimals, number));
	if (s.leaving.units != 0)
		printf("  leaving  %s, from %s\n", amount_human(s.leaving, b->decimals, number),
		       time_text((wall_t)s.leaves_at * SECOND_US, at));
	printf("  escrow   %s free\n", amount_human(s.balance, b->decimals, number));
	return 0;
}

/* ------------------------------------------------------------------ */
/* Doing.                                                              */

static int
send(struct bonding *b, const struct address *to, struct calldata data, const char *what,
     struct err *e)
{
	struct evm_receipt receipt;

	if (evm_send_now(b->arena, b->evm, b->key, to, data, &receipt, e) < 0)
		return err_wrap(e, "%s", what);
	fprintf(stderr, "  %s: block %llu, gas %llu\n", what, (unsigned long long)receipt.block,
		(unsigned long long)receipt.gas_used);
	return 0;
}

static int
lock(struct bonding *b, const struct bond_standing *s, struct amount amount, struct err *e)
{
	struct amount lacks = { amount.units - MIN(amount.units, s->balance.units) };

	if (lacks.units != 0 &&
	    (send(b, &b->token, token_approve(b->arena, &b->escrow, lacks), "approve", e) < 0 ||
	     send(b, &b->escrow, escrow_deposit(b->arena, &b->key->address, lacks), "deposit", e) <
		     0))
		return -1;
	return send(b, &b->escrow, escrow_bond(b->arena, amount), "bond", e);
}

static int
release(struct bonding *b, const struct bond_standing *s, struct amount amount, struct err *e)
{
	char have[AMOUNT_TEXT_SIZE];

	if (amount.units == 0 || amount_cmp(amount, s->amount) > 0)
		return err_set(e, &BOND_NONE, "the bond is %s",
			       amount_human(s->amount, b->decimals, have));
	return send(b, &b->escrow, escrow_unbond(b->arena, amount), "release", e);
}

static int
take(struct bonding *b, const struct bond_standing *s, struct err *e)
{
	char at[TIME_TEXT_SIZE];

	if (s->leaving.units == 0)
		return err_set(e, &BOND_NONE, "nothing is under notice: bond release comes first");
	if (send(b, &b->escrow, escrow_view(b->arena, "reclaim"), "take", e) == 0)
		return 0;
	/* The chain's clock counts, not ours. */
	if (e->code != &EVM_REFUSED || strstr(e->text, "TooEarly") == NULL)
		return -1;
	return err_set(e, &BOND_EARLY, "it can be taken from %s",
		       time_text((wall_t)s->leaves_at * SECOND_US, at));
}

int
bonding_run(struct bonding *b, int argc, char **argv, struct err *e)
{
	const char *word = argc > 0 ? argv[0] : "";
	bool leave = strcmp(word, "release") == 0;
	const struct address *me = &b->key->address;
	struct bond_standing s;
	struct amount amount;

	if (argc > 1 + (leave ? 1 : 0))
		return err_set(e, &BOND_USAGE, "\"%.30s\" is too much", argv[argc - 1]);
	if (bonding_read(b, me, &s, e) < 0)
		return -1;
	amount = s.amount;
	if (strcmp(word, "take") == 0) {
		if (take(b, &s, e) < 0)
			return -1;
	} else if (leave) {
		if ((argc == 2 && amount_from_human(argv[1], b->decimals, &amount, e) < 0) ||
		    release(b, &s, amount, e) < 0)
			return -1;
	} else if (argc == 1) {
		if (amount_from_human(word, b->decimals, &amount, e) < 0)
			return -1;
		if (amount.units == 0)
			return err_set(e, &BOND_USAGE, "an amount above 0");
		if (lock(b, &s, amount, e) < 0)
			return -1;
	}
	return bonding_show(b, me, e);
}
