/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel close --on-chain: a lease ends without the market, and when it must be
 * without the provider too. All it needs is our own copy of the terms and a node
 * of the chain.
 */
#include <time.h>

#include "lib/clock.h"
#include "tenant/tenant.h"

#define WAIT_STEP_S 2

struct alone {
	struct context *c;
	struct lease_ref lease;
	struct standing s;
};

static int
look(struct alone *x, struct err *e)
{
	struct context *c = x->c;

	if (standing_now(&c->arena, &c->evm, &c->escrow, &x->lease.terms, &x->s, e) < 0 ||
	    standing_past(&c->arena, &c->evm, &c->escrow, &x->lease.hash, &x->s, e) < 0)
		return -1;
	/* The next block is what counts, and the last may be old. */
	x->s.now = MAX(x->s.now, (uint32_t)(clock_wall() / SECOND_US));
	return 0;
}

/* Its copy here; else whatever a market says. */
static int
find(struct alone *x, const char *name, struct err *e)
{
	struct context *c = x->c;
	struct deployment d = { .name = NULL };

	if (parts_single(c, name, e) < 0 || context_connect_alone(c, e) < 0 ||
	    context_unlock(c, e) < 0 || deployment_find(c, name, &d, e) < 0)
		return -1;
	if (lease_recall(c, &d, &x->lease, e) == 0)
		return look(x, e);
	if (e->code != &NO_LEASE || c->alone)
		return -1;
	*e = (struct err)ERR_NONE;
	return lease_find(c, &d, &x->lease, e) < 0 ? -1 : look(x, e);
}

static const char *
at_text(struct alone *x, uint32_t at)
{
	char text[TIME_TEXT_SIZE];

	return arena_strdup(&x->c->arena, time_text((wall_t)at * SECOND_US, text));
}

/* What gas may cost, before anything is sent. */
static void
say_price(struct alone *x, struct calldata data)
{
	struct context *c = x->c;
	struct err ignored = ERR_NONE;
	struct evm_fees fees;
	struct json *result;
	char text[AMOUNT_TEXT_SIZE], most[AMOUNT_TEXT_SIZE];
	u128 gas;

	if (evm_now(&c->arena, &c->evm, rpc_gas(&c->arena, &c->key.address, &c->escrow, data),
		    &result, &ignored) < 0 ||
	    rpc_uint_read(result, &gas, &ignored) < 0 ||
	    evm_now(&c->arena, &c->evm, rpc_fee_history(&c->arena), &result, &ignored) < 0 ||
	    rpc_fees_read(result, &fees, &ignored) < 0)
		return;
	say(c, "  gas: about %s, at most %s ether", u128_text(gas, text),
	    amount_human((struct amount){ evm_gas_limit(gas) * fees.max_fee }, 18, most));
}

static int
send(struct alone *x, struct calldata data, const char *what, struct err *e)
{
	struct evm_receipt receipt;

	say_price(x, data);
	if (chain_send(x->c, &x->c->escrow, data, what, &receipt, e) < 0 || look(x, e) < 0)
		return -1;
	if (standing_receipt(&x->c->arena, &x->c->escrow, &x->lease.hash, &receipt, &x->s, e) < 0)
		return err_wrap(e, "%s", what);
	return 0;
}

/* Both are there, only the market is not: one transaction pays and refunds. */
static int
with_provider(struct alone *x, struct err *e)
{
	struct context *c = x->c;
	struct closing closing = { .lease = x->lease.terms };
	struct usage_terms usage;
	struct json *last;

	if (provider_call(&c->arena, &x->lease.gateway, "POST", lease_path(c, &x->lease, "/close"),
			  "{}", &last, e) < 0)
		return -1;
	say(c, "stopped, last reading signed by the provider");
	if (countersign(c, &x->lease, last, &closing.payer_sig, &usage, e) < 0 ||
	    sig_read(text_of(last, "release_sig"), &closing.release_sig, e) < 0)
		return -1;
	closing.voucher = voucher_of(&usage);
	return send(x, escrow_close_many(&c->arena, &closing, 1), "close", e);
}

static int
step_alone(struct alone *x, enum way way, struct err *e)
{
	const char *name = way == WAY_STOP ? "stop" : "expire";

	return send(x, escrow_of_lease(&x->c->arena, name, &x->lease.terms), name, e);
}

static void
sleep_until(struct alone *x, uint32_t at, struct err *e)
{
	struct timespec pause = { WAIT_STEP_S, 0 };

	while (x->s.now < at) {
		struct arena keep = x->c->arena;

		nanosleep(&pause, NULL);
		arena_init(&x->c->arena, 0);
		if (look(x, e) < 0)
			*e = (struct err)ERR_NONE; /* asked again */
		arena_release(&x->c->arena);
		x->c->arena = keep;
	}
}

static void
print(struct alone *x)
{
	struct context *c = x->c;
	const struct standing *s = &x->s;
	struct way_step next = standing_tenant(s, &x->lease.terms);
	const char *state = s->ended		    ? "closed"
			    : standing_unknown(s)   ? "unknown"
			    : s->lease.stop_at != 0 ? "stopped"
						    : "running";
	struct amount most = standing_at_most(s, &x->lease.terms, s->lease.stop_at);
	char number[AMOUNT_TEXT_SIZE], text[HASH_TEXT_SIZE];
	struct jsonw *w;

	if (!c->json) {
		if (s->ended)
			printf("closed: %s paid; what is left of the deposit is in your balance\n",
			       money(c, s->lease.paid));
		else if (standing_unknown(s))
			printf("not open on chain: nothing is locked\n");
		else
			printf("stopped: nothing accrues since %s; it costs %s at the most, paid "
			       "%s\n"
			       "the provider may settle or claim until %s; then: gavel close "
			       "--on-chain again\n",
			       at_text(x, s->lease.stop_at), money(c, most),
			       money(c, s->lease.paid),
			       at_text(x, next.way == WAY_WAIT ? next.at : s->now));
		return;
	}
	w = jsonw_new(true);
	jsonw_open(w, '{');
	jsonw_member(w, "lease", "%s", hash_text(&x->lease.hash, text));
	jsonw_member(w, "state", "%s", state);
	jsonw_member(w, "deposit", "%s", u128_text(s->lease.deposit.units, number));
	jsonw_member(w, "paid", "%s", u128_text(s->lease.paid.units, number));
	jsonw_member(w, "at_most", "%s", u128_text(most.units, number));
	jsonw_name(w, "stop_at");
	jsonw_int(w, s->lease.stop_at);
	jsonw_name(w, "expires_at");
	jsonw_int(w, next.at);
	jsonw_close(w, '}');
	fputs(jsonw_text(w, NULL), stdout);
	jsonw_free(w);
}

int
close_on_chain(struct context *c, const char *name, bool ask_provider, bool wait, struct err *e)
{
	struct alone x = { .c = c };
	struct way_step step;

	if (find(&x, name, e) < 0)
		return -1;
	step = standing_tenant(&x.s, &x.lease.terms);
	if (step.way != WAY_NONE && ask_provider) {
		if (with_provider(&x, e) == 0) {
			print(&x);
			return 0;
		}
		say(c, "warning: the provider does not close it: %s", e->text);
		*e = (struct err)ERR_NONE;
	}
	while (step.way != WAY_NONE) {
		if (step.way == WAY_WAIT && !wait)
			break;
		if (step.way == WAY_WAIT)
			sleep_until(&x, step.at, e);
		else if (step_alone(&x, step.way, e) < 0)
			return -1;
		step = standing_tenant(&x.s, &x.lease.terms);
	}
	print(&x);
	return 0;
}
