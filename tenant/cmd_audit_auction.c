/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel audit auction: every round of an order computed again, from what the
 * market published or from a file that somebody kept. The market is asked for
 * evidence and for nothing else; what is true of it, lease/audit.c says.
 *
 * A file is {"chain_id", "escrow", "order", "rounds": [as GET .../rounds/N],
 * "lease": as GET /v1/leases/..., or null, "receipts": [...], "books": [as GET
 * /v1/ticks/N/book], "offers": [{"offer", "sig"}]}.
 */
#include <getopt.h>
#include <unistd.h>

#include "lease/tick_transcript.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

static const struct code AUDIT_NOTHING = { "audit_nothing", NOT_FOUND,
					   "there is no round to compute again" };

struct evidence {
	uint64_t chain_id;
	struct address escrow;
	struct hash order;
	struct json_list rounds; /* of struct shown_round */
	struct json *lease;
	struct json *fast; /* the order, if ticks award it; all but the first two is empty then */
	struct json_list receipts; /* of struct receipt */
	struct json_list books;	   /* of struct audit_book: those that the rounds name */
	struct json_list offers;   /* of struct offer_doc */
};

struct shown_round {
	struct json *round; /* as the API shows it */
};

/* Rounds are values of their own; json_list wants structs, so they are read by hand. */
#define T struct evidence
static const struct json_field evidence_fields[] = {
	JSON_U64(T, chain_id, 0),
	JSON_ADDRESS(T, escrow, 0),
	JSON_HASH(T, order, 0),
	JSON_NODE(T, lease, JSON_OPTIONAL),
	JSON_LIST(T, receipts, receipt_fields, struct receipt, 1024, JSON_OPTIONAL),
	JSON_LIST(T, books, audit_book_fields, struct audit_book, 1024, JSON_OPTIONAL),
	JSON_LIST(T, offers, offer_doc_fields, struct offer_doc, 65536, JSON_OPTIONAL),
	JSON_END
};
#undef T

/* ------------------------------------------------------------------ */
/* Gathering.                                                          */

static void
add_round(struct context *c, struct evidence *v, struct json *round)
{
	struct shown_round *all = v->rounds.items =
		arena_grow(&c->arena, v->rounds.items, v->rounds.count, sizeof(*all));

	all[v->rounds.count++].round = round;
}

/* The receipt that we have, of the order that we have signed: the name leads to it, and
 * not what the market says. */
static int
add_kept(struct context *c, const struct deployment *d, struct evidence *v, struct err *e)
{
	static const struct hash none;
	struct kept_receipt r;
	int found;

	if (!hash_equal(&d->order_hash, &none) && !hash_equal(&d->order_hash, &v->order))
		return err_field(e, &AUDIT_ORDER, "/hash", "the market shows another order");
	found = receipt_kept(c, &v->order, &r, e);
	if (found == 1)
		receipt_add(c, &v->receipts, &r.receipt);
	return found < 0 ? -1 : 0;
}

static int
from_market(struct context *c, const char *name, struct evidence *v, struct err *e)
{
	struct gathered g = { .ids = NULL };
	struct deployment d = { .name = NULL };
	struct json *order, *round;
	const struct json *lease;
	char id[ID_TEXT_SIZE];
	const char *path;

	if (context_connect(c, e) < 0 || deployment_find(c, name, &d, e) < 0)
		return -1;
	v->chain_id = c->domain.chain_id;
	v->escrow = c->escrow;
	path = arena_printf(&c->arena, "/v1/orders/%s", id_text(ID_ORDER, &d.order, id));
	if (market_get(&c->arena, &c->market, path, &order, e) < 0 ||
	    hash_read(text_of(order, "hash"), &v->order, e) < 0 || add_kept(c, &d, v, e) < 0)
		return -1;
	if (strcmp(text_of(order, "auction"), "fast") == 0) {
		v->fast = order;
		return 0;
	}
	for (int64_t n = 1; n <= number_of(order, "round"); n++) {
		if (market_get(&c->arena, &c->market,
			       arena_printf(&c->arena, "%s/rounds/%lld", path, (long long)n),
			       &round, e) < 0 ||
		    gather_book(c, &g, round, e) < 0)
			return -1;
		add_round(c, v, round);
	}
	v->books = g.books;
	v->offers = g.offers;
	lease = json_get(order, "lease");
	if (lease == NULL || lease->type != JSON_OBJECT)
		return 0;
	return market_get(&c->arena, &c->market,
			  arena_printf(&c->arena, "/v1/leases/%s", text_of(lease, "id")), &v->lease,
			  e);
}

