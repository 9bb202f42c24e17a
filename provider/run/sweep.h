/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.h - removing what is over. */
#ifndef GAVEL_SWEEP_H
#define GAVEL_SWEEP_H

#include "provider/agent.h"

/* Ask the market whether the lease has ended; if so, nothing of it may be left. */
void sweep_begin(struct agent *g, const struct work *w);
/* Containers that the jail has and the book has not. */
void orphans_begin(struct agent *g);

#endif
