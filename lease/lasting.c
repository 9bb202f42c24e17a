/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/lasting.h"

#define HOUR_S 3600
#define DAY_S  (24 * HOUR_S)

/* Beyond what any clock here shows. */
#define NEVER ((int64_t)UINT32_MAX)

static int64_t
later(int64_t from, uint32_t seconds, int64_t now)
{
	return seconds == UINT32_MAX || from > NEVER - seconds ? 0 : MAX(from + seconds, now);
}

/* left x ran / due, rounded down: at most 96 + 32 bits. */
static uint32_t
by_use(struct amount left, struct amount due, int64_t ran)
{
	u128 seconds = left.units * (u128)(uint64_t)ran / due.units;

	return seconds >= UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

struct lasting
lasting_of(const struct lasting_facts *f)
{
	struct rate rate = f->state == DUES_THROTTLE ? f->base : f->rate;
	struct amount left = { f->deposit.units - MIN(f->due.units, f->deposit.units) };
	struct lasting out = { 0, 0 };

	if (f->state == DUES_PAUSE || f->state == DUES_END)
		return out;
	out.at = later(f->read, rate_lasts(rate, left), f->now);
	if (f->state == DUES_RUN && out.at != 0 && f->ran > 0 && f->ran <= NEVER &&
	    f->due.units != 0 && left.units <= AMOUNT_MAX)
		out.at_use = later(f->read, by_use(left, f->due, f->ran), f->now);
	if (out.at_use != 0)
		out.at_use = MAX(out.at_use, out.at);
	return out;
}

const char *
lasting_warning(int64_t lasts_s, unsigned *level)
{
	static const struct {
		int64_t below_s;
		const char *text;
	} levels[LASTING_LEVELS] = { { HOUR_S, "1 hour" },
				     { DAY_S, "1 day" },
				     { (int64_t)7 * DAY_S, "7 days" } };

	for (unsigned i = 0; i < LASTING_LEVELS; i++)
		if (lasts_s <= levels[i].below_s) {
			*level = LASTING_LEVELS - i;
			return levels[i].text;
		}
	*level = 0;
	return NULL;
}

bool
lasting_tells(unsigned *told, unsigned level)
{
	bool tells = level > *told;

	*told = level;
	return tells;
}
