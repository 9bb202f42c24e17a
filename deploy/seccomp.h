/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp.h - the system calls a workload may make, as the "seccomp" object of
 * an OCI config.json. Pure: a table and its writer.
 *
 * An allow-list of our own, x86-64 only; the rest answers EPERM. Profiles that
 * distributions ship let an unprivileged container make a new user namespace
 * and mount, or set up packet filters, inside it; this one does not. clone with
 * a namespace bit is refused, clone3 does not exist, sockets are AF_UNIX,
 * AF_INET, AF_INET6 and the routing netlink.
 */
#ifndef GAVEL_SECCOMP_H
#define GAVEL_SECCOMP_H

#include "lib/json.h"

/* One value: the object. */
void seccomp_write(struct jsonw *w);
/* Whether the call is allowed whatever its arguments. */
bool seccomp_allows(const char *name);

#endif
