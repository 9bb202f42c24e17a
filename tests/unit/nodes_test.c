/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes_test.c - which of several nodes is asked. The nodes are Foundry's anvil,
 * each a child: one falls behind, one is killed and comes back, one is on
 * another chain. Run from the root; skipped where anvil is missing.
 */
#include "lease/nodes.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lease/evm.h"
#include "lib/clock.h"
#include "tests/unit/tap.h"

#ifdef __aarch64__
#define ANVIL "lease/contracts/node_modules/@foundry-rs/anvil-linux-arm64/bin/anvil"
#else
#define ANVIL "lease/contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
#endif

static struct arena arena;

struct node {
	pid_t pid;
	const char *port, *url;
};

static const char *
port_free(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		fatal("no free port");
	close(fd);
	return arena_printf(&arena, "%d", ntohs(in.sin_port));
}

static struct evm
one(const struct node *n)
{
	struct evm evm = { .urls = { arena_copy(&arena, &n->url, sizeof(n->url)), 1 } };

	return evm;
}

static void
node_up(struct node *n, const char *chain)
{
	const struct timespec pause = { 0, 50 * 1000 * 1000 };

	n->url = arena_printf(&arena, "http://user:word@127.0.0.1:%s/?key=secret", n->port);
	n->pid = fork();
	if (n->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(ANVIL, "anvil", "--port", n->port, "--chain-id", chain, "--silent",
		      (char *)NULL);
		_exit(127);
	}
	for (unsigned i = 0; i < 200; i++) {
		struct evm evm = one(n);
		struct err e = ERR_NONE;

		if (evm_check_chain(&arena, &evm, &e) == 0)
			return;
		nanosleep(&pause, NULL);
	}
	fatal("anvil does not answer");
}

static void
node_down(struct node *n)
{
	kill(n->pid, SIGKILL);
	waitpid(n->pid, NULL, 0);
}

static void
mine(const struct node *n, unsigned blocks)
{
	struct evm evm = one(n);
	struct err e = ERR_NONE;
	struct json *result;

	if (evm_now(&arena, &evm,
		    arena_printf(&arena,
				 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"anvil_mine\","
				 "\"params\":[\"0x%x\"]}",
				 blocks),
		    &result, &e) < 0)
		fatal("%s", e.text);
}

/* The head as the pool tells it; -1: nobody does. */
static long long
head(struct evm *evm, struct err *e)
{
	struct evm_block block;
	struct json *result;

	*e = (struct err)ERR_NONE;
	if (evm_now(&arena, evm, rpc_block(&arena, "latest", 0), &result, e) < 0 ||
	    rpc_block_read(result, &block, e) < 0)
		return -1;
	return (long long)block.number;
}

static void
test_settings(void)
{
	const char *urls[] = { "http://a", "https://b" }, *odd[] = { "ws://a" };
	const char *many[EVM_NODES_MAX + 1] = { NULL };
	struct json_strs none = { NULL, 0 }, two = { urls, 2 }, ws = { odd, 1 };
	struct json_strs nine = { many, NELEMS(many) };
	struct err e = ERR_NONE;
	struct evm evm = { .chain_id = 1 };

	ok(evm_urls(&arena, &evm, "http://x", &none, &e) == 0 && evm.urls.count == 1, "rpc_url");
	ok(evm_urls(&arena, &evm, NULL, &two, &e) == 0 && evm.urls.count == 2, "rpc_urls");
	ok(evm_urls(&arena, &evm, "http://x", &two, &e) < 0 && e.code == &ERR_CONFIG, "both: %s",
	   e.text);
	ok(evm_urls(&arena, &evm, NULL, &none, &e) < 0, "neither: %s", e.text);
	ok(evm_urls(&arena, &evm, NULL, &ws, &e) < 0, "no http: %s", e.text);
	ok(evm_urls(&arena, &evm, NULL, &nine, &e) < 0, "too many: %s", e.text);
}

/* Behind, dead, back. */
static void
test_two(struct node *a, struct node *b)
{
	const char *urls[] = { a->url, b->url };
	struct evm evm = { .urls = { urls, 2 }, .chain_id = 31337 };
	struct err e = ERR_NONE;

	is_str(evm_node_name(&arena, &evm, 0), arena_printf(&arena, "127.0.0.1:%s", a->port),
	       "the name of a node tells no secret");
	mine(b, 5);
	evm_look_now(&arena, &evm);
	is_int((long long)evm.first, 0, "five blocks behind is not left");
	is_int(head(&evm, &e), 0, "and is asked");
	mine(b, 1);
	evm_look_now(&arena, &evm);
	is_int((long long)evm.first, 1, "six blocks behind is left");
	is_int(head(&evm, &e), 6, "the other is asked");
	mine(a, 6);
	is_int(head(&evm, &e), 6, "it stays with the other");

	node_down(b);
	is_int(head(&evm, &e), 6, "the other is killed: the first answers");
	is_int((long long)evm.first, 0, "and is asked from now on");
	node_down(a);
	ok(head(&evm, &e) < 0 && e.code == &ERR_UNREACHABLE, "both are dead: %s", e.text);
	node_up(b, "31337");
	is_int(head(&evm, &e), 0, "one comes back: it is asked although its time is not over");
	is_int((long long)evm.first, 1, "it is the one");
	is_int((long long)evm.nodes[1].failures, 0, "its failures are forgotten");
	ok(evm.nodes[0].failures >= 1, "the dead one's are not");
}

