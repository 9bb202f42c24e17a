/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - an image of a registry onto this machine's disk: resolved once, its
 * blobs fetched into the shared store, its layers handed to the jail. Runs in
 * the agent, without root.
 *
 *	image_begin(&img, agent, lease, service, pin)
 *	steps: image_resolve, image_choose, image_fetch     (see runner.c)
 *	image_read, then image_layer for each layer, image_user
 *
 * `source` is the digest of the manifest for this machine in the registry. Once
 * it is known (the pin of a lease) and the image is on disk, no registry is
 * asked: what a tag means today does not matter to a lease that runs. But what
 * was fetched with credentials is used by another lease only after the registry
 * has given its manifest to that lease, with its own credentials or none.
 */
#ifndef GAVEL_IMAGE_H
#define GAVEL_IMAGE_H

#include "deploy/oci.h"
#include "provider/image/registry.h"

/* A fetch under way, for who looks: in the agent's list from its first byte to
 * the end of its task. */
struct pull {
	struct pull *next;
	struct agent *agent;
	struct hash lease;
	char *reference, *dir;
	struct oci_manifest manifest;
};

struct image {
	struct agent *agent;
	struct hash lease;
	const char *reference; /* as the tenant wrote it */
	struct registry_call registry;
	struct hash source;
	bool known;	    /* source is */
	bool present;	    /* on disk, and read */
	bool asked;	    /* the registry told what source is */
	struct hash digest; /* of the OCI manifest in the store */
	struct oci_manifest manifest;
	struct image_config config;
	uint64_t unpacked_bytes; /* of its layers so far */
	struct pull *pull;	 /* owned by the task */
};

/* pin NULL: the reference has to be resolved. */
void image_begin(struct image *img, struct agent *g, const struct hash *lease,
		 const struct service *s, const struct hash *pin);
/* Ask the registry what the reference means, unless it is known and here. */
enum next image_resolve(struct task *t, struct image *img);
/* Then: of several platforms choose ours. */
enum next image_choose(struct task *t, struct image *img);
/* Then source is known. Start fetching, or go on at once when it is on disk. */
enum next image_fetch(struct task *t, struct image *img);
/* Then: read what it is. */
int image_read(struct arena *a, struct image *img, struct err *e) mustcheck;
/* The image of this source from the disk; -1 when it is not here, or not whole. */
int image_load(struct arena *a, struct image *img, struct err *e) mustcheck;

/* Call i for UNPACK; and its answer. */
void image_layer(const struct image *img, size_t i, struct jail_layer *out);
int image_unpacked(struct image *img, size_t i, uint64_t bytes, struct err *e) mustcheck;
/* The diff ids as a mount wants them: each once, where it is topmost. */
uint32_t image_layers(const struct image *img, struct hash out[static LAYERS_MAX]);
/* uid and gid of the image's user, names looked up in its unpacked layers. */
int image_user(struct arena *a, const struct image *img, uint32_t *uid, uint32_t *gid,
	       struct err *e) mustcheck;

/* Bytes here of bytes in all. */
void pull_progress(const struct pull *p, uint64_t *bytes, uint64_t *total);
/* What a killed agent left of its fetches. */
void image_start(struct agent *g);

#endif
