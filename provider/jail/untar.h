/* SPDX-License-Identifier: Apache-2.0 */
/*
 * untar.h - one layer of an image, read by libarchive, becomes a tree of files
 * as overlayfs wants it. Runs inside the sandbox that unpack.c makes, with the
 * tree as its root directory; knows nothing of images, paths outside or roots.
 * The only door to libarchive.
 *
 * While it reads, it hashes: the blob must be what its digest says, and the
 * archive in it what the image's config says (its diff id).
 *
 *	.wh.NAME        a whiteout of NAME: a device 0/0
 *	.wh..wh..opq    the directory hides those below: user.overlay.opaque
 *
 * Both are applied last, so the order of entries does not matter. Device nodes
 * and sockets are left out, of extended attributes only user.* is kept, and not
 * user.overlay.*: a layer cannot forge what the line above makes.
 */
#ifndef GAVEL_UNTAR_H
#define GAVEL_UNTAR_H

#include "lib/bytes.h"

extern const struct code IMAGE_UNPACK;	/* not an archive we take */
extern const struct code IMAGE_TOO_BIG; /* a limit was passed */
extern const struct code IMAGE_DIGEST;	/* other bytes than the digest says */

#define UNTAR_DEPTH_MAX 128u  /* components of a path */
#define UNTAR_PATH_MAX	3000u /* bytes of a path */

struct untar {
	int blob; /* at its beginning */
	struct hash digest, diff;
	uint64_t size;	    /* of the blob, as declared */
	uint64_t bytes_max; /* uncompressed; holes count */
	uint64_t entries_max;
};

/* Into the current directory. bytes: the sum of file sizes. */
int untar(const struct untar *u, uint64_t *bytes, struct err *e) mustcheck;

#endif
