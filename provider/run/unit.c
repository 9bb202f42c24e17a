/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One container: brought up until it is ready, and taken down until nothing of
 * it is left. Both are idempotent from their first step: after kill -9 they
 * begin again, find images on disk and containers in the jail, and adopt what
 * runs.
 */
#include "provider/run/unit.h"

#include <netinet/in.h>

#include "deploy/rules.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/run/exits.h"
#include "provider/image/cache.h"
#include "provider/run/probe.h"
#include "provider/ingress/proxy.h"
#include "provider/bid/spot.h"

#define POLL_US	       (5 * MILLI_US)
#define PULL_POLL_US   (20 * MILLI_US)
#define READY_POLL_US  (10 * MILLI_US)
#define READY_LAST_US  (2 * SECOND_US)
#define READY_SLOW_US  (250 * MILLI_US)
#define UP_LIMIT_US    (1200 * SECOND_US)
#define DOWN_LIMIT_US  ((STOP_S_MAX + 60) * SECOND_US)
#define KILL_AGAIN_US  (3 * SECOND_US)
#define DRAIN_MIN_US   (300 * MILLI_US)
#define DRAIN_MAX_US   (5 * SECOND_US)
#define STOP_POLL_US   (20 * MILLI_US)
#define PIDS_MAX       256u
#define STOP_S_DEFAULT 10u

/* ------------------------------------------------------------------ */
/* What both know.                                                      */

struct up {
	struct hash lease;
	uint32_t unit;
	struct work work;
	struct manifest manifest;
	const struct service *service;
	struct image image;
	struct jail_layer unpack;
	uint32_t layer;
	struct jail_create *create;
	size_t create_len;
	struct jail_ref ref;
	struct jail_stat stat;
	struct chan_call call;
	struct check tcp; /* made up: a port that is open to the world answers */
	struct probe probe;
	char address[NET_ADDRESS_SIZE];
	uint32_t port; /* which of the work's is asked next */
	mono_t ready_by;
	bool adopted, asked; /* asked: the jail is to start it */
};

static struct unit *
unit_of(struct task *t, const struct hash *lease, uint32_t number)
{
	return &live_of(t->owner, lease)->units[number];
}

static void
unit_why(struct unit *u, const char *text)
{
	snprintf(u->why, sizeof(u->why), "%.199s", text);
}

uint32_t
unit_stop_s(const struct service *s)
{
	return s != NULL && s->stop_s != 0 ? s->stop_s : STOP_S_DEFAULT;
}

int
unit_manifest(struct arena *a, const struct work *w, uint32_t unit, struct manifest *m,
	      struct err *e)
{
	/* One that is on its way out after an update is of a version that is gone: its
	 * service is the same, by name and place. */
	const char *text = w->units[unit].version == w->version || w->next_manifest == NULL
				   ? w->manifest
				   : w->next_manifest;

	if (text == NULL)
		return err_set(e, &WORK_UNKNOWN, "the manifest is not here");
	return json_decode(a, text, strlen(text), manifest_fields, m, e);
}

