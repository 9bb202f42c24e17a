/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/deposit.h"

#include "lease/evm.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"

#define ASK_LIMIT_US  (20 * SECOND_US)
#define END_LIMIT_US  (60 * SECOND_US)
#define ASKED_AT_ONCE 4u

static uint32_t
keep_s(const struct provider_settings *s, const struct work *w)
{
	if (!w->spot.interrupted)
		return s->paused_keep_s;
	return strcmp(w->award.group.on_interrupt, "pause") == 0 ? s->spot.keep_s : 0;
}

void
work_dues(struct agent *g, struct arena *a, const struct work *w, struct work_dues *out)
{
	const struct provider_settings *s = g->settings;
	struct err e = ERR_NONE;
	wall_t now = clock_wall();
	int room = work_may_return(g, a, w, &out->devices, &e);

	if (room < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);

	out->price = work_price(w);
	out->meter = meter_totals(&w->meter);
	out->facts = (struct dues_facts){
		.price = &out->price,
		.meter = &out->meter,
		.spells = &w->spells,
		.began = w->meter.began,
		/* Whole seconds, as the contract counts them. */
		.now = now - now % SECOND_US,
		.signed_for = w->paid.amount,
		.signed_to = (wall_t)w->paid.upTo * SECOND_US,
		.stopped = w->stop_at != 0,
		.no_room = room != 1,
		.seen = w->seen,
		.interrupted = w->spot.interrupted,
		.keep_s = keep_s(s, w),
		.every_s = (s->meter_every_ms + 999) / 1000,
	};
	/* No shorter than the meter can see. */
	out->facts.unpaid_s = MAX(s->unpaid_max_s != 0 ? s->unpaid_max_s : w->terms.window,
				  2 * out->facts.every_s + 1);
}

/* ------------------------------------------------------------------ */
/* The chain is asked.                                                  */

struct asking {
	struct work work;
	struct evm_call rpc;
};

static enum next
chain_ask(struct task *t)
{
	struct asking *x = t->state;
	struct agent *g = t->owner;
	const char *body = rpc_call(&t->arena, NULL, &g->settings->escrow,
				    escrow_lease_state(&t->arena, &x->work.hash));

	return evm_call_start(t, &g->evm, body, &x->rpc);
}

