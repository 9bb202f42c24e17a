/* SPDX-License-Identifier: Apache-2.0 */
/* The self-check with failures made up: what is refused, and what it says. The
 * real probes are in tests/e2e/isolation. */
#include "provider/jail/selfcheck.h"
#include "provider/jail/throttle.h"
#include "provider/jail/limits.h"
#include "provider/jail/lsm.h"
#include "tests/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static struct jail_config config;
static struct selfcheck_result results[SELFCHECK_COUNT];
static char dir[] = "/tmp/gavel-selfcheck.XXXXXX";

static int
fine(const struct jail_config *c, struct err *e)
{
	(void)c;
	(void)e;
	return 0;
}

static int
broken(const struct jail_config *c, struct err *e)
{
	(void)c;
	return err_set(e, &ERR_SYSTEM, "made up for the test");
}

static struct selfcheck_probes
all_fine(void)
{
	struct selfcheck_probes p;

	for (size_t i = 0; i < SELFCHECK_COUNT; i++)
		p.probe[i] = fine;
	return p;
}

static void
test_failures(void)
{
	struct selfcheck_probes p = all_fine();
	struct err e = ERR_NONE;

	is_int(selfcheck(&config, &p, results), 0, "all is well: nothing fails");
	is_int(selfcheck_verdict(results, &e), 0, "and nothing is refused");
	for (size_t i = 0; i < SELFCHECK_COUNT; i++) {
		int fatal = i != SELFCHECK_DISK || !config.accept_ram_disk;

		ok(selfcheck_real.probe[i] != NULL, "%s is really tried", results[i].name);
		ok(results[i].promise[0] != '\0' && results[i].cure[0] != '\0',
		   "%s has a promise and a cure", results[i].name);
		p = all_fine();
		p.probe[i] = broken;
		e = (struct err)ERR_NONE;
		is_int(selfcheck(&config, &p, results), fatal, results[i].name);
		ok(!results[i].ok && strcmp(results[i].detail, "made up for the test") == 0,
		   "its reason is told");
		is_int(selfcheck_verdict(results, &e), -fatal, "and it decides");
		if (fatal)
			ok(e.code == &HOST_UNFIT && strstr(e.text, results[i].name) == e.text &&
				   strstr(e.text, results[i].promise) != NULL &&
				   strstr(e.text, results[i].cure) != NULL,
			   "%s", e.text);
	}
}

/* ------------------------------------------------------------------ */

static const char *
path_of(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	FILE *f;

	for (const char *p = strchr(name, '/'); p != NULL; p = strchr(p + 1, '/')) {
		char part[200];

		snprintf(part, sizeof(part), "%.*s", (int)(p - name), name);
		mkdir(path_of(part), 0755);
	}
	f = fopen(path_of(name), "we");
	if (f == NULL)
		fatal("write %s", name);
	fputs(text, f);
	fclose(f);
}

static bool
cgroups_fit(const char *root, const char *missing)
{
	struct err e = ERR_NONE;
	char at[300];

	snprintf(at, sizeof(at), "%s", path_of(root));
	if (missing == NULL)
		return selfcheck_cgroups(at, &e) == 0;
	return selfcheck_cgroups(at, &e) < 0 && strstr(e.text, missing) != NULL;
}

