/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evm_test.c - what a node may answer, right and hostile; and whom we ask when
 * it does not. The node is a child of this test that says one thing for ever.
 */
#include "lease/evm.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static struct arena arena;

/* ------------------------------------------------------------------ */
/* Pure.                                                               */

#define REPLY(rest)    "{\"jsonrpc\":\"2.0\",\"id\":1," rest "}"
#define ERROR(message) REPLY("\"error\":{\"code\":-32000,\"message\":\"" message "\"}")

static void
test_results(void)
{
	static const struct {
		const char *text;
		const struct code *code; /* NULL: a result */
		const char *says;
	} cases[] = {
		{ REPLY("\"result\":\"0x1\""), NULL, "" },
		{ REPLY("\"result\":null"), NULL, "" },
		{ "{\"result\":\"0x1\",\"id\":1}", NULL, "" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"0x1\"}", &EVM_BAD_REPLY, "another" },
		{ "{\"jsonrpc\":\"2.0\",\"result\":\"0x1\"}", &EVM_BAD_REPLY, "another" },
		{ REPLY("\"res\":1"), &EVM_BAD_REPLY, "neither" },
		{ "[]", &EVM_BAD_REPLY, "" },
		{ "<html>", &EVM_BAD_REPLY, "JSON" },
		{ "", &EVM_BAD_REPLY, "" },
		{ ERROR("nonce too low: next nonce 5, tx nonce 4"), &EVM_NONCE_LOW, "next nonce" },
		{ ERROR("already known"), &EVM_KNOWN, "" },
		{ ERROR("AlreadyKnown"), &EVM_KNOWN, "" },
		{ ERROR("replacement transaction underpriced"), &EVM_UNDERPRICED, "" },
		{ ERROR("Insufficient funds for gas * price + value"), &EVM_UNFUNDED, "" },
		{ ERROR("query returned more than 10000 results"), &EVM_TOO_MANY, "" },
		{ ERROR("request rate exceeded"), &EVM_NODE, "rate" },
		{ ERROR("a\\u001b[2Jb\\nc"), &EVM_NODE, "a?[2Jb?c" },
		{ ERROR("execution reverted"), &EVM_REFUSED, "reverted" },
		{ REPLY("\"error\":{\"code\":3,\"message\":\"execution reverted: custom error\","
			"\"data\":\"0x43f9e110\"}"),
		  &EVM_REFUSED, "NoFunds" },
		{ REPLY("\"error\":{\"code\":3,\"message\":\"no\",\"data\":\"0x43f9e1\"}"),
		  &EVM_REFUSED, "no" },
		{ REPLY("\"error\":{\"code\":3,\"message\":\"no\",\"data\":{}}"), &EVM_REFUSED,
		  "no" },
		{ REPLY("\"error\":{}"), &EVM_NODE, "?" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		struct json *result;
		int got = rpc_result(&arena, cases[i].text, strlen(cases[i].text), &result, &e);

		ok(cases[i].code == NULL ? got == 0
					 : got < 0 && e.code == cases[i].code &&
						   strstr(e.text, cases[i].says) != NULL,
		   "%s: %s", cases[i].text, e.text);
	}
}

static const struct json *
json(const char *text)
{
	struct err e = ERR_NONE;
	struct json *doc;

	if (json_parse(&arena, text, strlen(text), &doc, &e) < 0)
		fatal("a case is not JSON: %s", text);
	return doc;
}

static void
test_numbers(void)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t want;
	} cases[] = {
		{ "\"0x0\"", true, 0 },
		{ "\"0x7a69\"", true, 31337 },
		{ "\"0xffffffffffffffff\"", true, UINT64_MAX },
		{ "\"0x\"", false, 0 },
		{ "\"0x01\"", false, 0 },
		{ "\"0xG\"", false, 0 },
		{ "\"0xA\"", false, 0 },
		{ "\"10\"", false, 0 },
		{ "\"-0x1\"", false, 0 },
		{ "\"0x100000000000000000000000000000000\"", false, 0 },
		{ "1", false, 0 },
		{ "null", false, 0 },
		{ "[]", false, 0 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		u128 v = 0;
		int got = rpc_uint_read(json(cases[i].text), &v, &e);

		ok(cases[i].good ? got == 0 && v == cases[i].want
				 : got < 0 && e.code == &EVM_BAD_REPLY,
		   "number %s", cases[i].text);
	}
}

