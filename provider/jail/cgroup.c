/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"

#define CPU_PERIOD_US	 100000
#define CPU_QUOTA_MIN_US 1000 /* the kernel refuses less */
#define FILE_MAX	 65536
#define KILL_PAUSE_US	 5000
#define PIDS_MAX	 4194304
#define WARM_US		 4000

static const char *
path_of(const struct cgroup *cg, const char *controller)
{
	for (size_t i = 0; i < cg->count; i++)
		if (strcmp(cg->paths[i].controller, controller) == 0)
			return cg->paths[i].path;
	return NULL;
}

/* ------------------------------------------------------------------ */
/* The runtime's record.                                               */

/* A JSON string without escapes at p; returns what follows it, or NULL. */
static const char *
plain_string(const char *p, const char *end, char *out, size_t size)
{
	size_t n = 0;

	if (p == end || *p++ != '"')
		return NULL;
	for (; p < end && *p != '"'; p++) {
		if (*p == '\\' || (unsigned char)*p < 0x20 || n + 1 >= size)
			return NULL;
		out[n++] = *p;
	}
	out[n] = '\0';
	return p < end ? p + 1 : NULL;
}

/* The name runc uses for the named hierarchy is of no use to us, but its
 * directory must go with the others. */
static bool
path_is_good(const char *path)
{
	return path[0] == '/' && strstr(path, "/../") == NULL && strstr(path, "//") == NULL;
}

int
cgroup_from_state(const char *text, size_t len, struct cgroup *out, struct err *e)
{
	static const char key[] = "\"cgroup_paths\":{";
	const char *end = text + len, *p = memmem(text, len, key, sizeof(key) - 1);

	memset(out, 0, sizeof(*out));
	if (p == NULL)
		return err_set(e, &ERR_BAD_DATA, "the runtime's record names no cgroups");
	for (p += sizeof(key) - 1; p < end && *p != '}';) {
		struct cgroup_path *cp = &out->paths[out->count];

		if (out->count == CGROUP_PATHS_MAX)
			return err_set(e, &ERR_TOO_BIG, "more than %d cgroups", CGROUP_PATHS_MAX);
		p = plain_string(p, end, cp->controller, sizeof(cp->controller));
		if (p == NULL || p == end || *p++ != ':' ||
		    (p = plain_string(p, end, cp->path, sizeof(cp->path))) == NULL ||
		    !path_is_good(cp->path))
			return err_set(e, &ERR_BAD_DATA, "the runtime's record of cgroups");
		out->count++;
		if (p < end && *p == ',')
			p++;
	}
	if (out->count == 0)
		return err_set(e, &ERR_BAD_DATA, "the runtime's record names no cgroups");
	return 0;
}

/* ------------------------------------------------------------------ */
/* Reading.                                                            */

