/* SPDX-License-Identifier: Apache-2.0 */
/* rlp.h - Recursive Length Prefix, encoding only (Yellow Paper, appendix B). Pure. */
#ifndef GAVEL_RLP_H
#define GAVEL_RLP_H

#include "lib/arena.h"

struct rlp {
	struct arena *arena; /* borrowed */
	uint8_t *b;
	size_t len, size;
};

void rlp_bytes(struct rlp *r, const void *bytes, size_t len);
/* An integer: big-endian without leading zeros; 0 is the empty string. */
void rlp_uint(struct rlp *r, u128 v);
/* A big-endian integer of any length, its leading zeros dropped. */
void rlp_uint_bytes(struct rlp *r, const uint8_t *bytes, size_t len);
/* An empty list, as one more item. */
void rlp_empty_list(struct rlp *r);
/* Wrap all that r holds into one list. */
void rlp_wrap_list(struct rlp *r);

#endif
