/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases, level-triggered: every second, and whenever something happens, each
 * live lease of the book is looked at and the one thing it needs is done.
 *
 *	accepted --launch--> running --(close)--> closing --sweep--> ended
 *	    |                   |
 *	    +-----(the market says failed, or never opened)----> ended
 *
 * launch is idempotent from its first step: after kill -9 it starts again, finds
 * images on disk and containers in the jail, and adopts what runs.
 */
#include "provider/image.h"
#include "provider/ingress.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lease/evm.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"

#define POLL_US		(5 * MILLI_US)
#define READY_POLL_US	(10 * MILLI_US)
#define LAUNCH_LIMIT_US (900 * SECOND_US)
#define SWEEP_EVERY_US	(10 * SECOND_US)  /* should an event have been lost */
#define OPEN_LIMIT_US	(120 * SECOND_US) /* accepted, but never opened */

/* ------------------------------------------------------------------ */
/* What a lease needs.                                                  */

int
work_manifest(struct arena *a, const struct work *w, struct manifest *m, struct err *e)
{
	if (w->manifest == NULL)
		return err_set(e, &WORK_UNKNOWN, "the manifest is not here yet");
	return json_decode(a, w->manifest, strlen(w->manifest), manifest_fields, m, e);
}

/* Containers carry the name of their lease in lower case, and their number. */
void
work_ref(const struct work *w, uint32_t unit, struct jail_ref *ref)
{
	struct err e = ERR_NONE;

	if (jail_ref_make(&w->id, (uint8_t)unit, ref, &e) < 0)
		fatal("%s", e.text);
}

