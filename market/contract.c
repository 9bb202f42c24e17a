/* SPDX-License-Identifier: Apache-2.0 */
#include "market/contract.h"

#include <fcntl.h>
#include <libgen.h>
#include <unistd.h>

#include "lease/evm.h"
#include "lease/keystore.h"

#define FILE_MAX    (256 * 1024)
#define IMMUTABLES  16
#define TOKEN_NAME  "TestToken"
#define ESCROW_NAME "Escrow"

static const struct code CODE_DIFFERS = { "code_differs", CONFLICT,
					  "the code at this address is not ours" };
static const struct code RECORD_DIFFERS = { "record_differs", CONFLICT,
					    "another contract was deployed for this market" };

struct tool {
	struct arena a;
	const struct contract_args *args;
	struct evm evm;
	struct key key;
	struct address escrow, token;
	uint32_t min_window;
	uint64_t block, gas;
	bool already;
};

/* ------------------------------------------------------------------ */
/* Files.                                                              */

/* The text of a file; NULL and errno when it is not there. */
static char *
file_text(struct arena *a, const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text;

	if (f == NULL)
		return NULL;
	text = arena_alloc(a, FILE_MAX);
	*len = fread(text, 1, FILE_MAX - 1, f);
	text[*len] = '\0';
	fclose(f);
	return text;
}

