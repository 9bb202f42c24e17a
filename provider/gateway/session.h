/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - what a tenant has open on a lease: how many of them there may be,
 * and a command's descriptors joined to a WebSocket (lease/frames.h).
 */
#ifndef GAVEL_SESSION_H
#define GAVEL_SESSION_H

#include "lib/ws.h"
#include "provider/agent.h"

/* Kinds, and how many of each a lease may have open. */
enum ticket_kind { TICKET_COMMAND, TICKET_FORWARD, TICKET_LOGS, TICKET_KINDS };

extern const struct code TOO_MANY_SESSIONS;

/* Every taken ticket is given back once. */
int ticket_take(struct agent *g, const struct hash *lease, enum ticket_kind kind,
		struct err *e) mustcheck;
void ticket_give(struct agent *g, const struct hash *lease, enum ticket_kind kind);

/* Join the descriptors of EXEC or FILES to the request, which becomes a
 * WebSocket; takes over a ticket of TICKET_COMMAND. When the client leaves, the
 * status pipe is closed, and the jail ends the command. */
void session_begin(struct request *r, const char *protocol, const struct hash *lease, bool terminal,
		   const int fds[static JAIL_EXEC_FDS]);

#endif
