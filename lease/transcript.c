/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/transcript.h"

#include "lease/attest.h"
#include "lease/key.h"
#include "lease/seal.h"
#include "lease/tick_transcript.h"

#define AUDITS_MAX 4096 /* at most 16 auditors' of each bidder */
#define MAYBE	   (JSON_OPTIONAL | JSON_OMIT_EMPTY)

#define T struct transcript_entry
const struct json_field transcript_entry_fields[] = {
	JSON_ID(T, id, ID_BID),
	JSON_I64(T, index, 0),
	JSON_ADDRESS(T, provider, 0),
	JSON_TIME(T, received_at, 0),
	JSON_STR(T, declined, 32, MAYBE),
	JSON_BASE64(T, envelope, 8192, MAYBE),
	{ .name = "void",
	  .kind = JSON_KIND_STR,
	  .flags = MAYBE,
	  .offset = offsetof(T, void_why),
	  .max = 100 },
	{ .name = "bid", .kind = JSON_KIND_NODE, .flags = MAYBE, .offset = offsetof(T, shown) },
	JSON_U32(T, launches, 0, MAYBE),
	JSON_U32(T, failures, 0, MAYBE),
	JSON_BOOLEAN(T, sets_prices, MAYBE),
	JSON_RATE(T, effective, MAYBE),
	JSON_U32(T, rank, 0, MAYBE),
	JSON_STR(T, reason, 32, MAYBE),
	JSON_RATE(T, price, MAYBE),
	JSON_END
};
#undef T

#define T struct transcript_offer
static const struct json_field transcript_offer_fields[] = { JSON_HASH(T, offer, 0),
							     JSON_ADDRESS(T, provider, 0),
							     JSON_STR(T, model, 128, MAYBE),
							     JSON_U32(T, launches, 0, MAYBE),
							     JSON_U32(T, failures, 0, MAYBE),
							     JSON_BOOLEAN(T, sets_prices, MAYBE),
							     JSON_RATE(T, floor, MAYBE),
							     JSON_RATE(T, list, MAYBE),
							     JSON_RATE(T, effective, MAYBE),
							     JSON_U32(T, rank, 0, MAYBE),
							     JSON_STR(T, reason, 32, 0),
							     JSON_RATE(T, price, MAYBE),
							     JSON_END };
#undef T

#define T struct transcript
const struct json_field transcript_fields[] = {
	JSON_STR(T, rules, 32, 0),
	JSON_HASH(T, order, 0),
	JSON_U32(T, round, 0, 0),
	JSON_OBJ(T, terms, order_terms_fields, 0),
	JSON_SIG(T, order_sig, 0),
	JSON_OBJ(T, group, group_fields, 0),
	JSON_U32(T, care_hours, 4, 0),
	JSON_U32(T, established_launches, 0, 0),
	JSON_LIST(T, audits, audit_doc_fields, struct audit_doc, AUDITS_MAX, MAYBE),
	JSON_U64(T, tick, MAYBE),
	JSON_HASH(T, record, MAYBE),
	JSON_OBJ(T, standing, standing_rules_fields, JSON_OPTIONAL),
	JSON_STRS(T, failed, 64, MAYBE),
	JSON_TIME(T, ends_at, 0),
	JSON_TIME(T, choose_by, MAYBE),
	JSON_HASH(T, root, 0),
	JSON_SIG(T, root_sig, 0),
	JSON_HASH(T, public_key, 0),
	JSON_HASH(T, secret_key, 0),
	JSON_LIST(T, entries, transcript_entry_fields, struct transcript_entry, AUCTION_BIDS_MAX,
		  0),
	JSON_STR(T, outcome, 32, 0),
	JSON_ADDRESS(T, winner, MAYBE),
	JSON_RATE(T, price, MAYBE),
	JSON_STR(T, price_by, 32, MAYBE),
	JSON_ADDRESS(T, runner_up, MAYBE),
	JSON_HASH(T, winner_offer, MAYBE),
	JSON_HASH(T, runner_up_offer, MAYBE),
	JSON_LIST(T, offers, transcript_offer_fields, struct transcript_offer,
		  TICK_OFFERS_MAX *OFFER_MODELS_MAX, MAYBE),
	JSON_BASE64(T, reasons, TICK_OFFERS_MAX, MAYBE),
	JSON_END
};
#undef T

