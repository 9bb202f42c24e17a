/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_gavel.c - the section x-gavel: what is ours and not the format's. Akash
 * refuses a file with it cleanly, as it does any key of the top level that it
 * does not know.
 *
 * What it says of services is looked at when these are known, wherever the key
 * stands in the file.
 */
#include "sdl_read.h"

#include "deploy/sdl_units.h"

static void
billing_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	(void)out;
	if (text != NULL && strcmp(text, "reserved") != 0 && strcmp(text, "metered") != 0)
		sdl_find(r, at, NULL, "billing must be reserved or metered, got %.20s", text);
	else if (text != NULL) {
		r->billing = text;
		r->billing_at = *at;
	}
}

static void
interruptible_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	sdl_bool(r, at, &r->interruptible);
}

static void
on_interrupt_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	(void)out;
	if (text != NULL && strcmp(text, "pause") != 0 && strcmp(text, "end") != 0)
		sdl_find(r, at, NULL, "on_interrupt must be pause or end, got %.20s", text);
	else
		r->on_interrupt = text;
	r->on_interrupt_at = *at;
}

/* What does not go together, wherever the keys stand. */
void
sdl_gavel_interruptible(struct sdl_reader *r)
{
	if (!r->interruptible && r->on_interrupt != NULL)
		sdl_find_name(r, &r->on_interrupt_at, "write interruptible: true",
			      "on_interrupt goes with interruptible");
	if (!r->interruptible)
		return;
	if (r->billing_at.node != NULL && strcmp(r->billing, "metered") != 0)
		sdl_find_name(r, &r->billing_at,
			      "leave billing out: what runs is paid by the second",
			      "what is interruptible is metered, not reserved");
	r->billing = "metered";
	if (r->on_interrupt == NULL)
		r->on_interrupt = "pause";
}

/* ------------------------------------------------------------------ */
/* auction                                                             */

static void
allow_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	sdl_addresses(r, at, "a provider", "`gavel providers` lists them", &r->allow);
}

static void
deny_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	sdl_addresses(r, at, "a provider", "`gavel providers` lists them", &r->deny);
}

static void
kind_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	(void)out;
	if (text != NULL && strcmp(text, "sealed") != 0 && strcmp(text, "fast") != 0)
		sdl_find(r, at, NULL, "kind must be sealed or fast, got %.20s", text);
	else if (text != NULL)
		r->auction = text;
}

static void
accept_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	(void)out;
	if (text != NULL && strcmp(text, "auto") != 0 && strcmp(text, "manual") != 0)
		sdl_find(r, at, NULL, "accept must be auto or manual, got %.20s", text);
	r->manual = text != NULL && strcmp(text, "manual") == 0;
}

static void
spread_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	(void)out;
	if (text != NULL && strcmp(text, "provider") != 0 && strcmp(text, "owner") != 0 &&
	    strcmp(text, "region") != 0)
		sdl_find(r, at, NULL, "spread must be provider, owner or region, got %.20s", text);
	r->spread = text;
	r->spread_at = *at;
}

/* What does not go together with it, wherever the keys stand. */
void
sdl_gavel_spread(struct sdl_reader *r)
{
	if (r->spread == NULL)
		return;
	if (r->auction != NULL && strcmp(r->auction, "fast") != 0)
		sdl_find_name(r, &r->spread_at, "write kind: fast",
			      "what is spread is auctioned fast");
	if (r->manual)
		sdl_find_name(r, &r->spread_at, "leave accept out",
			      "what is spread is not awarded by hand");
	if (r->interruptible)
		sdl_find_name(r, &r->spread_at, "leave interruptible out",
			      "what is spread is not interruptible");
	r->auction = "fast";
}

static const struct sdl_key auction_keys[] = {
	{ "kind", 0, kind_read, NULL, .kind = SDL_TEXT, .words = "sealed fast",
	  .help = "sealed: every provider is asked for a bid; fast: standing offers only, in "
		  "ticks of a quarter second",
	  .fallback = "sealed", .example = "kind: fast" },
	{ "accept", 0, accept_read, NULL, .kind = SDL_TEXT, .words = "auto manual",
	  .help = "auto: the rules award; manual: the tenant picks from the ranking",
	  .fallback = "auto", .example = "accept: manual" },
	{ "allow", 0, allow_read, NULL, .kind = SDL_TEXTS, .max = GROUP_AUDITORS_MAX,
	  .help = "only these providers, by address", .fallback = "all",
	  .example = "allow: [\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]" },
	{ "deny", 0, deny_read, NULL, .kind = SDL_TEXTS, .max = GROUP_AUDITORS_MAX,
	  .help = "never these providers, by address", .fallback = "none",
	  .example = "deny: [\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]" },
	{ "spread", 0, spread_read, NULL, .kind = SDL_TEXT, .words = "provider owner region",
	  .help = "every copy of a service, and every service, at another one: each has an order "
		  "and a lease of its own, all are awarded in one tick or none; kind is fast",
	  .fallback = "a placement lies together, at one provider", .example = "spread: owner" },
	SDL_KEY_END
};

