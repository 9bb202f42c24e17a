/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/proc.h"

/* sys/mount.h and linux/mount.h do not go together in this C library. */
extern int mount(const char *source, const char *target, const char *type, unsigned long flags,
		 const void *data);
extern int umount2(const char *target, int flags);
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

const struct code DISK_FULL = { "disk_full", LIMIT, "the provider's disk has no room left" };
const struct code DISK_NONE = { "disk_unavailable", UNAVAIL,
				"the provider has no loop device for the disk" };
const struct code MOUNT_UNSAFE = { "image_unsafe", INVALID,
				   "the image has something else where a directory must be" };

#define ID_COUNT	65536u
#define INODE_BYTES	16384u /* one inode per, as mke2fs does */
#define INODES_MAX	500000u
#define LOOP_TRIES	20
#define PATH_SIZE	512
#define USERS_BYTES_MAX (1 << 20) /* of a passwd or group file */

static const struct {
	const char *name;
	mode_t mode;
} top_dirs[] = { { "dev", 0755 }, { "etc", 0755 }, { "proc", 0755 },
		 { "run", 0755 }, { "sys", 0755 }, { "tmp", 01777 } };

static void
join(char out[static PATH_SIZE], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_SIZE, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_SIZE)
		fatal("path too long: %s/%s", dir, name);
}

static int
dir_make(const char *path, mode_t mode, uint32_t owner, struct err *e)
{
	/* chmod after mkdir: the umask must not take part. */
	if ((mkdir(path, 0700) != 0 && errno != EEXIST) || chown(path, owner, owner) != 0 ||
	    chmod(path, mode) != 0)
		return err_errno(e, "make directory %s", path);
	return 0;
}

/* ------------------------------------------------------------------ */
/* The disk.                                                           */

static int
image_file(const char *path, uint64_t bytes, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), result = 0;

	if (fd < 0)
		return err_errno(e, "create %s", path);
	/* All of it now: a full host must not bite a workload later. */
	if (fallocate(fd, 0, 0, (off_t)bytes) != 0)
		result = errno == ENOSPC ? err_set(e, &DISK_FULL, "a disk of %llu bytes",
						   (unsigned long long)bytes)
					 : err_errno(e, "preallocate %s", path);
	close(fd);
	if (result < 0)
		unlink(path);
	return result;
}

static int
ext4_make(const char *path, uint64_t bytes, uint32_t owner, bool journal, struct err *e)
{
	uint64_t inodes = MAX(UINT64_C(64), MIN(bytes / INODE_BYTES, (uint64_t)INODES_MAX));
	const char *features = journal ? "has_journal" : "^has_journal";
	char inodes_text[24], extended[96];
	const char *argv[] = { "mke2fs",    "-q", "-F",	    "-t", "ext4", "-m",
			       "0",	    "-O", features, "-I", "256",  "-N",
			       inodes_text, "-E", extended, path, NULL };
	struct proc p = { .argv = argv };
	struct arena a;
	int result;

	snprintf(inodes_text, sizeof(inodes_text), "%llu", (unsigned long long)inodes);
	snprintf(extended, sizeof(extended), "nodiscard,lazy_itable_init=1,root_owner=%u:%u", owner,
		 owner);
	arena_init(&a, 0);
	result = proc_now(&a, &p, e) < 0 || proc_check(&p, e) < 0 ? -1 : 0;
	arena_release(&a);
	return result;
}

/* An open loop device backed by the file; it frees itself when unmounted. */
static int
loop_attach(int file, char name[static 24], struct err *e)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;
	struct loop_config config = { .fd = (unsigned)file,
				      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };

	if (control < 0)
		return err_errno(e, "open /dev/loop-control");
	for (int tries = 0; tries < LOOP_TRIES; tries++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		if (n < 0)
			break;
		snprintf(name, 24, "/dev/loop%d", n);
		loop = open(name, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			break;
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
			close(control);
			return loop;
		}
		close(loop);
		if (errno != EBUSY) /* another provider was quicker */
			break;
	}
	err_errno(e, "attach a loop device");
	close(control);
	return -1;
}