static void
test_bytes(void)
{
	static const struct {
		const char *text;
		long long want;
	} cases[] = { { "\"0x\"", 0 },	  { "\"0xff00\"", 2 }, { "\"0xf\"", -1 }, { "\"\"", -1 },
		      { "\"ff00\"", -1 }, { "\"0xzz\"", -1 },  { "5", -1 },	  { "null", -1 } };

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		const uint8_t *bytes;
		size_t len = 0;
		int got = rpc_bytes_read(&arena, json(cases[i].text), &bytes, &len, &e);

		ok(got == 0 ? (long long)len == cases[i].want : cases[i].want < 0, "bytes %s",
		   cases[i].text);
	}
}

#define H(digit) "\"0x" digit "00000000000000000000000000000000000000000000000000000000000000\""
#define LOG                                                                                        \
	"{\"address\":\"0x1111111111111111111111111111111111111111\",\"topics\":[" H(              \
		"aa") "],"                                                                         \
		      "\"data\":\"0x01\",\"blockNumber\":\"0x5\",\"logIndex\":\"0x2\","            \
		      "\"blockHash\":" H("bb") ",\"transactionHash\":" H(                          \
			      "cc") ",\"removed\":false,\"blockTimestamp\":\"0x1\"}"
#define RECEIPT                                                                                    \
	"{\"status\":\"0x1\",\"blockNumber\":\"0x5\",\"gasUsed\":\"0x5208\",\"blockHash\":" H(     \
		"bb") ",\"contractAddress\":null,\"logs\":[" LOG "]}"
#define BLOCK                                                                                      \
	"{\"number\":\"0x5\",\"timestamp\":\"0x6\",\"hash\":" H("bb") ",\"parentHash\":" H(        \
		"dd") ",\"baseFeePerGas\":\"0x7\"}"

