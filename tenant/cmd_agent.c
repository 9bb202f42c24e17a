/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel agent: countersigns what was used, never more than could be due; and with a
 * policy, for its own tenant or as the cosigner of others, never more than that.
 */
#include <getopt.h>
#include <signal.h>
#include <time.h>

#include "lease/keystore.h"
#include "lib/clock.h"
#include "tenant/spot.h"

static const struct code KEY_SPENT = { "key_bound", DENIED,
				       "the tenant does not let this key sign that" };

/* Of leases, 50 each: a market that never ends its list ends ours. */
#define PAGES_MAX 1000

struct voucher_out {
	struct usage_terms usage;
	struct sig payer_sig;
};
static const struct json_field voucher_out_fields[] = {
	JSON_OBJ(struct voucher_out, usage, usage_terms_fields, 0),
	JSON_SIG(struct voucher_out, payer_sig, 0), JSON_END
};

/* Each level once a lease, and again after a top-up. */
static void
warn_deposit(struct context *c, const struct lease_ref *l, const char *id, struct amount due,
	     const struct json *reading)
{
	static struct told {
		struct hash lease;
		bool used;
		unsigned level;
	} told[256];
	uint32_t now = (uint32_t)(clock_wall() / SECOND_US);
	struct err ignored = ERR_NONE;
	const char *warning;
	struct lasting lasting;
	struct standing s;
	struct told *t = told;
	unsigned level;

	if (standing_now(&c->arena, &c->evm, &c->escrow, &l->terms, &s, &ignored) < 0 ||
	    s.lease.deposit.units == 0)
		return;
	lasting = lasting_for(&l->terms, s.lease.deposit, due, reading, now);
	if (lasting.at == 0)
		return; /* a pause is told of elsewhere */
	warning = lasting_warning(lasting.at - (int64_t)now, &level);
	while (t < told + NELEMS(told) - 1 && t->used && !hash_equal(&t->lease, &l->hash))
		t++;
	if (!hash_equal(&t->lease, &l->hash))
		*t = (struct told){ .lease = l->hash, .used = true };
	if (lasting_tells(&t->level, level))
		fprintf(stderr,
			"warning: %s: the deposit ends in less than %s: gavel topup %s AMOUNT\n",
			id, warning, id);
}

/* What the contract says of our key, when it is not the tenant's. */
static int
key_ask(struct context *c, const struct lease_ref *l, struct escrow_key *key, struct err *e)
{
	const uint8_t *bytes;
	size_t len;

	*key = (struct escrow_key){ .said = false };
	if (address_equal(&c->key.address, &l->terms.tenant))
		return 0;
	if (evm_call_now(&c->arena, &c->evm, &c->escrow,
			 escrow_key_of(&c->arena, &l->hash, &c->key.address), &bytes, &len, e) < 0)
		return -1;
	return escrow_key_read(bytes, len, key) ? 0 : err_set(e, &EVM_BAD_REPLY, "key");
}

static bool
is_ours(const struct context *c, const struct lease_terms *l, const struct escrow_key *key)
{
	return key->said || address_equal(&c->key.address, &l->tenant) ||
	       address_equal(&c->key.address, &l->cosigner);
}

/* Once for each turn: paused, throttled, and running again. */
static void
tell_dues(struct context *c, const struct lease_ref *l, const char *id, const struct json *reading)
{
	static struct told {
		struct hash lease;
		char state[16];
	} told[256];
	const char *state = text_of(json_get(reading, "dues"), "state");
	struct told *t = told;

	while (t < told + NELEMS(told) - 1 && t->state[0] != '\0' &&
	       !hash_equal(&t->lease, &l->hash))
		t++;
	if (!hash_equal(&t->lease, &l->hash))
		*t = (struct told){ l->hash, "running" };
	if (state[0] == '\0' || strcmp(t->state, state) == 0)
		return;
	snprintf(t->state, sizeof(t->state), "%s", state);
	fprintf(stderr, "%s: %s\n", id, state);
	dues_print(c, stderr, id, reading);
}

