/* SPDX-License-Identifier: Apache-2.0 */
/* amount.h: no wrap, no rounding in the wrong direction, one text per value. */
#include "lib/amount.h"

#include "tests/unit/tap.h"

#define A(v) ((struct amount){ (v) })
#define R(v) ((struct rate){ (v) })

static void
test_sums(void)
{
	struct err e = ERR_NONE;
	struct amount out = A(77);

	ok(amount_add(A(AMOUNT_MAX - 1), A(1), &out, &e) == 0 && out.units == AMOUNT_MAX,
	   "the largest sum");
	ok(amount_add(A(AMOUNT_MAX), A(1), &out, &e) < 0 && e.code == &AMOUNT_OVERFLOW,
	   "one more is refused");
	ok(amount_add(A(AMOUNT_MAX + 1), A(0), &out, &e) < 0, "a left side too large is refused");
	ok(amount_add(A(1), A(~(u128)0), &out, &e) < 0, "a right side that would wrap is refused");
	ok(out.units == AMOUNT_MAX, "a refusal leaves the result alone");
	ok(amount_sub(A(5), A(5), &out, &e) == 0 && out.units == 0, "down to nothing");
	ok(amount_sub(A(5), A(6), &out, &e) < 0 && e.code == &AMOUNT_SHORT, "never below");
	ok(amount_cmp(A(1), A(2)) < 0 && amount_cmp(A(2), A(1)) > 0 && amount_cmp(A(2), A(2)) == 0,
	   "compare");
	ok(amount_cmp(A((u128)1 << 70), A(1)) > 0, "compare beyond 64 bits");
	ok(amount_min(A(3), A(2)).units == 2 && amount_min(A(2), A(3)).units == 2, "the smaller");
}

static void
test_due(void)
{
	static const struct {
		u128 nano;
		uint32_t seconds;
		u128 due;
	} cases[] = {
		{ 0, 100, 0 },
		{ 1, 999999999, 0 },
		{ 1, 1000000000, 1 },
		{ 1, 1999999999, 1 },
		{ RATE_UNIT, 1, 1 },
		{ RATE_UNIT - 1, 1, 0 },
		{ RATE_UNIT * (u128)7, 0, 0 },
		{ 1500000000, 3, 4 },
		{ RATE_MAX, UINT32_MAX, AMOUNT_MAX },
	};
	bool exact = true;

	for (size_t i = 0; i < NELEMS(cases); i++)
		ok(rate_due(R(cases[i].nano), cases[i].seconds).units == cases[i].due,
		   "due, case %zu", i);
	for (uint32_t t = 0; t < 1000; t++)
		exact = exact &&
			rate_due(R(333333333), t).units == (u128)333333333 * t / 1000000000;
	ok(exact, "due from the start loses nothing on the way");
}

static void
test_lasts(void)
{
	static const struct {
		u128 nano, units;
		uint32_t lasts;
	} cases[] = {
		{ 0, 5, UINT32_MAX },
		{ RATE_UNIT, 60, 60 },
		{ RATE_UNIT * (u128)2, 61, 30 },
		{ 1, AMOUNT_MAX, UINT32_MAX },
		{ RATE_MAX, 0, 0 },
		{ RATE_UNIT * (u128)3, 2, 0 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		uint32_t t = rate_lasts(R(cases[i].nano), A(cases[i].units));

		is_int(t, cases[i].lasts, "seconds that an amount lasts");
		ok(rate_due(R(cases[i].nano), t).units <= cases[i].units, "are covered");
	}
}

static void
test_text(void)
{
	static const struct {
		const char *text;
		const struct code *code; /* NULL: taken */
	} cases[] = {
		{ "0", NULL },
		{ "1", NULL },
		{ "79228162514264337593543950335", NULL },
		{ "79228162514264337593543950336", &AMOUNT_OVERFLOW },
		{ "792281625142643375935439503350", &AMOUNT_OVERFLOW },
		{ "99999999999999999999999999999999999999999999999999999999", &AMOUNT_OVERFLOW },
		{ "", &ERR_BAD_DATA },
		{ "00", &ERR_BAD_DATA },
		{ "01", &ERR_BAD_DATA },
		{ "-1", &ERR_BAD_DATA },
		{ "+1", &ERR_BAD_DATA },
		{ " 1", &ERR_BAD_DATA },
		{ "1 ", &ERR_BAD_DATA },
		{ "1.0", &ERR_BAD_DATA },
		{ "1e3", &ERR_BAD_DATA },
		{ "0x1", &ERR_BAD_DATA },
	};
	char text[AMOUNT_TEXT_SIZE];

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		struct amount a = A(0);
		int r = amount_read(cases[i].text, &a, &e);

		ok((r == 0) == (cases[i].code == NULL) && e.code == cases[i].code, "\"%s\" is %s",
		   cases[i].text, cases[i].code == NULL ? "taken" : cases[i].code->name);
		if (r == 0)
			is_str(u128_text(a.units, text), cases[i].text, "and written as it was");
	}
	is_str(u128_text(~(u128)0, text), "340282366920938463463374607431768211455",
	       "the largest integer");
}

