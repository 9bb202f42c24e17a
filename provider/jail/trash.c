/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "provider/jail/mounts.h"

#define PASSES_MAX  100u
#define NAMES_MAX   1000u
#define IOPRIO_IDLE (3 << 13)

/* ------------------------------------------------------------------ */
/* The process that removes.                                           */

static bool
is_empty(const char *trash)
{
	DIR *d = opendir(trash);
	struct dirent *entry;
	bool empty = true;

	while (d != NULL && empty && (entry = readdir(d)) != NULL)
		empty = entry->d_name[0] == '.';
	if (d != NULL)
		closedir(d);
	return empty;
}

static void
pass(struct arena *a, const char *trash)
{
	DIR *d = opendir(trash);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		struct err e = ERR_NONE;

		if (entry->d_name[0] != '.' &&
		    tree_remove(arena_printf(a, "%s/%s", trash, entry->d_name), &e) < 0)
			log_warn("trash.not_removed", "error=\"%s\"", e.text);
	}
	if (d != NULL)
		closedir(d);
}

/* Whoever puts something in while we hold the lock leaves it to us: so look once
 * more after letting go. */
static void
sweep(struct arena *a, const char *trash, int lock)
{
	(void)!nice(19);
	(void)syscall(SYS_ioprio_set, 1, 0, IOPRIO_IDLE);
	for (unsigned n = 0; n < PASSES_MAX && !is_empty(trash); n++) {
		if (n > 0)
			sleep(1);
		if (flock(lock, LOCK_EX | LOCK_NB) != 0)
			return;
		pass(a, trash);
		flock(lock, LOCK_UN);
	}
}

static void
sweep_fork(struct arena *a, const char *trash, int lock)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* Keep the lock, and nothing of the jail's sockets. */
		if (dup2(lock, 3) == 3 && close_range(4, ~0u, 0) == 0 && fork() == 0)
			sweep(a, trash, 3);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void
trash_empty(struct arena *a, const char *trash)
{
	int lock;

	if (is_empty(trash))
		return;
	lock = open(arena_printf(a, "%s/.lock", trash), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0) {
		log_warn("trash.lock", "directory=%s error=\"%s\"", trash, strerror(errno));
		return;
	}
	/* The child inherits the descriptor, and the lock with it. */
	if (flock(lock, LOCK_EX | LOCK_NB) == 0)
		sweep_fork(a, trash, lock);
	close(lock);
}

/* ------------------------------------------------------------------ */

int
trash_put(struct arena *a, const char *trash, const char *path, struct err *e)
{
	static unsigned number;
	int result = -1;

	if (mkdir(trash, 0700) != 0 && errno != EEXIST)
		return tree_remove(path, e);
	/* Numbers begin anew with every start, the trash does not. */
	for (unsigned n = 0; n < NAMES_MAX && result != 0; n++) {
		result =
			rename(path, arena_printf(a, "%s/%ld-%u", trash, (long)getpid(), number++));
		if (result != 0 && errno != EEXIST && errno != ENOTEMPTY)
			break;
	}
	if (result != 0)
		return errno == ENOENT ? 0 : tree_remove(path, e);
	trash_empty(a, trash);
	return 0;
}
