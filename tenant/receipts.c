/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.c - the market's receipts in the hands of those who may need them: kept with
 * the deployments, one file for each order, and read from files for audits. What they
 * prove, lease/audit.h says.
 *
 * A file for audits is {"receipts": [{"terms", "sig"}], "offers": [{"offer", "sig"}]}, as
 * `gavel-provider receipts --json` prints it, or one receipt, as the market shows it or
 * as it is kept here: {"receipt", "open_by", "set"}.
 */
#include "lease/tick_transcript.h"
#include "tenant/tenant.h"

#define T struct kept_receipt
static const struct json_field kept_fields[] = { JSON_OBJ(T, receipt, receipt_fields, 0),
						 JSON_U32(T, open_by, UINT32_MAX, 0),
						 JSON_BOOLEAN(T, set, 0), JSON_END };
#undef T

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
receipt_keep(struct context *c, const char *name, const struct order_doc *order,
	     const struct json *answer)
{
	struct hash hash = order_hash(&order->terms);
	const struct json *shown = shown_receipt(c, &hash, answer);
	struct kept_receipt r = { .open_by = order->terms.openBy,
				  .set = order->group.spread != NULL };
	char text[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;

	if (shown == NULL) {
		say(c,
		    "warning: the market gave no receipt for the order: nobody can show that it "
		    "was taken; see gavel api GET /v1/receipts/%s, or take it back with gavel "
		    "close %s",
		    hash_text(&hash, text), name);
		return;
	}
	if (read_one(c, shown, &hash, &r.receipt, &e) < 0)
		say(c,
		    "warning: the market's receipt proves nothing (%s [%s]): take the order back "
		    "with gavel close %s, and use another market",
		    e.text, e.code->name, name);
	else if (state_write(c, kept_name(c, &hash), json_encode(&c->arena, kept_fields, &r), &e) <
		 0)
		say(c,
		    "warning: the order's receipt is not kept (%s): save the answer of gavel api "
		    "GET /v1/receipts/%s",
		    e.text, hash_text(&hash, text));
}

int
receipt_kept(struct context *c, const struct hash *order, struct kept_receipt *r, struct err *e)
{
	struct json *doc;
	int found = state_read(c, kept_name(c, order), &doc, e);

	if (found <= 0)
		return found;
	return json_read(&c->arena, doc, kept_fields, r, e) < 0
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

/* A row of a set may stand in a later tick than its receipt says; audit auction sees that. */
static int
load_one(struct context *c, const struct json *doc, struct json_list *receipts, struct err *e)
{
	bool kept = json_get(doc, "receipt") != NULL;
	struct kept_receipt one = { .set = false };

	if ((kept ? json_read(&c->arena, doc, kept_fields, &one, e)
		  : json_read(&c->arena, doc, receipt_fields, &one.receipt, e)) < 0)
		return -1;
	if (one.set)
		say(c, "note: the receipt of a row of a set is left to gavel audit auction");
	else
		receipt_add(c, receipts, &one.receipt);
	return 0;
}

int
receipts_load(struct context *c, const char *path, struct json_list *receipts,
	      struct json_list *offers, struct err *e)
{
	struct receipts_file f = { .offers = { NULL, 0 } };
	struct json *doc;

	if (evidence_read(c, path, &doc, e) < 0)
		return -1;
	if (json_get(doc, "receipts") == NULL)
		return load_one(c, doc, receipts, e) < 0 ? err_wrap(e, "%s", path) : 0;
	if (json_read(&c->arena, doc, receipts_file_fields, &f, e) < 0)
		return err_wrap(e, "%s", path);
	add(c, receipts, f.receipts.items, f.receipts.count, sizeof(struct receipt));
	add(c, offers, f.offers.items, f.offers.count, sizeof(struct offer_doc));
	return 0;
}
