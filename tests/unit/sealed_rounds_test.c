/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Property 16 of the auction: whatever the network does to it, an honest bidder is never
 * void and has never signed two things that contradict each other; whatever is forged is
 * void with its reason. Real keys, boxes and signatures; the network loses, delays and
 * doubles what is sent, and bidders are restarted and send again. The market takes one
 * answer of each provider, and none after the end, as market/bids_api.c does.
 *
 *	sealed_rounds_test [ROUNDS]	a million take a quarter of an hour of CPU
 */
#include "lease/key.h"
#include "lease/offence.h"
#include "lease/seal.h"
#include "lease/transcript.h"
#include "tests/unit/tap.h"

enum { BIDDERS = 3, TRIES = 4, WINDOW_MS = 400, ROUNDS = 1500 };

enum conduct {
	HONEST,
	FLIPPED,	/* a bit of the box */
	COPIED,		/* another's box under one's own name */
	OTHER_ROUND,	/* one's own bid of the round before */
	OTHER_PROVIDER, /* in another's name */
	TWO_FACED,	/* signs another bid when it sends again */
	KINDS
};

static const char *const void_as[KINDS] = { [FLIPPED] = "does not open",
					    [COPIED] = "names another provider",
					    [OTHER_ROUND] = "names another order or round",
					    [OTHER_PROVIDER] = "names another provider" };

struct bidder {
	enum conduct kind;
	struct bid_doc said[TRIES];    /* each that was signed, in turn */
	struct json_bytes box[TRIES];  /* and what was sent */
	size_t said_count, sent_count; /* an honest one says one, and sends it again */
};

struct arrival {
	int64_t at_ms;
	size_t who, send;
};

static struct arena arena;
static struct domain domain;
static struct key tenant, market, keys[BIDDERS];
static uint64_t dice = 88172645463325252u;
static struct {
	unsigned long long taken, lost, late, again, refused, forged, unexplained;
	unsigned long long honest_void, honest_guilty, honest_gone, guilty_free, wrong_winner;
} seen;

static uint64_t
roll(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

#include "tests/unit/keys.h"

static struct transcript
round_of(uint32_t number, struct transcript_entry *entries)
{
	struct group_service *s = ARENA_NEW(&arena, struct group_service);
	struct transcript t = { .rules = RULES_VERSION,
				.round = number,
				.care_hours = 1,
				.ends_at = WINDOW_MS * MILLI_US,
				.entries = { entries, 0 } };
	uint8_t seed[32];

	*s = (struct group_service){ .name = "web", .count = 1, .resources = { .cpu_milli = 500 } };
	t.group = (struct group){ .name = "one", .billing = "reserved", .services = { s, 1 } };
	t.terms = (struct order_terms){ .tenant = tenant.address,
					.group = group_hash(&t.group),
					.maxRate = { 1000 },
					.auctioneer = market.address };
	t.order = order_hash(&t.terms);
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)roll(256);
	seal_keys_from_seed(seed, t.public_key.b, t.secret_key.b);
	return t;
}

/* One more bid of this bidder, signed and sealed. */
static void
say(const struct transcript *t, struct bidder *b, size_t who)
{
	struct bid_doc *doc = &b->said[b->said_count++];
	struct hash digest, hash;
	const char *text;
	struct json_bytes *box = &b->box[b->sent_count++];

	doc->terms = (struct bid_terms){ .order = t->order,
					 .provider = keys[who].address,
					 .floor = { 10 + roll(50) },
					 .list = { 1000 },
					 .round = t->round - (b->kind == OTHER_ROUND) };
	if (b->kind == OTHER_PROVIDER)
		doc->terms.provider = keys[(who + 1) % BIDDERS].address;
	doc->terms.floor.nano += 60 * b->said_count; /* no two of one bidder alike */
	hash = bid_hash(&doc->terms);
	digest = terms_digest(&domain, &hash);
	key_sign(&keys[who], &digest, &doc->sig);
	text = json_encode(&arena, bid_doc_fields, doc);
	box->b = seal_box(&arena, t->public_key.b, text, strlen(text), &box->len);
	if (b->kind == FLIPPED)
		box->b[roll(box->len)] ^= (uint8_t)(1u << roll(8));
}

/* Sent until it is acknowledged, or the tries are over: what comes when, if it comes. */
static size_t
send_all(const struct transcript *t, struct bidder *bidders, struct arrival *out)
{
	size_t n = 0;

	for (size_t i = 0; i < BIDDERS; i++) {
		struct bidder *b = &bidders[i];
		int64_t at = (int64_t)roll(200);

		b->kind = roll(3) == 0 ? (enum conduct)roll(KINDS) : HONEST;
		say(t, b, i);
		if (b->kind == COPIED && i > 0) /* what was seen on the wire */
			b->box[0] = bidders[i - 1].box[0];
		for (size_t k = 0; k < TRIES; k++, at += 100) {
			if (k > 0 && b->kind == TWO_FACED)
				say(t, b, i);
			if (roll(3) == 0) {
				seen.lost++;
				continue;
			}
			for (uint64_t twice = 1 + (roll(4) == 0); twice > 0; twice--)
				out[n++] = (struct arrival){ at + (int64_t)roll(300), i,
							     b->sent_count - 1 };
		}
	}
	return n;
}

static int
earlier(const void *x, const void *y)
{
	const struct arrival *a = x, *b = y;

	return a->at_ms != b->at_ms ? (a->at_ms > b->at_ms) - (a->at_ms < b->at_ms)
				    : (a->who > b->who) - (a->who < b->who);
}

