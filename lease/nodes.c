/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/nodes.h"

#include <assert.h>

#include "lease/evm.h"
#include "lib/clock.h"
#include "lib/log.h"

#define ASK_US	   (10 * SECOND_US)
#define LOOK_US	   (4 * SECOND_US)
#define OUT_MAX_US (60 * SECOND_US)
#define LAG_BLOCKS 5u
#define NO_NODE	   SIZE_MAX
#define LOOK_REPLY (64 * 1024)

int
evm_urls(struct arena *a, struct evm *evm, const char *rpc_url, const struct json_strs *rpc_urls,
	 struct err *e)
{
	if ((rpc_url != NULL) == (rpc_urls->count != 0))
		return err_field(e, &ERR_CONFIG, "/rpc_url",
				 "rpc_url: one of rpc_url and rpc_urls must be given");
	if (rpc_urls->count > EVM_NODES_MAX)
		return err_field(e, &ERR_CONFIG, "/rpc_urls", "rpc_urls: at most %d",
				 EVM_NODES_MAX);
	evm->urls = *rpc_urls;
	if (rpc_url != NULL) {
		evm->urls.items = arena_copy(a, &rpc_url, sizeof(rpc_url));
		evm->urls.count = 1;
	}
	for (size_t i = 0; i < evm->urls.count; i++)
		if (strncmp(evm->urls.items[i], "http://", 7) != 0 &&
		    strncmp(evm->urls.items[i], "https://", 8) != 0)
			return err_field(e, &ERR_CONFIG, rpc_url != NULL ? "/rpc_url" : "/rpc_urls",
					 "%s: expected http:// or https://",
					 rpc_url != NULL ? "rpc_url" : "rpc_urls");
	return 0;
}

