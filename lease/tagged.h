/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tagged.h - the hash of the auction's records: SHA-256 over parts, each behind
 * its length in four bytes, big-endian; the first part is a tag that says what
 * is hashed. Numbers are eight bytes, big-endian. No two lists of parts give
 * the same bytes. Pure.
 *
 *	struct tagged t;
 *	tagged_begin(&t, "tie");
 *	tagged_add(&t, record.b, 32);
 *	h = tagged_end(&t);
 */
#ifndef GAVEL_TAGGED_H
#define GAVEL_TAGGED_H

#include "lib/amount.h"
#include "lib/bytes.h"

struct tagged {
	uint8_t b[320];
	size_t len;
	struct sha256 *more; /* owned until tagged_end(); NULL while all fits in b */
};

void tagged_begin(struct tagged *t, const char *tag);
void tagged_add(struct tagged *t, const void *bytes, size_t len);
void tagged_u64(struct tagged *t, uint64_t v);
void tagged_rate(struct tagged *t, struct rate rate); /* sixteen bytes */
void tagged_text(struct tagged *t, const char *text);
struct hash tagged_end(struct tagged *t);

#endif
