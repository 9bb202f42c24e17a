/* SPDX-License-Identifier: Apache-2.0 */
#include "tenant/heads.h"

#include "lib/clock.h"

const struct code HEADS_UNSEEN = { "heads_unseen", UNAVAIL,
				   "the node cannot show a transaction of the market's key" };

#define HEADS_PAGE   500
#define RECORDS_PAGE 200
#define SEEN_MAX     10000000u
#define BLOCK_TXS    100000u /* more than any block has */

#define T struct heads_seen
const struct json_field heads_seen_fields[] = {
	JSON_LIST(T, txs, head_tx_fields, struct head_tx, SEEN_MAX, 0),
	JSON_LIST(T, records, record_fields, struct record, SEEN_MAX, 0),
	JSON_U32(T, every_s, 0, 0), JSON_U64(T, now, JSON_OPTIONAL | JSON_OMIT_EMPTY), JSON_END
};
#undef T

struct gather {
	struct context *c;
	struct heads_seen *out;
	uint64_t next;	/* nonce */
	uint64_t until; /* the head that is enough; UINT64_MAX: none is */
	uint64_t from;	/* the tick to begin before */
	bool whole;	/* all of the key */
	bool started, enough;
};

/* ------------------------------------------------------------------ */
/* One transaction, as the chain has it.                                */

static int
tx_now(struct context *c, struct arena *a, const char *body, struct evm_tx *tx, struct err *e)
{
	struct json *result;

	return evm_now(a, &c->evm, body, &result, e) < 0 ? -1 : rpc_tx_read(a, result, tx, e);
}

static bool
is_it(const struct context *c, const struct evm_tx *tx, uint64_t nonce)
{
	return tx->found && tx->mined && tx->nonce == nonce &&
	       address_equal(&tx->from, &c->auctioneer);
}

/* Of the block only its time is asked, and only where a head waits to be dated. */
static int
take_tx(struct gather *g, const struct evm_tx *tx, struct err *e)
{
	struct heads_seen *out = g->out;
	struct head_tx *all, *t;
	struct evm_block block;
	struct head head;

	all = out->txs.items =
		arena_grow(&g->c->arena, out->txs.items, out->txs.count, sizeof(*all));
	t = &all[out->txs.count++];
	*t = (struct head_tx){ .nonce = tx->nonce, .tx = tx->hash };
	g->next = tx->nonce + 1;
	if (tx->creates ||
	    !head_find(&g->c->auctioneer, &g->c->escrow, &tx->to, tx->data, tx->len, &head))
		return 0;
	if (chain_block(g->c, NULL, tx->block, &block, e) < 0)
		return -1;
	t->carries = true;
	t->at = block.time;
	t->number = head.number;
	t->record = head.record;
	g->enough = head.number >= g->until;
	return 0;
}

static int
count_at(struct context *c, struct arena *a, uint64_t block, uint64_t *count, struct err *e)
{
	struct json *result;
	u128 v;

	if (evm_now(a, &c->evm, rpc_nonce_at(a, &c->auctioneer, block), &result, e) < 0 ||
	    rpc_uint_read(result, &v, e) < 0)
		return -1;
	*count = (uint64_t)v;
	return 0;
}

/* The first block after which the key's count is above the nonce has it. */
static int
block_of(struct context *c, uint64_t nonce, uint64_t *block, struct err *e)
{
	struct evm_block latest;
	uint64_t low = 0, high, count;
	struct arena a;
	int rc = 0;

	if (chain_block(c, "latest", 0, &latest, e) < 0)
		return -1;
	high = latest.number;
	while (low < high && rc == 0) {
		uint64_t middle = low + (high - low) / 2;

		arena_init(&a, 0);
		rc = count_at(c, &a, middle, &count, e);
		arena_release(&a);
		if (rc == 0 && count > nonce)
			high = middle;
		else
			low = middle + 1;
	}
	*block = low;
	return rc;
}

