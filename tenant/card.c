/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The card by which a lease's readings are counted again: the one that its provider
 * shows first, held against its sealed bid and kept in the state directory. Neither
 * another one nor silence changes it afterwards.
 */
#include "tenant/card.h"

#include "lease/transcript.h"

const struct code USAGE_CARD = { "usage_card", CONFLICT,
				 "the provider shows another card than it bid with" };
static const struct code USAGE_GROUP = { "usage_group", CONFLICT,
					 "the market shows another group than was ordered" };

struct kept {
	struct price_shown price;
	struct json *group; /* NULL: it was never shown */
	bool bid;	    /* held against the bid, or there is none */
};
#define T struct kept
static const struct json_field kept_fields[] = {
	JSON_OBJ(T, price, price_shown_fields, 0),
	JSON_NODE(T, group, JSON_OPTIONAL | JSON_OMIT_EMPTY), JSON_BOOLEAN(T, bid, 0), JSON_END
};
#undef T

static const char *
kept_name(struct context *c, const struct lease_ref *l)
{
	char text[HASH_TEXT_SIZE];

	return arena_printf(&c->arena, ".card-%s", hash_text(&l->hash, text));
}

static bool
is_object(const struct json *node)
{
	return node != NULL && node->type == JSON_OBJECT;
}

int
card_read(struct context *c, const struct json *shown, struct price_shown *out, struct err *e)
{
	static const struct hash none;
	struct jsonw *w;
	const char *text;

	*out = (struct price_shown){ .nonce = none };
	if (!is_object(json_get(shown, "card")))
		return 0;
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_name(w, "card");
	jsonw_node(w, json_get(shown, "card"));
	jsonw_name(w, "models");
	if (json_get(shown, "models") != NULL)
		jsonw_node(w, json_get(shown, "models"));
	else
		jsonw_null(w);
	jsonw_member(w, "nonce", "%s", text_of(shown, "price_nonce"));
	jsonw_close(w, '}');
	text = arena_strdup(&c->arena, jsonw_text(w, NULL));
	jsonw_free(w);
	if (json_decode(&c->arena, text, strlen(text), price_shown_fields, out, e) < 0)
		return err_wrap(e, "card");
	return card_check(&out->card, e) < 0 ? err_wrap(e, "card") : 1;
}

/* ------------------------------------------------------------------ */
/* The bid.                                                             */

/* Whether the provider itself signed it, for this order: the market shows it. */
static bool
is_bid(const struct context *c, const struct lease_ref *l, const struct bid_doc *bid)
{
	struct hash h = bid_hash(&bid->terms), digest = terms_digest(&c->domain, &h);
	struct err ignored = ERR_NONE;

	return hash_equal(&bid->terms.order, &l->terms.order) &&
	       sig_check(&bid->sig, &digest, &l->provider, &ignored) == 0;
}

static int
transcript_check(struct context *c, const struct lease_ref *l, const struct transcript *t,
		 const struct price_shown *price, struct err *e)
{
	bool seen = false;

	for (size_t i = 0; i < t->entries.count; i++) {
		const struct transcript_entry *entry = transcript_entry(t, i);
		struct err ignored = ERR_NONE;
		struct bid_doc bid;

		if (!is_object(entry->shown) ||
		    json_read(&c->arena, entry->shown, bid_doc_fields, &bid, &ignored) < 0 ||
		    !is_bid(c, l, &bid))
			continue;
		if (price_shown_fits(&c->arena, price, &bid.terms, l->terms.rate))
			return 0;
		seen = true;
	}
	/* None: it was won by a standing offer, which has no salt. */
	return seen ? err_set(e, &USAGE_CARD, "the salt of its bid is of another") : 0;
}

