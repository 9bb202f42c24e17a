/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel bond, gavel slash: what stands behind somebody's word, and how it is taken
 * from one who signed two things that cannot both be true. The evidence is a file of
 * offence.h, or what gavel audit auction --save has kept: two of these of one order,
 * kept at two times or by two people, are searched for what contradicts.
 */
#include <getopt.h>

#include "lease/bonding.h"
#include "lease/offence.h"
#include "lease/transcript.h"
#include "tenant/tenant.h"

static const struct code EVIDENCE_NONE = { "evidence_none", NOT_FOUND,
					   "nothing in the files contradicts" };
static const struct code SLASHED_BEFORE = { "bond_empty", UNFUNDED, "there is no bond to take" };

int
cmd_bond(struct context *c, int argc, char **argv, struct err *e)
{
	struct bonding b;
	struct address who;

	if (argc != 2)
		return err_set(e, &TENANT_USAGE, "bond takes an address");
	if (address_read(argv[1], &who, e) < 0 || context_connect_alone(c, e) < 0)
		return -1;
	b = (struct bonding){ .arena = &c->arena,
			      .evm = &c->evm,
			      .escrow = c->escrow,
			      .token = c->token,
			      .json = c->json };
	return bonding_begin(&b, e) < 0 ? -1 : bonding_show(&b, &who, e);
}

/* ------------------------------------------------------------------ */
/* What the files hold.                                                */

struct pile {
	struct transcript **rounds;
	size_t count;
	struct offence offence;
	bool found;
};

static int
pile_round(struct context *c, struct pile *p, const struct json *round, struct err *e)
{
	const struct json *node = json_get(round, "transcript");
	struct transcript *t = ARENA_NEW(&c->arena, struct transcript);

	if (node == NULL || node->type != JSON_OBJECT || node->first == NULL)
		return 0;
	if (json_read(&c->arena, node, transcript_fields, t, e) < 0)
		return err_wrap(e, "round %s", text_of(round, "round"));
	transcript_open(&c->arena, &c->domain, t);
	p->rounds = arena_grow(&c->arena, p->rounds, p->count, sizeof(*p->rounds));
	p->rounds[p->count++] = t;
	return 0;
}

static int
pile_file(struct context *c, struct pile *p, const char *path, struct err *e)
{
	const struct json *rounds;
	struct json *doc;
	char *text;
	size_t len;

	if (file_read(c, path, &text, &len, e) < 0 || json_parse(&c->arena, text, len, &doc, e) < 0)
		return err_wrap(e, "%s", path);
	rounds = json_get(doc, "rounds");
	if (rounds == NULL) {
		p->found = true;
		return offence_read(&c->arena, doc, &p->offence, e) < 0 ? err_wrap(e, "%s", path)
									: 0;
	}
	for (const struct json *r = rounds->first; r != NULL; r = r->next)
		if (pile_round(c, p, r, e) < 0)
			return err_wrap(e, "%s", path);
	return 0;
}

/* ------------------------------------------------------------------ */
/* What contradicts: each candidate is asked for by the contract's rules. */

static bool
try(struct context *c, struct pile *p, const struct offence *o)
{
	struct err ignored = ERR_NONE;

	if (offence_check(&c->domain, o, &ignored) < 0)
		return false;
	p->offence = *o;
	p->found = true;
	return true;
}

static void
try_rounds(struct context *c, struct pile *p, const struct transcript *a,
	   const struct transcript *b)
{
	struct offence o = { .kind = OFFENCE_ROUNDS, .order = a->terms };

	o.two.rounds[0] = (struct round_terms){ a->order, a->round, a->root, a->public_key };
	o.two.rounds[1] = (struct round_terms){ b->order, b->round, b->root, b->public_key };
	o.sigs[0] = a->root_sig;
	o.sigs[1] = b->root_sig;
	if (try(c, p, &o))
		return;
	o.kind = OFFENCE_BIDS;
	for (size_t i = 0; i < a->entries.count; i++) {
		const struct transcript_entry *x = transcript_entry(a, i),
					      *y = transcript_of(b, &x->provider);

		if (x->shown == NULL || y == NULL || y->shown == NULL)
			continue;
		o.two.bids[0] = x->bid.terms;
		o.two.bids[1] = y->bid.terms;
		o.sigs[0] = x->bid.sig;
		o.sigs[1] = y->bid.sig;
		if (try(c, p, &o))
			return;
	}
}