struct transcript_entry *
transcript_entry(const struct transcript *t, size_t i)
{
	return (struct transcript_entry *)t->entries.items + i;
}

struct transcript_entry *
transcript_of(const struct transcript *t, const struct address *provider)
{
	for (size_t i = 0; i < t->entries.count; i++)
		if (address_equal(&transcript_entry(t, i)->provider, provider))
			return transcript_entry(t, i);
	return NULL;
}

struct hash
transcript_root(struct arena *a, const struct transcript *t)
{
	uint8_t *text = arena_alloc(a, 42 + t->entries.count * 52);
	size_t n = 42;
	struct hash h;

	memcpy(text, "gavel root", 10);
	memcpy(text + 10, t->record.b, 32);
	for (size_t i = 0; i < t->entries.count; i++) {
		const struct transcript_entry *en = transcript_entry(t, i);

		if (en->declined != NULL)
			continue;
		memcpy(text + n, en->provider.b, 20);
		sha256(en->envelope.b, en->envelope.len, &h);
		memcpy(text + n + 20, h.b, 32);
		n += 52;
	}
	sha256(text, n, &h);
	return h;
}

static const char *
open_entry(struct arena *a, const struct domain *d, const struct transcript *t,
	   struct transcript_entry *en)
{
	struct err e = ERR_NONE;
	struct hash h, digest;
	struct address auditor;
	char who[ADDRESS_TEXT_SIZE];
	size_t len;
	char *text = seal_open(a, t->public_key.b, t->secret_key.b, en->envelope.b,
			       en->envelope.len, &len, &e);

	if (text == NULL)
		return "does not open";
	if (json_decode(a, text, len, bid_doc_fields, &en->bid, &e) < 0)
		return "is not a bid";
	if (!hash_equal(&en->bid.terms.order, &t->order) || en->bid.terms.round != t->round)
		return "names another order or round";
	if (!address_equal(&en->bid.terms.provider, &en->provider))
		return "names another provider";
	h = bid_hash(&en->bid.terms);
	digest = terms_digest(d, &h);
	if (sig_check(&en->bid.sig, &digest, &en->provider, &e) < 0)
		return "is not signed by its provider";
	/* What it competes with may be twice as much, and must be a rate too. */
	if (en->bid.terms.list.nano > RATE_MAX / 2 || en->bid.terms.floor.nano > RATE_MAX / 2)
		return "asks for more than a rate can say";
	if (!group_admits(&t->group, address_text(&en->provider, who)))
		return "is of a provider that the tenant left out";
	/* A statement counts if it had not expired when the bid was received. */
	if (attest_lacks(&t->group, &en->provider, &t->audits, en->received_at, &auditor))
		return arena_printf(a, "lacks an audit by %s", address_text(&auditor, who));
	return NULL;
}

static struct json *
show(struct arena *a, const struct bid_doc *bid)
{
	const char *text = json_encode(a, bid_doc_fields, bid);
	struct err e = ERR_NONE;
	struct json *node;

	if (json_parse(a, text, strlen(text), &node, &e) < 0)
		fatal("own JSON: %s", e.text);
	return node;
}

void
transcript_open(struct arena *a, const struct domain *d, struct transcript *t)
{
	for (size_t i = 0; i < t->entries.count; i++) {
		struct transcript_entry *en = transcript_entry(t, i);

		en->sets_prices = false;
		en->effective.nano = en->price.nano = en->rank = 0;
		en->reason = en->void_why = NULL;
		en->shown = NULL;
		if (en->declined != NULL)
			continue;
		en->void_why = open_entry(a, d, t, en);
		en->shown = en->void_why == NULL ? show(a, &en->bid) : NULL;
	}
}