int
disk_image_make(const char *path, uint64_t bytes, uint32_t owner, bool journal, struct err *e)
{
	if (image_file(path, bytes, e) < 0)
		return -1;
	if (ext4_make(path, bytes, owner, journal, e) == 0)
		return 0;
	unlink(path);
	return -1;
}

int
disk_image_mount(const char *path, const char *disk, struct err *e)
{
	int file = open(path, O_RDWR | O_CLOEXEC), loop, result = 0;
	char name[24];

	if (file < 0)
		return err_errno(e, "open %s", path);
	loop = loop_attach(file, name, e);
	close(file);
	if (loop < 0)
		return -1;
	if (mount(name, disk, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "noinit_itable") != 0)
		result = err_errno(e, "mount %s on %s", name, disk);
	close(loop);
	return result;
}

static int
tmpfs_mount(const char *disk, uint64_t bytes, uint32_t owner, uint32_t group, struct err *e)
{
	char options[128];

	snprintf(options, sizeof(options), "mode=0755,uid=%u,gid=%u,size=%llu,nr_inodes=%llu",
		 owner, group, (unsigned long long)bytes,
		 (unsigned long long)MIN(bytes / INODE_BYTES + 64, (uint64_t)INODES_MAX));
	if (mount("tmpfs", disk, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME, options) != 0)
		return err_errno(e, "mount tmpfs on %s", disk);
	return 0;
}

int
ram_mount(const char *to, uint64_t bytes, uint32_t owner, uint32_t group, struct err *e)
{
	return dir_make(to, 0711, 0, e) < 0 ? -1 : tmpfs_mount(to, bytes, owner, group, e);
}

static int
upper_make(const char *disk, uint32_t host_id, struct err *e)
{
	char path[PATH_SIZE], upper[PATH_SIZE];

	join(path, disk, "work");
	join(upper, disk, "upper");
	if (dir_make(disk, 0711, 0, e) < 0 || dir_make(path, 0700, 0, e) < 0 ||
	    dir_make(upper, 0755, host_id, e) < 0)
		return -1;
	for (size_t i = 0; i < NELEMS(top_dirs); i++) {
		join(path, upper, top_dirs[i].name);
		if (dir_make(path, top_dirs[i].mode, host_id, e) < 0)
			return -1;
	}
	return 0;
}

int
disk_mount(const char *dir, uint64_t bytes, uint32_t host_id, bool ram_too, enum disk_kind *kind,
	   struct err *e)
{
	char file[PATH_SIZE], disk[PATH_SIZE];
	struct err why = ERR_NONE;

	join(file, dir, "disk.img");
	join(disk, dir, "disk");
	bytes = MAX(bytes, DISK_BYTES_MIN);
	if (dir_make(disk, 0711, 0, e) < 0)
		return -1;
	*kind = DISK_LOOP;
	if (disk_image_make(file, bytes, host_id, false, &why) < 0 ||
	    disk_image_mount(file, disk, &why) < 0) {
		unlink(file);
		if (why.code == &DISK_FULL) {
			*e = why;
			return -1;
		}
		if (!ram_too)
			return err_set(e, &DISK_NONE, "%s", why.text);
		*kind = DISK_TMPFS;
		if (tmpfs_mount(disk, bytes, 0, 0, e) < 0)
			return err_wrap(e, "%s; instead", why.text);
	}
	return upper_make(disk, host_id, e);
}

uint64_t
disk_used(const char *dir)
{
	char disk[PATH_SIZE];
	struct statvfs own, parent;
	struct stat a, b;

	join(disk, dir, "disk");
	if (statvfs(disk, &own) != 0 || statvfs(dir, &parent) != 0 || stat(disk, &a) != 0 ||
	    stat(dir, &b) != 0 || a.st_dev == b.st_dev)
		return 0;
	return (uint64_t)(own.f_blocks - own.f_bfree) * own.f_frsize;
}

