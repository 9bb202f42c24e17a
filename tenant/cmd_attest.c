/* SPDX-License-Identifier: Apache-2.0 */
/* gavel audit sign, revoke, list: what auditors say of providers. */
#include <getopt.h>

#include "lease/attest.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "tenant/tenant.h"

#define EXPIRES_DEFAULT_S (30u * 86400)

struct flags {
	const char *provider, *expires;
	bool no_post;
	struct json_list attributes; /* of struct attribute */
};

/* "30d", "12h", "90m": what audits live for. */
static int
expires_read(const char *text, uint32_t *seconds, struct err *e)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	for (size_t i = 0; i < NELEMS(units); i++)
		if (n > 0 && n <= 100000 && end[0] == units[i].unit && end[1] == '\0' &&
		    n <= 3650ul * 86400 / units[i].seconds) {
			*seconds = (uint32_t)n * units[i].seconds;
			return 0;
		}
	return err_set(e, &TENANT_USAGE, "--expires %s: like 30d, 12h or 90m, at most 3650d", text);
}

static void
add(struct context *c, struct flags *f, const struct attribute *a)
{
	struct attribute *items =
		arena_grow(&c->arena, f->attributes.items, f->attributes.count, sizeof(*items));

	items[f->attributes.count] = *a;
	f->attributes.items = items;
	f->attributes.count++;
}

struct attribute_file {
	struct json_list attributes;
};

static const struct json_field file_fields[] = {
	JSON_LIST(struct attribute_file, attributes, attribute_fields, struct attribute, 64, 0),
	JSON_END
};

/* KEY=VALUE, or a file with the key "attributes", as provider.yaml has it. */
static int
add_attributes(struct context *c, struct flags *f, const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	struct attribute_file file = { .attributes = { NULL, 0 } };

	if (equals != NULL) {
		struct attribute a = {
			.key = arena_printf(&c->arena, "%.*s", (int)(equals - text), text),
			.value = equals + 1,
		};

		add(c, f, &a);
		return 0;
	}
	if (conf_read(&c->arena, text, file_fields, &file, e) < 0)
		return -1;
	for (size_t i = 0; i < file.attributes.count; i++)
		add(c, f, (const struct attribute *)file.attributes.items + i);
	return 0;
}

