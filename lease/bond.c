/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/bond.h"

struct amount
bond_required(struct rate running, struct amount least, uint32_t hours)
{
	struct amount earned = rate_due(running, hours * 3600u);

	return (struct amount){ MAX(earned.units, least.units) };
}
