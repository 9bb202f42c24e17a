/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/pool.h"

#include "lease/key.h"
#include "lease/typed.h"

const struct code POOL_BAD = { "pool_bad", INVALID, "a rule of pools is broken" };

/* ------------------------------------------------------------------ */
/* Documents.                                                          */

#define T struct pool_terms
static const struct json_field pool_terms_fields[] = { JSON_ADDRESS(T, provider, 0),
						       JSON_HASH(T, class, 0),
						       JSON_U32(T, units, SPOT_UNITS_MAX, 0),
						       JSON_RATE(T, floor, 0),
						       JSON_U32(T, notice, 0, 0),
						       JSON_U64(T, seq, 0),
						       JSON_END };
#undef T

#define T struct pool_doc
const struct json_field pool_doc_fields[] = { JSON_STR(T, class, POOL_CLASS_MAX, 0),
					      JSON_OBJ(T, terms, pool_terms_fields, 0),
					      JSON_SIG(T, sig, 0), JSON_END };
#undef T

#define T struct pool_run
const struct json_field pool_run_fields[] = { JSON_HASH(T, id, 0),
					      JSON_RATE(T, max, 0),
					      JSON_U32(T, units, 0, 0),
					      JSON_BOOLEAN(T, incumbent, 0),
					      JSON_U32(T, started, 0, 0),
					      JSON_BOOLEAN(T, runs, 0),
					      JSON_END };
#undef T

#define T struct pool_auction
static const struct json_field pool_auction_fields[] = {
	JSON_OBJ(T, pool, pool_doc_fields, 0),
	JSON_LIST(T, runs, pool_run_fields, struct pool_run, POOL_RUNS_MAX, 0),
	JSON_RATE(T, price, 0), JSON_END
};
#undef T

#define T struct spot_price_terms
static const struct json_field spot_price_terms_fields[] = {
	JSON_ADDRESS(T, provider, 0), JSON_HASH(T, class, 0),
	JSON_U64(T, number, 0),	      JSON_RATE(T, price, 0),
	JSON_U32(T, at, 0, 0),	      JSON_HASH(T, previous, 0),
	JSON_HASH(T, auction, 0),     JSON_END
};
#undef T

#define T struct spot_price_doc
const struct json_field spot_price_doc_fields[] = { JSON_OBJ(T, auction, pool_auction_fields, 0),
						    JSON_OBJ(T, terms, spot_price_terms_fields, 0),
						    JSON_SIG(T, sig, 0), JSON_END };
#undef T

#define T struct spot_run_terms
static const struct json_field spot_run_terms_fields[] = { JSON_HASH(T, lease, 0),
							   JSON_U64(T, seq, 0),
							   JSON_U32(T, state, SPOT_RUN_PAUSED, 0),
							   JSON_U32(T, at, 0, 0), JSON_END };
#undef T

#define T struct spot_run_doc
const struct json_field spot_run_doc_fields[] = { JSON_OBJ(T, terms, spot_run_terms_fields, 0),
						  JSON_SIG(T, sig, 0), JSON_END };
#undef T

struct hash
pool_hash(const struct pool_terms *p)
{
	struct words w = words_begin("Pool(address provider,bytes32 class,uint32 units,"
				     "uint128 floor,uint32 notice,uint64 seq)");

	word_address(&w, &p->provider);
	word_hash(&w, &p->class);
	word_uint(&w, p->units);
	word_uint(&w, p->floor.nano);
	word_uint(&w, p->notice);
	word_uint(&w, p->seq);
	return words_end(&w);
}

struct hash
spot_price_hash(const struct spot_price_terms *p)
{
	struct words w = words_begin("SpotPrice(address provider,bytes32 class,uint64 number,"
				     "uint128 price,uint32 at,bytes32 previous,bytes32 auction)");

	word_address(&w, &p->provider);
	word_hash(&w, &p->class);
	word_uint(&w, p->number);
	word_uint(&w, p->price.nano);
	word_uint(&w, p->at);
	word_hash(&w, &p->previous);
	word_hash(&w, &p->auction);
	return words_end(&w);
}

struct hash
spot_run_hash(const struct spot_run_terms *r)
{
	struct words w = words_begin("SpotRun(bytes32 lease,uint64 seq,uint8 state,uint32 at)");

	word_hash(&w, &r->lease);
	word_uint(&w, r->seq);
	word_uint(&w, r->state);
	word_uint(&w, r->at);
	return words_end(&w);
}

