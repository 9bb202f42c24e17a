/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cdi.h - reading a specification of the Container Device Interface (0.3 to
 * 0.6): what a container needs to use a device, as its vendor's tool wrote it
 * down. Text in, structs out; who reads the files is not its business. Pure.
 *
 *	cdi_read()   the text, JSON or YAML  -> struct cdi_spec, checked
 *	cdi_device() "nvidia.com/gpu=0"      -> struct cdi_edits
 *
 * Nodes, mounts and variables are taken. Hooks are programs that the runtime
 * would start as root on the host, so a device that wants one is refused, and
 * the error names it. What this reader does not know is refused by name, not
 * ignored: it would be a part of the device that is missing.
 */
#ifndef GAVEL_CDI_H
#define GAVEL_CDI_H

#include "lib/json.h"

extern const struct code CDI_BAD;

#define CDI_DEVICES_MAX 256u
#define CDI_EDITS_MAX	128u /* nodes, mounts or variables of a device */

struct cdi_node {
	const char *path;     /* in the container, below /dev */
	const char *hostPath; /* NULL: the same */
	const char *type, *permissions;
	uint32_t major, minor, fileMode, uid, gid; /* not used: the node itself says */
};

struct cdi_mount {
	const char *hostPath, *containerPath;
	const char *type;
	struct json_strs options; /* not used: always read-only, nosuid, nodev */
};

struct cdi_hook {
	const char *hookName, *path;
	struct json_strs args, env;
	uint32_t timeout;
};

struct cdi_edits {
	struct json_strs env;	      /* NAME=value */
	struct json_list deviceNodes; /* of struct cdi_node */
	struct json_list mounts;      /* of struct cdi_mount */
	struct json_list hooks;	      /* of struct cdi_hook; none after cdi_device() */
};

struct cdi_device {
	const char *name;
	struct json *annotations;
	struct cdi_edits containerEdits;
};

struct cdi_spec {
	const char *cdiVersion;
	const char *kind; /* "nvidia.com/gpu" */
	struct json *annotations;
	struct json_list devices;	 /* of struct cdi_device */
	struct cdi_edits containerEdits; /* of every device */
};

/* `name` stands for the file in errors. */
int cdi_read(struct arena *a, const char *name, const char *text, size_t len, struct cdi_spec *out,
	     struct err *e) mustcheck;
/* 1: found, *out has the edits of the specification and of the device; 0: it is
 * not in this one; -1: CDI_BAD. */
int cdi_device(struct arena *a, const struct cdi_spec *spec, const char *device,
	       struct cdi_edits *out, struct err *e) mustcheck;
/* NULL, or what is wrong with a name like "nvidia.com/gpu=0". */
const char *cdi_name_fault(const char *device) mustcheck;

#endif
