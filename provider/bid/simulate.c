/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/simulate.h"

#include <errno.h>

#include "lease/attest.h"
#include "lease/auction.h"
#include "lease/keystore.h"
#include "lib/clock.h"
#include "market/client.h"
#include "provider/bid/appraise.h"
#include "provider/inventory.h"

#define LINE_MAX_BYTES ((size_t)JSON_BYTES_MAX)
#define REASONS_MAX    16u

static const struct code SIMULATE_BAD = { "simulate_bad", INVALID, "a past order cannot be read" };

/* What was asked, and what the others said. */
struct past {
	const char *name;
	struct group group;
	struct address tenant;
	struct auction_order order;
	struct auction_bid bids[AUCTION_BIDS_MAX];
	size_t count;
	bool awarded; /* in truth, at: */
	struct rate price;
};

/* What we would have said, and what would have come of it. */
struct verdict {
	const char *decline;
	struct rate floor, list, price;
	uint32_t rank;
	bool won;
};

struct sums {
	size_t orders, won;
	struct rate rate; /* of those won */
	struct {
		const char *reason;
		size_t count;
	} declined[REASONS_MAX];
	size_t reasons;
};

struct run {
	const struct simulate *sim;
	struct market_client market;
	struct address self;
	struct domain domain;
	struct json_list audits; /* of us */
	struct arena arena;	 /* of the run; each order has its own */
	struct sums sums;
	struct jsonw *w; /* with --json */
	wall_t since;
};

/* ------------------------------------------------------------------ */
/* Our answer.                                                         */

static const char *
appraise(struct run *r, struct arena *a, const struct past *p, struct pricing *out)
{
	struct provider_settings *s = r->sim->settings;
	struct room room = room_of(&s->capacity, &s->volumes, &s->gpus);
	const char *why = appraise_refusal(s, &r->self, &p->tenant, &p->group);
	struct price_ask ask = { .pricing = out };
	struct json_strs devices, models;
	struct address auditor;

	if (why == NULL && attest_lacks(&p->group, &r->self, &r->audits, clock_wall(), &auditor))
		why = "audit";
	if (why == NULL)
		why = room_fit(a, &room, &p->group, &devices);
	if (why != NULL)
		return why;
	models = pricing_models(a, &s->gpus, &devices);
	*out = pricing_by_card(&s->prices, &p->group, &p->tenant, &models, r->sim->load_bp);
	if (s->price_program.count == 0)
		return NULL;
	ask.question = pricing_question(a, p->name, &p->tenant, &p->group, r->sim->load_bp, out);
	price_ask_now(a, s, &ask);
	return ask.decline;
}

/* The same rules again, with our bid in place of what we said then. */
static void
clear_again(const struct run *r, struct past *p, const struct pricing *ours, struct verdict *v)
{
	static struct auction_outcome out;
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		if (!address_equal(&p->bids[i].provider, &r->self))
			p->bids[n++] = p->bids[i];
	n = MIN(n, (size_t)AUCTION_BIDS_MAX - 1);
	p->bids[n] = (struct auction_bid){ .provider = r->self,
					   .owner = r->self,
					   .floor = ours->floor,
					   .list = ours->list,
					   .launches = 20,
					   .sets_prices = true };
	auction_clear(&p->order, p->bids, n + 1, &out);
	v->floor = ours->floor;
	v->list = ours->list;
	v->rank = out.rank[n];
	v->won = out.end == AUCTION_AWARDED && out.winner == n;
	v->price = out.price;
}

static void
count_decline(struct sums *s, const char *reason)
{
	size_t i = 0;

	while (i < s->reasons && strcmp(s->declined[i].reason, reason) != 0)
		i++;
	if (i == REASONS_MAX)
		return;
	if (i == s->reasons)
		s->declined[s->reasons++].reason = reason;
	s->declined[i].count++;
}

/* ------------------------------------------------------------------ */
/* Telling.                                                            */

static void
tell_json(struct jsonw *w, const struct past *p, const struct verdict *v)
{
	char text[AMOUNT_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "order", "%s", p->name);
	if (p->awarded)
		jsonw_member(w, "was", "%s", u128_text(p->price.nano, text));
	if (v->decline != NULL) {
		jsonw_member(w, "declines", "%s", v->decline);
	} else {
		jsonw_member(w, "floor", "%s", u128_text(v->floor.nano, text));
		jsonw_member(w, "list", "%s", u128_text(v->list.nano, text));
		jsonw_name(w, "rank");
		jsonw_int(w, v->rank);
		jsonw_name(w, "won");
		jsonw_bool(w, v->won);
		if (v->won)
			jsonw_member(w, "price", "%s", u128_text(v->price.nano, text));
	}
	jsonw_close(w, '}');
}

