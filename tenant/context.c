/* SPDX-License-Identifier: Apache-2.0 */
/* The context of a command: settings, market, key, deployments by name. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lease/jwt.h"
#include "lease/keystore.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "tenant/tenant.h"

const struct code TENANT_USAGE = { "usage", INVALID, "the command was not understood" };
const struct code TENANT_SAID = { "said", INVALID, "the output tells what is wrong" };
const struct code DEPLOYMENT_UNKNOWN = { "deployment_unknown", NOT_FOUND,
					 "there is no deployment of this name" };
const struct code NO_LEASE = { "no_lease", NOT_FOUND, "the deployment has no lease" };

#define TOKEN_LIVES_S 600

static const struct json_field fields[] = {
	JSON_STR(struct context, market_url, 300, 0),
	JSON_STR(struct context, market_ca, 500, JSON_OPTIONAL),
	JSON_STR(struct context, rpc_url, 300, JSON_OPTIONAL),
	JSON_STRS(struct context, rpc_urls, EVM_NODES_MAX, JSON_OPTIONAL),
	JSON_STR(struct context, key_file, 500, 0),
	JSON_STR(struct context, password_file, 500, JSON_OPTIONAL),
	JSON_END
};

static const char *
home_path(struct context *c, const char *variable, const char *fallback, const char *rest)
{
	const char *base = getenv(variable), *home = getenv("HOME");

	if (base != NULL && base[0] == '/')
		return arena_printf(&c->arena, "%s/gavel%s", base, rest);
	return arena_printf(&c->arena, "%s/%s/gavel%s", home != NULL ? home : "/", fallback, rest);
}

int
context_read(struct context *c, struct err *e)
{
	if (c->path == NULL)
		c->path = getenv("GAVEL_CONTEXT");
	if (c->path == NULL)
		c->path = home_path(c, "XDG_CONFIG_HOME", ".config", "/context.yaml");
	if (conf_read(&c->arena, c->path, fields, c, e) < 0)
		return err_wrap(e, "context");
	c->market = (struct market_client){ c->market_url, c->market_ca };
	return evm_urls(&c->arena, &c->evm, c->rpc_url, &c->rpc_urls, e);
}

/* What a market says of itself, into the context. */
static int
market_read(struct context *c, const struct json *doc, struct err *e)
{
	const struct json *token = json_get(doc, "token"), *rules = json_get(doc, "rules");

	if (address_read(text_of(doc, "market"), &c->auctioneer, e) < 0 ||
	    address_read(text_of(doc, "escrow"), &c->escrow, e) < 0 ||
	    address_read(text_of(token, "address"), &c->token, e) < 0)
		return err_wrap(e, "market");
	c->symbol = text_of(token, "symbol");
	c->decimals = (uint32_t)number_of(token, "decimals");
	c->fee_bps = (uint32_t)number_of(rules, "fee_bps");
	c->launch_s = (uint32_t)number_of(rules, "launch_s");
	c->spot_free_s = (uint32_t)number_of(rules, "spot_free_s");
	c->head_every_s = (uint32_t)number_of(rules, "head_every_s");
	c->window_min_s = (uint32_t)number_of(rules, "window_min_s");
	c->evm.chain_id = (uint64_t)number_of(doc, "chain_id");
	/* A market that names another chain than our own node would have us sign
	 * for a contract we cannot see. */
	if (evm_check_chain(&c->arena, &c->evm, e) < 0)
		return -1;
	domain_init(&c->domain, c->evm.chain_id, &c->escrow);
	return 0;
}

/* A market may go for good: what it said of chain and contract is kept. */
static const char *
market_name(struct context *c)
{
	char text[HASH_TEXT_SIZE];
	struct hash h;

	sha256(c->market_url, strlen(c->market_url), &h);
	return arena_printf(&c->arena, "../markets/%.18s", hash_text(&h, text));
}

