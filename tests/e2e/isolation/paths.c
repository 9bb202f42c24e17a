/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the kernel, device nodes, and what a process is in there. */
#include "kit.h"

#define PATHS_WANTED 12

static const char *control, *inside[2]; /* as root of the namespace, as a user */

static const char *
or_none(const char *text)
{
	return text != NULL ? text : "(nothing)";
}

static bool
same(const char *got, const char *want)
{
	return got != NULL && strcmp(got, want) == 0;
}

/* Each path of one kind: "ok" in the control, anything else inside. */
static int
paths_compare(const char *kind)
{
	const char *key = arena_printf(&kit_arena, "\n%s|", kind);
	int seen = 0;

	for (const char *p = control; (p = strstr(p, key)) != NULL; p++) {
		const char *at = p + strlen(key);
		const char *name = arena_strndup(&kit_arena, at, strcspn(at, "|"));
		const char *freely = answer(control, kind, name);
		const char *root = answer(inside[0], kind, name);
		const char *user = answer(inside[1], kind, name);

		seen += same(freely, "ok");
		check(root != NULL && user != NULL && !same(root, "ok") && !same(user, "ok"),
		      "%s %s: control %s%s, root %s, user %s", kind, name, or_none(freely),
		      same(freely, "ok") ? "" : " (not on this kernel)", or_none(root),
		      or_none(user));
	}
	return seen;
}

static bool
gather(const char *what)
{
	const struct lease_want user = { .uid = 1000 };
	const char *const args[] = { "/bin/probe", what, NULL };
	const char *end = arena_printf(&kit_arena, "end|%s|ok", what);

	control = arena_printf(&kit_arena, "\n%s", control_said(args, 0));
	if (!lease_run(0, args, NULL) || !lease_run(1, args, &user))
		return false;
	inside[0] = lease_said(0, end);
	inside[1] = lease_said(1, end);
	return true;
}

static void
part_end(void)
{
	check(lease_destroy(0) && lease_destroy(1), "both leases go");
	check(!lease_left(0) && !lease_left(1), "and nothing of them is left");
}

static void
test_files(void)
{
	int masked, levers;

	if (!gather("paths"))
		return;
	masked = paths_compare("read");
	levers = paths_compare("write");
	check(masked + levers >= PATHS_WANTED, "%d secrets and %d levers were seen without walls",
	      masked, levers);
	part_end();
}

static void
test_devices(void)
{
	static const char *const expected[] = { "null",	   "zero", "full", "random",
						"urandom", "tty",  "ptmx", "pts/ptmx" };
	int nodes = 0, made = 0;

	if (!gather("devices"))
		return;
	for (int who = 0; who < 2; who++)
		for (const char *p = inside[who]; (p = strstr(p, "node|/dev/")) != NULL; p++) {
			const char *name = p + strlen("node|/dev/");
			size_t len = strcspn(name, "|");
			bool known = false;

			for (size_t i = 0; i < NELEMS(expected); i++)
				known = known || (strlen(expected[i]) == len &&
						  strncmp(expected[i], name, len) == 0);
			check(known, "the node /dev/%.*s is one of those allowed", (int)len, name);
			nodes++;
		}
	check(nodes >= 12, "%d nodes were looked at", nodes);
	check(same(answer(inside[1], "node", "/dev/null"), "ok"), "/dev/null opens");
	for (const char *p = control; (p = strstr(p, "\nmknod|")) != NULL; p++) {
		const char *at = p + strlen("\nmknod|");
		const char *name = arena_strndup(&kit_arena, at, strcspn(at, "|"));

		made += same(answer(control, "mknod", name), "ok");
		check(same(answer(inside[0], "mknod", name), "EPERM") &&
			      same(answer(inside[1], "mknod", name), "EPERM"),
		      "mknod of %s: control %s, root %s, user %s", name,
		      or_none(answer(control, "mknod", name)),
		      or_none(answer(inside[0], "mknod", name)),
		      or_none(answer(inside[1], "mknod", name)));
	}
	check(made >= 18, "%d nodes could be made without walls", made);
	part_end();
}

