/* SPDX-License-Identifier: Apache-2.0 */
/* gavel agent: countersigns what was used, never more than could be due. */
#include <getopt.h>
#include <signal.h>
#include <time.h>

#include "lib/clock.h"
#include "tenant/spot.h"

const struct code USAGE_WRONG = { "usage_wrong", CONFLICT,
				  "the provider's reading is more than can be true" };

#define CLOCK_GRACE_S 5

/* What is interruptible owes its runs at the pool's published prices. */
static int
runs_check(struct context *c, const struct lease_ref *l, const struct usage_terms *u, bool closed,
	   struct err *e)
{
	char asked[AMOUNT_TEXT_SIZE], owed[AMOUNT_TEXT_SIZE];
	struct amount most;

	if (spot_most(c, l, u->upTo, closed, &most, e) < 0)
		return err_wrap(e, "pool");
	if (amount_cmp(u->amount, most) <= 0)
		return 0;
	return err_set(e, &USAGE_WRONG,
		       "it asks %s, its runs at the pool's prices come to %s base units",
		       u128_text(u->amount.units, asked), u128_text(most.units, owed));
}

/* A reading is believed when its provider signed it, when it does not ask more
 * than rate x time by our own clock and the chain's opening, and when it counts
 * no more CPU than the reservation could burn. */
static int
usage_check(struct context *c, const struct lease_ref *l, const struct usage_terms *u,
	    const struct sig *sig, bool closed, struct err *e)
{
	struct hash h = usage_hash(u), digest = terms_digest(&c->domain, &h);
	uint32_t now = (uint32_t)(clock_wall() / SECOND_US);
	wall_t opened = 0;

	if (!hash_equal(&u->lease, &l->hash))
		return err_set(e, &USAGE_WRONG, "the reading is of another lease");
	if (sig_check(sig, &digest, &l->provider, e) < 0)
		return err_wrap(e, "usage");
	if (time_read(text_of(l->lease, "opened_at"), &opened, e) < 0)
		return err_wrap(e, "lease");
	if (u->upTo > now + CLOCK_GRACE_S || u->upTo < opened / SECOND_US)
		return err_set(e, &USAGE_WRONG, "the reading is from another time (clock wrong?)");
	if (amount_cmp(u->amount,
		       rate_due(l->terms.rate, (uint32_t)(u->upTo - opened / SECOND_US))) > 0)
		return err_set(e, &USAGE_WRONG, "it asks more than the price allows for its time");
	return lease_is_interruptible(l->lease) ? runs_check(c, l, u, closed, e) : 0;
}

/* The answer to a close, or a reading after it. */
static bool
is_last(const struct json *reading)
{
	const struct json *closing = json_get(reading, "closing");

	return json_get(reading, "release_sig") != NULL ||
	       (closing != NULL && closing->type == JSON_BOOL && closing->truth);
}

int
countersign(struct context *c, const struct lease_ref *l, const struct json *reading,
	    struct sig *payer_sig, struct usage_terms *usage, struct err *e)
{
	struct voucher_terms voucher;
	struct hash h, digest;
	struct sig sig;

	if (json_get(reading, "usage") == NULL ||
	    json_read(&c->arena, json_get(reading, "usage"), usage_terms_fields, usage, e) < 0 ||
	    sig_read(text_of(reading, "usage_sig"), &sig, e) < 0 ||
	    usage_check(c, l, usage, &sig, is_last(reading), e) < 0)
		return -1;
	voucher = voucher_of(usage);
	h = voucher_hash(&voucher);
	digest = terms_digest(&c->domain, &h);
	key_sign(&c->key, &digest, payer_sig);
	return 0;
}

struct voucher_out {
	struct usage_terms usage;
	struct sig payer_sig;
};
static const struct json_field voucher_out_fields[] = {
	JSON_OBJ(struct voucher_out, usage, usage_terms_fields, 0),
	JSON_SIG(struct voucher_out, payer_sig, 0), JSON_END
};

/* Once a level and lease: 7 days, 1 day, 1 hour. */
static void
warn_deposit(struct context *c, const struct lease_ref *l, const struct json *row,
	     struct amount due)
{
	static struct told {
		struct hash lease;
		unsigned level;
	} told[256];
	struct err ignored = ERR_NONE;
	const char *warning;
	struct standing s;
	struct told *t = told;
	unsigned level;

