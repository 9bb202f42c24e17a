/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow.h - containers of a throttled lease get the CPU that its base pays for, and
 * all of theirs again afterwards.
 */
#ifndef GAVEL_SLOW_H
#define GAVEL_SLOW_H

#include "provider/agent.h"
#include "provider/run/live.h"

/* One look at a lease that runs: what each container should have and has not. */
void slow_look(struct agent *g, struct arena *a, const struct work *w, struct live *l);

#endif
