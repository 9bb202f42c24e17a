/* SPDX-License-Identifier: Apache-2.0 */
/* gavel spot: pools and their prices. gavel audit pool: every auction of a pool computed
 * again, and whether those were pushed out whose turn it was. */
#include "tenant/spot.h"

#include "lib/clock.h"

static struct rate
rate_in(const struct json *node, const char *name)
{
	struct err ignored = ERR_NONE;
	struct rate rate = { 0 };

	if (node == NULL || rate_read(text_of(node, name), &rate, &ignored) < 0)
		rate.nano = 0;
	return rate;
}

static void
print_pool(struct context *c, const struct json *row)
{
	const char *class = text_of(row, "class");
	const struct json *pool = json_get(json_get(row, "pool"), "terms"),
			  *doc = json_get(row, "price"), *runs = NULL;
	unsigned running = 0, waiting = 0;

	printf("%s  %s: ", text_of(row, "provider"), class);
	if (doc == NULL || doc->type != JSON_OBJECT) {
		printf("no price yet\n");
		return;
	}
	printf("%s\n", pool_price_text(c, class, rate_in(json_get(doc, "terms"), "price")));
	runs = json_get(json_get(doc, "auction"), "runs");
	for (const struct json *r = runs != NULL ? runs->first : NULL; r != NULL; r = r->next) {
		running += json_get(r, "runs") != NULL && json_get(r, "runs")->truth;
		waiting += json_get(r, "runs") != NULL && !json_get(r, "runs")->truth;
	}
	printf("    floor %s; %s units; %u run, %u wait; notice %s s; auction %s\n",
	       pool_price_text(c, class, rate_in(pool, "floor")), text_of(pool, "units"), running,
	       waiting, text_of(pool, "notice"), text_of(json_get(doc, "terms"), "number"));
}

int
cmd_spot(struct context *c, int argc, char **argv, struct err *e)
{
	const struct json *rows;
	struct json *doc;

	(void)argv;
	if (argc > 1)
		return err_set(e, &TENANT_USAGE, "spot takes no arguments");
	if (context_connect(c, e) < 0)
		return -1;
	if (c->json) {
		if (market_get(&c->arena, &c->market, "/v1/pools", &doc, e) < 0)
			return -1;
		print_json(doc);
		return 0;
	}
	if (pools_get(c, &rows, e) < 0)
		return -1;
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next)
		print_pool(c, r);
	return 0;
}

/* ------------------------------------------------------------------ */
/* audit pool PROVIDER CLASS                                            */

struct said {
	struct spot_run_terms terms;
	uint32_t units;
	struct rate max;
};

struct pool_audit {
	struct address provider;
	const char *class;
	struct json_list prices; /* of struct spot_price_doc */
	struct said *said;
	size_t count, pushed;
};

static bool
is_there(const struct pool_audit *p, const struct spot_run_terms *t)
{
	for (size_t i = p->count; i > 0; i--)
		if (p->said[i - 1].terms.seq == t->seq &&
		    hash_equal(&p->said[i - 1].terms.lease, &t->lease))
			return true;
	return false;
}

static int
said_add(struct context *c, struct pool_audit *p, const struct json *row, struct err *e)
{
	struct spot_run_doc run = { .terms = { .seq = 0 } };
	struct hash h, digest;

	if (json_get(row, "run") == NULL ||
	    json_read(&c->arena, json_get(row, "run"), spot_run_doc_fields, &run, e) < 0)
		return -1;
	h = spot_run_hash(&run.terms);
	digest = terms_digest(&c->domain, &h);
	if (sig_check(&run.sig, &digest, &p->provider, e) < 0)
		return err_wrap(e, "run");
	if (!is_there(p, &run.terms))
		p->said[p->count++] = (struct said){ run.terms, (uint32_t)number_of(row, "units"),
						     rate_in(row, "max") };
	return 0;
}

