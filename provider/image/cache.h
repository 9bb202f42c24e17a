/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - images on this disk have a limit (setting image_cache): what was
 * used longest ago goes first, and never what runs, waits or is being fetched.
 *
 * The book has one row per blob, with the layer that was made of it; a row is
 * written before there is a tree and dropped after it is gone, so nothing on the
 * disk is forgotten.
 */
#ifndef GAVEL_CACHE_H
#define GAVEL_CACHE_H

#include "provider/image/image.h"

/* The image is used now: all of it is the last to go. */
int cache_use(const struct image *img, struct err *e) mustcheck;
/* Its layer i is a tree of so many bytes. */
int cache_unpacked(const struct image *img, size_t i, uint64_t bytes, struct err *e) mustcheck;
/* Start a task that brings the store below its limit, if it is above. */
void cache_trim(struct agent *g);
/* Enter blobs that nobody has: of a fetch that failed, or of a killed agent. */
void cache_scan(struct agent *g);

#endif
