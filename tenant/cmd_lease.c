/* SPDX-License-Identifier: Apache-2.0 */
/* gavel status, close, receipt: what one does with a deployment. */
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tenant/spot.h"

int
lease_begin(struct context *c, const char *name, struct deployment *d, struct lease_ref *l,
	    struct err *e)
{
	if (parts_single(c, name, e) < 0 || context_connect(c, e) < 0 || context_unlock(c, e) < 0 ||
	    deployment_find(c, name, d, e) < 0)
		return -1;
	return lease_find(c, d, l, e);
}

const char *
lease_path(struct context *c, const struct lease_ref *l, const char *rest)
{
	char text[HASH_TEXT_SIZE];

	return arena_printf(&c->arena, "/v1/leases/%s%s", hash_text(&l->hash, text), rest);
}

/* ------------------------------------------------------------------ */

static void
print_usage(struct context *c, const char *name, const struct lease_ref *l,
	    const struct json *status)
{
	const struct json *usage = json_get(status, "usage"), *parts = json_get(status, "parts");
	struct amount due = amount_of(usage, "amount"), left = { l->terms.deposit.units };
	char text[TIME_TEXT_SIZE];
	struct err ignored = ERR_NONE;
	uint32_t now = (uint32_t)(clock_wall() / SECOND_US);
	const char *warning;
	struct lasting lasting;
	struct standing s;
	unsigned level;

	if (usage == NULL || usage->type != JSON_OBJECT)
		return;
	/* With what was added to it since. */
	if (standing_now(&c->arena, &c->evm, &c->escrow, &l->terms, &s, &ignored) == 0 &&
	    s.lease.deposit.units != 0)
		left = s.lease.deposit;
	printf("due so far  %s for %s s healthy, %s CPU ms, %s MiB s of memory\n", money(c, due),
	       text_of(usage, "healthySeconds"), text_of(usage, "cpuMilliSeconds"),
	       text_of(usage, "memoryMiBSeconds"));
	for (const struct json *p = parts != NULL ? parts->first : NULL; p != NULL; p = p->next)
		if (strcmp(p->text, "0") != 0)
			printf("            %-9s %s\n", p->name,
			       money(c, amount_of(parts, p->name)));
	printf("deposit     %s, ", money(c, left));
	lasting = lasting_for(&l->terms, left, due, status, now);
	left.units -= MIN(due.units, left.units);
	printf("%s left", money(c, left));
	if (lasting.at != 0)
		printf(": enough for %s",
		       duration_text((lasting.at - (int64_t)now) * SECOND_US, text));
	putchar('\n');
	warning = strcmp(l->state, "active") == 0 && lasting.at != 0
			  ? lasting_warning(lasting.at - (int64_t)now, &level)
			  : NULL;
	if (warning != NULL)
		say(c, "warning: the deposit ends in less than %s: gavel topup %s AMOUNT", warning,
		    name);
}

const char *
pull_text(struct context *c, const struct json *pull)
{
	int64_t bytes = number_of(pull, "bytes") / 100000,
		total = number_of(pull, "total") / 100000;

	return arena_printf(&c->arena, "%lld.%lld of %lld.%lld MB of %s", (long long)(bytes / 10),
			    (long long)(bytes % 10), (long long)(total / 10),
			    (long long)(total % 10), text_of(pull, "image"));
}

static void
print_images(struct context *c, const struct json *status)
{
	const struct json *images = json_get(status, "images"), *pull = json_get(status, "pull");

	for (const struct json *i = images != NULL ? images->first : NULL; i != NULL; i = i->next)
		printf("image       %s %s\n", text_of(i, "image"), text_of(i, "digest"));
	if (pull != NULL && pull->type == JSON_OBJECT)
		printf("fetching    %s\n", pull_text(c, pull));
}

/* "web.0  ready     v2, 3 restarts, last exit 137 (out of memory)" */
static void
print_unit(struct context *c, const struct json *u)
{
	const struct json *code = json_get(u, "exit_code"), *oom = json_get(u, "out_of_memory");
	const char *name =
		arena_printf(&c->arena, "%s.%s", text_of(u, "service"), text_of(u, "copy"));
	int64_t restarts = number_of(u, "restarts");

	printf("unit        %-8s %-9s v%s", name, text_of(u, "state"), text_of(u, "version"));
	if (restarts > 0)
		printf(", %lld restart%s", (long long)restarts, restarts == 1 ? "" : "s");
	if (code != NULL)
		printf(", last exit %s%s", code->text,
		       oom != NULL && oom->truth ? " (out of memory)" : "");
	printf("%s%s\n", text_of(u, "why")[0] != '\0' ? ": " : "", text_of(u, "why"));
}

