/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The market's events. Every order that is announced gets an answer: a sealed
 * bid, or a decline that says why. An award for us is checked against what we
 * bid, or against our standing offer, and signed; or refused, with the reason.
 */
#include "lease/key.h"
#include "lease/seal.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/run/deposit.h"
#include "provider/bid/appraise.h"
#include "provider/bid/offers.h"
#include "provider/bid/receipts.h"
#include "provider/bid/spot.h"

#define RESTART_NOTE "last_event"

/* ------------------------------------------------------------------ */
/* An announced round.                                                  */

struct bidding {
	struct appraisal appraisal; /* first: appraise.h */
	struct round_doc round;
	struct bid_terms bid;
	struct bid_doc doc;
	const char *sent; /* the bid of this round, if the book has it */
	struct chan_call call;
	struct fetch f;
};

/* What the bid is made of is in the book before anyone sees the bid. */
static enum next
bid_sign(struct task *t)
{
	struct bidding *b = t->state;
	struct agent *g = t->owner;
	const struct pricing *p = &b->appraisal.pricing;

	if (b->appraisal.decline != NULL)
		return TASK_NEXT;
	if (book_bid_put(g->book, &b->round.hash, json_encode(&t->arena, pricing_fields, p),
			 clock_wall(), &t->err) < 0)
		return TASK_FAIL;
	b->bid = (struct bid_terms){ .order = b->round.hash,
				     .provider = g->self,
				     .floor = p->floor,
				     .list = p->list,
				     .round = b->round.round,
				     .salt = pricing_salt(p) };
	return signer_start(t, g->signer, &b->call, SIGN_BID, &b->bid, sizeof(b->bid));
}

static void
post(struct task *t, struct fetch *f, const char *path, const char *body)
{
	struct agent *g = t->owner;

	*f = (struct fetch){
		.method = "POST",
		.url = arena_printf(&t->arena, "%s%s", g->settings->market_url, path),
		.body = body,
		.body_len = strlen(body),
		.bearer = g->token,
		.ca_path = g->settings->market_ca,
		.timeout_us = 10 * SECOND_US,
	};
}

static enum next
bid_send(struct task *t)
{
	struct bidding *b = t->state;
	struct agent *g = t->owner;
	struct bid_post bid = {
		.id = id_new(), .order = b->round.id, .round = b->round.round, .provider = g->self
	};
	const char *text;

	if (b->appraisal.decline != NULL) {
		struct decline_post no = { .id = bid.id,
					   .order = bid.order,
					   .round = bid.round,
					   .provider = g->self,
					   .reason = b->appraisal.decline };

		post(t, &b->f, "/v1/declines", json_encode(&t->arena, decline_post_fields, &no));
		return fetch_start(t, &b->f);
	}
	if (signer_answer(&b->call, &b->doc.sig, sizeof(b->doc.sig), &t->err) < 0)
		return TASK_FAIL;
	b->doc.terms = b->bid;
	text = json_encode(&t->arena, bid_doc_fields, &b->doc);
	bid.envelope.b = seal_box(&t->arena, b->round.key.b, text, strlen(text), &bid.envelope.len);
	text = json_encode(&t->arena, bid_post_fields, &bid);
	/* Before anyone can see it: after a restart the same bytes go out again, whatever
	 * the prices are then. */
	if (book_sent_put(g->book, &t->arena, &b->round.hash, b->round.round, text, clock_wall(),
			  &text, &t->err) < 0 ||
	    receipts_bid(g->book, &t->arena, text, &t->err) < 0)
		return TASK_FAIL;
	post(t, &b->f, "/v1/bids", text);
	return fetch_start(t, &b->f);
}

/* The round was answered, before a restart or when the event came first. */
static enum next
bid_again(struct task *t)
{
	struct bidding *b = t->state;
	char order[ID_TEXT_SIZE];

	log_info("bid.again", "order=%s round=%u", id_text(ID_ORDER, &b->round.id, order),
		 b->round.round);
	post(t, &b->f, "/v1/bids", b->sent);
	return fetch_start(t, &b->f);
}

