/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tenants ask of their provider, over TLS pinned by the key it signed:
 * hand in the manifest, see status and usage, countersign, close.
 */
#include "lease/jwt.h"
#include "lease/key.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/agent.h"

#define STOP_GRACE_US (3 * SECOND_US)
#define STOP_POLL_US  (20 * MILLI_US)

const struct code WORK_UNKNOWN = { "lease_not_found", NOT_FOUND,
				   "this provider has no such lease of yours" };
const struct code WORK_NOT_RUNNING = { "not_running", CONFLICT, "the workload is not running" };
static const struct code MANIFEST_OTHER = { "manifest_mismatch", INVALID,
					    "the manifest is not the one whose hash was signed" };
static const struct code MANIFEST_EXISTS = { "manifest_exists", CONFLICT,
					     "another manifest was handed in before" };
static const struct code VOUCHER_OTHER = { "voucher_mismatch", CONFLICT,
					   "the voucher is not for the latest usage" };

void
gateway_info(struct request *r)
{
	struct agent *g = r->ctx;
	char text[ADDRESS_TEXT_SIZE];
	struct jsonw *w = jsonw_new(false);

	jsonw_open(w, '{');
	jsonw_member(w, "version", "%s", GAVEL_VERSION);
	jsonw_member(w, "provider", "%s", address_text(&g->self, text));
	jsonw_close(w, '}');
	request_answer_json(r, 200, w);
}

bool
gateway_lease(struct request *r, struct hash *lease)
{
	struct err e = ERR_NONE;

	if (hash_read(request_part(r, "lease"), lease, &e) == 0)
		return true;
	err_set(&e, &WORK_UNKNOWN, "a lease is named by its hash here");
	request_fail(r, &e);
	return false;
}

/* A lease of somebody else and one that is not there answer alike. */
bool
gateway_work(struct request *r, const char *scope, const struct hash *lease, struct work *w)
{
	static const struct hash any;
	struct agent *g = r->ctx;
	struct jwt_claims claims;
	struct err e = ERR_NONE;

	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &g->self, scope, &claims, &e) <
	    0) {
		request_fail(r, &e);
		return false;
	}
	if (book_get(g->book, &r->arena, lease, w, &e) == 1 &&
	    address_equal(&w->terms.tenant, &claims.iss) &&
	    (hash_equal(&claims.lease, &any) || hash_equal(&claims.lease, lease)))
		return true;
	if (e.code == NULL)
		err_set(&e, &WORK_UNKNOWN, "not known here");
	request_fail(r, &e);
	return false;
}

bool
gateway_tenant(struct request *r, const char *scope, struct address *tenant)
{
	static const struct hash any;
	struct agent *g = r->ctx;
	struct jwt_claims claims;
	struct err e = ERR_NONE;

	if (jwt_check(&r->arena, request_bearer(r), clock_wall(), &g->self, scope, &claims, &e) ==
		    0 &&
	    hash_equal(&claims.lease, &any)) {
		*tenant = claims.iss;
		return true;
	}
	if (e.code == NULL)
		err_set(&e, &TOKEN_BAD, "the token is for one lease only");
	request_fail(r, &e);
	return false;
}

/* ------------------------------------------------------------------ */
/* POST /v1/manifests                                                   */

static int
manifest_take(struct agent *g, struct arena *a, struct work *w, const struct json *node,
	      struct err *e)
{
	struct manifest m;
	struct hash h;
	const char *text;

	if (json_read(a, node, manifest_fields, &m, e) < 0 || manifest_check(&m, e) < 0)
		return err_wrap(e, "manifest");
	h = manifest_hash(&m);
	if (!hash_equal(&h, &w->award.group.manifest))
		return err_set(e, &MANIFEST_OTHER, "its hash is not the one in the order's group");
	if (manifest_matches(&m, &w->award.group, e) < 0)
		return err_wrap(e, "manifest");
	text = json_encode(a, manifest_fields, &m);
	if (w->manifest != NULL)
		return strcmp(w->manifest, text) == 0
			       ? 0
			       : err_set(e, &MANIFEST_EXISTS, "updates are another matter");
	if (volumes_can_take(g, a, w, &m, e) < 0)
		return err_wrap(e, "manifest");
	w->manifest = text;
	return book_put(g->book, w, e);
}

