/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - one container brought up and taken down, as tasks. When one ends it
 * calls runner_unit_changed(); what it saw is in the lease's struct live.
 */
#ifndef GAVEL_UNIT_H
#define GAVEL_UNIT_H

#include "provider/agent.h"
#include "provider/run/live.h"

void unit_up(struct agent *g, const struct work *w, uint32_t number);
/* s: whose time of grace counts, or NULL. */
void unit_down(struct agent *g, const struct work *w, uint32_t number, const struct service *s);

uint32_t unit_stop_s(const struct service *s) mustcheck;
/* The manifest that the unit runs: the good one or the coming one. */
int unit_manifest(struct arena *a, const struct work *w, uint32_t unit, struct manifest *m,
		  struct err *e) mustcheck;

#endif
