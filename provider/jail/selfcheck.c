/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/selfcheck.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/bundle.h"
#include "provider/jail/lsm.h"
#include "provider/jail/mounts.h"
#include "provider/jail/runc.h"

const struct code HOST_UNFIT = { "host_unfit", INVALID,
				 "this host cannot keep a promise about its walls" };

#define OWNER 5u /* an id inside, of the file whose owner is shifted */

static const struct {
	const char *name, *promise, *cure;
	bool fatal;
} promises[SELFCHECK_COUNT] = {
	[SELFCHECK_RUNC] = { "runc", "no workload gets out by a hole that is known",
			     "install runc 1.2.8, 1.3.3 or later; accept_old_runc: true is for "
			     "tests",
			     true },
	[SELFCHECK_USERNS] = { "user namespaces", "root in a workload is nobody on the host",
			       "kernel with CONFIG_USER_NS, sysctl user.max_user_namespaces above "
			       "0",
			       true },
	[SELFCHECK_IDMAP] = { "id-mapped mounts", "no two workloads share a user id",
			      "Linux 5.12 or later, state_dir on ext4, xfs or btrfs", true },
	[SELFCHECK_OVERLAY] = { "overlay", "no workload writes to an image",
				"Linux 5.19 or later with CONFIG_OVERLAY_FS: modprobe overlay",
				true },
	[SELFCHECK_OPENAT2] = { "openat2", "no link in an image leads to the host",
				"Linux 5.6 or later", true },
	[SELFCHECK_SECCOMP] = { "seccomp", "a workload makes only the system calls it needs",
				"kernel with CONFIG_SECCOMP_FILTER", true },
	[SELFCHECK_CGROUPS] = { "cgroups", "a workload uses no more than was sold to it",
				"mount cgroup2 at /sys/fs/cgroup, or v1 with all controllers",
				true },
	[SELFCHECK_FILTER] = { "nft", "a workload reaches neither this host nor its LAN",
			       "apt-get install nftables; kernel with CONFIG_NF_TABLES, NFT_CT, "
			       "NFT_LIMIT, NFT_CONNLIMIT, NFT_FIB_INET, NFT_MASQ",
			       true },
	[SELFCHECK_WIRE] = { "wires", "every workload has a wire and a bandwidth of its own",
			     "apt-get install iproute2; kernel with CONFIG_VETH, NET_SCH_TBF",
			     true },
	[SELFCHECK_DISK] = { "loop devices", "a disk is on the disk and does not count as memory",
			     "apt-get install e2fsprogs; modprobe loop max_loop=256; "
			     "accept_ram_disk: true is for tests",
			     true },
	[SELFCHECK_APPARMOR] = { "AppArmor", "where the kernel has it, it confines every workload",
				 "apt-get install apparmor", true },
};

/* ------------------------------------------------------------------ */
/* A child, with namespaces of its own, whose complaint comes back.    */

typedef int probe_fn(const struct jail_config *c, const char *dir, struct err *e);

/* Mounts and networks that a probe makes end with this child, even if it is
 * killed. `dir` may be NULL. */
static int
apart(probe_fn *fn, int namespaces, const struct jail_config *c, const char *dir, struct err *e)
{
	struct err said = ERR_NONE;
	int pipes[2], status = 0;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		int result = unshare(namespaces);

		if (result != 0)
			err_errno(&said, "unshare");
		else if ((namespaces & CLONE_NEWNS) != 0 &&
			 mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
			result = err_errno(&said, "make mounts private");
		else
			result = fn(c, dir, &said);
		(void)!write(pipes[1], said.text, sizeof(said.text));
		_exit(result == 0 ? 0 : 1);
	}
	close(pipes[1]);
	(void)!read(pipes[0], said.text, sizeof(said.text));
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	said.text[sizeof(said.text) - 1] = '\0';
	return status == 0 ? 0 : err_set(e, &HOST_UNFIT, "%s", said.text);
}

