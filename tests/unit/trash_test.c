/* SPDX-License-Identifier: Apache-2.0 */
/* Out of the way at once, gone after a while, and not forgotten. */
#include "provider/jail/trash.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc.h"
#include "tests/unit/tap.h"

static struct arena arena;
static char dir[] = "/tmp/gavel-trash-XXXXXX";
static const char *trash;

static void
shell(const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc p = { .argv = argv, .dir = dir };
	struct err e = ERR_NONE;

	if (proc_now(&arena, &p, &e) < 0 || proc_check(&p, &e) < 0)
		fatal("%s: %s", script, e.text);
}

static bool
there(const char *name)
{
	return access(arena_printf(&arena, "%s/%s", dir, name), F_OK) == 0;
}

static int
entries(void)
{
	const char *argv[] = { "ls", trash, NULL };
	struct proc p = { .argv = argv };
	struct err e = ERR_NONE;
	int count = 0;

	if (proc_now(&arena, &p, &e) < 0)
		fatal("%s", e.text);
	for (const char *c = p.out; *c != '\0'; c++)
		count += *c == '\n';
	return count;
}

static bool
soon_empty(void)
{
	for (int tries = 0; tries < 200 && entries() > 0; tries++)
		usleep(25000);
	return entries() == 0;
}

static int
put(const char *name)
{
	struct err e = ERR_NONE;
	int result = trash_put(&arena, trash, arena_printf(&arena, "%s/%s", dir, name), &e);

	if (result < 0)
		printf("# %s\n", e.text);
	return result;
}

int
main(void)
{
	int lock;

	arena_init(&arena, 0);
	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	trash = arena_printf(&arena, "%s/trash", dir);
	trash_empty(&arena, trash);
	ok(!there("trash"), "no trash, nothing to do");
	is_int(put("none"), 0, "what is not there is gone");
	shell("mkdir -p a/b/c; echo x > a/b/c/f; ln -s / a/link; mkdir keep");
	is_int(put("a"), 0, "put");
	ok(!there("a"), "out of the way at once");
	ok(soon_empty(), "and soon gone");

	lock = open(arena_printf(&arena, "%s/.lock", trash), O_RDWR | O_CLOEXEC);
	for (int tries = 0; flock(lock, LOCK_EX | LOCK_NB) != 0 && tries < 200; tries++)
		usleep(25000);
	shell("mkdir -p a/b d/e");
	is_int(put("a") + put("d"), 0, "put two while somebody else removes");
	ok(!there("a") && !there("d"), "out of the way all the same");
	is_int(entries(), 2, "but not removed by us");
	close(lock);
	trash_empty(&arena, trash);
	ok(soon_empty(), "what was left goes with the next start");

	shell("mkdir -p g; rm -rf trash; echo > trash");
	is_int(put("g"), 0, "where there is no trash");
	ok(!there("g"), "it is removed at once");
	ok(there("keep"), "nothing else is");
	shell(arena_printf(&arena, "rm -rf %s", dir));
	arena_release(&arena);
	return tap_done();
}