int
runner_reserved(struct agent *g, struct arena *a, struct resources *sum, struct err *e)
{
	struct work *works;
	size_t count;

	*sum = (struct resources){ .cpu_milli = 0 };
	if (book_live(g->book, a, &works, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct resources need = group_total(&works[i].award.group);

		resources_add(sum, &need);
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Launch.                                                              */

struct launch {
	struct work work;
	struct manifest manifest;
	struct image *images; /* one per service */
	uint32_t service, unit;
	struct jail_image unpack;
	struct jail_create *create;
	size_t create_len;
	struct jail_ref ref;
	struct jail_stat stat;
	struct chan_call call;
	struct fetch f;
	int probe;
	mono_t ready_by;
	bool adopted, failed;
};

static const struct service *
service_of(const struct launch *l, uint32_t i)
{
	return (const struct service *)l->manifest.services.items + i;
}

static const struct service *
unit_service(const struct launch *l)
{
	return service_of(l, l->work.units[l->unit].service);
}

static enum next resolve(struct task *t);
static enum next unpack(struct task *t);
static enum next unit_stat(struct task *t);
static enum next opened_ask(struct task *t);
static enum next start(struct task *t);
static enum next ready(struct task *t);
static enum next report(struct task *t);

static enum next
launch_plan(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;

	if (book_get(g->book, &t->arena, &l->work.hash, &l->work, &t->err) != 1 ||
	    work_manifest(&t->arena, &l->work, &l->manifest, &t->err) < 0 ||
	    plan_work(g, &t->arena, &l->work, &l->manifest, &t->err) < 0)
		return TASK_FAIL;
	l->images = arena_alloc(&t->arena, l->manifest.services.count * sizeof(*l->images));
	return TASK_NEXT;
}

static enum next
resolve(struct task *t)
{
	struct launch *l = t->state;

	image_begin(&l->images[l->service], t->owner, service_of(l, l->service)->image);
	return image_resolve(t, &l->images[l->service]);
}

static enum next
fetch(struct task *t)
{
	struct launch *l = t->state;

	return image_fetch(t, &l->images[l->service]);
}

static enum next
fetched(struct task *t)
{
	struct launch *l = t->state;
	struct image *img = &l->images[l->service];

	if (image_read(&t->arena, img, &t->err) < 0)
		return TASK_FAIL;
	l->unpack.digest = img->digest;
	return TASK_NEXT;
}

static enum next
unpack(struct task *t)
{
	struct launch *l = t->state;

	return jail_start(t, t->owner, &l->call, JAIL_UNPACK, &l->unpack, sizeof(l->unpack));
}

static enum next
unpacked(struct task *t)
{
	struct launch *l = t->state;
	struct jail_unpack_reply reply;

	if (signer_answer(&l->call, &reply, sizeof(reply), &t->err) < 0)
		return TASK_FAIL;
	if (reply.done == 0)
		return task_sleep(t, POLL_US);
	if (++l->service < l->manifest.services.count)
		return task_jump(t, resolve);
	return task_jump(t, unit_stat);
}

static enum next
unpack_again(struct task *t)
{
	return task_jump(t, unpack);
}

/* A container that is there already is adopted; the remains of one are removed. */
static enum next
unit_stat(struct task *t)
{
	struct launch *l = t->state;

	work_ref(&l->work, l->unit, &l->ref);
	return jail_start(t, t->owner, &l->call, JAIL_STAT, &l->ref, sizeof(l->ref));
}

static enum next unit_next(struct task *t);
static enum next create(struct task *t);

static enum next
unit_decide(struct task *t)
{
	struct launch *l = t->state;
	struct jail_destroy *ask;

	if (l->call.err.code != NULL)
		return task_jump(t, create);
	memcpy(&l->stat, l->call.out, MIN(l->call.out_len, sizeof(l->stat)));
	if (l->stat.state == JAIL_CREATED || l->stat.state == JAIL_RUNNING) {
		l->adopted = l->adopted || l->stat.state == JAIL_RUNNING;
		return task_jump(t, unit_next);
	}
	ask = ARENA_NEW(&t->arena, struct jail_destroy);
	ask->ref = l->ref;
	return jail_start(t, t->owner, &l->call, JAIL_DESTROY, ask, sizeof(*ask));
}

static void
links_of(struct launch *l, struct jail_create *c, struct jail_host *hosts, size_t *host_count)
{
	/* Every copy of every service finds the others by name; who may connect
	 * is what their exposes say. */
	for (uint32_t u = 0; u < l->work.unit_count && *host_count < NET_LINKS_MAX; u++) {
		const struct service *s = service_of(l, l->work.units[u].service);

		if (u == l->unit)
			continue;
		hosts[*host_count] = (struct jail_host){ s->name, (uint16_t)l->work.units[u].slot };
		(*host_count)++;
		for (size_t k = 0; k < s->exposes.count && c->link_count < NET_LINKS_MAX; k++) {
			const struct expose *x = (const struct expose *)s->exposes.items + k;

			for (size_t i = 0; i < x->to.count; i++)
				if (strcmp(x->to.items[i], unit_service(l)->name) == 0) {
					c->links[c->link_count++] = (struct net_link){
						.slot = (uint16_t)l->work.units[u].slot,
						.port = (uint16_t)x->port,
						.proto = strcmp(x->proto, "udp") == 0 ? IPPROTO_UDP
										      : IPPROTO_TCP,
					};
					break;
				}
		}
	}
}

static enum next
create(struct task *t)
{
	struct launch *l = t->state;
	const struct service *s = unit_service(l);
	const struct image *img = &l->images[l->work.units[l->unit].service];
	struct bundle_process process = { .args = NULL };
	struct jail_host hosts[NET_LINKS_MAX];
	size_t host_count = 0;

	l->create = arena_alloc(&t->arena, sizeof(*l->create));
	l->create->ref = l->ref;
	l->create->image = img->digest;
	l->create->memory_bytes = s->resources.memory_bytes;
	l->create->storage_bytes = s->resources.storage_bytes;
	l->create->cpu_milli = s->resources.cpu_milli;
	l->create->pids_max = 256;
	l->create->slot = (uint16_t)l->work.units[l->unit].slot;
	l->create->readonly = s->readonly;
	links_of(l, l->create, hosts, &host_count);
	if (oci_process(&t->arena, &img->config, s, &process, &t->err) < 0 ||
	    image_user(&t->arena, img, &process.uid, &process.gid, &t->err) < 0 ||
	    jail_create_pack(l->create, &process, s->name, hosts, host_count, &l->create_len,
			     &t->err) < 0 ||
	    volumes_pack(t->owner, &t->arena, &l->work, &l->manifest, l->unit, l->create,
			 &l->create_len, &t->err) < 0)
		return TASK_FAIL;
	return jail_start(t, t->owner, &l->call, JAIL_CREATE, l->create, l->create_len);
}

static enum next
created(struct task *t)
{
	struct launch *l = t->state;

	if (l->call.err.code != NULL) {
		t->err = l->call.err;
		err_wrap(&t->err, "create");
		return TASK_FAIL;
	}
	return TASK_NEXT;
}

static enum next
unit_next(struct task *t)
{
	struct launch *l = t->state;

	if (++l->unit < l->work.unit_count)
		return task_jump(t, unit_stat);
	l->unit = 0;
	return l->work.meter.began != 0 ? task_jump(t, start) : task_jump(t, opened_ask);
}

/* ------------------------------------------------------------------ */
/* Nothing runs before our own look at the chain shows the deposit locked. */

static enum next
opened_ask(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;
	const char *body = rpc_call(&t->arena, NULL, &g->settings->escrow,
				    escrow_lease_state(&t->arena, &l->work.hash));

	l->f = (struct fetch){ .method = "POST",
			       .url = g->settings->rpc_url,
			       .body = body,
			       .body_len = strlen(body),
			       .timeout_us = 5 * SECOND_US };
	return fetch_start(t, &l->f);
}

static enum next
opened_read(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;
	struct escrow_lease state;
	struct json *result;
	const uint8_t *data;
	size_t len;

	if (l->f.err.code != NULL) {
		log_warn("chain.unreachable", "error=\"%s\"", l->f.err.text);
		return task_sleep(t, SECOND_US);
	}
	if (rpc_result(&t->arena, l->f.reply, l->f.reply_len, &result, &t->err) < 0 ||
	    rpc_bytes_read(&t->arena, result, &data, &len, &t->err) < 0)
		return TASK_FAIL;
	if (!escrow_lease_read(data, len, &state) || state.deposit.units == 0) {
		if (clock_wall() - l->work.created > OPEN_LIMIT_US) {
			err_set(&t->err, &ERR_TIMEOUT, "the lease was never opened");
			return TASK_FAIL;
		}
		return task_sleep(t, MIN(POLL_US * (int64_t)(1 + t->hops / 40), 200 * MILLI_US));
	}
	if (amount_cmp(state.deposit, l->work.terms.deposit) < 0) {
		err_set(&t->err, &AMOUNT_SHORT, "the deposit on chain is below the terms");
		return TASK_FAIL;
	}
	l->work.meter.began = (wall_t)state.up_to * SECOND_US;
	if (book_put(g->book, &l->work, &t->err) < 0)
		return TASK_FAIL;
	return task_jump(t, start);
}

static enum next
opened_again(struct task *t)
{
	return task_jump(t, opened_ask);
}

/* ------------------------------------------------------------------ */

static enum next
start(struct task *t)
{
	struct launch *l = t->state;

	work_ref(&l->work, l->unit, &l->ref);
	return jail_start(t, t->owner, &l->call, JAIL_START, &l->ref, sizeof(l->ref));
}

static enum next
started(struct task *t)
{
	struct launch *l = t->state;

	if (l->call.err.code != NULL) {
		t->err = l->call.err;
		err_wrap(&t->err, "start");
		return TASK_FAIL;
	}
	if (++l->unit < l->work.unit_count)
		return task_jump(t, start);
	l->unit = 0;
	l->ready_by = clock_mono() + (int64_t)MAX(l->work.terms.launch, 4u) * SECOND_US / 2;
	return TASK_NEXT;
}

/* Ready: every container runs, and every open port takes a connection. */
static enum next
ready(struct task *t)
{
	struct launch *l = t->state;

	work_ref(&l->work, l->unit, &l->ref);
	return jail_start(t, t->owner, &l->call, JAIL_STAT, &l->ref, sizeof(l->ref));
}

static bool
port_answers(const struct agent *g, const struct work *w, const struct work_port *p)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)p->inside) };
	char text[NET_ADDRESS_SIZE];
	int fd, result;
	struct timeval patience = { 0, 2000 };

	net_address(&g->jail_config.net, (uint16_t)w->units[p->unit].slot, 2, text);
	if (inet_pton(AF_INET, text, &to.sin_addr) != 1)
		return false;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* Over a veth pair of this machine the answer comes in microseconds. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	result = connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return result == 0;
}

