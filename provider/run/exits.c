/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/run/exits.h"

#include <event2/event.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "lib/log.h"
#include "provider/agent.h"

static void
exit_seen(struct agent *g, int watch)
{
	for (struct live *l = g->lives; l != NULL; l = l->next)
		for (uint32_t i = 0; i < WORK_UNITS_MAX; i++)
			if (l->units[i].watch == watch) {
				runner_exited(g, &l->lease, i);
				return;
			}
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(fd, buf, sizeof(buf));

	(void)what;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev = (const void *)(buf + at);

		if (ev->len > 0 && strcmp(ev->name, "exit") == 0)
			exit_seen(arg, ev->wd);
		at += (ssize_t)(sizeof(*ev) + ev->len);
	}
}

int
exits_start(struct agent *g, struct err *e)
{
	struct event *ev;

	g->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (g->inotify < 0)
		return err_errno(e, "inotify");
	ev = event_new(g->loop.base, g->inotify, EV_READ | EV_PERSIST, on_event, g);
	if (ev == NULL || event_add(ev, NULL) != 0)
		fatal("out of memory");
	return 0;
}

void
exits_watch(struct agent *g, struct unit *u, const char *log_dir)
{
	if (u->watch >= 0)
		return;
	u->watch = inotify_add_watch(g->inotify, log_dir, IN_MOVED_TO);
	if (u->watch < 0)
		log_warn("exits.unwatched", "dir=%s", log_dir);
}

void
exits_forget(struct agent *g, struct unit *u)
{
	if (u->watch >= 0)
		inotify_rm_watch(g->inotify, u->watch);
	u->watch = -1;
}