static int
from_file(struct context *c, const char *path, struct evidence *v, struct err *e)
{
	struct json *doc, *rounds, *before = NULL, *next;
	char *text;
	size_t len;

	if (file_read(c, path, &text, &len, e) < 0 ||
	    json_parse_large(&c->arena, text, len, &doc, e) < 0)
		return -1;
	rounds = json_get(doc, "rounds");
	if (rounds == NULL || rounds->type != JSON_ARRAY)
		return err_field(e, &JSON_MISSING, "/rounds", "%s", path);
	for (struct json **at = &doc->first; *at != NULL; before = *at, at = &(*at)->next)
		if (*at == rounds) {
			*at = rounds->next;
			doc->last = doc->last == rounds ? before : doc->last;
			doc->count--;
			break;
		}
	for (struct json *r = rounds->first; r != NULL; r = next) {
		next = r->next;
		add_round(c, v, r);
	}
	return json_read(&c->arena, doc, evidence_fields, v, e);
}

static int
save(struct context *c, const struct evidence *v, const char *path, struct err *e)
{
	const struct shown_round *rounds = v->rounds.items;
	struct jsonw *w = jsonw_new(false);
	int rc;

	jsonw_open(w, '{');
	json_write_members(w, evidence_fields, v);
	jsonw_name(w, "rounds");
	jsonw_open(w, '[');
	for (size_t i = 0; i < v->rounds.count; i++)
		jsonw_node(w, rounds[i].round);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	rc = file_replace(c, path, jsonw_text(w, NULL), e);
	jsonw_free(w);
	return rc;
}

/* ------------------------------------------------------------------ */
/* Judging.                                                            */

/* The award that a lease shows; 1 when it names this transcript. */
static int
read_award(const struct json *lease, const struct hash *order, const struct hash *record,
	   struct award_terms *award, struct sig *sig, struct err *e)
{
	if (lease == NULL || lease->type != JSON_OBJECT)
		return 0;
	award->order = *order;
	if (hash_read(text_of(lease, "record"), &award->record, e) < 0 ||
	    address_read(text_of(lease, "provider"), &award->provider, e) < 0 ||
	    rate_read(text_of(json_get(lease, "terms"), "rate"), &award->rate, e) < 0 ||
	    sig_read(text_of(lease, "award_sig"), sig, e) < 0)
		return err_wrap(e, "the lease");
	return hash_equal(&award->record, record);
}

/* What the tenant took, as the round shows it. */
static int
read_choices(struct context *c, const struct json *round, struct audit_round *r, struct err *e)
{
	const struct json *node = json_get(round, "choices");
	struct choice_shown *all = NULL;

	for (const struct json *v = node != NULL ? node->first : NULL; v != NULL; v = v->next) {
		all = arena_grow(&c->arena, all, r->choice_count, sizeof(*all));
		memset(&all[r->choice_count], 0, sizeof(*all));
		if (json_read(&c->arena, v, choice_shown_fields, &all[r->choice_count++], e) < 0)
			return err_wrap(e, "choices");
	}
	r->choices = all;
	return 0;
}

