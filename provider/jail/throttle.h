/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.h - which block devices a workload's reading and writing ends up on,
 * and whether this host can slow it down there. Looks at /sys and at device
 * numbers of directories; changes nothing.
 *
 * A workload writes to the loop device under its disk, and reads its image from
 * the device of the state directory. What has no device of its own (tmpfs,
 * btrfs, overlay) is left out: there is nothing to name.
 */
#ifndef GAVEL_THROTTLE_H
#define GAVEL_THROTTLE_H

#include "deploy/bundle.h"

/* Whether the host's cgroups (at `root`, normally /sys/fs/cgroup) have it: blkio
 * on v1, io on v2. */
bool throttle_possible(const char *root);
/* Devices of dir, of dir/disk and of its volumes, each once, whole disks for partitions: the
 * kernel takes no partition. How many. `sys`: normally /sys. */
size_t throttle_disks(const char *sys, const char *dir, struct bundle_disk *out);
/* For one number; false: not a block device. Pure but for reading below `sys`. */
bool throttle_whole(const char *sys, unsigned major, unsigned minor, struct bundle_disk *out);

#endif
