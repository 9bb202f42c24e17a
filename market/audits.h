/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audits.h - auditors' statements in a round: those of its bidders are read in
 * the batch that stores the root, decide which bids are void, and stand in the
 * transcript beside the group, so that anyone can check both.
 */
#ifndef GAVEL_MARKET_AUDITS_H
#define GAVEL_MARKET_AUDITS_H

#include "lease/attest.h"
#include "lib/db.h"

/* Rows of query audits_of_round: struct audit_doc. */
struct json_list audits_read(struct arena *a, const struct batch *b, size_t q);

#endif
