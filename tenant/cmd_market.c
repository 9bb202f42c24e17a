/* SPDX-License-Identifier: Apache-2.0 */
/* gavel bids, providers, api: looking at the market. */
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

static int
bids_one(struct context *c, const char *name, void *ctx, struct err *e)
{
	struct deployment d;
	struct json *doc;
	const struct json *rows;
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
	rows = json_get(doc, "data");
	printf("%-5s %-4s %-42s  %s\n", "round", "rank", "provider", "answer");
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next) {
		if (json_get(r, "declined") != NULL)
			printf("%-5s %-4s %-42s  declined: %s\n", text_of(r, "round"), "-",
			       text_of(r, "provider"), text_of(r, "declined"));
		else if (json_get(r, "floor") == NULL)
			printf("%-5s %-4s %-42s  sealed\n", text_of(r, "round"), "-",
			       text_of(r, "provider"));
		else if (json_get(r, "price") != NULL)
			printf("%-5s %-4s %-42s  yours for %s, %s\n", text_of(r, "round"),
			       text_of(r, "rank"), text_of(r, "provider"),
			       price(c, rate_of(r, "price")), text_of(r, "reason"));
		else
			printf("%-5s %-4s %-42s  floor %s, %s\n", text_of(r, "round"),
			       text_of(r, "rank"), text_of(r, "provider"),
			       price(c, rate_of(r, "floor")), text_of(r, "reason"));
	}
	return 0;
}

int
cmd_bids(struct context *c, int argc, char **argv, struct err *e)
{
	return parts_each(c, argc > 1 ? argv[1] : NULL, bids_one, NULL, e);
}

int
cmd_providers(struct context *c, int argc, char **argv, struct err *e)
{
	struct json *doc;
	const struct json *rows, *attributes;

	(void)argc;
	(void)argv;
	if (context_connect(c, e) < 0 ||
	    market_get(&c->arena, &c->market, "/v1/providers", &doc, e) < 0)
		return -1;
	if (c->json) {
		print_json(doc);
		return 0;
	}
	rows = json_get(doc, "data");
	for (const struct json *r = rows != NULL ? rows->first : NULL; r != NULL; r = r->next) {
		const struct json *online = json_get(r, "online");

		printf("%s  %-7s  %s launches, %s failures  %s\n", text_of(r, "address"),
		       online != NULL && online->truth ? "online" : "offline",
		       text_of(r, "launches"), text_of(r, "failures"),
		       text_of(json_get(r, "record"), "url"));
		attributes = json_get(r, "attributes");
		for (const struct json *a = attributes != NULL ? attributes->first : NULL;
		     a != NULL; a = a->next)
			printf("    %s: %s\n", text_of(a, "key"), text_of(a, "value"));
	}
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
