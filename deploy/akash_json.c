/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_json.c - manifest and groups as the JSON that Akash hashes: members by
 * name, no white space, escapes as Go's encoding/json writes them. What Go
 * omits when empty is omitted, what it writes as null is null: each choice is
 * part of the hash.
 */
#include "deploy/akash_read.h"

struct text {
	char *p; /* owned */
	size_t len, size;
	bool comma; /* before the next value */
};

static void
put(struct text *t, const char *p, size_t len)
{
	if (t->len + len > t->size) {
		t->size = MAX(2 * t->size, t->len + len + 4096);
		t->p = xrealloc(t->p, t->size);
	}
	memcpy(t->p + t->len, p, len);
	t->len += len;
}

static void
put_comma(struct text *t)
{
	if (t->comma)
		put(t, ",", 1);
	t->comma = true;
}

static void
put_open(struct text *t, char bracket)
{
	put_comma(t);
	put(t, &bracket, 1);
	t->comma = false;
}

static void
put_close(struct text *t, char bracket)
{
	put(t, &bracket, 1);
	t->comma = true;
}

/* The length of the character, or 0: not UTF-8 (only !!binary can make that). */
static size_t
utf8_len(const unsigned char *p)
{
	size_t n = *p < 0x80   ? 1
		   : *p < 0xc2 ? 0
		   : *p < 0xe0 ? 2
		   : *p < 0xf0 ? 3
		   : *p < 0xf5 ? 4
			       : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool
ak_text_good(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;

	for (; *p != '\0'; p += n)
		if ((n = utf8_len(p)) == 0)
			return false;
	return true;
}

static void
put_escape(struct text *t, unsigned c)
{
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	char hex[8];

	for (const char *p = letters; *p != '\0'; p += 2) {
		if ((unsigned char)*p == c) {
			put(t, "\\", 1);
			put(t, p + 1, 1);
			return;
		}
	}
	snprintf(hex, sizeof(hex), "\\u%04x", c & 0xffff);
	put(t, hex, 6);
}

static void
put_char(struct text *t, const unsigned char **at)
{
	const unsigned char *p = *at;
	size_t n = utf8_len(p);

	if (p[0] == 0xc0 && p[1] == 0x80) { /* NUL, see yaml_tree.h */
		put_escape(t, 0);
		n = 2;
	} else if (n == 0) {
		put(t, "\xef\xbf\xbd", 3);
		n = 1;
	} else if (*p < 0x20 || strchr("\"\\<>&", *p) != NULL) {
		put_escape(t, *p);
	} else if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
		put_escape(t, p[2] == 0xa8 ? 0x2028 : 0x2029);
	} else {
		put(t, (const char *)p, n);
	}
	*at = p + n;
}

static void
put_str(struct text *t, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	put_comma(t);
	put(t, "\"", 1);
	while (*p != '\0')
		put_char(t, &p);
	put(t, "\"", 1);
}

static void
put_raw(struct text *t, const char *text)
{
	put_comma(t);
	put(t, text, strlen(text));
}

static void
put_name(struct text *t, const char *name)
{
	put_str(t, name);
	put(t, ":", 1);
	t->comma = false;
}

static void
put_uint(struct text *t, const char *name, uint64_t v)
{
	char digits[24];

	put_name(t, name);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
	put_raw(t, digits);
}

static void
put_bool(struct text *t, const char *name, bool v)
{
	put_name(t, name);
	put_raw(t, v ? "true" : "false");
}

static void
put_member(struct text *t, const char *name, const char *value)
{
	put_name(t, name);
	put_str(t, value);
}

/* {"val":"123"} */
static void
put_quantity(struct text *t, const char *name, uint64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
	put_name(t, name);
	put_open(t, '{');
	put_member(t, "val", digits);
	put_close(t, '}');
}

/* A list by the writer of its elements; null when it was never made. */
static void
put_list(struct text *t, const char *name, const struct akash_list *list, size_t size,
	 void (*write)(struct text *t, const void *item))
{
	put_name(t, name);
	if (!list->made) {
		put_raw(t, "null");
		return;
	}
	put_open(t, '[');
	for (size_t i = 0; i < list->count; i++)
		write(t, (const char *)list->items + i * size);
	put_close(t, ']');
}