static bool
takes_part(const struct transcript_entry *en)
{
	return en->declined == NULL && en->void_why == NULL;
}

/* ------------------------------------------------------------------ */
/* Clearing: a tick with one order.                                     */

struct clearing {
	struct transcript *t;
	const struct tick_offer *offers; /* of the book */
	size_t offer_count;
	struct tick_bid *bids;
	size_t bid_count;
	size_t *entry_of; /* per bid */
	struct tick_outcome out;
	struct transcript_offer *lines;
};

bool
transcript_wants_book(const struct group *g)
{
	return !g->interruptible;
}

static void
gather_bids(struct arena *a, struct clearing *c)
{
	struct transcript *t = c->t;

	c->bids = arena_alloc(a, (t->entries.count + 1) * sizeof(*c->bids));
	c->entry_of = arena_alloc(a, (t->entries.count + 1) * sizeof(*c->entry_of));
	for (size_t i = 0; i < t->entries.count; i++) {
		struct transcript_entry *en = transcript_entry(t, i);

		if (!takes_part(en))
			continue;
		en->sets_prices = en->launches >= t->established_launches;
		c->entry_of[c->bid_count] = i;
		c->bids[c->bid_count++] = (struct tick_bid){ .provider = en->provider,
							     .owner = en->provider,
							     .floor = en->bid.terms.floor,
							     .list = en->bid.terms.list,
							     .launches = en->launches,
							     .failures = en->failures,
							     .sets_prices = en->sets_prices };
	}
}

/* Who has said no to this order, or could not run it, does not serve it by an offer. */
static void
deny(struct arena *a, const struct transcript *t, struct tick_order *o)
{
	struct address *list =
		arena_alloc(a, (t->failed.count + t->entries.count + 1) * sizeof(*list));
	struct err ignored = ERR_NONE;

	o->denied = list;
	for (size_t i = 0; i < t->failed.count; i++)
		if (address_read(t->failed.items[i], &list[o->denied_count], &ignored) == 0)
			o->denied_count++;
	for (size_t i = 0; i < t->entries.count; i++)
		if (transcript_entry(t, i)->declined != NULL)
			list[o->denied_count++] = transcript_entry(t, i)->provider;
}

/* For bids a statement must have held when the bid came; for the book, at its record. */
static struct json_list *
in_force(struct arena *a, const struct transcript *t, uint64_t time_ms)
{
	struct json_list *list = ARENA_NEW(a, struct json_list);
	struct audit_doc *docs = arena_alloc(a, (t->audits.count + 1) * sizeof(*docs));
	const struct audit_doc *all = t->audits.items;

	list->items = docs;
	for (size_t i = 0; i < t->audits.count; i++)
		if ((uint64_t)all[i].terms.expires * 1000 > time_ms)
			docs[list->count++] = all[i];
	return list;
}

static struct tick_offer *
copy_book(struct arena *a, const struct transcript_book *book)
{
	struct tick_offer *copy = arena_alloc(a, (book->count + 1) * sizeof(*copy));

	for (size_t i = 0; i < book->count; i++) {
		copy[i] = book->offers[i];
		copy[i].nodes = arena_copy(a, copy[i].nodes,
					   copy[i].offer->nodes.count * sizeof(*copy[i].nodes));
	}
	return copy;
}

