/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tenant.h - what the commands of `gavel` share: the context (which market,
 * which chain, which key), deployments by name, printing.
 *
 * stdout carries results, stderr everything else. With --json the result is one
 * JSON document.
 */
#ifndef GAVEL_TENANT_H
#define GAVEL_TENANT_H

#include "deploy/akash.h"
#include "lease/documents.h"
#include "lease/evm.h"
#include "lease/key.h"
#include "lease/reading.h"
#include "lease/record.h"
#include "lease/lasting.h"
#include "lease/standing.h"
#include "market/client.h"
#include "provider/gateway/client.h"

struct context {
	/* settings */
	const char *market_url, *market_ca, *rpc_url, *key_file, *password_file;
	struct json_strs rpc_urls; /* instead of rpc_url */
	/* global flags */
	const char *path; /* of the settings */
	bool json, quiet;
	bool alone; /* the market does not answer: what it said before stands */
	/* learned from the market, once */
	struct market_client market;
	struct evm evm;
	struct address auctioneer, escrow, token;
	const char *symbol;
	uint32_t decimals, fee_bps, launch_s, window_min_s, spot_free_s, head_every_s;
	struct domain domain;
	struct key key;
	bool has_key;
	const struct policy *policy; /* of what may be countersigned, or NULL */
	struct arena arena;
};

/* A command: fills e and returns -1, or 0; argv[0] is its name. help NULL: it has
 * commands of its own and answers --help itself. */
struct command {
	const char *name, *args, *summary, *help;
	int (*run)(struct context *c, int argc, char **argv, struct err *e);
};

/* Read the settings file. */
int context_read(struct context *c, struct err *e) mustcheck;
/* Ask the market who it is; refuse a chain other than the node's. */
int context_connect(struct context *c, struct err *e) mustcheck;
/* The same; but when the market does not answer, by what it said the last time. */
int context_connect_alone(struct context *c, struct err *e) mustcheck;
/* Open the key store. */
int context_unlock(struct context *c, struct err *e) mustcheck;
/* Whose key store it is; the password is asked for only where the file does not say. */
int context_address(struct context *c, struct address *out, struct err *e) mustcheck;
/* Forgets the key: another file's may be read. */
void context_lock(struct context *c);
/* A short-lived token for `audience`. */
const char *context_token(struct context *c, const struct address *audience, const char *scope,
			  const struct hash *lease);

/* A deployment: a name for an order, kept in the state directory. */
struct deployment {
	const char *name;
	struct id order;
	struct hash order_hash;
	const char *manifest; /* JSON text */
};
int deployment_save(struct context *c, const struct deployment *d, struct err *e) mustcheck;
/* By name; an order id is taken too. name NULL: the last one saved. */
int
deployment_find(struct context *c, const char *name, struct deployment *d, struct err *e) mustcheck;

/* A file with several placements: its name stands for deployments of their own.
 * names: `count` pointers, each `stride` bytes after the one before. */
int parts_save(struct context *c, const char *name, size_t count, const void *names, size_t stride,
	       struct err *e) mustcheck;
/* Of the name (NULL: the last one); none: it stands for itself. */
int
parts_find(struct context *c, const char *name, struct json_strs *parts, struct err *e) mustcheck;
/* fn for the name, or for each of its parts: one that fails does not keep it from
 * the others. With --json the results are a list. */
typedef int deployment_fn(struct context *c, const char *name, void *ctx, struct err *e);
int parts_each(struct context *c, const char *name, deployment_fn *fn, void *ctx,
	       struct err *e) mustcheck;
/* fn for the name, or for each of its parts at the same time, in a process of its
 * own; the lines of their outputs begin with the part's name. */
int parts_together(struct context *c, const char *name, deployment_fn *fn, void *ctx,
		   struct err *e) mustcheck;
/* An error if the name stands for several, for commands that need one. */
int parts_single(struct context *c, const char *name, struct err *e) mustcheck;
/* A file below the state directory's "deployments", made or replaced. */
int state_write(struct context *c, const char *name, const char *text, struct err *e) mustcheck;
const char *state_path(struct context *c, const char *name) mustcheck;
/* Such a file as JSON; 0: it is not there. */
int state_read(struct context *c, const char *name, struct json **doc, struct err *e) mustcheck;
/* Nobody else has it until the descriptor that is returned is closed. */
int state_lock(struct context *c, const char *name, struct err *e) mustcheck;