static const struct json *
edited(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (at == NULL)
		fatal("the case edits nothing: %s", from);
	return json(
		arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
}

static void
test_good_objects(void)
{
	struct evm_receipt receipt;
	struct evm_block block;
	struct err e = ERR_NONE;

	ok(rpc_receipt_read(&arena, json(RECEIPT), &receipt, &e) == 0 && receipt.found &&
		   receipt.success && receipt.gas_used == 21000 && receipt.log_count == 1 &&
		   receipt.logs[0].block == 5 && receipt.logs[0].index == 2 &&
		   receipt.logs[0].topic_count == 1 && receipt.logs[0].len == 1 &&
		   receipt.logs[0].tx_hash.b[0] == 0xcc,
	   "a receipt: %s", e.text);
	ok(rpc_receipt_read(&arena, json("null"), &receipt, &e) == 0 && !receipt.found,
	   "no receipt yet");
	ok(rpc_receipt_read(&arena, edited(RECEIPT, "\"0x1\"", "\"0x0\""), &receipt, &e) == 0 &&
		   receipt.found && !receipt.success,
	   "a receipt of a failure");
	ok(rpc_block_read(json(BLOCK), &block, &e) == 0 && block.number == 5 && block.time == 6 &&
		   block.base_fee == 7 && block.parent.b[0] == 0xdd,
	   "a block");
}

#define HASH32 "0xcc00000000000000000000000000000000000000000000000000000000000000"
#define TX                                                                                         \
	"{\"hash\":\"" HASH32 "\",\"nonce\":\"0x7\",\"blockNumber\":\"0x9\","                      \
	"\"from\":\"0x1100000000000000000000000000000000000000\","                                 \
	"\"to\":\"0x2200000000000000000000000000000000000000\",\"input\":\"0xabcd\"}"

static void
test_transactions(void)
{
	static const struct {
		const char *from, *to, *what;
	} bad[] = {
		{ "\"nonce\":\"0x7\",", "", "without a nonce" },
		{ "0x7", "0x10000000000000000", "a nonce beyond 64 bits" },
		{ "\"0xabcd\"", "\"0xabc\"", "half a byte of data" },
		{ "\"0xabcd\"", "null", "without data" },
		{ "0x11", "0x", "a short sender" },
		{ "\"0x22", "\"22", "a receiver of another form" },
		{ "0xcc00", "0xcc", "a short hash" },
		{ "\"0x9\"", "9", "a block that is a number" },
	};
	struct err e = ERR_NONE;
	struct evm_tx tx;

	ok(rpc_tx_read(&arena, json(TX), &tx, &e) == 0 && tx.found && tx.mined && tx.nonce == 7 &&
		   tx.block == 9 && tx.from.b[0] == 0x11 && tx.to.b[0] == 0x22 && !tx.creates &&
		   tx.len == 2 && tx.data[1] == 0xcd && tx.hash.b[0] == 0xcc,
	   "a transaction: %s", e.text);
	ok(rpc_tx_read(&arena, json("null"), &tx, &e) == 0 && !tx.found, "no such transaction");
	ok(rpc_tx_read(&arena, edited(TX, "\"0x9\"", "null"), &tx, &e) == 0 && tx.found &&
		   !tx.mined,
	   "one that waits");
	ok(rpc_tx_read(&arena, edited(TX, "\"0x2200000000000000000000000000000000000000\"", "null"),
		       &tx, &e) == 0 &&
		   tx.creates,
	   "one that makes a contract");
	for (size_t i = 0; i < NELEMS(bad); i++) {
		e = (struct err)ERR_NONE;
		ok(rpc_tx_read(&arena, edited(TX, bad[i].from, bad[i].to), &tx, &e) < 0 &&
			   e.code == &EVM_BAD_REPLY,
		   "%s", bad[i].what);
	}
}

static void
test_bad_objects(void)
{
	static const struct {
		const char *from, *to;
	} logs[] = {
		{ "\"removed\":false", "\"removed\":true" },
		{ "0x1111111111111111111111111111111111111111", "0x11" },
		{ "\"0x5\"", "null" }, /* of a block that is not mined */
		{ "\"0x2\"", "\"0x10000000000000000\"" },
		{ "\"0x01\"", "\"0x0\"" },
		{ "[" H("aa") "]", "\"\"" },
		{ "[" H("aa") "]", "[1]" },
		{ "[" H("aa") "]", "[\"0x00\"]" },
		{ "[" H("aa") "]", "[" H("1a") "," H("2a") "," H("3a") "," H("4a") "," H("5a") "]" },
		{ "\"transactionHash\"", "\"transaction\"" },
	}, blocks[] = {
		{ "\"0x5\"", "5" },
		{ "\"0x6\"", "\"\"" },
		{ H("bb"), "null" },
		{ "\"0x7\"", "\"0x1000000000000000000000001\"" },
	};
	struct evm_block block;
	struct evm_log *out;
	size_t count;

	for (size_t i = 0; i < NELEMS(logs); i++) {
		struct err e = ERR_NONE;

		ok(rpc_logs_read(&arena, edited("[" LOG "]", logs[i].from, logs[i].to), &out,
				 &count, &e) < 0 &&
			   e.code == &EVM_BAD_REPLY,
		   "log with %s: %s", logs[i].to, e.text);
	}
	for (size_t i = 0; i < NELEMS(blocks); i++) {
		struct err e = ERR_NONE;

		ok(rpc_block_read(edited(BLOCK, blocks[i].from, blocks[i].to), &block, &e) < 0 &&
			   e.code == &EVM_BAD_REPLY,
		   "block with %s: %s", blocks[i].to, e.text);
	}
}

static void
test_fees(void)
{
	static const struct {
		const char *text;
		uint64_t tip, max_fee; /* 0: refused */
	} cases[] = {
		{ "{\"baseFeePerGas\":[\"0x1\",\"0x64\"],\"reward\":[[\"0x3b9aca00\"]]}",
		  1000000000, 1000000200 },
		{ "{\"baseFeePerGas\":[\"0x64\"],\"reward\":[[\"0x0\"],[\"0x0\"]]}", 1000000,
		  1000200 },
		{ "{\"baseFeePerGas\":[\"0x64\"]}", 1000000, 1000200 },
		/* the middle of the blocks that had any */
		{ "{\"baseFeePerGas\":[\"0x0\"],\"reward\":[[\"0x5f5e100\"],[\"0x0\"],[\"0x1\"],"
		  "[\"0x2540be400\"]]}",
		  100000000, 100000000 },
		{ "{\"baseFeePerGas\":[\"0x64\"],\"reward\":[[],5,[\"z\"]]}", 1000000, 1000200 },
		{ "{\"baseFeePerGas\":[]}", 0, 0 },
		{ "{\"reward\":[]}", 0, 0 },
		{ "{\"baseFeePerGas\":[\"0xffffffffffffffffffffffffffffffff\"]}", 0, 0 },
		{ "null", 0, 0 },
	};
	struct evm_fees bumped;

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct evm_fees fees = { 0, 0 };
		struct err e = ERR_NONE;
		int got = rpc_fees_read(json(cases[i].text), &fees, &e);

		ok(cases[i].tip != 0 ? got == 0 && fees.tip == cases[i].tip &&
					       fees.max_fee == cases[i].max_fee
				     : got < 0,
		   "fees of %s", cases[i].text);
	}
	bumped = evm_fees_bump((struct evm_fees){ 1, 1000 });
	ok(bumped.tip * 10 >= 11 && bumped.max_fee * 10 >= 11000, "a bump is a tenth and more");
	bumped = (struct evm_fees){ 100, 1000 };
	ok(evm_fees_replace(&bumped, (struct evm_fees){ 1, 5000 }, 9000) && bumped.tip >= 110 &&
		   bumped.max_fee == 5000,
	   "a replacement takes what is asked where that is more");
	ok(evm_fees_replace(&bumped, (struct evm_fees){ 1, 90000 }, 9000) && bumped.max_fee == 9000,
	   "and no more than allowed");
	ok(!evm_fees_replace(&bumped, (struct evm_fees){ 1, 1 }, 9000) && bumped.max_fee == 9000,
	   "a tenth above that is not sent");
	ok(!evm_fees_cap(&(struct evm_fees){ 11, 20 }, 10), "a tip above the cap");
	is_int((long long)evm_gas_limit(100000), 120000, "gas: a fifth more");
	is_int((long long)evm_gas_limit(~(u128)0), EVM_GAS_MAX, "gas: bounded");
}

