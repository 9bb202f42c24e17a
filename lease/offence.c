/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/offence.h"

#include "lease/key.h"

const struct code OFFENCE_NONE = { "offence_none", INVALID,
				   "the two statements do not contradict each other" };
const struct code OFFENCE_FORGED = { "offence_forged", INVALID,
				     "a statement is not signed by who it says" };

static const char *const names[] = { "bids", "usages", "rounds" };

const char *
offence_name(enum offence_kind kind)
{
	return names[kind];
}

const struct address *
offence_signer(const struct offence *o)
{
	switch (o->kind) {
	case OFFENCE_BIDS: return &o->two.bids[0].provider;
	case OFFENCE_USAGES: return &o->lease.provider;
	default: return &o->order.auctioneer;
	}
}

const struct address *
offence_tenant(const struct offence *o)
{
	return o->kind == OFFENCE_USAGES ? &o->lease.tenant : &o->order.tenant;
}

static struct hash
statement(const struct offence *o, size_t i)
{
	switch (o->kind) {
	case OFFENCE_BIDS: return bid_hash(&o->two.bids[i]);
	case OFFENCE_USAGES: return usage_hash(&o->two.usages[i]);
	default: return round_hash(&o->two.rounds[i]);
	}
}

/* Whether both speak of the same thing; why not. */
static const char *
apart(const struct offence *o)
{
	struct hash order = order_hash(&o->order), lease = lease_hash(&o->lease);

	for (size_t i = 0; i < 2; i++)
		switch (o->kind) {
		case OFFENCE_BIDS:
			if (!hash_equal(&o->two.bids[i].order, &order))
				return "a bid is for another order";
			break;
		case OFFENCE_USAGES:
			if (!hash_equal(&o->two.usages[i].lease, &lease))
				return "a reading is of another lease";
			break;
		case OFFENCE_ROUNDS:
			if (!hash_equal(&o->two.rounds[i].order, &order))
				return "a round is of another order";
			break;
		}
	if (o->kind == OFFENCE_BIDS &&
	    !address_equal(&o->two.bids[0].provider, &o->two.bids[1].provider))
		return "two providers made them";
	if (o->kind == OFFENCE_USAGES && o->two.usages[0].seq != o->two.usages[1].seq)
		return "they have two numbers";
	if ((o->kind == OFFENCE_BIDS && o->two.bids[0].round != o->two.bids[1].round) ||
	    (o->kind == OFFENCE_ROUNDS && o->two.rounds[0].round != o->two.rounds[1].round))
		return "they are of two rounds";
	return NULL;
}

int
offence_check(const struct domain *d, const struct offence *o, struct err *e)
{
	struct hash h[2] = { statement(o, 0), statement(o, 1) };
	const char *why = apart(o);
	struct err bad = ERR_NONE;
	char who[ADDRESS_TEXT_SIZE], field[32];

	if (why != NULL)
		return err_set(e, &OFFENCE_NONE, "%s", why);
	if (hash_equal(&h[0], &h[1]))
		return err_set(e, &OFFENCE_NONE, "it is the same statement twice");
	for (size_t i = 0; i < 2; i++) {
		struct hash digest = terms_digest(d, &h[i]);

		snprintf(field, sizeof(field), "/statements/%zu/sig", i);
		if (sig_check(&o->sigs[i], &digest, offence_signer(o), &bad) < 0)
			return err_field(e, &OFFENCE_FORGED, field, "not by %s",
					 address_text(offence_signer(o), who));
	}
	return 0;
}

struct calldata
offence_call(struct arena *a, const struct offence *o)
{
	switch (o->kind) {
	case OFFENCE_BIDS: return escrow_slash_bids(a, &o->order, o->two.bids, o->sigs);
	case OFFENCE_USAGES: return escrow_slash_usages(a, &o->lease, o->two.usages, o->sigs);
	default: return escrow_slash_rounds(a, &o->order, o->two.rounds, o->sigs);
	}
}

