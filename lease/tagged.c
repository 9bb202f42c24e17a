/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/tagged.h"

/* Most hashes are short; only the roots of long lists go in pieces. */
static void
raw(struct tagged *t, const void *bytes, size_t len)
{
	if (t->len + len > sizeof(t->b)) {
		if (t->more == NULL)
			t->more = sha256_new();
		sha256_add(t->more, t->b, t->len);
		t->len = 0;
		if (len > sizeof(t->b)) {
			sha256_add(t->more, bytes, len);
			return;
		}
	}
	if (len > 0)
		memcpy(t->b + t->len, bytes, len);
	t->len += len;
}

void
tagged_add(struct tagged *t, const void *bytes, size_t len)
{
	const uint8_t size[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
				  (uint8_t)len };

	raw(t, size, sizeof(size));
	raw(t, bytes, len);
}

void
tagged_begin(struct tagged *t, const char *tag)
{
	t->len = 0;
	t->more = NULL;
	tagged_add(t, tag, strlen(tag));
}

void
tagged_u64(struct tagged *t, uint64_t v)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (56 - 8 * i));
	tagged_add(t, b, sizeof(b));
}

void
tagged_rate(struct tagged *t, struct rate rate)
{
	uint8_t b[16];

	for (unsigned i = 0; i < 16; i++)
		b[i] = (uint8_t)(rate.nano >> (120 - 8 * i));
	tagged_add(t, b, sizeof(b));
}

void
tagged_text(struct tagged *t, const char *text)
{
	tagged_add(t, text, strlen(text));
}

struct hash
tagged_end(struct tagged *t)
{
	struct hash h;

	if (t->more == NULL) {
		sha256(t->b, t->len, &h);
		return h;
	}
	sha256_add(t->more, t->b, t->len);
	sha256_end(t->more, &h);
	t->more = NULL;
	return h;
}
