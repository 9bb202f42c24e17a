/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "provider/mounts.h"

extern int mount(const char *source, const char *target, const char *type, unsigned long flags,
		 const void *data);
extern int umount2(const char *target, int flags);
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

const struct code IMAGE_UNPACK = { "image_unpack", INVALID, "the image cannot be unpacked" };
const struct code IMAGE_TOO_BIG = { "image_too_big", LIMIT, "the image is larger than allowed" };

#define ID_COUNT  65536u
#define WATCH_US  10000
#define PATH_SIZE 512

/* ------------------------------------------------------------------ */
/* Inside: everything here runs in the child, which ends with a message. */

_Noreturn static void
inside_fail(const char *what)
{
	dprintf(2, "%s: %s\n", what, strerror(errno));
	_exit(126);
}

static void
inside_map(pid_t pid, const char *which, uint32_t id)
{
	char path[64], text[64];
	int fd, n = snprintf(text, sizeof(text), "0 %u %u\n", id, ID_COUNT);

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		_exit(1);
	close(fd);
}

/* Into a user namespace with the image's ids. Its map must be written from
 * outside, so a child of ours stays there to write it. */
static void
inside_enter(uint32_t id)
{
	pid_t self = getpid(), writer;
	int go[2], status = 0;
	char byte = 0;

	if (pipe2(go, O_CLOEXEC) != 0 || (writer = fork()) < 0)
		inside_fail("fork");
	if (writer == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		inside_map(self, "uid_map", id);
		inside_map(self, "gid_map", id);
		_exit(0);
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
		inside_fail("unshare");
	if (write(go[1], &byte, 1) != 1 || waitpid(writer, &status, 0) < 0 || status != 0)
		inside_fail("map ids");
	close(go[0]);
	close(go[1]);
	if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		inside_fail("become root of the namespace");
}

static void
inside_bind(const char *from, const char *to, bool readonly)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0)
		inside_fail(to);
	if (readonly &&
	    syscall(SYS_mount_setattr, AT_FDCWD, to, AT_RECURSIVE, &attr, sizeof(attr)) != 0)
		inside_fail(to);
}

/* A small root, entered for good. box is an empty directory. */
static void
inside_root(const char *layout, const char *box, const char *tree)
{
	static const char *const dirs[] = { "usr", "oci", "rootfs", "tmp", "dev", "old" };
	static const char *const links[] = { "bin", "sbin", "lib", "lib64" };

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", box, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755") != 0 ||
	    chdir(box) != 0)
		inside_fail("mount the box");
	for (size_t i = 0; i < NELEMS(dirs); i++)
		if (mkdir(dirs[i], 0755) != 0)
			inside_fail(dirs[i]);
	for (size_t i = 0; i < NELEMS(links); i++) {
		char to[32];

		snprintf(to, sizeof(to), "usr/%s", links[i]);
		if (symlink(to, links[i]) != 0)
			inside_fail(links[i]);
	}
	inside_bind("/usr", "usr", true);
	inside_bind(layout, "oci", true);
	inside_bind(tree, "rootfs", false);
	if (syscall(SYS_pivot_root, ".", "old") != 0 || chdir("/") != 0 ||
	    umount2("/old", MNT_DETACH) != 0)
		inside_fail("enter the box");
}

_Noreturn static void
inside_main(const struct unpack *u, const char *box, const char *tree, int err)
{
	struct rlimit size = { u->bytes_max, u->bytes_max }, none = { 0, 0 };
	char *argv[] = { "umoci", "raw", "unpack", "--image", "/oci:" UNPACK_TAG, "/rootfs", NULL };
	char *env[] = { "PATH=/usr/bin", "HOME=/tmp", "GOMAXPROCS=2", NULL };
	int null = open("/dev/null", O_RDWR);
	char layout[PATH_SIZE];

	snprintf(layout, sizeof(layout), "%s/oci", u->work);
	dup2(null, 0);
	dup2(null, 1);
	dup2(err, 2);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	setpgid(0, 0);
	umask(022);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	inside_enter(u->id);
	inside_root(layout, box, tree);
	setrlimit(RLIMIT_FSIZE, &size);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	execve("/usr/bin/umoci", argv, env);
	inside_fail("umoci");
}

/* ------------------------------------------------------------------ */
/* Outside.                                                            */

/* Bytes the process has handed to write(), which for an unpacker is what it
 * unpacked, holes and all. */
static uint64_t
written_by(pid_t pid)
{
	unsigned long long n = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "wchar: %llu", &n) == 1)
			break;
	fclose(f);
	return n;
}

static uint64_t
inodes_free(const char *path)
{
	struct statvfs st;

	return statvfs(path, &st) == 0 ? st.f_ffree : 0;
}

