/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/offers.h"

#include "lease/key.h"
#include "lease/signer.h"
#include "lease/tick_transcript.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/bid/appraise.h"
#include "provider/bid/offering.h"
#include "provider/bid/receipts.h"

#define LOOK_EVERY_US SECOND_US
#define STOP_US	      (1500 * MILLI_US)
/* An award may be of an offer that was replaced while it was on its way, and of a
 * load before the awards of the same moment. */
#define SETTLE_US (10 * SECOND_US)

/* Notes of the book. */
#define SEQ_NOTE  "offer.seq"
#define LAST_NOTE "offer.last" /* as posted */
#define END_NOTE  "offer.end"  /* its withdrawal, ready to post; "": it is withdrawn */

struct offered {
	struct arena arena;
	struct offer_doc doc;
	wall_t since; /* 0: there is none */
	wall_t ended; /* 0: it stands */
};

struct offers {
	struct offering plan;
	struct offered now, before;
	struct task *task; /* that posts or withdraws */
	bool ending;
	bool told; /* why there is none was said */
};

static void
offered_set(struct offered *o, const char *text, wall_t since)
{
	struct err ignored = ERR_NONE;

	arena_release(&o->arena);
	*o = (struct offered){ .since = since };
	arena_init(&o->arena, 0);
	if (json_decode(&o->arena, text, strlen(text), offer_doc_fields, &o->doc, &ignored) < 0)
		o->since = 0;
}

static void
offered_end(struct offered *o, wall_t now)
{
	if (o->since != 0 && o->ended == 0)
		o->ended = MIN(now, (wall_t)o->doc.offer.expires * SECOND_US);
}

/* ------------------------------------------------------------------ */
/* What to offer.                                                      */

static uint64_t
mib_up(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & ((UINT64_C(1) << 20) - 1)) != 0);
}

static void
add_volume(struct shape *sum, const char *class, uint64_t bytes)
{
	static const char *const names[] = { "default", "beta1", "beta2", "beta3" };

	for (unsigned c = 0; c < NELEMS(names); c++)
		if (strcmp(names[c], class) == 0)
			sum->storage_mib[STORAGE_DEFAULT + c] += mib_up(bytes);
}

static void
add_work(struct shape *sum, const struct work *w)
{
	const struct group_service *s = w->award.group.services.items;
	struct resources total = group_total(&w->award.group);

	sum->cpu_milli += total.cpu_milli;
	sum->gpus += total.gpus;
	sum->memory_mib += mib_up(total.memory_bytes);
	sum->storage_mib[STORAGE_EPHEMERAL] += mib_up(total.storage_bytes);
	for (size_t i = 0; i < w->award.group.services.count; i++)
		for (size_t k = 0; k < s[i].volumes.count; k++) {
			const struct volume *v = (const struct volume *)s[i].volumes.items + k;

			add_volume(sum, v->class, v->bytes * s[i].count);
		}
}

/* The market knows its own leases; of the others, and of volumes that are kept for
 * tenants whose lease has ended, we tell it. */
