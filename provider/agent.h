/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - the role of a provider that talks: to the market, to tenants, to
 * registries. No root, no key. It asks the jail for containers and the signer
 * for signatures.
 *
 *	agent.c        the role: start-up, timers, registration
 *	bidder.c       the market's events: price, seal, bid or decline; accept
 *	appraise.c     what we would ask for a group, or why we decline (pricing.c,
 *	               price_program.c, audits.c); quotes.c  the same, not binding
 *	offers.c       our standing offer (offering.c): post, renew, withdraw; what it wins
 *	runner.c       leases from accepted to running to ended, level-triggered;
 *	               launch.c and sweep.c are its beginning and end
 *	unit.c         one container up and down; unit_life.c when
 *	update.c       from one manifest to the next;  checks.c ready and health
 *	plan.c         which slots and ports a lease has
 *	keep.c         which volumes and devices it has, what is left for others;
 *	               volumes kept after its end
 *	expire.c       leases that were accepted and never opened
 *	proxy.c        host names, by HAProxy; certs.c certificates for them
 *	metering.c     readings into signed usage
 *	spot.c         the interruptible tier; spot_pool.c  what the market is told
 *	slow.c         CPU of throttled leases
 *	deposit.c      what the chain says of a deposit, and what follows
 *	gateway_api.c  what tenants may ask over HTTPS; payer_api.c  usage and vouchers,
 *	               by tenants and keys that they lent
 *	session_api.c  commands and files over WebSockets; forward_api.c  ports
 *	logs_api.c     logs; log_keeper.c  and how long they are kept
 */
#ifndef GAVEL_AGENT_H
#define GAVEL_AGENT_H

#include "deploy/manifest.h"
#include "lib/chan.h"
#include "lib/fetch.h"
#include "lib/http.h"
#include "provider/book_db.h"
#include "provider/bid/doubt.h"
#include "provider/jail/jail_client.h"
#include "provider/settings.h"

struct ingress;
struct live;
struct pull;
struct audits;
struct offers;

struct agent {
	struct loop loop;
	const struct provider_settings *settings;
	struct evm evm; /* the chain's nodes */
	struct jail_config jail_config;
	struct domain domain;
	struct address self, market;
	struct chan *signer, *jail;
	int exec_fd;
	struct book *book;
	struct http *gateway;
	struct hash tls_pin;
	struct sse *events;
	struct timer *register_timer, *run_timer, *meter_timer, *volume_timer;
	bool volume_busy;
	const char *token; /* for the market; renewed with the registration */
	char token_text[1024];
	struct audits *audits;	 /* what auditors say of us: audits.h */
	struct offers *offers;	 /* what stands: offers.h */
	unsigned quotes;	 /* questions being answered */
	unsigned prices_asked;	 /* price programs that run: price_program.h */
	unsigned deposits_asked; /* questions to the chain: deposit.h */
	struct spot *spot;	 /* pools: spot.h */
	uint32_t spot_free_s;	 /* the market's rule: a run interrupted sooner is free */
	bool registered;
	struct doubt clock; /* while it is doubted, nothing is metered */
	mono_t clock_asked; /* the market, for the time */
	bool sweep_due;	    /* an event may have ended a lease */
	mono_t swept_at;    /* when the market was last asked of all leases */
	mono_t orphans_at;  /* when the jail was last asked for unknown containers */
	struct busy *busy;  /* leases that a task works on */
	struct live *lives; /* what is seen of leases */
	int inotify;
	struct route_in *ingresses; /* open endpoints */
	uint64_t moves;	     /* grows when units change: who takes traffic, who has which slot */
	struct proxy *proxy; /* of HTTP host names, or NULL */
	bool meter_busy;
	struct pull *pulls;	 /* images being fetched: image.h */
	bool trimming;		 /* the image store: cache.h */
	struct tickets *tickets; /* what tenants have open; see session.h */
};

struct agent_start {
	const struct provider_settings *settings;
	const struct jail_config *jail;
	struct address self;
};
/* fds: signer, jail, descriptors from the jail. Never returns. */
_Noreturn void agent_run(void *start, const int *fds);

/* One task at a time works on a lease. */
bool busy_begin(struct agent *g, const struct hash *lease);
void busy_end(struct agent *g, const struct hash *lease);

/* bidder.c */
void bidder_start(struct agent *g);

/* runner.c */
void runner_look(void *agent);
/* The container of a unit has ended by itself. */
void runner_exited(struct agent *g, const struct hash *lease, uint32_t number);
/* A unit has come up or gone down; or failed to, and why. */
void runner_unit_changed(struct agent *g, const struct hash *lease, uint32_t number,
			 const struct err *why);
/* What is sold now: reserved = the sum over live work. */
int
runner_reserved(struct agent *g, struct arena *a, struct resources *sum, struct err *e) mustcheck;
/* The services of the stored manifest. */
int
work_manifest(struct arena *a, const struct work *w, struct manifest *m, struct err *e) mustcheck;
void work_ref(const struct work *w, uint32_t unit, struct jail_ref *ref);

