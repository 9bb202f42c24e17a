/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript.h - a sealed round as the market publishes it: all that a stranger
 * needs to compute the outcome again. Market and auditor call the same functions,
 * the one to write, the other to compare.
 *
 *	transcript_root()    what the market signs before it shows the key
 *	transcript_open()    the envelopes with the key: bids, or why they are void
 *	transcript_decide()  auction_clear(): outcome, ranks, reasons
 *
 * The Award names Keccak-256 of the JSON text.
 *
 * The standing offers of the book take part as bids: the book of the last tick that was
 * recorded when the round was closed. The root names that record, so which book prices
 * the round is signed before the key is shown, and nobody can choose it by what was
 * bid. Of one owner the lower of both takes part (tick.h); offers of a provider that
 * declines the order, or has failed it, take none. An interruptible order knows no
 * standing offers. The book is not repeated here: GET /v1/ticks/{tick}/book.
 *
 * When the tenant picks (group.h, accept) nothing is awarded by the rules: the outcome
 * is "ranked", every entry that may be taken has its price, and what was taken says a
 * Choice that the tenant signs afterwards (terms.h). It is not in the transcript.
 *
 * Pure.
 */
#ifndef GAVEL_TRANSCRIPT_H
#define GAVEL_TRANSCRIPT_H

#include "lease/auction.h"
#include "lease/documents.h"

struct transcript_entry {
	struct id id;
	int64_t index; /* of receipt */
	struct address provider;
	wall_t received_at;
	const char *declined; /* a decline: its reason; all below is empty */
	struct json_bytes envelope;
	const char *void_why; /* "void": why it takes no part; all below is empty */
	struct json *shown;   /* "bid": struct bid_doc, as opened */
	struct bid_doc bid;   /* the same for C; filled by transcript_open() only */
	uint32_t launches, failures;
	bool sets_prices;
	struct rate effective;
	uint32_t rank;
	const char *reason;
	struct rate price; /* of a ranking: for which the tenant may take it; 0: it may not */
};

/* An offer of the book that matches the order, once for each GPU model that took part. */
struct transcript_offer {
	struct hash offer;
	struct address provider;
	const char *model;
	uint32_t launches, failures; /* of the provider, as the book has it */
	bool sets_prices;
	struct rate floor, list, effective; /* 0: it took no part, for `reason` */
	uint32_t rank;			    /* among entries and offers together */
	const char *reason;
	struct rate price; /* as of an entry */
};

struct transcript {
	const char *rules; /* RULES_VERSION */
	struct hash order;
	uint32_t round;
	struct order_terms terms;
	struct sig order_sig;
	struct group group;
	uint32_t care_hours;
	uint32_t established_launches; /* from how many on a bid may set prices */
	struct json_list audits; /* of struct audit_doc: about bidders, by whom the group names */
	uint64_t tick;		 /* whose record signed the book */
	struct hash record;	 /* record_hash() of that; zero: no book takes part */
	struct standing_rules standing; /* who of the book may set prices */
	struct json_strs failed;	/* addresses of winners that failed this order */
	wall_t ends_at;
	wall_t choose_by; /* of a ranking: bids hold until then; else 0 */
	struct hash root;
	struct sig root_sig; /* the auctioneer's over Round(order, round, root, public_key) */
	struct hash public_key, secret_key;
	struct json_list entries; /* of struct transcript_entry, in order of receipt */
	const char *outcome;
	struct address winner;
	struct rate price;
	const char *price_by; /* "runner_up", "list" */
	struct address runner_up;
	struct hash winner_offer, runner_up_offer; /* zero: a sealed bid */
	struct json_list offers;		   /* of struct transcript_offer, by rank */
	struct json_bytes reasons;		   /* enum tick_reason of each offer of the book */
};

/* What the record signed: rows of its book with their offers, as tick.h wants them. */
struct transcript_book {
	const struct tick_offer *offers;
	size_t count;
	uint64_t time_ms; /* of the record: statements of auditors were in force then */
};

extern const struct json_field transcript_fields[], transcript_entry_fields[];

/* SHA-256 over "gavel root", the record, then per envelope its provider and its SHA-256. */
struct hash transcript_root(struct arena *a, const struct transcript *t);
/* Whether standing offers take part in the auction of such a group. */
bool transcript_wants_book(const struct group *g);
/* Needs terms, order, round, group, audits, entries, both keys. */
void transcript_open(struct arena *a, const struct domain *d, struct transcript *t);
/* Needs what was opened, care_hours, established_launches, failed. The book's nodes stay
 * as they are; NULL: none. */
void transcript_decide(struct arena *a, struct transcript *t, const struct transcript_book *book);
struct transcript_entry *transcript_entry(const struct transcript *t, size_t i);
/* The entry of a provider, or NULL. */
struct transcript_entry *transcript_of(const struct transcript *t, const struct address *provider);
/* For how much the tenant may take this provider of a ranking; 0: it may not. */
struct rate transcript_price(const struct transcript *t, const struct address *provider);
/* The outcome of a round from which the tenant may pick. */
#define TRANSCRIPT_RANKED "ranked"

#endif
