/* SPDX-License-Identifier: Apache-2.0 */
/* What either side of a lease can do alone: a table of standings. */
#include "lease/standing.h"

#include "tests/unit/tap.h"

/* One unit a second, half of it without a signature; began at 1000. */
static const struct lease_terms terms = { .rate = { RATE_UNIT },
					  .base = { RATE_UNIT / 2 },
					  .deposit = { 500 },
					  .window = 100,
					  .launch = 30 };

struct lives {
	const char *what;
	uint32_t now, deposit, paid, up_to, stop_at; /* deposit 0: ended; up_to 0: unknown */
	uint32_t claimed, claimed_up_to, payable_at;
	uint32_t voucher, voucher_up_to;
	bool final;
	enum way tenant, provider;
	uint32_t tenant_at, provider_at;
};

static const struct lives cases[] = {
	{ "never opened", 2000, 0, 0, 0, 0, 0, 0, 0, 9, 1100, true, WAY_NONE, WAY_NONE, 0, 0 },
	{ "ended", 2000, 0, 90, 1100, 0, 0, 0, 0, 95, 1100, true, WAY_NONE, WAY_NONE, 0, 0 },
	{ "runs, nothing signed, may still be voided", 1010, 500, 0, 1000, 0, 0, 0, 0, 0, 0, false,
	  WAY_STOP, WAY_WAIT, 0, 1031 },
	{ "runs, nothing signed", 1100, 500, 0, 1000, 0, 0, 0, 0, 0, 0, false, WAY_STOP, WAY_CLAIM,
	  0, 0 },
	{ "a voucher", 1100, 500, 0, 1000, 0, 0, 0, 0, 90, 1095, false, WAY_STOP, WAY_SETTLE, 0,
	  0 },
	{ "a voucher of the future", 1094, 500, 0, 1000, 0, 0, 0, 0, 90, 1095, false, WAY_STOP,
	  WAY_CLAIM, 0, 0 },
	{ "a voucher that was paid", 1096, 500, 90, 1095, 0, 0, 0, 0, 90, 1095, false, WAY_STOP,
	  WAY_NONE, 0, 0 },
	{ "a voucher above the rate, paid up to it", 1096, 500, 95, 1095, 0, 0, 0, 0, 200, 1095,
	  false, WAY_STOP, WAY_NONE, 0, 0 },
	{ "the last word", 1100, 500, 0, 1000, 0, 0, 0, 0, 90, 1095, true, WAY_STOP, WAY_CLOSE, 0,
	  0 },
	{ "the last word, paid already", 1100, 500, 90, 1095, 0, 0, 0, 0, 90, 1095, true, WAY_STOP,
	  WAY_CLOSE, 0, 0 },
	{ "the last word of the future", 1094, 500, 90, 1090, 0, 0, 0, 0, 90, 1095, true, WAY_STOP,
	  WAY_CLAIM, 0, 0 },
	{ "a claim waits", 1150, 500, 0, 1000, 0, 50, 1100, 1200, 0, 0, false, WAY_STOP, WAY_WAIT,
	  0, 1200 },
	{ "a claim is due", 1200, 500, 0, 1000, 0, 50, 1100, 1200, 0, 0, false, WAY_STOP,
	  WAY_FINISH, 0, 0 },
	{ "a claim was paid", 1201, 500, 50, 1100, 0, 50, 1100, 1200, 0, 0, false, WAY_STOP,
	  WAY_CLAIM, 0, 0 },
	{ "the deposit is used up", 3000, 500, 500, 1500, 0, 0, 0, 0, 500, 1500, false, WAY_STOP,
	  WAY_NONE, 0, 0 },
	{ "stopped, a voucher of later is capped", 1205, 500, 0, 1000, 1100, 0, 0, 0, 120, 1200,
	  false, WAY_EXPIRE, WAY_SETTLE, 0, 0 },
	{ "stopped, all paid", 1150, 500, 100, 1100, 1100, 0, 0, 0, 100, 1100, false, WAY_WAIT,
	  WAY_WAIT, 1201, 1201 },
	{ "stopped, nothing signed", 1150, 500, 0, 1000, 1100, 0, 0, 0, 0, 0, false, WAY_WAIT,
	  WAY_CLAIM, 1201, 0 },
	{ "stopped, claimed late", 1205, 500, 0, 1000, 1100, 50, 1100, 1290, 0, 0, false, WAY_WAIT,
	  WAY_WAIT, 1290, 1290 },
	{ "stopped, the window is over", 1201, 500, 100, 1100, 1100, 0, 0, 0, 100, 1100, false,
	  WAY_EXPIRE, WAY_EXPIRE, 0, 0 },
};

int
main(void)
{
	for (size_t i = 0; i < NELEMS(cases); i++) {
		const struct lives *c = &cases[i];
		struct standing s = {
			.lease = { { c->deposit }, { c->paid }, c->up_to, c->stop_at },
			.start = c->up_to != 0 ? 1000 : 0,
			.claimed = { c->claimed },
			.claimed_up_to = c->claimed_up_to,
			.payable_at = c->payable_at,
			.now = c->now,
		};
		struct voucher_terms v = { .amount = { c->voucher }, .upTo = c->voucher_up_to };
		struct way_step t = standing_tenant(&s, &terms);
		struct way_step p = standing_provider(&s, &terms, &v, c->final);

		is_str(way_name(t.way), way_name(c->tenant), c->what);
		is_int(t.at, c->tenant_at, "the tenant's time");
		is_str(way_name(p.way), way_name(c->provider), c->what);
		is_int(p.at, c->provider_at, "the provider's time");
	}
	{
		struct standing s = { .lease = { { 500 }, { 20 }, 1010, 0 }, .start = 1000 };

		is_int((long long)standing_at_most(&s, &terms, 1100).units, 100, "rate x time");
		is_int((long long)standing_at_most(&s, &terms, 9000).units, 500, "the deposit");
		is_int((long long)standing_at_most(&s, &terms, 1005).units, 20, "what was paid");
		is_int((long long)standing_at_most(&s, &terms, 900).units, 20, "before it began");
	}
	return tap_done();
}
