/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/evm.h"

#include <assert.h>
#include <inttypes.h>
#include <time.h>

const struct code EVM_REFUSED = { "chain_refused", UNFUNDED, "the contract refused" };
const struct code EVM_UNFUNDED = { "chain_unfunded", UNFUNDED, "the account cannot pay for gas" };
const struct code EVM_WRONG_CHAIN = { "wrong_chain", INVALID, "the node is on another chain" };
const struct code EVM_BAD_REPLY = { "chain_bad_reply", UNAVAIL,
				    "the node's answer makes no sense" };
const struct code EVM_NODE = { "chain_node", UNAVAIL, "the node could not do it" };
const struct code EVM_NONCE_LOW = { "nonce_low", CONFLICT, "the nonce is used" };
const struct code EVM_KNOWN = { "already_known", CONFLICT, "the node has this transaction" };
const struct code EVM_UNDERPRICED = { "underpriced", CONFLICT, "the fees are too low" };
const struct code EVM_TOO_MANY = { "chain_too_many", LIMIT,
				   "more logs than the node gives at once" };

/* What geth's miners take at least; a tip of less may wait for ever. */
#define TIP_MIN_WEI ((u128)1000000u)
#define FEE_MAX_WEI ((u128)1000000000000u)
/* No sum or product of fees below wraps. */
#define WEI_MAX	      ((u128)1 << 96)
#define FEE_BLOCKS    20u
#define POLL_FIRST_NS (20L * 1000 * 1000)
#define POLL_LAST_NS  (500L * 1000 * 1000)
#define POLLS	      250u /* about two minutes */

/* ------------------------------------------------------------------ */
/* Requests.                                                           */

static const char *
rpc(struct arena *a, const char *method, const char *params)
{
	return arena_printf(a, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":[%s]}",
			    method, params);
}

static const char *
hex_arg(struct arena *a, const void *bytes, size_t len)
{
	return hex_text(bytes, len, arena_alloc(a, 2 * len + 3));
}

const char *
rpc_chain_id(struct arena *a)
{
	return rpc(a, "eth_chainId", "");
}

const char *
rpc_block(struct arena *a, const char *tag_or_null, uint64_t number)
{
	const char *which =
		tag_or_null != NULL ? tag_or_null : arena_printf(a, "0x%" PRIx64, number);

	return rpc(a, "eth_getBlockByNumber", arena_printf(a, "\"%s\",false", which));
}

const char *
rpc_nonce(struct arena *a, const struct address *who)
{
	char text[ADDRESS_TEXT_SIZE];

	return rpc(a, "eth_getTransactionCount",
		   arena_printf(a, "\"%s\",\"pending\"", address_text(who, text)));
}

const char *
rpc_code(struct arena *a, const struct address *who)
{
	char text[ADDRESS_TEXT_SIZE];

	return rpc(a, "eth_getCode", arena_printf(a, "\"%s\",\"latest\"", address_text(who, text)));
}

const char *
rpc_nonce_mined(struct arena *a, const struct address *who)
{
	char text[ADDRESS_TEXT_SIZE];

	return rpc(a, "eth_getTransactionCount",
		   arena_printf(a, "\"%s\",\"latest\"", address_text(who, text)));
}

const char *
rpc_nonce_at(struct arena *a, const struct address *who, uint64_t block)
{
	char text[ADDRESS_TEXT_SIZE];

	return rpc(a, "eth_getTransactionCount",
		   arena_printf(a, "\"%s\",\"0x%" PRIx64 "\"", address_text(who, text), block));
}

const char *
rpc_fee_history(struct arena *a)
{
	return rpc(a, "eth_feeHistory", arena_printf(a, "\"0x%x\",\"latest\",[50]", FEE_BLOCKS));
}

static const char *
call_object(struct arena *a, const struct address *from, const struct address *to,
	    struct calldata data)
{
	char from_text[ADDRESS_TEXT_SIZE], to_text[ADDRESS_TEXT_SIZE];

