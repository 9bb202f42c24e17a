/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/leases/{lease}/logs: what the shims wrote, oldest first, as text;
 * ?tail=N lines, ?follow=1 goes on as it grows. The files outlive the workload.
 * Lines are "time stream text", the stream being o or e.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "provider/agent.h"

#define FOLLOW_US   (100 * MILLI_US)
#define CHUNK	    ((size_t)64 * 1024)
#define BACKLOG_MAX ((size_t)1024 * 1024)

struct follow {
	struct request *r;
	struct agent *agent;
	struct timer *timer;
	struct hash lease;
	char path[600];
	int fd;
	ino_t inode;
	bool gone;
};

static void
follow_free(struct follow *f)
{
	if (f->fd >= 0)
		close(f->fd);
	timer_free(f->timer);
	request_stream_end(f->r);
	free(f);
}

static void
follow_gone(struct request *r, void *arg)
{
	(void)r;
	((struct follow *)arg)->gone = true;
}

static void
give_rest(struct follow *f)
{
	char buf[CHUNK];
	ssize_t n;

	while (f->fd >= 0 && request_stream_backlog(f->r) < BACKLOG_MAX &&
	       (n = read(f->fd, buf, sizeof(buf))) > 0)
		request_stream_send(f->r, buf, (size_t)n);
}

/* The ring turned: the file under this name is a new one. */
static void
reopen(struct follow *f)
{
	struct stat st;

	if (stat(f->path, &st) != 0 || (f->fd >= 0 && st.st_ino == f->inode))
		return;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	f->inode = st.st_ino;
}

static bool
has_ended(const struct follow *f)
{
	struct err ignored = ERR_NONE;
	struct arena a;
	struct work w;
	bool ended;

	arena_init(&a, 0);
	ended = book_get(f->agent->book, &a, &f->lease, &w, &ignored) != 1 || w.state >= WORK_ENDED;
	arena_release(&a);
	return ended;
}

static void
follow_turn(void *arg)
{
	struct follow *f = arg;

	if (f->gone) {
		follow_free(f);
		return;
	}
	give_rest(f);
	reopen(f);
	give_rest(f);
	if (has_ended(f))
		follow_free(f);
}

/* The whole file into the arena; NULL when it is not there. */
static char *
file_text(struct arena *a, const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *text;
	ssize_t n;

	*len = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || st.st_size < 0) {
		close(fd);
		return NULL;
	}
	text = arena_alloc(a, (size_t)st.st_size + 1);
	n = read(fd, text, (size_t)st.st_size);
	*len = n > 0 ? (size_t)n : 0;
	close(fd);
	return text;
}

/* The last `lines` lines of the text. */
static const char *
tail_of(const char *text, size_t *len, long lines)
{
	const char *p = text + *len;

	if (p > text && p[-1] == '\n')
		p--;
	for (; p > text; p--)
		if (p[-1] == '\n' && --lines <= 0)
			break;
	*len -= (size_t)(p - text);
	return p;
}

void
logs_show(struct request *r)
{
	struct agent *g = r->ctx;
	const char *follow = request_query(r, "follow"), *tail = request_query(r, "tail"), *dir,
		   *text;
	size_t len, old_len;
	struct follow *f;
	struct jail_ref ref;
	struct hash lease;
	struct work w;
	char *old, *now;

	if (!gateway_lease(r, &lease) || !gateway_work(r, "logs", &lease, &w))
		return;
	work_ref(&w, 0, &ref);
	dir = jail_log_dir(&r->arena, &g->jail_config, &ref);
	old = file_text(&r->arena, arena_printf(&r->arena, "%s/log.1", dir), &old_len);
	now = file_text(&r->arena, arena_printf(&r->arena, "%s/log", dir), &len);
	text = arena_printf(&r->arena, "%s%s", old != NULL ? old : "", now != NULL ? now : "");
	len = strlen(text);
	if (tail != NULL)
		text = tail_of(text, &len, MAX(strtol(tail, NULL, 10), 1L));
	if (follow == NULL || strcmp(follow, "1") != 0) {
		request_answer(r, 200, "text/plain; charset=utf-8", text, len);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->r = r;
	f->agent = g;
	f->lease = lease;
	f->fd = -1;
	snprintf(f->path, sizeof(f->path), "%s/log", dir);
	reopen(f);
	if (f->fd >= 0)
		lseek(f->fd, 0, SEEK_END);
	f->timer = timer_every(r->loop, FOLLOW_US, FOLLOW_US, follow_turn, f);
	request_stream_begin(r, 200, "text/plain; charset=utf-8", follow_gone, f);
	request_stream_send(r, text, len);
}
