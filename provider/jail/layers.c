/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LINKS_MAX 16
#define PATH_SIZE 1024

const char *
layer_name(const struct hash *diff, char out[static LAYER_NAME_SIZE])
{
	char text[HASH_TEXT_SIZE];

	memcpy(out, hash_text(diff, text) + 2, LAYER_NAME_SIZE - 1);
	out[LAYER_NAME_SIZE - 1] = '\0';
	return out;
}

const char *
layer_dir(struct arena *a, const char *state_dir, const struct hash *diff)
{
	char name[LAYER_NAME_SIZE];

	return arena_printf(a, "%s/layers/%s", state_dir, layer_name(diff, name));
}

const char *
blob_path(struct arena *a, const char *state_dir, const struct hash *digest)
{
	char text[HASH_TEXT_SIZE];

	return arena_printf(a, "%s/blobs/sha256/%s", state_dir, hash_text(digest, text) + 2);
}

bool
layer_is_here(const char *state_dir, const struct hash *diff)
{
	char name[LAYER_NAME_SIZE], path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/layers/%s", state_dir, layer_name(diff, name));
	return access(path, F_OK) == 0;
}

bool
layer_is_opaque(const char *dir)
{
	char value;

	return lgetxattr(dir, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* ------------------------------------------------------------------ */
/* One file through the stack.                                         */

/* The name itself, whatever it is, in one layer; no link on the way. */
static int
layer_open(int layer, const char *path, struct stat *st)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				.resolve =
					RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };
	int fd = (int)syscall(SYS_openat2, layer, path, &how, sizeof(how));

	if (fd < 0 || fstat(fd, st) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
dir_is_opaque(int fd)
{
	char path[40], value;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return getxattr(path, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* What `path`, whose parent is a directory, is: the topmost layer that has it
 * decides. layers[*low..count) are in sight; a directory may end the sight.
 * Returns an O_PATH descriptor, or -1. */
static int
stack_open(const int *layers, size_t count, size_t *low, const char *path, struct stat *st)
{
	int found = -1;

	for (size_t i = count; i-- > *low;) {
		struct stat here;
		int fd = layer_open(layers[i], path, &here);
		bool hides;

		if (fd < 0)
			continue;
		if (!S_ISDIR(here.st_mode) && found >= 0) {
			close(fd);
			*low = i + 1;
			break;
		}
		hides = !S_ISDIR(here.st_mode) || dir_is_opaque(fd);
		if (found < 0) {
			found = fd;
			*st = here;
		} else {
			close(fd);
		}
		if (hides) {
			*low = i;
			break;
		}
	}
	return found;
}

static const char *
file_read(struct arena *a, int fd, size_t max)
{
	char path[40], *text;
	size_t len = 0;
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0)
		max = MIN(max, (size_t)st.st_size);
	text = arena_alloc(a, max + 1);
	while (len < max && (n = read(fd, text + len, max - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return text;
}

/* path becomes where the link fd, found at path[0..end), leads, and the rest. */
static bool
link_follow(int fd, char path[static PATH_SIZE], size_t end)
{
	char target[PATH_SIZE], joined[PATH_SIZE];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	size_t parent = end;
	int len;

	if (n <= 0)
		return false;
	target[n] = '\0';
	while (parent > 0 && path[parent - 1] != '/')
		parent--;
	len = snprintf(joined, sizeof(joined), "%.*s%s%s", target[0] == '/' ? 0 : (int)parent, path,
		       target, path + end);
	if (len < 0 || (size_t)len >= sizeof(joined))
		return false;
	memcpy(path, joined, (size_t)len + 1);
	return true;
}

/* "a/./b//../c" -> "a/c": links before a ".." have been followed already, and
 * above the root there is the root. */
static void
path_flatten(char *path)
{
	size_t at = 0;

	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");
		const char *next = p + n + (p[n] == '/');

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (at > 0 && path[--at] != '/')
				;
		} else if (n != 0 && !(n == 1 && p[0] == '.')) {
			if (at != 0)
				path[at++] = '/';
			memmove(path + at, p, n);
			at += n;
		}
		p = next;
	}
	path[at] = '\0';
}

static const char *
stack_file(struct arena *a, const int *layers, size_t count, char path[static PATH_SIZE],
	   size_t max)
{
	size_t end = 0, low = 0;
	const char *text = NULL;
	struct stat st;

	for (unsigned links = 0; links <= LINKS_MAX;) {
		char part[PATH_SIZE];
		int fd;

		end += strcspn(path + end, "/");
		memcpy(part, path, end);
		part[end] = '\0';
		fd = stack_open(layers, count, &low, part, &st);
		if (fd < 0)
			return NULL;
		if (S_ISLNK(st.st_mode) && link_follow(fd, path, end)) {
			close(fd);
			path_flatten(path);
			links++;
			end = low = 0;
			continue;
		}
		if (S_ISREG(st.st_mode) && path[end] == '\0')
			text = file_read(a, fd, max);
		close(fd);
		if (!S_ISDIR(st.st_mode) || path[end] == '\0')
			return text;
		end++;
	}
	return NULL;
}

const char *
layers_file(struct arena *a, const char *state_dir, const struct hash *layers, size_t count,
	    const char *path, size_t max)
{
	int fds[LAYERS_MAX];
	char copy[PATH_SIZE];
	const char *text = NULL;
	size_t open_count = 0, first = 0;
	struct arena scratch;

	arena_init(&scratch, 0);
	for (size_t i = 0; i < count && i < LAYERS_MAX; i++) {
		const char *dir = layer_dir(&scratch, state_dir, &layers[i]);
		int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			break;
		fds[open_count++] = fd;
		if (layer_is_opaque(dir))
			first = i;
	}
	arena_release(&scratch);
	snprintf(copy, sizeof(copy), "%s", path);
	if (open_count == count)
		text = stack_file(a, fds + first, open_count - first, copy, max);
	for (size_t i = 0; i < open_count; i++)
		close(fds[i]);
	return text;
}
