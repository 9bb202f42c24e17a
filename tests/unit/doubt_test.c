/* SPDX-License-Identifier: Apache-2.0 */
/* When our own clock is not believed, and when it is again. */
#include "provider/bid/doubt.h"

#include "tests/unit/tap.h"

#define S    SECOND_US
#define NOON (1000000 * S)
#define DAY  (86400 * S)

static const struct {
	const char *what;
	wall_t wall, market, block;
	mono_t mono;
	bool doubted;
} steps[] = {
	{ "it begins", NOON, 0, 0, 100 * S, false },
	{ "it goes on", NOON + 60 * S, 0, 0, 160 * S, false },
	{ "it drifts", NOON + 124 * S, 0, 0, 220 * S, false },
	{ "the market is away, the block old", NOON + 180 * S, 0, NOON - DAY, 280 * S, false },
	{ "it jumps a day", NOON + DAY + 240 * S, 0, 0, 340 * S, true },
	{ "nobody says anything", NOON + DAY + 300 * S, 0, NOON, 400 * S, true },
	{ "the market contradicts", NOON + DAY + 360 * S, NOON + 360 * S, 0, 460 * S, true },
	{ "it is set right", NOON + 420 * S, NOON + 419 * S, 0, 520 * S, false },
	{ "it falls a day back", NOON - DAY + 480 * S, 0, NOON + 470 * S, 580 * S, true },
	{ "a block of the future, to it", NOON - DAY + 540 * S, 0, NOON + 530 * S, 640 * S, true },
	{ "it jumps, and was set right: by the chain", NOON + 600 * S, 0, NOON + 590 * S, 700 * S,
	  false },
	{ "the market lies, the chain does not", NOON + 660 * S, NOON + DAY, NOON + 650 * S,
	  760 * S, false },
	{ "the market says so, and no block", NOON + 720 * S, NOON + DAY, 0, 820 * S, true },
	{ "and takes it back", NOON + 780 * S, NOON + 780 * S, 0, 880 * S, false },
};

int
main(void)
{
	struct doubt d = { .base = 0 };

	for (size_t i = 0; i < NELEMS(steps); i++) {
		doubt_look(&d, steps[i].wall, steps[i].mono);
		doubt_hear(&d, steps[i].wall, steps[i].mono, steps[i].market, steps[i].block);
		ok(d.now == steps[i].doubted, "%s", steps[i].what);
	}
	return tap_done();
}
