/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture.c - golden manifests and groups, the other way round. A fixture says
 * what Akash made of a file, and not of which: so we write a file that says it
 * (JSON is YAML), read that, and must get the fixture's bytes again.
 */
#include "corpus.h"

/* ------------------------------------------------------------------ */
/* Canonical JSON: members by name, no white space.                    */

#define CHILDREN_MAX 256u

static int
member_order(const void *a, const void *b)
{
	return strcmp((*(struct json *const *)a)->name, (*(struct json *const *)b)->name);
}

static void
canonical(FILE *out, const struct json *v)
{
	const struct json *items[CHILDREN_MAX];
	size_t n = 0;

	switch (v->type) {
	case JSON_NULL: fputs("null", out); return;
	case JSON_BOOL: fputs(v->truth ? "true" : "false", out); return;
	case JSON_NUMBER: fputs(v->text, out); return;
	case JSON_STRING: fprintf(out, "\"%s\"", v->text); return;
	default: break;
	}
	for (const struct json *c = v->first; c != NULL && n < CHILDREN_MAX; c = c->next)
		items[n++] = c;
	if (v->type == JSON_OBJECT)
		qsort(items, n, sizeof(*items), member_order);
	fputc(v->type == JSON_OBJECT ? '{' : '[', out);
	for (size_t i = 0; i < n; i++) {
		fputs(i > 0 ? "," : "", out);
		if (v->type == JSON_OBJECT)
			fprintf(out, "\"%s\":", items[i]->name);
		canonical(out, items[i]);
	}
	fputc(v->type == JSON_OBJECT ? '}' : ']', out);
}

struct stream {
	FILE *f;
	char *text;
	size_t size;
};

static void
stream_open(struct stream *s)
{
	s->f = open_memstream(&s->text, &s->size);
	if (s->f == NULL)
		fatal("out of memory");
}

static const char *
stream_close(struct stream *s, struct arena *a)
{
	const char *out;

	fclose(s->f);
	out = arena_strdup(a, s->text);
	free(s->text);
	return out;
}

static const char *
canonical_text(struct arena *a, const struct json *v)
{
	struct stream s;

	stream_open(&s);
	canonical(s.f, v);
	return stream_close(&s, a);
}

static struct json *
fixture_read(struct arena *a, const char *path)
{
	size_t len = 0;
	char *text = corpus_file(a, path, &len);
	struct json *root = NULL;
	struct err e = ERR_NONE;

	return text != NULL && json_parse(a, text, len, &root, &e) == 0 ? root : NULL;
}

/* ------------------------------------------------------------------ */
/* A file that says what the fixture says.                             */

static const struct json *
get(const struct json *v, const char *a, const char *b)
{
	v = json_get(v, a);
	return b != NULL ? json_get(v, b) : v;
}

static void
put_value(FILE *out, const char *name, const struct json *v)
{
	if (v == NULL)
		return;
	fprintf(out, "\"%s\": ", name);
	canonical(out, v);
	fputs(", ", out);
}

/* [{"key": K, "value": V}, ...] as {K: V, ...} */
static void
put_attributes(FILE *out, const struct json *list)
{
	fputs("\"attributes\": {", out);
	for (const struct json *t = list->first; t != NULL; t = t->next) {
		const struct json *value = json_get(t, "value");

		fprintf(out, "\"%s\": \"%s\", ", json_get(t, "key")->text,
			value != NULL ? value->text : "");
	}
	fputs("}, ", out);
}

static void
put_http(FILE *out, const struct json *h)
{
	static const char *const names[][2] = {
		{ "maxBodySize", "max_body_size" },	    { "readTimeout", "read_timeout" },
		{ "sendTimeout", "send_timeout" },	    { "nextTries", "next_tries" },
		{ "nextTimeout", "next_timeout" },	    { "nextCases", "next_cases" },
		{ "proxyBufferSize", "proxy_buffer_size" },
	};

	fputs("\"http_options\": {", out);
	for (size_t i = 0; i < NELEMS(names); i++)
		put_value(out, names[i][1], json_get(h, names[i][0]));
	fputs("}, ", out);
}

static void
put_expose(FILE *out, const struct json *x)
{
	bool alone = *json_get(x, "service")->text == '\0' && !json_get(x, "global")->truth;

	fputs("{", out);
	put_value(out, "port", json_get(x, "port"));
	put_value(out, "as", json_get(x, "externalPort"));
	put_value(out, "proto", json_get(x, "proto"));
	put_value(out, "accept", json_get(x, "hosts"));
	put_http(out, json_get(x, "httpOptions"));
	if (!alone) {
		fputs("\"to\": [{", out);
		put_value(out, "service", json_get(x, "service"));
		put_value(out, "global", json_get(x, "global"));
		put_value(out, "ip", json_get(x, "ip"));
		fputs("}]", out);
	}
	fputs("}, ", out);
}

