/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim [seeds [first]]	run that many seeds, TAP on stdout
 * sim trace SEED	run one and print every event
 *
 * A violation names its seed and the last events, and ends the program with 1.
 */
#include "tests/sim/sim.h"

#include <stdarg.h>

#include "tests/unit/tap.h"

uint64_t sometimes[SOME_COUNT];

static const char *const some_names[SOME_COUNT] = {
	[SOME_VOID] = "a lease that never ran is voided",
	[SOME_REFUSAL] = "a winner refuses",
	[SOME_NO_ANSWER] = "a winner does not answer",
	[SOME_FALL_BACK] = "a lease opens after a winner failed",
	[SOME_OPEN_FAILED] = "the chain refuses to open",
	[SOME_OPENING_REORGED] = "an opening is reorganised away",
	[SOME_CLOSING_REORGED] = "an end is reorganised away",
	[SOME_RELEASE_REORGED] = "an opening goes after the last word",
	[SOME_VOID_AFTER_RELEASE] = "a void meets the last word",
	[SOME_CANCEL_AWARDED] = "a tenant cancels while awarded",
	[SOME_CANCEL_OPENING] = "a tenant cancels after the winner's signature",
	[SOME_DOUBLE_MESSAGE] = "a message comes twice",
	[SOME_RECORD_LOST] = "the market dies before its record",
	[SOME_SENT_UNRECORDED] = "a transaction is out, its record not",
	[SOME_ADOPTED] = "a container is adopted after a crash",
	[SOME_INFLATED] = "an inflated meter is refused",
	[SOME_UNPAID] = "a provider leaves unpaid",
	[SOME_STOPPED] = "a tenant stops a lease on the chain",
	[SOME_NEWCOMER_WON] = "a newcomer wins",
	[SOME_RUNNER_UP_PRICE] = "the runner-up sets the price",
	[SOME_ABOVE_MAX] = "the price is above the maximum",
	[SOME_UNFILLED] = "an order ends unfilled",
	[SOME_EXPIRED] = "an order ends because winners failed",
	[SOME_LATE_BID] = "a bid comes after its window",
	[SOME_CLOSED_PAID] = "a lease closes and was paid",
	[SOME_CHOSEN] = "a tenant picks from a ranking",
	[SOME_CHOSEN_AGAIN] = "and again, when the one it picked has failed",
	[SOME_NOT_CHOSEN] = "a tenant picks nobody",
};

static const char *const message_names[] = {
	"order",    "order_ack",    "cancel",	     "cancel_ack", "round",
	"bid",	    "decline",	    "award",	     "accept",	   "refuse",
	"launched", "launched_ack", "launch_failed", "lease_ask",  "lease_failed",
	"usage",    "voucher",	    "close",	     "release",
};

/* ------------------------------------------------------------------ */
/* Dice: xoshiro256** (Blackman and Vigna), seeded by splitmix64.       */