/* Receipts: receipts.c. */
struct kept_receipt {
	struct receipt receipt;
	uint32_t open_by; /* of the order: later no tick takes it */
	bool set;	  /* it is a row of a set, and waits for the others */
};
/* The one in the market's answer to this order is kept, if it is the market's and the
 * order's; else a warning says what to do. */
void receipt_keep(struct context *c, const char *name, const struct order_doc *order,
		  const struct json *answer);
/* 0: none is kept. */
int receipt_kept(struct context *c, const struct hash *order, struct kept_receipt *r,
		 struct err *e) mustcheck;
void receipt_add(struct context *c, struct json_list *receipts, const struct receipt *r);
/* Those of a file for audits, and the offers that it knows, behind what is there. */
int receipts_load(struct context *c, const char *path, struct json_list *receipts,
		  struct json_list *offers, struct err *e) mustcheck;

/* The nonce of an order that may open until open_by: the cheapest that is free, not
 * below at_least, and nobody else's on this machine. */
int nonce_take(struct context *c, uint32_t open_by, uint64_t at_least, uint64_t *nonce,
	       struct err *e) mustcheck;

/* Take an order back that nobody has leased. */
int order_cancel(struct context *c, const struct deployment *d, struct err *e) mustcheck;
/* Until it runs, or never will, or *ranked: the tenant is to pick, after at least
 * `failures` winners have failed. */
int deploy_follow(struct context *c, const struct deployment *d, int64_t failures, bool *ranked,
		  struct err *e) mustcheck;
/* The ranking on standard output, and how to pick from it. */
int
ranking_show(struct context *c, const char *name, const struct id *order, struct err *e) mustcheck;
/* "30", "90s", "30m", "2h" as seconds; 0: it is none of them. */
uint32_t seconds_read(const char *text);
/* Where they are, NAME.json each. */
const char *deployment_dir(struct context *c);

/* The live lease of a deployment, with its provider ready to be called. */
struct lease_ref {
	struct json *order, *lease; /* as the market shows them */
	struct hash hash;
	struct address provider;
	struct lease_terms terms;
	struct provider_client gateway;
	const char *state;
};
int lease_find(struct context *c, const struct deployment *d, struct lease_ref *l,
	       struct err *e) mustcheck;
/* The same from our own copy and the chain, without the market; l->order is NULL. */
int lease_recall(struct context *c, const struct deployment *d, struct lease_ref *l,
		 struct err *e) mustcheck;
/* All that were ever seen here, whether they still run or not; lease_look() asks the
 * chain for the state of one. */
size_t leases_recall(struct context *c, struct lease_ref **list);
int lease_look(struct context *c, struct lease_ref *l, struct err *e) mustcheck;
/* Name, connection, key, lease: what commands about a deployment begin with. */
int lease_begin(struct context *c, const char *name, struct deployment *d, struct lease_ref *l,
		struct err *e) mustcheck;
/* The terms of a deployment's lease, or of one named by its id or hash; without a
 * market our own copy. */
int lease_terms_find(struct context *c, const char *name, struct lease_terms *terms,
		     struct err *e) mustcheck;
/* A path of the gateway about this lease. */
const char *lease_path(struct context *c, const struct lease_ref *l, const char *rest);
int gateway_find(struct context *c, const struct address *provider, struct provider_client *p,
		 struct err *e) mustcheck;

/* In words, a line each, when the gateway's status says that the lease does not
 * simply run: why, and what to do. false: nothing was said. */
bool dues_print(struct context *c, FILE *out, const char *name, const struct json *status);

/* Members of the market's JSON; "" and 0 when missing. */
const char *text_of(const struct json *object, const char *name);
int64_t number_of(const struct json *object, const char *name);
struct amount amount_of(const struct json *object, const char *name);
/* "12.3 of 30.1 MB of nginx:1.27", from a pull of the gateway's status. */
const char *pull_text(struct context *c, const struct json *pull);
/* What the last tick made of a fast order: "3 offers: 2 region, 1 capacity". */
const char *tick_summary(struct context *c, const char *order);
const char *money(struct context *c, struct amount amount); /* "12.50 TUSD" */
const char *price(struct context *c, struct rate rate);	    /* "0.05 TUSD/h, 36.50/month" */
/* A line on stderr, unless quiet. */
void say(const struct context *c, const char *fmt, ...) printflike(2, 3);
/* The result with --json. */
void print_json(struct json *doc);

