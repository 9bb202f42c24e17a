/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/pricing.h"

#include "lease/documents.h"

const struct code PRICE_PROGRAM = { "price_program", INVALID,
				    "the price program gave no usable answer" };

static const struct json_field factor_fields[] = { JSON_ADDRESS(struct tenant_factor, tenant, 0),
						   JSON_U32(struct tenant_factor, bp, 1000000, 0),
						   JSON_END };

#define T struct tenant_rules
const struct json_field tenant_rules_fields[] = {
	JSON_STRS(T, allow, TENANTS_MAX, JSON_OPTIONAL),
	JSON_STRS(T, deny, TENANTS_MAX, JSON_OPTIONAL),
	JSON_LIST(T, factor_bp, factor_fields, struct tenant_factor, TENANTS_MAX, JSON_OPTIONAL),
	JSON_END
};
#undef T

#define T struct pricing
const struct json_field pricing_fields[] = { JSON_OBJ(T, card, rate_card_fields, 0),
					     JSON_STRS(T, models, 0, 0),
					     JSON_HASH(T, nonce, 0),
					     JSON_RATE(T, floor, 0),
					     JSON_RATE(T, list, 0),
					     JSON_END };
/* The same without what the bid itself says. */
static const struct json_field salt_fields[] = { JSON_OBJ(T, card, rate_card_fields, 0),
						 JSON_STRS(T, models, 0, 0), JSON_HASH(T, nonce, 0),
						 JSON_END };
#undef T

/* ------------------------------------------------------------------ */
/* Tenants.                                                            */

static int
check_list(const char *field, const struct json_strs *list, struct err *e)
{
	struct err why = ERR_NONE;
	struct address a;

	for (size_t i = 0; i < list->count; i++)
		if (address_read(list->items[i], &a, &why) < 0)
			return err_field(e, &ERR_CONFIG, field, "%s: %.200s", field + 1, why.text);
	return 0;
}

int
tenant_rules_check(const struct tenant_rules *r, struct err *e)
{
	const struct tenant_factor *f = r->factor_bp.items;

	if (check_list("/tenants/allow", &r->allow, e) < 0 ||
	    check_list("/tenants/deny", &r->deny, e) < 0)
		return -1;
	for (size_t i = 0; i < r->factor_bp.count; i++) {
		if (f[i].bp == 0)
			return err_field(e, &ERR_CONFIG, "/tenants/factor_bp",
					 "tenants: factor_bp: a factor is 1 to 1000000");
		for (size_t k = 0; k < i; k++)
			if (address_equal(&f[k].tenant, &f[i].tenant))
				return err_field(e, &ERR_CONFIG, "/tenants/factor_bp",
						 "tenants: factor_bp: a tenant stands twice");
	}
	return 0;
}

static bool
is_among(const struct json_strs *list, const struct address *who)
{
	struct err ignored = ERR_NONE;
	struct address a;

	for (size_t i = 0; i < list->count; i++)
		if (address_read(list->items[i], &a, &ignored) == 0 && address_equal(&a, who))
			return true;
	return false;
}

bool
tenant_admitted(const struct tenant_rules *r, const struct address *tenant)
{
	return !is_among(&r->deny, tenant) && (r->allow.count == 0 || is_among(&r->allow, tenant));
}

static uint32_t
factor_of(const struct tenant_rules *r, const struct address *tenant)
{
	const struct tenant_factor *f = r->factor_bp.items;

	for (size_t i = 0; i < r->factor_bp.count; i++)
		if (address_equal(&f[i].tenant, tenant))
			return f[i].bp;
	return 10000;
}

/* ------------------------------------------------------------------ */
/* By the card.                                                        */

struct json_strs
pricing_models(struct arena *a, const struct json_list *gpus, const struct json_strs *devices)
{
	const struct gpu *g = gpus->items;
	struct json_strs out = { arena_alloc(a, (devices->count + 1) * sizeof(char *)), 0 };

	for (size_t i = 0; i < devices->count; i++)
		for (size_t k = 0; k < gpus->count; k++)
			if (strcmp(g[k].device, devices->items[i]) == 0) {
				out.items[out.count++] = g[k].model;
				break;
			}
	return out;
}

static uint32_t
model_load(const struct room *r, const char *model)
{
	uint32_t all = 0, taken = 0;

	for (size_t i = 0; i < r->device_count; i++)
		if (strcmp(r->devices[i].model, model) == 0) {
			all++;
			taken += (r->gpus >> i & 1) == 0;
		}
	return all == 0 ? 10000 : taken * 10000 / all;
}

