/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/tx.h"

#include "lease/rlp.h"

#define TYPE 0x02

static struct rlp
tx_fields(struct arena *a, const struct tx *tx)
{
	struct rlp r = { .arena = a };

	rlp_uint(&r, tx->chain_id);
	rlp_uint(&r, tx->nonce);
	rlp_uint(&r, tx->tip);
	rlp_uint(&r, tx->max_fee);
	rlp_uint(&r, tx->gas);
	rlp_bytes(&r, tx->to.b, tx->creates ? 0 : sizeof(tx->to.b));
	rlp_uint(&r, tx->value);
	rlp_bytes(&r, tx->data, tx->data_len);
	rlp_empty_list(&r); /* no access list */
	return r;
}

/* The type, then the fields as one list (EIP-2718). */
static uint8_t *
tx_typed(struct rlp *r, size_t *len)
{
	uint8_t *out;

	rlp_wrap_list(r);
	out = arena_alloc(r->arena, r->len + 1);
	out[0] = TYPE;
	memcpy(out + 1, r->b, r->len);
	*len = r->len + 1;
	return out;
}

struct hash
tx_digest(struct arena *a, const struct tx *tx)
{
	struct rlp r = tx_fields(a, tx);
	struct hash digest;
	const uint8_t *raw;
	size_t len;

	raw = tx_typed(&r, &len);
	keccak256(raw, len, &digest);
	return digest;
}

const uint8_t *
tx_encode_signed(struct arena *a, const struct tx *tx, const struct sig *sig, size_t *len,
		 struct hash *hash)
{
	struct rlp r = tx_fields(a, tx);
	const uint8_t *raw;
	uint8_t s[32];

	/* r and s are integers here: leading zeros go, about once in 128. */
	rlp_uint(&r, sig->b[32] >> 7);
	rlp_uint_bytes(&r, sig->b, 32);
	memcpy(s, sig->b + 32, sizeof(s));
	s[0] &= 0x7f;
	rlp_uint_bytes(&r, s, sizeof(s));
	raw = tx_typed(&r, len);
	keccak256(raw, *len, hash);
	return raw;
}

const uint8_t *
tx_sign(struct arena *a, const struct tx *tx, const struct key *key, size_t *len, struct hash *hash)
{
	struct hash digest = tx_digest(a, tx);
	struct sig sig;

	key_sign(key, &digest, &sig);
	return tx_encode_signed(a, tx, &sig, len, hash);
}

/* The next item of a list: a string's bytes, or a list's. */
static bool
item_read(const uint8_t **p, const uint8_t *end, bool *list, const uint8_t **b, size_t *len)
{
	uint8_t first;
	size_t n = 0;

	if (*p >= end)
		return false;
	first = *(*p)++;
	*list = first >= 0xc0;
	if (first < 0x80) {
		*b = *p - 1;
		*len = 1;
		return true;
	}
	first = (uint8_t)(first - (*list ? 0xc0 : 0x80));
	if (first > 55) {
		for (first = (uint8_t)(first - 55); first > 0; first--) {
			if (*p >= end || n > SIZE_MAX >> 8)
				return false;
			n = n << 8 | *(*p)++;
		}
	} else {
		n = first;
	}
	if ((size_t)(end - *p) < n)
		return false;
	*b = *p;
	*len = n;
	*p += n;
	return true;
}

static bool
number_read(const uint8_t **p, const uint8_t *end, u128 *out)
{
	const uint8_t *b;
	size_t len;
	bool list;

	if (!item_read(p, end, &list, &b, &len) || list || len > sizeof(*out))
		return false;
	*out = 0;
	for (size_t i = 0; i < len; i++)
		*out = *out << 8 | b[i];
	return true;
}

bool
tx_read(const uint8_t *raw, size_t len, struct tx *out)
{
	const uint8_t *p = raw + 1, *end = raw + len, *b;
	u128 v[5];
	bool list;
	size_t n;

	*out = (struct tx){ .nonce = 0 };
	if (len < 2 || raw[0] != TYPE || !item_read(&p, end, &list, &b, &n) || !list || p != end)
		return false;
	p = b;
	end = b + n;
	for (size_t i = 0; i < NELEMS(v); i++)
		if (!number_read(&p, end, &v[i]))
			return false;
	if (v[0] > UINT64_MAX || v[1] > UINT64_MAX || v[4] > UINT64_MAX ||
	    !item_read(&p, end, &list, &b, &n) || list || (n != 0 && n != sizeof(out->to.b)))
		return false;
	out->chain_id = (uint64_t)v[0];
	out->nonce = (uint64_t)v[1];
	out->tip = v[2];
	out->max_fee = v[3];
	out->gas = (uint64_t)v[4];
	out->creates = n == 0;
	memcpy(out->to.b, b, n);
	return number_read(&p, end, &out->value) &&
	       item_read(&p, end, &list, &out->data, &out->data_len) && !list;
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
