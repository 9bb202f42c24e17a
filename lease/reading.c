/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/reading.h"

/* Clocks differ by so much. */
#define CLOCK_GRACE_S 5u
/* A reading is older than its signature, on a busy machine by seconds: what it could
 * not count yet the next one does. From the opening there is no such excess. */
#define SLACK_S 30u
/* While an update replaces a copy, two of them run: a tenth more, and a minute. */
#define OVERLAP_S 60u

#define DAY_S  86400u
#define HOUR_S 3600u

const struct code USAGE_LEASE = { "usage_lease", CONFLICT, "the reading is of another lease" };
const struct code USAGE_TIME = { "usage_time", CONFLICT,
				 "the reading is from another time: one of the clocks is wrong" };
const struct code USAGE_FALLS = { "usage_falls", CONFLICT,
				  "a total of the reading is below one signed before" };
const struct code USAGE_CONTRADICTS = { "usage_contradicts", CONFLICT,
					"the provider signed two readings under one number" };
const struct code USAGE_CHAIN = { "usage_chain", CONFLICT,
				  "the reading does not follow the one signed before" };
const struct code USAGE_PRICE = { "usage_price", CONFLICT,
				  "it asks more than the price allows for its time" };
const struct code USAGE_SECONDS = { "usage_seconds", CONFLICT,
				    "it counts more healthy seconds than have passed" };
const struct code USAGE_CPU = { "usage_cpu", CONFLICT,
				"it counts more CPU time than the reservation allows" };
const struct code USAGE_MEMORY = { "usage_memory", CONFLICT,
				   "it counts more memory than the reservation allows" };

const struct code POLICY_TOTAL = { "policy_total", DENIED,
				   "the lease would cost more than the policy allows" };
const struct code POLICY_HOUR = { "policy_hour", DENIED,
				  "an hour would cost more than the policy allows" };
const struct code POLICY_DAY = { "policy_day", DENIED,
				 "a day would cost more than the policy allows" };
const struct code POLICY_RATE = { "policy_rate", DENIED,
				  "the lease's price is above the policy's" };
const struct code POLICY_CPU = { "policy_cpu", DENIED,
				 "the lease has more CPUs than the policy allows" };
const struct code POLICY_PROVIDER = { "policy_provider", DENIED,
				      "the provider is not one of the policy's" };

static int
follows(const struct usage_terms *u, const struct usage_terms *p, const struct reading_lease *l,
	struct err *e)
{
	struct hash h = usage_hash(p), own = usage_hash(u);
	struct amount most;

	if (u->seq == p->seq && !hash_equal(&h, &own))
		return err_set(e, &USAGE_CONTRADICTS, "number %llu", (unsigned long long)u->seq);
	if (u->seq < p->seq || u->upTo < p->upTo || amount_cmp(u->amount, p->amount) < 0 ||
	    u->healthySeconds < p->healthySeconds || u->cpuMilliSeconds < p->cpuMilliSeconds ||
	    u->memoryMiBSeconds < p->memoryMiBSeconds ||
	    u->storageMiBSeconds < p->storageMiBSeconds || u->egressBytes < p->egressBytes)
		return err_set(e, &USAGE_FALLS, "number %llu after %llu",
			       (unsigned long long)u->seq, (unsigned long long)p->seq);
	/* Readings between the two may not have been seen: then only totals tell. */
	if (u->seq == p->seq + 1 && !hash_equal(&u->previous, &h))
		return err_set(e, &USAGE_CHAIN, "number %llu names another one before it",
			       (unsigned long long)u->seq);
	most = rate_due(l->rate, u->upTo - p->upTo + SLACK_S);
	if (u->amount.units - p->amount.units > most.units + 1)
		return err_set(e, &USAGE_PRICE, "since the one signed before");
	if (u->healthySeconds - p->healthySeconds > (uint64_t)u->upTo - p->upTo + SLACK_S)
		return err_set(e, &USAGE_SECONDS, "since the one signed before");
	return 0;
}

static uint64_t
with_overlap(uint64_t per_second, uint64_t seconds)
{
	return per_second * (seconds + seconds / 10 + OVERLAP_S);
}