const char *
evm_node_name(struct arena *a, const struct evm *evm, size_t node)
{
	const char *url = evm->urls.items[node], *host = strstr(url, "://"), *at;
	size_t len;

	host = host != NULL ? host + 3 : url;
	len = strcspn(host, "/?");
	at = memchr(host, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	return arena_strndup(a, host, len);
}

/* ------------------------------------------------------------------ */
/* Whom to ask.                                                        */

static size_t
count_of(const struct evm *evm)
{
	return MIN(evm->urls.count, (size_t)EVM_NODES_MAX);
}

/* A node that may be asked at all: a watched one only after a look. */
static bool
may_ask(const struct evm *evm, size_t i)
{
	enum evm_trust trust = evm->nodes[i].trust;

	return trust == EVM_OURS || (trust == EVM_UNKNOWN && !evm->watched);
}

/* The first from `first` on that is well; failing that, the one whose time is
 * over soonest. `not`: a set of nodes already asked. */
static size_t
pick(const struct evm *evm, unsigned not )
{
	size_t best = NO_NODE, n = count_of(evm);
	mono_t now = clock_mono();

	for (size_t k = 0; k < n; k++) {
		size_t i = (evm->first + k) % n;

		if ((not >> i & 1) != 0 || !may_ask(evm, i))
			continue;
		if (evm->nodes[i].out_until <= now)
			return i;
		if (best == NO_NODE || evm->nodes[i].out_until < evm->nodes[best].out_until)
			best = i;
	}
	return best;
}

static int
nobody(const struct evm *evm, struct err *e)
{
	bool other = count_of(evm) != 0;

	if (count_of(evm) == 0)
		return err_set(e, &ERR_CONFIG, "no node is configured");
	for (size_t i = 0; i < count_of(evm); i++)
		other = other && evm->nodes[i].trust == EVM_OTHER;
	return other ? err_set(e, &EVM_WRONG_CHAIN, "no node serves chain %llu",
			       (unsigned long long)evm->chain_id)
		     : err_set(e, &EVM_NODE, "no node has told its chain yet");
}

static void
leave(struct evm *evm, size_t i, int64_t out_us, const char *why)
{
	struct evm_node *n = &evm->nodes[i];
	mono_t now = clock_mono();
	size_t next;

	n->out_until = now + out_us;
	if (!n->told && evm->watched) {
		struct arena a;

		arena_init(&a, 0);
		log_warn("chain.node_left", "node=%s why=\"%s\"", evm_node_name(&a, evm, i), why);
		arena_release(&a);
	}
	n->told = true;
	if (evm->first % count_of(evm) != i)
		return;
	next = pick(evm, 1u << i);
	evm->first = next != NO_NODE && evm->nodes[next].out_until <= now ? next
									  : (i + 1) % count_of(evm);
}

static void
failed(struct evm *evm, size_t i, const char *why)
{
	unsigned n = ++evm->nodes[i].failures;

	n = MIN(n, 6u);
	leave(evm, i, MIN(SECOND_US << n, OUT_MAX_US), why);
}

static void
well(struct evm *evm, size_t i)
{
	struct evm_node *n = &evm->nodes[i];

	if (n->failures != 0)
		n->out_until = 0; /* it answers again */
	n->failures = 0;
	if (n->out_until > clock_mono())
		return; /* behind the others: the next look says whether it still is */
	if (n->told && evm->watched) {
		struct arena a;

		arena_init(&a, 0);
		log_info("chain.node_back", "node=%s", evm_node_name(&a, evm, i));
		arena_release(&a);
	}
	n->told = false;
}

void
evm_distrust(struct evm *evm, size_t node, const char *why)
{
	evm->nodes[node].trust = EVM_OTHER;
	leave(evm, node, OUT_MAX_US, why);
}

void
evm_doubt(struct evm *evm, size_t node, const char *why)
{
	failed(evm, node, why);
}

/* ------------------------------------------------------------------ */
/* One question to one node.                                           */

static struct fetch
evm_fetch(const struct evm *evm, size_t node, const char *body)
{
	return (struct fetch){ .method = "POST",
			       .url = evm->urls.items[node],
			       .body = body,
			       .body_len = strlen(body),
			       .timeout_us = ASK_US,
			       .reply_max = JSON_BYTES_MAX };
}

/* Some nodes answer errors with a status of 4xx: what is JSON is read. */
static int
evm_fetch_result(struct arena *a, const struct fetch *f, struct json **result, struct err *e)
{
	if (f->status == 429 || f->status >= 500)
		return err_set(e, &EVM_NODE, "the node answered %d", f->status);
	if (rpc_result(a, f->reply, f->reply_len, result, e) == 0)
		return 0;
	return e->code == &EVM_BAD_REPLY && f->status != 200
		       ? err_set(e, &EVM_BAD_REPLY, "the node answered %d", f->status)
		       : -1;
}

/* Another node may know better. */
static bool
passes_over(const struct err *e)
{
	return e->code->kind == UNAVAIL || e->code->kind == TIMEOUT;
}

enum next
evm_call_start(struct task *t, struct evm *evm, const char *body, struct evm_call *call)
{
	size_t node = pick(evm, 0);

	call->evm = evm;
	call->node = node;
	if (node == NO_NODE) {
		call->fetch = (struct fetch){ .status = 0 };
		nobody(evm, &call->fetch.err);
		return TASK_NEXT;
	}
	evm->first = node;
	call->fetch = evm_fetch(evm, node, body);
	return fetch_start(t, &call->fetch);
}

int
evm_call_result(struct arena *a, struct evm_call *call, struct json **result, struct err *e)
{
	if (call->fetch.err.code != NULL)
		*e = call->fetch.err;
	else if (evm_fetch_result(a, &call->fetch, result, e) == 0) {
		well(call->evm, call->node);
		return 0;
	}
	if (call->node != NO_NODE && passes_over(e))
		failed(call->evm, call->node, e->code->name);
	return err_wrap(e, "chain");
}

/* ------------------------------------------------------------------ */
/* What a node says of itself.                                         */

static void
chain_told(struct evm *evm, size_t i, const struct json *result)
{
	struct err e = ERR_NONE;
	u128 id;

	if (rpc_uint_read(result, &id, &e) < 0 || id == 0 || id > UINT64_MAX) {
		failed(evm, i, "no chain id");
		return;
	}
	if (evm->chain_id == 0)
		evm->chain_id = (uint64_t)id;
	if (id != evm->chain_id)
		evm_distrust(evm, i, "another chain");
	else if (evm->nodes[i].trust == EVM_UNKNOWN)
		evm->nodes[i].trust = EVM_OURS;
}

static void
head_told(struct evm *evm, size_t i, const struct json *result)
{
	struct err e = ERR_NONE;
	struct evm_block block;

	if (rpc_block_read(result, &block, &e) < 0) {
		failed(evm, i, "no head");
		return;
	}
	evm->nodes[i].head = block.number;
	evm->nodes[i].head_time = block.time;
	well(evm, i);
}

/* Whoever is far behind the best is left until the next look at the soonest. */
static void
compare(struct evm *evm, int64_t every_us)
{
	uint32_t lag = evm->lag_blocks != 0 ? evm->lag_blocks : LAG_BLOCKS;
	uint64_t best = 0;

	for (size_t i = 0; i < count_of(evm); i++)
		if (evm->nodes[i].trust == EVM_OURS && evm->nodes[i].failures == 0)
			best = MAX(best, evm->nodes[i].head);
	for (size_t i = 0; i < count_of(evm); i++)
		if (evm->nodes[i].trust == EVM_OURS && evm->nodes[i].failures == 0 &&
		    evm->nodes[i].head + lag < best)
			leave(evm, i, 2 * every_us, "behind the others");
}

static int
ask_now(struct arena *a, struct evm *evm, size_t i, const char *body, int64_t timeout_us,
	struct json **result, struct err *e)
{
	struct fetch f = evm_fetch(evm, i, body);

	f.timeout_us = timeout_us;
	if (fetch_now(a, &f, e) == 0 && evm_fetch_result(a, &f, result, e) == 0)
		return 0;
	if (passes_over(e))
		failed(evm, i, e->code->name);
	return -1;
}

void
evm_look_now(struct arena *a, struct evm *evm)
{
	for (size_t i = 0; i < count_of(evm); i++) {
		struct err e = ERR_NONE;
		struct json *result;

		if (ask_now(a, evm, i, rpc_chain_id(a), LOOK_US, &result, &e) < 0)
			continue;
		chain_told(evm, i, result);
		if (evm->nodes[i].trust == EVM_OURS &&
		    ask_now(a, evm, i, rpc_block(a, "latest", 0), LOOK_US, &result, &e) == 0)
			head_told(evm, i, result);
	}
	compare(evm, LOOK_US);
}

int
evm_now(struct arena *a, struct evm *evm, const char *body, struct json **result, struct err *e)
{
	struct err last = ERR_NONE;
	unsigned asked = 0;

	for (;;) {
		size_t i = pick(evm, asked);
		struct json *id;

		if (i == NO_NODE)
			break;
		asked |= 1u << i;
		if (evm->nodes[i].trust == EVM_UNKNOWN && evm->chain_id != 0) {
			if (ask_now(a, evm, i, rpc_chain_id(a), ASK_US, &id, &last) < 0) {
				if (!passes_over(&last))
					break;
				continue;
			}
			chain_told(evm, i, id);
			if (evm->nodes[i].trust != EVM_OURS)
				continue;
		}
		if (ask_now(a, evm, i, body, ASK_US, result, &last) == 0) {
			evm->first = i;
			well(evm, i);
			return 0;
		}
		if (!passes_over(&last))
			break;
	}
	if (last.code == NULL)
		return nobody(evm, e);
	*e = last;
	return err_wrap(e, "chain");
}

/* ------------------------------------------------------------------ */
/* The look in the background: one node after the other.               */

struct look {
	size_t i;
	struct fetch f;
};

struct watch {
	struct evm *evm;
	struct loop *loop;
	int64_t every_us;
	bool busy;
};

static enum next look_chain(struct task *t);

static enum next
look_ask(struct task *t, const char *body)
{
	struct look *x = t->state;
	struct watch *w = t->owner;

	x->f = evm_fetch(w->evm, x->i, body);
	x->f.timeout_us = LOOK_US;
	x->f.reply_max = LOOK_REPLY;
	return fetch_start(t, &x->f);
}

static bool
look_read(struct task *t, struct json **result)
{
	struct look *x = t->state;
	struct watch *w = t->owner;
	struct err e = x->f.err;

	if (e.code == NULL && evm_fetch_result(&t->arena, &x->f, result, &e) == 0)
		return true;
	failed(w->evm, x->i, e.code->name);
	return false;
}

static enum next
look_next(struct task *t)
{
	struct look *x = t->state;
	struct watch *w = t->owner;

	if (++x->i < count_of(w->evm))
		return task_jump(t, look_chain);
	compare(w->evm, w->every_us);
	return TASK_DONE;
}

static enum next
look_chain(struct task *t)
{
	return look_ask(t, rpc_chain_id(&t->arena));
}

static enum next
look_head(struct task *t)
{
	struct look *x = t->state;
	struct watch *w = t->owner;
	struct json *result;

	if (!look_read(t, &result))
		return look_next(t);
	chain_told(w->evm, x->i, result);
	if (w->evm->nodes[x->i].trust != EVM_OURS)
		return look_next(t);
	return look_ask(t, rpc_block(&t->arena, "latest", 0));
}

static enum next
look_end(struct task *t)
{
	struct look *x = t->state;
	struct watch *w = t->owner;
	struct json *result;

	if (look_read(t, &result))
		head_told(w->evm, x->i, result);
	return look_next(t);
}

static const struct step look_steps[] = {
	{ "chain", look_chain }, { "head", look_head }, { "end", look_end }, STEP_END
};

static void
look_done(struct task *t)
{
	struct watch *w = t->owner;

	w->busy = false;
}

static void
look(void *arg)
{
	struct watch *w = arg;

	if (w->busy)
		return;
	w->busy = true;
	task_new(w->loop, "nodes", look_steps, sizeof(struct look), 60 * SECOND_US, look_done, w);
}

void
evm_watch(struct loop *l, struct evm *evm, int64_t every_us)
{
	struct watch *w = xcalloc(1, sizeof(*w)); /* as long as the process */
	struct arena a;

	assert(count_of(evm) != 0);
	evm->watched = true;
	*w = (struct watch){ .evm = evm, .loop = l, .every_us = every_us };
	arena_init(&a, 0);
	evm_look_now(&a, evm);
	arena_release(&a);
	timer_every(l, every_us, every_us, look, w);
}