static enum next
ready_read(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;
	bool all = true;

	if (signer_answer(&l->call, &l->stat, sizeof(l->stat), &t->err) < 0)
		return TASK_FAIL;
	if (l->stat.state == JAIL_EXITED) {
		err_set(&t->err, &IMAGE_REFUSED, "service %s ended at once with %d%s",
			unit_service(l)->name, l->stat.exit_code,
			l->stat.oom ? " (out of memory)" : "");
		return TASK_FAIL;
	}
	for (uint32_t i = 0; i < l->work.port_count; i++)
		if (l->work.ports[i].unit == l->unit && strcmp(l->work.ports[i].proto, "udp") != 0)
			all = all && port_answers(g, &l->work, &l->work.ports[i]);
	if (!all && clock_mono() > l->ready_by) {
		err_set(&t->err, &ERR_TIMEOUT, "service %s does not answer on its port",
			unit_service(l)->name);
		return TASK_FAIL;
	}
	if (!all)
		return task_sleep(t, READY_POLL_US);
	if (++l->unit < l->work.unit_count)
		return task_jump(t, ready);
	return task_jump(t, report);
}

static enum next
ready_again(struct task *t)
{
	return task_jump(t, ready);
}

/* ------------------------------------------------------------------ */
/* Tell the market, then it runs.                                       */

