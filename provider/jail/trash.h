/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trash.h - trees of many files, out of the way at once and gone after a while.
 * Part of the jail, which serves one call at a time: to remove half a million
 * files takes minutes, and every other lease would wait for them.
 *
 * A tree is renamed into a directory of the same file system, and a process of
 * its own, of the lowest priority, removes what is there. It holds `.lock` in
 * that directory; what it leaves when it is killed goes after the next put or
 * start. Knows paths, nothing of containers.
 */
#ifndef GAVEL_TRASH_H
#define GAVEL_TRASH_H

#include "lib/arena.h"

/* path is gone when this returns; missing is fine. `trash` is made. Where path
 * cannot be renamed into it, as from another file system, it is removed here. */
int trash_put(struct arena *a, const char *trash, const char *path, struct err *e) mustcheck;
/* Begin to remove what is there, if there is anything. */
void trash_empty(struct arena *a, const char *trash);

#endif