static void
test_other_chain(struct node *a, struct node *b)
{
	const char *urls[] = { a->url, b->url };
	struct evm evm = { .urls = { urls, 2 }, .chain_id = 31337 };
	struct evm wrong = { .urls = { urls, 1 }, .chain_id = 31337 };
	struct err e = ERR_NONE;

	mine(a, 3);
	is_int(head(&evm, &e), 0, "one on another chain is never believed");
	ok(evm.nodes[0].trust == EVM_OTHER && evm.first == 1, "it is left for ever");
	node_down(b);
	ok(head(&evm, &e) < 0 && e.code == &ERR_UNREACHABLE, "even when it is the last: %s",
	   e.text);
	ok(head(&wrong, &e) < 0 && e.code == &EVM_WRONG_CHAIN, "alone: %s", e.text);
}

/* ------------------------------------------------------------------ */
/* In a daemon.                                                        */

struct asking {
	struct evm_call call;
};

static struct evm *pool;
static long long told;
static const struct code *code;

static enum next
ask(struct task *t)
{
	struct asking *s = t->state;

	return evm_call_start(t, pool, rpc_block(&t->arena, "latest", 0), &s->call);
}

static enum next
answered(struct task *t)
{
	struct asking *s = t->state;
	struct evm_block block;
	struct json *result;

	if (evm_call_result(&t->arena, &s->call, &result, &t->err) < 0 ||
	    rpc_block_read(result, &block, &t->err) < 0)
		return TASK_FAIL;
	told = (long long)block.number;
	return TASK_DONE;
}

static void
ended(struct task *t)
{
	code = t->err.code;
	loop_stop(t->loop);
}

static long long
task_head(struct loop *l)
{
	static const struct step steps[] = { { "ask", ask }, { "answered", answered }, STEP_END };

	told = -1;
	task_new(l, "ask", steps, sizeof(struct asking), 10 * SECOND_US, ended, NULL);
	loop_run(l);
	return told;
}

static void
turn(void *ctx)
{
	loop_stop(ctx);
}

static void
wait_ms(struct loop *l, unsigned ms)
{
	struct timer *timer = timer_every(l, ms * MILLI_US, 3600 * SECOND_US, turn, l);

	loop_run(l);
	timer_free(timer);
}

static void
test_watch(struct node *a, struct node *b, struct node *other)
{
	const char *urls[] = { other->url, a->url, b->url };
	static struct evm evm;
	static struct loop loop;
	struct err e = ERR_NONE;

	evm = (struct evm){ .urls = { urls, 3 }, .chain_id = 31337 };
	pool = &evm;
	if (loop_init(&loop, &e) < 0)
		fatal("%s", e.text);
	evm.watched = true;
	ok(task_head(&loop) < 0 && code == &EVM_NODE, "not looked at: not asked");
	evm_watch(&loop, &evm, 100 * MILLI_US);
	is_int(task_head(&loop), 0, "then the first of our chain");
	is_int((long long)evm.first, 1, "which is the second");
	mine(b, 20);
	wait_ms(&loop, 400);
	is_int(task_head(&loop), 20, "a watch finds it behind");
	node_down(b);
	wait_ms(&loop, 400);
	is_int((long long)evm.first, 1, "and finds the other dead before anyone asks");
	is_int(task_head(&loop), 0, "what is behind is better than nothing");
	node_up(b, "31337");
	mine(b, 30);
	wait_ms(&loop, 400);
	is_int(task_head(&loop), 30, "it comes back, and is ahead again");
	ok(evm.nodes[0].trust == EVM_OTHER, "the other chain's is never asked");
}

int
main(void)
{
	struct node a = { .port = NULL }, b = { .port = NULL };

	arena_init(&arena, 0);
	if (access(ANVIL, X_OK) != 0) {
		puts("1..0 # SKIP anvil is missing");
		arena_release(&arena);
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	test_settings();
	a.port = port_free();
	b.port = port_free();
	node_up(&a, "31337");
	node_up(&b, "31337");
	test_two(&a, &b);
	node_down(&b);
	node_up(&a, "7");
	node_up(&b, "31337");
	test_other_chain(&a, &b);
	node_up(&b, "31337");
	{
		struct node c = { .port = port_free() };

		node_up(&c, "31337");
		test_watch(&c, &b, &a);
		node_down(&c);
	}
	node_down(&a);
	node_down(&b);
	arena_release(&arena);
	return tap_done();
}
