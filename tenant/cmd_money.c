/* SPDX-License-Identifier: Apache-2.0 */
/* gavel wallet, deposit, withdraw, balance, faucet: keys and tokens. */
#include <getopt.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lease/keystore.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

#define SCRYPT_LOG2_N  14
#define PERMIT_LIVES_S 3600

static const struct code NO_PERMIT = { "no_permit", INVALID, "the token takes no permits" };

int
cmd_wallet(struct context *c, int argc, char **argv, struct err *e)
{
	char text[ADDRESS_TEXT_SIZE], line[PASSWORD_SIZE] = "";
	struct address address;
	struct key key;

	if (argc != 2 || (strcmp(argv[1], "new") != 0 && strcmp(argv[1], "address") != 0))
		return err_set(e, &TENANT_USAGE, "wallet new, or wallet address");
	if (context_read(c, e) < 0)
		return -1;
	if (strcmp(argv[1], "new") == 0) {
		if (c->password_file == NULL)
			return err_set(e, &ERR_CONFIG,
				       "set password_file in %s to a file with a password",
				       c->path);
		if (password_read(c->password_file, line, e) < 0)
			return -1;
		key_new(&key);
		if (keystore_write(c->key_file, &key, line, SCRYPT_LOG2_N, e) < 0)
			return -1;
		key_release(&key);
	}
	if (context_address(c, &address, e) < 0)
		return -1;
	printf("%s\n", address_text(&address, text));
	return 0;
}

/* ------------------------------------------------------------------ */

static int
amount_argument(struct context *c, int argc, char **argv, struct amount *amount, struct err *e)
{
	if (argc != 2)
		return err_set(e, &TENANT_USAGE, "%s takes an amount of tokens, like 12.50",
			       argv[0]);
	if (context_connect_alone(c, e) < 0 || context_unlock(c, e) < 0 ||
	    amount_from_human(argv[1], c->decimals, amount, e) < 0)
		return -1;
	return amount->units != 0 ? 0 : err_set(e, &TENANT_USAGE, "an amount above 0");
}

int
chain_send(struct context *c, const struct address *to, struct calldata data, const char *what,
	   struct evm_receipt *receipt, struct err *e)
{
	if (evm_send_now(&c->arena, &c->evm, &c->key, to, data, receipt, e) < 0)
		return err_wrap(e, "%s", what);
	say(c, "  %s: block %llu, gas %llu", what, (unsigned long long)receipt->block,
	    (unsigned long long)receipt->gas_used);
	return 0;
}

