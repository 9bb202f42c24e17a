/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - the file tree of a workload: unpacked layers shared by all, a
 * disk of its own over them. Runs as root; knows paths and numbers, nothing of
 * images or containers.
 *
 *	lower    the layers, read-only, their owners shifted from the images' id
 *	         range to the lease's (one idmapped mount: no copy, no chown)
 *	disk     an ext4 file system of fixed size in a preallocated file on a
 *	         loop device; where none is to be had, and the settings accept
 *	         that, a tmpfs of that size, which counts against the workload's
 *	         memory
 *	merged   overlayfs of all, nosuid and nodev; its notes are user.overlay.*
 *	         attributes, which neither images nor workloads can write
 *
 * Before anything is mounted inside `merged`, dev etc proc run sys tmp are made
 * as real, empty directories in the fresh upper layer: whatever the image has
 * under those names, symbolic links to the host above all, is out of sight.
 */
#ifndef GAVEL_MOUNTS_H
#define GAVEL_MOUNTS_H

#include "lib/arena.h"

extern const struct code DISK_FULL;    /* the host has no room for the disk */
extern const struct code DISK_NONE;    /* no loop device, and memory will not do */
extern const struct code MOUNT_UNSAFE; /* a mount point is not a real directory */

enum disk_kind { DISK_LOOP = 1, DISK_TMPFS = 2 };

#define DISK_BYTES_MIN (UINT64_C(1) << 20)

/* Make dir/disk.img and mount it on dir/disk, with disk/upper (owned by host_id)
 * and disk/work. dir exists. ram_too: a tmpfs will do. */
int disk_mount(const char *dir, uint64_t bytes, uint32_t host_id, bool ram_too,
	       enum disk_kind *kind, struct err *e) mustcheck;
/* Bytes in use on dir/disk; 0 when it is not mounted. */
uint64_t disk_used(const char *dir);

/* Write a file into the upper layer, below etc, owned by host_id. */
int upper_file(const char *dir, const char *name, const char *text, uint32_t host_id,
	       struct err *e) mustcheck;

/* A file of `bytes`, all of it allocated, with an ext4 file system of exactly
 * that size whose root belongs to owner; with a journal when it is to outlive a
 * crash. */
int disk_image_make(const char *path, uint64_t bytes, uint32_t owner, bool journal,
		    struct err *e) mustcheck;
/* Mount such a file on the directory `to`, nosuid, nodev; the loop device frees
 * itself when it is unmounted. */
int disk_image_mount(const char *path, const char *to, struct err *e) mustcheck;
/* Memory of that size, counted against whoever writes it, on `to` (made). */
int
ram_mount(const char *to, uint64_t bytes, uint32_t owner, uint32_t group, struct err *e) mustcheck;

/* Mount the tree or file `from` on `to` (made), nosuid, nodev. */
int bound_mount(const char *from, const char *to, bool readonly, struct err *e) mustcheck;

/* Mount the tree `from`, read-only, on the directory `to` (made), as if what
 * belongs to from_id and the ids after it belonged to to_id and those after. */
int shifted_mount(const char *from, const char *to, uint32_t from_id, uint32_t to_id,
		  uint32_t count, struct err *e) mustcheck;

/* The same, writable unless readonly. */
int volume_mount(const char *from, const char *to, uint32_t from_id, uint32_t to_id, uint32_t count,
		 bool readonly, struct err *e) mustcheck;

/* Mount the directory `layers`, whose files belong to ids from image_id on, on
 * dir/lower as if they belonged to ids from host_id on. */
int lower_mount(const char *dir, const char *layers, uint32_t image_id, uint32_t host_id,
		struct err *e) mustcheck;
/* Layers of dir/lower, by name, topmost first, NULL-ended, and dir/disk ->
 * dir/merged; then every point (NULL-ended list of paths below the root) must be
 * a real directory. */
int merged_mount(const char *dir, const char *const *layers, const char *const *points,
		 struct err *e) mustcheck;

/* Make `path` (absolute, plain) in dir/merged a directory, or a file when
 * `file`, to mount on: every component that is there must be a real directory,
 * and the others are made, owned by host_id. */
int
point_make(const char *dir, const char *path, uint32_t host_id, bool file, struct err *e) mustcheck;

/* Keep the network namespace of the process at dir/netns, so that its wire and
 * the meters on it outlive the process. */
int netns_keep(const char *dir, int32_t pid, struct err *e) mustcheck;

/* Unmount everything at or below dir, free its loop devices. */
int mounts_undo(const char *dir, struct err *e) mustcheck;
/* Whether anything is mounted there, or a loop device is backed from there. */
bool mounts_left(const char *dir);

/* Remove the directory and all below it; never crosses into another file
 * system, never follows a link. Missing is fine. */
int tree_remove(const char *dir, struct err *e) mustcheck;

#endif
