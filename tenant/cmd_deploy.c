/* SPDX-License-Identifier: Apache-2.0 */
/* gavel deploy: from a file to a running service. */
#include <getopt.h>
#include <time.h>

#include "deploy/sdl.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

#define WAIT_MAX_US (300 * SECOND_US)

static const struct code ORDER_ENDED = { "order_ended", NO_BID, "the order ended without a lease" };
static const struct code LAUNCH_FAILED = { "launch_failed", FAILED,
					   "no provider could run the workload" };

struct deploy {
	const char *file, *name, *deposit, *volumes_from;
	uint32_t window_ms, open_within_s;
	bool no_wait;
	const char *text; /* of the file */
	size_t len;
	struct sdl sdl;
	struct sdl_placement *placement;
	struct order_doc order;
	struct deployment deployment;
	const char *manifest;
	mono_t began;
	struct hash sent; /* the lease that has our manifest */
	struct lease_ref lease;
	const char *pulled; /* what was last said about a fetch */
};

/* ------------------------------------------------------------------ */
/* Progress: one line per fact, with the time since the command began.   */

static void
step(const struct context *c, const struct deploy *d, const char *what, const char *detail)
{
	say(c, "  %6lld ms  %-20s %s", (long long)((clock_mono() - d->began) / MILLI_US), what,
	    detail);
}

static int
read_arguments(struct deploy *d, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
						 { "deposit", required_argument, NULL, 'd' },
						 { "window", required_argument, NULL, 'w' },
						 { "open-within", required_argument, NULL, 'o' },
						 { "no-wait", no_argument, NULL, 'N' },
						 { "volumes-from", required_argument, NULL, 'v' },
						 { NULL, 0, NULL, 0 } };
	int c;

	d->window_ms = 400;
	d->open_within_s = 300;
	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1)
		switch (c) {
		case 'n': d->name = optarg; break;
		case 'd': d->deposit = optarg; break;
		case 'w': d->window_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'o': d->open_within_s = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'N': d->no_wait = true; break;
		case 'v': d->volumes_from = optarg; break;
		default: return err_set(e, &TENANT_USAGE, "deploy");
		}
	if (optind != argc - 1)
		return err_set(e, &TENANT_USAGE, "deploy takes one file");
	d->file = argv[optind];
	return 0;
}

static int
read_file(struct context *c, struct deploy *d, struct err *e)
{
	const char *base = strrchr(d->file, '/'), *dot;
	FILE *f = fopen(d->file, "re");
	char *text;

	if (f == NULL)
		return err_errno(e, "open %s", d->file);
	text = arena_alloc(&c->arena, JSON_BYTES_MAX + 1);
	d->len = fread(text, 1, JSON_BYTES_MAX, f);
	fclose(f);
	d->text = text;
	base = base != NULL ? base + 1 : d->file;
	dot = strchr(base, '.');
	if (d->name == NULL)
		d->name = arena_strndup(&c->arena, base,
					dot != NULL ? (size_t)(dot - base) : strlen(base));
	if (strchr(d->name, '/') != NULL || d->name[0] == '.' || strlen(d->name) > 60)
		return err_set(e, &TENANT_USAGE, "\"%.60s\" is not a name for a deployment",
			       d->name);
	if (sdl_read(&c->arena, d->file, d->text, d->len, &d->sdl, e) < 0) {
		for (size_t i = 0; i < d->sdl.finding_count; i++)
			fprintf(stderr, "%s\n",
				sdl_finding_text(&c->arena, d->file, d->text, &d->sdl.findings[i]));
		return -1;
	}
	if (d->sdl.placement_count != 1)
		return err_set(e, &SDL_INVALID,
			       "%zu placements: deploy one placement per file for now",
			       d->sdl.placement_count);
	d->placement = &d->sdl.placements[0];
	return 0;
}

/* ------------------------------------------------------------------ */
/* Volumes of a deployment that was closed: they are at one provider, so only
 * that one may win.                                                    */

static int
allow_only(struct context *c, struct group *g, const struct address *provider, struct err *e)
{
	const char **only = arena_alloc(&c->arena, sizeof(*only));
	char text[ADDRESS_TEXT_SIZE];

	only[0] = arena_strdup(&c->arena, address_text(provider, text));
	if (!group_admits(g, only[0]))
		return err_set(e, &TENANT_USAGE,
			       "the volumes are at %s, which the file does not allow", only[0]);
	g->allow = (struct json_strs){ only, 1 };
	return 0;
}

