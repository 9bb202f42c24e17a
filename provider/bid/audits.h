/* SPDX-License-Identifier: Apache-2.0 */
/* audits.h - what auditors say of this provider, as last read from the market
 * and checked here. */
#ifndef GAVEL_PROVIDER_AUDITS_H
#define GAVEL_PROVIDER_AUDITS_H

#include "provider/agent.h"

/* The market's answer to GET /v1/providers/{self}/audits. A statement that does
 * not hold is left out with a warning. */
int audits_replace(struct agent *g, const char *text, size_t len, struct err *e) mustcheck;
bool audits_lack(const struct agent *g, const struct group *group, wall_t now);

#endif
