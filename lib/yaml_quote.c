/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_quote.c - what a scalar needs in order to be read as the text it is, by
 * readers of YAML 1.1 and 1.2; and whether two trees say the same.
 */
#include "lib/text.h"
#include "lib/yaml_format.h"

#include <strings.h>

/* Numbers, dates and times of all kinds: digits and what may stand among them. */
static bool
looks_like_number(const char *text)
{
	const char *p = text + strspn(text, "+-.");
	size_t n = strspn(p, "0123456789abcdefABCDEF_.:xXoOTZ+-");

	return *p >= '0' && *p <= '9' && p[n] == '\0';
}

/* Whether without quotes it would be something else than a text. */
static bool
is_special(const char *text)
{
	static const char *const words[] = { "",   "~",	   "null",  "true",  "false", "yes",
					     "no", "on",   "off",   "y",     "n",     "<<",
					     "=",  ".inf", "+.inf", "-.inf", ".nan" };

	for (size_t i = 0; i < NELEMS(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return looks_like_number(text);
}

/* Characters that YAML or an editor may take for a line end or nothing. */
static bool
is_odd(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return u[0] < 0x20 || u[0] == 0x7f || (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0xa0) ||
	       (u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9)) ||
	       (u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf);
}

static bool
is_plain(const char *text, size_t len)
{
	if (len == 0 || len != strlen(text) || is_special(text))
		return false;
	if (strchr("?:,[]{}#&*!|>'\"%@` ", text[0]) != NULL || text[len - 1] == ' ' ||
	    text[len - 1] == ':')
		return false;
	if (text[0] == '-' && (len == 1 || text[1] == ' ' || strncmp(text, "---", 3) == 0))
		return false;
	if (strncmp(text, "...", 3) == 0)
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if (is_odd(p) || (*p == ':' && p[1] == ' ') || (*p == ' ' && p[1] == '#'))
			return false;
	return true;
}

static bool
has_odd(const char *text)
{
	for (; *text != '\0'; text++)
		if (is_odd(text))
			return true;
	return false;
}

/* Only what is odd, a quote or a backslash is escaped. */
static const char *
double_quoted(struct arena *a, const char *text)
{
	struct text t = TEXT(a);

	text_add(&t, "\"");
	for (const char *p = text; *p != '\0'; p++) {
		const unsigned char *u = (const unsigned char *)p;

		if (*p == '"' || *p == '\\') {
			text_addf(&t, "\\%c", *p);
		} else if (*p == '\n') {
			text_add(&t, "\\n");
		} else if (*p == '\t') {
			text_add(&t, "\\t");
		} else if (!is_odd(p)) {
			text_add_n(&t, p, 1);
		} else if (u[0] < 0x80) {
			text_addf(&t, "\\x%02x", u[0]);
		} else if (u[0] == 0xc2) {
			text_addf(&t, "\\x%02x", u[1]);
			p++;
		} else {
			text_addf(&t, "\\u%04x",
				  (unsigned)((u[0] & 15) << 12 | (u[1] & 63) << 6 | (u[2] & 63)));
			p += 2;
		}
	}
	text_add(&t, "\"");
	return text_get(&t);
}

const char *
yaml_scalar(struct arena *a, const char *text, size_t len)
{
	if (is_plain(text, len))
		return text;
	/* libfyaml 0.7.12 reads two quotes in a row inside of single quotes wrong. */
	if (strpbrk(text, "\"\\") != NULL && strchr(text, '\'') == NULL && !has_odd(text))
		return arena_printf(a, "'%s'", text);
	return double_quoted(a, text);
}

/* ------------------------------------------------------------------ */

static bool
same_scalar(const struct json *a, const struct json *b)
{
	if (a->type == JSON_NULL && b->type == JSON_NULL)
		return true;
	return a->type == b->type && a->text_len == b->text_len &&
	       memcmp(a->text, b->text, a->text_len) == 0 &&
	       (a->quoted == b->quoted || !is_special(a->text));
}

static bool
same_members(const struct json *a, const struct json *b)
{
	for (const struct json *m = a->first; m != NULL; m = m->next) {
		const struct json *other = json_get(b, m->name);

		if (other == NULL || !yaml_same(m, other))
			return false;
	}
	return true;
}

bool
yaml_same(const struct json *a, const struct json *b)
{
	const struct json *y = b->first;

	if (a->type != JSON_ARRAY && a->type != JSON_OBJECT)
		return same_scalar(a, b);
	if (a->type != b->type || a->count != b->count)
		return false;
	if (a->type == JSON_OBJECT)
		return same_members(a, b);
	for (const struct json *x = a->first; x != NULL; x = x->next, y = y->next)
		if (!yaml_same(x, y))
			return false;
	return true;
}
