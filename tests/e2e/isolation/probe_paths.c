/* SPDX-License-Identifier: Apache-2.0 */
/* Files, device nodes, and what a process can see of itself. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "probe.h"

/* What tells of the host: readable is "ok", nothing in it is "empty". */
static const char *const secrets[] = {
	"/proc/kcore",	     "/proc/keys",	    "/proc/timer_list",
	"/proc/sched_debug", "/proc/latency_stats", "/proc/interrupts",
	"/proc/kallsyms",    "/proc/kmsg",	    "/proc/kpagecount",
	"/proc/kpageflags",  "/proc/vmallocinfo",   "/proc/slabinfo",
	"/proc/acpi",	     "/proc/asound",	    "/proc/scsi",
	"/proc/pressure",    "/proc/pressure/cpu",  "/proc/iomem",
	"/proc/ioports",     "/sys/firmware",	    "/sys/devices/virtual/powercap",
	"/sys/kernel",	     "/sys/block",	    "/sys/class/net",
	"/sys/fs/cgroup",
};

/* What changes it: opened for writing, never written. */
static const char *const levers[] = {
	"/proc/sysrq-trigger",
	"/proc/sys/kernel/core_pattern",
	"/proc/sys/kernel/hostname",
	"/proc/sys/kernel/modprobe",
	"/proc/sys/kernel/panic",
	"/proc/sys/kernel/printk",
	"/proc/sys/kernel/randomize_va_space",
	"/proc/sys/vm/drop_caches",
	"/proc/sys/vm/overcommit_memory",
	"/proc/sys/vm/panic_on_oom",
	"/proc/sys/fs/file-max",
	"/proc/sys/net/ipv4/ip_forward",
	"/proc/sys/net/ipv4/ip_unprivileged_port_start",
	"/proc/irq/default_smp_affinity",
	"/proc/self/oom_score_adj",
	"/sys/kernel/uevent_helper",
	"/sys/power/state",
	"/sys/kernel/mm/transparent_hugepage/enabled",
	"/sys/fs/cgroup/cgroup.procs",
};

static const char *
read_result(const char *path)
{
	static char bytes[64];
	struct dirent *entry;
	struct stat st;
	ssize_t n = 0;
	DIR *d;
	int fd;

	if (stat(path, &st) != 0)
		return probe_result(-1);
	if (S_ISDIR(st.st_mode)) {
		d = opendir(path);
		if (d == NULL)
			return probe_result(-1);
		while ((entry = readdir(d)) != NULL)
			n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
		closedir(d);
		return n != 0 ? "ok" : "empty";
	}
	fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return probe_result(-1);
	n = read(fd, bytes, sizeof(bytes));
	/* A log without news: it may be read all the same. */
	if (n < 0 && errno == EAGAIN)
		n = 1;
	close(fd);
	return n > 0 ? "ok" : n == 0 ? "empty" : probe_result(-1);
}

/* Below what any process may give itself: needs privilege over the whole host. */
static const char *
lower_result(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, "-1", 2);

	return probe_result(n < 0 ? -1 : 0);
}

void
probe_paths(void)
{
	for (size_t i = 0; i < COUNT(secrets); i++)
		printf("read|%s|%s\n", secrets[i], read_result(secrets[i]));
	for (size_t i = 0; i < COUNT(levers); i++) {
		int fd = open(levers[i], O_WRONLY);

		if (strstr(levers[i], "oom_score_adj") != NULL)
			printf("write|%s|%s\n", levers[i], lower_result());
		else
			printf("write|%s|%s\n", levers[i], probe_result(fd));
		if (fd >= 0)
			close(fd);
	}
}

/* ------------------------------------------------------------------ */

static void
nodes_in(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		char path[512];
		struct stat st;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (lstat(path, &st) != 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
			continue;
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
		printf("node|%s|%s\n", path, probe_result(fd));
		if (fd >= 0)
			close(fd);
	}
	if (d != NULL)
		closedir(d);
}

