/* SPDX-License-Identifier: Apache-2.0 */
/* The template of config.json: what it always says, and what is refused. */
#include "deploy/bundle.h"
#include "deploy/seccomp.h"
#include "tests/unit/tap.h"

static const char *const args[] = { "/bin/sh", "-c", "echo \"hi\\\n\"", NULL };
static const char *const env[] = { "PATH=/bin", "EMPTY=", NULL };
static struct arena arena;

static struct bundle
good(void)
{
	return (struct bundle){
		.process = { .args = args,
			     .arg_count = 3,
			     .env = env,
			     .env_count = 2,
			     .cwd = "/srv",
			     .uid = 1000,
			     .gid = 100 },
		.hostname = "web-0",
		.root = "/r/merged",
		.readonly = true,
		.cgroup = "gavel-a/x",
		.host_id = 0x40000000,
		.cpu_milli = 250,
		.memory_bytes = 64u << 20,
		.pids_max = 64,
		.tmp_bytes = 1u << 20,
	};
}

/* A member by path "a/b/0/c". */
static const struct json *
at(const struct json *v, const char *path)
{
	char name[64];

	while (v != NULL && *path != '\0') {
		size_t len = strcspn(path, "/");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		if (v->type == JSON_ARRAY) {
			unsigned long n = strtoul(name, NULL, 10);

			for (v = v->first; v != NULL && n > 0; n--)
				v = v->next;
		} else {
			v = json_get(v, name);
		}
		path += len + (path[len] == '/');
	}
	return v;
}

static const char *
text_at(const struct json *doc, const char *path)
{
	const struct json *v = at(doc, path);

	if (v == NULL)
		return "(nothing)";
	return v->type == JSON_BOOL ? (v->truth ? "true" : "false")
	       : v->text != NULL    ? v->text
				    : "";
}

static void
test_template(void)
{
	static const struct {
		const char *path, *want;
	} cases[] = {
		{ "process/terminal", "false" },
		{ "process/noNewPrivileges", "true" },
		{ "process/oomScoreAdj", "500" },
		{ "process/args/2", "echo \"hi\\\n\"" },
		{ "process/env/1", "EMPTY=" },
		{ "process/user/uid", "1000" },
		{ "process/user/gid", "100" },
		{ "process/cwd", "/srv" },
		{ "process/rlimits/0/hard", "1024" },
		{ "process/rlimits/1/hard", "0" },
		{ "process/rlimits/2/type", "RLIMIT_SIGPENDING" },
		{ "process/rlimits/2/hard", "1024" },
		{ "process/rlimits/3/type", "RLIMIT_MSGQUEUE" },
		{ "process/rlimits/3/hard", "131072" },
		{ "root/readonly", "true" },
		{ "linux/uidMappings/0/hostID", "1073741824" },
		{ "linux/uidMappings/0/size", "65536" },
		{ "linux/gidMappings/0/hostID", "1073741824" },
		{ "linux/namespaces/0/type", "user" },
		{ "linux/namespaces/6/type", "network" },
		{ "linux/resources/devices/0/allow", "false" },
		{ "linux/resources/memory/limit", "67108864" },
		{ "linux/resources/memory/swap", "67108864" },
		{ "linux/resources/cpu/quota", "25000" },
		{ "linux/resources/cpu/period", "100000" },
		{ "linux/resources/pids/limit", "64" },
		{ "linux/cgroupsPath", "gavel-a/x" },
		{ "linux/seccomp/defaultAction", "SCMP_ACT_ERRNO" },
		{ "hooks", "(nothing)" },
	};
	static const char *const sets[] = { "bounding", "effective", "inheritable", "permitted",
					    "ambient" };
	struct err e = ERR_NONE;
	struct bundle b = good();
	const char *text = bundle_json(&arena, &b);
	struct json *doc = NULL;

	if (!ok(json_parse(&arena, text, strlen(text), &doc, &e) == 0, "it is JSON: %s", e.text))
		return;
	for (size_t i = 0; i < NELEMS(cases); i++)
		is_str(text_at(doc, cases[i].path), cases[i].want, cases[i].path);
	for (size_t i = 0; i < NELEMS(sets); i++) {
		const struct json *set = at(at(doc, "process/capabilities"), sets[i]);

		ok(set != NULL && set->count == 0, "no %s capabilities", sets[i]);
	}
	for (const struct json *m = at(doc, "mounts")->first; m != NULL; m = m->next)
		ok(strcmp(text_at(m, "type"), "bind") != 0 &&
			   strcmp(text_at(m, "type"), "sysfs") != 0,
		   "%s is neither of the host nor sysfs", text_at(m, "destination"));
}

