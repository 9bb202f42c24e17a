/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - the program that is put inside: what it tries, one line an attempt.
 *
 *	probe calls     every system call of the table:      "call|NAME|RESULT"
 *	probe paths     files that tell or change the host:  "read|NAME|RESULT", "write|..."
 *	probe self      who this process is:                 "self|NAME|VALUE", "mount|..."
 *	probe devices   nodes found and nodes made:          "node|NAME|RESULT", "mknod|..."
 *	probe serve     answers on port 80 for ever
 *	probe bomb NAME one way to hurt the host:            "bomb|KEY|VALUE"
 *
 * Knows nothing of Gavel, links nothing but the C library, statically: it runs
 * in an image that has none, and in the control, where every attempt must show
 * that it can succeed.
 */
#ifndef GAVEL_PROBE_H
#define GAVEL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "ok", or the name of errno. */
const char *probe_result(long result);
/* One attempt in a process of its own, so that neither its success nor a signal
 * touches the next: what it returned, or "signal N". */
const char *probe_try(long (*attempt)(void));

void probe_calls(void);
void probe_paths(void);
void probe_self(void);
void probe_devices(void);
int probe_bomb(const char *name);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