static int
take_volumes(struct context *c, struct deploy *d, struct err *e)
{
	struct sdl_placement *p = d->placement;
	struct service *s = p->manifest.services.items;
	struct deployment old = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	char text[HASH_TEXT_SIZE];
	bool any = false;

	if (d->volumes_from == NULL)
		return 0;
	if (deployment_find(c, d->volumes_from, &old, e) < 0 || lease_find(c, &old, &l, e) < 0)
		return err_wrap(e, "--volumes-from %s", d->volumes_from);
	for (size_t i = 0; i < p->manifest.services.count; i++)
		for (size_t k = 0; k < s[i].mounts.count; k++)
			if (mount_is_persistent((const struct mount *)s[i].mounts.items + k)) {
				s[i].volumes_from =
					arena_strdup(&c->arena, hash_text(&l.hash, text));
				any = true;
			}
	if (!any)
		return err_set(e, &TENANT_USAGE,
			       "--volumes-from: the file has no persistent volume");
	if (allow_only(c, &p->group, &l.provider, e) < 0)
		return -1;
	p->group.manifest = manifest_hash(&p->manifest);
	if (manifest_check(&p->manifest, e) < 0)
		return -1;
	return group_check(&p->group, e);
}

/* ------------------------------------------------------------------ */
/* The order.                                                          */

static int
choose_deposit(struct context *c, struct deploy *d, struct amount *out, struct err *e)
{
	if (d->deposit != NULL)
		return amount_from_human(d->deposit, c->decimals, out, e);
	*out = rate_due(d->placement->max_rate, 86400);
	out->units = MAX(out->units, (u128)1);
	return 0;
}

static int
make_order(struct context *c, struct deploy *d, struct err *e)
{
	struct order_terms *o = &d->order.terms;
	struct hash hash, digest;

	d->order.id = id_new();
	d->order.group = d->placement->group;
	d->order.care_hours = 1;
	d->order.window_ms = d->window_ms;
	*o = (struct order_terms){
		.tenant = c->key.address,
		.group = group_hash(&d->placement->group),
		.maxRate = d->placement->max_rate,
		/* Metered: half of the rate holds the reservation, the rest is use. */
		.baseBps = group_billing(&d->placement->group) == BILLING_RESERVED ? 10000 : 5000,
		.openBy = (uint32_t)(clock_wall() / SECOND_US) + d->open_within_s,
		.window = c->window_min_s,
		.launch = MIN(c->launch_s * 4 / 3 + 1, 3600u),
		.auctioneer = c->auctioneer,
		.feeBps = c->fee_bps,
	};
	random_bytes(&o->nonce, sizeof(o->nonce));
	if (choose_deposit(c, d, &o->deposit, e) < 0)
		return -1;
	hash = order_hash(o);
	digest = terms_digest(&c->domain, &hash);
	key_sign(&c->key, &digest, &d->order.sig);
	d->manifest = json_encode(&c->arena, manifest_fields, &d->placement->manifest);
	d->deployment = (struct deployment){ d->name, d->order.id, hash, d->manifest };
	return 0;
}

static int
post_order(struct context *c, struct deploy *d, struct err *e)
{
	char id[ID_TEXT_SIZE];
	struct json *doc;

	id_text(ID_ORDER, &d->order.id, id);
	/* Saved first: whatever happens now, the name leads to the order. */
	if (deployment_save(c, &d->deployment, e) < 0)
		return -1;
	if (market_post(&c->arena, &c->market, "/v1/orders",
			json_encode(&c->arena, order_doc_fields, &d->order), id, &doc, e) == 0)
		return 0;
	if (e->code->kind == UNFUNDED)
		fprintf(stderr, "help: gavel deposit %s\n",
			d->deposit != NULL ? d->deposit : "AMOUNT");
	return -1;
}

/* ------------------------------------------------------------------ */
/* The wait: hand the manifest to whoever has won, until one runs it.    */

static int
send_manifest(struct context *c, struct deploy *d, struct err *e)
{
	const char *body;
	struct lease_ref l;
	struct json *doc;
	char text[HASH_TEXT_SIZE];

	if (lease_find(c, &d->deployment, &l, e) < 0)
		return -1;
	if (hash_equal(&l.hash, &d->sent))
		return 0;
	body = arena_printf(&c->arena, "{\"lease\":\"%s\",\"manifest\":%s}",
			    hash_text(&l.hash, text), d->manifest);
	for (unsigned tries = 0;; tries++) {
		struct timespec pause = { 0, 10 * 1000 * 1000 };

		*e = (struct err)ERR_NONE;
		if (provider_call(&c->arena, &l.gateway, "POST", "/v1/manifests", body, &doc, e) ==
		    0)
			break;
		/* It may not have heard of its award yet. */
		if (tries > 50 || (e->code->kind != NOT_FOUND && !err_retryable(e)))
			return -1;
		nanosleep(&pause, NULL);
	}
	d->sent = l.hash;
	d->lease = l;
	step(c, d, "awarded",
	     arena_printf(&c->arena, "%s at %s", address_text(&l.provider, text),
			  price(c, l.terms.rate)));
	step(c, d, "manifest sent", l.gateway.url);
	return 0;
}

