/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents.h - what travels between tenant, market and provider: a statement
 * of terms.h, its signature, and what goes with it. One table each, used by
 * both ends. The bodies of docs/openapi.yaml.
 */
#ifndef GAVEL_DOCUMENTS_H
#define GAVEL_DOCUMENTS_H

#include "deploy/group.h"
#include "lease/price.h"
#include "lease/terms.h"

/* POST /v1/orders */
struct order_doc {
	struct id id;
	struct order_terms terms;
	struct sig sig;
	struct group group;
	uint32_t care_hours; /* 0..4; default 1 */
	uint32_t window_ms;  /* of bidding; 50 to 600,000; default 400 */
	const char *auction; /* "sealed" (default), or "fast": standing offers only, in ticks */
};
extern const struct json_field order_doc_fields[];

/* POST /v1/bids: a sealed box of struct bid_doc, in base64. */
struct bid_post {
	struct id id, order;
	uint32_t round;
	struct address provider;
	struct json_bytes envelope;
};
extern const struct json_field bid_post_fields[];

/* Inside the box. */
struct bid_doc {
	struct bid_terms terms;
	struct sig sig;
};
extern const struct json_field bid_doc_fields[];

/* POST /v1/orders/{order}/choices: which one of the ranking, signed by the tenant. */
struct choice_doc {
	struct choice_terms terms;
	struct sig sig;
};
/* The same as the market shows it with its round. */
struct choice_shown {
	struct choice_terms terms;
	struct sig sig;
	wall_t received_at;
};
extern const struct json_field choice_doc_fields[], choice_shown_fields[];

/* POST /v1/declines */
struct decline_post {
	struct id id, order;
	uint32_t round;
	struct address provider;
	const char *reason; /* a decline code, see decline_known() */
};
extern const struct json_field decline_post_fields[];
bool decline_known(const char *reason);

/* The event order.bidding: everything a provider needs to price an order. */
struct round_doc {
	struct id id; /* the order's */
	struct hash hash;
	uint32_t round;
	struct hash key; /* X25519 public key to seal to */
	wall_t ends_at;
	wall_t choose_by;	  /* when the tenant picks: a bid holds until then; else 0 */
	struct order_terms terms; /* maxRate is 0: it is not shown before the end */
	struct group group;
	struct json_strs excluded; /* addresses that failed this order */
};
extern const struct json_field round_doc_fields[];

/* The event order.awarded, and what the winner answers. */
struct award_doc {
	struct id order, lease;
	struct award_terms award;
	struct sig award_sig;
	struct order_terms terms;
	struct sig order_sig;
	struct group group;
	wall_t accept_by;
};
extern const struct json_field award_doc_fields[];

/* POST /v1/leases: the winner accepts. */
struct accept_post {
	struct lease_terms terms;
	struct sig sig;
};
extern const struct json_field accept_post_fields[];

/* POST /v1/launches (bearer: the provider's token) */
struct endpoint {
	const char *service;
	uint32_t port;	 /* inside */
	const char *url; /* outside: http://host:port or tcp://host:port */
};
struct launch_post {
	struct hash lease;
	bool healthy;
	const char *error;	    /* when not healthy: what failed */
	struct json_list endpoints; /* of struct endpoint */
};
extern const struct json_field launch_post_fields[], endpoint_fields[];

/* POST /v1/vouchers: a meter reading both sides have signed. */
struct voucher_post {
	struct usage_terms usage;
	struct sig usage_sig;	 /* the provider's */
	struct sig payer_sig;	 /* the tenant's or its cosigner's, over the voucher */
	struct sig provider_sig; /* over the same voucher */
};
extern const struct json_field voucher_post_fields[];
struct voucher_terms voucher_of(const struct usage_terms *usage);

/* POST /v1/releases: the end. The provider's last word, and the payer's voucher for it. */
struct release_post {
	struct voucher_post voucher;
	struct sig release_sig;
};
extern const struct json_field release_post_fields[];

/* POST /v1/providers */
struct provider_doc {
	struct provider_terms terms;
	struct sig sig;
	struct json_list attributes; /* of struct attribute */
};
extern const struct json_field provider_doc_fields[];
struct hash attributes_hash(const struct json_list *attributes);

/* POST /v1/audits: what an auditor signed, by whoever holds it. */
struct audit_doc {
	struct audit_terms terms;
	struct sig sig;
	struct json_list attributes; /* of struct attribute: those vouched for */
};
extern const struct json_field audit_doc_fields[];

/* POST /v1/quotes: what would it cost? Nothing is ordered. */
struct quote_post {
	struct group group;
	uint32_t wait_ms; /* at most for the answers; default and most 400 */
};
extern const struct json_field quote_post_fields[];

/* The event quote.requested. */
struct quote_doc {
	struct id id;
	struct address tenant;
	wall_t ends_at;
	struct group group;
};
extern const struct json_field quote_doc_fields[];

/* POST /v1/quotes/{quote}/answers (bearer: the provider's token) */
struct quote_answer {
	struct rate list;   /* the most it would ask now; 0: declined */
	const char *reason; /* why it declines, see decline_known(); or NULL */
};
extern const struct json_field quote_answer_fields[];

/* The provider's manifest intake: POST /v1/manifests */
struct manifest_post {
	struct hash lease;
	struct json *manifest; /* struct manifest */
};
extern const struct json_field manifest_post_fields[];

#endif
