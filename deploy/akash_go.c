/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_go.c - numbers, durations, versions and hosts as Go reads them. See
 * akash_go.h. strtod() rounds correctly, as Go does; what each takes for a
 * number differs, so the form is checked here first.
 */
#include "deploy/akash_go.h"

#include <errno.h>
#include <math.h>
#include <strings.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ------------------------------------------------------------------ */
/* Numbers.                                                            */

/* An underscore joins two digits, or the prefix 0x and a digit. */
static bool
underscores_good(const char *p)
{
	char before = '^';
	bool hex = false;

	p += *p == '-' || *p == '+';
	if (p[0] == '0' && (lower(p[1]) == 'x' || lower(p[1]) == 'b' || lower(p[1]) == 'o')) {
		before = '0';
		hex = lower(p[1]) == 'x';
		p += 2;
	}
	for (; *p != '\0'; p++) {
		if (is_digit(*p) || (hex && is_hex(*p))) {
			before = '0';
		} else if (*p == '_') {
			if (before != '0')
				return false;
			before = '_';
		} else {
			if (before == '_')
				return false;
			before = '!';
		}
	}
	return before != '_';
}

static bool
float_special(const char *p, double *out)
{
	bool sign = *p == '-' || *p == '+';

	if (!sign && strcasecmp(p, "nan") == 0) {
		*out = (double)NAN;
		return true;
	}
	if (strcasecmp(p + sign, "inf") != 0 && strcasecmp(p + sign, "infinity") != 0)
		return false;
	*out = *p == '-' ? -HUGE_VAL : HUGE_VAL;
	return true;
}

/* Copies the number without underscores; false: not the form of one. */
static bool
float_form(const char *p, char *copy, size_t size)
{
	size_t digits = 0, n = 0;
	bool hex, joined = strchr(p, '_') != NULL, point = false;

	if (strlen(p) >= size || (joined && !underscores_good(p)))
		return false;
	for (const char *c = p; *c != '\0'; c++)
		if (*c != '_')
			copy[n++] = *c;
	copy[n] = '\0';
	p = copy;
	p += *p == '-' || *p == '+';
	hex = p[0] == '0' && lower(p[1]) == 'x';
	p += hex ? 2 : 0;
	for (;; p++) {
		if (*p == '.' && !point)
			point = true;
		else if (is_digit(*p) || (hex && is_hex(*p)))
			digits++;
		else
			break;
	}
	if (digits == 0)
		return false;
	if (lower(*p) == (hex ? 'p' : 'e')) {
		p++;
		p += *p == '-' || *p == '+';
		if (!is_digit(*p))
			return false;
		p += strspn(p, "0123456789");
	} else if (hex) {
		return false; /* a hexadecimal mantissa needs its exponent */
	}
	return *p == '\0';
}

#define FLOAT_TEXT_MAX 4096u

bool
go_float(const char *text, double *out)
{
	char copy[FLOAT_TEXT_MAX];

	if (float_special(text, out))
		return true;
	if (!float_form(text, copy, sizeof(copy)))
		return false;
	errno = 0;
	*out = strtod(copy, NULL);
	return errno != ERANGE || fabs(*out) != HUGE_VAL;
}

bool
go_uint(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (!is_digit(*text) || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	}
	*out = v;
	return v <= max;
}

uint64_t
go_u64(double v)
{
	const double half = 9223372036854775808.0;

	if (v < half)
		return v > -half ? (uint64_t)(int64_t)v : UINT64_C(1) << 63;
	if (v < 2 * half)
		return (uint64_t)(v - half) | UINT64_C(1) << 63;
	return UINT64_C(1) << 63;
}

/* ------------------------------------------------------------------ */
/* YAML scalars.                                                       */

/* strconv.ParseInt or ParseUint with base 0, underscores already gone. */
static bool
integer_any_base(const char *p, struct go_value *v)
{
	unsigned base = 10;
	uint64_t n = 0, most;

	v->negative = *p == '-';
	most = v->negative ? UINT64_C(1) << 63 : UINT64_MAX;
	/* ParseUint takes no sign: +18446744073709551615 is no integer. */
	if (*p == '+')
		most = INT64_MAX;
	p += *p == '-' || *p == '+';
	if (*p == '0' && p[1] != '\0') {
		base = lower(p[1]) == 'x' ? 16 : lower(p[1]) == 'b' ? 2 : 8;
		p += base == 8 && lower(p[1]) != 'o' ? 1 : 2;
	}
	if (*p == '\0')
		return false;
	for (; *p != '\0'; p++) {
		unsigned digit = is_digit(*p) ? (unsigned)(*p - '0')
				 : is_hex(*p) ? (unsigned)(lower(*p) - 'a') + 10
					      : 99;

		if (digit >= base || __builtin_mul_overflow(n, (uint64_t)base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)digit, &n))
			return false;
	}
	v->integer = n;
	return n <= most;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool
