/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel price index: what leases of each class cost here, as a month of a reference
 * machine; with --verify computed again from the market's leases.
 */
#include <getopt.h>

#include "lease/index.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

static const struct code INDEX_NOTHING = { "index_nothing", NOT_FOUND,
					   "the market has no price index of this" };
static const struct code INDEX_DIFFERS = { "index_differs", CONFLICT,
					   "the price index is not what its leases say" };

#define PAGES_MAX 1000u

struct flags {
	const char *class, *region, *window;
	bool verify;
};

static int
flags_read(int argc, char **argv, struct flags *f, struct err *e)
{
	static const struct option options[] = { { "class", required_argument, NULL, 'c' },
						 { "region", required_argument, NULL, 'r' },
						 { "window", required_argument, NULL, 'w' },
						 { "verify", no_argument, NULL, 'v' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'c': f->class = optarg; break;
		case 'r': f->region = optarg; break;
		case 'w': f->window = optarg; break;
		case 'v': f->verify = true; break;
		default: return err_set(e, &TENANT_USAGE, "gavel price --help");
		}
	if (optind + 1 != argc || strcmp(argv[optind], "index") != 0)
		return err_set(e, &TENANT_USAGE, "for example: gavel price index --class cpu");
	return 0;
}

/* The same question as to the index and to its trades. */
static const char *
question(struct context *c, const char *window, const char *class, const char *region)
{
	const char *q = arena_printf(&c->arena, "?window=%s", query_text(&c->arena, window));

	if (class != NULL)
		q = arena_printf(&c->arena, "%s&class=%s", q, query_text(&c->arena, class));
	if (region != NULL)
		q = arena_printf(&c->arena, "%s&region=%s", q, query_text(&c->arena, region));
	return q;
}

/* ------------------------------------------------------------------ */
/* Showing.                                                            */

/* The token's name is all that is needed of a market that one only looks at. */
static int
connect_to_look(struct context *c, struct err *e)
{
	struct json *doc;
	const struct json *token;

	if (context_read(c, e) < 0 ||
	    market_get(&c->arena, &c->market, "/.well-known/gavel", &doc, e) < 0)
		return -1;
	token = json_get(doc, "token");
	c->symbol = text_of(token, "symbol");
	c->decimals = (uint32_t)number_of(token, "decimals");
	return 0;
}

static const char *
monthly(struct context *c, const struct json *machine, const char *name)
{
	char text[AMOUNT_TEXT_SIZE];
	struct err ignored = ERR_NONE;
	struct rate rate;

	if (rate_read(text_of(machine, name), &rate, &ignored) < 0)
		return "-";
	return arena_printf(&c->arena, "%s", rate_human(rate, 730 * 3600, c->decimals, text));
}

static const char *
where(const struct json *row)
{
	const char *region = text_of(row, "region");

	return region[0] != '\0' ? region : "all";
}

static const char *
unmatched_share(struct context *c, const struct json *row)
{
	int64_t awarded = number_of(row, "awarded"), unmatched = number_of(row, "unmatched");

	if (awarded + unmatched <= 0)
		return "-";
	return arena_printf(&c->arena, "%lld %%",
			    (long long)(unmatched * 100 / (awarded + unmatched)));
}

static const char *
award_time(struct context *c, const struct json *row)
{
	char text[TIME_TEXT_SIZE];
	const struct json *ms = json_get(row, "award_ms");

	if (ms == NULL || ms->type != JSON_NUMBER)
		return "-";
	return arena_printf(&c->arena, "%s",
			    duration_text(number_of(row, "award_ms") * MILLI_US, text));
}

static void
print_row(struct context *c, const struct json *row)
{
	const struct json *machine = json_get(row, "machine"), *stale = json_get(row, "stale");
	const char *published = text_of(row, "published_at");

	printf("%-16s %-10s %10s %10s %10s %7lld %9lld %9s %9s  %s\n", text_of(row, "class"),
	       where(row), monthly(c, machine, "p25"), monthly(c, machine, "median"),
	       monthly(c, machine, "p75"), (long long)number_of(row, "leases"),
	       (long long)number_of(row, "owners"), unmatched_share(c, row), award_time(c, row),
	       text_of(machine, "is"));
	if (published[0] == '\0')
		printf("  no price yet: it takes 10 leases of 5 providers\n");
	else if (stale != NULL && stale->truth)
		printf("  stale: too few leases now; the price is of %s\n", published);
}

static void
print_index(struct context *c, const struct json *doc, const char *window)
{
	const struct json *rows = json_get(doc, "data");

	printf("%s a month of a machine as described, leases of %s\n", c->symbol, window);
	printf("%-16s %-10s %10s %10s %10s %7s %9s %9s %9s  %s\n", "class", "region", "p25",
	       "median", "p75", "leases", "providers", "unmatched", "award in", "machine");
	for (const struct json *r = rows->first; r != NULL; r = r->next)
		print_row(c, r);
}

/* ------------------------------------------------------------------ */
/* Computing it again.                                                 */

static int
read_trade(const struct json *row, struct index_trade *t, struct err *e)
{
	const struct json *defaulted = json_get(row, "defaulted"),
			  *manual = json_get(row, "manual");

	if (address_read(text_of(row, "provider"), &t->owner, e) < 0 ||
	    address_read(text_of(row, "tenant"), &t->tenant, e) < 0 ||
	    rate_read(text_of(row, "rate"), &t->price, e) < 0 ||
	    rate_read(text_of(row, "reference"), &t->reference, e) < 0)
		return err_wrap(e, "lease %s", text_of(row, "lease"));
	t->ran_s = (uint32_t)number_of(row, "ran_s");
	t->defaulted = defaulted != NULL && defaulted->truth;
	t->manual = manual != NULL && manual->truth;
	return 0;
}

static int
fetch_trades(struct context *c, const char *asked, struct index_trade **trades, size_t *count,
	     struct err *e)
{
	const char *next = "";

	*trades = NULL;
	*count = 0;
	for (unsigned page = 0; page < PAGES_MAX; page++) {
		const struct json *rows;
		struct json *doc;

		if (market_get(&c->arena, &c->market,
			       arena_printf(&c->arena, "/v1/price-index/trades%s%s", asked, next),
			       &doc, e) < 0)
			return -1;
		rows = json_get(doc, "data");
		for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL;
		     r = r->next) {
			*trades = arena_grow(&c->arena, *trades, *count, sizeof(**trades));
			if (read_trade(r, &(*trades)[(*count)++], e) < 0)
				return -1;
		}
		if (text_of(doc, "next")[0] == '\0')
			return 0;
		next = arena_printf(&c->arena, "&cursor=%s", text_of(doc, "next"));
	}
	return err_set(e, &ERR_TOO_BIG, "more than %u pages of leases", PAGES_MAX);
}

