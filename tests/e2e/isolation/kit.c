/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "provider/jail/jail_client.h"
#include "provider/jail/mounts.h"
#include "tests/e2e/layout.h"
#include "tests/unit/tap.h"

#define AGENT 54321u

static const char *const resolvers[] = { "192.0.2.53", NULL };
static char state_dir[64], run_dir[64];
struct jail_config kit_config = {
	.state_dir = state_dir,
	.run_dir = run_dir,
	.net = { .tag = KIT_TAG, .network = 0x0a7c0000, .resolvers = resolvers }, /* 10.124/16 */
	.uid_base = 0x48000000,
	.image_uid_base = 0x47ff0000,
	.slot_count = KIT_SLOTS,
	.agent_uid = AGENT,
	.agent_gid = AGENT,
	.log_bytes_max = MIB,
	.log_bytes_per_s = 256 * 1024,
	.accept_old_runc = true,
	.accept_ram_disk = true,
};
struct arena kit_arena;

static pid_t jail_pid;
static int jail_fd = -1, exec_fd = -1;
static struct layout image;

/* ------------------------------------------------------------------ */
/* Checks.                                                             */

bool
check(bool passed, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ok(passed, "%s", text);
}

bool
check_between(long long got, long long lo, long long hi, const char *what)
{
	return ok(got >= lo && got <= hi, "%s: %lld (%lld to %lld)", what, got, lo, hi);
}

int
kit_done(void)
{
	return tap_done();
}

const char *
answer(const char *text, const char *kind, const char *name)
{
	const char *key = arena_printf(&kit_arena, "%s|%s|", kind, name);

	for (const char *p = text; p != NULL && (p = strstr(p, key)) != NULL; p++)
		if (p == text || p[-1] == '\n' || p[-1] == ' ') {
			p += strlen(key);
			return arena_strndup(&kit_arena, p, strcspn(p, "\n"));
		}
	return NULL;
}

long long
answer_number(const char *text, const char *kind, const char *name)
{
	const char *found = answer(text, kind, name);

	return found != NULL ? strtoll(found, NULL, 10) : -1;
}

int
kit_shell(const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc p = { .argv = argv };
	struct err e = ERR_NONE;

	if (proc_now(&kit_arena, &p, &e) < 0 || p.status != 0) {
		printf("#   %s%s\n", e.text, p.err != NULL ? p.err : "");
		return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* The jail and its image.                                             */

static void
jail_begin(void)
{
	struct err e = ERR_NONE;
	int calls[2], execs[2];

	daemon_pair(calls);
	daemon_pair(execs);
	if (jail_prepare(&kit_config, &e) < 0)
		fatal("jail_prepare: %s", e.text);
	jail_pid = fork();
	if (jail_pid == 0) {
		close(calls[0]);
		close(execs[0]);
		log_init("test/jail", LOG_WARN);
		umask(077);
		jail_serve(&kit_config, calls[1], execs[1]);
		_exit(0);
	}
	close(calls[1]);
	close(execs[1]);
	jail_fd = calls[0];
	exec_fd = execs[0];
}

static void
jail_end(void)
{
	close(jail_fd);
	close(exec_fd);
	waitpid(jail_pid, NULL, 0);
}

static int
call(enum jail_verb verb, const void *in, size_t len, void *out, size_t out_len)
{
	struct chan_call c = { .verb = verb, .in = in, .in_len = len };
	struct err e = ERR_NONE;

	if (chan_now(&kit_arena, jail_fd, &c, &e) < 0) {
		printf("#   %s: %s\n", e.code->name, e.text);
		return -1;
	}
	if (out != NULL)
		memcpy(out, c.out, MIN(out_len, c.out_len));
	return 0;
}

/* busybox for the shell of a control, the probe, and the probe again as a program
 * that would become root. */
static void
image_make(void)
{
	const char *dir = arena_printf(&kit_arena, "%s/make", state_dir);
	char self[256] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || strrchr(self, '/') == NULL)
		fatal("where is this program");
	*strrchr(self, '/') = '\0';
	if (kit_shell(arena_printf(
		    &kit_arena,
		    "umask 022; mkdir -p %s; cd %s; umoci init --layout oci\n"
		    "umoci new --image oci:image; umoci unpack --image oci:image b\n"
		    "cd b/rootfs; mkdir -p bin etc home proc dev sys tmp\n"
		    "chmod 1777 tmp home; cp \"$(command -v busybox)\" bin/busybox\n"
		    "cp %s/probe bin/probe; cp bin/probe bin/rooted; chmod 4755 bin/rooted\n"
		    "for t in sh cat echo; do ln -s busybox bin/$t; done; cd ../..\n"
		    "mkdir %s/control; cp -a b/rootfs %s/control/rootfs\n"
		    "umoci repack --image oci:image b; rm -rf b\n",
		    dir, dir, self, state_dir, state_dir)) < 0)
		fatal("cannot make the test image");
	layout_import(&kit_arena, &kit_config, arena_printf(&kit_arena, "%s/oci", dir), &image);
}

void
kit_begin(void)
{
	struct err e = ERR_NONE;

	arena_init(&kit_arena, 0);
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_WARN);
	/* Not below /tmp: that is often a tmpfs, which has no device to throttle. */
	snprintf(state_dir, sizeof(state_dir), "/var/tmp/gavel-isolation.%d", getpid());
	snprintf(run_dir, sizeof(run_dir), "/run/gavel-isolation.%d", getpid());
	jail_begin();
	image_make();
	if (layout_unpack(&kit_arena, jail_fd, &image, &e) < 0)
		fatal("unpack: %s", e.text);
}

