/* SPDX-License-Identifier: Apache-2.0 */
#include "id.h"

#include "clock.h"

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct id
id_make(wall_t now, const uint8_t random[static 10])
{
	uint64_t ms = (uint64_t)(now / MILLI_US);
	struct id id;

	for (unsigned i = 0; i < 6; i++)
		id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	memcpy(id.b + 6, random, 10);
	return id;
}

struct id
id_new(void)
{
	uint8_t random[10];

	random_bytes(random, sizeof(random));
	return id_make(clock_wall(), random);
}

const char *
id_text(const char *prefix, const struct id *id, char out[static ID_TEXT_SIZE])
{
	u128 v = 0;
	char letters[27];

	for (unsigned i = 0; i < 16; i++)
		v = v << 8 | id->b[i];
	for (unsigned i = 26; i-- > 0; v >>= 5)
		letters[i] = crockford[(unsigned)v & 31];
	letters[26] = '\0';
	snprintf(out, ID_TEXT_SIZE, "%.4s_%s", prefix, letters);
	return out;
}

int
id_read(const char *prefix, const char *text, struct id *out, struct err *e)
{
	size_t n = strlen(prefix);
	const char *p, *letter;
	u128 v = 0;

	if (strncmp(text, prefix, n) != 0 || text[n] != '_' || strlen(text) != n + 27)
		return err_set(e, &ERR_BAD_DATA, "expected an id like %s_ and 26 letters", prefix);
	for (p = text + n + 1; *p != '\0'; p++) {
		letter = strchr(crockford, *p);
		if (letter == NULL || (p == text + n + 1 && *p > '7'))
			return err_set(e, &ERR_BAD_DATA, "not an id: %.40s", text);
		v = v << 5 | (u128)(size_t)(letter - crockford);
	}
	for (unsigned i = 16; i-- > 0; v >>= 8)
		out->b[i] = (uint8_t)v;
	return 0;
}

bool
id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
