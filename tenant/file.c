/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the user names: read whole, replaced whole, compared. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tenant/tenant.h"

int
file_read(struct context *c, const char *path, char **text, size_t *len, struct err *e)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char here[PATH_MAX];
	bool failed;

	if (f == NULL && errno == ENOENT && path[0] != '/' && getcwd(here, sizeof(here)) != NULL)
		return err_set(e, &ERR_NOT_FOUND,
			       "there is no file %.200s in %.200s: give its path, or - for "
			       "standard input",
			       path, here);
	if (f == NULL)
		return err_errno(e, "open %s", path);
	*text = arena_alloc(&c->arena, JSON_BYTES_MAX + 2);
	*len = fread(*text, 1, JSON_BYTES_MAX + 1, f);
	failed = ferror(f) != 0;
	if (f != stdin)
		fclose(f);
	if (failed)
		return err_errno(e, "read %s", path);
	if (*len > JSON_BYTES_MAX)
		return err_set(e, &ERR_TOO_BIG, "%s: more than %d bytes", path, JSON_BYTES_MAX);
	return 0;
}

static int
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

int
file_replace(struct context *c, const char *path, const char *text, struct err *e)
{
	char real[PATH_MAX];
	const char *target = realpath(path, real) != NULL ? real : path;
	char *temporary = arena_printf(&c->arena, "%s.XXXXXX", target);
	struct stat st;
	bool is_there = stat(target, &st) == 0;
	mode_t mask;
	int fd, rc;

	if (is_there && !S_ISREG(st.st_mode))
		return err_set(e, &ERR_CONFIG, "%s is not a file", path);
	fd = mkstemp(temporary);
	if (fd < 0)
		return err_errno(e, "write %s", path);
	mask = umask(0);
	umask(mask);
	rc = fchmod(fd, is_there ? st.st_mode & 07777 : 0666 & ~mask);
	/* Another owner is kept as far as we may. */
	if (is_there && (st.st_uid != geteuid() || st.st_gid != getegid()))
		rc = fchown(fd, st.st_uid, st.st_gid) < 0 && geteuid() == 0 ? -1 : rc;
	if (rc == 0)
		rc = write_all(fd, text, strlen(text));
	if (close(fd) < 0 || rc < 0 || rename(temporary, target) < 0) {
		err_errno(e, "write %s", path);
		unlink(temporary);
		return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* A diff by the longest common lines; a file has at most a few thousand. */

#define CONTEXT 3u

struct side {
	const char **lines;
	size_t count;
};

struct edit {
	char sign; /* ' ', '-', '+' */
	const char *line;
	size_t old, new; /* line numbers from 1: where it stands, or would */
};

static struct side
split(struct arena *a, const char *text)
{
	struct side s = { NULL, 0 };

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		s.lines = arena_grow(a, s.lines, s.count, sizeof(*s.lines));
		s.lines[s.count++] = arena_strndup(a, text, len);
		text += len + (text[len] == '\n');
	}
	return s;
}

/* common[i * width + k]: how many lines the rests from i and from k share. */
static unsigned short *
common_table(struct arena *a, const struct side *x, const struct side *y)
{
	size_t width = y->count + 1;
	unsigned short *t = arena_alloc(a, (x->count + 1) * width * sizeof(*t));

	for (size_t i = x->count; i-- > 0;)
		for (size_t k = y->count; k-- > 0;)
			t[i * width + k] =
				strcmp(x->lines[i], y->lines[k]) == 0
					? (unsigned short)(t[(i + 1) * width + k + 1] + 1)
					: MAX(t[(i + 1) * width + k], t[i * width + k + 1]);
	return t;
}

static void
edit_add(struct arena *a, struct edit **edits, size_t *count, char sign, const char *line,
	 size_t old, size_t new)
{
	*edits = arena_grow(a, *edits, *count, sizeof(**edits));
	(*edits)[(*count)++] = (struct edit){ sign, line, old + 1, new + 1 };
}

static struct edit *
compare(struct arena *a, const struct side *x, const struct side *y, size_t *count)
{
	const unsigned short *t = common_table(a, x, y);
	size_t i = 0, k = 0, width = y->count + 1;
	struct edit *edits = NULL;

	while (i < x->count || k < y->count)
		if (i < x->count && k < y->count && strcmp(x->lines[i], y->lines[k]) == 0) {
			edit_add(a, &edits, count, ' ', x->lines[i], i, k);
			i++;
			k++;
		} else if (i < x->count &&
			   (k == y->count || t[(i + 1) * width + k] >= t[i * width + k + 1])) {
			edit_add(a, &edits, count, '-', x->lines[i], i, k);
			i++;
		} else {
			edit_add(a, &edits, count, '+', y->lines[k], i, k);
			k++;
		}
	return edits;
}

static void
hunk_print(const struct edit *edits, size_t from, size_t to)
{
	size_t old = 0, new = 0;

	for (size_t i = from; i < to; i++) {
		old += edits[i].sign != '+';
		new += edits[i].sign != '-';
	}
	printf("@@ -%zu,%zu +%zu,%zu @@\n", edits[from].old - (old == 0), old,
	       edits[from].new - (new == 0), new);
	for (size_t i = from; i < to; i++)
		printf("%c%s\n", edits[i].sign, edits[i].line);
}

void
diff_print(struct context *c, const char *name, const char *before, const char *after)
{
	struct side x = split(&c->arena, before), y = split(&c->arena, after);
	size_t count = 0, i = 0;
	struct edit *edits = compare(&c->arena, &x, &y, &count);

	printf("--- %s\n+++ %s\n", name, name);
	while (i < count) {
		size_t from = i, to, quiet = 0;

		if (edits[i].sign == ' ') {
			i++;
			continue;
		}
		from -= MIN(from, CONTEXT);
		for (to = i; to < count && quiet <= 2 * CONTEXT; to++)
			quiet = edits[to].sign == ' ' ? quiet + 1 : 0;
		to -= quiet > CONTEXT ? quiet - CONTEXT : 0;
		hunk_print(edits, from, to);
		i = to;
	}
}
