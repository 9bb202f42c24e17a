/* SPDX-License-Identifier: Apache-2.0 */
/* What is countersigned, and what is not, with its reason. */
#include "lease/reading.h"

#include "tests/unit/tap.h"

static const struct reading_lease lease = { .hash = { { 7 } },
					    .rate = { 10 * (u128)RATE_UNIT },
					    .opened = 1000,
					    .reserved = { .cpu_milli = 500,
							  .memory_bytes = 64 << 20 } };

static struct usage_terms
first(void)
{
	return (struct usage_terms){ .lease = lease.hash,
				     .seq = 3,
				     .upTo = 1100,
				     .healthySeconds = 60,
				     .cpuMilliSeconds = 40000,
				     .memoryMiBSeconds = 4000,
				     .storageMiBSeconds = 4000,
				     .egressBytes = 1000,
				     .amount = { 500 } };
}

static struct usage_terms
next_of(const struct usage_terms *p)
{
	struct usage_terms u = *p;

	u.seq++;
	u.previous = usage_hash(p);
	u.upTo += 10;
	u.healthySeconds += 10;
	u.cpuMilliSeconds += 4000;
	u.amount.units += 100;
	return u;
}

static void
is_refused(const struct usage_terms *u, const struct usage_terms *previous, uint32_t now,
	   const struct code *code, const char *what)
{
	struct err e = ERR_NONE;
	int result = reading_check(u, previous, &lease, now, &e);

	is_str(result < 0 ? e.code->name : "signed", code != NULL ? code->name : "signed", what);
}

static void
test_readings(void)
{
	struct usage_terms p = first(), u = next_of(&p), bad;

	is_refused(&p, NULL, 1100, NULL, "the first is signed");
	is_refused(&u, &p, 1110, NULL, "and the next");
	is_refused(&p, &p, 1110, NULL, "the same again");
	bad = u;
	bad.lease.b[0]++;
	is_refused(&bad, &p, 1110, &USAGE_LEASE, "of another lease");
	is_refused(&u, &p, 1104, &USAGE_TIME, "of tomorrow");
	is_refused(&u, &p, 1105, NULL, "clocks differ a little");
	bad = u;
	bad.upTo = 999;
	is_refused(&bad, NULL, 1110, &USAGE_TIME, "of before the lease");
	bad = u;
	bad.amount.units = 1101;
	is_refused(&bad, &p, 1110, &USAGE_PRICE, "one unit above the price");
	bad.amount.units = 1100;
	is_refused(&bad, NULL, 1110, NULL, "the price itself");
	bad = u;
	bad.amount.units = 902;
	is_refused(&bad, &p, 1110, &USAGE_PRICE, "more than the time since can have cost");
	bad = u;
	bad.healthySeconds = 111;
	is_refused(&bad, NULL, 1110, &USAGE_SECONDS, "more seconds than there were");
	bad.healthySeconds = 101;
	is_refused(&bad, &p, 1110, &USAGE_SECONDS, "or than there were since");
	bad = u;
	bad.cpuMilliSeconds = 500 * (110 + 11 + 60) + 1;
	is_refused(&bad, &p, 1110, &USAGE_CPU, "more than the CPUs could burn");
	bad.cpuMilliSeconds--;
	is_refused(&bad, &p, 1110, NULL, "an update's overlap");
	bad = u;
	bad.memoryMiBSeconds = 65 * 181 + 1;
	is_refused(&bad, &p, 1110, &USAGE_MEMORY, "more than the memory");
}

