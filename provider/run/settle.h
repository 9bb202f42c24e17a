/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.h - `gavel-provider settle`: the provider gets its money by itself, from
 * its own book and the chain alone, as if there had never been a market. Works
 * beside a running daemon. Knows nothing of tasks: it waits for each answer.
 */
#ifndef GAVEL_PROVIDER_SETTLE_H
#define GAVEL_PROVIDER_SETTLE_H

#include "provider/settings.h"

/* lease: an id, a hash, or NULL for all. plan: only say what would be done. The
 * exit status. Leaves root for the user of the settings. */
int settle_run(struct provider_settings *s, const char *lease, bool plan, bool json);

#endif
