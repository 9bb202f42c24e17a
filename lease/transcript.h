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
};

extern const struct json_field transcript_fields[], transcript_entry_fields[];

/* SHA-256 over "gavel root", then per envelope its provider and its SHA-256. */
struct hash transcript_root(struct arena *a, const struct transcript *t);
/* Needs terms, order, round, group, audits, entries, both keys. */
void transcript_open(struct arena *a, const struct domain *d, struct transcript *t);
/* Needs what was opened, care_hours, established_launches. */
void transcript_decide(struct arena *a, struct transcript *t);
struct transcript_entry *transcript_entry(const struct transcript *t, size_t i);
/* The entry of a provider, or NULL. */
struct transcript_entry *transcript_of(const struct transcript *t, const struct address *provider);
/* The outcome of a round from which the tenant may pick. */
#define TRANSCRIPT_RANKED "ranked"

#endif
