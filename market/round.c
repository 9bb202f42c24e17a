/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed round.
 *
 *	announce   the key holder gives the round's public key; the order and the
 *	           key go out as event order.bidding, without the maximum
 *	close      root = SHA-256 over the last tick's record, whose book of standing
 *	           offers takes part, and all envelopes in order of receipt; the key
 *	           holder signs it and only then gives out the secret key; both are
 *	           stored before anything is opened, and the root closes the round
 *	clear      open, check, decide: lease/transcript.c; the transcript holds all of it
 *	award      sign (order, provider, rate, hash of the transcript)
 *
 * When the tenant picks, clear ends with a ranking; the award comes when the choice
 * has come, from the transcript as it was published.
 */
#include <inttypes.h>

#include "lease/attest.h"
#include "lease/key.h"
#include "lease/signer.h"
#include "lease/transcript.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/audits.h"
#include "market/book.h"
#include "market/clerk.h"
#include "market/round_book.h"
#include "query.h"

/* The next round of an order without a bid: soon at first, then more rarely. */
#define RETRY_US     (250 * MILLI_US)
#define RETRY_MAX_US (10 * SECOND_US)
/* Of what a round reads and stores: its book may be large. */
#define BATCH_MAX ((size_t)64 * 1024 * 1024)
/* Of the batch that stores the root: after it what not every round asks for. */
#define Q_OPTIONAL 4u
/* From the last moment of a choice to the end of the order: to accept and to open. */
#define CHOICE_REST_US (15 * SECOND_US)

static const struct code BOOK_MISSING = { "book_missing", UNAVAIL, "no tick is recorded yet" };

struct round {
	struct desk_order order; /* first: clerk_order() */
	struct batch *b;
	struct chan_call call;
	struct signer_round ask;
	struct hash public_key;
	struct signer_round_closed closed;
	struct arena a;			    /* of what is made of the round */
	const struct transcript_book *book; /* NULL: none takes part */
	size_t audits_at, book_at;	    /* of the batch; 0: not asked for */
	struct transcript t;
	const char *transcript; /* as JSON */
	struct award_terms award;
	struct sig award_sig;
	struct id lease_id;
	wall_t now, ends_at, choose_by;
	const char *excluded[64];
	size_t excluded_count;
};

/* ------------------------------------------------------------------ */
/* Announce.                                                           */

static enum next
announce_key(struct task *t)
{
	struct round *r = t->state;

	r->ask = (struct signer_round){ .order = r->order.hash, .round = r->order.facts.round + 1 };
	return signer_start(t, clerk_of(t)->signer, &r->call, SIGN_ROUND_KEY, &r->ask,
			    sizeof(r->ask));
}

static enum next
announce_excluded(struct task *t)
{
	struct round *r = t->state;

	if (signer_answer(&r->call, &r->public_key, sizeof(r->public_key), &t->err) < 0)
		return TASK_FAIL;
	r->b = batch_new(t);
	q_order_excluded(r->b, &r->order.hash);
	return db_run(t, clerk_of(t)->db, r->b);
}

static const char *
round_event(struct task *t)
{
	struct round *r = t->state;
	struct round_doc doc = {
		.id = r->order.id,
		.hash = r->order.hash,
		.round = (uint32_t)r->ask.round,
		.key = r->public_key,
		.ends_at = r->ends_at,
		.choose_by = r->choose_by,
		.terms = r->order.terms,
		.group = r->order.group,
		.excluded = { r->excluded, r->excluded_count },
	};

	doc.terms.maxRate.nano = 0;
	return json_encode(&t->arena, round_doc_fields, &doc);
}

/* The tenant may take the whole time of its order, less what the chain needs. */
static wall_t
choose_by(const struct round *r)
{
	wall_t ends = r->order.facts.order_ends;

	if (!group_manual(&r->order.group))
		return 0;
	return MAX(ends - MIN(CHOICE_REST_US, (ends - r->now) / 4), r->ends_at);
}

