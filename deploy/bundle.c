/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include "rules.h"
#include "seccomp.h"

const struct code BUNDLE_BAD = { "bundle_bad", INVALID, "the workload cannot be run as asked" };

const char *const bundle_mountpoints[] = { "proc", "dev", "tmp", NULL };

#define CPU_PERIOD_US	 100000
#define CPU_QUOTA_MIN_US 1000 /* the kernel refuses less */
#define SIGNALS_MAX	 1024
#define QUEUE_BYTES_MAX	 131072 /* one queue of the usual size */
#define SHARES_MIN	 2
#define SHARES_MAX	 262144
#define TMP_INODES	 "nr_inodes=16384"
#define PTYS		 "max=64" /* the host has 4096 for all */

struct fixed_mount {
	const char *to, *type, *source;
	const char *options[7];
	bool sized; /* by bundle.tmp_bytes, shm_bytes */
};

/* No sysfs: it tells of the host's hardware and is seldom missed. */
static const struct fixed_mount fixed_mounts[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" }, false },
	{ "/dev",
	  "tmpfs",
	  "tmpfs",
	  { "nosuid", "noexec", "strictatime", "mode=755", "size=64k", "nr_inodes=512" },
	  false },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", PTYS },
	  false },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" }, false },
	{ SHM_PATH,
	  "tmpfs",
	  "shm",
	  { "nosuid", "noexec", "nodev", "mode=1777", TMP_INODES },
	  true },
	{ "/tmp", "tmpfs", "tmpfs", { "nosuid", "nodev", "mode=1777", TMP_INODES }, true },
};

static const char *const masked[] = {
	"/proc/acpi",	       "/proc/asound",	   "/proc/kcore",	"/proc/keys",
	"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi",	       "/proc/interrupts", "/proc/kallsyms",	"/proc/kmsg",
	"/proc/pressure",      "/proc/iomem",	   "/proc/ioports",	NULL
};

static const char *const readonly[] = { "/proc/bus",	       "/proc/fs", "/proc/irq", "/proc/sys",
					"/proc/sysrq-trigger", NULL };

/* Character devices: null, zero, full, random, urandom, tty, ptmx, pts. */
static const int devices[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 },
				  { 1, 9 }, { 5, 0 }, { 5, 2 }, { 136, -1 } };

/* ------------------------------------------------------------------ */
/* What is refused.                                                    */

static bool
under(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Absolute and in its plain form, so that "/./proc" is not a way around. */
static bool
path_is_plain(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const char *p = path; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20)
			return false;
		if (p[0] == '/' && p[1] == '/')
			return false;
		if (p[0] == '/' && p[1] == '.' &&
		    (p[2] == '\0' || p[2] == '/' || (p[2] == '.' && (p[3] == '\0' || p[3] == '/'))))
			return false;
	}
	return true;
}

int
bundle_process_check(const struct bundle_process *p, struct err *e)
{
	if (p->arg_count == 0 || p->args[0][0] == '\0')
		return err_field(e, &BUNDLE_BAD, "/args", "there is no command to run");
	if (p->arg_count > BUNDLE_ARGS_MAX)
		return err_field(e, &BUNDLE_BAD, "/args", "more than %u arguments",
				 BUNDLE_ARGS_MAX);
	if (p->env_count > BUNDLE_ENV_MAX)
		return err_field(e, &BUNDLE_BAD, "/env", "more than %u variables", BUNDLE_ENV_MAX);
	for (size_t i = 0; i < p->env_count; i++)
		if (p->env[i][0] == '=' || strchr(p->env[i], '=') == NULL)
			return err_field(e, &BUNDLE_BAD, "/env",
					 "variable %zu is not of the form NAME=value", i);
	if (!path_is_plain(p->cwd) || under(p->cwd, "/proc") || under(p->cwd, "/sys"))
		return err_field(e, &BUNDLE_BAD, "/cwd",
				 "working directory \"%.80s\": must be absolute, plain and not "
				 "under /proc or /sys",
				 p->cwd);
	if (p->uid >= BUNDLE_IDS || p->gid >= BUNDLE_IDS)
		return err_field(e, &BUNDLE_BAD, "/user", "user %u:%u is out of range", p->uid,
				 p->gid);
	if (p->nofile > BUNDLE_NOFILE_MAX)
		return err_field(e, &BUNDLE_BAD, "/nofile", "more than %u open files",
				 BUNDLE_NOFILE_MAX);
	return 0;
}

static bool
hostname_is_good(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && len < 64 && name[len] == '\0' && name[0] != '-' && name[len - 1] != '-';
}