static const char *
node_text(struct context *c, const struct json *node)
{
	struct jsonw *w = jsonw_new(false);
	const char *copy;

	jsonw_node(w, node);
	copy = arena_strdup(&c->arena, jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

static void
report(const struct transcript *t, int64_t took_us, struct jsonw *w)
{
	char who[ADDRESS_TEXT_SIZE], text[AMOUNT_TEXT_SIZE];

	if (w != NULL) {
		jsonw_open(w, '{');
		jsonw_name(w, "round");
		jsonw_int(w, t->round);
		jsonw_member(w, "outcome", "%s", t->outcome);
		jsonw_member(w, "verdict", "true");
		jsonw_name(w, "answers");
		jsonw_int(w, (int64_t)t->entries.count);
		jsonw_name(w, "micros");
		jsonw_int(w, took_us);
		jsonw_close(w, '}');
		return;
	}
	printf("round %u  %zu answers, %s", t->round, t->entries.count, t->outcome);
	if (strcmp(t->outcome, TRANSCRIPT_RANKED) == 0)
		printf(", the tenant picks, first");
	if (t->price.nano != 0)
		printf(" %s %s (%s, %s)", strcmp(t->outcome, "awarded") == 0 ? "to" : "with",
		       address_text(&t->winner, who), u128_text(t->price.nano, text), t->price_by);
	printf(": true, computed in %lld.%03lld ms\n", (long long)(took_us / 1000),
	       (long long)(took_us % 1000));
}

static int
judge(struct context *c, const struct evidence *v, const struct json *round, bool *awarded,
      struct jsonw *w, struct err *e)
{
	const struct json *node = json_get(round, "transcript");
	struct transcript *t = ARENA_NEW(&c->arena, struct transcript);
	struct domain domain;
	struct award_terms award;
	struct sig award_sig;
	struct audit_round r = { .domain = &domain, .t = t, .award_sig = &award_sig };
	mono_t began = clock_mono();
	const char *text;
	int mine;

	domain_init(&domain, v->chain_id, &v->escrow);
	if (node == NULL || node->type != JSON_OBJECT || node->first == NULL)
		return 0; /* under way, or void: nothing was decided */
	text = node_text(c, node);
	keccak256(text, strlen(text), &r.record);
	if (json_read(&c->arena, node, transcript_fields, t, e) < 0)
		return err_wrap(e, "transcript");
	if (!hash_equal(&t->order, &v->order))
		return err_field(e, &AUDIT_ORDER, "/order", "the transcript is another order's");
	if (read_choices(c, round, &r, e) < 0)
		return -1;
	mine = read_award(v->lease, &v->order, &r.record, &award, &award_sig, e);
	if (mine < 0)
		return -1;
	if (mine > 0) {
		r.award = &award;
		*awarded = true;
	}
	r.receipts = v->receipts.items;
	r.receipt_count = v->receipts.count;
	r.books = v->books.items;
	r.book_count = v->books.count;
	r.docs = v->offers.items;
	r.doc_count = v->offers.count;
	if (audit_round(&c->arena, &r, e) < 0)
		return -1;
	report(t, clock_mono() - began, w);
	return 1;
}

static int
judge_all(struct context *c, const struct evidence *v, struct err *e)
{
	const struct shown_round *rounds = v->rounds.items;
	struct jsonw *w = c->json ? jsonw_new(true) : NULL;
	bool awarded = false;
	int judged = 0, rc = 0;

	if (w != NULL)
		jsonw_open(w, '[');
	for (size_t i = 0; i < v->rounds.count && rc >= 0; i++) {
		rc = judge(c, v, rounds[i].round, &awarded, w, e);
		if (rc < 0)
			err_wrap(e, "round %s", text_of(rounds[i].round, "round"));
		judged += rc > 0;
	}
	if (rc >= 0 && judged == 0)
		rc = err_set(e, &AUDIT_NOTHING, "%zu rounds, none decided", v->rounds.count);
	else if (rc >= 0 && v->lease != NULL && v->lease->type == JSON_OBJECT && !awarded)
		rc = err_field(e, &AUDIT_AWARD, "/lease/record", "it is of no round shown");
	if (w != NULL) {
		jsonw_close(w, ']');
		if (rc >= 0)
			printf("%s", jsonw_text(w, NULL));
		jsonw_free(w);
	}
	return rc < 0 ? -1 : 0;
}

int
cmd_audit_auction(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "save", required_argument, NULL, 's' },
						 { "receipts", required_argument, NULL, 'r' },
						 { NULL, 0, NULL, 0 } };
	const char *path = NULL, *receipts = NULL, *name;
	struct evidence v = { 0 };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 's': path = optarg; break;
		case 'r': receipts = optarg; break;
		default: return err_set(e, &TENANT_USAGE, "audit");
		}
	if (optind >= argc || strcmp(argv[optind], "auction") != 0 || argc - optind > 2)
		return err_set(e, &TENANT_USAGE, "for example: gavel audit auction NAME");
	name = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (name != NULL &&
	    (strchr(name, '/') != NULL || strcmp(name, "-") == 0 || access(name, R_OK) == 0)) {
		if (from_file(c, name, &v, e) < 0)
			return -1;
	} else if (from_market(c, name, &v, e) < 0) {
		return -1;
	}
	if (v.fast != NULL)
		return audit_fast_order(c, v.fast, receipts, path, e);
	if (receipts != NULL && receipts_load(c, receipts, &v.receipts, &v.offers, e) < 0)
		return -1;
	if (path != NULL && save(c, &v, path, e) < 0)
		return -1;
	return judge_all(c, &v, e);
}
