/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - an image of a registry onto this machine's disk: skopeo fetches it
 * into an OCI layout named by its digest; the jail unpacks it. Runs in the
 * agent, without root. The only door to skopeo.
 *
 *	image_begin(&img, agent, reference)
 *	steps: image_resolve, image_resolved, image_fetched    (see runner.c)
 *
 * What a reference meant is remembered by the digest that the registry gave, so
 * a tag costs one question and a known image no download.
 */
#ifndef GAVEL_IMAGE_H
#define GAVEL_IMAGE_H

#include "deploy/oci.h"
#include "lib/proc.h"
#include "provider/agent.h"

extern const struct code IMAGE_NOT_FOUND, IMAGE_REFUSED;

struct image {
	struct agent *agent;   /* borrowed */
	const char *reference; /* as the manifest says */
	const char *user, *password;
	struct hash source; /* digest of the manifest in the registry */
	struct hash digest; /* of the OCI manifest on disk: names the tree */
	struct image_config config;
	struct proc proc;
	const char *dir; /* the layout */
	bool present;
};

void image_begin(struct image *img, struct agent *g, const char *reference);
/* Ask the registry what the reference means. */
enum next image_resolve(struct task *t, struct image *img);
/* Then: start fetching, or go on at once when it is on disk. */
enum next image_fetch(struct task *t, struct image *img);
/* Then: read what it is. */
int image_read(struct arena *a, struct image *img, struct err *e) mustcheck;
/* uid and gid of the image's user, names looked up in its unpacked tree. */
int image_user(struct arena *a, const struct image *img, uint32_t *uid, uint32_t *gid,
	       struct err *e) mustcheck;

#endif
