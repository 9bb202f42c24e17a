/* SPDX-License-Identifier: Apache-2.0 */
/* One file seen through a stack of layers, as overlayfs would show it. */
#include <ftw.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "provider/jail/layers.h"
#include "tests/unit/tap.h"

static char dir[64];
static struct hash layers[3] = { { { 1 } }, { { 2 } }, { { 3 } } };
static struct arena arena;

static const char *
in(int layer, const char *path)
{
	return arena_printf(&arena, "%s/%s", layer_dir(&arena, dir, &layers[layer]), path);
}

static void
put(int layer, const char *path, const char *text)
{
	FILE *f = fopen(in(layer, path), "we");

	if (f == NULL || fputs(text, f) < 0)
		fatal("write %s", in(layer, path));
	fclose(f);
}

static void
make_dir(int layer, const char *path)
{
	if (mkdir(in(layer, path), 0755) != 0)
		fatal("make %s", in(layer, path));
}

static void
make_link(int layer, const char *path, const char *to)
{
	if (symlink(to, in(layer, path)) != 0)
		fatal("link %s", in(layer, path));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static const char *
see(const char *path)
{
	const char *text = layers_file(&arena, dir, layers, 3, path, 100);

	return text != NULL ? text : "-";
}

int
main(void)
{
	char name[LAYER_NAME_SIZE];
	bool nodes, marks;

	arena_init(&arena, 0);
	snprintf(dir, sizeof(dir), "/var/tmp/gavel-layers-test.%d", getpid());
	if (mkdir(dir, 0755) != 0 || mkdir(arena_printf(&arena, "%s/layers", dir), 0755) != 0)
		fatal("make %s", dir);
	for (int i = 0; i < 3; i++)
		make_dir(i, "");
	is_int((long long)strlen(layer_name(&layers[0], name)), 24, "a layer has a short name");
	ok(layer_is_here(dir, &layers[0]), "it is here");
	make_dir(0, "etc");
	put(0, "etc/passwd", "lowest");
	put(0, "etc/group", "group");
	is_str(see("etc/passwd"), "lowest", "through two layers that lack it");
	make_dir(1, "etc");
	put(1, "etc/passwd", "middle");
	is_str(see("etc/passwd"), "middle", "the upper one wins");
	is_str(see("etc/group"), "group", "its neighbour is still the lowest's");
	is_str(see("etc/none"), "-", "what nobody has");
	is_str(see("etc"), "-", "a directory is no file");
	is_str(see("etc/passwd/x"), "-", "nor is a file a directory");
	make_dir(2, "usr");
	make_dir(2, "usr/etc");
	put(2, "usr/etc/moved", "moved");
	make_link(1, "etc/moved", "../usr/etc/moved");
	make_link(1, "etc/far", "/usr/etc/moved");
	make_link(1, "etc/out", "../../../../../../etc/passwd");
	make_link(1, "etc/loop", "loop");
	make_link(1, "etc/proc", "/proc/self/environ");
	is_str(see("etc/moved"), "moved", "a link across layers");
	is_str(see("etc/far"), "moved", "an absolute one");
	is_str(see("etc/out"), "middle", "above the root is the root");
	is_str(see("etc/loop"), "-", "a loop ends");
	is_str(see("etc/proc"), "-", "the host's files are not the image's");
	make_link(1, "short", "etc");
	is_str(see("short/group"), "group", "a link to a directory");
	mkfifo(in(1, "etc/fifo"), 0666);
	is_str(see("etc/fifo"), "-", "a pipe stops nobody");
	put(2, "binary", "");
	is_str(see("binary"), "", "an empty file");
	make_dir(2, "etc");
	nodes = mknod(in(2, "etc/passwd"), S_IFCHR, makedev(0, 0)) == 0;
	if (nodes)
		is_str(see("etc/passwd"), "-", "a whiteout hides it");
	unlink(in(2, "etc/passwd"));
	marks = setxattr(in(2, "etc"), "user.overlay.opaque", "y", 1, 0) == 0;
	if (marks)
		is_str(see("etc/group"), "-", "an opaque directory hides those below");
	rmdir(in(2, "etc"));
	put(2, "etc", "a file now");
	is_str(see("etc/group"), "-", "a file in the way of a directory");
	unlink(in(2, "etc"));
	if (marks && setxattr(in(1, ""), "user.overlay.opaque", "y", 1, 0) == 0) {
		ok(layer_is_opaque(in(1, "")), "an opaque root is seen");
		is_str(see("etc/group"), "-", "and hides all");
	}
	layers[0].b[5] = 9;
	is_str(see("etc/passwd"), "-", "a stack with a hole shows nothing");
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_release(&arena);
	return tap_done();
}