/* The size of /dev/shm is that of /tmp, unless it has one of its own. */
static void
test_shm(void)
{
	static const struct {
		uint64_t shm_bytes;
		const char *want;
	} cases[] = { { 0, "size=1048576" }, { UINT64_C(5) << 30, "size=5368709120" } };

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		struct bundle b = good();
		struct json *doc = NULL;
		const char *text;

		b.shm_bytes = cases[i].shm_bytes;
		text = bundle_json(&arena, &b);
		if (!ok(json_parse(&arena, text, strlen(text), &doc, &e) == 0, "it is JSON"))
			continue;
		is_str(text_at(doc, "mounts/4/destination"), "/dev/shm", "/dev/shm");
		is_str(text_at(doc, "mounts/4/options/5"), cases[i].want, "its size");
		is_str(text_at(doc, "mounts/5/options/4"), "size=1048576", "that of /tmp");
	}
}

static void
test_refused(void)
{
	static const char *const bad_cwd[] = { "",	  "srv",    "/proc/self/fd/7", "/sys",
					       "/./proc", "//proc", "/a/../proc",      "/a/..",
					       "/.",	  "/a\n" };
	static const char *const bad_host[] = { "", "-a", "a-", "A", "a b", "a\n", "a.b" };
	static const char *const bad_env[] = { "NOVALUE", "=x", "" };
	static const char *const good_cwd[] = { "/", "/process", "/systems", "/a..b", "/.a/b" };
	struct err e = ERR_NONE;
	struct bundle b = good();

	ok(bundle_check(&b, &e) == 0, "the good one passes");
	for (size_t i = 0; i < NELEMS(good_cwd); i++) {
		b.process.cwd = good_cwd[i];
		ok(bundle_check(&b, &e) == 0, "directory %s", good_cwd[i]);
	}
	for (size_t i = 0; i < NELEMS(bad_cwd); i++) {
		b.process.cwd = bad_cwd[i];
		ok(bundle_check(&b, &e) < 0 && strcmp(e.field, "/cwd") == 0, "not directory \"%s\"",
		   bad_cwd[i][0] != '\0' && strchr(bad_cwd[i], '\n') ? "with a line end"
								     : bad_cwd[i]);
	}
	b = good();
	for (size_t i = 0; i < NELEMS(bad_host); i++) {
		b.hostname = bad_host[i];
		ok(bundle_check(&b, &e) < 0, "bad host name %zu", i);
	}
	b = good();
	for (size_t i = 0; i < NELEMS(bad_env); i++) {
		const char *one[] = { bad_env[i] };

		b.process.env = one;
		b.process.env_count = 1;
		ok(bundle_check(&b, &e) < 0 && strcmp(e.field, "/env") == 0, "bad variable %zu", i);
	}
}