static void
test_cgroups(void)
{
	static const char *const v1[] = {
		"cpu", "memory", "pids", "cpuacct", "freezer", "devices"
	};
	char name[64];

	put("v2/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
	ok(cgroups_fit("v2", NULL), "v2 with all controllers");
	put("v2/cgroup.controllers", "cpuset cpu io memory\n");
	ok(cgroups_fit("v2", "pids"), "v2 without pids");
	put("v2/cgroup.controllers", "cpuset io memory pids\n");
	ok(cgroups_fit("v2", "cpu"), "cpuset is not cpu");
	ok(cgroups_fit("none", "cpu"), "no cgroups at all");
	for (size_t i = 0; i < NELEMS(v1); i++) {
		ok(cgroups_fit("v1", v1[i]), "v1 without %s", v1[i]);
		snprintf(name, sizeof(name), "v1/%s/cgroup.procs", v1[i]);
		put(name, "");
	}
	ok(cgroups_fit("v1", NULL), "v1 with all controllers");
}

static void
test_throttle(void)
{
	struct bundle_disk d;
	char sys[300], link[300];

	snprintf(sys, sizeof(sys), "%s", path_of("sys"));
	put("sys/devices/sda/dev", "8:0\n");
	put("sys/devices/sda/sda3/dev", "8:3\n");
	put("sys/devices/sda/sda3/partition", "3\n");
	put("sys/dev/block/x", "");
	snprintf(link, sizeof(link), "%s", path_of("sys/dev/block/8:0"));
	(void)!symlink("../../devices/sda", link);
	snprintf(link, sizeof(link), "%s", path_of("sys/dev/block/8:3"));
	(void)!symlink("../../devices/sda/sda3", link);
	ok(throttle_whole(sys, 8, 0, &d) && d.major == 8 && d.minor == 0, "a disk is itself");
	ok(throttle_whole(sys, 8, 3, &d) && d.major == 8 && d.minor == 0,
	   "a partition is its disk");
	ok(!throttle_whole(sys, 0, 45, &d), "a tmpfs is none");
	ok(!throttle_whole(sys, 9, 9, &d), "nor what is not there");
	snprintf(sys, sizeof(sys), "%s", path_of("io"));
	ok(!throttle_possible(sys), "no cgroups, no throttle");
	put("io/cgroup.controllers", "cpu memory pids\n");
	ok(!throttle_possible(sys), "v2 without io");
	put("io/cgroup.controllers", "cpu io pids\n");
	ok(throttle_possible(sys), "v2 with io");
	put("blk/blkio/blkio.throttle.read_bps_device", "");
	snprintf(sys, sizeof(sys), "%s", path_of("blk"));
	ok(throttle_possible(sys), "v1 with blkio");
}

static void
test_lsm(void)
{
	put("enabled", "Y\n");
	ok(lsm_enabled_in(path_of("enabled")), "AppArmor is on");
	put("enabled", "N\n");
	ok(!lsm_enabled_in(path_of("enabled")), "off");
	ok(!lsm_enabled_in(path_of("nothing")), "not in the kernel");
}

static unsigned long long
number_in(const char *name)
{
	FILE *f = fopen(path_of(name), "re");
	unsigned long long n = 0;

	if (f == NULL || fscanf(f, "%llu", &n) != 1)
		n = 0;
	if (f != NULL)
		fclose(f);
	return n;
}

static void
test_limits(void)
{
	struct err e = ERR_NONE;
	char sys[300];

	snprintf(sys, sizeof(sys), "%s", path_of("ps"));
	ok(limits_host(sys, 8, &e) < 0, "no such settings: %s", e.text);
	put("ps/fs/inotify/max_user_instances", "128\n");
	put("ps/fs/inotify/max_user_watches", "2000000000\n");
	is_int(limits_host(sys, 256, &e), 0, "room for 256 workloads");
	is_int((long long)number_in("ps/fs/inotify/max_user_instances"), 1024 + 256 * 128,
	       "what is too low is raised");
	is_int((long long)number_in("ps/fs/inotify/max_user_watches"), 2000000000,
	       "what is higher stays");
	ok(limits_inside(0, &e) < 0, "no process, no namespace: %s", e.text);
}

int
main(void)
{
	char command[64];

	if (mkdtemp(dir) == NULL)
		fatal("a directory");
	test_failures();
	config.accept_ram_disk = true;
	test_failures();
	test_cgroups();
	test_throttle();
	test_lsm();
	test_limits();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ok(system(command) == 0, "nothing is left");
	return tap_done();
}
