/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h - which host names lead to which workloads, in HAProxy's words: its
 * configuration, and the commands that turn what it has into what it should
 * have. Pure: knows nothing of sockets, processes or leases.
 *
 * HAProxy 2.6 cannot make a backend while it runs, so the configuration has a
 * pool of empty ones, and a route takes one: three maps and a few servers.
 *
 *	hosts.map     host name -> backend
 *	bodies.map    backend -> bytes of a request's body, at most
 *	timeouts.map  backend -> milliseconds a workload may be silent
 *	servers       "s<slot>-<port>" of the backend, one for each copy
 *
 * A copy that leaves gets no new requests; those under way have until the next
 * look, then they are cut off.
 *
 * What a map cannot say is said by the class of the backend, its first letter:
 *	d  another copy is tried when one fails or is silent, twice at most
 *	o  the same, once
 *	s  also for answers 500, 502, 503 and 504
 *	t  also for 403 and 404
 *	n  never
 * Requests that may not be repeated (POST, PATCH) are not, whatever the class.
 *
 * Nothing is remembered on our side: routes_diff() compares what HAProxy shows
 * with what is wanted, so a restart of either side needs no other code.
 */
#ifndef GAVEL_ROUTES_H
#define GAVEL_ROUTES_H

#include "deploy/manifest.h"

#define ROUTES_BODY_BYTES 1048576u
#define ROUTES_TIMEOUT_MS 60000u
#define ROUTES_LINE_MAX	  8000u /* bytes of commands that HAProxy takes at once */

extern const struct code ROUTES_FULL; /* more routes than backends */

struct routes_config {
	const char *dir;      /* absolute, without spaces: socket, maps, certificates */
	const char *address;  /* to listen on */
	unsigned http, https; /* ports; 0: not */
	unsigned acme;	      /* port of 127.0.0.1 that answers challenges; 0: none */
	unsigned routes;      /* at most at once */
	unsigned connections; /* at most at once */
};

struct route_target {
	char address[16];
	uint16_t slot;
	unsigned port;
};

struct host_route {
	const char *const *hosts; /* in lower case */
	size_t host_count;
	const struct route_target *targets;
	size_t target_count;
	struct http_options options;
	size_t owner;  /* the caller's: a number for whose it is */
	bool left_out; /* out: no backend was free */
};

/* The whole configuration. Its first lines carry `mark`, its own hash, by which a
 * running HAProxy is known to be of this very configuration. */
const char *
routes_config_text(struct arena *a, const struct routes_config *c, const char **mark) mustcheck;
/* The class of a route's backend. */
char routes_class(const struct host_route *r);
/* The command whose answer routes_diff() reads. */
const char *routes_show_text(struct arena *a, const struct routes_config *c) mustcheck;
/* Lines of commands, none when all is as it should be; *served: what is missing is
 * there, and only what is too much is not gone yet. Of two routes with one host
 * the first has it. -1 with ROUTES_FULL: some are left out, but lines and *served
 * are good for the others. */
int
routes_diff(struct arena *a, const struct routes_config *c, struct host_route *routes, size_t count,
	    const char *shown, struct json_strs *lines, bool *served, struct err *e) mustcheck;

/* Whose certificate is to be asked for next: owners (0 to `owners` - 1) take turns,
 * beginning with `first`, and each has ROUTES_CERTS_MAX names that need one, the
 * first of its routes. NULL: nobody's; else *owner is whose it is. */
enum cert_need { CERT_NONE, CERT_LATER, CERT_NOW }; /* not of ours; has or waits; due */
#define ROUTES_CERTS_MAX 8u
const char *routes_next_cert(const struct host_route *routes, size_t count, size_t owners,
			     size_t first, enum cert_need (*need)(void *arg, const char *host),
			     void *arg, size_t *owner) mustcheck;
/* Whether a route has the name. */
bool routes_have_host(const struct host_route *routes, size_t count, const char *host);

/* The name of our own for a service: NAME-<end of the lease's id>.<domain>; `port`
 * is 0 for the first HTTP port of a service and tells further ones apart. */
const char *routes_own_host(struct arena *a, const char *service, unsigned port,
			    const char *lease_id, const char *domain) mustcheck;
/* Whether host is domain or below it. */
bool routes_below(const char *host, const char *domain);

#endif
