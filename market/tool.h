/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - what an operator does once: keys and contracts. Blocking. */
#ifndef GAVEL_MARKET_TOOL_H
#define GAVEL_MARKET_TOOL_H

#include "lease/key.h"

/* argv[0] is "key" or "contract". Returns the exit status. */
int tool_main(int argc, char **argv);
int tool_load_key(const char *key_file, const char *password_file, struct key *key,
		  struct err *e) mustcheck;

#endif
