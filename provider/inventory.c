/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/inventory.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "provider/jail/quota.h"

/* ------------------------------------------------------------------ */
/* CPUs and memory.                                                    */

static uint32_t
cpus(void)
{
	cpu_set_t set;

	/* Those that we may run on: fewer than there are, in a container. */
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	return (uint32_t)CPU_COUNT(&set);
}

static uint64_t
memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* ------------------------------------------------------------------ */
/* Disks.                                                              */

/* The directory, or the nearest one above it that exists. */
static const char *
existing(struct arena *a, const char *dir)
{
	char *path = arena_strdup(a, dir), *slash;

	while (access(path, F_OK) != 0 && (slash = strrchr(path, '/')) != NULL)
		*(slash == path ? slash + 1 : slash) = '\0';
	return path;
}

/* What disk images, and directories with a quota, one level below dir occupy. */
static uint64_t
images(struct arena *a, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	uint64_t sum = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		uint64_t limit, used;
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if (lstat(arena_printf(a, "%s/%s/disk.img", dir, entry->d_name), &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
		else if (quota_read(arena_printf(a, "%s/%s/data", dir, entry->d_name), &limit,
				    &used))
			sum += used;
	}
	if (d != NULL)
		closedir(d);
	return sum;
}

static int
disk(struct arena *a, const struct provider_settings *s, uint64_t *out, struct err *e)
{
	const struct volume_class *c = s->volumes.items;
	const char *dir = existing(a, s->state_dir);
	struct statvfs fs;
	struct stat st, own;

	if (statvfs(dir, &fs) != 0 || stat(dir, &own) != 0)
		return err_errno(e, "look at %s", dir);
	*out = (uint64_t)fs.f_bavail * fs.f_frsize +
	       images(a, arena_printf(a, "%s/leases", s->state_dir)) +
	       images(a, arena_printf(a, "%s/volumes", s->state_dir));
	for (size_t i = 0; i < s->volumes.count; i++) {
		if (c[i].dir != NULL &&
		    (stat(existing(a, c[i].dir), &st) != 0 || st.st_dev != own.st_dev))
			continue;
		if (c[i].dir != NULL)
			*out += images(a, c[i].dir);
		*out -= MIN(c[i].bytes, *out);
	}
	return 0;
}

/* A class on a disk of its own must fit there. */
static int
class_check(struct arena *a, const struct provider_settings *s, const struct volume_class *c,
	    struct err *e)
{
	const char *dir = existing(a, c->dir != NULL ? c->dir : s->state_dir);
	struct statvfs fs;
	uint64_t have;

	if (statvfs(dir, &fs) != 0)
		return err_errno(e, "look at %s", dir);
	have = (uint64_t)fs.f_bavail * fs.f_frsize +
	       images(a, c->dir != NULL ? c->dir : arena_printf(a, "%s/volumes", s->state_dir));
	if (c->bytes <= have)
		return 0;
	return err_field(e, &CAPACITY_BAD, "/volumes",
			 "volumes: class %s is %llu bytes, but %s has %llu", c->class,
			 (unsigned long long)c->bytes, dir, (unsigned long long)have);
}

/* ------------------------------------------------------------------ */

int
inventory_read(struct arena *a, const struct provider_settings *s, struct inventory *out,
	       struct err *e)
{
	*out = (struct inventory){ .cpu_milli = cpus() * 1000,
				   .memory_bytes = memory(),
				   .endpoints = s->endpoint_port_count,
				   .gpus = (uint32_t)s->gpus.count };
	return disk(a, s, &out->storage_bytes, e);
}

static bool
is_left_out(const struct resources *c)
{
	return c->cpu_milli == 0 && c->memory_bytes == 0 && c->storage_bytes == 0;
}

int
inventory_settle(struct arena *a, struct provider_settings *s, struct inventory *inv, struct err *e)
{
	const struct volume_class *c = s->volumes.items;
	struct resources most;

	if (inventory_read(a, s, inv, e) < 0)
		return -1;
	for (size_t i = 0; i < s->volumes.count; i++)
		if (class_check(a, s, &c[i], e) < 0)
			return -1;
	most = capacity_of(inv, &s->reserve, &s->overcommit, &s->volumes);
	most.ips = s->capacity.ips; /* listed by name */
	if (is_left_out(&s->capacity)) {
		s->capacity = most;
		return 0;
	}
	if (s->capacity.persistent_bytes == 0)
		s->capacity.persistent_bytes = most.persistent_bytes;
	if (s->capacity.gpus == 0)
		s->capacity.gpus = most.gpus;
	return capacity_check(&s->capacity, &most, e);
}
