/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - an OCI layout on the disk into a jail's store, for tests that drive
 * a jail of their own: the blobs as the agent would have fetched them.
 */
#ifndef GAVEL_TESTS_LAYOUT_H
#define GAVEL_TESTS_LAYOUT_H

#include "deploy/oci.h"
#include "provider/jail/jail.h"

struct layout {
	struct jail_layer layers[LAYERS_MAX];
	uint32_t count;
};

/* Copy the blobs of the image tagged "image" and say which layers it has. Ends
 * the test when it cannot. */
void
layout_import(struct arena *a, const struct jail_config *c, const char *dir, struct layout *out);
/* Have the jail at `fd` unpack all of them. */
int layout_unpack(struct arena *a, int fd, const struct layout *l, struct err *e) mustcheck;
/* Name them in the call. */
void layout_use(const struct layout *l, struct jail_create *call);

#endif