static void
market_keep(struct context *c, const struct json *doc)
{
	struct jsonw *w = jsonw_new(true);
	struct err e = ERR_NONE;

	jsonw_node(w, doc);
	if (state_write(c, market_name(c), jsonw_text(w, NULL), &e) < 0)
		say(c, "warning: %s", e.text);
	jsonw_free(w);
}

int
state_read(struct context *c, const char *name, struct json **doc, struct err *e)
{
	const char *path = state_path(c, name);
	FILE *f = fopen(path, "re");
	struct stat st;
	char *text;
	size_t n;

	if (f == NULL)
		return 0;
	n = fstat(fileno(f), &st) == 0 ? MIN((size_t)st.st_size, (size_t)JSON_BYTES_MAX) : 0;
	text = arena_alloc(&c->arena, n + 1);
	n = fread(text, 1, n, f);
	fclose(f);
	return json_parse(&c->arena, text, n, doc, e) < 0 ? err_wrap(e, "%s", path) : 1;
}

static int
connect_to(struct context *c, bool alone, struct err *e)
{
	struct json *doc;

	c->alone = false;
	if (context_read(c, e) < 0)
		return -1;
	if (market_get(&c->arena, &c->market, "/.well-known/gavel", &doc, e) == 0) {
		market_keep(c, doc);
		return market_read(c, doc, e);
	}
	if (!alone || !err_retryable(e) || state_read(c, market_name(c), &doc, e) != 1)
		return -1;
	say(c, "warning: the market does not answer (%s); by what it said before", e->text);
	*e = (struct err)ERR_NONE;
	c->alone = true;
	return market_read(c, doc, e);
}

int
context_connect(struct context *c, struct err *e)
{
	return connect_to(c, false, e);
}

int
context_connect_alone(struct context *c, struct err *e)
{
	return connect_to(c, true, e);
}

int
context_unlock(struct context *c, struct err *e)
{
	const char *password = getenv("GAVEL_PASSWORD");
	char line[PASSWORD_SIZE] = "";

	if (c->has_key)
		return 0;
	if (c->password_file != NULL) {
		if (password_read(c->password_file, line, e) < 0)
			return -1;
		password = line;
	}
	if (password == NULL && isatty(STDIN_FILENO))
		password = getpass("Password of the key store: ");
	if (password == NULL)
		return err_set(e, &KEYSTORE_PASSWORD, "no password: set password_file in %s",
			       c->path);
	if (keystore_read(c->key_file, password, &c->key, e) < 0)
		return -1;
	explicit_bzero(line, sizeof(line));
	c->has_key = true;
	return 0;
}

void
context_lock(struct context *c)
{
	key_release(&c->key);
	c->has_key = false;
}

int
context_address(struct context *c, struct address *out, struct err *e)
{
	if (c->has_key) {
		*out = c->key.address;
		return 0;
	}
	if (keystore_address(c->key_file, out, e) == 0)
		return 0;
	if (e->code != &KEYSTORE_NO_ADDRESS)
		return -1;
	*e = (struct err)ERR_NONE;
	if (context_unlock(c, e) < 0)
		return -1;
	*out = c->key.address;
	return 0;
}

const char *
context_token(struct context *c, const struct address *audience, const char *scope,
	      const struct hash *lease)
{
	int64_t now = clock_wall() / SECOND_US;
	struct jwt_claims claims = {
		.iss = c->key.address,
		.aud = *audience,
		.nbf = now - 30,
		.exp = now + TOKEN_LIVES_S,
		.scope = { &scope, 1 },
	};
	const char *all[] = { "manifest", "status", "logs", "exec", "close" };

	if (strcmp(scope, "all") == 0)
		claims.scope = (struct json_strs){ all, NELEMS(all) };
	if (lease != NULL)
		claims.lease = *lease;
	return jwt_make(&c->arena, &c->key, &claims);
}

/* ------------------------------------------------------------------ */
/* Deployments by name.                                                */