/* As apart(), with an empty directory on the file system of state_dir. */
static int
apart_in_scratch(probe_fn *fn, int namespaces, const struct jail_config *c, struct err *e)
{
	struct err ignored = ERR_NONE;
	char base[160], dir[200];
	int result;

	/* It may not exist yet: then it will be on the file system of its parent. */
	snprintf(base, sizeof(base), "%s", c->state_dir);
	while (access(base, F_OK) != 0 && strrchr(base, '/') != base)
		*strrchr(base, '/') = '\0';
	snprintf(dir, sizeof(dir), "%s/.check-XXXXXX", access(base, F_OK) == 0 ? base : "");
	if (mkdtemp(dir) == NULL)
		return err_errno(e, "make %s", dir);
	result = chmod(dir, 0711) != 0 ? err_errno(e, "chmod %s", dir)
				       : apart(fn, namespaces, c, dir, e);
	(void)!tree_remove(dir, &ignored);
	return result;
}

/* ------------------------------------------------------------------ */
/* Namespaces and mounts.                                              */

static int
map_put(pid_t pid, const char *name, uint32_t first, struct err *e)
{
	char path[64], text[64];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = snprintf(text, sizeof(text), "0 %u %u\n", first, BUNDLE_IDS);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return err_errno(e, "map ids %u and up", first);
	close(fd);
	return 0;
}

/* Ends with 0 when it could become root of its namespace. */
_Noreturn static void
userns_child(int ready, int go)
{
	unsigned char byte = 0;

	if (unshare(CLONE_NEWUSER) != 0)
		byte = (unsigned char)errno;
	if (write(ready, &byte, 1) != 1 || byte != 0 || read(go, &byte, 1) != 1)
		_exit(1);
	_exit(setgid(0) == 0 && setuid(0) == 0 && getuid() == 0 ? 0 : 1);
}

static int
userns_try(const struct jail_config *c, const char *dir, struct err *e)
{
	int ready[2], go[2], status = 1, result = 0;
	unsigned char byte = 0;
	pid_t pid;

	(void)dir;
	if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return err_errno(e, "fork");
	if (pid == 0)
		userns_child(ready[1], go[0]);
	if (read(ready[0], &byte, 1) != 1 || byte != 0) {
		errno = byte;
		result = err_errno(e, "make a user namespace");
	} else if (map_put(pid, "uid_map", c->uid_base, e) < 0 ||
		   map_put(pid, "gid_map", c->uid_base, e) < 0) {
		result = -1;
	}
	if (result < 0)
		kill(pid, SIGKILL);
	else
		(void)!write(go[1], "x", 1);
	waitpid(pid, &status, 0);
	if (result == 0 && status != 0)
		return err_set(e, &HOST_UNFIT, "a process could not become root of its namespace");
	return result;
}

static int
userns_probe(const struct jail_config *c, struct err *e)
{
	return apart(userns_try, 0, c, NULL, e);
}

/* dir/from with a file of the image's range, at dir/to as one of a workload's. */
static int
idmap_try(const struct jail_config *c, const char *dir, struct err *e)
{
	char from[256], file[300], to[256];
	struct stat st = { 0 };
	int fd;

	snprintf(from, sizeof(from), "%s/from", dir);
	snprintf(file, sizeof(file), "%s/file", from);
	snprintf(to, sizeof(to), "%s/to", dir);
	if (mkdir(from, 0755) != 0 || (fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) < 0)
		return err_errno(e, "create %s", file);
	if (fchown(fd, c->image_uid_base + OWNER, c->image_uid_base + OWNER) != 0) {
		close(fd);
		return err_errno(e, "give %s away", file);
	}
	close(fd);
	if (shifted_mount(from, to, c->image_uid_base, c->uid_base, BUNDLE_IDS, e) < 0)
		return -1;
	snprintf(file, sizeof(file), "%s/file", to);
	if (stat(file, &st) != 0 || st.st_uid != c->uid_base + OWNER)
		return err_set(e, &HOST_UNFIT, "the owner of a file is %u", st.st_uid);
	if (open(file, O_WRONLY | O_CLOEXEC) >= 0 || errno != EROFS)
		return err_set(e, &HOST_UNFIT, "such a mount can be written to");
	return 0;
}

static int
idmap_probe(const struct jail_config *c, struct err *e)
{
	return apart_in_scratch(idmap_try, CLONE_NEWNS, c, e);
}

