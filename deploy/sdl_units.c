/* SPDX-License-Identifier: Apache-2.0 */
#include "sdl_units.h"

#include "deploy/rules.h"

#define BLOCK_S	      6u
#define TOKEN_UNITS   1000000u /* base units in a token */
#define AMOUNT_PLACES 18u      /* decimals of a price, as Akash allows */
#define TOKEN_PLACES  9u
#define PRICE_MAX     10000000u /* whole units, as Akash allows */

/* digits * 10^-places */
struct decimal {
	u128 digits;
	unsigned places;
};

static u128
power_of_ten(unsigned n)
{
	u128 v = 1;

	while (n-- > 0)
		v *= 10;
	return v;
}

/* Reads "12", "0.25", ".5"; *end is where it stopped. At most 12 digits before
 * the dot and AMOUNT_PLACES after it, so that products fit 128 bits. */
static bool
decimal_read(const char *text, struct decimal *d, const char **end)
{
	size_t whole = strspn(text, "0123456789");
	size_t places = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;

	if (whole + places == 0 || whole > 12 || places > AMOUNT_PLACES)
		return false;
	*d = (struct decimal){ 0, (unsigned)places };
	for (size_t i = 0; i < whole; i++)
		d->digits = d->digits * 10 + (unsigned)(text[i] - '0');
	for (size_t i = 0; i < places; i++)
		d->digits = d->digits * 10 + (unsigned)(text[whole + 1 + i] - '0');
	*end = text + whole + (text[whole] == '.') + places;
	return true;
}

const char *
sdl_cpu_read(const char *text, uint32_t *milli, struct sdl_hint *hint)
{
	static const char form[] = "cpu units are a number like 0.25, or thousandths like 250m";
	struct decimal d;
	const char *end;
	u128 v;

	hint->text[0] = '\0';
	if (!decimal_read(text, &d, &end))
		return form;
	if (strcmp(end, "m") == 0) {
		if (d.places > 0)
			return "thousandths of a cpu have no fraction";
		v = d.digits;
	} else if (*end == '\0') {
		v = d.digits * 1000 / power_of_ten(d.places);
		if (v * power_of_ten(d.places) != d.digits * 1000) {
			snprintf(hint->text, sizeof(hint->text), "write %llum",
				 (unsigned long long)MAX(v + 1, CPU_MILLI_MIN));
			return "cpu units are no finer than a thousandth";
		}
	} else {
		return form;
	}
	*milli = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	return NULL;
}

/* ------------------------------------------------------------------ */

static const struct {
	const char *name;
	uint64_t bytes;
} sizes[] = {
	{ "", 1 },
	{ "k", 1000 },
	{ "Ki", UINT64_C(1) << 10 },
	{ "M", 1000000 },
	{ "Mi", UINT64_C(1) << 20 },
	{ "G", 1000000000 },
	{ "Gi", UINT64_C(1) << 30 },
	{ "T", 1000000000000 },
	{ "Ti", UINT64_C(1) << 40 },
	{ "P", 1000000000000000 },
	{ "Pi", UINT64_C(1) << 50 },
	{ "E", 1000000000000000000 },
	{ "Ei", UINT64_C(1) << 60 },
};

/* "16GB", "16gb", "16 Gi": what was meant. */
static void
size_hint(const char *text, const char *suffix, struct sdl_hint *hint)
{
	static const char letters[] = "kMGTPE";
	int number = (int)(suffix - text);
	size_t i;

	suffix += strspn(suffix, " ");
	if (*suffix == '\0')
		return;
	i = strcspn("kmgtpe", (char[]){ (char)(*suffix | 0x20), '\0' });
	if (letters[i] == '\0' || number > 40)
		return;
	snprintf(hint->text, sizeof(hint->text),
		 "write %.*s%c (powers of 1000) or %.*s%ci (powers of 1024)", number, text,
		 letters[i], number, text, i == 0 ? 'K' : letters[i]);
}

const char *
sdl_size_read(const char *text, uint64_t *bytes, struct sdl_hint *hint)
{
	struct decimal d;
	const char *end;
	u128 v;

	hint->text[0] = '\0';
	if (!decimal_read(text, &d, &end))
		return "a size is a number and one of k Ki M Mi G Gi T Ti P Pi, like 64Mi";
	for (size_t i = 0; i < NELEMS(sizes); i++) {
		if (strcmp(end, sizes[i].name) != 0)
			continue;
		/* 10^30 * 2^60 would not fit: what is that large needs no fraction. */
		if (d.digits > (u128)UINT64_MAX)
			return "a size has too many digits";
		v = d.digits * sizes[i].bytes / power_of_ten(d.places);
		*bytes = v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
		return NULL;
	}
	size_hint(text, end, hint);
	return "a size is a number and one of k Ki M Mi G Gi T Ti P Pi, like 64Mi";
}

/* ------------------------------------------------------------------ */

static const char *
price_read(const char *text, unsigned places_max, struct decimal *d)
{
	const char *end;

	if (!decimal_read(text, d, &end) || *end != '\0')
		return "a price is a decimal number without sign or exponent";
	if (d->places > places_max)
		return "a price has too many decimals";
	if (d->digits == 0)
		return "a price is more than zero";
	if (d->digits > PRICE_MAX * power_of_ten(d->places))
		return "a price is at most 10000000";
	return NULL;
}

/* ceil(d * units * 10^9 / seconds). At most 10^25 * 10^9 or 10^16 * 10^15: fits. */
static struct rate
rate_of(const struct decimal *d, u128 units, uint32_t seconds)
{
	u128 under = power_of_ten(d->places) * seconds;

	return (struct rate){ (d->digits * units * RATE_UNIT + under - 1) / under };
}

const char *
sdl_block_rate_read(const char *text, struct rate *rate)
{
	struct decimal d;
	const char *fault = price_read(text, AMOUNT_PLACES, &d);

	if (fault == NULL)
		*rate = rate_of(&d, 1, BLOCK_S);
	return fault;
}

const char *
sdl_token_rate_read(const char *text, uint32_t seconds, struct rate *rate)
{
	struct decimal d;
	const char *fault = price_read(text, TOKEN_PLACES, &d);

	if (fault == NULL)
		*rate = rate_of(&d, TOKEN_UNITS, seconds);
	return fault;
}

/* ------------------------------------------------------------------ */

const char *
sdl_duration_read(const char *text, uint32_t *seconds)
{
	static const char form[] = "a duration is like 90s, 10m, 1h30m or 24h";
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	const char *p = text;
	uint64_t sum = 0;

	for (size_t i = 0; i < NELEMS(units) && *p != '\0'; i++) {
		size_t digits = strspn(p, "0123456789");

		if (digits == 0 || digits > 9)
			return form;
		if (p[digits] == units[i].unit) {
			sum += strtoull(p, NULL, 10) * units[i].seconds;
			p += digits + 1;
		}
	}
	if (*p != '\0' || p == text)
		return form;
	*seconds = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	return NULL;
}