	return arena_printf(a, "{%s%s%s%s%s%s\"data\":\"%s\"}", from != NULL ? "\"from\":\"" : "",
			    from != NULL ? address_text(from, from_text) : "",
			    from != NULL ? "\"," : "", to != NULL ? "\"to\":\"" : "",
			    to != NULL ? address_text(to, to_text) : "", to != NULL ? "\"," : "",
			    hex_arg(a, data.b, data.len));
}

const char *
rpc_gas(struct arena *a, const struct address *from, const struct address *to, struct calldata data)
{
	return rpc(a, "eth_estimateGas", call_object(a, from, to, data));
}

const char *
rpc_call(struct arena *a, const struct address *from, const struct address *to,
	 struct calldata data)
{
	return rpc(a, "eth_call", arena_printf(a, "%s,\"latest\"", call_object(a, from, to, data)));
}

const char *
rpc_try(struct arena *a, const struct address *from, const struct address *to, struct calldata data)
{
	return rpc(a, "eth_call",
		   arena_printf(a, "%s,\"pending\"", call_object(a, from, to, data)));
}

const char *
rpc_call_at(struct arena *a, const struct address *to, struct calldata data, uint64_t block)
{
	return rpc(a, "eth_call",
		   arena_printf(a, "%s,\"0x%" PRIx64 "\"", call_object(a, NULL, to, data), block));
}

const char *
rpc_send(struct arena *a, const uint8_t *raw, size_t len)
{
	return rpc(a, "eth_sendRawTransaction", arena_printf(a, "\"%s\"", hex_arg(a, raw, len)));
}

const char *
rpc_receipt(struct arena *a, const struct hash *tx)
{
	return rpc(a, "eth_getTransactionReceipt",
		   arena_printf(a, "\"%s\"", hex_arg(a, tx->b, sizeof(tx->b))));
}

const char *
rpc_tx(struct arena *a, const struct hash *tx)
{
	return rpc(a, "eth_getTransactionByHash",
		   arena_printf(a, "\"%s\"", hex_arg(a, tx->b, sizeof(tx->b))));
}

const char *
rpc_tx_at(struct arena *a, uint64_t block, uint64_t index)
{
	return rpc(a, "eth_getTransactionByBlockNumberAndIndex",
		   arena_printf(a, "\"0x%" PRIx64 "\",\"0x%" PRIx64 "\"", block, index));
}

const char *
rpc_logs_of(struct arena *a, const struct address *contract, const struct hash *topics,
	    size_t count, uint64_t from, uint64_t to)
{
	char text[HASH_TEXT_SIZE];
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		list = arena_printf(a, "%s%s\"%s\"", list, i != 0 ? "," : "",
				    hash_text(&topics[i], text));
	return rpc(a, "eth_getLogs",
		   arena_printf(a,
				"{\"address\":\"%s\",\"fromBlock\":\"0x%" PRIx64
				"\",\"toBlock\":\"0x%" PRIx64 "\",\"topics\":[%s]}",
				address_text(contract, text), from, to, list));
}

const char *
rpc_logs(struct arena *a, const struct address *contract, uint64_t from, uint64_t to)
{
	return rpc_logs_of(a, contract, NULL, 0, from, to);
}

/* ------------------------------------------------------------------ */
/* Replies.                                                            */

static int
bad(struct err *e, const char *what)
{
	return err_set(e, &EVM_BAD_REPLY, "%s", what);
}

/* How nodes say it: there is no standard for these but the words. */
static const struct {
	const char *words;
	const struct code *code;
} sayings[] = {
	{ "nonce too low", &EVM_NONCE_LOW },
	{ "nonce is too low", &EVM_NONCE_LOW },
	{ "oldnonce", &EVM_NONCE_LOW },
	{ "already known", &EVM_KNOWN },
	{ "alreadyknown", &EVM_KNOWN },
	{ "already imported", &EVM_KNOWN },
	{ "known transaction", &EVM_KNOWN },
	{ "underpriced", &EVM_UNDERPRICED },
	{ "less than block base fee", &EVM_UNDERPRICED },
	{ "insufficient funds", &EVM_UNFUNDED },
	{ "insufficient balance for transfer", &EVM_UNFUNDED },
	{ "revert", &EVM_REFUSED },
	{ "out of gas", &EVM_REFUSED },
	{ "gas required exceeds", &EVM_REFUSED },
	{ "invalid opcode", &EVM_REFUSED },
	{ "query returned more than", &EVM_TOO_MANY },
	{ "too many results", &EVM_TOO_MANY },
	{ "block range", &EVM_TOO_MANY },
	{ "response size", &EVM_TOO_MANY },
};

