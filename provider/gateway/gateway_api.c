/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tenants ask of their provider, over TLS pinned by the key it signed:
 * hand in the manifest, see status; payer_api.c is about usage and vouchers.
 */
#include "lease/jwt.h"
#include "lease/key.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "provider/run/deposit.h"
#include "provider/image/image.h"
#include "provider/run/live.h"
#include "provider/ingress/proxy.h"
#include "provider/bid/spot.h"
#include "provider/run/unit.h"
#include "provider/run/update.h"

const struct code WORK_UNKNOWN = { "lease_not_found", NOT_FOUND,
				   "this provider has no such lease of yours" };
const struct code WORK_NOT_RUNNING = { "not_running", CONFLICT, "the workload is not running" };
static const struct code MANIFEST_OTHER = { "manifest_mismatch", INVALID,
					    "the manifest is not the one whose hash was signed" };
static const struct code MANIFEST_EXISTS = { "manifest_exists", CONFLICT,
					     "another manifest was handed in before" };

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
			       : err_set(e, &MANIFEST_EXISTS,
					 "an update is PUT /v1/leases/{lease}/manifest");
	if (volumes_can_take(g, a, w, &m, e) < 0)
		return err_wrap(e, "manifest");
	w->manifest = text;
	w->version = 1;
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
/* PUT /v1/leases/{lease}/manifest: another version of what runs.       */

static const struct code UPDATE_RUNNING = { "update_running", CONFLICT,
					    "another update is under way" };

/* The token is the tenant's signature here: the hash in the order is that of the
 * first version. */
static int
update_take(struct agent *g, struct arena *a, struct work *w, const struct json *node,
	    struct err *e)
{
	struct manifest m, from;
	struct work *works;
	const char *text;
	size_t count;

	if (json_read(a, node, manifest_fields, &m, e) < 0 || manifest_check(&m, e) < 0 ||
	    manifest_matches(&m, &w->award.group, e) < 0)
		return err_wrap(e, "manifest");
	if (w->state != WORK_RUNNING || w->released)
		return err_set(e, &WORK_NOT_RUNNING, "only what runs can be updated");
	if (work_manifest(a, w, &from, e) < 0 || update_check(&from, &m, e) < 0)
		return -1;
	text = json_encode(a, manifest_fields, &m);
	if (w->next_manifest != NULL)
		return strcmp(w->next_manifest, text) == 0 && !w->returning
			       ? 0
			       : err_set(e, &UPDATE_RUNNING, "wait until it has ended");
	/* To what runs already: it has succeeded, whatever became of the last one. */
	if (strcmp(w->manifest, text) == 0) {
		w->update_failure = NULL;
		return book_put(g->book, w, e);
	}
	if (book_live(g->book, a, &works, &count, e) < 0 ||
	    proxy_hosts_free(g, a, works, count, w, &m, e) < 0)
		return -1;
	w->next_manifest = text;
	w->update_failure = NULL;
	return book_put(g->book, w, e);
}

struct update_put {
	struct json *manifest;
};
static const struct json_field update_put_fields[] = { JSON_NODE(struct update_put, manifest, 0),
						       JSON_END };

void
update_create(struct request *r)
{
	struct agent *g = r->ctx;
	struct update_put put;
	struct err e = ERR_NONE;
	struct hash lease;
	struct work w;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "manifest", &lease, &w))
		return;
	if (json_decode(&r->arena, r->body, r->body_len, update_put_fields, &put, &e) < 0 ||
	    update_take(g, &r->arena, &w, put.manifest, &e) < 0) {
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
	wall_t since;

	if (w->state == WORK_ACCEPTED && w->manifest == NULL)
		return "waiting_for_manifest";
	if (w->failure != NULL && w->state < WORK_ENDED)
		return "failed";
	if (w->state == WORK_RUNNING && spells_now(&w->spells, &since) == DUES_PAUSE)
		return w->spot.interrupted ? "interrupted" : "paused";
	return names[MIN(w->state, WORK_ENDED)];
}

static void
write_parts(struct jsonw *w, const struct work *work)
{
	struct price_lease price = work_price(work);
	struct meter totals = meter_totals(&work->meter);
	struct price_part parts[PRICE_PARTS];
	char text[AMOUNT_TEXT_SIZE];

	dues_amount(&price, &totals, &work->spells, work->meter.began,
		    MAX((wall_t)work->usage.upTo * SECOND_US, work->meter.began), parts);
	jsonw_name(w, "parts");
	jsonw_open(w, '{');
	for (size_t i = 0; i < PRICE_PARTS; i++)
		jsonw_member(w, parts[i].resource, "%s", u128_text(parts[i].amount.units, text));
	jsonw_close(w, '}');
}

