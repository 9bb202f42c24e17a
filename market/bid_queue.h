/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bid_queue.h - answers of providers on their way into the database. While one
 * statement is under way the others gather, and the next one takes them all: one
 * transaction and one flush to disk for as many as came meanwhile. An answer is
 * acknowledged when its transaction is durable, as ever.
 */
#ifndef GAVEL_MARKET_BID_QUEUE_H
#define GAVEL_MARKET_BID_QUEUE_H

#include "market/web.h"

struct bid_answer {
	struct id id, order;
	uint32_t round;
	struct address provider;
	struct json_bytes envelope; /* of a bid */
	const char *decline;	    /* or the reason; NULL: a bid */
	wall_t received_at;
	/* what became of it */
	int64_t seq; /* 0: it was not placed */
	struct err err;
};

struct bid_queue *bid_queue_open(struct web *w);
/* The answer stays where it is, in the task's arena; the next step reads seq and err. */
enum next bid_queue_place(struct task *t, struct bid_queue *q, struct bid_answer *a);

#endif