/* ------------------------------------------------------------------ */
/* services.NAME.ready, .health                                        */

static void
http_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct check *c = out;
	const char *text = sdl_text(r, at);
	const char *fault = text != NULL ? rule_url_path(text) : NULL;

	if (fault != NULL)
		sdl_find(r, at, "write http: /healthz", "%s", fault);
	c->kind = "http";
	c->path = text;
}

static void
check_port_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_u32(r, at, 1, 65535, &((struct check *)out)->port);
}

static void
tcp_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	((struct check *)out)->kind = "tcp";
	check_port_read(r, at, out);
}

static void
command_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	struct check *c = out;

	c->kind = "command";
	sdl_strs(r, at, SERVICE_ARGS_MAX, rule_argument, &c->command);
	if (at->node->type == JSON_ARRAY && at->node->count == 0)
		sdl_find(r, at, "write command: [PROGRAM, ARGUMENT]", "the command is empty");
}

static void
every_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_seconds(r, at, 1, CHECK_S_MAX, &((struct check *)out)->every_s);
}

static void
timeout_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_seconds(r, at, 1, CHECK_S_MAX, &((struct check *)out)->timeout_s);
}

static void
failures_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_u32(r, at, 1, 100, &((struct check *)out)->failures);
}

static void
grace_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_seconds(r, at, 0, CHECK_S_MAX, &((struct check *)out)->grace_s);
}

static const struct sdl_key check_keys[] = {
	{ "http", 0, http_read, NULL, .kind = SDL_TEXT,
	  .help = "a path that answers with 200 to 399", .example = "http: /healthz" },
	{ "tcp", 0, tcp_read, NULL, .kind = SDL_NUMBER, .min = 1, .max = 65535,
	  .help = "a port that takes connections", .example = "tcp: 5432" },
	{ "command", 0, command_read, NULL, .kind = SDL_TEXTS, .max = SERVICE_ARGS_MAX,
	  .help = "a program in the container that ends with 0",
	  .example = "command: [pg_isready]" },
	{ "port", 0, check_port_read, NULL, .kind = SDL_NUMBER, .min = 1, .max = 65535,
	  .help = "of http", .fallback = "the first port of expose", .example = "port: 8080" },
	{ "every", 0, every_read, NULL, .kind = SDL_DURATION, .bounds = "1s to 1h",
	  .help = "from one check to the next", .fallback = "10s", .example = "every: 10s" },
	{ "timeout", 0, timeout_read, NULL, .kind = SDL_DURATION, .bounds = "1s to 1h",
	  .help = "what takes longer has failed", .fallback = "2s", .example = "timeout: 2s" },
	{ "failures", 0, failures_read, NULL, .kind = SDL_NUMBER, .min = 1, .max = 100,
	  .help = "in a row, until it counts", .fallback = "3", .example = "failures: 3" },
	{ "grace", 0, grace_read, NULL, .kind = SDL_DURATION, .bounds = "0s to 1h",
	  .help = "after the start, in which failures do not count", .fallback = "0s",
	  .example = "grace: 30s" },
	SDL_KEY_END
};

static unsigned
kinds_given(const struct json *node)
{
	unsigned kinds = 0;

	for (const struct json *v = node->first; v != NULL; v = v->next)
		kinds += strcmp(v->name, "http") == 0 || strcmp(v->name, "tcp") == 0 ||
			 strcmp(v->name, "command") == 0;
	return kinds;
}

static void
check_read(struct sdl_reader *r, const struct sdl_at *at, struct sdl_service *s)
{
	struct check c = {
		.use = at->node->name, .kind = "", .every_s = 10, .timeout_s = 2, .failures = 3
	};
	const struct sdl_port *port = s->ports.items;

	sdl_object(r, at, check_keys, &c);
	if (at->node->type != JSON_OBJECT)
		return;
	if (kinds_given(at->node) != 1)
		sdl_find_name(r, at, "write http: /healthz, or tcp: 5432, or command: [PROGRAM]",
			      "a check is one of http, tcp and command");
	else if (strcmp(c.kind, "command") == 0 && c.port != 0)
		sdl_find_name(r, at, "leave port out", "a command has no port");
	if (strcmp(c.kind, "http") == 0 && c.port == 0 && s->ports.count > 0)
		c.port = port[0].port;
	if (strcmp(c.kind, "http") == 0 && c.port == 0)
		sdl_find_name(r, at, "write port: 80", "the key port is missing");
	*(struct check *)sdl_push(r, &s->service.checks, sizeof(c)) = c;
}

static void
service_check_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	check_read(r, at, out);
}

/* ------------------------------------------------------------------ */
/* services.NAME                                                       */

