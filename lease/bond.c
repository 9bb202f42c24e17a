/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/bond.h"

#define HOUR_S	      3600u
#define DAY_S	      (24 * HOUR_S)
#define CREDITS_LEAST 100u

struct amount
bond_required(struct rate running, struct amount credit)
{
	struct amount hours = rate_due(running, 4 * HOUR_S);
	u128 least = credit.units > AMOUNT_MAX / CREDITS_LEAST ? AMOUNT_MAX
							       : credit.units * CREDITS_LEAST;

	return (struct amount){ MIN(MAX(hours.units, least), AMOUNT_MAX) };
}

uint32_t
fault_seconds(enum fault fault, uint32_t notice_s)
{
	switch (fault) {
	case FAULT_NO_ACCEPT: return HOUR_S / 4;
	case FAULT_LAUNCH: return 2 * HOUR_S;
	case FAULT_VOID_BID: return HOUR_S;
	case FAULT_LEFT: return MIN(notice_s, DAY_S);
	case FAULT_CANCEL: return 60;
	case FAULT_CANCEL_OFTEN: return 600;
	}
	return 0;
}

struct slash
bond_slash(enum fault fault, struct rate price, uint32_t notice_s, struct rate next,
	   uint32_t lasted_s, struct amount bond)
{
	struct slash s = { .total = amount_min(rate_due(price, fault_seconds(fault, notice_s)),
					       bond) };
	u128 share = 0;

	if (fault == FAULT_LAUNCH && rate_cmp(next, price) > 0) {
		struct rate more = { next.nano - price.nano };

		share = rate_due(more, MIN(lasted_s, DAY_S)).units;
	}
	if (fault == FAULT_LAUNCH)
		share += rate_due(price, HOUR_S).units;
	else if (fault == FAULT_LEFT || fault == FAULT_NO_ACCEPT)
		share = s.total.units;
	s.to_tenant.units = MIN(share, s.total.units);
	s.to_pool.units = s.total.units - s.to_tenant.units;
	return s;
}