static int
binds_check(const struct bundle *b, struct err *e)
{
	if (b->bind_count > BUNDLE_BINDS_MAX || b->node_count > BUNDLE_BINDS_MAX)
		return err_field(e, &BUNDLE_BAD, "/mounts", "more than %u mounts or devices",
				 BUNDLE_BINDS_MAX);
	for (size_t i = 0; i < b->bind_count; i++) {
		const char *to = b->binds[i].to;

		if (!path_is_plain(b->binds[i].from) || !path_is_plain(to) || to[1] == '\0' ||
		    under(to, "/proc") || under(to, "/sys"))
			return err_field(e, &BUNDLE_BAD, "/mounts",
					 "mount on \"%.80s\": must be absolute, plain and not "
					 "under /proc or /sys",
					 to);
	}
	for (size_t i = 0; i < b->node_count; i++)
		if ((b->nodes[i].type != 'c' && b->nodes[i].type != 'b') ||
		    b->nodes[i].access[0] == '\0' ||
		    b->nodes[i].access[strspn(b->nodes[i].access, "rwm")] != '\0')
			return err_field(e, &BUNDLE_BAD, "/devices", "device %zu", i);
	return 0;
}

int
bundle_check(const struct bundle *b, struct err *e)
{
	if (bundle_process_check(&b->process, e) < 0 || binds_check(b, e) < 0)
		return -1;
	if (!hostname_is_good(b->hostname))
		return err_field(e, &BUNDLE_BAD, "/hostname", "host name \"%.64s\"", b->hostname);
	if (b->cpu_milli == 0 || b->cpu_milli > 1000000)
		return err_field(e, &BUNDLE_BAD, "/cpu", "%u thousandths of a CPU", b->cpu_milli);
	if (b->memory_bytes < BUNDLE_MEMORY_MIN || b->memory_bytes > INT64_MAX)
		return err_field(e, &BUNDLE_BAD, "/memory", "%llu bytes of memory",
				 (unsigned long long)b->memory_bytes);
	if (b->pids_max < 2 || b->pids_max > 4194304)
		return err_field(e, &BUNDLE_BAD, "/pids", "%u processes", b->pids_max);
	/* The ranges of the host itself, and the last, must not be handed out. */
	if (b->host_id < BUNDLE_IDS || b->host_id > UINT32_MAX - 2 * BUNDLE_IDS)
		return err_field(e, &BUNDLE_BAD, "/uid", "id range from %u", b->host_id);
	if (b->disk_count > BUNDLE_DISKS_MAX ||
	    (b->disk_count != 0 && (b->disk_bytes_per_s == 0 || b->disk_bytes_per_s > INT64_MAX)))
		return err_field(e, &BUNDLE_BAD, "/disk", "%llu bytes a second on %zu devices",
				 (unsigned long long)b->disk_bytes_per_s, b->disk_count);
	return 0;
}

/* ------------------------------------------------------------------ */
/* The template.                                                       */

static void
strings(struct jsonw *w, const char *name, const char *const *list, size_t count)
{
	jsonw_name(w, name);
	jsonw_open(w, '[');
	for (size_t i = 0; i < count; i++)
		jsonw_str(w, list[i]);
	jsonw_close(w, ']');
}

static void
strings0(struct jsonw *w, const char *name, const char *const *list)
{
	size_t count = 0;

	while (list[count] != NULL)
		count++;
	strings(w, name, list, count);
}

static void
number(struct jsonw *w, const char *name, int64_t v)
{
	jsonw_name(w, name);
	jsonw_int(w, v);
}

static void
boolean(struct jsonw *w, const char *name, bool v)
{
	jsonw_name(w, name);
	jsonw_bool(w, v);
}

static void
rlimit(struct jsonw *w, const char *type, int64_t most)
{
	jsonw_open(w, '{');
	jsonw_member(w, "type", "%s", type);
	number(w, "hard", most);
	number(w, "soft", most);
	jsonw_close(w, '}');
}

