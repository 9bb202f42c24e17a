/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - the only way out for a program that asks registries. A tenant names
 * the registry, and a registry may redirect anywhere: neither must reach what
 * only this machine can reach.
 *
 * The program gets a network namespace of its own, empty but for a loopback on
 * which a gate listens: a small proxy, a process outside. The gate resolves a
 * name once, looks at the address and connects to that very one; so a name that
 * means something else a moment later, a redirect, a token server elsewhere or
 * an odd spelling of an address end at the same question. Private, link-local,
 * loopback and metadata addresses are refused, unless host:port stands in the
 * settings.
 */
#ifndef GAVEL_GATE_H
#define GAVEL_GATE_H

#include <sys/socket.h>

#include "lib/json.h"

#define GATE_PORT    3129		  /* in the namespace: HTTPS_PROXY=http://127.0.0.1:3129 */
#define GATE_REFUSED "gavel-gate refused" /* on the program's stderr */

struct gate {
	const struct json_strs *private_hosts;	/* host:port, https */
	const struct json_strs *insecure_hosts; /* host:port, http too */
	const struct json_strs *deny;		/* prefixes of the provider's own */
	const char *host;			/* host[:port] of the reference */
};

/* An address that everybody can reach. */
bool gate_address_is_public(const struct sockaddr *sa, const struct json_strs *deny);
/* host[:port] stands in the list. */
bool gate_host_is_listed(const struct json_strs *list, const char *host, unsigned port);
/* The host is this machine itself, as programs see it that bypass a proxy then. */
bool gate_host_is_loopback(const char *host);

/* For struct proc's before_exec; arg is a struct gate. */
int gate_enter(void *arg);

#endif