static const char *
report_body(struct task *t, const char *failure)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;
	struct endpoint *e = arena_alloc(&t->arena, (l->work.port_count + 1) * sizeof(*e));
	struct launch_post post = { .lease = l->work.hash,
				    .healthy = failure == NULL,
				    .error = failure,
				    .endpoints = { e, failure == NULL ? l->work.port_count : 0 } };

	for (uint32_t i = 0; i < post.endpoints.count; i++) {
		const struct work_port *p = &l->work.ports[i];

		e[i] = (struct endpoint){
			.service = service_of(l, l->work.units[p->unit].service)->name,
			.port = p->inside,
			.url = arena_printf(&t->arena, "%s://%s:%u", p->proto,
					    g->settings->public_host, p->outside),
		};
	}
	return json_encode(&t->arena, launch_post_fields, &post);
}

static enum next
send_report(struct task *t, const char *failure)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;
	const char *body = report_body(t, failure);

	l->f = (struct fetch){ .method = "POST",
			       .url = arena_printf(&t->arena, "%s/v1/launches",
						   g->settings->market_url),
			       .body = body,
			       .body_len = strlen(body),
			       .bearer = g->token,
			       .ca_path = g->settings->market_ca };
	return fetch_start(t, &l->f);
}

static enum next
report(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;

	if (plan_open_ports(g, &l->work, &t->err) < 0)
		return TASK_FAIL;
	if (l->work.reported) { /* a restart of ours: nothing new for the market */
		l->work.state = WORK_RUNNING;
		return book_put(g->book, &l->work, &t->err) < 0 ? TASK_FAIL : TASK_DONE;
	}
	return send_report(t, NULL);
}

/* The market may not have seen the opening yet: it says conflict, and we wait. */
static enum next
reported(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;
	char lease[ID_TEXT_SIZE];

	if (fetch_check(&t->arena, &l->f, &t->err) < 0) {
		if (t->err.code->kind == CONFLICT || err_retryable(&t->err)) {
			t->err = (struct err)ERR_NONE;
			return task_sleep(t, 4 * POLL_US);
		}
		return TASK_FAIL;
	}
	l->work.state = WORK_RUNNING;
	l->work.reported = true;
	if (book_put(g->book, &l->work, &t->err) < 0)
		return TASK_FAIL;
	log_info("lease.running", "lease=%s containers=%u adopted=%d",
		 id_text(ID_LEASE, &l->work.id, lease), l->work.unit_count, l->adopted);
	return TASK_DONE;
}