/* A market that does not answer is asked again with the next reading. */
static int
bid_check(struct context *c, const struct lease_ref *l, struct kept *k, struct err *e)
{
	static const struct hash none;
	const char *order = text_of(l->lease, "order");
	struct err why = ERR_NONE;
	struct transcript t = { .rules = NULL };
	struct json *doc;

	if (hash_equal(&k->price.nonce, &none)) {
		k->bid = true;
		return 0;
	}
	if (c->alone || order[0] == '\0')
		return 0;
	if (market_get(&c->arena, &c->market,
		       arena_printf(&c->arena, "/v1/orders/%s/rounds/%s", order,
				    text_of(l->lease, "round")),
		       &doc, &why) < 0) {
		k->bid = strcmp(why.code->name, "round_not_found") == 0; /* of a tick */
		return 0;
	}
	if (!is_object(json_get(doc, "transcript")) ||
	    json_read(&c->arena, json_get(doc, "transcript"), transcript_fields, &t, &why) < 0)
		return 0;
	if (transcript_check(c, l, &t, &k->price, e) < 0)
		return -1;
	k->bid = true;
	return 0;
}

/* ------------------------------------------------------------------ */
/* The group: the lease names its order by hash, and the order its group. */

static int
group_signed(struct context *c, const struct lease_ref *l, const struct group *group, struct err *e)
{
	struct order_terms order;
	struct hash h = group_hash(group), ours;

	if (!is_object(json_get(l->lease, "order_terms")) ||
	    json_read(&c->arena, json_get(l->lease, "order_terms"), order_terms_fields, &order, e) <
		    0)
		return err_set(e, &USAGE_GROUP, "the order is not shown");
	ours = order_hash(&order);
	if (!hash_equal(&ours, &l->terms.order) || !hash_equal(&h, &order.group))
		return err_set(e, &USAGE_GROUP, "its hash is not the order's");
	return 0;
}

/* One that was kept was checked then. */
static int
group_find(struct context *c, const struct lease_ref *l, struct kept *k, struct group *group,
	   struct err *e)
{
	struct json *shown = json_get(l->lease, "group");
	bool is_new = k->group == NULL && is_object(shown);

	if (is_new)
		k->group = shown;
	if (k->group == NULL)
		return 0;
	*group = (struct group){ .name = NULL };
	if (json_read(&c->arena, k->group, group_fields, group, e) < 0)
		return err_wrap(e, "lease");
	return is_new && group_signed(c, l, group, e) < 0 ? -1 : 1;
}

/* ------------------------------------------------------------------ */

static int
kept_read(struct context *c, const struct lease_ref *l, struct kept *k, struct err *e)
{
	struct json *doc;
	int found = state_read(c, kept_name(c, l), &doc, e);

	*k = (struct kept){ .group = NULL };
	if (found != 1)
		return found;
	return json_read(&c->arena, doc, kept_fields, k, e) < 0 ? -1 : 1;
}

static bool
same_card(struct context *c, const struct price_shown *a, const struct price_shown *b)
{
	return strcmp(json_encode(&c->arena, price_shown_fields, a),
		      json_encode(&c->arena, price_shown_fields, b)) == 0;
}

int
card_find(struct context *c, const struct lease_ref *l, const struct json *shown,
	  struct price_shown *price, struct group *group, struct err *e)
{
	struct kept k, before;
	int found = kept_read(c, l, &k, e), shows = card_read(c, shown, price, e), has_group;

	if (found < 0 || shows < 0)
		return -1;
	if (found == 0 && shows == 0)
		return 0;
	if (found == 1 && shows == 1 && !same_card(c, price, &k.price))
		return err_set(e, &USAGE_CARD, "it showed one before, which was kept");
	before = k;
	if (found == 0)
		k.price = *price;
	*price = k.price;
	has_group = group_find(c, l, &k, group, e);
	if (has_group < 0 || (!k.bid && bid_check(c, l, &k, e) < 0))
		return -1;
	if ((found == 0 || k.bid != before.bid || k.group != before.group) &&
	    state_write(c, kept_name(c, l), json_encode(&c->arena, kept_fields, &k), e) < 0)
		return -1;
	return has_group;
}
