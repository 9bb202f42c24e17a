/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <locale.h>
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
#include "provider/jail/mounts.h"

extern int mount(const char *source, const char *target, const char *type, unsigned long flags,
		 const void *data);
extern int umount2(const char *target, int flags);
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

#define ID_COUNT   65536u
#define WATCH_US   5000
#define PATH_SIZE  512
#define MEMORY_MAX (UINT64_C(1) << 30) /* a zstd window is at most 128 MiB of it */
#define BLOB_FD	   3
#define WORD_FD	   4

/* What the child has to say, through a file in memory. Read as a stranger's. */
struct word {
	uint32_t said, code; /* code: 0 well, else 1 + index into codes */
	uint64_t bytes;
	char text[200];
};

static const struct code *const codes[] = { &IMAGE_UNPACK, &IMAGE_TOO_BIG, &IMAGE_DIGEST,
					    &DISK_FULL };

/* ------------------------------------------------------------------ */
/* Inside: everything here runs in the child.                          */

_Noreturn static void
inside_end(const struct word *w)
{
	_exit(pwrite(WORD_FD, w, sizeof(*w), 0) == sizeof(*w) ? 0 : 1);
}

_Noreturn static void
inside_fail(const char *what)
{
	struct word w = { .said = 1, .code = 1 };

	snprintf(w.text, sizeof(w.text), "%s: %s", what, strerror(errno));
	inside_end(&w);
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
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
		    CLONE_NEWPID) != 0)
		inside_fail("unshare");
	if (write(go[1], &byte, 1) != 1 || waitpid(writer, &status, 0) < 0 || status != 0)
		inside_fail("map ids");
	close(go[0]);
	close(go[1]);
	if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		inside_fail("become root of the namespace");
}

/* The empty tree is all there is. */
static void
inside_root(const char *tree)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC };

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(tree, tree, NULL, MS_BIND, NULL) != 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, tree, 0, &attr, sizeof(attr)) != 0 ||
	    chdir(tree) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
	    umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		inside_fail("enter the tree");
}

/* Of the namespace's powers only those over its files are left. */
static void
inside_limit(const struct unpack *u)
{
	static const unsigned keep[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
					 CAP_FOWNER, CAP_FSETID };
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	struct rlimit size = { u->bytes_max, u->bytes_max }, none = { 0, 0 }, files = { 64, 64 };
	struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };

	for (size_t i = 0; i < NELEMS(keep); i++)
		data[0].effective |= 1u << keep[i];
	data[0].permitted = data[0].effective;
	if (setrlimit(RLIMIT_FSIZE, &size) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
	    setrlimit(RLIMIT_NOFILE, &files) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &header, data) != 0)
		inside_fail("give up what is not needed");
#ifndef __SANITIZE_ADDRESS__ /* its shadow is larger than any limit */
	if (setrlimit(RLIMIT_AS, &memory) != 0)
		inside_fail("limit the memory");
#else
	(void)memory;
#endif
}

_Noreturn static void
inside_work(const struct unpack *u)
{
	struct untar job = { .blob = BLOB_FD,
			     .digest = u->digest,
			     .diff = u->diff,
			     .size = u->size,
			     .bytes_max = u->bytes_max,
			     .entries_max = u->entries_max };
	struct word w = { .said = 1 };
	struct err e = ERR_NONE;

	inside_limit(u);
	/* Names are bytes; this lets any of them through. */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (untar(&job, &w.bytes, &e) < 0) {
		for (uint32_t i = 0; i < NELEMS(codes); i++)
			if (e.code == codes[i])
				w.code = 1 + i;
		snprintf(w.text, sizeof(w.text), "%.199s", e.text);
	}
	inside_end(&w);
}