static void
readonly_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_bool(r, at, &((struct sdl_service *)out)->service.readonly);
}

static void
stop_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	sdl_seconds(r, at, 1, STOP_S_MAX, &((struct sdl_service *)out)->service.stop_s);
}

static void
restart_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);

	if (text == NULL || strcmp(text, "always") == 0)
		return;
	if (strcmp(text, "on-failure") != 0 && strcmp(text, "never") != 0)
		sdl_find(r, at, NULL, "restart must be always, on-failure or never, got %.20s",
			 text);
	((struct sdl_service *)out)->service.restart = text;
}

static void
egress_read(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	const char *text = sdl_text(r, at);
	struct sdl_hint hint;
	const char *fault;
	uint64_t bytes = 0;

	if (text == NULL)
		return;
	fault = sdl_size_read(text, &bytes, &hint);
	if (fault != NULL)
		sdl_find(r, at, *hint.text != '\0' ? arena_strdup(r->arena, hint.text) : NULL,
			 "%s, got %.20s", fault, text);
	else if (bytes == 0 || bytes % (UINT64_C(1) << 30) != 0 || bytes >> 30 > EGRESS_GIB_MAX)
		sdl_find(r, at, "write egress: 100Gi",
			 "egress is whole Gi in 30 days, 1Gi to 1000000Gi, got %.20s", text);
	else
		((struct sdl_service *)out)->egress_gib = (uint32_t)(bytes >> 30);
}

static const struct sdl_key service_keys[] = {
	{ "readonly", 0, readonly_read, NULL, .kind = SDL_TRUTH,
	  .help = "the root file system cannot be written", .fallback = "false",
	  .example = "readonly: true" },
	{ "egress", 0, egress_read, NULL, .kind = SDL_SIZE, .bounds = "whole Gi, 1Gi to 1000000Gi",
	  .help = "to the world, each copy, in 30 days", .example = "egress: 100Gi" },
	{ "stop", 0, stop_read, NULL, .kind = SDL_DURATION, .bounds = "1s to 10m",
	  .help = "from TERM to KILL", .fallback = "10s", .example = "stop: 30s" },
	{ "restart", 0, restart_read, NULL, .kind = SDL_TEXT, .words = "always on-failure never",
	  .help = "when a container has ended", .fallback = "always",
	  .example = "restart: on-failure" },
	{ "ready", 0, service_check_read, NULL, .kind = SDL_MAP, .keys = check_keys,
	  .help = "traffic comes only while this holds",
	  .example = "ready: {http: /healthz, port: 80}" },
	{ "health", 0, service_check_read, NULL, .kind = SDL_MAP, .keys = check_keys,
	  .help = "the container is started anew when this fails",
	  .example = "health: {tcp: 80, grace: 30s}" },
	SDL_KEY_END
};

void
sdl_gavel_services(struct sdl_reader *r)
{
	struct sdl_service *services = r->services.items;

	if (r->own_services.node == NULL || !sdl_is_map(r, &r->own_services))
		return;
	for (const struct json *v = r->own_services.node->first; v != NULL; v = v->next) {
		struct sdl_at at = sdl_member(r, &r->own_services, v);
		const struct sdl_service *s = sdl_service_named(r, v->name);

		if (s == NULL)
			sdl_find_name(r, &at, sdl_nearest_service(r, v->name),
				      "there is no service %.60s", v->name);
		else
			sdl_object(r, &at, service_keys, &services[s - services]);
	}
}

/* ------------------------------------------------------------------ */

static void
services_remember(struct sdl_reader *r, const struct sdl_at *at, void *out)
{
	(void)out;
	r->own_services = *at;
}

const struct sdl_key sdl_gavel_keys[] = {
	{ "billing", 0, billing_read, NULL, .kind = SDL_TEXT, .words = "reserved metered",
	  .help = "reserved: the whole reservation; metered: what was used, never above it",
	  .fallback = "reserved", .example = "billing: metered" },
	{ "auction", 0, NULL, NULL, .kind = SDL_MAP, .keys = auction_keys,
	  .help = "how the order is awarded, by whom, and which providers may bid",
	  .example = "auction: {deny: [\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]}" },
	{ "services", 0, services_remember, NULL, .kind = SDL_NAMES, .keys = service_keys,
	  .help = "of the services above, by their names",
	  .example = "services: {web: {stop: 30s}}" },
	{ "interruptible", 0, interruptible_read, NULL, .kind = SDL_TRUTH,
	  .help = "cheaper: firm leases and higher bids push it out, after a notice",
	  .fallback = "false: the lease is firm", .example = "interruptible: true" },
	{ "on_interrupt", 0, on_interrupt_read, NULL, .kind = SDL_TEXT, .words = "pause end",
	  .help = "pause: volumes are kept and it waits for room; end: the lease is closed",
	  .fallback = "pause", .example = "on_interrupt: end" },
	SDL_KEY_END
};
