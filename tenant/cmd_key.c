/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel key: keys that may sign one lease's vouchers, up to an amount and a time. The
 * contract holds what was said of them; what is listed is read from it.
 */
#include <getopt.h>

#include "lib/clock.h"
#include "tenant/tenant.h"

#define DAY_S 86400u

static const struct code KEY_UNTIL = { "key_until", INVALID,
				       "a time like 2026-12-31, or 30d, in the future" };

/* A date, a time, or days, hours from now: 30d, 12h. */
static int
until_read(const char *text, uint32_t *until, struct err *e)
{
	wall_t now = clock_wall(), t = 0;
	struct err ignored = ERR_NONE;
	char *end, date[32];
	unsigned long n = strtoul(text, &end, 10);

	if (end != text && n < 100000 && (strcmp(end, "d") == 0 || strcmp(end, "h") == 0)) {
		t = now + (wall_t)(n * (*end == 'd' ? DAY_S : 3600u)) * SECOND_US;
	} else {
		snprintf(date, sizeof(date), "%.20s%s", text,
			 strchr(text, 'T') == NULL ? "T00:00:00Z" : "");
		if (time_read(date, &t, &ignored) < 0)
			t = 0;
	}
	if (t <= now || t / SECOND_US > UINT32_MAX)
		return err_set(e, &KEY_UNTIL, "--until \"%.30s\"", text);
	*until = (uint32_t)(t / SECOND_US);
	return 0;
}

struct lending {
	const char *verb, *name, *address, *limit, *until;
	struct lease_terms terms;
	struct hash lease;
	struct address key;
};

static int
read_arguments(struct lending *k, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "limit", required_argument, NULL, 'l' },
						 { "until", required_argument, NULL, 'u' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	k->verb = argc > 1 ? argv[1] : "";
	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'l': k->limit = optarg; break;
		case 'u': k->until = optarg; break;
		default: return option_fault(argv, "key", e);
		}
	optind++; /* the verb */
	if (strcmp(k->verb, "list") == 0) {
		k->name = optind + 1 == argc ? argv[optind] : NULL;
		return k->name != NULL ? 0 : err_set(e, &TENANT_USAGE, "key list NAME|LEASE");
	}
	if (strcmp(k->verb, "lend") != 0 && strcmp(k->verb, "revoke") != 0)
		return err_set(e, &TENANT_USAGE, "key lend, key revoke, or key list");
	if (optind + 2 != argc)
		return err_set(e, &TENANT_USAGE, "key %s NAME|LEASE ADDRESS", k->verb);
	k->name = argv[optind];
	k->address = argv[optind + 1];
	if (strcmp(k->verb, "lend") == 0 && (k->limit == NULL || k->until == NULL))
		return err_set(e, &TENANT_USAGE, "--limit AMOUNT and --until DATE are needed");
	return address_read(k->address, &k->key, e);
}

/* ------------------------------------------------------------------ */

static int
key_of(struct context *c, const struct hash *lease, const struct address *key,
       struct escrow_key *out, struct err *e)
{
	const uint8_t *bytes;
	size_t len;

	if (evm_call_now(&c->arena, &c->evm, &c->escrow, escrow_key_of(&c->arena, lease, key),
			 &bytes, &len, e) < 0)
		return -1;
	return escrow_key_read(bytes, len, out) ? 0 : err_set(e, &EVM_BAD_REPLY, "key");
}

static void
write_key(struct jsonw *w, const struct address *key, const struct escrow_key *k, bool cosigner)
{
	char text[AMOUNT_TEXT_SIZE + ADDRESS_TEXT_SIZE];
	bool forever = cosigner && !k->said;

	jsonw_open(w, '{');
	jsonw_member(w, "key", "%s", address_text(key, text));
	jsonw_name(w, "cosigner");
	jsonw_bool(w, cosigner);
	jsonw_name(w, "limit");
	jsonw_str(w, forever ? NULL : u128_text(k->limit.units, text));
	jsonw_name(w, "until");
	jsonw_str(w, forever ? NULL : time_text((wall_t)k->until * SECOND_US, text));
	jsonw_close(w, '}');
}

static void
print_key(struct context *c, const struct address *key, const struct escrow_key *k, bool cosigner)
{
	char who[ADDRESS_TEXT_SIZE], text[TIME_TEXT_SIZE];
	bool over = k->said && k->until <= clock_wall() / SECOND_US;

	address_text(key, who);
	if (cosigner && !k->said)
		printf("%s  the order's cosigner, without a limit\n", who);
	else
		printf("%s  up to %s, until %s%s\n", who, money(c, k->limit),
		       time_text((wall_t)k->until * SECOND_US, text), over ? " (over)" : "");
}

struct seen {
	struct address *keys;
	size_t count;
};

