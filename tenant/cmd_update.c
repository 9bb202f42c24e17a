/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel update: another version of what runs, without a new auction. The
 * resources are those that were bought; image, command, variables and the like
 * may change. The provider changes one container at a time and goes back to the
 * version that ran when the new one does not become ready.
 */
#include <getopt.h>
#include <time.h>

#include "deploy/sdl.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

#define POLL_US	    (300 * MILLI_US)
#define WAIT_MAX_US (1800 * SECOND_US)

static const struct code UPDATE_RETURNED = { "update_returned", FAILED,
					     "the new version failed, the old one runs" };

struct update {
	const char *file, *name;
	bool no_wait;
	struct sdl sdl;
	const struct manifest *manifest;
	struct deployment d;
	struct lease_ref l;
	int64_t version; /* that ran before */
};

static int
read_arguments(struct update *u, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "no-wait", no_argument, NULL, 'N' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (opt != 'N')
			return option_fault(argv, "update", e);
		else
			u->no_wait = true;
	if (optind != argc - 2)
		return err_set(e, &TENANT_USAGE, "update takes a name and a file");
	u->name = argv[optind];
	u->file = argv[optind + 1];
	return 0;
}

static int
read_file(struct context *c, struct update *u, struct err *e)
{
	char *text = arena_alloc(&c->arena, JSON_BYTES_MAX + 1);
	FILE *f = fopen(u->file, "re");
	size_t len;

	if (f == NULL)
		return err_errno(e, "open %s", u->file);
	len = fread(text, 1, JSON_BYTES_MAX, f);
	fclose(f);
	if (sdl_read(&c->arena, u->file, text, len, &u->sdl, e) == 0)
		return 0;
	for (size_t i = 0; i < u->sdl.finding_count; i++)
		fprintf(stderr, "%s\n",
			sdl_finding_text(&c->arena, u->file, text, &u->sdl.findings[i]));
	return -1;
}

/* The placement of the file that this lease is of. */
static int
choose_placement(struct update *u, struct err *e)
{
	const char *group = text_of(json_get(u->l.order, "group"), "name");

	for (size_t i = 0; i < u->sdl.placement_count; i++)
		if (strcmp(u->sdl.placements[i].group.name, group) == 0)
			u->manifest = &u->sdl.placements[i].manifest;
	if (u->manifest == NULL)
		return err_set(e, &SDL_INVALID, "%s has no placement %s, which %s was deployed to",
			       u->file, group, u->name);
	return 0;
}

static int
put_manifest(struct context *c, struct update *u, struct err *e)
{
	struct json *reply, *status;
	const char *body = arena_printf(&c->arena, "{\"manifest\":%s}",
					json_encode(&c->arena, manifest_fields, u->manifest));

	if (provider_call(&c->arena, &u->l.gateway, "GET", lease_path(c, &u->l, ""), NULL, &status,
			  e) < 0)
		return -1;
	u->version = number_of(status, "version");
	return provider_call(&c->arena, &u->l.gateway, "PUT", lease_path(c, &u->l, "/manifest"),
			     body, &reply, e);
}

/* "web.0 version 2 ready", once for each change. */
static void
say_units(const struct context *c, const struct json *status, char *last, size_t size)
{
	char line[512] = "";
	size_t len = 0;
	const struct json *units = json_get(status, "units");

	for (const struct json *p = units != NULL ? units->first : NULL;
	     p != NULL && len < sizeof(line); p = p->next)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "  %s.%s v%s %s",
					text_of(p, "service"), text_of(p, "copy"),
					text_of(p, "version"), text_of(p, "state"));
	if (strcmp(line, last) != 0)
		say(c, "%s", line);
	snprintf(last, size, "%s", line);
}

static int
wait_updated(struct context *c, struct update *u, struct json **status, struct err *e)
{
	struct timespec pause = { 0, POLL_US * 1000 };
	mono_t until = clock_mono() + WAIT_MAX_US;
	char last[512] = "";

	while (clock_mono() < until) {
		const struct json *update;

		if (provider_call(&c->arena, &u->l.gateway, "GET", lease_path(c, &u->l, ""), NULL,
				  status, e) < 0)
			return -1;
		say_units(c, *status, last, sizeof(last));
		update = json_get(*status, "update");
		if (update == NULL || update->type == JSON_NULL)
			return 0;
		nanosleep(&pause, NULL);
	}
	return err_set(e, &ERR_TIMEOUT, "it still runs its course: gavel status %s", u->name);
}

int
cmd_update(struct context *c, int argc, char **argv, struct err *e)
{
	struct update u = { .name = NULL };
	struct json *status;

	if (read_arguments(&u, argc, argv, e) < 0 || parts_single(c, u.name, e) < 0 ||
	    read_file(c, &u, e) < 0 || lease_begin(c, u.name, &u.d, &u.l, e) < 0 ||
	    choose_placement(&u, e) < 0 || put_manifest(c, &u, e) < 0)
		return -1;
	u.d.manifest = json_encode(&c->arena, manifest_fields, u.manifest);
	if (u.no_wait)
		return deployment_save(c, &u.d, e);
	if (wait_updated(c, &u, &status, e) < 0)
		return -1;
	if (text_of(status, "update_failure")[0] != '\0')
		return err_set(e, &UPDATE_RETURNED, "%s", text_of(status, "update_failure"));
	if (deployment_save(c, &u.d, e) < 0)
		return -1;
	if (c->json)
		print_json(status);
	else
		printf("%s runs version %s\n", u.name, text_of(status, "version"));
	return 0;
}