static uint64_t
rotate(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static void
dice_begin(struct sim *s)
{
	uint64_t x = s->seed;

	for (int i = 0; i < 4; i++) {
		uint64_t z = (x += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		s->dice[i] = z ^ z >> 31;
	}
}

uint64_t
sim_random(struct sim *s, uint64_t below)
{
	uint64_t *d = s->dice, result = rotate(d[1] * 5, 7) * 9, t = d[1] << 17;

	d[2] ^= d[0];
	d[3] ^= d[1];
	d[1] ^= d[2];
	d[0] ^= d[3];
	d[2] ^= t;
	d[3] = rotate(d[3], 45);
	return (uint64_t)((u128)result * below >> 64);
}

bool
sim_chance(struct sim *s, unsigned permille)
{
	return sim_random(s, 1000) < permille;
}

bool
sim_faults(const struct sim *s)
{
	return s->now < FAULTS_END;
}

struct address
sim_address(int account)
{
	struct address a = { { 0xac } };

	a.b[19] = (uint8_t)(account + 1);
	return a;
}

/* ------------------------------------------------------------------ */
/* The queue: a binary heap by time, then by age.                       */

static bool
event_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void
heap_push(struct sim *s, struct sim_event e)
{
	size_t i = s->heap_count++;

	if (i == s->heap_size) {
		s->heap_size = s->heap_size * 2 + 256;
		s->heap = xrealloc(s->heap, s->heap_size * sizeof(*s->heap));
	}
	e.seq = s->seq++;
	for (; i > 0 && event_before(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = e;
}

static struct sim_event
heap_pop(struct sim *s)
{
	struct sim_event top = s->heap[0], last = s->heap[--s->heap_count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < s->heap_count) {
		if (child + 1 < s->heap_count && event_before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!event_before(&s->heap[child], &last))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = last;
	return top;
}

void
sim_at(struct sim *s, wall_t at, enum event_kind kind, int who)
{
	heap_push(s, (struct sim_event){ .at = at, .kind = kind, .who = who });
}

/* ------------------------------------------------------------------ */
/* The network.                                                         */

static wall_t
delay(struct sim *s)
{
	wall_t us = 5000 + (wall_t)sim_random(s, 200000);

	if (sim_faults(s) && sim_chance(s, 100))
		us += (wall_t)sim_random(s, 8 * SECOND_US);
	return us;
}

void
sim_send(struct sim *s, const struct message *m)
{
	struct sim_event e = { .at = s->now + delay(s), .kind = EVENT_MESSAGE, .msg = *m };

	if (sim_faults(s) && sim_chance(s, 80)) {
		s->lost++;
		return;
	}
	heap_push(s, e);
	if (sim_faults(s) && sim_chance(s, 80)) {
		s->doubled++;
		e.copy = true;
		e.at = s->now + delay(s);
		heap_push(s, e);
	}
}

void
sim_put(struct sim *s, struct message m)
{
	if (s->out_count == NELEMS(s->out))
		sim_violation(s, "one event says too much");
	s->out[s->out_count++] = m;
}

void
sim_put_tx(struct sim *s, struct tx tx)
{
	if (s->out_tx_count == NELEMS(s->out_tx))
		sim_violation(s, "one event sends too many transactions");
	s->out_tx[s->out_tx_count++] = tx;
}

/* ------------------------------------------------------------------ */
/* One run.                                                             */

static void
print_event(const struct sim_event *e)
{
	static const char *const kinds[] = { "message", "tenant", "provider", "desk", "block" };

	if (e->kind == EVENT_MESSAGE)
		printf("# %9.3f s  %s%s from %d to %d, order %d, lease %d\n", (double)e->at / 1e6,
		       message_names[e->msg.kind], e->copy ? " (copy)" : "", e->msg.from, e->msg.to,
		       e->msg.order, e->msg.lease);
	else
		printf("# %9.3f s  %s %d\n", (double)e->at / 1e6, kinds[e->kind], e->who);
}

void
sim_violation(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	for (size_t i = 0; i < NELEMS(s->trail); i++)
		print_event(&s->trail[(s->events + i) % NELEMS(s->trail)]);
	printf("not ok 1 - seed %llu, %.3f s: ", (unsigned long long)s->seed, (double)s->now / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n# again with: sim trace %llu\n1..1\n", (unsigned long long)s->seed);
	exit(1);
}

static bool
all_over(const struct sim *s)
{
	for (int i = 0; i < ORDERS; i++)
		if (!order_ended(s->market.orders[i].state))
			return false;
	for (int i = 0; i < s->market.lease_count; i++)
		if (s->chain.state.lock[i].state == LOCK_OPEN || s->containers[i].running)
			return false;
	for (int i = 0; i < PROVIDERS; i++)
		if (s->providers[i].reserved.cpu_milli != 0)
			return false;
	return true;
}

static void
dispatch(struct sim *s, const struct sim_event *e)
{
	s->out_count = s->out_tx_count = 0;
	if (e->copy)
		SOMETIMES(SOME_DOUBLE_MESSAGE);
	switch (e->kind) {
	case EVENT_BLOCK: chain_block(s); return;
	case EVENT_DESK: market_event(s, e); return;
	case EVENT_TENANT: tenant_event(s, e); return;
	case EVENT_PROVIDER: provider_event(s, e); return;
	case EVENT_MESSAGE: break;
	}
	if (e->msg.to == MARKET)
		market_event(s, e);
	else if (e->msg.to < TENANTS)
		tenant_event(s, e);
	else
		provider_event(s, e);
}

static void
run_seed(struct sim *s, uint64_t seed)
{
	s->seed = seed;
	dice_begin(s);
	chain_begin(s);
	parties_begin(s);
	market_begin(s);
	sim_at(s, 0, EVENT_BLOCK, 0);
	while (s->now < DRAIN_END && !(s->now > FAULTS_END && all_over(s))) {
		struct sim_event e = heap_pop(s);

		s->now = e.at;
		s->trail[s->events++ % NELEMS(s->trail)] = e;
		if (s->tracing)
			print_event(&e);
		dispatch(s, &e);
		check_world(s);
	}
	check_end(s);
}

struct totals {
	uint64_t events, crashes, reorgs, lost, doubled;
	wall_t simulated;
};

static void
run_many(uint64_t first, uint64_t count, bool tracing, struct totals *sum)
{
	struct block *blocks = xcalloc(BLOCKS, sizeof(*blocks));
	struct sim *s = xmalloc(sizeof(*s));
	struct sim_event *heap = NULL;
	size_t heap_size = 0;

	for (uint64_t seed = first; seed < first + count; seed++) {
		memset(s, 0, sizeof(*s));
		s->blocks = blocks;
		s->heap = heap;
		s->heap_size = heap_size;
		s->tracing = tracing;
		run_seed(s, seed);
		heap = s->heap;
		heap_size = s->heap_size;
		sum->events += s->events;
		sum->crashes += s->crashes;
		sum->reorgs += s->reorgs;
		sum->lost += s->lost;
		sum->doubled += s->doubled;
		sum->simulated += s->now;
	}
	free(heap);
	free(s);
	free(blocks);
}

int
main(int argc, char **argv)
{
	bool tracing = argc == 3 && strcmp(argv[1], "trace") == 0;
	uint64_t count = tracing ? 1 : argc > 1 ? strtoull(argv[1], NULL, 10) : 300;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct totals sum = { 0 };

	run_many(first, count, tracing, &sum);
	ok(true, "%llu seeds from %llu: every invariant held after every event",
	   (unsigned long long)count, (unsigned long long)first);
	/* A few seeds need not have seen everything. */
	for (int i = 0; i < SOME_COUNT; i++)
		if (count >= 100)
			ok(sometimes[i] > 0, "it happened: %s (%llu times)", some_names[i],
			   (unsigned long long)sometimes[i]);
	printf("# %llu events, %llu crashes, %llu reorganisations, %llu messages lost, %llu "
	       "doubled, "
	       "%.1f simulated days\n",
	       (unsigned long long)sum.events, (unsigned long long)sum.crashes,
	       (unsigned long long)sum.reorgs, (unsigned long long)sum.lost,
	       (unsigned long long)sum.doubled, (double)sum.simulated / 86400e6);
	return tap_done();
}
