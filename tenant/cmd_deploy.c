/* SPDX-License-Identifier: Apache-2.0 */
/* gavel deploy: from a file to a running service. */
#include <getopt.h>
#include <time.h>

#include "lease/pool.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

#define WAIT_MAX_US (300 * SECOND_US) /* beyond the order's own time */
#define NONCE_TRIES 12

/* After the launch: until one that died at once is known to have. */
#define LAUNCH_PROOF_S 105

static const struct code ORDER_ENDED = { "order_ended", NO_BID, "the order ended without a lease" };
static const struct code DEPOSITS_SHORT = { "funds_short", UNFUNDED,
					    "the balance does not cover the deposits" };
static const struct code LAUNCH_FAILED = { "launch_failed", FAILED,
					   "no provider could run the workload" };

/* One placement of the file, or one copy of what is spread: an order of its own. */
struct part {
	struct sdl_placement *placement;
	const char *label; /* among the others */
	struct order_doc order;
	struct deployment deployment;
	const char *manifest;
	struct hash sent;	/* the lease that has our manifest */
	char state[32];		/* of the order, as shown last */
	struct json *running;	/* the order, once it runs */
	struct lease_ref lease; /* whose provider has our manifest */
	const char *pulled;	/* what was last said about a fetch */
	const char *ticked;	/* and about what ticks made of it */
	bool ranked;		/* the tenant is to pick */
	struct err failed;	/* why it never will; no code: it may */
};

struct deploy {
	const char *file, *name, *deposit, *volumes_from, *only; /* this placement */
	const char *auction; /* "sealed" or "fast"; NULL: as the file says */
	uint32_t window_ms, open_within_s;
	struct address cosigner; /* zero: none */
	bool no_wait, akash, manual;
	int64_t failures; /* how many winners have failed by the time that a ranking counts */
	struct sdl sdl;
	struct part *parts;
	size_t count;
	mono_t began;
};

/* ------------------------------------------------------------------ */
/* Progress: one line per fact, with the time since the command began.   */

static void
step(const struct context *c, const struct deploy *d, const struct part *p, const char *what,
     const char *detail)
{
	if (d->count > 1)
		say(c, "  %6lld ms  %-16s %-20s %s",
		    (long long)((clock_mono() - d->began) / MILLI_US), p->label, what, detail);
	else
		say(c, "  %6lld ms  %-20s %s", (long long)((clock_mono() - d->began) / MILLI_US),
		    what, detail);
}

static int
read_arguments(struct deploy *d, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
						 { "deposit", required_argument, NULL, 'd' },
						 { "window", required_argument, NULL, 'w' },
						 { "open-within", required_argument, NULL, 'o' },
						 { "placement", required_argument, NULL, 'p' },
						 { "akash", no_argument, NULL, 'a' },
						 { "no-wait", no_argument, NULL, 'N' },
						 { "auction", required_argument, NULL, 'x' },
						 { "manual", no_argument, NULL, 'm' },
						 { "ttl", required_argument, NULL, 'o' },
						 { "wait-for-capacity", required_argument, NULL,
						   'o' },
						 { "volumes-from", required_argument, NULL, 'v' },
						 { "cosigner", required_argument, NULL, 'c' },
						 { NULL, 0, NULL, 0 } };
	int c;

	d->window_ms = 400;
	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1)
		switch (c) {
		case 'n': d->name = optarg; break;
		case 'd': d->deposit = optarg; break;
		case 'w': d->window_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'o':
			d->open_within_s = seconds_read(optarg);
			if (d->open_within_s == 0)
				return err_field(e, &TENANT_USAGE, "option",
						 "\"%.20s\" is no time: like 90s, 30m or 2h, at "
						 "most a day",
						 optarg);
			break;
		case 'm': d->manual = true; break;
		case 'p': d->only = optarg; break;
		case 'a': d->akash = true; break;
		case 'N': d->no_wait = true; break;
		case 'x': d->auction = optarg; break;
		case 'v': d->volumes_from = optarg; break;
		case 'c':
			if (address_read(optarg, &d->cosigner, e) < 0)
				return err_wrap(e, "--cosigner");
			break;
		default: option_fault(argv, "deploy", e); return -1;
		}
	if (optind != argc - 1)
		return err_set(e, &TENANT_USAGE, "deploy takes one file");
	if (d->auction != NULL && strcmp(d->auction, "fast") != 0 &&
	    strcmp(d->auction, "sealed") != 0)
		return err_field(e, &TENANT_USAGE, "option",
				 "--auction is sealed or fast, not %.20s", d->auction);
	d->file = argv[optind];
	return 0;
}

