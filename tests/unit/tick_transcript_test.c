/* SPDX-License-Identifier: Apache-2.0 */
/* A tick written as the market writes it, read as an auditor reads it: as JSON and
 * back, with an order hidden and shown, and with lies that only the transcript tells. */
#include "lease/tick_transcript.h"

#include "lease/key.h"
#include "lease/spread_rows.h"
#include "tests/unit/tap.h"
#include "tests/unit/tick_book.h"

enum { OFFERS = 4, ORDERS = 3 };

static struct domain domain;
static struct key market, tenant, providers[OFFERS];

#include "tests/unit/keys.h"

struct stage {
	struct tick_transcript t;
	struct tick_row rows[OFFERS];
	struct tick_entry entries[ORDERS];
	struct offer_doc docs[OFFERS];
	struct tick_offer offers[OFFERS];
	struct audit_order judged[ORDERS];
};

static int
by_row(const void *a, const void *b)
{
	return memcmp(((const struct tick_row *)a)->id.b, ((const struct tick_row *)b)->id.b, 32);
}

static int
by_entry(const void *a, const void *b)
{
	return memcmp(((const struct tick_entry *)a)->id.b, ((const struct tick_entry *)b)->id.b,
		      32);
}

static const struct offer *
doc_of(const struct stage *s, const struct hash *id)
{
	for (size_t i = 0; i < OFFERS; i++) {
		struct hash h = offer_hash(&s->docs[i].offer);

		if (hash_equal(&h, id))
			return &s->docs[i].offer;
	}
	fatal("no offer");
}

/* The book: established, one newcomer, one of whose node a lease has taken. */
static void
make_rows(struct stage *s)
{
	for (unsigned i = 0; i < OFFERS; i++) {
		struct tick_offer made = make_offer(i + 1, 50 + 10 * i, 90 + 10 * i, 2, 2000);
		struct offer o = *made.offer;

		o.provider = o.owner = providers[i].address;
		s->docs[i] = (struct offer_doc){ .offer = o,
						 .sig = sign(&providers[i], offer_hash(&o)) };
		s->rows[i] = (struct tick_row){ .id = offer_hash(&o),
						.launches = 100,
						.bonded = true,
						.in_book_s = i == 3 ? 5 : 700,
						.class_launches = 2,
						.sets_prices = i != 3,
						.foreign_counts = true };
	}
	s->rows[0].past = (struct json_list){ ARENA_NEW(&arena, struct offer_units), 1 };
	*(struct offer_units *)s->rows[0].past.items = s->docs[0].offer.floor;
	((struct offer_units *)s->rows[0].past.items)->cpu_milli.nano += 9;
	s->rows[1].free = (struct json_list){ ARENA_NEW(&arena, struct tick_free), 1 };
	*(struct tick_free *)s->rows[1].free.items =
		(struct tick_free){ 1, { .cpu_milli = 100, .memory_mib = 500 } };
	qsort(s->rows, OFFERS, sizeof(s->rows[0]), by_row);
	s->t.offers = (struct json_list){ s->rows, OFFERS };
	for (size_t i = 0; i < OFFERS; i++)
		tick_row_offer(&arena, &s->rows[i], doc_of(s, &s->rows[i].id), &s->offers[i]);
}

/* The last one asks for too much for its maximum: it stays open. */
static void
make_entries(struct stage *s)
{
	for (unsigned i = 0; i < ORDERS; i++) {
		struct tick_entry *en = &s->entries[i];

		*en = (struct tick_entry){ .first = 42,
					   .group = *make_group(1000, 1),
					   .care_hours = 1 };
		en->terms = (struct order_terms){ .tenant = tenant.address,
						  .group = group_hash(&en->group),
						  .maxRate = { i == 2 ? 7 : 200000 },
						  .deposit = { 5 },
						  .auctioneer = market.address,
						  .nonce = i };
		en->id = order_hash(&en->terms);
		en->record = record_hash(&s->t.before.terms);
		en->sig = sign(&tenant, en->id);
	}
	qsort(s->entries, ORDERS, sizeof(s->entries[0]), by_entry);
	s->t.orders = (struct json_list){ s->entries, ORDERS };
}

/* What the market forgets when it clears: that these orders are rows of a set. */
static bool forgets_sets;

