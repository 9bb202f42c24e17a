/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - market.yaml as a struct, and what the market publishes of it. */
#ifndef GAVEL_MARKET_SETTINGS_H
#define GAVEL_MARKET_SETTINGS_H

#include "lease/index.h"
#include "lease/nodes.h"
#include "lease/terms.h"

struct market_settings {
	const char *listen; /* address */
	uint32_t port;
	uint32_t workers;		      /* web processes */
	const char *database;		      /* libpq conninfo */
	const char *user;		      /* run as, when started as root */
	const char *key_file, *password_file; /* key store of the market's key */
	const char *tls_cert, *tls_key;	      /* empty: plain HTTP */
	const char *rpc_url;
	struct json_strs rpc_urls; /* one of the two */
	struct evm evm;		   /* made of them; a process works on a copy */
	uint64_t chain_id;
	struct address escrow, token;
	const char *token_symbol;
	uint32_t token_decimals;
	const char *sql_dir, *openapi_file;
	/* rules of this market, published at /.well-known/gavel */
	uint32_t fee_bps;
	uint32_t accept_ms;	       /* the winner's time to accept */
	uint32_t launch_s;	       /* from opening to healthy */
	uint32_t established_launches; /* successes before a bid may set prices */
	uint32_t window_min_s, window_max_s;
	uint32_t orders_open_max; /* of one tenant, at once */
	uint32_t spot_period_s;	  /* from one auction of a pool to the next */
	uint32_t spot_free_s;	  /* a run interrupted within it is not paid */
	uint32_t tick_ms;	  /* a tick is closed no more often */
	uint32_t heartbeat_s;	  /* a record at least this often */
	uint32_t head_every_s;	  /* its head goes on the chain so often, if anything happened */
	/* who may set prices: see standing_rules */
	uint32_t in_book_s, failures_bp_max, class_launches;
	struct amount bond_min;
	uint32_t bond_hours;	    /* or so much of what its leases earn, if that is more */
	uint32_t settle_every_ms;   /* how often vouchers are looked at */
	uint32_t settle_within_s;   /* one that waits so long is settled, */
	struct amount settle_worth; /* or that is worth so much; 0: by time only */
	uint32_t chain_poll_ms;
	uint64_t chain_start;	    /* the block the contract was made in */
	uint32_t fee_max_gwei;	    /* per gas, that is paid at most */
	uint32_t tx_bump_s;	    /* without a receipt: the fees are raised */
	const char *chain_tag;	    /* latest, safe, finalized: the head that is read */
	uint32_t confirmations;	    /* blocks on top before a fact is acted on */
	uint32_t index_every_s;	    /* the price index is computed so often */
	struct rate_card reference; /* and its reference vector: see lease/index.h */
};

int market_settings_read(struct arena *a, const char *path, struct market_settings *s,
			 struct err *e) mustcheck;

#endif
