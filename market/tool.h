/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - what an operator does once: keys and contracts. Blocking. */
#ifndef GAVEL_MARKET_TOOL_H
#define GAVEL_MARKET_TOOL_H

#include "market/settings.h"

/* The words after "bond": bonding.h. Returns the exit status. */
int tool_bond(struct market_settings *s, bool json, int argc, char **argv);
/* argv[0] is "key" or "contract". Returns the exit status. */
int tool_main(int argc, char **argv);

#endif