static enum next
announce_store(struct task *t)
{
	struct round *r = t->state;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	for (size_t i = 0; i < MIN(rows_count(r->b, 0), NELEMS(r->excluded)); i++) {
		struct address a;
		char *text = arena_alloc(&t->arena, ADDRESS_TEXT_SIZE);

		row_bytes(r->b, 0, i, "provider", a.b, sizeof(a.b));
		r->excluded[r->excluded_count++] = address_text(&a, text);
	}
	r->now = clock_wall();
	r->ends_at = MIN(r->now + r->order.window_us, r->order.facts.order_ends);
	r->choose_by = choose_by(r);
	r->b = batch_new(t);
	q_order_announce(r->b, &r->order.hash, (int64_t)r->ask.round, &r->public_key, r->now,
			 r->ends_at);
	if (r->choose_by != 0)
		q_round_choose_by(r->b, &r->order.hash, (int64_t)r->ask.round, r->choose_by);
	clerk_event(r->b, "order.bidding", ID_ORDER, &r->order.id, r->now, round_event(t));
	return db_run(t, clerk_of(t)->db, r->b);
}

static enum next
announce_end(struct task *t)
{
	struct round *r = t->state;

	return batch_failed(r->b, &t->err) ? TASK_FAIL : TASK_DONE;
}

static const struct step announce_steps[] = { { "key", announce_key },
					      { "excluded", announce_excluded },
					      { "store", announce_store },
					      { "end", announce_end },
					      STEP_END };

void
round_announce(struct clerk *c, const struct desk_order *o)
{
	clerk_task(c, "announce", announce_steps, sizeof(struct round), o);
}

/* ------------------------------------------------------------------ */
/* Close.                                                              */

static void
release_arena(void *arena)
{
	arena_release(arena);
}

static enum next
close_read(struct task *t)
{
	struct round *r = t->state;

	arena_init(&r->a, 0);
	t->arena.max = BATCH_MAX;
	arena_defer(&t->arena, release_arena, &r->a);
	r->b = batch_new(t);
	if (transcript_wants_book(&r->order.group))
		q_round_last_tick(r->b, &r->order.hash, r->order.facts.round);
	q_bids_of_round(r->b, &r->order.hash, r->order.facts.round);
	return db_run(t, clerk_of(t)->db, r->b);
}

/* A market's first record is signed as soon as its clerk runs; before that no round is
 * closed. */
static int
read_last_tick(struct task *t)
{
	struct round *r = t->state;

	if (rows_count(r->b, 0) == 0)
		return err_set(&t->err, &BOOK_MISSING, "round %u waits", r->order.facts.round);
	r->t.tick = (uint64_t)row_int(r->b, 0, 0, "number");
	row_bytes(r->b, 0, 0, "hash", r->t.record.b, sizeof(r->t.record.b));
	return 0;
}

static void
read_entries(struct task *t, size_t q)
{
	struct round *r = t->state;
	size_t n = MIN(rows_count(r->b, q), (size_t)AUCTION_BIDS_MAX);

	r->t.entries.items = arena_alloc(&t->arena, (n + 1) * sizeof(struct transcript_entry));
	r->t.entries.count = n;
	for (size_t i = 0; i < n; i++) {
		struct transcript_entry *en = transcript_entry(&r->t, i);

		row_bytes(r->b, q, i, "id", en->id.b, sizeof(en->id.b));
		row_bytes(r->b, q, i, "provider", en->provider.b, sizeof(en->provider.b));
		en->index = row_int(r->b, q, i, "seq");
		en->received_at = row_time(r->b, q, i, "received_at");
		if (!row_null(r->b, q, i, "decline")) {
			en->declined = row_text(r->b, q, i, "decline");
			continue;
		}
		en->envelope.b =
			(uint8_t *)(uintptr_t)row_blob(r->b, q, i, "envelope", &en->envelope.len);
		en->launches = (uint32_t)row_int(r->b, q, i, "launches");
		en->failures = (uint32_t)row_int(r->b, q, i, "failures");
	}
}