struct deployment_doc {
	const char *name;
	struct id order;
	struct hash order_hash;
	const char *manifest;
};
static const struct json_field deployment_fields[] = {
	JSON_STR(struct deployment_doc, name, 64, 0),
	JSON_ID(struct deployment_doc, order, ID_ORDER),
	JSON_HASH(struct deployment_doc, order_hash, 0),
	JSON_STR(struct deployment_doc, manifest, JSON_BYTES_MAX, 0), JSON_END
};

const char *
state_path(struct context *c, const char *name)
{
	return home_path(c, "XDG_STATE_HOME", ".local/state",
			 arena_printf(&c->arena, "/deployments/%s.json", name));
}

const char *
deployment_dir(struct context *c)
{
	return home_path(c, "XDG_STATE_HOME", ".local/state", "/deployments");
}

static void
make_dirs(char *path)
{
	for (char *p = path + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(path, 0700);
			*p = '/';
		}
}

static int
write_file(struct context *c, const char *path, const char *text, struct err *e)
{
	char *temporary = arena_printf(&c->arena, "%s.new", path);
	FILE *f;
	int fd;

	make_dirs(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL)
		return err_errno(e, "write %s", temporary);
	if (fputs(text, f) < 0 || fclose(f) != 0 || rename(temporary, path) != 0)
		return err_errno(e, "write %s", path);
	return 0;
}

int
state_write(struct context *c, const char *name, const char *text, struct err *e)
{
	return write_file(c, state_path(c, name), text, e);
}

int
state_lock(struct context *c, const char *name, struct err *e)
{
	/* A file of its own: the other one is replaced when it is written. */
	char *path = arena_printf(&c->arena, "%s.lock", state_path(c, name));
	int fd;

	make_dirs(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "open %s", path);
	if (flock(fd, LOCK_EX) < 0) {
		err_errno(e, "lock %s", path);
		close(fd);
		return -1;
	}
	return fd;
}

int
deployment_save(struct context *c, const struct deployment *d, struct err *e)
{
	struct deployment_doc doc = { d->name, d->order, d->order_hash, d->manifest };
	const char *text = json_encode(&c->arena, deployment_fields, &doc);

	if (state_write(c, d->name, text, e) < 0 || state_write(c, ".last", text, e) < 0)
		return -1;
	/* The name stands for itself, and no longer for parts. */
	unlink(state_path(c, arena_printf(&c->arena, "%s.parts", d->name)));
	unlink(state_path(c, ".last.parts"));
	return 0;
}

int
deployment_find(struct context *c, const char *name, struct deployment *d, struct err *e)
{
	const char *path = state_path(c, name != NULL ? name : ".last");
	struct deployment_doc doc;
	char *text;
	size_t n;
	FILE *f;

	if (name != NULL && strchr(name, '/') != NULL)
		return err_set(e, &DEPLOYMENT_UNKNOWN, "\"%.60s\"", name);
	f = fopen(path, "re");
	if (f == NULL) {
		d->name = name;
		d->manifest = NULL;
		if (name != NULL && id_read(ID_ORDER, name, &d->order, e) == 0)
			return 0;
		return err_set(e, &DEPLOYMENT_UNKNOWN,
			       "%s: deploy first, or name one with its order id",
			       name != NULL ? name : "none");
	}
	text = arena_alloc(&c->arena, JSON_BYTES_MAX);
	n = fread(text, 1, JSON_BYTES_MAX, f);
	fclose(f);
	if (json_decode(&c->arena, text, n, deployment_fields, &doc, e) < 0)
		return err_wrap(e, "%s", path);
	*d = (struct deployment){ doc.name, doc.order, doc.order_hash, doc.manifest };
	return 0;
}

/* ------------------------------------------------------------------ */
/* A provider, by the record it signed.                                 */

