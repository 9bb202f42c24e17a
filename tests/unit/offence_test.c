/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offence.h: each of the three contradictions is seen, every honest pair is not, a
 * forged statement is named, and a file says what the struct did.
 */
#include "lease/offence.h"

#include "lease/key.h"
#include "tests/unit/tap.h"

static struct arena arena;
static struct domain domain;
static struct key market, tenant, provider;

#include "tests/unit/keys.h"

/* Both statements alike but for one member, and signed. */
static struct offence
offence(enum offence_kind kind)
{
	struct offence o = { .kind = kind };
	struct hash order, lease;

	o.order = (struct order_terms){ .tenant = tenant.address,
					.maxRate = { 9 },
					.deposit = { 5 },
					.auctioneer = market.address };
	order = order_hash(&o.order);
	o.lease = lease_from(&o.order, &provider.address, (struct rate){ 7 });
	lease = lease_hash(&o.lease);
	if (kind == OFFENCE_USAGES)
		memset(&o.order, 0, sizeof(o.order));
	else
		memset(&o.lease, 0, sizeof(o.lease));
	for (size_t i = 0; i < 2; i++)
		switch (kind) {
		case OFFENCE_BIDS:
			o.two.bids[i] = (struct bid_terms){ .order = order,
							    .provider = provider.address,
							    .floor = { 3 + i },
							    .list = { 9 },
							    .round = 1 };
			break;
		case OFFENCE_USAGES:
			o.two.usages[i] = (struct usage_terms){ .lease = lease,
								.seq = 4,
								.amount = { 2 + i } };
			break;
		case OFFENCE_ROUNDS:
			o.two.rounds[i] = (struct round_terms){ .order = order,
								.round = 1,
								.root = { { (uint8_t)i } } };
			break;
		}
	return o;
}

static void
sign_both(struct offence *o, const struct key *by)
{
	for (size_t i = 0; i < 2; i++)
		o->sigs[i] = sign(by, o->kind == OFFENCE_BIDS	  ? bid_hash(&o->two.bids[i])
				      : o->kind == OFFENCE_USAGES ? usage_hash(&o->two.usages[i])
								  : round_hash(&o->two.rounds[i]));
}

static const char *
check(const struct offence *o)
{
	struct err e = ERR_NONE;

	return offence_check(&domain, o, &e) < 0 ? e.code->name : "offence";
}

static void
test_kind(enum offence_kind kind)
{
	const struct key *by = kind == OFFENCE_ROUNDS ? &market : &provider;
	const char *name = offence_name(kind), *text;
	struct offence o = offence(kind), back;
	struct err e = ERR_NONE;
	struct jsonw *w = jsonw_new(false);
	struct json *doc;

	sign_both(&o, by);
	is_str(check(&o), "offence", arena_printf(&arena, "two %s contradict", name));
	ok(address_equal(offence_signer(&o), &by->address), "and name who signed them");
	ok(address_equal(offence_tenant(&o), &tenant.address), "and whose loss it is");
	offence_write(w, &o);
	text = arena_strdup(&arena, jsonw_text(w, NULL));
	jsonw_free(w);
	ok(json_parse(&arena, text, strlen(text), &doc, &e) == 0 &&
		   offence_read(&arena, doc, &back, &e) == 0,
	   "a file of two %s: %s", name, e.text);
	ok(memcmp(&o, &back, sizeof(o)) == 0, "says the same");
	o.sigs[1] = o.sigs[0];
	is_str(check(&o), "offence_forged", "one signature for both");
	sign_both(&o, &tenant);
	is_str(check(&o), "offence_forged", "signed by somebody else");
	o = offence(kind);
	if (kind == OFFENCE_BIDS)
		o.two.bids[1] = o.two.bids[0];
	else if (kind == OFFENCE_USAGES)
		o.two.usages[1] = o.two.usages[0];
	else
		o.two.rounds[1] = o.two.rounds[0];
	sign_both(&o, by);
	is_str(check(&o), "offence_none", "the same one twice");
	o = offence(kind);
	if (kind == OFFENCE_BIDS)
		o.two.bids[1].round++;
	else if (kind == OFFENCE_USAGES)
		o.two.usages[1].seq++;
	else
		o.two.rounds[1].round++;
	sign_both(&o, by);
	is_str(check(&o), "offence_none", "an honest pair: one after the other");
	o = offence(kind);
	if (kind == OFFENCE_USAGES)
		o.lease.deposit.units++;
	else
		o.order.deposit.units++;
	sign_both(&o, by);
	is_str(check(&o), "offence_none", "of another order or lease");
}

int
main(void)
{
	struct address contract = { { 0xcc } };

	arena_init(&arena, 0);
	domain_init(&domain, 31337, &contract);
	market = key_number(1);
	tenant = key_number(2);
	provider = key_number(3);
	test_kind(OFFENCE_BIDS);
	test_kind(OFFENCE_USAGES);
	test_kind(OFFENCE_ROUNDS);
	arena_release(&arena);
	return tap_done();
}
