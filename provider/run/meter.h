/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter.h - from readings of counters to what was used since the lease began.
 * Pure; the state is stored after every step, so a restart neither loses nor
 * doubles a reading.
 *
 * Counters of one container only grow. A reading lower than the one before
 * means a new container: it counts from zero on top of what was. So counters are
 * kept for each container by itself. The time between two readings counts as
 * healthy when the workload ran at both ends.
 */
#ifndef GAVEL_METER_H
#define GAVEL_METER_H

#include "lease/dues.h"

#define METER_UNITS 32

struct meter_count { /* of one container */
	uint64_t cpu_ns, egress_bytes;
};

struct meter_reading { /* of all containers of the lease */
	wall_t at;
	bool running;
	uint64_t memory_bytes, disk_bytes; /* now, summed */
	uint32_t ended;			   /* bit i: container i was found to have ended */
	struct meter_count units[METER_UNITS];
};

struct meter_state {
	wall_t began; /* chain time of the opening */
	struct meter_reading last;
	uint64_t cpu_ns, egress_bytes; /* grand totals */
	uint64_t healthy_us;
	u128 memory_byte_us, storage_byte_us;
};

void meter_take(struct meter_state *m, const struct meter_reading *r);
/* A reading of throttled time: it counts nothing, and the next one from here on. */
void meter_skip(struct meter_state *m, const struct meter_reading *r);
/* After a pause: all containers are new, and counted from now on. */
void meter_resume(struct meter_state *m, wall_t now);
/* The totals as the price function takes them. */
struct meter meter_totals(const struct meter_state *m);
/* The usage statement that follows `previous` (NULL for the first): cumulative,
 * chained, up to `now`, its amount never below the previous one's. spells: times in
 * which it did not simply run. */
struct usage_terms meter_usage(const struct meter_state *m, const struct spells *spells,
			       const struct price_lease *price, const struct hash *lease,
			       const struct usage_terms *previous, wall_t now);

#endif
