/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack.h - an OCI image layout becomes a tree of files.
 *
 * A stranger's archive, read by a program we did not write: umoci runs in a user
 * namespace whose ids are a range of their own, without a network, in a root
 * that holds /usr (read-only), the layout (read-only) and the empty target;
 * bytes, entries, file size and time are limited. What it makes appears under
 * its final name by one rename, or not at all.
 */
#ifndef GAVEL_UNPACK_H
#define GAVEL_UNPACK_H

#include "lib/arena.h"

extern const struct code IMAGE_UNPACK;	/* umoci refused */
extern const struct code IMAGE_TOO_BIG; /* a limit was passed */

#define UNPACK_TAG "image"

struct unpack {
	const char *layout; /* OCI layout with the one image tagged UNPACK_TAG */
	const char *work;   /* scratch directory on the target's file system; made and removed */
	const char *target; /* appears */
	uint32_t layout_id; /* owner of the layout, which need not be readable by others */
	uint32_t id;	    /* owner of the tree: first of the image's 65536 ids */
	uint64_t bytes_max;
	uint64_t entries_max;
	int64_t timeout_us;
};

/* Blocks. A target that exists is success at once. */
int unpack_run(const struct unpack *u, struct err *e) mustcheck;

#endif