struct hash
pool_auction_hash(struct arena *a, const struct pool_auction *p)
{
	const char *text = json_encode(a, pool_auction_fields, p);
	struct hash h;

	keccak256(text, strlen(text), &h);
	return h;
}

/* ------------------------------------------------------------------ */
/* Classes and units.                                                  */

const char *
pool_class_fault(const char *class)
{
	if (class[0] == '\0' || strlen(class) > POOL_CLASS_MAX)
		return "a class is cpu or a GPU model of at most 100 characters";
	for (const char *c = class; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
			return "a class is cpu or a GPU model like nvidia/a100";
	return NULL;
}

struct hash
pool_class_hash(const char *class)
{
	struct hash h;

	keccak256(class, strlen(class), &h);
	return h;
}

static bool
service_takes(const char *class, const struct group_service *s)
{
	for (size_t i = 0; i < s->gpus.count; i++)
		if (gpu_matches(s->gpus.items[i], class))
			return true;
	return s->resources.gpus == 0 || s->gpus.count == 0;
}

bool
pool_takes(const char *class, const struct group *g)
{
	const struct group_service *s = g->services.items;

	if ((strcmp(class, "cpu") == 0) != (group_total(g).gpus == 0))
		return false;
	for (size_t i = 0; i < g->services.count; i++)
		if (!service_takes(class, &s[i]))
			return false;
	return true;
}

uint32_t
pool_units(const char *class, const struct group *g)
{
	struct resources total = group_total(g);
	uint64_t unit = (uint64_t)POOL_MIB_UNIT << 20;
	uint64_t memory = total.memory_bytes / unit + (total.memory_bytes % unit != 0);

	if (strcmp(class, "cpu") != 0)
		return total.gpus;
	return (uint32_t)MIN(MAX((uint64_t)total.cpu_milli, memory), UINT32_MAX);
}

struct rate
pool_max(struct rate max, uint32_t units)
{
	return (struct rate){ units == 0 ? 0 : max.nano / units };
}

struct rate
pool_rate(struct rate price, uint32_t units)
{
	if (units != 0 && price.nano > RATE_MAX / units)
		return (struct rate){ RATE_MAX };
	return (struct rate){ price.nano * units };
}

/* ------------------------------------------------------------------ */
/* The auction, and whether it was told as it was.                      */

int
pool_check(const struct domain *d, const struct pool_doc *p, struct err *e)
{
	struct hash class = pool_class_hash(p->class), h = pool_hash(&p->terms), digest;
	const char *fault = pool_class_fault(p->class);

	if (fault != NULL)
		return err_field(e, &POOL_BAD, "/class", "%s", fault);
	if (!hash_equal(&class, &p->terms.class))
		return err_field(e, &POOL_BAD, "/terms/class", "not the hash of the class");
	if (p->terms.units > SPOT_UNITS_MAX)
		return err_field(e, &POOL_BAD, "/terms/units", "more than %u units",
				 SPOT_UNITS_MAX);
	if (p->terms.floor.nano == 0 || p->terms.notice > POOL_NOTICE_MAX)
		return err_field(e, &POOL_BAD, "/terms", "a floor of 0, or a notice above %u s",
				 POOL_NOTICE_MAX);
	digest = terms_digest(d, &h);
	return sig_check(&p->sig, &digest, &p->terms.provider, e) < 0 ? err_wrap(e, "pool") : 0;
}

static struct spot_run *
to_spot(struct arena *a, const struct json_list *list)
{
	const struct pool_run *r = list->items;
	struct spot_run *out = arena_alloc(a, (list->count + 1) * sizeof(*out));

	for (size_t i = 0; i < list->count; i++)
		out[i] = (struct spot_run){ .id = r[i].id,
					    .max = r[i].max,
					    .units = r[i].units,
					    .incumbent = r[i].incumbent,
					    .started_ms = (uint64_t)r[i].started * 1000,
					    .runs = r[i].incumbent };
	return out;
}

void
pool_clear(struct arena *a, struct pool_auction *p, const struct hash *seed)
{
	struct spot_run *s = to_spot(a, &p->runs);
	struct pool_run *r = arena_alloc(a, (p->runs.count + 1) * sizeof(*r));

	p->price = spot_clear(s, p->runs.count, p->pool.terms.units, p->pool.terms.floor, seed);
	for (size_t i = 0; i < p->runs.count; i++)
		r[i] = (struct pool_run){ .id = s[i].id,
					  .max = s[i].max,
					  .units = s[i].units,
					  .incumbent = s[i].incumbent,
					  .started = (uint32_t)(s[i].started_ms / 1000),
					  .runs = s[i].runs };
	p->runs.items = r;
}

/* The same auction again, and the first thing that differs. */
static int
same_outcome(struct arena *a, const struct spot_price_doc *p, struct err *e)
{
	struct pool_auction again = p->auction;
	const struct pool_run *told = p->auction.runs.items, *is;
	char price[AMOUNT_TEXT_SIZE], computed[AMOUNT_TEXT_SIZE], id[HASH_TEXT_SIZE];

	pool_clear(a, &again, &p->terms.previous);
	is = again.runs.items;
	if (rate_cmp(again.price, p->auction.price) != 0)
		return err_field(e, &POOL_BAD, "/auction/price",
				 "the price is %s, computed from the runs it is %s",
				 u128_text(p->auction.price.nano, price),
				 u128_text(again.price.nano, computed));
	for (size_t i = 0; i < again.runs.count; i++) {
		if (!hash_equal(&is[i].id, &told[i].id))
			return err_field(e, &POOL_BAD, "/auction/runs",
					 "%s is not in the place of its rank, %zu",
					 hash_text(&is[i].id, id), i);
		if (is[i].runs != told[i].runs)
			return err_field(e, &POOL_BAD, "/auction/runs", "%s %s, and should%s",
					 hash_text(&is[i].id, id),
					 told[i].runs ? "runs" : "does not run",
					 told[i].runs ? " not" : "");
	}
	return 0;
}

int
pool_price_check(struct arena *a, const struct domain *d, const struct address *market,
		 const struct spot_price_doc *p, struct err *e)
{
	struct hash auction = pool_auction_hash(a, &p->auction);
	struct hash h = spot_price_hash(&p->terms), digest = terms_digest(d, &h);

	if (sig_check(&p->sig, &digest, market, e) < 0)
		return err_wrap(e, "spot price");
	if (!hash_equal(&auction, &p->terms.auction))
		return err_field(e, &POOL_BAD, "/terms/auction", "not the hash of the auction");
	if (pool_check(d, &p->auction.pool, e) < 0)
		return -1;
	if (!address_equal(&p->terms.provider, &p->auction.pool.terms.provider) ||
	    !hash_equal(&p->terms.class, &p->auction.pool.terms.class))
		return err_field(e, &POOL_BAD, "/auction/pool", "the pool is another one");
	if (rate_cmp(p->terms.price, p->auction.price) != 0)
		return err_field(e, &POOL_BAD, "/terms/price", "not the price of the auction");
	return same_outcome(a, p, e);
}

int
pool_price_follows(const struct spot_price_terms *before, const struct spot_price_terms *p,
		   struct err *e)
{
	struct hash previous = { { 0 } };

	if (before != NULL)
		previous = spot_price_hash(before);
	if (p->number != (before != NULL ? before->number + 1 : 1))
		return err_field(e, &POOL_BAD, "/terms/number", "%llu does not follow %llu",
				 (unsigned long long)p->number,
				 (unsigned long long)(before != NULL ? before->number : 0));
	if (!hash_equal(&previous, &p->previous))
		return err_field(e, &POOL_BAD, "/terms/previous",
				 "number %llu is not chained to the one before",
				 (unsigned long long)p->number);
	if (before != NULL && p->at < before->at)
		return err_field(e, &POOL_BAD, "/terms/at", "number %llu is of an earlier time",
				 (unsigned long long)p->number);
	return 0;
}

int
pool_victims_check(struct arena *a, const struct json_list *runs, struct err *e)
{
	struct spot_run *s = to_spot(a, runs);
	const struct pool_run *told = runs->items;
	uint32_t given = 0;
	char id[HASH_TEXT_SIZE];

	for (size_t i = 0; i < runs->count; i++)
		if (told[i].incumbent && !told[i].runs)
			given += told[i].units;
	(void)spot_reclaim(s, runs->count, given);
	for (size_t i = 0; i < runs->count; i++)
		for (size_t k = 0; k < runs->count; k++) {
			if (!hash_equal(&s[i].id, &told[k].id) || !told[k].incumbent ||
			    s[i].runs == told[k].runs)
				continue;
			return err_set(e, &POOL_BAD, "%s was %s, and it was %s turn",
				       hash_text(&s[i].id, id),
				       told[k].runs ? "spared" : "interrupted",
				       told[k].runs ? "its" : "another's");
		}
	return 0;
}
