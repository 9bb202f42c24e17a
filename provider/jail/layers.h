/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers.h - where the parts of images are on the disk, for the agent that
 * fetches and for the jail that unpacks; and one file seen through a stack of
 * layers without mounting it.
 *
 *	state_dir/blobs/sha256/<hex>	as fetched: layers, configs, manifests
 *	state_dir/layers/<name>/	a layer's tree; name: 24 digits of its diff
 *					id, short so that 127 fit into a mount
 *
 * Layers are listed from the lowest to the topmost, as images list them.
 */
#ifndef GAVEL_LAYERS_H
#define GAVEL_LAYERS_H

#include "lib/bytes.h"

#define LAYERS_MAX	127u
#define LAYER_NAME_SIZE 25

const char *layer_name(const struct hash *diff, char out[static LAYER_NAME_SIZE]);
const char *layer_dir(struct arena *a, const char *state_dir, const struct hash *diff) mustcheck;
const char *blob_path(struct arena *a, const char *state_dir, const struct hash *digest) mustcheck;
bool layer_is_here(const char *state_dir, const struct hash *diff);

/* Whether the layer's root directory hides all below it. */
bool layer_is_opaque(const char *dir);

/* The regular file `path` (relative) as a workload would find it: whiteouts and
 * opaque directories honoured, links followed within the stack. At most max
 * bytes, NUL-ended; NULL when there is none that may be read. */
const char *layers_file(struct arena *a, const char *state_dir, const struct hash *layers,
			size_t count, const char *path, size_t max) mustcheck;

#endif