static void
process_write(struct jsonw *w, const struct bundle_process *p, const char *apparmor)
{
	static const char *const sets[] = { "bounding", "effective", "inheritable", "permitted",
					    "ambient" };

	jsonw_open(w, '{');
	boolean(w, "terminal", p->terminal);
	if (p->terminal && p->rows != 0 && p->cols != 0) {
		jsonw_name(w, "consoleSize");
		jsonw_open(w, '{');
		number(w, "height", p->rows);
		number(w, "width", p->cols);
		jsonw_close(w, '}');
	}
	jsonw_name(w, "user");
	jsonw_open(w, '{');
	number(w, "uid", p->uid);
	number(w, "gid", p->gid);
	jsonw_close(w, '}');
	strings(w, "args", p->args, p->arg_count);
	strings(w, "env", p->env, p->env_count);
	jsonw_name(w, "cwd");
	jsonw_str(w, p->cwd);
	jsonw_name(w, "capabilities");
	jsonw_open(w, '{');
	for (size_t i = 0; i < NELEMS(sets); i++)
		strings(w, sets[i], NULL, 0);
	jsonw_close(w, '}');
	jsonw_name(w, "rlimits");
	jsonw_open(w, '[');
	rlimit(w, "RLIMIT_NOFILE", p->nofile != 0 ? p->nofile : BUNDLE_NOFILE_DEFAULT);
	rlimit(w, "RLIMIT_CORE", 0);
	/* The kernel adds these up over all workloads and the host's root. */
	rlimit(w, "RLIMIT_SIGPENDING", SIGNALS_MAX);
	rlimit(w, "RLIMIT_MSGQUEUE", QUEUE_BYTES_MAX);
	jsonw_close(w, ']');
	boolean(w, "noNewPrivileges", true);
	/* The workload goes before the host's own services. */
	number(w, "oomScoreAdj", 500);
	if (apparmor != NULL)
		jsonw_member(w, "apparmorProfile", "%s", apparmor);
	jsonw_close(w, '}');
}

static void
binds_write(struct jsonw *w, const struct bundle *b)
{
	for (size_t i = 0; i < b->bind_count; i++) {
		jsonw_open(w, '{');
		jsonw_name(w, "destination");
		jsonw_str(w, b->binds[i].to);
		jsonw_member(w, "type", "bind");
		jsonw_name(w, "source");
		jsonw_str(w, b->binds[i].from);
		jsonw_name(w, "options");
		jsonw_open(w, '[');
		/* Nothing else: any flag would be set by a remount, which fails
		 * inside where the source has flags that cannot be taken off. */
		jsonw_str(w, "bind");
		jsonw_close(w, ']');
		jsonw_close(w, '}');
	}
}

static unsigned long long
tmpfs_bytes(const struct bundle *b, const char *to)
{
	return strcmp(to, SHM_PATH) == 0 && b->shm_bytes > 0 ? b->shm_bytes : b->tmp_bytes;
}

static void
mounts_write(struct jsonw *w, const struct bundle *b)
{
	char size[40];

	jsonw_name(w, "mounts");
	jsonw_open(w, '[');
	for (size_t i = 0; i < NELEMS(fixed_mounts); i++) {
		const struct fixed_mount *m = &fixed_mounts[i];

		jsonw_open(w, '{');
		jsonw_member(w, "destination", "%s", m->to);
		jsonw_member(w, "type", "%s", m->type);
		jsonw_member(w, "source", "%s", m->source);
		jsonw_name(w, "options");
		jsonw_open(w, '[');
		for (size_t k = 0; k < NELEMS(m->options) && m->options[k] != NULL; k++)
			jsonw_str(w, m->options[k]);
		snprintf(size, sizeof(size), "size=%llu", tmpfs_bytes(b, m->to));
		if (m->sized)
			jsonw_str(w, size);
		jsonw_close(w, ']');
		jsonw_close(w, '}');
	}
	binds_write(w, b);
	jsonw_close(w, ']');
}

static void
ids_write(struct jsonw *w, const char *name, uint32_t host_id)
{
	jsonw_name(w, name);
	jsonw_open(w, '[');
	jsonw_open(w, '{');
	number(w, "containerID", 0);
	number(w, "hostID", host_id);
	number(w, "size", BUNDLE_IDS);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
}