is_yaml_float(const char *p)
{
	size_t whole, part = 0;

	p += *p == '-' || *p == '+';
	whole = strspn(p, "0123456789");
	p += whole;
	if (*p == '.') {
		part = strspn(p + 1, "0123456789");
		p += 1 + part;
	}
	if (whole == 0 && part == 0)
		return false;
	if (lower(*p) == 'e') {
		p++;
		p += *p == '-' || *p == '+';
		if (!is_digit(*p))
			return false;
		p += strspn(p, "0123456789");
	}
	return *p == '\0';
}

/* Near enough: what begins like 2001-01-02. A date is text to every reader
 * here, unless a tag asks for one. */
static bool
is_time(const char *p)
{
	return strspn(p, "0123456789") == 4 && p[4] == '-' && is_digit(p[5]);
}

static bool
word_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool
resolve_number(const char *plain, struct go_value *v)
{
	char copy[FLOAT_TEXT_MAX];
	size_t n = 0;

	if (strlen(plain) >= sizeof(copy))
		return false;
	for (const char *c = plain; *c != '\0'; c++)
		if (*c != '_')
			copy[n++] = *c;
	copy[n] = '\0';
	if (integer_any_base(copy, v)) {
		v->sort = GO_INT;
		return true;
	}
	if (!is_yaml_float(copy) || !go_float(copy, &v->real))
		return false;
	v->sort = GO_FLOAT;
	return true;
}

struct go_value
go_resolve(const char *plain)
{
	static const char *const none[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };
	static const char *const nan[] = { ".nan", ".NaN", ".NAN", NULL };
	static const char *const inf[] = {
		".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL
	};
	static const char *const minus[] = { "-.inf", "-.Inf", "-.INF", NULL };
	struct go_value v = { .sort = GO_STR };

	if (word_of(plain, none))
		return (struct go_value){ .sort = GO_NULL };
	if (word_of(plain, yes) || word_of(plain, no))
		return (struct go_value){ .sort = GO_BOOL, .truth = word_of(plain, yes) };
	if (word_of(plain, nan))
		return (struct go_value){ .sort = GO_FLOAT, .real = (double)NAN };
	if (word_of(plain, inf) || word_of(plain, minus))
		return (struct go_value){ .sort = GO_FLOAT,
					  .real = *plain == '-' ? -HUGE_VAL : HUGE_VAL };
	if (*plain == '.') {
		if (go_float(plain, &v.real))
			v.sort = GO_FLOAT;
	} else if (is_digit(*plain) || *plain == '+' || *plain == '-') {
		if (is_time(plain))
			v.sort = GO_TIME;
		else if (!resolve_number(plain, &v))
			v = (struct go_value){ .sort = GO_STR };
	}
	return v;
}

/* ------------------------------------------------------------------ */
/* Durations.                                                          */

static const struct {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 }, /* mu */
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", UINT64_C(60000000000) },
	{ "h", UINT64_C(3600000000000) },
};

static uint64_t
duration_unit(const char *p, size_t len)
{
	for (size_t i = 0; i < NELEMS(duration_units); i++)
		if (strlen(duration_units[i].name) == len &&
		    memcmp(duration_units[i].name, p, len) == 0)
			return duration_units[i].ns;
	return 0;
}

#define DURATION_MAX (UINT64_C(1) << 63)

/* One number and its unit; false: not one, or beyond the range. */
static bool
duration_part(const char **at, uint64_t *sum)
{
	const char *p = *at;
	size_t whole = strspn(p, "0123456789"), part = 0, len;
	uint64_t v = 0, f = 0, unit;
	double scale = 1;
	bool exact = true;

	for (size_t i = 0; i < whole; i++) {
		if (v > DURATION_MAX / 10)
			return false;
		v = v * 10 + (uint64_t)(p[i] - '0');
		if (v > DURATION_MAX)
			return false;
	}
	p += whole;
	if (*p == '.') {
		part = strspn(++p, "0123456789");
		for (size_t i = 0; i < part && exact; i++) {
			exact = f <= (DURATION_MAX - 1) / 10 &&
				f * 10 + (uint64_t)(p[i] - '0') <= DURATION_MAX;
			if (!exact)
				break;
			f = f * 10 + (uint64_t)(p[i] - '0');
			scale *= 10;
		}
		p += part;
	}
	len = strcspn(p, ".0123456789");
	unit = duration_unit(p, len);
	if ((whole == 0 && part == 0) || unit == 0 || v > DURATION_MAX / unit)
		return false;
	v *= unit;
	if (f > 0)
		v += (uint64_t)((double)f * ((double)unit / scale));
	if (v > DURATION_MAX)
		return false;
	*sum += v;
	*at = p + len;
	return *sum <= DURATION_MAX;
}

