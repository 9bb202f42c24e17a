/* SPDX-License-Identifier: Apache-2.0 */
/* checks.h - the ready and health checks of running units, asked in their time. */
#ifndef GAVEL_CHECKS_H
#define GAVEL_CHECKS_H

#include "provider/agent.h"
#include "provider/run/live.h"

/* Begin those that are due. */
void checks_look(struct agent *g, struct arena *a, const struct work *w, struct live *l);

#endif