/* What runs, container by container, and how its last update stands. */
static void
print_units(struct context *c, const struct json *status)
{
	const struct json *units = json_get(status, "units");
	const char *update = text_of(status, "update"), *why = text_of(status, "update_failure");

	for (const struct json *u = units != NULL ? units->first : NULL; u != NULL; u = u->next)
		print_unit(c, u);
	if (number_of(status, "version") == 0)
		return;
	printf("version     %s", text_of(status, "version"));
	if (strcmp(update, "rolling") == 0)
		printf(", an update to the next is under way");
	else if (strcmp(update, "returning") == 0)
		printf(", the update failed and is taken back");
	else if (why[0] != '\0')
		printf(", the last update failed and was taken back");
	printf("%s%s\n", why[0] != '\0' ? ": " : "", why);
}

static int
status_one(struct context *c, const char *name, void *ctx, struct err *e)
{
	struct json *status = NULL;
	struct deployment d = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	struct jsonw *w;
	char text[ADDRESS_TEXT_SIZE];

	(void)ctx;
	if (lease_begin(c, name, &d, &l, e) < 0) {
		if (e->code != &NO_LEASE || l.order == NULL)
			return -1;
		if (c->json)
			print_json(l.order);
		else
			printf("order       %s\nstate       %s %s\n", text_of(l.order, "id"),
			       text_of(l.order, "state"), text_of(l.order, "reason"));
		if (!c->json && (strcmp(text_of(l.order, "state"), "open") == 0 ||
				 strcmp(text_of(l.order, "state"), "bidding") == 0))
			spot_print_waiting(c, l.order);
		return 0;
	}
	if (provider_call(&c->arena, &l.gateway, "GET", lease_path(c, &l, ""), NULL, &status, e) <
	    0) {
		say(c, "warning: %s", e->text);
		*e = (struct err)ERR_NONE;
		status = NULL;
	}
	if (c->json) {
		w = jsonw_new(true);
		jsonw_open(w, '{');
		jsonw_name(w, "order");
		jsonw_node(w, l.order);
		jsonw_name(w, "lease");
		jsonw_node(w, l.lease);
		jsonw_name(w, "provider");
		jsonw_node(w, status);
		jsonw_close(w, '}');
		fputs(jsonw_text(w, NULL), stdout);
		jsonw_free(w);
		return 0;
	}
	printf("order       %s (%s)\nlease       %s (%s)\n", text_of(l.order, "id"),
	       text_of(l.order, "state"), text_of(l.lease, "id"), l.state);
	printf("provider    %s, %s\n", address_text(&l.provider, text), l.gateway.url);
	printf("price       %s\n", price(c, l.terms.rate));
	if (status != NULL) {
		const struct json *endpoints = json_get(status, "endpoints");

		printf("workload    %s %s\n", text_of(status, "phase"), text_of(status, "failure"));
		spot_print(c, &l, status);
		dues_print(c, stdout, d.name != NULL ? d.name : "NAME", status);
		print_units(c, status);
		for (const struct json *p = endpoints->first; p != NULL; p = p->next)
			printf("endpoint    %s port %s: %s\n", text_of(p, "service"),
			       text_of(p, "port"), text_of(p, "url"));
		print_images(c, status);
		print_usage(c, d.name != NULL ? d.name : "NAME", &l, status);
	}
	printf("settled     %s paid, %s returned\n", money(c, amount_of(l.lease, "paid")),
	       money(c, amount_of(l.lease, "refund")));
	return 0;
}

int
cmd_status(struct context *c, int argc, char **argv, struct err *e)
{
	return parts_each(c, argc > 1 ? argv[1] : NULL, status_one, NULL, e);
}

/* ------------------------------------------------------------------ */

