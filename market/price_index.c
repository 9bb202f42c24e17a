/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The price index, computed by the clerk every index_every_s, for an hour and for a
 * day: first every new order is told what it is of, then the leases of the window are
 * weighed (lease/index.h), class by class and region by region. It writes
 * gavel.price_index and nothing else; nothing that clears an auction reads that.
 */
#include "lease/index.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "query.h"

#define ORDERS_MOST 500
#define TRADES_MOST 200000
#define ARENA_MAX   ((size_t)256 * 1024 * 1024)
/* What is in flight now has been committed by then: whoever computes the index of
 * that time again finds the same leases. */
#define SETTLED_US (2 * SECOND_US)
#define OVERLAP_US (3600 * SECOND_US) /* an order is committed after its created_at */

struct indexing {
	struct batch *b;
	wall_t at, orders_since;
	size_t window; /* of windows[] */
};

static const uint32_t windows[] = { 3600, 86400 };

static wall_t
window_start(const struct indexing *x)
{
	return x->at - windows[x->window] * SECOND_US;
}

/* ------------------------------------------------------------------ */
/* Orders: what each is of.                                             */

static enum next trades_read(struct task *t);

static enum next
orders_read(struct task *t)
{
	struct indexing *x = t->state;
	struct clerk *c = t->owner;

	x->b = batch_new(t);
	q_orders_unclassed(x->b, x->orders_since, ORDERS_MOST);
	return db_run(t, c->db, x->b);
}

static enum next
orders_write(struct task *t)
{
	struct indexing *x = t->state;
	struct clerk *c = t->owner;
	struct batch *read = x->b;

	if (batch_failed(read, &t->err))
		return TASK_FAIL;
	if (rows_count(read, 0) == 0)
		return task_jump(t, trades_read);
	x->b = batch_new(t);
	for (size_t i = 0; i < rows_count(read, 0); i++) {
		const char *text = row_text(read, 0, i, "grp");
		struct group g;
		struct hash order;

		row_bytes(read, 0, i, "hash", order.b, sizeof(order.b));
		if (json_decode(&t->arena, text, strlen(text), group_fields, &g, &t->err) < 0)
			return TASK_FAIL;
		q_order_class_put(x->b, &order, index_class(&g), index_region(&g),
				  index_reference(&t->arena, &c->settings->reference, &g));
	}
	return db_run(t, c->db, x->b);
}

static enum next
orders_again(struct task *t)
{
	struct indexing *x = t->state;

	return batch_failed(x->b, &t->err) ? TASK_FAIL : task_jump(t, orders_read);
}

/* ------------------------------------------------------------------ */
/* Trades: what was paid.                                               */

static enum next
trades_read(struct task *t)
{
	struct indexing *x = t->state;
	struct clerk *c = t->owner;

	x->b = batch_new(t);
	q_index_trades(x->b, window_start(x), x->at, TRADES_MOST);
	q_index_orders(x->b, window_start(x), x->at);
	return db_run(t, c->db, x->b);
}

/* Of what the trades from..to are: the class, and the region of each. */
struct trades {
	struct index_trade *all;
	const char **class, **region;
	size_t count;
};

static struct trades
read_trades(struct arena *a, const struct batch *b)
{
	size_t count = rows_count(b, 0);
	struct trades x = { .count = count };

	x.all = arena_alloc(a, (count + 1) * sizeof(*x.all));
	x.class = arena_alloc(a, (count + 1) * sizeof(*x.class));
	x.region = arena_alloc(a, (count + 1) * sizeof(*x.region));
	for (size_t i = 0; i < count; i++) {
		struct index_trade *t = &x.all[i];

		x.class[i] = row_text(b, 0, i, "class");
		x.region[i] = row_text(b, 0, i, "region");
		row_bytes(b, 0, i, "provider", t->owner.b, sizeof(t->owner.b));
		row_bytes(b, 0, i, "tenant", t->tenant.b, sizeof(t->tenant.b));
		t->price.nano = row_u128(b, 0, i, "rate");
		t->reference.nano = row_u128(b, 0, i, "reference");
		t->ran_s = (uint32_t)MIN(row_int(b, 0, i, "ran_s"), (int64_t)UINT32_MAX);
		t->defaulted = row_bool(b, 0, i, "defaulted");
		t->manual = row_bool(b, 0, i, "manual");
	}
	return x;
}

