/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/settle.h"

#include "lease/keystore.h"
#include "lease/standing.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "provider/book_db.h"

/* Steps of one lease in one run: settle, claim, finish. */
#define STEPS_MAX 4

struct settling {
	struct arena a;
	const struct provider_settings *s;
	struct evm evm;
	struct key key;
	struct book *book;
	struct work *works; /* the arena's */
	size_t count;
	bool plan, json;
	struct jsonw *w;
	int failed;
};

static int
begin(struct settling *g, struct err *e)
{
	if (keystore_load(g->s->key_file, g->s->password_file, &g->key, e) < 0)
		return -1;
	/* The book belongs to the daemon's user: what SQLite leaves beside it must too. */
	daemon_become(g->s->user);
	g->evm = g->s->evm;
	g->book = book_open(arena_printf(&g->a, "%s/agent/book.sqlite", g->s->state_dir), e);
	if (g->book == NULL || book_every(g->book, &g->a, &g->works, &g->count, e) < 0)
		return -1;
	return evm_check_chain(&g->a, &g->evm, e);
}

static const char *
tokens(struct settling *g, struct amount amount)
{
	char text[AMOUNT_TEXT_SIZE];

	return arena_strdup(&g->a, u128_text(amount.units, text));
}

/* The voucher as the payer signed it, and whether it is the last word. */
static struct voucher_terms
best_voucher(const struct work *w, bool *final)
{
	*final = w->released && w->paid.seq != 0 && w->paid.amount.units == w->usage.amount.units;
	return w->paid.seq != 0 ? voucher_of(&w->paid) : (struct voucher_terms){ .lease = w->hash };
}

/* The contract's clock goes on in a pause and after our last word; the base of that
 * time is not ours. */
static struct amount
claim_of(const struct work *w, const struct standing *s)
{
	struct price_lease price = { .base = w->terms.base, .deposit = s->lease.deposit };
	struct amount claim =
		dues_claim(&price, &w->spells, s->lease.paid, (wall_t)s->lease.up_to * SECOND_US,
			   (wall_t)s->now * SECOND_US);

	return w->released ? amount_min(claim, w->usage.amount) : claim;
}

static struct calldata
call_of(struct settling *g, const struct work *w, enum way way, const struct standing *s,
	const struct voucher_terms *voucher)
{
	struct settlement settlement = { .lease = w->terms,
					 .voucher = *voucher,
					 .payer_sig = w->payer_sig,
					 .provider_sig = w->voucher_sig };
	struct closing closing = { .lease = w->terms,
				   .voucher = *voucher,
				   .payer_sig = w->payer_sig,
				   .release_sig = w->release_sig };

	switch (way) {
	case WAY_SETTLE: return escrow_settle_many(&g->a, &settlement, 1);
	case WAY_CLOSE: return escrow_close_many(&g->a, &closing, 1);
	case WAY_CLAIM: return escrow_claim(&g->a, &w->terms, claim_of(w, s));
	case WAY_FINISH: return escrow_of_lease(&g->a, "finish", &w->terms);
	default: return escrow_of_lease(&g->a, "expire", &w->terms);
	}
}

static void
say_step(struct settling *g, const struct work *w, const char *did, const struct standing *s,
	 uint32_t at, uint64_t gas)
{
	char id[ID_TEXT_SIZE], time[TIME_TEXT_SIZE];

	id_text(ID_LEASE, &w->id, id);
	if (!g->json) {
		printf("%s  %s: %s of %s paid", id, did, tokens(g, s->lease.paid),
		       tokens(g, w->terms.deposit));
		if (at != 0)
			printf(", until %s", time_text((wall_t)at * SECOND_US, time));
		if (gas != 0)
			printf(", gas %llu", (unsigned long long)gas);
		putchar('\n');
		return;
	}
	jsonw_open(g->w, '{');
	jsonw_member(g->w, "lease", "%s", id);
	jsonw_member(g->w, "step", "%s", did);
	jsonw_member(g->w, "paid", "%s", tokens(g, s->lease.paid));
	jsonw_member(g->w, "deposit", "%s", tokens(g, s->lease.deposit));
	jsonw_name(g->w, "at");
	jsonw_int(g->w, at);
	jsonw_name(g->w, "gas");
	jsonw_int(g->w, (int64_t)gas);
	jsonw_close(g->w, '}');
}

