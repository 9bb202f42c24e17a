/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/untar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "provider/jail/mounts.h"

const struct code IMAGE_UNPACK = { "image_unpack", INVALID, "the image cannot be unpacked" };
const struct code IMAGE_TOO_BIG = { "image_too_big", LIMIT, "the image is larger than allowed" };
const struct code IMAGE_DIGEST = { "image_digest", INVALID,
				   "a part of the image is not what its digest says" };

#define BLOCK	     (64u * 1024)
#define RECORD	     512u
#define NAME_MAX_    255u
#define ID_COUNT     65536
#define RATIO_MAX    200u		  /* uncompressed to compressed, */
#define RATIO_FROM   (UINT64_C(64) << 20) /* once there is this much of it */
#define MARKS_MAX    (UINT64_C(64) << 20) /* bytes of whiteout names */
#define WHITEOUT     ".wh."
#define WHITEOUT_OF  ".wh..wh." /* aufs' own notes, and the mark below */
#define OPAQUE	     ".wh..wh..opq"
#define NO_DIRECTORY (-2)
#define XATTR	     "user.overlay.opaque"

struct marks { /* paths, each with its NUL */
	char *text;
	size_t len, size;
};

struct untar_state {
	const struct untar *u;
	struct archive *outer, *tar, *disk;
	struct sha256 *blob_hash, *plain_hash;
	uint64_t blob_bytes, plain_bytes, file_bytes, entries;
	struct marks whiteouts, opaques;
	char last[UNTAR_PATH_MAX + 1]; /* path of the entry before */
	bool padded;
	struct err err; /* the first cause, met inside a callback */
	char in[BLOCK], plain[BLOCK];
};

/* ------------------------------------------------------------------ */
/* Bytes: blob -> decompressed -> archive, hashed at both places.       */

static int
state_fail(struct untar_state *s, const struct code *code, const char *text)
{
	if (s->err.code == NULL)
		err_set(&s->err, code, "%.200s", text != NULL ? text : "unreadable");
	return -1;
}

/* That the host's disk is full is not the image's fault. */
static int
disk_fail(struct untar_state *s)
{
	return state_fail(s, archive_errno(s->disk) == ENOSPC ? &DISK_FULL : &IMAGE_UNPACK,
			  archive_error_string(s->disk));
}

static ssize_t
blob_take(struct untar_state *s)
{
	ssize_t n;

	do
		n = read(s->u->blob, s->in, sizeof(s->in));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return state_fail(s, &IMAGE_UNPACK, strerror(errno));
	s->blob_bytes += (uint64_t)n;
	if (s->blob_bytes > s->u->size)
		return state_fail(s, &IMAGE_DIGEST, "a layer is longer than declared");
	sha256_add(s->blob_hash, s->in, (size_t)n);
	return n;
}

static la_ssize_t
blob_read(struct archive *a, void *ctx, const void **block)
{
	struct untar_state *s = ctx;
	ssize_t n = blob_take(s);

	*block = s->in;
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->err.text);
	return n;
}

static ssize_t
plain_take(struct untar_state *s)
{
	la_ssize_t n = archive_read_data(s->outer, s->plain, sizeof(s->plain));

	if (n < 0)
		return state_fail(s, &IMAGE_UNPACK, archive_error_string(s->outer));
	s->plain_bytes += (uint64_t)n;
	if (s->plain_bytes > s->u->bytes_max)
		return state_fail(s, &IMAGE_TOO_BIG, "a layer unpacks to more than is allowed");
	if (s->plain_bytes > RATIO_FROM && s->plain_bytes / RATIO_MAX > s->blob_bytes)
		return state_fail(s, &IMAGE_TOO_BIG,
				  "a layer unpacks to more than 200 times its size");
	sha256_add(s->plain_hash, s->plain, (size_t)n);
	return n;
}

static la_ssize_t
plain_read(struct archive *a, void *ctx, const void **block)
{
	struct untar_state *s = ctx;
	ssize_t n = plain_take(s);

	*block = s->plain;
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->err.text);
	/* Some builders leave out what fills the last block. Nobody but us sees
	 * these zeros: the diff id is of what is there. */
	if (n == 0 && !s->padded && s->plain_bytes % RECORD != 0) {
		s->padded = true;
		n = (ssize_t)(RECORD - s->plain_bytes % RECORD);
		memset(s->plain, 0, (size_t)n);
	}
	return n;
}

/* ------------------------------------------------------------------ */
/* Names.                                                              */

