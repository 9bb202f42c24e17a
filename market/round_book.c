/* SPDX-License-Identifier: Apache-2.0 */
#include "market/round_book.h"

#include "market/book.h"
#include "query.h"

/* The clerk is one user, each round that works with it another; the last one frees it. */
struct round_book {
	struct arena a;
	uint64_t tick;
	struct transcript_book book;
	unsigned users;
};

static void
leave(void *arg)
{
	struct round_book *k = arg;

	if (--k->users > 0)
		return;
	arena_release(&k->a);
	free(k);
}

static const struct transcript_book *
use(struct round_book *k, struct arena *until)
{
	k->users++;
	arena_defer(until, leave, k);
	return &k->book;
}

const struct transcript_book *
round_book_kept(struct clerk *c, uint64_t tick, struct arena *until)
{
	return c->round_book != NULL && c->round_book->tick == tick ? use(c->round_book, until)
								    : NULL;
}

void
round_book_ask(struct batch *b, uint64_t tick, const struct hash *order, int64_t round)
{
	q_tick_get(b, (int64_t)tick);
	q_round_offers(b, order, round);
}

static int
read_offers(struct arena *a, const struct batch *b, size_t q, struct offer_doc *docs, struct err *e)
{
	for (size_t i = 0; i < rows_count(b, q); i++) {
		row_bytes(b, q, i, "sig", docs[i].sig.b, sizeof(docs[i].sig.b));
		if (book_offer_decode(a, row_text(b, q, i, "doc"), &docs[i].offer, e) < 0)
			return -1;
	}
	return 0;
}

static int
read_book(struct round_book *k, const struct batch *b, size_t q, struct err *e)
{
	size_t count = rows_count(b, q + 1);
	struct offer_doc *docs = arena_alloc(&k->a, (count + 1) * sizeof(*docs));
	const char *record = row_text(b, q, 0, "record"), *text = row_text(b, q, 0, "book");
	struct tick_book book = { .rows = { NULL, 0 } };
	struct record_terms terms;
	struct tick_book_read read;
	struct json *node;

	if (json_decode(&k->a, record, strlen(record), record_terms_fields, &terms, e) < 0 ||
	    json_parse_large(&k->a, text, strlen(text), &node, e) < 0 ||
	    json_read(&k->a, node, tick_book_fields, &book, e) < 0 ||
	    read_offers(&k->a, b, q + 1, docs, e) < 0 ||
	    tick_book_read(&k->a, &book.rows, docs, count, &read, e) < 0)
		return err_wrap(e, "stored book");
	k->tick = terms.number;
	k->book = (struct transcript_book){ read.offers, book.rows.count, terms.time };
	return 0;
}

const struct transcript_book *
round_book_read(struct clerk *c, const struct batch *b, size_t q, struct arena *until,
		struct err *e)
{
	struct round_book *k = xcalloc(1, sizeof(*k));

	arena_init(&k->a, 0);
	k->users = 1;
	if (read_book(k, b, q, e) < 0) {
		leave(k);
		return NULL;
	}
	if (c->round_book != NULL)
		leave(c->round_book);
	c->round_book = k;
	return use(k, until);
}