/* A file read strictly, or as Akash does and then imported. akash: NULL, or what
 * Akash makes of it. Findings are in sdl. */
int sdl_load(struct context *c, const char *name, const char *text, size_t len, bool as_akash,
	     struct akash *akash, struct sdl *sdl, struct err *e) mustcheck;
/* Of each placement: services, resources, the highest price, ports, volumes. */
void sdl_summary(struct context *c, const struct sdl *sdl);
/* The findings, each with its place, on stderr. */
void
sdl_print_findings(struct context *c, const char *name, const char *text, const struct sdl *sdl);

/* A deployment file, "-" is standard input. */
int
file_read(struct context *c, const char *path, char **text, size_t *len, struct err *e) mustcheck;
/* All of it or nothing: a new file is moved over the old one. Links are followed,
 * the mode stays. */
int file_replace(struct context *c, const char *path, const char *text, struct err *e) mustcheck;
/* A unified diff of two texts on stdout. */
void diff_print(struct context *c, const char *name, const char *before, const char *after);

/* signing.c: check a reading against the lease, and against the one signed before,
 * which is kept, and sign it; the reading is what GET .../usage answered. Nothing
 * is signed that the policy does not allow, if there is one. */
int countersign(struct context *c, const struct lease_ref *l, const struct json *reading,
		struct sig *payer_sig, struct usage_terms *usage, struct err *e) mustcheck;
/* From now on this file says what may be signed. */
int policy_use(struct context *c, const char *path, struct err *e) mustcheck;

/* Ask the provider to close, sign its last word, and give both to the market. */
int lease_settle(struct context *c, const struct lease_ref *l, const char *volumes,
		 struct err *e) mustcheck;

/* The nearest name of a command, for "did you mean", or NULL. */
const char *
command_nearest(const struct command *commands, size_t count, const char *name) mustcheck;
/* After getopt_long() gave '?', with opterr 0: which option, and where to read
 * on; `command` as it is typed, "sdl check". TENANT_USAGE with a field: the
 * message is enough, no line of usage need be printed. Returns -1. */
int option_fault(char **argv, const char *command, struct err *e);
/* Send, and say what it took. */
int chain_send(struct context *c, const struct address *to, struct calldata data, const char *what,
	       struct evm_receipt *receipt, struct err *e) mustcheck;
/* chain_log.c: every log of the escrow contract, in its order; it lives until fn
 * returns: 0 to go on, 1 to stop, -1 for an error. */
typedef int chain_log_fn(void *ctx, const struct evm_log *log, struct err *e);
int chain_logs(struct context *c, uint64_t from, uint64_t to, chain_log_fn *fn, void *ctx,
	       struct err *e) mustcheck;
int chain_block(struct context *c, const char *tag_or_null, uint64_t number, struct evm_block *out,
		struct err *e) mustcheck;
/* The first word of a view's answer, and a lease, as they were at a block. */
int chain_word(struct context *c, const struct address *to, struct calldata data, uint64_t block,
	       u128 *out, struct err *e) mustcheck;
int chain_lease(struct context *c, const struct hash *lease, uint64_t block,
		struct escrow_lease *out, struct err *e) mustcheck;
/* What a market says of an account, and how far it had read the chain. */
int market_block(struct context *c, const struct market_client *m, const struct address *who,
		 struct json **doc, uint64_t *block, struct err *e) mustcheck;
/* close --on-chain: cmd_alone.c. */
int close_on_chain(struct context *c, const char *name, bool ask_provider, bool wait,
		   struct err *e) mustcheck;
/* What the gateway's status says that a lease does by what is paid: cmd_cost.c. */
enum dues dues_of(const struct json *status);
/* Until when this deposit lasts, by the status' last reading. */
struct lasting lasting_for(const struct lease_terms *terms, struct amount deposit,
			   struct amount due, const struct json *status, uint32_t now);

