/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amount.h - money and prices, without floating point.
 *
 * struct amount: base units of the account's asset, never negative. A struct,
 * so that `+` does not compile. At most 2^96-1, what the escrow contract holds
 * per balance (the sum of two fits 128 bits; AMOUNT_MAX is checked everywhere).
 *
 * struct rate: 10^-9 base units per second. With a 6-decimal token one dollar
 * a month is 0.38 base units a second, so whole units would be too coarse.
 *
 * Due is always computed from the start of the lease,
 * floor(rate * seconds / 10^9), minus what was paid: rounding never adds up.
 */
#ifndef GAVEL_AMOUNT_H
#define GAVEL_AMOUNT_H

#include "err.h"

struct amount {
	u128 units;
};

struct rate {
	u128 nano; /* 10^-9 base units per second */
};

#define RATE_UNIT  1000000000u
#define AMOUNT_MAX ((((u128)1) << 96) - 1)
/* rate * 2^32 seconds must fit 128 bits. */
#define RATE_MAX ((((u128)1) << 95) - 1)

extern const struct code AMOUNT_OVERFLOW;
extern const struct code AMOUNT_SHORT;

#define AMOUNT_TEXT_SIZE 48

int amount_add(struct amount a, struct amount b, struct amount *sum, struct err *e) mustcheck;
/* Fails with AMOUNT_SHORT when b is more than a. */
int amount_sub(struct amount a, struct amount b, struct amount *rest, struct err *e) mustcheck;
int amount_cmp(struct amount a, struct amount b);
int rate_cmp(struct rate a, struct rate b);
struct amount amount_min(struct amount a, struct amount b);
/* floor(rate * seconds / 10^9). Cannot overflow for seconds < 2^32. */
struct amount rate_due(struct rate rate, uint32_t seconds);
/* Seconds until rate_due() exceeds the amount; UINT32_MAX if never. */
uint32_t rate_lasts(struct rate rate, struct amount amount);

/* Decimal integers, as JSON and the database carry them. */
const char *u128_text(u128 v, char out[static AMOUNT_TEXT_SIZE]);
int u128_read(const char *text, u128 max, u128 *out, struct err *e) mustcheck;
int amount_read(const char *text, struct amount *out, struct err *e) mustcheck;
int rate_read(const char *text, struct rate *out, struct err *e) mustcheck;

/* For people: "12.50" with the asset's decimals; trailing zeros beyond two
 * digits are dropped. Reading refuses more digits than the asset has. */
const char *amount_human(struct amount a, unsigned decimals, char out[static AMOUNT_TEXT_SIZE]);
int
amount_from_human(const char *text, unsigned decimals, struct amount *out, struct err *e) mustcheck;
/* A rate as tokens per hour (3600 s) or month (730 h), rounded up. */
const char *
rate_human(struct rate r, uint32_t seconds, unsigned decimals, char out[static AMOUNT_TEXT_SIZE]);

#endif