static int
up_read(struct task *t)
{
	struct up *u = t->state;
	struct agent *g = t->owner;
	const struct work_unit *unit = &u->work.units[u->unit];

	if (book_get(g->book, &t->arena, &u->lease, &u->work, &t->err) != 1)
		return t->err.code != NULL
			       ? -1
			       : err_set(&t->err, &WORK_UNKNOWN, "the lease is not in the book");
	if (u->work.state >= WORK_CLOSING)
		return err_set(&t->err, &WORK_NOT_RUNNING, "the lease is over");
	if (unit->role == UNIT_NONE)
		return err_set(&t->err, &WORK_UNKNOWN, "the unit is not in the book");
	if (unit_manifest(&t->arena, &u->work, u->unit, &u->manifest, &t->err) < 0)
		return -1;
	u->service = (const struct service *)u->manifest.services.items + unit->service;
	work_ref(&u->work, u->unit, &u->ref);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Up: the image.                                                       */

static enum next resolve(struct task *t);
static enum next unpack(struct task *t);
static enum next stat_ask(struct task *t);
static enum next create(struct task *t);
static enum next gate(struct task *t);
static enum next ready(struct task *t);

/* What the reference meant when this lease first asked. */
static const struct hash *
pin_of(const struct work *w, const char *reference)
{
	for (uint32_t i = 0; i < w->image_count; i++)
		if (strcmp(w->images[i].reference, reference) == 0)
			return &w->images[i].source;
	return NULL;
}

static int
pin_keep(struct task *t)
{
	struct up *u = t->state;
	struct agent *g = t->owner;
	struct work *w = &u->work;

	if (book_get(g->book, &t->arena, &u->lease, w, &t->err) != 1)
		return -1;
	if (pin_of(w, u->image.reference) != NULL || w->image_count == WORK_UNITS_MAX)
		return 0;
	w->images[w->image_count++] = (struct work_image){ u->image.reference, u->image.source };
	return book_put(g->book, w, &t->err);
}

/* Another container wants the same image and is fetching it. */
static bool
is_being_pulled(const struct agent *g, const char *reference)
{
	for (const struct pull *p = g->pulls; p != NULL; p = p->next)
		if (strcmp(p->reference, reference) == 0)
			return true;
	return false;
}

static enum next
turn(struct task *t)
{
	struct up *u = t->state;

	if (up_read(t) < 0)
		return TASK_FAIL;
	if (is_being_pulled(t->owner, u->service->image))
		return task_sleep(t, PULL_POLL_US);
	return task_jump(t, resolve);
}

static enum next
turn_again(struct task *t)
{
	return task_jump(t, turn);
}

static enum next
resolve(struct task *t)
{
	struct up *u = t->state;

	image_begin(&u->image, t->owner, &u->lease, u->service,
		    pin_of(&u->work, u->service->image));
	return image_resolve(t, &u->image);
}

static enum next
choose(struct task *t)
{
	return image_choose(t, &((struct up *)t->state)->image);
}

static enum next
fetch(struct task *t)
{
	struct up *u = t->state;

	if (pin_keep(t) < 0)
		return TASK_FAIL;
	return image_fetch(t, &u->image);
}

static enum next
fetched(struct task *t)
{
	struct up *u = t->state;

	if (image_read(&t->arena, &u->image, &t->err) < 0)
		return TASK_FAIL;
	u->layer = 0;
	return TASK_NEXT;
}

static enum next
unpack(struct task *t)
{
	struct up *u = t->state;

	image_layer(&u->image, u->layer, &u->unpack);
	return jail_start(t, t->owner, &u->call, JAIL_UNPACK, &u->unpack, sizeof(u->unpack));
}

static enum next
unpacked(struct task *t)
{
	struct up *u = t->state;
	struct jail_unpack_reply reply;

	if (signer_answer(&u->call, &reply, sizeof(reply), &t->err) < 0)
		return TASK_FAIL;
	if (reply.done == 0)
		return task_sleep(t, POLL_US);
	if (image_unpacked(&u->image, u->layer, reply.bytes, &t->err) < 0)
		return TASK_FAIL;
	return ++u->layer < u->image.manifest.layer_count ? task_jump(t, unpack)
							  : task_jump(t, stat_ask);
}

static enum next
unpack_again(struct task *t)
{
	return task_jump(t, unpack);
}

/* ------------------------------------------------------------------ */
/* Up: the container. One that is there already is adopted; the remains of one
 * are removed.                                                          */

static enum next
stat_ask(struct task *t)
{
	struct up *u = t->state;

	return jail_start(t, t->owner, &u->call, JAIL_STAT, &u->ref, sizeof(u->ref));
}

static enum next
decide(struct task *t)
{
	struct up *u = t->state;
	struct unit_life *life = &unit_of(t, &u->lease, u->unit)->life;
	struct jail_destroy *ask;

	if (u->call.err.code != NULL)
		return task_jump(t, create);
	memcpy(&u->stat, u->call.out, MIN(u->call.out_len, sizeof(u->stat)));
	/* It ended while none of us looked: whether it is started again is not ours to
	 * say but its policy's. */
	if (u->stat.state == JAIL_EXITED && unit_is_news(life)) {
		unit_ended(life, u->service, u->stat.exit_code, u->stat.oom != 0, clock_mono());
		if (life->state == UNIT_FINISHED)
			return TASK_DONE;
		life->state = UNIT_WORKING;
	}
	if (u->stat.state == JAIL_CREATED || u->stat.state == JAIL_RUNNING) {
		u->adopted = u->stat.state == JAIL_RUNNING;
		return task_jump(t, gate);
	}
	ask = ARENA_NEW(&t->arena, struct jail_destroy);
	ask->ref = u->ref;
	return jail_start(t, t->owner, &u->call, JAIL_DESTROY, ask, sizeof(*ask));
}

static bool
may_reach(const struct expose *x, const char *service)
{
	for (size_t i = 0; i < x->to.count; i++)
		if (strcmp(x->to.items[i], service) == 0)
			return true;
	return false;
}

static int
link_add(struct jail_create *c, uint32_t slot, const struct expose *x, struct err *e)
{
	if (c->link_count == NET_LINKS_MAX)
		return err_set(e, &ERR_TOO_BIG, "more than %d ways to other services",
			       NET_LINKS_MAX);
	c->links[c->link_count++] = (struct net_link){
		.slot = (uint16_t)slot,
		.port = (uint16_t)x->port,
		.as = (uint16_t)x->as,
		.proto = strcmp(x->proto, "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP,
	};
	return 0;
}

/* Every copy of every service finds the others by name, by the resolver of dns.h
 * or, without it, by /etc/hosts; who may connect is what their exposes say. The way to a
 * neighbour's second slot is open as well, so that whoever takes its place is reached without a
 * word to its neighbours. */
static int
links_of(const struct up *u, const struct agent *g, struct jail_host *hosts, size_t *host_count,
	 struct err *e)
{
	const struct service *services = u->manifest.services.items;

	for (uint32_t i = 0; i < u->work.unit_count; i++) {
		const struct work_unit *other = &u->work.units[i];
		const struct service *s = &services[other->service];

		if (i == u->unit || other->role != UNIT_LIVE)
			continue;
		if (g->settings->dns_port == 0)
			hosts[(*host_count)++] =
				(struct jail_host){ s->name, (uint16_t)other->slot };
		for (size_t k = 0; k < s->exposes.count; k++) {
			const struct expose *x = (const struct expose *)s->exposes.items + k;

			if (!may_reach(x, u->service->name))
				continue;
			if (link_add(u->create, other->slot, x, e) < 0 ||
			    link_add(u->create, other->spare, x, e) < 0)
				return -1;
		}
	}
	return 0;
}

static enum next
create(struct task *t)
{
	struct up *u = t->state;
	const struct service *s = u->service;
	struct bundle_process process = { .args = NULL };
	struct jail_host hosts[WORK_UNITS_MAX];
	size_t host_count = 0;

	u->create = arena_alloc(&t->arena, sizeof(*u->create));
	u->create->ref = u->ref;
	u->create->layer_count = image_layers(&u->image, u->create->layers);
	u->create->memory_bytes = s->resources.memory_bytes;
	u->create->storage_bytes = s->resources.storage_bytes;
	u->create->cpu_milli = s->resources.cpu_milli;
	u->create->pids_max = PIDS_MAX;
	u->create->slot = (uint16_t)u->work.units[u->unit].slot;
	u->create->readonly = s->readonly;
	if (links_of(u, t->owner, hosts, &host_count, &t->err) < 0 ||
	    oci_process(&t->arena, &u->image.config, s, &process, &t->err) < 0 ||
	    image_user(&t->arena, &u->image, &process.uid, &process.gid, &t->err) < 0 ||
	    jail_create_pack(u->create, &process, s->name, hosts, host_count, &u->create_len,
			     &t->err) < 0 ||
	    volumes_pack(t->owner, &t->arena, &u->work, &u->manifest, u->unit, u->create,
			 &u->create_len, &t->err) < 0)
		return TASK_FAIL;
	return jail_start(t, t->owner, &u->call, JAIL_CREATE, u->create, u->create_len);
}

static enum next
created(struct task *t)
{
	struct up *u = t->state;

	if (u->call.err.code != NULL) {
		t->err = u->call.err;
		err_wrap(&t->err, "create");
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

/* Nothing runs before our own look at the chain has shown the deposit locked. */
static enum next
gate(struct task *t)
{
	struct up *u = t->state;
	struct agent *g = t->owner;

	u->asked = live_of(g, &u->lease)->opened;
	if (!u->asked)
		return task_sleep(t, POLL_US);
	unit_of(t, &u->lease, u->unit)->exited = false;
	exits_watch(g, unit_of(t, &u->lease, u->unit),
		    jail_log_dir(&t->arena, &g->jail_config, &u->ref));
	return jail_start(t, g, &u->call, JAIL_START, &u->ref, sizeof(u->ref));
}

static const struct check *
ready_check(const struct service *s)
{
	const struct check *c = s->checks.items;

	for (size_t i = 0; i < s->checks.count; i++)
		if (strcmp(c[i].use, "ready") == 0)
			return &c[i];
	return NULL;
}

/* How long it may take. The launch is the market's business; later starts have
 * the time that their ready check gives them, or a minute. */
static int64_t
ready_limit(const struct up *u)
{
	const struct check *c = u->service->checks.items, *ready = ready_check(u->service);
	int64_t limit = 60;

	if (!u->work.reported)
		return (int64_t)MAX(u->work.terms.launch, 4u) * SECOND_US / 2;
	if (ready != NULL && ready->grace_s != 0)
		return (int64_t)(ready->grace_s + ready->every_s * ready->failures) * SECOND_US;
	for (size_t i = 0; i < u->service->checks.count; i++)
		limit = MAX(limit, (int64_t)c[i].grace_s + c[i].every_s * c[i].failures);
	return limit * SECOND_US;
}

static enum next
started(struct task *t)
{
	struct up *u = t->state;

	if (!u->asked) /* it may have been opened since */
		return task_jump(t, gate);
	if (u->call.err.code != NULL) {
		t->err = u->call.err;
		err_wrap(&t->err, "start");
		return TASK_FAIL;
	}
	unit_began(&unit_of(t, &u->lease, u->unit)->life, clock_mono());
	unit_of(t, &u->lease, u->unit)->life.state = UNIT_WORKING;
	u->ready_by = clock_mono() + ready_limit(u);
	return TASK_NEXT;
}

/* ------------------------------------------------------------------ */
/* Up: ready, when it runs, its ports to the world take connections, and its own
 * ready check says so. The first of these that does not is asked again. */

static enum next
ready(struct task *t)
{
	struct up *u = t->state;

	return jail_start(t, t->owner, &u->call, JAIL_STAT, &u->ref, sizeof(u->ref));
}

/* The next thing to be asked, or NULL. */
static const struct check *
question(struct up *u)
{
	const struct expose *x = u->service->exposes.items;

	for (; u->port < u->service->exposes.count; u->port++)
		if (x[u->port].global && strcmp(x[u->port].proto, "udp") != 0) {
			u->tcp = (struct check){ .kind = "tcp",
						 .port = x[u->port].port,
						 .timeout_s = 1 };
			return &u->tcp;
		}
	return u->port == u->service->exposes.count ? ready_check(u->service) : NULL;
}

static enum next
ready_ask(struct task *t)
{
	struct up *u = t->state;
	struct agent *g = t->owner;
	struct unit *unit = unit_of(t, &u->lease, u->unit);
	const struct check *c;

	if (signer_answer(&u->call, &u->stat, sizeof(u->stat), &t->err) < 0)
		return TASK_FAIL;
	if (u->stat.state == JAIL_EXITED) {
		unit_ended(&unit->life, u->service, u->stat.exit_code, u->stat.oom != 0,
			   clock_mono());
		if (unit->life.state == UNIT_FINISHED && u->stat.exit_code == 0)
			return TASK_DONE; /* a job, and it is done */
		err_set(&t->err, &IMAGE_REFUSED, "service %s ended at once with %d%s",
			u->service->name, u->stat.exit_code, u->stat.oom ? " (out of memory)" : "");
		return TASK_FAIL;
	}
	c = question(u);
	if (c == NULL) {
		unit->life.ready = unit->life.was_ready = true;
		return TASK_DONE;
	}
	net_address(&g->jail_config.net, (uint16_t)u->work.units[u->unit].slot, 2, u->address);
	u->probe.agent = g;
	u->probe.check = c;
	u->probe.ref = u->ref;
	u->probe.address = u->address;
	return probe_ask(t, &u->probe);
}

static enum next
ready_wait(struct task *t)
{
	return probe_wait(t, &((struct up *)t->state)->probe);
}

static enum next
ready_read(struct task *t)
{
	struct up *u = t->state;
	mono_t now = clock_mono(), pause;

	probe_read(&u->probe);
	if (u->probe.good) {
		u->port++;
		return task_jump(t, ready);
	}
	if (now > u->ready_by) {
		err_set(&t->err, &ERR_TIMEOUT, "service %s is not ready: %s", u->service->name,
			u->probe.why);
		return TASK_FAIL;
	}
	/* At first often; who takes long is asked ever less often. */
	pause = (now - unit_of(t, &u->lease, u->unit)->life.started_at) / 20;
	return task_sleep(t,
			  MIN(MAX(pause, u->probe.check == &u->tcp ? READY_POLL_US : READY_SLOW_US),
			      READY_LAST_US));
}

static enum next
ready_again(struct task *t)
{
	return task_jump(t, ready);
}

static const struct step up_steps[] = { { "turn", turn },
					{ "turn_again", turn_again },
					{ "resolve", resolve },
					{ "choose", choose },
					{ "fetch", fetch },
					{ "fetched", fetched },
					{ "unpack", unpack },
					{ "unpacked", unpacked },
					{ "unpack_again", unpack_again },
					{ "stat", stat_ask },
					{ "decide", decide },
					{ "create", create },
					{ "created", created },
					{ "gate", gate },
					{ "started", started },
					{ "ready", ready },
					{ "ready_ask", ready_ask },
					{ "ready_wait", ready_wait },
					{ "ready_read", ready_read },
					{ "ready_again", ready_again },
					STEP_END };

/* What is not ready in time but runs, goes on running: its checks decide. But what
 * an update has brought has failed. */
static void
up_done(struct task *t)
{
	struct up *u = t->state;
	struct unit *unit = unit_of(t, &u->lease, u->unit);
	bool started = unit->life.started_at != 0;

	unit->task = NULL;
	cache_trim(t->owner);
	if (t->err.code == NULL) {
		unit_why(unit, "");
		if (unit->life.state == UNIT_WORKING)
			unit->life.state = UNIT_RUNNING;
		log_info(unit->life.state == UNIT_FINISHED ? "unit.finished" : "unit.ready",
			 "container=%s copy=%u adopted=%d", u->ref.name, u->ref.copy, u->adopted);
	} else {
		unit_why(unit, t->err.text);
		if (unit->life.state == UNIT_WORKING && started && t->err.code == &ERR_TIMEOUT &&
		    u->work.reported && u->work.units[u->unit].role == UNIT_LIVE &&
		    u->work.units[u->unit].version == u->work.version) {
			unit->life.state = UNIT_RUNNING;
			/* Nobody else would ask: who has no ready check is ready. */
			unit->life.ready = ready_check(u->service) == NULL;
		} else if (unit->life.state == UNIT_WORKING)
			unit_failed(&unit->life, clock_mono());
		log_warn("unit.failed", "container=%s copy=%u code=%s error=\"%s\"", u->ref.name,
			 u->ref.copy, t->err.code->name, t->err.text);
	}
	if (unit->exited)
		runner_exited(t->owner, &u->lease, u->unit);
	runner_unit_changed(t->owner, &u->lease, u->unit, &t->err);
}

void
unit_up(struct agent *g, const struct work *w, uint32_t number)
{
	struct unit *unit = &live_of(g, &w->hash)->units[number];
	struct task *t =
		task_new(&g->loop, "up", up_steps, sizeof(struct up), UP_LIMIT_US, up_done, g);
	struct up *u = t->state;

	u->lease = w->hash;
	u->unit = number;
	unit->task = t;
	unit->cpu_milli = 0;
	unit->life.state = UNIT_WORKING;
}

/* ------------------------------------------------------------------ */
/* Down: its traffic ends, TERM, its time of grace, KILL, and all of it removed. Logs stay. */

struct down {
	struct hash lease;
	uint32_t unit;
	struct jail_ref ref;
	struct jail_stat stat;
	struct jail_destroy destroy;
	struct chan_call call;
	mono_t began, kill_at;
	int64_t grace_us;
	bool drain; /* it had traffic */
	bool never; /* its policy */
};

static enum next down_drain(struct task *t);
static enum next down_stop(struct task *t);
static enum next down_stat(struct task *t);

/* Nothing new comes any more; what is under way may end. */
static enum next
down_drain(struct task *t)
{
	struct down *d = t->state;
	mono_t since = clock_mono() - d->began;

	if (!d->drain || since >= DRAIN_MAX_US ||
	    (since >= DRAIN_MIN_US && proxy_settled(t->owner, d->began)))
		return task_jump(t, down_stop);
	return task_sleep(t, STOP_POLL_US);
}

static enum next
down_drain_again(struct task *t)
{
	return task_jump(t, down_drain);
}

static enum next
down_stop(struct task *t)
{
	struct down *d = t->state;

	d->kill_at = clock_mono() + d->grace_us;
	exits_forget(t->owner, unit_of(t, &d->lease, d->unit));
	return jail_start(t, t->owner, &d->call, JAIL_STOP, &d->ref, sizeof(d->ref));
}

static enum next
down_stat(struct task *t)
{
	struct down *d = t->state;

	return jail_start(t, t->owner, &d->call, JAIL_STAT, &d->ref, sizeof(d->ref));
}

static enum next
down_read(struct task *t)
{
	struct down *d = t->state;
	struct unit_life *life = &unit_of(t, &d->lease, d->unit)->life;
	bool there = d->call.err.code == NULL;

	if (there)
		memcpy(&d->stat, d->call.out, MIN(d->call.out_len, sizeof(d->stat)));
	if (!there || (d->stat.state != JAIL_RUNNING && d->stat.state != JAIL_PAUSED)) {
		if (there && d->stat.state == JAIL_EXITED && d->stat.exit_code >= 0) {
			life->exit_code = d->stat.exit_code;
			life->oom = d->stat.oom != 0;
		}
		d->destroy.ref = d->ref;
		return jail_start(t, t->owner, &d->call, JAIL_DESTROY, &d->destroy,
				  sizeof(d->destroy));
	}
	if (clock_mono() < d->kill_at)
		return task_sleep(t, STOP_POLL_US);
	d->kill_at = clock_mono() + KILL_AGAIN_US;
	return jail_start(t, t->owner, &d->call, JAIL_KILL, &d->ref, sizeof(d->ref));
}

static enum next
down_gone(struct task *t)
{
	struct down *d = t->state;

	if (d->destroy.ref.name[0] == '\0')
		return task_jump(t, down_stat);
	if (d->call.err.code == NULL || d->call.err.code == &JAIL_UNKNOWN)
		return TASK_DONE;
	t->err = d->call.err;
	return TASK_FAIL;
}

static const struct step down_steps[] = { { "drain", down_drain },
					  { "drain_again", down_drain_again },
					  { "stop", down_stop },
					  { "stat", down_stat },
					  { "read", down_read },
					  { "gone", down_gone },
					  STEP_END };

static void
down_done(struct task *t)
{
	struct down *d = t->state;
	struct unit *unit = unit_of(t, &d->lease, d->unit);

	unit->task = NULL;
	if (t->err.code != NULL) {
		unit_why(unit, t->err.text);
		log_warn("unit.stays", "container=%s copy=%u error=\"%s\"", d->ref.name,
			 d->ref.copy, t->err.text);
		unit_failed(&unit->life, clock_mono());
	} else {
		unit_removed(&unit->life, d->never, clock_mono());
	}
	runner_unit_changed(t->owner, &d->lease, d->unit, &t->err);
}

void
unit_down(struct agent *g, const struct work *w, uint32_t number, const struct service *s)
{
	struct unit *unit = &live_of(g, &w->hash)->units[number];
	struct task *t = task_new(&g->loop, "down", down_steps, sizeof(struct down), DOWN_LIMIT_US,
				  down_done, g);
	struct down *d = t->state;

	d->lease = w->hash;
	d->unit = number;
	d->grace_us = unit_stop_s(s) * SECOND_US;
	d->began = clock_mono();
	d->drain = unit->life.ready && !unit->life.ill;
	/* Interrupted: TERM at once, and the whole notice to end. */
	if (spot_notice_us(g, w) > 0) {
		d->grace_us = spot_notice_us(g, w);
		d->drain = false;
	}
	d->never = s != NULL && s->restart != NULL && strcmp(s->restart, "never") == 0;
	work_ref(w, number, &d->ref);
	unit->task = t;
	unit->life.state = UNIT_WORKING;
	unit->life.ready = false;
}