/* Until the market has seen the block: then the tokens can be spent there. */
static int
wait_indexed(struct context *c, uint64_t block, struct err *e)
{
	struct timespec pause = { 0, 50 * 1000 * 1000 };
	mono_t until = clock_mono() + 120 * SECOND_US;
	char text[ADDRESS_TEXT_SIZE];
	struct json *doc;

	while (clock_mono() < until) {
		if (market_get(&c->arena, &c->market,
			       arena_printf(&c->arena, "/v1/accounts/%s",
					    address_text(&c->key.address, text)),
			       &doc, e) < 0)
			return -1;
		if ((uint64_t)number_of(doc, "block") >= block) {
			if (c->json)
				print_json(doc);
			else
				printf("escrow balance %s, free %s\n",
				       money(c, amount_of(doc, "balance")),
				       money(c, amount_of(doc, "free")));
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return err_set(e, &ERR_TIMEOUT, "on chain, but the market has not seen block %llu yet",
		       (unsigned long long)block);
}

/* What the token says of the owner's permits, signed. */
static int
permit_sign(struct context *c, struct permit *p, struct sig *sig, struct err *e)
{
	struct hash separator, digest;
	const uint8_t *bytes;
	size_t len;

	if (evm_call_now(&c->arena, &c->evm, &c->token, token_domain(&c->arena), &bytes, &len, e) <
		    0 ||
	    !abi_word(bytes, len, 0, &separator) ||
	    evm_call_now(&c->arena, &c->evm, &c->token, token_nonces(&c->arena, &p->owner), &bytes,
			 &len, e) < 0 ||
	    !abi_word_uint(bytes, len, 0, &p->nonce)) {
		/* A node that is away is not a token without permits. */
		if (e->code != NULL && e->code != &EVM_REFUSED)
			return -1;
		*e = (struct err)ERR_NONE;
		return err_set(e, &NO_PERMIT, "%s: gavel deposit without --permit", c->symbol);
	}
	digest = permit_digest(&separator, p);
	key_sign(&c->key, &digest, sig);
	return 0;
}

/* One transaction: the approval is a signature in it. */
static int
deposit_permit(struct context *c, struct amount amount, struct evm_receipt *receipt, struct err *e)
{
	struct permit p = { .owner = c->key.address,
			    .spender = c->escrow,
			    .value = amount,
			    .deadline = (uint64_t)(clock_wall() / SECOND_US) + PERMIT_LIVES_S };
	struct sig sig;

	if (permit_sign(c, &p, &sig, e) < 0)
		return -1;
	return chain_send(c, &c->escrow,
			  escrow_deposit_permit(&c->arena, &c->key.address, &p, &sig), "deposit",
			  receipt, e);
}

static int
deposit_approved(struct context *c, struct amount amount, struct evm_receipt *receipt,
		 struct err *e)
{
	if (chain_send(c, &c->token, token_approve(&c->arena, &c->escrow, amount), "approve",
		       receipt, e) < 0)
		return -1;
	return chain_send(c, &c->escrow, escrow_deposit(&c->arena, &c->key.address, amount),
			  "deposit", receipt, e);
}

int
cmd_deposit(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "permit", no_argument, NULL, 'p' },
						 { NULL, 0, NULL, 0 } };
	struct evm_receipt receipt;
	struct amount amount;
	bool permit = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'p': permit = true; break;
		default: return option_fault(argv, "deposit", e);
		}
	argv[optind - 1] = argv[0]; /* amount_argument() names the command */
	if (amount_argument(c, argc - optind + 1, argv + optind - 1, &amount, e) < 0 ||
	    (permit ? deposit_permit(c, amount, &receipt, e)
		    : deposit_approved(c, amount, &receipt, e)) < 0)
		return -1;
	return wait_indexed(c, receipt.block, e);
}

int
cmd_withdraw(struct context *c, int argc, char **argv, struct err *e)
{
	struct evm_receipt receipt;
	struct amount amount;

	if (amount_argument(c, argc, argv, &amount, e) < 0 ||
	    chain_send(c, &c->escrow, escrow_withdraw(&c->arena, &c->key.address, amount),
		       "withdraw", &receipt, e) < 0)
		return -1;
	return wait_indexed(c, receipt.block, e);
}

int
cmd_faucet(struct context *c, int argc, char **argv, struct err *e)
{
	struct evm_receipt receipt;
	struct amount amount;

	if (amount_argument(c, argc, argv, &amount, e) < 0)
		return -1;
	return chain_send(c, &c->token, token_mint(&c->arena, &c->key.address, amount), "mint",
			  &receipt, e);
}

/* Straight from the chain, so that no market need be believed. */
static int
chain_balance(struct context *c, const struct address *contract, struct calldata data,
	      struct amount *out, struct err *e)
{
	const uint8_t *bytes;
	size_t len;
	u128 v;

	if (evm_call_now(&c->arena, &c->evm, contract, data, &bytes, &len, e) < 0)
		return -1;
	if (!abi_word_uint(bytes, len, 0, &v))
		return err_set(e, &EVM_BAD_REPLY, "balance");
	out->units = v;
	return 0;
}

int
cmd_balance(struct context *c, int argc, char **argv, struct err *e)
{
	struct amount wallet, escrow;
	char text[ADDRESS_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];
	struct address who;
	struct jsonw *w;

	if (context_connect_alone(c, e) < 0)
		return -1;
	if (argc > 1 ? address_read(argv[1], &who, e) < 0 : context_address(c, &who, e) < 0)
		return -1;
	if (chain_balance(c, &c->token, token_balance_of(&c->arena, &who), &wallet, e) < 0 ||
	    chain_balance(c, &c->escrow, escrow_balance_of(&c->arena, &who), &escrow, e) < 0)
		return -1;
	if (!c->json) {
		printf("%s\n  wallet  %s\n  escrow  %s\n", address_text(&who, text),
		       money(c, wallet), money(c, escrow));
		return 0;
	}
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(&who, text));
	jsonw_member(w, "wallet", "%s", u128_text(wallet.units, number));
	jsonw_member(w, "escrow", "%s", u128_text(escrow.units, number));
	jsonw_close(w, '}');
	puts(jsonw_text(w, NULL));
	jsonw_free(w);
	return 0;
}
