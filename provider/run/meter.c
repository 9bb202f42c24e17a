/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/meter.h"

#define MIB ((u128)1024 * 1024)

static uint64_t
grown(uint64_t last, uint64_t now)
{
	return now >= last ? now - last : now;
}

void
meter_take(struct meter_state *m, const struct meter_reading *r)
{
	const struct meter_reading *last = &m->last;
	wall_t from = MAX(last->at, m->began), passed = r->at > from ? r->at - from : 0;

	for (size_t i = 0; i < METER_UNITS; i++) {
		m->cpu_ns += grown(last->units[i].cpu_ns, r->units[i].cpu_ns);
		m->egress_bytes += grown(last->units[i].egress_bytes, r->units[i].egress_bytes);
	}
	if (r->running && last->running && last->at != 0) {
		m->healthy_us += (uint64_t)passed;
		/* The mean of both ends: memory moves slowly against the interval. */
		m->memory_byte_us +=
			((u128)last->memory_bytes + r->memory_bytes) / 2 * (u128)passed;
		m->storage_byte_us += ((u128)last->disk_bytes + r->disk_bytes) / 2 * (u128)passed;
	}
	m->last = *r;
}

void
meter_skip(struct meter_state *m, const struct meter_reading *r)
{
	m->last = *r;
	m->last.running = false; /* the way back is not metered either */
}

void
meter_resume(struct meter_state *m, wall_t now)
{
	m->last = (struct meter_reading){ .at = now };
}

struct meter
meter_totals(const struct meter_state *m)
{
	return (struct meter){
		.seconds = (uint32_t)(m->healthy_us / SECOND_US),
		.cpu_milli_seconds = m->cpu_ns / 1000000,
		.memory_mib_seconds = (uint64_t)(m->memory_byte_us / MIB / SECOND_US),
		.egress_bytes = m->egress_bytes,
	};
}

struct usage_terms
meter_usage(const struct meter_state *m, const struct spells *spells,
	    const struct price_lease *price, const struct hash *lease,
	    const struct usage_terms *previous, wall_t now)
{
	struct meter totals = meter_totals(m);
	uint32_t elapsed = now > m->began ? (uint32_t)((now - m->began) / SECOND_US) : 0;
	struct usage_terms u = {
		.lease = *lease,
		.seq = previous != NULL ? previous->seq + 1 : 1,
		/* Whole seconds from the opening: never past rate * elapsed. */
		.upTo = (uint32_t)(m->began / SECOND_US) + elapsed,
		.healthySeconds = totals.seconds,
		.cpuMilliSeconds = totals.cpu_milli_seconds,
		.memoryMiBSeconds = totals.memory_mib_seconds,
		.storageMiBSeconds = (uint64_t)(m->storage_byte_us / MIB / SECOND_US),
		.egressBytes = m->egress_bytes,
		.amount = dues_amount(price, &totals, spells, m->began,
				      m->began + (wall_t)elapsed * SECOND_US, NULL),
	};

	if (previous != NULL) {
		u.previous = usage_hash(previous);
		if (amount_cmp(u.amount, previous->amount) < 0)
			u.amount = previous->amount;
	}
	return u;
}