static enum next
bid_again_answer(struct task *t)
{
	struct bidding *b = t->state;
	struct agent *g = t->owner;

	if (fetch_check(&t->arena, &b->f, &t->err) < 0)
		return TASK_FAIL;
	receipts_answer(g->book, &t->arena, b->f.reply);
	return TASK_DONE;
}

static enum next
bid_answer(struct task *t)
{
	struct bidding *b = t->state;
	struct agent *g = t->owner;
	char order[ID_TEXT_SIZE], floor[AMOUNT_TEXT_SIZE];

	if (fetch_check(&t->arena, &b->f, &t->err) < 0)
		return TASK_FAIL;
	if (b->appraisal.decline == NULL)
		receipts_answer(g->book, &t->arena, b->f.reply);
	log_info("bid.sent", "order=%s round=%u %s=%s", id_text(ID_ORDER, &b->round.id, order),
		 b->round.round, b->appraisal.decline != NULL ? "declined" : "floor",
		 b->appraisal.decline != NULL ? b->appraisal.decline
					      : u128_text(b->bid.floor.nano, floor));
	return TASK_DONE;
}

static const struct step bid_steps[] = { APPRAISE_STEPS,
					 { "sign", bid_sign },
					 { "send", bid_send },
					 { "answer", bid_answer },
					 STEP_END };
static const struct step again_steps[] = { { "again", bid_again },
					   { "answer", bid_again_answer },
					   STEP_END };

static void
bid_done(struct task *t)
{
	appraise_end(t->state);
	if (t->err.code != NULL)
		log_warn("bid.failed", "error=\"%s\"", t->err.text);
}

static void
on_bidding(struct agent *g, const char *data)
{
	struct task *t = task_new(&g->loop, "bid", bid_steps, sizeof(struct bidding),
				  30 * SECOND_US, bid_done, g);
	struct bidding *b = t->state;
	struct err e = ERR_NONE;

	if (json_decode(&t->arena, data, strlen(data), round_doc_fields, &b->round, &e) < 0 ||
	    group_check(&b->round.group, &e) < 0)
		task_kill(t, &ERR_BAD_DATA, e.text);
	else if (b->round.ends_at < clock_wall())
		task_kill(t, &ERR_TIMEOUT, "the round is over"); /* an old event, read again */
	else if ((b->sent = book_sent(g->book, &t->arena, &b->round.hash, b->round.round)) != NULL)
		t->steps = t->at = again_steps;
	else {
		b->appraisal.order =
			id_text(ID_ORDER, &b->round.id, arena_alloc(&t->arena, ID_TEXT_SIZE));
		b->appraisal.hash = &b->round.hash;
		b->appraisal.tenant = b->round.terms.tenant;
		b->appraisal.group = &b->round.group;
		b->appraisal.excluded = &b->round.excluded;
	}
}

/* ------------------------------------------------------------------ */
/* An award.                                                            */

struct accepting {
	struct award_doc award;
	struct pricing bid;
	struct work work;
	const char *refusal; /* a reason, or NULL */
	struct chan_call call;
	struct fetch f;
};

static enum next award_refuse(struct task *t);

/* The bid as the book has it, if it was for this price or for less. */
static int
award_bid(struct task *t, bool *bid)
{
	struct accepting *x = t->state;
	struct agent *g = t->owner;
	const char *doc = book_bid(g->book, &t->arena, &x->award.award.order);

	*bid = false;
	if (doc == NULL)
		return 0;
	if (json_decode(&t->arena, doc, strlen(doc), pricing_fields, &x->bid, &t->err) < 0)
		return -1;
	*bid = rate_cmp(x->award.award.rate, x->bid.floor) >= 0;
	return 0;
}

/* In a tick, and for an order that we did not bid on, our standing offer wins. */
static int
award_price(struct task *t)
{
	struct accepting *x = t->state;
	bool bid;

	if (award_bid(t, &bid) < 0)
		return -1;
	if (!bid)
		x->refusal = offers_refusal(t->owner, &t->arena, &x->award, &x->bid);
	return 0;
}