/* The market's door: in time, and one answer of each; the same bytes again are that one. */
static void
take(struct transcript *t, const struct bidder *b, const struct arrival *a)
{
	const struct json_bytes *box = &b->box[a->send];
	struct transcript_entry *en = transcript_of(t, &keys[a->who].address);

	if (a->at_ms >= WINDOW_MS) {
		seen.late++;
	} else if (en != NULL) {
		if (en->envelope.len == box->len && memcmp(en->envelope.b, box->b, box->len) == 0)
			seen.again++;
		else
			seen.refused++;
	} else {
		en = transcript_entry(t, t->entries.count++);
		*en = (struct transcript_entry){ .index = (int64_t)t->entries.count,
						 .provider = keys[a->who].address,
						 .received_at = a->at_ms * MILLI_US,
						 .launches = 50,
						 .envelope = *box };
		seen.taken++;
	}
}

/* Whether two of what it signed take its bond. */
static bool
guilty(const struct transcript *t, const struct bidder *b)
{
	for (size_t i = 0; i < b->said_count; i++)
		for (size_t k = 0; k < i; k++) {
			struct offence o = { .kind = OFFENCE_BIDS,
					     .order = t->terms,
					     .two.bids = { b->said[i].terms, b->said[k].terms },
					     .sigs = { b->said[i].sig, b->said[k].sig } };
			struct err e = ERR_NONE;

			if (offence_check(&domain, &o, &e) == 0)
				return true;
		}
	return false;
}

static void
judge(const struct transcript *t, const struct bidder *b, size_t who, bool came)
{
	const struct transcript_entry *en = transcript_of(t, &keys[who].address);
	bool honest = b->kind == HONEST || (b->kind == COPIED && who == 0);

	if (honest) {
		seen.honest_gone += came != (en != NULL);
		seen.honest_void += en != NULL && en->void_why != NULL;
		seen.honest_guilty += guilty(t, b);
	} else if (b->kind == TWO_FACED) {
		seen.guilty_free += !guilty(t, b);
	} else if (en != NULL) {
		/* A copy of what was no bid is none in its own way. */
		bool same = b->kind == COPIED ? en->void_why != NULL
					      : en->void_why != NULL &&
							strcmp(en->void_why, void_as[b->kind]) == 0;

		seen.forged++;
		seen.unexplained += !same;
	}
}

/* The lowest floor of all that are good. */
static bool
won_rightly(const struct transcript *t)
{
	const struct transcript_entry *best = NULL;

	for (size_t i = 0; i < t->entries.count; i++) {
		const struct transcript_entry *en = transcript_entry(t, i);

		if (en->void_why == NULL &&
		    (best == NULL || rate_cmp(en->bid.terms.floor, best->bid.terms.floor) < 0))
			best = en;
	}
	if (best == NULL)
		return strcmp(t->outcome, auction_end_name(AUCTION_NO_BID)) == 0;
	return rate_cmp(transcript_of(t, &t->winner)->bid.terms.floor, best->bid.terms.floor) == 0;
}

static void
play(uint32_t number)
{
	struct transcript_entry entries[BIDDERS] = { { .index = 0 } };
	struct arrival arrivals[BIDDERS * TRIES * 2];
	struct bidder bidders[BIDDERS] = { { .kind = HONEST } };
	bool came[BIDDERS] = { false };
	struct transcript t;
	size_t n;

	arena_release(&arena);
	arena_init(&arena, 0);
	t = round_of(number, entries);
	n = send_all(&t, bidders, arrivals);
	qsort(arrivals, n, sizeof(*arrivals), earlier);
	for (size_t i = 0; i < n; i++) {
		came[arrivals[i].who] |= arrivals[i].at_ms < WINDOW_MS;
		take(&t, &bidders[arrivals[i].who], &arrivals[i]);
	}
	transcript_open(&arena, &domain, &t);
	transcript_decide(&arena, &t, NULL);
	for (size_t i = 0; i < BIDDERS; i++)
		judge(&t, &bidders[i], i, came[i]);
	seen.wrong_winner += !won_rightly(&t);
}

int
main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;

	tenant = key_number(1);
	market = key_number(2);
	for (uint8_t i = 0; i < BIDDERS; i++)
		keys[i] = key_number((uint8_t)(10 + i));
	domain_init(&domain, 31337, &(struct address){ { 0xe5 } });
	arena_init(&arena, 0);
	for (unsigned long i = 1; i <= rounds; i++)
		play((uint32_t)i);
	ok(seen.taken > rounds && seen.lost > rounds && seen.late > 0 && seen.again > rounds / 2 &&
		   seen.refused > 0,
	   "16: %lu rounds: %llu bids taken, %llu lost, %llu late, %llu doubled, %llu refused",
	   rounds, seen.taken, seen.lost, seen.late, seen.again, seen.refused);
	is_int((long long)seen.honest_void, 0, "16: no honest bid is void");
	is_int((long long)seen.honest_guilty, 0, "16: no honest bidder could lose its bond");
	is_int((long long)seen.honest_gone, 0, "16: what came in time is there, and nothing else");
	ok(seen.forged > rounds / 10, "16: %llu forged envelopes", seen.forged);
	is_int((long long)seen.unexplained, 0, "16: each is void, with its reason");
	is_int((long long)seen.guilty_free, 0, "16: whoever signs two bids can lose its bond");
	is_int((long long)seen.wrong_winner, 0, "16: the lowest of the good ones wins");
	arena_release(&arena);
	return tap_done();
}
