/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h: each action with the facts that call for it, each refusal, and over
 * all combinations of facts: nothing in an ended order, nothing twice.
 */
#include "lease/life.h"

#include "tests/unit/tap.h"

#define NOW 1000

/* Times that have passed, or not, at NOW. */
#define PAST 900
#define SOON 1100

struct life_case {
	const char *what;
	struct life_facts f;
	enum life_action action;
	wall_t until;
};

#define OPEN .order = ORDER_OPEN, .order_ends = SOON
#define BIDDING                                                                                    \
	.order = ORDER_BIDDING, .round = 1, .order_ends = SOON, .round_ends = SOON, .invited = 3
#define RANKED .order = ORDER_RANKED, .round = 1, .order_ends = SOON, .choose_by = SOON
#define AWARDED                                                                                    \
	.order = ORDER_AWARDED, .lease = LEASE_AWARDED, .order_ends = SOON, .accept_by = SOON
#define OPENING .order = ORDER_AWARDED, .lease = LEASE_OPENING, .accepted = true, .accept_by = PAST
#define ACTIVE                                                                                     \
	.order = ORDER_LEASED, .lease = LEASE_ACTIVE, .accepted = true, .opened = true,            \
	.opened_at = PAST, .launch_by = SOON, .void_until = SOON + 50