	if (standing_now(&c->arena, &c->evm, &c->escrow, &l->terms, &s, &ignored) < 0 ||
	    s.lease.deposit.units == 0)
		return;
	due.units = MIN(due.units, s.lease.deposit.units);
	warning = deposit_warning(
		rate_lasts(l->terms.rate, (struct amount){ s.lease.deposit.units - due.units }),
		&level);
	while (t < told + NELEMS(told) - 1 && t->level != 0 && !hash_equal(&t->lease, &l->hash))
		t++;
	if (hash_equal(&t->lease, &l->hash) && t->level >= level) {
		t->level = level != 0 ? level : 1; /* it was topped up */
		return;
	}
	if (warning == NULL)
		return;
	*t = (struct told){ l->hash, level };
	fprintf(stderr, "warning: %s: the deposit ends in less than %s: gavel topup\n",
		text_of(row, "id"), warning);
}

static int
sign_lease(struct context *c, const struct json *row, struct err *e)
{
	struct voucher_out out;
	struct lease_ref l = { .lease = (struct json *)(uintptr_t)row };
	struct json *reading, *doc;
	const struct json *usage;
	char text[HASH_TEXT_SIZE];

	if (hash_read(text_of(row, "hash"), &l.hash, e) < 0 ||
	    address_read(text_of(row, "provider"), &l.provider, e) < 0 ||
	    json_read(&c->arena, json_get(row, "terms"), lease_terms_fields, &l.terms, e) < 0 ||
	    gateway_find(c, &l.provider, &l.gateway, e) < 0)
		return -1;
	l.gateway.token = context_token(c, &l.provider, "all", &l.hash);
	hash_text(&l.hash, text);
	if (provider_call(&c->arena, &l.gateway, "GET",
			  arena_printf(&c->arena, "/v1/leases/%s/usage", text), NULL, &reading,
			  e) < 0)
		return -1;
	usage = json_get(reading, "usage");
	/* It was interrupted, and its file or the time it was kept for says: end. */
	if (is_last(reading) && lease_is_interruptible(row)) {
		if (lease_settle(c, &l, NULL, e) < 0)
			return -1;
		say(c, "%s was interrupted and is closed", text_of(row, "id"));
		return 0;
	}
	warn_deposit(c, &l, row, amount_of(usage, "amount"));
	if (usage == NULL || usage->type != JSON_OBJECT ||
	    amount_cmp(amount_of(usage, "amount"), amount_of(json_get(row, "voucher"), "amount")) <=
		    0)
		return 0; /* nothing new */
	if (countersign(c, &l, reading, &out.payer_sig, &out.usage, e) < 0)
		return -1;
	if (provider_call(&c->arena, &l.gateway, "POST",
			  arena_printf(&c->arena, "/v1/leases/%s/vouchers", text),
			  json_encode(&c->arena, voucher_out_fields, &out), &doc, e) < 0)
		return -1;
	say(c, "%s signed %s for %s", text_of(row, "id"), money(c, out.usage.amount),
	    time_text((wall_t)out.usage.upTo * SECOND_US, text));
	return 0;
}

static void
look(struct context *c)
{
	struct err e = ERR_NONE;
	char text[ADDRESS_TEXT_SIZE];
	struct json *doc;
	const struct json *rows;

	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/leases?tenant=%s&state=active&limit=100",
				    address_text(&c->key.address, text)),
		       &doc, &e) < 0) {
		say(c, "warning: %s", e.text);
		return;
	}
	rows = json_get(doc, "data");
	for (const struct json *row = rows != NULL ? rows->first : NULL; row != NULL;
	     row = row->next) {
		e = (struct err)ERR_NONE;
		/* One lease's trouble is not another's. */
		if (sign_lease(c, row, &e) < 0)
			say(c, "warning: %s: %s", text_of(row, "id"), e.text);
	}
}

int
cmd_agent(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "once", no_argument, NULL, 'o' },
						 { "every", required_argument, NULL, 'e' },
						 { NULL, 0, NULL, 0 } };
	struct timespec pause = { 5, 0 };
	bool once = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'o': once = true; break;
		case 'e': pause.tv_sec = MAX(strtol(optarg, NULL, 10), 1L); break;
		default: return option_fault(argv, "agent", e);
		}
	if (context_connect(c, e) < 0 || context_unlock(c, e) < 0)
		return -1;
	for (;;) {
		struct arena keep = c->arena;

		/* What one look makes goes with it. */
		arena_init(&c->arena, 0);
		look(c);
		arena_release(&c->arena);
		c->arena = keep;
		if (once)
			return 0;
		nanosleep(&pause, NULL);
	}
}
