/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/transcript.h"

#include "lease/attest.h"
#include "lease/key.h"
#include "lease/seal.h"

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
	uint8_t *text = arena_alloc(a, 10 + t->entries.count * 52);
	size_t n = 10;
	struct hash h;

	memcpy(text, "gavel root", 10);
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

static size_t
gather(struct transcript *t, struct auction_bid *bids, size_t *entry_of)
{
	size_t n = 0;

	for (size_t i = 0; i < t->entries.count; i++) {
		struct transcript_entry *en = transcript_entry(t, i);

		if (!takes_part(en))
			continue;
		en->sets_prices = en->launches >= t->established_launches;
		entry_of[n] = i;
		bids[n++] = (struct auction_bid){ .provider = en->provider,
						  .owner = en->provider,
						  .floor = en->bid.terms.floor,
						  .list = en->bid.terms.list,
						  .launches = en->launches,
						  .failures = en->failures,
						  .sets_prices = en->sets_prices };
	}
	return n;
}

/* The first at the rules' price, any other at its own list price, since nothing
 * outbids it there; none above the maximum. Whether there is one to take. */
static bool
rank_for_choice(struct transcript *t, const struct auction_outcome *out, const size_t *entry_of,
		size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		struct transcript_entry *en = transcript_entry(t, entry_of[i]);
		bool first = i == out->winner;
		struct rate price = first ? out->price : en->bid.terms.list;

		if (en->rank == 0)
			continue;
		if (rate_cmp(price, t->terms.maxRate) > 0) {
			en->reason = auction_reason_name(BID_PRICE_ABOVE_MAX);
			continue;
		}
		en->price = price;
		en->reason = first ? "first" : "ranked";
		any = true;
	}
	return any;
}

void
transcript_decide(struct arena *a, struct transcript *t)
{
	struct auction_order order = { .order = t->order,
				       .round = t->round,
				       .max = t->terms.maxRate,
				       .care_hours = t->care_hours,
				       .tenant_owner = t->terms.tenant };
	struct auction_outcome *out = ARENA_NEW(a, struct auction_outcome);
	struct auction_bid *bids = arena_alloc(a, (t->entries.count + 1) * sizeof(*bids));
	size_t *entry_of = arena_alloc(a, (t->entries.count + 1) * sizeof(*entry_of));
	size_t n = gather(t, bids, entry_of);

	auction_clear(&order, bids, n, out);
	for (size_t i = 0; i < n; i++) {
		struct transcript_entry *en = transcript_entry(t, entry_of[i]);

		en->effective = out->effective[i];
		en->rank = out->rank[i];
		en->reason = auction_reason_name(out->reasons[i]);
	}
	t->outcome = auction_end_name(out->end);
	if (out->end == AUCTION_NO_BID)
		return;
	t->winner = bids[out->winner].provider;
	t->price = out->price;
	t->price_by = out->price_by_runner_up ? "runner_up" : "list";
	if (out->price_by_runner_up)
		t->runner_up = bids[out->runner_up].provider;
	if (group_manual(&t->group) && rank_for_choice(t, out, entry_of, n))
		t->outcome = TRANSCRIPT_RANKED;
}
