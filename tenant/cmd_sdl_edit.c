/* SPDX-License-Identifier: Apache-2.0 */
/* gavel sdl fmt, lint, convert: what writes deployment files. A file is replaced
 * only by one that has been read again. */
#include <getopt.h>

#include "deploy/compose.h"
#include "deploy/sdl_format.h"
#include "deploy/sdl_lint.h"
#include "tenant/tenant.h"

enum fmt_mode { FMT_PRINT, FMT_WRITE, FMT_DIFF, FMT_CHECK };

static int
fmt_file(struct context *c, const char *file, enum fmt_mode mode, bool *changed, struct err *e)
{
	const char *out;
	char *text;
	size_t len;

	if (file_read(c, file, &text, &len, e) < 0 ||
	    sdl_format(&c->arena, file, text, len, &out, e) < 0)
		return -1;
	*changed = strcmp(text, out) != 0;
	if (mode == FMT_PRINT)
		fputs(out, stdout);
	else if (*changed && mode == FMT_DIFF)
		diff_print(c, file, text, out);
	else if (*changed && mode == FMT_CHECK)
		puts(file);
	else if (*changed && mode == FMT_WRITE)
		return file_replace(c, file, out, e);
	return 0;
}

int
cmd_sdl_fmt(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "write", no_argument, NULL, 'w' },
						 { "diff", no_argument, NULL, 'd' },
						 { "check", no_argument, NULL, 'c' },
						 { NULL, 0, NULL, 0 } };
	enum fmt_mode mode = FMT_PRINT;
	bool changed, any = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "wd", options, NULL)) != -1)
		switch (opt) {
		case 'w': mode = FMT_WRITE; break;
		case 'd': mode = FMT_DIFF; break;
		case 'c': mode = FMT_CHECK; break;
		default: return option_fault(argv, "sdl fmt", e);
		}
	if (optind == argc)
		return err_set(e, &TENANT_USAGE, "sdl fmt: which file?");
	for (int i = optind; i < argc; i++) {
		if (mode == FMT_WRITE && strcmp(argv[i], "-") == 0)
			return err_set(e, &TENANT_USAGE, "standard input cannot be replaced");
		if (fmt_file(c, argv[i], mode, &changed, e) < 0)
			return -1;
		any = any || changed;
	}
	return any && mode == FMT_CHECK ? err_set(e, &TENANT_SAID, "not formatted") : 0;
}

/* ------------------------------------------------------------------ */

struct lint_args {
	bool fix, check;
};

static void
lint_json(struct jsonw *w, const char *name, const struct sdl_finding *f, size_t count)
{
	jsonw_name(w, name);
	jsonw_open(w, '[');
	for (size_t i = 0; i < count; i++) {
		jsonw_open(w, '{');
		jsonw_name(w, "line");
		jsonw_int(w, f[i].line);
		jsonw_name(w, "column");
		jsonw_int(w, f[i].column);
		jsonw_member(w, "path", "%s", f[i].path);
		jsonw_member(w, "rule", "%s", f[i].rule);
		if (f[i].cure != NULL)
			jsonw_member(w, "cure", "%s", f[i].cure);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void
lint_print(struct context *c, const char *file, const char *text, const struct sdl_lint *l)
{
	struct jsonw *w;

	if (!c->json) {
		for (size_t i = 0; i < l->finding_count; i++)
			printf("%s\n", sdl_finding_text(&c->arena, file, text, &l->findings[i]));
		for (size_t i = 0; i < l->advice_count; i++)
			printf("%s\n",
			       sdl_finding_text_as(&c->arena, "advice", file, text, &l->advice[i]));
		if (l->fixed != NULL)
			printf("%s: %zu can be mended: gavel sdl lint --fix %s\n", file, l->fixes,
			       file);
		return;
	}
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "file", "%s", file);
	lint_json(w, "findings", l->findings, l->finding_count);
	lint_json(w, "advice", l->advice, l->advice_count);
	jsonw_name(w, "fixes");
	jsonw_int(w, (int64_t)l->fixes);
	jsonw_close(w, '}');
	puts(jsonw_text(w, NULL));
	jsonw_free(w);
}

/* *bad: findings, or with --check something to mend. */
static int
lint_file(struct context *c, const char *file, const struct lint_args *x, bool *bad, struct err *e)
{
	struct sdl_lint l;
	char *text;
	size_t len;

	if (file_read(c, file, &text, &len, e) < 0 ||
	    sdl_lint(&c->arena, file, text, len, &l, e) < 0)
		return -1;
	if (!x->fix) {
		lint_print(c, file, text, &l);
		*bad = l.finding_count > 0;
		return 0;
	}
	*bad = x->check ? l.fixed != NULL : l.left > 0;
	if (l.fixed == NULL) {
		say(c, "%s: nothing to mend, %zu findings", file, l.left);
		return 0;
	}
	diff_print(c, file, text, l.fixed);
	say(c, "%s: %zu mended, %zu findings before, %zu after", file, l.fixes, l.finding_count,
	    l.left);
	return x->check ? 0 : file_replace(c, file, l.fixed, e);
}

int
cmd_sdl_lint(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "fix", no_argument, NULL, 'f' },
						 { "check", no_argument, NULL, 'c' },
						 { NULL, 0, NULL, 0 } };
	struct lint_args x = { false, false };
	bool bad, any = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'f': x.fix = true; break;
		case 'c': x.check = true; break;
		default: return option_fault(argv, "sdl lint", e);
		}
	if (optind == argc || (x.check && !x.fix))
		return err_set(e, &TENANT_USAGE,
			       optind == argc ? "sdl lint: which file?"
					      : "--check goes with --fix");
	for (int i = optind; i < argc; i++) {
		if (x.fix && !x.check && strcmp(argv[i], "-") == 0)
			return err_set(e, &TENANT_USAGE, "standard input cannot be replaced");
		if (lint_file(c, argv[i], &x, &bad, e) < 0)
			return -1;
		any = any || bad;
	}
	return any ? err_set(e, &TENANT_SAID, "findings") : 0;
}

/* ------------------------------------------------------------------ */

int
cmd_sdl_convert(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
						 { "partial", no_argument, NULL, 'p' },
						 { NULL, 0, NULL, 0 } };
	const char *output = "-";
	bool partial = false;
	struct compose made;
	char *text;
	size_t len;
	int opt;

	while ((opt = getopt_long(argc, argv, "o:", options, NULL)) != -1)
		switch (opt) {
		case 'o': output = optarg; break;
		case 'p': partial = true; break;
		default: return option_fault(argv, "sdl convert", e);
		}
	if (optind != argc - 1)
		return err_set(e, &TENANT_USAGE, "sdl convert takes one file");
	if (file_read(c, argv[optind], &text, &len, e) < 0 ||
	    compose_convert(&c->arena, argv[optind], text, len, &made, e) < 0)
		return -1;
	for (size_t i = 0; i < made.note_count; i++)
		fprintf(stderr, "%s\n", compose_note_text(&c->arena, argv[optind], &made.notes[i]));
	if (made.refused > 0 && !partial)
		return err_set(e, &COMPOSE_BAD,
			       "%zu things cannot be kept; --partial leaves them out",
			       made.refused);
	if (strcmp(output, "-") != 0)
		return file_replace(c, output, made.sdl, e);
	fputs(made.sdl, stdout);
	return 0;
}
