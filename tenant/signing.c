/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Countersigning a reading: checked by lease/reading.h against the lease, the clock
 * and the reading that was signed before, and counted again by lease/recount.h. The one
 * before is kept in the state directory, written before a signature is given away:
 * whatever dies, what was signed counts.
 */
#include "lib/clock.h"
#include "lib/conf.h"
#include "tenant/card.h"
#include "tenant/spot.h"

/* ------------------------------------------------------------------ */
/* What was signed before.                                              */

static const char *
signed_name(struct context *c, const struct lease_ref *l)
{
	char text[HASH_TEXT_SIZE];

	return arena_printf(&c->arena, ".signed-%s", hash_text(&l->hash, text));
}

/* 1: found; 0: nothing was signed here. */
static int
signed_read(struct context *c, const struct lease_ref *l, struct usage_terms *out, struct err *e)
{
	struct json *doc;
	int found = state_read(c, signed_name(c, l), &doc, e);

	if (found != 1)
		return found;
	return json_read(&c->arena, doc, usage_terms_fields, out, e) < 0 ? -1 : 1;
}

struct entry_doc {
	uint32_t at;
	struct amount amount;
};
struct spent_doc {
	struct json_list entries;
};
static const struct json_field entry_fields[] = { JSON_U32(struct entry_doc, at, 0, 0),
						  JSON_AMOUNT(struct entry_doc, amount, 0),
						  JSON_END };
static const struct json_field spent_fields[] = {
	JSON_LIST(struct spent_doc, entries, entry_fields, struct entry_doc, SPENT_MAX, 0), JSON_END
};

/* One for each key: several may share a directory. */
static const char *
spent_name(struct context *c)
{
	char text[ADDRESS_TEXT_SIZE];

	return arena_printf(&c->arena, ".spent-%s", address_text(&c->key.address, text));
}

static int
spent_read(struct context *c, struct spent *out, struct err *e)
{
	struct spent_doc doc = { { NULL, 0 } };
	const struct entry_doc *entries;
	struct json *json;
	int found = state_read(c, spent_name(c), &json, e);

	out->count = 0;
	if (found != 1)
		return found;
	if (json_read(&c->arena, json, spent_fields, &doc, e) < 0)
		return -1;
	entries = doc.entries.items;
	for (size_t i = 0; i < doc.entries.count; i++)
		out->list[out->count++] = (struct spent_entry){ entries[i].at, entries[i].amount };
	return 0;
}

static int
spent_write(struct context *c, const struct spent *s, struct err *e)
{
	struct entry_doc *entries = arena_alloc(&c->arena, (s->count + 1) * sizeof(*entries));
	struct spent_doc doc = { { entries, s->count } };

	for (uint32_t i = 0; i < s->count; i++)
		entries[i] = (struct entry_doc){ s->list[i].at, s->list[i].amount };
	return state_write(c, spent_name(c), json_encode(&c->arena, spent_fields, &doc), e);
}

/* ------------------------------------------------------------------ */
/* The policy.                                                          */

struct policy_doc {
	const char *total, *per_hour, *per_day, *rate_per_hour;
	uint32_t cpu_milli;
	struct json_strs providers;
};
#define T struct policy_doc
static const struct json_field policy_fields[] = { JSON_STR(T, total, 40, JSON_OPTIONAL),
						   JSON_STR(T, per_hour, 40, JSON_OPTIONAL),
						   JSON_STR(T, per_day, 40, JSON_OPTIONAL),
						   JSON_STR(T, rate_per_hour, 40, JSON_OPTIONAL),
						   JSON_U32(T, cpu_milli, 0, JSON_OPTIONAL),
						   JSON_STRS(T, providers, 256, JSON_OPTIONAL),
						   JSON_END };
#undef T

static int
amount_in(struct context *c, const char *field, const char *text, struct amount *out, struct err *e)
{
	if (text == NULL)
		return 0;
	if (amount_from_human(text, c->decimals, out, e) < 0)
		return err_wrap(e, "%s", field);
	/* 0 would bind nothing, which nobody means who writes it. */
	return out->units != 0 ? 0 : err_field(e, &ERR_CONFIG, field, "%s: more than 0", field + 1);
}

int
policy_use(struct context *c, const char *path, struct err *e)
{
	static struct policy policy;
	struct policy_doc doc = { .total = NULL };
	struct amount hourly = { 0 };
	struct address ignored;

	policy = (struct policy){ .total = { 0 } };
	if (conf_read(&c->arena, path, policy_fields, &doc, e) < 0 ||
	    amount_in(c, "/total", doc.total, &policy.total, e) < 0 ||
	    amount_in(c, "/per_hour", doc.per_hour, &policy.hour, e) < 0 ||
	    amount_in(c, "/per_day", doc.per_day, &policy.day, e) < 0 ||
	    amount_in(c, "/rate_per_hour", doc.rate_per_hour, &hourly, e) < 0)
		return -1;
	for (size_t i = 0; i < doc.providers.count; i++)
		if (address_read(doc.providers.items[i], &ignored, e) < 0)
			return err_wrap(e, "%s: providers", path);
	policy.rate.nano = (hourly.units * RATE_UNIT + 3599) / 3600;
	policy.cpu_milli = doc.cpu_milli;
	policy.providers = doc.providers;
	c->policy = &policy;
	return 0;
}