static void
namespaces_write(struct jsonw *w)
{
	static const char *const fresh[] = { "user", "pid",    "mount",	 "ipc",
					     "uts",  "cgroup", "network" };

	jsonw_name(w, "namespaces");
	jsonw_open(w, '[');
	for (size_t i = 0; i < NELEMS(fresh); i++) {
		jsonw_open(w, '{');
		jsonw_member(w, "type", "%s", fresh[i]);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void
nodes_write(struct jsonw *w, const struct bundle *b)
{
	for (size_t i = 0; i < b->node_count; i++) {
		const struct bundle_node *n = &b->nodes[i];

		jsonw_open(w, '{');
		boolean(w, "allow", true);
		jsonw_member(w, "type", "%c", n->type);
		number(w, "major", n->major);
		number(w, "minor", n->minor);
		jsonw_member(w, "access", "%s", n->access);
		jsonw_close(w, '}');
	}
}

static void
devices_write(struct jsonw *w, const struct bundle *b)
{
	jsonw_name(w, "devices");
	jsonw_open(w, '[');
	jsonw_open(w, '{');
	boolean(w, "allow", false);
	jsonw_member(w, "access", "rwm");
	jsonw_close(w, '}');
	for (size_t i = 0; i < NELEMS(devices); i++) {
		jsonw_open(w, '{');
		boolean(w, "allow", true);
		jsonw_member(w, "type", "c");
		number(w, "major", devices[i][0]);
		if (devices[i][1] >= 0)
			number(w, "minor", devices[i][1]);
		jsonw_member(w, "access", "rwm");
		jsonw_close(w, '}');
	}
	nodes_write(w, b);
	jsonw_close(w, ']');
}

static void
throttle_write(struct jsonw *w, const char *name, const struct bundle *b)
{
	jsonw_name(w, name);
	jsonw_open(w, '[');
	for (size_t i = 0; i < b->disk_count; i++) {
		jsonw_open(w, '{');
		number(w, "major", b->disks[i].major);
		number(w, "minor", b->disks[i].minor);
		number(w, "rate", (int64_t)b->disk_bytes_per_s);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

/* The runtime writes blkio.throttle or io.max of it, as the host has. */
static void
disks_write(struct jsonw *w, const struct bundle *b)
{
	if (b->disk_count == 0)
		return;
	jsonw_name(w, "blockIO");
	jsonw_open(w, '{');
	throttle_write(w, "throttleReadBpsDevice", b);
	throttle_write(w, "throttleWriteBpsDevice", b);
	jsonw_close(w, '}');
}

static void
resources_write(struct jsonw *w, const struct bundle *b)
{
	int64_t quota = (int64_t)b->cpu_milli * CPU_PERIOD_US / 1000;
	int64_t shares = (int64_t)b->cpu_milli * 1024 / 1000;

	jsonw_name(w, "resources");
	jsonw_open(w, '{');
	devices_write(w, b);
	jsonw_name(w, "pids");
	jsonw_open(w, '{');
	number(w, "limit", b->pids_max);
	jsonw_close(w, '}');
	jsonw_name(w, "memory");
	jsonw_open(w, '{');
	number(w, "limit", (int64_t)b->memory_bytes);
	number(w, "swap", (int64_t)b->memory_bytes);
	jsonw_close(w, '}');
	jsonw_name(w, "cpu");
	jsonw_open(w, '{');
	number(w, "shares", MAX(SHARES_MIN, MIN(shares, SHARES_MAX)));
	number(w, "quota", MAX(CPU_QUOTA_MIN_US, quota));
	number(w, "period", CPU_PERIOD_US);
	jsonw_close(w, '}');
	disks_write(w, b);
	jsonw_close(w, '}');
}

static void
linux_write(struct jsonw *w, const struct bundle *b)
{
	jsonw_open(w, '{');
	ids_write(w, "uidMappings", b->host_id);
	ids_write(w, "gidMappings", b->host_id);
	namespaces_write(w);
	jsonw_name(w, "cgroupsPath");
	jsonw_str(w, b->cgroup);
	resources_write(w, b);
	strings0(w, "maskedPaths", masked);
	strings0(w, "readonlyPaths", readonly);
	jsonw_name(w, "seccomp");
	seccomp_write(w);
	jsonw_close(w, '}');
}

static const char *
text_of(struct arena *a, struct jsonw *w)
{
	size_t len;
	const char *text = jsonw_text(w, &len);

	text = arena_strndup(a, text, len);
	jsonw_free(w);
	return text;
}

const char *
bundle_json(struct arena *a, const struct bundle *b)
{
	struct jsonw *w = jsonw_new(false);

	jsonw_open(w, '{');
	jsonw_member(w, "ociVersion", "1.0.2");
	jsonw_name(w, "hostname");
	jsonw_str(w, b->hostname);
	jsonw_name(w, "root");
	jsonw_open(w, '{');
	jsonw_name(w, "path");
	jsonw_str(w, b->root);
	boolean(w, "readonly", b->readonly);
	jsonw_close(w, '}');
	jsonw_name(w, "process");
	process_write(w, &b->process, b->apparmor);
	mounts_write(w, b);
	jsonw_name(w, "linux");
	linux_write(w, b);
	jsonw_close(w, '}');
	return text_of(a, w);
}

const char *
bundle_process_json(struct arena *a, const struct bundle_process *p)
{
	struct jsonw *w = jsonw_new(false);

	/* A command inside gets the container's profile from the runtime. */
	process_write(w, p, NULL);
	return text_of(a, w);
}
