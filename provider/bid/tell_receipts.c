/* SPDX-License-Identifier: Apache-2.0 */
/* gavel-provider receipts: what the book has of them, and what it lacks from the market. */
#include "provider/bid/tell.h"

#include "lease/key.h"
#include "lease/offer.h"
#include "lease/record.h"
#include "lib/clock.h"
#include "market/client.h"
#include "provider/book_db.h"

struct printing {
	struct arena a;
	struct book *book;
	struct market_client market;
	struct domain domain;
	struct address auctioneer;
	struct json_list receipts; /* of struct receipt */
	struct json_list offers;   /* of struct offer_doc */
	size_t missing;
};

#define T struct printing
static const struct json_field printed_fields[] = {
	JSON_LIST(T, receipts, receipt_fields, struct receipt, 65536, 0),
	JSON_LIST(T, offers, offer_doc_fields, struct offer_doc, 65536, 0), JSON_END
};
#undef T

/* Lost with its answer, or signed later. The market may not have taken the thing. */
static const char *
ask(struct printing *p, const struct hash *item)
{
	char hash[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;
	const char *text;
	struct receipt r;
	struct json *doc;

	if (market_get(&p->a, &p->market,
		       arena_printf(&p->a, "/v1/receipts/%s", hash_text(item, hash)), &doc,
		       &e) < 0 ||
	    json_read(&p->a, doc, receipt_fields, &r, &e) < 0 || !hash_equal(&r.terms.item, item))
		return NULL;
	text = json_encode(&p->a, receipt_fields, &r);
	if (book_receipt_put(p->book, item, text, &e) < 0)
		fprintf(stderr, "warning: %s\n", e.text);
	return text;
}

/* 1: it is good; 0: there is none. A market that signed with another key gave none. */
static int
receipt_of(struct printing *p, const struct book_receipt *row, struct receipt *r, struct err *e)
{
	const char *text = row->receipt != NULL ? row->receipt : ask(p, &row->item);
	struct err why = ERR_NONE;
	struct hash h, digest;

	if (text == NULL)
		return 0;
	if (json_decode(&p->a, text, strlen(text), receipt_fields, r, e) < 0)
		return err_wrap(e, "receipt");
	h = receipt_hash(&r->terms);
	digest = terms_digest(&p->domain, &h);
	return sig_check(&r->sig, &digest, &p->auctioneer, &why) == 0;
}

static int
add(struct printing *p, const struct book_receipt *row, struct err *e)
{
	struct receipt *receipts;
	struct offer_doc *offers;
	struct receipt r;
	int found = receipt_of(p, row, &r, e);

	if (found < 0)
		return -1;
	if (found == 0) {
		p->missing++;
	} else {
		receipts = p->receipts.items =
			arena_grow(&p->a, p->receipts.items, p->receipts.count, sizeof(*receipts));
		receipts[p->receipts.count++] = r;
	}
	if (row->doc == NULL)
		return 0;
	offers = p->offers.items =
		arena_grow(&p->a, p->offers.items, p->offers.count, sizeof(*offers));
	memset(&offers[p->offers.count], 0, sizeof(*offers));
	return json_decode(&p->a, row->doc, strlen(row->doc), offer_doc_fields,
			   &offers[p->offers.count++], e);
}

static void
say(struct printing *p, bool json)
{
	static const struct hash none;
	const struct receipt *r = p->receipts.items;
	char item[HASH_TEXT_SIZE], text[TIME_TEXT_SIZE];

	if (json) {
		puts(json_encode(&p->a, printed_fields, p));
		return;
	}
	for (size_t i = 0; i < p->receipts.count; i++)
		printf("%s  %s  %s %llu, place %llu\n", time_text((wall_t)r[i].terms.at, text),
		       hash_text(&r[i].terms.item, item),
		       hash_equal(&r[i].terms.subject, &none) ? "offer, tick" : "bid, round",
		       (unsigned long long)r[i].terms.round, (unsigned long long)r[i].terms.index);
}

static int
begin(struct printing *p, const struct provider_settings *s, struct err *e)
{
	struct json *doc;
	const struct json *who;

	p->market = (struct market_client){ s->market_url, s->market_ca };
	domain_init(&p->domain, s->chain_id, &s->escrow);
	p->book = book_open(arena_printf(&p->a, "%s/agent/book.sqlite", s->state_dir), e);
	if (p->book == NULL || market_get(&p->a, &p->market, "/.well-known/gavel", &doc, e) < 0)
		return -1;
	who = json_get(doc, "market");
	return address_read(who != NULL && who->text != NULL ? who->text : "", &p->auctioneer, e);
}

int
tell_receipts(const struct provider_settings *s, bool json, struct err *e)
{
	struct printing p = { .missing = 0 };
	struct book_receipt *rows;
	size_t count;
	int result = -1;

	arena_init(&p.a, 0);
	if (begin(&p, s, e) == 0 && book_receipts(p.book, &p.a, &rows, &count, e) == 0) {
		result = 0;
		for (size_t i = 0; i < count && result == 0; i++)
			result = add(&p, &rows[i], e);
	}
	if (result == 0) {
		say(&p, json);
		if (p.missing > 0)
			fprintf(stderr,
				"warning: %zu offers or bids of the last week have no receipt of "
				"this market: it may not have taken them\n",
				p.missing);
	}
	book_close(p.book);
	arena_release(&p.a);
	return result;
}