static const char *
state_of(const struct standing *s, const struct way_step *step)
{
	if (standing_unknown(s))
		return "not open";
	if (s->ended)
		return "ended";
	return step->way == WAY_NONE ? "nothing due" : way_name(step->way);
}

static int
one(struct settling *g, const struct work *w, struct err *e)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		struct evm_receipt receipt;
		struct standing standing;
		struct voucher_terms voucher;
		struct way_step step;
		bool final;

		if (standing_now(&g->a, &g->evm, &g->s->escrow, &w->terms, &standing, e) < 0)
			return -1;
		/* The next block is what counts, and the last may be old. */
		standing.now = MAX(standing.now, (uint32_t)(clock_wall() / SECOND_US));
		voucher = best_voucher(w, &final);
		step = standing_provider(&standing, &w->terms, &voucher, final);
		if (step.way == WAY_CLAIM &&
		    amount_cmp(claim_of(w, &standing), standing.lease.paid) <= 0)
			step = (struct way_step){ WAY_NONE, 0 };
		if (step.way == WAY_NONE || step.way == WAY_WAIT || g->plan) {
			/* Old leases that were settled long ago would only be noise. */
			if (w->state < WORK_ENDED || !standing.ended)
				say_step(g, w, state_of(&standing, &step), &standing, step.at, 0);
			return 0;
		}
		if (evm_send_now(&g->a, &g->evm, &g->key, &g->s->escrow,
				 call_of(g, w, step.way, &standing, &voucher), &receipt, e) < 0 ||
		    standing_now(&g->a, &g->evm, &g->s->escrow, &w->terms, &standing, e) < 0 ||
		    standing_receipt(&g->a, &g->s->escrow, &w->hash, &receipt, &standing, e) < 0)
			return err_wrap(e, "%s", way_name(step.way));
		say_step(g, w, way_name(step.way), &standing,
			 step.way == WAY_CLAIM ? standing.payable_at : 0, receipt.gas_used);
	}
	return 0;
}

static bool
is_named(const struct work *w, const char *lease)
{
	char id[ID_TEXT_SIZE], hash[HASH_TEXT_SIZE];

	return lease == NULL || strcmp(lease, id_text(ID_LEASE, &w->id, id)) == 0 ||
	       strcmp(lease, hash_text(&w->hash, hash)) == 0;
}

static int
each(struct settling *g, const char *lease, struct err *e)
{
	size_t found = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct work *w = &g->works[i];
		struct err why = ERR_NONE;
		char id[ID_TEXT_SIZE];

		if (!is_named(w, lease))
			continue;
		found++;
		if (one(g, w, &why) == 0)
			continue;
		/* One lease's trouble is not another's. */
		fprintf(stderr, "error: %s: %s [%s]\n", id_text(ID_LEASE, &w->id, id), why.text,
			why.code->name);
		g->failed = kind_exit_status(why.code->kind);
	}
	if (found == 0 && lease != NULL)
		return err_set(e, &ERR_NOT_FOUND, "the book has no lease \"%.70s\"", lease);
	return 0;
}

int
settle_run(struct provider_settings *s, const char *lease, bool plan, bool json)
{
	struct settling g = { .s = s, .plan = plan, .json = json };
	struct err e = ERR_NONE;

	arena_init(&g.a, 0);
	g.w = jsonw_new(true);
	jsonw_open(g.w, '[');
	if (begin(&g, &e) < 0 || each(&g, lease, &e) < 0) {
		fprintf(stderr, "error: %s [%s]\n", e.text, e.code->name);
		g.failed = kind_exit_status(e.code->kind);
	}
	jsonw_close(g.w, ']');
	if (json)
		fputs(jsonw_text(g.w, NULL), stdout);
	jsonw_free(g.w);
	if (g.book != NULL)
		book_close(g.book);
	key_release(&g.key);
	arena_release(&g.a);
	return g.failed;
}