/* The node's words go to logs and terminals: printable ASCII only. */
static const char *
plain(struct arena *a, const char *text)
{
	char *out = arena_strndup(a, text, MIN(strlen(text), (size_t)180));

	for (char *p = out; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return out;
}

/* {"code":3,"message":"execution reverted: ...","data":"0x1234abcd..."} */
static int
rpc_error(struct arena *a, const struct json *error, struct err *e)
{
	const struct json *message = json_get(error, "message"), *data = json_get(error, "data");
	const struct json *number = json_get(error, "code");
	const char *text = message != NULL && message->type == JSON_STRING ? message->text : "?";
	const struct code *code = &EVM_NODE;
	struct err ignored = ERR_NONE;
	const uint8_t *bytes;
	size_t len;

	if (number != NULL && number->type == JSON_NUMBER && strcmp(number->text, "3") == 0)
		code = &EVM_REFUSED;
	for (size_t i = 0; i < NELEMS(sayings) && code == &EVM_NODE; i++)
		if (strcasestr(text, sayings[i].words) != NULL)
			code = sayings[i].code;
	if (code == &EVM_REFUSED && data != NULL &&
	    rpc_bytes_read(a, data, &bytes, &len, &ignored) == 0 && len >= 4)
		text = escrow_revert_text(a, bytes, len);
	return err_set(e, code, "%s", plain(a, text));
}

int
rpc_result(struct arena *a, const char *text, size_t len, struct json **result, struct err *e)
{
	struct json *doc, *error, *id;

	if (json_parse(a, text, len, &doc, e) < 0)
		return e->code == &ERR_TOO_BIG ? err_wrap(e, "node")
					       : bad(e, "the node did not answer in JSON");
	error = json_get(doc, "error");
	if (error != NULL && error->type == JSON_OBJECT)
		return rpc_error(a, error, e);
	id = json_get(doc, "id");
	if (id == NULL || id->type != JSON_NUMBER || strcmp(id->text, "1") != 0)
		return bad(e, "an answer to another question");
	*result = json_get(doc, "result");
	return *result == NULL ? bad(e, "neither result nor error") : 0;
}

int
rpc_uint_read(const struct json *result, u128 *out, struct err *e)
{
	u128 v = 0;

	if (result == NULL || result->type != JSON_STRING || result->text_len < 3 ||
	    result->text_len > 34 || strncmp(result->text, "0x", 2) != 0 ||
	    (result->text[2] == '0' && result->text_len > 3))
		return bad(e, "expected a hex number of at most 128 bits");
	for (const char *p = result->text + 2; *p != '\0'; p++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, *p);

		if (at == NULL)
			return bad(e, "expected a hex number");
		v = v << 4 | (u128)(size_t)(at - digits);
	}
	*out = v;
	return 0;
}

static int
u64_member(const struct json *object, const char *name, uint64_t *out, struct err *e)
{
	u128 v;

	if (rpc_uint_read(json_get(object, name), &v, e) < 0)
		return err_wrap(e, "%s", name);
	if (v > UINT64_MAX)
		return bad(e, "number too large");
	*out = (uint64_t)v;
	return 0;
}

int
rpc_bytes_read(struct arena *a, const struct json *result, const uint8_t **bytes, size_t *len,
	       struct err *e)
{
	uint8_t *out;

	if (result == NULL || result->type != JSON_STRING || result->text_len % 2 != 0 ||
	    strncmp(result->text, "0x", 2) != 0)
		return bad(e, "expected hex data");
	*len = (result->text_len - 2) / 2;
	out = arena_alloc(a, *len + 1);
	*bytes = out;
	return hex_read(result->text, out, *len, e) < 0 ? bad(e, "expected hex data") : 0;
}