static void
put_params(FILE *out, const struct json *p)
{
	const struct json *storage = json_get(p, "storage");

	fputs("\"params\": {", out);
	put_value(out, "permissions", json_get(p, "permissions"));
	if (json_get(p, "tee") != NULL)
		put_value(out, "tee", get(p, "tee", "type"));
	fputs("\"storage\": {", out);
	for (const struct json *m = storage->first; m != NULL; m = m->next) {
		fprintf(out, "\"%s\": {", json_get(m, "name")->text);
		put_value(out, "mount", json_get(m, "mount"));
		put_value(out, "readOnly", json_get(m, "readOnly"));
		fputs("}, ", out);
	}
	fputs("}}, ", out);
}

static void
put_service(FILE *out, const struct json *s)
{
	static const char *const same[] = { "image", "command", "args", "env", "credentials" };

	fprintf(out, "  \"%s\": {", json_get(s, "name")->text);
	for (size_t i = 0; i < NELEMS(same); i++)
		put_value(out, same[i], json_get(s, same[i]));
	if (json_get(s, "params") != NULL)
		put_params(out, json_get(s, "params"));
	fputs("\"expose\": [", out);
	for (const struct json *x = json_get(s, "expose")->first; x != NULL; x = x->next)
		put_expose(out, x);
	fputs("]}\n", out);
}

/* vendor/nvidia/model/M[/ram/R][/interface/I] */
static void
put_model(FILE *out, const char *key)
{
	const char *model = key + strlen("vendor/nvidia/model/"), *ram = strstr(model, "/ram/");
	const char *interface = strstr(model, "/interface/");
	size_t len = strcspn(model, "/");

	if (strcmp(model, "*") == 0)
		return;
	fprintf(out, "{model: \"%.*s\"", (int)len, model);
	if (ram != NULL)
		fprintf(out, ", ram: %.*s", (int)strcspn(ram + 5, "/"), ram + 5);
	if (interface != NULL)
		fprintf(out, ", interface: %s", interface + 11);
	fputs("}, ", out);
}

static void
put_compute(FILE *out, const char *group, const struct json *r)
{
	const struct json *gpu = json_get(r, "gpu");

	fprintf(out, "    \"%s-%s\": {resources: {cpu: {units: %sm, ", group,
		json_get(r, "id")->text, get(get(r, "cpu", "units"), "val", NULL)->text);
	if (get(r, "cpu", "attributes") != NULL)
		put_attributes(out, get(r, "cpu", "attributes"));
	fprintf(out, "}, memory: {size: %s}, storage: [",
		get(get(r, "memory", "size"), "val", NULL)->text);
	for (const struct json *v = json_get(r, "storage")->first; v != NULL; v = v->next) {
		fprintf(out, "{name: \"%s\", size: %s, ", json_get(v, "name")->text,
			get(v, "size", "val")->text);
		if (json_get(v, "attributes") != NULL)
			put_attributes(out, json_get(v, "attributes"));
		fputs("}, ", out);
	}
	fprintf(out, "], gpu: {units: %s, ", get(gpu, "units", "val")->text);
	if (json_get(gpu, "attributes") != NULL) {
		const struct json *t = json_get(gpu, "attributes")->first;

		fputs("attributes: {vendor: {nvidia: [", out);
		for (; t != NULL; t = t->next)
			put_model(out, json_get(t, "key")->text);
		fputs("]}}", out);
	}
	fputs("}}}\n", out);
}

static void
put_placement(FILE *out, const struct json *g)
{
	const char *name = json_get(g, "name")->text;
	const struct json *needs = json_get(g, "requirements");

	fprintf(out, "    \"%s\": {signedBy: {", name);
	put_value(out, "allOf", get(needs, "signed_by", "all_of"));
	put_value(out, "anyOf", get(needs, "signed_by", "any_of"));
	fputs("}, ", out);
	/* tee/type comes from the service again. */
	fputs("attributes: {", out);
	for (const struct json *t = json_get(needs, "attributes")->first; t != NULL; t = t->next)
		if (strcmp(json_get(t, "key")->text, "tee/type") != 0)
			fprintf(out, "\"%s\": \"%s\", ", json_get(t, "key")->text,
				json_get(t, "value")->text);
	fputs("}, pricing: {", out);
	for (const struct json *u = json_get(g, "resources")->first; u != NULL; u = u->next) {
		fprintf(out, "\"%s-%s\": ", name, get(u, "resource", "id")->text);
		canonical(out, json_get(u, "price"));
		fputs(", ", out);
	}
	fputs("}}\n", out);
}

static bool
ip_put(FILE *out, const struct json *x, struct json_strs *seen)
{
	const char *ip = json_get(x, "ip")->text;

	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->items[i], ip) == 0)
			return false;
	seen->items[seen->count++] = ip;
	fprintf(out, "\"%s\": {kind: ip}, ", ip);
	return true;
}

static void
put_endpoints(FILE *out, const struct json *manifest)
{
	const char *ips[CHILDREN_MAX] = { "" };
	struct json_strs seen = { ips, 1 };

	fputs("endpoints: {", out);
	for (const struct json *g = manifest->first; g != NULL; g = g->next)
		for (const struct json *s = json_get(g, "services")->first; s != NULL; s = s->next)
			for (const struct json *x = json_get(s, "expose")->first;
			     x != NULL && seen.count < CHILDREN_MAX; x = x->next)
				ip_put(out, x, &seen);
	fputs("}\n", out);
}