static enum next
close_sign(struct task *t)
{
	struct round *r = t->state;
	bool booked = transcript_wants_book(&r->order.group);

	if (batch_failed(r->b, &t->err) || (booked && read_last_tick(t) < 0))
		return TASK_FAIL;
	read_entries(t, booked ? 1 : 0);
	r->ask = (struct signer_round){ .order = r->order.hash,
					.round = r->order.facts.round,
					.root = transcript_root(&t->arena, &r->t) };
	return signer_start(t, clerk_of(t)->signer, &r->call, SIGN_ROUND_CLOSE, &r->ask,
			    sizeof(r->ask));
}

/* After this commit no envelope is taken: bid_place looks at the root. A bid
 * that slipped in between the reading and the root is caught by reading again. */
static enum next
close_store(struct task *t)
{
	struct round *r = t->state;

	if (signer_answer(&r->call, &r->closed, sizeof(r->closed), &t->err) < 0)
		return TASK_FAIL;
	r->b = batch_new(t);
	q_round_root(r->b, &r->order.hash, (int64_t)r->ask.round, &r->ask.root, &r->closed.sig,
		     &r->closed.key,
		     transcript_wants_book(&r->order.group) ? (int64_t)r->t.tick : -1);
	q_bids_of_round(r->b, &r->order.hash, (int64_t)r->ask.round);
	q_round_get(r->b, &r->order.id, (int64_t)r->ask.round);
	q_order_excluded(r->b, &r->order.hash);
	r->audits_at = r->book_at = 0;
	if (attest_needed(&r->order.group)) {
		r->audits_at = Q_OPTIONAL;
		q_audits_of_round(r->b, &r->order.hash, (int64_t)r->ask.round);
	}
	if (transcript_wants_book(&r->order.group))
		r->book = round_book_kept(clerk_of(t), r->t.tick, &r->a);
	if (transcript_wants_book(&r->order.group) && r->book == NULL) {
		r->book_at = r->audits_at != 0 ? Q_OPTIONAL + 1 : Q_OPTIONAL;
		round_book_ask(r->b, r->t.tick, &r->order.hash, (int64_t)r->ask.round);
	}
	return db_run(t, clerk_of(t)->db, r->b);
}

/* ------------------------------------------------------------------ */
/* Open and clear.                                                     */

static struct json_strs
read_addresses(struct arena *a, const struct batch *b, size_t q)
{
	struct json_strs list = { arena_alloc(a, (rows_count(b, q) + 1) * sizeof(char *)), 0 };

	for (size_t i = 0; i < rows_count(b, q); i++) {
		char *text = arena_alloc(a, ADDRESS_TEXT_SIZE);
		struct address who;

		row_bytes(b, q, i, "provider", who.b, sizeof(who.b));
		list.items[list.count++] = address_text(&who, text);
	}
	return list;
}

/* All that a stranger needs to compute the outcome again. */
static void
clear(struct task *t)
{
	struct round *r = t->state;

	r->t.rules = RULES_VERSION;
	r->t.order = r->order.hash;
	r->t.round = r->order.facts.round;
	r->t.terms = r->order.terms;
	r->t.order_sig = r->order.sig;
	r->t.group = r->order.group;
	r->t.care_hours = r->order.care_hours;
	r->t.established_launches = clerk_of(t)->settings->established_launches;
	r->t.standing = book_rules(clerk_of(t)->settings);
	r->t.ends_at = r->order.facts.round_ends;
	r->t.choose_by = r->order.facts.choose_by;
	r->t.root = r->ask.root;
	r->t.root_sig = r->closed.sig;
	r->t.public_key = r->order.round_key;
	r->t.secret_key = r->closed.key;
	transcript_open(&r->a, &clerk_of(t)->domain, &r->t);
	transcript_decide(&r->a, &r->t, r->book);
	r->transcript = json_encode(&r->a, transcript_fields, &r->t);
}