/* Who picks is part of what is signed; a person takes longer than the rules. */
static void
choose_manual(struct deploy *d)
{
	bool any = d->manual;

	for (size_t i = 0; i < d->count; i++) {
		if (d->manual)
			d->parts[i].placement->group.accept = "manual";
		any = any || group_manual(&d->parts[i].placement->group);
	}
	if (d->open_within_s == 0)
		d->open_within_s = any ? 600 : 300;
}

static int
choose_name(struct context *c, struct deploy *d, struct err *e)
{
	const char *base = strrchr(d->file, '/'), *dot;

	base = base != NULL ? base + 1 : d->file;
	dot = strchr(base, '.');
	if (d->name == NULL)
		d->name = arena_strndup(&c->arena, base,
					dot != NULL ? (size_t)(dot - base) : strlen(base));
	if (strchr(d->name, '/') != NULL || d->name[0] == '.' || d->name[0] == '\0' ||
	    strlen(d->name) > 60)
		return err_set(e, &TENANT_USAGE, "\"%.60s\" is not a name for a deployment",
			       d->name);
	return 0;
}

/* Copies that are spread: "web 1", "web 2". */
static const char *
row_label(struct context *c, const struct sdl_placement *rows, size_t at)
{
	const struct group_service *s = rows[at].group.services.items, *other;
	unsigned copy = 1;

	for (size_t i = 0; i < at; i++) {
		other = rows[i].group.services.items;
		copy += strcmp(other->name, s->name) == 0;
	}
	return arena_printf(&c->arena, "%s %u", s->name, copy);
}

static int
add_part(struct context *c, struct deploy *d, struct sdl_placement *p, const char *label,
	 const char *name, struct err *e)
{
	struct part *part;

	d->parts = arena_grow(&c->arena, d->parts, d->count, sizeof(*d->parts));
	part = &d->parts[d->count++];
	*part = (struct part){ .placement = p, .label = label };
	part->deployment.name = name;
	if (strlen(name) > 60)
		return err_set(e, &TENANT_USAGE, "%s is too long for a name: give --name", name);
	return 0;
}

/* NAME-1, NAME-2: one for each copy. */
static int
add_rows(struct context *c, struct deploy *d, struct sdl_placement *p, const char *name,
	 struct err *e)
{
	struct sdl_placement *rows;
	struct hash set;
	size_t count;

	random_bytes(set.b, sizeof(set.b));
	rows = sdl_spread(&c->arena, p, d->sdl.spread, &set, &count);
	for (size_t i = 0; i < count; i++)
		if (add_part(c, d, &rows[i], row_label(c, rows, i),
			     arena_printf(&c->arena, "%s-%zu", name, i + 1), e) < 0)
			return -1;
	return 0;
}

/* NAME when the file has one placement, NAME-PLACEMENT else. */
static int
choose_parts(struct context *c, struct deploy *d, struct err *e)
{
	const struct sdl *sdl = &d->sdl;

	for (size_t i = 0; i < sdl->placement_count; i++) {
		struct sdl_placement *p = &sdl->placements[i];
		const char *place = p->group.name;
		const char *name = sdl->placement_count == 1
					   ? d->name
					   : arena_printf(&c->arena, "%s-%s", d->name, place);

		if (d->only != NULL && strcmp(place, d->only) != 0)
			continue;
		if (sdl->spread != NULL ? add_rows(c, d, p, name, e) < 0
					: add_part(c, d, p, place, name, e) < 0)
			return -1;
	}
	/* From here on the name is what the result is called. */
	if (d->count == 1)
		d->name = d->parts[0].deployment.name;
	if (d->count == 0)
		return err_set(e, &ERR_NOT_FOUND, "there is no placement %s in %s", d->only,
			       d->file);
	return 0;
}