void
manifest_create(struct request *r)
{
	struct agent *g = r->ctx;
	struct manifest_post post;
	struct err e = ERR_NONE;
	struct work w;

	if (json_decode(&r->arena, r->body, r->body_len, manifest_post_fields, &post, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	if (!gateway_work(r, "manifest", &post.lease, &w))
		return;
	if (manifest_take(g, &r->arena, &w, post.manifest, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	runner_look(g);
	request_answer(r, 202, "application/json", "{}", 2);
}

/* ------------------------------------------------------------------ */
/* GET /v1/leases/{lease} and /usage                                    */

static const char *
phase(const struct work *w)
{
	static const char *const names[] = { "preparing", "running", "closing", "ended" };

	if (w->state == WORK_ACCEPTED && w->manifest == NULL)
		return "waiting_for_manifest";
	if (w->failure != NULL && w->state != WORK_ENDED)
		return "failed";
	return names[w->state];
}

static void
write_parts(struct jsonw *w, const struct work *work)
{
	struct price_lease price = work_price(work);
	struct meter totals = meter_totals(&work->meter);
	struct price_part parts[PRICE_PARTS];
	char text[AMOUNT_TEXT_SIZE];
	uint32_t elapsed = 0;
	size_t count;

	if (work->usage.upTo > work->meter.began / SECOND_US)
		elapsed = work->usage.upTo - (uint32_t)(work->meter.began / SECOND_US);
	count = price_parts(&price, &totals, elapsed, parts);
	jsonw_name(w, "parts");
	jsonw_open(w, '{');
	for (size_t i = 0; i < count; i++)
		jsonw_member(w, parts[i].resource, "%s", u128_text(parts[i].amount.units, text));
	jsonw_close(w, '}');
}

static void
write_usage(struct jsonw *w, const struct work *work)
{
	char text[SIG_TEXT_SIZE];

	jsonw_name(w, "usage");
	if (work->usage.seq == 0) {
		jsonw_null(w);
		return;
	}
	json_write(w, usage_terms_fields, &work->usage);
	jsonw_member(w, "usage_sig", "%s", sig_text(&work->usage_sig, text));
	jsonw_member(w, "provider_sig", "%s", sig_text(&work->voucher_sig, text));
	write_parts(w, work);
}

static void
write_endpoints(struct jsonw *w, const struct agent *g, struct arena *a, const struct work *work)
{
	struct err ignored = ERR_NONE;
	struct manifest m;

	jsonw_name(w, "endpoints");
	jsonw_open(w, '[');
	for (uint32_t i = 0; i < work->port_count && work->manifest != NULL; i++) {
		const struct work_port *p = &work->ports[i];
		struct endpoint e = { .port = p->inside };

		if (work_manifest(a, work, &m, &ignored) < 0)
			break;
		e.service = ((struct service *)m.services.items)[work->units[p->unit].service].name;
		e.url = arena_printf(a, "%s://%s:%u", p->proto, g->settings->public_host,
				     p->outside);
		json_write(w, endpoint_fields, &e);
	}
	jsonw_close(w, ']');
}

void
work_show(struct request *r)
{
	struct agent *g = r->ctx;
	char text[HASH_TEXT_SIZE];
	struct hash lease;
	struct jsonw *w;
	struct work work;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "status", &lease, &work))
		return;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", id_text(ID_LEASE, &work.id, text));
	jsonw_member(w, "hash", "%s", hash_text(&work.hash, text));
	jsonw_member(w, "phase", "%s", phase(&work));
	jsonw_name(w, "failure");
	jsonw_str(w, work.failure);
	jsonw_member(w, "created_at", "%s", time_text(work.created, text));
	write_endpoints(w, g, &r->arena, &work);
	jsonw_name(w, "memory_bytes");
	jsonw_int(w, (int64_t)work.meter.last.memory_bytes);
	jsonw_name(w, "card");
	json_write(w, rate_card_fields, &work.card);
	write_usage(w, &work);
	jsonw_close(w, '}');
	request_answer_json(r, 200, w);
}

void
usage_show(struct request *r)
{
	struct hash lease;
	struct jsonw *w;
	struct work work;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "status", &lease, &work))
		return;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	write_usage(w, &work);
	jsonw_name(w, "closing");
	jsonw_bool(w, work.released);
	jsonw_close(w, '}');
	request_answer_json(r, 200, w);
}

