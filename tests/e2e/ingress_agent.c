/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network side of the agent without market, chain or containers: a book, and
 * what the agent makes of it. For tests/e2e/ingress.sh.
 *
 *	ingress_agent SETTINGS run               proxy, certificates, relays, names
 *	ingress_agent SETTINGS put N MANIFEST    lease N begins; prints endpoints
 *	ingress_agent SETTINGS end N
 *	ingress_agent SETTINGS update N MANIFEST whether its names are free
 */
#include "provider/ingress/dns.h"
#include "provider/run/live.h"
#include "provider/ingress/proxy.h"

#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/log.h"

#define LEASES 16

static struct agent agent;
static struct arena arena;

static struct hash
hash_of(unsigned n)
{
	struct hash h = { .b = { 0xab } };

	h.b[31] = (uint8_t)n;
	return h;
}

/* What the runner does for a lease that runs or has ended. */
static void
keep(void *arg)
{
	struct err e = ERR_NONE;
	struct arena a;

	(void)arg;
	arena_init(&a, 0);
	for (unsigned n = 0; n < LEASES; n++) {
		struct hash h = hash_of(n);
		struct work w;

		if (book_get(agent.book, &a, &h, &w, &e) != 1)
			continue;
		if (w.state == WORK_ENDED)
			plan_close_ports(&agent, &h);
		else if (live_of(&agent, &h) != NULL && !plan_ports_open(&agent, &w) &&
			 plan_open_ports(&agent, &w, &e) < 0)
			log_warn("ports", "%s", e.text);
	}
	proxy_poke(&agent);
	arena_release(&a);
}

static int
put(unsigned n, const char *path, struct err *e)
{
	struct work w = { .hash = hash_of(n), .state = WORK_RUNNING };
	struct endpoint *list;
	struct manifest m;
	char text[65536];
	FILE *f = fopen(path, "re");
	size_t len = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0, count;

	if (f != NULL)
		fclose(f);
	text[len] = '\0';
	w.id.b[15] = (uint8_t)n;
	w.manifest = text;
	w.meter.began = clock_wall();
	w.created = clock_wall();
	w.award.group.name = "eu";
	w.award.group.billing = "reserved";
	if (work_manifest(&arena, &w, &m, e) < 0 || manifest_check(&m, e) < 0 ||
	    plan_work(&agent, &arena, &w, &m, e) < 0)
		return -1;
	list = plan_endpoints(&agent, &arena, &w, &m, &count);
	for (size_t i = 0; i < count; i++)
		printf("%s %s\n", list[i].service, list[i].url);
	return 0;
}

static int
end(unsigned n, struct err *e)
{
	struct hash h = hash_of(n);
	struct work w;

	if (book_get(agent.book, &arena, &h, &w, e) != 1)
		return -1;
	w.state = WORK_ENDED;
	return book_put(agent.book, &w, e);
}

/* Where the gateway takes an update: it is not carried out here. */
static int
update(unsigned n, const char *path, struct err *e)
{
	struct hash h = hash_of(n);
	struct work w, *works;
	struct manifest m;
	char text[65536];
	FILE *f = fopen(path, "re");
	size_t len = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0, count;

	if (f != NULL)
		fclose(f);
	text[len] = '\0';
	if (book_get(agent.book, &arena, &h, &w, e) != 1 ||
	    json_decode(&arena, text, len, manifest_fields, &m, e) < 0 ||
	    book_live(agent.book, &arena, &works, &count, e) < 0 ||
	    proxy_hosts_free(&agent, &arena, works, count, &w, &m, e) < 0)
		return -1;
	w.next_manifest = text;
	return book_put(agent.book, &w, e);
}

int
main(int argc, char **argv)
{
	static struct provider_settings settings;
	struct err e = ERR_NONE;
	int result = 0;

	if (argc < 3)
		fatal("usage: ingress_agent SETTINGS run | put N MANIFEST | end N");
	log_init("ingress", LOG_INFO);
	arena_init(&arena, 0);
	if (provider_settings_read(&arena, argv[1], &settings, &e) < 0)
		fatal("%s", e.text);
	agent.settings = &settings;
	agent.jail_config.net.tag = settings.tag;
	if (network_read(settings.network, &agent.jail_config.net.network, &e) < 0)
		fatal("%s", e.text);
	(void)!mkdir(arena_printf(&arena, "%s/agent", settings.state_dir), 0700);
	agent.book =
		book_open(arena_printf(&arena, "%s/agent/book.sqlite", settings.state_dir), &e);
	if (agent.book == NULL || loop_init(&agent.loop, &e) < 0)
		fatal("%s", e.text);
	if (strcmp(argv[2], "put") == 0 && argc == 5)
		result = put((unsigned)strtoul(argv[3], NULL, 10), argv[4], &e);
	else if (strcmp(argv[2], "update") == 0 && argc == 5)
		result = update((unsigned)strtoul(argv[3], NULL, 10), argv[4], &e);
	else if (strcmp(argv[2], "end") == 0 && argc == 4)
		result = end((unsigned)strtoul(argv[3], NULL, 10), &e);
	if (result < 0)
		fatal("%s: %s", e.code != NULL ? e.code->name : "none", e.text);
	if (strcmp(argv[2], "run") != 0)
		return 0;
	dns_start(&agent);
	proxy_start(&agent);
	(void)timer_every(&agent.loop, 0, 50 * MILLI_US, keep, NULL);
	loop_run(&agent.loop);
	return 0;
}