static void
write_str(struct text *t, const void *item)
{
	put_str(t, *(const char *const *)item);
}

static void
put_strs(struct text *t, const char *name, const struct akash_list *list)
{
	put_list(t, name, list, sizeof(char *), write_str);
}

/* ------------------------------------------------------------------ */
/* Resources.                                                          */

static void
write_attribute(struct text *t, const void *item)
{
	const struct akash_attribute *a = item;

	put_open(t, '{');
	if (*a->key != '\0')
		put_member(t, "key", a->key);
	if (*a->value != '\0')
		put_member(t, "value", a->value);
	put_close(t, '}');
}

static void
put_attributes(struct text *t, const struct akash_list *list)
{
	if (list->count > 0)
		put_list(t, "attributes", list, sizeof(struct akash_attribute), write_attribute);
}

static void
write_endpoint(struct text *t, const void *item)
{
	const struct akash_endpoint *e = item;

	put_open(t, '{');
	if (e->kind != AKASH_SHARED_HTTP)
		put_uint(t, "kind", (uint64_t)e->kind);
	put_uint(t, "sequence_number", e->sequence);
	put_close(t, '}');
}

static void
write_volume(struct text *t, const void *item)
{
	const struct akash_volume *v = item;

	put_open(t, '{');
	put_attributes(t, &v->attributes);
	put_member(t, "name", v->name);
	put_quantity(t, "size", v->bytes);
	put_close(t, '}');
}

static void
put_resources(struct text *t, const char *name, const struct akash_resources *r)
{
	put_name(t, name);
	put_open(t, '{');
	put_name(t, "cpu");
	put_open(t, '{');
	put_attributes(t, &r->cpu_attributes);
	put_quantity(t, "units", r->cpu_milli);
	put_close(t, '}');
	put_list(t, "endpoints", &r->endpoints, sizeof(struct akash_endpoint), write_endpoint);
	put_name(t, "gpu");
	put_open(t, '{');
	put_attributes(t, &r->gpu_attributes);
	put_quantity(t, "units", r->gpus);
	put_close(t, '}');
	put_uint(t, "id", r->id);
	put_name(t, "memory");
	put_open(t, '{');
	put_quantity(t, "size", r->memory_bytes);
	put_close(t, '}');
	put_list(t, "storage", &r->volumes, sizeof(struct akash_volume), write_volume);
	put_close(t, '}');
}

/* ------------------------------------------------------------------ */
/* The manifest.                                                       */

static void
put_http(struct text *t, const struct akash_http *h)
{
	put_name(t, "httpOptions");
	put_open(t, '{');
	put_uint(t, "maxBodySize", h->max_body_size);
	put_strs(t, "nextCases", &h->next_cases);
	put_uint(t, "nextTimeout", h->next_timeout);
	put_uint(t, "nextTries", h->next_tries);
	if (h->proxy_buffer_size != 0)
		put_uint(t, "proxyBufferSize", h->proxy_buffer_size);
	put_uint(t, "readTimeout", h->read_timeout);
	put_uint(t, "sendTimeout", h->send_timeout);
	put_close(t, '}');
}

static void
write_expose(struct text *t, const void *item)
{
	const struct akash_expose *x = item;

	put_open(t, '{');
	put_uint(t, "endpointSequenceNumber", x->sequence);
	put_uint(t, "externalPort", x->as);
	put_bool(t, "global", x->global);
	put_strs(t, "hosts", &x->hosts);
	put_http(t, &x->http);
	put_member(t, "ip", x->ip);
	put_uint(t, "port", x->port);
	put_member(t, "proto", x->udp ? "UDP" : "TCP");
	put_member(t, "service", x->service);
	put_close(t, '}');
}

