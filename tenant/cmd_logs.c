/* SPDX-License-Identifier: Apache-2.0 */
/* gavel logs: what the workload printed, byte for byte. */
#include <getopt.h>
#include <unistd.h>

#include "deploy/manifest.h"
#include "lease/frames.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

#define LINE_MAX_BYTES ((size_t)16 * 1024)

struct logs {
	bool prefix, times, json;
	size_t len;
	char line[LINE_MAX_BYTES];
};

static void
line_print_json(const struct log_line *line)
{
	struct jsonw *w = jsonw_new(false);

	jsonw_open(w, '{');
	jsonw_name(w, "unit");
	jsonw_strn(w, line->unit, line->unit_len);
	jsonw_name(w, "time");
	jsonw_strn(w, line->time, FRAMES_TIME_LEN);
	jsonw_member(w, "stream", "%s",
		     line->stream == 'o'   ? "stdout"
		     : line->stream == 'e' ? "stderr"
					   : "provider");
	jsonw_name(w, "text");
	jsonw_strn(w, line->text, line->text_len);
	jsonw_close(w, '}');
	puts(jsonw_text(w, NULL));
	jsonw_free(w);
}

static void
line_print(struct logs *g)
{
	struct log_line line;

	if (!log_line_read(g->line, g->len, true, &line)) {
		fwrite(g->line, 1, g->len, stdout);
		putchar('\n');
		return;
	}
	if (g->json) {
		line_print_json(&line);
		return;
	}
	if (g->prefix)
		printf("%.*s | ", (int)line.unit_len, line.unit);
	if (g->times)
		printf("%.*s ", (int)FRAMES_TIME_LEN, line.time);
	if (line.stream == '-') /* not the workload's own words */
		fputs("- ", stdout);
	fwrite(line.text, 1, line.text_len, stdout);
	putchar('\n');
}

static bool
on_data(void *ctx, const char *data, size_t len)
{
	struct logs *g = ctx;

	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t part = end != NULL ? (size_t)(end - data) : len;
		size_t take = MIN(part, sizeof(g->line) - g->len);

		memcpy(g->line + g->len, data, take);
		g->len += take;
		data += part;
		len -= part;
		if (end == NULL)
			break;
		line_print(g);
		g->len = 0;
		data++;
		len--;
	}
	return fflush(stdout) == 0;
}

/* More than one copy, of this service or of all? Unknown counts as yes. */
static bool
has_several(struct context *c, const struct deployment *d, const char *service)
{
	struct err ignored = ERR_NONE;
	struct manifest m;
	uint32_t copies = 0;

	if (d->manifest == NULL || json_decode(&c->arena, d->manifest, strlen(d->manifest),
					       manifest_fields, &m, &ignored) < 0)
		return true;
	for (size_t i = 0; i < m.services.count; i++) {
		const struct service *s = (const struct service *)m.services.items + i;

		copies += service == NULL || strcmp(s->name, service) == 0 ? s->count : 0;
	}
	return copies > 1;
}

struct logs_flags {
	const char *name, *service, *stream, *since;
	unsigned long tail;
	uint32_t copy;
	bool has_copy, has_tail, follow;
};

static int
flag_read(struct logs_flags *f, struct logs *g, int opt, struct err *e)
{
	char *end = NULL;

	switch (opt) {
	case 'f': f->follow = true; return 0;
	case 'T': g->times = true; return 0;
	case 's': f->service = optarg; return 0;
	case 'S': f->since = optarg; return 0;
	case 'c': f->has_copy = true; return copy_read(optarg, &f->copy, e);
	case 'n':
		f->has_tail = true;
		f->tail = strtoul(optarg, &end, 10);
		return optarg[0] >= '0' && optarg[0] <= '9' && *end == '\0'
			       ? 0
			       : err_set(e, &TENANT_USAGE, "--tail %.20s: a number of lines",
					 optarg);
	case 'o':
		f->stream = optarg;
		return strcmp(optarg, "stdout") == 0 || strcmp(optarg, "stderr") == 0
			       ? 0
			       : err_set(e, &TENANT_USAGE, "--stream is stdout or stderr");
	default: return err_set(e, &TENANT_USAGE, "logs"); /* the caller knows the word */
	}
}

static int
flags_read(int argc, char **argv, struct logs_flags *f, struct logs *g, struct err *e)
{
	static const struct option options[] = { { "follow", no_argument, NULL, 'f' },
						 { "tail", required_argument, NULL, 'n' },
						 { "since", required_argument, NULL, 'S' },
						 { "service", required_argument, NULL, 's' },
						 { "copy", required_argument, NULL, 'c' },
						 { "stream", required_argument, NULL, 'o' },
						 { "timestamps", no_argument, NULL, 'T' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "fn:s:", options, NULL)) != -1)
		if (opt == '?')
			return option_fault(argv, "logs", e);
		else if (flag_read(f, g, opt, e) < 0)
			return -1;
	f->name = optind < argc ? argv[optind] : NULL;
	return 0;
}

struct logs_call {
	struct logs_flags flags;
	struct logs out;
	wall_t since;
};

static int
logs_one(struct context *c, const char *name, void *ctx, struct err *e)
{
	struct logs_call *x = ctx;
	const struct logs_flags *f = &x->flags;
	struct deployment d = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	char time[TIME_TEXT_SIZE];
	const char *path;

	if (lease_begin(c, name, &d, &l, e) < 0)
		return -1;
	x->out.json = c->json;
	x->out.prefix = !f->has_copy && has_several(c, &d, f->service);
	path = arena_printf(&c->arena, "%s?follow=%d", lease_path(c, &l, "/logs"), f->follow);
	if (f->has_tail)
		path = arena_printf(&c->arena, "%s&tail=%lu", path, f->tail);
	if (f->since != NULL)
		path = arena_printf(&c->arena, "%s&since=%s", path, time_text(x->since, time));
	if (f->service != NULL)
		path = arena_printf(&c->arena, "%s&service=%s", path,
				    query_text(&c->arena, f->service));
	if (f->has_copy)
		path = arena_printf(&c->arena, "%s&copy=%u", path, f->copy);
	if (f->stream != NULL)
		path = arena_printf(&c->arena, "%s&stream=%s", path, f->stream);
	if (provider_stream(&c->arena, &l.gateway, "GET", path, NULL, on_data, &x->out, e) < 0)
		return -1;
	if (x->out.len != 0)
		line_print(&x->out);
	return 0;
}

int
cmd_logs(struct context *c, int argc, char **argv, struct err *e)
{
	static struct logs_call x;

	if (flags_read(argc, argv, &x.flags, &x.out, e) < 0 ||
	    (x.flags.since != NULL && since_read(x.flags.since, clock_wall(), &x.since, e) < 0))
		return -1;
	return parts_together(c, x.flags.name, logs_one, &x, e);
}