/* ------------------------------------------------------------------ */
/* The lease, as the reading is checked against it.                     */

/* What it reserves. A copy of our own may not say so; then the price binds all the
 * same. */
static int
reserved_find(struct context *c, const struct lease_ref *l, struct resources *out, struct err *e)
{
	const struct json *node = json_get(l->lease, "group");
	struct group group = { .name = NULL };

	if (node == NULL || node->type != JSON_OBJECT)
		return 0;
	if (json_read(&c->arena, node, group_fields, &group, e) < 0)
		return err_wrap(e, "lease");
	*out = group_total(&group);
	return 0;
}

static int
lease_for_reading(struct context *c, const struct lease_ref *l, struct reading_lease *out,
		  struct err *e)
{
	struct hash own = lease_hash(&l->terms);
	wall_t opened = 0;

	if (!hash_equal(&own, &l->hash))
		return err_set(e, &USAGE_LEASE, "its terms are not those that were signed");
	if (time_read(text_of(l->lease, "opened_at"), &opened, e) < 0)
		return err_wrap(e, "lease");
	*out = (struct reading_lease){ .hash = l->hash,
				       .rate = l->terms.rate,
				       .opened = (uint32_t)(opened / SECOND_US) };
	return reserved_find(c, l, &out->reserved, e);
}

/* What it measured, by the card that it bid with. Without one rate x time binds: a salt
 * may be anything, so a provider that shows no card has broken no word. */
static int
count_again(struct context *c, const struct lease_ref *l, const struct reading_lease *lease,
	    const struct json *reading, const struct usage_terms *u,
	    const struct usage_terms *previous, struct err *e)
{
	struct price_shown price;
	struct group group;
	/* The contract pays no more than it holds. */
	struct recount again = { &l->terms, &group, &price, lease->opened, { AMOUNT_MAX } };
	int found;

	if (lease_is_interruptible(l->lease))
		return 0; /* by its pool's prices: spot_check() */
	found = card_find(c, l, reading, &price, &group, e);
	if (found < 0)
		return -1;
	if (found == 1)
		return recount_check(&again, u, previous, e);
	say(c, "no card is shown: held against rate x time only");
	return 0;
}

/* ------------------------------------------------------------------ */

/* Before the signature, so that it is not forgotten: counted once too often at the
 * worst. */
static int
allow(struct context *c, const struct lease_ref *l, const struct reading_lease *lease,
      const struct usage_terms *previous, const struct usage_terms *u, struct err *e)
{
	static struct spent spent;
	struct amount before = previous != NULL
				       ? previous->amount
				       : amount_of(json_get(l->lease, "voucher"), "amount");
	uint32_t now = (uint32_t)(clock_wall() / SECOND_US);

	if (c->policy == NULL || amount_cmp(u->amount, before) <= 0)
		return 0;
	if (spent_read(c, &spent, e) < 0 ||
	    policy_check(c->policy, &spent, lease, &l->provider, before, u->amount, now, e) < 0)
		return -1;
	spent_add(&spent, (struct amount){ u->amount.units - before.units }, now);
	return spent_write(c, &spent, e);
}

int
countersign(struct context *c, const struct lease_ref *l, const struct json *reading,
	    struct sig *payer_sig, struct usage_terms *usage, struct err *e)
{
	struct usage_terms kept, *previous = NULL;
	struct voucher_terms voucher;
	struct reading_lease lease;
	struct hash h, digest;
	struct sig sig;
	int found;

	if (json_get(reading, "usage") == NULL ||
	    json_read(&c->arena, json_get(reading, "usage"), usage_terms_fields, usage, e) < 0 ||
	    sig_read(text_of(reading, "usage_sig"), &sig, e) < 0)
		return -1;
	h = usage_hash(usage);
	digest = terms_digest(&c->domain, &h);
	if (sig_check(&sig, &digest, &l->provider, e) < 0)
		return err_wrap(e, "usage");
	found = signed_read(c, l, &kept, e);
	if (found < 0 || lease_for_reading(c, l, &lease, e) < 0)
		return -1;
	previous = found == 1 ? &kept : NULL;
	if (reading_check(usage, previous, &lease, (uint32_t)(clock_wall() / SECOND_US), e) < 0 ||
	    count_again(c, l, &lease, reading, usage, previous, e) < 0 ||
	    spot_check(c, l, usage, reading_is_last(reading), e) < 0 ||
	    allow(c, l, &lease, previous, usage, e) < 0 ||
	    state_write(c, signed_name(c, l), json_encode(&c->arena, usage_terms_fields, usage),
			e) < 0)
		return -1;
	voucher = voucher_of(usage);
	h = voucher_hash(&voucher);
	digest = terms_digest(&c->domain, &h);
	key_sign(&c->key, &digest, payer_sig);
	return 0;
}