static int
search_block(struct gather *g, uint64_t nonce, uint64_t block, struct err *e)
{
	for (uint64_t i = 0; i < BLOCK_TXS; i++) {
		struct evm_tx tx;
		struct arena a;
		int rc;

		arena_init(&a, 0);
		rc = tx_now(g->c, &a, rpc_tx_at(&a, block, i), &tx, e);
		if (rc == 0 && is_it(g->c, &tx, nonce))
			rc = take_tx(g, &tx, e) < 0 ? -1 : 1;
		else if (rc == 0 && !tx.found)
			rc = err_set(e, &EVM_BAD_REPLY, "block %llu has no such transaction",
				     (unsigned long long)block);
		arena_release(&a);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return err_set(e, &EVM_BAD_REPLY, "a block without end");
}

/* The market has not shown it. */
static int
search(struct gather *g, uint64_t nonce, struct err *e)
{
	struct err why = ERR_NONE;
	uint64_t block;

	if (block_of(g->c, nonce, &block, &why) == 0 && search_block(g, nonce, block, &why) == 0)
		return 0;
	return err_set(e, &HEADS_UNSEEN,
		       "the market does not show its transaction of nonce %llu, and this node "
		       "cannot find it: %.80s",
		       (unsigned long long)nonce, why.text);
}

/* What the market shows for its next nonce, or the chain in its stead. */
static int
read_tx(struct gather *g, const struct hash *shown, struct err *e)
{
	uint64_t nonce = g->next;
	struct evm_tx tx;
	struct arena a;
	bool is;
	int rc;

	arena_init(&a, 0);
	rc = tx_now(g->c, &a, rpc_tx(&a, shown), &tx, e);
	is = rc == 0 && is_it(g->c, &tx, nonce);
	if (is)
		rc = take_tx(g, &tx, e);
	arena_release(&a);
	if (rc < 0)
		return -1;
	return is ? 0 : search(g, nonce, e);
}

/* ------------------------------------------------------------------ */
/* All that are wanted.                                                 */

/* The market's first line begins the range only if it holds, on the chain, a head of a
 * record before it; else all nonces count. */
static int
start(struct gather *g, const struct json *first, const struct hash *shown, struct err *e)
{
	const struct head_tx *begun;

	g->started = true;
	if (g->whole || first == NULL)
		return 0;
	g->next = (uint64_t)number_of(first, "nonce");
	if (read_tx(g, shown, e) < 0)
		return -1;
	begun = g->out->txs.items;
	if (begun->carries && begun->number < g->from)
		return 0;
	g->out->txs.count = 0;
	g->next = 0;
	g->enough = false;
	return 0;
}

static int
take_line(struct gather *g, const struct json *line, struct err *e)
{
	uint64_t nonce = (uint64_t)number_of(line, "nonce");
	struct hash shown;

	if (hash_read(text_of(line, "tx"), &shown, e) < 0)
		return err_wrap(e, "heads that the market shows");
	if (!g->started && start(g, line, &shown, e) < 0)
		return -1;
	while (g->next < nonce && !g->enough)
		if (search(g, g->next, e) < 0)
			return -1;
	if (g->next > nonce || g->enough)
		return 0;
	return read_tx(g, &shown, e);
}

static int
take_page(struct gather *g, const char *path, bool *more, uint64_t *last, struct err *e)
{
	const struct json *data, *flag;
	struct json *page;

	if (market_get(&g->c->arena, &g->c->market, path, &page, e) < 0)
		return -1;
	data = json_get(page, "data");
	flag = json_get(page, "has_more");
	*more = flag != NULL && flag->truth && data != NULL && data->first != NULL;
	for (const struct json *n = data != NULL ? data->first : NULL; n != NULL; n = n->next) {
		if (take_line(g, n, e) < 0)
			return -1;
		*last = (uint64_t)number_of(n, "nonce");
	}
	return 0;
}

static int
take_shown(struct gather *g, struct err *e)
{
	struct arena *a = &g->c->arena;
	uint64_t last = 0;
	bool more;
	const char *path = g->whole ? arena_printf(a, "/v1/heads?after=%lld&limit=%d",
						   (long long)g->next - 1, HEADS_PAGE)
				    : arena_printf(a, "/v1/heads?tick=%llu&limit=%d",
						   (unsigned long long)g->from, HEADS_PAGE);

	do {
		if (take_page(g, path, &more, &last, e) < 0)
			return -1;
		path = arena_printf(a, "/v1/heads?after=%llu&limit=%d", (unsigned long long)last,
				    HEADS_PAGE);
	} while (more && !g->enough);
	return 0;
}

/* What the chain has beyond the last one shown. */
static int
take_rest(struct gather *g, struct err *e)
{
	struct json *result;
	u128 count;

	if (g->enough)
		return 0;
	if (evm_now(&g->c->arena, &g->c->evm, rpc_nonce_mined(&g->c->arena, &g->c->auctioneer),
		    &result, e) < 0 ||
	    rpc_uint_read(result, &count, e) < 0)
		return -1;
	while (g->next < count && !g->enough)
		if (search(g, g->next, e) < 0)
			return -1;
	if (!g->enough)
		g->out->now = (uint64_t)(clock_wall() / SECOND_US);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Records.                                                             */

static int
take_records(struct gather *g, uint64_t from, uint64_t to, struct err *e)
{
	struct heads_seen *out = g->out;
	struct arena *a = &g->c->arena;
	bool more = true;

	for (uint64_t next = from; more && next <= to;) {
		const struct json *data, *flag;
		struct json *page;

		if (market_get(a, &g->c->market,
			       arena_printf(a, "/v1/ticks?after=%lld&limit=%d", (long long)next - 1,
					    RECORDS_PAGE),
			       &page, e) < 0)
			return -1;
		data = json_get(page, "data");
		flag = json_get(page, "has_more");
		more = flag != NULL && flag->truth && data != NULL && data->first != NULL;
		for (const struct json *n = data != NULL ? data->first : NULL;
		     n != NULL && next <= to; n = n->next) {
			struct record *all = out->records.items =
				arena_grow(a, out->records.items, out->records.count, sizeof(*all));
			struct record *r = &all[out->records.count++];

			*r = (struct record){ .terms = { .number = 0 } };
			if (json_get(n, "terms") == NULL ||
			    json_read(a, json_get(n, "terms"), record_terms_fields, &r->terms, e) <
				    0 ||
			    sig_read(text_of(n, "sig"), &r->sig, e) < 0)
				return err_wrap(e, "records that the market shows");
			next = r->terms.number + 1;
		}
	}
	return 0;
}

static uint64_t
lowest_head(const struct heads_seen *out, uint64_t most)
{
	const struct head_tx *txs = out->txs.items;

	for (size_t i = 0; i < out->txs.count; i++)
		if (txs[i].carries)
			most = MIN(most, txs[i].number);
	return most;
}

static uint64_t
highest_head(const struct heads_seen *out, uint64_t least)
{
	const struct head_tx *txs = out->txs.items;

	for (size_t i = 0; i < out->txs.count; i++)
		if (txs[i].carries)
			least = MAX(least, txs[i].number);
	return least;
}

static int
gather(struct gather *g, struct err *e)
{
	*g->out = (struct heads_seen){ .every_s = g->c->head_every_s };
	if (g->out->every_s == 0)
		return 0;
	return take_shown(g, e) < 0 || take_rest(g, e) < 0 ? -1 : 0;
}

int
heads_of_ticks(struct context *c, uint64_t from, uint64_t to, struct heads_seen *out, struct err *e)
{
	struct gather g = { .c = c, .out = out, .until = to, .from = from };
	const struct head_tx *first;
	uint64_t begin = from > 0 ? from - 1 : 0;

	if (gather(&g, e) < 0)
		return -1;
	if (out->every_s == 0)
		return 0;
	first = out->txs.items;
	if (out->txs.count > 0 && first->carries && first->number < begin)
		begin = first->number;
	return take_records(&g, begin, highest_head(out, to), e);
}

int
heads_of_key(struct context *c, uint64_t nonce, struct heads_seen *out, struct err *e)
{
	struct gather g = { .c = c, .out = out, .until = UINT64_MAX, .next = nonce, .whole = true };
	uint64_t first;

	if (gather(&g, e) < 0)
		return -1;
	first = lowest_head(out, UINT64_MAX);
	if (out->every_s == 0 || first == UINT64_MAX)
		return 0;
	return take_records(&g, first, UINT64_MAX, e);
}

/* ------------------------------------------------------------------ */

int
heads_judge(const struct heads_seen *seen, const struct domain *d, const struct address *market,
	    struct heads_told *told, struct err *e)
{
	struct heads h = { .domain = d,
			   .market = *market,
			   .txs = seen->txs.items,
			   .tx_count = seen->txs.count,
			   .records = seen->records.items,
			   .record_count = seen->records.count,
			   .every_s = seen->every_s,
			   .now = seen->now };

	return heads_audit(&h, told, e);
}

bool
heads_agree(const struct heads_seen *seen, const struct record *r)
{
	const struct record *all = seen->records.items;
	uint64_t first = seen->records.count > 0 ? all->terms.number : 0;
	struct hash a, b;

	if (r->terms.number < first || r->terms.number - first >= seen->records.count)
		return false;
	a = record_hash(&all[r->terms.number - first].terms);
	b = record_hash(&r->terms);
	return hash_equal(&a, &b);
}

void
heads_say(struct context *c, const struct heads_seen *seen, const struct heads_told *told)
{
	if (seen->every_s == 0)
		printf("heads: this market puts none on the chain\n");
	else if (!told->any)
		printf("heads: none on the chain yet, of %zu transactions\n", seen->txs.count);
	else
		printf("heads: %zu on the chain, of %zu transactions; records up to %llu are "
		       "fixed\n",
		       told->heads, seen->txs.count, (unsigned long long)told->covered);
	if (told->late)
		say(c,
		    "warning: record %llu %s %llu s for a head, where the market promises one "
		    "within %u s",
		    (unsigned long long)told->late_from,
		    told->still ? "has been waiting" : "waited", (unsigned long long)told->late_s,
		    seen->every_s);
}
