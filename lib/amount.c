/* SPDX-License-Identifier: Apache-2.0 */
#include "amount.h"

const struct code AMOUNT_OVERFLOW = { "amount_overflow", INVALID, "the amount is too large" };
const struct code AMOUNT_SHORT = { "funds_short", UNFUNDED, "there is not enough" };

int
amount_add(struct amount a, struct amount b, struct amount *sum, struct err *e)
{
	if (a.units > AMOUNT_MAX || b.units > AMOUNT_MAX - a.units)
		return err_set(e, &AMOUNT_OVERFLOW, "sum of amounts");
	sum->units = a.units + b.units;
	return 0;
}

int
amount_sub(struct amount a, struct amount b, struct amount *rest, struct err *e)
{
	if (b.units > a.units)
		return err_set(e, &AMOUNT_SHORT, "difference of amounts");
	rest->units = a.units - b.units;
	return 0;
}

int
amount_cmp(struct amount a, struct amount b)
{
	return (a.units > b.units) - (a.units < b.units);
}

int
rate_cmp(struct rate a, struct rate b)
{
	return (a.nano > b.nano) - (a.nano < b.nano);
}

struct amount
amount_min(struct amount a, struct amount b)
{
	return amount_cmp(a, b) < 0 ? a : b;
}

struct amount
rate_due(struct rate rate, uint32_t seconds)
{
	u128 due = rate.nano * seconds / RATE_UNIT;

	return (struct amount){ MIN(due, AMOUNT_MAX) };
}

uint32_t
rate_lasts(struct rate rate, struct amount amount)
{
	u128 seconds;

	if (rate.nano == 0 || amount.units > AMOUNT_MAX)
		return UINT32_MAX;
	seconds = amount.units * RATE_UNIT / rate.nano;
	return seconds >= UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

const char *
u128_text(u128 v, char out[static AMOUNT_TEXT_SIZE])
{
	char digits[40];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + (int)(v % 10));
	while ((v /= 10) != 0);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = '\0';
	return out;
}

int
u128_read(const char *text, u128 max, u128 *out, struct err *e)
{
	u128 v = 0;

	if (*text == '\0')
		return err_set(e, &ERR_BAD_DATA, "expected digits, got nothing");
	if (text[0] == '0' && text[1] != '\0')
		return err_set(e, &ERR_BAD_DATA, "number has a leading zero");
	for (const char *p = text; *p != '\0'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (digit > 9)
			return err_set(e, &ERR_BAD_DATA, "expected a whole number, got \"%.40s\"",
				       text);
		if (digit > max || v > (max - digit) / 10)
			return err_set(e, &AMOUNT_OVERFLOW, "%.45s", text);
		v = v * 10 + digit;
	}
	*out = v;
	return 0;
}

int
amount_read(const char *text, struct amount *out, struct err *e)
{
	return u128_read(text, AMOUNT_MAX, &out->units, e);
}

int
rate_read(const char *text, struct rate *out, struct err *e)
{
	return u128_read(text, RATE_MAX, &out->nano, e);
}

static u128
power_of_ten(unsigned n)
{
	u128 v = 1;

	while (n-- > 0)
		v *= 10;
	return v;
}

/* `v` counts 10^-decimals. */
static const char *
decimal_text(u128 v, unsigned decimals, char out[static AMOUNT_TEXT_SIZE])
{
	u128 unit = power_of_ten(decimals);
	u128 fraction = v % unit;
	size_t n, end;

	u128_text(v / unit, out);
	if (decimals == 0)
		return out;
	n = strlen(out);
	out[n++] = '.';
	for (unsigned i = 0; i < decimals && n < AMOUNT_TEXT_SIZE - 1; i++) {
		unit /= 10;
		out[n++] = (char)('0' + (int)(fraction / unit % 10));
	}
	for (end = n; end > 0 && out[end - 1] == '0' && out[end - 3] != '.'; end--)
		;
	out[end] = '\0';
	return out;
}

const char *
amount_human(struct amount a, unsigned decimals, char out[static AMOUNT_TEXT_SIZE])
{
	return decimal_text(a.units, decimals, out);
}

int
amount_from_human(const char *text, unsigned decimals, struct amount *out, struct err *e)
{
	char digits[AMOUNT_TEXT_SIZE];
	size_t n = 0, places = 0;
	const char *dot = strchr(text, '.');
	const char *p = text;

	if (*text == '\0' || (dot != NULL && (dot == text || dot[1] == '\0')) ||
	    text[strspn(text, "0123456789.")] != '\0' ||
	    (dot != NULL && strchr(dot + 1, '.') != NULL))
		return err_set(e, &ERR_BAD_DATA, "expected an amount like 12.50, got \"%.40s\"",
			       text);
	for (; *p != '\0'; p++) {
		if (p == dot)
			continue;
		if (n + decimals + 2 >= sizeof(digits))
			return err_set(e, &AMOUNT_OVERFLOW, "%.40s is more than there can be",
				       text);
		places += dot != NULL && p > dot;
		digits[n++] = *p;
	}
	if (places > decimals)
		return err_set(e, &ERR_BAD_DATA, "%.40s has more than %u decimals", text, decimals);
	for (; places < decimals; places++)
		digits[n++] = '0';
	digits[n] = '\0';
	p = digits;
	while (p[0] == '0' && p[1] != '\0')
		p++;
	if (amount_read(p, out, e) == 0)
		return 0;
	return e->code == &AMOUNT_OVERFLOW
		       ? err_set(e, &AMOUNT_OVERFLOW, "%.40s is more than there can be", text)
		       : -1;
}

const char *
rate_human(struct rate r, uint32_t seconds, unsigned decimals, char out[static AMOUNT_TEXT_SIZE])
{
	return decimal_text((r.nano * seconds + RATE_UNIT - 1) / RATE_UNIT, decimals, out);
}
