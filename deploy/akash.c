/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash.c - a whole deployment file in Akash's stages: YAML, version, sections,
 * groups, checks. The later stages look at what could be read even when some of
 * it could not; findings that may only follow from that are dropped.
 */
#include "deploy/akash_read.h"

#include <stdarg.h>

const struct code AKASH_INVALID = { "akash_invalid", INVALID,
				    "Akash would not take this deployment file" };

/* ------------------------------------------------------------------ */
/* Findings.                                                           */

static void
find(struct ak_reader *r, const struct yaml_tree *n, const char *path, const char *cure,
     const char *fmt, va_list ap)
{
	unsigned line = n != NULL ? n->line : 0, column = n != NULL ? n->column : 0;
	struct sdl_finding *f;
	char text[400];

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	/* A service in two placements is looked at twice: one finding will do. */
	for (size_t i = 0; i < r->finding_count; i++)
		if (r->findings[i].line == line && r->findings[i].column == column &&
		    strcmp(r->findings[i].rule, text) == 0)
			return;
	if (r->finding_count == AK_FINDINGS_MAX)
		return;
	r->findings = arena_grow(r->arena, r->findings, r->finding_count, sizeof(*r->findings));
	f = &r->findings[r->finding_count++];
	*f = (struct sdl_finding){
		line, column, path != NULL ? path : "", arena_strdup(r->arena, text), cure, false
	};
}

void
ak_find(struct ak_reader *r, const struct yaml_tree *n, const char *path, const char *cure,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	find(r, n, path, cure, fmt, ap);
	va_end(ap);
}

void
ak_find_in(struct ak_reader *r, const struct akash_at *at, const char *member, const char *cure,
	   const char *fmt, ...)
{
	const struct yaml_tree *n = at->node;
	va_list ap;

	for (size_t i = 0; at->node != NULL && i + 1 < at->node->count; i += 2)
		if (strcmp(at->node->content[i]->value, member) == 0)
			n = at->node->content[i + 1];
	va_start(ap, fmt);
	find(r, n, arena_printf(r->arena, "%.200s.%.60s", at->path != NULL ? at->path : "", member),
	     cure, fmt, ap);
	va_end(ap);
}

bool
ak_refuse(struct ak_decoder *d, const struct yaml_tree *n, const char *cure, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	find(d->r, n, ak_path_text(d->r->arena, d->path), cure, fmt, ap);
	va_end(ap);
	return false;
}

const char *
ak_path_text(struct arena *a, const struct ak_path *path)
{
	const struct ak_path *parts[24] = { NULL };
	char text[256] = "";
	size_t count = 0, len = 0;

	for (; path != NULL && count < NELEMS(parts); path = path->up)
		parts[count++] = path;
	while (count-- > 0 && len < sizeof(text)) {
		const char *dot = len > 0 ? "." : "";
		int n = parts[count]->name != NULL ? snprintf(text + len, sizeof(text) - len,
							      "%s%.60s", dot, parts[count]->name)
						   : snprintf(text + len, sizeof(text) - len,
							      "%s%zu", dot, parts[count]->index);

		len += (size_t)MAX(n, 0);
	}
	return arena_strdup(a, text);
}

static int
finding_order(const void *a, const void *b)
{
	const struct sdl_finding *x = a, *y = b;
	int order = (x->line > y->line) - (x->line < y->line);

	if (order == 0)
		order = (x->column > y->column) - (x->column < y->column);
	return order != 0 ? order : strcmp(x->rule, y->rule);
}

void
ak_findings_sort(struct ak_reader *r)
{
	if (r->finding_count > 0)
		qsort(r->findings, r->finding_count, sizeof(*r->findings), finding_order);
}

/* ------------------------------------------------------------------ */
/* Version.                                                            */

/* What follows the first scalar "version", be it key or value. */
static const struct yaml_tree *
version_node(struct ak_reader *r, const struct yaml_tree *root)
{
	for (size_t i = 0; i < root->count; i++) {
		if (strcmp(root->content[i]->value, "version") != 0)
			continue;
		if (i + 1 < root->count)
			return root->content[i + 1];
		break;
	}
	ak_find(r, root, "version", "write version: \"2.0\"", "the version is missing");
	return NULL;
}

