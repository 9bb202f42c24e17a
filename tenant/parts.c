/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file with several placements is several deployments under one name. The name
 * is a file of its own, NAME.parts.json, beside those of the deployments; a
 * deployment of the same name takes its place, and the other way round.
 */
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tenant/tenant.h"

struct parts_doc {
	const char *name;
	struct json_strs parts;
};
static const struct json_field parts_fields[] = { JSON_STR(struct parts_doc, name, 64, 0),
						  JSON_STRS(struct parts_doc, parts, 64, 0),
						  JSON_END };

int
parts_save(struct context *c, const char *name, size_t count, const void *names, size_t stride,
	   struct err *e)
{
	struct parts_doc doc = { .name = name };
	const char *text;

	doc.parts.items = arena_alloc(&c->arena, count * sizeof(*doc.parts.items));
	for (size_t i = 0; i < count; i++)
		doc.parts.items[doc.parts.count++] =
			*(const char *const *)(const void *)((const char *)names + i * stride);
	text = json_encode(&c->arena, parts_fields, &doc);
	if (state_write(c, arena_printf(&c->arena, "%s.parts", name), text, e) < 0 ||
	    state_write(c, ".last.parts", text, e) < 0)
		return -1;
	unlink(state_path(c, name)); /* the name stands for its parts now */
	return 0;
}

int
parts_find(struct context *c, const char *name, struct json_strs *parts, struct err *e)
{
	const char *path;
	struct parts_doc doc;
	char *text;
	size_t n;
	FILE *f;

	*parts = (struct json_strs){ NULL, 0 };
	if (name != NULL && strchr(name, '/') != NULL)
		return 0; /* it is no name: others say so */
	path = state_path(c, arena_printf(&c->arena, "%s.parts", name != NULL ? name : ".last"));
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	text = arena_alloc(&c->arena, JSON_BYTES_MAX);
	n = fread(text, 1, JSON_BYTES_MAX, f);
	fclose(f);
	if (json_decode(&c->arena, text, n, parts_fields, &doc, e) < 0)
		return err_wrap(e, "%s", path);
	*parts = doc.parts;
	return 0;
}

int
parts_each(struct context *c, const char *name, deployment_fn *fn, void *ctx, struct err *e)
{
	struct err first = ERR_NONE;
	struct json_strs parts;

	if (parts_find(c, name, &parts, e) < 0)
		return -1;
	if (parts.count == 0)
		return fn(c, name, ctx, e);
	if (c->json)
		puts("[");
	for (size_t i = 0; i < parts.count; i++) {
		struct err why = ERR_NONE;

		if (c->json && i > 0)
			puts(",");
		if (!c->json)
			printf("%s%s\n", i > 0 ? "\n" : "", parts.items[i]);
		if (fn(c, parts.items[i], ctx, &why) == 0)
			continue;
		if (c->json)
			puts("null");
		fflush(stdout);
		fprintf(stderr, "error: %s: %s [%s]\n", parts.items[i], why.text, why.code->name);
		if (first.code == NULL)
			err_set(&first, why.code, "%s: %s", parts.items[i], why.text);
	}
	if (c->json)
		puts("]");
	if (first.code == NULL)
		return 0;
	*e = first;
	return -1;
}

/* ------------------------------------------------------------------ */
/* Together: a process for each, whose output we print line by line.    */

struct stream {
	const char *part;
	int fd; /* -1: it has ended */
	char line[8192];
	size_t len;
};

static void
stream_flush(struct stream *s)
{
	if (s->len > 0)
		printf("%s | %.*s\n", s->part, (int)s->len, s->line);
	s->len = 0;
}

/* What is too long for a line is printed as several. */
static void
stream_read(struct stream *s)
{
	char data[4096];
	ssize_t n = read(s->fd, data, sizeof(data));

	for (ssize_t i = 0; i < n; i++) {
		if (data[i] != '\n')
			s->line[s->len++] = data[i];
		if (data[i] == '\n' || s->len == sizeof(s->line))
			stream_flush(s);
	}
	if (n <= 0) {
		stream_flush(s);
		close(s->fd);
		s->fd = -1;
	}
	fflush(stdout);
}

static _Noreturn void
stream_child(struct context *c, const char *part, deployment_fn *fn, void *ctx, int out)
{
	struct err e = ERR_NONE;

	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	if (fn(c, part, ctx, &e) == 0) {
		fflush(stdout);
		_exit(0);
	}
	fprintf(stderr, "error: %s: %s [%s]\n", part, e.text, e.code->name);
	_exit(kind_exit_status(e.code->kind));
}

static int
stream_start(struct context *c, struct stream *s, deployment_fn *fn, void *ctx, struct err *e)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return err_errno(e, "pipe");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return err_errno(e, "fork");
	if (pid == 0)
		stream_child(c, s->part, fn, ctx, ends[1]);
	close(ends[1]);
	s->fd = ends[0];
	return 0;
}

static void
streams_print(struct context *c, struct stream *streams, size_t count)
{
	struct pollfd *polls = arena_alloc(&c->arena, count * sizeof(*polls));
	size_t open = count;

	while (open > 0) {
		open = 0;
		for (size_t i = 0; i < count; i++) {
			polls[i] = (struct pollfd){ .fd = streams[i].fd, .events = POLLIN };
			open += streams[i].fd >= 0;
		}
		if (open == 0 || poll(polls, (nfds_t)count, -1) < 0)
			return;
		for (size_t i = 0; i < count; i++)
			if (polls[i].revents != 0)
				stream_read(&streams[i]);
	}
}

int
parts_together(struct context *c, const char *name, deployment_fn *fn, void *ctx, struct err *e)
{
	struct json_strs parts;
	struct stream *streams;
	size_t failed = 0;
	int status;

	if (parts_find(c, name, &parts, e) < 0)
		return -1;
	if (parts.count == 0)
		return fn(c, name, ctx, e);
	/* The password is asked for once, by this process. */
	if (context_connect(c, e) < 0 || context_unlock(c, e) < 0)
		return -1;
	streams = arena_alloc(&c->arena, parts.count * sizeof(*streams));
	for (size_t i = 0; i < parts.count; i++) {
		streams[i].part = parts.items[i];
		if (stream_start(c, &streams[i], fn, ctx, e) < 0)
			return -1;
	}
	streams_print(c, streams, parts.count);
	while (wait(&status) > 0)
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	if (failed == 0)
		return 0;
	return err_set(e, &NO_LEASE, "%zu of %zu failed", failed, parts.count);
}

int
parts_single(struct context *c, const char *name, struct err *e)
{
	struct json_strs parts;

	if (parts_find(c, name, &parts, e) < 0)
		return -1;
	if (parts.count == 0)
		return 0;
	return err_set(e, &TENANT_USAGE, "it stands for %zu deployments: name one, such as %s",
		       parts.count, parts.items[0]);
}