static void
clear(struct stage *s)
{
	struct tick_order orders[ORDERS];
	struct tick_outcome out[ORDERS];
	struct tick_offer offers[OFFERS];
	struct err e = ERR_NONE;

	for (size_t i = 0; i < ORDERS; i++) {
		if (tick_entry_order(&arena, &s->entries[i], &s->t.audits, &s->judged[i], &e) < 0)
			fatal("%s", e.text);
		orders[i] = s->judged[i].order;
		if (forgets_sets) {
			orders[i].spread = SPREAD_NONE;
			orders[i].rows = 0;
		}
	}
	for (size_t i = 0; i < OFFERS; i++) {
		offers[i] = s->offers[i];
		offers[i].nodes =
			arena_copy(&arena, s->offers[i].nodes,
				   s->offers[i].offer->nodes.count * sizeof(struct demand_node));
	}
	tick_clear_rows(&arena, orders, ORDERS, offers, OFFERS, out);
	for (size_t i = 0; i < ORDERS; i++) {
		s->judged[i].said = out[i];
		tick_entry_say(&arena, &out[i], OFFERS, &s->entries[i]);
	}
	s->t.record.terms = (struct record_terms){ .number = 42, .time = 1000250 };
	s->t.record.terms.previous = record_hash(&s->t.before.terms);
	record_tick(&arena, s->judged, ORDERS, s->offers, OFFERS, NULL, 0, &s->t.record.terms);
	s->t.record.sig = sign(&market, record_hash(&s->t.record.terms));
}

static void
set_stage(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	s->t.rules = RULES_VERSION;
	s->t.standing = (struct standing_rules){ 600, 1000, 1 };
	make_rows(s);
	s->t.before.terms = (struct record_terms){ .number = 41, .time = 1000000 };
	record_book(&arena, s->offers, OFFERS, &s->t.before.terms);
	s->t.before.sig = sign(&market, record_hash(&s->t.before.terms));
	make_entries(s);
	clear(s);
}

/* As it travels. */
static const char *
verdict(const struct stage *s)
{
	const char *text = json_encode(&arena, tick_transcript_fields, &s->t);
	struct tick_transcript back = { .rules = NULL };
	struct err e = ERR_NONE;

	if (json_decode(&arena, text, strlen(text), tick_transcript_fields, &back, &e) < 0)
		return arena_printf(&arena, "unread: %s", e.text);
	if (tick_transcript_audit(&arena, &domain, &market.address, &back, s->docs, OFFERS, NULL, 0,
				  &e) == 0)
		return "true";
	return e.code->name;
}

static struct tick_entry *
entry_ending(struct stage *s, const char *end)
{
	for (size_t i = 0; i < ORDERS; i++)
		if (strcmp(s->entries[i].end, end) == 0)
			return &s->entries[i];
	fatal("no order ends %s", end);
}

static void
hide(struct stage *s, const struct tick_entry *en)
{
	struct hash id = en->id;
	struct err e = ERR_NONE;

	ok(tick_transcript_hide(&arena, &s->t, &id, 1, &e) == 0, "an order is hidden: %s", e.text);
}

static void
test_hiding(void)
{
	static struct stage s;
	struct tick_hidden *open;
	const char *text;

	set_stage(&s);
	is_str(verdict(&s), "true", "a tick with all of its orders is true");
	hide(&s, entry_ending(&s, "above_max"));
	text = json_encode(&arena, tick_transcript_fields, &s.t);
	ok(strstr(text, "\"maxRate\":\"7\"") == NULL, "its maximum is not there");
	is_int((int)s.t.orders.count, ORDERS - 1, "the others are");
	is_str(verdict(&s), "true", "and the tick is true without it");
	open = s.t.open.items;
	open->order_leaf.b[5] ^= 1;
	is_str(verdict(&s), "audit_root", "another order in its place is found");
	open->order_leaf.b[5] ^= 1;
	open->outcome_leaf.b[5] ^= 1;
	is_str(verdict(&s), "audit_root", "so is another outcome");
	open->outcome_leaf.b[5] ^= 1;
	s.t.open.count = 0;
	is_str(verdict(&s), "audit_root", "and that it is gone");
}