/* A lease that the chain does not know (any more) is for the sweep to end. */
static enum next
chain_read(struct task *t)
{
	struct asking *x = t->state;
	struct agent *g = t->owner;
	struct work *w = &x->work;
	struct escrow_lease state;
	char lease[ID_TEXT_SIZE], text[AMOUNT_TEXT_SIZE];
	struct json *result;
	const uint8_t *data;
	size_t len;

	if (evm_call_result(&t->arena, &x->rpc, &result, &t->err) < 0 ||
	    rpc_bytes_read(&t->arena, result, &data, &len, &t->err) < 0 ||
	    book_get(g->book, &t->arena, &w->hash, w, &t->err) != 1)
		return TASK_FAIL;
	if (!escrow_lease_read(data, len, &state) || state.deposit.units == 0) {
		g->sweep_due = true;
		return TASK_DONE;
	}
	id_text(ID_LEASE, &w->id, lease);
	if (amount_cmp(state.deposit, work_price(w).deposit) != 0)
		log_info("deposit.changed", "lease=%s deposit=%s", lease,
			 u128_text(state.deposit.units, text));
	if (state.stop_at != 0 && w->stop_at == 0)
		log_info("lease.stopped", "lease=%s", lease);
	w->deposit = state.deposit;
	w->stop_at = state.stop_at;
	w->seen = clock_wall();
	return book_put(g->book, w, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step ask_steps[] = { { "ask", chain_ask }, { "read", chain_read }, STEP_END };

static void
ask_done(struct task *t)
{
	struct asking *x = t->state;
	struct agent *g = t->owner;
	struct live *l = live_find(g, &x->work.hash);

	g->deposits_asked--;
	if (l != NULL)
		l->deposit_asking = false;
	if (t->err.code != NULL)
		log_warn("deposit.unknown", "error=\"%s\"", t->err.text);
	else
		timer_poke(g->run_timer);
}

static void
ask_begin(struct agent *g, const struct work *w, struct live *l)
{
	struct asking *x;

	l->deposit_asking = true;
	l->deposit_due = false;
	l->deposit_at = clock_mono();
	g->deposits_asked++;
	x = task_new(&g->loop, "deposit", ask_steps, sizeof(*x), ASK_LIMIT_US, ask_done, g)->state;
	x->work.hash = w->hash;
}

static bool
is_time_to_ask(const struct agent *g, const struct live *l, const struct dues_facts *f)
{
	int64_t since = clock_mono() - l->deposit_at;

	return !l->deposit_asking && g->deposits_asked < ASKED_AT_ONCE &&
	       (l->deposit_due || l->deposit_at == 0 ||
		since >= (int64_t)dues_look_s(f) * SECOND_US);
}

void
deposit_hint(struct agent *g, const char *type, const char *data)
{
	struct err ignored = ERR_NONE;
	const struct json *lease;
	struct json *doc;
	struct arena a;
	struct hash hash;
	struct live *l;

	if (strcmp(type, "lease.topped_up") != 0 && strcmp(type, "lease.stopped") != 0)
		return;
	arena_init(&a, 0);
	if (json_parse(&a, data, strlen(data), &doc, &ignored) == 0 &&
	    (lease = json_get(doc, "lease")) != NULL && lease->type == JSON_STRING &&
	    hash_read(lease->text, &hash, &ignored) == 0 && (l = live_find(g, &hash)) != NULL)
		l->deposit_due = true;
	arena_release(&a);
}

/* ------------------------------------------------------------------ */
/* The end, after the time of grace: the last word is signed, so that whoever has a
 * countersigned voucher for it can close; what is left on the machine is swept.     */

struct ending {
	struct work work;
	struct chan_call call;
	struct release_terms release;
	struct release_post post;
	struct sig sig;
	struct fetch f;
};

static enum next
end_sign(struct task *t)
{
	struct ending *x = t->state;
	struct agent *g = t->owner;
	struct work_dues d;

	if (book_get(g->book, &t->arena, &x->work.hash, &x->work, &t->err) != 1)
		return TASK_FAIL;
	work_dues(g, &t->arena, &x->work, &d);
	if (x->work.released || dues_next(&d.facts).want != DUES_END)
		return TASK_DONE;
	x->release = (struct release_terms){ x->work.hash, x->work.usage.amount };
	return signer_start(t, g->signer, &x->call, SIGN_RELEASE, &x->release, sizeof(x->release));
}

static enum next
end_store(struct task *t)
{
	struct ending *x = t->state;
	struct agent *g = t->owner;
	struct work *w = &x->work;
	char lease[ID_TEXT_SIZE];

	if (signer_answer(&x->call, &x->sig, sizeof(x->sig), &t->err) < 0)
		return TASK_FAIL;
	if (book_get(g->book, &t->arena, &w->hash, w, &t->err) != 1)
		return TASK_FAIL;
	w->release_sig = x->sig;
	w->released = true;
	w->state = WORK_CLOSING;
	if (book_put(g->book, w, &t->err) < 0)
		return TASK_FAIL;
	log_info("lease.ends", "lease=%s why=%s", id_text(ID_LEASE, &w->id, lease),
		 w->stop_at != 0       ? "stopped"
		 : w->spot.interrupted ? "interrupted"
				       : "deposit_used_up");
	/* Without the payer's word on the last amount there is nothing to close with:
	 * the tenant's close brings it, or the claim on chain does without. */
	if (w->paid.seq != w->usage.seq)
		return TASK_DONE;
	x->post = (struct release_post){ .voucher = { .usage = w->usage,
						      .usage_sig = w->usage_sig,
						      .payer_sig = w->payer_sig,
						      .provider_sig = w->voucher_sig },
					 .release_sig = w->release_sig };
	{
		const char *body = json_encode(&t->arena, release_post_fields, &x->post);

		x->f = (struct fetch){ .method = "POST",
				       .url = arena_printf(&t->arena, "%s/v1/releases",
							   g->settings->market_url),
				       .body = body,
				       .body_len = strlen(body),
				       .ca_path = g->settings->market_ca };
	}
	return fetch_start(t, &x->f);
}

static enum next
end_told(struct task *t)
{
	struct ending *x = t->state;

	if (fetch_check(&t->arena, &x->f, &t->err) < 0)
		err_wrap(&t->err, "the market was not told: settle it on chain");
	return t->err.code != NULL ? TASK_FAIL : TASK_DONE;
}

static const struct step end_steps[] = {
	{ "sign", end_sign }, { "store", end_store }, { "told", end_told }, STEP_END
};

static void
end_done(struct task *t)
{
	struct ending *x = t->state;
	struct agent *g = t->owner;

	busy_end(g, &x->work.hash);
	if (t->err.code != NULL)
		log_warn("lease.not_ended", "error=\"%s\"", t->err.text);
	timer_poke(g->run_timer);
}

static void
end_begin(struct agent *g, const struct work *w)
{
	struct ending *x;

	if (!busy_begin(g, &w->hash))
		return;
	x = task_new(&g->loop, "end", end_steps, sizeof(*x), END_LIMIT_US, end_done, g)->state;
	x->work.hash = w->hash;
}

/* ------------------------------------------------------------------ */

void
deposit_look(struct agent *g, struct arena *a, const struct work *w, struct live *l)
{
	struct work_dues d;
	struct dues_next next;
	wall_t since;

	if (w->meter.began == 0 || l->halted)
		return;
	work_dues(g, a, w, &d);
	if (is_time_to_ask(g, l, &d.facts))
		ask_begin(g, w, l);
	next = dues_next(&d.facts);
	if (next.want == DUES_END && !work_owes_usage(w) && meter_may(g))
		end_begin(g, w);
	else if (next.want != spells_now(&w->spells, &since) || work_owes_usage(w))
		meter_read(g, w);
}

/* Or it was topped up, and waits for room. */
static bool
is_used_up(const struct work_dues *d)
{
	const struct dues_facts *f = &d->facts;
	struct amount due = dues_amount(f->price, f->meter, f->spells, f->began, f->now, NULL);

	return amount_cmp(due, f->price->deposit) >= 0;
}

void
deposit_show(struct jsonw *out, struct agent *g, struct arena *a, const struct work *w)
{
	struct work_dues d;
	struct dues_next next;
	wall_t since;
	enum dues state = spells_now(&w->spells, &since);
	char text[TIME_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];

	work_dues(g, a, w, &d);
	next = dues_next(&d.facts);
	jsonw_name(out, "dues");
	jsonw_open(out, '{');
	jsonw_member(out, "state", "%s", dues_name(state));
	jsonw_name(out, "why");
	jsonw_str(out, state == DUES_RUN	? NULL
		       : state == DUES_THROTTLE ? "unsigned"
		       : w->stop_at != 0	? "stopped"
		       : w->spot.interrupted	? "interrupted"
		       : is_used_up(&d)		? "deposit_used_up"
						: "no_room");
	jsonw_name(out, "since");
	jsonw_str(out, since != 0 ? time_text(since, text) : NULL);
	jsonw_name(out, "ends_at");
	jsonw_str(out, state == DUES_PAUSE && next.at != 0 ? time_text(next.at, text) : NULL);
	jsonw_member(out, "deposit", "%s", u128_text(d.price.deposit.units, number));
	jsonw_name(out, "paused_s");
	jsonw_int(out, spells_us(&w->spells, DUES_PAUSE, w->meter.began, d.facts.now) / SECOND_US);
	jsonw_name(out, "throttled_s");
	jsonw_int(out,
		  spells_us(&w->spells, DUES_THROTTLE, w->meter.began, d.facts.now) / SECOND_US);
	jsonw_member(out, "unsigned", "%s", u128_text(dues_unsigned(&d.facts).units, number));
	jsonw_close(out, '}');
}
