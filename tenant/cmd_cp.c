/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel cp: files between here and a workload. A child of ours makes or reads
 * the tar; nothing of the image runs.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lease/frames.h"
#include "lib/clock.h"
#include "lib/tar.h"
#include "tenant/stream.h"

#define REDRAW_US (100 * MILLI_US)

struct copy {
	const char *local;
	struct remote_path remote;
	uint32_t number; /* --copy */
	bool put;
	int report; /* the child's last word: struct child_report */
	pid_t child;
};

struct child_report {
	struct tar_count count;
	char code[48], text[ERR_TEXT_MAX];
	int kind; /* -1: all went well */
};

static const char *
size_human(uint64_t n, char out[static 24])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t u = 0;
	uint64_t tenth = 0;

	for (; n >= 1000 && u + 1 < NELEMS(units); u++) {
		tenth = n % 1000 / 100;
		n /= 1000;
	}
	if (u == 0)
		snprintf(out, 24, "%llu B", (unsigned long long)n);
	else
		snprintf(out, 24, "%llu.%llu %s", (unsigned long long)n, (unsigned long long)tenth,
			 units[u]);
	return out;
}

static void
show_bytes(struct stream *s)
{
	static mono_t shown;
	char text[24];

	if (clock_mono() - shown < REDRAW_US)
		return;
	shown = clock_mono();
	fprintf(stderr, "\r%s ", size_human(s->bytes, text));
	fflush(stderr);
}

/* ------------------------------------------------------------------ */

_Noreturn static void
child_main(const struct copy *copy, int data, int report)
{
	struct tar_rules rules = { .bytes_max = 0 };
	struct child_report r = { .kind = -1 };
	struct err e = ERR_NONE;
	int result;

	signal(SIGPIPE, SIG_DFL);
	result = copy->put ? tar_send(data, copy->local, &r.count, &e)
			   : tar_receive(data, copy->local, &rules, &r.count, &e);
	if (result < 0) {
		r.kind = (int)e.code->kind;
		snprintf(r.code, sizeof(r.code), "%s", e.code->name);
		snprintf(r.text, sizeof(r.text), "%s", e.text);
	}
	(void)!write(report, &r, sizeof(r));
	_exit(0);
}

