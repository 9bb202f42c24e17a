/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/life.h"

/* ------------------------------------------------------------------ */
/* Moves.                                                              */

#define BIT(s) (1u << (s))

static const unsigned order_moves[] = {
	[ORDER_OPEN] = BIT(ORDER_BIDDING) | BIT(ORDER_RANKED) | BIT(ORDER_UNFILLED) |
		       BIT(ORDER_CANCELLED) | BIT(ORDER_EXPIRED),
	[ORDER_BIDDING] = BIT(ORDER_OPEN) | BIT(ORDER_RANKED) | BIT(ORDER_AWARDED) |
			  BIT(ORDER_UNFILLED) | BIT(ORDER_CANCELLED),
	[ORDER_RANKED] = BIT(ORDER_AWARDED) | BIT(ORDER_UNFILLED) | BIT(ORDER_CANCELLED) |
			 BIT(ORDER_EXPIRED),
	[ORDER_AWARDED] =
		BIT(ORDER_OPEN) | BIT(ORDER_LEASED) | BIT(ORDER_CANCELLED) | BIT(ORDER_EXPIRED),
	[ORDER_LEASED] = BIT(ORDER_OPEN) | BIT(ORDER_CLOSED) | BIT(ORDER_EXPIRED) |
			 BIT(ORDER_AWARDED) /* the opening block was reorganised away */,
	[ORDER_CLOSED] = 0,
};

static const unsigned lease_moves[] = {
	[LEASE_NONE] = BIT(LEASE_AWARDED),
	[LEASE_AWARDED] = BIT(LEASE_OPENING) | BIT(LEASE_FAILED),
	[LEASE_OPENING] = BIT(LEASE_ACTIVE) | BIT(LEASE_FAILED),
	[LEASE_ACTIVE] =
		BIT(LEASE_CLOSING) | BIT(LEASE_FAILED) | BIT(LEASE_CLOSED) | BIT(LEASE_OPENING),
	/* A void may be mined after the last word, or the opening be reorganised away. */
	[LEASE_CLOSING] =
		BIT(LEASE_CLOSED) | BIT(LEASE_ACTIVE) | BIT(LEASE_FAILED) | BIT(LEASE_OPENING),
	[LEASE_FAILED] = 0,
};

bool
order_may_move(enum order_state from, enum order_state to)
{
	return from < NELEMS(order_moves) && (order_moves[from] & BIT(to)) != 0;
}

bool
lease_may_move(enum lease_state from, enum lease_state to)
{
	return from < NELEMS(lease_moves) && (lease_moves[from] & BIT(to)) != 0;
}

bool
order_ended(enum order_state s)
{
	return s == ORDER_UNFILLED || s == ORDER_CANCELLED || s == ORDER_EXPIRED ||
	       s == ORDER_CLOSED;
}

/* ------------------------------------------------------------------ */
/* What to do.                                                         */

static struct life_step
act(enum life_action action)
{
	return (struct life_step){ .action = action };
}

static struct life_step
wait_until(wall_t until)
{
	return (struct life_step){ .action = LIFE_WAIT, .until = until };
}

static struct life_step
next_open(const struct life_facts *f, wall_t now)
{
	if (f->cancel_asked)
		return act(LIFE_CANCEL);
	if (f->failures >= LIFE_FAILURES_MAX)
		return act(LIFE_EXPIRE);
	if (f->ranked && now < f->choose_by)
		return act(LIFE_RANK);
	/* Those who could have run it have failed, and nobody else wants it. */
	if (f->failures > 0 && f->deserted)
		return act(LIFE_EXPIRE);
	if (now >= f->order_ends)
		return act(f->failures > 0 ? LIFE_EXPIRE : LIFE_UNFILLED);
	return f->fast ? wait_until(f->order_ends) : act(LIFE_ANNOUNCE);
}

static struct life_step
next_bidding(const struct life_facts *f, wall_t now)
{
	if (f->fast) /* a tick has it, and does not keep it for long */
		return wait_until(0);
	if (f->cancel_asked)
		return act(LIFE_CANCEL);
	if (now >= f->round_ends || (f->invited > 0 && f->answered >= f->invited))
		return act(LIFE_CLEAR);
	return wait_until(f->round_ends);
}