static bool
file_read(const char *dir, const char *name, char *buf, size_t size)
{
	char path[320];
	ssize_t n;
	int fd;

	buf[0] = '\0';
	if (dir == NULL)
		return false;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static uint64_t
number_in(const char *dir, const char *name)
{
	char buf[64];

	return file_read(dir, name, buf, sizeof(buf)) ? strtoull(buf, NULL, 10) : 0;
}

/* The number after "key " at the start of a line. */
static uint64_t
keyed_in(const char *dir, const char *name, const char *key)
{
	size_t len = strlen(key);
	char buf[4096];

	file_read(dir, name, buf, sizeof(buf));
	for (const char *line = buf; *line != '\0'; line += *line == '\n') {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoull(line + len + 1, NULL, 10);
		line += strcspn(line, "\n");
	}
	return 0;
}

static void
read_v2(const char *dir, struct cgroup_usage *out)
{
	out->cpu_ns = keyed_in(dir, "cpu.stat", "usage_usec") * 1000;
	out->memory_bytes = number_in(dir, "memory.current");
	out->memory_peak_bytes = number_in(dir, "memory.peak");
	out->oom_kills = keyed_in(dir, "memory.events", "oom_kill");
	out->pids = number_in(dir, "pids.current");
}

void
cgroup_read(const struct cgroup *cg, struct cgroup_usage *out)
{
	const char *memory = path_of(cg, "memory"), *v2 = path_of(cg, "");

	memset(out, 0, sizeof(*out));
	/* On a hybrid machine both are there, and the controllers are v1's. */
	if (memory == NULL) {
		read_v2(v2, out);
		return;
	}
	out->cpu_ns = number_in(path_of(cg, "cpuacct"), "cpuacct.usage");
	out->memory_bytes = number_in(memory, "memory.usage_in_bytes");
	out->memory_peak_bytes = number_in(memory, "memory.max_usage_in_bytes");
	/* Not failcnt: it stays 0 when the limit is hit by page cache reclaim. */
	out->oom_kills = keyed_in(memory, "memory.oom_control", "oom_kill");
	out->pids = number_in(path_of(cg, "pids"), "pids.current");
}

/* ------------------------------------------------------------------ */
/* Ending.                                                             */

static bool
file_write(const char *dir, const char *name, const char *text)
{
	char path[320];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/* SIGKILL all processes of one directory; how many there were. */
static size_t
kill_in(const char *dir)
{
	char *buf = xmalloc(FILE_MAX), *p = buf, *end;
	size_t count = 0;

	file_read(dir, "cgroup.procs", buf, FILE_MAX);
	for (;; p = end) {
		long pid = strtol(p, &end, 10);

		if (end == p)
			break;
		/* 0: a process of another pid namespace; 1: never ours. */
		if (pid > 1 && pid <= PIDS_MAX && kill((pid_t)pid, SIGKILL) == 0)
			count++;
	}
	free(buf);
	return count;
}

bool
cgroup_frozen(const struct cgroup *cg)
{
	const char *v1 = path_of(cg, "freezer"), *v2 = path_of(cg, "");
	char text[32];

	if (v1 != NULL)
		return file_read(v1, "freezer.state", text, sizeof(text)) &&
		       strncmp(text, "FROZEN", 6) == 0;
	return number_in(v2, "cgroup.freeze") == 1;
}

void
cgroup_thaw(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->count; i++) {
		if (strcmp(cg->paths[i].controller, "freezer") == 0)
			file_write(cg->paths[i].path, "freezer.state", "THAWED");
		if (cg->paths[i].controller[0] == '\0')
			file_write(cg->paths[i].path, "cgroup.freeze", "0");
	}
}

int
cgroup_limit_cpu(const struct cgroup *cg, uint32_t milli, struct err *e)
{
	const char *v1 = path_of(cg, "cpu"), *v2 = path_of(cg, "");
	int64_t quota = MAX((int64_t)milli * CPU_PERIOD_US / 1000, (int64_t)CPU_QUOTA_MIN_US);
	char text[48];
	bool done;

	if (v1 != NULL) {
		snprintf(text, sizeof(text), "%lld", (long long)quota);
		done = file_write(v1, "cpu.cfs_quota_us", text);
	} else {
		snprintf(text, sizeof(text), "%lld %d", (long long)quota, CPU_PERIOD_US);
		done = v2 != NULL && file_write(v2, "cpu.max", text);
	}
	return done ? 0 : err_set(e, &ERR_SYSTEM, "cpu quota: %s", strerror(errno));
}

static size_t
kill_once(const struct cgroup *cg)
{
	size_t count = 0;

	for (size_t i = 0; i < cg->count; i++) {
		if (cg->paths[i].controller[0] == '\0')
			file_write(cg->paths[i].path, "cgroup.kill", "1");
		count += kill_in(cg->paths[i].path);
	}
	/* A frozen process on v1 does not take its SIGKILL before. */
	cgroup_thaw(cg);
	return count;
}

int
cgroup_enter(const struct cgroup *cg, struct err *e)
{
	for (size_t i = 0; i < cg->count; i++) {
		char path[256];
		int fd;

		snprintf(path, sizeof(path), "%s/cgroup.procs", cg->paths[i].path);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1) {
			err_errno(e, "enter %s", path);
			if (fd >= 0)
				close(fd);
			return -1;
		}
		close(fd);
	}
	return cg->count != 0 ? 0 : err_set(e, &ERR_NOT_FOUND, "the workload has no cgroup");
}

