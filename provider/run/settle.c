/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/settle.h"

#include "lease/keystore.h"
#include "lease/standing.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "provider/book_db.h"

/* Steps of one lease in one run: settle, claim, finish. */
#define STEPS_MAX 4
/* Leases of one transaction, 1.7 million gas; what does not fit is halved. */
#define BATCH_MAX ((size_t)100)

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
	unsigned decimals; /* of the token, and what it is called */
	const char *symbol;
	int failed;
};

/* Without a market it is the token that tells. One that does not is shown in base
 * units. */
static void
token_ask(struct settling *g)
{
	struct err ignored = ERR_NONE;
	const uint8_t *bytes, *name;
	size_t len, name_len;
	struct abi abi;
	u128 v;

	g->symbol = "units";
	abi_call(&abi, &g->a, "decimals()");
	if (evm_call_now(&g->a, &g->evm, &g->s->token, (struct calldata){ abi.b, abi.len }, &bytes,
			 &len, &ignored) < 0 ||
	    !abi_word_uint(bytes, len, 0, &v) || v > 18)
		return;
	g->decimals = (unsigned)v;
	g->symbol = "tokens";
	abi_call(&abi, &g->a, "symbol()");
	if (evm_call_now(&g->a, &g->evm, &g->s->token, (struct calldata){ abi.b, abi.len }, &bytes,
			 &len, &ignored) < 0 ||
	    !abi_word_bytes(bytes, len, 0, &name, &name_len) || name_len == 0 || name_len > 12)
		return;
	for (size_t i = 0; i < name_len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return;
	g->symbol = arena_strndup(&g->a, (const char *)name, name_len);
}

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
	if (evm_check_chain(&g->a, &g->evm, e) < 0)
		return -1;
	if (!g->json)
		token_ask(g);
	return 0;
}

