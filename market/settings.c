/* SPDX-License-Identifier: Apache-2.0 */
#include "market/settings.h"

#include "lease/bond.h"
#include "lease/spot.h"
#include "lib/conf.h"

#define T struct market_settings
static const struct json_field fields[] = { JSON_STR(T, listen, 64, JSON_OPTIONAL),
					    JSON_U32(T, port, 65535, JSON_OPTIONAL),
					    JSON_U32(T, workers, 64, JSON_OPTIONAL),
					    JSON_STR(T, database, 1000, 0),
					    JSON_STR(T, user, 32, JSON_OPTIONAL),
					    JSON_STR(T, key_file, 500, 0),
					    JSON_STR(T, password_file, 500, 0),
					    JSON_STR(T, tls_cert, 500, JSON_OPTIONAL),
					    JSON_STR(T, tls_key, 500, JSON_OPTIONAL),
					    JSON_STR(T, rpc_url, 500, JSON_OPTIONAL),
					    JSON_STRS(T, rpc_urls, EVM_NODES_MAX, JSON_OPTIONAL),
					    JSON_U64(T, chain_id, 0),
					    JSON_ADDRESS(T, escrow, 0),
					    JSON_ADDRESS(T, token, 0),
					    JSON_STR(T, token_symbol, 12, JSON_OPTIONAL),
					    JSON_U32(T, token_decimals, 18, JSON_OPTIONAL),
					    JSON_STR(T, sql_dir, 500, JSON_OPTIONAL),
					    JSON_STR(T, openapi_file, 500, JSON_OPTIONAL),
					    JSON_U32(T, fee_bps, 2000, JSON_OPTIONAL),
					    JSON_U32(T, accept_ms, 60000, JSON_OPTIONAL),
					    JSON_U32(T, launch_s, 3600, JSON_OPTIONAL),
					    JSON_U32(T, established_launches, 1000, JSON_OPTIONAL),
					    JSON_U32(T, window_min_s, 0, JSON_OPTIONAL),
					    JSON_U32(T, window_max_s, 0, JSON_OPTIONAL),
					    JSON_U32(T, orders_open_max, 100000, JSON_OPTIONAL),
					    JSON_U32(T, spot_period_s, 86400, JSON_OPTIONAL),
					    JSON_U32(T, spot_free_s, 3600, JSON_OPTIONAL),
					    JSON_U32(T, tick_ms, 60000, JSON_OPTIONAL),
					    JSON_U32(T, heartbeat_s, 86400, JSON_OPTIONAL),
					    JSON_U32(T, head_every_s, 86400, JSON_OPTIONAL),
					    JSON_U32(T, in_book_s, 86400, JSON_OPTIONAL),
					    JSON_U32(T, failures_bp_max, 10000, JSON_OPTIONAL),
					    JSON_U32(T, class_launches, 1000, JSON_OPTIONAL),
					    JSON_AMOUNT(T, bond_min, JSON_OPTIONAL),
					    JSON_U32(T, bond_hours, BOND_HOURS_MAX, JSON_OPTIONAL),
					    JSON_U32(T, settle_every_ms, 0, JSON_OPTIONAL),
					    JSON_U32(T, settle_within_s, 2592000, JSON_OPTIONAL),
					    JSON_AMOUNT(T, settle_worth, JSON_OPTIONAL),
					    JSON_U32(T, chain_poll_ms, 60000, JSON_OPTIONAL),
					    JSON_U64(T, chain_start, JSON_OPTIONAL),
					    JSON_U32(T, fee_max_gwei, 1000000, JSON_OPTIONAL),
					    JSON_U32(T, tx_bump_s, 86400, JSON_OPTIONAL),
					    JSON_STR(T, chain_tag, 10, JSON_OPTIONAL),
					    JSON_U32(T, confirmations, 10000, JSON_OPTIONAL),
					    JSON_U32(T, index_every_s, 86400, JSON_OPTIONAL),
					    JSON_OBJ(T, reference, rate_card_fields, JSON_OPTIONAL),
					    JSON_END };
#undef T

int
market_settings_read(struct arena *a, const char *path, struct market_settings *s, struct err *e)
{
	*s = (struct market_settings){
		.listen = "127.0.0.1",
		.port = 8480,
		.workers = 1,
		.token_symbol = "tokens",
		.token_decimals = 6,
		.sql_dir = GAVEL_DATADIR "/sql",
		.openapi_file = GAVEL_DATADIR "/openapi.yaml",
		.fee_bps = 100,
		.accept_ms = 1500,
		.launch_s = 60,
		.established_launches = 1,
		.window_min_s = 600,
		.window_max_s = 30 * 86400,
		.orders_open_max = 64,
		.spot_period_s = SPOT_PERIOD_S,
		.spot_free_s = SPOT_FREE_S,
		.tick_ms = 250,
		.heartbeat_s = 60,
		.head_every_s = 60,
		.in_book_s = 600,
		.failures_bp_max = 1000,
		.class_launches = 1,
		.settle_every_ms = 60000,
		.settle_within_s = 3600,
		.chain_poll_ms = 1000,
		.fee_max_gwei = 1000,
		.tx_bump_s = 30,
		.chain_tag = "latest",
		.confirmations = 2,
		.index_every_s = 300,
		.reference = INDEX_VECTOR,
	};
	if (conf_read(a, path, fields, s, e) < 0 ||
	    evm_urls(a, &s->evm, s->rpc_url, &s->rpc_urls, e) < 0)
		return -1;
	s->evm.chain_id = s->chain_id;
	if (strcmp(s->chain_tag, "latest") != 0 && strcmp(s->chain_tag, "safe") != 0 &&
	    strcmp(s->chain_tag, "finalized") != 0)
		return err_field(e, &ERR_CONFIG, "/chain_tag",
				 "chain_tag: latest, safe or finalized");
	if (s->index_every_s == 0)
		return err_field(e, &ERR_CONFIG, "/index_every_s", "index_every_s: 1 at least");
	return card_check(&s->reference, e);
}
