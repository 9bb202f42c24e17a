/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/tell.h"

#include "lease/keystore.h"
#include "lease/unit_price.h"
#include "lib/clock.h"
#include "market/client.h"
#include "provider/bid/rival.h"

#define TRANSCRIPT_MAX ((size_t)16 << 20)

static const struct code NO_PART = { "no_part", NOT_FOUND,
				     "no offer or bid of ours took part in this auction" };

struct tell {
	struct arena arena;
	const struct provider_settings *settings;
	struct market_client market;
	struct address self;
	char self_text[ADDRESS_TEXT_SIZE];
	const char *symbol;
	unsigned decimals;
	struct jsonw *w; /* with --json */
};

static const char *
text_at(const struct json *o, const char *name)
{
	const struct json *v = o != NULL ? json_get(o, name) : NULL;

	return v != NULL && v->text != NULL ? v->text : "";
}

static struct rate
rate_at(const struct json *o, const char *name)
{
	struct err ignored = ERR_NONE;
	struct rate r = { 0 };

	if (rate_read(text_at(o, name), &r, &ignored) < 0)
		r.nano = 0;
	return r;
}

static const char *
hourly(struct tell *t, struct rate rate)
{
	char text[AMOUNT_TEXT_SIZE];

	return arena_printf(&t->arena, "%s %s/h", rate_human(rate, 3600, t->decimals, text),
			    t->symbol);
}

static int
begin(struct tell *t, const struct provider_settings *s, bool json, struct err *e)
{
	const struct json *token;
	struct json *doc;

	*t = (struct tell){ .settings = s, .market = { s->market_url, s->market_ca } };
	arena_init(&t->arena, 0);
	if (keystore_whose(s->key_file, s->password_file, &t->self, e) < 0 ||
	    market_get(&t->arena, &t->market, "/.well-known/gavel", &doc, e) < 0)
		return -1;
	address_text(&t->self, t->self_text);
	token = json_get(doc, "token");
	t->symbol = text_at(token, "symbol");
	t->decimals = (unsigned)strtoul(text_at(token, "decimals"), NULL, 10);
	if (json)
		t->w = jsonw_new(true);
	return 0;
}

static void
end(struct tell *t)
{
	if (t->w != NULL) {
		puts(jsonw_text(t->w, NULL));
		jsonw_free(t->w);
	}
	arena_release(&t->arena);
}

/* ------------------------------------------------------------------ */
/* offers                                                              */

static int
offers_get(struct tell *t, const struct json **rows, struct json **doc, struct err *e)
{
	if (market_get(&t->arena, &t->market,
		       arena_printf(&t->arena, "/v1/offers?provider=%s&limit=100", t->self_text),
		       doc, e) < 0)
		return -1;
	*rows = json_get(*doc, "data");
	return 0;
}

static void
tell_units(struct tell *t, const struct offer *o)
{
	struct unit_price floor[UNIT_PRICES_MAX], list[UNIT_PRICES_MAX];
	size_t count = unit_prices(&t->arena, &o->floor, floor), k = 0;
	size_t lists = unit_prices(&t->arena, &o->list, list);
	char low[AMOUNT_TEXT_SIZE], high[AMOUNT_TEXT_SIZE];

	printf("  %-28s %14s %14s  (%s a month)\n", "", "floor", "at most", t->symbol);
	for (size_t i = 0; i < lists; i++) {
		bool priced = k < count && strcmp(floor[k].unit, list[i].unit) == 0;

		printf("  %-28s %14s %14s\n", list[i].unit,
		       priced ? unit_price_human(&floor[k], t->decimals, low) : "0",
		       unit_price_human(&list[i], t->decimals, high));
		k += priced;
	}
}

static void
tell_nodes(const struct offer *o)
{
	const struct offer_node *n = o->nodes.items;

	for (size_t i = 0; i < o->nodes.count; i++) {
		printf("  %s: %u.%03u vCPU, %llu MiB memory, %llu MiB disk", n[i].name,
		       n[i].has.cpu_milli / 1000, n[i].has.cpu_milli % 1000,
		       (unsigned long long)n[i].has.memory_mib,
		       (unsigned long long)n[i].has.storage_mib[STORAGE_EPHEMERAL]);
		if (n[i].has.gpus > 0)
			printf(", %u %s", n[i].has.gpus, n[i].model);
		if (n[i].foreign.cpu_milli > 0 || n[i].foreign.gpus > 0)
			printf("; of it %u.%03u vCPU and %u GPUs used by others",
			       n[i].foreign.cpu_milli / 1000, n[i].foreign.cpu_milli % 1000,
			       n[i].foreign.gpus);
		putchar('\n');
	}
}