static bool
awarded(const struct round *r)
{
	return strcmp(r->t.outcome, auction_end_name(AUCTION_AWARDED)) == 0;
}

static bool
ranked(const struct round *r)
{
	return strcmp(r->t.outcome, TRANSCRIPT_RANKED) == 0;
}

static enum next
clear_bids(struct task *t)
{
	struct round *r = t->state;

	if (rows_count(r->b, 0) == 0) /* closed before a crash: by the same root */
		row_bytes(r->b, 2, 0, "sig", r->closed.sig.b, sizeof(r->closed.sig.b));
	if (r->audits_at != 0)
		r->t.audits = audits_read(&r->a, r->b, r->audits_at);
	r->t.failed = read_addresses(&r->a, r->b, 3);
	if (r->book_at != 0) {
		r->book = round_book_read(clerk_of(t), r->b, r->book_at, &r->a, &t->err);
		if (r->book == NULL)
			return TASK_FAIL;
	}
	clear(t);
	return TASK_NEXT;
}

/* ------------------------------------------------------------------ */
/* Award, or another round.                                            */

static enum next
award_sign(struct task *t)
{
	struct round *r = t->state;

	if (!awarded(r))
		return TASK_NEXT;
	r->award = (struct award_terms){
		.order = r->order.hash,
		.provider = r->t.winner,
		.rate = r->t.price,
	};
	keccak256(r->transcript, strlen(r->transcript), &r->award.record);
	return signer_start(t, clerk_of(t)->signer, &r->call, SIGN_AWARD, &r->award,
			    sizeof(r->award));
}

static void
store_bids(struct batch *b, const struct round *r)
{
	for (size_t i = 0; i < r->t.entries.count; i++) {
		const struct transcript_entry *en = transcript_entry(&r->t, i);

		if (en->declined == NULL && en->void_why != NULL)
			q_bid_opened(b, &en->id, (struct rate){ 0 }, (struct rate){ 0 }, 0,
				     en->void_why);
		else if (en->declined == NULL)
			q_bid_opened(b, &en->id, en->bid.terms.floor, en->bid.terms.list, en->rank,
				     en->reason);
		if (en->price.nano != 0)
			q_bid_priced(b, &en->id, en->price);
	}
}

static void
write_offer(struct jsonw *w, const struct transcript_offer *o)
{
	char text[HASH_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "offer", "%s", hash_text(&o->offer, text));
	jsonw_member(w, "provider", "%s", address_text(&o->provider, text));
	jsonw_member(w, "model", "%s", o->model != NULL ? o->model : "");
	jsonw_member(w, "reason", "%s", o->reason);
	if (o->rank != 0) {
		jsonw_member(w, "floor", "%s", u128_text(o->floor.nano, number));
		jsonw_member(w, "list", "%s", u128_text(o->list.nano, number));
		jsonw_member(w, "effective", "%s", u128_text(o->effective.nano, number));
		jsonw_name(w, "rank");
		jsonw_int(w, o->rank);
	}
	if (o->price.nano != 0)
		jsonw_member(w, "price", "%s", u128_text(o->price.nano, number));
	jsonw_close(w, '}');
}

/* Every offer of the book: those that match as the transcript has them, the others with
 * their reason. */
