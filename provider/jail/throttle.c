/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/throttle.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool
line_read(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	bool found;

	if (f == NULL)
		return false;
	found = fgets(out, (int)size, f) != NULL;
	fclose(f);
	return found;
}

bool
throttle_possible(const char *root)
{
	char path[300], text[256], *word, *rest;

	snprintf(path, sizeof(path), "%s/blkio/blkio.throttle.read_bps_device", root);
	if (access(path, F_OK) == 0)
		return true;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	if (!line_read(path, text, sizeof(text)))
		return false;
	for (word = strtok_r(text, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest))
		if (strcmp(word, "io") == 0)
			return true;
	return false;
}

bool
throttle_whole(const char *sys, unsigned major, unsigned minor, struct bundle_disk *out)
{
	char path[300], text[64];

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", sys, major, minor);
	if (major == 0 || access(path, F_OK) != 0)
		return false;
	*out = (struct bundle_disk){ major, minor };
	snprintf(path, sizeof(path), "%s/dev/block/%u:%u/partition", sys, major, minor);
	if (access(path, F_OK) != 0)
		return true;
	/* The entry is a link into the tree of devices: its parent is the disk. */
	snprintf(path, sizeof(path), "%s/dev/block/%u:%u/../dev", sys, major, minor);
	return line_read(path, text, sizeof(text)) &&
	       sscanf(text, "%u:%u", &out->major, &out->minor) == 2;
}

size_t
throttle_disks(const char *sys, const char *dir, struct bundle_disk *out)
{
	/* mount-N: volumes, see volumes.h. */
	static const char *const below[] = { "",	 "/disk",    "/mount-0",
					     "/mount-1", "/mount-2", "/mount-3" };
	size_t count = 0;

	for (size_t i = 0; i < NELEMS(below); i++) {
		struct bundle_disk disk;
		struct stat st;
		char path[300];
		bool known = false;

		snprintf(path, sizeof(path), "%s%s", dir, below[i]);
		if (stat(path, &st) != 0 ||
		    !throttle_whole(sys, major(st.st_dev), minor(st.st_dev), &disk))
			continue;
		for (size_t k = 0; k < count; k++)
			known = known || (out[k].major == disk.major && out[k].minor == disk.minor);
		if (!known)
			out[count++] = disk;
	}
	return count;
}
