/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's word on persistent volumes: those of the asking tenant only. */
#include "lib/clock.h"
#include "provider/agent.h"

static const struct code VOLUME_UNKNOWN = { "volume_not_found", NOT_FOUND,
					    "this provider has no such volume of yours" };
static const struct code VOLUME_IN_USE = { "volume_in_use", CONFLICT,
					   "the volume is in use: close its lease first" };

static void
volume_write(struct jsonw *w, const struct book_volume *v)
{
	char text[HASH_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "id", "%s", v->id);
	jsonw_member(w, "lease", "%s", hash_text(&v->lease, text));
	jsonw_member(w, "service", "%s", v->service);
	jsonw_name(w, "copy");
	jsonw_int(w, v->copy);
	jsonw_member(w, "name", "%s", v->name);
	jsonw_member(w, "class", "%s", v->class);
	jsonw_name(w, "bytes");
	jsonw_int(w, (int64_t)v->bytes);
	jsonw_name(w, "kept_until");
	jsonw_str(w, v->until != 0 ? time_text(v->until, text) : NULL);
	jsonw_close(w, '}');
}

/* GET /v1/volumes: in use (kept_until null) and kept. */
void
volumes_show(struct request *r)
{
	struct agent *g = r->ctx;
	struct book_volume *list;
	struct err e = ERR_NONE;
	struct address tenant;
	struct jsonw *w;
	size_t count;

	if (!gateway_tenant(r, "status", &tenant))
		return;
	if (book_volumes(g->book, &r->arena, &list, &count, &e) < 0) {
		request_fail(r, &e);
		return;
	}
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "volumes");
	jsonw_open(w, '[');
	for (size_t i = 0; i < count; i++)
		if (address_equal(&list[i].tenant, &tenant) &&
		    (list[i].until == 0 || list[i].until > clock_wall()))
			volume_write(w, &list[i]);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	request_answer_json(r, 200, w);
}

static int
remove_now(struct agent *g, struct arena *a, const struct address *tenant, const char *id,
	   struct err *e)
{
	struct book_volume *list;
	size_t count;

	if (book_volumes(g->book, a, &list, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].id, id) != 0 || !address_equal(&list[i].tenant, tenant))
			continue;
		if (list[i].until == 0)
			return err_set(e, &VOLUME_IN_USE, "%s", id);
		list[i].until = 1;
		return book_volume_put(g->book, &list[i], e);
	}
	return err_set(e, &VOLUME_UNKNOWN, "%.80s", id);
}

/* DELETE /v1/volumes/{volume}: a kept one goes now. */
void
volume_remove(struct request *r)
{
	struct agent *g = r->ctx;
	struct err e = ERR_NONE;
	struct address tenant;

	if (!gateway_tenant(r, "close", &tenant))
		return;
	if (remove_now(g, &r->arena, &tenant, request_part(r, "volume"), &e) < 0) {
		request_fail(r, &e);
		return;
	}
	volumes_look(g);
	request_answer(r, 202, "application/json", "{}", 2);
}
