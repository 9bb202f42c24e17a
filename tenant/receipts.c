/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.c - the market's receipts in the hands of those who may need them: kept with
 * the deployments, one file for each order, and read from files for audits. What they
 * prove, lease/audit.h says.
 *
 * A file for audits is {"receipts": [{"terms", "sig"}], "offers": [{"offer", "sig"}]}, as
 * `gavel-provider receipts --json` prints it, or one receipt, as the market shows it.
 */
#include "lease/tick_transcript.h"
#include "tenant/tenant.h"

struct receipts_file {
	struct json_list receipts, offers;
};

#define T struct receipts_file
static const struct json_field receipts_file_fields[] = {
	JSON_LIST(T, receipts, receipt_fields, struct receipt, 65536, 0),
	JSON_LIST(T, offers, offer_doc_fields, struct offer_doc, 65536, JSON_OPTIONAL), JSON_END
};
#undef T

static const char *
kept_name(struct context *c, const struct hash *order)
{
	char text[HASH_TEXT_SIZE];

	return arena_printf(&c->arena, "receipts/%s", hash_text(order, text));
}

static int
read_one(struct context *c, const struct json *shown, const struct hash *order, struct receipt *r,
	 struct err *e)
{
	if (json_read(&c->arena, shown, receipt_fields, r, e) < 0)
		return err_wrap(e, "receipt");
	return audit_receipt(&c->domain, &c->auctioneer, order, r, e);
}

/* Not signed when the market answered: it is asked once more, and waits for its key. */
static const struct json *
shown_receipt(struct context *c, const struct hash *order, const struct json *answer)
{
	const struct json *shown = json_get(answer, "receipt");
	char text[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;
	struct json *later;

	if (shown != NULL && shown->type == JSON_OBJECT)
		return shown;
	return market_get(&c->arena, &c->market,
			  arena_printf(&c->arena, "/v1/receipts/%s", hash_text(order, text)),
			  &later, &e) < 0
		       ? NULL
		       : later;
}

void
receipt_keep(struct context *c, const char *name, const struct hash *order,
	     const struct json *answer)
{
	const struct json *shown = shown_receipt(c, order, answer);
	char text[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;
	struct receipt r;

	if (shown == NULL) {
		say(c,
		    "warning: the market gave no receipt for the order: nobody can show that it "
		    "was taken; see gavel api GET /v1/receipts/%s, or take it back with gavel "
		    "close %s",
		    hash_text(order, text), name);
		return;
	}
	if (read_one(c, shown, order, &r, &e) < 0)
		say(c,
		    "warning: the market's receipt proves nothing (%s [%s]): take the order back "
		    "with gavel close %s, and use another market",
		    e.text, e.code->name, name);
	else if (state_write(c, kept_name(c, order), json_encode(&c->arena, receipt_fields, &r),
			     &e) < 0)
		say(c,
		    "warning: the order's receipt is not kept (%s): save the answer of gavel api "
		    "GET /v1/receipts/%s",
		    e.text, hash_text(order, text));
}

int
receipt_kept(struct context *c, const struct hash *order, struct receipt *r, struct err *e)
{
	struct json *doc;
	int found = state_read(c, kept_name(c, order), &doc, e);

	if (found <= 0)
		return found;
	return json_read(&c->arena, doc, receipt_fields, r, e) < 0
		       ? err_wrap(e, "%s", state_path(c, kept_name(c, order)))
		       : 1;
}

static void
add(struct context *c, struct json_list *list, const void *items, size_t count, size_t size)
{
	char *all = arena_alloc(&c->arena, (list->count + count + 1) * size);

	if (list->count > 0)
		memcpy(all, list->items, list->count * size);
	if (count > 0)
		memcpy(all + list->count * size, items, count * size);
	*list = (struct json_list){ all, list->count + count };
}

void
receipt_add(struct context *c, struct json_list *receipts, const struct receipt *r)
{
	add(c, receipts, r, 1, sizeof(*r));
}

int
receipts_load(struct context *c, const char *path, struct json_list *receipts,
	      struct json_list *offers, struct err *e)
{
	struct receipts_file f = { .offers = { NULL, 0 } };
	struct receipt one;
	struct json *doc;

	if (evidence_read(c, path, &doc, e) < 0)
		return -1;
	if (json_get(doc, "terms") != NULL) {
		if (json_read(&c->arena, doc, receipt_fields, &one, e) < 0)
			return err_wrap(e, "%s", path);
		receipt_add(c, receipts, &one);
		return 0;
	}
	if (json_read(&c->arena, doc, receipts_file_fields, &f, e) < 0)
		return err_wrap(e, "%s", path);
	add(c, receipts, f.receipts.items, f.receipts.count, sizeof(struct receipt));
	add(c, offers, f.offers.items, f.offers.count, sizeof(struct offer_doc));
	return 0;
}
