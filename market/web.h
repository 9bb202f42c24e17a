/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web.h - the role that reads the network: REST API over the database. It
 * holds neither a key nor root. Facts go into the database, and the clerk is
 * poked; what follows from them is the clerk's to say.
 */
#ifndef GAVEL_MARKET_WEB_H
#define GAVEL_MARKET_WEB_H

#include "lease/record.h"
#include "lib/db.h"
#include "lib/http.h"
#include "market/settings.h"

struct web {
	struct loop loop;
	struct db *db;
	struct http *http;
	const struct market_settings *settings;
	struct domain domain;
	struct address market; /* the auctioneer's address */
	int poke;	       /* to the clerk and from it */
	struct feed *feed;     /* events_api.c */
	struct bid_queue *bids;
	bool draining;
	struct receipt_waiter *receipt_waiters; /* receipts_api.c */
};

/* The role. fds[0]: the socket shared with the clerk. Never returns. */
struct web_start {
	const struct market_settings *settings;
	struct address market;
};
_Noreturn void web_run(void *start, const int *fds);

/* There is something new for the clerk. Loss is harmless: it has a timer. */
void web_poke(struct web *w);

/* Routes of the *_api.c files. */
void info_show(struct request *r);
void info_health(struct request *r);
void info_ready(struct request *r);
void info_openapi(struct request *r);
void account_show(struct request *r);
void account_entries(struct request *r);
void order_create(struct request *r);
void order_show(struct request *r);
void order_list(struct request *r);
void order_cancel(struct request *r);
void order_bids(struct request *r);
void round_show(struct request *r);
void choice_create(struct request *r);
void bid_create(struct request *r);
void decline_create(struct request *r);
void lease_accept(struct request *r);
void lease_refuse(struct request *r);
void lease_launch(struct request *r);
void lease_show(struct request *r);
void lease_list(struct request *r);
void lease_vouchers(struct request *r);
void voucher_create(struct request *r);
void release_create(struct request *r);
void provider_put(struct request *r);
void provider_show(struct request *r);
void provider_list(struct request *r);
void audit_create(struct request *r);
void audit_list(struct request *r);
void quote_create(struct request *r);
void quote_answer(struct request *r);
void pool_create(struct request *r);
void pool_list(struct request *r);
void pool_run_list(struct request *r);
void spot_price_list(struct request *r);
void lease_run_list(struct request *r);
void run_create(struct request *r);
void offer_create(struct request *r);
void offer_show(struct request *r);
void offer_list(struct request *r);
void receipt_show(struct request *r);
void tick_list(struct request *r);
void tick_show(struct request *r);
void tick_transcript(struct request *r);
void head_list(struct request *r);
void tick_book(struct request *r);
void price_index_show(struct request *r);
void price_index_trades(struct request *r);
void events_stream(struct request *r);

/* receipts_api.c: the market's signed word that something was taken. It was stored
 * with the thing itself; the signature comes from the clerk, soon. Three steps:
 *
 *	ask    return receipt_ask(t, &s->receipt);
 *	got    if (!receipt_here(t, &s->receipt)) return receipt_wait(t, &s->receipt);
 *	again  receipt_unwait(t); return task_jump(t, ask);
 */
struct receipt_ask {
	struct hash item;
	mono_t until; /* filled by the first ask */
	struct batch *b;
	struct receipt receipt;
	bool known, signed_; /* stored; and signed */
};
enum next receipt_ask(struct task *t, struct receipt_ask *r);
/* True: it is signed, or there is none, or the time is over. */
bool receipt_here(struct task *t, struct receipt_ask *r);
enum next receipt_wait(struct task *t, struct receipt_ask *r);
void receipt_unwait(struct task *t);
void receipts_poke(struct web *w);
/* Member "receipt": the object, or null while it is not signed. */
void write_receipt(struct jsonw *w, const struct receipt_ask *r);

/* events_api.c: the feed of gavel.event, read once and given to many. */
struct feed *feed_open(struct web *w);
/* Wake the task at the next event whose subject is `subject`, or at the
 * deadline; returns TASK_WAIT. Used by ?wait=. */
enum next feed_wait(struct task *t, struct feed *f, const char *subject, int64_t us);
/* After the wait, whichever way it ended. */
void feed_unwait(struct task *t, struct feed *f);
void feed_poke(struct feed *f);

/* Shared by the *_api.c files. */
/* The {name} of the path as an id; answers 404 and returns false when it is none. */
bool path_id(struct request *r, const char *name, const char *prefix, struct id *id);
/* A member that is JSON text in the database; empty: null. */
void write_node(struct jsonw *w, struct arena *a, const char *name, const char *text);

/* choices_api.c. What the tenant took of a round: "choices", unless there is none; of
 * query choices_of_round, at this place of the batch. */
void write_choices(struct jsonw *w, const struct batch *b, size_t query);

/* A page: limit (1 to 100) and cursor (the last id seen). */
struct page {
	int64_t limit;
	struct id after;
	bool has_after;
};
int page_read(struct request *r, const char *prefix, struct page *page, struct err *e) mustcheck;

#endif
