/* SPDX-License-Identifier: Apache-2.0 */
#include "tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"

const struct code TAR_NO_FILE = { "no_such_file", NOT_FOUND, "there is no such file" };
const struct code TAR_NO_SPACE = { "no_space", LIMIT, "the disk is full" };
const struct code TAR_READ_ONLY = { "read_only", CONFLICT, "the file system is read-only" };
const struct code TAR_REFUSED = { "file_refused", DENIED, "the file may not be used so" };
const struct code TAR_UNSAFE = { "unsafe_path", INVALID, "the archive leads out of its directory" };
const struct code TAR_BROKEN = { "archive_broken", UNAVAIL, "the archive ends too early" };

#define BLOCK ((size_t)64 * 1024)

/* What errno means to whoever copies. */
static int
fail(struct err *e, const char *name, int error, const char *else_text)
{
	const struct code *code = &ERR_SYSTEM;

	switch (error) {
	case ENOENT:
	case ENOTDIR: code = &TAR_NO_FILE; break;
	case ENOSPC:
	case EDQUOT: code = &TAR_NO_SPACE; break;
	case EROFS: code = &TAR_READ_ONLY; break;
	case EACCES:
	case EPERM:
	case EISDIR:
	case ELOOP: code = &TAR_REFUSED; break;
	default: break;
	}
	return err_set(e, code, "%.200s: %.100s", name,
		       error > 0	   ? strerror(error)
		       : else_text != NULL ? else_text
					   : "failed");
}

/* "/a/b/" -> go to "/a", return "b"; "." for what ends in "/." or is "/". */
static int
enter_parent(struct arena *a, const char *path, const char **last, struct err *e)
{
	char *text = arena_strdup(a, path), *slash;
	size_t len = strlen(text);

	while (len > 1 && text[len - 1] == '/')
		text[--len] = '\0';
	slash = strrchr(text, '/');
	*last = slash != NULL ? slash + 1 : text;
	if (strcmp(text, "/") == 0 || strcmp(*last, ".") == 0 || strcmp(*last, "..") == 0) {
		*last = ".";
		return chdir(text) == 0 ? 0 : fail(e, path, errno, NULL);
	}
	if (slash == NULL)
		return 0;
	if (slash == text)
		return chdir("/") == 0 ? 0 : fail(e, path, errno, NULL);
	*slash = '\0';
	return chdir(text) == 0 ? 0 : fail(e, text, errno, NULL);
}

static void
progress(struct tar_count *count, uint64_t more)
{
	count->bytes += more;
	if (count->on_progress != NULL)
		count->on_progress(count);
}

/* ------------------------------------------------------------------ */
/* Sending.                                                            */

static int
send_data(struct archive *disk, struct archive *out, const char *name, struct tar_count *count,
	  struct err *e)
{
	static const char zeros[8192];
	const void *data;
	int64_t at = 0, offset;
	size_t len;
	int got;

	while ((got = archive_read_data_block(disk, &data, &len, &offset)) == ARCHIVE_OK) {
		for (; at < offset; at += (int64_t)MIN(sizeof(zeros), (size_t)(offset - at)))
			if (archive_write_data(out, zeros,
					       MIN(sizeof(zeros), (size_t)(offset - at))) < 0)
				return fail(e, name, archive_errno(out), archive_error_string(out));
		if (len != 0 && archive_write_data(out, data, len) < 0)
			return fail(e, name, archive_errno(out), archive_error_string(out));
		at = offset + (int64_t)len;
		progress(count, len);
	}
	return got == ARCHIVE_EOF ? 0
				  : fail(e, name, archive_errno(disk), archive_error_string(disk));
}

static bool
is_plain(const struct archive_entry *entry)
{
	mode_t type = archive_entry_filetype((struct archive_entry *)(uintptr_t)entry);

	return type == AE_IFREG || type == AE_IFDIR || type == AE_IFLNK;
}

