/* SPDX-License-Identifier: Apache-2.0 */
/* akash_files.h - for the tests of the Akash reader: a small file, and ways to
 * change it. */
#ifndef GAVEL_AKASH_FILES_H
#define GAVEL_AKASH_FILES_H

#include "deploy/akash.h"

#include "tap.h"

static struct arena arena;

/* 2.0, one service, one of everything that cases change. */
static const char base[] = "version: \"2.0\"\n"
			   "services:\n"
			   "  web:\n"
			   "    image: nginx:1\n"
			   "    env: [A=1]\n"
			   "    expose:\n"
			   "      - port: 80\n"
			   "        as: 81\n"
			   "        proto: tcp\n"
			   "        accept: [a.example]\n"
			   "        to:\n"
			   "          - global: true\n"
			   "profiles:\n"
			   "  compute:\n"
			   "    small:\n"
			   "      resources:\n"
			   "        cpu: {units: 500m}\n"
			   "        memory: {size: 128Mi}\n"
			   "        storage: {size: 1Gi}\n"
			   "  placement:\n"
			   "    west:\n"
			   "      attributes: {host: akash}\n"
			   "      pricing:\n"
			   "        small: {denom: uact, amount: 100}\n"
			   "deployment:\n"
			   "  web:\n"
			   "    west: {profile: small, count: 1}\n";

static int
read_text(const char *text, struct akash *out, struct err *e)
{
	*e = (struct err)ERR_NONE;
	return akash_read(&arena, "f", text, strlen(text), out, e);
}

/* The text with the first `from` replaced. */
static inline const char *
change(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (at == NULL) {
		printf("# the file has no \"%s\"\n", from);
		abort();
	}
	return arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

struct change {
	const char *from, *to;
	const char *rule; /* in a finding; NULL: taken */
};

static bool
found(const struct akash *in, const char *rule)
{
	for (size_t i = 0; i < in->finding_count; i++)
		if (strstr(in->findings[i].rule, rule) != NULL)
			return true;
	return false;
}

static inline void
check_changes(const char *text, const struct change *c, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct akash in;
		struct err e;
		int rc = read_text(change(text, c[i].from, c[i].to), &in, &e);

		if (!ok(c[i].rule == NULL ? rc == 0
					  : rc < 0 && (found(&in, c[i].rule) ||
						       strstr(e.text, c[i].rule) != NULL),
			"%s: %s", c[i].to, c[i].rule != NULL ? c[i].rule : "taken"))
			printf("# got %s\n", rc == 0 ? "ok" : e.text);
	}
}

#define CHECK(text, cases) check_changes(text, cases, NELEMS(cases))

static inline const char *
manifest_of(const char *text)
{
	struct akash in;
	struct err e;

	return read_text(text, &in, &e) == 0 ? in.manifest_json : arena_strdup(&arena, e.text);
}

static inline void
has(const char *json, const char *part, const char *what)
{
	if (!ok(strstr(json, part) != NULL, "%s", what))
		printf("#  no %s\n#  in %s\n", part, json);
}

#endif