void
kit_again(void)
{
	jail_end();
	jail_begin();
}

void
kit_end(void)
{
	struct err e = ERR_NONE;

	jail_end();
	check(!mounts_left(state_dir), "no mount and no loop device is left");
	check(kit_shell("! find /sys/fs/cgroup -maxdepth 5 -name 'gavel-" KIT_TAG "' | grep .") ==
		      0,
	      "no cgroup is left");
	check(net_stop(&kit_config.net, &e) == 0, "the filter goes");
	kit_shell(arena_printf(&kit_arena, "rm -rf %s %s", state_dir, run_dir));
}

/* ------------------------------------------------------------------ */
/* Leases.                                                             */

static struct jail_ref
ref_of(uint16_t slot)
{
	return (struct jail_ref){ .name = "01jf4z8c0xvq5wsm2t7e9ka3rc", .copy = (uint8_t)slot };
}

bool
lease_run(uint16_t slot, const char *const *args, const struct lease_want *want)
{
	static const struct lease_want nothing;
	static struct jail_create create;
	static const char *const env[] = { "PATH=/bin" };
	const struct lease_want *w = want != NULL ? want : &nothing;
	struct jail_ref ref = ref_of(slot);
	struct bundle_process p = {
		.args = args, .env = env, .env_count = 1, .cwd = "/", .uid = w->uid, .gid = w->uid
	};
	struct err e = ERR_NONE;
	size_t len;

	while (args[p.arg_count] != NULL)
		p.arg_count++;
	memset(&create, 0, sizeof(create));
	create.ref = ref;
	create.slot = slot;
	layout_use(&image, &create);
	create.cpu_milli = w->cpu_milli != 0 ? w->cpu_milli : 500;
	create.memory_bytes = w->memory != 0 ? w->memory : 64 * MIB;
	create.storage_bytes = w->storage != 0 ? w->storage : 16 * MIB;
	create.pids_max = w->pids != 0 ? w->pids : 64;
	if (w->link != NULL) {
		create.link_count = 1;
		create.links[0] = *w->link;
	}
	if (jail_create_pack(&create, &p, "lease", NULL, 0, &len, &e) < 0 ||
	    call(JAIL_CREATE, &create, len, NULL, 0) < 0 ||
	    call(JAIL_START, &ref, sizeof(ref), NULL, 0) < 0)
		return check(false, "lease %u: %s runs", slot, args[1]);
	return true;
}

