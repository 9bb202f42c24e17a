/* SPDX-License-Identifier: Apache-2.0 */
/* gavel quote: what a file would cost now, who would serve it, and why not. */
#include <getopt.h>

#include "tenant/tenant.h"

struct flags {
	const char *file, *only;
	bool akash;
};

static int
flags_read(int argc, char **argv, struct flags *f, struct err *e)
{
	static const struct option options[] = { { "placement", required_argument, NULL, 'p' },
						 { "akash", no_argument, NULL, 'a' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'p': f->only = optarg; break;
		case 'a': f->akash = true; break;
		default: return err_set(e, &TENANT_USAGE, "gavel quote --help");
		}
	if (optind + 1 != argc)
		return err_set(e, &TENANT_USAGE, "one deployment file");
	f->file = argv[optind];
	return 0;
}

static struct rate
list_of(const struct json *offer)
{
	struct rate rate = { 0 };
	struct err ignored = ERR_NONE;

	if (rate_read(text_of(offer, "list"), &rate, &ignored) < 0)
		rate.nano = 0;
	return rate;
}

static const struct json *
first_of(const struct json *doc, const char *name)
{
	const struct json *list = json_get(doc, name);

	return list != NULL ? list->first : NULL;
}

static void
print_quote(struct context *c, const struct sdl_placement *p, const struct json *doc)
{
	const struct json *offer = first_of(doc, "offers"), *last = offer;
	size_t above = 0;

	while (last != NULL && last->next != NULL)
		last = last->next;
	printf("%s: %lld of %lld providers would serve it", p->group.name,
	       (long long)number_of(doc, "matches"), (long long)number_of(doc, "online"));
	if (number_of(doc, "answered") < number_of(doc, "online"))
		printf(" (%lld have not answered)",
		       (long long)(number_of(doc, "online") - number_of(doc, "answered")));
	putchar('\n');
	if (offer != NULL)
		printf("  at most %s to %s\n", price(c, list_of(offer)), price(c, list_of(last)));
	printf("  your highest price: %s\n", price(c, p->max_rate));
	for (; offer != NULL; offer = offer->next) {
		bool over = rate_cmp(list_of(offer), p->max_rate) > 0;

		above += over;
		printf("  %s  %s%s\n", text_of(offer, "provider"), price(c, list_of(offer)),
		       over ? "  above your highest price" : "");
	}
	for (const struct json *d = first_of(doc, "declines"); d != NULL; d = d->next)
		printf("  %s  declines: %s\n", text_of(d, "provider"), text_of(d, "reason"));
	if (above > 0)
		printf("  an order is awarded at the runner-up's price: a list price above yours "
		       "may still win\n");
}

static int
quote_one(struct context *c, const struct sdl_placement *p, const char *token, struct err *e)
{
	const char *body = arena_printf(&c->arena, "{\"group\":%s}",
					json_encode(&c->arena, group_fields, &p->group));
	struct json *doc;

	if (market_call(&c->arena, &c->market, "POST", "/v1/quotes", body, token, NULL, &doc, e) <
	    0)
		return -1;
	if (c->json)
		print_json(doc);
	else
		print_quote(c, p, doc);
	return 0;
}

int
cmd_quote(struct context *c, int argc, char **argv, struct err *e)
{
	struct flags f = { .file = NULL };
	struct sdl sdl;
	const char *token;
	bool any = false;
	char *text;
	size_t len;

	if (flags_read(argc, argv, &f, e) < 0 || context_connect(c, e) < 0 ||
	    context_unlock(c, e) < 0 || file_read(c, f.file, &text, &len, e) < 0)
		return -1;
	if (sdl_load(c, f.file, text, len, f.akash, NULL, &sdl, e) < 0) {
		sdl_print_findings(c, f.file, text, &sdl);
		return -1;
	}
	token = context_token(c, &c->auctioneer, "status", NULL);
	for (size_t i = 0; i < sdl.placement_count; i++) {
		const struct sdl_placement *p = &sdl.placements[i];

		if (f.only != NULL && strcmp(p->group.name, f.only) != 0)
			continue;
		any = true;
		if (quote_one(c, p, token, e) < 0)
			return -1;
	}
	if (!any)
		return err_set(e, &ERR_NOT_FOUND, "there is no placement %s in %s", f.only, f.file);
	return 0;
}
