/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meter in the book, by a process that is killed at any moment between reading,
 * storing and signing: no second is lost, none is counted twice, and a pause costs
 * nothing.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "provider/book_db.h"
#include "tests/unit/tap.h"

#define S     SECOND_US
#define BEGAN (1000 * S)

static char path[] = "/tmp/gavel-book-test.XXXXXX";

enum moment { READ, STORED, SIGNED, NEVER };

static struct price_lease
price_of(const struct work *w)
{
	return (struct price_lease){ .rate = w->terms.rate,
				     .base = w->terms.base,
				     .deposit = w->deposit,
				     .billing = BILLING_RESERVED };
}

static void
die_at(enum moment when, enum moment now)
{
	if (when == now)
		raise(SIGKILL);
}

/* One turn of the meter as metering.c has it. The container's CPU counter runs at a
 * quarter of the clock. */
static void
turn(struct book *b, struct arena *a, const struct hash *lease, uint32_t at, enum moment when)
{
	struct meter_reading r = { .at = BEGAN + at * S,
				   .running = true,
				   .memory_bytes = 1 << 20,
				   .units = { { at * UINT64_C(250000000), at } } };
	struct price_lease price;
	struct meter totals;
	struct dues_facts f;
	struct work w;
	struct err e = ERR_NONE;
	wall_t since;

	if (book_get(b, a, lease, &w, &e) != 1)
		fatal("%s", e.text);
	if (spells_now(&w.spells, &since) == DUES_RUN)
		meter_take(&w.meter, &r);
	price = price_of(&w);
	totals = meter_totals(&w.meter);
	f = (struct dues_facts){ .price = &price,
				 .meter = &totals,
				 .spells = &w.spells,
				 .began = BEGAN,
				 .now = r.at,
				 .keep_s = 1000 };
	spells_turn(&w.spells, dues_next(&f).want, r.at);
	die_at(when, READ);
	if (book_put(b, &w, &e) < 0)
		fatal("%s", e.text);
	die_at(when, STORED);
	if (spells_now(&w.spells, &since) != DUES_PAUSE)
		since = r.at;
	w.usage = meter_usage(&w.meter, &w.spells, &price, lease,
			      w.usage.seq != 0 ? &w.usage : NULL, since);
	if (book_put(b, &w, &e) < 0)
		fatal("%s", e.text);
	die_at(when, SIGNED);
}

