/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doubt.h - whether our own clock can be believed. Pure. A meter by a wrong clock asks
 * for time that did not pass, and pauses leases that have paid: better none for a
 * while, since the next reading is cumulative.
 *
 * The market says what time it is, and the chain's last block has a time: neither is
 * trusted alone. A clock that jumped against the one that never does is doubted until
 * one of the two agrees with it; and so is one that the market contradicts, unless the
 * chain agrees.
 */
#ifndef GAVEL_DOUBT_H
#define GAVEL_DOUBT_H

#include "lib/base.h"

#define DOUBT_OFF_US  (30 * SECOND_US) /* between clocks that agree */
#define DOUBT_JUMP_US (5 * SECOND_US)

struct doubt {
	int64_t base; /* wall - mono, when it was last agreed on; 0: not yet */
	bool now;
};

/* Has it jumped? */
void doubt_look(struct doubt *d, wall_t wall, mono_t mono);
/* What others say; 0: they say nothing. A block may be as old as it likes, but not of
 * the future. */
void doubt_hear(struct doubt *d, wall_t wall, mono_t mono, wall_t market, wall_t block);

#endif
