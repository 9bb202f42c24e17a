/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/dues.h"

#define LOOK_SELDOM_S 600u
#define LOOK_OFTEN_S  5u
#define LOOK_NEAR_S   60u /* before the deposit ends */
#define LOOK_LONG_S   30u /* in a pause that is older than LOOK_SELDOM_S */

const char *
dues_name(enum dues d)
{
	static const char *const names[] = { "running", "throttled", "paused", "ended" };

	return names[d];
}

/* ------------------------------------------------------------------ */
/* Spells.                                                              */

enum dues
spells_now(const struct spells *s, wall_t *since)
{
	const struct spell *last = s->count > 0 ? &s->list[s->count - 1] : NULL;

	*since = 0;
	if (last == NULL || last->until != 0)
		return DUES_RUN;
	*since = last->from;
	return last->kind;
}

static void
merge_oldest(struct spells *s)
{
	struct spell *list = s->list;

	list[0].until = list[1].until;
	list[0].kind = MAX(list[0].kind, list[1].kind);
	memmove(list + 1, list + 2, (s->count - 2) * sizeof(*list));
	s->count--;
}

void
spells_turn(struct spells *s, enum dues kind, wall_t at)
{
	wall_t since;

	if (spells_now(s, &since) == kind)
		return;
	/* A clock that has stepped back makes no spell end before it began. */
	if (since != 0)
		s->list[s->count - 1].until = MAX(at, since);
	if (kind == DUES_RUN)
		return;
	if (s->count == SPELLS_MAX)
		merge_oldest(s);
	if (s->count > 0)
		at = MAX(at, s->list[s->count - 1].until);
	s->list[s->count++] = (struct spell){ .kind = kind, .from = at };
}

int64_t
spells_us(const struct spells *s, enum dues kind, wall_t from, wall_t until)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct spell *p = &s->list[i];
		wall_t begin = MAX(p->from, from);
		wall_t end = p->until == 0 ? until : MIN(p->until, until);

		if (p->kind == kind && end > begin)
			sum += end - begin;
	}
	return sum;
}

/* ------------------------------------------------------------------ */
/* Amounts.                                                             */

static uint32_t
seconds(int64_t us)
{
	return us > 0 ? (uint32_t)MIN(us / SECOND_US, (int64_t)UINT32_MAX) : 0;
}

struct amount
dues_amount(const struct price_lease *l, const struct meter *m, const struct spells *s,
	    wall_t began, wall_t now, struct price_part parts[PRICE_PARTS])
{
	int64_t paused = spells_us(s, DUES_PAUSE, began, now),
		throttled = spells_us(s, DUES_THROTTLE, began, now);
	struct price_part own[PRICE_PARTS];
	struct amount base = rate_due(l->base, seconds(throttled)), due = { 0 };
	u128 left;

	price_parts(l, m, seconds(now - began - paused - throttled), own);
	for (size_t i = 0; i < PRICE_PARTS; i++)
		due.units += own[i].amount.units;
	left = l->deposit.units - MIN(due.units, l->deposit.units);
	base.units = MIN(base.units, left);
	own[PRICE_PARTS - 1].amount.units += base.units;
	if (parts != NULL)
		memcpy(parts, own, sizeof(own));
	return (struct amount){ due.units + base.units };
}

struct amount
dues_claim(const struct price_lease *l, const struct spells *s, struct amount paid,
	   wall_t accounted, wall_t now)
{
	int64_t ran = now - accounted - spells_us(s, DUES_PAUSE, accounted, now);

	return amount_min((struct amount){ paid.units + rate_due(l->base, seconds(ran)).units },
			  l->deposit);
}

struct amount
dues_unsigned(const struct dues_facts *f)
{
	wall_t since = f->signed_to != 0 ? f->signed_to : f->began;
	struct amount due = dues_amount(f->price, f->meter, f->spells, f->began, f->now, NULL);
	struct amount covered = dues_claim(f->price, f->spells, f->signed_for, since, f->now);

	return (struct amount){ due.units - MIN(due.units, covered.units) };
}

/* ------------------------------------------------------------------ */
/* The wish.                                                            */

static bool
is_dry(const struct dues_facts *f)
{
	struct amount due = dues_amount(f->price, f->meter, f->spells, f->began, f->now, NULL);

	return amount_cmp(due, f->price->deposit) >= 0;
}

/* Where all of the rate is base there is nothing to lose. */
static bool
is_unsigned(const struct dues_facts *f, enum dues state)
{
	wall_t since = f->signed_to != 0 ? f->signed_to : f->began;
	int64_t ran;

	if (f->price->billing != BILLING_METERED || f->price->base.nano >= f->price->rate.nano)
		return false;
	/* Until a voucher covers all that was metered before. */
	if (state == DUES_THROTTLE)
		return f->signed_to < f->spells->list[f->spells->count - 1].from;
	ran = f->now - since - spells_us(f->spells, DUES_PAUSE, since, f->now) -
	      spells_us(f->spells, DUES_THROTTLE, since, f->now);
	return ran + (int64_t)f->every_s * SECOND_US > (int64_t)f->unpaid_s * SECOND_US;
}

struct dues_next
dues_next(const struct dues_facts *f)
{
	wall_t since, over;
	enum dues state = spells_now(f->spells, &since);

	if (f->stopped)
		return (struct dues_next){ state == DUES_PAUSE ? DUES_END : DUES_PAUSE, f->now };
	if (is_dry(f) || (state == DUES_PAUSE && f->no_room)) {
		over = (state == DUES_PAUSE ? since : f->now) + (int64_t)f->keep_s * SECOND_US;
		/* Not by an old look: it may have been topped up since. */
		if (state == DUES_PAUSE && f->now >= over && f->seen >= over)
			return (struct dues_next){ DUES_END, over };
		return (struct dues_next){ DUES_PAUSE, over };
	}
	return (struct dues_next){ is_unsigned(f, state) ? DUES_THROTTLE : DUES_RUN, 0 };
}

uint32_t
dues_look_s(const struct dues_facts *f)
{
	wall_t since;
	struct amount due, left;

	if (spells_now(f->spells, &since) == DUES_PAUSE)
		return f->now - since > LOOK_SELDOM_S * SECOND_US ? LOOK_LONG_S : LOOK_OFTEN_S;
	due = dues_amount(f->price, f->meter, f->spells, f->began, f->now, NULL);
	left.units = f->price->deposit.units - MIN(due.units, f->price->deposit.units);
	return rate_lasts(f->price->rate, left) < LOOK_NEAR_S + 2 * f->every_s ? LOOK_OFTEN_S
									       : LOOK_SELDOM_S;
}
