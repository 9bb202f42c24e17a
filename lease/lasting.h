/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lasting.h - until when a deposit lasts, and whether that is little. Pure.
 *
 * A reading is some seconds old, and of a provider that does not answer much older:
 * what is left is counted from the reading's own second, not from now. A pause costs
 * nothing, so nothing ends in it.
 */
#ifndef GAVEL_LASTING_H
#define GAVEL_LASTING_H

#include "lease/dues.h"

struct lasting_facts {
	struct amount deposit; /* as the chain has it */
	struct amount due;     /* cumulative, by the last reading */
	int64_t read;	       /* the second that it counts to; unix seconds, as all here */
	int64_t ran;	       /* seconds in which it came together; 0: not known */
	struct rate rate, base;
	enum dues state;
	int64_t now;
};

struct lasting {
	int64_t at;	/* at the full rate, throttled: at the base; 0: it does not end by use */
	int64_t at_use; /* at the rate of the use so far, never before `at`; 0: not known */
};

struct lasting lasting_of(const struct lasting_facts *f);

#define LASTING_LEVELS 3
/* "7 days", "1 day" or "1 hour", and its level, 1 to 3; NULL and 0: it lasts longer. */
const char *lasting_warning(int64_t lasts_s, unsigned *level);
/* Is that to be told? Each level once, and again after a top-up; *told keeps it. */
bool lasting_tells(unsigned *told, unsigned level);

#endif