static void
lie_standing(struct stage *s)
{
	s->t.standing.in_book_s = 701;
}
static void
lie_row(struct stage *s)
{
	for (size_t i = 0; i < OFFERS; i++)
		s->rows[i].in_book_s = 1;
}
static void
lie_foreign(struct stage *s)
{
	s->docs[0].offer.floor.cpu_milli.nano++;
}
static void
lie_first(struct stage *s)
{
	s->entries[0].first = 43;
}
static void
lie_record(struct stage *s)
{
	s->entries[0].record.b[0] ^= 1;
}
static void
lie_past(struct stage *s)
{
	for (size_t i = 0; i < OFFERS; i++)
		s->rows[i].past.count = 0;
}
static void
lie_free(struct stage *s)
{
	for (size_t i = 0; i < OFFERS; i++)
		s->rows[i].free.count = 0;
}
static void
lie_index(struct stage *s)
{
	((struct tick_line *)entry_ending(s, "awarded")->picks.items)->offer = OFFERS;
}
static void
lie_model(struct stage *s)
{
	((struct tick_line *)entry_ending(s, "awarded")->picks.items)->model = 99;
}
static void
lie_reason(struct stage *s)
{
	s->entries[0].reasons.b[0] = 200;
}
static void
lie_end(struct stage *s)
{
	s->entries[0].end = "lost";
}
static void
lie_denied(struct stage *s)
{
	static const char *who[] = { "0x12" };

	s->entries[0].denied = (struct json_strs){ who, 1 };
}
static void
lie_audit(struct stage *s)
{
	struct audit_doc *doc = ARENA_NEW(&arena, struct audit_doc);

	doc->terms = (struct audit_terms){ .auditor = tenant.address,
					   .provider = providers[0].address,
					   .expires = 2000 };
	s->t.audits = (struct json_list){ doc, 1 };
}

static void
test_lies(void)
{
	static const struct {
		const char *what, *code;
		void (*tell)(struct stage *s);
	} lies[] = {
		{ "other rules for who sets prices", "audit_standing", lie_standing },
		{ "they were not in the book for long", "audit_standing", lie_row },
		{ "an offer that nobody signed", "audit_offer", lie_foreign },
		{ "an order before its time", "audit_order", lie_first },
		{ "a lot drawn by another record", "audit_order", lie_record },
		{ "floors seen lately are forgotten", "audit_root", lie_past },
		{ "nothing is taken of the nodes", "audit_root", lie_free },
		{ "a winner that is not in the book", "audit_winner", lie_index },
		{ "a model that nobody has", "audit_winner", lie_model },
		{ "a reason that is none", "audit_reason", lie_reason },
		{ "an end that is none", "audit_outcome", lie_end },
		{ "a denied provider that is none", "bad_data", lie_denied },
		{ "a statement that no auditor signed", "audit_statement", lie_audit },
	};
	static struct stage s;

	for (size_t i = 0; i < NELEMS(lies); i++) {
		set_stage(&s);
		lies[i].tell(&s);
		is_str(verdict(&s), lies[i].code, lies[i].what);
	}
}

/* ------------------------------------------------------------------ */
/* Copies of one deployment.                                           */

/* All three orders are rows of a set of so many, that one is paid at most so much. */
static void
set_rows(struct stage *s, uint32_t rows, uint64_t max)
{
	set_stage(s);
	for (uint32_t i = 0; i < ORDERS; i++) {
		struct tick_entry *en = &s->entries[i];

		en->group.spread = "owner";
		en->group.spread_set.b[0] = 7;
		en->group.spread_row = i + 1;
		en->group.spread_rows = rows;
		en->terms.group = group_hash(&en->group);
		en->terms.maxRate.nano = i == 1 ? max : 200000;
		en->id = order_hash(&en->terms);
		en->sig = sign(&tenant, en->id);
		en->picks.count = en->setter.count = en->ranking.count = 0;
	}
	qsort(s->entries, ORDERS, sizeof(s->entries[0]), by_entry);
	clear(s);
}

static size_t
awarded(const struct stage *s)
{
	size_t n = 0;

	for (size_t i = 0; i < ORDERS; i++)
		n += strcmp(s->entries[i].end, "awarded") == 0;
	return n;
}