/* ------------------------------------------------------------------ */
/* POST /v1/leases/{lease}/vouchers: the payer countersigned            */

struct countersigned {
	struct hash lease;
	struct work work;
	struct voucher_post post;
	struct fetch f;
};

static enum next
voucher_forward(struct task *t)
{
	struct countersigned *c = t->state;
	struct agent *g = task_request(t)->ctx;
	const char *body = json_encode(&t->arena, voucher_post_fields, &c->post);

	c->f = (struct fetch){ .method = "POST",
			       .url = arena_printf(&t->arena, "%s/v1/vouchers",
						   g->settings->market_url),
			       .body = body,
			       .body_len = strlen(body),
			       .ca_path = g->settings->market_ca };
	return fetch_start(t, &c->f);
}

/* The market settles it; if it is away we have it all the same. */
static enum next
voucher_answer(struct task *t)
{
	struct countersigned *c = t->state;

	if (fetch_check(&t->arena, &c->f, &t->err) < 0 && c->f.status != 409)
		log_warn("voucher.not_forwarded", "error=\"%s\"", t->err.text);
	t->err = (struct err)ERR_NONE;
	request_answer(task_request(t), 201, "application/json", "{}", 2);
	return TASK_DONE;
}

static const struct step voucher_steps[] = { { "forward", voucher_forward },
					     { "answer", voucher_answer },
					     STEP_END };

static int
payer_check(const struct agent *g, const struct work *w, const struct voucher_terms *voucher,
	    const struct sig *sig, struct err *e)
{
	struct hash h = voucher_hash(voucher), digest = terms_digest(&g->domain, &h);
	struct err first = ERR_NONE;

	if (sig_check(sig, &digest, &w->terms.tenant, &first) == 0)
		return 0;
	if (!address_is_zero(&w->terms.cosigner))
		return sig_check(sig, &digest, &w->terms.cosigner, e);
	*e = first;
	return err_wrap(e, "voucher");
}

struct voucher_in {
	struct usage_terms usage;
	struct sig payer_sig;
};
static const struct json_field voucher_in_fields[] = {
	JSON_OBJ(struct voucher_in, usage, usage_terms_fields, 0),
	JSON_SIG(struct voucher_in, payer_sig, 0), JSON_END
};

/* The usage as the payer saw it must be the latest, or an earlier one already
 * overtaken: its chain of hashes is ours, so equality of the struct is enough. */
