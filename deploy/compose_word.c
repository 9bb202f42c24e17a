/* SPDX-License-Identifier: Apache-2.0 */
/* compose_word.c - the small languages inside of compose's texts. */
#include "deploy/compose_read.h"

#include "lib/text.h"

#include <strings.h>

/* ------------------------------------------------------------------ */
/* Variables.                                                          */

/* p is behind "${"; returns behind its "}", or NULL. */
static const char *
braced(struct compose_reader *r, struct text *t, const char *p, const struct json *v,
       const char *path)
{
	size_t name = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	const char *end = strchr(p, '}'), *rest = p + name;

	if (name == 0 || end == NULL)
		return NULL;
	rest += *rest == ':';
	if (*rest == '-' && memchr(p, '$', (size_t)(end - p)) == NULL)
		text_add_n(t, rest + 1, (size_t)(end - rest - 1));
	else if (*rest != '+')
		compose_note(r, v, false, path, "write its value here",
			     "the variable %.*s has no value here and is empty",
			     (int)MIN(name, 60u), p);
	return end + 1;
}

const char *
compose_text(struct compose_reader *r, const struct json *v, const char *path)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	struct text t = TEXT(r->arena);
	const char *p;

	if (v == NULL || v->type != JSON_STRING)
		return NULL;
	for (p = v->text; *p != '\0';) {
		const char *next = NULL;

		if (*p != '$') {
			text_add_n(&t, p++, 1);
			continue;
		}
		if (p[1] == '$') {
			text_add(&t, "$");
			p += 2;
			continue;
		}
		if (p[1] == '{')
			next = braced(r, &t, p + 2, v, path);
		else if (strspn(p + 1, letters) > 0) {
			size_t n = strspn(p + 1, letters);

			compose_note(r, v, false, path, "write its value here",
				     "the variable %.*s has no value here and is empty",
				     (int)MIN(n, 60u), p + 1);
			next = p + 1 + n;
		}
		if (next == NULL) {
			text_add_n(&t, p++, 1);
			continue;
		}
		p = next;
	}
	return text_get(&t);
}

/* ------------------------------------------------------------------ */
/* Sizes, durations.                                                   */

uint64_t
compose_bytes(const char *text)
{
	static const char units[] = "bkmgt";
	size_t whole = strspn(text, "0123456789"), places = 0;
	const char *suffix = text + whole, *unit;
	uint64_t value = 0, below = 0, scale = 1, one = 1;

	if (*suffix == '.') {
		places = strspn(suffix + 1, "0123456789");
		suffix += 1 + places;
	}
	if (whole == 0 || whole > 15 || places > 3)
		return 0;
	for (size_t i = 0; i < whole; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < places; i++) {
		below = below * 10 + (uint64_t)(text[whole + 1 + i] - '0');
		scale *= 10;
	}
	if (*suffix != '\0') {
		unit = strchr(units, *suffix | 0x20);
		if (unit == NULL || (suffix[1] != '\0' && strcasecmp(suffix + 1, "b") != 0 &&
				     strcasecmp(suffix + 1, "ib") != 0))
			return 0;
		one = UINT64_C(1) << (10 * (unit - units));
	}
	if (value > (UINT64_C(1) << 60) / one)
		return 0;
	return value * one + below * one / scale;
}

bool
compose_seconds(const char *text, uint32_t *seconds)
{
	static const struct {
		const char *name;
		uint64_t us;
	} units[] = { { "us", 1 },	 { "ms", 1000 },      { "s", 1000000 },
		      { "m", 60000000 }, { "h", 3600000000 }, { "", 1000000 } };
	uint64_t sum = 0;

	if (*text == '\0')
		return false;
	while (*text != '\0') {
		size_t whole = strspn(text, "0123456789"), places = 0, letters, i = 0;
		uint64_t v = strtoull(text, NULL, 10), below = 0, scale = 1;

		if (whole == 0 || whole > 9)
			return false;
		text += whole;
		if (*text == '.') {
			places = strspn(++text, "0123456789");
			for (size_t k = 0; k < places && k < 6; k++) {
				below = below * 10 + (uint64_t)(text[k] - '0');
				scale *= 10;
			}
			text += places;
		}
		letters = strspn(text, "uhms");
		while (i < NELEMS(units) && (strlen(units[i].name) != letters ||
					     strncmp(units[i].name, text, letters) != 0))
			i++;
		if (i == NELEMS(units))
			return false;
		sum += v * units[i].us + below * units[i].us / scale;
		text += letters;
	}
	sum = (sum + 999999) / 1000000;
	*seconds = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	return true;
}

