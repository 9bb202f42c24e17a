/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel accept: pick one of the ranking that deploy --manual ends with. The choice is
 * signed here; the market awards nothing without it, and gavel audit auction looks
 * for it.
 */
#include <getopt.h>

#include "tenant/tenant.h"

static const struct code RANKING_EMPTY = { "ranking_empty", NO_BID,
					   "there is nobody left to pick" };
static const struct code PICK_FAILED = { "pick_failed", FAILED,
					 "the one that was picked could not run it" };

uint32_t
seconds_read(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	unsigned long unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;

	if (end == text || text[0] == '-' || n == 0 || n > 86400 / unit)
		return 0;
	if (*end != '\0' && (strchr("smh", *end) == NULL || end[1] != '\0'))
		return 0;
	return (uint32_t)(n * unit);
}

/* ------------------------------------------------------------------ */
/* The ranking.                                                        */

struct pick {
	struct address provider;
	struct rate price;
	int64_t rank;
};

struct ranking {
	struct json *order;
	struct hash hash;
	int64_t round, failures;
	struct pick *picks; /* that are left, cheapest first */
	size_t count;
};

static bool
has_failed(const struct json *order, const char *provider)
{
	const struct json *failed = json_get(order, "failed");

	for (const struct json *f = failed != NULL ? failed->first : NULL; f != NULL; f = f->next)
		if (strcasecmp(text_of(f, "provider"), provider) == 0)
			return true;
	return false;
}

static int
cheaper(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;
	int by_price = rate_cmp(x->price, y->price);

	return by_price != 0 ? by_price : x->rank < y->rank ? -1 : x->rank > y->rank;
}

static int
ranking_read(struct context *c, const struct id *order, struct ranking *r, struct err *e)
{
	char id[ID_TEXT_SIZE];
	const char *path = arena_printf(&c->arena, "/v1/orders/%s", id_text(ID_ORDER, order, id));
	const struct json *rows;
	struct json *bids;

	*r = (struct ranking){ .order = NULL };
	if (market_get(&c->arena, &c->market, path, &r->order, e) < 0 ||
	    hash_read(text_of(r->order, "hash"), &r->hash, e) < 0 ||
	    market_get(&c->arena, &c->market, arena_printf(&c->arena, "%s/bids", path), &bids, e) <
		    0)
		return -1;
	r->round = number_of(r->order, "round");
	r->failures = number_of(r->order, "failures");
	rows = json_get(bids, "data");
	for (const struct json *b = rows != NULL ? rows->first : NULL; b != NULL; b = b->next) {
		struct pick p = { .rank = number_of(b, "rank") };

		if (json_get(b, "price") == NULL || number_of(b, "round") != r->round ||
		    has_failed(r->order, text_of(b, "provider")))
			continue;
		if (address_read(text_of(b, "provider"), &p.provider, e) < 0 ||
		    rate_read(text_of(b, "price"), &p.price, e) < 0)
			return -1;
		r->picks = arena_grow(&c->arena, r->picks, r->count, sizeof(*r->picks));
		r->picks[r->count++] = p;
	}
	if (r->count > 0)
		qsort(r->picks, r->count, sizeof(*r->picks), cheaper);
	return 0;
}

int
ranking_show(struct context *c, const char *name, const struct id *order, struct err *e)
{
	struct ranking r;
	struct json *round;
	char id[ID_TEXT_SIZE], who[ADDRESS_TEXT_SIZE];

	if (ranking_read(c, order, &r, e) < 0 ||
	    market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/orders/%s/rounds/%lld",
				    id_text(ID_ORDER, order, id), (long long)r.round),
		       &round, e) < 0)
		return -1;
	printf("%s waits for your choice until %s\n", name, text_of(round, "choose_by"));
	for (size_t i = 0; i < r.count; i++)
		printf("  %zu. %s  %s\n", i + 1, address_text(&r.picks[i].provider, who),
		       price(c, r.picks[i].price));
	say(c, "\nPick: gavel accept %s [PROVIDER]    Or none: gavel close %s", name, name);
	return 0;
}

/* ------------------------------------------------------------------ */

/* `provider` NULL: the cheapest that is left. */
static int
choose(struct context *c, const struct deployment *d, const char *provider, struct ranking *r,
       struct err *e)
{
	struct choice_doc doc;
	struct hash h, digest;
	char id[ID_TEXT_SIZE], who[ADDRESS_TEXT_SIZE];
	struct json *answer;

	if (ranking_read(c, &d->order, r, e) < 0)
		return -1;
	if (provider == NULL && r->count == 0)
		return err_set(e, &RANKING_EMPTY, "order %s, round %lld: gavel bids %s tells why",
			       text_of(r->order, "state"), (long long)r->round, d->name);
	doc.terms = (struct choice_terms){ .order = d->order_hash, .round = (uint64_t)r->round };
	if (provider == NULL)
		doc.terms.provider = r->picks[0].provider;
	else if (address_read(provider, &doc.terms.provider, e) < 0)
		return -1;
	h = choice_hash(&doc.terms);
	digest = terms_digest(&c->domain, &h);
	key_sign(&c->key, &digest, &doc.sig);
	if (market_post(&c->arena, &c->market,
			arena_printf(&c->arena, "/v1/orders/%s/choices",
				     id_text(ID_ORDER, &d->order, id)),
			json_encode(&c->arena, choice_doc_fields, &doc), NULL, &answer, e) < 0)
		return -1;
	if (c->json)
		return 0;
	say(c, "%s is chosen", address_text(&doc.terms.provider, who));
	return 0;
}

static int
accept_one(struct context *c, const struct deployment *d, const char *provider, bool go_on,
	   bool wait, struct err *e)
{
	struct ranking r;
	bool ranked;

	for (;;) {
		if (choose(c, d, provider, &r, e) < 0)
			return -1;
		if (!wait)
			return 0;
		if (deploy_follow(c, d, r.failures + 1, &ranked, e) < 0)
			return -1;
		if (!ranked)
			return 0;
		if (!go_on)
			break;
		provider = NULL;
	}
	if (!c->json && ranking_show(c, d->name, &d->order, e) < 0)
		return -1;
	return err_set(e, &PICK_FAILED, "pick another: gavel accept %s, or --auto", d->name);
}

int
cmd_accept(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "auto", no_argument, NULL, 'a' },
						 { "no-wait", no_argument, NULL, 'N' },
						 { NULL, 0, NULL, 0 } };
	const char *name = NULL, *provider = NULL;
	bool go_on = false, wait = true;
	struct deployment d;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 'a': go_on = true; break;
		case 'N': wait = false; break;
		default: return option_fault(argv, "accept", e);
		}
	if (argc - optind > 2)
		return err_set(e, &TENANT_USAGE, "accept takes a name and a provider");
	for (int i = optind; i < argc; i++)
		if (strncmp(argv[i], "0x", 2) == 0)
			provider = argv[i];
		else
			name = argv[i];
	if (parts_single(c, name, e) < 0 || context_connect(c, e) < 0 || context_unlock(c, e) < 0 ||
	    deployment_find(c, name, &d, e) < 0)
		return -1;
	return accept_one(c, &d, provider, go_on, wait, e);
}
