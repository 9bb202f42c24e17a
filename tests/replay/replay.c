/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c FILE... - scenarios of the life of an order, time passing by decree.
 * The files are text, for people to write when something went wrong:
 *
 *	# the winner never signs
 *	now 0
 *	set order=bidding round=1 invited=2 order_ends=60000 round_ends=400
 *	expect wait 400
 *	now 100
 *	set answered=2
 *	expect clear
 *
 * Times are milliseconds from the start. `set` changes facts of lease/life.h by
 * name and checks that states move along their tables; `expect` asks life_next()
 * and, for a wait, until when (`expect wait 0`: until a fact comes). TAP.
 */
#include "lease/life.h"
#include "tests/unit/tap.h"

enum type { NUMBER, TRUTH, TIME, ORDER, LEASE };

static const struct fact {
	const char *name;
	enum type type;
	size_t offset;
} facts[] = {
#define FACT(name, type)                                                                           \
	{                                                                                          \
#name, type, offsetof(struct life_facts, name)                                     \
	}
	FACT(order, ORDER),	    FACT(lease, LEASE),		FACT(round, NUMBER),
	FACT(invited, NUMBER),	    FACT(answered, NUMBER),	FACT(failures, NUMBER),
	FACT(deserted, TRUTH),	    FACT(order_ends, TIME),	FACT(round_ends, TIME),
	FACT(accept_by, TIME),	    FACT(opened_at, TIME),	FACT(launch_by, TIME),
	FACT(void_until, TIME),	    FACT(cancel_asked, TRUTH),	FACT(refused, TRUTH),
	FACT(accepted, TRUTH),	    FACT(open_pending, TRUTH),	FACT(open_failed, TRUTH),
	FACT(opened, TRUTH),	    FACT(launched, TRUTH),	FACT(launch_told, TRUTH),
	FACT(launch_failed, TRUTH), FACT(void_pending, TRUTH),	FACT(voided, TRUTH),
	FACT(released, TRUTH),	    FACT(close_pending, TRUTH), FACT(closed, TRUTH),
};

struct scenario {
	const char *path;
	unsigned line;
	struct life_facts facts;
	wall_t now;
};

static _Noreturn void
wrong(const struct scenario *s, const char *what, const char *word)
{
	printf("not ok - %s:%u: %s \"%s\"\n", s->path, s->line, what, word);
	exit(1);
}

static void
set_order(struct scenario *s, enum order_state *at, const char *value)
{
	enum order_state next;

	if (order_state_read(value, &next) < 0)
		wrong(s, "no state", value);
	if (next != *at && s->now != 0 && !order_may_move(*at, next))
		ok(false, "%s:%u: order moves from %s to %s", s->path, s->line,
		   order_state_name(*at), value);
	*at = next;
}

static void
set_lease(struct scenario *s, enum lease_state *at, const char *value)
{
	enum lease_state next;

	if (lease_state_read(value, &next) < 0)
		wrong(s, "no state", value);
	/* Another winner's lease begins at none. */
	if (next != *at && s->now != 0 && next != LEASE_NONE && !lease_may_move(*at, next))
		ok(false, "%s:%u: lease moves from %s to %s", s->path, s->line,
		   lease_state_name(*at), value);
	*at = next;
}

static void
set_fact(struct scenario *s, char *word)
{
	char *value = strchr(word, '=');
	const struct fact *f = NULL;
	char *at;

	if (value == NULL)
		wrong(s, "expected name=value, got", word);
	*value++ = '\0';
	for (size_t i = 0; i < NELEMS(facts) && f == NULL; i++)
		if (strcmp(facts[i].name, word) == 0)
			f = &facts[i];
	if (f == NULL)
		wrong(s, "no fact", word);
	at = (char *)&s->facts + f->offset;
	switch (f->type) {
	case NUMBER: *(uint32_t *)at = (uint32_t)strtoul(value, NULL, 10); break;
	case TRUTH: *(bool *)at = strcmp(value, "yes") == 0; break;
	case TIME: *(wall_t *)at = strtoll(value, NULL, 10) * MILLI_US; break;
	case ORDER: set_order(s, (enum order_state *)at, value); break;
	case LEASE: set_lease(s, (enum lease_state *)at, value); break;
	}
}

static void
expect(const struct scenario *s, const char *action, const char *until)
{
	struct life_step step = life_next(&s->facts, s->now), again = life_next(&s->facts, s->now);
	const char *got = life_action_name(step.action);

	if (!ok(strcmp(got, action) == 0, "%s:%u: at %lld ms: %s", s->path, s->line,
		(long long)(s->now / MILLI_US), action))
		printf("#   got %s\n", got);
	ok(step.action == again.action && step.until == again.until, "and says so again");
	if (until != NULL)
		ok(step.until == strtoll(until, NULL, 10) * MILLI_US, "%s:%u: until %s ms", s->path,
		   s->line, until);
}

static void
play_line(struct scenario *s, char *line)
{
	char *rest = line, *verb = strsep(&rest, " \t"), *word, *second;

	if (strcmp(verb, "now") == 0 && rest != NULL) {
		s->now = strtoll(rest, NULL, 10) * MILLI_US;
	} else if (strcmp(verb, "set") == 0) {
		while ((word = strsep(&rest, " \t")) != NULL)
			if (*word != '\0')
				set_fact(s, word);
	} else if (strcmp(verb, "expect") == 0) {
		word = strsep(&rest, " \t");
		second = rest;
		expect(s, word, second);
	} else {
		wrong(s, "no verb", verb);
	}
}

static void
play(const char *path)
{
	struct scenario s = { .path = path };
	FILE *f = fopen(path, "re");
	char line[512];

	if (f == NULL)
		wrong(&s, "cannot open", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		char *p = line + strspn(line, " \t");

		s.line++;
		p[strcspn(p, "#\n")] = '\0';
		while (*p != '\0' && (p[strlen(p) - 1] == ' ' || p[strlen(p) - 1] == '\t'))
			p[strlen(p) - 1] = '\0';
		if (*p != '\0')
			play_line(&s, p);
	}
	fclose(f);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		play(argv[i]);
	return tap_done();
}