static void
store_offers(struct task *t, struct batch *b)
{
	struct round *r = t->state;
	const struct transcript_offer *lines = r->t.offers.items;
	struct jsonw *w;

	if (r->book == NULL || r->book->count == 0)
		return;
	w = jsonw_new(false);
	jsonw_open(w, '[');
	for (size_t i = 0; i < r->t.offers.count; i++)
		write_offer(w, &lines[i]);
	for (size_t i = 0; i < r->book->count; i++) {
		enum tick_reason why = (enum tick_reason)r->t.reasons.b[i];

		if (why < REASON_CAPACITY)
			write_offer(w, &(struct transcript_offer){
					       .offer = r->book->offers[i].id,
					       .provider = r->book->offers[i].offer->provider,
					       .reason = tick_reason_name(why) });
	}
	jsonw_close(w, ']');
	q_tick_bids_put(b, &r->order.hash, r->order.facts.round, (int64_t)r->t.tick,
			arena_strdup(&r->a, jsonw_text(w, NULL)), r->now);
	jsonw_free(w);
}

static const char *
award_event(struct task *t)
{
	struct round *r = t->state;
	struct award_doc doc = {
		.order = r->order.id,
		.lease = r->lease_id,
		.award = r->award,
		.award_sig = r->award_sig,
		.terms = r->order.terms,
		.order_sig = r->order.sig,
		.group = r->order.group,
		.accept_by = r->now + clerk_of(t)->settings->accept_ms * MILLI_US,
	};

	return json_encode(&t->arena, award_doc_fields, &doc);
}

static void
store_award(struct task *t, struct batch *b)
{
	struct round *r = t->state;
	struct lease_terms lease = lease_from(&r->order.terms, &r->award.provider, r->award.rate);
	struct hash hash = lease_hash(&lease);

	r->lease_id = id_new();
	q_lease_award(b, &r->order.hash, &hash, &r->lease_id, r->order.facts.round,
		      &r->order.tenant, &r->award.provider,
		      json_encode(&t->arena, lease_terms_fields, &lease), r->award.rate,
		      r->order.terms.deposit, &r->award.record, &r->award_sig,
		      r->now + clerk_of(t)->settings->accept_ms * MILLI_US, r->now);
	clerk_event(b, "order.awarded", ID_ORDER, &r->order.id, r->now, award_event(t));
}

static int64_t
retry_after(const struct life_facts *f)
{
	/* After a failure the tenant waits for one who can: ask at once. */
	if (f->failures > 0)
		return 0;
	return MIN(RETRY_US << MIN(f->round / 4, 6u), RETRY_MAX_US);
}

/* The web shows the ranking; whoever waits for it is told. */
static void
store_ranking(struct task *t, struct batch *b)
{
	struct round *r = t->state;
	char order[ID_TEXT_SIZE], until[TIME_TEXT_SIZE];

	id_text(ID_ORDER, &r->order.id, order);
	q_order_move(b, &r->order.hash, "bidding", "ranked", "", r->order.facts.choose_by);
	clerk_event(b, "order.ranked", ID_ORDER, &r->order.id, r->now,
		    arena_printf(&t->arena, "{\"order\":\"%s\",\"round\":%u,\"choose_by\":\"%s\"}",
				 order, r->t.round, time_text(r->order.facts.choose_by, until)));
}

static enum next
award_store(struct task *t)
{
	struct round *r = t->state;

	if (awarded(r) && signer_answer(&r->call, &r->award_sig, sizeof(r->award_sig), &t->err) < 0)
		return TASK_FAIL;
	r->now = clock_wall();
	r->b = batch_new(t);
	q_round_outcome(r->b, &r->order.hash, r->order.facts.round, r->t.outcome, r->transcript);
	store_bids(r->b, r);
	store_offers(t, r->b);
	if (awarded(r))
		store_award(t, r->b);
	else if (ranked(r))
		store_ranking(t, r->b);
	else
		q_order_move(r->b, &r->order.hash, "bidding", "open", "",
			     r->now + retry_after(&r->order.facts));
	return db_run(t, clerk_of(t)->db, r->b);
}

static enum next
award_end(struct task *t)
{
	struct round *r = t->state;

	return batch_failed(r->b, &t->err) ? TASK_FAIL : TASK_DONE;
}