int
rpc_hash_read(const struct json *result, struct hash *out, struct err *e)
{
	if (result == NULL || result->type != JSON_STRING || strncmp(result->text, "0x", 2) != 0 ||
	    hash_read(result->text, out, e) < 0)
		return bad(e, "expected a hash");
	return 0;
}

static int
address_member(const struct json *object, const char *name, struct address *out, struct err *e)
{
	const struct json *v = json_get(object, name);

	if (v == NULL || v->type != JSON_STRING || strncmp(v->text, "0x", 2) != 0 ||
	    hex_read(v->text, out->b, sizeof(out->b), e) < 0)
		return bad(e, "expected an address");
	return 0;
}

static int
wei_read(const struct json *v, u128 *out, struct err *e)
{
	if (rpc_uint_read(v, out, e) < 0)
		return -1;
	return *out > WEI_MAX ? bad(e, "a fee beyond all measure") : 0;
}

int
rpc_block_read(const struct json *result, struct evm_block *out, struct err *e)
{
	if (result == NULL || result->type != JSON_OBJECT)
		return bad(e, "no such block");
	out->base_fee = 0;
	if (json_get(result, "baseFeePerGas") != NULL &&
	    wei_read(json_get(result, "baseFeePerGas"), &out->base_fee, e) < 0)
		return err_wrap(e, "block");
	if (u64_member(result, "number", &out->number, e) < 0 ||
	    u64_member(result, "timestamp", &out->time, e) < 0 ||
	    rpc_hash_read(json_get(result, "hash"), &out->hash, e) < 0 ||
	    rpc_hash_read(json_get(result, "parentHash"), &out->parent, e) < 0)
		return err_wrap(e, "block");
	return 0;
}

static int
log_read(struct arena *a, const struct json *v, struct evm_log *log, struct err *e)
{
	const struct json *topics = json_get(v, "topics"), *removed = json_get(v, "removed");

	if (topics == NULL || topics->type != JSON_ARRAY || topics->count > NELEMS(log->topics))
		return bad(e, "log without topics");
	if (removed != NULL && removed->type == JSON_BOOL && removed->truth)
		return bad(e, "log of a block that is no more");
	for (const struct json *t = topics->first; t != NULL; t = t->next)
		if (rpc_hash_read(t, &log->topics[log->topic_count++], e) < 0)
			return err_wrap(e, "log");
	if (address_member(v, "address", &log->address, e) < 0 ||
	    rpc_bytes_read(a, json_get(v, "data"), &log->data, &log->len, e) < 0 ||
	    u64_member(v, "blockNumber", &log->block, e) < 0 ||
	    u64_member(v, "logIndex", &log->index, e) < 0 ||
	    rpc_hash_read(json_get(v, "blockHash"), &log->block_hash, e) < 0 ||
	    rpc_hash_read(json_get(v, "transactionHash"), &log->tx_hash, e) < 0)
		return err_wrap(e, "log");
	if (json_get(v, "blockTimestamp") != NULL &&
	    u64_member(v, "blockTimestamp", &log->time, e) < 0)
		return err_wrap(e, "log");
	return 0;
}

int
rpc_logs_read(struct arena *a, const struct json *result, struct evm_log **logs, size_t *count,
	      struct err *e)
{
	size_t n = 0;

	if (result == NULL || result->type != JSON_ARRAY)
		return bad(e, "expected a list of logs");
	*logs = arena_alloc(a, (result->count + 1) * sizeof(**logs));
	for (const struct json *v = result->first; v != NULL; v = v->next)
		if (log_read(a, v, &(*logs)[n++], e) < 0)
			return -1;
	*count = n;
	return 0;
}

static bool
is_null(const struct json *v)
{
	return v == NULL || v->type == JSON_NULL;
}

int
rpc_tx_read(struct arena *a, const struct json *result, struct evm_tx *out, struct err *e)
{
	*out = (struct evm_tx){ .found = false };
	if (is_null(result))
		return 0;
	if (u64_member(result, "nonce", &out->nonce, e) < 0 ||
	    rpc_hash_read(json_get(result, "hash"), &out->hash, e) < 0 ||
	    address_member(result, "from", &out->from, e) < 0 ||
	    rpc_bytes_read(a, json_get(result, "input"), &out->data, &out->len, e) < 0)
		return err_wrap(e, "transaction");
	out->creates = is_null(json_get(result, "to"));
	out->mined = !is_null(json_get(result, "blockNumber"));
	if ((!out->creates && address_member(result, "to", &out->to, e) < 0) ||
	    (out->mined && u64_member(result, "blockNumber", &out->block, e) < 0))
		return err_wrap(e, "transaction");
	out->found = true;
	return 0;
}