static int
wait_closed(struct context *c, const struct deployment *d, struct err *e)
{
	struct json *order;
	char id[ID_TEXT_SIZE];
	mono_t until = clock_mono() + 60 * SECOND_US;

	id_text(ID_ORDER, &d->order, id);
	while (clock_mono() < until) {
		if (market_get(&c->arena, &c->market,
			       arena_printf(&c->arena, "/v1/orders/%s?wait=state:closed&timeout=10",
					    id),
			       &order, e) < 0)
			return -1;
		if (strcmp(text_of(order, "state"), "closed") == 0)
			return 0;
	}
	return err_set(e, &ERR_TIMEOUT, "stopped and signed, but not settled on chain yet");
}

int
order_cancel(struct context *c, const struct deployment *d, struct err *e)
{
	struct json *doc;
	char id[ID_TEXT_SIZE];

	return market_call(
		&c->arena, &c->market, "DELETE",
		arena_printf(&c->arena, "/v1/orders/%s", id_text(ID_ORDER, &d->order, id)), NULL,
		context_token(c, &c->auctioneer, "close", NULL), NULL, &doc, e);
}

static int
cancel_order(struct context *c, const struct deployment *d, struct err *e)
{
	if (order_cancel(c, d, e) < 0)
		return -1;
	printf("order taken back, nothing was paid\n");
	return 0;
}

/* Both sign the last amount, the market settles it. */
int
lease_settle(struct context *c, const struct lease_ref *l, const char *volumes, struct err *e)
{
	struct release_post post;
	struct json *last, *doc;

	if (provider_call(&c->arena, &l->gateway, "POST", lease_path(c, l, "/close"),
			  volumes != NULL ? arena_printf(&c->arena, "{\"volumes\":\"%s\"}", volumes)
					  : "{}",
			  &last, e) < 0)
		return -1;
	say(c, "stopped, last reading signed by the provider");
	if (countersign(c, l, last, &post.voucher.payer_sig, &post.voucher.usage, e) < 0 ||
	    sig_read(text_of(last, "usage_sig"), &post.voucher.usage_sig, e) < 0 ||
	    sig_read(text_of(last, "provider_sig"), &post.voucher.provider_sig, e) < 0 ||
	    sig_read(text_of(last, "release_sig"), &post.release_sig, e) < 0)
		return -1;
	return market_post(&c->arena, &c->market, "/v1/releases",
			   json_encode(&c->arena, release_post_fields, &post), NULL, &doc, e);
}

static bool
has_volumes(const struct json *order)
{
	const struct json *services = json_get(json_get(order, "group"), "services");

	for (const struct json *s = services != NULL ? services->first : NULL; s != NULL;
	     s = s->next)
		if (number_of(json_get(s, "resources"), "persistent_bytes") > 0)
			return true;
	return false;
}

/* What becomes of volumes is not guessed: what is deleted does not come back. */
static int
volumes_ask(const struct lease_ref *l, const char **volumes, struct err *e)
{
	char line[16];

	if (*volumes != NULL || !has_volumes(l->order))
		return 0;
	if (isatty(STDIN_FILENO)) {
		fprintf(stderr, "This lease has persistent volumes. Keep them for a while, or "
				"delete them now? [keep/delete] ");
		if (fgets(line, sizeof(line), stdin) != NULL) {
			line[strcspn(line, "\n")] = '\0';
			if (strcmp(line, "keep") == 0 || strcmp(line, "delete") == 0) {
				*volumes = line[0] == 'k' ? "keep" : "delete";
				return 0;
			}
		}
		return err_set(e, &TENANT_USAGE, "neither keep nor delete: nothing was closed");
	}
	return err_set(e, &TENANT_USAGE,
		       "the lease has persistent volumes: write --keep-volumes or "
		       "--delete-volumes");
}

/* ctx: what becomes of volumes, "keep", "delete" or NULL. */
static int
close_one(struct context *c, const char *name, void *ctx, struct err *e)
{
	struct deployment d = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	const char *volumes = ctx;

	if (lease_begin(c, name, &d, &l, e) < 0)
		return e->code == &NO_LEASE ? cancel_order(c, &d, e) : -1;
	if (strcmp(l.state, "closed") != 0) {
		if (strcmp(text_of(l.order, "state"), "leased") != 0)
			return cancel_order(c, &d, e);
		if (volumes_ask(&l, &volumes, e) < 0 || lease_settle(c, &l, volumes, e) < 0 ||
		    wait_closed(c, &d, e) < 0)
			return -1;
		if (lease_find(c, &d, &l, e) < 0)
			return -1;
	}
	if (c->json)
		print_json(l.lease);
	else
		printf("closed: %s paid, %s returned\n", money(c, amount_of(l.lease, "paid")),
		       money(c, amount_of(l.lease, "refund")));
	return 0;
}