_Noreturn static void
inside_main(const struct unpack *u, const char *tree, int blob, int word)
{
	int null = open("/dev/null", O_RDWR), status = 0;
	pid_t first;

	blob = fcntl(blob, F_DUPFD, 10);
	word = fcntl(word, F_DUPFD, 10);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	dup2(blob, BLOB_FD);
	dup2(word, WORD_FD);
	syscall(SYS_close_range, 5u, ~0u, 0u);
	setpgid(0, 0);
	umask(022);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	inside_enter(u->id);
	inside_root(tree);
	first = fork(); /* of the new pid namespace */
	if (first < 0)
		inside_fail("fork");
	if (first == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		inside_work(u);
	}
	if (waitpid(first, &status, 0) < 0)
		_exit(1);
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* ------------------------------------------------------------------ */
/* Outside.                                                            */

static uint64_t
inodes_free(const char *path)
{
	struct statvfs st;

	return statvfs(path, &st) == 0 ? st.f_ffree : 0;
}

/* Watch until it ends or passes a limit that only we see. */
static int
child_watch(const struct unpack *u, pid_t pid, struct err *e)
{
	mono_t deadline = clock_mono() + u->timeout_us;
	uint64_t inodes = inodes_free(u->work), now;
	int status = 0, result = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		now = inodes_free(u->work);
		/* Others make files too: exact counting follows, this is the brake
		 * on directories that no entry names. */
		if (result == 0 && inodes > now && inodes - now > 2 * u->entries_max)
			result = err_set(e, &IMAGE_TOO_BIG, "unpacked, more than %llu files",
					 (unsigned long long)u->entries_max);
		else if (result == 0 && clock_mono() > deadline)
			result = err_set(e, &ERR_TIMEOUT, "unpack the image");
		if (result < 0)
			kill(-pid, SIGKILL);
		usleep(WATCH_US);
	}
	if (result < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGXFSZ)
		return err_set(e, &IMAGE_TOO_BIG, "a file of more than %llu bytes",
			       (unsigned long long)u->bytes_max);
	return status == 0 ? 0 : err_set(e, &IMAGE_UNPACK, "the reader of the archive died");
}

static int
word_read(int fd, uint64_t *bytes, struct err *e)
{
	struct word w;

	if (pread(fd, &w, sizeof(w), 0) != sizeof(w) || w.said != 1 || w.code > NELEMS(codes))
		return err_set(e, &IMAGE_UNPACK, "the reader of the archive died");
	*bytes = w.bytes;
	if (w.code == 0)
		return 0;
	w.text[sizeof(w.text) - 1] = '\0';
	for (char *p = w.text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
	return err_set(e, codes[w.code - 1], "%s", w.text);
}

static uint64_t entries, entries_most;

static int
entry_count(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	/* A tree too deep to walk is a tree we do not want. */
	return ++entries > entries_most || type == FTW_NS || type == FTW_DNR;
}

static int
tree_check(const struct unpack *u, const char *tree, struct err *e)
{
	entries = 0;
	entries_most = u->entries_max;
	if (nftw(tree, entry_count, 64, FTW_PHYS | FTW_MOUNT) != 0)
		return err_set(e, &IMAGE_TOO_BIG, "more than %llu entries, or nested too deep",
			       (unsigned long long)u->entries_max);
	return 0;
}

static int
unpack_child(const struct unpack *u, const char *tree, int blob, uint64_t *bytes, struct err *e)
{
	int word = memfd_create("word", MFD_CLOEXEC), result;
	pid_t pid;

	if (word < 0 || (pid = fork()) < 0) {
		err_errno(e, "fork");
		if (word >= 0)
			close(word);
		return -1;
	}
	if (pid == 0)
		inside_main(u, tree, blob, word);
	result = child_watch(u, pid, e);
	if (result == 0)
		result = word_read(word, bytes, e);
	close(word);
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

/* The agent's file, read with our rights: no link may lead elsewhere. */
static int
blob_open(const struct unpack *u, struct err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, u->blob, &how, sizeof(how));
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? err_set(e, &ERR_NOT_FOUND, "a layer is not on the disk")
				       : err_errno(e, "open %s", u->blob);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == u->size)
		return fd;
	close(fd);
	return err_set(e, &IMAGE_DIGEST, "a layer is not as long as declared");
}

int
unpack_run(const struct unpack *u, uint64_t *bytes, struct err *e)
{
	struct err ignored = ERR_NONE;
	char tree[PATH_SIZE];
	int blob, result;

	snprintf(tree, sizeof(tree), "%s/tree", u->work);
	blob = blob_open(u, e);
	if (blob < 0)
		return -1;
	if (tree_remove(u->work, e) < 0) {
		close(blob);
		return -1;
	}
	/* Others may walk here by uid, as the child does. */
	if (mkdir(u->work, 0711) != 0 || chmod(u->work, 0711) != 0 || mkdir(tree, 0755) != 0 ||
	    chown(tree, u->id, u->id) != 0 || chmod(tree, 0755) != 0)
		result = err_errno(e, "make %s", u->work);
	else
		result = unpack_child(u, tree, blob, bytes, e);
	close(blob);
	if (result == 0)
		result = tree_check(u, tree, e);
	if (result == 0)
		result = unpack_publish(u, tree, e);
	if (tree_remove(u->work, &ignored) < 0 && result == 0) {
		*e = ignored;
		result = -1;
	}
	return result;
}