static int
read_file(struct context *c, struct deploy *d, struct err *e)
{
	char *text;
	size_t len;
	int rc;

	if (file_read(c, d->file, &text, &len, e) < 0 || choose_name(c, d, e) < 0)
		return -1;
	rc = sdl_load(c, d->file, text, len, d->akash, NULL, &d->sdl, e);
	sdl_print_findings(c, d->file, text, &d->sdl); /* of a good file: warnings */
	if (rc < 0)
		return -1;
	if (d->auction == NULL)
		d->auction = d->sdl.auction != NULL ? d->sdl.auction : "sealed";
	if (d->sdl.spread != NULL && (strcmp(d->auction, "fast") != 0 || d->manual))
		return err_field(e, &TENANT_USAGE, "option",
				 "what is spread is auctioned fast, and not awarded by hand");
	return choose_parts(c, d, e);
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
take_volumes(struct context *c, const struct deploy *d, struct sdl_placement *p, struct err *e)
{
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
/* The orders.                                                         */

static int
choose_deposit(struct context *c, const struct deploy *d, const struct part *p, struct amount *out,
	       struct err *e)
{
	if (d->deposit != NULL)
		return amount_from_human(d->deposit, c->decimals, out, e);
	*out = rate_due(p->placement->max_rate, 86400);
	out->units = MAX(out->units, (u128)1);
	return 0;
}

/* Of its terms, which must not change any more. */
static void
sign_order(struct context *c, struct part *p)
{
	struct hash hash = order_hash(&p->order.terms), digest = terms_digest(&c->domain, &hash);

	key_sign(&c->key, &digest, &p->order.sig);
	p->deployment = (struct deployment){ p->deployment.name, p->order.id, hash, p->manifest };
}

/* Metered: half of the rate holds the reservation, the rest is use. What may be
 * interrupted owes nothing but for its runs. */
static uint32_t
base_bps(const struct group *g)
{
	if (g->interruptible)
		return 0;
	return group_billing(g) == BILLING_RESERVED ? 10000 : 5000;
}

static int
make_order(struct context *c, const struct deploy *d, struct part *p, struct err *e)
{
	struct order_terms *o = &p->order.terms;

	p->order.id = id_new();
	p->order.group = p->placement->group;
	p->order.care_hours = 1;
	p->order.window_ms = d->window_ms;
	p->order.auction = d->auction;
	*o = (struct order_terms){
		.tenant = c->key.address,
		.group = group_hash(&p->placement->group),
		.maxRate = p->placement->max_rate,
		.baseBps = base_bps(&p->placement->group),
		.openBy = (uint32_t)(clock_wall() / SECOND_US) + d->open_within_s,
		.window = c->window_min_s,
		.launch = MIN(c->launch_s * 4 / 3 + 1 + LAUNCH_PROOF_S, 3600u),
		.auctioneer = c->auctioneer,
		.cosigner = d->cosigner,
		.feeBps = c->fee_bps,
	};
	if (choose_deposit(c, d, p, &o->deposit, e) < 0 ||
	    nonce_take(c, o->openBy, 0, &o->nonce, e) < 0)
		return -1;
	p->manifest = json_encode(&c->arena, manifest_fields, &p->placement->manifest);
	sign_order(c, p);
	return 0;
}

/* Together: one order that the balance covers must not be posted when the next
 * one is not covered. */
static int
check_funds(struct context *c, const struct deploy *d, struct err *e)
{
	char text[ADDRESS_TEXT_SIZE];
	struct amount sum = { 0 }, free;
	struct json *doc;

	if (d->count == 1)
		return 0; /* the market says it */
	for (size_t i = 0; i < d->count; i++)
		sum.units += d->parts[i].order.terms.deposit.units;
	if (market_get(
		    &c->arena, &c->market,
		    arena_printf(&c->arena, "/v1/accounts/%s", address_text(&c->key.address, text)),
		    &doc, e) < 0)
		return err_wrap(e, "balance");
	free = amount_of(doc, "free");
	if (amount_cmp(free, sum) >= 0)
		return 0;
	return err_set(e, &DEPOSITS_SHORT,
		       "%zu orders lock %s, free are %s: gavel deposit, or --deposit", d->count,
		       money(c, sum), money(c, free));
}

static int
post_once(struct context *c, struct part *p, struct err *e)
{
	char id[ID_TEXT_SIZE];
	struct json *doc;

	id_text(ID_ORDER, &p->order.id, id);
	/* Saved first: whatever happens now, the name leads to the order. */
	if (deployment_save(c, &p->deployment, e) < 0)
		return -1;
	if (market_post(&c->arena, &c->market, "/v1/orders",
			json_encode(&c->arena, order_doc_fields, &p->order), id, &doc, e) < 0)
		return -1;
	receipt_keep(c, p->deployment.name, &p->order, doc);
	return 0;
}

/* The same key may sign elsewhere too: then its nonce is taken, and one further on is
 * tried. How many lie between is not known, so the steps grow. */
static int
post_order(struct context *c, const struct deploy *d, struct part *p, struct err *e)
{
	struct order_terms *o = &p->order.terms;
	unsigned tries = 0;

	while (post_once(c, p, e) < 0) {
		if (strcmp(e->code->name, "nonce_used") != 0 || tries == NONCE_TRIES)
			goto failed;
		*e = (struct err)ERR_NONE;
		if (nonce_take(c, o->openBy, o->nonce + (UINT64_C(1) << tries), &o->nonce, e) < 0)
			goto failed;
		tries++;
		p->order.id = id_new();
		sign_order(c, p);
	}
	return 0;
failed:
	if (e->code->kind == UNFUNDED)
		fprintf(stderr, "help: gavel deposit %s\n",
			d->deposit != NULL ? d->deposit : "AMOUNT");
	return -1;
}

/* What was posted before the one that was refused is taken back. */
static void
take_back(struct context *c, const struct deploy *d, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct err e = ERR_NONE;

		if (order_cancel(c, &d->parts[i].deployment, &e) < 0)
			say(c, "warning: %s: %s", d->parts[i].deployment.name, e.text);
		else
			say(c, "  %s is taken back", d->parts[i].deployment.name);
	}
}

/* The name leads to all of them before the first is posted, and is the last that
 * was used afterwards. */
static int
name_parts(struct context *c, const struct deploy *d, struct err *e)
{
	if (d->count == 1)
		return 0;
	return parts_save(c, d->name, d->count, &d->parts[0].deployment.name, sizeof(d->parts[0]),
			  e);
}

static int
post_all(struct context *c, struct deploy *d, struct err *e)
{
	char id[ID_TEXT_SIZE];

	if (name_parts(c, d, e) < 0)
		return -1;
	for (size_t i = 0; i < d->count; i++) {
		struct part *p = &d->parts[i];

		if (post_order(c, d, p, e) < 0) {
			take_back(c, d, i);
			return d->count > 1 ? err_wrap(e, "%s", p->deployment.name) : -1;
		}
		step(c, d, p, "order signed, posted", id_text(ID_ORDER, &p->order.id, id));
	}
	return name_parts(c, d, e);
}

/* ------------------------------------------------------------------ */
/* The wait: hand the manifest to whoever has won, until one runs it.    */

static int
send_manifest(struct context *c, const struct deploy *d, struct part *p, struct err *e)
{
	const char *body;
	struct lease_ref l;
	struct json *doc;
	char text[HASH_TEXT_SIZE];

	if (lease_find(c, &p->deployment, &l, e) < 0)
		return -1;
	if (hash_equal(&l.hash, &p->sent))
		return 0;
	body = arena_printf(&c->arena, "{\"lease\":\"%s\",\"manifest\":%s}",
			    hash_text(&l.hash, text), p->manifest);
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
	p->sent = l.hash;
	p->lease = l;
	step(c, d, p, "awarded",
	     arena_printf(&c->arena, "%s at %s", address_text(&l.provider, text),
			  price(c, l.terms.rate)));
	step(c, d, p, "manifest sent", l.gateway.url);
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
show_pull(struct context *c, const struct deploy *d, struct part *p)
{
	const char *said = p->pulled;
	const struct json *pull;
	char text[HASH_TEXT_SIZE];
	struct err ignored = ERR_NONE;
	struct json *status;

	if (provider_call(&c->arena, &p->lease.gateway, "GET",
			  arena_printf(&c->arena, "/v1/leases/%s", hash_text(&p->lease.hash, text)),
			  NULL, &status, &ignored) < 0)
		return;
	pull = json_get(status, "pull");
	if (pull == NULL || pull->type != JSON_OBJECT)
		return;
	p->pulled = pull_text(c, pull);
	if (said == NULL || strcmp(said, p->pulled) != 0)
		step(c, d, p, "fetching", p->pulled);
}

static bool
is_fast(const struct deploy *d)
{
	return d->auction != NULL && strcmp(d->auction, "fast") == 0;
}

/* In the book: nobody is asked, so what the last tick saw is all there is to say. */
static void
show_ticks(struct context *c, const struct deploy *d, struct part *p)
{
	char id[ID_TEXT_SIZE];
	const char *said = p->ticked;

	p->ticked = tick_summary(c, id_text(ID_ORDER, &p->order.id, id));
	if (said == NULL || strcmp(said, p->ticked) != 0)
		step(c, d, p, "waiting for a tick", p->ticked);
}

/* One look at the order: it runs, or has failed, or neither yet. */
static int
look(struct context *c, const struct deploy *d, struct part *p, const char *wait, struct err *e)
{
	char id[ID_TEXT_SIZE];
	const struct json *lease, *launched;
	const char *state;
	struct json *order;
	struct err why = ERR_NONE;

	id_text(ID_ORDER, &p->order.id, id);
	if (market_get(&c->arena, &c->market, arena_printf(&c->arena, "/v1/orders/%s%s", id, wait),
		       &order, e) < 0)
		return -1;
	state = text_of(order, "state");
	lease = json_get(order, "lease");
	launched = json_get(lease, "launched");
	if (strcmp(state, p->state) != 0) {
		step(c, d, p, state, text_of(order, "reason"));
		snprintf(p->state, sizeof(p->state), "%s", state);
	}
	if (is_fast(d) && (strcmp(state, "open") == 0 || strcmp(state, "bidding") == 0))
		show_ticks(c, d, p);
	if (launched != NULL && launched->truth) {
		p->running = order;
		step(c, d, p, "running", "");
	} else if (strcmp(state, "ranked") == 0) {
		p->ranked = number_of(order, "failures") >= d->failures;
		if (p->ranked && d->failures > 0)
			say_failed(c, order);
	} else if (strcmp(state, "unfilled") == 0 || strcmp(state, "cancelled") == 0) {
		err_set(&p->failed, &ORDER_ENDED, "order %s: %s (gavel bids %s tells why)", state,
			text_of(order, "reason"), p->deployment.name);
	} else if (strcmp(state, "expired") == 0 || strcmp(state, "closed") == 0) {
		say_failed(c, order);
		err_set(&p->failed, &LAUNCH_FAILED, "order %s: %s", state,
			text_of(lease, "reason"));
	} else if (strcmp(state, "awarded") == 0 || strcmp(state, "leased") == 0) {
		struct hash sent = p->sent;

		if (send_manifest(c, d, p, &why) < 0 && why.code != &NO_LEASE)
			say(c, "  warning: %s", why.text);
		else if (hash_equal(&sent, &p->sent) && p->lease.gateway.url != NULL)
			show_pull(c, d, p);
	}
	return 0;
}

/* How long one look may take: with several orders none may wait for another. */
static const char *
wait_for(const struct deploy *d, const struct part *p)
{
	if (d->count > 1)
		return "";
	/* One that could not run it goes back to the bidders. */
	if (strcmp(p->state, "awarded") == 0)
		return "?wait=launched,state:leased,open,bidding&timeout=1";
	if (strcmp(p->state, "leased") == 0)
		return "?wait=launched,state:awarded,open,bidding&timeout=1";
	if (strcmp(p->state, "ranked") == 0)
		return "?wait=state:awarded,leased,open&timeout=1";
	return "?wait=state:awarded,leased,ranked&timeout=2";
}

static int
wait_launched(struct context *c, struct deploy *d, struct err *e)
{
	mono_t until = clock_mono() + WAIT_MAX_US + d->open_within_s * SECOND_US;
	struct timespec pause = { 0, 200 * 1000 * 1000 };
	size_t going = d->count;

	while (going > 0 && clock_mono() < until) {
		going = 0;
		for (size_t i = 0; i < d->count; i++) {
			struct part *p = &d->parts[i];

			if (p->running != NULL || p->ranked || p->failed.code != NULL)
				continue;
			if (look(c, d, p, wait_for(d, p), e) < 0)
				return -1;
			going += p->running == NULL && !p->ranked && p->failed.code == NULL;
		}
		if (going > 0 && d->count > 1)
			nanosleep(&pause, NULL);
	}
	for (size_t i = 0; i < d->count; i++)
		if (d->parts[i].running == NULL && !d->parts[i].ranked &&
		    d->parts[i].failed.code == NULL)
			err_set(&d->parts[i].failed, &ERR_TIMEOUT,
				"it still runs its course: gavel status %s",
				d->parts[i].deployment.name);
	return 0;
}

/* ------------------------------------------------------------------ */
/* The end.                                                            */

static void
print_running(const struct part *p)
{
	const struct json *endpoints = json_get(json_get(p->running, "lease"), "endpoints");

	printf("%s is running\n", p->deployment.name);
	for (const struct json *x = endpoints != NULL ? endpoints->first : NULL; x != NULL;
	     x = x->next)
		printf("  %s port %s: %s\n", text_of(x, "service"), text_of(x, "port"),
		       text_of(x, "url"));
}

static void
print_json_result(const struct deploy *d)
{
	struct jsonw *w;

	if (d->count == 1 && d->parts[0].running != NULL) {
		print_json(d->parts[0].running);
		return;
	}
	if (d->count == 1 && !d->parts[0].ranked)
		return; /* the error says it */
	w = jsonw_new(true);
	jsonw_open(w, '[');
	for (size_t i = 0; i < d->count; i++) {
		const struct part *p = &d->parts[i];

		jsonw_open(w, '{');
		jsonw_member(w, "name", "%s", p->deployment.name);
		jsonw_member(w, "placement", "%s", p->placement->group.name);
		if (d->sdl.spread != NULL)
			jsonw_member(w, "copy", "%s", p->label);
		jsonw_name(w, "running");
		jsonw_bool(w, p->running != NULL);
		if (p->running == NULL && !p->ranked) {
			jsonw_member(w, "error", "%s", p->failed.text);
			jsonw_member(w, "code", "%s", p->failed.code->name);
		}
		jsonw_name(w, "order");
		jsonw_node(w, p->running);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	fputs(jsonw_text(w, NULL), stdout);
	jsonw_free(w);
}

/* 0 when all run. What runs goes on, whatever became of the others. */
static int
print_result(struct context *c, const struct deploy *d, struct err *e)
{
	const struct part *failed = NULL;
	size_t bad = 0;

	for (size_t i = 0; i < d->count; i++)
		if (d->parts[i].running == NULL && !d->parts[i].ranked) {
			failed = failed == NULL ? &d->parts[i] : failed;
			bad++;
		}
	if (c->json) {
		print_json_result(d);
		if (bad > 0 && d->count > 1)
			return err_set(e, failed->failed.code, "%s", failed->failed.text);
	}
	for (size_t i = 0; i < d->count && !c->json; i++)
		if (d->parts[i].running != NULL)
			print_running(&d->parts[i]);
		else if (d->parts[i].ranked) {
			if (ranking_show(c, d->parts[i].deployment.name, &d->parts[i].order.id, e) <
			    0)
				return -1;
		} else if (d->count > 1)
			fprintf(stderr, "error: %s: %s [%s]\n", d->parts[i].deployment.name,
				d->parts[i].failed.text, d->parts[i].failed.code->name);
	if (bad == 0 && d->parts[0].ranked)
		return 0;
	if (bad == 0) {
		say(c,
		    "\nLogs: gavel logs -f %s    Cost: gavel status %s    Stop paying: gavel close "
		    "%s",
		    d->name, d->name, d->name);
		return 0;
	}
	if (d->count > 1 && d->sdl.spread != NULL)
		say(c, "help: gavel close %s stops the others", d->name);
	else if (d->count > 1)
		say(c,
		    "help: gavel close %s stops the others; gavel deploy %s --name %s --placement "
		    "%s tries this one again",
		    d->name, d->file, d->name, failed->placement->group.name);
	*e = failed->failed;
	return d->count > 1 ? err_wrap(e, "%zu of %zu do not run: %s", bad, d->count,
				       failed->deployment.name)
			    : -1;
}

/* What it means, and with which notice, before anything is signed away. */
static void
announce_interruptible(struct context *c, const struct part *p)
{
	const struct group *g = &p->placement->group;
	int64_t least = -1, most = 0;
	struct err ignored = ERR_NONE;
	struct json *doc;
	const struct json *rows;

	if (!g->interruptible)
		return;
	if (market_get(&c->arena, &c->market, "/v1/pools", &doc, &ignored) < 0)
		return;
	rows = json_get(doc, "data");
	for (const struct json *row = rows != NULL ? rows->first : NULL; row != NULL;
	     row = row->next) {
		const struct json *pool = json_get(row, "pool");
		const struct json *terms = pool != NULL ? json_get(pool, "terms") : NULL;

		if (terms == NULL || !pool_takes(text_of(row, "class"), g))
			continue;
		least = least < 0 ? number_of(terms, "notice")
				  : MIN(least, number_of(terms, "notice"));
		most = MAX(most, number_of(terms, "notice"));
	}
	if (least < 0)
		say(c, "  it may be interrupted; no provider has a pool for it now, so it waits");
	else
		say(c,
		    "  it may be interrupted with %lld to %lld s of notice, and then %s; a run "
		    "interrupted within %u s costs nothing",
		    (long long)least, (long long)most,
		    strcmp(g->on_interrupt, "pause") == 0 ? "waits for room, its volumes kept"
							  : "ends",
		    c->spot_free_s);
}

static void
announce(struct context *c, const struct deploy *d)
{
	for (size_t i = 0; i < d->count; i++)
		say(c,
		    "Deploying %s on chain %llu%s: at most %s, %s locked and the rest returned at "
		    "the end",
		    d->parts[i].deployment.name, (unsigned long long)c->evm.chain_id,
		    is_fast(d) ? ", by standing offers" : "",
		    price(c, d->parts[i].placement->max_rate),
		    money(c, d->parts[i].order.terms.deposit));
	for (size_t i = 0; i < d->count; i++)
		announce_interruptible(c, &d->parts[i]);
}

int
cmd_deploy(struct context *c, int argc, char **argv, struct err *e)
{
	struct deploy d = { .began = clock_mono() };
	char id[ID_TEXT_SIZE];

	if (read_arguments(&d, argc, argv, e) < 0 || read_file(c, &d, e) < 0 ||
	    context_connect(c, e) < 0 || context_unlock(c, e) < 0)
		return -1;
	if (d.volumes_from != NULL && d.count != 1)
		return err_set(e, &TENANT_USAGE, "--volumes-from goes with one placement: name it");
	if (take_volumes(c, &d, d.parts[0].placement, e) < 0)
		return -1;
	choose_manual(&d);
	for (size_t i = 0; i < d.count; i++)
		if (make_order(c, &d, &d.parts[i], e) < 0)
			return -1;
	announce(c, &d);
	if (check_funds(c, &d, e) < 0 || post_all(c, &d, e) < 0)
		return -1;
	if (d.no_wait) {
		for (size_t i = 0; i < d.count; i++)
			printf("%s\n", id_text(ID_ORDER, &d.parts[i].order.id, id));
		return 0;
	}
	if (wait_launched(c, &d, e) < 0)
		return -1;
	return print_result(c, &d, e);
}

int
deploy_follow(struct context *c, const struct deployment *deployment, int64_t failures,
	      bool *ranked, struct err *e)
{
	struct part part = { .deployment = *deployment,
			     .order = { .id = deployment->order },
			     .manifest = deployment->manifest };
	struct deploy d = { .name = deployment->name,
			    .auction = "sealed", /* or nobody would pick */
			    .parts = &part,
			    .count = 1,
			    .failures = failures,
			    .began = clock_mono() };

	if (wait_launched(c, &d, e) < 0)
		return -1;
	*ranked = part.ranked;
	return part.ranked ? 0 : print_result(c, &d, e);
}