/* Evidence for audits: evidence.c. */
struct gathered {
	struct json_list offers; /* of struct offer_doc, each once */
	struct hash *ids;	 /* theirs, of those that were asked for */
	struct json_list books;	 /* of struct audit_book */
};
/* Offers that the rows (of struct tick_row) name; the book of a round, as the API shows it. */
int gather_offers(struct context *c, struct gathered *g, const struct json_list *rows,
		  struct err *e) mustcheck;
int gather_book(struct context *c, struct gathered *g, const struct json *round,
		struct err *e) mustcheck;

/* audit auction of an order that ticks have awarded, as the market shows it:
 * cmd_audit_tick.c. receipts: a file, save: a file for the evidence, each or NULL. */
int audit_fast_order(struct context *c, const struct json *order, const char *receipts,
		     const char *save, struct err *e) mustcheck;
/* A file of evidence, which may be larger than what the API takes. */
int evidence_read(struct context *c, const char *path, struct json **doc, struct err *e) mustcheck;
/* The value of --copy. */
int copy_read(const char *text, uint32_t *copy, struct err *e) mustcheck;

/* TENANT_SAID: the output tells all; only the exit status is left to give. */
extern const struct code TENANT_USAGE, TENANT_SAID, DEPLOYMENT_UNKNOWN, NO_LEASE, AUDIT_DIFFERS;

/* The commands. */
int cmd_deploy(struct context *c, int argc, char **argv, struct err *e);
int cmd_status(struct context *c, int argc, char **argv, struct err *e);
int cmd_logs(struct context *c, int argc, char **argv, struct err *e);
int cmd_exec(struct context *c, int argc, char **argv, struct err *e);
int cmd_update(struct context *c, int argc, char **argv, struct err *e);
int cmd_shell(struct context *c, int argc, char **argv, struct err *e);
int cmd_cp(struct context *c, int argc, char **argv, struct err *e);
int cmd_port_forward(struct context *c, int argc, char **argv, struct err *e);
int cmd_cost(struct context *c, int argc, char **argv, struct err *e);
int cmd_topup(struct context *c, int argc, char **argv, struct err *e);
int cmd_close(struct context *c, int argc, char **argv, struct err *e);
int cmd_receipt(struct context *c, int argc, char **argv, struct err *e);
int cmd_agent(struct context *c, int argc, char **argv, struct err *e);
int cmd_key(struct context *c, int argc, char **argv, struct err *e);
int cmd_wallet(struct context *c, int argc, char **argv, struct err *e);
int cmd_deposit(struct context *c, int argc, char **argv, struct err *e);
int cmd_withdraw(struct context *c, int argc, char **argv, struct err *e);
int cmd_balance(struct context *c, int argc, char **argv, struct err *e);
int cmd_faucet(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_auction(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_heads(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_tick(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_ledger(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_lease(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_sign(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_revoke(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_list(struct context *c, int argc, char **argv, struct err *e);
int cmd_statement(struct context *c, int argc, char **argv, struct err *e);
int cmd_accept(struct context *c, int argc, char **argv, struct err *e);
int cmd_bond(struct context *c, int argc, char **argv, struct err *e);
int cmd_slash(struct context *c, int argc, char **argv, struct err *e);
int cmd_audit_pool(struct context *c, int argc, char **argv, struct err *e);
int cmd_spot(struct context *c, int argc, char **argv, struct err *e);
int cmd_bids(struct context *c, int argc, char **argv, struct err *e);
int cmd_price(struct context *c, int argc, char **argv, struct err *e);
int cmd_quote(struct context *c, int argc, char **argv, struct err *e);
int cmd_providers(struct context *c, int argc, char **argv, struct err *e);
int cmd_api(struct context *c, int argc, char **argv, struct err *e);
int cmd_volumes(struct context *c, int argc, char **argv, struct err *e);
int cmd_sdl(struct context *c, int argc, char **argv, struct err *e);
int cmd_sdl_fmt(struct context *c, int argc, char **argv, struct err *e);
int cmd_sdl_lint(struct context *c, int argc, char **argv, struct err *e);
int cmd_sdl_convert(struct context *c, int argc, char **argv, struct err *e);

#endif