int
upper_file(const char *dir, const char *name, const char *text, uint32_t host_id, struct err *e)
{
	char etc[PATH_SIZE], path[PATH_SIZE];
	size_t len = strlen(text);
	int fd, result = 0;

	/* Fresh and ours until the workload starts: no link can be in the way. */
	join(etc, dir, "disk/upper/etc");
	join(path, etc, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(e, "create %s", path);
	if (write(fd, text, len) != (ssize_t)len || fchown(fd, host_id, host_id) != 0 ||
	    fchmod(fd, 0644) != 0)
		result = err_errno(e, "write %s", path);
	close(fd);
	return result;
}

/* ------------------------------------------------------------------ */
/* The image below.                                                    */

static int
map_write(pid_t pid, const char *which, uint32_t from, uint32_t to, uint32_t count, struct err *e)
{
	char path[64], text[64];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	n = snprintf(text, sizeof(text), "%u %u %u\n", from, to, count);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n) {
		err_errno(e, "write %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* A user namespace nobody lives in: only its map is wanted. */
static int
map_open(uint32_t from, uint32_t to, uint32_t count, struct err *e)
{
	int ready[2], fd = -1;
	char path[64], byte = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ready) != 0 || (pid = fork()) < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		/* Waits for an end that comes even when we are killed: a signal at
		 * the parent's death could be asked for too late. */
		close(ready[0]);
		byte = unshare(CLONE_NEWUSER) == 0;
		if (write(ready[1], &byte, 1) == 1)
			(void)!read(ready[1], &byte, 1);
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1 || byte != 1) {
		err_set(e, &ERR_SYSTEM, "make a user namespace");
	} else if (map_write(pid, "uid_map", from, to, count, e) == 0 &&
		   map_write(pid, "gid_map", from, to, count, e) == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			err_errno(e, "open %s", path);
	}
	close(ready[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

/* A copy of the mount that `from` is on, beginning there, with flags of its own. */
static int
tree_mount(const char *from, const char *to, unsigned follow, struct mount_attr *attr,
	   struct err *e)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, from,
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | follow),
	    result = 0;

	if (tree < 0)
		return err_errno(e, "open tree %s", from);
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, attr, sizeof(*attr)) != 0)
		result = err_errno(e, "set the flags and owners of %s", from);
	else if (syscall(SYS_move_mount, tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) != 0)
		result = err_errno(e, "mount %s", to);
	close(tree);
	return result;
}

int
volume_mount(const char *from, const char *to, uint32_t from_id, uint32_t to_id, uint32_t count,
	     bool readonly, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NODEV };
	int map, result;

	if (readonly)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (dir_make(to, 0711, 0, e) < 0 || (map = map_open(from_id, to_id, count, e)) < 0)
		return -1;
	attr.userns_fd = (unsigned)map;
	result = tree_mount(from, to, AT_SYMLINK_NOFOLLOW, &attr, e);
	close(map);
	return result;
}

int
shifted_mount(const char *from, const char *to, uint32_t from_id, uint32_t to_id, uint32_t count,
	      struct err *e)
{
	return volume_mount(from, to, from_id, to_id, count, true, e);
}

static int
file_make(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "create %s", path);
	close(fd);
	return 0;
}

int
bound_mount(const char *from, const char *to, bool readonly, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	struct stat st;

	if (readonly)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (stat(from, &st) != 0)
		return err_errno(e, "look at %s", from);
	if ((S_ISDIR(st.st_mode) ? dir_make(to, 0711, 0, e) : file_make(to, e)) < 0)
		return -1;
	return tree_mount(from, to, 0, &attr, e);
}

int
lower_mount(const char *dir, const char *layers, uint32_t image_id, uint32_t host_id, struct err *e)
{
	char lower[PATH_SIZE];

	join(lower, dir, "lower");
	return shifted_mount(layers, lower, image_id, host_id, ID_COUNT, e);
}

int
netns_keep(const char *dir, int32_t pid, struct err *e)
{
	char from[64], to[PATH_SIZE];
	int fd;

	snprintf(from, sizeof(from), "/proc/%d/ns/net", pid);
	join(to, dir, "netns");
	fd = open(to, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "create %s", to);
	close(fd);
	if (mount(from, to, NULL, MS_BIND, NULL) != 0)
		return err_errno(e, "keep network namespace of %d", pid);
	return 0;
}