/* A choice that came in time is awarded, however late it is now. */
static struct life_step
next_ranked(const struct life_facts *f, wall_t now)
{
	if (f->cancel_asked)
		return act(LIFE_CANCEL);
	if (f->chosen)
		return act(LIFE_AWARD);
	if (now >= f->choose_by)
		return act(f->failures > 0 ? LIFE_EXPIRE : LIFE_UNFILLED);
	return wait_until(f->choose_by);
}

/* The winner is signed: it must accept, then the chain must take it. */
static struct life_step
next_awarded(const struct life_facts *f, wall_t now)
{
	if (f->opened)
		return act(LIFE_MARK_OPENED);
	if (f->refused || f->open_failed)
		return act(LIFE_FAIL_AWARD);
	if (f->accepted) {
		/* Under way: only the chain can say how it ends. */
		if (f->open_pending)
			return wait_until(0);
		return f->cancel_asked ? act(LIFE_CANCEL) : act(LIFE_SEND_OPEN);
	}
	if (f->cancel_asked)
		return act(LIFE_CANCEL);
	if (now >= f->accept_by)
		return act(LIFE_FAIL_AWARD);
	return wait_until(f->accept_by);
}

static bool
has_lived(const struct life_facts *f)
{
	return f->seen_at == 0 || f->seen_at >= f->launched_at + LIFE_PROOF_US;
}

/* Launched: it must live for a while, or it counts as a failed launch. */
static struct life_step
next_launched(const struct life_facts *f, wall_t now)
{
	bool may_void = now < f->void_until && !f->paid;

	if (may_void && (f->launch_failed || (!has_lived(f) && now >= f->seen_at + LIFE_SILENT_US)))
		return act(LIFE_SEND_VOID);
	if (!f->launch_told)
		return act(LIFE_TELL_LAUNCHED);
	if (!may_void || has_lived(f))
		return wait_until(0);
	return wait_until(MIN(f->seen_at + LIFE_SILENT_US, f->void_until));
}

static struct life_step
next_leased(const struct life_facts *f, wall_t now)
{
	if (f->closed)
		return act(LIFE_MARK_CLOSED);
	if (f->voided)
		return act(LIFE_FAIL_AWARD);
	if (f->close_pending || f->void_pending)
		return wait_until(0);
	if (f->released)
		return act(LIFE_SEND_CLOSE);
	if (f->launched)
		return next_launched(f, now);
	if (now < f->void_until && (f->launch_failed || now >= f->launch_by))
		return act(LIFE_SEND_VOID);
	return now < f->launch_by ? wait_until(f->launch_by) : wait_until(0);
}

struct life_step
life_next(const struct life_facts *f, wall_t now)
{
	switch (f->order) {
	case ORDER_OPEN: return next_open(f, now);
	case ORDER_BIDDING: return next_bidding(f, now);
	case ORDER_RANKED: return next_ranked(f, now);
	case ORDER_AWARDED: return next_awarded(f, now);
	case ORDER_LEASED: return next_leased(f, now);
	case ORDER_UNFILLED:
	case ORDER_CANCELLED:
	case ORDER_EXPIRED:
	case ORDER_CLOSED: break;
	}
	return wait_until(0);
}

/* ------------------------------------------------------------------ */
/* Names.                                                              */

static const char *const order_names[] = { "open",     "bidding",   "ranked",  "awarded", "leased",
					   "unfilled", "cancelled", "expired", "closed" };
static const char *const lease_names[] = { "none",    "awarded", "opening", "active",
					   "closing", "closed",	 "failed" };

const char *
order_state_name(enum order_state s)
{
	return order_names[s];
}

const char *
lease_state_name(enum lease_state s)
{
	return lease_names[s];
}

static int
name_read(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

int
order_state_read(const char *name, enum order_state *out)
{
	int i = name_read(order_names, NELEMS(order_names), name);

	if (i >= 0)
		*out = (enum order_state)i;
	return i < 0 ? -1 : 0;
}

int
lease_state_read(const char *name, enum lease_state *out)
{
	int i = name_read(lease_names, NELEMS(lease_names), name);

	if (i >= 0)
		*out = (enum lease_state)i;
	return i < 0 ? -1 : 0;
}

const char *
life_action_name(enum life_action a)
{
	static const char *const names[] = { "wait",	  "announce",	 "clear",
					     "award",	  "rank",	 "fail_award",
					     "send_open", "mark_opened", "tell_launched",
					     "send_void", "send_close",	 "mark_closed",
					     "unfilled",  "cancel",	 "expire" };

	return names[a];
}
