/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/text.h"

void
text_add_n(struct text *t, const char *s, size_t len)
{
	if (t->s == NULL || t->len + len + 1 > t->room) {
		char *more;

		t->room = (t->len + len + 1) * 2 + 60;
		more = arena_alloc(t->arena, t->room);
		if (t->s != NULL)
			memcpy(more, t->s, t->len);
		t->s = more;
	}
	if (len > 0)
		memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

void
text_add(struct text *t, const char *s)
{
	text_add_n(t, s, strlen(s));
}

void
text_addf(struct text *t, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		char *part = arena_alloc(t->arena, (size_t)n + 1);

		vsnprintf(part, (size_t)n + 1, fmt, again);
		text_add_n(t, part, (size_t)n);
	}
	va_end(again);
}

void
text_pad(struct text *t, size_t blanks)
{
	while (blanks-- > 0)
		text_add_n(t, " ", 1);
}

const char *
text_get(const struct text *t)
{
	return t->s != NULL ? t->s : "";
}