int
reading_check(const struct usage_terms *u, const struct usage_terms *previous,
	      const struct reading_lease *l, uint32_t now, struct err *e)
{
	uint64_t elapsed;

	if (!hash_equal(&u->lease, &l->hash))
		return err_set(e, &USAGE_LEASE, "it names another hash");
	if (u->upTo > now + CLOCK_GRACE_S)
		return err_set(e, &USAGE_TIME, "it is %u s ahead of this clock", u->upTo - now);
	if (u->upTo < l->opened)
		return err_set(e, &USAGE_TIME, "it ends before the lease began");
	elapsed = u->upTo - l->opened;
	if (amount_cmp(u->amount, rate_due(l->rate, (uint32_t)elapsed)) > 0)
		return err_set(e, &USAGE_PRICE, "for %llu s", (unsigned long long)elapsed);
	if (u->healthySeconds > elapsed)
		return err_set(e, &USAGE_SECONDS, "%llu of %llu",
			       (unsigned long long)u->healthySeconds, (unsigned long long)elapsed);
	if (l->reserved.cpu_milli != 0 &&
	    u->cpuMilliSeconds > with_overlap(l->reserved.cpu_milli, elapsed))
		return err_set(e, &USAGE_CPU, "%llu thousandths of a second in %llu s",
			       (unsigned long long)u->cpuMilliSeconds, (unsigned long long)elapsed);
	if (l->reserved.memory_bytes != 0 &&
	    u->memoryMiBSeconds >
		    with_overlap(((uint64_t)l->reserved.memory_bytes >> 20) + 1, elapsed))
		return err_set(e, &USAGE_MEMORY, "%llu MiB x s in %llu s",
			       (unsigned long long)u->memoryMiBSeconds,
			       (unsigned long long)elapsed);
	return previous != NULL ? follows(u, previous, l, e) : 0;
}

/* ------------------------------------------------------------------ */

static bool
is_named(const struct json_strs *providers, const struct address *provider)
{
	struct err ignored = ERR_NONE;
	struct address a;

	for (size_t i = 0; i < providers->count; i++)
		if (address_read(providers->items[i], &a, &ignored) == 0 &&
		    address_equal(&a, provider))
			return true;
	return providers->count == 0;
}

struct amount
spent_since(const struct spent *s, uint32_t since)
{
	struct amount sum = { 0 };

	for (uint32_t i = 0; i < s->count; i++)
		if (s->list[i].at > since)
			sum.units += s->list[i].amount.units;
	return sum;
}

int
policy_check(const struct policy *p, const struct spent *s, const struct reading_lease *l,
	     const struct address *provider, struct amount before, struct amount amount,
	     uint32_t now, struct err *e)
{
	u128 more = amount.units - MIN(before.units, amount.units);

	if (!is_named(&p->providers, provider))
		return err_set(e, &POLICY_PROVIDER, "not signed");
	if (p->rate.nano != 0 && rate_cmp(l->rate, p->rate) > 0)
		return err_set(e, &POLICY_RATE, "not signed");
	if (p->cpu_milli != 0 && l->reserved.cpu_milli > p->cpu_milli)
		return err_set(e, &POLICY_CPU,
			       "it reserves %u thousandths of a CPU, allowed are %u",
			       l->reserved.cpu_milli, p->cpu_milli);
	if (p->total.units != 0 && amount_cmp(amount, p->total) > 0)
		return err_set(e, &POLICY_TOTAL, "not signed");
	if (p->hour.units != 0 &&
	    spent_since(s, now - MIN(now, HOUR_S)).units + more > p->hour.units)
		return err_set(e, &POLICY_HOUR, "not signed now");
	if (p->day.units != 0 && spent_since(s, now - MIN(now, DAY_S)).units + more > p->day.units)
		return err_set(e, &POLICY_DAY, "not signed now");
	return 0;
}

/* Entries of one minute are one, at its end: none is forgotten early. */
void
spent_add(struct spent *s, struct amount amount, uint32_t now)
{
	uint32_t at = now - now % 60 + 59, kept = 0;

	for (uint32_t i = 0; i < s->count; i++)
		if ((uint64_t)s->list[i].at + DAY_S > now)
			s->list[kept++] = s->list[i];
	s->count = kept;
	if (kept > 0 && s->list[kept - 1].at == at) {
		s->list[kept - 1].amount.units += amount.units;
		return;
	}
	/* A day has 1440 minutes; a clock that jumps may make more. */
	if (kept == SPENT_MAX) {
		s->list[1].amount.units += s->list[0].amount.units;
		memmove(s->list, s->list + 1, (kept - 1) * sizeof(*s->list));
		s->count--;
	}
	s->list[s->count++] = (struct spent_entry){ at, amount };
}