/* l->lease: as the market shows it, or what the chain says of it. */
static int
sign_at(struct context *c, struct lease_ref *l, const char *id, const struct escrow_key *key,
	struct err *e)
{
	struct voucher_terms asked;
	struct voucher_out out;
	struct json *reading, *doc;
	const struct json *usage;
	char text[HASH_TEXT_SIZE];

	hash_text(&l->hash, text);
	if (provider_call(&c->arena, &l->gateway, "GET",
			  arena_printf(&c->arena, "/v1/leases/%s/usage", text), NULL, &reading,
			  e) < 0)
		return -1;
	usage = json_get(reading, "usage");
	/* It was interrupted, and its file or the time it was kept for says: end. */
	if (reading_is_last(reading) && lease_is_interruptible(l->lease)) {
		if (lease_settle(c, l, NULL, e) < 0)
			return -1;
		say(c, "%s was interrupted and is closed", id);
		return 0;
	}
	tell_dues(c, l, id, reading);
	warn_deposit(c, l, id, amount_of(usage, "amount"), reading);
	if (usage == NULL || usage->type != JSON_OBJECT ||
	    amount_cmp(amount_of(usage, "amount"),
		       amount_of(json_get(l->lease, "voucher"), "amount")) <= 0)
		return 0; /* nothing new */
	asked = (struct voucher_terms){ l->hash, amount_of(usage, "amount"),
					(uint32_t)number_of(usage, "upTo") };
	if (!escrow_may_pay(&l->terms, &asked, &c->key.address, key))
		return err_set(e, &KEY_SPENT, "%s are due, this key may sign up to %s, until %s",
			       money(c, asked.amount), money(c, key->limit),
			       time_text((wall_t)key->until * SECOND_US, text));
	if (countersign(c, l, reading, &out.payer_sig, &out.usage, e) < 0)
		return -1;
	if (provider_call(&c->arena, &l->gateway, "POST",
			  arena_printf(&c->arena, "/v1/leases/%s/vouchers", text),
			  json_encode(&c->arena, voucher_out_fields, &out), &doc, e) < 0)
		return -1;
	say(c, "%s signed %s for %s", id, money(c, out.usage.amount),
	    time_text((wall_t)out.usage.upTo * SECOND_US, text));
	return 0;
}

static int
sign_lease(struct context *c, const struct json *row, struct err *e)
{
	struct escrow_key key;
	struct lease_ref l = { .lease = (struct json *)(uintptr_t)row };

	if (hash_read(text_of(row, "hash"), &l.hash, e) < 0 ||
	    address_read(text_of(row, "provider"), &l.provider, e) < 0 ||
	    json_read(&c->arena, json_get(row, "terms"), lease_terms_fields, &l.terms, e) < 0 ||
	    key_ask(c, &l, &key, e) < 0)
		return -1;
	if (!is_ours(c, &l.terms, &key))
		return 0;
	if (gateway_find(c, &l.provider, &l.gateway, e) < 0)
		return -1;
	l.gateway.token = context_token(c, &l.provider, "all", &l.hash);
	return sign_at(c, &l, text_of(row, "id"), &key, e);
}

/* ------------------------------------------------------------------ */
/* What the market does not list: it does not answer, or was restored from an old
 * copy. The lease goes on, and its provider still needs a word.           */

#define KNOWN_MAX 4096
static struct hash listed[KNOWN_MAX]; /* in this look */
static size_t listed_count;
static struct hash over[KNOWN_MAX]; /* the chain has said so */
static size_t over_count;

static bool
is_among(const struct hash *list, size_t count, const struct hash *h)
{
	for (size_t i = 0; i < count; i++)
		if (hash_equal(&list[i], h))
			return true;
	return false;
}

static int
sign_recalled(struct context *c, struct lease_ref *l, struct err *e)
{
	struct escrow_key key;
	char text[HASH_TEXT_SIZE];

	if (lease_look(c, l, e) < 0 || key_ask(c, l, &key, e) < 0)
		return -1;
	if (strcmp(l->state, "closed") == 0 && over_count < KNOWN_MAX)
		over[over_count++] = l->hash;
	if (strcmp(l->state, "active") != 0 || !is_ours(c, &l->terms, &key))
		return 0;
	return sign_at(c, l, hash_text(&l->hash, text), &key, e);
}