static enum next
report_again(struct task *t)
{
	return task_jump(t, report);
}

static const struct step launch_steps[] = { { "plan", launch_plan },
					    { "resolve", resolve },
					    { "fetch", fetch },
					    { "fetched", fetched },
					    { "unpack", unpack },
					    { "unpacked", unpacked },
					    { "unpack_again", unpack_again },
					    { "stat", unit_stat },
					    { "decide", unit_decide },
					    { "create", create },
					    { "created", created },
					    { "next", unit_next },
					    { "opened", opened_ask },
					    { "opened_read", opened_read },
					    { "opened_again", opened_again },
					    { "start", start },
					    { "started", started },
					    { "ready", ready },
					    { "ready_read", ready_read },
					    { "ready_again", ready_again },
					    { "report", report },
					    { "reported", reported },
					    { "report_again", report_again },
					    STEP_END };

/* ------------------------------------------------------------------ */
/* A launch that failed is told to the market, which finds another winner. */

static enum next
failure_send(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;

	if (book_get(g->book, &t->arena, &l->work.hash, &l->work, &t->err) != 1)
		return TASK_FAIL;
	return send_report(t, l->work.failure);
}

static enum next
failure_sent(struct task *t)
{
	struct launch *l = t->state;

	if (fetch_check(&t->arena, &l->f, &t->err) < 0 && err_retryable(&t->err))
		return TASK_FAIL; /* again at the next look */
	t->err = (struct err)ERR_NONE;
	l->work.reported = true;
	return book_put(((struct agent *)t->owner)->book, &l->work, &t->err) < 0 ? TASK_FAIL
										 : TASK_DONE;
}

static const struct step failure_steps[] = { { "send", failure_send },
					     { "sent", failure_sent },
					     STEP_END };

/* ------------------------------------------------------------------ */
/* Sweep: when the market says that the lease has ended, nothing may be left. */

struct sweep {
	struct work work;
	uint32_t unit;
	struct jail_destroy ask;
	struct chan_call call;
	struct fetch f;
};

static enum next
sweep_ask(struct task *t)
{
	struct sweep *s = t->state;
	struct agent *g = t->owner;
	char text[HASH_TEXT_SIZE];

	if (book_get(g->book, &t->arena, &s->work.hash, &s->work, &t->err) != 1)
		return TASK_FAIL;
	s->f = (struct fetch){ .url = arena_printf(&t->arena, "%s/v1/leases/%s",
						   g->settings->market_url,
						   hash_text(&s->work.hash, text)),
			       .ca_path = g->settings->market_ca };
	return fetch_start(t, &s->f);
}

static enum next sweep_units(struct task *t);

/* Keep it while the lease lives. */
static enum next
sweep_decide(struct task *t)
{
	struct sweep *s = t->state;
	const struct json *state;
	struct json *doc;
	bool ended;

	/* A market that is away, or does not know the lease (restored from an old
	 * copy, or another one), changes nothing. */
	if (fetch_check(&t->arena, &s->f, &t->err) < 0 ||
	    json_parse(&t->arena, s->f.reply, s->f.reply_len, &doc, &t->err) < 0) {
		ended = false;
		t->err = (struct err)ERR_NONE;
	} else {
		state = json_get(doc, "state");
		ended = state != NULL && state->type == JSON_STRING &&
			(strcmp(state->text, "closed") == 0 || strcmp(state->text, "failed") == 0);
	}
	/* A released workload is gone whatever becomes of the settlement. */
	if (!ended && !s->work.released && !s->work.never_opened)
		return TASK_DONE;
	plan_close_ports(t->owner, &s->work.hash);
	return task_jump(t, sweep_units);
}

static enum next
sweep_units(struct task *t)
{
	struct sweep *s = t->state;

	if (s->unit >= s->work.unit_count)
		return TASK_NEXT;
	work_ref(&s->work, s->unit, &s->ask.ref);
	return jail_start(t, t->owner, &s->call, JAIL_DESTROY, &s->ask, sizeof(s->ask));
}