/* Who was to run it before, and why it does not run there. */
static void
say_failed(struct context *c, const struct json *order)
{
	const struct json *failed = json_get(order, "failed");

	for (const struct json *f = failed != NULL ? failed->first : NULL; f != NULL; f = f->next)
		say(c, "  %s could not run it: %s", text_of(f, "provider"), text_of(f, "reason"));
}

/* An image that is not there yet takes the time it takes: say how far it is. */
static void
show_pull(struct context *c, struct deploy *d)
{
	const char *said = d->pulled;
	const struct json *pull;
	char text[HASH_TEXT_SIZE];
	struct err ignored = ERR_NONE;
	struct json *status;

	if (provider_call(&c->arena, &d->lease.gateway, "GET",
			  arena_printf(&c->arena, "/v1/leases/%s", hash_text(&d->lease.hash, text)),
			  NULL, &status, &ignored) < 0)
		return;
	pull = json_get(status, "pull");
	if (pull == NULL || pull->type != JSON_OBJECT)
		return;
	d->pulled = pull_text(c, pull);
	if (said == NULL || strcmp(said, d->pulled) != 0)
		step(c, d, "fetching", d->pulled);
}

static int
wait_launched(struct context *c, struct deploy *d, struct json **order, struct err *e)
{
	char id[ID_TEXT_SIZE], last[32] = "";
	mono_t until = clock_mono() + WAIT_MAX_US;
	const struct json *lease, *launched;
	const char *state, *wait = "state:awarded,leased&timeout=2";

	id_text(ID_ORDER, &d->order.id, id);
	while (clock_mono() < until) {
		if (market_get(&c->arena, &c->market,
			       arena_printf(&c->arena, "/v1/orders/%s?wait=%s", id, wait), order,
			       e) < 0)
			return -1;
		state = text_of(*order, "state");
		lease = json_get(*order, "lease");
		launched = json_get(lease, "launched");
		if (strcmp(state, last) != 0) {
			step(c, d, state, text_of(*order, "reason"));
			snprintf(last, sizeof(last), "%s", state);
		}
		if (launched != NULL && launched->truth)
			return 0;
		if (strcmp(state, "unfilled") == 0 || strcmp(state, "cancelled") == 0)
			return err_set(e, &ORDER_ENDED, "order %s: %s (gavel bids %s tells why)",
				       state, text_of(*order, "reason"), d->name);
		if (strcmp(state, "expired") == 0)
			say_failed(c, *order);
		if (strcmp(state, "expired") == 0 || strcmp(state, "closed") == 0)
			return err_set(e, &LAUNCH_FAILED, "order %s: %s", state,
				       text_of(lease, "reason"));
		wait = "state:awarded,leased&timeout=2";
		if (strcmp(state, "awarded") == 0 || strcmp(state, "leased") == 0) {
			struct hash sent = d->sent;

			if (send_manifest(c, d, e) < 0 && e->code != &NO_LEASE)
				say(c, "  warning: %s", e->text);
			else if (hash_equal(&sent, &d->sent) && d->lease.gateway.url != NULL)
				show_pull(c, d);
			*e = (struct err)ERR_NONE;
			wait = "launched&timeout=1";
		}
	}
	return err_set(e, &ERR_TIMEOUT, "it still runs its course: gavel status %s", d->name);
}

static void
print_result(struct context *c, const struct deploy *d, struct json *order)
{
	const struct json *endpoints = json_get(json_get(order, "lease"), "endpoints");

	if (c->json) {
		print_json(order);
		return;
	}
	printf("%s is running\n", d->name);
	for (const struct json *p = endpoints != NULL ? endpoints->first : NULL; p != NULL;
	     p = p->next)
		printf("  %s port %s: %s\n", text_of(p, "service"), text_of(p, "port"),
		       text_of(p, "url"));
	say(c, "\nLogs: gavel logs -f %s    Cost: gavel status %s    Stop paying: gavel close %s",
	    d->name, d->name, d->name);
}

int
cmd_deploy(struct context *c, int argc, char **argv, struct err *e)
{
	struct deploy d = { .began = clock_mono() };
	struct json *order;
	char id[ID_TEXT_SIZE];

	if (read_arguments(&d, argc, argv, e) < 0 || read_file(c, &d, e) < 0 ||
	    context_connect(c, e) < 0 || context_unlock(c, e) < 0 || take_volumes(c, &d, e) < 0 ||
	    make_order(c, &d, e) < 0)
		return -1;
	say(c, "Deploying %s on chain %llu: at most %s, %s locked and the rest returned at the end",
	    d.name, (unsigned long long)c->evm.chain_id, price(c, d.placement->max_rate),
	    money(c, d.order.terms.deposit));
	if (post_order(c, &d, e) < 0)
		return -1;
	step(c, &d, "order signed, posted", id_text(ID_ORDER, &d.order.id, id));
	if (d.no_wait) {
		printf("%s\n", id);
		return 0;
	}
	if (wait_launched(c, &d, &order, e) < 0)
		return -1;
	step(c, &d, "running", "");
	print_result(c, &d, order);
	return 0;
}