static int
tell_offer(struct tell *t, const struct json *row, struct err *e)
{
	char text[TIME_TEXT_SIZE];
	struct offer o;

	if (json_read(&t->arena, json_get(row, "offer"), offer_fields, &o, e) < 0)
		return err_wrap(e, "offer %s", text_at(row, "id"));
	printf("offer %s\n  seq %llu, until %s\n", text_at(row, "id"), (unsigned long long)o.seq,
	       time_text((wall_t)MIN(o.expires, (uint64_t)UINT32_MAX) * SECOND_US, text));
	tell_nodes(&o);
	printf("  a full machine asks %u.%02u %% more; launch within %u s", o.curve_bp / 100,
	       o.curve_bp % 100, o.launch_s);
	if (o.min_term_s > 0)
		printf("; orders of at least %u s", o.min_term_s);
	printf("\n  region %s; %zu tenants allowed, %zu denied\n",
	       o.region[0] != '\0' ? o.region : "-", o.allow.count, o.deny.count);
	tell_units(t, &o);
	return 0;
}

/* Nothing stands: is that what the settings say? */
static void
tell_none(const struct provider_settings *s)
{
	if (!s->standing)
		printf("no standing offer: the settings say standing: false\n");
	else if (s->price_program.count > 0)
		printf("no standing offer: with a price_program only sealed rounds are answered\n");
	else
		printf("no standing offer: the daemon does not run, or has not posted one yet; its "
		       "log says offer.not_taken and why\n");
}

int
tell_offers(const struct provider_settings *s, bool json, struct err *e)
{
	const struct json *rows;
	struct json *doc;
	struct tell t;
	int result = 0;

	if (begin(&t, s, json, e) < 0 || offers_get(&t, &rows, &doc, e) < 0)
		return -1;
	if (t.w != NULL) {
		jsonw_node(t.w, doc);
	} else if (rows == NULL || rows->first == NULL) {
		tell_none(s);
	} else {
		for (const struct json *r = rows->first; r != NULL && result == 0; r = r->next)
			result = tell_offer(&t, r, e);
	}
	end(&t);
	return result;
}

/* ------------------------------------------------------------------ */
/* why                                                                 */

struct part { /* of ours: a row of the order's bids */
	const struct json *row;
	struct offer offer;
	struct tick_transcript t;
	const struct tick_entry *entry; /* NULL: not shown, a sealed round, or a row of a set */
	struct rival rival;
	int model;
};

/* Larger than what the client takes. */
static int
transcript_get(struct tell *t, const char *tick, struct tick_transcript *out, struct err *e)
{
	struct fetch f = { .url = arena_printf(&t->arena, "%s/v1/ticks/%s/transcript",
					       t->settings->market_url, tick),
			   .ca_path = t->settings->market_ca,
			   .reply_max = TRANSCRIPT_MAX };
	struct json *doc;

	if (fetch_now(&t->arena, &f, e) < 0 || fetch_check(&t->arena, &f, e) < 0 ||
	    json_parse_large(&t->arena, f.reply, f.reply_len, &doc, e) < 0 ||
	    json_read(&t->arena, doc, tick_transcript_fields, out, e) < 0)
		return err_wrap(e, "tick %s", tick);
	return 0;
}

static int
model_of(const struct offer *o, const char *model)
{
	const struct gpu_rate *g = o->floor.gpus.items;

	for (size_t i = 0; i < o->floor.gpus.count; i++)
		if (strcmp(g[i].model, model) == 0)
			return (int)i;
	return -1;
}

static int
part_read(struct tell *t, const struct json *order, const struct json *row, struct part *p,
	  struct err *e)
{
	const char *id = text_at(row, "offer");
	struct hash offer, hash;
	struct json *doc;
	int mine;

