/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.c - what audits need of the book of standing offers: books as records signed
 * them, and the offers that they name, each asked for once. Judges nothing.
 */
#include "lease/tick_transcript.h"
#include "tenant/tenant.h"

static bool
is_here(const struct gathered *g, const struct hash *id)
{
	for (size_t i = 0; i < g->offers.count; i++)
		if (hash_equal(&g->ids[i], id))
			return true;
	return false;
}

static int
gather_offer(struct context *c, struct gathered *g, const struct hash *id, struct err *e)
{
	struct offer_doc *all, *doc;
	struct json *shown;
	char text[HASH_TEXT_SIZE];

	if (is_here(g, id))
		return 0;
	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/offers/%s", hash_text(id, text)), &shown,
		       e) < 0)
		return -1;
	g->ids = arena_grow(&c->arena, g->ids, g->offers.count, sizeof(*g->ids));
	g->ids[g->offers.count] = *id;
	all = g->offers.items =
		arena_grow(&c->arena, g->offers.items, g->offers.count, sizeof(*all));
	doc = &all[g->offers.count++];
	*doc = (struct offer_doc){ .offer = { .seq = 0 } };
	if (json_get(shown, "offer") == NULL ||
	    json_read(&c->arena, json_get(shown, "offer"), offer_fields, &doc->offer, e) < 0 ||
	    sig_read(text_of(shown, "sig"), &doc->sig, e) < 0)
		return err_wrap(e, "offer %s", text);
	return 0;
}

int
gather_offers(struct context *c, struct gathered *g, const struct json_list *rows, struct err *e)
{
	const struct tick_row *row = rows->items;

	for (size_t i = 0; i < rows->count; i++)
		if (gather_offer(c, g, &row[i].id, e) < 0)
			return -1;
	return 0;
}

/* The book that a round's transcript names, if it names one. */
int
gather_book(struct context *c, struct gathered *g, const struct json *round, struct err *e)
{
	const struct json *transcript = json_get(round, "transcript");
	struct audit_book *all;
	struct json *shown;

	if (transcript == NULL || transcript->type != JSON_OBJECT ||
	    json_get(transcript, "record") == NULL)
		return 0;
	if (market_get_large(&c->arena, &c->market,
			     arena_printf(&c->arena, "/v1/ticks/%lld/book",
					  (long long)number_of(transcript, "tick")),
			     &shown, e) < 0)
		return -1;
	all = g->books.items = arena_grow(&c->arena, g->books.items, g->books.count, sizeof(*all));
	all[g->books.count] = (struct audit_book){ .rows = { NULL, 0 } };
	if (json_read(&c->arena, shown, audit_book_fields, &all[g->books.count++], e) < 0)
		return err_wrap(e, "book");
	return gather_offers(c, g, &all[g->books.count - 1].rows, e);
}