struct jail_stat
lease_stat(uint16_t slot)
{
	struct jail_ref ref = ref_of(slot);
	struct jail_stat st = { .state = 99 };

	(void)call(JAIL_STAT, &ref, sizeof(ref), &st, sizeof(st));
	return st;
}

const char *
lease_said(uint16_t slot, const char *mark)
{
	struct jail_ref ref = ref_of(slot);
	const char *path =
		arena_printf(&kit_arena, "%s/log", jail_log_dir(&kit_arena, &kit_config, &ref));
	char *text = arena_alloc(&kit_arena, 2 * MIB);

	for (int tries = 0; tries < 200; tries++) {
		FILE *f = fopen(path, "re");
		size_t n = 0;

		if (f != NULL) {
			n = fread(text, 1, 2 * MIB - 1, f);
			fclose(f);
		}
		text[n] = '\0';
		if (strstr(text, mark) != NULL)
			return text;
		usleep(50000);
	}
	printf("#   lease %u never said \"%s\" but: %.600s\n", slot, mark, text);
	return text;
}

bool
lease_destroy(uint16_t slot)
{
	struct jail_destroy d = { .ref = ref_of(slot), .drop_logs = 1 };

	return call(JAIL_DESTROY, &d, sizeof(d), NULL, 0) == 0;
}

int
lease_answers(uint16_t slot)
{
	char text[NET_ADDRESS_SIZE], word[8] = "";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	mono_t begin = clock_mono();
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	inet_pton(AF_INET, net_address(&kit_config.net, slot, 2, text), &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		n = read(fd, word, sizeof(word) - 1);
	close(fd);
	return n == 6 ? (int)((clock_mono() - begin) / MILLI_US) : -1;
}

/* A process whose ids lie in the lease's range. */
static bool
process_left(uint16_t slot)
{
	uint32_t first = kit_config.uid_base + slot * 65536u;
	DIR *d = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (d != NULL && !found && (entry = readdir(d)) != NULL) {
		struct stat st;
		char path[300];

		snprintf(path, sizeof(path), "/proc/%s", entry->d_name);
		found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			stat(path, &st) == 0 && st.st_uid >= first && st.st_uid < first + 65536;
	}
	closedir(d);
	return found;
}

bool
lease_left(uint16_t slot)
{
	struct jail_ref ref = ref_of(slot);
	char id[JAIL_ID_SIZE], own[NET_ADDRESS_SIZE];
	const char *dir;
	bool left = false;

	dir = arena_printf(&kit_arena, "%s/leases/%s", state_dir, jail_id(&ref, id));
	net_address(&kit_config.net, slot, 2, own);
	if (process_left(slot)) {
		printf("#   a process\n");
		left = true;
	}
	if (net_left(&kit_config.net, slot) || mounts_left(dir) || access(dir, F_OK) == 0) {
		printf("#   a wire, a mount, a loop device or the directory\n");
		left = true;
	}
	if (kit_shell(arena_printf(&kit_arena,
				   "! find /sys/fs/cgroup -maxdepth 6 -name %s | grep . >&2\n"
				   "! ls -d %s/runc/%s 2>/dev/null | grep . >&2\n"
				   "! nft list table inet gavel_" KIT_TAG
				   " | grep -E '(\\.|\\{|,) %s[ ,]' >&2\n",
				   id, run_dir, id, own)) < 0)
		left = true;
	return left;
}

/* ------------------------------------------------------------------ */
/* The control.                                                        */

/* The names of the capabilities that this process could have at most. */
static const char *
capability_list(void)
{
	static const char *const names[] = { "CHOWN",
					     "DAC_OVERRIDE",
					     "DAC_READ_SEARCH",
					     "FOWNER",
					     "FSETID",
					     "KILL",
					     "SETGID",
					     "SETUID",
					     "SETPCAP",
					     "LINUX_IMMUTABLE",
					     "NET_BIND_SERVICE",
					     "NET_BROADCAST",
					     "NET_ADMIN",
					     "NET_RAW",
					     "IPC_LOCK",
					     "IPC_OWNER",
					     "SYS_MODULE",
					     "SYS_RAWIO",
					     "SYS_CHROOT",
					     "SYS_PTRACE",
					     "SYS_PACCT",
					     "SYS_ADMIN",
					     "SYS_BOOT",
					     "SYS_NICE",
					     "SYS_RESOURCE",
					     "SYS_TIME",
					     "SYS_TTY_CONFIG",
					     "MKNOD",
					     "LEASE",
					     "AUDIT_WRITE",
					     "AUDIT_CONTROL",
					     "SETFCAP",
					     "MAC_OVERRIDE",
					     "MAC_ADMIN",
					     "SYSLOG",
					     "WAKE_ALARM",
					     "BLOCK_SUSPEND",
					     "AUDIT_READ",
					     "PERFMON",
					     "BPF",
					     "CHECKPOINT_RESTORE" };
	unsigned long long bounding = 0;
	FILE *f = fopen("/proc/self/status", "re");
	const char *list = "";
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "CapBnd:", 7) == 0)
			bounding = strtoull(line + 7, NULL, 16);
	if (f != NULL)
		fclose(f);
	for (size_t i = 0; i < NELEMS(names); i++)
		if ((bounding >> i & 1) != 0)
			list = arena_printf(&kit_arena, "%s%s\"CAP_%s\"", list,
					    list[0] != '\0' ? "," : "", names[i]);
	return list;
}