static const struct life_case cases[] = {
	{ "an open order begins a round", { OPEN }, LIFE_ANNOUNCE, 0 },
	{ "another after a failure",
	  { OPEN, .failures = LIFE_FAILURES_MAX - 1 },
	  LIFE_ANNOUNCE,
	  0 },
	{ "but not after too many", { OPEN, .failures = LIFE_FAILURES_MAX }, LIFE_EXPIRE, 0 },
	{ "nor too late: unfilled", { .order = ORDER_OPEN, .order_ends = NOW }, LIFE_UNFILLED, 0 },
	{ "too late with failures: expired",
	  { .order = ORDER_OPEN, .order_ends = NOW, .failures = 1 },
	  LIFE_EXPIRE,
	  0 },
	{ "an open order is taken back", { OPEN, .cancel_asked = true }, LIFE_CANCEL, 0 },
	{ "taking back goes before the end",
	  { .order = ORDER_OPEN, .order_ends = PAST, .cancel_asked = true },
	  LIFE_CANCEL,
	  0 },

	{ "a fast order is left to the ticks", { OPEN, .fast = true }, LIFE_WAIT, SOON },
	{ "also after a failure", { OPEN, .fast = true, .failures = 1 }, LIFE_WAIT, SOON },
	{ "but not after too many",
	  { OPEN, .fast = true, .failures = LIFE_FAILURES_MAX },
	  LIFE_EXPIRE,
	  0 },
	{ "it ends when its time is over",
	  { .order = ORDER_OPEN, .order_ends = NOW, .fast = true },
	  LIFE_UNFILLED,
	  0 },
	{ "it is taken back", { OPEN, .fast = true, .cancel_asked = true }, LIFE_CANCEL, 0 },
	{ "but not out of a tick",
	  { BIDDING, .fast = true, .cancel_asked = true, .answered = 3 },
	  LIFE_WAIT,
	  0 },

	{ "a round waits for its end", { BIDDING, .answered = 2 }, LIFE_WAIT, SOON },
	{ "or until all have answered", { BIDDING, .answered = 3 }, LIFE_CLEAR, 0 },
	{ "a round ends in time",
	  { .order = ORDER_BIDDING, .order_ends = SOON, .round_ends = NOW, .invited = 3 },
	  LIFE_CLEAR,
	  0 },
	{ "nobody invited is no reason to hurry",
	  { .order = ORDER_BIDDING, .order_ends = SOON, .round_ends = SOON },
	  LIFE_WAIT,
	  SOON },
	{ "a round is taken back",
	  { BIDDING, .answered = 3, .cancel_asked = true },
	  LIFE_CANCEL,
	  0 },

	{ "a ranking waits for the tenant", { RANKED }, LIFE_WAIT, SOON },
	{ "its choice is awarded", { RANKED, .chosen = true }, LIFE_AWARD, 0 },
	{ "and if it came in time, also later",
	  { .order = ORDER_RANKED, .order_ends = SOON, .choose_by = PAST, .chosen = true },
	  LIFE_AWARD,
	  0 },
	{ "no choice in time: unfilled",
	  { .order = ORDER_RANKED, .order_ends = SOON, .choose_by = NOW },
	  LIFE_UNFILLED,
	  0 },
	{ "or, after a failure, expired",
	  { .order = ORDER_RANKED, .order_ends = SOON, .choose_by = NOW, .failures = 1 },
	  LIFE_EXPIRE,
	  0 },
	{ "a ranking is taken back, chosen or not",
	  { RANKED, .chosen = true, .cancel_asked = true },
	  LIFE_CANCEL,
	  0 },
	{ "the chosen one has failed: back to the ranking",
	  { OPEN, .failures = 1, .ranked = true, .choose_by = SOON },
	  LIFE_RANK,
	  0 },
	{ "if there is anybody left in it",
	  { OPEN, .failures = 1, .choose_by = SOON },
	  LIFE_ANNOUNCE,
	  0 },
	{ "and its bids still hold",
	  { OPEN, .failures = 1, .ranked = true, .choose_by = NOW },
	  LIFE_ANNOUNCE,
	  0 },
	{ "not after too many failures",
	  { OPEN, .failures = LIFE_FAILURES_MAX, .ranked = true, .choose_by = SOON },
	  LIFE_EXPIRE,
	  0 },

	{ "a winner has its time", { AWARDED }, LIFE_WAIT, SOON },
	{ "and no more",
	  { .order = ORDER_AWARDED, .lease = LEASE_AWARDED, .accept_by = NOW },
	  LIFE_FAIL_AWARD,
	  0 },
	{ "a winner refuses", { AWARDED, .refused = true }, LIFE_FAIL_AWARD, 0 },
	{ "an award is taken back", { AWARDED, .cancel_asked = true }, LIFE_CANCEL, 0 },
	{ "a signed lease is opened, however late", { OPENING }, LIFE_SEND_OPEN, 0 },
	{ "once", { OPENING, .open_pending = true }, LIFE_WAIT, 0 },
	{ "a signed lease is taken back before that",
	  { OPENING, .cancel_asked = true },
	  LIFE_CANCEL,
	  0 },
	{ "but not after", { OPENING, .open_pending = true, .cancel_asked = true }, LIFE_WAIT, 0 },
	{ "the chain refuses", { OPENING, .open_failed = true }, LIFE_FAIL_AWARD, 0 },
	{ "the chain takes it",
	  { OPENING, .opened = true, .open_pending = true },
	  LIFE_MARK_OPENED,
	  0 },
	{ "whatever the tenant asks meanwhile",
	  { OPENING, .opened = true, .cancel_asked = true },
	  LIFE_MARK_OPENED,
	  0 },
	{ "or an earlier attempt says",
	  { OPENING, .opened = true, .open_failed = true },
	  LIFE_MARK_OPENED,
	  0 },

	{ "a lease has time to launch", { ACTIVE }, LIFE_WAIT, SOON },
	{ "a lease that cannot launch is voided",
	  { ACTIVE, .launch_failed = true },
	  LIFE_SEND_VOID,
	  0 },
	{ "a lease that did not launch is voided",
	  { .order = ORDER_LEASED,
	    .lease = LEASE_ACTIVE,
	    .opened = true,
	    .launch_by = NOW,
	    .void_until = SOON },
	  LIFE_SEND_VOID,
	  0 },
	{ "once", { ACTIVE, .launch_failed = true, .void_pending = true }, LIFE_WAIT, 0 },
	{ "while the chain takes it",
	  { .order = ORDER_LEASED,
	    .lease = LEASE_ACTIVE,
	    .opened = true,
	    .launch_by = PAST,
	    .void_until = NOW },
	  LIFE_WAIT,
	  0 },
	{ "a lease that runs is left alone",
	  { .order = ORDER_LEASED,
	    .lease = LEASE_ACTIVE,
	    .opened = true,
	    .launched = true,
	    .launch_told = true,
	    .launch_by = PAST,
	    .void_until = SOON },
	  LIFE_WAIT,
	  0 },
	{ "and said to run, once", { ACTIVE, .launched = true }, LIFE_TELL_LAUNCHED, 0 },
	{ "but not after its last word",
	  { ACTIVE, .launched = true, .released = true },
	  LIFE_SEND_CLOSE,
	  0 },
	{ "and if its tenant wanted the order back",
	  { ACTIVE, .launched = true, .launch_told = true, .cancel_asked = true },
	  LIFE_WAIT,
	  0 },
	{ "a voided lease gives the order back", { ACTIVE, .voided = true }, LIFE_FAIL_AWARD, 0 },
	{ "a last word is taken to the chain",
	  { ACTIVE, .launched = true, .released = true },
	  LIFE_SEND_CLOSE,
	  0 },
	{ "also of a lease that never ran",
	  { ACTIVE, .released = true, .launch_failed = true },
	  LIFE_SEND_CLOSE,
	  0 },
	{ "once",
	  { ACTIVE, .launched = true, .released = true, .close_pending = true },
	  LIFE_WAIT,
	  0 },
	{ "a close does not overtake a void",
	  { ACTIVE, .released = true, .void_pending = true },
	  LIFE_WAIT,
	  0 },
	{ "the chain has closed it",
	  { ACTIVE, .released = true, .close_pending = true, .closed = true },
	  LIFE_MARK_CLOSED,
	  0 },
	{ "the winner says that it died at once",
	  { ACTIVE, .launched = true, .launch_failed = true },
	  LIFE_SEND_VOID,
	  0 },
	{ "it has fallen silent",
	  { ACTIVE, .launched = true, .launch_told = true, .launched_at = PAST,
	    .seen_at = NOW - LIFE_SILENT_US },
	  LIFE_SEND_VOID,
	  0 },
	{ "not if something was paid",
	  { ACTIVE, .launched = true, .launch_told = true, .launch_failed = true, .paid = true },
	  LIFE_WAIT,
	  0 },
	{ "it is watched for a while",
	  { .order = ORDER_LEASED,
	    .lease = LEASE_ACTIVE,
	    .void_until = NOW + 2 * LIFE_PROOF_US,
	    .launched = true,
	    .launch_told = true,
	    .launched_at = NOW,
	    .seen_at = NOW },
	  LIFE_WAIT,
	  NOW + LIFE_SILENT_US },
	{ "and then no more",
	  { ACTIVE, .launched = true, .launch_told = true, .launched_at = NOW - LIFE_PROOF_US,
	    .seen_at = NOW },
	  LIFE_WAIT,
	  0 },
	{ "without our doing", { ACTIVE, .launched = true, .closed = true }, LIFE_MARK_CLOSED, 0 },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct life_step step = life_next(&cases[i].f, NOW);

		ok(step.action == cases[i].action && step.until == cases[i].until, "%s",
		   cases[i].what);
		if (step.action != cases[i].action)
			printf("#   got %s\n#  want %s\n", life_action_name(step.action),
			       life_action_name(cases[i].action));
	}
}