static void
tell(struct run *r, const struct past *p, const struct verdict *v)
{
	char floor[AMOUNT_TEXT_SIZE], list[AMOUNT_TEXT_SIZE], was[AMOUNT_TEXT_SIZE] = "unfilled";
	char price[AMOUNT_TEXT_SIZE];

	if (r->w != NULL) {
		tell_json(r->w, p, v);
		return;
	}
	if (p->awarded)
		u128_text(p->price.nano, was);
	printf("%s  was %s  ", p->name, was);
	if (v->decline != NULL)
		printf("declines: %s\n", v->decline);
	else
		printf("floor %s list %s  rank %u  %s%s\n", u128_text(v->floor.nano, floor),
		       u128_text(v->list.nano, list), v->rank, v->won ? "wins at " : "does not win",
		       v->won ? u128_text(v->price.nano, price) : "");
}

static void
tell_sums(const struct run *r)
{
	const struct sums *s = &r->sums;
	char rate[AMOUNT_TEXT_SIZE];

	if (r->w == NULL) {
		printf("%zu orders: would have won %zu, for %s in all (10^-9 base units a "
		       "second)\n",
		       s->orders, s->won, u128_text(s->rate.nano, rate));
		for (size_t i = 0; i < s->reasons; i++)
			printf("  declines %zu: %s\n", s->declined[i].count, s->declined[i].reason);
		return;
	}
	jsonw_close(r->w, ']');
	jsonw_name(r->w, "sums");
	jsonw_open(r->w, '{');
	jsonw_name(r->w, "orders");
	jsonw_int(r->w, (int64_t)s->orders);
	jsonw_name(r->w, "won");
	jsonw_int(r->w, (int64_t)s->won);
	jsonw_member(r->w, "rate", "%s", u128_text(s->rate.nano, rate));
	jsonw_name(r->w, "declined");
	jsonw_open(r->w, '{');
	for (size_t i = 0; i < s->reasons; i++) {
		jsonw_name(r->w, s->declined[i].reason);
		jsonw_int(r->w, (int64_t)s->declined[i].count);
	}
	jsonw_close(r->w, '}');
	jsonw_close(r->w, '}');
	jsonw_close(r->w, '}');
	puts(jsonw_text(r->w, NULL));
}

static void
judge(struct run *r, struct arena *a, struct past *p)
{
	struct verdict v = { .won = false };
	struct pricing ours;

	v.decline = appraise(r, a, p, &ours);
	r->sums.orders++;
	if (v.decline != NULL) {
		count_decline(&r->sums, arena_strdup(&r->arena, v.decline));
	} else {
		clear_again(r, p, &ours, &v);
		r->sums.won += v.won;
		if (v.won)
			r->sums.rate.nano = MIN(r->sums.rate.nano + v.price.nano, RATE_MAX);
	}
	tell(r, p, &v);
}

/* ------------------------------------------------------------------ */
/* Past orders of the market.                                          */

static const char *
text_at(const struct json *o, const char *name)
{
	const struct json *v = o != NULL ? json_get(o, name) : NULL;

	return v != NULL && v->text != NULL ? v->text : "";
}

/* A bid of the transcript that took part. */
static void
take_bid(struct arena *a, struct past *p, const struct json *entry)
{
	const struct json *bid = json_get(entry, "bid"), *sets = json_get(entry, "sets_prices");
	struct err ignored = ERR_NONE;
	struct bid_doc doc;

	if (bid == NULL || p->count == AUCTION_BIDS_MAX - 1 ||
	    json_read(a, bid, bid_doc_fields, &doc, &ignored) < 0)
		return;
	p->bids[p->count++] = (struct auction_bid){
		.provider = doc.terms.provider,
		.owner = doc.terms.provider,
		.floor = doc.terms.floor,
		.list = doc.terms.list,
		.launches = (uint32_t)strtoul(text_at(entry, "launches"), NULL, 10),
		.failures = (uint32_t)strtoul(text_at(entry, "failures"), NULL, 10),
		.sets_prices = sets != NULL && sets->truth,
	};
}

/* A standing offer that took part beside them: to the rules it is a bid. */
static int
take_offer(struct past *p, const struct json *line, struct err *e)
{
	const struct json *sets = json_get(line, "sets_prices");
	struct auction_bid *b = &p->bids[p->count];

	if (text_at(line, "rank")[0] == '\0' || p->count == AUCTION_BIDS_MAX - 1)
		return 0;
	*b = (struct auction_bid){
		.launches = (uint32_t)strtoul(text_at(line, "launches"), NULL, 10),
		.failures = (uint32_t)strtoul(text_at(line, "failures"), NULL, 10),
		.sets_prices = sets != NULL && sets->truth,
	};
	if (address_read(text_at(line, "provider"), &b->provider, e) < 0 ||
	    rate_read(text_at(line, "floor"), &b->floor, e) < 0 ||
	    rate_read(text_at(line, "list"), &b->list, e) < 0)
		return err_wrap(e, "offer");
	b->owner = b->provider;
	p->count++;
	return 0;
}