static void
test_requests(void)
{
	struct address a = { { 0x11 } }, b = { { 0x22 } };
	struct calldata data = { (const uint8_t *)"\1\2", 2 };

	is_str(rpc_chain_id(&arena),
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\",\"params\":[]}",
	       "chain id");
	ok(strstr(rpc_block(&arena, "finalized", 0), "[\"finalized\",false]") != NULL, "a tag");
	ok(strstr(rpc_block(&arena, NULL, 255), "[\"0xff\",false]") != NULL, "a number");
	ok(strstr(rpc_call(&arena, &a, &b, data),
		  "[{\"from\":\"0x1100000000000000000000000000000000000000\","
		  "\"to\":\"0x2200000000000000000000000000000000000000\",\"data\":\"0x0102\"},"
		  "\"latest\"]") != NULL,
	   "a call");
	ok(strstr(rpc_gas(&arena, NULL, NULL, data), "[{\"data\":\"0x0102\"}]") != NULL,
	   "an estimate of a creation");
	ok(strstr(rpc_logs(&arena, &a, 1, 16), "\"fromBlock\":\"0x1\",\"toBlock\":\"0x10\"") !=
		   NULL,
	   "logs");
	ok(strstr(rpc_fee_history(&arena), "[\"0x14\",\"latest\",[50]]") != NULL, "fee history");
}

/* ------------------------------------------------------------------ */
/* Endpoints.                                                          */

struct node {
	pid_t pid;
	const char *url;
};

static void
node_serve(int listening, const char *reply)
{
	char request[8192];

	for (;;) {
		int fd = accept(listening, NULL, NULL);
		ssize_t n = read(fd, request, sizeof(request));

		if (n > 0 && reply != NULL && write(fd, reply, strlen(reply)) < 0)
			_exit(1);
		close(fd);
	}
}

/* NULL reply: it hangs up. */
static struct node
node_start(int status, const char *body)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const char *reply = body == NULL ? NULL
					 : arena_printf(&arena,
							"HTTP/1.1 %d X\r\ncontent-length: %zu\r\n"
							"connection: close\r\n\r\n%s",
							status, strlen(body), body);
	struct node node;

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		fatal("listen");
	node.url = arena_printf(&arena, "http://127.0.0.1:%d/", ntohs(in.sin_port));
	node.pid = fork();
	if (node.pid == 0)
		node_serve(fd, reply);
	close(fd);
	return node;
}

static void
node_stop(struct node *node)
{
	kill(node->pid, SIGKILL);
	waitpid(node->pid, NULL, 0);
}

static const struct endpoints {
	const char *what;
	struct {
		int status;
		const char *body;
	} nodes[2];
	const struct code *code; /* NULL: chain id 7 */
	size_t first;		 /* asked first the next time */
} endpoint_cases[] = {
	{ "the first answers", { { 200, REPLY("\"result\":\"0x7\"") }, { 200, "" } }, NULL, 0 },
	{ "the first hangs up", { { 200, NULL }, { 200, REPLY("\"result\":\"0x7\"") } }, NULL, 1 },
	{ "the first is overloaded",
	  { { 503, "" }, { 200, REPLY("\"result\":\"0x7\"") } },
	  NULL,
	  1 },
	{ "the first limits us",
	  { { 429, REPLY("\"result\":\"0x8\"") }, { 200, REPLY("\"result\":\"0x7\"") } },
	  NULL,
	  1 },
	{ "the first is no node",
	  { { 404, "<html>" }, { 200, REPLY("\"result\":\"0x7\"") } },
	  NULL,
	  1 },
	{ "the first is confused",
	  { { 200, ERROR("internal error") }, { 200, REPLY("\"result\":\"0x7\"") } },
	  NULL,
	  1 },
	{ "a refusal is final",
	  { { 200, ERROR("execution reverted") }, { 200, REPLY("\"result\":\"0x7\"") } },
	  &EVM_REFUSED,
	  0 },
	{ "a refusal with status 400",
	  { { 400, ERROR("execution reverted") }, { 200, "" } },
	  &EVM_REFUSED,
	  0 },
	{ "both hang up", { { 200, NULL }, { 200, NULL } }, &ERR_UNREACHABLE, 0 },
	{ "both are no nodes", { { 200, "x" }, { 200, "y" } }, &EVM_BAD_REPLY, 0 },
};

