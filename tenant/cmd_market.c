/* SPDX-License-Identifier: Apache-2.0 */
/* gavel bids, providers, api: looking at the market. */
#include "lease/unit_price.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

static struct rate
rate_of(const struct json *object, const char *name)
{
	struct rate rate = { 0 };
	struct err ignored = ERR_NONE;

	if (rate_read(text_of(object, name), &rate, &ignored) < 0)
		rate.nano = 0;
	return rate;
}

/* What a sealed bid came to, or a standing offer in the last tick that saw it. */
static void
print_bid(struct context *c, const struct json *r)
{
	bool standing = json_get(r, "offer") != NULL;

	printf("%-5s %-4s %-42s  ", text_of(r, "round"),
	       text_of(r, "rank")[0] != '\0' ? text_of(r, "rank") : "-", text_of(r, "provider"));
	if (json_get(r, "declined") != NULL) {
		printf("declined: %s\n", text_of(r, "declined"));
		return;
	}
	if (json_get(r, "floor") == NULL) {
		if (standing)
			printf("offer, tick %s: %s\n", text_of(r, "tick"), text_of(r, "reason"));
		else
			printf("sealed\n");
		return;
	}
	if (standing)
		printf("offer, tick %s: ", text_of(r, "tick"));
	if (json_get(r, "price") != NULL) { /* it may be picked */
		printf("yours for %s, %s\n", price(c, rate_of(r, "price")), text_of(r, "reason"));
		return;
	}
	printf("floor %s, ", price(c, rate_of(r, "floor")));
	if (json_get(r, "effective") != NULL)
		printf("effective %s, ", price(c, rate_of(r, "effective")));
	printf("%s\n", text_of(r, "reason"));
}

static void
print_bids(struct context *c, const struct json *rows)
{
	if (rows == NULL || rows->first == NULL) {
		say(c, "  nobody has answered yet");
		return;
	}
	printf("%-5s %-4s %-42s  %s\n", "round", "rank", "provider", "answer");
	for (const struct json *r = rows->first; r != NULL; r = r->next)
		print_bid(c, r);
}

/* Reasons of the rows of the last tick, counted, as text. */
static const char *
count_reasons(struct context *c, const struct json *rows, const char *tick)
{
	const char *out = "";
	size_t offers = 0;

	for (const struct json *r = rows->first; r != NULL; r = r->next) {
		const char *reason = text_of(r, "reason");
		size_t same = 0;
		bool before = false;

		if (strcmp(text_of(r, "tick"), tick) != 0)
			continue;
		if (strcmp(reason, "won") == 0) /* and has failed since */
			return "first in line";
		offers++;
		for (const struct json *k = rows->first; k != NULL; k = k->next) {
			if (strcmp(text_of(k, "tick"), tick) != 0 ||
			    strcmp(text_of(k, "reason"), reason) != 0)
				continue;
			before = before || (same == 0 && k != r);
			same++;
		}
		if (!before)
			out = arena_printf(&c->arena, "%s%s%zu %s", out, out[0] != '\0' ? ", " : "",
					   same, reason);
	}
	return arena_printf(&c->arena, "%zu offer%s: %s", offers, offers == 1 ? "" : "s", out);
}

const char *
tick_summary(struct context *c, const char *order)
{
	struct err ignored = ERR_NONE;
	const struct json *rows;
	const char *tick = "";
	struct json *doc;

	if (market_get(&c->arena, &c->market, arena_printf(&c->arena, "/v1/orders/%s/bids", order),
		       &doc, &ignored) < 0)
		return "";
	rows = json_get(doc, "data");
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next)
		if (number_of(r, "tick") > strtoll(tick, NULL, 10) || tick[0] == '\0')
			tick = text_of(r, "tick");
	return tick[0] != '\0' ? count_reasons(c, rows, tick) : "the next one is within a second";
}

static int
bids_one(struct context *c, const char *name, void *ctx, struct err *e)
{
	struct deployment d;
	struct json *doc;
	char id[ID_TEXT_SIZE];

	(void)ctx;
	if (context_connect(c, e) < 0 || deployment_find(c, name, &d, e) < 0 ||
	    market_get(
		    &c->arena, &c->market,
		    arena_printf(&c->arena, "/v1/orders/%s/bids", id_text(ID_ORDER, &d.order, id)),
		    &doc, e) < 0)
		return -1;
	if (c->json) {
		print_json(doc);
		return 0;
	}
	print_bids(c, json_get(doc, "data"));
	return 0;
}

int
cmd_bids(struct context *c, int argc, char **argv, struct err *e)
{
	if (argc > 2)
		return err_set(e, &TENANT_USAGE, "one name, for example: gavel bids web");
	return parts_each(c, argc > 1 ? argv[1] : NULL, bids_one, NULL, e);
}

/* ------------------------------------------------------------------ */
/* Providers, and what they offer.                                     */