static void
see(struct context *c, struct seen *s, const struct address *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (address_equal(&s->keys[i], key))
			return;
	s->keys = arena_grow(&c->arena, s->keys, s->count, sizeof(*s->keys));
	s->keys[s->count++] = *key;
}

/* Whoever was ever lent one, from the contract's events of the blocks that a node
 * gives at once or by halves. */
static int
keys_seen(struct context *c, const struct hash *lease, struct seen *s, struct err *e)
{
	struct hash topics[2] = { abi_topic("Keyed(bytes32,address,address,uint96,uint32)"),
				  *lease };
	struct evm_block head;
	struct json *result;
	uint64_t from = 0, stretch;

	if (evm_now(&c->arena, &c->evm, rpc_block(&c->arena, "latest", 0), &result, e) < 0 ||
	    rpc_block_read(result, &head, e) < 0)
		return -1;
	stretch = head.number + 1;
	while (from <= head.number) {
		uint64_t to = MIN(head.number, from + stretch - 1);
		struct evm_log *logs;
		size_t count = 0;

		if (evm_now(&c->arena, &c->evm,
			    rpc_logs_of(&c->arena, &c->escrow, topics, NELEMS(topics), from, to),
			    &result, e) < 0) {
			if (!evm_logs_too_many(e) || stretch == 1)
				return -1;
			*e = (struct err)ERR_NONE;
			stretch = MAX(stretch / 2, 1u);
			continue;
		}
		if (rpc_logs_read(&c->arena, result, &logs, &count, e) < 0)
			return -1;
		for (size_t i = 0; i < count; i++) {
			struct address key;

			/* The answer may hold more than was asked for. */
			if (logs[i].topic_count == 4 && hash_equal(&logs[i].topics[1], lease) &&
			    abi_hash_address(&logs[i].topics[3], &key))
				see(c, s, &key);
		}
		from = to + 1;
	}
	return 0;
}

static int
list(struct context *c, const struct lending *k, struct err *e)
{
	struct seen s = { .count = 0 };
	struct jsonw *w = NULL;
	struct escrow_key key;

	if (!address_is_zero(&k->terms.cosigner))
		see(c, &s, &k->terms.cosigner);
	if (keys_seen(c, &k->lease, &s, e) < 0)
		return -1;
	if (c->json) {
		w = jsonw_new(true);
		jsonw_open(w, '[');
	}
	for (size_t i = 0; i < s.count; i++) {
		bool cosigner = address_equal(&s.keys[i], &k->terms.cosigner);

		if (key_of(c, &k->lease, &s.keys[i], &key, e) < 0)
			break;
		if (w != NULL)
			write_key(w, &s.keys[i], &key, cosigner);
		else
			print_key(c, &s.keys[i], &key, cosigner);
	}
	if (w == NULL && s.count == 0)
		printf("no key was lent: only the tenant's own signs\n");
	if (w != NULL) {
		jsonw_close(w, ']');
		if (e->code == NULL)
			fputs(jsonw_text(w, NULL), stdout);
		jsonw_free(w);
	}
	return e->code == NULL ? 0 : -1;
}

/* ------------------------------------------------------------------ */

static int
set(struct context *c, const struct lending *k, struct err *e)
{
	struct amount limit = { 0 };
	struct evm_receipt receipt;
	struct escrow_key key;
	uint32_t until = 0;

	if (k->limit != NULL && (amount_from_human(k->limit, c->decimals, &limit, e) < 0 ||
				 until_read(k->until, &until, e) < 0))
		return -1;
	if (chain_send(c, &c->escrow, escrow_set_key(&c->arena, &k->terms, &k->key, limit, until),
		       k->verb, &receipt, e) < 0 ||
	    key_of(c, &k->lease, &k->key, &key, e) < 0)
		return -1;
	if (c->json) {
		struct jsonw *w = jsonw_new(true);

		write_key(w, &k->key, &key, false);
		fputs(jsonw_text(w, NULL), stdout);
		jsonw_free(w);
	} else {
		print_key(c, &k->key, &key, false);
	}
	if (amount_cmp(key.limit, limit) > 0 && k->limit != NULL)
		say(c, "note: a limit can only rise: what was signed below the old one is paid");
	return 0;
}

int
cmd_key(struct context *c, int argc, char **argv, struct err *e)
{
	struct lending k = { .name = NULL };

	/* It must be possible to take a key back when no market is there. */
	if (read_arguments(&k, argc, argv, e) < 0 || context_connect_alone(c, e) < 0 ||
	    context_unlock(c, e) < 0 || lease_terms_find(c, k.name, &k.terms, e) < 0)
		return -1;
	k.lease = lease_hash(&k.terms);
	return strcmp(k.verb, "list") == 0 ? list(c, &k, e) : set(c, &k, e);
}
