/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - questions to registries, asked by skopeo. Runs in the agent,
 * without root. The only door to skopeo.
 *
 *	registry_inspect()  the manifest a reference means, as the registry has it
 *	registry_copy()     an image, blobs to the shared store, index to a directory
 *
 * Each starts a child in a step; the next step reads proc after registry_check().
 * Credentials travel in a file that only the agent may read and that goes with
 * the call: never on a command line, never to another host than theirs. skopeo
 * has no network but a gate (gate.h).
 */
#ifndef GAVEL_REGISTRY_H
#define GAVEL_REGISTRY_H

#include "deploy/manifest.h"
#include "lib/proc.h"
#include "provider/agent.h"
#include "provider/image/gate.h"

extern const struct code IMAGE_NOT_FOUND;
extern const struct code IMAGE_UNAUTHORIZED; /* no or wrong credentials */
extern const struct code REGISTRY_REFUSED;   /* an address nobody but we can reach */
extern const struct code IMAGE_REFUSED;	     /* not a reference, or skopeo says no */

#define REGISTRY_TAG "image" /* of the one image in a copied index */

struct registry_call {
	struct agent *agent;   /* borrowed */
	const char *reference; /* for skopeo: [host/]name:tag or [host/]name@sha256:... */
	const char *host, *user, *password; /* credentials, or NULL */
	struct gate gate;
	uint64_t file_max; /* bytes; 0: no limit */
	struct proc proc;
	const char *auth; /* path of the credentials' file, or NULL */
};

/* user and password are of the service; host NULL: the reference's own. */
void registry_begin(struct registry_call *c, struct agent *g, const struct service *s);
enum next registry_inspect(struct task *t, struct registry_call *c);
/* file_max: what the largest blob may weigh; a registry that goes on sending is
 * cut off there. */
enum next
registry_copy(struct task *t, struct registry_call *c, const char *layout, uint64_t file_max);
/* Reads the answer and removes the credentials' file. */
int registry_check(struct registry_call *c, struct err *e) mustcheck;

/* "name:tag" -> "name@sha256:<digest>" */
const char *
reference_pin(struct arena *a, const char *reference, const struct hash *digest) mustcheck;
/* The digest in a reference; false: it has none. */
bool reference_digest(const char *reference, struct hash *out);
/* What stands before the first slash if it looks like a host; "docker.io". */
const char *reference_host(struct arena *a, const char *reference) mustcheck;

#endif