int
rpc_receipt_read(struct arena *a, const struct json *result, struct evm_receipt *out, struct err *e)
{
	const struct json *created;
	uint64_t status;

	*out = (struct evm_receipt){ .found = false };
	if (result == NULL || result->type == JSON_NULL)
		return 0;
	created = json_get(result, "contractAddress");
	if (u64_member(result, "status", &status, e) < 0 ||
	    u64_member(result, "blockNumber", &out->block, e) < 0 ||
	    u64_member(result, "gasUsed", &out->gas_used, e) < 0 ||
	    rpc_hash_read(json_get(result, "blockHash"), &out->block_hash, e) < 0 ||
	    rpc_logs_read(a, json_get(result, "logs"), &out->logs, &out->log_count, e) < 0)
		return err_wrap(e, "receipt");
	if (created != NULL && created->type != JSON_NULL &&
	    address_member(result, "contractAddress", &out->created, e) < 0)
		return err_wrap(e, "receipt");
	out->found = true;
	out->success = status == 1;
	return 0;
}

/* Rewards of blocks that had transactions; an empty block gives 0. */
static size_t
rewards_read(const struct json *rewards, u128 out[static FEE_BLOCKS])
{
	struct err ignored = ERR_NONE;
	size_t n = 0;

	if (rewards == NULL || rewards->type != JSON_ARRAY)
		return 0;
	for (const struct json *v = rewards->first; v != NULL && n < FEE_BLOCKS; v = v->next)
		if (v->type == JSON_ARRAY && v->first != NULL &&
		    wei_read(v->first, &out[n], &ignored) == 0 && out[n] != 0)
			n++;
	return n;
}

static int
u128_compare(const void *a, const void *b)
{
	u128 x = *(const u128 *)a, y = *(const u128 *)b;

	return (x > y) - (x < y);
}

int
rpc_fees_read(const struct json *result, struct evm_fees *out, struct err *e)
{
	const struct json *bases = json_get(result, "baseFeePerGas");
	u128 rewards[FEE_BLOCKS], base, tip = TIP_MIN_WEI;
	size_t count;

	/* One base fee more than blocks: the last is the next block's. */
	if (bases == NULL || bases->type != JSON_ARRAY || wei_read(bases->last, &base, e) < 0)
		return bad(e, "fee history without base fees");
	count = rewards_read(json_get(result, "reward"), rewards);
	if (count != 0) {
		qsort(rewards, count, sizeof(rewards[0]), u128_compare);
		tip = MAX(tip, rewards[count / 2]);
	}
	*out = (struct evm_fees){ .tip = tip, .max_fee = 2 * base + tip };
	return 0;
}

bool
evm_logs_too_many(const struct err *e)
{
	return e->code == &EVM_TOO_MANY || e->code == &ERR_TOO_BIG;
}

u128
evm_max_fee(const struct evm_block *latest)
{
	return 2 * latest->base_fee + EVM_TIP_WEI;
}

struct evm_fees
evm_fees_bump(struct evm_fees fees)
{
	return (struct evm_fees){ fees.tip + fees.tip / 8 + 1,
				  fees.max_fee + fees.max_fee / 8 + 1 };
}

bool
evm_fees_cap(struct evm_fees *fees, u128 most)
{
	most = most != 0 ? most : FEE_MAX_WEI;
	if (fees->tip > most)
		return false;
	fees->max_fee = MIN(fees->max_fee, most);
	return true;
}

bool
evm_fees_replace(struct evm_fees *fees, struct evm_fees asked, u128 most)
{
	struct evm_fees least = evm_fees_bump(*fees);
	struct evm_fees next = { MAX(least.tip, asked.tip), MAX(least.max_fee, asked.max_fee) };

	most = most != 0 ? most : FEE_MAX_WEI;
	/* A node takes only what is more in both. */
	if (least.max_fee > most || least.tip > most)
		return false;
	next.max_fee = MIN(next.max_fee, most);
	next.tip = MIN(next.tip, next.max_fee);
	*fees = next;
	return true;
}