/* All live offers of the market, page by page; a list of JSON objects. */
static int
offers_read(struct context *c, struct json_list *out, struct err *e)
{
	const char *cursor = "";
	struct json *doc;

	*out = (struct json_list){ NULL, 0 };
	do {
		const struct json *rows;

		if (market_get(&c->arena, &c->market,
			       arena_printf(&c->arena, "/v1/offers?limit=100%s%s",
					    cursor[0] != '\0' ? "&cursor=" : "", cursor),
			       &doc, e) < 0)
			return -1;
		rows = json_get(doc, "data");
		for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL;
		     r = r->next) {
			const struct json **items = out->items =
				arena_grow(&c->arena, out->items, out->count, sizeof(*items));

			items[out->count++] = r;
		}
		cursor = text_of(doc, "next_cursor");
	} while (cursor[0] != '\0');
	return 0;
}

static void
print_units(struct context *c, const char *name, const struct offer_units *units)
{
	struct unit_price rows[UNIT_PRICES_MAX];
	size_t count = unit_prices(&c->arena, units, rows);
	char text[AMOUNT_TEXT_SIZE];

	printf("    %-8s ", name);
	for (size_t i = 0; i < count; i++)
		printf("%s%s %s", i > 0 ? ", " : "", rows[i].unit,
		       unit_price_human(&rows[i], c->decimals, text));
	printf(" %s a month\n", c->symbol);
}

static void
print_offer(struct context *c, const struct json *row)
{
	char text[TIME_TEXT_SIZE];
	struct err ignored = ERR_NONE;
	struct offer o;

	if (json_read(&c->arena, json_get(row, "offer"), offer_fields, &o, &ignored) < 0)
		return;
	printf("    offers, until %s; a full machine asks %u.%02u %% more\n",
	       time_text((wall_t)MIN(o.expires, (uint64_t)UINT32_MAX) * SECOND_US, text),
	       o.curve_bp / 100, o.curve_bp % 100);
	print_units(c, "floor", &o.floor);
	print_units(c, "at most", &o.list);
}

static void
print_provider(struct context *c, const struct json *r, const struct json_list *offers)
{
	const struct json *online = json_get(r, "online"), *attributes = json_get(r, "attributes");
	const struct json *const *offer = offers->items;
	size_t count = 0;

	printf("%s  %-7s  %s launches, %s failures  %s\n", text_of(r, "address"),
	       online != NULL && online->truth ? "online" : "offline", text_of(r, "launches"),
	       text_of(r, "failures"), text_of(json_get(r, "record"), "url"));
	for (const struct json *a = attributes != NULL ? attributes->first : NULL; a != NULL;
	     a = a->next)
		printf("    %s: %s\n", text_of(a, "key"), text_of(a, "value"));
	for (size_t i = 0; i < offers->count; i++)
		if (strcmp(text_of(json_get(offer[i], "offer"), "provider"),
			   text_of(r, "address")) == 0) {
			print_offer(c, offer[i]);
			count++;
		}
	if (count == 0)
		printf("    no standing offer: it answers sealed rounds\n");
}

static void
print_providers_json(const struct json *rows, const struct json_list *offers)
{
	const struct json *const *offer = offers->items;
	struct jsonw *w = jsonw_new(true);

	jsonw_open(w, '{');
	jsonw_name(w, "data");
	jsonw_node(w, rows);
	jsonw_name(w, "offers");
	jsonw_open(w, '[');
	for (size_t i = 0; i < offers->count; i++)
		jsonw_node(w, offer[i]);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	puts(jsonw_text(w, NULL));
	jsonw_free(w);
}

int
cmd_providers(struct context *c, int argc, char **argv, struct err *e)
{
	struct json_list offers;
	struct json *doc;
	const struct json *rows;

	if (argc > 1)
		return err_set(e, &TENANT_USAGE, "\"%.60s\": gavel providers shows all", argv[1]);
	if (context_connect(c, e) < 0 ||
	    market_get(&c->arena, &c->market, "/v1/providers", &doc, e) < 0 ||
	    offers_read(c, &offers, e) < 0)
		return -1;
	rows = json_get(doc, "data");
	if (c->json) {
		print_providers_json(rows, &offers);
		return 0;
	}
	if (rows == NULL || rows->first == NULL)
		say(c, "  no provider has registered at this market");
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next)
		print_provider(c, r, &offers);
	return 0;
}

int
cmd_api(struct context *c, int argc, char **argv, struct err *e)
{
	struct json *doc;

	if (argc < 3 || argc > 4 || argv[2][0] != '/')
		return err_set(e, &TENANT_USAGE, "for example: gavel api GET /v1/orders");
	if (context_read(c, e) < 0 ||
	    market_call(&c->arena, &c->market, argv[1], argv[2], argc > 3 ? argv[3] : NULL, NULL,
			NULL, &doc, e) < 0)
		return -1;
	print_json(doc);
	return 0;
}
