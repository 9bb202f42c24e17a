/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/abi.h"

static uint8_t *
abi_grow(struct abi *abi, size_t len)
{
	if (abi->len + len > abi->size) {
		uint8_t *bigger;

		abi->size = MAX(abi->size * 2, abi->len + len + 256);
		bigger = arena_alloc(abi->arena, abi->size);
		if (abi->len != 0)
			memcpy(bigger, abi->b, abi->len);
		abi->b = bigger;
	}
	abi->len += len;
	return abi->b + abi->len - len;
}

void
abi_call(struct abi *abi, struct arena *a, const char *signature)
{
	struct hash h = abi_topic(signature);

	*abi = (struct abi){ .arena = a };
	memcpy(abi_grow(abi, 4), h.b, 4);
}

void
abi_create(struct abi *abi, struct arena *a, const uint8_t *code, size_t len)
{
	*abi = (struct abi){ .arena = a };
	memcpy(abi_grow(abi, len), code, len);
}

size_t
abi_bytes_begin(struct abi *abi)
{
	abi_uint(abi, 32); /* they begin after this word, with their length */
	abi_uint(abi, 0);
	return abi->len;
}

static void
abi_pad(struct abi *abi, size_t len)
{
	size_t rest = (32 - len % 32) % 32;

	memset(abi_grow(abi, rest), 0, rest);
}

void
abi_bytes_end(struct abi *abi, size_t begun)
{
	size_t len = abi->len - begun;

	for (unsigned i = 0; i < sizeof(len); i++)
		abi->b[begun - 1 - i] = (uint8_t)(len >> (8 * i));
	abi_pad(abi, len);
}

void
abi_raw(struct abi *abi, const void *b, size_t len)
{
	memcpy(abi_grow(abi, len), b, len);
}

void
abi_raw_uint(struct abi *abi, u128 v, size_t bytes)
{
	uint8_t *b = abi_grow(abi, bytes);

	for (size_t i = 0; i < bytes; i++)
		b[bytes - 1 - i] = (uint8_t)(v >> (8 * i));
}

void
abi_uint(struct abi *abi, u128 v)
{
	uint8_t *word = abi_grow(abi, 32);

	memset(word, 0, 16);
	for (unsigned i = 0; i < 16; i++)
		word[31 - i] = (uint8_t)(v >> (8 * i));
}

void
abi_bytes32(struct abi *abi, const struct hash *h)
{
	memcpy(abi_grow(abi, 32), h->b, 32);
}

void
abi_address(struct abi *abi, const struct address *a)
{
	uint8_t *word = abi_grow(abi, 32);

	memset(word, 0, 12);
	memcpy(word + 12, a->b, 20);
}

void
abi_sig(struct abi *abi, const struct sig *sig)
{
	memcpy(abi_grow(abi, 64), sig->b, 64);
}

void
abi_sigs(struct abi *abi, size_t begun, const struct sig *const *sigs, size_t count)
{
	static const struct sig none;
	size_t at = abi->len - begun + 32 * count;

	for (size_t i = 0; i < count; i++) {
		abi_uint(abi, at);
		at += memcmp(sigs[i], &none, sizeof(none)) == 0 ? 32 : 96;
	}
	for (size_t i = 0; i < count; i++) {
		bool empty = memcmp(sigs[i], &none, sizeof(none)) == 0;

		abi_uint(abi, empty ? 0 : 64);
		if (!empty)
			abi_sig(abi, sigs[i]);
	}
}

struct hash
abi_topic(const char *signature)
{
	struct hash h;

	keccak256(signature, strlen(signature), &h);
	return h;
}

bool
abi_word(const uint8_t *data, size_t len, size_t index, struct hash *out)
{
	if (len / 32 <= index)
		return false;
	memcpy(out->b, data + 32 * index, 32);
	return true;
}

bool
abi_hash_uint(const struct hash *word, u128 *out)
{
	u128 v = 0;

	for (unsigned i = 0; i < 16; i++)
		if (word->b[i] != 0)
			return false;
	for (unsigned i = 16; i < 32; i++)
		v = v << 8 | word->b[i];
	*out = v;
	return true;
}

bool
abi_hash_address(const struct hash *word, struct address *out)
{
	for (unsigned i = 0; i < 12; i++)
		if (word->b[i] != 0)
			return false;
	memcpy(out->b, word->b + 12, 20);
	return true;
}

bool
abi_word_uint(const uint8_t *data, size_t len, size_t index, u128 *out)
{
	struct hash word;

	return abi_word(data, len, index, &word) && abi_hash_uint(&word, out);
}

bool
abi_word_address(const uint8_t *data, size_t len, size_t index, struct address *out)
{
	struct hash word;

	return abi_word(data, len, index, &word) && abi_hash_address(&word, out);
}

bool
abi_word_bytes(const uint8_t *data, size_t len, size_t index, const uint8_t **bytes,
	       size_t *bytes_len)
{
	u128 offset, count;

	/* Compared by subtraction: no sum of hostile numbers can wrap. */
	if (!abi_word_uint(data, len, index, &offset) || offset > len || len - offset < 32)
		return false;
	if (!abi_word_uint(data + (size_t)offset, 32, 0, &count) || count > len - offset - 32)
		return false;
	*bytes = data + (size_t)offset + 32;
	*bytes_len = (size_t)count;
	return true;
}
