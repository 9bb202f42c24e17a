/* SPDX-License-Identifier: Apache-2.0 */
/* A disk without what it takes to make one: no mke2fs. Mounts nothing. */
#include "provider/jail/mounts.h"

#include <unistd.h>

#include "tests/unit/tap.h"

int
main(void)
{
	char dir[] = "/tmp/gavel-mounts-XXXXXX", path[64];
	enum disk_kind kind = 0;
	struct err e = ERR_NONE;

	if (geteuid() != 0) {
		ok(true, "no memory instead of a disk # SKIP needs root");
		return tap_done();
	}
	if (mkdtemp(dir) == NULL || setenv("PATH", "/nonexistent", 1) != 0)
		fatal("mkdtemp");
	ok(disk_mount(dir, DISK_BYTES_MIN, 0, false, &kind, &e) < 0 && e.code == &DISK_NONE,
	   "memory is not taken for a disk: %s", e.text);
	ok(kind != DISK_TMPFS && !mounts_left(dir), "nothing is mounted");
	snprintf(path, sizeof(path), "%s/disk.img", dir);
	ok(access(path, F_OK) != 0, "and no file is left");
	snprintf(path, sizeof(path), "%s/disk", dir);
	if (rmdir(path) != 0 || rmdir(dir) != 0)
		printf("# %s stays\n", dir);
	return tap_done();
}
