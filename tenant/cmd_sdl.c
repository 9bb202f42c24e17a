/* SPDX-License-Identifier: Apache-2.0 */
/* gavel sdl check, explain, schema, manifest, groups, hash: what a deployment file
 * says. What rewrites files is in cmd_sdl_edit.c. */
#include <getopt.h>

#include "deploy/sdl_explain.h"
#include "deploy/sdl_lint.h"
#include "tenant/tenant.h"

#define TOKEN_DECIMALS 6u /* as the reader of prices has it */

/* ------------------------------------------------------------------ */
/* Reading.                                                            */

struct sdl_args {
	bool json, akash;
	const char *placement;
	char **files;
	int file_count;
};

static int
arguments(struct context *c, struct sdl_args *x, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "akash", no_argument, NULL, 'a' },
						 { "placement", required_argument, NULL, 'p' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'a': x->akash = true; break;
		case 'p': x->placement = optarg; break;
		default: return option_fault(argv, arena_printf(&c->arena, "sdl %s", argv[0]), e);
		}
	x->files = argv + optind;
	x->file_count = argc - optind;
	if (x->file_count == 0)
		return err_set(e, &TENANT_USAGE, "sdl %s: which file?", argv[0]);
	return 0;
}

int
sdl_load(struct context *c, const char *name, const char *text, size_t len, bool as_akash,
	 struct akash *akash, struct sdl *sdl, struct err *e)
{
	struct akash read = { 0 };
	int rc;

	if (!as_akash)
		return sdl_read(&c->arena, name, text, len, sdl, e);
	*sdl = (struct sdl){ 0 };
	rc = akash_read(&c->arena, name, text, len, &read, e);
	if (rc < 0) {
		sdl->findings = read.findings;
		sdl->finding_count = read.finding_count;
	}
	if (akash != NULL)
		*akash = read;
	return rc < 0 ? -1 : akash_import(&c->arena, &read, sdl, e);
}

void
sdl_print_findings(struct context *c, const char *name, const char *text, const struct sdl *sdl)
{
	for (size_t i = 0; i < sdl->finding_count; i++)
		fprintf(stderr, "%s\n", sdl_finding_text(&c->arena, name, text, &sdl->findings[i]));
}

/* ------------------------------------------------------------------ */
/* What a good file asks for.                                          */

