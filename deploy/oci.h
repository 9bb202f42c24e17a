/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci.h - reading an OCI image layout (image-spec 1.0) and making a process of
 * an image's defaults and a service's wishes. Pure: texts in, structs out; who
 * reads the files, and whence, is not its business.
 *
 * Everything here was written by a stranger. Unknown members are ignored (the
 * format grows); known ones must have their form.
 *
 *	oci_index()    index.json       -> where the manifest is
 *	oci_choose()   an index of platforms -> the manifest for this machine
 *	oci_manifest() the manifest     -> where config and layers are, what they weigh
 *	oci_config()   the image config -> struct image_config
 *	oci_process()  image_config + struct service -> argv, env, cwd
 *	oci_user()     "name[:group]" + the image's passwd and group files -> ids
 */
#ifndef GAVEL_OCI_H
#define GAVEL_OCI_H

#include "deploy/bundle.h"
#include "deploy/manifest.h"

extern const struct code OCI_BAD;
extern const struct code OCI_TOO_BIG;
extern const struct code OCI_PLATFORM; /* nothing for this kind of machine */

#define OCI_LAYERS_MAX 127u
#define OCI_TEXT_MAX   JSON_BYTES_MAX

/* A blob: blobs/sha256/<hex of digest>. */
struct oci_blob {
	struct hash digest;
	uint64_t size;
};

struct oci_manifest {
	struct oci_blob config;
	size_t layer_count;
	uint64_t layer_bytes;			/* compressed, all layers */
	struct oci_blob layers[OCI_LAYERS_MAX]; /* from the lowest up */
};

struct image_config {
	struct json_strs entrypoint, cmd, env; /* NAME=value */
	const char *user;		       /* as written, or "" */
	const char *workdir;		       /* absolute; "/" when not set */
	size_t diff_count;
	struct hash diffs[OCI_LAYERS_MAX]; /* SHA-256 of each layer's archive, unpacked */
};

/* "sha256:<64 hex>" */
int oci_digest_read(const char *text, struct hash *out, struct err *e) mustcheck;

/* The one manifest of a layout, or the one named `tag` by its ref annotation. */
int oci_index(struct arena *a, const char *text, size_t len, const char *tag,
	      struct oci_blob *manifest, struct err *e) mustcheck;
/* What a registry gave for a reference. 1: an index of platforms, *manifest is
 * the one of linux/amd64 (code image_platform when there is none); 0: a manifest
 * itself; -1: neither. Docker's schema 2 and OCI alike; schema 1 is refused. */
int oci_choose(struct arena *a, const char *text, size_t len, struct oci_blob *manifest,
	       struct err *e) mustcheck;
/* Refuses layers that lie elsewhere (URLs) and those that are no tar archive. */
int oci_manifest(struct arena *a, const char *text, size_t len, struct oci_manifest *out,
		 struct err *e) mustcheck;
/* Refuses another architecture than amd64 and another system than linux. */
int oci_config(struct arena *a, const char *text, size_t len, struct image_config *out,
	       struct err *e) mustcheck;

/* The service's command replaces entrypoint and cmd, its args replace cmd (the
 * rule of Kubernetes); its variables go over the image's of the same name. PATH
 * is added when nobody sets it. Fills args, env and cwd; strings are borrowed
 * from both, arrays are the arena's. */
int oci_process(struct arena *a, const struct image_config *image, const struct service *service,
		struct bundle_process *out, struct err *e) mustcheck;

/* `user` as the image wrote it: "", "uid", "uid:gid", "name", "name:group".
 * passwd and group are the image's files, NULL when it has none; needed only
 * for names, and to find the group of a uid. */
int oci_user(const char *user, const char *passwd, const char *group, uint32_t *uid, uint32_t *gid,
	     struct err *e) mustcheck;

#endif
