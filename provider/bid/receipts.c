/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/receipts.h"

#include "lease/record.h"
#include "lib/clock.h"
#include "lib/log.h"

int
receipts_offer(struct book *b, const struct offer_doc *doc, struct err *e)
{
	struct hash h = offer_hash(&doc->offer);
	struct arena a;
	int result;

	arena_init(&a, 0);
	result = book_receipt_due(b, &h, json_encode(&a, offer_doc_fields, doc), clock_wall(), e);
	arena_release(&a);
	return result;
}

int
receipts_bid(struct book *b, struct arena *a, const char *post, struct err *e)
{
	struct bid_post bid = { .round = 0 };
	struct hash h;

	if (json_decode(a, post, strlen(post), bid_post_fields, &bid, e) < 0)
		return -1;
	sha256(bid.envelope.b, bid.envelope.len, &h);
	return book_receipt_due(b, &h, NULL, clock_wall(), e);
}

static int
keep(struct book *b, struct arena *a, const struct json *shown, struct err *e)
{
	struct receipt r;

	if (shown == NULL || shown->type != JSON_OBJECT)
		return err_set(e, &ERR_NOT_FOUND, "the market has not signed it yet");
	if (json_read(a, shown, receipt_fields, &r, e) < 0)
		return -1;
	return book_receipt_put(b, &r.terms.item, json_encode(a, receipt_fields, &r), e);
}

void
receipts_answer(struct book *b, struct arena *a, const char *reply)
{
	struct err e = ERR_NONE;
	struct json *doc;

	if (reply == NULL || json_parse(a, reply, strlen(reply), &doc, &e) < 0 ||
	    keep(b, a, json_get(doc, "receipt"), &e) < 0)
		log_warn("receipt.missing", "error=\"%s\"", e.text);
}
