/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Auctions of pools: whenever the price of one is older than the market's period, and
 * once when it appears. The runs are the interruptible leases of its provider, the
 * orders that only lack room there wait beside them; lease/pool.h decides, the key
 * holder signs, and the statement is stored and told in one batch. It holds from
 * LEAD_S later on, so that everybody has it before it counts.
 */
#include "lease/pool.h"
#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "query.h"

#define LEAD_S 2

struct pool_task {
	struct address provider;
	const char *class;
	struct spot_price_doc doc;
	wall_t now;
	struct chan_call call;
	struct batch *b;
};

static enum next
runs_read(struct task *t)
{
	struct pool_task *p = t->state;
	struct clerk *c = t->owner;

	p->b = batch_new(t);
	q_pool_runs(p->b, &p->provider);
	return db_run(t, c->db, p->b);
}

/* false: the group is of another class. */
static bool
read_run(struct task *t, size_t row, struct pool_run *out)
{
	struct pool_task *p = t->state;
	const char *text = row_text(p->b, 0, row, "grp");
	struct err ignored = ERR_NONE;
	struct group group;
	struct rate max = { row_u128(p->b, 0, row, "rate") };

	if (json_decode(&t->arena, text, strlen(text), group_fields, &group, &ignored) < 0 ||
	    !pool_takes(p->class, &group))
		return false;
	*out = (struct pool_run){ .units = pool_units(p->class, &group) };
	if (out->units == 0)
		return false;
	row_bytes(p->b, 0, row, "id", out->id.b, sizeof(out->id.b));
	out->max = pool_max(max, out->units);
	/* One that is being launched has its place already. */
	out->incumbent = row_bool(p->b, 0, row, "leased") &&
			 (row_null(p->b, 0, row, "state") ||
			  row_int(p->b, 0, row, "state") == SPOT_RUN_BEGUN);
	if (out->incumbent)
		out->started = (uint32_t)row_int(
			p->b, 0, row, row_null(p->b, 0, row, "state") ? "created" : "at");
	return true;
}

static enum next
auction(struct task *t)
{
	struct pool_task *p = t->state;
	struct clerk *c = t->owner;
	struct pool_run *runs;
	size_t count = 0;

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	runs = arena_alloc(&t->arena, (POOL_RUNS_MAX + 1) * sizeof(*runs));
	for (size_t i = 0; i < rows_count(p->b, 0) && count < POOL_RUNS_MAX; i++)
		count += read_run(t, i, &runs[count]);
	p->doc.auction.runs = (struct json_list){ runs, count };
	pool_clear(&t->arena, &p->doc.auction, &p->doc.terms.previous);
	p->now = clock_wall();
	p->doc.terms.at = (uint32_t)(p->now / SECOND_US) + LEAD_S;
	p->doc.terms.price = p->doc.auction.price;
	p->doc.terms.auction = pool_auction_hash(&t->arena, &p->doc.auction);
	return signer_start(t, c->signer, &p->call, SIGN_SPOT_PRICE, &p->doc.terms,
			    sizeof(p->doc.terms));
}

static enum next
price_store(struct task *t)
{
	struct pool_task *p = t->state;
	struct clerk *c = t->owner;
	struct hash hash = spot_price_hash(&p->doc.terms);
	const char *text;

	if (signer_answer(&p->call, &p->doc.sig, sizeof(p->doc.sig), &t->err) < 0)
		return TASK_FAIL;
	text = json_encode(&t->arena, spot_price_doc_fields, &p->doc);
	p->b = batch_new(t);
	q_spot_price_add(p->b, &p->provider, p->class, (int64_t)p->doc.terms.number, p->now,
			 p->doc.terms.price, &hash, text);
	q_event_add(p->b, "pool.priced", "", p->now, text);
	return db_run(t, c->db, p->b);
}

static enum next
price_end(struct task *t)
{
	struct pool_task *p = t->state;
	char text[AMOUNT_TEXT_SIZE], who[ADDRESS_TEXT_SIZE];

	if (batch_failed(p->b, &t->err))
		return TASK_FAIL;
	log_info("pool.priced", "provider=%s class=%s number=%llu price=%s runs=%zu",
		 address_text(&p->provider, who), p->class, (unsigned long long)p->doc.terms.number,
		 u128_text(p->doc.terms.price.nano, text), p->doc.auction.runs.count);
	return TASK_DONE;
}

static const struct step pool_steps[] = { { "runs", runs_read },
					  { "auction", auction },
					  { "store", price_store },
					  { "end", price_end },
					  STEP_END };

static void
pool_done(struct task *t)
{
	struct clerk *c = t->owner;

	c->pools_busy--;
	if (t->err.code != NULL)
		log_warn("pool.failed", "error=\"%s\"", t->err.text);
	clerk_tell_webs(c);
}

static void
pool_begin(struct clerk *c, const struct batch *b, size_t row)
{
	struct task *t = task_new(&c->loop, "pool", pool_steps, sizeof(struct pool_task),
				  20 * SECOND_US, pool_done, c);
	struct pool_task *p = t->state;
	const char *doc = row_text(b, 0, row, "doc");
	struct err e = ERR_NONE;

	c->pools_busy++;
	row_bytes(b, 0, row, "provider", p->provider.b, sizeof(p->provider.b));
	p->class = arena_strdup(&t->arena, row_text(b, 0, row, "class"));
	if (json_decode(&t->arena, doc, strlen(doc), pool_doc_fields, &p->doc.auction.pool, &e) <
	    0) {
		task_kill(t, &ERR_BAD_DATA, e.text);
		return;
	}
	p->doc.terms.provider = p->provider;
	p->doc.terms.class = pool_class_hash(p->class);
	p->doc.terms.number = (uint64_t)row_int(b, 0, row, "number") + 1;
	if (!row_null(b, 0, row, "hash"))
		row_bytes(b, 0, row, "hash", p->doc.terms.previous.b,
			  sizeof(p->doc.terms.previous.b));
}

/* ------------------------------------------------------------------ */

static enum next
due_read(struct task *t)
{
	struct batch **b = t->state;
	struct clerk *c = t->owner;

	*b = batch_new(t);
	q_pools_due(*b, clock_wall(), (int64_t)c->settings->spot_period_s * SECOND_US);
	return db_run(t, c->db, *b);
}

static enum next
due_begin(struct task *t)
{
	struct batch **b = t->state;

	if (batch_failed(*b, &t->err))
		return TASK_FAIL;
	for (size_t i = 0; i < rows_count(*b, 0); i++)
		pool_begin(t->owner, *b, i);
	return TASK_DONE;
}

static const struct step due_steps[] = { { "read", due_read }, { "begin", due_begin }, STEP_END };

static void
due_done(struct task *t)
{
	struct clerk *c = t->owner;

	c->pools_busy--;
	if (t->err.code != NULL)
		log_warn("pools.failed", "error=\"%s\"", t->err.text);
}

void
pools_poll(void *arg)
{
	struct clerk *c = arg;

	if (c->pools_busy > 0)
		return;
	c->pools_busy++;
	task_new(&c->loop, "pools", due_steps, sizeof(struct batch *), 10 * SECOND_US, due_done, c);
}
