/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/tx.h"

#include "lease/rlp.h"

#define TYPE 0x02

static void
tx_fields(struct rlp *r, const struct tx *tx)
{
	rlp_uint(r, tx->chain_id);
	rlp_uint(r, tx->nonce);
	rlp_uint(r, tx->tip);
	rlp_uint(r, tx->max_fee);
	rlp_uint(r, tx->gas);
	rlp_bytes(r, tx->to.b, tx->creates ? 0 : sizeof(tx->to.b));
	rlp_uint(r, tx->value);
	rlp_bytes(r, tx->data, tx->data_len);
}

/* An empty access list, already encoded: RLP lists are made by wrapping. */
static void
tx_access_list(struct arena *a, struct rlp *r)
{
	uint8_t *bigger = arena_alloc(a, r->len + 1);

	memcpy(bigger, r->b, r->len);
	bigger[r->len] = 0xc0;
	r->b = bigger;
	r->size = r->len = r->len + 1;
}

static uint8_t *
tx_typed(struct arena *a, struct rlp *r, size_t *len)
{
	uint8_t *out;

	rlp_wrap_list(r);
	out = arena_alloc(a, r->len + 1);
	out[0] = TYPE;
	memcpy(out + 1, r->b, r->len);
	*len = r->len + 1;
	return out;
}

const uint8_t *
tx_sign(struct arena *a, const struct tx *tx, const struct key *key, size_t *len, struct hash *hash)
{
	struct rlp r = { .arena = a };
	const uint8_t *unsigned_tx, *raw;
	uint8_t s[32];
	struct hash digest;
	struct sig sig;

	tx_fields(&r, tx);
	tx_access_list(a, &r);
	unsigned_tx = tx_typed(a, &r, len);
	keccak256(unsigned_tx, *len, &digest);
	key_sign(key, &digest, &sig);
	r = (struct rlp){ .arena = a };
	tx_fields(&r, tx);
	tx_access_list(a, &r);
	rlp_uint(&r, sig.b[32] >> 7);
	rlp_uint_bytes(&r, sig.b, 32);
	memcpy(s, sig.b + 32, sizeof(s));
	s[0] &= 0x7f;
	rlp_uint_bytes(&r, s, 32);
	raw = tx_typed(a, &r, len);
	keccak256(raw, *len, hash);
	return raw;
}

struct address
tx_created(const struct address *from, uint64_t nonce)
{
	struct address out;
	struct arena a;
	struct hash h;
	struct rlp r;

	arena_init(&a, 0);
	r = (struct rlp){ .arena = &a };
	rlp_bytes(&r, from->b, sizeof(from->b));
	rlp_uint(&r, nonce);
	rlp_wrap_list(&r);
	keccak256(r.b, r.len, &h);
	memcpy(out.b, h.b + 12, sizeof(out.b));
	arena_release(&a);
	return out;
}