uint64_t
evm_gas_limit(u128 estimate)
{
	u128 bounded = MIN(estimate, (u128)EVM_GAS_MAX);

	return (uint64_t)MIN(bounded + bounded / 5, (u128)EVM_GAS_MAX);
}

/* ------------------------------------------------------------------ */
/* Blocking.                                                           */

int
evm_check_chain(struct arena *a, struct evm *evm, struct err *e)
{
	struct json *result;
	u128 id;

	/* With several, those that are behind or elsewhere are left at once. */
	if (evm->urls.count > 1)
		evm_look_now(a, evm);
	if (evm_now(a, evm, rpc_chain_id(a), &result, e) < 0 || rpc_uint_read(result, &id, e) < 0)
		return -1;
	if (id == 0 || id > UINT64_MAX)
		return bad(e, "a chain id beyond 64 bits");
	if (evm->chain_id == 0)
		evm->chain_id = (uint64_t)id;
	if (id != evm->chain_id)
		return err_set(e, &EVM_WRONG_CHAIN,
			       "the node serves chain %llu, the settings say %llu",
			       (unsigned long long)id, (unsigned long long)evm->chain_id);
	evm->nodes[evm->first].trust = EVM_OURS;
	return 0;
}

static int
uint_now(struct arena *a, struct evm *evm, const char *body, u128 *out, struct err *e)
{
	struct json *result;

	if (evm_now(a, evm, body, &result, e) < 0)
		return -1;
	return rpc_uint_read(result, out, e);
}

int
evm_call_now(struct arena *a, struct evm *evm, const struct address *to, struct calldata data,
	     const uint8_t **out, size_t *len, struct err *e)
{
	struct json *result;

	if (evm_now(a, evm, rpc_call(a, NULL, to, data), &result, e) < 0)
		return -1;
	return rpc_bytes_read(a, result, out, len, e);
}

/* A node that does not answer now may answer in a moment: only the end of our
 * patience is a failure, for the transaction is out. */
static int
wait_receipt(struct arena *a, struct evm *evm, const struct hash *hash, struct evm_receipt *receipt,
	     struct err *e)
{
	struct timespec pause = { 0, POLL_FIRST_NS };
	const char *body = rpc_receipt(a, hash);
	struct err last = ERR_NONE;
	char text[HASH_TEXT_SIZE];
	struct json *result;

	for (unsigned i = 0; i < POLLS; i++) {
		if (evm_now(a, evm, body, &result, &last) == 0 &&
		    rpc_receipt_read(a, result, receipt, &last) == 0 && receipt->found)
			return 0;
		nanosleep(&pause, NULL);
		pause.tv_nsec = MIN(pause.tv_nsec * 2, POLL_LAST_NS);
	}
	return err_set(e, &ERR_TIMEOUT, "transaction %s is not mined yet%s%.60s",
		       hash_text(hash, text), last.code != NULL ? ": " : "", last.text);
}

static int
fees_now(struct arena *a, struct evm *evm, struct evm_fees *fees, struct err *e)
{
	char have[AMOUNT_TEXT_SIZE];
	struct json *result;

	if (evm_now(a, evm, rpc_fee_history(a), &result, e) < 0 ||
	    rpc_fees_read(result, fees, e) < 0)
		return -1;
	return evm_fees_cap(fees, evm->fee_max)
		       ? 0
		       : err_set(e, &EVM_UNDERPRICED, "gas costs %s wei, more than is to be paid",
				 u128_text(fees->tip, have));
}

/* Nonce, gas and fees. The call is tried first: it tells why it would revert,
 * which estimates of some nodes do not. */
static int
tx_prepare(struct arena *a, struct evm *evm, const struct address *from, const struct address *to,
	   struct calldata data, struct tx *tx, struct err *e)
{
	struct evm_fees fees;
	struct err refused = ERR_NONE;
	struct json *result;
	const char *why;
	u128 gas, nonce;