static void
look_recalled(struct context *c, const struct address *tenant)
{
	struct lease_ref *list;
	size_t n = leases_recall(c, &list);
	char text[HASH_TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		struct err e = ERR_NONE;

		if (!address_equal(&list[i].terms.tenant, tenant) ||
		    is_among(listed, MIN(listed_count, (size_t)KNOWN_MAX), &list[i].hash) ||
		    is_among(over, over_count, &list[i].hash))
			continue;
		if (sign_recalled(c, &list[i], &e) < 0)
			say(c, "warning: %s: %s [%s]", hash_text(&list[i].hash, text), e.text,
			    e.code->name);
	}
}

static const char *
look_page(struct context *c, const struct address *tenant, const char *cursor)
{
	struct err e = ERR_NONE;
	char text[ADDRESS_TEXT_SIZE];
	struct json *doc;
	const struct json *rows;

	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/leases?tenant=%s&state=active&limit=50%s%s",
				    address_text(tenant, text), cursor[0] != '\0' ? "&cursor=" : "",
				    cursor),
		       &doc, &e) < 0) {
		say(c, "warning: %s", e.text);
		return "";
	}
	rows = json_get(doc, "data");
	for (const struct json *row = rows != NULL ? rows->first : NULL; row != NULL;
	     row = row->next) {
		e = (struct err)ERR_NONE;
		if (listed_count < KNOWN_MAX &&
		    hash_read(text_of(row, "hash"), &listed[listed_count], &e) == 0)
			listed_count++;
		e = (struct err)ERR_NONE;
		/* One lease's trouble is not another's. */
		if (sign_lease(c, row, &e) < 0)
			say(c, "warning: %s: %s [%s]", text_of(row, "id"), e.text, e.code->name);
	}
	return text_of(doc, "next_cursor");
}

/* With a market that answers, what it does not list is looked for by those that go on
 * only: it costs a question for each lease there ever was. */
static void
look(struct context *c, const struct address *tenant, bool once)
{
	const char *cursor = "";
	unsigned pages = 0;

	listed_count = 0;
	while ((!c->alone || !once) && ++pages <= PAGES_MAX) {
		cursor = look_page(c, tenant, cursor);
		if (cursor[0] == '\0')
			break;
	}
	if (c->alone || !once)
		look_recalled(c, tenant);
}

int
cmd_agent(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "once", no_argument, NULL, 'o' },
						 { "every", required_argument, NULL, 'e' },
						 { "key", required_argument, NULL, 'k' },
						 { "password-file", required_argument, NULL, 'w' },
						 { "policy", required_argument, NULL, 'p' },
						 { "for", required_argument, NULL, 'f' },
						 { NULL, 0, NULL, 0 } };
	struct timespec pause = { 5, 0 };
	const char *lent = NULL, *password_file = NULL, *policy = NULL, *whose = NULL;
	struct address tenant;
	bool once = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'o': once = true; break;
		case 'e': pause.tv_sec = MAX(strtol(optarg, NULL, 10), 1L); break;
		case 'k': lent = optarg; break;
		case 'w': password_file = optarg; break;
		case 'p': policy = optarg; break;
		case 'f': whose = optarg; break;
		default: return option_fault(argv, "agent", e);
		}
	if (context_connect_alone(c, e) < 0 || context_address(c, &tenant, e) < 0)
		return -1;
	if (lent != NULL) {
		c->key_file = lent;
		context_lock(c); /* the tenant's own is not needed */
	}
	if (password_file != NULL)
		c->password_file = password_file;
	if (context_unlock(c, e) < 0 || (policy != NULL && policy_use(c, policy, e) < 0) ||
	    (whose != NULL && address_read(whose, &tenant, e) < 0))
		return -1;
	for (;;) {
		struct arena keep = c->arena;

		/* What one look makes goes with it. */
		arena_init(&c->arena, 0);
		look(c, &tenant, once);
		arena_release(&c->arena);
		c->arena = keep;
		if (once)
			return 0;
		nanosleep(&pause, NULL);
	}
}