static void
version_read(struct ak_file *f, const struct yaml_tree *root, struct akash *out)
{
	const struct yaml_tree *n = version_node(f->r, root);
	struct go_version v;

	if (n == NULL)
		return;
	if (!go_version(f->r->arena, n->value, &v)) {
		ak_find(f->r, n, "version", "write version: \"2.0\"", "\"%.40s\" is not a version",
			n->value);
		return;
	}
	if (v.major == 2 && v.minor == 0 && v.patch == 0 && !v.pre) {
		out->version = "2.0";
	} else if (v.major > 2 || (v.major == 2 && (v.minor > 1 || (v.minor == 1 && v.patch > 0) ||
						    (v.minor == 1 && !v.pre)))) {
		out->version = "2.1";
		f->merging = true;
	} else {
		ak_find(f->r, n, "version", "write version: \"2.0\" or \"2.1\"",
			"version %.40s is not supported", n->value);
	}
}

/* ------------------------------------------------------------------ */
/* All of it.                                                          */

static bool
is_below(const struct sdl_finding *f, const char *top)
{
	return strncmp(f->path, top, strlen(top)) == 0;
}

/* Whether the later finding may be only about what the early one kept from being
 * read: the same value, a reference into it, or something that is nowhere. */
static bool
follows(const struct sdl_finding *late, const struct sdl_finding *early)
{
	if (late->line == 0 || (late->line == early->line && late->column == early->column))
		return true;
	if (is_below(early, "services."))
		return is_below(late, "endpoints.");
	if (is_below(early, "deployment."))
		return is_below(late, "deployment.") || is_below(late, "endpoints.");
	if (is_below(early, "profiles."))
		/* params name volumes and GPUs of the profile. */
		return !is_below(late, "services.") || strstr(late->path, ".params") != NULL;
	return true;
}

/* All that is wrong is told at once; what is wrong only because of another fault
 * is not. */
static void
follow_ups_drop(struct ak_reader *r, size_t early)
{
	size_t kept = early;

	for (size_t i = early; i < r->finding_count && early > 0; i++) {
		bool follow = false;

		for (size_t k = 0; k < early && !follow; k++)
			follow = follows(&r->findings[i], &r->findings[k]);
		if (!follow)
			r->findings[kept++] = r->findings[i];
	}
	r->finding_count = early > 0 ? kept : r->finding_count;
}

static void
stages(struct ak_file *f, const struct yaml_tree *root, struct akash *out)
{
	size_t early;

	if (root == NULL) {
		ak_find(f->r, NULL, "", NULL, "there is nothing in it");
		return;
	}
	version_read(f, root, out);
	if (f->r->finding_count > 0)
		return;
	ak_sections(f, root);
	early = f->r->finding_count;
	f->partial = early > 0;
	if (f->r->stop)
		return;
	ak_build(f, out);
	if (f->r->stop)
		return;
	ak_check_file(f, out);
	ak_check_groups(f, out);
	follow_ups_drop(f->r, early);
}

int
akash_read(struct arena *a, const char *name, const char *text, size_t len, struct akash *out,
	   struct err *e)
{
	struct ak_reader r = { .arena = a };
	struct ak_file f = { .r = &r };
	struct yaml_tree *root;

	*out = (struct akash){ 0 };
	if (yaml_tree_parse(a, name, text, len, &root, e) < 0)
		return -1;
	stages(&f, root, out);
	if (r.finding_count > 0) {
		ak_findings_sort(&r);
		*out = (struct akash){ .findings = r.findings, .finding_count = r.finding_count };
		return err_set(e, &AKASH_INVALID, "%s:%u:%u: %s: %.160s", name, r.findings[0].line,
			       r.findings[0].column, r.findings[0].path, r.findings[0].rule);
	}
	out->manifest_json = ak_manifest_json(a, out);
	out->groups_json = ak_groups_json(a, out);
	sha256(out->manifest_json, strlen(out->manifest_json), &out->hash);
	return 0;
}