/* The market may award what it wants; we sign only what we have bid. */
static int
award_check(struct task *t)
{
	struct accepting *x = t->state;
	struct agent *g = t->owner;
	const struct award_doc *d = &x->award;
	struct hash h = order_hash(&d->terms), group = group_hash(&d->group), digest;

	if (!hash_equal(&h, &d->award.order) || !hash_equal(&group, &d->terms.group))
		return err_set(&t->err, &ERR_BAD_DATA,
			       "the award's order or group has another hash");
	digest = terms_digest(&g->domain, &h);
	if (sig_check(&d->order_sig, &digest, &d->terms.tenant, &t->err) < 0)
		return err_wrap(&t->err, "order");
	h = award_hash(&d->award);
	digest = terms_digest(&g->domain, &h);
	if (sig_check(&d->award_sig, &digest, &d->terms.auctioneer, &t->err) < 0)
		return err_wrap(&t->err, "award");
	return 0;
}

/* Between bid and award another lease may have come: look again, and choose the
 * devices, which are the lease's from now on. */
static int
award_place(struct task *t)
{
	struct accepting *x = t->state;
	struct room room;

	if (!x->award.group.interruptible) {
		x->refusal = spot_make_room(t->owner, &t->arena, &x->award.terms.tenant,
					    &x->award.group, &x->bid.models, &x->work.gpus);
		return 0;
	}
	if (agent_room(t->owner, &t->arena, &x->award.terms.tenant, &x->award.group, &room,
		       &t->err) < 0)
		return -1;
	x->refusal =
		room_fit_models(&t->arena, &room, &x->award.group, &x->bid.models, &x->work.gpus);
	return 0;
}

static enum next
accept_sign(struct task *t)
{
	struct accepting *x = t->state;
	struct agent *g = t->owner;
	struct work *w = &x->work;
	int found;

	if (award_check(t) < 0)
		return TASK_FAIL;
	w->terms = lease_from(&x->award.terms, &g->self, x->award.award.rate);
	w->hash = lease_hash(&w->terms);
	found = book_get(g->book, &t->arena, &w->hash, w, &t->err);
	if (found < 0)
		return TASK_FAIL;
	if (found == 1)
		return TASK_DONE; /* this event came before */
	if (award_price(t) < 0)
		return TASK_FAIL;
	if (x->refusal != NULL)
		return task_jump(t, award_refuse);
	return signer_start(t, g->signer, &x->call, SIGN_LEASE, &w->terms, sizeof(w->terms));
}

static enum next
accept_store(struct task *t)
{
	struct accepting *x = t->state;
	struct agent *g = t->owner;
	struct work *w = &x->work;
	struct accept_post accept;

	if (signer_answer(&x->call, &w->accept_sig, sizeof(w->accept_sig), &t->err) < 0)
		return TASK_FAIL;
	if (award_place(t) < 0)
		return TASK_FAIL;
	if (x->refusal != NULL)
		return task_jump(t, award_refuse);
	w->id = x->award.lease;
	w->award = x->award;
	w->card = x->bid.card;
	w->models = x->bid.models;
	w->price_nonce = x->bid.nonce;
	w->state = WORK_ACCEPTED;
	spot_enter(g, w);
	w->created = clock_wall();
	/* Before the market hears yes, we know that we said it. */
	if (book_put(g->book, w, &t->err) < 0)
		return TASK_FAIL;
	accept = (struct accept_post){ w->terms, w->accept_sig };
	post(t, &x->f, "/v1/leases", json_encode(&t->arena, accept_post_fields, &accept));
	return fetch_start(t, &x->f);
}