/* What must be said inside, and what the control says, which must differ. */
static void
test_status(void)
{
	static const struct {
		const char *name, *want;
	} rows[] = { { "NoNewPrivs", "1" },
		     { "Seccomp", "2" },
		     { "CapPrm", "0000000000000000" },
		     { "CapEff", "0000000000000000" },
		     { "CapBnd", "0000000000000000" },
		     { "cgroups not root", "0" },
		     { "core", "0 0" },
		     { "signals", "1024 1024" },
		     { "queue bytes", "131072 131072" },
		     { "nofile", "1024 1024" } };
	static const char *const empty[] = { "CapInh", "CapAmb" };

	for (size_t i = 0; i < NELEMS(rows); i++) {
		const char *freely = answer(control, "self", rows[i].name);

		check(freely != NULL && !same(freely, rows[i].want) &&
			      same(answer(inside[0], "self", rows[i].name), rows[i].want) &&
			      same(answer(inside[1], "self", rows[i].name), rows[i].want),
		      "%s: control %s, root %s, user %s", rows[i].name, or_none(freely),
		      or_none(answer(inside[0], "self", rows[i].name)),
		      or_none(answer(inside[1], "self", rows[i].name)));
	}
	for (size_t i = 0; i < NELEMS(empty); i++)
		check(same(answer(inside[0], "self", empty[i]), "0000000000000000") &&
			      same(answer(inside[1], "self", empty[i]), "0000000000000000"),
		      "%s is empty", empty[i]);
}

static void
test_ranges(void)
{
	static const char *const maps[] = { "uid_map", "gid_map" };

	for (size_t i = 0; i < NELEMS(maps); i++)
		for (uint16_t slot = 0; slot < 2; slot++) {
			const char *want = arena_printf(&kit_arena, "0 %u 65536",
							kit_config.uid_base + slot * 65536u);

			check(same(answer(inside[slot], "self", maps[i]), want),
			      "%s of lease %u is its own: %s", maps[i], slot, want);
		}
	check(same(answer(control, "self", "uid_map"), "0 0 4294967295"),
	      "without walls ids are the host's");
	for (uint16_t slot = 0; slot < 2; slot++) {
		check(answer_number(inside[slot], "self", "processes") == 1,
		      "lease %u sees one process, itself", slot);
		check(answer_number(inside[slot], "self", "highest pid") == 1, "which is 1");
	}
}

static void
test_mounts(void)
{
	static const struct {
		const char *point;
		const char *must[4];
	} rows[] = { { "/", { "nosuid", "nodev" } },
		     { "/proc", { "nosuid", "nodev", "noexec" } },
		     { "/proc/sys", { "proc ro," } },
		     { "/proc/irq", { "proc ro," } },
		     { "/tmp", { "nosuid", "nodev", "nr_inodes=", "size=" } },
		     { "/dev/shm", { "nosuid", "nodev", "nr_inodes=", "size=" } },
		     { "/dev", { "nosuid", "noexec", "nr_inodes=", "size=" } },
		     { "/dev/pts", { "nosuid", "noexec", "max=" } } };

	for (size_t i = 0; i < NELEMS(rows); i++) {
		const char *options = answer(inside[0], "mount", rows[i].point);

		for (size_t k = 0; k < NELEMS(rows[i].must) && rows[i].must[k] != NULL; k++)
			check(options != NULL && strstr(options, rows[i].must[k]) != NULL,
			      "%s is mounted %s", rows[i].point, rows[i].must[k]);
	}
	check(strncmp(or_none(answer(control, "self", "files of /sys")), "sysfs", 5) == 0 &&
		      strncmp(or_none(answer(inside[0], "self", "files of /sys")), "overlay", 7) ==
			      0,
	      "there is no sysfs: /sys is an empty directory of the image's");
	check(strstr(inside[0], "mount|/sys|") == NULL && strstr(inside[0], "cgroup") != NULL &&
		      strstr(inside[0], " cgroup") == NULL,
	      "and no cgroup file system");
}

/* The same program as /bin/rooted belongs to root and has the bit. */
static void
test_setuid(void)
{
	const char *const args[] = { "/bin/rooted", "self", NULL };
	const struct lease_want user = { .uid = 1000 };
	const char *freely = control_said(args, 1000), *said;

	check(same(answer(freely, "self", "euid"), "0"), "a setuid program without walls: euid %s",
	      or_none(answer(freely, "self", "euid")));
	if (!lease_run(2, args, &user))
		return;
	said = lease_said(2, "end|self|ok");
	check(same(answer(said, "self", "euid"), "1000"), "a setuid program inside: euid %s",
	      or_none(answer(said, "self", "euid")));
	check(lease_destroy(2) && !lease_left(2), "the lease goes");
}

void
test_paths(void)
{
	test_files();
	test_devices();
	if (gather("self")) {
		test_status();
		test_ranges();
		test_mounts();
		part_end();
	}
	test_setuid();
}