/* ------------------------------------------------------------------ */
/* As a file.                                                          */

static const struct json_field *
terms_fields(enum offence_kind kind)
{
	return kind == OFFENCE_BIDS	? bid_terms_fields
	       : kind == OFFENCE_USAGES ? usage_terms_fields
					: round_terms_fields;
}

static void *
terms_at(const struct offence *o, size_t i)
{
	const void *at = o->kind == OFFENCE_BIDS     ? (const void *)&o->two.bids[i]
			 : o->kind == OFFENCE_USAGES ? (const void *)&o->two.usages[i]
						     : (const void *)&o->two.rounds[i];

	return (void *)(uintptr_t)at;
}

struct offence_doc {
	const char *kind;
	struct json *order, *lease, *statements;
};
static const struct json_field offence_fields[] = {
	JSON_STR(struct offence_doc, kind, 16, 0),
	JSON_NODE(struct offence_doc, order, JSON_OPTIONAL),
	JSON_NODE(struct offence_doc, lease, JSON_OPTIONAL),
	JSON_NODE(struct offence_doc, statements, 0), JSON_END
};

struct signed_doc {
	struct json *terms;
	struct sig sig;
};
static const struct json_field signed_fields[] = { JSON_NODE(struct signed_doc, terms, 0),
						   JSON_SIG(struct signed_doc, sig, 0), JSON_END };

int
offence_read(struct arena *a, const struct json *doc, struct offence *out, struct err *e)
{
	struct offence_doc d = { .order = NULL };
	const struct json *subject, *at;
	size_t kind;

	memset(out, 0, sizeof(*out));
	if (json_read(a, doc, offence_fields, &d, e) < 0)
		return -1;
	for (kind = 0; kind < NELEMS(names) && strcmp(d.kind, names[kind]) != 0; kind++)
		continue;
	if (kind == NELEMS(names))
		return err_field(e, &ERR_BAD_DATA, "/kind", "bids, usages or rounds");
	out->kind = (enum offence_kind)kind;
	subject = out->kind == OFFENCE_USAGES ? d.lease : d.order;
	if (subject == NULL)
		return err_field(e, &JSON_MISSING,
				 out->kind == OFFENCE_USAGES ? "/lease" : "/order",
				 "the terms that were signed");
	if (json_read(a, subject,
		      out->kind == OFFENCE_USAGES ? lease_terms_fields : order_terms_fields,
		      out->kind == OFFENCE_USAGES ? (void *)&out->lease : (void *)&out->order,
		      e) < 0)
		return -1;
	if (d.statements->type != JSON_ARRAY || d.statements->count != 2)
		return err_field(e, &ERR_BAD_DATA, "/statements", "two of them");
	at = d.statements->first;
	for (size_t i = 0; i < 2; i++, at = at->next) {
		struct signed_doc s = { .terms = NULL };

		if (json_read(a, at, signed_fields, &s, e) < 0 ||
		    json_read(a, s.terms, terms_fields(out->kind), terms_at(out, i), e) < 0)
			return err_wrap(e, "statement %zu", i);
		out->sigs[i] = s.sig;
	}
	return 0;
}

void
offence_write(struct jsonw *w, const struct offence *o)
{
	char text[SIG_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "kind", "%s", offence_name(o->kind));
	if (o->kind == OFFENCE_USAGES) {
		jsonw_name(w, "lease");
		json_write(w, lease_terms_fields, &o->lease);
	} else {
		jsonw_name(w, "order");
		json_write(w, order_terms_fields, &o->order);
	}
	jsonw_name(w, "statements");
	jsonw_open(w, '[');
	for (size_t i = 0; i < 2; i++) {
		jsonw_open(w, '{');
		jsonw_name(w, "terms");
		json_write(w, terms_fields(o->kind), terms_at(o, i));
		jsonw_member(w, "sig", "%s", sig_text(&o->sigs[i], text));
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}