/* 1: read; 0: the round was never cleared. */
static int
read_round(struct arena *a, struct past *p, const struct json *script, uint64_t round,
	   struct err *e)
{
	const struct json *terms = script != NULL ? json_get(script, "terms") : NULL;
	const struct json *entries, *offers;
	struct order_terms t;

	if (terms == NULL)
		return 0;
	if (json_read(a, terms, order_terms_fields, &t, e) < 0)
		return -1;
	p->tenant = t.tenant;
	p->order = (struct auction_order){
		.order = order_hash(&t),
		.round = round,
		.max = t.maxRate,
		.care_hours = (uint32_t)strtoul(text_at(script, "care_hours"), NULL, 10),
		.tenant_owner = t.tenant,
	};
	p->awarded = strcmp(text_at(script, "outcome"), "awarded") == 0;
	if (p->awarded && rate_read(text_at(script, "price"), &p->price, e) < 0)
		return -1;
	entries = json_get(script, "entries");
	for (const struct json *en = entries != NULL ? entries->first : NULL; en != NULL;
	     en = en->next)
		take_bid(a, p, en);
	offers = json_get(script, "offers");
	for (const struct json *o = offers != NULL ? offers->first : NULL; o != NULL; o = o->next)
		if (take_offer(p, o, e) < 0)
			return -1;
	return 1;
}

static int
replay_order(struct run *r, const struct json *order, struct err *e)
{
	uint64_t round = strtoull(text_at(order, "round"), NULL, 10);
	const struct json *group = json_get(order, "group");
	struct past *p;
	struct arena a;
	struct json *doc;
	int found = 0;

	if (round == 0 || group == NULL)
		return 0;
	arena_init(&a, 0);
	p = ARENA_NEW(&a, struct past);
	p->name = text_at(order, "id");
	if (json_read(&a, group, group_fields, &p->group, e) < 0 ||
	    market_get(&a, &r->market,
		       arena_printf(&a, "/v1/orders/%s/rounds/%llu", p->name,
				    (unsigned long long)round),
		       &doc, e) < 0)
		found = err_wrap(e, "%s", p->name);
	else
		found = read_round(&a, p, json_get(doc, "transcript"), round, e);
	if (found == 1)
		judge(r, &a, p);
	arena_release(&a);
	return MIN(found, 0);
}

/* Newest first, until `since`. */
static int
replay_market(struct run *r, struct err *e)
{
	const char *cursor = "";

	do {
		const struct json *rows;
		struct json *doc;
		wall_t at;

		if (market_get(&r->arena, &r->market,
			       arena_printf(&r->arena, "/v1/orders?limit=100%s%s",
					    cursor[0] != '\0' ? "&cursor=" : "", cursor),
			       &doc, e) < 0)
			return -1;
		rows = json_get(doc, "data");
		for (const struct json *o = rows != NULL ? rows->first : NULL; o != NULL;
		     o = o->next) {
			if (time_read(text_at(o, "created_at"), &at, e) < 0)
				return -1;
			if (at < r->since)
				return 0;
			if (replay_order(r, o, e) < 0)
				return -1;
		}
		cursor = text_at(doc, "next_cursor");
	} while (cursor[0] != '\0');
	return 0;
}

/* ------------------------------------------------------------------ */
/* Past orders of a file.                                              */

struct line_bid {
	struct rate floor, list;
};
struct line {
	struct group group;
	struct address tenant;
	struct rate max;
	struct json_list bids;
};

static const struct json_field line_bid_fields[] = { JSON_RATE(struct line_bid, floor, 0),
						     JSON_RATE(struct line_bid, list, 0),
						     JSON_END };
static const struct json_field line_fields[] = { JSON_OBJ(struct line, group, group_fields, 0),
						 JSON_ADDRESS(struct line, tenant, JSON_OPTIONAL),
						 JSON_RATE(struct line, max, JSON_OPTIONAL),
						 JSON_LIST(struct line, bids, line_bid_fields,
							   struct line_bid, AUCTION_BIDS_MAX - 1,
							   JSON_OPTIONAL),
						 JSON_END };

static int
replay_line(struct run *r, struct arena *a, const char *text, size_t len, size_t number,
	    struct err *e)
{
	struct line line = { .max = { RATE_MAX } };
	struct past *p = ARENA_NEW(a, struct past);
	const struct line_bid *bids;