/* The facts that are yes or no, and times before or after now, from bits. */
static struct life_facts
facts_from(unsigned bits, enum order_state order, enum lease_state lease)
{
	struct life_facts f = { .order = order, .lease = lease, .invited = 2, .opened_at = PAST };
	bool *flags[] = { &f.cancel_asked, &f.refused,	   &f.accepted, &f.open_pending,
			  &f.open_failed,  &f.opened,	   &f.launched, &f.launch_failed,
			  &f.void_pending, &f.voided,	   &f.released, &f.close_pending,
			  &f.closed,	   &f.launch_told, &f.ranked,	&f.chosen };
	wall_t *times[] = { &f.order_ends, &f.round_ends, &f.accept_by,
			    &f.launch_by,  &f.void_until, &f.choose_by };

	for (size_t i = 0; i < NELEMS(flags); i++, bits >>= 1)
		*flags[i] = (bits & 1) != 0;
	for (size_t i = 0; i < NELEMS(times); i++, bits >>= 1)
		*times[i] = (bits & 1) != 0 ? PAST : SOON;
	f.answered = bits & 1 ? 2 : 0;
	f.failures = bits & 2 ? LIFE_FAILURES_MAX : 0;
	return f;
}

#define ALL_BITS (1u << 24)

/* Where each action may be said, and where it would lead. */
static bool
fits(const struct life_facts *f, enum life_action action)
{
	switch (action) {
	case LIFE_WAIT: return true;
	case LIFE_ANNOUNCE: return f->order == ORDER_OPEN && !f->cancel_asked;
	case LIFE_CLEAR: return f->order == ORDER_BIDDING && !f->cancel_asked;
	case LIFE_AWARD: return f->order == ORDER_RANKED && f->chosen && !f->cancel_asked;
	case LIFE_RANK:
		return f->order == ORDER_OPEN && f->ranked && f->choose_by > NOW &&
		       f->failures < LIFE_FAILURES_MAX;
	case LIFE_FAIL_AWARD: return order_may_move(f->order, ORDER_OPEN);
	case LIFE_SEND_OPEN:
		return f->order == ORDER_AWARDED && f->accepted && !f->open_pending && !f->opened &&
		       !f->cancel_asked;
	case LIFE_MARK_OPENED: return f->order == ORDER_AWARDED && f->opened;
	case LIFE_TELL_LAUNCHED: return f->order == ORDER_LEASED && f->launched && !f->launch_told;
	case LIFE_SEND_VOID:
		return f->order == ORDER_LEASED && (!f->launched || f->launch_failed) &&
		       !f->void_pending && !f->released && f->void_until > NOW;
	case LIFE_SEND_CLOSE:
		return f->order == ORDER_LEASED && f->released && !f->close_pending && !f->closed;
	case LIFE_MARK_CLOSED: return f->order == ORDER_LEASED && f->closed;
	case LIFE_UNFILLED: return order_may_move(f->order, ORDER_UNFILLED) && f->failures == 0;
	case LIFE_CANCEL:
		return f->cancel_asked && order_may_move(f->order, ORDER_CANCELLED) && !f->opened;
	case LIFE_EXPIRE: return order_may_move(f->order, ORDER_EXPIRED) && f->failures > 0;
	}
	return false;
}