static int
overlay_try(const struct jail_config *c, const char *dir, struct err *e)
{
	char disk[256], path[300], merged[256], options[900];
	struct stat st = { 0 };
	int fd;

	if (idmap_try(c, dir, e) < 0)
		return -1;
	snprintf(disk, sizeof(disk), "%s/disk", dir);
	snprintf(merged, sizeof(merged), "%s/merged", dir);
	if (mkdir(disk, 0711) != 0 || mkdir(merged, 0711) != 0 ||
	    mount("none", disk, "tmpfs", 0, "size=64k") != 0)
		return err_errno(e, "mount a tmpfs");
	snprintf(path, sizeof(path), "%s/upper", disk);
	(void)!mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/work", disk);
	(void)!mkdir(path, 0755);
	snprintf(options, sizeof(options), "lowerdir=%s/to,upperdir=%s/upper,workdir=%s/work", dir,
		 disk, disk);
	if (mount("overlay", merged, "overlay", MS_NOSUID | MS_NODEV, options) != 0)
		return err_errno(e, "mount an overlay");
	snprintf(path, sizeof(path), "%s/file", merged);
	if (stat(path, &st) != 0 || st.st_uid != c->uid_base + OWNER)
		return err_set(e, &HOST_UNFIT, "the owner of a file is %u", st.st_uid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "write to the upper layer");
	close(fd);
	return 0;
}

static int
overlay_probe(const struct jail_config *c, struct err *e)
{
	return apart_in_scratch(overlay_try, CLONE_NEWNS, c, e);
}

static int
openat2_try(const struct jail_config *c, const char *dir, struct err *e)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)c;
	if (root < 0 || symlinkat("/", root, "link") != 0 || mkdirat(root, "real", 0700) != 0)
		return err_errno(e, "make a link in %s", dir);
	if (syscall(SYS_openat2, root, "real", &how, sizeof(how)) < 0)
		return err_errno(e, "openat2");
	if (syscall(SYS_openat2, root, "link", &how, sizeof(how)) >= 0 || errno != ELOOP)
		return err_set(e, &HOST_UNFIT, "openat2 follows a link");
	return 0;
}

static int
openat2_probe(const struct jail_config *c, struct err *e)
{
	return apart_in_scratch(openat2_try, 0, c, e);
}

static int
disk_try(const struct jail_config *c, const char *dir, struct err *e)
{
	enum disk_kind kind = 0;

	if (disk_mount(dir, DISK_BYTES_MIN, c->uid_base, true, &kind, e) < 0)
		return -1;
	return kind == DISK_LOOP ? 0 : err_set(e, &HOST_UNFIT, "no loop device is to be had");
}

static int
disk_probe(const struct jail_config *c, struct err *e)
{
	return apart_in_scratch(disk_try, CLONE_NEWNS, c, e);
}

/* ------------------------------------------------------------------ */
/* The kernel's filters.                                               */

static int
seccomp_try(const struct jail_config *c, const char *dir, struct err *e)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { NELEMS(code), code };

	(void)c;
	(void)dir;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		return err_errno(e, "set a filter");
	if (syscall(SYS_getppid) >= 0 || errno != EXDEV)
		return err_set(e, &HOST_UNFIT, "a refused call was let through");
	return 0;
}

static int
seccomp_probe(const struct jail_config *c, struct err *e)
{
	return apart(seccomp_try, 0, c, NULL, e);
}

static int
filter_try(const struct jail_config *c, const char *dir, struct err *e)
{
	(void)dir;
	return net_start(&c->net, NULL, 0, e);
}

static int
filter_probe(const struct jail_config *c, struct err *e)
{
	return apart(filter_try, CLONE_NEWNET, c, NULL, e);
}