static void
test_sets(void)
{
	static struct stage s;
	uint32_t first;

	set_rows(&s, ORDERS, 200000);
	is_int((int)awarded(&s), ORDERS, "a set is awarded, by three established owners");
	is_str(verdict(&s), "true", "which is true");
	first = ((struct tick_line *)s.entries[0].picks.items)->offer;
	((struct tick_line *)s.entries[1].picks.items)->offer = first;
	is_str(verdict(&s), "audit_root", "two rows at one owner were not signed");
	set_rows(&s, ORDERS, 1);
	is_int((int)awarded(&s), 0, "one row above its maximum: none is awarded");
	is_str(verdict(&s), "true", "which is true");
	set_rows(&s, ORDERS + 1, 200000);
	is_int((int)awarded(&s), 0, "a row is missing: none is awarded");
	is_str(verdict(&s), "true", "which is true");
	/* A market that signs what it likes. */
	forgets_sets = true;
	set_rows(&s, ORDERS + 1, 200000);
	is_int((int)awarded(&s), ORDERS, "awarded all the same, each alone");
	is_str(verdict(&s), "audit_outcome", "is a lie");
	set_rows(&s, ORDERS, 1);
	is_int((int)awarded(&s), ORDERS - 1, "half of a set awarded");
	ok(strncmp(verdict(&s), "audit_", 6) == 0, "is a lie");
	forgets_sets = false;
}

/* ------------------------------------------------------------------ */
/* The receipt that the tenant kept.                                   */

static const char *
order_receipt(const struct stage *s, const struct hash *item, uint64_t round, const struct key *by)
{
	struct receipt r = { .terms = { .item = *item, .round = round } };
	struct err e = ERR_NONE;

	r.sig = sign(by, receipt_hash(&r.terms));
	return tick_order_receipt(&domain, &market.address, &s->t, 1, &r, &e) < 0 ? e.code->name
										  : "true";
}

static const char *
dropped(const struct stage *s, uint64_t round)
{
	struct receipt r = { .terms = { .item = { { 1, 2, 3 } }, .round = round } };
	struct err e = ERR_NONE;

	r.sig = sign(&market, receipt_hash(&r.terms));
	return tick_transcript_audit(&arena, &domain, &market.address, &s->t, s->docs, OFFERS, &r,
				     1, &e) < 0
		       ? e.code->name
		       : "true";
}

static void
test_order_receipt(void)
{
	static struct stage s;
	struct hash id;

	set_stage(&s);
	id = s.entries[1].id;
	is_str(order_receipt(&s, &id, 42, &market), "true",
	       "the tick of the receipt has the order");
	is_str(order_receipt(&s, &id, 42, &tenant), "audit_receipt", "another market's receipt");
	is_str(order_receipt(&s, &id, 41, &market), "audit_backdated",
	       "it was for an earlier tick");
	s.t.record.terms.number = 43;
	is_str(order_receipt(&s, &id, 42, &market), "audit_dropped",
	       "that tick is not among those said to be all");
	hide(&s, &s.entries[1]);
	is_str(order_receipt(&s, &id, 42, &market), "true", "judged when it is no longer open");
	set_rows(&s, ORDERS, 200000);
	s.t.record.terms.number = 43;
	is_str(order_receipt(&s, &s.entries[1].id, 42, &market), "true",
	       "a row that waited for the others");
	set_stage(&s);
	is_str(dropped(&s, 42), "audit_dropped", "an order with a receipt that is in no tick");
	is_str(dropped(&s, 43), "true", "a later tick may have it");
}

static void
test_numbers(void)
{
	struct order_terms o = { .maxRate = { 2000000000 }, .deposit = { 100 } };

	is_int((int)tick_term_s(&o), 50, "a deposit lasts as long as the maximum lets it");
	o.maxRate.nano = 0;
	is_int((int)tick_term_s(&o), 0, "without a maximum it lasts for nothing");
	o = (struct order_terms){ .maxRate = { 1 }, .deposit = { AMOUNT_MAX } };
	ok(tick_term_s(&o) == UINT32_MAX, "and no longer than can be counted");
}

int
main(void)
{
	struct address contract = { { 1, 2, 3 } };

	arena_init(&arena, 0);
	domain_init(&domain, 31337, &contract);
	market = key_number(1);
	tenant = key_number(2);
	for (uint8_t i = 0; i < OFFERS; i++)
		providers[i] = key_number((uint8_t)(10 + i));
	test_hiding();
	test_lies();
	test_sets();
	test_order_receipt();
	test_numbers();
	arena_release(&arena);
	return tap_done();
}
