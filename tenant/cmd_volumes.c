/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel volumes: persistent volumes at the providers of our deployments, in use
 * and kept. They belong to a key and stay at a provider, so each provider that
 * one of the deployments named here has or had a lease with is asked.
 */
#include <dirent.h>
#include <time.h>

#include "lib/clock.h"
#include "tenant/tenant.h"

struct place { /* a provider that may have volumes of ours */
	struct address provider;
	struct provider_client gateway;
	struct json *answer; /* NULL: it did not answer */
};

struct places {
	struct place *items;
	size_t count;
};

static int
place_add(struct context *c, struct places *p, const char *name, struct err *e)
{
	struct deployment d = { .name = NULL };
	struct lease_ref l;

	if (deployment_find(c, name, &d, e) < 0 || lease_find(c, &d, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < p->count; i++)
		if (address_equal(&p->items[i].provider, &l.provider))
			return 0;
	p->items = arena_grow(&c->arena, p->items, p->count, sizeof(*p->items));
	/* Not for one lease: for all that is ours there. */
	l.gateway.token = context_token(c, &l.provider, "all", NULL);
	p->items[p->count++] = (struct place){ l.provider, l.gateway, NULL };
	return 0;
}

/* One that is gone from the market does not hide the others. */
static void
places_all(struct context *c, struct places *p)
{
	DIR *d = opendir(deployment_dir(c));
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		struct err e = ERR_NONE;
		const char *name;

		if (entry->d_name[0] == '.' || dot == NULL || strcmp(dot, ".json") != 0)
			continue;
		name = arena_strndup(&c->arena, entry->d_name, (size_t)(dot - entry->d_name));
		if (place_add(c, p, name, &e) < 0 && e.code != &NO_LEASE)
			say(c, "warning: %s: %s", name, e.text);
	}
	if (d != NULL)
		closedir(d);
}

static void
ask(struct context *c, struct place *p)
{
	struct err e = ERR_NONE;

	if (provider_call(&c->arena, &p->gateway, "GET", "/v1/volumes", NULL, &p->answer, &e) < 0) {
		say(c, "warning: %s: %s", p->gateway.url, e.text);
		p->answer = NULL;
	}
}

static const struct json *
volumes_of(const struct place *p)
{
	const struct json *list = p->answer != NULL ? json_get(p->answer, "volumes") : NULL;

	return list != NULL ? list->first : NULL;
}

static const char *
size_text(struct context *c, int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t u = 0;

	while (bytes >= 1024 && bytes % 1024 == 0 && u + 1 < NELEMS(units)) {
		bytes /= 1024;
		u++;
	}
	return arena_printf(&c->arena, "%lld %s", (long long)bytes, units[u]);
}

static void
print_one(struct context *c, const struct place *p, const struct json *v)
{
	const char *until = text_of(v, "kept_until");

	printf("%s\n    %s of %s, copy %s; %s, class %s; %s%s\n    at %s\n", text_of(v, "id"),
	       text_of(v, "name"), text_of(v, "service"), text_of(v, "copy"),
	       size_text(c, number_of(v, "bytes")), text_of(v, "class"),
	       until[0] != '\0' ? "kept until " : "in use", until, p->gateway.url);
}

static void
print_all(struct context *c, const struct places *p)
{
	char text[ADDRESS_TEXT_SIZE];
	struct jsonw *w;
	size_t count = 0;

	if (c->json) {
		w = jsonw_new(false);
		jsonw_open(w, '{');
		jsonw_name(w, "providers");
		jsonw_open(w, '[');
		for (size_t i = 0; i < p->count; i++) {
			jsonw_open(w, '{');
			jsonw_member(w, "provider", "%s",
				     address_text(&p->items[i].provider, text));
			jsonw_name(w, "volumes");
			if (p->items[i].answer != NULL)
				jsonw_node(w, json_get(p->items[i].answer, "volumes"));
			else
				jsonw_null(w);
			jsonw_close(w, '}');
		}
		jsonw_close(w, ']');
		jsonw_close(w, '}');
		puts(jsonw_text(w, NULL));
		jsonw_free(w);
		return;
	}
	for (size_t i = 0; i < p->count; i++)
		for (const struct json *v = volumes_of(&p->items[i]); v != NULL; v = v->next) {
			print_one(c, &p->items[i], v);
			count++;
		}
	if (count == 0)
		say(c, "no volumes");
}

static int
remove_one(struct context *c, const struct places *p, const char *id, struct err *e)
{
	struct json *doc;

	for (size_t i = 0; i < p->count; i++)
		for (const struct json *v = volumes_of(&p->items[i]); v != NULL; v = v->next) {
			if (strcmp(text_of(v, "id"), id) != 0)
				continue;
			if (provider_call(&c->arena, &p->items[i].gateway, "DELETE",
					  arena_printf(&c->arena, "/v1/volumes/%s", id), NULL, &doc,
					  e) < 0)
				return -1;
			printf("%s is being removed\n", id);
			return 0;
		}
	return err_set(e, &ERR_NOT_FOUND, "volume %.80s: gavel volumes shows those there are", id);
}

int
cmd_volumes(struct context *c, int argc, char **argv, struct err *e)
{
	bool removing = argc > 1 && strcmp(argv[1], "rm") == 0;
	struct places p = { NULL, 0 };

	if (removing ? argc != 3 : argc > 2)
		return err_set(e, &TENANT_USAGE, "gavel volumes [NAME], or gavel volumes rm ID");
	if (context_connect(c, e) < 0 || context_unlock(c, e) < 0)
		return -1;
	if (argc == 2) {
		if (place_add(c, &p, argv[1], e) < 0)
			return -1;
	} else {
		places_all(c, &p);
	}
	for (size_t i = 0; i < p.count; i++)
		ask(c, &p.items[i]);
	if (removing)
		return remove_one(c, &p, argv[2], e);
	print_all(c, &p);
	return 0;
}