/* Whether an earlier group has a service of this name: a file has it once. */
static bool
put_before(const struct json *manifest, const struct json *service)
{
	for (const struct json *g = manifest->first; g != NULL; g = g->next)
		for (const struct json *s = json_get(g, "services")->first; s != NULL;
		     s = s->next) {
			if (s == service)
				return false;
			if (strcmp(json_get(s, "name")->text, json_get(service, "name")->text) == 0)
				return true;
		}
	return false;
}

static void
put_lines(FILE *out, const struct json *manifest, const char *service)
{
	for (const struct json *g = manifest->first; g != NULL; g = g->next) {
		const char *group = json_get(g, "name")->text;

		for (const struct json *s = json_get(g, "services")->first; s != NULL; s = s->next)
			if (strcmp(json_get(s, "name")->text, service) == 0)
				fprintf(out, "\"%s\": {profile: \"%s-%s\", count: %s}, ", group,
					group, get(s, "resources", "id")->text,
					json_get(s, "count")->text);
	}
}

static void
put_deployment(FILE *out, const struct json *manifest)
{
	fputs("deployment:\n", out);
	for (const struct json *g = manifest->first; g != NULL; g = g->next)
		for (const struct json *s = json_get(g, "services")->first; s != NULL;
		     s = s->next) {
			if (put_before(manifest, s))
				continue;
			fprintf(out, "  \"%s\": {", json_get(s, "name")->text);
			put_lines(out, manifest, json_get(s, "name")->text);
			fputs("}\n", out);
		}
}

static const char *
file_of(struct arena *a, const char *version, const struct json *manifest,
	const struct json *groups)
{
	struct stream s;

	stream_open(&s);
	fprintf(s.f, "version: \"%s\"\nservices:\n", version);
	for (const struct json *g = manifest->first; g != NULL; g = g->next)
		for (const struct json *v = json_get(g, "services")->first; v != NULL; v = v->next)
			if (!put_before(manifest, v))
				put_service(s.f, v);
	fputs("profiles:\n  compute:\n", s.f);
	for (const struct json *g = groups->first; g != NULL; g = g->next)
		for (const struct json *u = json_get(g, "resources")->first; u != NULL; u = u->next)
			put_compute(s.f, json_get(g, "name")->text, json_get(u, "resource"));
	fputs("  placement:\n", s.f);
	for (const struct json *g = groups->first; g != NULL; g = g->next)
		put_placement(s.f, g);
	put_endpoints(s.f, manifest);
	put_deployment(s.f, manifest);
	return stream_close(&s, a);
}

/* ------------------------------------------------------------------ */

static void
same_bytes(const char *got, const struct json *want, struct arena *a, const char *what)
{
	const char *text = canonical_text(a, want);

	if (!corpus_ok(strcmp(got, text) == 0, "%s: the same bytes", what))
		printf("#  got %s\n# want %s\n", got, text);
}

static void
read_again(struct arena *a, const char *name, const char *text, size_t len,
	   const struct json *manifest, const struct json *groups)
{
	struct akash in;
	struct err e = ERR_NONE;

	if (!corpus_ok(akash_read(a, name, text, len, &in, &e) == 0, "%s: read", name)) {
		printf("# %s\n", e.text);
		return;
	}
	same_bytes(in.manifest_json, manifest, a, arena_printf(a, "%s: manifest", name));
	same_bytes(in.groups_json, groups, a, arena_printf(a, "%s: groups", name));
}

/* output-fixtures/v2.1/shared-ip is of input/v2.1/shared-ip/input.yaml, if the
 * corpus has that. */
static char *
input_of(struct arena *a, const char *dir, size_t *len)
{
	const char *at = strstr(dir, "output-fixtures/");

	return corpus_file(a,
			   arena_printf(a, "%.*sinput/%s/input.yaml", (int)(at - dir), dir,
					at + strlen("output-fixtures/")),
			   len);
}

void
corpus_fixture(const char *dir)
{
	struct arena a;
	const char *text, *name = strstr(dir, "output-fixtures/") + strlen("output-fixtures/");
	struct json *manifest, *groups;
	size_t len = 0;

	arena_init(&a, 0);
	manifest = fixture_read(&a, arena_printf(&a, "%s/manifest.json", dir));
	groups = fixture_read(&a, arena_printf(&a, "%s/group-specs.json", dir));
	if (manifest == NULL || groups == NULL) {
		corpus_ok(false, "%s: manifest.json and group-specs.json", dir);
	} else {
		text = file_of(&a, strncmp(name, "v2.1/", 5) == 0 ? "2.1" : "2.0", manifest,
			       groups);
		read_again(&a, name, text, strlen(text), manifest, groups);
		text = input_of(&a, dir, &len);
		if (text != NULL)
			read_again(&a, arena_printf(&a, "%s: its input", name), text, len, manifest,
				   groups);
	}
	arena_release(&a);
}
