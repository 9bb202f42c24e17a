/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory.h - what this machine really has: the only door to it. What may be
 * sold of it capacity.h says.
 */
#ifndef GAVEL_INVENTORY_H
#define GAVEL_INVENTORY_H

#include "provider/settings.h"

/* storage_bytes: what is free where state_dir is, and what disks and volumes of
 * ours occupy there already; less the classes of volumes that are there too.
 * Needs root to see those. A state_dir that does not exist yet is looked for
 * from its parents. */
int inventory_read(struct arena *a, const struct provider_settings *s, struct inventory *out,
		   struct err *e) mustcheck;
/* Fill a capacity that the settings leave out, and its volumes and GPUs in any
 * case; refuse one above what there is (CAPACITY_BAD). `inv` tells what was
 * found, also when it is refused. */
int inventory_settle(struct arena *a, struct provider_settings *s, struct inventory *inv,
		     struct err *e) mustcheck;

#endif
