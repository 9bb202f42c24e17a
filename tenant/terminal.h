/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - the local terminal: raw while a remote one is shown on it, and
 * itself again on every way out, exit() and fatal signals included. The only
 * file that changes it.
 */
#ifndef GAVEL_TERMINAL_H
#define GAVEL_TERMINAL_H

#include "lib/err.h"

/* stdin and stdout are terminals. */
bool terminal_is_here(void);
int terminal_raw(struct err *e) mustcheck;
void terminal_restore(void);
/* 24 x 80 when it does not say. */
void terminal_size(uint32_t *rows, uint32_t *cols);

#endif