/* metering.c: read all running leases, store, sign new usage. */
void meter_poll(void *agent);
/* This one, now: and it takes the turn that dues_next() wants. */
void meter_read(struct agent *g, const struct work *w);
/* It is paused, and the usage up to there is not signed yet. */
bool work_owes_usage(const struct work *w);
/* Our clock is believed; else the market is asked, and nothing is read meanwhile. */
bool meter_may(struct agent *g) mustcheck;
/* A reading into the work, as its state has it. */
void work_take(struct work *w, const struct meter_reading *r);
struct price_lease work_price(const struct work *w);
/* One container into a reading; a live one that does not run is not healthy. */
void meter_add(struct meter_reading *r, uint32_t unit, bool live, const struct jail_stat *stat);

/* plan.c: slots and ports of a lease, chosen once; its ports opened and closed. */
int plan_work(struct agent *g, struct arena *a, struct work *w, const struct manifest *m,
	      struct err *e) mustcheck;
int plan_open_ports(struct agent *g, const struct work *w, struct err *e) mustcheck;
/* Which unit is this copy of this service; no service: the first. Its label is
 * service and copy, "web.0". */
int work_unit_find(struct arena *a, const struct work *w, const char *service, uint32_t copy,
		   uint32_t *unit, struct err *e) mustcheck;
const char *
work_unit_label(struct arena *a, const struct work *w, const struct manifest *m, uint32_t unit);
bool plan_ports_open(const struct agent *g, const struct work *w);
void plan_close_ports(struct agent *g, const struct hash *lease);
/* Which units take traffic has changed. */
void plan_refresh_ports(struct agent *g, const struct work *w);
/* The ports as another version of the manifest has them, at the same doors. */
void plan_repoint(struct work *w, const struct manifest *m);
/* What tenants are told: an array in the arena. */
struct endpoint *plan_endpoints(const struct agent *g, struct arena *a, const struct work *w,
				const struct manifest *m, size_t *count) mustcheck;

/* quotes.c: an event quote.requested. */
void quote_begin(struct agent *g, const char *data);

/* expire.c: accepted, and the time in which it could be opened is over; ask the
 * chain, and let the sweep take it if that is so. */
bool work_has_lapsed(const struct work *w, wall_t now);
void expire_begin(struct agent *g, const struct work *w);

/* keep.c: what is left of the machine beside all live leases and kept volumes,
 * for this tenant and group: volumes that it may take over are not counted. */
int agent_room(struct agent *g, struct arena *a, const struct address *tenant,
	       const struct group *group, struct room *out, struct err *e) mustcheck;
/* Beside firm leases alone: what the pools have. */
int agent_pool_room(struct agent *g, struct arena *a, struct room *out, struct err *e) mustcheck;
/* The lease's whole reservation is kept for it: not when it is paused for long. */
bool work_holds_all(const struct agent *g, const struct work *w) mustcheck;
/* 1: there is room for a paused lease to run again, on these devices; 0: not now. */
int work_may_return(struct agent *g, struct arena *a, const struct work *w,
		    struct json_strs *devices, struct err *e) mustcheck;
/* The volumes that the manifest takes over from an older lease are there. */
int volumes_can_take(struct agent *g, struct arena *a, const struct work *w,
		     const struct manifest *m, struct err *e) mustcheck;
/* Enter the lease's volumes into the book, taken over or to be made. */
int volumes_plan(struct agent *g, struct arena *a, const struct work *w, const struct manifest *m,
		 struct err *e) mustcheck;
/* Mounts and devices of a unit into its packed CREATE call. */
int volumes_pack(struct agent *g, struct arena *a, const struct work *w, const struct manifest *m,
		 uint32_t unit, struct jail_create *call, size_t *len, struct err *e) mustcheck;
/* The lease has ended: keep its volumes for a while, or not. */
int volumes_end(struct agent *g, const struct work *w, struct err *e) mustcheck;
/* Remove those whose time is over. */
void volumes_look(void *agent);

/* Calls to the jail: start in a step, read in the next. */
enum next jail_start(struct task *t, struct agent *g, struct chan_call *call, enum jail_verb verb,
		     const void *in, size_t len);

/* *_api.c */
void manifest_create(struct request *r);
void work_show(struct request *r);
void usage_show(struct request *r);
void voucher_take(struct request *r);
void close_create(struct request *r);
void logs_show(struct request *r);
void volumes_show(struct request *r);
void volume_remove(struct request *r);
void gateway_info(struct request *r);
void update_create(struct request *r);
void work_write_price(struct jsonw *w, const struct work *work);
void work_write_usage(struct jsonw *w, const struct work *work);
void exec_open(struct request *r);
void files_open(struct request *r);
void forward_open(struct request *r);

/* log_keeper.c: logs of ended leases go when their time is over. */
void log_keeper_look(void *agent);
/* The tenant's token for this lease: the work, or an answered request and false. */
bool gateway_work(struct request *r, const char *scope, const struct hash *lease, struct work *w);
bool gateway_lease(struct request *r, struct hash *lease);
/* The same for a WebSocket of this protocol to a running unit, scope "exec",
 * named by the query's service and copy. */
bool gateway_socket(struct request *r, const char *protocol, struct work *w, uint32_t *unit);
/* A small number of the query; 0 when it is not there. */
uint32_t query_number(const struct request *r, const char *name);
/* The tenant's token for all of its leases: its address, or an answered request. */
bool gateway_tenant(struct request *r, const char *scope, struct address *tenant);

extern const struct code WORK_UNKNOWN, WORK_NOT_RUNNING, VOLUMES_MISSING;

#endif