uint32_t
pricing_load(const struct room *room, uint32_t capacity_cpu_milli, const struct json_strs *models)
{
	uint32_t most = 0;

	for (size_t i = 0; i < models->count; i++)
		most = MAX(most, model_load(room, models->items[i]));
	if (models->count > 0)
		return most;
	if (capacity_cpu_milli == 0)
		return 10000;
	return (uint32_t)((uint64_t)(capacity_cpu_milli -
				     MIN(room->free.cpu_milli, capacity_cpu_milli)) *
			  10000 / capacity_cpu_milli);
}

struct pricing
pricing_by_card(const struct price_rules *rules, const struct group *group,
		const struct address *tenant, const struct json_strs *models, uint32_t load_bp)
{
	struct pricing p = { .card = rules->card, .models = *models };

	p.floor = price_curve(price_group(&rules->card, group, models), rules->curve_bp, load_bp);
	p.floor = price_scale(p.floor, factor_of(&rules->tenants, tenant));
	p.list = price_scale(p.floor, MAX(rules->list_bp, 10000u));
	return p;
}

struct hash
pricing_salt(const struct pricing *p)
{
	struct arena a;
	struct hash h;
	const char *text;

	arena_init(&a, 0);
	text = json_encode(&a, salt_fields, p);
	keccak256(text, strlen(text), &h);
	arena_release(&a);
	return h;
}

/* ------------------------------------------------------------------ */
/* By a program.                                                       */

const char *
pricing_question(struct arena *a, const char *order, const struct address *tenant,
		 const struct group *group, uint32_t load_bp, const struct pricing *by_card)
{
	struct jsonw *w = jsonw_new(false);
	char text[AMOUNT_TEXT_SIZE];
	const char *copy;

	jsonw_open(w, '{');
	jsonw_member(w, "order", "%s", order);
	jsonw_member(w, "tenant", "%s", address_text(tenant, text));
	jsonw_name(w, "group");
	json_write(w, group_fields, group);
	jsonw_name(w, "gpus");
	jsonw_open(w, '[');
	for (size_t i = 0; i < by_card->models.count; i++)
		jsonw_str(w, by_card->models.items[i]);
	jsonw_close(w, ']');
	jsonw_name(w, "load_bp");
	jsonw_int(w, load_bp);
	jsonw_name(w, "card");
	jsonw_open(w, '{');
	jsonw_member(w, "floor", "%s", u128_text(by_card->floor.nano, text));
	jsonw_member(w, "list", "%s", u128_text(by_card->list.nano, text));
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	copy = arena_printf(a, "%s\n", jsonw_text(w, NULL));
	jsonw_free(w);
	return copy;
}

struct answer {
	struct rate floor, list;
	const char *decline;
};

static const struct json_field answer_fields[] = {
	JSON_RATE(struct answer, floor, JSON_OPTIONAL),
	JSON_RATE(struct answer, list, JSON_OPTIONAL),
	JSON_STR(struct answer, decline, 40, JSON_OPTIONAL), JSON_END
};

int
pricing_answer(struct arena *a, const char *text, size_t len, const struct price_rules *rules,
	       struct pricing *p, const char **decline, struct err *e)
{
	struct answer answer = { .decline = NULL };
	struct err why = ERR_NONE;
	struct rate least = price_scale(p->floor, rules->least_bp);

	if (json_decode(a, text, len, answer_fields, &answer, &why) < 0)
		return err_set(e, &PRICE_PROGRAM, "%s", why.text);
	*decline = NULL;
	if (answer.decline != NULL) {
		if (answer.floor.nano != 0 || answer.list.nano != 0)
			return err_set(e, &PRICE_PROGRAM, "a price and a decline at once");
		/* Tenants see codes of one list only. */
		*decline = decline_known(answer.decline) ? answer.decline : "price";
		return 0;
	}
	if (answer.floor.nano == 0)
		return err_set(e, &PRICE_PROGRAM, "no floor, or a floor of 0");
	if (rate_cmp(answer.list, answer.floor) < 0)
		return err_set(e, &PRICE_PROGRAM, "the list price is below the floor");
	if (answer.list.nano > RATE_MAX)
		return err_set(e, &PRICE_PROGRAM, "the list price is too high");
	if (rate_cmp(answer.floor, least) < 0)
		return err_set(e, &PRICE_PROGRAM,
			       "a floor below price_least_bp of the card's price");
	p->floor = answer.floor;
	p->list = answer.list;
	return 0;
}
