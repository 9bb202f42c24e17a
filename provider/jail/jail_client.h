/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail_client.h - the agent's side of jail.h: packing the two calls that carry
 * text, and taking delivery of descriptors. The other calls are their structs.
 */
#ifndef GAVEL_JAIL_CLIENT_H
#define GAVEL_JAIL_CLIENT_H

#include "deploy/bundle.h"
#include "provider/jail/jail.h"

/* From the text of a lease's id ("lea_01JF..."). */
int
jail_ref_make(const struct id *lease, uint8_t copy, struct jail_ref *out, struct err *e) mustcheck;

struct jail_host {
	const char *name; /* becomes a line in /etc/hosts */
	uint16_t slot;
};

/* Fill the counts and the text of a call whose numbers the caller has set; uid,
 * gid and nofile come from the process. *len: bytes of the call to send. */
int jail_create_pack(struct jail_create *call, const struct bundle_process *p, const char *hostname,
		     const struct jail_host *hosts, size_t host_count, size_t *len,
		     struct err *e) mustcheck;
/* After jail_create_pack(): one more mount, at `path` inside. */
int jail_mount_add(struct jail_create *call, const struct jail_mount *m, const char *path,
		   size_t *len, struct err *e) mustcheck;
int jail_exec_pack(struct jail_exec *call, const char *const *args, size_t count, size_t *len,
		   struct err *e) mustcheck;

/* The descriptors of exec or files `number`, close-on-exec, -1 where there is
 * none; those of others that nobody
 * has come for are closed. Call it after the reply: they are there by then. */
int jail_exec_receive(int exec_fd, uint32_t number, int fds[static JAIL_EXEC_FDS],
		      struct err *e) mustcheck;

#endif