static void
run(struct arena *a, struct clearing *c, const struct transcript_book *book)
{
	const struct transcript *t = c->t;
	struct tick_order o = { .id = t->order,
				.record = auction_record(&t->order, t->round),
				.tenant = t->terms.tenant,
				.owner = t->terms.tenant,
				.max = &t->terms.maxRate,
				.care_hours = t->care_hours,
				.term_s = tick_term_s(&t->terms) };
	struct tick_offer *offers = NULL;

	gather_bids(a, c);
	o.bids = c->bids;
	o.bid_count = c->bid_count;
	if (book != NULL && transcript_wants_book(&t->group)) {
		offers = copy_book(a, book);
		c->offer_count = book->count;
		o.group = &t->group;
		o.audits = in_force(a, t, book->time_ms);
		deny(a, t, &o);
	}
	c->offers = offers;
	tick_clear(a, &o, 1, offers, c->offer_count, &c->out);
}

/* ------------------------------------------------------------------ */
/* Saying it.                                                          */

static const struct address *
who(const struct clearing *c, enum tick_kind kind, size_t index)
{
	return kind == TICK_BID ? &c->bids[index].provider : &c->offers[index].offer->provider;
}

static void
say_entries(struct clearing *c)
{
	for (size_t i = 0; i < c->bid_count; i++)
		transcript_entry(c->t, c->entry_of[i])->reason =
			tick_reason_name((enum tick_reason)c->out.bid_reasons[i]);
	for (size_t i = 0; i < c->out.rank_count; i++) {
		const struct tick_rank *r = &c->out.ranking[i];
		struct transcript_entry *en;

		if (r->kind != TICK_BID)
			continue;
		en = transcript_entry(c->t, c->entry_of[r->index]);
		en->effective.nano = r->effective;
		en->rank = (uint32_t)i + 1;
	}
}

static struct transcript_offer
offer_line(const struct clearing *c, size_t index)
{
	return (struct transcript_offer){ .offer = c->offers[index].id,
					  .provider = c->offers[index].offer->provider,
					  .launches = c->offers[index].launches,
					  .failures = c->offers[index].failures,
					  .reason = tick_reason_name(
						  (enum tick_reason)c->out.offer_reasons[index]) };
}

static struct transcript_offer
ranked_line(const struct clearing *c, size_t place)
{
	const struct tick_rank *r = &c->out.ranking[place];
	const struct gpu_rate *gpu = c->offers[r->index].offer->floor.gpus.items;
	struct transcript_offer line = offer_line(c, r->index);

	line.model = r->model >= 0 ? gpu[r->model].model : NULL;
	line.sets_prices = r->sets_prices;
	line.floor = r->floor;
	line.list = r->list;
	line.effective.nano = r->effective;
	line.rank = (uint32_t)place + 1;
	return line;
}

/* Those that took part by rank, then the others that match. */
static void
say_offers(struct arena *a, struct clearing *c)
{
	struct transcript *t = c->t;
	bool *ranked = arena_alloc(a, c->offer_count + 1);
	size_t n = 0;

	c->lines = arena_alloc(a, (c->out.rank_count + c->offer_count + 1) * sizeof(*c->lines));
	for (size_t i = 0; i < c->out.rank_count; i++)
		if (c->out.ranking[i].kind == TICK_OFFER) {
			ranked[c->out.ranking[i].index] = true;
			c->lines[n++] = ranked_line(c, i);
		}
	for (size_t i = 0; i < c->offer_count; i++)
		if (!ranked[i] && c->out.offer_reasons[i] >= REASON_CAPACITY)
			c->lines[n++] = offer_line(c, i);
	t->offers = (struct json_list){ c->lines, n };
	t->reasons = (struct json_bytes){ c->out.offer_reasons, c->offer_count };
}

/* Where an entry or an offer says its price and its reason. */
struct place_in {
	struct rate *price;
	const char **reason;
	struct rate list;
};

static struct place_in
place_of(struct clearing *c, size_t place)
{
	const struct tick_rank *r = &c->out.ranking[place];
	struct transcript_offer *line = c->lines;
	struct transcript_entry *en;

	if (r->kind == TICK_BID) {
		en = transcript_entry(c->t, c->entry_of[r->index]);
		return (struct place_in){ &en->price, &en->reason, r->list };
	}
	while (line->rank != place + 1)
		line++;
	return (struct place_in){ &line->price, &line->reason, r->list };
}

