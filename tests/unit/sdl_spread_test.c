/* SPDX-License-Identifier: Apache-2.0 */
/* x-gavel.auction.spread: a group and a manifest for each copy, and what cannot be spread. */
#include "deploy/sdl.h"
#include "tests/unit/tap.h"

static struct arena arena;

/* %s: port of db, count of db, words of auction, more of x-gavel. */
static const char *
file(const char *port, unsigned count, const char *auction, const char *more)
{
	return arena_printf(&arena,
			    "version: \"2.0\"\n"
			    "services:\n"
			    "  web:\n"
			    "    image: nginx:1.27\n"
			    "    expose: [{port: 80, to: [{global: true}]}]\n"
			    "  db:\n"
			    "    image: postgres:16.4\n"
			    "    expose: [{port: 5432, to: [%s]}]\n"
			    "profiles:\n"
			    "  compute:\n"
			    "    p: {resources: {cpu: {units: 1}, memory: {size: 64Mi}, "
			    "storage: {size: 64Mi}}}\n"
			    "    q: {resources: {cpu: {units: 2}, memory: {size: 64Mi}, "
			    "storage: {size: 64Mi}}}\n"
			    "  placement:\n"
			    "    eu: {pricing: {p: {per_hour: 1}, q: {per_hour: 2}}}\n"
			    "deployment:\n"
			    "  web: {eu: {profile: p, count: 1}}\n"
			    "  db: {eu: {profile: q, count: %u}}\n"
			    "x-gavel:\n"
			    "  auction: {%s}\n%s",
			    port, count, auction, more);
}

static int
read_file(const char *text, struct sdl *sdl, struct err *e)
{
	return sdl_read(&arena, "spread.yaml", text, strlen(text), sdl, e);
}

static void
test_rows(void)
{
	static const char *const names[] = { "db", "db", "web" };
	struct hash set = { { 9 } };
	struct sdl_placement *rows;
	struct sdl sdl;
	struct err e = ERR_NONE;
	size_t count;

	if (!ok(read_file(file("{global: true}", 2, "spread: owner", ""), &sdl, &e) == 0,
		"two services, three copies: %s", e.text))
		return;
	is_str(sdl.auction, "fast", "it is auctioned fast");
	rows = sdl_spread(&arena, &sdl.placements[0], sdl.spread, &set, &count);
	is_int((long long)count, 3, "each is a row");
	for (size_t i = 0; i < count; i++) {
		const struct group *g = &rows[i].group;
		const struct group_service *s = g->services.items;
		struct hash h = manifest_hash(&rows[i].manifest);

		is_str(s->name, names[i], "by the name of the service");
		is_int((long long)g->services.count, 1, "of one service");
		is_int(s->count, 1, "of one copy");
		is_int(g->spread_row, (long long)i + 1, "counted from 1");
		is_int(g->spread_rows, 3, "of three");
		ok(hash_equal(&h, &g->manifest), "with a manifest of its own");
		ok(group_check(g, &e) == 0 && manifest_check(&rows[i].manifest, &e) == 0 &&
			   manifest_matches(&rows[i].manifest, g, &e) == 0,
		   "that keeps every rule: %s", e.text);
		for (size_t k = 0; k < i; k++) {
			struct hash a = group_hash(&rows[k].group), b = group_hash(g);

			ok(!hash_equal(&a, &b), "no two rows are alike");
			ok(group_same_set(&rows[k].group, g), "and all are of one set");
		}
	}
	ok(rows[0].max_rate.nano == 2 * rows[2].max_rate.nano, "at most the price of one copy");
	set.b[0]++;
	ok(!group_same_set(
		   &rows[0].group,
		   &sdl_spread(&arena, &sdl.placements[0], sdl.spread, &set, &count)->group),
	   "the same again is another set");
}

static void
test_findings(void)
{
	static const struct {
		const char *port;
		unsigned count;
		const char *auction, *more, *rule;
	} cases[] = {
		{ "{global: true}", 2, "spread: planet", "", "spread must be provider, owner or" },
		{ "{global: true}", 2, "kind: sealed, spread: owner", "",
		  "what is spread is auctioned fast" },
		{ "{global: true}", 2, "accept: manual, spread: owner", "",
		  "what is spread is not awarded by hand" },
		{ "{global: true}", 2, "spread: owner", "  interruptible: true\n",
		  "what is spread is not interruptible" },
		{ "{global: true}", 16, "spread: owner", "", "17 copies in placement eu" },
		{ "{service: web}", 2, "spread: owner", "", "port 5432 of service db is for" },
		{ "{global: true, ip: a}", 2, "spread: owner", "endpoints: {a: {kind: ip}}\n",
		  "what is spread has no address of its own" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct sdl sdl;
		struct err e = ERR_NONE;
		bool found = false;
		int rc = read_file(
			file(cases[i].port, cases[i].count, cases[i].auction, cases[i].more), &sdl,
			&e);

		for (size_t k = 0; k < sdl.finding_count; k++)
			found = found || strncmp(sdl.findings[k].rule, cases[i].rule,
						 strlen(cases[i].rule)) == 0;
		if (!ok(rc < 0 && found, "%s", cases[i].rule))
			printf("#   %s\n", e.text);
	}
}

/* What no market takes as a row, whoever wrote it. */
static void
test_groups(void)
{
	struct hash set = { { 9 } };
	struct sdl_placement *rows;
	struct sdl sdl;
	struct err e = ERR_NONE;
	struct group_service many[2];
	struct group g;
	size_t count;

	if (read_file(file("{global: true}", 2, "spread: region", ""), &sdl, &e) < 0)
		fatal("%s", e.text);
	rows = sdl_spread(&arena, &sdl.placements[0], sdl.spread, &set, &count);
	g = rows[0].group;
	ok(group_check(&g, &e) == 0, "a row");
	g.spread = "planet";
	ok(group_check(&g, &e) < 0, "spread over planets");
	g = rows[0].group;
	g.spread = NULL;
	ok(group_check(&g, &e) < 0, "a set of what is not spread");
	g = rows[0].group;
	g.spread_row = 4;
	ok(group_check(&g, &e) < 0, "the fourth of three");
	g.spread_row = 0;
	ok(group_check(&g, &e) < 0, "the row before the first");
	g = rows[0].group;
	g.spread_rows = g.spread_row = 1;
	ok(group_check(&g, &e) < 0, "one alone");
	g = rows[0].group;
	memset(&g.spread_set, 0, sizeof(g.spread_set));
	ok(group_check(&g, &e) < 0, "a set without a name");
	g = rows[0].group;
	many[0] = *(struct group_service *)g.services.items;
	many[1] = many[0];
	many[1].name = "other";
	g.services = (struct json_list){ many, 2 };
	ok(group_check(&g, &e) < 0, "two services in one row");
	g.services.count = 1;
	many[0].count = 2;
	ok(group_check(&g, &e) < 0, "two copies in one row");
	g = rows[0].group;
	g.accept = "manual";
	ok(group_check(&g, &e) < 0, "picked by hand");
	g = rows[0].group;
	g.ips = 1;
	ok(group_check(&g, &e) < 0, "with an address of its own");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_rows();
	test_findings();
	test_groups();
	arena_release(&arena);
	return tap_done();
}