static void
put(struct task *t, const char *region, const struct trades *x, size_t from, size_t to)
{
	const struct indexing *s = t->state;
	uint32_t window = windows[s->window];
	struct price_index i = index_of(&t->arena, x->all + from, to - from, window);

	q_index_put(s->b, x->class[from], region, window, s -> at, (int64_t)i.leases,
		    (int64_t)i.owners, i.published, (int64_t)i.p25, (int64_t)i.median,
		    (int64_t)i.p75);
}

/* Trades come by class and region; a region '' is nobody's and counts in the whole. */
static void
put_all(struct task *t, const struct trades *x)
{
	for (size_t c = 0, end; c < x->count; c = end) {
		for (end = c + 1; end < x->count && strcmp(x->class[c], x -> class[end]) == 0;
		     end++)
			;
		put(t, "", x, c, end);
		for (size_t r = c, stop; r < end; r = stop) {
			for (stop = r + 1; stop < end && strcmp(x->region[r], x->region[stop]) == 0;
			     stop++)
				;
			if (x->region[r][0] != '\0')
				put(t, x->region[r], x, r, stop);
		}
	}
}

static enum next
trades_write(struct task *t)
{
	struct indexing *x = t->state;
	struct clerk *c = t->owner;
	struct batch *read = x->b;
	struct trades trades;

	if (batch_failed(read, &t->err))
		return TASK_FAIL;
	if (rows_count(read, 0) == TRADES_MOST)
		log_warn("index.cut", "trades=%d window=%u", TRADES_MOST, windows[x->window]);
	trades = read_trades(&t->arena, read);
	x->b = batch_new(t);
	q_index_begin(x->b, windows[x->window], x->at);
	put_all(t, &trades);
	for (size_t i = 0; i < rows_count(read, 1); i++)
		q_index_put_orders(x->b, row_text(read, 1, i, "class"),
				   row_text(read, 1, i, "region"), windows[x->window], x->at,
				   row_int(read, 1, i, "awarded"), row_int(read, 1, i, "unmatched"),
				   row_text(read, 1, i, "award_ms"));
	q_index_sweep(x->b, windows[x->window]);
	return db_run(t, c->db, x->b);
}

static enum next
trades_again(struct task *t)
{
	struct indexing *x = t->state;

	if (batch_failed(x->b, &t->err))
		return TASK_FAIL;
	return ++x->window < NELEMS(windows) ? task_jump(t, trades_read) : TASK_DONE;
}

static const struct step index_steps[] = { { "orders", orders_read },
					   { "classes", orders_write },
					   { "again", orders_again },
					   { "trades", trades_read },
					   { "publish", trades_write },
					   { "next", trades_again },
					   STEP_END };

static void
index_done(struct task *t)
{
	struct indexing *x = t->state;
	struct clerk *c = t->owner;

	c->price_index_busy = false;
	if (t->err.code != NULL)
		log_warn("index.failed", "error=\"%s\"", t->err.text);
	else
		c->classed_at = x->at;
}

void
price_index_poll(void *clerk)
{
	struct clerk *c = clerk;
	struct indexing *x;
	struct task *t;

	if (c->price_index_busy)
		return;
	c->price_index_busy = true;
	t = task_new(&c->loop, "price_index", index_steps, sizeof(*x), 60 * SECOND_US, index_done,
		     c);
	t->arena.max = ARENA_MAX; /* a busy day is more than a request may take */
	x = t->state;
	x->at = clock_wall() - SETTLED_US;
	x->orders_since = c->classed_at != 0 ? c->classed_at - OVERLAP_US : 1;
}