static void
test_numbers(void)
{
	static const struct {
		const char *what;
		uint32_t uid, gid, nofile, cpu, pids, host_id;
		uint64_t memory;
		bool fine;
	} cases[] = {
		{ "the largest ids", 65535, 65535, 0, 1, 2, 65536, 8u << 20, true },
		{ "uid 65536", 65536, 0, 0, 1, 2, 65536, 8u << 20, false },
		{ "gid 65536", 0, 65536, 0, 1, 2, 65536, 8u << 20, false },
		{ "uid -1", UINT32_MAX, 0, 0, 1, 2, 65536, 8u << 20, false },
		{ "most files", 0, 0, 20000, 1, 2, 65536, 8u << 20, true },
		{ "too many files", 0, 0, 20001, 1, 2, 65536, 8u << 20, false },
		{ "no CPU", 0, 0, 0, 0, 2, 65536, 8u << 20, false },
		{ "one process", 0, 0, 0, 1, 1, 65536, 8u << 20, false },
		{ "the host's ids", 0, 0, 0, 1, 2, 0, 8u << 20, false },
		{ "ids past the end", 0, 0, 0, 1, 2, UINT32_MAX - 65535, 8u << 20, false },
		{ "little memory", 0, 0, 0, 1, 2, 65536, (8u << 20) - 1, false },
		{ "memory past int64", 0, 0, 0, 1, 2, 65536, UINT64_MAX, false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct bundle b = good();
		struct err e = ERR_NONE;

		b.process.uid = cases[i].uid;
		b.process.gid = cases[i].gid;
		b.process.nofile = cases[i].nofile;
		b.cpu_milli = cases[i].cpu;
		b.pids_max = cases[i].pids;
		b.host_id = cases[i].host_id;
		b.memory_bytes = cases[i].memory;
		ok((bundle_check(&b, &e) == 0) == cases[i].fine, "%s: %s", cases[i].what,
		   cases[i].fine ? "taken" : "refused");
	}
}

static void
test_seccomp(void)
{
	static const char *const shut[] = { "unshare",
					    "setns",
					    "mount",
					    "umount2",
					    "pivot_root",
					    "move_mount",
					    "fsopen",
					    "open_tree",
					    "mount_setattr",
					    "keyctl",
					    "add_key",
					    "request_key",
					    "bpf",
					    "perf_event_open",
					    "userfaultfd",
					    "io_uring_setup",
					    "io_uring_enter",
					    "ptrace",
					    "process_vm_readv",
					    "process_vm_writev",
					    "open_by_handle_at",
					    "name_to_handle_at",
					    "chroot",
					    "quotactl",
					    "modify_ldt",
					    "clone",
					    "clone3",
					    "socket",
					    "personality",
					    "reboot",
					    "kexec_load",
					    "init_module",
					    "finit_module",
					    "iopl",
					    "ioperm",
					    "swapon",
					    "pidfd_getfd" };
	static const char *const open[] = { "read",  "write",	"openat",     "execve",
					    "futex", "mmap",	"fork",	      "vfork",
					    "wait4", "accept4", "epoll_wait", "getrandom",
					    "rseq",  "statx",	"prctl",      "seccomp" };

	for (size_t i = 0; i < NELEMS(shut); i++)
		ok(!seccomp_allows(shut[i]), "%s is shut", shut[i]);
	for (size_t i = 0; i < NELEMS(open); i++)
		ok(seccomp_allows(open[i]), "%s is open", open[i]);
}

/* Walls that only some hosts have: named when given, absent when not. */
static void
test_optional(void)
{
	static const struct {
		const char *path, *want, *without;
	} cases[] = {
		{ "linux/resources/blockIO/throttleReadBpsDevice/0/major", "254", "(nothing)" },
		{ "linux/resources/blockIO/throttleReadBpsDevice/1/minor", "3", "(nothing)" },
		{ "linux/resources/blockIO/throttleWriteBpsDevice/1/rate", "1048576", "(nothing)" },
		{ "process/apparmorProfile", "gavel-lease", "(nothing)" },
	};
	struct bundle with = good(), without = good();
	struct json *a = NULL, *b = NULL;
	struct err e = ERR_NONE;
	const char *text;

	with.disks[0] = (struct bundle_disk){ 254, 0 };
	with.disks[1] = (struct bundle_disk){ 7, 3 };
	with.disk_count = 2;
	with.disk_bytes_per_s = 1048576;
	with.apparmor = "gavel-lease";
	ok(bundle_check(&with, &e) == 0, "throttle and profile are taken");
	text = bundle_json(&arena, &with);
	(void)!json_parse(&arena, text, strlen(text), &a, &e);
	text = bundle_json(&arena, &without);
	(void)!json_parse(&arena, text, strlen(text), &b, &e);
	for (size_t i = 0; i < NELEMS(cases); i++) {
		is_str(text_at(a, cases[i].path), cases[i].want, cases[i].path);
		is_str(text_at(b, cases[i].path), cases[i].without, "absent otherwise");
	}
	with.disk_bytes_per_s = 0;
	ok(bundle_check(&with, &e) < 0, "a throttle of nothing a second is refused");
	with.disk_bytes_per_s = 1;
	with.disk_count = BUNDLE_DISKS_MAX + 1;
	ok(bundle_check(&with, &e) < 0, "too many devices are refused");
}

static void
test_binds(void)
{
	static const struct bundle_bind binds[] = { { "/r/mount-0", "/var/lib/db" },
						    { "/dev/real", "/dev/gpu0" } };
	static const struct bundle_bind bad[] = { { "/x", "y" },
						  { "/x", "/" },
						  { "/x", "/proc/y" },
						  { "/x", "/a/../b" },
						  { "x", "/y" } };
	static const struct bundle_node nodes[] = { { 'c', 195, 7, "rw" } };
	static const struct bundle_node bad_node = { 'c', 1, 2, "rx" };
	struct bundle b = good();
	struct err e = ERR_NONE;
	const char *text;

	b.binds = binds;
	b.bind_count = 2;
	b.nodes = nodes;
	b.node_count = 1;
	is_int(bundle_check(&b, &e), 0, "mounts and devices of the jail");
	text = bundle_json(&arena, &b);
	ok(strstr(text, "{\"destination\":\"/var/lib/db\",\"type\":\"bind\",\"source\":"
			"\"/r/mount-0\",\"options\":[\"bind\"]}") != NULL,
	   "a bind has no flags of its own");
	ok(strstr(text, "{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":7,"
			"\"access\":\"rw\"}") != NULL,
	   "the device may be opened");
	for (size_t i = 0; i < NELEMS(bad); i++) {
		b.binds = &bad[i];
		b.bind_count = 1;
		ok(bundle_check(&b, &e) < 0 && e.code == &BUNDLE_BAD, "refused: %s on %s",
		   bad[i].from, bad[i].to);
	}
	b.bind_count = 0;
	b.nodes = &bad_node;
	ok(bundle_check(&b, &e) < 0, "refused: access that is none");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_template();
	test_optional();
	test_shm();
	test_refused();
	test_numbers();
	test_seccomp();
	test_binds();
	arena_release(&arena);
	return tap_done();
}
