/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h - the tasks around the launch of a lease. */
#ifndef GAVEL_LAUNCH_H
#define GAVEL_LAUNCH_H

#include "provider/agent.h"
#include "provider/run/live.h"

/* Ask the chain until the lease is open; then l->opened. */
void opening_begin(struct agent *g, const struct work *w, struct live *l);
/* Tell the market: the work's failure, or that it runs. */
void report_begin(struct agent *g, const struct work *w);
/* Written down, so that the market is told and all of it is removed. */
void lease_failed(struct agent *g, const struct hash *lease, const struct err *why);

#endif