/* By which whoever countersigns counts the usage again. */
void
work_write_price(struct jsonw *w, const struct work *work)
{
	char text[HASH_TEXT_SIZE];

	jsonw_name(w, "card");
	json_write(w, rate_card_fields, &work->card);
	jsonw_name(w, "models");
	jsonw_open(w, '[');
	for (size_t i = 0; i < work->models.count; i++)
		jsonw_str(w, work->models.items[i]);
	jsonw_close(w, ']');
	jsonw_member(w, "price_nonce", "%s", hash_text(&work->price_nonce, text));
}

void
work_write_usage(struct jsonw *w, const struct work *work)
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
	struct endpoint *list;
	struct manifest m;
	size_t count = 0;

	jsonw_name(w, "endpoints");
	jsonw_open(w, '[');
	if (work->port_count > 0 && work_manifest(a, work, &m, &ignored) == 0) {
		list = plan_endpoints(g, a, work, &m, &count);
		for (size_t i = 0; i < count; i++)
			json_write(w, endpoint_fields, &list[i]);
	}
	jsonw_close(w, ']');
}

static void
write_unit(struct jsonw *w, const struct work_unit *unit, const struct service *s,
	   const struct unit *u)
{
	jsonw_open(w, '{');
	jsonw_member(w, "service", "%s", s->name);
	jsonw_name(w, "copy");
	jsonw_int(w, unit->copy);
	jsonw_member(w, "image", "%s", s->image);
	jsonw_name(w, "version");
	jsonw_int(w, unit->version);
	jsonw_member(w, "state", "%s", unit_state_name(&u->life, unit->role));
	jsonw_name(w, "ready");
	jsonw_bool(w, u->life.state == UNIT_RUNNING && u->life.ready);
	jsonw_name(w, "restarts");
	jsonw_int(w, u->life.restarts);
	if (u->life.exit_code >= 0) {
		jsonw_name(w, "exit_code");
		jsonw_int(w, u->life.exit_code);
		jsonw_name(w, "out_of_memory");
		jsonw_bool(w, u->life.oom);
	}
	jsonw_name(w, "why");
	jsonw_str(w, u->why[0] != '\0' ? u->why : NULL);
	jsonw_close(w, '}');
}

/* Every container, and how an update of them stands. */
static void
write_units(struct jsonw *w, struct agent *g, struct arena *a, const struct work *work)
{
	const struct live *l = live_find(g, &work->hash);
	struct err ignored = ERR_NONE;
	struct manifest m;

	jsonw_name(w, "version");
	jsonw_int(w, work->version);
	jsonw_name(w, "update");
	jsonw_str(w, work->next_manifest == NULL ? NULL
		     : work->returning		 ? "returning"
						 : "rolling");
	jsonw_name(w, "update_failure");
	jsonw_str(w, work->update_failure);
	jsonw_name(w, "units");
	jsonw_open(w, '[');
	for (uint32_t i = 0; l != NULL && i < work->unit_count; i++)
		if (work->units[i].role != UNIT_NONE &&
		    unit_manifest(a, work, i, &m, &ignored) == 0)
			write_unit(w, &work->units[i],
				   (const struct service *)m.services.items +
					   work->units[i].service,
				   &l->units[i]);
	jsonw_close(w, ']');
}

/* What each reference meant, and how far the fetch under way is. */
static void
write_images(struct jsonw *w, const struct agent *g, const struct work *work)
{
	char text[HASH_TEXT_SIZE];
	const struct pull *p = g->pulls;
	uint64_t bytes, total;

	jsonw_name(w, "images");
	jsonw_open(w, '[');
	for (uint32_t i = 0; i < work->image_count; i++) {
		jsonw_open(w, '{');
		jsonw_member(w, "image", "%s", work->images[i].reference);
		jsonw_member(w, "digest", "sha256:%s",
			     hash_text(&work->images[i].source, text) + 2);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_name(w, "pull");
	while (p != NULL && !hash_equal(&p->lease, &work->hash))
		p = p->next;
	if (p == NULL) {
		jsonw_null(w);
		return;
	}
	pull_progress(p, &bytes, &total);
	jsonw_open(w, '{');
	jsonw_member(w, "image", "%s", p->reference);
	jsonw_name(w, "bytes");
	jsonw_int(w, (int64_t)bytes);
	jsonw_name(w, "total");
	jsonw_int(w, (int64_t)total);
	jsonw_close(w, '}');
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
	if (work.meter.began != 0)
		deposit_show(w, g, &r->arena, &work);
	spot_show(w, g, &work);
	write_units(w, g, &r->arena, &work);
	write_endpoints(w, g, &r->arena, &work);
	write_images(w, g, &work);
	jsonw_name(w, "memory_bytes");
	jsonw_int(w, (int64_t)work.meter.last.memory_bytes);
	work_write_price(w, &work);
	work_write_usage(w, &work);
	jsonw_close(w, '}');
	request_answer_json(r, 200, w);
}