/* "./a//b/" and "/a/b" -> "a/b"; "" is the root. Nothing goes up. */
static int
path_clean(struct untar_state *s, const char *path, char out[static UNTAR_PATH_MAX + 1])
{
	size_t at = 0, depth = 0;

	if (path == NULL)
		return state_fail(s, &IMAGE_UNPACK, "an entry has no readable name");
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return state_fail(s, &IMAGE_UNPACK, "a name goes up: \"..\"");
		if (n > NAME_MAX_ || at + n + 1 > UNTAR_PATH_MAX || depth > UNTAR_DEPTH_MAX)
			return state_fail(s, &IMAGE_UNPACK, "a name is too long or too deep");
		if (n != 0 && !(n == 1 && path[0] == '.')) {
			if (at != 0)
				out[at++] = '/';
			memcpy(out + at, path, n);
			at += n;
			depth++;
		}
		path += n + (path[n] == '/');
	}
	out[at] = '\0';
	return 0;
}

static int
mark_add(struct untar_state *s, struct marks *m, const char *path)
{
	size_t len = strlen(path) + 1;

	if (m->len + len > MARKS_MAX)
		return state_fail(s, &IMAGE_TOO_BIG, "too many whiteouts");
	if (m->len + len > m->size) {
		m->size = MAX(m->size * 2, m->len + len + 4096);
		m->text = xrealloc(m->text, m->size);
	}
	memcpy(m->text + m->len, path, len);
	m->len += len;
	return 0;
}

/* 1: it was a mark and is remembered or dropped; 0: an ordinary entry. */
static int
mark_take(struct untar_state *s, char *path)
{
	char *base = strrchr(path, '/');
	const char *name;

	if (strncmp(path, WHITEOUT_OF, strlen(WHITEOUT_OF)) == 0 && strcmp(path, OPAQUE) != 0)
		return 1;
	name = base != NULL ? base + 1 : path;
	for (const char *p = path; p != NULL && p < name; p = strchr(p, '/'), p += p != NULL)
		if (strncmp(p, WHITEOUT, strlen(WHITEOUT)) == 0)
			return state_fail(s, &IMAGE_UNPACK, "something lies below a whiteout");
	if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0)
		return 0;
	if (strcmp(name, OPAQUE) == 0) {
		path[base != NULL ? base - path : 0] = '\0';
		/* The root hides all: there is nothing to set it on but the tree itself. */
		return mark_add(s, &s->opaques, path[0] != '\0' ? path : ".") < 0 ? -1 : 1;
	}
	if (strncmp(name, WHITEOUT_OF, strlen(WHITEOUT_OF)) == 0)
		return 1;
	name += strlen(WHITEOUT);
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return state_fail(s, &IMAGE_UNPACK, "a whiteout of a directory itself");
	memmove(base != NULL ? base + 1 : path, name, strlen(name) + 1);
	return mark_add(s, &s->whiteouts, path) < 0 ? -1 : 1;
}

/* ------------------------------------------------------------------ */
/* Marks become files. No link is followed on the way.                  */

/* The directory `path`, made when it is missing. NO_DIRECTORY when the layer has
 * something else there, or on the way: that hides what is below by itself. */
static int
dir_open(struct untar_state *s, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	char part[UNTAR_PATH_MAX + 1];
	size_t n = 0;
	int fd;

	fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd >= 0)
		return fd;
	do {
		n += strcspn(path + n, "/");
		memcpy(part, path, n);
		part[n] = '\0';
		fd = (int)syscall(SYS_openat2, AT_FDCWD, part, &how, sizeof(how));
		if (fd >= 0)
			close(fd);
		else if (errno == ELOOP || errno == ENOTDIR)
			return NO_DIRECTORY;
		/* Its parent was opened a moment ago without a link, by us alone. */
		else if (errno != ENOENT || ++s->entries > s->u->entries_max ||
			 mkdir(part, 0755) != 0)
			return state_fail(s, &IMAGE_UNPACK, "a whiteout leads nowhere");
	} while (path[n++] == '/');
	fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	return fd >= 0 ? fd : state_fail(s, &IMAGE_UNPACK, "a whiteout leads nowhere");
}

static int
opaque_set(struct untar_state *s, int fd)
{
	if (fsetxattr(fd, XATTR, "y", 1, 0) != 0)
		return state_fail(s, &IMAGE_UNPACK, "a directory cannot be marked opaque");
	return 0;
}

static int
opaque_make(struct untar_state *s, const char *path)
{
	int fd = dir_open(s, path), result;

	if (fd < 0)
		return fd == NO_DIRECTORY ? 0 : -1;
	result = opaque_set(s, fd);
	close(fd);
	return result;
}

/* What the layer itself has under the name stays; a directory then shows only
 * its own. */