/* Every component a directory, none a link, none leading out. */
static int
point_check(int root, const char *point, struct err *e)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
					   RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
	int fd = (int)syscall(SYS_openat2, root, point, &how, sizeof(how));

	if (fd < 0)
		return err_set(e, &MOUNT_UNSAFE, "/%s: %s", point, strerror(errno));
	close(fd);
	return 0;
}

/* One component of a mount point, opened: made when it is missing. */
static int
point_step(int parent, const char *name, uint32_t host_id, bool file, struct err *e)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC |
					 (file ? 0u : (unsigned)O_DIRECTORY),
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
					   RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
	int fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof(how)), made;
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		made = file ? mknodat(parent, name, S_IFREG | 0644, 0)
			    : mkdirat(parent, name, 0755);
		if (made != 0 ||
		    fchownat(parent, name, host_id, host_id, AT_SYMLINK_NOFOLLOW) != 0 ||
		    fchmodat(parent, name, file ? 0644 : 0755, 0) != 0)
			return err_errno(e, "make the mount point %s", name);
		fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof(how));
	}
	if (fd < 0)
		return err_set(e, &MOUNT_UNSAFE, "%s: %s", name, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) == file && S_ISDIR(st.st_mode) != file)
		return fd;
	close(fd);
	return err_set(e, &MOUNT_UNSAFE, "%s is not a %s", name, file ? "file" : "directory");
}

/* Through the overlay: what is made lands in the fresh top layer, and what lies
 * above it keeps the owner and the mode that the image gave it. */
int
point_make(const char *dir, const char *path, uint32_t host_id, bool file, struct err *e)
{
	char merged[PATH_SIZE], name[256];
	int at, next;

	join(merged, dir, "merged");
	at = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return err_errno(e, "open %s", merged);
	for (const char *p = path; *p == '/' && at >= 0; at = next) {
		size_t len = strcspn(++p, "/");

		if (len == 0 || len >= sizeof(name)) {
			close(at);
			return err_set(e, &MOUNT_UNSAFE, "mount point %.80s", path);
		}
		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		p += len;
		next = point_step(at, name, host_id, file && *p == '\0', e);
		close(at);
	}
	if (at < 0)
		return err_wrap(e, "mount point %.120s", path);
	close(at);
	return 0;
}

/* The options of a mount fit into a page: names are short, and relative to where
 * we stand while we mount. */
static int
overlay_mount(const char *dir, const char *merged, const char *const *layers, struct err *e)
{
	char lower[PATH_SIZE], options[4096];
	int n = snprintf(options, sizeof(options),
			 "userxattr,upperdir=../disk/upper,workdir=../disk/work"),
	    result = 0;

	for (size_t i = 0; layers[i] != NULL && n < (int)sizeof(options); i++)
		n += snprintf(options + n, sizeof(options) - (size_t)n, "%s%s",
			      i == 0 ? ",lowerdir=" : ":", layers[i]);
	if (n >= (int)sizeof(options))
		return err_set(e, &ERR_TOO_BIG, "too many layers for one mount");
	join(lower, dir, "lower");
	if (chdir(lower) != 0)
		return err_errno(e, "enter %s", lower);
	if (mount("overlay", merged, "overlay", MS_NOSUID | MS_NODEV | MS_NOATIME, options) != 0)
		result = err_errno(e, "mount overlay on %s", merged);
	if (chdir("/") != 0 && result == 0)
		result = err_errno(e, "leave %s", lower);
	return result;
}

/* The runtime opens these to look up users, and waits as long as that takes: a
 * pipe, a device or a link to one (there will be devices later) would hold up
 * the jail. Missing is fine. */
static int
users_check(int root, const char *name, struct err *e)
{
	struct open_how here = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	struct open_how there = { .flags = O_PATH | O_CLOEXEC,
				  .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root, name, &here, sizeof(here));
	struct stat st = { .st_mode = 0 };

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0) {
		close(fd);
		fd = (int)syscall(SYS_openat2, root, name, &there, sizeof(there));
	}
	if (fd >= 0 && fstat(fd, &st) != 0)
		st.st_mode = 0;
	if (fd >= 0)
		close(fd);
	if (S_ISREG(st.st_mode) && st.st_size <= USERS_BYTES_MAX)
		return 0;
	return err_set(e, &MOUNT_UNSAFE, "/%s is no file of at most %d bytes", name,
		       USERS_BYTES_MAX);
}