static int
foreign_use(struct agent *g, struct arena *a, struct shape *out, struct err *e)
{
	struct book_volume *volumes;
	struct work *works;
	size_t count;

	*out = (struct shape){ .cpu_milli = 0 };
	if (book_live(g->book, a, &works, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (!address_equal(&works[i].terms.auctioneer, &g->market))
			add_work(out, &works[i]);
	if (book_volumes(g->book, a, &volumes, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (volumes[i].until != 0)
			add_volume(out, volumes[i].class, volumes[i].bytes);
	return 0;
}

/* 1: made; 0: the settings want none. */
static int
wanted(struct agent *g, struct arena *a, struct offer *out, struct err *e)
{
	struct shape foreign;

	if (!offering_wanted(g->settings) || g->offers->ending)
		return 0;
	if (foreign_use(g, a, &foreign, e) < 0 ||
	    offering_make(a, g->settings, &g->self, &foreign, out, e) < 0)
		return -1;
	return 1;
}

/* ------------------------------------------------------------------ */
/* Posting.                                                            */

struct posting {
	struct offer_doc doc, end; /* end: its withdrawal */
	struct hash print;
	const char *text; /* what is posted */
	bool withdraws;
	uint8_t *ask;
	struct chan_call call;
	struct fetch f;
};

static enum next
sign(struct task *t, const struct offer *o)
{
	struct posting *p = t->state;
	struct agent *g = t->owner;
	struct offer_head head = { o->provider, o->owner, o->seq, o->expires };
	const char *text = json_encode(&t->arena, offer_fields, o);
	size_t len = strlen(text);

	p->ask = arena_alloc(&t->arena, sizeof(head) + len);
	memcpy(p->ask, &head, sizeof(head));
	memcpy(p->ask + sizeof(head), text, len);
	return signer_start(t, g->signer, &p->call, SIGN_OFFER, p->ask, sizeof(head) + len);
}

static enum next
offer_sign(struct task *t)
{
	struct posting *p = t->state;
	struct agent *g = t->owner;
	struct offering *plan = &g->offers->plan;
	wall_t now = clock_wall();
	char seq[AMOUNT_TEXT_SIZE];

	p->doc.offer.seq = offering_seq(plan, now);
	p->doc.offer.expires = (uint64_t)(now / SECOND_US) + OFFERING_LIVES_S;
	p->end.offer = p->doc.offer;
	p->end.offer.seq++;
	p->end.offer.expires = 0;
	plan->seq = p->end.offer.seq;
	if (book_note(g->book, SEQ_NOTE, u128_text(plan->seq, seq), &t->err) < 0)
		return TASK_FAIL;
	return sign(t, &p->doc.offer);
}

static enum next
end_sign(struct task *t)
{
	struct posting *p = t->state;

	if (signer_answer(&p->call, &p->doc.sig, sizeof(p->doc.sig), &t->err) < 0)
		return TASK_FAIL;
	return sign(t, &p->end.offer);
}

/* From here on an award may be of this one, whenever we hear that it was taken. A
 * renewal takes the place of what it renews. */
static void
offered_next(struct offers *o, const struct posting *p)
{
	struct hash print = offering_print(&o->now.doc.offer);

	if (o->now.since != 0 && !hash_equal(&print, &p->print)) {
		arena_release(&o->before.arena);
		o->before = o->now;
		o->now = (struct offered){ .since = 0 };
	}
	offered_set(&o->now, p->text, clock_wall());
}

static enum next
offer_store(struct task *t)
{
	struct posting *p = t->state;
	struct agent *g = t->owner;

	if (signer_answer(&p->call, &p->end.sig, sizeof(p->end.sig), &t->err) < 0)
		return TASK_FAIL;
	p->text = json_encode(&t->arena, offer_doc_fields, &p->doc);
	if (book_note(g->book, END_NOTE, json_encode(&t->arena, offer_doc_fields, &p->end),
		      &t->err) < 0 ||
	    book_note(g->book, LAST_NOTE, p->text, &t->err) < 0 ||
	    receipts_offer(g->book, &p->doc, &t->err) < 0)
		return TASK_FAIL;
	offered_next(g->offers, p);
	return TASK_NEXT;
}

/* It has a receipt too, which says why its offer is in no later book. */
static int
withdrawal_due(struct book *b, struct arena *a, const char *text, struct err *e)
{
	struct offer_doc doc = { .offer = { .seq = 0 } };

	return json_decode(a, text, strlen(text), offer_doc_fields, &doc, e) < 0
		       ? -1
		       : receipts_offer(b, &doc, e);
}

static enum next
offer_post(struct task *t)
{
	struct posting *p = t->state;
	struct agent *g = t->owner;

	if (p->withdraws)
		p->text = book_noted(g->book, &t->arena, END_NOTE);
	if (p->text == NULL || p->text[0] == '\0')
		return TASK_DONE; /* nothing to withdraw */
	if (p->withdraws && withdrawal_due(g->book, &t->arena, p->text, &t->err) < 0)
		return TASK_FAIL;
	p->f = (struct fetch){ .method = "POST",
			       .url = arena_printf(&t->arena, "%s/v1/offers",
						   g->settings->market_url),
			       .body = p->text,
			       .body_len = strlen(p->text),
			       .ca_path = g->settings->market_ca };
	return fetch_start(t, &p->f);
}

static enum next
offer_taken(struct task *t)
{
	struct posting *p = t->state;
	struct agent *g = t->owner;
	struct offers *o = g->offers;
	wall_t now = clock_wall(), until;
	char seq[AMOUNT_TEXT_SIZE], text[TIME_TEXT_SIZE];

	if (fetch_check(&t->arena, &p->f, &t->err) < 0)
		return TASK_FAIL;
	receipts_answer(g->book, &t->arena, p->f.reply);
	if (p->withdraws) {
		offered_end(&o->now, now);
		offered_end(&o->before, now);
		log_info("offer.withdrawn", "market=%s", g->settings->market_url);
		return book_note(g->book, END_NOTE, "", &t->err) < 0 ? TASK_FAIL : TASK_DONE;
	}
	until = (wall_t)p->doc.offer.expires * SECOND_US;
	if (!o->plan.stands || !hash_equal(&o->plan.print, &p->print))
		log_info("offer.stands", "seq=%s until=%s", u128_text(p->doc.offer.seq, seq),
			 time_text(until, text));
	offered_end(&o->before, now);
	return TASK_DONE;
}

static const struct step post_steps[] = { { "sign", offer_sign },   { "end", end_sign },
					  { "store", offer_store }, { "post", offer_post },
					  { "taken", offer_taken }, STEP_END };
static const struct step withdraw_steps[] = { { "post", offer_post },
					      { "taken", offer_taken },
					      STEP_END };

static void offers_end(struct agent *g, bool tried);

/* Another daemon with this key, or a book that was lost: by the clock the next one
 * is higher, unless the clock is behind. */
static const char *
advice(const struct err *e)
{
	if (strcmp(e->code->name, "offer_seq") == 0)
		return "; does another machine use this key, or is the clock behind?";
	if (strcmp(e->code->name, "provider_unknown") == 0)
		return "; it is posted again when we have registered";
	return "";
}

static void
post_done(struct task *t)
{
	const struct posting *p = t->state;
	struct agent *g = t->owner;
	struct offers *o = g->offers;
	wall_t now = clock_wall();

	o->task = NULL;
	if (t->err.code != NULL && o->ending && !p->withdraws) {
		/* given up for the withdrawal */
	} else if (t->err.code != NULL) {
		wall_t left =
			o->plan.stands ? MAX((o->plan.until - now) / SECOND_US, (wall_t)0) : 0;

		log_warn(p->withdraws ? "offer.not_withdrawn" : "offer.not_taken",
			 "error=\"%s%s\" the_last_stands_for_s=%lld again_in_s=%u", t->err.text,
			 advice(&t->err), (long long)left, offering_failed(&o->plan, now));
	} else if (p->withdraws) {
		offering_gone(&o->plan);
	} else {
		offering_stood(&o->plan, &p->print, (wall_t)p->doc.offer.expires * SECOND_US);
	}
	if (o->ending)
		offers_end(g, p->withdraws);
}

static void
withdraw(struct agent *g, int64_t deadline_us)
{
	struct task *t = task_new(&g->loop, "withdraw", withdraw_steps, sizeof(struct posting),
				  deadline_us, post_done, g);

	((struct posting *)t->state)->withdraws = true;
	g->offers->task = t;
}

static void
offers_look(void *agent)
{
	struct agent *g = agent;
	struct offers *o = g->offers;
	struct err e = ERR_NONE;
	struct posting *p;
	struct hash print;
	struct arena a;
	struct offer offer;
	struct task *t;
	int made;

	if (o->task != NULL || !g->registered)
		return;
	arena_init(&a, 0);
	made = wanted(g, &a, &offer, &e);
	if (made < 0 && !o->told)
		log_warn("offer.none", "error=\"%s\"", e.text);
	o->told = made < 0;
	if (made == 1)
		print = offering_print(&offer);
	switch (offering_next(&o->plan, made == 1 ? &print : NULL, clock_wall())) {
	case OFFERING_REST: break;
	case OFFERING_WITHDRAW: withdraw(g, 10 * SECOND_US); break;
	case OFFERING_POST:
		o->task = t = task_new(&g->loop, "offer", post_steps, sizeof(*p), 10 * SECOND_US,
				       post_done, g);
		p = t->state;
		p->print = print;
		/* A copy of the task's own: what `a` holds goes. */
		if (json_decode(&t->arena, json_encode(&a, offer_fields, &offer),
				strlen(json_encode(&a, offer_fields, &offer)), offer_fields,
				&p->doc.offer, &e) < 0)
			task_kill(t, e.code, e.text);
		break;
	}
	arena_release(&a);
}

/* ------------------------------------------------------------------ */
/* Beginning and end.                                                  */

void
offers_start(struct agent *g)
{
	struct offers *o = g->offers = xcalloc(1, sizeof(*o));
	const char *seq, *last, *end;
	struct err e = ERR_NONE;
	struct arena a;
	u128 n = 0;

	arena_init(&a, 0);
	seq = book_noted(g->book, &a, SEQ_NOTE);
	last = book_noted(g->book, &a, LAST_NOTE);
	end = book_noted(g->book, &a, END_NOTE);
	if (seq != NULL && u128_read(seq, UINT64_MAX, &n, &e) < 0)
		fatal("%s of the book: %s", SEQ_NOTE, e.text);
	o->plan.seq = (uint64_t)n;
	if (last != NULL)
		offered_set(&o->now, last, 1);
	/* What an earlier daemon did not withdraw may stand; its print is not ours. */
	if (o->now.since != 0 && end != NULL && end[0] != '\0') {
		o->plan.stands = true;
		o->plan.until = (wall_t)o->now.doc.offer.expires * SECOND_US;
	}
	offered_end(&o->now, o->plan.stands ? o->plan.until : 1);
	arena_release(&a);
	timer_every(&g->loop, 0, LOOK_EVERY_US, offers_look, g);
}

/* The loop ends when what may stand is withdrawn, or when that has failed. */
static void
offers_end(struct agent *g, bool tried)
{
	if (tried)
		loop_stop(&g->loop);
	else
		withdraw(g, STOP_US);
}

void
offers_stop(struct agent *g)
{
	struct offers *o = g->offers;

	if (o == NULL || o->ending) {
		loop_stop(&g->loop);
		return;
	}
	o->ending = true;
	if (o->task != NULL) /* its end comes back to offers_end() */
		task_kill(o->task, &ERR_TIMEOUT, "the daemon ends");
	else
		offers_end(g, false);
}

int
offers_withdraw(const struct provider_settings *s, struct err *e)
{
	struct offer_doc doc;
	struct fetch f;
	const char *end;
	struct arena a;
	struct book *b;
	int result = 0;

	arena_init(&a, 0);
	b = book_open(arena_printf(&a, "%s/agent/book.sqlite", s->state_dir), e);
	if (b == NULL) {
		arena_release(&a);
		return -1;
	}
	end = book_noted(b, &a, END_NOTE);
	if (end != NULL && json_decode(&a, end, strlen(end), offer_doc_fields, &doc, e) == 0) {
		f = (struct fetch){ .method = "POST",
				    .url = arena_printf(&a, "%s/v1/offers", s->market_url),
				    .body = end,
				    .body_len = strlen(end),
				    .ca_path = s->market_ca,
				    .timeout_us = 5 * SECOND_US };
		result = receipts_offer(b, &doc, e) < 0 || fetch_now(&a, &f, e) < 0 ||
					 fetch_check(&a, &f, e) < 0 ||
					 book_note(b, END_NOTE, "", e) < 0
				 ? -1
				 : 1;
		if (result == 1)
			receipts_answer(b, &a, f.reply);
	}
	book_close(b);
	arena_release(&a);
	return result;
}

/* ------------------------------------------------------------------ */
/* When it wins.                                                       */

/* How full the machine was a moment ago: awards of one tick are priced alike, and
 * what the first of them took must not make the second too cheap for us. */
static int
load_before(struct agent *g, struct arena *a, wall_t at, const struct json_strs *models,
	    uint32_t *load, struct err *e)
{
	const struct provider_settings *s = g->settings;
	struct room room = room_of(&s->capacity, &s->volumes, &s->gpus);
	struct work *works;
	size_t count;

	if (book_live(g->book, a, &works, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (works[i].created <= at)
			room_take_lease(&room, &works[i].award.group, &works[i].gpus);
	*load = pricing_load(&room, s->capacity.cpu_milli, models);
	return 0;
}

static bool
stood(const struct offered *o, wall_t now)
{
	return o->since != 0 &&
	       (o->ended == 0 ? now < (wall_t)o->doc.offer.expires * SECOND_US + SETTLE_US
			      : now < o->ended + SETTLE_US);
}

static struct json_strs
models_of(struct arena *a, const struct demand *d, const char *model)
{
	struct json_strs out = { arena_alloc(a, ((size_t)d->gpus + 1) * sizeof(char *)), 0 };

	while (model != NULL && out.count < d->gpus)
		out.items[out.count++] = model;
	return out;
}

/* NULL: this offer asks for that, or for less. */
static const char *
offered_for(struct agent *g, struct arena *a, const struct offered *o, const struct demand *d,
	    const struct award_doc *award, struct pricing *out)
{
	const struct offer *offer = &o->doc.offer;
	const char *model = offering_model(offer);
	wall_t now = clock_wall();
	struct err e = ERR_NONE;
	uint32_t load;

	if (!stood(o, now))
		return "no_offer";
	if (d->gpus > 0 && (model == NULL || !demand_takes_gpu(d, model)))
		return "gpu";
	if (tick_term_s(&award->terms) < offer->min_term_s)
		return "term";
	out->models = models_of(a, d, model);
	if (load_before(g, a, now - SETTLE_US, &out->models, &load, &e) < 0)
		return "capacity";
	out->floor = offering_floor(offer, d, load);
	return rate_cmp(award->award.rate, out->floor) < 0 ? "price" : NULL;
}

const char *
offers_refusal(struct agent *g, struct arena *a, const struct award_doc *award, struct pricing *out)
{
	const struct offers *o = g->offers;
	const char *why = appraise_refuses(g, &award->terms.tenant, &award->group);
	struct demand d;

	if (why == NULL && !offering_serves(&g->settings->prices.tenants, &award->terms.tenant))
		why = "price";
	if (why != NULL)
		return why;
	demand_group(a, &award->group, &d);
	*out = (struct pricing){ .card = g->settings->prices.card };
	why = offered_for(g, a, &o->now, &d, award, out);
	if (why != NULL && offered_for(g, a, &o->before, &d, award, out) == NULL)
		why = NULL;
	if (why != NULL)
		return why;
	out->list = price_scale(out->floor, MAX(g->settings->prices.list_bp, 10000u));
	random_bytes(out->nonce.b, sizeof(out->nonce.b));
	return NULL;
}