void
probe_devices(void)
{
	static const struct {
		const char *name;
		mode_t type;
		unsigned major, minor;
	} made[] = { { "mem", S_IFCHR, 1, 1 },	   { "kmsg", S_IFCHR, 1, 11 },
		     { "fuse", S_IFCHR, 10, 229 }, { "loop-control", S_IFCHR, 10, 237 },
		     { "tun", S_IFCHR, 10, 200 },  { "kvm", S_IFCHR, 10, 232 },
		     { "loop0", S_IFBLK, 7, 0 },   { "disk", S_IFBLK, 254, 0 } };
	static const char *const dirs[] = { "/dev/shm", "/tmp", "/home" };

	nodes_in("/dev");
	nodes_in("/dev/pts");
	for (size_t i = 0; i < COUNT(made); i++)
		for (size_t k = 0; k < COUNT(dirs); k++) {
			char path[128];
			int result;

			snprintf(path, sizeof(path), "%s/node-%s", dirs[k], made[i].name);
			result = mknod(path, made[i].type | 0666,
				       (dev_t)(made[i].major << 8 | made[i].minor));
			printf("mknod|%s in %s|%s\n", made[i].name, dirs[k], probe_result(result));
			/* Open it where that can only read: never the disk. */
			if (result == 0)
				unlink(path);
		}
}

/* ------------------------------------------------------------------ */

static void
status_lines(void)
{
	static const char *const keys[] = { "NoNewPrivs:", "Seccomp:", "CapInh:", "CapPrm:",
					    "CapEff:",	   "CapBnd:",  "CapAmb:" };
	FILE *f = fopen("/proc/self/status", "r");
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		for (size_t i = 0; i < COUNT(keys); i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0) {
				size_t len = strlen(keys[i]);

				line[strcspn(line, "\n")] = '\0';
				printf("self|%.*s|%s\n", (int)len - 1, keys[i],
				       line + len + strspn(line + len, "\t "));
			}
	if (f != NULL)
		fclose(f);
}

static void
id_map(const char *name)
{
	unsigned inside = 0, outside = 0, count = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%u %u %u", &inside, &outside, &count) != 3)
		count = 0;
	printf("self|%s|%u %u %u\n", name, inside, outside, count);
	if (f != NULL)
		fclose(f);
}

static void
cgroup_lines(void)
{
	FILE *f = fopen("/proc/self/cgroup", "r");
	char line[512];
	unsigned below = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		below += strstr(line, ":/\n") == NULL;
	if (f != NULL)
		fclose(f);
	printf("self|cgroups not root|%u\n", below);
}

static void
processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *entry;
	unsigned count = 0, highest = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		unsigned pid = (unsigned)strtoul(entry->d_name, NULL, 10);

		count += pid != 0;
		highest = pid > highest ? pid : highest;
	}
	if (d != NULL)
		closedir(d);
	printf("self|processes|%u\nself|highest pid|%u\n", count, highest);
}

static void
limit(const char *name, int what)
{
	struct rlimit r = { 0, 0 };

	getrlimit((enum __rlimit_resource)what, &r);
	printf("self|%s|%llu %llu\n", name, (unsigned long long)r.rlim_cur,
	       (unsigned long long)r.rlim_max);
}

static void
file_system(const char *path)
{
	struct statfs s = { 0 };

	statfs(path, &s);
	printf("self|files of %s|%s %llu\n", path,
	       s.f_type == 0x62656572	? "sysfs"
	       : s.f_type == 0x01021994 ? "tmpfs"
	       : s.f_type == 0x794c7630 ? "overlay"
	       : s.f_type == 0x9fa0	? "proc"
					: "other",
	       (unsigned long long)s.f_files);
}

static void
mount_lines(void)
{
	FILE *f = fopen("/proc/self/mounts", "r");
	char source[256], point[256], type[64], options[512];

	while (f != NULL &&
	       fscanf(f, "%255s %255s %63s %511s %*d %*d\n", source, point, type, options) == 4)
		printf("mount|%s|%s %s\n", point, type, options);
	if (f != NULL)
		fclose(f);
}

void
probe_self(void)
{
	printf("self|euid|%u\nself|egid|%u\n", geteuid(), getegid());
	status_lines();
	id_map("uid_map");
	id_map("gid_map");
	cgroup_lines();
	processes();
	limit("nofile", RLIMIT_NOFILE);
	limit("core", RLIMIT_CORE);
	limit("signals", RLIMIT_SIGPENDING);
	limit("queue bytes", RLIMIT_MSGQUEUE);
	file_system("/sys");
	file_system("/tmp");
	file_system("/dev");
	file_system("/dev/shm");
	mount_lines();
}
