/* SPDX-License-Identifier: Apache-2.0 */
/* bond.h: the larger of both, and no sum that wraps. */
#include "lease/bond.h"

#include "tests/unit/tap.h"

static const struct {
	u128 rate, least;
	uint32_t hours;
	u128 want;
	const char *what;
} cases[] = {
	{ 0, 0, 4, 0, "nothing runs, nothing is asked" },
	{ 0, 100, 4, 100, "nothing runs: the least" },
	{ 1000000000, 100, 0, 100, "no hours: the least, whatever runs" },
	{ 1000000000, 100, 4, 14400, "four hours of one unit a second" },
	{ 1000000000, 14400, 4, 14400, "both alike" },
	{ 1000000000, 14401, 4, 14401, "the least is more" },
	{ 999999999, 0, 1, 3599, "rounded down, as what is due" },
	{ 1, 0, 1, 0, "less than a unit" },
	{ AMOUNT_MAX, AMOUNT_MAX, BOND_HOURS_MAX, AMOUNT_MAX, "the most there can be" },
};

int
main(void)
{
	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct amount got =
			bond_required((struct rate){ cases[i].rate },
				      (struct amount){ cases[i].least }, cases[i].hours);

		ok(got.units == cases[i].want, "%s", cases[i].what);
	}
	return tap_done();
}