static int
send_all(struct archive *disk, struct archive *out, struct tar_count *count, struct err *e)
{
	struct archive_entry *entry = archive_entry_new();
	int got, result = 0;

	while (result == 0 && (got = archive_read_next_header2(disk, entry)) != ARCHIVE_EOF) {
		const char *name = archive_entry_pathname(entry);

		if (got < ARCHIVE_WARN) {
			result = fail(e, name != NULL ? name : "?", archive_errno(disk),
				      archive_error_string(disk));
			break;
		}
		archive_read_disk_descend(disk);
		if (!is_plain(entry)) {
			count->skipped++;
			continue;
		}
		archive_entry_set_perm(entry, archive_entry_perm(entry) & 0777);
		if (archive_write_header(out, entry) < ARCHIVE_WARN)
			result = fail(e, name, archive_errno(out), archive_error_string(out));
		else if (archive_entry_filetype(entry) == AE_IFREG)
			result = send_data(disk, out, name, count, e);
		count->files++;
	}
	archive_entry_free(entry);
	return result;
}

int
tar_send(int fd, const char *path, struct tar_count *count, struct err *e)
{
	struct archive *disk = archive_read_disk_new(), *out = archive_write_new();
	const char *last = ".";
	struct arena a;
	struct stat st;
	int result;

	if (disk == NULL || out == NULL)
		fatal("out of memory");
	arena_init(&a, 0);
	archive_read_disk_set_symlink_hybrid(disk);
	archive_read_disk_set_behavior(
		disk, ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS | ARCHIVE_READDISK_NO_XATTR |
			      ARCHIVE_READDISK_NO_ACL | ARCHIVE_READDISK_NO_FFLAGS);
	archive_write_set_format_pax_restricted(out);
	/* Names are bytes: nothing is converted, so nothing has to be known. */
	archive_write_set_options(out, "hdrcharset=BINARY");
	archive_write_set_bytes_per_block(out, (int)BLOCK);
	archive_write_set_bytes_in_last_block(out, 1);
	result = enter_parent(&a, path, &last, e);
	if (result == 0 && stat(last, &st) != 0)
		result = fail(e, path, errno, NULL);
	if (result == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		result = err_set(e, &TAR_REFUSED, "%.200s: neither a file nor a directory", path);
	if (result == 0 && (archive_read_disk_open(disk, last) != ARCHIVE_OK))
		result = fail(e, path, archive_errno(disk), archive_error_string(disk));
	if (result == 0 && archive_write_open_fd(out, fd) != ARCHIVE_OK)
		result = fail(e, path, archive_errno(out), archive_error_string(out));
	if (result == 0)
		result = send_all(disk, out, count, e);
	if (result == 0 && archive_write_close(out) != ARCHIVE_OK)
		result = fail(e, path, archive_errno(out), archive_error_string(out));
	if (result != 0)
		archive_write_fail(out); /* an archive cut short must not look whole */
	archive_write_free(out);
	archive_read_free(disk);
	arena_release(&a);
	return result;
}

/* ------------------------------------------------------------------ */
/* Receiving.                                                          */

struct receive {
	struct arena arena;
	struct archive *in, *disk;
	const struct tar_rules *rules;
	struct tar_count *count;
	const char *first; /* the first component becomes this; NULL: stays */
};

static bool
has_dotdot(const char *name)
{
	for (const char *p = name; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
			return true;
	}
	return false;
}

/* The entry as it may be made here, or not at all. */
static int
entry_tame(struct receive *r, struct archive_entry *entry, struct err *e)
{
	const char *name = archive_entry_pathname(entry), *rest;

	if (name == NULL || name[0] == '\0' || name[0] == '/' || has_dotdot(name) ||
	    archive_entry_hardlink(entry) != NULL)
		return err_set(e, &TAR_UNSAFE, "%.200s", name != NULL ? name : "a name");
	if (r->first != NULL) {
		rest = name + strcspn(name, "/");
		archive_entry_copy_pathname(entry, arena_printf(&r->arena, "%s%s", r->first, rest));
	}
	archive_entry_set_perm(entry, archive_entry_perm(entry) & 0777);
	if (r->rules->own) {
		archive_entry_set_uid(entry, r->rules->uid);
		archive_entry_set_gid(entry, r->rules->gid);
	}
	return 0;
}

static int
receive_data(struct receive *r, const char *name, struct err *e)
{
	const void *data;
	int64_t offset;
	size_t len;
	int got;

	while ((got = archive_read_data_block(r->in, &data, &len, &offset)) == ARCHIVE_OK) {
		if (r->rules->bytes_max != 0 && r->count->bytes + len > r->rules->bytes_max)
			return err_set(e, &ERR_TOO_BIG, "%.200s: more than %llu bytes in one go",
				       name, (unsigned long long)r->rules->bytes_max);
		if (archive_write_data_block(r->disk, data, len, offset) < ARCHIVE_OK)
			return fail(e, name, archive_errno(r->disk), archive_error_string(r->disk));
		progress(r->count, len);
	}
	return got == ARCHIVE_EOF ? 0 : err_set(e, &TAR_BROKEN, "%.200s", name);
}

static int
receive_all(struct receive *r, struct err *e)
{
	struct archive_entry *entry;
	int got;

	while ((got = archive_read_next_header(r->in, &entry)) != ARCHIVE_EOF) {
		if (got < ARCHIVE_WARN)
			return err_set(e, &TAR_BROKEN, "%.200s",
				       archive_error_string(r->in) != NULL
					       ? archive_error_string(r->in)
					       : "not a tar");
		if (entry_tame(r, entry, e) < 0)
			return -1;
		if (!is_plain(entry)) {
			r->count->skipped++;
			continue;
		}
		if (archive_write_header(r->disk, entry) < ARCHIVE_OK)
			return fail(e, archive_entry_pathname(entry), archive_errno(r->disk),
				    archive_error_string(r->disk));
		if (archive_entry_size(entry) > 0 &&
		    receive_data(r, archive_entry_pathname(entry), e) < 0)
			return -1;
		if (archive_write_finish_entry(r->disk) < ARCHIVE_WARN)
			return fail(e, archive_entry_pathname(entry), archive_errno(r->disk),
				    archive_error_string(r->disk));
		r->count->files++;
	}
	return 0;
}

int
tar_receive(int fd, const char *target, const struct tar_rules *rules, struct tar_count *count,
	    struct err *e)
{
	struct receive r = { .in = archive_read_new(),
			     .disk = archive_write_disk_new(),
			     .rules = rules,
			     .count = count };
	size_t len = strlen(target);
	char pad[4096];
	struct stat st;
	int result = 0;

	if (r.in == NULL || r.disk == NULL)
		fatal("out of memory");
	arena_init(&r.arena, 0);
	archive_read_support_format_tar(r.in);
	archive_read_support_filter_none(r.in);
	archive_write_disk_set_options(r.disk, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM |
						       ARCHIVE_EXTRACT_SECURE_NODOTDOT |
						       ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						       ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS |
						       (rules->own ? ARCHIVE_EXTRACT_OWNER : 0));
	if (stat(target, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (chdir(target) != 0)
			result = fail(e, target, errno, NULL);
	} else if (len != 0 && target[len - 1] == '/') {
		result = err_set(e, &TAR_NO_FILE, "%.200s: no such directory", target);
	} else {
		result = enter_parent(&r.arena, target, &r.first, e);
	}
	if (result == 0 && archive_read_open_fd(r.in, fd, BLOCK) != ARCHIVE_OK)
		result = err_set(e, &TAR_BROKEN, "%.200s", archive_error_string(r.in));
	if (result == 0)
		result = receive_all(&r, e);
	/* What pads the archive is read too: its writer shall not meet a closed pipe. */
	while (result == 0 && read(fd, pad, sizeof(pad)) > 0)
		;
	if (archive_write_close(r.disk) != ARCHIVE_OK && result == 0)
		result = fail(e, target, archive_errno(r.disk), archive_error_string(r.disk));
	archive_write_free(r.disk);
	archive_read_free(r.in);
	arena_release(&r.arena);
	return result;
}
