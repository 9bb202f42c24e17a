/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attest.h - what auditors vouch for, and whether that is what a group asks for.
 * Pure: bidder, market and anyone with the transcript come to the same answer.
 *
 * A group is eligible at a provider when each auditor of signed_by, and at least
 * one of signed_any if any are named, vouches for every attribute that the group
 * requires. Only the attributes that the auditor listed count, "*" of the group
 * as everywhere; what a provider says of itself does not. A statement counts
 * until it expires, and only the one with the highest seq of an auditor about a
 * provider.
 */
#ifndef GAVEL_ATTEST_H
#define GAVEL_ATTEST_H

#include "lease/documents.h"

extern const struct code AUDIT_BAD;

/* The signature is the auditor's, the attributes have the hash that was signed. */
int attest_check(const struct domain *d, const struct audit_doc *doc, struct err *e) mustcheck;
bool attest_needed(const struct group *g);
/* False: all is there. True: what `who` should have signed is not (of several of
 * signed_any, the first). `audits`: of struct audit_doc, checked. */
bool attest_lacks(const struct group *g, const struct address *provider,
		  const struct json_list *audits, wall_t at, struct address *who);

#endif