/* A round that cannot be counted: nobody is to blame, and it is begun again. */
static enum next
void_store(struct task *t)
{
	struct round *r = t->state;

	r->b = batch_new(t);
	q_round_outcome(r->b, &r->order.hash, r->order.facts.round, "void", "{}");
	q_order_move(r->b, &r->order.hash, "bidding", "open", "", clock_wall());
	return db_run(t, clerk_of(t)->db, r->b);
}

static enum next
clear_or_void(struct task *t)
{
	struct round *r = t->state;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	if (rows_count(r->b, 1) == r->t.entries.count)
		return clear_bids(t);
	/* A late bid made it in before the root, and is missing from it. */
	log_warn("round.void", "bids=%zu rooted=%zu", rows_count(r->b, 1), r->t.entries.count);
	return task_jump(t, void_store);
}

static const struct step clear_steps[] = { { "read", close_read },   { "sign", close_sign },
					   { "store", close_store }, { "clear", clear_or_void },
					   { "award", award_sign },  { "store", award_store },
					   { "end", award_end },     { "void", void_store },
					   { "done", award_end },    STEP_END };

void
round_clear(struct clerk *c, const struct desk_order *o)
{
	clerk_task(c, "clear", clear_steps, sizeof(struct round), o);
}

/* ------------------------------------------------------------------ */
/* The award of a choice.                                              */

static enum next
chosen_read(struct task *t)
{
	struct round *r = t->state;

	r->b = batch_new(t);
	q_choice_live(r->b, &r->order.hash, r->order.facts.round);
	return db_run(t, clerk_of(t)->db, r->b);
}

/* The choice was checked when it came, by a process that has the network: again. */
static enum next
chosen_sign(struct task *t)
{
	struct round *r = t->state;
	struct choice_doc choice = { .terms = { r->order.hash, r->order.facts.round, { { 0 } } } };
	struct hash h, digest;
	struct rate price;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	if (rows_count(r->b, 0) == 0)
		return TASK_DONE; /* it failed, or was awarded, meanwhile */
	row_bytes(r->b, 0, 0, "provider", choice.terms.provider.b, 20);
	row_bytes(r->b, 0, 0, "sig", choice.sig.b, sizeof(choice.sig.b));
	h = choice_hash(&choice.terms);
	digest = terms_digest(&clerk_of(t)->domain, &h);
	if (sig_check(&choice.sig, &digest, &r->order.tenant, &t->err) < 0)
		return TASK_FAIL;
	r->transcript = row_text(r->b, 0, 0, "transcript");
	if (json_decode(&t->arena, r->transcript, strlen(r->transcript), transcript_fields, &r->t,
			&t->err) < 0)
		return TASK_FAIL;
	price = transcript_price(&r->t, &choice.terms.provider);
	if (price.nano == 0) {
		err_set(&t->err, &ERR_BAD_DATA, "a choice that is not in the ranking");
		return TASK_FAIL;
	}
	r->award = (struct award_terms){ .order = r->order.hash,
					 .provider = choice.terms.provider,
					 .rate = price };
	keccak256(r->transcript, strlen(r->transcript), &r->award.record);
	return signer_start(t, clerk_of(t)->signer, &r->call, SIGN_AWARD, &r->award,
			    sizeof(r->award));
}

static enum next
chosen_store(struct task *t)
{
	struct round *r = t->state;

	if (signer_answer(&r->call, &r->award_sig, sizeof(r->award_sig), &t->err) < 0)
		return TASK_FAIL;
	r->now = clock_wall();
	r->b = batch_new(t);
	store_award(t, r->b);
	return db_run(t, clerk_of(t)->db, r->b);
}

static const struct step chosen_steps[] = { { "read", chosen_read },
					    { "sign", chosen_sign },
					    { "store", chosen_store },
					    { "end", award_end },
					    STEP_END };

void
round_award(struct clerk *c, const struct desk_order *o)
{
	clerk_task(c, "award", chosen_steps, sizeof(struct round), o);
}