int
gateway_find(struct context *c, const struct address *provider, struct provider_client *p,
	     struct err *e)
{
	char text[ADDRESS_TEXT_SIZE];
	struct provider_terms terms;
	struct hash h, digest;
	struct json *doc;
	struct sig sig;

	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/providers/%s", address_text(provider, text)),
		       &doc, e) < 0)
		return -1;
	if (json_get(doc, "record") == NULL ||
	    json_read(&c->arena, json_get(doc, "record"), provider_terms_fields, &terms, e) < 0 ||
	    sig_read(text_of(doc, "sig"), &sig, e) < 0)
		return err_wrap(e, "provider record");
	/* The market cannot put itself in between: the key is the provider's word. */
	h = provider_hash(&terms);
	digest = terms_digest(&c->domain, &h);
	if (sig_check(&sig, &digest, provider, e) < 0)
		return err_wrap(e, "provider record");
	*p = (struct provider_client){ .url = terms.url, .pin = terms.tlsKey };
	return 0;
}

/* Enough to end the lease without the market: kept as soon as it is seen. */
struct lease_copy {
	struct lease_terms terms;
	struct provider_client gateway;
};
static const struct json_field lease_copy_fields[] = {
	JSON_OBJ(struct lease_copy, terms, lease_terms_fields, 0),
	{ .name = "url",
	  .kind = JSON_KIND_STR,
	  .offset = offsetof(struct lease_copy, gateway.url),
	  .max = 256 },
	{ .name = "pin",
	  .kind = JSON_KIND_HASH,
	  .offset = offsetof(struct lease_copy, gateway.pin) },
	JSON_END
};

static const char *
copy_name(struct context *c, const struct deployment *d)
{
	char text[ID_TEXT_SIZE];

	return arena_printf(&c->arena, "../leases/%s", id_text(ID_ORDER, &d->order, text));
}

static void
lease_keep(struct context *c, const struct deployment *d, const struct lease_ref *l)
{
	struct lease_copy copy = { .terms = l->terms, .gateway = l->gateway };
	struct err e = ERR_NONE;

	if (state_write(c, copy_name(c, d), json_encode(&c->arena, lease_copy_fields, &copy), &e) <
	    0)
		say(c, "warning: %s", e.text);
}

int
lease_look(struct context *c, struct lease_ref *l, struct err *e)
{
	char text[TIME_TEXT_SIZE];
	struct standing s;
	const char *seen;

	if (standing_now(&c->arena, &c->evm, &c->escrow, &l->terms, &s, e) < 0 ||
	    standing_past(&c->arena, &c->evm, &c->escrow, &l->hash, &s, e) < 0)
		return -1;
	l->state = standing_unknown(&s) ? "opening" : s.ended ? "closed" : "active";
	seen = arena_printf(&c->arena, "{\"opened_at\":\"%s\",\"state\":\"%s\"}",
			    time_text((wall_t)s.start * SECOND_US, text), l->state);
	if (json_parse(&c->arena, seen, strlen(seen), &l->lease, e) < 0)
		return -1;
	if (c->has_key)
		l->gateway.token = context_token(c, &l->provider, "all", &l->hash);
	return 0;
}

int
lease_recall(struct context *c, const struct deployment *d, struct lease_ref *l, struct err *e)
{
	struct lease_copy copy;
	struct json *doc;
	int found = state_read(c, copy_name(c, d), &doc, e);

	*l = (struct lease_ref){ .order = NULL };
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(e, &NO_LEASE, "no lease of it was ever seen here");
	if (json_read(&c->arena, doc, lease_copy_fields, &copy, e) < 0)
		return err_wrap(e, "copy of the lease");
	l->terms = copy.terms;
	l->hash = lease_hash(&copy.terms);
	l->provider = copy.terms.provider;
	l->gateway = copy.gateway;
	return lease_look(c, l, e);
}