	*p = (struct part){ .row = row };
	if (id[0] == '\0' || strcmp(text_at(order, "auction"), "fast") != 0)
		return 0;
	if (hash_read(id, &offer, e) < 0 || hash_read(text_at(order, "hash"), &hash, e) < 0 ||
	    market_get(&t->arena, &t->market, arena_printf(&t->arena, "/v1/offers/%s", id), &doc,
		       e) < 0 ||
	    json_read(&t->arena, json_get(doc, "offer"), offer_fields, &p->offer, e) < 0 ||
	    transcript_get(t, text_at(row, "tick"), &p->t, e) < 0)
		return -1;
	p->model = model_of(&p->offer, text_at(row, "model"));
	p->entry = rival_order(&p->t, &hash);
	mine = rival_row(&p->t, &offer);
	if (p->entry == NULL || mine < 0 || text_at(row, "floor")[0] == '\0')
		p->entry = NULL;
	else
		p->rival = rival_of(&t->arena, &p->t, p->entry, mine, &p->offer, p->model);
	return 0;
}

/* What stands behind a word, where a price was not the matter. */
static const char *
meaning(const char *reason)
{
	static const char *const rows[][2] = {
		{ "own_order", "the order is of the offer's own owner" },
		{ "denied", "the tenant excludes us, or we failed or declined this order" },
		{ "taken", "another copy of what is spread is here or won here" },
		{ "newcomer", "copies are spread over those only who may set prices" },
		{ "spread", "it fits, but there are too few different places for all copies" },
		{ "refuses", "our lists, or a factor above the card, exclude this tenant" },
		{ "region", "the order asks for another region" },
		{ "attribute", "the order asks for an attribute that we do not have" },
		{ "audit", "an auditor that the order names does not vouch for us" },
		{ "term", "the deposit does not last for our min_term_s" },
		{ "notice", "our reclaim_s is shorter than the notice it asks for" },
		{ "gpu", "none of the GPU models will do" },
		{ "capacity", "it did not fit beside what was leased" },
		{ "dearer", "another effective price was lower, or equal and luckier" },
		{ "outranked", "a better bid or offer of the same owner took part" },
		{ "above_max", "the price would be above the tenant's maximum" },
		{ "won", "the award is ours" },
	};

	for (size_t i = 0; i < NELEMS(rows); i++)
		if (strcmp(rows[i][0], reason) == 0)
			return rows[i][1];
	return "";
}

static void
tell_rival(struct tell *t, const struct rival *r)
{
	struct rate curve = { r->floor.nano - MIN(r->card.nano, r->floor.nano) };

	printf("  card       %s\n", hourly(t, r->card));
	printf("  load       %s more, for a machine that is %u.%02u %% full\n", hourly(t, curve),
	       r->load_bp / 100, r->load_bp % 100);
	printf("  floor      %s, list price %s\n", hourly(t, r->floor), hourly(t, r->list));
	printf("  effective  %s: %s times %u.%04u for the risk of a failure%s\n",
	       hourly(t, (struct rate){ MIN(r->effective, RATE_MAX) }),
	       r->sets_prices ? "the floor" : "the list price", r->weight / 10000,
	       r->weight % 10000,
	       r->sets_prices ? "" : " (newcomers compete with their list price)");
	if (r->floor_wins.nano != 0)
		printf("  would win  with a floor of at most %s for this order\n",
		       hourly(t, r->floor_wins));
	if (r->list_wins.nano != 0)
		printf("  would win  with a list price of at most %s for this order\n",
		       hourly(t, r->list_wins));
}

static void
tell_part(struct tell *t, const struct part *p)
{
	const struct json *row = p->row;
	const char *reason = text_at(row, "reason"), *rank = text_at(row, "rank");

	if (text_at(row, "offer")[0] != '\0')
		printf("offer %s, tick %s: ", text_at(row, "offer"), text_at(row, "tick"));
	else
		printf("sealed bid, round %s: ", text_at(row, "round"));
	if (text_at(row, "declined")[0] != '\0') {
		printf("declined, %s\n", text_at(row, "declined"));
		return;
	}
	printf("%s%s%s", reason[0] != '\0' ? reason : "not opened yet",
	       rank[0] != '\0' ? ", rank " : "", rank);
	printf("%s%s\n", meaning(reason)[0] != '\0' ? ": " : "", meaning(reason));
	if (p->entry != NULL)
		tell_rival(t, &p->rival);
	else if (text_at(row, "floor")[0] != '\0')
		printf("  floor      %s, list price %s\n", hourly(t, rate_at(row, "floor")),
		       hourly(t, rate_at(row, "list")));
}

