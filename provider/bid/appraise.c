/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/appraise.h"

#include "lib/clock.h"
#include "provider/bid/audits.h"
#include "provider/bid/spot.h"

const char *
appraise_refusal(const struct provider_settings *s, const struct address *self,
		 const struct address *tenant, const struct group *group)
{
	char text[ADDRESS_TEXT_SIZE];
	uint32_t copies = 0;

	if (!tenant_admitted(&s->prices.tenants, tenant) ||
	    !group_admits(group, address_text(self, text)))
		return "excluded";
	if (group_mismatch(group, &s->attributes) != NULL)
		return "attribute";
	if (group->reclaim_s > s->reclaim_s)
		return "term";
	for (size_t i = 0; i < group->services.count; i++)
		copies += ((const struct group_service *)group->services.items)[i].count;
	return copies > WORK_COPIES_MAX ? "resources" : NULL;
}

const char *
appraise_refuses(const struct agent *g, const struct address *tenant, const struct group *group)
{
	const char *why = appraise_refusal(g->settings, &g->self, tenant, group);

	return why == NULL && audits_lack(g, group, clock_wall()) ? "audit" : why;
}

static const char *
refusal(const struct agent *g, const struct appraisal *p)
{
	char self[ADDRESS_TEXT_SIZE];

	address_text(&g->self, self);
	for (size_t i = 0; p->excluded != NULL && i < p->excluded->count; i++)
		if (strcmp(p->excluded->items[i], self) == 0)
			return "excluded";
	return appraise_refuses(g, &p->tenant, p->group);
}

/* The card's price; a program may change it in the next steps. */
enum next
appraise_look(struct task *t)
{
	struct appraisal *p = t->state;
	struct agent *g = t->owner;
	const struct provider_settings *s = g->settings;
	struct json_strs devices, models;
	struct room room;
	uint32_t load;

	p->decline = refusal(g, p);
	if (p->decline == NULL &&
	    agent_room(g, &t->arena, &p->tenant, p->group, &room, &t->err) < 0)
		p->decline = "capacity";
	if (p->decline == NULL)
		p->decline = room_fit(&t->arena, &room, p->group, &devices);
	t->err = (struct err)ERR_NONE;
	if (p->decline != NULL)
		return TASK_NEXT;
	models = pricing_models(&t->arena, &s->gpus, &devices);
	load = pricing_load(&room, s->capacity.cpu_milli, &models);
	p->pricing = pricing_by_card(&s->prices, p->group, &p->tenant, &models, load);
	random_bytes(p->pricing.nonce.b, sizeof(p->pricing.nonce.b));
	/* The pool's price counts, whatever card and program say. */
	if (p->group->interruptible) {
		p->decline = spot_appraise(g, &t->arena, p->group, p->hash, &p->pricing);
		return TASK_NEXT;
	}
	if (s->price_program.count == 0)
		return TASK_NEXT;
	p->ask = (struct price_ask){ .pricing = &p->pricing };
	p->ask.question =
		pricing_question(&t->arena, p->order, &p->tenant, p->group, load, &p->pricing);
	return TASK_NEXT;
}

enum next
appraise_place(struct task *t)
{
	struct appraisal *p = t->state;
	struct agent *g = t->owner;

	if (p->ask.question == NULL)
		return TASK_NEXT;
	return price_ask_place(t, g->settings, &g->prices_asked, &p->ask, &p->held);
}

enum next
appraise_start(struct task *t)
{
	struct appraisal *p = t->state;
	struct agent *g = t->owner;

	if (p->ask.question == NULL)
		return TASK_NEXT;
	if (!p->held)
		return task_jump(t, appraise_place);
	return price_ask_start(t, g->settings, &p->ask);
}

enum next
appraise_read(struct task *t)
{
	struct appraisal *p = t->state;
	struct agent *g = t->owner;

	if (p->ask.question == NULL)
		return TASK_NEXT;
	price_ask_read(&t->arena, g->settings, &p->ask);
	price_ask_end(&p->ask);
	p->decline = p->ask.decline;
	return TASK_NEXT;
}

void
appraise_end(struct appraisal *a)
{
	price_ask_end(&a->ask);
}