static void
test_chain(void)
{
	struct usage_terms p = first(), u = next_of(&p), bad;

	bad = u;
	bad.previous.b[0]++;
	is_refused(&bad, &p, 1110, &USAGE_CHAIN, "another one before it");
	bad.seq++;
	is_refused(&bad, &p, 1110, NULL, "one between them was not seen");
	bad = p;
	bad.amount.units++;
	is_refused(&bad, &p, 1110, &USAGE_CONTRADICTS, "two under one number: a proof");
	bad = p;
	bad.seq--;
	is_refused(&bad, &p, 1110, &USAGE_FALLS, "an older one");
	for (int i = 0; i < 7; i++) {
		bad = u;
		switch (i) {
		case 0: bad = p, bad.seq++, bad.upTo = p.upTo - 1; break;
		case 1: bad.amount.units = p.amount.units - 1; break;
		case 2: bad.healthySeconds = p.healthySeconds - 1; break;
		case 3: bad.cpuMilliSeconds = p.cpuMilliSeconds - 1; break;
		case 4: bad.memoryMiBSeconds--; break;
		case 5: bad.storageMiBSeconds--; break;
		default: bad.egressBytes--; break;
		}
		is_refused(&bad, &p, 1110, &USAGE_FALLS, "no total falls");
	}
}

static const char *
policy_says(const struct policy *p, const struct spent *s, uint32_t before, uint32_t amount,
	    uint32_t now)
{
	struct address provider = { { 1 } };
	struct err e = ERR_NONE;

	return policy_check(p, s, &lease, &provider, (struct amount){ before },
			    (struct amount){ amount }, now, &e) < 0
		       ? e.code->name
		       : "signed";
}

static void
test_policy(void)
{
	static const char *us[] = { "0x0100000000000000000000000000000000000000" },
			  *them[] = { "0x0200000000000000000000000000000000000000" };
	static struct spent s;
	struct policy p = { .total = { 0 } };

	is_str(policy_says(&p, &s, 0, 1u << 30, 100000), "signed", "no policy binds nothing");
	p.total.units = 1000;
	is_str(policy_says(&p, &s, 0, 1000, 100000), "signed", "to the total");
	is_str(policy_says(&p, &s, 0, 1001, 100000), "policy_total", "and no further");
	p = (struct policy){ .hour = { 100 }, .day = { 150 } };
	is_str(policy_says(&p, &s, 900, 1000, 100000), "signed", "an hour's worth");
	spent_add(&s, (struct amount){ 100 }, 100000);
	is_str(policy_says(&p, &s, 1000, 1001, 100001), "policy_hour", "the hour is used up");
	is_str(policy_says(&p, &s, 1000, 1001, 103599), "policy_hour", "to its end");
	is_str(policy_says(&p, &s, 1000, 1050, 103700), "signed", "then it is another");
	spent_add(&s, (struct amount){ 50 }, 103700);
	is_str(policy_says(&p, &s, 1050, 1051, 110000), "policy_day", "the day is used up");
	is_str(policy_says(&p, &s, 1050, 1051, 187000), "signed", "and ends");
	p = (struct policy){ .rate = { 10 * (u128)RATE_UNIT } };
	is_str(policy_says(&p, &s, 0, 1, 1), "signed", "at that price");
	p.rate.nano--;
	is_str(policy_says(&p, &s, 0, 1, 1), "policy_rate", "not above it");
	p = (struct policy){ .cpu_milli = 500 };
	is_str(policy_says(&p, &s, 0, 1, 1), "signed", "that many CPUs");
	p.cpu_milli = 499;
	is_str(policy_says(&p, &s, 0, 1, 1), "policy_cpu", "not more");
	p = (struct policy){ .providers = { us, 1 } };
	is_str(policy_says(&p, &s, 0, 1, 1), "signed", "this provider");
	p.providers.items = them;
	is_str(policy_says(&p, &s, 0, 1, 1), "policy_provider", "and no other");
	for (uint32_t i = 0; i < 5000; i++)
		spent_add(&s, (struct amount){ 1 }, 200000 + i * 60);
	ok(s.count <= 1441, "a day of minutes is remembered: %u", s.count);
	is_int((long long)spent_since(&s, 200000 + 4999 * 60 - 86400).units, 1441,
	       "each of them once");
}

int
main(void)
{
	test_readings();
	test_chain();
	test_policy();
	return tap_done();
}