/* In a namespace that stands for the host; the lease's is a second one. */
static int
wire_try(const struct jail_config *c, const char *dir, struct err *e)
{
	const struct net_lease lease = { 0, 0, NULL };
	int ready[2], result;
	char netns[64], byte;
	pid_t pid;

	if (filter_try(c, dir, e) < 0)
		return -1;
	if (pipe2(ready, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ready[1]);
	snprintf(netns, sizeof(netns), "/proc/%d/ns/net", pid);
	result = read(ready[0], &byte, 1) != 1 ? err_set(e, &HOST_UNFIT, "no network namespace")
					       : net_up(&c->net, &lease, netns, e);
	if (result == 0)
		result = net_down(&c->net, &lease, e);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return result;
}

static int
wire_probe(const struct jail_config *c, struct err *e)
{
	return apart(wire_try, CLONE_NEWNET, c, NULL, e);
}

/* ------------------------------------------------------------------ */
/* Limits, the runtime, AppArmor.                                      */

static bool
word_in(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += len)
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\n' || !p[len]))
			return true;
	return false;
}

int
selfcheck_cgroups(const char *root, struct err *e)
{
	/* On v2 freezing and devices are not controllers: always there. */
	static const struct {
		const char *name;
		bool v2;
	} needed[] = { { "cpu", true },	     { "memory", true },   { "pids", true },
		       { "cpuacct", false }, { "freezer", false }, { "devices", false } };
	char path[300], list[256] = "";
	bool v2;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	f = fopen(path, "re");
	v2 = f != NULL;
	if (v2) {
		(void)!fgets(list, sizeof(list), f);
		fclose(f);
	}
	for (size_t i = 0; i < NELEMS(needed); i++) {
		snprintf(path, sizeof(path), "%s/%s/cgroup.procs", root, needed[i].name);
		if (v2 ? needed[i].v2 && !word_in(list, needed[i].name) : access(path, F_OK) != 0)
			return err_set(e, &HOST_UNFIT, "%s has no controller %s", root,
				       needed[i].name);
	}
	return 0;
}

static int
cgroups_probe(const struct jail_config *c, struct err *e)
{
	(void)c;
	return selfcheck_cgroups("/sys/fs/cgroup", e);
}

static int
runc_probe(const struct jail_config *c, struct err *e)
{
	return runc_check(c->accept_old_runc, e);
}

static int
apparmor_probe(const struct jail_config *c, struct err *e)
{
	(void)c;
	return lsm_load(e);
}

const struct selfcheck_probes selfcheck_real = { .probe = {
							 [SELFCHECK_RUNC] = runc_probe,
							 [SELFCHECK_USERNS] = userns_probe,
							 [SELFCHECK_IDMAP] = idmap_probe,
							 [SELFCHECK_OVERLAY] = overlay_probe,
							 [SELFCHECK_OPENAT2] = openat2_probe,
							 [SELFCHECK_SECCOMP] = seccomp_probe,
							 [SELFCHECK_CGROUPS] = cgroups_probe,
							 [SELFCHECK_FILTER] = filter_probe,
							 [SELFCHECK_WIRE] = wire_probe,
							 [SELFCHECK_DISK] = disk_probe,
							 [SELFCHECK_APPARMOR] = apparmor_probe,
						 } };

/* ------------------------------------------------------------------ */
/* The table.                                                          */

int
selfcheck(const struct jail_config *c, const struct selfcheck_probes *probes,
	  struct selfcheck_result out[static SELFCHECK_COUNT])
{
	int failed = 0;

	for (size_t i = 0; i < SELFCHECK_COUNT; i++) {
		struct err e = ERR_NONE;

		out[i] = (struct selfcheck_result){
			.name = promises[i].name,
			.promise = promises[i].promise,
			.cure = promises[i].cure,
			.fatal = promises[i].fatal && (i != SELFCHECK_DISK || !c->accept_ram_disk),
			.ok = probes->probe[i](c, &e) == 0
		};
		if (out[i].ok)
			continue;
		snprintf(out[i].detail, sizeof(out[i].detail), "%.*s",
			 (int)sizeof(out[i].detail) - 1, e.text);
		failed += out[i].fatal;
	}
	return failed;
}

int
selfcheck_verdict(const struct selfcheck_result results[static SELFCHECK_COUNT], struct err *e)
{
	for (size_t i = 0; i < SELFCHECK_COUNT; i++)
		if (!results[i].ok && results[i].fatal)
			return err_set(e, &HOST_UNFIT, "%s: not kept: %s: %.140s; cure: %s",
				       results[i].name, results[i].promise, results[i].detail,
				       results[i].cure);
	return 0;
}
