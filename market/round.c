/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed round.
 *
 *	announce   the key holder gives the round's public key; the order and the
 *	           key go out as event order.bidding, without the maximum
 *	close      root = SHA-256 over all envelopes in order of receipt; the key
 *	           holder signs it and only then gives out the secret key; both are
 *	           stored before anything is opened, and the root closes the round
 *	clear      open, check, auction_clear(); the transcript holds all of it
 *	award      sign (order, provider, rate, hash of the transcript)
 */
#include <inttypes.h>

#include "lease/auction.h"
#include "lease/seal.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/audits.h"
#include "market/clerk.h"
#include "query.h"

/* The next round of an order without a bid: soon at first, then more rarely. */
#define RETRY_US     (250 * MILLI_US)
#define RETRY_MAX_US (10 * SECOND_US)

/* One announced bid or decline on its way through the round. */
struct entry {
	struct id id;
	int64_t seq;
	struct address provider;
	const uint8_t *envelope;
	size_t envelope_len;
	const char *decline;
	wall_t received_at;
	uint32_t launches, failures;
	struct bid_doc doc;
	const char *invalid; /* why it does not take part, or NULL */
	size_t bid;	     /* index into bids when valid */
};

struct round {
	struct desk_order order; /* first: clerk_order() */
	struct batch *b;
	struct chan_call call;
	struct signer_round ask;
	struct hash public_key;
	struct signer_round_closed closed;
	struct entry *entries;
	size_t count;
	struct auction_bid *bids;
	size_t bid_count;
	struct auction_outcome *outcome;
	const char *transcript;
	struct award_terms award;
	struct sig award_sig;
	struct id lease_id;
	wall_t now, ends_at;
	const char *excluded[64];
	size_t excluded_count;
	struct json_list audits; /* of struct audit_doc: of the bidders, if the group asks for any */
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
		.terms = r->order.terms,
		.group = r->order.group,
		.excluded = { r->excluded, r->excluded_count },
	};

	doc.terms.maxRate.nano = 0;
	return json_encode(&t->arena, round_doc_fields, &doc);
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
	r->b = batch_new(t);
	q_order_announce(r->b, &r->order.hash, (int64_t)r->ask.round, &r->public_key, r->now,
			 r->ends_at);
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

static enum next
close_read(struct task *t)
{
	struct round *r = t->state;

	r->b = batch_new(t);
	q_bids_of_round(r->b, &r->order.hash, r->order.facts.round);
	return db_run(t, clerk_of(t)->db, r->b);
}

/* SHA-256 over "gavel root", then per envelope its provider and its SHA-256. */
static struct hash
root_of(struct arena *a, const struct entry *entries, size_t count)
{
	size_t len = 10, n = 10;
	uint8_t *text = arena_alloc(a, len + count * 52);
	struct hash h;

	memcpy(text, "gavel root", 10);
	for (size_t i = 0; i < count; i++) {
		if (entries[i].decline != NULL)
			continue;
		memcpy(text + n, entries[i].provider.b, 20);
		sha256(entries[i].envelope, entries[i].envelope_len, &h);
		memcpy(text + n + 20, h.b, 32);
		n += 52;
	}
	sha256(text, n, &h);
	return h;
}

static enum next
close_sign(struct task *t)
{
	struct round *r = t->state;

	if (batch_failed(r->b, &t->err))
		return TASK_FAIL;
	r->count = MIN(rows_count(r->b, 0), (size_t)AUCTION_BIDS_MAX);
	r->entries = arena_alloc(&t->arena, (r->count + 1) * sizeof(*r->entries));
	for (size_t i = 0; i < r->count; i++) {
		struct entry *en = &r->entries[i];

		row_bytes(r->b, 0, i, "id", en->id.b, sizeof(en->id.b));
		row_bytes(r->b, 0, i, "provider", en->provider.b, sizeof(en->provider.b));
		en->seq = row_int(r->b, 0, i, "seq");
		en->envelope = row_blob(r->b, 0, i, "envelope", &en->envelope_len);
		en->decline =
			row_null(r->b, 0, i, "decline") ? NULL : row_text(r->b, 0, i, "decline");
		en->received_at = row_time(r->b, 0, i, "received_at");
		en->launches = (uint32_t)row_int(r->b, 0, i, "launches");
		en->failures = (uint32_t)row_int(r->b, 0, i, "failures");
	}
	r->ask = (struct signer_round){ .order = r->order.hash,
					.round = r->order.facts.round,
					.root = root_of(&t->arena, r->entries, r->count) };
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
		     &r->closed.key);
	q_bids_of_round(r->b, &r->order.hash, (int64_t)r->ask.round);
	q_round_get(r->b, &r->order.id, (int64_t)r->ask.round);
	q_audits_of_round(r->b, &r->order.hash, (int64_t)r->ask.round);
	return db_run(t, clerk_of(t)->db, r->b);
}

