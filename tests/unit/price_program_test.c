/* SPDX-License-Identifier: Apache-2.0 */
/* price_program.h: places, time, what a program gets and what it cannot. */
#include "provider/bid/price_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tests/unit/tap.h"

static char dir[] = "/tmp/gavel-price-XXXXXX";
static struct arena arena;

static struct provider_settings
settings(const char *script, uint32_t timeout_ms, uint32_t at_once, const char *fallback)
{
	static const char *argv[1];
	char *path = arena_printf(&arena, "%s/price", dir);
	FILE *f = fopen(path, "we");

	if (f == NULL)
		fatal("open %s", path);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	chmod(path, 0755);
	argv[0] = path;
	return (struct provider_settings){ .price_program = { argv, 1 },
					   .price_timeout_ms = timeout_ms,
					   .price_at_once = at_once,
					   .price_fallback = fallback };
}

/* ------------------------------------------------------------------ */

static void
test_now(void)
{
	static const struct {
		const char *what, *script, *fallback, *decline;
		long long floor;
	} rows[] = {
		{ "an answer", "echo '{\"floor\":\"7\",\"list\":\"8\"}'", "decline", NULL, 7 },
		{ "the question comes on standard input",
		  "read -r q; [ \"$q\" = '{\"q\":1}' ] && echo '{\"floor\":\"7\",\"list\":\"8\"}'",
		  "decline", NULL, 7 },
		{ "who does not read it may answer too",
		  "exec <&-; echo '{\"floor\":\"7\",\"list\":\"8\"}'", "decline", NULL, 7 },
		{ "no descriptor of ours, no environment",
		  "[ -z \"$GAVEL_SECRET\" ] && [ ! -e /proc/self/fd/77 ] && "
		  "echo '{\"floor\":\"7\",\"list\":\"8\"}'",
		  "decline", NULL, 7 },
		{ "a price, but status 1", "echo '{\"floor\":\"7\",\"list\":\"8\"}'; exit 1",
		  "decline", "price", 100 },
		{ "late", "sleep 5; echo '{\"floor\":\"7\",\"list\":\"8\"}'", "decline", "price",
		  100 },
		{ "late, with a card to fall back to", "sleep 5", "card", NULL, 100 },
		{ "too much",
		  "printf '{\"floor\":\"7\",\"list\":\"8\"'; head -c 100000 /dev/zero | "
		  "tr '\\0' ' '; echo '}'",
		  "decline", "price", 100 },
		{ "killed by itself", "kill -9 $$", "decline", "price", 100 },
	};

	setenv("GAVEL_SECRET", "x", 1);
	dup2(1, 77);
	for (size_t i = 0; i < NELEMS(rows); i++) {
		struct provider_settings s = settings(rows[i].script, 400, 1, rows[i].fallback);
		struct pricing p = { .floor = { 100 }, .list = { 110 } };
		struct price_ask ask = { .question = "{\"q\":1}\n", .pricing = &p };
		mono_t began = clock_mono();

		price_ask_now(&arena, &s, &ask);
		ok((ask.decline == NULL) == (rows[i].decline == NULL) &&
			   (ask.decline == NULL || strcmp(ask.decline, rows[i].decline) == 0),
		   "%s", rows[i].what);
		is_int((long long)p.floor.nano, rows[i].floor, "its floor");
		if (clock_mono() - began > 3 * SECOND_US)
			ok(false, "%s: in time", rows[i].what);
	}
}

/* ------------------------------------------------------------------ */
/* Many at once.                                                       */

static struct loop loop;
static struct provider_settings many;
static unsigned running, most, answered, declined, ended;

struct asking {
	struct price_ask ask;
	struct pricing pricing;
	bool held;
};

static enum next
ask_place(struct task *t)
{
	struct asking *a = t->state;

	a->ask.question = "?\n";
	a->ask.pricing = &a->pricing;
	a->pricing.floor.nano = 100;
	return price_ask_place(t, &many, &running, &a->ask, &a->held);
}

static enum next
ask_start(struct task *t)
{
	struct asking *a = t->state;

	if (!a->held)
		return task_jump(t, ask_place);
	most = MAX(most, running);
	return price_ask_start(t, &many, &a->ask);
}

static enum next
ask_read(struct task *t)
{
	struct asking *a = t->state;

	price_ask_read(&t->arena, &many, &a->ask);
	answered += a->ask.decline == NULL;
	declined += a->ask.decline != NULL;
	return TASK_DONE;
}

static const struct step ask_steps[] = {
	{ "place", ask_place }, { "start", ask_start }, { "read", ask_read }, STEP_END
};

static void
ask_done(struct task *t)
{
	struct asking *a = t->state;

	price_ask_end(&a->ask);
	if (++ended == 6)
		loop_stop(&loop);
}

static void
run_six(const char *script, uint32_t timeout_ms)
{
	many = settings(script, timeout_ms, 2, "decline");
	running = most = answered = declined = ended = 0;
	for (int i = 0; i < 6; i++)
		task_new(&loop, "ask", ask_steps, sizeof(struct asking), 20 * SECOND_US, ask_done,
			 NULL);
	loop_run(&loop);
	loop.stopping = false;
}

static void
test_places(void)
{
	struct err e = ERR_NONE;

	if (loop_init(&loop, &e) < 0)
		fatal("%s", e.text);
	run_six("sleep 0.05; echo '{\"floor\":\"7\",\"list\":\"8\"}'", 3000);
	is_int(answered, 6, "six are answered");
	is_int(most, 2, "never more than two at a time");
	is_int(running, 0, "and all places are free again");
	run_six("sleep 30", 200);
	is_int(declined, 6, "all late: all decline, those that had no place too");
	is_int(most, 2, "never more than two");
	is_int(running, 0, "free again");
}

int
main(void)
{
	arena_init(&arena, 0);
	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	test_now();
	test_places();
	unlink(arena_printf(&arena, "%s/price", dir));
	rmdir(dir);
	return tap_done();
}