void
voucher_take(struct request *r)
{
	struct agent *g = r->ctx;
	struct voucher_in in;
	struct voucher_terms voucher;
	struct countersigned *c;
	struct err e = ERR_NONE;
	struct hash lease, ours, theirs;
	struct work w;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "status", &lease, &w))
		return;
	if (json_decode(&r->arena, r->body, r->body_len, voucher_in_fields, &in, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	voucher = voucher_of(&in.usage);
	ours = usage_hash(&w.usage);
	theirs = usage_hash(&in.usage);
	if (!hash_equal(&ours, &theirs)) {
		err_set(&e, &VOUCHER_OTHER, "usage %llu is the latest",
			(unsigned long long)w.usage.seq);
		request_fail(r, &e);
		return;
	}
	if (payer_check(g, &w, &voucher, &in.payer_sig, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	w.paid = in.usage;
	w.payer_sig = in.payer_sig;
	if (book_put(g->book, &w, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	c = request_task(r, "voucher", voucher_steps, sizeof(*c))->state;
	c->post = (struct voucher_post){ .usage = w.usage,
					 .usage_sig = w.usage_sig,
					 .payer_sig = in.payer_sig,
					 .provider_sig = w.voucher_sig };
}

/* ------------------------------------------------------------------ */
/* POST /v1/leases/{lease}/close: stop, read the meter a last time, sign.  */

struct closing_task {
	struct work work;
	uint32_t unit;
	mono_t kill_at;
	struct jail_ref ref;
	struct jail_stat stat;
	struct meter_reading reading;
	struct chan_call call;
	struct usage_terms usage;
	struct release_terms release;
	struct sig sigs[2], release_sig;
	bool killed, volumes_delete;
};

static struct agent *
closing_agent(struct task *t)
{
	return task_request(t)->ctx;
}

static enum next stop_unit(struct task *t);
static enum next sign_usage(struct task *t);
static enum next answer(struct task *t);

static enum next
close_begin(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);

	if (book_get(g->book, &t->arena, &c->work.hash, &c->work, &t->err) != 1)
		return TASK_FAIL;
	if (c->work.released)
		return task_jump(t, answer);
	if (c->work.meter.began == 0) {
		err_set(&t->err, &WORK_NOT_RUNNING,
			"the lease is not open yet: cancel the order instead");
		return TASK_FAIL;
	}
	if (!busy_begin(g, &c->work.hash))
		return task_sleep(t, STOP_POLL_US); /* the meter is reading */
	c->reading = (struct meter_reading){ .at = clock_wall(), .running = true };
	c->kill_at = clock_mono() + STOP_GRACE_US;
	return task_jump(t, c->work.unit_count > 0 ? stop_unit : sign_usage);
}

static enum next
close_again(struct task *t)
{
	return task_jump(t, close_begin);
}

/* The last reading is taken before the workload is stopped. */
static enum next
stop_unit(struct task *t)
{
	struct closing_task *c = t->state;

	work_ref(&c->work, c->unit, &c->ref);
	return jail_start(t, closing_agent(t), &c->call, JAIL_STAT, &c->ref, sizeof(c->ref));
}

static enum next
stop_read(struct task *t)
{
	struct closing_task *c = t->state;

	if (signer_answer(&c->call, &c->stat, sizeof(c->stat), &t->err) < 0) {
		/* Not there any more: its last stored reading stands. */
		t->err = (struct err)ERR_NONE;
		memset(&c->stat, 0, sizeof(c->stat));
		c->reading.running = false;
	}
	c->reading.running = c->reading.running && c->stat.state == JAIL_RUNNING;
	c->reading.cpu_ns += c->stat.cpu_ns;
	c->reading.memory_bytes += c->stat.memory_bytes;
	c->reading.disk_bytes += c->stat.disk_bytes;
	c->reading.egress_bytes += c->stat.tx_bytes;
	return jail_start(t, closing_agent(t), &c->call, JAIL_STOP, &c->ref, sizeof(c->ref));
}

static enum next
stop_next(struct task *t)
{
	struct closing_task *c = t->state;

	if (++c->unit < c->work.unit_count)
		return task_jump(t, stop_unit);
	c->unit = 0;
	return TASK_NEXT;
}

static enum next
gone_ask(struct task *t)
{
	struct closing_task *c = t->state;

	work_ref(&c->work, c->unit, &c->ref);
	return jail_start(t, closing_agent(t), &c->call, JAIL_STAT, &c->ref, sizeof(c->ref));
}

static enum next
gone_read(struct task *t)
{
	struct closing_task *c = t->state;
	bool there = c->call.err.code == NULL;

	if (there)
		memcpy(&c->stat, c->call.out, MIN(c->call.out_len, sizeof(c->stat)));
	if (!there || (c->stat.state != JAIL_RUNNING && c->stat.state != JAIL_PAUSED)) {
		if (++c->unit < c->work.unit_count)
			return task_jump(t, gone_ask);
		return task_jump(t, sign_usage);
	}
	if (clock_mono() < c->kill_at)
		return task_sleep(t, STOP_POLL_US);
	c->kill_at = clock_mono() + STOP_GRACE_US;
	return jail_start(t, closing_agent(t), &c->call, JAIL_KILL, &c->ref, sizeof(c->ref));
}

static enum next
gone_again(struct task *t)
{
	return task_jump(t, gone_ask);
}

static enum next
sign_usage(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);
	struct work *w = &c->work;
	struct price_lease price;

	if (book_get(g->book, &t->arena, &w->hash, w, &t->err) != 1)
		return TASK_FAIL;
	meter_take(&w->meter, &c->reading);
	price = work_price(w);
	c->usage = meter_usage(&w->meter, &price, &w->hash, w->usage.seq != 0 ? &w->usage : NULL,
			       c->reading.at);
	if (w->usage.seq != 0 && c->usage.upTo <= w->usage.upTo)
		c->usage = w->usage; /* within one second: the last word was said */
	return signer_start(t, g->signer, &c->call, SIGN_USAGE, &c->usage, sizeof(c->usage));
}

static enum next
sign_release(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);

	if (signer_answer(&c->call, c->sigs, sizeof(c->sigs), &t->err) < 0)
		return TASK_FAIL;
	c->release = (struct release_terms){ c->work.hash, c->usage.amount };
	return signer_start(t, g->signer, &c->call, SIGN_RELEASE, &c->release, sizeof(c->release));
}

static enum next
close_store(struct task *t)
{
	struct closing_task *c = t->state;
	struct agent *g = closing_agent(t);
	struct work *w = &c->work;

	if (signer_answer(&c->call, &c->release_sig, sizeof(c->release_sig), &t->err) < 0)
		return TASK_FAIL;
	w->usage = c->usage;
	w->usage_sig = c->sigs[0];
	w->voucher_sig = c->sigs[1];
	w->release_sig = c->release_sig;
	w->released = true;
	w->volumes_delete = c->volumes_delete;
	w->state = WORK_CLOSING;
	if (book_put(g->book, w, &t->err) < 0)
		return TASK_FAIL;
	busy_end(g, &w->hash);
	runner_look(g);
	return TASK_NEXT;
}

static enum next
answer(struct task *t)
{
	struct closing_task *c = t->state;
	char text[SIG_TEXT_SIZE];
	struct jsonw *w = jsonw_new(false);

	jsonw_open(w, '{');
	write_usage(w, &c->work);
	jsonw_member(w, "release_sig", "%s", sig_text(&c->work.release_sig, text));
	jsonw_close(w, '}');
	request_answer_json(task_request(t), 200, w);
	return TASK_DONE;
}

static const struct step close_steps[] = { { "begin", close_begin },
					   { "again", close_again },
					   { "stop", stop_unit },
					   { "stop_read", stop_read },
					   { "stop_next", stop_next },
					   { "gone", gone_ask },
					   { "gone_read", gone_read },
					   { "gone_again", gone_again },
					   { "usage", sign_usage },
					   { "release", sign_release },
					   { "store", close_store },
					   { "answer", answer },
					   STEP_END };

static void
close_done(struct task *t)
{
	struct closing_task *c = t->state;

	if (t->err.code != NULL) {
		busy_end(closing_agent(t), &c->work.hash);
		request_task_done(t);
	}
}

struct close_in {
	const char *volumes; /* "keep", "delete" */
};
static const struct json_field close_in_fields[] = {
	JSON_STR(struct close_in, volumes, 8, JSON_OPTIONAL), JSON_END
};

/* Kept unless it says otherwise: what is deleted does not come back. */
static int
close_read(const struct request *r, struct arena *a, bool *volumes_delete, struct err *e)
{
	struct close_in in = { .volumes = "keep" };

	if (r->body_len > 0 && json_decode(a, r->body, r->body_len, close_in_fields, &in, e) < 0)
		return -1;
	*volumes_delete = strcmp(in.volumes, "delete") == 0;
	if (!*volumes_delete && strcmp(in.volumes, "keep") != 0)
		return err_field(e, &JSON_TYPE, "/volumes", "volumes must be keep or delete");
	return 0;
}

void
close_create(struct request *r)
{
	struct err e = ERR_NONE;
	struct closing_task *c;
	bool volumes_delete;
	struct hash lease;
	struct task *t;
	struct work w;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "close", &lease, &w))
		return;
	if (close_read(r, &r->arena, &volumes_delete, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	t = request_task(r, "close", close_steps, sizeof(*c));
	t->done = close_done;
	c = t->state;
	c->work.hash = lease;
	c->volumes_delete = volumes_delete;
}