/* ------------------------------------------------------------------ */
/* Open and clear.                                                     */

static const char *
open_bid(struct task *t, struct entry *en)
{
	struct round *r = t->state;
	struct clerk *c = clerk_of(t);
	struct err e = ERR_NONE;
	struct hash h, digest;
	char who[ADDRESS_TEXT_SIZE];
	size_t len;
	char *text = seal_open(&t->arena, r->order.round_key.b, r->closed.key.b, en->envelope,
			       en->envelope_len, &len, &e);

	if (text == NULL)
		return "does not open";
	if (json_decode(&t->arena, text, len, bid_doc_fields, &en->doc, &e) < 0)
		return "is not a bid";
	if (!hash_equal(&en->doc.terms.order, &r->order.hash) ||
	    en->doc.terms.round != r->order.facts.round)
		return "names another order or round";
	if (!address_equal(&en->doc.terms.provider, &en->provider))
		return "names another provider";
	h = bid_hash(&en->doc.terms);
	digest = terms_digest(&c->domain, &h);
	if (sig_check(&en->doc.sig, &digest, &en->provider, &e) < 0)
		return "is not signed by its provider";
	if (!group_admits(&r->order.group, address_text(&en->provider, who)))
		return "is of a provider that the tenant left out";
	return audits_fault(&t->arena, &r->audits, &r->order.group, &en->provider, en->received_at);
}

static void
clear(struct task *t)
{
	struct round *r = t->state;
	struct clerk *c = clerk_of(t);
	struct auction_order order = {
		.order = r->order.hash,
		.round = r->order.facts.round,
		.max = r->order.terms.maxRate,
		.care_hours = r->order.care_hours,
		.tenant_owner = r->order.tenant,
	};

	r->bids = arena_alloc(&t->arena, (r->count + 1) * sizeof(*r->bids));
	for (size_t i = 0; i < r->count; i++) {
		struct entry *en = &r->entries[i];

		if (en->decline != NULL)
			continue;
		en->invalid = open_bid(t, en);
		if (en->invalid != NULL)
			continue;
		en->bid = r->bid_count;
		r->bids[r->bid_count++] = (struct auction_bid){
			.provider = en->provider,
			.owner = en->provider,
			.floor = en->doc.terms.floor,
			.list = en->doc.terms.list,
			.launches = en->launches,
			.failures = en->failures,
			.sets_prices = en->launches >= c->settings->established_launches,
		};
	}
	r->outcome = ARENA_NEW(&t->arena, struct auction_outcome);
	auction_clear(&order, r->bids, r->bid_count, r->outcome);
}

static void
write_entry(struct jsonw *w, struct arena *a, const struct round *r, const struct entry *en)
{
	char text[AMOUNT_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_BID, &en->id, text));
	jsonw_name(w, "index");
	jsonw_int(w, en->seq);
	jsonw_member(w, "provider", "%s", address_text(&en->provider, text));
	jsonw_member(w, "received_at", "%s", time_text(en->received_at, text));
	if (en->decline != NULL) {
		jsonw_member(w, "declined", "%s", en->decline);
		jsonw_close(w, '}');
		return;
	}
	jsonw_name(w, "envelope");
	jsonw_str(w, base64_text(a, en->envelope, en->envelope_len));
	if (en->invalid != NULL) {
		jsonw_member(w, "void", "%s", en->invalid);
		jsonw_close(w, '}');
		return;
	}
	jsonw_name(w, "bid");
	json_write(w, bid_doc_fields, &en->doc);
	jsonw_name(w, "launches");
	jsonw_int(w, en->launches);
	jsonw_name(w, "failures");
	jsonw_int(w, en->failures);
	jsonw_name(w, "sets_prices");
	jsonw_bool(w, r->bids[en->bid].sets_prices);
	jsonw_member(w, "effective", "%s", u128_text(r->outcome->effective[en->bid].nano, text));
	jsonw_name(w, "rank");
	jsonw_int(w, r->outcome->rank[en->bid]);
	jsonw_member(w, "reason", "%s", auction_reason_name(r->outcome->reasons[en->bid]));
	jsonw_close(w, '}');
}