/* A choice names a provider: of what it has, the winner or else the best stands for it. */
static bool
is_first_of_provider(const struct clearing *c, size_t place)
{
	const struct tick_rank *r = c->out.ranking;

	for (size_t i = 0; i < place; i++)
		if (address_equal(who(c, r[i].kind, r[i].index),
				  who(c, r[place].kind, r[place].index)))
			return false;
	return !address_equal(&c->t->winner, who(c, r[place].kind, r[place].index));
}

static bool
is_winner(const struct clearing *c, size_t place)
{
	const struct tick_rank *r = &c->out.ranking[place];
	const struct tick_pick *w = &c->out.picks[0];

	return r->kind == w->kind && r->index == w->index && r->model == w->model;
}

/* The first at the rules' price, any other at its own list price, since nothing
 * outbids it there; none above the maximum. Whether there is one to take. */
static bool
rank_for_choice(struct clearing *c)
{
	bool any = false;

	for (size_t i = 0; i < c->out.rank_count; i++) {
		struct place_in in = place_of(c, i);
		bool first = is_winner(c, i);
		struct rate price = first ? c->out.price : in.list;

		if (!first && !is_first_of_provider(c, i)) {
			*in.reason = tick_reason_name(REASON_OUTRANKED);
			continue;
		}
		if (rate_cmp(price, c->t->terms.maxRate) > 0) {
			*in.reason = tick_reason_name(REASON_ABOVE_MAX);
			continue;
		}
		*in.price = price;
		*in.reason = first ? "first" : "ranked";
		any = true;
	}
	return any;
}

static enum auction_end
end_of(const struct tick_outcome *out)
{
	return out->end == TICK_AWARDED	    ? AUCTION_AWARDED
	       : out->end == TICK_ABOVE_MAX ? AUCTION_ABOVE_MAX
					    : AUCTION_NO_BID;
}

static void
say_winner(struct clearing *c)
{
	struct transcript *t = c->t;
	const struct tick_pick *w = &c->out.picks[0], *r = &c->out.setter;

	t->winner = *who(c, w->kind, w->index);
	if (w->kind == TICK_OFFER)
		t->winner_offer = c->offers[w->index].id;
	t->price = c->out.price;
	t->price_by = r->kind != TICK_NOBODY ? "runner_up" : "list";
	if (r->kind != TICK_NOBODY)
		t->runner_up = *who(c, r->kind, r->index);
	if (r->kind == TICK_OFFER)
		t->runner_up_offer = c->offers[r->index].id;
}

void
transcript_decide(struct arena *a, struct transcript *t, const struct transcript_book *book)
{
	struct clearing c = { .t = t };

	run(a, &c, book);
	say_entries(&c);
	say_offers(a, &c);
	t->outcome = auction_end_name(end_of(&c.out));
	if (end_of(&c.out) == AUCTION_NO_BID)
		return;
	say_winner(&c);
	if (group_manual(&t->group) && rank_for_choice(&c))
		t->outcome = TRANSCRIPT_RANKED;
	/* Interruptible: the pool's price is paid, second by second, and the lease says
	 * only how high it may go. The bids were prices of pools: the lowest has won. */
	if (t->group.interruptible && end_of(&c.out) == AUCTION_AWARDED) {
		t->price = t->terms.maxRate;
		t->price_by = "maximum";
	}
}

struct rate
transcript_price(const struct transcript *t, const struct address *provider)
{
	const struct transcript_entry *en = transcript_of(t, provider);
	const struct transcript_offer *line = t->offers.items;

	if (en != NULL && en->price.nano != 0)
		return en->price;
	for (size_t i = 0; i < t->offers.count; i++)
		if (line[i].price.nano != 0 && address_equal(&line[i].provider, provider))
			return line[i].price;
	return (struct rate){ 0 };
}