size_t
leases_recall(struct context *c, struct lease_ref **list)
{
	const char *path = home_path(c, "XDG_STATE_HOME", ".local/state", "/leases");
	DIR *d = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	*list = NULL;
	while (d != NULL && (entry = readdir(d)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		struct err ignored = ERR_NONE; /* half a file is another's business */
		struct lease_copy copy;
		struct json *doc;

		if (entry->d_name[0] == '.' || dot == NULL || strcmp(dot, ".json") != 0 ||
		    state_read(c,
			       arena_printf(&c->arena, "../leases/%.*s", (int)(dot - entry->d_name),
					    entry->d_name),
			       &doc, &ignored) != 1 ||
		    json_read(&c->arena, doc, lease_copy_fields, &copy, &ignored) < 0)
			continue;
		*list = arena_grow(&c->arena, *list, n, sizeof(**list));
		(*list)[n++] = (struct lease_ref){ .terms = copy.terms,
						   .hash = lease_hash(&copy.terms),
						   .provider = copy.terms.provider,
						   .gateway = copy.gateway };
	}
	if (d != NULL)
		closedir(d);
	return n;
}

int
lease_find(struct context *c, const struct deployment *d, struct lease_ref *l, struct err *e)
{
	char text[ID_TEXT_SIZE];
	const struct json *lease;

	*l = (struct lease_ref){ .order = NULL };
	id_text(ID_ORDER, &d->order, text);
	if (market_get(&c->arena, &c->market, arena_printf(&c->arena, "/v1/orders/%s", text),
		       &l->order, e) < 0)
		return -1;
	lease = json_get(l->order, "lease");
	if (lease == NULL || lease->type != JSON_OBJECT)
		return err_set(e, &NO_LEASE, "the order is %s", text_of(l->order, "state"));
	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/leases/%s", text_of(lease, "id")), &l->lease,
		       e) < 0)
		return -1;
	l->state = text_of(l->lease, "state");
	if (hash_read(text_of(l->lease, "hash"), &l->hash, e) < 0 ||
	    address_read(text_of(l->lease, "provider"), &l->provider, e) < 0 ||
	    json_read(&c->arena, json_get(l->lease, "terms"), lease_terms_fields, &l->terms, e) <
		    0 ||
	    gateway_find(c, &l->provider, &l->gateway, e) < 0)
		return -1;
	lease_keep(c, d, l);
	if (c->has_key)
		l->gateway.token = context_token(c, &l->provider, "all", &l->hash);
	return 0;
}

/* ------------------------------------------------------------------ */

const char *
text_of(const struct json *object, const char *name)
{
	const struct json *v = json_get(object, name);

	return v != NULL && (v->type == JSON_STRING || v->type == JSON_NUMBER) ? v->text : "";
}

int64_t
number_of(const struct json *object, const char *name)
{
	const struct json *v = json_get(object, name);

	return v != NULL && v->type == JSON_NUMBER ? strtoll(v->text, NULL, 10) : 0;
}

struct amount
amount_of(const struct json *object, const char *name)
{
	struct amount amount = { 0 };
	struct err ignored = ERR_NONE;

	if (amount_read(text_of(object, name), &amount, &ignored) < 0)
		amount.units = 0;
	return amount;
}

const char *
money(struct context *c, struct amount amount)
{
	char text[AMOUNT_TEXT_SIZE];

	return arena_printf(&c->arena, "%s %s", amount_human(amount, c->decimals, text), c->symbol);
}

const char *
price(struct context *c, struct rate rate)
{
	char hour[AMOUNT_TEXT_SIZE], month[AMOUNT_TEXT_SIZE];

	rate_human(rate, 3600, c->decimals, hour);
	rate_human(rate, 730 * 3600, c->decimals, month);
	return arena_printf(&c->arena, "%s %s/h (%s a month)", hour, c->symbol, month);
}

void
say(const struct context *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
print_json(struct json *doc)
{
	struct jsonw *w = jsonw_new(isatty(STDOUT_FILENO));
	const char *text;

	jsonw_node(w, doc);
	text = jsonw_text(w, NULL);
	fputs(text, stdout);
	if (text[strlen(text) - 1] != '\n')
		fputc('\n', stdout);
	jsonw_free(w);
}