/* ------------------------------------------------------------------ */
/* Command lines.                                                      */

/* One character of a quoted part; *p moves behind it. */
static bool
quoted_part(struct text *word, const char **p)
{
	char quote = *(*p)++;

	while (**p != quote) {
		if (**p == '\0')
			return false;
		if (quote == '"' && **p == '\\' && strchr("\"\\$`", (*p)[1]) != NULL &&
		    (*p)[1] != '\0')
			++*p;
		text_add_n(word, (*p)++, 1);
	}
	++*p;
	return true;
}

bool
compose_split(struct arena *a, const char *text, struct json_strs *out)
{
	*out = (struct json_strs){ NULL, 0 };
	for (text += strspn(text, " \t\n"); *text != '\0'; text += strspn(text, " \t\n")) {
		struct text word = TEXT(a);

		while (*text != '\0' && strchr(" \t\n", *text) == NULL) {
			if (*text == '"' || *text == '\'') {
				if (!quoted_part(&word, &text))
					return false;
				continue;
			}
			if (*text == '\\' && text[1] != '\0')
				text++;
			text_add_n(&word, text++, 1);
		}
		out->items = arena_grow(a, out->items, out->count, sizeof(*out->items));
		out->items[out->count++] = text_get(&word);
	}
	return true;
}

/* ------------------------------------------------------------------ */
/* Ports.                                                              */

/* "80" or "80-82" up to `end`. */
static bool
range(const char *p, const char *end, uint32_t *from, uint32_t *to)
{
	uint32_t v[2] = { 0, 0 };
	size_t i = 0;

	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p == '-' && i == 0 && v[0] > 0 && p + 1 < end) {
			i = 1;
			continue;
		}
		if (*p < '0' || *p > '9')
			return false;
		v[i] = v[i] * 10 + (uint32_t)(*p - '0');
		if (v[i] > 65535)
			return false;
	}
	*from = v[0];
	*to = i == 1 ? v[1] : v[0];
	return *from > 0 && *to >= *from;
}

const char *
compose_ports_read(const char *text, struct compose_port *out, size_t *count, bool *local)
{
	static const char form[] = "a port is [[ADDRESS:]PUBLISHED:]TARGET[/udp]";
	const char *end = strchrnul(text, '/'), *colon = memrchr(text, ':', (size_t)(end - text));
	const char *host = NULL;
	uint32_t from, to, published = 0, last = 0;
	bool udp = strcasecmp(end, "/udp") == 0;

	*count = 0;
	*local = false;
	if (*end != '\0' && !udp && strcasecmp(end, "/tcp") != 0)
		return form;
	if (!range(colon != NULL ? colon + 1 : text, end, &from, &to))
		return form;
	if (colon != NULL)
		host = memrchr(text, ':', (size_t)(colon - text));
	if (colon != NULL && colon > (host != NULL ? host + 1 : text) &&
	    !range(host != NULL ? host + 1 : text, colon, &published, &last))
		return form;
	*local = host != NULL && (strncmp(text, "127.", 4) == 0 || strncmp(text, "[::1]", 5) == 0 ||
				  strncmp(text, "localhost", 9) == 0);
	if (published != 0 && last - published != to - from)
		return "both ranges must have one length";
	if (to - from >= COMPOSE_PORTS_MAX)
		return "a service has at most 32 ports";
	for (uint32_t i = 0; i <= to - from; i++)
		out[(*count)++] =
			(struct compose_port){ .target = from + i,
					       .published = published != 0 ? published + i : 0,
					       .udp = udp,
					       .global = true };
	return NULL;
}
