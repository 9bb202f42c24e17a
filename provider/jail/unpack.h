/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack.h - one layer of an image becomes a tree of files, once, for all.
 *
 * A stranger's archive, read in a sandbox: a child in namespaces of its own,
 * without a network, whose ids are a range that nothing else uses, whose root
 * directory is the empty target and whose only open file is the blob; bytes,
 * entries, file size, memory and time are limited. What happens inside is
 * untar.h. The tree appears under its final name by one rename, or not at all.
 */
#ifndef GAVEL_UNPACK_H
#define GAVEL_UNPACK_H

#include "provider/jail/untar.h"

struct unpack {
	const char *blob; /* path; a regular file of `size` bytes */
	struct hash digest, diff;
	uint64_t size;
	const char *work;   /* scratch directory on the target's file system; made and removed */
	const char *target; /* appears */
	uint32_t id;	    /* owner of the tree: first of the image's 65536 ids */
	uint64_t bytes_max;
	uint64_t entries_max;
	int64_t timeout_us;
};

/* Blocks. bytes: what the files of the tree weigh. */
int unpack_run(const struct unpack *u, uint64_t *bytes, struct err *e) mustcheck;

#endif