static const char *
size_text(struct arena *a, uint64_t bytes)
{
	static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi" };
	size_t i = 0;

	while (i + 1 < NELEMS(units) && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	return arena_printf(a, "%llu%s", (unsigned long long)bytes, units[i]);
}

static const char *
joined(struct arena *a, const struct json_strs *s)
{
	const char *text = "";

	for (size_t i = 0; i < s->count; i++)
		text = arena_printf(a, "%s%s%s", text, i > 0 ? ", " : "", s->items[i]);
	return text;
}

static void
expose_print(struct arena *a, const struct expose *x)
{
	const char *to = x->global ? "the world" : x->to.count > 0 ? joined(a, &x->to) : "nobody";
	const char *as = x->as != 0 && x->as != x->port ? arena_printf(a, " as %u", x->as) : "";

	printf("      port    %u%s, %s, to %s%s%s%s%s\n", x->port, as, x->proto, to,
	       x->hosts.count > 0 ? " by the name " : "", joined(a, &x->hosts),
	       x->ip != NULL ? " at the address " : "", x->ip != NULL ? x->ip : "");
}

static void
service_print(struct arena *a, const struct service *s, const struct group_service *g)
{
	const struct expose *x = s->exposes.items;
	const struct mount *m = s->mounts.items;
	const struct check *k = s->checks.items;
	const struct resources *r = &s->resources;

	printf("    %s x%u  %s\n      each    %u.%03u CPU, %s memory, %s disk", s->name, s->count,
	       s->image, r->cpu_milli / 1000, r->cpu_milli % 1000, size_text(a, r->memory_bytes),
	       size_text(a, r->storage_bytes));
	if (r->persistent_bytes > 0)
		printf(", %s persistent", size_text(a, r->persistent_bytes));
	if (r->gpus > 0)
		printf(", %u gpu (%s)", r->gpus, joined(a, &g->gpus));
	if (r->egress_gib > 0)
		printf(", %u GiB out in 30 days", r->egress_gib);
	printf("\n");
	for (size_t i = 0; i < s->exposes.count; i++)
		expose_print(a, &x[i]);
	for (size_t i = 0; i < s->mounts.count; i++)
		printf("      volume  %s at %s, %s%s\n", m[i].volume, m[i].path,
		       m[i].class != NULL
			       ? arena_printf(a, "%s %s", size_text(a, m[i].bytes), m[i].class)
			       : "of the disk",
		       m[i].readonly ? ", read only" : "");
	for (size_t i = 0; i < s->checks.count; i++)
		printf("      %-7s %s every %u s\n", k[i].use, k[i].kind, k[i].every_s);
}

static void
rate_texts(const struct rate rate, char hour[AMOUNT_TEXT_SIZE], char month[AMOUNT_TEXT_SIZE])
{
	amount_human(rate_due(rate, 3600), TOKEN_DECIMALS, hour);
	amount_human(rate_due(rate, 730 * 3600), TOKEN_DECIMALS, month);
}

void
sdl_summary(struct context *c, const struct sdl *sdl)
{
	for (size_t i = 0; i < sdl->placement_count; i++) {
		const struct sdl_placement *p = &sdl->placements[i];
		const struct service *s = p->manifest.services.items;
		const struct group_service *g = p->group.services.items;
		char hour[AMOUNT_TEXT_SIZE], month[AMOUNT_TEXT_SIZE];

		rate_texts(p->max_rate, hour, month);
		printf("  %s: at most %s tokens an hour, %s a month (%s)\n", p->group.name, hour,
		       month, p->group.billing);
		for (size_t k = 0; k < p->manifest.services.count; k++)
			service_print(&c->arena, &s[k], &g[k]);
	}
}

/* ------------------------------------------------------------------ */
/* check                                                               */

static void
findings_json(struct jsonw *w, const struct sdl *sdl)
{
	jsonw_name(w, "findings");
	jsonw_open(w, '[');
	for (size_t i = 0; i < sdl->finding_count; i++) {
		const struct sdl_finding *f = &sdl->findings[i];

		jsonw_open(w, '{');
		jsonw_name(w, "line");
		jsonw_int(w, f->line);
		jsonw_name(w, "column");
		jsonw_int(w, f->column);
		jsonw_member(w, "path", "%s", f->path);
		jsonw_member(w, "rule", "%s", f->rule);
		if (f->cure != NULL)
			jsonw_member(w, "cure", "%s", f->cure);
		if (f->warning) {
			jsonw_name(w, "warning");
			jsonw_bool(w, true);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void
placements_json(struct jsonw *w, const struct sdl *sdl)
{
	jsonw_name(w, "placements");
	jsonw_open(w, '[');
	for (size_t i = 0; i < sdl->placement_count; i++) {
		const struct sdl_placement *p = &sdl->placements[i];
		struct hash group = group_hash(&p->group);
		char hour[AMOUNT_TEXT_SIZE], month[AMOUNT_TEXT_SIZE], text[HASH_TEXT_SIZE];

		rate_texts(p->max_rate, hour, month);
		jsonw_open(w, '{');
		jsonw_member(w, "name", "%s", p->group.name);
		jsonw_member(w, "max_per_hour", "%s", hour);
		jsonw_member(w, "max_per_month", "%s", month);
		jsonw_member(w, "group_hash", "%s", hash_text(&group, text));
		jsonw_member(w, "manifest_hash", "%s", hash_text(&p->group.manifest, text));
		jsonw_name(w, "group");
		json_write(w, group_fields, &p->group);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

/* As Akash's tools print it: without 0x. */
static const char *
version_text(struct arena *a, const struct akash *in)
{
	char text[HASH_TEXT_SIZE];

	return arena_strdup(a, hash_text(&in->hash, text) + 2);
}

/* Where to read on, and whether we can mend it. */
static void
print_cures(struct context *c, const char *file, const char *text, size_t len,
	    const struct sdl *sdl)
{
	struct sdl_explained explained;
	struct err ignored = ERR_NONE;
	struct sdl_lint lint;

	for (size_t i = 0; i < sdl->finding_count; i++)
		if (*sdl->findings[i].path != '\0' &&
		    sdl_explain_find(&c->arena, sdl->findings[i].path, &explained, &ignored) == 0) {
			fprintf(stderr, "help: gavel sdl explain %s\n", sdl->findings[i].path);
			break;
		}
	if (strcmp(file, "-") != 0 && sdl_lint(&c->arena, file, text, len, &lint, &ignored) == 0 &&
	    lint.fixed != NULL)
		fprintf(stderr, "help: gavel sdl lint --fix %s mends %zu\n", file, lint.fixes);
}

/* It may be good there and still ask for what is not to be had here. */
static void
print_akash(struct context *c, const char *file, const struct akash *akash, const struct sdl *sdl)
{
	size_t errors = 0;

	for (size_t i = 0; i < sdl->finding_count; i++)
		errors += !sdl->findings[i].warning;
	printf("%s: Akash takes it (hash %s)", file, version_text(&c->arena, akash));
	if (errors > 0)
		printf(", but it cannot be leased here: %zu finding%s", errors,
		       errors == 1 ? "" : "s");
	puts("");
	fflush(stdout); /* before the findings, on standard error */
}

/* fault NULL: the file is good, perhaps with warnings. */
static void
check_print(struct context *c, const char *file, const char *text, size_t len,
	    const struct sdl *sdl, const struct err *fault)
{
	sdl_print_findings(c, file, text, sdl);
	if (fault == NULL) {
		printf("%s: good\n", file);
		sdl_summary(c, sdl);
		return;
	}
	if (sdl->finding_count > 0)
		print_cures(c, file, text, len, sdl);
	fprintf(stderr, "error: %s [%s]\n", fault->text, fault->code->name);
}

/* Of one file: whether it is good. w NULL: for people. */
static bool
check_file(struct context *c, const struct sdl_args *x, const char *file, struct jsonw *w)
{
	struct err e = ERR_NONE;
	struct sdl sdl = { 0 };
	struct akash akash = { 0 };
	char *text = NULL;
	size_t len = 0;
	int rc = file_read(c, file, &text, &len, &e);

	if (rc == 0)
		rc = sdl_load(c, file, text, len, x->akash, &akash, &sdl, &e);
	if (w == NULL) {
		if (akash.manifest_json != NULL)
			print_akash(c, file, &akash, &sdl);
		check_print(c, file, text, len, &sdl, rc == 0 ? NULL : &e);
	} else {
		jsonw_open(w, '{');
		jsonw_member(w, "file", "%s", file);
		jsonw_name(w, "good");
		jsonw_bool(w, rc == 0);
		if (rc < 0) {
			jsonw_member(w, "error", "%s", e.text);
			jsonw_member(w, "code", "%s", e.code->name);
		}
		findings_json(w, &sdl);
		placements_json(w, &sdl);
		jsonw_close(w, '}');
	}
	return rc == 0;
}

static int
sdl_check(struct context *c, int argc, char **argv, struct err *e)
{
	struct sdl_args x = { .json = c->json };
	struct jsonw *w = NULL;
	bool good = true;

	if (arguments(c, &x, argc, argv, e) < 0)
		return -1;
	if (c->json) {
		w = jsonw_new(true);
		jsonw_open(w, '{');
		jsonw_name(w, "files");
		jsonw_open(w, '[');
	}
	for (int i = 0; i < x.file_count; i++)
		good = check_file(c, &x, x.files[i], w) && good;
	if (w != NULL) {
		jsonw_close(w, ']');
		jsonw_close(w, '}');
		fputs(jsonw_text(w, NULL), stdout);
		jsonw_free(w);
	}
	return good ? 0 : err_set(e, &TENANT_SAID, "findings");
}

/* ------------------------------------------------------------------ */
/* explain, schema                                                     */

static int
sdl_explain(struct context *c, int argc, char **argv, struct err *e)
{
	struct sdl_explained x;

	if (argc > 2)
		return err_set(e, &TENANT_USAGE, "sdl explain takes one path");
	if (sdl_explain_find(&c->arena, argc > 1 ? argv[1] : "", &x, e) < 0)
		return -1;
	if (c->json)
		puts(sdl_explain_json(&c->arena, &x));
	else
		fputs(sdl_explain_text(&c->arena, &x), stdout);
	return 0;
}

static int
schema(struct context *c, int argc, char **argv, struct err *e)
{
	(void)argv;
	if (argc > 1)
		return err_set(e, &TENANT_USAGE, "sdl schema takes nothing");
	fputs(sdl_schema(&c->arena), stdout);
	return 0;
}

/* ------------------------------------------------------------------ */
/* manifest, groups, hash                                              */

static int
read_good(struct context *c, const struct sdl_args *x, struct sdl *sdl, struct err *e)
{
	char *text;
	size_t len;

	if (x->file_count != 1)
		return err_set(e, &TENANT_USAGE, "one file");
	if (file_read(c, x->files[0], &text, &len, e) < 0)
		return -1;
	if (sdl_read(&c->arena, x->files[0], text, len, sdl, e) == 0)
		return 0;
	sdl_print_findings(c, x->files[0], text, sdl);
	return -1;
}

static void
hashes_print(struct context *c, const struct sdl_placement *p)
{
	struct hash group = group_hash(&p->group);
	char g[HASH_TEXT_SIZE], m[HASH_TEXT_SIZE];

	hash_text(&group, g);
	hash_text(&p->group.manifest, m);
	if (c->json)
		printf("{\"placement\":\"%s\",\"group\":\"%s\",\"manifest\":\"%s\"}\n",
		       p->group.name, g, m);
	else
		printf("%s group %s manifest %s\n", p->group.name, g, m);
}

/* Akash has one manifest and one list of groups, and one hash of them all. */
static int
derive_akash(struct context *c, const struct sdl_args *x, const char *what, struct err *e)
{
	struct akash in;
	struct sdl sdl = { 0 };
	char *text;
	size_t len;

	if (x->file_count != 1 || x->placement != NULL)
		return err_set(e, &TENANT_USAGE, "one file, and no placement");
	if (file_read(c, x->files[0], &text, &len, e) < 0)
		return -1;
	if (akash_read(&c->arena, x->files[0], text, len, &in, e) < 0) {
		sdl.findings = in.findings;
		sdl.finding_count = in.finding_count;
		sdl_print_findings(c, x->files[0], text, &sdl);
		return -1;
	}
	if (strcmp(what, "hash") == 0 && c->json)
		printf("{\"version\":\"%s\"}\n", version_text(&c->arena, &in));
	else
		puts(strcmp(what, "manifest") == 0 ? in.manifest_json
		     : strcmp(what, "groups") == 0 ? in.groups_json
						   : version_text(&c->arena, &in));
	return 0;
}

/* One line for each placement. */
static int
sdl_derive(struct context *c, int argc, char **argv, struct err *e)
{
	struct sdl_args x = { .json = c->json };
	struct sdl sdl;
	bool any = false;

	if (arguments(c, &x, argc, argv, e) < 0)
		return -1;
	if (x.akash)
		return derive_akash(c, &x, argv[0], e);
	if (read_good(c, &x, &sdl, e) < 0)
		return -1;
	for (size_t i = 0; i < sdl.placement_count; i++) {
		const struct sdl_placement *p = &sdl.placements[i];

		if (x.placement != NULL && strcmp(x.placement, p->group.name) != 0)
			continue;
		any = true;
		if (strcmp(argv[0], "manifest") == 0)
			puts(json_encode(&c->arena, manifest_fields, &p->manifest));
		else if (strcmp(argv[0], "groups") == 0)
			puts(json_encode(&c->arena, group_fields, &p->group));
		else
			hashes_print(c, p);
	}
	if (!any)
		return err_set(e, &ERR_NOT_FOUND, "there is no placement %s", x.placement);
	return 0;
}

/* ------------------------------------------------------------------ */

static const struct command commands[] = {
	{ "check", "FILE... [--akash]", "say what is wrong with it, or what it asks for",
	  "      --akash  read it as Akash does, then see whether it can be leased here\n"
	  "\nexamples: gavel sdl check web.yaml\n"
	  "          gavel sdl check --json - <web.yaml\n"
	  "The exit status is 2 when there are findings.\n",
	  sdl_check },
	{ "fmt", "FILE... [--write|--diff|--check]", "write it in one form, comments kept",
	  "  -w, --write  replace the files\n"
	  "  -d, --diff   show what would change\n"
	  "      --check  name the files that would change; the exit status is then 2\n"
	  "\nexamples: gavel sdl fmt web.yaml\n"
	  "          gavel sdl fmt --write *.yaml\n",
	  cmd_sdl_fmt },
	{ "explain", "[PATH]", "what stands at a key, here and on Akash",
	  "\nexamples: gavel sdl explain\n"
	  "          gavel sdl explain services.web.expose\n"
	  "          gavel sdl explain 'profiles.compute.*.resources.storage'\n",
	  sdl_explain },
	{ "schema", "", "the JSON Schema of deployment files",
	  "\nexample: gavel sdl schema >sdl.schema.json\n", schema },
	{ "convert", "COMPOSE.YML [-o FILE] [--partial]", "a deployment file of a compose file",
	  "  -o, --output FILE  where it goes (default: standard output)\n"
	  "      --partial      leave out what cannot be kept\n"
	  "\nexample: gavel sdl convert docker-compose.yml -o deploy.yaml\n"
	  "What had to be invented is marked in the result by \"# invented\".\n",
	  cmd_sdl_convert },
	{ "lint", "FILE... [--fix [--check]]",
	  "findings and advice; mend what has one right answer",
	  "      --fix    mend, and show the difference\n"
	  "      --check  with --fix: only show it; the exit status is 2 if there is any\n"
	  "\nexamples: gavel sdl lint web.yaml\n"
	  "          gavel sdl lint --fix web.yaml\n",
	  cmd_sdl_lint },
	{ "manifest", "FILE [--placement P] [--akash]", "the manifest that the winner gets",
	  "      --placement P  of this placement only\n"
	  "      --akash        Akash's manifest.json\n"
	  "\nexample: gavel sdl manifest web.yaml | jq .\nOne line for each placement.\n",
	  sdl_derive },
	{ "groups", "FILE [--placement P] [--akash]", "the groups that everybody sees",
	  "      --placement P  of this placement only\n"
	  "      --akash        Akash's group-specs.json\n"
	  "\nexample: gavel sdl groups web.yaml | jq .\nOne line for each placement.\n",
	  sdl_derive },
	{ "hash", "FILE [--placement P] [--akash]", "the hashes of group and manifest",
	  "      --placement P  of this placement only\n"
	  "      --akash        Akash's version hash\n"
	  "\nexample: gavel sdl hash web.yaml\n",
	  sdl_derive },
};

static void
usage(FILE *out)
{
	fputs("usage: gavel sdl COMMAND ...\n\n", out);
	for (size_t i = 0; i < NELEMS(commands); i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`gavel sdl COMMAND --help` says more. FILE may be - for standard input.\n", out);
}

static bool
wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

int
cmd_sdl(struct context *c, int argc, char **argv, struct err *e)
{
	const struct command *k = commands;
	const char *near;
	int rc;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		usage(stdout);
		return 0;
	}
	while (argc > 1 && k < commands + NELEMS(commands) && strcmp(k->name, argv[1]) != 0)
		k++;
	if (argc < 2 || k == commands + NELEMS(commands)) {
		near = argc < 2 ? NULL : command_nearest(commands, NELEMS(commands), argv[1]);
		if (near != NULL)
			return err_field(e, &TENANT_USAGE, "command",
					 "sdl: no command %s; did you mean \"%s\"?", argv[1], near);
		usage(stderr);
		return err_set(e, &TENANT_USAGE,
			       argc < 2 ? "sdl: which command?" : "sdl: no command %s",
			       argc < 2 ? "" : argv[1]);
	}
	if (wants_help(argc - 1, argv + 1)) {
		printf("usage: gavel sdl %s %s\n\n%s\n%s", k->name, k->args, k->summary, k->help);
		return 0;
	}
	optind = 0;
	rc = k->run(c, argc - 1, argv + 1, e);
	if (rc < 0 && e->code == &TENANT_USAGE && e->field[0] == '\0')
		fprintf(stderr, "usage: gavel sdl %s %s\n", k->name, k->args);
	return rc;
}