static int
child_start(struct copy *copy, int *ours, struct err *e)
{
	int data[2], report[2];

	if (pipe2(data, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0)
		return err_errno(e, "pipe");
	copy->child = fork();
	if (copy->child < 0)
		return err_errno(e, "fork");
	if (copy->child == 0) {
		close(data[copy->put ? 0 : 1]);
		child_main(copy, data[copy->put ? 1 : 0], report[1]);
	}
	close(report[1]);
	close(data[copy->put ? 1 : 0]);
	*ours = data[copy->put ? 0 : 1];
	copy->report = report[0];
	return 0;
}

/* Codes that another process names keep their names here. */
static int
fail_named(struct err *e, int kind, const char *name, const char *text)
{
	static char kept[48];
	static struct code code;

	snprintf(kept, sizeof(kept), "%s", name);
	code = (struct code){ kept, (enum kind)kind, "the copy failed" };
	return err_set(e, &code, "%s", text);
}

static int
child_end(struct copy *copy, struct child_report *r, struct err *e)
{
	ssize_t n = read(copy->report, r, sizeof(*r));

	close(copy->report);
	waitpid(copy->child, NULL, 0);
	if (n != (ssize_t)sizeof(*r))
		return err_set(e, &TAR_BROKEN, "%s", copy->local);
	return r->kind < 0 ? 0 : fail_named(e, r->kind, r->code, r->text);
}

/* "path: why [code]" and an exit status. */
static int
remote_failed(const struct copy *copy, struct stream *s, struct err *e)
{
	char *open = strrchr(s->words, '['), *close_at = strrchr(s->words, ']');
	int kind = INTERNAL;

	for (int k = INTERNAL; k <= NO_BID; k++)
		if (kind_exit_status((enum kind)k) == s->status)
			kind = k;
	if (s->words[0] == '\0')
		return err_set(e, &TAR_BROKEN, "%s:%s: the other end stopped with %d",
			       copy->remote.name, copy->remote.path, s->status);
	if (open == NULL || close_at == NULL || close_at < open)
		return fail_named(e, kind, "copy_failed", s->words);
	*close_at = '\0';
	if (open > s->words && open[-1] == ' ')
		open[-1] = '\0';
	err_set(e, &ERR_SYSTEM, "%s", s->words);
	fail_named(e, kind, open + 1, s->words);
	return err_wrap(e, "%s", copy->remote.name);
}

static const char *
files_path(struct context *c, const struct lease_ref *l, const struct copy *copy)
{
	const char *path = copy->remote.path;

	if (path[0] != '/') /* from the root, as there is no better place */
		path = arena_printf(&c->arena, "/%s", path);
	path = arena_printf(&c->arena, "%s?put=%d&copy=%u&path=%s", lease_path(c, l, "/files"),
			    copy->put, copy->number, query_text(&c->arena, path));
	if (copy->remote.service != NULL)
		path = arena_printf(&c->arena, "%s&service=%s", path,
				    query_text(&c->arena, copy->remote.service));
	return path;
}

static int
copy_run(struct context *c, struct copy *copy, struct child_report *report, struct err *e)
{
	struct stream s = { .protocol = FRAMES_FILES, .in = -1, .out = -1, .keep_words = true };
	struct deployment d = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	int data = -1, result;
	struct err child = ERR_NONE;

	if (lease_begin(c, copy->remote.name, &d, &l, e) < 0 || child_start(copy, &data, e) < 0)
		return -1;
	if (copy->put)
		s.in = data;
	else
		s.out = data;
	if (!c->quiet && isatty(STDERR_FILENO))
		s.on_bytes = show_bytes;
	s.path = files_path(c, &l, copy);
	result = stream_run(&l, &s, e);
	close(data);
	if (s.on_bytes != NULL)
		fputs("\r\033[K", stderr);
	if (child_end(copy, report, &child) < 0 && (result == 0 && s.status == 0)) {
		*e = child;
		return -1;
	}
	if (result < 0)
		return -1;
	if (s.status == 0) {
		if (s.words[0] != '\0')
			say(c, "note: %s", s.words);
		return 0;
	}
	/* Our own failure cuts the stream, and the other end only sees that. */
	if (child.code != NULL && strcmp(child.code->name, TAR_BROKEN.name) != 0) {
		*e = child;
		return -1;
	}
	return remote_failed(copy, &s, e);
}

int
cmd_cp(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "copy", required_argument, NULL, 'c' },
						 { NULL, 0, NULL, 0 } };
	struct remote_path from, to;
	struct child_report report;
	struct copy copy = { .number = 0 };
	bool from_there, to_there;
	struct stat st;
	char text[24];
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (opt != 'c')
			return option_fault(argv, "cp", e);
		else if (copy_read(optarg, &copy.number, e) < 0)
			return err_set(e, &TENANT_USAGE, "cp");
	if (argc - optind != 2)
		return err_set(e, &TENANT_USAGE, "from where to where?");
	from_there = remote_path_read(&c->arena, argv[optind], &from);
	to_there = remote_path_read(&c->arena, argv[optind + 1], &to);
	if (from_there == to_there)
		return err_set(e, &TENANT_USAGE, "one of the two is NAME:PATH, the other a path");
	copy.put = to_there;
	copy.remote = to_there ? to : from;
	copy.local = argv[to_there ? optind : optind + 1];
	if (copy.put && stat(copy.local, &st) != 0)
		return err_set(e, &TAR_NO_FILE, "%s: no such file", copy.local);
	if (copy_run(c, &copy, &report, e) < 0)
		return -1;
	if (c->json)
		printf("{\"bytes\":%llu,\"files\":%llu}\n", (unsigned long long)report.count.bytes,
		       (unsigned long long)report.count.files);
	else
		say(c, "copied %s", size_human(report.count.bytes, text));
	return 0;
}