static enum next
sweep_next(struct task *t)
{
	struct sweep *s = t->state;
	struct agent *g = t->owner;
	char lease[ID_TEXT_SIZE];

	if (s->unit < s->work.unit_count) {
		if (s->call.err.code != NULL && s->call.err.code != &JAIL_UNKNOWN) {
			t->err = s->call.err;
			return TASK_FAIL;
		}
		s->unit++;
		return task_jump(t, sweep_units);
	}
	s->work.state = WORK_ENDED;
	if (volumes_end(g, &s->work, &t->err) < 0)
		return TASK_FAIL;
	if (book_put(g->book, &s->work, &t->err) < 0)
		return TASK_FAIL;
	volumes_look(g);
	log_info("lease.ended", "lease=%s", id_text(ID_LEASE, &s->work.id, lease));
	return TASK_DONE;
}

static const struct step sweep_steps[] = { { "ask", sweep_ask },
					   { "decide", sweep_decide },
					   { "units", sweep_units },
					   { "next", sweep_next },
					   STEP_END };

/* ------------------------------------------------------------------ */
/* The look.                                                            */

static void
work_done(struct task *t)
{
	struct work *w = t->state; /* the first member of each of these states */

	busy_end(t->owner, &w->hash);
	if (t->err.code != NULL)
		log_warn("work.failed", "task=%s code=%s error=\"%s\"", t->name, t->err.code->name,
			 t->err.text);
}

static void
launch_done(struct task *t)
{
	struct launch *l = t->state;
	struct agent *g = t->owner;
	struct err e = ERR_NONE;
	struct work w;

	work_done(t);
	if (t->err.code == NULL || t->err.code->kind == UNAVAIL)
		return;
	if (book_get(g->book, &t->arena, &l->work.hash, &w, &e) != 1)
		return;
	w.failure = t->err.text;
	if (book_put(g->book, &w, &e) < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);
	runner_look(g);
}

static void
begin(struct agent *g, const struct work *w, const char *name, const struct step *steps,
      size_t size, void (*done)(struct task *t))
{
	struct work *copy;

	if (!busy_begin(g, &w->hash))
		return;
	copy = task_new(&g->loop, name, steps, size, LAUNCH_LIMIT_US, done, g)->state;
	copy->hash = w->hash;
	copy->id = w->id;
}

/* The last reading found a container that does not run: a crash, or a reboot. */
static bool
has_stopped(const struct work *w)
{
	return w->meter.last.at != 0 && !w->meter.last.running;
}

static void
look_at(struct agent *g, const struct work *w, bool sweep)
{
	if (w->never_opened)
		begin(g, w, "sweep", sweep_steps, sizeof(struct sweep), work_done);
	else if (sweep && work_has_lapsed(w, clock_wall()))
		expire_begin(g, w);
	else if (w->state == WORK_ACCEPTED && w->failure != NULL && !w->reported)
		begin(g, w, "failure", failure_steps, sizeof(struct launch), work_done);
	else if (w->state == WORK_ACCEPTED && w->failure == NULL && w->manifest != NULL)
		begin(g, w, "launch", launch_steps, sizeof(struct launch), launch_done);
	else if (w->state == WORK_RUNNING && !w->released && w->failure == NULL &&
		 (!plan_ports_open(g, w) || has_stopped(w)))
		begin(g, w, "adopt", launch_steps, sizeof(struct launch), launch_done);
	else if (w->state == WORK_CLOSING || w->failure != NULL || sweep)
		begin(g, w, "sweep", sweep_steps, sizeof(struct sweep), work_done);
}

void
runner_look(void *arg)
{
	struct agent *g = arg;
	struct err e = ERR_NONE;
	struct work *works;
	struct arena a;
	size_t count = 0;
	bool sweep = g->sweep_due || clock_mono() - g->swept_at > SWEEP_EVERY_US;

	if (!g->registered)
		return;
	if (sweep)
		g->swept_at = clock_mono();
	g->sweep_due = false;
	arena_init(&a, 0);
	if (book_live(g->book, &a, &works, &count, &e) < 0)
		log_warn("book.failed", "error=\"%s\"", e.text);
	for (size_t i = 0; i < count; i++)
		look_at(g, &works[i], sweep);
	arena_release(&a);
}