int
cgroup_kill(const struct cgroup *cg, int64_t us, struct err *e)
{
	mono_t deadline = clock_mono() + us;

	/* Again and again: a fork bomb makes new ones between list and kill. */
	while (kill_once(cg) != 0) {
		if (clock_mono() > deadline)
			return err_set(e, &ERR_TIMEOUT, "processes survive SIGKILL in %s",
				       cg->paths[0].path);
		usleep(KILL_PAUSE_US);
	}
	return 0;
}

static int
remove_below(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	/* The files of a cgroup cannot be removed and need not be. */
	return type == FTW_DP && rmdir(path) != 0 && errno != ENOENT ? errno : 0;
}

int
cgroup_remove(const struct cgroup *cg, struct err *e)
{
	for (size_t i = 0; i < cg->count; i++) {
		int result = 0;

		/* The kernel needs a moment after the last process. */
		for (int tries = 0; tries < 100; tries++) {
			result = nftw(cg->paths[i].path, remove_below, 16,
				      FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
			if (result != EBUSY)
				break;
			usleep(KILL_PAUSE_US);
		}
		if (access(cg->paths[i].path, F_OK) == 0) {
			errno = result > 0 ? result : EBUSY;
			return err_errno(e, "remove cgroup %s", cg->paths[i].path);
		}
	}
	return 0;
}

static void
guess_add(struct cgroup *out, const char *mount, const char *below, const char *relative)
{
	struct cgroup_path *cp = &out->paths[out->count];
	struct stat st;
	int n;

	if (out->count == CGROUP_PATHS_MAX)
		return;
	n = snprintf(cp->path, sizeof(cp->path), "%s%s/%s", mount,
		     strcmp(below, "/") == 0 ? "" : below, relative);
	if (n < 0 || (size_t)n >= sizeof(cp->path) || stat(cp->path, &st) != 0 ||
	    !S_ISDIR(st.st_mode))
		return;
	for (size_t i = 0; i < out->count; i++)
		if (strcmp(out->paths[i].path, cp->path) == 0)
			return;
	snprintf(cp->controller, sizeof(cp->controller), "%s",
		 strstr(mount, "/freezer") != NULL ? "freezer" : "?");
	out->count++;
}

/* Lines of /proc/self/cgroup: "4:memory:/own/group". Hierarchies are mounted
 * below /sys/fs/cgroup under the name of their controllers. */
static void
hierarchies(const char *relative, bool from_root, struct cgroup *out)
{
	char buf[8192], mount[256];

	memset(out, 0, sizeof(*out));
	file_read("/proc/self", "cgroup", buf, sizeof(buf));
	for (char *line = buf, *next; *line != '\0'; line = next) {
		char *name = strchr(line, ':'), *own;

		next = line + strcspn(line, "\n");
		if (*next == '\n')
			*next++ = '\0';
		if (name == NULL || (own = strchr(++name, ':')) == NULL)
			continue;
		*own++ = '\0';
		if (strncmp(name, "name=", 5) == 0)
			name += 5;
		if (*name != '\0')
			snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", name);
		else if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
			snprintf(mount, sizeof(mount), "/sys/fs/cgroup");
		else
			snprintf(mount, sizeof(mount), "/sys/fs/cgroup/unified");
		if (from_root)
			guess_add(out, mount, "/", relative);
		guess_add(out, mount, own, relative);
	}
}

void
cgroup_guess(const char *relative, struct cgroup *out)
{
	hierarchies(relative, true, out);
}

/* Into the group where we are already: moves nothing, takes the lock. */
int
cgroup_keep_warm(void *unused, struct err *e)
{
	struct cgroup own;

	(void)unused;
	hierarchies("", false, &own);
	while (own.count != 0 && file_write(own.paths[0].path, "cgroup.procs", "0"))
		usleep(WARM_US);
	return err_set(e, &ERR_SYSTEM, "cannot enter our own cgroup");
}