static int
flags_read(struct context *c, int argc, char **argv, struct flags *f, struct err *e)
{
	static const struct option options[] = { { "provider", required_argument, NULL, 'p' },
						 { "attributes", required_argument, NULL, 'a' },
						 { "expires", required_argument, NULL, 'e' },
						 { "no-post", no_argument, NULL, 'n' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'p': f->provider = optarg; break;
		case 'e': f->expires = optarg; break;
		case 'n': f->no_post = true; break;
		case 'a':
			if (add_attributes(c, f, optarg, e) < 0)
				return -1;
			break;
		default: return err_set(e, &TENANT_USAGE, "gavel audit --help");
		}
	for (; optind < argc; optind++)
		if (add_attributes(c, f, argv[optind], e) < 0)
			return -1;
	return 0;
}

static int
make(struct context *c, const struct flags *f, bool revoke, struct audit_doc *d, struct err *e)
{
	uint32_t lives = EXPIRES_DEFAULT_S;
	wall_t now = clock_wall();
	struct hash h, digest;

	if (f->provider == NULL)
		return err_set(e, &TENANT_USAGE, "--provider ADDRESS is missing");
	if (!revoke && f->attributes.count == 0)
		return err_set(e, &TENANT_USAGE, "--attributes FILE or KEY=VALUE is missing");
	if (revoke && (f->attributes.count > 0 || f->expires != NULL))
		return err_set(e, &TENANT_USAGE, "revoke takes back all of it: --provider only");
	if (address_read(f->provider, &d->terms.provider, e) < 0 ||
	    (f->expires != NULL && expires_read(f->expires, &lives, e) < 0))
		return -1;
	if (revoke == false)
		d->attributes = f->attributes;
	d->terms.auditor = c->key.address;
	d->terms.attributes = attributes_hash(&d->attributes);
	d->terms.expires = revoke ? 0 : (uint32_t)(now / SECOND_US) + lives;
	/* Time orders the statements of one auditor; a clock set back is refused as old. */
	d->terms.seq = (uint64_t)now;
	h = audit_hash(&d->terms);
	digest = terms_digest(&c->domain, &h);
	key_sign(&c->key, &digest, &d->sig);
	return attest_check(&c->domain, d, e);
}

static int
sign(struct context *c, int argc, char **argv, bool revoke, struct err *e)
{
	struct flags f = { .provider = NULL };
	struct audit_doc d = { .attributes = { NULL, 0 } };
	char provider[ADDRESS_TEXT_SIZE], until[TIME_TEXT_SIZE];
	const char *text;
	struct json *doc;

	if (flags_read(c, argc, argv, &f, e) < 0 || context_connect(c, e) < 0 ||
	    context_unlock(c, e) < 0 || make(c, &f, revoke, &d, e) < 0)
		return -1;
	text = json_encode(&c->arena, audit_doc_fields, &d);
	if (!f.no_post && market_post(&c->arena, &c->market, "/v1/audits", text, NULL, &doc, e) < 0)
		return -1;
	if (c->json || f.no_post)
		printf("%s\n", text);
	else if (revoke)
		printf("%s: taken back\n", address_text(&d.terms.provider, provider));
	else
		printf("%s: vouched for, until %s\n", address_text(&d.terms.provider, provider),
		       time_text((wall_t)d.terms.expires * SECOND_US, until));
	return 0;
}

/* ------------------------------------------------------------------ */

struct answer {
	struct json_list data;
};

static const struct json_field answer_fields[] = {
	JSON_LIST(struct answer, data, audit_doc_fields, struct audit_doc, 1000, 0), JSON_END
};

static void
print_audit(const struct context *c, const struct audit_doc *d)
{
	const struct attribute *a = d->attributes.items;
	wall_t until = (wall_t)d->terms.expires * SECOND_US;
	char text[ADDRESS_TEXT_SIZE], time[TIME_TEXT_SIZE];
	struct err e = ERR_NONE;

	printf("%s  ", address_text(&d->terms.auditor, text));
	if (attest_check(&c->domain, d, &e) < 0)
		printf("NOT VALID: %s\n", e.text);
	else if (d->terms.expires == 0)
		printf("taken back\n");
	else
		printf("%s %s\n", until > clock_wall() ? "until" : "expired",
		       time_text(until, time));
	for (size_t i = 0; i < d->attributes.count; i++)
		printf("    %s: %s\n", a[i].key, a[i].value);
}

/* Signatures are checked here: the market only keeps the statements. */
static int
list(struct context *c, int argc, char **argv, struct err *e)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address provider;
	struct answer answer;
	struct json *doc;

	if (argc != 2)
		return err_set(e, &TENANT_USAGE, "gavel audit list PROVIDER");
	if (address_read(argv[1], &provider, e) < 0 || context_connect(c, e) < 0 ||
	    market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/providers/%s/audits",
				    address_text(&provider, text)),
		       &doc, e) < 0)
		return -1;
	if (c->json) {
		print_json(doc);
		return 0;
	}
	if (json_read(&c->arena, doc, answer_fields, &answer, e) < 0)
		return err_wrap(e, "the market's answer");
	for (size_t i = 0; i < answer.data.count; i++)
		print_audit(c, (const struct audit_doc *)answer.data.items + i);
	return 0;
}

int
cmd_audit_sign(struct context *c, int argc, char **argv, struct err *e)
{
	return sign(c, argc - 1, argv + 1, false, e);
}

int
cmd_audit_revoke(struct context *c, int argc, char **argv, struct err *e)
{
	return sign(c, argc - 1, argv + 1, true, e);
}

int
cmd_audit_list(struct context *c, int argc, char **argv, struct err *e)
{
	return list(c, argc - 1, argv + 1, e);
}
