/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/typed.h"

static uint8_t *
word_next(struct words *w)
{
	uint8_t *word = w->b + w->len;

	w->len += 32;
	return word; /* zeroed by its owner's initialiser */
}

void
word_hash(struct words *w, const struct hash *h)
{
	memcpy(word_next(w), h->b, 32);
}

void
word_address(struct words *w, const struct address *a)
{
	memcpy(word_next(w) + 12, a->b, 20);
}

void
word_uint(struct words *w, u128 v)
{
	uint8_t *word = word_next(w);

	for (unsigned i = 0; i < 16; i++)
		word[31 - i] = (uint8_t)(v >> (8 * i));
}

void
word_string(struct words *w, const char *s)
{
	struct hash h;

	keccak256(s, strlen(s), &h);
	word_hash(w, &h);
}

struct words
words_begin(const char *type)
{
	struct words w = { .len = 0 };

	word_string(&w, type);
	return w;
}

struct hash
words_end(const struct words *w)
{
	struct hash h;

	keccak256(w->b, w->len, &h);
	return h;
}