static void
member_rate(struct jsonw *w, const char *name, struct rate r)
{
	char text[AMOUNT_TEXT_SIZE];

	if (r.nano != 0)
		jsonw_member(w, name, "%s", u128_text(r.nano, text));
}

/* The market's row, and what we make of it. */
static void
write_part(struct jsonw *w, const struct part *p)
{
	const struct rival *r = &p->rival;
	struct rate curve = { r->floor.nano - MIN(r->card.nano, r->floor.nano) };

	jsonw_open(w, '{');
	for (const struct json *v = p->row->first; v != NULL; v = v->next) {
		jsonw_name(w, v->name);
		jsonw_node(w, v);
	}
	if (p->entry != NULL) {
		member_rate(w, "card", r->card);
		jsonw_member(w, "curve", "%llu", (unsigned long long)curve.nano);
		jsonw_name(w, "load_bp");
		jsonw_int(w, r->load_bp);
		jsonw_name(w, "weight_bp");
		jsonw_int(w, r->weight);
		jsonw_name(w, "sets_prices");
		jsonw_bool(w, r->sets_prices);
		member_rate(w, "floor_wins", r->floor_wins);
		member_rate(w, "list_wins", r->list_wins);
	}
	jsonw_close(w, '}');
}

static void
tell_order(struct tell *t, const struct json *order)
{
	const struct json *lease = json_get(order, "lease");
	const char *auction = text_at(order, "auction"), *reason = text_at(order, "reason");

	printf("order %s: %s, %s%s%s", text_at(order, "id"),
	       auction[0] != '\0' ? auction : "sealed", text_at(order, "state"),
	       reason[0] != '\0' ? ", " : "", reason);
	if (lease != NULL && lease->type == JSON_OBJECT)
		printf(", %s for %s",
		       strcmp(text_at(lease, "provider"), t->self_text) == 0
			       ? "ours"
			       : text_at(lease, "provider"),
		       hourly(t, rate_at(json_get(lease, "terms"), "rate")));
	putchar('\n');
}

static int
why(struct tell *t, const char *id, struct err *e)
{
	const struct json *rows;
	struct json *order, *bids;
	size_t ours = 0;

	if (market_get(&t->arena, &t->market, arena_printf(&t->arena, "/v1/orders/%s", id), &order,
		       e) < 0 ||
	    market_get(&t->arena, &t->market, arena_printf(&t->arena, "/v1/orders/%s/bids", id),
		       &bids, e) < 0)
		return -1;
	if (t->w != NULL) {
		jsonw_open(t->w, '{');
		jsonw_name(t->w, "order");
		jsonw_node(t->w, order);
		jsonw_name(t->w, "ours");
		jsonw_open(t->w, '[');
	} else {
		tell_order(t, order);
	}
	rows = json_get(bids, "data");
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next) {
		struct part p;

		if (strcmp(text_at(r, "provider"), t->self_text) != 0)
			continue;
		ours++;
		if (part_read(t, order, r, &p, e) < 0)
			return -1;
		if (t->w != NULL)
			write_part(t->w, &p);
		else
			tell_part(t, &p);
	}
	if (t->w != NULL) {
		jsonw_close(t->w, ']');
		jsonw_close(t->w, '}');
	}
	if (ours > 0)
		return 0;
	return err_set(e, &NO_PART,
		       "order %s: nothing of %s was looked at: no offer stood when its tick began, "
		       "and no bid was made",
		       id, t->self_text);
}

int
tell_why(const struct provider_settings *s, const char *order, bool json, struct err *e)
{
	struct tell t;
	struct id id;
	int result;

	if (id_read(ID_ORDER, order, &id, e) < 0 || begin(&t, s, json, e) < 0)
		return -1;
	result = why(&t, order, e);
	if (result < 0 && t.w != NULL) {
		jsonw_free(t.w);
		t.w = NULL;
	}
	end(&t);
	return result;
}
