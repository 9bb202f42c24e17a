/* SPDX-License-Identifier: Apache-2.0 */
#include "market/tool.h"

#include <getopt.h>
#include <unistd.h>

#include "lease/bonding.h"
#include "lease/evm.h"
#include "lease/keystore.h"

#define SCRYPT_LOG2_N 14

static const char usage[] =
	"usage: gavel-market [-c FILE] bond [AMOUNT | release [AMOUNT] | take]\n"
	"       gavel-market key new --password-file FILE PATH\n"
	"       gavel-market contract deploy --rpc URL --key FILE --password-file FILE\n"
	"                    --bytecode DIR [--token ADDRESS] [--min-window SECONDS]\n"
	"\n"
	"contract deploy puts Escrow.bin on the chain for the token; without --token it\n"
	"first deploys the test token, which anyone may mint: for devnets only. Prints\n"
	"JSON with the addresses, the chain id and the block to index from.\n";

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

/* ------------------------------------------------------------------ */

static int
read_bytecode(struct arena *a, const char *dir, const char *name, const uint8_t **out, size_t *len,
	      struct err *e)
{
	const char *path = arena_printf(a, "%s/%s.bin", dir, name);
	FILE *f = fopen(path, "re");
	char *text = arena_alloc(a, 256 * 1024);
	uint8_t *bytes;
	size_t n;

	if (f == NULL)
		return err_errno(e, "open %s", path);
	n = fread(text, 1, 256 * 1024 - 1, f);
	fclose(f);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	if (strncmp(text, "0x", 2) == 0) {
		text += 2;
		n -= 2;
	}
	*len = n / 2;
	bytes = arena_alloc(a, *len + 64);
	*out = bytes;
	return hex_read(text, bytes, *len, e);
}

/* Bytecode followed by two constructor words. */
static int
deploy_one(struct arena *a, struct evm *evm, const struct key *key, const char *dir,
	   const char *name, const struct address *token, u128 min_window,
	   struct evm_receipt *receipt, struct err *e)
{
	const uint8_t *code;
	uint8_t *data;
	size_t len = 0;

	if (read_bytecode(a, dir, name, &code, &len, e) < 0)
		return -1;
	data = arena_alloc(a, len + 64);
	memcpy(data, code, len);
	if (token != NULL) {
		memcpy(data + len + 12, token->b, 20);
		for (unsigned i = 0; i < 16; i++)
			data[len + 63 - i] = (uint8_t)(min_window >> (8 * i));
		len += 64;
	}
	if (evm_send_now(a, evm, key, NULL, (struct calldata){ data, len }, receipt, e) < 0)
		return err_wrap(e, "deploy %s", name);
	return 0;
}

struct deploy {
	const char *rpc, *key_file, *password_file, *dir, *token;
	uint32_t min_window;
};

static int
contract_deploy(struct arena *a, const struct deploy *d, struct err *e)
{
	struct evm evm = { .urls = { (const char *[]){ d->rpc }, 1 } };
	struct evm_receipt receipt;
	struct address token;
	char text[ADDRESS_TEXT_SIZE];
	struct jsonw *w;
	struct key key;

	if (keystore_load(d->key_file, d->password_file, &key, e) < 0 ||
	    evm_check_chain(a, &evm, e) < 0)
		return -1;
	if (d->token != NULL && address_read(d->token, &token, e) < 0)
		return -1;
	if (d->token == NULL) {
		fprintf(stderr, "deploying the test token\n");
		if (deploy_one(a, &evm, &key, d->dir, "TestToken", NULL, 0, &receipt, e) < 0)
			return -1;
		token = receipt.created;
	}
	fprintf(stderr, "deploying the escrow\n");
	if (deploy_one(a, &evm, &key, d->dir, "Escrow", &token, d->min_window, &receipt, e) < 0)
		return -1;
	key_release(&key);
	w = jsonw_new(true);
	jsonw_open(w, '{');
	jsonw_name(w, "chain_id");
	jsonw_int(w, (int64_t)evm.chain_id);
	jsonw_member(w, "token", "%s", address_text(&token, text));
	jsonw_member(w, "escrow", "%s", address_text(&receipt.created, text));
	jsonw_name(w, "block");
	jsonw_int(w, (int64_t)receipt.block);
	jsonw_name(w, "gas");
	jsonw_int(w, (int64_t)receipt.gas_used);
	jsonw_close(w, '}');
	fputs(jsonw_text(w, NULL), stdout);
	jsonw_free(w);
	return 0;
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
						 { NULL, 0, NULL, 0 } };
	struct deploy d = { .min_window = 600 };
	const char *noun = argv[0], *verb = argc > 1 ? argv[1] : "";
	struct err e = ERR_NONE;
	struct arena a;
	int c, result = -1;

	optind = 0; /* glibc: begin anew, with another set of options */
	while ((c = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
		switch (c) {
		case 'r': d.rpc = optarg; break;
		case 'k': d.key_file = optarg; break;
		case 'p': d.password_file = optarg; break;
		case 'b': d.dir = optarg; break;
		case 't': d.token = optarg; break;
		case 'w': d.min_window = (uint32_t)strtoul(optarg, NULL, 10); break;
		default: fputs(usage, stderr); return 2;
		}
	arena_init(&a, 0);
	if (strcmp(noun, "key") == 0 && strcmp(verb, "new") == 0 && d.password_file != NULL &&
	    optind < argc - 1)
		result = key_new_file(argv[1 + optind], d.password_file, &e);
	else if (strcmp(noun, "contract") == 0 && strcmp(verb, "deploy") == 0 && d.rpc != NULL &&
		 d.key_file != NULL && d.password_file != NULL && d.dir != NULL)
		result = contract_deploy(&a, &d, &e);
	else {
		fputs(usage, stderr);
		return 2;
	}
	arena_release(&a);
	if (result == 0)
		return 0;
	fprintf(stderr, "error: %s\n", e.text);
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
