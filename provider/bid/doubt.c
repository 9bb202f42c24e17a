/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/doubt.h"

static int64_t
apart(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

void
doubt_look(struct doubt *d, wall_t wall, mono_t mono)
{
	if (d->base == 0)
		d->base = wall - mono;
	if (apart(wall - mono, d->base) > DOUBT_JUMP_US)
		d->now = true;
}

void
doubt_hear(struct doubt *d, wall_t wall, mono_t mono, wall_t market, wall_t block)
{
	bool block_agrees = block != 0 && apart(wall, block) <= DOUBT_OFF_US,
	     market_agrees = market != 0 && apart(wall, market) <= DOUBT_OFF_US;

	doubt_look(d, wall, mono);
	if (market_agrees || block_agrees) {
		*d = (struct doubt){ .base = wall - mono };
		return;
	}
	if (market != 0 || (block != 0 && block > wall))
		d->now = true;
}
