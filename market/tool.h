/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - what an operator does once: keys and contracts. Blocking. */
#ifndef GAVEL_MARKET_TOOL_H
#define GAVEL_MARKET_TOOL_H

/* argv[0] is "key" or "contract". Returns the exit status. */
int tool_main(int argc, char **argv);

#endif