static int
whiteout_make(struct untar_state *s, char *path)
{
	char *base = strrchr(path, '/');
	const char *name = base != NULL ? base + 1 : path;
	struct stat st;
	int dir, result = 0;

	if (base != NULL)
		*base = '\0';
	dir = dir_open(s, base != NULL ? path : ".");
	if (dir < 0)
		return dir == NO_DIRECTORY ? 0 : -1;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		int fd =
			S_ISDIR(st.st_mode)
				? openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				: -1;

		if (fd >= 0) {
			result = opaque_set(s, fd);
			close(fd);
		}
	} else if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) != 0) {
		result = state_fail(s, &IMAGE_UNPACK, strerror(errno));
	}
	close(dir);
	return result;
}

static int
marks_make(struct untar_state *s)
{
	for (size_t at = 0; at < s->opaques.len; at += strlen(s->opaques.text + at) + 1)
		if (opaque_make(s, s->opaques.text + at) < 0)
			return -1;
	for (size_t at = 0, n; at < s->whiteouts.len; at += n) {
		n = strlen(s->whiteouts.text + at) + 1;
		if (whiteout_make(s, s->whiteouts.text + at) < 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Entries.                                                            */

static void
xattrs_filter(struct archive_entry *entry)
{
	struct archive_entry *all;
	const char *name;
	const void *value;
	size_t size;

	if (archive_entry_xattr_count(entry) == 0)
		return;
	all = archive_entry_clone(entry);
	archive_entry_xattr_clear(entry);
	archive_entry_xattr_reset(all);
	while (archive_entry_xattr_next(all, &name, &value, &size) == ARCHIVE_OK)
		if (name != NULL && strncmp(name, "user.", 5) == 0 &&
		    strncmp(name, "user.overlay.", 13) != 0)
			archive_entry_xattr_add_entry(entry, name, value, size);
	archive_entry_free(all);
}

static int
entry_size(struct untar_state *s, struct archive_entry *entry)
{
	la_int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;

	if (size < 0)
		return state_fail(s, &IMAGE_UNPACK, "a file of negative size");
	if ((uint64_t)size > s->u->bytes_max || (s->file_bytes += (uint64_t)size) > s->u->bytes_max)
		return state_fail(s, &IMAGE_TOO_BIG,
				  "the files of a layer are larger than allowed");
	return 0;
}

static int
entry_data(struct untar_state *s)
{
	const void *block;
	size_t size;
	la_int64_t offset;
	int r;

	while ((r = archive_read_data_block(s->tar, &block, &size, &offset)) == ARCHIVE_OK)
		if (archive_write_data_block(s->disk, block, size, offset) < ARCHIVE_WARN)
			return disk_fail(s);
	if (r != ARCHIVE_EOF)
		return state_fail(s, &IMAGE_UNPACK, archive_error_string(s->tar));
	return 0;
}

/* Only what a tree for overlayfs may hold; ids that the namespace has. */
static int
entry_check(struct untar_state *s, struct archive_entry *entry, const char *path)
{
	char target[UNTAR_PATH_MAX + 1];

	if (archive_entry_uid(entry) < 0 || archive_entry_uid(entry) >= ID_COUNT ||
	    archive_entry_gid(entry) < 0 || archive_entry_gid(entry) >= ID_COUNT)
		return state_fail(s, &IMAGE_UNPACK, "an owner is outside of 0 to 65535");
	if (archive_entry_hardlink(entry) != NULL) {
		if (path_clean(s, archive_entry_hardlink(entry), target) < 0)
			return -1;
		archive_entry_copy_hardlink(entry, target);
	}
	archive_entry_copy_pathname(entry, path);
	archive_entry_acl_clear(entry);
	archive_entry_set_fflags(entry, 0, 0);
	xattrs_filter(entry);
	return 0;
}

/* An entry counts for itself and for every directory on its way that the one
 * before did not have: nobody makes directories for free by not naming them. */
static int
entry_count(struct untar_state *s, const char *path)
{
	size_t same = 0;

	while (path[same] != '\0' && path[same] == s->last[same])
		same++;
	for (const char *p = path + same; (p = strchr(p, '/')) != NULL; p++)
		s->entries++;
	memcpy(s->last, path, strlen(path) + 1);
	if (++s->entries > s->u->entries_max)
		return state_fail(s, &IMAGE_TOO_BIG, "a layer has more entries than allowed");
	return 0;
}

static int
entry_take(struct untar_state *s, struct archive_entry *entry)
{
	char path[UNTAR_PATH_MAX + 1] = "";
	mode_t type = archive_entry_filetype(entry);
	int mark;

	if (path_clean(s, archive_entry_pathname(entry), path) < 0 || entry_count(s, path) < 0 ||
	    (mark = mark_take(s, path)) < 0 || entry_size(s, entry) < 0)
		return -1;
	/* The root directory is ours; nodes would work for nobody. */
	if (mark > 0 || path[0] == '\0' ||
	    (archive_entry_hardlink(entry) == NULL && type != AE_IFREG && type != AE_IFDIR &&
	     type != AE_IFLNK && type != AE_IFIFO))
		return 0;
	if (entry_check(s, entry, path) < 0)
		return -1;
	if (archive_write_header(s->disk, entry) < ARCHIVE_WARN)
		return disk_fail(s);
	if (archive_entry_size(entry) > 0 && entry_data(s) < 0)
		return -1;
	if (archive_write_finish_entry(s->disk) < ARCHIVE_WARN)
		return disk_fail(s);
	return 0;
}

/* ------------------------------------------------------------------ */

static int
archives_open(struct untar_state *s)
{
	struct archive_entry *whole;

	s->outer = archive_read_new();
	s->tar = archive_read_new();
	s->disk = archive_write_disk_new();
	if (s->outer == NULL || s->tar == NULL || s->disk == NULL)
		fatal("out of memory");
	archive_read_support_filter_gzip(s->outer);
	archive_read_support_filter_zstd(s->outer);
	archive_read_support_format_raw(s->outer);
	archive_read_support_format_tar(s->tar);
	archive_write_disk_set_options(
		s->disk, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
				 ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
				 ARCHIVE_EXTRACT_SECURE_NODOTDOT |
				 ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
	if (archive_read_open(s->outer, s, NULL, blob_read, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(s->outer, &whole) != ARCHIVE_OK)
		return state_fail(s, &IMAGE_UNPACK, archive_error_string(s->outer));
	if (archive_read_open(s->tar, s, NULL, plain_read, NULL) != ARCHIVE_OK)
		return state_fail(s, &IMAGE_UNPACK, archive_error_string(s->tar));
	return 0;
}

static int
entries_take(struct untar_state *s)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(s->tar, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN)
		if (entry_take(s, entry) < 0)
			return -1;
	if (r != ARCHIVE_EOF)
		return state_fail(s, &IMAGE_UNPACK, archive_error_string(s->tar));
	if (marks_make(s) < 0)
		return -1;
	if (archive_write_close(s->disk) < ARCHIVE_WARN)
		return disk_fail(s);
	return 0;
}

/* What follows the archive's end belongs to the digests all the same. */
static int
plain_drain(struct untar_state *s)
{
	ssize_t n;

	while ((n = plain_take(s)) > 0)
		;
	return (int)n;
}

static int
blob_check(struct untar_state *s)
{
	struct hash h;
	ssize_t n;

	while ((n = blob_take(s)) > 0)
		;
	sha256_end(s->blob_hash, &h);
	s->blob_hash = NULL;
	if (n < 0)
		return -1;
	if (s->blob_bytes != s->u->size || !hash_equal(&h, &s->u->digest))
		return err_set(&s->err, &IMAGE_DIGEST, "a layer is not what its digest says");
	return 0;
}

static int
plain_check(struct untar_state *s)
{
	struct hash h;

	sha256_end(s->plain_hash, &h);
	s->plain_hash = NULL;
	if (!hash_equal(&h, &s->u->diff))
		return state_fail(s, &IMAGE_DIGEST,
				  "a layer is not what the config's diff id says");
	return 0;
}

static void
state_free(struct untar_state *s)
{
	struct hash ignored;

	archive_read_free(s->tar);
	archive_read_free(s->outer);
	archive_write_free(s->disk);
	if (s->blob_hash != NULL)
		sha256_end(s->blob_hash, &ignored);
	if (s->plain_hash != NULL)
		sha256_end(s->plain_hash, &ignored);
	free(s->whiteouts.text);
	free(s->opaques.text);
	free(s);
}

int
untar(const struct untar *u, uint64_t *bytes, struct err *e)
{
	struct untar_state *s = xcalloc(1, sizeof(*s));
	int result;

	s->u = u;
	s->blob_hash = sha256_new();
	s->plain_hash = sha256_new();
	result = archives_open(s) < 0 || entries_take(s) < 0 || plain_drain(s) < 0 ? -1 : 0;
	/* Of two complaints, that the bytes are other ones explains more. */
	if (result == 0)
		result = blob_check(s) < 0 || plain_check(s) < 0 ? -1 : 0;
	else if (s->err.code == &IMAGE_UNPACK)
		(void)blob_check(s);
	*bytes = s->file_bytes;
	if (result < 0)
		*e = s->err;
	state_free(s);
	return result;
}