/* Watch until it ends or passes a limit; 0 only when umoci succeeded. */
static int
child_watch(const struct unpack *u, pid_t pid, struct err *e)
{
	mono_t deadline = clock_mono() + u->timeout_us;
	uint64_t inodes = inodes_free(u->work), now;
	int status = 0, result = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		now = inodes_free(u->work);
		if (result < 0) {
			usleep(1000);
			continue;
		}
		if (written_by(pid) > u->bytes_max)
			result = err_set(e, &IMAGE_TOO_BIG, "unpacked, more than %llu bytes",
					 (unsigned long long)u->bytes_max);
		/* Others make files too: exact counting follows, this is the brake. */
		else if (inodes > now && inodes - now > 2 * u->entries_max)
			result = err_set(e, &IMAGE_TOO_BIG, "unpacked, more than %llu files",
					 (unsigned long long)u->entries_max);
		else if (clock_mono() > deadline)
			result = err_set(e, &ERR_TIMEOUT, "unpack the image");
		if (result < 0)
			kill(-pid, SIGKILL);
		usleep(WATCH_US);
	}
	if (result < 0)
		return -1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		return err_set(e, &IMAGE_TOO_BIG, "a file of more than %llu bytes",
			       (unsigned long long)u->bytes_max);
	return status == 0 ? 0 : err_set(e, &IMAGE_UNPACK, "umoci");
}

/* The last line it wrote, without umoci's decoration. */
static void
complaint_read(int fd, struct err *e)
{
	char text[4096], *line = text, *next;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return;
	text[n] = '\0';
	while ((next = strchr(line, '\n')) != NULL && next[1] != '\0')
		line = next + 1;
	if (next != NULL)
		*next = '\0';
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p == 0x7f)
			*p = '?';
	err_set(e, &IMAGE_UNPACK, "%.240s", line);
}

static uint64_t entries, entries_most, bytes_total;

static int
entry_count(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	bytes_total += S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	/* A tree too deep to walk is a tree we do not want. */
	return ++entries > entries_most || type == FTW_NS || type == FTW_DNR;
}

static int
tree_check(const struct unpack *u, const char *tree, struct err *e)
{
	entries = bytes_total = 0;
	entries_most = u->entries_max;
	if (nftw(tree, entry_count, 64, FTW_PHYS | FTW_MOUNT) != 0)
		return err_set(e, &IMAGE_TOO_BIG, "more than %llu entries, or nested too deep",
			       (unsigned long long)u->entries_max);
	/* Apparent sizes: a sparse file is as big as it says. */
	if (bytes_total > u->bytes_max)
		return err_set(e, &IMAGE_TOO_BIG, "%llu bytes unpacked, at most %llu are taken",
			       (unsigned long long)bytes_total, (unsigned long long)u->bytes_max);
	return 0;
}

static int
unpack_child(const struct unpack *u, const char *box, const char *tree, struct err *e)
{
	int complaint = memfd_create("umoci", MFD_CLOEXEC), result;
	pid_t pid;

	if (complaint < 0 || (pid = fork()) < 0) {
		err_errno(e, "fork");
		if (complaint >= 0)
			close(complaint);
		return -1;
	}
	if (pid == 0)
		inside_main(u, box, tree, complaint);
	result = child_watch(u, pid, e);
	if (result < 0 && e->code == &IMAGE_UNPACK)
		complaint_read(complaint, e);
	close(complaint);
	return result;
}

static int
unpack_publish(const struct unpack *u, const char *tree, struct err *e)
{
	int fd = open(tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), result = 0;

	if (fd < 0)
		return err_errno(e, "open %s", tree);
	/* The root must be enterable by the workload whatever the image says. */
	if (fchown(fd, u->id, u->id) != 0 || fchmod(fd, 0755) != 0 || syncfs(fd) != 0)
		result = err_errno(e, "finish %s", tree);
	close(fd);
	if (result == 0 && rename(tree, u->target) != 0 && errno != EEXIST && errno != ENOTEMPTY)
		result = err_errno(e, "rename to %s", u->target);
	return result;
}

/* umoci reads as the image's ids: the layout may not be a link to somewhere. */
static int
layout_check(const char *layout, struct err *e)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, layout, &how, sizeof(how));

	if (fd < 0)
		return errno == ENOENT ? err_set(e, &ERR_NOT_FOUND, "no image at %s", layout)
				       : err_errno(e, "open %s", layout);
	close(fd);
	return 0;
}

int
unpack_run(const struct unpack *u, struct err *e)
{
	char tree[PATH_SIZE], box[PATH_SIZE], oci[PATH_SIZE];
	struct err ignored = ERR_NONE;
	int result;

	if (access(u->target, F_OK) == 0)
		return 0;
	snprintf(tree, sizeof(tree), "%s/root", u->work);
	snprintf(box, sizeof(box), "%s/box", u->work);
	snprintf(oci, sizeof(oci), "%s/oci", u->work);
	if (layout_check(u->layout, e) < 0 || mounts_undo(u->work, e) < 0 ||
	    tree_remove(u->work, e) < 0)
		return -1;
	if (mkdir(u->work, 0711) != 0 || chmod(u->work, 0711) != 0 || mkdir(tree, 0755) != 0 ||
	    chown(tree, u->id, u->id) != 0 || chmod(tree, 0755) != 0 || mkdir(box, 0711) != 0 ||
	    chmod(box, 0711) != 0)
		result = err_errno(e, "make %s", u->work);
	else if ((result = shifted_mount(u->layout, oci, u->layout_id, u->id, 1, e)) == 0)
		result = unpack_child(u, box, tree, e);
	if (result == 0)
		result = tree_check(u, tree, e);
	if (result == 0)
		result = unpack_publish(u, tree, e);
	if ((mounts_undo(u->work, &ignored) < 0 || tree_remove(u->work, &ignored) < 0) &&
	    result == 0) {
		*e = ignored;
		result = -1;
	}
	return result;
}