int
merged_mount(const char *dir, const char *const *layers, const char *const *points, struct err *e)
{
	char merged[PATH_SIZE];
	int root, result = 0;

	join(merged, dir, "merged");
	if (dir_make(merged, 0711, 0, e) < 0 || overlay_mount(dir, merged, layers, e) < 0)
		return -1;
	root = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(e, "open %s", merged);
	for (; *points != NULL && result == 0; points++)
		result = point_check(root, *points, e);
	if (result == 0 &&
	    (users_check(root, "etc/passwd", e) < 0 || users_check(root, "etc/group", e) < 0))
		result = -1;
	close(root);
	return result;
}

/* ------------------------------------------------------------------ */
/* Undoing.                                                            */

static bool
at_or_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* The last (topmost) mount at or below dir. */
static bool
last_mount(const char *dir, char out[static PATH_SIZE])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (f == NULL)
		return false;
	while (getline(&line, &size, f) > 0) {
		char path[PATH_SIZE];

		/* Our own paths hold nothing that is written as an escape. */
		if (sscanf(line, "%*s %*s %*s %*s %511s", path) == 1 && at_or_below(path, dir)) {
			memcpy(out, path, PATH_SIZE);
			found = true;
		}
	}
	free(line);
	fclose(f);
	return found;
}

/* A loop device whose file lies below dir: its number, or -1. */
static int
last_loop(const char *dir)
{
	DIR *d = opendir("/sys/block");
	struct dirent *entry;
	int found = -1;

	while (d != NULL && found < 0 && (entry = readdir(d)) != NULL) {
		char path[PATH_SIZE], backing[PATH_SIZE] = "";
		FILE *f;

		if (strncmp(entry->d_name, "loop", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/block/%.32s/loop/backing_file", entry->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fgets(backing, sizeof(backing), f) != NULL && at_or_below(backing, dir))
			found = (int)strtol(entry->d_name + 4, NULL, 10);
		fclose(f);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

bool
mounts_left(const char *dir)
{
	char path[PATH_SIZE];

	return last_mount(dir, path) || last_loop(dir) >= 0;
}

static void
loop_clear(int number)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/dev/loop%d", number);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ioctl(fd, LOOP_CLR_FD);
	close(fd);
}

int
mounts_undo(const char *dir, struct err *e)
{
	char path[PATH_SIZE];
	int loop;

	for (int tries = 0; last_mount(dir, path); tries++) {
		/* A process of the workload may be dying still: wait a little,
		 * then take the mount out of sight at least. */
		if (umount2(path, tries > 200 ? MNT_DETACH : 0) == 0)
			continue;
		if (tries > 400 || (errno != EBUSY && errno != EINVAL))
			return err_errno(e, "unmount %s", path);
		usleep(5000);
	}
	for (int tries = 0; (loop = last_loop(dir)) >= 0; tries++) {
		if (tries > 200)
			return err_set(e, &ERR_SYSTEM, "/dev/loop%d is still in use", loop);
		/* It frees itself; when it was never mounted it does not. */
		if (tries > 5)
			loop_clear(loop);
		usleep(5000);
	}
	return 0;
}

/* By rm, which goes down any depth without ever building a long path: a tree
 * from a stranger's image may be deeper than a path can be long. */
int
tree_remove(const char *dir, struct err *e)
{
	const char *argv[] = { "rm", "-rf", "--one-file-system", "--", dir, NULL };
	struct proc p = { .argv = argv, .timeout_us = 300 * SECOND_US };
	struct arena a;
	int result = 0;

	if (access(dir, F_OK) != 0 && errno == ENOENT)
		return 0;
	arena_init(&a, 0);
	if (proc_now(&a, &p, e) < 0 || proc_check(&p, e) < 0)
		result = err_wrap(e, "remove %s", dir);
	arena_release(&a);
	return result;
}