static enum next
accept_answer(struct task *t)
{
	struct accepting *x = t->state;
	struct agent *g = t->owner;
	char lease[ID_TEXT_SIZE], rate[AMOUNT_TEXT_SIZE];

	if (fetch_check(&t->arena, &x->f, &t->err) < 0) {
		if (err_retryable(&t->err))
			return TASK_FAIL; /* the runner asks the market what became of it */
		x->work.state = WORK_ENDED;
		(void)!book_put(g->book, &x->work, &t->err);
		return TASK_FAIL;
	}
	log_info("lease.accepted", "lease=%s rate=%s", id_text(ID_LEASE, &x->work.id, lease),
		 u128_text(x->work.terms.rate.nano, rate));
	runner_look(g);
	return TASK_DONE;
}

/* A refusal says why, and at once: the order goes to the next one. */
static enum next
award_refuse(struct task *t)
{
	struct accepting *x = t->state;
	char lease[HASH_TEXT_SIZE], order[ID_TEXT_SIZE];

	log_warn("lease.refused", "order=%s reason=%s", id_text(ID_ORDER, &x->award.order, order),
		 x->refusal);
	post(t, &x->f, "/v1/refusals",
	     arena_printf(&t->arena, "{\"lease\":\"%s\",\"reason\":\"%s\"}",
			  hash_text(&x->work.hash, lease), x->refusal));
	return fetch_start(t, &x->f);
}

static enum next
award_refused(struct task *t)
{
	struct accepting *x = t->state;

	return fetch_check(&t->arena, &x->f, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
}

static const struct step accept_steps[] = {
	{ "sign", accept_sign },    { "store", accept_store },	  { "answer", accept_answer },
	{ "refuse", award_refuse }, { "refused", award_refused }, STEP_END
};

static void
accept_done(struct task *t)
{
	if (t->err.code != NULL)
		log_warn("lease.not_accepted", "error=\"%s\"", t->err.text);
}

static void
on_awarded(struct agent *g, const char *data)
{
	struct task *t = task_new(&g->loop, "accept", accept_steps, sizeof(struct accepting),
				  30 * SECOND_US, accept_done, g);
	struct accepting *x = t->state;
	struct err e = ERR_NONE;

	if (json_decode(&t->arena, data, strlen(data), award_doc_fields, &x->award, &e) < 0)
		task_kill(t, &ERR_BAD_DATA, e.text);
	else if (!address_equal(&x->award.award.provider, &g->self))
		t->steps = t->at = &accept_steps[NELEMS(accept_steps) - 1]; /* somebody else's */
	else if (x->award.accept_by < clock_wall())
		task_kill(t, &ERR_TIMEOUT, "the time to accept is over");
}

/* ------------------------------------------------------------------ */

static void
on_event(void *ctx, const struct sse_event *ev)
{
	struct agent *g = ctx;
	struct err e = ERR_NONE;

	if (strcmp(ev->type, "order.bidding") == 0)
		on_bidding(g, ev->data);
	else if (strcmp(ev->type, "order.awarded") == 0)
		on_awarded(g, ev->data);
	else if (strcmp(ev->type, "pool.priced") == 0)
		spot_priced(g, ev->data);
	else if (strcmp(ev->type, "quote.requested") == 0)
		quote_begin(g, ev->data);
	else if (strcmp(ev->type, "lease.deposit_low") != 0) { /* we know before they do */
		g->sweep_due = true;
		deposit_hint(g, ev->type, ev->data);
		runner_look(g);
	}
	if (ev->id != NULL && book_note(g->book, RESTART_NOTE, ev->id, &e) < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);
}

static void
on_state(void *ctx, bool connected, const struct err *e)
{
	struct agent *g = ctx;

	if (connected)
		log_info("market.connected", "url=%s", g->settings->market_url);
	else
		log_warn("market.lost", "error=\"%s\"", e != NULL ? e->text : "");
}

void
bidder_start(struct agent *g)
{
	struct arena a;
	const char *url, *last;

	arena_init(&a, 0);
	last = book_noted(g->book, &a, RESTART_NOTE);
	url = arena_printf(&a, "%s/v1/events", g->settings->market_url);
	g->events = sse_open(&g->loop, url, NULL, NULL, last, on_event, on_state, g);
	arena_release(&a);
}
