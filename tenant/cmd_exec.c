/* SPDX-License-Identifier: Apache-2.0 */
/* gavel exec and shell: a command inside a workload, its terminal here. */
#include <getopt.h>
#include <unistd.h>

#include "lease/frames.h"
#include "tenant/stream.h"
#include "tenant/terminal.h"

#define PATH_MAX_BYTES 12000 /* the gateway's heads are at most 16 KiB */
#define NO_PROGRAM     127

struct exec_flags {
	const char *name, *service;
	uint32_t copy;
	bool terminal, no_terminal, interactive;
};

int
copy_read(const char *text, uint32_t *copy, struct err *e)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n > 255)
		return err_set(e, &TENANT_USAGE, "--copy %.20s: a number from 0", text);
	*copy = (uint32_t)n;
	return 0;
}

static int
flags_read(int argc, char **argv, struct exec_flags *f, struct err *e)
{
	static const struct option options[] = { { "service", required_argument, NULL, 's' },
						 { "copy", required_argument, NULL, 'c' },
						 { "interactive", no_argument, NULL, 'i' },
						 { "tty", no_argument, NULL, 't' },
						 { "no-tty", no_argument, NULL, 'T' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "its:", options, NULL)) != -1)
		switch (opt) {
		case 's': f->service = optarg; break;
		case 'c':
			if (copy_read(optarg, &f->copy, e) < 0)
				return -1;
			break;
		case 'i': f->interactive = true; break;
		case 't': f->terminal = true; break;
		case 'T': f->no_terminal = true; break;
		default: return option_fault(argv, argv[0], e);
		}
	if (optind + 1 < argc)
		return err_set(e, &TENANT_USAGE, "one name, and the command stands behind --");
	f->name = optind < argc ? argv[optind] : NULL;
	if (terminal_is_here())
		f->terminal = true;
	if (f->no_terminal)
		f->terminal = false;
	else if (f->terminal && !isatty(STDIN_FILENO))
		return err_set(e, &TENANT_USAGE, "-t: standard input is not a terminal");
	return 0;
}

static int
exec_run(struct context *c, const struct exec_flags *f, int argc, char **argv, int *status,
	 struct err *e)
{
	struct stream s = { .protocol = FRAMES_EXEC,
			    .in = STDIN_FILENO,
			    .out = STDOUT_FILENO,
			    .terminal = f->terminal };
	struct deployment d = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	uint32_t rows = 0, cols = 0;
	const char *path;

	if (lease_begin(c, f->name, &d, &l, e) < 0)
		return -1;
	terminal_size(&rows, &cols);
	path = arena_printf(&c->arena, "%s?copy=%u&tty=%d&rows=%u&cols=%u",
			    lease_path(c, &l, "/exec"), f->copy, f->terminal, rows, cols);
	if (f->service != NULL)
		path = arena_printf(&c->arena, "%s&service=%s", path,
				    query_text(&c->arena, f->service));
	for (int i = 0; i < argc; i++)
		path = arena_printf(&c->arena, "%s&arg=%s", path, query_text(&c->arena, argv[i]));
	if (strlen(path) > PATH_MAX_BYTES)
		return err_set(e, &ERR_TOO_BIG,
			       "the command is too long: give it to sh by standard input");
	s.path = path;
	if (stream_run(&l, &s, e) < 0)
		return -1;
	*status = s.status;
	return 0;
}

int
cmd_exec(struct context *c, int argc, char **argv, struct err *e)
{
	struct exec_flags f = { .name = NULL };
	int split = 1, status = 0;

	while (split < argc && strcmp(argv[split], "--") != 0)
		split++;
	if (split + 1 >= argc)
		return err_set(e, &TENANT_USAGE, "the command stands behind --");
	if (flags_read(split, argv, &f, e) < 0 ||
	    exec_run(c, &f, argc - split - 1, argv + split + 1, &status, e) < 0)
		return -1;
	exit(status);
}

int
cmd_shell(struct context *c, int argc, char **argv, struct err *e)
{
	struct exec_flags f = { .name = NULL };
	char shell[] = "/bin/sh", *words[] = { shell, NULL };
	int status = 0;

	if (flags_read(argc, argv, &f, e) < 0 || exec_run(c, &f, 1, words, &status, e) < 0)
		return -1;
	if (status == NO_PROGRAM)
		say(c, "if the image has no /bin/sh, nothing can be typed into it: see gavel cp");
	exit(status);
}
