/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tell.h - what the market knows of us, told to the operator: `offers`, what stands
 * now by the month; `why`, what each of our offers and bids came to for an order;
 * `receipts`, what it has signed for them, from the book and for what that lacks from
 * the market: {"receipts", "offers"} with json, as audits read it.
 * Blocking; asks the market what everybody may ask, and needs no key.
 */
#ifndef GAVEL_TELL_H
#define GAVEL_TELL_H

#include "provider/settings.h"

int tell_offers(const struct provider_settings *s, bool json, struct err *e) mustcheck;
int
tell_why(const struct provider_settings *s, const char *order, bool json, struct err *e) mustcheck;

int tell_receipts(const struct provider_settings *s, bool json, struct err *e) mustcheck;

#endif
