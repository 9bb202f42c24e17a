/* SPDX-License-Identifier: Apache-2.0 */
/* id.h: the ULID form, order by time, and what is no id. */
#include "lib/id.h"

#include "tests/unit/tap.h"

static void
test_text(void)
{
	static const uint8_t ones[10] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	static const uint8_t zeros[10];
	/* The ULID specification: the largest is 7ZZZ..., time 2^48-1 ms. */
	static const struct {
		wall_t now;
		const uint8_t *random;
		const char *text;
	} cases[] = {
		{ 0, zeros, "ord_00000000000000000000000000" },
		{ 999, zeros, "ord_00000000000000000000000000" },
		{ 1000, zeros, "ord_00000000010000000000000000" },
		{ 0, ones, "ord_0000000000ZZZZZZZZZZZZZZZZ" },
		{ ((INT64_C(1) << 48) - 1) * 1000, ones, "ord_7ZZZZZZZZZZZZZZZZZZZZZZZZZ" },
		{ INT64_C(1469918176385) * 1000, zeros, "ord_01ARYZ6S410000000000000000" },
	};
	char text[ID_TEXT_SIZE];
	struct err e = ERR_NONE;
	struct id id, back;

	for (size_t i = 0; i < NELEMS(cases); i++) {
		id = id_make(cases[i].now, cases[i].random);
		is_str(id_text(ID_ORDER, &id, text), cases[i].text, "an id as text");
		ok(id_read(ID_ORDER, text, &back, &e) == 0 && id_equal(&id, &back), "and back");
	}
}

static void
test_refusals(void)
{
	static const char *const bad[] = {
		"",
		"ord_",
		"ord_0000000000ZZZZZZZZZZZZZZZ",
		"ord_0000000000ZZZZZZZZZZZZZZZZZ",
		"bid_0000000000ZZZZZZZZZZZZZZZZ",
		"ord-0000000000ZZZZZZZZZZZZZZZZ",
		"ord_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", /* more than 128 bits */
		"ord_0000000000ZZZZZZZZZZZZZZZU", /* I, L, O and U are no letters */
		"ord_0000000000ZZZZZZZZZZZZZZZI",
		"ord_0000000000zzzzzzzzzzzzzzzz", /* one text per id */
		"ord_0000000000ZZZZZZZZZZZZZZZ ",
	};
	struct id id;

	for (size_t i = 0; i < NELEMS(bad); i++) {
		struct err e = ERR_NONE;

		ok(id_read(ID_ORDER, bad[i], &id, &e) < 0 && e.code == &ERR_BAD_DATA,
		   "\"%s\" is refused", bad[i]);
	}
}

static void
test_order(void)
{
	static const uint8_t ones[10] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	static const uint8_t zeros[10];
	char a[ID_TEXT_SIZE], b[ID_TEXT_SIZE];
	struct id first, second;
	bool sorted = true;

	for (wall_t t = 0; t < 2000000000000; t += 7654321000) {
		first = id_make(t, ones);
		second = id_make(t + 1000, zeros);
		sorted =
			sorted && strcmp(id_text("lea", &first, a), id_text("lea", &second, b)) < 0;
	}
	ok(sorted, "text sorts by time");
	first = id_new();
	second = id_new();
	ok(!id_equal(&first, &second), "two new ids differ");
}

int
main(void)
{
	test_text();
	test_refusals();
	test_order();
	return tap_done();
}