static void
test_small_maximum(void)
{
	struct err e = ERR_NONE;
	u128 v = 0;

	ok(u128_read("9", 9, &v, &e) == 0 && v == 9, "up to a small maximum");
	ok(u128_read("10", 9, &v, &e) < 0 && e.code == &AMOUNT_OVERFLOW, "two digits above it");
	ok(u128_read("5", 4, &v, &e) < 0 && e.code == &AMOUNT_OVERFLOW,
	   "one digit above a maximum of one digit");
	ok(u128_read("0", 0, &v, &e) == 0 && v == 0, "nothing but 0");
}

static void
test_human(void)
{
	static const struct {
		const char *text;
		unsigned decimals;
		u128 units;
		const char *back;
	} good[] = {
		{ "12.5", 6, 12500000, "12.50" },
		{ "12", 6, 12000000, "12.00" },
		{ "0.000001", 6, 1, "0.000001" },
		{ "0", 6, 0, "0.00" },
		{ "007", 2, 700, "7.00" },
		{ "1.230000", 6, 1230000, "1.23" },
		{ "5", 0, 5, "5" },
		{ "100", 0, 100, "100" },
		{ "0.5", 1, 5, "0.5" },
		{ "1.000000000000000001", 18, (u128)1000000000000000001, "1.000000000000000001" },
	};
	static const char *const bad[] = { "",	  ".",	 ".5",	      "5.", "1.2.3", "-1",
					   "1,5", "abc", "0.0000001", " 1", "1e3" };
	char text[AMOUNT_TEXT_SIZE];

	for (size_t i = 0; i < NELEMS(good); i++) {
		struct err e = ERR_NONE;
		struct amount a = A(0);

		ok(amount_from_human(good[i].text, good[i].decimals, &a, &e) == 0 &&
			   a.units == good[i].units,
		   "\"%s\" with %u decimals", good[i].text, good[i].decimals);
		is_str(amount_human(a, good[i].decimals, text), good[i].back, "is shown as");
	}
	for (size_t i = 0; i < NELEMS(bad); i++) {
		struct err e = ERR_NONE;
		struct amount a = A(0);

		ok(amount_from_human(bad[i], 6, &a, &e) < 0 && e.code != NULL, "\"%s\" is refused",
		   bad[i]);
		ok(strstr(e.text, bad[i]) != NULL && strstr(e.text, "000000\"") == NULL,
		   "as it was written: %s", e.text);
	}
	is_str(amount_human(A(AMOUNT_MAX), 18, text), "79228162514.264337593543950335",
	       "the largest amount");
	is_str(rate_human(R(380000000), 730 * 3600, 6, text), "0.99864", "a rate by the month");
	is_str(rate_human(R(1), 3600, 6, text), "0.000001", "a rate is rounded up");
	is_str(rate_human(R(0), 3600, 6, text), "0.00", "no rate is nothing");
}

int
main(void)
{
	test_sums();
	test_due();
	test_lasts();
	test_text();
	test_small_maximum();
	test_human();
	return tap_done();
}