static void
test_all_facts(void)
{
	unsigned acted_in_ended = 0, misplaced = 0, backwards = 0;

	for (enum order_state s = ORDER_OPEN; s <= ORDER_CLOSED; s++)
		for (unsigned bits = 0; bits < ALL_BITS; bits++) {
			struct life_facts f = facts_from(bits, s, LEASE_ACTIVE);
			struct life_step step;

			/* Before a lease the chain has nothing to say. */
			if ((s == ORDER_OPEN || s == ORDER_BIDDING || s == ORDER_RANKED) &&
			    f.opened)
				continue;
			step = life_next(&f, NOW);
			acted_in_ended +=
				order_ended(s) && (step.action != LIFE_WAIT || step.until != 0);
			misplaced += !fits(&f, step.action);
			backwards +=
				step.action == LIFE_WAIT && step.until != 0 && step.until <= NOW;
		}
	is_int(acted_in_ended, 0, "an ended order is left alone, whatever the facts");
	is_int(misplaced, 0, "every action fits its state");
	is_int(backwards, 0, "nobody waits for a time that has passed");
}

static void
test_moves(void)
{
	static const struct {
		enum order_state from, to;
		bool may;
	} orders[] = {
		{ ORDER_BIDDING, ORDER_RANKED, true }, { ORDER_RANKED, ORDER_AWARDED, true },
		{ ORDER_RANKED, ORDER_LEASED, false }, { ORDER_AWARDED, ORDER_RANKED, false },
		{ ORDER_OPEN, ORDER_BIDDING, true },   { ORDER_OPEN, ORDER_AWARDED, false },
		{ ORDER_BIDDING, ORDER_OPEN, true },   { ORDER_BIDDING, ORDER_LEASED, false },
		{ ORDER_AWARDED, ORDER_LEASED, true }, { ORDER_AWARDED, ORDER_CLOSED, false },
		{ ORDER_LEASED, ORDER_AWARDED, true }, { ORDER_LEASED, ORDER_CANCELLED, false },
		{ ORDER_LEASED, ORDER_CLOSED, true },  { ORDER_OPEN, ORDER_OPEN, false },
	};
	static const struct {
		enum lease_state from, to;
		bool may;
	} leases[] = {
		{ LEASE_NONE, LEASE_AWARDED, true },	{ LEASE_NONE, LEASE_ACTIVE, false },
		{ LEASE_AWARDED, LEASE_OPENING, true }, { LEASE_AWARDED, LEASE_ACTIVE, false },
		{ LEASE_OPENING, LEASE_ACTIVE, true },	{ LEASE_ACTIVE, LEASE_OPENING, true },
		{ LEASE_ACTIVE, LEASE_CLOSING, true },	{ LEASE_CLOSING, LEASE_CLOSED, true },
		{ LEASE_CLOSED, LEASE_ACTIVE, false },	{ LEASE_FAILED, LEASE_OPENING, false },
	};
	unsigned left = 0;

	for (size_t i = 0; i < NELEMS(orders); i++)
		ok(order_may_move(orders[i].from, orders[i].to) == orders[i].may, "order: %s to %s",
		   order_state_name(orders[i].from), order_state_name(orders[i].to));
	for (size_t i = 0; i < NELEMS(leases); i++)
		ok(lease_may_move(leases[i].from, leases[i].to) == leases[i].may, "lease: %s to %s",
		   lease_state_name(leases[i].from), lease_state_name(leases[i].to));
	for (enum order_state from = ORDER_OPEN; from <= ORDER_CLOSED; from++)
		for (enum order_state to = ORDER_OPEN; to <= ORDER_CLOSED; to++)
			left += order_ended(from) && order_may_move(from, to);
	for (enum lease_state to = LEASE_NONE; to <= LEASE_FAILED; to++)
		left += lease_may_move(LEASE_CLOSED, to) || lease_may_move(LEASE_FAILED, to);
	is_int(left, 0, "no state is left once it has ended");
}

static void
test_names(void)
{
	enum order_state o;
	enum lease_state l;

	for (enum order_state s = ORDER_OPEN; s <= ORDER_CLOSED; s++)
		ok(order_state_read(order_state_name(s), &o) == 0 && o == s, "%s reads back",
		   order_state_name(s));
	for (enum lease_state s = LEASE_NONE; s <= LEASE_FAILED; s++)
		ok(lease_state_read(lease_state_name(s), &l) == 0 && l == s, "%s reads back",
		   lease_state_name(s));
	ok(order_state_read("", &o) < 0 && order_state_read("OPEN", &o) < 0,
	   "no other name is a state");
	ok(lease_state_read("leased", &l) < 0, "nor is an order's a lease's");
	is_str(life_action_name(LIFE_EXPIRE), "expire", "the last action has its name");
}

int
main(void)
{
	test_cases();
	test_all_facts();
	test_moves();
	test_names();
	return tap_done();
}
