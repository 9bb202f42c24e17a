/* SPDX-License-Identifier: Apache-2.0 */
/* Trees into archives and back; archives that mean harm. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/tar.h"
#include "tests/unit/tap.h"

static char dir[] = "/tmp/gavel-tar-XXXXXX";

/* An archive in a file, from entries "type name link-or-data". */
struct item {
	char type; /* f d l h p(ipe) */
	const char *name, *more;
};

static int
archive_of(const struct item *items, size_t count)
{
	int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
	struct archive *a = archive_write_new();

	archive_write_set_format_pax(a);
	archive_write_set_options(a, "hdrcharset=BINARY");
	archive_write_open_fd(a, fd);
	for (size_t i = 0; i < count; i++) {
		struct archive_entry *e = archive_entry_new();
		const struct item *it = &items[i];

		archive_entry_set_pathname(e, it->name);
		archive_entry_set_perm(e, 06755);
		archive_entry_set_filetype(e, it->type == 'd'	? AE_IFDIR
					      : it->type == 'l' ? AE_IFLNK
					      : it->type == 'p' ? AE_IFIFO
								: AE_IFREG);
		if (it->type == 'l')
			archive_entry_set_symlink(e, it->more);
		if (it->type == 'h')
			archive_entry_set_hardlink(e, it->more);
		if (it->type == 'f')
			archive_entry_set_size(e, (int64_t)strlen(it->more));
		archive_write_header(a, e);
		if (it->type == 'f')
			archive_write_data(a, it->more, strlen(it->more));
		archive_entry_free(e);
	}
	archive_write_free(a);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
receive(int fd, const char *target, uint64_t most, struct tar_count *count, struct err *e)
{
	struct tar_rules rules = { .bytes_max = most };
	char path[128];
	int result;

	*e = (struct err)ERR_NONE;
	*count = (struct tar_count){ .bytes = 0 };
	snprintf(path, sizeof(path), "%s/%s", dir, target);
	result = tar_receive(fd, path, &rules, count, e);
	close(fd);
	return result;
}

static bool
is_there(const char *name)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

static void
make_dir(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)!mkdir(path, 0755);
}

static void
harm(void)
{
	static const struct {
		const char *what;
		struct item items[3];
		size_t count;
		const char *made; /* must not be there */
	} cases[] = {
		{ "..", { { 'f', "x/../../out1", "!" } }, 1, "out1" },
		{ ".. alone", { { 'd', "..", NULL } }, 1, "no" },
		{ "an absolute name", { { 'f', "/tmp/gavel-tar-abs", "!" } }, 1, "no" },
		{ "a way through a link",
		  { { 'l', "l", "../outside" }, { 'f', "l/out2", "!" } },
		  2,
		  "outside/out2" },
		{ "a hard link", { { 'h', "h", "/etc/passwd" } }, 1, "in/h" },
	};
	struct tar_count count;
	struct err e;

	make_dir("outside");
	for (size_t i = 0; i < NELEMS(cases); i++) {
		make_dir("in");
		ok(receive(archive_of(cases[i].items, cases[i].count), "in", 0, &count, &e) < 0 &&
			   !is_there(cases[i].made) && access("/tmp/gavel-tar-abs", F_OK) != 0,
		   "refused: %s", cases[i].what);
	}
}

static void
taming(void)
{
	static const struct item pipe[] = { { 'd', "d", NULL },
					    { 'p', "d/pipe", NULL },
					    { 'f', "d/file", "text" } };
	struct tar_count count;
	struct err e;
	struct stat st;
	char path[200];

	make_dir("in");
	ok(receive(archive_of(pipe, 3), "in", 0, &count, &e) == 0 && count.skipped == 1 &&
		   count.files == 2 && count.bytes == 4 && !is_there("in/d/pipe"),
	   "a pipe is left out and counted");
	snprintf(path, sizeof(path), "%s/in/d/file", dir);
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0755, "set-uid bits are dropped");
	ok(receive(archive_of(pipe + 2, 1), "renamed", 0, &count, &e) == 0 &&
		   is_there("renamed/file"),
	   "the first name becomes the target's");
	ok(receive(archive_of(pipe, 3), "in", 3, &count, &e) < 0 && e.code == &ERR_TOO_BIG,
	   "more bytes than may come");
	ok(receive(archive_of(pipe, 3), "absent/", 0, &count, &e) < 0 && e.code == &TAR_NO_FILE,
	   "a directory that is not there");
	ok(receive(archive_of(pipe, 3), "absent/x", 0, &count, &e) < 0 && e.code == &TAR_NO_FILE,
	   "nor its parent");
}

static void
broken(void)
{
	static const struct item item[] = { { 'f', "file", "0123456789" } };
	int fd = archive_of(item, 1), empty = open(dir, O_TMPFILE | O_RDWR, 0600);
	struct tar_count count;
	struct err e;

	(void)!ftruncate(fd, 515);
	make_dir("in");
	ok(receive(fd, "in", 0, &count, &e) < 0 && e.code == &TAR_BROKEN, "cut in the data");
	(void)!write(empty, "this is not an archive, it is a sentence", 40);
	lseek(empty, 0, SEEK_SET);
	ok(receive(empty, "in", 0, &count, &e) < 0 && e.code == &TAR_BROKEN, "not an archive");
}

static int
round_trip(const char *from, const char *to, struct tar_count *count, struct err *e)
{
	int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
	char path[200];

	*e = (struct err)ERR_NONE;
	*count = (struct tar_count){ .bytes = 0 };
	snprintf(path, sizeof(path), "%s/%s", dir, from);
	if (tar_send(fd, path, count, e) < 0) {
		close(fd);
		return -1;
	}
	lseek(fd, 0, SEEK_SET);
	return receive(fd, to, 0, count, e);
}

static void
round_trips(void)
{
	struct tar_count count;
	struct err e;
	char path[200];

	make_dir("from");
	snprintf(path, sizeof(path), "%s/from/\xff\xfe new\nline", dir);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	snprintf(path, sizeof(path), "%s/from/dangling", dir);
	(void)!symlink("nowhere", path);
	snprintf(path, sizeof(path), "%s/from/pipe", dir);
	(void)!mkfifo(path, 0644);
	ok(round_trip("from", "to", &count, &e) == 0 && is_there("to/\xff\xfe new\nline") &&
		   is_there("to/dangling") && !is_there("to/pipe"),
	   "bytes of names stay what they are");
	make_dir("existing");
	ok(round_trip("from", "existing", &count, &e) == 0 && is_there("existing/from/dangling"),
	   "into a directory");
	ok(round_trip("from/.", "existing", &count, &e) == 0 && is_there("existing/dangling"),
	   "what is in a directory");
	ok(round_trip("absent", "x", &count, &e) < 0 && e.code == &TAR_NO_FILE, "nothing to send");
	ok(round_trip("from/pipe", "x", &count, &e) < 0 && e.code == &TAR_REFUSED,
	   "a pipe to send");
}

int
main(void)
{
	char command[100];

	if (mkdtemp(dir) == NULL)
		return 1;
	harm();
	taming();
	broken();
	round_trips();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	(void)!chdir("/");
	(void)!system(command);
	return tap_done();
}