/* All of them, page by page; a page begins with the second that the last ended with. */
static int
said_get(struct context *c, struct pool_audit *p, struct err *e)
{
	const char *path = pool_path(c, &p->provider, p->class);
	int64_t since = 0, next = 0;
	bool more = true;

	while (more) {
		const struct json *rows, *has_more;
		struct json *doc;
		struct said *grown;
		size_t n = 0;

		if (market_get(
			    &c->arena, &c->market,
			    arena_printf(&c->arena, "%s/runs?since=%lld", path, (long long)since),
			    &doc, e) < 0)
			return -1;
		rows = json_get(doc, "data");
		for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL;
		     r = r->next)
			n++;
		grown = arena_alloc(&c->arena, (p->count + n + 1) * sizeof(*grown));
		if (p->count > 0)
			memcpy(grown, p->said, p->count * sizeof(*grown));
		p->said = grown;
		for (const struct json *r = n > 0 ? rows->first : NULL; r != NULL; r = r->next)
			if (said_add(c, p, r, e) < 0)
				return -1;
		has_more = json_get(doc, "has_more");
		next = number_of(doc, "next_since");
		more = has_more != NULL && has_more->truth && next > since;
		since = next;
	}
	return 0;
}

/* Whether the auction that stood when it went had no place for it. */
static bool
was_outbid(const struct pool_audit *p, const struct spot_run_terms *s)
{
	const struct spot_price_doc *d = p->prices.items;

	for (size_t i = p->prices.count; i > 0; i--) {
		const struct pool_run *r = d[i - 1].auction.runs.items;

		/* It is told before it holds. */
		if (d[i - 1].terms.at > s->at + 5)
			continue;
		for (size_t k = 0; k < d[i - 1].auction.runs.count; k++)
			if (hash_equal(&r[k].id, &s->lease))
				return !r[k].runs;
		return false;
	}
	return false;
}

/* The statement of this lease that stood before `before`. */
static const struct said *
standing_before(const struct pool_audit *p, const struct hash *lease, uint32_t before)
{
	const struct said *found = NULL;

	for (size_t i = 0; i < p->count; i++)
		if (hash_equal(&p->said[i].terms.lease, lease) && p->said[i].terms.at < before)
			found = &p->said[i];
	return found;
}

/* All that ran when somebody was pushed out for a firm lease at `at`. */
static int
victims_check(struct context *c, struct pool_audit *p, uint32_t at, struct err *e)
{
	struct pool_run *runs = arena_alloc(&c->arena, (p->count + 1) * sizeof(*runs));
	struct json_list list = { runs, 0 };

	for (size_t i = 0; i < p->count; i++) {
		const struct said *s = standing_before(p, &p->said[i].terms.lease, at);
		bool gone = false;

		if (s != &p->said[i] || s->terms.state != SPOT_RUN_BEGUN)
			continue;
		for (size_t k = 0; k < p->count; k++)
			if (hash_equal(&p->said[k].terms.lease, &s->terms.lease) &&
			    p->said[k].terms.at == at && p->said[k].terms.state != SPOT_RUN_BEGUN)
				gone = true;
		runs[list.count++] = (struct pool_run){ .id = s->terms.lease,
							.max = s->max,
							.units = s->units,
							.incumbent = true,
							.started = s->terms.at,
							.runs = !gone };
	}
	return pool_victims_check(&c->arena, &list, e);
}

static int
interruptions_check(struct context *c, struct pool_audit *p, struct err *e)
{
	uint32_t done = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct spot_run_terms *s = &p->said[i].terms;
		char when[TIME_TEXT_SIZE];

		if (s->state != SPOT_RUN_INTERRUPTED || was_outbid(p, s))
			continue;
		p->pushed++;
		if (s->at == done)
			continue;
		done = s->at;
		if (victims_check(c, p, s->at, e) < 0)
			return err_wrap(e, "interruption at %s",
					time_text((wall_t)s->at * SECOND_US, when));
	}
	return 0;
}

int
cmd_audit_pool(struct context *c, int argc, char **argv, struct err *e)
{
	struct pool_audit p = { .class = argc > 3 ? argv[3] : "cpu" };

	if (argc < 3 || argc > 4)
		return err_set(e, &TENANT_USAGE, "for example: gavel audit pool 0x7099... cpu");
	if (address_read(argv[2], &p.provider, e) < 0 || context_connect(c, e) < 0 ||
	    pool_prices(c, &p.provider, p.class, 0, &p.prices, e) < 0 || said_get(c, &p, e) < 0 ||
	    interruptions_check(c, &p, e) < 0)
		return -1;
	if (c->json)
		printf("{\"auctions\": %zu, \"statements\": %zu, \"pushed_out\": %zu, \"right\": "
		       "true}\n",
		       p.prices.count, p.count, p.pushed);
	else
		printf("%zu auctions computed again: every price and place is right\n"
		       "%zu statements of runs; %zu pushed out for firm leases, each in its turn\n",
		       p.prices.count, p.count, p.pushed);
	return 0;
}