static void
write_mount(struct text *t, const void *item)
{
	const struct akash_mount *m = item;

	put_open(t, '{');
	put_member(t, "mount", m->path);
	put_member(t, "name", m->volume);
	put_bool(t, "readOnly", m->readonly);
	put_close(t, '}');
}

static void
put_params(struct text *t, const struct akash_service *s)
{
	put_name(t, "params");
	put_open(t, '{');
	if (s->permissions) {
		put_name(t, "permissions");
		put_open(t, '{');
		if (s->read.count > 0)
			put_strs(t, "read", &s->read);
		put_close(t, '}');
	}
	put_list(t, "storage", &s->mounts, sizeof(struct akash_mount), write_mount);
	if (*s->tee != '\0') {
		put_name(t, "tee");
		put_open(t, '{');
		put_bool(t, "attestation", true);
		put_member(t, "type", s->tee);
		put_close(t, '}');
	}
	put_close(t, '}');
}

static void
put_credentials(struct text *t, const struct akash_service *s)
{
	put_name(t, "credentials");
	if (!s->private) {
		put_raw(t, "null");
		return;
	}
	put_open(t, '{');
	put_member(t, "email", s->credentials.email);
	put_member(t, "host", s->credentials.host);
	put_member(t, "password", s->credentials.password);
	put_member(t, "username", s->credentials.username);
	put_close(t, '}');
}

static void
write_service(struct text *t, const void *item)
{
	const struct akash_service *s = item;

	put_open(t, '{');
	put_strs(t, "args", &s->args);
	put_strs(t, "command", &s->command);
	put_uint(t, "count", s->count);
	put_credentials(t, s);
	put_strs(t, "env", &s->env);
	put_list(t, "expose", &s->exposes, sizeof(struct akash_expose), write_expose);
	put_member(t, "image", s->image);
	put_member(t, "name", s->name);
	if (s->params)
		put_params(t, s);
	put_resources(t, "resources", &s->resources);
	put_close(t, '}');
}

/* ------------------------------------------------------------------ */
/* Groups.                                                             */

static void
write_unit(struct text *t, const void *item)
{
	const struct akash_unit *u = item;

	put_open(t, '{');
	put_uint(t, "count", u->count);
	put_name(t, "price");
	put_open(t, '{');
	put_member(t, "amount", u->amount);
	put_member(t, "denom", u->denom);
	put_close(t, '}');
	put_resources(t, "resource", &u->resources);
	put_close(t, '}');
}

static void
put_requirements(struct text *t, const struct akash_group *g)
{
	put_name(t, "requirements");
	put_open(t, '{');
	put_list(t, "attributes", &g->attributes, sizeof(struct akash_attribute), write_attribute);
	put_name(t, "signed_by");
	put_open(t, '{');
	put_strs(t, "all_of", &g->all_of);
	put_strs(t, "any_of", &g->any_of);
	put_close(t, '}');
	put_close(t, '}');
}

static const char *
text_end(struct arena *a, struct text *t)
{
	const char *out = arena_strndup(a, t->p, t->len);

	free(t->p);
	return out;
}

const char *
ak_manifest_json(struct arena *a, const struct akash *in)
{
	struct text t = { 0 };

	put_open(&t, '[');
	for (size_t i = 0; i < in->group_count; i++) {
		put_open(&t, '{');
		put_member(&t, "name", in->groups[i].name);
		put_list(&t, "services", &in->groups[i].services, sizeof(struct akash_service),
			 write_service);
		put_close(&t, '}');
	}
	put_close(&t, ']');
	return text_end(a, &t);
}

const char *
ak_groups_json(struct arena *a, const struct akash *in)
{
	struct text t = { 0 };

	put_open(&t, '[');
	for (size_t i = 0; i < in->group_count; i++) {
		put_open(&t, '{');
		put_member(&t, "name", in->groups[i].name);
		put_requirements(&t, &in->groups[i]);
		put_list(&t, "resources", &in->groups[i].units, sizeof(struct akash_unit),
			 write_unit);
		put_close(&t, '}');
	}
	put_close(&t, ']');
	return text_end(a, &t);
}