/* For people; JSON has base units. */
static const char *
tokens(struct settling *g, struct amount amount)
{
	char text[AMOUNT_TEXT_SIZE];

	return arena_strdup(&g->a, g->json ? u128_text(amount.units, text)
					   : amount_human(amount, g->decimals, text));
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
	/* We send it ourselves, which is our word on it. What the book has of ours is over
	 * the last reading, and the payer's over one before. */
	struct settlement settlement = { .lease = w->terms,
					 .voucher = *voucher,
					 .payer_sig = w->payer_sig };
	struct closing closing = { .lease = w->terms,
				   .voucher = *voucher,
				   .payer_sig = w->payer_sig };

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
	/* With what was added; of what has ended, the contract keeps nothing. */
	struct amount deposit = s->lease.deposit.units != 0
					? s->lease.deposit
					: (struct amount){ w->terms.deposit.units };

	id_text(ID_LEASE, &w->id, id);
	if (!g->json) {
		printf("%s  %s: %s of %s %s paid", id, did, tokens(g, s->lease.paid),
		       tokens(g, deposit), g->symbol);
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

/* "settle up to 1.25": and what it would come to. */
static const char *
plan_of(struct settling *g, const struct work *w, const struct standing *s,
	const struct way_step *step, const struct voucher_terms *voucher)
{
	const char *what = state_of(s, step);

	if (g->json)
		return what;
	if (step->way == WAY_SETTLE || step->way == WAY_CLOSE)
		return arena_printf(&g->a, "%s up to %s", what, tokens(g, voucher->amount));
	if (step->way == WAY_CLAIM)
		return arena_printf(&g->a, "%s up to %s", what, tokens(g, claim_of(w, s)));
	return what;
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

		if (standing_now(&g->a, &g->evm, &g->s->escrow, &w->terms, &standing, e) < 0 ||
		    (standing_unknown(&standing) &&
		     standing_past(&g->a, &g->evm, &g->s->escrow, &w->hash, &standing, e) < 0))
			return -1;
		/* The next block is what counts, and the last may be old. */
		standing.now = MAX(standing.now, (uint32_t)(clock_wall() / SECOND_US));
		voucher = best_voucher(w, &final);
		step = standing_provider(&standing, &w->terms, &voucher, final);
		/* A payer that signs overrides it within the window: it would be gas only. */
		if (step.way == WAY_CLAIM &&
		    (amount_cmp(claim_of(w, &standing), standing.lease.paid) <= 0 ||
		     (standing.lease.stop_at == 0 && w->paid.seq != 0 &&
		      standing.now < (uint64_t)w->paid.upTo + w->terms.window)))
			step = (struct way_step){ WAY_NONE, 0 };
		if (step.way == WAY_NONE || step.way == WAY_WAIT || g->plan) {
			/* Old leases that were settled long ago would only be noise. */
			if (w->state < WORK_ENDED || !standing.ended)
				say_step(g, w, plan_of(g, w, &standing, &step, &voucher), &standing,
					 step.at, 0);
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

/* ------------------------------------------------------------------ */
/* Many at once: a lease costs a quarter of what it costs alone.        */

struct due {
	const struct work *w;
	struct voucher_terms voucher;
	struct standing before;
};

/* What this lease can do now is `way`: pay its voucher, or end by it. */
static bool
is_due(struct settling *g, const struct work *w, enum way way, struct due *out)
{
	struct err ignored = ERR_NONE; /* it is told of when the lease is looked at alone */
	bool final;

	if (standing_now(&g->a, &g->evm, &g->s->escrow, &w->terms, &out->before, &ignored) < 0)
		return false;
	out->before.now = MAX(out->before.now, (uint32_t)(clock_wall() / SECOND_US));
	out->voucher = best_voucher(w, &final);
	out->w = w;
	return standing_provider(&out->before, &w->terms, &out->voucher, final).way == way;
}

static struct calldata
batch_of(struct settling *g, enum way way, const struct due *due, size_t count)
{
	struct settlement *pay = arena_alloc(&g->a, count * sizeof(*pay));
	struct closing *end = arena_alloc(&g->a, count * sizeof(*end));

	for (size_t i = 0; i < count; i++) {
		const struct work *w = due[i].w;

		/* We send it: see call_of(). */
		pay[i] = (struct settlement){ .lease = w->terms,
					      .voucher = due[i].voucher,
					      .payer_sig = w->payer_sig };
		end[i] = (struct closing){ .lease = w->terms,
					   .voucher = due[i].voucher,
					   .payer_sig = w->payer_sig };
	}
	return way == WAY_CLOSE ? escrow_close_many(&g->a, end, count)
				: escrow_settle_many(&g->a, pay, count);
}

/* What the contract refuses here is tried alone afterwards, and its error told then.
 * Anything else ends the run: one that is sent and not yet mined is not to be sent again
 * in pieces. */
static int
batch_send(struct settling *g, enum way way, const struct due *due, size_t count, struct err *e)
{
	struct evm_receipt receipt;
	struct err failed = ERR_NONE;

	if (count < 2)
		return 0;
	if (evm_send_now(&g->a, &g->evm, &g->key, &g->s->escrow, batch_of(g, way, due, count),
			 &receipt, &failed) < 0) {
		if (failed.code == &ERR_TOO_BIG || failed.code == &EVM_REFUSED)
			return batch_send(g, way, due, count / 2, e) < 0
				       ? -1
				       : batch_send(g, way, due + count / 2, count - count / 2, e);
		*e = failed;
		return err_wrap(e, "%s of %zu", way_name(way), count);
	}
	for (size_t i = 0; i < count; i++) {
		struct standing s = due[i].before;
		struct err skipped = ERR_NONE; /* and then looked at alone */

		if (standing_now(&g->a, &g->evm, &g->s->escrow, &due[i].w->terms, &s, &skipped) ==
			    0 &&
		    standing_receipt(&g->a, &g->s->escrow, &due[i].w->hash, &receipt, &s,
				     &skipped) == 0)
			say_step(g, due[i].w, way_name(way), &s, 0, receipt.gas_used / count);
	}
	return 0;
}

static int
together(struct settling *g, enum way way, const char *lease, struct err *e)
{
	struct due *due = arena_alloc(&g->a, BATCH_MAX * sizeof(*due));
	size_t n = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct work *w = &g->works[i];

		if (!is_named(w, lease) || !is_due(g, w, way, &due[n]) || ++n < BATCH_MAX)
			continue;
		if (batch_send(g, way, due, n, e) < 0)
			return -1;
		n = 0;
	}
	return batch_send(g, way, due, n, e);
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

static int
all(struct settling *g, const char *lease, struct err *e)
{
	if (!g->plan &&
	    (together(g, WAY_SETTLE, lease, e) < 0 || together(g, WAY_CLOSE, lease, e) < 0))
		return -1;
	return each(g, lease, e);
}

int
settle_run(struct provider_settings *s, const char *lease, bool plan, bool json)
{
	struct settling g = { .s = s, .plan = plan, .json = json };
	struct err e = ERR_NONE;

	arena_init(&g.a, 0);
	g.w = jsonw_new(true);
	jsonw_open(g.w, '[');
	if (begin(&g, &e) < 0 || all(&g, lease, &e) < 0) {
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
