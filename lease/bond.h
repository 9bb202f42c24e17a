/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bond.h - how much must stand behind a provider's word before its offers may set
 * prices: what its running leases earn in so many hours, and a least sum. What takes a
 * bond, the contract alone decides, by what it can prove (offence.h). Pure.
 */
#ifndef GAVEL_BOND_H
#define GAVEL_BOND_H

#include "lib/amount.h"

#define BOND_HOURS_MAX 720u

/* running: the sum of the rates of all its live leases. */
struct amount bond_required(struct rate running, struct amount least, uint32_t hours);

#endif