	/* A node without a block to come says so; the estimate will do. */
	if (evm_now(a, evm, rpc_try(a, from, to, data), &result, &refused) < 0 &&
	    refused.code == &EVM_REFUSED) {
		why = escrow_reason_why(refused.text);
		return err_set(e, &EVM_REFUSED, "%s%s%s", refused.text, why != NULL ? ", " : "",
			       why != NULL ? why : "");
	}
	if (uint_now(a, evm, rpc_gas(a, from, to, data), &gas, e) < 0 ||
	    uint_now(a, evm, rpc_nonce(a, from), &nonce, e) < 0 || fees_now(a, evm, &fees, e) < 0)
		return -1;
	if (gas > EVM_GAS_MAX)
		return err_set(e, &ERR_TOO_BIG, "the call does not fit one transaction");
	if (nonce > UINT64_MAX)
		return bad(e, "a nonce beyond 64 bits");
	*tx = (struct tx){ .chain_id = evm->chain_id,
			   .nonce = (uint64_t)nonce,
			   .gas = evm_gas_limit(gas),
			   .tip = fees.tip,
			   .max_fee = fees.max_fee,
			   .creates = to == NULL,
			   .data = data.b,
			   .data_len = data.len };
	if (to != NULL)
		tx->to = *to;
	return 0;
}

static int
send_now(struct arena *a, struct evm *evm, const uint8_t *raw, size_t len, const struct hash *hash,
	 struct evm_receipt *receipt, struct err *e)
{
	struct err refused = ERR_NONE;
	struct json *result = NULL;

	/* Known: an endpoint had it already. Nonce low: it, or another, is mined. */
	if (evm_now(a, evm, rpc_send(a, raw, len), &result, &refused) < 0 &&
	    refused.code != &EVM_KNOWN) {
		if (refused.code != &EVM_NONCE_LOW ||
		    evm_now(a, evm, rpc_receipt(a, hash), &result, e) < 0 ||
		    rpc_receipt_read(a, result, receipt, e) < 0 || !receipt->found) {
			*e = refused;
			return err_wrap(e, "send");
		}
	}
	if (wait_receipt(a, evm, hash, receipt, e) < 0)
		return -1;
	return receipt->success ? 0 : err_set(e, &EVM_REFUSED, "the transaction was reverted");
}

int
evm_send_now(struct arena *a, struct evm *evm, const struct key *key, const struct address *to,
	     struct calldata data, struct evm_receipt *receipt, struct err *e)
{
	const uint8_t *raw;
	struct hash hash;
	struct tx tx;
	size_t len;

	assert(evm->chain_id != 0);
	if (tx_prepare(a, evm, &key->address, to, data, &tx, e) < 0)
		return -1;
	raw = tx_sign(a, &tx, key, &len, &hash);
	return send_now(a, evm, raw, len, &hash, receipt, e);
}

int
evm_create_sign(struct arena *a, struct evm *evm, const struct key *key, struct calldata code,
		struct evm_creation *c, struct err *e)
{
	struct tx tx;

	assert(evm->chain_id != 0);
	if (tx_prepare(a, evm, &key->address, NULL, code, &tx, e) < 0)
		return err_wrap(e, "deploy");
	c->raw = tx_sign(a, &tx, key, &c->len, &c->hash);
	c->created = tx_created(&key->address, tx.nonce);
	return 0;
}

int
evm_create_now(struct arena *a, struct evm *evm, const struct evm_creation *c,
	       struct evm_receipt *receipt, struct err *e)
{
	if (send_now(a, evm, c->raw, c->len, &c->hash, receipt, e) < 0)
		return err_wrap(e, "deploy");
	return address_equal(&c->created, &receipt->created)
		       ? 0
		       : bad(e, "the contract is not where it should be");
}

int
evm_deploy_now(struct arena *a, struct evm *evm, const struct key *key, struct calldata code,
	       struct evm_receipt *receipt, struct err *e)
{
	struct evm_creation c;

	if (evm_create_sign(a, evm, key, code, &c, e) < 0)
		return -1;
	return evm_create_now(a, evm, &c, receipt, e);
}