static void
test_endpoints(void)
{
	for (size_t i = 0; i < NELEMS(endpoint_cases); i++) {
		const struct endpoints *c = &endpoint_cases[i];
		struct node a = node_start(c->nodes[0].status, c->nodes[0].body);
		struct node b = node_start(c->nodes[1].status, c->nodes[1].body);
		struct evm evm = { .urls = { (const char *[]){ a.url, b.url }, 2 } };
		struct err e = ERR_NONE;
		int got = evm_check_chain(&arena, &evm, &e);

		ok(c->code == NULL ? got == 0 && evm.chain_id == 7 && e.code == NULL
				   : got < 0 && e.code == c->code,
		   "%s: %s", c->what, e.text);
		node_stop(&a);
		node_stop(&b);
	}
}

static void
test_chain(void)
{
	struct node node = node_start(200, REPLY("\"result\":\"0x7\""));
	struct evm evm = { .urls = { (const char *[]){ node.url }, 1 }, .chain_id = 8 };
	struct evm none = { .chain_id = 8 };
	struct err e = ERR_NONE;

	ok(evm_check_chain(&arena, &evm, &e) < 0 && e.code == &EVM_WRONG_CHAIN, "another chain: %s",
	   e.text);
	ok(evm_check_chain(&arena, &none, &e) < 0 && e.code == &ERR_CONFIG, "no node: %s", e.text);
	node_stop(&node);
}

/* ------------------------------------------------------------------ */
/* The same in a task.                                                 */

struct asking {
	struct evm *evm;
	struct evm_call call;
	unsigned tries;
};

static uint64_t task_got;
static struct err task_err;

static enum next
ask(struct task *t)
{
	struct asking *s = t->state;

	s->evm = t->owner;
	return evm_call_start(t, s->evm, rpc_chain_id(&t->arena), &s->call);
}

static enum next
answered(struct task *t)
{
	struct asking *s = t->state;
	struct json *result;
	u128 id;

	if (evm_call_result(&t->arena, &s->call, &result, &t->err) < 0) {
		if (++s->tries == 2)
			return TASK_FAIL;
		t->err = (struct err)ERR_NONE;
		return task_jump(t, ask);
	}
	if (rpc_uint_read(result, &id, &t->err) < 0)
		return TASK_FAIL;
	task_got = (uint64_t)id;
	return TASK_DONE;
}

static void
ended(struct task *t)
{
	task_err = t->err;
	loop_stop(t->loop);
}

static void
test_task(void)
{
	static const struct step steps[] = { { "ask", ask }, { "answered", answered }, STEP_END };
	static struct loop loop; /* fetch.h knows one per process */
	struct err e = ERR_NONE;

	if (loop_init(&loop, &e) < 0)
		fatal("%s", e.text);
	for (size_t i = 0; i < NELEMS(endpoint_cases); i++) {
		const struct endpoints *c = &endpoint_cases[i];
		struct node a = node_start(c->nodes[0].status, c->nodes[0].body);
		struct node b = node_start(c->nodes[1].status, c->nodes[1].body);
		struct evm evm = { .urls = { (const char *[]){ a.url, b.url }, 2 } };

		task_got = 0;
		task_new(&loop, "ask", steps, sizeof(struct asking), 10 * SECOND_US, ended, &evm);
		loop_run(&loop);
		ok(c->code == NULL ? task_got == 7 : task_err.code == c->code, "task: %s: %s",
		   c->what, task_err.text);
		is_int((long long)evm.first, (long long)c->first, "whom it asks next");
		node_stop(&a);
		node_stop(&b);
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	signal(SIGPIPE, SIG_IGN);
	test_results();
	test_numbers();
	test_bytes();
	test_good_objects();
	test_transactions();
	test_bad_objects();
	test_fees();
	test_requests();
	test_endpoints();
	test_chain();
	test_task();
	arena_release(&arena);
	return tap_done();
}