static int
computed_at(struct context *c, const char *window, const struct json *row, const char *when,
	    struct price_index *x, struct err *e)
{
	const char *region = text_of(row, "region");
	const char *asked = arena_printf(
		&c->arena, "%s&at=%s",
		question(c, window, text_of(row, "class"), region[0] != '\0' ? region : NULL),
		query_text(&c->arena, text_of(row, when)));
	struct index_trade *trades;
	size_t count;

	if (fetch_trades(c, asked, &trades, &count, e) < 0)
		return -1;
	*x = index_of(&c->arena, trades, count, strcmp(window, "1h") == 0 ? 3600 : 86400);
	return 0;
}

static int
same(const struct json *row, const char *name, uint64_t ours, struct err *e)
{
	if (number_of(row, name) == (int64_t)ours)
		return 0;
	return err_set(e, &INDEX_DIFFERS, "%s in %s: %s is %lld, by its leases %lld",
		       text_of(row, "class"), where(row), name, (long long)number_of(row, name),
		       (long long)ours);
}

/* Counts are of now; prices of when they were published, which may be longer ago. */
static int
verify_row(struct context *c, const char *window, const struct json *row, struct err *e)
{
	bool published = text_of(row, "published_at")[0] != '\0';
	const struct json *stale = json_get(row, "stale");
	struct price_index x;

	if (computed_at(c, window, row, "at", &x, e) < 0 || same(row, "leases", x.leases, e) < 0 ||
	    same(row, "owners", x.owners, e) < 0)
		return -1;
	if (x.published == (stale != NULL && stale->truth))
		return err_set(e, &INDEX_DIFFERS, "%s in %s: it is %sstale", text_of(row, "class"),
			       where(row), x.published ? "not " : "");
	if (!published)
		return 0;
	if (!x.published && computed_at(c, window, row, "published_at", &x, e) < 0)
		return -1;
	if (!x.published)
		return err_set(e, &INDEX_DIFFERS, "%s in %s: published from too few leases",
			       text_of(row, "class"), where(row));
	return same(row, "p25", x.p25, e) < 0 || same(row, "median", x.median, e) < 0 ||
			       same(row, "p75", x.p75, e) < 0
		       ? -1
		       : 0;
}

static int
verify(struct context *c, const char *window, const struct json *doc, struct err *e)
{
	const struct json *rows = json_get(doc, "data");

	for (const struct json *r = rows->first; r != NULL; r = r->next)
		if (verify_row(c, window, r, e) < 0)
			return -1;
	say(c, "computed again from the leases: %zu rows agree", rows->count);
	return 0;
}

int
cmd_price(struct context *c, int argc, char **argv, struct err *e)
{
	struct flags f = { .window = "24h" };
	const struct json *rows;
	struct json *doc;

	if (flags_read(argc, argv, &f, e) < 0 || connect_to_look(c, e) < 0 ||
	    market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/price-index%s",
				    question(c, f.window, f.class, f.region)),
		       &doc, e) < 0)
		return -1;
	rows = json_get(doc, "data");
	if (c->json)
		print_json(doc);
	if (rows == NULL || rows->first == NULL)
		return c->json ? 0
			       : err_set(e, &INDEX_NOTHING,
					 "nothing was leased or ordered in %s, nor priced before",
					 f.window);
	if (!c->json)
		print_index(c, doc, f.window);
	return f.verify ? verify(c, f.window, doc, e) : 0;
}
