/* SPDX-License-Identifier: Apache-2.0 */
#include "market/clerk.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "query.h"

#define LOCK_NUMBER   7237 /* one clerk per database */
#define DESK_EVERY_US (250 * MILLI_US)
#define DESK_MOST     100
#define AGAIN_US      SECOND_US /* an order whose action failed */

/* ------------------------------------------------------------------ */
/* Telling.                                                            */

void
clerk_tell_webs(struct clerk *c)
{
	for (size_t i = 0; c->pokes[i] >= 0; i++)
		send(c->pokes[i], "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
clerk_event(struct batch *b, const char *type, const char *prefix, const struct id *id, wall_t now,
	    const char *data)
{
	char subject[ID_TEXT_SIZE];

	q_event_add(b, type, id_text(prefix, id, subject), now, data);
}

/* ------------------------------------------------------------------ */
/* Tasks on one order.                                                 */

struct clerk *
clerk_of(struct task *t)
{
	return t->owner;
}

struct desk_order *
clerk_order(struct task *t)
{
	return t->state;
}

/* One task at a time works on an order; facts that come meanwhile are looked
 * at when it ends. */
struct at_work {
	struct at_work *next;
	struct hash order;
};

static bool
is_at_work(const struct clerk *c, const struct hash *order)
{
	for (const struct at_work *w = c->at_work; w != NULL; w = w->next)
		if (hash_equal(&w->order, order))
			return true;
	return false;
}

static void
at_work_end(struct clerk *c, const struct hash *order)
{
	for (struct at_work **at = &c->at_work, *w; (w = *at) != NULL; at = &w->next)
		if (hash_equal(&w->order, order)) {
			*at = w->next;
			free(w);
			return;
		}
}

static void
clerk_task_done(struct task *t)
{
	struct clerk *c = t->owner;
	char text[ID_TEXT_SIZE];

	at_work_end(c, &clerk_order(t)->hash);

	if (t->err.code != NULL)
		log_warn("clerk.failed", "task=%s order=%s code=%s error=\"%s\"", t->name,
			 id_text(ID_ORDER, &clerk_order(t)->id, text), t->err.code->name,
			 t->err.text);
	clerk_tell_webs(c);
	clerk_look(c);
}

/* The group's lists and texts live in the desk's arena: copy them by way of
 * their JSON, which every field table can write and read. */
static void
copy_group(struct arena *a, const struct group *from, struct group *to)
{
	const char *text = json_encode(a, group_fields, from);
	struct err e = ERR_NONE;

	if (json_decode(a, text, strlen(text), group_fields, to, &e) < 0)
		fatal("group: %s", e.text);
}

struct task *
clerk_task(struct clerk *c, const char *name, const struct step *steps, size_t size,
	   const struct desk_order *o)
{
	struct task *t = task_new(&c->loop, name, steps, size, 20 * SECOND_US, clerk_task_done, c);
	struct desk_order *copy = t->state;
	struct at_work *w = xcalloc(1, sizeof(*w));

	w->order = o->hash;
	w->next = c->at_work;
	c->at_work = w;
	*copy = *o;
	copy_group(&t->arena, &o->group, &copy->group);
	copy->refused = o->refused != NULL ? arena_strdup(&t->arena, o->refused) : NULL;
	copy->launch_error =
		o->launch_error != NULL ? arena_strdup(&t->arena, o->launch_error) : NULL;
	return t;
}

/* ------------------------------------------------------------------ */
/* Reading the desk.                                                   */

struct desk {
	struct batch *b;
	wall_t now;
};

static enum next
desk_read(struct task *t)
{
	struct desk *d = t->state;
	struct clerk *c = t->owner;

	d->now = clock_wall();
	d->b = batch_new(t);
	q_orders_due(d->b, d->now, DESK_MOST);
	q_quotes_announce(d->b, d->now);
	return db_run(t, c->db, d->b);
}

static void
read_facts(const struct clerk *c, const struct batch *b, size_t row, struct desk_order *o)
{
	struct life_facts *f = &o->facts;
	wall_t opened = row_int(b, 0, row, "opened") * SECOND_US;

	if (order_state_read(row_text(b, 0, row, "state"), &f->order) < 0)
		fatal("order state %s", row_text(b, 0, row, "state"));
	f->fast = strcmp(row_text(b, 0, row, "auction"), "fast") == 0;
	f->lease = LEASE_NONE;
	if (!row_null(b, 0, row, "lease_state") &&
	    lease_state_read(row_text(b, 0, row, "lease_state"), &f->lease) < 0)
		fatal("lease state %s", row_text(b, 0, row, "lease_state"));
	f->round = (uint32_t)row_int(b, 0, row, "round");
	f->invited = (uint32_t)row_int(b, 0, row, "invited");
	f->answered = (uint32_t)row_int(b, 0, row, "answered");
	f->deserted = row_bool(b, 0, row, "deserted");
	f->ranked = row_bool(b, 0, row, "ranked");
	f->chosen = row_bool(b, 0, row, "chosen");
	f->choose_by = row_time(b, 0, row, "choose_by");
	f->failures = (uint32_t)row_int(b, 0, row, "failures");
	f->order_ends = row_time(b, 0, row, "ends_at");
	f->round_ends = row_time(b, 0, row, "round_ends");
	f->accept_by = row_time(b, 0, row, "accept_by");
	f->cancel_asked = !row_null(b, 0, row, "cancel_at");
	f->refused = !row_null(b, 0, row, "refused");
	f->accepted = !row_null(b, 0, row, "lease_sig");
	f->open_pending = row_int(b, 0, row, "open_pending") > 0;
	f->open_failed = row_int(b, 0, row, "open_failed") > 0;
	f->opened = opened > 0;
	f->opened_at = opened;
	/* The contract takes a void for terms.launch seconds; ask in good time. */
	f->void_until = opened + (wall_t)o->terms.launch * SECOND_US;
	f->launch_by =
		opened + (wall_t)MIN(c->settings->launch_s, o->terms.launch * 3 / 4) * SECOND_US;
	f->launched = !row_null(b, 0, row, "launched_at");
	f->launched_at = row_time(b, 0, row, "launched_at");
	f->seen_at = row_time(b, 0, row, "seen_at");
	f->paid = row_bool(b, 0, row, "was_paid");
	f->launch_told = row_bool(b, 0, row, "launch_told");
	f->launch_failed = !row_null(b, 0, row, "launch_error");
	f->void_pending = row_int(b, 0, row, "void_pending") > 0;
	f->voided = row_int(b, 0, row, "voided") > 0;
	f->released = !row_null(b, 0, row, "released");
	f->close_pending = row_int(b, 0, row, "close_pending") > 0;
	f->closed = row_int(b, 0, row, "closed") > 0;
	o->opened_at = opened;
}

static int
read_order(const struct clerk *c, struct arena *a, const struct batch *b, size_t row,
	   struct desk_order *o, struct err *e)
{
	const char *terms = row_text(b, 0, row, "terms"), *group = row_text(b, 0, row, "grp"),
		   *lease_terms = row_text(b, 0, row, "lease_terms");

	row_bytes(b, 0, row, "hash", o->hash.b, sizeof(o->hash.b));
	row_bytes(b, 0, row, "id", o->id.b, sizeof(o->id.b));
	row_bytes(b, 0, row, "tenant", o->tenant.b, sizeof(o->tenant.b));
	row_bytes(b, 0, row, "sig", o->sig.b, sizeof(o->sig.b));
	o->care_hours = (uint32_t)row_int(b, 0, row, "care_hours");
	o->window_us = row_int(b, 0, row, "window_us");
	if (json_decode(a, terms, strlen(terms), order_terms_fields, &o->terms, e) < 0 ||
	    json_decode(a, group, strlen(group), group_fields, &o->group, e) < 0)
		return err_wrap(e, "stored order");
	read_facts(c, b, row, o);
	row_bytes(b, 0, row, "pubkey", o->round_key.b, sizeof(o->round_key.b));
	if (o->facts.lease == LEASE_NONE)
		return 0;
	row_bytes(b, 0, row, "lease_hash", o->lease.b, sizeof(o->lease.b));
	row_bytes(b, 0, row, "lease_id", o->lease_id.b, sizeof(o->lease_id.b));
	row_bytes(b, 0, row, "provider", o->provider.b, sizeof(o->provider.b));
	o->rate.nano = row_u128(b, 0, row, "rate");
	o->refused = o->facts.refused ? row_text(b, 0, row, "refused") : NULL;
	o->launch_error = o->facts.launch_failed ? row_text(b, 0, row, "launch_error") : NULL;
	if (json_decode(a, lease_terms, strlen(lease_terms), lease_terms_fields, &o->lease_terms,
			e) < 0)
		return err_wrap(e, "stored lease");
	return 0;
}

/* ------------------------------------------------------------------ */
/* Actions that are one statement and one event.                        */

/* {"id": .., "hash": .., "reason": ..} and the lease's names, if there is one. */
static const char *
event_data(struct arena *a, const struct desk_order *o, const char *reason)
{
	char text[HASH_TEXT_SIZE];
	struct jsonw *w = jsonw_new(false);
	const char *copy;

	jsonw_open(w, '{');
	jsonw_member(w, "order", "%s", id_text(ID_ORDER, &o->id, text));
	jsonw_member(w, "order_hash", "%s", hash_text(&o->hash, text));
	jsonw_member(w, "tenant", "%s", address_text(&o->tenant, text));
	jsonw_member(w, "reason", "%s", reason);
	if (o->facts.lease != LEASE_NONE) {
		jsonw_member(w, "lease", "%s", id_text(ID_LEASE, &o->lease_id, text));
		jsonw_member(w, "lease_hash", "%s", hash_text(&o->lease, text));
		jsonw_member(w, "provider", "%s", address_text(&o->provider, text));
	}
	jsonw_close(w, '}');
	copy = arena_strdup(a, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

struct desk_task {
	struct desk_order order; /* first: clerk_order() */
	struct batch *b;
};

static enum next
finish(struct task *t)
{
	struct desk_task *d = t->state;

	return batch_failed(d->b, &t->err) ? TASK_FAIL : TASK_DONE;
}

static struct batch *
begin(struct task *t)
{
	struct desk_task *d = t->state;

	d->b = batch_new(t);
	return d->b;
}

static const char *
why_failed(const struct desk_order *o)
{
	if (o->facts.refused)
		return o->refused;
	if (o->facts.open_failed)
		return "the chain refused to open the lease";
	if (o->facts.launch_failed)
		return o->launch_error;
	if (o->facts.launched)
		return "died within 60 s of its launch";
	return o->facts.opened ? "not launched in time" : "not accepted in time";
}

static enum next
run_fail_award(struct task *t)
{
	struct desk_order *o = clerk_order(t);
	struct batch *b = begin(t);
	wall_t now = clock_wall();

	q_order_fail_award(b, &o->hash, order_state_name(o->facts.order), &o->lease, why_failed(o),
			   now);
	clerk_event(b, "lease.failed", ID_ORDER, &o->id, now,
		    event_data(&t->arena, o, why_failed(o)));
	return db_run(t, clerk_of(t)->db, b);
}

static enum next
run_mark_opened(struct task *t)
{
	struct desk_order *o = clerk_order(t);
	struct batch *b = begin(t);
	wall_t now = clock_wall();

	q_lease_opened(b, &o->lease, &o->hash, o->opened_at, o->facts.launch_by);
	clerk_event(b, "lease.opened", ID_ORDER, &o->id, now, event_data(&t->arena, o, ""));
	return db_run(t, clerk_of(t)->db, b);
}

static enum next
run_tell_launched(struct task *t)
{
	struct desk_order *o = clerk_order(t);
	struct batch *b = begin(t);

	q_lease_launch_told(b, &o->lease);
	clerk_event(b, "lease.launched", ID_ORDER, &o->id, clock_wall(),
		    event_data(&t->arena, o, ""));
	return db_run(t, clerk_of(t)->db, b);
}

static enum next
run_mark_closed(struct task *t)
{
	struct desk_order *o = clerk_order(t);
	struct batch *b = begin(t);
	wall_t now = clock_wall();

	q_lease_closed(b, &o->lease, &o->hash, now);
	clerk_event(b, "lease.closed", ID_ORDER, &o->id, now, event_data(&t->arena, o, ""));
	return db_run(t, clerk_of(t)->db, b);
}

static enum next
run_intent(struct task *t, const char *kind)
{
	struct desk_order *o = clerk_order(t);
	struct clerk *c = clerk_of(t);
	struct batch *b = begin(t);

	q_intent_add(b, kind, &o->lease, (struct amount){ 0 }, clock_wall());
	/* Looked at again when the chain has spoken, or after a while. */
	q_order_sleep(b, &o->hash, clock_wall() + 30 * SECOND_US, clock_wall());
	c->settle_again = true;
	timer_poke(c->settle_timer);
	return db_run(t, c->db, b);
}

static enum next
run_send_open(struct task *t)
{
	return run_intent(t, "open");
}

static enum next
run_send_void(struct task *t)
{
	return run_intent(t, "void");
}

static enum next
run_send_close(struct task *t)
{
	return run_intent(t, "close");
}

/* An order that ends without a lease; a lease not yet open ends with it. */
static enum next
run_end(struct task *t, enum order_state state, const char *reason)
{
	struct desk_order *o = clerk_order(t);
	struct batch *b = begin(t);
	wall_t now = clock_wall();

	if (o->facts.lease != LEASE_NONE)
		q_order_fail_award(b, &o->hash, order_state_name(o->facts.order), &o->lease, reason,
				   now);
	q_order_move(b, &o->hash,
		     o->facts.lease != LEASE_NONE ? "open" : order_state_name(o->facts.order),
		     order_state_name(state), reason, 0);
	clerk_event(b, arena_printf(&t->arena, "order.%s", order_state_name(state)), ID_ORDER,
		    &o->id, now, event_data(&t->arena, o, reason));
	return db_run(t, clerk_of(t)->db, b);
}

static enum next
run_unfilled(struct task *t)
{
	return run_end(t, ORDER_UNFILLED,
		       clerk_order(t)->facts.order == ORDER_RANKED ? "nothing was chosen in time"
								   : "no acceptable bid in time");
}

/* The chosen one has failed: the tenant picks again, from the same bids. */
static enum next
run_rank(struct task *t)
{
	struct desk_order *o = clerk_order(t);
	struct batch *b = begin(t);
	wall_t now = clock_wall();

	q_order_move(b, &o->hash, "open", "ranked", "", o->facts.choose_by);
	clerk_event(b, "order.ranked", ID_ORDER, &o->id, now,
		    event_data(&t->arena, o, "the one that was chosen has failed"));
	return db_run(t, clerk_of(t)->db, b);
}

static enum next
run_cancel(struct task *t)
{
	return run_end(t, ORDER_CANCELLED, "taken back by the tenant");
}

static enum next
run_expire(struct task *t)
{
	return run_end(t, ORDER_EXPIRED, "the winners failed");
}

#define ACTION(name)                                                                               \
	static const struct step name##_steps[] = { { #name, run_##name },                         \
						    { "finish", finish },                          \
						    STEP_END }
ACTION(fail_award);
ACTION(rank);
ACTION(mark_opened);
ACTION(tell_launched);
ACTION(mark_closed);
ACTION(send_open);
ACTION(send_void);
ACTION(send_close);
ACTION(unfilled);
ACTION(cancel);
ACTION(expire);

/* ------------------------------------------------------------------ */
/* The desk: one life_next() per order.                                 */

static void
desk_act(struct clerk *c, const struct desk_order *o, enum life_action action)
{
	static const struct step *const steps[] = {
		[LIFE_FAIL_AWARD] = fail_award_steps, [LIFE_RANK] = rank_steps,
		[LIFE_SEND_OPEN] = send_open_steps,   [LIFE_MARK_OPENED] = mark_opened_steps,
		[LIFE_SEND_VOID] = send_void_steps,   [LIFE_TELL_LAUNCHED] = tell_launched_steps,
		[LIFE_SEND_CLOSE] = send_close_steps, [LIFE_MARK_CLOSED] = mark_closed_steps,
		[LIFE_UNFILLED] = unfilled_steps,     [LIFE_CANCEL] = cancel_steps,
		[LIFE_EXPIRE] = expire_steps,
	};
	char text[ID_TEXT_SIZE];

	log_info("order.step", "order=%s state=%s action=%s", id_text(ID_ORDER, &o->id, text),
		 order_state_name(o->facts.order), life_action_name(action));
	if (action == LIFE_ANNOUNCE)
		round_announce(c, o);
	else if (action == LIFE_CLEAR)
		round_clear(c, o);
	else if (action == LIFE_AWARD)
		round_award(c, o);
	else
		clerk_task(c, life_action_name(action), steps[action], sizeof(struct desk_task), o);
}

/* Orders that wait are put to sleep in one batch; those with an action get a
 * task, and a time to look again should it come to nothing. */
static enum next
desk_decide(struct task *t)
{
	struct desk *d = t->state;
	struct clerk *c = t->owner;
	struct batch *due = d->b;

	if (batch_failed(due, &t->err))
		return TASK_FAIL;
	if (rows_count(due, 1) > 0)
		clerk_tell_webs(c);
	c->desk_again = c->desk_again || rows_count(due, 0) == DESK_MOST;
	if (rows_count(due, 0) == 0)
		return TASK_DONE;
	d->b = batch_new(t);
	for (size_t i = 0; i < rows_count(due, 0); i++) {
		struct desk_order o = { .refused = NULL };
		struct life_step step;
		wall_t until;

		if (read_order(c, &t->arena, due, i, &o, &t->err) < 0)
			return TASK_FAIL;
		if (is_at_work(c, &o.hash))
			continue;
		step = life_next(&o.facts, d->now);
		until = step.action != LIFE_WAIT ? d->now + AGAIN_US : step.until;
		/* A sleeping order with nothing to wait for is woken by facts; the
		 * hour is for facts that were lost. */
		if (until == 0)
			until = order_ended(o.facts.order) ? 0 : d->now + 3600 * SECOND_US;
		q_order_sleep(d->b, &o.hash, until, d->now);
		if (step.action != LIFE_WAIT)
			desk_act(c, &o, step.action);
	}
	return batch_length(d->b) > 0 ? db_run(t, c->db, d->b) : TASK_DONE;
}

static enum next
desk_end(struct task *t)
{
	struct desk *d = t->state;

	return batch_failed(d->b, &t->err) ? TASK_FAIL : TASK_DONE;
}

static const struct step desk_steps[] = {
	{ "read", desk_read }, { "decide", desk_decide }, { "end", desk_end }, STEP_END
};

static void desk_start(void *arg);

static void
desk_done(struct task *t)
{
	struct clerk *c = t->owner;

	c->desk_busy = false;
	if (t->err.code != NULL)
		log_warn("desk.failed", "error=\"%s\"", t->err.text);
	if (c->desk_again)
		desk_start(c);
}

static void
desk_start(void *arg)
{
	struct clerk *c = arg;

	/* Not before the chain was read: what we remember of orders may be old. */
	c->desk_again = c->desk_busy;
	if (c->desk_busy || !c->caught_up)
		return;
	c->desk_busy = true;
	task_new(&c->loop, "desk", desk_steps, sizeof(struct desk), 10 * SECOND_US, desk_done, c);
}

void
clerk_look(struct clerk *c)
{
	desk_start(c);
}

/* ------------------------------------------------------------------ */
/* The role.                                                           */

static void
on_poke(evutil_socket_t fd, short what, void *arg)
{
	struct clerk *c = arg;
	char buf[16];

	(void)what;
	if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) == 0)
		loop_stop(&c->loop);
	receipts_poll(c);
	clerk_look(c);
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct clerk *c = arg;

	(void)signo;
	(void)what;
	loop_stop(&c->loop);
}

void
clerk_run(void *start, const int *fds)
{
	const struct clerk_start *begin_with = start;
	const struct market_settings *s = begin_with->settings;
	static struct clerk c;
	struct err e = ERR_NONE;
	struct event *ev;
	size_t n = 0;

	c.settings = s;
	c.market = begin_with->market;
	c.evm = s->evm;
	domain_init(&c.domain, s->chain_id, &s->escrow);
	if (loop_init(&c.loop, &e) < 0)
		fatal("%s", e.text);
	ev = evsignal_new(c.loop.base, SIGTERM, on_signal, &c);
	event_add(ev, NULL);
	c.signer = chan_open(&c.loop, fds[0]);
	for (; fds[1 + n] >= 0; n++) {
		c.pokes[n] = fds[1 + n];
		ev = event_new(c.loop.base, c.pokes[n], EV_READ | EV_PERSIST, on_poke, &c);
		event_add(ev, NULL);
	}
	c.pokes[n] = -1;
	log_info("clerk.waiting", "lock=%d", LOCK_NUMBER);
	c.db = db_open(&c.loop, s->database, LOCK_NUMBER, &e);
	if (c.db == NULL)
		fatal("%s", e.text);
	log_info("clerk.working", "webs=%zu", n);
	evm_watch(&c.loop, &c.evm, NODES_EVERY_US);
	c.desk_timer = timer_every(&c.loop, 0, DESK_EVERY_US, desk_start, &c);
	c.tick_timer =
		timer_every(&c.loop, 0, (int64_t)MAX(s->tick_ms, 10u) * MILLI_US, ticks_poll, &c);
	c.index_timer =
		timer_every(&c.loop, 0, (int64_t)s->chain_poll_ms * MILLI_US, indexer_poll, &c);
	c.settle_timer =
		timer_every(&c.loop, 0, MIN(s->settle_every_ms, 500u) * MILLI_US, settler_poll, &c);
	timer_every(&c.loop, 0, (int64_t)s->index_every_s * SECOND_US, price_index_poll, &c);
	deposits_start(&c);
	loop_run(&c.loop);
	_exit(0);
}