static void
run(const struct hash *lease, uint32_t at, enum moment when)
{
	struct err e = ERR_NONE;
	pid_t pid = fork();
	struct arena a;
	int status;

	if (pid == 0) {
		struct book *b = book_open(path, &e);

		if (b == NULL)
			fatal("%s", e.text);
		arena_init(&a, 0);
		turn(b, &a, lease, at, when);
		_exit(0); /* nor is it ever closed in good order */
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fatal("fork");
	if (when != NEVER && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		fatal("it should have been killed");
}

static struct work
work_of(const struct hash *lease, struct arena *a)
{
	struct book *b;
	struct err e = ERR_NONE;
	struct work w;

	b = book_open(path, &e);
	if (b == NULL || book_get(b, a, lease, &w, &e) != 1)
		fatal("%s", e.text);
	book_close(b);
	return w;
}

static void
put(const struct work *w)
{
	struct err e = ERR_NONE;
	struct book *b = book_open(path, &e);

	if (b == NULL || book_put(b, w, &e) < 0)
		fatal("%s", e.text);
	book_close(b);
}

static struct work
fresh(uint8_t n, uint32_t deposit)
{
	static struct group_service web = { .name = "web", .count = 1 };

	return (struct work){ .hash = { { n } },
			      .state = WORK_RUNNING,
			      .award = { .group = { .name = "x",
						    .billing = "reserved",
						    .services = { &web, 1 } } },
			      .terms = { .rate = { RATE_UNIT }, .base = { RATE_UNIT } },
			      .meter = { .began = BEGAN },
			      .deposit = { deposit } };
}

/* What was sent is there after a kill; the first receipt stays; old ones go. */
static void
test_receipts(struct arena *a)
{
	struct hash offer = { { 1 } }, bid = { { 2 } }, other = { { 3 } };
	const wall_t day = 24 * 3600 * SECOND_US;
	struct err e = ERR_NONE;
	struct book *b = book_open(path, &e);
	struct book_receipt *r;
	size_t count;

	if (b == NULL || book_receipt_due(b, &offer, "{}", 10 * day, &e) < 0 ||
	    book_receipt_due(b, &bid, NULL, 11 * day, &e) < 0 ||
	    book_receipt_put(b, &bid, "first", &e) < 0 ||
	    book_receipt_put(b, &bid, "second", &e) < 0 ||
	    book_receipt_put(b, &other, "of nothing", &e) < 0 ||
	    book_receipt_due(b, &bid, NULL, 12 * day, &e) < 0)
		fatal("%s", e.text);
	book_close(b);
	b = book_open(path, &e);
	if (b == NULL || book_receipts(b, a, &r, &count, &e) < 0)
		fatal("%s", e.text);
	is_int((int)count, 2, "an offer and a bid were sent, and nothing else");
	ok(hash_equal(&r[0].item, &offer) && r[0].receipt == NULL, "the offer has no receipt yet");
	is_str(r[0].doc, "{}", "and its document is there");
	is_str(r[1].receipt, "first", "the bid keeps its first one, sent again or not");
	ok(r[1].doc == NULL, "and nothing that is sealed");
	if (book_receipt_due(b, &other, NULL, 18 * day - 1, &e) < 0 ||
	    book_receipts(b, a, &r, &count, &e) < 0)
		fatal("%s", e.text);
	ok(count == 2 && hash_equal(&r[0].item, &bid), "a week later they are forgotten");
	book_close(b);
}

int
main(void)
{
	struct work killed = fresh(1, 1000), steady = fresh(2, 1000), dry = fresh(3, 30), w;
	struct arena a;
	uint32_t deaths = 0;

	close(mkstemp(path));
	arena_init(&a, 0);
	put(&killed);
	put(&steady);
	put(&dry);
	for (uint32_t at = 0; at <= 90; at += 5) {
		/* Nothing is known before the first that is stored. */
		enum moment when = at == 90 ? NEVER : (enum moment)((at / 5 + 3) % 4);

		deaths += when != NEVER;
		run(&killed.hash, at, when);
		run(&steady.hash, at, NEVER);
		run(&dry.hash, at, when);
	}
	ok(deaths >= 12, "killed %u times", deaths);
	killed = work_of(&killed.hash, &a);
	steady = work_of(&steady.hash, &a);
	is_int((long long)(steady.meter.healthy_us / SECOND_US), 90, "a steady one counts 90 s");
	is_int((long long)(killed.meter.healthy_us / SECOND_US), 90, "and so does a killed one");
	is_int((long long)killed.meter.cpu_ns, (long long)steady.meter.cpu_ns, "the same CPU");
	is_int((long long)killed.meter.egress_bytes, (long long)steady.meter.egress_bytes,
	       "the same bytes");
	ok(killed.meter.memory_byte_us == steady.meter.memory_byte_us, "the same memory");
	is_int((long long)killed.usage.amount.units, 90, "and the same is due");

	w = work_of(&dry.hash, &a);
	is_int((long long)w.usage.amount.units, 30, "a deposit of 30 s, killed: 30 s are due");
	is_int(w.spells.count, 1, "it was paused once");
	is_int(w.spells.list[0].from / S - 1000, 30, "when nothing was left");
	is_int(w.usage.upTo, 1030, "up to there, and nothing is due for the time after it");
	w.deposit.units = 1000;
	put(&w);
	run(&w.hash, 100, READ);
	w = work_of(&w.hash, &a);
	is_int(w.spells.list[0].until, 0, "topped up, and killed before it is stored: paused");
	run(&w.hash, 110, STORED);
	run(&w.hash, 120, NEVER);
	w = work_of(&w.hash, &a);
	is_int((w.spells.list[0].until - w.spells.list[0].from) / S, 80, "the pause is 80 s");
	is_int((long long)w.usage.amount.units, 40, "and 10 s more are due");
	test_receipts(&a);
	unlink(path);
	arena_release(&a);
	return tap_done();
}
