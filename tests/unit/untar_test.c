/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile layers read without the sandbox around: what the reader refuses by
 * itself, and that it writes nowhere but where it stands. The same archives
 * against the real jail: tests/e2e/images.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "provider/jail/mounts.h"
#include "provider/jail/untar.h"
#include "tests/e2e/images/archives.h"
#include "tests/unit/tap.h"

#define MIB (UINT64_C(1) << 20)

static struct arena arena;
static char top[64], decoy[80];

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
tree_begin(void)
{
	if (chdir("/") != 0)
		fatal("chdir");
	nftw(arena_printf(&arena, "%s/tree", top), remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (mkdir(arena_printf(&arena, "%s/tree", top), 0755) != 0 ||
	    chdir(arena_printf(&arena, "%s/tree", top)) != 0)
		fatal("make the tree");
}

static int
take(const struct tarball *t, char filter, struct err *e)
{
	struct untar u = { .bytes_max = 128 * MIB, .entries_max = 20000 };
	struct tarball packed;
	uint64_t bytes;
	int result;

	tar_pack(t, filter, &packed);
	sha256(t->b, t->len, &u.diff);
	sha256(packed.b, packed.len, &u.digest);
	u.size = packed.len;
	u.blob = memfd_create("blob", MFD_CLOEXEC);
	if (u.blob < 0 || write(u.blob, packed.b, packed.len) != (ssize_t)packed.len ||
	    lseek(u.blob, 0, SEEK_SET) != 0)
		fatal("memfd");
	tree_begin();
	result = untar(&u, &bytes, e);
	close(u.blob);
	tar_free(&packed);
	return result;
}

static void
test_hostile(const struct hostile *h)
{
	struct tarball t = { .len = 0 };
	struct err e = ERR_NONE;
	const struct code *want = h->code == &MOUNT_UNSAFE ? NULL : h->code;
	struct stat st;
	int result;

	h->make(&t);
	if (!h->unended)
		tar_end(&t);
	result = take(&t, h->filter, &e);
	tar_free(&t);
	ok(want == NULL ? result == 0 : result < 0 && e.code == want, "%s: %s", h->what,
	   want == NULL ? "taken" : want->name);
	if (result < 0 && e.code != want)
		printf("#   %s: %s\n", e.code->name, e.text);
	if (stat(decoy, &st) != 0 || st.st_nlink != 2 ||
	    access(arena_printf(&arena, "%s/new", decoy), F_OK) == 0 ||
	    stat(arena_printf(&arena, "%s/file", decoy), &st) != 0 || st.st_size != 6)
		ok(false, "%s changed the host", h->what);
}

/* ------------------------------------------------------------------ */

static bool
is_whiteout(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool
is_opaque(const char *path)
{
	char value;

	return lgetxattr(path, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static void
test_marks(void)
{
	struct tarball t = { .len = 0 };
	struct err e = ERR_NONE;
	struct stat st;
	char value[8];

	TAR(&t, .name = "a/.wh.gone");
	TAR(&t, .name = "a/kept", .data = "x", .len = 1);
	TAR(&t, .name = "a/.wh.kept");
	TAR(&t, .name = "b/new", .data = "x", .len = 1);
	TAR(&t, .name = ".wh.b");
	TAR(&t, .name = "c/.wh..wh..opq");
	TAR(&t, .name = ".wh.top");
	tar_pax(&t, "SCHILY.xattr.user.mine", "yes", 3);
	tar_pax(&t, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	TAR(&t, .name = "d", .type = '5', .mode = 0700, .mtime = 1000000000);
	TAR(&t, .name = "link", .type = '2', .link = "/etc/passwd");
	tar_end(&t);
	ok(take(&t, 'z', &e) == 0, "a layer with marks: %s", e.text);
	ok(is_whiteout("a/gone") && is_whiteout("top"), "whiteouts are devices 0/0");
	ok(stat("a/kept", &st) == 0 && S_ISREG(st.st_mode), "what the layer itself has stays");
	ok(is_opaque("b") && access("b/new", F_OK) == 0, "a directory made anew hides the old");
	ok(is_opaque("c"), "an opaque directory is marked");
	ok(!is_opaque("d") && lgetxattr("d", "user.mine", value, sizeof(value)) == 3,
	   "attributes are kept, but not overlayfs' own");
	ok(stat("d", &st) == 0 && (st.st_mode & 0777) == 0700 && st.st_mtime == 1000000000,
	   "mode and time are as written");
	ok(lstat("link", &st) == 0 && S_ISLNK(st.st_mode), "a link is a link");
	tar_free(&t);
}

static void
test_bytes(void)
{
	struct tarball t = { .len = 0 };
	struct err e = ERR_NONE;
	struct stat st;

	TAR(&t, .name = "short", .data = "abc", .len = 3);
	t.len -= 509; /* the last block is not filled, and nothing ends the archive */
	ok(take(&t, 'g', &e) == 0 && stat("short", &st) == 0 && st.st_size == 3,
	   "an archive without its last zeros: %s", e.text);
	t.len -= 2;
	ok(take(&t, 'g', &e) == 0 || e.code == &IMAGE_UNPACK, "one cut within a file");
	t.len = 300;
	e = (struct err)ERR_NONE;
	ok(take(&t, 'g', &e) < 0 && e.code == &IMAGE_UNPACK, "one cut within a header: %s", e.text);
	tar_free(&t);
}

int
main(void)
{
	FILE *f;

	arena_init(&arena, 0);
	snprintf(top, sizeof(top), "/var/tmp/gavel-untar-test.%d", getpid());
	snprintf(decoy, sizeof(decoy), "%s/decoy", top);
	if (mkdir(top, 0755) != 0 || mkdir(decoy, 0755) != 0)
		fatal("make %s", top);
	f = fopen(arena_printf(&arena, "%s/file", decoy), "we");
	if (f == NULL || fputs("secret", f) < 0)
		fatal("make the decoy");
	fclose(f);
	hostile_begin(&arena, decoy);
	for (size_t i = 0; i < hostile_count; i++)
		test_hostile(&hostile[i]);
	test_marks();
	test_bytes();
	if (chdir("/") != 0)
		fatal("chdir");
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_release(&arena);
	return tap_done();
}
