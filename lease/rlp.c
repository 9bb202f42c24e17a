/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/rlp.h"

static void
rlp_put(struct rlp *r, const void *bytes, size_t len)
{
	if (r->len + len > r->size) {
		uint8_t *bigger;

		r->size = MAX(r->size * 2, r->len + len + 64);
		bigger = arena_alloc(r->arena, r->size);
		if (r->len != 0)
			memcpy(bigger, r->b, r->len);
		r->b = bigger;
	}
	if (len != 0)
		memcpy(r->b + r->len, bytes, len);
	r->len += len;
}

/* The head of a string (base 0x80) or a list (base 0xc0). */
static size_t
rlp_head(uint8_t out[static 9], uint8_t base, size_t len)
{
	size_t n = 0;

	if (len <= 55) {
		out[0] = (uint8_t)(base + len);
		return 1;
	}
	for (size_t rest = len; rest != 0; rest >>= 8)
		n++;
	out[0] = (uint8_t)(base + 55 + n);
	for (size_t i = 0; i < n; i++)
		out[1 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
	return 1 + n;
}

void
rlp_bytes(struct rlp *r, const void *bytes, size_t len)
{
	uint8_t head[9] = { 0 };
	size_t head_len = rlp_head(head, 0x80, len);

	if (len != 1 || *(const uint8_t *)bytes >= 0x80)
		rlp_put(r, head, head_len);
	rlp_put(r, bytes, len);
}

void
rlp_uint_bytes(struct rlp *r, const uint8_t *bytes, size_t len)
{
	while (len > 0 && *bytes == 0) {
		bytes++;
		len--;
	}
	rlp_bytes(r, bytes, len);
}

void
rlp_uint(struct rlp *r, u128 v)
{
	uint8_t bytes[16];

	for (unsigned i = 0; i < 16; i++)
		bytes[15 - i] = (uint8_t)(v >> (8 * i));
	rlp_uint_bytes(r, bytes, sizeof(bytes));
}

void
rlp_empty_list(struct rlp *r)
{
	static const uint8_t empty = 0xc0;

	rlp_put(r, &empty, 1);
}

void
rlp_wrap_list(struct rlp *r)
{
	struct rlp outer = { .arena = r->arena };
	uint8_t head[9] = { 0 };
	size_t head_len = rlp_head(head, 0xc0, r->len);

	rlp_put(&outer, head, head_len);
	rlp_put(&outer, r->b, r->len);
	*r = outer;
}
