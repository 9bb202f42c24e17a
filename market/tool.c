/* SPDX-License-Identifier: Apache-2.0 */
#include "market/tool.h"

#include <getopt.h>
#include <unistd.h>

#include "lease/bonding.h"
#include "lease/evm.h"
#include "lease/keystore.h"
#include "market/contract.h"

#define SCRYPT_LOG2_N 14

static const char usage[] =
	"usage: gavel-market [-c FILE] bond [AMOUNT | release [AMOUNT] | take]\n"
	"       gavel-market key new --password-file FILE PATH\n"
	"       gavel-market contract deploy --rpc URL --key FILE --password-file FILE\n"
	"                    --bytecode DIR [--token ADDRESS] [--min-window SECONDS]\n"
	"                    [--record DIR]\n"
	"       gavel-market contract check ADDRESS --rpc URL --bytecode DIR\n"
	"\n"
	"contract deploy puts Escrow.bin on the chain for the token; without --token it\n"
	"first deploys the test token, which anyone may mint: for devnets only. Prints\n"
	"JSON with the addresses, the chain id and the block to index from. What a block\n"
	"explorer needs to verify it stays in DIR (default: beside the key), escrow-CHAIN.json\n"
	"and escrow-CHAIN.input.json; with these there, a second run sends nothing. A run that\n"
	"was killed is gone on with: what it signed is in escrow-CHAIN.pending.json.\n"
	"\n"
	"contract check compares the code at an address with ours, but for what the\n"
	"constructor wrote, and prints that. Status 11: it differs.\n";

static int
key_new_file(const char *path, const char *password_file, struct err *e)
{
	char password[PASSWORD_SIZE], text[ADDRESS_TEXT_SIZE];
	struct key key;

	if (password_read(password_file, password, e) < 0)
		return -1;
	key_new(&key);
	if (keystore_write(path, &key, password, SCRYPT_LOG2_N, e) < 0)
		return -1;
	printf("%s\n", address_text(&key.address, text));
	key_release(&key);
	return 0;
}

static bool
seconds_read(const char *text, uint32_t *out)
{
	size_t len = strlen(text);

	if (len == 0 || len > 9 || strspn(text, "0123456789") != len) {
		fprintf(stderr, "error: --min-window: \"%.40s\" is no number of seconds\n", text);
		return false;
	}
	*out = (uint32_t)strtoul(text, NULL, 10);
	return true;
}

int
tool_main(int argc, char **argv)
{
	static const struct option options[] = { { "rpc", required_argument, NULL, 'r' },
						 { "key", required_argument, NULL, 'k' },
						 { "password-file", required_argument, NULL, 'p' },
						 { "bytecode", required_argument, NULL, 'b' },
						 { "token", required_argument, NULL, 't' },
						 { "min-window", required_argument, NULL, 'w' },
						 { "record", required_argument, NULL, 'R' },
						 { NULL, 0, NULL, 0 } };
	struct contract_args d = { .min_window = 600 };
	const char *noun = argv[0], *verb = argc > 1 ? argv[1] : "";
	struct err e = ERR_NONE;
	int c, result = -1;

	optind = 0; /* glibc: begin anew, with another set of options */
	while ((c = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
		switch (c) {
		case 'r': d.rpc = optarg; break;
		case 'k': d.key_file = optarg; break;
		case 'p': d.password_file = optarg; break;
		case 'b': d.dir = optarg; break;
		case 't': d.token = optarg; break;
		case 'R': d.record = optarg; break;
		case 'w':
			if (!seconds_read(optarg, &d.min_window))
				return 2;
			break;
		default: fputs(usage, stderr); return 2;
		}
	if (strcmp(noun, "key") == 0 && strcmp(verb, "new") == 0 && d.password_file != NULL &&
	    optind < argc - 1)
		result = key_new_file(argv[1 + optind], d.password_file, &e);
	else if (strcmp(noun, "contract") == 0 && strcmp(verb, "deploy") == 0 && d.rpc != NULL &&
		 d.key_file != NULL && d.password_file != NULL && d.dir != NULL)
		result = contract_deploy(&d, &e);
	else if (strcmp(noun, "contract") == 0 && strcmp(verb, "check") == 0 && d.rpc != NULL &&
		 d.dir != NULL && optind < argc - 1) {
		d.address = argv[1 + optind];
		result = contract_check(&d, &e);
	} else {
		fputs(usage, stderr);
		return 2;
	}
	if (result == 0)
		return 0;
	fprintf(stderr, "error: %s [%s]\n", e.text, e.code->name);
	return kind_exit_status(e.code->kind);
}

/* ------------------------------------------------------------------ */

int
tool_bond(struct market_settings *s, bool json, int argc, char **argv)
{
	struct arena a;
	struct key key;
	struct err e = ERR_NONE;
	struct bonding b = { .arena = &a,
			     .evm = &s->evm,
			     .escrow = s->escrow,
			     .token = s->token,
			     .key = &key,
			     .json = json };

	if (keystore_load(s->key_file, s->password_file, &key, &e) < 0) {
		fprintf(stderr, "error: %s [%s]\n", e.text, e.code->name);
		return kind_exit_status(e.code->kind);
	}
	arena_init(&a, 0);
	if (bonding_begin(&b, &e) < 0 || bonding_run(&b, argc, argv, &e) < 0)
		fprintf(stderr, "error: %s [%s]\n", e.text, e.code->name);
	key_release(&key);
	arena_release(&a);
	return e.code == NULL ? 0 : kind_exit_status(e.code->kind);
}