bool
go_duration(const char *text, int64_t *ns)
{
	bool negative = *text == '-';
	uint64_t sum = 0;

	text += *text == '-' || *text == '+';
	*ns = 0;
	if (strcmp(text, "0") == 0)
		return true;
	if (*text == '\0')
		return false;
	while (*text != '\0')
		if (!duration_part(&text, &sum))
			return false;
	if (negative)
		*ns = sum == DURATION_MAX ? INT64_MIN : -(int64_t)sum;
	else
		*ns = (int64_t)sum;
	return negative || sum < DURATION_MAX;
}

/* ------------------------------------------------------------------ */
/* Versions.                                                           */

/* A part may have leading zeros, which are dropped while digits follow. */
static const char *
version_part(struct arena *a, const char *p, size_t len)
{
	size_t zeros = 0;

	if (len <= 1)
		return arena_strndup(a, p, len);
	while (zeros < len && p[zeros] == '0')
		zeros++;
	if (zeros == len || !is_digit(p[zeros]))
		return arena_printf(a, "0%.*s", (int)(len - zeros), p + zeros);
	return arena_strndup(a, p + zeros, len - zeros);
}

static bool
version_number(const char *p, uint64_t *out)
{
	return (*p != '0' || p[1] == '\0') && go_uint(p, UINT64_MAX, out);
}

static bool
version_words(const char *p, bool numbers)
{
	for (;;) {
		size_t len = strcspn(p, ".");
		bool digits = strspn(p, "0123456789") == len;
		uint64_t n;
		char copy[32];

		if (len == 0)
			return false;
		for (size_t i = 0; i < len; i++)
			if (!is_digit(p[i]) && !(lower(p[i]) >= 'a' && lower(p[i]) <= 'z') &&
			    p[i] != '-')
				return false;
		if (numbers && digits) {
			if (len >= sizeof(copy))
				return false;
			snprintf(copy, sizeof(copy), "%.*s", (int)len, p);
			if (!version_number(copy, &n))
				return false;
		}
		if (p[len] == '\0')
			return true;
		p += len + 1;
	}
}

bool
go_version(struct arena *a, const char *text, struct go_version *out)
{
	const char *p = go_trim(a, text), *parts[3] = { "", "0", "0" };
	char *patch, *plus, *minus;
	size_t n = 0;

	*out = (struct go_version){ 0 };
	p += *p == 'v';
	for (;; p++) {
		size_t len = n < 2 ? strcspn(p, ".") : strlen(p);

		parts[n++] = version_part(a, p, len);
		p += len;
		if (*p == '\0')
			break;
	}
	if (n < 3 && strpbrk(parts[n - 1], "+-") != NULL)
		return false;
	patch = arena_strdup(a, parts[2]);
	plus = strchr(patch, '+');
	if (plus != NULL)
		*plus++ = '\0';
	minus = strchr(patch, '-');
	if (minus != NULL)
		*minus++ = '\0';
	out->pre = minus != NULL;
	return version_number(parts[0], &out->major) && version_number(parts[1], &out->minor) &&
	       version_number(patch, &out->patch) &&
	       (minus == NULL || version_words(minus, true)) &&
	       (plus == NULL || version_words(plus, false));
}

/* ------------------------------------------------------------------ */
/* Decimals.                                                           */

#define DECIMALS 18u

/* 2^315: what cosmossdk.io/math holds at most, in units of 10^-18. */
static const char decimal_end[] = "6674959487252844007484442831779850358133"
				  "4516323645399060845050244444366430645017"
				  "188217565216768";

