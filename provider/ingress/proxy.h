/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.h - HTTP host names of leases: HAProxy kept alive and kept equal to the
 * book, level-triggered; the names themselves, and certificates for them.
 *
 *	proxy.c   starts HAProxy, compares, says the difference
 *	certs.c   certificates: the operator's directory, and ACME by lego
 *
 * Nothing is told to HAProxy because something happened: every few seconds, and
 * at once after a poke, what it shows is compared with the leases of the book.
 * Without ingress_http and ingress_https there is no proxy, and HTTP endpoints
 * are ports like others.
 */
#ifndef GAVEL_PROXY_H
#define GAVEL_PROXY_H

#include "provider/agent.h"
#include "provider/ingress/routes.h"

extern const struct code HOST_TAKEN;

struct certs;

struct proxy {
	struct agent *agent;
	struct routes_config config;
	const char *config_text, *mark;
	struct arena arena; /* of the two above */
	struct timer *timer;
	bool busy, poked;
	mono_t compared_at;
	mono_t level_at;      /* then it had all that it should, and no more */
	long pid;	      /* of the HAProxy last seen */
	struct hash *serving; /* leases whose names it has; owned */
	size_t serving_count;
	size_t left_out; /* routes without room, at the last comparison */
	struct certs *certs;
};

/* The names that lead to this expose of the lease: those of `accept`, and our own
 * one. 0: it needs a port. */
size_t proxy_hosts(const struct agent *g, struct arena *a, const struct id *lease,
		   const struct service *s, const struct expose *x, const char ***hosts);
/* HOST_TAKEN when one of the names that the lease has under this manifest is
 * another's, or will be by an update that goes on. works: all live ones. */
int proxy_hosts_free(const struct agent *g, struct arena *a, const struct work *works, size_t count,
		     const struct work *w, const struct manifest *m, struct err *e) mustcheck;
/* http://NAME or https://NAME, as the world can reach it. */
const char *proxy_url(const struct agent *g, struct arena *a, const char *host);
/* All routes of all leases, as they should be, and whose they are: the `owner` of a
 * route is a number in *leases. */
int proxy_routes(struct agent *g, struct arena *a, struct host_route **routes, size_t *count,
		 struct hash **leases, size_t *lease_count, struct err *e) mustcheck;

void proxy_start(struct agent *g);
void proxy_poke(struct agent *g);
/* Whether the names of the lease work; true without a proxy. */
bool proxy_serves(const struct agent *g, const struct hash *lease);

/* Whether since then it was seen to lead to nobody who is to have no traffic;
 * true without a proxy. */
bool proxy_settled(const struct agent *g, mono_t since);

/* certs.c */
void certs_start(struct proxy *p);
/* HAProxy is new, and knows none. */
void certs_forget(struct proxy *p);

#endif