/* There after a power cut, and whole: what it says may have cost gas. */
static int
file_write(struct tool *x, const char *path, const char *text, struct err *e)
{
	const char *temporary = arena_printf(&x->a, "%s.new", path);
	FILE *f = fopen(temporary, "we");
	int dir, failed;

	if (f == NULL)
		return err_errno(e, "write %s", temporary);
	failed = fputs(text, f) < 0 || fflush(f) != 0 || fsync(fileno(f)) != 0;
	failed = fclose(f) != 0 || failed || rename(temporary, path) != 0;
	dir = failed ? -1
		     : open(dirname(arena_strdup(&x->a, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	failed = dir < 0 || fsync(dir) != 0;
	if (failed)
		err_errno(e, "write %s", path);
	if (dir >= 0)
		close(dir);
	return failed ? -1 : 0;
}

static int
read_json(struct tool *x, const char *path, struct json **doc, struct err *e)
{
	size_t len;
	char *text = file_text(&x->a, path, &len);

	if (text == NULL)
		return err_errno(e, "open %s", path);
	return json_parse(&x->a, text, len, doc, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static const char *
made_path(struct tool *x, const char *name, const char *suffix)
{
	return arena_printf(&x->a, "%s/%s.%s", x->args->dir, name, suffix);
}

/* Hex, with or without 0x, and an end of line. */
static int
bytes_of(struct arena *a, const char *text, const uint8_t **out, size_t *len, struct err *e)
{
	size_t n;
	uint8_t *bytes;
	char *copy;

	if (strncmp(text, "0x", 2) == 0)
		text += 2;
	n = strspn(text, "0123456789abcdefABCDEF");
	copy = arena_strndup(a, text, n);
	*len = n / 2;
	bytes = arena_alloc(a, *len + 1);
	*out = bytes;
	return hex_read(copy, bytes, *len, e);
}

static int
creation_code(struct tool *x, const char *name, struct calldata *code, struct err *e)
{
	const char *path = made_path(x, name, "bin");
	size_t len;
	char *text = file_text(&x->a, path, &len);

	if (text == NULL)
		return err_errno(e, "open %s", path);
	return bytes_of(&x->a, text, &code->b, &code->len, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

/* Beside the key: where the operator of this market keeps what must not be lost. */
static const char *
record_path(struct tool *x, const char *suffix)
{
	const char *key = x->args->key_file, *slash = strrchr(key, '/');
	const char *dir = x->args->record;

	if (dir == NULL)
		dir = slash == NULL ? "." : arena_strndup(&x->a, key, (size_t)(slash - key));
	return arena_printf(&x->a, "%s/escrow-%llu%s.json", dir,
			    (unsigned long long)x->evm.chain_id, suffix);
}

/* ------------------------------------------------------------------ */
/* The code of a contract against ours.                                 */

static int
view_word(struct tool *x, const char *function, struct hash *word, struct err *e)
{
	const uint8_t *out;
	size_t len;

	if (evm_call_now(&x->a, &x->evm, &x->escrow, escrow_view(&x->a, function), &out, &len, e) <
	    0)
		return err_wrap(e, "%s", function);
	return abi_word(out, len, 0, word) ? 0 : err_set(e, &EVM_BAD_REPLY, "%s", function);
}

/* What the constructor wrote is no part of the comparison; but each of its values
 * stands in several places, and must be one. */
static int
mask(const struct json *immutables, const uint8_t *code, size_t len, uint8_t *ours, struct err *e)
{
	for (const struct json *list = immutables->first; list != NULL; list = list->next) {
		const uint8_t *value = NULL;

		for (const struct json *at = list->first; at != NULL; at = at->next) {
			size_t start = strtoul(at->text, NULL, 10);

			if (start + 32 > len)
				return err_set(e, &ERR_CONFIG, "immutables beyond the code");
			if (value != NULL && memcmp(value, code + start, 32) != 0)
				return err_set(e, &CODE_DIFFERS, "byte %zu: two values of one",
					       start);
			value = code + start;
			memcpy(ours + start, value, 32);
		}
	}
	return 0;
}

static int
compare(struct tool *x, struct err *e)
{
	struct json *doc, *result;
	const struct json *runtime;
	const uint8_t *code, *bytes;
	size_t len, ours_len;
	uint8_t *ours;

	if (read_json(x, made_path(x, ESCROW_NAME, "verify.json"), &doc, e) < 0 ||
	    evm_now(&x->a, &x->evm, rpc_code(&x->a, &x->escrow), &result, e) < 0 ||
	    rpc_bytes_read(&x->a, result, &code, &len, e) < 0)
		return -1;
	runtime = json_get(doc, "runtime");
	if (runtime == NULL || runtime->type != JSON_STRING ||
	    json_get(doc, "immutables") == NULL ||
	    bytes_of(&x->a, runtime->text, &bytes, &ours_len, e) < 0)
		return err_set(e, &ERR_CONFIG, "%s: build the contracts again",
			       made_path(x, ESCROW_NAME, "verify.json"));
	if (len == 0)
		return err_set(e, &ERR_NOT_FOUND, "there is no contract");
	if (len != ours_len)
		return err_set(e, &CODE_DIFFERS, "%zu bytes, ours are %zu", len, ours_len);
	ours = arena_alloc(&x->a, ours_len);
	memcpy(ours, bytes, ours_len);
	if (mask(json_get(doc, "immutables"), code, len, ours, e) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (code[i] != ours[i])
			return err_set(e, &CODE_DIFFERS, "byte %zu is %02x, ours is %02x", i,
				       code[i], ours[i]);
	return 0;
}

/* The same rules with another home are another contract's: it must sign for itself. */
static int
read_immutables(struct tool *x, struct err *e)
{
	struct hash token, window, separator;
	struct domain domain;
	u128 v;

	domain_init(&domain, x->evm.chain_id, &x->escrow);
	if (view_word(x, "token", &token, e) < 0 || view_word(x, "minWindow", &window, e) < 0 ||
	    view_word(x, "domainSeparator", &separator, e) < 0)
		return -1;
	if (!abi_hash_address(&token, &x->token) || !abi_hash_uint(&window, &v) || v > UINT32_MAX)
		return err_set(e, &EVM_BAD_REPLY, "token or window");
	if (!hash_equal(&separator, &domain.separator))
		return err_set(e, &CODE_DIFFERS, "it signs for another chain or address");
	x->min_window = (uint32_t)v;
	return 0;
}

/* ------------------------------------------------------------------ */
/* What is said and kept.                                              */

static const char *
arguments_text(struct tool *x)
{
	struct calldata words = escrow_create(&x->a, NULL, 0, &x->token, x->min_window);

	return hex_text(words.b, words.len, arena_alloc(&x->a, 2 * words.len + 3)) + 2;
}

static const char *
result_text(struct tool *x, const struct json *made)
{
	char text[ADDRESS_TEXT_SIZE];
	struct jsonw *w = jsonw_new(true);
	const char *copy;

	jsonw_open(w, '{');
	jsonw_name(w, "chain_id");
	jsonw_int(w, (int64_t)x->evm.chain_id);
	jsonw_member(w, "token", "%s", address_text(&x->token, text));
	jsonw_member(w, "escrow", "%s", address_text(&x->escrow, text));
	jsonw_name(w, "min_window");
	jsonw_int(w, x->min_window);
	if (x->block != 0) {
		jsonw_name(w, "block");
		jsonw_int(w, (int64_t)x->block);
	}
	if (x->gas != 0) {
		jsonw_name(w, "gas");
		jsonw_int(w, (int64_t)x->gas);
	}
	if (x->already) {
		jsonw_name(w, "already");
		jsonw_bool(w, true);
	}
	if (made != NULL) {
		jsonw_member(w, "contract", "%s", json_get(made, "contract")->text);
		jsonw_member(w, "compiler", "%s", json_get(made, "compiler")->text);
		jsonw_member(w, "license", "Apache-2.0");
		jsonw_member(w, "constructor_arguments", "%s", arguments_text(x));
		jsonw_member(w, "standard_json_input", "%s", record_path(x, ".input"));
	}
	jsonw_close(w, '}');
	copy = arena_strdup(&x->a, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

/* Two files: what a block explorer asks for, and the compiler's input as it takes
 * it. */
static int
keep(struct tool *x, struct err *e)
{
	struct json *made;
	struct jsonw *w;
	int result;

	if (read_json(x, made_path(x, ESCROW_NAME, "verify.json"), &made, e) < 0)
		return -1;
	if (json_get(made, "input") == NULL || json_get(made, "contract") == NULL ||
	    json_get(made, "compiler") == NULL)
		return err_set(e, &ERR_CONFIG, "%s: build the contracts again",
			       made_path(x, ESCROW_NAME, "verify.json"));
	w = jsonw_new(true);
	jsonw_node(w, json_get(made, "input"));
	result = file_write(x, record_path(x, ".input"), jsonw_text(w, NULL), e);
	jsonw_free(w);
	return result < 0 ? -1 : file_write(x, record_path(x, ""), result_text(x, made), e);
}

/* For people: what goes into the market's settings. */
static void
say_settings(struct tool *x)
{
	char text[ADDRESS_TEXT_SIZE];

	fprintf(stderr, "\nfor the settings of the market:\n\nrpc_url: %s\nchain_id: %llu\n",
		x->args->rpc, (unsigned long long)x->evm.chain_id);
	if (x->block != 0)
		fprintf(stderr, "chain_start: %llu\n", (unsigned long long)x->block);
	fprintf(stderr, "escrow: \"%s\"\n", address_text(&x->escrow, text));
	fprintf(stderr, "token: \"%s\"\nwindow_min_s: %u\n", address_text(&x->token, text),
		x->min_window);
	fprintf(stderr,
		"\nfor a block explorer: %s (standard JSON input), compiler and constructor "
		"arguments in %s\n",
		record_path(x, ".input"), record_path(x, ""));
}

/* ------------------------------------------------------------------ */

struct record {
	struct address escrow, token;
	uint32_t min_window;
	uint64_t block;
};

static int
record_read(struct tool *x, const struct json *doc, struct record *r, struct err *e)
{
	const struct json *escrow = json_get(doc, "escrow"), *token = json_get(doc, "token");
	const struct json *window = json_get(doc, "min_window"), *block = json_get(doc, "block");

	if (escrow == NULL || token == NULL || window == NULL || block == NULL ||
	    escrow->text == NULL || token->text == NULL || window->text == NULL ||
	    block->text == NULL)
		return err_set(e, &ERR_CONFIG, "%s is not a record of ours", record_path(x, ""));
	r->min_window = (uint32_t)strtoul(window->text, NULL, 10);
	r->block = strtoull(block->text, NULL, 10);
	return address_read(escrow->text, &r->escrow, e) < 0
		       ? -1
		       : address_read(token->text, &r->token, e);
}

/* 1: the record's contract is there and is what was asked for. A devnet begins anew
 * each time: with a test token a contract that is gone is made again. */
static int
find_recorded(struct tool *x, struct err *e)
{
	const char *path = record_path(x, "");
	char text[ADDRESS_TEXT_SIZE];
	struct record r;
	struct json *doc;

	if (access(path, F_OK) != 0)
		return 0;
	if (read_json(x, path, &doc, e) < 0 || record_read(x, doc, &r, e) < 0)
		return -1;
	x->escrow = r.escrow;
	if (compare(x, e) < 0 || read_immutables(x, e) < 0) {
		if (x->args->token == NULL &&
		    (e->code == &ERR_NOT_FOUND || e->code == &CODE_DIFFERS)) {
			*e = (struct err)ERR_NONE;
			return 0;
		}
		return err_wrap(e, "%s names %s (remove the file to deploy another)", path,
				address_text(&r.escrow, text));
	}
	if (!address_equal(&x->token, &r.token) || x->min_window != x->args->min_window ||
	    (x->args->token != NULL &&
	     strcasecmp(x->args->token, address_text(&r.token, text)) != 0))
		return err_set(e, &RECORD_DIFFERS,
			       "%s: for the token %s, windows from %u s (remove the file to deploy "
			       "another)",
			       path, address_text(&x->token, text), x->min_window);
	x->block = r.block;
	x->already = true;
	return 1;
}

/* ------------------------------------------------------------------ */
/* What was signed and may have been sent: kept before the first byte of it leaves,
 * so that a run that was killed is gone on with and not repeated.        */

static const char *
pending_text(struct tool *x, const struct evm_creation *c)
{
	char text[ADDRESS_TEXT_SIZE], *raw = arena_alloc(&x->a, 2 * c->len + 3);
	struct jsonw *w = jsonw_new(true);
	const char *copy;

	jsonw_open(w, '{');
	jsonw_member(w, "token", "%s", address_text(&x->token, text));
	jsonw_name(w, "min_window");
	jsonw_int(w, x->args->min_window);
	jsonw_member(w, "escrow", "%s", address_text(&c->created, text));
	jsonw_name(w, "transaction");
	jsonw_str(w, hex_text(c->raw, c->len, raw));
	jsonw_close(w, '}');
	copy = arena_strdup(&x->a, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

static int
pending_read(struct tool *x, struct evm_creation *c, uint32_t *min_window, struct err *e)
{
	const struct json *token, *escrow, *window, *raw;
	struct json *doc;
	struct tx tx;

	if (read_json(x, record_path(x, ".pending"), &doc, e) < 0)
		return -1;
	token = json_get(doc, "token");
	escrow = json_get(doc, "escrow");
	window = json_get(doc, "min_window");
	raw = json_get(doc, "transaction");
	if (token == NULL || escrow == NULL || window == NULL || raw == NULL ||
	    token->text == NULL || escrow->text == NULL || window->text == NULL ||
	    raw->text == NULL || address_read(token->text, &x->token, e) < 0 ||
	    address_read(escrow->text, &c->created, e) < 0 ||
	    bytes_of(&x->a, raw->text, &c->raw, &c->len, e) < 0 || !tx_read(c->raw, c->len, &tx) ||
	    tx.chain_id != x->evm.chain_id || !tx.creates)
		return err_set(e, &ERR_CONFIG, "%s is not a transaction of ours",
			       record_path(x, ".pending"));
	keccak256(c->raw, c->len, &c->hash);
	*min_window = (uint32_t)strtoul(window->text, NULL, 10);
	return 0;
}

static int
pending_forget(struct tool *x, const char *why)
{
	fprintf(stderr, "what a run before this one signed is left: %s\n", why);
	unlink(record_path(x, ".pending"));
	return 0;
}

/* The token of a devnet that has begun anew is gone with it. */
static bool
token_is_there(struct tool *x)
{
	struct err ignored = ERR_NONE;
	struct json *result;
	const uint8_t *code;
	size_t len;

	return evm_now(&x->a, &x->evm, rpc_code(&x->a, &x->token), &result, &ignored) < 0 ||
	       rpc_bytes_read(&x->a, result, &code, &len, &ignored) < 0 || len != 0;
}

/* 1: the contract of a run that did not come to its end is there now. */
static int
go_on(struct tool *x, struct evm_receipt *receipt, struct err *e)
{
	const char *path = record_path(x, ".pending");
	char text[ADDRESS_TEXT_SIZE];
	struct evm_creation c;
	uint32_t min_window;

	if (access(path, F_OK) != 0)
		return 0;
	if (pending_read(x, &c, &min_window, e) < 0)
		return -1;
	if (x->args->token == NULL && !token_is_there(x))
		return pending_forget(x, "the chain has begun anew");
	address_text(&x->token, text);
	if (min_window != x->args->min_window ||
	    (x->args->token != NULL && strcasecmp(x->args->token, text) != 0))
		return err_set(
			e, &RECORD_DIFFERS,
			"%s: begun for the token %s, windows from %u s (remove the file only "
			"if that contract is not wanted: it may be mined)",
			path, text, min_window);
	fprintf(stderr, "going on with what a run before this one signed\n");
	if (evm_create_now(&x->a, &x->evm, &c, receipt, e) == 0)
		return 1;
	if (e->code != &EVM_NONCE_LOW && e->code != &EVM_REFUSED)
		return -1;
	*e = (struct err)ERR_NONE;
	return pending_forget(x, "it was not mined, and its nonce is used");
}

/* ------------------------------------------------------------------ */

static int
deploy_token(struct tool *x, struct err *e)
{
	struct evm_receipt receipt;
	struct calldata code;

	if (x->args->token != NULL)
		return address_read(x->args->token, &x->token, e);
	fprintf(stderr, "deploying the test token\n");
	if (creation_code(x, TOKEN_NAME, &code, e) < 0 ||
	    evm_deploy_now(&x->a, &x->evm, &x->key, code, &receipt, e) < 0)
		return err_wrap(e, TOKEN_NAME);
	x->token = receipt.created;
	return 0;
}

static int
deploy_escrow(struct tool *x, struct evm_receipt *receipt, struct err *e)
{
	struct evm_creation c;
	struct calldata code;

	if (keystore_load(x->args->key_file, x->args->password_file, &x->key, e) < 0 ||
	    deploy_token(x, e) < 0)
		return -1;
	fprintf(stderr, "deploying the escrow\n");
	if (creation_code(x, ESCROW_NAME, &code, e) < 0)
		return -1;
	code = escrow_create(&x->a, code.b, code.len, &x->token, x->args->min_window);
	if (evm_create_sign(&x->a, &x->evm, &x->key, code, &c, e) < 0 ||
	    file_write(x, record_path(x, ".pending"), pending_text(x, &c), e) < 0 ||
	    evm_create_now(&x->a, &x->evm, &c, receipt, e) < 0)
		return err_wrap(e, ESCROW_NAME);
	return 0;
}

static int
deploy(struct tool *x, struct err *e)
{
	struct evm_receipt receipt;
	int had = go_on(x, &receipt, e);

	if (had < 0 || (had == 0 && deploy_escrow(x, &receipt, e) < 0))
		return -1;
	x->escrow = receipt.created;
	x->min_window = x->args->min_window;
	x->block = receipt.block;
	x->gas = receipt.gas_used;
	if (keep(x, e) < 0)
		return -1;
	unlink(record_path(x, ".pending"));
	return 0;
}

static int
begin(struct tool *x, const struct contract_args *args, struct err *e)
{
	const char **url = arena_alloc(&x->a, sizeof(*url));

	*url = args->rpc;
	x->args = args;
	x->evm = (struct evm){ .urls = { url, 1 } };
	return evm_check_chain(&x->a, &x->evm, e);
}

static int
deploy_or_find(struct tool *x, struct err *e)
{
	int found = find_recorded(x, e);

	if (found < 0 || (found == 0 && deploy(x, e) < 0))
		return -1;
	if (found > 0)
		fprintf(stderr, "it is there already: nothing was sent\n");
	fputs(result_text(x, NULL), stdout);
	say_settings(x);
	return 0;
}

int
contract_deploy(const struct contract_args *args, struct err *e)
{
	struct tool x = { .block = 0 };
	int result;

	arena_init(&x.a, 0);
	result = begin(&x, args, e) < 0 ? -1 : deploy_or_find(&x, e);
	key_release(&x.key);
	arena_release(&x.a);
	return result;
}

int
contract_check(const struct contract_args *args, struct err *e)
{
	struct tool x = { .block = 0 };
	int result = -1;

	arena_init(&x.a, 0);
	if (begin(&x, args, e) == 0 && address_read(args->address, &x.escrow, e) == 0 &&
	    compare(&x, e) == 0 && read_immutables(&x, e) == 0) {
		fputs(result_text(&x, NULL), stdout);
		fprintf(stderr, "the code is ours\n");
		result = 0;
	} else {
		err_wrap(e, "%s", args->address);
	}
	arena_release(&x.a);
	return result;
}