int
cmd_close(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "keep-volumes", no_argument, NULL, 'k' },
						 { "delete-volumes", no_argument, NULL, 'd' },
						 { "on-chain", no_argument, NULL, 'c' },
						 { "no-provider", no_argument, NULL, 'n' },
						 { "wait", no_argument, NULL, 'w' },
						 { NULL, 0, NULL, 0 } };
	bool on_chain = false, ask_provider = true, wait = false;
	char *volumes = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'k': volumes = "keep"; break;
		case 'd': volumes = "delete"; break;
		case 'c': on_chain = true; break;
		case 'n': ask_provider = false; break;
		case 'w': wait = true; break;
		default: return option_fault(argv, "close", e);
		}
	if (!on_chain && (!ask_provider || wait))
		return err_set(e, &TENANT_USAGE, "--no-provider and --wait go with --on-chain");
	if (on_chain)
		return close_on_chain(c, optind < argc ? argv[optind] : NULL, ask_provider, wait,
				      e);
	return parts_each(c, optind < argc ? argv[optind] : NULL, close_one, volumes, e);
}

/* ------------------------------------------------------------------ */

static void
receipt_line(const struct json *lease, const char *name, const char *label, wall_t from)
{
	struct err ignored = ERR_NONE;
	const char *text = text_of(lease, name);
	wall_t at;

	if (text[0] == '\0' || time_read(text, &at, &ignored) < 0)
		return;
	/* The chain counts whole seconds: its times may seem to come first. */
	printf("  %-12s %s  +%lld ms\n", label, text,
	       (long long)(MAX(at - from, (wall_t)0) / MILLI_US));
}

static int
receipt_one(struct context *c, const char *name, void *ctx, struct err *e)
{
	struct json *status = NULL;
	const struct json *voucher, *usage;
	struct deployment d = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	wall_t from = 0;

	(void)ctx;
	if (lease_begin(c, name, &d, &l, e) < 0)
		return -1;
	if (c->json) {
		print_json(l.lease);
		return 0;
	}
	if (time_read(text_of(l.order, "created_at"), &from, e) < 0)
		return -1;
	printf("receipt for %s, lease %s\n", text_of(l.order, "id"), text_of(l.lease, "id"));
	printf("  %-12s %s\n", "ordered", text_of(l.order, "created_at"));
	receipt_line(l.lease, "created_at", "awarded", from);
	receipt_line(l.lease, "opened_at", "opened", from);
	receipt_line(l.lease, "launched_at", "launched", from);
	receipt_line(l.lease, "ended_at", "closed", from);
	printf("  price        %s\n", price(c, l.terms.rate));
	voucher = json_get(l.lease, "voucher");
	usage = json_get(voucher, "usage");
	if (usage != NULL)
		printf("  metered      %s s healthy, %s CPU ms, %s MiB s memory, %s MiB s disk, "
		       "%s bytes out\n",
		       text_of(usage, "healthySeconds"), text_of(usage, "cpuMilliSeconds"),
		       text_of(usage, "memoryMiBSeconds"), text_of(usage, "storageMiBSeconds"),
		       text_of(usage, "egressBytes"));
	if (provider_call(&c->arena, &l.gateway, "GET", lease_path(c, &l, ""), NULL, &status, e) ==
	    0) {
		const struct json *parts = json_get(status, "parts");

		for (const struct json *p = parts != NULL ? parts->first : NULL; p != NULL;
		     p = p->next)
			printf("    %-10s %s\n", p->name, money(c, amount_of(parts, p->name)));
	}
	*e = (struct err)ERR_NONE;
	printf("  deposit      %s\n  paid         %s\n  returned     %s\n",
	       money(c, amount_of(l.lease, "deposit")), money(c, amount_of(l.lease, "paid")),
	       money(c, amount_of(l.lease, "refund")));
	return 0;
}

int
cmd_receipt(struct context *c, int argc, char **argv, struct err *e)
{
	return parts_each(c, argc > 1 ? argv[1] : NULL, receipt_one, NULL, e);
}
