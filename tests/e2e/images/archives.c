/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/e2e/images/archives.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "provider/jail/mounts.h"
#include "provider/jail/unpack.h"

#define MIB (UINT64_C(1) << 20)

static struct arena *arena;
static const char *decoy;

void
hostile_begin(struct arena *a, const char *directory)
{
	arena = a;
	decoy = directory;
}

char *
text_many(struct arena *a, const char *part, size_t times)
{
	size_t len = strlen(part);
	char *text = arena_alloc(a, len * times + 1);

	for (size_t i = 0; i < times; i++)
		memcpy(text + i * len, part, len);
	return text;
}

static void
named(struct tarball *t, const char *name, char type, const char *link)
{
	tar_pax(t, "path", name, strlen(name));
	if (link != NULL)
		tar_pax(t, "linkpath", link, strlen(link));
	TAR(t, .name = "named", .type = type, .link = link != NULL ? "x" : NULL, .data = "hostile",
	    .len = type == '0' ? 7 : 0);
}

static void
sparse(struct tarball *t)
{
	TAR(t, .name = "hole", .type = 'S', .sparse = UINT64_C(1) << 40);
}
static void
huge_size(struct tarball *t)
{
	TAR(t, .name = "huge", .size = INT64_C(1) << 50, .size_is_set = true);
}
static void
negative_size(struct tarball *t)
{
	TAR(t, .name = "less", .size = -5, .size_is_set = true);
}
static void
zeros(struct tarball *t)
{
	TAR(t, .name = "zeros", .size = (int64_t)(96 * MIB), .size_is_set = true);
	tar_bytes(t, NULL, 96 * MIB);
}
static void
crowd(struct tarball *t)
{
	for (int i = 0; i < 20001; i++)
		TAR(t, .name = arena_printf(arena, "f%d", i));
}
static void
crowd_of_parents(struct tarball *t)
{
	for (int i = 0; i < 400; i++)
		named(t, arena_printf(arena, "%d/%s", i, text_many(arena, "d/", 120)), '5', NULL);
}
static void
deep(struct tarball *t)
{
	named(t, text_many(arena, "d/", 4096), '5', NULL);
}
static void
long_name(struct tarball *t)
{
	named(t, text_many(arena, "n", 5000), '0', NULL);
}
static void
long_but_fine(struct tarball *t)
{
	named(t, text_many(arena, "n", 255), '0', NULL);
	named(t, "odd/\x01\x1b[31m\xff\xfe name", '0', NULL);
}
static void
absolute(struct tarball *t)
{
	named(t, arena_printf(arena, "%s/file", decoy), '0', NULL);
	named(t, "//etc//deep/./made", '0', NULL);
}
static void
up(struct tarball *t)
{
	named(t, arena_printf(arena, "%s%s/file", text_many(arena, "../", 20), decoy + 1), '0',
	      NULL);
}
static void
up_inside(struct tarball *t)
{
	named(t, "a/../../../file", '0', NULL);
}
static void
link_through(struct tarball *t)
{
	named(t, "way", '2', decoy);
	named(t, "way/file", '0', NULL);
}
static void
link_up_through(struct tarball *t)
{
	named(t, "way", '2', arena_printf(arena, "%s%s", text_many(arena, "../", 20), decoy + 1));
	named(t, "way/new", '0', NULL);
}
static void
hard_out(struct tarball *t)
{
	named(t, "hard", '1', arena_printf(arena, "%s/file", decoy));
}
static void
hard_up(struct tarball *t)
{
	named(t, "hard", '1',
	      arena_printf(arena, "%s%s/file", text_many(arena, "../", 20), decoy + 1));
}
static void
hard_to_link(struct tarball *t)
{
	named(t, "soft", '2', arena_printf(arena, "%s/file", decoy));
	named(t, "hard", '1', "soft");
	named(t, "hard", '0', NULL);
}
static void
hard_with_data(struct tarball *t)
{
	named(t, "soft", '2', arena_printf(arena, "%s/file", decoy));
	tar_pax(t, "linkpath", "soft", 4);
	TAR(t, .name = "hard", .type = '1', .link = "soft", .data = "hostile", .len = 7);
}
static void
white_root(struct tarball *t)
{
	named(t, ".wh.", '0', NULL);
}
static void
white_self(struct tarball *t)
{
	named(t, "etc/.wh..", '0', NULL);
}
static void
white_up(struct tarball *t)
{
	named(t, "etc/.wh...", '0', NULL);
}
static void
white_far(struct tarball *t)
{
	named(t, "../.wh.file", '0', NULL);
}
static void
white_below(struct tarball *t)
{
	named(t, ".wh.dir/file", '0', NULL);
}
static void
white_link(struct tarball *t)
{
	named(t, "way", '2', decoy);
	named(t, "way/.wh.file", '0', NULL);
}
static void
opaque_link(struct tarball *t)
{
	named(t, "way/.wh..wh..opq", '0', NULL);
	named(t, "way", '2', decoy);
}
static void
aufs(struct tarball *t)
{
	named(t, ".wh..wh.plnk/1.2", '0', NULL);
	named(t, ".wh..wh.aufs", '0', NULL);
}
static void
white_then_file(struct tarball *t)
{
	named(t, "below/.wh.one", '0', NULL);
	named(t, "below/one", '0', NULL);
	named(t, "below/.wh.two", '0', NULL);
}
static void
opaque_last(struct tarball *t)
{
	named(t, "below/three", '0', NULL);
	named(t, "below/.wh..wh..opq", '0', NULL);
}
static void
devices(struct tarball *t)
{
	TAR(t, .name = "mem", .type = '3', .major = 1, .minor = 1, .mode = 0666);
	TAR(t, .name = "disk", .type = '4', .major = 254, .minor = 0, .mode = 0666);
	TAR(t, .name = "below", .type = '3', .major = 0, .minor = 0, .mode = 0666);
}
static void
fifo(struct tarball *t)
{
	TAR(t, .name = "fifo", .type = '6', .mode = 0666);
}
static void
passwd_pipe(struct tarball *t)
{
	TAR(t, .name = "etc/passwd", .type = '6', .mode = 0666);
}
static void
passwd_device(struct tarball *t)
{
	named(t, "etc/passwd", '2', "/dev/stdin");
}
static void
group_hole(struct tarball *t)
{
	TAR(t, .name = "etc/group", .data = text_many(arena, "x", 2 << 20), .len = 2 << 20);
}
static void
attributes(struct tarball *t)
{
	static const char *const keys[] = { "user.overlay.opaque", "trusted.overlay.opaque",
					    "user.overlay.redirect", "user.overlay.metacopy",
					    "user.overlay.whiteout" };

	for (size_t i = 0; i < NELEMS(keys); i++)
		tar_pax(t, arena_printf(arena, "SCHILY.xattr.%s", keys[i]), "y", 1);
	tar_pax(t, "SCHILY.xattr.security.capability",
		"\x01\x00\x00\x02\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		20);
	TAR(t, .name = "below", .type = '5');
	tar_pax(t, "SCHILY.xattr.user.overlay.redirect", "/etc", 4);
	TAR(t, .name = "turned", .type = '5');
}
static void
twice(struct tarball *t)
{
	TAR(t, .name = "twice", .data = "first\n", .len = 6);
	TAR(t, .name = "twice", .type = '2', .link = decoy);
	TAR(t, .name = "twice", .data = "last\n", .len = 5);
	TAR(t, .name = "full/file", .data = "x", .len = 1);
	TAR(t, .name = "TWICE", .data = "other\n", .len = 6);
}
static void
file_over_dir(struct tarball *t)
{
	TAR(t, .name = "full/file", .data = "x", .len = 1);
	TAR(t, .name = "full", .data = "x", .len = 1);
}
static void
uid_negative(struct tarball *t)
{
	TAR(t, .name = "f", .uid = -1);
}
static void
uid_huge(struct tarball *t)
{
	TAR(t, .name = "f", .uid = INT64_C(1) << 32);
}
static void
uid_over(struct tarball *t)
{
	TAR(t, .name = "f", .uid = 65536);
}
static void
times(struct tarball *t)
{
	TAR(t, .name = "old", .mtime = -4000000000);
	TAR(t, .name = "late", .mtime = INT64_C(1) << 40);
}
static void
suid(struct tarball *t)
{
	struct stat st;
	int fd = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	void *data;

	if (fd < 0 || fstat(fd, &st) != 0)
		fatal("no busybox");
	data = arena_alloc(arena, (size_t)st.st_size);
	if (read(fd, data, (size_t)st.st_size) != st.st_size)
		fatal("no busybox");
	close(fd);
	TAR(t, .name = "suid/id", .data = data, .len = (size_t)st.st_size, .mode = 06755);
}
static void
system_links(struct tarball *t)
{
	static const char *const names[] = { "dev", "proc", "sys", "tmp", "etc", "run" };

	for (size_t i = 0; i < NELEMS(names); i++)
		named(t, names[i], '2', decoy);
}
static void
zip(struct tarball *t)
{
	static const char head[] =
		"PK\x03\x04\x14\0\0\0\0\0\0\0!\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0xx";

	tar_bytes(t, head, sizeof(head));
}

const struct hostile hostile[] = {
	{ "a sparse file of 1 TiB", sparse, 'g', &IMAGE_TOO_BIG, NULL, false },
	{ "a file that says 1 PiB", huge_size, 'g', &IMAGE_TOO_BIG, NULL, false },
	{ "a file of negative size", negative_size, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a gzip bomb", zeros, 'g', &IMAGE_TOO_BIG, NULL, false },
	{ "a zstd bomb", zeros, 'z', &IMAGE_TOO_BIG, NULL, false },
	{ "too many entries", crowd, 'g', &IMAGE_TOO_BIG, NULL, false },
	{ "too many directories that no entry names", crowd_of_parents, 'z', &IMAGE_TOO_BIG, NULL,
	  false },
	{ "4096 directories deep", deep, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a name of 5000 bytes", long_name, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a name of 255 bytes, one of control characters", long_but_fine, 'z', NULL,
	  "[ $(ls /odd | wc -l) = 1 ]", false },
	{ "absolute names", absolute, 'g', NULL, "[ -d /var ]", false },
	{ "a name with ..", up, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a .. further in", up_inside, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a link, then a file through it", link_through, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a link upwards, then a file through it", link_up_through, 'g', &IMAGE_UNPACK, NULL,
	  false },
	{ "a hard link to the host", hard_out, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a hard link upwards", hard_up, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a hard link to a link, then written", hard_to_link, 'g', NULL,
	  "[ \"$(cat /hard)\" = hostile ]", false },
	{ "a hard link with data, to a link", hard_with_data, 'g', NULL, "[ -L /hard ]", false },
	{ "a whiteout of nothing", white_root, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a whiteout of .", white_self, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a whiteout of ..", white_up, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a whiteout with .. on the way", white_far, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a file below a whiteout", white_below, 'g', &IMAGE_UNPACK, NULL, false },
	{ "a whiteout through a link", white_link, 'g', NULL, "[ -L /way ]", false },
	{ "an opaque mark on a link", opaque_link, 'g', NULL, "[ -L /way ]", false },
	{ "notes of aufs", aufs, 'g', NULL, "[ ! -e /.wh..wh.plnk ]", false },
	{ "a whiteout and the file itself", white_then_file, 'g', NULL,
	  "[ \"$(cat /below/one)\" = hostile ] && [ ! -e /below/two ]", false },
	{ "an opaque mark after what it keeps", opaque_last, 'z', NULL,
	  "[ \"$(ls /below)\" = three ]", false },
	{ "device nodes, a forged whiteout", devices, 'g', NULL,
	  "[ ! -e /mem ] && [ ! -e /disk ] && [ -e /below/one ]", false },
	{ "pipes", fifo, 'g', NULL, "[ -p /fifo ]", false },
	{ "a pipe for etc/passwd", passwd_pipe, 'g', &MOUNT_UNSAFE, "exit 0", false },
	{ "a link to a device for etc/passwd", passwd_device, 'g', &MOUNT_UNSAFE, "exit 0", false },
	{ "a group file of 2 MiB", group_hole, 'g', &MOUNT_UNSAFE, "exit 0", false },
	{ "forged attributes of overlayfs", attributes, 'g', NULL,
	  "[ -e /below/one ] && [ -d /turned ] && [ ! -e /turned/hosts ]", false },
	{ "entries that come twice", twice, 'g', NULL, "[ \"$(cat /twice)\" = last ]", false },
	{ "a file over a full directory", file_over_dir, 'g', &IMAGE_UNPACK, NULL, false },
	{ "an owner of -1", uid_negative, 'g', &IMAGE_UNPACK, NULL, false },
	{ "an owner of 2^32", uid_huge, 'g', &IMAGE_UNPACK, NULL, false },
	{ "an owner of 65536", uid_over, 'g', &IMAGE_UNPACK, NULL, false },
	{ "times far away", times, 'g', NULL, "[ -e /old ]", false },
	{ "a setuid program", suid, 'g', NULL, "[ $(/suid/id -u) = 1000 ]", false },
	{ "links for dev proc sys tmp etc run", system_links, 'g', NULL,
	  "[ -c /dev/null ] && [ -r /proc/self/status ] && [ -f /etc/hosts ] && echo x >/tmp/x",
	  false },
	{ "a zip archive", zip, 0, &IMAGE_UNPACK, NULL, true },
	{ "plain tar without compression", white_then_file, 0, NULL, "[ -e /below/one ]", false },
};

const size_t hostile_count = NELEMS(hostile);