/* All that a stranger needs to compute the outcome again. */
static const char *
write_transcript(struct task *t)
{
	struct round *r = t->state;
	const struct auction_outcome *out = r->outcome;
	char text[SIG_TEXT_SIZE];
	struct jsonw *w = jsonw_new(false);
	const char *copy;

	jsonw_open(w, '{');
	jsonw_member(w, "rules", "runner-up 1");
	jsonw_member(w, "order", "%s", hash_text(&r->order.hash, text));
	jsonw_name(w, "round");
	jsonw_int(w, r->order.facts.round);
	jsonw_name(w, "terms");
	json_write(w, order_terms_fields, &r->order.terms);
	jsonw_member(w, "order_sig", "%s", sig_text(&r->order.sig, text));
	jsonw_name(w, "care_hours");
	jsonw_int(w, r->order.care_hours);
	audits_write(w, &r->audits, &r->order.group);
	jsonw_member(w, "root", "%s", hash_text(&r->ask.root, text));
	jsonw_member(w, "root_sig", "%s", sig_text(&r->closed.sig, text));
	jsonw_member(w, "public_key", "%s", hash_text(&r->order.round_key, text));
	jsonw_member(w, "secret_key", "%s", hash_text(&r->closed.key, text));
	jsonw_name(w, "entries");
	jsonw_open(w, '[');
	for (size_t i = 0; i < r->count; i++)
		write_entry(w, &t->arena, r, &r->entries[i]);
	jsonw_close(w, ']');
	jsonw_member(w, "outcome", "%s", auction_end_name(out->end));
	if (out->end != AUCTION_NO_BID) {
		jsonw_member(w, "winner", "%s", address_text(&r->bids[out->winner].provider, text));
		jsonw_member(w, "price", "%s", u128_text(out->price.nano, text));
		jsonw_member(w, "price_by", "%s", out->price_by_runner_up ? "runner_up" : "list");
		if (out->price_by_runner_up)
			jsonw_member(w, "runner_up", "%s",
				     address_text(&r->bids[out->runner_up].provider, text));
	}
	jsonw_close(w, '}');
	copy = arena_strdup(&t->arena, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

static enum next
clear_bids(struct task *t)
{
	struct round *r = t->state;

	if (rows_count(r->b, 0) == 0) /* closed before a crash: by the same root */
		row_bytes(r->b, 2, 0, "sig", r->closed.sig.b, sizeof(r->closed.sig.b));
	r->audits = audits_read(&t->arena, r->b, 3);
	clear(t);
	r->transcript = write_transcript(t);
	return TASK_NEXT;
}

/* ------------------------------------------------------------------ */
/* Award, or another round.                                            */

static enum next
award_sign(struct task *t)
{
	struct round *r = t->state;

	if (r->outcome->end != AUCTION_AWARDED)
		return TASK_NEXT;
	r->award = (struct award_terms){
		.order = r->order.hash,
		.provider = r->bids[r->outcome->winner].provider,
		.rate = r->outcome->price,
	};
	keccak256(r->transcript, strlen(r->transcript), &r->award.record);
	return signer_start(t, clerk_of(t)->signer, &r->call, SIGN_AWARD, &r->award,
			    sizeof(r->award));
}

static void
store_bids(struct batch *b, const struct round *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct entry *en = &r->entries[i];

		if (en->decline == NULL && en->invalid != NULL)
			q_bid_opened(b, &en->id, (struct rate){ 0 }, (struct rate){ 0 }, 0,
				     en->invalid);
		else if (en->decline == NULL)
			q_bid_opened(b, &en->id, en->doc.terms.floor, en->doc.terms.list,
				     r->outcome->rank[en->bid],
				     auction_reason_name(r->outcome->reasons[en->bid]));
	}
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

static enum next
award_store(struct task *t)
{
	struct round *r = t->state;
	bool awarded = r->outcome->end == AUCTION_AWARDED;

	if (awarded && signer_answer(&r->call, &r->award_sig, sizeof(r->award_sig), &t->err) < 0)
		return TASK_FAIL;
	r->now = clock_wall();
	r->b = batch_new(t);
	q_round_outcome(r->b, &r->order.hash, r->order.facts.round,
			auction_end_name(r->outcome->end), r->transcript);
	store_bids(r->b, r);
	if (awarded)
		store_award(t, r->b);
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
	if (rows_count(r->b, 1) == r->count)
		return clear_bids(t);
	/* A late bid made it in before the root, and is missing from it. */
	log_warn("round.void", "bids=%zu rooted=%zu", rows_count(r->b, 1), r->count);
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