static int
find(struct context *c, struct pile *p, struct err *e)
{
	for (size_t i = 0; i < p->count && !p->found; i++)
		for (size_t k = 0; k < i && !p->found; k++)
			try_rounds(c, p, p->rounds[k], p->rounds[i]);
	if (!p->found)
		return err_set(e, &EVIDENCE_NONE, "%zu rounds, and no two that cannot both be true",
			       p->count);
	return offence_check(&c->domain, &p->offence, e);
}

/* ------------------------------------------------------------------ */

static int
save(struct context *c, const struct offence *o, const char *path, struct err *e)
{
	struct jsonw *w = jsonw_new(true);
	int rc;

	offence_write(w, o);
	rc = file_replace(c, path, jsonw_text(w, NULL), e);
	jsonw_free(w);
	return rc;
}

static void
report(struct context *c, const struct offence *o, struct amount before, struct amount after)
{
	struct amount taken = { before.units - after.units };
	struct amount half = { taken.units / 2 };
	char who[ADDRESS_TEXT_SIZE], tenant[ADDRESS_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];
	struct jsonw *w;

	address_text(offence_signer(o), who);
	address_text(offence_tenant(o), tenant);
	if (!c->json) {
		printf("slashed %s for two %s: %s taken, %s of it to the tenant %s\n", who,
		       offence_name(o->kind), money(c, taken), money(c, half), tenant);
		return;
	}
	w = jsonw_new(true);
	jsonw_open(w, '{');
	jsonw_member(w, "kind", "%s", offence_name(o->kind));
	jsonw_member(w, "signer", "%s", who);
	jsonw_member(w, "taken", "%s", u128_text(taken.units, number));
	jsonw_member(w, "to_tenant", "%s", u128_text(half.units, number));
	jsonw_member(w, "tenant", "%s", tenant);
	jsonw_close(w, '}');
	fputs(jsonw_text(w, NULL), stdout);
	jsonw_free(w);
}

static int
slash(struct context *c, const struct offence *o, struct err *e)
{
	struct bonding b = {
		.arena = &c->arena, .evm = &c->evm, .escrow = c->escrow, .token = c->token
	};
	struct bond_standing before, after;
	struct evm_receipt receipt;
	char who[ADDRESS_TEXT_SIZE];

	if (bonding_read(&b, offence_signer(o), &before, e) < 0)
		return -1;
	if (before.amount.units == 0)
		return err_set(e, &SLASHED_BEFORE, "%s has no bond",
			       address_text(offence_signer(o), who));
	if (chain_send(c, &c->escrow, offence_call(&c->arena, o), "slash", &receipt, e) < 0 ||
	    bonding_read(&b, offence_signer(o), &after, e) < 0)
		return -1;
	report(c, o, before.amount, after.amount);
	return 0;
}

int
cmd_slash(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "save", required_argument, NULL, 's' },
						 { "check", no_argument, NULL, 'c' },
						 { NULL, 0, NULL, 0 } };
	struct pile p = { .count = 0 };
	const char *path = NULL;
	bool check = false;
	char who[ADDRESS_TEXT_SIZE];
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 's': path = optarg; break;
		case 'c': check = true; break;
		default: return option_fault(argv, "slash", e);
		}
	if (optind == argc || argc - optind > 2)
		return err_set(e, &TENANT_USAGE, "slash takes a file, or two that contradict");
	if (context_connect_alone(c, e) < 0)
		return -1;
	for (int i = optind; i < argc && !p.found; i++)
		if (pile_file(c, &p, argv[i], e) < 0)
			return -1;
	if (find(c, &p, e) < 0 || (path != NULL && save(c, &p.offence, path, e) < 0))
		return -1;
	if (check) {
		printf("%s signed two %s that cannot both be true\n",
		       address_text(offence_signer(&p.offence), who), offence_name(p.offence.kind));
		return 0;
	}
	return context_unlock(c, e) < 0 ? -1 : slash(c, &p.offence, e);
}
