/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pricing.h - what a provider asks for a group: rate card, load, lists of
 * tenants, or the answer of the operator's own program. Pure; the child process
 * itself is price_program.h. Bidder, quotes and `price simulate` all use it.
 *
 *	load  = of the GPU model for a group with GPUs (the fullest of several),
 *	        else of the vCPUs, in 1/10000
 *	floor = card applied to the group * (1 + curve * load^2) * the tenant's factor
 *	list  = floor * list_bp / 10000
 *
 * A bid keeps what it was made of: card, models and prices go into the book
 * before it is sent, and the salt of the signed bid is their hash.
 */
#ifndef GAVEL_PRICING_H
#define GAVEL_PRICING_H

#include "lease/price.h"
#include "provider/bid/capacity.h"

#define TENANTS_MAX 1024u

struct tenant_factor {
	struct address tenant;
	uint32_t bp;
};

struct tenant_rules {
	struct json_strs allow; /* addresses: only these, if any are named */
	struct json_strs deny;	/* never these; stronger than allow */
	struct json_list factor_bp;
};

extern const struct json_field tenant_rules_fields[];
/* Addresses that are none, or twice; a factor of 0. */
int tenant_rules_check(const struct tenant_rules *r, struct err *e) mustcheck;
bool tenant_admitted(const struct tenant_rules *r, const struct address *tenant);

/* The settings that make a price. */
struct price_rules {
	struct rate_card card;
	uint32_t list_bp, curve_bp;
	struct tenant_rules tenants;
	uint32_t least_bp; /* a program's floor, at least this share of the card's */
};

/* What a bid is made of. */
struct pricing {
	struct rate_card card;
	struct json_strs models; /* of each GPU, in the order of services and copies */
	struct hash nonce;	 /* random: the salt tells nothing before it is shown */
	struct rate floor, list;
};
extern const struct json_field pricing_fields[];

/* Models of devices as room_fit() names them. */
struct json_strs
pricing_models(struct arena *a, const struct json_list *gpus, const struct json_strs *devices);
uint32_t
pricing_load(const struct room *room, uint32_t capacity_cpu_milli, const struct json_strs *models);
struct pricing
pricing_by_card(const struct price_rules *rules, const struct group *group,
		const struct address *tenant, const struct json_strs *models, uint32_t load_bp);
/* Keccak-256 of the canonical JSON without the prices: what the bid's salt is. */
struct hash pricing_salt(const struct pricing *p);

/* What the program reads, one line of JSON. */
const char *
pricing_question(struct arena *a, const char *order, const struct address *tenant,
		 const struct group *group, uint32_t load_bp, const struct pricing *by_card);
extern const struct code PRICE_PROGRAM;
/* Its answer: floor and list into p, or *decline. -1: not an answer, a list below
 * the floor, or a floor below least_bp of the card's. */
int pricing_answer(struct arena *a, const char *text, size_t len, const struct price_rules *rules,
		   struct pricing *p, const char **decline, struct err *e) mustcheck;

#endif