	if (json_decode(a, text, len, line_fields, &line, e) < 0 || group_check(&line.group, e) < 0)
		return err_wrap(e, "line %zu", number);
	p->name = arena_printf(a, "line %zu", number);
	p->group = line.group;
	p->tenant = line.tenant;
	p->order = (struct auction_order){ .max = line.max, .round = number, .care_hours = 1 };
	/* Its owner is nobody's: a missing address must not be some bidder's. */
	memset(p->order.tenant_owner.b, 0xff, sizeof(p->order.tenant_owner.b));
	bids = line.bids.items;
	for (size_t i = 0; i < line.bids.count; i++) {
		struct address who = { .b = { 0xb1, [18] = (uint8_t)(i >> 8), [19] = (uint8_t)i } };

		p->bids[p->count++] = (struct auction_bid){ .provider = who,
							    .owner = who,
							    .floor = bids[i].floor,
							    .list = bids[i].list,
							    .launches = 20,
							    .sets_prices = true };
	}
	judge(r, a, p);
	return 0;
}

static int
replay_file(struct run *r, struct err *e)
{
	FILE *f = fopen(r->sim->orders, "re");
	char *text = NULL;
	size_t size = 0, number = 0;
	ssize_t len;
	int result = 0;

	if (f == NULL)
		return err_errno(e, "open %s", r->sim->orders);
	while (result == 0 && (len = getline(&text, &size, f)) >= 0) {
		struct arena a;

		number++;
		if (len == 0 || text[0] == '\n')
			continue;
		arena_init(&a, 0);
		if ((size_t)len > LINE_MAX_BYTES)
			result = err_set(e, &SIMULATE_BAD, "line %zu is too long", number);
		else
			result = replay_line(r, &a, text, (size_t)len, number, e);
		arena_release(&a);
	}
	free(text);
	fclose(f);
	return result;
}

/* ------------------------------------------------------------------ */

static int
since_read(const char *text, wall_t now, wall_t *out, struct err *e)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	int64_t unit = *end == 'd' ? 86400 : *end == 'h' ? 3600 : *end == 'm' ? 60 : 0;

	if (n == 0 || n > 100000 || unit == 0 || end[1] != '\0')
		return err_set(e, &SIMULATE_BAD, "--since %s: like 7d, 12h or 30m", text);
	*out = now - (int64_t)n * unit * SECOND_US;
	return 0;
}

struct audits_answer {
	struct json_list data;
};

static const struct json_field audits_fields[] = {
	JSON_LIST(struct audits_answer, data, audit_doc_fields, struct audit_doc, 1000, 0), JSON_END
};

/* Statements about us; the market's word is checked as the bidder does. */
static int
read_audits(struct run *r, struct err *e)
{
	struct audits_answer answer;
	char self[ADDRESS_TEXT_SIZE];
	struct audit_doc *d;
	struct json *doc;
	size_t kept = 0;

	if (market_get(&r->arena, &r->market,
		       arena_printf(&r->arena, "/v1/providers/%s/audits",
				    address_text(&r->self, self)),
		       &doc, e) < 0 ||
	    json_read(&r->arena, doc, audits_fields, &answer, e) < 0)
		return err_wrap(e, "audits");
	d = answer.data.items;
	for (size_t i = 0; i < answer.data.count; i++) {
		struct err why = ERR_NONE;

		if (attest_check(&r->domain, &d[i], &why) == 0)
			d[kept++] = d[i];
	}
	r->audits = (struct json_list){ d, kept };
	return 0;
}

int
simulate_run(const struct simulate *sim, struct err *e)
{
	struct provider_settings *s = sim->settings;
	struct run r = { .sim = sim, .market = { s->market_url, s->market_ca } };
	struct inventory inventory;
	int result;

	arena_init(&r.arena, 0);
	domain_init(&r.domain, s->chain_id, &s->escrow);
	if (since_read(sim->since != NULL ? sim->since : "7d", clock_wall(), &r.since, e) < 0 ||
	    keystore_whose(s->key_file, s->password_file, &r.self, e) < 0 ||
	    inventory_settle(&r.arena, s, &inventory, e) < 0)
		return -1;
	if (sim->json) {
		r.w = jsonw_new(false);
		jsonw_open(r.w, '{');
		jsonw_name(r.w, "orders");
		jsonw_open(r.w, '[');
	}
	if (sim->orders != NULL)
		result = replay_file(&r, e);
	else
		result = read_audits(&r, e) < 0 ? -1 : replay_market(&r, e);
	if (result == 0)
		tell_sums(&r);
	if (r.w != NULL)
		jsonw_free(r.w);
	arena_release(&r.arena);
	return result;
}