const char *
go_decimal(struct arena *a, const char *text)
{
	bool negative = *text == '-';
	const char *point, *p = text + negative;
	size_t whole, part, zeros;
	char *digits;

	point = strchr(p, '.');
	whole = point != NULL ? (size_t)(point - p) : strlen(p);
	part = point != NULL ? strlen(point + 1) : 0;
	if (whole == 0 || (point != NULL && part == 0) || part > DECIMALS)
		return NULL;
	/* Go's big integer takes a sign of its own: --5 is 5. */
	if (*p == '+' || *p == '-') {
		negative ^= *p == '-';
		p++;
		whole--;
	}
	digits = arena_printf(a, "%.*s%s%.*s", (int)whole, p, point != NULL ? point + 1 : "",
			      (int)(DECIMALS - part), "000000000000000000");
	if (strspn(digits, "0123456789") != strlen(digits))
		return NULL;
	zeros = strspn(digits, "0");
	digits += zeros;
	if (strlen(digits) > strlen(decimal_end) ||
	    (strlen(digits) == strlen(decimal_end) && strcmp(digits, decimal_end) >= 0))
		return NULL;
	if (strlen(digits) < DECIMALS + 1)
		digits = arena_printf(a, "%.*s%s", (int)(DECIMALS + 1 - strlen(digits)),
				      "0000000000000000000", digits);
	whole = strlen(digits) - DECIMALS;
	return arena_printf(a, "%s%.*s.%s",
			    negative && strspn(digits, "0") != strlen(digits) ? "-" : "",
			    (int)whole, digits, digits + whole);
}

/* ------------------------------------------------------------------ */
/* Hosts.                                                              */

/* A byte that a host may hold as it is. */
static bool
host_byte(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || (unsigned char)c >= 0x80 ||
	       strchr("!$&'()*+,;=:[]<>\"-_.~", c) != NULL;
}

static unsigned
hex_value(char c)
{
	return is_digit(c) ? (unsigned)(c - '0') : (unsigned)(lower(c) - 'a') + 10;
}

/* Percent escapes of bytes; in a host only of those that are not ASCII. */
static bool
escapes_good(const char *p, const char *end, bool host)
{
	for (; p < end; p++) {
		if (*p == '%') {
			if (end - p < 3 || !is_hex(p[1]) || !is_hex(p[2]))
				return false;
			if (host && hex_value(p[1]) < 8 && strncmp(p, "%25", 3) != 0)
				return false;
			p += 2;
		} else if (host && !host_byte(*p)) {
			return false;
		}
	}
	return true;
}

static bool
user_good(const char *p, const char *end)
{
	for (const char *c = p; c < end; c++)
		if (!is_digit(*c) && !(lower(*c) >= 'a' && lower(*c) <= 'z') &&
		    strchr("-._:~!$&'()*+,;=%@", *c) == NULL)
			return false;
	return escapes_good(p, end, false);
}

/* "" or a colon and digits. */
static bool
port_good(const char *p, const char *end)
{
	if (p == end)
		return true;
	if (*p++ != ':')
		return false;
	while (p < end && is_digit(*p))
		p++;
	return p == end;
}

static const char *
last_of(const char *p, const char *end, char c)
{
	const char *at = NULL;

	for (; p < end; p++)
		if (*p == c)
			at = p;
	return at;
}

bool
go_url_host(const char *text)
{
	const char *end, *at, *authority;

	for (const char *c = text; *c != '\0'; c++) {
		/* c0 80 stands for NUL, a control character as well. */
		if ((unsigned char)*c < 0x20 || *c == 0x7f || (unsigned char)*c == 0xc0)
			return false;
	}
	end = text + strcspn(text, "?");
	authority = text + strcspn(text, "/?");
	if (!escapes_good(authority, end, false))
		return false;
	at = last_of(text, authority, '@');
	if (at != NULL && !user_good(text, at))
		return false;
	text = at != NULL ? at + 1 : text;
	if (*text == '[') {
		at = last_of(text, authority, ']');
		return at != NULL && port_good(at + 1, authority) && escapes_good(text, at, true);
	}
	at = last_of(text, authority, ':');
	return (at == NULL || port_good(at, authority)) && escapes_good(text, authority, true);
}

/* White space of Unicode, in UTF-8. */
static size_t
space_len(const char *p)
{
	static const char *const wide[] = { "\xc2\x85",	    "\xc2\xa0",	    "\xe1\x9a\x80",
					    "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
					    "\xe2\x81\x9f", "\xe3\x80\x80" };

	if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		return 1;
	for (size_t i = 0; i < NELEMS(wide); i++)
		if (strncmp(p, wide[i], strlen(wide[i])) == 0)
			return strlen(wide[i]);
	/* U+2000 to U+200A */
	if (strncmp(p, "\xe2\x80", 2) == 0 && (unsigned char)p[2] >= 0x80 &&
	    (unsigned char)p[2] <= 0x8a)
		return 3;
	return 0;
}

const char *
go_trim(struct arena *a, const char *text)
{
	size_t n, end = 0;

	while (*text != '\0' && (n = space_len(text)) > 0)
		text += n;
	for (size_t i = 0; text[i] != '\0';) {
		n = space_len(text + i);
		if (n == 0)
			end = i + 1;
		i += n > 0 ? n : 1;
	}
	return arena_strndup(a, text, end);
}