static const char *
control_config(const char *const *args, uint32_t uid)
{
	const char *caps = capability_list(), *words = "";

	for (; *args != NULL; args++)
		words = arena_printf(&kit_arena, "%s%s\"%s\"", words, words[0] != '\0' ? "," : "",
				     *args);
	return arena_printf(
		&kit_arena,
		"{\"ociVersion\":\"1.0.2\",\"hostname\":\"control\","
		"\"root\":{\"path\":\"rootfs\",\"readonly\":false},"
		"\"process\":{\"terminal\":false,\"user\":{\"uid\":%u,\"gid\":%u},"
		"\"args\":[%s],\"env\":[\"PATH=/bin\"],\"cwd\":\"/\",\"noNewPrivileges\":false,"
		"\"capabilities\":{\"bounding\":[%s],\"effective\":[%s],\"permitted\":[%s],"
		"\"inheritable\":[%s]}},"
		"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		"\"options\":[\"mode=755\"]},"
		"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\"},"
		"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
		"\"options\":[\"newinstance\",\"ptmxmode=0666\"]},"
		"{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
		"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\"}],"
		"\"linux\":{\"cgroupsPath\":\"gavel-" KIT_TAG "-control\","
		"\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]},"
		"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},"
		"{\"type\":\"uts\"},{\"type\":\"network\"}]}}",
		uid, uid, words, caps, caps, caps, caps);
}

const char *
control_said(const char *const *args, uint32_t uid)
{
	const char *dir = arena_printf(&kit_arena, "%s/control", state_dir);
	const char *root = arena_printf(&kit_arena, "%s/runc-control", run_dir);
	const char *argv[] = {
		"runc", "--root", root, "run", "--bundle", dir, "iso-control", NULL
	};
	struct proc p = { .argv = argv, .out_max = MIB };
	struct err e = ERR_NONE;
	FILE *f = fopen(arena_printf(&kit_arena, "%s/config.json", dir), "we");

	if (f == NULL)
		fatal("write the control's config");
	fputs(control_config(args, uid), f);
	fclose(f);
	if (proc_now(&kit_arena, &p, &e) < 0 || p.status != 0)
		printf("#   control: %s%.500s\n", e.text, p.err != NULL ? p.err : "");
	return p.out != NULL ? p.out : "";
}
