/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel audit tick: ticks of a market cleared again, from what it published or from
 * a file that somebody kept. Also gavel audit auction for a fast order: all ticks that
 * looked at it, and its award. What is true, lease/tick_transcript.c says.
 *
 * A file is {"chain_id", "escrow", "market", "transcripts": [as GET .../transcript],
 * "offers": [{"offer", "sig"}], "receipts": [{"terms", "sig"}] of whoever audits, "heads":
 * as heads.h, what the chain had of the records then, "order", "lease": as GET
 * /v1/leases/.., or missing}.
 */
#include <getopt.h>
#include <unistd.h>

#include "lease/tick_transcript.h"
#include "lib/clock.h"
#include "tenant/heads.h"

#define TICKS_MAX 4096u
#define FILE_MAX  (1L << 30)

struct tick_evidence {
	uint64_t chain_id;
	struct address escrow, market;
	struct json_list transcripts; /* of struct tick_transcript */
	struct json_list offers;      /* of struct offer_doc: of the books, and of the receipts */
	struct json_list receipts;    /* of struct receipt */
	struct heads_seen heads;      /* no records: of before markets had them */
	struct hash order;	      /* zero: ticks, and not an order */
	struct json *lease;
};

#define T struct tick_evidence
static const struct json_field evidence_fields[] = {
	JSON_U64(T, chain_id, 0),
	JSON_ADDRESS(T, escrow, 0),
	JSON_ADDRESS(T, market, 0),
	JSON_LIST(T, transcripts, tick_transcript_fields, struct tick_transcript, TICKS_MAX, 0),
	JSON_LIST(T, offers, offer_doc_fields, struct offer_doc, 65536, 0),
	JSON_LIST(T, receipts, receipt_fields, struct receipt, 65536,
		  JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_OBJ(T, heads, heads_seen_fields, JSON_OPTIONAL),
	JSON_HASH(T, order, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_NODE(T, lease, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_END
};
#undef T

/* ------------------------------------------------------------------ */
/* Gathering.                                                          */

static const struct tick_entry *
entry_in(const struct tick_transcript *t, const struct hash *order)
{
	const struct tick_entry *orders = t->orders.items;

	for (size_t i = 0; i < t->orders.count; i++)
		if (hash_equal(&orders[i].id, order))
			return &orders[i];
	return NULL;
}

static bool
open_in(const struct tick_transcript *t, const struct hash *order)
{
	const struct tick_hidden *open = t->open.items;

	for (size_t i = 0; i < t->open.count; i++)
		if (hash_equal(&open[i].id, order))
			return true;
	return false;
}

static int
get_tick(struct context *c, struct tick_evidence *v, struct gathered *g, int64_t number,
	 struct err *e)
{
	struct tick_transcript *all, *t;
	struct json *shown;

	if (market_get_large(
		    &c->arena, &c->market,
		    arena_printf(&c->arena, "/v1/ticks/%lld/transcript", (long long)number), &shown,
		    e) < 0)
		return -1;
	all = v->transcripts.items =
		arena_grow(&c->arena, v->transcripts.items, v->transcripts.count, sizeof(*all));
	t = &all[v->transcripts.count++];
	*t = (struct tick_transcript){ .rules = NULL };
	if (json_read(&c->arena, shown, tick_transcript_fields, t, e) < 0)
		return err_wrap(e, "tick %lld", (long long)number);
	if (t->record.terms.number != (uint64_t)number)
		return err_field(e, &AUDIT_CHAIN, "/record/number",
				 "asked for tick %lld, the market shows another",
				 (long long)number);
	if (gather_offers(c, g, &t->offers, e) < 0)
		return -1;
	v->offers = g->offers;
	return 0;
}

static int
get_heads(struct context *c, struct tick_evidence *v, struct err *e)
{
	const struct tick_transcript *all = v->transcripts.items;
	uint64_t from = UINT64_MAX, to = 0;

	for (size_t i = 0; i < v->transcripts.count; i++) {
		from = MIN(from, all[i].record.terms.number);
		to = MAX(to, all[i].record.terms.number);
	}
	return v->transcripts.count > 0 ? heads_of_ticks(c, from, to, &v->heads, e) : 0;
}

static void
whose(const struct context *c, struct tick_evidence *v)
{
	v->chain_id = c->domain.chain_id;
	v->escrow = c->escrow;
	v->market = c->auctioneer;
}

static int
from_market(struct context *c, int64_t from, int64_t to, struct tick_evidence *v, struct err *e)
{
	struct gathered g = { .ids = NULL };

	if (context_connect(c, e) < 0)
		return -1;
	whose(c, v);
	for (int64_t n = from; n <= to; n++)
		if (get_tick(c, v, &g, n, e) < 0)
			return -1;
	return get_heads(c, v, e);
}

/* The tick that the kept receipt names, if the market has closed it, whatever it says of
 * ticks that looked at the order. It says none of what was taken back, or came too late. */
static int
get_promised(struct context *c, const struct json *order, struct tick_evidence *v,
	     struct gathered *g, struct err *e)
{
	const struct tick_transcript *all = v->transcripts.items;
	size_t had = v->transcripts.count;
	struct kept_receipt r;
	int found = receipt_kept(c, &v->order, &r, e);

	if (found <= 0)
		return found;
	receipt_add(c, &v->receipts, &r.receipt);
	for (size_t i = 0; i < had; i++)
		if (all[i].record.terms.number == r.receipt.terms.round)
			return 0;
	if (r.set || (had == 0 && strcmp(text_of(order, "state"), "cancelled") == 0))
		return 0;
	if (get_tick(c, v, g, (int64_t)r.receipt.terms.round, e) < 0) {
		if (had > 0 || e->code->kind != NOT_FOUND)
			return -1;
		*e = (struct err)ERR_NONE;
		return 0;
	}
	all = v->transcripts.items;
	if (had == 0 && all[0].record.terms.time / 1000 >= r.open_by)
		v->transcripts.count = 0;
	return 0;
}

static int
from_order(struct context *c, const struct json *order, struct tick_evidence *v, struct err *e)
{
	const struct json *ticks = json_get(order, "ticks"), *lease = json_get(order, "lease");
	struct gathered g = { .ids = NULL };

	whose(c, v);
	if (hash_read(text_of(order, "hash"), &v->order, e) < 0)
		return -1;
	for (const struct json *n = ticks != NULL ? ticks->first : NULL; n != NULL; n = n->next)
		if (n->text == NULL || get_tick(c, v, &g, strtoll(n->text, NULL, 10), e) < 0)
			return -1;
	if (get_promised(c, order, v, &g, e) < 0 || get_heads(c, v, e) < 0)
		return -1;
	if (lease == NULL || lease->type != JSON_OBJECT)
		return 0;
	return market_get(&c->arena, &c->market,
			  arena_printf(&c->arena, "/v1/leases/%s", text_of(lease, "id")), &v->lease,
			  e);
}

int
evidence_read(struct context *c, const char *path, struct json **doc, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t len;
	long size;

	if (f == NULL)
		return err_errno(e, "open %s", path);
	if (fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0) {
		fclose(f);
		return err_errno(e, "read %s", path);
	}
	if (size > FILE_MAX) {
		fclose(f);
		return err_set(e, &ERR_TOO_BIG, "%s: %ld bytes", path, size);
	}
	text = arena_alloc(&c->arena, (size_t)size + 1);
	len = fread(text, 1, (size_t)size, f);
	fclose(f);
	return json_parse_large(&c->arena, text, len, doc, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int
from_file(struct context *c, const char *path, struct tick_evidence *v, struct err *e)
{
	struct json *doc;

	if (evidence_read(c, path, &doc, e) < 0)
		return -1;
	return json_read(&c->arena, doc, evidence_fields, v, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

/* ------------------------------------------------------------------ */
/* Saying.                                                             */

static const struct offer *
offer_of(const struct tick_evidence *v, const struct hash *id)
{
	const struct offer_doc *docs = v->offers.items;

	for (size_t i = 0; i < v->offers.count; i++) {
		struct hash h = offer_hash(&docs[i].offer);

		if (hash_equal(&h, id))
			return &docs[i].offer;
	}
	return NULL;
}

static const char *
provider_of(struct context *c, const struct tick_evidence *v, const struct tick_transcript *t,
	    const struct json_list *lines)
{
	const struct tick_line *line = lines->items;
	const struct tick_row *rows = t->offers.items;
	const struct offer *o = lines->count > 0 ? offer_of(v, &rows[line->offer].id) : NULL;
	char text[ADDRESS_TEXT_SIZE];

	return o == NULL ? "" : arena_strdup(&c->arena, address_text(&o->provider, text));
}

static void
say_order(struct context *c, const struct tick_evidence *v, const struct tick_transcript *t,
	  const struct tick_entry *en, struct jsonw *w)
{
	char id[HASH_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];
	const char *who = provider_of(c, v, t, &en->picks), *by = provider_of(c, v, t, &en->setter);

	/* Of a set nobody sets the price alone: it is what the rest would cost otherwise. */
	if (en->group.spread != NULL)
		by = "the set";

	hash_text(&en->id, id);
	u128_text(en->price.nano, number);
	if (w != NULL) {
		jsonw_open(w, '{');
		jsonw_member(w, "order", "%s", id);
		jsonw_member(w, "end", "%s", en->end);
		jsonw_member(w, "provider", "%s", who);
		jsonw_member(w, "price", "%s", number);
		jsonw_member(w, "price_by", "%s", by);
		jsonw_close(w, '}');
		return;
	}
	printf("  %.10s  %s", id, en->end);
	if (en->picks.count > 0)
		printf(" %s %s (%s, price by %s)",
		       strcmp(en->end, tick_end_name(TICK_AWARDED)) == 0 ? "to" : "with", who,
		       number, by[0] != '\0' ? by : "its list");
	printf("\n");
}

static void
report(struct context *c, const struct tick_evidence *v, const struct tick_transcript *t,
       const struct heads_told *told, int64_t took_us, struct jsonw *w)
{
	const struct tick_entry *orders = t->orders.items;

	if (w != NULL) {
		jsonw_open(w, '{');
		jsonw_name(w, "tick");
		jsonw_int(w, (int64_t)t->record.terms.number);
		jsonw_member(w, "verdict", "true");
		jsonw_name(w, "offers");
		jsonw_int(w, (int64_t)t->offers.count);
		jsonw_name(w, "open");
		jsonw_int(w, (int64_t)t->open.count);
		jsonw_name(w, "on_chain");
		jsonw_bool(w, told->any && t->record.terms.number <= told->covered);
		jsonw_name(w, "micros");
		jsonw_int(w, took_us);
		jsonw_name(w, "orders");
		jsonw_open(w, '[');
	} else {
		printf("tick %llu  %zu orders, %zu offers: true, computed in %lld.%03lld ms\n",
		       (unsigned long long)t->record.terms.number, t->orders.count + t->open.count,
		       t->offers.count, (long long)(took_us / 1000), (long long)(took_us % 1000));
		if (t->open.count > 0)
			printf("  %zu still open, not shown before they end\n", t->open.count);
	}
	for (size_t i = 0; i < t->orders.count; i++)
		say_order(c, v, t, &orders[i], w);
	if (w != NULL) {
		jsonw_close(w, ']');
		jsonw_close(w, '}');
	}
}

/* ------------------------------------------------------------------ */
/* Judging.                                                            */

/* The records of a tick are those that the market shows to everybody, which are what
 * the chain has. */
static int
judge_agree(const struct tick_evidence *v, const struct tick_transcript *t, struct err *e)
{
	if (v->heads.every_s == 0 ||
	    (heads_agree(&v->heads, &t->before) && heads_agree(&v->heads, &t->record)))
		return 0;
	return err_field(e, &AUDIT_CHAIN, "/record",
			 "the records around tick %llu are not those of the market's list",
			 (unsigned long long)t->record.terms.number);
}

static int
judge_ticks(struct context *c, const struct tick_evidence *v, const struct domain *d,
	    const struct heads_told *told, struct jsonw *w, struct err *e)
{
	const struct tick_transcript *all = v->transcripts.items;

	for (size_t i = 0; i < v->transcripts.count; i++) {
		mono_t began = clock_mono();

		if (tick_transcript_audit(&c->arena, d, &v->market, &all[i], v->offers.items,
					  v->offers.count, v->receipts.items, v->receipts.count,
					  e) < 0 ||
		    judge_agree(v, &all[i], e) < 0)
			return -1;
		report(c, v, &all[i], told, clock_mono() - began, w);
	}
	return 0;
}

/* The award that the lease shows is what its tick said, to the same one at that price. */
static int
judge_award(const struct tick_evidence *v, const struct domain *d, struct err *e)
{
	const struct tick_transcript *all = v->transcripts.items;
	struct award_terms award = { .order = v->order };
	struct hash h, digest, record;
	struct sig sig;

	if (hash_read(text_of(v->lease, "record"), &award.record, e) < 0 ||
	    address_read(text_of(v->lease, "provider"), &award.provider, e) < 0 ||
	    rate_read(text_of(json_get(v->lease, "terms"), "rate"), &award.rate, e) < 0 ||
	    sig_read(text_of(v->lease, "award_sig"), &sig, e) < 0)
		return err_wrap(e, "the lease");
	h = award_hash(&award);
	digest = terms_digest(d, &h);
	if (sig_check(&sig, &digest, &v->market, e) < 0)
		return err_field(e, &AUDIT_SIGNATURE, "/lease/award_sig", "not by the market");
	for (size_t i = 0; i < v->transcripts.count; i++) {
		const struct tick_entry *en = entry_in(&all[i], &v->order);
		const struct tick_row *rows = all[i].offers.items;
		const struct tick_line *pick = en != NULL ? en->picks.items : NULL;
		const struct offer *o;

		record = record_hash(&all[i].record.terms);
		if (!hash_equal(&record, &award.record))
			continue;
		if (en == NULL || strcmp(en->end, tick_end_name(TICK_AWARDED)) != 0)
			return err_field(e, &AUDIT_AWARD, "/lease", "its tick has not awarded it");
		o = offer_of(v, &rows[pick->offer].id);
		if (o == NULL || !address_equal(&o->provider, &award.provider))
			return err_field(e, &AUDIT_AWARD, "/lease/provider",
					 "the tick chose another");
		if (rate_cmp(en->price, award.rate) != 0)
			return err_field(e, &AUDIT_AWARD, "/lease/terms/rate",
					 "the tick has another price");
		return 0;
	}
	return err_field(e, &AUDIT_AWARD, "/lease/record", "it is of no tick shown");
}

/* The receipt of the order, if we have it. */
static int
judge_receipt(const struct tick_evidence *v, const struct domain *d, struct err *e)
{
	const struct receipt *receipts = v->receipts.items;

	for (size_t i = 0; i < v->receipts.count; i++)
		if (hash_equal(&receipts[i].terms.item, &v->order) &&
		    tick_order_receipt(d, &v->market, v->transcripts.items, v->transcripts.count,
				       &receipts[i], e) < 0)
			return -1;
	return 0;
}

/* The order is in each of its ticks, and its lots were drawn by one record. */
static int
judge_order(const struct tick_evidence *v, const struct domain *d, struct err *e)
{
	const struct tick_transcript *all = v->transcripts.items;
	const struct tick_entry *first = NULL;
	bool awarded = false;

	for (size_t i = 0; i < v->transcripts.count; i++) {
		const struct tick_entry *en = entry_in(&all[i], &v->order);
		unsigned long long number = (unsigned long long)all[i].record.terms.number;

		if (en == NULL && !open_in(&all[i], &v->order))
			return err_field(e, &AUDIT_DROPPED, "/orders",
					 "tick %llu has not the order", number);
		if (en == NULL)
			continue;
		if (en->retry && (first == NULL || !awarded))
			return err_field(
				e, &AUDIT_ORDER, "/orders/retry",
				"tick %llu says that it has failed, and it was not awarded",
				number);
		awarded = awarded || strcmp(en->end, tick_end_name(TICK_AWARDED)) == 0;
		if (first != NULL &&
		    (first->first != en->first || !hash_equal(&first->record, &en->record)))
			return err_field(e, &AUDIT_ORDER, "/orders/record",
					 "tick %llu draws its lot by another record", number);
		first = en;
	}
	return v->lease != NULL && v->lease->type == JSON_OBJECT ? judge_award(v, d, e) : 0;
}

static int
judge(struct context *c, const struct tick_evidence *v, struct err *e)
{
	struct jsonw *w = c->json ? jsonw_new(true) : NULL;
	struct heads_told told;
	struct domain domain;
	int rc;

	domain_init(&domain, v->chain_id, &v->escrow);
	if (w != NULL)
		jsonw_open(w, '[');
	rc = heads_judge(&v->heads, &domain, &v->market, &told, e);
	if (rc == 0)
		rc = judge_ticks(c, v, &domain, &told, w, e);
	if (rc == 0 && !hash_equal(&v->order, &(struct hash){ { 0 } }))
		rc = judge_receipt(v, &domain, e) < 0 ? -1 : judge_order(v, &domain, e);
	if (w != NULL) {
		jsonw_close(w, ']');
		if (rc == 0)
			printf("%s", jsonw_text(w, NULL));
		jsonw_free(w);
	}
	if (rc == 0 && w == NULL && v->transcripts.count > 0)
		heads_say(c, &v->heads, &told);
	return rc;
}

static int
save_and_judge(struct context *c, const struct tick_evidence *v, const char *save, struct err *e)
{
	if (save != NULL &&
	    file_replace(c, save, json_encode(&c->arena, evidence_fields, v), e) < 0)
		return -1;
	return judge(c, v, e);
}

int
audit_fast_order(struct context *c, const struct json *order, const char *receipts,
		 const char *save, struct err *e)
{
	struct tick_evidence v = { .chain_id = 0 };

	if (from_order(c, order, &v, e) < 0 ||
	    (receipts != NULL && receipts_load(c, receipts, &v.receipts, &v.offers, e) < 0))
		return -1;
	if (v.transcripts.count == 0)
		return err_set(e, &ERR_NOT_FOUND, "no tick has looked at the order yet");
	return save_and_judge(c, &v, save, e);
}

/* "12" or "12-20" */
static bool
range_read(const char *text, int64_t *from, int64_t *to)
{
	char *end;

	*from = *to = strtoll(text, &end, 10);
	if (end != text && *end == '-')
		*to = strtoll(end + 1, &end, 10);
	return end != text && *end == '\0' && *from >= 0 && *to >= *from &&
	       *to - *from < (int64_t)TICKS_MAX;
}

int
cmd_audit_tick(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "save", required_argument, NULL, 's' },
						 { "receipts", required_argument, NULL, 'r' },
						 { NULL, 0, NULL, 0 } };
	struct tick_evidence v = { .chain_id = 0 };
	const char *save = NULL, *receipts = NULL;
	int64_t from, to;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 's': save = optarg; break;
		case 'r': receipts = optarg; break;
		default: return err_set(e, &TENANT_USAGE, "audit");
		}
	if (argc - optind != 2)
		return err_set(e, &TENANT_USAGE, "for example: gavel audit tick 120, or 120-140");
	if (range_read(argv[optind + 1], &from, &to)) {
		if (from_market(c, MAX(from, (int64_t)1), to, &v, e) < 0)
			return -1;
	} else if (from_file(c, argv[optind + 1], &v, e) < 0) {
		return -1;
	}
	if (receipts != NULL && receipts_load(c, receipts, &v.receipts, &v.offers, e) < 0)
		return -1;
	return save_and_judge(c, &v, save, e);
}
