/* SPDX-License-Identifier: Apache-2.0 */
/* Both kinds of cgroup, as made-up trees; the runtime's record, as it comes and
 * as somebody would like it to be. */
#include "provider/jail/cgroup.h"
#include "provider/jail/runc.h"
#include "tests/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/gavel-cgroup-test.XXXXXX";

static void
put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL)
		fatal("%s", path);
	fputs(text, f);
	fclose(f);
}

static const char *
get(const char *name)
{
	static char text[64];
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	text[0] = '\0';
	if (f != NULL && fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	if (f != NULL)
		fclose(f);
	return text;
}

static struct cgroup
tree(const char *const *controllers)
{
	struct cgroup cg = { .count = 0 };

	for (; *controllers != NULL; controllers++) {
		struct cgroup_path *p = &cg.paths[cg.count++];

		snprintf(p->controller, sizeof(p->controller), "%s", *controllers);
		snprintf(p->path, sizeof(p->path), "%s", dir);
	}
	return cg;
}

static void
test_v1(void)
{
	struct cgroup cg =
		tree((const char *const[]){ "cpuacct", "memory", "pids", "freezer", "", NULL });
	struct cgroup_usage u;
	struct err e = ERR_NONE;

	put("cpuacct.usage", "1234567890123\n");
	put("memory.usage_in_bytes", "4096\n");
	put("memory.max_usage_in_bytes", "8192\n");
	put("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	put("pids.current", "5\n");
	put("freezer.state", "FROZEN\n");
	/* A hybrid machine: v2 is there and must not win. */
	put("memory.events", "oom_kill 99\n");
	put("cpu.stat", "usage_usec 1\n");
	cgroup_read(&cg, &u);
	is_int((long long)u.cpu_ns, 1234567890123, "v1: CPU");
	is_int((long long)u.memory_bytes, 4096, "v1: memory");
	is_int((long long)u.memory_peak_bytes, 8192, "v1: peak");
	is_int((long long)u.oom_kills, 3, "v1: oom_kill, not oom_kill_disable");
	is_int((long long)u.pids, 5, "v1: processes");
	ok(cgroup_frozen(&cg), "v1: frozen");
	put("cpu.cfs_quota_us", "");
	cg.paths[4] = cg.paths[3];
	snprintf(cg.paths[4].controller, sizeof(cg.paths[4].controller), "cpu");
	ok(cgroup_limit_cpu(&cg, 250, &e) == 0, "v1: less CPU");
	is_str(get("cpu.cfs_quota_us"), "25000", "v1: in its file");
	put("freezer.state", "THAWED\n");
	ok(!cgroup_frozen(&cg), "v1: not frozen");
}

static void
test_v2(void)
{
	struct cgroup cg = tree((const char *const[]){ "", NULL }), none = { .count = 0 };
	struct cgroup_usage u;
	struct err e = ERR_NONE;

	put("cpu.stat", "usage_usec 2500\nuser_usec 2000\nsystem_usec 500\n");
	put("memory.current", "111\n");
	put("memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n");
	put("cgroup.freeze", "1\n");
	cgroup_read(&cg, &u);
	is_int((long long)u.cpu_ns, 2500000, "v2: CPU in ns");
	is_int((long long)u.memory_bytes, 111, "v2: memory");
	is_int((long long)u.memory_peak_bytes, 0, "v2: an older kernel has no peak");
	is_int((long long)u.oom_kills, 1, "v2: oom_kill");
	ok(cgroup_frozen(&cg), "v2: frozen");
	put("cpu.max", "");
	ok(cgroup_limit_cpu(&cg, 2000, &e) == 0, "v2: CPU");
	is_str(get("cpu.max"), "200000 100000", "v2: in its file");
	put("cpu.max", "");
	ok(cgroup_limit_cpu(&cg, 1, &e) == 0, "very little");
	is_str(get("cpu.max"), "1000 100000", "is what the kernel takes");
	ok(cgroup_limit_cpu(&none, 1, &e) < 0, "no cgroup has no limit");
	cgroup_read(&none, &u);
	ok(u.cpu_ns == 0 && u.oom_kills == 0, "no cgroup reads as nothing");
}

static void
test_record(void)
{
	static const struct {
		const char *what, *text;
		int count; /* -1: refused */
	} cases[] = {
		{ "two",
		  "{\"id\":\"x\",\"cgroup_paths\":{\"cpu\":\"/sys/a\",\"memory\":\"/sys/b/"
		  "c\"},\"z\":1}",
		  2 },
		{ "v2", "{\"cgroup_paths\":{\"\":\"/sys/fs/cgroup/x\"}}", 1 },
		{ "a string that imitates it",
		  "{\"env\":[\"\\\"cgroup_paths\\\":{\\\"memory\\\":\\\"/etc\\\"}\"],"
		  "\"cgroup_paths\":{\"cpu\":\"/sys/a\"}}",
		  1 },
		{ "only the imitation",
		  "{\"env\":[\"\\\"cgroup_paths\\\":{\\\"memory\\\":\\\"/etc\\\"}\"]}", -1 },
		{ "none", "{}", -1 },
		{ "empty", "{\"cgroup_paths\":{}}", -1 },
		{ "null", "{\"cgroup_paths\":null}", -1 },
		{ "cut off", "{\"cgroup_paths\":{\"cpu\":\"/sys/a", -1 },
		{ "cut off after the colon", "{\"cgroup_paths\":{\"cpu\":", -1 },
		{ "relative", "{\"cgroup_paths\":{\"cpu\":\"sys/a\"}}", -1 },
		{ "upwards", "{\"cgroup_paths\":{\"cpu\":\"/sys/../etc\"}}", -1 },
		{ "escaped", "{\"cgroup_paths\":{\"cpu\":\"/sys\\n\"}}", -1 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		/* Exact length: reading past the end is caught by the sanitizer. */
		size_t len = strlen(cases[i].text);
		char *copy = xmalloc(len);
		struct err e = ERR_NONE;
		struct cgroup cg;
		int result;

		memcpy(copy, cases[i].text, len);
		result = cgroup_from_state(copy, len, &cg, &e);
		is_int(result < 0 ? -1 : (int)cg.count, cases[i].count, cases[i].what);
		free(copy);
	}
}

static void
test_state(void)
{
	static const char text[] =
		"{\"id\":\"gv\",\"init_process_pid\":4711,\"init_process_start\":998877,"
		"\"config\":{\"a\":\"\\\"init_process_pid\\\":1\"},"
		"\"cgroup_paths\":{\"freezer\":\"/sys/f\"}}";
	static const char *const bad[] = {
		"", "{}",
		"{\"init_process_pid\":0,\"init_process_start\":1,\"cgroup_paths\":{\"a\":\"/b\"}}",
		"{\"init_process_pid\":99999999999,\"init_process_start\":1,\"cgroup_paths\":{"
		"\"a\":\"/b\"}}",
		"{\"init_process_pid\":-5,\"init_process_start\":1,\"cgroup_paths\":{\"a\":\"/b\"}}"
	};
	struct runc_state rs;
	struct err e = ERR_NONE;

	ok(runc_state_parse(text, strlen(text), &rs, &e) == 0, "the runtime's record: %s", e.text);
	is_int(rs.pid, 4711, "its pid");
	is_int((long long)rs.start, 998877, "its start");
	is_str(rs.cgroup.paths[0].path, "/sys/f", "its cgroup");
	for (size_t i = 0; i < NELEMS(bad); i++)
		ok(runc_state_parse(bad[i], strlen(bad[i]), &rs, &e) < 0, "a bad record, %zu", i);
	ok(!runc_alive(getpid(), 1), "a pid with another start is not that process");
	ok(!runc_alive(0, 5) && !runc_alive(1, 0), "neither 0 nor 1 are ever ours");
}

static void
test_versions(void)
{
	static const struct {
		const char *version;
		bool good;
	} rows[] = {
		{ "1.0.3", false },	 { "1.1.5+ds1", false },
		{ "1.1.13", false },	 { "1.1.14", false },
		{ "1.1.15", false },	 { "1.2.0-rc.3", false },
		{ "1.2.0", false },	 { "1.2.7", false },
		{ "1.2.8-rc.1", false }, { "1.2.8", true },
		{ "1.2.9", true },	 { "1.3.0", false },
		{ "1.3.2", false },	 { "1.3.3-rc.1", false },
		{ "1.3.3", true },	 { "1.3.3+ds1", true },
		{ "1.3.4-rc.1", true },	 { "1.4.0-rc.1", false },
		{ "1.4.0-rc.2", false }, { "1.4.0-rc.3", true },
		{ "1.4.0-rc.10", true }, { "1.4.0-rc.2+dev", false },
		{ "1.4.0-beta", false }, { "1.4.0", true },
		{ "1.4.1", true },	 { "1.5.0-rc.1", true },
		{ "2.0.0", true },	 { "0.1.1", false },
		{ "unknown", false },	 { "1.4", false },
		{ "", false },
	};

	for (size_t i = 0; i < NELEMS(rows); i++)
		ok(runc_version_is_good(rows[i].version) == rows[i].good, "runc %s is %s",
		   rows[i].version, rows[i].good ? "good" : "too old");
}

int
main(void)
{
	char command[64];

	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	test_v1();
	test_v2();
	test_record();
	test_state();
	test_versions();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		printf("# cannot remove %s\n", dir);
	return tap_done();
}
