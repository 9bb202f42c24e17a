/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exits.h - hearing of a container's end at once: the shim leaves an exit record
 * in the container's log directory (shim.h), and inotify tells of it. The only
 * door to inotify. Should a message be lost, the next meter reading sees it.
 */
#ifndef GAVEL_EXITS_H
#define GAVEL_EXITS_H

#include "provider/run/live.h"

int exits_start(struct agent *g, struct err *e) mustcheck;
/* From now on runner_exited() is called when the record appears. */
void exits_watch(struct agent *g, struct unit *u, const char *log_dir);
void exits_forget(struct agent *g, struct unit *u);

#endif
